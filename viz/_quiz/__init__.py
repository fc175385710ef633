"""Exercise sheets for paper: ``worksheet`` writes one.

``round_numbers`` draws other numbers for a graph, ``sheet_questions`` asks about them, and
``sheet_page`` sets the page, whose style is in ``page/``.
"""

from __future__ import annotations

__all__: list[str] = []
