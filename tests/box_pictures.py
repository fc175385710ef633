"""A picture of boxes and arrows, read back from its SVG: what stands where, what leads to what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

import viz
from tests.holding import held
from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value
from tinygrad_mlp.nn import MLP
from viz._style.themes import LIGHT

SVG: Final = "{http://www.w3.org/2000/svg}"
BY: Final = "\N{PARTIAL DIFFERENTIAL}/\N{PARTIAL DIFFERENTIAL}"

NORM: Final = "\N{DOUBLE VERTICAL LINE}gradient\N{DOUBLE VERTICAL LINE}"
N_SAMPLES: Final = 12

Point = tuple[float, float]


def network() -> MLP:
    return MLP(2, [4, 3, 1], activation="tanh", rng=0)


def batch_loss(model: MLP) -> Value:
    """The mean of the squared errors of a dozen samples."""
    total = sum(
        ((model([0.1 * i, 1.0]) - 0.5 * i) ** 2 for i in range(N_SAMPLES)), start=Value(0.0)
    )
    loss: Value = total / N_SAMPLES
    loss.label = "loss"
    loss.backward()
    return loss


def written_out() -> Value:
    """Two neurons as a beginner writes them: loops over plain products."""
    w = [[Value(0.3 * i - 0.2 * j + 0.1) for j in range(2)] for i in range(2)]
    b = [Value(0.1) for i in range(2)]
    held(w=w, b=b)
    h = [sum((a * x for a, x in zip(w[i], [0.5, -1.0])), b[i]).tanh() for i in range(2)]
    return (h[0] * h[1] - 1.0) ** 2


def batch_with_norms() -> Value:
    """The mean over three samples of a model with a batch normalization."""
    model = MLP(2, [3, 1], batch_norm=True, rng=0).eval()
    loss: Value = functional.mean([model([0.5 * i, -1.0]) ** 2 for i in range(3)])
    return loss


@dataclass(frozen=True, eq=False)
class Text:
    """Words at a place: ``x`` is their start, or their end where ``anchor`` is "end"."""

    text: str
    x: float
    y: float
    anchor: str
    color: str
    size: float


@dataclass(frozen=True, eq=False)
class Box:
    """A box: its sides, its words from above and from the left, its tooltip line by line."""

    name: str
    left: float
    top: float
    right: float
    bottom: float
    fill: str
    border: str
    words: list[Text]
    tooltip: list[str]

    @property
    def texts(self) -> list[str]:
        """The words in reading order."""
        return [text for row in self.rows for text in row]

    @property
    def rows(self) -> list[list[str]]:
        """The words row by row."""
        rows: list[list[Text]] = []
        for words in self.words:
            if rows and words.y - rows[-1][-1].y < 4.0:
                rows[-1].append(words)
            else:
                rows.append([words])
        return [[text.text for text in sorted(row, key=_start)] for row in rows]

    @property
    def numbers(self) -> dict[str, str]:
        """What stands on the right of the first words of a row."""
        return {row[0]: row[1] for row in self.rows if len(row) == 2}

    @property
    def derivatives(self) -> dict[str, str]:
        """The local derivatives, by what they are taken by."""
        pairs = self.numbers.items()
        return {key.removeprefix(BY): number for key, number in pairs if key.startswith(BY)}

    @property
    def role(self) -> str:
        """The kind of node that it has the colors of, in the light theme."""
        (role,) = (role for role, paint in LIGHT.roles.items() if paint.fill == self.fill)
        return role


@dataclass(frozen=True, eq=False)
class Arrow:
    """An arrow: the boxes whose sides its line leaves and meets, and what is known of it."""

    name: str
    source: str
    target: str
    points: list[Point]
    tip: Point
    color: str
    width: float
    tooltip: list[str]


class BoxPicture:
    """The SVG of a drawing, read back."""

    def __init__(self, value: Any, **options: Any) -> None:
        self.text = str(viz.to_svg(value, **options))
        self.root = ElementTree.fromstring(self.text)
        self.width, self.height = (float(self.root.attrib[side]) for side in ("width", "height"))
        self.boxes = {box.name: box for box in map(_box, self.groups("node"))}
        self.frames = {box.name: box for box in map(_box, self.groups("frame"))}
        self.arrows = [self._arrow(group) for group in self.groups("edge")]

    def groups(self, kind: str) -> list[ElementTree.Element]:
        return [group for group in self.root.iter(f"{SVG}g") if group.get("class") == kind]

    def box(self, text: str) -> Box:
        """The one box in which these words stand."""
        (box,) = (box for box in self.boxes.values() if text in box.texts)
        return box

    def called(self, name: str) -> Box:
        """The one box whose tooltip begins with that name."""
        (box,) = (box for box in self.boxes.values() if box.tooltip[0] == name)
        return box

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The two ends of each arrow."""
        return [(arrow.source, arrow.target) for arrow in self.arrows]

    @property
    def titles(self) -> list[str]:
        """Those of the frames."""
        return [text for frame in self.frames.values() for text in frame.texts]

    @property
    def legend(self) -> list[str]:
        """The words of the legend."""
        return [text.text for group in self.groups("legend") for text in _texts(group)]

    def _arrow(self, group: ElementTree.Element) -> Arrow:
        path, head = next(group.iter(f"{SVG}path")), next(group.iter(f"{SVG}polygon"))
        line = points(path.attrib["d"])
        tip = points(head.attrib["points"])[0]
        (source,) = (box.name for box in self.boxes.values() if _is_on_side(line[0], box))
        (target,) = (box.name for box in self.boxes.values() if _is_on_side(tip, box))
        name, color = group.attrib["id"], path.attrib["stroke"]
        assert color == head.attrib["fill"]
        return Arrow(
            *(name, source, target, line, tip, color, float(path.attrib["stroke-width"])),
            tooltip(group),
        )


