"""The colors of a drawing, light and dark, and the scale that shows how large a gradient is.

Hues are ones that people who do not tell red from green keep apart: bluish green, blue, gray,
orange. Nothing here knows about graphs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, log10, sqrt
from sys import float_info
from typing import Final

from tinygrad_mlp.errors import UnknownNameError

__all__ = ["DARK", "LIGHT", "THEMES", "GradientScale", "Paint", "Theme", "mixed", "theme_named"]


@dataclass(frozen=True, slots=True)
class Paint:
    """The colors of one kind of node: its ground, its border, its headline."""

    fill: str
    border: str
    ink: str


@dataclass(frozen=True, slots=True)
class Theme:
    """Every color of a drawing; ``roles`` has one paint for each kind of node.

    ``ramp`` leads from small gradients to large ones, ``accent`` marks what is highlighted,
    ``frame`` and ``outline`` are for what stands around a group of boxes.

    >>> sorted(LIGHT.roles) == sorted(DARK.roles)
    True
    """

    background: str
    text: str
    muted: str
    line: str
    gradient: str
    accent: str
    positive: str
    negative: str
    frame: str
    outline: str
    ramp: tuple[Paint, ...]
    roles: dict[str, Paint]

    @property
    def partial(self) -> str:
        """The color of local derivatives, which gradients do not have.

        >>> LIGHT.partial == LIGHT.gradient
        False
        """
        return self.roles["input"].ink


LIGHT: Final = Theme(
    background="#ffffff",
    text="#1b2433",
    muted="#5a6472",
    line="#7f8b9e",
    gradient="#b3246b",
    accent="#7c3aed",
    positive="#3a76d8",
    negative="#d97706",
    frame="#f6f8fb",
    outline="#818c9b",
    ramp=(
        Paint(fill="#fbe9f2", border="#c2789d", ink="#1b2433"),
        Paint(fill="#f7d4e4", border="#bd7097", ink="#1b2433"),
        Paint(fill="#f0b8d1", border="#b9648f", ink="#1b2433"),
        Paint(fill="#e999bc", border="#b04a7e", ink="#1b2433"),
        Paint(fill="#e07aa8", border="#a02f6c", ink="#1b1020"),
    ),
    roles={
        "input": Paint(fill="#e3f5ee", border="#1f9e78", ink="#0d6b4f"),
        "parameter": Paint(fill="#e6effd", border="#3a76d8", ink="#1c4fa3"),
        "buffer": Paint(fill="#e8ecf4", border="#6c7f9c", ink="#3d4c66"),
        "constant": Paint(fill="#f3f4f6", border="#818c9b", ink="#56606f"),
        "operation": Paint(fill="#ffffff", border="#7f8b9e", ink="#1b2433"),
        "output": Paint(fill="#fff1d9", border="#c07a08", ink="#7d4b00"),
    },
)
"""Dark on white, for paper and slides."""

DARK: Final = Theme(
    background="#12161d",
    text="#e8ecf2",
    muted="#9aa5b5",
    line="#6b788b",
    gradient="#ff8fc0",
    accent="#b794ff",
    positive="#6ea8ff",
    negative="#ffb454",
    frame="#181d26",
    outline="#66748a",
    ramp=(
        Paint(fill="#35222f", border="#8d5d79", ink="#e8ecf2"),
        Paint(fill="#48283c", border="#965f80", ink="#e8ecf2"),
        Paint(fill="#5e2e4a", border="#a0557e", ink="#f3eaf0"),
        Paint(fill="#773559", border="#c76399", ink="#fbf0f6"),
        Paint(fill="#923b6b", border="#f07db7", ink="#ffffff"),
    ),
    roles={
        "input": Paint(fill="#12302a", border="#3fc79d", ink="#7fe3c3"),
        "parameter": Paint(fill="#16294a", border="#5f9bf5", ink="#a8c8ff"),
        "buffer": Paint(fill="#262f40", border="#8296b5", ink="#c3d0e6"),
        "constant": Paint(fill="#232933", border="#66748a", ink="#b3bdcb"),
        "operation": Paint(fill="#1b212b", border="#6b788b", ink="#f1f4f8"),
        "output": Paint(fill="#3a2a0d", border="#f0a830", ink="#ffd48a"),
    },
)
"""Light on near black, for dark slides and pages."""

THEMES: Final = {"light": LIGHT, "dark": DARK}
"""The themes by name."""


def mixed(color: str, ground: str, share: float) -> str:
    """A color of which only a share is left on a ground, without transparency.

    >>> mixed("#000000", "#ffffff", 0.25)
    '#bfbfbf'
    """
    pairs = [(int(color[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join([f"{round(b + share * (a - b)):02x}" for a, b in pairs])


def known_name(kind: str, name: object, known: Iterable[str]) -> str:
    """The known name that was meant, in whatever case it was written.

    Raises:
        UnknownNameError: for another name.

    >>> known_name("direction", "lr", ["LR", "TB"])
    'LR'
    """
    names = list(known)
    meant = str(name).lower()
    for candidate in names:
        if candidate.lower() == meant:
            return candidate
    raise UnknownNameError.of(kind, name, names)


def theme_named(theme: str | Theme) -> Theme:
    """The theme of that name; one of your own is returned as it is.

    Raises:
        UnknownNameError: for another name.

    >>> theme_named("dark") is DARK
    True
    """
    if isinstance(theme, Theme):
        return theme
    return THEMES[known_name("theme", theme, THEMES)]


@dataclass(frozen=True, slots=True)
class GradientScale:
    """Colors for the sizes of gradients, each step a factor; one to three magnitudes in all.

    Sizes that are much alike get the same color, one of the middle; and 0 one of its own.

    Attributes:
        lowest: the size at which the scale begins.
        highest: the one at which it ends.
        clipped: whether there are smaller sizes, which have its first color.

    >>> scale = GradientScale.of([0.001, 0.1, 1.0])
    >>> [scale.position(size) for size in (0.0, 0.0001, 0.001, 0.1, 1.0)]
    [None, 0, 0, 3, 4]
    >>> scale = GradientScale.of([0.5, 0.5])
    >>> scale.position(0.5)
    2
    """

    lowest: float
    highest: float
    clipped: bool = False

    STEPS = 5
    MAGNITUDES = (1.0, 3.0)

    @classmethod
    def of(cls, sizes: Iterable[float]) -> GradientScale:
        """The scale for these sizes; of those that are no positive numbers nothing is taken.

        >>> GradientScale.of([0.0, float("nan")])
        GradientScale(lowest=0.0, highest=0.0, clipped=False)
        """
        positive = [size for size in sizes if isfinite(size) and size > 0.0]
        if not positive:
            return cls(0.0, 0.0)
        lowest, highest = min(positive), max(positive)
        fewest, most = (10.0**magnitudes for magnitudes in cls.MAGNITUDES)
        if highest / lowest < fewest:
            half = sqrt(fewest)
            middle = sqrt(lowest) * sqrt(highest)
            return cls(middle / half, min(middle * half, float_info.max))
        return cls(max(lowest, highest / most), highest, clipped=lowest < highest / most)

    def position(self, size: float) -> int | None:
        """Where on the ramp a size stands, from 0 (small) to 4; None for 0.

        >>> GradientScale(0.01, 1.0).position(float("inf"))
        4
        """
        if not isfinite(size):
            return self.STEPS - 1
        if size <= 0.0:
            return None
        if size <= self.lowest or self.lowest <= 0.0:
            return 0
        share = log10(size / self.lowest) / log10(self.highest / self.lowest)
        return min(self.STEPS - 1, int(share * self.STEPS))

    @property
    def middle(self) -> float:
        """The size that stands in the middle of the scale.

        >>> round(GradientScale(0.01, 1.0).middle, 4)
        0.1
        """
        return sqrt(self.lowest) * sqrt(self.highest)

    def paint(self, theme: Theme, size: float) -> Paint:
        """The colors for a size.

        >>> GradientScale(0.01, 1.0).paint(LIGHT, 1.0) == LIGHT.ramp[-1]
        True
        """
        position = self.position(size)
        return theme.roles["operation"] if position is None else theme.ramp[position]
