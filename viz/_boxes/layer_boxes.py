"""One box for each layer: its shapes, its number of parameters, the size of its gradient."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_mlp.data._arrays import counted
from viz._boxes.box_legend import number_keys
from viz._boxes.boxes import CoarseDrawing, activation_of
from viz._boxes.cards import Cell, Row
from viz._boxes.condense import Arrow, Box
from viz._scene.legend import Entry
from viz._scene.scene import plain
from viz._style import markup
from viz._style.look import LONGEST_IN_TOOLTIP

__all__ = ["LayerDrawing", "shape_text"]


def shape_text(n_inputs: int, n_neurons: int, n_biases: int) -> str:
    """The shapes of a layer's parameters, PyTorch's way round.

    >>> shape_text(2, 16, 16)
    'weight (16, 2), bias (16)'
    """
    bias = f", bias ({n_biases})" if n_biases else ""
    return f"weight ({n_neurons}, {n_inputs}){bias}"


class LayerDrawing(CoarseDrawing):
    """The drawing of a graph condensed by layers.

    >>> LayerDrawing.unit_kind
    'layer'
    """

    unit_kind = "layer"

    def name(self, box: Box) -> tuple[str, int]:
        """A layer's inputs are called by their number."""
        name, repeats = super().name(box)
        layers = [arrow.target for arrow in self.graph.arrows if arrow.source is box]
        if name or box.kind != "leaf" or not layers or not layers[0].is_part:
            return name, repeats
        n_samples = layers[0].repeats
        n_inputs = repeats // n_samples
        return ("input" if n_inputs == 1 else f"{n_inputs:,} inputs"), n_samples

    def lines_of_unit(self, box: Box, ink: str, muted: str) -> Iterator[Row]:
        """Its facts."""
        return (Row(Cell(plain(text), muted)) for text in self.facts(box))

    def facts(self, box: Box) -> Iterator[str]:
        """What there is to say of a layer, line by line."""
        n_neurons = len(box.units)
        yield f"{counted(n_neurons, 'neuron')}, {activation_of(box)}"
        widths = {len(found.weights) for found in box.sums}
        if len(widths) == 1:
            biases = dict.fromkeys(bias for found in box.sums for bias in found.biases)
            own = biases.keys() & set(box.parameters)
            shared = [b for b in biases if b.op is None and b not in own]
            names = [markup.shortened(markup.visible(b.label), 8) for b in shared if b.label]
            beside = f", bias {' '.join([*names, 'shared'])}" if shared else ""
            yield shape_text(widths.pop(), n_neurons, len(own)) + beside
        yield counted(len(box.parameters), "parameter")
        if n := box.n_fed_back:
            yield f"reads its own output {counted(-(-n // n_neurons), 'time')}"

    def tooltip_of_unit(self, box: Box) -> Iterator[str]:
        """Its path, its facts, and the size of its gradient with all digits."""
        yield markup.shortened(next(iter(box.units)).layer_name, LONGEST_IN_TOOLTIP)
        yield from self.facts(box)
        if box.gradient is not None and self.look.gradients:
            yield f"norm of the gradient of its parameters = {box.gradient!r}"

    def entries(self, box: Box, colors: tuple[str, str]) -> list[Row]:
        """How many numbers each arrow brings, where one brings several."""
        counts = [self.n_values(arrow) for arrow in self.into[box]]
        if max(counts, default=0) < 2:
            return []
        return [Row(Cell(plain(f"reads {counted(n, 'value')}"), colors[0])) for n in counts]

    def facts_of_arrow(self, arrow: Arrow) -> Iterator[str]:
        """How many numbers it brings."""
        yield f"{self.n_values(arrow):,} for each sample"

    def n_values(self, arrow: Arrow) -> int:
        """How many numbers go along an arrow, for one sample."""
        box = arrow.target if arrow.target.is_part else arrow.source
        return max(1, len(arrow.nodes) // max(1, box.repeats))

    def legend(self) -> Iterator[Entry]:
        """What stands under the graph."""
        yield from super().legend()
        yield from number_keys(self.look, gradient=self.with_gradients, partial=False)
