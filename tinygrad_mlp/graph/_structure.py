"""The neurons of a graph, the layers that they form, and the models that these belong to.

A neuron is a sum of products of parameters with what is fed to it, and its activation. Where it
stands is told by identity: by the modules that hold its parameters. A neuron of parameters that no
module holds is told by its weights, and its layer by how many neurons lie before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp._places import Owner, Place, joined
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph._naming import Group, PlaceNames
from tinygrad_mlp.graph._roles import NeuronSum, count_uses, roles_of, sums_of

__all__ = [
    "NEURON",
    "Unit",
    "UnitLayer",
    "home_of",
    "label_of",
    "layers_of",
    "name_in_network",
    "place_in_layer",
    "units_of",
]

NEURON: Final = re.compile(r"(neurons?[. ])?(?P<number>\d+)")
"""The path of a neuron inside its layer, where it stands in a list."""


@dataclass(eq=False, slots=True)
class UnitLayer:
    """A layer: neurons that stand beside one another. Told by identity, shown by its name.

    Attributes:
        name: its path in the model, such as "layers.0"; "" for a model that is one layer.
        placed: whether modules said so; else the name is made up.
    """

    name: str
    placed: bool = True


@dataclass(eq=False, slots=True)
class Unit:
    """A neuron: where it stands in its model, and what it is called. Told by identity.

    Attributes:
        path: its path in the model, such as "layers.0.neurons.3".
        layer: its layer.
        owner: the module that holds its parameters, if one does.
    """

    path: str
    layer: UnitLayer
    owner: Owner | None = None

    @property
    def placed(self) -> bool:
        """Whether modules say where it stands; else its path is made up.

        >>> Unit("layer 1.neuron 2", UnitLayer("layer 1", placed=False)).placed
        False
        """
        return self.layer.placed

    @property
    def name(self) -> str:
        """What stands on its box: the path inside its layer.

        >>> Unit("layers.0.neurons.3", UnitLayer("layers.0")).name
        'neuron 3'
        """
        within = self.layer.name and self.path.startswith(self.layer.name)
        inside = self.path[len(self.layer.name) :].lstrip(".") if within else self.path
        match = NEURON.fullmatch(inside)
        return f"neuron {match['number']}" if match else inside or self.path or "neuron"

    @property
    def layer_name(self) -> str:
        """What stands on its layer.

        >>> Unit("neurons.3", UnitLayer("")).layer_name
        'layer'
        """
        return self.layer.name or "layer"

    def title(self, outputs: Iterable[Value]) -> str:
        """The name of the neuron; where no module tells it, the label of its output.

        >>> made_up = UnitLayer("layer 1", placed=False)
        >>> Unit("layer 1.neuron 2", made_up).title([Value(0.5, label="h2")])
        'h2'
        """
        labels = "" if self.placed else next((node.label for node in outputs if node.label), "")
        return labels or self.name


def place_in_layer(unit: Unit) -> list[tuple[int, str]]:
    """What neurons are sorted by: numbers in their paths count as numbers.

    >>> units = [Unit(f"layers.0.neurons.{n}", UnitLayer("layers.0")) for n in (10, 2)]
    >>> [unit.name for unit in sorted(units, key=place_in_layer)]
    ['neuron 2', 'neuron 10']
    """
    parts = re.split(r"[. ]", unit.path)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def units_of(
    order: Sequence[Value],
    roles: dict[Value, str],
    sums: dict[Value, NeuronSum] | None = None,
) -> dict[Value, Unit]:
    """For each node that belongs to a neuron, which neuron; its parameters included.

    A parameter that several neurons share, such as one bias for a whole layer, belongs to none.

    Args:
        order: every node, parents before children.
        roles: the kind of each node, of ``roles_of``.
        sums: those of ``sums_of``, where they are known already.

    >>> from tinygrad_mlp.graph import order_of
    >>> from tinygrad_mlp.nn import MLP
    >>> y = MLP(2, [2, 1], rng=0)([1.0, 2.0])
    >>> order = order_of([y])
    >>> units = units_of(order, roles_of(order, [y], None))
    >>> units[y].path, units[y].layer.name
    ('layers.1.neurons.0', 'layers.1')
    >>> len([node for node in order if node not in units])  # the two inputs
    2
    """
    sums = sums_of(order, roles) if sums is None else sums
    if not sums:
        return {}
    drafts = _Drafts(order, roles, sums)
    return _named(drafts, PlaceNames(order))


def layers_of(order: Sequence[Value], further: Iterable[Value] = ()) -> dict[Value, str]:
    """The name of the layer that each node belongs to, for those that belong to one of a model.

    A sum of products belongs to the layer of its weights, and a function of one node (its
    activation) to that node's.

    Args:
        order: the nodes in topological order.
        further: parameters that need not be in the graph.

    >>> from tinygrad_mlp.engine import topological_order
    >>> from tinygrad_mlp.nn import MLP
    >>> order = topological_order(MLP(1, [1, 1], activation="tanh", rng=0)([3.0]).square())
    >>> layers = layers_of(order)
    >>> [layers.get(node, "") for node in order if node.parents]
    ['layers.0', 'layers.0', 'layers.1', 'layers.1']
    """
    further = list(further)
    leaves = [x for x in (*order, *further) if not x.parents and x.place is not None]
    if not leaves:
        return {}
    names = PlaceNames([*order, *further])
    units = units_of(order, roles_of(order, order[-1:], None)) if order else {}
    layers: dict[Value, str] = {}
    for leaf in leaves:
        place, unit = leaf.place, units.get(leaf)
        own = unit is not None and place is not None and unit.owner is place.owner
        name = unit.layer.name if unit and own else names.of_group(home_of(place))
        if name:
            layers[leaf] = name
    for node in order:
        if node.parents:
            unit = units.get(node)
            if unit is not None and unit.placed and unit.layer.name:
                layers[node] = unit.layer.name
            elif unit is None:
                name = _inherited(node, layers)
                if name:
                    layers[node] = name
    return layers


def _inherited(node: Value, layers: dict[Value, str]) -> str:
    """The layer of a node that is no neuron: of its operand, its parameters, or its terms."""
    if len(node.parents) == 1:
        return layers.get(node.parents[0], "")
    n_products = len(node.parents) // 2 if node.op is ops.DOT else 0
    operands = node.parents[:n_products] or node.parents  # not the bias, nor the inputs
    own = {layers[x] for x in operands if not x.parents and x in layers}
    if not own and node.op in (ops.ADD, ops.SUM):
        own = {layers.get(x, "") for x in node.parents if x.parents}
    return own.pop() if len(own) == 1 else ""


def label_of(node: Value, unit: Unit | None) -> str:
    """What a person calls a node, if anything.

    A name that the program gave it, of its neuron or of its place in a model, is no such label.

    Args:
        node: the node.
        unit: the neuron to which it belongs.

    >>> label_of(Value(1.0, label="height"), None)
    'height'
    """
    place = node.place
    label = node.label if place is None else place.label
    return label if label and label != name_in_network(node, unit) else ""


def name_in_network(node: Value, unit: Unit | None) -> str:
    """Such as layers.0.neurons.3.net for a neuron's sum, and .out for its activation; else "".

    >>> from tinygrad_mlp.graph import order_of
    >>> from tinygrad_mlp.nn import Neuron
    >>> neuron = Neuron(1, "tanh", rng=0)
    >>> y = neuron([2.0])
    >>> name_in_network(y, Unit("neurons.0", UnitLayer(""))), name_in_network(neuron.b, None)
    ('neurons.0.out', '')
    """
    if unit is None or not unit.placed or node.op is None:
        return ""
    if node.op is ops.DOT:
        return joined(unit.path, "net")
    return joined(unit.path, "out") if node.op.activation else ""


# Finding


@dataclass(eq=False, slots=True)
class _Draft:
    """A neuron that has no name yet."""

    weights: tuple[Value, ...]
    biases: list[Value]
    depth: int  # how many neurons lie before it and in it
    members: list[Value] = field(default_factory=list)

    def row(self) -> Group | None:
        """The module and the list that hold all its weights; None if they stand apart.

        Of a neuron that has its weights from another one it is what holds its bias.
        """
        places = [weight.place for weight in self.weights]
        own = self.biases[0].place if self.biases else None
        if own is not None and own.owner.is_row and all(p and p.owner.is_row for p in places):
            return own.owner, own.keys[:-1]
        first = places[0]
        if first is None or not first.keys:
            return None
        keys = first.keys[:-1]
        alike = [p is not None and p.owner is first.owner and p.keys[:-1] == keys for p in places]
        return (first.owner, keys) if all(alike) else None


class _Drafts:
    """The neurons of a graph, told by their weights."""

    def __init__(
        self, order: Sequence[Value], roles: dict[Value, str], sums: dict[Value, NeuronSum]
    ) -> None:
        self.roles = roles
        self.found: list[_Draft] = []
        self.of: dict[Value, _Draft] = {}  # of computed nodes, and of weights
        self.user: dict[Value, _Draft] = {}  # the first neuron of each parameter
        self.shared: set[Value] = set()  # the parameters of several
        n_uses = count_uses(order)
        depths: dict[Value, int] = {}
        for node in order:
            depth = max([depths[parent] for parent in node.parents]) if node.parents else 0
            if node in sums:
                depth += 1
                self._add(node, sums[node], depth)
            elif _is_activation(node, roles, n_uses) and node.parents[0] in sums:
                draft = self.of.get(node.parents[0])
                if draft is not None:
                    self.of[node] = draft
            depths[node] = depth

    def _add(self, node: Value, found: NeuronSum, depth: int) -> None:
        weights = tuple([w for w in found.weights if self.roles[w] == "parameter"])
        biases = [b for b in found.biases if self.roles[b] == "parameter"]
        claims = {self.of.get(weight) for weight in weights}
        draft = claims.pop() if len(claims) == 1 else None
        if draft is not None and biases and draft.biases and biases != draft.biases:
            draft = None  # another neuron with the same weights
        if draft is None and (not claims or node.op is ops.DOT):
            if not self._is_one_neuron(node, weights):
                return
            draft = _Draft(weights, biases, depth)
            self.found.append(draft)
        if draft is None:  # weights of several neurons: a sum of the backward pass
            return
        for member in found.members:
            self.of[member] = draft
        for leaf in (*weights, *biases):
            if self.user.setdefault(leaf, draft) is not draft:
                self.shared.add(leaf)
        for weight in weights:
            self.of[weight] = draft

    def _is_one_neuron(self, node: Value, weights: Sequence[Value]) -> bool:
        """Whether a sum whose weights nobody has used before is one of a neuron's."""
        rows = {None if (p := w.place) is None else (id(p.owner), p.keys[:-1]) for w in weights}
        return node.op is ops.DOT or len(rows) == 1


