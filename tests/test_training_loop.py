"""``fit`` around its steps: what callbacks, the advice and the history are given, and the end."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np
import pytest

from tests.back_ends import as_compiled
from tests.interrupting import Moments, interrupted_everywhere, traced
from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import SGD, PlateauSchedule
from tinygrad_mlp.training import EarlyStopping, Finding, History, accuracy, fit, predict, task_of
from tinygrad_mlp.training._epochs import Training

_rng = np.random.default_rng(3)
X: Final = _rng.normal(size=(11, 2))
Y: Final = X[:, 0] - 2.0 * X[:, 1]
LABELS: Final = (Y > 0.0).astype(int)
engines = pytest.mark.parametrize("engine", ["eager", "compiled", "auto"])


def trained(y: Any = Y, model: Module | None = None, **settings: Any) -> History:
    settings = {"epochs": 3, "log_every": None, "rng": 0, **settings}
    return fit(model or MLP(2, [1], rng=0), X, y, **settings)


def own(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
    return functional.mean([(o - t) ** 2 for o, t in zip(outputs, targets)])


class Says:
    """A callback that ends the training after an epoch, and says why or not."""

    def __init__(self, epoch: int, reason: str | None = None) -> None:
        self.epoch = epoch
        if reason is not None:
            self.reason = reason

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
        return epoch >= self.epoch


class Kept:
    """Has put the weights of that epoch back; 0 for none."""

    def __init__(self, epoch: int) -> None:
        self.kept_epoch = epoch

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
        return False


# What is asked of the advice


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, {"n_steps": 3, "unasked": True, "pull": 0.0, "kept_epoch": 0}),
        ({"batch_size": 11}, {"n_steps": 3, "unasked": True, "pull": 0.0, "kept_epoch": 0}),
        ({"batch_size": 4}, {"n_steps": 9, "unasked": True, "pull": 0.0, "kept_epoch": 0}),
        (
            {"batch_size": 1, "epochs": 2},
            {"n_steps": 22, "unasked": True, "pull": 0.0, "kept_epoch": 0},
        ),
        (
            {"batch_size": 10, "epochs": 1},
            {"n_steps": 2, "unasked": True, "pull": 0.0, "kept_epoch": 0},
        ),
        (
            {"loss": "hinge", "l1": 0.5},
            {"n_steps": 3, "unasked": False, "pull": 0.5, "kept_epoch": 0},
        ),
        ({"l2": 0.5, "l1": 0.75}, {"n_steps": 3, "unasked": True, "pull": 1.0, "kept_epoch": 0}),
        ({"l2": 0.25, "l1": 0.75}, {"n_steps": 3, "unasked": True, "pull": 0.75, "kept_epoch": 0}),
        (
            {"epochs": 90, "callbacks": [Says(2)], "batch_size": 4},
            {"n_steps": 6, "unasked": True, "pull": 0.0, "kept_epoch": 0},
        ),
        (
            {"validation_data": (X[:4], LABELS[:4])},
            {"n_steps": 3, "unasked": True, "pull": 0.0, "kept_epoch": 0, "n_validation": 4},
        ),
        *[
            (
                {"callbacks": [Kept(epoch) for epoch in epochs]},
                {"n_steps": 3, "unasked": True, "pull": 0.0, "kept_epoch": last},
            )
            for epochs, last in (((2, 1), 1), ((1, 2, 0), 2))
        ],
    ],
)
def test_what_the_advice_is_asked(
    settings: dict[str, Any], asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    advice = (Finding("do this", ""),)

    def advice_for(*arguments: Any, **named: Any) -> tuple[Finding, ...]:
        seen.append((arguments, named))
        return advice

    monkeypatch.setattr("tinygrad_mlp.training._epochs.advice_for", advice_for)
    model = MLP(2, [1], rng=0)
    history = trained(LABELS, model, **settings)
    (((of_model, task, samples, of_history), named),) = seen
    assert of_model is model
    assert of_history is history
    assert task is task_of(model)
    assert samples.X.tolist() == X.tolist()
    assert named == {"n_validation": None} | asked
    assert history.advice == advice


@engines
@pytest.mark.parametrize(
    ("options", "measured"),
    [
        ({"validation_data": (X, Y)}, "validation_loss"),
        ({"callbacks": [EarlyStopping(9)]}, "epoch_end_loss"),
    ],
)
def test_a_training_without_classes_has_no_accuracy(
    engine: str, options: dict[str, Any], measured: str
) -> None:
    history = fit(MLP(2, [1], rng=0), X, Y, epochs=2, engine=engine, log_every=None, **options)
    assert len(history.loss) == len(history.metric(measured)) == 2
    assert history.accuracy == history.validation_accuracy == history.epoch_end_accuracy == []


# Why it ended


@engines
def test_a_loss_that_becomes_nan_is_told_with_what_to_do(engine: str) -> None:
    history = trained(learning_rate=1e6, epochs=200, engine=engine)
    assert history.reason == (
        f"the loss is nan in epoch {history.n_epochs}; try a smaller learning_rate"
    )
    assert len(history.loss) < 200
    assert np.isnan(history.loss[-1])
    assert not np.isnan(history.loss[:-1]).any()
    assert np.isfinite(history.loss[0])
    at_once = trained(learning_rate=1e200, epochs=200, engine=engine)
    assert np.isfinite(at_once.loss).tolist()[:2] == [True, False]
    assert at_once.reason.endswith("; try a smaller learning_rate")
    assert "from the first epoch" not in at_once.reason
    model = MLP(2, [1], rng=0)
    large = fit(model, X * 1e200, Y, epochs=200, engine=engine, log_every=None)
    assert large.reason == (
        f"the loss is nan in epoch {large.n_epochs}; it was not finite from the first epoch on, so "
        "the data may be too large: scale them, X = StandardScaler().fit(X).transform(X); or try a "
        "smaller learning_rate"
    )


@engines
def test_a_penalty_that_becomes_nan_ends_the_training_too(engine: str) -> None:
    """The loss itself has no share in it: what is penalized is not used."""

    class Spare(MLP):
        def __init__(self) -> None:
            super().__init__(2, [1], rng=0)
            self.spare = Value(1.0)

    model = Spare()
    optimizer = SGD([model.spare], 1e10)
    history = trained(model=model, optimizer=optimizer, l2=1e300, epochs=9, engine=engine)
    assert len(set(history.loss)) == 1
    assert np.isnan(history.penalty).tolist() == [False] * (history.n_epochs - 1) + [True]
    assert history.reason == (
        f"the loss is nan in epoch {history.n_epochs}; try a smaller learning_rate"
    )


@pytest.mark.parametrize(
    ("callbacks", "reason"),
    [
        ([Says(2)], "stopped by Says"),
        ([Says(2, "it was time")], "stopped by Says (it was time)"),
        ([Says(2, "")], "stopped by Says"),
        ([Says(2, "one"), Says(3, "no"), Says(1, "two")], "stopped by Says (two)"),
        (
            [Says(2, "one"), Says(3, "no"), Says(2, "two")],
            "stopped by Says (one); stopped by Says (two)",
        ),
        ([Says(3)], "stopped by Says"),
        ([Says(4)], "completed"),
        ([], "completed"),
    ],
)
def test_why_callbacks_ended_the_training(callbacks: list[Any], reason: str) -> None:
    assert trained(callbacks=callbacks).reason == reason


def test_a_training_that_failed_says_with_what() -> None:
    class Failing:
        histories: list[History] = []  # noqa: RUF012

        def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
            self.histories.append(history)
            if epoch == 2:
                raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        trained(callbacks=[Failing()])
    history = Failing.histories[0]
    assert (history.reason, history.n_epochs, history.advice) == (
        "ValueError: no such thing",
        2,
        (),
    )
    assert history.stopped_early


# What callbacks see and change


class Seeing:
    """Keeps what it is shown after each epoch."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        kept = {
            name: len(entry)
            for name, entry in history.to_dict().items()
            if entry and isinstance(entry, list)
        }
        weights = np.concatenate([array.ravel() for array in model.state_dict().values()])
        self.seen.append((epoch, history.engine, history.reason, model.training, kept, weights))


