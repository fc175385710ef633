"""The drawing of a graph: which boxes and arrows there are, what they say, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any

import pytest

import viz
from tests.box_pictures import BY, BoxPicture
from tests.holding import held
from tinygrad_mlp import functional, ops
from tinygrad_mlp._text import visible
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.engine import Value, as_value, topological_order
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, NotANumberError, UnknownNameError
from tinygrad_mlp.nn import MLP
from viz._graph import DIRECTIONS, SHOWABLE, to_dot
from viz._style.markup import html_text, number, shortened

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
DASH = "\N{EN DASH}"


def product() -> Value:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c = a * b
    c.label = "c"
    return c


# Boxes and arrows


def test_nodes_are_numbered_in_topological_order() -> None:
    loss = (product() + 10.0).tanh()
    order = topological_order(loss)
    picture = BoxPicture(loss)
    drawn = {f"n{i}": node for i, node in enumerate(order) if node.op is not ops.CONSTANT}
    assert list(picture.boxes) == list(drawn)
    assert len(drawn) == len(order) - 1
    for name, node in drawn.items():
        assert not node.label or picture.boxes[name].tooltip[0] == node.label
        assert f"data = {node.data!r}" in picture.boxes[name].tooltip


def test_arrows_lead_from_the_operands_in_their_order() -> None:
    a, b = Value(5.0, label="a"), Value(3.0, label="b")
    for difference in (a - b, b - a):
        names = {node: f"n{i}" for i, node in enumerate(topological_order(difference))}
        picture = BoxPicture(difference)
        assert picture.pairs == [(names[x], "n2") for x in difference.parents]
        first, second = (arrow.tip[1] for arrow in picture.arrows)
        assert first < second


def test_a_repeated_parent_has_two_arrows() -> None:
    a = Value(3.0, label="a")
    picture = BoxPicture(a * a)
    assert picture.pairs == [("n0", "n1"), ("n0", "n1")]
    assert picture.boxes["n1"].rows[-2:] == [[f"{BY}a", "3"]] * 2
    assert len({arrow.tip for arrow in picture.arrows}) == 2


def test_every_arrow_has_an_id_of_its_own() -> None:
    arrows = BoxPicture((product() + 10.0) * product()).arrows
    assert [arrow.name for arrow in arrows] == [f"e{index}" for index in range(7)]


def test_the_same_graph_gives_the_same_text() -> None:
    def build() -> Value:
        weights = [Value(0.5 * i, label=f"w{i}") for i in range(4)]
        return functional.dot(weights, [1.0, 2.0, 3.0, 4.0], Value(1.0, label="b")).tanh()

    assert to_dot(build()) == to_dot(build())
    assert viz.to_svg(build()) == viz.to_svg(build())


def test_nodes_that_share_a_label_stay_apart() -> None:
    picture = BoxPicture(Value(1.0, label="w") + Value(2.0, label="w"))
    assert [box.texts[0] for box in picture.boxes.values()] == ["w", "w#2", "+"]
    assert picture.boxes["n2"].derivatives == {"w": "1", "w#2": "1"}


def test_a_single_leaf_is_drawn() -> None:
    picture = BoxPicture(Value(1.5, label="x"))
    assert picture.boxes["n0"].rows == [["x", "1.5"]]
    assert picture.arrows == []


# What a box says


def test_a_box_shows_symbol_name_data_grad_and_local_derivatives() -> None:
    c = product()
    c.backward()
    assert BoxPicture(c).called("c").rows == [
        *([TIMES, "c"], ["data", f"{MINUS}6"], ["grad", "1"]),
        *([f"{BY}a", f"{MINUS}3"], [f"{BY}b", "2"]),
    ]


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
def test_every_local_derivative_stands_where_its_arrow_ends(direction: str) -> None:
    """The row, or the column, in which an arrow ends has the name of the box it comes from."""
    weights = [Value(0.5, label="w1"), Value(-1.0, label="w2")]
    inputs = [Value(3.0, label="x1"), Value(4.0, label="x2")]
    weighted = functional.dot(weights, inputs, Value(0.25, label="b"))
    weighted.label = "z"
    output = weighted * Value(2.0, label="c")
    picture = BoxPicture(output, direction=direction, names="code")
    slopes = {node.label: partial for node in (output, weighted)
              for node, partial in zip(node.parents, node.partials, strict=True)}  # fmt: skip
    named = {box.name: box.tooltip[0] for box in picture.boxes.values()}
    tips = {arrow.tip for arrow in picture.arrows}
    assert len(tips) == len(picture.arrows) == 7
    for arrow in picture.arrows:
        box, by = picture.boxes[arrow.target], named[arrow.source]
        (words,) = (words for words in box.words if words.text == f"{BY}{by}")
        if direction in ("LR", "RL"):
            (shown,) = (w.text for w in box.words if abs(w.y - words.y) < 1.0 and w is not words)
            assert abs(words.y - 0.35 * words.size - arrow.tip[1]) < 0.5
            assert arrow.tip[0] == pytest.approx(box.left if direction == "LR" else box.right)
        else:
            (shown,) = (w.text for w in box.words if abs(w.x - words.x) < 0.1 and w is not words)
            assert words.anchor == "middle"
            assert abs(words.x - arrow.tip[0]) < 0.5
            assert arrow.tip[1] == pytest.approx(box.top if direction == "TB" else box.bottom)
        assert shown == number(slopes[by])
        assert arrow.tooltip == [f"d{named[arrow.target]}/d{by} = {slopes[by]!r}"]


def test_numbers_end_in_one_column() -> None:
    c = product()
    c.backward()
    numbers = [words for words in BoxPicture(c).called("c").words if words.anchor == "end"]
    assert len(numbers) == 5
    assert len({words.x for words in numbers}) == 1


def test_a_gradient_that_was_not_computed_is_a_dash_and_a_computed_zero_is_0() -> None:
    a = Value(-1.0, label="a")
    loss, other = a.relu(), Value(-1.0) * a
    other.label = "other"
    loss.backward()
    again = BoxPicture([loss, other], detail="ops")
    assert again.called("a").numbers["grad"] == "0"
    assert again.called("other").numbers["grad"] == DASH
    assert again.text.count("grad: not computed") == 2  # and that of the -1


def test_without_any_gradient_there_is_no_row_for_it() -> None:
    assert "grad" not in [
        text for box in BoxPicture(product()).boxes.values() for text in box.texts
    ]


def test_tooltips_have_full_precision_and_the_formula() -> None:
    x = Value(1.0 / 3.0, label="x")
    y = x.tanh()
    y.backward()
    picture = BoxPicture(y)
    assert picture.boxes["n0"].tooltip == ["x", "leaf", f"data = {x.data!r}", f"grad = {x.grad!r}"]
    assert picture.boxes["n1"].tooltip == [
        *("v1", "tanh: tanh(x)", f"data = {y.data!r}", "grad = 1.0")
    ]


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
    picture = BoxPicture(function(Value(2.0, label="a")))
    assert [box.texts[0] for box in picture.boxes.values()] == ["a", text]
    assert len(picture.arrows) == 1


def test_a_constant_with_a_label_has_a_box_but_no_gradient_and_no_derivative() -> None:
    rate = as_value(10.0)
    rate.label = "rate"
    picture = BoxPicture(rate * Value(2.0, label="a"))
    assert picture.called("rate").rows == [["rate", "10"]]
    assert picture.called("rate").role == "constant"
    product = picture.boxes["n2"]
    assert product.derivatives == {"a": "10"}  # the one by the constant would be 2
    assert ["rate"] in product.rows
    assert len(picture.arrows) == 2


def test_a_constant_alone_is_drawn() -> None:
    assert BoxPicture(as_value(3.0)).boxes["n0"].texts == ["v0", "3"]


@pytest.mark.parametrize(
    ("function", "text", "n_arrows"),
    [
        (lambda a, b: a - b, f"a {MINUS} b", 2),
        (lambda a, b: b - a, f"b {MINUS} a", 2),
        (lambda a, b: a / b, "a \N{DIVISION SIGN} b", 2),
        (lambda a, b: a**b, "a^b", 2),
        (lambda a, b: a * b, TIMES, 2),
        (lambda a, b: functional.where(1.0, a, b), "where(1, a, b)", 2),
        (lambda a, b: functional.where(a, a + 1.0, b), "where(a, v3, b)", 3),
    ],
)
def test_operands_whose_order_matters_stand_in_the_formula(
    function: Callable[[Value, Value], Value], text: str, n_arrows: int
) -> None:
    result = function(Value(3.0, label="a"), Value(-2.0, label="b"))
    name = f"n{len(topological_order(result)) - 1}"
    picture = BoxPicture(result, show=[])
    assert picture.boxes[name].texts[0] == text
    ends = [arrow.tip[1] for arrow in picture.arrows if arrow.target == name]
    assert len(ends) == n_arrows
    assert ends == sorted(set(ends))
    assert min([second - first for first, second in pairwise(ends)]) >= 5.0


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ([], [TIMES, "c"]),
        (["data"], [TIMES, "c", "data", f"{MINUS}6"]),
        (["grad"], [TIMES, "c", "grad", "1"]),
        ("data", [TIMES, "c", "data", f"{MINUS}6"]),
        (["partials"], [TIMES, "c", f"{BY}a", f"{MINUS}3", f"{BY}b", "2"]),
    ],
)
def test_a_box_shows_only_what_is_asked_for(show: Collection[str], expected: list[str]) -> None:
    c = product()
    c.backward()
    assert BoxPicture(c, show=show).called("c").texts == expected


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
    assert BoxPicture(Value(x, label="x")).boxes["n0"].texts[1] == text


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
    assert BoxPicture(build(), legend=False, names="code").called(label).role == role


def test_leaves_are_inputs_only_where_something_else_is_a_parameter() -> None:
    a, b = Value(2.0), Value(3.0)
    kinds = [box.tooltip[1] for box in BoxPicture(a * b).boxes.values()]
    assert kinds[:2] == ["leaf", "leaf"]
    kinds = [box.tooltip[1] for box in BoxPicture(a * b, parameters=[b]).boxes.values()]
    assert kinds[:2] == ["input", "parameter"]


def test_nodes_inside_the_graph_are_operations() -> None:
    roles = [box.role for box in BoxPicture(neuron()).boxes.values()]
    assert roles.count("operation") == 1  # the dot; the tanh is the output
    assert roles[-1] == "output"


def test_plain_numbers_that_are_fed_to_a_dot_are_its_input() -> None:
    picture = BoxPicture(functional.dot([Value(0.5, label="w")], [3.0], Value(1.0, label="b")))
    assert sorted(box.role for box in picture.boxes.values()) == [
        "input",
        "output",
        "parameter",
        "parameter",
    ]


def test_what_is_fed_to_a_dot_is_no_parameter_whatever_its_label() -> None:
    picture = BoxPicture(functional.dot([Value(0.5, label="w")], [Value(3.0, label="x.0")]))
    assert picture.called("x.0").role == "input"


def test_the_parameters_given_are_the_parameters() -> None:
    a, b = Value(1.0, label="a"), Value(2.0, label="layers.0.b")
    picture = BoxPicture(a * b, parameters=[a, Value(7.0, label="elsewhere")])
    assert picture.called("a").role == "parameter"
    assert picture.called("layers.0.b").role == "input"


def test_the_legend_names_the_kinds_that_occur_and_no_others() -> None:
    legend = BoxPicture(product(), legend=True).legend
    for role in ("leaf", "input", "operation", "output", "parameter", "constant"):
        assert (role in legend) == (role in ("leaf", "output"))
    derivative = "local derivative, by what the arrow brings"
    assert derivative in legend
    assert derivative not in BoxPicture(Value(1.0)).legend
    assert derivative not in BoxPicture(product(), show=["data"]).legend
    assert BoxPicture(product(), legend=False).legend == []


# A dot of many parents


def test_a_dot_takes_each_weight_and_its_input_one_after_the_other() -> None:
    weighted = functional.dot(
        [Value(0.5, label="w1"), Value(-1.0, label="w2")],
        [Value(3.0, label="x1"), Value(4.0, label="x2")],
        Value(0.25, label="b"),
    )
    picture = BoxPicture(weighted, names="code")
    target = f"n{len(picture.boxes) - 1}"
    assert [picture.boxes[source].tooltip[0] for source, _ in picture.pairs] == [
        *("w1", "x1", "w2", "x2", "b")
    ]
    assert list(picture.boxes[target].derivatives.items()) == [
        *(("w1", "3"), ("x1", "0.5"), ("w2", "4"), ("x2", f"{MINUS}1"), ("b", "1"))
    ]


def test_a_dot_without_a_bias_has_no_row_for_it() -> None:
    picture = BoxPicture(functional.dot([Value(0.5)], [Value(3.0)]), names="code")
    assert picture.boxes["n2"].derivatives == {"v0": "3", "x1": "0.5"}
    assert len(picture.arrows) == 2


def test_inputs_of_a_neuron_without_labels_are_numbered() -> None:
    weighted = functional.dot([Value(0.5), Value(0.5)], [3.0, 4.0], Value(1.0))
    boxes = BoxPicture(weighted, names="code").boxes
    assert [box.texts[0] for box in boxes.values() if box.role == "input"] == ["x1", "x2"]
    second = functional.dot([Value(0.5)], [5.0], Value(1.0))
    boxes = BoxPicture(weighted + second, names="code").boxes
    names = [box.texts[0] for box in boxes.values() if box.role == "input"]
    assert sorted(names) == ["x1", "x1#2", "x2"]


# Options and refusals


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
def test_the_direction_sets_the_sides_that_arrows_use(direction: str) -> None:
    picture = BoxPicture(functional.dot([Value(0.5)], [Value(3.0)]), direction=direction)
    for arrow in picture.arrows:
        source, target = picture.boxes[arrow.source], picture.boxes[arrow.target]
        sides = {
            "LR": (arrow.points[0][0] - source.right, arrow.tip[0] - target.left),
            "RL": (arrow.points[0][0] - source.left, arrow.tip[0] - target.right),
            "TB": (arrow.points[0][1] - source.bottom, arrow.tip[1] - target.top),
            "BT": (arrow.points[0][1] - source.top, arrow.tip[1] - target.bottom),
        }
        assert sides[direction] == pytest.approx((0.0, 0.0), abs=0.05)
        (x, y), tip = arrow.points[-1], arrow.tip
        along = {"LR": tip[0] - x, "RL": x - tip[0], "TB": tip[1] - y, "BT": y - tip[1]}
        assert along[direction] == pytest.approx(6.0, abs=0.02)  # the head, in that direction


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
    assert BoxPicture([a.exp(), a.tanh()]).pairs == [("n0", "n1"), ("n0", "n2")]


@pytest.mark.parametrize("wrong", [3.0, [], [Value(1.0), 3.0], None, "loss"])
def test_something_that_is_no_value_is_refused(wrong: object) -> None:
    with pytest.raises(NotANumberError, match=type(wrong).__name__):
        to_dot(wrong)  # type: ignore[arg-type]


def test_a_graph_is_drawn_up_to_max_nodes_and_refused_above() -> None:
    assert len(BoxPicture(product(), max_nodes=3).boxes) == 3
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


def test_a_long_chain_is_refused_politely() -> None:
    x = Value(0.5)
    for _ in range(100_000):
        x = x.tanh()
    with pytest.raises(GraphError, match="100,001 nodes"):
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
    box = BoxPicture(Value(1.0, label=label)).boxes["n0"]
    shown = box.texts[0]
    assert len(shown) == 26
    assert shown.startswith("layers.0.")
    assert shown.endswith(".w.17")
    assert box.tooltip[0] == label


def test_a_label_at_the_limit_is_not_shortened() -> None:
    assert shortened("x" * 26, 26) == "x" * 26
    assert len(shortened("x" * 27, 26)) == 26


def test_markup_in_a_label_is_escaped_in_box_and_tooltip() -> None:
    label = '<b>&"\\N'
    assert html_text(label) == "&lt;b&gt;&amp;&quot;\\\\N"
    box = BoxPicture(Value(1.0, label=label)).boxes["n0"]
    assert box.texts[0] == box.tooltip[0] == label
    assert html_text(label) in to_dot(Value(1.0, label=label))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"legend": "no"}, r"legend is 'no', but True or False is needed: .*legend=False"),
        ({"constants": 0}, r"constants is 0, but True or False is needed: .*constants=False"),
        ({"show": None}, r"show is None, but a list of names is needed, of 'data', 'grad', "),
        ({"show": 3}, r"show is 3, .* 'partials', 'weights': .*; nothing: show=\(\)"),
        ({"highlight": None}, r"highlight is None, but nodes or labels are needed: "),
        ({"highlight": 3}, r"highlight is 3, but nodes or labels .*; nothing: highlight=\(\)"),
        ({"focus": 3}, r"focus is 3, but one node or its name is needed: "),
        ({"focus": []}, r"focus is \[\], but one node or its name is needed: "),
    ],
)
@pytest.mark.parametrize("what", ["ops", "circles"])
def test_an_option_of_another_kind_is_refused(
    what: str, wrong: dict[str, Any], message: str
) -> None:
    drawn = worked_example() if what == "ops" else MLP(2, [2, 1], rng=0)
    with pytest.raises(InvalidArgumentError, match=message):
        viz.to_svg(drawn, detail=what, **wrong)


def test_more_than_ten_arrows_for_each_box_are_refused() -> None:
    leaves = [Value(float(i)) for i in range(10)]
    wide = functional.sum([functional.sum(leaves + leaves) for _ in range(300)])
    message = r"6,300 arrows, more than 6,290 with max_nodes=629; .* with max_nodes=630$"
    with pytest.raises(GraphError, match=message):
        to_dot(wide, max_nodes=629, detail="ops")


def test_many_arrows_are_refused_with_the_detail_that_has_fewer() -> None:
    model = MLP(64, [100, 10], rng=0)
    message = r"7,400 arrows, more than 5,000 .*in \d boxes: detail='layers', .*max_nodes=740"
    with pytest.raises(GraphError, match=message):
        to_dot(model, detail="neurons")
