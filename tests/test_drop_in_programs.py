"""Programs of the hundred-line engines, with nothing changed but the import.

``PROGRAMS`` are written for both engines; they run with micrograd and with ours, and what they
print is compared. What only ours has, or refuses, follows.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp.data import make_moons


def library(name: str) -> SimpleNamespace:
    """What a program imports from the engine and its networks."""
    engine = importlib.import_module(f"{name}.engine")
    networks = importlib.import_module(f"{name}.nn")
    names = {each: getattr(networks, each) for each in ("Neuron", "Layer", "MLP", "Module")}
    return SimpleNamespace(Value=engine.Value, **names)


# The drawing of the well-known notebook


def trace_graph(root: Any) -> tuple[set[Any], set[Any]]:
    nodes, edges = set(), set()

    def visit(v: Any) -> None:
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                visit(child)

    visit(root)
    return nodes, edges


def draw_dot(root: Any) -> Any:
    from graphviz import Digraph

    dot = Digraph(format="svg", graph_attr={"rankdir": "LR"})
    nodes, edges = trace_graph(root)
    for n in nodes:
        name = str(id(n))
        label = "{ data %.4f | grad %.4f }" % (n.data, n.grad)  # noqa: UP031
        dot.node(name=name, label=label, shape="record")
        if n._op:
            dot.node(name=name + n._op, label=n._op)
            dot.edge(name + n._op, name)
    for n1, n2 in edges:
        dot.edge(str(id(n1)), str(id(n2)) + n2._op)
    return dot


def an_expression(lib: SimpleNamespace) -> Any:
    a, b = lib.Value(-4.0), lib.Value(2.0)
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + b * a
    d = d + d * 2 + (b + a).relu()
    e = c * d + d**2
    return (e * 0.5 + 10.0 * b**-1).relu()


def drawing(lib: SimpleNamespace) -> list[str]:
    root = an_expression(lib)
    root.backward()
    lines = draw_dot(root).source.splitlines()
    known: dict[str, str] = {}  # boxes by what they show, since their names are addresses
    for line in lines:
        if "[label=" in line:
            name, _, shown = line.strip().partition(" ")
            known[name.strip('"')] = shown
    edges = [line.strip().split(" -> ") for line in lines if "->" in line]
    shown = [" -> ".join(known[end.strip('"')] for end in edge) for edge in edges]
    return sorted([*known.values(), *shown])


# The loop by hand


def by_hand(lib: SimpleNamespace) -> list[float]:
    root = an_expression(lib)
    order: list[Any] = []
    visited: set[Any] = set()

    def visit(v: Any) -> None:
        if v not in visited:
            visited.add(v)
            for child in v._prev:
                visit(child)
            order.append(v)

    visit(root)
    root.grad = 1.0
    for node in reversed(order):
        node._backward()
    return sorted([float(node.grad) for node in order if not node._prev])


def one_node_at_a_time(lib: SimpleNamespace) -> list[float]:
    x1, x2 = lib.Value(2.0), lib.Value(0.5)
    w1, w2, b = lib.Value(-3.0), lib.Value(1.0), lib.Value(6.88)
    x1w1, x2w2 = x1 * w1, x2 * w2
    total = x1w1 + x2w2
    n = total + b
    o = n.relu()
    o.grad = 1.0
    for node in (o, n, b, total, x2w2, x1w1):
        node._backward()
    return [v.grad for v in (x1, x2, w1, w2, b, n)]


# Training on moons, in the loop of the notebook


def with_equal_weights(model: Any) -> Any:
    rng = np.random.default_rng(1)
    for p in model.parameters():
        p.data = rng.uniform(-1.0, 1.0)
    return model


def training(lib: SimpleNamespace) -> list[float]:
    X, y = make_moons(20, noise=0.1, rng=0)
    y = y * 2 - 1
    model = with_equal_weights(lib.MLP(2, [4, 4, 1]))
    printed = [float(len(model.parameters()))]

    def loss() -> tuple[Any, float]:
        inputs = [list(map(lib.Value, row)) for row in X]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores)]
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * sum(p * p for p in model.parameters())
        right = [(yi > 0) == (score.data > 0) for yi, score in zip(y, scores)]
        return data_loss + reg_loss, sum(right) / len(right)

    for k in range(10):
        total, accuracy = loss()
        model.zero_grad()
        total.backward()
        rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= rate * p.grad
        printed += [total.data, accuracy]
    return printed


def regression(lib: SimpleNamespace) -> list[float]:
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    ys = [1.0, -1.0, -1.0, 1.0]
    n = with_equal_weights(lib.MLP(3, [4, 4, 1]))
    printed = []
    for _ in range(5):
        ypred = [n(x) for x in xs]
        loss = sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred))
        for p in n.parameters():
            p.grad = 0.0
        loss.backward()
        for p in n.parameters():
            p.data += -0.01 * p.grad
        printed.append(loss.data)
    return printed


def pieces(lib: SimpleNamespace) -> list[float]:
    neuron, layer = with_equal_weights(lib.Neuron(3)), with_equal_weights(lib.Layer(3, 2))
    x = [1.0, -2.0, 3.0]
    outs = [neuron(x), *layer(x)]
    assert isinstance(neuron, lib.Module)
    assert (len(neuron.w), neuron.b in neuron.parameters(), len(layer.neurons)) == (3, True, 2)
    return [out.data for out in outs]


PROGRAMS: Final[dict[str, Callable[[SimpleNamespace], list[Any]]]] = {
    "drawing": drawing,
    "by hand": by_hand,
    "one node at a time": one_node_at_a_time,
    "training": training,
    "regression": regression,
    "pieces": pieces,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_with_nothing_changed_but_the_import(name: str) -> None:
    ours, theirs = (PROGRAMS[name](library(each)) for each in ("tinygrad_mlp", "micrograd"))
    assert theirs
    if isinstance(theirs[0], str):
        assert ours == theirs
    else:
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)
