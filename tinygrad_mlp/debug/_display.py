"""What the terminal writes: a step, a node, a list of commands, with colors or without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tinygrad_mlp.debug._breakpoints import Hit
from tinygrad_mlp.debug._equations import number
from tinygrad_mlp.debug._steps import BackwardStep
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.engine import Value

__all__ = ["Display"]

STYLES: Final = {"bold": "1", "faint": "2", "red": "31", "green": "32", "blue": "34"}
MOST_NAME_WIDTH: Final = 32
"""Of a name that is longer, the numbers stand further to the right."""


class Display:
    """A session as text.

    Args:
        session: the session.
        colors: whether the text carries the escape codes of colors.

    Attributes:
        expanded: the sums of products that are shown product by product.
        hides_ahead: whether a step that is not done yet is shown without its numbers.

    >>> from tinygrad_mlp.debug.worked_example import worked_example
    >>> display = Display(Session(worked_example()), colors=False)
    >>> display.step_line(0)
    '[ 1/49] forward   net_h1 = w1 * i1 + w2 * i2 + b1 = 0.15 * 0.05 + 0.2 * 0.1 + 0.35 = 0.3775'
    """

    def __init__(self, session: Session, colors: bool) -> None:
        self.session = session
        self.colors = colors
        self.expanded: set[Value] = set()
        self.hides_ahead = False

    def paint(self, style: str, text: str) -> str:
        """The text in a style ("bold", "red", ...), where there are colors."""
        return f"\033[{STYLES[style]}m{text}\033[0m" if self.colors else text

    def step_line(self, index: int) -> str:
        """One step in a line."""
        if self.hides_ahead and index >= self.session.position:
            question = self.session.question(index)
            if question is not None:
                return f"{self._head(index)}{question}"
        return f"{self._head(index)}{self.session.step(index)}"

    def heads(self, index: int) -> tuple[str, str]:
        """What stands before the first line about a step, and before further lines."""
        return self._head(index), " " * self._head_width()

    def moment(self) -> Iterator[str]:
        """The step done last, product by product where that is wanted, and what it leads to."""
        position, n_forward = self.session.position, self.session.n_forward
        step = self.session.last_step
        if step is None:
            yield "at the start: only the leaves have numbers"
            return
        lines = step.expanded() if step.node in self.expanded else (str(step),)
        head, blank = self.heads(position - 1)
        yield f"{head}{lines[0]}"
        yield from (f"{blank}{line}" for line in lines[1:])
        hits: list[Hit] = self.session.hits()
        yield from (f"{blank}{self.paint('red', f'stop: {hit.reason}')}" for hit in hits)
        if position == n_forward:
            loss = self.session.loss
            symbol = self.session.notation.derivative(loss, loss).text
            start = f"the backward pass begins with {symbol} = 1"
            yield f"{blank[:-10]}{self.paint('faint', f'the forward pass is over; {start}')}"
        elif position == len(self.session):
            yield f"{blank[:-10]}{self.paint('faint', 'the backward pass is over')}"

    def rows(self, nodes: Sequence[Value]) -> Iterator[str]:
        """Nodes with their numbers and gradients at this moment, in columns."""
        lengths = (len(self.session.names[node]) for node in nodes)
        width = min(max(lengths), MOST_NAME_WIDTH)
        for node in nodes:
            name, kind, data, grad = self._facts(node, number)
            yield f"{name:<{width}} {kind:<10} data = {data:<17} grad = {grad}"

    def row(self, node: Value) -> str:
        """A node with all digits of its number and its gradient at this moment."""
        name, kind, data, grad = self._facts(node, repr)
        notation = self.session.notation
        symbol = notation.derivative(self.session.loss, node).text
        delta = f"{notation.deltas[node].text} = " if node in notation.deltas else ""
        return f"{name} ({kind}): data = {data}, {delta}{symbol} = {grad}"

    def _facts(self, node: Value, text_of: Callable[[float], str]) -> tuple[str, str, str, str]:
        """Its name, what it is, and its numbers as texts."""
        session = self.session
        name = session.names[node]
        kind = node.op.name if node.op is not None else "leaf"
        data = text_of(node.data) if session.is_computed(node) else "not computed yet"
        gradient = session.gradient(node)
        grad = "-" if gradient is None else text_of(gradient)
        return name, kind, data, grad

    def _head(self, index: int) -> str:
        total = str(len(self.session))
        is_backward = isinstance(self.session.step(index), BackwardStep)
        phase = self.paint("blue", "backward") if is_backward else self.paint("green", "forward ")
        return f"[{index + 1:>{len(total)}}/{total}] {phase}  "

    def _head_width(self) -> int:
        return 2 * len(str(len(self.session))) + 14
