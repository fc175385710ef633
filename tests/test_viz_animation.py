"""Films: each frame shows what is known by then, in one layout; the last one is the drawing."""

from __future__ import annotations

import hashlib
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image, ImageSequence

import viz
from tinygrad_mlp.debug import trace_backward, trace_forward, worked_example
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    MissingDependencyError,
    NotANumberError,
    UnknownArgumentError,
    UnknownNameError,
)
from tinygrad_mlp.graph import order_of
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.ops import CONSTANT
from viz._film.animation import Frames, frames_of
from viz._film.moments import moments_of
from viz._graph import drawing_of
from viz._scene import raster
from viz._scene.fitting import fitted
from viz._scene.raster import Canvas
from viz._scene.scene import Circle, Curve, Group, Line, Rectangle, Scene, Words, plain
from viz._scene.svg_text import svg_text
from viz._style import markup
from viz._style.themes import LIGHT

N_FORWARD: Final = 15
N_BACKWARD: Final = 34
"""The steps of the worked example: 15 operations, and the operands that are no plain numbers."""

STAND_IN: Final = f"""#!{sys.executable}
import json, sys
content = sys.stdin.buffer.read()
path = sys.argv[-1]
if "refuse" in open("STATE").read():
    sys.exit("Error: the stand-in has no libx264")
report = json.dumps(dict(arguments=sys.argv[1:-1], n_bytes=len(content)))
open(path, "w").write(report)
"""


def small() -> Value:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    loss = (a * b + a).tanh()
    loss.label = "L"
    return loss


def shown(scene: Scene, what: str) -> dict[Value, str]:
    """The numbers of a frame, read from the words that are there."""
    return {
        shape.shows.node: shape.runs[-1].text
        for group in scene.groups
        for shape in group.shapes
        if isinstance(shape, Words) and shape.shows is not None and shape.shows.what == what
    }


def scenes(frames: Frames) -> Iterator[Scene]:
    return (frames.scene(place) for place in range(len(frames.moments)))


def words(scene: Scene) -> list[str]:
    """What stands under the drawing."""
    strip = [shape for shape in scene.groups[-1].shapes if isinstance(shape, Words)]
    return ["".join([run.text for run in shape.runs]) for shape in strip]


# What the frames show


def test_each_step_has_a_frame() -> None:
    frames = frames_of(worked_example())
    assert len(frames.moments) == 1 + N_FORWARD + 1 + N_BACKWARD + 1
    titles = [words(scene)[0] for scene in scenes(frames)]
    assert titles[0] == "before the first step"
    assert titles[N_FORWARD] == "forward, step 15 of 15"
    assert titles[N_FORWARD + 1] == "backward begins"
    assert titles[-2] == "backward, step 34 of 34"
    assert titles[-1] == "after the last step"
    by_node = frames_of(worked_example(), steps="nodes")
    assert len(by_node.moments) == 1 + N_FORWARD + 1 + N_FORWARD + 1
    flowing = [words(scene)[1] for scene in scenes(by_node) if "flows on" in words(scene)[-1]]
    assert flowing[-1].endswith("flows on to 5 operands")


@pytest.mark.parametrize("detail", ["circles", "ops", "neurons"])
def test_numbers_appear_as_they_are_computed(detail: str) -> None:
    loss = worked_example()
    frames = frames_of(loss, detail=detail)
    steps = list(trace_backward(loss))
    number = markup.number_on_slide if detail == "circles" else markup.number
    computed = {node for node in order_of([loss]) if not node.parents}
    of_last = shown(frames.scene(len(frames.moments) - 1), "data")
    operations = [node for node in order_of([loss]) if node.parents]
    for place in range(N_FORWARD + 1):
        computed |= set(operations[:place])
        scene = frames.scene(place)
        assert shown(scene, "data") == {k: v for k, v in of_last.items() if k in computed}
        assert set(shown(scene, "local")) <= computed
        assert shown(scene, "grad") == shown(scene, "norm") == {}
    gradients = {loss: 1.0}
    drawn = set(shown(frames.scene(len(frames.moments) - 1), "grad"))
    assert len(drawn) >= 4
    for place, step in enumerate(steps, start=N_FORWARD + 2):
        gradients[step.parent] = step.grad_after
        expected = {node: number(grad) for node, grad in gradients.items() if node in drawn}
        assert shown(frames.scene(place), "grad") == expected


