"""Every drawing is a scene: shapes at fixed places, which know their nodes.

``svg_text``, ``tikz``, ``raster`` and ``dot_text`` write it in one format each; from DOT, Graphviz
makes all others (``render``). ``fitting`` puts it on a slide, ``emphasis`` fades what is beside a
focus, ``letters`` knows how wide words are.
"""

from __future__ import annotations

__all__: list[str] = []
