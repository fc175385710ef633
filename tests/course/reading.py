"""What the pages of the book ask for."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["Addresses"]


class Addresses(HTMLParser):
    """The addresses in a page, those in its frames too."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"src", "href", "data", "poster", "srcset", "action"}:
                self.found.append(value or "")
            if name == "srcdoc":
                self.found += Addresses(value or "").found
        assert tag not in {"link", "object", "embed", "base"}
