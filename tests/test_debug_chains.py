"""Chains: every path from a leaf to the loss, how they are written and counted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.debugging import label, named, network_loss, product_of_sums
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import (
    chain,
    worked_example,
)
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    NotANumberError,
)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_paths_add_up_to_the_gradient(activation: str) -> None:
    model, loss = network_loss(1, activation)
    loss.backward()
    for parameter in model.parameters()[:6]:
        assert chain(loss, parameter).total == pytest.approx(parameter.grad, rel=1e-12, abs=1e-15)


def test_a_chain_names_the_whole_way() -> None:
    loss = worked_example()
    node = next(node for node in topological_order(loss) if node.label == "w5")
    text = str(chain(loss, node))
    assert text.startswith("dL/dw5 = dL/dE_o1 * dE_o1/dsq_o1 * dsq_o1/ddiff_o1 * ")
    assert text.endswith("= 1 * 0.5 * (-1.4827) * (-1) * 0.1868 * 0.5933 = 0.0822")


def test_more_paths_than_anybody_reads_are_counted_not_listed() -> None:
    a = Value(1.0, label="a")
    node = a
    for _ in range(60):
        node = node + node
    with pytest.raises(GraphError, match="1,152,921,504,606,846,976 paths lead from a"):
        chain(node, a)


def test_a_chain_from_an_unconnected_node_is_0() -> None:
    assert chain(Value(1.0) * 2.0, Value(1.0, label="x")).total == 0.0


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


def test_paths_without_end_are_counted_by_their_size() -> None:
    a = label(1.0, "a")
    loss = a
    for _ in range(15_000):  # 2^15000 has more digits than Python writes
        loss = loss + loss
    loss.label = "L"
    with pytest.raises(GraphError) as caught:
        chain(loss, a)
    assert str(caught.value) == (
        "more than 10^4515 paths lead from a to L, more than max_paths=100; start at a node nearer "
        "to the loss"
    )


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
