"""The page of a training within a notebook: a widget, whose messages go through the kernel.

There is no server and no port. The page asks for each frame when it has shown the one before, so
that no frames queue up in the channel of the notebook, which other cells use too.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from tinygrad_mlp.errors import MissingDependencyError
from viz._play.commands import obey
from viz._play.play_page import ROOM, page_of_run
from viz._play.player import Player
from viz._play.shown import Seen
from viz._run.run import Run
from viz._style.web_page import part

__all__ = ["Conversation", "in_notebook", "play_widget"]

Message = dict[str, Any]

UNSEEN: Final = 120.0
"""Seconds without a question from any page after which the training pauses; browsers let a page
that nobody sees ask once a minute."""

MOST_VIEWS: Final = 16
"""Of so many pages it is remembered what they have got; an older one gets all of it again."""

GONE: Final = (
    "<p>A training was played here. Its page needs the running notebook; "
    "<code>viz.record(model, X, y)</code> makes one that stays in the file.</p>"
)
"""What stands in a notebook that is not running."""


def in_notebook() -> bool:
    """Whether this program is a notebook, which can show a widget; a terminal is none.

    >>> in_notebook()
    False
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is not None:
        return True
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


class Conversation:
    """What the pages of one widget say, and what is said to them.

    Each message of a page has its ``view``. ``hello`` is answered with the page itself, ``look``
    with what is new (``anew``: with all, as to a page that has begun), ``command`` with the answer
    to it and what is new; ``goodbye`` is not answered. The last page that leaves ends the playing.
    Whenever the training stands still, the model has its numbers.

    Args:
        player: plays the training.
        send: sends a message to all pages of the widget.
        clock: what tells the time in seconds.

    >>> from viz._run.run_settings import RunSettings
    >>> player, said = Player(Run(RunSettings("moons", n_samples=40))), []
    >>> conversation = Conversation(player, said.append)
    >>> conversation.hear({"view": "1", "command": {"do": "step", "n": 3}, "number": 7})
    >>> said[0]["answer"], [message["kind"] for message in said[0]["news"]], player.run.step
    ({'ok': True}, ['scene', 'frame'], 3)
    """

    def __init__(
        self,
        player: Player,
        send: Callable[[Message], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._player = player
        self._send = send
        self._clock = clock
        self._views: dict[str, tuple[Seen, int]] = {}
        self._asked_at = clock()

    def hear(self, message: object) -> None:
        """Answer a message of a page; what is none of these is left alone."""
        if not isinstance(message, dict) or not isinstance(message.get("view"), str):
            return
        view = message["view"]
        self._asked_at = self._clock()
        if message.get("goodbye"):
            self._leave(view)
        elif message.get("hello"):
            self._views.pop(view, None)
            self._send({"view": view, "page": page_of_run(self._player.run, "widget")})
        elif "command" in message:
            answer = obey(self._player.run, self._player, message["command"])
            number = message.get("number")
            self._write_back()
            self._send(self._news(view) | {"answer": answer, "number": number})
        elif message.get("look"):
            if message.get("anew"):
                self._views.pop(view, None)
            self._player.show()  # of now; the training by itself makes frames for streams alone
            self._write_back()
            self._send(self._news(view) | {"looked": True})

    def pause_if_unseen(self) -> bool:
        """Pause a training that no page has asked about for long; whether it has been."""
        unseen = self._clock() - self._asked_at >= UNSEEN
        if unseen and self._player.is_playing:
            self._player.pause()
            self._player.show()
            self._write_back()
        return unseen

    def _news(self, view: str) -> Message:
        """What is new to a page, and whether there will be more by itself."""
        player = self._player
        seen, number = self._views.get(view, (Seen(), 0))
        shown = player.newer_than(number, 0.0)
        self._views.pop(view, None)  # the last that asked stands last
        self._views[view] = seen, shown.number if shown else number
        while len(self._views) > MOST_VIEWS:
            del self._views[next(iter(self._views))]
        news = list(seen.news(shown)) if shown else []
        return {"view": view, "news": news, "playing": player.is_playing}

    def _leave(self, view: str) -> None:
        self._views.pop(view, None)
        if not self._views:
            self._player.pause()
            self._write_back()

    def _write_back(self) -> None:
        if not self._player.is_playing:
            self._player.run.write_back()


def play_widget(run: Run) -> Any:
    """A widget that shows the page of a run; it stands below the cell whose last line it is.

    The training goes on in a thread while the page plays it, also while other cells run. It
    pauses when the page is gone, and ends with ``widget.close()`` or the kernel.

    Args:
        run: what is trained.

    Raises:
        MissingDependencyError: without anywidget.

    >>> if in_notebook():
    ...     play_widget(Run())
    """
    return _widget_class()(run)


@cache
def _widget_class() -> type[Any]:
    """The class of the widget; made at its first use, as anywidget is needed for it alone."""
    try:
        import anywidget
    except ImportError as error:
        raise MissingDependencyError.of(
            "anywidget", "pages in notebooks", extra="notebook"
        ) from error

    base: Any = anywidget.AnyWidget

    class PlayWidget(base):  # type: ignore[misc]
        """The page of a training.

        Args:
            run: what is trained.

        Attributes:
            run: what is trained.
        """

        _esm = part(ROOM, "widget_channel.js")

        def __init__(self, run: Run) -> None:
            self._ended = threading.Event()
            super().__init__()
            self.run = run
            self._player = Player(run)
            self._player.start()
            self._conversation = Conversation(self._player, self.send)
            self.on_msg(self._hear)
            threading.Thread(target=self._watch, name="widget", daemon=True).start()

        def _hear(self, widget: object, content: object, buffers: object) -> None:
            self._conversation.hear(content)

        def _watch(self) -> None:
            while not self._ended.wait(UNSEEN / 10.0):
                self._conversation.pause_if_unseen()

        def close(self) -> None:
            """End the training, and take the widget away."""
            self._ended.set()
            if hasattr(self, "_player"):
                self._player.close()
                self.run.write_back()
            super().close()

        def _repr_mimebundle_(self, **kwargs: Any) -> Any:
            shown = super()._repr_mimebundle_(**kwargs)
            if shown is None:
                return None
            data, metadata = shown if isinstance(shown, tuple) else (shown, {})
            return {**data, "text/html": GONE}, metadata

    return PlayWidget
