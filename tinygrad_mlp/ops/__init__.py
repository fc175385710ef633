"""The table of operations: for each one record, from which everything else follows.

A family of operations is a file; what its ``__all__`` lists is here, such as ``ops.ADD``. What a
record is stands in ``op``. Edge cases follow PyTorch: ``relu'(0) = 0``, ``abs'(0) = 0``, a tie in
``maximum`` splits in halves, ``log(0) = -inf``.
"""

from __future__ import annotations

from tinygrad_mlp._reference import Reference
from tinygrad_mlp.op import (
    CONSTANT,
    LETTERS,
    NOTHING,
    OPS,
    Nothing,
    Op,
    declare,
    op_named,
)
from tinygrad_mlp.ops._angles import *
from tinygrad_mlp.ops._batch_sums import *
from tinygrad_mlp.ops._comparisons import *
from tinygrad_mlp.ops._curves import *
from tinygrad_mlp.ops._pieces import *
from tinygrad_mlp.ops._powers import *
from tinygrad_mlp.ops._reductions import *
from tinygrad_mlp.ops._sums_and_products import *

__all__ = [
    "CONSTANT",
    "LETTERS",
    "NOTHING",
    "OPS",
    "Nothing",
    "Op",
    "Reference",
    "declare",
    "op_named",
]
