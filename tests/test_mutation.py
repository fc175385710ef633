"""The tool that makes wrong edits finds what no test finds; on a small tree of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.mutation import records
from tests.mutation.edits import drawn, edits_of
from tests.source_files import ROOT

SOURCE: Final = '''"""Sizes of things."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized

__all__ = ["area", "is_long"]


def is_long(x: "Sized", least: "int | None" = None) -> bool:
    """Whether there are 3 or more."""
    assert x is not None
    return len(x) >= 3


def area(a: float, b: float) -> float:
    """a * b"""
    if a < 0.0:
        raise ValueError(f"a is {a + 0.0}, which is less than " + "0")
    return a * b
'''

TESTS: Final = """from tinygrad_mlp.compiler.sizes import area, is_long


def test_both():
    assert area(2.0, 3.0) == 6.0
    assert is_long([1, 2, 3, 4, 5]) and not is_long([])
"""

NOTICED: Final = {
    "a < 0.0 -> a > 0.0", "a < 0.0 -> True", "a * b -> a / b", "return a * b -> return None",
    "return len(x) >= 3 -> return None", "len(x) >= 3 -> len(x) < 3",
    "len(x) >= 3 -> len(x) <= 3", "3 -> -3",
}  # fmt: skip
UNNOTICED: Final = {
    "a < 0.0 -> False",
    "a < 0.0 -> a <= 0.0",
    "0.0 -> 1.0",
    'raise ValueError(f"a is {a + 0.0}, which is less than " + "0") -> pass',
    "len(x) >= 3 -> len(x) > 3",
    "3 -> 4",
    "3 -> 2",
}


def test_edits_leave_out_what_no_test_should_hold() -> None:
    changes = {edit.change for edit in edits_of(SOURCE, "sizes.py")}
    assert changes - NOTICED == UNNOTICED


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("x = a if b else c", "b -> False"),
        ("x = not a", "not a -> a"),
        ("x = a and b", "a and b -> a or b"),
        ("x = a and b", "a and b -> b"),
        ("x = a[1:]", "1: -> :"),
        ("x = f(a, key=b)", "f(a, key=b) -> f(a)"),
        ("x = f(a, b)", "f(a, b) -> f(b, a)"),
        ("x = f(a, b)", "f(a, b) -> f(a)"),
        ("x = [a for a in b if a > c]", "a > c -> True"),
        ("x = min(a)", "min -> max"),
        ("x += a", "x += a -> pass"),
        ("x.y = a", "x.y = a -> pass"),
        ("for a in b: continue", "continue -> break"),
        ("while a: f()", "a -> False"),
        ("x = 2.5", "2.5 -> (-2.5)"),
        ("x = True", "True -> False"),
    ],
)
def test_each_kind_of_edit_is_found_and_can_be_made(source: str, change: str) -> None:
    edits = {edit.change: edit for edit in edits_of(source, "a.py")}
    edited = edits[change].applied_to(source)
    assert edited != source
    compile(edited, "a.py", "exec")


def test_the_same_seed_draws_the_same_edits_none_twice() -> None:
    edits = edits_of(SOURCE, "sizes.py")
    some = drawn(edits, 5, "7")
    assert some == drawn(edits, 5, "7") != drawn(edits, 5, "8")
    places = [(edit.start, edit.old) for edit in drawn(edits, 100, "7")]
    assert len(places) == len(set(places)) > 5


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name, text in {
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = ['--doctest-modules']\n",
        "tinygrad_mlp/__init__.py": "",
        "tinygrad_mlp/compiler/__init__.py": "",
        "tinygrad_mlp/compiler/sizes.py": SOURCE,
        "tests/__init__.py": "",
        "tests/test_compiler_sizes.py": TESTS,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def run(tree: Path, *options: str) -> str:
    """What the command prints; it fails, as something survives."""
    arguments = ["--package", "compiler", "--root", tree, "--results", tree / "results.jsonl"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.mutation", *map(str, arguments), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert ran.returncode == 1 and not ran.stderr, ran.stdout + ran.stderr
    return ran.stdout


def test_it_finds_what_no_test_finds_and_goes_on_where_it_was_cut(tree: Path) -> None:
    source, results = tree / "tinygrad_mlp/compiler/sizes.py", tree / "results.jsonl"
    kinds = ["--kind", "guard", "--kind", "arithmetic", "--kind", "comparison"]
    first = run(tree, *kinds)
    assert re.search(r"killed .*a \* b -> a / b", first)
    assert re.search(r"survived .*a < 0.0 -> False", first)
    assert source.read_text(encoding="utf-8") == SOURCE
    lines = results.read_text(encoding="utf-8").splitlines(keepends=True)
    assert len(lines) == 3

    results.write_text("".join(lines[:2]) + lines[2][:20], encoding="utf-8")  # cut as it wrote
    argued = tree / "argued.toml"
    second = run(tree, *kinds)
    assert len(re.findall("^(killed|survived) ", second, flags=re.MULTILINE)) == 1
    assert second.splitlines()[-2:] == first.splitlines()[-2:]

    argued.write_text(
        """[[edit]]
        module = "tinygrad_mlp/compiler/sizes.py"
        where = "area"
        line = "if a < 0.0:"
        change = "a < 0.0 -> False"
        reason = "an example"
        """,
        encoding="utf-8",
    )
    third = run(tree, *kinds, "--argued", str(argued), "--list-survivors")
    made, killed, survived, by_argument = map(int, third.splitlines()[-1].split()[1:5])
    assert (made, by_argument) == (3, 1)
    assert made == killed + survived + by_argument
    assert "\n-    return len(x) >= 3\n+    return len(x) > 3" in third
    assert "-    if a < 0.0:\n+    if False:" not in third


def test_the_tests_that_touch_an_edit_run_first(tree: Path) -> None:
    pytest.importorskip("coverage")
    for letter in "abc":  # these touch the module and find nothing
        file = tree / f"tests/test_compiler_{letter}.py"
        text = "from tinygrad_mlp.compiler.sizes import is_long\n\n\ndef test_it():\n"
        file.write_text(text + "    assert is_long([1, 2, 3])\n", encoding="utf-8")
    one = ["--kind", "arithmetic"]
    run_one = run(tree, *one, "--cover", "--quick", "--count", "9", "--kind", "guard")
    assert re.search(r"killed .*a \* b -> a / b", run_one)
    assert re.search(r"survived .*a < 0.0 -> False", run_one)
    found = json.loads((tree / "compiler.covering.json").read_text(encoding="utf-8"))
    lines = found["lines"]["tinygrad_mlp/compiler/sizes.py"]
    touching = {line: [found["tests"][n] for n in numbers] for line, numbers in lines.items()}
    line_of = SOURCE.splitlines().index("    return a * b") + 1
    assert touching[str(line_of)] == ["tests/test_compiler_sizes.py::test_both"]
    assert len(touching[str(SOURCE.splitlines().index("    return len(x) >= 3") + 1)]) == 4
    by = [json.loads(line)["by"] for line in (tree / "results.jsonl").read_text().splitlines()]
    assert sorted(by) == ["", "tests/test_compiler_sizes.py::test_both"]


def test_a_test_that_is_no_longer_there_finds_nothing(tree: Path) -> None:
    gone = {"tests": ["tests/test_compiler_gone.py::test_it"], "seconds": [0.1]}
    lines = {"tinygrad_mlp/compiler/sizes.py": {str(n): [0] for n in range(1, 40)}}
    file = tree / "compiler.covering.json"
    file.write_text(json.dumps({**gone, "lines": lines}), encoding="utf-8")
    printed = run(tree, "--kind", "guard", "--kind", "arithmetic")
    assert re.search(r"killed .*a \* b -> a / b", printed)
    assert re.search(r"survived .*a < 0.0 -> False", printed)


def test_each_argument_is_about_an_edit_that_can_be_made() -> None:
    argued = set(records.read_argued())
    there_are = set()
    for module in {module for module, *_ in argued}:
        source = (ROOT / module).read_text(encoding="utf-8")
        there_are.update([edit.key for edit in edits_of(source, module)])
    assert argued <= there_are, "the code has changed: take these out, or say what they are now"
