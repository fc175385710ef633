"""A network as circles and lines: ``circles`` makes the scene.

``network_reading`` reads the graph as a network (``network``); ``arrangement`` finds the places.
"""

from __future__ import annotations

__all__: list[str] = []
