"""Every example runs from start to end, without a warning, and writes only where it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.running import run_python
from tests.source_files import ROOT

EXAMPLES: Final = {path.name: path for path in sorted((ROOT / "examples").glob("*.py"))}
RUN_ELSEWHERE: Final = {
    "distributed_search.py",  # by tests/distributed, with a process killed
    "gallery.py",  # by tests/test_gallery.py, which looks at its pictures too
}


def test_there_are_examples() -> None:
    assert set(EXAMPLES) > RUN_ELSEWHERE


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - RUN_ELSEWHERE))
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    output, elsewhere = tmp_path / "output", tmp_path / "elsewhere"
    elsewhere.mkdir()
    printed = run_python("-W", "error", EXAMPLES[name], output, folder=elsewhere)
    assert printed.strip(), "an example shows something"
    assert list(elsewhere.iterdir()) == [], "an example writes into the folder it is given"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_opens_as_a_notebook(name: str) -> None:
    text = EXAMPLES[name].read_text(encoding="utf-8")
    assert text.startswith(('"""', "# %%"))
    assert text.count("\n# %%") >= 1
