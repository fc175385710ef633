r"""A scene as a TikZ picture: everything at its place, names set in math, labels as plain text.

Coordinates are those of the scene, in points of 1/72 inch, y downwards.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from tinygrad_mlp._text import visible
from tinygrad_mlp.graph import Run
from tinygrad_mlp.graph._math_names import in_latex
from viz._scene.scene import (
    BASELINE,
    CORNER,
    Circle,
    Curve,
    Line,
    Rectangle,
    Scene,
    Shape,
    Words,
    dashes_of,
    ground_of,
    short,
)

__all__ = ["runs_in_latex", "tikz", "tikz_document"]

HEADER: Final = r"""% Put it into a document with \input; its preamble needs \usepackage{tikz}
% and, for letters of every size, \usepackage[T1]{fontenc} and \usepackage{lmodern}."""

DOCUMENT: Final = r"""\documentclass{standalone}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage{tikz}
\begin{document}
"""

OPTIONS: Final = (
    "x=1bp, y=-1bp, every node/.style={anchor=base, inner sep=0pt, outer sep=0pt}, "
    "line cap=butt, line join=miter"
)

ANCHORS: Final = {"start": "anchor=base west, ", "middle": "", "end": "anchor=base east, "}

LETTERS: Final = "αβγδεζηθικλμνξπρστυφχψω"
NAMES: Final = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi"),
    "omega",
)

SYMBOLS: Final = {
    "\N{MINUS SIGN}": "-",
    "\N{MIDDLE DOT}": r"\cdot",
    "\N{MULTIPLICATION SIGN}": r"\times",
    "\N{RIGHTWARDS ARROW}": r"\to",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots",
    "\N{VERTICAL ELLIPSIS}": r"\vdots",
    "\N{DOUBLE VERTICAL LINE}": r"\|",
    "\N{LESS-THAN OR EQUAL TO}": r"\leq",
    "\N{GREATER-THAN OR EQUAL TO}": r"\geq",
    "\N{ALMOST EQUAL TO}": r"\approx",
    "\N{PARTIAL DIFFERENTIAL}": r"\partial",
    "\N{SQUARE ROOT}": r"\surd",
    **{letter: f"\\{name}" for letter, name in zip(LETTERS, NAMES, strict=True)},
    **{raised: f"^{{{digit}}}" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{lowered: f"_{{{digit}}}" for digit, lowered in enumerate("₀₁₂₃₄₅₆₇₈₉")},
}
"""How LaTeX writes in math what its old fonts do not have as letters."""

IN_TEXT: Final = {
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\symbol{34}",  # which babel makes a command of in some languages
    "\N{EN DASH}": r"\textendash{}",
    "\N{NO-BREAK SPACE}": "~",
    **{character: f"{character}{{}}" for character in "-`'?!,"},  # no two of them become one
}
"""What LaTeX would join, or show as something else, between words."""


def tikz(scene: Scene) -> str:
    r"""The picture as the text of a ``tikzpicture``, for ``\input`` in a document.

    >>> from viz._scene.scene import Group, plain
    >>> words = Words(20.0, 10.0, plain("50%"), 10.0, "#000000")
    >>> print(tikz(Scene(40.0, 20.0, "#ffffff", "a", [Group("unit", [words], name="c0")])))
    ... # doctest: +ELLIPSIS
    % Put it into a document ...
    \begin{tikzpicture}[x=1bp, y=-1bp, ...]
      \definecolor{scene000000}{HTML}{000000}
      \definecolor{sceneffffff}{HTML}{FFFFFF}
      \path[use as bounding box, fill=sceneffffff] (0,0) rectangle (40,20);
      % unit c0
      \node[text=scene000000, font=\fontsize{10bp}{12bp}\sffamily] at (20,13.5) {50\%};
    \end{tikzpicture}
    <BLANKLINE>
    """
    body = [
        f"\\path[use as bounding box, fill={_color(scene.background)}] (0,0) rectangle "
        f"{_point(scene.width, scene.height)};"
    ]
    for group in scene.groups:
        body.append(f"% {group.kind} {group.name}".rstrip())
        body += [line for shape in group.shapes for line in _drawn(shape)]
    colors = sorted(set(re.findall(r"\bscene([0-9a-f]{6})\b", "\n".join(body))))
    defined = [rf"\definecolor{{scene{x}}}{{HTML}}{{{x.upper()}}}" for x in colors]
    inside = "".join([f"  {line}\n" for line in [*defined, *body]])
    return f"{HEADER}\n\\begin{{tikzpicture}}[{OPTIONS}]\n{inside}\\end{{tikzpicture}}\n"


def tikz_document(scene: Scene) -> str:
    r"""The picture as a whole document, which LaTeX makes a page of its size from.

    >>> tikz_document(Scene(40.0, 20.0, "#ffffff", "nothing")).splitlines()[0]
    '\\documentclass{standalone}'
    """
    return f"{DOCUMENT}{tikz(scene)}\\end{{document}}\n"


def runs_in_latex(runs: Sequence[Run]) -> str:
    r"""Letters in LaTeX, for text mode: names in math, all else as it is.

    >>> print(runs_in_latex([Run("w", "italic"), Run("21", "sub"), Run(" = −2 & 3", "code")]))
    $w_{21}$ = $-$2 \& 3
    >>> print(runs_in_latex([Run("ŷ", "italic"), Run("net", "upright"), Run("o1", "sub")]))
    $\hat{y}\mathrm{net}_{o1}$
    """
    pieces = []
    for is_text, together in groupby(runs, _is_code):
        if is_text:
            pieces.append(_text("".join([run.text for run in together])))
        else:
            pieces.append(f"${_side_by_side(map(_math, together))}$")
    # LaTeX leaves out spaces at the ends, and all but one of several.
    return re.sub(r"(?<= ) |^ | $", r"\\ ", "".join(pieces))


def _is_code(run: Run) -> bool:
    return run.kind == "code"


def _text(text: str) -> str:
    return "".join(map(_in_text, visible(text)))


def _in_text(character: str) -> str:
    if character in SYMBOLS:
        return f"${SYMBOLS[character]}$"
    return IN_TEXT.get(character) or in_latex(character)


def _math(run: Run) -> str:
    if run.kind == "sub":
        return f"_{{{_letters(run.text)}}}"
    if run.kind == "sup":
        return f"^{{{_letters(run.text)}}}"
    plain = unicodedata.normalize("NFD", run.text)
    if run.kind == "italic" and plain.endswith("\N{COMBINING CIRCUMFLEX ACCENT}"):
        return f"\\hat{{{_letters(plain[:-1])}}}"
    letters = _letters(run.text)
    return letters if run.kind == "italic" else f"\\mathrm{{{letters}}}"


def _letters(text: str) -> str:
    """Letters in math mode."""
    return _side_by_side([SYMBOLS.get(x) or in_latex(x) for x in visible(text)])


def _side_by_side(pieces: Iterable[str]) -> str:
    """Pieces of math, with a space where a command would take the next letter for its own."""
    together = ""
    for piece in pieces:
        apart = re.search(r"\\[A-Za-z]+$", together) and piece[:1].isalpha()
        together += f" {piece}" if apart else piece
    return together


def _drawn(shape: Shape) -> Iterator[str]:
    if isinstance(shape, Words):
        yield from _words(shape)
    elif isinstance(shape, Line):
        yield (
            f"\\draw[{_pen(shape)}] {_point(shape.x1, shape.y1)} -- {_point(shape.x2, shape.y2)};"
        )
    elif isinstance(shape, Curve):
        yield from _curve(shape)
    elif isinstance(shape, Circle):
        yield (
            f"\\path[{_paint(shape.fill, shape.border, shape.width)}] {_point(shape.x, shape.y)} "
            f"circle[radius={short(shape.radius)}bp];"
        )
    else:
        yield _rectangle(shape)


def _words(words: Words) -> Iterator[str]:
    ground = ground_of(words)
    if ground is not None:
        left, top, width, height = ground
        yield (
            f"\\fill[{_color(words.ground)}] {_point(left, top)} rectangle "
            f"{_point(left + width, top + height)};"
        )
    size = f"\\fontsize{{{short(words.size)}bp}}{{{short(1.2 * words.size)}bp}}"
    weight = r"\bfseries\boldmath" if words.bold else ""
    text = runs_in_latex(words.runs)
    yield (
        f"\\node[{ANCHORS[words.anchor]}text={_color(words.color)}, "
        f"font={size}\\sffamily{weight}] at {_point(words.x, words.y + BASELINE * words.size)} "
        f"{{{text}}};"
    )


def _curve(curve: Curve) -> Iterator[str]:
    first, *others = [_point(x, y) for x, y in curve.points]
    pieces = [
        f" .. controls {a} and {b} .. {end}"
        for a, b, end in zip(others[::3], others[1::3], others[2::3], strict=True)
    ]
    yield f"\\draw[{_pen(curve)}] {first}{''.join(pieces)};"
    if curve.head is not None:
        corners = " -- ".join([_point(x, y) for x, y in curve.head])
        yield f"\\fill[{_color(curve.color)}] {corners} -- cycle;"


def _rectangle(box: Rectangle) -> str:
    left, top = box.x - box.width / 2.0, box.y - box.height / 2.0
    return (
        f"\\path[{_paint(box.fill, box.border, box.border_width)}, rounded corners="
        f"{short(CORNER)}bp] {_point(left, top)} rectangle "
        f"{_point(left + box.width, top + box.height)};"
    )


def _pen(pen: Line | Curve) -> str:
    dash, gap = dashes_of(pen)
    dashed = f", dash pattern=on {short(dash)}bp off {short(gap)}bp" if pen.dashed else ""
    return f"{_color(pen.color)}, line width={short(pen.width)}bp{dashed}"


def _paint(fill: str, border: str, width: float) -> str:
    return f"fill={_color(fill)}, draw={_color(border)}, line width={short(width)}bp"


def _point(x: float, y: float) -> str:
    return f"({short(x)},{short(y)})"


def _color(color: str) -> str:
    return f"scene{color[1:].lower()}"
