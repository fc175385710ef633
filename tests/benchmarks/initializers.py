"""What each part of the default initialization does: epochs to two spirals, and loops that diverge.

No timings: the numbers come from seeds and are the same in every run on one machine.

A tanh neuron bends where w x + b = 0. Biases of 0 put all these lines through the origin, whatever
the weights, and a network of them is slow to bend elsewhere; so the first comparison has weights of
several kinds, each with and without drawn biases. Two of its columns differ only in the radius of
the spirals: what suits inputs of one size may fail for another.

The second comparison is the training loop of the micrograd lecture with its own rate, 0.1, on sums
of squares, which only small weights survive. In a relu network the variance 2/n in all layers is
too much for it; 1/(3n) in the first one is enough. The third comparison shows what that costs deep
networks: nothing with relu, where 1/(3n) in all layers costs much, and with tanh some percent, for
the biases of the first layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.timing import markdown
from tinygrad_mlp import functional
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.data import StandardScaler, load_digits, make_spirals, train_test_split
from tinygrad_mlp.engine import Value
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.training import History, fit

__all__ = ["STARTS", "epochs_to_learn", "lecture_losses", "model_of", "report"]

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Draw = Callable[[int, int, np.random.Generator], Floats]
"""``draw(n_inputs, n_outputs, rng)``: weights (n_outputs, n_inputs), or biases (n_outputs,)."""


@dataclass(frozen=True)
class Normal:
    """N(0, gain / n), n the number of inputs."""

    gain: float = 1.0

    def __call__(self, n_inputs: int, n_outputs: int, rng: np.random.Generator) -> Floats:
        return rng.normal(0.0, sqrt(self.gain / n_inputs), (n_outputs, n_inputs))


@dataclass(frozen=True)
class Uniform:
    """U(-bound, bound); None for 1 / sqrt(n), which is PyTorch's."""

    bound: float | None = None

    def __call__(self, n_inputs: int, n_outputs: int, rng: np.random.Generator) -> Floats:
        bound = 1.0 / sqrt(n_inputs) if self.bound is None else self.bound
        return rng.uniform(-bound, bound, (n_outputs, n_inputs))


def xavier_uniform(n_inputs: int, n_outputs: int, rng: np.random.Generator) -> Floats:
    """U(-a, a), a^2 = 6 / (n_inputs + n_outputs)."""
    bound = sqrt(6.0 / (n_inputs + n_outputs))
    return rng.uniform(-bound, bound, (n_outputs, n_inputs))


@dataclass(frozen=True)
class Start:
    """Weights and biases to start from.

    Attributes:
        weights: how the weights are drawn.
        biases: how the biases are drawn (the first column counts); None for 0.
        of_output: whether the biases of the output layer are drawn too.
    """

    weights: Draw
    biases: Draw | None = None
    of_output: bool = True


DEFAULT: Final = "the default"
STARTS: Final[dict[str, Start | None]] = {
    DEFAULT: None,
    "N(0, 1/n), biases 0": Start(Normal()),
    "N(0, 1/n), biases U(±1/√n)": Start(Normal(), Uniform(), of_output=False),
    "N(0, 1/n), biases U(-1, 1)": Start(Normal(), Uniform(1.0), of_output=False),
    "N(0, 1/n), biases N(0, 1/n), of the output too": Start(Normal(), Normal()),
    "Xavier uniform, biases 0 (Keras)": Start(xavier_uniform),
    "Xavier uniform, biases N(0, 1/n)": Start(xavier_uniform, Normal(), of_output=False),
    "U(±1/√n), biases 0": Start(Uniform()),
    "U(±1/√n), biases U(±1/√n) (PyTorch)": Start(Uniform(), Uniform()),
}
"""For tanh networks; None is what ``MLP`` does by itself."""

LOOP_STARTS: Final[dict[str, Start | None]] = {
    DEFAULT: None,
    "U(-1, 1), biases too (the lecture)": Start(Uniform(1.0), Uniform(1.0)),
    "U(-1, 1), biases 0 (the package micrograd)": Start(Uniform(1.0)),
    "N(0, 2/n), biases 0": Start(Normal(2.0)),
    "U(±1/√n), biases U(±1/√n) (PyTorch)": Start(Uniform(), Uniform()),
}

