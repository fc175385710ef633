"""The names on the page of a replay: as books write them, or those of the program."""

from __future__ import annotations

import pytest

import viz
from tests.replaying import Opener, chain_network, hostile_loss, recorded
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import UnknownNameError
from tinygrad_mlp.nn import MLP
from viz._replay.stepper import replay_page

HEADS = "all => all.map((x) => x.textContent)"


def letters(page: str) -> list[str]:
    content = recorded(page)
    return [
        "".join(run[1:] for run in text.split("|")) or code
        for text, code in zip(content["letters"], content["codes"], strict=True)
    ]


def test_books_are_the_default() -> None:
    page = replay_page(chain_network([2, 1, 1]))
    assert page == replay_page(chain_network([2, 1, 1]), names="math")
    assert set(letters(page)) >= {"w11(1)", "w12(1)", "b1(1)", "z1(1)", "h1(1)", "ŷ1", "L"}
    assert recorded(page)["letters"][-1] == "iL", "the output without a label"
    assert "layers.0.neurons.0.w.1" in recorded(page)["codes"], "for tooltips and screen readers"


def test_the_names_of_the_program() -> None:
    content = recorded(replay_page(chain_network([2, 1, 1]), names="code"))
    assert set(content["letters"]) == {""}
    assert {group["letters"] for group in content["groups"]} == {""}
    assert [group["code"] for group in content["groups"]] == [
        "layers.0.neurons.0",
        "layers.1.neurons.0",
    ]


def test_the_order_of_the_indices() -> None:
    model = MLP(3, [2, 1], activation="tanh", rng=0)
    loss = model([1.0, 2.0, 3.0]).square()
    by_unit = letters(replay_page(loss))
    by_input = letters(replay_page(loss, index="input,unit"))
    assert {"w23(1)", "b2(1)"} <= set(by_unit)
    assert {"w32(1)", "w02(1)"} <= set(by_input)
    assert "w32(1)" not in by_unit


@pytest.mark.parametrize(
    ("options", "message"),
    [({"names": "maths"}, "kind of names 'maths'"), ({"index": "unit"}, "order of the indices")],
)
def test_other_names_are_refused(options: dict[str, str], message: str, tmp_path: object) -> None:
    with pytest.raises(UnknownNameError, match=message):
        viz.replay(worked_example(), f"{tmp_path}/page.html", **options)  # type: ignore[call-overload]


def test_indices_are_real_ones_in_equations_and_drawings(viewer: Opener) -> None:
    page = viewer(chain_network([2, 2, 1]), collapse=False)
    page.press("ArrowRight")
    equation = page.page.locator("#equation")
    assert equation.locator("sub").first.text_content() == "1"
    assert equation.locator("sup").first.text_content() == "(1)"
    assert equation.locator("i").first.text_content() == "z"
    sizes = page.page.evaluate(
        "[...document.querySelectorAll('#equation sub, #equation i')]"
        ".map((x) => [x.tagName, parseFloat(getComputedStyle(x).fontSize)])"
    )
    smaller = {size for tag, size in sizes if tag == "SUB"}
    larger = {size for tag, size in sizes if tag == "I"}
    assert max(smaller) < 0.8 * min(larger)
    spans = page.page.evaluate(
        "[...document.querySelector('#graph .parameter .head').querySelectorAll('tspan')]"
        ".map((x) => [x.textContent, x.getAttribute('class'), Number(x.getAttribute('dy')),"
        " x.getAttribute('font-size')])"
    )
    (letter, below, above) = spans
    assert letter[0] == "w"
    assert below[1:3] == ["sub", pytest.approx(0.22 * 12.5, abs=0.06)]
    assert above[2] == pytest.approx((-0.4 - 0.22) * 12.5, abs=0.06)
    assert letter[3] is None
    assert float(below[3]) == float(above[3]) == pytest.approx(0.78 * 12.5, abs=0.06)


def test_who_cannot_see_the_indices_hears_the_names_of_the_program(viewer: Opener) -> None:
    page = viewer(chain_network([2, 2, 1]), collapse=False)
    labels = page.page.eval_on_selector_all(".node", "all => all.map((x) => x.ariaLabel)")
    assert any(x.startswith("layers.0.neurons.1.w.0, parameter, data ") for x in labels)
    tips = page.page.eval_on_selector_all(".node title", HEADS)
    assert any(x.startswith("layers.0.neurons.1.w.0: parameter\n") for x in tips)
    page.press("ArrowRight")
    assert page.equation().startswith("layers.0.neurons.0.net = layers.0.neurons.0.w.0 · 0.5")
    page.press("End")
    assert "dL/d(layers.0.neurons." in page.equation()
    page.page.evaluate("select(trace.nodes.findIndex(({ code }) => code.endsWith('1.w.0')))")
    assert page.page.text_content("#details .code") == "layers.0.neurons.1.w.0"


def test_a_label_that_books_have_no_letters_for_stays_as_it_is(viewer: Opener) -> None:
    page = viewer(hostile_loss())
    written = page.page.evaluate(
        "scene.items.map(({ node }) => writtenRuns(node.runs).textContent === node.code)"
    )
    assert all(written)
    named = viewer(Value(2.0, label="my loss") * Value(3.0, label="x_a|b"))
    assert named.page.evaluate("trace.nodes.map(({ runs }) => runs.length)") == [1, 1, 1]
