"""The page of a replay on a phone, and in windows of other sizes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.replaying import (
    DESKTOP,
    LYING_PHONE,
    NOT_COMPUTED,
    PHONE,
    STEP_W5,
    Opener,
    areas,
    network_loss,
)
from tinygrad_mlp.debug import trace_forward, worked_example
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.functional import (
    logsumexp,
)
from tinygrad_mlp.nn import MLP


def test_the_graph_makes_room_for_the_details(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.locator(".node.output").click()
    page.page.wait_for_function(
        "() => document.querySelector('.node.output').getBoundingClientRect().right"
        " < document.querySelector('#details').getBoundingClientRect().left"
    )
    page.page.click("#larger")
    width = "document.querySelector('#graph').getBoundingClientRect().width"
    large = page.page.evaluate(width)
    page.page.click("#smaller")
    assert page.page.evaluate(width) < large


def test_it_fits_on_a_phone(viewer: Opener) -> None:
    page = viewer(worked_example(), PHONE)
    page.page.fill("#slider", str(STEP_W5))
    assert page.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    for name in ("first", "back", "play", "next", "last"):
        box = page.page.locator(f"#{name}").bounding_box()
        assert box is not None
        assert box["height"] >= 40.0
        assert box["y"] + box["height"] <= PHONE[1]
    current, stage = (page.page.locator(x).bounding_box() for x in (".node.current", "#stage"))
    assert current is not None
    assert stage is not None
    assert stage["x"] <= current["x"]
    assert current["x"] + current["width"] <= stage["x"] + stage["width"]


def test_five_hundred_nodes_stay_fluent(viewer: Opener) -> None:
    loss = network_loss([16, 16, 4])
    assert len(topological_order(loss)) > 500
    page = viewer(loss, collapse=False)
    assert page.page.locator(".node").count() > 500
    milliseconds = page.page.evaluate(
        "(() => { const start = performance.now();"
        " for (let step = 1; step <= 100; step++) goTo(3 * step);"
        " return (performance.now() - start) / 100; })()"
    )
    assert milliseconds < 100.0  # it takes about 4; a frame at ten steps a second has 100
    changed = page.page.evaluate(
        "(() => { goTo(0); const counts = []; for (let step = 1; step <= 300; step++) {"
        " const watch = new MutationObserver(() => 0);"
        " watch.observe(byId('graph'), { subtree: true, attributes: true, childList: true });"
        " goTo(step); counts.push(watch.takeRecords().length); }"
        " return counts.sort((one, other) => one - other).at(-2); })()"
    )
    assert changed < 30, "but for the seed, where all gradients appear, few elements are touched"
    page.press("End")
    seed = [item for item in page.numbers().values() if item[1] == NOT_COMPUTED]
    assert len(seed) == 4 + 4 + 1, "the inputs, the targets and the number of them are constants"


def test_a_phone_shows_the_whole_text_of_a_step(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), size=PHONE, collapse=True)
    for position in page.page.evaluate("scene.stops"):
        page.page.evaluate("position => goTo(position)", position)
        room = page.page.evaluate("[byId('step').scrollHeight, byId('step').clientHeight]")
        assert room[0] <= room[1], position


@pytest.mark.parametrize(
    "build",
    [
        worked_example,
        lambda: MLP(2, [3, 1], activation="tanh", rng=0)([0.5, -1.0]).square(),
        lambda: network_loss([3, 2]),
        lambda: network_loss([8, 8, 3]),
        lambda: network_loss([16, 16, 4]),
        lambda: logsumexp([Value(float(i)) for i in range(10)]),
    ],
)
def test_the_first_view_of_a_desktop_shows_everything(
    viewer: Opener, build: Callable[[], Value]
) -> None:
    page = viewer(build())
    assert page.page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [1280, 1280]
    assert page.page.evaluate("document.documentElement.scrollHeight") == 800
    (stage,) = areas(page, "#stage")
    for box in areas(page, "#graph .box, #graph .frame .ground"):
        assert stage.left <= box.left < box.right <= stage.right
        assert stage.top <= box.top < box.bottom <= stage.bottom
    for tool in areas(page, "header button:not([hidden]), #step, #legend, footer > *"):
        assert 0.0 <= tool.left < tool.right <= 1280.0
        assert 0.0 <= tool.top < tool.bottom <= 800.0


def test_steps_of_a_large_graph_are_shown_larger_than_its_whole(viewer: Opener) -> None:
    page = viewer(network_loss([4, 2]), collapse=False)
    whole = page.page.evaluate("scene.zoom")
    page.press("ArrowRight")
    assert page.page.evaluate("scene.zoom") > whole
    page.press("ArrowLeft")
    assert page.page.evaluate("scene.zoom") == whole


@pytest.mark.parametrize("collapse", [True, False])
def test_the_smallest_letters_can_be_read(viewer: Opener, collapse: bool) -> None:
    page = viewer(network_loss([8, 3]), collapse=collapse)
    page.press("End")
    sizes = page.page.eval_on_selector_all(
        "#graph text", "all => all.map(x => parseFloat(getComputedStyle(x).fontSize) * scene.zoom)"
    )
    assert min(sizes) >= 8.9  # pixels


def test_details_leave_the_loss_and_the_step_in_view(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.fill("#slider", str(STEP_W5))
    page.page.locator(".node.current").click()
    page.page.wait_for_function(f"() => scene.width * scene.zoom < {DESKTOP[0] - 330}")
    (stage,) = areas(page, "#stage")
    for selector in (".node.current .box", ".node.source .box", ".node.output .box"):
        (box,) = areas(page, selector)
        assert stage.left <= box.left < box.right <= stage.right


def test_fit_fits_a_graph_with_many_leaves(viewer: Opener) -> None:
    model = MLP(64, [4, 1], rng=0)
    page = viewer(model.forward([0.1] * 64)[0].square(), collapse=False)
    assert page.page.evaluate("scene.height") < 5000
    page.page.click("#fit")
    (stage,) = areas(page, "#stage")
    (graph,) = areas(page, "#graph")
    assert stage.left <= graph.left < graph.right <= stage.right
    assert stage.top <= graph.top < graph.bottom <= stage.bottom


def test_nothing_moves_on_a_phone_while_it_plays(viewer: Opener) -> None:
    page = viewer(worked_example(), PHONE)
    heights = set()
    while page.position() < page.last():
        page.press("ArrowRight")
        (view,) = areas(page, "#view")
        heights.add((view.top, view.bottom))
    assert len(heights) == 1


def test_a_phone_starts_at_what_is_computed_first(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss, PHONE)
    first = topological_order(loss).index(trace_forward(loss)[0].node)
    drawn = page.page.evaluate("first => scene.itemOf[first].element.id", first)
    (stage,), (box,) = areas(page, "#stage"), areas(page, f"#{drawn} .box")
    assert stage.left <= box.left < box.right <= stage.right


def test_words_are_whole_on_a_phone(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), PHONE, title="a long title " * 25)
    clipped = "all => all.filter(x => x.scrollWidth > x.clientWidth + 1 && getComputedStyle(x)"
    clipped += ".overflow !== 'visible').map(x => x.id)"
    assert page.page.eval_on_selector_all(".phases span, button", clipped) == []
    heights = [area.bottom - area.top for area in areas(page, "#legend > *")]
    assert max(heights) < 30.0, "no entry is broken over two lines"
    (stage,) = areas(page, "#stage")
    assert stage.top < 400.0
    assert page.page.get_attribute("h1", "title") == ("a long title " * 25).strip()


def test_a_phone_shows_the_details_of_a_node_that_is_tapped(viewer: Opener) -> None:
    page = viewer(worked_example(), PHONE)
    page.page.locator("#graph .node.parameter").first.click()
    (details,), (footer,) = areas(page, "#details h2"), areas(page, "footer")
    assert details.bottom < footer.top


def test_a_phone_that_lies_shows_the_graph(viewer: Opener) -> None:
    page = viewer(worked_example(), LYING_PHONE)
    page.page.fill("#slider", str(STEP_W5))
    (stage,), (current,) = areas(page, "#stage"), areas(page, ".node.current .box")
    assert stage.bottom - stage.top > 0.6 * LYING_PHONE[1]
    assert stage.right - stage.left > 0.6 * LYING_PHONE[0]
    assert stage.top <= current.top < current.bottom <= stage.bottom
    assert page.page.evaluate("document.documentElement.scrollHeight") == LYING_PHONE[1]
