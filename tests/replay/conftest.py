"""A browser, and the pages that are opened in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.replaying import BROWSER_ARGUMENTS, BROWSERS, Opener, Tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    reason = "the package 'playwright' is missing: python -m pip install playwright"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("there is no Chromium: install your system's package 'chromium'")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="package")
def tab(browser: Browser) -> Tab:
    return Tab(browser)


@pytest.fixture
def viewer(browser: Browser, tab: Tab, tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(browser, tab, tmp_path / "backprop.html")
    yield opener
    for opened in opener.opened:
        opened.close()
    for opened in opener.opened[1:]:
        opened.page.context.close()
    for opened in opener.opened:
        assert opened.complaints == []
        assert opened.requests == [opener.path.as_uri()]