DEEP_STARTS: Final[dict[str, Start | None]] = {
    DEFAULT: None,
    "N(0, 2/n), biases 0": Start(Normal(2.0)),
    "N(0, 1/n), biases 0": Start(Normal()),
    "U(±1/√n), biases U(±1/√n) (PyTorch)": Start(Uniform(), Uniform()),
}

N_SEEDS: Final = 10
MOST_EPOCHS: Final = 400


def model_of(
    start: Start | None, sizes: list[int], activation: str | list[str | None], rng: int
) -> MLP:
    """A network that begins so; with a linear output unless there are as many activations."""
    if start is None:
        return MLP(sizes[0], sizes[1:], activation, rng=rng)
    generator = np.random.default_rng(rng)
    model = MLP(sizes[0], sizes[1:], activation, init="zeros")
    state = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        state[f"layers.{i}.weight"] = start.weights(n_in, n_out, generator)
        state[f"layers.{i}.bias"] = np.zeros(n_out)
        if start.biases is not None and (start.of_output or i < len(sizes) - 2):
            state[f"layers.{i}.bias"] = start.biases(n_in, n_out, generator)[:, 0]
    model.load_state_dict(state)
    return model


@dataclass(frozen=True)
class Task:
    """Two spirals to be told apart.

    Attributes:
        radius: of the spirals.
        held_out: the share of the 500 points that is held out; None for training on all of them,
            and holding out 1001 others of the same spirals.
    """

    radius: float
    held_out: float | None

    def data(self, rng: int) -> tuple[Floats, Floats, Labels, Labels]:
        """X_train, X_test, y_train, y_test."""
        X, y = make_spirals(500, turns=1.75, rng=rng)
        if self.held_out is None:
            X_test, y_test = make_spirals(1001, turns=1.75, rng=rng + 1)
            return self.radius * X, self.radius * X_test, y, y_test
        return train_test_split(self.radius * X, y, self.held_out, rng=rng)


TASKS: Final = {
    "radius 5, 250 of 500 held out": Task(5.0, 0.5),
    "radius 5, 125 of 500 held out": Task(5.0, 0.25),
    "radius 5, others held out": Task(5.0, None),
    "radius 1, others held out": Task(1.0, None),
}


@dataclass(frozen=True)
class StopAt:
    """A callback that ends the training at an accuracy on the data that are held out."""

    accuracy: float
    only_looks = True

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
        """Whether it is reached."""
        return history.validation_accuracy[-1] >= self.accuracy


def epochs_to_learn(start: Start | None, task: Task, rng: int, most: int = MOST_EPOCHS) -> int:
    """The epochs of tanh 2-16-16-1, Adam 0.01, batches of 10, to 98 % of what is held out.

    The seed is that of the data, of the weights and of the batches. ``most + 1`` where they are not
    enough.
    """
    X, X_test, y, y_test = task.data(rng)
    model = model_of(start, [2, 16, 16, 1], "tanh", rng)
    history = fit(
        model,
        X,
        y,
        epochs=most,
        batch_size=10,
        optimizer="adam",
        learning_rate=0.01,
        validation_data=(X_test, y_test),
        rng=rng,
        log_every=None,
        progress=False,
        callbacks=[StopAt(0.98)],
    )
    return history.n_epochs if history.validation_accuracy[-1] >= 0.98 else most + 1


LECTURE_X: Final = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
LECTURE_Y: Final = [1.0, -1.0, -1.0, 1.0]
LECTURE_RATE: Final = 0.1
LECTURE_STEPS: Final = 20
N_LOOPS: Final = 300
RISEN: Final = 10.0
"""A loss so many times the first one has diverged; ``history.advice`` has the same limit."""

NETWORKS: Final[dict[str, list[str | None]]] = {
    "tanh throughout": ["tanh", "tanh", "tanh"],
    "tanh, linear output": ["tanh", "tanh", None],
    "relu, linear output": ["relu", "relu", None],
}


