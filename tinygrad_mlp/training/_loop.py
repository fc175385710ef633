"""``fit``: the loop of every course on training, over epochs and batches.

What the numbers in ``y`` mean is worked out in ``task``, what a step computes in ``engines``, and
what was asked for is checked in ``settings``; here is the order in which things happen.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from tinygrad_mlp._arguments import Rng, as_generator, check_flag
from tinygrad_mlp._words import our_words
from tinygrad_mlp.compiler._backends.choice import Wanted
from tinygrad_mlp.data._augmentation import Augmentation, as_augmentations
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.losses._record import BatchLoss
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.optim import Optimizer, Schedule
from tinygrad_mlp.training._agreement import (
    described_model,
    described_object,
    described_optimizer,
    described_samples,
    versions,
)
from tinygrad_mlp.training._callbacks import Callback
from tinygrad_mlp.training._choosing import backend_for, make_engine, records
from tinygrad_mlp.training._engines import Objective
from tinygrad_mlp.training._epochs import Training
from tinygrad_mlp.training._history import History
from tinygrad_mlp.training._over_batches import check_batch_sizes
from tinygrad_mlp.training._progress import Progress
from tinygrad_mlp.training._resuming import TrainingFile
from tinygrad_mlp.training._settings import (
    check_callbacks,
    check_counts,
    check_strength,
    optimizer_for,
    schedule_for,
    those_that_measure,
)
from tinygrad_mlp.training._task import Samples, Task
from tinygrad_mlp.training._weighting import ClassWeight, check_batches, check_unmixed, weighted

__all__ = ["fit"]


@our_words
def fit(
    model: Module,
    X: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int = 100,
    batch_size: int | None = None,
    loss: str | Loss | BatchLoss | None = None,
    optimizer: str | Optimizer = "sgd",
    learning_rate: float | None = None,
    schedule: str | Schedule | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
    augment: Augmentation | Sequence[Augmentation] | None = None,
    validation_data: tuple[ArrayLike, ...] | None = None,
    shuffle: bool = True,
    rng: Rng = None,
    log_every: int | None = 100,
    progress: bool | Progress | None = None,
    callbacks: Iterable[Callback] = (),
    engine: str = "auto",
    backend: Wanted = "auto",
    resume: str | os.PathLike[str] | None = None,
    save_every: int | None = None,
) -> History:
    """Train a model: in every epoch go through the samples in batches and take a step with each.

    For each batch of m samples: objective = (1/m) sum of the losses + l1 sum |p| + l2 sum p^2, its
    gradients by ``backward``, clipping, a step of the optimizer. Ctrl-C ends the training between
    two steps: weights, buffers and optimizer are those after the last step that was taken, which
    may lie within an epoch that the history does not have yet (``EarlyStopping`` goes back to the
    best weights all the same). A loss that becomes nan ends it too. The same seeds (of the model,
    and ``rng``) give the same weights to the last bit.

    Args:
        model: the model; its parameters are changed. It learns what it was trained for, so that
            ``predict`` gives labels as ``y`` has them.
        X: the features, (n_samples, n_features).
        y: the targets, (n_samples,) or (n_samples, n_outputs): numbers for a regression, or the
            labels of a classification as people have them: whole numbers, text, booleans, one-hot
            rows; or a row of zeros and ones for each sample, several questions of yes or no.
        epochs: how often to go through the samples.
        batch_size: None for all samples at once (batch gradient descent), 1 for one at a time
            (stochastic gradient descent), m for mini-batches.
        loss: a name or a ``Loss``; a function of your own, ``loss(outputs, targets) -> Value``
            over a batch (a Value and a number per sample, lists of them where there are several;
            while the step is recorded the numbers are Values too, so compute with them and do not
            ask for their type), of which ``Loss.of_function`` says more; or None for the one that
            suits ``y`` and the number of outputs: cross-entropy for labels, the mean squared error
            for numbers. ``losses.loss_named("huber", delta=2.0)`` has another setting than the
            usual one. For whole numbers, three kinds or more that come again and again, and one
            output, name it.
        optimizer: a name, or an ``Optimizer`` of the model's parameters (or of those of them that
            are to be trained), which may have a learning rate for each group of them.
        learning_rate: for an optimizer given by name; None for 0.1 (sgd) or 0.01 (the others).
        schedule: a ``Schedule``, or a name for one that spans the epochs; it sets the optimizer's
            ``learning_rate`` before each epoch. None leaves the rate to whoever assigns it. A
            ``Schedule`` goes on where it stood when it is given again with the same optimizer, as
            if the epochs of both trainings were one; with another optimizer it starts anew.
        l1: the strength of the L1 penalty on all trained parameters: frozen ones (``freeze``), and
            those that the optimizer does not hold, do not count.
        l2: the strength of the L2 penalty.
        clip_norm: the largest norm of all gradients together.
        clip_value: the largest size of each gradient, applied after ``clip_norm``.
        sample_weight: how much each sample counts, (n_samples,), numbers of at least 0. The loss
            of a batch is then sum w_i l_i / sum w_i (Keras divides by the number of samples), so
            that only the ratios of the weights within a batch matter: the smaller the batches, the
            less they do. Accuracies count every sample once.
        class_weight: how much the samples of each class count, {label: weight} with a weight for
            every class; or "balanced" for n / (k n_c), with n samples, n_c of them in the class
            (each counted by its ``sample_weight``) and k classes, as in scikit-learn. It is
            multiplied with ``sample_weight`` and counts in the loss of the validation, too.
        augment: what changes each training batch at random, anew in every epoch: an augmentation of
            ``data`` (``GaussianNoise``, ``MixUp``, ``RandomTranslation``, ``RandomRotation``), a
            function of your own ``(X, y, rng) -> (X, y)``, or a list of them. It gets ``X`` as you
            give it to ``fit`` and the targets as the loss takes them (one-hot rows of classes).
            What is held out is never augmented. ``history.loss`` and ``history.accuracy`` are those
            of the augmented batches, so they may be worse than those of the validation.
        validation_data: a pair (X, y) on which the model is measured after each epoch; or
            (X, y, sample_weight).
        shuffle: whether the samples come in a new random order in every epoch.
        rng: the seed, or the generator, of these orders, and of all that ``augment`` draws: the
            order of an epoch first, then what its batches need, on every engine the same.
        log_every: print the losses after every so many epochs, and the last; None or 0 for never.
        progress: whether to show a progress bar; None where tqdm is installed and the output is a
            terminal; or a ``Progress`` of your own, which then prints the losses too.
        callbacks: what else to do after each epoch; see ``Callback``.
        engine: what computes the steps. "eager" builds the graph of every sample anew; "compiled"
            records it once and replays it as matrix products, with the same numbers; "auto" is
            "compiled" where the model and the loss can be recorded, else "eager", and the history
            says which and why. A recording has the plain numbers that model and loss read, an
            attribute ``self.beta`` for instance; what a callback changes is read again after it.
        backend: what runs the recording: "native" for the C library, which takes many steps in one
            call where it can, "numpy" for NumPy, "auto" for the library where it is there. The
            history says "native", and why each step takes a call if it does; or why not native.
            The environment variable TINYGRAD_MLP_BACKEND says what "auto" is.
        resume: a file for a training that shall outlive its process. Where it is there, the
            training goes on from it; where not, it begins. It is written after epochs, whole or not
            at all, so that the same script, run again after a crash or a kill, ends with the same
            weights and history to the last bit. The file holds the weights (also for
            ``load_weights``) and the state of all that has one; see ``Callback`` for callbacks.
            Data and settings must be the same; ``epochs`` may be more than before.
        save_every: write that file after every so many epochs; None for as often as it costs no
            more than a twentieth of the time. After the last epoch it is always written.

    Returns:
        The History. Where training failed (the loss diverged, or is no better than that of always
        giving the same answer) or went on past its best (the validation loss rose for long), its
        ``advice`` says so, and it is printed after the last line.

    Raises:
        DataError: if the data are empty, or hold nan, inf or labels without an output; if the file
            of ``resume`` is damaged or holds no training.
        ShapeError: if lengths or shapes do not fit to one another or to the model.
        InvalidArgumentError: for a number out of its range, a schedule that watches an accuracy
            where there is none, or batches of one sample where a model takes means over the batch
            (``nn.BatchNorm``) or samples have unequal weights; if the file of ``resume`` is of a
            training with other data, settings, versions or instruction set, or a callback keeps
            what no file can hold.
        BackendError: for an unknown back end, and for "native" where it cannot run the recording.
        UnknownNameError: for an unknown loss, optimizer, schedule or engine; lists the known ones.
        MissingDependencyError: for ``progress=True`` without tqdm.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], rng=0)
    >>> history = fit(model, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], epochs=200)
    regression, mean_squared_error, engine: ...
    epoch  100  loss 2.588e-07
    epoch  200  loss 2.638e-12
    >>> [round(parameter.data, 2) for parameter in model.parameters()]
    [2.0, 1.0]
    """
    check_counts(epochs, batch_size, log_every)
    task, samples = Task.for_data(model, X, y, loss)
    assert task.loss is not None
    validation, validation_weight = None, None
    if validation_data is not None:
        *pair, validation_weight = _three_of(validation_data)
        validation = _validation(task, *pair)
    samples, validation = weighted(
        task, samples, validation, sample_weight, validation_weight, class_weight
    )
    check_flag(shuffle, "shuffle", "fit(model, X, y, shuffle=False)")
    check_batches(samples.weights, batch_size, shuffle)
    augmentations = as_augmentations(augment)
    if samples.weights is not None:
        check_unmixed(augmentations)
    check_batch_sizes(model, samples.X[0].tolist(), len(samples.X), batch_size)
    stepped_by = optimizer_for(model, optimizer, learning_rate)
    runs_on = backend_for(engine, backend, "fit(model, X, y, ")
    clip_norm = None if clip_norm is None else check_strength("clip_norm", clip_norm, above_0=True)
    if clip_value is not None:
        clip_value = check_strength("clip_value", clip_value, above_0=True)
    keep_targets = all([getattr(each, "keeps_targets", False) for each in augmentations])
    checked_loss = task.loss if keep_targets else replace(task.loss, pure=False)
    objective = Objective(checked_loss, check_strength("l1", l1), check_strength("l2", l2))
    stepped_by_schedule = schedule_for(schedule, epochs)
    watches = None if stepped_by_schedule is None else stepped_by_schedule.watches
    if watches == "accuracy" and samples.answers is None:
        raise InvalidArgumentError(
            f"{schedule!r} watches an accuracy, but there is none to be counted with the loss "
            f"{task.loss_name!r}; for a loss take PlateauSchedule(mode='min')"
        )
    listed_callbacks = check_callbacks(callbacks)
    training = Training(
        model=model,
        engine=make_engine(engine, model, objective, stepped_by, clip_norm, clip_value, runs_on),
        task=task,
        samples=samples,
        validation=validation,
        optimizer=stepped_by,
        schedule=stepped_by_schedule,
        watches=watches,
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        rng=as_generator(rng),
        augmentations=augmentations,
        callbacks=listed_callbacks,
        keepers=those_that_measure(listed_callbacks, validation is not None),
        objective=objective,
        unasked=loss is None,
        history=History(
            engine=engine,
            loss_name=task.loss_name,
            task=task.kind,
        ),
    )
    if resume is not None:
        settings = {
            "model": described_model(model),
            **described_samples(samples, ("X", "y")),
            **described_samples(validation, ("validation X", "validation y")),
            "loss": described_object(loss or task.loss_name),
            **described_optimizer(stepped_by, model),
            "schedule": described_object(stepped_by_schedule),
            "callbacks": described_object(listed_callbacks),
            "augment": described_object(list(augmentations)),
            **{
                name: described_object(setting)
                for name, setting in [
                    ("batch_size", batch_size),
                    ("shuffle", shuffle),
                    ("rng", rng),
                    ("l1", objective.l1),
                    ("l2", objective.l2),
                    ("clip_norm", clip_norm),
                    ("clip_value", clip_value),
                    ("engine", str(engine).lower()),
                    ("backend", runs_on),
                ]
            },
            **versions(native=runs_on != "numpy" and records(engine)),
        }
        training.saving = TrainingFile(resume, save_every, training.parts(), settings)
        training.go_on()
    elif save_every is not None:
        raise InvalidArgumentError(
            f"save_every={save_every!r} says how often the file of resume is written, so it needs "
            f"one: fit(..., resume='training.npz', save_every={save_every!r})"
        )
    task.attach_to(model)
    if not isinstance(progress, Progress):
        progress = Progress(epochs, log_every, progress)
    return training.run(progress)


def _validation(task: Task, X: ArrayLike, y: ArrayLike) -> Samples:
    """The validation data as the task takes them; what is wrong with them is said of them."""
    try:
        return task.samples(X, y)
    except (DataError, ShapeError) as error:
        if "validation" in str(error):
            raise
        raise type(error)(f"validation_data: {error}") from None


def _three_of(validation_data: object) -> tuple[Any, Any, Any]:
    """The features, the targets and the weights, None where there are none."""
    if isinstance(validation_data, tuple | list) and len(validation_data) in (2, 3):
        X, y, *weights = validation_data
        return X, y, weights[0] if weights else None
    raise InvalidArgumentError(
        "validation_data must be a pair (X, y) of features and targets, or (X, y, sample_weight): "
        "fit(model, X_train, y_train, validation_data=(X_test, y_test))"
    )
