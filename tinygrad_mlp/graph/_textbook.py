"""What the nodes of a graph are called in books: w, b, z, h, y-hat and x, with layer and indices.

The layers of a model are numbered in the order in which they compute, its units and inputs from 1.
Whatever no book has a name for keeps that of the program: what a person labeled, parameters that
several neurons share, layers that stand side by side, and operations outside neurons.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from tinygrad_mlp import ops
from tinygrad_mlp._places import Owner
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.graph._math_names import MathName, parse_name
from tinygrad_mlp.graph._naming import PlaceNames, names_of
from tinygrad_mlp.graph._roles import SUMMING_OPS, NeuronSum, count_uses, sums_of
from tinygrad_mlp.graph._structure import (
    NEURON,
    Unit,
    UnitLayer,
    home_of,
    label_of,
    place_in_layer,
)

__all__ = ["HIDDEN", "INDEX_ORDERS", "TextbookNames", "textbook_names"]

INDEX_ORDERS: Final = ("unit,input", "input,unit")
"""How the indices of a weight may stand: w_21 leads from input 1 to unit 2, or from 2 to 1."""

HIDDEN: Final = ("h", "a")
"""The letters for what a unit gives out."""


@dataclass(slots=True)
class TextbookNames:
    """The names of the nodes of one graph.

    Attributes:
        names: one for each node; no two nodes share one.
        code: what the program calls them.
        layer_numbers: the number of each layer that has one, from 1.
        unit_numbers: the number of each unit in its layer, from 1.
    """

    names: dict[Value, MathName]
    code: dict[Value, str]
    layer_numbers: dict[UnitLayer, int] = field(default_factory=dict)
    unit_numbers: dict[Unit, int] = field(default_factory=dict)

    def error_of(self, node: Value) -> MathName | None:
        """The name of the gradient of a weighted sum z: delta; None for any other node.

        >>> from tinygrad_mlp.graph import order_of, roles_of, units_of
        >>> from tinygrad_mlp.nn import MLP
        >>> order = order_of([MLP(2, [2, 1], activation="tanh", rng=0)([1.0, 2.0])])
        >>> roles = roles_of(order, order[-1:], None)
        >>> found = textbook_names(order, roles, units_of(order, roles))
        >>> print(*[found.error_of(node) for node in order if found.error_of(node)])
        δ₁⁽¹⁾ δ₂⁽¹⁾
        """
        name = self.names[node]
        return replace(name, base="delta") if name.base == "z" and name.indices else None

    def find(self, text: str) -> Value:
        """The node that a person means, by the name of the program or of books in any spelling.

        Raises:
            UnknownNameError: if no node is called so.

        >>> a = Value(2.0, label="a")
        >>> TextbookNames({a: MathName("x", (1,))}, {a: "a"}).find("x_1") is a
        True
        """
        for node, name in self.code.items():
            if text == name:
                return node
        by_name = {name.typed: node for node, name in self.names.items()}
        for node, known in self.names.items():
            if text in (known.text, known.latex):
                return node
        try:
            return by_name[parse_name(text).typed]
        except (InvalidArgumentError, KeyError):
            raise UnknownNameError.of("node", text, by_name) from None


def textbook_names(
    order: Sequence[Value],
    roles: dict[Value, str],
    units: dict[Value, Unit],
    *,
    index: str = "unit,input",
    hidden: str = "h",
    sums: dict[Value, NeuronSum] | None = None,
) -> TextbookNames:
    """What books call the nodes of a graph.

    z = w x + b is the weighted sum of a unit, h its activation, y-hat the output of the last layer:
    z_j^(l) = sum over i of w_ji^(l) h_i^(l-1), plus b_j^(l).

    Args:
        order: every node, parents before children.
        roles: the kind of each node, of ``roles_of``.
        units: the neuron of each node, of ``units_of``.
        index: "unit,input": w_21 leads from input 1 to unit 2, as in W x; or "input,unit": w_12
            does, and the bias of unit j is w_0j.
        hidden: the letter for what a hidden unit gives out, "h" or "a".
        sums: those of ``sums_of``, where they are known already.

    Raises:
        UnknownNameError: for another index or letter.

    Source: the indices are those of Nielsen, "Neural Networks and Deep Learning", chapter 2; h and
    y-hat those of Goodfellow et al., "Deep Learning", chapter 6.

    >>> from tinygrad_mlp.graph import order_of, roles_of, units_of
    >>> from tinygrad_mlp.nn import MLP
    >>> y = MLP(1, [1, 1], activation="tanh", rng=0)([3.0])
    >>> order = order_of([y])
    >>> roles = roles_of(order, [y], None)
    >>> print(*textbook_names(order, roles, units_of(order, roles)).names.values())
    w₁₁⁽²⁾ b₁⁽²⁾ w₁₁⁽¹⁾ x₁ b₁⁽¹⁾ z₁⁽¹⁾ h₁⁽¹⁾ ŷ₁
    """
    if index not in INDEX_ORDERS:
        raise UnknownNameError.of("order of the indices", index, INDEX_ORDERS)
    if hidden not in HIDDEN:
        raise UnknownNameError.of("letter for hidden units", hidden, HIDDEN)
    sums = sums_of(order, roles) if sums is None else sums
    naming = _Naming(order, roles, units, sums, index == "unit,input", hidden)
    return TextbookNames(naming.unique(), naming.code, naming.layer_numbers, naming.unit_numbers)


class _Naming:
    def __init__(
        self,
        order: Sequence[Value],
        roles: dict[Value, str],
        units: dict[Value, Unit],
        sums: dict[Value, NeuronSum],
        unit_first: bool,
        hidden: str,
    ) -> None:
        self.order = order
        self.roles = roles
        self.units = units
        self.unit_first = unit_first
        self.hidden = hidden
        self.places = PlaceNames(order)
        self.code = names_of(order, self.places)
        self.sums = {node: s for node, s in sums.items() if node in units}
        self.first: dict[Unit, NeuronSum] = {}  # the sum of a unit for the first sample
        self.of_layer: dict[UnitLayer, dict[Unit, None]] = {}
        for node, found in self.sums.items():
            unit = units[node]
            self.first.setdefault(unit, found)
            self.of_layer.setdefault(unit.layer, {})[unit] = None
        self.models: dict[Owner | None, tuple[list[Value], bool]] = {}
        self.sources = self.sources_of_layers()
        self.layer_numbers = self.numbered_layers()
        self.unit_numbers = {
            unit: number
            for members in self.of_layer.values()
            for unit, number in _numbered_units(members).items()
        }
        self.users = self.all_users()
        self.n_uses = count_uses(order)
        self.fed = {x for found in self.first.values() for x in found.inputs}
        self.names: dict[Value, MathName] = {}
        self.name_nodes()

    # Numbers

    def sources_of_layers(self) -> dict[UnitLayer, set[UnitLayer]]:
        """The layers that each layer reads from, itself included where it feeds itself."""
        nothing: frozenset[UnitLayer] = frozenset()
        behind: dict[Value, frozenset[UnitLayer]] = {}
        sources: dict[UnitLayer, set[UnitLayer]] = {layer: set() for layer in self.of_layer}
        for node in self.order:
            unit = self.units.get(node)
            if node in self.sums and unit is not None:
                for x in self.sums[node].inputs:
                    sources[unit.layer] |= behind.get(x, nothing)
            if node.parents:
                alone = unit is not None and unit.layer in self.of_layer
                found = {behind[x] for x in node.parents if x in behind}
                behind[node] = frozenset([unit.layer]) if unit and alone else nothing.union(*found)
        return sources

    def numbered_layers(self) -> dict[UnitLayer, int]:
        """The place of each layer in its model, where one comes after the other."""
        of_model: dict[Owner | None, list[UnitLayer]] = {}
        for layer, members in self.of_layer.items():
            owner = next(iter(members)).owner
            of_model.setdefault(owner.model if owner and layer.placed else None, []).append(layer)
        numbers: dict[UnitLayer, int] = {}
        for model, layers in of_model.items():
            if (model is None and len(of_model) > 1) or not self.begins(model, layers):
                continue
            depths = _depths(layers, self.sources)
            levels = list(depths.values())
            numbers |= {layer: n for layer, n in depths.items() if levels.count(n) == 1}
        return numbers

    def begins(self, model: Owner | None, layers: Sequence[UnitLayer]) -> bool:
        """Whether the graph has the first layer of a model, if that is there to be asked."""
        parameters, has_all = self.parameters_of(model)
        if not parameters or has_all:
            return True
        first = self.places.of_group(home_of(parameters[0].place))
        return any(layer.name == first for layer in layers)

    def is_whole(self, unit: Unit) -> bool:
        """Whether all parameters of the model are in the graph, if it is there to be asked."""
        _, has_all = self.parameters_of(unit.owner.model if unit.owner is not None else None)
        return has_all

    def parameters_of(self, model: Owner | None) -> tuple[list[Value], bool]:
        """The parameters of a model, if it is there, and whether the graph has all of them."""
        if model not in self.models:
            parameters = _parameters_of(model)
            self.models[model] = parameters, all(x in self.roles for x in parameters)
        return self.models[model]

    def inputs_of(self, layer: UnitLayer) -> dict[Value, int]:
        """The number of each input of a layer: of the unit that it is the output of, or its place.

        Plain numbers are made anew for each unit that they are written in, and share their place.
        """
        sums = [self.first[unit] for unit in self.of_layer[layer]]
        inputs = dict.fromkeys(x for found in sums for x in found.inputs)
        behind = [unit for x in inputs if (unit := self.units.get(x)) is not None]
        before = {unit.layer for unit in behind}
        if len(behind) == len(set(behind)) == len(inputs) and len(before) == 1:
            return {x: self.unit_numbers[unit] for x, unit in zip(inputs, behind, strict=True)}
        numbers: dict[Value, int] = {}
        taken: set[int] = set()
        for found in sums:
            for place, x in enumerate(found.inputs, start=1):
                if x in numbers:
                    continue
                numbers[x] = place
                if x.op is not ops.CONSTANT:
                    while numbers[x] in taken:
                        numbers[x] += 1
                    taken.add(numbers[x])
        return numbers

    # Names

    def name_nodes(self) -> None:
        for layer, members in self.of_layer.items():
            number = self.layer_numbers.get(layer)
            if number is None:
                continue
            inputs = self.inputs_of(layer)
            if not self.sources[layer]:  # what is fed to a model
                for x, place in inputs.items():
                    if not x.parents:
                        self.names.setdefault(x, MathName("x", (place,)))
            for unit in members:
                self.name_parameters(unit, inputs)
        last = {layer for layer in self.of_layer if self.is_last(layer)}
        for node, unit in self.units.items():
            if node.parents and unit.layer in self.layer_numbers:
                name = self.name_of_output(node, unit, unit.layer in last)
                if name is not None:
                    self.names[node] = name

    def name_parameters(self, unit: Unit, inputs: dict[Value, int]) -> None:
        found = self.first[unit]
        weight_of = self.name_in(unit, "w")
        j, layer, owner = weight_of.indices, weight_of.layer, weight_of.owner
        for weight, x in zip(found.weights, found.inputs, strict=True):
            if self.units.get(weight) is unit and self.roles[weight] == "parameter":
                i = (inputs[x],)
                indices = j + i if self.unit_first else i + j
                self.names[weight] = MathName("w", indices, layer, owner=owner)
        own = [b for b in found.biases if self.units.get(b) is unit]
        if len(own) == 1:
            zeroth = MathName("w", (0, *j), layer, owner=owner)
            self.names[own[0]] = self.name_in(unit, "b") if self.unit_first else zeroth

    def name_of_output(self, node: Value, unit: Unit, is_last: bool) -> MathName | None:
        """The name of a sum or an activation; None for the products inside a sum."""
        if node in self.sums:
            if not (is_last and self.is_prediction(node)):
                return self.name_in(unit, "z")
        elif node.op is None or not node.op.activation:
            return None
        elif not is_last or self.is_added(node):
            return self.name_in(unit, self.hidden)
        name = self.name_in(unit, "y")
        return replace(name, layer=None, hat=True)

    def name_in(self, unit: Unit, base: str) -> MathName:
        owner = unit.owner
        several = self.places.within(owner.model) if owner is not None else ""
        if owner is not None and owner.above is None and owner.is_row:  # one neuron, no layer
            return MathName(base, (), owner=several)
        number = self.layer_numbers[unit.layer]
        return MathName(base, (self.unit_numbers[unit],), number, owner=several)

    def is_last(self, layer: UnitLayer) -> bool:
        """Whether nothing reads from a layer of a whole model."""
        read = any(layer in sources for sources in self.sources.values())
        return not read and self.is_whole(next(iter(self.of_layer[layer])))

    def is_prediction(self, node: Value) -> bool:
        """Whether a sum of the last layer is what the model says: nothing follows but an error.

        An error is the difference to a leaf, the target, which nothing else uses. What a softmax
        takes away from all its inputs is none.
        """
        users = self.users[node]
        if any(self.units.get(user) is self.units[node] for user in users):
            return False  # its activation follows
        targets = [[x for x in user.parents if x is not node] for user in users]
        return all(
            user.op is ops.SUB and not any(x.parents or self.n_uses[x] > 1 for x in others)
            for user, others in zip(users, targets, strict=True)
        )

    def is_added(self, node: Value) -> bool:
        """Whether what a unit gives out is added to an input of the model: a skip connection."""
        return any(
            user.op in SUMMING_OPS and any(x in self.fed for x in user.parents)
            for user in self.users[node]
        )

    def all_users(self) -> dict[Value, list[Value]]:
        """The nodes that use each node that was computed."""
        users: dict[Value, list[Value]] = {node: [] for node in self.order if node.parents}
        for node in users:
            for parent in node.parents:
                if parent in users:
                    users[parent].append(node)
        return users

    def unique(self) -> dict[Value, MathName]:
        """The name of each node; what another node is called already gets #2, or what is free.

        No spelling of a name is that of another one, or what the program calls another node.
        """
        taken: dict[str, Value] = {name: node for node, name in self.code.items()}
        copies: dict[MathName, int] = {}
        unique: dict[Value, MathName] = {}
        for node in self.order:
            wish = self.label_of(node) or self.names.get(node) or MathName.code(self.code[node])
            name = wish if wish not in copies else wish.again(copies[wish] + 1)
            while any(taken.get(text, node) is not node for text in name.spellings):
                name = wish.again(name.copy + 1)
            copies[wish] = name.copy
            taken.update(dict.fromkeys(name.spellings, node))
            unique[node] = name
        return unique

    def label_of(self, node: Value) -> MathName | None:
        """What a person calls a node, if anything."""
        label = label_of(node, self.units.get(node))
        return MathName.of_label(label) if label else None


def _depths(
    layers: Sequence[UnitLayer], sources: dict[UnitLayer, set[UnitLayer]]
) -> dict[UnitLayer, int]:
    """How many layers of the same model come before each, and itself; nothing where they circle."""
    among = {layer: sources[layer].intersection(layers) - {layer} for layer in layers}
    depths: dict[UnitLayer, int] = {}
    try:
        for layer in TopologicalSorter(among).static_order():
            depths[layer] = 1 + max((depths[source] for source in among[layer]), default=0)
    except CycleError:
        return {}
    return depths


def _numbered_units(members: Collection[Unit]) -> dict[Unit, int]:
    """By the index in the list that holds them; otherwise counted."""
    found = {unit: NEURON.fullmatch(unit.name) for unit in members}
    numbers = {unit: int(match["number"]) + 1 for unit, match in found.items() if match}
    if len(set(numbers.values())) == len(found):
        return numbers
    return {unit: place + 1 for place, unit in enumerate(sorted(members, key=place_in_layer))}


def _parameters_of(model: Owner | None) -> list[Value]:
    """Those of a model that is still there."""
    module: Any = model.holder() if model is not None and model.holder is not None else None
    return list(module.parameters()) if module is not None else []
