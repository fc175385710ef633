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
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from tests.mutation.edits import Edit

__all__ = ["Child", "Copy", "prepare"]

_LEFT_OUT: Final = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "venv*", "demo_output", "train_output"
)
_OURS: Final = ("tests", "tinygrad_mlp", "viz")
_MOST_MEMORY: Final = 6 << 30


def prepare() -> None:
    """Set what the tests run under, and import what is slow to import."""
    # Where CI is set, Hypothesis draws the same examples in every run.
    os.environ.update(CI="true", MPLBACKEND="Agg", PYTHONDONTWRITEBYTECODE="1")
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[threads] = "1"
    for name in ("numpy", "torch", "pytest", "hypothesis", "hypothesis.strategies"):
        importlib.import_module(name)


@dataclass
class Child:
    """A process that runs tests.

    Attributes:
        pid: its number.
        started: when.
        log: where it writes which test failed.
    """

    pid: int
    started: float
    log: Path

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started

    def end(self) -> None:
        """End it, and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Copy:
    """A copy of the tree in a folder for itself, which goes when the ``with`` block ends.

    Args:
        root: the work tree; it is only read.
    """

    def __init__(self, root: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mutation-"))
        self.root = self.folder / "tree"
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

    def start(self, tests: Sequence[str], write_bytecode: bool = False) -> Child:
        """Run tests, up to the first failure, in a process of its own."""
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        pid = os.fork()
        if not pid:
            self._run(tests, log, write_bytecode)
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        return Child(pid, time.monotonic(), log)

    def _run(self, tests: Sequence[str], log: Path, write_bytecode: bool) -> NoReturn:
        status = 70
        try:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
            os.chdir(self.root)
            for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
                del sys.modules[name]
            sys.path[:] = [str(self.root), *[p for p in sys.path if p and not _is_tree(p)]]
            os.environ["PYTHONPATH"] = str(self.root)
            sys.dont_write_bytecode = not write_bytecode
            with (self.folder / "output").open("w") as output:
                for stream in (1, 2):
                    os.dup2(output.fileno(), stream)
                status = _pytest(tests, log, self.folder / "files")
        finally:
            os._exit(status)


def _is_tree(folder: str) -> bool:
    return (Path(folder) / "tinygrad_mlp" / "__init__.py").exists()


def _pytest(tests: Sequence[str], log: Path, files: Path) -> int:
    import pytest
    from hypothesis import Phase, settings

    class Plugin:
        """Keeps the examples the same, and writes down what failed and how long files took."""

        def pytest_sessionstart(self) -> None:
            """After the settings of conftest.py, before any test is made."""
            phases = (Phase.explicit, Phase.generate)
            settings.register_profile(
                "mutation", settings.get_profile("without-deadline"), phases=phases,
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
    return int(pytest.main([*options, *tests], plugins=[Plugin()]))
