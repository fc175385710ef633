"""LaTeX of steps, derivations and formulas: what it says is what the engine computed."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest

from tests.debugging import product_of_sums
from tests.latex_reading import check_latex, number_of
from tinygrad_mlp import MLP, Value, functional
from tinygrad_mlp.debug import chain, latex, trace_backward, trace_forward
from tinygrad_mlp.debug._formulas import latex_formula
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.engine import apply
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, NotANumberError, UnknownNameError
from tinygrad_mlp.functional import dot
from tinygrad_mlp.ops import OPS, Op

HOSTILE = (
    r"\input{secret}",
    "50%",
    "a_b^c",
    "#1 & $x$",
    "{",
    "}}",
    "~\\",
    "x\n\\end{align*}",
    "\u202eabc",
    "^_^",
    "net_%",
)


def leaves() -> tuple[Value, Value, Value]:
    return Value(0.5, label="a"), Value(0.25, label="b"), Value(2.0, label="c")


# The reader itself


@pytest.mark.parametrize(
    "text",
    [
        r"\input{x}",
        r"\texttt{a_b}",
        r"\mathrm{a^b}",
        "50%",
        "a & b",
        "a # b",
        "a ~ b",
        "$a$",
        "{a",
        "a}",
        r"\begin{cases} a",
        "a\x00",
    ],
)
def test_the_reader_refuses_what_latex_would_misread(text: str) -> None:
    with pytest.raises(ValueError, match=" in "):
        check_latex(text)


def test_the_reader_computes() -> None:
    assert number_of(r"\frac{a + 1}{2} \cdot e^{0}", {"a": 3.0}) == 2.0
    assert number_of(r"-a^{2} + \left|-a\right|", {"a": 3.0}) == -6.0
    with pytest.raises(AssertionError):
        number_of("2 + -3", {})


# Formulas


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.name != "dot"], ids=str)
def test_the_form_of_every_op_comes_to_its_value(op: Op) -> None:
    numbers = [0.5, 0.25, 0.75][: op.arity or 3]
    node = apply(op, *map(Value, numbers))
    text = latex_formula(op, list("abc"[: len(numbers)]))
    check_latex(text)
    if "cases" in text or r"\left[" in text or "operatorname" in text:
        return  # these say it in words, see below
    found = number_of(text, dict(zip("abc", numbers)))
    assert found == pytest.approx(node.data, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("round", r"\operatorname{round}\left(a\right)"),
        ("erfc", r"\operatorname{erfc}\left(a\right)"),
        ("sign", r"\operatorname{sign}\left(a\right)"),
        ("logsumexp", r"\operatorname{logsumexp}\left(a, b, c\right)"),
        ("amax", r"\max\left(a, b, c\right)"),
        ("less_equal", r"\left[a \le b\right]"),
        ("where", r"\begin{cases} b & \text{if } a \neq 0 \\ c & \text{otherwise} \end{cases}"),
        (
            "leaky_relu",
            r"\begin{cases} a & \text{if } a > 0 \\ b \cdot a & \text{otherwise} \end{cases}",
        ),
        ("sum", "a + b + c"),
        ("mod", r"a - b \cdot \left\lfloor \frac{a}{b} \right\rfloor"),
        ("neg", "-a"),
    ],
)
def test_forms_word_for_word(name: str, text: str) -> None:
    assert latex_formula(OPS[name], list("abc"[: OPS[name].arity or 3])) == text


def test_a_sum_of_products_has_its_bias_and_dots_where_it_is_long() -> None:
    assert latex_formula(OPS["dot"], list("wxyzb")) == r"w \cdot y + x \cdot z + b"
    many = latex_formula(OPS["dot"], [f"w_{{{i}}}" for i in range(20)])
    assert many.count(r"\cdot") == 4
    assert r" + \dots + w_{9} \cdot w_{19}" in many
    assert latex_formula(OPS["amax"], ["a"] * 20).count("a") == 4 + 1  # and the one of max


@pytest.mark.parametrize("seed", range(60))
def test_a_random_formula_comes_to_the_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    named = leaves()
    nodes = [*named, named[0] * 3.0]
    for _ in range(6):
        x, y = (nodes[i] for i in rng.integers(len(nodes), size=2))
        several = [
            x + y,
            x - y,
            x * y,
            x / (y.square() + 1.0),
            -x,
            x.square(),
            abs(x) ** 0.5,
            (abs(x) + 0.5) ** y.tanh(),
            x.tanh(),
            x.sigmoid(),
            x.relu(),
            abs(x),
            (x.square() + 1.0).log(),
            (-x.square()).exp(),
            functional.sum([x, -y, x * y]),
            dot([x, y], [y, -x], x - y),
            functional.maximum(x, y),
            x - (y + 1.0),
            x - (y - 1.0),
            2.0 ** x.tanh(),
            (x * y) ** 2,
            (-x) ** 2,
            x * -0.5,
            x - -0.5,
        ]
        nodes.append(several[int(rng.integers(len(several)))])
    text = latex(nodes[-1], max_operations=10_000)
    found = number_of(text, {leaf.label: leaf.data for leaf in named})
    assert found == pytest.approx(nodes[-1].data, rel=1e-9, abs=1e-9)


def test_a_name_with_a_layer_has_brackets_before_a_power() -> None:
    model = MLP(1, [1, 1], activation="tanh", rng=0)
    weight = model.layers[0].neurons[0].w[0]
    loss = model([Value(2.0, label="x1")]) + weight**2
    assert latex(loss).endswith(r" + \left(w_{11}^{(1)}\right)^{2}")
    assert latex(loss).startswith(
        r"w_{11}^{(2)} \cdot \tanh\left(w_{11}^{(1)} \cdot x_{1} + b_{1}^{(1)}\right) + b_{1}^{(2)}"
    )
    assert r"w_{01}^{(1)}\right)" in latex(loss, index="input,unit")
    assert r"\texttt{layers.0.neurons.0.w.0}" in latex(loss, names="code")


def test_a_formula_that_is_too_long_is_refused_with_its_length() -> None:
    a = Value(1.0, label="a")
    doubled = a
    for _ in range(10):
        doubled = doubled + doubled
    with pytest.raises(GraphError, match=r"has 1,023 operations.*latex\(loss, max_operations=1023"):
        latex(doubled)
    assert latex(doubled, max_operations=1023).count("a") == 1024
    several = a
    for _ in range(200):
        several = -several
    assert latex(several).count("-") == 200
    with pytest.raises(GraphError, match="201 operations, more than max_operations=200;"):
        latex(-several)
    chain_of_many = a
    for _ in range(5000):
        chain_of_many = -chain_of_many
    with pytest.raises(GraphError, match="5,000"):
        latex(chain_of_many)


def test_a_formula_without_end_is_refused_without_an_offer() -> None:
    doubled = Value(1.0, label="a")
    for _ in range(15_000):  # 2^15000 has more digits than Python writes
        doubled = doubled + doubled
    with pytest.raises(GraphError) as caught:
        latex(doubled)
    assert str(caught.value) == (
        "this formula has more than 10^4515 operations, more than max_operations=200; take a Value "
        "further inside, or the steps of trace_forward(loss).latex()"
    )


def test_what_latex_takes() -> None:
    with pytest.raises(NotANumberError, match=r"write latex\(loss\)"):
        latex(2.0)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="max_operations"):
        latex(Value(2.0), max_operations=0)
    for words in ({"names": "books"}, {"index": "input"}):
        with pytest.raises(UnknownNameError):
            latex(Value(2.0), **words)  # type: ignore[arg-type]
    assert latex(Value(2.0, label="x1")) == "x_{1}"
    assert latex(Value(1.0) * 1e-9) == r"v_{0} \cdot 10^{-9}"


def test_an_op_of_ones_own_has_its_name_or_its_sums() -> None:
    own = Op(name="my_op", forward=max, partials=(1.0, 1.0))
    assert latex_formula(own, ["a", "b"]) == r"\operatorname{my\_op}\left(a, b\right)"
    summed = Op(name="twice", forward=max, partials=(1.0, 1.0), formula="a - b * a")
    assert latex_formula(summed, ["x + y", "-2"]) == (
        r"x + y - \left(-2\right) \cdot \left(x + y\right)"
    )


# Steps and derivations


def test_steps_word_for_word() -> None:
    loss = product_of_sums()
    forward, backward = trace_forward(loss), trace_backward(loss)
    assert forward[0].latex() == (r"s = a \cdot b + c = 2 \cdot 3 + \left(-1\right) = 5")
    assert backward[2].latex() == (
        r"\frac{\partial L}{\partial a} \mathrel{+}= \frac{\partial L}{\partial s} \cdot "
        r"\frac{\partial s}{\partial a} = 2 \cdot 3 = 6\text{, together }11"
    )


def test_a_step_that_completes_delta_says_so() -> None:
    model = MLP(1, [1, 1], activation="tanh", rng=0)
    trace = trace_backward(model([0.5]).square())
    texts = [step.latex() for step in trace if step.node.op and step.node.op.name == "tanh"]
    assert len(texts) == 1
    assert texts[0].endswith(r"\text{, }\delta_{1}^{(1)} = \frac{\partial L}{\partial z_{1}^{(1)}}")


def test_a_derivation_stands_in_one_column() -> None:
    text = trace_backward(product_of_sums()).latex()
    check_latex(text)
    lines = text.splitlines()
    assert (lines[0], lines[-1]) == (r"\begin{align*}", r"\end{align*}")
    assert len(lines) == 2 + 5
    assert all(re.fullmatch(r"[^&]*&[^&]*", line) for line in lines[1:-1])
    assert [line.endswith(r" \\") for line in lines[1:-1]] == [True] * 4 + [False]


def test_a_long_step_has_its_numbers_in_a_second_line() -> None:
    x = [Value(i + 0.1234, label=f"x{i}") for i in range(5)]
    node = dot(x, x[::-1], Value(1.0, label="b"))
    lines = trace_forward(node).latex().splitlines()[1:-1]
    assert [line.count("=") for line in lines] == [1, 2]
    assert lines[1].startswith("&= 0.1234")
    for n, parts in ((70, 1), (71, 2)):
        out = x[0].tanh()
        out.label = "y"
        while len(trace_forward(out)[0].equation()) < n:
            out.label += "y"
        found = trace_forward(out)
        assert len(found[0].equation()) == n
        assert len(found.latex().splitlines()) == 2 + parts
    (short,) = trace_forward(x[0].tanh()).latex().splitlines()[1:-1]
    assert short.count("&") == 1


def test_the_way_of_a_chain_in_symbols_and_numbers() -> None:
    loss = product_of_sums()
    a = next(node for node in trace_forward(loss).order if node.label == "a")
    assert chain(loss, a).latex().splitlines() == [
        r"\begin{align*}",
        r"\frac{\partial L}{\partial a} &= \frac{\partial L}{\partial s} \cdot "
        r"\frac{\partial s}{\partial a} \\",
        r"&\quad + \frac{\partial L}{\partial a} \\",
        r"&= 2 \cdot 3 \\",
        r"&\quad + 5 \\",
        r"&= 6 + 5 = 11",
        r"\end{align*}",
    ]


def test_a_chain_of_one_path_and_of_none() -> None:
    a = Value(3.0, label="a")
    b = (a * 2.0).square()
    b.label = "b"
    lines = chain(b, a).latex().splitlines()
    assert lines[2] == r"&= 12 \cdot 2 = 24"
    assert chain(b, Value(1.0, label="x")).latex().splitlines()[1] == (
        r"\frac{\partial b}{\partial x} &= 0"
    )


# Labels are text


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_stay_text(label: str) -> None:
    a, b = Value(0.5, label=label), Value(2.0, label=label)
    loss = (a * b).tanh() + a**2
    loss.label = label
    texts = [
        latex(loss),
        trace_forward(loss).latex(),
        trace_backward(loss).latex(),
        chain(loss, a).latex(),
        *[step.latex() for step in trace_backward(loss)],
        latex(loss, names="code"),
    ]
    for text in texts:
        check_latex(text)


def test_matplotlib_draws_the_text() -> None:
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    model = MLP(2, [2, 1], activation="sigmoid", rng=0)
    loss = model([0.5, -2.0]).square() / 2
    texts = [step.latex() for step in (*trace_forward(loss), *trace_backward(loss))]
    for text in [latex(loss), *texts]:
        plain = text.replace(r"\texttt", r"\mathtt").replace(r"\text{, }", ",")
        plain = plain.replace(r"\mathrel{+}", "+")
        width, *_ = parser.parse(f"${plain}$")
        assert width > 10.0


# The console


def answer(*commands: str, loss: Value) -> list[str]:
    out = io.StringIO()
    Console(Session(loss), stdin=io.StringIO("\n".join(commands)), stdout=out).run()
    return out.getvalue().splitlines()


def test_the_console_writes_a_step_and_a_way() -> None:
    assert answer("latex", loss=product_of_sums())[1:] == [
        "line 1: there is no step yet; do one with next, or give the name of a node"
    ]
    assert answer("next", "latex", loss=product_of_sums())[-1] == (
        r"s = a \cdot b + c = 2 \cdot 3 + \left(-1\right) = 5"
    )
    assert answer("latex b", loss=product_of_sums())[1:] == [
        r"\begin{align*}",
        r"\frac{\partial L}{\partial b} &= \frac{\partial L}{\partial s} \cdot "
        r"\frac{\partial s}{\partial b} \\",
        r"&= 2 \cdot 2 = 4",
        r"\end{align*}",
    ]


def test_a_notebook_shows_the_formula_itself() -> None:
    a = Value(2.0, label="a")
    loss = a.square()
    loss.label = "L"
    formula: Any = latex(loss)
    assert formula._repr_latex_() == r"$\displaystyle a^{2}$"
    trace = trace_backward(loss)
    step: Any = trace[0].latex()
    assert step._repr_latex_() == f"$\\displaystyle {step}$"
    for equations in (trace.latex(), chain(loss, a).latex()):
        shown: Any = equations
        assert shown.startswith(r"\begin{align*}")
        assert shown._repr_latex_() == shown


def test_a_log_of_more_equations_than_anybody_reads_is_refused() -> None:
    value = Value(1.0, label="a")
    for _ in range(10_000):
        value = -value
    trace = trace_forward(value)
    assert trace.latex().count("\\\\\n") == 9_999
    longer = trace_backward(-value)
    with pytest.raises(
        GraphError,
        match=r"^this trace has 10,001 steps, more than the 10,000 that latex\(\) writes",
    ) as caught:
        longer.latex()
    assert str(caught.value).endswith("take some of them: [step.latex() for step in trace[:20]]")
    assert longer[0].latex().startswith(r"\frac{\partial")
