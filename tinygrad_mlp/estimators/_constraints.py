"""What each parameter of an estimator may be, as scikit-learn's own checks take it."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Final

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from tinygrad_mlp.nn import ACTIVATIONS, activation_named
from tinygrad_mlp.nn._activations import Activation

__all__ = ["CONSTRAINTS", "activation_function", "activation_names"]


def activation_names() -> set[str]:
    """The activations by name, and by the names that scikit-learn has for two of them.

    >>> {"relu", "logistic", "identity", "gelu"} <= activation_names()
    True
    """
    return {*ACTIVATIONS, *ACTIVATIONS.present_aliases()}


def activation_function(name: str) -> Activation:
    """The function that a name or an alias means now, found fast: each prediction asks.

    Raises:
        UnknownNameError: if there is none of that name.

    >>> activation_function("logistic") is activation_function("sigmoid")
    True
    """
    listed = ACTIVATIONS.data.get(ACTIVATIONS.aliases.get(name, name))
    return listed or activation_named(name)


class _ActivationName(StrOptions):  # type: ignore[misc]
    """A name of an activation; also of those that are added to the table later."""

    def __init__(self) -> None:
        super().__init__(activation_names())

    def is_satisfied_by(self, val: object) -> bool:
        return isinstance(val, str) and val in activation_names()


def _whole(least: int) -> Any:
    return Interval(Integral, least, None, closed="left")


def _number(least: float, most: float | None = None, closed: str = "left") -> Any:
    return Interval(Real, least, most, closed=closed)


CONSTRAINTS: Final[dict[str, list[Any]]] = {
    "hidden_layer_sizes": ["array-like", _whole(1)],
    "activation": [_ActivationName(), list, tuple],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [_number(0)],
    "batch_size": [StrOptions({"auto"}), _whole(1)],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [_number(0, closed="neither")],
    "power_t": [_number(0)],
    "max_iter": [_whole(1)],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_number(0)],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [_number(0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_number(0, 1)],
    "beta_1": [_number(0, 1)],
    "beta_2": [_number(0, 1)],
    "epsilon": [_number(0, closed="neither")],
    "n_iter_no_change": [_whole(1), Options(Real, {np.inf})],
    "max_fun": [_whole(1)],
    "dropout": [_number(0, 1)],
    "batch_norm": ["boolean"],
}
"""By parameter, what it may be: one of these. Both estimators have these parameters."""
