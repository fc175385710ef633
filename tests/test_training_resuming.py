"""A training that goes on from its file is the one that was never ended; or it is refused."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import sys
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.back_ends import as_compiled
from tests.killing import killed_from_outside
from tests.running import run_python
from tests.source_files import ROOT
from tinygrad_mlp import functional
from tinygrad_mlp.data import GaussianNoise
from tinygrad_mlp.debug import HealthMonitor
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.errors import DataError, InvalidArgumentError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.nn._module import Buffer
from tinygrad_mlp.optim import SGD, Adam, CosineSchedule, LambdaSchedule, Schedule, StepSchedule
from tinygrad_mlp.training import (
    Checkpoint,
    EarlyStopping,
    History,
    fit,
    load_model,
    load_weights,
    predict,
    read_weights,
    save_weights,
)
from tinygrad_mlp.training import _resuming as resuming
from tinygrad_mlp.training._archive import pack, unpack
from tinygrad_mlp.training._compiled import CompiledEngine

_rng = np.random.default_rng(3)
X: Final = _rng.normal(size=(14, 2))
Y: Final = np.sin(X[:, 0]) - X[:, 1]
QUIET: Final[dict[str, Any]] = {"log_every": None, "rng": 0}
engines = pytest.mark.parametrize("engine", ["eager", "compiled"])


def course(history: History) -> dict[str, Any]:
    """The history without the time it took."""
    kept = history.to_dict()
    del kept["seconds"]
    return kept


def weights(model: Module) -> dict[str, list[Any]]:
    return {name: array.tolist() for name, array in model.state_dict().items()}


def network() -> MLP:
    return MLP(2, [3, 1], "tanh", rng=0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it kills forks")
def test_a_training_that_is_killed_at_20_random_lines_ends_as_one_that_is_not(
    tmp_path: Path,
) -> None:
    outcome = json.loads(run_python("-m", "tests.killing", "--lines", tmp_path, "20", folder=ROOT))
    assert sum(outcome["killed"].values()) == 2 * 20
    assert min(outcome["killed"].values()) >= 10  # also while the file is written
    assert outcome["went on"] > 30
    assert outcome["ended"] >= 2
    assert outcome["different"] == 0


@engines
def test_so_does_one_that_is_killed_from_outside(engine: str, tmp_path: Path) -> None:
    name = "auto" if engine == "compiled" else engine
    assert killed_from_outside(tmp_path, name, n_kills=2, seed=1) == (2, True)


# What goes on


@engines
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_more_epochs_later_are_the_same_as_all_at_once(
    engine: str, optimizer: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"batch_size": 4, "optimizer": optimizer, "engine": engine, **QUIET}
    whole, parts = network(), network()
    expected = fit(whole, X, Y, epochs=9, **settings)
    file = tmp_path / "training.npz"
    for epochs in (2, 3, 9):
        history = fit(parts, X, Y, epochs=epochs, resume=file, **settings)
        assert history.completed
        assert len(history.seconds) == history.n_epochs == epochs
    assert course(history) == course(expected)
    assert weights(parts) == weights(whole)


def test_another_process_needs_no_seed_to_go_on_alike(tmp_path: Path) -> None:
    file, copied = tmp_path / "a.npz", tmp_path / "b.npz"
    settings: dict[str, Any] = {"batch_size": 4, "log_every": None}
    fit(MLP(2, [3, 1]), X, Y, epochs=2, resume=file, **settings)
    copied.write_bytes(file.read_bytes())
    models = MLP(2, [3, 1]), MLP(2, [3, 1])
    for model, path in zip(models, (file, copied)):
        fit(model, X, Y, epochs=5, resume=path, **settings)
    assert weights(models[0]) == weights(models[1])


@engines
def test_what_is_at_its_end_is_not_trained_again(engine: str, tmp_path: Path) -> None:
    def run(model: Module) -> tuple[History, EarlyStopping]:
        stopping = EarlyStopping(2)
        history = fit(
            *(model, X, Y), learning_rate=0.9, callbacks=[stopping], engine=engine,
            resume=tmp_path / "t.npz", **QUIET,
        )  # fmt: skip
        return history, stopping

    first, again = network(), MLP(2, [3, 1], "tanh", rng=99)
    history, stopping = run(first)
    assert history.stopped_early
    before = (tmp_path / "t.npz").read_bytes()
    history_again, stopping_again = run(again)
    assert history_again.to_dict() == history.to_dict()
    assert stopping_again.best_number == stopping.best_number
    assert weights(again) == weights(first)  # those of the best epoch
    assert (tmp_path / "t.npz").read_bytes() == before
    last = read_weights(tmp_path / "t.npz")
    assert last.extra == {"epoch": history.n_epochs}
    assert {name: array.tolist() for name, array in last.state.items()} != weights(first)


def test_a_loss_that_became_nan_stays_the_end(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"learning_rate": 1e200, "resume": tmp_path / "t.npz", **QUIET}
    with np.errstate(all="ignore"):
        first = fit(network(), X, Y, epochs=9, engine="eager", **settings)
        again = fit(network(), X, Y, epochs=20, engine="eager", **settings)
    assert "nan in epoch" in first.reason
    assert repr(again.to_dict()) == repr(first.to_dict())


class Interrupting:
    """Ctrl-C while the callbacks of an epoch are called."""

    armed = True

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        if epoch == 4 and self.armed:
            signal.raise_signal(signal.SIGINT)


def test_after_ctrl_c_it_goes_on_with_the_epoch_that_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(model: Module, **settings: Any) -> History:
        settings = {"callbacks": [Interrupting()], "save_every": None, **settings, **QUIET}
        return fit(model, X, Y, epochs=8, **settings)

    saved: dict[str, Any] = {"resume": tmp_path / "t.npz", "save_every": 1}
    assert run(network(), **saved).interrupted
    assert read_weights(tmp_path / "t.npz").extra == {"epoch": 3}
    monkeypatch.setattr(Interrupting, "armed", False)
    model, whole = network(), network()
    assert course(run(model, **saved)) == course(run(whole))
    assert weights(model) == weights(whole)


def test_the_line_says_from_where_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for epochs in (2, 4):
        settings: dict[str, Any] = {"resume": tmp_path / "t.npz", "rng": 0}
        fit(network(), X, Y, epochs=epochs, log_every=1, **settings)
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "going on" in line] == ["going on after epoch 2"]
    assert [line[:12] for line in said if line.startswith("epoch")] == [
        *("epoch    1  ", "epoch    2  ", "epoch    3  ", "epoch    4  ")
    ]


# How often


class Clock:
    """Each look at it takes a second, and writing the file ``cost``."""

    def __init__(self, cost: float) -> None:
        self.now, self.cost = 100.0, cost
        self.written: list[int] = []

    def perf_counter(self) -> float:
        return self.now

    def write(self, path: object, content: bytes) -> None:
        text = "".join(chr(c) for c in content if c)
        found = re.search(r'"version": 1, "epoch": (\d+)', text)
        assert found is not None
        self.written.append(int(found[1]))
        self.now += self.cost

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        self.now += 1.0

    def state_dict(self) -> None:
        """Nothing that a training goes on with."""

    def load_state_dict(self, state: object) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("every", "cost", "written"),
    [
        (None, 0.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (None, 0.1, [1, 3, 5, 7, 9, 10]),  # 19 times as long without, so a twentieth of the time
        (None, 0.25, [1, 6, 10]),
        (None, 9.0, [1, 10]),
        (1, 9.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (4, 0.0, [4, 8, 10]),
        (5, 0.0, [5, 10]),
    ],
)
def test_how_often_it_is_written(
    every: int | None,
    cost: float,
    written: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(cost)
    monkeypatch.setattr(resuming, "time", clock)
    monkeypatch.setattr(resuming, "write_whole", clock.write)
    settings: dict[str, Any] = {"resume": tmp_path / "t.npz", "save_every": every, **QUIET}
    fit(network(), X, Y, epochs=10, callbacks=[clock], **settings)
    assert clock.written == written


# The file


def test_the_file_is_one_of_weights_too(tmp_path: Path) -> None:
    model, labels = network(), np.where(Y > 0, "up", "down")
    fit(model, X, labels, epochs=3, optimizer="adam", resume=tmp_path / "t.npz", **QUIET)
    same = load_model(tmp_path / "t.npz")
    assert weights(same) == weights(model)
    assert predict(same, X).tolist() == predict(model, X).tolist()
    assert load_weights(network(), tmp_path / "t.npz") == {"epoch": 3}
    assert list(read_weights(tmp_path / "t.npz").state) == list(model.state_dict())
    with np.load(tmp_path / "t.npz", allow_pickle=False) as arrays:
        assert {"layers.0.weight", "__details__", "__training__"} < set(arrays)
        assert json.loads(str(arrays["__training__"]))["epoch"] == 3


@engines
def test_a_loaded_model_is_trained_on_as_the_one_that_was_saved(
    engine: str, tmp_path: Path
) -> None:
    model, labels = network(), np.where(Y > 0, "up", "down")
    settings: dict[str, Any] = {"batch_size": 5, "engine": engine, **QUIET}
    fit(model, X, labels, epochs=4, **settings)
    loaded = load_model(save_weights(model, tmp_path / "w.npz"))
    histories = [fit(m, X, labels, epochs=4, **settings) for m in (model, loaded)]
    assert course(histories[0]) == course(histories[1])
    assert weights(loaded) == weights(model)
    assert predict(loaded, X).tolist() == predict(model, X).tolist()


class Dropping(Module):
    """Dropout by hand, with a generator that stands in a list."""

    def __init__(self, kind: type[Any] = np.random.PCG64) -> None:
        self.inner = MLP(2, [3, 1], "tanh", rng=0)
        self.rngs = [np.random.Generator(kind(1))]
        self.n_calls = 0

    def forward(self, x: Any) -> Any:
        if self.training:
            x = [functional.where(functional.uniform(self.rngs[0]) < 0.7, xi, 0.0) for xi in x]
        return self.inner.forward(x)


@engines
def test_so_is_one_of_your_own_with_its_generators(engine: str, tmp_path: Path) -> None:
    model = Dropping()
    settings: dict[str, Any] = {"batch_size": 5, "engine": engine, **QUIET}
    fit(model, X, Y, epochs=2, **settings)
    save_weights(model, tmp_path / "w.npz")
    loaded = Dropping()
    load_weights(loaded, tmp_path / "w.npz")
    loaded.rngs = copy.deepcopy(model.rngs)
    histories = [fit(m, X, Y, epochs=4, **settings) for m in (model, loaded)]
    assert course(histories[0]) == course(histories[1])
    assert weights(loaded) == weights(model)


@pytest.mark.parametrize(
    "kind",
    [
        *(np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937),
        *(np.random.Philox, np.random.SFC64),
    ],
)
def test_every_kind_of_generator_goes_on(kind: type[Any], tmp_path: Path) -> None:
    def run(epochs: int, **settings: Any) -> list[Any]:
        model, rng = Dropping(kind), np.random.Generator(kind(2))
        fit(model, X, Y, epochs=epochs, batch_size=4, log_every=None, rng=rng, **settings)
        return [weights(model), model.rngs[0].random(), rng.random()]

    run(2, resume=tmp_path / "t.npz")
    assert run(5, resume=tmp_path / "t.npz") == run(5)


def test_another_kind_of_generator_is_refused(tmp_path: Path) -> None:
    fit(Dropping(), X, Y, epochs=1, resume=tmp_path / "t.npz", **QUIET)
    with pytest.raises(DataError, match=r"rngs\[0\] is a 'PCG64', but the generator here is a 'S"):
        fit(Dropping(np.random.SFC64), X, Y, epochs=2, resume=tmp_path / "t.npz", **QUIET)


# In what both must agree

_SETTINGS: Final[dict[str, Any]] = {"batch_size": 4, "optimizer": "adam", "learning_rate": 0.01}
DIFFERENT: Final[list[tuple[str, dict[str, Any], str]]] = [
    ("X", {"X": X + 1e-12}, r"X is \(14, 2\), digest \w{12}, there it is \(14, 2\), digest \w{12}"),
    ("y", {"y": Y[::-1]}, r"y is \(14, 1\), digest \w{12}, there it is"),
    ("less", {"X": X[:9], "y": Y[:9]}, r"X is \(9, 2\), .*; y is \(9, 1\)"),
    ("batches", {"batch_size": 5}, "batch_size is 5, there it is 4"),
    ("batch", {"batch_size": None}, "batch_size is None, there it is 4"),
    ("optimizer", {"optimizer": "rmsprop"}, r"optimizer is RMSprop\(.*, there it is Adam\("),
    ("rate", {"learning_rate": 0.02}, r"optimizer is Adam\(learning_rate=0.02,"),
    ("loss", {"loss": "mean_absolute_error"}, "loss is 'mean_absolute_error', there it is 'mean_s"),
    ("schedule", {"schedule": StepSchedule(3)}, r"schedule is StepSchedule\(step_size=3, gamma=0"),
    ("shuffle", {"shuffle": False}, "shuffle is False, there it is True"),
    ("seed", {"rng": 1}, "rng is 1, there it is 0"),
    ("generator", {"rng": np.random.default_rng(0)}, "rng is Generator, there it is 0"),
    ("l1", {"l1": 0.1}, "l1 is 0.1, there it is 0.0"),
    ("l2", {"l2": 0.1}, "l2 is 0.1, there it is 0.0"),
    ("norm", {"clip_norm": 1}, "clip_norm is 1.0, there it is None"),
    ("value", {"clip_value": 2}, "clip_value is 2.0, there it is None"),
    ("engine", {"engine": "compiled"}, "engine is 'compiled', there it is 'auto'"),
    ("stopping", {"callbacks": [EarlyStopping(3)]}, r"callbacks is \[EarlyStopping\(patience=3,"),
    ("held out", {"validation_data": (X, Y)}, r"validation X is \(14, 2\), .* there it is None"),
    ("sizes", {"model": MLP(2, [4, 1], "tanh")}, "model is MLP of .Layer of 4 tanh"),
    ("activation", {"model": MLP(2, [3, 1], "relu")}, "model is MLP of .Layer of 3 relu"),
]


@pytest.mark.parametrize(
    ("changed", "said"), [case[1:] for case in DIFFERENT], ids=[case[0] for case in DIFFERENT]
)
def test_another_training_is_refused_before_the_first_step(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "t.npz"
    given: dict[str, Any] = {"X": X, "y": Y, **QUIET, **_SETTINGS, "resume": file}
    fit(network(), epochs=2, **given)
    content, model = file.read_bytes(), changed.get("model", network())
    before = weights(model)
    with pytest.raises(InvalidArgumentError, match=f"t.npz holds another training: {said}") as info:
        fit(**{"model": model, "epochs": 5, **given, **changed})
    assert "load_weights(model, '" in str(info.value)
    assert "resume='another.npz'" in str(info.value)
    assert ("a schedule by name spans" in str(info.value)) == ("schedule" in changed)
    assert "other versions" not in str(info.value)
    assert weights(model) == before
    assert not hasattr(model, "fitted_task")
    assert file.read_bytes() == content


def test_so_is_one_by_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit(network(), X, Y, epochs=1, resume=tmp_path / "t.npz", **QUIET)
    present = np.__version__
    monkeypatch.setattr(np, "__version__", "9.8.7")
    with pytest.raises(
        InvalidArgumentError, match=rf"numpy is 9\.8\.7, there it is {present}.*; other versions"
    ):
        fit(network(), X, Y, epochs=2, resume=tmp_path / "t.npz", **QUIET)


def test_which_parameters_are_trained_belongs_to_it(tmp_path: Path) -> None:
    def run(part: slice, epochs: int) -> None:
        model = network()
        optimizer = SGD(model.parameters()[part], learning_rate=0.1)
        fit(model, X, Y, epochs=epochs, optimizer=optimizer, resume=tmp_path / "t.npz", **QUIET)

    run(slice(4), 1)
    run(slice(4), 2)
    with pytest.raises(InvalidArgumentError, match="the parameters to train is 4, digest"):
        run(slice(1, 5), 3)


def test_fewer_epochs_than_there_are_is_an_error(tmp_path: Path) -> None:
    fit(network(), X, Y, epochs=3, resume=tmp_path / "t.npz", **QUIET)
    model = network()
    with pytest.raises(InvalidArgumentError, match=r"epochs is 2, but .*t\.npz holds 3 .*epochs=3"):
        fit(model, X, Y, epochs=2, resume=tmp_path / "t.npz", **QUIET)
    assert weights(model) == weights(network())
    assert model.training


def test_a_schedule_by_name_spans_the_epochs_so_they_cannot_grow(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"resume": tmp_path / "t.npz", **QUIET}
    fit(network(), X, Y, epochs=3, schedule="cosine", **settings)
    with pytest.raises(InvalidArgumentError, match=r"n_epochs=6.*there it is .*n_epochs=3.*spans"):
        fit(network(), X, Y, epochs=6, schedule="cosine", **settings)
    model, whole = network(), network()
    history = fit(model, X, Y, epochs=6, schedule=CosineSchedule(3), **settings)
    fit(whole, X, Y, epochs=6, schedule=CosineSchedule(3), **QUIET)
    assert history.learning_rate[3:] == [0.0] * 3
    assert weights(model) == weights(whole)


def test_what_is_used_again_in_one_session_goes_on(tmp_path: Path) -> None:
    """The model, the optimizer, the schedule and the callback are those of before, as they are."""
    model, stopping = network(), EarlyStopping(9)
    optimizer, schedule = Adam(model.parameters(), learning_rate=0.05), StepSchedule(2)
    for epochs in (3, 5):
        history = fit(
            *(model, X, Y), epochs=epochs, optimizer=optimizer, schedule=schedule,
            callbacks=[stopping], resume=tmp_path / "t.npz", **QUIET,
        )  # fmt: skip
    whole = network()
    expected = fit(
        *(whole, X, Y), epochs=5, optimizer=Adam(whole.parameters(), learning_rate=0.05),
        schedule=StepSchedule(2), callbacks=[EarlyStopping(9)], **QUIET,
    )  # fmt: skip
    assert course(history) == course(expected)
    assert weights(model) == weights(whole)


class Bumping(Schedule):
    """One of your own, which remembers without a state_dict."""

    def __init__(self, inner: Schedule) -> None:
        self.inner, self.total = inner, 0.0

    def __call__(self, epoch: int) -> float:
        return self.inner(epoch) / (1.0 + self.total)

    def observe(self, epoch: int, loss: float) -> None:
        self.total += loss


@engines
def test_a_schedule_of_your_own_goes_on(engine: str, tmp_path: Path) -> None:
    def run(epochs: int, **settings: Any) -> Any:
        model, schedule = network(), Bumping(LambdaSchedule(lambda epoch: 0.9**epoch))
        settings = {"schedule": schedule, "engine": engine, **settings, **QUIET}
        return course(fit(model, X, Y, epochs=epochs, **settings)), schedule.total, schedule.epoch

    run(3, resume=tmp_path / "t.npz")
    assert run(6, resume=tmp_path / "t.npz") == run(6)


def test_a_rate_that_a_callback_sets_is_kept(tmp_path: Path) -> None:
    class Halving:
        def __init__(self, optimizer: SGD) -> None:
            self.optimizer = optimizer

        def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
            self.optimizer.learning_rate /= 2.0
            self.optimizer.momentum = 1.0 - 1.0 / (epoch + 1)

    def run(epochs: int, **settings: Any) -> Any:
        model = network()
        optimizer = SGD(model.parameters(), learning_rate=0.2)
        settings = {"callbacks": [Halving(optimizer)], "optimizer": optimizer, **settings, **QUIET}
        return course(fit(model, X, Y, epochs=epochs, **settings)), optimizer.momentum

    run(3, resume=tmp_path / "t.npz")
    assert run(6, resume=tmp_path / "t.npz") == run(6)


class Freezing:
    """Puts a part of the model into another mode, once."""

    def on_epoch_end(self, epoch: int, history: History, model: Any) -> None:
        if epoch == 2:
            model.eval()


@engines
def test_the_modes_of_the_parts_are_kept(engine: str, tmp_path: Path) -> None:
    def run(epochs: int, **settings: Any) -> Any:
        model = Dropping()
        settings = {"callbacks": [Freezing()], "engine": engine, **settings, **QUIET}
        return course(fit(model, X, Y, epochs=epochs, **settings)), weights(model), model.training

    run(3, resume=tmp_path / "t.npz")
    assert run(6, resume=tmp_path / "t.npz") == run(6)


class Thawing:
    """Freezes, lets go again, and changes the rate of a group."""

    def __init__(self, optimizer: SGD) -> None:
        self.optimizer = optimizer

    def on_epoch_end(self, epoch: int, history: History, model: Any) -> None:
        if epoch == 2:
            model.layers[0].freeze()
            self.optimizer.groups[1].factor = 0.25
        elif epoch == 5:
            model.layers[0].unfreeze()


@engines
def test_dropout_batch_norm_freezing_and_groups_go_on(engine: str, tmp_path: Path) -> None:
    def run(epochs: int, **settings: Any) -> Any:
        model = MLP(2, [4, 1], "tanh", dropout=0.2, batch_norm=True, rng=0)
        first, rest = model.layers[0].parameters(), model.layers[-1].parameters()
        groups: Any = [{"parameters": first, "learning_rate": 0.05}, {"parameters": rest}]
        optimizer = SGD(groups, learning_rate=0.1, momentum=0.5)
        settings = {"callbacks": [Thawing(optimizer)], "engine": engine, **settings, **QUIET}
        history = fit(model, X, Y, epochs=epochs, batch_size=7, optimizer=optimizer, **settings)
        frozen = [parameter.requires_grad for parameter in model.parameters()]
        return course(history), weights(model), frozen, str(optimizer.groups)

    run(3, resume=tmp_path / "t.npz")
    run(4, resume=tmp_path / "t.npz")
    assert run(7, resume=tmp_path / "t.npz") == run(7)
    first = run(4, resume=tmp_path / "u.npz")
    assert False in first[2]
    assert first[3] != run(1)[3]
    assert run(4, resume=tmp_path / "u.npz") == first


@engines
def test_weights_of_samples_and_augmentation_go_on(engine: str, tmp_path: Path) -> None:
    counts = np.arange(1.0, 15.0)

    def run(epochs: int, **settings: Any) -> Any:
        model = network()
        settings = {"sample_weight": counts, "augment": GaussianNoise(0.1), **settings, **QUIET}
        history = fit(model, X, Y, epochs=epochs, batch_size=7, engine=engine, **settings)
        return course(history), weights(model)

    run(3, resume=tmp_path / "t.npz")
    changes: list[tuple[dict[str, Any], str]] = [
        ({"sample_weight": counts[::-1]}, "y is "),
        ({"augment": GaussianNoise(0.2)}, "augment is "),
        ({"augment": None}, "augment is "),
    ]
    for changed, said in changes:
        with pytest.raises(InvalidArgumentError, match=f"another training: {said}"):
            run(6, resume=tmp_path / "t.npz", **changed)
    assert run(6, resume=tmp_path / "t.npz") == run(6)


# Which engine


class Branching(Module):
    """Cannot be recorded."""

    def __init__(self) -> None:
        self.w = Value(0.5)

    def forward(self, x: Any) -> Any:
        product = self.w * x[0]
        return product if product.data > 0.0 else 0.5 * product


def test_an_engine_that_fell_back_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fit(Branching(), X, Y, epochs=2, resume=tmp_path / "t.npz", **QUIET)
    assert first.engine.startswith("eager (not compiled: ")
    tried: list[object] = []
    monkeypatch.setattr(CompiledEngine, "step", lambda *given: tried.append(given))
    history = fit(Branching(), X, Y, epochs=4, resume=tmp_path / "t.npz", **QUIET)
    assert history.engine == first.engine
    assert tried == []
    assert history.n_epochs == 4


class Counting(Module):
    """Counts its samples, from one to the next, so that they cannot be mapped."""

    def __init__(self) -> None:
        self.w = Value(0.5)
        self.n = Buffer(1.0)

    def forward(self, x: Any) -> Any:
        if self.training:
            assign(self.n, self.n + 1.0)
        return self.w * x[0] + 1.0 / self.n


@pytest.mark.parametrize("engine", ["auto", "compiled"])
def test_whole_batches_stay_so(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"engine": engine, "batch_size": 7, **QUIET}
    first = fit(Counting(), X, Y, epochs=2, resume=tmp_path / "t.npz", **settings)
    assert as_compiled(first.engine).startswith("compiled (for whole batches: ")
    whole, model = Counting(), Counting()
    expected = fit(whole, X, Y, epochs=4, **settings)
    found_out: list[tuple[object, object]] = []
    take = CompiledEngine._take_whole_batches

    def taking(engine: CompiledEngine, reason: str) -> None:
        found_out.append((engine.program._traces, sys.exc_info()[0]))
        take(engine, reason)

    monkeypatch.setattr(CompiledEngine, "_take_whole_batches", taking)
    history = fit(model, X, Y, epochs=4, resume=tmp_path / "t.npz", **settings)
    assert found_out == [({}, None)]  # before anything was recorded, and not by an error
    assert course(history) == course(expected)
    assert weights(model) == weights(whole)


# Callbacks


class Watching:
    """Remembers in plain attributes, in an inner callback too."""

    def __init__(self, inner: Any = None) -> None:
        self.inner = [inner]
        self.losses: list[float] = []
        self.best: dict[Any, Any] = {}
        self.rng = np.random.default_rng(0)
        self.model: Any = None
        self.history: Any = None

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        self.model, self.history = model, history
        self.losses.append(history.loss[-1] * self.rng.random())
        self.best[epoch, "weights"] = np.array([p.data for p in model.parameters()])
        self.best["nothing"] = np.empty((0, 3))
        self.last = epoch
        if self.inner[0] is not None:
            self.inner[0].on_epoch_end(epoch, history, model)


def test_callbacks_remember_plain_attributes_and_those_inside(tmp_path: Path) -> None:
    def run(epochs: int, seen: list[float], **settings: Any) -> Any:
        inner = Watching()
        inner.losses = seen
        outer = Watching(inner)
        fit(network(), X, Y, epochs=epochs, callbacks=[outer], **settings, **QUIET)
        assert inner.losses is seen  # whoever holds the list has it
        best = {str(key): (array.shape, array.tolist()) for key, array in outer.best.items()}
        return outer.losses, inner.losses, best, outer.last, outer.rng.random(), inner.rng.random()

    run(3, [], resume=tmp_path / "t.npz")
    assert run(6, [], resume=tmp_path / "t.npz") == run(6, [])


@engines
def test_checkpoints_know_the_best_of_before(engine: str, tmp_path: Path) -> None:
    def run(folder: str, epochs: int, **settings: Any) -> list[str]:
        checkpoint = Checkpoint(tmp_path / folder / "{epoch}.npz", best_only=True)
        settings = {"learning_rate": 0.35, "engine": engine, **settings, **QUIET}
        fit(network(), X, Y, epochs=epochs, callbacks=[checkpoint], **settings)
        return sorted([file.name for file in (tmp_path / folder).glob("*.npz")])

    whole = run("whole", 9)
    before = run("parts", 3, resume=tmp_path / "t.npz")
    (tmp_path / "rest").mkdir()
    rest = run("rest", 9, resume=tmp_path / "t.npz")
    assert sorted([*before, *rest]) == whole
    assert 0 < len(before) < len(whole)


def test_the_health_that_was_taken_stays(tmp_path: Path) -> None:
    def run(epochs: int, **settings: Any) -> HealthMonitor:
        monitor = HealthMonitor(lambda model: model(X[0].tolist()) ** 2, every=2)
        fit(network(), X, Y, epochs=epochs, callbacks=[monitor], **settings, **QUIET)
        return monitor

    run(3, resume=tmp_path / "t.npz")
    parts, whole = run(8, resume=tmp_path / "t.npz"), run(8)
    assert parts.epochs == whole.epochs == [2, 4, 6, 8]
    assert parts.reports == whole.reports  # so the updates are those of one epoch


class Keeping:
    """Keeps something else for the next epoch."""

    def __init__(self, first: Any, then: Any = None) -> None:
        self.kept, self._then = first, then

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        if self._then is not None:
            self.kept = self._then


@pytest.mark.parametrize("kept", [set(), deque([1]), bytearray(), {"a": {1}}, OrderedDict(a=1)])
def test_what_no_file_holds_is_refused_before_the_first_step(kept: Any, tmp_path: Path) -> None:
    model = network()
    with pytest.raises(InvalidArgumentError, match=r"callbacks\[0\], a Keeping, keeps .* .kept"):
        fit(model, X, Y, callbacks=[Keeping(kept)], resume=tmp_path / "t.npz", **QUIET)
    assert weights(model) == weights(network())
    assert not (tmp_path / "t.npz").exists()


@pytest.mark.parametrize("then", [object(), [object()], MLP(1, [1])])
def test_another_object_is_refused_when_it_comes(then: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"'kept(\[0\])?', which the file of resume"):
        fit(network(), X, Y, callbacks=[Keeping([], then)], resume=tmp_path / "t.npz", **QUIET)
    callbacks = [Keeping(then), Keeping([], len), Keeping(None, MLP)]
    fit(network(), X, Y, epochs=2, callbacks=callbacks, resume=tmp_path / "t.npz", **QUIET)


class Stated:
    """Says itself what it remembers."""

    def __init__(self, state: Any) -> None:
        self.state, self.seen = state, set[int]()

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        self.seen.add(epoch)

    def state_dict(self) -> Any:
        return self.state(self.seen)

    def load_state_dict(self, state: Any) -> None:
        self.seen = set(state)


def test_a_callback_may_say_what_it_remembers(tmp_path: Path) -> None:
    for epochs in (2, 5):
        stated = Stated(sorted)
        settings: dict[str, Any] = {"resume": tmp_path / "t.npz", **QUIET}
        fit(network(), X, Y, epochs=epochs, callbacks=[stated], **settings)
    assert stated.seen == {1, 2, 3, 4, 5}
    with pytest.raises(InvalidArgumentError, match=r"state_dict\(\) of callbacks\[0\], a Stated"):
        fit(network(), X, Y, callbacks=[Stated(set)], resume=tmp_path / "u.npz", **QUIET)


class SavesAlone:
    """Has one of the two methods; the other is missing."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        self.seen.append(epoch)

    def state_dict(self) -> Any:
        raise AssertionError("never asked")


