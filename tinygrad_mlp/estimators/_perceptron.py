"""What both estimators are: parameters, fitted attributes, and the way from samples to weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from tinygrad_mlp.engine import Value
from tinygrad_mlp.estimators._batches import Samples
from tinygrad_mlp.estimators._compiled_network import Architecture, model_of
from tinygrad_mlp.estimators._constraints import CONSTRAINTS, activation_function
from tinygrad_mlp.estimators._explaining import explain
from tinygrad_mlp.estimators._fit_hooks import FitHooks
from tinygrad_mlp.estimators._flat_weights import Weights
from tinygrad_mlp.estimators._frame_checks import check_features_of_frame
from tinygrad_mlp.estimators._initial_weights import draw_weights_and_biases
from tinygrad_mlp.estimators._lbfgs import fit_by_lbfgs
from tinygrad_mlp.estimators._lending import lent_network
from tinygrad_mlp.estimators._stochastic_fit import StochasticFit
from tinygrad_mlp.estimators._update_rules import UpdateRule
from tinygrad_mlp.estimators._what_fits_together import (
    check_going_on,
    check_together,
    checked_names,
    checked_sizes,
)
from tinygrad_mlp.nn import MLP

if TYPE_CHECKING:
    import torch

__all__ = ["Perceptron", "fits_in_steps"]

Array = NDArray[Any]

SPARSE: Final = ("csr", "csc")


def fits_in_steps(estimator: Any) -> bool:
    """Whether it has ``partial_fit``: with a solver that takes a batch at a time.

    Raises:
        AttributeError: for the solver "lbfgs".

    >>> from tinygrad_mlp.estimators import MLPRegressor
    >>> hasattr(MLPRegressor(), "partial_fit"), hasattr(MLPRegressor(solver="lbfgs"), "partial_fit")
    (True, False)
    """
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit goes batch by batch, which solver='lbfgs' cannot; take solver='adam' or "
            "solver='sgd'"
        )
    return True


class Perceptron(CallbackSupportMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """What ``MLPClassifier`` and ``MLPRegressor`` share; a base class, and not one to use.

    >>> from tinygrad_mlp.estimators import MLPClassifier, MLPRegressor
    >>> issubclass(MLPClassifier, Perceptron) and issubclass(MLPRegressor, Perceptron)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    coefs_: list[Array]
    intercepts_: list[Array]
    out_activation_: str
    _rule: UpdateRule

    # What a kind of estimator says of itself

    @abstractmethod
    def _checked(self, X: Any, y: Any, *, first: bool, incremental: bool) -> tuple[Any, Array]:
        """Features and targets, the latter as rows of floats."""

    @abstractmethod
    def _output(self) -> str:
        """The name of the output's activation."""

    @abstractmethod
    def _score_of(self, outputs: Array, targets: Array, sample_weight: Array | None) -> float:
        """The score of samples that were held out."""

    def _weights_of_samples(self, X: Any, y: Any, sample_weight: Any) -> Array | None:
        if sample_weight is None:
            return None
        checked: Array = _check_sample_weight(sample_weight, X)
        return checked

    # From samples to weights

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, incremental: bool) -> Self:
        if not get_config()["skip_parameter_validation"]:
            self._validate_params()
        sizes = checked_sizes(self.hidden_layer_sizes)
        check_together(self, sizes, incremental=incremental)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        given = (X, y, sample_weight)
        X, targets = self._checked(X, y, first=first, incremental=incremental)
        X = X if isinstance(X, np.ndarray) else X.tocsr()
        weights = self._weights_of_samples(X, y, sample_weight)
        n_outputs = targets.shape[1]
        if not first:
            check_going_on(self, self._weights(), sizes, n_outputs, self._output())
        self.n_outputs_ = n_outputs
        self._random_state = check_random_state(self.random_state)
        if first:
            self._begin([X.shape[1], *sizes, n_outputs], X.dtype)
        samples = Samples(X, targets, weights)
        hooks = None if incremental else FitHooks(self, *given)
        if self.solver == "lbfgs":
            self._fit_at_once(samples, hooks)
        else:
            self._fit_in_steps(samples, hooks)
        if not self._weights().are_finite():
            raise ValueError(
                "the training has ended with weights that are nan or infinite; scale the features "
                "(sklearn.preprocessing.StandardScaler), or take a smaller learning_rate_init"
            )
        if hooks is not None:
            hooks.end_fit(self._weights)
        return self

    def _begin(self, sizes: list[int], dtype: np.dtype[Any]) -> None:
        """Draw the weights, and set what counts to its start."""
        self.n_iter_, self.t_ = 0, 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._output()
        names = checked_names(self.activation, len(sizes) - 2)
        names.append(names[-1] if names else self.activation)  # by which the output layer begins
        self.coefs_, self.intercepts_ = draw_weights_and_biases(
            sizes, names, dtype, self._random_state
        )
        self.norms_ = [_fresh_norm(size, dtype) for size in sizes[1:-1] if self.batch_norm]
        if hasattr(self, "_rule"):
            del self._rule  # its velocities belong to the weights of before
        if self.solver != "lbfgs":
            self._begin_curves()

    def _begin_curves(self) -> None:
        self.loss_curve_: list[float] = []
        self.best_loss_: float | None = np.inf
        self.validation_scores_: list[float] | None = None
        self.validation_loss_curve_: list[float] | None = None
        self.best_validation_score_: float | None = None
        self._no_improvement_count = 0

    def _fit_in_steps(self, samples: Samples, hooks: FitHooks | None) -> None:
        if not hasattr(self, "loss_curve_"):  # the weights are of "lbfgs", which has no curves
            self._begin_curves()
        dtype = self.coefs_[0].dtype
        with lent_network(self._architecture(dtype)) as network:
            network.weights = self._weights()
            if self.dropout:
                network.seed([self._random_state.randint(2**31), self.t_])
            training = StochasticFit(self, network, hooks)
            self._keep(training.run(samples.astype(dtype)))

    def _fit_at_once(self, samples: Samples, hooks: FitHooks | None) -> None:
        """In float64, since the line search compares losses that differ little."""
        dtype = self.coefs_[0].dtype
        with lent_network(self._architecture(np.dtype(np.float64))) as network:
            network.weights = self._weights()
            found = fit_by_lbfgs(self, network, samples.astype(np.float64), hooks)
        self._keep(found.astype(dtype))

    def _weights(self) -> Weights:
        return Weights(self.coefs_, self.intercepts_, self.norms_)

    def _keep(self, weights: Weights) -> None:
        self.coefs_, self.intercepts_ = weights.coefs, weights.intercepts
        self.norms_ = weights.norms

    def _architecture(self, dtype: np.dtype[Any]) -> Architecture:
        sizes = self._weights().sizes
        names = checked_names(self.activation, len(sizes) - 2)
        functions = {name: activation_function(name) for name in set(names)}
        return Architecture(
            sizes,
            tuple([functions[name] for name in names]),
            self.out_activation_,
            dtype.name,
            self.dropout,
            batch_norm=len(self.norms_) > 0,
        )

    # From samples to outputs

    def _outputs(self, X: Any) -> Array:
        """The outputs, (n_samples, n_outputs), of float32 if features and weights are that."""
        X, architecture = self._to_predict(X)
        with lent_network(architecture) as network:
            network.weights = self._weights()
            return network.outputs(X)

    def _to_predict(self, X: Any) -> tuple[Any, Architecture]:
        check_is_fitted(self)
        if not self._is_checked(X):
            check_features_of_frame(X)
            X = validate_data(self, X, accept_sparse=SPARSE, reset=False)
        is_narrow = self.coefs_[0].dtype == np.float32 and np.can_cast(X.dtype, np.float32)
        dtype = np.dtype(np.float32 if is_narrow else np.float64)
        if not isinstance(X, np.ndarray):
            X = X.tocsr()
        return X.astype(dtype, copy=False), self._architecture(dtype)

    def _is_checked(self, X: Any) -> bool:
        """Whether it is plain that scikit-learn's checks, which take long, would find nothing."""
        is_plain = (
            type(X) is np.ndarray
            and X.dtype in (np.float64, np.float32)
            and X.ndim == 2
            and X.shape[1] == self.n_features_in_
            and len(X) > 0
            and not hasattr(self, "feature_names_in_")
        )
        with np.errstate(all="ignore"):
            return is_plain and bool(np.isfinite(X.sum()))

    def activations(self, X: ArrayLike) -> list[Array]:
        """The outputs of every layer, those of the network last.

        Args:
            X: the features, (n_samples, n_features).

        Returns:
            An array (n_samples, n_neurons) for each layer.

        >>> from tinygrad_mlp.estimators import MLPRegressor
        >>> model = MLPRegressor(hidden_layer_sizes=[3], solver="lbfgs", random_state=0)
        >>> model = model.fit([[0.0], [1.0]], [0.0, 1.0])
        >>> [outputs.shape for outputs in model.activations([[0.5]])]
        [(1, 3), (1, 1)]
        """
        X, architecture = self._to_predict(X)
        with lent_network(architecture) as network:
            network.weights = self._weights()
            return network.outputs_by_layer(X)

    def to_mlp(self) -> MLP:
        """An ``MLP`` with the weights that it has learned, to draw and to look into.

        >>> from tinygrad_mlp.estimators import MLPRegressor
        >>> model = MLPRegressor(hidden_layer_sizes=[3], solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0]], [0.0, 1.0]).to_mlp()
        MLP of [Layer of 3 relu(1) neurons, Layer of 1 linear(3) neuron]
        """
        check_is_fitted(self)
        return model_of(self._architecture(np.dtype(np.float64)), self._weights())

    def to_torch(self) -> torch.nn.Sequential:
        """The network as an ``nn.Sequential`` of PyTorch, in float64 and eval mode.

        A classifier's gives probabilities, of two classes that of the second one; a regressor's
        gives what ``predict`` gives.

        Raises:
            MissingDependencyError: without torch.
            InvalidArgumentError: for an activation that torch has no module for, such as the exp at
                the end of a regressor with ``loss="poisson"``.

        >>> from tinygrad_mlp.estimators import MLPRegressor
        >>> model = MLPRegressor(hidden_layer_sizes=[3], solver="lbfgs", random_state=0)
        >>> network = model.fit([[0.0], [1.0]], [0.0, 1.0]).to_torch()
        >>> {name: tuple(each.shape) for name, each in network.state_dict().items()}
        {'0.weight': (3, 1), '0.bias': (3,), '2.weight': (1, 3), '2.bias': (1,)}
        """
        from tinygrad_mlp.interchange import to_torch

        return to_torch(self.to_mlp()).eval()

    def graph(self, row: ArrayLike) -> list[Value]:
        """The computation of one prediction as a graph of Values, to draw and to step through.

        Args:
            row: the features of one sample, (n_features,) or (1, n_features).

        Returns:
            A Value for each output: probabilities of a classifier (of the second class where there
            are two), values of a regressor.

        Raises:
            ValueError: for several samples.

        >>> from tinygrad_mlp.estimators import MLPRegressor
        >>> model = MLPRegressor(hidden_layer_sizes=[3], solver="lbfgs", random_state=0)
        >>> model = model.fit([[0.0], [1.0]], [0.0, 1.0])
        >>> (output,) = model.graph([0.5])
        >>> output.op.name, round(output.data - model.predict([[0.5]]).item(), 12)
        ('dot', 0.0)
        """
        check_is_fitted(self)
        check_features_of_frame(row)
        has_names = np.ndim(row) == 2  # a single row of an array has none, and needs none
        X = validate_data(self, row, reset=False) if has_names else check_array([row])
        if X.shape != (1, self.n_features_in_):
            raise ValueError(
                f"graph takes one sample of {self.n_features_in_} features, got the shape "
                f"{np.shape(row)}; give one row: graph(X[0])"
            )
        names = getattr(self, "feature_names_in_", [None] * X.shape[1])
        inputs = [Value(x, label=name or "") for x, name in zip(X[0].tolist(), names)]
        return self.to_mlp().forward(inputs)

    explain = explain

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _fresh_norm(size: int, dtype: np.dtype[Any]) -> Array:
    """Scales 1, shifts 0, running means 0, running variances 1."""
    return np.outer([1.0, 0.0, 0.0, 1.0], np.ones(size)).astype(dtype)
