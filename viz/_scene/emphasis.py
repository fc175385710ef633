"""What stands out in a scene: things that are marked, and paths beside which the rest fades."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError
from viz._scene.scene import Circle, Curve, Group, Line, Rectangle, Scene, Shape, Words
from viz._style.themes import mixed

__all__ = ["FADED", "MARKED_BORDER", "MARKED_LINE", "faded", "focused", "lit_lines_last", "marked"]

FADED: Final = 0.25
"""How much of its color keeps what does not lie on the paths in focus."""

MARKED_BORDER: Final = 3.0
"""How wide the border of what is marked is at least."""

MARKED_LINE: Final = 2.6
"""How wide a line that is marked is at least."""


def faded(group: Group, ground: str) -> Group:
    """A group of which a quarter of the color is left on the ground.

    >>> group = faded(Group("unit", [Line(0.0, 0.0, 9.0, 0.0, "#000000", 1.0)]), "#ffffff")
    >>> group.kind, group.shapes[0].color
    ('unit faded', '#bfbfbf')
    """
    shapes = [_faint(shape, ground) for shape in group.shapes]
    return replace(group, kind=f"{group.kind} faded", shapes=shapes)


def marked(group: Group, accent: str) -> Group:
    """A group whose borders and lines have the accent color, and are wide enough to be seen.

    >>> marked(Group("weight", [Line(0.0, 0.0, 9.0, 0.0, "#000000", 1.0)]), "#ff0000").shapes
    [Line(x1=0.0, y1=0.0, x2=9.0, y2=0.0, color='#ff0000', width=2.6, dashed=False)]
    """
    shapes = [_in_accent(shape, accent, shape is group.shapes[0]) for shape in group.shapes]
    return replace(group, shapes=shapes)


def focused(scene: Scene, focus: Value, order: Sequence[Value]) -> Scene:
    """The scene in which the paths through a node stand out, from the leaves to the outputs.

    Args:
        scene: its groups say which nodes they stand for.
        focus: the node.
        order: the nodes of the graph, parents before children.

    Raises:
        GraphError: if it is no node of the graph.

    >>> a, b = Value(2.0), Value(3.0)
    >>> c = a * b
    >>> groups = [Group("node", [], nodes=[x]) for x in (a, b, c)]
    >>> groups += [Group("edge", [], nodes=[x], targets=[c]) for x in (a, b)]
    >>> scene = focused(Scene(9.0, 9.0, "#ffffff", "", groups), a, [a, b, c])
    >>> [group.kind for group in scene.groups]
    ['node', 'node faded', 'node', 'edge faded', 'edge']
    """
    if focus not in set(order):
        raise GraphError(
            f"{described(focus)} is in focus, but it is no node of this graph; give a node that "
            "the drawn Value was computed from, or its name"
        )
    before, behind = {focus}, {focus}
    for node in reversed(order):
        if node in before:
            before.update(node.parents)
    for node in order:
        if any(parent in behind for parent in node.parents):
            behind.add(node)
    groups = [
        group if _is_on_paths(group, before, behind) else faded(group, scene.background)
        for group in scene.groups
    ]
    return replace(scene, groups=lit_lines_last(groups))


def lit_lines_last(groups: Sequence[Group]) -> list[Group]:
    """The same groups, those of lines in such an order that no faded one lies over another.

    >>> lines = [Group(kind, [], targets=[Value(0.0)]) for kind in ("edge", "edge faded")]
    >>> [group.kind for group in lit_lines_last([*lines, Group("node", [])])]
    ['edge faded', 'edge', 'node']
    """
    lines = iter(sorted([group for group in groups if group.targets], key=_is_lit))
    return [next(lines) if group.targets else group for group in groups]


def _is_on_paths(group: Group, before: Collection[Value], behind: Collection[Value]) -> bool:
    """Whether a group is on the way to a node, or on the way from it."""
    if group.kind == "legend":
        return True
    sides = (before, behind)
    if group.targets:
        return any(_meet(group.nodes, side) and _meet(group.targets, side) for side in sides)
    return any(_meet(group.nodes, side) for side in sides)


def _meet(nodes: Collection[Value], others: Collection[Value]) -> bool:
    return any(node in others for node in nodes)


def _is_lit(group: Group) -> bool:
    return not group.kind.endswith(" faded")


def _in_accent(shape: Shape, accent: str, is_ground: bool) -> Shape:
    """A shape of what is marked; of several rectangles only the ground has a border to mark."""
    if isinstance(shape, Line | Curve):
        return replace(shape, color=accent, width=max(shape.width, MARKED_LINE))
    if isinstance(shape, Circle):
        return replace(shape, border=accent, width=max(shape.width, MARKED_BORDER))
    if isinstance(shape, Rectangle) and is_ground:
        width = max(shape.border_width, MARKED_BORDER)
        return replace(shape, border=accent, border_width=width)
    return shape


def _faint(shape: Shape, ground: str) -> Shape:
    if isinstance(shape, Line | Curve):
        return replace(shape, color=mixed(shape.color, ground, FADED))
    if isinstance(shape, Words):
        behind = mixed(shape.ground, ground, FADED) if shape.ground else ""
        return replace(shape, color=mixed(shape.color, ground, FADED), ground=behind)
    fill, border = (mixed(color, ground, FADED) for color in (shape.fill, shape.border))
    return replace(shape, fill=fill, border=border)
