"""The terminal: a console on the standard library's ``cmd`` to walk through a computation.

At a terminal it has a prompt, history, completion and colours. With its input from a file or a pipe
it runs the commands, echoes them, and counts those that failed.
"""

from __future__ import annotations

import cmd
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from tinygrad_mlp.debug.breakpoints import Breakpoint, Hit, Step, break_when, watch
from tinygrad_mlp.debug.chain import chain
from tinygrad_mlp.debug.creation import location_of
from tinygrad_mlp.debug.names import derivative, number
from tinygrad_mlp.debug.recompute import finite_difference
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.debug.steps import BackwardStep
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, TinygradMLPError

__all__ = ["Console", "Drawer"]

Drawer = Callable[[Session, Path], object]
"""Draws the moment at which a session stands into a file."""

HISTORY: Final = Path.home() / ".tinygrad_mlp_history"
MOST_LINES: Final = 60

BOLD, DIM, GREEN, BLUE, RED, PLAIN = "1", "2", "32", "34", "31", "0"

SHORT: Final = {
    "n": "next",
    "b": "back",
    "c": "continue",
    "rc": "rcontinue",
    "p": "print",
    "l": "list",
    "w": "where",
    "q": "quit",
    "h": "help",
    "?": "help",
}
"""The short names of commands."""

CONDITIONS: Final = ("label", "op", "layer", "grad", "nonfinite", "dead")


