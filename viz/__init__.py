"""Pictures of tinygrad_mlp: computation graphs as SVG, PNG, PDF or DOT, curves and boundaries.

``draw(value, "graph.svg")`` draws the graph of a Value, a model or a compiled program: by
operation, neuron or layer; ``to_dot`` and ``to_svg`` give it as text. In a notebook, importing this
package is enough for them to show themselves. ``viz.plots`` draws training curves, decision
boundaries, confusion tables, and what is inside a model; it needs matplotlib.
``replay(loss, "backprop.html")`` writes a web page that plays a backward pass step by step. All of
them, without the name of a file, give what a notebook shows.
"""

from __future__ import annotations

from viz import plots
from viz._framed import Page
from viz._graph import to_dot
from viz._notebook import register
from viz._pictures import Svg, draw, to_svg
from viz._stepper import replay

__all__ = ["Page", "Svg", "draw", "plots", "register", "replay", "to_dot", "to_svg"]

register()
