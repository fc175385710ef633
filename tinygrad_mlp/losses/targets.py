"""What targets may be: one check for each kind, the same for every loss that takes them.

A target that is a number, or a leaf that has one, is checked when the loss is computed. What was
computed is not, and what has no number yet, because a function is being compiled, cannot be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum, isfinite
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.engine import Value, numbers_of
from tinygrad_mlp.errors import DataError

__all__ = ["NUMBERS", "PROBABILITIES", "SIGNS", "Kind", "check_distribution", "given_numbers"]

TOLERANCE: Final = 1e-6
"""How far from 1 the sum of a row of probabilities may be: what rounding leaves in float32."""


@dataclass(frozen=True)
class Kind:
    """What each target of a loss may be.

    Args:
        allows: whether a number is one.
        message: what is wrong with another, after "targets[3] is nan: ", and what to do.

    >>> SIGNS.allows(-1.0), SIGNS.allows(0.0), SIGNS.allows(float("nan"))
    (True, False, False)
    """

    allows: Callable[[float], bool]
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
        if target.op is ops.CONSTANT and self.allows(target.data):
            return  # the common case, without a detour
        for number in given_numbers([target]) or ():
            if not self.allows(number):
                raise DataError(f"{_named('targets', place)}{self.message.format(number)}")


def _is_probability(number: float) -> bool:
    return 0.0 <= number <= 1.0


def _is_sign(number: float) -> bool:
    return abs(number) == 1.0


NUMBERS: Final = Kind(
    isfinite,
    "a target is a finite number, got {:g}; fill it, or leave the sample out",
)
PROBABILITIES: Final = Kind(
    _is_probability,
    "the targets of binary cross-entropy are 0 and 1, or between, got {:g}; for more than two "
    "classes use categorical_cross_entropy",
)
SIGNS: Final = Kind(
    _is_sign,
    "the targets of the hinge loss are -1 and +1, got {:g}; from labels 0 and 1: "
    "hinge(scores, 2 * y - 1)",
)


def check_distribution(row: Sequence[Value], name: str) -> None:
    """Refuse a row that does not hold the probability of each class.

    Args:
        row: a probability for each class, numbers or Values.
        name: what the message calls it.

    Raises:
        DataError: if a number is outside of 0 ... 1 or nan, or their sum is not 1.

    >>> check_distribution([Value(0.25), Value(0.75)], "labels[0]")
    >>> check_distribution([Value(0.0), Value(2.0)], "labels[0]")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: labels[0][1] is 2, but the probability of a class is between ...
    """
    for k, target in enumerate(row):
        for number in given_numbers([target]) or ():
            if not _is_probability(number):
                raise DataError(
                    f"{name}[{k}] is {number:g}, but the probability of a class is between 0 and "
                    "1; give the numbers of the classes, labels=[0, 2, 1], or rows of "
                    "probabilities, labels=[[1, 0, 0], [0.2, 0.3, 0.5]]"
                )
    numbers = given_numbers(row)
    total = 1.0 if numbers is None else fsum(numbers)
    if abs(total - 1.0) > TOLERANCE:
        raise DataError(
            f"{name} has the sum {total:.9g}, but the probabilities of the classes have the sum 1; "
            "divide each row by its sum; where several classes may hold at once, use "
            "binary_cross_entropy_with_logits"
        )


def given_numbers(targets: Sequence[Value]) -> list[float] | None:
    """The numbers of targets that are leaves; None if one was computed, or has no number yet.

    >>> given_numbers([Value(1.0), Value(0.0)])
    [1.0, 0.0]
    >>> given_numbers([Value(1.0) * 2.0]) is None
    True
    """
    if all([target.op is ops.CONSTANT for target in targets]):
        return [target.data for target in targets]
    if any([target.parents for target in targets]):
        return None
    return numbers_of(targets) or None


def _named(name: str, place: tuple[int, ...]) -> str:
    return f"{name}{''.join([f'[{i}]' for i in place])}: " if place else ""
