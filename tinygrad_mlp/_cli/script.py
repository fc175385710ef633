"""A person's script, run for the Values in it: its errors are told in its own lines."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tinygrad_mlp._frames import is_ours
from tinygrad_mlp._text import visible

__all__ = ["PersonsScript"]


class PersonsScript:
    """A file that is run as ``python FILE.py`` would.

    Args:
        file: the script.

    Attributes:
        ending: how it ended before its last line, for a message; "" if it did not.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "mine.py")
    ...     _ = file.write_text("a = 1; import sys; sys.exit(0); b = 2")
    ...     script = PersonsScript(file)
    ...     names = script.run()
    >>> names["a"], "b" in names, script.ending
    (1, False, ' (it ended with sys.exit(0))')
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.ending = ""
        self._module = ModuleType("__main__")
        self._module.__file__ = str(file)

    def run(self) -> dict[str, Any]:
        """Its names after it has run, or after it has called ``sys.exit``.

        Raises:
            SystemExit: with 2, if it failed, its traceback printed.
        """
        names = vars(self._module)
        with self._as_main():
            exec(compile(self.file.read_bytes(), str(self.file), "exec"), names)
        return names

    def call(self, function: Callable[[], Any]) -> Any:
        """What one of its functions returns; None after ``sys.exit``.

        Raises:
            SystemExit: with 2, if it failed, its traceback printed.
        """
        with self._as_main():
            return function()

    @contextmanager
    def _as_main(self) -> Iterator[None]:
        arguments, path, main = sys.argv, sys.path[:], sys.modules["__main__"]
        sys.argv = [str(self.file)]
        sys.path.insert(0, str(self.file.resolve().parent))
        sys.modules["__main__"] = self._module
        try:
            yield
        except SystemExit as error:
            code = "" if error.code is None else repr(error.code)
            self.ending = f" (it ended with sys.exit({code}))"
        except Exception as error:
            report = traceback.TracebackException.from_exception(error)
            _drop_our_frames(report)
            print(visible("".join(report.format()), lines=True), end="", file=sys.stderr)
            raise SystemExit(2) from error
        finally:
            sys.argv, sys.path[:] = arguments, path
            sys.modules["__main__"] = main


def _drop_our_frames(report: traceback.TracebackException) -> None:
    """Leave the person's lines in a traceback, and in those of the errors behind it."""
    for each in (report.__cause__, report.__context__):
        if each is not None:
            _drop_our_frames(each)
    theirs = [frame for frame in report.stack if not is_ours(frame.filename)]
    report.stack = traceback.StackSummary.from_list(theirs)
