"""Ways to run a lowered program: as NumPy text, or as plain arithmetic.

``protocol`` says what a back end is; ``choice`` is the one place where it is chosen.
"""

from __future__ import annotations

__all__: list[str] = []
