"""The page of the server in a browser: it may do what it needs, a reload stays, closing ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.play.serving import SMALL, WAIT, Serving, serving
from tests.replaying import DESKTOP, Tab
from viz._play.play_page import play_page
from viz._run.run import Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LONG = 1e3 * WAIT


def open_page(page: Page, served: Serving) -> list[str]:
    """Go to the page; what the browser complains of from now on."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(served.served.address, timeout=LONG)
    wait_for_step(page, 0)
    return complaints


def wait_for_step(page: Page, step: int) -> None:
    page.wait_for_function(
        "step => Number(document.body.dataset.step ?? -1) >= step", arg=step, timeout=LONG
    )


def test_a_page_is_served_reloaded_and_closed(browser: Browser, tab: Tab) -> None:
    served = Serving(Run(SMALL), linger=5.0, page=play_page("server"))
    now = [1000.0]
    served.served.pages._clock = lambda: now[0]
    with serving(served) as served:
        page = tab.cleared(DESKTOP)
        complaints = open_page(page, served)
        assert page.evaluate("play.channel.send({do: 'step', n: 20})") == {"ok": True}
        wait_for_step(page, 20)
        assert page.title()
        first = page.evaluate("play.channel.page")

        page.reload(timeout=LONG)
        wait_for_step(page, 20)
        second = page.evaluate("play.channel.page")
        assert second != first
        assert set(served.served.pages._streams) == {second}
        assert served.served.pages.seconds_left() == float("inf")

        sample = "play.channel.send({do: 'sample', index: 0}).then(({path}) => fetch(path))"
        assert page.evaluate(f"{sample}.then((answer) => answer.text())").startswith("<!DOCTYPE")
        kind = page.evaluate("play.channel.download('json').then(({blob}) => blob.size)")
        assert kind > 100
        assert complaints == []

        page.goto("about:blank")
        while served.served.pages._streams:
            page.wait_for_timeout(1)
        assert served.served.pages.seconds_left() == 5.0
        assert served.thread.is_alive()
        now[0] += 5.0
        served.thread.join(WAIT)
        assert not served.thread.is_alive()
