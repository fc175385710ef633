"""Which numbers a compiled program hands to the checks of a function, and under which name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp._effects import check_at_calls
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, NotANumberError

Seen = list[tuple[str, list[list[float]]]]


@dataclass(eq=False)
class Check:
    """A check that writes down what it is given, and refuses negative numbers."""

    seen: Seen = field(default_factory=list)

    def check_array(self, rows: np.ndarray[Any, Any], name: str) -> None:
        self.seen.append((name, rows.tolist()))
        if (rows < 0.0).any():
            raise DataError(name)

    def take(self) -> Seen:
        seen, self.seen = self.seen, []
        return seen


LEAVES: Final = [Value(70.0), Value(80.0)]


def program_of(
    function: Callable[..., list[Any]], per_sample: bool, n_arguments: int = 2
) -> tuple[Check, Any]:
    """A program that checks the rows that the function returns, of arguments named x and t."""
    check = Check()

    def whole(*args: Any) -> Value:
        for row in function(*args):
            check_at_calls(check, row)
        return Value(0.0) * 1.0

    def named(x: Any, t: Any) -> Value:
        return whole(x, t)

    return check, compile(named if n_arguments == 2 else whole, per_sample=per_sample)


X: Final = np.arange(6.0).reshape(2, 3)  # 0 1 2, 3 4 5
T: Final = np.arange(10.0, 18.0).reshape(2, 2, 2)
S: Final = np.array([20.0, 21.0])

MAPPED: Final[dict[str, tuple[Callable[..., list[Any]], Seen]]] = {
    "an argument as one row": (lambda x, t: [x], [("x", [[0, 1, 2], [3, 4, 5]])]),
    "an argument as rows of one": (
        lambda x, t: [[a] for a in x],
        [("x", [[0], [1], [2], [3], [4], [5]])],
    ),
    "a matrix by rows": (
        lambda x, t: t,
        [("t", [[10, 11], [12, 13], [14, 15], [16, 17]])],
    ),
    "a matrix by columns": (
        lambda x, t: [*zip(*t)],
        [("t", [[10, 12], [11, 13], [14, 16], [15, 17]])],
    ),
    "one row of a matrix": (lambda x, t: t[1:], [("t", [[12, 13], [16, 17]])]),
    "a part": (lambda x, t: [x[1:]], [("x", [[1, 2], [4, 5]])]),
    "backwards": (lambda x, t: [x[::-1]], [("x", [[2, 1, 0], [5, 4, 3]])]),
    "one of them twice": (lambda x, t: [[x[1], x[1]]], [("x", [[1, 1], [4, 4]])]),
    "of two arguments": (
        lambda x, t: [t[0], [x[0]], [x[1]]],
        [("x", [[0], [1], [3], [4]]), ("t", [[10, 11], [14, 15]])],
    ),
    "rows of two lengths": (
        lambda x, t: [x[:2], x[2:]],
        [("x", [[2], [5]]), ("x", [[0, 1], [3, 4]])],
    ),
    "two arguments in one row": (
        lambda x, t: [[x[2], t[0][1]], [t[1][0], x[1]]],
        [("targets", [[2, 11], [12, 1], [5, 15], [16, 4]])],
    ),
    "leaves in a row": (
        lambda x, t: [[x[2], LEAVES[1]], [LEAVES[0], x[0]]],
        [("targets", [[2, 80], [70, 0], [5, 80], [70, 3]])],
    ),
    "leaves alone": (lambda x, t: [LEAVES, LEAVES[::-1]], [("targets", [[70, 80], [80, 70]])]),
    "leaves first": (
        lambda x, t: [[x[0]], [LEAVES[0]]],
        [("targets", [[70]]), ("x", [[0], [3]])],
    ),
}


@pytest.mark.parametrize("name", MAPPED)
def test_rows_of_each_sample(name: str) -> None:
    function, expected = MAPPED[name]
    check, program = program_of(function, per_sample=True)
    program(X, T)
    assert check.take() == expected


BATCH: Final[dict[str, tuple[Callable[..., list[Any]], Seen]]] = {
    "all of an argument": (lambda x, t: x, [("x", [[0, 1, 2], [3, 4, 5]])]),
    "one by one": (lambda x, t: [[s] for s in t], [("t", [[20], [21]])]),
    "one row": (lambda x, t: x[1:], [("x", [[3, 4, 5]])]),
    "a part of each row": (lambda x, t: [row[1:] for row in x], [("x", [[1, 2], [4, 5]])]),
    "of two arguments": (
        lambda x, t: [[row[2], s] for row, s in zip(x, t)],
        [("targets", [[2, 20], [5, 21]])],
    ),
    "with a leaf": (
        lambda x, t: [[LEAVES[1], t[1]], [x[1][0], LEAVES[0]]],
        [("targets", [[80, 21], [3, 70]])],
    ),
}


@pytest.mark.parametrize("name", BATCH)
def test_rows_of_the_whole_batch(name: str) -> None:
    function, expected = BATCH[name]
    check, program = program_of(function, per_sample=False)
    program(X, S)
    assert check.take() == expected


def test_an_argument_without_a_name_has_a_number() -> None:
    check, program = program_of(lambda x, t: [[t]], per_sample=True, n_arguments=-1)
    program(X, S)
    assert check.take() == [("argument 1", [[20], [21]])]


def test_the_array_that_passed_at_the_last_call_is_not_looked_at_again() -> None:
    check, program = program_of(lambda x, t: [x, [t]], per_sample=True)
    other = X + 100.0
    for x, expected in [(X, ["x", "t"]), (X, []), (other, ["x"]), (other, []), (X, ["x"])]:
        program(x, S)
        assert [name for name, _ in check.take()] == expected


def test_an_array_that_was_refused_is_refused_again() -> None:
    check, program = program_of(lambda x, t: [x], per_sample=True)
    for _ in range(2):
        with pytest.raises(DataError, match=r"^x$"):
            program(-X, S)
    program(X, S)
    assert len(check.take()) == 3


def test_rows_of_leaves_and_arguments_are_looked_at_when_either_changes() -> None:
    leaf = Value(7.0)
    check, program = program_of(lambda x, t: [[x[0], t, leaf]], per_sample=True)
    other = S.copy()
    calls = [(S, 7.0, 1), (S, 7.0, 0), (other, 7.0, 1), (other, 8.0, 1), (other, 8.0, 0)]
    for t, number, expected in calls:
        leaf.data = number
        program(X, t)
        assert len(check.take()) == expected
    leaf.data = -1.0
    for _ in range(2):
        with pytest.raises(DataError, match=r"^targets$"):
            program(X, other)
    leaf.data = 8.0
    check.take()
    program(X, other)
    assert check.take() == [], "these numbers passed before"


def test_a_leaf_that_is_no_number_any_more_is_refused() -> None:
    leaf = Value(7.0)
    _, program = program_of(lambda x, t: [[leaf]], per_sample=True)
    program(X, S)
    leaf.data = "seven"  # type: ignore[assignment]
    with pytest.raises(NotANumberError):
        program(X, S)


def test_nothing_is_looked_at_unless_asked() -> None:
    check, program = program_of(lambda x, t: [x], per_sample=True)
    program.checks_targets = False
    program(-X, S)
    assert check.take() == []