def test_the_last_numbers_are_those_of_the_book() -> None:
    loss = worked_example()
    frames = frames_of(loss, detail="ops")
    last = shown(frames.scene(len(frames.moments) - 1), "grad")
    by_label = {node.label: text for node, text in last.items()}
    assert by_label["w5"] == "0.08217"  # printed there as 0.082167041
    assert by_label["net_o1"] == "0.1385"  # 0.138498562
    assert by_label["w1"] == "0.0004386"  # 0.000438568


def test_the_equation_of_the_step_stands_under_the_drawing() -> None:
    frames = frames_of(small(), names="code")
    assert [words(scene)[1:] for scene in scenes(frames)] == [
        [],
        ["v2 = a · b = 2 · (−3) = −6"],
        ["v3 = v2 + a = (−6) + 2 = −4"],
        ["L = tanh(v3) = tanh(−4) = −0.9993"],
        ["∂L/∂L = 1"],
        ["∂L/∂v3 += ∂L/∂L · ∂L/∂v3 = 1 · 0.001341 = 0.001341"],
        ["∂L/∂v2 += ∂L/∂v3 · ∂v3/∂v2 = 0.001341 · 1 = 0.001341"],
        ["∂L/∂a += ∂L/∂v3 · ∂v3/∂a = 0.001341 · 1 = 0.001341"],
        ["∂L/∂a += ∂L/∂v2 · ∂v2/∂a = 0.001341 · (−3) = −0.004023, together −0.002682"],
        ["∂L/∂b += ∂L/∂v2 · ∂v2/∂b = 0.001341 · 2 = 0.002682"],
        [],
    ]


def test_a_gradient_grows_where_several_flow_together() -> None:
    loss = small()
    a = next(node for node in order_of([loss]) if node.label == "a")
    of_a = [shown(scene, "grad").get(a) for scene in scenes(frames_of(loss, style="page"))]
    assert of_a == [None] * 7 + ["0.001341", "−0.002682", "−0.002682", "−0.002682"]


@pytest.mark.parametrize("detail", ["circles", "ops", "neurons", "layers"])
def test_nothing_moves(detail: str) -> None:
    frames = frames_of(worked_example(), detail=detail)
    places = [
        [
            (type(shape), shape.x, shape.y)
            for group in scene.groups[:-1]
            for shape in group.shapes
            if isinstance(shape, Circle | Rectangle)
        ]
        for scene in scenes(frames)
    ]
    assert places[0]
    assert all(of_frame == places[0] for of_frame in places)


@pytest.mark.parametrize("detail", ["circles", "ops", "neurons", "layers"])
def test_the_last_frame_is_the_drawing_after_backward(detail: str) -> None:
    loss = worked_example()
    last = list(scenes(frames_of(loss, detail=detail)))[-1]
    loss.backward()
    style = "slide" if detail == "circles" else "page"
    drawing = drawing_of(loss, {"detail": detail, "style": style, "legend": False})
    assert last.groups[:-1] == fitted(drawing, 1280.0, 720.0, below=100.0).groups


def test_what_a_step_is_about_is_marked() -> None:
    loss = worked_example()
    frames = frames_of(loss, detail="ops")
    of_label = {node.label: node for node in order_of([loss])}
    steps = list(trace_backward(loss))
    place = next(i for i, s in enumerate(steps) if s.parent.label == "w5")
    scene = frames.scene(N_FORWARD + 2 + place)
    boxes = [g for g in scene.groups if g.kind == "node" and g.shapes[0].border == LIGHT.accent]  # type: ignore[union-attr]
    assert [list(group.nodes) for group in boxes] == [[of_label["net_o1"]]]
    arrows = [g for g in scene.groups if g.targets and g.shapes[0].color == LIGHT.accent]  # type: ignore[union-attr]
    assert [(list(g.nodes), list(g.targets)) for g in arrows] == [
        ([of_label["w5"]], [of_label["net_o1"]])
    ]
    assert isinstance(arrows[0].shapes[0], Curve)
    assert arrows[0].shapes[0].width >= 2.6


