"""The commands that move through a session, and the breakpoints at which moving stops."""

from __future__ import annotations

from contextlib import suppress
from typing import IO, ClassVar, Final

from tinygrad_mlp.debug._breakpoints import Breakpoint, break_when, watch
from tinygrad_mlp.debug._display import Display
from tinygrad_mlp.debug._terminal import CommandLoop
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError

__all__ = ["MOST_LINES", "Walking", "count_of", "real_number", "whole_number"]

SMALL: Final = "w₂₁⁽¹⁾ŷδ"
"""Characters that the names of books need of a terminal."""

MOST_LINES: Final = 60
"""The number of steps, or nodes, up to which each has its line."""


class Walking(CommandLoop):
    r"""The commands that move; ``Console`` adds those that look and change.

    Args:
        session: the walk.
        stdin: where commands come from; by default the terminal.
        stdout: where the answers go.
        width: the number of columns to which answers are broken, see ``CommandLoop``.

    >>> import io
    >>> a = Value(3.0, label="a")
    >>> Walking(Session(a * a), stdin=io.StringIO("watch a\ncontinue\n")).run()
    (step) watch a
    1: watch a
    (step) continue
    [2/3] backward  dv1/da += dv1/dv1 * dv1/da = 1 * 3 = 3
                    stop: a changes
    """

    short_names: ClassVar[dict[str, str]] = {
        "n": "next",
        "s": "next",
        "step": "next",
        "b": "back",
        "c": "continue",
        "cont": "continue",
        "rc": "rcontinue",
        "p": "print",
        "l": "list",
        "w": "where",
        "q": "quit",
        "exit": "quit",
        "h": "help",
        "?": "help",
    }

    repeatable = frozenset({"next", "back", "continue", "rcontinue"})

    def __init__(
        self,
        session: Session,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
        width: int | None = None,
    ) -> None:
        super().__init__(stdin, stdout, width)
        self.session = session
        if not self.can_write(SMALL):
            session.write_typed()
        self.display = Display(session, self.colors)
        self.greeting = (
            f"{len(session.order)} nodes, {session.n_forward} steps forward and "
            f"{len(session.backward)} backward. Type help for the commands, next for a step."
        )

    # Moving

    def do_next(self, argument: str) -> None:
        """next [N]: do the next step, or N steps."""
        self._walk(count_of(argument), forwards=True)

    def do_back(self, argument: str) -> None:
        """back [N]: undo the last step, or N steps; old values come back exactly."""
        if not argument.isdecimal() and self._is_name(argument):
            raise InvalidArgumentError(
                f"back takes a number of steps; to stop at {argument}: break {argument}"
            )
        self._walk(count_of(argument), forwards=False)

    def _walk(self, n: int, *, forwards: bool) -> None:
        here = self.session.position
        room = len(self.session) - here if forwards else here
        if not room:
            self.say("this is the end" if forwards else "this is the start")
            return
        for _ in range(min(n, room)):
            self.session.move(1 if forwards else -1)
            if n <= MOST_LINES:
                self._show_step()
        if n > MOST_LINES:
            self._show_step()

    def do_continue(self, argument: str) -> None:
        """continue: go on to the next breakpoint, or to the end."""
        if self.session.position == len(self.session):
            self.say("this is the end")
            return
        self.session.run()
        self._show_step()

    def do_rcontinue(self, argument: str) -> None:
        """rcontinue: go back to the last breakpoint, or to the start."""
        self.session.run_back()
        self._show_step()

    def do_to(self, argument: str) -> None:
        """to NODE: go on until the node is computed, or, backward, its gradient complete."""
        self.session.run(to=self._node(argument))
        self._show_step()

    def do_start(self, argument: str) -> None:
        """start: go back to the start."""
        self.session.go_to(0)
        self._show_step()

    def do_end(self, argument: str) -> None:
        """end: go to the end, past all breakpoints."""
        self.session.go_to(len(self.session))
        self._show_step()

    # Breakpoints

    def do_break(self, argument: str) -> None:
        """break NODE | op NAME | layer N | grad NUMBER | nonfinite | dead: stop there.

        At a node it stops when its number is computed, and when its gradient is complete. Without
        an argument it lists the breakpoints. Of a node that is called "dead", say label dead.
        """
        if not argument:
            self._list_breakpoints()
            return
        self._add_breakpoint(self._breakpoint(argument))

    def do_watch(self, argument: str) -> None:
        """watch NODE: stop at every step that changes the node, its number or its gradient."""
        self._add_breakpoint(watch(self._node(argument)))

    def do_clear(self, argument: str) -> None:
        """clear [N]: remove breakpoint N, or all of them."""
        points = self.session.breakpoints
        if not argument:
            points.clear()
        elif argument.isdecimal() and 1 <= int(argument) <= len(points):
            del points[int(argument) - 1]
        else:
            raise InvalidArgumentError(f"there is no breakpoint {argument}; 'break' lists them")
        self._list_breakpoints()

    def _breakpoint(self, argument: str) -> Breakpoint:
        kind, _, rest = argument.partition(" ")
        rest = rest.strip()
        if kind == "op" and rest:
            return break_when(op=rest)
        if kind == "layer" and rest:
            return break_when(layer=int(rest) if rest.isdecimal() else rest)
        if kind == "grad" and rest:
            return break_when(grad_above=real_number(rest.removeprefix(">").strip()))
        if argument == "nonfinite":
            return break_when(non_finite=True)
        if argument == "dead":
            return break_when(dead_relu=True)
        name = rest if kind == "label" and rest else argument
        return break_when(label=self.session.names[self._node(name)])

    def _add_breakpoint(self, point: Breakpoint) -> None:
        point.require(self.session.backward)
        self.session.breakpoints.append(point)
        self._list_breakpoints()

    def _list_breakpoints(self) -> None:
        if not self.session.breakpoints:
            self.say("no breakpoints")
        for place, point in enumerate(self.session.breakpoints, start=1):
            self.say(f"{place}: {point.describe(self.session.names)}")

    # Helpers

    def _show_step(self) -> None:
        for line in self.display.moment():
            self.say(line)

    def _is_name(self, text: str) -> bool:
        """Whether a node is called so."""
        with suppress(UnknownNameError):
            return self.session.node(text) is not None
        return False

    def _node(self, name: str) -> Value:
        if not name:
            raise InvalidArgumentError("give the name of a node; 'print' lists them")
        return self.session.node(name)


def count_of(argument: str) -> int:
    """How many: 1 where nothing is said.

    >>> count_of(""), count_of("12")
    (1, 12)
    """
    return whole_number(argument, least=1) if argument else 1


def whole_number(text: str, least: int = 0) -> int:
    """The whole number that a person typed.

    Raises:
        InvalidArgumentError: if it is none, or too small.

    >>> whole_number("12")
    12
    """
    with suppress(ValueError):
        number = int(text)
        if number >= least:
            return number
    raise InvalidArgumentError(f"{text!r} is no whole number of at least {least}")


def real_number(text: str) -> float:
    """The number that a person typed.

    Raises:
        InvalidArgumentError: if it is none.

    >>> real_number("0.45")
    0.45
    """
    try:
        return float(text)
    except ValueError:
        raise InvalidArgumentError(f"{text!r} is no number; write it as 0.45") from None
