"""From DOT to files: the kinds of file, both ways to Graphviz, whole files, harmless labels."""

from __future__ import annotations

import importlib
import os
import re
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final
from xml.etree import ElementTree

import pytest

import viz
from tests.running import run_python
from tinygrad_mlp import functional
from tinygrad_mlp._text import visible
from tinygrad_mlp.compiler import Program
from tinygrad_mlp.data import Dataset, Table
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    MissingDependencyError,
    UnknownNameError,
)
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.training import History
from viz import _summaries as notebook
from viz._scene import render

SVG: Final = "{http://www.w3.org/2000/svg}"

STAND_IN: Final = f"""#!{sys.executable}
import sys, pygraphviz
(file_format,) = (argument[2:] for argument in sys.argv if argument.startswith("-T"))
assert "-Kdot" in sys.argv
text = sys.stdin.buffer.read().decode()
if "unwanted" in text:
    sys.exit("Error: the stand-in does not draw this")
print("Warning: something about fonts", file=sys.stderr)
sys.stdout.buffer.write(pygraphviz.AGraph(string=text).draw(format=file_format, prog="dot"))
"""


def example() -> Value:
    a, b = Value(2.0, label="a"), Value(1.0 / 3.0, label="b")
    loss = (a * b + 10.0).tanh()
    loss.label = "loss"
    loss.backward()
    return loss


def without_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)


