"""What goes out of the page and comes back: exports, links, and the replay of a sample."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from tests.play.playing import MOONS, Played, playing
from tests.replaying import Tab, Viewer
from viz._play.commands import obey
from viz._play.play_page import play_page
from viz._play.player import Player
from viz._run import messages
from viz._run.run import Run


def trained(n_steps: int = 30) -> Run:
    run = Run(MOONS)
    run.take(n_steps)
    return run


def test_exports_are_downloaded(shared_page: Played) -> None:
    run = trained()
    with shared_page.on(run) as page:
        run = page.run
        for kind in ("python", "json", "onnx", "npz"):
            page.page.click("#open-export")
            with page.page.expect_download() as download:
                page.page.click(f"[data-export={kind}]")
            name, content = run.exported(kind)
            assert download.value.suggested_filename == name
            path = Path(download.value.path())
            if kind == "npz":
                with np.load(path) as found, np.load(io.BytesIO(content)) as wanted:
                    assert {*found} == {*wanted}
            else:
                assert path.read_bytes() == content
            page.wait("(name) => byId('notice-text').textContent.startsWith(name)", name)
            assert page.page.is_hidden("#export")


def test_a_link_restores_the_run(tab: Tab) -> None:
    run = trained()
    with playing(tab, run) as page:
        page.page.evaluate(
            "() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }"
        )
        page.page.click("#open-export")
        page.page.click("#export-link")
        page.wait("() => window.copied !== undefined")
        link = page.page.evaluate("window.copied")
        weights = run.numbers()
        run.take(5)
        run.set("learning_rate", 0.9)
        page.page.goto("about:blank")
        with page.obeyed("restore"):
            page.page.goto(link)
        page.catch_up()
        assert run.step == 30
        assert run.settings == MOONS
        assert (run.numbers() == weights).all()
        assert "#run=" not in page.page.url


def test_a_link_that_cannot_be_copied_is_shown(shared_page: Played) -> None:
    with shared_page.on() as page:
        page.page.evaluate(
            "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }"
        )
        page.page.click("#open-export")
        page.page.click("#export-link")
        page.page.wait_for_selector("#notice input")
        assert "#run=" in page.page.input_value("#notice input")


def test_a_damaged_link_is_said(shared_page: Played) -> None:
    with shared_page.on() as page:
        page.page.evaluate("location.hash = '#run=AAAA'; files.fromAddress()")
        page.page.wait_for_selector("#notice.error")
        assert "copy it again" in page.text("#notice-text")
        assert page.run.step == 0


def test_a_link_that_unpacks_to_too_much_is_refused_unread(shared_page: Played) -> None:
    packing = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    bomb = packing.compress(b" " * 40_000_000) + packing.flush()
    text = base64.urlsafe_b64encode(bomb).decode().rstrip("=")
    with shared_page.on() as page:
        page.page.evaluate(
            "(text) => { location.hash = `#run=${text}`; files.fromAddress(); }", text
        )
        page.page.wait_for_selector("#notice.error")
        assert "more than the 16 MB" in page.text("#notice-text")
        assert "#run=" not in page.page.url


def test_a_file_that_is_too_large_for_a_run_is_refused_unread(page: Played, tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    path.write_bytes(b" " * 16_000_001)
    page.page.set_input_files("#run-file", path)
    page.page.wait_for_selector("#notice.error")
    assert page.text("#notice-text") == "big.json has 16 MB: a run has less than 16 MB."


def test_a_file_restores_the_run(page: Played, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(trained(12).exported("json")[1])
    page.page.click("#open-export")
    with page.obeyed("restore"):
        page.page.set_input_files("#run-file", path)
    page.catch_up()
    assert page.run.step == 12


def click_on_sample(page: Viewer, index: int) -> None:
    x, y = page.page.evaluate(
        """(index) => {
          const { x, y } = plot.placeOf(index);
          return [plot.across(x), plot.down(y)];
        }""",
        index,
    )
    page.page.click("#plot", position={"x": x, "y": y})


def edit_in(page: Viewer, leaf: str, value: float) -> None:
    """Change a number in the replay."""
    frame = page.page.frames[1]
    frame.evaluate(
        "(leaf) => edits.edit(trace.nodes.find((node) => node.leaf === leaf).index)", leaf
    )
    frame.fill("#new-number", str(value))
    frame.press("#new-number", "Enter")


def wait_for_answer(page: Viewer) -> None:
    page.page.frames[1].wait_for_function("() => edits.asked === null")


def loss_in(page: Viewer) -> float:
    """The loss that the replay shows at its end."""
    frame = page.page.frames[1]
    label: str = frame.evaluate(
        "() => { goTo(trace.seedAt); return byId(`n${trace.root}`).getAttribute('aria-label'); }"
    )
    return float(label.partition("data ")[2].partition(",")[0].replace("−", "-"))


def test_a_click_on_a_sample_pauses_and_opens_its_replay(shared_page: Played) -> None:
    run = trained()
    with shared_page.on(run) as page:
        run = page.run
        with page.obeyed("play"):
            page.page.click("#play")
        with page.obeyed("sample"):
            click_on_sample(page, 3)
        page.page.wait_for_selector("#sample iframe")
        page.page.frame_locator("#sample iframe").locator(".node").first.wait_for()
        page.wait("() => !play.frame.playing")
        sample = page.page.evaluate("play.scene.points.sample[3]")
        assert page.text("#sample-name").endswith(", inputs standardized")
        page.wait("() => document.activeElement === samples.frame")
        page.press("ArrowRight")
        page.page.frames[1].wait_for_function("() => position > 0")
        assert loss_in(page) == run.sample_loss(sample).loss.data
        page.page.evaluate(
            """() => new Promise((heard) => {
              addEventListener("message", heard, { once: true });
              postMessage({ kind: "leave" }, "*");
            })"""
        )
        assert page.page.evaluate("byId('sample').open"), "only the frame of the replay is heard"
        page.press("Escape")
        assert page.page.evaluate("byId('sample').open") is False
        assert page.page.locator("#sample iframe").count() == 0


def test_an_edit_in_the_replay_asks_the_engine(shared_page: Played) -> None:
    run = trained()
    with shared_page.on(run) as page:
        run = page.run
        with page.obeyed("sample"):
            click_on_sample(page, 3)
        page.page.frame_locator("#sample iframe").locator(".node").first.wait_for()
        sample = page.page.evaluate("play.scene.points.sample[3]")
        weights = run.numbers()
        for leaf, value in (("x:1", 0.75), ("p:2", -1.5)):
            with page.obeyed("sample") as response:
                edit_in(page, leaf, value)
            wait_for_answer(page)
        command = response.value.request.post_data_json
        inputs = [None, 0.75]
        assert command == {
            "do": "sample",
            "index": sample,
            "inputs": inputs,
            "weights": {"2": -1.5},
        }
        wanted = run.sample_loss(sample, inputs, {2: -1.5}).loss.data
        assert loss_in(page) == wanted
        assert (run.numbers() == weights).all(), "the training has its own weights"


class Notebook:
    """The side of a notebook that the widget's page talks to."""

    def __init__(self, viewer: Viewer, run: Run) -> None:
        self.viewer, self.run, self.player = viewer, run, Player(run)
        viewer.page.evaluate(
            """() => {
              window.asked = [];
              addEventListener("message", ({ data }) => data.command && asked.push(data));
            }"""
        )

    def tell(self, message: dict[str, Any]) -> None:
        self.viewer.page.evaluate(
            "(message) => postMessage({ tinygrad_mlp_play: 0, message }, '*')", message
        )

    def answer(self) -> str:
        """Obey the next command of the page; its name."""
        self.viewer.page.wait_for_function("() => asked.length > 0")
        asked = self.viewer.page.evaluate("asked.shift()")
        answer = obey(self.run, self.player, asked["command"])
        self.viewer.page.evaluate(
            "([id, answer]) => postMessage({ tinygrad_mlp_play: id, answer }, '*')",
            [asked["tinygrad_mlp_play"], json.loads(json.dumps(answer))],
        )
        return str(asked["command"]["do"])


