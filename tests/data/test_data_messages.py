"""What the checks say, word for word: the place, what was found, and a remedy that runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_mlp.data import (
    check_features,
    check_finite,
    check_labels,
    check_lengths,
    check_targets,
    encode_labels,
    iterate_batches,
)
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError

NAN, INF = float("nan"), float("inf")


class Sparse:
    """What a sparse matrix has: no ``__array__``."""

    def toarray(self) -> NDArray[Any]:
        return np.eye(2)


class Matrix(Sparse):
    """Has both, as the matrices of some libraries."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.eye(2)


def masked(array: Any) -> Any:
    return np.ma.masked_equal(array, -9.0)


TO_NUMBERS = "np.asarray(X, dtype=float)"
TO_COLUMNS = "leave the column out, or replace it by columns of 0 and 1, one per value"
NO_ARRAY = (
    ", which is no array; pass a list or an array of numbers, one row per sample: "
    "X = [[5.1, 3.5], [4.9, 3.0]]"
)
FILL = "fill in such cells, or remove their samples from every array: "
MASKED = "and what is under a mask is no data; fill these cells in, "
REMOVE = ".filled(0.0), or remove their samples from every array: keep = ~np.ma.getmaskarray("
DIFFER = "; every row needs the same number of cells"
UNFIT = "but (n_samples, n_features) is needed; "


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (None, DataError, f"X is None{NO_ARRAY}"),
        ("1.5", DataError, f"X is '1.5'{NO_ARRAY}"),
        ({1}, DataError, f"X is {{1}}{NO_ARRAY}"),
        ("z" * 99, DataError, f"X is '{'z' * 29}…{'z' * 28}'{NO_ARRAY}"),
        (
            [[1.0, "2"]],
            DataError,
            "X[0, 1] is '2' (row 0, column 1, counting from 0), not a number; turn texts into "
            f"numbers first: {TO_NUMBERS}",
        ),
        (
            [[1.0, "red"]],
            DataError,
            "X[0, 1] is 'red' (row 0, column 1, counting from 0), not a number; " + TO_COLUMNS,
        ),
        (
            [[True, None]],
            DataError,
            "X[0, 1] is None (row 0, column 1, counting from 0), not a number; "
            "fill the cell in or remove its row",
        ),
        (
            [1, None],
            DataError,
            "X[1] is None (row 1, counting from 0), not a number; "
            "fill the cell in or remove its row",
        ),
        (
            [[[1.0, None]]],
            DataError,
            "X[0, 0, 1] is None (counting from 0), not a number; "
            "fill the cell in or remove its row",
        ),
        (
            [[np.complex128(1j), None]],
            DataError,
            "X[0, 0] is np.complex128(1j) (row 0, column 0, counting from 0), not a number; "
            + TO_COLUMNS,
        ),
        (
            [[1j]],
            DataError,
            "X holds complex128; real numbers are needed: X.real, or np.abs(X)",
        ),
        (
            np.array([(1, 2.0)], dtype=[("a", "<i8"), ("b", "<f8")]),
            DataError,
            "X holds [('a', '<i8'), ('b', '<f8')]; real numbers are needed: from "
            "numpy.lib.recfunctions import structured_to_unstructured; "
            "X = structured_to_unstructured(X)",
        ),
        (
            np.array([[1]], "m8[D]"),
            DataError,
            "X holds timedelta64[D]; real numbers are needed: X.astype(float)",
        ),
        (
            np.array([[1]], "M8[D]"),
            DataError,
            "X holds datetime64[D]; real numbers are needed: X.astype(float)",
        ),
        (
            np.array([[b"ab"]], "V2"),
            DataError,
            "X holds |V2; real numbers are needed: X.astype(float)",
        ),
        (
            [1, [2, 3]],
            ShapeError,
            "the rows of X differ in length: row 0 is a single cell, row 1 has 2 cells" + DIFFER,
        ),
        (
            [[1], [2], 3],
            ShapeError,
            "the rows of X differ in length: row 0 has 1 cell, row 2 is a single cell" + DIFFER,
        ),
        ([[1, 2], [3, [4]]], ShapeError, "the rows of X differ in shape" + DIFFER),
        (5.0, ShapeError, f"X has shape (), {UNFIT}for a single number pass [[X]]"),
        (
            [1.0],
            ShapeError,
            f"X has shape (1,), {UNFIT}for one feature per sample pass X.reshape(-1, 1), for one "
            "sample X.reshape(1, -1)",
        ),
        (
            [[[1.0]]],
            ShapeError,
            f"X has shape (1, 1, 1), {UNFIT}flatten each sample: X.reshape(len(X), -1)",
        ),
        (
            [[1.0, INF], [NAN, 1.0]],
            DataError,
            "X[0, 1] is inf (row 0, column 1, counting from 0), the first of 2 such cells; "
            f"{FILL}keep = np.isfinite(X).all(axis=1); X[keep]",
        ),
        (
            Sparse(),
            DataError,
            "X is a sparse matrix, Sparse; pass all its cells: X.toarray()",
        ),
        (
            masked([[1.0, -9.0], [-9.0, 2.0]]),
            DataError,
            f"X is masked in 2 cells, {MASKED}X{REMOVE}X).any(axis=1); X[keep]",
        ),
        (
            masked([1.0, -9.0]),
            DataError,
            f"X is masked in 1 cell, {MASKED}X{REMOVE}X); X[keep]",
        ),
        (
            [masked([1.0, 2.0]), masked([1.0, -9.0])],
            DataError,
            f"X is masked in 1 cell, {MASKED}np.ma.stack(X){REMOVE}np.ma.stack(X)).any(axis=1); "
            "np.ma.stack(X)[keep]",
        ),
        (
            [[1.0, 2.0], masked([-9.0, -9.0])],
            DataError,
            f"X is masked in 2 cells, {MASKED}np.ma.stack(X){REMOVE}np.ma.stack(X)).any(axis=1); "
            "np.ma.stack(X)[keep]",
        ),
        (
            (np.ma.masked, 1.0),
            DataError,
            f"X is masked in 1 cell, {MASKED}np.ma.stack(X){REMOVE}np.ma.stack(X)); "
            "np.ma.stack(X)[keep]",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_features_that_cannot_be_used(X: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        check_features(X)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array(NAN), "w is nan, but a finite number is needed"),
        (
            np.array([1.0, INF]),
            f"w[1] is inf (row 1, counting from 0); {FILL}keep = np.isfinite(w); w[keep]",
        ),
        (
            np.array([-INF, NAN, 1.0]),
            "w[0] is -inf (row 0, counting from 0), the first of 2 such cells; "
            f"{FILL}keep = np.isfinite(w); w[keep]",
        ),
        (
            np.array([[[1.0], [NAN]], [[2.0], [3.0]]]),
            "w[0, 1, 0] is nan (counting from 0); "
            f"{FILL}keep = np.isfinite(w).all(axis=(1, 2)); w[keep]",
        ),
    ],
)
def test_numbers_that_are_not_finite(array: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        check_finite(array, name="w")
    assert str(caught.value) == message


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2), (4, 2, 2, 2)])
def test_the_remedies_for_an_array_of_any_shape_run(shape: tuple[int, ...]) -> None:
    w = np.ones(shape)
    w.reshape(4, -1)[1, 0] = NAN
    under_mask = np.ma.masked_invalid(w)
    with pytest.raises(DataError) as not_finite:
        check_finite(w, name="w")
    with pytest.raises(DataError) as is_masked:
        check_lengths(under_mask, names=["w"])
    for caught, array in ((not_finite, w), (is_masked, under_mask)):
        names = {"w": array, "np": np}
        setting, kept = str(caught.value).partition("; ")[2].partition("array: ")[2].split("; ")
        exec(setting, names)
        np.testing.assert_array_equal(eval(kept, names), np.ones((3, *shape[1:])))


