"""The weighted sum of a neuron as one node, by the shortest way."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import ops
from tinygrad_mlp._blocks import PLAIN, current, open_blocks
from tinygrad_mlp._node import NOT_COMPUTED
from tinygrad_mlp._node_checks import refuse_inputs
from tinygrad_mlp.engine import Value, apply, new_node

__all__ = ["dot_node"]


def dot_node(
    weights: Sequence[Value],
    inputs: Sequence[Value],
    input_numbers: Sequence[float],
    bias: Value | None = None,
) -> Value:
    """The node ``apply(ops.DOT, *weights, *inputs, bias)``, bit for bit, in half the time.

    The neurons of a layer share their inputs, so the layer reads the numbers once for all of them;
    and the local derivatives of a dot are numbers that stand there already, with no rule to call.

    Args:
        weights: w1 ... wn.
        inputs: x1 ... xn, as many; it is not checked here.
        input_numbers: ``numbers_of(inputs)``.
        bias: b, or None.

    >>> w, x, b = [Value(2.0), Value(3.0)], [Value(10.0), Value(100.0)], Value(1.0)
    >>> node = dot_node(w, x, [10.0, 100.0], b)
    >>> node.data, node.partials
    (321.0, (10.0, 100.0, 2.0, 3.0, 1.0))
    """
    now = current() if open_blocks else PLAIN
    if now.is_watched:
        parents = (*weights, *inputs) if bias is None else (*weights, *inputs, bias)
        if now.recorder is not None:
            return now.recorder.node(ops.DOT, parents)  # type: ignore[no-any-return]
        return apply(ops.DOT, *parents)
    weight_numbers = [weight.data for weight in weights]
    start = 0.0 if bias is None else bias.data
    try:
        out = float_math.dot(weight_numbers, input_numbers, start)
    except Exception as error:
        refuse_inputs(ops.DOT, [*weights, *inputs, *(() if bias is None else (bias,))], error)
        raise
    if not now.recorded:
        return new_node(out)
    node = object.__new__(Value)
    node.data = out
    node.grad = NOT_COMPUTED
    node.op = ops.DOT
    if bias is None:
        node.parents = (*weights, *inputs)
        node.partials = (*input_numbers, *weight_numbers)
    else:
        node.parents = (*weights, *inputs, bias)
        node.partials = (*input_numbers, *weight_numbers, 1.0)
    node._label = ""
    return node