class LoadsAlone(SavesAlone):
    state_dict: Any = property()  # there is none

    def load_state_dict(self, state: Any) -> None:
        raise AssertionError("never asked")


@pytest.mark.parametrize("kind", [SavesAlone, LoadsAlone])
def test_one_of_the_two_methods_is_none(kind: type[SavesAlone], tmp_path: Path) -> None:
    for epochs in (2, 3):
        callback = kind()
        settings: dict[str, Any] = {"resume": tmp_path / "t.npz", **QUIET}
        fit(network(), X, Y, epochs=epochs, callbacks=[callback], **settings)
    assert callback.seen == [1, 2, 3]


# What is no file to go on from


def test_a_file_of_weights_alone_is_no_training(tmp_path: Path) -> None:
    save_weights(network(), tmp_path / "w.npz")
    with pytest.raises(DataError, match=r"holds weights, but no training.*load_weights\(model, "):
        fit(network(), X, Y, resume=tmp_path / "w.npz", **QUIET)
    (tmp_path / "w.npz").write_bytes(b"hello")
    with pytest.raises(DataError, match="is not a file of weights"):
        fit(network(), X, Y, resume=tmp_path / "w.npz", **QUIET)


@pytest.mark.parametrize("path", [True, 3, "", [], b"t.npz"])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"the path of a file is needed.*resume='tr"):
        fit(network(), X, Y, resume=path, **QUIET)


