"""Two instructions in one pass of the library: only where nobody can tell the difference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tinygrad_mlp import Value
from tinygrad_mlp._native._library import Library
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._backends.native import Bound
from tinygrad_mlp.compiler._backends.native_fusion import fused
from tinygrad_mlp.compiler._instructions import Buffer, Instruction, Number, Ref
from tinygrad_mlp.functional import relu

JOINED = "multiply_where_unequal"
ZERO = Number("c0", 0.0)


def view(shape: tuple[int, ...] = (2,)) -> Ref:
    """A buffer of its own, two numbers large."""
    return Ref(Buffer(2, mapped=False), 0, shape, (1, 0)[: len(shape)])


Y, T, G, OUT = [view() for _ in range(4)]
COMPARED = Instruction("ufunc", "not_equal", [Y, ZERO], T)
PRODUCT = Instruction("ufunc", "multiply", [T, G], OUT)


def test_the_factors_may_stand_either_way() -> None:
    for factors in ([T, G], [G, T]):
        product = Instruction("ufunc", "multiply", factors, OUT)
        (joined,) = fused([COMPARED, product], (), [JOINED])
        assert (joined.kind, joined.function) == ("ufunc", JOINED)
        assert [*joined.args, joined.out] == [G, Y, ZERO, OUT]


@pytest.mark.parametrize(
    "instructions",
    [
        [COMPARED],
        [COMPARED, COMPARED],
        [COMPARED, PRODUCT, PRODUCT],
        [COMPARED, Instruction("ufunc", "exp", [G], OUT), PRODUCT],
        [COMPARED, Instruction("ufunc", "add", [T, G], OUT)],
        [COMPARED, Instruction("call", "multiply", [T, G], OUT)],
        [COMPARED, Instruction("ufunc", "multiply", [T, T], OUT)],
        [COMPARED, Instruction("ufunc", "multiply", [T, ZERO], OUT)],
        [COMPARED, Instruction("ufunc", "multiply", [Y, G], OUT)],
        [COMPARED, Instruction("ufunc", "multiply", [T.with_axes((2, 1), (1, 0)), G], OUT)],
        [COMPARED, Instruction("ufunc", "multiply", [T, view((2, 1))], OUT)],
        [COMPARED, Instruction("ufunc", "multiply", [T, G], view((2, 1)))],
        [Instruction("ufunc", "less", [Y, ZERO], T), PRODUCT],
        [Instruction("call", "not_equal", [Y, ZERO], T), PRODUCT],
    ],
)
def test_all_others_stay(instructions: Sequence[Instruction]) -> None:
    assert fused(instructions, (), [JOINED]) == [*instructions]


def test_what_is_read_afterwards_stays() -> None:
    assert fused([COMPARED, PRODUCT], {T.buffer}, [JOINED]) == [COMPARED, PRODUCT]
    assert fused([COMPARED, PRODUCT], {}, ["multiply"]) == [COMPARED, PRODUCT]


def test_relu_passes_gradients_on_as_numpy_does(library: Library) -> None:
    """0 times an infinite gradient is nan, in one pass as in two."""
    w = [Value(1.0), Value(2.0)]

    def loss(x: Value) -> Value:
        hidden = relu(w[0] * x)
        return w[1] * hidden * hidden

    X = np.array([0.5, -1.0, 2.0, -np.inf, np.inf, np.nan, 0.0])
    for sample in X:
        native, by_numpy = [
            compile(loss, w, per_sample=True, backend=backend) for backend in ("native", "numpy")
        ]
        native(np.array([sample, 0.25])), by_numpy(np.array([sample, 0.25]))
        np.testing.assert_array_equal(native.gradients, by_numpy.gradients)
    bound = native.native_bound((2,))
    assert isinstance(bound, Bound)
    used = bound.made.records[:, 0].tolist()
    assert library.operations[JOINED] in used
    assert library.operations["not_equal"] not in used
