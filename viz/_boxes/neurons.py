"""One box for each neuron, with its formula in numbers; a frame around each layer.

At the end of an arrow stands the derivative of one neuron's output by another's; the color of the
arrow is the sign of that number, its width the size. Where there are no such numbers, these are the
sign and the size of the weight.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from math import isfinite, isnan
from typing import Final

from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import Run, Unit, UnitLayer, input_names, place_in_layer
from viz._boxes.box_legend import line_key, number_keys
from viz._boxes.box_names import BoxNames
from viz._boxes.box_scene import Heading
from viz._boxes.box_trees import Block
from viz._boxes.boxes import CoarseDrawing, activation_of
from viz._boxes.cards import BY, LETTERS, Cell, Row, keyed
from viz._boxes.condense import Arrow, Box, Condensed
from viz._boxes.placement import Frame, Spacing
from viz._scene.legend import Entry
from viz._scene.scene import Shown, plain
from viz._style import markup
from viz._style.look import LONGEST_IN_TOOLTIP, LONGEST_LABEL, Look

__all__ = ["NeuronDrawing", "formula"]

MOST_TERMS: Final = 3
MOST_LABELLED_ARROWS: Final = 40
LONGEST_INPUT: Final = 8
"""The characters of a name of the program in a formula."""
MINUS: Final = "\N{MINUS SIGN}"


def formula(
    activation: str, weights: Sequence[float], names: Sequence[list[Run]], bias: float | None
) -> list[Run]:
    """What a neuron computes, with its numbers; long sums are cut short in the middle.

    >>> names = [plain(f"a{place}") for place in range(1, 6)]
    >>> "".join([run.text for run in formula("tanh", [0.5, -1.25], names[:2], 0.1)])
    'tanh(0.5·a1 − 1.25·a2 + 0.1)'
    >>> "".join([run.text for run in formula("linear", [1.0] * 5, names, None)])
    '1·a1 + 1·a2 + … + 1·a5'
    """
    terms = [(f"{w:.3g}", name) for w, name in zip(weights, names, strict=True)]
    if len(terms) > MOST_TERMS:
        terms = [*terms[: MOST_TERMS - 1], ("\N{HORIZONTAL ELLIPSIS}", []), terms[-1]]
    if bias is not None:
        terms.append((f"{bias:.3g}", []))
    runs = [] if activation == "linear" else plain(f"{activation}(")
    for place, (factor, name) in enumerate(terms):
        negative = factor.startswith("-")
        sign = (f" {MINUS} " if negative else " + ") if place else (MINUS if negative else "")
        text = f"{sign}{factor.removeprefix('-').replace('-', MINUS)}"
        runs += plain(f"{text}·" if name else text) + list(name)
    return _joined(runs if activation == "linear" else [*runs, *plain(")")])


def _joined(runs: Sequence[Run]) -> list[Run]:
    """The same letters, those of a program in as few runs as there can be."""
    joined: list[Run] = []
    for run in runs:
        if joined and joined[-1].kind == run.kind == "code":
            joined[-1] = Run(joined[-1].text + run.text, "code")
        else:
            joined.append(run)
    return joined


class NeuronDrawing(CoarseDrawing):
    """The drawing of a graph condensed by neurons.

    >>> NeuronDrawing.unit_kind
    'neuron'
    """

    unit_kind = "neuron"

    def __init__(
        self,
        graph: Condensed,
        names: BoxNames,
        look: Look,
        marked: Collection[Value] = (),
    ) -> None:
        super().__init__(graph, names, look, marked)
        sums = [found for box in graph.boxes for found in box.sums]
        self.inputs = {x: markup.visible(name) for x, name in input_names(sums).items()}
        few = len(graph.arrows) <= MOST_LABELLED_ARROWS
        self.derivatives = {
            box: box.derivatives() if few and "partials" in look.shown and box.repeats == 1 else {}
            for box in graph.boxes
        }
        self.weights = {
            box: {
                x: w.data
                for found in box.sums
                for x, w in zip(found.inputs, found.weights, strict=True)
            }
            for box in graph.boxes
        }
        slopes = [self.slope(arrow) for arrow in graph.arrows]
        self.by_slope = any(
            slope is not None and arrow.target.units
            for arrow, slope in zip(graph.arrows, slopes, strict=True)
        )
        self.strengths = [x for x in map(self.strength, graph.arrows) if x is not None]
        self.strongest = max(filter(isfinite, map(abs, self.strengths)), default=0.0)

    def spacing(self) -> Spacing:
        """Far apart where many arrows cross."""
        if len(self.graph.arrows) > MOST_LABELLED_ARROWS:
            return Spacing(along=100.0, across=11.0, straight=not self.has_detours())
        return Spacing(along=48.0, across=12.0)

    def has_detours(self) -> bool:
        """Whether an arrow passes over a rank, where a straight line could cross a box."""
        ranks: dict[Box, int] = {}
        for box in self.graph.boxes:  # in topological order
            ranks[box] = max(
                (ranks[arrow.source] + 1 for arrow in self.into[box] if arrow.source in ranks),
                default=0,
            )
        first: dict[Box, int] = {}
        for arrow in self.graph.arrows:  # a leaf stands right before the first box that reads it
            rank = ranks[arrow.target] - 1
            first[arrow.source] = min(rank, first.get(arrow.source, rank))
        placed = {box: ranks[box] if self.into[box] else first.get(box, 0) for box in ranks}
        return any(placed[a.target] - placed[a.source] > 1 for a in self.graph.arrows)

    # Names

    def name(self, box: Box) -> tuple[str, int]:
        """An input without a label is called by its place."""
        name, repeats = super().name(box)
        return name or (self.inputs.get(box.members[0], "") if box.kind == "leaf" else ""), repeats

    def called(self, box: Box) -> str:
        """A neuron is called by its place in its layer, or by what it gives out."""
        if not box.units:
            return super().called(box)
        (unit,) = box.units
        if box.outputs and self.names.is_math(box.outputs[0]):
            return replace(self.names.names.names[box.outputs[0]], copy=1).text
        return markup.visible(unit.title(box.outputs))

    def title(self, box: Box) -> list[Run]:
        """The name of what a neuron gives out, where books have one."""
        if box.units and box.outputs and self.names.is_math(box.outputs[0]):
            return self.runs_of(box.outputs[0])
        return super().title(box)

    def label(self, box: Box) -> list[Run]:
        """An input has the name that books give it."""
        first = box.members[0]
        is_named = box.kind == "leaf" and self.names.is_math(first)
        return self.runs_of(first) if is_named else super().label(box)

    def short(self, node: Value) -> list[Run]:
        """What formulas call a node."""
        if self.names.is_math(node):
            return replace(self.names.names.names[node], owner="", copy=1).runs
        return plain(
            markup.shortened(self.inputs.get(node) or self.names.code(node), LONGEST_INPUT)
        )

    # Boxes

    def lines_of_unit(self, box: Box, ink: str, muted: str) -> Iterator[Row]:
        """The formula, and whether a later pass reads what an earlier one gave."""
        found = box.sums[0]
        names = [self.short(x) for x in found.inputs]
        biases = [b.data for b in found.biases]
        weights = [w.data for w in found.weights]
        bias = sum(biases) if biases else None
        yield Row(Cell(formula(activation_of(box), weights, names, bias), ink))
        if n := box.n_fed_back:
            yield Row(Cell(plain(f"reads its own output {counted(n, 'time')}"), muted))

    def whole_formula(self, box: Box) -> str:
        """The formula with all terms and all digits."""
        found = box.sums[0]
        terms = [
            f"{w.data!r} * {''.join([run.text for run in self.short(x)])}"
            for w, x in zip(found.weights, found.inputs, strict=True)
        ]
        text = " + ".join([*terms, *[repr(b.data) for b in found.biases]])
        return f"{activation_of(box)}({text})"

    def tooltip_of_unit(self, box: Box) -> Iterator[str]:
        """Its path and its formula with all digits."""
        (unit,) = box.units
        yield markup.shortened(unit.path, LONGEST_IN_TOOLTIP)
        yield markup.shortened(self.whole_formula(box), LONGEST_IN_TOOLTIP)
        yield f"{len(box.parameters)} parameters"
        if box.gradient is not None and self.look.gradients:
            yield f"norm of their gradient = {box.gradient!r}"
        if len(box.outputs) == 1:
            yield f"data = {box.outputs[0].data!r}"

    def frames(self, blocks: dict[Box, Block]) -> Iterator[tuple[Frame, Heading]]:
        """A frame around each layer."""
        box_of = {unit: box for box in self.graph.boxes for unit in box.units}
        layers: dict[UnitLayer, list[Unit]] = {}
        for unit in sorted(box_of, key=place_in_layer):
            layers.setdefault(unit.layer, []).append(unit)
        for index, units in enumerate(layers.values()):
            boxes = [box_of[unit] for unit in units]
            name = self.called_layer(boxes[0])
            title = f"{markup.shortened(name, LONGEST_LABEL)} · {counted(len(boxes), 'neuron')}"
            cell = Cell(plain(title), self.look.theme.muted)
            nodes = [x for box in boxes for x in (*box.leaves, *box.members)]
            tooltip = [markup.shortened(units[0].layer_name, LONGEST_IN_TOOLTIP)]
            frame = Frame([[blocks[box] for box in boxes]], (cell.width, 1.1 * LETTERS), margin=10)
            yield frame, Heading(cell, tooltip, f"f{index}", tuple(nodes))

    # Arrows

    def entries(self, box: Box, colors: tuple[str, str]) -> list[Row]:
        """The derivatives of what a box gives out by what its arrows bring."""
        slopes = [self.slope(arrow) for arrow in self.into[box]]
        if all(slope is None for slope in slopes):
            return []
        rows = []
        for arrow, slope in zip(self.into[box], slopes, strict=True):
            node = next(iter(arrow.nodes))
            name = self.short(node) if box.units or node.label else self.name_at(arrow)
            if slope is None:
                rows.append(Row(Cell(name, colors[0])))
            else:
                shows = Shown("local", next(iter(box.exits)))
                rows.append(
                    keyed([*plain(BY), *name], plain(self.look.number(slope)), colors, shows)
                )
        return rows

    def name_at(self, arrow: Arrow) -> list[Run]:
        """What the box of an operation calls what an arrow brings: u where it is the only one."""
        node = next(iter(arrow.nodes))
        if self.names.is_math(node):
            return self.short(node)
        if len(self.into[arrow.target]) == 1:
            return plain("u")
        return plain(markup.shortened(self.called(arrow.source), LONGEST_LABEL))

    def stroke(self, arrow: Arrow) -> tuple[str, float]:
        """Color and width by the number that the arrow shows; 0 has neither sign nor width."""
        strength = self.strength(arrow)
        if not strength:
            return super().stroke(arrow)
        theme = self.look.theme
        share = abs(strength) / self.strongest if self.strongest else 1.0
        color = theme.negative if strength < 0.0 else theme.positive
        return color, 0.4 + 2.2 * min(share, 1.0)

    def facts_of_arrow(self, arrow: Arrow) -> Iterator[str]:
        """The numbers of an arrow with all digits."""
        slope, weight = self.slope(arrow), self.weight(arrow)
        if slope is not None:
            yield f"local derivative = {slope!r}"
        if weight is not None:
            yield f"weight = {weight!r}"

    def slope(self, arrow: Arrow) -> float | None:
        """The derivative that an arrow carries, where it stands for one node."""
        if len(arrow.nodes) != 1:
            return None
        return self.derivatives[arrow.target].get(next(iter(arrow.nodes)))

    def weight(self, arrow: Arrow) -> float | None:
        """The weight that the neuron gives to what comes along an arrow, where it is one weight."""
        weights = self.weights[arrow.target]
        found = {weights[node] for node in arrow.nodes if node in weights}
        return found.pop() if len(found) == 1 else None

    def strength(self, arrow: Arrow) -> float | None:
        """The number that the color and the width of an arrow show, if there is one."""
        strength = self.slope(arrow) if self.by_slope else self.weight(arrow)
        return None if strength is None or isnan(strength) else strength

    def legend(self) -> Iterator[Entry]:
        """What stands under the graph."""
        theme = self.look.theme
        yield from super().legend()
        what = "local derivative" if self.by_slope else "weight"
        if any(x > 0.0 for x in self.strengths):
            yield line_key(theme.positive, f"positive {what}")
        if any(x < 0.0 for x in self.strengths):
            yield line_key(theme.negative, f"negative {what}")
        yield from number_keys(self.look, self.with_gradients, any(self.derivatives.values()))
