"""Equations as tokens: what a page, a drawing and LaTeX get of them."""

from __future__ import annotations

import json
import math
import re
from math import inf, nan
from typing import Any

import pytest

from tests.debugging import network_loss, product_of_sums, random_graph
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import trace_backward, trace_forward
from tinygrad_mlp.debug._applied import Applied
from tinygrad_mlp.debug._equations import (
    chain_rule,
    composed,
    formula_of,
    local_rule,
    operand_of,
    product_of,
    together,
)
from tinygrad_mlp.debug._notation import notation_of
from tinygrad_mlp.debug._numbers import latex_number, shown_number
from tinygrad_mlp.debug._tokens import (
    Derivative,
    Name,
    Number,
    Piece,
    Sign,
    Token,
    as_data,
    as_latex,
    as_runs,
    as_text,
    flat,
)
from tinygrad_mlp.engine import apply, topological_order
from tinygrad_mlp.graph import MathName
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.ops import OPS, Op


def name(text: str) -> Name:
    return Name(text, MathName.of_label(text))


# Numbers


@pytest.mark.parametrize(
    ("x", "shown", "latex"),
    [
        (0.138498562, "0.1385", "0.1385"),
        (-2.5, "−2.5", "-2.5"),
        (-0.0, "−0", "-0"),
        (1e-9, "1e−9", "10^{-9}"),
        (-1e-9, "−1e−9", "-10^{-9}"),
        (1.5e-10, "1.5e−10", r"1.5 \cdot 10^{-10}"),
        (123456.7, "1.235e5", r"1.235 \cdot 10^{5}"),
        (1e300, "1e300", "10^{300}"),
        (inf, "inf", r"\infty"),
        (-inf, "−inf", r"-\infty"),
        (nan, "nan", r"\mathrm{nan}"),
    ],
)
def test_a_number_on_a_page_and_in_latex(x: float, shown: str, latex: str) -> None:
    assert (shown_number(x), latex_number(x)) == (shown, latex)
    assert Number(x).data() == ["number", shown]
    is_negative = latex.startswith("-")
    assert Number(x, is_factor=True).latex == (rf"\left({latex}\right)" if is_negative else latex)


# Steps as data


def test_a_step_as_data_for_a_page() -> None:
    loss = product_of_sums()
    forward, backward = trace_forward(loss), trace_backward(loss)
    assert as_data(forward[0].tokens()) == [
        ["name", "s"],
        ["sign", "="],
        *[["name", "a"], ["piece", " · "], ["name", "b"], ["piece", " + "], ["name", "c"]],
        ["sign", "="],
        *[["number", "2"], ["piece", " · "], ["number", "3"], ["piece", " + "]],
        *[["piece", "("], ["number", "−1"], ["piece", ")"]],
        ["sign", "="],
        ["number", "5", "result"],
    ]
    assert as_data((*backward[2].tokens(), *backward[2].remark())) == [
        ["derivative", "L", "a"],
        ["sign", "+="],
        ["derivative", "L", "s", "upstream"],
        ["sign", "·"],
        ["derivative", "s", "a", "partial"],
        ["sign", "="],
        ["number", "2", "upstream"],
        ["sign", "·"],
        ["number", "3", "partial"],
        ["sign", "="],
        ["number", "6", "result"],
        ["word", ", together "],
        ["number", "11", "result"],
    ]


def test_names_in_the_data_are_what_the_page_wants() -> None:
    _, loss = network_loss()
    names: dict[Name, int] = {}

    def place(given: Name) -> int:
        return names.setdefault(given, len(names))

    steps = [as_data(step.tokens(), place) for step in trace_backward(loss, names="math")]
    assert json.loads(json.dumps(steps)) == steps
    places = {n for step in steps for token in step for n in token if isinstance(n, int)}
    assert places == set(range(len(names)))
    assert all(isinstance(given, Name) for given in names)


