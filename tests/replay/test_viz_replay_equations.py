"""The equations on the page of a replay: as the step log writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest

from tests.replaying import Opener, network_loss
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.debug._numbers import MINUS, shown_number
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.functional import (
    amax,
    clamp,
    dot,
    logsumexp,
    maximum,
    minimum,
    reciprocal,
    where,
)
from tinygrad_mlp.functional import sum as total
from tinygrad_mlp.nn import MLP


def as_on_the_page(x: float) -> str:
    """The number as the page writes it, with a plain minus."""
    return shown_number(x).replace(MINUS, "-")


NEGATIVE: Final = (
    (lambda a, b: a + b, "(-2) + (-3)"),
    (lambda a, b: a - b, "(-2) - (-3)"),
    (lambda a, b: a * b, "(-2) · (-3)"),
    (lambda a, b: a / b, "(-2) / (-3)"),
    (lambda a, b: -a, "-(-2)"),
    (lambda a, b: abs(a), "|-2|"),
    (lambda a, b: a**-3, "(-2) ^ (-3)"),
    (lambda a, b: a.square(), "(-2)²"),
    (lambda a, b: reciprocal(a), "1 / (-2)"),
    (lambda a, b: a.tanh(), "tanh(-2)"),
    (maximum, "max(-2, -3)"),
    (minimum, "min(-2, -3)"),
    (lambda a, b: clamp(a, -5.0, -1.0), "min(max(-2, -5), -1)"),
    (lambda a, b: where(a, b, -4.0), "where(-2, -3, -4)"),
    (lambda a, b: total([a, b, -4.0]), "(-2) + (-3) + (-4)"),
    (lambda a, b: amax([a, b]), "amax(-2, -3)"),
    (lambda a, b: logsumexp([a, b]), "logsumexp(-2, -3)"),
    (lambda a, b: logsumexp([a] * 9 + [b]), "logsumexp(-2, -2, -2, ..., -3)"),
    (lambda a, b: amax([a] * 9 + [b]), "amax(-2, -2, -2, ..., -3)"),
    (lambda a, b: dot([a, b], [b, 4.0], -1.0), "(-2) · (-3) + (-3) · 4 + (-1)"),
)

"""How a formula of a = -2 and b = -3 stands in the equation, by hand."""


@pytest.mark.parametrize(("formula", "written"), NEGATIVE, ids=[text for _, text in NEGATIVE])
def test_negative_numbers_have_brackets_where_an_operator_needs_them(
    viewer: Opener, formula: Callable[[Value, Value], Value], written: str
) -> None:
    page = viewer(formula(Value(-2.0, label="a"), Value(-3.0, label="b")))
    page.press("ArrowRight")
    assert page.equation().split(" = ")[-2] == written
    names = re.sub(r"(?<!\w)\(-2\)|-2", "a", written)
    names = re.sub(r"(?<!\w)\(-3\)|-3", "b", names)
    if "^" not in written:  # there the -3 is a plain number
        assert page.equation().split(" = ")[1] == names


def test_a_plain_number_in_a_formula_has_brackets_like_any_other(viewer: Opener) -> None:
    page = viewer(Value(2.0, label="a") ** -1)
    page.press("ArrowRight")
    assert page.equation() == "L = a ^ (-1) = 2 ^ (-1) = 0.5"
    page.press("End")
    remark = (page.page.text_content("#remark") or "").replace("−", "-")
    assert "(-1) · a^((-1) - 1) = -0.25" in remark


def test_a_name_of_several_words_stays_together(viewer: Opener) -> None:
    page = viewer((Value(2.0, label="my loss").square() * Value(3.0, label="a+b")).tanh())
    page.press("ArrowRight")
    assert page.equation().split(" = ")[1] == "(my loss)²"
    page.press("ArrowRight")
    assert page.equation().split(" = ")[1].endswith(" · (a+b)")


def test_the_rule_of_a_list_is_about_the_operand_of_the_step(viewer: Opener) -> None:
    inputs = [Value(x, label=f"x{i}") for i, x in enumerate((0.5, 2.0, 1.0, 0.25))]
    page = viewer(amax(inputs))
    remarks = []
    while page.position() < page.last():
        page.press("ArrowRight")
        remarks.append(page.page.text_content("#remark") or "")
    assert [re.findall(r"if (x\d) is", text) for text in remarks[-4:]] == [
        [f"x{i}"] for i in range(4)
    ]


def named_badly() -> Value:
    labels = [f"a label that a person wrote, number {i}" for i in range(9)]
    return logsumexp([Value(-1234.5678 * i, label=x) for i, x in enumerate(labels)]).square()


@pytest.mark.parametrize("collapse", [True, False])
@pytest.mark.parametrize(
    "build",
    [
        lambda: network_loss([3, 2]),
        lambda: network_loss([8, 8, 3]),
        lambda: MLP(20, [1], rng=0)([0.1] * 20).square(),
        lambda: MLP(3, [2, 1], activation="leaky_relu", rng=0)([0.5] * 3),
        lambda: logsumexp([Value(-0.1234 * i) for i in range(200)]),
        named_badly,
    ],
)
def test_a_forward_step_shows_its_numbers_whatever_the_names(
    viewer: Opener, build: Callable[[], Value], collapse: bool
) -> None:
    loss = build()
    order = topological_order(loss)
    page = viewer(loss, collapse=collapse)
    steps = page.page.evaluate(
        "scene.stops.filter((at) => trace.events[at].phase === 'forward').map((at) => { goTo(at);"
        " const { scrollHeight, clientHeight } = byId('step'); return [trace.events[at].node,"
        " byId('equation').innerText, scrollHeight <= clientHeight]; })"
    )
    assert steps
    for index, text, is_whole in steps:
        node = order[index]
        parts = [part.strip() for part in text.replace("−", "-").split("=")]
        assert parts[-1] == as_on_the_page(node.data)
        numbers = re.findall(r"-?[\d.]+(?:e-?\d+)?", parts[-2])
        if not collapse:
            ends = {as_on_the_page(node.parents[place].data) for place in (0, -1)}
            assert ends <= set(numbers), text
        assert len(numbers) >= min(len(node.parents), 2)
        assert is_whole, "all of it is in view"


def test_names_that_are_too_long_give_way_to_the_numbers(viewer: Opener) -> None:
    found = {}
    for names in ("math", "code"):
        page = viewer(network_loss([3, 2]), collapse=True, names=names)
        page.page.evaluate("goTo(scene.stops[4])")
        found[names] = page.equation()
    assert found["math"].count(" = ") == 3
    assert found["code"].count(" = ") == 2
    assert found["math"].endswith(found["code"].partition(" = ")[2])
    assert found["code"].startswith("layers.1.neurons.0.net = ")


def test_a_name_needs_no_path_beside_its_neuron(viewer: Opener) -> None:
    loss = MLP(2, [1], activation="tanh", rng=0)([0.5, -1.0]).square()
    page = viewer(loss, collapse=False, names="code")
    page.press("ArrowRight")
    assert (page.page.text_content("#equation") or "").startswith("net=w.0 · 0.5 + w.1 · (−1) + b=")
    assert page.equation().startswith("layers.0.neurons.0.net = layers.0.neurons.0.w.0 · 0.5 + ")


def test_minus_zero_keeps_its_sign(viewer: Opener) -> None:
    page = viewer(Value(-0.0, label="a") * 2.0)
    page.press("End")
    assert page.numbers()["n0"] == ("-0", "2")
    page.page.click("#n0")
    assert page.page.text_content("#exact-data") == "data = -0"


def test_the_path_of_the_output_is_one_without_a_product(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.click("#n30")
    assert page.page.locator(".product div").all_text_contents() == ["∂L∂L", "= 1"]
