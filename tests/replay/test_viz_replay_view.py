"""The first view of a replay: the whole graph, its weights, and letters that can be read."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tests.replaying import DESKTOP, PHONE, Opener, areas, chain_network
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.debug._numbers import shown_number
from tinygrad_mlp.engine import Value
from tinygrad_mlp.functional import dot
from tinygrad_mlp.nn import MLP

GRAPHS = {
    "worked example": worked_example,
    "2-3-1": lambda: chain_network([2, 3, 1]),
    "3-4-4-1": lambda: chain_network([3, 4, 4, 1]),
    "2-16-16-1": lambda: chain_network([2, 16, 16, 1]),
}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_the_first_view_is_whole_and_can_be_read(
    viewer: Opener, build: Callable[[], Value], size: tuple[int, int]
) -> None:
    page = viewer(build(), size)
    for position in ("0", "trace.seedAt", "scene.stops.at(-2)"):
        page.page.evaluate(f"goTo({position})")
        scrolled = page.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.scrollHeight,"
            " stage.scrollWidth - stage.clientWidth, stage.scrollHeight - stage.clientHeight]"
        )
        assert scrolled == [*size, 0, 0]
        (stage,) = areas(page, "#stage")
        for box in areas(page, "#graph .box, #graph .frame .ground"):
            assert stage.left <= box.left < box.right <= stage.right
            assert stage.top <= box.top < box.bottom <= stage.bottom
        for part in areas(page, "#step, #equation, header button, footer button"):
            assert 0.0 <= part.left < part.right <= size[0]
            assert 0.0 <= part.top < part.bottom <= size[1]
        letters = page.page.eval_on_selector_all(
            "#graph text, #graph tspan",
            "all => all.map(x => [parseFloat(getComputedStyle(x).fontSize) * scene.zoom,"
            " x.matches('.sub, .sup')])",
        )
        assert min(size for size, is_index in letters if not is_index) >= 8.9
        assert min([size for size, is_index in letters if is_index]) >= 7.9


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_nothing_in_a_box_covers_another_or_leaves_it(
    viewer: Opener, build: Callable[[], Value], size: tuple[int, int]
) -> None:
    page = viewer(build(), size)
    page.press("End")
    faults = page.page.evaluate(
        "scene.items.flatMap(({ element, node }) => {"
        " const box = element.querySelector('.box').getBoundingClientRect();"
        " const texts = [...element.querySelectorAll(':scope > text')]"
        ".map((text) => [text.textContent, text.getBoundingClientRect()]);"
        " const out = texts.filter(([, t]) => t.left < box.left - 1 || t.right > box.right + 1);"
        " const near = texts.flatMap(([a, one], i) => texts.slice(i + 1).filter(([, two]) =>"
        " one.left < two.right - 1 && two.left < one.right - 1"
        " && Math.abs(one.top + one.bottom - two.top - two.bottom) < 8).map(([b]) => [a, b]));"
        " return [...out.map(([text]) => [node.code, text]), ...near]; })"
    )
    assert faults == []


def test_a_window_of_another_size_gets_another_look(viewer: Opener) -> None:
    page = viewer(chain_network([2, 16, 16, 1]), DESKTOP)
    assert page.page.evaluate("look.level") == "row"
    page.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.page.wait_for_function("() => look.level === 'pill'")
    page.page.click("#neurons")
    page.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    page.page.wait_for_function("() => innerWidth === 1280")
    assert page.page.evaluate("look.collapsed.size") == 0, "what a person chose stays"


def test_where_nothing_fits_neurons_have_all_their_numbers_and_a_part_is_in_view(
    viewer: Opener,
) -> None:
    page = viewer(chain_network([2, 40, 1]), PHONE)
    assert page.page.evaluate("[look.level, look.isDown]") == ["full", False]
    assert page.page.locator(".node.group").count() == 41
    assert page.page.evaluate("scene.zoom >= LEVELS.full.readable") is True


def test_arrows_lead_down_where_the_layers_do(viewer: Opener) -> None:
    page = viewer(chain_network([2, 3, 1]), PHONE)
    assert page.page.evaluate("look.isDown") is True
    ends = page.page.evaluate(
        "scene.links.map(({ curves }) => curves.at(-1)).map(([, , before, end]) =>"
        " [end.x - before.x, end.y - before.y])"
    )
    assert all(abs(across) < 0.01 < down for across, down in ends), "so do their heads"


def test_collapse_decides_whatever_the_room(viewer: Opener) -> None:
    expanded = viewer(chain_network([3, 4, 4, 1]), PHONE, collapse=False)
    assert expanded.page.locator(".node.group").count() == 0
    collapsed = viewer(chain_network([2, 1]), DESKTOP, collapse=True)
    assert collapsed.page.locator(".node.group").count() == 1


def test_only_the_derivatives_beside_the_current_and_the_selected_node_are_shown(
    viewer: Opener,
) -> None:
    page = viewer(worked_example(), collapse=False)
    told = page.page.evaluate(
        "scene.stops.map((at) => { goTo(at); return scene.links.filter(({ text }) => text"
        " && getComputedStyle(text).visibility !== 'hidden')"
        ".map(({ from, to }) => [scene.items[from], scene.items[to]].includes(scene.current)); })"
    )
    assert not any(map(any, told[:16])), "none before gradients flow"
    assert all(map(all, told))
    assert any(map(any, told[17:]))
    before = page.page.evaluate("document.querySelectorAll('.derivative:not(.apart)').length")
    page.page.click(".node.input")
    assert (
        page.page.evaluate("document.querySelectorAll('.derivative:not(.apart)').length") > before
    )


def test_a_collapsed_neuron_shows_its_parameters(viewer: Opener) -> None:
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    page = viewer((model([0.5, -1.0]) - 1.0).square())
    boxes = page.page.locator(".node.group")
    neurons = [*model.layers[0].neurons, *model.layers[1].neurons]
    for number, neuron in enumerate(neurons):
        shown = boxes.nth(number).locator(".weight-value").all_text_contents()
        assert shown == [shown_number(x.data) for x in (*neuron.w, neuron.b)]
    names = boxes.nth(1).locator(".key").all_text_contents()
    assert names == ["data", "grad", "w21", "w22", "b2"]


def test_a_neuron_with_many_weights_says_how_many_more_there_are(viewer: Opener) -> None:
    page = viewer(MLP(9, [1], rng=0)([0.5] * 9), collapse=True)
    assert page.page.locator(".group .weight-value").count() == 5
    assert "5 more" in page.page.locator(".group .key").all_text_contents()


def test_arrows_into_a_collapsed_neuron_show_the_sign_and_the_size_of_their_weights(
    viewer: Opener,
) -> None:
    weights = [Value(x, label=f"w{i}") for i, x in enumerate((2.0, -1.0, 0.0))]
    inputs = [Value(1.0, label=f"x{i}") for i in range(3)]
    loss = dot(weights, inputs, Value(0.5, label="b")).tanh() * 2.0
    page = viewer(loss, collapse=True, parameters=weights)
    arrows = page.page.evaluate(
        "scene.links.filter(({ weight }) => weight).map((link) => {"
        " const look = getComputedStyle(link.element);"
        " return [scene.items[link.from].node.code, link.weight.code, look.stroke,"
        " look.strokeDasharray, parseFloat(look.strokeWidth), link.element.textContent]; })"
    )
    assert [arrow[:2] for arrow in arrows] == [[f"x{i}", f"w{i}"] for i in range(3)]
    (positive, negative, zero) = arrows
    assert len({positive[2], negative[2], zero[2]}) == 3, "by color"
    assert [arrow[3] == "none" for arrow in arrows] == [True, False, True], "and by dashes"
    assert positive[4] > negative[4] > zero[4]
    assert math.isclose(positive[4], 3.6, abs_tol=0.01)
    assert positive[5].startswith("weight w0 = 2\n")
    signs = page.page.locator("#legend [data-sign]:visible").all_text_contents()
    assert signs == ["weight > 0", "weight < 0"]


def test_the_legend_speaks_of_weights_only_where_arrows_show_them(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=False)
    assert page.page.locator("#legend [data-sign]:visible").count() == 0
    page.page.click("#neurons")
    assert page.page.locator("#legend [data-sign]:visible").all_text_contents() == ["weight > 0"]


def test_a_weight_of_several_samples_is_not_taken_for_one(viewer: Opener) -> None:
    x = Value(1.0, label="x")
    weights = [Value(2.0, label="u"), Value(-3.0, label="v")]
    page = viewer(dot(weights, [x, x]).tanh() * 2.0, collapse=True, parameters=weights)
    assert page.page.evaluate("scene.links.filter(({ weight }) => weight).length") == 0
