"""The browser of the replay's tests, a tab for the pages of a training, and one such page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.play.playing import Played, playing
from tests.replay.conftest import browser, tab
from tests.replaying import Tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["browser", "tab"]


@pytest.fixture(scope="package")
def shared_page(browser: Browser) -> Iterator[Played]:
    with playing(Tab(browser)) as page:
        yield page


@pytest.fixture
def page(shared_page: Played) -> Played:
    """The page of a run that has just begun: one test after the other uses it."""
    shared_page.begin()
    return shared_page
