"""What is to be learned, and with which settings, in the demo as for a person's own table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._cli.tables import EncodedTable
from tinygrad_mlp.compiler._backends.choice import Wanted
from tinygrad_mlp.data import Dataset, Encoding, StandardScaler, Table, split_indices
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP

__all__ = [
    "Columns",
    "Problem",
    "Recipe",
    "Samples",
    "make_network",
    "n_outputs_for",
    "split",
    "standardized_name",
]

Floats = NDArray[np.float64]
Samples = Dataset | Table
"""Features and targets, with what the columns and classes are called."""


@dataclass(frozen=True)
class Recipe:
    """The network and how it is trained.

    The defaults are a middle way for small tables: they suit a few hundred samples of two to thirty
    features, classes and numbers alike.
    """

    hidden: tuple[int, ...] = (16, 16)
    activation: str = "tanh"
    epochs: int = 100
    batch_size: int = 16
    optimizer: str = "adam"
    learning_rate: float | None = None
    schedule: str | None = "cosine"
    l2: float = 0.01
    test_size: float = 0.25
    engine: str = "auto"
    backend: Wanted = "auto"
    loss: str | None = None
    class_weight: Literal["balanced"] | None = None


@dataclass(frozen=True, eq=False)
class Columns:
    """What the columns of a table are to a network: names, classes, scales.

    Attributes:
        feature_names: the name of each feature.
        target: what is predicted.
        classes: the labels in order; empty for a regression.
        inputs: brings the features to mean 0 and standard deviation 1.
        outputs: does the same for the targets of a regression; None for a classification.
        encoding: how the columns of a table become the features; None where they are the same.
    """

    feature_names: tuple[str, ...]
    target: str
    classes: tuple[str, ...]
    inputs: StandardScaler
    outputs: StandardScaler | None
    encoding: Encoding | None = field(default=None, kw_only=True)

    def encoded(self, y: NDArray[Any]) -> NDArray[Any]:
        """The targets as the network learns them."""
        return y if self.outputs is None else self.outputs.transform(y.reshape(-1, 1))

    def decoded(self, answers: NDArray[Any]) -> NDArray[Any]:
        """The network's answers in the units of the targets."""
        if self.outputs is None:
            return answers
        return self.outputs.inverse_transform(answers.reshape(-1, 1)).ravel()


@dataclass(frozen=True, eq=False)
class Problem(Columns):
    """Samples to learn from and samples held out, in their own units.

    Attributes:
        X_train, X_test: the features, (n_samples, n_features).
        y_train, y_test: labels as people read them, or numbers.
        loss: the name of the loss; None for the one that suits the target.
    """

    X_train: Floats
    X_test: Floats
    y_train: NDArray[Any]
    y_test: NDArray[Any]
    loss: str | None = None

    def network(self, hidden: Sequence[int], activation: str, rng: int) -> MLP:
        """A network for this problem with that many hidden neurons."""
        return make_network(self.X_train.shape[1], hidden, activation, self.classes, rng)


def make_network(
    n_inputs: int, hidden: Sequence[int], activation: str, classes: Sequence[str], rng: int = 0
) -> MLP:
    """A network with an output for each class; one output for two classes, or for a number."""
    output = {0: None, 2: "sigmoid"}.get(len(classes), "softmax")
    sizes = [*hidden, n_outputs_for(classes)]
    return MLP(n_inputs, sizes, activation=activation, output_activation=output, rng=rng)


def n_outputs_for(classes: Sequence[str]) -> int:
    """The number of outputs of a network for these classes."""
    return len(classes) if len(classes) > 2 else 1


def standardized_name(name: str) -> str:
    """What a column is called once it has mean 0 and standard deviation 1: it has no unit then.

    >>> standardized_name("petal length (cm)"), standardized_name("mass [kg]")
    ('petal length, standardized', 'mass, standardized')
    """
    without_unit = re.sub(r"(?<=\S)\s*(\([^()]*\)|\[[^][]*\])\s*$", "", name)
    return f"{without_unit}, standardized"


def split(
    samples: Samples, target: str, *, test_size: float, rng: int, loss: str | None = None
) -> Problem:
    """Hold some samples out, the same share of every class, and learn how to standardize the rest.

    A class of one sample is learned from; there is none to hold out.

    Args:
        samples: the features and the targets.
        target: what is predicted.
        test_size: the share of the samples to hold out.
        rng: the seed.
        loss: the name of the loss of a regression; None for the usual one.

    Raises:
        InvalidArgumentError: if there are classes, and a loss of a regression; if there are more
            classes than samples to learn from, or none is left to hold out.
    """
    X, y, classes = samples.X, samples.y, samples.target_names
    if classes and loss is not None:
        raise InvalidArgumentError(
            f"the loss {loss} is for numbers, but {target!r} has the classes "
            f"{', '.join(classes[:3])}{', ...' * (len(classes) > 3)}; leave it out, or, if it is a "
            "number, give task='regression'"
        )
    labels = np.array(classes)[y] if classes else y
    train, test = split_indices(labels, test_size, stratify=None if classes else False, rng=rng)
    if len(train) < len(classes):
        raise InvalidArgumentError(
            f"{target!r} has {len(classes)} classes in {len(y)} rows, and test_size={test_size:g} "
            f"leaves {len(train)} of them to learn from, but every class needs one; give more "
            "rows, or task='regression' if it is a number"
        )
    encoding = None
    if isinstance(samples, EncodedTable):
        X, encoding = samples.learned_from(train)
    return Problem(
        X_train=X[train],
        X_test=X[test],
        y_train=labels[train],
        y_test=labels[test],
        feature_names=samples.feature_names,
        target=target,
        classes=classes,
        inputs=StandardScaler().fit(X[train]),
        outputs=None if classes else StandardScaler().fit(y[train].reshape(-1, 1)),
        loss=loss,
        encoding=encoding,
    )
