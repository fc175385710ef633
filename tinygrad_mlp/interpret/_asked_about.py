"""What a question to a model is about: one number of it, said by one argument, ``target``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import functional
from tinygrad_mlp._arguments import check_flag, check_integer
from tinygrad_mlp._one_or_many import in_list
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.interpret._hidden_units import unit_in
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._outputs import model_outputs
from tinygrad_mlp.training._task import Task, task_of

__all__ = [
    "Model",
    "Output",
    "Probability",
    "Score",
    "Target",
    "Unit",
    "check_model",
    "outputs_of",
    "score_for",
    "scores_for",
]

Model: TypeAlias = Module | Callable[[list[Value]], Any]
"""A module, or a function of the Values of one sample that returns one Value or several."""

Score: TypeAlias = Callable[[Sequence[Value]], Value]
"""The number that is asked about, of the inputs of one sample."""

MOST_SHOWN = 12


@dataclass(frozen=True)
class Output:
    """The output of that number, as ``forward`` gives it.

    Args:
        index: which one, from 0.

    Raises:
        InvalidArgumentError: if that is no whole number of at least 0.

    >>> Output(2)
    Output(index=2)
    """

    index: int

    def __post_init__(self) -> None:
        check_integer(self.index, "index", "Output(0)", minimum=0)


@dataclass(frozen=True)
class Probability:
    """The probability of a class, where the label alone stands for its logit.

    Args:
        label: the label of the class, as ``fit`` was given it; of a model for several yes-or-no
            questions the number of the question, from 0.

    >>> Probability("setosa")
    Probability(label='setosa')
    """

    label: Any


@dataclass(frozen=True)
class Unit:
    """A neuron: its output, or what goes into its activation.

    Args:
        layer: the number of its layer, from 0, or its name, such as "layers.0".
        index: which neuron of the layer, from 0.
        before_activation: whether what goes into the activation is meant.

    Raises:
        InvalidArgumentError: for a number that is no whole number of at least 0.

    >>> Unit(0, 3)
    Unit(layer=0, index=3, before_activation=False)
    """

    layer: int | str
    index: int
    before_activation: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.layer, str):
            check_integer(self.layer, "layer", "Unit(0, 3)", minimum=0)
        check_integer(self.index, "index", "Unit(0, 3)", minimum=0)
        call = "Unit(0, 3, before_activation=True)"
        check_flag(self.before_activation, "before_activation", call)


Target: TypeAlias = Any
"""None, a label, or an ``Output``, ``Probability`` or ``Unit``: see the package."""


def scores_for(
    model: Model, X: NDArray[np.float64], target: Target
) -> list[tuple[NDArray[np.intp], Score]]:
    """The numbers that are asked about, each with the samples that it is asked of.

    Args:
        model: the model.
        X: the samples, (n_samples, n_features).
        target: what is asked about; None for the only output, or, of several classes, for the one
            that is predicted for each sample.

    Raises:
        InvalidArgumentError: if the model has no such number.

    >>> from tinygrad_mlp.nn import MLP
    >>> ((rows, score),) = scores_for(MLP(1, [1], init="zeros"), np.array([[2.0]]), None)
    >>> rows, score([Value(2.0)])
    (array([0]), Value(data=0.0, grad=0.0))
    """
    task = _task_of(model)
    if target is None and task is not None and task.classes is not None and task.n_outputs != 1:
        assert isinstance(model, Module)
        predicted = model_outputs(model, X, from_logits=True).argmax(axis=1)
        return [
            (np.flatnonzero(predicted == number), partial(_logit, model, task, number))
            for number in np.unique(predicted).tolist()
        ]
    return [(np.arange(len(X)), score_for(model, target))]


def score_for(model: Model, target: Target) -> Score:
    """The number that is asked about, whatever the sample.

    Raises:
        InvalidArgumentError: if the model has no such number.

    >>> score_for(lambda x: [x[0], 2.0 * x[0]], Output(1))([Value(3.0)]).data
    6.0
    """
    check_model(model)
    task = _task_of(model)
    if isinstance(target, Unit):
        return partial(_unit, model, target)
    if isinstance(target, Output):
        return partial(_output, model, int(target.index))
    if isinstance(target, Probability):
        return _probability_of(model, task, target.label)
    if isinstance(model, Module) and task is not None and task.classes is not None:
        if target is None and task.n_outputs != 1:
            raise InvalidArgumentError(
                "there is no sample here whose class could be predicted; say which class is meant: "
                f"target={task.classes.tolist()[0]!r}"
            )
        number = len(task.classes) - 1 if target is None else _class_number(task, target)
        return partial(_logit, model, task, number)
    if target is None:
        return partial(_output, model, None)
    return partial(_output, model, _number_of_output(target))


def check_model(model: Model) -> None:
    """Refuse what is no model; a model knows the places of its parameters from then on.

    >>> check_model("mlp")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: the model is 'mlp', but a Module such as MLP(2, ...
    """
    given: object = model
    if isinstance(given, Module):
        given.label_parameters()
    elif isinstance(given, type) or not callable(given):
        raise InvalidArgumentError(
            f"the model is {described(model)}, but a Module such as MLP(2, [16, 1]) is needed, or "
            "a function of a list of Values: lambda x: x[0] * x[1]"
        )


def outputs_of(model: Model, x: Sequence[Value]) -> list[Value]:
    """The outputs of one sample in a list, also where there is one.

    >>> outputs_of(lambda x: x[0], [Value(2.0)])
    [Value(data=2.0, grad=0.0)]
    """
    return in_list(model.forward(x) if isinstance(model, Module) else model(list(x)), model)


def _task_of(model: Model) -> Task | None:
    return task_of(model) if isinstance(model, Module) else None


def _class_number(task: Task, label: Any) -> int:
    assert task.classes is not None
    classes = task.classes.tolist()
    if isinstance(label, str | int | float | np.generic) and label in classes:
        return int(classes.index(label))
    shown = ", ".join(map(repr, classes[:MOST_SHOWN]))
    more = ", ..." if len(classes) > MOST_SHOWN else ""
    raise InvalidArgumentError(
        f"the target is {described(label)}, but the classes of the model are {shown}{more}; give "
        f"one of them, target={classes[0]!r}, or the number of an output: target=Output(0)"
    )


def _number_of_output(target: Any) -> int:
    if isinstance(target, int | np.integer) and not isinstance(target, bool) and target >= 0:
        return int(target)
    raise InvalidArgumentError(
        f"the target is {described(target)}, but the model has no classes with labels; give the "
        "number of an output, target=Output(0), or a neuron, target=Unit(0, 3); fit leaves the "
        "labels that it was trained with in the model"
    )


def _output(model: Model, index: int | None, x: Sequence[Value]) -> Value:
    outputs = outputs_of(model, x)
    if index is None and len(outputs) > 1:
        raise InvalidArgumentError(
            f"the model has {len(outputs)} outputs; say which one is meant: target=Output(0)"
        )
    number = index or 0
    if number >= len(outputs):
        there = "one output" if len(outputs) == 1 else f"{len(outputs)} outputs"
        raise InvalidArgumentError(
            f"there is no output number {number}: the model has {there}, counted from 0; "
            f"target=Output({len(outputs) - 1}) is the last one"
        )
    return outputs[number]


def _logit(model: Module, task: Task, number: int, x: Sequence[Value]) -> Value:
    logits = in_list(model.logits(x), model)
    if len(logits) > 1:
        return logits[number]
    if task.loss is None or task.loss.task != "classification":
        raise InvalidArgumentError(
            f"the model was trained with the loss {task.loss_name!r}, which does not say what one "
            "output means for two classes; name the output itself: target=Output(0)"
        )
    return logits[0] if number == 1 else -logits[0]


def _probability_of(model: Model, task: Task | None, label: Any) -> Score:
    loss = None if task is None else task.loss
    if task is None or loss is None or loss.task != "classification":
        raise InvalidArgumentError(
            f"probabilities are known of models that fit has trained for classes, not of "
            f"{described(model)}; for what forward returns write target=Output(0)"
        )
    assert isinstance(model, Module)
    probe = np.zeros((1, task.n_outputs or 1))
    if loss.probabilities(probe) is None or not (loss.from_logits or loss.from_probabilities):
        raise InvalidArgumentError(
            f"the loss {loss.name!r} knows no probabilities; leave Probability out: "
            f"target={label!r}"
        )
    number = _number_of_output(label) if task.classes is None else _class_number(task, label)
    return partial(_probability, model, task, number)


def _probability(model: Module, task: Task, number: int, x: Sequence[Value]) -> Value:
    loss = task.loss
    assert loss is not None
    outputs = in_list(model.logits(x) if loss.from_logits else model.forward(x), model)
    if number >= len(outputs) > 1:
        raise InvalidArgumentError(
            f"there is no question number {number}: the model answers {len(outputs)}, counted "
            f"from 0; target=Probability({len(outputs) - 1}) is the last one"
        )
    if len(outputs) == 1:
        (output,) = outputs
        if loss.from_logits:
            return functional.sigmoid(output if number == 1 else -output)
        return output if number == 1 else 1.0 - output
    if loss.from_probabilities:
        return outputs[number]
    if task.classes is None:  # several yes-or-no questions
        return functional.sigmoid(outputs[number])
    return functional.softmax(outputs)[number]


def _unit(model: Model, unit: Unit, x: Sequence[Value]) -> Value:
    return unit_in(outputs_of(model, x), x, unit.layer, unit.index, unit.before_activation)
