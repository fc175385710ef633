"""``fit`` with many steps in one call of the library, against a call for each step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import pytest

from tests.back_ends import as_compiled
from tests.interrupting import interrupted_everywhere
from tinygrad_mlp import functional
from tinygrad_mlp._native._library import Library
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.data import GaussianNoise
from tinygrad_mlp.debug import detect_anomaly
from tinygrad_mlp.engine import Value
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from tinygrad_mlp.training import History, fit
from tinygrad_mlp.training._epoch_memory import Batches
from tinygrad_mlp.training._progress import Progress
from tinygrad_mlp.training._rule_of_steps import OptimizerRule
from tinygrad_mlp.training._steps_in_pieces import Pieces

RNG: Final = np.random.default_rng(0)
X: Final = RNG.normal(size=(53, 4))
Y: Final = np.sin(X[:, :2])
LABELS: Final = np.array(["a", "b", "c"])[RNG.integers(0, 3, 53)]
WEIGHTS: Final = RNG.random(53)

pytestmark = pytest.mark.usefixtures("library")


class Looks:
    """A callback that does nothing: with it every epoch is a call at least."""

    only_looks = True

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
        return False


def trained(
    monkeypatch: pytest.MonkeyPatch,
    backend: str = "native",
    y: Any = LABELS,
    optimizer: Callable[[Any], Optimizer] = Adam,
    model: Any = None,
    **settings: Any,
) -> tuple[History, Module]:
    monkeypatch.setenv("TINYGRAD_MLP_BACKEND", backend)
    n_outputs = 3 if y is LABELS else 2
    net = MLP(4, [6, n_outputs], rng=0, **(model or {}))
    chosen = {"epochs": 7, "batch_size": 8, "rng": 1, "log_every": None, "progress": False}
    history = fit(
        net, X, y, optimizer=optimizer(net.parameters()), engine="compiled", **chosen | settings
    )
    return history, net


def numbers(model: Module) -> list[float]:
    return [*[p.data for p in model.parameters()], *[b.data for b in model.buffers()]]


SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "all at once": {"batch_size": None},
    "one by one": {"batch_size": 1},
    "one batch": {"batch_size": 53},
    "larger than all": {"batch_size": 100},
    "no smaller batch": {"batch_size": 53 // 1},
    "in order": {"shuffle": False},
    "numbers": {"y": Y},
    "penalties": {"l1": 0.001, "l2": 0.01},
    "penalties of numbers": {"y": Y, "l2": 0.01, "batch_size": None},
    "clipped": {"clip_norm": 0.1, "clip_value": 0.03},
    "weights": {"sample_weight": WEIGHTS},
    "weights, all at once": {"sample_weight": WEIGHTS, "batch_size": None},
    "weights and penalties": {"sample_weight": WEIGHTS, "l2": 0.01, "y": Y},
    "dropout": {"model": {"dropout": 0.3}},
    "batch norm": {"model": {"batch_norm": True}, "optimizer": lambda p: SGD(p, 0.1)},
    "both": {"model": {"batch_norm": True, "dropout": 0.2}, "optimizer": lambda p: SGD(p, 0.1)},
    "momentum": {"optimizer": lambda p: SGD(p, 0.1, momentum=0.9, nesterov=True)},
    "rmsprop": {"optimizer": lambda p: RMSprop(p, centered=True, momentum=0.5)},
    "adamw": {"optimizer": AdamW},
    "schedule": {"schedule": "cosine"},
    "validation": {"validation_data": (X[:9], LABELS[:9])},
    "validation of numbers": {"y": Y, "validation_data": (X[:9], Y[:9])},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_it_trains_as_numpy_does(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    settings = SETTINGS[name]
    known, expected = trained(monkeypatch, "numpy", **settings)
    history, model = trained(monkeypatch, **settings)
    assert (known.engine, history.engine) == ("compiled", "native")
    np.testing.assert_allclose(numbers(model), numbers(expected), rtol=1e-10, atol=1e-12)
    for column, found in history.to_dict().items():
        if isinstance(found, list) and column not in ("seconds", "advice"):
            np.testing.assert_allclose(found, getattr(known, column), rtol=1e-11)
    assert len(history.seconds) == history.n_epochs == 7


def up_to(most: int) -> Callable[..., int]:
    """Any number of steps from 1 to that, at random."""
    rng = np.random.default_rng(most)
    return lambda *_: int(rng.integers(1, most + 1))


def forms(monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> Iterator[Any]:
    """The same training in pieces of different lengths."""
    for most in (1, 12, 39):
        with monkeypatch.context() as patch:
            patch.setattr(Pieces, "most_steps", up_to(most))
            history, model = trained(monkeypatch, **settings)
            columns = history.to_dict()
            columns.pop("seconds")
            yield columns, numbers(model)


@pytest.mark.parametrize("name", SETTINGS)
def test_pieces_of_any_length_give_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    first, *others = forms(monkeypatch, SETTINGS[name])
    assert others == [first] * 2


def two_questions(**settings: Any) -> dict[str, Any]:
    y = (np.stack([X[:, 0] > 0.0, X[:, 1] > 0.3, X[:, 2] > 0.0], axis=1)).astype(float)
    return {"y": y, "loss": "binary_cross_entropy_with_logits", **settings}


def test_accuracies_of_several_questions_have_the_same_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = []
    for most in (1, 3, 200):
        monkeypatch.setattr(Pieces, "most_steps", lambda *_, most=most: most)
        net = MLP(4, [6, 3], rng=0)
        settings = two_questions(epochs=5, batch_size=8, rng=1, log_every=None)
        runs.append(fit(net, X, **settings).accuracy)
    assert runs[0] == runs[1] == runs[2]
    assert 0.0 < runs[0][-1] <= 1.0


class OverBatch:
    """A loss of a whole batch, as a function."""

    @staticmethod
    def loss(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        terms = [(o[0] - t[0]) ** 2 for o, t in zip(outputs, targets)]
        first: Value = functional.mean(terms)
        return first + 0.1 * functional.maximum(terms[0], terms[-1])


@pytest.mark.parametrize("settings", [{}, {"l2": 0.1}, {"model": {"dropout": 0.3}}], ids=str)
@pytest.mark.parametrize("batch_size", [None, 9])
def test_a_loss_over_the_batch(
    monkeypatch: pytest.MonkeyPatch, settings: Any, batch_size: int | None
) -> None:
    loss = Loss.of_function(OverBatch.loss, task="regression")
    given = {"y": Y, "loss": loss, "epochs": 3, "batch_size": batch_size, **settings}
    known, expected = trained(monkeypatch, "numpy", **given)
    history, model = trained(monkeypatch, **given)
    assert history.engine.startswith("native")
    np.testing.assert_allclose(numbers(model), numbers(expected), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(history.loss, known.loss, rtol=1e-12)
    np.testing.assert_allclose(history.penalty, known.penalty, rtol=1e-12)


def test_epochs_in_one_call_are_those_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    n_calls = []
    run = Pieces.run

    def counted(self: Pieces, *given: Any) -> Any:
        n_calls.append(given[2])
        return run(self, *given)

    monkeypatch.setattr(Pieces, "run", counted)
    monkeypatch.setattr(Pieces, "most_steps", lambda *_: 100)
    for settings in ({}, {"batch_size": None}, {"l2": 0.1}, {"sample_weight": WEIGHTS}, {"y": Y}):
        n_calls.clear()
        ahead, model = trained(monkeypatch, epochs=20, **settings)
        assert max(n_calls) > 7
        one_by_one, other = trained(monkeypatch, epochs=20, callbacks=[Looks()], **settings)
        assert numbers(model) == numbers(other)
        for column, found in ahead.to_dict().items():
            if isinstance(found, list) and column not in ("seconds", "advice"):
                assert found == getattr(one_by_one, column)[:20]


def test_what_is_printed_is_printed_when_it_is_due(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(monkeypatch, epochs=25, log_every=10)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == ["10", "20", "25"]


def test_somebody_who_looks_at_each_epoch_sees_each() -> None:
    seen = []

    class Own(Progress):
        def show(self, history: History) -> None:
            seen.append(history.n_epochs)

    fit(MLP(4, [2], rng=0), X, Y, epochs=12, progress=Own(12, None, False))
    assert seen == list(range(1, 13))


def test_a_training_that_diverges_ends_in_the_same_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    for callbacks in ([], [Looks()]):
        rng = np.random.default_rng(3)
        monkeypatch.setattr(Pieces, "most_steps", lambda *_: 500)
        history, model = trained(
            monkeypatch, y=Y, epochs=300, rng=rng, callbacks=callbacks, model={"dropout": 0.1},
            optimizer=lambda p: SGD(p, 30.0),
        )  # fmt: skip
        assert not history.completed
        assert history.n_epochs < 300
        dropout = [rng.bit_generator.state["state"] for rng in (rng,)]
        runs.append((history.loss[:-1], str(numbers(model)), history.reason, dropout))
    assert runs[0] == runs[1]


# Somebody or something that each step needs a call for


class Branching(SGD):
    def update(self, xp: Any, parameter: Any, gradient: Any, state: Any, coefficients: Any) -> Any:
        if np.max(gradient) > 1e9:
            gradient = 0.0 * gradient
        return super().update(xp, parameter, gradient, state, coefficients)


def frozen(parameters: list[Value]) -> Optimizer:
    parameters[0].requires_grad = False
    return Adam(parameters)


def grouped(parameters: list[Value]) -> Optimizer:
    return Adam([{"parameters": parameters[:5]}, {"parameters": parameters[5:]}])


BY_STEP: Final[dict[str, dict[str, Any]]] = {
    "it calls np.max": {"optimizer": lambda p: Branching(p, 0.1)},
    "some parameters are frozen": {"optimizer": frozen},
    "groups of parameters have rates of their own": {"optimizer": grouped},
    "the batches are augmented": {"augment": GaussianNoise(0.1)},
}


@pytest.mark.parametrize("reason", BY_STEP)
def test_the_history_says_why_each_step_takes_a_call(
    monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    known, expected = trained(monkeypatch, "numpy", **BY_STEP[reason])
    history, model = trained(monkeypatch, **BY_STEP[reason])
    assert history.engine.startswith(f"native (a call per step: {reason}")
    assert known.engine == "compiled"
    np.testing.assert_allclose(numbers(model), numbers(expected), rtol=1e-10, atol=1e-12)


def test_a_debugger_looks_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    with detect_anomaly():
        history, _ = trained(monkeypatch)
    assert history.engine == "native (a call per step: a debugger looks on)"


def test_what_a_callback_changes_holds_from_the_next_epoch_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Changes:
        def __init__(self, made: list[Any]) -> None:
            self.made = made

        def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
            (optimizer,) = self.made
            optimizer.momentum = 0.1 * epoch
            optimizer.learning_rate = 0.1 / epoch
            if epoch == 3:
                optimizer.parameters[0].requires_grad = False
                names.append(history.engine)
            if epoch == 5:
                optimizer.parameters[0].requires_grad = True
            return False

    names: list[str] = []
    runs = []
    for backend in ("numpy", "native"):
        made: list[Optimizer] = []

        def make(parameters: Any, made: list[Optimizer] = made) -> Optimizer:
            made.append(SGD(parameters, 0.1))
            return made[0]

        callbacks = [Changes(made)]
        _, model = trained(monkeypatch, backend, y=Y, optimizer=make, callbacks=callbacks)
        runs.append(numbers(model))
    np.testing.assert_allclose(runs[1], runs[0], rtol=1e-11, atol=1e-13)
    assert names == ["compiled", "native"]


class Scaled(SGD):
    """It reads what may change without an attribute of it being another object."""

    inside: dict[str, float]
    outside: ClassVar[list[float]] = [1.0]

    def update(self, xp: Any, parameter: Any, gradient: Any, state: Any, coefficients: Any) -> Any:
        gradient = self.inside["scale"] * self.outside[0] * gradient
        return super().update(xp, parameter, gradient, state, coefficients)


def test_what_a_rule_reads_may_change_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changes:
        def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
            made[-1].inside["scale"] = 1.0 / epoch
            Scaled.outside[0] = 0.5 if epoch > 3 else 2.0
            return False

    def make(parameters: Any) -> Optimizer:
        made.append(Scaled(parameters, 0.1))
        made[-1].inside = {"scale": 1.0}
        Scaled.outside[0] = 1.0
        return made[-1]

    made: list[Scaled] = []
    settings: Any = {"y": Y, "optimizer": make, "callbacks": [Changes()]}
    _, expected = trained(monkeypatch, "numpy", **settings)
    history, model = trained(monkeypatch, **settings)
    assert history.engine == "native"
    np.testing.assert_allclose(numbers(model), numbers(expected), rtol=1e-11, atol=1e-13)


# It ends at any time, and goes on


def test_it_goes_on_where_it_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings: Any = {"model": {"dropout": 0.2, "batch_norm": True}, "epochs": 9}
    _, expected = trained(monkeypatch, **settings)
    monkeypatch.setattr(Pieces, "most_steps", up_to(19))
    for epochs in (2, 3, 7, 9):
        history, model = trained(
            monkeypatch, **settings | {"epochs": epochs, "resume": tmp_path / "t.npz"}
        )
    assert history.n_epochs == 9
    assert numbers(model) == numbers(expected)


def test_ctrl_c_leaves_all_of_a_step_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it comes, weights, state and buffers are those after some number of steps."""
    given: Any = {"batch_size": 9, "epochs": 3, "rng": 1, "log_every": None, "progress": False}
    n_steps = 6 * 3
    states: dict[int, Any] = {}

    def made() -> tuple[Module, Optimizer]:
        net = MLP(4, [2, 2], rng=0, batch_norm=True)
        return net, SGD(net.parameters(), 0.1, momentum=0.9)

    def state(net: Module, optimizer: Optimizer) -> Any:
        return numbers(net), {n: a.tolist() for n, a in optimizer.state_dict().items()}

    class EndsError(Exception):
        pass

    for count in range(n_steps + 1):
        with monkeypatch.context() as patch:
            net, optimizer = made()
            run = Pieces.run

            def limited(self: Pieces, *args: Any, count: int = count, **more: Any) -> Any:
                if optimizer.step_count == count:  # noqa: B023
                    raise EndsError
                return run(self, *args, **more)  # noqa: B023

            patch.setattr(Pieces, "run", limited)
            patch.setattr(Pieces, "most_steps", lambda *_: 1)
            with suppress(EndsError):
                fit(net, X, Y, optimizer=optimizer, **given)
            states[count] = state(net, optimizer)

    def run_it() -> Callable[[], Any]:
        net, optimizer = made()
        monkeypatch.setattr(Pieces, "most_steps", up_to(8))

        def work() -> Any:
            return fit(net, X, Y, optimizer=optimizer, **given)

        ended[work] = net, optimizer
        return work

    seen = set()
    ended: dict[Any, tuple[Module, Optimizer]] = {}
    for work in interrupted_everywhere(run_it, "line", "training/_steps_in_pieces.py", stride=13):
        net, optimizer = ended[work]
        assert state(net, optimizer) == states[optimizer.step_count]
        seen.add(optimizer.step_count)
    assert len(seen) > 4


