"""The replay page: what is written into it, and what a person sees, in a real browser."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pytest

import viz
from tests.holding import held
from tinygrad_mlp.debug import BackwardStep, names_of, trace_backward, trace_forward, worked_example
from tinygrad_mlp.debug._equations import number, product
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.errors import GraphError, NotANumberError
from tinygrad_mlp.functional import (
    amax,
    clamp,
    dot,
    logsumexp,
    maximum,
    minimum,
    reciprocal,
    where,
)
from tinygrad_mlp.functional import sum as total
from tinygrad_mlp.losses import loss_named
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.ops import CONSTANT
from viz._stepper import replay_page
from viz._themes import THEMES, Theme

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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


def hostile_loss() -> Value:
    loss = Value(1.0, label="start")
    for label in HOSTILE:
        loss = loss * Value(1.5, label=label) + 0.5
    loss.label = HOSTILE[0] + " loss"
    return loss


def recorded(page: str) -> dict[str, Any]:
    """What the page knows, read the way a browser reads it: to the next end of a script."""
    text = page.partition('<script type="application/json" id="recorded">')[2]
    content: dict[str, Any] = json.loads(text.partition("</script>")[0])
    return content


# What is written


def test_the_steps_are_those_of_backward() -> None:
    loss = worked_example()
    steps = recorded(replay_page(loss))["steps"]
    order = topological_order(loss)
    loss.backward()
    last = {order[node].parents[place]: after for node, place, *_, after in steps}
    receivers = [node for node in order if node is not loss and node.op is not CONSTANT]
    assert last == {node: node.grad for node in receivers}
    uses = [parent for node in order for parent in node.parents]
    assert len(steps) == len([parent for parent in uses if parent.op is not CONSTANT])


def test_the_graph_stays_as_it_was() -> None:
    loss = worked_example()
    order = topological_order(loss)
    fresh = replay_page(loss)
    assert not any(node.has_grad for node in order)
    loss.backward()
    loss.backward()
    before = [node.grad for node in order]
    assert replay_page(loss) == fresh, "the page starts from no gradients, whatever there is"
    assert [node.grad for node in order] == before


def test_the_page_needs_no_other_file() -> None:
    page = replay_page(worked_example())
    addresses = set(re.findall(r"\w+://[^\s\"']+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of SVG, which nobody fetches
    assert not re.search(r"<link|<iframe|@import|\bsrc=|\bhref=|url\((?!#)|fetch\(|import\(", page)
    assert "default-src 'none'" in page


def test_the_parts_of_the_page_are_put_in_once() -> None:
    assert "{{" not in replay_page(worked_example())


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_cannot_leave_its_place(label: str) -> None:
    harmless = replay_page(Value(2.0, label="a") * 3.0, title="T")
    page = replay_page(Value(2.0, label=label) * 3.0, title="T")
    assert page.count("<") == harmless.count("<")
    assert page.isprintable() or not set(page) & set("\x00\u2028\u2029")
    assert recorded(page)["nodes"][0]["name"] == names_of([Value(2.0, label=label)]).popitem()[1]


def test_a_hostile_title_is_text() -> None:
    page = replay_page(Value(2.0), title=HOSTILE[0])
    assert page.count("<script") == 2
    assert "&lt;/script&gt;" in page


def test_numbers_that_json_does_not_know() -> None:
    zero = Value(0.0, label="zero")
    nodes = recorded(replay_page(zero.log() * zero))["nodes"]
    assert [node["data"] for node in nodes] == [0.0, "-Infinity", "NaN"]


def test_the_file_is_written(tmp_path: Path) -> None:
    path = viz.replay(worked_example(), tmp_path / "pages" / "backprop.html", title="A title")
    assert "<h1>A title</h1>" in path.read_text(encoding="utf-8")


def test_a_graph_that_is_too_big_is_refused() -> None:
    with pytest.raises(GraphError, match="max_nodes=31"):
        replay_page(worked_example(), max_nodes=30)


def test_only_a_value_is_replayed() -> None:
    with pytest.raises(NotANumberError, match=r"viz\.replay\(outputs\[0\]"):
        replay_page([worked_example()])  # type: ignore[arg-type]


def test_neurons_are_boxes_that_nothing_looks_into() -> None:
    content = recorded(replay_page(network_loss([3, 2])))
    nodes, groups = content["nodes"], content["groups"]
    assert [group["name"] for group in groups] == [
        *(f"layers.0.neurons.{i}" for i in range(3)),
        *(f"layers.1.neurons.{i}" for i in range(2)),
    ]
    assert {group["formula"] for group in groups} == {"relu(w·x + b)", "w·x + b"}
    for group in groups:
        inside = set(group["members"]) - {group["head"]}
        users = {i for i, node in enumerate(nodes) if inside & set(node["parents"])}
        assert users <= set(group["members"])


def test_a_weight_that_two_samples_share_stands_outside() -> None:
    model = MLP(1, [2, 1], rng=0)
    loss = (model.forward([1.0])[0] - model.forward([2.0])[0]).square()
    content = recorded(replay_page(loss))
    inside = {member for group in content["groups"] for member in group["members"]}
    shared = {i for i, node in enumerate(content["nodes"]) if node["role"] == "parameter"}
    assert content["groups"], "the sum and the activation still form a box"
    assert not inside & shared


def test_constants_are_no_steps() -> None:
    x = Value(3.0, label="x")
    content = recorded(replay_page(0.5 * x**2))
    names = [node["name"] for node in content["nodes"]]
    constants = {i for i, node in enumerate(content["nodes"]) if node["constant"]}
    assert {content["nodes"][i]["data"] for i in constants} == {0.5, 2.0}
    parents = [content["nodes"][node]["parents"][place] for node, place, *_ in content["steps"]]
    assert not constants & set(parents)
    assert [names[i] for i in parents].count("x") == 1


def test_a_constant_with_a_label_has_steps_as_in_the_step_log() -> None:
    half = Value(1.0) * 0.5
    half.parents[1].label = "half"
    loss = half * 2.0
    content = recorded(replay_page(loss))
    constants = [node["data"] for node in content["nodes"] if node["constant"]]
    assert constants == [2.0]
    assert len(content["steps"]) == len(trace_backward(loss)) == 3


def test_what_has_no_label_is_called_after_its_neuron() -> None:
    loss = (MLP(2, [2, 1], activation="tanh", rng=0).forward([1.0, 2.0])[0] - 1.0).square()
    content = recorded(page := replay_page(loss))
    names = {node["name"] for node in content["nodes"] if node["parents"]}
    inside = {f"layers.0.neurons.{i}.{part}" for i in range(2) for part in ("net", "out")}
    assert inside | {"layers.1.neurons.0.net", "L"} < names
    assert "<h1>Backpropagation of L</h1>" in page


def test_names_that_are_taken_get_a_number() -> None:
    model = MLP(1, [1], activation="tanh", rng=0)
    one, two = (model.forward([x])[0] for x in (1.0, 2.0))
    content = recorded(replay_page(one * two * Value(1.0, label="L")))
    names = [node["name"] for node in content["nodes"]]
    assert len(names) == len(set(names))
    assert {"layers.0.neurons.0.net", "layers.0.neurons.0.net#2", "L#2"} < set(names)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_words_stand_out_from_their_ground(theme: Theme) -> None:
    """A contrast of 4.5 to 1, as the web's guidelines for accessibility ask for."""
    words = [theme.text, theme.muted, theme.gradient]
    words += [theme.roles["parameter"].ink, theme.roles["input"].ink]
    for ground in (theme.background, theme.frame):
        assert min(contrast(word, ground) for word in words) >= 4.5
    for paint in theme.roles.values():
        assert contrast(theme.text, paint.fill) >= 4.5
        assert contrast(theme.muted, paint.fill) >= 4.5
        assert contrast(theme.gradient, paint.fill) >= 4.5
    for line in (theme.line, theme.muted, theme.gradient, theme.accent):
        assert contrast(line, theme.background) >= 3.0


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255.0 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


