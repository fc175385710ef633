"""The book of the course: chapters are run and become pages that need nothing else."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.course.reading import Addresses
from tests.replaying import BROWSER_ARGUMENTS, BROWSERS, rgb
from tests.source_files import ROOT
from tinygrad_mlp._cli import main
from tinygrad_mlp._course import Chapter, Run, _chapters, find_chapters, write_book
from tinygrad_mlp._course._mathml import to_mathml
from tinygrad_mlp.errors import InvalidArgumentError, MissingDependencyError, UnknownNameError
from viz._scene.darkening import darkened
from viz._style.themes import THEMES

FIRST = """\
# %% [markdown]
# # A & B: the first
#
# You learn nothing, for $x^2 < 1$ and
# *little* more. Nor is it long.
#
# $$\\\\begin{align*} a &= b \\\\\\\\ c &= d \\\\end{align*}$$

# %%
import sys
from time import perf_counter

import viz
from tinygrad_mlp import MLP, Value
from tinygrad_mlp.debug import latex, trace_backward

a = Value(2.0, label="a")
loss = (a * 3.0).tanh()
print("one & <two>")
print("three", file=sys.stdout, flush=True)
assert loss.data < 1.0, "tanh stays below 1"

# %%
viz.draw(loss)

# %%
viz.plots.weight_images(MLP(4, [1], rng=0), image_shape=(2, 2))

# %%
viz.replay(loss)

# %%
latex(loss)

# %%
trace_backward(loss).latex()

# %%
loss.data < 1

# %% tags=["measured"]
print("seconds:", perf_counter())

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Long: $a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q + r + s = t + u$.

# %% [markdown] tags=["answer"]
# It is six.

# %% tags=["answer"]
print(2 * 3)
""".replace("\\\\", "\\")

SECOND = """\
# %% [markdown]
# # The second
#
# You learn more.

# %%
assert 1 + 1 == 3, "one and one are three"
"""

THIRD = SECOND.replace("The second", "The third").replace(
    'assert 1 + 1 == 3, "one and one are three"', "fine = 1\nfine + missing"
)


@pytest.fixture
def chapters(tmp_path: Path) -> Path:
    """A folder in a tree of the same shape as ours, with one chapter."""
    folder = tmp_path / "examples" / "course"
    folder.mkdir(parents=True)
    (folder / "01_first.py").write_text(FIRST, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book of that chapter, and of one after it that holds."""
    root = tmp_path_factory.mktemp("tree")
    folder = root / "examples" / "course"
    folder.mkdir(parents=True)
    (folder / "01_first.py").write_text(FIRST, encoding="utf-8")
    (folder / "04_second.py").write_text(SECOND.replace("== 3", "== 2"), encoding="utf-8")
    told: list[Run] = []
    runs = write_book(find_chapters(folder=folder), root / "book", told.append, darkened)
    assert told == runs
    assert [(run.chapter.name, run.fault) for run in runs] == [("01_first", ""), ("04_second", "")]
    write_book(find_chapters(folder=folder), root / "again", told.append, darkened)
    return root / "book"


def page_of(book: Path) -> str:
    return (book / "01_first.html").read_text(encoding="utf-8")


