"""A computation graph as DOT text, in one of three details; a model and a program as well.

``operations`` draws a box for each Value, ``neurons`` one for each neuron, ``layers`` one for each
layer, ``programs`` the groups and products of a compiled program. This is their front door, which
checks the arguments and chooses. ``render`` makes pictures of the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._text import described
from tinygrad_mlp.compiler import Program
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, NotANumberError, UnknownNameError
from tinygrad_mlp.graph import Unit, listed, order_of, roles_of, units_of
from tinygrad_mlp.nn._module import Module, make_known
from tinygrad_mlp.training._outputs import evaluation_mode, sample_outputs
from viz._condense import Condensed, condense
from viz._layer_boxes import layers_dot
from viz._look import COLORS, DIRECTIONS, SHOWABLE, Look
from viz._neurons import neurons_dot
from viz._operations import drawn_by_itself, operations_dot
from viz._programs import program_dot
from viz._themes import Theme, known_name

__all__ = ["COLORS", "DETAILS", "DIRECTIONS", "SHOWABLE", "Drawable", "to_dot"]

DETAILS: Final = ("auto", "ops", "neurons", "layers")
"""How much a drawing shows: each operation, each neuron, each layer; or what stays readable."""

Drawable = Value | Sequence[Value] | Module | Program
"""What there are drawings of: the graph of a Value, or of several; a model, a compiled program."""

MOST_READABLE_OPS: Final = 40
MOST_READABLE_BOXES: Final = 40
MOST_READABLE_ARROWS: Final = 130
FAR_TOO_MANY: Final = 20  # times the boxes that are allowed: nobody counts any further
DRAW_A_PART: Final = (
    "draw a part of it (the loss of one sample through a small network, or a node further inside)"
)


def to_dot(
    value: Drawable,
    *,
    detail: str = "auto",
    direction: str = "LR",
    show: Iterable[str] = SHOWABLE,
    highlight: Value | str | Iterable[Value | str] = (),
    theme: str | Theme = "light",
    color: str = "auto",
    constants: bool = True,
    max_nodes: int = 500,
    parameters: Iterable[Value] | None = None,
    legend: bool = True,
) -> str:
    """The graph that ``value`` was computed from, as text in the DOT language.

    In full detail nodes are called n0, n1, ... in topological order, so one graph always gives one
    text. Parents stand in the order of the operands. A gradient that nobody has computed is a dash,
    not 0; where there is none at all, boxes have no row for it. Names are known in any case.

    Args:
        value: the output of the graph, or a list of outputs that are drawn together; or a model,
            drawn for one sample; or a compiled program, after its first call, for which
            ``detail``, ``show`` and ``highlight`` mean nothing.
        detail: "ops" (a box for each operation), "neurons" (for each neuron, with its formula),
            "layers" (for each layer, with shapes, parameter counts and gradient norms), or "auto":
            the finest of them that stays readable. In the coarser two, what repeats (for each
            sample of a batch) is drawn once, with "x N".
        direction: where the arrows lead: "LR" (to the right), "RL", "TB" (down) or "BT".
        show: any of "data", "grad" and "partials" (the local derivatives on the arrows).
        highlight: nodes to mark, and the arrows between them: Values of the graph, or labels.
        theme: "light" or "dark".
        color: what colors mean: "kind" (of a node), "gradient" (its size), or "auto": the kind
            where every operation is drawn, else the gradient.
        constants: whether to draw the plain numbers of a formula.
        max_nodes: the number of boxes up to which a graph is drawn.
        parameters: the leaves to color as parameters, for example ``model.parameters()``. Unless
            given, these are the weights and biases of each ``dot``, and the leaves whose label is
            a path in a model, such as "layers.0.w.1".
        legend: whether a line under the graph explains the colors.

    Returns:
        The text, which ``viz.draw`` renders, and any other Graphviz tool as well.

    Raises:
        NotANumberError: if ``value`` is nothing that there are drawings of.
        GraphError: if there are more than ``max_nodes`` boxes; the message names the coarser
            detail to use. Also for a program of plain arithmetic.
        UnknownNameError: for an unknown detail, direction, theme, color, label, or an unknown name
            in ``show``.

    >>> a = Value(3.0, label="a")
    >>> text = to_dot(a * a, show=["partials"], legend=False)
    >>> text.count("n0 -> n1"), text.count('label="3"')
    (2, 2)
    """
    detail = known_name("detail", detail, DETAILS)
    look = Look.of(direction, show, theme, color, legend, constants)
    max_nodes = check_integer(max_nodes, "max_nodes", "max_nodes=500")
    if isinstance(value, Program):
        return program_dot(value, look, max_nodes)
    if isinstance(value, Module):
        outputs = _outputs_of(value)
        if parameters is None:
            parameters = value.parameters()
        detail = "layers" if detail == "auto" else detail
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
    if not isinstance(value, Module) and not any(output.has_grad for output in outputs):
        look = replace(look, gradients=False)
    graph = _Graph(outputs, None if parameters is None else listed(parameters), look)
    marked = _marked(highlight, graph.order)
    return graph.text(detail, max_nodes, marked)


class _Graph:
    """What is drawn, looked at as finely and as coarsely as it is asked for."""

    def __init__(
        self, outputs: Sequence[Value], parameters: list[Value] | None, look: Look
    ) -> None:
        self.look = look
        self.order = order_of(outputs)
        self.roles = roles_of(self.order, outputs, parameters)
        self.units: dict[Value, Unit] = units_of(self.order, self.roles)

    def text(self, detail: str, max_nodes: int, marked: frozenset[Value]) -> str:
        """The drawing in that detail.

        Raises:
            GraphError: if it would have more than ``max_nodes`` boxes.
        """
        condensed = None
        if detail == "auto":
            detail, condensed = self.readable(max_nodes)
        if detail == "ops":
            self.check(detail, self.n_operations(), max_nodes)
            return operations_dot(self.order, self.roles, self.units, self.look, marked)
        condensed = condensed or self.condensed(detail, max_nodes)
        if condensed is None:
            raise GraphError(
                f"this graph has more than {FAR_TOO_MANY * max_nodes:,} boxes even with "
                f"detail={detail!r}, where max_nodes={max_nodes:,}; {DRAW_A_PART}"
            )
        self.check(detail, len(condensed.boxes), max_nodes)
        draw = neurons_dot if detail == "neurons" else layers_dot
        return draw(condensed, self.look, marked)

    def readable(self, max_nodes: int) -> tuple[str, Condensed | None]:
        """The finest detail in which a person can still read the drawing."""
        if self.n_operations() <= min(MOST_READABLE_OPS, max_nodes) or not self.units:
            return "ops", None
        condensed = self.condensed("neurons", max_nodes)
        most = min(MOST_READABLE_BOXES, max_nodes)
        few_boxes = condensed is not None and len(condensed.boxes) <= most
        if condensed and few_boxes and len(condensed.arrows) <= MOST_READABLE_ARROWS:
            return "neurons", condensed
        coarser = self.condensed("layers", max_nodes)
        too_many = coarser is None or len(coarser.boxes) > max_nodes
        if too_many and self.n_operations() <= max_nodes:
            return "ops", None
        return "layers", coarser

    def n_operations(self) -> int:
        return sum(drawn_by_itself(node, self.roles[node]) for node in self.order)

    def condensed(self, detail: str, max_nodes: int) -> Condensed | None:
        """The coarser graph; None where it is far too large."""
        by_layer = detail == "layers"
        return condense(self.order, self.roles, self.units, by_layer, FAR_TOO_MANY * max_nodes)

    def check(self, detail: str, n_boxes: int, max_nodes: int) -> None:
        """Refuse more boxes than are allowed, with what to do instead."""
        if n_boxes <= max_nodes:
            return
        what = "nodes" if detail == "ops" else f"boxes even with detail={detail!r}"
        start = f"this graph has {n_boxes:,} {what}, more than max_nodes={max_nodes:,}"
        allowing = f"or allow its size with max_nodes={n_boxes}"
        if self.units:
            for coarser in DETAILS[DETAILS.index(detail) + 1 :]:
                condensed = self.condensed(coarser, max_nodes)
                if condensed is not None and len(condensed.boxes) <= max_nodes:
                    raise GraphError(
                        f"{start}; draw it coarser, in {len(condensed.boxes)} boxes: "
                        f"detail={coarser!r}, {allowing}"
                    )
        raise GraphError(f"{start}; {DRAW_A_PART}, {allowing}")


def _outputs_of(model: Module) -> list[Value]:
    """The outputs of a model for a sample x1, x2, ... of zeros; the model stays as it is.

    Raises:
        GraphError: if the model does not say how many inputs it has.
        InvalidArgumentError: if it gives something else than Values.

    >>> from tinygrad_mlp.nn import MLP
    >>> len(_outputs_of(MLP(2, [4, 3])))
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
