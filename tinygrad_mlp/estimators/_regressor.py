"""``MLPRegressor``: numbers from features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.callback import with_callbacks
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from tinygrad_mlp.estimators._constraints import CONSTRAINTS
from tinygrad_mlp.estimators._frame_checks import (
    check_features_of_frame,
    check_targets_of_frame,
)
from tinygrad_mlp.estimators._perceptron import SPARSE, Perceptron, fits_in_steps

__all__ = ["MLPRegressor"]

Array = NDArray[Any]


class MLPRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron for regression, as ``sklearn.neural_network.MLPRegressor``.

    Args:
        loss: "squared_error", or "poisson" for counts, whose output is the exponential of the last
            layer.
        hidden_layer_sizes: the number of neurons of each hidden layer.

    All other parameters, methods and attributes are those of ``MLPClassifier``, except what is
    about classes. ``score`` is the coefficient of determination.

    >>> X, y = np.linspace(-1.0, 1.0, 50).reshape(-1, 1), np.linspace(-1.0, 1.0, 50) ** 2
    >>> model = MLPRegressor(hidden_layer_sizes=[20], solver="lbfgs", alpha=0.0, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.99
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    def __init__(
        self,
        loss: str = "squared_error",
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
    ) -> None:
        self.loss = loss
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

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on samples, from new weights unless ``warm_start`` is set.

        Args:
            X: the features, (n_samples, n_features), an array, a sparse matrix, or a frame of
                pandas or polars with columns of numbers and truth values.
            y: the targets, (n_samples,) or (n_samples, n_outputs).
            sample_weight: how much each sample counts, (n_samples,), beside the others of its
                batch: the smaller ``batch_size``, the less, and with 1 not at all.

        Raises:
            DataError: for a frame with text, dates or categories, and for missing targets.
            ValueError: for data or parameters that will not do; if the weights become infinite.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(fits_in_steps)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train on for one epoch over these samples; arguments and errors as for ``fit``."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: ArrayLike) -> Array:
        """The values, (n_samples,) or (n_samples, n_outputs)."""
        outputs = self._outputs(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _checked(self, X: Any, y: Any, *, first: bool, incremental: bool) -> tuple[Any, Array]:
        check_features_of_frame(X)
        check_targets_of_frame(y, numbers=True)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=SPARSE,
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=first,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(
                f"loss='poisson' is for counts, but the smallest target is {y.min()}; "
                "take loss='squared_error', or targets of at least 0"
            )
        return X, y.reshape(len(y), -1).astype(X.dtype, copy=False)

    def _output(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _score_of(self, outputs: Array, targets: Array, sample_weight: Array | None) -> float:
        if not np.isfinite(outputs).all():
            return np.nan
        return float(r2_score(targets, outputs, sample_weight=sample_weight))
