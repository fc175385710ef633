"""The neurons of a model, layer by layer, in the graph of one sample.

A neuron is told by ``graph``: a sum of products with its weights. Its output is found by going on
from there, through its normalization and its activation, as long as nothing else comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinygrad_mlp import ops
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.graph import Unit, UnitLayer, order_of, place_in_layer, roles_of, units_of

__all__ = ["LayerUnits", "layers_with_units", "unit_in", "varying"]


@dataclass(frozen=True, eq=False)
class LayerUnits:
    """The neurons of one layer.

    Attributes:
        name: the path of the layer in its model, such as "layers.0".
        outputs: what each neuron gives to the next layer.
        inputs: what goes into the activation of each; the outputs where there is none.
    """

    name: str
    outputs: list[Value]
    inputs: list[Value]


def varying(order: Sequence[Value], x: Sequence[Value]) -> set[Value]:
    """The inputs, and the nodes that were computed from them.

    >>> x, w = Value(1.0), Value(2.0)
    >>> product = w * x
    >>> varying(order_of([product + w * w]), [x]) >= {x, product}
    True
    """
    found = set(x)
    for node in order:
        if not found.isdisjoint(node.parents):
            found.add(node)
    return found


def layers_with_units(outputs: Sequence[Value], x: Sequence[Value]) -> list[LayerUnits]:
    """The layers in the graph of one sample, in the order of their computation.

    Args:
        outputs: the outputs of the model.
        x: the inputs of the sample.

    >>> from tinygrad_mlp.nn import MLP
    >>> x = [Value(1.0), Value(2.0)]
    >>> for layer in layers_with_units(MLP(2, [3, 1], rng=0)(x).parents[3:4], x):
    ...     print(layer.name, [node.op.name for node in layer.outputs])
    layers.0 ['relu']
    """
    order = order_of(outputs)
    units = units_of(order, roles_of(order, outputs, None))
    depends = varying(order, x)
    consumers: dict[Value, list[Value]] = {}
    for node in order:
        for parent in dict.fromkeys(node.parents):
            consumers.setdefault(parent, []).append(node)
    ends: dict[Unit, Value] = {}
    for node in order:
        unit = units.get(node)
        if unit is not None and node.parents and node in depends:
            ends[unit] = node  # the last one, which is the sum or its activation
    layers: dict[UnitLayer, list[tuple[Unit, Value]]] = {}
    last = set(outputs)
    for unit, node in ends.items():
        end = _end_of(node, unit, units, consumers, depends, last)
        layers.setdefault(unit.layer, []).append((unit, end))
    return [_layer(layer, members) for layer, members in layers.items()]


def _end_of(
    node: Value,
    unit: Unit,
    units: dict[Value, Unit],
    consumers: dict[Value, list[Value]],
    depends: set[Value],
    last: set[Value],
) -> Value:
    """What a neuron gives: its activation; without one, the end of its normalization, or its sum.

    The search ends where something else comes in, or where it goes on to several places.
    """
    end = node
    while not _is_activation(node) and node not in last and len(consumers.get(node, [])) == 1:
        (consumer,) = consumers[node]
        others = [parent for parent in consumer.parents if parent in depends]
        if len(others) > 1 or units.get(consumer, unit) is not unit or consumer.op is ops.DOT:
            break
        node = consumer
        if _is_activation(node) or any([_is_of_a_module(parent) for parent in node.parents]):
            end = node
    return end


def _is_activation(node: Value) -> bool:
    return node.op is not None and node.op.activation


def _is_of_a_module(leaf: Value) -> bool:
    return not leaf.parents and leaf.place is not None


def _layer(layer: UnitLayer, members: list[tuple[Unit, Value]]) -> LayerUnits:
    members = sorted(members, key=lambda member: place_in_layer(member[0]))
    ends = [end for _, end in members]
    inputs = [end.parents[0] if _is_activation(end) else end for end in ends]
    return LayerUnits(layer.name or "layer", ends, inputs)


def unit_in(
    outputs: Sequence[Value],
    x: Sequence[Value],
    layer: int | str,
    index: int,
    before_activation: bool,
) -> Value:
    """One neuron in the graph of one sample.

    Args:
        outputs: the outputs of the model.
        x: the inputs of the sample.
        layer: the number of the layer, or its name.
        index: the number of the neuron.
        before_activation: whether what goes into its activation is meant.

    Raises:
        InvalidArgumentError: if there is none.

    >>> from tinygrad_mlp.nn import MLP
    >>> x = [Value(1.0)]
    >>> out = MLP(1, [2, 1], init="zeros", rng=0)(x)
    >>> unit_in([out], x, 1, 0, False) is out
    True
    """
    layers = layers_with_units(outputs, x)
    found = layer_in(layers, layer)
    if index >= len(found.outputs):
        raise InvalidArgumentError(
            f"the layer {found.name!r} has {len(found.outputs)} neurons, counted from 0, so there "
            f"is no number {index}; the last one is Unit({layer!r}, {len(found.outputs) - 1})"
        )
    return (found.inputs if before_activation else found.outputs)[index]


def layer_in(layers: Sequence[LayerUnits], layer: int | str) -> LayerUnits:
    """The layer of that number or name."""
    names = [each.name for each in layers]
    if not names:
        raise InvalidArgumentError(
            "there is no neuron in this model: no sum of products with weights; take an output, "
            "target=Output(0)"
        )
    if isinstance(layer, str) and layer in names:
        return layers[names.index(layer)]
    if not isinstance(layer, str) and layer < len(names):
        return layers[layer]
    known = ", ".join(f"{number} {name!r}" for number, name in enumerate(names))
    raise InvalidArgumentError(f"there is no layer {layer!r}; the layers are {known}")
