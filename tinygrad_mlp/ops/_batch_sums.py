"""What is one number for all samples of a batch: the sum and the mean over them.

Their rules are not computed from the numbers of one sample; whoever has the batch computes them.
"""

from __future__ import annotations

from typing import Any, Final

from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp.op import Op

__all__ = ["BATCH_MEAN", "BATCH_SUM", "OVER_BATCH"]


def _over_batch(xp: Interpreter, *inputs: Any) -> Any:
    raise TypeError("one sample says nothing about the others of its batch")


BATCH_SUM: Final = Op(
    name="batch_sum",
    forward=_over_batch,
    partials=(_over_batch,),
    formula="x1 + ... + xB over the samples of the batch",
    partial_formulas=("1",),
)
"""Marks the sum over the samples of a batch, where one of them is recorded; in a graph of the batch
it is ``SUM`` with an operand for each sample."""

BATCH_MEAN: Final = Op(
    name="batch_mean",
    forward=_over_batch,
    partials=(_over_batch,),
    formula="(x1 + ... + xB) / B over the samples of the batch",
    partial_formulas=("1 / B",),
)
"""Likewise the mean over the samples."""

OVER_BATCH: Final = frozenset([BATCH_SUM, BATCH_MEAN])
"""What is one number for all samples of a batch, and needs all of them."""
