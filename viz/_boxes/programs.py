"""A compiled program as a drawing: one box for each group of operations, with its shapes.

Matrix products stand out; parameters and inputs stand where they are read. The arrows lead the way
that the numbers take forwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from tinygrad_mlp.compiler import Program
from tinygrad_mlp.compiler._contractions import is_elementwise
from tinygrad_mlp.compiler._layout import Block, Constant, Gather, Operand, Plan, Step, View
from tinygrad_mlp.errors import GraphError
from viz._boxes.box_legend import chip, role_chips
from viz._boxes.box_scene import Edge, scene_of
from viz._boxes.box_scene import Plan as BoxPlan
from viz._boxes.box_trees import alone
from viz._boxes.cards import LETTERS, Card, Cell, Row
from viz._boxes.placement import Spacing
from viz._boxes.wording import in_words
from viz._scene.legend import Entry
from viz._scene.scene import Scene, plain
from viz._style import markup
from viz._style.look import LONGEST_IN_TOOLTIP, LONGEST_LABEL, Look
from viz._style.markup import number
from viz._style.themes import Paint

__all__ = ["program_scene"]

TITLE: Final = 1.2 * LETTERS

LEAVES: Final = {
    "parameters": "parameter",
    "constants": "constant",
    "outer": "input",
    "input": "input",
    "random": "constant",
}
"""The kind of node that a block of leaves is, by the kind of the block."""


def program_scene(program: Program, look: Look, max_nodes: int) -> Scene:
    """The drawing of the program that was recorded last.

    Raises:
        ShapeError: before the first call, when there is nothing recorded yet.
        GraphError: for a program of plain arithmetic, or of more than ``max_nodes`` boxes.

    >>> from tinygrad_mlp.compiler import compile
    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(2, [3, 1], rng=0)
    >>> program = compile(lambda x: model(x), per_sample=True)
    >>> predictions = program([[1.0, 2.0], [3.0, 4.0]])
    >>> from viz._scene.svg_text import svg_text
    >>> svg_text(program_scene(program, Look(), 500)).count("matrix product")
    3
    """
    plan = program.plan
    if plan is None:
        raise GraphError(
            "this program is plain arithmetic, as nothing in it is regular, so it has no groups to "
            "draw; read program.source, or draw the graph of a Value: viz.draw(loss, path)"
        )
    drawing = _ProgramDrawing(program, plan, look)
    n_boxes = len(drawing.boxes)
    if n_boxes > max_nodes:
        raise GraphError(
            f"this program has {n_boxes:,} boxes, more than max_nodes={max_nodes:,}; allow "
            f"its size with max_nodes={n_boxes}"
        )
    return drawing.scene()


@dataclass(slots=True)
class _Box:
    """A box while its arrows are collected: what stands in it, and what each arrow brings.

    ``quiet`` is the color of what stands back; an arrow is its source, words, and a tooltip.
    """

    rows: list[Row]
    paint: Paint
    tooltip: list[str]
    quiet: str
    border: float = 1.0
    arrows: list[tuple[str, str, str]] = field(default_factory=list)


class _ProgramDrawing:
    def __init__(self, program: Program, plan: Plan, look: Look) -> None:
        self.plan = plan
        self.reduction = program.reduction
        self.arguments = {f"x{i}": name for i, name in enumerate(program.argument_names)}
        self.look = look
        self.names = {id(step.out): f"s{index}" for index, step in enumerate(plan.steps)}
        self.leaves: dict[object, str] = {}
        self.boxes: dict[str, _Box] = {}
        self.roles: dict[str, None] = {}
        outputs = plan.slot_of[plan.folded.outputs]
        self.output_blocks = {id(plan.block_at(int(slot))) for slot in outputs}
        for step in plan.steps:
            self.add_step(step)
        if program.reduction is not None:
            self.add_reduction(program.reduction)

    def scene(self) -> Scene:
        """The drawing."""
        cards = {
            name: Card(
                name,
                box.rows,
                box.paint,
                [Row(Cell(plain(label), box.quiet)) for _, label, _ in box.arrows],
                len(box.arrows),
                box.border,
                box.tooltip,
                direction=self.look.direction,
            )
            for name, box in self.boxes.items()
        }
        edges = [
            Edge(cards[source], (cards[name], place), self.look.theme.line, 0.9, [tooltip])
            for name, box in self.boxes.items()
            for place, (source, _, tooltip) in enumerate(box.arrows)
        ]
        blocks = [alone(card, f"g{name}", self.look.direction) for name, card in cards.items()]
        drawing = BoxPlan("compiled program", blocks, edges=edges, legend=list(self.legend()))
        drawing.spacing = Spacing(along=40.0, across=14.0)
        return scene_of(drawing, self.look)

    def legend(self) -> Iterator[Entry]:
        theme = self.look.theme
        yield from role_chips(self.look, self.roles)
        if "product" in self.roles:
            yield chip(theme.ramp[2], "matrix product")
        if self.plan.per_sample:
            yield Entry((), 0.0, "B: samples of the batch")

    def paint(self, role: str) -> Paint:
        self.roles[role] = None
        return self.look.theme.ramp[2] if role == "product" else self.look.theme.roles[role]

    def muted(self, text: str) -> Cell:
        return Cell(plain(text), self.look.theme.muted)

    def add_step(self, step: Step) -> None:
        is_product = step.left is not None and not is_elementwise(step)
        is_output = id(step.out) in self.output_blocks and self.reduction is None
        paint = self.paint("product" if is_product else "output" if is_output else "operation")
        shape = _shape(step.shape, step.out.mapped)
        quiet = paint.ink if is_product else self.look.theme.muted
        symbol = in_words(step.op, []) if step.left is None else markup.TIMES
        if is_product:
            symbol = "matrix product"
        rows = [Row(Cell(plain(symbol), paint.ink, TITLE, bold=True))]
        factors = [] if step.left is None else [step.left, step.right]
        if is_product:
            shapes = step.product_shapes().replace(" x ", f" {markup.TIMES} ")
            rows.append(Row(Cell(plain(shapes), paint.ink)))
            if _reads_ones(step.right):
                rows.append(Row(Cell(plain("with a row of ones, for the bias"), quiet)))
        rows.append(Row(Cell(plain(f"{step.out.name} {shape}"), quiet)))
        operands = [*factors, *step.operands]
        numbers = [number(o.number) for o in operands if isinstance(o, Constant) and o.number]
        if numbers:
            rows.append(Row(Cell(plain(f"with {', '.join(numbers)}"), quiet)))
        flow = "a gradient flows through it" if step.out.needs_grad else "no gradient is needed"
        box = _Box(rows, paint, [f"{step.out.name} {shape}", step.op.explained, flow], quiet)
        box.border = 1.8 if is_output else 1.0
        for operand in operands:
            if operand is not None:
                self.add_operand(operand, box, step.out.mapped)
        self.boxes[self.names[id(step.out)]] = box

    def add_reduction(self, reduction: str) -> None:
        """The loss of the batch, which the losses of its samples are added up to."""
        paint = self.paint("output")
        title = Cell(plain(f"{reduction} over B"), paint.ink, TITLE, bold=True)
        tooltip = [f"the {reduction} of the samples' losses: what the program returns"]
        box = _Box([Row(title)], paint, tooltip, self.look.theme.muted, border=1.8)
        for block in self.output_blocks:
            if block in self.names:
                box.arrows.append((self.names[block], "reads (B)", "the loss of each sample"))
        self.boxes["r0"] = box

    def add_operand(self, operand: Operand, box: _Box, mapped: bool) -> None:
        if isinstance(operand, View):
            source = self.names.get(id(operand.block)) or self.leaf(
                operand.block, tuple(dict.fromkeys(_slots(operand)))
            )
            tooltip = f"{operand.block.name}, strides {operand.strides}"
            label = f"reads {_shape(_without_ones(operand), mapped and operand.mapped)}"
            box.arrows.append((source, label, tooltip))
        elif isinstance(operand, Gather):
            by_block: dict[int, tuple[Block, list[int]]] = {}
            for slot in dict.fromkeys(operand.slots.ravel().tolist()):
                block = self.plan.block_at(slot)
                by_block.setdefault(id(block), (block, []))[1].append(slot - block.base)
            for block, slots in by_block.values():
                source = self.names.get(id(block)) or self.leaf(block, tuple(slots))
                box.arrows.append((source, "gathers", "copied, as it lies in no regular order"))

    def leaf(self, block: Block, slots: tuple[int, ...]) -> str:
        """The box for a block of leaves; of parameters, for the part that is read."""
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
        shown = markup.shortened(title, LONGEST_LABEL)
        rows = [Row(Cell(plain(shown), paint.ink, bold=True)), Row(self.muted(size))]
        tooltip = [f"{markup.shortened(title, LONGEST_IN_TOOLTIP)}: {size}"]
        self.boxes[name] = _Box(rows, paint, tooltip, self.look.theme.muted)
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
