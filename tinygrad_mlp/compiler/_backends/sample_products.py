"""Products of two computed matrices in each sample, as attention has them, at the replay.

The samples are the last axis of every array of the program, which suits everything but these:
``einsum`` takes them as they lie and is no match for a matrix product of some size, which wants the
samples first. Where the matrices are large enough, and a sample's numbers not too far apart in
memory, copying them there and back is cheap beside the product.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["einsum_by_sample", "is_worth_copying", "weighted_sum"]

_LEAST_PRODUCTS_PER_COPY: Final = 5
_MOST_SAMPLES: Final = 64


def is_worth_copying(p: int, q: int, k: int) -> bool:
    """Whether a product (p, k) @ (k, q) outweighs the copies of all three matrices.

    >>> is_worth_copying(4, 4, 4), is_worth_copying(24, 24, 32)
    (False, True)
    """
    products = p * q * k
    copies = p * k + k * q + p * q
    return products >= _LEAST_PRODUCTS_PER_COPY * copies


def einsum_by_sample(
    formula: str, x: NDArray[Any], y: NDArray[Any], out: NDArray[Any]
) -> NDArray[Any]:
    """What ``np.einsum`` gives, by matrix products unless there are many samples.

    Args:
        formula: as in ``"spkb,sqkb->spqb"``: stacked products of two matrices, the samples last.
        x: the first operand.
        y: the second operand.
        out: where the result goes.

    >>> x, y = np.arange(6.0).reshape(1, 2, 3, 1), np.arange(12.0).reshape(1, 4, 3, 1)
    >>> einsum_by_sample("spkb,sqkb->spqb", x, y, np.empty((1, 2, 4, 1)))[0, :, :, 0].tolist()
    [[5.0, 14.0, 23.0, 32.0], [14.0, 50.0, 86.0, 122.0]]
    """
    if out.shape[-1] > _MOST_SAMPLES:
        np.einsum(formula, x, y, out=out)
        return out
    operands, result = formula.split("->")
    first, second = operands.split(",")
    row, column = result[1], result[2]
    if row not in first:
        first, second, x, y = second, first, y, x
    left = np.ascontiguousarray(x.transpose(3, 0, 1, 2))
    right = np.ascontiguousarray(y.transpose(3, 0, 1, 2))
    if first[1] != row:
        left = left.swapaxes(-1, -2)
    if second[2] != column:
        right = right.swapaxes(-1, -2)
    np.copyto(out, np.matmul(left, right).transpose(1, 2, 3, 0))
    return out


def weighted_sum(weights: NDArray[Any], x: NDArray[Any]) -> float:
    """The sum of all products, in which a weight of 0 counts nothing: 0 * inf is not nan.

    Args:
        weights: the weights, of any shape.
        x: what they weigh, of the same shape.

    >>> weighted_sum(np.array([0.0, 0.5]), np.array([-np.inf, 3.0]))
    1.5
    """
    total = float(np.vdot(weights, x))
    if total == total:
        return total
    return float(np.vdot(weights, np.where(weights == 0.0, 0.0, x)))
