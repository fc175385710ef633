"""A graph in the detail that was asked for, or in the finest in which a person can still read it.

The details are circles and lines, operations, neurons and layers; where one has too many boxes, the
error says which coarser one has room.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tinygrad_mlp._text import described
from tinygrad_mlp.debug._notation import NAMES
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
)
from tinygrad_mlp.graph import (
    INDEX_ORDERS,
    TextbookNames,
    Unit,
    order_of,
    roles_of,
    sums_of,
    textbook_names,
    units_of,
)
from viz._boxes.box_names import BoxNames
from viz._boxes.condense import Condensed, condense
from viz._boxes.layer_boxes import LayerDrawing
from viz._boxes.neurons import NeuronDrawing
from viz._boxes.operations import drawn_by_itself, operations_scene
from viz._circles.circles import circles_scene
from viz._circles.network_reading import network_of
from viz._scene.emphasis import focused
from viz._scene.fitting import on_a_slide
from viz._scene.scene import Scene
from viz._style.look import WEIGHTS, Look
from viz._style.themes import known_name

__all__ = ["DETAILS", "Asked", "DetailedGraph"]

DETAILS: Final = ("auto", "circles", "ops", "neurons", "layers")
"""What a drawing shows: circles and lines, operations, neurons, layers; or what stays readable."""

STYLES: Final = ("page", "slide")
"""What a picture is for."""

MOST_READABLE_OPS: Final = 40
MOST_READABLE_BOXES: Final = 40
MOST_READABLE_ARROWS: Final = 130
FAR_TOO_MANY: Final = 20  # times the boxes that are allowed: nobody counts any further
ARROWS_OF_A_BOX: Final = 10  # for each box that is allowed: Graphviz takes minutes for thousands
DRAW_A_PART: Final = (
    "draw a part of it (the loss of one sample through a small network, or a node further inside)"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The names, the style and the focus that a person asked for.

    >>> asked = Asked.of("math", "unit,input", "page", None)
    >>> asked.by_math, asked.slide
    (True, False)
    """

    by_math: bool
    index: str
    slide: bool
    focus: Value | str | None
    names: str

    @classmethod
    def of(cls, names: str, index: str, style: str, focus: Value | str | None) -> Asked:
        """What these arguments ask for.

        Raises:
            UnknownNameError: for unknown names, index or style.
            InvalidArgumentError: for a focus that is neither a Value nor a name.
        """
        names = known_name("kind of names", names, NAMES)
        index = known_name("order of the indices", index, INDEX_ORDERS)
        slide = known_name("style", style, STYLES) == "slide"
        if not (focus is None or isinstance(focus, Value | str)):
            raise InvalidArgumentError(
                f"focus is {described(focus)}, but one node or its name is needed: "
                "focus='h[1]_2', or focus=w"
            )
        return cls(names != "code", index, slide, focus, names)

    def checked(self, detail: str, look: Look) -> str:
        """The detail, if it has what was asked for.

        Raises:
            InvalidArgumentError: if a program has it not, or circles not in that direction.
        """
        if WEIGHTS in look.shown and detail not in ("auto", "circles"):
            of_what = "a program" if detail == "program" else f"detail={detail!r}"
            raise InvalidArgumentError(
                f"show='weights' is for circles and lines, not for {of_what}; draw a model or a "
                "loss with detail='circles', or leave it out"
            )
        named = self.names == "math" or self.index != INDEX_ORDERS[0]
        if detail == "program" and (named or self.focus is not None):
            raise InvalidArgumentError(
                "names='math', index and focus are not for a program; draw a model or a loss, or "
                "leave them away"
            )
        if detail == "circles" and look.direction != "LR":
            raise InvalidArgumentError(
                f"circles and lines are drawn from the left to the right, not in "
                f"direction={look.direction!r}; take direction='LR', or detail='neurons'"
            )
        return detail