@pytest.mark.parametrize(
    ("y", "n_outputs", "error", "message"),
    [
        (
            np.zeros((0, 2)),
            None,
            DataError,
            "y is empty, its shape is (0, 2); one target per sample is needed",
        ),
        (
            np.zeros((1, 1, 1)),
            None,
            ShapeError,
            "y has shape (1, 1, 1); (n_samples,) or (n_samples, n_outputs) is needed",
        ),
        (
            [1.0, 2.0],
            2,
            ShapeError,
            "y has 1 output per sample, its shape is (2,), but 2 are expected: (n_samples, 2)",
        ),
        (
            [[1.0, 2.0, 3.0]],
            2,
            ShapeError,
            "y has 3 outputs per sample, its shape is (1, 3), but 2 are expected: (n_samples, 2)",
        ),
    ],
)
def test_targets_that_cannot_be_used(
    y: Any, n_outputs: int | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        check_targets(y, n_outputs)
    assert str(caught.value) == message


@pytest.mark.parametrize(("y", "n_outputs"), [([1.0, 2.0], 1), ([[1.0, 2.0]], 2)])
def test_targets_of_the_expected_outputs_pass(y: Any, n_outputs: int) -> None:
    assert check_targets(y, n_outputs).tolist() == y


ANEW = "; number them anew: y, classes = encode_labels(y)"
FLAT = "but labels have shape (n_samples,); "


@pytest.mark.parametrize(
    ("y", "n_classes", "error", "message"),
    [
        ([0, 3], 3, DataError, f"y[1] is 3, but the labels of 3 classes are 0 to 2{ANEW}"),
        ([0, 1], 1, DataError, f"y[1] is 1, but the labels of 1 class are 0 to 0{ANEW}"),
        ([1, -1, -2], None, DataError, f"y[1] is -1, but labels count from 0{ANEW}"),
        ([-1, 3], 3, DataError, f"y[0] is -1, but the labels of 3 classes are 0 to 2{ANEW}"),
        (
            np.array(["a"]),
            None,
            DataError,
            "y holds text, but labels are whole numbers from 0; number the classes first: "
            "y, classes = encode_labels(y)",
        ),
        (
            np.array([b"a"]),
            None,
            DataError,
            "y holds text, but labels are whole numbers from 0; number the classes first: "
            "y, classes = encode_labels(y)",
        ),
        (
            [0.0, 2.0**53 + 2.0],
            None,
            DataError,
            "y[1] is 9007199254740994, but a label is a whole number: 0 for the first class, "
            "1 for the second, and so on; for a numeric target use a regression loss",
        ),
        (
            np.zeros((0,)),
            None,
            DataError,
            "y is empty, its shape is (0,); one label per sample is needed",
        ),
        ([[0], [1]], None, ShapeError, f"y has shape (2, 1), {FLAT}pass y.ravel()"),
        (
            [[0, 1]],
            None,
            ShapeError,
            f"y has shape (1, 2), {FLAT}for one-hot rows pass y.argmax(axis=1)",
        ),
        (
            [[[0]]],
            None,
            ShapeError,
            f"y has shape (1, 1, 1), {FLAT}pass one whole number per sample",
        ),
        (0, None, ShapeError, f"y has shape (), {FLAT}pass one whole number per sample"),
    ],
)
def test_labels_that_cannot_be_used(
    y: Any, n_classes: int | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        check_labels(y, n_classes)
    assert str(caught.value) == message


@pytest.mark.parametrize("y", [[0, 2**53], [2.0**53, 0.0]])
def test_the_largest_whole_float_is_a_label(y: Any) -> None:
    assert check_labels(y).tolist() == [int(label) for label in y]


@pytest.mark.parametrize(
    ("arrays", "names", "error", "message"),
    [
        (
            ([1, 2], [1], [1, 2]),
            ("X", "y"),
            ShapeError,
            "X has 2 samples but y has 1; every sample needs one row in each",
        ),
        (
            ([1], [1], [1], [1, 2]),
            ("X", "y"),
            ShapeError,
            "X has 1 sample but array 4 has 2; every sample needs one row in each",
        ),
        (
            ([1], [1], [1, 2]),
            (),
            ShapeError,
            "array 1 has 1 sample but array 3 has 2; every sample needs one row in each",
        ),
        (([], []), ("X",), DataError, "X is empty; at least one sample is needed"),
        (
            ([1], 5.0),
            ("X", "y"),
            ShapeError,
            "y is 5.0, not an array; pass one row per sample: [y]",
        ),
        (
            ([1], Sparse()),
            ("X", "y"),
            DataError,
            "y is a sparse matrix, Sparse; pass all its cells: y.toarray()",
        ),
    ],
)
def test_arrays_that_do_not_go_together(
    arrays: tuple[Any, ...], names: tuple[str, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        check_lengths(*arrays, names=names)
    assert str(caught.value) == message


@pytest.mark.parametrize("number", [1, 2.5, np.float32(2.0), np.bool_(True), True])
def test_a_number_in_the_place_of_any_array_of_a_batch_is_told(number: Any) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        iterate_batches([1.0], number)
    assert str(caught.value) == (
        f"array 2 is {number}, a number, but an array with one row per sample is needed: "
        f"iterate_batches(X, y, batch_size={number})"
    )


@pytest.mark.parametrize(
    ("y", "place"), [(np.array(2**53 + 1), "y"), (np.array([[[0, 2**53 + 1]]]), "y[0, 0, 1]")]
)
def test_a_whole_number_that_is_no_float_is_told_with_its_place(y: Any, place: str) -> None:
    with pytest.warns(UserWarning, match="2\\^53") as caught, pytest.raises(ShapeError):
        check_targets(y)
    assert [str(warning.message) for warning in caught] == [
        f"{place} is 9007199254740993, which as a float64 becomes 9007199254740992: above 2^53 not "
        "every whole number is a float; leave such a column out if it names things, or subtract "
        "an offset first: y - y.min(axis=0)"
    ]


def test_what_is_a_matrix_in_any_way_is_taken() -> None:
    assert check_features(Matrix()).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert check_features(masked([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]
    assert check_features([masked([1.0]), [2.0]]).tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (
            [[1], [2]],
            ShapeError,
            "labels has shape (2, 1), but (n_samples,) is needed: one label per sample",
        ),
        ([], DataError, "labels is empty; at least one label is needed"),
        (
            ["a", "b", 1.5],
            DataError,
            "labels[2] is 1.5, but all need to be text, or all numbers, or all True and False; "
            "convert them, for example [str(label) for label in labels]",
        ),
        (
            [0.5, 2**60 + 1],
            DataError,
            "labels[1] is 1152921504606846977, which is no float as other labels are, and would "
            "become 1152921504606846976; give text: [str(label) for label in labels]",
        ),
        (
            [None, "z" * 90],
            DataError,
            "labels[0] is None, but all need to be text, or all numbers, or all True and False; "
            "convert them, for example [str(label) for label in labels]",
        ),
    ],
)
def test_labels_that_cannot_be_numbered(labels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        encode_labels(labels)
    assert str(caught.value) == message


@pytest.mark.parametrize("y", [[0.0, NAN], np.array([0.0, NAN])])
@pytest.mark.parametrize("check", [check_targets, check_labels, encode_labels])
def test_a_number_that_is_not_finite_is_told_in_the_same_words_by_all(check: Any, y: Any) -> None:
    with pytest.raises(DataError) as caught:
        check(y)
    name = "labels" if check is encode_labels else "y"
    assert str(caught.value) == (
        f"{name}[1] is nan (row 1, counting from 0); {FILL}keep = np.isfinite({name}); {name}[keep]"
    )
