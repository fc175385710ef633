"""Programs run by a small C library: the instructions of the compiler as records, interpreted."""

from __future__ import annotations

__all__: list[str] = []
