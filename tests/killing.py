"""A training that is killed at random moments and run again, until it is through.

``python -m tests.killing FOLDER [KILLS]`` kills real processes from outside, at random times, and
compares what they come to in the end with a training that nobody killed. The tests kill forks of
one process, at random lines of the training or of the writing of files.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.interrupting import Moments, traced
from tests.source_files import ROOT
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.functional import uniform, where
from tinygrad_mlp.nn import Layer, Module
from tinygrad_mlp.nn._module import Buffer
from tinygrad_mlp.optim import SGD, Adam, ExponentialSchedule, PlateauSchedule, WarmupSchedule
from tinygrad_mlp.training import EarlyStopping, History, fit

ENGINES: Final = ("eager", "auto")
WITHIN: Final = ("training/", "_files.py", "optim/")
"""Where a process is killed: between two lines of these."""
LONG: Final = {"eager": 200, "auto": 15}
"""Epochs that take some tenths of a second, so that a process is killed within them."""

_rng = np.random.default_rng(8)
X: Final = _rng.normal(size=(11, 2))
Y: Final = (X[:, 0] * X[:, 1] > 0.0).astype(int)
HELD_OUT: Final = (X[:4] + 0.1, Y[:4])


class Dropping(Module):
    """Dropout by hand with two generators, a running mean, and a number that a callback changes."""

    def __init__(self) -> None:
        self.hidden = Layer(2, 3, "tanh", rng=1)
        self.out = Layer(3, 1, None, rng=2)
        self.rngs = {"hidden": np.random.Generator(np.random.MT19937(3)), "": None}
        self.parts = [np.random.Generator(np.random.Philox(4)), Value(1.5)]
        self.mean = Buffer(0.0)
        self.scale = 1.0

    def forward(self, x: Any) -> Any:
        hidden = self.hidden.forward(x)
        if self.training:
            first, second = self.rngs["hidden"], self.parts[0]
            assert first is not None
            assert isinstance(second, np.random.Generator)
            assign(self.mean, 0.9 * self.mean + 0.1 * hidden[0])
            hidden = [
                where(uniform(first) < 0.8, h * self.scale, 0.0) + 0.01 * uniform(second)
                for h in hidden
            ]
        return self.out.forward([h - 0.1 * self.mean for h in hidden])


class Annealing:
    """Changes a number of the model by a number that it draws, and remembers what it did."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.rng = np.random.default_rng(5)
        self.done: list[tuple[int, float]] = []
        self.largest: dict[str, Any] = {"loss": np.array([-np.inf])}

    def on_epoch_end(self, epoch: int, history: History, model: Any) -> None:
        model.scale *= self.rate + 0.01 * self.rng.random()
        self.done.append((epoch, model.scale))
        self.largest["loss"] = np.maximum(self.largest["loss"], history.loss[-1])


def train(engine: str, file: Path | None, epochs: int = 8) -> str:
    """Train, and say in text what came of it, to the last bit."""
    model, stopping, annealing = Dropping(), EarlyStopping(4), Annealing(0.97)
    optimizer: Any = Adam(model.parameters(), learning_rate=0.05)
    plateau = PlateauSchedule(factor=0.5, patience=0, threshold=0.05)
    schedule: Any = WarmupSchedule(2, then=plateau)
    if engine == "auto":
        optimizer = SGD(model.parameters(), learning_rate=0.2, momentum=0.9)
        schedule = ExponentialSchedule(0.9)
    history = fit(
        *(model, X, Y),
        epochs=epochs,
        batch_size=4,
        optimizer=optimizer,
        schedule=schedule,
        l2=0.001,
        clip_norm=2.0,
        validation_data=HELD_OUT,
        callbacks=[stopping, annealing],
        engine=engine,
        rng=np.random.default_rng(6),
        log_every=None,
        resume=file,
        save_every=None if file is None else 1,
    )
    kept = history.to_dict()
    del kept["seconds"]
    return repr(
        [
            _bits(model.state_dict()),
            _bits(optimizer.state_dict()),
            _bits(schedule.state_dict()),
            (optimizer.learning_rate.hex(), schedule.epoch, plateau.current_factor),
            [_state(rng) for rng in (model.rngs["hidden"], model.parts[0], annealing.rng)],
            (model.scale.hex(), annealing.done, annealing.largest),
            (stopping.best_epoch, stopping.best_number.hex()),
            kept,
        ]
    )


