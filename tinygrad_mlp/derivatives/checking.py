"""The gradient checker: the engine's derivatives of any function against two that need no rules.

Central differences evaluate the function a step to either side; complex step evaluates its recorded
graph on complex numbers, by the same table of operations but without a single local derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import isfinite
from typing import Final

import numpy as np

from tinygrad_mlp import array_math
from tinygrad_mlp.derivatives.gradients import evaluate, grad
from tinygrad_mlp.engine import Number, Value, as_value, topological_order
from tinygrad_mlp.errors import GradientCheckError, InvalidArgumentError

__all__ = ["GradientReport", "check_gradients"]

_MACHINE_EPSILON: Final = float(np.finfo(np.float64).eps)
_COMPLEX_STEP: Final = 1e-20  # any tiny number: nothing is subtracted, so nothing cancels
_COMPLEX_STEP_TOLERANCE: Final = 1e-9  # relative; absolute, a thousandth of it


@dataclass(frozen=True)
class GradientReport:
    """What ``check_gradients`` found: the same gradient from two or three sources, (n,) each.

    Args:
        point: where the function was differentiated.
        gradient: from the engine.
        central_differences: (f(x + h) - f(x - h)) / (2 h).
        complex_step: Im f(x + i h) / h, or None where a rule of the graph is not analytic.

    >>> print(GradientReport((2.0,), (4.0,), (4.000001,), None))
    argument          point         engine   central diff.   complex step
           0              2              4       4.000001              -
    largest difference: 2.5e-07
    """

    point: tuple[float, ...]
    gradient: tuple[float, ...]
    central_differences: tuple[float, ...]
    complex_step: tuple[float, ...] | None

    @property
    def largest_difference(self) -> float:
        """The largest ``|engine - central| / max(1, |engine|, |central|)``; 0.0 for no arguments.

        >>> GradientReport((2.0,), (4.0,), (5.0,), None).largest_difference
        0.2
        """
        return max(
            (
                abs(engine - central) / max(1.0, abs(engine), abs(central))
                for engine, central in zip(self.gradient, self.central_differences)
            ),
            default=0.0,
        )

    def __str__(self) -> str:
        lines = ["argument          point         engine   central diff.   complex step"]
        complex_step = self.complex_step or ("-",) * len(self.point)
        for index, (x, engine, central, step) in enumerate(
            zip(self.point, self.gradient, self.central_differences, complex_step)
        ):
            last = step if isinstance(step, str) else f"{step:.8g}"
            lines.append(f"{index:8} {x:14.8g} {engine:14.8g} {central:15.8g} {last:>14}")
        lines.append(f"largest difference: {self.largest_difference:.2g}")
        return "\n".join(lines)


def check_gradients(
    function: Callable[..., Value],
    point: Sequence[Number],
    *,
    relative: float = 1e-6,
    absolute: float = 1e-8,
    step: float | None = None,
) -> GradientReport:
    """Compare the engine's gradient of your own function with derivatives found without its rules.

    Central differences, (f(x + h) - f(x - h)) / (2 h), check every function. Where every rule in
    its graph is analytic, complex step, Im f(x + i h) / h, checks it to nearly all digits.

    Args:
        function: takes as many Values as ``point`` has numbers, returns one Value.
        point: where to differentiate; keep away from kinks (relu at 0) and from the edges of the
            domain (log at 0), where central differences mean nothing.
        relative: how far the engine may be from central differences, as a part of the larger one.
        absolute: how far it may be beyond that; rounding in f(x + h) - f(x - h) is allowed for.
        step: h; the cube root of the machine epsilon (6e-6) times max(1, |x|) unless given, which
            balances the error of the formula, of order h^2, and of rounding, of order 1 / h.

    Returns:
        The numbers side by side; print it.

    Raises:
        GradientCheckError: if they differ; the message names the argument and the numbers.
        InvalidArgumentError: if the function is not finite at the point, or the step is not
            positive.

    Source: Squire and Trapp, "Using complex variables to estimate derivatives of real functions",
    SIAM Review 40 (1998).

    >>> print(check_gradients(lambda x, y: (x * y).tanh() + x, [0.5, 2.0]))
    argument          point         engine   central diff.   complex step
           0            0.5      1.8399487       1.8399487      1.8399487
           1              2     0.20998717      0.20998717     0.20998717
    largest difference: ...
    """
    if step is not None and not step > 0.0:
        raise InvalidArgumentError(f"the step must be positive, got {step}; try step=1e-6")
    numbers = [Value(x).data for x in point]
    inputs = [Value(x) for x in numbers]
    output = as_value(function(*inputs))
    if not np.isfinite(output.data):
        raise InvalidArgumentError(
            f"the function is {output.data} at {tuple(numbers)}; "
            "give a point at which it is finite, for example x > 0 for log(x)"
        )
    central, noise = _central_differences(function, numbers, step)
    bounds = [absolute + rounding for rounding in noise]
    imaginary = _complex_step(output, inputs)
    if imaginary is not None and not all(map(_agree, imaginary, central, bounds, repeat(relative))):
        imaginary = None  # a branch cut: complex numbers continue another function from here
    report = GradientReport(tuple(numbers), tuple(grad(output, inputs)), central, imaginary)
    for index, bound in enumerate(bounds):
        _compare(report, index, "central differences give", central, bound, relative)
        if imaginary is not None:
            tiny, relative_tiny = 1e-3 * _COMPLEX_STEP_TOLERANCE, _COMPLEX_STEP_TOLERANCE
            _compare(report, index, "complex step gives", imaginary, tiny, relative_tiny)
    return report


def _central_differences(
    function: Callable[..., Value], point: Sequence[float], step: float | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The differences, and per argument what rounding may have done to them.

    The function is computed with its graph, since it may differentiate something itself.
    """
    differences = []
    noise = []
    for index, x in enumerate(point):
        size = step or _MACHINE_EPSILON ** (1 / 3) * max(1.0, abs(x))
        above, below = x + size, x - size  # rounded, so that their distance is not quite 2 size
        f_above, f_below = (
            as_value(function(*map(Value, [*point[:index], shifted, *point[index + 1 :]]))).data
            for shifted in (above, below)
        )
        differences.append((f_above - f_below) / (above - below))
        noise.append(8.0 * _MACHINE_EPSILON * max(abs(f_above), abs(f_below)) / size)
    return tuple(differences), tuple(noise)


