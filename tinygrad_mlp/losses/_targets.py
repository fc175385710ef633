"""What targets may be: one check for each kind, the same for every loss that takes them.

A target that is a number, or a leaf that has one, is checked when the loss is computed. While a
function is compiled its arguments have no numbers: the program checks them at each call. What was
computed from other Values is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import fsum, inf
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import ops
from tinygrad_mlp._effects import check_at_calls
from tinygrad_mlp._many_numbers import numbers_of
from tinygrad_mlp.data._validation import check_labels
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError

__all__ = [
    "COUNTS",
    "DISTRIBUTION",
    "NUMBERS",
    "PROBABILITIES",
    "SIGNS",
    "Distribution",
    "Kind",
    "Labels",
]

Array = NDArray[Any]

TOLERANCE: Final = 1e-6
"""How far from 1 the sum of a row of probabilities may be: what rounding leaves in float32."""


@dataclass(frozen=True)
class Kind:
    """What each target of a loss may be.

    Args:
        allowed: whether a number is allowed; of an array, which ones.
        message: what is wrong with another, and what to do; ``{:g}`` stands for the number.

    >>> SIGNS.allowed(np.array([-1.0, 0.0, np.nan])).tolist()
    [True, False, False]
    """

    allowed: Callable[[Any], Any]
    message: str

    def check(self, target: Value, place: tuple[int, ...] = ()) -> None:
        """Refuse a target that is not allowed.

        Args:
            target: the target.
            place: its indices among the targets of the loss.

        Raises:
            DataError: if its number is known and not allowed.

        >>> PROBABILITIES.check(Value(0.5))
        >>> PROBABILITIES.check(Value(2.0), (3, 0))
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.DataError: targets[3][0]: the targets of binary cross-entropy are ...
        """
        if target.op is ops.CONSTANT and self.allowed(target.data):
            return  # the common case, without a detour
        numbers = _given_numbers([target])
        if numbers is None:
            check_at_calls(self, [target])
        elif numbers and not self.allowed(*numbers):
            raise DataError(f"{_named('targets', place)}{self.message.format(*numbers)}")

    def check_array(self, rows: Array, name: str) -> None:
        """Refuse an array in which a number is not allowed, and say which.

        >>> NUMBERS.check_array(np.array([[1.0], [np.nan]]), "y")
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.DataError: y[1]: a target is a finite number, got nan; fill it, or ...
        """
        allowed = self.allowed(rows)
        if not allowed.all():
            i = int(np.argmin(allowed.ravel()))
            raise DataError(f"{name}[{i}]: {self.message.format(rows.ravel()[i])}")


def _is_finite(number: Any) -> Any:
    return abs(number) < inf


def _is_count(number: Any) -> Any:
    return (number >= 0.0) & (number < inf)


def _is_probability(number: Any) -> Any:
    return (number >= 0.0) & (number <= 1.0)


def _is_one(total: Any) -> Any:
    return abs(total - 1.0) <= TOLERANCE


def _is_sign(number: Any) -> Any:
    return abs(number) == 1.0


NUMBERS: Final = Kind(
    _is_finite, "a target is a finite number, got {:g}; fill it, or leave the sample out"
)
"""Any finite number: the targets of a regression."""

COUNTS: Final = Kind(
    _is_count,
    "the targets of the Poisson loss are counts, numbers of at least 0, got {:g}; for other "
    "numbers use mean_squared_error",
)
"""At least 0; also a number between two counts, such as a mean or a rate."""

PROBABILITIES: Final = Kind(
    _is_probability,
    "the targets of binary cross-entropy are 0 and 1, or between, got {:g}; for more than two "
    "classes use categorical_cross_entropy",
)
"""0, 1, or a number between them."""

SIGNS: Final = Kind(
    _is_sign,
    "the targets of the hinge loss are -1 and +1, got {:g}; from labels 0 and 1: "
    "hinge(scores, 2 * y - 1)",
)
"""-1 or +1."""


@dataclass(frozen=True)
class Distribution:
    """A row that holds the probability of each class: numbers of 0 ... 1 with the sum 1."""

    def check(self, row: Sequence[Value], name: str) -> None:
        """Refuse a row that is no distribution.

        Args:
            row: a number or Value for each class.
            name: what the message calls it.

        Raises:
            DataError: if its numbers are known and one is outside of 0 ... 1 or nan, or their sum
                is not 1.

        >>> DISTRIBUTION.check([Value(0.25), Value(0.75)], "labels[0]")
        >>> DISTRIBUTION.check([Value(0.0), Value(2.0)], "labels[0]")
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.DataError: labels[0][1] is 2, but the probability of a class lies ...
        """
        numbers = _given_numbers(row)
        if numbers is None:
            check_at_calls(self, row)
        elif numbers and not _is_distribution(numbers):
            _check_row(np.array(numbers), name)

    def check_array(self, rows: Array, name: str) -> None:
        """Refuse rows (n_rows, n_classes) of which one is no distribution, and say which.

        NumPy's warnings are left to the caller: rows without a sum, such as inf and -inf, have one.

        >>> DISTRIBUTION.check_array(np.array([[0.5, 0.5], [0.5, 0.0]]), "t")
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.DataError: t[1] has the sum 0.5, but the probabilities of the ...
        """
        # Two products and one pass over the numbers decide nearly always: no row is off by more
        # than the root of the sum of the squares. Many rows of float32 together may exceed it.
        _, n_classes = rows.shape
        off = rows.dot(_ones(n_classes, rows.dtype)) - 1.0
        is_one = off.dot(off) <= TOLERANCE * TOLERANCE or abs(off).max() <= TOLERANCE
        if is_one and np.minimum.reduce(rows, None) >= 0.0:
            return
        total = rows.sum(axis=1, dtype=np.float64)
        right = _is_probability(rows).all(axis=1) & _is_one(total)
        for i in np.flatnonzero(~right).tolist():
            _check_row(rows[i].astype(np.float64), f"{name}[{i}]")


DISTRIBUTION: Final = Distribution()
"""The one check of rows of probabilities."""


@dataclass(frozen=True)
class Labels:
    """The numbers of classes: 0 ... n_classes - 1.

    >>> Labels(3).check_array(np.array([[0.0], [3.0]]), "t")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: t[1] is 3, but the labels of 3 classes are 0 to 2; ...
    """

    n_classes: int

    def check(self, labels: Sequence[Value]) -> None:
        """Refuse labels of which one is no class.

        Raises:
            DataError: if their numbers are known and one is no whole number or out of range.

        >>> Labels(2).check([Value(1.0), Value(0.5)])
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.DataError: labels[1] is 0.5, but a label is a whole number: ...
        """
        numbers = _given_numbers(labels)
        if numbers is None:
            for label in labels:
                check_at_calls(self, [label])
        elif numbers:
            check_labels(numbers, self.n_classes, name="labels")

    def check_array(self, rows: Array, name: str) -> None:
        """Refuse labels (n_labels, 1) of which one is no class."""
        check_labels(rows.ravel(), self.n_classes, name=name)


@cache
def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    return np.ones(n, dtype)


def _is_distribution(numbers: list[float]) -> bool:
    """Whether ``_check_row`` would accept them, without an array; fsum refuses inf - inf."""
    return min(numbers) >= 0.0 and max(numbers) <= 1.0 and _is_one(fsum(numbers))


def _check_row(row: Array, name: str) -> None:
    allowed = _is_probability(row)
    if not allowed.all():
        k = int(np.argmin(allowed))
        raise DataError(
            f"{name}[{k}] is {row[k]:g}, but the probability of a class lies in 0 ... 1; give the "
            "numbers of the classes, labels=[0, 2, 1], or rows of probabilities, "
            "labels=[[1, 0, 0], [0.2, 0.3, 0.5]]"
        )
    total = float(row.sum())
    if not _is_one(total):
        raise DataError(
            f"{name} has the sum {total:.9g}, but the probabilities of the classes have the sum 1; "
            "divide the row by its sum; where several classes may hold at once, use "
            "binary_cross_entropy_with_logits"
        )


def _given_numbers(targets: Sequence[Value]) -> list[float] | None:
    """The numbers of targets that are leaves; [] if one was computed, None if they come later.

    >>> _given_numbers([Value(1.0), Value(0.0)]), _given_numbers([Value(1.0) * 2.0])
    ([1.0, 0.0], [])
    """
    if all([target.op is ops.CONSTANT for target in targets]):
        return [target.data for target in targets]
    if any([target.parents for target in targets]):
        return []
    return numbers_of(targets) or None


def _named(name: str, place: tuple[int, ...]) -> str:
    return f"{name}{''.join([f'[{i}]' for i in place])}: " if place else ""
