"""What nodes are called and how numbers, products and formulas are written, case by case."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf, nan

import pytest

from tests.holding import placed
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import layers_of, names_of, trace_backward, trace_forward
from tinygrad_mlp.debug._equations import derivative, factor, formula_of, number, product
from tinygrad_mlp.debug._tokens import Name, Number
from tinygrad_mlp.engine import apply, topological_order
from tinygrad_mlp.graph import MathName
from tinygrad_mlp.ops import OPS, Op

# Numbers


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"),
        (0.01, "0.01"),
        (-0.01, "-0.01"),
        (0.00999, "0.00999"),
        (0.012345, "0.0123"),
        (0.00123456, "0.001235"),
        (-0.00123456, "-0.001235"),
        (1.0, "1"),
        (100.0, "100"),
        (1200.5, "1200.5"),
        (9999.99994, "9999.9999"),
        (10_000.0, "1e+04"),
        (-10_000.0, "-1e+04"),
        (1234567.0, "1.235e+06"),
        (nan, "nan"),
        (-inf, "-inf"),
    ],
)
def test_numbers_have_four_decimals_or_four_digits(x: float, text: str) -> None:
    assert number(x) == text
    assert factor(x) == (f"({text})" if text[0] == "-" else text)


@pytest.mark.parametrize(
    ("factors", "result", "text"),
    [
        ([2.0, 3.0], 6.0, "2 * 3 = 6"),
        ([2.0, -3.0], -6.0, "2 * (-3) = -6"),
        ([-0.5], -0.5, "(-0.5) = -0.5"),
        # Half a unit of the last digit is rounding, more is not.
        ([0.25, 0.0502], 0.01255, "0.25 * 0.0502 = 0.0126"),
        ([1.0, 0.5], 0.50007, "1 * 0.5 ≈ 0.5001"),
        ([1.0, 0.5], 0.50004, "1 * 0.5 = 0.5"),
        ([0.0049, 0.0102], 0.0, "0.0049 * 0.0102 = 0"),
        ([0.0052, 0.0102], 0.0, "0.0052 * 0.0102 ≈ 0"),
        # The last digit is the fourth decimal from 0.01 to 10,000, and else the fourth digit.
        ([0.1003, 0.1], 0.01, "0.1003 * 0.1 = 0.01"),
        ([0.1003, -0.1], -0.01, "0.1003 * (-0.1) = -0.01"),
        ([0.0903, 0.1], 0.009, "0.0903 * 0.1 ≈ 0.009"),
        ([0.0001, 0.12344], 0.000012344, "0.0001 * 0.1234 = 1.234e-05"),
        ([0.0001, 0.1234], 0.000012346, "0.0001 * 0.1234 ≈ 1.235e-05"),
        ([100.0, 100.04], 10_004.0, "100 * 100.04 = 1e+04"),
        ([100.0, 100.06], 10_004.0, "100 * 100.06 ≈ 1e+04"),
        ([100.0, 100.02], 10_000.0, "100 * 100.02 = 1e+04"),
        ([99.0, 101.0], 9_999.0, "99 * 101 = 9999"),
        ([99.0, 101.0], 9_998.0, "99 * 101 ≈ 9998"),
        ([1234.5, 1000.0], 1_234_500.0, "1234.5 * 1000 = 1.234e+06"),
        ([1233.4, 1000.0], 1_234_500.0, "1233.4 * 1000 ≈ 1.234e+06"),
        # What is not finite is not apart.
        ([inf, 0.0], nan, "inf * 0 = nan"),
        ([2.0, 3.0], inf, "2 * 3 = inf"),
        ([1.3406e154, 1.3406e154], 1.7972e308, "1.341e+154 * 1.341e+154 = 1.797e+308"),
    ],
)
def test_a_product_says_whether_it_comes_to_its_result_as_written(
    factors: list[float], result: float, text: str
) -> None:
    assert product(factors, result) == text


@pytest.mark.parametrize(
    ("output", "by", "symbol"),
    [
        ("L", "w", "dL/dw"),
        ("L", "w.0", "dL/d(w.0)"),
        ("a b", "w_1", "d(a b)/dw_1"),
        ("é", "x#2", "dé/d(x#2)"),
    ],
)
def test_a_name_of_several_words_stands_in_brackets(output: str, by: str, symbol: str) -> None:
    assert derivative(output, by) == symbol


# Names


def test_every_kind_of_name_in_one_graph() -> None:
    first, second, third = (Value(1.0, label="x") for _ in range(3))
    taken, odd, like = Value(1.0, label="x#2"), Value(1.0, label="tab\t"), Value(1.0, label="v6")
    unnamed = Value(1.0)
    loss = functional.sum([first, second, taken, third, odd, like, unnamed])
    order = topological_order(loss)
    names = names_of(order)
    assert list(names) == list(order)
    assert [names[node] for node in (first, second, taken, third, odd, like)] == [
        "x",
        "x#2",
        "x#2#2",
        "x#3",
        "tab\\t",
        "v6",
    ]
    assert order[6] is unnamed
    assert names[unnamed] == "v6#2"
    assert names[loss] == "v7"


def test_a_generated_name_makes_way_for_a_label() -> None:
    a, b = Value(2.0, label="v1"), Value(3.0)
    names = names_of([a, b, a * b])
    assert list(names.values()) == ["v1", "v1#2", "v2"]


def test_a_leaf_alone_has_a_name() -> None:
    a, b = Value(1.0, label="a"), Value(1.0)
    assert list(names_of([a]).values()) == ["a"]
    assert list(names_of([b]).values()) == ["v0"]


# Formulas

NEGATIVE = {
    "add": "(-1) + (-2)",
    "sub": "(-1) - (-2)",
    "mul": "(-1) * (-2)",
    "div": "(-1) / (-2)",
    "neg": "-(-1)",
    "pow": "(-1) ^ (-2)",
    "pow_number": "(-1) ^ (-2)",
    "square": "(-1)^2",
    "reciprocal": "1 / (-1)",
    "exp": "exp(-1)",
    "expm1": "exp(-1) - 1",
    "log": "log(-1)",
    "log1p": "log(1 + (-1))",
    "sqrt": "sqrt(-1)",
    "exp2": "2^(-1)",
    "log2": "log2(-1)",
    "log10": "log10(-1)",
    "tan": "tan(-1)",
    "arcsin": "arcsin(-1)",
    "arccos": "arccos(-1)",
    "arctan": "arctan(-1)",
    "sinh": "sinh(-1)",
    "cosh": "cosh(-1)",
    "sign": "1 if -1 > 0, -1 if -1 < 0, else 0",
    "round": "round(-1)",
    "floor_divide": "floor((-1) / (-2))",
    "mod": "(-1) - (-2) * floor((-1) / (-2))",
    "sin": "sin(-1)",
    "cos": "cos(-1)",
    "erfc": "erfc(-1)",
    "tanh": "tanh(-1)",
    "sigmoid": "1 / (1 + exp(-(-1)))",
    "relu": "max(-1, 0)",
    "leaky_relu": "-1 if -1 > 0 else (-2) * (-1)",
    "elu": "-1 if -1 > 0 else (-2) * (exp(-1) - 1)",
    "softplus": "log(1 + exp(-1))",
    "silu": "(-1) * sigmoid(-1)",
    "gelu": "(-1) * Phi(-1)",
    "abs": "|-1|",
    "maximum": "max(-1, -2)",
    "minimum": "min(-1, -2)",
    "where": "-2 if -1 else -3",
    "clamp": "min(max(-1, -2), -3)",
    "weighted": "(-1) * (-2), 0 if -1 = 0",
    "binary_cross_entropy": "log(1 + exp(-1)) - (-1) * (-2)",
    "less": "1 if -1 < -2 else 0",
    "less_equal": "1 if -1 <= -2 else 0",
    "greater": "1 if -1 > -2 else 0",
    "greater_equal": "1 if -1 >= -2 else 0",
    "equal": "1 if -1 = -2 else 0",
    "sum": "(-1) + (-2) + (-3) + (-4)",
    "amax": "amax(-1, -2, -3, -4)",
    "logsumexp": "logsumexp(-1, -2, -3, -4)",
    "dot": "(-1) * (-3) + (-2) * (-4)",
}
"""The formula of each op with the numbers -1, -2, ... put in."""


@pytest.mark.parametrize("name", NEGATIVE)
def test_the_formula_of_an_op_with_negative_numbers(name: str) -> None:
    op = OPS[name]
    n = op.arity or 4
    node = apply(op, *(Value(float(i + 1)) for i in range(n)))
    assert formula_of(node, [Number(-i - 1.0) for i in range(n)]).text == NEGATIVE[name]


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.arity], ids=lambda op: op.name)
def test_the_formula_of_every_op_has_the_names_of_its_operands(op: Op) -> None:
    names = [f"left_{i}" for i in range(op.arity or 0)]
    letters = ["x"] if op.arity == 1 else list("abcpqrst"[: op.arity])
    node = apply(op, *(Value(float(i + 1)) for i in range(len(names))))
    written = formula_of(node, [Name(name, MathName.code(name)) for name in names]).text
    back = dict(zip(names, letters))
    assert re.sub(r"left_\d", lambda found: back[found[0]], written) == op.formula


def test_sums_of_up_to_8_terms_are_written_out() -> None:
    terms = [f"t{i}" for i in range(10)]
    names = [Name(term, MathName.code(term)) for term in terms]
    for n in (1, 8, 9, 10):
        node = functional.sum([Value(1.0) for _ in range(n)])
        shown = terms[:n] if n <= 8 else ["t0", "t1", "t2", "...", terms[n - 1]]
        assert formula_of(node, names[:n]).text == " + ".join(shown)
    node = functional.dot([1.0, 2.0], [3.0, 4.0], Value(5.0))
    assert formula_of(node, [*names[:4], Number(-5.0)]).text == "t0 * t2 + t1 * t3 + (-5)"


def test_a_constant_in_a_formula_is_its_number_unless_it_has_a_label() -> None:
    x = Value(-3.0, label="x")
    assert str(trace_forward(2.0 * x)[0]) == "v2 = 2 * x = 2 * (-3) = -6"
    node = x * 0.5
    node.parents[1].label = "half"
    assert str(trace_forward(node)[0]) == "v2 = x * half = (-3) * 0.5 = -1.5"
    assert str(trace_forward(x * Value(0.5))[0]) == "v2 = x * v1 = (-3) * 0.5 = -1.5"


# Layers


def label(text: str) -> Value:
    """A parameter, or with a text without dots a Value that stands nowhere."""
    return placed(text) if "." in text else Value(1.0, label=text)


@pytest.mark.parametrize(
    ("build", "layer"),
    [
        # The weights of a dot say it, not its bias, nor its inputs.
        (lambda: functional.dot([label("a.w")], [label("b.w")], label("c.b")), "a"),
        (lambda: functional.dot([Value(1.0)], [label("b.w")], label("c.b")), None),
        (lambda: functional.dot([label("a.w.0"), label("b.w.0")], [1.0, 2.0]), None),
        (lambda: functional.dot([label("a.w.0"), label("a.w.1")], [1.0, 2.0]), "a"),
        # So do the parameters in any other op, if they are of one layer.
        (lambda: label("a.w") * 2.0, "a"),
        (lambda: label("a.w") * label("a.v"), "a"),
        (lambda: label("a.w") * label("b.w"), None),
        (lambda: label("a.w") * 2.0 + label("b.w"), "b"),
        # A sum belongs to the layer of its computed terms; other ops of two nodes to none.
        (lambda: label("a.w") * 2.0 + label("a.v") * 3.0, "a"),
        (lambda: label("a.w") * 2.0 + label("plain"), "a"),
        (lambda: functional.sum([label("a.w") * 2.0, label("a.w") * 3.0]), "a"),
        (lambda: label("a.w") * 2.0 + label("b.w") * 3.0, None),
        (lambda: (label("a.w") * 2.0) * (label("a.v") * 3.0), None),
        (lambda: label("plain") * 2.0 + label("other") * 3.0, None),
        (lambda: label("plain") + label("other"), None),
        # A function of one node belongs to the layer of that node.
        (lambda: (label("a.w") * 2.0).tanh().exp(), "a"),
        (lambda: label("a.w").exp(), "a"),
        (lambda: label("plain").exp(), None),
        (lambda: label("a.w"), "a"),
        (lambda: label("plain"), None),
    ],
)
def test_the_layer_of_a_node(build: Callable[[], Value], layer: str | None) -> None:
    node = build()
    assert layers_of(topological_order(node)).get(node) == layer


def test_a_computed_node_with_the_label_of_a_parameter_is_none() -> None:
    x = Value(1.0) * 2.0
    x.label = "a.w"
    loss = x * 3.0
    assert layers_of(topological_order(loss)) == {}


# Whole logs


def test_the_whole_log_of_a_small_graph_in_both_passes() -> None:
    w, x, b = Value(-2.0, label="w"), Value(0.5, label="x"), Value(3.0, label="b")
    loss = (functional.dot([w], [x], b) - w).square() * 0.25
    loss.label = "L"
    assert list(map(str, trace_forward(loss))) == [
        "v4 = w * x + b = (-2) * 0.5 + 3 = 2",
        "v5 = v4 - w = 2 - (-2) = 4",
        "v6 = v5^2 = 4^2 = 16",
        "L = v6 * 0.25 = 16 * 0.25 = 4",
    ]
    assert list(map(str, trace_backward(loss))) == [
        "dL/dv6 += dL/dL * dL/dv6 = 1 * 0.25 = 0.25",
        "dL/dv5 += dL/dv6 * dv6/dv5 = 0.25 * 8 = 2",
        "dL/dv4 += dL/dv5 * dv5/dv4 = 2 * 1 = 2",
        "dL/dw += dL/dv5 * dv5/dw = 2 * (-1) = -2",
        "dL/dw += dL/dv4 * dv4/dw = 2 * 0.5 = 1, together -1",
        "dL/dx += dL/dv4 * dv4/dx = 2 * (-2) = -4",
        "dL/db += dL/dv4 * dv4/db = 2 * 1 = 2",
    ]
