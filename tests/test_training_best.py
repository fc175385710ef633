"""The weights that a callback keeps have the number that is reported for them.

That number is measured here by torch, from the weights alone.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import SGD, Adam
from tinygrad_mlp.training import (
    Checkpoint,
    EarlyStopping,
    History,
    fit,
    read_weights,
)
from tinygrad_mlp.training._settings import those_that_measure
from tinygrad_mlp.training._steps_in_pieces import Pieces

_rng = np.random.default_rng(4)
X: Final = _rng.normal(size=(21, 3))
Y: Final = np.sin(X[:, 0]) - X[:, 1]
LABELS: Final = np.digitize(Y, [-0.7, 0.7])
X_HELD_OUT: Final = _rng.normal(size=(8, 3))
Y_HELD_OUT: Final = np.cos(X_HELD_OUT[:, 0])
QUIET: Final[dict[str, Any]] = {"log_every": None, "rng": 0}
State = dict[str, NDArray[np.float64]]
engines = pytest.mark.parametrize("engine", ["eager", "compiled"])


def outputs_by_torch(state: State, X: NDArray[np.float64]) -> torch.Tensor:
    out = torch.tensor(X)
    n_layers = len(state) // 2
    arrays = [torch.tensor(array) for array in state.values()]
    for i in range(n_layers):
        out = out @ arrays[2 * i].T + arrays[2 * i + 1]
        out = torch.tanh(out) if i < n_layers - 1 else out
    return out


def measured(state: State, monitor: str, X: NDArray[np.float64] = X, y: NDArray[Any] = Y) -> float:
    """The mean squared error, the cross-entropy or the accuracy of these weights."""
    outputs = outputs_by_torch(state, X)
    if monitor == "accuracy":
        return float((outputs.argmax(1) == torch.tensor(y)).double().mean())
    if y.dtype.kind == "i":
        return torch.nn.functional.cross_entropy(outputs, torch.tensor(y)).item()
    return torch.nn.functional.mse_loss(outputs[:, 0], torch.tensor(y)).item()


def penalty(state: State, settings: dict[str, Any]) -> float:
    """The L1 and L2 penalties of these weights."""
    p = torch.cat([torch.tensor(array).ravel() for array in state.values()])
    l1, l2 = settings.get("l1", 0.0), settings.get("l2", 0.0)
    return float(l1 * torch.linalg.vector_norm(p, 1) + l2 * torch.linalg.vector_norm(p) ** 2)


class Recorder:
    """Keeps the weights after every epoch."""

    def __init__(self) -> None:
        self.states: list[State] = []

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        self.states.append(model.state_dict())


SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "full batch, too long steps": {"learning_rate": 0.9},
    "full batch, from bad to worse": {"learning_rate": 3.0},
    "full batch, to the end": {"learning_rate": 0.05},
    "mini-batches": {"batch_size": 4, "learning_rate": 0.4},
    "one by one": {"batch_size": 1, "learning_rate": 0.1},
    "penalties": {"batch_size": 4, "learning_rate": 0.3, "l1": 0.01, "l2": 0.02},
    "momentum": {"batch_size": 4, "optimizer": "adam", "learning_rate": 0.3},
}


@engines
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize(
    ("y", "monitor"),
    [(Y, None), (LABELS, "loss"), (LABELS, "accuracy")],
    ids=["what is minimized", "loss", "accuracy"],
)
def test_early_stopping_gives_back_weights_that_have_its_number(
    engine: str, settings: dict[str, Any], y: NDArray[Any], monitor: str | None
) -> None:
    model = MLP(3, [4, 3 if y is LABELS else 1], "tanh", rng=0)
    recorder, stopping = Recorder(), EarlyStopping(4, monitor=monitor)
    history = fit(
        model, X, y, epochs=15, callbacks=[stopping, recorder], engine=engine, **settings, **QUIET
    )
    kind = monitor or "loss"
    of_epochs = [measured(state, kind, y=y) for state in recorder.states]
    numbers = history.metric(f"epoch_end_{kind}")
    assert numbers == pytest.approx(of_epochs, rel=1e-12, nan_ok=True)
    kept = measured(model.state_dict(), kind, y=y)
    if monitor is None:
        numbers = history.metric()
        of_epochs = [a + penalty(s, settings) for a, s in zip(of_epochs, recorder.states)]
        kept += penalty(model.state_dict(), settings)
    assert (
        stopping.best_number == numbers[stopping.best_epoch - 1] == pytest.approx(kept, rel=1e-12)
    )
    best = max(of_epochs) if kind == "accuracy" else min(of_epochs)
    assert kept == best
    named = None if monitor is None else f"epoch_end_{kind}"
    assert history.best_epoch(named) == stopping.best_epoch


@engines
@pytest.mark.parametrize("batch_size", [None, 4])
def test_with_validation_data_the_number_is_theirs(engine: str, batch_size: int | None) -> None:
    model, stopping = MLP(3, [4, 1], "tanh", rng=0), EarlyStopping(3)
    history = fit(
        model, X, Y, epochs=30, validation_data=(X_HELD_OUT, Y_HELD_OUT), learning_rate=0.2,
        batch_size=batch_size, callbacks=[stopping], engine=engine, **QUIET,
    )  # fmt: skip
    kept = measured(model.state_dict(), "loss", X_HELD_OUT, Y_HELD_OUT)
    assert stopping.best_number == min(history.validation_loss) == pytest.approx(kept, rel=1e-12)
    assert history.epoch_end_loss == [], "nobody needs it"


def test_the_training_loss_is_watched_beside_validation_data() -> None:
    model, stopping = MLP(3, [4, 1], "tanh", rng=0), EarlyStopping(3, monitor="loss")
    fit(
        model, X, Y, validation_data=(X_HELD_OUT, Y_HELD_OUT), learning_rate=0.9, epochs=20,
        callbacks=[stopping], **QUIET,
    )  # fmt: skip
    kept = measured(model.state_dict(), "loss")
    assert stopping.best_number == pytest.approx(kept, rel=1e-12)


@engines
@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("best_only", [False, True])
def test_the_number_in_a_checkpoint_is_that_of_its_weights(
    engine: str, batch_size: int | None, best_only: bool, tmp_path: Path
) -> None:
    saving = Checkpoint(tmp_path / "{epoch}.npz", best_only=best_only)
    history = fit(
        MLP(3, [4, 1], "tanh", rng=0), X, Y, epochs=9, batch_size=batch_size, learning_rate=0.9,
        callbacks=[saving], engine=engine, **QUIET,
    )  # fmt: skip
    files = [read_weights(path) for path in tmp_path.iterdir()]
    assert files
    for file in files:
        assert file.extra["loss"] == pytest.approx(measured(file.state, "loss"), rel=1e-12)
        assert file.extra["loss"] == history.epoch_end_loss[file.extra["epoch"] - 1]
    if best_only:
        assert min(file.extra["loss"] for file in files) == min(history.epoch_end_loss)


def test_a_checkpoint_names_the_number_that_it_watches(tmp_path: Path) -> None:
    saving = Checkpoint(tmp_path / "best.npz", best_only=True)
    history = fit(
        MLP(3, [1], rng=0), X, Y, epochs=5, validation_data=(X_HELD_OUT, Y_HELD_OUT),
        callbacks=[saving], **QUIET,
    )  # fmt: skip
    assert read_weights(tmp_path / "best.npz").extra == {
        "epoch": history.best_epoch(),
        "validation_loss": min(history.validation_loss),
    }


class Both:
    """A callback made of others, which ``fit`` sees only from outside."""

    def __init__(self, *parts: Any) -> None:
        self.parts = list(parts)

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
        return any([part.on_epoch_end(epoch, history, model) for part in self.parts])

    def on_training_end(self, history: History, model: Module) -> None:
        for part in self.parts:
            part.on_training_end(history, model)


def test_early_stopping_inside_another_callback() -> None:
    model, stopping = MLP(3, [4, 1], "tanh", rng=0), EarlyStopping(3)
    fit(model, X, Y, learning_rate=0.9, epochs=20, callbacks=[Both(Both(stopping))], **QUIET)
    assert stopping.best_number == pytest.approx(measured(model.state_dict(), "loss"), rel=1e-12)


def test_nothing_is_measured_that_nobody_needs() -> None:
    history = fit(MLP(3, [1], rng=0), X, Y, epochs=3, callbacks=[Recorder()], **QUIET)
    assert history.epoch_end_loss == history.epoch_end_accuracy == []
    assert "epoch end" not in str(history)


def test_what_is_measured_is_shown() -> None:
    history = fit(MLP(3, [3], rng=0), X, LABELS, epochs=3, callbacks=[EarlyStopping()], **QUIET)
    assert "epoch end" not in history.line(), "the line of an epoch has room for what is watched"
    assert "epoch end loss" in str(history)
    assert "epoch end accuracy" in str(history)


class Doubling(MLP):
    """A network that is another one while it trains, as with dropout."""

    def forward(self, x: Any) -> list[Value]:
        scale = 2.0 if self.training else 1.0
        return [scale * out for out in super().forward(x)]


@engines
def test_the_training_data_are_measured_with_the_model_as_it_predicts(engine: str) -> None:
    model, stopping = Doubling(3, [4, 1], "tanh", rng=0), EarlyStopping(3)
    fit(model, X, Y, epochs=12, callbacks=[stopping], engine=engine, **QUIET)
    kept = measured(model.state_dict(), "loss")
    assert stopping.best_number == pytest.approx(kept, rel=1e-12)


def far_apart(outputs: Sequence[Value], targets: Sequence[float]) -> Value:
    """A loss over a batch that is not the mean of losses of single samples."""
    errors = [output - target for output, target in zip(outputs, targets)]
    return functional.square(functional.sum(errors)) / len(errors)


@engines
def test_a_loss_over_a_batch_is_measured_over_such_batches(engine: str) -> None:
    model, stopping = MLP(3, [4, 1], "tanh", rng=0), EarlyStopping(3)
    history = fit(
        model, X, Y, loss=far_apart, batch_size=4, epochs=6, learning_rate=0.02,
        callbacks=[stopping], engine=engine, **QUIET,
    )  # fmt: skip
    errors = outputs_by_torch(model.state_dict(), X)[:, 0] - torch.tensor(Y)
    batches = errors.split(4)  # the last has one sample
    kept = sum(batch.sum().square().item() for batch in batches) / len(X)
    assert stopping.best_number == pytest.approx(kept, rel=1e-10)
    assert stopping.best_number == min(history.epoch_end_loss)


# Callbacks that fail


class Failing:
    def __init__(self, at_epoch: int) -> None:
        self.at_epoch = at_epoch

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        if epoch == self.at_epoch:
            raise OSError("in an epoch")

    def on_training_end(self, history: History, model: Module) -> None:
        raise OSError("at the end")


@engines
@pytest.mark.parametrize("at_epoch", [0, 1, 4])
def test_the_best_weights_come_back_when_another_callback_fails(engine: str, at_epoch: int) -> None:
    model, recorder, stopping = MLP(3, [4, 1], "tanh", rng=0), Recorder(), EarlyStopping()
    optimizer = Adam(model.parameters(), learning_rate=0.3)
    with pytest.raises(OSError, match="at the end"):
        fit(
            model, X, Y, epochs=6, batch_size=4, optimizer=optimizer, engine=engine,
            callbacks=[recorder, Failing(at_epoch), stopping], **QUIET,
        )  # fmt: skip
    n_seen = at_epoch - 1 if at_epoch else 6  # the one that fails stands before
    losses = [measured(state, "loss") for state in recorder.states[:n_seen]]
    if losses:
        assert measured(model.state_dict(), "loss") == min(losses)
        assert stopping.best_number == pytest.approx(min(losses), rel=1e-12)
    assert optimizer.step_count == 6 * len(recorder.states)
    optimizer.step()  # by hand


# Ctrl-C


class Interrupted(Adam):
    """Presses Ctrl-C in the midst of some step."""

    at = 10**9

    def coefficients(self, step: int) -> tuple[float, ...]:
        if step == self.at:
            signal.raise_signal(signal.SIGINT)
        return super().coefficients(step)


@engines
@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("step", [3, 7, 8, 15, 22, 28])
def test_after_ctrl_c_the_weights_are_those_of_the_best_whole_epoch(
    engine: str, held_out: bool, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six steps in an epoch; the best epoch is often the last whole one, and the next has begun."""
    model, recorder, stopping = MLP(3, [4, 1], "tanh", rng=0), Recorder(), EarlyStopping()
    start = model.state_dict()
    optimizer = Interrupted(model.parameters(), learning_rate=0.02)
    optimizer.at = step
    monkeypatch.setattr(Pieces, "most_steps", lambda *_: 1)
    history = fit(
        model, X, Y, epochs=9, batch_size=4, callbacks=[recorder, stopping], optimizer=optimizer,
        validation_data=(X_HELD_OUT, Y_HELD_OUT) if held_out else None, engine=engine, **QUIET,
    )  # fmt: skip
    assert history.interrupted
    assert optimizer.step_count == step - 1
    assert history.n_epochs == (step - 1) // 6 == len(recorder.states)
    lengths = {len(numbers) for name, numbers in history.to_dict().items() if name in LISTS}
    assert lengths <= {0, history.n_epochs}
    found = model.state_dict()
    if history.n_epochs == 0:
        assert stopping.best_epoch == 0
        assert any((found[name] != start[name]).any() for name in found), "of the last step"
        return
    assert stopping.best_epoch == history.best_epoch()
    best = recorder.states[stopping.best_epoch - 1]
    assert all(np.array_equal(found[name], best[name]) for name in found)
    data = (X_HELD_OUT, Y_HELD_OUT) if held_out else (X, Y)
    assert stopping.best_number == pytest.approx(measured(found, "loss", *data), rel=1e-12)


