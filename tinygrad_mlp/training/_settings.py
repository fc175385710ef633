"""What ``fit`` was asked for, checked and turned into objects before the first step is taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tinygrad_mlp._arguments import check_integer, check_number
from tinygrad_mlp._freezing import frozen_among
from tinygrad_mlp._text import described
from tinygrad_mlp.data._batching import BATCH_SIZE_CALL
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule, make_optimizer
from tinygrad_mlp.optim._inside import held_by
from tinygrad_mlp.optim._schedules import is_function
from tinygrad_mlp.training._callbacks import Callback

__all__ = [
    "check_callbacks",
    "check_counts",
    "check_strength",
    "optimizer_for",
    "schedule_for",
    "those_that_measure",
    "with_inner",
]


def optimizer_for(
    model: Module, optimizer: str | Optimizer, learning_rate: float | None
) -> Optimizer:
    """The optimizer that trains the model.

    Args:
        model: the model.
        optimizer: a name, or an optimizer; one without parameters gets those of the model.
        learning_rate: the rate for an optimizer given by name; None for its ``rate_by_name``.

    Raises:
        UnknownNameError: for an unknown name; the message lists the known ones.
        InvalidArgumentError: if the model has no parameters, an optimizer comes with a
            learning_rate beside its own, or has none of the model's parameters, or nothing but
            frozen ones.

    >>> from tinygrad_mlp.nn import MLP
    >>> optimizer_for(MLP(1, [1]), "sgd", None)
    SGD(learning_rate=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)
    """
    parameters = model.parameters()
    if not parameters:
        raise InvalidArgumentError(
            f"{model!r} has no parameters to train; parameters are Values in attributes of the "
            "model: self.w = Value(0.0)"
        )
    if isinstance(optimizer, str):
        _check_some_open(parameters, model)
        rate = learning_rate
        if rate is None:
            rate = OPTIMIZERS.named(optimizer).rate_by_name
        return make_optimizer(optimizer, parameters, learning_rate=rate)
    if not isinstance(optimizer, Optimizer):
        raise InvalidArgumentError(
            f"optimizer is {described(optimizer)}, but a name ({', '.join(sorted(OPTIMIZERS))}) "
            "or an "
            "optimizer is needed: Adam(model.parameters(), learning_rate=0.01)"
        )
    if learning_rate is not None:
        raise InvalidArgumentError(
            f"learning_rate={learning_rate!r} goes with an optimizer given by name; {optimizer!r} "
            f"has its own: {type(optimizer).__name__}(model.parameters(), {learning_rate=!r})"
        )
    if not optimizer.parameters:
        optimizer.parameters = list(parameters)
    of_model = {id(parameter) for parameter in parameters}
    if not any(id(parameter) in of_model for parameter in optimizer.parameters):
        raise InvalidArgumentError(
            f"{optimizer!r} holds none of the parameters of the model; make it for this model: "
            f"{type(optimizer).__name__}(model.parameters())"
        )
    _check_some_open(optimizer.parameters, model)
    return optimizer


def _check_some_open(parameters: Sequence[object], model: Module) -> None:
    if len(frozen_among(parameters)) == len(parameters):
        raise InvalidArgumentError(
            f"all parameters of {model!r} that the optimizer holds are frozen, so there is nothing "
            "to train; unfreeze the model, or a part of it: model.unfreeze()"
        )


def schedule_for(schedule: str | Schedule | None, epochs: int) -> Schedule | None:
    """The schedule, one given by name such that it spans the epochs; None stays None.

    How it does, each says itself in ``spanning``.

    Raises:
        UnknownNameError: for an unknown name; the message lists the known ones.
        InvalidArgumentError: if it is neither a name nor a schedule, or the name of one that
            needs more than the number of epochs, such as "lambda".

    >>> schedule_for("cosine", epochs=50)
    CosineSchedule(n_epochs=50, final_factor=0.0)
    """
    if schedule is None:
        return None
    if isinstance(schedule, str):
        return SCHEDULES.named(schedule).spanning(epochs)
    if not isinstance(schedule, Schedule):
        call = "CosineSchedule(n_epochs=100)"
        if is_function(schedule):
            call = "LambdaSchedule(function)"
        raise InvalidArgumentError(
            f"schedule is {described(schedule)}, but a name or a schedule is needed: {call}"
        )
    return schedule


def those_that_measure(callbacks: Iterable[Callback], has_validation: bool) -> list[Callback]:
    """The callbacks that keep weights by how good they are on the training data.

    Callbacks that others hold in their attributes count as well, also in lists, tuples and dicts
    there.

    >>> from tinygrad_mlp.training._callbacks import EarlyStopping
    >>> those_that_measure([EarlyStopping()], has_validation=True)
    []
    >>> len(those_that_measure([EarlyStopping(monitor="loss")], has_validation=True))
    1
    """
    monitors = ("loss", "accuracy") if has_validation else ("loss", "accuracy", None)
    return [
        callback
        for callback in with_inner(callbacks)
        if getattr(callback, "keeps_weights", False)
        and getattr(callback, "monitor", None) in monitors
    ]


def with_inner(callbacks: Iterable[Callback]) -> list[Callback]:
    """The callbacks, and those that they hold, each once.

    >>> from tinygrad_mlp.training._callbacks import EarlyStopping
    >>> stopping = EarlyStopping()
    >>> stopping.other = [EarlyStopping(), stopping]
    >>> len(with_inner([stopping]))
    2
    """
    found = list({id(callback): callback for callback in callbacks}.values())
    seen = {id(callback) for callback in found}
    for callback in found:  # it grows on the way
        for inner in held_by(callback, lambda kind: hasattr(kind, "on_epoch_end")):
            if id(inner) not in seen:
                seen.add(id(inner))
                found.append(inner)
    return found


def check_counts(epochs: int, batch_size: int | None, log_every: int | None) -> None:
    """Refuse numbers of epochs and samples that are no whole numbers or too small.

    Raises:
        InvalidArgumentError: if one is.

    >>> check_counts(epochs=100, batch_size=None, log_every=0)
    """
    check_integer(epochs, "epochs")
    if batch_size is not None:
        check_integer(batch_size, "batch_size", BATCH_SIZE_CALL)
    if log_every is not None:
        check_integer(log_every, "log_every", minimum=0)


def check_strength(name: str, number: object, *, above_0: bool = False) -> float:
    """A penalty or a limit as a float, if it is one and not negative (or above 0).

    Raises:
        InvalidArgumentError: if it is not.

    >>> check_strength("l2", 0.001)
    0.001
    """
    limit = {"above": 0.0} if above_0 else {"at_least": 0.0}
    return check_number(number, name, f"{name}=0.001", **limit)


def check_callbacks(callbacks: Iterable[Callback]) -> list[Callback]:
    """The callbacks in a list.

    Raises:
        InvalidArgumentError: if one of them has no ``on_epoch_end``.

    >>> check_callbacks([print])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: callbacks[0] is <built-in function print>, ...
    """
    given: Any = callbacks
    listed: list[Any] = list(given) if isinstance(given, Iterable) else [given]
    for i, callback in enumerate(listed):
        if not isinstance(callback, Callback) or isinstance(callback, type):
            raise InvalidArgumentError(
                f"callbacks[{i}] is {described(callback)}, but an object with the method "
                "on_epoch_end(epoch, history, model) is needed: callbacks=[EarlyStopping()]"
            )
    return listed
