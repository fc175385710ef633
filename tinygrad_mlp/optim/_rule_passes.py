"""The rule of an optimizer as passes of the library over blocks of parameters.

The rule is run once on stand-ins of its arrays (``_native._stand_ins``), so there is no second list
of rules: those of the package and those of a person become passes alike, where they can.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping, Set
from copy import copy
from itertools import chain
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp._freezing import changes
from tinygrad_mlp._native._passes import Passes, passes_of
from tinygrad_mlp._native._stand_ins import StandIn, Trace, UntraceableError
from tinygrad_mlp.optim._base import Optimizer

__all__ = ["coefficient_rows", "is_of_package", "refusal", "settings_of", "traced_rule"]

_OF_STEPS: Final = frozenset(
    {
        *("step_count", "_state_of_values", "_state_of_array", "_loaded_state", "_own_state"),
        *("_last_parameters", "_last_gradients", "_stepped", "_coefficient_arrays"),
        *("_last_coefficients", "_factors", "_open", "_copies_state"),
    }
)
"""The attributes that steps change by themselves."""


_WITH_RATE: Final = _OF_STEPS | {"learning_rate"}


_FIXED: Final = frozenset({"parameters", "groups"})
"""Lists as long as the model is large, which no rule has a reason to change."""


_NO_SETTINGS: Final = _OF_STEPS | _FIXED | {"_ranges"}


class _Unknown:
    """Stands for a number that is another one in each step."""

    def _refuse(self, *_: object) -> NoReturn:
        raise UntraceableError("it depends on the number of the step")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __hash__ = _refuse
    __index__ = __int__ = __float__ = __format__ = __str__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __mod__ = __pow__ = __rpow__ = _refuse


_UNKNOWN: Final[Any] = _Unknown()


def refusal(optimizer: Optimizer) -> str:
    """Why its steps cannot be many in one call, whatever its rule; empty if they can.

    >>> from tinygrad_mlp import Value
    >>> from tinygrad_mlp.optim import SGD
    >>> refusal(SGD()), refusal(SGD([{"parameters": [Value(1.0)]}]))
    ('', 'groups of parameters have rates of their own')
    """
    if type(optimizer).step_array is not Optimizer.step_array:
        return f"{type(optimizer).__name__} has a step_array of its own"
    if optimizer.groups:
        return "groups of parameters have rates of their own"
    if changes[0] is not None and optimizer._some_are_frozen():
        return "some parameters are frozen"
    return ""


def settings_of(optimizer: Optimizer, reads_rate: bool = True) -> list[Any]:
    """All that the rule may read of its optimizer; another rule has other objects in it.

    Args:
        optimizer: the optimizer.
        reads_rate: whether the learning rate is among it.

    >>> from tinygrad_mlp.optim import SGD
    >>> optimizer = SGD(momentum=0.5)
    >>> before = settings_of(optimizer)
    >>> optimizer.momentum = 0.25
    >>> any([x is not y for x, y in zip(before, settings_of(optimizer))])
    True
    """
    left_out = _OF_STEPS if reads_rate else _WITH_RATE
    return [value for name, value in vars(optimizer).items() if name not in left_out]


def traced_rule(
    optimizer: Optimizer,
    parameters: NDArray[Any],
    clip_value: float | None,
    operations: Mapping[str, int],
) -> tuple[Passes, bool]:
    """The passes that clip each gradient, step the parameters and change the state.

    The arrays are the parameters, the gradients, and the state.

    Args:
        optimizer: the optimizer; stays as it is.
        parameters: what is to be stepped.
        clip_value: the largest size of each gradient; None for no limit.
        operations: those of the library.

    Returns:
        The passes, and whether the rule reads the learning rate beside its coefficients.

    Raises:
        UntraceableError: if the rule does what cannot be traced, or does something else each time.

    >>> from tinygrad_mlp.optim import SGD
    >>> operations = {"multiply": 1, "subtract": 2}
    >>> passes, reads_rate = traced_rule(SGD(), np.zeros(10), None, operations)
    >>> passes.rest[:, 0].tolist(), reads_rate
    ([1, 2], False)
    """
    given = (optimizer, parameters, clip_value, operations)
    read = _all_that_is_read(optimizer)
    if read is None:
        return _newly_traced(*given)
    key = (*read, parameters.size, parameters.dtype, repr(clip_value))
    known = _known_rules.get(key)
    if known is None or known[0] is not operations:
        if len(_known_rules) >= _MOST_KNOWN:
            _known_rules.clear()
        known = _known_rules[key] = operations, _newly_traced(*given)
    return known[1]


_MOST_KNOWN: Final = 64

_known_rules: Final[dict[Hashable, tuple[Mapping[str, int], tuple[Passes, bool]]]] = {}
"""The passes of rules of the package by all that these read: one training follows the other."""


def _all_that_is_read(optimizer: Optimizer) -> tuple[Hashable, ...] | None:
    """What the rule of an optimizer is made of; None where that is not its settings alone."""
    if not is_of_package(optimizer):
        return None
    kind = type(optimizer)
    settings = {name: x for name, x in vars(optimizer).items() if name not in _NO_SETTINGS}
    if not all([isinstance(x, float | int) for x in settings.values()]):
        return None  # such as a method that somebody has put into it
    return kind, kind.update, kind.coefficients, *[(name, repr(x)) for name, x in settings.items()]


def _newly_traced(*given: Any) -> tuple[Passes, bool]:
    try:
        return _traced_alike(*given, unknown=_WITH_RATE), False
    except UntraceableError:
        return _traced_alike(*given, unknown=_OF_STEPS), True


def is_of_package(optimizer: Optimizer) -> bool:
    """Whether its rule is one of ours: it does the same each time, and changes no setting.

    >>> from tinygrad_mlp.optim import SGD
    >>> Own = type("Own", (SGD,), {"__module__": "a_module_of_yours"})
    >>> is_of_package(SGD()), is_of_package(Own())
    (True, False)
    """
    package, _, _ = __name__.partition(".")
    return type(optimizer).__module__.startswith(f"{package}.")


def _traced_alike(*given: Any, unknown: Set[str]) -> Passes:
    """The passes of a rule that gives the same twice; ours are known to do so."""
    n_times = 1 if is_of_package(given[0]) else 2
    try:
        first, *others = [_trace(*given, unknown=unknown) for _ in range(n_times)]
    except UntraceableError:
        raise
    except Exception as error:  # a rule may do anything with what is no array
        raise UntraceableError(f"its rule raises {type(error).__name__}: {error}") from error
    if not all([first.same_as(other) for other in others]):
        raise UntraceableError("its rule does something else each time")
    return first


def _trace(
    optimizer: Optimizer,
    parameters: NDArray[Any],
    clip_value: float | None,
    operations: Mapping[str, int],
    *,
    unknown: Set[str],
) -> Passes:
    trace = Trace(parameters.dtype)
    probe, of_steps = _without(optimizer, unknown), _without(optimizer, _OF_STEPS)
    checked = () if is_of_package(optimizer) else (probe, of_steps)
    before = [_contents(each) for each in checked]
    numbers, gradients, *state = arrays = [trace.array() for _ in (0, 1, *probe.state_names)]
    coefficients = [trace.number() for _ in of_steps.coefficients(1)]
    clipped = gradients
    if clip_value is not None:
        limited: Any = np.minimum(np.maximum(gradients, -clip_value), clip_value)
        clipped = StandIn(trace, limited.node, given=True)
    change, new = probe.update(array_math, numbers, clipped, tuple(state), tuple(coefficients))
    if before != [_contents(each) for each in checked]:
        raise UntraceableError("its rule changes the optimizer")
    results = [np.subtract(numbers, change), clipped, *new]
    if len(results) != len(arrays) or not all([isinstance(x, StandIn) for x in results]):
        raise UntraceableError("its rule does not give an array for each of state_names")
    return passes_of(
        trace,
        [array.node for array in arrays],
        [number.node for number in coefficients],
        {place: result.node for place, result in enumerate(results)},
        parameters.size,
        operations,
    )


def _without(optimizer: Optimizer, names: Set[str]) -> Any:
    """The optimizer once more, for a trace, in which nobody knows what these names stand for."""
    probe: Any = object.__new__(type(optimizer))
    for name, value in vars(optimizer).items():
        known = copy(value) if _can_be_filled(name, value) else value
        vars(probe)[name] = _UNKNOWN if name in names else known
    return probe


def _contents(optimizer: Any) -> dict[str, tuple[int, str]]:
    """Which objects its attributes are, and what is in those that can be filled."""
    return {
        name: (id(value), repr(value) if _can_be_filled(name, value) else "")
        for name, value in vars(optimizer).items()
    }


def _can_be_filled(name: str, value: object) -> bool:
    return isinstance(value, list | dict | set | deque | np.ndarray) and name not in _FIXED


def coefficient_rows(optimizer: Optimizer, n_steps: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The coefficients of the next steps; one row alone where they do not depend on the step.

    >>> from tinygrad_mlp.optim import SGD
    >>> coefficient_rows(SGD(learning_rate=0.5), 3, np.dtype("float64")).tolist()
    [[0.5, 0.0, 0.0]]
    """
    try:
        return np.array([optimizer.coefficients(_UNKNOWN)], dtype)
    except Exception:  # what a number can do, and it cannot
        pass
    first = optimizer.step_count + 1
    rows = [optimizer.coefficients(step) for step in range(first, first + n_steps)]
    return np.fromiter(chain.from_iterable(rows), dtype).reshape(n_steps, -1)
