"""A console's way of reading: at a terminal with history and completion, else as a script.

``CommandLoop`` is ``cmd.Cmd`` with short names of commands, errors in one line, and a count of
those that could not be done, which becomes an exit code.
"""

from __future__ import annotations

import cmd
import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import IO, ClassVar

from tinygrad_mlp._text import visible
from tinygrad_mlp.debug._wrapping import wrapped
from tinygrad_mlp.errors import TinygradMLPError

__all__ = ["CommandLoop"]


class CommandLoop(cmd.Cmd):
    r"""Reads commands until one of them says stop, or the input ends.

    At a terminal there are a prompt, history (kept in ``~/.tinygrad_mlp_history``) and completion
    with Tab. Otherwise the commands are echoed, lines that start with # are comments, and a command
    that fails is told with its line; the others run all the same.

    Args:
        stdin: where commands come from.
        stdout: where the answers go.
        width: the number of columns to which answers are broken; by default that of the terminal,
            and elsewhere no limit, so that one answer is one line.

    Attributes:
        failures: how many commands could not be done.
        on_terminal: whether a person types.
        opening: commands that are done before the first that is read.

    >>> import io
    >>> loop = CommandLoop(stdin=io.StringIO("dance\n"))
    >>> loop.run()
    (step) dance
    line 1: unknown command 'dance'; 'help' lists the commands
    >>> loop.failures
    1
    """

    prompt = "(step) "
    greeting = ""
    short_names: ClassVar[Mapping[str, str]] = {}
    repeatable: ClassVar[Set[str]] = frozenset()
    """The commands that Enter alone does again."""

    def __init__(
        self,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
        width: int | None = None,
    ) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        self.failures = 0
        self.on_terminal = self.stdin.isatty() and self.stdout.isatty()
        self.use_rawinput = self.on_terminal
        self.opening: Sequence[str] = ()
        self._line_number = 0
        self._again = ""
        self._width = width

    @classmethod
    def commands(cls) -> list[str]:
        """The commands that there are, in the order in which they are written."""
        written: dict[str, None] = {}
        for name in [name for each in reversed(cls.mro()) for name in vars(each)]:
            if name.startswith("do_"):
                written.pop(name, None)  # one that is written anew stands there
                written[name] = None
        return [name.removeprefix("do_") for name in written]

    def completenames(self, text: str, *ignored: object) -> list[str]:
        """The commands that continue what is typed."""
        return [name for name in self.commands() if name.startswith(text)]

    @property
    def width(self) -> int | None:
        """The number of columns to which answers are broken; None for no limit."""
        if self._width is None and self.on_terminal:
            return shutil.get_terminal_size().columns
        return self._width

    @property
    def colors(self) -> bool:
        """Whether answers may be colored: on a terminal, unless NO_COLOR is set."""
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return self.on_terminal and not plain

    def run(self) -> None:
        """Read and do commands."""
        if isinstance(self.stdin, io.TextIOWrapper) and self.stdin.errors == "strict":
            self.stdin.reconfigure(errors="backslashreplace")  # an escape is no name, and is shown
        if not self.on_terminal:
            self._run_script()
            return
        self.say(self.greeting)
        for text in self.opening:
            self.onecmd(text)
        with _readline():
            while True:
                try:
                    self.cmdloop()
                    return
                except KeyboardInterrupt:
                    self.say("")

    def _run_script(self) -> None:
        for text in self.opening:
            self.say(f"{self.prompt}{visible(text)}")
            self.onecmd(text)
        for line in self.stdin:
            self._line_number += 1
            text = line.strip()
            if text and not text.startswith("#"):
                self.say(f"{self.prompt}{visible(text)}")
                if self.onecmd(text):
                    return

    def onecmd(self, line: str) -> bool:
        """Do one command; what goes wrong in it is told in one line."""
        if line == "EOF":  # what ``cmd`` makes of Ctrl-D
            self.say("")
            return True
        name, _, rest = line.strip().partition(" ")
        full = self.short_names.get(name, name)
        text = f"{full} {rest.strip()}".strip()
        try:
            stop = bool(super().onecmd(text))
            if full in self.repeatable:
                self._again = text
            return stop
        except (TinygradMLPError, OSError) as error:
            self.fail(" ".join(str(error).split()))
            return False

    def emptyline(self) -> bool:
        """Enter alone does the last command again that moved; without one it does nothing."""
        return self.onecmd(self._again) if self._again else False

    def default(self, line: str) -> None:
        """Refuse a command that there is not."""
        name = line.partition(" ")[0]
        close = get_close_matches(name.lower(), self.commands())
        hint = f"did you mean {close[0]!r}? " if close else ""
        self.fail(f"unknown command {name!r}; {hint}'help' lists the commands")

    def fail(self, message: str) -> None:
        """Tell that a command could not be done, and count it."""
        self.failures += 1
        place = "" if self.on_terminal or not self._line_number else f"line {self._line_number}: "
        text = f"{place}{message}"
        self.say(f"\033[31m{text}\033[0m" if self.colors else text)

    def can_write(self, text: str) -> bool:
        """Whether the output has all characters of a text.

        >>> import io
        >>> output = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
        >>> CommandLoop(stdin=io.StringIO(), stdout=output).can_write("w₂₁⁽¹⁾")
        False
        """
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            return False
        return True

    @property
    def _encoding(self) -> str:
        return getattr(self.stdout, "encoding", None) or "utf-8"

    def say(self, text: str, *, whole: bool = False) -> None:
        """Write lines, each broken to the width, unless they are to stay whole."""
        width = None if whole else self.width
        for line in _encodable(text, self._encoding).split("\n"):
            self.stdout.write("".join(f"{part}\n" for part in wrapped(line, width)))
        self.stdout.flush()


def _encodable(text: str, encoding: str) -> str:
    """The text in the characters that the output has; many of Windows have no ≈."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.replace("≈", "~").encode(encoding, "replace").decode(encoding)
    return text


@contextmanager
def _readline() -> Iterator[None]:
    """History and completion, where Python has readline."""
    try:
        import readline
    except ImportError:  # Windows; the console works without
        yield
        return
    file = Path("~/.tinygrad_mlp_history").expanduser()
    delimiters = readline.get_completer_delims()
    readline.set_completer_delims(" \t")  # a name may hold dots, dashes, brackets
    _try(readline.read_history_file, file)
    readline.set_history_length(1000)
    try:
        yield
    finally:
        readline.set_completer_delims(delimiters)
        _try(readline.write_history_file, file)


def _try(use: Callable[[Path], object], file: Path) -> None:
    """Read or write the history; a console without one is a console all the same."""
    with suppress(OSError):
        use(file)
