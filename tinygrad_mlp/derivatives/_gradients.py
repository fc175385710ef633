"""Gradients as results, also as graphs to be differentiated again; Jacobians and Hessians.

``Value.backward`` leaves its results in the graph; these functions return them and leave every
``grad`` as it was. A derivative as a graph comes from the rules of the table, interpreted on Values
by ``value_math``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import _value_math as value_math
from tinygrad_mlp import ops
from tinygrad_mlp._freezing import frozen_among
from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._many_numbers import numbers_of
from tinygrad_mlp._order import orders_of
from tinygrad_mlp._recording import recorder_of_thread
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value, as_value, enable_grad, topological_order
from tinygrad_mlp.errors import BatchStatisticsError, GraphError, NotANumberError, TracingError
from tinygrad_mlp.graph._walk import gradients_of

__all__ = ["evaluate", "grad", "hessian", "jacobian"]


@overload
def grad(
    output: Value, inputs: Sequence[Value], create_graph: Literal[False] = False
) -> list[float]: ...


@overload
def grad(output: Value, inputs: Sequence[Value], create_graph: Literal[True]) -> list[Value]: ...


@overload
def grad(
    output: Value, inputs: Sequence[Value], create_graph: bool
) -> list[float] | list[Value]: ...


def grad(
    output: Value, inputs: Sequence[Value], create_graph: bool = False
) -> list[float] | list[Value]:
    """d output / d input for each input; no ``grad`` attribute is touched.

    Args:
        output: the Value to differentiate.
        inputs: the Values to differentiate by: leaves, or nodes on the way to the output.
        create_graph: return Values that remember how they were computed, so that they can be
            differentiated again.

    Returns:
        One derivative per input, 0.0 for an input that the output does not depend on: floats, or
        Values with ``create_graph=True``.

    Raises:
        NotANumberError: if something other than Values is given.
        GraphError: for a frozen input; with ``create_graph=True``, if a leaf was changed after the
            output was computed.
        TracingError: in a function that is being compiled, without ``create_graph=True``.

    >>> x, y = Value(3.0), Value(2.0)
    >>> grad(x * x * y, [x, y])
    [12.0, 9.0]
    >>> (slope,) = grad(x**3, [x], create_graph=True)
    >>> slope.data, grad(slope, [x])
    (27.0, [18.0])
    """
    _require_values([output], "grad", "output", "grad(output, [x, y])")
    wanted = _require_values(inputs, "grad", "inputs", "grad(output, [x, y])")
    _refuse_frozen(wanted)
    _, order = orders_of(output)
    if create_graph:
        graphs_by = _AsGraphs(order, wanted)
        with enable_grad():
            graphs: dict[Value, Value | float] = gradients_of(
                output,
                graphs_by.downwards(order),
                receivers=graphs_by.receivers,
                partials_of=graphs_by.partials,
                product=_product,
                start=None,
            )
        return [as_value(graphs.get(x, 0.0)) for x in wanted]
    if _is_recorded(output):
        raise TracingError(
            "grad gives plain numbers, and a function that is being compiled has none yet; "
            "write grad(output, inputs, create_graph=True)"
        )
    dependents = _Dependents(order, wanted)
    gradients: dict[Value, float] = gradients_of(
        output, dependents.downwards(order), receivers=dependents.receivers
    )
    return [gradients.get(x, 0.0) for x in wanted]


def jacobian(outputs: Sequence[Value], inputs: Sequence[Value]) -> NDArray[np.float64]:
    """The matrix J of first derivatives, J[i, j] = d outputs[i] / d inputs[j].

    Args:
        outputs: m Values.
        inputs: n Values.

    Returns:
        The matrix, (m, n).

    Raises:
        NotANumberError: if something other than Values is given.

    >>> x, y = Value(3.0), Value(2.0)
    >>> jacobian([x * y, x + y], [x, y])
    array([[2., 3.],
           [1., 1.]])
    """
    of = _require_values(outputs, "jacobian", "outputs", "jacobian([u, v], [x, y])")
    by = _require_values(inputs, "jacobian", "inputs", "jacobian([u, v], [x, y])")
    rows = [grad(output, by) for output in of]
    return np.array(rows, dtype=np.float64).reshape(len(of), len(by))


def hessian(output: Value, inputs: Sequence[Value]) -> NDArray[np.float64]:
    """The matrix H of second derivatives, H[i, j] = d^2 output / (d inputs[i] d inputs[j]).

    Args:
        output: the Value to differentiate twice.
        inputs: n Values.

    Returns:
        The matrix, (n, n); it is symmetric wherever the second derivatives are continuous.

    Raises:
        NotANumberError: if something other than Values is given.
        GraphError: if a leaf was changed after the output was computed.

    >>> x, y = Value(3.0), Value(2.0)
    >>> hessian(x * x * y, [x, y])
    array([[4., 6.],
           [6., 0.]])
    """
    by = _require_values(inputs, "hessian", "inputs", "hessian(output, [x, y])")
    return jacobian(grad(output, by, create_graph=True), by)


def evaluate(output: Value, leaf_values: Mapping[Value, Any], xp: Interpreter = float_math) -> Any:
    """Compute a recorded graph again, with other numbers at its leaves.

    Args:
        output: the Value whose graph is computed.
        leaf_values: what to put at the leaves; a leaf that is not among them keeps its ``data``.
        xp: the namespace that interprets the rules: ``float_math``, or ``array_math`` for arrays.

    Returns:
        What ``xp`` makes of the output; the graph itself stays as it is.

    >>> x = Value(3.0)
    >>> y = x * x + 1.0
    >>> evaluate(y, {x: 10.0})
    101.0
    >>> from tinygrad_mlp import _array_math as array_math
    >>> evaluate(y, {x: np.array([0.0, 1.0])}, array_math)
    array([1., 2.])
    """
    results: dict[Value, Any] = {}
    for node in topological_order(output):
        if node.op is None or not node.parents:
            results[node] = leaf_values.get(node, node.data)
            continue
        results[node] = node.op.compute(xp, [results[parent] for parent in node.parents])
    return results[output]


def _require_values(
    values: Iterable[Value], function: str, role: str, corrected: str
) -> list[Value]:
    """The values as a list; refuses one Value alone, and whatever is no Value."""
    if isinstance(values, Value):
        raise NotANumberError(f"{function} needs a list as its {role}; write {corrected}")
    if not isinstance(values, Iterable):
        raise NotANumberError(
            f"{function} needs a list as its {role}, got {described(values)}; write {corrected}"
        )
    listed = list(values)
    for value in listed:
        if not isinstance(value, Value):
            raise NotANumberError(
                f"{function} needs Values as its {role}, got {type(value).__name__} {value!r}; "
                f"write {corrected} with Values"
            )
    return listed


def _refuse_frozen(inputs: Sequence[Value]) -> None:
    """Nothing flows to a frozen leaf, so 0.0 would be taken for its derivative."""
    for place in frozen_among(inputs):
        raise GraphError(
            f"input number {place}, {inputs[place]!r}, is frozen, so it has no derivative; "
            "let gradients flow to it first: value.requires_grad = True, or model.unfreeze()"
        )


def _dependents(order: Sequence[Value], inputs: Sequence[Value]) -> set[Value]:
    """The inputs and every node of ``order`` that was computed from one of them."""
    dependents = set(inputs)
    recorder = recorder_of_thread()
    for node in order:
        is_cut_off = recorder is not None and recorder.is_detached(node)
        if not is_cut_off and not dependents.isdisjoint(node.parents):
            dependents.add(node)
    return dependents


class _Dependents:
    """Which operands of a node depend on the inputs, so that something flows to them."""

    def __init__(self, order: Sequence[Value], inputs: Sequence[Value]) -> None:
        self.nodes = _dependents(order, inputs)

    def downwards(self, order: Sequence[Value]) -> Iterator[Value]:
        """The computed ones among the nodes, the output first."""
        recorder = recorder_of_thread()
        computed = (node for node in reversed(order) if node.parents and node in self.nodes)
        if recorder is None:
            return computed
        return (node for node in computed if not recorder.is_detached(node))  # which is as a leaf

    def receivers(self, node: Value) -> list[int]:
        """The places of the operands that depend on the inputs."""
        return [place for place, parent in enumerate(node.parents) if parent in self.nodes]


class _AsGraphs(_Dependents):
    """The same on Values. A gradient is a plain number as long as it depends on nothing."""

    def __init__(self, order: Sequence[Value], inputs: Sequence[Value]) -> None:
        super().__init__(order, inputs)
        self._partials: tuple[Value | None, Sequence[Value | float]] = (None, ())

    def partials(self, node: Value) -> Sequence[Value | float]:
        if self._partials[0] is not node:
            self._partials = node, _partials_as_graphs(node, self.nodes)
        return self._partials[1]

    def receivers(self, node: Value) -> list[int]:
        partials = self.partials(node)
        return [place for place in super().receivers(node) if not _is_number(partials[place], 0.0)]


def _partials_as_graphs(node: Value, dependents: set[Value]) -> Sequence[Value | float]:
    """The local derivatives of one node, computed from its parents by rules on Values."""
    if node.op is None:  # a node whose maker gave the numbers and no rule
        raise GraphError(f"{node!r} has parents but no operation, so its derivative has no graph")
    if node.op in ops.OVER_BATCH:
        raise BatchStatisticsError(
            f"{node.op.name} has no derivative for one sample alone: the others of its batch move "
            "with it. Leave the derivatives to compile(loss, parameters, per_sample=True), or take "
            "them of the graph of a batch: grad(program.eager(X, y), inputs, create_graph=True)"
        )
    inputs = [
        parent.data if parent.op is ops.CONSTANT and parent not in dependents else parent
        for parent in node.parents
    ]
    partials: Sequence[Value | float] = node.op.local_partials(value_math, node, inputs)
    if _is_recorded(node):
        return partials
    for partial, number in zip(partials, node.partials):
        again = partial.data if isinstance(partial, Value) else partial
        if again != number and not (again != again and number != number):
            raise GraphError(
                f"the local derivative of {node.op.name} was {number} when the node was made and "
                f"is {again} now: a leaf was changed in between. Compute the output again, then "
                "call grad(output, inputs, create_graph=True)"
            )
    return partials


def _is_recorded(node: Value) -> bool:
    """Whether a function is being compiled, so that its nodes have no numbers."""
    return not numbers_of([node])


def _is_number(factor: Value | float, number: float) -> bool:
    return not isinstance(factor, Value) and factor == number


def _product(upstream: Value | float, partial: Value | float) -> Value | float:
    """upstream * partial, without a node where one of them is the plain number 1 or -1."""
    for one, other in ((partial, upstream), (upstream, partial)):
        if _is_number(one, 1.0):
            return other
        if _is_number(one, -1.0):
            return -other
    return upstream * partial
