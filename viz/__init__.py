"""Pictures of tinygrad_mlp: computation graphs as SVG, PNG, PDF or DOT, curves and boundaries.

``draw(value, "graph.svg")`` draws the graph of a Value, ``to_dot`` and ``to_svg`` give it as text.
In a notebook, importing this package is enough for a Value to show itself. ``viz.plots`` draws
training curves, decision boundaries and confusion tables; it needs matplotlib.
"""

from __future__ import annotations

from viz import plots
from viz.graph import to_dot
from viz.notebook import register
from viz.pictures import Svg, draw, to_svg

__all__ = ["Svg", "draw", "plots", "register", "to_dot", "to_svg"]

register()
