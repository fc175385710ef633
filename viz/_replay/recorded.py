"""What the page of a replay knows: nodes, neurons and steps of one pass, as data for JSON.

The numbers come from the step log in ``tinygrad_mlp.debug``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tinygrad_mlp import ops
from tinygrad_mlp._arguments import check_flag, check_integer
from tinygrad_mlp._freezing import is_frozen
from tinygrad_mlp._text import described
from tinygrad_mlp.debug import BackwardStep, trace_backward
from tinygrad_mlp.debug._notation import NAMES
from tinygrad_mlp.debug._tokens import Piece
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, NotANumberError
from tinygrad_mlp.graph import (
    INDEX_ORDERS,
    Unit,
    order_of,
    roles_of,
    sums_of,
    units_of,
)
from tinygrad_mlp.graph._walk import gradients_kept
from viz._replay.replay_equations import Neuron, ReplayEquations
from viz._replay.replay_names import ReplayNames, letters_of
from viz._replay.replay_quiz import quiz_of
from viz._style.themes import known_name

__all__ = ["recorded"]

KINDS: Final = ("input", "parameter", "buffer", "constant", "operation", "output")
"""The roles of nodes."""

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
    editable: Mapping[Value, str] | None = None,
    quiz: bool = False,
) -> dict[str, Any]:
    """Everything that the page knows about the graph and its steps.

    Args:
        loss: the output of the graph, which stays as it is.
        parameters: the leaves that are parameters, if a person names them.
        collapse: whether each neuron starts as one box; None to decide by the size.
        max_nodes: the number of nodes up to which there is a page.
        names: "math" or "code"; "auto" is "math".
        index: the order of the indices of a weight.
        editable: the leaves whose numbers can be changed, and what the page calls each to the one
            around it; those that are not in the graph do not matter.
        quiz: whether the page can ask for the number of each step.

    >>> page = recorded(Value(2.0, label="a") * 3.0, None, None, 1000)
    >>> page["codes"], len(page["steps"])
    (['a', 'v1', 'L'], 1)
    """
    by_math = known_name("kind of names", names, NAMES) != "code"
    index = known_name("order of the indices", index, INDEX_ORDERS)
    quiz = check_flag(quiz, "quiz", "viz.replay(loss, path, quiz=True)")
    if collapse is not None:
        collapse = check_flag(collapse, "collapse", "viz.replay(loss, path, collapse=True)")
    order = _checked_order(loss, check_integer(max_nodes, "max_nodes", "max_nodes=1000"))
    roles = roles_of(order, [loss], parameters)
    units = units_of(order, roles)
    called = ReplayNames(order, roles, units, by_math=by_math, index=index)
    steps = _steps(loss, order)
    equations = ReplayEquations(order, called, steps)
    lines, places = equations.lines, equations.places
    constant = [(x.op is ops.CONSTANT and not x.label) or is_frozen(x) for x in order]
    used = {node.op.name: node.op for node in order if node.op is not None and node.parents}
    kinds = list(used)
    return {
        "codes": [called.code[node] for node in order],
        "letters": [letters_of(called.shown[node]) for node in order],
        "unnamed": _where(not x.label and called.code[x] == f"v{places[x]}" for x in order),
        "constant": _where(constant),  # nothing flows to a frozen leaf either
        "frozen": _where(map(is_frozen, order)),
        "kinds": list(KINDS),
        "roles": [KINDS.index(roles[node]) for node in order],
        "ops": [[op.name, op.symbol, Piece(op.formula).data()[1]] for op in used.values()],
        "used": [kinds.index(x.op.name) if x.op and x.parents else -1 for x in order],
        "data": [lines.exact(node.data) for node in order],
        "parents": [[places[parent] for parent in node.parents] for node in order],
        "partials": [[lines.number(partial) for partial in node.partials] for node in order],
        "formulas": [equations.forward(node) if node.parents else [] for node in order],
        "paths": equations.path_products(),
        "groups": _groups(order, roles, called, units, equations),
        "collapsed": collapse if collapse is not None else len(order) >= COLLAPSED_FROM or None,
        "steps": [_step(step, equations) for step in steps],
        "ends": [lines.exact(0.0), lines.exact(1.0)],  # the gradients of the output and the others
        **({} if editable is None else {"editable": _editable(editable, places)}),
        **({"quiz": quiz_of(equations, steps)} if quiz else {}),
        **lines.tables(),
    }


def _editable(leaves: Mapping[Value, str], places: Mapping[Value, int]) -> list[tuple[int, str]]:
    """Place and key of each leaf."""
    for leaf in leaves:
        if leaf.parents:
            raise InvalidArgumentError(
                f"editable has {described(leaf)}, which is computed from other nodes; only leaves "
                f"can be edited: editable={{w: 'p:0'}}"
            )
    return [(places[leaf], key) for leaf, key in leaves.items() if leaf in places]


def _where(which: Iterable[bool]) -> list[int]:
    return [place for place, holds in enumerate(which) if holds]


def _step(step: BackwardStep, equations: ReplayEquations) -> list[Any]:
    """Node, operand, the gradient after it, the chain rule (what flows comes last), a remark."""
    after = equations.lines.exact(step.grad_after)
    return [equations.places[step.node], step.position, after, *equations.backward(step)]


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
    with gradients_kept(order):
        return list(trace_backward(loss))


def _groups(
    order: Sequence[Value],
    roles: dict[Value, str],
    names: ReplayNames,
    units: dict[Value, Unit],
    equations: ReplayEquations,
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
    places_of = equations.places
    described: list[dict[str, Any]] = []
    for head, places in sorted(members.items(), key=_last_place):
        if len(places) == 1:
            continue
        neuron = Neuron(head, [order[place] for place in places], _group_formula(head))
        found = [sums[member] for member in neuron.members if member in sums]
        inside, more = equations.inside(neuron)
        name, code = names.of_unit(head, units[head])
        described.append(
            {
                "code": code,
                "letters": letters_of(name),
                "formula": neuron.formula,
                "head": places[-1],
                "members": places,
                "parameters": [place for place in places if roles[order[place]] == "parameter"],
                "weights": [
                    [places_of[x], places_of[weight]]
                    for of_sum in found
                    for weight, x in zip(of_sum.weights, of_sum.inputs, strict=True)
                ],
                "line": equations.forward(head, neuron),
                "through": equations.through(neuron),
                "several": equations.several_uses(neuron),
                "inside": inside,
                "more": more,
            }
        )
    return described


def _last_place(group: tuple[Value, list[int]]) -> int:
    return group[1][-1]


def _group_formula(head: Value) -> str:
    if head.op is not None and head.op.activation:
        return f"{head.op.name}(w·x + b)"
    return "w·x + b"
