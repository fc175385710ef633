"""The solver "lbfgs": SciPy's L-BFGS-B on all samples at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from tinygrad_mlp.estimators._batches import Samples
from tinygrad_mlp.estimators._compiled_network import Network
from tinygrad_mlp.estimators._fit_hooks import FitHooks
from tinygrad_mlp.estimators._flat_weights import Weights
from tinygrad_mlp.estimators._line_of_fit import warn_of_fit

__all__ = ["fit_by_lbfgs"]

Array = NDArray[Any]


def fit_by_lbfgs(
    estimator: Any, network: Network, samples: Samples, hooks: FitHooks | None
) -> Weights:
    """Minimize the objective on all samples, and return the weights.

    Args:
        estimator: its ``max_iter``, ``max_fun`` and ``tol`` are the limits; ``n_iter_`` and
            ``loss_`` are set.
        network: the network, of float64, with the weights to begin from.
        samples: what is learned.
        hooks: those of the estimator's callbacks; None for none.

    Source: Byrd, Lu, Nocedal and Zhu, A limited memory algorithm for bound constrained
    optimization, 1995.

    >>> from tinygrad_mlp.estimators import MLPRegressor
    >>> model = MLPRegressor("squared_error", [], solver="lbfgs", alpha=0.0, random_state=0)
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])
    >>> model.fit(X, y).predict([[10.0]]).round(3)
    array([21.])
    """

    def objective(numbers: Array) -> tuple[float, Array]:
        network.parameters[:] = numbers
        loss = network.objective(samples.X, samples.targets, samples.weights, estimator.alpha)
        return loss, network.gradients.copy()

    def weights_at(numbers: Array) -> Weights:
        network.parameters[:] = numbers
        return network.weights

    def after_iteration(intermediate_result: Any) -> None:
        estimator.n_iter_ += 1
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {intermediate_result.fun:.8f}")
        if hooks is not None:
            hooks.begin_epoch()  # only now, since SciPy does not say when an iteration begins
            if hooks.end_epoch(partial(weights_at, intermediate_result.x)):
                raise StopIteration  # which SciPy takes as the wish to stop

    estimator.n_iter_ = 0
    with np.errstate(all="ignore"):
        found = minimize(
            objective,
            network.parameters.copy(),
            method="L-BFGS-B",
            jac=True,
            callback=after_iteration,
            options={
                "maxfun": estimator.max_fun,
                "maxiter": estimator.max_iter,
                "gtol": estimator.tol,
            },
        )
    network.parameters[:] = found.x
    estimator.n_iter_ = min(int(found.nit), estimator.max_iter)
    estimator.loss_ = float(found.fun)
    if found.status != 0 and not (hooks is not None and hooks.stopped):
        _warn_of_no_convergence(estimator, str(found.message))
    return network.weights


def _warn_of_no_convergence(estimator: Any, message: str) -> None:
    warn_of_fit(
        f"{type(estimator).__name__} with solver='lbfgs' has not converged after "
        f"{estimator.n_iter_} iterations ({message}); scale the features, or give a larger "
        f"max_iter (now {estimator.max_iter}) or max_fun (now {estimator.max_fun})",
        ConvergenceWarning,
    )
