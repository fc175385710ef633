"""How a drawing is to look, and the frame that every kind of drawing shares."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tinygrad_mlp._freezing import is_frozen
from tinygrad_mlp.engine import Value
from viz import _markup as markup
from viz._markup import cell, font, number, row, table
from viz._themes import LIGHT, GradientScale, Paint, Theme, known_name, theme_named

__all__ = [
    "COLORS",
    "DIRECTIONS",
    "FROZEN_TEXT",
    "LONGEST_IN_TOOLTIP",
    "LONGEST_LABEL",
    "NOT_COMPUTED",
    "SHOWABLE",
    "SLACK",
    "UNSEEN_LABEL",
    "WEIGHTS",
    "Look",
    "digraph",
    "numbered",
]

DIRECTIONS: Final = ("LR", "RL", "TB", "BT")
"""Where the arrows may lead: to the right, to the left, down, up."""

SHOWABLE: Final = ("data", "grad", "partials")
"""What a drawing may show: the numbers, their gradients, the local derivatives on the arrows."""

WEIGHTS: Final = "weights"
"""In circles, all weights as numbers: those without room on their lines in a table."""

COLORS: Final = ("auto", "kind", "gradient")
"""What colors may mean: the kind of a node, or the size of its gradient."""

BESIDE: Final = "  "
"""What keeps the first character of a label off the arrow on its left."""

LONGEST_LABEL: Final = 26
"""The characters of a name that a box shows."""

LONGEST_IN_TOOLTIP: Final = 1000
"""The characters of a name in a tooltip; Graphviz reads strings of up to 16384 bytes."""

UNSEEN_LABEL: Final = "label=<{}>".format(table(row(cell("")), padding=0))
"""A label of an arrow that shows nothing and takes no room.

