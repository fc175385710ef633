"""The plots that ``viz.plots`` gathers, and how they look; they need matplotlib."""

from __future__ import annotations

__all__: list[str] = []
