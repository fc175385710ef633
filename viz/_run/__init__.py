"""A training that a page steers: step by step, forth and back, changed while it runs.

``run`` has the training itself, ``messages`` what a page is told of it. Nothing here draws.
"""

from __future__ import annotations

__all__: list[str] = []
