"""Every chapter of the course runs as a script and holds what it claims.

They take half a minute, so they run when they are named: python -m pytest tests/course
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running import run_python
from tinygrad_mlp._course import Chapter, find_chapters


@pytest.mark.parametrize("chapter", find_chapters(), ids=lambda chapter: chapter.name)
def test_a_chapter_holds_what_it_claims(chapter: Chapter, tmp_path: Path) -> None:
    printed = run_python("-W", "error", chapter.file, folder=tmp_path)
    assert printed.strip(), "a chapter shows something"
    assert list(tmp_path.iterdir()) == [], "a chapter writes no files"
