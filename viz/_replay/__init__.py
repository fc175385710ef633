"""The page that plays a pass step by step: ``stepper`` writes it.

``recorded`` gathers its data; the scripts and styles of the page are in ``page/``.
"""

from __future__ import annotations

__all__: list[str] = []
