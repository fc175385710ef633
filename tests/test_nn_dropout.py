"""Dropout: what it does, that every engine draws the same numbers, and trainings beside torch's.

Torch is given the masks that our generator draws: its own generator draws others.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.against_torch import assert_close, tensor_of
from tests.back_ends import BACK_ENDS, BackEnd, forced
from tinygrad_mlp import MLP, Value, compile, fit, functional, predict, predict_proba
from tinygrad_mlp.debug import health, trace_backward
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from tinygrad_mlp.nn import Dropout, Layer, Module, Sequential
from tinygrad_mlp.optim import SGD, Adam

Floats = NDArray[np.float64]
X: Final = np.random.default_rng(1).normal(size=(10, 3))
Y: Final = np.sin(X.sum(axis=1))
QUIET: Final[dict[str, Any]] = {"log_every": None, "progress": False}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_program_keeps_the_mode_of_its_recording_until_it_is_refreshed() -> None:
    dropout = Dropout(0.5, rng=7)
    program = compile(dropout.forward, per_sample=True)
    batch = np.ones((1, 4))
    first = program(batch)
    dropout.eval()
    drawn = np.random.default_rng(7).random((2, 4))
    np.testing.assert_array_equal(first, np.where(drawn[:1] < 0.5, 2.0, 0.0))
    np.testing.assert_array_equal(program(batch), np.where(drawn[1:] < 0.5, 2.0, 0.0))
    program.refresh()
    np.testing.assert_array_equal(program(batch), batch)


def test_what_is_kept_is_divided() -> None:
    drawn = np.random.default_rng(7).random(5)
    x = [1.0, -2.0, 3.0, 4.0, -5.0]
    found = [y.data for y in Dropout(0.4, rng=7)(x)]
    assert_close(found, np.where(drawn < 0.6, np.array(x) / 0.6, 0.0), 1e-15)
    assert 0.0 in found
    inputs = [Value(number) for number in x]
    functional.sum(Dropout(0.4, rng=7)(inputs)).backward()
    assert [xi.grad for xi in inputs] == [1.0 / 0.6 if u < 0.6 else 0.0 for u in drawn]


def test_the_share_that_is_left_out() -> None:
    """Of 40,000 numbers, within 4 standard deviations; the sum stays what it was on average."""
    dropout = Dropout(0.3, rng=0)
    kept = np.array([[y.data for y in dropout([1.0] * 100)] for _ in range(400)])
    share = float((kept == 0.0).mean())
    assert abs(share - 0.3) < 4.0 * (0.3 * 0.7 / 40_000) ** 0.5
    assert set(np.unique(kept)) == {0.0, 1.0 / 0.7}
    assert abs(float(kept.mean()) - 1.0) < 4.0 * (0.3 / 0.7 / 40_000) ** 0.5
    rows = (kept == 0.0).astype(float)
    together = np.corrcoef(rows.T)  # one unit says nothing about another
    assert np.abs(together[~np.eye(100, dtype=bool)]).max() < 6.0 / 20.0


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_the_ends_are_those_of_torch(p: float) -> None:
    x = [Value(1.0), Value(-2.0)]
    ours = Dropout(p, rng=0)(x)
    functional.sum(ours).backward()
    theirs = tensor_of([1.0, -2.0], requires_grad=True)
    out = torch.nn.Dropout(p)(theirs)
    out.sum().backward()
    assert theirs.grad is not None
    if p == 0.5:
        assert all(y.data in (0.0, 2.0 * xi.data) for y, xi in zip(ours, x))
    else:
        assert [y.data for y in ours] == out.tolist()
        assert [xi.grad for xi in x] == theirs.grad.tolist()


def test_without_a_share_nothing_is_drawn() -> None:
    dropout = Dropout(0.0, rng=0)
    dropout([1.0, 2.0])
    assert dropout.rng.random() == np.random.default_rng(0).random()


def test_a_model_that_predicts_hands_on_what_it_gets() -> None:
    dropout = Dropout(0.9, rng=0).eval()
    x = Value(3.0)
    assert dropout([x, 2.0])[0] is x
    assert dropout.rng.random() == np.random.default_rng(0).random()
    assert dropout.train()([1.0]).data in (0.0, 1.0 / (1.0 - 0.9))
    assert dropout.forward(x)[0].op is not None  # one Value is a list of it


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), "0.5", None, True])
def test_a_probability_that_is_none(p: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"p is .* >= 0 and <= 1 .*: Dropout\(0\.2\)"):
        Dropout(p)
    for make, call in (
        (lambda: MLP(2, [3, 1], dropout=p), "MLP(2, [16, 1], dropout=0.2)"),
        (lambda: MLP(2, [1], dropout=p), "MLP(2, [16, 1], dropout=0.2)"),
        (lambda: Layer(2, 3, dropout=p), "Layer(2, 16, dropout=0.2)"),
    ):
        with pytest.raises(InvalidArgumentError) as caught:
            make()
        assert str(caught.value) == (
            f"dropout is {p!r}, but a number >= 0 and <= 1 is needed: {call}"
        )


def test_wrong_inputs() -> None:
    for wrong in ([[1.0, 2.0], [3.0, 4.0]], 2.0, np.zeros((2, 2))):
        with pytest.raises(ShapeError, match=r"Dropout of 0\.5 takes the inputs of one sample"):
            Dropout()(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="rng is -1"):
        Dropout(rng=-1)


def test_seeds_and_copies() -> None:
    draws = [[y.data for y in Dropout(0.5, rng=s)([1.0] * 40)] for s in (3, 3, 4)]
    assert draws[0] == draws[1] != draws[2]
    shared = np.random.default_rng(0)
    assert Dropout(rng=shared).rng is shared
    dropout = Dropout(0.5, rng=3)
    dropout([1.0])
    for other in (copy.deepcopy(dropout), pickle.loads(pickle.dumps(dropout))):
        assert [y.data for y in other([1.0] * 9)] == draws[0][1:10]
        assert repr(other) == "Dropout of 0.5"


# The same draws on every engine


class Net(Module):
    """Dropout in a forward of one's own, from two generators."""

    def __init__(self, same: bool) -> None:
        self.body = Layer(3, 4, "tanh", rng=0)
        self.first = Dropout(0.5, rng=1)
        self.middle = Layer(4, 3, "tanh", rng=2)
        self.second = Dropout(0.3, rng=self.first.rng if same else 3)
        self.head = Layer(3, 1, None, rng=4)

    def forward(self, x: Any) -> list[Value]:
        h = self.first.forward(self.body.forward(x))
        return self.head.forward(self.second.forward(self.middle.forward(h)))


