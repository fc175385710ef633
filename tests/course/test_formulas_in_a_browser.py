"""The formulas of a page as a browser lays them out."""

from __future__ import annotations

import shutil

import pytest

from tests.replaying import BROWSER_ARGUMENTS, BROWSERS
from tests.source_files import ROOT
from tinygrad_mlp._course._mathml import to_mathml

STYLE = (ROOT / "tinygrad_mlp" / "_course" / "page.css").read_text(encoding="utf-8")
EDGES = "cells => cells.map(cell => cell.getBoundingClientRect())"


def test_the_lines_of_a_formula_stand_below_their_equals_signs() -> None:
    reason = "the package 'playwright' is missing: python -m pip install playwright"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("there is no Chromium: install your system's package 'chromium'")
    lines = r"\begin{align*} a &= b \\ a + b + c &= b + c + d \end{align*}"
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        page = browser.new_page()
        page.set_content(f"<style>{STYLE}</style>{to_mathml(lines, display=True)}")
        signs = page.locator("mo", has_text="=").evaluate_all(EDGES)
        short, long = page.locator("mtd:first-child > :last-child").evaluate_all(EDGES)
        browser.close()
    assert len(signs) == 2
    assert signs[0]["x"] == pytest.approx(signs[1]["x"], abs=0.5)
    assert short["right"] == pytest.approx(long["right"], abs=0.5)


def test_a_list_keeps_its_marks_on_a_narrow_screen() -> None:
    reason = "the package 'playwright' is missing: python -m pip install playwright"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("there is no Chromium: install your system's package 'chromium'")
    item = f"<li>{to_mathml('B = N', display=False)}</li>"
    page_text = f"<style>{STYLE} li {{ color: white }} li::marker {{ color: black }}</style>"
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        for width in (390, 1200):
            page = browser.new_page(viewport={"width": width, "height": 200})
            page.set_content(f"{page_text}<main><ul>{item}</ul></main>")
            with_mark = page.screenshot()
            page.add_style_tag(content="li::marker { color: white }")
            assert page.screenshot() != with_mark, f"the mark is seen, {width} pixels wide"
        browser.close()
