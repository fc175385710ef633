"""What becomes of sums and products when they are folded, written down node by node.

On the left what a person writes, on its right the nodes in their order: ``s1`` depends on the
sample, ``u1`` is the same for all samples. A sum of products shows its factors side by side.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from tests.back_ends import forced
from tinygrad_mlp import functional as F
from tinygrad_mlp import ops
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._folding import Folded, fold
from tinygrad_mlp.compiler._tracing import Recording, trace
from tinygrad_mlp.engine import Value, no_grad

N_INPUTS: Final = 4


def detached(value: Value) -> Value:
    with no_grad():
        return value * 1.0


def evaluated(expression: str, w: list[Value], x: list[Value]) -> list[Value]:
    names = {"w": w, "x": x, "F": F, "detached": detached}
    result = eval(expression, names)
    return result if isinstance(result, list) else [result]


class Folding:
    """An expression, folded."""

    def __init__(self, expression: str) -> None:
        self.w = [Value(0.25 * (i + 1)) for i in range(6)]
        self.recording: Recording = trace(
            lambda x: evaluated(expression, self.w, x), [(N_INPUTS,)], self.w
        )
        self.folded: Folded = fold(self.recording)
        self._names = {id_: f"w{i}" for i, id_ in enumerate(self.folded.parameters)}
        self._names |= {id_: f"x{i}" for i, id_ in enumerate(self.recording.inputs[0][1])}
        self._names |= {id_: f"{number:g}" for id_, number in self.folded.constants.items()}
        for number, id_ in enumerate(self.folded.nodes, start=1):
            self._names[id_] = f"{'s' if self.folded.varies[id_] else 'u'}{number}"

    def text(self) -> str:
        lines = [f"{self._names[id_]} = {self._node(id_)}" for id_ in self.folded.nodes]
        return "; ".join([*lines, ", ".join([self._names[id_] for id_ in self.folded.outputs])])

    def _node(self, id_: int) -> str:
        node = self.folded.nodes[id_]
        args = [self._names[arg] for arg in node.args]
        if node.op is not ops.DOT:
            return f"{node.op.name}({', '.join(args)})"
        names = self._names
        products = [f"{names[a]} {names[b]}" for a, b in zip(node.left, node.right)]
        return " + ".join([*products, *args])

    def check_flags(self) -> None:
        """A node varies, or needs a gradient, if an operand does; nothing flows to constants."""
        folded = self.folded
        for id_, node in folded.nodes.items():
            operands = [*node.args, *node.left, *node.right]
            assert folded.varies[id_] == folded.varies[operands].any()
            if not self.recording.detached:
                assert folded.needs_grad[id_] == folded.needs_grad[operands].any()


FOLDED: Final = {
    "w[0] * x[0]": "s1 = mul(w0, x0); s1",
    "x[0] * w[0]": "s1 = mul(x0, w0); s1",
    "w[0] * x[0] + w[1] * x[1]": "s1 = w0 x0 + w1 x1; s1",
    "x[0] * w[0] + x[1] * w[1]": "s1 = w0 x0 + w1 x1; s1",
    "w[0] * x[0] + w[1] * x[1] + w[2]": "s1 = w0 x0 + w1 x1 + w2; s1",
    "w[2] + w[0] * x[0] + w[1] * x[1]": "s1 = w0 x0 + w1 x1 + w2; s1",
    "x[0] * x[1] + x[2] * w[0]": "s1 = x0 x1 + w0 x2; s1",
    "w[0] * w[1] + w[2] * w[3]": "u1 = w0 w1 + w2 w3; u1",
    "w[0] + x[0]": "s1 = add(w0, x0); s1",
    "w[0] + w[1] + x[0]": "u1 = add(w0, w1); s2 = add(u1, x0); s2",
    "F.sum([w[0], w[1], x[0]])": "s1 = sum(w0, w1, x0); s1",
    "x[0] + x[1] + w[0] + w[1]": "s1 = sum(x0, x1, w0, w1); s1",
    "x[0] + (x[1] + x[2]) + x[3]": "s1 = sum(x1, x2, x0, x3); s1",
    "(x[0] + x[1]) + (x[2] + w[0] * x[3])": "s1 = w0 x3 + x0 + x1 + x2; s1",
    "(w[0] * x[0] + x[1]) + (w[1] * x[1] + w[2] * x[2])": "s1 = w1 x1 + w2 x2 + w0 x0 + x1; s1",
    "(x[0] + x[1]) * (x[0] + x[1])": "s1 = add(x0, x1); s2 = mul(s1, s1); s2",
    "[x[0] + x[1], x[0] + x[1]]": "s1 = add(x0, x1); s1, s1",
    "[w[0] * x[0], w[0] * x[0] + x[1]]": "s1 = mul(w0, x0); s2 = w0 x0 + x1; s1, s2",
    "F.sin(w[0] * x[0]) + w[0] * x[0]": "s1 = mul(w0, x0); s2 = sin(s1); s3 = w0 x0 + s2; s3",
    "F.sin(x[0] + x[1]) + (x[0] + x[1])": (
        "s1 = add(x0, x1); s2 = sin(s1); s3 = sum(x0, x1, s2); s3"
    ),
    "w[0] * w[1] + x[0]": "u1 = mul(w0, w1); s2 = add(u1, x0); s2",
    "w[0] * w[1] + w[2] * x[0]": "u1 = mul(w0, w1); s2 = w2 x0 + u1; s2",
    "w[0] * w[1] + w[2] * w[3] + x[0]": "u1 = w0 w1 + w2 w3; s2 = add(u1, x0); s2",
    "F.dot([w[0], w[1]], [w[2], w[3]], x[0])": "u1 = w0 w2 + w1 w3; s2 = sum(u1, x0); s2",
    "F.dot([w[0], w[1]], [w[2], w[3]], w[4])": "u1 = w0 w2 + w1 w3 + w4; u1",
    "(w[0] + w[1]) + x[0] + x[1]": "u1 = add(w0, w1); s2 = sum(u1, x0, x1); s2",
    "F.dot([w[0], w[1]], [x[0], x[1]])": "s1 = w0 x0 + w1 x1; s1",
    "F.dot([x[0], x[1]], [w[0], w[1]])": "s1 = w0 x0 + w1 x1; s1",
    "F.dot([x[0], w[1]], [w[0], x[1]])": "s1 = w0 x0 + w1 x1; s1",
    "F.dot([x[0], x[1]], [x[2], w[1]])": "s1 = x0 x2 + x1 w1; s1",
    "F.dot([x[0], w[1]], [x[2], w[2]])": "s1 = x0 x2 + w1 w2; s1",
    "F.dot([x[0], x[1]], [x[2], x[3]])": "s1 = x0 x2 + x1 x3; s1",
    "F.dot([w[0], w[1]], [x[0], x[1]], w[2]) + F.dot([w[2]], [x[2]])": (
        "s1 = w0 x0 + w1 x1 + w2 x2 + w2; s1"
    ),
    "F.dot([w[0], w[1]], [x[0], x[1]]) + w[2] * x[2] + w[3]": "s1 = w0 x0 + w1 x1 + w2 x2 + w3; s1",
    "w[2] * x[2] + F.dot([w[0], w[1]], [x[0], x[1]], w[3])": "s1 = w0 x0 + w1 x1 + w2 x2 + w3; s1",
    "F.dot([w[0], w[1]], [x[0], x[1]], w[2] * x[2])": "s1 = w0 x0 + w1 x1 + w2 x2; s1",
    "F.dot([w[0], w[1]], [x[0], x[1]], x[2] + x[3])": "s1 = w0 x0 + w1 x1 + x2 + x3; s1",
    "[F.dot([w[0], w[1]], [x[0], x[1]]), F.dot([w[0], w[1]], [x[0], x[1]], w[2])]": (
        "s1 = w0 x0 + w1 x1; s2 = w0 x0 + w1 x1 + w2; s1, s2"
    ),
    "w[0] - w[1] * x[0]": "s1 = mul(w1, x0); s2 = sub(w0, s1); s2",
    "w[0] - w[1] * x[0] - w[2] * x[1]": "s1 = w1 x0 + w2 x1; s2 = sub(w0, s1); s2",
    "x[3] - w[1] * x[0] - x[2]": "s1 = mul(w1, x0); s2 = sub(x3, s1); s3 = sub(s2, x2); s3",
    "w[0] * x[0] - w[1] * x[1]": "s1 = mul(w1, x1); s2 = w0 x0; s3 = sub(s2, s1); s3",
    "w[0] * x[0] + w[3] - w[1] * x[1]": "s1 = mul(w1, x1); s2 = w0 x0 + w3; s3 = sub(s2, s1); s3",
    "-(w[0] * x[0]) - w[1] * x[1]": "s1 = w0 x0 + w1 x1; s2 = neg(s1); s2",
    "-(w[0] * x[0])": "s1 = mul(w0, x0); s2 = neg(s1); s2",
    "-(w[0] * x[0]) + w[1]": "s1 = mul(w0, x0); s2 = sub(w1, s1); s2",
    "-(w[0] * x[0]) - w[1] * x[1] + w[2]": "s1 = w0 x0 + w1 x1; s2 = sub(w2, s1); s2",
    "-(-(w[0] * x[0])) + w[1] * x[1]": "s1 = w0 x0 + w1 x1; s1",
    "w[0] - x[0]": "s1 = sub(w0, x0); s1",
    "w[0] - (x[0] + x[1])": "s1 = add(x0, x1); s2 = sub(w0, s1); s2",
    "x[0] - w[0] * w[1]": "u1 = mul(w0, w1); s2 = sub(x0, u1); s2",
    "[w[1] * x[0], w[0] - w[1] * x[0]]": "s1 = mul(w1, x0); s2 = sub(w0, s1); s1, s2",
    "0.5 * (w[0] * x[0])": "s1 = mul(w0, x0); s2 = mul(0.5, s1); s2",
    "0.5 * (w[0] * x[0]) + 0.5 * (w[1] * x[1])": "s1 = w0 x0 + w1 x1; s2 = mul(s1, 0.5); s2",
    "w[0] * x[0] * 0.5 + w[1] * x[1] * 0.25": (
        "s1 = mul(w0, x0); s2 = mul(w1, x1); s3 = mul(s1, 0.5); s4 = mul(s2, 0.25); "
        "s5 = add(s3, s4); s5"
    ),
    "w[0] * x[0] / 4.0 + w[1] * x[1] / 4.0": "s1 = w0 x0 + w1 x1; s2 = mul(s1, 0.25); s2",
    "w[0] * x[0] / 4.0 + w[1] * x[1] / 4.0 + w[2]": (
        "s1 = w0 x0 + w1 x1; s2 = mul(s1, 0.25); s3 = add(w2, s2); s3"
    ),
    "w[0] * x[0] / 4.0 + w[1] * x[1]": "s1 = mul(w0, x0); s2 = mul(s1, 0.25); s3 = w1 x1 + s2; s3",
    "-(w[0] * x[0] / 4.0) - w[1] * x[1]": (
        "s1 = mul(w0, x0); s2 = mul(s1, -0.25); s3 = mul(w1, x1); s4 = sub(s2, s3); s4"
    ),
    "w[0] * x[0] / -4.0 + 0.25 * (w[1] * x[1]) + w[2] * x[2] / 0.5": (
        "s1 = mul(w0, x0); s2 = mul(w1, x1); s3 = mul(w2, x2); s4 = mul(s1, -0.25); "
        "s5 = mul(s2, 0.25); s6 = mul(s3, 2); s7 = sum(s4, s5, s6); s7"
    ),
    "(0.5 * (w[0] * x[0]) + x[2]) + (0.5 * (w[1] * x[1]) + x[3])": (
        "s1 = w0 x0 + w1 x1; s2 = mul(s1, 0.5); s3 = sum(x2, x3, s2); s3"
    ),
    "(0.5 * (w[0] * x[0]) + 0.25 * (w[1] * x[1])) + 0.25 * (w[2] * x[2])": (
        "s1 = mul(w0, x0); s2 = w1 x1 + w2 x2; s3 = mul(s1, 0.5); s4 = mul(s2, 0.25); "
        "s5 = add(s3, s4); s5"
    ),
    "2.0 * (0.5 * (w[0] * x[0])) + w[1] * x[1]": "s1 = w0 x0 + w1 x1; s1",
    "4.0 * (0.5 * (w[0] * x[0])) + w[1] * x[1] * 2.0": "s1 = w0 x0 + w1 x1; s2 = mul(s1, 2); s2",
    "x[1] - 0.5 * (w[0] * x[0])": "s1 = mul(w0, x0); s2 = mul(s1, -0.5); s3 = add(x1, s2); s3",
    "F.sin(0.5 * (w[0] * x[0]))": "s1 = mul(w0, x0); s2 = mul(0.5, s1); s3 = sin(s2); s3",
    "[0.5 * (w[0] * x[0]), 0.5 * (w[0] * x[0]) + x[1]]": (
        "s1 = mul(w0, x0); s2 = mul(0.5, s1); s3 = mul(s1, 0.5); s4 = add(x1, s3); s2, s4"
    ),
    "0.5 * (w[0] * w[1]) + x[0]": "u1 = mul(w0, w1); u2 = mul(0.5, u1); s3 = add(u2, x0); s3",
    "0.5 * x[0] + 0.5 * x[1]": "s1 = 0.5 x0 + 0.5 x1; s1",
    "0.5 * x[0] + w[0] * x[1]": "s1 = 0.5 x0 + w0 x1; s1",
    "x[0] / 2.0 + w[0] * x[1]": "s1 = div(x0, 2); s2 = w0 x1 + s1; s2",
    "2.0 / x[0] + w[0] * x[1]": "s1 = div(2, x0); s2 = w0 x1 + s1; s2",
    "w[0] * x[0] / x[1] + w[1]": "s1 = mul(w0, x0); s2 = div(s1, x1); s3 = add(s2, w1); s3",
    "w[0] * x[0] * 1e60 + w[1] * x[1]": "s1 = mul(w0, x0); s2 = 1e+60 s1 + w1 x1; s2",
    "w[0] * x[0] * 1e-60 + w[1] * x[1]": "s1 = mul(w0, x0); s2 = 1e-60 s1 + w1 x1; s2",
    "w[0] * x[0] * 1e40 * 1e40 + w[1] * x[1]": (
        "s1 = mul(w0, x0); s2 = mul(s1, 1e+40); s3 = 1e+40 s2 + w1 x1; s3"
    ),
    "w[0] * x[0] * 1e-40 * 1e-40 + w[1] * x[1]": (
        "s1 = mul(w0, x0); s2 = mul(s1, 1e-40); s3 = 1e-40 s2 + w1 x1; s3"
    ),
    "w[0] * x[0] / 0.0 + w[1] * x[1]": "s1 = mul(w0, x0); s2 = div(s1, 0); s3 = w1 x1 + s2; s3",
    "w[0] * x[0] * 0.0 + w[1] * x[1]": "s1 = mul(w0, x0); s2 = 0 s1 + w1 x1; s2",
    "w[0] * x[0] + x[1] + x[2] + x[3]": "s1 = w0 x0 + x1 + x2 + x3; s1",
    "w[0] * x[0] + x[1] + x[2] + x[3] + w[1]": "s1 = sum(x1, x2, x3, w1); s2 = w0 x0 + s1; s2",
    "-(w[0] * x[0]) + x[1] + x[2] + x[3] + w[1]": (
        "s1 = mul(w0, x0); s2 = sum(x1, x2, x3, w1); s3 = sub(s2, s1); s3"
    ),
    "F.sum([])": "0",
    "F.sum([]) + x[0]": "s1 = add(0, x0); s1",
    "F.sum([x[0]]) + x[1]": "s1 = add(x0, x1); s1",
    "F.sum([w[0] * x[0]])": "s1 = mul(w0, x0); s1",
    "F.sum([F.sum([w[0] * x[0], x[1]]), x[2]])": "s1 = w0 x0 + x1 + x2; s1",
    "F.dot([], []) + x[0]": "s1 = add(0, x0); s1",
    "x[0] * 1.0 + x[1]": "s1 = add(x0, x1); s1",
    "x[0] / 1.0 + x[1]": "s1 = add(x0, x1); s1",
    "(x[0] ** 1) + x[1]": "s1 = add(x0, x1); s1",
    "x[0] ** 2 + x[1] ** -1": "s1 = square(x0); s2 = reciprocal(x1); s3 = add(s1, s2); s3",
    "x[0] ** 3": "s1 = pow_number(x0, 3); s1",
    "1.0 * x[0]": "s1 = mul(1, x0); s1",
    "(w[0] * x[0]) * 1.0 + w[1] * x[1]": "s1 = w0 x0 + w1 x1; s1",
    "(x[0] * 1.0) * (x[0] * 1.0)": "s1 = mul(x0, x0); s1",
    "[x[0] * 1.0, (x[0] + x[1]) * 1.0]": "s1 = add(x0, x1); x0, s1",
    "F.sin((x[0] + x[1]) * 1.0) + (x[0] + x[1]) * 1.0": (
        "s1 = add(x0, x1); s2 = sin(s1); s3 = sum(x0, x1, s2); s3"
    ),
    "detached(w[0] * x[0]) + w[1] * x[1]": "s1 = mul(w0, x0); s2 = mul(s1, 1); s3 = w1 x1 + s2; s3",
    "detached(w[0]) * x[0]": "u1 = mul(w0, 1); s2 = mul(u1, x0); s2",
    "detached(x[0]) * w[0]": "s1 = mul(x0, w0); s1",
    "detached(w[0] * x[0] + x[1]) + w[1]": "s1 = w0 x0 + x1; s2 = mul(s1, 1); s3 = add(s2, w1); s3",
    "F.sin(x[0]) + F.sin(x[0])": "s1 = sin(x0); s2 = add(s1, s1); s2",
    "F.sin(x[0]) * F.sin(x[0]) + F.sin(x[1]) * F.sin(x[0])": (
        "s1 = sin(x0); s2 = sin(x1); s3 = s1 s1 + s2 s1; s3"
    ),
    "F.sin(x[0] * 2.0) + F.cos(x[0] * 2.0)": (
        "s1 = mul(x0, 2); s2 = sin(s1); s3 = cos(s1); s4 = add(s2, s3); s4"
    ),
    "F.sin(x[0] + 0.0) + F.sin(x[0] + -0.0)": (
        "s1 = add(x0, 0); s2 = sin(s1); s3 = add(x0, -0); s4 = sin(s3); s5 = add(s2, s4); s5"
    ),
    "[F.dot([w[0], w[1]], [x[0], x[1]]), F.dot([w[0], w[1]], [x[0], x[1]])]": (
        "s1 = w0 x0 + w1 x1; s1, s1"
    ),
    "[w[0] * x[0] + w[1] * x[1], F.dot([w[0], w[1]], [x[0], x[1]])]": "s1 = w0 x0 + w1 x1; s1, s1",
    "[F.sin(w[0] * x[0]), F.sin(x[0] * w[0])]": (
        "s1 = mul(w0, x0); s2 = sin(s1); s3 = mul(x0, w0); s4 = sin(s3); s2, s4"
    ),
    "[F.sum([x[0], x[1], x[2]]), F.sum([x[0], x[1], x[2]]) * w[0]]": (
        "s1 = sum(x0, x1, x2); s2 = mul(s1, w0); s1, s2"
    ),
    "[detached(F.sin(w[0])), F.sin(w[0])]": "u1 = sin(w0); u2 = mul(u1, 1); u2, u1",
    "[0.5 * (w[0] * x[0]) + 0.25 * (w[1] * x[1]), 0.5 * (w[0] * x[0]) + x[2]]": (
        "s1 = mul(w0, x0); s2 = mul(w1, x1); s3 = mul(s1, 0.5); s4 = mul(s2, 0.25); "
        "s5 = add(s3, s4); s6 = add(x2, s3); s5, s6"
    ),
    "F.dot([2.0, 3.0], [x[0], x[1]]) + F.dot([2.0, 3.0], [x[2], x[3]])": (
        "s1 = 2 x0 + 3 x1 + 2 x2 + 3 x3; s1"
    ),
    "w[0] * (x[0] + x[1]) + w[1] * (x[0] + x[1])": "s1 = add(x0, x1); s2 = w0 s1 + w1 s1; s2",
    "F.mean([w[0] * x[0], w[1] * x[1]])": "s1 = w0 x0 + w1 x1; s2 = div(s1, 2); s2",
    "F.maximum(w[0] * x[0], x[1]) + w[1] * x[1]": (
        "s1 = mul(w0, x0); s2 = maximum(s1, x1); s3 = w1 x1 + s2; s3"
    ),
    "(w[0] * x[0]) * (w[1] * x[1])": "s1 = mul(w0, x0); s2 = mul(w1, x1); s3 = mul(s1, s2); s3",
    "(w[0] * x[0]) * x[1] + w[2]": "s1 = mul(w0, x0); s2 = s1 x1 + w2; s2",
    "(w[0] * x[0] + x[1]) * 0.5": "s1 = w0 x0 + x1; s2 = mul(s1, 0.5); s2",
}


@pytest.mark.parametrize("first", range(0, len(FOLDED), 10))
def test_sums_are_folded(first: int) -> None:
    expected = dict(list(FOLDED.items())[first : first + 10])
    for expression in expected:
        Folding(expression).check_flags()
    assert {expression: Folding(expression).text() for expression in expected} == expected


@pytest.mark.parametrize("first", range(0, len(FOLDED), 10))
def test_what_is_folded_gives_the_same_numbers(first: int) -> None:
    X = np.random.default_rng(0).normal(size=(2, N_INPUTS))
    for expression in list(FOLDED)[first : first + 10]:
        w = [Value(0.25 * (i + 1)) for i in range(6)]

        def loss(x: list[Value], expression: str = expression, w: list[Value] = w) -> Value:
            return F.sum([F.tanh(out) for out in evaluated(expression, w, x)])

        with forced("arrays"):
            program = compile(loss, w, per_sample=True)
            found = program(X)
        expected = F.mean([loss([Value(number) for number in row]) for row in X.tolist()])
        expected.backward()
        np.testing.assert_allclose(found, expected.data, rtol=1e-12, err_msg=expression)
        gradients = [value.grad for value in w]
        np.testing.assert_allclose(
            program.gradients, gradients, rtol=1e-12, atol=1e-15, err_msg=expression
        )
