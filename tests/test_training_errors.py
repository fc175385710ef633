"""What ``fit`` and its kin refuse, before the first step, and what they say about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.naming import case_name
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    DataError,
    InvalidArgumentError,
    NotANumberError,
    ShapeError,
    TinygradMLPError,
    UnknownNameError,
)
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import OPTIMIZERS, SGD
from tinygrad_mlp.training import (
    EarlyStopping,
    History,
    accuracy,
    confusion_table,
    fit,
    predict,
    predict_proba,
)

X = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]
NUMBERS = [0.5, 1.5, 2.5]


def own(outputs: Sequence[Any], targets: Sequence[Any]) -> Any:
    return 3.0


class Empty(Module):
    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return [Value(1.0)]


class Plain(Module):
    def __init__(self) -> None:
        self.w = Value(1.0)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return [2.5 for _ in x]  # type: ignore[misc]


DATA: list[tuple[Any, Any, int, type[TinygradMLPError], str]] = [
    ([[0.0, np.nan], [1.0, 2.0]], [0.5, 1.5], 1, DataError, r"X[0, 1] is nan"),
    ([[0.0, 1.0], [np.inf, 2.0]], [0.5, 1.5], 1, DataError, r"X[1, 0] is inf"),
    (X, [0.5, np.nan, 1.0], 1, DataError, "y[1] is nan"),
    (X, [0.5, 1.0], 1, ShapeError, "X has 3 samples but y has 2"),
    ([], [], 1, DataError, "X is empty"),
    ([[1.0], [2.0], [3.0]], NUMBERS, 1, ShapeError, "X has 1 column"),
    ([0.0, 1.0, 2.0], NUMBERS, 1, ShapeError, "X.reshape(-1, 1)"),
    ([["a", "b"]] * 3, NUMBERS, 1, DataError, "X[0, 0] is 'a'"),
    (X, NUMBERS, 2, ShapeError, "y has 1 output"),
    (X, [[1.0, 2.0]] * 3, 1, ShapeError, "y has 2 outputs"),
    (X, ["a", "b", "c"], 1, DataError, "the 3 classes a, b, c, but the model has 1 output"),
    (X, ["a", "b", "c"], 2, DataError, "give it 3: MLP(n_inputs, [..., 3])"),
    (X, ["a", "b", "a"], 3, DataError, "the 2 classes a, b, but the model has 3 outputs"),
    (X, [0, 1, 3], 2, DataError, "or keep to the labels 0 to 1"),
    (X, [0, 7, 0], 3, DataError, "the 2 classes 0, 7"),
    (X, ["a", "a", "a"], 1, DataError, "the 1 class a"),
    (X, ["a", "a", "a"], 3, DataError, "one class alone leaves nothing to tell apart"),
    (X, ["a", None, "b"], 1, DataError, "labels[1] is None"),
    (X, [0.0, np.nan, 1.0], 2, DataError, "y[1] is nan"),
]


@pytest.mark.parametrize(("features", "y", "n_outputs", "error", "message"), DATA)
def test_data_that_cannot_be_trained_on(
    features: Any, y: Any, n_outputs: int, error: type[TinygradMLPError], message: str
) -> None:
    model = MLP(2, [3, n_outputs], rng=0)
    before = model.state_dict()
    with pytest.raises(error, match=re.escape(message)):
        fit(model, features, y)
    assert all(np.array_equal(before[name], a) for name, a in model.state_dict().items())


ARGUMENTS: list[tuple[dict[str, Any], type[TinygradMLPError], str]] = [
    ({"loss": "entropy"}, UnknownNameError, "known: binary_cross_entropy, "),
    ({"loss": 3}, InvalidArgumentError, "loss is 3"),
    ({"loss": "binary_cross_entropy"}, InvalidArgumentError, "output_activation='sigmoid'"),
    ({"loss": "categorical_cross_entropy"}, DataError, "the 3 classes 0.5, 1.5, 2.5"),
    ({"loss": own}, InvalidArgumentError, "the loss own(outputs, targets) returned 3.0"),
    ({"optimizer": "adamm"}, UnknownNameError, "known: " + ", ".join(sorted(OPTIMIZERS))),
    ({"optimizer": SGD}, InvalidArgumentError, f"a name ({', '.join(sorted(OPTIMIZERS))})"),
    ({"optimizer": SGD(MLP(2, [1]).parameters())}, InvalidArgumentError, "SGD(model.parameters())"),
    ({"optimizer": SGD(), "learning_rate": 0.1}, InvalidArgumentError, "learning_rate=0.1"),
    ({"learning_rate": -0.1}, InvalidArgumentError, "learning_rate"),
    ({"schedule": "cosin"}, UnknownNameError, "known: constant, cosine, cosine_restarts"),
    ({"schedule": 0.5}, InvalidArgumentError, "CosineSchedule(n_epochs=100)"),
    ({"engine": "steam"}, UnknownNameError, "known: auto, compiled, eager"),
    ({"epochs": 0}, InvalidArgumentError, "epochs is 0"),
    ({"epochs": 2.5}, InvalidArgumentError, "epochs is 2.5"),
    ({"batch_size": 0}, InvalidArgumentError, "batch_size is 0"),
    ({"log_every": -1}, InvalidArgumentError, "log_every is -1"),
    ({"l1": -0.1}, InvalidArgumentError, "l1 is -0.1"),
    ({"l2": float("nan")}, InvalidArgumentError, "l2 is nan"),
    ({"l2": "0.1"}, InvalidArgumentError, "l2 is '0.1'"),
    ({"clip_norm": 0.0}, InvalidArgumentError, "clip_norm is 0.0"),
    ({"clip_value": -1}, InvalidArgumentError, "clip_value is -1"),
    ({"validation_data": (X,)}, InvalidArgumentError, "validation_data=(X_test, y_test)"),
    ({"validation_data": (X, NUMBERS[:2])}, ShapeError, "validation X has 3 samples but"),
    ({"validation_data": ([[1.0]], [0.5])}, ShapeError, "validation X has 1 column"),
    ({"callbacks": [print]}, InvalidArgumentError, "callbacks[0] is <built-in function print>"),
    ({"callbacks": EarlyStopping}, InvalidArgumentError, "callbacks=[EarlyStopping()]"),
    ({"callbacks": [EarlyStopping(monitor="accuracy")]}, InvalidArgumentError, "no 'accuracy'"),
]


@pytest.mark.parametrize("loss", [None, lambda outputs, targets: outputs[0][0]])
def test_labels_of_the_validation_data_that_are_of_no_class(loss: Any) -> None:
    features, labels = [[0.0], [1.0], [2.0]], ["a", "b", "c"]
    with pytest.raises(DataError, match=r"^validation_data: labels\[0\] is 'd'"):
        fit(
            MLP(1, [3]),
            features,
            labels,
            validation_data=(features, ["d", "b", "c"]),
            loss=loss,
        )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    ARGUMENTS,
    ids=[case_name(case[0])[:50] for case in ARGUMENTS],
)
def test_arguments_out_of_range(
    arguments: dict[str, Any], error: type[TinygradMLPError], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        fit(MLP(2, [4, 1], rng=3), X, NUMBERS, **{"log_every": None, **arguments})


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (Empty(), InvalidArgumentError, "has no parameters to train"),
        (
            Plain(),
            InvalidArgumentError,
            "returned [2.5, 2.5], but a Value or a list of Values is needed",
        ),
        (Module(), NotImplementedError, "has no forward"),
        (len, InvalidArgumentError, "but a Module is needed"),
    ],
)
def test_models_that_cannot_be_trained(model: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        fit(model, X, NUMBERS)


def test_held_out_labels_have_to_be_among_the_classes() -> None:
    with pytest.raises(DataError, match=re.escape("is 'c', which is none of the classes")):
        fit(MLP(2, [1]), X, ["a", "b", "a"], validation_data=(X, ["a", "b", "c"]))


def trained(y: Sequence[Any], **settings: Any) -> MLP:
    model = MLP(2, [1], rng=0)
    fit(model, X, y, epochs=1, log_every=None, **settings)
    return model


def test_a_loss_of_ones_own_must_not_see_numbers_where_values_are_needed() -> None:
    def wrong(outputs: Sequence[Value], targets: Sequence[float]) -> Value:
        return Value(np.zeros(3))  # type: ignore[arg-type]

    with pytest.raises(NotANumberError):
        trained(NUMBERS, loss=wrong)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: predict(trained(NUMBERS), [[1.0]]), ShapeError, "X has 1 column"),
        (lambda: predict(MLP(2, [1]), [[1.0]]), ShapeError, "X has 1 column"),
        (lambda: predict(trained(NUMBERS), [[1.0, np.nan]]), DataError, "X[0, 1] is nan"),
        (lambda: predict(MLP(2, [1]), X, loss="rmse"), UnknownNameError, "unknown loss 'rmse'"),
        (
            lambda: predict_proba(trained(NUMBERS), X),
            InvalidArgumentError,
            "the loss 'mean_squared_error' gives no probabilities",
        ),
        (
            lambda: predict_proba(trained(["a", "b", "a"], loss="hinge"), X),
            InvalidArgumentError,
            "the loss 'hinge' gives no probabilities",
        ),
        (lambda: predict_proba(MLP(2, [1]), X), InvalidArgumentError, "without a known loss"),
        (lambda: accuracy(trained(NUMBERS), X, NUMBERS), InvalidArgumentError, "of a regression"),
        (
            lambda: accuracy(MLP(2, [1]), X, [0, 1, 1]),
            InvalidArgumentError,
            "Name a loss if the model chooses between classes, so that its outputs can be read: "
            "accuracy(model, X, y, loss='binary_cross_entropy')",
        ),
        (lambda: accuracy(MLP(2, [1]), X, [-1, 1, 1]), InvalidArgumentError, "loss='hinge'"),
        (
            lambda: accuracy(trained(NUMBERS, loss="mean_squared_error"), X, [0.0, 1.0, 0.0]),
            InvalidArgumentError,
            "loss='binary_cross_entropy'",
        ),
        (
            lambda: accuracy(MLP(2, [3]), X, [0, 1, 2]),
            InvalidArgumentError,
            "loss='categorical_cross_entropy'",
        ),
        (
            lambda: accuracy(trained([0, 1, 0]), X, [0, 5, 1]),
            DataError,
            "labels[1] is 5, which is none of the classes [0, 1]",
        ),
        (lambda: predict(MLP(2, [1]), X, loss=3), InvalidArgumentError, "loss is 3"),  # type: ignore[arg-type]
        (lambda: accuracy(trained([0, 1, 0]), X, [0, 1]), ShapeError, "3 samples but y has 2"),
        (
            lambda: accuracy(trained(["a", "b", "a"]), X, [0, 1, 0]),
            InvalidArgumentError,
            "but the model answers in labels such as",
        ),
        (lambda: confusion_table(["a"], ["a", "b"]), ShapeError, "y has 1 sample"),
        (lambda: confusion_table(["a"], ["b"], classes=["a"]), DataError, "none of the classes"),
    ],
)
def test_questions_that_have_no_answer(
    call: Any, error: type[TinygradMLPError], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_a_history_names_what_it_has() -> None:
    history = History(loss=[1.0], learning_rate=[0.1])
    with pytest.raises(InvalidArgumentError, match="it has loss, learning_rate; pass validation"):
        history.metric("validation_loss")
    assert History().best_epoch() == 0
    assert str(History()) == "engine: eager\n0 epochs in 0.0 s: going on"
