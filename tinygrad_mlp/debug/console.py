"""The commands of the terminal: walking through a computation, looking around, changing numbers.

``python -m tinygrad_mlp step`` runs it; ``terminal`` reads the commands, ``session`` walks, and
``display`` writes.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from tinygrad_mlp import ops
from tinygrad_mlp._freezing import is_frozen
from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.debug._creation import location_of
from tinygrad_mlp.debug._equations import number
from tinygrad_mlp.debug._quizzing import Quizzing
from tinygrad_mlp.debug._recompute import finite_difference
from tinygrad_mlp.debug._steps import BackwardStep
from tinygrad_mlp.debug._walking import MOST_LINES, count_of, real_number
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["Console", "Drawer"]

Drawer = Callable[[Session, Path], object]
"""Draws the moment at which a session stands into a file."""

HELP_INDENT: Final = 20
MOST_SUMS: Final = 8
"""The number of sums of products up to which each has its line when they are expanded."""

KEYS: Final = """\
Enter alone does the last next, back, continue or rcontinue again, Tab completes commands and \
names, Ctrl-C breaks a command off, Ctrl-D leaves."""


class Console(Quizzing):
    r"""Commands to step through a session; ``run`` reads them until quit or the end of the input.

    Args:
        session: the walk.
        draw: draws a moment into a file; None where there is nothing to draw with.
        stdin: where commands come from; by default the terminal.
        stdout: where the answers go.
        width: the number of columns to which answers are broken, see ``CommandLoop``.
        title: what is walked through, for the opening line.
        built_from: the file that the graph was built from, if no program of a person's made it.

    Attributes:
        failures: how many commands could not be done.

    >>> import io
    >>> from tinygrad_mlp.debug.worked_example import worked_example
    >>> console = Console(Session(worked_example()), stdin=io.StringIO("to L\nto w5\nquit\n"))
    >>> console.run()
    (step) to L
    [15/49] forward   L = E_o1 + E_o2 = 0.2748 + 0.0236 = 0.2984
            the forward pass is over; the backward pass begins with dL/dL = 1
    (step) to w5
    [33/49] backward  dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822
    (step) quit
    >>> console.failures
    0
    """

    def __init__(
        self,
        session: Session,
        draw: Drawer | None = None,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
        width: int | None = None,
        built_from: str = "",
        title: str = "",
    ) -> None:
        super().__init__(session, stdin, stdout, width)
        if title:
            self.greeting = f"{title}: {self.greeting}"
        self.draw = draw
        self.built_from = built_from

    # Looking

    def do_print(self, argument: str) -> None:
        """print [NODE]: the number and gradient of a node, or of all nodes, at this moment."""
        if argument:
            self.say(self.display.row(self._node(argument)))
            return
        for line in self.display.rows(self.session.order[:MOST_LINES]):
            self.say(line)
        if len(self.session.order) > MOST_LINES:
            self.say(f"... and {len(self.session.order) - MOST_LINES} more; print NODE shows one")

    def do_list(self, argument: str) -> None:
        """list [N]: the steps around this one, N on either side (5)."""
        around = count_of(argument) if argument else 5
        here = self.session.position
        for index in range(max(0, here - around), min(len(self.session), here + around)):
            mark = "->" if index == here - 1 else "  "
            self.say(f"{mark} {self.display.step_line(index)}")

    def do_where(self, argument: str) -> None:
        """where [NODE]: the file and line that made a node, or the node of this step."""
        step = self.session.last_step
        node = self._node(argument) if argument or step is None else step.node
        location = location_of(node)
        name = self.session.names[node]
        if self.built_from:
            self.say(f"{name}: built from {self.built_from}", whole=True)
        elif location is not None:
            self.say(f"{name}: {location}", whole=True)  # a path to be clicked on or copied
        else:
            self.say(f"{name}: not known (it was made before the recording)")

    def do_chain(self, argument: str) -> None:
        """chain [NODE]: the whole way from a node to the loss as products, with numbers."""
        step = self.session.last_step
        if not argument and isinstance(step, BackwardStep):
            node = step.parent
        else:
            node = self._node(argument)
        self._require_answered(node)
        self.say(str(self.session.chain(node)))

    def do_latex(self, argument: str) -> None:
        """latex [NODE]: this step in LaTeX, or the whole way from a node to the loss.

        The text is for a document with the package amsmath.
        """
        step = self.session.last_step
        if argument:
            node = self._node(argument)
            self._require_answered(node)
            text = self.session.chain(node).latex()
        elif step is None:
            raise InvalidArgumentError(
                "there is no step yet; do one with next, or give the name of a node"
            )
        else:
            text = step.latex()
        self.say(text, whole=True)

    def do_expand(self, argument: str) -> None:
        """expand [NODE]: show the products of a sum of products (of all, without NODE)."""
        self._expand(argument, self.display.expanded.add)

    def do_collapse(self, argument: str) -> None:
        """collapse [NODE]: show sums of products as one node again."""
        self._expand(argument, self.display.expanded.discard)

    def _expand(self, argument: str, change: Callable[[Value], None]) -> None:
        if argument:
            node = self._node(argument)
            if node.op is not ops.DOT:
                raise InvalidArgumentError(
                    f"{self.session.names[node]} is no sum of products; those are: "
                    + (
                        ", ".join([self.session.names[x] for x in self._sums_of_products()])
                        or "(none)"
                    )
                )
            nodes = [node]
        else:
            nodes = self._sums_of_products()
        for node in nodes:
            change(node)
            if len(nodes) <= MOST_SUMS:
                products = counted(len(node.parents) // 2, "product")
                is_open = node in self.display.expanded
                self.say(f"{self.session.names[node]}: {products if is_open else 'one node'}")
        if len(nodes) > MOST_SUMS:
            self.say(f"{len(nodes)} sums of products")
        step = self.session.last_step
        if step is not None and step.node in nodes:
            self._show_step()

    def _sums_of_products(self) -> list[Value]:
        return [x for x in self.session.order if x.op is ops.DOT]

    def do_draw(self, argument: str) -> None:
        """draw [FILE]: draw this moment; without FILE step-N.svg.

        The ending may be .svg, .png, .pdf, .dot, .tikz or .tex.
        """
        if self.draw is None:
            raise InvalidArgumentError("there is nothing to draw with in this console")
        path = Path(argument or f"step-{self.session.position}.svg")
        self.draw(self.session, path)
        self.say(f"drawn: {path}", whole=True)

    # Changing and checking

    def do_set(self, argument: str) -> None:
        """set LEAF NUMBER: change a leaf and run both passes again, to this same step."""
        name, _, text = argument.rpartition(" ")
        if not name:
            raise InvalidArgumentError("give a leaf and a number: set w5 0.45")
        loss = self.session.names[self.session.loss]
        before = self.session.loss.data
        after = self.session.assign(self._node(name.strip()), real_number(text))
        if not self.quizzing or self.session.is_computed(self.session.loss):
            self.say(f"{loss}: {number(before)} -> {number(after)}")
        if self.session.position:
            self._show_step()

    def do_check(self, argument: str) -> None:
        """check [NODE]: compare the gradient of a node with finite differences, or of the leaves.

        Where there are many leaves, some of them from all over the graph are checked.
        """
        if argument:
            node = self._node(argument)
            if node.op is ops.CONSTANT and not node.label:
                raise InvalidArgumentError(
                    f"{argument} is a plain number of a formula, to which no gradient flows here"
                )
            if is_frozen(node):
                raise InvalidArgumentError(f"{argument} is frozen, so it has no gradient")
            nodes = [node]
        else:
            leaves = [node for node in self.session.order if node.op is None]
            nodes = [leaf for leaf in leaves if not is_frozen(leaf)]
            if len(nodes) > MOST_LINES:
                apart = -(-len(nodes) // MOST_LINES)
                self.say(
                    f"{len(nodes):,} leaves; checking {len(nodes[::apart])} of them, one in "
                    f"{apart} (check NODE checks any other)"
                )
                nodes = nodes[::apart]
        for node in nodes:
            self._require_answered(node)
        wrong = [node for node in nodes if not self._check(node)]
        if wrong:
            names = ", ".join(self.session.names[node] for node in wrong)
            self.fail(f"the gradient does not agree with finite differences at: {names}")

    def _check(self, node: Value) -> bool:
        """Whether the complete gradient agrees; says both."""
        here = self.session.position
        self.session.go_to(len(self.session))
        gradient = node.grad
        self.session.go_to(here)
        expected = finite_difference(self.session.loss, node)
        agrees = math.isclose(gradient, expected, rel_tol=1e-6, abs_tol=1e-6)
        symbol = self.session.notation.derivative(self.session.loss, node).text
        self.say(
            f"{symbol} = {gradient:.10g}, finite differences {expected:.10g}: "
            + (
                self.display.paint("green", "agrees")
                if agrees
                else self.display.paint("red", "does not agree")
            )
        )
        return agrees

    def do_help(self, argument: str) -> None:
        """help [COMMAND]: what the commands do."""
        if argument:
            name = self.short_names.get(argument, argument)
            if not hasattr(self, f"do_{name}"):
                raise InvalidArgumentError(f"there is no command {argument!r}")
            self.say("\n".join(self._help_of(name, self._doc(name))))
            return
        for name in self.commands():
            self.say("\n".join(self._help_of(name, self._doc(name).partition("\n")[0])))
        self.say("\n".join(textwrap.wrap(KEYS, self._help_width)))

    @property
    def _help_width(self) -> int:
        return self.width or 80

    def _doc(self, name: str) -> str:
        """What the docstring of a command says; ``python -OO`` leaves only its name."""
        return inspect.getdoc(getattr(self, f"do_{name}")) or name

    def _help_of(self, name: str, text: str) -> list[str]:
        """How the command is used, beside what it does."""
        usage, _, meaning = text.partition(": ")
        shorts = [short for short, full in self.short_names.items() if full == name]
        meaning += f" [{', '.join(shorts)}]" if shorts else ""
        width = self._help_width
        indent = HELP_INDENT if width >= 2 * HELP_INDENT else 4
        right = textwrap.wrap(" ".join(meaning.split()), width - indent)
        lines = [" " * indent + line for line in right or [""]]
        left = textwrap.wrap(usage, width - 4, subsequent_indent="    ")
        usage_lines = [self.display.paint("bold", line) for line in left]
        if len(left) == 1 and len(usage) < indent:
            return [usage_lines[0] + lines[0][len(usage) :], *lines[1:]]
        return [*usage_lines, *lines]

    def do_quit(self, argument: str) -> bool:
        """quit: leave."""
        return True

    def completedefault(self, text: str, line: str, begidx: int, endidx: int) -> list[str]:
        """The names that continue what is typed."""
        typed = line[:endidx].partition(" ")[2].lstrip()
        known = typed[: len(typed) - len(text)]  # the words of a name that are complete
        names = dict.fromkeys(self.session.spellings())
        if not typed.isascii():  # copied from the screen
            names |= dict.fromkeys(self.session.names.values())
        return [name[len(known) :] for name in names if name.startswith(typed)]
