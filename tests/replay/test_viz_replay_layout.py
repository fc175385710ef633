"""Where boxes, frames and numbers stand on the page of a replay: nothing covers anything."""

from __future__ import annotations

import itertools

import pytest

from tests.replaying import Area, Opener, areas, network_loss, recorded, rgb, touch
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.engine import Value
from viz._style.themes import THEMES


@pytest.mark.parametrize("sizes", [[3, 2], [4, 4, 1]])
def test_the_number_of_the_current_arrow_covers_no_box(sizes: list[int], viewer: Opener) -> None:
    page = viewer(network_loss(sizes), collapse=True)
    covered = page.page.evaluate(
        "scene.stops.map((at) => { goTo(at);"
        " const rect = document.querySelector('.derivative.lit rect'); if (!rect) return 0;"
        " const [x, y, width, height] = ['x', 'y', 'width', 'height']"
        ".map((name) => Number(rect.getAttribute(name)));"
        " return scene.obstacles.under({ x, y, width, height }).length; })"
    )
    assert sum(covered) == 0


def test_frames_hold_their_neurons_and_do_not_touch(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), collapse=False)
    assert page.page.locator(".frame .name").all_text_contents() == [
        *(f"h{i}(1)" for i in (1, 2, 3)),
        *(f"ŷ{i}" for i in (1, 2)),
    ]
    frames = areas(page, ".frame .ground")
    boxes = areas(page, ".node .box")
    members = recorded(viewer.path.read_text(encoding="utf-8"))["groups"]
    for frame, group in zip(frames, members, strict=True):
        inside = [box for box in boxes if touch(frame, box)]
        assert len(inside) == len(group["members"])
    assert not [pair for pair in itertools.combinations(frames, 2) if touch(*pair)]
    assert not [pair for pair in itertools.combinations(boxes, 2) if touch(*pair)]


@pytest.mark.parametrize("collapse", [True, False])
def test_numbers_on_arrows_stand_free_on_a_ground_of_their_own(
    viewer: Opener, collapse: bool
) -> None:
    page = viewer(network_loss([4, 1]), collapse=collapse)
    page.press("End")
    grounds = areas(page, "#graph .derivative rect")
    assert len(grounds) > 4
    slack = 2.5 * page.page.evaluate("scene.zoom")
    inner = [Area(x.left + slack, x.top, x.right - slack, x.bottom) for x in grounds]
    assert not [pair for pair in itertools.combinations(inner, 2) if touch(*pair)]
    assert not [pair for pair in itertools.product(inner, areas(page, ".box")) if touch(*pair)]
    fill = "getComputedStyle(document.querySelector('.derivative rect')).fill"
    assert page.page.evaluate(fill) == rgb(THEMES["light"].background)


@pytest.mark.parametrize("collapse", [True, False])
def test_the_number_of_the_current_arrow_is_drawn_once(viewer: Opener, collapse: bool) -> None:
    page = viewer(worked_example(), collapse=collapse)
    drawn = page.page.evaluate(
        "scene.stops.filter((at) => trace.events[at].phase === 'backward').map((at) => {"
        " goTo(at); const { from, place } = trace.events[at];"
        " const link = scene.linkOf.get(`${from}/${place}`);"
        " const isShown = (text) => getComputedStyle(text).visibility !== 'hidden';"
        " const head = link ? getComputedStyle(link.element).markerEnd : 'none';"
        " const numbers = document.querySelectorAll('.derivative.lit').length;"
        " return [Boolean(link?.text) && isShown(link.text), head, numbers - (link ? 1 : 0)]; })"
    )
    assert {tuple(step) for step in drawn} == {(False, "none", 0)}, "and the arrow has one head"
    own = "scene.linkOf.get(`${trace.events[at].from}/${trace.events[at].place}`).text"
    before, after = (
        page.page.evaluate(
            f"(() => {{ const at = trace.seedAt + 1; const text = {own};"
            f" goTo({position}); return !text || text.classList.contains('apart'); }})()"
        )
        for position in ("trace.seedAt + 1", "trace.seedAt")
    )
    assert before
    assert not after, "the number comes back"


def test_the_number_of_the_current_arrow_covers_no_other_if_it_need_not(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=False)
    covered = page.page.evaluate(
        "scene.stops.map((at) => { goTo(at);"
        " const rect = document.querySelector('.derivative.lit rect'); if (!rect) return 0;"
        " const [x, y, width, height] = ['x', 'y', 'width', 'height']"
        ".map((name) => Number(rect.getAttribute(name)));"
        " const { from, place } = trace.events[at];"
        " const own = scene.linkOf.get(`${from}/${place}`);"
        " const others = scene.labels.under({ x, y, width, height });"
        " return others.filter(({ owner }) => owner !== own).length; })"
    )
    assert sum(covered) == 0


@pytest.mark.parametrize("name", ["漢字" * 12, "L" * 40, "WWWWWWWW", "👩‍🔬" * 20, "i" * 60])
def test_wide_names_stay_in_their_boxes(viewer: Opener, name: str) -> None:
    loss = Value(2.0, label=name) * 3.0
    loss.label = f"{name} 2"
    page = viewer(loss)
    for index in (0, 2):
        (box,), (text,) = areas(page, f"#n{index} .box"), areas(page, f"#n{index} .head")
        assert box.left < text.left < text.right < box.right
    assert name in (page.page.get_attribute("#n0", "aria-label") or "")
    assert "\\u200d" not in (page.page.text_content("body svg") or "")
