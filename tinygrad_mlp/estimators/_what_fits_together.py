"""Parameters that must agree with each other, and with the weights from which a fit goes on."""

from __future__ import annotations

from typing import Any

from tinygrad_mlp.estimators._constraints import activation_names
from tinygrad_mlp.estimators._flat_weights import Weights

__all__ = ["check_going_on", "check_together", "checked_names", "checked_sizes"]


def checked_sizes(hidden_layer_sizes: Any) -> list[int]:
    """The number of neurons of each hidden layer.

    Raises:
        ValueError: for a layer without a neuron.

    >>> checked_sizes(5), checked_sizes((3, 2))
    ([5], [3, 2])
    """
    given = hidden_layer_sizes
    sizes = list(given) if hasattr(given, "__iter__") else [given]
    if any([size <= 0 for size in sizes]):
        raise ValueError(
            f"hidden_layer_sizes is {sizes}, but a layer has one neuron at least; for example "
            "hidden_layer_sizes=(100,)"
        )
    return sizes


def checked_names(activation: Any, n_hidden: int) -> list[str]:
    """The name of the activation of each hidden layer, as it was given.

    Raises:
        ValueError: for a list that is too short or too long, or has something else than a name.

    >>> checked_names("relu", 2), checked_names(["tanh", "logistic"], 2)
    (['relu', 'relu'], ['tanh', 'logistic'])
    """
    if isinstance(activation, str):
        return [activation] * n_hidden
    names, known = list(activation), activation_names()
    if len(names) != n_hidden:
        raise ValueError(
            f"activation is a list of {len(names)}, but there are {n_hidden} hidden layers; "
            "give one for each of them, or one name for all: activation='relu'"
        )
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ValueError(
                f"activation has {name!r}, which is no activation of a hidden layer; take some of "
                f"{sorted(known)}"
            )
    return names


def check_together(estimator: Any, sizes: list[int], *, incremental: bool) -> None:
    """Refuse parameters of which each is right by itself.

    Raises:
        ValueError: saying which to change.

    >>> from tinygrad_mlp.estimators import MLPRegressor
    >>> check_together(MLPRegressor(batch_norm=True), [100], incremental=False)
    >>> check_together(MLPRegressor(batch_norm=True), [], incremental=False)
    Traceback (most recent call last):
        ...
    ValueError: batch_norm stands in hidden layers, and would do nothing without a hidden layer; \
take batch_norm=False, or give a hidden layer: hidden_layer_sizes=(100,)
    """
    if incremental and estimator.early_stopping:
        raise ValueError(
            "partial_fit does not support early_stopping=True: there is one epoch, among which "
            "none is the best; take early_stopping=False"
        )
    if estimator.solver == "lbfgs" and (estimator.dropout or estimator.batch_norm):
        raise ValueError(
            "solver='lbfgs' needs a loss that is the same each time, which it is not with "
            "dropout or batch_norm; take solver='adam' or solver='sgd'"
        )
    if estimator.batch_norm and not sizes:
        raise ValueError(
            "batch_norm stands in hidden layers, and would do nothing without a hidden layer; "
            "take batch_norm=False, or give a hidden layer: hidden_layer_sizes=(100,)"
        )


def check_going_on(
    estimator: Any, weights: Weights, sizes: list[int], n_outputs: int, output: str
) -> None:
    """Refuse to train weights on that are of another network than is asked for now.

    Args:
        estimator: the estimator, whose ``batch_norm`` is looked at.
        weights: those that there are.
        sizes: the number of neurons of each hidden layer that is asked for.
        n_outputs: the number of columns of the targets.
        output: the activation of the output that is asked for.

    Raises:
        ValueError: saying what has changed.

    >>> from tinygrad_mlp.estimators import MLPRegressor
    >>> model = MLPRegressor(hidden_layer_sizes=[3], solver="lbfgs", random_state=0)
    >>> model = model.fit([[0.0], [1.0]], [0.0, 1.0])
    >>> weights = Weights(model.coefs_, model.intercepts_, model.norms_)
    >>> check_going_on(model, weights, [3], 1, "identity")
    >>> check_going_on(model, weights, [4], 1, "identity")
    Traceback (most recent call last):
        ...
    ValueError: MLPRegressor would go on from weights of another network: hidden_layer_sizes was \
[3], and now it is [4]; to begin anew, call fit with warm_start=False
    """
    _, *hidden, outputs = weights.sizes
    changes = {
        "hidden_layer_sizes": (hidden, sizes),
        "batch_norm": (len(weights.norms) > 0, bool(estimator.batch_norm)),
        "the number of outputs": (outputs, n_outputs),
        "the activation of the output": (estimator.out_activation_, output),
    }
    for what, (before, now) in changes.items():
        if before != now:
            raise ValueError(
                f"{type(estimator).__name__} would go on from weights of another network: {what} "
                f"was {before}, and now it is {now}; to begin anew, call fit with "
                "warm_start=False"
            )
