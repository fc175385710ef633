"""The pictures at the top of the README: each is what the line beside it makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

from tests.running import run_python
from tests.source_files import ROOT

GALLERY: Final = ROOT / "examples" / "gallery"
SCRIPT: Final = ROOT / "examples" / "gallery.py"
ROW: Final = re.compile(
    r"^\| `(viz\.[^`]*)` \| !\[([^\]]+)\]\(examples/gallery/([\w.]+)\) \|$", re.MULTILINE
)
NUMBER: Final = re.compile(r"^[-\u2212]?\d+(\.\d+)?(e[-+]?\d+)?$")
TEXT: Final = "{http://www.w3.org/2000/svg}text"


def rows() -> list[tuple[str, str, str]]:
    """The line, what the picture is called, and its file."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## What it looks like\n")[2]
    return ROW.findall(section.partition("\n## ")[0])


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pictures that the script makes now."""
    folder = tmp_path_factory.mktemp("gallery")
    printed = run_python("-W", "error", SCRIPT, folder / "new", folder=folder)
    assert printed.strip(), "an example shows something"
    return folder / "new"


def words(picture: Path) -> list[str]:
    """Every text of an SVG."""
    root = ElementTree.fromstring(picture.read_bytes())
    return ["".join(element.itertext()).strip() for element in root.iter(TEXT)]


def differences(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    """The texts that are not the same; numbers may differ in their last digit.

    A training ends with other last digits on another processor.
    """
    assert len(old) == len(new)
    for one, other in zip(old, new):
        if NUMBER.match(one) and NUMBER.match(other):
            first, second = (float(x.replace("\u2212", "-")) for x in (one, other))
            if first == pytest.approx(second, rel=0.01, abs=1e-12):
                continue
        if one != other:
            yield one, other


def test_there_are_seven_pictures_beside_the_lines_that_make_them() -> None:
    found = rows()
    assert len(found) == 7
    lines = [line.strip() for line in SCRIPT.read_text("utf-8").splitlines()]
    for line, name, file in found:
        assert lines.count(line) == 1, f"{line} is no line of {SCRIPT.name}"
        assert f'"{Path(file).stem}.' in line or file == "replay.png"
        assert len(name) > 20
    assert {file for _, _, file in found} == {path.name for path in GALLERY.iterdir()}


@pytest.mark.parametrize("file", sorted(path.name for path in GALLERY.iterdir()))
def test_a_picture_has_less_than_120_kilobytes(file: str) -> None:
    assert 5_000 < (GALLERY / file).stat().st_size < 120_000


@pytest.mark.parametrize("file", sorted(path.name for path in GALLERY.glob("*.svg")))
def test_a_picture_is_what_its_line_makes_today(file: str, remade: Path) -> None:
    """Words and numbers: where they stand hangs on the versions of Graphviz and matplotlib."""
    old, new = (sorted(words(folder / file)) for folder in (GALLERY, remade))
    assert len(old) > 10
    assert list(differences(old, new)) == [], "python examples/gallery.py makes them anew"


@pytest.mark.parametrize(
    ("picture", "page", "size"),
    [("replay.png", "backprop.html", (1100, 700)), ("training.png", "training.html", (1280, 800))],
)
def test_a_browser_takes_the_picture_of_a_page(
    picture: str, page: str, size: tuple[int, int], remade: Path
) -> None:
    assert not (remade / page).exists()
    if not (remade / picture).exists():
        pytest.skip("there is no Chromium: install your system's package 'chromium'")
    for folder in (GALLERY, remade):
        header = (folder / picture).read_bytes()[16:24]
        assert (int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")) == size
    assert (remade / picture).stat().st_size > 5_000


def test_the_script_writes_only_into_the_folder_that_it_is_given(remade: Path) -> None:
    assert list(remade.parent.iterdir()) == [remade]


def test_a_changed_picture_is_found() -> None:
    assert list(differences(["w", "0.5"], ["w", "0.501"])) == []
    assert list(differences(["w", "0.5"], ["w", "0.51"])) == [("0.5", "0.51")]
    assert list(differences(["w1"], ["w2"])) == [("w1", "w2")]
