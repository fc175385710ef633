"""Masked cells are no data, wherever they come in; what ``np.asarray`` reads wrongly is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_mlp import MLP, Value, accuracy, compile, fit, predict
from tinygrad_mlp.data import (
    StandardScaler,
    encode_labels,
    iterate_batches,
    k_fold,
    one_hot,
    split_indices,
    train_test_split,
)
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.losses import categorical_cross_entropy
from tinygrad_mlp.training import confusion_table, predict_proba, regression_scores

X: NDArray[Any] = np.arange(8.0).reshape(4, 2)
Y = np.array([0, 1, 0, 1])
MASKED_X: Any = np.ma.masked_equal(X, 3.0)
MASKED_Y: Any = np.ma.array(Y, mask=[False, True, False, False])


def model() -> MLP:
    return MLP(2, [1], rng=0)


def plots() -> Any:
    import viz.plots

    return viz.plots


ENTRIES: dict[str, Callable[[], Any]] = {
    "fit, X": lambda: fit(model(), MASKED_X, Y, log_every=None),
    "fit, y": lambda: fit(model(), X, MASKED_Y, log_every=None),
    "fit, rows": lambda: fit(model(), list(MASKED_X), Y, log_every=None),
    "fit, cells": lambda: fit(model(), X, list(MASKED_Y), log_every=None),
    "fit, own loss": lambda: fit(model(), X, MASKED_Y, loss=lambda o, t: o[0], log_every=None),
    "validation X": lambda: fit(model(), X, Y, validation_data=(MASKED_X, Y), log_every=None),
    "validation y": lambda: fit(model(), X, Y, validation_data=(X, MASKED_Y), log_every=None),
    "predict": lambda: predict(model(), MASKED_X),
    "predict_proba": lambda: predict_proba(model(), MASKED_X, loss="binary_cross_entropy"),
    "accuracy, X": lambda: accuracy(model(), MASKED_X, Y, loss="binary_cross_entropy"),
    "accuracy, y": lambda: accuracy(model(), X, MASKED_Y, loss="binary_cross_entropy"),
    "confusion_table": lambda: confusion_table(MASKED_Y, Y),
    "regression_scores": lambda: regression_scores(Y, MASKED_Y),
    "train_test_split, X": lambda: train_test_split(MASKED_X, Y),
    "train_test_split, y": lambda: train_test_split(X, MASKED_Y),
    "split_indices": lambda: split_indices(MASKED_Y),
    "k_fold, X": lambda: k_fold(MASKED_X, n_folds=2),
    "k_fold, y": lambda: k_fold(X, MASKED_Y, n_folds=2),
    "iterate_batches": lambda: iterate_batches(X, MASKED_Y),
    "StandardScaler.fit": lambda: StandardScaler().fit(MASKED_X),
    "StandardScaler.transform": lambda: StandardScaler().fit(X).transform(MASKED_X),
    "one_hot": lambda: one_hot(MASKED_Y),
    "encode_labels": lambda: encode_labels(MASKED_Y),
    "labels of a loss": lambda: categorical_cross_entropy([[Value(1.0)] * 2] * 4, MASKED_Y),
    "load_state_dict": lambda: model().load_state_dict(
        {"layers.0.weight": MASKED_X[1:2], "layers.0.bias": [0.0]}
    ),
    "decision_boundary": lambda: plots().decision_boundary(predict, MASKED_X, Y),
    "activation_histograms": lambda: plots().activation_histograms(model(), MASKED_X),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_masked_cells_are_refused(entry: str) -> None:
    with pytest.raises(DataError, match=r"is masked in 1 cell, .*\.filled\(0\.0\), or remove"):
        ENTRIES[entry]()


def test_masked_cells_are_refused_by_a_program() -> None:
    w = Value(1.0)
    program = compile(lambda x: w * x[0] * x[1], [w], per_sample=True)
    with pytest.raises(ShapeError, match=r"got a masked array; .* array\.filled\(0\.0\)"):
        program(MASKED_X)
    with pytest.raises(ShapeError, match=r"program\.parameters holds 1 numbers"):
        program.parameters = np.ma.array([2.0], mask=[True])
    assert program.parameters.tolist() == [1.0]


@pytest.mark.parametrize("y", [MASKED_Y, list(MASKED_Y), MASKED_X, list(MASKED_X)])
def test_the_remedies_are_lines_that_run(y: Any) -> None:
    with pytest.raises(DataError) as error:
        split_indices(y)
    _, _, remedies = str(error.value).partition("fill these cells in, ")
    fill, _, remove = remedies.partition(", or remove their samples from every array: ")
    assert not np.ma.isMaskedArray(eval(fill, {"y": y, "np": np}))
    names = {"y": y, "np": np}
    setting, _, kept = remove.partition("; ")
    exec(setting, names)
    assert len(eval(kept, names)) == 3
    assert not np.ma.is_masked(eval(kept, names))


def test_a_masked_array_without_masked_cells_is_as_good_as_any() -> None:
    models = [MLP(2, [1], rng=0) for _ in range(2)]
    losses = [
        fit(each, given, Y, epochs=3, log_every=None).loss
        for each, given in zip(models, (X, np.ma.array(X)))
    ]
    assert losses[0] == losses[1]


class Sparse:
    """What sparse matrices have: a length that they do not tell, and ``toarray``."""

    def __len__(self) -> int:
        raise TypeError("sparse array length is ambiguous")

    def toarray(self) -> NDArray[Any]:
        return X


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Sparse(), r"X is a sparse matrix, Sparse; pass all its cells: X\.toarray\(\)"),
        (X.astype("M8[D]"), r"X holds datetime64\[D\]; .* X\.astype\(float\)"),
        (X.astype("m8[s]"), r"X holds timedelta64\[s\]; .* X\.astype\(float\)"),
        (X * 1j, r"X holds complex128; real numbers are needed: X\.real"),
        (np.array([(1.0, 2.0)], "f8, f8"), r"structured_to_unstructured\(X\)"),
        ({"a": [1.0]}, r"X is \{'a': \[1\.0\]\}, which is no array; pass a list"),
        ("abc", r"X is 'abc', which is no array; pass a list"),
        (np.array([[1.0, None]], object), r"X\[0, 1\] is None .* fill the cell in"),
    ],
)
def test_what_holds_no_plain_numbers_is_refused(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        predict(model(), given)
    with pytest.raises(DataError, match=message):
        StandardScaler().fit(given)


def test_a_sparse_matrix_is_refused_by_whatever_counts_samples() -> None:
    for call in (lambda: fit(model(), Sparse(), Y), lambda: train_test_split(Sparse(), Y)):  # type: ignore[arg-type]
        with pytest.raises(DataError, match=r"pass all its cells: X\.toarray\(\)"):
            call()


def test_matrices_and_objects_that_are_numbers_are_taken() -> None:
    plain = predict(model(), X).tolist()
    assert predict(model(), X.view(np.matrix)).tolist() == plain
    assert predict(model(), X.astype(object)).tolist() == plain