@pytest.mark.parametrize(
    ("engine", "name"), [("eager", "eager"), ("compiled", "compiled"), ("auto", "compiled")]
)
def test_what_a_callback_is_shown(engine: str, name: str) -> None:
    seeing, model = Seeing(), MLP(2, [1], rng=0).eval()
    trained(LABELS, model, callbacks=[seeing], engine=engine, l1=0.01, validation_data=(X, LABELS))
    lists = ("loss", "penalty", "validation_loss", "accuracy", "validation_accuracy")
    for epoch, shown in enumerate(seeing.seen, start=1):
        counts = dict.fromkeys((*lists, "learning_rate", "seconds"), epoch)
        assert as_compiled(shown[1]) == name
        assert (shown[0], *shown[2:5]) == (epoch, "", True, counts)
    assert not model.training
    for epochs in (1, 2, 3):
        twin = MLP(2, [1], rng=0)
        trained(LABELS, twin, epochs=epochs, engine=engine, l1=0.01)
        weights = np.concatenate([array.ravel() for array in twin.state_dict().values()])
        assert weights.tolist() == seeing.seen[epochs - 1][5].tolist()


class Zeroing:
    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        for parameter in model.parameters():
            parameter.data = 0.0


@engines
def test_what_one_of_several_callbacks_changes_is_taken_over(engine: str) -> None:
    history = trained(callbacks=[EarlyStopping(restore_best=False), Zeroing()], engine=engine)
    assert history.loss[1:] == pytest.approx([float(np.mean(Y**2))] * 2, rel=1e-12)


