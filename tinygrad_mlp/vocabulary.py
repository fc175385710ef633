"""What other libraries, and earlier versions, call our arguments and names: one table.

``words`` looks here when something has gone wrong, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["TABLE", "Words", "nearest_word", "our_word"]


@dataclass(frozen=True, slots=True)
class Words:
    """One of our words, and what it is called elsewhere.

    Attributes:
        ours: our word; empty where there is none, and the remark says what to do.
        theirs: the others, with spaces between them.
        written: makes the corrected arguments of the value that was given; ``ours=value`` unless
            there is one.
        remark: what a person has to know beside the word.
        named: what a message calls ours; ``ours`` unless there is something.
    """

    ours: str
    theirs: str
    written: Callable[[Any], str] | None = None
    remark: str = ""
    named: str = ""


def both_betas(betas: Any) -> str:
    """``betas=(0.9, 0.99)`` in two arguments.

    >>> both_betas((0.9, 0.99))
    'beta1=0.9, beta2=0.99'
    """
    pair = betas if isinstance(betas, tuple | list) and len(betas) == 2 else (0.9, 0.999)
    return f"beta1={pair[0]!r}, beta2={pair[1]!r}"


def log_every_of(verbose: Any) -> str:
    """``verbose=0`` or 1 as ``log_every``.

    >>> log_every_of(0), log_every_of(True)
    ('log_every=None', 'log_every=1')
    """
    return "log_every=1" if verbose else "log_every=None"


def activation_of(nonlin: Any) -> str:
    """``nonlin=True`` as an activation: relu, or none.

    >>> activation_of(True), activation_of(False)
    ("activation='relu'", 'activation=None')
    """
    return "activation='relu'" if nonlin else "activation=None"


def other_part(train_size: Any) -> str:
    """The other part of a share.

    >>> other_part(0.8)
    'test_size=0.2'
    """
    is_share = isinstance(train_size, float) and 0.0 < train_size < 1.0
    return f"test_size={1.0 - train_size:.6g}" if is_share else "test_size=0.25"


def l2_of(weight_decay: Any) -> str:
    """The penalty l2 p^2 with the gradient weight_decay p.

    >>> l2_of(0.02)
    'l2=0.01'
    """
    return f"l2={weight_decay / 2:.6g}" if isinstance(weight_decay, float | int) else "l2=0.01"


def weight_decay_of(l2: Any) -> str:
    """The weight decay with the gradient of l2 p^2.

    >>> weight_decay_of(0.01)
    'weight_decay=0.02'
    """
    return f"weight_decay={2 * l2:.6g}" if isinstance(l2, float | int) else "weight_decay=0.01"


def optimizer_with(momentum: Any) -> str:
    """An optimizer for a momentum, which is a setting of its own.

    >>> optimizer_with(0.9)
    'optimizer=SGD(model.parameters(), learning_rate=0.1, momentum=0.9)'
    """
    number = momentum if type(momentum) is float else 0.9
    return f"optimizer=SGD(model.parameters(), learning_rate=0.1, momentum={number!r})"


def start_factor_of(div_factor: Any) -> str:
    """By what the learning rate of the start is divided, as a factor.

    >>> start_factor_of(25.0)
    'start_factor=0.04'
    """
    is_divisor = isinstance(div_factor, float | int) and div_factor > 0
    return f"start_factor={1.0 / div_factor:.6g}" if is_divisor else "start_factor=0.04"


def final_factor_of(final_div_factor: Any) -> str:
    """By what the learning rate of a start of 1/25 is divided at the end, as a factor.

    >>> final_factor_of(1e4)
    'final_factor=4e-06'
    """
    is_divisor = isinstance(final_div_factor, float | int) and final_div_factor > 0
    return f"final_factor={0.04 / final_div_factor:.6g}" if is_divisor else "final_factor=4e-06"


def early_stopping(value: Any) -> str:
    """``early_stopping=True`` as a callback.

    >>> early_stopping(True)
    'callbacks=[EarlyStopping()]'
    """
    return "callbacks=[EarlyStopping()]"


def early_stopping_after(patience: Any) -> str:
    """The patience of ``EarlyStopping`` as a callback.

    >>> early_stopping_after(5)
    'callbacks=[EarlyStopping(patience=5)]'
    """
    return f"callbacks=[EarlyStopping(patience={patience!r:.20})]"


def held_out(share: Any) -> str:
    """``validation_split=0.2`` as the data that it holds out.

    >>> held_out(0.2)
    'validation_data=(X_test, y_test)'
    """
    return "validation_data=(X_test, y_test)"


TABLE: Final = (
    # fit
    Words("epochs", "n_epochs num_epochs nb_epoch nb_epochs max_epochs epoch max_iter n_iter"),
    Words("epochs", "n_iters num_iter num_iterations iterations n_steps steps"),
    Words("batch_size", "batchsize minibatch_size mini_batch_size bs batch"),
    Words("loss", "loss_fn loss_function loss_func criterion objective cost"),
    Words("optimizer", "optim opt solver optimiser"),
    Words("optimizer", "momentum nesterov nesterovs_momentum", optimizer_with),
    Words(
        "l2",
        "alpha",
        remark="scikit-learn divides its alpha by twice the number of samples",
    ),
    Words("l2", "weight_decay wd", l2_of),
    Words("l2", "l2_penalty l2_reg l2_lambda reg lambd"),
    Words("l1", "l1_penalty l1_reg l1_lambda"),
    Words("schedule", "scheduler lr_scheduler lr_schedule learning_rate_schedule"),
    Words("clip_norm", "clipnorm global_clipnorm max_norm max_grad_norm grad_clip"),
    Words("clip_norm", "gradient_clip_val clip_grad_norm"),
    Words("clip_value", "clipvalue clip_grad_value"),
    Words("validation_data", "val_data valid_data validation val_set validation_set eval_set"),
    Words(
        "validation_data",
        "validation_split validation_fraction",
        held_out,
        "hold them out before: X, X_test, y, y_test = train_test_split(X, y, test_size=0.2)",
    ),
    Words("callbacks", "callback"),
    Words("callbacks", "early_stopping", early_stopping),
    Words("callbacks", "patience n_iter_no_change", early_stopping_after),
    Words("log_every", "verbose", log_every_of),
    Words("log_every", "print_every log_interval verbose_every"),
    Words("progress", "progress_bar pbar tqdm"),
    Words("model", "net network module"),
    Words("X", "x data inputs features X_train x_train"),
    Words("y", "Y t target targets labels y_train"),
    # optimizers and schedules
    Words("learning_rate", "lr eta alpha learning_rate_init init_lr initial_lr step_size"),
    Words("parameters", "params"),
    Words("beta1", "beta_1 b1"),
    Words("beta2", "beta_2 b2"),
    Words("beta1", "betas", both_betas, named="beta1 and beta2"),
    Words("epsilon", "eps"),
    Words("alpha", "rho beta decay_rate smoothing_constant"),
    Words("weight_decay", "wd decay weight_decay_rate"),
    Words("weight_decay", "l2", weight_decay_of),
    Words("n_epochs", "epochs T_max total_iters num_epochs warmup_epochs n_iter max_iter"),
    Words("n_epochs", "T_0 total_steps"),
    Words("multiplier", "T_mult t_mul"),
    Words("start_factor", "div_factor", start_factor_of),
    Words(
        "final_factor",
        "final_div_factor",
        final_factor_of,
        remark="a part of the learning rate, where final_div_factor divides that of the start",
    ),
    Words("function", "lr_lambda lambda_ func"),
    Words("", "max_lr", remark="the highest learning rate is that of the optimizer"),
    Words("gamma", "decay_rate decay factor"),
    Words("final_factor", "eta_min min_lr", remark="a part of the learning rate, from 0 to 1"),
    Words("final_factor", "alpha min_factor"),
    Words("minimum_factor", "min_lr", remark="a part of the learning rate, from 0 to 1"),
    Words("minimum_factor", "min_factor"),
    # networks
    Words("n_inputs", "nin n_in in_features input_size input_dim in_dim n_features inputs"),
    Words("n_outputs", "nout n_out out_features output_size output_dim out_dim units n_neurons"),
    Words(
        "layer_sizes",
        "hidden_layer_sizes hidden_sizes hidden_layers hidden",
        remark="the output layer is the last of layer_sizes",
    ),
    Words("layer_sizes", "nouts sizes layers layer_dims units"),
    Words("activation", "nonlin", activation_of),
    Words("activation", "activations act act_fn activation_fn activation_function nonlinearity"),
    Words("activation", "hidden_activation"),
    Words("output_activation", "final_activation last_activation out_activation"),
    Words("init", "initializer kernel_initializer weight_init weights_init init_method"),
    # randomness and data
    Words("rng", "random_state seed random_seed generator"),
    Words("test_size", "val_size valid_size validation_size"),
    Words("test_size", "train_size", other_part),
    Words("stratify", "stratified"),
    Words("n_folds", "n_splits k folds"),
    Words("n_samples", "n num_samples n_points size"),
    Words("centers", "centres n_centers n_clusters n_classes"),
    Words("spread", "cluster_std std sigma"),
    Words("noise", "std sigma noise_std"),
    Words("drop_last", "drop_remainder"),
    Words("target", "y label target_column"),
    Words("drop", "drop_columns exclude"),
    # callbacks, checks
    Words("patience", "n_iter_no_change"),
    Words("min_delta", "tol"),
    Words("restore_best", "restore_best_weights"),
    Words("best_only", "save_best_only"),
    Words("path", "filepath filename"),
    Words("every", "period save_freq"),
    Words("step", "eps h delta epsilon"),
    Words("relative", "rtol rel_tol"),
    Words("absolute", "atol abs_tol"),
    # what has no argument here
    Words("", "metrics", remark="a classification has history.accuracy without being asked"),
    Words(
        "", "return_X_y as_frame", remark="take X and y from it: iris = load_iris(); iris.X, iris.y"
    ),
    Words("", "device", remark="everything runs on the processor; leave it out"),
    # names in modules, those of earlier versions first
    Words("StandardScaler", "Standardiser Standardizer"),
    Words("INITIALIZERS", "INITIALISERS"),
    Words("Initializer", "Initialiser"),
    Words("initializer_named", "initialiser_named"),
    Words("initializer_for", "initialiser_for"),
    Words("Value", "Tensor Variable Scalar Parameter"),
    Words("Layer", "Linear Dense"),
    Words("MLP", "Sequential MLPClassifier MLPRegressor"),
    Words("mean_squared_error", "mse mse_loss MSELoss MeanSquaredError"),
    Words("mean_absolute_error", "mae l1_loss L1Loss MeanAbsoluteError"),
    Words("binary_cross_entropy", "bce BCELoss binary_crossentropy BinaryCrossentropy"),
    Words("binary_cross_entropy_with_logits", "bce_with_logits BCEWithLogitsLoss"),
    Words("categorical_cross_entropy", "cross_entropy CrossEntropyLoss"),
    Words("categorical_cross_entropy", "categorical_crossentropy CategoricalCrossentropy"),
    Words("RMSprop", "RMSProp"),
    Words("StepSchedule", "StepLR"),
    Words("ExponentialSchedule", "ExponentialLR"),
    Words("CosineSchedule", "CosineAnnealingLR CosineDecay"),
    Words("CosineRestartsSchedule", "CosineAnnealingWarmRestarts CosineDecayRestarts"),
    Words("MultiStepSchedule", "MultiStepLR"),
    Words("LambdaSchedule", "LambdaLR LearningRateScheduler"),
    Words("OneCycleSchedule", "OneCycleLR"),
    Words("PlateauSchedule", "ReduceLROnPlateau"),
    Words("clip_by_norm", "clip_grad_norm_ clip_grad_norm"),
    Words("clip_by_value", "clip_grad_value_ clip_grad_value"),
    Words("Checkpoint", "ModelCheckpoint"),
)
"""Our words and those of others. Of several rows for one word the first counts whose own word the
function or the module has."""


def our_word(word: str, known: Collection[str]) -> Words | None:
    """The row of the table for another word of one of the ``known`` ones.

    >>> our_word("eps", ["learning_rate", "epsilon"]).ours, our_word("eps", ["step"]).ours
    ('epsilon', 'step')
    """
    for row in TABLE:
        if (row.ours in known or not row.ours) and word in row.theirs.split():
            return row
    return None


def nearest_word(word: str, known: Collection[str]) -> Words | None:
    """The row for a word that is nearly one of the ``known`` ones, or nearly another word for it.

    >>> nearest_word("learningrate", ["learning_rate"]).ours, nearest_word("size", ["rng"])
    ('learning_rate', None)
    """
    from difflib import get_close_matches

    candidates = {name: Words(name, "") for name in known}
    for row in TABLE:
        if row.ours in known:
            candidates.update(dict.fromkeys(row.theirs.split(), row))
    close = get_close_matches(word.lower(), candidates, n=1, cutoff=0.7)
    return candidates[close[0]] if close else None
