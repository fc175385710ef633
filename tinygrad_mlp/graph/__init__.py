"""A graph, understood once: roles, neurons, layers, models and names of its nodes.

Health reports, the step log, the console, drawings of every detail, the replay and the command line
ask here. The answers go by identity of parameters and modules, never by the text of a label.
"""

from __future__ import annotations

from tinygrad_mlp.graph._beside import beside_of
from tinygrad_mlp.graph._math_names import MathName, Run, parse_name
from tinygrad_mlp.graph._naming import names_of
from tinygrad_mlp.graph._roles import (
    NeuronSum,
    Use,
    dot_operands,
    input_names,
    is_neuron,
    listed,
    op_of,
    order_of,
    roles_of,
    sums_of,
    uses_of,
)
from tinygrad_mlp.graph._structure import (
    Unit,
    UnitLayer,
    label_of,
    layers_of,
    name_in_network,
    place_in_layer,
    units_of,
)
from tinygrad_mlp.graph._textbook import HIDDEN, INDEX_ORDERS, TextbookNames, textbook_names

__all__ = [
    "HIDDEN",
    "INDEX_ORDERS",
    "MathName",
    "NeuronSum",
    "Run",
    "TextbookNames",
    "Unit",
    "UnitLayer",
    "Use",
    "beside_of",
    "dot_operands",
    "input_names",
    "is_neuron",
    "label_of",
    "layers_of",
    "listed",
    "name_in_network",
    "names_of",
    "op_of",
    "order_of",
    "parse_name",
    "place_in_layer",
    "roles_of",
    "sums_of",
    "textbook_names",
    "units_of",
    "uses_of",
]
