"""A person's own model and data as a run takes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._text import described
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.losses._record import BatchLoss
from tinygrad_mlp.nn import Module
from tinygrad_mlp.training._task import Task
from viz._run.run_samples import RunSamples, split_of
from viz._run.run_settings import RunSettings
from viz._run.task_heads import head_of, kind_of

__all__ = ["FIXED", "own_task"]

FIXED = (
    "the network and the data are those of your program, so they stay as they are; change them "
    "there, and call play again"
)
"""Why a page cannot change them."""


def own_task(
    model: Module,
    X: ArrayLike,
    y: ArrayLike,
    loss: str | Loss | BatchLoss | None,
    settings: RunSettings,
    names: Sequence[str] | None,
) -> tuple[Task, RunSamples]:
    """What the model is trained for, and on which samples.

    Raises:
        TinygradMLPError: for data that do not fit to the model or to one another.

    >>> from tinygrad_mlp.nn import MLP
    >>> settings = RunSettings("given", held_out=0.5)
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "yes", "no", "yes"]
    >>> task, samples = own_task(MLP(1, [1]), X, y, None, settings, ["size"])
    >>> samples.classes, samples.y.tolist(), len(samples.held_out), samples.names
    (('no', 'yes'), [0, 1, 0, 1], 2, ('size',))
    """
    task, known = Task.for_data(model, X, y, loss)
    assert task.loss is not None
    if task.loss.batch_loss is not None:
        raise InvalidArgumentError(
            f"the loss {task.loss_name!r} is one of a whole batch, but a page steps through single "
            "samples; give a loss of one sample: Loss.of_function(f, ..., per_sample=True)"
        )
    n_columns = known.X.shape[1]
    if names is None:
        names = [f"x{i}" for i in range(1, n_columns + 1)]
    elif len(names) != n_columns:
        raise InvalidArgumentError(
            f"names is {described(names)}, but X has {n_columns} columns; give a name for each"
        )
    classes: tuple[str, ...] = ()
    given: NDArray[np.float64] | NDArray[np.int64] = known.targets
    if known.answers is not None:
        given = known.answers
        if task.classes is not None:
            classes = tuple(map(str, task.classes.tolist()))
        else:
            n_questions = given.shape[1] if given.ndim == 2 else 2
            classes = tuple(f"class {k}" for k in range(n_questions))
    if given.ndim == 2 and given.shape[1] == 1 and known.answers is None:
        given = given[:, 0]
    train, held_out = split_of(given, settings)
    targets = ("class",) if classes else tuple(f"y{k + 1}" for k in range(task.n_outputs or 1))
    if len(targets) == 1 and not classes:
        targets = ("y",)
    samples = RunSamples(
        *(known.X, given, train, held_out, tuple(names), classes, targets),
        image=_image(n_columns),
        of_model=(kind_of(task, known), head_of(task)),
    )
    return task, samples


def _image(n_columns: int) -> tuple[int, int] | None:
    """The picture that the columns may be: digits of 8 x 8 or 28 x 28 pixels."""
    return {64: (8, 8), 784: (28, 28)}.get(n_columns)