def test_the_page_in_a_notebook_asks_the_notebook(tab: Tab, tmp_path: Path) -> None:
    path = tmp_path / "widget.html"
    path.write_text(play_page("widget"))
    run = trained()
    viewer = Viewer(tab.cleared((1280, 800)))
    viewer.listen()
    viewer.page.goto(path.as_uri())
    notebook = Notebook(viewer, run)
    notebook.tell(messages.scene(run))
    notebook.tell(messages.frame(run))
    viewer.page.wait_for_selector("body[data-step='30']")
    viewer.page.click("#step")
    assert notebook.answer() == "step"
    assert run.step == 31
    click_on_sample(viewer, 3)
    assert notebook.answer() == "sample"
    viewer.page.frame_locator("#sample iframe").locator(".node").first.wait_for()
    sample = viewer.page.evaluate("play.scene.points.sample[3]")
    assert loss_in(viewer) == run.sample_loss(sample).loss.data
    edit_in(viewer, "x:0", 0.5)
    assert notebook.answer() == "sample"
    wait_for_answer(viewer)
    assert loss_in(viewer) == run.sample_loss(sample, [0.5, None]).loss.data
    viewer.page.click("#sample-close")
    viewer.page.click("#open-export")
    with viewer.page.expect_download() as download:
        viewer.page.click("[data-export=json]")
        assert notebook.answer() == "export"
    assert Path(download.value.path()).read_bytes() == run.exported("json")[1]
    viewer.close()
    assert viewer.complaints == []
    assert [url for url in viewer.requests if not url.startswith(("blob:", path.as_uri()))] == []
