"""Every chapter of the course has the parts that a chapter has; ``tests/course`` runs them."""

from __future__ import annotations

import ast
import re

import pytest

from tests.source_files import ROOT
from tinygrad_mlp._course import Chapter, find_chapters

CHAPTERS = find_chapters()


@pytest.fixture(params=CHAPTERS, ids=[chapter.name for chapter in CHAPTERS])
def chapter(request: pytest.FixtureRequest) -> Chapter:
    found: Chapter = request.param
    return found


def test_every_claim_has_a_name(chapter: Chapter) -> None:
    tree = ast.parse(chapter.file.read_text(encoding="utf-8"))
    claims = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert len(claims) >= 3
    for claim in claims:
        assert claim.msg is not None, f"{chapter.file}:{claim.lineno}: say what does not hold"


def test_a_chapter_ends_with_exercises_whose_answers_are_checked(chapter: Chapter) -> None:
    cells = chapter.notebook().cells
    kinds = [
        "answer" if "answer" in cell.metadata.get("tags", ()) else cell.cell_type for cell in cells
    ]
    (start,) = [i for i, cell in enumerate(cells) if "## Exercises\n" in f"{cell.source}\n"]
    assert "answer" not in kinds[:start]
    assert kinds[-1] == "answer"
    exercises = [cell.source for cell, kind in zip(cells, kinds) if kind != "answer"][start:]
    asked = sum([exercise.count("### Exercise ") for exercise in exercises])
    checked = [
        cell
        for cell, kind in zip(cells, kinds)
        if kind == "answer" and cell.cell_type == "code" and "assert " in cell.source
    ]
    assert len(checked) == asked >= 2


def test_a_chapter_has_a_title_a_summary_and_a_picture(chapter: Chapter) -> None:
    assert chapter.title[0].isupper()
    assert "You learn" in chapter.summary
    assert "viz." in chapter.file.read_text(encoding="utf-8")


def test_a_chapter_refers_to_chapters_that_are_there(chapter: Chapter) -> None:
    text = chapter.file.read_text(encoding="utf-8")
    asked = {int(number) for number in re.findall(r"chapter (\d+)", text)}
    assert asked <= {other.number for other in CHAPTERS}


def test_no_two_chapters_have_one_place() -> None:
    numbers = [chapter.number for chapter in CHAPTERS]
    assert numbers == sorted(set(numbers))


def test_the_readme_names_every_chapter() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [x.name for x in CHAPTERS if f"(examples/course/{x.name}.py)" not in readme]
    assert missing == []