def test_two_trainings_at_once_are_those_one_after_the_other() -> None:
    settings: Any = {"epochs": 400, "batch_size": 8, "log_every": None, "progress": False}
    found: dict[int, list[float]] = {}

    def train(seed: int) -> None:
        net = MLP(4, [16, 3], rng=seed, dropout=0.1)
        fit(net, X, LABELS, rng=seed, **settings)
        found[seed] = numbers(net)

    threads = [threading.Thread(target=train, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = dict(found)
    found.clear()
    train(0)
    train(1)
    assert together == found


@pytest.mark.parametrize(("backend", "n_times"), [("numpy", 0), ("native", 2)])
def test_an_epoch_asks_once_whether_many_steps_can_be_one_call(
    monkeypatch: pytest.MonkeyPatch, backend: str, n_times: int
) -> None:
    """Several epochs in a call come after one in the library; NumPy is not asked at all."""
    made: list[Batches] = []
    make_ready = Pieces.make_ready

    def counted(self: Pieces, batches: Batches, by_step: str = "") -> None:
        made.append(batches)
        make_ready(self, batches, by_step)

    monkeypatch.setattr(Pieces, "make_ready", counted)
    monkeypatch.setattr(Pieces, "most_steps", lambda *_: 100)
    trained(monkeypatch, backend, batch_size=None)
    assert len(made) == n_times
    assert len(set(map(id, made))) == min(n_times, 1)


def test_other_threads_run_while_a_piece_does(monkeypatch: pytest.MonkeyPatch) -> None:
    spans: list[tuple[float, float]] = []
    run = Pieces.run

    def timed(self: Pieces, *args: Any) -> Any:
        begin = time.perf_counter()
        piece = run(self, *args)
        spans.append((begin, time.perf_counter()))
        return piece

    monkeypatch.setattr(Pieces, "run", timed)
    monkeypatch.setattr(Pieces, "most_steps", lambda *_: 50_000)
    ticks: list[float] = []
    is_over = threading.Event()

    def tick() -> None:
        while not is_over.wait(0.0005):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    for _ in range(20):  # a busy machine may leave the thread without a turn for a whole piece
        spans.clear()
        trained(monkeypatch, y=Y, batch_size=None, epochs=50_000)
        _, (begin, end) = spans  # an epoch, then all others
        middle = (begin + (end - begin) / 4, end - (end - begin) / 4)
        within = [moment for moment in ticks if middle[0] < moment < middle[1]]
        if within:
            break
    is_over.set()
    thread.join()
    assert within


# The pieces by themselves


@contextmanager
def clock(monkeypatch: pytest.MonkeyPatch, seconds_per_call: float) -> Iterator[None]:
    """A clock that moves at every second look, between the two looks of a piece."""
    looks = iter(range(10**9))
    with monkeypatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: (next(looks) + 1) // 2 * seconds_per_call)
        yield


def of_a_line(learning_rate: float = 0.01) -> Pieces:
    weights = [Value(0.5), Value(0.25)]
    program = compile(
        lambda x, y: (weights[0] * x[0] + weights[1] - y[0]) ** 2,
        weights,
        per_sample=True,
        backend="native",
    )
    return Pieces(program, OptimizerRule(SGD(weights, learning_rate)))


def test_what_is_ready_is_so_for_the_same_samples_alone() -> None:
    pieces = of_a_line(learning_rate=0.0)
    batches = [Batches((X[:, k : k + 1].copy(), Y[:, :1].copy()), 1) for k in (0, 1)]
    for k in (0, 1):
        pieces.make_ready(batches[k])
        made = pieces._made
        pieces.make_ready(batches[k])
        assert pieces._made is made
        expected = (0.5 * X[7, k] + 0.25 - Y[7, 0]) ** 2
        assert pieces.run(np.array([7]), 0, 1).losses[0] == pytest.approx(expected, rel=1e-14)
    pieces.make_ready(batches[0])
    assert pieces._made is not made


def test_what_is_given_beside_the_losses_is_that_of_the_steps_that_were_taken() -> None:
    w = Value(0.5)
    program = compile(
        lambda x, y: ((w * x[0] - y[0]) ** 2, w * x[0]),
        [w],
        per_sample=True,
        has_auxiliary=True,
        backend="native",
    )
    pieces = Pieces(program, OptimizerRule(SGD([w], 1e60)))
    pieces.make_ready(Batches((X[:, :1].copy(), Y[:, :1].copy()), 53))
    piece = pieces.run(np.tile(np.arange(53), 30), 0, 30, auxiliary=True)
    assert 0 < len(piece.losses) == len(piece.sizes) < 30  # an epoch was not finite
    assert piece.auxiliary is not None
    assert piece.auxiliary.size == piece.sizes.sum() == 53 * len(piece.losses)


def test_a_piece_takes_as_long_as_ctrl_c_may_wait(
    monkeypatch: pytest.MonkeyPatch, library: Library
) -> None:
    pieces = of_a_line()
    pieces.make_ready(Batches((X[:, :1].copy(), Y[:, :1].copy()), 1))
    assert pieces.n_steps == 53
    order = np.arange(53)
    assert pieces.most_steps(False) == 1
    with clock(monkeypatch, 1e-5):
        pieces.run(order, 0, 1)
        assert pieces.most_steps(False) == 256  # so many times as many at most
        pieces.run(order[1:], 1, 8)
        assert pieces.most_steps(False) == 2048
    with clock(monkeypatch, 0.05):
        pieces.run(order[9:], 9, 40)
        assert pieces.most_steps(False) == 20  # in half of the time
        pieces.run(order[49:], 49, 4)
        assert pieces.most_steps(False) == 2
    with clock(monkeypatch, 5.0):
        pieces.run(order, 0, 2)
        assert pieces.most_steps(False) == 1


def test_batches_of_an_epoch() -> None:
    array = np.zeros((7, 2))
    for size, expected in (
        (None, ([7], 1, 1)),
        (7, ([7], 1, 1)),
        (9, ([7], 1, 1)),
        (3, ([3, 1], 2, 3)),
        (1, ([1], 7, 7)),
    ):
        batches = Batches((array,), size)
        assert (batches.sizes, batches.n_whole, batches.n_steps) == expected


def test_an_irregular_graph_takes_a_call_per_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def tangled(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        numbers = [value for row in outputs for value in row]
        rng = np.random.default_rng(0)
        functions = (functional.tanh, functional.exp, functional.sin)
        for i in range(400):
            a, b = rng.integers(0, len(numbers), 2)
            numbers.append(functions[i % 3](0.1 * numbers[a] - 0.2 * numbers[b]))
        total: Value = functional.sum(numbers)
        return total * total

    loss = Loss.of_function(tangled, task="regression")
    given: Any = {"y": Y, "loss": loss, "epochs": 2, "batch_size": None}
    known, expected = trained(monkeypatch, "numpy", **given)
    history, model = trained(monkeypatch, "auto", **given)
    assert as_compiled(history.engine) == known.engine == "compiled"
    np.testing.assert_allclose(numbers(model), numbers(expected), rtol=1e-9, atol=1e-12)


def test_the_update_takes_numbers_below_full_precision_for_0(library: Library) -> None:
    found = {}
    for many in (True, False):
        w = Value(1.0)
        program = compile(w.__mul__, [w], per_sample=True, backend="native")
        optimizer = SGD([w], momentum=0.5)
        state = {"step_count": np.array(1), "velocity": np.array([1e-310])}
        optimizer.load_state_dict(state)
        zeros = np.zeros((4, 1))[:, 0]
        if many:
            pieces = Pieces(program, OptimizerRule(optimizer))
            pieces.make_ready(Batches((zeros,), None))
            pieces.run(None, 0, 1)
        else:
            program(zeros)
            optimizer.step_array(program.parameters, program.gradients)
        found[many] = optimizer.state_dict()["velocity"].tolist()
    assert found == {True: [0.0], False: [5e-311]}
    assert np.array([1e-310])[0] * 0.5 == 5e-311  # the thread is as before
