"""Standardizing, one-hot rows and the numbering of labels."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_mlp.data import StandardScaler, encode_labels, load_digits, load_iris, one_hot
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError


def test_standardized_columns_have_mean_zero_and_deviation_one() -> None:
    Z = StandardScaler().fit_transform(load_iris().X)
    np.testing.assert_allclose(Z.mean(axis=0), 0.0, atol=1e-14)
    np.testing.assert_allclose(Z.std(axis=0), 1.0, rtol=1e-14)


def test_the_deviation_is_the_one_over_n() -> None:
    scaler = StandardScaler().fit([[2.0], [4.0], [4.0], [4.0], [5.0], [5.0], [7.0], [9.0]])
    assert scaler.mean_.tolist() == [5.0]
    assert scaler.scale_.tolist() == [2.0]


def test_a_test_part_is_moved_by_the_numbers_of_the_train_part() -> None:
    scaler = StandardScaler().fit([[0.0, 10.0], [2.0, 30.0]])
    assert scaler.transform([[4.0, 20.0]]).tolist() == [[3.0, 0.0]]


@pytest.mark.parametrize("constant", [0.0, 0.1, -7.0, 1e-300, 1e15 + 0.3])
def test_a_constant_column_becomes_zero_and_is_divided_by_one(constant: float) -> None:
    X = np.column_stack([np.full(7, constant), np.arange(7.0)])
    scaler = StandardScaler().fit(X)
    assert scaler.scale_[0] == 1.0
    assert scaler.transform(X)[:, 0].tolist() == [0.0] * 7
    assert scaler.transform([[constant + 1.0, 3.0]])[0].tolist() == [
        (constant + 1.0) - constant,
        0.0,
    ]


def test_the_empty_corners_of_the_digits_do_no_harm() -> None:
    Z = StandardScaler().fit_transform(load_digits().X)
    assert np.isfinite(Z).all()
    assert (Z[:, 0] == 0.0).all()


@pytest.mark.parametrize("unit", [1e-200, 1e-30, 1.0, 1e30, 1e200])
def test_the_unit_of_a_column_does_not_matter(unit: float) -> None:
    X = np.array([[1.0], [2.0], [4.0]])
    Z = StandardScaler().fit_transform(X * unit)
    np.testing.assert_allclose(Z, StandardScaler().fit_transform(X), rtol=1e-13)


def test_numbers_too_large_are_named_by_their_column() -> None:
    with pytest.raises(DataError, match=r"column 1 of X \(counting from 0\) .* too large"):
        StandardScaler().fit([[0.0, 1.7e308], [1.0, -1.7e308], [2.0, 1.7e308]])


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2),
        min_size=1,
        max_size=20,
    )
)
def test_the_inverse_leads_back(rows: list[list[float]]) -> None:
    scaler = StandardScaler()
    Z = scaler.fit_transform(rows)
    np.testing.assert_allclose(scaler.inverse_transform(Z), rows, rtol=1e-12, atol=1e-9)


def test_the_data_of_the_caller_stays_as_it_was() -> None:
    X = load_iris().X
    before = X.copy()
    scaler = StandardScaler().fit(X)
    Z = scaler.transform(X)
    scaler.inverse_transform(Z)[:] = 0.0
    np.testing.assert_array_equal(X, before)
    X[:] = 0.0
    np.testing.assert_array_equal(scaler.transform(before), Z)


def test_what_was_learned_goes_through_arrays_and_back() -> None:
    X = load_iris().X
    scaler = StandardScaler().fit(X)
    state = scaler.state_dict()
    twin = StandardScaler()
    twin.load_state_dict(state)
    np.testing.assert_array_equal(twin.transform(X), scaler.transform(X))
    state["mean"][:] = 0.0
    np.testing.assert_array_equal(twin.transform(X), scaler.transform(X))
    for other in (copy.deepcopy(scaler), pickle.loads(pickle.dumps(scaler))):
        np.testing.assert_array_equal(other.transform(X), scaler.transform(X))


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ({"mean": [0.0]}, InvalidArgumentError, r"needs the keys .* got \['mean'\]"),
        ({"mean": [0.0], "scale": [1.0, 2.0]}, ShapeError, r"shape \(1,\) and .* \(2,\)"),
        ({"mean": [[0.0]], "scale": [[1.0]]}, ShapeError, r"need the shape \(n_features,\)"),
        ({"mean": [0.0, 0.0], "scale": [1.0, 0.0]}, InvalidArgumentError, r"scale\[1\]"),
        ({"mean": [float("nan")], "scale": [1.0]}, DataError, r"mean\[0\] is nan"),
        ({"mean": ["a"], "scale": [1.0]}, DataError, r"mean\[0\] is 'a'"),
        (
            {"mean": [[1.0], [1.0, 2.0]], "scale": [1.0]},
            ShapeError,
            "rows of mean differ",
        ),
    ],
)
def test_a_state_that_cannot_be_right_is_refused(
    state: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        StandardScaler().load_state_dict(state)


def test_nothing_works_before_fit() -> None:
    scaler = StandardScaler()
    assert repr(scaler) == "StandardScaler(not fitted)"
    for call in (scaler.transform, scaler.inverse_transform):
        with pytest.raises(InvalidArgumentError, match=r"call scaler.fit\(X_train\) first"):
            call([[1.0]])
    with pytest.raises(InvalidArgumentError, match="fit"):
        scaler.state_dict()


def test_other_columns_than_in_fit_are_refused() -> None:
    scaler = StandardScaler().fit([[1.0, 2.0], [3.0, 4.0]])
    assert repr(scaler) == "StandardScaler(n_features=2)"
    with pytest.raises(ShapeError, match=r"X has 3 columns, .* 2 features"):
        scaler.transform([[1.0, 2.0, 3.0]])
    with pytest.raises(ShapeError, match=r"Z has 1 column, .* 2 features"):
        scaler.inverse_transform([[1.0]])


def test_one_hot_rows_have_a_single_one_at_the_label() -> None:
    y = load_iris().y
    rows = one_hot(y, 4)
    assert rows.shape == (150, 4)
    assert rows.dtype == np.float64
    assert rows.sum() == 150.0
    np.testing.assert_array_equal(rows.argmax(axis=1), y)
    np.testing.assert_array_equal(rows.sum(axis=0), [50, 50, 50, 0])


def test_one_hot_takes_as_many_columns_as_there_are_labels() -> None:
    assert one_hot([2]).tolist() == [[0.0, 0.0, 1.0]]
    assert one_hot([True, False]).tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_one_hot_refuses_labels_out_of_range() -> None:
    with pytest.raises(DataError, match=r"y\[2\] is 3, but the labels of 3 classes are 0 to 2"):
        one_hot([0, 1, 3], 3)
    with pytest.raises(InvalidArgumentError, match="n_classes is 0"):
        one_hot([0], 0)


@pytest.mark.parametrize(
    ("labels", "numbers", "classes"),
    [
        (["b", "a", "c", "a"], [1, 0, 2, 0], ["a", "b", "c"]),
        (("no", "yes"), [0, 1], ["no", "yes"]),
        (np.array(["y", "x"], dtype=object), [1, 0], ["x", "y"]),
        ([10, 2, 10], [1, 0, 1], [2, 10]),
        ([-1, 1, -1], [0, 1, 0], [-1, 1]),
        (np.array([3, 1], dtype=object), [1, 0], [1, 3]),
        ([0.5, -0.5], [1, 0], [-0.5, 0.5]),
        ([True, False], [1, 0], [False, True]),
        (["ü", "z", "Z"], [2, 1, 0], ["Z", "z", "ü"]),
        ([2**53 + 1, 2**53], [1, 0], [2**53, 2**53 + 1]),
        (np.array([2**64 - 1, 2**64 - 2], np.uint64), [1, 0], [2**64 - 2, 2**64 - 1]),
        ([2**70 + 1, 2**70], [1, 0], [2**70, 2**70 + 1]),
        ([2**63, -1], [1, 0], [-1, 2**63]),
        ([1, 2.5], [0, 1], [1, 2.5]),
        ([np.str_("b"), "a"], [1, 0], ["a", "b"]),
        (np.array([np.str_("b"), np.str_("a")], dtype=object), [1, 0], ["a", "b"]),
        (["7", "007", "7.0"], [1, 0, 2], ["007", "7", "7.0"]),
        ([np.bool_(True), False], [1, 0], [False, True]),
        ([10**400, 1], [1, 0], [1, 10**400]),
        ([1, 10**400, 2.5], [0, 2, 1], [1, 2.5, 10**400]),
        ([np.float32(0.5), 1], [0, 1], [0.5, 1]),
        ([2**60, 0.5], [1, 0], [0.5, 2**60]),
    ],
)
def test_labels_are_numbered_in_sorted_order(
    labels: Any, numbers: list[int], classes: list[Any]
) -> None:
    y, found = encode_labels(labels)
    assert y.dtype == np.int64
    assert y.tolist() == numbers
    assert found.tolist() == classes
    assert found[y].tolist() == list(labels)


def test_known_classes_keep_their_numbers() -> None:
    _, classes = encode_labels(["red", "green", "blue"])
    y, again = encode_labels(["red", "red"], classes)
    assert y.tolist() == [2, 2]
    assert again.tolist() == ["blue", "green", "red"]
    y, _ = encode_labels(["low", "high"], classes=["low", "middle", "high"])
    assert y.tolist() == [0, 2]


def test_a_label_outside_the_known_classes_is_named() -> None:
    with pytest.raises(DataError, match=r"labels\[1\] is 'pink', .* none of the classes \['red'\]"):
        encode_labels(["red", "pink"], ["red"])
    with pytest.raises(DataError, match="twice"):
        encode_labels(["red"], ["red", "red"])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([], DataError, "labels is empty"),
        (["a", None], DataError, r"labels\[1\] is None"),
        ([None, None], DataError, r"labels\[0\] is None"),
        (["a", 1], DataError, r"labels\[1\] is 1"),
        ([True, 1], DataError, r"labels\[1\] is 1"),
        ([0, False, 2], DataError, r"labels\[1\] is False"),
        ([2**53 + 1, 0.5], DataError, r"labels\[0\] is 9007199254740993, .* 9007199254740992"),
        ([0.0, float("nan")], DataError, r"labels\[1\] is nan"),
        (np.array([0.0, float("nan")]), DataError, r"labels\[1\] is nan"),
        (["a", float("nan")], DataError, r"labels\[1\] is nan"),
        ([["a"], ["b"]], ShapeError, r"shape \(2, 1\)"),
        ([["a"], ["b", "c"]], ShapeError, "row 1 has 2 cells"),
        ("a", ShapeError, r"shape \(\)"),
    ],
)
def test_labels_that_are_none_are_named(labels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        encode_labels(labels)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"mean": [0.0], "scales": [1.0]},
            "a StandardScaler needs the keys 'mean' and 'scale', got ['mean', 'scales']; pass what "
            "state_dict() returned",
        ),
        (
            {"mean": [], "scale": []},
            "mean has shape (0,) and scale has shape (0,), but both need the shape (n_features,)",
        ),
        (
            {"mean": [1.0, 2.0], "scale": [1.0]},
            "mean has shape (2,) and scale has shape (1,), but both need the shape (n_features,)",
        ),
        (
            {"mean": [1.0, 2.0, 3.0], "scale": [1.0, 0.0, -1.0]},
            "scale[1] is not positive; use 1 for a constant column",
        ),
        (
            {"mean": [1.0, 2.0], "scale": [1.0, float("inf")]},
            "scale[1] is inf (row 1, counting from 0); fill in such cells, or remove their samples "
            "from every array: keep = np.isfinite(scale); scale[keep]",
        ),
    ],
)
def test_what_is_said_of_a_wrong_state(state: dict[str, Any], message: str) -> None:
    scaler = StandardScaler()
    with pytest.raises((InvalidArgumentError, ShapeError, DataError)) as caught:
        scaler.load_state_dict(state)
    assert str(caught.value) == message
    assert repr(scaler) == "StandardScaler(not fitted)"


def test_a_state_is_taken_over_as_a_copy() -> None:
    state = {"mean": np.array([2.0]), "scale": np.array([4.0])}
    scaler = StandardScaler()
    scaler.load_state_dict(state)
    for array in (*state.values(), *scaler.state_dict().values()):
        array[:] = 9.0
    assert scaler.transform([[6.0]]).tolist() == [[1.0]]
    assert scaler.inverse_transform([[1.0]]).tolist() == [[6.0]]


def test_what_is_said_of_numbers_that_are_too_large() -> None:
    with pytest.raises(DataError) as caught:
        StandardScaler().fit([[0.0, 1.7e308, 1.7e308], [1.0, -1.7e308, -1.7e308]])
    assert str(caught.value) == (
        "column 1 of X (counting from 0) holds numbers too large to standardize; change its unit, "
        "for example X / 1e300"
    )
    scaler = StandardScaler().fit([[0.0, 1e-320], [1.0, 9e-320]])
    with pytest.raises(DataError) as caught:
        scaler.transform([[0.0, 5e-320], [0.0, 1.0], [0.0, 2.0]])
    assert str(caught.value) == (
        "X[1, 1] is 1.0, too far from the mean 5e-320 for the standard deviation 4e-320 of its "
        "column; change its unit, or leave the column out"
    )


def test_one_hot_has_at_least_the_columns_that_were_asked_for() -> None:
    assert one_hot([0, 1], 3).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert one_hot([0], 1).tolist() == [[1.0]]
    with pytest.raises(DataError, match=r"y\[0\] is -1, but labels count from 0"):
        one_hot([-1])


def test_the_classes_of_an_array_have_its_type() -> None:
    for dtype in ("i1", "u2", "f4", "?"):
        y, classes = encode_labels(np.array([1, 0], dtype))
        assert y.tolist() == [1, 0]
        assert classes.dtype == np.dtype(dtype)


@pytest.mark.parametrize("classes", [[7, -3, 0, 12], [5], [2**62, -(2**62), 1]])
@pytest.mark.parametrize("kind", [np.int64, np.int8, object])
def test_whole_numbers_are_numbered_as_the_classes_stand(classes: list[int], kind: Any) -> None:
    if kind is np.int8 and max(classes) > 100:
        kind = np.int64
    labels = np.random.default_rng(0).choice(classes, 50).astype(kind)
    y, found = encode_labels(labels, np.array(classes))
    assert y.tolist() == [classes.index(label) for label in labels.tolist()]
    assert y.dtype == np.int64
    assert found.tolist() == classes


@pytest.mark.parametrize("label", [-4, 1, 13])
def test_a_whole_number_that_is_no_class_is_named(label: int) -> None:
    message = rf"labels\[2\] is {label}, which is none of the classes \[7, -3, 0, 12\]"
    with pytest.raises(DataError, match=message):
        encode_labels(np.array([7, 12, label]), np.array([7, -3, 0, 12]))
