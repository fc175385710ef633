"""How far colors stand apart for people, by the formulas of the standards and not by ours."""

from __future__ import annotations

import re

__all__ = ["contrast", "linear"]


def linear(color: str) -> list[float]:
    """Linear RGB of sRGB, each from 0 to 1; "#rrggbb", or as browsers write it, "rgb(0, 0, 0)"."""
    if color.startswith("#"):
        numbers = [float(int(color[place : place + 2], 16)) for place in (1, 3, 5)]
    else:
        numbers = [float(number) for number in re.findall(r"[\d.]+", color)[:3]]
    shares = [number / 255.0 for number in numbers]
    return [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]


def contrast(first: str, second: str) -> float:
    """The ratio of WCAG 2.2, from 1 to 21."""
    low, high = sorted([_luminance(first), _luminance(second)])
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    return sum(share * x for share, x in zip((0.2126, 0.7152, 0.0722), linear(color), strict=True))
