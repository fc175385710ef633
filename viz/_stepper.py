"""A web page that plays a forward and a backward pass step by step: ``replay``.

The numbers come from the step log in ``tinygrad_mlp.debug``; the page only shows them. It is one
file without any reference to another: the parts in the folder ``replay`` are put into it, and a
policy inside it forbids the browser to run or fetch anything else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from tinygrad_mlp import ops
from tinygrad_mlp._files import write_whole
from tinygrad_mlp._freezing import is_frozen
from tinygrad_mlp._text import described
from tinygrad_mlp.debug import BackwardStep, names_of, trace_backward
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, NotANumberError
from tinygrad_mlp.graph import Unit, name_in_network, order_of, roles_of, units_of
from viz import _markup as markup
from viz._render import format_of
from viz._themes import DARK, LIGHT, Theme

__all__ = ["replay", "replay_page"]

SCRIPTS: Final = (
    "text.js",
    "layout.js",
    "frames.js",
    "labels.js",
    "trace.js",
    "stops.js",
    "scene.js",
    "equations.js",
    "details.js",
    "player.js",
)
"""The parts of the program, in the order in which they stand in the page."""
COLLAPSED_FROM: Final = 35
"""The number of nodes from which a page opens with every neuron as one box.

A page of a smaller graph decides for itself: where its window shows the whole graph only so.
"""


def replay(
    loss: Value,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    parameters: Iterable[Value] | None = None,
    collapse: bool | None = None,
    max_nodes: int = 1000,
) -> Path:
    """Write a web page that plays how ``loss`` and its gradients are computed, step by step.

    The page works without a network, on a phone, and with the keyboard alone: left and right step,
    with shift to the next node, home and end, space plays, "?" opens the help; up and down go
    through the nodes, enter selects one, "e" expands or collapses its neuron. While a neuron is one
    box, the steps inside of it are passed over, and its arrows carry the derivative of the whole
    neuron. ``backprop.html#step=12`` opens at a step. Plain numbers receive no gradient.

    Args:
        loss: the output of the graph. Nothing in the graph changes: the page shows one ``backward``
            that starts without gradients, whatever the graph holds now.
        path: the file to write, .html or .htm; a missing folder is made.
        title: the heading, "Backpropagation of loss" unless given.
        parameters: the leaves to color as parameters, for example ``model.parameters()``.
        collapse: whether each neuron starts as one box; unless given, for larger graphs, and where
            a window shows the whole graph only so.
        max_nodes: the number of nodes up to which a page is written.

    Returns:
        The path of the file.

    Raises:
        NotANumberError: if ``loss`` is not a Value.
        UnknownNameError: for another ending.
        GraphError: if the graph has more than ``max_nodes`` nodes.

    >>> import tempfile
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replay((a * b).tanh(), f"{folder}/backprop.html").name
    'backprop.html'
    """
    format_of(path, ("html", "htm"))
    page = replay_page(
        loss, title=title, parameters=parameters, collapse=collapse, max_nodes=max_nodes
    )
    return write_whole(path, page.encode())


def replay_page(
    loss: Value,
    *,
    title: str | None = None,
    parameters: Iterable[Value] | None = None,
    collapse: bool | None = None,
    max_nodes: int = 1000,
) -> str:
    """The page that ``replay`` writes, as text.

    Args, Raises: as for ``replay``.

    >>> page = replay_page(Value(2.0, label="</script>") * 3.0)
    >>> page.startswith("<!DOCTYPE html>"), page.count("</script>")  # the two of the page
    (True, 2)
    """
    recorded = _recorded(loss, parameters, collapse, max_nodes)
    root = recorded["nodes"][-1]
    heading = title if title is not None else f"Backpropagation of {root['name']}"
    style = _variables() + _part("style.css")
    script = "\n".join(_part(name) for name in SCRIPTS)
    return _filled(
        _part("page.html"),
        {
            "policy": f"default-src 'none'; style-src {_digest(style)}; "
            f"script-src {_digest(script)}; base-uri 'none'; form-action 'none'",
            "title": html.escape(markup.visible(heading)),
            "style": style,
            "script": script,
            "recorded": _embedded(recorded),
        },
    )


def _recorded(
    loss: Value, parameters: Iterable[Value] | None, collapse: bool | None, max_nodes: int
) -> dict[str, Any]:
    """Everything that the page knows about the graph and its steps."""
    order = _checked_order(loss, max_nodes)
    roles = roles_of(order, [loss], parameters)
    units = units_of(order, roles)
    names = _names(order, units)
    places = {node: place for place, node in enumerate(order)}
    groups = _groups(order, names, units)
    used = {node.op.name: node.op for node in order if node.op is not None and node.parents}
    return {
        "nodes": [
            {
                "name": names[node],
                "unnamed": not node.label and names[node] == f"v{places[node]}",
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


def _names(order: Sequence[Value], units: dict[Value, Unit]) -> dict[Value, str]:
    """The names of the step log; what has no label there is called after its neuron, or L."""
    names = names_of(order)
    taken = set(names.values())
    for node in order:
        wish = "" if node.label else name_in_network(node, units.get(node))
        if not wish and node is order[-1] and node.parents and not node.label:
            wish = "L"
        if wish:
            name = next(free for free in _candidates(wish) if free not in taken)
            names[node] = name
            taken.add(name)
    return names


def _candidates(wish: str) -> Iterator[str]:
    yield wish
    yield from (f"{wish}#{number}" for number in itertools.count(2))


def _groups(
    order: Sequence[Value], names: dict[Value, str], units: dict[Value, Unit]
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
    return [
        {
            "name": _group_name(names, head, units[head]),
            "formula": _group_formula(head),
            "head": places[-1],
            "members": places,
        }
        for head, places in sorted(members.items(), key=_last_place)
        if len(places) > 1
    ]


def _last_place(group: tuple[Value, list[int]]) -> int:
    return group[1][-1]


def _group_name(names: dict[Value, str], head: Value, unit: Unit) -> str:
    if unit.placed:
        return unit.path or "neuron"
    return names[head] if head.label else unit.path.replace(".", ", ")


def _group_formula(head: Value) -> str:
    if head.op is not None and head.op.activation:
        return f"{head.op.name}(w·x + b)"
    return "w·x + b"


def _number(x: float) -> float | str:
    """The number for JSON, which knows neither nan nor inf."""
    if math.isfinite(x):
        return x
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def _embedded(recorded: dict[str, Any]) -> str:
    """JSON that no browser takes for anything else, whatever stands in the names."""
    text = json.dumps(recorded, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _variables() -> str:
    """The colors of the drawings as variables of CSS."""
    return f":root {{{_colors(LIGHT)}}}\n:root[data-theme=dark] {{{_colors(DARK)}}}\n"


def _colors(theme: Theme) -> str:
    colors = {
        "page": theme.frame,
        "card": theme.background,
        "rim": theme.outline,
        "text": theme.text,
        "muted": theme.muted,
        "line": theme.line,
        "gradient": theme.gradient,
        "gradient-soft": theme.ramp[0].fill,
        "accent": theme.accent,
        "forward": theme.roles["parameter"].ink,
        "partial": theme.roles["input"].ink,
    }
    for role, paint in theme.roles.items():
        colors |= {role: paint.fill, f"{role}-rim": paint.border}
    return "".join(f"--{name}:{color};" for name, color in colors.items())


def _part(name: str) -> str:
    return (resources.files("viz") / "replay" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _filled(template: str, parts: dict[str, str]) -> str:
    """The template with its parts put in, in one go: what looks like a place in a part stays."""
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], template)
