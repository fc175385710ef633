"""A computation graph as DOT text, in one of four details; a model and a program as well.

``operations`` draws a box for each Value, ``circles`` a circle for each unit, ``neurons`` a box for
each neuron, ``layers`` one for each layer, ``programs`` the groups and products of a compiled
program. This is their front door, which checks the arguments and chooses. ``render`` makes pictures
of the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

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
from tinygrad_mlp.graph import (
    INDEX_ORDERS,
    Unit,
    listed,
    order_of,
    roles_of,
    textbook_names,
    units_of,
)
from tinygrad_mlp.nn._module import Module, make_known
from tinygrad_mlp.training._outputs import evaluation_mode, sample_outputs
from viz._circles import circles_scene
from viz._condense import Condensed, condense
from viz._layer_boxes import layers_dot
from viz._look import COLORS, DIRECTIONS, SHOWABLE, WEIGHTS, Look
from viz._network import network_of
from viz._neurons import neurons_dot
from viz._operations import drawn_by_itself, operations_dot
from viz._programs import program_dot
from viz._scene import Scene
from viz._themes import Theme, known_name

__all__ = ["COLORS", "DETAILS", "DIRECTIONS", "SHOWABLE", "Drawable", "drawing_of", "to_dot"]

DETAILS: Final = ("auto", "circles", "ops", "neurons", "layers")
"""What a drawing shows: circles and lines, operations, neurons, layers; or what stays readable."""

NAMES: Final = ("auto", "math", "code")
"""How things are called: as books do, as the program does, or as suits the detail."""

STYLES: Final = ("page", "slide")
"""What a picture is for."""

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
    names: str = "auto",
    index: str = "unit,input",
    style: str = "page",
    focus: Value | str | None = None,
) -> str:
    """The graph that ``value`` was computed from, as text in the DOT language.

    In full detail nodes are called n0, n1, ... in topological order, so one graph always gives one
    text. Parents stand in the order of the operands. A gradient that nobody has computed is a dash,
    not 0; where there is none at all, boxes have no row for it. Names are known in any case.

    Args:
        value: the output of the graph, or a list of outputs that are drawn together; or a model,
            drawn for one sample; or a compiled program, after its first call, for which
            ``detail``, ``show`` and ``highlight`` mean nothing.
        detail: "circles" (a circle for each unit, a line for each weight), "ops" (a box for each
            operation), "neurons" (for each neuron, with its formula), "layers" (for each layer,
            with shapes, parameter counts and gradient norms), or "auto": circles for a model that
            they can show, else the finest of the others that stays readable. In the coarser two
            a normalization is one box, and what repeats (for each sample of a batch) is drawn
            once, with "x N".
        direction: where the arrows lead: "LR" (to the right), "RL", "TB" (down) or "BT".
        show: any of "data", "grad" and "partials" (the local derivatives on the arrows); in circles
            "grad" is delta, the gradient of the weighted sum of a unit, and with "weights" those
            that have no room on their lines stand in a table below.
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
        names: how things are called in circles: "math" (as in books: w, b, h and y-hat with layer
            and indices), "code" (their paths in the model), or "auto", which is "math" there.
        index: "unit,input" (w_21 leads from input 1 to unit 2) or "input,unit" (w_12 does, and the
            bias of unit j is w_0j).
        style: "page", or "slide" for circles: 1280 x 720, letters of 18 points, three digits and no
            legend.
        focus: for circles, a node or its name ("h[1]_2"): its paths stand out, of all the rest a
            quarter of the color is left.

    Returns:
        The text, which ``viz.draw`` renders, and any other Graphviz tool as well.

    Raises:
        NotANumberError: if ``value`` is nothing that there are drawings of.
        GraphError: if there are more than ``max_nodes`` boxes; the message names the coarser
            detail to use. Also for a program of plain arithmetic, and if circles and lines cannot
            show the graph as it is.
        InvalidArgumentError: for what only circles have with another detail, and for circles in
            another direction than "LR".
        UnknownNameError: for an unknown detail, direction, theme, color, label, name of a node or
            order of indices, or an unknown name in ``show``.

    >>> a = Value(3.0, label="a")
    >>> text = to_dot(a * a, show=["partials"], legend=False)
    >>> text.count("n0 -> n1"), text.count('label="3"')
    (2, 2)
    """
    drawing = drawing_of(
        value,
        detail=detail,
        direction=direction,
        show=show,
        highlight=highlight,
        theme=theme,
        color=color,
        constants=constants,
        max_nodes=max_nodes,
        parameters=parameters,
        legend=legend,
        names=names,
        index=index,
        style=style,
        focus=focus,
    )
    return drawing if isinstance(drawing, str) else drawing.dot()


def drawing_of(
    value: Drawable,
    *,
    detail: str,
    direction: str,
    show: Iterable[str],
    highlight: Value | str | Iterable[Value | str],
    theme: str | Theme,
    color: str,
    constants: bool,
    max_nodes: int,
    parameters: Iterable[Value] | None,
    legend: bool,
    names: str,
    index: str,
    style: str,
    focus: Value | str | None,
) -> str | Scene:
    """The drawing: DOT text, or a scene in which everything has its place.

    Args, Raises: as for ``to_dot``, which gives them their defaults.

    >>> import inspect
    >>> parameters = inspect.signature(drawing_of).parameters
    >>> list(parameters) == list(inspect.signature(to_dot).parameters)
    True
    """
    detail = known_name("detail", detail, DETAILS)
    look = Look.of(direction, show, theme, color, legend, constants)
    max_nodes = check_integer(max_nodes, "max_nodes", "max_nodes=500")
    circles = _Circles.of(names, index, style, focus)
    detail = circles.checked("program" if isinstance(value, Program) else detail, look)
    if isinstance(value, Program):
        return program_dot(value, look, max_nodes)
    is_model = isinstance(value, Module)
    if isinstance(value, Module):
        outputs = _outputs_of(value)
        if parameters is None:
            parameters = value.parameters()
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
    graph = _Graph(outputs, None if parameters is None else listed(parameters), look)
    marked = _marked(highlight, graph.order)
    if detail == "auto" and is_model:
        try:
            if look.direction == "LR":
                return graph.circles(circles, max_nodes, marked, is_model)
        except GraphError:  # what circles cannot show, layers can
            pass
        detail = "layers"
    if detail == "circles":
        return graph.circles(circles, max_nodes, marked, is_model)
    return graph.text(detail, max_nodes, marked)


@dataclass(frozen=True, slots=True)
class _Circles:
    """What a person asked for that only circles have."""

    by_math: bool
    index: str
    slide: bool
    focus: Value | str | None
    asked_for: bool

    @classmethod
    def of(cls, names: str, index: str, style: str, focus: Value | str | None) -> _Circles:
        """What these arguments ask for.

        Raises:
            UnknownNameError: for unknown names, index or style.
        """
        names = known_name("kind of names", names, NAMES)
        index = known_name("order of the indices", index, INDEX_ORDERS)
        slide = known_name("style", style, STYLES) == "slide"
        asked_for = names == "math" or index != INDEX_ORDERS[0] or slide or focus is not None
        return cls(names != "code", index, slide, focus, asked_for)

    def checked(self, detail: str, look: Look) -> str:
        """The detail, which is "circles" where something of this was asked for.

        Raises:
            InvalidArgumentError: if another detail was asked for, or another direction.
        """
        asked_for = self.asked_for or WEIGHTS in look.shown
        if asked_for and detail == "auto":
            detail = "circles"
        if asked_for and detail != "circles":
            of_what = "a program" if detail == "program" else f"detail={detail!r}"
            raise InvalidArgumentError(
                "names='math', index, style='slide', focus and show='weights' are for circles and "
                "lines, not for "
                f"{of_what}; draw a model or a loss with detail='circles', or leave them away"
            )
        if detail == "circles" and look.direction != "LR":
            raise InvalidArgumentError(
                f"circles and lines are drawn from the left to the right, not in "
                f"direction={look.direction!r}; take direction='LR', or detail='neurons'"
            )
        return detail


class _Graph:
    """What is drawn, looked at as finely and as coarsely as it is asked for."""

    def __init__(
        self, outputs: Sequence[Value], parameters: list[Value] | None, look: Look
    ) -> None:
        self.look = look
        self.outputs = outputs
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

    def circles(
        self, wanted: _Circles, max_nodes: int, marked: frozenset[Value], is_model: bool
    ) -> Scene:
        """Circles and lines.

        Raises:
            GraphError: if they cannot show the graph, or if there would be too many circles.
        """
        network = network_of(self.order, self.roles, self.units, self.outputs, self.look.constants)
        names = textbook_names(self.order, self.roles, self.units, index=wanted.index)
        focus = names.find(wanted.focus) if isinstance(wanted.focus, str) else wanted.focus
        scene = circles_scene(
            network,
            self.look,
            names,
            by_math=wanted.by_math,
            slide=wanted.slide,
            predictions=is_model,
            marked=marked,
            focus=focus,
        )
        n_circles = sum(group.name.startswith("c") for group in scene.groups)
        if n_circles > max_nodes:
            raise GraphError(
                f"this network has {n_circles:,} circles, more than max_nodes={max_nodes:,}; draw "
                f"it coarser: detail='layers', or allow its size with max_nodes={n_circles}"
            )
        return scene

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
