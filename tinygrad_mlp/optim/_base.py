"""What all optimizers share: the parameters, the state of the rule, the two ways of taking a step.

The rules themselves stand in ``_optimizers.py``, each written once. This file applies one of them
either to every Value, number by number, or to one flat array that holds all parameters. A step is
computed aside and then taken at once, so that Ctrl-C never leaves half of one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from itertools import repeat
from math import nan
from operator import setitem
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy import subtract
from numpy.typing import NDArray

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp._aligned import aligned
from tinygrad_mlp._arguments import Setting, check_number
from tinygrad_mlp._at_once import assign_at_once, call_at_once
from tinygrad_mlp._freezing import changes
from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._many_numbers import write_numbers
from tinygrad_mlp._text import described
from tinygrad_mlp._words import NotASetting
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from tinygrad_mlp.optim._groups import call_with_groups, groups_in
from tinygrad_mlp.optim._in_parts import Number, SteppingInParts, Units

__all__ = ["Group", "Number", "Optimizer", "Parameter"]


class Parameter(Protocol):
    """What an optimizer needs of a Value."""

    data: float
    grad: float

    @property
    def has_grad(self) -> bool:
        """Whether ``grad`` has been computed."""

    def zero_grad(self) -> None:
        """Clear ``grad``."""


Group = Mapping[str, Any]
"""Parameters with a rate of their own: their list as "parameters", the rate as "learning_rate"."""


class Optimizer(SteppingInParts):
    """The base of all optimizers.

    A rule of your own needs three things: the names of what it remembers (``state_names``), the
    numbers of one step (``coefficients``), and the rule (``update``). It changes nothing itself: a
    step that an error or Ctrl-C ends before its time leaves parameters, state and ``step_count`` as
    they were.

    Args:
        parameters: the Values to step; those left out stay as they are, and so do frozen ones. None
            are needed where only ``step_array`` is used, but then nothing is known to be frozen.
            For rates by group, a list of dicts:
            ``{"parameters": body.parameters(), "learning_rate": 0.001}``; without "learning_rate"
            a group has that of the optimizer.
        learning_rate: the size of a step, at least 0; assign to it at any time, which changes the
            rates of all groups in proportion.

    Attributes:
        parameters: the list of the Values, those of all groups in turn.
        groups: a ``ParameterGroup`` for each dict; empty where Values were given.
        learning_rate: the rate of the next step.
        initial_learning_rate: the rate it was made with, which schedules scale.
        step_count: the number of steps taken.

    Raises:
        InvalidArgumentError: for a number out of its range, for parameters that are not Values,
            come twice or are themselves results of a computation.

    >>> class SignDescent(Optimizer):
    ...     def coefficients(self, step):
    ...         return (self.learning_rate,)
    ...
    ...     def update(self, xp, parameter, gradient, state, coefficients):
    ...         (learning_rate,) = coefficients
    ...         return learning_rate * xp.sign(gradient), state
    >>> numbers = np.array([1.0, 2.0, 3.0])
    >>> SignDescent(learning_rate=0.5).step_array(numbers, np.array([-3.0, 7.0, 0.0]))
    >>> numbers
    array([1.5, 1.5, 3. ])
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    """What the rule remembers for each parameter."""

    unit_names: ClassVar[tuple[str, ...]] = ()
    """The settings in whose units the state is kept; when one of them changes, so does the state,
    by ``in_present_units``."""

    setting_names: ClassVar[tuple[str, ...]] = ("learning_rate",)
    """What ``repr`` shows."""

    rate_by_name: ClassVar[float] = 0.01
    """The learning rate that ``fit(optimizer="name")`` takes unless one is given."""

    _copies_state = False  # whether the rule keeps what it is given
    _own_state: tuple[NDArray[Any], ...] = ()  # those of ``state_to_step``

    learning_rate = Setting("optimizer.learning_rate = 0.001", at_least=0.0)

    if not TYPE_CHECKING:
        lr = NotASetting("optimizer.learning_rate")

    def __init__(
        self, parameters: Iterable[Parameter | Group] = (), learning_rate: float = 0.001
    ) -> None:
        self._ranges: dict[str, tuple[str, dict[str, float]]] = {}  # of the settings
        self.learning_rate = self._setting("learning_rate", learning_rate, 0.001, at_least=0.0)
        if isinstance(parameters, Iterable):
            parameters = list(parameters)
            self.groups = groups_in(parameters, self.learning_rate, type(self).__name__)
            if self.groups:
                parameters = [p for group in self.groups for p in group.parameters]
        self.parameters = self._checked_parameters(parameters)
        self.initial_learning_rate = self.learning_rate
        self.step_count = 0
        # The state is in one of three places: a tuple for each Value, an array for each name, or
        # loaded and in neither form yet. It is in none of them before the first step. With it go
        # the units that it is in.
        self._state_of_values: tuple[list[tuple[float, ...]], Units] | None = None
        self._state_of_array: tuple[tuple[NDArray[Any], ...], Units] | None = None
        self._loaded_state: tuple[list[NDArray[Any]], Units] | None = None
        # The arrays of the last call, which need no second check, and the coefficients as 0-d
        # arrays: NumPy multiplies a small array by one in half the time that a float takes.
        self._last_parameters: NDArray[Any] | None = None
        self._last_gradients: NDArray[Any] | None = None
        self._stepped: NDArray[Any]  # room for the parameters after a step
        self._coefficient_arrays: tuple[NDArray[Any], ...] = ()
        self._last_coefficients: tuple[float, ...] = ()
        self._factors = None
        self._open = (None, slice(None))

    @abstractmethod
    def coefficients(self, step: int) -> tuple[float, ...]:
        """The numbers of a step that are the same for all parameters.

        Args:
            step: the number of the step, from 1: t in the formulas.
        """

    @abstractmethod
    def update(
        self,
        xp: Interpreter,
        parameter: Number,
        gradient: Number,
        state: tuple[Number, ...],
        coefficients: tuple[Number, ...],
    ) -> tuple[Number, tuple[Number, ...]]:
        """The rule, for one float or for an array with a number for each parameter.

        Args:
            xp: the namespace with ``sqrt``, ``sign``, ``where`` and the others that
                ``functional.declare`` lists, beside ``+ - *`` and comparisons: ``float_math`` or
                ``array_math``. Divide by ``xp.divide`` where there may be 0.
            parameter: the parameter.
            gradient: the derivative of the loss by it.
            state: what the rule remembers, in the order of ``state_names``, zeros at the start.
            coefficients: what ``coefficients(step)`` gave.

        All of them must stay as they are: ``mean = beta * mean``, not ``mean *= beta``.

        Returns:
            What is subtracted from the parameter, and the new state.
        """

    def in_present_units(self, state: tuple[Number, ...], units: Units) -> tuple[Number, ...]:
        """The state that was kept in other units, in those of the present settings.

        Args:
            state: as for ``update``; must stay as it is.
            units: what the settings in ``unit_names`` were.
        """
        return state

    def step(self) -> None:
        """Step every Value once: read its ``grad``, write its ``data``.

        A gradient that was never computed counts as 0.

        Raises:
            InvalidArgumentError: if there are no parameters, or if ``step_array`` was used before.
        """
        states, kept_in = self._state_of_values or self._first_state_of_values()
        units = self._present_units()
        if units != kept_in:
            states = [self.in_present_units(state, kept_in) for state in states]
        step_count = self.step_count + 1
        coefficients = self.coefficients(step_count)
        if self.groups or (changes[0] is not None and self._some_are_frozen()):
            numbers, new_states = self._stepped_in_part(states, coefficients)
        else:
            numbers, new_states = [], []
            for parameter, state in zip(self.parameters, states):
                number, gradient = parameter.data, parameter.grad
                if gradient is None:  # cleared, as in torch
                    gradient = 0.0
                change, new = self.update(float_math, number, gradient, state, coefficients)
                numbers.append(number - change)
                new_states.append(new)
        own = [
            (setattr, self, "_state_of_values", (new_states, units)),
            (setattr, self, "step_count", step_count),
        ]
        parameters: list[Any] = self.parameters
        if all([issubclass(kind, Value) for kind in set(map(type, parameters))]):
            write_numbers(parameters, numbers, and_then=own)
        else:
            call_at_once([*zip(repeat(setattr), parameters, repeat("data"), numbers), *own])

    def step_array(self, parameters: NDArray[Any], gradients: NDArray[Any]) -> None:
        """Step all parameters at once, in place, with the same rule and the same results.

        The arrays of the call before are not checked again. An inf or nan spreads as it does with
        ``step``, but NumPy warns of it, as ``np.errstate`` says.

        Args:
            parameters: the parameters in one flat array of floats, (n_parameters,).
            gradients: the derivative of the loss by each, likewise; stays as it is.

        Raises:
            ShapeError: if a length is not that of before, or not the number of parameters.
            InvalidArgumentError: if these are not arrays of floats of one dtype, or if ``step`` was
                used before.
        """
        given = parameters
        if parameters is not self._last_parameters or gradients is not self._last_gradients:
            self._prepare(parameters, gradients)
            given = parameters.copy()  # to see whether the rule leaves it as it is
        assert self._state_of_array is not None
        state, units = self._state_of_array
        if self.unit_names:
            kept_in, units = units, self._present_units()
            if units != kept_in:
                state = self.in_present_units(state, kept_in)
        step_count = self.step_count + 1
        coefficients = self.coefficients(step_count)
        known = self._last_coefficients
        if coefficients != known:
            self._last_coefficients = ()  # in case this is interrupted
            arrays = self._coefficient_arrays
            for array, number, before in zip(arrays, coefficients, known or repeat(nan)):
                if number != before:
                    array[()] = number
            self._last_coefficients = coefficients
        if self.groups or (changes[0] is not None and self._some_are_frozen()):
            self._step_in_part(parameters, given, gradients, (state, units))
            return
        change, state = self.update(array_math, given, gradients, state, self._coefficient_arrays)
        if given is not parameters:
            self._check_rule(change, given, parameters)
            self._copies_state = any(
                [np.shares_memory(new, old) for new in state for old in (given, gradients)]
            )
        if self._copies_state:
            state = tuple([np.array(column) for column in state])
        stepped = self._stepped
        subtract(parameters, change, stepped)  # aside, as it may fail; what follows cannot
        call_at_once(
            (
                (setattr, self, "_state_of_array", (state, units)),
                (setattr, self, "step_count", step_count),
                (setitem, parameters, ..., stepped),
            )
        )

    def state_to_step(
        self, parameters: NDArray[Any], gradients: NDArray[Any]
    ) -> tuple[NDArray[Any], ...]:
        """The state as arrays in which others take steps, in the units of the present settings.

        Whoever steps them, and the parameters, by the same rule counts in ``step_count``.

        Args:
            parameters: as for ``step_array``.
            gradients: likewise.

        Raises:
            ShapeError, InvalidArgumentError: as ``step_array``.

        >>> from tinygrad_mlp.optim import RMSprop
        >>> parameters, gradients = np.zeros(2), np.ones(2)
        >>> [array.tolist() for array in RMSprop().state_to_step(parameters, gradients)]
        [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
        """
        if parameters is not self._last_parameters or gradients is not self._last_gradients:
            self._prepare(parameters, gradients)
        assert self._state_of_array is not None
        state, kept_in = self._state_of_array
        units = self._present_units()
        if state is self._own_state and units == kept_in:
            return state
        if units != kept_in:
            state = self.in_present_units(state, kept_in)
        own = tuple(
            [aligned(np.broadcast_to(c, parameters.shape).astype(parameters.dtype)) for c in state]
        )
        self._assign(_state_of_array=(own, units), _own_state=own)
        return own

    def zero_grad(self) -> None:
        """Clear the gradient of every parameter."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """What the rule remembers: ``step_count`` and one flat array for each of ``state_names``.

        Beside them stand the settings of ``unit_names``, in whose units the arrays are. All are
        copies and the same whichever way the steps were taken.
        """
        names = self.state_names
        nothing = [np.zeros(len(self.parameters)) for _ in names], self._present_units()
        if self._state_of_values is not None:
            rows, units = self._state_of_values
            columns = [np.array(column) for column in zip(*rows)]
        else:
            before, units = self._state_of_array or self._loaded_state or nothing
            columns = [array.copy() for array in before]
        settings = [np.array(setting) for setting in units]
        return {
            "step_count": np.array(self.step_count),
            **dict(zip(names, columns)),
            **dict(zip(self.unit_names, settings)),
        }

    def load_state_dict(self, state_dict: Mapping[str, NDArray[Any]]) -> None:
        """Take over what ``state_dict`` of the same kind of optimizer gave.

        Afterwards either way of stepping is open, so that training can go from eager to compiled:
        ``optimizer.load_state_dict(optimizer.state_dict())``. The settings stay those of this
        optimizer: averages that were gathered with others go on with these. A setting that is
        missing, as in states of earlier versions, counts as the present one.

        Raises:
            InvalidArgumentError: if a name is missing or unknown, or a setting out of its range.
            ShapeError: if an array is not flat or not as long as there are parameters, or if a
                setting is not one number.
        """
        present = dict(zip(self.unit_names, self._present_units()))
        expected = {"step_count", *self.state_names, *self.unit_names}
        if {*present, *state_dict} != expected:
            raise InvalidArgumentError(
                f"the state of {self} has the names {sorted(expected)}, got {sorted(state_dict)}; "
                f"load what the state_dict() of another {type(self).__name__} gave"
            )
        columns = [np.array(state_dict[name]) for name in self.state_names]
        n_parameters = len(self.parameters) or max([c.size for c in columns], default=0)
        for name, column in zip(self.state_names, columns):
            if column.shape != (n_parameters,):
                raise ShapeError(
                    f"{name!r} in the state of {self} has shape {column.shape}, "
                    f"expected ({n_parameters},), one number for each parameter"
                )
        units = tuple(
            [
                self._checked_unit(name, state_dict[name]) if name in state_dict else setting
                for name, setting in present.items()
            ]
        )
        self._assign(
            step_count=int(state_dict["step_count"]),
            _loaded_state=(columns, units) if n_parameters else None,
            _state_of_values=None,
            _state_of_array=None,
            _last_parameters=None,
        )

    def __getstate__(self) -> dict[str, Any]:
        """For copies of it, which have a state of their own."""
        state = dict(vars(self))
        if self._own_state and self._state_of_array is not None:
            arrays, units = self._state_of_array
            copies = tuple([array.copy() for array in arrays])
            state |= {"_state_of_array": (copies, units), "_own_state": ()}
        return state

    def __repr__(self) -> str:
        settings = [f"{name}={getattr(self, name)!r}" for name in self.setting_names]
        settings += [f"learning_rates={self.learning_rates!r}"] if self.groups else []
        return f"{type(self).__name__}({', '.join(settings)})"

    def _open_both_ways(self) -> None:
        """Let the next step be taken by ``step`` or ``step_array``, whichever took the last one.

        >>> from tinygrad_mlp import Value
        >>> from tinygrad_mlp.optim import SGD
        >>> w = Value(1.0)
        >>> w.grad, optimizer = 2.0, SGD([w], learning_rate=0.25)
        >>> optimizer.step()
        >>> optimizer._open_both_ways()
        >>> optimizer.step_array(np.ones(1), np.ones(1))
        >>> optimizer.step_count
        2
        """
        if self._state_of_values is not None or self._state_of_array is not None:
            self.load_state_dict(self.state_dict())

    def _setting(self, name: str, number: object, example: float, **limits: float) -> float:
        call = f"{type(self).__name__}(parameters, {name}={example})"
        self._ranges[name] = call, limits
        return check_number(number, name, call, **limits)

    def _checked_unit(self, name: str, array: object) -> float:
        """A setting that comes with a state, if it is one that this optimizer could have."""
        unit = np.asarray(array)
        called = f"{name!r} in the state of {self}"
        if unit.shape != ():
            raise ShapeError(f"{called} has shape {unit.shape}, expected (), one number")
        number = unit.item()
        if isinstance(getattr(self, name), bool):
            if number not in (False, True):
                raise InvalidArgumentError(
                    f"{called} is {number!r}, but True or False is needed: np.array(True)"
                )
            return bool(number)
        call, limits = self._ranges.get(name, (f"np.array({getattr(self, name)!r})", {}))
        return check_number(number, called, call, **limits)

    def _checked_parameters(self, parameters: object) -> list[Parameter]:
        call = f"{type(self).__name__}(model.parameters())"
        if not isinstance(parameters, Iterable):
            raise InvalidArgumentError(
                f"parameters must be a list of Values, got {described(parameters)}; for example "
                f"{call}"
            )
        checked: dict[int, Parameter] = {}
        for i, parameter in enumerate(parameters):
            if isinstance(parameter, list | tuple):
                fault = f"is a {type(parameter).__name__}; a group of parameters is a dict"
                call = call_with_groups(type(self).__name__)
            elif not (hasattr(parameter, "data") and hasattr(parameter, "grad")):
                fault = "is not a Value"
            elif not getattr(parameter, "is_leaf", True):
                fault = "was computed from other Values; only leaves can be trained"
            elif id(parameter) in checked:
                fault = "stands in the list a second time"
            else:
                checked[id(parameter)] = parameter
                continue
            raise InvalidArgumentError(
                f"parameter number {i}, {described(parameter)}, {fault}; for example {call}"
            )
        return list(checked.values())

    def _assign(self, **attributes: Any) -> None:
        assign_at_once([self] * len(attributes), attributes.keys(), attributes.values())

    def _present_units(self) -> Units:
        return tuple(map(self.__getattribute__, self.unit_names))

    def _first_state_of_values(self) -> tuple[list[tuple[float, ...]], Units]:
        if not self.parameters:
            raise InvalidArgumentError(
                f"{self} has no parameters to step; for example "
                f"{type(self).__name__}(model.parameters())"
            )
        if self._state_of_array is not None:
            self._refuse_mixing("step_array()", "step()")
        if self._loaded_state and self.state_names:
            columns, units = self._loaded_state
            return list(zip(*[column.tolist() for column in columns])), units
        zeros = (0.0,) * len(self.state_names)
        return [zeros] * len(self.parameters), self._present_units()

    def _prepare(self, parameters: NDArray[Any], gradients: NDArray[Any]) -> None:
        """Check arrays that ``step_array`` has not seen, and make the state fit to them."""
        if self._state_of_values is not None:
            self._refuse_mixing("step()", "step_array()")
        _check_arrays(parameters, gradients)
        nothing: tuple[list[NDArray[Any]], Units] = [], self._present_units()
        before, units = self._state_of_array or self._loaded_state or nothing
        n_expected = before[0].size if before else len(self.parameters) or parameters.size
        if parameters.size != n_expected:
            raise ShapeError(f"{self} steps {n_expected} parameters, got {parameters.size}")
        columns = before or [np.zeros_like(parameters) for _ in self.state_names]
        dtype = parameters.dtype
        self._assign(
            _state_of_array=(tuple([c.astype(dtype, copy=False) for c in columns]), units),
            _last_parameters=parameters,
            _last_gradients=gradients,
            _stepped=np.empty_like(parameters),
            _coefficient_arrays=tuple([np.array(c, dtype) for c in self.coefficients(1)]),
            _last_coefficients=(),
            _factors=None,
            _open=(None, slice(None)),
        )

    def _check_rule(
        self, change: NDArray[Any], given: NDArray[Any], parameters: NDArray[Any]
    ) -> None:
        """Raise if the rule steps the parameters itself, instead of returning the change."""
        if np.shares_memory(change, given) or given.tobytes() != parameters.tobytes():
            self._last_parameters = None  # so that the next call tries it again
            raise InvalidArgumentError(
                f"{type(self).__name__}.update changed the parameters or returned them, but what "
                "is subtracted from them is needed, in an array of its own: "
                "return learning_rate * gradient, state"
            )

    def _refuse_mixing(self, before: str, now: str) -> None:
        raise InvalidArgumentError(
            f"{self} was stepped with {before}, so {now} would begin without its state; "
            "to take the state along: optimizer.load_state_dict(optimizer.state_dict())"
        )


def _check_arrays(parameters: object, gradients: object) -> None:
    """Raise unless these are two flat arrays of floats, alike in length and dtype."""
    for name, array in (("parameters", parameters), ("gradients", gradients)):
        if not (isinstance(array, np.ndarray) and np.issubdtype(array.dtype, np.floating)):
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise InvalidArgumentError(
                f"{name} must be a NumPy array of floats, got {kind}; "
                f"for example {name} = np.array([0.5, -0.5])"
            )
    assert isinstance(parameters, np.ndarray)
    assert isinstance(gradients, np.ndarray)
    if parameters.ndim != 1 or gradients.shape != parameters.shape:
        raise ShapeError(
            "step_array takes two flat arrays of one length, got parameters of shape "
            f"{parameters.shape} and gradients of shape {gradients.shape}; "
            "for example step_array(weights.reshape(-1), gradients.reshape(-1))"
        )
    if gradients.dtype != parameters.dtype:
        raise InvalidArgumentError(
            f"parameters are {parameters.dtype}, gradients {gradients.dtype}; "
            f"for example gradients.astype(np.{parameters.dtype})"
        )
    if not parameters.flags.writeable:
        raise InvalidArgumentError(
            "parameters cannot be written to, so they cannot be stepped in place; "
            "for example parameters = parameters.copy()"
        )
