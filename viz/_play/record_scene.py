"""What the page of a recorded training is told before the first frame: the data and the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp._text import described
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._task import Samples, Task
from viz._run.network_places import network_of
from viz._run.task_heads import head_of, kind_of

__all__ = ["column_names", "output_names", "recorded_scene"]

MOST_SHOWN: Final = 2000
"""Of the samples to learn from, and of those held out."""

FIXED: Final = (
    "This page is a recording: the weights of each moment stand in it. A training that can be "
    "changed is viz.play(model, X, y)."
)


def recorded_scene(
    model: Module,
    task: Task,
    samples: Samples,
    validation: Samples | None,
    *,
    title: str,
    names: Sequence[str],
    outputs: Sequence[str],
    image: tuple[int, int] | None,
) -> dict[str, Any]:
    """The scene of a training by ``fit``.

    Raises:
        InvalidArgumentError: for a model that a page cannot run, or a loss without probabilities.
    """
    X = samples.X
    head = head_of(task)
    shown = [part for part in (samples, validation) if part is not None]
    features = np.concatenate([part.X[:MOST_SHOWN] for part in shown])
    held_out = [at for at, part in enumerate(shown) for _ in part.X[:MOST_SHOWN]]
    return {
        "kind": "scene",
        "version": 1,
        "title": title,
        "task": kind_of(task, samples),
        "outputs": list(outputs),
        "points": {
            "X": features.tolist(),
            "y": [target for part in shown for target in _targets(task, part)[:MOST_SHOWN]],
            "held_out": held_out,
        },
        "n_points": sum(len(part.X) for part in shown),
        "names": list(names),
        "columns": [0, min(1, X.shape[1] - 1)],
        "ranges": np.stack([X.min(axis=0), X.max(axis=0)], axis=1).tolist(),
        "medians": np.median(X, axis=0).tolist(),
        "features": [
            {"name": name, "on": True, "of": f"column {at}"} for at, name in enumerate(names)
        ],
        "mean": None,
        "scale": None,
        "network": network_of(model, head, image),
        "settings": {},
        "choices": {},
        "fixed": FIXED,
        "can": [],
    }


def column_names(X: ArrayLike, given: Sequence[str] | None, n_columns: int) -> list[str]:
    """What the columns are called: as the call says, as the frame does, or x1, x2, ...

    Raises:
        InvalidArgumentError: if there are not as many names as columns.

    >>> column_names([[1.0, 2.0]], None, 2), column_names([[1.0]], ["width"], 1)
    (['x1', 'x2'], ['width'])
    """
    if given is None:
        of_frame = named_by_frame(X)
        return of_frame if of_frame and len(of_frame) == n_columns else _counted("x", n_columns)
    names: list[Any] = [given] if isinstance(given, str) else list(given)
    if len(names) != n_columns or not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError(
            f"names is {described(given)}, but a text for each of the {n_columns} columns of X is "
            f"needed: names={_counted('x', n_columns)[:3]}"
        )
    return names


def named_by_frame(X: object) -> list[str] | None:
    """What a data frame calls its columns; None for anything else.

    >>> named_by_frame([[1.0, 2.0]])
    """
    columns = getattr(X, "columns", None)
    return None if columns is None else [str(name) for name in columns]


def output_names(task: Task, samples: Samples, y: ArrayLike) -> list[str]:
    """What the outputs stand for: the classes, or the targets of a regression."""
    if task.classes is not None:
        return [str(label) for label in task.classes.tolist()]
    columns = getattr(y, "columns", None)
    named = [getattr(y, "name", None)] if columns is None else list(columns)
    n_outputs = task.n_outputs or 1
    if len(named) == n_outputs and None not in named:
        return [str(name) for name in named]
    return ["y"] if n_outputs == 1 else _counted("y", n_outputs)


def _counted(letter: str, n: int) -> list[str]:
    return [f"{letter}{place + 1}" for place in range(n)]


def _targets(task: Task, samples: Samples) -> list[Any]:
    """Class numbers, rows of answers, or numbers."""
    if task.kind == "classification" and samples.answers is not None:
        return list(samples.answers.tolist())
    targets = np.asarray(samples.targets, dtype=np.float64)
    return list((targets[:, 0] if targets.shape[1:] == (1,) else targets).tolist())
