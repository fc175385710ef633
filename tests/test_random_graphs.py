"""Random graphs: the engine against a naive twin and against torch, node by node.

Hypothesis builds them from every operation of the table, with shared subexpressions, repeated
parents, constants and inputs that nothing uses. A state machine then builds, differentiates,
changes leaves and clears gradients in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from torch import Tensor

from tests import twin
from tests.torch_reference import reference
from tests.twin import Twin
from tinygrad_mlp import ops
from tinygrad_mlp.derivatives import evaluate, grad, hessian
from tinygrad_mlp.engine import Value, apply, as_value, topological_order
from tinygrad_mlp.ops import OPS, Op

LARGE: Final = 4.0
NEAR: Final = 1e-6


def to_whole_number(x: float) -> float:
    return abs(x - round(x))


DISTANCE_TO_KINK: Final[dict[str, Callable[..., float]]] = {
    "abs": abs,
    "clamp": lambda x, low, high: min(abs(x - low), abs(x - high)),
    "elu": lambda x, alpha: abs(x),
    "equal": lambda a, b: abs(a - b),
    "floor_divide": lambda a, b: to_whole_number(a / b) if b else 0.0,
    "greater": lambda a, b: abs(a - b),
    "greater_equal": lambda a, b: abs(a - b),
    "leaky_relu": lambda x, slope: abs(x),
    "less": lambda a, b: abs(a - b),
    "less_equal": lambda a, b: abs(a - b),
    "maximum": lambda a, b: abs(a - b),
    "minimum": lambda a, b: abs(a - b),
    "mod": lambda a, b: to_whole_number(a / b) if b else 0.0,
    "relu": abs,
    "round": lambda x: to_whole_number(x + 0.5),
    "sign": abs,
    "where": lambda condition, a, b: abs(condition),
}
"""Where rounding decides between two pieces, two engines may take different ones."""

NUMBERS: Final = st.sampled_from([0.0, 1.0, -1.0, 0.5]) | st.floats(-2.0, 2.0, width=32)
A_FEW_OPS: Final = [OPS[name] for name in ("add", "mul", "sub", "tanh", "relu", "maximum", "dot")]


class Graph:
    """One computation in two engines, ours and the twin; node i of one is node i of the other.

    An operand outside the operation's domain is moved inside by adding a constant; one that has
    grown large is scaled down. So every number stays finite, and every gradient well conditioned.
    """

    def __init__(self, on_kinks: bool = True) -> None:
        self.values: list[Value] = []
        self.twins: list[Twin] = []
        self.on_kinks = on_kinks
        self.lines: list[str] = []

    def __repr__(self) -> str:
        return "\n".join(["", *self.lines])

    def leaf(self, number: float) -> int:
        return self.add(Value(number), Twin(number), f"Value({number})")

    def constant(self, number: float) -> int:
        return self.add(as_value(number), Twin(number), f"as_value({number})")

    def add(self, value: Value, double: Twin, line: str) -> int:
        self.lines.append(f"n{len(self.values)} = {line}  # {value.data}")
        self.values.append(value)
        self.twins.append(double)
        return len(self.values) - 1

    def compute(self, op: Op, operands: Sequence[int]) -> int:
        """The op on exactly these nodes."""
        value = apply(op, *(self.values[index] for index in operands))
        double = twin.apply(op.name, *(self.twins[index] for index in operands))
        return self.add(value, double, f"{op.name}({', '.join(f'n{i}' for i in operands)})")

    def apply(self, op: Op, operands: Sequence[int]) -> int:
        """The op on these nodes, moved to where it is defined and has a derivative."""
        intervals = op.reference.domain * len(operands) if op.variadic else op.reference.domain
        moved = [self._moved(index, *interval) for index, interval in zip(operands, intervals)]
        if op is ops.POW_NUMBER:
            moved[1] = self.constant(self.values[moved[1]].data)
        distance = DISTANCE_TO_KINK.get(op.name)
        if distance is not None and len(set(moved)) == len(moved):
            exact = self.on_kinks and all(self.values[index].is_leaf for index in moved)
            if distance(*(self.values[index].data for index in moved)) < NEAR and not exact:
                moved[0] = self.compute(ops.ADD, [moved[0], self.constant(0.25)])
        return self.compute(op, moved)

    def _moved(self, index: int, low: float, high: float) -> int:
        number = self.values[index].data
        if low < number < high:
            return index
        if -low == high == LARGE:
            return self.compute(ops.MUL, [index, self.constant(0.75 * LARGE / abs(number))])
        return self.compute(ops.ADD, [index, self.constant((low + high) / 2 - number)])


class GraphAndTorch(Graph):
    """The same computation in torch as well."""

    def __init__(self, on_kinks: bool = True) -> None:
        super().__init__(on_kinks)
        self.tensors: list[Tensor] = []

    def add(self, value: Value, double: Twin, line: str) -> int:
        if value.is_leaf:
            tensor = torch.tensor([value.data], dtype=torch.float64, requires_grad=True)
        else:
            assert value.op is not None
            operands = [self.tensors[self.values.index(parent)] for parent in value.parents]
            tensor = reference(value.op)(*operands).to(torch.float64)
            tensor.requires_grad_()  # a comparison's result does not by itself
        self.tensors.append(tensor)
        return super().add(value, double, line)

    def torch_gradients(self, output: Tensor) -> list[float]:
        return [gradient.item() for gradient in self._gradients(output)]

    def torch_hessian(self, output: Tensor, indices: Sequence[int]) -> list[list[float]]:
        first = self._gradients(output)
        rows = [self._gradients(first[index]) for index in indices]
        return [[row[index].item() for index in indices] for row in rows]

    def _gradients(self, output: Tensor) -> list[Tensor]:
        """d output / d node for every node, 0 where torch sees no connection."""
        if not output.requires_grad:
            return [torch.zeros_like(tensor) for tensor in self.tensors]
        found = torch.autograd.grad(
            output, self.tensors, create_graph=True, allow_unused=True, materialize_grads=True
        )
        return list(found)


def n_operands(op: Op) -> st.SearchStrategy[int]:
    if op.arity is not None:
        return st.just(op.arity)
    return st.integers(2, 7) if op is ops.DOT else st.integers(1, 5)


@st.composite
def graphs(draw: st.DrawFn, max_steps: int, on_kinks: bool = True) -> GraphAndTorch:
    graph = GraphAndTorch(on_kinks)
    for number in draw(st.lists(NUMBERS, min_size=1, max_size=4)):
        graph.leaf(number)
    for _ in range(draw(st.integers(1, max_steps))):
        if draw(st.integers(0, 4)) == 0:
            graph.constant(draw(NUMBERS))
        op = draw(st.sampled_from(list(OPS.values())))
        nodes = st.integers(0, len(graph.values) - 1)
        size = draw(n_operands(op))
        graph.apply(op, draw(st.lists(nodes, min_size=size, max_size=size)))
    return graph


def assert_close(ours: Any, theirs: Any, tolerance: float) -> None:
    """Relative to the largest number of all: what cancels in a sum, cancels up to that."""
    largest = np.max(np.abs(theirs), initial=1.0)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * largest)


def test_the_twin_knows_every_operation() -> None:
    missing = set(OPS) - set(twin.RULES)
    assert not missing, f"{missing}: write its rule by hand into RULES of tests/twin.py"
    assert set(twin.RULES) == set(OPS)
    assert set(DISTANCE_TO_KINK) <= set(OPS)


# The tolerances are wider than for a single operation, since a dozen of them amplify the rounding.


@given(graphs(max_steps=12))
@settings(max_examples=250)
def test_values_and_gradients_are_those_of_the_twin_and_of_torch(graph: GraphAndTorch) -> None:
    output = graph.values[-1]
    output.backward()
    graph.twins[-1].backward()
    ours = [value.grad for value in graph.values]
    assert_close([v.data for v in graph.values], [t.item() for t in graph.tensors], 1e-11)
    assert_close([v.data for v in graph.values], [t.value for t in graph.twins], 1e-11)
    assert_close(ours, [double.grad for double in graph.twins], 1e-10)
    assert_close(ours, graph.torch_gradients(graph.tensors[-1]), 1e-10)
    connected = set(topological_order(output))
    assert all(value.has_grad == (value in connected) for value in graph.values)


@given(graphs(max_steps=12))
@settings(max_examples=50)
def test_grad_and_evaluate_repeat_the_numbers_of_the_engine(graph: GraphAndTorch) -> None:
    output = graph.values[-1]
    assert evaluate(output, {}) == output.data
    gradients = grad(output, graph.values)
    as_graphs = grad(output, graph.values, create_graph=True)
    assert not any(value.has_grad for value in graph.values)
    output.backward()
    assert gradients == [value.grad for value in graph.values]
    assert [graph.data for graph in as_graphs] == gradients


@given(graphs(max_steps=6, on_kinks=False))
@settings(max_examples=150)
def test_second_derivatives_are_torchs(graph: GraphAndTorch) -> None:
    # At an exponent of 0 torch leaves out the 1/x of its mixed second derivative.
    powers = [node for node in graph.values if node.op is ops.POW]
    assume(all([node.parents[1].data != 0.0 for node in powers]))
    leaves = [i for i, value in enumerate(graph.values) if value.is_leaf and value.op is None]
    ours = hessian(graph.values[-1], [graph.values[index] for index in leaves])
    assert_close(ours, graph.torch_hessian(graph.tensors[-1], leaves), 1e-9)


class EngineAndTwin(RuleBasedStateMachine):
    """Any order of building, backward, changing leaves and clearing gradients."""

    leaves: Bundle[int] = Bundle("leaves")
    nodes: Bundle[int] = Bundle("nodes")

    def __init__(self) -> None:
        super().__init__()
        self.graph = Graph()

    @initialize(targets=(leaves, nodes), number=NUMBERS)
    def start(self, number: float) -> int:
        return self.graph.leaf(number)

    @rule(targets=(leaves, nodes), number=NUMBERS)
    def make_a_leaf(self, number: float) -> int:
        return self.graph.leaf(number)

    @rule(target=nodes, op=st.sampled_from(A_FEW_OPS), operands=st.tuples(nodes, nodes, nodes))
    def compute(self, op: Op, operands: tuple[int, int, int]) -> int:
        return self.graph.apply(op, operands[: op.arity])

    @rule(target=nodes, node=nodes, number=NUMBERS)
    def multiply_by_a_number(self, node: int, number: float) -> int:
        return self.graph.apply(ops.MUL, [node, self.graph.constant(number)])

    @rule(leaf=leaves, number=NUMBERS)
    def change_a_leaf(self, leaf: int, number: float) -> None:
        self.graph.values[leaf].data = number
        self.graph.twins[leaf].value = number

    @rule(node=nodes)
    def backward(self, node: int) -> None:
        self.graph.values[node].backward()
        self.graph.twins[node].backward()

    @rule(node=nodes)
    def zero_grad(self, node: int) -> None:
        self.graph.values[node].zero_grad()
        self.graph.twins[node].grad = 0.0

    @rule(node=nodes, number=NUMBERS)
    def assign_grad(self, node: int, number: float) -> None:
        self.graph.values[node].grad = number
        self.graph.twins[node].grad = number

    @rule(node=nodes)
    def compute_the_gradient_alone(self, node: int) -> None:
        value, double = self.graph.values[node], self.graph.twins[node]
        doubles = self.graph.twins
        assert_close(grad(value, self.graph.values), [*map(double.derivative, doubles)], 1e-10)

    @invariant()
    def all_numbers_agree(self) -> None:
        values, twins = self.graph.values, self.graph.twins
        assert_close([v.data for v in values], [double.value for double in twins], 1e-12)
        assert_close([v.grad for v in values], [double.grad for double in twins], 1e-10)


EngineAndTwin.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestEngineAndTwin = EngineAndTwin.TestCase