def points(text: str) -> list[Point]:
    numbers = [float(x) for x in re.findall(r"-?[\d.]+", text)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def tooltip(group: ElementTree.Element) -> list[str]:
    return (group.findtext(f"{SVG}title") or "").split("\n")


def read(text: str) -> float:
    """A number as a picture shows it."""
    return float(text.replace("\N{MINUS SIGN}", "-"))


def points_on(line: list[Point]) -> Iterator[Point]:
    """Points on a line of Bezier curves, close to each other."""
    for start in range(0, len(line) - 3, 3):
        for step in range(41):
            t = step / 40
            shares = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            curve = list(zip(shares, line[start : start + 4], strict=True))
            yield sum(s * x for s, (x, _) in curve), sum(s * y for s, (_, y) in curve)


def _start(text: Text) -> float:
    return text.x


def _box(group: ElementTree.Element) -> Box:
    ground = next(group.iter(f"{SVG}rect"))
    left, top, width, height = (float(ground.attrib[x]) for x in ("x", "y", "width", "height"))
    return Box(
        group.attrib["id"],
        *(left, top, left + width, top + height),
        *(ground.attrib["fill"], ground.attrib["stroke"]),
        sorted(_texts(group), key=lambda text: (text.y, text.x)),
        tooltip(group),
    )


def _texts(group: ElementTree.Element) -> Iterator[Text]:
    for text in group.iter(f"{SVG}text"):
        yield Text(
            "".join(text.itertext()),
            *(float(text.attrib["x"]), float(text.attrib["y"])),
            text.get("text-anchor", "start"),
            text.attrib["fill"],
            float(text.attrib["font-size"]),
        )


def _is_on_side(point: Point, box: Box) -> bool:
    """Whether a point lies on a side of a box, to half a pixel."""
    x, y = point
    near = min(abs(x - box.left), abs(x - box.right), abs(y - box.top), abs(y - box.bottom))
    inside = box.left - 0.5 < x < box.right + 0.5 and box.top - 0.5 < y < box.bottom + 0.5
    return inside and near < 0.5
