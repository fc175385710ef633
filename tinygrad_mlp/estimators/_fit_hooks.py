"""Callbacks of scikit-learn in a fit.

A callback is set by ``set_callbacks``, which scikit-learn documents. Its hooks run at the begin and
at the end of the fit and of each epoch, or each iteration of "lbfgs". One that returns True at the
end of an epoch stops the training there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_mlp.estimators._flat_weights import Weights

__all__ = ["FitHooks"]


class FitHooks:
    """Calls the hooks of an estimator's callbacks, if it has some.

    Args:
        estimator: the estimator that is fitted.
        X: the features, as ``fit`` got them.
        y: the targets, likewise.
        sample_weight: the weights, likewise.

    Attributes:
        stopped: whether a callback wants no further epoch.

    >>> from tinygrad_mlp.estimators import MLPRegressor
    >>> hooks = FitHooks(MLPRegressor(), [[0.0]], [0.0], None)
    >>> hooks.begin_epoch()
    >>> hooks.end_epoch(lambda: Weights([], [], []))
    False
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self.stopped = False
        self._estimator = estimator
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit: Any = None
        self._epoch: Any = None
        if getattr(estimator, "_skl_callbacks", ()):
            self._fit = estimator._init_callback_context(max_subtasks=estimator.max_iter)
            self._fit.call_on_fit_task_begin(**self._data)

    def begin_epoch(self) -> None:
        """An epoch, or an iteration of "lbfgs", begins."""
        if self._fit is not None:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._data)

    def end_epoch(self, weights: Callable[[], Weights]) -> bool:
        """It ends; whether a callback wants the training to stop.

        Args:
            weights: gives the weights of this moment, asked for if a callback wants to predict.
        """
        if self._fit is not None:
            self.stopped |= self._ended(self._epoch, weights)
        return self.stopped

    def end_fit(self, weights: Callable[[], Weights]) -> None:
        """The fit ends, with these weights."""
        if self._fit is not None:
            self._ended(self._fit, weights)

    def _ended(self, task: Any, weights: Callable[[], Weights]) -> bool:
        def attributes() -> dict[str, Any]:
            now = weights()
            return {"coefs_": now.coefs, "intercepts_": now.intercepts, "norms_": now.norms}

        return bool(task.call_on_fit_task_end(**self._data, reconstruction_attributes=attributes))
