"""What the circles and lines of a network say: names, numbers, colors, tooltips, the legend.

The number that a color shows is the number that stands there: the size of delta, or the kind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tinygrad_mlp._text import visible
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import MathName, Run, TextbookNames
from viz._circles.network import Block, Link, Network, Spot, called
from viz._circles.network_steps import Step, StepLayer
from viz._circles.short_names import short_names
from viz._scene.legend import Entry
from viz._scene.scene import Circle, Line, Rectangle, Shown, plain
from viz._style import markup
from viz._style.look import LONGEST_IN_TOOLTIP, WEIGHTS, Look
from viz._style.themes import GradientScale, Paint

__all__ = ["BETWEEN", "LEAST_WIDTH", "MOST_WIDTH", "PAGE_LETTERS", "NetworkWords", "Text"]

PAGE_LETTERS: Final = 13.0
"""The size of letters on a page."""

BETWEEN: Final = "\N{MIDDLE DOT}"
"""Between the name of a layer and that of its function."""

LONGEST_NAME: Final = 10
"""The characters of a name of the program that a circle shows."""

PLAIN_WIDTH: Final = 1.6
"""The width of a line without a weight, along which a number goes as it is."""

LEAST_WIDTH: Final = 0.5
"""The width of the line of a weight near 0."""

MOST_WIDTH: Final = 4.0
"""The width of the line of the largest weight."""


@dataclass(frozen=True, slots=True)
class Text:
    """One line of the words in a circle."""

    runs: list[Run]
    size: float
    color: str
    bold: bool = False
    shows: Shown | None = None


class NetworkWords:
    """What a picture of a network says; ``circles`` says where.

    >>> x = Value(2.0)
    >>> network = Network([Block([Spot("input", {x: None})], 0)], [], 1)
    >>> words = NetworkWords(
    ...     network,
    ...     Look(),
    ...     TextbookNames({x: MathName("x", (1,))}, {x: "v0"}),
    ...     by_math=True,
    ...     is_slide=False,
    ...     predictions=False,
    ...     marked=[],
    ... )
    >>> ["".join([run.text for run in text.runs]) for text in words.texts(words.spots[0])]
    ['x1', '2']

    Attributes:
        letters: the size of names.
        strongest: the size of the largest weight that is drawn.
    """

    def __init__(
        self,
        network: Network,
        look: Look,
        names: TextbookNames,
        *,
        by_math: bool,
        is_slide: bool,
        predictions: bool,
        marked: Collection[Value],
    ) -> None:
        self.network = network
        self.look = look
        self.theme = look.theme
        self.names = names
        self.by_math = by_math
        self.is_slide = is_slide
        self.predictions = predictions
        self.marked = marked
        self.letters = PAGE_LETTERS
        self.strongest = 0.0
        self.spots = [spot for block in network.blocks for spot in (*block.spots, *block.ones)]
        self.short = short_names(
            [self.code_name(spot) for spot in self.spots if spot.kind != "one"], LONGEST_NAME
        )
        self.one_sample = network.repeats == 1
        errors = [x for x in map(self.error, self.spots) if x is not None]
        self.with_errors = bool(errors) and "grad" in look.shown
        self.by_gradient = bool(errors) and (
            look.color == "gradient" or (look.color == "auto" and self.with_errors)
        )
        self.scale = GradientScale.of(map(abs, errors))
        self.with_zero = 0.0 in errors

    @property
    def small(self) -> float:
        """The size of numbers; on a slide as large as names."""
        return self.letters if self.is_slide else 0.85 * self.letters

    # Numbers

    def error(self, spot: Spot) -> float | None:
        """The gradient of the weighted sum of a unit, delta; None where there is none."""
        if spot.kind != "unit" or not self.one_sample:
            return None
        return self.look.grad_of(spot.root)

    def value(self, spot: Spot) -> float | None:
        """The number in a circle, where it shows one."""
        if spot.kind == "one" or not (self.one_sample or spot.kind == "output"):
            return None
        return spot.node.data if self.look.shows_data(spot.kind) else None

    def number(self, x: float) -> str:
        """A number as the picture shows it."""
        return markup.number_on_slide(x) if self.is_slide else markup.number(x)

    def label(self, link: Link) -> list[Run]:
        """What stands on a line: the weight, or its name where no numbers are shown."""
        assert link.weight is not None
        if self.look.shows_data("parameter") or WEIGHTS in self.look.shown:
            return plain(self.number(link.weight.data))
        name = self.names.names[link.weight]
        return name.runs if self.by_math and not name.is_code else []

    # Names

    def name(self, spot: Spot) -> list[Run]:
        """What stands in a circle."""
        if spot.kind == "one":
            return plain("1")
        if spot.kind == "output":
            return self.name_of_output(spot)
        if spot.step is not None:
            return [*self.name_of_step(spot), *plain(self.sign(spot.step))]
        name = self.names.names[spot.node]
        if self.by_math and not name.is_code:
            return replace(name, owner="", copy=1).runs
        return self.cut(self.code_name(spot))

    def code_name(self, spot: Spot) -> str:
        """What the program calls it."""
        if spot.unit is not None and spot.kind != "output":
            return spot.unit.title(spot.nodes)
        return visible(spot.node.label) or self.names.code[spot.node]

    def cut(self, name: str) -> list[Run]:
        """A name of the program, no longer than fits into a circle."""
        return plain(self.short.get(name) or markup.shortened(name, LONGEST_NAME))

    def name_of_step(self, spot: Spot) -> list[Run]:
        """What stands before the sign of an operation: the name of an output."""
        if not spot.is_output or not (spot.node.label or self.predictions):
            return []
        outputs = [other for other in self.spots if other.is_output]
        name = MathName("y", (outputs.index(spot) + 1,), hat=True)
        if spot.node.label:
            name = self.names.names[spot.node]
        runs = name.runs if self.by_math and not name.is_code else self.cut(str(name))
        return [*runs, *plain(" = ")] if self.by_math or spot.node.label else []

    def sign(self, step: Step) -> str:
        """What stands for an operation; with its number, where that is the same for all samples."""
        if step.number is None or not self.one_sample:
            return step.sign
        return f"{step.sign} {self.number(step.number)}"

    def name_of_output(self, spot: Spot) -> list[Run]:
        """What stands in the box of an output."""
        if spot.node.label:
            name = self.names.names[spot.node]
            return (
                name.runs if self.by_math and not name.is_code else self.cut(self.code_name(spot))
            )
        outputs = [other for other in self.spots if other.kind == "output"]
        place = outputs.index(spot) + 1
        if self.predictions and self.by_math:
            return MathName("y", (place,), hat=True).runs
        return plain("output" if len(outputs) == 1 else f"output {place}")

    def texts(self, spot: Spot) -> list[Text]:
        """The lines of words in a circle."""
        paint = self.paint(spot)
        name = self.name(spot)
        is_code = spot.kind == "unit" or spot.kind == "input"
        is_code = is_code and all(run.kind == "code" for run in name)
        size = self.small if is_code else self.letters
        texts = [Text(name, size, paint.ink, bold=spot.kind == "output")]
        value = self.value(spot)
        if value is not None:
            ink = paint.ink if self.by_gradient else self.theme.text
            shows = Shown("data", spot.node)
            texts.append(Text(plain(self.number(value)), self.small, ink, shows=shows))
        error = self.error(spot)
        if error is not None and "grad" in self.look.shown:
            runs = [*MathName("delta").runs, *plain(" "), *plain(self.number(error))]
            ink = paint.ink if self.by_gradient else self.theme.gradient
            texts.append(Text(runs, self.small, ink, shows=Shown("grad", spot.root)))
        return texts

    def title(self, block: Block) -> str:
        """What stands above a block."""
        kind = block.spots[0].kind
        unit = block.spots[0].unit
        if isinstance(block.layer, StepLayer):
            return block.layer.name
        if unit is None or block.layer is None:
            return "input" if kind == "input" else ""
        number = self.names.layer_numbers.get(unit.layer)
        name = unit.layer_name
        if self.by_math and number is not None:
            owner = self.names.names[block.spots[0].node].owner
            name = f"{owner} layer {number}".strip()
        exits = [node.op for spot in block.spots for node in spot.nodes if node.op is not None]
        functions = dict.fromkeys(op.name if op.activation else "linear" for op in exits)
        return f"{visible(name)} {BETWEEN} {' and '.join(functions)}"

    # Colors

    def paint(self, spot: Spot) -> Paint:
        """The colors of a circle."""
        roles = self.theme.roles
        if spot.kind == "one":
            return roles["constant"]
        if spot.kind == "unit" and self.by_gradient:
            error = self.error(spot)
            plain_paint = roles["operation"]
            return plain_paint if error is None else self.scale.paint(self.theme, abs(error))
        if spot.is_output:
            return roles["output"]
        return roles[{"unit": "parameter", "step": "operation"}.get(spot.kind, spot.kind)]

    def is_marked(self, spot: Spot) -> bool:
        """Whether a circle is to be marked."""
        return any(node in self.marked for node in (*spot.nodes, *spot.inner))

    # Tooltips

    def said(self, node: Value) -> str:
        """A name in words, and that of the program where it is another."""
        code = markup.shortened(self.names.code[node], LONGEST_IN_TOOLTIP)
        name = self.names.names[node]
        return code if not self.by_math or name.is_code else f"{name} ({code})"

    def facts(self, spot: Spot) -> list[str]:
        """What the tooltip of a circle says."""
        return list(self._facts(spot))

    def _facts(self, spot: Spot) -> Iterator[str]:
        if spot.kind == "one":
            yield "1, which the bias is multiplied with"
            return
        if spot.unit is not None:
            yield markup.shortened(called(spot.unit), LONGEST_IN_TOOLTIP)
        if not self.one_sample and spot.kind != "output":
            yield f"computed {len(spot.nodes):,} times"
            return
        if spot.step is not None:
            yield from self._facts_of_step(spot.step)
        nodes = dict.fromkeys([spot.root, spot.node] if spot.unit is not None else [spot.node])
        shown = self.look.shows_data(spot.kind)
        for node in nodes:
            yield f"{self.said(node)} = {node.data!r}" if shown else self.said(node)
        error = self.error(spot)
        if error is not None:
            yield f"\N{GREEK SMALL LETTER DELTA} = {error!r}"

    def _facts_of_step(self, step: Step) -> Iterator[str]:
        read = ", ".join(map(self.said, step.operands))
        number = "" if step.number is None else f" by {step.sign} {step.number!r}"
        yield f"{step.title} of {read}{number}"
        for leaf in step.leaves:
            yield f"{self.said(leaf)} = {leaf.data!r}"

    def facts_of_line(self, link: Link) -> list[str]:
        """What the tooltip of a line says."""
        if link.is_plain:
            return [f"{self.said(link.source.node)}, as it is"]
        if link.weight is None:
            return ["further operations, which are not drawn"]
        facts = [f"{self.said(link.weight)} = {link.weight.data!r}"]
        grad = self.look.grad_of(link.weight)
        return facts if grad is None else [*facts, f"its gradient = {grad!r}"]

    # Legend

    def legend(self, drawn: Sequence[Link]) -> Iterator[Entry]:
        """What colors, dashes and widths mean, as far as they are there."""
        theme = self.theme
        weights = [x.weight.data for x in drawn if x.weight is not None]
        signs = {"positive": any(w > 0.0 for w in weights), "negative": any(w < 0 for w in weights)}
        for sign, present in signs.items():
            if present:
                negative = sign == "negative"
                color = theme.negative if negative else theme.positive
                line = Line(0.0, 0.0, 30.0, 0.0, color, 2.0, negative)
                yield Entry((line,), 30.0, f"{sign} weight")
        if self.strongest:
            thick = Line(0.0, 0.0, 30.0, 0.0, theme.muted, MOST_WIDTH)
            yield Entry((thick,), 30.0, f"|weight| = {self.number(self.strongest)}, the largest")
        for is_plain, text in ((True, "a value as it is"), (False, "further operations")):
            if any(link.weight is None and link.is_plain is is_plain for link in drawn):
                line = self.plain_line if is_plain else self.further_line
                yield Entry((line,), 30.0, text)
        kinds = {
            "input": "input",
            "parameter": "unit",
            "output": "output",
            "constant": "1, for biases",
        }
        paints = [self.paint(spot) for spot in self.spots]
        if any(spot.kind == "step" for spot in self.spots):
            operation = theme.roles["operation"]
            box = Rectangle(7.0, 0.0, 14.0, 11.0, operation.fill, operation.border)
            yield Entry((box,), 14.0, "operation")
        for role, text in kinds.items():
            paint = theme.roles[role]
            if paint in paints:
                yield Entry((Circle(6.0, 0.0, 6.0, paint.fill, paint.border),), 12.0, text)
        if self.by_gradient:
            yield from self.legend_of_errors()
        if not self.one_sample:
            yield Entry(
                (),
                0.0,
                f"every unit is computed {self.network.repeats:,} times, so without numbers",
            )
        if self.network.reads_inputs:
            yield Entry((), 0.0, "the output reads inputs as well, which no line shows")

    @property
    def plain_line(self) -> Line:
        """A line along which a number goes as it is, such as a skip connection."""
        return Line(0.0, 0.0, 30.0, 0.0, self.theme.text, PLAIN_WIDTH)

    @property
    def further_line(self) -> Line:
        """A line for operations that are not drawn."""
        return Line(0.0, 0.0, 30.0, 0.0, self.theme.line, 2.0 * LEAST_WIDTH)

    def legend_of_errors(self) -> Iterator[Entry]:
        """The colors of units by the size of delta."""
        size = "|δ|"
        if self.with_zero:
            yield self.chips([self.scale.paint(self.theme, 0.0)], f"{size} = 0")
        if self.scale.highest > 0.0:
            start = "≤ " if self.scale.clipped else ""
            before = f"unit, by {size}: {start}{self.number(self.scale.lowest)}"
            middle = self.number(self.scale.middle)
            text = f"{self.number(self.scale.highest)} (logarithmic, {middle} in the middle)"
            yield self.chips(list(self.theme.ramp), text, before)

    def chips(self, paints: list[Paint], text: str, before: str = "") -> Entry:
        """Small circles in a row."""
        circles = [
            Circle(6.0 + 15.0 * index, 0.0, 6.0, paint.fill, paint.border)
            for index, paint in enumerate(paints)
        ]
        return Entry(tuple(circles), 15.0 * len(paints) - 3.0, text, before)
