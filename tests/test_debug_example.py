"""The walked session of the examples: its transcripts are what is really printed."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.running import run_python
from tests.source_files import ROOT

EXAMPLE = ROOT / "examples" / "debug_session.py"


def without_places(text: str) -> str:
    """The text without line numbers, which a comment in the code may change.

    Python 3.13 and later open the debugger at the call, and earlier ones at the line after it.
    """
    text = re.sub(r"(\w+\.py)[:(]\d+\)?", r"\1", text)
    return re.sub(r"(stopped_by\(\))\n-> .*", r"\1", text)


def without_folders(text: str, root: Path) -> str:
    """The text with the bare names of the package's files, wherever it lies."""
    return re.sub(re.escape(str(root / "tinygrad_mlp")) + r"\S*/(?=\w+\.py)", "", text)


def transcripts() -> dict[str, str]:
    """The strings of the example that show a session, by the names that they are assigned to."""
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    return {
        ast.unparse(node.targets[0]): node.value.value
        for node in assigned
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


@pytest.fixture(scope="module", params=["as it is", "far down"])
def printed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the example prints: of this checkout, and of one whose path is long and has spaces."""
    folder, root = tmp_path_factory.mktemp("example"), ROOT
    if request.param == "far down":
        root = folder / "a course on neural networks" / "with a folder for each of its weeks" / "1"
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("tinygrad_mlp", "examples"):
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
    script = folder / "run.py"
    script.write_text(
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(root)!r})\n"
        f"runpy.run_path({str(root / 'examples' / EXAMPLE.name)!r})\n"
    )
    return without_folders(run_python("-W", "error", script, folder=folder), root)


@pytest.mark.parametrize("name", ["TERMINAL", "PYTHON_DEBUGGER", "AT_A_BREAKPOINT"])
def test_what_a_person_types_and_sees_is_what_is_printed(name: str, printed: str) -> None:
    assert without_places(transcripts()[name]) in without_places(printed)


def test_the_commands_of_the_terminal_give_the_same_there(tmp_path: Path) -> None:
    lines = transcripts()["TERMINAL"].splitlines()
    commands = [line.removeprefix("(step) ") for line in lines if line.startswith("(step) ")]
    script = tmp_path / "script.py"
    script.write_text(
        "import io, sys\n"
        "from tinygrad_mlp._cli import main\n"
        f"sys.stdin = io.StringIO({chr(10).join(commands)!r})\n"
        "sys.exit(main(['step']))\n"
    )
    printed = without_folders(run_python("-W", "error", script, folder=tmp_path), ROOT)
    unbroken = without_places(printed)
    words = without_places(transcripts()["TERMINAL"]).split()
    assert unbroken.split() == words
