"""What a model is trained for: which loss, which classes, and how its outputs become answers.

``fit`` works it out from the data and leaves it with the model, so that ``predict`` answers in the
labels that a person trained with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._native._largest import places_of_largest
from tinygrad_mlp._text import described
from tinygrad_mlp.data._preprocessing import encode_labels
from tinygrad_mlp.data._validation import check_features, check_lengths
from tinygrad_mlp.errors import InvalidArgumentError, NonFiniteError
from tinygrad_mlp.losses import Loss, as_loss, loss_named
from tinygrad_mlp.losses._record import BatchLoss
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._classes import (
    classes_for,
    default_loss,
    is_text,
    labels_of,
    without_column,
)
from tinygrad_mlp.training._outputs import check_outputs

__all__ = ["Samples", "Task", "task_of"]

ATTRIBUTE: Final = "fitted_task"
"""The attribute of a model in which ``fit`` leaves the task."""


@dataclass(slots=True, eq=False)
class Samples:
    """Data as an engine takes them.

    Attributes:
        X: the features, (n_samples, n_features).
        targets: what the loss takes, one row (or number) per sample.
        answers: what right predictions are: class numbers (n_samples,), or rows of 0 and 1; None
            where there is no right and wrong.
        weights: how much each counts in the mean of the losses, (n_samples,); None for all alike.
    """

    X: NDArray[np.float64]
    targets: NDArray[Any]
    answers: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None = None

    @property
    def total_weight(self) -> float:
        """The sum of the weights: the number of samples where all count alike.

        >>> Samples(np.eye(3), np.zeros((3, 1)), None).total_weight
        3.0
        """
        return float(len(self.X) if self.weights is None else self.weights.sum())

    def take(self, indices: NDArray[np.intp]) -> Samples:
        """Some of the samples, copied.

        >>> samples = Samples(np.eye(3), np.zeros((3, 1)), None)
        >>> samples.take(np.array([2, 0])).X.tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
        """
        # take is twice as fast as self.X[indices]
        answers = None if self.answers is None else self.answers.take(indices, 0)
        weights = None if self.weights is None else self.weights.take(indices)
        return Samples(self.X.take(indices, 0), self.targets.take(indices, 0), answers, weights)


@dataclass(frozen=True, eq=False)
class Task:
    """How targets become numbers for the loss, and outputs become answers for people.

    Attributes:
        loss: the loss, or None where it is not known.
        classes: the label of each class number, as the person has them; None if there are none.
        n_inputs: the number of features, None where it is not known.
        n_outputs: the number of outputs, likewise.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(2, [3], init="zeros")
    >>> task, samples = Task.for_data(model, [[0.0, 1.0]] * 3, ["red", "blue", "green"])
    >>> task
    Task(categorical_cross_entropy, classes ['blue', 'green', 'red'])
    >>> samples.targets.tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    >>> task.predictions(np.array([[0.1, 3.0, 0.2]])).tolist()
    ['green']
    """

    loss: Loss | None
    classes: NDArray[Any] | None = None
    n_inputs: int | None = None
    n_outputs: int | None = None

    @classmethod
    def for_data(
        cls,
        model: Module,
        X: ArrayLike,
        y: ArrayLike,
        loss: str | Loss | BatchLoss | None = None,
    ) -> tuple[Task, Samples]:
        """The task that the data set for the model, and the data as it takes them.

        Args:
            model: the model.
            X: the features, (n_samples, n_features).
            y: the targets or labels.
            loss: a name, a ``Loss`` or its function, a function of your own, or None for what
                suits the data.

        Raises:
            DataError, ShapeError: if the data do not fit to the model or the loss.
            UnknownNameError: for an unknown loss.
            InvalidArgumentError: if the model is no ``Module``, or gives outputs that the loss
                cannot take.
        """
        if not isinstance(model, Module):
            raise InvalidArgumentError(
                f"the model is {described(model)}, but a Module is needed, for example MLP(2, "
                "[16, 1]); "
                "a class of your own: class Model(Module): def forward(self, x): ..."
            )
        check_lengths(X, y)
        n_inputs = getattr(model, "n_inputs", None)
        features = check_features(X, n_inputs if isinstance(n_inputs, int) else None)
        chosen = None if loss is None else as_loss(loss)
        n_outputs = check_outputs(model, features, chosen)
        y = without_column(y)
        if chosen is None:
            chosen = default_loss(y, n_outputs)
        before = task_of(model)
        known = None if before is None else before.classes
        y = _labels_for(chosen, y, n_outputs)
        are_labels = chosen.task == "classification" and y.ndim == 1
        if are_labels or (not chosen.task and is_text(y)):
            classes = classes_for(y, n_outputs, known)
        else:
            classes = None
        task = cls(chosen, classes, features.shape[1], n_outputs)
        return task, task._encoded(features, y)

    def samples(self, X: ArrayLike, y: ArrayLike) -> Samples:
        """More data for the same task, such as those held out for validation.

        Raises:
            DataError, ShapeError: if they do not fit to the model, or a label is of no class.

        >>> task = Task(loss_named("hinge"), np.array(["no", "yes"]), n_inputs=1, n_outputs=1)
        >>> task.samples([[0.5], [0.1]], ["yes", "no"]).targets.tolist()
        [[1.0], [-1.0]]
        """
        check_lengths(X, y, names=("validation X", "validation y"))
        features = check_features(X, self.n_inputs, name="validation X")
        return self._encoded(features, y)

    def predictions(self, outputs: NDArray[np.float64]) -> NDArray[Any]:
        """What the outputs say: labels as the person has them, or values.

        Args:
            outputs: (n_samples, n_outputs), as the loss takes them.

        Returns:
            (n_samples,), or (n_samples, n_outputs) of several values or questions.

        Raises:
            NonFiniteError: if an output is nan where there are classes.
            InvalidArgumentError: for one output and classes, but a loss that does not tell them
                apart.
        """
        answers = self.answers(outputs)
        if answers is None and self.classes is not None:
            first, *_, second = self.classes.tolist()
            raise InvalidArgumentError(
                f"the model was trained with the loss {self.loss_name or 'of its maker'!r}, which "
                f"does not say where one output turns from {first!r} to {second!r}; name a loss of "
                "the same outputs: predict(model, X, loss='binary_cross_entropy_with_logits') for "
                "logits, 'binary_cross_entropy' for probabilities"
            )
        if answers is not None:
            if np.isnan(outputs.max()):  # the largest number, or nan if there is one
                wrong = np.isnan(outputs).reshape(len(outputs), -1).any(axis=1)
                raise NonFiniteError(
                    f"the output for sample {int(wrong.argmax())} is nan, so it says no class; "
                    "weights become nan or too large in training when the learning_rate is too "
                    "large: see history.reason, and train again with a smaller one"
                )
            return answers if self.classes is None else self.classes.take(answers)
        return self._reading.predict(outputs)

    def answers(self, outputs: NDArray[np.float64]) -> NDArray[np.int64] | None:
        """The class numbers that the outputs stand for.

        None where there are no classes, and where one output stands for two of them and no known
        loss says how.
        """
        loss = self._reading
        if loss.task:
            return loss.predict(outputs) if loss.task == "classification" else None
        known = self.classes is not None and outputs.shape[1] > 1
        return places_of_largest(outputs) if known else None

    def count_right(
        self, outputs: NDArray[np.float64], right_answers: NDArray[np.int64] | None
    ) -> float:
        """How many of the samples the outputs are right about; 0 where there is no right and wrong.

        Of several yes-or-no questions per sample each counts as a part.
        """
        right = None if right_answers is None else self.right(outputs, right_answers)
        if right is None:
            return 0.0
        n_right = int(np.count_nonzero(right))
        return float(n_right * len(right) / right.size)

    def right(
        self, outputs: NDArray[np.float64], right_answers: NDArray[np.int64]
    ) -> NDArray[np.bool_] | None:
        """Whether the outputs are right, for each sample or question; None where nothing is."""
        answers = self.answers(outputs)
        if answers is None:
            return None
        right: NDArray[np.bool_] = answers == right_answers
        if np.isnan(outputs.max()):
            right &= ~np.isnan(outputs).any(axis=1).reshape(-1, *[1] * (right.ndim - 1))
        return right

    @property
    def loss_name(self) -> str:
        """The name of the loss."""
        return "" if self.loss is None else self.loss.name

    @property
    def kind(self) -> str:
        """Either "classification" or "regression"; empty where the loss does not say which."""
        return self._reading.task or ("" if self.classes is None else "classification")

    @property
    def from_logits(self) -> bool:
        """Whether the outputs in question are logits."""
        return self._reading.from_logits

    @property
    def _reading(self) -> Loss:
        """The loss, or one that leaves everything as it is."""
        return self.loss or UNKNOWN

    def attach_to(self, model: Module) -> None:
        """Leave the task with the model, where ``predict`` finds it."""
        setattr(model, ATTRIBUTE, self)

    def to_dict(self) -> dict[str, Any]:
        """The task in texts, numbers and lists; a loss that is not in ``LOSSES`` stays behind."""
        name, settings = (self.loss.in_table() if self.loss else None) or (None, {})
        return {
            "loss": name,
            **({"loss_settings": settings} if settings else {}),
            "classes": None if self.classes is None else self.classes.tolist(),
            "n_inputs": self.n_inputs,
            "n_outputs": self.n_outputs,
        }

    @classmethod
    def from_dict(cls, details: Mapping[str, Any]) -> Task:
        """The task of which ``to_dict`` gave the details."""
        name, classes = details["loss"], details["classes"]
        return cls(
            loss=None if name is None else loss_named(name, **details.get("loss_settings", {})),
            classes=None if classes is None else np.array(classes),
            n_inputs=details["n_inputs"],
            n_outputs=details["n_outputs"],
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # it never changes

    def __reduce__(self) -> tuple[Any, ...]:
        # A loss without a task gives no answers, and most such functions cannot be pickled.
        loss = self.loss if self._reading.task else None
        return Task, (loss, self.classes, self.n_inputs, self.n_outputs)

    def __repr__(self) -> str:
        classes = "" if self.classes is None else f", classes {self.classes.tolist()}"
        return f"Task({self.loss_name or 'no loss'}{classes})"

    def _encoded(self, features: NDArray[np.float64], y: ArrayLike) -> Samples:
        answers: NDArray[np.int64] | None = None
        loss, n_outputs = self._reading, self.n_outputs or 1
        y = _labels_for(loss, y, n_outputs)
        if self.classes is not None:
            answers, _ = encode_labels(y, self.classes)
        targets = loss.encode_targets(y if answers is None else answers, n_outputs)
        if answers is None and loss.task == "classification":
            questions = targets.astype(np.int64)  # several yes-or-no questions
            answers = questions if (questions == targets).all() else None
        if not loss.task and self.n_outputs == 1:
            answers = None  # what the output says of the classes is known to the loss alone
        return Samples(features, targets, answers)


def _labels_for(loss: Loss, y: ArrayLike, n_outputs: int) -> NDArray[Any]:
    """The labels in one-hot rows, where the loss takes one class per sample and no row."""
    return without_column(y) if loss.targets == "rows" else labels_of(y, n_outputs)


def _unknown(outputs: Any, targets: Any) -> NoReturn:
    raise InvalidArgumentError("the loss is not known; name one: fit(model, X, y, loss='hinge')")


UNKNOWN: Final = Loss.of_function(_unknown)
"""How a model is read whose loss is not known: targets and outputs as they are."""


def task_of(model: Module) -> Task | None:
    """The task that ``fit`` has left with the model; None for a model that it has not seen.

    >>> from tinygrad_mlp.nn import MLP
    >>> task_of(MLP(2, [1])) is None
    True
    """
    task = getattr(model, ATTRIBUTE, None)
    return task if isinstance(task, Task) else None
