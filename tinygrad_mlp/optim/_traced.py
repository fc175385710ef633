"""The rule of an optimizer as passes of the library over blocks of parameters.

The rule is run once on stand-ins of its arrays (``_native._tracing``), so there is no second list
of rules: those of the package and those of a person become passes alike, where they can.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp._freezing import changes
from tinygrad_mlp._native._passes import Passes, passes_of
from tinygrad_mlp._native._tracing import StandIn, Trace, UntraceableError
from tinygrad_mlp.optim._base import Optimizer

__all__ = ["coefficient_rows", "refusal", "settings_of", "traced_rule"]

_OF_STEPS: Final = frozenset(
    {
        *("step_count", "_state_of_values", "_state_of_array", "_loaded_state", "_own_state"),
        *("_last_parameters", "_last_gradients", "_stepped", "_coefficient_arrays"),
        *("_last_coefficients", "_factors", "_open", "_copies_state"),
    }
)
"""The attributes that steps change by themselves."""


class _Unknown:
    """Stands for a number that is another one in each step."""

    def _refuse(self, *_: object) -> NoReturn:
        raise UntraceableError("it depends on the number of the step")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __hash__ = _refuse  # type: ignore[assignment]
    __index__ = __int__ = __float__ = __format__ = __str__ = _refuse  # type: ignore[assignment]
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


def settings_of(optimizer: Optimizer) -> list[Any]:
    """All that the rule may read of its optimizer; another rule has other objects in it.

    >>> from tinygrad_mlp.optim import SGD
    >>> optimizer = SGD(momentum=0.5)
    >>> before = settings_of(optimizer)
    >>> optimizer.momentum = 0.25
    >>> any([x is not y for x, y in zip(before, settings_of(optimizer))])
    True
    """
    return [value for name, value in vars(optimizer).items() if name not in _OF_STEPS]


def traced_rule(
    optimizer: Optimizer,
    parameters: NDArray[Any],
    clip_value: float | None,
    operations: Mapping[str, int],
) -> Passes:
    """The passes that clip each gradient, step the parameters and change the state.

    The arrays are the parameters, the gradients, and the state.

    Args:
        optimizer: the optimizer; stays as it is.
        parameters: what is to be stepped.
        clip_value: the largest size of each gradient; None for no limit.
        operations: those of the library.

    Raises:
        UntraceableError: if the rule does what cannot be traced, or does something else each time.

    >>> from tinygrad_mlp.optim import SGD
    >>> operations = {"multiply": 1, "subtract": 2}
    >>> passes = traced_rule(SGD(), np.zeros(10), None, operations)
    >>> passes.rest[:, 0].tolist()
    [1, 2]
    """
    try:
        made = [_trace(optimizer, parameters, clip_value, operations) for _ in range(2)]
    except UntraceableError:
        raise
    except Exception as error:  # a rule may do anything with what is no array
        raise UntraceableError(f"its rule raises {type(error).__name__}: {error}") from error
    if not made[0].same_as(made[1]):
        raise UntraceableError("its rule does something else each time")
    return made[0]


def _trace(
    optimizer: Optimizer,
    parameters: NDArray[Any],
    clip_value: float | None,
    operations: Mapping[str, int],
) -> Passes:
    trace = Trace(parameters.dtype)
    probe = _without_steps(optimizer)
    before = dict(vars(probe))
    numbers, gradients, *state = arrays = [trace.array() for _ in (0, 1, *probe.state_names)]
    coefficients = [trace.number() for _ in probe.coefficients(1)]
    clipped = gradients
    if clip_value is not None:
        limited = np.minimum(np.maximum(gradients, -clip_value), clip_value)
        clipped = StandIn(trace, limited.node, given=True)
    change, new = probe.update(array_math, numbers, clipped, tuple(state), tuple(coefficients))
    if any([before.get(name, probe) is not value for name, value in vars(probe).items()]):
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


def _without_steps(optimizer: Optimizer) -> Any:
    """A copy for the trace, in which nothing stands that is another thing in each step."""
    probe = copy(optimizer)
    vars(probe).update(dict.fromkeys(_OF_STEPS & vars(probe).keys(), _UNKNOWN))
    return probe


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
    return np.array(rows, dtype)
