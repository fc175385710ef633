"""Which learning rate to begin with: steps with a rate that grows until it is too high."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import Rng, as_generator, check_integer, check_number
from tinygrad_mlp._many_numbers import write_numbers
from tinygrad_mlp._words import our_words
from tinygrad_mlp.compiler._backends.choice import Wanted
from tinygrad_mlp.data._batching import batch_indices
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import NonFiniteError
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.losses._record import BatchLoss
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.training._choosing import backend_for, make_engine
from tinygrad_mlp.training._engines import Engine, Objective
from tinygrad_mlp.training._measuring import Measuring
from tinygrad_mlp.training._outputs import undisturbed
from tinygrad_mlp.training._over_batches import check_batch_sizes
from tinygrad_mlp.training._settings import check_counts, check_strength, optimizer_for
from tinygrad_mlp.training._task import Samples, Task

__all__ = ["RateSearch", "find_learning_rate"]


@dataclass(frozen=True, eq=False)
class RateSearch:
    """What ``find_learning_rate`` saw.

    Attributes:
        rates: the learning rates, (n_steps,), growing; fewer where the loss diverged before.
        losses: what was minimized, loss and penalties, on the batch of each step before the step.
        smoothed: the same as a running mean, smoothed_k = s smoothed_(k-1) + (1 - s) losses_k, with
            s the smoothing; it begins with ``first``.
        first: loss and penalties of all samples before the first step.
        diverged: whether it ended because the loss grew too large.

    >>> rates, losses = np.array([0.01, 0.1, 1.0, 10.0]), np.array([5.0, 3.0, 1.0, 9.0])
    >>> search = RateSearch(rates, losses, smoothed=losses, first=5.0)
    >>> search.lowest, search.steepest, search.suggestion
    (1.0, 0.01, 0.1)
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    first: float
    diverged: bool = False

    @property
    def lowest(self) -> float | None:
        """The rate with the lowest smoothed loss, which is near too high; None if none fell."""
        if not self.smoothed.min() < self.first:
            return None
        return float(self.rates[self.smoothed.argmin()])

    @property
    def steepest(self) -> float | None:
        """The rate at which the smoothed loss falls fastest over the logarithm of the rate.

        It is looked for up to ``lowest``; None where there is none.
        """
        n = int(self.smoothed.argmin()) + 1
        if self.lowest is None or n < 2:
            return None
        slopes = np.gradient(self.smoothed[:n], np.log(self.rates[:n]))
        return float(self.rates[slopes.argmin()])

    @property
    def suggestion(self) -> float | None:
        """A tenth of ``lowest``: a rate to begin with; None where no loss fell."""
        return None if self.lowest is None else self.lowest / 10.0

    def __str__(self) -> str:
        course = f"{len(self.rates)} steps, rates {self.rates[0]:.2g} to {self.rates[-1]:.2g}"
        end = "the loss diverged" if self.diverged else "the loss did not diverge"
        if self.lowest is None:
            return f"{course}; {end}\nno suggestion: the loss did not fall"
        return (
            f"{course}; {end}\nthe smoothed loss is lowest at {self.lowest:.2g}; "
            f"suggestion, a tenth of that: {self.suggestion:.2g}"
        )


