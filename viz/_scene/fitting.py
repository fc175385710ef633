"""Shapes moved and scaled, and scenes fitted into a page of another size, such as a slide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf
from typing import Final

from tinygrad_mlp.errors import GraphError
from viz._scene.scene import Circle, Curve, Line, Scene, Shape, Words

__all__ = [
    "SLIDE",
    "SLIDE_LETTERS",
    "SLIDE_MARGIN",
    "bounds_of",
    "fitted",
    "moved",
    "on_a_slide",
    "scaled",
    "smallest_letters",
]

SLIDE: Final = (1280.0, 720.0)
"""The width and the height of a slide, 16:9."""

SLIDE_LETTERS: Final = 24.0
"""The smallest letters of a slide: 24 pixels of 1280 x 720 are 18 points."""

LARGEST_LETTERS: Final = 40.0
"""A small drawing is not blown up any further than to smallest letters of this size."""

SLIDE_MARGIN: Final = 20.0
"""What stays free on each side of a slide."""

Box = tuple[float, float, float, float]


def moved(shape: Shape, dx: float, dy: float, scale: float = 1.0) -> Shape:
    """A shape that is scaled around (0, 0), then moved.

    >>> moved(Line(0.0, 1.0, 2.0, 3.0, "#000000", 1.0), 10.0, 0.0, scale=2.0)
    Line(x1=10.0, y1=2.0, x2=14.0, y2=6.0, color='#000000', width=2.0, dashed=False)
    """
    if isinstance(shape, Line):
        x1, y1 = scale * shape.x1 + dx, scale * shape.y1 + dy
        x2, y2 = scale * shape.x2 + dx, scale * shape.y2 + dy
        return replace(shape, x1=x1, y1=y1, x2=x2, y2=y2, width=scale * shape.width)
    if isinstance(shape, Curve):
        ends = () if shape.tip is None else (shape.tip,)
        points = tuple([(scale * x + dx, scale * y + dy) for x, y in (*shape.points, *ends)])
        points, tip = (points, None) if shape.tip is None else (points[:-1], points[-1])
        return replace(shape, points=points, tip=tip, width=scale * shape.width)
    x, y = scale * shape.x + dx, scale * shape.y + dy
    if isinstance(shape, Circle):
        return replace(shape, x=x, y=y, radius=scale * shape.radius, width=scale * shape.width)
    if isinstance(shape, Words):
        return replace(shape, x=x, y=y, size=scale * shape.size)
    return replace(
        shape,
        x=x,
        y=y,
        width=scale * shape.width,
        height=scale * shape.height,
        border_width=scale * shape.border_width,
    )


def bounds_of(shapes: Iterable[Shape]) -> Box:
    """Left, top, right and bottom of the smallest box around shapes.

    >>> bounds_of([Circle(10.0, 10.0, 5.0, "#ffffff", "#000000", width=2.0)])
    (4.0, 4.0, 16.0, 16.0)
    """
    boxes = [_bounds(shape) for shape in shapes]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def smallest_letters(scene: Scene) -> float:
    """The size of the smallest letters, indices apart; 0 where there are none.

    >>> smallest_letters(Scene(1.0, 1.0, "#ffffff", "nothing"))
    0.0
    """
    sizes = [
        shape.size for group in scene.groups for shape in group.shapes if isinstance(shape, Words)
    ]
    return min(sizes, default=0.0)


def fitted(scene: Scene, width: float, height: float, *, below: float = 0.0) -> Scene:
    """What is in a scene, as large as a page of that size allows, in its middle.

    Args:
        scene: what is to be fitted; its own margins do not count.
        width: of the page.
        height: of the page.
        below: how much of the height stays free under it.

    >>> from viz._scene.scene import Group, Rectangle
    >>> ground = Rectangle(50.0, 20.0, 100.0, 40.0, "#ffffff", "#000000", border_width=0.0)
    >>> page = fitted(Scene(400.0, 40.0, "#ffffff", "a", [Group("a", [ground])]), 240.0, 300.0)
    >>> shape = page.groups[0].shapes[0]
    >>> (shape.x, shape.y), (shape.width, shape.height)
    ((120.0, 150.0), (200.0, 80.0))
    """
    shapes = [shape for group in scene.groups for shape in group.shapes]
    left, top, right, bottom = bounds_of(shapes)
    letters = smallest_letters(scene)
    scale = min(
        (width - 2.0 * SLIDE_MARGIN) / (right - left),
        (height - below - 2.0 * SLIDE_MARGIN) / (bottom - top),
        LARGEST_LETTERS / letters if letters else inf,
    )
    dx = (width - scale * (left + right)) / 2.0
    dy = (height - below - scale * (top + bottom)) / 2.0
    return replace(scaled(scene, scale, dx, dy), width=width, height=height)


def scaled(scene: Scene, scale: float, dx: float = 0.0, dy: float = 0.0) -> Scene:
    """A scene with everything in it scaled, then moved.

    >>> scaled(Scene(40.0, 20.0, "#ffffff", "nothing"), 2.0).width
    80.0
    """
    groups = [
        replace(group, shapes=[moved(shape, dx, dy, scale) for shape in group.shapes])
        for group in scene.groups
    ]
    return replace(scene, width=scale * scene.width, height=scale * scene.height, groups=groups)


def on_a_slide(scene: Scene, others: Sequence[str] = ()) -> Scene:
    """A scene on a slide of 1280 x 720, with letters of 18 points at least.

    Args:
        scene: the drawing.
        others: the details that may have room for the same.

    Raises:
        GraphError: if there is no room for letters of that size.

    >>> from viz._scene.scene import Group
    >>> dot = Circle(9.0, 9.0, 5.0, "#ffffff", "#000000")
    >>> on_a_slide(Scene(40.0, 20.0, "#ffffff", "a dot", [Group("unit", [dot])])).width
    1280.0
    """
    slide = fitted(scene, *SLIDE)
    letters = smallest_letters(slide)
    if 0.0 < letters < SLIDE_LETTERS - 1e-6:
        less = [f"take detail={' or '.join(map(repr, others))}"] if others else []
        less += ["show less, such as show=()", "draw a node further inside"]
        points = int(7.5 * letters) / 10.0  # 17.96 are not 18
        raise GraphError(
            f"on a slide the letters of this drawing would have {points} points, where "
            f"18 are needed to read them; {', '.join(less)}, or leave style='slide' away"
        )
    return slide


def _bounds(shape: Shape) -> Box:
    if isinstance(shape, Words):
        return shape.box
    if isinstance(shape, Line):
        points, half = [(shape.x1, shape.y1), (shape.x2, shape.y2)], shape.width / 2.0
    elif isinstance(shape, Curve):  # inside of its control points
        points, half = [*shape.points, *(shape.head or ())], shape.width / 2.0
    elif isinstance(shape, Circle):
        points, half = [(shape.x, shape.y)], shape.radius + shape.width / 2.0
    else:
        wide = shape.width / 2.0, shape.height / 2.0
        points = [(shape.x - wide[0], shape.y - wide[1]), (shape.x + wide[0], shape.y + wide[1])]
        half = shape.border_width / 2.0
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs) - half, min(ys) - half, max(xs) + half, max(ys) + half
