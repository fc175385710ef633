"""The browser of the replay's tests, and a tab for the pages of a training."""

from __future__ import annotations

from tests.replay.conftest import browser, tab

__all__ = ["browser", "tab"]