class DetailedGraph:
    """What is drawn, looked at as finely and as coarsely as it is asked for.

    Args:
        outputs: the Values that the graph ends with.
        parameters: those that count as parameters; None to find them, as ``roles_of`` does.
        look: what is shown, and how.

    >>> a = Value(3.0, label="a")
    >>> look = Look.of("LR", ("data",), "light", "auto", False, False)
    >>> DetailedGraph([a * a], None, look).n_operations()
    2
    """

    def __init__(
        self, outputs: Sequence[Value], parameters: list[Value] | None, look: Look
    ) -> None:
        self.look = look
        self.outputs = outputs
        self.order = order_of(outputs)
        self.roles = roles_of(self.order, outputs, parameters)
        self.sums = sums_of(self.order, self.roles)
        self.units: dict[Value, Unit] = units_of(self.order, self.roles, self.sums)

    def first_of(
        self, details: Sequence[str], asked: Asked, max_nodes: int, marked: frozenset[Value]
    ) -> Scene:
        """The drawing in the first of these details that can show the graph.

        Raises:
            GraphError: if none of them can; the message is that of the last.
        """
        *others, last = details
        for detail in others:
            with suppress(GraphError):
                return self.drawn(detail, asked, max_nodes, marked)
        return self.drawn(last, asked, max_nodes, marked)

    def drawn(self, detail: str, asked: Asked, max_nodes: int, marked: frozenset[Value]) -> Scene:
        """The drawing in that detail, with its focus, on its page."""
        if detail == "circles":
            return self.circles(asked, max_nodes, marked)
        scene = self.boxes(detail, asked, max_nodes, marked)
        if asked.focus is not None:
            scene = focused(scene, self.focus(asked.focus, asked.index), self.order)
        return on_a_slide(scene, self.others(detail)) if asked.slide else scene

    def others(self, detail: str) -> tuple[str, ...]:
        """The details that need less room than this one, where there are neurons to be shown."""
        circles = ("circles",) if self.look.direction == "LR" else ()
        return (*circles, *DETAILS[DETAILS.index(detail) + 1 :]) if self.units else ()

    def boxes(self, detail: str, wanted: Asked, max_nodes: int, marked: frozenset[Value]) -> Scene:
        """Boxes and arrows in that detail.

        Raises:
            GraphError: if it would have more than ``max_nodes`` boxes.
        """
        condensed = None
        if detail == "auto":
            detail, condensed = self.readable(max_nodes)
        if detail == "ops":
            n_arrows = sum([len(node.parents) for node in self.order])
            self.check(detail, self.n_operations(), n_arrows, max_nodes)
            names = self.box_names(wanted)
            return operations_scene(self.order, self.roles, self.units, names, self.look, marked)
        condensed = condensed or self.condensed(detail, max_nodes)
        if condensed is None:
            raise GraphError(
                f"this graph has more than {FAR_TOO_MANY * max_nodes:,} boxes even with "
                f"detail={detail!r}, where max_nodes={max_nodes:,}; {DRAW_A_PART}"
            )
        self.check(detail, len(condensed.boxes), len(condensed.arrows), max_nodes)
        drawing = NeuronDrawing if detail == "neurons" else LayerDrawing
        return drawing(condensed, self.box_names(wanted), self.look, marked).scene()

    def box_names(self, wanted: Asked) -> BoxNames:
        """What boxes call nodes: as books do, where there are neurons."""
        names = self.textbook_names(wanted.index)
        return BoxNames(names, wanted.names == "math" or (wanted.by_math and bool(self.units)))

    def textbook_names(self, index: str) -> TextbookNames:
        """What books call the nodes."""
        return textbook_names(self.order, self.roles, self.units, index=index, sums=self.sums)

    def focus(self, focus: Value | str, index: str) -> Value:
        """The node in focus, which may be given by its name.

        Raises:
            UnknownNameError: if there is none of that name.
        """
        return self.textbook_names(index).find(focus) if isinstance(focus, str) else focus

    def circles(self, wanted: Asked, max_nodes: int, marked: frozenset[Value]) -> Scene:
        """Circles and lines.

        Raises:
            GraphError: if they cannot show the graph, or if there would be too many circles.
        """
        network = network_of(
            self.order, self.roles, self.units, self.sums, self.outputs, self.look.constants
        )
        focus = None if wanted.focus is None else self.focus(wanted.focus, wanted.index)
        names = self.textbook_names(wanted.index)
        scene = circles_scene(
            network,
            self.look,
            names,
            by_math=wanted.by_math,
            slide=wanted.slide,
            predictions=self.look.parameters_only,
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
        """How many boxes there are where each operation has one."""
        return sum(drawn_by_itself(node, self.roles[node]) for node in self.order)

    def condensed(self, detail: str, max_nodes: int) -> Condensed | None:
        """The coarser graph; None where it is far too large."""
        by_layer = detail == "layers"
        return condense(self.order, self.roles, self.units, by_layer, FAR_TOO_MANY * max_nodes)

    def check(self, detail: str, n_boxes: int, n_arrows: int, max_nodes: int) -> None:
        """Refuse more boxes or arrows than are allowed, with what to do instead."""
        needed = _needed(n_boxes, n_arrows)
        if needed <= max_nodes:
            return
        what = "nodes" if detail == "ops" else f"boxes even with detail={detail!r}"
        start = f"this graph has {n_boxes:,} {what}, more than max_nodes={max_nodes:,}"
        if n_boxes <= max_nodes:
            most = ARROWS_OF_A_BOX * max_nodes
            start = f"this graph has {n_arrows:,} arrows, more than {most:,} with {max_nodes=:,}"
        allowing = f"or allow its size with max_nodes={needed}"
        if self.units:
            for coarser in DETAILS[DETAILS.index(detail) + 1 :]:
                condensed = self.condensed(coarser, max_nodes)
                if condensed is None:
                    continue
                n_boxes, n_arrows = len(condensed.boxes), len(condensed.arrows)
                if _needed(n_boxes, n_arrows) <= max_nodes:
                    raise GraphError(
                        f"{start}; draw it coarser, in {n_boxes} boxes: "
                        f"detail={coarser!r}, {allowing}"
                    )
        raise GraphError(f"{start}; {DRAW_A_PART}, {allowing}")


def _needed(n_boxes: int, n_arrows: int) -> int:
    """The ``max_nodes`` with which so many are drawn."""
    return max(n_boxes, -(-n_arrows // ARROWS_OF_A_BOX))