def _is_activation(node: Value, roles: dict[Value, str], n_uses: dict[Value, int]) -> bool:
    """Whether a node is an activation that alone uses what it is applied to."""
    if node.op is None or not node.op.activation or n_uses[node.parents[0]] != 1:
        return False
    return all(roles[parent] == "constant" for parent in node.parents[1:])


# Naming


def home_of(place: Place | None) -> Group | None:
    """The layer of a parameter by its place alone.

    >>> from tinygrad_mlp.nn import MLP
    >>> home_of(MLP(2, [3], rng=0).layers[0].neurons[1].b.place)[1]
    ('neurons',)
    """
    if place is None:
        return None
    owner, keys = place.owner, place.keys
    if (row := _list_of_rows(owner)) is not None:
        return row
    if len(keys) > 2:
        return owner, keys[:-2]
    return (owner, keys[:1] if len(keys) > 1 else ()) if owner.above is None else (owner, ())


def _group_of(row: Group) -> Group:
    """The layer of a neuron by the list of its weights."""
    owner, keys = row
    if owner.is_row:
        return _list_of_rows(owner) or (owner, ())
    return owner, keys[:-1] if len(keys) > 1 else keys


def _list_of_rows(owner: Owner) -> Group | None:
    """The module and the list in which a neuron stands; None for one that stands alone."""
    if owner.is_row and owner.above is not None and isinstance(owner.keys[-1], int):
        return owner.above, owner.keys[:-1]
    return None


