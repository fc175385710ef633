"""How drawings look, and what they are asked for: colors, numbers as text, options."""

from __future__ import annotations

__all__: list[str] = []
