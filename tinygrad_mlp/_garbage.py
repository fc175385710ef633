"""How often Python looks for cyclic garbage: less often, since a graph has no cycles."""

from __future__ import annotations

import gc

__all__ = ["relax_garbage_collector"]


def relax_garbage_collector() -> None:
    """Let Python look for cyclic garbage less often than after every 700 new objects.

    A graph has no cycles (a node knows its parents, never its children) and is freed the moment its
    output is dropped. Python cannot know that and walks the growing graph again and again, which
    more than doubles the time of the forward pass. A threshold that somebody has raised further, or
    switched off, stays as it is.

    >>> relax_garbage_collector()
    >>> 0 < gc.get_threshold()[0] < 10_000
    False
    """
    first, second, third = gc.get_threshold()
    if 0 < first < 10_000:
        gc.set_threshold(10_000, max(second, 100), third)
