"""The page on which a network trains before one's eyes; its scripts and styles are in ``page/``."""

from __future__ import annotations

__all__: list[str] = []
