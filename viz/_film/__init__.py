"""A pass as a film: moment by moment, as GIF or MP4; ``animation`` begins it."""

from __future__ import annotations

__all__: list[str] = []
