"""The page that shows a training while it runs, or one that was recorded.

The page is one file without any reference to another; a policy inside it lets the browser run these
scripts alone, and ask nobody but the page's own server, where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from tinygrad_mlp.nn._activations import Activation
from viz._play.activation_scripts import activation_scripts
from viz._plots.plot_colors import PLOT_THEMES
from viz._replay.stepper import replay_digests
from viz._run.network_places import activations_of
from viz._run.run import Run
from viz._style.web_page import (
    color_variables,
    digest,
    lean_part,
    lean_parts,
    packed,
    part,
    whole_page,
)

__all__ = ["page_of_run", "play_page"]

ROOM: Final = "viz._play"

NUMBERS: Final = ("special.js",)
"""What the functions of activations stand on; they are written after it."""

SCRIPTS: Final = (
    "forward.js",
    "dom.js",
    "palette.js",
    "channel.js",
    "recorded_channel.js",
    "responses.js",
    "lines.js",
    "layers.js",
    "network.js",
    "contour.js",
    "plot.js",
    "gallery.js",
    "curves.js",
    "formula.js",
    "samples.js",
    "painting.js",
    "files.js",
    "controls.js",
    "page.js",
)
"""The parts of the program, in the order in which they stand in the page."""

POLICIES: Final = {
    "server": "connect-src 'self'; frame-src 'self'; ",
    "recorded": "",
    "widget": "",
}
"""What the page may ask for, by the channel that it listens to."""


def play_page(
    channel: Literal["server", "recorded", "widget"],
    embedded: dict[str, Any] | None = None,
    *,
    title: str = "Training",
    activations: Mapping[str, Activation] | None = None,
) -> str:
    """The page for a channel, as text.

    Args:
        channel: where its messages come from: "server" (the address that the page was loaded from),
            "recorded" (the page itself: ``embedded``) or "widget" (the notebook around its frame).
        embedded: what a recorded page plays.
        title: the heading until the first message comes.
        activations: the functions of a network that stays as it is, by name; all that there are
            unless given.

    >>> page = play_page("server", title="<b>moons</b>")
    >>> ">&lt;b&gt;moons&lt;/b&gt;</h1>" in page, page.count("</script>")
    (True, 2)
    """
    style = color_variables() + _class_colors() + lean_part(ROOM, "play.css")
    script = "\n".join(
        [
            lean_part("viz._replay", "unpack.js"),
            lean_parts(ROOM, NUMBERS),
            activation_scripts(activations),
            lean_parts(ROOM, SCRIPTS),
        ]
    )
    styles, scripts = [digest(style)], [digest(script)]
    if channel == "widget":  # where the replay of a sample is the text of a frame
        for quiz in (True, False):
            of_style, of_script = replay_digests(quiz=quiz)
            styles.append(of_style)
            scripts.append(of_script)
    allowed = f"style-src {' '.join(styles)}; script-src {' '.join(scripts)}"
    return whole_page(
        part(ROOM, "page.html"),
        {
            "channel": channel,
            "script": script,
            "embedded": "" if embedded is None else packed(embedded),
        },
        title=title,
        style=style,
        allowed=f"{POLICIES[channel]}{allowed}",
        scheme="light dark",
    )


def page_of_run(run: Run, channel: Literal["server", "widget"]) -> str:
    """The page of a training that goes on; a person's own model may have functions of its own.

    >>> '<h1 id="title"' in page_of_run(Run(), "widget")
    True
    """
    activations = None if run.fixed is None else activations_of(run.model)
    return play_page(channel, title=run.title, activations=activations)


def _class_colors() -> str:
    """The colors of classes in plots, as variables of CSS."""
    light, dark = (
        "".join(f"--class-{at}:{color};" for at, color in enumerate(PLOT_THEMES[name].palette))
        for name in ("light", "dark")
    )
    return f":root {{{light}}}\n@media screen {{ :root[data-theme=dark] {{{dark}}} }}\n"
