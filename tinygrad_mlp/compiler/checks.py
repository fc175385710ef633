"""What a recorded function asks of its arguments, checked when a program is called with arrays.

While a function is recorded its arguments have no numbers yet. A loss that would refuse a target
leaves its check with the recording instead, and the program runs it on the whole array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.compiler.tracing import Recording
from tinygrad_mlp.engine import ArrayCheck

__all__ = ["ArgumentCheck", "checks_of"]


@dataclass(slots=True)
class ArgumentCheck:
    """One check of one argument.

    Args:
        check: looks at rows of numbers.
        number: which argument.
        columns: where the rows are in the argument (of one sample), (n_rows, n_columns); None if
            they are all of it, in order.
        n_columns: how long a row is.
        name: what the messages call the argument.

    >>> from tinygrad_mlp.compiler.tracing import trace
    >>> from tinygrad_mlp.losses import hinge
    >>> recording = trace(lambda x, t: hinge(x, t), [(), ()], [])
    >>> (check,) = checks_of(recording, True, ["x", "t"])
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
    name: str
    per_sample: bool
    passed: object = None

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
        self.check.check_array(rows.reshape(-1, self.n_columns), self.name)
        self.passed = array


def checks_of(recording: Recording, per_sample: bool, names: Sequence[str]) -> list[ArgumentCheck]:
    """The checks that a function left with its recording, for the arguments of a program.

    >>> from tinygrad_mlp.compiler.tracing import trace
    >>> checks_of(trace(lambda x: x * x, [()], []), True, ["x"])
    []
    """
    checks = []
    for check, rows in recording.checks.items():
        for number, (_, ids) in enumerate(recording.inputs):
            for n_columns in sorted({len(row) for row in rows}):
                mine = [row for row in rows if len(row) == n_columns and set(row) <= set(ids)]
                if mine:
                    columns = np.array(mine, dtype=np.intp) - ids[0]
                    is_all = columns.ravel().tolist() == list(range(len(ids)))
                    where = None if is_all else columns
                    name = names[number] if number < len(names) else f"argument {number}"
                    checks.append(ArgumentCheck(check, number, where, n_columns, name, per_sample))
    return checks
