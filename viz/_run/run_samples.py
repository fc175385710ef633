"""The samples of a run: made, read or painted; which are held out; what the network sees."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._text import visible
from tinygrad_mlp.data import (
    StandardScaler,
    load_dataset,
    make_blobs,
    make_circles,
    make_moons,
    make_spirals,
    split_indices,
)
from tinygrad_mlp.data._csv_file import read_what_fits
from tinygrad_mlp.data._problems import Problems
from tinygrad_mlp.data._table import Table, table_of
from tinygrad_mlp.errors import DataError, InvalidArgumentError
from viz._run.run_choices import DATA, FEATURES, GIVEN
from viz._run.run_settings import OwnTable, RunSettings

__all__ = ["TURNS", "XOR_CENTERS", "RunSamples", "samples_for", "split_of"]

Floats = NDArray[np.float64]

TURNS: Final = 1.5
"""How often an arm of the spirals goes round."""

MOST_COLUMNS: Final = 1000
"""Of a person's own table."""

XOR_CENTERS: Final = [[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]]
"""The first two are of class 0."""


@dataclass(frozen=True, eq=False)
class RunSamples:
    """Samples with what is known of them.

    Attributes:
        X: the columns as they are, (n_samples, n_columns), the painted points last.
        y: the class numbers, or the numbers of a regression, (n_samples,) or (n_samples, k).
        train, held_out: the places of those to learn from and of those that are measured only.
        names: what the columns are called.
        classes: what the classes are called; () for a regression.
        targets_named: what is predicted: the class, or the numbers.
        features: the names of what the network sees of the columns; () for the columns themselves.
        scaler: brings the features to mean 0 and standard deviation 1; None for as they are.
        target_scaler: does so with the numbers of a regression.
        image: the height and width of the picture that the columns are; None for no picture.
        of_model: the kind and the head, where a person's own model and its loss say them.

    >>> samples = samples_for(RunSettings("moons", features=("x1", "x2", "x1*x2")))
    >>> samples.kind, samples.n_inputs, samples.inputs(samples.X).shape
    ('binary', 3, (500, 3))
    """

    X: Floats
    y: NDArray[Any]
    train: NDArray[np.intp]
    held_out: NDArray[np.intp]
    names: tuple[str, ...]
    classes: tuple[str, ...]
    targets_named: tuple[str, ...] = ("class",)
    features: tuple[str, ...] = ()
    scaler: StandardScaler | None = None
    target_scaler: StandardScaler | None = None
    image: tuple[int, int] | None = None
    of_model: tuple[str, str] | None = None

    @property
    def is_plane(self) -> bool:
        """Whether there are two columns."""
        return int(self.X.shape[1]) == 2

    @property
    def n_inputs(self) -> int:
        """How many numbers the network sees of a sample."""
        return len(self.features) or self.X.shape[1]

    @property
    def n_outputs(self) -> int:
        """How many outputs a network for these has: one for two classes, or for a number."""
        if self.y.ndim == 2:
            return int(self.y.shape[1])
        return len(self.classes) if self.kind == "classification" else 1

    @property
    def kind(self) -> str:
        """What is learned: "binary", "classification", "multilabel" or "regression"."""
        if self.of_model is not None:
            return self.of_model[0]
        if not self.classes:
            return "regression"
        if self.y.ndim == 2:
            return "multilabel"
        return "binary" if len(self.classes) == 2 else "classification"

    @property
    def head(self) -> str:
        """What makes probabilities of the outputs."""
        if self.of_model is not None:
            return self.of_model[1]
        heads = {"regression": "identity", "classification": "softmax"}
        return heads.get(self.kind, "sigmoid")

    def inputs(self, X: Floats) -> Floats:
        """What the network sees of rows of columns."""
        seen = features_of(X, self.features)
        return seen if self.scaler is None else self.scaler.transform(seen)

    def targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """What the loss compares with, before it is encoded."""
        if self.target_scaler is None:
            return y
        return self.target_scaler.transform(y.reshape(len(y), -1))


def features_of(X: Floats, names: tuple[str, ...]) -> Floats:
    """The features of those names, side by side; the columns where there are no names.

    >>> features_of(np.array([[2.0, 3.0]]), ("x1", "x1*x2")).tolist()
    [[2.0, 6.0]]
    """
    if not names:
        return X
    # The text that an exported program has is what is computed here, so that both do the same.
    return np.column_stack([eval(_CODE[name], {"np": np, "X": X}) for name in names])


_CODE: Final = {name: compile(code, name, "eval") for name, code in FEATURES.items()}


