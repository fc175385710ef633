"""Where a straight path bends: the points at which a relu, or another corner, switches.

Between these points the sums before the corners are linear along the path, so a switch is found
exactly, by a straight line through two points, layer by layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import ops
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, TracingError
from tinygrad_mlp.graph import order_of
from tinygrad_mlp.interpret._asked_about import Model, Score
from tinygrad_mlp.interpret._hidden_units import varying
from tinygrad_mlp.interpret._many_samples import program_for
from tinygrad_mlp.training._predictor import in_blocks

__all__ = ["Pieces"]

Floats: TypeAlias = NDArray[np.float64]

SUMS: Final = (ops.ADD, ops.SUB, ops.NEG, ops.SUM)
"""Linear in all operands together."""

PRODUCTS: Final = (ops.MUL, ops.WEIGHTED, ops.DOT)
"""Linear in each operand alone."""


class Pieces:
    """The pieces of a path on which a score is smooth, as far as its corners can be found.

    They are those of relu, leaky relu, the absolute value, the larger or smaller of two, and a
    clamp, of what is linear between other corners. Where the score itself is linear on each piece,
    as the logits of a relu network are, its gradient is the same all along it.

    Args:
        model: the model that the score asks.
        score: one number of the inputs of one sample.

    Attributes:
        are_linear: whether the score is linear on each piece; known when ``cuts`` was called.

    >>> pieces = Pieces(max, lambda x: x[0].relu() + abs(x[0] - 2.0))
    >>> (cuts,) = pieces.cuts(np.array([[-1.0]]), np.array([[3.0]]))
    >>> cuts, pieces.are_linear
    (array([0.  , 0.25, 0.75, 1.  ]), True)
    """

    def __init__(self, model: Model, score: Score) -> None:
        self._score = score
        self._levels: list[int] = []
        self.are_linear = False
        self._program = program_for(model, self._switches)

    def cuts(self, starts: Floats, ends: Floats) -> list[Floats]:
        """Where the pieces begin and end on each path, from 0.0 to 1.0.

        Args:
            starts: where the paths begin, (n_samples, n_features).
            ends: where they end, likewise.
        """
        cuts = [np.array([0.0, 1.0]) for _ in starts]
        try:
            self._switched(starts[:1])
        except (GraphError, TracingError):
            return cuts  # it cannot be recorded
        levels = np.array(self._levels)
        for level in np.unique(levels).tolist():
            rows = np.repeat(np.arange(len(starts)), [len(cut) for cut in cuts])
            at = np.concatenate(cuts)[:, None]
            switched = self._switched(starts[rows] + at * (ends - starts)[rows])[:, levels == level]
            bounds = np.cumsum([len(cut) for cut in cuts])[:-1]
            cuts = [_with_crossings(*pair) for pair in zip(cuts, np.split(switched, bounds))]
        return cuts

    def _switched(self, X: Floats) -> Floats:
        return in_blocks(self._program, X, np.asarray)

    def _switches(self, x: Sequence[Value]) -> list[Value]:
        """What changes its sign where a corner is passed; the score itself if there is none."""
        score = self._score(x)
        found = _Corners(score, x)
        self._levels, self.are_linear = found.levels, score in found.level_of
        return found.switches or [score]


class _Corners:
    """The corners in the graph of one sample."""

    def __init__(self, score: Value, x: Sequence[Value]) -> None:
        order = order_of([score])
        self.switches: list[Value] = []
        self.levels: list[int] = []
        self.level_of: dict[Value, int] = {}
        """Of each node that is linear between corners: how many lie behind one another in it."""
        depends = varying(order, x)
        for node in order:
            if node not in depends or not node.parents:
                self.level_of[node] = 0
            else:
                self._look_at(node, depends)

    def _look_at(self, node: Value, depends: set[Value]) -> None:
        moving = [parent for parent in node.parents if parent in depends]
        if not all([parent in self.level_of for parent in moving]):
            return
        level = max([self.level_of[parent] for parent in moving])
        is_linear = _is_linear(node, depends)
        switches = [] if is_linear else _switches_of(node, depends)
        if is_linear or switches:
            self.level_of[node] = level + bool(switches)
        self.switches += switches
        self.levels += [level + 1] * len(switches)


def _is_linear(node: Value, depends: set[Value]) -> bool:
    parents, op = node.parents, node.op
    if op in SUMS:
        return True
    if op is ops.DIV:
        return parents[1] not in depends
    if op in PRODUCTS:
        n = len(parents) // 2
        return not any([a in depends and b in depends for a, b in zip(parents[:n], parents[n:])])
    return op is ops.WHERE and parents[0] not in depends


def _switches_of(node: Value, depends: set[Value]) -> list[Value]:
    op, (first, *rest) = node.op, node.parents
    if op in (ops.RELU, ops.ABS):
        return [first]
    if op is ops.LEAKY_RELU and rest[0] not in depends:
        return [first]
    if op in (ops.MAXIMUM, ops.MINIMUM, ops.CLAMP):
        return [first - other for other in rest]
    return []


def _with_crossings(cut: Floats, switched: Floats) -> Floats:
    """The points of one path, and those between them at which a column changes its sign."""
    before, after = switched[:-1], switched[1:]
    with np.errstate(invalid="ignore"):
        piece, column = np.nonzero(np.sign(before) * np.sign(after) < 0.0)
    a, b = before[piece, column], after[piece, column]
    crossings = cut[piece] + (cut[piece + 1] - cut[piece]) * (a / (a - b))
    return np.unique(np.concatenate([cut, crossings]))
