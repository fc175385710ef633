"""The book of the course: chapters are run and become pages that need nothing else."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.replaying import BROWSER_ARGUMENTS, BROWSERS
from tests.source_files import ROOT
from tinygrad_mlp._cli import main
from tinygrad_mlp._course import Chapter, _chapters, find_chapters, write_book
from tinygrad_mlp._course._mathml import to_mathml
from tinygrad_mlp.errors import InvalidArgumentError, MissingDependencyError, UnknownNameError

FIRST = """\
# %% [markdown]
# # A & B: the first
#
# You learn nothing, for $x^2 < 1$ and
# *little* more.
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
    told: list[str] = []
    assert write_book(find_chapters(folder=folder), root / "book", told.append) == []
    assert told == ["01_first: A & B: the first", "04_second: The second"]
    assert write_book(find_chapters(folder=folder), root / "again", told.append) == []
    return root / "book"


class Addresses(HTMLParser):
    """What a page asks for."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"src", "href", "data", "poster", "srcset", "action"}:
                self.found.append(value or "")
            if name == "srcdoc":
                self.found += Addresses(value or "").found
        assert tag not in {"link", "object", "embed", "base"}


def page_of(book: Path) -> str:
    return (book / "01_first.html").read_text(encoding="utf-8")


def test_the_pages_ask_for_nothing_from_elsewhere(book: Path) -> None:
    assert Addresses("<a href='https://x.org'><iframe srcdoc='<img src=y>'>").found == [
        "https://x.org",
        "y",
    ]
    names = {path.relative_to(book).as_posix() for path in book.rglob("*")}
    for page in book.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        for address in Addresses(text).found:
            assert address.startswith("data:") or address in names, address
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
    assert page.count("<iframe srcdoc=") == 1
    assert "<pre>True</pre>" in page
    assert page.count("<mi>tanh</mi>") >= 1, "the formula of the Value, not its LaTeX"
    assert "displaystyle " not in page
    assert "Chapter 1<" in page


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
    assert [str(file) for file in files] == [
        "01_first.html",
        "01_first.ipynb",
        "04_second.html",
        "04_second.ipynb",
        "index.html",
        "pictures/01_first-1.svg",
        "pictures/01_first-2.svg",
    ]
    for file in files:
        one, two = ((folder / file).read_bytes() for folder in (book, again))
        times = re.compile(rb"seconds: [0-9.]+")
        assert times.sub(b"", one) == times.sub(b"", two), file
    assert (again / "01_first.html").read_bytes() != (book / "01_first.html").read_bytes()


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


def test_a_picture_is_a_file_too(book: Path) -> None:
    import base64

    picture = (book / "pictures" / "01_first-1.svg").read_bytes()
    assert picture.startswith(b"<svg")
    assert "href='pictures/01_first-1.svg'" in page_of(book)
    assert base64.b64encode(picture).decode() in page_of(book)


def test_the_contents_and_the_ways_lead_from_page_to_page(book: Path) -> None:
    contents = (book / "index.html").read_text(encoding="utf-8")
    assert "<li value='4'><a href='04_second.html'>The second</a><p>You learn more.</p>" in contents
    assert "You learn nothing, for <math" in contents
    first = Addresses(page_of(book)).found
    second = Addresses((book / "04_second.html").read_text(encoding="utf-8")).found
    assert first[:3] == ["index.html", "01_first.ipynb", "04_second.html"]
    assert second[:3] == ["01_first.html", "index.html", "04_second.ipynb"]


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1200, "light"), (1200, "dark")])
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
        page.emulate_media(media="print")
        assert page.get_by_text("It is six.").is_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        browser.close()
    assert ground == ("rgb(20, 24, 31)" if scheme == "dark" else "rgb(255, 255, 255)")
    elsewhere = [url for url in asked if not url.startswith(("file:", "data:", "about:"))]
    assert asked
    assert elsewhere == []


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
    assert "02_second: failed" in printed.out
    assert "table of contents" not in printed.out
    assert sorted(path.name for path in book.glob("*.html")) == ["01_first.html", "index.html"]
    assert "The second" not in (book / "index.html").read_text(encoding="utf-8")


def test_a_cell_that_does_not_end_is_stopped(
    chapters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SECOND.replace("assert 1 + 1 == 3", "import time\ntime.sleep(600)\nassert True")
    (chapters / "01_first.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr("tinygrad_mlp._course._running.LONGEST", 1)
    faults = write_book(find_chapters(folder=chapters), chapters / "book", print)
    assert faults == ["01_first: a cell ran for more than 1 s"]


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
    return [re.split(r"[<>=]", requirement)[0] for requirement in extras["course"]]


@pytest.mark.parametrize("package", course_packages())
def test_a_missing_package_is_named_before_a_chapter_runs(
    package: str, chapters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    told: list[str] = []
    with pytest.raises(MissingDependencyError, match=rf"{package}.*\[course\]"):
        write_book(find_chapters(folder=chapters), chapters / "book", told.append)
    assert told == []
    assert not (chapters / "book").exists()


def test_a_growing_sum_is_one_sign() -> None:
    formula = to_mathml(r"a \mathrel{+}= b", display=True)
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in formula
    assert "<mi>a</mi><mo>+=</mo><mi>b</mi>" in formula
