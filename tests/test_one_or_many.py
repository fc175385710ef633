"""A module returns a Value, a list or a tuple, and takes either: the same numbers everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pytest

import viz
from tests.back_ends import as_compiled
from tinygrad_mlp import accuracy, compile, debug, fit, functional, predict, predict_proba
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses import (
    Loss,
    binary_cross_entropy,
    categorical_cross_entropy,
    hinge,
    mean_absolute_error,
    mean_squared_error,
)
from tinygrad_mlp.nn import MLP, Layer, Module, Neuron
from tinygrad_mlp.training._outputs import model_outputs

X: Final = np.random.default_rng(0).normal(size=(12, 2))
LABELS: Final = (X[:, 0] > 0.0).astype(int)
NUMBERS: Final = X[:, 0] * X[:, 1]

FORMS: Final[dict[str, Callable[[list[Value]], Any]]] = {
    "list": lambda outputs: outputs,
    "tuple": tuple,
    "value": lambda outputs: outputs[0],
}
engines: Final = pytest.mark.parametrize("engine", ["eager", "compiled"])
forms: Final = pytest.mark.parametrize(("form", "n"), [("tuple", 1), ("value", 1), ("tuple", 3)])


class Net(Module):
    """Two layers that are held under own names, and outputs in one of the forms."""

    n_inputs = 2

    def __init__(self, form: str, n_outputs: int = 1) -> None:
        rng = np.random.default_rng(1)
        self.hidden = Layer(2, 4, "tanh", rng=rng)
        self.out = Layer(4, n_outputs, "sigmoid" if n_outputs == 1 else None, rng=rng)
        self.form = form

    def forward(self, x: Sequence[Scalar]) -> Any:
        return FORMS[self.form](self.out.forward(self.hidden.forward(x)))

    def logits(self, x: Sequence[Scalar]) -> Any:
        return FORMS[self.form](self.out.logits(self.hidden.forward(x)))

    def __repr__(self) -> str:
        return "Net"


def numbers(outputs: Any) -> list[float]:
    several = [outputs] if isinstance(outputs, Value) else outputs
    return [output.data for output in several]


def own(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
    several = isinstance(outputs[0], list)
    rows = outputs if several else [[output] for output in outputs]
    return functional.mean([(o - t) ** 2 for row, t in zip(rows, targets) for o in row])


LOSSES_FOR: Final[dict[int, list[tuple[Any, Any]]]] = {
    1: [
        ("mean_squared_error", NUMBERS),
        ("binary_cross_entropy", LABELS),
        ("binary_cross_entropy_with_logits", LABELS),
        ("hinge", LABELS),
        (own, NUMBERS),
        (Loss.of_function(own, per_sample=False, from_logits=True), NUMBERS),
    ],
    3: [
        ("mean_squared_error", np.stack([NUMBERS] * 3, axis=1)),
        ("categorical_cross_entropy", LABELS),
        ("hinge", LABELS),
        (own, NUMBERS),
    ],
}


@forms
def test_calls_and_logits(form: str, n: int) -> None:
    model, listed = Net(form, n), Net("list", n)
    for x in X.tolist():
        assert numbers(model(x)) == numbers(listed(x))
        assert numbers(model.logits(x)) == numbers(listed.logits(x))
    assert isinstance(model(X[0]), Value if n == 1 else tuple)


@engines
@forms
def test_training_and_evaluation(form: str, n: int, engine: str) -> None:
    for loss, y in LOSSES_FOR[n]:
        models = Net(form, n), Net("list", n)
        histories = [
            fit(
                *(model, X, y),
                epochs=6,
                batch_size=5,
                loss=loss,
                optimizer="adam",
                validation_data=(X[:4], y[:4]),
                rng=0,
                log_every=None,
                engine=engine,
            )
            for model in models
        ]
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
            first, second = (getattr(history, name) for history in histories)
            assert first == second, (loss, name)
        weights = [[p.data for p in model.parameters()] for model in models]
        assert weights[0] == weights[1]
        answers = [predict(model, X).tolist() for model in models]
        assert answers[0] == answers[1]
        if histories[0].accuracy:
            assert accuracy(models[0], X, y) == accuracy(models[1], X, y)
        if "cross_entropy" in str(loss):
            assert (predict_proba(models[0], X) == predict_proba(models[1], X)).all()


@forms
@pytest.mark.parametrize("n_samples", [3, 400])
def test_outputs_for_many_samples(form: str, n: int, n_samples: int) -> None:
    many = np.random.default_rng(2).normal(size=(n_samples, 2))
    for from_logits in (False, True):
        found = [
            model_outputs(Net(f, n), many, from_logits=from_logits).tolist() for f in (form, "list")
        ]
        assert found[0] == found[1]


@forms
def test_compiled_for_one_sample(form: str, n: int) -> None:
    found = [np.array(compile(Net(f, n), per_sample=True)(X)) for f in (form, "list")]
    assert found[0].tolist() == found[1].tolist()
    eagerly = [numbers(Net(form, n)(x)) for x in X]
    np.testing.assert_allclose(found[0].reshape(len(X), -1), eagerly, rtol=1e-13)


@forms
@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_drawings(form: str, n: int, detail: str) -> None:
    assert viz.to_dot(Net(form, n), detail=detail) == viz.to_dot(Net("list", n), detail=detail)


def test_a_drawing_says_what_a_model_returned() -> None:
    class Wrong(Net):
        def forward(self, x: Sequence[Scalar]) -> Any:
            return [0.5]

    with pytest.raises(InvalidArgumentError, match=r"forward of Net returned \[0.5\], but a Value"):
        viz.to_dot(Wrong("list"))


@forms
def test_health_and_steps(form: str, n: int) -> None:
    reports, steps = [], []
    for model in (Net(form, n), Net("list", n)):
        outputs = model(X[0])
        loss = functional.sum([outputs] if isinstance(outputs, Value) else outputs) ** 2
        reports.append(str(debug.health(model, loss)))
        steps.append(str(debug.trace_forward(loss)))
    assert reports[0] == reports[1]
    assert steps[0] == steps[1]


@engines
@forms
def test_advice(form: str, n: int, engine: str) -> None:
    y = np.stack([NUMBERS] * n, axis=1)
    told = [
        fit(
            *(Net(f, n), X, y),
            epochs=60,
            loss="mean_squared_error",
            learning_rate=1e-9,
            engine=engine,
            log_every=None,
        ).advice
        for f in (form, "list")
    ]
    assert told[0] == told[1] != ()


# What a module takes


@pytest.mark.parametrize("make", [lambda: Neuron(1, rng=0), lambda: Layer(1, 3, rng=0)])
def test_a_layer_takes_the_only_value_itself(make: Callable[[], Any]) -> None:
    x, layer = Value(0.75), make()
    for call in (layer, layer.forward, layer.logits):
        assert numbers(call(x)) == numbers(call([x]))


def test_layers_one_after_the_other_need_no_lists() -> None:
    first, second = Net("value"), MLP(1, [3, 2], rng=0)
    whole = functional.sum(second(first([0.5, -1.0])))
    whole.backward()
    by_call = [p.grad for p in (*first.parameters(), *second.parameters())]
    for parameter in (*first.parameters(), *second.parameters()):
        parameter.zero_grad()
    functional.sum(second.forward([first.forward([0.5, -1.0])])).backward()
    assert [p.grad for p in (*first.parameters(), *second.parameters())] == by_call


@pytest.mark.parametrize("form", ["tuple", "value"])
def test_a_layer_of_ones_own_in_an_mlp(form: str) -> None:
    def with_own_layer(form: str) -> MLP:
        model = MLP(2, [1, 2], rng=0)
        layers: list[Any] = model.layers
        layers[0] = Net(form)
        return model

    model, listed = with_own_layer(form), with_own_layer("list")
    assert numbers(model([0.5, -1.0])) == numbers(listed([0.5, -1.0]))
    for each in (model, listed):
        fit(each, X, LABELS, epochs=2, log_every=None)
    assert predict(model, X).tolist() == predict(listed, X).tolist()


def test_a_value_for_several_inputs_is_refused() -> None:
    with pytest.raises(ShapeError, match="got 1 Value; if they are the outputs of another module"):
        Layer(2, 1, rng=0)(Value(1.0))


# What a loss takes


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (mean_squared_error, 0.25),
        (mean_absolute_error, 0.25),
        (binary_cross_entropy, 1.0),
        (hinge, -1.0),
    ],
)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_loss_takes_one_value_and_a_list_of_one(loss: Any, target: float, reduction: str) -> None:
    found = []
    for outputs in (Value(0.75), [Value(0.75)]):
        for targets in (target, [target], np.array([target])):
            value = loss(outputs, targets, reduction)
            assert isinstance(value, list) == (reduction == "none" and isinstance(outputs, list))
            found += numbers(value)
    assert len(set(found)) == 1


def test_pairs_of_a_batch_may_be_lists_of_one() -> None:
    pairs = [Value(1.0), Value(3.0)], [0.5, 1.0]
    rows = [[output] for output in pairs[0]], [[target] for target in pairs[1]]
    expected = mean_squared_error(*pairs).data
    assert expected == ((1.0 - 0.5) ** 2 + (3.0 - 1.0) ** 2) / 2
    assert mean_squared_error(rows[0], pairs[1]).data == expected
    assert mean_squared_error(pairs[0], rows[1]).data == expected
    assert mean_squared_error(*rows).data == expected


def test_one_logit_alone() -> None:
    assert categorical_cross_entropy(Value(2.0), 0).data == 0.0
    assert categorical_cross_entropy([Value(2.0)], 0).data == 0.0


@engines
def test_a_loss_of_single_samples_of_ones_own(engine: str) -> None:
    """It gets a Value and a number for one output, lists for several, in either form."""

    def squared(output: Any, target: Any) -> Any:
        if isinstance(output, Value):
            return (output - target) ** 2
        return functional.mean([(o - t) ** 2 for o, t in zip(output, target)])

    loss = Loss.of_function(squared, task="regression", per_sample=True)
    for form, n in (("value", 1), ("tuple", 1), ("list", 3)):
        y = np.stack([NUMBERS] * n, axis=1)
        settings: Any = {"epochs": 5, "batch_size": 4, "rng": 0, "log_every": None}
        model, known = Net(form, n), Net(form, n)
        found = fit(model, X, y, loss=loss, engine=engine, **settings)
        expected = fit(known, X, y, loss="mean_squared_error", engine=engine, **settings)
        assert as_compiled(found.engine) == engine
        np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-13)
        assert (found.task, found.loss_name) == ("regression", "squared")
