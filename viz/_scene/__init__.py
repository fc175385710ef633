"""Every drawing is a scene: shapes at fixed places, which know their nodes.

A scene becomes SVG or DOT (``scene``), TikZ (``tikz``) or pixels (``raster``); ``render`` asks
Graphviz for other formats. ``fitting`` puts it on a slide, ``emphasis`` fades what is beside a
focus.
"""

from __future__ import annotations

__all__: list[str] = []
