"""Pictures of tinygrad_mlp: graphs as SVG, PNG, PDF, TikZ or DOT, films, curves and boundaries.

``draw(value, "graph.svg")`` draws the graph of a Value, a model or a compiled program: by
operation, neuron or layer; ``to_dot``, ``to_svg`` and ``to_tikz`` give it as text. In a notebook,
importing this package is enough for them to show themselves. ``viz.plots`` draws training curves,
decision boundaries, confusion tables, and what is inside a model; it needs matplotlib.
``replay(loss, "backprop.html")`` writes a web page that plays a backward pass step by step,
``animate(loss, "backprop.gif")`` a film of it, ``record(model, X, y, "training.html")`` trains and
writes a page that plays the training, ``worksheet(loss, "sheet.html")`` an exercise sheet.
``play(model, X, y)`` opens a page on which a model trains while one looks on. ``draw`` and
``replay`` without the name of a file give what a notebook shows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from viz._notebook import register

if TYPE_CHECKING:
    from viz import plots
    from viz._film.animation import animate
    from viz._graph import to_dot
    from viz._pictures import Svg, draw, to_svg, to_tikz
    from viz._play.live import play
    from viz._play.record_training import record
    from viz._quiz.worksheet import worksheet
    from viz._replay.framed import Page
    from viz._replay.stepper import replay

__all__ = [
    "Page",
    "Svg",
    "animate",
    "draw",
    "play",
    "plots",
    "record",
    "register",
    "replay",
    "to_dot",
    "to_svg",
    "to_tikz",
    "worksheet",
]

_WHERE_USED = {
    "Page": "viz._replay.framed",
    "Svg": "viz._pictures",
    "animate": "viz._film.animation",
    "draw": "viz._pictures",
    "play": "viz._play.live",
    "record": "viz._play.record_training",
    "replay": "viz._replay.stepper",
    "to_dot": "viz._graph",
    "to_svg": "viz._pictures",
    "to_tikz": "viz._pictures",
    "worksheet": "viz._quiz.worksheet",
}
"""What is imported when it is asked for: who plays a training does not wait for the drawings."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "plots":
            return import_module("viz.plots")
        if name not in _WHERE_USED:
            raise AttributeError(f"module 'viz' has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_WHERE_USED[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


register()
