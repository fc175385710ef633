"""What each pass hands on prints well: one short line, whatever the size of the graph."""

from __future__ import annotations

import numpy as np

from tinygrad_mlp import functional as F
from tinygrad_mlp import nn
from tinygrad_mlp.compiler.folding import fold
from tinygrad_mlp.compiler.instructions import Buffer, Instruction, Ref
from tinygrad_mlp.compiler.layout import lay_out
from tinygrad_mlp.compiler.lowering import lower
from tinygrad_mlp.compiler.schedule import schedule
from tinygrad_mlp.compiler.symbols import Emitter, Symbol
from tinygrad_mlp.compiler.tracing import trace
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


X = Ref(Buffer(6, mapped=True, name="x0"), 0, (2, 3), (3, 1))
T = Ref(Buffer(2, mapped=False), 0, (2,), (1,), pad=True)


def test_a_view_shows_its_shape() -> None:
    assert (repr(X), repr(T)) == ("x0[2, 3, B]", "t[2, 1]")


def test_an_instruction_prints_as_its_numpy_text() -> None:
    texts = {
        "add(x0[2, 3, B], c0, out=t[2, 1])": Instruction("ufunc", "add", [X, "c0"], T),
        "add.reduce(x0[2, 3, B], axis=(1, 2), out=t[2, 1])": Instruction(
            "reduce", "add", [X], T, (1, 2)
        ),
        "einsum('spkb->s', x0[2, 3, B], out=t[2, 1])": Instruction("einsum", "spkb->s", [X], T),
        "copyto(x0[2, 3, B], t[2, 1])": Instruction("copy", "copyto", [T], X),
        "loss = float(t[2, 1][0])": Instruction("loss", "float({0}[0])", [T], X),
        "auxiliary = x0[2, 3, B]": Instruction("auxiliary", "", [X], T),
        "t[2, 1][at1] += x0[2, 3, B][at0]": Instruction("scatter", "+=", [X, "at0", "", "at1"], T),
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
