"""Where the largest number of a row stands, by the C library, beside NumPy's ``argmax``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_mlp._native import _largest, _library
from tinygrad_mlp._native._largest import FEWEST_ROWS, MOST_COLUMNS, places_of_largest


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the library is called with."""
    library = _library.load()
    if library is None:
        pytest.skip(_library.reason())
    made: list[Any] = []

    def spied(function: Any) -> Any:
        def call(*arguments: Any) -> None:
            made.append(arguments)
            function(*arguments)

        return call

    spies = {dtype: spied(function) for dtype, function in library.find_largest.items()}
    known = _library.Library(**{**vars(library), "find_largest": spies})
    monkeypatch.setattr(_largest, "in_use", lambda: known)
    monkeypatch.setattr(_largest, "FEWEST_ROWS", 0)
    return made


SPECIAL = np.array([0.0, -0.0, 1.0, 1.0, -1.0, np.inf, -np.inf, np.nan, np.nan, 5e-324])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_columns", [1, 2, 3, 10, MOST_COLUMNS])
def test_it_is_the_place_that_numpy_finds(calls: list[Any], n_columns: int, dtype: Any) -> None:
    rng = np.random.default_rng(n_columns)
    for n_rows in (*range(19), 100):  # also where a vector of rows is not full
        for rows in (
            rng.normal(size=(n_rows, n_columns)),
            rng.integers(0, 3, (n_rows, n_columns)),  # several are the largest
            rng.choice(SPECIAL, (n_rows, n_columns)),
        ):
            given = rows.astype(dtype)
            found = places_of_largest(given)
            assert found.dtype == np.int64
            assert found.tolist() == given.argmax(axis=1).tolist()
    assert len(calls) == 3 * 20


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(np.eye(MOST_COLUMNS + 1), id="wide"),
        pytest.param(np.eye(4)[:, 1:], id="a part of wider rows"),
        pytest.param(np.eye(4).T[::-1], id="backwards"),
        pytest.param(np.eye(4).astype(">f8"), id="bytes in the other order"),
        pytest.param(np.eye(4, dtype=np.int64), id="integers"),
        pytest.param(np.ma.masked_greater(np.eye(4) + np.eye(4, k=1) / 2, 0.5), id="masked"),
        pytest.param(np.zeros(33, np.uint8)[1:].view(np.float64).reshape(2, 2), id="not aligned"),
    ],
)
def test_other_rows_are_left_to_numpy(calls: list[Any], rows: Any) -> None:
    assert places_of_largest(rows).tolist() == rows.argmax(axis=1).tolist()
    assert not calls


def test_few_rows_are_left_to_numpy(calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_largest, "FEWEST_ROWS", FEWEST_ROWS)
    rows = np.eye(FEWEST_ROWS, 3)
    for few in (rows[1:], rows):
        assert places_of_largest(few).tolist() == few.argmax(axis=1).tolist()
    assert [n_rows for _, n_rows, *_ in calls] == [FEWEST_ROWS]


def test_rows_without_numbers_are_refused_as_numpy_does(calls: list[Any]) -> None:
    with pytest.raises(ValueError, match="empty sequence"):
        places_of_largest(np.empty((2, 0)))
    assert not calls


def test_a_library_that_nothing_has_asked_for_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_library, "_found", {})
    monkeypatch.setattr(_largest, "FEWEST_ROWS", 0)
    assert places_of_largest(np.eye(3)).tolist() == [0, 1, 2]
    assert not _library._found
