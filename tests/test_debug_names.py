"""Names as books write them in the step log, the console, a chain and on the command line."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest

from tests.debugging import product_of_sums
from tests.running import run_python
from tinygrad_mlp import MLP, Value
from tinygrad_mlp.debug import break_when, chain, trace_backward, trace_forward
from tinygrad_mlp.debug._notation import notation_of
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import UnknownNameError

WEIGHTS = ((0.5, -0.25), (0.75, 0.5), (-1.0, 0.25))
BIASES = (0.125, -0.5, 0.25)
OUT, OUT_BIAS = (1.0, -2.0, 0.5), 0.25


def exam(labels: bool = True) -> tuple[MLP, Value]:
    """2 inputs, 3 sigmoid units, 1 sigmoid output; L = (y - 1)^2 / 2, as on many exam papers."""
    model = MLP(2, [3, 1], activation="sigmoid", output_activation="sigmoid", rng=0)
    for neuron, weights, bias in zip(model.layers[0].neurons, WEIGHTS, BIASES, strict=True):
        for parameter, number in zip((*neuron.w, neuron.b), (*weights, bias), strict=True):
            parameter.data = number
    (neuron,) = model.layers[1].neurons
    for parameter, number in zip((*neuron.w, neuron.b), (*OUT, OUT_BIAS), strict=True):
        parameter.data = number
    x = [Value(1.0, label="x1"), Value(-2.0, label="x2")] if labels else [1.0, -2.0]
    y = model(x)
    return model, 0.5 * (y - 1.0).square()


def sigmoid(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z))


def by_hand() -> dict[str, float]:
    """The numbers of the exam, with nothing but Python's math."""
    z = [w[0] * 1.0 + w[1] * -2.0 + b for w, b in zip(WEIGHTS, BIASES, strict=True)]
    h = [sigmoid(each) for each in z]
    y = sigmoid(sum(v * each for v, each in zip(OUT, h, strict=True)) + OUT_BIAS)
    delta_out = (y - 1.0) * y * (1.0 - y)
    delta_2 = delta_out * OUT[1] * h[1] * (1.0 - h[1])
    return {"delta_out": delta_out, "delta_2": delta_2, "w_12": delta_2 * 1.0, "w_22": -2 * delta_2}


# The step log


def test_the_exam_in_the_names_of_books() -> None:
    model, loss = exam()
    lines = list(map(str, trace_backward(loss, names="math", index="input,unit")))
    known = by_hand()
    weight = model.layers[0].neurons[1].w[0]
    assert weight.grad == pytest.approx(known["w_12"], rel=1e-12)
    of_w = [line for line in lines if line.startswith("dL/dw₁₂⁽¹⁾ ")]
    delta = f"{known['delta_2']:.4f}".rstrip("0")
    assert of_w == [f"dL/dw₁₂⁽¹⁾ += dL/dz₂⁽¹⁾ * dz₂⁽¹⁾/dw₁₂⁽¹⁾ = {delta} * 1 = {delta}"]
    deltas = [line for line in lines if "δ" in line]
    assert [line.rpartition(", ")[2] for line in deltas] == [
        "δ₁⁽²⁾ = dL/dz₁⁽²⁾",
        "δ₃⁽¹⁾ = dL/dz₃⁽¹⁾",
        "δ₂⁽¹⁾ = dL/dz₂⁽¹⁾",
        "δ₁⁽¹⁾ = dL/dz₁⁽¹⁾",
    ]
    assert all(line.startswith(f"dL/d{name} += ") for line, name in zip(deltas, ("z₁⁽²⁾", "z₃⁽¹⁾")))
    assert any(line.startswith("dL/dw₀₂⁽¹⁾ += ") for line in lines)
    assert any(line.startswith("dL/dx1 += ") for line in lines)