@pytest.mark.parametrize("seed", range(5))
def test_text_data_and_runs_say_the_same(seed: int) -> None:
    loss = random_graph(seed, 30)
    for step in (*trace_forward(loss), *trace_backward(loss)):
        tokens = (*step.tokens(), *step.remark())
        assert str(step) == as_text(tokens) == as_text(flat(tokens))
        of_data = "".join([_told(entry) for entry in as_data(tokens)])
        assert re.sub(r"e(-?)0*(\d)", r"e\1\2", _plain(str(step))) == of_data


def _told(entry: list[Any]) -> str:
    kind, *content = entry
    text = f"d{content[0]}/d{content[1]}" if kind == "derivative" else str(content[0])
    return f" {_plain(text)} " if kind == "sign" else _plain(text)


def _plain(text: str) -> str:
    return text.replace("−", "-").replace("·", "*").replace("²", "^2").replace("e+", "e")


def test_runs_of_a_derivative_have_indices_below_and_layers_above() -> None:
    loss, weight = name("L"), Name("w₂₁⁽¹⁾", MathName("w", (2, 1), 1))
    runs = as_runs([Derivative(loss, weight), Sign("*"), Number(-2.0), Piece(" - ")])
    assert [(run.text, run.kind) for run in runs] == [
        ("∂", "upright"),
        ("L", "italic"),
        ("/∂", "upright"),
        ("w", "italic"),
        ("21", "sub"),
        ("(1)", "sup"),
        (" · ", "upright"),
        ("−2", "upright"),
        (" − ", "upright"),
    ]


# The parts


def test_a_product_of_several_factors_with_roles() -> None:
    tokens = product_of([2.0, -3.0, 0.5], -3.0, ["upstream", "", "partial"])
    assert as_text(tokens) == "2 * (-3) * 0.5 = -3"
    assert [token.role for token in tokens if isinstance(token, Number)] == [
        *["upstream", "", "partial"],
        "result",
    ]
    assert as_latex(product_of([0.036350306, 0.241300709], 0.008771354)) == (
        r"0.0364 \cdot 0.2413 \approx 0.008771"
    )


def test_a_chain_rule_of_any_three_names() -> None:
    tokens = chain_rule(name("L"), name("my net"), name("w.0"), 0.5, -2.0, -1.0)
    assert as_text(tokens) == "dL/d(w.0) += dL/d(my net) * d(my net)/d(w.0) = 0.5 * (-2) = -1"
    assert as_text(together(-1.0)) == ", together -1"


def test_names_of_books_need_no_brackets_in_a_derivative_but_for_a_copy() -> None:
    L = name("L")
    for written, known, text in (
        ("w₂₁⁽¹⁾", MathName("w", (2, 1), 1), "dL/dw₂₁⁽¹⁾"),
        ("w[1]_21", MathName("w", (2, 1), 1), "dL/dw[1]_21"),
        ("h₁⁽¹⁾#2", MathName("h", (1,), 1, copy=2), "dL/d(h₁⁽¹⁾#2)"),
        ("x#2", MathName("x", copy=2), "dL/d(x#2)"),
        ("w[0]", MathName.code("w[0]"), "dL/d(w[0])"),
    ):
        assert Derivative(L, Name(written, known)).text == text