def _bits(arrays: dict[str, Any]) -> dict[str, str]:
    return {name: np.asarray(array).tobytes().hex() for name, array in arrays.items()}


def _state(rng: Any) -> str:
    return repr({key: str(part) for key, part in rng.bit_generator.state.items()})


# Forks of this process, killed at a line


def in_a_fork(work: Callable[[], None]) -> int:
    """Run it in a fork; the number of the signal that ended it, 0 for none."""
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(BaseException):
            work()
            status = 0
        os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0 or os.WIFSIGNALED(status), "the training failed"
    return os.WTERMSIG(status)


def killed_everywhere(folder: Path, n_kills: int, seed: int) -> dict[str, Any]:
    """What trainings come to, with every engine, of which ``n_kills`` processes are killed.

    The next process goes on, and is killed within its first epochs, until one gets to the end.
    """
    rng = np.random.default_rng(seed)
    outcome: dict[str, Any] = {"killed": {}, "went on": 0, "ended": 0, "different": 0}
    for engine in ENGINES:
        whole = train(engine, None)
        file, result = folder / f"{engine}.npz", folder / f"{engine}.txt"
        n_lines = {}
        for within in WITHIN:
            counting = Moments(-1, "line", within)
            with traced(counting):
                train(engine, file, epochs=2)
            n_lines[within] = counting.n
            file.unlink()
        left = n_kills
        while left or file.exists():
            within = WITHIN[left % len(WITHIN)]
            at = int(rng.integers(n_lines[within])) if left else -1
            outcome["went on"] += file.exists()
            if in_a_fork(_killed(engine, file, result, at, within)) == signal.SIGKILL:
                left -= 1
                outcome["killed"][within] = outcome["killed"].get(within, 0) + 1
            else:
                outcome["ended"] += 1
                outcome["different"] += result.read_text(encoding="utf-8") != whole
                file.unlink()
    return outcome


def _killed(engine: str, file: Path, result: Path, at: int, within: str) -> Callable[[], None]:
    def work() -> None:
        with traced(Moments(at, "line", within, signal.SIGKILL)) if at >= 0 else nullcontext():
            text = train(engine, file)
        _write(result, text)

    return work


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


# Processes of their own, killed at a time


def killed_from_outside(folder: Path, engine: str, n_kills: int, seed: int) -> tuple[int, bool]:
    """How many processes were killed, and whether what they came to is the same in the end."""
    rng = np.random.default_rng(seed)
    file, result = folder / f"{engine}.npz", folder / f"{engine}.txt"
    epochs = LONG[engine]
    n_killed, is_through = 0, False
    while not is_through:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.killing", "--train", engine, file, str(epochs), result],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()  # it is about to train
        if n_killed < n_kills:
            time.sleep(rng.uniform(0.0, 0.1))
            process.kill()
        status = process.wait()
        process.stdout.close()
        assert status in {0, -signal.SIGKILL}, "the training failed"
        n_killed += status != 0
        is_through = status == 0 and n_killed == n_kills
        if status == 0 and not is_through:
            file.unlink()  # it was faster than this process: from the start again
    return n_killed, result.read_text(encoding="utf-8") == train(engine, None, epochs)


def main(arguments: list[str]) -> None:
    """Train one, or kill many."""
    if arguments[0] == "--train":
        print("ready", flush=True)
        engine, file, epochs, result = arguments[1:]
        _write(Path(result), train(engine, Path(file), int(epochs)))
    elif arguments[0] == "--lines":
        folder, n_kills = arguments[1:]
        print(json.dumps(killed_everywhere(Path(folder), int(n_kills), seed=0)))
    else:
        folder, n_kills = [*arguments, "20"][:2]
        for engine in ENGINES:
            n_killed, is_same = killed_from_outside(Path(folder), engine, int(n_kills), seed=0)
            print(f"{engine}: killed {n_killed} times; the same to the last bit: {is_same}")


if __name__ == "__main__":
    main(sys.argv[1:])
