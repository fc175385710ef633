"""The scores of a regression, beside textbook numbers and beside the plain formulas."""

from __future__ import annotations

from math import isnan, sqrt
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, hamming_loss, precision_recall_fscore_support

from tinygrad_mlp.errors import DataError, ShapeError, TinygradMLPError
from tinygrad_mlp.training import multilabel_scores, regression_scores


def test_scores_by_hand() -> None:
    scores = regression_scores([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    assert scores.mean_absolute_error == 0.5
    assert scores.root_mean_squared_error == pytest.approx(sqrt(0.375), rel=1e-15)
    assert scores.r2 == pytest.approx(1.0 - 1.5 / 29.1875, rel=1e-14)


def test_always_guessing_the_mean_scores_0_and_the_truth_1() -> None:
    y = np.random.default_rng(0).normal(5.0, 2.0, 50)
    assert regression_scores(y, np.full(50, y.mean())).r2 == pytest.approx(0.0, abs=1e-12)
    assert regression_scores(y, y).r2 == 1.0


def test_several_outputs_count_alike() -> None:
    rng = np.random.default_rng(1)
    y, predicted = rng.normal(size=(2, 20, 3))
    of_each = [regression_scores(y[:, k], predicted[:, k]) for k in range(3)]
    scores = regression_scores(y, predicted)
    assert scores.r2 == pytest.approx(np.mean([s.r2 for s in of_each]), rel=1e-12)
    expected = np.mean([s.mean_absolute_error for s in of_each])
    assert scores.mean_absolute_error == pytest.approx(expected, rel=1e-12)


def test_there_is_no_r2_of_a_target_that_never_changes() -> None:
    assert isnan(regression_scores([0.1, 0.1, 0.1], [0.1, 0.2, 0.3]).r2)


@pytest.mark.parametrize(
    ("y", "predicted", "error", "message"),
    [
        ([1.0, 2.0], [1.0], ShapeError, "y has 2 samples but predicted has 1"),
        ([1.0, 2.0], [[1.0], [2.0]], ShapeError, r"predicted has shape \(2, 1\)"),
        ([], [], DataError, "y is empty"),
        ([1.0, 2.0], [1.0, np.nan], DataError, r"predicted\[1\] is nan"),
    ],
)
def test_what_cannot_be_compared(
    y: Any, predicted: Any, error: type[TinygradMLPError], message: str
) -> None:
    with pytest.raises(error, match=message):
        regression_scores(y, predicted)


def test_truth_that_is_constant_but_for_rounding_has_no_r2() -> None:
    assert isnan(regression_scores([0.3, 0.1 + 0.2, 0.3], [0.31, 0.3, 0.3]).r2)


@pytest.mark.parametrize("unit", [1e-200, 1e-20, 1.0, 1e200])
def test_r2_does_not_depend_on_the_unit(unit: float) -> None:
    y, predicted = np.array([1.0, 2.0, 3.0]) * unit, np.array([2.0, 2.0, 3.5]) * unit
    with np.errstate(over="ignore"):  # the squares of the errors themselves have no place
        assert regression_scores(y, predicted).r2 == pytest.approx(1 - 1.25 / 2, rel=1e-13)


def test_one_output_that_never_changes_leaves_no_r2_of_several() -> None:
    y, predicted = [[1.0, 5.0], [2.0, 5.0], [4.0, 6.0]], np.ones((3, 2))
    assert not isnan(regression_scores(y, predicted).r2)
    assert isnan(regression_scores(y[:2], predicted[:2]).r2)
    assert isnan(regression_scores(y, predicted, [1.0, 1.0, 0.0]).r2)
    assert regression_scores(y[:2], predicted[:2]).mean_absolute_error == 9.0 / 4.0


def test_two_neighbors_of_float32_are_one_number() -> None:
    y = np.array([1.0, 1.0 + 2.0**-23, 5.0], dtype=np.float32)
    assert isnan(regression_scores(y[:2], y[:2]).r2)
    assert regression_scores(y[:2].astype(float), y[:2]).r2 == 1.0
    assert isnan(regression_scores(y, y, [1.0, 1.0, 0.0]).r2)
    assert regression_scores(y, y).r2 == 1.0


def test_of_what_counts_the_size_says_what_is_rounding() -> None:
    """Of numbers around 0.3; those that do not count bring their mean to half of that."""
    y, weights = [0.0, 0.0, 0.3, 0.1 + 0.2, 0.3, 0.3], [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    assert isnan(regression_scores([*y[:2], *y], y[:2] + y, [0.0, 0.0, *weights]).r2)


# Several questions of yes or no


@pytest.mark.parametrize("weighted", [False, True])
def test_multilabel_scores_are_scikit_learn_s(weighted: bool) -> None:
    rng = np.random.default_rng(0)
    y, predicted = rng.integers(0, 2, size=(2, 30, 4))
    y[:, 2], predicted[:, 3] = 0, 0  # never true, never answered
    weights = rng.uniform(0.0, 2.0, size=30) if weighted else None
    scores = multilabel_scores(y, predicted, weights)
    hamming = hamming_loss(y, predicted, sample_weight=weights)
    assert scores.accuracy == pytest.approx(1.0 - hamming, rel=1e-12)
    exact = accuracy_score(y, predicted, sample_weight=weights)
    assert scores.subset_accuracy == pytest.approx(exact, rel=1e-12)
    expected = precision_recall_fscore_support(
        y, predicted, zero_division=0.0, sample_weight=weights
    )
    for found, theirs in zip((scores.precision, scores.recall, scores.f1), expected):
        assert found == pytest.approx(theirs.tolist(), rel=1e-12)
    same = multilabel_scores(y.astype(bool), predicted.tolist(), weights)
    assert same == scores


@pytest.mark.parametrize(
    ("y", "predicted", "error", "message"),
    [
        (
            [[1, 0]],
            [[1, 0, 1]],
            ShapeError,
            r"y has shape \(1, 2\), but predicted has shape \(1, 3",
        ),
        ([[1, 0]], [[1, 0]] * 2, ShapeError, "y has 1 samples? but predicted has 2"),
        ([1, 0], [1, 0], ShapeError, r"y has shape \(2,\), but a row of answers .*confusion_table"),
        ([[1, 2]], [[1, 0]], DataError, r"y\[0, 1\] is 2, but an answer is 0 or 1"),
        ([[1, 1]], [[0.5, 0]], DataError, r"predicted\[0, 0\] is 0.5"),
        ([[1, 1], [3, 1]], [[0, 0], [2, 2]], DataError, r"y\[1, 0\] is 3"),
        ([[1, 1], [0, 1]], [[0, 4], [2, 2]], DataError, r"predicted\[0, 1\] is 4"),
        ([], [], DataError, "y is empty"),
    ],
)
def test_answers_that_cannot_be_compared(
    y: Any, predicted: Any, error: type[TinygradMLPError], message: str
) -> None:
    with pytest.raises(error, match=message):
        multilabel_scores(y, predicted)


def test_multilabel_scores_take_the_weights_that_fit() -> None:
    with pytest.raises(ShapeError, match=r"sample_weight has shape \(2,\), but there are 1"):
        multilabel_scores([[1, 0]], [[1, 0]], [1.0, 1.0])
