"""Single passes of the compiler on small cases that are worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import functional as F
from tinygrad_mlp import ops
from tinygrad_mlp.compiler._backends.choice import is_irregular, is_scattered
from tinygrad_mlp.compiler._folding import fold
from tinygrad_mlp.compiler._layout import Gather
from tinygrad_mlp.compiler._products import find_products
from tinygrad_mlp.compiler._schedule import Group, schedule
from tinygrad_mlp.compiler._tracing import trace
from tinygrad_mlp.engine import Value

Ids = tuple[int, ...]

# Matrix products among sums of products: rows A, B, C of numbers times columns x, y, z of numbers

ROWS: Final[dict[str, Ids]] = {"A": (0, 1), "B": (2, 3), "C": (4, 5)}
COLUMNS: Final[dict[str, Ids]] = {"x": (6, 7), "y": (8, 9), "z": (10, 11)}


def group_of(cells: str) -> Group:
    """One node for each of ``"Ax By"``, the row times the column."""
    left = [ROWS[cell[0]] for cell in cells.split()]
    right = [COLUMNS[cell[1]] for cell in cells.split()]
    ids = list(range(20, 20 + len(left)))
    return Group(1, ops.DOT, ids, [()] * len(left), left, right, True, True)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("Ax", ["A x [[0]]"]),
        ("Ax Ay", ["A xy [[0, 1]]"]),
        ("Ax Bx", ["AB x [[0], [1]]"]),
        ("Ax Ay Bx By", ["AB xy [[0, 1], [2, 3]]"]),
        ("By Bx Ay Ax", ["AB xy [[3, 2], [1, 0]]"]),
        ("Ax Bx Cx Ay By Cy", ["ABC xy [[0, 3], [1, 4], [2, 5]]"]),
        ("Ax By", ["A x [[0]]", "B y [[1]]"]),
        ("By Ax", ["A x [[1]]", "B y [[0]]"]),
        ("Ay Bx", ["A y [[0]]", "B x [[1]]"]),
        ("Ax Ay Bz", ["A xy [[0, 1]]", "B z [[2]]"]),
        ("Bz Ay Ax", ["A xy [[2, 1]]", "B z [[0]]"]),
        ("Ax Bx Cy Cz", ["AB x [[0], [1]]", "C yz [[2, 3]]"]),
        ("Ax Ay By", ["A x [[0]]", "A y [[1]]", "B y [[2]]"]),
        ("By Ay Ax Cz", ["B y [[0]]", "A y [[1]]", "A x [[2]]", "C z [[3]]"]),
        ("Ax Bx By Cy", ["A x [[0]]", "B x [[1]]", "B y [[2]]", "C y [[3]]"]),
        ("Ax By Cx Cy", ["A x [[0]]", "B y [[1]]", "C x [[2]]", "C y [[3]]"]),
        ("Ax Ax", ["A x [[0]]", "A x [[1]]"]),
        ("Ax Ax Ay Bx", ["A x [[0]]", "A x [[1]]", "A y [[2]]", "B x [[3]]"]),
        ("Ax Ay Bx By Cz", ["AB xy [[0, 1], [2, 3]]", "C z [[4]]"]),
    ],
)
def test_every_complete_component_is_a_product(cells: str, expected: list[str]) -> None:
    names = {numbers[0]: name for name, numbers in [*ROWS.items(), *COLUMNS.items()]}
    found = []
    for product in find_products(group_of(cells), np.arange(40)):
        stacked, p, q = product.members.shape
        assert product.left.shape == (stacked, p, 2)
        assert product.right.shape == (stacked, q, 2)
        assert (np.diff(product.left) == 1).all()
        for left, right, members in zip(product.left, product.right, product.members):
            sides = ["".join([names[row[0]] for row in side.tolist()]) for side in (left, right)]
            found.append(f"{sides[0]} {sides[1]} {members.tolist()}")
    assert found == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("Ax Ay Bx By", "[Product(1 x (2, 2) @ (2, 2))]"),
        ("Ax By Cz", "[Product(3 x (1, 2) @ (2, 1))]"),
        ("Ax Ay Bz", "[Product(1 x (1, 2) @ (2, 2)), Product(1 x (1, 2) @ (2, 1))]"),
        ("Ax Bx Cy Cz", "[Product(1 x (2, 2) @ (2, 1)), Product(1 x (1, 2) @ (2, 2))]"),
        ("Ax Ay By Cz", "[Product(4 x (1, 2) @ (2, 1))]"),
    ],
)
def test_products_of_one_shape_are_stacked(cells: str, expected: str) -> None:
    assert repr(find_products(group_of(cells), np.arange(40))) == expected


def test_rows_and_columns_are_in_the_order_of_their_slots() -> None:
    """By the first slot, then by the last one."""
    slot_of = np.arange(40)
    slot_of[[0, 2, 4]] = [4, 4, 2]  # C before A and B
    slot_of[[1, 3]] = [9, 7]  # B before A
    (product,) = find_products(group_of("Ax Ay Bx By Cx Cy"), slot_of)
    assert product.left.tolist() == [[[2, 5], [4, 7], [4, 9]]]
    assert product.right.tolist() == [[[6, 7], [8, 9]]]
    assert product.members.tolist() == [[[4, 5], [2, 3], [0, 1]]]


# Groups


def groups_of(function: Any, n_inputs: int = 4) -> list[str]:
    w = [Value(float(i)) for i in range(4)]
    groups = schedule(fold(trace(lambda x: function(w, x), [(n_inputs,)], w)))
    return [repr(group)[6:-1] for group in groups]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda w, x: [F.sin(a) for a in x], ["level 1: 4 x sin"]),
        (lambda w, x: [F.sin(x[0]), F.sin(w[0])], ["level 1: 1 x sin", "level 1: 1 x sin"]),
        (lambda w, x: [F.sin(x[0]), F.cos(x[0])], ["level 1: 1 x sin", "level 1: 1 x cos"]),
        (
            lambda w, x: [F.sin(F.sin(x[0])), F.sin(x[1])],
            ["level 1: 2 x sin", "level 2: 1 x sin"],
        ),
        (
            lambda w, x: [F.maximum(a, b) for a, b in ((x[0], w[0]), (w[0], x[0]), (x[1], w[1]))],
            ["level 1: 2 x maximum", "level 1: 1 x maximum"],
        ),
        (
            lambda w, x: [F.maximum(x[0] - w[0], a) for a in (1.0, x[1] - w[1], 2.0, w[2], x[2])],
            [
                "level 1: 2 x sub", "level 2: 2 x maximum", "level 2: 1 x maximum",
                "level 2: 1 x maximum", "level 2: 1 x maximum",
            ],
        ),
        (
            lambda w, x: [F.amax([x[0], w[0]]), F.amax([w[1], x[1]]), F.amax([x[0], x[1], x[2]])],
            ["level 1: 2 x amax", "level 1: 1 x amax"],
        ),
        (
            lambda w, x: [F.dot(w[:2], x[:2]), F.dot(w[1:3], x[2:]), F.dot(w[:3], x[:3])],
            ["level 1: 2 x dot, 2 products each", "level 1: 1 x dot, 3 products each"],
        ),
        (
            lambda w, x: [F.dot(w[:2], x[:2]), F.dot(w[1:3], x[2:], w[0])],
            ["level 1: 1 x dot, 2 products each", "level 1: 1 x dot, 2 products each"],
        ),
        (
            lambda w, x: [F.dot(w[:2], x[:2]), F.dot(x[2:], x[:2]), F.dot(w[:2], w[2:])],
            ["level 1: 1 x dot, 2 products each"] * 3,
        ),
        (
            lambda w, x: F.dot([w[0], F.sin(F.sin(w[1]))], [F.sin(x[0]), x[1]]),
            [
                "level 1: 1 x sin", "level 1: 1 x sin", "level 2: 1 x sin",
                "level 3: 1 x dot, 2 products each",
            ],
        ),
        (
            lambda w, x: F.dot([w[0], F.sin(w[1])], [x[1], F.sin(F.sin(x[0]))]),
            [
                "level 1: 1 x sin", "level 1: 1 x sin", "level 2: 1 x sin",
                "level 3: 1 x dot, 2 products each",
            ],
        ),
        (
            lambda w, x: F.dot(w[:2], x[:2], F.exp(F.sin(x[2]))),
            ["level 1: 1 x sin", "level 2: 1 x exp", "level 3: 1 x dot, 2 products each"],
        ),
    ],
)  # fmt: skip
def test_nodes_of_one_level_and_kind_form_a_group(function: Any, expected: list[str]) -> None:
    assert sorted(groups_of(function)) == sorted(expected)
    assert [text[:7] for text in groups_of(function)] == [text[:7] for text in sorted(expected)]


def test_each_group_has_the_operands_of_its_nodes() -> None:
    w = [Value(1.0), Value(2.0)]
    recording = trace(
        lambda x: [F.dot(w, x), F.dot(w, x[::-1], w[0]), F.dot(x, w, x[1]), x[0] - w[0]], [(2,)], w
    )
    groups = schedule(fold(recording))
    found = [(g.ids, g.args, g.left, g.right, g.varies, g.needs_grad) for g in groups]
    assert found == [
        ([2], [()], [(6, 7)], [(0, 1)], True, True),
        ([3, 4], [(6,), (1,)], [(6, 7), (6, 7)], [(1, 0), (0, 1)], True, True),
        ([5], [(0, 6)], [], [], True, True),
    ]


# Plain arithmetic or arrays


def group(n_nodes: int, n_args: int, n_products: int = 0) -> Group:
    factors = [tuple(range(n_products))] * n_nodes if n_products else []
    args = [tuple(range(n_args))] * n_nodes
    return Group(1, ops.SUM, list(range(n_nodes)), args, factors, factors, True, True)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([group(1, 1)] * 200, False),
        ([group(1, 1)] * 201, True),
        ([group(1, 49)] * 201, True),
        ([group(1, 50)] * 201, False),  # 50 operands of 0.2 microseconds against 10 for a call
        ([group(7, 7)] * 201, True),
        ([group(10, 5)] * 201, False),
        ([group(1, 1, 24)] * 201, True),
        ([group(1, 2, 24)] * 201, False),
        ([group(1, 0, 24)] * 201, True),
        ([group(1, 0, 25)] * 201, False),
        ([group(1, 99)] * 100 + [group(1, 0)] * 101, True),
        ([group(1, 101)] * 101 + [group(1, 0)] * 100, False),
    ],
)
def test_many_small_groups_are_scattered(groups: list[Group], expected: bool) -> None:
    assert is_scattered(groups) is expected


def step(n_operands: int, n_gathered: int, left: bool = False, right: bool = False) -> Any:
    gather = Gather(np.arange(2), mapped=False, needs_grad=False)
    operands = [gather] * n_gathered + [None] * (n_operands - n_gathered)
    return SimpleNamespace(
        operands=operands, left=gather if left else None, right=gather if right else None
    )


@pytest.mark.parametrize(
    ("steps", "groups", "expected"),
    [
        ([step(2, 0)] * 4, [group(1, 1)] * 4, False),
        ([step(2, 1), *[step(2, 0)] * 3], [group(1, 1)] * 4, False),  # a gather for four calls
        ([step(2, 1), *[step(2, 0)] * 2], [group(1, 1)] * 3, True),
        ([step(2, 2), *[step(2, 0)] * 3], [group(1, 1)] * 4, True),
        ([step(0, 0, left=True)], [group(1, 1)], True),
        ([step(0, 0, right=True)], [group(1, 1)], True),
        ([step(1, 1)], [group(1, 99)], True),  # 99 operands against a call and a gather
        ([step(1, 1)], [group(1, 100)], False),
        ([step(1, 1)], [group(99, 1)], True),
        ([step(1, 1)], [group(100, 1)], False),
        ([step(1, 1, left=True, right=True)], [group(1, 199)], True),
        ([step(1, 1, left=True, right=True)], [group(1, 200)], False),
    ],
)
def test_a_plan_with_many_gathers_is_irregular(
    steps: list[Any], groups: list[Group], expected: bool
) -> None:
    plan: Any = SimpleNamespace(steps=steps)
    assert is_irregular(plan, groups) is expected
