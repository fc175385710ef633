"""Every example runs from start to end, without a warning, and writes only where it is told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running import run_python
from tests.source_files import ROOT

EXAMPLES = sorted(
    path
    for path in (ROOT / "examples").glob("*.py")
    if path.name != "distributed_search.py"  # tests/distributed runs it, with a process killed
)


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_an_example_runs(example: Path, tmp_path: Path) -> None:
    output, elsewhere = tmp_path / "output", tmp_path / "elsewhere"
    elsewhere.mkdir()
    printed = run_python("-W", "error", example, output, folder=elsewhere)
    assert printed.strip(), "an example shows something"
    assert list(elsewhere.iterdir()) == [], "an example writes into the folder it is given"


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_an_example_opens_as_a_notebook(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert text.startswith(('"""', "# %%"))
    assert text.count("\n# %%") >= 1