def _complex_step(output: Value, inputs: Sequence[Value]) -> tuple[float, ...] | None:
    """All derivatives by one pass over the graph on complex arrays, one slot per input.

    None where the rules do not hold for complex numbers, or where complex arithmetic overflows.
    """
    order = topological_order(output)
    if not all(node.op is None or node.op.analytic for node in order if node.parents):
        return None
    numbers = {leaf: np.full(len(inputs), leaf.data, complex) for leaf in order if leaf.is_leaf}
    for index, x in enumerate(inputs):
        if x in numbers:
            numbers[x][index] += 1j * _COMPLEX_STEP
    with np.errstate(all="ignore"):
        result = np.imag(evaluate(output, numbers, array_math)) / _COMPLEX_STEP
    return tuple(result.tolist()) if np.isfinite(result).all() else None


def _agree(a: float, b: float, absolute: float, relative: float) -> bool:
    """Whether a and b are near enough; nan and inf never are."""
    bound = absolute + relative * max(abs(a), abs(b))
    return isfinite(a) and isfinite(b) and abs(a - b) <= bound


def _compare(
    report: GradientReport,
    index: int,
    what: str,
    numeric: Sequence[float],
    absolute: float,
    relative: float,
) -> None:
    engine, other = report.gradient[index], numeric[index]
    if not _agree(engine, other, absolute, relative):
        bound = absolute + relative * max(abs(engine), abs(other))
        raise GradientCheckError(
            f"argument {index} at {report.point}: the engine's derivative is {engine!r}, {what} "
            f"{other!r}, and they may differ by {bound:.2g}. Either a local derivative is wrong, "
            "or the point lies at a kink, a jump or an edge of the domain: try another point\n"
            f"{report}"
        )
