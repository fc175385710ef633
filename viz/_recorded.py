"""What the page of a replay knows: nodes, neurons and steps of one pass, as data for JSON.

The numbers come from the step log in ``tinygrad_mlp.debug``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tinygrad_mlp import ops
from tinygrad_mlp._freezing import is_frozen
from tinygrad_mlp._text import described
from tinygrad_mlp.debug import BackwardStep, trace_backward
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, NotANumberError
from tinygrad_mlp.graph import (
    INDEX_ORDERS,
    MathName,
    Unit,
    order_of,
    roles_of,
    sums_of,
    units_of,
)
from viz._replay_names import NAMES, ReplayNames, runs_for_json
from viz._themes import known_name

__all__ = ["recorded"]

COLLAPSED_FROM: Final = 35
"""The number of nodes from which a page opens with every neuron as one box.

A page of a smaller graph decides for itself: where its window shows the whole graph only so.
"""


def recorded(
    loss: Value,
    parameters: Iterable[Value] | None,
    collapse: bool | None,
    max_nodes: int,
    *,
    names: str = "math",
    index: str = "unit,input",
) -> dict[str, Any]:
    """Everything that the page knows about the graph and its steps.

    Args:
        loss: the output of the graph, which stays as it is.
        parameters: the leaves that are parameters, if a person names them.
        collapse: whether each neuron starts as one box; None to decide by the size.
        max_nodes: the number of nodes up to which there is a page.
        names: "math" or "code".
        index: the order of the indices of a weight.

    >>> page = recorded(Value(2.0, label="a") * 3.0, None, None, 1000)
    >>> [node["name"] for node in page["nodes"]], len(page["steps"])
    (['a', 'v1', 'L'], 1)
    """
    by_math = known_name("kind of names", names, NAMES) == "math"
    index = known_name("order of the indices", index, INDEX_ORDERS)
    order = _checked_order(loss, max_nodes)
    roles = roles_of(order, [loss], parameters)
    units = units_of(order, roles)
    called = ReplayNames(order, roles, units, by_math=by_math, index=index)
    places = {node: place for place, node in enumerate(order)}
    groups = _groups(order, roles, called, units)
    used = {node.op.name: node.op for node in order if node.op is not None and node.parents}
    return {
        "nodes": [
            {
                **_named(called.shown[node], called.code[node]),
                "unnamed": not node.label and called.code[node] == f"v{places[node]}",
                # Nothing flows to a frozen leaf either.
                "constant": (node.op is ops.CONSTANT and not node.label) or is_frozen(node),
                "frozen": is_frozen(node),
                "role": roles[node],
                "op": node.op.name if node.op is not None and node.parents else "",
                "symbol": node.op.symbol if node.op is not None and node.parents else "",
                "data": _number(node.data),
                "parents": [places[parent] for parent in node.parents],
                "partials": [_number(partial) for partial in node.partials],
            }
            for node in order
        ],
        "ops": {
            name: {"formula": op.formula, "partials": op.partial_formulas}
            for name, op in used.items()
        },
        "groups": groups,
        "collapsed": collapse if collapse is not None else len(order) >= COLLAPSED_FROM or None,
        "steps": [
            [places[step.node], step.position]
            + [
                _number(x)
                for x in (step.upstream, step.contribution, step.grad_before, step.grad_after)
            ]
            for step in _steps(loss, order)
        ],
    }


def _first_of(given: object) -> str:
    """What to do before, with a model or with several outputs."""
    if hasattr(given, "named_parameters"):
        return "build a loss or an output first: viz.replay(model(x), path)"
    return "take one output: viz.replay(outputs[0], path)"


def _checked_order(loss: Value, max_nodes: int) -> list[Value]:
    if not isinstance(loss, Value):
        what = described(loss, with_type=True)
        raise NotANumberError(f"a replay starts from one Value, but got {what}; {_first_of(loss)}")
    order = order_of([loss])
    if len(order) > max_nodes:
        raise GraphError(
            f"this graph has {len(order):,} nodes, more than max_nodes={max_nodes:,}; replay a "
            f"part of it (the loss of one sample through a small network, or a node further "
            f"inside), or allow its size with max_nodes={len(order)}"
        )
    return order


def _steps(loss: Value, order: Sequence[Value]) -> list[BackwardStep]:
    """The steps of a ``backward`` from a clean start; the graph keeps the gradients that it has."""
    before = [node.grad for node in order]
    for node in order:
        node.zero_grad()
    try:
        return list(trace_backward(loss))
    finally:
        for node, grad in zip(order, before, strict=True):
            node.grad = grad


def _named(name: MathName, code: str) -> dict[str, Any]:
    return {"name": name.text, "code": code, "runs": runs_for_json(name)}


def _groups(
    order: Sequence[Value], roles: dict[Value, str], names: ReplayNames, units: dict[Value, Unit]
) -> list[dict[str, Any]]:
    """The neurons that can be one box: those nodes that nothing outside uses, but for one output.

    A neuron that is applied to several samples has one box for each; weights that are shared stay
    outside of all of them.
    """
    users: dict[Value, set[Value]] = {node: set() for node in order}
    for node in order:
        for parent in node.parents:
            users[parent].add(node)
    heads: dict[Value, Value] = {}
    for node in reversed(order):
        if node not in units:
            continue
        heads_of_users = {heads.get(user) for user in users[node]}
        head = heads_of_users.pop() if len(heads_of_users) == 1 else None
        if head is not None and units[head] == units[node]:
            heads[node] = head
        elif node.parents:
            heads[node] = node
    members: dict[Value, list[int]] = {}
    for place, node in enumerate(order):
        if node in heads:
            members.setdefault(heads[node], []).append(place)
    sums = sums_of(order, roles)
    places_of = {node: place for place, node in enumerate(order)}
    return [
        {
            **_named(*names.of_unit(head, units[head])),
            "formula": _group_formula(head),
            "head": places[-1],
            "members": places,
            "parameters": [place for place in places if roles[order[place]] == "parameter"],
            "weights": [
                [places_of[x], places_of[weight]]
                for found in [sums[order[place]] for place in places if order[place] in sums]
                for weight, x in zip(found.weights, found.inputs, strict=True)
            ],
        }
        for head, places in sorted(members.items(), key=_last_place)
        if len(places) > 1
    ]


def _last_place(group: tuple[Value, list[int]]) -> int:
    return group[1][-1]


def _group_formula(head: Value) -> str:
    if head.op is not None and head.op.activation:
        return f"{head.op.name}(w·x + b)"
    return "w·x + b"


def _number(x: float) -> float | str:
    """The number for JSON, which knows neither nan nor inf."""
    if math.isfinite(x):
        return x
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
