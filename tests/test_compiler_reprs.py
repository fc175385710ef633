"""What each pass hands on prints well: one short line, whatever the size of the graph."""

from __future__ import annotations

import numpy as np

from tinygrad_mlp import functional as F
from tinygrad_mlp import nn
from tinygrad_mlp.compiler._folding import fold
from tinygrad_mlp.compiler._instructions import Buffer, Instruction, Number, Ref, Table, contiguous
from tinygrad_mlp.compiler._layout import lay_out
from tinygrad_mlp.compiler._lowering import lower
from tinygrad_mlp.compiler._schedule import schedule
from tinygrad_mlp.compiler._symbols import Emitter, Symbol
from tinygrad_mlp.compiler._tracing import trace
from tinygrad_mlp.engine import Value


def test_everything_between_the_passes_prints_as_one_short_line() -> None:
    model = nn.MLP(30, [40, 10], activation="softplus", rng=0)
    permutation = np.random.default_rng(0).permutation(30)

    def loss(x: list[Value], t: list[Value]) -> Value:
        outputs = model.forward([x[i].sin() for i in permutation])
        return F.logsumexp(outputs) - F.dot(outputs, t)

    recording = trace(loss, [(30,), (10,)], model.parameters())
    folded = fold(recording)
    groups = schedule(folded)
    plan = lay_out(groups, recording, folded, per_sample=True)
    lowered = lower(plan, "mean")
    operands = [operand for step in plan.steps for operand in step.operands]
    things = [
        *[recording, *recording.nodes, folded, *folded.nodes.values(), *groups, plan, lowered],
        *[*plan.blocks, *plan.steps, *operands, *lowered.instructions],
    ]
    for text in map(repr, things):
        assert "\n" not in text
        assert len(text) <= 160, text


def test_every_pass_prints_what_it_made() -> None:
    w = [Value(0.5), Value(2.0)]
    recording = trace(lambda x: (F.dot(w, x[0]) + F.dot(w, x[1])).tanh() * w[0] - 1.0, [(2, 2)], w)
    folded = fold(recording)
    groups = schedule(folded)
    plan = lay_out(groups, recording, folded, per_sample=False)
    assert repr(recording) == "Recording(10 nodes, 2 parameters, inputs [(2, 2)], output ())"
    assert repr(recording.nodes[3:5]) == (
        "[Traced(placeholder, index=3), Traced(w1 x1 + ... + wn xn + b, index=4)]"
    )
    assert repr(folded) == "Folded(6 scalar nodes -> 4)"
    assert repr(groups) == (
        "[Group(level 1: 1 x dot, 4 products each), Group(level 2: 1 x tanh), "
        "Group(level 3: 1 x mul), Group(level 4: 1 x sub)]"
    )
    assert repr(lower(plan, None)) == "Arrays(5 instructions, 0 gradients)"
    assert repr(lower(plan, "mean")) == "Arrays(13 instructions, 2 gradients)"


X = Ref(Buffer(6, mapped=True, name="x0"), 0, (2, 3), (3, 1))
T = Ref(Buffer(2, mapped=False), 0, (2,), (1,), pad=True)


def test_a_view_shows_its_shape() -> None:
    assert (repr(X), repr(T)) == ("x0[2, 3, B]", "t[2, 1]")
    single = Ref(Buffer(1, mapped=False, name="c0"), 0, (), ())
    swapped = Ref(X.buffer, 0, (2, 3), (3, 1), swap=True)
    both = Ref(T.buffer, 0, (2, 3), (3, 1), pad=True, swap=True)
    assert [repr(single), repr(swapped), repr(both)] == ["c0", "x0[2, B, 3]", "t[2, 1, 3]"]
    assert (repr(X.buffer), repr(T.buffer)) == ("Buffer(x0: 6 x B)", "Buffer(temporary: 2)")


