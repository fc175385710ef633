"""What keeps the eager engine fast is in force: what nobody asked for is not looked up."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from tinygrad_mlp import _methods, engine, functional, ops
from tinygrad_mlp import functional as F
from tinygrad_mlp._blocks import open_blocks
from tinygrad_mlp._garbage import relax_garbage_collector
from tinygrad_mlp._order import orders_of
from tinygrad_mlp.engine import Value, apply, enable_grad, no_grad
from tinygrad_mlp.ops import OPS, Op


def nodes() -> list[Value]:
    """One node of each way in which they are made."""
    a, b = Value(0.5), Value(2.0)
    return [
        a + b,
        a * 2.0,
        1.0 - a,
        a.tanh(),
        a**2,
        F.sum([a, b]),
        F.dot([a], [b]),
        F.maximum(a, b),
    ]


@pytest.fixture(autouse=True)
def no_block_of_others() -> Iterator[None]:
    """What a context of another test keeps, a browser's for instance, is no business of these."""
    kept = set(open_blocks)
    open_blocks.clear()
    yield
    open_blocks.update(kept)


def after_a_block() -> None:
    with no_grad():
        nodes()


def after_blocks_in_blocks() -> None:
    with no_grad(), enable_grad(), no_grad():
        nodes()


def after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), no_grad():
        _ = 1 / 0


@pytest.mark.parametrize("block", [nodes, after_a_block, after_blocks_in_blocks, after_an_error])
def test_no_node_asks_for_a_block_where_none_is_open(
    block: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    block()
    monkeypatch.setattr(engine, "here", pytest.fail)
    monkeypatch.setattr(engine, "current", pytest.fail)
    assert all(len(node.parents) for node in nodes())


def test_blocks_that_record_do_not_slow_others_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with enable_grad():
        monkeypatch.setattr(engine, "here", pytest.fail)
        assert all(len(node.parents) for node in nodes())
        monkeypatch.undo()


def test_what_is_right_is_not_checked_in_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "checked_label", pytest.fail)
    value = Value(2.0, "x")
    monkeypatch.setattr(_methods, "number_of", pytest.fail)
    assert value.item() == 2.0


def test_a_value_is_not_made_a_value_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = Value(2.0), Value(3.0)
    monkeypatch.setattr(engine, "as_value", pytest.fail)
    monkeypatch.setattr(functional, "as_value", pytest.fail)
    results = [a + b, a - b, a * b, a / b, a**b, F.dot([a], [b])]
    assert [result.data for result in results] == [5.0, -1.0, 6.0, 2.0 / 3.0, 8.0, 6.0]


def test_operations_on_one_or_two_values_take_the_short_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_any_arity", pytest.fail)
    for op in OPS.values():
        if op.arity in {1, 2}:
            assert apply(op, *[Value(0.5)] * op.arity).op is op


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.arity and not op.closed], ids=repr)
def test_a_graph_of_which_no_part_is_cut_off_has_one_order(
    op: Op, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = Value(0.5)
    apply(ops.LESS, a, a)  # elsewhere
    monkeypatch.setattr(engine, "give_zero", pytest.fail)
    out = apply(op, *[a.tanh() for _ in range(op.arity or 0)]) * a
    order, reached = orders_of(out)
    assert reached is order
    out.backward()


@pytest.fixture
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("thresholds")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((700, 10, 10), (10_000, 100, 10)),
        ((1, 10, 7), (10_000, 100, 7)),
        ((2000, 500, 0), (10_000, 500, 0)),
        ((9_999, 100, 10), (10_000, 100, 10)),
        ((10_000, 10, 10), (10_000, 10, 10)),
        ((50_000, 10, 10), (50_000, 10, 10)),
        ((0, 10, 10), (0, 10, 10)),
    ],
)
def test_the_garbage_collector_is_only_ever_relaxed(
    before: tuple[int, int, int], after: tuple[int, int, int]
) -> None:
    gc.set_threshold(*before)
    relax_garbage_collector()
    assert gc.get_threshold() == after