def test_a_forward_pass_in_the_names_of_books() -> None:
    lines = [str(step) for step in trace_forward(exam()[1], names="math")]
    assert lines[0] == (
        "z₁⁽¹⁾ = w₁₁⁽¹⁾ * x1 + w₁₂⁽¹⁾ * x2 + b₁⁽¹⁾ = 0.5 * 1 + (-0.25) * (-2) + 0.125 = 1.125"
    )
    assert lines[1].startswith("h₁⁽¹⁾ = 1 / (1 + exp(-z₁⁽¹⁾)) = ")
    assert lines[7].startswith("ŷ₁ = 1 / (1 + exp(-z₁⁽²⁾)) = ")
    assert lines[-1].startswith("L = 0.5 * v")
    plain = str(trace_forward(exam(labels=False)[1], names="math")[0])
    assert plain.startswith("z₁⁽¹⁾ = w₁₁⁽¹⁾ * 1 + w₁₂⁽¹⁾ * (-2) + b₁⁽¹⁾ = ")


def test_the_log_of_a_program_has_the_names_of_the_program() -> None:
    _, loss = exam()
    for names in ("auto", "code"):
        assert (
            trace_forward(loss, names=names)[0]
            .equation()
            .startswith("v11 = layers.0.neurons.0.w.0 * x1 + layers.0.neurons.0.w.1 * x2 + ")
        )
        assert "δ" not in "".join(map(str, trace_backward(loss, names=names)))
    assert trace_forward(loss)[0].equation() == trace_forward(loss, names="code")[0].equation()
    assert trace_forward(loss)[0].latex().startswith("z_{1}^{(1)} = w_{11}^{(1)}")
    assert r"\texttt{layers.0" in trace_forward(loss, names="code")[0].latex()


def test_a_chain_in_the_names_of_books() -> None:
    model, loss = exam()
    weight = model.layers[0].neurons[1].w[0]
    text = str(chain(loss, weight, names="math", index="input,unit"))
    assert text.startswith("dL/dw₁₂⁽¹⁾ = dL/dv")
    assert text.splitlines()[0].endswith(
        " * dŷ₁/dz₁⁽²⁾ * dz₁⁽²⁾/dh₂⁽¹⁾ * dh₂⁽¹⁾/dz₂⁽¹⁾ * dz₂⁽¹⁾/dw₁₂⁽¹⁾"
    )
    assert "w_{12}^{(1)}" in chain(loss, weight, index="input,unit").latex()
    assert str(chain(loss, weight)).startswith("dv27/d(layers.0.neurons.1.w.0) = ")


@pytest.mark.parametrize("label", ["w₂₁⁽¹⁾", "w[1]_21", "layers.0.neurons.1.w.0"])
def test_a_breakpoint_takes_all_spellings(label: str) -> None:
    model, loss = exam()
    trace = trace_backward(loss, break_when(label=label), names="math")
    assert trace.hit is not None
    assert trace[-1].parent is model.layers[0].neurons[1].w[0]


def test_a_breakpoint_at_no_label_and_at_names_that_are_not_in_use() -> None:
    _, loss = exam()
    for label in ("", "w[1]_21"):
        with pytest.raises(UnknownNameError, match=r"known: .*layers\.0"):
            trace_backward(loss, break_when(label=label))
    with pytest.raises(UnknownNameError, match=r"unknown label 'w\[1\]_33'.*w\[1\]_32"):
        trace_backward(loss, break_when(label="w[1]_33"), names="math")


def test_a_graph_without_units_keeps_its_names() -> None:
    loss = product_of_sums()
    assert list(map(str, trace_backward(loss, names="math"))) == list(
        map(str, trace_backward(loss))
    )
    plain = (Value(2.0) + 1.0).exp()
    assert [str(step) for step in trace_forward(plain, names="math")] == [
        "v2 = v0 + 1 = 2 + 1 = 3",
        "v3 = exp(v2) = exp(3) = 20.0855",
    ]


def test_a_label_stands_as_a_person_wrote_it() -> None:
    model, loss = exam()
    hidden = next(node for node in topological_order(loss) if node.op and node.op.name == "sigmoid")
    hidden.label = "net_1"
    model.layers[1].neurons[0].w[0].label = "L"
    written = notation_of(topological_order(loss)).written
    assert written[hidden] == "net_1"
    assert written[model.layers[1].neurons[0].w[0]] == "L"
    assert written[loss] == "L#2"
    assert len(set(written.values())) == len(written)