# What a person sees


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    reason = "the package 'playwright' is missing: python -m pip install playwright"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("there is no Chromium: install your system's package 'chromium'")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield running
        running.close()


@dataclass
class Viewer:
    """A page as a person uses it; afterwards there must have been no error and no request."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

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


@pytest.fixture
def viewer(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(browser, tmp_path / "backprop.html")
    yield opener
    for opened in opener.opened:
        opened.page.context.close()
        assert opened.complaints == []
        assert opened.requests == [opener.path.as_uri()]


@dataclass
class Opener:
    """Opens the page of a loss in a window of that size."""

    browser: Browser
    path: Path
    opened: list[Viewer] = field(default_factory=list)

    def __call__(
        self, loss: Value, size: tuple[int, int] = DESKTOP, *, dark: bool = False, **options: Any
    ) -> Viewer:
        viz.replay(loss, self.path, **options)
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        opened = Viewer(context.new_page())
        opened.page.on("console", lambda message: opened.complaints.append(message.text))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.goto(self.path.as_uri())
        self.opened.append(opened)
        return opened


def test_every_step_shows_what_the_engine_does(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss)
    order = topological_order(loss)
    place = {node: f"n{i}" for i, node in enumerate(order)}
    data = {place[node]: node.data for node in order if node.is_leaf}

    assert page.position() == 0
    assert known(page.numbers(), 0) == data
    for forward in trace_forward(loss):
        page.press("ArrowRight")
        data[place[forward.node]] = forward.output
        assert known(page.numbers(), 0) == data
        assert known(page.numbers(), 1) == {}
    page.press("ArrowRight")
    receivers = [place[node] for node in order if node.op is not CONSTANT]
    gradients = dict.fromkeys(receivers, 0.0) | {place[loss]: 1.0}
    assert page.equation() == "dL/dL = 1"
    for backward in steps_of(loss):
        page.press("ArrowRight")
        gradients[place[backward.parent]] = backward.grad_after
        assert known(page.numbers(), 1) == gradients
        assert page.equation() == backward.equation()
    assert page.position() == page.last()
    assert known(page.numbers(), 1) == {
        place[node]: node.grad for node in order if node.op is not CONSTANT
    }


def steps_of(loss: Value) -> list[BackwardStep]:
    return list(trace_backward(loss))


def known(numbers: dict[str, tuple[str, str]], which: int) -> dict[str, float]:
    """Those of the numbers (0: data, 1: gradients) that have been computed, to the last bit."""
    pairs = ((name, pair[which]) for name, pair in numbers.items())
    return {name: float(text) for name, text in pairs if text != NOT_COMPUTED}


def test_stepping_back_shows_the_same_as_stepping_forward(viewer: Opener) -> None:
    page = viewer(network_loss([2, 1]), collapse=False)
    seen = [(page.equation(), page.numbers())]
    while page.position() < page.last():
        page.press("ArrowRight")
        seen.append((page.equation(), page.numbers()))
    page.press("ArrowRight")
    assert page.position() == page.last(), "there is nothing after the last step"
    for expected in reversed(seen[:-1]):
        page.press("ArrowLeft")
        assert (page.equation(), page.numbers()) == expected


def test_keys_buttons_and_the_slider_step(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.press("End")
    assert page.position() == page.last() == 15 + 1 + 34
    assert page.page.get_attribute("#next", "aria-disabled") == "true"
    page.press("Home")
    assert page.position() == 0
    page.page.click("#next")
    page.page.click("#next")
    page.page.click("#back")
    assert page.position() == 1
    assert page.page.get_attribute("#last", "aria-disabled") == "false"
    page.page.click("#last")
    page.press("Shift+ArrowLeft")  # to the node before, over all five operands
    assert page.equation().startswith("dL/dnet_h1 +=")
    page.page.focus("#slider")
    page.press("ArrowLeft")
    page.page.fill("#slider", str(STEP_W5))
    assert page.equation() == "dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822"
    spoken = page.page.get_attribute("#slider", "aria-valuetext")
    assert spoken == f"Backward, {STEP_W5 - 16} of 34: {page.equation()}"
    assert page.equation() in (page.page.text_content("#live") or "")


def test_the_page_opens_at_the_step_of_its_address(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.goto(f"{viewer.path.as_uri()}#step={STEP_W5}")
    assert page.equation().startswith("dL/dw5 +=")


def test_it_plays_to_the_end_and_stops(viewer: Opener) -> None:
    page = viewer(Value(2.0, label="a") * 3.0)
    page.page.select_option("#speed", "0.5")
    page.page.focus("body")
    page.page.evaluate("document.activeElement.blur()")
    page.press(" ")
    assert page.page.get_attribute("#play", "aria-label") == "Pause"
    page.page.select_option("#speed", "30")
    page.page.wait_for_selector("#play[aria-label=Play]", timeout=10_000)
    assert page.position() == page.last()
    page.page.click("#play")  # from the start again
    page.page.wait_for_selector("#play[aria-label=Play]", timeout=10_000)
    assert page.position() == page.last()


def test_the_current_arrow_and_its_two_boxes_are_marked(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss)
    page.page.fill("#slider", str(STEP_W5))
    assert page.page.locator(".edge.lit.backwards").count() == 1
    assert page.page.locator(".derivative.lit").text_content() == "× 0.5933"
    labels = [node.label for node in topological_order(loss)]
    assert page.page.locator(".node.current").get_attribute("id") == f"n{labels.index('w5')}"
    assert page.page.locator(".node.source").get_attribute("id") == f"n{labels.index('net_o1')}"


def test_a_node_tells_its_history_and_its_path(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss)
    labels = [node.label for node in topological_order(loss)]
    page.page.click(f"#n{labels.index('b1')}")
    details = page.page.locator("#details")
    assert details.locator("h2").text_content() == "b1"
    page.press("End")
    gradients = {
        node.label: step.grad_after for step in trace_backward(loss) for node in [step.parent]
    }
    exact = page.page.text_content("#exact-grad")
    assert exact == f"grad = {gradients['b1']!r}"
    products = [
        re.split("[=≈] ", text)[-1] for text in details.locator(".product").all_text_contents()
    ]
    assert len(products) == 4
    total = sum(float(text.replace("−", "-")) for text in products)
    assert math.isclose(total, gradients["b1"], abs_tol=2e-4)  # they show four digits
    assert page.page.locator(".node.on-path").count() == 1 + 2 + 2 + 2 * 5 + 1
    details.locator("li button").first.click()
    assert page.equation().startswith("dL/db1 +=")
    page.press("Escape")
    assert details.is_hidden()
    assert page.page.locator(".on-path").count() == 0


def test_the_graph_makes_room_for_the_details(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.locator(".node.output").click()
    page.page.wait_for_function(
        "document.querySelector('.node.output').getBoundingClientRect().right"
        " < document.querySelector('#details').getBoundingClientRect().left"
    )
    page.page.click("#larger")
    width = "document.querySelector('#graph').getBoundingClientRect().width"
    large = page.page.evaluate(width)
    page.page.click("#smaller")
    assert page.page.evaluate(width) < large


def test_neurons_collapse_and_expand(viewer: Opener) -> None:
    loss = network_loss([3, 2])
    page = viewer(loss, collapse=True)
    boxes = page.page.locator(".node")
    n_nodes = len(topological_order(loss))
    inside = [4 + 1 + 1 + 1] * 3 + [
        3 + 1 + 1
    ] * 2  # weights, bias, dot, and relu where there is one
    assert boxes.count() == n_nodes - sum(inside) + 5
    page.press("End")
    collapsed = page.numbers()
    page.page.click("#neurons")
    assert boxes.count() == n_nodes
    assert page.position() == page.last()
    expanded = page.numbers()
    assert collapsed.items() <= expanded.items(), "a box shows the numbers of the neuron's output"
    page.page.click("#neurons")
    page.page.locator(".group").first.dispatch_event("dblclick")
    page.page.wait_for_function(
        "n => document.querySelectorAll('.node').length === n",
        arg=n_nodes - sum(inside[1:]) + 4,
    )


def test_the_keyboard_alone_reaches_everything(viewer: Opener) -> None:
    page = viewer(network_loss([2, 1]), collapse=True)
    names = page.page.eval_on_selector_all(
        "button:not([hidden]), input, select, [tabindex='0']",
        "all => all.map(x => x.getAttribute('aria-label') || x.textContent || x.labels?.[0])",
    )
    assert len(names) > 10
    assert all(names)
    assert page.page.locator("#graph [tabindex='0']").count() == 1, "one stop for the Tab key"
    page.page.focus("#graph [tabindex='0']")
    here = "document.activeElement.id"
    start = page.page.evaluate(here)
    page.press("ArrowUp")
    assert page.page.evaluate(here) != start
    page.press("ArrowDown", "Enter")
    assert page.page.evaluate(here) == start
    assert page.page.locator("#details h2").text_content() == "loss"
    while "group" not in (page.page.get_attribute(f"#{page.page.evaluate(here)}", "class") or ""):
        page.press("ArrowUp")
    before = page.page.locator(".node").count()
    page.press("e")
    assert page.page.locator(".node").count() > before
    assert page.page.evaluate(here).startswith("n"), "the focus stays on the neuron"


def test_hostile_labels_stay_text(viewer: Opener) -> None:
    loss = hostile_loss()
    page = viewer(loss, title=HOSTILE[1])
    names = names_of(topological_order(loss))
    labels = page.page.eval_on_selector_all(".node", "all => all.map(x => x.ariaLabel)")
    for node, name in names.items():
        if node.op is not CONSTANT:
            assert any(label.startswith(f"{name}, ") for label in labels)
    assert page.page.text_content("h1") == HOSTILE[1]
    for index in range(page.page.locator(".node").count()):
        page.page.locator(".node").nth(index).focus()
        page.press("Enter", "ArrowRight")
    page.press("End")
    assert page.equation() == steps_of(loss)[-1].equation()
    assert page.page.evaluate("window.hacked") is None
    assert page.page.locator("script").count() == 2
    assert page.page.locator("img").count() == 0


def test_the_policy_of_the_page_stops_scripts_from_elsewhere(viewer: Opener) -> None:
    page = viewer(Value(1.0) * 2.0)
    page.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        " { textContent: 'window.hacked = 1' }))"
    )
    assert page.page.evaluate("window.hacked") is None
    assert [text for text in page.complaints if "Content Security Policy" in text]
    page.complaints.clear()


@pytest.mark.parametrize("dark", [False, True])
def test_colors_follow_the_system_and_the_button(viewer: Opener, dark: bool) -> None:
    page = viewer(worked_example(), dark=dark)
    ground = "getComputedStyle(document.querySelector('#view')).backgroundColor"
    first, second = ("dark", "light") if dark else ("light", "dark")
    assert page.page.evaluate(ground) == rgb(THEMES[first].background)
    page.page.click("#theme")
    assert page.page.evaluate(ground) == rgb(THEMES[second].background)


def rgb(color: str) -> str:
    return f"rgb({', '.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_it_fits_on_a_phone(viewer: Opener) -> None:
    page = viewer(worked_example(), PHONE)
    page.page.fill("#slider", str(STEP_W5))
    assert page.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    for name in ("first", "back", "play", "next", "last"):
        box = page.page.locator(f"#{name}").bounding_box()
        assert box is not None
        assert box["height"] >= 40.0
        assert box["y"] + box["height"] <= PHONE[1]
    current, stage = (page.page.locator(x).bounding_box() for x in (".node.current", "#stage"))
    assert current is not None
    assert stage is not None
    assert stage["x"] <= current["x"]
    assert current["x"] + current["width"] <= stage["x"] + stage["width"]


def test_a_single_leaf_has_a_page_too(viewer: Opener) -> None:
    page = viewer(Value(2.0, label="a"))
    page.press("End")
    assert page.numbers() == {"n0": ("2", "1")}


def test_numbers_that_are_not_finite_are_shown(viewer: Opener) -> None:
    zero = Value(0.0, label="zero")
    page = viewer(zero.log() * zero)
    page.press("End")
    assert page.numbers()["n1"][0] == "-Infinity"
    assert page.page.text_content("#n2 .data.value") == "nan"


def test_numbers_are_written_as_in_the_step_log(viewer: Opener) -> None:
    page = viewer(Value(2.0))
    rng = np.random.default_rng(0)
    sizes = rng.normal(size=500) * 10.0 ** rng.integers(-12, 12, size=500)
    ties = [0.03125, -0.09375, 0.0078125, 12345.0, 12355.0, 2.0**-20, 0.5]
    edges = [
        0.0,
        -0.0,
        0.01,
        9999.99999,
        0.0099996,
        0.00099996,
        9999.96,
        99996.0,
        1e-5,
        1e-6,
        1e23,
        1e300,
    ]
    numbers = [*sizes.tolist(), *ties, *edges, math.inf, -math.inf, math.nan]
    # As text: Playwright before 1.64 sends the float 0.0 as -0.
    texts = [repr(x).replace("inf", "Infinity").replace("nan", "NaN") for x in numbers]
    shown = page.page.evaluate("texts => texts.map(Number).map(shortNumber)", texts)
    assert [x.replace("−", "-") for x in shown] == [as_on_the_page(x) for x in numbers]
    assert shown[numbers.index(0.0) :][:2] == ["0", "−0"]


def test_products_that_do_not_hold_as_written_are_marked_as_in_the_step_log(viewer: Opener) -> None:
    page = viewer(worked_example())
    rng = np.random.default_rng(0)
    sizes = rng.normal(size=(300, 2)) * 10.0 ** rng.integers(-6, 6, size=(300, 2))
    pairs = [
        *sizes.tolist(),
        [0.0, 3.0],
        [0.0, math.inf],
        [1e-200, 1e-200],
        [0.036350306, 0.241300709],
    ]
    shown = page.page.evaluate("pairs => pairs.map(([a, b]) => productSign([a, b], a * b))", pairs)
    assert shown == ["≈" if "≈" in product(pair, pair[0] * pair[1]) else "=" for pair in pairs]
    assert {"≈", "="} == set(shown)
    trace = trace_backward(worked_example())
    for step in (trace[10], *trace[-6:]):
        page.page.evaluate("position => goTo(position)", 17 + step.index)
        assert page.equation() == step.equation()


def as_on_the_page(x: float) -> str:
    """The number as the step log writes it, but for the sign and the zeros of its exponent."""
    return re.sub(r"e([+-])0*(\d+)", r"e\1\2", number(x)).replace("e+", "e")


NEGATIVE: Final = (
    (lambda a, b: a + b, "(-2) + (-3)"),
    (lambda a, b: a - b, "(-2) - (-3)"),
    (lambda a, b: a * b, "(-2) · (-3)"),
    (lambda a, b: a / b, "(-2) / (-3)"),
    (lambda a, b: -a, "-(-2)"),
    (lambda a, b: abs(a), "|-2|"),
    (lambda a, b: a**-3, "(-2) ^ (-3)"),
    (lambda a, b: a.square(), "(-2)²"),
    (lambda a, b: reciprocal(a), "1 / (-2)"),
    (lambda a, b: a.tanh(), "tanh(-2)"),
    (maximum, "max(-2, -3)"),
    (minimum, "min(-2, -3)"),
    (lambda a, b: clamp(a, -5.0, -1.0), "min(max(-2, -5), -1)"),
    (lambda a, b: where(a, b, -4.0), "-3 if -2 else -4"),
    (lambda a, b: total([a, b, -4.0]), "(-2) + (-3) + (-4)"),
    (lambda a, b: amax([a, b]), "amax(-2, -3)"),
    (lambda a, b: logsumexp([a, b]), "logsumexp(-2, -3)"),
    (lambda a, b: logsumexp([a] * 9 + [b]), "logsumexp(-2, -2, -2, -2, …, -3)"),
    (lambda a, b: amax([a] * 9 + [b]), "amax(-2, -2, -2, -2, …, -3)"),
    (lambda a, b: dot([a, b], [b, 4.0], -1.0), "(-2) · (-3) + (-3) · 4 + (-1)"),
)
"""How a formula of a = -2 and b = -3 stands in the equation, by hand."""


@pytest.mark.parametrize(("formula", "written"), NEGATIVE, ids=[text for _, text in NEGATIVE])
def test_negative_numbers_have_brackets_where_an_operator_needs_them(
    viewer: Opener, formula: Callable[[Value, Value], Value], written: str
) -> None:
    page = viewer(formula(Value(-2.0, label="a"), Value(-3.0, label="b")))
    page.press("ArrowRight")
    assert page.equation().split(" = ")[-2] == written
    names = re.sub(r"(?<!\w)\(-2\)|-2", "a", written)
    names = re.sub(r"(?<!\w)\(-3\)|-3", "b", names)
    if "^" not in written:  # there the -3 is a plain number
        assert page.equation().split(" = ")[1] == names


def test_a_plain_number_in_a_formula_has_brackets_like_any_other(viewer: Opener) -> None:
    page = viewer(Value(2.0, label="a") ** -1)
    page.press("ArrowRight")
    assert page.equation() == "L = a ^ (-1) = 2 ^ (-1) = 0.5"
    page.press("End")
    remark = (page.page.text_content("#remark") or "").replace("−", "-")
    assert "(-1) · a^((-1) - 1) = -0.25" in remark


def test_a_name_of_several_words_stays_together(viewer: Opener) -> None:
    page = viewer((Value(2.0, label="my loss").square() * Value(3.0, label="a+b")).tanh())
    page.press("ArrowRight")
    assert page.equation().split(" = ")[1] == "(my loss)²"
    page.press("ArrowRight")
    assert page.equation().split(" = ")[1].endswith(" · (a+b)")


def test_the_rule_of_a_list_is_about_the_operand_of_the_step(viewer: Opener) -> None:
    inputs = [Value(x, label=f"x{i}") for i, x in enumerate((0.5, 2.0, 1.0, 0.25))]
    page = viewer(amax(inputs))
    remarks = []
    while page.position() < page.last():
        page.press("ArrowRight")
        remarks.append(page.page.text_content("#remark") or "")
    assert [re.findall(r"if (x\d) is", text) for text in remarks[-4:]] == [
        [f"x{i}"] for i in range(4)
    ]


def named_badly() -> Value:
    labels = [f"a label that a person wrote, number {i}" for i in range(9)]
    return logsumexp([Value(-1234.5678 * i, label=x) for i, x in enumerate(labels)]).square()


@pytest.mark.parametrize("collapse", [True, False])
@pytest.mark.parametrize(
    "build",
    [
        lambda: network_loss([3, 2]),
        lambda: network_loss([8, 8, 3]),
        lambda: MLP(20, [1], rng=0)([0.1] * 20).square(),
        lambda: MLP(3, [2, 1], activation="leaky_relu", rng=0)([0.5] * 3),
        lambda: logsumexp([Value(-0.1234 * i) for i in range(200)]),
        named_badly,
    ],
)
def test_a_forward_step_shows_its_numbers_whatever_the_names(
    viewer: Opener, build: Callable[[], Value], collapse: bool
) -> None:
    loss = build()
    order = topological_order(loss)
    page = viewer(loss, collapse=collapse)
    steps = page.page.evaluate(
        "scene.stops.filter((at) => trace.events[at].phase === 'forward').map((at) => { goTo(at);"
        " const { scrollHeight, clientHeight } = byId('step'); return [trace.events[at].node,"
        " byId('equation').innerText, scrollHeight <= clientHeight]; })"
    )
    assert steps
    for index, text, is_whole in steps:
        node = order[index]
        parts = [part.strip() for part in text.replace("−", "-").split("=")]
        assert parts[-1] == as_on_the_page(node.data)
        numbers = re.findall(r"-?[\d.]+(?:e-?\d+)?", parts[-2])
        if not collapse:
            ends = {as_on_the_page(node.parents[place].data) for place in (0, -1)}
            assert ends <= set(numbers), text
        assert len(numbers) >= min(len(node.parents), 2)
        assert is_whole, "all of it is in view"


def test_a_name_needs_no_path_beside_its_neuron(viewer: Opener) -> None:
    page = viewer(MLP(2, [1], activation="tanh", rng=0)([0.5, -1.0]).square(), collapse=False)
    page.press("ArrowRight")
    assert (page.page.text_content("#equation") or "").startswith(
        "layers.0.neurons.0.net=w.0 · 0.5 + w.1 · (−1) + b="
    )
    assert page.equation().startswith("layers.0.neurons.0.net = layers.0.neurons.0.w.0 · 0.5 + ")


def test_minus_zero_keeps_its_sign(viewer: Opener) -> None:
    page = viewer(Value(-0.0, label="a") * 2.0)
    page.press("End")
    assert page.numbers()["n0"] == ("-0", "2")
    page.page.click("#n0")
    assert page.page.text_content("#exact-data") == "data = -0"


def test_the_path_of_the_output_is_one_without_a_product(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.click("#n30")
    assert page.page.locator(".product div").all_text_contents() == ["∂L/∂L", "= 1"]


def test_five_hundred_nodes_stay_fluent(viewer: Opener) -> None:
    loss = network_loss([16, 16, 4])
    assert len(topological_order(loss)) > 500
    page = viewer(loss, collapse=False)
    assert page.page.locator(".node").count() > 500
    milliseconds = page.page.evaluate(
        "(() => { const start = performance.now();"
        " for (let step = 1; step <= 100; step++) goTo(3 * step);"
        " return (performance.now() - start) / 100; })()"
    )
    assert milliseconds < 100.0  # it takes about 4; a frame at ten steps a second has 100
    changed = page.page.evaluate(
        "(() => { goTo(0); const counts = []; for (let step = 1; step <= 300; step++) {"
        " const watch = new MutationObserver(() => 0);"
        " watch.observe(byId('graph'), { subtree: true, attributes: true, childList: true });"
        " goTo(step); counts.push(watch.takeRecords().length); }"
        " return counts.sort((one, other) => one - other).at(-2); })()"
    )
    assert changed < 30, "but for the seed, where all gradients appear, few elements are touched"
    page.press("End")
    seed = [item for item in page.numbers().values() if item[1] == NOT_COMPUTED]
    assert len(seed) == 4 + 4 + 1, "the inputs, the targets and the number of them are constants"


# Neurons as one box


def test_an_arrow_into_a_neuron_carries_the_derivative_of_the_whole_neuron(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss, collapse=True)
    by_label = {node.label: node for node in topological_order(loss)}
    found = page.page.evaluate(
        "scene.links.map(link => [scene.items[link.from].node.name, scene.items[link.to].node.name,"
        " link.derivative]).filter(link => link[2] !== null)"
    )
    into = {(source, target): along for source, target, along in found}
    assert ("i1", "out_h2") in into
    assert ("out_h1", "out_o2") in into
    for (source, target), along in into.items():
        (expected,) = grad(by_label[target], [by_label[source]])
        assert math.isclose(along, expected, rel_tol=1e-12), (source, target)
    page.press("End")
    label = page.page.locator(".derivative:not(.lit) text", has_text="0.0602")
    assert label.count() == 1


def test_a_collapsed_graph_lights_an_arrow_or_a_neuron_at_each_step(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), collapse=True)
    page.page.evaluate("goTo(trace.seedAt)")
    inside = 0
    while page.position() < page.last():
        page.press("ArrowRight")
        lit = page.page.locator("#lights .edge.lit.backwards").count()
        assert page.page.locator(".node.current").count() == 1
        if not lit:
            inside += 1
            assert "inside layers." in (page.page.text_content("#phase") or "")
            continue
        assert lit == 1
        numbers = re.findall(r"= ([^=]+) \* ([^=]+) [=≈] ([^=≈]+)$", page.equation())[0]
        upstream, partial, _ = (text.strip("()").replace("-", "−") for text in numbers)
        assert page.page.text_content(".node.source .grad.value") == upstream
        assert page.page.text_content(".derivative.lit") == f"× {partial}"
    assert inside == 5, "each neuron tells the gradients of its own parameters once"
    forwards = page.position()
    page.press("ArrowLeft", "ArrowRight")
    assert page.position() == forwards


def test_a_collapsed_graph_tells_the_numbers_of_the_arrows_that_matter_now(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=True)
    page.press("End")
    told = (
        "scene.links.filter(({ text }) => text && getComputedStyle(text).visibility !== 'hidden')"
        ".map(({ from, to }) => [scene.items[from], scene.items[to]])"
        ".map((ends) => ends.some((item) => item === scene.current || item === scene.selected))"
    )
    at_the_end = page.page.evaluate(told)
    page.page.evaluate("select(trace.root)")
    with_selection = page.page.evaluate(told)
    assert all([*at_the_end, *with_selection])
    assert len(with_selection) > len(at_the_end)
    n_placed = page.page.evaluate("scene.links.filter(({ text }) => text).length")
    assert len(with_selection) < n_placed


@pytest.mark.parametrize("sizes", [[3, 2], [4, 4, 1]])
def test_neurons_stand_in_the_order_of_the_model(sizes: list[int], viewer: Opener) -> None:
    page = viewer(network_loss(sizes), collapse=True)
    for layer, size in enumerate(sizes):
        places = page.page.evaluate(
            "layer => scene.items.filter(({ group }) => group?.name.startsWith(`layers.${layer}.`))"
            ".sort((one, other) => one.y - other.y).map(({ group }) => group.name)",
            layer,
        )
        assert places == [f"layers.{layer}.neurons.{i}" for i in range(size)]


@pytest.mark.parametrize("sizes", [[3, 2], [4, 4, 1]])
def test_the_number_of_the_current_arrow_covers_no_box(sizes: list[int], viewer: Opener) -> None:
    page = viewer(network_loss(sizes), collapse=True)
    covered = page.page.evaluate(
        "scene.stops.map((at) => { goTo(at);"
        " const rect = document.querySelector('.derivative.lit rect'); if (!rect) return 0;"
        " const [x, y, width, height] = ['x', 'y', 'width', 'height']"
        ".map((name) => Number(rect.getAttribute(name)));"
        " return scene.obstacles.under({ x, y, width, height }).length; })"
    )
    assert sum(covered) == 0


def test_the_keys_go_by_the_node_that_has_the_focus(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), collapse=True)
    index = page.page.evaluate("scene.items.find(({ kind }) => kind === 'group').node.index")
    page.page.evaluate("index => byId(`n${index}`).focus()", index)
    page.press("e")
    assert page.page.evaluate("document.activeElement.id") == f"n{index}"


def test_a_phone_shows_the_whole_text_of_a_step(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), size=PHONE, collapse=True)
    for position in page.page.evaluate("scene.stops"):
        page.page.evaluate("position => goTo(position)", position)
        room = page.page.evaluate("[byId('step').scrollHeight, byId('step').clientHeight]")
        assert room[0] <= room[1], position


def test_the_steps_of_a_collapsed_graph_are_the_same_both_ways(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), collapse=True)
    seen = [page.position()]
    while page.position() < page.last():
        page.press("ArrowRight")
        seen.append(page.position())
    for expected in reversed(seen[:-1]):
        page.press("ArrowLeft")
        assert page.position() == expected
    hidden = next(step for step in range(page.last()) if step not in seen)
    page.page.fill("#slider", str(hidden))
    assert page.position() == next(step for step in seen if step > hidden)


def test_a_step_inside_a_neuron_expands_it(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=True)
    boxes = page.page.locator(".node").count()
    page.page.goto(f"{viewer.path.as_uri()}#step={STEP_W5}")
    assert page.equation().startswith("dL/dw5 +=")
    assert page.page.locator(".node").count() == boxes + 3  # w5, w6 and the sum
    assert page.page.locator(".frame .name").all_text_contents() == ["out_o1"]


def test_a_neuron_that_is_one_box_shows_its_whole_formula(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=True)
    page.press("ArrowRight")
    assert page.equation() == (
        "out_h1 = sigmoid(w1 · i1 + w2 · i2 + b1)"
        " = sigmoid(0.15 · 0.05 + 0.2 · 0.1 + 0.35) = 0.5933"
    )


def test_a_sum_written_by_hand_is_one_box_too(viewer: Opener) -> None:
    weights, bias = [Value(0.5), Value(-0.25)], Value(0.1)
    held(n=held(w=weights, b=bias))
    inputs = [Value(2.0, label="x0"), Value(3.0, label="x1")]
    output = (weights[0] * inputs[0] + weights[1] * inputs[1] + bias).tanh()
    output.label = "y"
    loss = output * 2.0
    loss.label = "loss"
    page = viewer(loss, collapse=True)
    page.press("ArrowRight")
    assert page.equation().startswith("y = tanh(n.w.0 · x0 + n.w.1 · x1 + n.b) = tanh(0.5 · 2 +")
    page.page.click("#neurons")
    page.press("End")
    assert page.page.locator(".frame").count() == 1
    assert page.page.locator(".node").count() == len(topological_order(loss))
    assert page.page.evaluate(
        "scene.links.every((link, at) => { const path = scene.svg.querySelectorAll('.edge')[at];"
        " const length = path.getTotalLength();"
        " return [0.3, 0.5, 0.7].every(share => { const p = path.getPointAtLength(share * length);"
        " return scene.items.every(({ x, y, width, height }) => p.x <= x || p.x >= x + width"
        " || p.y <= y || p.y >= y + height); }); })"
    ), "no arrow runs behind a box"


def test_frames_hold_their_neurons_and_do_not_touch(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), collapse=False)
    assert page.page.locator(".frame .name").all_text_contents() == [
        *(f"layers.0.neurons.{i}" for i in range(3)),
        *(f"layers.1.neurons.{i}" for i in range(2)),
    ]
    frames = areas(page, ".frame .ground")
    boxes = areas(page, ".node .box")
    members = recorded(viewer.path.read_text(encoding="utf-8"))["groups"]
    for frame, group in zip(frames, members, strict=True):
        inside = [box for box in boxes if touch(frame, box)]
        assert len(inside) == len(group["members"])
    assert not [pair for pair in itertools.combinations(frames, 2) if touch(*pair)]
    assert not [pair for pair in itertools.combinations(boxes, 2) if touch(*pair)]


@pytest.mark.parametrize("collapse", [True, False])
def test_numbers_on_arrows_stand_free_on_a_ground_of_their_own(
    viewer: Opener, collapse: bool
) -> None:
    page = viewer(network_loss([4, 1]), collapse=collapse)
    page.press("End")
    grounds = areas(page, "#graph .derivative rect")
    assert len(grounds) > 4
    slack = 2.5 * page.page.evaluate("scene.zoom")
    inner = [Area(x.left + slack, x.top, x.right - slack, x.bottom) for x in grounds]
    assert not [pair for pair in itertools.combinations(inner, 2) if touch(*pair)]
    assert not [pair for pair in itertools.product(inner, areas(page, ".box")) if touch(*pair)]
    fill = "getComputedStyle(document.querySelector('.derivative rect')).fill"
    assert page.page.evaluate(fill) == rgb(THEMES["light"].background)


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


@pytest.mark.parametrize("collapse", [True, False])
def test_the_number_of_the_current_arrow_is_drawn_once(viewer: Opener, collapse: bool) -> None:
    page = viewer(worked_example(), collapse=collapse)
    drawn = page.page.evaluate(
        "scene.stops.filter((at) => trace.events[at].phase === 'backward').map((at) => {"
        " goTo(at); const { from, place } = trace.events[at];"
        " const link = scene.linkOf.get(`${from}/${place}`);"
        " const isShown = (text) => getComputedStyle(text).visibility !== 'hidden';"
        " const head = link ? getComputedStyle(link.element).markerEnd : 'none';"
        " const numbers = document.querySelectorAll('.derivative.lit').length;"
        " return [Boolean(link?.text) && isShown(link.text), head, numbers - (link ? 1 : 0)]; })"
    )
    assert {tuple(step) for step in drawn} == {(False, "none", 0)}, "and the arrow has one head"
    if not collapse:
        hidden = "scene.links.filter(({ text }) => text?.classList.contains('apart')).length"
        assert page.page.evaluate(hidden) == 1
        page.page.evaluate("goTo(trace.seedAt)")
        assert page.page.evaluate(hidden) == 0, "the number comes back"


def test_the_number_of_the_current_arrow_covers_no_other_if_it_need_not(viewer: Opener) -> None:
    page = viewer(worked_example(), collapse=False)
    covered = page.page.evaluate(
        "scene.stops.map((at) => { goTo(at);"
        " const rect = document.querySelector('.derivative.lit rect'); if (!rect) return 0;"
        " const [x, y, width, height] = ['x', 'y', 'width', 'height']"
        ".map((name) => Number(rect.getAttribute(name)));"
        " const { from, place } = trace.events[at];"
        " const own = scene.linkOf.get(`${from}/${place}`);"
        " const others = scene.labels.under({ x, y, width, height });"
        " return others.filter(({ owner }) => owner !== own).length; })"
    )
    assert sum(covered) == 0


# Sizes


@pytest.mark.parametrize(
    "build",
    [
        worked_example,
        lambda: MLP(2, [3, 1], activation="tanh", rng=0)([0.5, -1.0]).square(),
        lambda: network_loss([3, 2]),
        lambda: network_loss([8, 8, 3]),
        lambda: network_loss([16, 16, 4]),
        lambda: logsumexp([Value(float(i)) for i in range(10)]),
    ],
)
def test_the_first_view_of_a_desktop_shows_everything(
    viewer: Opener, build: Callable[[], Value]
) -> None:
    page = viewer(build())
    assert page.page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [1280, 1280]
    assert page.page.evaluate("document.documentElement.scrollHeight") == 800
    (stage,) = areas(page, "#stage")
    for box in areas(page, "#graph .box, #graph .frame .ground"):
        assert stage.left <= box.left < box.right <= stage.right
        assert stage.top <= box.top < box.bottom <= stage.bottom
    for tool in areas(page, "header button:not([hidden]), #step, #legend, footer > *"):
        assert 0.0 <= tool.left < tool.right <= 1280.0
        assert 0.0 <= tool.top < tool.bottom <= 800.0


def test_steps_of_a_large_graph_are_shown_larger_than_its_whole(viewer: Opener) -> None:
    page = viewer(network_loss([8, 8, 3]))
    whole = page.page.evaluate("scene.zoom")
    page.press("ArrowRight")
    assert page.page.evaluate("scene.zoom") > whole
    page.press("ArrowLeft")
    assert page.page.evaluate("scene.zoom") == whole


def test_neurons_start_as_one_box_where_only_so_all_is_seen(viewer: Opener) -> None:
    loss = MLP(2, [3, 1], activation="tanh", rng=0)([0.5, -1.0]).square()
    assert recorded(replay_page(loss))["collapsed"] is None, "the page decides"
    assert viewer(loss).page.locator(".node.group").count() == 4
    assert viewer(loss, collapse=False).page.locator(".node.group").count() == 0
    assert viewer(worked_example()).page.locator(".node.group").count() == 0


@pytest.mark.parametrize("collapse", [True, False])
def test_the_smallest_letters_can_be_read(viewer: Opener, collapse: bool) -> None:
    page = viewer(network_loss([8, 3]), collapse=collapse)
    page.press("End")
    sizes = page.page.eval_on_selector_all(
        "#graph text", "all => all.map(x => parseFloat(getComputedStyle(x).fontSize) * scene.zoom)"
    )
    assert min(sizes) >= 8.9  # pixels


def test_a_graph_of_more_than_a_few_neurons_starts_collapsed() -> None:
    assert recorded(replay_page(network_loss([4, 1])))["collapsed"]
    assert not recorded(replay_page(worked_example()))["collapsed"]


def test_details_leave_the_loss_and_the_step_in_view(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.fill("#slider", str(STEP_W5))
    page.page.locator(".node.current").click()
    page.page.wait_for_function(f"scene.width * scene.zoom < {DESKTOP[0] - 330}")
    (stage,) = areas(page, "#stage")
    for selector in (".node.current .box", ".node.source .box", ".node.output .box"):
        (box,) = areas(page, selector)
        assert stage.left <= box.left < box.right <= stage.right


def test_fit_fits_a_graph_with_many_leaves(viewer: Opener) -> None:
    model = MLP(64, [4, 1], rng=0)
    page = viewer(model.forward([0.1] * 64)[0].square(), collapse=False)
    assert page.page.evaluate("scene.height") < 5000
    page.page.click("#fit")
    (stage,) = areas(page, "#stage")
    (graph,) = areas(page, "#graph")
    assert stage.left <= graph.left < graph.right <= stage.right
    assert stage.top <= graph.top < graph.bottom <= stage.bottom


def test_nothing_moves_on_a_phone_while_it_plays(viewer: Opener) -> None:
    page = viewer(worked_example(), PHONE)
    heights = set()
    while page.position() < page.last():
        page.press("ArrowRight")
        (view,) = areas(page, "#view")
        heights.add((view.top, view.bottom))
    assert len(heights) == 1


def test_a_phone_starts_at_what_is_computed_first(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss, PHONE)
    first = topological_order(loss).index(trace_forward(loss)[0].node)
    (stage,), (box,) = areas(page, "#stage"), areas(page, f"#n{first} .box")
    assert stage.left <= box.left < box.right <= stage.right


def test_words_are_whole_on_a_phone(viewer: Opener) -> None:
    page = viewer(network_loss([3, 2]), PHONE, title="a long title " * 25)
    clipped = "all => all.filter(x => x.scrollWidth > x.clientWidth + 1 && getComputedStyle(x)"
    clipped += ".overflow !== 'visible').map(x => x.id)"
    assert page.page.eval_on_selector_all(".phases span, button", clipped) == []
    heights = [area.bottom - area.top for area in areas(page, "#legend > *")]
    assert max(heights) < 30.0, "no entry is broken over two lines"
    (stage,) = areas(page, "#stage")
    assert stage.top < 400.0
    assert page.page.get_attribute("h1", "title") == ("a long title " * 25).strip()


def test_a_phone_shows_the_details_of_a_node_that_is_tapped(viewer: Opener) -> None:
    page = viewer(worked_example(), PHONE)
    page.page.locator("#graph .node.parameter").first.click()
    (details,), (footer,) = areas(page, "#details h2"), areas(page, "footer")
    assert details.bottom < footer.top


def test_a_phone_that_lies_shows_the_graph(viewer: Opener) -> None:
    page = viewer(worked_example(), LYING_PHONE)
    page.page.fill("#slider", str(STEP_W5))
    (stage,), (current,) = areas(page, "#stage"), areas(page, ".node.current .box")
    assert stage.bottom - stage.top > 0.6 * LYING_PHONE[1]
    assert stage.right - stage.left > 0.6 * LYING_PHONE[0]
    assert stage.top <= current.top < current.bottom <= stage.bottom
    assert page.page.evaluate("document.documentElement.scrollHeight") == LYING_PHONE[1]


@pytest.mark.parametrize("name", ["漢字" * 12, "L" * 40, "WWWWWWWW", "👩‍🔬" * 20, "i" * 60])
def test_wide_names_stay_in_their_boxes(viewer: Opener, name: str) -> None:
    loss = Value(2.0, label=name) * 3.0
    loss.label = f"{name} 2"
    page = viewer(loss)
    for index in (0, 2):
        (box,), (text,) = areas(page, f"#n{index} .box"), areas(page, f"#n{index} .head")
        assert box.left < text.left < text.right < box.right
    assert name in (page.page.get_attribute("#n0", "aria-label") or "")
    assert "\\u200d" not in (page.page.text_content("body svg") or "")


# Keys, words for screen readers, colors


def test_the_space_bar_selects_the_node_that_has_the_focus(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.focus("#graph [tabindex='0']")
    page.press(" ")
    assert page.page.locator("#details h2").text_content() == "L"
    assert page.page.get_attribute("#play", "aria-label") == "Play"


@pytest.mark.parametrize("button", ["fit", "larger", "theme", "neurons", "first", "last", "play"])
def test_arrows_step_after_a_click_on_a_button(viewer: Opener, button: str) -> None:
    page = viewer(worked_example())
    page.page.fill("#slider", "5")
    page.page.click(f"#{button}")
    before = page.position()
    page.press("ArrowRight" if before < page.last() else "ArrowLeft")
    assert abs(page.position() - before) == 1
    assert page.page.evaluate("document.activeElement.id") == button


def test_space_presses_the_button_that_has_the_focus_once(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.select_option("#speed", "0.5")
    label = "document.querySelector('#play').getAttribute('aria-label')"
    page.page.click("#play")
    assert page.page.evaluate(label) == "Pause"
    page.press(" ")
    assert page.page.evaluate(label) == "Play"
    page.page.fill("#slider", "5")
    page.page.click("#next")
    page.press(" ")
    assert page.position() == 7
    page.page.click("#theme")
    page.press(" ")
    assert page.page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.page.evaluate(label) == "Play"


@pytest.mark.parametrize(("button", "end"), [("next", "End"), ("back", "Home")])
def test_space_on_a_button_that_is_at_its_end_does_nothing(
    viewer: Opener, button: str, end: str
) -> None:
    page = viewer(Value(2.0, label="a") * 3.0)
    page.press("End" if end == "Home" else "Home")
    page.page.focus(f"#{button}")
    page.press(*[" "] * (page.last() + 2))
    assert page.position() == (page.last() if end == "End" else 0)
    assert page.page.evaluate("document.activeElement.id") == button
    assert page.page.get_attribute("#play", "aria-label") == "Play"
    assert page.page.get_attribute(f"#{button}", "aria-disabled") == "true"


def test_the_keys_of_a_menu_are_its_own(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.fill("#slider", "5")
    page.page.focus("#speed")
    page.press("ArrowDown")
    assert page.page.input_value("#speed") == "5"
    page.press("ArrowUp", "ArrowRight", "End", "Home")
    assert page.position() == 5
    page.page.focus("#next")
    page.press("ArrowRight")
    assert page.position() == 6


def test_a_space_bar_that_is_held_down_plays_once(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.select_option("#speed", "0.5")
    page.page.evaluate("document.activeElement.blur()")
    for _ in range(4):  # from the second on it is a repetition
        page.page.keyboard.down(" ")
    page.page.keyboard.up(" ")
    assert page.page.get_attribute("#play", "aria-label") == "Pause"


@pytest.mark.parametrize("focus", ["body", "#next", "#speed", "#slider", "#graph [tabindex='0']"])
def test_the_question_mark_opens_and_closes_the_help(viewer: Opener, focus: str) -> None:
    page = viewer(worked_example())
    if focus != "body":
        page.page.focus(focus)
    help_text = page.page.locator("#help")
    page.press("?")
    assert help_text.is_visible()
    page.press("ArrowRight")
    assert page.position() == 0, "what lies under the help stays as it is"
    page.press("?")
    assert help_text.is_hidden()
    page.press("?", "Escape")
    assert help_text.is_hidden()
    page.press("?")
    page.page.click("#help button")
    assert help_text.is_hidden()


@pytest.mark.parametrize(
    "modifiers", ["shiftKey: true", "", "ctrlKey: true, altKey: true, modifierAltGraph: true"]
)
def test_the_question_mark_is_known_by_what_it_writes(viewer: Opener, modifiers: str) -> None:
    """With Shift, with no other key, or with AltGr: keyboards differ in where it is."""
    page = viewer(worked_example())
    page.page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown',"
        f" {{ key: '?', code: 'Minus', bubbles: true, {modifiers} }}))"
    )
    assert page.page.locator("#help").is_visible()


def test_keys_of_the_browser_stay_with_it(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.press("Control+ArrowRight", "Alt+Home")
    assert page.position() == 0


@pytest.mark.parametrize("key", ["ArrowRight", "ArrowLeft", "Home", "End"])
def test_stepping_by_hand_ends_playing(viewer: Opener, key: str) -> None:
    page = viewer(worked_example())
    page.page.fill("#slider", "5")
    page.page.click("#play")
    assert page.page.get_attribute("#play", "aria-label") == "Pause"
    page.press(key)
    assert page.page.get_attribute("#play", "aria-label") == "Play"


def test_a_screen_reader_hears_what_each_box_is(viewer: Opener) -> None:
    page = viewer(network_loss([2, 1]), collapse=True)
    labels = page.page.eval_on_selector_all(".node", "all => all.map(x => x.ariaLabel)")
    assert any(
        label.startswith("layers.0.neurons.0, neuron, relu(w·x + b), E expands") for label in labels
    )
    assert any(label.startswith("loss, output, ") for label in labels)
    groups = page.page.locator(".node.group")
    assert {group.get_attribute("aria-expanded") for group in groups.all()} == {"false"}


def test_the_help_names_the_keys(viewer: Opener) -> None:
    page = viewer(worked_example())
    page.page.click("#how")
    help_text = page.page.locator("#help")
    assert help_text.is_visible()
    for word in ("Space", "Shift", "Double click", "expand"):
        assert word in (help_text.text_content() or "")
    page.press("Escape")
    assert help_text.is_hidden()


def test_the_signs_in_the_corner_expand_and_collapse(viewer: Opener) -> None:
    page = viewer(network_loss([2, 1]), collapse=True)
    before = page.page.locator(".node").count()
    page.page.locator(".group .switch").first.click()
    assert page.page.locator(".node").count() > before
    page.page.locator(".frame .switch").click()
    assert page.page.locator(".node").count() == before
    assert page.page.locator("#details").is_hidden()


def test_the_slider_has_the_color_of_the_phase(viewer: Opener) -> None:
    page = viewer(worked_example())
    color = "getComputedStyle(byId('slider')).accentColor"
    assert page.page.evaluate(color) == rgb(THEMES["light"].roles["parameter"].ink)
    page.press("End")
    assert page.page.evaluate(color) == rgb(THEMES["light"].gradient)
