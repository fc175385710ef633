"""Steps of some parameters alone: where others are frozen, or groups have rates of their own.

It is the same step as that of ``Optimizer``, which comes here only where there is need.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import setitem
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp._arguments import check_number
from tinygrad_mlp._at_once import call_at_once
from tinygrad_mlp._freezing import changes, frozen_among
from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.optim._groups import ParameterGroup

__all__ = ["Number", "SteppingInParts", "Units"]

Units = tuple[float, ...]
"""What the settings in ``unit_names`` were."""

Number = TypeVar("Number", float, NDArray[Any])
"""What a rule works on: one float, or one array with a number for each parameter."""


_ALL: Final = slice(None)


class SteppingInParts(ABC):
    """The part of an optimizer that knows groups and frozen parameters.

    >>> from tinygrad_mlp.optim import SGD
    >>> isinstance(SGD(), SteppingInParts)
    True
    """

    parameters: list[Any]
    learning_rate: float
    step_count: int
    groups: Sequence[ParameterGroup] = ()
    _factors: tuple[tuple[float, ...], NDArray[Any]] | None  # of the groups, for each parameter
    _open: tuple[object, slice | NDArray[np.intp]]  # up to which change, and what is not frozen
    _coefficient_arrays: tuple[NDArray[Any], ...]

    @abstractmethod
    def update(
        self,
        xp: Interpreter,
        parameter: Number,
        gradient: Number,
        state: tuple[Number, ...],
        coefficients: tuple[Number, ...],
    ) -> tuple[Number, tuple[Number, ...]]:
        """The rule, as ``Optimizer`` says."""

    @abstractmethod
    def _check_rule(
        self, change: NDArray[Any], given: NDArray[Any], parameters: NDArray[Any]
    ) -> None: ...

    @property
    def learning_rates(self) -> list[float]:
        """The rate of each group; of an optimizer without groups the only one.

        Assign as many to change the rates of the groups, now and after a schedule in proportion.

        Raises:
            InvalidArgumentError: if there are other than groups, or a rate is below 0.

        >>> from tinygrad_mlp.optim import SGD
        >>> from tinygrad_mlp import Value
        >>> a, b = Value(1.0), Value(2.0)
        >>> optimizer = SGD([{"parameters": [a]}, {"parameters": [b], "learning_rate": 0.05}], 0.1)
        >>> optimizer.learning_rate = 1.0
        >>> optimizer.learning_rates
        [1.0, 0.5]
        """
        return [self.learning_rate * group.factor for group in self.groups] or [self.learning_rate]

    @learning_rates.setter
    def learning_rates(self, rates: Iterable[float]) -> None:
        given = list(rates)
        call = f"optimizer.learning_rates = {self.learning_rates}"
        if len(given) != len(self.groups):
            raise InvalidArgumentError(
                f"learning_rates has {len(given)} rates, but {self} has {len(self.groups)} groups; "
                + (f"for example {call}" if self.groups else "assign optimizer.learning_rate")
            )
        checked = [check_number(rate, "a rate", call, at_least=0.0) for rate in given]
        if self.learning_rate == 0.0:
            raise InvalidArgumentError(
                f"the learning_rate of {self} is 0, and the rates of groups are kept in proportion "
                "to it; assign the factors: optimizer.groups[0].factor = 0.1"
            )
        for group, rate in zip(self.groups, checked):
            group.factor = rate / self.learning_rate

    def _stepped_in_part(
        self, states: list[tuple[float, ...]], coefficients: tuple[float, ...]
    ) -> tuple[list[float], list[tuple[float, ...]]]:
        """The numbers and states after a step at the rates of the groups; frozen ones stay."""
        factors: Iterable[float] = repeat(1.0)
        if self.groups:
            self._check_groups()
            factors = [group.factor for group in self.groups for _ in group.parameters]
        frozen = set(frozen_among(self.parameters))
        numbers: list[float] = []
        new_states: list[tuple[float, ...]] = []
        for place, (parameter, state, factor) in enumerate(zip(self.parameters, states, factors)):
            number, gradient, new = parameter.data, parameter.grad or 0.0, state
            if place not in frozen:
                change, new = self.update(float_math, number, gradient, state, coefficients)
                number -= factor * change
            numbers.append(number)
            new_states.append(new)
        return numbers, new_states

    def _check_groups(self) -> None:
        n_grouped = sum([len(group.parameters) for group in self.groups])
        if n_grouped != len(self.parameters):
            raise InvalidArgumentError(
                f"{self} has {n_grouped} parameters in its groups, but {len(self.parameters)} in "
                "optimizer.parameters; make a new optimizer for other parameters"
            )

    def _step_in_part(
        self,
        parameters: NDArray[Any],
        given: NDArray[Any],
        gradients: NDArray[Any],
        before: tuple[tuple[NDArray[Any], ...], Units],
    ) -> None:
        """The step of those parameters that are not frozen, at the rates of their groups."""
        part = self._places_to_step()
        state = tuple([column[part] for column in before[0]])
        numbers = given[part]
        change, new = self.update(
            array_math, numbers, gradients[part], state, self._coefficient_arrays
        )
        if given is not parameters:
            self._check_rule(change, numbers, parameters[part])
        if self.groups:
            change = change * self._factor_array(parameters.dtype)[part]
        stepped = np.subtract(numbers, change, np.empty_like(numbers))
        kept = [np.broadcast_to(now, was.shape) for was, now in zip(state, new, strict=True)]
        call_at_once(
            (
                *[(setitem, column, part, now) for column, now in zip(before[0], kept)],
                (setattr, self, "_state_of_array", before),
                (setattr, self, "step_count", self.step_count + 1),
                (setitem, parameters, part, stepped),
            )
        )

    def _some_are_frozen(self) -> bool:
        return self._places_to_step() is not _ALL

    def _places_to_step(self) -> slice | NDArray[np.intp]:
        """Where the parameters are that are not frozen: a slice, where they follow one another."""
        if self._open[0] is not changes[0]:
            frozen = frozen_among(self.parameters)
            places: NDArray[np.intp] = np.setdiff1d(np.arange(len(self.parameters)), frozen)
            part: slice | NDArray[np.intp] = places
            if not frozen:
                part = _ALL
            elif len(places) and places[-1] - places[0] == len(places) - 1:
                part = slice(int(places[0]), int(places[-1]) + 1)
            self._open = changes[0], part
        return self._open[1]

    def _factor_array(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        factors = tuple([group.factor for group in self.groups])
        if self._factors is None or self._factors[0] != factors:
            self._check_groups()
            sizes = [len(group.parameters) for group in self.groups]
            self._factors = factors, np.repeat(np.array(factors, dtype), sizes)
        return self._factors[1]
