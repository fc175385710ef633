"""The two logs, comparisons, chains and sessions: their edges, errors and exact words."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest

from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import (
    break_when,
    chain,
    compare,
    finite_difference,
    recompute,
    trace_backward,
    trace_forward,
    watch,
    worked_example,
)
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    NotANumberError,
    UnknownNameError,
)


def label(x: float, text: str) -> Value:
    return Value(x, label=text)


def product_of_sums() -> Value:
    """L = (a b + c) a at a = 2, b = 3, c = -1: s = 5, L = 10; dL/da = 11, dL/db = 4, dL/dc = 2."""
    a, b, c = label(2.0, "a"), label(3.0, "b"), label(-1.0, "c")
    s = functional.dot([a], [b], c)
    s.label = "s"
    loss = s * a
    loss.label = "L"
    return loss


def named_after(node: Value, name: str) -> Value:
    node.label = name
    return node


def named(loss: Value, name: str) -> Value:
    return next(node for node in topological_order(loss) if node.label == name)


# The logs


def test_every_field_of_every_backward_step() -> None:
    loss = product_of_sums()
    trace = trace_backward(loss)
    fields = ["node", "parent", "position", "upstream", "partial", "contribution"]
    fields += ["grad_before", "grad_after", "is_first", "is_last"]
    found = []
    for step in trace:
        values = [getattr(step, name) for name in fields]
        found.append([x.label if isinstance(x, Value) else x for x in values])
    assert found == [
        ["L", "s", 0, 1.0, 2.0, 2.0, 0.0, 2.0, True, True],
        ["L", "a", 1, 1.0, 5.0, 5.0, 0.0, 5.0, True, False],
        ["s", "a", 0, 2.0, 3.0, 6.0, 5.0, 11.0, False, True],
        ["s", "b", 1, 2.0, 2.0, 4.0, 0.0, 4.0, True, True],
        ["s", "c", 2, 2.0, 1.0, 2.0, 0.0, 2.0, True, True],
    ]
    assert [step.index for step in trace] == [0, 1, 2, 3, 4]
    assert [step.expanded() for step in trace[1:]] == [
        ("dL/da += dL/dL * dL/da = 1 * 5 = 5",),
        (
            "p1 = a * b: dL/dp1 = dL/ds * ds/dp1 = 2 * 1 = 2",
            "dL/da += dL/dp1 * dp1/da = 2 * 3 = 6, together 11",
        ),
        (
            "p1 = a * b: dL/dp1 = dL/ds * ds/dp1 = 2 * 1 = 2",
            "dL/db += dL/dp1 * dp1/db = 2 * 2 = 4",
        ),
        ("dL/dc += dL/ds * ds/dc = 2 * 1 = 2",),
    ]


def test_the_products_of_a_longer_dot() -> None:
    w, x = [label(2.0, "w1"), label(-3.0, "w2")], [label(5.0, "x1"), label(7.0, "x2")]
    node = functional.dot(w, x, label(1.0, "b"))
    node.label = "n"
    (step,) = trace_forward(node)
    assert step.expanded() == (
        "p1 = w1 * x1 = 2 * 5 = 10",
        "p2 = w2 * x2 = (-3) * 7 = -21",
        "n = p1 + p2 + b = 10 + (-21) + 1 = -10",
    )
    trace = trace_backward(node)
    assert [step.expanded()[0].partition(":")[0] for step in trace] == [
        "p1 = w1 * x1",
        "p2 = w2 * x2",
        "p1 = w1 * x1",
        "p2 = w2 * x2",
        "dn/db += dn/dn * dn/db = 1 * 1 = 1",
    ]
    assert [step.expanded()[-1] for step in trace][:4] == [
        "dn/dw1 += dn/dp1 * dp1/dw1 = 1 * 5 = 5",
        "dn/dw2 += dn/dp2 * dp2/dw2 = 1 * 7 = 7",
        "dn/dx1 += dn/dp1 * dp1/dx1 = 1 * 2 = 2",
        "dn/dx2 += dn/dp2 * dp2/dx2 = 1 * (-3) = -3",
    ]
    assert trace_forward(node.exp())[1].expanded() == ("v6 = exp(n) = exp(-10) = 4.54e-05",)


def test_steps_are_equal_if_they_tell_the_same_of_one_graph() -> None:
    loss = product_of_sums()
    for trace_of in (trace_backward, trace_forward):
        one: Any = trace_of(loss)
        other: Any = trace_of(loss)
        assert one[1] == other[1]
        assert one[0] != one[1]
        assert "Trace(" not in repr(one[0])
        assert f"index={1}" in repr(one[1])


def test_a_log_says_how_far_it_is() -> None:
    loss = product_of_sums()
    assert repr(trace_backward(loss)) == "BackwardTrace(5 steps, 5 nodes)"
    assert repr(trace_forward(loss)) == "ForwardTrace(2 steps, 5 nodes)"
    trace = trace_backward(loss, watch(named(loss, "b")))
    assert repr(trace) == "BackwardTrace(4 steps, 5 nodes, stopped at step 3)"
    assert (trace.finished, trace.position, len(trace)) == (False, 4, 4)
    assert trace.resume() is None
    assert (trace.finished, trace.hit, trace.position, len(trace)) == (True, None, 5, 5)
    forward = trace_forward(loss, break_when(label="s"))
    assert (forward.finished, len(forward)) == (False, 1)
    assert forward.resume() is None
    assert (forward.finished, forward.hit, len(forward)) == (True, None, 2)
    chained = Value(1.0)
    for _ in range(1500):
        chained = chained.exp()
    assert repr(trace_backward(chained)) == "BackwardTrace(1,500 steps, 1,501 nodes)"
    assert repr(trace_forward(chained)) == "ForwardTrace(1,500 steps, 1,501 nodes)"


@pytest.mark.parametrize("trace_of", [trace_backward, trace_forward])
def test_an_index_counts_from_either_end(trace_of: Callable[[Value], Any]) -> None:
    trace = trace_of(worked_example())
    n = len(trace)
    assert [trace[i].index for i in (0, n - 1, -1, -n)] == [0, n - 1, n - 1, 0]
    for index in (n, -n - 1):
        with pytest.raises(IndexError):
            trace[index]


def test_a_step_that_is_not_there_is_told_with_the_number_of_steps() -> None:
    trace = trace_backward(product_of_sums())
    for index in (5, -6):
        with pytest.raises(IndexError) as caught:
            trace[index]
        assert str(caught.value) == f"there is no step {index}; the trace has 5 steps"
    for position in (-1, 6):
        with pytest.raises(InvalidArgumentError) as refused:
            trace.go_to(position)
        assert str(refused.value) == (
            f"position is {position}, but the trace has 5 steps; give 0 (nothing has flowed yet) "
            "to 5 (all of it has)"
        )


def test_the_numbers_of_a_formula_keep_their_gradients_and_have_no_steps() -> None:
    half, x = label(0.5, "x"), label(3.0, "y")
    loss = 2.0 * half + 4.0 * x
    constants = [node for node in topological_order(loss) if not node.label and not node.parents]
    for node in constants:
        node.grad = 7.0
    trace = trace_backward(loss)
    assert [(step.parent.label, step.position) for step in trace if step.parent.label] == [
        ("y", 1),
        ("x", 1),
    ]
    assert [node.grad for node in constants] == [7.0, 7.0]
    trace.go_to(0)
    trace.go_to(len(trace))
    assert [node.grad for node in constants] == [7.0, 7.0]
    trace_backward(loss, constants=True)
    assert sorted(node.grad for node in constants) == [0.5, 3.0]


def test_what_only_decides_keeps_an_old_gradient_where_gradients_are_to_add() -> None:
    x, y = label(4.0, "x"), label(3.0, "y")
    loss = functional.where(x.sqrt(), y, 2.0)
    x.grad, y.grad = 5.0, 7.0
    trace = trace_backward(loss, accumulate=True)
    assert (x.grad, y.grad, len(trace)) == (5.0, 8.0, 1)
    trace.go_to(0)
    assert (x.grad, y.grad, loss.parents[0].has_grad) == (5.0, 7.0, False)
    trace = trace_backward(loss)
    assert (x.grad, x.has_grad, y.grad) == (0.0, True, 1.0)
    trace.go_to(0)
    assert [node.has_grad for node in (x, y, loss.parents[0])] == [False, False, False]
    trace.go_to(1)
    assert [(node.grad, node.has_grad) for node in (x, y)] == [(0.0, True), (1.0, True)]


def test_a_label_that_a_number_gets_later_changes_no_log() -> None:
    x = label(3.0, "x")
    loss = x * 2.0 + x * 4.0
    trace = trace_backward(loss)
    before = [(step.parent, step.position) for step in trace]
    for node in trace.order:
        node.label = node.label or "late"
    assert [(step.parent, step.position) for step in trace] == before
    trace.go_to(0)
    trace.go_to(len(trace))
    assert x.grad == 6.0


def test_some_numbers_of_a_formula_may_have_labels() -> None:
    x = label(3.0, "x")
    loss = functional.dot([2.0, 5.0], [x, x], 7.0)
    loss.parents[1].label = "five"
    trace = trace_backward(loss)
    assert [(step.parent.label, step.position) for step in trace] == [
        ("five", 1),
        ("x", 2),
        ("x", 3),
    ]
    assert [step.contribution for step in trace] == [3.0, 2.0, 5.0]
    assert [step.contribution for step in reversed(trace)] == [5.0, 2.0, 3.0]
    assert loss.parents[1].grad == 3.0


def test_resuming_after_a_walk_back_goes_on_where_the_log_had_stopped() -> None:
    loss, plain = product_of_sums(), product_of_sums()
    plain.backward()
    trace = trace_backward(loss, watch(named(loss, "a")))
    trace.go_to(0)
    assert trace.position == 0
    trace.resume()
    assert (trace.position, len(trace), named(loss, "a").grad) == (3, 3, 11.0)
    trace.go_to(2)
    assert named(loss, "a").grad == 5.0
    trace.resume()
    assert trace.finished
    for name in ("a", "b", "c", "s", "L"):
        assert named(loss, name).grad == named(plain, name).grad


# Comparisons


def doubled(x: float) -> Value:
    return label(x, "x") * 2.0


@pytest.mark.parametrize(
    ("x", "y", "tolerance", "same"),
    [
        (1.0, 1.0, 0.0, True),
        (1.0, 1.0 + 2**-52, 0.0, False),
        (0.0, -0.0, 0.0, False),
        (0.0, -0.0, 1e-3, True),
        (nan, nan, 0.0, True),
        (nan, nan, 1e-3, True),
        (nan, 1.0, 0.0, False),
        (1.0, nan, 1e3, False),
        (inf, inf, 0.0, True),
        (inf, inf, 1e-3, True),
        (inf, -inf, 1e-3, False),
        (1.0, 1.001, 2e-3, True),
        (1.0, 1.001, 5e-4, False),
        (1e-9, 1.1e-9, 1e-3, False),
    ],
)
def test_when_two_numbers_are_the_same(x: float, y: float, tolerance: float, same: bool) -> None:
    one, other = trace_forward(doubled(x)), trace_forward(doubled(y))
    assert (compare(one, other, tolerance) is None) == same
    assert (compare(other, one, tolerance=tolerance) is None) == same


def test_each_number_of_a_step_can_part_two_runs() -> None:
    def parted(change: Callable[[Value], None], trace_of: Any) -> tuple[Any, ...]:
        one, other = product_of_sums(), product_of_sums()
        change(other)
        difference = compare(trace_of(one), trace_of(other))
        assert difference is not None
        assert difference.step_a is not None
        assert difference.step_b is not None
        assert difference.index == difference.step_a.index == difference.step_b.index
        return difference.index, difference.what, difference.of_a, difference.of_b

    def output(loss: Value) -> None:
        loss.data = 11.0

    def partial(loss: Value) -> None:
        loss.partials = (2.0, 5.5)

    def name_of_node(loss: Value) -> None:
        loss.label = "M"

    def name_of_operand(loss: Value) -> None:
        named(loss, "b").label = "other"

    def no_name(loss: Value) -> None:
        named(loss, "b").label = ""
        named(loss, "c").data = 8.0

    assert parted(output, trace_forward) == (1, "output", 10.0, 11.0)
    assert parted(name_of_node, trace_forward) == (1, "label", "L", "M")
    assert parted(name_of_node, trace_backward) == (0, "label", "L", "M")
    assert parted(partial, trace_backward) == (1, "partial", 5.0, 5.5)
    assert parted(name_of_operand, trace_backward) == (3, "operand", "b", "other")
    assert parted(no_name, trace_forward) == (0, "inputs", (2.0, 3.0, -1.0), (2.0, 3.0, 8.0))


def test_an_upstream_and_an_old_gradient_can_part_two_runs() -> None:
    a, b = label(3.0, "a"), label(3.0, "a")
    b.grad = 1.0
    difference = compare(trace_backward(a * 1.0), trace_backward(b * 1.0, accumulate=True))
    assert difference is not None
    assert (difference.what, difference.of_a, difference.of_b) == ("grad_before", 0.0, 1.0)
    a.grad, b.grad = 2.0, 5.0
    difference = compare(trace_backward(a, accumulate=True), trace_backward(b, accumulate=True))
    assert difference is None


def test_one_run_may_be_over_before_the_other() -> None:
    a = label(2.0, "a")
    short, long = trace_forward(a * 3.0), trace_forward((a * 3.0).exp())
    for one, other, text in (
        (
            short,
            long,
            "length is 1 in the first and 2 in the second\n  first:  (the trace is over)",
        ),
        (long, short, "length is 2 in the first and 1 in the second\n  first:  v3 = exp(v2)"),
    ):
        difference = compare(one, other)
        assert difference is not None
        assert (difference.index, difference.what) == (1, "length")
        assert (difference.of_a, difference.of_b) == (len(one), len(other))
        assert (difference.step_a is None) == (len(one) == 1)
        assert (difference.step_b is None) == (len(other) == 1)
        assert str(difference).startswith(f"the traces part at step 1: {text}")
    assert str(compare(long, short)).endswith(
        "\n  first:  v3 = exp(v2) = exp(6) = 403.4288\n  second: (the trace is over)"
    )
    with pytest.raises(TypeError) as caught:
        compare(short, trace_backward(a * 3.0))
    assert str(caught.value) == (
        "compare takes two traces of one kind, got ForwardTrace and BackwardTrace; give two from "
        "trace_backward, or two from trace_forward"
    )


def test_sums_of_other_lengths_part_at_their_inputs() -> None:
    one = functional.sum([Value(1.0), Value(2.0)])
    other = functional.sum([Value(1.0), Value(2.0), Value(0.0)])
    difference = compare(trace_forward(one), trace_forward(other))
    assert difference is not None
    assert (difference.what, difference.of_b) == ("inputs", (1.0, 2.0, 0.0))


# Chains


def powers(n: int) -> Value:
    """a to the power 2^n, n squares in a row; b0 = a, b1 = a^2, ..."""
    node = label(1.0, "b0")
    for i in range(n):
        node = node.square()
        node.label = f"b{i + 1}"
    return node


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "db0/db0 = db0/db0 = 1"),
        (1, "db1/db0 = db1/db0 = 2"),
        (2, "db2/db0 = db2/db1 * db1/db0 = 2 * 2 = 4"),
        (3, "db3/db0 = db3/db2 * db2/db1 * db1/db0 = 2 * 2 * 2 = 8"),
        (4, "db4/db0 = db4/db3 * db3/db2 * db2/db1 * db1/db0\n    = 2 * 2 * 2 * 2 = 16"),
    ],
)
def test_one_path_is_written_in_one_line_or_two(n: int, text: str) -> None:
    loss = powers(n)
    found = chain(loss, named(loss, "b0"))
    assert str(found) == text
    (path,) = found.paths
    assert len(path.nodes) == n + 1
    assert path.partials == (2.0,) * n
    assert path.product == found.total == 2.0**n


def test_several_paths_are_written_one_by_one() -> None:
    loss = product_of_sums()
    a = named(loss, "a")
    found = chain(loss, a)
    assert str(found) == (
        "dL/da, the sum of 2 paths:\n"
        "  L <- s <- a\n"
        "    dL/ds * ds/da = 2 * 3 = 6\n"
        "  L <- a\n"
        "    dL/da = 5\n"
        "dL/da = 6 + 5 = 11"
    )
    assert [path.equation() for path in found.paths] == [
        "dL/ds * ds/da = 2 * 3 = 6",
        "dL/da = 5",
    ]


def test_long_paths_among_several_have_two_lines_each() -> None:
    a = label(1.0, "a")
    once, twice = a * -1.0, -a.exp().log()
    once.label, twice.label = "p", "q"
    loss = once + twice.square().square()
    loss.label = "L"
    lines = str(chain(loss, a)).splitlines()
    assert lines[0] == "dL/da, the sum of 2 paths:"
    assert "    = " in "\n".join(lines)
    assert lines[-1] == "dL/da = (-1) + 4 = 3"


def test_no_path_is_told() -> None:
    loss = powers(1)
    assert str(chain(loss, label(2.0, "x"))) == "db1/dx = 0: no path leads from x to the loss, b1"
    assert str(chain(loss, Value(2.0))) == (
        "db1/d(the node) = 0: no path leads from the node to the loss, b1"
    )
    assert chain(loss, Value(2.0)).paths == ()


@pytest.mark.parametrize(("n", "paths"), [(1, 2), (6, 64), (7, 128)])
def test_up_to_100_paths_are_listed(n: int, paths: int) -> None:
    a = label(1.0, "a")
    loss = a
    for _ in range(n):
        loss = loss + loss
    loss.label = "L"
    assert len(chain(loss, a, max_paths=paths).paths) == paths
    assert chain(loss, a, max_paths=128).total == 2.0**n
    with pytest.raises(GraphError) as caught:
        chain(loss, a, max_paths=paths - 1)
    assert str(caught.value) == (
        f"{paths} paths lead from a to L, more than max_paths={paths - 1}; start at a node nearer "
        f"to the loss, or allow more: chain(loss, node, max_paths={paths})"
    )
    if paths > 100:
        with pytest.raises(GraphError, match="more than max_paths=100;"):
            chain(loss, a)
    else:
        assert len(chain(loss, a).paths) == paths


def test_exactly_100_paths_are_listed_unless_more_are_allowed() -> None:
    a = label(1.0, "a")
    assert len(chain(functional.sum([a] * 100), a).paths) == 100
    with pytest.raises(GraphError, match="101 paths lead from a to v1, more than max_paths=100;"):
        chain(functional.sum([a] * 101), a)


def test_very_many_paths_are_counted_with_commas() -> None:
    a = label(1.0, "a")
    loss = a
    for _ in range(12):
        loss = loss + loss
    with pytest.raises(
        GraphError, match=r"^4,096 paths lead from a to v12, more than max_paths=1,"
    ):
        chain(loss, a, max_paths=1000)


def test_a_chain_is_one_of_values_with_a_number_of_paths() -> None:
    loss = powers(1)
    wrong: list[Any] = [(3.0, loss), (loss, 3.0)]
    for arguments in wrong:
        with pytest.raises(NotANumberError, match=r"write chain\(loss, node\)"):
            chain(*arguments)
    with pytest.raises(InvalidArgumentError, match="max_paths is 0"):
        chain(loss, loss, max_paths=0)


def test_chains_are_equal_if_their_paths_are() -> None:
    loss = product_of_sums()
    a = named(loss, "a")
    before = chain(loss, a)
    a.label = "renamed"
    after = chain(loss, a)
    assert before == after
    assert before.paths[0] == after.paths[0]
    assert "names" not in repr(before)


def test_no_path_leads_through_a_condition() -> None:
    x = label(4.0, "x")
    loss = functional.where(x > 1.0, x * 2.0, x)
    condition = functional.where(functional.sqrt(x), x, 3.0)
    assert len(chain(loss, x).paths) == 2
    assert [path.product for path in chain(condition, x).paths] == [1.0]


# Recomputing and finite differences


def test_recomputing_gives_the_loss_and_leaves_the_leaves() -> None:
    loss = product_of_sums()
    a = named(loss, "a")
    a.data = 3.0
    assert recompute(loss) == 24.0
    assert (loss.data, loss.partials, named(loss, "s").data, a.data) == (24.0, (3.0, 8.0), 8.0, 3.0)
    assert recompute(Value(5.0)) == 5.0


def test_a_finite_difference_is_central_and_exact_for_a_square() -> None:
    a = label(3.0, "a")
    square, cube = a * a, a * a * a
    for step in (1.0, 0.5, 2.0):
        assert finite_difference(square, a, step=step) == 6.0
        assert finite_difference(cube, a, step) == 27.0 + step**2
    assert (a.data, square.data, cube.data) == (3.0, 9.0, 27.0)


@pytest.mark.parametrize(("x", "scale"), [(0.0, 1.0), (0.5, 1.0), (1000.0, 1000.0), (-64.0, 64.0)])
def test_the_step_is_the_cube_root_of_the_precision_times_the_size(x: float, scale: float) -> None:
    a = Value(x)
    away = a - x
    h = (2.0**-52) ** (1.0 / 3.0) * scale
    assert finite_difference(away * away * away, a) == pytest.approx(h * h, rel=1e-6)


def test_a_finite_difference_at_a_node_between_holds_it_whatever_leads_there() -> None:
    loss = product_of_sums()
    s = named(loss, "s")
    assert finite_difference(loss, s) == pytest.approx(2.0, rel=1e-9)
    assert finite_difference(loss, loss) == 1.0
    assert finite_difference(loss, Value(1.0)) == 0.0
    assert finite_difference(s, loss) == 0.0


# Sessions


def test_where_a_session_stands_and_what_is_known_there() -> None:
    session = Session(product_of_sums())
    names = session.names
    known, gradients = [], []
    for position in range(len(session) + 1):
        session.go_to(position)
        known.append(",".join(sorted(names[node] for node in session.known())))
        given = [(names[node], session.gradient(node)) for node in session.order]
        gradients.append({name: x for name, x in given if x is not None})
    assert known == ["a,b,c", "s", "L", "L", "L", "L", "L", "L"]
    assert gradients == [
        {},
        {},
        {"L": 1.0},
        {"L": 1.0, "s": 2.0},
        {"L": 1.0, "s": 2.0, "a": 5.0},
        {"L": 1.0, "s": 2.0, "a": 11.0},
        {"L": 1.0, "s": 2.0, "a": 11.0, "b": 4.0},
        {"L": 1.0, "s": 2.0, "a": 11.0, "b": 4.0, "c": 2.0},
    ]
    assert (session.n_forward, len(session)) == (2, 7)
    assert session.last_step == session.backward[4]


@pytest.mark.parametrize(("start", "end"), list(itertools.permutations((0, 1, 2, 3, 5, 7), 2)))
def test_from_anywhere_to_anywhere(start: int, end: int) -> None:
    session, direct = Session(product_of_sums()), Session(product_of_sums())
    session.go_to(start)
    session.go_to(end)
    direct.go_to(end)
    assert session.position == end
    for node, other in zip(session.order, direct.order, strict=True):
        assert (node.grad, node.has_grad) == (other.grad, other.has_grad)
        assert session.gradient(node) == direct.gradient(other)
        assert session.is_computed(node) == direct.is_computed(other)


def test_the_steps_of_a_session_are_those_of_both_passes() -> None:
    session = Session(product_of_sums())
    assert session.last_step is None
    assert session.step(0) == session.forward[0]
    assert session.step(1) == session.forward[1]
    assert session.step(2) == session.backward[0]
    assert session.move(2) == session.forward[1]
    assert session.move(1) == session.backward[0] == session.last_step
    assert session.move(-2) == session.forward[0]
    assert session.move(-1) == session.forward[0]  # at the start, the step that is undone
    assert session.position == 0


@pytest.mark.parametrize(
    ("position", "steps", "message"),
    [
        (0, -1, "-1 steps from step 0 of 7 leads past the start"),
        (0, 8, "+8 steps from step 0 of 7 leads past the end"),
        (7, 1, "+1 steps from step 7 of 7 leads past the end"),
        (3, -4, "-4 steps from step 3 of 7 leads past the start"),
    ],
)
def test_a_walk_out_of_the_passes_is_refused(position: int, steps: int, message: str) -> None:
    session = Session(product_of_sums())
    session.go_to(position)
    with pytest.raises(InvalidArgumentError) as caught:
        session.move(steps)
    assert str(caught.value) == message
    assert session.position == position
    for outside in (-1, 8):
        with pytest.raises(InvalidArgumentError) as refused:
            session.go_to(outside)
        assert str(refused.value) == (
            f"position is {outside}, but the session has 7 steps: 0 is the start, 7 the end"
        )
    assert session.position == position


@pytest.mark.parametrize(
    ("start", "node", "arrival"),
    [
        (0, "s", 1),
        (0, "L", 2),
        (1, "s", 3),
        (0, "a", 5),
        (4, "a", 5),
        (0, "c", 7),
        (5, "a", None),
        (3, "s", None),
        (2, "L", None),
        (0, "b", 6),
    ],
)
def test_running_to_a_node_stops_when_it_is_ready(
    start: int, node: str, arrival: int | None
) -> None:
    session = Session(product_of_sums())
    session.go_to(start)
    if arrival is None:
        with pytest.raises(InvalidArgumentError) as caught:
            session.run(to=session.node(node))
        assert str(caught.value) == f"{node} is complete already at this step; go back first"
        assert session.position == start
    else:
        assert session.run(to=session.node(node)) == session.step(arrival - 1)
        assert session.position == arrival


def test_breakpoints_stop_a_run_to_a_node_and_one_back() -> None:
    session = Session(product_of_sums())
    session.breakpoints = [watch(session.node("a")), break_when(label="s")]
    stops = []
    for _ in range(5):
        session.run()
        stops.append((session.position, [hit.reason for hit in session.hits()]))
    assert stops == [
        (1, ["at s"]),
        (3, ["at s"]),
        (4, ["a changes"]),
        (5, ["a changes"]),
        (7, []),
    ]
    assert session.run() == session.step(6)
    back = []
    for _ in range(6):
        step = session.run_back()
        back.append(session.position)
        assert step == session.last_step
    assert back == [5, 4, 3, 1, 0, 0]
    assert session.hits() == []
    assert session.run(to=session.node("c")) == session.step(0)
    assert session.position == 1


def test_no_gradient_flows_to_a_plain_number() -> None:
    session = Session(label(2.0, "a") * 3.0)
    for position in (0, 1, 2):
        session.go_to(position)
        with pytest.raises(InvalidArgumentError) as caught:
            session.run(to=session.node("v1"))
        assert str(caught.value) == "no gradient flows to v1: no step leads there"


def test_assigning_keeps_the_place_and_gives_the_new_loss() -> None:
    session = Session(product_of_sums())
    a = session.node("a")
    for position in (0, 1, 2, 5, 7):
        session.go_to(position)
        assert session.assign(a, 3.0) == 24.0
        assert session.position == position
        assert session.gradient(a) == {0: None, 1: None, 2: None, 5: 17.0, 7: 17.0}[position]
        assert session.assign(a, 2) == 10.0
    with pytest.raises(GraphError) as caught:
        session.assign(session.node("s"), 1.0)
    assert str(caught.value) == "s was computed from others; change a leaf, such as a"


@pytest.mark.parametrize(
    ("build", "leaf"),
    [
        (lambda: (Value(2.0) * 3.0).exp() * label(1.0, "named"), "named"),
        (lambda: label(1.0, "named") * Value(2.0), "named"),
        (lambda: 2.0 * Value(3.0) + 1.0, None),
        (lambda: Value(2.0) + Value(3.0), None),
        (lambda: Value(2.0) * named_after(Value(3.0).exp(), "h"), None),
    ],
)
def test_the_leaf_that_is_spoken_of_is_a_named_one_or_one_that_a_person_made(
    build: Callable[[], Value], leaf: str | None
) -> None:
    session = Session(build())
    free = next((node for node in session.order if not node.parents and node.op is None), None)
    assert free is not None
    with pytest.raises(GraphError) as caught:
        session.assign(session.loss, 1.0)
    assert str(caught.value).endswith(f"change a leaf, such as {leaf or session.names[free]}")


def test_where_all_leaves_are_plain_numbers_the_first_is_spoken_of() -> None:
    session = Session(functional.exp(functional.exp(2.0)))
    with pytest.raises(GraphError, match=r"change a leaf, such as v0$"):
        session.assign(session.loss, 1.0)


def test_a_session_needs_a_computation_and_knows_its_nodes() -> None:
    with pytest.raises(GraphError) as caught:
        Session(Value(1.0))
    assert str(caught.value) == (
        "there is nothing to step through: the Value is a leaf; give the result of a computation, "
        "such as the loss"
    )
    with pytest.raises(UnknownNameError, match="unknown node 'z'; known: L, a, b, c, s"):
        Session(product_of_sums()).node("z")


def test_a_session_clears_what_stood_in_the_leaves() -> None:
    loss = product_of_sums()
    loss.backward()
    session = Session(loss)
    assert not any(node.has_grad for node in session.order)
    session.go_to(len(session))
    assert named(loss, "a").grad == 11.0