Boxes in frames keep the order in which the text names them, in every version of Graphviz, only
where some arrow has a label: then there is a rank between each two ranks of boxes.
"""

NOT_COMPUTED: Final = "\N{EN DASH}"
"""In the place of a gradient."""

FROZEN_TEXT: Final = "frozen"
"""In the place of the gradient of a frozen parameter."""

SLACK: Final = "&#160;"
"""A space for viewers whose letters are wider than Graphviz measured."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a drawing is to look; ``of`` checks what a person asked for.

    Attributes:
        direction: where the arrows lead.
        shown: what is shown, of ``SHOWABLE`` and ``WEIGHTS``.
        theme: the colors.
        color: what colors mean: "kind", "gradient", or "auto" (the drawing decides).
        legend: whether a line under the graph explains the colors.
        constants: whether the plain numbers of a formula are drawn.
        parameters_only: whether data is shown of parameters alone, as where there is no sample.
        gradients: whether there are gradients of what is drawn; those that parameters still have of
            another loss are none of it.
    """

    direction: str = "LR"
    shown: frozenset[str] = frozenset(SHOWABLE)
    theme: Theme = LIGHT
    color: str = "auto"
    legend: bool = True
    constants: bool = True
    parameters_only: bool = False
    gradients: bool = True

    @classmethod
    def of(
        cls,
        direction: str,
        show: Iterable[str],
        theme: str | Theme,
        color: str,
        legend: bool,
        constants: bool,
    ) -> Look:
        """The look for these arguments.

        Raises:
            UnknownNameError: for an unknown direction, theme, color, or thing to show.

        >>> look = Look.of("TB", "data", "dark", "kind", legend=True, constants=False)
        >>> look.direction, sorted(look.shown)
        ('TB', ['data'])
        """
        direction = known_name("direction", direction, DIRECTIONS)
        color = known_name("meaning of colors", color, COLORS)
        wanted = [show] if isinstance(show, str) else show
        shown = frozenset(
            known_name("thing to show", name, (*SHOWABLE, WEIGHTS)) for name in wanted
        )
        return cls(direction, shown, theme_named(theme), color, legend, constants)

    def grad_of(self, node: Value) -> float | None:
        """The gradient of a node in what is drawn; None where it was not computed.

        >>> x = Value(2.0)
        >>> x.backward()
        >>> Look().grad_of(x), Look(gradients=False).grad_of(x)
        (1.0, None)
        """
        return node.grad if self.gradients and node.has_grad else None

    def grad_text(self, node: Value) -> str:
        """The gradient as a box shows it, or why there is none.

        >>> w = Value(2.0)
        >>> w.requires_grad = False
        >>> Look().grad_text(w), Look().grad_text(Value(2.0)) == NOT_COMPUTED
        ('frozen', True)
        """
        grad = self.grad_of(node)
        if grad is None:
            return FROZEN_TEXT if is_frozen(node) else NOT_COMPUTED
        return number(grad)

    def shows_data(self, role: str) -> bool:
        """Whether the numbers of nodes of that kind are shown.

        >>> look = Look(parameters_only=True)
        >>> look.shows_data("parameter"), look.shows_data("output")
        (True, False)
        """
        return "data" in self.shown and (
            role in ("parameter", "buffer") or not self.parameters_only
        )

    def edge_label(self, text: str) -> str:
        """The attribute for what stands on an arrow; beside one that leads up or down, apart.

        >>> Look().edge_label("0.5")
        'label="0.5"'
        """
        beside = BESIDE if self.direction in ("TB", "BT") and text else ""
        return f"label={markup.quoted(beside + text)}"

    def chip(self, paint: Paint, text: str) -> list[str]:
        """The cells of a legend for one color: a small box and what it means.

        >>> len(Look().chip(Look().theme.roles["input"], "input"))
        2
        """
        text = font(f"{text}{SLACK}{SLACK}", self.theme.muted, 10)
        return [self._sample(paint), cell(text)]

    def role_chips(self, present: Collection[str], input_name: str = "input") -> Iterator[str]:
        """The cells of a legend for the kinds of nodes that are present.

        >>> len(list(Look().role_chips({"input", "output"}, input_name="leaf")))
        4
        """
        for role, paint in self.theme.roles.items():
            if role in present:
                yield from self.chip(paint, input_name if role == "input" else role)

    def entry(self, key: str, text: str, color: str, key_color: str = "") -> str:
        """A row of a box: what it is, and the number.

        >>> Look().entry("data", "0.5", "#000000").count("POINT-SIZE")
        2
        """
        name = font(f"{key}{SLACK}{SLACK}", key_color or self.theme.muted, 9)
        return row(cell(f"{name}{font(f'{text}{SLACK}', color, 11)}", align="LEFT"))

    def grad_entry(self, node: Value, strong: str = "") -> str:
        """The row for the gradient of a node, a dash where nobody has computed it.

        >>> Look().grad_entry(Value(1.0)).count("\N{EN DASH}")
        1
        """
        return self.entry("grad", self.grad_text(node), strong or self.theme.gradient, strong)

    def tooltip_of_numbers(self, node: Value) -> Iterator[str]:
        """Its number and its gradient with all digits.

        >>> list(Look().tooltip_of_numbers(Value(1.0)))
        ['data = 1.0', 'grad: not computed']
        """
        grad = self.grad_of(node)
        yield f"data = {node.data!r}"
        none = "none, it is frozen" if is_frozen(node) else "not computed"
        yield f"grad: {none}" if grad is None else f"grad = {grad!r}"

    def frame(self, name: str, title: str, path: str, margin: int, side: str = "t") -> str:
        """The attributes of a frame around boxes.

        Args:
            name: its id.
            title: markup.
            path: what the tooltip says.
            margin: in points.
            side: where the title stands, "t" or "b".

        >>> Look().frame("c0", "layer", "layers.0", 8)[:41]
        '    graph [id="c0", style="rounded,filled'
        """
        tooltip = markup.quoted(markup.shortened(path, LONGEST_IN_TOOLTIP))
        return (
            f'    graph [id="{name}", style="rounded,filled", fillcolor="{self.theme.frame}", '
            f'margin={margin}, color="{self.theme.outline}", labelloc={side}, labeljust=l, '
            f"label=<{title}>, tooltip={tooltip}];"
        )

    def scale_chips(self, scale: GradientScale, name: str, with_zero: bool) -> list[str]:
        """The cells of a legend for the sizes of gradients, from the smallest to the largest.

        Args:
            scale: which size has which color.
            name: whose gradients they are.
            with_zero: whether any of them is 0.

        >>> len(Look().scale_chips(GradientScale(0.1, 1.0), "gradient", with_zero=True))
        11
        """
        cells = [cell(font(f"{SLACK}{name}", self.theme.muted, 10))]
        if with_zero:
            cells += [self._size("0"), self._sample(scale.paint(self.theme, 0.0))]
        if scale.highest > 0.0:
            start = "\N{LESS-THAN OR EQUAL TO} " if scale.clipped else ""
            cells.append(self._size(f"{SLACK}{start}{number(scale.lowest)}"))
            cells += [self._sample(paint) for paint in self.theme.ramp]
            cells.append(self._size(number(scale.highest)))
            kind = f"logarithmic, {number(scale.middle)} in the middle{SLACK}{SLACK}"
            cells.append(cell(font(kind, self.theme.muted, 10)))
        return cells

    def number_keys(self, gradient: bool, partial: bool) -> list[str]:
        """The cells of a legend for the two kinds of numbers that have colors.

        >>> len(Look().number_keys(gradient=True, partial=True))
        4
        """
        theme = self.theme
        keys = {
            "gradient": (theme.gradient, "grad 0.5", gradient),
            "local derivative": (theme.partial, "\N{RIGHTWARDS ARROW} 0.5", partial),
        }
        return [
            cell(text)
            for name, (color, example, wanted) in keys.items()
            if wanted
            for text in (font(example, color, 10), font(f"{name}{SLACK}", theme.muted, 10))
        ]

    def _sample(self, paint: Paint) -> str:
        return cell(table(row(cell("", width=12, height=8)), paint=paint, padding=0))

    def _size(self, text: str) -> str:
        return cell(font(text, self.theme.gradient, 10))


def numbered(arrows: Iterable[str]) -> Iterator[str]:
    """The statements of arrows, each of which gets its id and its closing bracket.

    >>> list(numbered(["a -> b [penwidth=2"]))
    ['  a -> b [penwidth=2, id="e0"];']
    """
    return (f'  {arrow}, id="e{index}"];' for index, arrow in enumerate(arrows))


def digraph(look: Look, title: str, edge: str, legend: Iterable[str], body: Iterable[str]) -> str:
    """The text of a drawing.

    Args:
        look: how it is to look.
        title: what screen readers call it.
        edge: further attributes of all arrows, such as "tailport=e".
        legend: the cells of the line under the graph.
        body: its statements.

    >>> print(digraph(Look(legend=False), "a graph", "", [], ["  a -> b;"]).splitlines()[-2:])
    ['  a -> b;', '}']
    """
    return "\n".join([f'digraph "{title}" {{', *_defaults(look, edge, list(legend)), *body, "}\n"])


def _defaults(look: Look, edge: str, legend: list[str]) -> Iterator[str]:
    theme = look.theme
    yield (
        f'  graph [rankdir={look.direction}, nslimit=2, charset="UTF-8", pad=0.2, '
        f'nodesep=0.18, ranksep=0.4, bgcolor="{theme.background}", fontname="{markup.FONT}"];'
    )
    yield f'  node [shape=plain, fontsize=11, fontname="{markup.FONT}"];'
    yield (
        f"  edge [{f'{edge}, ' if edge else ''}penwidth=0.9, arrowsize=0.6, "
        f'color="{theme.line}", fontcolor="{theme.partial}", fontsize=9, '
        f'fontname="{markup.FONT}"];'
    )
    if look.legend and legend:
        yield f"  graph [labelloc=b, label=<{table(row(*legend), padding=4)}>];"
