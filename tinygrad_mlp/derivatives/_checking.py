"""The gradient checker: the engine's derivatives of any function against two that need no rules.

Central differences evaluate the function a step to either side; complex step evaluates its recorded
graph on complex numbers, by the same table of operations but without a single local derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final

import numpy as np

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp._arguments import check_number
from tinygrad_mlp._text import described
from tinygrad_mlp._words import our_words
from tinygrad_mlp.derivatives._gradients import evaluate, grad
from tinygrad_mlp.engine import Number, Value, as_value, topological_order
from tinygrad_mlp.errors import GradientCheckError, InvalidArgumentError

__all__ = ["GradientReport", "check_gradients"]

_MACHINE_EPSILON: Final = float(np.finfo(np.float64).eps)
_COMPLEX_STEP: Final = 1e-20  # any tiny number: nothing is subtracted, so nothing cancels
_SMALLER_STEPS: Final = 16


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


@our_words
def check_gradients(
    function: Callable[..., Value],
    point: Sequence[Number],
    *,
    relative: float = 1e-6,
    absolute: float = 1e-8,
    step: float | None = None,
    order: int = 1,
) -> GradientReport:
    """Compare the engine's gradient of your own function with derivatives found without its rules.

    Central differences, (f(x + h) - f(x - h)) / (2 h), check every function; where they disagree,
    smaller steps are tried until they settle. Where every rule in the graph is analytic, complex
    step, Im f(x + i h) / h, checks it to nearly all digits, and decides where no step settles.

    Args:
        function: takes as many Values as ``point`` has numbers, returns one Value.
        point: where to differentiate; keep away from kinks (relu at 0) and from the edges of the
            domain (log at 0), where central differences mean nothing.
        relative: how far the engine may be from central differences, as a part of the larger one.
        absolute: how far it may be beyond that; rounding in f(x + h) - f(x - h) is allowed for.
        step: h, and no other; by default at first the cube root of the machine epsilon (6e-6) times
            max(1, |x|), which balances the error of the formula, of order h^2, and of rounding, of
            order 1 / h.
        order: 2 to compare the second derivatives as well, those of each derivative by every
            argument: what an operation of your own is asked for by ``create_graph=True``.

    Returns:
        The numbers of the first derivatives side by side; print it.

    Raises:
        GradientCheckError: if they differ; the message names the argument, the order and the
            numbers.
        InvalidArgumentError: if the function is not finite at the point, the point is no list of
            numbers, the step is not positive or too small to change it, or the order is not 1 or 2.

    Source: Squire and Trapp, "Using complex variables to estimate derivatives of real functions",
    SIAM Review 40 (1998).

    >>> print(check_gradients(lambda x, y: (x * y).tanh() + x, [0.5, 2.0]))
    argument          point         engine   central diff.   complex step
           0            0.5      1.8399487       1.8399487      1.8399487
           1              2     0.20998717      0.20998717     0.20998717
    largest difference: ...
    """
    if not callable(function):
        raise InvalidArgumentError(
            f"the function is {described(function)}, but a function of Values is needed, not its "
            "result: check_gradients(lambda x: x**2, [2.0])"
        )
    if order not in (1, 2):
        raise InvalidArgumentError(
            f"the order is {described(order)}, but first and second derivatives can be checked: "
            "check_gradients(function, point, order=2)"
        )
    if step is not None:
        step = check_number(step, "step", "check_gradients(function, point, step=1e-6)", above=0.0)
    if not hasattr(point, "__iter__"):
        raise InvalidArgumentError(
            f"the point is {described(point)}, but a list of numbers is needed, one for each "
            "argument "
            f"of the function: check_gradients(function, [{described(point)}])"
        )
    numbers = [Value(x).data for x in point]
    inputs = [Value(x) for x in numbers]
    output = as_value(function(*inputs))
    if not np.isfinite(output.data):
        raise InvalidArgumentError(
            f"the function is {output.data} at {tuple(numbers)}; "
            "give a point at which it is finite, for example x > 0 for log(x)"
        )
    gradient = tuple(grad(output, inputs))
    tolerance = _Tolerance(absolute, relative)
    central = [
        _central_difference(function, numbers, index, step, gradient[index], tolerance)
        for index in range(len(numbers))
    ]
    imaginary = _complex_step(output, inputs)
    if imaginary is not None and not all(
        tolerance.agree(by_complex, difference.slope, difference.noise)
        for by_complex, difference in zip(imaginary, central)
        if difference.settled
    ):
        imaginary = None  # a branch cut: complex numbers continue another function from here
    slopes = tuple(difference.slope for difference in central)
    report = GradientReport(tuple(numbers), gradient, slopes, imaginary)
    for index, difference in enumerate(central):
        exact = imaginary is not None and _EXACT.agree(gradient[index], imaginary[index])
        if difference.settled or not exact:
            _compare(report, index, "central differences give", slopes, tolerance, difference.noise)
        if imaginary is not None:
            _compare(report, index, "complex step gives", imaginary, _EXACT)
    if order == 2:
        _check_second(function, numbers, relative=relative, absolute=absolute, step=step)
    return report


def _check_second(
    function: Callable[..., Value], numbers: Sequence[float], **settings: Any
) -> None:
    """Check the derivative by each argument as a function of all of them."""
    for index in range(len(numbers)):

        def slope(*inputs: Value, index: int = index) -> Value:
            (derivative,) = grad(function(*inputs), [inputs[index]], create_graph=True)
            return derivative

        try:
            check_gradients(slope, numbers, **settings)
        except GradientCheckError as error:
            raise GradientCheckError(
                f"second derivatives: of the derivative by argument {index}, {error}\n"
                "Where the curve is smooth, its local derivative may have no part with a kink, "
                "such as xp.absolute or xp.where"
            ) from None


@dataclass(frozen=True)
class _Tolerance:
    """How far two derivatives may be from one another."""

    absolute: float
    relative: float

    def bound(self, a: float, b: float, noise: float = 0.0) -> float:
        """The largest difference that is let pass."""
        return self.absolute + noise + self.relative * max(abs(a), abs(b))

    def agree(self, a: float, b: float, noise: float = 0.0) -> bool:
        """Whether a and b are near enough; nan and inf never are."""
        return isfinite(a) and isfinite(b) and abs(a - b) <= self.bound(a, b, noise)


_EXACT: Final = _Tolerance(1e-12, 1e-9)
"""For complex step, in which nothing cancels."""


@dataclass(frozen=True)
class _Difference:
    """A central difference, and what rounding may have done to it.

    It is settled unless a smaller step still changes it.
    """

    slope: float
    noise: float
    settled: bool = True


def _central_difference(
    function: Callable[..., Value],
    point: Sequence[float],
    index: int,
    step: float | None,
    engine: float,
    tolerance: _Tolerance,
) -> _Difference:
    """The slope along one argument.

    The usual step is far too long where the function bends within it or ends. So if the engine says
    something else, ever smaller steps are tried, and Richardson's extrapolation from the last two,
    (16 D(h/4) - D(h)) / 15, whose error is of order h^4, until it agrees with the last one.
    """
    x = point[index]
    size = step or _MACHINE_EPSILON ** (1 / 3) * max(1.0, abs(x))
    first = last = _difference(function, point, index, size)
    if step is not None or tolerance.agree(engine, first.slope, first.noise):
        return first
    for _ in range(_SMALLER_STEPS):
        size /= 4.0
        if x + size == x - size:
            break
        finer = _difference(function, point, index, size)
        slope = (16.0 * finer.slope - last.slope) / 15.0
        if abs(slope - finer.slope) + finer.noise <= tolerance.bound(slope, finer.slope):
            return replace(finer, slope=slope)
        last = finer
    return replace(first, settled=False)


def _difference(
    function: Callable[..., Value], point: Sequence[float], index: int, size: float
) -> _Difference:
    """(f(x + h) - f(x - h)) / (2 h).

    The function is computed with its graph, since it may differentiate something itself.
    """
    above, below = point[index] + size, point[index] - size
    if above == below:
        raise InvalidArgumentError(
            f"the step {size:g} changes nothing at {point[index]!r}; try step=1e-6"
        )
    f_above, f_below = (
        as_value(function(*map(Value, [*point[:index], shifted, *point[index + 1 :]]))).data
        for shifted in (above, below)
    )
    # above and below are rounded, so that their distance is not quite 2 size
    noise = 8.0 * _MACHINE_EPSILON * max(abs(f_above), abs(f_below)) / size
    return _Difference((f_above - f_below) / (above - below), noise)


def _complex_step(output: Value, inputs: Sequence[Value]) -> tuple[float, ...] | None:
    """All derivatives by one pass over the graph on complex arrays, one slot per input.

    None where the rules do not hold for complex numbers, or where complex arithmetic overflows.
    """
    order = topological_order(output)
    if not all(node.op is None or node.op.analytic for node in order if node.parents):
        return None
    numbers = {leaf: np.full(len(inputs), leaf.data, complex) for leaf in order if leaf.is_leaf}
    # far below the size of x, also where x is nearly 0
    steps = _COMPLEX_STEP * np.array([min(1.0, abs(x.data)) or 1.0 for x in inputs])
    for index, x in enumerate(inputs):
        if x in numbers:
            numbers[x][index] += 1j * steps[index]
    with np.errstate(all="ignore"):
        result = np.imag(evaluate(output, numbers, array_math)) / steps
    return tuple(result.tolist()) if np.isfinite(result).all() else None


def _compare(
    report: GradientReport,
    index: int,
    what: str,
    numeric: Sequence[float],
    tolerance: _Tolerance,
    noise: float = 0.0,
) -> None:
    engine, other = report.gradient[index], numeric[index]
    if not tolerance.agree(engine, other, noise):
        bound = tolerance.bound(engine, other, noise)
        raise GradientCheckError(
            f"argument {index} at {report.point}: the engine's derivative is {engine!r}, {what} "
            f"{other!r}, and they may differ by {bound:.2g}. Either a local derivative is wrong, "
            "or the point lies at a kink, a jump or an edge of the domain: try another point\n"
            f"{report}"
        )
