"""A replay on paper: the picture, the equation of the step that is shown, a table of all steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.replaying import STEP_W5, Opener, Viewer, areas, chain_network, rgb
from tinygrad_mlp.debug import trace_backward, worked_example
from tinygrad_mlp.engine import Value
from viz._style.themes import THEMES

WIDTHS = {"A4": 794 - 91, "Letter": 816 - 91}
"""Of a page without its margins, in pixels of CSS."""


def printed(page: Viewer, width: int = WIDTHS["A4"]) -> None:
    page.page.set_viewport_size({"width": width, "height": 1000})
    page.page.emulate_media(media="print")
    page.page.evaluate("() => { dispatchEvent(new Event('beforeprint')); }")


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("build", [worked_example, lambda: chain_network([2, 16, 16, 1])])
def test_a_printed_page_has_the_picture_and_no_controls(
    viewer: Opener, build: Callable[[], Value], width: int
) -> None:
    page = viewer(build(), dark=True)
    page.page.evaluate("goTo(trace.seedAt + 5)")
    printed(page, width)
    for control in page.page.locator("button, input, select, footer, #help, .switch").all():
        assert control.is_hidden()
    for part in ("#equation", "#graph", "#remark", "#legend", "#all-steps"):
        (area,) = areas(page, part)
        assert 0.0 <= area.left < area.right <= width
    (graph,), (step,), (legend,) = (areas(page, x) for x in ("#graph", "#step", "#legend"))
    (table,) = areas(page, "#all-steps")
    assert step.bottom <= graph.top < graph.bottom <= legend.top < legend.bottom <= table.top
    (lights,) = areas(page, "#lights")
    assert lights == pytest.approx(graph, abs=1.0), "the lit arrow lies where it belongs"
    assert graph.bottom - graph.top < 600.0, "it stays on one page"
    ground = "getComputedStyle(document.querySelector('#view')).backgroundColor"
    assert page.page.evaluate(ground) == rgb(THEMES["light"].background)


def test_a_printed_page_lists_all_steps(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss, collapse=False, names="code")
    page.page.fill("#slider", str(STEP_W5))
    printed(page)
    rows = page.page.locator("#all-steps tbody tr")
    texts = [row.locator("td").all_text_contents() for row in rows.all()]
    assert [row[0] for row in texts] == [str(at) for at in range(page.last() + 1)]
    assert texts[0][1:] == ["Start", "16 leaves are known: inputs, parameters, constants."]
    assert texts[16][1:] == ["Backward, seed", "∂L/∂L = 1"]
    for row, step in zip(texts[17:], trace_backward(loss), strict=True):
        written = row[2].replace("∂", "d").replace("·", "*").replace("−", "-")
        assert written == step.equation()
    now = page.page.locator("#all-steps .now td").first
    assert now.text_content() == str(STEP_W5)
    assert page.page.locator("#all-steps .now").count() == 1


def test_a_printed_page_lists_the_steps_that_can_be_seen(viewer: Opener) -> None:
    page = viewer(chain_network([2, 3, 1]), collapse=True)
    printed(page)
    steps = page.page.locator("#all-steps tbody td:first-child").all_text_contents()
    assert [int(text) for text in steps] == page.page.evaluate("scene.stops")
    inside = page.page.locator("#all-steps tr", has_text="inside").first
    assert (inside.locator("td").nth(2).text_content() or "").count("∂L/∂") == 4


def test_a_page_that_nobody_prints_has_no_table(viewer: Opener) -> None:
    page = viewer(worked_example())
    assert page.page.locator("#all-steps").is_hidden()
    assert page.page.locator("#all-steps tr").count() == 0


def test_a_browser_prints_it(viewer: Opener) -> None:
    page = viewer(worked_example())
    document = page.page.pdf(format="A4")
    assert document.startswith(b"%PDF")
    assert page.page.locator("#all-steps tbody tr").count() > 30, "the browser says that it prints"
