"""The walked session of the examples: its transcripts are what is really printed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.running import run_python
from tests.source_files import ROOT

EXAMPLE = ROOT / "examples" / "debug_session.py"


def without_places(text: str) -> str:
    """The text without folders and line numbers, which every installation has its own of.

    Python 3.13 and later open the debugger at the call, and earlier ones at the line after it.
    """
    text = re.sub(r"\S*?(\w+\.py)[:(]\d+\)?", r"\1", text)
    return re.sub(r"(stopped_by\(\))\n-> .*", r"\1", text)


def transcripts() -> dict[str, str]:
    """The strings of the example that show a session, by the names that they are assigned to."""
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    return {
        ast.unparse(node.targets[0]): node.value.value
        for node in assigned
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    return run_python("-W", "error", EXAMPLE, folder=tmp_path_factory.mktemp("example"))


@pytest.mark.parametrize("name", ["TERMINAL", "PYTHON_DEBUGGER", "AT_A_BREAKPOINT"])
def test_what_a_person_types_and_sees_is_what_is_printed(name: str, printed: str) -> None:
    assert without_places(transcripts()[name]) in without_places(printed)


def test_the_commands_of_the_terminal_give_the_same_there(tmp_path: Path) -> None:
    lines = transcripts()["TERMINAL"].splitlines()
    commands = [line.removeprefix("(step) ") for line in lines if line.startswith("(step) ")]
    script = tmp_path / "script.py"
    script.write_text(
        "import io, sys\n"
        "from tinygrad_mlp.cli.main import main\n"
        f"sys.stdin = io.StringIO({chr(10).join(commands)!r})\n"
        "sys.exit(main(['step']))\n"
    )
    unbroken = without_places(run_python("-W", "error", script, folder=tmp_path))
    words = without_places(transcripts()["TERMINAL"]).split()
    assert unbroken.split() == words