def test_in_circles_the_lines_of_all_operands_are_marked() -> None:
    frames = frames_of(worked_example(), detail="circles")
    lines = [
        group.shapes[0]
        for group in frames.scene(1).groups
        if group.targets and isinstance(group.shapes[0], Line)
    ]
    assert sum(line.color == LIGHT.accent for line in lines) == 3
    assert len(lines) == 4 + 2 + 4 + 2 + 2


def test_for_what_is_not_drawn_the_next_thing_behind_it_is_marked() -> None:
    frames = frames_of(worked_example(), detail="circles")
    squares = next(i for i, scene in enumerate(scenes(frames)) if "sq" in "".join(words(scene)))
    boxes = [group for group in frames.scene(squares).groups if group.kind == "output"]
    assert [group.shapes[0].border for group in boxes] == [LIGHT.accent]  # type: ignore[union-attr]


def test_colors_of_gradients_wait_for_the_gradients() -> None:
    frames = frames_of(worked_example(), detail="circles")
    plain = LIGHT.roles["parameter"].fill
    fills = [
        [g.shapes[0].fill for g in scene.groups if g.kind == "unit"]  # type: ignore[union-attr]
        for scene in scenes(frames)
    ]
    assert fills[N_FORWARD + 1] == [plain] * 4
    assert plain not in fills[-1]
    n_colored = [sum(fill != plain for fill in of_frame) for of_frame in fills]
    assert n_colored == sorted(n_colored)
    assert set(n_colored) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("each_step", [True, False])
def test_a_moment_knows_what_has_happened_by_then(each_step: bool) -> None:
    a, b, c = (Value(number, label=name) for name, number in zip("abc", (2.0, 3.0, 4.0)))
    c.requires_grad = False
    shared = a * b
    loss = shared * a + shared.tanh() * c
    first, *moments, last = moments_of(loss, each_step=each_step)
    forward, backward = trace_forward(loss), list(trace_backward(loss))
    computed = {a, b, c}
    assert set(first.computed) == computed
    for done, moment in zip(forward, moments):
        computed.add(done.node)
        assert (set(moment.computed), len(moment.computed)) == (computed, len(computed))
        assert (dict(moment.gradients), moment.pending) == ({}, first.pending)
    gradients = {loss: 1.0}
    pending = {step.parent for step in backward}
    assert set(first.pending) == pending | {loss}
    begin, *moments = moments[len(forward) :]
    assert begin.gradients == gradients
    for moment in moments:
        while backward and backward[0].node is moment.node:
            step = backward.pop(0)
            gradients[step.parent] = step.grad_after
            pending -= set(step.completed())
            if each_step:
                break
        assert list(moment.gradients.items()) == list(gradients.items())
        assert len(moment.gradients) == len(gradients)
        assert all(node in moment.gradients for node in gradients)
        assert not any(node in moment.gradients for node in {a, b, c, *computed} - set(gradients))
        assert (set(moment.pending), len(moment.pending)) == (pending, len(pending))
        assert set(moment.computed) == computed
        assert loss not in moment.pending
    assert not backward
    assert dict(last.gradients) == gradients


def test_plain_numbers_get_a_gradient_where_the_drawing_shows_one() -> None:
    loss = (MLP(2, [1], activation="tanh", rng=0)([0.5, -1.0]) - 1.0) ** 2
    for detail, n_inputs in (("ops", 2), ("circles", 0)):
        steps = frames_of(loss, detail=detail).moments
        n_backward = sum(moment.title.startswith("backward, step") for moment in steps)
        assert n_backward == 2 + 1 + 2 + n_inputs  # (u - 1)^2, the weights and the bias


def test_what_is_frozen_says_so_from_the_start() -> None:
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    a.requires_grad = False
    for scene in scenes(frames_of(a * b, detail="ops")):
        assert shown(scene, "grad").get(a) == "frozen"


# The graph and the arguments


def test_the_graph_stays_as_it_is() -> None:
    loss = small()
    frames_of(loss)
    assert not any(node.has_grad for node in order_of([loss]))
    loss.backward()
    loss.backward()
    before = [node.grad for node in order_of([loss])]
    frames = frames_of(loss)
    assert [node.grad for node in order_of([loss])] == before
    assert frames.moments[-1].gradients[loss] == 1.0  # that of a clean start