def loss_of(net: Module) -> Callable[..., Value]:
    def loss(x: Any, y: Any) -> Value:
        return (net(x) - y) ** 2  # type: ignore[no-any-return]

    return loss


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize("same", [True, False])
def test_programs_draw_what_the_samples_draw_in_turn(
    same: bool, per_sample: bool, back_end: BackEnd
) -> None:
    if back_end == "arithmetic" and per_sample:
        return  # it has no batch
    ours, other = Net(same), Net(same)
    one = loss_of(ours)

    def of_batch(rows: Any, targets: Any) -> Value:
        return functional.mean([one(x, y) for x, y in zip(rows, targets)])

    program = compile(one if per_sample else of_batch, ours.parameters(), per_sample=per_sample)
    with forced(back_end):
        for rows in (slice(0, 10), slice(2, 7), slice(0, 10)):  # what is drawn into is kept
            value = program(X[rows], Y[rows])
            losses = [loss_of(other)(x, y) for x, y in zip(X[rows].tolist(), Y[rows].tolist())]
            eager = functional.mean(losses)
            assert value == pytest.approx(eager.data, rel=1e-14)
    other.zero_grad()
    eager.backward()
    assert_close(program.gradients, [p.grad for p in other.parameters()])
    for ours_, theirs in ((ours.first, other.first), (ours.second, other.second)):
        assert ours_.rng.random() == theirs.rng.random()


def test_float32_programs_draw_the_same_numbers() -> None:
    ours, other = Net(True), Net(True)
    value = compile(loss_of(ours), ours.parameters(), per_sample=True, dtype="float32")(X, Y)
    losses = [loss_of(other)(x, y).data for x, y in zip(X.tolist(), Y.tolist())]
    assert value == pytest.approx(float(np.mean(losses)), rel=1e-5)
    assert ours.first.rng.random() == other.first.rng.random()


@pytest.mark.parametrize("same", [True, False])
def test_a_program_draws_once_for_all_units(same: bool) -> None:
    net = Net(same)
    program = compile(loss_of(net), net.parameters(), per_sample=True)
    program(X, Y)
    run = program.source[program.source.index("    def run(") :]
    assert run.count("draw(") == 1
    assert run.count("less(") == 1
    assert "take(" not in run


# Training