def test_the_pages_ask_for_nothing_from_elsewhere(book: Path) -> None:
    assert Addresses("<a href='https://x.org'><iframe srcdoc='<img src=y>'>").found == [
        "https://x.org",
        "y",
    ]
    pages = list(book.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for address in Addresses(text).found:
            if not address.startswith("data:"):
                file = (page.parent / address.partition("#")[0]).resolve()
                assert file.is_relative_to(book.resolve()), address
                assert file.is_file(), address
        assert "@import" not in text
        assert re.findall(r"url\((?!#)", text) == []
        assert re.findall(r"<script[^>]*\bsrc", text) == []


def test_a_page_has_text_mathml_code_output_picture_and_replay(book: Path) -> None:
    page = page_of(book)
    assert "<h1>A &amp; B: the first</h1>" in page
    assert "<title>A &amp; B: the first · " in page
    assert "<em>little</em>" in page
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in page
    assert page.count("<mtable") == 2
    assert "$" not in re.sub(r"<iframe.*?</iframe>", "", page, flags=re.DOTALL)
    assert "<pre>one &amp; &lt;two&gt;\nthree\n</pre>" in page, "lines of output in one piece"
    assert re.findall("<img alt='([^']*)'", page) == ["computation graph", "A picture"]
    assert page.count("<source media='screen and (prefers-color-scheme: dark)'") == 1
    assert page.count("<figure class=dark>") == page.count("<figure>") == 1
    assert page.count("<iframe srcdoc=") == 1
    assert "<pre>True</pre>" in page
    assert page.count("<mi>tanh</mi>") >= 1, "the formula of the Value, not its LaTeX"
    assert "displaystyle " not in page
    assert "Chapter 1<" in page
    lengths = re.findall(r"<div class='(short|long)'><div class=\"code\">", page)
    assert lengths == ["long", *["short"] * 8]


def test_an_answer_is_folded_up_and_a_measured_time_marked(book: Path) -> None:
    page = page_of(book)
    (answer,) = re.findall(r"<details class='answer'>(.*?)</details>", page, re.DOTALL)
    assert "It is six." in answer
    assert "<pre>6\n</pre>" in answer
    assert "Exercise 1" not in answer
    (measured,) = re.findall(r"<div class='output measured'>(.*?)</div>", page, re.DOTALL)
    assert measured.startswith("<pre>seconds: ")


def test_the_book_has_the_same_bytes_each_time(book: Path) -> None:
    again = book.parent / "again"
    files = sorted(path.relative_to(book) for path in book.rglob("*") if path.is_file())
    assert [str(file) for file in files if file.parts[0] != "api"] == [
        "01_first.html",
        "01_first.ipynb",
        "04_second.html",
        "04_second.ipynb",
        "frames/01_first-1.html",
        "index.html",
        "pictures/01_first-1.svg",
        "pictures/01_first-2.svg",
    ]
    assert book / "api" / "index.html" in book.rglob("*")
    for file in files:
        one, two = (without_times(folder / file) for folder in (book, again))
        assert one == two, file
    assert (again / "01_first.html").read_bytes() != (book / "01_first.html").read_bytes()


def without_times(file: Path) -> str:
    """The text of a file, with nothing where a page or a notebook has what was measured."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            if "measured" in cell["metadata"].get("tags", ()):
                cell["outputs"] = []
        return json.dumps(notebook)
    marked = r"(<(div|span) class='[a-z ]*measured'>).*?</\2>"
    return re.sub(marked, r"\1", text, flags=re.DOTALL)


def test_the_notebook_is_valid_and_has_its_output(book: Path) -> None:
    import nbformat

    text = (book / "01_first.ipynb").read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells][:2] == ["cell-0", "cell-1"]
    assert notebook.cells[1].outputs[0].text == "one & <two>\nthree\n"
    assert json.loads(text)["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
    }


def test_the_notebook_runs_in_a_kernel_as_it_is(book: Path, tmp_path: Path) -> None:
    """As a person has it who downloads it: by itself, in another folder."""
    import nbformat
    from nbclient import NotebookClient

    text = (book / "01_first.ipynb").read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    client = NotebookClient(
        notebook,
        timeout=120,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})
    shown = ["".join(output.get("data", ())) for output in notebook.cells[2].outputs]
    assert notebook.cells[1].outputs[0].text.startswith("one & <two>\n")
    assert any("image/svg+xml" in data for data in shown)


def test_a_picture_is_a_file_too(book: Path) -> None:
    picture = (book / "pictures" / "01_first-1.svg").read_bytes()
    assert picture.startswith(b"<svg")
    assert "href='pictures/01_first-1.svg'" in page_of(book)
    assert base64.b64encode(picture).decode() in page_of(book)


def test_a_page_in_a_frame_is_a_file_too(book: Path) -> None:
    framed = (book / "frames" / "01_first-1.html").read_text(encoding="utf-8")
    assert framed.startswith("<!DOCTYPE html>")
    assert html.escape(framed) in page_of(book)
    assert "<a href='frames/01_first-1.html'>open or print by itself</a>" in page_of(book)


def test_the_contents_and_the_ways_lead_from_page_to_page(book: Path) -> None:
    contents = (book / "index.html").read_text(encoding="utf-8")
    assert "<li value='4'><a href='04_second.html'>The second</a><p>You learn more.</p>" in contents
    assert "You learn nothing, for <math" in contents
    assert "Nor is it long" not in contents, "one sentence of the first paragraph"
    times = re.findall(r"runs in <span class='measured'>(\d+) s</span>", contents)
    assert len(times) == 2
    assert "api/index.html" in Addresses(contents).found
    assert "01_first.ipynb" in Addresses(contents).found
    first = Addresses(page_of(book)).found
    second = Addresses((book / "04_second.html").read_text(encoding="utf-8")).found
    assert first[:4] == ["index.html", "01_first.ipynb", "api/index.html", "04_second.html"]
    assert second[:4] == ["01_first.html", "index.html", "04_second.ipynb", "api/index.html"]
    assert "api/tinygrad_mlp.engine.html#Value" in first, "the code leads to the reference"


@pytest.mark.parametrize(
    ("width", "scheme"), [(360, "light"), (390, "dark"), (1200, "light"), (1200, "dark")]
)
def test_a_browser_shows_a_page_without_moving_sideways(
    book: Path, width: int, scheme: str
) -> None:
    reason = "the package 'playwright' is missing: python -m pip install playwright"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("there is no Chromium: install your system's package 'chromium'")
    asked: list[str] = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        page.goto((book / "01_first.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert page.locator("iframe").bounding_box()["height"] > 500
        assert not page.get_by_text("It is six.").is_visible()
        drawing = page.locator("figure.dark img")
        shown = base64.b64decode(drawing.evaluate("x => x.currentSrc").partition(",")[2]).decode()
        card = page.locator("figure.dark").evaluate("x => getComputedStyle(x).backgroundColor")
        plot = page.locator("figure:not(.dark)").evaluate(
            "x => getComputedStyle(x).backgroundColor"
        )
        page.emulate_media(media="print")
        assert page.locator("iframe").bounding_box()["height"] > 850, "a sheet of paper"
        assert not page.locator("nav").first.is_visible()
        assert page.get_by_text("It is six.").is_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        browser.close()
    assert ground == ("rgb(20, 24, 31)" if scheme == "dark" else "rgb(255, 255, 255)")
    theme = THEMES[scheme]
    assert f'fill="{theme.background}"' in shown
    assert card == rgb(theme.background), "the drawing stands on its own ground"
    assert plot == "rgb(255, 255, 255)", "what matplotlib made stands on a light card"
    elsewhere = [url for url in asked if not url.startswith(("file:", "data:", "about:"))]
    assert asked
    assert elsewhere == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_contents_and_the_reference(book: Path, scheme: str) -> None:
    reason = "the package 'playwright' is missing: python -m pip install playwright"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("there is no Chromium: install your system's package 'chromium'")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme=scheme)
        for file in [book / "index.html", *sorted((book / "api").glob("*.html"))]:
            page.goto(file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == 360, file.name
        browser.close()


def test_a_claim_that_does_not_hold_fails_by_name(
    chapters: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (chapters / "02_second.py").write_text(SECOND, encoding="utf-8")
    (chapters / "03_third.py").write_text(THIRD, encoding="utf-8")
    monkeypatch.setattr(_chapters, "FOLDER", chapters)
    book = chapters / "book"
    assert main(["course", "--out", str(book)]) == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "error: 02_second: this does not hold: one and one are three",
        "error: 03_third: NameError: name 'missing' is not defined in the line: fine + missing",
    ]
    assert re.search(r"^ +\d+\.\d s  02_second: failed$", printed.out, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d s  01_first: A & B: the first$", printed.out, re.MULTILINE)
    assert "table of contents" not in printed.out
    assert sorted(path.name for path in book.glob("*.html")) == ["01_first.html", "index.html"]
    assert "The second" not in (book / "index.html").read_text(encoding="utf-8")


def test_a_chapter_that_warns_fails(
    chapters: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    warns = SECOND.replace(
        "assert 1 + 1 == 3", "import warnings; warnings.warn('too old'); assert True"
    )
    assert warns != SECOND
    (chapters / "02_second.py").write_text(warns, encoding="utf-8")
    monkeypatch.setattr(_chapters, "FOLDER", chapters)
    assert main(["course", "2", "--out", str(chapters / "book")]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: 02_second: it prints a warning: ")
    assert error.endswith("UserWarning: too old")


@pytest.mark.parametrize(
    ("seconds", "warnings"),
    [
        ((20.0, 20.0), []),
        ((20.04, 1.0), ["01_first took 20.0 s; a chapter should take at most 20 s"]),
        (
            (31.5, 120.0),
            [
                "01_first took 31.5 s; a chapter should take at most 20 s",
                "02_second took 120.0 s; a chapter should take at most 20 s",
                "the chapters took 151.5 s; all together should take at most 150 s",
            ],
        ),
    ],
)
def test_the_command_prints_times_and_warns_of_what_takes_too_long(
    seconds: tuple[float, float],
    warnings: list[str],
    chapters: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (chapters / "02_second.py").write_text(SECOND, encoding="utf-8")
    monkeypatch.setattr(_chapters, "FOLDER", chapters)

    def written(
        found: list[Chapter],
        folder: Path,
        told: Callable[[Run], object],
        in_dark: Callable[[str], str | None],
    ) -> list[Run]:
        assert in_dark is darkened
        runs = [Run(chapter, time, "") for chapter, time in zip(found, seconds, strict=True)]
        for run in runs:
            told(run)
        return runs

    monkeypatch.setattr("tinygrad_mlp._cli.course.write_book", written)
    assert main(["course", "--out", str(chapters / "book")]) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [f"warning: {warning}" for warning in warnings]
    assert printed.out.splitlines() == [
        f"{seconds[0]:5.1f} s  01_first: A & B: the first",
        f"{seconds[1]:5.1f} s  02_second: The second",
        f"{sum(seconds):5.1f} s  2 chapters together",
        f"{chapters / 'book' / 'index.html'} is the table of contents",
    ]


def test_the_time_of_one_chapter_is_not_added_up(
    chapters: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_chapters, "FOLDER", chapters)

    def written(found: list[Chapter], folder: Path, **told: Callable[[Run], object]) -> list[Run]:
        (run,) = runs = [Run(chapter, 1.5, "") for chapter in found]
        told["told"](run)
        return runs

    monkeypatch.setattr("tinygrad_mlp._cli.course.write_book", written)
    assert main(["course", "1", "--out", str(chapters / "book")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "  1.5 s  01_first: A & B: the first",
        f"{chapters / 'book' / 'index.html'} is the table of contents",
    ]


def test_the_time_of_a_chapter_is_that_of_its_own_work(chapters: Path) -> None:
    text = SECOND.replace("== 3", "== 2").replace("assert", "sum(range(20_000_000))\nassert")
    (chapters / "02_works.py").write_text(text, encoding="utf-8")
    text = SECOND.replace("== 3", "== 2").replace("assert", "import time\ntime.sleep(3)\nassert")
    (chapters / "03_waits.py").write_text(text, encoding="utf-8")
    _, works, waits = write_book(find_chapters(folder=chapters), chapters / "book")
    assert 0.1 < waits.seconds < works.seconds, "waiting takes nothing of a core"


def test_a_cell_that_does_not_end_is_stopped(
    chapters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SECOND.replace("assert 1 + 1 == 3", "import time\ntime.sleep(600)\nassert True")
    (chapters / "01_first.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr("tinygrad_mlp._course._running.LONGEST", 1)
    (run,) = write_book(find_chapters(folder=chapters), chapters / "book")
    assert run.fault == "01_first: a cell ran for more than 1 s"


def test_the_command_takes_numbers_and_names_of_chapters(chapters: Path) -> None:
    for name in ("02_second.py", "13_third.py", "notes.py", "2_old.py"):
        (chapters / name).write_text(SECOND, encoding="utf-8")

    def names(*wanted: str) -> list[str]:
        return [chapter.name for chapter in find_chapters(wanted, chapters)]

    assert names() == ["01_first", "02_second", "13_third"]
    assert names("13", "01_first") == ["01_first", "13_third"]
    assert names("2", "02", "02_second.py") == ["02_second"]
    with pytest.raises(UnknownNameError, match=r"no chapter '3'; there are 01_first, 02_second, 1"):
        names("3")


def test_a_file_that_does_not_begin_as_a_chapter_is_named(tmp_path: Path) -> None:
    for text in ('"""A docstring."""\n', "# %% [markdown]\n# Text.\n", "# %% [markdown]\n# # T\n"):
        (tmp_path / "01_first.py").write_text(text, encoding="utf-8")
        with pytest.raises(InvalidArgumentError, match=r"01_first\.py does not begin as a chapter"):
            Chapter(tmp_path / "01_first.py").title  # noqa: B018


def test_the_package_alone_says_where_the_chapters_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_chapters, "FOLDER", tmp_path / "examples" / "course")
    assert main(["course", "--out", str(tmp_path / "book")]) == 2
    assert "run this command in a checkout of the project" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_chapters_are_looked_for_beside_the_package() -> None:
    assert _chapters.FOLDER == ROOT / "examples" / "course"
    assert find_chapters()[0].file.parent == _chapters.FOLDER


def course_packages() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        extras = tomllib.load(stream)["project"]["optional-dependencies"]
    names = [re.split(r"[<>=]", requirement)[0] for requirement in extras["course"]]
    return [name for name in names if not name.startswith("tinygrad-mlp[")]


@pytest.mark.parametrize("package", course_packages())
def test_a_missing_package_is_named_before_a_chapter_runs(
    package: str, chapters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    told: list[Run] = []
    with pytest.raises(MissingDependencyError, match=rf"{package}.*\[course\]"):
        write_book(find_chapters(folder=chapters), chapters / "book", told.append)
    assert told == []
    assert not (chapters / "book").exists()


def test_a_growing_sum_is_one_sign() -> None:
    formula = to_mathml(r"a \mathrel{+}= b", display=True)
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in formula
    assert "<mi>a</mi><mo>+=</mo><mi>b</mi>" in formula


def test_a_function_stands_apart_from_what_it_is_taken_of() -> None:
    space = "<mspace width='0.17em'></mspace>"
    assert f"<mi>log</mi>{space}<mi>p</mi>" in to_mathml(r"t \log p")
    assert f"<mi>log</mi>{space}<msub>" in to_mathml(r"\log a_k")
    assert space not in to_mathml(r"\tanh(z) + \tanh^2 a + \log x \cdot 2".replace("x", "(x)"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One. You learn $x.y$ and\n# more? Expect it.", "You learn $x.y$ and more?"),
        ("What is it? You learn e.g. this.", "You learn e.g. this."),
        ("First. Second.", "First. Second."),
    ],
)
def test_the_contents_have_the_sentence_of_what_one_learns(
    text: str, sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / "01_first.py"
    file.write_text(f"# %% [markdown]\n# # Title\n#\n# {text}\n", encoding="utf-8")
    assert Chapter(file).sentence == sentence
