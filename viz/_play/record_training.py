"""A training as a page that plays it again, without a server: ``record``.

``fit`` trains; what it is given beside the data goes to it as it is. A callback keeps the weights.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from math import ceil, isfinite
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import Rng, check_integer
from tinygrad_mlp._files import write_whole
from tinygrad_mlp._many_numbers import read_numbers, write_numbers
from tinygrad_mlp._text import described
from tinygrad_mlp.data import Augmentation
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.losses._record import BatchLoss
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.optim import SGD, Optimizer, Schedule
from tinygrad_mlp.training import Callback, EagerEngine, History, fit
from tinygrad_mlp.training._engines import Objective
from tinygrad_mlp.training._measuring import Measuring
from tinygrad_mlp.training._task import Samples, Task
from tinygrad_mlp.training._weighting import ClassWeight, weighted
from viz._play.activation_scripts import activation_scripts
from viz._play.play_page import play_page
from viz._play.record_frames import default_frames, kept_epochs, packed_weights
from viz._play.record_scene import column_names, output_names, recorded_scene, shown_columns
from viz._replay.framed import Page
from viz._run.network_places import activations_of
from viz._run.page_words import advice_for_a_recording
from viz._scene.render import format_of

__all__ = ["record"]

CALL: Final = "viz.record(model, X, y, 'training.html', epochs=600)"

MOST_NUMBERS: Final = 4_000_000
"""More numbers make a page that no browser opens with pleasure: 16 MB before they are packed."""


class _FitOptions(TypedDict, total=False):
    """What goes to ``fit`` as it is, for type checkers."""

    batch_size: int | None
    loss: str | Loss | BatchLoss | None
    optimizer: str | Optimizer
    learning_rate: float | None
    schedule: str | Schedule | None
    l1: float
    l2: float
    clip_norm: float | None
    clip_value: float | None
    sample_weight: ArrayLike | None
    class_weight: ClassWeight | None
    augment: Augmentation | Sequence[Augmentation] | None
    validation_data: tuple[ArrayLike, ...] | None
    shuffle: bool
    rng: Rng
    log_every: int | None
    callbacks: Iterable[Callback]
    engine: str
    backend: Any


@overload
def record(
    model: Module,
    X: ArrayLike,
    y: ArrayLike,
    path: None = None,
    *,
    epochs: int = 600,
    frames: int | None = None,
    title: str = "Training",
    names: Sequence[str] | None = None,
    columns: tuple[int, int] | None = None,
    image: tuple[int, int] | None = None,
    **options: Unpack[_FitOptions],
) -> Page: ...


@overload
def record(
    model: Module,
    X: ArrayLike,
    y: ArrayLike,
    path: str | os.PathLike[str],
    *,
    epochs: int = 600,
    frames: int | None = None,
    title: str = "Training",
    names: Sequence[str] | None = None,
    columns: tuple[int, int] | None = None,
    image: tuple[int, int] | None = None,
    **options: Unpack[_FitOptions],
) -> Path: ...


def record(
    model: Module,
    X: ArrayLike,
    y: ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    epochs: int = 600,
    frames: int | None = None,
    title: str = "Training",
    names: Sequence[str] | None = None,
    columns: tuple[int, int] | None = None,
    image: tuple[int, int] | None = None,
    **options: Unpack[_FitOptions],
) -> Path | Page:
    """Train a model by ``fit``, and write a web page that plays the training again.

    The page is one file that asks nobody for anything: it opens from a disk, and stands on any web
    site. It has the weights before the training and after its epochs, and computes all else by a
    forward pass: what each unit answers to each place of the plane of two columns, the boundary or
    the curve, the formula of a unit with its weights. It plays, stops, goes on and back moment by
    moment, and scrubs; ``training.html#step=40`` opens at a step. In a notebook ``record(model, X,
    y)`` shows the page in the output of the cell.

    The model is trained exactly as ``fit(model, X, y, ...)`` with the same arguments trains it, to
    the last bit. Weights stand in the page as floats of 32 bits, so that it computes what the
    engine does to about 1e-6 of its numbers; losses and accuracies stand there in all digits. They
    are those of the weights that are shown, measured after the epoch (``history.epoch_end_loss``).

    Where there are more epochs than ``frames``, half of the frames are the first epochs, one after
    the other, and the gaps between the others grow in proportion to the epoch; the last epoch is
    always there.

    Args:
        model: an ``MLP``, or a ``Sequential`` of dense layers, activations, batch norm and dropout;
            the activations may be your own. It is trained.
        X: the features, (n_samples, n_features). Of more than two, the page shows two that are
            chosen in it, with the others at their medians.
        y: the targets or labels, as for ``fit``.
        path: the file to write, .html or .htm; a missing folder is made. Without a path the page
            is returned, and a notebook shows it.
        epochs: how often to go through the samples.
        frames: how many moments are kept at most, at least 2; None for 600, and for fewer where the
            model has more than about 800 numbers: 500,000 numbers make a page of some 2 MB.
        title: the heading.
        names: what the columns of X are called; those of a data frame unless given.
        columns: the two columns that are shown at first, from 0; None for the first two.
        image: the rows and columns of the picture that a sample is, (8, 8) for the digits; the page
            then shows pictures and answers.
        options: what else ``fit`` takes, such as ``batch_size``, ``loss``, ``optimizer``,
            ``learning_rate``, ``schedule``, ``validation_data``, ``rng`` and ``callbacks``; only no
            ``resume``. ``log_every`` is None unless given: nothing is printed.

    Returns:
        The path of the file; or, without one, the page.

    Raises:
        InvalidArgumentError: for a model that a page cannot run (with a ``forward`` of its own, or
            an activation that branches on a number), a loss without probabilities for classes, more
            numbers than a page can hold, or a wrong setting; before anything is trained.
        UnknownNameError: for another ending.
        DataError, ShapeError, ...: as ``fit``.

    >>> import tempfile
    >>> from tinygrad_mlp.nn import MLP
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    >>> model = MLP(2, [4, 1], "tanh", rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record(model, X, y, f"{folder}/training.html", epochs=50, optimizer="adam").name
    'training.html'
    """
    if path is not None:
        format_of(path, ("html", "htm"))
    _check(title, image, options)
    recording = _Recording(model, X, y, epochs, frames, options)
    n_columns = recording.samples.X.shape[1]
    scene = recorded_scene(
        model,
        recording.task,
        recording.samples,
        recording.validation,
        title=title,
        names=column_names(X, names, n_columns),
        columns=shown_columns(columns, n_columns),
        outputs=output_names(recording.task, recording.samples, y),
        image=image,
    )
    activations = activations_of(model)
    activation_scripts(activations)  # refuses what a page cannot compute, before the training
    recording.train(X, y)
    embedded = {"scene": scene, **recording.embedded()}
    page = play_page("recorded", embedded, title=title, activations=activations)
    return Page(page) if path is None else write_whole(path, page.encode())


def _check(title: object, image: object, options: object) -> None:
    if not isinstance(title, str):
        raise InvalidArgumentError(
            f"title is {described(title)}, but a text is needed: title='Two moons'"
        )
    is_pair = isinstance(image, tuple | list) and len(image) == 2
    if image is not None and not (is_pair and all(isinstance(x, int) and x > 0 for x in image)):  # type: ignore[attr-defined]
        raise InvalidArgumentError(
            f"image is {described(image)}, but the rows and columns of a picture are needed: "
            "image=(8, 8)"
        )
    assert isinstance(options, dict)
    for name in ("resume", "save_every", "progress"):
        if name in options:
            raise InvalidArgumentError(
                f"record has no {name}: all of the training stands in the page, so it is trained "
                f"at one go; leave it out: {CALL}"
            )


class _Recording:
    """The training, and what is kept of it. A callback of ``fit``, which only looks."""

    only_looks = True
    keeps_weights = True  # so that the training data are measured after the epoch
    monitor = "loss"

    def __init__(
        self,
        model: Module,
        X: ArrayLike,
        y: ArrayLike,
        epochs: int,
        frames: int | None,
        options: Any,
    ) -> None:
        self.model = model
        self.options: dict[str, Any] = {"log_every": None, **options}
        self.epochs = check_integer(epochs, "epochs", CALL)
        self.task, samples = Task.for_data(model, X, y, self.options.get("loss"))
        self.samples, self.validation = _samples(self.task, samples, self.options)
        self._leaves = [*model.parameters(), *model.buffers()]
        self._first = self._now()
        n_numbers = len(self._leaves)
        if frames is None:
            frames = default_frames(n_numbers)
        self.frames = check_integer(frames, "frames", f"{CALL[:-1]}, frames=600)", minimum=2)
        self.kept = kept_epochs(self.epochs, self.frames)
        _check_size(len(self.kept), n_numbers)
        self._is_due = set(self.kept)
        self._weights = [self._first]
        self._epochs = [0]
        self._last = (0, self._first)
        self._history = History()
        self._at_the_first: tuple[Any, ...] = ()

    def train(self, X: ArrayLike, y: ArrayLike) -> None:
        """By ``fit``."""
        self._at_the_first = self._measured(self._first)
        callbacks = [*self.options.pop("callbacks", ()), self]
        self._history = fit(
            self.model, X, y, epochs=self.epochs, callbacks=callbacks, **self.options
        )

    def looks_at(self, epoch: int) -> bool:
        """Whether the weights after this epoch are shown, and so measured."""
        return epoch in self._is_due

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        """Keep the weights; those of other epochs might be the last."""
        self._last = (epoch, self._now())
        if epoch in self._is_due:
            self._keep(*self._last)

    def embedded(self) -> dict[str, Any]:
        """All that the page plays: weights, what was measured, how it ended."""
        history, (last_epoch, last_weights) = self._history, self._last
        after = {epoch: self._after(epoch) for epoch in self._epochs[1:]}
        if last_epoch != self._epochs[-1]:  # it ended early
            self._keep(last_epoch, last_weights)
            after[last_epoch] = self._measured(last_weights)
        if history.n_epochs > last_epoch:  # it became nan, or was interrupted
            self._keep(history.n_epochs, self._now())
            after[history.n_epochs] = self._measured(self._now())
        after[0] = self._at_the_first
        steps = ceil(len(self.samples.X) / (self.options.get("batch_size") or len(self.samples.X)))
        return {
            "weights": packed_weights(np.array(self._weights)),
            "curve": [[epoch * steps, *map(_as_in_json, after[epoch])] for epoch in self._epochs],
            "epochs": self._epochs,
            "end": {"advice": self._advice(), "remark": self._remark()},
        }

    def _now(self) -> NDArray[np.float64]:
        """The numbers of the model as ``flat_weights`` has them."""
        return np.array(read_numbers(self._leaves))

    def _keep(self, epoch: int, weights: NDArray[np.float64]) -> None:
        self._epochs.append(epoch)
        self._weights.append(weights)

    def _after(self, epoch: int) -> tuple[float | None, ...]:
        """The loss, that of the held-out samples, and the accuracies: of the history."""
        history = self._history
        columns = (
            history.epoch_end_loss,
            history.validation_loss,
            history.epoch_end_accuracy,
            history.validation_accuracy,
        )
        return tuple([column[epoch - 1] if column else None for column in columns])

    def _measured(self, weights: NDArray[np.float64]) -> tuple[float | None, ...]:
        """The same, of these weights; the model stays as it is."""
        before = self._now()
        assert self.task.loss is not None
        objective = Objective(self.task.loss)
        engine = EagerEngine(self.model, objective, SGD(self.model.parameters()))
        measuring = Measuring(engine, self.task, objective, self.options.get("batch_size"))
        write_numbers(self._leaves, weights.tolist())
        try:
            loss, accuracy = measuring.of_training(self.samples)
            held = (None, None) if self.validation is None else measuring.of(self.validation)
        finally:
            write_numbers(self._leaves, before.tolist())
        if self.samples.answers is None:
            return loss, held[0], None, None
        return loss, held[0], accuracy, held[1]

    def _advice(self) -> str:
        advice = self._history.advice
        return advice_for_a_recording(advice[0].text) if advice else ""

    def _remark(self) -> str:
        """How it ended, if not as it should; which weights came back."""
        history = self._history
        reason = advice_for_a_recording(history.reason)
        remarks = [] if history.completed else [f"The training ended: {reason}."]
        now = self._now()
        if not np.array_equal(now, self._weights[-1], equal_nan=True):
            came_back = [
                f"after epoch {epoch}"
                for epoch, weights in zip(self._epochs, self._weights)
                if np.array_equal(now, weights)
            ]
            where = came_back[0] if came_back else "of another moment"
            remarks.append(f"The model has the weights {where}.")
        return " ".join(remarks)


def _samples(
    task: Task, samples: Samples, options: dict[str, Any]
) -> tuple[Samples, Samples | None]:
    """Training and validation samples as ``fit`` takes them; what is wrong, it says itself."""
    validation, weight = None, None
    given = options.get("validation_data")
    if isinstance(given, tuple | list) and len(given) in (2, 3):
        features, targets, *rest = given
        validation, weight = task.samples(features, targets), rest[0] if rest else None
    weights = (options.get("sample_weight"), weight, options.get("class_weight"))
    return weighted(task, samples, validation, *weights)


def _check_size(n_frames: int, n_numbers: int) -> None:
    if n_frames * n_numbers > MOST_NUMBERS:
        raise InvalidArgumentError(
            f"{n_frames} frames of {n_numbers:,} weights are too many for a page: at most "
            f"{MOST_NUMBERS:,} numbers; keep fewer: frames={max(2, MOST_NUMBERS // n_numbers)}, or "
            "take a smaller model"
        )


def _as_in_json(number: float | None) -> float | None:
    return None if number is None or not isfinite(number) else number
