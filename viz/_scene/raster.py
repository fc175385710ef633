"""A scene as pixels, drawn by matplotlib with the letters that it brings: alike on every machine.

DejaVu stands for Helvetica and STIX for Times.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from tinygrad_mlp._text import escape_of, visible
from tinygrad_mlp.errors import MissingDependencyError
from tinygrad_mlp.graph import Run
from viz._scene.letters import INDEX_SIZE
from viz._scene.scene import (
    BASELINE,
    CORNER,
    LOWERED,
    RAISED,
    Circle,
    Curve,
    Line,
    Rectangle,
    Scene,
    Shape,
    Words,
    dashes_of,
    ground_of,
)

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Canvas"]

ROUND: Final = 0.5522847498307936
"""How far the control points of a Bezier curve stand that is a quarter of a circle."""

FONTS: Final = {
    ("code", False): "DejaVuSans.ttf",
    ("code", True): "DejaVuSans-Bold.ttf",
    ("upright", False): "STIXGeneral.ttf",
    ("upright", True): "STIXGeneralBol.ttf",
    ("italic", False): "STIXGeneralItalic.ttf",
    ("italic", True): "STIXGeneralBolIta.ttf",
}
"""The files of letters by the kind of run, indices being upright, and whether they are bold."""

ANCHORED: Final = {"start": 0.0, "middle": 0.5, "end": 1.0}


class Canvas:
    """What scenes of one size are drawn on.

    >>> from viz._scene.scene import Group
    >>> dot = Circle(2.0, 2.0, 2.0, "#ff0000", "#ff0000")
    >>> scene = Scene(8.0, 8.0, "#ffffff", "a dot", [Group("unit", [dot])])
    >>> picture = Canvas(8, 8).drawn(scene)
    >>> picture.getpixel((2, 2)), picture.getpixel((7, 7))
    ((255, 0, 0), (255, 255, 255))

    Raises:
        MissingDependencyError: without matplotlib.
    """

    def __init__(self, width: int, height: int) -> None:
        try:
            import matplotlib
            from matplotlib.backends.backend_agg import RendererAgg
            from matplotlib.font_manager import FontProperties, get_font
            from matplotlib.path import Path
            from matplotlib.transforms import IdentityTransform
            from PIL import Image
        except ImportError as error:
            raise MissingDependencyError.of("matplotlib", "films", extra="all") from error
        self.size = width, height
        self._matplotlib: Any = matplotlib
        renderer: Any = RendererAgg  # whose types are unknown
        self._renderer: Any = renderer(width, height, 72.0)
        self._path: Any = Path
        self._font: Any = FontProperties
        self._read: Any = get_font
        self._as_it_is: Any = IdentityTransform()
        self._image: Any = Image
        self._fonts: dict[tuple[str, float], Any] = {}
        self._letters: dict[str, frozenset[int]] = {}
        self._widths: dict[tuple[str, int], float] = {}

    def drawn(self, scene: Scene) -> Image:
        """The picture of a scene of this size, in RGB."""
        width, height = self.size
        with self._matplotlib.rc_context({"text.hinting": "none", "text.antialiased": True}):
            self._renderer.clear()
            self._fill(_box(0.0, 0.0, width, height), scene.background)
            for group in scene.groups:
                for shape in group.shapes:
                    self._draw(shape)
            pixels = bytes(self._renderer.buffer_rgba())
        picture: Image = self._image.frombytes("RGBA", self.size, pixels).convert("RGB")
        return picture

    def _draw(self, shape: Shape) -> None:
        if isinstance(shape, Words):
            self._words(shape)
        elif isinstance(shape, Line):
            self._stroke([(shape.x1, shape.y1), (shape.x2, shape.y2)], shape, self._path.LINETO)
        elif isinstance(shape, Curve):
            self._stroke(shape.points, shape, self._path.CURVE4)
            if shape.head is not None:
                self._fill(shape.head, shape.color)
        elif isinstance(shape, Circle):
            r = shape.radius
            outline = _round_box(shape.x - r, shape.y - r, 2.0 * r, 2.0 * r, r)
            self._outlined(outline, shape.fill, shape.border, shape.width)
        elif isinstance(shape, Rectangle):
            left, top = shape.x - shape.width / 2.0, shape.y - shape.height / 2.0
            corner = min(CORNER, shape.width / 2.0, shape.height / 2.0)
            outline = _round_box(left, top, shape.width, shape.height, corner)
            self._outlined(outline, shape.fill, shape.border, shape.border_width)

    # Lines and grounds

    def _flipped(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x, self.size[1] - y) for x, y in points]

    def _context(self, color: str, width: float) -> Any:
        context = self._renderer.new_gc()
        context.set_foreground(color)
        context.set_linewidth(width)
        context.set_snap(False)
        return context

    def _stroke(self, points: Sequence[tuple[float, float]], pen: Line | Curve, code: int) -> None:
        context = self._context(pen.color, pen.width)
        if pen.dashed:
            context.set_dashes(0.0, list(dashes_of(pen)))
        path = self._path(self._flipped(points), [self._path.MOVETO] + [code] * (len(points) - 1))
        self._renderer.draw_path(context, path, self._as_it_is)

    def _fill(self, corners: Sequence[tuple[float, float]], color: str) -> None:
        path = self._path(self._flipped([*corners, corners[0]]), closed=True)
        rgb = self._matplotlib.colors.to_rgb(color)
        self._renderer.draw_path(self._context(color, 0.0), path, self._as_it_is, rgb)

    def _outlined(
        self, outline: Sequence[tuple[float, float]], fill: str, border: str, width: float
    ) -> None:
        codes = [self._path.MOVETO] + [self._path.CURVE4] * (len(outline) - 1)
        path = self._path(self._flipped(outline), codes)
        rgb = self._matplotlib.colors.to_rgb(fill)
        self._renderer.draw_path(self._context(border, width), path, self._as_it_is, rgb)

    # Letters

    def _words(self, words: Words) -> None:
        ground = ground_of(words)
        if ground is not None:
            self._fill(_box(*ground), words.ground)
        context = self._context(words.color, 1.0)
        pieces = [(text, rise, font) for text, rise, font in self._pieces(words) if text]
        widths = [self._width_of(text, font) for text, _, font in pieces]
        x = words.x - ANCHORED[words.anchor] * sum(widths)
        baseline = words.y + BASELINE * words.size
        for (text, rise, font), width in zip(pieces, widths, strict=True):
            self._renderer.draw_text(context, x, baseline - rise, text, font, 0.0)
            x += width

    def _pieces(self, words: Words) -> Iterator[tuple[str, float, Any]]:
        """The runs of a text: the letters, how far they stand above the line, the font."""
        for run in words.runs:
            size = words.size * (INDEX_SIZE if run.kind in ("sub", "sup") else 1.0)
            rise = {"sub": -LOWERED, "sup": RAISED}.get(run.kind, 0.0) * words.size
            font = self._font_of(run, size, words.bold)
            yield self._with_pictures(visible(run.text), font), rise, font

    def _with_pictures(self, text: str, font: Any) -> str:
        """The text, in which letters that the font has not are escapes: there is no picture."""
        file = font.get_file()
        if file not in self._letters:
            self._letters[file] = frozenset(self._read(file).get_charmap())
        known = self._letters[file]
        drawn = [ord(x) in known and x.isprintable() for x in text]  # no joiner of emoji
        return "".join([x if has else escape_of(x) for x, has in zip(text, drawn, strict=True)])

    def _font_of(self, run: Run, size: float, bold: bool) -> Any:
        kind = "upright" if run.kind in ("sub", "sup") else run.kind
        key = FONTS[kind, bold], size
        if key not in self._fonts:
            path = pathlib.Path(self._matplotlib.get_data_path()) / "fonts" / "ttf" / key[0]
            self._fonts[key] = self._font(fname=path, size=size)
        return self._fonts[key]

    def _width_of(self, text: str, font: Any) -> float:
        key = text, id(font)  # which stays in the table of fonts
        if key not in self._widths:
            size = self._renderer.get_text_width_height_descent(text, font, ismath=False)
            self._widths[key] = size[0]
        return self._widths[key]


def _box(left: float, top: float, width: float, height: float) -> list[tuple[float, float]]:
    right, bottom = left + width, top + height
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _round_box(
    left: float, top: float, width: float, height: float, corner: float
) -> list[tuple[float, float]]:
    """A rectangle with round corners as Bezier curves; of half its width they make a circle."""
    points = [(left + corner, top)]
    for (x, y), (dx, dy), (ex, ey) in (
        ((left + width, top), (1.0, 0.0), (0.0, 1.0)),
        ((left + width, top + height), (0.0, 1.0), (-1.0, 0.0)),
        ((left, top + height), (-1.0, 0.0), (0.0, -1.0)),
        ((left, top), (0.0, -1.0), (1.0, 0.0)),
    ):
        start = x - corner * dx, y - corner * dy
        end = x + corner * ex, y + corner * ey
        near = (1.0 - ROUND) * corner
        points += [
            points[-1],
            start,
            start,
            (x - near * dx, y - near * dy),
            (x + near * ex, y + near * ey),
            end,
        ]
    return points
