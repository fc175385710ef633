"""An exercise sheet in a real browser: on a screen, and printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import viz
from tinygrad_mlp import MLP

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_a_sheet_is_printed_on_either_paper(browser: Browser, tmp_path: Path) -> None:
    model = MLP(2, [2, 1], activation="relu", rng=0)
    page = browser.new_page(viewport={"width": 390, "height": 844})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: complaints.append(request.url[:40]))
    printed = {}
    for answers in (True, False):
        sheet = viz.worksheet(model, tmp_path / "sheet.html", seed=1, answers=answers)
        page.goto(sheet.as_uri())
        for paper in ("A4", "Letter"):
            content = page.pdf(format=paper)
            printed[paper, answers] = re.findall(rb"/MediaBox \[0 0 ([0-9.]+)", content)
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]  # a phone need not scroll sideways
    assert page.evaluate("document.querySelector('img').naturalWidth") > 100
    page.close()
    assert {key: len(widths) for key, widths in printed.items()} == {
        ("A4", True): 4,
        ("A4", False): 2,  # the key stands on pages of its own
        ("Letter", True): 4,
        ("Letter", False): 2,
    }
    assert float(printed["A4", True][0]) == pytest.approx(595.3, abs=1.0)
    assert float(printed["Letter", True][0]) == pytest.approx(612.0, abs=1.0)
    addresses = [text for text in complaints if not text.startswith(("file://", "data:image/svg"))]
    assert addresses == []
