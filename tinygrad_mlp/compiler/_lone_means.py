"""Normalization by hand over what a function was handed: where that is one sample, it gives 0.

``forward`` and a function that is mapped over a batch get one sample at a time. Code that takes the
mean over "the batch" takes it over one number there, and ``x - mean([x])`` is 0 whatever x is. That
is found in the graph for certain, and a warning says what to write instead. What leaves something
over is not found: the number divided by its own size, for instance.
"""

from __future__ import annotations

from tinygrad_mlp import ops
from tinygrad_mlp._frames import warn
from tinygrad_mlp.compiler._tracing import Recording
from tinygrad_mlp.engine import Value

__all__ = ["has_lone_mean", "warn_of_lone_means"]


def warn_of_lone_means(recording: Recording) -> None:
    """Warn of a mean over one number that is subtracted from this number.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> warn_of_lone_means(trace(lambda x: x - sum([x, 2.0]) / 2, [()], []))
    """
    if has_lone_mean(recording):
        warn(
            "x - mean([x]) is 0 for every x, and the function computes it: it is handed one sample "
            "at a time, so a mean over what it was handed may be one over a single number. For the "
            "mean over the samples of a batch write functional.batch_mean(x), or take nn.BatchNorm"
        )


def has_lone_mean(recording: Recording) -> bool:
    """Whether a result depends on x - mean([x]), x being any number that is computed or given.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> has_lone_mean(trace(lambda x: x - sum([x]) / 1, [()], []))
    True
    >>> has_lone_mean(trace(lambda x: x - x, [()], []))
    False
    """
    found = [
        node for node in recording.nodes if node.op is ops.SUB and _is_lone_mean(*node.parents)
    ]
    return bool(found) and not _needed(recording).isdisjoint(found)


def _is_lone_mean(x: Value, mean: Value) -> bool:
    """Whether the mean is x over 1, x being the only term of a sum, or that itself."""
    if not (mean.op is ops.DIV and _is_number(mean.parents[1], 1.0)):
        return False
    total = mean.parents[0]
    if total.op is ops.SUM and len(total.parents) == 1:
        (total,) = total.parents
    elif total.op is ops.ADD and _is_number(total.parents[0], 0.0):
        total = total.parents[1]  # Python's sum begins with 0
    return total is x


def _is_number(value: Value, number: float) -> bool:
    return value.op is ops.CONSTANT and value.data == number


def _needed(recording: Recording) -> set[Value]:
    """The nodes that a result depends on."""
    assigned = [value for _, value in recording.effects]
    needed = {*recording.outputs, *recording.auxiliary, *assigned}
    for node in reversed(recording.nodes):  # what reads a node comes behind it
        if node in needed:
            needed.update(node.parents)
    return needed
