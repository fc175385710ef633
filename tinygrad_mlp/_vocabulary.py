"""What other libraries, and earlier versions, call our arguments and names: one table.

``words`` looks here when something has gone wrong, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Final, TypeAlias

from tinygrad_mlp._text import literal

__all__ = ["TABLE", "Words", "nearest_word", "our_word"]

Given: TypeAlias = Mapping[str, Any]
"""The arguments of a call by their names: ours, or the word of the table where its row rewrites it;
what was called stands under the empty name."""

Texts: TypeAlias = dict[str, str] | None
"""Arguments in our words as Python text, an empty one for an argument to leave out; or None where
no call of ours means the same."""


@dataclass(frozen=True, slots=True)
class Words:
    """One of our words, and what it is called elsewhere.

    Attributes:
        ours: our word; empty where there is none, and the remark says what to do.
        theirs: the others, with spaces between them.
        written: makes the corrected arguments of the call; ``ours=value`` unless there is one.
        remark: what a person has to know beside the word.
        named: what a message calls ours; ``ours`` unless there is something.
        settles: our words for which it has looked at what was given.
        by_place: whether the arguments that a call needs are written without their names.
    """

    ours: str
    theirs: str
    written: Callable[[Given], Texts] | None = None
    remark: str = ""
    named: str = ""
    settles: str = ""
    by_place: bool = False


def another_meaning(given: Given) -> Texts:
    """None: the word is ours, but the value would mean something else.

    >>> another_meaning({"min_lr": 0.1})
    """
    return None


def both_betas(given: Given) -> Texts:
    """``betas=(0.9, 0.99)`` in two arguments.

    >>> both_betas({"betas": (0.9, 0.99)})
    {'beta1': '0.9', 'beta2': '0.99'}
    """
    betas = given["betas"]
    if not isinstance(betas, tuple | list) or not all(isinstance(beta, Real) for beta in betas):
        return None
    return (
        dict(zip(("beta1", "beta2"), map(literal, betas), strict=True)) if len(betas) == 2 else None
    )


def log_every_of(given: Given) -> Texts:
    """``verbose=0`` or 1 as ``log_every``.

    >>> log_every_of({"verbose": 0}), log_every_of({"verbose": True})
    ({'log_every': 'None'}, {'log_every': '1'})
    """
    return {"log_every": "1" if given["verbose"] else "None"}


def activation_of(given: Given) -> Texts:
    """``nonlin=True`` as an activation: relu, or none.

    >>> activation_of({"nonlin": True}), activation_of({"nonlin": False})
    ({'activation': "'relu'"}, {'activation': 'None'})
    """
    return {"activation": "'relu'" if given["nonlin"] else "None"}


def other_part(given: Given) -> Texts:
    """The other part of a share, or of the number of samples.

    >>> other_part({"train_size": 0.8}), other_part({"train_size": 16, "X": range(20)})
    ({'test_size': '0.2'}, {'test_size': '4'})
    """
    size = given["train_size"]
    if "test_size" in given:
        return None
    if isinstance(size, Integral):
        n_test = len(given["X"]) - int(size) if hasattr(given.get("X"), "__len__") else 0
        return {"test_size": str(n_test)} if n_test > 0 and int(size) > 0 else None
    is_share = isinstance(size, Real) and 0.0 < float(size) < 1.0
    return {"test_size": f"{1.0 - float(size):.12g}"} if is_share else None


def l2_of(given: Given) -> Texts:
    """The penalty l2 p^2 with the gradient weight_decay p; of AdamW it is a setting.

    >>> l2_of({"weight_decay": 0.02})
    {'l2': '0.01'}
    >>> l2_of({"weight_decay": 0.1, "optimizer": "adamw"})["optimizer"]
    'AdamW(model.parameters(), learning_rate=0.01, weight_decay=0.1)'
    """
    decay = _first(given, "weight_decay", "wd")
    if "l2" in given or not isinstance(decay, Real):
        return None
    if not _decays_apart(given):
        return {"l2": f"{float(decay) / 2:.12g}"}
    return optimizer_with(given)


def weight_decay_of(given: Given) -> Texts:
    """The weight decay with the gradient of l2 p^2; that of AdamW is no part of the gradient.

    >>> weight_decay_of({"l2": 0.01, "": "Adam"})
    {'weight_decay': '0.02'}
    """
    l2 = given["l2"]
    if not isinstance(l2, Real) or given[""] == "AdamW" or "weight_decay" in given:
        return None
    return {"weight_decay": f"{2 * float(l2):.12g}"}


MAKERS: Final = {"sgd": "SGD", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}
MAKERS_WITH_MOMENTUM: Final = ("sgd", "rmsprop")


def optimizer_with(given: Given) -> Texts:
    """An optimizer with the settings that are its own, and with the learning rate of the call.

    >>> optimizer_with({"momentum": 0.9, "learning_rate": 0.3})
    {'optimizer': 'SGD(model.parameters(), learning_rate=0.3, momentum=0.9)', 'learning_rate': ''}
    """
    name = given.get("optimizer", "sgd")
    kind = name.lower() if isinstance(name, str) else ""
    rate = given.get("learning_rate")
    rate = (0.1 if kind == "sgd" else 0.01) if rate is None else rate
    numbers = {"learning_rate": rate, "momentum": given.get("momentum", 0.0)}
    nesterov = _first(given, "nesterov", "nesterovs_momentum")
    if _decays_apart(given):
        numbers["weight_decay"] = _first(given, "weight_decay", "wd")
    if kind not in MAKERS or not all(isinstance(number, Real) for number in numbers.values()):
        return None
    if "momentum" in given and kind not in MAKERS_WITH_MOMENTUM:
        return None
    if nesterov is not None and (kind != "sgd" or (nesterov and not numbers["momentum"])):
        return None
    if "momentum" not in given:
        del numbers["momentum"]
    settings = [f"{key}={literal(number)}" for key, number in numbers.items()]
    settings += [] if nesterov is None else [f"nesterov={bool(nesterov)}"]
    made = f"{MAKERS[kind]}({', '.join(['model.parameters()', *settings])})"
    return {"optimizer": made, "learning_rate": ""}


def start_factor_of(given: Given) -> Texts:
    """By what the learning rate of the start is divided, as a factor.

    >>> start_factor_of({"div_factor": 25.0})
    {'start_factor': '0.04'}
    """
    return {"start_factor": f"{1.0 / divisor:.6g}"} if (divisor := _divisor(given)) else None


def final_factor_of(given: Given) -> Texts:
    """By what the learning rate of a start of 1/25 is divided at the end, as a factor.

    >>> final_factor_of({"final_div_factor": 1e4})
    {'final_factor': '4e-06'}
    """
    return {"final_factor": f"{0.04 / divisor:.6g}"} if (divisor := _divisor(given)) else None


def _divisor(given: Given) -> float:
    """The first number above 0 that was given as a divisor; 0 if none was."""
    found = _first(given, "div_factor", "final_div_factor")
    return max(0.0, float(found)) if isinstance(found, Real) else 0.0


def callback_of(given: Given) -> Texts:
    """``early_stopping=True`` and the patience as a callback.

    >>> callback_of({"early_stopping": True}), callback_of({"patience": 5})
    ({'callbacks': '[EarlyStopping()]'}, {'callbacks': '[EarlyStopping(patience=5)]'})
    """
    patience = _first(given, "patience", "n_iter_no_change")
    if "callbacks" in given or not (patience is None or isinstance(patience, Integral)):
        return None
    if not given.get("early_stopping", True):
        return {"callbacks": "[]"} if patience is None else None
    if not isinstance(given.get("early_stopping", True), bool):
        return None
    setting = "" if patience is None else f"patience={int(patience)}"
    return {"callbacks": f"[EarlyStopping({setting})]"}


def held_out(given: Given) -> Texts:
    """``validation_split=0.2`` as the data that it holds out.

    >>> held_out({"validation_split": 0.2})
    {'validation_data': '(X_test, y_test)'}
    """
    return None if "validation_data" in given else {"validation_data": "(X_test, y_test)"}


HIDDEN: Final = "hidden_layer_sizes hidden_sizes hidden_layers hidden hidden_dims hidden_units"
OF_ONE_HIDDEN_LAYER: Final = "hidden_dim hidden_size n_hidden"
OUTPUTS: Final = "n_outputs nout n_out out_features output_size output_dim out_dim n_classes"


def sizes_of(given: Given) -> Texts:
    """The sizes of the hidden layers and the number of outputs in one list.

    >>> sizes_of({"n_inputs": 2, "hidden_layer_sizes": (3,), "n_outputs": 1})
    {'layer_sizes': '[3, 1]'}
    """
    n_outputs = _first(given, *OUTPUTS.split())
    words = [word for word in (HIDDEN + " " + OF_ONE_HIDDEN_LAYER).split() if word in given]
    if "layer_sizes" in given or len(words) > 1 or not isinstance(n_outputs, Integral):
        return None
    hidden = given[words[0]] if words else ()
    if isinstance(hidden, Integral) and words[0] != "hidden_layers":
        hidden = (hidden,)
    if not isinstance(hidden, tuple | list) or not all(isinstance(n, Integral) for n in hidden):
        return None
    return {"layer_sizes": literal([*hidden, n_outputs])}


def only_a_list(given: Given) -> Texts:
    """All sizes in a list; a single number may be the number of layers, or of neurons.

    >>> only_a_list({"n_inputs": 2, "nouts": [8, 1]}), only_a_list({"layers": 3})
    ({'layer_sizes': '[8, 1]'}, None)
    """
    sizes = _first(given, *SIZES.split())
    is_list = isinstance(sizes, list | tuple) and "n_inputs" in given
    return {"layer_sizes": literal(sizes) or "layer_sizes"} if is_list else None


SIZES: Final = "nouts sizes layers layer_dims units"


def _first(given: Given, *names: str) -> Any:
    """What was given under the first of the names that was."""
    return next((given[name] for name in names if name in given), None)


def _decays_apart(given: Given) -> bool:
    """Whether the weight decay of a training is none of its gradient, as a penalty is."""
    name = given.get("optimizer", "sgd")
    is_named = isinstance(name, str) and name.lower() in MAKERS
    is_apart = not is_named or name.lower() == "adamw" or "clip_norm" in given
    return _first(given, "weight_decay", "wd") is not None and (is_apart or "clip_value" in given)


MARKS: Final = {
    "delta": ("huber", "smooth"),
    "label_smoothing": ("entropy", "bce"),
}
"""In the names of the losses that have a setting."""


def loss_with(given: Given) -> Texts:
    """A loss with a setting that is its own.

    >>> loss_with({"delta": 2.0, "loss": "huber"}), loss_with({"delta": 2.0, "loss": "mse"})
    ({'loss': "loss_named('huber', delta=2.0)"}, None)
    """
    name = given.get("loss")
    settings = {word: given[word] for word in MARKS if word in given}
    if not isinstance(name, str) or not all(isinstance(n, Real) for n in settings.values()):
        return None
    plain = name.lower().replace("_", "").replace("-", "")
    if not all(any(mark in plain for mark in MARKS[word]) for word in settings):
        return None
    texts = [f"{word}={literal(number)}" for word, number in settings.items()]
    return {"loss": f"loss_named({', '.join([repr(name), *texts])})"}


NEAR: Final = 0.75
"""How alike a word and one of ours are: of 8 letters one may be missing, or two changed places."""
NEARER: Final = 0.85
"""How alike a word and another word for ours are."""


def with_setting(name: str, setting: str) -> str:
    """How a loss is given to ``fit`` with another setting.

    >>> with_setting("huber", "delta=2.0")
    "for fit, with a setting: loss=loss_named('huber', delta=2.0)"
    """
    return f"for fit, with a setting: loss=loss_named({name!r}, {setting})"


WITH_BIAS: Final = (
    "every neuron has a bias, which begins at 0 or as init says; leave the word out, and to keep a "
    "bias as it begins write neuron.b.requires_grad = False"
)

TABLE: Final = (
    # fit
    Words("epochs", "n_epochs num_epochs nb_epoch nb_epochs max_epochs epoch max_iter n_iter"),
    Words("epochs", "n_iters num_iter num_iterations iterations n_steps steps"),
    Words("batch_size", "batchsize minibatch_size mini_batch_size bs batch"),
    Words("loss", "loss_fn loss_function loss_func criterion objective cost"),
    Words(
        "loss",
        "delta",
        loss_with,
        "from tinygrad_mlp.losses import loss_named",
        named="a setting of the loss, loss=loss_named('huber', delta=...)",
        settles="loss",
    ),
    Words(
        "loss",
        "label_smoothing",
        loss_with,
        "from tinygrad_mlp.losses import loss_named",
        named="a setting of the loss, loss=loss_named('categorical_cross_entropy', "
        "label_smoothing=...)",
        settles="loss",
    ),
    Words("optimizer", "optim opt solver optimiser"),
    Words(
        "optimizer",
        "momentum nesterov nesterovs_momentum",
        optimizer_with,
        "momentum and nesterov are settings of SGD",
        settles="optimizer learning_rate",
    ),
    Words(
        "l2",
        "alpha",
        another_meaning,
        "scikit-learn divides its alpha by twice the number of samples",
    ),
    Words("l2", "weight_decay wd", l2_of, settles="optimizer learning_rate"),
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
        "hold them out before: X, X_test, y, y_test = train_test_split(X, y, test_size=...)",
    ),
    Words("sample_weight", "sample_weights weights"),
    Words("class_weight", "class_weights"),
    Words("augment", "augmentation augmentations transform transforms data_augmentation"),
    Words("callbacks", "callback"),
    Words("callbacks", "early_stopping", callback_of),
    Words("callbacks", "patience n_iter_no_change", callback_of),
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
    Words("weight_decay", "wd weight_decay_rate"),
    Words("weight_decay", "decay", another_meaning, "decay of the rate is a schedule"),
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
    Words(
        "final_factor",
        "eta_min min_lr",
        another_meaning,
        "a part of the learning rate, from 0 to 1",
    ),
    Words("final_factor", "alpha min_factor"),
    Words("minimum_factor", "min_lr", another_meaning, "a part of the learning rate, from 0 to 1"),
    Words("minimum_factor", "min_factor"),
    # networks
    Words("n_inputs", "nin n_in in_features input_size input_dim in_dim n_features inputs"),
    Words("n_outputs", "nout n_out out_features output_size output_dim out_dim units n_neurons"),
    Words(
        "layer_sizes",
        f"{HIDDEN} {OF_ONE_HIDDEN_LAYER}",
        sizes_of,
        "the output layer is the last of layer_sizes",
        by_place=True,
    ),
    Words("layer_sizes", OUTPUTS, sizes_of, by_place=True),
    Words("layer_sizes", SIZES, only_a_list),
    Words("activation", "nonlin", activation_of),
    Words("activation", "activations act act_fn activation_fn activation_function nonlinearity"),
    Words("activation", "hidden_activation"),
    Words("output_activation", "final_activation last_activation out_activation"),
    Words("init", "initializer kernel_initializer weight_init weights_init init_method"),
    Words("p", "rate dropout_rate drop_rate drop_prob probability"),
    Words("", "use_bias", remark=WITH_BIAS),
    Words("", "bias", remark=WITH_BIAS),
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
    Words("sigma", "std stddev scale noise"),
    Words("pixels", "max_pixels max_shift shift n_pixels"),
    Words("degrees", "max_degrees angle max_angle limit"),
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
    Words("GaussianNoise", "GaussianJitter Jitter GaussNoise AddGaussianNoise"),
    Words("MixUp", "Mixup mixup"),
    Words("RandomTranslation", "Shift RandomShift Translate ShiftScaleRotate RandomAffine"),
    Words("RandomRotation", "Rotate RandomRotate Rotation"),
    Words("INITIALIZERS", "INITIALISERS"),
    Words("Initializer", "Initialiser"),
    Words("initializer_named", "initialiser_named"),
    Words("initializer_for", "initialiser_for"),
    Words("xavier_normal", "glorot_normal"),
    Words("Value", "Tensor Variable Scalar Parameter"),
    Words("Layer", "Linear Dense"),
    Words(
        "Activation",
        "ReLU Tanh Sigmoid GELU SiLU ELU LeakyReLU Softplus",
        remark="Activation('relu'), or the name alone: Sequential(Layer(2, 8, None), 'relu')",
    ),
    Words("MLP", "MLPClassifier MLPRegressor"),
    Words("BatchNorm", "BatchNorm1d BatchNormalization"),
    Words("dropout", "dropout_rate drop_rate"),
    Words("batch_norm", "batchnorm batch_normalization use_batch_norm"),
    Words("mean_squared_error", "mse mse_loss MSELoss MeanSquaredError"),
    Words("mean_absolute_error", "mae l1_loss L1Loss MeanAbsoluteError"),
    Words(
        "binary_cross_entropy",
        "bce BCELoss binary_crossentropy BinaryCrossentropy",
        remark=with_setting("binary_cross_entropy", "label_smoothing=0.1"),
    ),
    Words(
        "binary_cross_entropy_with_logits",
        "bce_with_logits BCEWithLogitsLoss",
        remark=with_setting("binary_cross_entropy_with_logits", "label_smoothing=0.1"),
    ),
    Words(
        "categorical_cross_entropy",
        "cross_entropy CrossEntropyLoss categorical_crossentropy CategoricalCrossentropy",
        remark=with_setting("categorical_cross_entropy", "label_smoothing=0.1"),
    ),
    Words(
        "categorical_cross_entropy",
        "nll nll_loss NLLLoss negative_log_likelihood",
        remark="it takes logits: leave the log_softmax at the end of the model out",
    ),
    Words(
        "categorical_cross_entropy",
        "kl kld kl_div kldiv KLDivLoss kl_divergence KLDivergence kullback_leibler",
        remark="for targets that are rows of probabilities it is the KL divergence and a constant, "
        "so the gradients are the same; it takes logits",
    ),
    Words(
        "huber",
        "HuberLoss Huber huber_loss smooth_l1_loss SmoothL1Loss",
        remark=with_setting("huber", "delta=2.0"),
    ),
    Words("poisson", "PoissonNLLLoss Poisson poisson_nll_loss"),
    Words("hinge", "Hinge hinge_loss"),
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


def nearest_word(word: str, known: Collection[str]) -> str | None:
    """The one of the ``known`` words that a word is nearly, or the other word for one of them.

    >>> nearest_word("learningrate", ["learning_rate"]), nearest_word("size", ["rng"])
    ('learning_rate', None)
    """
    from difflib import get_close_matches

    others = [theirs for row in TABLE if row.ours in known for theirs in row.theirs.split()]
    for words, cutoff in ((known, NEAR), (others, NEARER)):
        close = get_close_matches(word.lower(), words, n=1, cutoff=cutoff)
        if close:
            return close[0]
    return None
