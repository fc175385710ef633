"""Exercise sheets: round numbers, questions with the engine's answers, the page."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import viz
from tests.debugging import label, product_of_sums
from tests.replaying import HOSTILE, hostile_loss
from tinygrad_mlp import MLP, Value, functional
from tinygrad_mlp.debug import finite_difference, names_of, worked_example
from tinygrad_mlp.debug._tokens import Number, as_text
from tinygrad_mlp.engine import apply, topological_order
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    NotANumberError,
    UnknownNameError,
)
from tinygrad_mlp.nn import Module
from tinygrad_mlp.op import OPS, op_named
from viz._quiz.round_numbers import draw_numbers, is_arithmetic, is_round
from viz._quiz.sheet_page import sheet_page, written
from viz._quiz.sheet_questions import Asked, Sheet, sheet_of


def drawn(loss: Value, seed: int = 0, n_questions: int | None = None) -> Sheet:
    """A sheet in the names of the program."""
    draw_numbers(loss, seed)
    return sheet_of(loss, n_questions, names="code")


def relu_loss(sizes: tuple[int, ...] = (2, 2, 1)) -> Value:
    model = MLP(sizes[0], list(sizes[1:]), activation="relu", rng=0)
    outputs = model.forward([Value(0.1, label=f"x{i}") for i in range(sizes[0])])
    error = outputs[0] - Value(0.7, label="t")
    return error.square() * 0.5


def given(sheet: Sheet) -> dict[str, float]:
    """The numbers at the top of a sheet."""
    found = {}
    for tokens in sheet.given:
        number = tokens[-1]
        assert isinstance(number, Number)
        found[tokens[0].text] = number.value
    return found


def asked(sheet: Sheet) -> dict[str, float]:
    """Each symbol that is asked for, with the answer of the key."""
    return {
        as_text(each.asks).partition(" = ")[0]: each.answer
        for each in (*sheet.forward, *sheet.backward)
    }


def page_of(loss_or_model: Value | Module, **settings: object) -> str:
    return viz.worksheet(loss_or_model, None, **settings)  # type: ignore[call-overload, no-any-return]


def plain(page: str) -> str:
    """The words of a page."""
    body = page.partition("<body>")[2]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body)))


# Numbers


@pytest.mark.parametrize("seed", range(20))
def test_what_can_be_done_by_hand_has_four_decimals_at_most(seed: int) -> None:
    loss = relu_loss()
    sheet = drawn(loss, seed)
    assert sheet.is_exact
    for x in (*asked(sheet).values(), *given(sheet).values()):
        assert abs(x - round(x, 4)) < 1e-9
        assert abs(x) < 100.0
    zeros = [x for x in asked(sheet).values() if x == 0.0]
    assert len(zeros) < len(asked(sheet)) / 2


@pytest.mark.parametrize("sizes", [(3, 2, 2, 1), (1, 3, 3, 1)])
def test_deeper_networks_are_exact_too(sizes: tuple[int, ...]) -> None:
    assert all(drawn(relu_loss(sizes), seed).is_exact for seed in range(5))


def test_other_graphs_are_exact_too() -> None:
    def quotient() -> Value:
        return label(0.3, "a") / label(0.7, "b") - label(2.5, "c")

    def power() -> Value:
        return (label(0.3, "a") - label(0.7, "b")) ** 3

    for build in (product_of_sums, quotient, power):
        for seed in range(10):
            assert drawn(build(), seed).is_exact, (build, seed)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_functions_leave_numbers_that_can_be_rounded(activation: str) -> None:
    model = MLP(2, [2, 1], activation=activation, rng=0)
    for seed in range(8):
        loss = (model([Value(0.5), Value(0.6)]) - 1.0).square()
        sheet = drawn(loss, seed)
        assert not sheet.is_exact
        assert all(is_round(x) for x in given(sheet).values())
        rounded = [x for x in asked(sheet).values() if not is_round(x)]
        assert min(map(abs, rounded)) > 0.001
        assert max(map(abs, asked(sheet).values())) < 100.0


def test_numbers_come_from_the_seed() -> None:
    numbers = [given(drawn(worked_example(), seed)) for seed in (0, 0, 1, 2)]
    assert numbers[0] == numbers[1]
    assert len({tuple(x.values()) for x in numbers}) == 3
    assert all(set(x) == set(numbers[0]) for x in numbers)
    assert 0.0 not in numbers[0].values()


def test_plain_numbers_of_a_formula_stay() -> None:
    a = label(0.123, "a")
    loss = (a * 7.0 + 11.0).square()
    draw_numbers(loss, 0)
    constants = {node.data for node in topological_order(loss) if not node.parents} - {a.data}
    assert constants == {7.0, 11.0}
    assert a.data != 0.123
    assert loss.data == pytest.approx((7.0 * a.data + 11.0) ** 2, rel=1e-15)
    assert a.grad == pytest.approx(2.0 * (7.0 * a.data + 11.0) * 7.0, rel=1e-15)


def test_an_input_without_a_label_is_asked_about_by_the_name_that_is_given() -> None:
    loss = (MLP(2, [1], rng=0)([0.3, 0.6]) - 1.0).square()
    sheet = drawn(loss)
    (z, *_) = [as_text(each.asks) for each in sheet.forward]
    inputs = list(given(sheet))[:2]
    assert all(re.search(rf"\* {re.escape(name)} ", z) for name in inputs), (z, inputs)


def test_inputs_and_targets_of_two_kinds_stay_of_two_kinds() -> None:
    numbers = set()
    for seed in range(10):
        model = MLP(2, [1], activation="relu", rng=0)
        x, t = [label(0.0, "x1"), label(1.0, "x2")], label(1.0, "t")
        draw_numbers((model(x) - t).square(), seed)
        numbers |= {node.data for node in (*x, t)}
    assert numbers == {0.0, 1.0}


def test_numbers_outside_of_a_domain_are_not_taken() -> None:
    for seed in range(10):
        loss = label(3.0, "a").log() * label(2.0, "b")
        assert all(map(math.isfinite, asked(drawn(loss, seed)).values()))


def test_a_graph_without_finite_numbers_is_refused() -> None:
    a = label(3.0, "a")
    with pytest.raises(GraphError, match="none of 80 draws"):
        draw_numbers((-a.square()).log(), 0)


@pytest.mark.parametrize(
    ("x", "is_exact"),
    [
        (0.1 * 0.3, True),
        (-12.3456, True),
        (0.12345, False),
        (1.0 / 3.0, False),
        (1e6, True),
        (1e6 + 1.0 / 3.0, False),
    ],
)
def test_round_is_up_to_four_decimals(x: float, is_exact: bool) -> None:
    assert is_round(x) == is_exact


def test_operations_without_a_table_are_those_of_arithmetic() -> None:
    by_hand = {name for name, op in OPS.items() if is_arithmetic(op)}
    assert {"add", "sub", "mul", "div", "neg", "dot", "sum", "relu", "leaky_relu"} <= by_hand
    assert {"square", "pow_number", "reciprocal", "maximum", "minimum", "where"} <= by_hand
    others = "tanh sigmoid exp log sqrt sin cos elu softplus silu gelu logsumexp"
    assert not by_hand & set(others.split())


# Questions


def test_every_answer_is_that_of_a_graph_with_the_given_numbers() -> None:
    """Answers by differences and by the same network built again, not by the graph of the sheet."""
    sheet = drawn(worked_example(), seed=4)
    loss = worked_example()
    nodes = {name: node for node, name in names_of(topological_order(loss)).items()}
    for name, number in given(sheet).items():
        nodes[name].data = number
    rebuilt = rebuilt_with({name: node.data for name, node in nodes.items() if not node.parents})
    answers = asked(sheet)
    assert len(answers) == 39
    for symbol, answer in answers.items():
        if symbol.startswith("dL/d"):
            node = rebuilt[symbol.removeprefix("dL/d")]
            expected = finite_difference(rebuilt["L"], node)
            assert answer == pytest.approx(expected, rel=1e-6, abs=1e-8), symbol
        else:
            assert answer == pytest.approx(rebuilt[symbol].data, rel=1e-15), symbol


def rebuilt_with(numbers: dict[str, float]) -> dict[str, Value]:
    """The nodes of the worked example by their names, with other numbers."""
    from tinygrad_mlp.debug._recompute import recompute

    loss = worked_example()
    nodes = {name: node for node, name in names_of(topological_order(loss)).items()}
    for name, number in numbers.items():
        if nodes[name].label:
            nodes[name].data = number
    recompute(loss)
    return nodes


def test_a_small_network_by_hand() -> None:
    """L = 1/2 (w2 relu(w1 x + b1) + b2 - t)^2, calculated here without the engine."""
    model = MLP(1, [1, 1], activation="relu", rng=0)
    loss = (model([label(0.5, "x")]) - label(1.0 / 3.0, "t")).square() * 0.5
    sheet = drawn(loss, seed=5)
    numbers = given(sheet)
    x, t = numbers["x"], numbers["t"]
    (w1, b1), (w2, b2) = [
        [numbers[f"layers.{i}.neurons.0.{name}"] for name in ("w.0", "b")] for i in (0, 1)
    ]
    z = w1 * x + b1
    h = max(z, 0.0)
    y = w2 * h + b2
    delta_2 = y - t
    delta_1 = delta_2 * w2 if z > 0.0 else 0.0
    answers = [each.answer for each in (*sheet.forward, *sheet.backward)]
    by_hand = [z, h, y, y - t, (y - t) ** 2, (y - t) ** 2 / 2.0]
    assert answers[:6] == pytest.approx(by_hand, abs=1e-12)
    gradients = {symbol.partition("/d")[2].strip("()"): x for symbol, x in asked(sheet).items()}
    for name, gradient in {
        "layers.1.neurons.0.w.0": delta_2 * h,
        "layers.1.neurons.0.b": delta_2,
        "layers.0.neurons.0.w.0": delta_1 * x,
        "layers.0.neurons.0.b": delta_1,
    }.items():
        assert gradients[name] == pytest.approx(gradient, abs=1e-12), name


def test_the_key_has_every_path() -> None:
    sheet = drawn(product_of_sums(), seed=1)
    (of_a,) = [each for each in sheet.backward if as_text(each.asks) == "dL/da = "]
    lines = [as_text(line) for line in of_a.key]
    assert [line[:8] for line in lines] == ["dL/da +="] * 2
    assert f", together {of_a.answer:g}" in lines[-1]
    (of_c,) = [each for each in sheet.backward if as_text(each.asks) == "dL/dc = "]
    assert [as_text(line)[:7] for line in of_c.key] == ["dL/dc ="]


def test_questions_stand_in_the_order_of_the_passes() -> None:
    symbols = list(asked(drawn(worked_example())))
    assert symbols[:2] == ["net_h1", "out_h1"]
    assert symbols.index("L") < symbols.index("dL/dE_o1") < symbols.index("dL/dnet_o1")
    assert symbols.index("dL/dnet_o1") < symbols.index("dL/dw5") < symbols.index("dL/dw1")
    assert "dL/di1" not in symbols  # an input
    assert "dL/dt1" not in symbols


def test_what_is_given_stands_in_the_order_of_its_use() -> None:
    names = list(given(drawn(worked_example())))
    assert names[:4] == ["i1", "i2", "t1", "t2"]
    assert names[4:7] == ["w1", "w2", "b1"]
    assert names[-2:] == ["w7", "w8"]


@pytest.mark.parametrize(
    ("n", "forward", "backward"), [(1, 0, 1), (2, 1, 1), (12, 6, 6), (31, 15, 16), (500, 15, 24)]
)
def test_so_many_questions_come_from_both_passes(n: int, forward: int, backward: int) -> None:
    sheet = drawn(worked_example(), n_questions=n)
    assert (len(sheet.forward), len(sheet.backward)) == (forward, backward)
    symbols = list(asked(sheet))
    assert len(set(symbols)) == len(symbols)
    assert symbols[-1] == "dL/db1"
    if forward:
        assert symbols[forward - 1] == "L"


def test_no_more_than_forty_are_asked_unless_a_person_says_so() -> None:
    model = MLP(3, [4, 2], activation="relu", rng=0)
    outputs = model.forward([label(0.5, f"x{i}") for i in range(3)])
    sheet = drawn(functional.sum([output.square() for output in outputs]))
    assert len(sheet.forward) + len(sheet.backward) == 40


def test_without_parameters_every_leaf_is_asked_about() -> None:
    loss = label(2.0, "a").square() * 3.0
    assert any(symbol.endswith("/da") for symbol in asked(drawn(loss)))


def test_functions_have_a_table_with_what_is_needed() -> None:
    loss = (label(0.5, "a").tanh() * label(0.5, "b").exp()).relu() + label(0.2, "c").tanh()
    sheet = drawn(loss, seed=3)
    rows = {as_text(row.called): row for row in sheet.functions}
    numbers = given(sheet)
    expected = {
        f"tanh({numbers['a']:g})": math.tanh(numbers["a"]),
        f"tanh({numbers['c']:g})": math.tanh(numbers["c"]),
        f"exp({numbers['b']:g})": math.exp(numbers["b"]),
    }
    assert {called: row.value for called, row in rows.items()} == pytest.approx(expected)
    assert [row.slopes for row in sheet.functions] == [()] * 3
    assert list(rows) == sorted(rows, key=lambda text: (text[:3], float(text[4:].strip("()h"))))


def test_a_slope_that_does_not_follow_from_the_value_is_given() -> None:
    sheet = drawn(functional.silu(label(0.5, "a")) * 2.0, seed=1)
    (row,), (x,) = sheet.functions, given(sheet).values()
    s = 1.0 / (1.0 + math.exp(-x))
    assert row.value == pytest.approx(x * s, rel=1e-12)
    assert row.slopes == pytest.approx([s * (1.0 + x * (1.0 - s))], rel=1e-12)


@pytest.mark.parametrize(
    ("build", "derivatives"),
    [
        (
            lambda: functional.logsumexp([label(0.5, "a"), label(0.2, "b")]),
            lambda a, b: [math.exp(x) / (math.exp(a) + math.exp(b)) for x in (a, b)],
        ),
        (
            lambda: apply(op_named("binary_cross_entropy"), label(0.5, "a"), label(0.5, "b")),
            lambda a, b: [1.0 / (1.0 + math.exp(-a)) - b, -a],
        ),
        (
            lambda: apply(op_named("elu"), label(0.5, "a"), label(0.5, "b")),
            lambda a, b: [1.0, 0.0] if a > 0.0 else [b * math.exp(a), math.exp(a) - 1.0],
        ),
    ],
)
def test_a_function_of_several_numbers_has_a_slope_for_each(
    build: Callable[[], Value], derivatives: Callable[[float, float], list[float]]
) -> None:
    for seed in range(3):
        loss = build() * 2.0
        sheet = drawn(loss, seed)
        (row,), (a, b) = sheet.functions, given(sheet).values()
        assert row.slopes == pytest.approx(derivatives(a, b), rel=1e-12)
        gradients = {name: x for name, x in asked(sheet).items() if name.endswith(("/da", "/db"))}
        assert list(gradients.values()) == pytest.approx([2.0 * x for x in row.slopes], rel=1e-12)
        page = plain(sheet_page(sheet, "<svg/>", "By hand", seed, with_key=False))
        assert f"slopes {', '.join(map(written, row.slopes))}" in page
        assert "the derivatives by the numbers in the brackets, in their order" in page


def test_of_one_slope_no_order_is_said() -> None:
    page = plain(page_of(functional.silu(label(0.5, "a")) * 2.0))
    assert "slope 0." in page or "slope −0." in page
    assert "in their order" not in page
    assert "slope" not in plain(page_of(label(0.5, "a").tanh() * 2.0))


# The page


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.1 * 0.3, "0.03"),
        (2.0, "2"),
        (-2.5, "−2.5"),
        (0.138498562, "0.1385"),
        (0.99999, "1"),
        (100.0, "100"),
        (1234.5, "1234.5"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.0001, "0.0001"),
        (0.00012, "0.0001"),
        (0.000012, "0.000012"),
        (1.2345e-9, "1.2e-9".replace("-", "−")),
    ],
)
def test_numbers_have_four_decimals_and_no_zeros_at_the_end(x: float, text: str) -> None:
    assert written(x) == text


def test_a_page_has_questions_blanks_and_the_key() -> None:
    page = page_of(worked_example(), seed=7)
    assert page.count("class='blank'") == 39
    assert page.count("<li>") == 14 + 39 + 39  # given, asked, answered
    text = plain(page)
    assert "Sheet 7" in text
    assert "Key to sheet 7" in text
    assert "sigmoid" in text
    assert "rounded to 4 decimals" in text
    assert "none has to be rounded" in plain(page_of(relu_loss()))
    assert "Values of functions" not in plain(page_of(relu_loss()))


def test_the_key_says_the_numbers_of_the_engine() -> None:
    loss = worked_example()
    page = page_of(worked_example(), seed=2, names="code")
    draw_numbers(loss, 2)
    sheet = sheet_of(loss, None, names="code")
    bold = re.findall(r"<li><b>([^<]+)</b>", page)
    assert bold == [written(each.answer) for each in (*sheet.forward, *sheet.backward)]


def test_one_seed_gives_one_page(tmp_path: Path) -> None:
    model = MLP(2, [2, 1], activation="tanh", rng=0)
    first = viz.worksheet(model, tmp_path / "a.html", seed=3).read_bytes()
    assert viz.worksheet(model, tmp_path / "new" / "b.htm", seed=3).read_bytes() == first
    assert viz.worksheet(model, str(tmp_path / "c.html"), seed=4).read_bytes() != first
    assert viz.worksheet(model, tmp_path / "d.html").read_bytes() != first
    assert page_of(model, seed=3).encode() == first


def test_the_file_is_called_sheet_unless_said_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert viz.worksheet(relu_loss()) == Path("sheet.html")
    assert Path("sheet.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_key_can_be_left_out_or_stand_in_a_file(tmp_path: Path) -> None:
    loss = worked_example()
    assert "Key to" not in page_of(loss, answers=False)
    page = page_of(loss, answers=tmp_path / "key.html", seed=5)
    key = (tmp_path / "key.html").read_text(encoding="utf-8")
    whole = page_of(loss, seed=5)
    assert "Key to" not in page
    assert whole.partition("<section class='key'>")[2].partition("</section>")[0] in key
    assert "class='blank'" not in key
    assert "<h2>Given</h2>" in key


@pytest.mark.parametrize("seed", [0, 1])
def test_what_was_given_stays_as_it_is(seed: int) -> None:
    model = MLP(2, [2, 1], activation="tanh", rng=0)
    loss = (model([0.5, -1.0]) - 1.0).square()
    loss.backward()
    before = [(x.data, x.grad, x.partials, x.label, x.has_grad) for x in topological_order(loss)]
    page_of(loss, seed=seed)
    page_of(model, seed=seed)
    after = [(x.data, x.grad, x.partials, x.label, x.has_grad) for x in topological_order(loss)]
    assert after == before
    fresh = MLP(2, [2, 1], activation="tanh", rng=0)
    page_of(fresh)
    assert not any(parameter.has_grad for parameter in fresh.parameters())


@pytest.mark.parametrize(
    ("build", "n_outputs"), [(lambda: MLP(2, [2, 1], rng=0), 1), (lambda: MLP(1, [3], rng=0), 3)]
)
def test_a_model_has_half_of_the_squared_error(build: Callable[[], MLP], n_outputs: int) -> None:
    text = plain(page_of(build()))
    for place in range(1, n_outputs + 1):
        which = str(place) if n_outputs > 1 else ""
        assert f"e{which} = " in text
        assert f"s{which} = e{which}²" in text
    assert ("E1 + E2" in text) == (n_outputs > 1)


def test_a_sample_of_a_model_is_drawn_from_more_than_two_numbers() -> None:
    pages = [plain(page_of(MLP(2, [1], rng=0), seed=seed)) for seed in range(8)]
    for name in ("x1", "x2", "t"):
        numbers = {re.findall(f"{name} = (−?[0-9.]+?)(?=[a-z])", page)[0] for page in pages}
        assert len(numbers) > 2, name
        assert "0" not in numbers


def test_a_single_layer_and_a_sequence_work_too() -> None:
    from tinygrad_mlp.nn import Layer, Neuron

    assert "Sheet 0" in plain(page_of(Layer(2, 1, rng=0)))
    assert "Sheet 0" in plain(page_of(Neuron(2, rng=0)))


def test_hostile_labels_are_only_shown() -> None:
    page = page_of(hostile_loss(), title=HOSTILE[1])
    assert "<script" not in page
    assert "<img src=x" not in page
    assert page.count("<img ") == 1
    assert html.escape(HOSTILE[1]) in page
    assert "\u202e" not in page
    assert "\x00" not in page
    assert "<script" not in page_of(hostile_loss(), names="code")


def test_the_page_may_fetch_and_run_nothing() -> None:
    page = page_of(relu_loss())
    found = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert found is not None
    assert found[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in found[1]
    assert "http" not in page.replace("http-equiv", "")


def test_names_and_indices_are_those_of_drawings() -> None:
    model = MLP(2, [1], rng=0)
    assert "<i>w</i><sub>12</sub>" in page_of(model)
    assert "<i>w</i><sub>21</sub>" in page_of(model, index="input,unit")
    assert "neurons.0.w.1" in page_of(model, names="code")


def test_a_notebook_shows_the_page() -> None:
    assert viz.worksheet(relu_loss(), None)._repr_html_().startswith("<iframe")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: viz.worksheet(3.0), NotANumberError, "made of a loss or a model"),  # type: ignore[call-overload]
        (lambda: viz.worksheet([relu_loss()]), NotANumberError, "a loss or a model"),  # type: ignore[call-overload]
        (lambda: page_of(Value(3.0)), GraphError, "the Value is a leaf"),
        (lambda: page_of(MLP(9, [9, 9], rng=0)), GraphError, "more than the 150"),
        (lambda: page_of(Module()), GraphError, "n_inputs"),
        (lambda: viz.worksheet(relu_loss(), "a.pdf"), UnknownNameError, "a.pdf"),
        (lambda: page_of(relu_loss(), answers="k.txt"), UnknownNameError, "k.txt"),
        (lambda: page_of(relu_loss(), answers=None), InvalidArgumentError, "name is needed"),
        (lambda: page_of(relu_loss(), seed=-1), InvalidArgumentError, "seed is -1"),
        (lambda: page_of(relu_loss(), seed=0.5), InvalidArgumentError, "seed is 0.5"),
        (lambda: page_of(relu_loss(), n_questions=0), InvalidArgumentError, "n_questions is 0"),
        (lambda: page_of(relu_loss(), title=3), InvalidArgumentError, "title is 3"),
        (lambda: page_of(relu_loss(), names="greek"), UnknownNameError, "greek"),
        (lambda: page_of(relu_loss(), index="unit"), UnknownNameError, "unit"),
    ],
)
def test_wrong_arguments_are_refused(
    call: Callable[[], object],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=re.escape(message)):
        call()
    assert list(tmp_path.iterdir()) == []


def test_the_key_does_not_replace_the_sheet(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot both be"):
        viz.worksheet(relu_loss(), tmp_path / "a.html", answers=tmp_path / "." / "a.html")
    assert list(tmp_path.iterdir()) == []


def test_questions_know_their_equations() -> None:
    sheet = drawn(label(0.5, "z").sigmoid() * 2.0)
    first: Asked = sheet.forward[0]
    assert as_text(first.asks).endswith(" = sigmoid(z) = ")
    assert op_named("sigmoid").formula not in as_text(first.key[0])
