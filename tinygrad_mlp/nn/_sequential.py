"""Sequential: any modules and activations, one after the other; Activation is such a module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self, overload

from tinygrad_mlp import functional
from tinygrad_mlp._one_or_many import in_list
from tinygrad_mlp._text import described
from tinygrad_mlp._words import AnotherWord, our_words
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from tinygrad_mlp.nn._activations import SOFTMAX, activated, activation_name, activation_named
from tinygrad_mlp.nn._activations import Activation as ActivationFunction
from tinygrad_mlp.nn._dropout import Dropout
from tinygrad_mlp.nn._inputs import inputs_of
from tinygrad_mlp.nn._module import Module, Sample

__all__ = ["Activation", "Sequential"]


class Activation(Module):
    """An activation as a module of its own: f of each number, or the softmax of all of them.

    Args:
        activation: a name from ``ACTIVATIONS`` or "softmax", or a function of one Value.

    Attributes:
        function: f; "softmax" for that one.

    Raises:
        UnknownNameError: for an unknown name.

    >>> Activation("relu")
    relu
    >>> [y.data for y in Activation("relu")([-1.0, 2.0])]
    [0.0, 2.0]
    """

    is_beside_neurons = True

    @our_words
    def __init__(self, activation: str | ActivationFunction) -> None:
        is_softmax = activation_name(activation) == SOFTMAX
        self.function = SOFTMAX if is_softmax else activation_named(activation)

    def forward(self, x: Sample) -> list[Value]:
        """The activations for one sample."""
        inputs = inputs_of(x, self)
        if isinstance(self.function, str):
            return functional.softmax(inputs)
        return activated([self.function(xi) for xi in inputs], self.function)

    def logits(self, x: Sample) -> list[Value]:
        """The numbers as they come where f is sigmoid or softmax, else as ``forward``."""
        squashes = (SOFTMAX, Value.sigmoid, functional.sigmoid)
        return inputs_of(x, self) if self.function in squashes else self.forward(x)

    def summary_kind(self) -> str:
        """The kind and the name of f."""
        return f"Activation, {activation_name(self.function)}"

    def __repr__(self) -> str:
        return activation_name(self.function)


class Sequential(Module):
    """Modules one after the other: what one gives, the next one takes.

    It is indexed as a list is: ``model[0]``, ``model[-1]``, ``model[:2]`` (a Sequential of the same
    modules), ``model[1] = ...``, ``len(model)``, ``for part in model``. Parameters are called as in
    torch, by the place of their module: ``0.weight``, ``2.bias``.

    Args:
        parts: modules, and activations: a name such as "relu" or "softmax", or a function of one
            Value, which becomes an ``Activation``.

    Raises:
        InvalidArgumentError: for anything else.
        UnknownNameError: for an unknown activation.
        ShapeError: if a part takes another number of inputs than the one before it gives.

    >>> from tinygrad_mlp.nn import Dropout, Layer
    >>> model = Sequential(Layer(2, 8, None, rng=0), "relu", Dropout(0.2, rng=0), Layer(8, 1, None))
    >>> model
    Sequential of [Layer of 8 linear(2) neurons, relu, Dropout of 0.2, Layer of 1 linear(8) neuron]
    >>> list(model.state_dict())
    ['0.weight', '0.bias', '3.weight', '3.bias']
    >>> model[1], len(model[:3])
    (relu, 3)
    """

    def __init__(self, *parts: Module | str | ActivationFunction) -> None:
        for part in parts:
            self.append(part)
        self.label_parameters()

    add = AnotherWord("model.append(part)")

    def append(self, part: Module | str | ActivationFunction) -> Self:
        """Put one more part at the end; returns the module.

        Raises:
            ShapeError: if it takes another number of inputs than the part before it gives.

        >>> Sequential("relu").append("tanh")
        Sequential of [relu, tanh]
        """
        place = len(self)
        module = _checked(part, place)
        _check_neighbors(list(self), module, place)
        vars(self)[str(place)] = module
        return self

    def forward(self, x: Sample) -> list[Value]:
        """The outputs of the last part for one sample; without any part, the inputs."""
        return self._through(x, len(self))

    def logits(self, x: Sample) -> list[Value]:
        """As ``forward``, with the ``logits`` of the last part."""
        parts = list(self)
        if not parts:
            return inputs_of(x, self)
        return in_list(parts[-1].logits(self._through(x, len(parts) - 1)), parts[-1])

    def _through(self, x: Sample, n_parts: int) -> list[Value]:
        outputs = inputs_of(x, self)
        for part in list(self)[:n_parts]:
            outputs = in_list(part.forward(outputs), part)
        return outputs

    @property
    def n_inputs(self) -> int | None:
        """The number of inputs, if a part says it before anything else than activations."""
        return _first_size(list(self), "n_inputs")

    @property
    def n_outputs(self) -> int | None:
        """The number of outputs, if a part says it after anything else than activations."""
        return _first_size(list(self)[::-1], "n_outputs")

    def output_size(self, name: str) -> int | None:
        """How many outputs the part of that name has, for the summary.

        >>> from tinygrad_mlp.nn import Layer
        >>> Sequential(Layer(2, 8, rng=0), "relu").output_size("1")
        8
        """
        return _first_size(list(self)[int(name) :: -1], "n_outputs")

    def __len__(self) -> int:
        return sum(map(str.isdigit, vars(self)))

    def __iter__(self) -> Iterator[Module]:
        return iter([part for name, part in list(vars(self).items()) if name.isdigit()])

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        found = list(self)[index]
        if not isinstance(found, list):
            return found
        some = Sequential()
        vars(some).update({str(place): part for place, part in enumerate(found)})
        some.label_parameters()
        return some

    def __setitem__(self, index: int | slice, part: Module | str | ActivationFunction) -> None:
        if isinstance(index, slice):
            raise InvalidArgumentError(
                f"parts are assigned one by one: model[{index.start or 0}] = 'relu'; or make a new "
                "Sequential(*model[:1], 'relu', *model[2:])"
            )
        place = range(len(self))[index]
        vars(self)[str(place)] = _checked(part, place)

    def __repr__(self) -> str:
        return f"Sequential of [{', '.join(map(repr, self))}]"


def _checked(part: Any, place: int) -> Module:
    if isinstance(part, Module):
        return part
    if isinstance(part, str) or (callable(part) and not isinstance(part, type)):
        return Activation(part)
    what = f"the class {part.__name__}" if isinstance(part, type) else described(part)
    raise InvalidArgumentError(
        f"part {place} of Sequential is {what}, but a module, or an activation by name or as a "
        "function of a Value, is needed; modules are given one by one: "
        "Sequential(Layer(2, 8, None), 'relu', Layer(8, 1, None))"
    )


def _check_neighbors(before: Sequence[Module], part: Module, place: int) -> None:
    """Refuse a part whose number of inputs is known to be another than that of what it will get."""
    n_given, n_inputs = _first_size(before[::-1], "n_outputs"), _first_size([part], "n_inputs")
    if n_given is None or n_inputs is None or n_given == n_inputs:
        return
    giver = next(i for i in range(place - 1, -1, -1) if not _keeps_size(before[i]))
    raise ShapeError(
        f"part {place} of Sequential, {part!r}, takes {n_inputs} input"
        f"{'' if n_inputs == 1 else 's'}, but part {giver}, {before[giver]!r}, gives {n_given}; "
        f"make the two the same: let part {giver} have {n_inputs} outputs, or part {place} take "
        f"{n_given} inputs"
    )


def _keeps_size(part: Module) -> bool:
    return isinstance(part, Activation | Dropout)


def _first_size(parts: Sequence[Module], name: str) -> int | None:
    """The size that the first of these parts has which changes sizes."""
    for part in parts:
        if not _keeps_size(part):
            size = getattr(part, name, None)
            return size if isinstance(size, int) else None
    return None