def with_program(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A ``dot`` program on the PATH: a stand-in, which draws with the libraries of pygraphviz."""
    program = folder / "dot"
    program.write_text(STAND_IN, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.fixture(params=["library", "program", "system"])
def any_graphviz(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """Each way to Graphviz in turn; "system" is whatever this machine has."""
    way = str(request.param)
    if way == "library":
        without_program(monkeypatch)
    elif way == "program":
        with_program(monkeypatch, tmp_path_factory.mktemp("bin"))
    return way


# The kinds of file


@pytest.mark.parametrize(
    ("name", "start", "part"),
    [
        ("graph.svg", b"<svg", b"</svg>"),
        ("graph.SVG", b"<svg", b"</svg>"),
        ("graph.png", b"\x89PNG\r\n\x1a\n", b"IEND"),
        ("graph.pdf", b"%PDF-", b"%%EOF"),
        ("graph.dot", b"digraph", b" -> s"),
    ],
)
def test_the_ending_of_the_name_sets_the_kind_of_file(
    any_graphviz: str, name: str, start: bytes, part: bytes, tmp_path: Path
) -> None:
    path = viz.draw(example(), tmp_path / name)
    assert path == tmp_path / name
    content = path.read_bytes()
    assert content.startswith(start)
    assert part in content


def test_a_dot_file_is_the_dot_text(tmp_path: Path) -> None:
    loss = example()
    path = viz.draw(loss, tmp_path / "graph.dot", direction="TB", show=["grad"], legend=False)
    assert path.read_text("utf-8") == viz.to_dot(loss, direction="TB", show=["grad"], legend=False)


@pytest.mark.parametrize("name", ["graph.gif", "graph", "graph.", ".svg", "graph.svg.bak"])
def test_an_unknown_ending_is_refused_with_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"\.dot, \.pdf, \.png, \.svg"):
        viz.draw(example(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="dot, pdf, png, svg"):
        render.render("digraph { a }", "jpeg")


def test_a_png_has_the_pixels_for_a_slide(tmp_path: Path) -> None:
    svg = ElementTree.fromstring(viz.to_svg(example()))
    png = viz.draw(example(), tmp_path / "graph.png").read_bytes()
    pixels = int.from_bytes(png[16:20], "big")
    points = float(svg.attrib["width"])
    assert pixels == pytest.approx(points * render.PIXELS_PER_INCH / 72, rel=0.02)


# SVG


def test_an_svg_is_well_formed_and_scales(any_graphviz: str) -> None:
    svg = viz.to_svg(example())
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    assert (left, top) == (0.0, 0.0)
    assert width > height > 50.0
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "computation graph"
    assert "<!" not in svg  # neither a document type nor comments


def test_every_node_and_arrow_has_its_id_and_a_title_of_full_precision(any_graphviz: str) -> None:
    loss = example()
    root = ElementTree.fromstring(viz.to_svg(loss))
    titles = {
        group.attrib["id"]: group.findtext(f"{SVG}title")
        for group in root.iter(f"{SVG}g")
        if group.get("class") in {"node", "edge"}
    }
    assert sorted(titles) == ["e0", "e1", "e2", "e3", "n1", "n2", "n3", "n4", "n5"]
    formula = "loss\ntanh: tanh(x)"
    assert titles["n5"] == f"{formula}\ndata = {loss.data!r}\ngrad = {loss.grad!r}"
    assert f"dloss/dv4 = {loss.partials[0]!r}" in titles.values()
    assert (titles["n4"] or "").startswith("v4\n")  # the name is one that a person can look up
    ids = [group.attrib["id"] for group in root.iter(f"{SVG}g") if "id" in group.attrib]
    assert sorted(titles) == sorted(ids)


def test_spaces_at_the_ends_of_a_text_are_kept() -> None:
    root = ElementTree.fromstring(viz.to_svg(example()))
    assert root.attrib["{http://www.w3.org/XML/1998/namespace}space"] == "preserve"


@pytest.mark.parametrize("detail", ["ops", "neurons", "layers"])
def test_graphviz_draws_everything_at_the_places_of_the_svg(any_graphviz: str, detail: str) -> None:
    """What PNG and PDF show: the same words, each in the box in which the SVG has it."""
    loss = (MLP(2, [2, 1], rng=0)([1.0, 2.0]) - 1.0) ** 2
    loss.backward()
    svg = ElementTree.fromstring(viz.to_svg(loss, detail=detail))
    drawn = ElementTree.fromstring(render.render(viz.to_dot(loss, detail=detail), "svg"))
    words = sorted("".join(x.itertext()) for x in svg.iter(f"{SVG}text"))
    shown = "".join(text.text or "" for text in drawn.iter(f"{SVG}text"))
    for text in words:
        assert text in shown
    assert float(drawn.attrib["width"].removesuffix("pt")) == pytest.approx(
        float(svg.attrib["width"]), abs=2.0
    )
    corners = sorted(
        (round(float(rect.attrib["width"])), round(float(rect.attrib["height"])))
        for group in svg.iter(f"{SVG}g")
        if group.get("class") == "node"
        for rect in group.iter(f"{SVG}rect")
    )
    boxes = []
    for group in drawn.iter(f"{SVG}g"):
        paths = list(group.iter(f"{SVG}path"))
        if group.get("class") == "node" and paths:
            numbers = [float(x) for x in re.findall(r"-?[\d.]+", paths[0].attrib["d"])]
            xs, ys = numbers[::2], numbers[1::2]
            boxes.append((round(max(xs) - min(xs)), round(max(ys) - min(ys))))
    assert not set(corners) - set(boxes)


def test_both_ways_to_graphviz_give_the_same_svg(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_program(monkeypatch)
    by_library = viz.to_svg(example())
    with_program(monkeypatch, tmp_path)
    assert viz.to_svg(example()) == by_library


HOSTILE: Final = [
    "<script>alert(1)</script>",
    "\"quotes\" and 'quotes'",
    "\\N \\G \\E \\T \\L \\n \\l back\\",
    "\\",
    "\\\\",
    "two\nlines\r\tand\x0ba\x0ctab",
    "\x00\x01\x1b\x7f",
    "\ud800",
    "\uffff",
    "\u202eoverride",
    "<b>bold</b>",
    "<<TABLE><TR><TD>cell</TD></TR></TABLE>>",
    "{record|shape}",
    "]]>",
    "--> n1; }",
    "&lt;&amp;&#65;&nbsp;&unknown;",
    "日本語 é 🎉",
    "javascript:alert(1)",
    "a:b:c",
    "%s {0} $x$",
    " ",
    "''",
]


def test_labels_are_shown_to_the_letter_and_never_interpreted(any_graphviz: str) -> None:
    leaves = [Value(1.0, label=label) for label in HOSTILE]
    total = functional.sum(leaves)
    total.label = "<svg onload=alert(1)>"
    root = ElementTree.fromstring(viz.to_svg(total))
    shown, titles = [], []
    for group in root.iter(f"{SVG}g"):
        if group.get("class") == "node":
            shown.append(["".join(text.itertext()) for text in group.iter(f"{SVG}text")])
            titles.append((group.findtext(f"{SVG}title") or "").split("\n")[0])
    for label in [*HOSTILE, total.label]:
        expected = visible(label)
        assert expected in titles
        if len(expected) <= 26:
            assert any(expected in texts for texts in shown), label
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "g", "title", "rect", "path", "polygon", "text"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name}


@pytest.mark.parametrize("character", ["w", "&", '"', "\\", "\0", "\U000e0041", "日"])
def test_labels_of_great_length_neither_break_nor_widen_the_picture(
    any_graphviz: str, character: str
) -> None:
    a, b = Value(2.0, label=character * 100_000), Value(3.0, label=character * 900)
    product = a * b
    product.label = character * 100_000
    root = ElementTree.fromstring(viz.to_svg(product))
    assert float(root.attrib["viewBox"].split()[2]) < 1200.0
    if character.isprintable():
        assert f"\n{b.label}\n" in "".join(root.itertext())


def test_a_dot_of_many_inputs_is_drawn(any_graphviz: str) -> None:
    weights = [Value(0.01 * i, label=f"w{i}") for i in range(64)]
    weighted = functional.dot(weights, [1.0] * 64, Value(0.5, label="b"))
    root = ElementTree.fromstring(viz.to_svg(weighted, detail="ops"))
    assert sum(group.get("class") == "edge" for group in root.iter(f"{SVG}g")) == 129


# Whole files


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = viz.draw(example(), tmp_path / "a" / "b" / "graph.dot")
    assert path.exists()


def test_a_picture_replaces_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "graph.svg"
    path.write_text("old", encoding="utf-8")
    viz.draw(example(), path)
    assert path.read_text("utf-8").startswith("<svg")
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_while_drawing_leaves_the_old_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "graph.svg"
    path.write_text("old", encoding="utf-8")

    def refuses(*_: Any, **__: Any) -> Any:
        raise GraphError("no")

    monkeypatch.setattr(viz._pictures, "drawing_of", refuses)
    with pytest.raises(GraphError):
        viz.draw(example(), path)
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_while_writing_leaves_the_old_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def disk_full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    path = tmp_path / "graph.dot"
    path.write_text("old", encoding="utf-8")
    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(OSError, match="No space left"):
        viz.draw(example(), path)
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


# Ways to Graphviz, and their failures


def test_text_that_is_no_graph_is_refused_with_the_reason_of_graphviz(any_graphviz: str) -> None:
    with pytest.raises(GraphError, match=r"(?s)digraph \{ a -> ; \}.*syntax error"):
        render.render("digraph { a -> ; }", "svg")


def test_what_the_program_complains_of_is_in_the_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_program(monkeypatch, tmp_path)
    with pytest.raises(GraphError, match="the stand-in does not draw this"):
        render.render("digraph { unwanted }", "svg")


def test_without_graphviz_the_error_names_both_remedies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_program(monkeypatch)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(MissingDependencyError) as raised:
        viz.draw(example(), tmp_path / "graph.svg")
    message = str(raised.value)
    assert "https://graphviz.org/download" in message
    assert "python -m pip install -e '.[all]'" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["graph.svg", "graph.dot"])
def test_circles_need_no_graphviz(
    monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path
) -> None:
    without_program(monkeypatch)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert viz.draw(MLP(2, [2, 1]), tmp_path / name, detail="circles").stat().st_size > 0


def test_drawing_writes_nothing_to_the_terminal(
    any_graphviz: str, capfd: pytest.CaptureFixture[str]
) -> None:
    viz.to_svg(example())
    os.write(2, b"afterwards")  # standard error is in its place again
    assert capfd.readouterr() == ("", "afterwards")


def test_a_program_without_a_standard_error_can_draw(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "silent.py"
    script.write_text(
        "import os; os.close(2)\n"
        "import viz; from tinygrad_mlp.engine import Value\n"
        "print(viz.to_svg(Value(1.0))[:4])\n",
        encoding="utf-8",
    )
    without_program(monkeypatch)
    assert run_python(script, folder=tmp_path).strip() == "<svg"


def test_threads_may_draw_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    without_program(monkeypatch)
    expected = viz.to_svg(example())
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(viz.to_svg(example()))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 6


def test_the_libraries_serve_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[int] = []
    most: list[int] = []

    class SlowGraph:
        def __init__(self, string: str) -> None:
            self.text = string

        def __enter__(self) -> SlowGraph:
            return self

        def __exit__(self, *error: object) -> None:
            inside.pop()

        def draw(self, **_: str) -> bytes:
            inside.append(1)
            time.sleep(0.02)
            most.append(len(inside))
            return self.text.encode()

    without_program(monkeypatch)
    monkeypatch.setattr("pygraphviz.AGraph", SlowGraph)
    threads = [
        threading.Thread(target=render.render, args=("digraph { a }", "pdf")) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


# Notebooks


class FakeFormatter:
    """What IPython has for each kind of picture: a table from class to function."""

    def __init__(self) -> None:
        self.table: dict[type, Any] = {}

    def for_type(self, cls: type, function: Any) -> None:
        self.table[cls] = function


def fake_shell() -> tuple[Any, FakeFormatter, FakeFormatter]:
    svg, html = FakeFormatter(), FakeFormatter()
    display = SimpleNamespace(formatters={"image/svg+xml": svg, "text/html": html})
    return SimpleNamespace(display_formatter=display), svg, html


def test_a_notebook_shows_a_value_as_its_graph() -> None:
    shell, svg, html = fake_shell()
    assert viz.register(shell)
    assert svg.table[Value](example()) == str(viz.to_svg(example()))
    assert html.table[Value](example()) == viz.draw(example())._repr_html_()
    assert html.table[Value](sum(Value(1.0) for _ in range(600))) is None
    assert viz.register(shell, theme="Dark")
    assert svg.table[Value](example()) == str(viz.to_svg(example(), theme="dark"))
    with pytest.raises(UnknownNameError, match="dark, light"):
        viz.register(shell, theme="blue")


def test_importing_viz_registers_with_the_shell_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    shell, svg, html = fake_shell()
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    importlib.reload(viz)
    assert list(svg.table) == [Value]
    assert list(html.table) == [Value, Module, Program, History, Dataset, Table]


def test_importing_viz_registers_with_marimo(monkeypatch: pytest.MonkeyPatch) -> None:
    table: dict[type, Any] = {}
    formatting = ModuleType("marimo._output.formatting")

    def formatter(kind: type) -> Any:
        return lambda function: table.update({kind: function})

    formatting.formatter = formatter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "marimo._output.formatting", formatting)
    assert viz.register()
    assert list(table) == [Value, Module, Program, History, Dataset, Table]
    assert table[Value](example()) == ("image/svg+xml", str(viz.to_svg(example())))
    large = sum(Value(1.0) for _ in range(600))
    assert table[Value](large) == ("text/plain", repr(large))
    kind, page = table[History](History(loss=[0.5]))
    assert kind == "text/html"
    assert "<svg" in page


def test_ipython_without_a_shell_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not viz.register()


def test_importing_viz_imports_neither_ipython_nor_a_plotting_package(tmp_path: Path) -> None:
    code = "import sys, viz; print({'IPython', 'matplotlib', 'pygraphviz'} & set(sys.modules))"
    assert run_python("-c", code, folder=tmp_path).strip() == "set()"


def test_a_graph_that_is_too_big_is_shown_as_text() -> None:
    shell, svg, _ = fake_shell()
    viz.register(shell)
    assert svg.table[Value](sum(Value(1.0) for _ in range(600))) is None


def test_without_graphviz_a_notebook_shows_text_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_program(monkeypatch)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.warns(UserWarning, match="graphviz.org"):
        assert notebook.svg_or_none(example()) is None


def test_svg_text_is_a_string_that_a_notebook_shows_as_a_picture() -> None:
    svg = viz.to_svg(example())
    assert isinstance(svg, str)
    assert svg._repr_svg_() == svg
    assert repr(svg) == f"Svg({len(svg):,} characters)"


def test_the_stand_in_is_a_program_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_program(monkeypatch, tmp_path)
    run = subprocess.run(
        ["dot", "-Kdot", "-Tsvg"], input=b"digraph { a }", capture_output=True, check=True
    )
    assert b"<svg" in run.stdout
    assert b"Warning" in run.stderr


WRONG: Final[list[Any]] = [Value(1.0), [1.0], 3]


@pytest.mark.parametrize("parameters", WRONG)
@pytest.mark.parametrize(("show", "name"), [(viz.draw, "a.svg"), (viz.replay, "a.html")])
def test_parameters_are_a_list_of_values(
    show: Any, name: str, parameters: Any, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^parameters is .*model\.parameters\(\)"):
        show(Value(2.0) * 3.0, tmp_path / name, parameters=parameters)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("show", [viz.draw, viz.replay])
def test_the_name_of_the_file_comes_second(show: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^the file is Value.* its name is needed"):
        show("a.html", Value(2.0) * 3.0)


@pytest.mark.parametrize("name", ["r.svg", "r", "r.html.txt"])
def test_a_replay_is_a_web_page(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"known: \.htm, \.html"):
        viz.replay(Value(2.0) * 3.0, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    assert viz.replay(Value(2.0) * 3.0, tmp_path / "r.HTM").exists()
