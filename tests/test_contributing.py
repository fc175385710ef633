"""The page for contributors shows what the code prints."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from tests.source_files import ROOT

PAGE = Path(__file__).parent.parent / "CONTRIBUTING.md"


def test_the_walk_through_the_compiler_prints_what_the_page_says() -> None:
    failed, attempted = doctest.testfile(str(PAGE), module_relative=False)
    assert attempted > 10
    assert failed == 0


def test_the_reading_path_is_short_and_made_of_whole_files() -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## A reading path") : text.index("## Layout")]
    files = re.findall(r"^\d\. \[`(\S+\.py)`\]\((\S+)\)", section, flags=re.MULTILINE)
    assert len(files) == len(re.findall(r"^\d\. ", section, flags=re.MULTILINE)) >= 5
    assert all(name == target for name, target in files)
    lengths = [len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name, _ in files]
    assert sum(lengths) <= 900, f"{lengths} of {files}"
