"""Other numbers for a graph, such that a person can compute with them on paper.

Weights and inputs are drawn from small round numbers. Of many draws that one is taken whose results
have the fewest digits, and where no more gradients are 0 than must be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.debug._recompute import recompute
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.graph import op_of, roles_of
from tinygrad_mlp.ops import Op

__all__ = ["DECIMALS", "can_be_done_by_hand", "draw_numbers", "is_arithmetic", "is_round"]

DECIMALS: Final = 4
"""So many decimals a number on the sheet has at most; what has more is rounded to them."""

BINARY: Final = 1e-9
"""So far a round number may be off for the binary fractions of the computer."""

DRAWS: Final = 80
"""Of so many draws the best is taken; or the first that is good enough."""
GOOD: Final = 0.5
LARGE: Final = 100.0
ALIKE: Final = 0.25
"""What it counts if two inputs or results are the same number; a 0 or a large number counts 1."""
SMALL: Final = 0.01
"""A rounded number below it has too few digits left."""

TENTHS: Final = tuple([sign * n / 10.0 for n in range(1, 10) for sign in (1, -1)])
HALVES: Final = (0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0)
WHOLE: Final = (1.0, -1.0, 2.0, -2.0, 3.0, -3.0)
BITS: Final = (0.0, 1.0)

BY_HAND: Final = ((WHOLE, TENTHS), (TENTHS, TENTHS), (WHOLE, HALVES), (WHOLE, WHOLE))
"""What inputs and parameters are drawn from, in turn: of whole numbers all results are round."""
WITH_TABLE: Final = ((TENTHS, TENTHS), (HALVES, TENTHS), (WHOLE, TENTHS))
"""The same where there are functions, which should not saturate."""

WORDS_BY_HAND: Final = frozenset(
    ["a", "b", "c", "p", "q", "r", "s", "t", "x", "w", "n", "xn", "wn", "max", "min", "if", "else"]
)
"""What a formula may hold beside signs and digits, if no function in it needs a table."""


def can_be_done_by_hand(formula: str) -> bool:
    """Whether a formula has sums, products, powers and cases alone.

    >>> [can_be_done_by_hand(text) for text in ("1 if x > 0 else 0", "2 x", "sqrt(x)", "cos(x)")]
    [True, True, False, False]
    """
    return WORDS_BY_HAND.issuperset(re.findall("[A-Za-z_]+", formula))


def is_arithmetic(op: Op) -> bool:
    """Whether a person can do an operation by hand.

    >>> [is_arithmetic(ops.op_named(name)) for name in ("relu", "dot", "square", "tanh", "log")]
    [True, True, True, False, False]
    """
    return can_be_done_by_hand(op.formula)


def is_round(x: float) -> bool:
    """Whether a number has no more than four decimals.

    >>> [is_round(x) for x in (0.1 * 0.3, 0.1234, 0.12345, 2.0 / 3.0)]
    [True, True, False, False]
    """
    return abs(round(x, DECIMALS) - x) <= BINARY


def draw_numbers(loss: Value, seed: int, parameters: Sequence[Value] | None = None) -> None:
    """Give the inputs and parameters of a graph other numbers, and run both passes.

    The plain numbers of a formula, such as the 0.5 in half a square, stay. So does the kind of an
    input or target that is 0 or 1.

    Args:
        loss: the output; its graph is changed.
        seed: which numbers.
        parameters: the leaves that are parameters, if they are known.

    Raises:
        GraphError: if no numbers are found with which all results are finite.

    >>> w, x = Value(0.123, label="w"), Value(4.567, label="x")
    >>> loss = (w * x).square()
    >>> draw_numbers(loss, seed=0)
    >>> is_round(w.grad), is_round(x.grad), is_round(loss.data)
    (True, True, True)
    """
    order = topological_order(loss)
    roles = roles_of(order, [loss], parameters)
    leaves = [node for node in order if not node.parents and roles[node] in _POOL]
    leaves.sort(key=lambda leaf: _POOL[roles[leaf]])
    n_inputs = sum([roles[leaf] == "input" for leaf in leaves])
    is_bit = [roles[x] == "input" and x.data in BITS and x.op is None for x in leaves]
    by_hand = all(is_arithmetic(op_of(node)) for node in order if node.parents)
    turns = BY_HAND if by_hand else WITH_TABLE
    rng = np.random.default_rng(seed)
    best, least = list[float](), math.inf
    for draw in range(DRAWS):
        pools = turns[draw % len(turns)]
        numbers = []
        for leaf, bit in zip(leaves, is_bit, strict=True):
            pool = BITS if bit else pools[_POOL[roles[leaf]]]
            numbers.append(pool[rng.integers(len(pool))])
        faults = _faults(loss, order, leaves, numbers, n_inputs, by_hand=by_hand)
        if faults < least:
            best, least = numbers, faults
        if faults <= GOOD:
            break
    if least == math.inf:
        raise GraphError(
            f"none of {DRAWS} draws of round numbers gave finite numbers in this graph; a sheet "
            "needs one without such limits, such as a log of what may be negative"
        )
    _faults(loss, order, leaves, best, n_inputs, by_hand=by_hand)


_POOL: Final = {"input": 0, "parameter": 1}
"""Which of two pools the leaves of a role are drawn from; others keep their numbers."""


def _faults(
    loss: Value,
    order: Sequence[Value],
    leaves: Sequence[Value],
    numbers: Sequence[float],
    n_inputs: int,
    *,
    by_hand: bool,
) -> float:
    """How bad the results are with these numbers; inf where one of them is not finite."""
    for leaf, number in zip(leaves, numbers, strict=True):
        leaf.data = number
    recompute(loss)
    for leaf in order:
        leaf.zero_grad()
    loss.backward()
    results = [node.data for node in order if node.parents]
    gradients = [node.grad for node in order if node.op is not ops.CONSTANT]
    if not all(map(math.isfinite, [*results, *gradients])):
        return math.inf
    shown = [*results, *gradients]
    n_long = sum([not is_round(x) for x in shown])
    n_tiny = sum([not is_round(x) and abs(x) < SMALL for x in shown])
    n_large = sum([abs(x) >= LARGE for x in shown])
    n_zero = sum([abs(x) < 1e-12 for x in gradients])
    alike = [round(x, DECIMALS) for x in (*numbers[:n_inputs], *results)]
    n_alike = len(alike) - len(set(alike))
    most = 4 * len(shown)
    return (most * n_long if by_hand else 0) + n_tiny + n_large + n_zero + ALIKE * n_alike