def test_a_name_that_the_program_gave_is_no_label_of_a_person() -> None:
    _, loss = exam()
    computed = [x for x in topological_order(loss) if x.op and x.op.name in ("dot", "sigmoid")]
    kinds = {"dot": "net", "sigmoid": "out"}
    places = (
        "layers.0.neurons.0",
        "layers.0.neurons.1",
        "layers.0.neurons.2",
        "layers.1.neurons.0",
    )
    for node, place in zip(computed, [place for place in places for _ in kinds], strict=True):
        assert node.op is not None
        node.label = f"{place}.{kinds[node.op.name]}"
    notation = notation_of(topological_order(loss))
    assert [notation.written[node] for node in computed] == [
        *("z₁⁽¹⁾", "h₁⁽¹⁾", "z₂⁽¹⁾", "h₂⁽¹⁾", "z₃⁽¹⁾", "h₃⁽¹⁾"),
        *("z₁⁽²⁾", "ŷ₁"),
    ]
    assert len(notation.deltas) == 4
    session = Session(loss)
    assert session.node("layers.0.neurons.2.net") is session.node("z[1]_3") is computed[4]
    assert Session(loss, names="code").names[computed[4]] == "layers.0.neurons.2.net"
    computed[4].label = "layers.0.neurons.2.out"  # which it is not, so a person says it
    assert notation_of(topological_order(loss)).written[computed[4]] == "layers.0.neurons.2.out"


def test_a_labeled_sum_has_no_delta() -> None:
    _, loss = exam()
    for node in topological_order(loss):
        if node.op and node.op.name == "dot":
            node.label = "net"
    assert "δ" not in "".join(map(str, trace_backward(loss, names="math")))


@pytest.mark.parametrize("words", [{"names": "books"}, {"index": "unit"}])
def test_other_words_are_refused(words: dict[str, str]) -> None:
    loss = product_of_sums()
    for call in (
        lambda: trace_backward(loss, **words),  # type: ignore[arg-type]
        lambda: trace_forward(loss, **words),  # type: ignore[arg-type]
        lambda: chain(loss, loss, **words),  # type: ignore[arg-type]
        lambda: Session(loss, **words),
    ):
        with pytest.raises(UnknownNameError, match=r"math|unit,input"):
            call()


# The console


def console(*commands: str, index: str = "unit,input", encoding: str = "utf-8") -> list[str]:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    session = Session(exam()[1], index=index)
    Console(session, stdin=io.StringIO("\n".join(commands)), stdout=out).run()
    out.seek(0)
    return [line for line in out.read().splitlines() if not line.startswith("(step)")]


def test_the_console_takes_all_spellings_and_answers_in_one() -> None:
    number = f"data = {WEIGHTS[1][0]}, dL/dw₂₁⁽¹⁾ = -"
    spellings = ("w[1]_21", "w₂₁⁽¹⁾", "w_21^(1)", "w_{21}^{(1)}", "layers.0.neurons.1.w.0")
    for spelling in spellings:
        assert console(f"print {spelling}") == [f"w₂₁⁽¹⁾ (leaf): {number}"]
    assert console("print w[1]_12", index="input,unit") == [
        f"w₁₂⁽¹⁾ (leaf): data = {WEIGHTS[1][0]}, dL/dw₁₂⁽¹⁾ = -"
    ]


def test_the_console_knows_delta() -> None:
    known = by_hand()
    for spelling in ("delta[1]_2", "δ₂⁽¹⁾", r"\delta_{2}^{(1)}"):
        _, _, line = console("end", f"print {spelling}")
        head, _, gradient = line.rpartition(" = ")
        assert head.startswith("z₂⁽¹⁾ (dot): data = ")
        assert head.endswith(", δ₂⁽¹⁾ = dL/dz₂⁽¹⁾")
        assert float(gradient) == pytest.approx(known["delta_2"], rel=1e-12)
    with pytest.raises(UnknownNameError, match=r"known: .*z\[1\]_2"):
        Session(exam()[1]).node("delta[3]_2")


def test_the_console_goes_to_a_weight_of_the_exam() -> None:
    (line,) = console("to w[1]_12", index="input,unit")[-1:]
    known = by_hand()
    number = f"{known['w_12']:.4f}".rstrip("0")
    assert line.endswith(f"dL/dw₁₂⁽¹⁾ += dL/dz₂⁽¹⁾ * dz₂⁽¹⁾/dw₁₂⁽¹⁾ = {number} * 1 = {number}")
    begin = console("next 8", "next 3")
    assert "the forward pass is over; the backward pass begins with dL/dL = 1" in begin[-1]