def test_a_path_that_cannot_be_written_is_found_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model = network()
    with pytest.raises(OSError, match=r"t\.npz"):
        fit(model, X, Y, resume=tmp_path / "file" / "t.npz", **QUIET)
    assert weights(model) == weights(network())


def test_how_often_needs_a_file_and_a_number(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"save_every=5 .*resume='training.npz', save_e"):
        fit(network(), X, Y, save_every=5, **QUIET)
    with pytest.raises(InvalidArgumentError, match="save_every is 0, but a whole number of at le"):
        fit(network(), X, Y, save_every=0, resume=tmp_path / "t.npz", **QUIET)


def test_a_checkpoint_in_the_same_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    checkpoint = Checkpoint(tmp_path / "link" / "t.npz", every=7)
    with pytest.raises(InvalidArgumentError, match=r"the same file.*t\.npz', save_every=7\)"):
        fit(network(), X, Y, callbacks=[checkpoint], resume=tmp_path / "t.npz", **QUIET)


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        state["dict"] = [pair for pair in state["dict"] if pair[0] != name]

    return change


def _with(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        state["dict"] = [[key, value if key == name else x] for key, x in state["dict"]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        *map(_without, ("optimizer", "shuffle", "model", "callbacks", "engine", "history")),
        _with("optimizer", {"dict": [["settings", {"dict": [["__class__", 1]]}]]}),
        _with("optimizer", 3),
        _with("shuffle", 3),
        _with("shuffle", {"generator": {"dict": [["bit_generator", "PCG64"]]}}),
        _with("shuffle", {"generator": {"dict": [["bit_generator", "SFC64"]]}}),
        _with("model", {"dict": [["", {"dict": [["no name", 1]]}]]}),
        _with("model", {"dict": [[".nothing", {"dict": [["name", 1]]}]]}),
        _with("callbacks", []),
        _with("callbacks", [{"dict": [["", 1]]}]),
        _with("callbacks", [None]),
        _with("history", {"dict": [["loss", {"array": "0"}]]}),
        _with("history", {"dict": [["nothing", {"array": "0"}]]}),
        _with("engine", {"pickle": "os.system"}),
    ],
)
def test_a_changed_state_is_refused_and_the_model_as_it_was(
    change: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    file = tmp_path / "t.npz"
    settings: dict[str, Any] = {"optimizer": "adam", "resume": file, **QUIET}
    fit(network(), X, Y, epochs=2, callbacks=[EarlyStopping()], **settings)
    with file.open("rb") as stream:
        arrays = unpack(stream)
    content = json.loads(str(arrays["__training__"]))
    change(content["state"])
    file.write_bytes(pack({**arrays, "__training__": np.array(json.dumps(content))}))
    model = network()
    model.eval()
    with pytest.raises(DataError, match=r"t\.npz: .*; the file is damaged, was changed, or"):
        fit(model, X, Y, epochs=4, callbacks=[EarlyStopping()], **settings)
    assert weights(model) == weights(network())
    assert not model.training


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting property name"),
        ("[]", "an object with the keys"),
        ("[" * 100_000, "recursion"),
        ('{"version": 2}', "its version is 2, but 1 is read here"),
        ('{"version": 1, "epoch": 0, "agreement": {}, "state": {}}', "epoch is 0, but"),
        ('{"version": 1, "epoch": 1, "agreement": {}}', "has no 'state'"),
    ],
)
def test_so_is_a_changed_text(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "t.npz"
    fit(network(), X, Y, epochs=1, resume=file, **QUIET)
    with file.open("rb") as stream:
        arrays = unpack(stream)
    file.write_bytes(pack({**arrays, "__training__": np.array(text)}))
    with pytest.raises(DataError, match=f"{said}.*; the file is damaged"):
        fit(network(), X, Y, epochs=2, resume=file, **QUIET)
