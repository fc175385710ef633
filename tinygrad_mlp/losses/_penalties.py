"""L1 and L2 penalties on the parameters, to be added to a loss."""

from __future__ import annotations

from collections.abc import Iterable

from tinygrad_mlp import functional
from tinygrad_mlp._arguments import check_number
from tinygrad_mlp.engine import Value

__all__ = ["l1_penalty", "l2_penalty"]


def l1_penalty(parameters: Iterable[Value], strength: float) -> Value:
    """strength * (abs(p1) + ... + abs(pn)), which drives parameters to exactly 0.

    Derivative by p: strength times the sign of p, 0 at 0.

    Args:
        parameters: the Values to keep small, for example ``model.parameters()``.
        strength: the factor, at least 0.

    Raises:
        InvalidArgumentError: if the strength is negative or not finite.

    >>> l1_penalty([Value(3.0), Value(-4.0)], 0.5).data
    3.5
    """
    call = "l1_penalty(model.parameters(), 0.01)"
    strength = check_number(strength, "strength", call, at_least=0.0)
    return strength * functional.sum([abs(parameter) for parameter in parameters])


def l2_penalty(parameters: Iterable[Value], strength: float) -> Value:
    """strength * (p1^2 + ... + pn^2), which keeps parameters small. Derivative by p: 2 strength p.

    There is no factor 1/2: gradient descent with a strength of s is weight decay by 2 s.
    The squares and their sum are one node.

    Args:
        parameters: the Values to keep small, for example ``model.parameters()``.
        strength: the factor, at least 0.

    Raises:
        InvalidArgumentError: if the strength is negative or not finite.

    >>> l2_penalty([Value(3.0), Value(-4.0)], 0.5).data
    12.5
    """
    call = "l2_penalty(model.parameters(), 0.01)"
    strength = check_number(strength, "strength", call, at_least=0.0)
    factors = list(parameters)
    return strength * functional.dot(factors, factors)