class Weighted:
    """A loss of one's own that reads a number of its own."""

    factor = 1.0

    def __call__(self, outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        return self.factor * own(outputs, targets)


class Doubling:
    def __init__(self, loss: Weighted) -> None:
        self.loss = loss

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        self.loss.factor *= 2.0


@engines
def test_numbers_of_a_loss_of_ones_own_that_a_callback_changes_are_read_again(engine: str) -> None:
    loss = Weighted()
    settings: Any = {"optimizer": SGD(learning_rate=0.0), "engine": engine}
    history = trained(loss=loss, callbacks=[Doubling(loss)], **settings)
    first = history.loss[0]
    assert history.loss == pytest.approx([first, 2.0 * first, 4.0 * first], rel=1e-12)


@pytest.fixture(params=["before", "after"])
def ctrl_c_near_the_end(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the moment before the end begins, or in that after it, once."""
    end, calls = Training.end, [0]

    def interrupted(training: Training) -> None:
        calls[0] += 1
        if calls[0] > 1 or request.param == "after":
            end(training)
        if calls[0] == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Training, "end", interrupted)


class Ended:
    times = 0

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        pass

    def on_training_end(self, history: History, model: Module) -> None:
        self.times += 1


@engines
@pytest.mark.usefixtures("ctrl_c_near_the_end")
def test_ctrl_c_in_the_moments_around_the_end_ends_as_any_other(engine: str) -> None:
    model, ended = MLP(2, [1], rng=0).eval(), Ended()
    history = trained(LABELS, model, epochs=2, engine=engine, callbacks=[ended])
    assert (history.reason, history.n_epochs, model.training) == ("interrupted", 2, False)
    assert ended.times == 1


class Failing:
    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        raise ZeroDivisionError


@pytest.mark.usefixtures("ctrl_c_near_the_end")
def test_nor_is_an_error_lost_in_these_moments() -> None:
    model = MLP(2, [1], rng=0).eval()
    with pytest.raises(KeyboardInterrupt) as caught:
        trained(LABELS, model, callbacks=[Failing()])
    assert isinstance(caught.value.__context__, ZeroDivisionError)
    assert not model.training


# What the history holds


def test_an_epoch_takes_the_time_that_it_takes() -> None:
    started = time.perf_counter()
    history = trained(epochs=20, validation_data=(X, Y))
    elapsed = time.perf_counter() - started
    assert len(history.seconds) == 20
    assert min(history.seconds) > 0.0
    assert sum(history.seconds) <= elapsed


@engines
@pytest.mark.parametrize("batch_size", [None, 4, 1])
def test_numbers_of_an_epoch_are_those_of_its_samples(engine: str, batch_size: int | None) -> None:
    """With a rate of 0 all batches meet the same weights, whatever their sizes."""
    model = MLP(2, [3], rng=0)
    y = np.digitize(Y, [-1.0, 1.0])
    history = trained(
        y, model, batch_size=batch_size, optimizer=SGD(learning_rate=0.0), engine=engine, epochs=1,
        l1=0.5, l2=0.25, validation_data=(X[4:], y[4:]),
        callbacks=[EarlyStopping(monitor="loss")],
    )  # fmt: skip
    numbers = np.concatenate([array.ravel() for array in model.state_dict().values()])
    penalty = 0.5 * np.abs(numbers).sum() + 0.25 * (numbers**2).sum()
    outputs = predict(model, X, loss="mean_squared_error")
    losses = np.logaddexp.reduce(outputs, axis=1) - outputs[np.arange(11), y]
    right = outputs.argmax(axis=1) == y
    assert 0 < right.sum() < 11
    assert 0 < right[4:].sum() < 7
    for found, expected in (
        (history.loss, losses.mean()),
        (history.epoch_end_loss, losses.mean()),
        (history.validation_loss, losses[4:].mean()),
        (history.penalty, penalty),
        (history.epoch_end_penalty, penalty),
        (history.accuracy, right.mean()),
        (history.epoch_end_accuracy, right.mean()),
        (history.validation_accuracy, right[4:].mean()),
    ):
        assert found == [pytest.approx(expected, rel=1e-12)]


@engines
@pytest.mark.parametrize("batch_size", [None, 4])
def test_classes_of_a_loss_of_ones_own_are_counted(engine: str, batch_size: int | None) -> None:
    def squares(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        return functional.mean([functional.mean([(v - 1.0) ** 2 for v in row]) for row in outputs])

    model, y = MLP(2, [3], rng=0), np.array(["a", "b", "c"])[np.digitize(Y, [-1.0, 1.0])]
    history = trained(
        y, model, loss=squares, batch_size=batch_size, engine=engine, epochs=1,
        optimizer=SGD(learning_rate=0.0), validation_data=(X[:5], y[:5]),
        callbacks=[EarlyStopping(monitor="loss")],
    )  # fmt: skip
    share = accuracy(model, X, y)
    assert 0.0 < share < 1.0
    assert history.accuracy == history.epoch_end_accuracy == [pytest.approx(share, rel=1e-12)]
    assert history.validation_accuracy == [accuracy(model, X[:5], y[:5])]
    outputs = predict(model, X, loss="mean_squared_error")
    assert history.loss == [pytest.approx(float(((outputs - 1.0) ** 2).mean()), rel=1e-12)]
    assert history.epoch_end_loss == pytest.approx(history.loss, rel=1e-12)


def test_several_questions_count_in_parts() -> None:
    y = (X > 0.0).astype(int)
    history = trained(
        y, MLP(2, [2], rng=0), loss="binary_cross_entropy_with_logits", epochs=1,
        optimizer=SGD(learning_rate=0.0), batch_size=4,
    )  # fmt: skip
    logits = predict(MLP(2, [2], rng=0), X)
    assert history.accuracy == [pytest.approx(((logits > 0.0) == y).mean(), rel=1e-12)]


# The end


class Ending:
    def __init__(self) -> None:
        self.n_ends, self.reason = 0, ""

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        pass

    def on_training_end(self, history: History, model: Module) -> None:
        self.n_ends += 1
        self.reason = history.reason


class Interrupted:
    """A training of one epoch, which can be interrupted at any line of the loop."""

    def __init__(self) -> None:
        self.ending = Ending()
        self.model = MLP(2, [1], rng=0).eval()
        self.history: History | None = None

    def __call__(self) -> None:
        self.history = fit(
            self.model, X, Y, epochs=1, engine="eager", log_every=None, callbacks=[self.ending]
        )


def test_callbacks_are_told_of_the_end_once_whenever_ctrl_c_comes() -> None:
    ends = []
    for training in interrupted_everywhere(Interrupted, "line", "training/_epochs.py"):
        assert training.ending.n_ends <= 1
        if training.history is not None:
            assert training.ending.n_ends == 1
            assert training.history.reason in ("interrupted", "completed")
            assert not training.model.training
        ends.append(training.ending.n_ends)
    assert set(ends) == {0, 1}


def test_callbacks_are_told_of_the_end_once_when_ctrl_c_comes_just_after_it() -> None:
    """At each of the last instructions of the loop, of which a line has many."""
    counting = Moments(-1, "opcode", "training/_epochs.py")
    with traced(counting):
        Interrupted()()
    ends = []
    for at in range(counting.n - 120, counting.n):
        training = Interrupted()
        with suppress(KeyboardInterrupt), traced(Moments(at, "opcode", "training/_epochs.py")):
            training()
        ends.append(training.ending.n_ends)
    assert ends == [1] * 120


class Pressing(PlateauSchedule):
    """Ctrl-C in the midst of writing down the second epoch."""

    def observe(self, epoch: int, number: float) -> None:
        if epoch == 1:
            raise KeyboardInterrupt
        super().observe(epoch, number)


class InterruptedTwice(Interrupted):
    def __call__(self) -> None:
        self.history = trained(
            model=self.model, epochs=2, engine="eager", schedule=Pressing(), batch_size=6,
            callbacks=[self.ending],
        )  # fmt: skip


def test_a_second_ctrl_c_leaves_whole_epochs_too() -> None:
    n_epochs = set()
    for training in interrupted_everywhere(InterruptedTwice, "line", "training/_epochs.py"):
        assert training.ending.n_ends <= 1
        history = training.history
        if history is not None:
            assert history.interrupted
            assert len(history.loss) == len(history.learning_rate) == len(history.seconds)
            n_epochs.add(history.n_epochs)
    assert n_epochs == {0, 1}


class InterruptedFailing(Interrupted):
    """A callback fails at the end of the epoch."""

    failed = False

    def __call__(self) -> None:
        try:
            trained(model=self.model, epochs=1, engine="eager", callbacks=[self.ending, self])
        except (OSError, KeyboardInterrupt):
            self.failed = True

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        raise OSError("the disk is full")


def test_a_training_that_fails_does_not_return_when_ctrl_c_comes() -> None:
    """Where callbacks were told that it failed."""
    told = []
    for training in interrupted_everywhere(InterruptedFailing, "line", "training/_epochs.py"):
        assert training.ending.n_ends <= 1
        told.append(training.ending.reason == "OSError: the disk is full")
        assert training.failed or not told[-1]
    assert {True, False} == set(told)


class PressingAtTheEnd(Ending):
    def on_training_end(self, history: History, model: Module) -> None:
        signal.raise_signal(signal.SIGINT)


@engines
def test_ctrl_c_at_the_end_of_a_training_that_failed_does_not_hide_why(engine: str) -> None:
    class Failing(Ending):
        def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        trained(callbacks=[Failing(), PressingAtTheEnd()], engine=engine)


def test_callbacks_are_told_of_the_end_in_their_order() -> None:
    order: list[str] = []

    class Noting(Ending):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def on_training_end(self, history: History, model: Module) -> None:
            order.append(f"{self.name} {history.engine} {model.training}")

    model = MLP(2, [1], rng=0).eval()  # the mode in which it is afterwards
    trained(model=model, callbacks=[Noting("a"), Says(9), Noting("b")], engine="compiled")
    known = [line.replace("native", "compiled") for line in order]
    assert known == ["a compiled False", "b compiled False"]


def test_a_model_that_cannot_be_trained_learns_nothing_of_the_task() -> None:
    model = MLP(2, [1], rng=0)
    for settings in (
        {"epochs": 0},
        {"schedule": 3},
        {"callbacks": [3]},
        {"optimizer": 3},
        {"l1": -1},
    ):
        with pytest.raises(InvalidArgumentError):
            trained(model=model, **settings)
        assert task_of(model) is None
    trained(model=model)
    assert task_of(model) is not None


@engines
@pytest.mark.parametrize("most_waiting", [1, 5, 10_000])
def test_right_answers_are_counted_over_the_epoch(
    engine: str, most_waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinygrad_mlp.training._measuring.MOST_WAITING", most_waiting)
    rows = np.random.default_rng(0).normal(size=(13, 2))
    labels = np.arange(13) % 3
    model = MLP(2, [3], rng=0)
    # With a rate of 0 the weights stay, so that the epoch's answers are those of one model.
    settings: dict[str, Any] = {"batch_size": 4, "learning_rate": 0.0, "epochs": 3, "rng": 0}
    history = fit(model, rows, labels, engine=engine, log_every=None, **settings)
    outputs = rows @ model.state_dict()["layers.0.weight"].T
    share = (outputs.argmax(axis=1) == labels).mean()
    assert history.accuracy == [pytest.approx(share, rel=1e-12)] * 3
