"""A film of a whole pass: ``animate`` writes it as GIF, or as MP4 where there is ffmpeg.

Its frames are scenes of one layout. At each moment they show what is known by then, with the
equation of the step under the drawing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Unpack

from tinygrad_mlp._arguments import check_number
from tinygrad_mlp._files import check_writable, write_whole
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, NotANumberError
from tinygrad_mlp.graph import INDEX_ORDERS, order_of
from tinygrad_mlp.graph._walk import gradients_kept
from viz._film.film import check_ffmpeg, gif, mp4
from viz._film.moments import (
    Moment,
    moments_of,
    number_of_moments,
    pointing_into,
    scene_at,
    with_gradients,
)
from viz._graph import drawing_of
from viz._scene.fitting import SLIDE, fitted, smallest_letters
from viz._scene.letters import width_of
from viz._scene.raster import Canvas
from viz._scene.render import format_of
from viz._scene.scene import Group, Line, Scene, Words, colors_of, plain
from viz._style import markup
from viz._style.drawing_options import Options, completed, with_options
from viz._style.themes import Theme, known_name, mixed, theme_named

__all__ = ["Frames", "animate", "frames_of"]

STEPS: Final = ("auto", "all", "nodes")
"""What has a frame of its own: each step of the log, each node, or what keeps a film short."""

MOST_SHORT: Final = 120
"""A film that shows each step unasked has so many frames at most."""

MOST_FRAMES: Final = 1000

LEAST_LETTERS: Final = 8.0
"""The smallest letters of a frame, in pixels."""

EDGES: Final = (0.25, 0.5, 0.75)
"""How much of a color there is at its edges, of which a GIF keeps these shades."""

STRIP: Final = 100.0
"""The height of what stands under the drawing."""
TITLE_LETTERS: Final = 20.0
EQUATION_LETTERS: Final = 28.0
STRIP_MARGIN: Final = 24.0

LAST: Final = 4.0
"""The last frame stays so many times as long as the others."""


@dataclass(frozen=True, slots=True)
class Frames:
    """A film as scenes, each made when it is asked for.

    Attributes:
        moments: what is known at each frame.
        after: the drawing after both passes.
        uncolored: the same without colors for gradients.
        theme: the colors.
        number: how numbers are written.
    """

    moments: Sequence[Moment]
    after: Scene
    uncolored: Scene
    theme: Theme
    number: Callable[[float], str]

    def scene(self, place: int) -> Scene:
        """The frame of that number, from 0.

        >>> from tinygrad_mlp.nn import MLP
        >>> frames = frames_of(MLP(1, [1], activation="tanh", rng=0)([2.0]) ** 2)
        >>> frames.scene(0).groups[-1].kind, len(frames.moments)
        ('strip', 8)
        """
        moment = self.moments[place]
        accent = self.theme.accent
        scene = scene_at(moment, self.after, self.uncolored, accent, self.number)
        share = place / (len(self.moments) - 1)
        return replace(scene, groups=[*scene.groups, _strip(moment, self.theme, share)])


@with_options
def animate(
    loss: Value,
    path: str | os.PathLike[str],
    *,
    steps: str = "auto",
    seconds: float = 1.0,
    **options: Unpack[Options],
) -> Path:
    """Write a film of how ``loss`` and its gradients are computed, step by step.

    Forward each node gets its number, backward each operand what flows on to it; the node and the
    arrow of the step are marked, its equation stands under the drawing. 1280 x 720 pixels.

    Args:
        loss: the output of the graph. Nothing in the graph changes: the film shows one ``backward``
            that starts without gradients, whatever the graph holds now.
        path: the file to write, .gif or .mp4; a missing folder is made.
        steps: what has a frame of its own: "all" steps of the log, so each operand of each node;
            "nodes", where a gradient flows on to all operands of a node at once; or "auto", which
            is "all" up to 120 frames.
        seconds: how long a frame stays; the last one four times as long.
        options: as for ``draw``: detail, names, theme and others.

    Returns:
        The path of the file.

    Raises:
        NotANumberError: if ``loss`` is not a Value.
        UnknownNameError: for another ending, or an unknown word in an option.
        InvalidArgumentError: if ``seconds`` is no number from 0.04 to 60.
        GraphError: if the film would have more than 1,000 frames, or letters too small to read.
        MissingDependencyError: without matplotlib; for an MP4 without the program ffmpeg.

    >>> import tempfile
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     animate((a * b).tanh(), f"{folder}/backprop.gif", seconds=0.5).name
    'backprop.gif'
    """
    file_format = format_of(path, ("gif", "mp4"))
    call = "viz.animate(loss, path, seconds=1.0)"
    seconds = check_number(seconds, "seconds", call, at_least=0.04, at_most=60.0)
    if file_format == "mp4":
        check_ffmpeg()
    canvas = Canvas(*map(int, SLIDE))
    frames = frames_of(loss, steps=steps, **options)
    check_writable(path)
    n_frames = len(frames.moments)
    durations = [seconds] * (n_frames - 1) + [LAST * seconds]
    pictures = (canvas.drawn(frames.scene(place)) for place in range(n_frames))
    if file_format == "mp4":
        return write_whole(path, mp4(pictures, canvas.size, durations))
    return write_whole(path, gif(pictures, _colors(frames), durations))


def frames_of(loss: Value, *, steps: str = "auto", **options: Unpack[Options]) -> Frames:
    """The frames that ``animate`` draws, as scenes.

    Args, Raises: as for ``animate``.

    >>> len(frames_of(Value(2.0, label="a") * 3.0).moments)
    5
    """
    steps = known_name("kind of steps", steps, STEPS)
    if not isinstance(loss, Value):
        what = described(loss, with_type=True)
        raise NotANumberError(
            f"a film starts from one Value, but got {what}; build a loss or an output first: "
            "viz.animate(model(x), path)"
        )
    options = _kept(options)
    wanted = completed(options)
    _check_length(3 + 2 * sum(bool(node.parents) for node in order_of([loss])))
    with gradients_kept(order_of([loss])):
        loss.backward()
        after, is_slide = _drawing(loss, options)
        uncolored, _ = _drawing(loss, {**options, "color": "kind"})
        named: dict[str, Any] = {
            "shown": with_gradients(after),
            "names": "code" if wanted["names"] == "code" else "math",
            "index": known_name("order of the indices", wanted["index"], INDEX_ORDERS),
        }
        each_step = steps != "nodes"
        if each_step:
            n_moments = number_of_moments(loss, named["shown"])
            each_step = steps == "all" or n_moments <= MOST_SHORT
            _check_length(n_moments if each_step else 0)
        moments = moments_of(loss, each_step=each_step, **named)
        _check_length(len(moments))
    theme = theme_named(wanted["theme"])
    number = markup.number_on_slide if is_slide else markup.number
    moments = pointing_into(after, moments, order_of([loss]))
    return Frames(moments, after, uncolored, theme, number)


def _kept(options: Options) -> Options:
    """The options with lists of what can be gone through only once, as several drawings need it."""
    kept: Any = {
        name: list(given) if isinstance(given, Iterator) else given
        for name, given in options.items()
    }
    wanted: Options = kept
    return wanted


def _check_length(n_frames: int) -> None:
    if n_frames > MOST_FRAMES:
        raise GraphError(
            f"this film would have {n_frames:,} frames, more than {MOST_FRAMES:,}; film a part of "
            "it (the loss of one sample through a small network, or a node further inside), or "
            "take steps='nodes'"
        )


def _colors(frames: Frames) -> list[str]:
    """Every color of a film, and what the edges of letters and lines make of each."""
    theme, scenes = frames.theme, (frames.after, frames.uncolored)
    found = {theme.accent, theme.text, theme.muted}
    found |= {color for scene in scenes for group in scene.groups for color in colors_of(group)}
    grounds = (theme.background, theme.frame)
    edges = [
        mixed(x, ground, share) for x in sorted(found) for ground in grounds for share in EDGES
    ]
    return list(dict.fromkeys([theme.background, *sorted(found), *edges]))


def _drawing(loss: Value, options: Options) -> tuple[Scene, bool]:
    """The drawing, with room for the strip, and whether it is that of a slide.

    Where nothing else was asked for, it is circles if they can show it, with the letters of a slide
    if there is room for these.
    """
    details = [options["detail"]] if "detail" in options else ["circles", "auto"]
    styles = [options["style"]] if "style" in options else ["slide", "page"]
    tries = [(detail, style) for detail in details for style in styles]
    for detail, style in tries:
        is_last = (detail, style) == tries[-1]
        try:
            drawing = drawing_of(
                loss, {"legend": False, **options, "detail": detail, "style": style}
            )
        except (GraphError, InvalidArgumentError):
            if is_last:
                raise
            continue
        scene = fitted(drawing, *SLIDE, below=STRIP)
        if is_last or smallest_letters(scene) >= LEAST_LETTERS:
            break
    if smallest_letters(scene) < LEAST_LETTERS:
        raise GraphError(
            f"the letters of this film would be {smallest_letters(scene):.1f} pixels small, where "
            f"{LEAST_LETTERS:g} can be read; take a coarser detail ('neurons', 'layers'), or film "
            "a node further inside"
        )
    return scene, style == "slide"


def _strip(moment: Moment, theme: Theme, share: float) -> Group:
    """What stands under the drawing: which moment it is, its equation, how far the film is."""
    width, height = SLIDE
    middle, top = width / 2.0, height - STRIP
    title = Words(middle, top + 18.0, plain(moment.title), TITLE_LETTERS, theme.muted)
    room = width - 2.0 * STRIP_MARGIN
    size = EQUATION_LETTERS * min(1.0, room / max(1.0, width_of(moment.equation, EQUATION_LETTERS)))
    equation = Words(middle, top + 58.0, moment.equation, size, theme.text)
    done = Line(0.0, height - 2.0, share * width, height - 2.0, theme.accent, 4.0)
    return Group("strip", [title, *([equation] if moment.equation else []), done])
