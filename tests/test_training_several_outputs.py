"""Several outputs of one network: values of a regression, and several questions of yes or no."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from tests.against_torch import assert_close, tensor_of
from tinygrad_mlp import (
    MLP,
    accuracy,
    fit,
    load_model,
    predict,
    predict_proba,
    save_weights,
)
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.training import confusion_table, multilabel_scores, regression_scores
from tinygrad_mlp.training._outputs import model_outputs
from viz.plots import loss_curve

Floats = NDArray[np.float64]
_rng = np.random.default_rng(0)
X: Final = _rng.normal(size=(60, 3))
VALUES: Final[Floats] = np.stack([X[:, 0] - X[:, 1], 10.0 + X[:, 2]], axis=1)
QUESTIONS: Final = np.stack([X[:, 0] > 0.0, X[:, 1] > 0.3, X[:, 0] + X[:, 2] > 0.0], axis=1)
QUIET: Final[dict[str, Any]] = {"log_every": None, "optimizer": "adam", "rng": 0}
engines = pytest.mark.parametrize("engine", ["eager", "compiled"])


@engines
@pytest.mark.parametrize(
    ("loss", "theirs"),
    [
        ("mean_squared_error", F.mse_loss),
        ("mean_absolute_error", F.l1_loss),
        ("huber", F.huber_loss),
    ],
)
def test_the_loss_of_several_values_is_the_mean_over_all_of_them(
    loss: str, theirs: Any, engine: str, tmp_path: Path
) -> None:
    model = MLP(3, [6, 2], rng=0)
    history = fit(
        model, X, VALUES, loss=loss, epochs=80, engine=engine, validation_data=(X, VALUES), **QUIET
    )
    answers = predict(model, X)
    assert answers.shape == (60, 2)
    expected = theirs(tensor_of(answers), tensor_of(VALUES))
    assert_close(history.validation_loss[-1], expected)
    assert (history.task, history.accuracy) == ("regression", [])
    scores = regression_scores(VALUES, answers)
    assert scores.mean_absolute_error == pytest.approx(np.abs(answers - VALUES).mean(), rel=1e-12)
    with pytest.raises(InvalidArgumentError, match="no accuracy of a regression"):
        accuracy(model, X, VALUES)
    restored = load_model(save_weights(model, tmp_path / "w.npz"))
    assert (predict(restored, X) == answers).all()
    assert loss_curve(history, tmp_path / "loss.svg") is not None


def test_advice_names_the_constant_of_several_values() -> None:
    model = MLP(3, [2], init="zeros")
    history = fit(model, X, VALUES, epochs=60, learning_rate=1e-9, log_every=None)
    constant = VALUES.var(axis=0).mean()
    text = history.advice[0].text
    assert f"always answering the mean of y costs {constant:.4g}" in text
    scaled = [finding for finding in history.advice if "y has numbers of the size" in finding.text]
    assert "y_scaler.inverse_transform(predict(model, X))" in scaled[0].text


@engines
@pytest.mark.parametrize("kind", [int, bool, float])
def test_several_questions_are_learned_each_by_itself(kind: Any, engine: str) -> None:
    y = QUESTIONS.astype(kind)
    loss = "binary_cross_entropy_with_logits" if kind is float else None  # numbers would be numbers
    model = MLP(3, [8, 3], rng=0)
    history = fit(
        model, X, y, loss=loss, epochs=150, engine=engine, validation_data=(X, y), **QUIET
    )
    assert (history.task, history.loss_name) == (
        "classification",
        "binary_cross_entropy_with_logits",
    )
    logits = model_outputs(model, X)
    torch_loss = F.binary_cross_entropy_with_logits(tensor_of(logits), tensor_of(QUESTIONS))
    assert_close(history.validation_loss[-1], torch_loss)
    answers = predict(model, X)
    assert answers.dtype == np.int64
    assert (answers == (logits > 0.0)).all()
    assert_close(predict_proba(model, X), torch.sigmoid(tensor_of(logits)))
    share = float((answers == QUESTIONS).mean())
    assert share > 0.9
    assert history.validation_accuracy[-1] == pytest.approx(share, rel=1e-12)
    assert accuracy(model, X, y) == pytest.approx(share, rel=1e-12)
    assert multilabel_scores(y, answers).accuracy == pytest.approx(share, rel=1e-12)


def test_each_question_may_be_written_as_a_classification_of_its_own() -> None:
    """The gradients of the questions do not mix: one linear layer is three logistic regressions."""
    y = QUESTIONS.astype(int)
    together = MLP(3, [3], init="zeros")
    fit(together, X, y, epochs=40, learning_rate=0.3, log_every=None)
    for k in range(3):
        alone = MLP(3, [1], init="zeros")
        fit(alone, X, y[:, k], epochs=40, learning_rate=0.1, log_every=None)
        weight = together.state_dict()["layers.0.weight"][k]
        assert_close(weight, alone.state_dict()["layers.0.weight"][0])


def test_labels_that_are_no_answers_are_named() -> None:
    with pytest.raises(DataError, match=r"y\[1, 0\] is 2, but the targets of binary cross-entropy"):
        fit(MLP(3, [3]), X[:2], [[0, 1, 1], [2, 0, 0]], loss="binary_cross_entropy_with_logits")
    with pytest.raises(ShapeError, match=r"shape \(60, 3\), .* one label per sample"):
        confusion_table(QUESTIONS.astype(int), QUESTIONS.astype(int))
