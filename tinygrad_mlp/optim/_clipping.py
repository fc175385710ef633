"""Gradient clipping: by the norm of all gradients together, or each by its value.

Both take either Values, whose ``grad`` they change, or an array of gradients, changed in place. For
Values the gradients are gathered into an array, so that there is one rule and one result.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import check_number
from tinygrad_mlp._freezing import is_frozen
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.optim._base import Parameter

__all__ = ["clip_by_norm", "clip_by_value"]


def clip_by_norm(values: Iterable[Parameter] | NDArray[Any], max_norm: float) -> float:
    """Scale the gradients down so that their L2 norm is at most max_norm.

    norm = sqrt(sum of g^2); where norm > max_norm, g = g * max_norm / (norm + 1e-6). The direction
    stays. A nan or inf among the gradients is not repaired: it shows in the result and in the
    gradients.

    Args:
        values: the Values with the gradients, of which frozen ones do not count; or an array of
            gradients of any shape.
        max_norm: the largest norm, above 0.

    Returns:
        The norm before clipping.

    Raises:
        InvalidArgumentError: if max_norm is not above 0, or ``values`` neither of the two.

    Source: Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural
    networks, algorithm 1; in the form of ``torch.nn.utils.clip_grad_norm_``.

    >>> gradients = np.array([3.0, -4.0])
    >>> clip_by_norm(gradients, max_norm=1.0)
    5.0
    >>> gradients.round(4)
    array([ 0.6, -0.8])
    """
    max_norm = check_number(max_norm, "max_norm", "clip_by_norm(values, max_norm=1.0)", above=0.0)
    gradients, owners = _gradients_of(values)
    with np.errstate(over="ignore", invalid="ignore"):
        norm = _norm(gradients)
        factor = max_norm / (norm + 1e-6)
        if not factor >= 1.0:  # nan too
            gradients *= factor
            _give_back(gradients, owners)
    return norm


def clip_by_value(values: Iterable[Parameter] | NDArray[Any], limit: float) -> None:
    """Bring every gradient into [-limit, limit].

    g = min(max(g, -limit), limit). The direction changes. nan stays nan.

    Args:
        values: the Values with the gradients, or an array of gradients of any shape.
        limit: the largest absolute value, above 0.

    Raises:
        InvalidArgumentError: if limit is not above 0, or ``values`` neither of the two.

    Source: the rule of ``torch.nn.utils.clip_grad_value_``.

    >>> gradients = np.array([3.0, -0.5])
    >>> clip_by_value(gradients, limit=1.0)
    >>> gradients
    array([ 1. , -0.5])
    """
    limit = check_number(limit, "limit", "clip_by_value(values, limit=0.5)", above=0.0)
    gradients, owners = _gradients_of(values)
    np.clip(gradients, -limit, limit, out=gradients)
    _give_back(gradients, owners)


def _gradients_of(
    values: Iterable[Parameter] | NDArray[Any],
) -> tuple[NDArray[Any], list[Parameter]]:
    """The gradients in an array, and the Values to give them back to: none for an array."""
    if isinstance(values, np.ndarray) and np.issubdtype(values.dtype, np.floating):
        return values, []
    if isinstance(values, np.ndarray) or not isinstance(values, Iterable):
        raise InvalidArgumentError(
            f"expected Values or an array of floats, got {described(values)}; "
            "for example clip_by_norm(model.parameters(), max_norm=1.0)"
        )
    owners = [value for value in values if value.has_grad and not is_frozen(value)]
    return np.array([value.grad for value in owners], dtype=np.float64), owners


def _give_back(gradients: NDArray[Any], owners: list[Parameter]) -> None:
    for value, gradient in zip(owners, gradients.tolist()):
        value.grad = gradient


def _norm(gradients: NDArray[Any]) -> float:
    """sqrt(sum of g^2), also where the squares alone would overflow."""
    norm = float(np.linalg.norm(gradients))
    if norm == np.inf:
        largest = float(np.max(np.abs(gradients)))
        if largest < np.inf:
            norm = largest * float(np.linalg.norm(gradients / largest))
    return norm
