"""What a recorded function asks of its arguments, checked when a program is called with arrays.

While a function is recorded its arguments have no numbers yet. A loss that would refuse a target
leaves its check with the recording instead, and the program runs it on the whole array. A target
that is a leaf which stood before is read, and checked, at each call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp._recorders import ArrayCheck
from tinygrad_mlp.compiler._tracing import Recording
from tinygrad_mlp.engine import Value

__all__ = ["ArgumentCheck", "MixedCheck", "TargetCheck", "checks_of", "run_all"]

Row = list[int | Value]
"""What is checked together: numbers of placeholders, and leaves."""

Names = Callable[[], Sequence[str]]
"""Gives what a function calls its arguments."""

TARGETS: Final = "targets"
"""What the messages call numbers that are not all of one argument."""


class TargetCheck(Protocol):
    """One check that a program makes at each call."""

    @property
    def leaves(self) -> Sequence[Value]:
        """The leaves that it reads."""

    def run(self, arrays: list[NDArray[Any]]) -> None:
        """Raise DataError if a number is not allowed."""


@dataclass(slots=True)
class ArgumentCheck:
    """One check of one argument.

    Args:
        check: looks at rows of numbers.
        number: which argument.
        columns: where the rows are in the argument (of one sample), (n_rows, n_columns); None if
            they are all of it, in order.
        n_columns: how long a row is.
        names: gives what the function calls its arguments; asked at the first run alone.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> from tinygrad_mlp.losses import hinge
    >>> recording = trace(lambda x, t: hinge(x, t), [(), ()], [])
    >>> (check,) = checks_of(recording, True, lambda: ["x", "t"])
    >>> check.run([np.zeros(2), np.array([1.0, -1.0])])
    >>> check.run([np.zeros(2), np.array([1.0, 0.0])])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: t[1]: the targets of the hinge loss are -1 and +1, got 0; ...
    """

    check: ArrayCheck
    number: int
    columns: NDArray[np.intp] | None
    n_columns: int
    names: Names
    per_sample: bool
    passed: object = None
    _name: str = ""

    @property
    def leaves(self) -> Sequence[Value]:
        """None: it reads an argument only."""
        return ()

    def run(self, arrays: list[NDArray[Any]]) -> None:
        """Check the argument, unless it is the array that passed at the last call.

        Raises:
            DataError: if a number is not allowed.
        """
        array = arrays[self.number]
        if array is self.passed:
            return
        rows = array
        if self.columns is not None:
            flat = array.reshape(len(array), -1) if self.per_sample else array.reshape(1, -1)
            rows = flat[:, self.columns]
        self._name = self._name or self._called()
        self.check.check_array(rows.reshape(-1, self.n_columns), self._name)
        self.passed = array

    def _called(self) -> str:
        """What the messages call the argument."""
        names = self.names()
        return names[self.number] if self.number < len(names) else f"argument {self.number}"


@dataclass(slots=True)
class MixedCheck:
    """One check of rows that have leaves in them, or elements of several arguments.

    Args:
        check: looks at rows of numbers.
        elements: (row, column, number of the argument, place in it), for each placeholder.
        places: (row, column) of each leaf.
        leaves: the leaves.
        shape: the number of rows for one sample, and how long they are.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> from tinygrad_mlp.losses import hinge
    >>> sign = Value(1.0)
    >>> (check,) = checks_of(trace(lambda x: hinge(x, sign), [()], []), True, list)
    >>> check.run([np.zeros(2)])
    >>> sign.data = 0.5
    >>> check.run([np.zeros(2)])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: targets[0]: the targets of the hinge loss are -1 and +1, got ...
    """

    check: ArrayCheck
    elements: list[tuple[int, int, int, int]]
    places: list[tuple[int, int]]
    leaves: list[Value]
    shape: tuple[int, int]
    per_sample: bool
    passed: dict[int, object] = field(default_factory=dict)
    passed_numbers: list[float] | None = None

    def run(self, arrays: list[NDArray[Any]]) -> None:
        """Check the rows, unless their arrays and numbers are those that passed at the last call.

        Raises:
            DataError: if a number is not allowed.
            NotANumberError: if something else than a number was assigned to a leaf.
        """
        numbers = read_numbers(self.leaves)
        is_same = all([arrays[number] is array for number, array in self.passed.items()])
        if is_same and numbers == self.passed_numbers:
            return
        used = {number: arrays[number] for _, _, number, _ in self.elements}
        n_samples = len(next(iter(used.values()))) if used and self.per_sample else 1
        flat = {number: array.reshape(n_samples, -1) for number, array in used.items()}
        rows = np.empty((n_samples, *self.shape))
        for row, column, number, place in self.elements:
            rows[:, row, column] = flat[number][:, place]
        for (row, column), leaf_number in zip(self.places, numbers):
            rows[:, row, column] = leaf_number
        self.check.check_array(rows.reshape(-1, self.shape[1]), TARGETS)
        self.passed, self.passed_numbers = dict(used), numbers


def run_all(checks: Sequence[TargetCheck], arrays: list[NDArray[Any]]) -> None:
    """Run the checks on the arrays of a call.

    >>> run_all([], [np.zeros(2)])
    """
    for check in checks:
        check.run(arrays)


def checks_of(recording: Recording, per_sample: bool, names: Names) -> list[TargetCheck]:
    """The checks that a function left with its recording, for the arguments of a program.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> checks_of(trace(lambda x: x * x, [()], []), True, list)
    []
    """
    argument = {id_: i for i, (_, ids) in enumerate(recording.inputs) for id_ in ids}
    checks: list[TargetCheck] = []
    for check, rows in recording.checks.items():
        alike: dict[tuple[int, int], list[Row]] = {}  # by their argument, or -1, and their length
        for row in rows:
            arguments = {-1 if isinstance(x, Value) else argument[x] for x in row}
            number = arguments.pop() if len(arguments) == 1 else -1
            alike.setdefault((number, len(row)), []).append(row)
        for (number, n_columns), mine in sorted(alike.items(), key=lambda item: item[0]):
            if number < 0:
                checks.append(_mixed_check(check, mine, recording, argument, per_sample))
                continue
            ids = recording.inputs[number][1]
            columns = np.array(mine, dtype=np.intp) - ids[0]
            is_all = columns.ravel().tolist() == list(range(len(ids)))
            where = None if is_all else columns
            checks.append(ArgumentCheck(check, number, where, n_columns, names, per_sample))
    return checks


def _mixed_check(
    check: ArrayCheck,
    rows: list[Row],
    recording: Recording,
    argument: dict[int, int],
    per_sample: bool,
) -> MixedCheck:
    mixed = MixedCheck(check, [], [], [], (len(rows), len(rows[0])), per_sample)
    for i, row in enumerate(rows):
        for k, x in enumerate(row):
            if isinstance(x, Value):
                mixed.places.append((i, k))
                mixed.leaves.append(x)
            else:
                number = argument[x]
                mixed.elements.append((i, k, number, x - recording.inputs[number][1][0]))
    return mixed
