"""One sample through the network that was trained: a picture, and a page that steps through it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._cli.problem import Problem, standardized_name
from tinygrad_mlp._cli.sample_loss import loss_through
from tinygrad_mlp._text import shortest
from tinygrad_mlp.engine import Value, no_grad, topological_order
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import predict, predict_proba, task_of
from tinygrad_mlp.training._outputs import evaluation_mode

__all__ = ["TrainedSample"]

TITLE: Final = "The loss of one sample"

MOST_NODES: Final = 1000
"""Of a graph that is shown on a page."""

TELLING_LOSS: Final = 0.7
"""The loss of the sample that is drawn, if there is one: one that is learned has no gradients."""

MOST_UNITS: Final = 24
"""In a network of more inputs and units than that, nobody can follow each line."""


@dataclass(frozen=True, eq=False)
class TrainedSample:
    """The loss of one sample through the trained network, after ``backward``.

    Attributes:
        loss: the loss.
        page_loss: the same for a page; where it would be too large, from the last layer on.
        output: the output of the class of the sample, where there are several outputs.
        model: the network.
        description: in words, which sample it is of.
        page_shows: in words, what is on the page.
    """

    loss: Value
    page_loss: Value
    output: Value | None
    model: MLP
    description: str
    page_shows: str

    @classmethod
    def of(cls, problem: Problem, model: MLP) -> TrainedSample:
        """Of the samples held out the one whose loss is the most telling; of all, if none is."""
        held_out = len(problem.X_test) > 0
        X = problem.inputs.transform(problem.X_test if held_out else problem.X_train)
        y = problem.encoded(problem.y_test if held_out else problem.y_train)
        task = task_of(model)
        if task is None or task.loss is None:
            raise DataError("the network was not trained, so there is no loss to draw; fit it")
        chosen = int(np.argmin(np.abs(_losses(model, X, y) - TELLING_LOSS)))
        target = task.samples(X[chosen : chosen + 1], [_plain(y[chosen])]).targets[0]
        names = [standardized_name(name) for name in problem.feature_names]
        loss, outputs = loss_through(model, task.loss, X[chosen], names, target)
        page, shown_by_page = loss, "the same, step by step, in a browser"
        if len(topological_order(loss)) > MOST_NODES:
            page = _from_the_last_layer(model, task.loss, X[chosen], target)
            shown_by_page = "its last layer and the loss, step by step, in a browser"
        model.zero_grad()
        loss.backward()
        answer = (problem.y_test if held_out else problem.y_train)[chosen]
        shown = shortest(answer) if problem.outputs is not None else str(answer)
        sizes = "-".join(map(str, [X.shape[1], *(layer.n_outputs for layer in model.layers)]))
        description = (
            f"the loss of one sample{' held out' * held_out} ({problem.target}: {shown}) through "
            f"the {sizes} network trained above"
        )
        if len(outputs) == 1:
            return cls(loss, page, None, model, description, shown_by_page)
        classes = [] if task.classes is None else task.classes.tolist()
        output = outputs[classes.index(answer)]
        return cls(loss, page, output, model, description, shown_by_page)

    @property
    def focus(self) -> Value | None:
        """The output to which paths stand out, in a network of many lines."""
        n_units = self.model.n_inputs + sum([layer.n_outputs for layer in self.model.layers])
        return self.output if n_units > MOST_UNITS else None

    @property
    def shows(self) -> str:
        """What the picture shows."""
        if self.focus is None:
            return self.description
        return f"{self.description}; the paths to the output of its class stand out"

    def draw(self, path: Path) -> None:
        """Draw circles and lines."""
        import viz

        parameters = self.model.parameters()
        viz.draw(self.loss, path, detail="circles", parameters=parameters, focus=self.focus)

    def replay(self, path: Path) -> None:
        """Write the page that goes through its forward and backward pass.

        Raises:
            GraphError: if the graph has more nodes than a page shows.
        """
        import viz

        parameters = self.model.parameters()
        viz.replay(self.page_loss, path, title=TITLE, parameters=parameters, collapse=True)


def _from_the_last_layer(model: MLP, loss: Loss, x: NDArray[np.float64], target: Any) -> Value:
    """The loss as a function of what the layers before the last give out."""
    *others, last = model.layers
    with no_grad(), evaluation_mode(model):
        hidden = [Value(xi) for xi in x.tolist()]
        for layer in others:
            hidden = layer.forward(hidden)
    numbers = np.array([h.data for h in hidden])
    names = [f"h{place}" for place in range(1, len(hidden) + 1)]
    result, outputs = loss_through(last, loss, numbers, names, target)
    for place, output in enumerate(outputs, start=1):  # short enough for a small box
        output.label = f"{'z' if loss.from_logits else 'y'}{place}"
    return result


def _losses(model: MLP, X: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
    """How surprised the network is by each answer; of numbers, half the squared error."""
    task = task_of(model)
    if task is None or task.classes is None:
        return np.asarray(0.5 * (predict(model, X) - y.ravel()) ** 2)
    columns = [task.classes.tolist().index(answer) for answer in y.tolist()]
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(predict_proba(model, X)[np.arange(len(X)), columns]))


def _plain(answer: Any) -> Any:
    return answer.item() if isinstance(answer, np.generic) or np.ndim(answer) else answer