LISTS: Final = (
    "loss", "validation_loss", "epoch_end_loss", "learning_rate", "seconds",
)  # fmt: skip


def test_without_early_stopping_the_weights_are_those_of_the_last_step() -> None:
    """Ctrl-C in the seventh step, the third of the second epoch: as six steps by hand."""
    settings: dict[str, Any] = {"batch_size": 4, "shuffle": False, "engine": "eager", **QUIET}
    model = MLP(3, [4, 1], "tanh", rng=0)
    optimizer = Interrupted(model.parameters(), learning_rate=0.02)
    optimizer.at = 7
    history = fit(model, X[:16], Y[:16], epochs=2, optimizer=optimizer, **settings)
    assert (optimizer.step_count, history.n_epochs) == (6, 1)
    twin = MLP(3, [4, 1], "tanh", rng=0)
    by_hand = Adam(twin.parameters(), learning_rate=0.02)
    fit(twin, X[:16], Y[:16], epochs=1, optimizer=by_hand, **settings)
    fit(twin, X[:8], Y[:8], epochs=1, optimizer=by_hand, **settings)
    expected = twin.state_dict()
    assert all(np.array_equal(array, expected[name]) for name, array in model.state_dict().items())


def test_the_best_of_a_training_that_only_gets_worse_is_what_is_reported() -> None:
    x = np.linspace(-1.0, 1.0, 20).reshape(-1, 1)
    y = 3.0 * x[:, 0] + 1.0
    model, stopping = MLP(1, [1], rng=0), EarlyStopping(patience=3)
    optimizer = SGD(model.parameters(), learning_rate=1.5)
    fit(model, x, y, epochs=30, optimizer=optimizer, callbacks=[stopping], **QUIET)
    assert stopping.best_epoch == 1
    assert stopping.best_number == pytest.approx(measured(model.state_dict(), "loss", x, y))