def _named(drafts: _Drafts, names: PlaceNames) -> dict[Value, Unit]:
    units = {**_placed(drafts.found, names)}
    units |= _made_up([draft for draft in drafts.found if draft not in units])
    found = {node: units[draft] for node, draft in drafts.of.items()}
    for leaf, draft in drafts.user.items():
        if leaf in drafts.shared:
            found.pop(leaf, None)
        else:
            found[leaf] = units[draft]
    return found


def _placed(drafts: Iterable[_Draft], names: PlaceNames) -> dict[_Draft, Unit]:
    """The neurons whose weights stand together in a module."""
    groups: dict[Group, list[_Member]] = {}
    for draft in drafts:
        row = draft.row()
        if row is not None:
            owner, keys = row
            path = names.within(owner) if owner.is_row else names.within(owner, *keys)
            groups.setdefault(_group_of(row), []).append((draft, path, owner))
    units: dict[_Draft, Unit] = {}
    for group, members in groups.items():
        name = names.of_group(group)
        depths = sorted({draft.depth for draft, _, _ in members})
        for depth in depths:
            beside = [member for member in members if member[0].depth == depth]
            units.update(_layer(name, depth if len(depths) > 1 else 0, beside))
    return units


_Member = tuple[_Draft, str, Owner]
"""A neuron, its path, and the module that holds its parameters."""


def _layer(name: str, depth: int, members: list[_Member]) -> dict[_Draft, Unit]:
    """The units of one layer. Where one stands behind another, they are layers of their own."""
    paths = [path for _, path, _ in members]
    if depth:
        (only, *others) = dict.fromkeys(paths)
        name = joined(name, f"layer {depth}") if others or only == name else only
    layer = UnitLayer(name)
    units: dict[_Draft, Unit] = {}
    for draft, path, owner in members:
        # Where several share a list, or the attributes of a module, they are counted.
        own = path if paths.count(path) == 1 else joined(path, f"neuron {len(units)}")
        units[draft] = Unit(own, layer, owner)
    return units


def _made_up(drafts: Iterable[_Draft]) -> dict[_Draft, Unit]:
    """The neurons of which no module says where they stand."""
    layers: dict[int, UnitLayer] = {}
    units: dict[_Draft, Unit] = {}
    numbers: dict[int, int] = {}
    for draft in drafts:
        layer = layers.setdefault(draft.depth, UnitLayer(f"layer {draft.depth}", placed=False))
        number = numbers[draft.depth] = numbers.get(draft.depth, -1) + 1
        units[draft] = Unit(f"{layer.name}.neuron {number}", layer)
    return units