def test_a_break_and_an_expanded_sum_have_these_names() -> None:
    lines = console("break w[1]_21", "continue", "expand z[1]_2")
    assert lines[0] == "1: at w₂₁⁽¹⁾"
    assert lines[2].strip() == "stop: at w₂₁⁽¹⁾"
    assert lines[3] == "z₂⁽¹⁾: 2 products"
    assert "p1 = w₂₁⁽¹⁾ * x1: dL/dp1 = dL/dz₂⁽¹⁾ * dz₂⁽¹⁾/dp1 = " in lines[4]
    assert console("back w[1]_21") == [
        "line 1: back takes a number of steps; to stop at w[1]_21: break w[1]_21"
    ]


def test_a_terminal_without_small_digits_gets_names_as_they_are_typed() -> None:
    lines = console("to w[1]_21", "print delta[1]_2", encoding="cp1252")
    assert "dL/dw[1]_21 += dL/dz[1]_2 * dz[1]_2/dw[1]_21 = " in lines[0]
    assert lines[1].startswith("z[1]_2 (dot): ")
    assert ", delta[1]_2 = dL/dz[1]_2 = " in lines[1]
    assert "?" not in "".join(console("end", "print", "list", encoding="ascii"))


def test_completion_is_in_letters_of_every_keyboard() -> None:
    walk = Console(Session(exam()[1]), stdin=io.StringIO(), stdout=io.StringIO())
    found = walk.completedefault("w[1]", "print w[1]", 6, 10)
    assert found == [f"w[1]_{j}{i}" for j in (1, 2, 3) for i in (1, 2)]
    assert "layers.0.neurons.2.b" in walk.completedefault("lay", "print lay", 6, 9)
    assert walk.completedefault("w₂₁", "print w₂₁", 6, 9) == ["w₂₁⁽¹⁾", "w₂₁⁽²⁾"][:1]
    code = Console(Session(exam()[1], names="code"), stdin=io.StringIO(), stdout=io.StringIO())
    assert code.completedefault("w[1]", "print w[1]", 6, 10) == []


def test_a_session_in_the_names_of_the_program_knows_those_of_books() -> None:
    model, loss = exam()
    session = Session(loss, names="code", index="input,unit")
    weight = model.layers[0].neurons[1].w[0]
    assert session.node("w[1]_12") is weight
    assert session.names[weight] == "layers.0.neurons.1.w.0"
    assert Session(loss, names="auto").names[weight] == "w₂₁⁽¹⁾"


def test_after_a_leaf_is_set_the_names_are_the_same() -> None:
    lines = console("end", "set w[1]_21 0.5", "print w[1]_21")
    assert lines[-1].startswith("w₂₁⁽¹⁾ (leaf): data = 0.5, dL/dw₂₁⁽¹⁾ = ")
    assert "dL/d" in lines[-3]
    assert "₍" not in "".join(lines)


# The command line


def test_the_command_line_says_which_names(tmp_path: Path) -> None:
    script = tmp_path / "exam.py"
    script.write_text(
        "from tinygrad_mlp import MLP\n"
        "def loss():\n"
        "    model = MLP(2, [3, 1], activation='sigmoid', rng=0)\n"
        "    return model([1.0, -2.0]).square()\n"
    )

    def lines(*arguments: str) -> str:
        command = ["-m", "tinygrad_mlp", "step", f"{script}:loss", *arguments]
        return run_python(*command, folder=tmp_path, typed="next\n")

    assert "z₁⁽¹⁾ = w₁₁⁽¹⁾ * 1 + w₁₂⁽¹⁾ * (-2) + b₁⁽¹⁾ = " in lines()
    assert "z₁⁽¹⁾ = w₁₁⁽¹⁾ * 1 + w₂₁⁽¹⁾ * (-2) + w₀₁⁽¹⁾ = " in lines("--index", "input,unit")
    assert " = layers.0.neurons.0.w.0 * 1 + " in lines("--names", "code")