def masks(rng: np.random.Generator, n_samples: int, p: float, *sizes: int) -> list[torch.Tensor]:
    """What the layers of these sizes keep of each sample, drawn sample by sample."""
    drawn = rng.random((n_samples, sum(sizes)))
    parts = np.split(drawn, np.cumsum(sizes)[:-1], axis=1)
    return [tensor_of(np.where(part < 1.0 - p, 1.0 / (1.0 - p), 0.0)) for part in parts]


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_training_is_that_of_torch_with_the_same_masks(engine: str, activation: str) -> None:
    generator = np.random.default_rng(5)
    model = MLP(3, [6, 4, 1], activation=activation, dropout=0.25, rng=generator)
    weights = [tensor_of(array, requires_grad=True) for array in model.state_dict().values()]
    drawing = copy.deepcopy(generator)
    optimizer = SGD(model.parameters(), 0.05, momentum=0.9)
    settings: dict[str, Any] = {"batch_size": 5, "shuffle": False, **QUIET}
    history = fit(model, X, Y, optimizer=optimizer, epochs=8, engine=engine, **settings)
    theirs = torch.optim.SGD(weights, 0.05, momentum=0.9)
    f = getattr(torch, activation)
    for epoch in range(8):
        total = 0.0
        for rows in (slice(0, 5), slice(5, 10)):
            h = tensor_of(X[rows])
            for layer, mask in enumerate(masks(drawing, 5, 0.25, 6, 4)):
                h = f(h @ weights[2 * layer].T + weights[2 * layer + 1]) * mask
            out = h @ weights[4].T + weights[5]
            loss = torch.nn.functional.mse_loss(out[:, 0], tensor_of(Y[rows]))
            theirs.zero_grad()
            loss.backward()
            theirs.step()
            total += 0.5 * loss.item()
        assert history.loss[epoch] == pytest.approx(total, rel=1e-11)
    for array, weight in zip(model.state_dict().values(), weights):
        assert_close(array, weight, 1e-11)
    h = tensor_of(X)
    for layer in range(2):
        h = f(h @ weights[2 * layer].T + weights[2 * layer + 1])
    assert_close(predict(model, X), (h @ weights[4].T + weights[5])[:, 0], 1e-11)
    assert model.training


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_validation_and_accuracy_are_without_dropout(engine: str) -> None:
    y = (Y > 0.0).astype(int)
    model = MLP(3, [6, 1], dropout=0.5, rng=0)
    history = fit(model, X, y, epochs=2, validation_data=(X, y), engine=engine, **QUIET)
    logits = np.array([model.eval()(x).data for x in X.tolist()])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        tensor_of(logits), tensor_of(y.astype(float))
    )
    assert history.validation_loss[-1] == pytest.approx(expected.item(), rel=1e-12)
    probabilities = predict_proba(model, X)
    assert_close(probabilities[:, 1], torch.sigmoid(tensor_of(logits)))


def test_dropout_of_1_trains_the_biases_alone() -> None:
    model = MLP(3, [4, 1], dropout=1.0, rng=0)
    before = model.state_dict()
    fit(model, X, Y, epochs=3, **QUIET)
    after = model.state_dict()
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {"layers.1.bias"}


def test_the_probability_is_read_at_each_training() -> None:
    model = MLP(3, [4, 1], dropout=0.5, rng=0)
    assert model.layers[0].dropout is not None
    model.layers[0].dropout.p = 0.0
    plain = MLP(3, [4, 1], rng=0)
    for each in (model, plain):
        fit(each, X, Y, epochs=3, optimizer=Adam(each.parameters()), **QUIET)
    for name, array in plain.state_dict().items():
        assert array.tolist() == model.state_dict()[name].tolist()


# Looked at


def test_the_step_log_and_health_know_it() -> None:
    model = MLP(3, [4, 1], activation="relu", dropout=0.5, rng=0)
    order = model(X[0].tolist())
    report = health(model, order**2)
    assert [layer.name for layer in report.layers] == ["layers.0", "layers.1"]
    assert report.layers[0].n_units == 4
    trace = trace_backward(order**2)
    assert {trace.layers.get(step.node) for step in trace} >= {"layers.0", "layers.1"}


def test_sequential_and_mlp_agree() -> None:
    model = MLP(3, [4, 2], "tanh", dropout=0.5, rng=0)
    first, second = model.layers
    assert first.dropout is not None
    parts = Sequential(Layer(3, 4, "tanh"), Dropout(0.5), Layer(4, 2, None))
    parts.load_state_dict(dict(zip(parts.state_dict(), model.state_dict().values())))
    parts[1].rng = copy.deepcopy(first.dropout.rng)  # type: ignore[attr-defined]
    assert [y.data for y in parts(X[0].tolist())] == [y.data for y in model(X[0].tolist())]
    assert second.dropout is None
