"""What ``engine="auto"`` does where a step cannot be recorded, or not for one sample: the same."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pytest
import torch

from tests.against_torch import assert_close, tensor_of
from tests.back_ends import as_compiled
from tinygrad_mlp import functional as F
from tinygrad_mlp.engine import Value, assign, no_grad
from tinygrad_mlp.errors import ShapeError, TinygradMLPError
from tinygrad_mlp.functional import Scalar, uniform
from tinygrad_mlp.nn import MLP, Buffer, Module
from tinygrad_mlp.optim import SGD, Adam
from tinygrad_mlp.training import ENGINES, History, accuracy, fit, predict

_rng = np.random.default_rng(0)
X: Final = _rng.normal(size=(13, 2))
Y: Final = X[:, 0] * X[:, 1]
LABELS: Final = (Y > 0.0).astype(int)


class Own(Module):
    """A network and something after it."""

    def __init__(self) -> None:
        self.net = MLP(2, [4, 1], "tanh", rng=0)
        self.buffer = Buffer(0.5)
        self.state: Any = 0.5
        self.rng = np.random.default_rng(1)
        self.outputs: list[Any] = []

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return [self.after(self.net.forward(x)[0])]

    def after(self, out: Value) -> Any:
        raise NotImplementedError


class Plain(Own):
    def after(self, out: Value) -> Any:
        return out * self.buffer


class Caching(Own):
    def after(self, out: Value) -> Any:
        self.outputs.append(out)
        self.last = out
        return out


class Dropout(Own):
    def after(self, out: Value) -> Any:
        return F.where(uniform(self.rng) < 0.5, out * 2.0, 0.0)


class Branching(Own):
    def after(self, out: Value) -> Any:
        return out if out > 0.0 else 0.1 * out


class ReadingData(Own):
    def after(self, out: Value) -> Any:
        return out * self.buffer.data


class PythonDropout(Own):
    def after(self, out: Value) -> Any:
        return out * 2.0 if random.random() < 0.5 else out * 0.0


class NumPyDropout(Own):
    def after(self, out: Value) -> Any:
        return out * 2.0 if self.rng.random() < 0.5 else out * 0.0


class Remembering(Own):
    def after(self, out: Value) -> Any:
        self.state = 0.5 * float(np.tanh(self.state)) + 0.1
        return out * self.state


class Recurrent(Own):
    def after(self, out: Value) -> Any:
        self.state = 0.5 * self.state + out
        return Value(0.0) + self.state


class Failing(Own):
    def after(self, out: Value) -> Any:
        return out * np.exp(out.data)


class CountingSamples(Own):
    def after(self, out: Value) -> Any:
        assign(self.buffer, self.buffer + 0.01)
        return out * self.buffer


class RunningMean(Own):
    def after(self, out: Value) -> Any:
        assign(self.buffer, 0.9 * self.buffer + 0.1 * out)
        return out - self.buffer


class CountingInPython(Own):
    def after(self, out: Value) -> Any:
        self.state += 1.0
        return out if self.state > 100.5 else 0.1 * out


ENDS_UP: Final[dict[type[Own], str]] = {
    Plain: "compiled",
    CountingInPython: "eager (not compiled: it changes its attribute 'state'",
    Caching: "compiled",
    Dropout: "compiled",
    Branching: "eager (not compiled: it was used as a truth value",
    ReadingData: "eager (not compiled: the .data of a Value was read",
    PythonDropout: "eager (not compiled: it does something else each time: it drew from",
    NumPyDropout: "eager (not compiled: it d",
    Remembering: "eager (not compiled: it does something else each time: it took the number",
    Failing: "eager (not compiled: its .data was read",
    CountingSamples: "compiled (for whole batches: it assigns from sample to sample)",
    RunningMean: "compiled (for whole batches: it assigns from sample to sample)",
}


def trained(model: Module, engine: str, y: Any = Y, **settings: Any) -> tuple[History, list[float]]:
    random.seed(7)
    held_out = {"validation_data": (X[:5], y[:5])}
    settings = {"epochs": 4, "batch_size": 5, "rng": 0, "log_every": None, **held_out, **settings}
    history = fit(model, X, y, engine=engine, **settings)
    network = model.net if isinstance(model, Own) else model
    numbers = [n for p in network.parameters() for n in (p.data, p.grad)]
    return history, numbers


def assert_same_training(make: Callable[[], Module], y: Any = Y, **settings: Any) -> History:
    auto, numbers = trained(make(), "auto", y, **settings)
    eager, expected = trained(make(), "eager", y, **settings)
    np.testing.assert_allclose(auto.loss, eager.loss, rtol=1e-9)
    np.testing.assert_allclose(auto.validation_loss, eager.validation_loss, rtol=1e-9)
    np.testing.assert_allclose(numbers, expected, rtol=1e-9, atol=1e-15)
    return auto


@pytest.mark.parametrize("kind", ENDS_UP, ids=lambda kind: kind.__name__)
def test_whatever_a_model_does_auto_trains_as_eager_does(kind: type[Own]) -> None:
    history = assert_same_training(kind)
    assert as_compiled(history.engine).startswith(ENDS_UP[kind])
    assert f"engine: {history.engine}" in str(history)


@pytest.mark.parametrize("kind", [k for k in ENDS_UP if ENDS_UP[k].startswith("eager")])
def test_compiled_alone_says_what_it_cannot_do(kind: type[Own]) -> None:
    with pytest.raises(
        TinygradMLPError, match=r"functional\.|compute with the Value itself|assign\("
    ):
        trained(kind(), "compiled")


def test_a_model_that_keeps_values_from_sample_to_sample_is_left_as_it_was() -> None:
    model = Recurrent()
    with pytest.raises(TinygradMLPError):
        trained(model, "compiled")
    assert not type(model.state).__name__.startswith("Traced")


Losses = Callable[[Sequence[Any], Sequence[Any]], Value]
CHOOSING: Final[dict[str, Losses]] = {
    "==": lambda os, ts: F.mean([-F.log(o) if t == 1 else -F.log(1 - o) for o, t in zip(os, ts)]),
    "key": lambda os, ts: F.mean([[1 - o, o][{0: 0, 1: 1}[t]] for o, t in zip(os, ts)]),
    "get": lambda os, ts: F.mean([{0: 1 - o}.get(t, o) for o, t in zip(os, ts)]),
    "%": lambda os, ts: F.mean([o if t % 2 else 1 - o for o, t in zip(os, ts)]),
    "&": lambda os, ts: F.mean([o * (t & 1) for o, t in zip(os, ts)]),
    "round": lambda os, ts: F.mean([(o - round(t, 1)) ** 2 for o, t in zip(os, ts)]),
    "np.exp": lambda os, ts: F.mean([(o - np.exp(t)) ** 2 for o, t in zip(os, ts)]),
    "set": lambda os, ts: F.mean([o if t in {1, 2} else 1 - o for o, t in zip(os, ts)]),
}


@pytest.mark.parametrize("name", CHOOSING)
def test_a_loss_that_chooses_by_the_target_trains_as_eager_does(name: str) -> None:
    def make() -> Module:
        return MLP(2, [4, 1], "tanh", "sigmoid", rng=0)

    history = assert_same_training(make, LABELS, loss=CHOOSING[name])
    assert history.engine.startswith("eager (not compiled: ")


ROUNDING: Final[dict[str, Losses]] = {
    "round": lambda os, ts: F.mean([(o - round(t)) ** 2 for o, t in zip(os, ts)]),
    "round to digits": lambda os, ts: F.mean(
        [(o - round(t * 10.0) / 10.0) ** 2 for o, t in zip(os, ts)]
    ),
    "%": lambda os, ts: F.mean([(o - t % 0.8) ** 2 for o, t in zip(os, ts)]),
    "//": lambda os, ts: F.mean([(o - (t + 0.3) // 0.7) ** 2 for o, t in zip(os, ts)]),
}


@pytest.mark.parametrize("name", ROUNDING)
def test_a_loss_that_rounds_its_targets_compiles_to_what_eager_does(name: str) -> None:
    def make() -> Module:
        return MLP(2, [4, 1], "tanh", "sigmoid", rng=0)

    history = assert_same_training(make, LABELS, loss=ROUNDING[name])
    assert as_compiled(history.engine) == "compiled"


def of_neighbors(outputs: Sequence[Value], targets: Sequence[Value]) -> Value:
    """A loss that connects the samples of a batch: the squared errors of their differences."""
    errors = [out - target for out, target in zip(outputs, targets)]
    return F.sum([(a - b) ** 2 for a, b in pairwise(errors)])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_that_connects_the_samples_trains_as_in_torch(engine: str) -> None:
    model = MLP(2, [1], init="zeros")
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    b = torch.zeros((), dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.SGD([w, b], lr=0.05)
    for start in (0, 5, 10, 0, 5, 10):
        part = slice(start, start + 5)
        theirs.zero_grad()
        (tensor_of(X[part]) @ w + b - tensor_of(Y[part])).diff().square().sum().backward()
        theirs.step()
    optimizer = SGD(model.parameters(), 0.05)
    options: dict[str, Any] = {"loss": of_neighbors, "optimizer": optimizer, "shuffle": False}
    fit(model, X, Y, epochs=2, batch_size=5, engine=engine, log_every=None, **options)
    assert_close([p.data for p in model.parameters()], [*w.tolist(), b.item()])


def test_an_error_of_the_loss_itself_is_raised_as_it_is() -> None:
    def loss(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        settings: dict[str, float] = {}
        return F.mean(outputs) * settings["missing"]

    with pytest.raises(KeyError, match="missing"):
        trained(MLP(2, [1], rng=0), "auto", loss=loss)


def test_falling_back_at_a_later_shape_keeps_weights_and_the_state_of_the_optimizer() -> None:
    def loss(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        terms = [(o - t) ** 2 for o, t in zip(outputs, targets)]
        if len(terms) < 5 and terms[0] > 100.0:
            return F.sum(terms)
        return F.mean(terms)

    for make_optimizer in (Adam, lambda parameters: SGD(parameters, 0.05, momentum=0.9)):
        runs = []
        for engine in ("auto", "eager"):
            model = MLP(2, [4, 1], "tanh", rng=0)
            optimizer = make_optimizer(model.parameters())
            runs.append(trained(model, engine, loss=loss, optimizer=optimizer))
        np.testing.assert_allclose(runs[0][0].loss, runs[1][0].loss, rtol=1e-9)
        np.testing.assert_allclose(runs[0][1], runs[1][1], rtol=1e-9)
        assert runs[0][0].engine.startswith("eager (not compiled")


class BranchingWhenItPredicts(Own):
    def after(self, out: Value) -> Any:
        return out if self.training or out > 0.0 else 0.1 * out


def test_what_cannot_be_recorded_in_prediction_only() -> None:
    history = assert_same_training(BranchingWhenItPredicts)
    assert history.engine.startswith("eager (not compiled: it was used as a truth value")


@pytest.mark.parametrize("kind", [k for k in ENDS_UP if "Dropout" not in k.__name__])
def test_many_predictions_are_those_of_single_samples(kind: type[Own]) -> None:
    many = np.tile(X, (30, 1))  # enough to be compiled
    one, other = kind(), kind()
    expected = [one.forward(x)[0].data for x in many.tolist()]
    np.testing.assert_allclose(predict(other, many).ravel(), expected, rtol=1e-12)


class Annealing:
    """A callback that changes a number which the model reads."""

    def on_epoch_end(self, epoch: int, history: History, model: Own) -> None:
        model.state = 1.0 / (1.0 + epoch)


class Scaled(Own):
    def after(self, out: Value) -> Any:
        return out * self.state


def test_numbers_that_a_callback_changes_are_read_again() -> None:
    history = assert_same_training(Scaled, callbacks=[Annealing()])
    assert as_compiled(history.engine) == "compiled"


class Noisy(Own):
    """Draws numbers as soon as somebody says so."""

    noise = False

    def after(self, out: Value) -> Any:
        return out * (2.0 if self.rng.random() < 0.5 else 0.0) if self.noise else out


class MakeNoise:
    def on_epoch_end(self, epoch: int, history: History, model: Any) -> None:
        model.noise = epoch >= 2


def test_a_callback_may_make_the_model_one_that_cannot_be_recorded() -> None:
    history = assert_same_training(Noisy, callbacks=[MakeNoise()], epochs=5)
    assert history.engine.startswith("eager (not compiled: it d")


class Watching:
    def on_epoch_end(self, epoch: int, history: History, model: Any) -> None:
        pass


def test_a_callback_that_changes_nothing_does_not_run_the_model_again() -> None:
    calls = []

    class Counted(MLP):
        def logits(self, x: Any) -> list[Value]:
            calls.append(1)
            return super().logits(x)

        forward = logits

    n_calls = []
    for epochs in (2, 30):
        calls.clear()
        model = Counted(2, [3, 1], rng=0)
        fit(model, X, Y, epochs=epochs, callbacks=[Watching()], log_every=None)
        n_calls.append(len(calls))
    assert n_calls[0] == n_calls[1]


class Assigning:
    def on_epoch_end(self, epoch: int, history: History, model: Any) -> None:
        model.net.layers[0].neurons[0].b.data = 5.0


class Breaking:
    def on_epoch_end(self, epoch: int, history: History, model: Any) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("engine", ENGINES)
def test_what_one_callback_assigned_stays_when_the_next_one_fails(engine: str) -> None:
    model = Plain()
    callbacks: list[Any] = [Assigning(), Breaking()]
    history = fit(model, X, Y, epochs=3, callbacks=callbacks, engine=engine, log_every=None)
    assert history.reason.startswith("interrupted")
    assert model.net.layers[0].neurons[0].b.data == 5.0


class InterruptedAtTheEnd:
    def on_epoch_end(self, epoch: int, history: History, model: Any) -> None:
        pass

    def on_training_end(self, history: History, model: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        history.ended = True  # type: ignore[attr-defined]


@pytest.mark.parametrize("engine", ENGINES)
def test_ctrl_c_at_the_very_end_loses_nothing(engine: str) -> None:
    model = Plain()
    history = fit(
        model, X, Y, epochs=2, callbacks=[InterruptedAtTheEnd()], engine=engine, log_every=None
    )
    assert (history.n_epochs, history.ended) == (2, True)  # type: ignore[attr-defined]
    assert history.reason.startswith("interrupted")


def test_training_within_no_grad_trains() -> None:
    with no_grad():
        assert_same_training(Plain)


@pytest.mark.parametrize("engine", ENGINES)
def test_after_training_the_optimizer_steps_by_hand(engine: str) -> None:
    model = Plain()
    optimizer = Adam(model.parameters())
    fit(model, X, Y, epochs=2, optimizer=optimizer, engine=engine, log_every=None)
    before = optimizer.step_count
    optimizer.step()
    assert optimizer.step_count == before + 1


@pytest.mark.parametrize("frozen", [0, 1])
def test_gradients_after_training_are_those_of_what_was_trained(frozen: int) -> None:
    found = []
    for engine in ENGINES:
        model = MLP(2, [3, 1], "tanh", rng=0)
        optimizer = SGD(model.layers[1 - frozen].parameters(), 0.1)
        found.append(trained(model, engine, optimizer=optimizer)[1])
        assert not any(p.has_grad for p in model.layers[frozen].parameters())
        assert all(p.has_grad for p in model.layers[1 - frozen].parameters())
    np.testing.assert_allclose(found, [found[0]] * 3, rtol=1e-9, atol=1e-15)


def test_trying_a_model_out_leaves_nothing_behind() -> None:
    model = Caching()
    before = model.parameters()
    trained(model, "compiled")
    assert model.outputs == []
    assert all(one is other for one, other in zip(model.parameters(), before, strict=True))


def test_wrong_shapes_are_not_a_reason_to_fall_back() -> None:
    with pytest.raises(ShapeError):
        trained(MLP(3, [1], rng=0), "auto")
    assert accuracy(MLP(2, [2], rng=0), X, LABELS, loss="categorical_cross_entropy") <= 1.0
