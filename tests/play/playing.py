"""The page of a training in a real browser, on a real run, as a person uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tests.play.serving import Serving, serving
from tests.replaying import DESKTOP, Tab, Viewer
from viz._play.play_page import play_page
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings

MOONS: Final = RunSettings("moons", n_samples=40, layers=(LayerSettings(3),), batch_size=5)
START: Final = Run(MOONS).json()
"""The run of these settings at its beginning."""

PATIENCE: Final = 30_000.0
"""Milliseconds after which a test gives up; no test waits so long where all is well."""


@cache
def server_page() -> str:
    return play_page("server")


@dataclass
class Played(Viewer):
    """A page and the run that it steers."""

    serving: Serving | None = None

    @property
    def run(self) -> Run:
        assert self.serving is not None
        return self.serving.run

    def wait(self, condition: str, given: Any = None) -> None:
        """Wait for a condition, a function in JavaScript."""
        self.page.wait_for_function(condition, arg=given, timeout=PATIENCE)

    def at(self, step: int) -> None:
        """Wait until the page shows that step."""
        self.page.wait_for_selector(f"body[data-step='{step}']", timeout=PATIENCE)

    def catch_up(self) -> None:
        """Wait until the page shows all that the server did."""
        self.wait("() => changed.size === 0 && play.frame !== null")
        now = f"body[data-step='{self.run.step}'][data-version='{self.run.version}']"
        self.page.wait_for_selector(now, timeout=PATIENCE)

    def text(self, selector: str) -> str:
        return (self.page.text_content(selector) or "").replace("−", "-")

    @contextmanager
    def on(self, run: Run | None = None) -> Iterator[Played]:
        """This page on the same run as that one: to load a page takes ten times as long."""
        self.begin(START if run is None else run.json())
        yield self

    def begin(self, start: dict[str, Any] = START) -> None:
        """The run begins anew, and so does all that a person has done on the page."""
        assert self.serving is not None
        with self.serving.player.turn():
            self.serving.player.pause()
            self.run.restore(start)
            self.serving.player.show()
        self.catch_up()
        self.page.evaluate(
            """() => {
              document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
              formula.close();
              notice("");
              whisper("");
              document.querySelectorAll(":popover-open").forEach((box) => box.hidePopover());
              byId("speed").value = "";
              byId("brush-look").click();
              document.activeElement.blur();
              plot.spot = plot.chosen = null;
            }"""
        )
        self.page.mouse.move(0.0, 0.0)

    def fill(self, selector: str, text: str) -> None:
        """Type a text in place of what is there, and leave with Enter."""
        self.page.fill(selector, text)
        self.page.press(selector, "Enter")

    def obeyed(self, do: str) -> Any:
        """The answer to a command of that name, while the block runs."""
        return self.page.expect_response(
            lambda response: (
                response.url.endswith("/command")
                and f'"do":"{do}"' in (response.request.post_data or "")
            )
        )

    def do(self, do: str, selector: str) -> Any:
        """Click on something that sends that command; its answer."""
        with self.obeyed(do) as response:
            self.page.click(selector)
        answer = response.value.json()
        self.catch_up()
        return answer


@contextmanager
def playing(
    tab: Tab, run: Run | None = None, size: tuple[int, int] = DESKTOP, *, dark: bool = False
) -> Iterator[Played]:
    """The page of a run; afterwards no error was written, and nobody else was asked."""
    with serving(Serving(Run(MOONS) if run is None else run, page=server_page())) as server:
        opened = Played(tab.cleared(size, dark=dark), serving=server)
        opened.listen()
        address = f"http://{server.host}/{server.word}/"
        opened.page.goto(address)
        opened.catch_up()
        try:
            yield opened
        finally:
            opened.close()
        assert opened.complaints == [], opened.complaints
        assert [url for url in opened.requests if not url.startswith((address, "blob:"))] == []
