"""What the page of a recorded training is told before the first frame: the data and the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp._text import described, visible
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._task import Samples, Task
from viz._run.network_places import network_of
from viz._run.task_heads import head_of, kind_of

__all__ = ["column_names", "output_names", "recorded_scene", "shown_columns"]

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
    columns: Sequence[int],
    image: tuple[int, int] | None,
) -> dict[str, Any]:
    """The scene of a training by ``fit``.

    Raises:
        InvalidArgumentError: for a model that a page cannot run, or a loss without probabilities.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [2, 1], rng=0)
    >>> task, samples = Task.for_data(model, [[0.0], [1.0]], [0.0, 1.5])
    >>> told = {"title": "a line", "names": ["x"], "outputs": ["y"], "columns": [0, 0]}
    >>> scene = recorded_scene(model, task, samples, None, **told, image=None)
    >>> scene["task"], scene["ranges"], scene["points"]["y"]
    ('regression', [[0.0, 1.0]], [0.0, 1.5])
    """
    X = samples.X
    head = head_of(task)
    shown = [part for part in (samples, validation) if part is not None]
    features = np.concatenate([part.X[:MOST_SHOWN] for part in shown])
    held_out = [at for at, part in enumerate(shown) for _ in part.X[:MOST_SHOWN]]
    return {
        "kind": "scene",
        "version": 1,
        "title": visible(title),
        "task": kind_of(task, samples),
        "outputs": [visible(name) for name in outputs],
        "points": {
            "X": features.tolist(),
            "y": [target for part in shown for target in _targets(task, part)[:MOST_SHOWN]],
            "held_out": held_out,
        },
        "n_points": sum(len(part.X) for part in shown),
        "names": [visible(name) for name in names],
        "columns": list(columns),
        "ranges": np.stack([features.min(axis=0), features.max(axis=0)], axis=1).tolist(),
        "medians": np.median(X, axis=0).tolist(),
        "features": [
            {"name": visible(name), "on": True, "of": f"column {at}"}
            for at, name in enumerate(names)
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


def shown_columns(given: Sequence[int] | None, n_columns: int) -> list[int]:
    """The two columns that are shown at first; the first two unless given.

    Raises:
        InvalidArgumentError: if these are no two columns.

    >>> shown_columns(None, 4), shown_columns((2, 3), 4), shown_columns(None, 1)
    ([0, 1], [2, 3], [0, 0])
    """
    if given is None:
        return [0, min(1, n_columns - 1)]
    asked: Any = given
    listed: list[Any] = list(asked) if isinstance(asked, Sequence) else [asked]
    are_columns = all(isinstance(each, int) and 0 <= each < n_columns for each in listed)
    if len(listed) != 2 or len(set(map(str, listed))) != 2 or not are_columns:
        raise InvalidArgumentError(
            f"columns is {described(given)}, but two different columns of X, from 0 to "
            f"{n_columns - 1}, are needed: columns=(0, 1)"
        )
    return listed


def named_by_frame(X: object) -> list[str] | None:
    """What a data frame calls its columns; None for anything else.

    >>> named_by_frame([[1.0, 2.0]])
    """
    columns = getattr(X, "columns", None)
    return None if columns is None else [str(name) for name in columns]


def output_names(task: Task, samples: Samples, y: ArrayLike) -> list[str]:
    """What the outputs stand for: the classes, or the targets of a regression.

    >>> from tinygrad_mlp.nn import MLP
    >>> y = ["no", "yes"]
    >>> output_names(*Task.for_data(MLP(1, [1], rng=0), [[0.0], [1.0]], y), y)
    ['no', 'yes']
    """
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