@our_words
def find_learning_rate(
    model: Module,
    X: ArrayLike,
    y: ArrayLike,
    *,
    batch_size: int | None = None,
    loss: str | Loss | BatchLoss | None = None,
    optimizer: str | Optimizer = "sgd",
    l1: float = 0.0,
    l2: float = 0.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    shuffle: bool = True,
    rng: Rng = None,
    engine: str = "auto",
    backend: Wanted = "auto",
    start: float = 1e-7,
    end: float = 10.0,
    n_steps: int = 100,
    smoothing: float = 0.9,
) -> RateSearch:
    """Train for some steps with a rate that grows, and see when it is too high.

    The rate of step k is start (end / start)^(k / (n_steps - 1)). It ends before that when the
    smoothed loss is above the first and four times the lowest, or a loss is not finite. Afterwards
    the model, its buffers and generators, the optimizer and ``rng`` are exactly as they were.

    Take the arguments of the training to come: ``fit`` says more about them.

    Args:
        model: the model.
        X: the features, (n_samples, n_features).
        y: the targets or labels.
        batch_size: None for all samples at once, m for mini-batches.
        loss: a name, a ``Loss``, a function of your own, or None for what suits the data.
        optimizer: a name, or an optimizer of the model's parameters; its own rate does not count.
        l1: the strength of the L1 penalty.
        l2: the strength of the L2 penalty.
        clip_norm: the largest norm of all gradients together.
        clip_value: the largest size of each gradient.
        shuffle: whether the samples come in a new random order in every epoch.
        rng: the seed, or the generator, of these orders.
        engine: what computes the steps.
        backend: what runs the recording of a step.
        start: the rate of the first step, above 0.
        end: the rate of the last step, above ``start``.
        n_steps: how many steps, at least 2.
        smoothing: how much of the running mean stays with each step, from 0 to below 1.

    Returns:
        The rates, the losses and a suggestion; ``viz.plots.learning_rate_curve`` draws them.

    Raises:
        DataError, ShapeError, UnknownNameError: as ``fit``.
        InvalidArgumentError: as ``fit``, and for a number out of its range.
        BackendError: as ``fit``.
        NonFiniteError: if the loss is nan or inf before the first step.

    Source: Smith (2017), Cyclical learning rates for training neural networks, section 3.3; the
    exponential growth, the end at four times the lowest loss and the tenth of the rate with the
    lowest loss are those of Howard and Gugger (2020), fastai: a layered API for deep learning.

    >>> from tinygrad_mlp.data import make_moons
    >>> from tinygrad_mlp.nn import MLP
    >>> X, y = make_moons(100, noise=0.1, rng=0)
    >>> print(find_learning_rate(MLP(2, [16, 1], rng=0), X, y, batch_size=20, rng=0))
    100 steps, rates 1e-07 to 10; the loss did not diverge
    the smoothed loss is lowest at 3.9; suggestion, a tenth of that: 0.39
    """
    check_counts(1, batch_size, None)
    call = "find_learning_rate(model, X, y, start=1e-7, end=10.0, n_steps=100, smoothing=0.9)"
    start = check_number(start, "start", call, above=0.0)
    end = check_number(end, "end", call, above=start)
    n_steps = check_integer(n_steps, "n_steps", call, minimum=2)
    smoothing = check_number(smoothing, "smoothing", call, at_least=0.0, below=1.0)
    clip_norm = None if clip_norm is None else check_strength("clip_norm", clip_norm, above_0=True)
    if clip_value is not None:
        clip_value = check_strength("clip_value", clip_value, above_0=True)
    strengths = check_strength("l1", l1), check_strength("l2", l2)
    task, samples = Task.for_data(model, X, y, loss)
    assert task.loss is not None
    check_batch_sizes(model, samples.X[0].tolist(), len(samples.X), batch_size)
    generator = as_generator(rng)
    runs_on = backend_for(engine, backend, "find_learning_rate(model, X, y, ")
    with _as_they_were(model, optimizer, generator):
        stepped_by = optimizer_for(model, optimizer, None)
        model.train()
        objective = Objective(task.loss, *strengths)
        steps = make_engine(engine, model, objective, stepped_by, clip_norm, clip_value, runs_on)
        rates = start * (end / start) ** (np.arange(n_steps) / (n_steps - 1))
        batches = _without_end(samples, batch_size, shuffle, generator)
        measuring = Measuring(steps, task, objective, batch_size)
        first = measuring.of_training(samples)[0] + measuring.penalty()
        course = _course(steps, stepped_by, batches, rates, smoothing, first)
    if not isfinite(first):
        raise NonFiniteError(
            "the loss is not finite before the first step, so no learning rate helps; the data may "
            "be too large: scale them, X = StandardScaler().fit(X).transform(X)"
        )
    losses, smoothed, diverged = course
    return RateSearch(rates[: len(losses)], np.array(losses), np.array(smoothed), first, diverged)


def _course(
    engine: Engine,
    optimizer: Optimizer,
    batches: Iterator[Samples],
    rates: NDArray[np.float64],
    smoothing: float,
    first: float,
) -> tuple[list[float], list[float], bool]:
    """The losses, the smoothed losses, and whether they grew too large."""
    losses: list[float] = []
    smoothed: list[float] = []
    mean = lowest = first
    for rate, batch in zip(rates.tolist(), batches):
        optimizer.learning_rate = rate
        loss = engine.step(batch.X, batch.targets) + engine.batch_penalty
        mean = smoothing * mean + (1.0 - smoothing) * loss
        if not isfinite(mean):
            return losses, smoothed, True
        losses.append(loss)
        smoothed.append(mean)
        lowest = min(lowest, mean)
        if mean > max(lowest + 3.0 * abs(lowest), first):
            return losses, smoothed, True
        engine.update()
    return losses, smoothed, False


def _without_end(
    samples: Samples, batch_size: int | None, shuffle: bool, rng: np.random.Generator
) -> Iterator[Samples]:
    """The batches of one epoch after the other."""
    while True:
        for indices in batch_indices(len(samples.X), batch_size, shuffle=shuffle, rng=rng):
            yield samples.take(indices)


@contextmanager
def _as_they_were(
    model: Module, optimizer: str | Optimizer, rng: np.random.Generator
) -> Iterator[None]:
    """Afterwards all of it is what it was, gradients too."""
    leaves = [*model.parameters(), *model.buffers()]
    if isinstance(optimizer, Optimizer):
        leaves += [p for p in optimizer.parameters if isinstance(p, Value)]
    numbers = [leaf.data for leaf in leaves]
    gradients = [leaf.grad if leaf.has_grad else None for leaf in leaves]
    attributes = dict(vars(optimizer)) if isinstance(optimizer, Optimizer) else {}
    state = rng.bit_generator.state
    try:
        with undisturbed(model):
            yield
    finally:
        rng.bit_generator.state = state
        if isinstance(optimizer, Optimizer):
            vars(optimizer).clear()
            vars(optimizer).update(attributes)
        write_numbers(leaves, numbers)
        for leaf, gradient in zip(leaves, gradients):
            if gradient is None:
                leaf.zero_grad()
            else:
                leaf.grad = gradient
