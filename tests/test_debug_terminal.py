"""The reading loop of the console, as a person at a terminal and as a script meet it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.test_debug_limits import Terminal
from tinygrad_mlp import Value
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.debug._display import Display
from tinygrad_mlp.debug._terminal import CommandLoop
from tinygrad_mlp.debug._wrapping import wrapped
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.errors import InvalidArgumentError

BOLD, RED, GREEN, BLUE, FAINT, PLAIN = (f"\033[{code}m" for code in (1, 31, 32, 34, 2, 0))


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A terminal of 80 columns that takes colors, and a home without a history."""
    for name in ("NO_COLOR", "TERM", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def readline() -> Iterator[ModuleType]:
    """The module, which is left as it was."""
    module = pytest.importorskip("readline")
    length, delimiters = module.get_history_length(), module.get_completer_delims()
    module.clear_history()
    yield module
    module.clear_history()
    module.set_history_length(length)
    module.set_completer_delims(delimiters)


def at_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
    typed: io.StringIO,
    loss: Value | None = None,
    console: type[Console] = Console,
) -> tuple[str, Console]:
    """What a person sees who types these lines and then Ctrl-D; what they type is not in it."""
    out = Terminal()
    monkeypatch.setattr("sys.stdin", typed)
    monkeypatch.setattr("sys.stdout", out)
    loop = console(Session(loss or worked_example()))
    loop.run()
    return out.getvalue(), loop


def doubled() -> Value:
    """y = 2 x at x = 3."""
    loss = 2.0 * Value(3.0, label="x")
    loss.label = "y"
    return loss


# At a terminal


def test_a_person_is_greeted_prompted_and_answered_in_colors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = "next\nbreak x\n\nprint x\ndance\nhelp quit\n\nbreak nonfinite\nquit\nnext\n"
    text, console = at_a_terminal(monkeypatch, Terminal(lines), doubled())
    assert text == (
        "3 nodes, 1 steps forward and 1 backward. Type help for the commands, next for a\n"
        "  step.\n"
        f"(step) [1/2] {GREEN}forward {PLAIN}  y = 2 * x = 2 * 3 = 6\n"
        f"      {FAINT}the forward pass is over; the backward pass begins with dy/dy = 1{PLAIN}\n"
        "(step) 1: at x\n"
        f"(step) [2/2] {BLUE}backward{PLAIN}  dy/dx += dy/dy * dy/dx = 1 * 2 = 2\n"
        f"                {RED}stop: at x{PLAIN}\n"
        f"      {FAINT}the backward pass is over{PLAIN}\n"
        "(step) x (leaf): data = 3.0, dy/dx = 2.0\n"
        f"(step) {RED}unknown command 'dance'; 'help' lists the commands{PLAIN}\n"
        f"(step) {BOLD}quit{PLAIN}                leave. [q, exit]\n"
        "(step) this is the end\n"
        "(step) 1: at x\n"
        "2: nonfinite\n"
        "(step) "
    )
    assert (console.failures, console.on_terminal, console.use_rawinput) == (1, True, True)


def test_a_check_is_green_or_red(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = doubled()
    text, _ = at_a_terminal(monkeypatch, Terminal("check\n"), loss)
    assert f"dy/dx = 2, finite differences 2: {GREEN}agrees{PLAIN}\n" in text
    loss.partials = (3.0, 2.5)
    text, console = at_a_terminal(monkeypatch, Terminal("check x\n"), loss)
    assert f"dy/dx = 2.5, finite differences 2: {RED}does not agree{PLAIN}\n" in text
    assert f"{RED}the gradient does not agree with finite differences at: x{PLAIN}\n" in text
    assert console.failures == 1


def test_enter_alone_at_the_start_waits_for_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    text, console = at_a_terminal(monkeypatch, Terminal("\nnext\nquit\n"), doubled())
    assert text.count("(step) ") == 3
    assert console.session.position == 1


def test_ctrl_d_leaves_on_a_new_line(monkeypatch: pytest.MonkeyPatch) -> None:
    text, console = at_a_terminal(monkeypatch, Terminal("next\n"))
    assert text.endswith("= 0.3775\n(step) \n")
    assert console.failures == 0


class Interrupted(Terminal):
    """Someone presses Ctrl-C at the second line."""

    n_read = 0

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        self.n_read += 1
        if self.n_read == 2:
            raise KeyboardInterrupt
        return super().readline(-1 if size is None else size)


def test_ctrl_c_breaks_a_command_off_and_not_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    text, console = at_a_terminal(monkeypatch, Interrupted("next\nback\nquit\n"), doubled())
    assert text.endswith(
        "= 1\x1b[0m\n(step) \n(step) at the start: only the leaves have numbers\n(step) "
    )
    assert console.session.position == 0
    assert text.count("Type help") == 1


@pytest.mark.parametrize(("columns", "given", "width"), [(60, None, 60), (60, 50, 50)])
def test_answers_are_as_wide_as_the_terminal_unless_a_width_is_given(
    columns: int, given: int | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    session = Session(worked_example())
    assert Console(session, stdin=Terminal(), stdout=Terminal(), width=given).width == width
    assert Console(session, stdin=io.StringIO(), stdout=Terminal(), width=given).width == given
    assert Console(session, stdin=Terminal(), stdout=io.StringIO(), width=given).width == given


class Probing(Console):
    """Says what the state of readline is while the console reads."""

    def do_probe(self, argument: str) -> None:
        import readline

        delimiters = readline.get_completer_delims()
        self.say(f"{readline.get_current_history_length()} {delimiters!r}", whole=True)


def test_the_history_of_the_last_time_is_there_and_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, readline: ModuleType
) -> None:
    file = tmp_path / ".tinygrad_mlp_history"
    file.write_text("".join(f"next {i}\n" for i in range(1005)))
    readline.set_completer_delims(" x")
    text, _ = at_a_terminal(monkeypatch, Terminal("probe\n"), console=Probing)
    assert "(step) 1005 ' \\t'\n" in text
    assert readline.get_completer_delims() == " x"
    kept = [line for line in file.read_text().splitlines() if line.startswith("next")]
    assert kept == [f"next {i}" for i in range(5, 1005)]


def test_a_console_without_a_history_is_a_console_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, readline: ModuleType
) -> None:
    (tmp_path / ".tinygrad_mlp_history").mkdir()
    text, _ = at_a_terminal(monkeypatch, Terminal("probe\nquit\n"), console=Probing)
    assert "(step) 0 ' \\t'\n" in text


