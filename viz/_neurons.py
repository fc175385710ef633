"""One box for each neuron, with its formula in numbers; a frame around each layer.

An arrow carries the derivative of one neuron's output by another's; its color is the sign of that
number, its width the size. Where arrows have no numbers, these are the sign and the size of the
weight.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import isfinite, isnan
from typing import Final

from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import input_names, place_in_layer
from viz import _markup as markup
from viz._boxes import CoarseDrawing, activation_of
from viz._condense import Arrow, Box, Condensed
from viz._look import LONGEST_IN_TOOLTIP, LONGEST_LABEL, SLACK, UNSEEN_LABEL, Look
from viz._markup import cell, font, number, statement

__all__ = ["formula", "neurons_dot"]

MOST_TERMS: Final = 3
MOST_LABELLED_ARROWS: Final = 40
MINUS: Final = "\N{MINUS SIGN}"


def neurons_dot(graph: Condensed, look: Look, marked: Collection[Value] = ()) -> str:
    r"""The drawing of a graph condensed by neurons.

    >>> neurons_dot(Condensed([], [], {}), Look(legend=False)).endswith("}\n")
    True
    """
    return _NeuronDrawing(graph, look, marked).text()


def formula(
    activation: str, weights: Sequence[float], names: Sequence[str], bias: float | None
) -> str:
    """What a neuron computes, with its numbers; long sums are cut short in the middle.

    >>> formula("tanh", [0.5, -1.25], ["x1", "x2"], 0.1)
    'tanh(0.5·x1 − 1.25·x2 + 0.1)'
    >>> formula("linear", [1.0] * 5, ["a1", "a2", "a3", "a4", "a5"], None)
    '1·a1 + 1·a2 + … + 1·a5'
    """
    terms = [f"{w:.3g}·{name}" for w, name in zip(weights, names, strict=True)]
    if len(terms) > MOST_TERMS:
        terms = [*terms[: MOST_TERMS - 1], "\N{HORIZONTAL ELLIPSIS}", terms[-1]]
    if bias is not None:
        terms.append(f"{bias:.3g}")
    text = terms[0].replace("-", MINUS)
    for term in terms[1:]:
        sign, absolute = (MINUS, term[1:]) if term.startswith("-") else ("+", term)
        text += f" {sign} {absolute.replace('-', MINUS)}"
    return text if activation == "linear" else f"{activation}({text})"


class _NeuronDrawing(CoarseDrawing):
    unit_kind = "neuron"

    def __init__(self, graph: Condensed, look: Look, marked: Collection[Value]) -> None:
        super().__init__(graph, look, marked)
        sums = [found for box in graph.boxes for found in box.sums]
        self.names = {
            x: markup.shortened(markup.visible(name), 8) for x, name in input_names(sums).items()
        }
        few = len(graph.arrows) <= MOST_LABELLED_ARROWS
        self.derivatives = {
            box: box.derivatives() if few and "partials" in look.shown and box.repeats == 1 else {}
            for box in graph.boxes
        }
        slopes = [self.slope(arrow) for arrow in graph.arrows]
        self.by_slope = any(
            slope is not None and arrow.target.units
            for arrow, slope in zip(graph.arrows, slopes, strict=True)
        )
        self.has_labels = any(slope is not None for slope in slopes)
        self.strengths = [x for x in map(self.strength, graph.arrows) if x is not None]
        self.strongest = max(filter(isfinite, map(abs, self.strengths)), default=0.0)

    def spacing(self) -> str:
        if len(self.graph.arrows) > MOST_LABELLED_ARROWS:
            lines = "" if self.has_detours() else ", splines=line"
            return f"  graph [ranksep=1.4, nodesep=0.16{lines}, mclimit=0.01];"
        return "  graph [ranksep=0.9, nodesep=0.22, mclimit=0.01];"

    def has_detours(self) -> bool:
        """Whether an arrow passes over a rank, where a straight line could cross a box."""
        into: dict[Box, list[Box]] = {box: [] for box in self.graph.boxes}
        for arrow in self.graph.arrows:
            into[arrow.target].append(arrow.source)
        ranks: dict[Box, int] = {}
        for box in self.graph.boxes:  # in topological order
            ranks[box] = max(
                (ranks[source] + 1 for source in into[box] if source in ranks), default=0
            )
        first: dict[Box, int] = {}
        for arrow in self.graph.arrows:  # a leaf stands right before the first box that reads it
            rank = ranks[arrow.target] - 1
            first[arrow.source] = min(rank, first.get(arrow.source, rank))
        placed = {box: ranks[box] if into[box] else first.get(box, 0) for box in ranks}
        return any(placed[a.target] - placed[a.source] > 1 for a in self.graph.arrows)

    def name(self, box: Box) -> tuple[str, int]:
        name, repeats = super().name(box)
        return name or (self.names.get(box.members[0], "") if box.kind == "leaf" else ""), repeats

    def called(self, box: Box) -> str:
        if not box.units:
            return super().called(box)
        (unit,) = box.units
        return markup.visible(unit.title(box.outputs))

    def lines_of_unit(self, box: Box, ink: str, strong: str) -> Iterator[str]:
        yield self.line(self.formula_of(box), ink)

    def formula_of(self, box: Box, whole: bool = False) -> str:
        found = box.sums[0]
        activation = activation_of(box)
        names = [self.names[x] for x in found.inputs]
        numbers = [w.data for w in found.weights]
        biases = [b.data for b in found.biases]
        if whole:
            terms = [f"{w!r} * {name}" for w, name in zip(numbers, names, strict=True)]
            text = " + ".join([*terms, *map(repr, biases)])
            return f"{activation}({text})"
        return formula(activation, numbers, names, sum(biases) if biases else None)

    def tooltip_of_unit(self, box: Box) -> Iterator[str]:
        (unit,) = box.units
        yield markup.shortened(unit.path, LONGEST_IN_TOOLTIP)
        yield markup.shortened(self.formula_of(box, whole=True), LONGEST_IN_TOOLTIP)
        yield f"{len(box.parameters)} parameters"
        if box.gradient is not None and self.look.gradients:
            yield f"norm of their gradient = {box.gradient!r}"
        if len(box.outputs) == 1:
            yield f"data = {box.outputs[0].data!r}"

    def frames(self) -> Iterator[str]:
        """A frame around each layer; they stand before the boxes so that these keep their order."""
        box_of = {unit: box for box in self.graph.boxes for unit in box.units}
        layers: dict[str, list[Box]] = {unit.layer_name: [] for unit in box_of}
        for unit in sorted(box_of, key=place_in_layer):
            layers[unit.layer_name].append(box_of[unit])
        theme = self.look.theme
        stands = self.look.direction in ("TB", "BT")
        for index, (layer, boxes) in enumerate(layers.items()):
            title = f"{markup.shortened(layer, LONGEST_LABEL)} · {counted(len(boxes), 'neuron')}"
            text = font(markup.html_text(title), theme.muted, 12)
            names = [box.name for box in boxes]
            yield f"  subgraph cluster_{index} {{"
            if stands:  # arrows come in above: the title goes beside
                names.insert(0, f"t{index}")
                tooltip = [markup.shortened(layer, LONGEST_IN_TOOLTIP)]
                yield f"  {statement(f't{index}', tooltip, text)}"
                text = ""
            yield self.look.frame(f"c{index}", text, layer, margin=10)
            yield f"    {'; '.join(names)};"
            if len(names) > 1:
                beside = " -> ".join(names) if stands else "; ".join(names)
                yield f"    {{ rank=same; edge [style=invis]; {beside}; }}"
            yield "  }"

    def arrow(self, arrow: Arrow) -> Iterator[str]:
        theme = self.look.theme
        slope, strength = self.slope(arrow), self.strength(arrow)
        marks = list(super().arrow(arrow))
        if slope is not None:
            yield self.look.edge_label(number(slope))
        elif not self.has_labels and arrow is self.graph.arrows[0]:
            yield UNSEEN_LABEL
        if strength and not marks:  # 0 has neither sign nor width
            share = abs(strength) / self.strongest if self.strongest else 1.0
            color = theme.negative if strength < 0.0 else theme.positive
            yield f'penwidth={0.4 + 2.2 * min(share, 1.0):.2f}, color="{color}"'
        yield from marks

    def facts_of_arrow(self, arrow: Arrow) -> Iterator[str]:
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
        weights = _weights(arrow.target)
        found = {weights[node] for node in arrow.nodes if node in weights}
        return found.pop() if len(found) == 1 else None

    def strength(self, arrow: Arrow) -> float | None:
        """The number that the color and the width of an arrow show, if there is one."""
        strength = self.slope(arrow) if self.by_slope else self.weight(arrow)
        return None if strength is None or isnan(strength) else strength

    def legend(self) -> Iterator[str]:
        theme = self.look.theme
        yield from super().legend()
        what = "local derivative" if self.by_slope else "weight"
        lines = {
            "positive": (theme.positive, any(x > 0.0 for x in self.strengths)),
            "negative": (theme.negative, any(x < 0.0 for x in self.strengths)),
        }
        for sign, (color, present) in lines.items():
            if present:
                yield cell(font("\N{BOX DRAWINGS HEAVY HORIZONTAL}" * 2, color, 10))
                yield cell(font(f"{sign} {what}{SLACK}", theme.muted, 10))
        yield from self.look.number_keys(self.with_gradients, any(self.derivatives.values()))


def _weights(box: Box) -> dict[Value, float]:
    """The weight of each input of the neuron in the box; of all samples."""
    return {
        x: w.data for found in box.sums for x, w in zip(found.inputs, found.weights, strict=True)
    }
