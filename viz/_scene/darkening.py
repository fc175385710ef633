"""A drawing that was made light becomes dark: each color of the theme gives way to its counterpart.

For a page that has both, such as one of the course: what is drawn is the same to the last point.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final

from viz._scene.emphasis import FADED
from viz._style.themes import DARK, LIGHT, mixed

__all__ = ["darkened"]

COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}\b")
OF_A_SHAPE: Final = re.compile(rf'(?<==")({COLOR.pattern})(?=")')
"""As drawings write it; what matplotlib made has its colors in styles."""


def darkened(svg: str) -> str | None:
    """The light drawing in dark colors; None if it has a color that no drawing has.

    What matplotlib made stays as it is: its colors are its own, and stand elsewhere.

    >>> darkened('<rect fill="#ffffff" stroke="#1f9e78"/>')
    '<rect fill="#12161d" stroke="#3fc79d"/>'
    >>> darkened('<rect fill="#123456"/>') is None
    True
    >>> darkened('<path style="fill: #ffffff"/>') is None
    True
    """
    colors = OF_A_SHAPE.findall(svg)
    if len(colors) < len(COLOR.findall(svg)) or not COUNTERPARTS.keys() >= set(colors):
        return None
    return OF_A_SHAPE.sub(lambda color: COUNTERPARTS[color[0]], svg)


def _pairs(light: Any, dark: Any) -> Iterator[tuple[str, str]]:
    """Each color of a theme or a paint, with the one that it has in the other."""
    if isinstance(light, str):
        yield light, dark
    elif isinstance(light, dict):
        for name in light:
            yield from _pairs(light[name], dark[name])
    elif isinstance(light, tuple):
        for one, other in zip(light, dark, strict=True):
            yield from _pairs(one, other)
    else:
        for field in fields(light):
            yield from _pairs(getattr(light, field.name), getattr(dark, field.name))


def _counterparts() -> dict[str, str]:
    """Of several counterparts, as white has, the first: grounds come before boxes."""
    found: dict[str, str] = {}
    for light, dark in _pairs(LIGHT, DARK):
        found.setdefault(light, dark)
    for light, dark in list(found.items()):
        faded = mixed(light, LIGHT.background, FADED), mixed(dark, DARK.background, FADED)
        found.setdefault(*faded)
    return found


COUNTERPARTS: Final = _counterparts()
"""The colors of light drawings, those that are faded too, with those of dark ones."""
