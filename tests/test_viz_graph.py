"""The DOT text of a graph: which boxes and arrows there are, what they say, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

import pytest

from tests.holding import held
from tinygrad_mlp import functional, ops
from tinygrad_mlp._text import visible
from tinygrad_mlp.engine import Value, as_value, topological_order
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, NotANumberError, UnknownNameError
from viz._graph import DIRECTIONS, SHOWABLE, to_dot
from viz._markup import html_text, number, quoted, shortened
from viz._themes import LIGHT

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
DASH = "\N{EN DASH}"


def boxes(dot: str) -> dict[str, str]:
    """The statement of each node, by its name."""
    return dict(re.findall(r"^  (n\d+) (\[id=.*\]);$", dot, flags=re.MULTILINE))


def arrows(dot: str) -> list[tuple[str, str]]:
    """The two ends of each arrow, ports included, in the order of the text."""
    return re.findall(r"^  (n\d+) -> (\S+) \[", dot, flags=re.MULTILINE)


def arrow_labels(dot: str) -> list[str]:
    """What stands on the arrows, in the order of the text."""
    return re.findall(r'^  n\d+ -> \S+ \[label="([^"]*)"', dot, flags=re.MULTILINE)


def texts(box: str) -> list[str]:
    """The visible texts of a box, in reading order."""
    found = re.findall(r">([^<>]+)</(?:FONT|B)>", box)
    return [text.replace("&#160;", " ").strip() for text in found]


def box_of(dot: str, label: str) -> str:
    """The one box whose tooltip begins with that label."""
    (box,) = (box for box in boxes(dot).values() if f'tooltip="{label}\\n' in box)
    return box


def role_of(box: str) -> str:
    """The kind of node that a box has the colors of."""
    (fill,) = re.findall(r'STYLE="ROUNDED" BGCOLOR="([^"]+)"', box)
    (role,) = (role for role, paint in LIGHT.roles.items() if paint.fill == fill)
    return role


def product() -> Value:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c = a * b
    c.label = "c"
    return c


# Boxes and arrows


def test_nodes_are_numbered_in_topological_order() -> None:
    loss = (product() + 10.0).tanh()
    order = topological_order(loss)
    dot = to_dot(loss)
    drawn = {f"n{i}": node for i, node in enumerate(order) if node.op is not ops.CONSTANT}
    assert list(boxes(dot)) == list(drawn)
    assert len(drawn) == len(order) - 1
    for name, node in drawn.items():
        assert f'"{node.label}\\n' in boxes(dot)[name] or not node.label
        assert f"data = {node.data!r}" in boxes(dot)[name]


def test_arrows_lead_from_the_operands_in_their_order() -> None:
    a, b = Value(5.0, label="a"), Value(3.0, label="b")
    for difference in (a - b, b - a):
        names = {node: f"n{i}" for i, node in enumerate(topological_order(difference))}
        expected = [(names[x], f"n2:p{place}:w") for place, x in enumerate(difference.parents)]
        assert arrows(to_dot(difference)) == expected


def test_a_repeated_parent_has_two_arrows() -> None:
    a = Value(3.0, label="a")
    dot = to_dot(a * a)
    assert arrows(dot) == [("n0", "n1"), ("n0", "n1")]
    assert arrow_labels(dot) == ["3", "3"]


def test_every_arrow_has_an_id_of_its_own() -> None:
    ids = re.findall(r'id="(e\d+)"', to_dot((product() + 10.0) * product()))
    assert ids == [f"e{index}" for index in range(len(ids))]
    assert len(ids) == 7


def test_the_same_graph_gives_the_same_text() -> None:
    def build() -> Value:
        weights = [Value(0.5 * i, label=f"w{i}") for i in range(4)]
        return functional.dot(weights, [1.0, 2.0, 3.0, 4.0], Value(1.0, label="b")).tanh()

    assert to_dot(build()) == to_dot(build())


def test_nodes_that_share_a_label_stay_apart() -> None:
    dot = to_dot(Value(1.0, label="w") + Value(2.0, label="w"))
    assert len(boxes(dot)) == 3
    assert [texts(box)[0] for box in boxes(dot).values()] == ["w", "w", "+"]


def test_a_single_leaf_is_drawn() -> None:
    dot = to_dot(Value(1.5, label="x"))
    assert texts(boxes(dot)["n0"]) == ["x", "data", "1.5"]
    assert arrows(dot) == []


# What a box and an arrow say


def test_a_box_shows_symbol_label_data_and_grad() -> None:
    c = product()
    c.backward()
    assert texts(box_of(to_dot(c), "c")) == [TIMES, "c", "data", f"{MINUS}6", "grad", "1"]


def test_a_gradient_that_was_not_computed_is_a_dash_and_a_computed_zero_is_0() -> None:
    a = Value(-1.0, label="a")
    loss, other = a.relu(), Value(-1.0) * a
    other.label = "other"
    loss.backward()
    again = to_dot([loss, other], detail="ops")
    assert texts(box_of(again, "a"))[-2:] == ["grad", "0"]
    assert texts(box_of(again, "other"))[-2:] == ["grad", DASH]
    assert again.count("grad: not computed") == 2  # and that of the -1


def test_without_any_gradient_there_is_no_row_for_it() -> None:
    assert "grad" not in [text for box in boxes(to_dot(product())).values() for text in texts(box)]


def test_arrows_carry_the_local_derivative_and_its_meaning() -> None:
    dot = to_dot(product())
    assert arrow_labels(dot) == [f"{MINUS}3", "2"]
    assert 'tooltip="dc/da = -3.0"' in dot
    assert 'tooltip="dc/db = 2.0"' in dot


def test_tooltips_have_full_precision_and_the_formula() -> None:
    x = Value(1.0 / 3.0, label="x")
    y = x.tanh()
    y.backward()
    dot = to_dot(y)
    assert f"x\\nleaf\\ndata = {x.data!r}\\ngrad = {x.grad!r}" in dot
    assert f"tanh: tanh(x)\\ndata = {y.data!r}\\ngrad = 1.0" in dot


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x - 1, f"u {MINUS} 1"),
        (lambda x: 1 - x, f"1 {MINUS} u"),
        (lambda x: x - (-1.5), f"u {MINUS} ({MINUS}1.5)"),
        (lambda x: 10.0 * x, f"10 {TIMES} u"),
        (lambda x: x / 5, "u \N{DIVISION SIGN} 5"),
        (lambda x: x**2, "u\N{SUPERSCRIPT TWO}"),
        (lambda x: x**10, "u\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT ZERO}"),
        (lambda x: x**0.5, "u^0.5"),
        (lambda x: x**-1, f"u^{MINUS}1"),
        (lambda x: 2**x, "2^u"),
        (functional.square, "u\N{SUPERSCRIPT TWO}"),
        (lambda x: functional.maximum(x, 0.0), "max(u, 0)"),
        (lambda x: functional.where(x, 1.0, 2.0), "where(u, 1, 2)"),
        (lambda x: functional.logsumexp([x, 3.0]), "logsumexp(…, 3)"),
    ],
)
def test_plain_numbers_stand_in_the_box_that_uses_them(
    function: Callable[[Value], Value], text: str
) -> None:
    dot = to_dot(function(Value(2.0, label="a")))
    assert [texts(box)[0] for box in boxes(dot).values()] == ["a", text]
    assert len(arrows(dot)) == 1


def test_a_constant_with_a_label_has_a_box_but_no_gradient_and_no_derivative() -> None:
    rate = as_value(10.0)
    rate.label = "rate"
    dot = to_dot(rate * Value(2.0, label="a"))
    assert texts(box_of(dot, "rate")) == ["rate", "data", "10"]
    assert role_of(box_of(dot, "rate")) == "constant"
    assert arrow_labels(dot) == ["10"]  # by a; the derivative by the constant would be 2
    assert len(arrows(dot)) == 2


def test_a_constant_alone_is_drawn() -> None:
    assert texts(boxes(to_dot(as_value(3.0)))["n0"])[:3] == ["output", "data", "3"]


@pytest.mark.parametrize(
    ("function", "with_data", "without"),
    [
        (lambda a, b: a - b, ["3", f"{MINUS} ({MINUS}2)"], ["a", f"{MINUS} b"]),
        (lambda a, b: a / b, ["3", f"\N{DIVISION SIGN} ({MINUS}2)"], ["a", "\N{DIVISION SIGN} b"]),
        (lambda a, b: a**b, ["3", f"^ ({MINUS}2)"], ["a", "^ b"]),
        (lambda a, b: a * b, [], []),
        (
            lambda a, b: functional.where(1.0, a, b),
            ["if 1", "then 3", f"else {MINUS}2"],
            ["if 1", "then a", "else b"],
        ),
    ],
)
def test_operands_whose_order_matters_have_places_of_their_own(
    function: Callable[[Value, Value], Value], with_data: list[str], without: list[str]
) -> None:
    result = function(Value(3.0, label="a"), Value(-2.0, label="b"))
    name = f"n{len(topological_order(result)) - 1}"
    dot = to_dot(result)
    n_places = len(with_data)
    assert texts(boxes(dot)[name])[1 : 1 + n_places] == with_data
    assert re.findall(r'PORT="(\w+)"', boxes(dot)[name]) == [f"p{i}" for i in range(n_places)]
    assert texts(boxes(to_dot(result, show=[]))[name])[1:] == without
    if n_places:
        places = [head.split(":")[1] for _, head in arrows(dot)]
        assert places == [f"p{i}" for i in range(n_places)][-2:]


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ([], [TIMES, "c"]),
        (["data"], [TIMES, "c", "data", f"{MINUS}6"]),
        (["grad"], [TIMES, "c", "grad", "1"]),
        ("data", [TIMES, "c", "data", f"{MINUS}6"]),
    ],
)
def test_a_box_shows_only_what_is_asked_for(show: Collection[str], expected: list[str]) -> None:
    c = product()
    c.backward()
    dot = to_dot(c, show=show)
    assert texts(box_of(dot, "c")) == expected
    assert arrow_labels(dot) == []


def test_partials_alone_leave_the_boxes_bare() -> None:
    dot = to_dot(product(), show=["partials"])
    assert texts(box_of(dot, "c")) == [TIMES, "c"]
    assert arrow_labels(dot) == [f"{MINUS}3", "2"]


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"),
        (-0.0, f"{MINUS}0"),
        (2.0, "2"),
        (0.13849856, "0.1385"),
        (-1234.56, f"{MINUS}1235"),
        (123456.0, "1.235e5"),
        (0.00001, f"1e{MINUS}5"),
        (-1.23456e-200, f"{MINUS}1.235e{MINUS}200"),
        (float("inf"), "inf"),
        (float("-inf"), f"{MINUS}inf"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_have_four_significant_digits(x: float, text: str) -> None:
    assert number(x) == text
    assert texts(boxes(to_dot(Value(x, label="x")))["n0"])[2] == text


# Kinds of nodes


def neuron() -> Value:
    weights = [Value(0.5, label="w1"), Value(-1.0, label="w2")]
    inputs = [Value(3.0, label="x1"), Value(4.0, label="x2")]
    return functional.dot(weights, inputs, Value(0.25, label="b")).tanh()


def hand_written_neuron() -> Value:
    w, x, b = Value(0.5), Value(3.0, label="x"), Value(0.25)
    held(w=[w], neurons=[held(b=b)])
    return w * x + b + 1.0


@pytest.mark.parametrize(
    ("build", "label", "role"),
    [
        (product, "a", "input"),
        (product, "c", "output"),
        (neuron, "w1", "parameter"),
        (neuron, "w2", "parameter"),
        (neuron, "b", "parameter"),
        (neuron, "x1", "input"),
        (hand_written_neuron, "w.0", "parameter"),
        (hand_written_neuron, "neurons.0.b", "parameter"),
        (hand_written_neuron, "x", "input"),
    ],
)
def test_kinds_of_nodes_are_told_apart_by_color(
    build: Callable[[], Value], label: str, role: str
) -> None:
    assert role_of(box_of(to_dot(build(), legend=False), label)) == role


def test_leaves_are_inputs_only_where_something_else_is_a_parameter() -> None:
    a, b = Value(2.0), Value(3.0)
    assert texts(boxes(to_dot(a * b))["n0"])[0] == "leaf"
    dot = to_dot(a * b, parameters=[b])
    assert [texts(box)[0] for box in boxes(dot).values()][:2] == ["input", "parameter"]


def test_nodes_inside_the_graph_are_operations() -> None:
    roles = [role_of(box) for box in boxes(to_dot(neuron())).values()]
    assert roles.count("operation") == 1  # the dot; the tanh is the output
    assert roles[-1] == "output"


def test_plain_numbers_that_are_fed_to_a_dot_are_its_input() -> None:
    dot = to_dot(functional.dot([Value(0.5, label="w")], [3.0], Value(1.0, label="b")))
    assert sorted(role_of(box) for box in boxes(dot).values()) == [
        "input",
        "output",
        "parameter",
        "parameter",
    ]


def test_what_is_fed_to_a_dot_is_no_parameter_whatever_its_label() -> None:
    dot = to_dot(functional.dot([Value(0.5, label="w")], [Value(3.0, label="x.0")]))
    assert role_of(box_of(dot, "x.0")) == "input"


def test_the_parameters_given_are_the_parameters() -> None:
    a, b = Value(1.0, label="a"), Value(2.0, label="layers.0.b")
    dot = to_dot(a * b, parameters=[a, Value(7.0, label="elsewhere")])
    assert role_of(box_of(dot, "a")) == "parameter"
    assert role_of(box_of(dot, "layers.0.b")) == "input"


def test_the_legend_names_the_kinds_that_occur_and_no_others() -> None:
    with_legend = to_dot(product(), legend=True)
    (legend,) = re.findall(r"labelloc=b, label=<(.*)>\];", with_legend)
    for role in ("leaf", "input", "operation", "output", "parameter", "constant"):
        assert (f">{role}&#160;" in legend) == (role in ("leaf", "output"))
    assert "local derivative" in legend
    assert "local derivative" not in to_dot(Value(1.0))
    assert "local derivative" not in to_dot(product(), show=["data"])
    assert "labelloc" not in to_dot(product(), legend=False)


# A dot of many parents


def test_a_dot_takes_each_weight_and_its_input_into_one_row() -> None:
    weighted = functional.dot(
        [Value(0.5, label="w1"), Value(-1.0, label="w2")],
        [Value(3.0, label="x1"), Value(4.0, label="x2")],
        Value(0.25, label="b"),
    )
    dot = to_dot(weighted)
    target = f"n{len(boxes(dot)) - 1}"
    names = {node.label: f"n{i}" for i, node in enumerate(topological_order(weighted))}
    assert arrows(dot) == [
        (names["w1"], f"{target}:p0:w"),
        (names["x1"], f"{target}:p0:w"),
        (names["w2"], f"{target}:p1:w"),
        (names["x2"], f"{target}:p1:w"),
        (names["b"], f"{target}:b:w"),
    ]
    assert arrow_labels(dot) == ["3", "0.5", "4", f"{MINUS}1", "1"]
    assert texts(boxes(dot)[target])[1:-2] == [f"0.5 {TIMES} 3", f"{MINUS}1 {TIMES} 4", "+ 0.25"]
    assert re.findall(r'PORT="(\w+)"', boxes(dot)[target]) == ["p0", "p1", "b"]


def test_the_terms_of_a_dot_have_one_sign_each() -> None:
    weighted = functional.dot([Value(-0.5)], [Value(-3.0)], Value(-0.25))
    box = boxes(to_dot(weighted))["n3"]
    assert texts(box)[1:3] == [f"{MINUS}0.5 {TIMES} ({MINUS}3)", f"{MINUS} 0.25"]


def test_labels_of_arrows_that_lead_down_keep_off_the_line() -> None:
    assert set(arrow_labels(to_dot(product(), direction="TB"))) == {
        f"  {text}" for text in ("2", f"{MINUS}3")
    }


def test_a_dot_without_a_bias_has_no_row_for_it() -> None:
    weighted = functional.dot([Value(0.5)], [Value(3.0)])
    dot = to_dot(weighted)
    assert re.findall(r'PORT="(\w+)"', dot) == ["p0"]
    assert len(arrows(dot)) == 2


@pytest.mark.parametrize(
    ("labels", "terms"),
    [
        (("", "", ""), [f"w1 {TIMES} x1", "+ b"]),
        (("w7", "age", "bias"), [f"w7 {TIMES} age", "+ bias"]),
    ],
)
def test_a_dot_without_data_names_its_terms(labels: tuple[str, ...], terms: list[str]) -> None:
    w, x, b = (Value(0.5, label=label) for label in labels)
    dot = to_dot(functional.dot([w], [x], b), show=[])
    assert texts(boxes(dot)["n3"])[1:] == terms


def test_inputs_of_a_neuron_without_labels_are_numbered() -> None:
    dot = to_dot(functional.dot([Value(0.5), Value(0.5)], [3.0, 4.0], Value(1.0)))
    names = [texts(box)[0] for box in boxes(dot).values() if role_of(box) == "input"]
    assert names == ["x1", "x2"]


# Options and refusals


@pytest.mark.parametrize(
    ("direction", "entry", "way_out"),
    [("LR", "w", "e"), ("RL", "e", "w"), ("TB", "n", "s"), ("BT", "s", "n")],
)
def test_the_direction_sets_the_sides_that_arrows_use(
    direction: str, entry: str, way_out: str
) -> None:
    dot = to_dot(functional.dot([Value(0.5)], [Value(3.0)]), direction=direction)
    assert f"rankdir={direction}," in dot
    assert f"tailport={way_out}," in dot
    assert {head for _, head in arrows(dot)} == {f"n2:p0:{entry}"}


@pytest.mark.parametrize(
    ("direction", "first", "last"),
    [("TB", f"0.5 {TIMES} 3", "1.5"), ("BT", "w·x+b", f"0.5 {TIMES} 3"), ("LR", "w·x+b", "1.5")],
)
def test_the_terms_of_a_dot_stand_where_the_arrows_come_in(
    direction: str, first: str, last: str
) -> None:
    box = boxes(to_dot(functional.dot([Value(0.5)], [Value(3.0)]), direction=direction))["n2"]
    assert (texts(box)[0], texts(box)[-1]) == (first, last)


@pytest.mark.parametrize("direction", ["l", "left", ""])
def test_an_unknown_direction_is_refused_with_the_known_ones(direction: str) -> None:
    with pytest.raises(UnknownNameError, match="BT, LR, RL, TB"):
        to_dot(product(), direction=direction)
    assert direction not in DIRECTIONS


@pytest.mark.parametrize("show", [["data", "gradient"], "partial"])
def test_an_unknown_thing_to_show_is_refused_with_the_known_ones(show: Collection[str]) -> None:
    with pytest.raises(UnknownNameError, match=", ".join(sorted(SHOWABLE))):
        to_dot(product(), show=show)


def test_several_outputs_are_drawn_together() -> None:
    a = Value(1.0, label="shared")
    assert arrows(to_dot([a.exp(), a.tanh()])) == [("n0", "n1"), ("n0", "n2")]


@pytest.mark.parametrize("wrong", [3.0, [], [Value(1.0), 3.0], None, "loss"])
def test_something_that_is_no_value_is_refused(wrong: object) -> None:
    with pytest.raises(NotANumberError, match=type(wrong).__name__):
        to_dot(wrong)  # type: ignore[arg-type]


def test_a_graph_is_drawn_up_to_max_nodes_and_refused_above() -> None:
    assert len(boxes(to_dot(product(), max_nodes=3))) == 3
    with pytest.raises(GraphError, match=r"3 nodes, more than max_nodes=2.*max_nodes=3"):
        to_dot(product(), max_nodes=2)


@pytest.mark.parametrize("wrong", [0, "a", 2.5, None])
def test_max_nodes_is_a_whole_number_of_at_least_one(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"max_nodes is .* at least 1 .*max_nodes=500"):
        to_dot(product(), max_nodes=wrong)


def test_names_are_known_in_any_case() -> None:
    asked = to_dot(product(), detail="Ops", direction="tb", theme="DARK", color="Kind", show="Data")
    meant = to_dot(product(), detail="ops", direction="TB", theme="dark", color="kind", show="data")
    assert asked == meant


def test_a_chain_of_a_million_nodes_is_refused_politely() -> None:
    x = Value(0.5)
    for _ in range(1_000_000):
        x = x.tanh()
    with pytest.raises(GraphError, match="1,000,001 nodes"):
        to_dot(x)


# Labels are data


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines", r"two\nlines"),
        ("\x00\x07", r"\x00\x07"),
        ("\ud800", r"\ud800"),
        ("\u202eabc", r"\u202eabc"),
        ("no\u00a0break", "no break"),
        ("日本 é 🎉", "日本 é 🎉"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_labels_are_shortened_and_stand_in_full_in_the_tooltip() -> None:
    label = "layers.0." + "x" * 500 + ".w.17"
    box = boxes(to_dot(Value(1.0, label=label)))["n0"]
    (shown,) = texts(box)[:1]
    assert len(shown) == 26
    assert shown.startswith("layers.0.")
    assert shown.endswith(".w.17")
    assert f'tooltip="{label}\\n' in box


def test_a_label_at_the_limit_is_not_shortened() -> None:
    assert shortened("x" * 26, 26) == "x" * 26
    assert len(shortened("x" * 27, 26)) == 26


def test_markup_in_a_label_is_escaped_in_box_and_tooltip() -> None:
    label = '<b>&"\\N'
    assert html_text(label) == "&lt;b&gt;&amp;&quot;\\\\N"
    assert quoted(label) == '"<b>&amp;&quot;\\\\\\\\N"'
    box = boxes(to_dot(Value(1.0, label=label)))["n0"]
    assert html_text(label) in box
    assert quoted(label)[:-1] in box