def lecture_losses(
    start: Start | None, activations: list[str | None], n_loops: int = N_LOOPS
) -> Floats:
    """The losses of the lecture's loop before each step and after the last, (n_loops, n_steps + 1).

    4 samples, 3-4-4-1, the sum of the squared errors, 20 steps of plain gradient descent; seeds 0,
    1, 2, ...
    """
    model = MLP(3, [4, 4, 1], activations)

    def loss(X: list[list[Value]], y: list[Value]) -> Value:
        return functional.sum([(model(x) - target) ** 2 for x, target in zip(X, y)])

    program = compile(loss, model.parameters())
    losses = np.empty((n_loops, LECTURE_STEPS + 1))
    with np.errstate(all="ignore"):  # what diverges may overflow
        for seed, of_loop in enumerate(losses):
            first = model_of(start, [3, 4, 4, 1], activations, seed)
            program.parameters[:] = [parameter.data for parameter in first.parameters()]
            for step in range(LECTURE_STEPS + 1):
                of_loop[step] = program(LECTURE_X, LECTURE_Y)
                program.parameters -= LECTURE_RATE * program.gradients
    return losses


def diverged(losses: Floats) -> int:
    """How many of the loops had a loss that rose to so many times the first one, or was no number.

    >>> diverged(np.array([[1.0, 0.5], [1.0, 11.0], [1.0, np.nan]]))
    2
    """
    return int((~(losses <= RISEN * losses[:, :1])).any(axis=1).sum())


def deep_accuracies(start: Start | None, activation: str, n_seeds: int = 3) -> list[float]:
    """Of networks with 12 hidden layers of 16 on digits that are held out, after 30 epochs."""
    digits = load_digits()
    found = []
    for seed in range(n_seeds):
        X, X_test, y, y_test = train_test_split(digits.X, digits.y, rng=seed)
        scaler = StandardScaler().fit(X)
        history = fit(
            model_of(start, [64, *[16] * 12, 10], activation, seed),
            scaler.transform(X),
            y,
            epochs=30,
            batch_size=32,
            optimizer="adam",
            learning_rate=0.005,
            validation_data=(scaler.transform(X_test), y_test),
            rng=seed,
            log_every=None,
            progress=False,
        )
        found.append(history.validation_accuracy[-1])
    return found


def report(seconds: float) -> str:
    """Three tables in Markdown; it takes some minutes, however many seconds it is given."""
    parts = [
        f"Epochs to 98 % on two spirals (median of {N_SEEDS} seeds, least to most): 250 + 250 "
        "points, 1.75 turns, no noise, tanh 2-16-16-1, Adam 0.01, batches of 10. "
        f">{MOST_EPOCHS}: not within that many.",
        markdown(["weights, biases of the hidden layers", *TASKS], list(_spiral_rows())),
        f"Loops of {N_LOOPS} that diverge (a loss above {RISEN:g} times the first): "
        f"3-4-4-1, 4 samples, sum of squares, rate {LECTURE_RATE}, {LECTURE_STEPS} steps.",
        markdown(["weights, biases", *NETWORKS], list(_loop_rows())),
        "Held-out accuracy on digits, mean of 3 seeds: 12 hidden layers of 16, Adam 0.005, "
        "30 epochs.",
        markdown(["weights, biases", "relu", "tanh"], list(_deep_rows())),
    ]
    return "\n\n".join(parts)


def _spiral_rows() -> Iterator[list[str]]:
    for name, start in STARTS.items():
        cells = []
        for task in TASKS.values():
            epochs = [epochs_to_learn(start, task, seed) for seed in range(N_SEEDS)]
            least, middle, most = (_epochs(f(epochs)) for f in (min, median, max))
            cells.append(f"{middle} ({least} to {most})")
        yield [name, *cells]


def _epochs(n: float) -> str:
    return f">{MOST_EPOCHS}" if n > MOST_EPOCHS else f"{n:.0f}"


def _loop_rows() -> Iterator[list[str]]:
    for name, start in LOOP_STARTS.items():
        yield [name, *(str(diverged(lecture_losses(start, of))) for of in NETWORKS.values())]


def _deep_rows() -> Iterator[list[str]]:
    for name, start in DEEP_STARTS.items():
        yield [name, *(f"{np.mean(deep_accuracies(start, of)):.3f}" for of in ("relu", "tanh"))]
