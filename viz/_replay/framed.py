"""A page that a notebook shows within itself, in a frame that cannot reach out of it."""

from __future__ import annotations

import html
from typing import Final

__all__ = ["Page"]

HEIGHT: Final = 640
"""Of the frame, in pixels: a laptop shows all of it at once."""


class Page(str):
    """The text of a web page; a notebook shows the page.

    The page stands in the notebook itself, so nothing is fetched. The frame lets its scripts run,
    and nothing else: they see neither the notebook nor its cookies.

    >>> page = Page("<!DOCTYPE html><title>steps</title>")
    >>> page
    Page(35 characters)
    >>> print(page._repr_html_())
    <iframe srcdoc="&lt;!DOCTYPE html&gt;&lt;title&gt;steps&lt;/title&gt;" sandbox="allow-scripts"
     width="100%" height="640" style="border: 1px solid #8793a5; border-radius: 6px"></iframe>
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        """For IPython and marimo."""
        return (
            f'<iframe srcdoc="{html.escape(str(self))}" sandbox="allow-scripts" width="100%" '
            f'height="{HEIGHT}" style="border: 1px solid #8793a5; border-radius: 6px"></iframe>'
        )

    def __repr__(self) -> str:
        return f"Page({len(self):,} characters)"
