"""The 8 x 8 digits, a stratified quarter held out: ours, PyTorch's, and a support-vector machine.

The recipe is the one of a course: 64-128-64-10, relu, batch norm, dropout .2, 60 epochs, the same
layers and the same settings for ours and for PyTorch. The settings were chosen by
``python -m tests.benchmarks.digits``, which trains both on four fifths of the other three quarters
and looks at the last fifth alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from statistics import fmean
from time import process_time
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import data
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.optim import Adam
from tinygrad_mlp.training import accuracy, fit

__all__ = ["report"]

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
SEEDS: Final = range(5)
EPOCHS: Final = 60
HIDDEN: Final = (128, 64)


class Settings(NamedTuple):
    """What was chosen by a validation part."""

    learning_rate: float
    batch_size: int
    dropout: float = 0.2
    batch_norm: bool = True


class Split(NamedTuple):
    """Samples to train with, and those to be asked."""

    X: Floats
    y: Labels
    X_held: Floats
    y_held: Labels


CHOSEN: Final = Settings(learning_rate=0.003, batch_size=128)
GRID: Final = [Settings(rate, size) for rate in (0.003, 0.01) for size in (32, 64, 128)]


MOVED_AND_TURNED: Final = [data.RandomTranslation(1), data.RandomRotation(10.0)]


def held_out(seed: int) -> Split:
    """Three quarters and one quarter, numbers from 0 to 1."""
    digits = data.load_digits()
    X, X_held, y, y_held = data.train_test_split(
        digits.X / 16.0, digits.y, test_size=0.25, stratify=digits.y, rng=seed
    )
    return Split(X, y, X_held, y_held)


def validation(seed: int) -> Split:
    """Of the three quarters, four fifths and one fifth."""
    train = held_out(seed)
    X, X_held, y, y_held = data.train_test_split(
        train.X, train.y, test_size=0.2, stratify=train.y, rng=seed
    )
    return Split(X, y, X_held, y_held)


def ours(split: Split, seed: int, settings: Settings, **more: Any) -> float:
    """The accuracy of our own network."""
    model = MLP(
        64,
        [*HIDDEN, 10],
        activation="relu",
        dropout=settings.dropout,
        batch_norm=settings.batch_norm,
        rng=seed,
    )
    fit(
        model,
        split.X,
        split.y,
        optimizer=Adam(learning_rate=settings.learning_rate),
        epochs=EPOCHS,
        batch_size=settings.batch_size,
        rng=seed,
        progress=False,
        log_every=None,
        **more,
    )
    return accuracy(model, split.X_held, split.y_held)


def torchs(split: Split, seed: int, settings: Settings) -> float:
    """The accuracy of the same network in PyTorch, float32, as its tutorials have it."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    layers: list[torch.nn.Module] = []
    for n_inputs, n_outputs in zip((64, *HIDDEN), HIDDEN):
        layers.append(torch.nn.Linear(n_inputs, n_outputs))
        if settings.batch_norm:
            layers.append(torch.nn.BatchNorm1d(n_outputs))
        layers += [torch.nn.ReLU(), torch.nn.Dropout(settings.dropout)]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(HIDDEN[-1], 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    X, y = torch.tensor(split.X, dtype=torch.float32), torch.tensor(split.y)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(X)).split(settings.batch_size):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(X[batch]), y[batch]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        answers = model(torch.tensor(split.X_held, dtype=torch.float32)).argmax(1).numpy()
    return float((answers == split.y_held).mean())


def support_vectors(split: Split, seed: int) -> float:
    """The accuracy of scikit-learn's support-vector machine with its default kernel."""
    from sklearn.svm import SVC

    return float(SVC(C=10.0).fit(split.X, split.y).score(split.X_held, split.y_held))


def measured(run: Callable[[Split, int], float]) -> Iterator[tuple[float, float]]:
    """For each seed the accuracy in percent, and the seconds of the processor."""
    for seed in SEEDS:
        split = held_out(seed)
        start = process_time()
        yield 100.0 * run(split, seed), process_time() - start


def report(seconds: float) -> str:
    """The table; ``seconds`` plays no part, as whole trainings are compared."""
    contestants: dict[str, Callable[[Split, int], float]] = {
        "ours": lambda split, seed: ours(split, seed, CHOSEN),
        "ours, pictures moved and turned": lambda split, seed: ours(
            split, seed, CHOSEN, augment=MOVED_AND_TURNED
        ),
        "ours, with noise": lambda split, seed: ours(
            split, seed, CHOSEN, augment=data.GaussianNoise(0.1)
        ),
        "PyTorch (float32, fused Adam)": lambda split, seed: torchs(split, seed, CHOSEN),
        "ours, without batch norm and dropout": lambda split, seed: ours(
            split, seed, Settings(0.003, 64, 0.0, batch_norm=False)
        ),
        "support-vector machine, RBF": support_vectors,
    }
    lines = [
        f"64-{'-'.join(map(str, HIDDEN))}-10, relu, batch norm, dropout {CHOSEN.dropout}, "
        f"{EPOCHS} epochs of batches of {CHOSEN.batch_size}, Adam at {CHOSEN.learning_rate}; "
        f"means over the seeds 0 to {SEEDS[-1]}.\n",
        "| | accuracy held out | seed by seed | seconds of the processor |",
        "|---|--:|---|--:|",
    ]
    for name, run in contestants.items():
        found = list(measured(run))
        each = ", ".join(f"{percent:.1f}" for percent, _ in found)
        mean, time = fmean(p for p, _ in found), fmean(s for _, s in found)
        lines.append(f"| {name} | {mean:.2f} % | {each} | {time:.2f} |")
    return "\n".join(lines)


def choose() -> None:
    """Print what each setting of the grid reaches on the validation part."""
    for settings in GRID:
        splits = [(validation(seed), seed) for seed in SEEDS]
        our_mean = fmean(ours(split, seed, settings) for split, seed in splits)
        their_mean = fmean(torchs(split, seed, settings) for split, seed in splits)
        print(f"{settings}: ours {100 * our_mean:.2f} %, PyTorch {100 * their_mean:.2f} %")


if __name__ == "__main__":
    warnings.simplefilter("error")
    choose()