class Console(cmd.Cmd):
    """Commands to step through a session; ``run`` reads them until quit or the end of the input.

    Args:
        session: the walk.
        draw: draws a moment into a file; None where there is nothing to draw with.
        stdin: where commands come from; by default the terminal.
        stdout: where the answers go.

    Attributes:
        failures: how many commands could not be done.

    >>> import io
    >>> from tinygrad_mlp.debug.worked_example import worked_example
    >>> console = Console(Session(worked_example()), stdin=io.StringIO("to L\\nto w5\\nquit\\n"))
    >>> console.run()
    (step) to L
    [15/56] forward   L = E_o1 + E_o2 = 0.2748 + 0.0236 = 0.2984
            the forward pass is over; the backward pass begins with dL/dL = 1
    (step) to w5
    [35/56] backward  dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822
    (step) quit
    >>> console.failures
    0
    """

    prompt = "(step) "
    intro: str | None = None

    def __init__(
        self,
        session: Session,
        draw: Drawer | None = None,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
    ) -> None:
        super().__init__(stdin=stdin or sys.stdin, stdout=stdout or sys.stdout)
        self.session = session
        self.draw = draw
        self.failures = 0
        self.expanded: set[Value] = set()
        self._on_terminal = self.stdin.isatty() and self.stdout.isatty()
        self.use_rawinput = self._on_terminal
        self._colours = self._on_terminal and "NO_COLOR" not in os.environ
        self._line_number = 0
        self._drawings = 0

    # Running

    def run(self) -> None:
        """Read and do commands until quit or the end of the input."""
        if not self._on_terminal:
            self._run_script()
            return
        self._say(
            f"{len(self.session.order)} nodes, {self.session.n_forward} steps forward and "
            f"{len(self.session.backward)} backward to the gradients of "
            f"{self.session.names[self.session.loss]}. 'help' lists the commands."
        )
        with _History():
            while True:
                try:
                    self.cmdloop()
                    return
                except KeyboardInterrupt:
                    self._say("")

    def _run_script(self) -> None:
        for line in self.stdin:
            self._line_number += 1
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            self._say(f"{self.prompt}{text}")
            if self.onecmd(text):
                return

    def onecmd(self, line: str) -> bool:
        """Do one command; what goes wrong in it is told in one line."""
        name, _, rest = line.strip().partition(" ")
        try:
            return bool(super().onecmd(f"{SHORT.get(name, name)} {rest}".strip()))
        except (TinygradMLPError, OSError, ValueError) as error:
            self._fail(str(error))
            return False

    def default(self, line: str) -> None:
        """A command that there is not."""
        if line == "EOF":
            raise AssertionError("EOF is a command")
        self._fail(f"unknown command {line.partition(' ')[0]!r}; 'help' lists the commands")

    def emptyline(self) -> bool:
        """Enter alone does the last command again."""
        return super().emptyline() if self.lastcmd else False

    def _fail(self, message: str) -> None:
        self.failures += 1
        place = "" if self._on_terminal else f"line {self._line_number}: "
        self._say(self._paint(RED, f"{place}{message}"))

    # Moving

    def do_next(self, argument: str) -> None:
        """next [N]: do the next step, or N steps."""
        self._walk(_count(argument))

    def do_back(self, argument: str) -> None:
        """back [N]: undo the last step, or N steps; old values come back exactly."""
        self._walk(-_count(argument))

    def _walk(self, steps: int) -> None:
        ahead = len(self.session) - self.session.position
        room = ahead if steps > 0 else self.session.position
        if room == 0:
            self._say("this is the end" if steps > 0 else "this is the start")
            return
        direction = 1 if steps > 0 else -1
        for _ in range(min(abs(steps), room)):
            self.session.move(direction)
            if abs(steps) <= MOST_LINES:
                self._show_step()
        if abs(steps) > MOST_LINES:
            self._show_step()

    def do_continue(self, argument: str) -> None:
        """continue: go on to the next breakpoint, or to the end."""
        if self.session.position == len(self.session):
            self._say("this is the end")
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
        """break NODE | op NAME | layer N | grad NUMBER | nonfinite | dead: stop there; or list."""
        if not argument:
            self._list_breakpoints()
            return
        self._add_breakpoint(self._breakpoint(argument))

    def do_watch(self, argument: str) -> None:
        """watch NODE: stop at every step that changes the node."""
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
            return break_when(layer=_whole(rest))
        if kind == "grad" and rest:
            return break_when(grad_above=_number(rest))
        if argument == "nonfinite":
            return break_when(non_finite=True)
        if argument == "dead":
            return break_when(dead_relu=True)
        name = rest if kind == "label" and rest else argument
        return break_when(label=self.session.names[self._node(name)])

    def _add_breakpoint(self, point: Breakpoint) -> None:
        self.session.breakpoints.append(point)
        self._list_breakpoints()

    def _list_breakpoints(self) -> None:
        if not self.session.breakpoints:
            self._say("no breakpoints")
        for place, point in enumerate(self.session.breakpoints, start=1):
            self._say(f"{place}: {point.describe(self.session.names)}")

    # Looking

    def do_print(self, argument: str) -> None:
        """print [NODE]: the number and gradient of a node, or of all nodes, at this moment."""
        if argument:
            self._say(self._row(self._node(argument), full=True))
            return
        for node in self.session.order[:MOST_LINES]:
            self._say(self._row(node, full=False))
        if len(self.session.order) > MOST_LINES:
            self._say(f"... and {len(self.session.order) - MOST_LINES} more; print NODE shows one")

    def do_list(self, argument: str) -> None:
        """list [N]: the steps around this one, N on either side (5)."""
        around = _count(argument) if argument else 5
        here = self.session.position
        for index in range(max(0, here - around), min(len(self.session), here + around)):
            mark = "->" if index == here - 1 else "  "
            self._say(f"{mark} {self._line(index)}")

    def do_where(self, argument: str) -> None:
        """where [NODE]: the file and line that made a node, or the node of this step."""
        step = self.session.last_step
        node = self._node(argument) if argument or step is None else step.node
        location = location_of(node)
        name = self.session.names[node]
        if location is None:
            self._say(f"{name}: not known (it was made before the recording, or read from a file)")
        else:
            self._say(f"{name}: {location}")

    def do_chain(self, argument: str) -> None:
        """chain [NODE]: the whole way from a node to the loss as products, with numbers."""
        step = self.session.last_step
        if not argument and isinstance(step, BackwardStep):
            node = step.parent
        else:
            node = self._node(argument)
        self._say(str(chain(self.session.loss, node)))

    def do_expand(self, argument: str) -> None:
        """expand [NODE]: show the products of a sum of products (of all, without NODE)."""
        self._expand(argument, self.expanded.add)

    def do_collapse(self, argument: str) -> None:
        """collapse [NODE]: show sums of products as one node again."""
        self._expand(argument, self.expanded.discard)

    def _expand(self, argument: str, change: Callable[[Value], None]) -> None:
        if argument:
            node = self._node(argument)
            if node.op is None or node.op.name != "dot":
                raise InvalidArgumentError(
                    f"{self.session.names[node]} is no sum of products; those are: "
                    + (", ".join(self._sums_of_products()) or "(none)")
                )
            nodes = [node]
        else:
            nodes = [self.session.node(name) for name in self._sums_of_products()]
        for node in nodes:
            change(node)
        if self.session.position:
            self._show_step()

    def _sums_of_products(self) -> list[str]:
        names = self.session.names
        return [names[x] for x in self.session.order if x.op is not None and x.op.name == "dot"]

    def do_draw(self, argument: str) -> None:
        """draw [FILE]: draw this moment (.svg, .png, .pdf or .dot); without FILE step-N.svg."""
        if self.draw is None:
            raise InvalidArgumentError("there is nothing to draw with in this console")
        path = Path(argument or f"step-{self.session.position}.svg")
        self.draw(self.session, path)
        self._say(f"drawn: {path}")

    # Changing and checking

    def do_set(self, argument: str) -> None:
        """set LEAF NUMBER: change a leaf and run both passes again, to this same step."""
        name, _, text = argument.rpartition(" ")
        if not name:
            raise InvalidArgumentError("give a leaf and a number: set w5 0.45")
        loss = self.session.names[self.session.loss]
        before = self.session.loss.data
        after = self.session.assign(self._node(name.strip()), _number(text))
        self._say(f"{loss}: {number(before)} -> {number(after)}")
        if self.session.position:
            self._show_step()

    def do_check(self, argument: str) -> None:
        """check [NODE]: compare the gradient of a node with finite differences (all leaves)."""
        if argument:
            nodes = [self._node(argument)]
        else:
            nodes = [node for node in self.session.order if node.is_leaf and node.op is None]
        wrong = [node for node in nodes if not self._check(node)]
        if wrong:
            names = ", ".join(self.session.names[node] for node in wrong)
            self._fail(f"the gradient does not agree with finite differences at: {names}")

    def _check(self, node: Value) -> bool:
        """Whether the complete gradient agrees; says both."""
        here = self.session.position
        self.session.go_to(len(self.session))
        gradient = node.grad
        self.session.go_to(here)
        expected = finite_difference(self.session.loss, node)
        apart = abs(gradient - expected)
        agrees = apart <= 1e-6 * max(1.0, abs(gradient), abs(expected))
        names = self.session.names
        symbol = derivative(names[self.session.loss], names[node])
        self._say(
            f"{symbol} = {gradient:.10g}, finite differences {expected:.10g}: "
            + (self._paint(GREEN, "agrees") if agrees else self._paint(RED, "does not agree"))
        )
        return agrees

    def do_help(self, argument: str) -> None:
        """help [COMMAND]: what the commands do."""
        if argument:
            name = SHORT.get(argument, argument)
            method = getattr(self, f"do_{name}", None)
            if method is None:
                raise InvalidArgumentError(f"there is no command {argument!r}")
            self._say(method.__doc__)
            return
        for name in (
            "next back continue rcontinue to start end break watch clear print list where chain "
            "expand collapse draw set check help quit"
        ).split():
            usage, _, text = (getattr(self, f"do_{name}").__doc__ or "").partition(": ")
            shorts = [short for short, full in SHORT.items() if full == name]
            also = f" ({', '.join(shorts)})" if shorts else ""
            for line_number, line in enumerate(_wrapped(usage, f"{text}{also}")):
                self._say(line if line_number else f"{self._paint(BOLD, line[:28])}{line[28:]}")

    def do_quit(self, argument: str) -> bool:
        """quit: leave."""
        return True

    def do_EOF(self, argument: str) -> bool:
        """EOF: leave (Ctrl-D)."""
        self._say("")
        return True
