"""Which tests run which lines, so that those which touch an edit run first.

It is measured once with the coverage package (``pip install coverage``) and may be old: it only
says what runs first. What survives these tests meets all tests of its package as before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.mutation.edits import Edit

if TYPE_CHECKING:
    import pytest

__all__ = ["Covering", "Recorder"]

_MOST_TESTS: Final = 60
_MOST_SECONDS: Final = 15.0
"""How many of the tests that touch an edit run before the others, and how long."""


class Recorder:
    """A plugin of pytest that records which test runs which lines.

    Args:
        root: the tree that is run.
        path: the file to write at the end.
    """

    def __init__(self, root: Path, path: Path) -> None:
        import coverage

        self._root = root
        self._path = path
        sources = [str(root / "tinygrad_mlp"), str(root / "viz")]
        self._coverage = coverage.Coverage(data_file=None, source=sources, config_file=False)
        self._seconds: dict[str, float] = {}
        self._coverage.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A part of it ended: its preparation, itself, or the tidying up."""
        test = report.nodeid
        self._seconds[test] = self._seconds.get(test, 0.0) + report.duration

    def write(self) -> None:
        """Write the file."""
        self._coverage.stop()
        data = self._coverage.get_data()
        tests = sorted(self._seconds)
        numbers = {test: number for number, test in enumerate(tests)}
        lines: dict[str, dict[int, list[int]]] = {}
        for file in data.measured_files():
            found = lines[str(Path(file).relative_to(self._root))] = {}
            for line, contexts in data.contexts_by_lineno(file).items():
                found[line] = sorted(numbers[name] for name in contexts if name in numbers)
        seconds = [round(self._seconds[test], 4) for test in tests]
        self._path.write_text(json.dumps({"tests": tests, "seconds": seconds, "lines": lines}))


class Covering:
    """What a ``Recorder`` wrote.

    Args:
        found: what was in its file, or nothing.
    """

    def __init__(self, found: dict[str, Any]) -> None:
        self._tests: list[str] = found.get("tests", [])
        self._seconds: list[float] = found.get("seconds", [])
        self._lines: dict[str, dict[str, list[int]]] = found.get("lines", {})

    @classmethod
    def read(cls, path: Path) -> Covering:
        """Of a file; empty where there is none."""
        return cls(json.loads(path.read_text(encoding="utf-8")) if path.exists() else {})

    def tests_of(self, edit: Edit) -> list[str]:
        """The tests that touch the edit, the quickest first, for some seconds.

        A line that runs at import, such as a constant, is touched by all tests of its module.

        >>> lines = {"a.py": {"1": [], "2": [1, 0]}}
        >>> covering = Covering({"tests": ["t::a", "t::b"], "seconds": [2.0, 1.0], "lines": lines})
        >>> covering.tests_of(Edit("a.py", "f", "constant", 0, "1", "2", 2, "x = 1"))
        ['t::b', 't::a']
        >>> covering.tests_of(Edit("b.py", "f", "constant", 0, "1", "2", 2, "x = 1"))
        []
        """
        module = self._lines.get(edit.module, {})
        touching = {n for line in _lines(edit) for n in module.get(str(line), [])}
        return self._some(touching or {n for numbers in module.values() for n in numbers})

    def _some(self, numbers: Iterable[int]) -> list[str]:
        taken: list[str] = []
        total = 0.0
        for number in sorted(numbers, key=lambda number: self._seconds[number]):
            total += self._seconds[number]
            if len(taken) == _MOST_TESTS or (taken and total > _MOST_SECONDS):
                break
            taken.append(self._tests[number])
        return taken


def _lines(edit: Edit) -> range:
    return range(edit.line, edit.line + 1 + edit.old.count("\n"))
