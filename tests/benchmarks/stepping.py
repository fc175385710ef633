"""Stepping through a page of a replay: what one step costs a browser.

The times are those of the processor that the browser itself counts for its main thread: the script
of the page, then the styles and the layout that follow from it. The pixels are drawn elsewhere.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import viz
from tests.benchmarks.drawing import SIZES, loss_of_size
from tests.benchmarks.timing import markdown, number
from tests.replaying import BROWSER_ARGUMENTS, BROWSERS, DESKTOP
from tinygrad_mlp.engine import Value, topological_order

__all__ = ["measure", "report"]

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession

MOST_STEPS: Final = 300
PARTS: Final = ("ScriptDuration", "RecalcStyleDuration", "LayoutDuration")
STEPS: Final = """(most) => new Promise((done) => {
  const stops = scene.stops.slice(1, most + 1);
  const step = () => {
    if (!stops.length) return done(Math.min(scene.stops.length - 1, most));
    goTo(stops.shift());
    requestAnimationFrame(step);
  };
  step();
})"""
"""One step in each frame, as while it plays."""


def metrics(session: CDPSession) -> dict[str, float]:
    """What the browser has counted so far, in seconds of the processor."""
    found = session.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in found}


def measure(browser: Browser, loss: Value, collapse: bool) -> tuple[int, list[float]]:
    """The boxes that are drawn, and the milliseconds of each part of a step."""
    with TemporaryDirectory() as folder:
        path = viz.replay(loss, Path(folder) / "page.html", collapse=collapse)
        page = browser.new_page(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
        page.goto(path.as_uri())
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})  # of the processor
        before = metrics(session)
        n_steps = page.evaluate(STEPS, MOST_STEPS)
        after = metrics(session)
        n_boxes: int = page.evaluate("scene.items.length")
        page.close()
    return n_boxes, [1e3 * (after[part] - before[part]) / n_steps for part in PARTS]


def report(seconds: float) -> str:
    """The table of two sizes, neurons expanded and collapsed; it takes as long as it takes."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        for size in SIZES:
            loss = loss_of_size(size)
            for collapse in (False, True):
                n_boxes, parts = measure(browser, loss, collapse)
                n_nodes = f"{len(topological_order(loss))}"
                rows.append([n_nodes, f"{n_boxes}", *map(number, parts), number(sum(parts))])
        browser.close()
    return markdown(["nodes", "boxes", "script ms", "style ms", "layout ms", "step ms"], rows)
