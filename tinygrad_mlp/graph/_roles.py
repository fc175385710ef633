"""What a graph consists of besides its nodes: the roles of its leaves, and the sums of neurons.

A neuron begins with a sum of products of parameters with what is fed to it: one ``dot``, or a sum
that is written out. Parameters are told by their places in modules, not by their labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, cast

from tinygrad_mlp import ops
from tinygrad_mlp._node_checks import check_numbers
from tinygrad_mlp._order import orders_of
from tinygrad_mlp._recording import has_recorder
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.ops import Op

__all__ = [
    "SUMMING_OPS",
    "NeuronSum",
    "Use",
    "count_uses",
    "dot_operands",
    "input_names",
    "is_neuron",
    "listed",
    "op_of",
    "order_of",
    "roles_of",
    "sums_of",
    "uses_of",
]

SUMMING_OPS: Final = (ops.ADD, ops.SUM)
"""The operations that add what they are given."""


def order_of(outputs: Iterable[Value]) -> list[Value]:
    """Every node that any of the outputs was computed from, parents before children.

    While a function is recorded, its nodes have no numbers that could be checked.

    >>> a = Value(1.0)
    >>> len(order_of([a + 1.0, a * 2.0]))
    5
    """
    order: list[Value] = []
    known: set[Any] = set()
    for output in outputs:
        found, _ = orders_of(output, known)
        order += cast(list[Value], found)
        if not has_recorder():
            check_numbers(found, order)
    return order


def op_of(node: Value) -> Op:
    """The operation of a node that was computed.

    >>> op_of(Value(2.0) * 3.0).name
    'mul'
    """
    assert node.op is not None  # a node with parents has one
    return node.op


def dot_operands(node: Value) -> tuple[tuple[Value, ...], tuple[Value, ...], tuple[Value, ...]]:
    """The weights, the inputs and the bias (one or none) of a ``dot``.

    >>> from tinygrad_mlp import functional
    >>> [len(part) for part in dot_operands(functional.dot([2.0, 3.0], [4.0, 5.0], 1.0))]
    [2, 2, 1]
    """
    n = len(node.parents) // 2
    return node.parents[:n], node.parents[n : 2 * n], node.parents[2 * n :]


class Use(NamedTuple):
    """One arrow: which parent a node uses, with which local derivative, and at which place.

    The places of a ``dot`` are p0, p1, ... for its products and b for the bias, of other operations
    p0, p1, ... for their operands.
    """

    parent: Value
    partial: float
    port: str


def uses_of(node: Value) -> list[Use]:
    """The arrows into a node in the order of its operands; for a ``dot`` w1, x1, w2, x2, ...

    >>> a = Value(3.0)
    >>> [use.partial for use in uses_of(a * a)]
    [3.0, 3.0]
    """
    if node.op is not ops.DOT:
        pairs_of_parents = zip(node.parents, node.partials, strict=True)
        return [Use(*pair, port=f"p{index}") for index, pair in enumerate(pairs_of_parents)]
    n = len(node.parents) // 2
    ports = [f"p{index % n}" if index < 2 * n else "b" for index in range(len(node.parents))]
    uses = [Use(*use) for use in zip(node.parents, node.partials, ports, strict=True)]
    pairs = zip(uses[:n], uses[n : 2 * n], strict=True)
    return [use for pair in pairs for use in pair] + uses[2 * n :]


def listed(parameters: object) -> list[Value]:
    """The parameters in a list.

    Raises:
        InvalidArgumentError: if it is none of Values, but one Value or a model, for instance.

    >>> listed(iter([Value(2.0)]))
    [Value(data=2.0, grad=0.0)]
    """
    given = list(parameters) if isinstance(parameters, Iterable) else [None]
    found = [parameter for parameter in given if isinstance(parameter, Value)]
    if len(found) < len(given):
        raise InvalidArgumentError(
            f"parameters is {described(parameters)}, but a list of Values is needed: "
            "parameters=[w, b], or parameters=model.parameters()"
        )
    return found


def roles_of(
    order: Sequence[Value], outputs: Iterable[Value], parameters: Iterable[Value] | None
) -> dict[Value, str]:
    """For each node the kind of node that it is, which decides its colors.

    Args:
        order: every node, parents before children.
        outputs: those of them that the graph was drawn for.
        parameters: the leaves that are parameters; None for those that stand in a module and, where
            a ``dot`` has weights of none, its weights and its bias. A ``dot`` with other weights,
            such as the classes of a cross-entropy, is no neuron.

    >>> w, x = Value(2.0), Value(3.0)
    >>> y = w * x
    >>> roles_of([w, x, y], [y], parameters=[w])
    {Value(...): 'parameter', Value(...): 'input', Value(...): 'output'}
    """
    roles = {node: _role_by_itself(node) for node in order}
    dots = [node for node in order if node.op is ops.DOT]
    known = _parameters_in(order, dots) if parameters is None else set(listed(parameters))
    roles.update((leaf, "parameter") for leaf in known if roles.get(leaf) in ("input", "constant"))
    for found in sums_of(order, roles).values():
        # Plain numbers fed to a neuron are its input, more than a constant of the formula.
        roles.update((x, "input") for x in found.inputs if roles[x] == "constant")
    roles.update((output, "output") for output in outputs if output.op is not None)
    return roles


def _role_by_itself(node: Value) -> str:
    if node.parents:
        return "operation"
    if node.place is not None and node.place.is_kept:
        return "buffer"
    return "constant" if node.op is ops.CONSTANT else "input"


def _parameters_in(order: Sequence[Value], dots: Sequence[Value]) -> set[Value]:
    """The leaves that stand in a module, and the weights and biases of the ``dot`` that have one.

    A ``dot`` with a bias is taken for a neuron as well; where there is none of either kind, any.
    """
    weights_of = {dot: [w for w in dot_operands(dot)[0] if w.op is None] for dot in dots}
    biases_of = {dot: [b for b in dot_operands(dot)[2] if b.op is None] for dot in dots}
    weights = {weight for found in weights_of.values() for weight in found}
    fed = {x for dot in dots for x in dot_operands(dot)[1] if x.place is None} - weights
    placed = {node for node in order if (place := node.place) is not None and not place.is_kept}
    known = placed - fed
    neurons = [dot for dot in dots if biases_of[dot] or not known.isdisjoint(weights_of[dot])]
    for dot in neurons if neurons or known else dots:
        if weights_of[dot]:
            known.update(weights_of[dot], biases_of[dot])
    return known


def is_neuron(node: Value, roles: dict[Value, str]) -> bool:
    """Whether a node is a ``dot`` of parameters with something else.

    >>> from tinygrad_mlp import functional
    >>> w = Value(2.0)
    >>> z, square = functional.dot([w], [3.0]), functional.dot([w], [w])
    >>> roles = {w: "parameter", z.parents[1]: "input"}
    >>> is_neuron(z, roles), is_neuron(square, roles)
    (True, False)
    """
    if node.op is not ops.DOT:
        return False
    weights, inputs, _ = dot_operands(node)
    return any(roles[w] == "parameter" for w in weights) and not any(
        roles[x] == "parameter" for x in inputs
    )


class NeuronSum(NamedTuple):
    """The sum of products that a neuron computes before its activation.

    Attributes:
        members: its nodes, the last of them the sum itself.
        weights: the first factor of each product.
        inputs: the second one, in the same order.
        biases: what is added besides; a 0 that a sum starts from is none.
    """

    members: list[Value]
    weights: tuple[Value, ...]
    inputs: tuple[Value, ...]
    biases: tuple[Value, ...]


def sums_of(order: Sequence[Value], roles: dict[Value, str]) -> dict[Value, NeuronSum]:
    """Every ``dot`` that is a neuron, and every tree of additions over products of a parameter.

    >>> w, x, b = Value(2.0), Value(3.0), Value(1.0)
    >>> y = w * x + b
    >>> order = order_of([y])
    >>> found = sums_of(order, roles_of(order, [y], parameters=[w, b]))[y]
    >>> found.weights == (w,), found.inputs == (x,), found.biases == (b,)
    (True, True, True)
    """
    return _sums(order, roles, count_uses(order))


def input_names(sums: Iterable[NeuronSum]) -> dict[Value, str]:
    """What the inputs of neurons are called: their labels, or else x1, x2, ..., a0, a1, ...

    The a's count from 0, as neurons do: a1 comes from neuron 1.

    >>> from tinygrad_mlp.nn import MLP
    >>> order = order_of([MLP(2, [2, 1], rng=0)([1.0, Value(2.0, label="age")])])
    >>> sums = sums_of(order, roles_of(order, [order[-1]], None))
    >>> list(input_names(sums.values()).values())
    ['x1', 'age', 'a0', 'a1']
    """
    names: dict[Value, str] = {}
    for found in sums:
        for index, x in enumerate(found.inputs):
            names.setdefault(x, x.label or (f"a{index}" if x.parents else f"x{index + 1}"))
    return names


def count_uses(order: Sequence[Value]) -> dict[Value, int]:
    """How often each node is used, comparisons apart: nothing flows through them.

    >>> a = Value(3.0)
    >>> b = a * a
    >>> count_uses([a, b])[a]
    2
    """
    n_uses = dict.fromkeys(order, 0)
    for node in order:
        if node.op is None or not node.op.comparison:
            for parent in node.parents:
                n_uses[parent] += 1
    return n_uses


def _sums(
    order: Sequence[Value], roles: dict[Value, str], n_uses: dict[Value, int]
) -> dict[Value, NeuronSum]:
    if "parameter" not in roles.values():
        return {}
    parts: dict[Value, None] = {}
    inner: set[Value] = set()
    for node in order:
        if node.op is ops.MUL:
            if [roles[parent] for parent in node.parents].count("parameter") == 1:
                parts[node] = None
        elif node.op in SUMMING_OPS:
            terms = [parent for parent in node.parents if parent.parents]
            leaves = {roles[parent] for parent in node.parents if not parent.parents}
            are_parts = all(term in parts and n_uses[term] == 1 for term in terms)
            if terms and are_parts and leaves <= {"parameter", "constant"}:
                parts[node] = None
                inner.update(terms)
    found = {}
    for node in order:
        if is_neuron(node, roles):
            found[node] = NeuronSum([node], *dot_operands(node))
        elif node in parts and node not in inner and node.op is not ops.MUL:
            found[node] = _written_out(node, roles)
    return found


def _written_out(root: Value, roles: dict[Value, str]) -> NeuronSum:
    members: list[Value] = []
    factors: list[tuple[Value, Value]] = []
    biases: list[Value] = []
    pending = [root]
    while pending:
        node = pending.pop()
        members.append(node)
        if node.op is ops.MUL:
            first, second = node.parents
            factors.append((first, second) if roles[first] == "parameter" else (second, first))
            continue
        for parent in reversed(node.parents):
            if parent.parents:
                pending.append(parent)
            elif roles[parent] == "parameter" or parent.data != 0.0:
                biases.append(parent)
    weights, inputs = zip(*factors, strict=True)
    return NeuronSum(members[::-1], weights, inputs, tuple(biases[::-1]))