def test_operands_stand_in_brackets_where_a_sign_needs_it() -> None:
    words, x = name("my loss"), name("x")
    assert formula_of(Value(1.0).square(), [words]).text == "(my loss)^2"
    assert formula_of(Value(1.0).exp(), [words]).text == "exp(my loss)"
    added = Applied(OPS["add"], (x, Number(-1.0)))
    assert Applied(OPS["mul"], (added, x)).text == "(x + (-1)) * x"
    assert Applied(OPS["add"], (Applied(OPS["mul"], (x, x)), x)).text == "x * x + x"
    assert Applied(OPS["sub"], (Applied(OPS["mul"], (x, x)), x)).text == "(x * x) - x"
    assert Applied(OPS["mul"], (Applied(OPS["tanh"], (x,)), x)).text == "tanh(x) * x"
    assert Applied(OPS["neg"], (Applied(OPS["sigmoid"], (x,)),)).text == "-(1 / (1 + exp(-x)))"
    called = Applied(OPS["sigmoid"], (x,), called=True)
    assert Applied(OPS["neg"], (called,)).text == "-sigmoid(x)"
    assert Applied(OPS["leaky_relu"], (x, Number(0.1)), called=True).text == "leaky_relu(x, 0.1)"
    assert Applied(OPS["where"], (x, x, x), called=True).text == "where(x, x, x)"
    assert Applied(OPS["exp"], (x,), called=True).text == "exp(x)"


def test_a_formula_in_a_drawing_is_its_parts() -> None:
    token = Applied(OPS["mul"], (name("x1"), Number(-2.0)))
    assert [(run.text, run.kind) for run in token.runs] == [
        ("x", "italic"),
        ("1", "sub"),
        *[(text, "upright") for text in (" · ", "(", "−2", ")")],
    ]
    assert token.data() == [
        "formula",
        [["name", "x1"], ["piece", " · "], ["piece", "("], ["number", "−2"], ["piece", ")"]],
    ]


def test_two_calls_beside_each_other_are_no_call() -> None:
    both = Op(name="both", forward=max, partials=(1.0, 1.0), formula="f(a) * g(b)")
    inner = Applied(both, (name("x"), name("y")))
    assert Applied(OPS["square"], (inner,)).text == "(f(x) * g(y))^2"


def test_a_list_of_operands_has_dots_where_it_is_long() -> None:
    numbers = tuple(Number(float(i)) for i in range(10))
    assert Applied(OPS["amax"], numbers).text == "amax(0, 1, 2, ..., 9)"
    assert Applied(OPS["amax"], numbers[:8]).text == "amax(0, 1, 2, 3, 4, 5, 6, 7)"
    assert Applied(OPS["sum"], numbers, most=4).text == "0 + 1 + 2 + ... + 9"
    assert Applied(OPS["sum"], numbers[:4], most=4).text == "0 + 1 + 2 + 3"


def test_a_plain_number_is_its_own_name_unless_it_has_a_label() -> None:
    node = Value(2.0) * 3.0
    assert operand_of(node.parents[1], name("v1")) == Number(3.0)
    assert operand_of(node.parents[0], name("v0")) == name("v0")
    node.parents[1].label = "three"
    assert operand_of(node.parents[1], name("three")) == name("three")


# A neuron as one box


def computed(text: str) -> float:
    known = {"tanh": math.tanh, "exp": math.exp, "relu": lambda x: max(x, 0.0)}
    number: float = eval(text, {"__builtins__": {}}, known)
    return number


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("written_out", [False, True])
def test_the_formula_of_a_whole_neuron_comes_to_its_number(
    activation: str, written_out: bool
) -> None:
    w = [Value(x, label=f"w{i}") for i, x in enumerate((0.5, -0.25, 2.0))]
    x = [Value(x, label=f"x{i}") for i, x in enumerate((-1.0, 0.5, 1.5))]
    b = Value(-0.125, label="b")
    if written_out:
        net = w[0] * x[0] + w[1] * x[1] + w[2] * x[2] + b
    else:
        net = functional.dot(w, x, b)
    out = getattr(net, activation)()
    members = set(topological_order(out)) - {*x}
    names = composed(out, members, lambda node: name(node.label))
    numbers = composed(out, members, lambda node: Number(node.data))
    assert names.text == f"{activation}(w0 * x0 + w1 * x1 + w2 * x2 + b)"
    assert computed(numbers.text) == pytest.approx(out.data, rel=1e-12)
    shorter = composed(out, members, lambda node: name(node.label), most=3)
    assert shorter.text == f"{activation}(w0 * x0 + w1 * x1 + w2 * x2 + ... + b)"