def test_a_long_film_shows_nodes_unasked() -> None:
    loss = MLP(10, [8, 1], activation="tanh", rng=0)([0.1] * 10) ** 2
    n_nodes = sum(bool(node.parents) for node in order_of([loss]))
    n_all = len(frames_of(loss, steps="all").moments)
    assert n_all > 120 > n_nodes
    assert len(frames_of(loss).moments) == 3 + 2 * n_nodes


def test_a_film_of_very_many_steps_is_told_by_its_nodes_or_refused() -> None:
    """Each moment holds the gradients of then: for each step they would fill the memory."""
    loss = MLP(400, [16, 1], activation="tanh", rng=0)([0.1] * 400) ** 2
    n_nodes = sum(bool(node.parents) for node in order_of([loss]))
    assert len(frames_of(loss, detail="layers").moments) == 3 + 2 * n_nodes
    n_steps = len([x for x in trace_backward(loss, constants=True) if x.parent.op is not CONSTANT])
    with pytest.raises(GraphError, match=f"would have {3 + n_nodes + n_steps:,} frames, more than"):
        frames_of(loss, detail="layers", steps="all")


def test_what_can_be_gone_through_only_once_holds_for_all_drawings_of_a_film() -> None:
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    loss = (a * b).tanh()
    given: dict[str, Any] = {"parameters": [a], "highlight": ["b"], "show": ["data"]}
    expected = frames_of(loss, **given)
    found = frames_of(loss, **{name: iter(x) for name, x in given.items()})
    assert svg_text(found.after) == svg_text(expected.after)
    assert svg_text(found.uncolored) == svg_text(expected.uncolored)
    assert LIGHT.roles["parameter"].fill in svg_text(found.after)
    assert LIGHT.accent in svg_text(found.after)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"steps": "every"}, UnknownNameError, "kind of steps 'every'; known: all, auto, nodes"),
        ({"seconds": 0.0}, InvalidArgumentError, r"seconds is 0.0.*>= 0.04 and <= 60"),
        ({"seconds": 61}, InvalidArgumentError, r"seconds is 61"),
        ({"path": "film.avi"}, UnknownNameError, r"known: \.gif, \.mp4"),
        ({"loss": MLP(2, [1])}, NotANumberError, r"viz.animate\(model\(x\), path\)"),
        ({"colour": "kind"}, UnknownArgumentError, "did you mean 'color'"),
        ({"detail": "atoms"}, UnknownNameError, "detail 'atoms'"),
        ({"index": "rows"}, UnknownNameError, "order of the indices 'rows'"),
    ],
)
def test_arguments_are_checked(
    change: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    given = {"loss": small(), "path": "film.gif", **change}
    path = tmp_path / given.pop("path")
    with pytest.raises(error, match=message):
        viz.animate(given.pop("loss"), path, **given)
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_could_read_is_refused(tmp_path: Path) -> None:
    loss = MLP(8, [12, 12, 1], activation="tanh", rng=0)([0.1] * 8) ** 2
    with pytest.raises(GraphError, match=r"letters .* 0.9 pixels small, where 8 can be read"):
        viz.animate(loss, tmp_path / "film.gif", detail="ops")
    chain = Value(1.0, label="a")
    for _ in range(500):
        chain = chain + 1.0
    with pytest.raises(GraphError, match=r"1,003 frames, more than 1,000"):
        viz.animate(chain, tmp_path / "film.gif", detail="layers")


# Files


def test_a_gif_has_the_frames_and_lasts_as_long_as_said(tmp_path: Path) -> None:
    path = viz.animate(small(), tmp_path / "a" / "film.gif", seconds=0.25)
    with Image.open(path) as film:
        assert film.size == (1280, 720)
        assert film.info["loop"] == 0
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(film)]
    assert durations == [250] * 10 + [1000]