def test_a_view_in_other_axes() -> None:
    buffer = Buffer(24, mapped=False, name="p")
    ref = Ref(buffer, 0, (1, 4, 6), contiguous((1, 4, 6)))
    assert ref.strides == (0, 6, 1)
    assert contiguous(()) == ()
    assert [contiguous((5,)), contiguous((1,)), contiguous((2, 3, 4))] == [(1,), (0,), (12, 4, 1)]
    turned = ref.axes(0, 2, 1)
    assert (turned.shape, turned.strides) == ((1, 6, 4), (0, 1, 6))
    assert (ref.unstacked().shape, ref.unstacked().strides) == ((4, 6), (6, 1))
    assert ref.unstacked().unstacked() is not ref
    assert ref.unstacked().unstacked().shape == (4, 6)
    part = Ref(buffer, 6, (3, 6), (6, 1), pad=True, swap=True)
    for other in (part.axes(1, 0), part.reshaped((18,)), part.with_axes((3,), (6,))):
        assert (other.buffer, other.offset, other.pad, other.swap) == (buffer, 6, True, True)
    covering = [ref, turned, ref.reshaped((24,)), part, Ref(buffer, 0, (12,), (1,))]
    assert [one.covers_buffer() for one in covering] == [True, False, True, False, False]
    assert not Ref(buffer, 1, (24,), (1,)).covers_buffer()
    assert not Ref(buffer, 0, (24,), (1,), swap=True).in_order
    singles = [Ref(buffer, 3, shape, contiguous(shape)) for shape in ((), (1, 1), (1, 2))]
    assert [one.is_single for one in singles] == [True, True, False]
    assert [one.pad for one in (ref.padded(), part.padded(False), X.padded())] == [
        True,
        False,
        False,
    ]
    assert (part.padded() is part, part.padded(False).swap, part.padded(False).offset) == (
        True,
        True,
        6,
    )


def test_an_instruction_prints_as_a_line_of_text() -> None:
    two = Number("c0", 2.0)
    at0, at1, at2 = [Table(f"at{i}", np.arange(2)) for i in range(3)]
    row, numbers = "x0[2, 3, B]", "t[2, 1]"
    texts = {
        f"add({row}, c0, out={numbers})": Instruction("ufunc", "add", [X, two], T),
        f"add.reduce({row}, axis=(1, 2), out={numbers})": Instruction(
            "reduce", "add", [X], T, (1, 2)
        ),
        f"contract(spkb,sqk->spqb, {row}, {numbers}, out={row})": Instruction(
            "contract", "contract", [X, T], X, labels=("spkb", "sqk", "spqb")
        ),
        f"copyto({row}, {numbers})": Instruction("copy", "copyto", [T], X),
        f"copyto({numbers}, c0)": Instruction("fill", "copyto", [two], T),
        f"take({row}, at0, out={numbers})": Instruction("gather", "take", [X, at0, None], T),
        f"take({row}, at0, at1, out={numbers})": Instruction("gather", "take", [X, at0, at1], T),
        f"{numbers}[at1] += {row}[at0]": Instruction("scatter", "add", [X, at0, None, at1], T),
        f"{numbers}[at1] = {row}[at0]": Instruction("scatter", "assign", [X, at0, at2, at1], T),
        f"loss = element({numbers}) * B": Instruction("loss", "element", [T], X, scale=-1),
        f"loss = inner({row}, {row}) / B": Instruction("loss", "inner", [X, X], T, scale=1),
        f"loss = sum({row})": Instruction("loss", "sum", [X], T),
        f"auxiliary = {row}": Instruction("auxiliary", "", [X], T),
    }
    for text, instruction in texts.items():
        assert repr(instruction) == text


def test_a_symbol_prints_as_a_product() -> None:
    xp = Emitter()
    symbol = Symbol(xp, X, 2.0, 1)
    assert repr(symbol) == "2.0 / B * x0[2, 3, B]"
    assert repr(Symbol(xp, None, 2.0)) == "2.0"
    assert repr(Symbol(xp, X)) == "x0[2, 3, B]"
    assert repr(Symbol(xp, X, 1.0, -1)) == "1.0 * B * x0[2, 3, B]"
    assert repr(xp) == "Emitter(0 instructions)"
