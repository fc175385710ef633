"""The graph of a batch in Values, node by node for all samples: as a mapped program computes it.

A function of one sample that takes the mean over its batch cannot run for one sample after the
other. It is recorded once, and here its nodes are made again: each for all samples before the next
one, a sum or a mean over them as one node with an operand for each sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from tinygrad_mlp import functional, ops
from tinygrad_mlp._dot_node import dot_node
from tinygrad_mlp._many_numbers import numbers_of, write_numbers
from tinygrad_mlp._recording import note_leaf
from tinygrad_mlp.compiler._folding import fold
from tinygrad_mlp.compiler._tracing import Nested, Recording, Traced, nested
from tinygrad_mlp.compiler._translation import check_independence
from tinygrad_mlp.engine import Value, apply, assign, no_grad
from tinygrad_mlp.errors import BatchStatisticsError
from tinygrad_mlp.functional import uniform

__all__ = ["batch_of_one", "in_lockstep"]

Rows = list[Value]
"""The Values of one node, one for each sample."""


def in_lockstep(recording: Recording, batch: Sequence[Sequence[Value]]) -> list[Nested]:
    """What a recorded function of one sample gives for each sample of a batch.

    Random leaves are drawn sample by sample, as a program draws them. What is assigned is assigned
    once, at the end. Within another recording all of that is recorded.

    Args:
        recording: of one sample.
        batch: for each sample the Values of all its arguments, in C order.

    Returns:
        For each sample the result; without what is returned beside it.

    Raises:
        BatchStatisticsError: for a batch of one sample.
        SampleOrderError: if an assignment depends on the sample, or on those before.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> from tinygrad_mlp.functional import batch_mean
    >>> recording = trace(lambda x: x - batch_mean(x), [()], [], of_one_sample=True)
    >>> [result.data for result in in_lockstep(recording, [[Value(1.0)], [Value(4.0)]])]
    [-1.5, 1.5]
    """
    if len(batch) == 1 and recording.needs_batch:
        raise batch_of_one()
    for leaf in recording.own_leaves:
        note_leaf(leaf)
    check_independence(fold(recording))
    made = _made(recording, batch)
    _assign(recording, made)
    return [
        nested(_of_sample(recording.outputs, made, number), recording.output_shape)
        for number in range(len(batch))
    ]


def batch_of_one() -> BatchStatisticsError:
    """The error for a batch with one sample, whose statistics say nothing.

    >>> batch_of_one().reason
    'a batch has one sample alone'
    """
    error = BatchStatisticsError(
        "the function takes a mean or a sum over the samples of a batch, and this batch has one "
        "sample, which would be its own mean; give two samples or more"
    )
    error.reason = "a batch has one sample alone"
    return error


def _made(recording: Recording, batch: Sequence[Sequence[Value]]) -> list[Value | Rows]:
    """By the number of the node, its Value; or a list of them where it depends on the sample."""
    made: list[Value | Rows] = [[] for _ in recording.nodes]
    placeholders = [index for _, ids in recording.inputs for index in ids]
    for index, column in zip(placeholders, zip(*batch)):
        made[index] = list(column)
    drawn = [[uniform(rng) for _, rng in recording.random] for _ in batch]
    for (index, _), column in zip(recording.random, zip(*drawn)):
        made[index] = list(column)
    for index, node in enumerate(recording.nodes):
        if node.op is not None:
            with no_grad() if index in recording.detached else nullcontext():
                made[index] = _again(node, made, len(batch))
            if node.label:
                _label(made[index], node.label)
    return made


def _again(node: Value, made: list[Value | Rows], n_samples: int) -> Value | Rows:
    """A recorded node with numbers: one, or one for each sample if an operand is."""
    op, parents = node.op, [_present(parent, made) for parent in node.parents]
    assert op is not None
    if op in ops.OVER_BATCH:
        (operand,) = parents
        terms = operand if isinstance(operand, list) else [operand] * n_samples
        return functional.mean(terms) if op is ops.BATCH_MEAN else functional.sum(terms)
    shared = [parent for parent in parents if not isinstance(parent, list)]
    if len(shared) == len(parents):
        return apply(op, *shared)
    columns = [parent if isinstance(parent, list) else [parent] * n_samples for parent in parents]
    if op is ops.DOT:
        return [_dot(operands) for operands in zip(*columns)]
    return [apply(op, *operands) for operands in zip(*columns)]


def _dot(operands: Sequence[Value]) -> Value:
    """As ``apply(ops.DOT, *operands)``, in half the time."""
    n = len(operands) // 2
    inputs = operands[n : 2 * n]
    return dot_node(operands[:n], inputs, numbers_of(inputs), *operands[2 * n :])


def _present(value: Value, made: list[Value | Rows]) -> Value | Rows:
    return made[value.index] if isinstance(value, Traced) else value


def _label(made: Value | Rows, label: str) -> None:
    for value in made if isinstance(made, list) else [made]:
        value.label = label


def _of_sample(values: Sequence[Value], made: list[Value | Rows], number: int) -> list[Value]:
    present = [_present(value, made) for value in values]
    return [value[number] if isinstance(value, list) else value for value in present]


def _assign(recording: Recording, made: list[Value | Rows]) -> None:
    """Carry the assignments out, all at once; or have them recorded."""
    leaves = [leaf for leaf, _ in recording.effects]
    values = _of_sample([value for _, value in recording.effects], made, 0)
    numbers = numbers_of(values)
    if numbers:
        write_numbers(leaves, numbers)
    else:
        for leaf, value in zip(leaves, values):
            assign(leaf, value)
