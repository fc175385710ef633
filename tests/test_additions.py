"""A loss, an optimizer and an activation that are added to their tables are known everywhere.

And of a loss nothing hangs on its name: what it takes and gives are fields of its record.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch

from tests.back_ends import as_compiled
from tinygrad_mlp import debug, functional
from tinygrad_mlp._cli import main
from tinygrad_mlp._cli.saved import load_network
from tinygrad_mlp._registry import Registry
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError
from tinygrad_mlp.losses import LOSSES, Loss, as_loss, categorical_cross_entropy, loss_named
from tinygrad_mlp.losses._constants import ConstantAnswer
from tinygrad_mlp.losses._reading import encode_yes_or_no
from tinygrad_mlp.nn import ACTIVATIONS, MLP, Layer
from tinygrad_mlp.optim import OPTIMIZERS, Optimizer
from tinygrad_mlp.training import (
    EarlyStopping,
    accuracy,
    fit,
    load_model,
    load_weights,
    predict,
    predict_proba,
    save_weights,
    task_of,
)

RNG: Final = np.random.default_rng(0)
X: Final = RNG.normal(size=(24, 2))
LABELS: Final = np.where(X[:, 0] + X[:, 1] ** 2 > 0.5, "yes", "no")
QUESTIONS: Final = np.stack([X[:, 0] > 0.0, X[:, 1] > 0.0, X.sum(axis=1) > 0.0], axis=1).astype(int)
QUIET: Final[dict[str, Any]] = {"log_every": None}
engines: Final = pytest.mark.parametrize("engine", ["eager", "compiled"])


def focal(logit: Value, target: Any) -> Value:
    """(1 - p)^2 (-log p) for the probability p of the right answer: Lin et al. (2017), gamma 2."""
    p = logit.sigmoid()
    right = target * p + (1.0 - target) * (1.0 - p)
    loss: Value = -((1.0 - right) ** 2) * right.log()
    return loss


class SignDescent(Optimizer):
    """p - learning_rate * sign(g)."""

    rate_by_name = 0.05

    def coefficients(self, step: int) -> tuple[float, ...]:
        return (self.learning_rate,)

    def update(
        self, xp: Any, parameter: Any, gradient: Any, state: Any, coefficients: Any
    ) -> tuple[Any, Any]:
        (rate,) = coefficients
        return rate * xp.sign(gradient), state


def bent_line(x: Value) -> Value:
    return x * functional.tanh(functional.softplus(x))


FOCAL: Final = Loss.of_function(focal, task="classification", from_logits=True, per_sample=True)


@pytest.fixture
def added() -> Iterator[None]:
    """One of each, in its table and nowhere else."""
    tables: list[tuple[Registry[Any], str, Any, str]] = [
        (LOSSES, "focal", FOCAL, "focal_loss"),
        (OPTIMIZERS, "sign", SignDescent, "sign_sgd"),
        (ACTIVATIONS, "bent_line", bent_line, "bend"),
    ]
    for table, name, thing, alias in tables:
        table.add(name, thing, alias)
    yield
    for table, name, _, alias in tables:
        del table[name], table.aliases[alias]


def network() -> MLP:
    return MLP(2, [3, 1], activation="bent_line", output_activation="sigmoid", rng=0)


def trained(engine: str = "auto", **settings: Any) -> tuple[MLP, Any]:
    model = network()
    settings = {"loss": "focal", "optimizer": "sign", "epochs": 10, **QUIET, **settings}
    return model, fit(model, X, LABELS, engine=engine, **settings)


@engines
def test_training_with_one_of_each_goes_as_in_torch(engine: str, added: None) -> None:
    start = network().state_dict()
    weights = [torch.tensor(array, requires_grad=True) for array in start.values()]
    targets = torch.tensor((LABELS == "yes").astype(float))
    expected = []
    for _ in range(10):
        first, first_bias, last, last_bias = weights
        hidden = torch.nn.functional.mish(torch.tensor(X) @ first.T + first_bias)
        p = torch.sigmoid(hidden @ last.T + last_bias).ravel()
        right = torch.where(targets == 1.0, p, 1.0 - p)
        loss = (-((1.0 - right) ** 2) * right.log()).mean()
        gradients = torch.autograd.grad(loss, weights)
        expected.append(loss.item())
        weights = [
            (w - 0.05 * g.sign()).detach().requires_grad_() for w, g in zip(weights, gradients)
        ]
    model, history = trained(engine)
    assert (as_compiled(history.engine), history.loss_name, history.task) == (
        *(engine, "focal"),
        "classification",
    )
    np.testing.assert_allclose(history.loss, expected, rtol=1e-11)
    for array, tensor in zip(model.state_dict().values(), weights):
        np.testing.assert_allclose(array, tensor.detach().numpy(), rtol=1e-11, atol=1e-15)
    logits = np.array([model.logits(x)[0].data for x in X])
    np.testing.assert_allclose(predict_proba(model, X)[:, 1], 1.0 / (1.0 + np.exp(-logits)))
    answers = predict(model, X)
    assert answers.tolist() == np.where(logits > 0.0, "yes", "no").tolist()
    assert accuracy(model, X, LABELS) == np.mean(answers == LABELS)


def test_the_sign_of_a_gradient_of_0_is_0_and_of_nan_is_nan() -> None:
    gradients = [2.0, -3.0, 0.0, -0.0, np.inf, np.nan]
    expected = 1.0 - 0.5 * torch.tensor([1.0, -1.0, 0.0, 0.0, 1.0, np.nan]).numpy()
    values = [Value(1.0) for _ in gradients]
    for value, gradient in zip(values, gradients):
        value.grad = gradient
    SignDescent(values, 0.5).step()
    np.testing.assert_array_equal([value.data for value in values], expected)
    numbers = np.ones(len(gradients))
    SignDescent(learning_rate=0.5).step_array(numbers, np.array(gradients))
    np.testing.assert_array_equal(numbers, expected)


@engines
def test_it_stops_early_and_is_measured_on_held_out_data(engine: str, added: None) -> None:
    _, history = trained(
        engine, batch_size=7, validation_data=(X, LABELS), callbacks=[EarlyStopping(patience=1)]
    )
    assert len(history.validation_loss) == len(history.loss)
    assert max(history.validation_accuracy) > 0.5


def test_health_and_advice(added: None) -> None:
    model, history = trained(optimizer="sgd", learning_rate=1e-9, epochs=60)
    assert history.advice == ()  # nothing is known of a constant answer
    loss = as_loss("focal").sample_loss(model.logits(X[0]), [1.0])
    assert debug.health(model, loss).status == "healthy"
    half = ConstantAnswer("one half", lambda targets: 0.0625)
    LOSSES["focal"] = replace(FOCAL, constant_answer=half)
    told = trained(optimizer="sgd", learning_rate=1e-9, epochs=60)[1].advice
    assert "always answering one half costs 0.0625" in told[0].text


def test_files(added: None, tmp_path: Path) -> None:
    model, _ = trained()
    path = save_weights(model, tmp_path / "w.npz")
    again = load_model(path)
    other = MLP(2, [3, 1], activation=bent_line, output_activation="sigmoid")
    load_weights(other, path)
    for loaded in (again, other):
        assert predict(loaded, X).tolist() == predict(model, X).tolist()
        task = task_of(loaded)
        assert task is not None
        assert task.loss is FOCAL
    kept = pickle.loads(pickle.dumps(task_of(model)))
    assert kept.loss is FOCAL
    del LOSSES["focal"], ACTIVATIONS["bent_line"]
    with pytest.raises(DataError, match=r"w\.npz: task\.loss is 'focal', but one of mean_squared"):
        load_model(path)
    LOSSES["focal"] = FOCAL
    with pytest.raises(DataError, match=r"activations\[0\] is 'bent_line', which is not known"):
        load_model(path)
    ACTIVATIONS["bent_line"] = bent_line


def test_names(added: None) -> None:
    assert as_loss("FocalLoss") is as_loss(focal) is FOCAL
    assert MLP(2, [1, 1], activation="Bend").layers[0].neurons[0].activation is bent_line
    assert repr(Layer(2, 3, bent_line)) == "Layer of 3 bent_line(2) neurons"
    with pytest.raises(UnknownNameError, match=r"unknown optimizer 'sing'; known: .*sign"):
        trained(optimizer="sing")


def test_the_command_line(
    added: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{a},{b},{label}" for (a, b), label in zip(X.tolist(), LABELS)]
    Path("table.csv").write_text("\n".join(["a,b,kind", *rows]))
    words = ["train", "table.csv", "--target", "kind", "--hidden", "3", "--epochs", "2"]
    words += ["--optimizer", "SignSGD", "--activation", "bent_line", "--save", "w.npz"]
    assert main(words) == 0
    assert "2 epochs in batches of 16 with sign" in capsys.readouterr().out
    assert repr(load_network(Path("w.npz")).model.layers[0]) == "Layer of 3 bent_line(2) neurons"
    assert main(["predict", "w.npz", "table.csv"]) == 0
    assert main(["train", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"{{{','.join(sorted(OPTIMIZERS))}}}" in shown
    assert re.search(r"0\.1 for sgd, .*0\.05 for sign, else 0\.01", shown)


# Fields, not names


@engines
@pytest.mark.parametrize("known", ["binary_cross_entropy_with_logits", "binary_cross_entropy"])
@pytest.mark.parametrize("rows", [QUESTIONS, np.eye(3, dtype=int)[np.arange(24) % 3]])
def test_a_loss_is_the_same_under_any_name(
    known: str, rows: np.ndarray[Any, Any], engine: str
) -> None:
    results = []
    for name in (known, "binary_focal", "focal"):
        last = "sigmoid" if known == "binary_cross_entropy" else None
        model = MLP(2, [4, 3], output_activation=last, rng=0)
        loss = replace(loss_named(known), name=name)
        history = fit(model, X, rows, loss=loss, epochs=5, engine=engine, **QUIET)
        results.append((history.loss, history.accuracy, predict(model, X).tolist()))
        assert accuracy(model, X, rows) == np.mean(predict(model, X) == rows)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", ["binary_cross_entropy", "nll"])
def test_probabilities_are_asked_for_by_the_record(name: str) -> None:
    loss = replace(loss_named("binary_cross_entropy"), name=name)
    model = MLP(2, [1], rng=0)
    model.load_state_dict({"layers.0.weight": [[0.0, 0.0]], "layers.0.bias": [2.5]})
    with pytest.raises(InvalidArgumentError) as caught:
        fit(model, X, LABELS, loss=loss, **QUIET)
    assert str(caught.value) == (
        f"the loss {name!r} takes probabilities, but the model gives 2.5; make the model with "
        "output_activation='sigmoid', or use loss='binary_cross_entropy_with_logits'"
    )
    of_classes = Loss.of_function(max, task="classification", from_probabilities=True)
    with pytest.raises(InvalidArgumentError) as caught:
        fit(MLP(2, [3], rng=0), X, np.arange(24) % 3, loss=of_classes, **QUIET)
    assert str(caught.value).endswith(
        "make the model with output_activation='softmax', or use loss='categorical_cross_entropy'"
    )


@pytest.mark.parametrize(
    ("changes", "targets"),
    [
        ({"encode_targets": encode_yes_or_no}, "rows"),
        ({"encode_targets": loss_named("hinge").encode_targets}, "labels"),
        ({"encode_targets": lambda y, n: 1 / 0}, "labels"),
        ({"encode_targets": encode_yes_or_no, "targets": "labels"}, "labels"),
    ],
)
def test_whether_a_record_takes_rows_is_found_out(changes: dict[str, Any], targets: str) -> None:
    assert replace(FOCAL, **{"targets": None, **changes}).targets == targets


def softmax_loss(rows: Sequence[Any], targets: Sequence[Any]) -> Value:
    value: Value = categorical_cross_entropy(rows, targets)
    return value


@engines
def test_a_function_of_a_batch_with_fields_is_like_the_known_loss(engine: str) -> None:
    classes = np.array(["a", "b", "c"])[np.arange(24) % 3]
    own = Loss.of_function(softmax_loss, task="classification", from_logits=True)
    results = []
    for loss in ("categorical_cross_entropy", own):
        model = MLP(2, [4, 3], output_activation="softmax", rng=0)
        history = fit(model, X, classes, loss=loss, epochs=5, engine=engine, **QUIET)
        results.append((history, predict(model, X).tolist(), predict_proba(model, X)))
        assert accuracy(model, X, classes) == np.mean(predict(model, X) == classes)
    (known, *of_known), (found, *of_found) = results
    np.testing.assert_allclose(found.loss, known.loss, rtol=1e-13)
    assert found.accuracy == known.accuracy
    assert of_found[0] == of_known[0]
    np.testing.assert_allclose(of_found[1], of_known[1], rtol=1e-12)


@engines
def test_several_questions_of_a_function_of_ones_own(engine: str) -> None:
    def of_rows(logits: Any, targets: Any) -> Value:
        return functional.mean([focal(z, t) for z, t in zip(logits, targets)])

    loss = Loss.of_function(
        of_rows, task="classification", targets="rows", from_logits=True, per_sample=True
    )
    model = MLP(2, [4, 3], rng=0)
    settings: dict[str, Any] = {"epochs": 60, "optimizer": "adam", "learning_rate": 0.1, **QUIET}
    history = fit(model, X, QUESTIONS, loss=loss, engine=engine, **settings)
    assert as_compiled(history.engine) == engine
    assert history.accuracy[-1] > 0.95
    assert accuracy(model, X, QUESTIONS) > 0.95
    logits = np.array([[value.data for value in model.logits(x)] for x in X])
    np.testing.assert_allclose(predict_proba(model, X), 1.0 / (1.0 + np.exp(-logits)), rtol=1e-12)


def test_probabilities_of_classes_of_a_function_of_ones_own() -> None:
    def nll(probabilities: Any, targets: Any) -> Value:
        return -functional.sum([t * p.log() for p, t in zip(probabilities, targets)])

    loss = Loss.of_function(
        nll, task="classification", from_probabilities=True, per_sample=True, name="nll"
    )
    classes = np.arange(24) % 3
    results = []
    for chosen in (loss, "categorical_cross_entropy"):
        model = MLP(2, [3], output_activation="softmax", rng=0)
        history = fit(model, X, classes, loss=chosen, epochs=20, **QUIET)
        results.append((history.loss, predict_proba(model, X), predict(model, X).tolist()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-11)
    assert results[0][2] == results[1][2]


def test_a_recorded_loss_that_reads_a_number_of_its_own_reads_it_again() -> None:
    """Also one of single samples: only those of the package are known to read nothing else."""

    class Weighted:
        weight = 1.0

        def __call__(self, output: Any, target: Any) -> Value:
            loss: Value = self.weight * (output - target) ** 2
            return loss

    class Raising:
        def __init__(self, loss: Weighted) -> None:
            self.loss = loss

        def on_epoch_end(self, epoch: int, history: object, model: object) -> None:
            self.loss.weight = 1.0 + epoch

    losses = {}
    for engine in ("eager", "compiled"):
        weighted = Weighted()
        record = Loss.of_function(weighted, task="regression", per_sample=True)
        history = fit(
            *(MLP(2, [1], rng=0), X, X[:, 0]),
            loss=record,
            epochs=4,
            learning_rate=0.0,
            engine=engine,
            callbacks=[Raising(weighted)],
            **QUIET,
        )
        losses[engine] = history.loss
    np.testing.assert_allclose(losses["compiled"], losses["eager"], rtol=1e-13)
    np.testing.assert_allclose(losses["eager"] / np.array([1.0, 2.0, 3.0, 4.0]), losses["eager"][0])


@pytest.mark.parametrize("engine", ["eager", "compiled", "auto"])
def test_targets_of_a_function_of_ones_own_are_checked_in_every_step(engine: str) -> None:
    """Its targets are finite numbers; what else the losses inside of it need, they say."""
    loss = Loss.of_function(softmax_loss, task="regression")
    rows = np.stack([X[:, 0], X[:, 1], X[:, 0]], axis=1)
    with pytest.raises(DataError, match="the probability of a class lies in 0"):
        fit(MLP(2, [3], rng=0), X, rows, loss=loss, engine=engine, **QUIET)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task": "classification"}, "so say what its outputs are: Loss.of_function(focal, task="),
        ({"targets": "labels"}, "takes labels, so it is one of a classification"),
        ({"task": "regression", "targets": "labels"}, "takes labels, so it is one of a class"),
        ({"from_logits": True, "from_probabilities": True}, "takes one of them: from_logits=True"),
    ],
)
def test_fields_that_contradict(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Loss.of_function(focal, **settings)
    assert message in str(caught.value)
