"""How the losses of single numbers become one loss: mean, sum, or none, which leaves them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from tinygrad_mlp import functional
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value, as_value
from tinygrad_mlp.errors import ShapeError, UnknownNameError
from tinygrad_mlp.losses._targets import Kind

__all__ = ["REDUCTIONS", "Reduction", "is_sequence", "loss_of_each", "reduced"]

Reduction = Literal["mean", "sum", "none"]
"""The mean over all numbers, their sum, or the losses as they are, in the shape of the outputs."""

REDUCTIONS: Final[tuple[Reduction, ...]] = ("mean", "sum", "none")
"""The known reductions."""


def loss_of_each(
    element: Callable[[Value, Value], Value],
    kind: Kind,
    outputs: Any,
    targets: Any,
    place: tuple[int, ...] = (),
) -> Any:
    """``element(output, target)`` for each output, nested as the outputs are.

    Args:
        element: the loss of one number.
        kind: what the targets may be.
        outputs: one Value, a sequence of them, or a sequence of such sequences.
        targets: Values or numbers in the same shape; arrays too. One number and a sequence of one
            stand for each other.
        place: where these outputs are among all of them, for the messages.

    Raises:
        DataError: if a target is not of the kind.
        ShapeError: if the shapes differ.

    >>> from tinygrad_mlp.losses._targets import NUMBERS
    >>> loss_of_each(Value.__sub__, NUMBERS, [Value(3.0), Value(5.0)], [1.0, 1.0])
    [Value(data=2.0, grad=0.0), Value(data=4.0, grad=0.0)]
    """
    if not is_sequence(outputs):
        if is_sequence(targets) and len(targets) == 1:
            (targets,) = targets
        if is_sequence(targets):
            raise ShapeError(
                f"a single output got the targets {described(targets)}; give one number, "
                "or give the outputs as a list, too"
            )
        target = as_value(targets)
        kind.check(target, place)
        return element(as_value(outputs), target)
    rows = list(outputs)
    if len(rows) == 1 and not is_sequence(targets):
        targets = [targets]
    if not is_sequence(targets):
        raise ShapeError(
            f"{len(rows)} outputs got the single target {described(targets)}; give one target for "
            "each "
            "output, in the same shape, such as loss([a, b], [1.0, 0.0])"
        )
    row_targets = list(targets)
    if len(rows) != len(row_targets):
        raise ShapeError(
            f"{len(rows)} outputs got {len(row_targets)} targets; give one target for each output, "
            "in the same shape"
        )
    return [
        loss_of_each(element, kind, row, target, (*place, i))
        for i, (row, target) in enumerate(zip(rows, row_targets))
    ]


def reduced(losses: Any, reduction: Reduction) -> Any:
    """The losses put together.

    Args:
        losses: one Value or nested lists of them.
        reduction: "mean", "sum" or "none".

    Returns:
        One Value; for "none" the losses as they are.

    Raises:
        UnknownNameError: for another reduction.
        ShapeError: if there are no losses at all.

    >>> reduced([[Value(1.0)], [Value(3.0)]], "mean").data
    2.0
    """
    if reduction not in REDUCTIONS:
        raise UnknownNameError.of("reduction", reduction, REDUCTIONS)
    if reduction == "none":
        return losses
    terms = list(_flattened(losses))
    if not terms:
        raise ShapeError("a loss of no outputs is undefined; give at least one output and target")
    if len(terms) == 1:
        return terms.pop()
    total = functional.sum(terms)
    return total / len(terms) if reduction == "mean" else total


def is_sequence(item: object) -> bool:
    """Whether ``item`` holds several numbers: not a Value, a number or a 0-d array.

    >>> is_sequence([1.0]), is_sequence(Value(1.0))
    (True, False)
    """
    return hasattr(item, "__iter__") and getattr(item, "ndim", 1) > 0


def _flattened(losses: Any) -> Iterator[Value]:
    if isinstance(losses, Value):
        yield losses
    else:
        for row in losses:
            yield from _flattened(row)