def test_nothing_is_measured_in_epochs_that_a_checkpoint_skips(tmp_path: Path) -> None:
    path = tmp_path / "{epoch}.npz"
    history = fit(
        MLP(3, [3], rng=0), X, LABELS, epochs=7, l2=0.01, callbacks=[Checkpoint(path, every=3)],
        **QUIET,
    )  # fmt: skip
    for numbers in (
        history.epoch_end_loss,
        history.epoch_end_penalty,
        history.epoch_end_accuracy,
    ):
        measured_in = [epoch for epoch, number in enumerate(numbers, 1) if not np.isnan(number)]
        assert len(numbers) == 7
        assert measured_in == [3, 6]
    assert history.metric() == history.objective
    written = read_weights(tmp_path / "6.npz").extra["objective"]
    assert written == history.epoch_end_loss[5] + history.epoch_end_penalty[5]


def test_early_stopping_beside_a_checkpoint_looks_at_every_epoch(tmp_path: Path) -> None:
    stopping, checkpoint = EarlyStopping(50), Checkpoint(tmp_path / "w.npz", every=3)
    history = fit(
        MLP(3, [3], rng=0), X, LABELS, epochs=7, callbacks=[checkpoint, stopping], **QUIET
    )
    assert np.isfinite(history.epoch_end_loss).all()
    assert stopping.best_number == min(history.epoch_end_loss)


