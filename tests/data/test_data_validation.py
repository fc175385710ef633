"""The checks: what they accept, and that what they refuse is named with its place and a remedy."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp.data import (
    check_features,
    check_finite,
    check_labels,
    check_lengths,
    check_targets,
)
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "X",
    [
        [[1, 2], [3, 4]],
        ((1.0, 2.0), (3.0, 4.0)),
        np.array([[1, 2], [3, 4]], dtype=np.float32),
        np.array([[1, 2], [3, 4]], dtype=np.uint8),
        np.array([[1, 2], [3, 4]], dtype=object),
        [np.array([1.0, 2.0]), np.array([3.0, 4.0])],
        [[Fraction(1), Decimal(2)], [np.int64(3), 4.0]],
        np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]),
        np.arange(1.0, 9.0).reshape(2, 4)[:, :2] * [[1.0, 1.0], [0.6, 4 / 6]],
    ],
)
def test_features_of_any_kind_become_a_float64_array(X: Any) -> None:
    array = check_features(X, n_features=2)
    assert array.dtype == np.float64
    np.testing.assert_allclose(array, [[1.0, 2.0], [3.0, 4.0]], rtol=1e-15)


def test_booleans_are_features_too() -> None:
    assert check_features([[True, False]]).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([], DataError, r"X is empty, its shape is \(0,\)"),
        (np.zeros((0, 3)), DataError, r"X is empty, its shape is \(0, 3\)"),
        (np.zeros((3, 0)), DataError, r"X is empty, its shape is \(3, 0\)"),
        ([1.0, 2.0], ShapeError, r"shape \(2,\).*X.reshape\(-1, 1\).*X.reshape\(1, -1\)"),
        (5.0, ShapeError, r"shape \(\).*\[\[X\]\]"),
        (np.zeros((2, 8, 8)), ShapeError, r"shape \(2, 8, 8\).*X.reshape\(len\(X\), -1\)"),
        ([[1.0, 2.0], [3.0]], ShapeError, "row 0 has 2 cells, row 1 has 1 cell;"),
        ([[1.0], [2.0], 3.0], ShapeError, "row 0 has 1 cell, row 2 is a single cell;"),
        ([[1.0, 2.0], [3.0, NAN]], DataError, r"X\[1, 1\] is nan \(row 1, column 1, .* from 0\); "),
        ([[1.0, INF], [NAN, 2.0]], DataError, r"X\[0, 1\] is inf .*, the first of 2 such cells"),
        ([[-INF]], DataError, r"X\[0, 0\] is -inf"),
        ([[1.0, 2.0], [3.0, None]], DataError, r"X\[1, 1\] is None .*fill the cell in"),
        ([[1.0, "x"]], DataError, r"X\[0, 1\] is 'x' .*leave the column out"),
        ([["1.5", "2.5"]], DataError, r"X\[0, 0\] is '1.5' .*np.asarray\(X, dtype=float\)"),
        (np.array([["a"]]), DataError, r"X\[0, 0\] is 'a'"),
        ([[1j]], DataError, "X holds complex128"),
        (np.array([[1j]], dtype=object), DataError, r"X\[0, 0\] is 1j"),
        (np.array([["2020-01-01"]], dtype="M8[D]"), DataError, "X holds datetime64"),
        ([[{"a": 1}]], DataError, r"X\[0, 0\] is {'a': 1}"),
    ],
)
def test_features_that_cannot_be_used_are_named(
    X: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_features(X)


def test_the_remedy_for_nan_works() -> None:
    X = np.array([[1.0, NAN], [2.0, 3.0], [INF, 0.0]])
    with pytest.raises(DataError) as caught:
        check_features(X)
    remedy = "keep = np.isfinite(X).all(axis=1); X[keep]"
    assert remedy in str(caught.value)
    namespace: dict[str, Any] = {"np": np, "X": X}
    exec(remedy.partition(";")[0], namespace)
    assert check_features(X[namespace["keep"]]).tolist() == [[2.0, 3.0]]


def test_another_number_of_features_than_expected_is_refused() -> None:
    with pytest.raises(
        ShapeError,
        match=r"X has 1 column, its shape is \(2, 1\), but 4 features .*\(n_samples, 4\)",
    ):
        check_features([[1.0], [2.0]], n_features=4)


def test_the_message_uses_the_name_that_was_given() -> None:
    with pytest.raises(DataError, match=r"X_validation\[0, 0\] is nan"):
        check_features([[NAN]], name="X_validation")


@pytest.mark.parametrize("y", [[1, 2], [[1], [2]], [[1.0, 2.0], [3.0, 4.0]]])
def test_targets_keep_their_shape(y: Any) -> None:
    assert check_targets(y).shape == np.shape(y)
    assert check_targets(y).dtype == np.float64


@pytest.mark.parametrize(
    ("y", "n_outputs", "error", "message"),
    [
        ([], None, DataError, "y is empty"),
        (1.0, None, ShapeError, r"y has shape \(\)"),
        (np.zeros((2, 2, 2)), None, ShapeError, r"y has shape \(2, 2, 2\)"),
        ([1.0, NAN], None, DataError, r"y\[1\] is nan .*keep = np.isfinite\(y\); y\[keep\]"),
        ([1.0, "a"], None, DataError, r"y\[1\] is 'a'"),
        ([1.0, 2.0], 3, ShapeError, "y has 1 output per sample, .* 3 are expected"),
        ([[1.0, 2.0]], 1, ShapeError, "y has 2 outputs per sample"),
    ],
)
def test_targets_that_cannot_be_used_are_named(
    y: Any, n_outputs: int | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_targets(y, n_outputs)


@pytest.mark.parametrize(
    "y",
    [
        [0, 2, 1],
        (0.0, 2.0, 1.0),
        np.array([0, 2, 1], dtype=np.uint8),
        np.array([0, 2, 1], dtype=object),
    ],
)
def test_labels_of_any_kind_become_an_int64_array(y: Any) -> None:
    labels = check_labels(y, n_classes=3)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("y", "n_classes", "error", "message"),
    [
        ([], 3, DataError, "y is empty"),
        (["a", "b"], 2, DataError, r"y holds text.*y, classes = encode_labels\(y\)"),
        ([0, 3], 3, DataError, r"y\[1\] is 3, but the labels of 3 classes are 0 to 2"),
        ([0, 1], 1, DataError, r"y\[1\] is 1, but the labels of 1 class are 0 to 0"),
        ([0, -1], 3, DataError, r"y\[1\] is -1"),
        ([1, -1], None, DataError, r"y\[1\] is -1, but labels count from 0"),
        ([0.0, 0.5], None, DataError, r"y\[1\] is 0.5, but a label is a whole number"),
        ([1e300], None, DataError, r"y\[0\] is 1e\+300"),
        ([0.0, NAN], None, DataError, r"y\[1\] is nan"),
        ([0, None], None, DataError, r"y\[1\] is None"),
        ([[0], [1]], None, ShapeError, r"y has shape \(2, 1\).*y.ravel\(\)"),
        ([[0, 1], [1, 0]], None, ShapeError, r"y has shape \(2, 2\).*y.argmax\(axis=1\)"),
        (0, None, ShapeError, r"y has shape \(\)"),
    ],
)
def test_labels_that_cannot_be_used_are_named(
    y: Any, n_classes: int | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_labels(y, n_classes)


def test_equal_lengths_are_returned() -> None:
    assert check_lengths(np.zeros((4, 2)), [0, 1, 0, 1], (1, 2, 3, 4)) == 4


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([1, 2], [1]), "X has 2 samples but y has 1;"),
        (([1], [1], [1, 2]), "X has 1 sample but array 3 has 2;"),
        ((5.0, [1]), "X is 5.0, not an array"),
        (([1], np.float64(2.0)), "y is .*2.0.*, not an array"),
    ],
)
def test_lengths_that_differ_are_named(arrays: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        check_lengths(*arrays)


def test_empty_arrays_have_no_length_in_common() -> None:
    with pytest.raises(DataError, match="X_train is empty"):
        check_lengths([], [], names=("X_train", "y_train"))
    with pytest.raises(InvalidArgumentError, match="no array was given"):
        check_lengths()


def test_finite_arrays_pass_in_any_shape() -> None:
    check_finite(np.array(1.0))
    check_finite(np.zeros((2, 3, 4)))
    with pytest.raises(DataError, match=r"W\[0, 1, 2\] is nan"):
        check_finite(np.where(np.arange(24).reshape(2, 3, 4) == 6, NAN, 0.0), name="W")


@pytest.mark.parametrize("value", [0, -3, 1.0, "1", None, True, NAN])
def test_what_is_no_whole_number_of_the_range_is_refused(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"n is .* at least 1 is needed: n=1"):
        check_integer(value, "n")


@pytest.mark.parametrize("check", [check_features, check_targets])
def test_the_data_of_the_caller_stays_as_it_was(check: Any) -> None:
    rows = [[1, 2], [3, 4]]
    check(rows)
    assert rows == [[1, 2], [3, 4]]
    frozen = np.array([[1.0, 2.0]])
    frozen.setflags(write=False)
    check(frozen)


@pytest.mark.parametrize(
    ("X", "told"),
    [
        (np.array([[2**53], [2**53 + 1]]), r"X\[1, 0\] is 9007199254740993, .* 9007199254740992"),
        (np.array([[-(2**53) - 1]]), r"X\[0, 0\] is -9007199254740993, .* -9007199254740992"),
        (np.array([[2**64 - 1]], np.uint64), r"is 18446744073709551615, .* 18446744073709551616"),
        (np.array([[2**63 - 1]]), r"is 9223372036854775807, .* 9223372036854775808"),
    ],
)
def test_whole_numbers_that_are_no_floats_are_told(X: Any, told: str) -> None:
    with pytest.warns(UserWarning, match=told) as caught:
        check_features(X)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=r"y\[\d\] is .* y - y\.min\(axis=0\)"):
        check_targets(X.ravel())


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**60 + 2**10, -(2**63), 3 * 2**61])
def test_large_whole_numbers_that_are_floats_are_taken_as_they_are(number: int) -> None:
    assert check_features(np.array([[number]])).tolist() == [[float(number)]]


def test_a_number_that_is_no_label_is_shown_with_all_its_digits() -> None:
    with pytest.raises(DataError, match=r"y\[1\] is 1700000000\.5, but a label is a whole number"):
        check_labels([1.0, 1700000000.5])


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_numbers_whose_sum_is_too_large_are_finite(kind: Any) -> None:
    largest = np.finfo(kind).max
    X = np.full((4, 3), largest, kind)
    assert (check_features(X) == largest).all()
    X[2] *= -1.0
    assert np.isfinite(check_features(X)).all()


@pytest.mark.parametrize("pair", [(np.inf, -np.inf), (np.nan, 1e308), (-np.inf, 1.0)])
def test_what_is_not_finite_is_found_among_very_large_numbers(pair: tuple[float, float]) -> None:
    X = np.full((4, 3), np.finfo(float).max)
    X[1, 2], X[3, 0] = pair
    with pytest.raises(DataError, match=r"X\[1, 2\] is (nan|-?inf)"):
        check_features(X)