def test_a_python_without_readline_has_a_console_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "readline", None)
    text, console = at_a_terminal(monkeypatch, Terminal("next\nquit\n"))
    assert "[ 1/49]" in text
    assert console.session.position == 1


# As a script


def test_a_script_is_echoed_and_its_faults_are_told_with_their_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = (
        "cmdlop\n# a comment\n\n  next  \nprint\x1b[31m\n   # another\ndance w5\nNEXT\nquit\nnext\n"
    )
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    monkeypatch.setattr("sys.stdout", out)
    console = Console(Session(doubled()))
    console.run()
    assert out.getvalue() == (
        "(step) cmdlop\n"
        "line 1: unknown command 'cmdlop'; 'help' lists the commands\n"
        "(step) next\n"
        "[1/2] forward   y = 2 * x = 2 * 3 = 6\n"
        "      the forward pass is over; the backward pass begins with dy/dy = 1\n"
        "(step) print\\x1b[31m\n"
        "line 5: unknown node '\\x1b[31m'; known: v0, x, y\n"
        "(step) dance w5\n"
        "line 7: unknown command 'dance'; 'help' lists the commands\n"
        "(step) NEXT\n"
        "line 8: unknown command 'NEXT'; did you mean 'next'? 'help' lists the commands\n"
        "(step) quit\n"
    )
    assert (console.failures, console.on_terminal, console.use_rawinput) == (4, False, False)


class Failing(CommandLoop):
    """A console of one command, which fails in two lines."""

    def do_fail(self, argument: str) -> None:
        raise InvalidArgumentError(f"first\n  second {argument}")

    def do_read(self, argument: str) -> None:
        Path(argument).read_text()

    def do_stop(self, argument: str) -> int:
        return 1


def test_what_goes_wrong_is_told_in_one_line_and_the_rest_is_done(tmp_path: Path) -> None:
    out = io.StringIO()
    commands = f"fail  x y\nread {tmp_path / 'no file'}\nstop\nfail z\n"
    loop = Failing(stdin=io.StringIO(commands), stdout=out)
    loop.run()
    told = [line for line in out.getvalue().splitlines() if line.startswith("line ")]
    assert told == [
        "line 1: first second x y",
        f"line 2: [Errno 2] No such file or directory: '{tmp_path / 'no file'}'",
    ]
    assert loop.failures == 2
    assert loop.onecmd("stop") is True
    assert loop.onecmd("fail") is False


def test_a_command_is_done_with_its_short_name_and_spaces_around() -> None:
    out = io.StringIO()
    console = Console(Session(worked_example()), stdin=io.StringIO(), stdout=out)
    for line, position in (("n", 1), ("  s   2  ", 3), ("b", 2), ("cont", 49), ("?  n", 49)):
        console.onecmd(line)
        assert console.session.position == position
    assert console.failures == 0


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "a ≈ é\n"), ("latin-1", "a ~ é\n"), ("ascii", "a ~ ?\n"), (None, "a ≈ é\n")],
)
def test_what_an_output_cannot_write_is_replaced(encoding: str | None, shown: str) -> None:
    class Output(io.StringIO):
        pass

    out = Output()
    if encoding is not None:
        Output.encoding = encoding
    CommandLoop(stdin=io.StringIO(), stdout=out).say("a ≈ é")
    assert out.getvalue() == shown