def samples_for(settings: RunSettings, start: RunSamples | None = None) -> RunSamples:
    """The samples that the settings ask for.

    Args:
        settings: the settings.
        start: those with which the run began, whose scales stay; None at the beginning.

    Raises:
        DataError: for a table that cannot be used.
        InvalidArgumentError: for features or painted points where there are not two columns.

    >>> samples = samples_for(RunSettings("iris"))
    >>> len(samples.train), len(samples.held_out), samples.classes[0], samples.head
    (112, 38, 'setosa', 'softmax')
    """
    if settings.data == GIVEN:
        if start is None:
            raise InvalidArgumentError(
                "the data are those of a person's own model, which only play(model, X, y) has"
            )
        _check_columns(settings, start)
        return start
    samples = _given(settings)
    if not samples.is_plane and (settings.features or settings.painted):
        what = "features" if settings.features else "painted points"
        raise InvalidArgumentError(
            f"{what} need data of two columns, but these have {samples.X.shape[1]}; choose "
            "data='moons', or leave them out"
        )
    _check_columns(settings, samples)
    samples = _with_painted(samples, settings)
    if start is not None:
        return replace(
            samples,
            features=start.features,
            scaler=start.scaler,
            target_scaler=start.target_scaler,
        )
    samples = replace(samples, features=settings.features)
    if settings.standardize:
        seen = features_of(samples.X[samples.train], samples.features)
        samples = replace(samples, scaler=StandardScaler().fit(seen))
    if not samples.classes:
        numbers = samples.y[samples.train].reshape(-1, 1)
        samples = replace(samples, target_scaler=StandardScaler().fit(numbers))
    return samples


def _check_columns(settings: RunSettings, samples: RunSamples) -> None:
    n_columns = samples.X.shape[1]
    if max(settings.columns) >= max(n_columns, 2):  # of one column it is shown alone
        raise InvalidArgumentError(
            f"columns={settings.columns}, but there are the columns 0 to {n_columns - 1}"
        )


def _given(settings: RunSettings) -> RunSamples:
    """The samples without the painted ones."""
    names: tuple[str, ...] = ("x1", "x2")
    classes: tuple[str, ...] = ()
    targets_named: tuple[str, ...] = ("class",)
    image = None
    if settings.table is not None:
        table = _read(settings.table)
        targets_named = (table.target,)
        X, y, names, classes = table.X, table.y, table.feature_names, table.target_names
    elif DATA[settings.data] is None:
        dataset = load_dataset(settings.data)
        X, y, names, classes = dataset.X, dataset.y, dataset.feature_names, dataset.target_names
        image = (8, 8) if settings.data == "digits" else None
    else:
        X, y = _made(settings)
        classes = tuple(f"class {k}" for k in range(int(y.max()) + 1))
    train, held_out = split_of(y, settings)
    return RunSamples(X, y, train, held_out, names, classes, targets_named, image=image)


def split_of(y: NDArray[Any], settings: RunSettings) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The places of those to learn from, and of those that are held out.

    Raises:
        InvalidArgumentError: where one of the two would be empty.

    >>> [len(part) for part in split_of(np.arange(8) % 2, RunSettings(held_out=0.5))]
    [4, 4]
    """
    if not settings.held_out:
        return np.arange(len(y)), np.arange(0)
    try:
        return split_indices(y, settings.held_out, rng=settings.data_seed)
    except InvalidArgumentError:
        raise InvalidArgumentError(
            f"held_out is {settings.held_out:g}, which leaves none of the {len(y)} samples to "
            "learn from, or none to measure; take more samples, or held_out=0"
        ) from None


def _made(settings: RunSettings) -> tuple[Floats, NDArray[np.int64]]:
    assert settings.noise is not None
    n, noise, seed = settings.n_samples, settings.noise, settings.data_seed
    if settings.data == "moons":
        return make_moons(n, noise, seed)
    if settings.data == "circles":
        return make_circles(n, noise, seed)
    if settings.data == "spirals":
        return make_spirals(n, noise, seed, turns=TURNS)
    if settings.data == "blobs":
        return make_blobs(n, noise, seed)
    X, y = make_blobs(n, noise, seed, centers=XOR_CENTERS)
    return X, y // 2


@lru_cache(maxsize=1)  # it is asked for again at each new start
def _read(table: OwnTable) -> Table:
    """A person's own table; nothing is written."""
    path = Path(table.name.replace("\\", "/").rpartition("/")[2] or "table.csv")
    problems = Problems(str(path))
    file = read_what_fits(path, problems, table.text.encode())
    if len(file.header) > MOST_COLUMNS:
        raise DataError(
            f"{path} has {len(file.header):,} columns, but {MOST_COLUMNS:,} is the most for a "
            "page; leave columns out"
        )
    target = _target(table, file.header)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of spellings, which nobody would see
        return table_of(file, target, problems=problems)


def _target(table: OwnTable, header: list[str]) -> str:
    """The column to be predicted: the last one, or the one that a page named as it shows it."""
    if table.target is None:
        return header[-1]
    shown_so = [name for name in header if visible(name) == table.target]
    is_known = table.target in header or len(shown_so) != 1
    return table.target if is_known else shown_so[0]


def _with_painted(samples: RunSamples, settings: RunSettings) -> RunSamples:
    if not settings.painted:
        return samples
    points = np.array(settings.painted)
    labels = points[:, 2]
    n_classes = len(samples.classes)
    if n_classes:
        wrong = (labels != np.floor(labels)) | (labels < 0) | (labels >= n_classes)
        if wrong.any():
            raise InvalidArgumentError(
                f"a painted point has the class {labels[wrong][0]:g}, but the classes are 0 to "
                f"{n_classes - 1}"
            )
    n = len(samples.y)
    return replace(
        samples,
        X=np.concatenate([samples.X, points[:, :2]]),
        y=np.concatenate([samples.y, labels.astype(samples.y.dtype)]),
        train=np.concatenate([samples.train, np.arange(n, n + len(points))]),
    )
