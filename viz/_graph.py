"""A computation graph as DOT text, in one of four details; a model and a program as well.

``operations`` draws a box for each Value, ``circles`` a circle for each unit, ``neurons`` a box for
each neuron, ``layers`` one for each layer, ``programs`` the groups and products of a compiled
program. This is their front door, which checks the arguments and chooses. ``render`` makes pictures
of the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Unpack

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._text import described
from tinygrad_mlp.compiler import Program
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    NotANumberError,
    UnknownNameError,
)
from tinygrad_mlp.graph import listed
from tinygrad_mlp.nn._module import Module, make_known
from tinygrad_mlp.training._outputs import evaluation_mode, sample_outputs
from viz._boxes.programs import program_scene
from viz._detailed_graph import DETAILS, Asked, DetailedGraph
from viz._scene.dot_text import dot_text
from viz._scene.fitting import on_a_slide
from viz._scene.scene import Scene
from viz._style.drawing_options import Options, completed, with_options
from viz._style.look import COLORS, DIRECTIONS, SHOWABLE, WEIGHTS, Look
from viz._style.themes import known_name

__all__ = [
    "COLORS",
    "DETAILS",
    "DIRECTIONS",
    "SHOWABLE",
    "Drawable",
    "drawing_of",
    "outputs_of",
    "to_dot",
]

Drawable = Value | Sequence[Value] | Module | Program
"""What there are drawings of: the graph of a Value, or of several; a model, a compiled program."""


@with_options
def to_dot(value: Drawable, **options: Unpack[Options]) -> str:
    """The graph that ``value`` was computed from, as text in the DOT language.

    Everything has its place in it already ("nop2"): Graphviz draws the same lines, boxes and words
    as the SVG has. One graph always gives one text. Operands stand in their order. A gradient that
    nobody has computed is a dash, not 0; where there is none at all, boxes have no row for it.
    Names of options are known in any case.

    Args:
        value: what to draw, as for ``draw``.
        options: as for ``draw``.

    Returns:
        The text, which ``viz.draw`` renders, and any other Graphviz tool as well.

    Raises:
        What ``draw`` raises.

    >>> a = Value(3.0, label="a")
    >>> text = to_dot(a * a, legend=False)
    >>> text.splitlines()[0], text.count("arrowhead=normal")
    ('digraph "network" {', 2)
    """
    return dot_text(drawing_of(value, options))


def drawing_of(value: Drawable, options: Options) -> Scene:
    """The drawing, a scene in which everything has its place.

    Args, Raises: as for ``draw``.

    >>> [group.kind for group in drawing_of(Value(3.0), {"legend": False}).groups]
    ['node']
    """
    wanted = completed(options)
    detail = known_name("detail", wanted["detail"], DETAILS)
    look = Look.of(
        wanted["direction"],
        wanted["show"],
        wanted["theme"],
        wanted["color"],
        wanted["legend"],
        wanted["constants"],
    )
    max_nodes = check_integer(wanted["max_nodes"], "max_nodes", "max_nodes=500")
    asked = Asked.of(wanted["names"], wanted["index"], wanted["style"], wanted["focus"])
    if asked.slide:
        look = replace(look, legend=False, slide=True)
    detail = asked.checked("program" if isinstance(value, Program) else detail, look)
    if isinstance(value, Program):
        scene = program_scene(value, look, max_nodes)
        return on_a_slide(scene) if asked.slide else scene
    is_model = isinstance(value, Module)
    parameters = wanted["parameters"]
    if isinstance(value, Module):
        outputs = outputs_of(value)
        parameters = value.parameters() if parameters is None else parameters
        look = replace(look, shown=look.shown - {"partials"}, parameters_only=True)
    elif isinstance(value, Value):
        outputs = [value]
    elif isinstance(value, list | tuple) and value and all(isinstance(x, Value) for x in value):
        outputs = list(value)
    else:
        raise NotANumberError(
            f"a drawing starts from one Value, the output of a graph, but got "
            f"{described(value, with_type=True)}; draw one output: viz.draw(outputs[0], path)"
        )
    if not is_model and not any(output.has_grad for output in outputs):
        look = replace(look, gradients=False)
    graph = DetailedGraph(outputs, None if parameters is None else listed(parameters), look)
    marked = _marked(wanted["highlight"], graph.order)
    return graph.first_of(_details(detail, is_model, asked, look), asked, max_nodes, marked)


def _details(detail: str, is_model: bool, asked: Asked, look: Look) -> tuple[str, ...]:
    """The details to try, one after the other."""
    if detail != "auto":
        return (detail,)
    if WEIGHTS in look.shown:
        return ("circles",)
    circles = ("circles",) if look.direction == "LR" else ()
    if is_model:
        return (*circles, "layers")
    return (*circles, "ops", "neurons", "layers") if asked.slide else ("auto",)


def outputs_of(model: Module) -> list[Value]:
    """The outputs of a model for a sample x1, x2, ... of zeros; the model stays as it is.

    Raises:
        GraphError: if the model does not say how many inputs it has.
        InvalidArgumentError: if it gives something else than Values.

    >>> from tinygrad_mlp.nn import MLP
    >>> len(outputs_of(MLP(2, [4, 3])))
    3
    """
    n_inputs = getattr(model, "n_inputs", None)
    weights = getattr(model, "w", None)  # those of a neuron
    if n_inputs is None and isinstance(weights, list):
        n_inputs = len(weights)
    if not isinstance(n_inputs, int):
        raise GraphError(
            f"{described(model)} cannot be drawn, as it has no attribute n_inputs that says how "
            "many "
            "numbers a sample has; set it, or draw an output: viz.draw(model([1.0, 2.0]), path)"
        )
    make_known(model)
    with evaluation_mode(model):
        inputs = [Value(0.0, label=f"x{i + 1}") for i in range(n_inputs)]
        return sample_outputs(model, inputs, from_logits=False)


def _marked(
    highlight: Value | str | Iterable[Value | str], order: Sequence[Value]
) -> frozenset[Value]:
    """The nodes that were meant; a label means every node that has it."""
    given: object = highlight
    if not isinstance(given, Value | Iterable):
        raise InvalidArgumentError(
            f"highlight is {described(given)}, but nodes or labels are needed: highlight=[w, 'b']; "
            "nothing: highlight=()"
        )
    wanted = [highlight] if isinstance(highlight, Value | str) else list(highlight)
    nodes = set(order)
    marked: set[Value] = set()
    for item in wanted:
        if isinstance(item, Value):
            if item not in nodes:
                raise GraphError(
                    f"{described(item)} is to be highlighted, but it is no node of this graph; "
                    "give "
                    "nodes that the drawn Value was computed from, or their labels"
                )
            marked.add(item)
            continue
        found = [node for node in order if node.label == item]
        if not found or not item:
            labels = list(dict.fromkeys(node.label for node in order if node.label))
            raise UnknownNameError.of("label to highlight", item, labels[-20:])
        marked.update(found)
    return frozenset(marked)