def test_the_numbers_that_a_callback_holds_are_not_gone_through() -> None:
    class Holder(Both):
        looked_at = 0

    class Counted(list[Any]):
        def __iter__(self) -> Any:
            for item in super().__iter__():
                Holder.looked_at += 1
                yield item

    stopping = EarlyStopping()
    holder = Holder(stopping, Counted([Counted([0.5] * 1000)] * 100))
    holder.parts.append(holder.parts)
    vars(holder)["parent"] = holder
    assert those_that_measure([holder], has_validation=False) == [stopping]
    assert Holder.looked_at <= 2300, "each list once"


def test_what_a_callback_does_to_the_optimizer_at_the_end_stays() -> None:
    class Loading(Recorder):
        def on_training_end(self, history: History, model: Module) -> None:
            optimizer.load_state_dict({"step_count": np.array(7), "velocity": np.full(4, 0.5)})

    model = MLP(3, [1], rng=0)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    fit(model, X, Y, epochs=3, optimizer=optimizer, callbacks=[Loading()], **QUIET)
    assert optimizer.step_count == 7
    assert optimizer.state_dict()["velocity"].tolist() == [0.5] * 4


def test_histories_of_earlier_versions() -> None:
    assert History(loss=[0.5], penalised=False).loss == [0.5]
    assert "penalised" not in History().to_dict()
    with pytest.raises(InvalidArgumentError, match="its loss has the penalties in it"):
        History(loss=[0.5], penalised=True)
