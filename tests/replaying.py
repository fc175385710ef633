"""The page of a replay in a real browser, as a person uses it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import viz
from tinygrad_mlp.debug import BackwardStep, trace_backward
from tinygrad_mlp.engine import Value
from tinygrad_mlp.losses import loss_named
from tinygrad_mlp.nn import MLP

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, ViewportSize

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
DESKTOP: Final = (1280, 800)
PHONE: Final = (390, 844)
LYING_PHONE: Final = (844, 390)
STEP_W5: Final = 34

"""The position at which the worked example gives w5 its gradient."""
NOT_COMPUTED: Final = "not computed yet"
HOSTILE: Final = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<!--<script>",
    "\u2028\u2029 two\nlines \x00 \"quotes\" 'and' `${window.hacked = 1}`",
    "{{script}} {{title}} &lt;b&gt; \\u003c",
    "عربى \u202e 漢字 👩‍🔬 " + "long" * 100,
)


def network_loss(sizes: list[int]) -> Value:
    model = MLP(4, sizes, rng=0)
    outputs = model.forward([0.1, 0.2, 0.3, 0.4])
    loss = loss_named("mean_squared_error").sample_loss(outputs, [1.0] * sizes[-1])
    loss.label = "loss"
    return loss


def chain_network(sizes: list[int]) -> Value:
    """The loss of one sample of numbers that nobody labeled."""
    model = MLP(sizes[0], sizes[1:], activation="tanh", rng=0)
    return (model.forward([0.5, -1.0, 0.25][: sizes[0]])[0] - 1.0).square()


def hostile_loss() -> Value:
    loss = Value(1.0, label="start")
    for label in HOSTILE:
        loss = loss * Value(1.5, label=label) + 0.5
    loss.label = HOSTILE[0] + " loss"
    return loss


def recorded(page: str) -> dict[str, Any]:
    """What the page knows, read the way a browser reads it: to the next end of a script."""
    text = page.partition('<script type="text/plain" id="recorded">')[2]
    packed = base64.b85decode(text.partition("</script>")[0].translate(str.maketrans(":,", "<{")))
    content: dict[str, Any] = json.loads(zlib.decompress(packed, wbits=-zlib.MAX_WBITS))
    return content


@dataclass
class Viewer:
    """A page as a person uses it; afterwards there must have been no error and no request."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", self._complain)
        self.page.on("pageerror", self._complain)
        self.page.on("request", self._request)

    def close(self) -> None:
        """Leave the page, after what it still has to say."""
        self.page.remove_listener("request", self._request)
        self.page.goto("about:blank")
        self.page.remove_listener("console", self._complain)
        self.page.remove_listener("pageerror", self._complain)

    def _complain(self, complaint: ConsoleMessage | Error) -> None:
        self.complaints.append(str(complaint))

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def position(self) -> int:
        return int(self.page.input_value("#slider"))

    def last(self) -> int:
        return int(self.page.get_attribute("#slider", "max") or "")

    def equation(self) -> str:
        text = self.page.get_attribute("#equation", "aria-label") or ""
        return text.replace("−", "-")

    def numbers(self) -> dict[str, tuple[str, str]]:
        """For each box what it says to a screen reader: data and gradient."""
        labels = self.page.eval_on_selector_all(
            ".node", "nodes => nodes.map(node => [node.id, node.getAttribute('aria-label')])"
        )
        found = {}
        for name, label in labels:
            match = re.search(r", data ([^,]+)(?:, gradient ([^,]+))?$", label)
            assert match, label
            found[name] = (match[1], match[2] or NOT_COMPUTED)
        return found


class Tab:
    """A page of the browser that one test after the other uses: a new one costs a process.

    Nothing of a test is there in the next one: not the window, the colors, the medium, the place of
    the mouse or the addresses before. The pages of replays keep nothing in the browser.
    """

    def __init__(self, browser: Browser) -> None:
        self._page = browser.new_context().new_page()
        self._protocol = self._page.context.new_cdp_session(self._page)

    @property
    def page(self) -> Page:
        """The page as it is, for scripts that need nothing of it."""
        return self._page

    def cleared(self, size: tuple[int, int], *, dark: bool = False) -> Page:
        """The page, empty, in a window of that size."""
        self._page.goto("about:blank")
        self._page.set_viewport_size(window(size))
        self._page.emulate_media(
            media="null", color_scheme="dark" if dark else "light", reduced_motion="reduce"
        )
        self._page.mouse.move(0.0, 0.0)
        self._protocol.send("Page.resetNavigationHistory")
        return self._page


def window(size: tuple[int, int]) -> ViewportSize:
    return {"width": size[0], "height": size[1]}


@dataclass
class Opener:
    """Opens the page of a loss in a window of that size: the first of a test in the tab."""

    browser: Browser
    tab: Tab
    path: Path
    opened: list[Viewer] = field(default_factory=list)

    def __call__(
        self, loss: Value, size: tuple[int, int] = DESKTOP, *, dark: bool = False, **options: Any
    ) -> Viewer:
        viz.replay(loss, self.path, **options)
        tab = Tab(self.browser) if self.opened else self.tab
        opened = Viewer(tab.cleared(size, dark=dark))
        opened.listen()
        opened.page.goto(self.path.as_uri())
        self.opened.append(opened)
        return opened


def steps_of(loss: Value) -> list[BackwardStep]:
    return list(trace_backward(loss))


def known(numbers: dict[str, tuple[str, str]], which: int) -> dict[str, float]:
    """Those of the numbers (0: data, 1: gradients) that have been computed, to the last bit."""
    pairs = ((name, pair[which]) for name, pair in numbers.items())
    return {name: float(text) for name, text in pairs if text != NOT_COMPUTED}


def rgb(color: str) -> str:
    return f"rgb({', '.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))})"


class Area(NamedTuple):
    """A rectangle on the page."""

    left: float
    top: float
    right: float
    bottom: float


def areas(page: Viewer, selector: str) -> list[Area]:
    found = page.page.eval_on_selector_all(
        selector,
        "all => all.map(x => x.getBoundingClientRect())"
        ".map(x => [x.left, x.top, x.right, x.bottom])",
    )
    return [Area(*numbers) for numbers in found]


def touch(one: Area, other: Area) -> bool:
    beside = one.right <= other.left or other.right <= one.left
    return not beside and one.top < other.bottom and other.top < one.bottom
