"""A real notebook, executed, converted to HTML and opened in a browser: everything is seen."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.running import run_python

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

CELLS: Final = {
    "start": """
        import viz
        from tinygrad_mlp import MLP, Value, compile, fit
        from tinygrad_mlp.data import load_iris, make_moons
        X, y = make_moons(60, noise=0.2, rng=0)
        model = MLP(2, [3, 1], activation="tanh", rng=0)
        history = fit(model, X, y, epochs=5, rng=0, log_every=None)
        program = compile(lambda x, t: (model(x) - t) ** 2, model.parameters(), per_sample=True)
        cost = program(X, y)
        a, b = Value(2.0, label="first leaf"), Value(-3.0, label="b")
        out = (a * b + 10.0).tanh()
        out.backward()""",
    "value": "out",
    "model": "model",
    "history": "history",
    "data": "load_iris()",
    "program": "program",
    "drawing": 'viz.draw(out, theme="dark")',
    "wide": 'viz.draw((MLP(3, [4, 4, 1], rng=0)([a, b, a]) - 1.0) ** 2, detail="ops")',
    "plot": "viz.plots.decision_boundary(model, X, y, resolution=30)",
    "replay": "viz.replay(out)",
}


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The HTML of the executed notebook."""
    missing = [name for name in ("nbconvert", "ipykernel") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{missing[0]} is missing: python -m pip install {' '.join(missing)}")
    folder = tmp_path_factory.mktemp("notebook")
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": name,
            "metadata": {},
            "outputs": [],
            "source": "\n".join(line.strip() for line in text.strip().splitlines()),
        }
        for name, text in CELLS.items()
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "course.ipynb").write_text(json.dumps(content), encoding="utf-8")
    run_python("-m", "nbconvert", "--execute", "--to", "html", "course.ipynb", folder=folder)
    return folder / "course.html"


@pytest.fixture(scope="module")
def page(browser: Browser, notebook: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    opened = context.new_page()
    context.route("http*://**", lambda route: route.abort())  # scripts for mathematics
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(notebook.as_uri(), wait_until="domcontentloaded")
    yield opened
    context.close()
    assert [text for text in complaints if "MathJax" not in text and "require" not in text] == []


def output(page: Page, name: str) -> Any:
    """What stands below a cell."""
    return page.locator(f"#cell-id\\={name} .jp-OutputArea-output").first


@pytest.mark.parametrize(
    "name", ["value", "model", "history", "program", "drawing", "wide", "plot"]
)
def test_a_picture_is_seen(page: Page, name: str) -> None:
    box = output(page, name).locator("svg, img").first.bounding_box()
    assert box is not None
    assert box["width"] > 150
    assert box["height"] > 50
    assert box["x"] + box["width"] < 1100  # not wider than its cell


def test_a_picture_shows_the_words_of_what_it_is_of(page: Page) -> None:
    expected = {
        "value": "first leaf",
        "model": "layer 1",
        "history": "epoch",
        "program": "matrix product",
        "plot": "x2",
    }
    for name, words in expected.items():
        picture = output(page, name).locator("svg, img").first
        source = picture.get_attribute("src")  # a picture, or the letters in the page itself
        if source is None:
            content = picture.text_content() or ""
        else:
            content = b64decode(source.removeprefix("data:image/svg+xml;base64,")).decode()
        assert words in content, name


def test_texts_stand_below_the_picture(page: Page) -> None:
    model = output(page, "model").locator("details")
    assert not model.locator("pre").is_visible()
    model.locator("summary").click()
    assert "layers.0  Layer, tanh" in model.locator("pre").inner_text()
    assert model.locator("pre").is_visible()
    lines = output(page, "program").locator("details").last
    assert "def run(X0, X1):" in lines.locator("pre").inner_text()
    assert lines.locator("pre").is_visible()
    assert "monospace" in str(
        lines.locator("pre").evaluate("element => getComputedStyle(element).fontFamily")
    )


def test_a_data_set_is_a_table(page: Page) -> None:
    rows = output(page, "data").locator("tr").all_inner_texts()
    assert rows[1].split("\t") == ["sepal length (cm)", "4.3", "5.843", "7.9", "0.8253"]
    assert rows[-1].split("\t") == ["virginica", "50"]


def test_words_have_the_color_of_the_notebook_around_them(page: Page) -> None:
    page.evaluate("document.body.style.background = '#111'; document.body.style.color = '#eee'")
    for name in ("data", "model"):
        part = output(page, name)
        part.evaluate("element => element.style.color = 'rgb(238, 238, 238)'")
        color = part.locator("div").first.evaluate("element => getComputedStyle(element).color")
        ground = part.locator("div").first.evaluate(
            "element => getComputedStyle(element).backgroundColor"
        )
        assert (color, ground) == ("rgb(238, 238, 238)", "rgba(0, 0, 0, 0)")


def frame_of(page: Page) -> Frame:
    element = page.locator("iframe[srcdoc]")
    element.scroll_into_view_if_needed()
    frame = element.element_handle().content_frame()
    assert frame is not None
    return frame


def test_the_replay_steps_inside_its_frame(page: Page) -> None:
    frame = frame_of(page)
    frame.wait_for_selector("#slider")
    box = page.locator("iframe[srcdoc]").bounding_box()
    assert box is not None
    assert (round(box["height"]), box["width"] > 700) == (642, True)  # and its border
    assert "Start" in frame.inner_text("body")
    frame.focus("#slider")
    for number in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        assert frame.input_value("#slider") == str(number)
        assert f"Forward, {number} of 3" in frame.inner_text("body")
    assert "0.9993" in frame.inner_text("body")
    page.keyboard.press("End")
    assert "Backward" in frame.inner_text("body")


def test_the_frame_reaches_nothing_of_the_notebook(page: Page) -> None:
    frame = frame_of(page)
    asked = "() => { try { return parent.document.title } catch (error) { return error.name } }"
    assert frame.evaluate(asked) == "SecurityError"
    assert page.locator("iframe[srcdoc]").get_attribute("sandbox") == "allow-scripts"
