"""A small network beside the trained one, so that the graph of its loss can be read.

The graph of a whole network has thousands of nodes. The companion learns the same data from two
features with two hidden neurons, so that every number in it fits on one page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tinygrad_mlp._cli.problem import Floats, Problem, standardized_name
from tinygrad_mlp._text import shortest
from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.engine import Value, no_grad
from tinygrad_mlp.losses import (
    binary_cross_entropy_with_logits,
    categorical_cross_entropy,
    loss_named,
)
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit, task_of

__all__ = ["Companion"]

N_FEATURES: Final = 2
N_HIDDEN: Final = 2
MOST_CLASSES: Final = 3
EPOCHS: Final = 20
MOST_SAMPLES: Final = 300

TITLE: Final = "The loss of a small network"

TELLING_LOSS: Final = 0.7
"""The loss of the sample that is drawn, if there is one: one that is learned has no gradients."""


@dataclass(frozen=True, eq=False)
class Companion:
    """The loss of one sample through a small network, after ``backward``."""

    loss: Value
    model: MLP
    description: str

    @classmethod
    def of(cls, problem: Problem, model: MLP) -> Companion:
        """Train a companion on the two features that the network weighs most."""
        small = _excerpt(problem, _heaviest_features(model))
        network = small.network([N_HIDDEN], "tanh", rng=0)
        X, y = small.inputs.transform(small.X_train), small.encoded(small.y_train)
        fit(
            network,
            X,
            y,
            epochs=EPOCHS,
            loss=small.loss,
            batch_size=16,
            optimizer="adam",
            learning_rate=0.02,
            rng=0,
            log_every=None,
            progress=False,
        )
        with no_grad():
            losses = [_sample_loss(small, network, x, t).data for x, t in zip(X, y)]
        distance = np.abs(np.array(losses) - TELLING_LOSS)
        if len(small.classes) == 2:  # of the class whose target is 1: a factor 0 shows little
            distance[small.y_train != _classes_in_order(network)[1]] += np.inf
        chosen = int(np.argmin(distance))
        loss = _sample_loss(small, network, X[chosen], y[chosen])
        network.zero_grad()
        loss.backward()
        sizes = [X.shape[1], *(layer.n_outputs for layer in network.layers)]
        answer = small.y_train[chosen]
        shown = shortest(answer) if small.outputs is not None else str(answer)
        knows = f" that knows {', '.join(small.classes)}" if small.classes else ""
        description = (
            f"the loss of one sample ({small.target}: {shown}) through a small "
            f"{'-'.join(map(str, sizes))} network of its own{knows}, not the one trained above"
        )
        return cls(loss, network, description)

    def draw(self, path: Path) -> None:
        """Draw the graph."""
        import viz

        viz.draw(self.loss, path, parameters=self.model.parameters())

    def replay(self, path: Path) -> None:
        """Write the page that goes through its forward and backward pass."""
        import viz

        viz.replay(self.loss, path, title=TITLE, parameters=self.model.parameters())


def _heaviest_features(model: MLP) -> list[int]:
    """The columns with the longest vectors of weights in the first layer, in their order."""
    weights = model.layers[0].state_dict()["weight"]
    order = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")
    return sorted(order[:N_FEATURES].tolist())


def _excerpt(problem: Problem, features: list[int]) -> Problem:
    """The same problem with a few features, classes and samples only, some of each class."""
    classes = problem.classes[:MOST_CLASSES]
    if classes:
        of_class = [np.flatnonzero(problem.y_train == name) for name in classes]
        rows = np.sort(np.concatenate([r[: MOST_SAMPLES // len(classes)] for r in of_class]))
    else:
        rows = np.arange(min(len(problem.y_train), MOST_SAMPLES))
    X, y = problem.X_train[rows][:, features], problem.y_train[rows]
    return replace(
        problem,
        X_train=X,
        y_train=y,
        feature_names=tuple(problem.feature_names[i] for i in features),
        classes=classes,
        inputs=StandardScaler().fit(X),
    )


def _sample_loss(problem: Problem, network: MLP, x: Floats, target: Any) -> Value:
    """The graph of the loss of one sample, its inputs, hidden neurons and outputs named."""
    names = map(standardized_name, problem.feature_names)
    inputs = [Value(xi, label=name) for xi, name in zip(x, names)]
    first, last = network.layers
    hidden = first.forward(inputs)
    for i, neuron in enumerate(hidden):
        neuron.label = f"hidden {i}"
    outputs = last.logits(hidden)
    classes = _classes_in_order(network)
    for output, name in zip(outputs, _names_of_outputs(problem, classes)):
        output.label = name
    loss = _loss(problem, classes, outputs, target)
    loss.label = "L"
    return loss


def _names_of_outputs(problem: Problem, classes: list[str]) -> list[str]:
    """A logit is no probability yet; two classes have one, that of the second."""
    if classes:
        return [f"logit {name}" for name in (classes if len(classes) > 2 else classes[1:])]
    return [standardized_name(problem.target)]


def _classes_in_order(network: MLP) -> list[str]:
    """The classes in the order of the outputs; none for a regression."""
    task = task_of(network)
    return [] if task is None or task.classes is None else task.classes.tolist()


def _loss(problem: Problem, classes: list[str], outputs: list[Value], target: Any) -> Value:
    loss: Value
    if len(classes) > 2:
        loss = categorical_cross_entropy(outputs, classes.index(target))
    elif classes:
        is_second = Value(float(classes.index(target)), label=f"is {classes[1]}")
        loss = binary_cross_entropy_with_logits(outputs[0], is_second)
    else:
        label = f"true {standardized_name(problem.target)}"
        true = Value(target.item(), label=label)
        loss = loss_named(problem.loss or "mean_squared_error").sample_loss(outputs, [true])
    return loss
