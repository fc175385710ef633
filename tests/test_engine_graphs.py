"""Graphs as a whole: their order, their size, their copies, their end, and doing without them."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.running import run_python
from tinygrad_mlp import _reach, compile, functional, ops
from tinygrad_mlp._order import orders_of
from tinygrad_mlp.debug import record_creation
from tinygrad_mlp.engine import Value, apply, assign, enable_grad, no_grad, topological_order

NUMBERS: Final = np.random.default_rng(0)

# Order


def test_a_comparison_costs_nothing_in_the_graphs_that_have_none() -> None:
    x = Value(4.0)
    compared = apply(ops.LESS, x.sqrt(), Value(1.0)) * 2.0 + x
    pickle.loads(pickle.dumps(compared))
    order, reached = orders_of(compared)
    assert len(reached) < len(order)
    plain = functional.where(x > 1.0, x * x, x)
    loaded = pickle.loads(pickle.dumps(plain))
    for out in (plain, loaded):
        order, reached = orders_of(out)
        assert reached is order


def test_what_is_reached_depends_on_the_graph_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_reached() -> list[set[str]]:
        found = []
        for is_computed in (False, True):
            x, y = Value(4.0, label="x"), Value(3.0, label="y")
            decided = x.sqrt() if is_computed else x
            decided.label = "decided" if is_computed else "x"
            less = apply(ops.LESS, decided, y)
            for out in (less * y, functional.where(decided, y, x * y), less + decided.tanh()):
                order, reached = orders_of(out)
                found.append({node.label for node in order} - {node.label for node in reached})
                assert (reached is order) == (len(reached) == len(order))
        return found

    expected = [set(), set(), set(), {"x", "decided"}, {"decided"}, set()]
    monkeypatch.setattr(_reach, "_cutting", set())
    assert not_reached() == expected
    monkeypatch.setattr(_reach, "_cutting", {op for op in ops.OPS.values() if op.closed})
    assert not_reached() == expected


def random_graph(seed: int, n_nodes: int = 300) -> list[Value]:
    """Nodes with one to four random parents, repeats among them."""
    rng = np.random.default_rng(seed)
    nodes = [Value(1.0) for _ in range(5)]
    while len(nodes) < n_nodes:
        parents = rng.integers(max(0, len(nodes) - 40), len(nodes), rng.integers(1, 5))
        nodes.append(functional.sum(nodes[index] for index in parents))
    return nodes


@pytest.mark.parametrize("seed", range(5))
def test_parents_stand_before_children_and_the_root_last(seed: int) -> None:
    nodes = random_graph(seed)
    order = topological_order(nodes[-1])
    position = {node: index for index, node in enumerate(order)}
    assert len(position) == len(order)
    assert order[-1] is nodes[-1]
    assert all(position[parent] < position[node] for node in order for parent in node.parents)
    assert set(order) == ancestors(nodes[-1])


def test_the_same_graph_gives_the_same_order() -> None:
    graphs = [random_graph(0) for _ in range(2)]
    orders = [[nodes.index(node) for node in topological_order(nodes[-1])] for nodes in graphs]
    assert orders[0] == orders[1]


def test_parents_come_from_left_to_right() -> None:
    a, b, c = Value(1.0, label="a"), Value(2.0, label="b"), Value(3.0, label="c")
    assert [node.label for node in topological_order(functional.sum([b, a, c, a]))] == [*"bac", ""]
    d, e, f = a.tanh(), b.tanh(), c.tanh()
    order = topological_order(functional.dot([e, d, c], [a, f, d]))
    assert order[:-1] == [c, a, b, e, d, f]


def ancestors(root: Value) -> set[Value]:
    found: set[Value] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        found.add(node)
        waiting += [parent for parent in node.parents if parent not in found]
    return found


def test_a_gradient_reaches_neither_conditions_nor_what_is_compared() -> None:
    x, y, plain = Value(4.0), Value(9.0), Value(1.0)
    computed = functional.where(x.sqrt(), y, 2.0)
    chosen = functional.where(plain, 3.0, y)
    compared = apply(ops.LESS, x.exp(), y)
    for out, n_lost in ((computed * chosen, 3), (chosen * computed, 3), (compared + y, 2)):
        order, reached = orders_of(out)
        lost = set(order).difference(reached)
        assert (len(lost), x in lost, y in lost, out in lost) == (n_lost, True, False, False)
        assert reached == [node for node in order if node not in lost]
        x.zero_grad()
        out.backward()
        assert (x.grad, x.has_grad) == (0.0, True)  # as what is computed
        x.grad = 5.0
        out.backward()
        assert x.grad == 5.0  # and it is added to


# Size


def test_a_chain_of_a_million_nodes() -> None:
    x = Value(1.0)
    references = sys.getrefcount(x)
    y = x
    for _ in range(1_000_000):
        y = y + x
    assert y.data == 1_000_001.0
    y.backward()
    assert x.grad == 1_000_001.0
    del y
    assert sys.getrefcount(x) == references  # all of it is gone, at once and without recursion


def test_builtin_sum_over_a_hundred_thousand_values() -> None:
    values = [Value(0.5) for _ in range(100_000)]
    total = sum(values)
    assert isinstance(total, Value)
    total.backward()
    assert total.data == 50_000.0
    assert {value.grad for value in values} == {1.0}


def test_a_dot_of_a_hundred_thousand_values() -> None:
    weights = [Value(0.5) for _ in range(100_000)]
    functional.dot(weights, [2.0] * 100_000).backward()
    assert {weight.grad for weight in weights} == {2.0}


def test_a_graph_is_freed_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        x = Value(0.5)
        references = sys.getrefcount(x)
        loss = functional.softmax([x, x * 2.0, x.tanh()])[0]
        loss.backward()
        del loss
        assert sys.getrefcount(x) == references
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("before", "after"), [((700, 10, 10), 10_000), ((50_000, 10, 10), 50_000), ((0, 10, 10), 0)]
)
def test_the_garbage_collector_looks_less_often(
    before: tuple[int, int, int], after: int, tmp_path: Path
) -> None:
    program = (
        f"import gc; gc.set_threshold{before}; import tinygrad_mlp; print(gc.get_threshold()[0])"
    )
    assert int(run_python("-c", program, folder=tmp_path)) == after


# Copies


N_DEEP: Final = 20_000
COPIES: Final = [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]


FROM_BEFORE: Final = (  # (Value(2.0, "x") * 3.0).tanh(), when the table was one file
    b"\x80\x02ctinygrad_mlp.engine\nValue\nq\x00)\x81q\x01(G?\xef\xff\xe6:\xbe%<Nctinygrad_mlp.ops\n"
    b"op_named\nq\x02X\x04\x00\x00\x00tanhq\x03\x85q\x04Rq\x05h\x00)\x81q\x06(G@\x18\x00\x00\x00\x00"
    b"\x00\x00Nh\x02X\x03\x00\x00\x00mulq\x07\x85q\x08Rq\th\x00)\x81q\n(G@\x00\x00\x00\x00\x00\x00\x00"
    b"NN))X\x01\x00\x00\x00xq\x0btq\x0cbh\x00)\x81q\r(G@\x08\x00\x00\x00\x00\x00\x00Nh\x02X\x08\x00\x00"
    b"\x00constantq\x0e\x85q\x0fRq\x10))X\x00\x00\x00\x00q\x11tq\x12b\x86q\x13G@\x08\x00\x00\x00\x00\x00"
    b"\x00G@\x00\x00\x00\x00\x00\x00\x00\x86q\x14h\x11tq\x15b\x85q\x16G>\xf9\xc57zH\x80\x00\x85q\x17X\x01"
    b"\x00\x00\x00yq\x18tq\x19b."
)


def test_a_graph_that_was_pickled_before_can_be_loaded() -> None:
    y = pickle.loads(FROM_BEFORE)
    y.backward()
    x = topological_order(y)[0]
    assert (y.label, y.op, x.label) == ("y", ops.TANH, "x")
    assert x.grad == pytest.approx(3.0 * (1.0 - math.tanh(6.0) ** 2), rel=1e-9)


def test_a_pickle_names_nothing_that_is_private() -> None:
    x = Value(2.0, label="x")
    pickled = pickle.dumps([(3.0 * x).tanh(), ops.TANH])
    assert b"tinygrad_mlp.engine" in pickled
    assert b"tinygrad_mlp._" not in pickled and b"ops._" not in pickled


@pytest.mark.parametrize("duplicate", COPIES)
def test_a_leaf_can_be_copied_and_pickled(duplicate: Callable[[Value], Value]) -> None:
    leaf = Value(2.0, label="w")
    twin = duplicate(leaf)
    assert twin is not leaf
    assert (twin.data, twin.grad, twin.label, twin.has_grad) == (2.0, 0.0, "w", False)
    leaf.grad = 0.0
    assert duplicate(leaf).has_grad
    leaf.grad = 3.0
    assert duplicate(leaf).grad == 3.0


def test_a_deep_graph_can_be_copied() -> None:
    start = Value(1.0, label="start")
    end = start
    for _ in range(N_DEEP):
        end = end * 1.0
    end.backward()
    model = {"end": end, "start": start}
    twin = copy.deepcopy(model)
    order = topological_order(twin["end"])
    assert twin["start"] in order
    assert twin["start"] is not start
    assert len(order) == len(topological_order(end))
    assert twin["start"].grad == 1.0
    twin["end"].backward()
    assert (twin["start"].grad, start.grad) == (2.0, 1.0)


@pytest.mark.parametrize("duplicate", COPIES[1:])
def test_a_small_graph_can_be_copied_and_pickled(duplicate: Callable[[Value], Value]) -> None:
    a = Value(2.0)
    b = a * a
    twin = duplicate((b + 1.0).tanh())
    assert twin.op is ops.TANH
    (square, one) = twin.parents[0].parents
    assert square.parents[0] is square.parents[1]
    assert one.op is ops.CONSTANT
    twin.backward()
    assert square.parents[0].grad != 0.0
    assert not a.has_grad


def test_what_copies_share_is_shared_whichever_comes_first() -> None:
    a = Value(2.0)
    b = a * a
    for graphs in ([b, b + 1.0, a], [a, b + 1.0, b], [b + 1.0, b, a]):
        twins = copy.deepcopy(graphs)
        places = [graphs.index(node) for node in (a, b)]
        twin_a, twin_b = (twins[place] for place in places)
        (end,) = (twin for twin in twins if twin.op is ops.ADD)
        assert end.parents[0] is twin_b
        assert twin_b.parents == (twin_a, twin_a)


# Without a graph


def results_of(a: Value) -> list[Value]:
    """One of each way in which nodes are made."""
    return [
        *(a + a, a * 2.0, 2.0 - a, a**2, a.tanh(), -a, functional.sum([a, a])),
        *(functional.dot([a], [a], a), functional.dot([a], [a]), functional.where(True, a, 1.0)),
    ]


def test_blocks_decide_for_every_kind_of_node_in_their_own_thread() -> None:
    a = Value(3.0)
    with no_grad():
        for node in results_of(a):
            assert (node.op, node.parents, node.partials, node.label) == (None, (), (), "")
            assert not node.has_grad
        with enable_grad():
            assert all(node.parents and node.partials for node in results_of(a))
        elsewhere: list[Value] = []
        thread = threading.Thread(target=lambda: elsewhere.extend(results_of(a)))
        thread.start()
        thread.join()
        assert elsewhere
        assert all(node.parents and node.partials for node in elsewhere)
    for node in results_of(a):
        assert node.parents
        assert (node.label, node.has_grad) == ("", False)


@pytest.mark.parametrize("recorded", [False, True])
def test_blocks_hold_in_a_function_that_is_compiled(recorded: bool) -> None:
    a = Value(3.0)

    def loss(x: Value) -> Value:
        with no_grad():
            detached = a * x
            with enable_grad() if recorded else no_grad():
                inner = a * a
        return detached * a + inner

    program = compile(loss, [a])
    assert program(2.0) == 2.0 * 9.0 + 9.0
    assert program.gradients.tolist() == [6.0 + 6.0 * recorded]


def test_a_random_leaf_is_the_next_number_of_its_generator() -> None:
    drawn, expected = np.random.default_rng(3), np.random.default_rng(3)
    leaf = functional.uniform(drawn)
    assert (leaf.op, leaf.parents, leaf.data) == (ops.CONSTANT, (), expected.random())
    program = compile(lambda x: x + functional.uniform(drawn))
    assert [program(0.0) for _ in range(3)] == expected.random(3).tolist()


def test_an_assignment_in_a_compiled_function_is_made_at_each_call() -> None:
    total = Value(1.0)

    def add(x: Value) -> Value:
        assign(total, total + x)
        return total * 2.0

    program = compile(add)
    assert total.data == 1.0
    assert [program(3.0), total.data, program(0.5), total.data] == [8.0, 4.0, 9.0, 4.5]


def test_a_recording_that_has_numbers_gives_them() -> None:
    a, b = Value(3.0), Value(2.0)
    eager = [
        functional.log_softmax([a, b])[0],
        functional.dot([a], [b], a),
        functional.dot([a], [b]),
    ]
    with record_creation():
        recorded = [
            *(functional.log_softmax([a, b])[0], functional.dot([a], [b], a)),
            *(functional.dot([a], [b]), functional.amax([a, b]), functional.uniform(NUMBERS)),
        ]
    assert [node.data for node in recorded[:3]] == [node.data for node in eager]
    assert [len(node.parents) for node in recorded] == [2, 3, 2, 2, 0]
    assert [node.partials for node in recorded[1:3]] == [(2.0, 3.0, 1.0), (2.0, 3.0)]


def test_no_grad_gives_plain_leaves() -> None:
    a = Value(3.0)
    with no_grad():
        results = [a * 2.0, a.tanh(), functional.dot([a], [a], a), functional.where(a > 0, a, -a)]
    assert all(result.is_leaf and result.op is None for result in results)
    assert [result.data for result in results] == [6.0, math.tanh(3.0), 12.0, 3.0]
    assert not (a * 2.0).is_leaf


def test_no_grad_nests_and_ends_with_an_error() -> None:
    a = Value(3.0)
    with no_grad():
        with no_grad():
            pass
        assert (a * a).is_leaf
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (a * a).parents == (a, a)


def test_no_grad_is_a_matter_of_one_thread() -> None:
    first_is_in, second_is_in = threading.Event(), threading.Event()
    parents: list[int] = []

    def first() -> None:
        with no_grad():
            first_is_in.set()
            second_is_in.wait(60.0)
            parents.append(len((Value(1.0) + 1.0).parents))

    def second() -> None:
        first_is_in.wait(60.0)
        with no_grad():
            second_is_in.set()
            threads[0].join()
            parents.append(len((Value(1.0) + 1.0).parents))

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    first_is_in.wait(60.0)
    here = len((Value(1.0) + 1.0).parents)
    for thread in threads:
        thread.join()
    assert (parents, here) == ([0, 0], 2)
    assert len((Value(1.0) + 1.0).parents) == 2
