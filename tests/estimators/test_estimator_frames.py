"""Frames in the estimators: names are kept, numbers taken, all else is refused alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.estimators.beside_scikit_learn import PROBLEMS, quietly
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.estimators import MLPClassifier, MLPRegressor

Make = Callable[[Any], Any]

X, y = PROBLEMS["four classes"].X, PROBLEMS["four classes"].y
NAMES: Final = [*"abcdef"]
MAKERS: Final = [pd.DataFrame, pl.DataFrame]
SERIES: Final = [pd.Series, lambda cells: pl.Series("y", cells)]
ROWS: Final = 20
NUMBERS: Final = [i / 2 for i in range(ROWS)]
LABELS: Final = ["u", "v"] * (ROWS // 2)


def classifier(**settings: Any) -> MLPClassifier:
    return MLPClassifier([4], max_iter=5, random_state=0, **settings)


def regressor() -> MLPRegressor:
    return MLPRegressor(hidden_layer_sizes=[4], max_iter=5, random_state=0)


def frame_of(make: Make, values: Any = X, names: list[str] = NAMES) -> Any:
    return make({name: values[:, i] for i, name in enumerate(names)})


def error_of(work: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        work()
    return str(caught.value)


@pytest.mark.parametrize("make", MAKERS)
def test_names_are_kept_and_the_numbers_are_those_of_an_array(make: Make) -> None:
    frame = frame_of(make)
    of_array = quietly(classifier().fit, X, y)
    for labels in (y, *(series(y) for series in SERIES)):
        model = quietly(classifier().fit, frame, labels)
        assert model.feature_names_in_.tolist() == NAMES
        assert model.loss_curve_ == of_array.loss_curve_
        assert model.classes_.tolist() == of_array.classes_.tolist()
        assert np.array_equal(model.predict_proba(frame), of_array.predict_proba(X))
        assert model.score(frame, labels) == of_array.score(X, y)
    in_steps = classifier().partial_fit(frame, y, classes=np.unique(y))
    assert in_steps.feature_names_in_.tolist() == NAMES


def test_a_frame_of_one_library_is_one_of_the_other() -> None:
    model = quietly(regressor().fit, frame_of(pd.DataFrame), X[:, 0])
    expected = model.predict(frame_of(pd.DataFrame))
    assert np.array_equal(model.predict(frame_of(pl.DataFrame)), expected)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([*"bacdef"], "must be in the same order"),
        ([*"abcdeg"], "unseen at fit time"),
        ([*"abcde"], "seen at fit time, yet now missing"),
        ([*"abcdefg"], "unseen at fit time"),
    ],
)
def test_other_columns_are_refused(make: Make, names: list[str], message: str) -> None:
    model = quietly(classifier().fit, frame_of(make), y)
    values = np.column_stack([X, X])
    with pytest.raises(ValueError, match=message):
        model.predict(frame_of(make, values, names))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "cells", [[True, False] * (ROWS // 2), list(range(ROWS)), NUMBERS], ids=["bool", "int", "float"]
)
def test_numbers_and_truth_values_are_features(make: Make, cells: list[Any]) -> None:
    frame = make({"size": NUMBERS, "x": cells})
    of_array = quietly(classifier().fit, np.column_stack([NUMBERS, cells]), LABELS)
    model = quietly(classifier().fit, frame, LABELS)
    assert model.loss_curve_ == of_array.loss_curve_


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "Float32", "object"])
def test_nullable_columns_without_a_gap_are_features(dtype: str) -> None:
    cells = pd.Series([0, 1] * (ROWS // 2), dtype=dtype)
    model = quietly(classifier().fit, pd.DataFrame({"x": cells}), LABELS)
    plain = quietly(classifier().fit, np.array([[0.0], [1.0]] * (ROWS // 2)), LABELS)
    assert model.loss_curve_ == plain.loss_curve_


DAYS: Final = [date(2020, 1, 1) + timedelta(days=i) for i in range(ROWS)]
MOMENTS: Final = [datetime(2020, 1, 1) + timedelta(hours=i) for i in range(ROWS)]
ODD: Final = {
    "dates": (DAYS, "dates"),
    "moments": (MOMENTS, "dates"),
    "in a zone": ([moment.replace(tzinfo=UTC) for moment in MOMENTS], "dates"),
    "durations": ([timedelta(hours=i) for i in range(ROWS)], "durations"),
    "text": (["Rome", "Oslo"] * (ROWS // 2), "text (row 0: 'Rome')"),
    "numerals": (list(map(str, range(7, 7 + ROWS))), "text (row 0: '7')"),
    "behind a gap": ([None, "1.5", *map(str, range(ROWS - 2))], "text (row 1: '1.5')"),
}
"""Columns of which NumPy makes numbers, or not, as it comes."""


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("alone", [True, False])
def test_columns_that_hold_no_numbers_are_refused_alike(kind: str, alone: bool) -> None:
    cells, held = ODD[kind]
    for make in MAKERS:
        odd = make({"x": cells} if alone else {"size": NUMBERS, "x": cells})
        plain = make({"x": NUMBERS} if alone else {"size": NUMBERS, "x": NUMBERS})
        model = quietly(classifier().fit, plain, LABELS)
        calls: list[Callable[[], object]] = [
            partial(classifier().fit, odd, LABELS),
            partial(regressor().fit, odd, NUMBERS),
            partial(classifier().partial_fit, odd, LABELS, classes=["u", "v"]),
            partial(model.predict, odd),
            partial(model.predict_proba, odd),
            partial(model.activations, odd),
            partial(model.score, odd, LABELS),
        ]
        for call in calls:
            said = error_of(call)
            assert said.startswith(f"X has columns that hold no numbers: 'x' holds {held}; encode")
            assert "data.encode(X).X, or leave them out: X.drop(columns=['x'])" in said


@pytest.mark.parametrize(
    ("cells", "held"),
    [
        (pd.Series(["1", "2"] * (ROWS // 2), dtype="category"), "categories"),
        (pd.Series([1, 2] * (ROWS // 2), dtype="category"), "categories"),
        (pd.Series([1, "x"] * (ROWS // 2), dtype=object), "text (row 1: 'x')"),
        (pl.Series(["1", "2"] * (ROWS // 2), dtype=pl.Categorical), "categories"),
        (pl.Series(["1", "2"] * (ROWS // 2), dtype=pl.Enum(["1", "2"])), "categories"),
        (pl.Series([1, "x"] * (ROWS // 2), dtype=pl.Object), "text (row 1: 'x')"),
        (pl.Series([[1], [2]] * (ROWS // 2)), "cells of type List(Int64)"),
    ],
)
def test_types_that_hold_no_numbers_are_refused(cells: Any, held: str) -> None:
    frame = (pd.DataFrame if isinstance(cells, pd.Series) else pl.DataFrame)({"x": cells})
    assert f"'x' holds {held}; encode" in error_of(partial(classifier().fit, frame, LABELS))


def test_all_columns_that_hold_no_numbers_are_named() -> None:
    for make in MAKERS:
        frame = make({"day": DAYS, "size": NUMBERS, "city": LABELS})
        said = error_of(partial(classifier().fit, frame, LABELS))
        assert "'day' holds dates, 'city' holds text (row 0: 'u'); encode" in said
        assert "X.drop(columns=['day', 'city'])" in said


def test_a_graph_takes_numbers_alone() -> None:
    for make in MAKERS:
        model = quietly(classifier().fit, make({"x": NUMBERS}), LABELS)
        said = error_of(partial(model.graph, make({"x": ["7"]})))
        assert "'x' holds text (row 0: '7')" in said


def test_text_without_a_single_text_is_missing() -> None:
    for cells in (
        pd.Series(["a", *[None] * ROWS])[1:],
        pl.Series([None] * ROWS, dtype=pl.String),
    ):
        frame = (pd.DataFrame if isinstance(cells, pd.Series) else pl.DataFrame)({"x": cells})
        with pytest.raises(ValueError, match="Input X contains NaN"):
            classifier().fit(frame, LABELS)
    for cells in (
        pd.Series([pd.NA] * ROWS, dtype="string"),
        pd.Series([pd.NA, *NUMBERS[1:-1], pd.NA], dtype=object),
    ):
        said = error_of(partial(classifier().fit, pd.DataFrame({"x": cells}), LABELS))
        assert "'x' holds a missing cell (row 0); encode" in said


@pytest.mark.parametrize("make", MAKERS)
def test_missing_features_are_refused(make: Make) -> None:
    for cells in ([None, *NUMBERS[1:]], [None, *[True] * (ROWS - 1)], [None] * ROWS):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            classifier().fit(make({"size": NUMBERS, "x": cells}), LABELS)


@pytest.mark.parametrize(
    "cells",
    [["u", None], [1, None], [1.5, None], [True, None], [0.5, float("nan")]],
    ids=["text", "int", "float", "bool", "nan"],
)
def test_missing_targets_are_named_alike(cells: list[Any]) -> None:
    targets = [*LABELS[:-2], *cells] if cells[0] == "u" else [cells[0]] * (ROWS - 2) + cells
    targets[3] = cells[1]
    given: list[Any] = [series(targets) for series in SERIES]
    given += [make({"y": targets}) for make in MAKERS]
    given += [targets, np.array(targets, dtype=object)]
    features = np.array(NUMBERS).reshape(-1, 1)
    for y_given in given:
        for call in (
            partial(classifier().fit, features, y_given),
            partial(regressor().fit, features, y_given),
            partial(classifier().partial_fit, features, y_given, classes=[0, 1]),
        ):
            said = error_of(call)
            assert said == "y has no value in row 3, row 19; leave out the rows without a target"


def test_targets_of_other_kinds_are_refused_alike() -> None:
    features = np.array(NUMBERS).reshape(-1, 1)
    durations = [timedelta(hours=i) for i in range(ROWS)]
    for series in SERIES:
        for cells, held in ((DAYS, "dates"), (MOMENTS, "dates"), (durations, "durations")):
            given = series(cells)
            said = [
                error_of(partial(model.fit, features, given))
                for model in (classifier(), regressor())
            ]
            assert said[0] == f"y holds {held}, but classes are needed; convert it first"
            assert said[1] == f"y holds {held}, but numbers are needed; convert it first"
        numerals = series(list(map(str, range(ROWS))))
        said_of_text = error_of(partial(regressor().fit, features, numerals))
        assert said_of_text == "y holds text (row 0: '0'), but numbers are needed; convert it first"
        of_text = quietly(classifier().fit, features, series(["1", "2"] * (ROWS // 2)))
        assert of_text.classes_.tolist() == ["1", "2"]  # names, as scikit-learn takes them


def test_categories_are_classes() -> None:
    features = np.array(NUMBERS).reshape(-1, 1)
    for given in (
        pd.Series(LABELS, dtype="category"),
        pl.Series(LABELS, dtype=pl.Categorical),
        pl.Series(LABELS, dtype=pl.Enum(["v", "u"])),
    ):
        model = quietly(classifier().fit, features, given)
        assert model.classes_.tolist() == ["u", "v"]
        assert error_of(partial(regressor().fit, features, given)).startswith(
            "y holds categories, but numbers are needed"
        )


@pytest.mark.parametrize("make", MAKERS)
def test_in_a_pipeline_the_steps_before_make_the_numbers(make: Make) -> None:
    frame = frame_of(make)
    pipeline = quietly(make_pipeline(StandardScaler(), classifier()).fit, frame, y)
    plain = quietly(make_pipeline(StandardScaler(), classifier()).fit, X, y)
    answers = pipeline.predict_proba(frame)
    np.testing.assert_allclose(answers, plain.predict_proba(X), rtol=1e-12)  # sums in other orders