def test_an_output_that_does_not_say_its_encoding_gets_everything() -> None:
    class Bare:
        text = ""

        def write(self, text: str) -> int:
            self.text += text
            return len(text)

        def flush(self) -> None:
            pass

        def isatty(self) -> bool:
            return False

    out: Any = Bare()
    CommandLoop(stdin=io.StringIO(), stdout=out).say("a ≈ é")
    assert out.text == "a ≈ é\n"


def test_a_line_is_broken_unless_it_is_to_stay_whole() -> None:
    out = io.StringIO()
    loop = CommandLoop(stdin=io.StringIO(), stdout=out, width=12)
    loop.say("one two three four\nfive")
    loop.say("one two three four\nfive", whole=True)
    assert out.getvalue() == "one two\n  three four\nfive\none two three four\nfive\n"


class Counting(io.StringIO):
    n_flushed = 0

    def flush(self) -> None:
        self.n_flushed += 1


def test_every_answer_is_seen_at_once() -> None:
    out = Counting()
    CommandLoop(stdin=io.StringIO(), stdout=out).say("one\ntwo")
    assert out.n_flushed == 1


# Colors


@pytest.mark.parametrize(("style", "code"), [("bold", 1), ("faint", 2), ("red", 31)])
def test_colors_are_put_around_a_text(style: str, code: int) -> None:
    session = Session(worked_example())
    assert Display(session, colors=True).paint(style, "x") == f"\033[{code}mx\033[0m"
    assert Display(session, colors=False).paint(style, "x") == "x"


# Breaking of lines

FORWARD = f"[12/49] {GREEN}forward {PLAIN}  net_h1 = w1 * i1 + w2 * i2 + b1 = 0.15 * 0.05 = 0.3775"


@pytest.mark.parametrize(
    ("line", "width", "lines"),
    [
        # Exactly as wide as there is room.
        ("aaa bbb", 7, ["aaa bbb"]),
        ("aaa bbb", 6, ["aaa", "  bbb"]),
        ("aaa bbb ccc ddd", 9, ["aaa bbb", "  ccc ddd"]),
        ("aaa bbb ccc ddd", 8, ["aaa bbb", "  ccc", "  ddd"]),
        # Continued below the text that follows the head; colors take no room.
        (
            FORWARD,
            52,
            [
                f"[12/49] {GREEN}forward {PLAIN}  net_h1 = w1 * i1 + w2 * i2 + b1",
                "                    = 0.15 * 0.05 = 0.3775",
            ],
        ),
        (
            "[ 1/15] backward  dL/dw += dL/dz * dz/dw = 1.5 * 0.5 = 0.75",
            40,
            [
                "[ 1/15] backward  dL/dw += dL/dz * dz/dw",
                "                    = 1.5 * 0.5 = 0.75",
            ],
        ),
        (
            "-> [1/9] forward   aa = bb = cc",
            26,
            ["-> [1/9] forward   aa = bb", "             = cc"],
        ),
        ("    = 1 * 2 * 3 = 6", 14, ["    = 1 * 2", "      * 3", "      = 6"]),
        # But never by more than half of the width.
        ("          aaaa bbbb cccc", 16, ["          aaaa", "        bbbb", "        cccc"]),
        # The name stays with what it is equal to, though not in a step that adds.
        ("aaaa = bbbb = cccc", 13, ["aaaa = bbbb", "  = cccc"]),
        ("aa += bb = c", 9, ["aa += bb", "  = c"]),
        # First before =, then before +, then before *, then at any space.
        ("x = a * b + c * d = 1", 17, ["x = a * b + c * d", "  = 1"]),
        ("x = a * b + c * d = 1", 9, ["x = a * b", "  + c * d", "  = 1"]),
        ("x = a * b + c * d", 7, ["x = a", "  * b", "  + c", "  * d"]),
        ("one two = three four", 9, ["one two =", "  three", "  four"]),
        ("", 5, [""]),
    ],
)
def test_where_a_line_is_broken(line: str, width: int, lines: list[str]) -> None:
    assert wrapped(line, width) == lines
    assert wrapped(line, None) == [line]


@pytest.mark.parametrize(
    ("encoding", "typed"),
    [("ascii", r"w\xe2\x82\x81"), ("cp1252", "w\xe2\u201a\\x81"), ("utf-8", "w₁")],
)
def test_bytes_that_are_no_letters_of_the_input_are_escapes(encoding: str, typed: str) -> None:
    out = io.StringIO()
    typing = io.TextIOWrapper(io.BytesIO("print w₁\nprint w5\n".encode()), encoding=encoding)
    console = Console(Session(worked_example()), stdin=typing, stdout=out)
    console.run()
    said = out.getvalue().splitlines()
    assert said[0] == f"(step) print {typed}"
    assert said[-2] == "(step) print w5", "the next command is done"
    assert console.failures == (encoding != "utf-8")