def test_what_is_nested_deeper_has_its_name() -> None:
    node = a = Value(0.5, label="a")
    for _ in range(2000):
        node = node.tanh()
    members = set(topological_order(node)) - {a}
    text = composed(node, members, lambda inner: name(inner.label or "inside")).text
    assert text == "tanh(" * 12 + "inside" + ")" * 12


def test_a_node_that_is_no_member_has_its_name() -> None:
    a = Value(0.5, label="a")
    b = a.tanh()
    b.label = "b"
    assert composed(b.exp(), set(), lambda node: name("y")).text == "y"
    c = b.exp()
    assert composed(c, {c}, lambda node: name(node.label)).text == "exp(b)"


# Local derivatives


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.arity], ids=str)
def test_the_local_rule_of_every_op_has_its_operands(op: Op) -> None:
    operands = [name(f"left_{i}") for i in range(op.arity or 0)]
    node = apply(op, *(Value(i + 1.0) for i in range(len(operands))))
    letters = dict(zip("x" if op.arity == 1 else "abcpqrst", operands))
    for place, formula in enumerate(op.partial_formulas):
        text = as_text(local_rule(node, place, name("y"), operands))
        back = re.sub(r"left_(\d)", lambda found: list(letters)[int(found[1])], text)
        assert back == formula.replace(" (a plain number)", "")


def test_the_local_rules_of_lists() -> None:
    names = [name(text) for text in ("w", "v", "x", "-1", "b")]
    dot = functional.dot([1.0, 2.0], [3.0, 4.0], Value(5.0))
    found = [as_text(local_rule(dot, place, name("y"), names)) for place in range(5)]
    assert found == ["x", "-1", "w", "v", "1"]
    largest = functional.logsumexp([Value(1.0), Value(2.0)])
    assert as_text(local_rule(largest, 1, name("y"), names[:2])) == "exp(v - y)"
    assert as_text(local_rule(functional.sum([1.0, Value(2.0)]), 1, name("y"), names)) == "1"


# Names


def test_the_names_of_a_program_have_no_other_spelling() -> None:
    _, loss = network_loss()
    order = topological_order(loss)
    notation = notation_of(order, "code")
    assert notation.books is None
    assert notation.deltas == {}
    assert notation.typed().written == notation.written
    weight = next(node for node in order if notation.written[node].endswith("w.0"))
    assert notation.names[weight].name.is_code


def test_typed_names_change_those_of_books_alone() -> None:
    model = MLP(1, [1, 1], activation="tanh", rng=0)
    loss = (model([Value(0.5, label="x1")]) - 1.0).square()
    notation = notation_of(topological_order(loss))
    pairs = [
        (before, after)
        for before, after in zip(
            notation.written.values(), notation.typed().written.values(), strict=True
        )
        if before != after
    ]
    assert ("w₁₁⁽¹⁾", "w[1]_11") in pairs
    assert ("ŷ₁", "yhat_1") in pairs
    assert {before for before, _ in pairs}.isdisjoint({"x1", "L"})
    assert all(after.isascii() for after in notation.typed().written.values())
    assert [delta.text for delta in notation.typed().deltas.values()] == ["delta[1]_1"]


def test_a_role_is_given_with_a_name() -> None:
    a = Value(1.0, label="a")
    notation = notation_of([a])
    assert notation.name(a).role == ""
    assert notation.name(a, "result").data() == ["name", "a", "result"]
    assert notation.derivative(a, a, "partial").data() == ["derivative", "a", "a", "partial"]


def test_tokens_are_values() -> None:
    tokens: list[Token] = [Number(1.0), Sign("="), Piece("x"), name("a")]
    assert [hash(token) for token in tokens] == [hash(token) for token in list(tokens)]
    with pytest.raises(AttributeError):
        tokens[0].value = 2.0  # type: ignore[attr-defined]