@pytest.mark.parametrize(
    ("theme", "build"),
    [("light", worked_example), ("dark", lambda: MLP(2, [1], "tanh", rng=0)([0.5, -1.0]))],
    ids=["light", "dark"],
)
def test_the_pixels_of_the_last_frame_are_those_of_the_drawing(
    theme: str, build: Callable[[], Value], tmp_path: Path
) -> None:
    loss = build()
    path = viz.animate(loss, tmp_path / "film.gif", theme=theme)
    assert path.stat().st_size < 1_000_000
    with Image.open(path) as film:
        *_, last = (frame.convert("RGB") for frame in ImageSequence.Iterator(film))
    found = np.asarray(last, dtype=int)[:620]
    loss.backward()
    drawing = drawing_of(loss, {"detail": "circles", "style": "slide", "theme": theme})
    scene = fitted(drawing, 1280.0, 720.0, below=100.0)
    expected = np.asarray(raster.Canvas(1280, 720).drawn(scene), dtype=int)[:620]
    apart = np.abs(found - expected).max(axis=2)
    assert (apart > 0).mean() < 0.05  # edges, whose shades are fewer in a GIF
    assert apart.max() < 90
    grounds = [scene.background, *(g.shapes[0].fill for g in scene.groups if g.kind == "unit")]  # type: ignore[union-attr]
    for color in grounds:
        solid = (expected == [int(color[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=2)
        assert solid.sum() > 1000
        assert apart[solid].max() == 0


def test_a_film_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    paths = [viz.animate(small(), tmp_path / f"{i}.gif") for i in range(2)]
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert first == second


@pytest.mark.parametrize("before", [None, b"an older film"])
def test_ctrl_c_leaves_no_half_film(
    before: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "film.gif"
    if before is not None:
        path.write_bytes(before)
    drawn = raster.Canvas.drawn
    calls = []

    def interrupted(canvas: raster.Canvas, scene: Scene) -> Any:
        calls.append(scene)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return drawn(canvas, scene)

    monkeypatch.setattr(raster.Canvas, "drawn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        viz.animate(small(), path)
    assert [x.read_bytes() for x in tmp_path.iterdir()] == ([before] if before else [])


def test_without_matplotlib_the_package_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match="films need the package 'matplotlib'"):
        viz.animate(small(), tmp_path / "film.gif")


@pytest.fixture
def ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for ffmpeg, which writes down what it was given; the file says how it behaves."""
    folder = tmp_path_factory.mktemp("bin")
    state = folder / "state"
    state.write_text("")
    program = folder / "ffmpeg"
    program.write_text(STAND_IN.replace("STATE", str(state)), encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return state


def test_an_mp4_is_made_of_the_same_frames(ffmpeg: Path, tmp_path: Path) -> None:
    path = viz.animate(small(), tmp_path / "film.mp4", seconds=0.1)
    report = json_of(path)
    n_pictures = round(25 * (10 * 0.1 + 4 * 0.1))
    assert report["n_bytes"] == n_pictures * 1280 * 720 * 3
    arguments = " ".join(report["arguments"])
    assert "-f rawvideo -pix_fmt rgb24 -s 1280x720 -r 25 -i -" in arguments
    assert "-c:v libx264" in arguments
    assert "-pix_fmt yuv420p" in arguments


def json_of(path: Path) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_what_ffmpeg_says_is_passed_on(ffmpeg: Path, tmp_path: Path) -> None:
    ffmpeg.write_text("refuse")
    with pytest.raises(GraphError, match=r"cannot write this film: .*no libx264"):
        viz.animate(small(), tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


def test_without_ffmpeg_a_gif_is_proposed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        MissingDependencyError, match=r"'ffmpeg'.*viz.animate\(loss, 'backprop.gif'"
    ):
        viz.animate(small(), tmp_path / "film.mp4")


def test_ctrl_c_ends_ffmpeg_and_leaves_no_film(
    ffmpeg: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn = raster.Canvas.drawn
    calls = []

    def interrupted(canvas: raster.Canvas, scene: Scene) -> Any:
        calls.append(scene)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return drawn(canvas, scene)

    monkeypatch.setattr(raster.Canvas, "drawn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        viz.animate(small(), tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", ["中文", "👩\u200d🔬", "\uff58", "कि"])
def test_letters_that_no_font_has_are_written_as_escapes(label: str) -> None:
    def pixels(text: str) -> bytes:
        words = Words(100.0, 20.0, plain(text), 12.0, "#000000")
        scene = Scene(200.0, 40.0, "#ffffff", "words", [Group("words", [words])])
        return Canvas(200, 40).drawn(scene).tobytes()

    escaped = label.encode("unicode_escape").decode("ascii")
    assert pixels(label) == pixels(escaped) != pixels("")
    assert pixels("é∂−") != pixels(r"\xe9\u2202\u2212"), "those that it has are drawn"
