"""TikZ: a strict reader of LaTeX finds in a picture what the scene says, and labels as text.

The reader knows the few commands that pictures use, and refuses all else: an open brace, a special
character that is not escaped, a color that is not defined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

import viz
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import UnknownNameError
from tinygrad_mlp.graph import Run
from tinygrad_mlp.nn import MLP
from viz._graph import drawing_of
from viz._scene.scene import BASELINE, Circle, Curve, Group, Line, Rectangle, Scene, Words, plain
from viz._scene.tikz import runs_in_latex, tikz, tikz_document

HOSTILE: Final = (
    r"\input{/etc/passwd} $x$ 50% & #1 ~^_{} \end{tikzpicture}",
    "}{ \\\\ -- ``quoted'' \"u <b>|</b> ?` !`",
    "\x00\u202e line\nbreak",
)
READABLE: Final = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\textendash{}": "–",
    r"\symbol{34}": '"',
    **{f"\\{x}": x for x in "{}$&#_% "},
    **{f"{x}{{}}": x for x in "-`'?!,"},
    "~": "\N{NO-BREAK SPACE}",
}
"""What each escape shows, the longer ones first."""

NUMBER: Final = r"-?\d+(?:\.\d+)?"
POINT: Final = rf"\(({NUMBER}),({NUMBER})\)"


def shown(text: str) -> str:
    """What LaTeX shows of text outside of math, where every special character is escaped."""
    words = ""
    while text:
        escape = next((x for x in READABLE if text.startswith(x)), None)
        if escape is None:
            assert text[0] not in "\\{}$&#_%^", f"not escaped: {text[:30]!r}"
            assert text[:2] not in ("--", "``", "''", "?`", "!`"), f"joined: {text[:30]!r}"
            words, text = words + text[0], text[1:]
        else:
            words, text = words + READABLE[escape], text[len(escape) :]
    return words


def statements(text: str) -> list[str]:
    """The statements of a picture, comments apart, each of them whole on its line."""
    lines = text.splitlines()
    body = [line.strip() for line in lines if not line.strip().startswith("%")]
    assert re.fullmatch(r"\\begin\{tikzpicture\}\[x=1bp, y=-1bp, .*\]", body[0])
    assert body[-1] == r"\end{tikzpicture}"
    for line in body:
        check_braces(line)
        assert not re.search(r"(?<!\\)%", line), f"a comment in {line!r}"
    defined: set[str] = set()
    found = []
    for line in body[1:-1]:
        color = re.fullmatch(r"\\definecolor\{(scene[0-9a-f]{6})\}\{HTML\}\{([0-9A-F]{6})\}", line)
        if color:
            assert color[1] == f"scene{color[2].lower()}"
            defined.add(color[1])
            continue
        assert line.endswith(";")
        used = set(re.findall(r"\bscene[0-9a-f]+\b", line.partition(" at ")[0]))
        assert used
        assert used <= defined
        found.append(line)
    return found


def check_braces(line: str) -> None:
    depth = 0
    for brace in re.findall(r"\\.|[{}]", line):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        assert depth >= 0, line
    assert depth == 0, line


def points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(POINT, line)]


def near(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    return [x for p in found for x in p] == pytest.approx(
        [x for p in expected for x in p], abs=6e-3
    )


def same(line: str, shape: Any, lines: Iterator[str]) -> None:
    """Check a statement, or several, against the shape that it is of."""
    if isinstance(shape, Words):
        if shape.ground:
            left, _, right, _ = shape.box
            corners = [(left - 2.0, shape.y - shape.size / 2.0 - 1.0)]
            corners.append((right + 2.0, corners[0][1] + shape.size + 2.0))
            assert line.startswith(f"\\fill[scene{shape.ground[1:]}]")
            assert near(points(line), corners)
            line = next(lines)
        node = re.fullmatch(
            rf"\\node\[(.*)text=scene(\w+), font=\\fontsize\{{({NUMBER})bp\}}\{{{NUMBER}bp\}}"
            rf"\\sffamily(\\bfseries\\boldmath)?\] at {POINT} \{{(.*)\}};",
            line,
        )
        assert node, line
        anchor, color, size, bold, x, y, text = node.groups()
        assert (
            anchor
            == {"middle": "", "start": "anchor=base west, ", "end": "anchor=base east, "}[
                shape.anchor
            ]
        )
        assert f"#{color}" == shape.color
        assert float(size) == pytest.approx(shape.size, abs=6e-3)
        assert bool(bold) == shape.bold
        assert near([(float(x), float(y))], [(shape.x, shape.y + BASELINE * shape.size)])
        assert text == runs_in_latex(shape.runs)
    elif isinstance(shape, Line):
        assert line.startswith(f"\\draw[scene{shape.color[1:]}, line width=")
        assert near(points(line), [(shape.x1, shape.y1), (shape.x2, shape.y2)])
        assert ("dash pattern" in line) == shape.dashed
    elif isinstance(shape, Curve):
        assert near(points(line), shape.points)
        assert line.count("controls") == (len(shape.points) - 1) // 3
        if shape.head is not None:
            head = next(lines)
            assert head.startswith(f"\\fill[scene{shape.color[1:]}]")
            assert near(points(head), shape.head)
    elif isinstance(shape, Circle):
        assert f"fill=scene{shape.fill[1:]}, draw=scene{shape.border[1:]}," in line
        radius = re.search(rf"circle\[radius=({NUMBER})bp\]", line)
        assert radius
        assert near([(*points(line)[0], float(radius[1]))], [(shape.x, shape.y, shape.radius)])
    elif isinstance(shape, Rectangle):
        assert f"fill=scene{shape.fill[1:]}, draw=scene{shape.border[1:]}," in line
        half = shape.width / 2.0, shape.height / 2.0
        corners = [(shape.x + s * half[0], shape.y + s * half[1]) for s in (-1.0, 1.0)]
        assert near(points(line), corners)


def labeled(label: str) -> Value:
    model = MLP(2, [3, 1], rng=0)
    loss: Value = model([Value(1.0, label=label), Value(2.0, label="x2")]) * 2.0
    loss.label = label
    loss.backward()
    return loss


def example() -> Value:
    loss = worked_example()
    loss.backward()
    return loss


@pytest.mark.parametrize("detail", ["circles", "ops", "neurons", "layers"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_says_what_the_scene_says(detail: str, theme: str) -> None:
    for value in (example(), labeled("x1")):
        scene = drawing_of(value, {"detail": detail, "theme": theme})
        found = iter(statements(tikz(scene)))
        ground = next(found)
        assert f"fill=scene{scene.background[1:]}" in ground
        assert near(points(ground), [(0.0, 0.0), (scene.width, scene.height)])
        for group in scene.groups:
            for shape in group.shapes:
                same(next(found), shape, found)
        assert next(found, None) is None


def test_dashes_and_widths_are_those_of_the_svg() -> None:
    lines = [Line(0.0, 0.0, 9.0, 0.0, "#000000", 2.0, dashed=True)]
    lines.append(Line(0.0, 0.0, 9.0, 0.0, "#000000", 1.25))
    _, dashed, whole = statements(tikz(Scene(9.0, 9.0, "#ffffff", "", [Group("line", [*lines])])))
    assert "line width=2bp, dash pattern=on 8bp off 5bp]" in dashed
    assert "line width=1.25bp]" in whole


@pytest.mark.parametrize("label", HOSTILE)
@pytest.mark.parametrize("detail", ["circles", "ops", "neurons", "layers"])
def test_hostile_labels_stay_text(label: str, detail: str) -> None:
    for names in ("code", "auto"):
        text = viz.to_tikz(labeled(label), detail=detail, names=names)
        assert len(statements(text)) > 10
        assert text.count(r"\begin") == text.count(r"\end") == 1


@pytest.mark.parametrize("label", HOSTILE)
def test_what_latex_shows_of_a_label_is_the_label(label: str) -> None:
    visible = label.replace("\x00", r"\x00").replace("\u202e", r"\u202e").replace("\n", r"\n")
    assert shown(runs_in_latex(plain(label))) == visible


def test_the_reader_refuses_what_is_not_escaped() -> None:
    for text in ("50%", "a_b", "{", r"\input", "--"):
        with pytest.raises(AssertionError):
            shown(text)
    with pytest.raises(AssertionError):
        check_braces(r"\node {a\}")


@pytest.mark.parametrize(
    ("runs", "latex"),
    [
        ([Run("w", "italic"), Run("21", "sub"), Run("(1)", "sup")], "$w_{21}^{(1)}$"),
        ([Run("δ", "italic"), *plain(" −0.5")], r"$\delta$ $-$0.5"),
        ([Run("ŷ", "italic"), Run("1", "sub")], r"$\hat{y}_{1}$"),
        ([Run("net", "upright"), Run("h_1", "sub")], r"$\mathrm{net}_{h\_1}$"),
        ([Run("δ", "italic"), Run("x", "italic")], r"$\delta x$"),
        (plain("layer 1 · tanh"), r"layer 1 $\cdot$ tanh"),
        (plain("2 × 3 … λ²"), r"2 $\times$ 3 $\ldots$ $\lambda$$^{2}$"),
        (plain(" two  spaces "), r"\ two \ spaces\ "),
    ],
)
def test_names_are_set_in_math(runs: list[Run], latex: str) -> None:
    assert runs_in_latex(runs) == latex


def test_files_are_a_picture_or_a_whole_document(tmp_path: Path) -> None:
    loss = example()
    picture = viz.draw(loss, tmp_path / "a.tikz", detail="circles", theme="dark").read_text("utf-8")
    assert picture == viz.to_tikz(loss, detail="circles", theme="dark")
    document = viz.draw(loss, tmp_path / "a.tex", detail="circles", theme="dark").read_text("utf-8")
    assert document.endswith("\\begin{document}\n" + picture + "\\end{document}\n")
    before = document.partition(r"\begin{document}")[0]
    assert before.startswith("\\documentclass{standalone}\n")
    for package in (r"{tikz}", r"[T1]{fontenc}", r"{lmodern}"):
        assert rf"\usepackage{package}" in before
        assert rf"\usepackage{package}" in picture.partition(r"\begin")[0]  # says what it needs
    assert document == tikz_document(drawing_of(loss, {"detail": "circles", "theme": "dark"}))


def test_endings_are_known() -> None:
    with pytest.raises(UnknownNameError, match=r"\.svg, \.tex, \.tikz"):
        viz.draw(example(), "graph.latex")
