"""What ``fit`` takes targets for: the labels of classes, or numbers; and where it asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_mlp import MLP, fit
from tinygrad_mlp.data import load_iris
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.training import task_of

IRIS = load_iris()
SPECIES = np.array(IRIS.target_names)[IRIS.y]
TWO = (IRIS.y > 0).astype(int)
BINARY, CATEGORICAL = "binary_cross_entropy_with_logits", "categorical_cross_entropy"
SQUARED = "mean_squared_error"

TAKEN: dict[str, tuple[int, Any, str, list[Any] | None]] = {
    "two numbers, one output": (1, TWO, BINARY, [0, 1]),
    "two numbers, two outputs": (2, TWO, CATEGORICAL, [0, 1]),
    "two of three numbers": (3, TWO, CATEGORICAL, [0, 1, 2]),
    "numbers from one on": (1, TWO + 1, BINARY, [1, 2]),
    "numbers from one on, two outputs": (2, TWO + 1, CATEGORICAL, [1, 2]),
    "signs": (1, 2 * TWO - 1, BINARY, [-1, 1]),
    "booleans": (1, TWO.astype(bool), BINARY, [False, True]),
    "booleans, two outputs": (2, TWO.astype(bool), CATEGORICAL, [False, True]),
    "texts": (3, SPECIES, CATEGORICAL, ["setosa", "versicolor", "virginica"]),
    "three numbers": (3, IRIS.y, CATEGORICAL, [0, 1, 2]),
    "three numbers as floats": (3, IRIS.y.astype(float), CATEGORICAL, [0, 1, 2]),
    "one-hot rows": (3, np.eye(3)[IRIS.y], CATEGORICAL, [0, 1, 2]),
    "two floats, one output": (1, TWO.astype(float), SQUARED, None),
    "every number once": (1, 2 * np.arange(150) + 1, SQUARED, None),
    "many numbers": (1, np.arange(150) // 3, SQUARED, None),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_targets_are_taken_for(case: str) -> None:
    n_outputs, y, loss_name, classes = TAKEN[case]
    model = MLP(4, [n_outputs], rng=0)
    history = fit(model, IRIS.X, y, epochs=1, learning_rate=0.001, log_every=None)
    task = task_of(model)
    assert task is not None
    found = None if task.classes is None else task.classes.tolist()
    assert (history.loss_name, found) == (loss_name, classes)


OF_THREE_KINDS: list[Any] = [
    IRIS.y,
    IRIS.y.astype("u1"),
    IRIS.y.astype(object),
    IRIS.y.reshape(-1, 1),
    IRIS.y.tolist(),
    IRIS.y + 1,
    IRIS.y * 10 - 5,
]


@pytest.mark.parametrize("y", OF_THREE_KINDS)
def test_three_classes_and_one_output_are_no_regression_unasked(y: Any) -> None:
    model = MLP(4, [1], rng=0)
    with pytest.raises(
        DataError,
        match=r"y has the 3 classes .*, but the model has 1 output, for two classes; give it 3: "
        r"MLP\(n_inputs, \[\.\.\., 3\]\); or, for a quantity .* loss='mean_squared_error'",
    ):
        fit(model, IRIS.X, y, log_every=None)
    assert task_of(model) is None
    history = fit(model, IRIS.X, y, loss=SQUARED, epochs=1, learning_rate=0.001, log_every=None)
    assert history.task == "regression"


@pytest.mark.parametrize("loss", [BINARY, "hinge", CATEGORICAL])
def test_three_classes_and_one_output_are_refused_by_losses_of_classes(loss: str) -> None:
    with pytest.raises(DataError, match=r"the 3 classes 0, 1, 2, .* give it 3"):
        fit(MLP(4, [1], rng=0), IRIS.X, IRIS.y, loss=loss, log_every=None)


@pytest.mark.parametrize(
    ("n_outputs", "y", "message"),
    [
        (2, IRIS.y, r"the 3 classes 0, 1, 2, but the model has 2 outputs, one each; give it 3"),
        (1, SPECIES, r"the 3 classes setosa, .* has 1 output, for two classes; give it 3"),
        (2, SPECIES, r"the 3 classes setosa, .* has 2 outputs, one each; give it 3"),
        (3, SPECIES[:100], r"the 2 classes setosa, versicolor, .* has 3 outputs, .* give it 1"),
        (3, TWO.astype(bool), r"the 2 classes False, True, but the model has 3 outputs"),
    ],
)
def test_other_numbers_of_outputs_than_of_classes_are_refused(
    n_outputs: int, y: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        fit(MLP(4, [n_outputs], rng=0), IRIS.X[: len(y)], y, log_every=None)
