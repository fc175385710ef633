"""What boxes call nodes: as books do, or as the program does, short or in full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import MathName, Run, TextbookNames, Unit, input_names, sums_of
from tinygrad_mlp.ops import Op
from viz._boxes.wording import in_words
from viz._scene.scene import plain
from viz._style import markup
from viz._style.look import LONGEST_IN_TOOLTIP, LONGEST_LABEL

__all__ = ["BoxNames", "formula_runs", "numbered_inputs"]

FIRST_MARK: Final = 0xE000  # of the characters that stand for names while a formula is put together


class BoxNames:
    """The names of the nodes of a drawing.

    >>> from tinygrad_mlp.graph import MathName
    >>> x = Value(2.0)
    >>> names = BoxNames(TextbookNames({x: MathName("x", (1,))}, {x: "v0"}), by_math=True)
    >>> names.text(x), names.full(x)
    ('x₁', 'x₁ (v0)')
    """

    def __init__(self, names: TextbookNames, by_math: bool) -> None:
        self.names = names
        self.by_math = by_math

    def is_math(self, node: Value) -> bool:
        """Whether a node has a name that books write."""
        return self.by_math and not self.names.names[node].is_code

    def runs(
        self, node: Value, unit: Unit | None = None, longest: int = LONGEST_LABEL
    ) -> list[Run]:
        """The name for a box; in the frame of a neuron without what the frame says already."""
        if self.is_math(node):
            return self.names.names[node].runs
        return plain(markup.shortened(self.code(node, unit), longest))

    def code(self, node: Value, unit: Unit | None = None) -> str:
        """The name of the program, in the frame of a neuron without the path of that."""
        name = self.names.code[node]
        inside = name if unit is None else name.removeprefix(f"{unit.path}.")
        return name if inside.isdigit() else inside  # a number alone is no name

    def layer(self, unit: Unit, nodes: Iterable[Value]) -> str:
        """A layer by its number, after its model where there are several; or its path.

        Args:
            unit: one of its neurons.
            nodes: some of its nodes.
        """
        number = self.names.layer_numbers.get(unit.layer)
        if not self.by_math or number is None:
            return unit.layer_name
        owner = next((self.names.names[node].owner for node in nodes if self.is_math(node)), "")
        return f"{owner} layer {number}".strip()

    def text(self, node: Value) -> str:
        """The name on one line of text."""
        if self.is_math(node):
            return self.names.names[node].text
        return markup.shortened(self.code(node), LONGEST_IN_TOOLTIP)

    def full(self, node: Value) -> str:
        """The name for a tooltip: both of its names where it has two."""
        code = markup.shortened(self.code(node), LONGEST_IN_TOOLTIP)
        name = self.text(node)
        return name if name == code else f"{name} ({code})"


def numbered_inputs(
    order: Sequence[Value], roles: dict[Value, str], names: BoxNames
) -> dict[Value, list[Run]]:
    """Inputs of neurons that no one has named, by their places: x1, x2, ...; those of others #2.

    >>> from tinygrad_mlp.graph import MathName
    >>> from tinygrad_mlp.graph import order_of, roles_of
    >>> from tinygrad_mlp.nn import Neuron
    >>> order = order_of([Neuron(1, rng=0)([2.0])])
    >>> code = {node: f"v{place}" for place, node in enumerate(order)}
    >>> names = BoxNames(TextbookNames({}, code), by_math=False)
    >>> list(numbered_inputs(order, roles_of(order, order[-1:], None), names).values())
    [[Run(text='x1', kind='code')]]
    """
    found: dict[Value, list[Run]] = {}
    counts: dict[str, int] = {}
    for node, text in input_names(sums_of(order, roles).values()).items():
        if node.parents or node.label:
            continue
        count = counts[text] = counts.get(text, 0) + 1
        if names.is_math(node):
            continue
        name = MathName.of_label(text) if names.by_math else MathName.code(text)
        found[node] = name.again(count).runs
    return found


def formula_runs(op: Op, operands: Sequence[str | list[Run] | None]) -> list[Run]:
    """An operation with numbers and names among its operands; u stands for the others.

    >>> from tinygrad_mlp import ops
    >>> "".join([run.text for run in formula_runs(ops.SUB, [[Run("y", "italic")], "1"])])
    'y − 1'
    """
    marks = {chr(FIRST_MARK + place): x for place, x in enumerate(operands) if isinstance(x, list)}
    texts = [
        chr(FIRST_MARK + place) if isinstance(x, list) else x for place, x in enumerate(operands)
    ]
    runs: list[Run] = []
    text = ""
    for character in in_words(op, texts):
        if character in marks:
            runs += [*plain(text), *marks[character]]
            text = ""
        else:
            text += character
    return [*runs, *plain(text)]
