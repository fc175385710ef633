"""Runs tests on a copy of the tree in which one file is edited.

A process that has imported the large packages once, and nothing of ours, forks for each edit; the
child imports ours from the copy. So do the processes that tests start.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from tests.mutation.covering import Recorder
from tests.mutation.edits import Edit

__all__ = ["NOT_FOUND", "OUT_OF_TIME", "RESULTS", "Child", "Copy", "prepare"]

_LEFT_OUT: Final = shutil.ignore_patterns(
    ".[!g]*",
    ".git",
    ".github",
    "__pycache__",
    "*.egg-info",
    "build",
    "dist",
    "venv*",
    "demo_output",
    "train_output",
)
_OURS: Final = ("tests", "tinygrad_mlp", "viz")
_MOST_MEMORY: Final = 6 << 30

OUT_OF_TIME: Final = -1000
NOT_FOUND: Final = 4
"""What pytest says of a test that is no longer there."""
RESULTS: Final = {0: "survived", OUT_OF_TIME: "timeout"}
"""By exit status; any other one means that the edit was found."""


def prepare(root: Path) -> None:
    """Set what the tests run under, and import what they import and is slow to import."""
    # Where CI is set, Hypothesis draws the same examples in every run.
    os.environ.update(CI="true", MPLBACKEND="Agg", PYTHONDONTWRITEBYTECODE="1")
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[threads] = "1"
    text = "".join([file.read_text(encoding="utf-8") for file in root.glob("tests/**/*.py")])
    for name in ("pytest", "hypothesis", "hypothesis.strategies", "numpy", "torch"):
        if f"import {name}" in text or f"from {name} import" in text:
            importlib.import_module(name)


@dataclass
class Child:
    """A process that runs tests.

    Attributes:
        pid: its number.
        limit: how many seconds of a processor it may take; of the clock, five times as many.
        log: where it writes which test failed.
        seconds: of a processor, when it has ended.
    """

    pid: int
    limit: float
    log: Path
    seconds: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def poll(self) -> int | None:
        """Its exit status, None while it runs, or ``OUT_OF_TIME``."""
        if time.monotonic() - self.started > 5 * self.limit:
            self._end()
            return OUT_OF_TIME
        return self._ended(os.WNOHANG)

    def wait(self) -> int:
        """Wait until it ends."""
        while (status := self.poll()) is None:
            time.sleep(0.05)
        return status

    def failed(self) -> str:
        """The first test that failed."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return text.partition("\n")[0]

    def _ended(self, flag: int) -> int | None:
        pid, status, usage = os.wait4(self.pid, flag)
        if not pid:
            return None
        self.seconds = usage.ru_utime + usage.ru_stime
        self._end_group()
        out_of_time = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
        return OUT_OF_TIME if out_of_time else os.waitstatus_to_exitcode(status)

    def _end(self) -> None:
        self._end_group()
        self._ended(0)

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


class Copy:
    """A copy of the tree in a folder for itself, which goes when the ``with`` block ends.

    Args:
        root: the work tree; it is only read.
    """

    def __init__(self, root: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="m"))
        self.root = self.folder / "t"  # short, as places in the source are printed
        shutil.copytree(root, self.root, ignore=_LEFT_OUT)
        self._edited: tuple[Path, str, os.stat_result] | None = None

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def apply(self, edit: Edit) -> None:
        """Make the edit; byte code compiled before is not taken for it, nor is new one written."""
        file = self.root / edit.module
        source, status = file.read_text(encoding="utf-8"), file.stat()
        self._edited = (file, source, status)
        file.write_text(edit.applied_to(source), encoding="utf-8")
        os.utime(file, (status.st_atime + 10, status.st_mtime + 10))

    def restore(self) -> None:
        """Take it back."""
        if self._edited is not None:
            file, source, status = self._edited
            file.write_text(source, encoding="utf-8")
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
            self._edited = None

    def output(self) -> str:
        """What the last run wrote."""
        return (self.folder / "output").read_text(encoding="utf-8")

    def start(self, tests: Sequence[str], limit: float, covering: Path | None = None) -> Child:
        """Run tests, up to the first failure, in a process of its own.

        Args:
            tests: the files, or single tests.
            limit: how many seconds of a processor it may take.
            covering: a file to write which test runs which lines.
        """
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        pid = os.fork()
        if not pid:
            self._run(tests, log, limit, covering)
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        return Child(pid, limit, log)

    def _run(
        self, tests: Sequence[str], log: Path, limit: float, covering: Path | None
    ) -> NoReturn:
        status = 70
        try:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))
            resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
            os.chdir(self.root)
            for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
                del sys.modules[name]
            sys.path[:] = [str(self.root), *[p for p in sys.path if p and not _is_tree(p)]]
            os.environ["PYTHONPATH"] = str(self.root)
            sys.dont_write_bytecode = self._edited is not None
            with (self.folder / "output").open("w") as output:
                for stream in (1, 2):
                    os.dup2(output.fileno(), stream)
                recorders = [Recorder(self.root, covering)] if covering else []
                status = _pytest(tests, log, self.folder / "files", recorders)
        finally:
            os._exit(status)


def _is_tree(folder: str) -> bool:
    return (Path(folder) / "tinygrad_mlp" / "__init__.py").exists()


def _pytest(tests: Sequence[str], log: Path, files: Path, recorders: list[Recorder]) -> int:
    import pytest
    from hypothesis import Phase, settings

    class Plugin:
        """Keeps the examples the same, and writes down what failed and how long files took."""

        def pytest_sessionstart(self) -> None:
            """After the settings of conftest.py, before any test is made."""
            phases = (Phase.explicit, Phase.generate)
            settings.register_profile(
                "mutation", settings.default, phases=phases,
                derandomize=True, database=None, report_multiple_bugs=False,
            )  # fmt: skip
            settings.load_profile("mutation")

        def pytest_collectreport(self, report: pytest.CollectReport) -> None:
            if report.failed:
                self._note(report.nodeid)

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                self._note(report.nodeid)

        def _note(self, what: str) -> None:
            with log.open("a", encoding="utf-8") as file:
                file.write(what + "\n")

    options = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={files}"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    # File by file, as collecting them all takes longer than finding most edits.
    for file in [tests] if tests and "::" in tests[0] else [[file] for file in tests]:
        status = int(pytest.main([*options, *file], plugins=[Plugin(), *recorders]))
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return status
    for recorder in recorders:
        recorder.write()
    return 0
