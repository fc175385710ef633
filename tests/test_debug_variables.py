"""A node without a label is called by the variable that held it, where that is known."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running import run_python
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import (
    detect_anomaly,
    names_of,
    record_creation,
    trace_backward,
    trace_forward,
)
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.losses import mean_absolute_error, mean_squared_error
from tinygrad_mlp.nn import Neuron


def called(build: Callable[[], Value]) -> list[str]:
    """What the nodes are called that were computed, in the order in which they are needed."""
    with record_creation():
        loss = build()
    names = names_of(topological_order(loss))
    return [name for node, name in names.items() if node.parents]


def leaf(text: str) -> Value:
    return Value(0.5, label=text)


def neuron(x: Value, w: Value, b: Value) -> Value:
    net = functional.dot([w], [x]) + b
    return functional.tanh(net)


def test_a_function_of_ones_own_has_the_names_of_its_variables() -> None:
    def loss() -> Value:
        hidden = neuron(leaf("x"), leaf("w"), leaf("b"))
        scaled = 2.0 * hidden
        return scaled.square()

    assert called(loss) == ["v4", "net", "hidden", "scaled", "v8"]


def test_the_log_and_its_names_of_books_use_them() -> None:
    with record_creation():
        loss = neuron(leaf("x"), leaf("w"), leaf("b")).square()
    assert trace_forward(loss)[1].equation().startswith("net = v3 + b = ")
    assert str(trace_backward(loss)[1]).startswith("dv6/dnet += dv6/dv5 * dv5/dnet = ")
    assert trace_forward(loss)[1].latex().startswith(r"\texttt{net} = ")


def test_without_recording_nothing_is_known() -> None:
    loss = neuron(leaf("x"), leaf("w"), leaf("b")).square()
    names = names_of(topological_order(loss))
    assert [name for node, name in names.items() if node.parents] == ["v3", "v4", "v5", "v6"]
    with detect_anomaly():
        loss = neuron(leaf("x"), leaf("w"), leaf("b")).square()
    assert "net" not in names_of(topological_order(loss)).values()


def test_a_variable_that_held_several_nodes_is_counted() -> None:
    def loss() -> Value:
        total = leaf("t")
        for _ in range(3):
            total = total + 1.0
        return total.exp()

    assert called(loss) == ["total", "total#2", "total#3", "v7"]


def test_a_variable_that_got_another_value_before_the_use_gives_no_name() -> None:
    def loss() -> Value:
        net = leaf("a").exp()
        kept = [net]
        net = leaf("b").exp()
        return kept[0] + net

    assert called(loss) == ["v1", "net", "v4"]


def test_a_label_comes_first_and_a_private_variable_does_not_count() -> None:
    def loss() -> Value:
        net = leaf("a").exp()
        net.label = "mine"
        _hidden = net.exp()
        return _hidden.exp()

    assert called(loss) == ["mine", "v2", "v3"]


def test_a_parameter_counts_where_nothing_else_holds_the_node() -> None:
    def activation(given: Value, *, by: Value) -> Value:
        return given.tanh() * by

    def loss() -> Value:
        outer = leaf("a").exp()
        return activation(outer, by=leaf("b").exp()) + activation(leaf("c").exp(), by=outer)

    assert called(loss) == ["outer", "v2", "by", "v5", "given", "v8", "v9", "v10"]


def test_variables_of_the_package_do_not_count_but_for_the_error_of_a_loss() -> None:
    def squared() -> Value:
        (output,) = Neuron(1, activation="tanh", rng=0).forward([leaf("x")])
        loss: Value = mean_squared_error([output, leaf("z").exp()], [1.0, 2.0])
        return loss

    names = called(squared)
    assert names == ["v5", "output", "error", "v8", "v11", "error#2", "v13", "v14", "v15"]
    assert called(lambda: mean_absolute_error([leaf("y")], [1.0]))[0] == "error"


def test_a_call_from_deep_inside_looks_at_eight_functions() -> None:
    def deep(n: int) -> None:
        if n:
            deep(n - 1)
        else:
            found.append(box[0].exp())

    box: list[Value] = []
    for n, name in ((6, "held"), (7, "v1")):
        found: list[Value] = []
        with record_creation():
            held = leaf("a").exp()
            box[:] = [held]
            deep(n)
        assert names_of(topological_order(found[0]))[held] == name


def test_a_known_name_keeps_nothing_alive_and_goes_with_a_copy() -> None:
    class Held:
        pass

    def loss(other: Held) -> Value:
        net = leaf("a").exp()
        return net.exp()

    held = Held()
    with record_creation():
        out = loss(held)
        gone = weakref.ref(held)
        del held
        gc.collect()
        assert gone() is None
        again = copy.deepcopy(out)
        assert (again.parents[0] + again).data == out.parents[0].data + out.data


def test_the_module_of_a_script_gives_names_too(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "from tinygrad_mlp import Value\n"
        "def squash(net):\n"
        "    twice = net + net\n"
        "    return twice.tanh()\n"
        "out = squash(Value(0.25, label='x').exp())\n"
    )
    text = run_python(
        *("-m", "tinygrad_mlp", "step", "script.py:out"), folder=tmp_path, typed="next 3\n"
    )
    lines = [line.partition("  ")[2].strip() for line in text.splitlines() if line.startswith("[")]
    assert lines == [
        "net = exp(x) = exp(0.25) = 1.284",
        "twice = net + net = 1.284 + 1.284 = 2.5681",
        "out = tanh(twice) = tanh(2.5681) = 0.9883",
    ]


@pytest.mark.parametrize("text", ["class", "x y"])
def test_a_label_that_is_no_word_of_python_is_a_label(text: str) -> None:
    a = Value(1.0, label=text)
    assert names_of([a])[a] == text


def test_a_variable_called_like_a_number_of_a_node_shares_its_name_with_none() -> None:
    with record_creation():
        x = Value(0.5, label="x")
        first = (x.exp() * 2.0, 3.0)
        v1 = first[0] - 1.0
        loss = v1.tanh()
    order = topological_order(loss)
    names = names_of(order)
    assert len(set(names.values())) == len(order)
    assert names[v1] == "v1"  # the variable of the program has the name
    assert names[order[1]] == "v1#2"
