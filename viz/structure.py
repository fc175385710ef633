"""What a graph consists of besides its nodes: their roles, and the neurons and layers they form.

A neuron is found by its parameters: those of one ``dot``, or those whose labels begin alike, such
as "layers.0.neurons.3.w.1". Around them stand the nodes that make up its sum, and its activation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tinygrad_mlp import ops
from tinygrad_mlp.engine import Value, topological_order

__all__ = [
    "Unit",
    "Use",
    "dot_operands",
    "order_of",
    "roles_of",
    "units_of",
    "uses_of",
]

PARAMETER_PATH: Final = re.compile(r"\w+(\.\w+)+")  # such as layers.0.neurons.3.w.1
UNIT_PATH: Final = re.compile(r"(?P<unit>.*?)\.?(?P<kind>[^\W\d]\w*)(\.\d+)*")
IN_A_LAYER: Final = re.compile(r"\.?neurons\.\d+$")

ACTIVATION_OPS: Final = frozenset(
    op.name
    for op in (
        *(ops.RELU, ops.LEAKY_RELU, ops.ELU, ops.SOFTPLUS, ops.SILU, ops.GELU),
        *(ops.TANH, ops.SIGMOID),
    )
)
SUMMING_OPS: Final = frozenset([ops.ADD.name, ops.SUM.name])


def order_of(outputs: Iterable[Value]) -> list[Value]:
    """Every node that any of the outputs was computed from, parents before children.

    >>> a = Value(1.0)
    >>> len(order_of([a + 1.0, a * 2.0]))
    5
    """
    seen: dict[Value, None] = {}
    for output in outputs:
        seen.update(dict.fromkeys(topological_order(output)))
    return list(seen)


def dot_operands(node: Value) -> tuple[tuple[Value, ...], tuple[Value, ...], tuple[Value, ...]]:
    """The weights, the inputs and the bias (one or none) of a ``dot``.

    >>> from tinygrad_mlp import functional
    >>> [len(part) for part in dot_operands(functional.dot([2.0, 3.0], [4.0, 5.0], 1.0))]
    [2, 2, 1]
    """
    n = len(node.parents) // 2
    return node.parents[:n], node.parents[n : 2 * n], node.parents[2 * n :]


class Use(NamedTuple):
    """One arrow: which parent a node uses, with which local derivative, and where it comes in."""

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
        return [Use(*pair, port="") for pair in zip(node.parents, node.partials, strict=True)]
    n = len(node.parents) // 2
    ports = [f"p{index % n}" if index < 2 * n else "b" for index in range(len(node.parents))]
    uses = [Use(*use) for use in zip(node.parents, node.partials, ports, strict=True)]
    pairs = zip(uses[:n], uses[n : 2 * n], strict=True)
    return [use for pair in pairs for use in pair] + uses[2 * n :]


def roles_of(
    order: Sequence[Value], outputs: Iterable[Value], parameters: Iterable[Value] | None
) -> dict[Value, str]:
    """For each node the kind of node that it is, which decides its colours.

    Args:
        order: every node, parents before children.
        outputs: those of them that the graph was drawn for.
        parameters: the leaves that are parameters; None to tell them by the ``dot`` that they
            belong to, or by a label that is a path.

    >>> w, x = Value(2.0), Value(3.0)
    >>> y = w * x
    >>> roles_of([w, x, y], [y], parameters=[w])
    {Value(...): 'parameter', Value(...): 'input', Value(...): 'output'}
    """
    roles = {node: _role_by_itself(node) for node in order}
    named = {node for node in order if PARAMETER_PATH.fullmatch(node.label)}
    for node in order:
        if node.op is ops.DOT:
            weights, inputs, biases = dot_operands(node)
            named.update((*weights, *biases))
            named.difference_update(inputs)
            # Plain numbers fed to a neuron are its input, more than a constant of the formula.
            roles.update((x, "input") for x in inputs if roles[x] == "constant")
    if parameters is not None:
        named = set(parameters)
    roles.update((leaf, "parameter") for leaf in named if roles.get(leaf) in ("input", "constant"))
    roles.update((output, "output") for output in outputs if output.parents)
    return roles


def _role_by_itself(node: Value) -> str:
    if node.parents:
        return "operation"
    return "constant" if node.op is ops.CONSTANT else "input"


@dataclass(frozen=True, slots=True)
class Unit:
    """A neuron: where it stands in its model, and what it is called.

    Attributes:
        path: the path that the labels of its parameters begin with, "layers.0.neurons.3".
        layer: the path of its layer, "layers.0".
        labelled: whether the labels said so; else both paths are made up.
    """

    path: str
    layer: str
    labelled: bool

    @property
    def name(self) -> str:
        """What stands on its box: the path inside its layer.

        >>> Unit("layers.0.neurons.3", "layers.0", labelled=True).name
        'neuron 3'
        """
        inside = self.path[len(self.layer) :].lstrip(".") if self.layer else self.path
        match = re.fullmatch(r"neurons?[. ](\d+)", inside)
        return f"neuron {match[1]}" if match else inside or self.path

    @property
    def layer_name(self) -> str:
        """What stands on its layer.

        >>> Unit("neurons.3", "", labelled=True).layer_name
        'layer'
        """
        return self.layer or "layer"


def units_of(order: Sequence[Value], roles: dict[Value, str]) -> dict[Value, Unit]:
    """For each node that belongs to a neuron, which neuron; its parameters included.

    >>> from tinygrad_mlp.nn import MLP
    >>> y = MLP(2, [2, 1], rng=0)([1.0, 2.0])
    >>> order = order_of([y])
    >>> units = units_of(order, roles_of(order, [y], None))
    >>> units[y]
    Unit(path='layers.1.neurons.0', layer='layers.1', labelled=True)
    >>> len([node for node in order if node not in units])  # the two inputs
    2
    """
    units: dict[Value, Unit] = {}
    for leaf in order:
        if roles[leaf] == "parameter" and PARAMETER_PATH.fullmatch(leaf.label):
            units[leaf] = _unit_of_label(leaf.label)
    depths: dict[Value, int] = {}
    by_weights: dict[tuple[Value, ...], Unit] = {}
    per_layer: dict[str, int] = {}
    n_uses = _count_uses(order)
    for node in order:
        depth = max((depths[parent] for parent in node.parents), default=0)
        if node.op is ops.DOT:
            depth += 1
            weights, _, biases = dot_operands(node)
            unit = units.get(weights[0]) if roles[weights[0]] == "parameter" else None
            unit = unit or by_weights.get(weights)
            if unit is None:
                layer = f"layer {depth}"
                per_layer[layer] = number = per_layer.get(layer, 0) + 1
                unit = Unit(f"{layer}.neuron {number}", layer, labelled=False)
            by_weights[weights] = units[node] = unit
            for leaf in (*weights, *biases):
                if roles[leaf] == "parameter":
                    units.setdefault(leaf, unit)
        elif node.parents:
            owner = _owner(node, roles, units, n_uses)
            if owner is not None:
                units[node] = owner
        depths[node] = depth
    with_nodes = {unit for node, unit in units.items() if node.parents}
    return {node: unit for node, unit in units.items() if unit in with_nodes}


def _unit_of_label(label: str) -> Unit:
    match = UNIT_PATH.fullmatch(label)
    path = match["unit"] if match else ""
    path = path or "neuron"
    return Unit(path, IN_A_LAYER.sub("", path), labelled=True)


def _count_uses(order: Sequence[Value]) -> dict[Value, int]:
    n_uses = dict.fromkeys(order, 0)
    for node in order:
        for parent in node.parents:
            n_uses[parent] += 1
    return n_uses


def _owner(
    node: Value, roles: dict[Value, str], units: dict[Value, Unit], n_uses: dict[Value, int]
) -> Unit | None:
    """The neuron that an operation belongs to: a term of its sum, the sum, or its activation."""
    assert node.op is not None
    by_parameter = {
        units[parent] for parent in node.parents if roles[parent] == "parameter" and parent in units
    }
    if by_parameter:
        return by_parameter.pop() if len(by_parameter) == 1 else None
    inside = [parent for parent in node.parents if roles[parent] != "constant"]
    owners = {units.get(parent) for parent in inside}
    if len(owners) != 1:
        return None
    if node.op.name in SUMMING_OPS and all(_is_term(parent, roles) for parent in inside):
        return owners.pop()
    activates = node.op.name in ACTIVATION_OPS and len(inside) == 1 and n_uses[inside[0]] == 1
    if activates and inside[0].op is not None and inside[0].op.name not in ACTIVATION_OPS:
        return owners.pop()
    return None


def _is_term(node: Value, roles: dict[Value, str]) -> bool:
    """Whether a node may be a term of a hand-written weighted sum."""
    if node.op is ops.MUL:
        return any(roles[parent] == "parameter" for parent in node.parents)
    return node.op is not None and node.op.name in SUMMING_OPS
