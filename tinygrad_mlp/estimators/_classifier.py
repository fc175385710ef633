"""``MLPClassifier``: classes from features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.callback import with_callbacks
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils._unique import attach_unique
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import _check_sample_weight, validate_data

from tinygrad_mlp._native._largest import places_of_largest
from tinygrad_mlp.estimators._constraints import CONSTRAINTS
from tinygrad_mlp.estimators._frame_checks import (
    check_features_of_frame,
    check_targets_of_frame,
)
from tinygrad_mlp.estimators._perceptron import SPARSE, Perceptron, fits_in_steps

__all__ = ["MLPClassifier"]

Array = NDArray[Any]


class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron for classes, as ``sklearn.neural_network.MLPClassifier``.

    Targets may be two classes or more, or rows of zeros and ones for several labels. From the same
    ``random_state`` it begins with the same weights, takes the samples in the same order, and its
    loss follows the same curve.

    Args:
        hidden_layer_sizes: the number of neurons of each hidden layer.
        activation: that of the hidden layers: "relu", "tanh", "logistic", "identity", or any other
            of ``nn.ACTIVATIONS``; or a list with one for each hidden layer.
        solver: "adam", "sgd", or "lbfgs" (all samples at once).
        alpha: the strength of the penalty alpha / 2 |W|^2 / n on the weights.
        batch_size: the number of samples of a step; "auto" for 200, or all if they are fewer.
        learning_rate: of "sgd": "constant", "invscaling" or "adaptive".
        learning_rate_init: the rate, at the start.
        power_t: the exponent of "invscaling".
        max_iter: the largest number of epochs, or of iterations of "lbfgs".
        shuffle: whether each epoch takes the samples in another order.
        random_state: a seed or a ``numpy.random.RandomState``, for all that is drawn.
        tol: an epoch that is not better by this much is no improvement.
        verbose: whether to print the loss of each epoch.
        warm_start: whether another ``fit`` goes on from the weights that there are.
        momentum: of "sgd".
        nesterovs_momentum: whether the momentum looks ahead.
        early_stopping: whether to hold samples out, to stop by their score, and to keep the best
            weights.
        validation_fraction: how much is held out then.
        beta_1: of "adam", for the mean of the gradients.
        beta_2: of "adam", for the mean of their squares.
        epsilon: of "adam", what keeps its divisor from 0.
        n_iter_no_change: training stops after more epochs in a row without an improvement.
        max_fun: the largest number of computed losses of "lbfgs".
        dropout: the probability of dropout behind each hidden layer.
        batch_norm: whether each hidden layer has a batch norm before its activation.
        class_weight: a weight for each class, {label: weight}, or "balanced"; for several labels
            a list of such weights. It does less in small batches; ``batch_size=1`` refuses it.

    Attributes:
        classes_: the classes.
        coefs_, intercepts_: weights (n_in, n_out) and biases (n_out,) of each layer.
        norms_: with ``batch_norm``, of each hidden layer an array (4, n_neurons): scales, shifts,
            running means and running variances.
        loss_, loss_curve_, best_loss_: the loss of the last epoch, of all, and the smallest.
        validation_scores_, validation_loss_curve_, best_validation_score_: with
            ``early_stopping``, of what is held out, epoch by epoch.
        n_iter_, t_: the number of epochs, and of samples that were seen in them.
        n_layers_, n_outputs_, out_activation_: layers with the input, outputs, their activation.
        n_features_in_, feature_names_in_: features, and their names where X had some.

    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), ["low", "low", "high", "high"]
    >>> model = MLPClassifier([8], solver="lbfgs", random_state=0).fit(X, y)
    >>> model.predict([[0.2], [2.8]])
    array(['low', 'high'], dtype='<U4')
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        batch_norm: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.class_weight = class_weight

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on samples, from new weights unless ``warm_start`` is set.

        Args:
            X: the features, (n_samples, n_features), an array, a sparse matrix, or a frame of
                pandas or polars with columns of numbers and truth values.
            y: the class of each, (n_samples,); or a row of zeros and ones, (n_samples, n_labels).
            sample_weight: how much each sample counts, (n_samples,), beside the others of its
                batch: the smaller ``batch_size``, the less, and with 1 not at all.

        Raises:
            DataError: for a frame with text, dates or categories, and for missing targets.
            ValueError: for data or parameters that will not do; if the weights become infinite.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(fits_in_steps)  # type: ignore[untyped-decorator]
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train on for one epoch over these samples.

        Args:
            X: the features, as for ``fit``.
            y: the classes.
            sample_weight: how much each sample counts.
            classes: all classes that will come, at the first call.

        Raises:
            ValueError: as for ``fit``; without ``classes`` at the first call, or for other classes
                later.
        """
        self._take_classes(y, classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: ArrayLike) -> Array:
        """The class of each sample, (n_samples,); or rows of 0 and 1 for several labels."""
        outputs = self._outputs(X)
        if self._label_binarizer is not None:
            rows: Array = self._label_binarizer.inverse_transform(outputs)
            return rows
        labels: Array = self.classes_[self._chosen(outputs)]
        return labels

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class, (n_samples, n_classes), or of each label."""
        outputs = self._outputs(X)
        return np.hstack([1.0 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """The logarithms of ``predict_proba``."""
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    def _chosen(self, outputs: Array) -> Array:
        """The number of the class of each row, where a sample has one class."""
        if len(self.classes_) > 2:
            return places_of_largest(outputs)
        if len(self.classes_) == 2:
            return (outputs[:, 0] > 0.5).astype(np.intp)
        return np.zeros(len(outputs), np.intp)

    def _take_classes(self, y: Any, classes: Any) -> None:
        """Learn at the first call which classes there are; later ones are to be the same."""
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' counts the classes of all samples, which partial_fit does "
                "not see; give the weights: class_weight={label: weight, ...}"
            )
        if not hasattr(self, "classes_"):
            check_targets_of_frame(y, numbers=False)
            if classes is None:
                raise ValueError(
                    "partial_fit has to know all classes at its first call; give "
                    "classes=np.unique(y) of all data"
                )
            self.classes_ = unique_labels(classes)
            self._label_binarizer = _reader_of_rows(y)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"partial_fit got classes={classes!r}, but at its first call there were "
                f"{self.classes_}; leave classes out, or make a new estimator"
            )

    def _checked(self, X: Any, y: Any, *, first: bool, incremental: bool) -> tuple[Any, Array]:
        check_features_of_frame(X)
        check_targets_of_frame(y, numbers=False)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=SPARSE,
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=first,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        known = attach_unique(y)  # a view on which scikit-learn need not sort them again
        found = unique_labels(known)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            check_classification_targets(known)
            self.classes_ = found
            self._label_binarizer = _reader_of_rows(known)
        else:
            self._check_classes(found, _has_rows(known))
        return X, self._rows(y).astype(X.dtype)

    def _check_classes(self, found: Array, has_rows: bool) -> None:
        """Refuse classes that were not there before; ``warm_start`` needs all of them again."""
        if has_rows and self._label_binarizer is None:
            raise ValueError(
                "y has rows of 0 and 1 for several labels, but before it had one class for each "
                "sample; make a new estimator"
            )
        unknown = set(found.tolist()) - set(self.classes_.tolist())
        missing = set(self.classes_.tolist()) - set(found.tolist()) if self.warm_start else set()
        if unknown or missing:
            rule = "partial_fit takes the classes that were named at its first call"
            if self.warm_start:
                rule = "warm_start needs the same classes in every fit"
            raise ValueError(
                f"y has the classes {found}, but before there were {self.classes_}; {rule}"
            )

    def _rows(self, y: Array) -> Array:
        """What the outputs shall be: a column for each class or label, one for two classes."""
        if self._label_binarizer is not None:
            rows: Array = self._label_binarizer.transform(y)
            return rows
        places = np.searchsorted(self.classes_, y)
        if len(self.classes_) > 2:
            one_hot: Array = places[:, np.newaxis] == np.arange(len(self.classes_))
            return one_hot
        second: Array = places[:, np.newaxis] == 1
        return second

    def _output(self) -> str:
        several = self._label_binarizer is None and len(self.classes_) > 2
        return "softmax" if several else "logistic"

    def _weights_of_samples(self, X: Any, y: Any, sample_weight: Any) -> Array | None:
        weights = super()._weights_of_samples(X, y, sample_weight)
        if self.class_weight is None:
            return weights
        by_class: Array = _check_sample_weight(compute_sample_weight(self.class_weight, y), X)
        if self.batch_size == 1 and self.solver != "lbfgs" and by_class.min() < by_class.max():
            raise ValueError(
                "with batch_size=1 class_weight changes nothing: the loss of a batch is divided by "
                "the sum of its weights; give larger batches: batch_size=32"
            )
        return by_class if weights is None else weights * by_class

    def _score_of(self, outputs: Array, targets: Array, sample_weight: Array | None) -> float:
        """The accuracy: how many rows are predicted as they are, in all their labels."""
        if self._label_binarizer is not None:
            right = ((outputs > 0.5) == (targets > 0.5)).all(axis=1)
        else:
            right = self._chosen(outputs) == self._chosen(targets)
        return float(np.average(right, weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _reader_of_rows(y: Any) -> LabelBinarizer | None:
    """What reads rows of 0 and 1, of several labels; None where each sample has one class."""
    return LabelBinarizer().fit(y) if _has_rows(y) else None


def _has_rows(y: Any) -> bool:
    return bool(type_of_target(y).startswith("multilabel"))
