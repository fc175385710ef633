"""What colors, numbers and lines mean, under a picture of boxes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from viz._boxes.cards import BY, LETTERS
from viz._scene.legend import Entry
from viz._scene.letters import width_of
from viz._scene.scene import Line, Rectangle, Words, plain
from viz._style import markup
from viz._style.look import Look
from viz._style.themes import GradientScale, Paint

__all__ = ["chip", "line_key", "number_keys", "role_chips", "scale_chips"]

CHIP: Final = (18.0, 12.0)
STEP: Final = 20.0
"""From one color of a scale to the next."""


def chip(paint: Paint, text: str) -> Entry:
    """One color: a small box and what it means.

    >>> chip(Look().theme.roles["input"], "input").text
    'input'
    """
    return Entry((_sample(paint, 0.0),), CHIP[0], text)


def role_chips(look: Look, present: Collection[str], input_name: str = "input") -> Iterator[Entry]:
    """The kinds of nodes that are present.

    >>> [entry.text for entry in role_chips(Look(), {"input", "output"}, input_name="leaf")]
    ['leaf', 'output']
    """
    for role, paint in look.theme.roles.items():
        if role in present:
            yield chip(paint, input_name if role == "input" else role)


def scale_chips(look: Look, scale: GradientScale, name: str, with_zero: bool) -> Iterator[Entry]:
    """The sizes of gradients, from the smallest to the largest.

    Args:
        look: how everything is to look.
        scale: which size has which color.
        name: whose gradients they are.
        with_zero: whether any of them is 0.

    >>> entries = scale_chips(Look(), GradientScale(0.1, 1.0), "gradient", with_zero=True)
    >>> [(entry.before, entry.text) for entry in entries]
    [('gradient: 0.1', '1 (logarithmic, 0.3162 in the middle)'), ('', 'gradient 0')]
    """
    if scale.highest > 0.0:
        start = "\N{LESS-THAN OR EQUAL TO} " if scale.clipped else ""
        samples = [_sample(paint, STEP * place) for place, paint in enumerate(look.theme.ramp)]
        middle = f"logarithmic, {markup.number(scale.middle)} in the middle"
        yield Entry(
            tuple(samples),
            STEP * (len(samples) - 1) + CHIP[0],
            f"{markup.number(scale.highest)} ({middle})",
            f"{name}: {start}{markup.number(scale.lowest)}",
        )
    if with_zero:
        yield chip(scale.paint(look.theme, 0.0), "gradient 0")


def number_keys(look: Look, gradient: bool, partial: bool) -> Iterator[Entry]:
    """The two kinds of numbers that have colors.

    >>> [entry.text for entry in number_keys(Look(), gradient=True, partial=True)]
    ['gradient', 'local derivative, by what the arrow brings']
    """
    theme = look.theme
    if gradient:
        yield _words("grad 0.5", theme.gradient, "gradient")
    if partial:
        yield _words(f"{BY}u 0.5", theme.partial, "local derivative, by what the arrow brings")


def line_key(color: str, text: str) -> Entry:
    """What the color of a line means.

    >>> line_key("#000000", "positive weight").text
    'positive weight'
    """
    return Entry((Line(0.0, 0.0, 24.0, 0.0, color, 2.4),), 24.0, text)


def _sample(paint: Paint, x: float) -> Rectangle:
    width, height = CHIP
    return Rectangle(x + width / 2.0, 0.0, width, height, paint.fill, paint.border, 1.0)


def _words(example: str, color: str, text: str) -> Entry:
    words = Words(0.0, 0.0, plain(example), LETTERS, color, "start")
    return Entry((words,), width_of(words.runs, LETTERS), text)
