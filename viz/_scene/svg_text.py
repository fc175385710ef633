"""A scene as SVG: every letter is written here, with real indices; Graphviz has no part in it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Final

from tinygrad_mlp.graph import Run
from viz._scene.letters import INDEX_SIZE
from viz._scene.scene import (
    BASELINE,
    CORNER,
    LOWERED,
    RAISED,
    Circle,
    Curve,
    Group,
    Line,
    Scene,
    Shape,
    Words,
    dashes_of,
    ground_of,
    short,
)
from viz._style import markup

__all__ = ["escaped", "svg_text"]

SERIF: Final = "Times New Roman,Times,serif"


def svg_text(scene: Scene) -> str:
    """The text of an SVG file.

    >>> scene = Scene(40.0, 20.0, "#ffffff", "one <circle>")
    >>> scene.groups.append(Group("unit", [Circle(10.0, 10.0, 5.0, "#eeeeee", "#000000")], ["a"]))
    >>> print(svg_text(scene))  # doctest: +NORMALIZE_WHITESPACE
    <svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" viewBox="0 0 40 20" role="img"
    aria-label="one &lt;circle&gt;" font-family="Helvetica,Arial,sans-serif" xml:space="preserve">
    <rect width="40" height="20" fill="#ffffff"/>
    <g class="unit"><title>a</title><circle cx="10" cy="10" r="5" fill="#eeeeee" stroke="#000000"
    stroke-width="1.2"/></g>
    </svg>
    """
    size = f'width="{short(scene.width)}" height="{short(scene.height)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {short(scene.width)} {short(scene.height)}" role="img" '
        f'aria-label="{escaped(scene.title)}" font-family="{markup.FONT}" xml:space="preserve">',
        f'<rect {size} fill="{scene.background}"/>',
        *(_svg_group(group) for group in scene.groups),
        "</svg>\n",
    ]
    return "\n".join(lines)


def escaped(text: str) -> str:
    r"""Text for XML: whatever stands in it is shown.

    >>> print(escaped('<a>"x"\x07'))
    &lt;a&gt;&quot;x&quot;\x07
    """
    return html.escape(markup.visible(text))


def _svg_group(group: Group) -> str:
    name = f' id="{group.name}"' if group.name else ""
    title = "\n".join([markup.visible(line) for line in group.tooltip])
    tooltip = f"<title>{html.escape(title)}</title>" if title else ""
    return f'<g class="{group.kind}"{name}>{tooltip}{"".join(map(_svg, group.shapes))}</g>'


def _svg(shape: Shape) -> str:
    if isinstance(shape, Words):
        return _svg_words(shape)
    if isinstance(shape, Line):
        return (
            f'<line x1="{short(shape.x1)}" y1="{short(shape.y1)}" x2="{short(shape.x2)}" '
            f'y2="{short(shape.y2)}"{_svg_pen(shape)}/>'
        )
    if isinstance(shape, Curve):
        return _svg_curve(shape)
    if isinstance(shape, Circle):
        return (
            f'<circle cx="{short(shape.x)}" cy="{short(shape.y)}" r="{short(shape.radius)}" '
            f'fill="{shape.fill}" stroke="{shape.border}" stroke-width="{short(shape.width)}"/>'
        )
    left, top = shape.x - shape.width / 2.0, shape.y - shape.height / 2.0
    return (
        f'<rect x="{short(left)}" y="{short(top)}" width="{short(shape.width)}" '
        f'height="{short(shape.height)}" rx="{short(CORNER)}" fill="{shape.fill}" '
        f'stroke="{shape.border}" stroke-width="{short(shape.border_width)}"/>'
    )


def _svg_pen(pen: Line | Curve) -> str:
    dash, gap = dashes_of(pen)
    dashes = f' stroke-dasharray="{short(dash)} {short(gap)}"' if pen.dashed else ""
    return f' stroke="{pen.color}" stroke-width="{short(pen.width)}"{dashes}'


def _svg_curve(curve: Curve) -> str:
    first, *others = [f"{short(x)},{short(y)}" for x, y in curve.points]
    line = f'<path d="M{first}C{" ".join(others)}" fill="none"{_svg_pen(curve)}/>'
    if curve.head is None:
        return line
    corners = " ".join([f"{short(x)},{short(y)}" for x, y in curve.head])
    return f'{line}<polygon points="{corners}" fill="{curve.color}"/>'


def _svg_words(words: Words) -> str:
    ground = ""
    place = ground_of(words)
    if place is not None:
        left, top, width, height = place
        ground = (
            f'<rect x="{short(left)}" y="{short(top)}" width="{short(width)}" '
            f'height="{short(height)}" fill="{words.ground}"/>'
        )
    bold = ' font-weight="bold"' if words.bold else ""
    anchor = f' text-anchor="{words.anchor}"' if words.anchor != "start" else ""
    return (
        f'{ground}<text x="{short(words.x)}" y="{short(words.y + BASELINE * words.size)}"{anchor} '
        f'font-size="{short(words.size)}"{bold} fill="{words.color}">'
        f"{''.join(_tspans(words.runs, words.size))}</text>"
    )


def _tspans(runs: Sequence[Run], size: float) -> Iterator[str]:
    """The runs of a text, indices smaller and off the line, which the next run goes back to."""
    height = 0.0
    for run in runs:
        goal = {"sub": LOWERED, "sup": -RAISED}.get(run.kind, 0.0) * size
        attributes = f' dy="{short(goal - height)}"' if goal != height else ""
        height = goal
        if run.kind in ("sub", "sup"):
            attributes += f' font-size="{short(INDEX_SIZE * size)}"'
        if run.kind != "code":
            attributes += f' font-family="{SERIF}"'
        if run.kind == "italic":
            attributes += ' font-style="italic"'
        text = escaped(run.text)
        yield f"<tspan{attributes}>{text}</tspan>" if attributes else text
