"""The pictures of a training. What cannot be drawn is named, with what is missing for it.

``viz`` is imported only when there is something to draw.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._cli.parsing import reason_of, say
from tinygrad_mlp._cli.problem import Problem
from tinygrad_mlp._cli.trained_sample import TrainedSample
from tinygrad_mlp._text import visible
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import History, predict, predict_proba

__all__ = ["FILES", "draw_pictures"]

GRAPH, REPLAY, LOSS, BOUNDARY = FILES = (
    "computation_graph.svg",
    "backprop.html",
    "loss.svg",
    "decision_boundary.svg",
)
"""The files that there may be in the folder for the pictures."""


@dataclass(frozen=True)
class Picture:
    """A picture to draw: its file, what it shows, how to draw it."""

    file: str
    shows: str
    draw: Callable[[Path], None]


@dataclass(frozen=True, eq=False)
class Drawings:
    """The pictures of one training."""

    problem: Problem
    model: MLP
    history: History

    def pictures(self) -> list[Picture]:
        """Those that there are for this problem."""
        sample = TrainedSample.of(self.problem, self.model)
        found = [
            Picture(GRAPH, sample.shows, sample.draw),
            Picture(REPLAY, sample.page_shows, sample.replay),
            Picture(LOSS, "the loss of every epoch", self.draw_loss),
        ]
        if self.problem.classes and len(self.problem.feature_names) == 2:
            shows = "which class the network sees where"
            found.append(Picture(BOUNDARY, shows, self.draw_boundary))
        return found

    def draw_loss(self, path: Path) -> None:
        """The curves of the training."""
        from viz.plots import loss_curve

        loss_curve(self.history, path)

    def draw_boundary(self, path: Path) -> None:
        """The plane of the two features."""
        from viz.plots import decision_boundary

        problem = self.problem
        decision_boundary(
            self,
            np.concatenate([problem.X_train, problem.X_test]),
            np.concatenate([problem.y_train, problem.y_test]),
            path,
            feature_names=problem.feature_names,
        )

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.str_]:
        """The classes of points in the units of the features."""
        return predict(self.model, self.problem.inputs.transform(X))

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Their probabilities, a column for each class in sorted order."""
        return predict_proba(self.model, self.problem.inputs.transform(X))


def draw_pictures(problem: Problem, model: MLP, history: History, folder: Path) -> None:
    """Draw what there is to draw into the folder, and say what is where and what was left out."""
    drawn: list[tuple[Path, str]] = []
    left_out: dict[str, list[str]] = {}
    notes: list[str] = []
    for picture in Drawings(problem, model, history).pictures():
        path = folder / picture.file
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                picture.draw(path)
        except (ImportError, GraphError, OSError) as error:
            left_out.setdefault(reason_of(error), []).append(picture.file)
        else:
            drawn.append((path, picture.shows))
            notes += [str(warning.message) for warning in caught]
    if drawn:
        say("Pictures:")
    lines = [(visible(str(path)), visible(shows)) for path, shows in drawn]
    width = max((len(file) for file, _ in lines), default=0)
    for file, shows in lines:
        say(f"  {file:{width}}  {shows}")
    for reason, files in left_out.items():
        say(f"left out: {', '.join(files)}: {reason}")
    for note in dict.fromkeys(notes):
        say(f"note: {note}")
