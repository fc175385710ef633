"""The page for contributors shows what the code prints."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).parent.parent / "CONTRIBUTING.md"


def test_the_walk_through_the_compiler_prints_what_the_page_says() -> None:
    failed, attempted = doctest.testfile(str(PAGE), module_relative=False)
    assert attempted > 10
    assert failed == 0
