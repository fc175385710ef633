#!/usr/bin/env bash
# Chromium lays out a MathML table cell with text-align: right as if it said left.
#
# Expected: the lines of an aligned formula stand below their equals signs: converters write
#   <mtd columnalign="right">, which Chromium does not know, so a page adds mtd { text-align: right },
#   as it would for td. A HTML table beside it with the same rule is right-aligned.
# What happens: getComputedStyle says "right", the formula sticks to the left edge of its cell. "end"
#   does no better; without a rule it is centered. Only the old private value -webkit-right moves it,
#   since what a cell holds is laid out as a block, not as a line of text. Firefox was not tried.
# Who meets it: whoever shows LaTeX's align* without a script, from latex2mathml or pandoc.
# Source: rules for mtd in Chromium's style sheet for MathML (mathml.css: text-align: -webkit-center).
# Seen on 2026-11-29 (Chromium 156, playwright 1.65.0, latex2mathml 3.81.1, CPython 3.11.7):
#   mtd no rule: 31 px free on the left, 31 on the right
#   mtd text-align: right: 0 px free on the left, 63 on the right (end: the same)
#   td text-align: right: 133 px free on the left, 0 on the right
#   mtd text-align: -webkit-right: 63 px free on the left, 0 on the right
#
# Needs a Chromium on the PATH.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "playwright==1.65.0" "latex2mathml==3.81.1"

cat >"$folder/cells.py" <<'PYTHON'
import shutil

from latex2mathml.converter import convert
from playwright.sync_api import sync_playwright

formula = convert(r"\begin{align*} a &= b \\ a + b + c &= d \end{align*}", display="block")
table = "<table><tr><td>a</td></tr><tr><td>a + b + c + d + e</td></tr></table>"
assert 'columnalign="right"' in formula
SIDES = """element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const [cell, text] = [element.getBoundingClientRect(), range.getBoundingClientRect()];
    return [text.left - cell.left, cell.right - text.right];
}"""
chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
sides = {}
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page()
    for value in ("", "left", "right", "end", "-webkit-right"):
        rule = f"text-align: {value}" if value else ""
        style = f"td, mtd {{ padding: 0; {rule} }}"
        page.set_content(f"<!DOCTYPE html><style>{style}</style>{formula}{table}")
        for cell in ("mtd", "td"):
            left, right = page.locator(cell).first.evaluate(SIDES)
            sides[cell, value] = left, right
            print(f"{cell} {rule or 'no rule'}: {left:.0f} px free on the left, {right:.0f} on the right")
    browser.close()


def is_right(cell, value):
    left, right = sides[cell, value]
    return left > 10 and right < 1


assert is_right("td", "right")
assert is_right("td", "end")
assert not is_right("mtd", "right")
assert not is_right("mtd", "end")
assert is_right("mtd", "-webkit-right")
PYTHON
(cd "$folder" && "$python" cells.py)
