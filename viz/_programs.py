"""A compiled program as a drawing: one box for each group of operations, with its shapes.

Matrix products stand out; parameters and inputs stand where they are read. The arrows lead the way
that the numbers take forwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final

from tinygrad_mlp.compiler import Program
from tinygrad_mlp.compiler._contractions import is_elementwise
from tinygrad_mlp.compiler._layout import Block, Constant, Gather, Operand, Plan, Step, View
from tinygrad_mlp.errors import GraphError
from viz import _markup as markup
from viz._look import LONGEST_IN_TOOLTIP, LONGEST_LABEL, SLACK, Look, digraph, numbered
from viz._markup import cell, font, number, row, statement, table
from viz._themes import Paint
from viz._wording import in_words

__all__ = ["program_dot"]

LEAVES: Final = {
    "parameters": "parameter",
    "constants": "constant",
    "outer": "input",
    "input": "input",
    "random": "constant",
}
"""The kind of node that a block of leaves is, by the kind of the block."""


def program_dot(program: Program, look: Look, max_nodes: int) -> str:
    """The drawing of the program that was recorded last.

    Raises:
        ShapeError: before the first call, when there is nothing recorded yet.
        GraphError: for a program of plain arithmetic, or of more than ``max_nodes`` boxes.

    >>> from tinygrad_mlp.compiler import compile
    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(2, [3, 1], rng=0)
    >>> program = compile(lambda x: model(x), per_sample=True)
    >>> predictions = program([[1.0, 2.0], [3.0, 4.0]])
    >>> program_dot(program, Look(), 500).count("matrix product")
    3
    """
    plan = program.plan
    if plan is None:
        raise GraphError(
            "this program is plain arithmetic, as nothing in it is regular, so it has no groups to "
            "draw; read program.source, or draw the graph of a Value: viz.draw(loss, path)"
        )
    drawing = _ProgramDrawing(program, plan, look)
    text = drawing.text()
    if drawing.n_boxes > max_nodes:
        raise GraphError(
            f"this program has {drawing.n_boxes:,} boxes, more than max_nodes={max_nodes:,}; allow "
            f"its size with max_nodes={drawing.n_boxes}"
        )
    return text


class _ProgramDrawing:
    def __init__(self, program: Program, plan: Plan, look: Look) -> None:
        self.plan = plan
        self.reduction = program.reduction
        self.arguments = {f"x{i}": name for i, name in enumerate(program.argument_names)}
        self.look = look
        self.names = {id(step.out): f"s{index}" for index, step in enumerate(plan.steps)}
        self.leaves: dict[object, str] = {}
        self.statements: list[str] = []
        self.arrows: list[str] = []
        self.roles: dict[str, None] = {}
        outputs = plan.slot_of[plan.folded.outputs]
        self.output_blocks = {id(plan.block_at(int(slot))) for slot in outputs}

    @property
    def n_boxes(self) -> int:
        return len(self.statements)

    def text(self) -> str:
        for step in self.plan.steps:
            self.draw_step(step)
        if self.reduction is not None:
            self.draw_reduction(self.reduction)
        body = ["  graph [ranksep=0.55, nodesep=0.2];", *self.statements, *numbered(self.arrows)]
        return digraph(self.look, "compiled program", "", self.legend(), body)

    def legend(self) -> Iterator[str]:
        theme = self.look.theme
        yield from self.look.role_chips(self.roles)
        if "product" in self.roles:
            yield from self.look.chip(theme.ramp[2], "matrix product")
        batch = "B: samples of the batch" if self.plan.per_sample else ""
        yield cell(font(batch + SLACK, theme.muted, 10))

    def paint(self, role: str) -> Paint:
        self.roles[role] = None
        return self.look.theme.ramp[2] if role == "product" else self.look.theme.roles[role]

    def draw_step(self, step: Step) -> None:
        is_product = step.left is not None and not is_elementwise(step)
        is_output = id(step.out) in self.output_blocks and self.reduction is None
        paint = self.paint("product" if is_product else "output" if is_output else "operation")
        name = self.names[id(step.out)]
        shape = _shape(step.shape, step.out.mapped)
        muted = paint.ink if is_product else self.look.theme.muted
        symbol = (
            f"{SLACK}matrix product{SLACK}"
            if is_product
            else in_words(step.op, [])
            if step.left is None
            else markup.TIMES
        )
        text = symbol if is_product else markup.html_text(symbol)
        rows = [font(text, paint.ink, 12 if is_product else 14, bold=True)]
        factors = [] if step.left is None else [step.left, step.right]
        if is_product:
            shapes = step.product_shapes().replace(" x ", f" {markup.TIMES} ")
            rows.append(font(f"{SLACK}{shapes}{SLACK}", paint.ink, 11))
            if _reads_ones(step.right):
                rows.append(font(f"{SLACK}with a row of ones, for the bias{SLACK}", muted, 10))
        rows.append(font(f"{markup.html_text(step.out.name)}{SLACK}{shape}{SLACK}", muted, 10))
        operands = [*factors, *step.operands]
        numbers = [number(o.number) for o in operands if isinstance(o, Constant) and o.number]
        if numbers:
            rows.append(font(f"with {', '.join(numbers)}{SLACK}", muted, 10))
        content = table(
            *(row(cell(text)) for text in rows),
            paint=paint,
            border=1.8 if is_output else 1,
            padding=4,
        )
        flow = "a gradient flows through it" if step.out.needs_grad else "no gradient is needed"
        tooltip = [f"{step.out.name} {shape}", step.op.explained, flow]
        for operand in operands:
            if operand is not None:
                self.draw_operand(operand, name, step.out.mapped)
        self.statements.append(statement(name, tooltip, content))

    def draw_reduction(self, reduction: str) -> None:
        """The loss of the batch, which the losses of its samples are added up to."""
        paint = self.paint("output")
        title = font(f"{SLACK}{reduction} over B{SLACK}", paint.ink, 12, bold=True)
        content = table(row(cell(title)), paint=paint, border=1.8, padding=4)
        tooltip = [f"the {reduction} of the samples' losses: what the program returns"]
        for block in self.output_blocks:
            if block in self.names:
                self.arrow(self.names[block], "r0", "(B)", "the loss of each sample")
        self.statements.append(statement("r0", tooltip, content))

    def draw_operand(self, operand: Operand, target: str, mapped: bool) -> None:
        if isinstance(operand, View):
            source = self.names.get(id(operand.block)) or self.draw_leaf(
                operand.block, tuple(dict.fromkeys(_slots(operand)))
            )
            tooltip = f"{operand.block.name}, strides {operand.strides}"
            label = _shape(_without_ones(operand), mapped and operand.mapped)
            self.arrow(source, target, label, tooltip)
        elif isinstance(operand, Gather):
            by_block: dict[int, tuple[Block, list[int]]] = {}
            for slot in dict.fromkeys(operand.slots.ravel().tolist()):
                block = self.plan.block_at(slot)
                by_block.setdefault(id(block), (block, []))[1].append(slot - block.base)
            for block, slots in by_block.values():
                source = self.names.get(id(block)) or self.draw_leaf(block, tuple(slots))
                self.arrow(source, target, "gather", "copied, as it lies in no regular order")

    def arrow(self, source: str, target: str, label: str, tooltip: str) -> None:
        color = self.look.theme.muted
        text = f"{source} -> {target} [{self.look.edge_label(label)}, "
        self.arrows.append(f'{text}fontcolor="{color}", tooltip={markup.quoted(tooltip)}')

    def draw_leaf(self, block: Block, slots: tuple[int, ...]) -> str:
        """A box for a block of leaves; of parameters, for the part that is read."""
        by_part = block.kind == "parameters"
        key = (id(block), tuple(sorted(slots)) if by_part else None)
        if key in self.leaves:
            return self.leaves[key]
        name = self.leaves[key] = f"l{len(self.leaves)}"
        paint = self.paint(LEAVES[block.kind])
        if by_part:
            labels = [self.plan.recording.parameters[slot].label for slot in slots]
            title = markup.visible(_common_path(labels)) or "parameters"
            size = f"{len(slots):,} of {block.size:,} parameters"
        else:
            own_name = self.arguments.get(block.name, block.name)
            title = "values read" if block.kind == "outer" else own_name
            size = f"({block.size:,}{', B' if block.mapped else ''})"
        shown = markup.html_text(markup.shortened(title, LONGEST_LABEL))
        lines = [
            font(f"{SLACK}{shown}{SLACK}", paint.ink, 11, bold=True),
            font(f"{SLACK}{size}{SLACK}", self.look.theme.muted, 10),
        ]
        content = table(*(row(cell(line)) for line in lines), paint=paint, padding=4)
        tooltip = [f"{markup.shortened(title, LONGEST_IN_TOOLTIP)}: {size}"]
        self.statements.append(statement(name, tooltip, content))
        return name


def _common_path(labels: Sequence[str]) -> str:
    """What the labels of some parameters have in common: "layers.0"; "" for nothing."""
    paths = [label.split(".") for label in labels]
    shared = takewhile(_is_the_same, zip(*paths, strict=False))
    return ".".join(parts[0] for parts in shared).removesuffix(".neurons")


def _is_the_same(parts: Sequence[str]) -> bool:
    return len(set(parts)) == 1


def _last_slot(view: View) -> int:
    return view.offset + sum((n - 1) * s for n, s in zip(view.shape, view.strides, strict=True))


def _reads_ones(operand: Operand | None) -> bool:
    """Whether an operand goes on into the ones that stand behind its block."""
    return isinstance(operand, View) and _last_slot(operand) >= operand.block.size


def _without_ones(view: View) -> tuple[int, ...]:
    *axes, last = view.shape
    return (*axes, last - 1) if _reads_ones(view) else view.shape


def _slots(view: View) -> Iterator[int]:
    """The slots that a view reads, counted from the start of its block."""
    positions = [view.offset]
    for length, stride in zip(view.shape, view.strides, strict=True):
        positions = [at + stride * index for at in positions for index in range(length)]
    yield from positions


def _shape(shape: tuple[int, ...], mapped: bool) -> str:
    """A shape without the axes of length 1 in front, with B for the samples."""
    sizes = [f"{size:,}" for size in shape]
    while len(sizes) > 1 and sizes[0] == "1":
        sizes.pop(0)
    while mapped and len(sizes) > 1 and sizes[-1] == "1":
        sizes.pop()
    return f"({', '.join([*sizes, 'B'] if mapped else sizes)})"
