"""What the calls of a compiled program do to its memory, watched call by call.

Memory is shared between results that are not needed at the same time. Here everything that a
program allocates starts as nan, so that a number read before it is written shows in the result; and
every NumPy call is looked at: an elementwise one may write over an operand only element by element,
any other one may not write over its operands at all.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.back_ends import forced
from tests.networks import NETWORKS, Network
from tests.recipes import ALL_OPS, EXACT_OPS, Recipe, recipes
from tests.test_compiler_networks import (
    arrays_of,
    assert_agrees,
    names,
    parameters_of,
    sample_loss,
    whole_batch,
)
from tests.test_compiler_random import SEEDS, TOLERANCE, WHOLE_NUMBERS, check, three_calls
from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._backends import numpy_text
from tinygrad_mlp.compiler._backends.draws import Draw
from tinygrad_mlp.compiler._backends.memory import SharedMemory
from tinygrad_mlp.compiler._instructions import Buffer, Instruction, Ref
from tinygrad_mlp.engine import Value

Array = NDArray[Any]

NOT_ELEMENTWISE: Final = frozenset(["dot", "einsum", "matmul", "vdot"])


def is_same_view(a: Array, b: Array) -> bool:
    """Whether the two have the same elements at the same places; axes of length 1 do not matter."""
    places = [
        [(n, stride) for n, stride in zip(array.shape, array.strides) if n > 1] for array in (a, b)
    ]
    return a.ctypes.data == b.ctypes.data and places[0] == places[1]


class Watched:
    """A NumPy function that looks at its arguments first."""

    def __init__(self, name: str, function: Any) -> None:
        self._name = name
        self._function = function

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
        out = keywords.get("out")
        if self._name == "copyto":
            out, *arrays = arrays
        elif self._name == "take":
            out, arrays = args[3], arrays[:2]
        if out is not None:
            self._look_at(arrays, out, self._name not in NOT_ELEMENTWISE)
        return self._function(*args, **keywords)

    def reduce(self, array: Array, axis: Any, out: Array) -> Any:
        self._look_at([array], out, False)
        return self._function.reduce(array, axis=axis, out=out)

    def reduceat(self, *args: Any) -> Any:
        return self._function.reduceat(*args)

    def _look_at(self, arrays: list[Array], out: Array, elementwise: bool) -> None:
        for array in arrays:
            if np.shares_memory(array, out):
                assert elementwise, f"{self._name} writes over its operand"
                assert is_same_view(array, out), f"{self._name} writes over elements to be read"


class Namespace:
    """A module whose functions are watched, and whose ``empty`` gives no zeros by chance."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if name == "empty":
            return empty
        if name in numpy_text._NUMPY_FUNCTIONS or isinstance(found, np.ufunc):
            return Watched(name, found)
        return found


def empty(shape: Any, dtype: Any) -> Array:
    return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else True, dtype)


@contextmanager
def watched() -> Iterator[None]:
    """Watch what is compiled meanwhile."""
    with (
        forced("arrays"),
        patch.object(numpy_text, "np", Namespace(np)),
        patch.object(numpy_text, "array_math", Namespace(array_math)),
    ):
        yield


@given(recipe=recipes(EXACT_OPS), seed=SEEDS, mapped=st.booleans())
@settings(max_examples=120)
def test_random_programs_read_only_what_they_wrote(recipe: Recipe, seed: int, mapped: bool) -> None:
    with watched():
        check(recipe, three_calls(recipe, seed, mapped, WHOLE_NUMBERS), "sum", largest=2**50)


@given(recipe=recipes(ALL_OPS), seed=SEEDS, mapped=st.booleans())
@settings(max_examples=60)
def test_so_do_programs_with_every_operation(recipe: Recipe, seed: int, mapped: bool) -> None:
    calls = three_calls(recipe, seed, mapped)
    with watched():
        check(recipe, calls, tolerance=TOLERANCE, largest=1e8)


@pytest.mark.parametrize("network", NETWORKS, ids=names)
def test_networks_leave_alone_what_is_not_theirs(network: Network) -> None:
    parameters = parameters_of(network)
    of_batch = whole_batch(network, parameters), False
    of_sample = sample_loss(network, parameters), True
    for loss, per_sample in [of_batch, *[of_sample] * network.per_sample]:
        with watched():
            program = compile(loss, parameters, per_sample=per_sample)
            for n_samples in (3, 1) if per_sample else (3,):
                arrays = arrays_of(network, n_samples)
                for array in arrays:
                    array.flags.writeable = False
                before = program.parameters.copy()
                program.gradients[:] = np.nan
                program(*arrays)
                assert program.parameters.tobytes() == before.tobytes()
                assert_agrees(network, program, parameters, arrays)


@pytest.mark.parametrize("per_sample", [False, True])
def test_results_are_no_views_of_the_memory(per_sample: bool) -> None:
    w = [Value(1.0), Value(2.0)]
    functions: list[Any] = [
        lambda x: [a * b for a, b in zip(w, x)],
        lambda x: [w[0], w[1]],
        lambda x: [x[0], x[1]],
        lambda x: [x[1].tanh() + w[0]],
    ]
    for function in functions:
        with watched():
            program = compile(function, per_sample=per_sample)
            x = np.ones((2, 2) if per_sample else 2)
            first = program(x)
            kept = first.copy()
            w[0].data += 1.0
            program(5.0 * x)
            x[:] = 7.0
            np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("per_sample", [False, True])
def test_a_matrix_meets_its_own_transpose(per_sample: bool) -> None:
    def symmetric(x: list[list[Value]]) -> list[list[Value]]:
        h = [[a.tanh() for a in row] for row in x]
        return [[h[i][j] + h[j][i] for j in range(3)] for i in range(3)]

    x = np.random.default_rng(0).normal(size=(2, 3, 3) if per_sample else (3, 3))
    with watched():
        found = compile(symmetric, per_sample=per_sample)(x)
    np.testing.assert_allclose(found, np.tanh(x) + np.tanh(x).swapaxes(-1, -2), rtol=1e-14)


@pytest.mark.parametrize("per_sample", [False, True])
def test_a_prediction_is_made_in_the_memory_of_its_result(per_sample: bool) -> None:
    def predict(x: list[Value]) -> list[Value]:
        return [(a.exp() + 1.0).log() for a in x]

    x = np.array([[0.5, -1.0, 2.0]]) if per_sample else np.array([0.5, -1.0, 2.0])
    with watched():
        program = compile(predict, per_sample=per_sample)
        np.testing.assert_allclose(program(x), np.log1p(np.exp(x)), rtol=1e-14)
    assert program.source.count("np.empty(") == 2  # for the argument and the result


def ref(name: str = "", pinned: bool = False) -> Ref:
    return Ref(Buffer(2, mapped=False, name=name, pinned=pinned), 0, (2,), (1,))


@pytest.mark.parametrize(
    ("places", "rows"),
    [
        ([2, 3, 4], [(2, 3, 1)]),
        ([4, 3, 2], [(4, 3, -1)]),
        ([0, 1, 5], [(0, 2, 1), (5, 1, 1)]),
        ([0, 2, 3], [(0, 1, 1), (2, 2, 1)]),
        ([3, 2, 3], [(3, 2, -1), (3, 1, 1)]),
    ],
)
def test_single_slots_that_follow_each_other_are_one_row(
    places: list[int], rows: list[tuple[int, int, int]]
) -> None:
    buffers = Buffer(6, mapped=False), Buffer(6, mapped=False)
    slots = [Ref(buffer, place, (1,), (1,)) for buffer in buffers for place in places]
    found = numpy_text._in_rows(slots)
    assert [(row.offset, *row.shape, *row.strides) for row in found] == rows * 2


def test_an_operand_is_made_in_the_memory_of_a_result_that_holds_nothing_yet() -> None:
    x, out, t = ref("x", pinned=True), ref("out", pinned=True), ref()
    made = Instruction("ufunc", "tanh", [x], t)
    memory = SharedMemory([made, Instruction("ufunc", "add", [x, t], out)])
    assert memory.host_of(t.buffer) is out.buffer
    x, out, t = ref("x", pinned=True), ref("out", pinned=True), ref()
    made, before = Instruction("ufunc", "tanh", [x], t), Instruction("ufunc", "exp", [x], out)
    memory = SharedMemory([made, before, Instruction("ufunc", "add", [out, t], out)])
    assert memory.host_of(t.buffer) is None


def test_the_memory_of_random_draws_is_used_again() -> None:
    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    draw, out = Draw([rng, rng]), np.zeros((2, 20_000))
    draw(out)
    tracemalloc.start()
    draw(out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    other.random((20_000, 2))
    np.testing.assert_array_equal(out, other.random((20_000, 2)).T)
    assert peak < out.nbytes / 10


def test_the_watch_finds_what_it_is_for() -> None:
    x = np.arange(12.0).reshape(3, 4)
    add = Watched("add", np.add)
    add(x, 1.0, out=x)
    with pytest.raises(AssertionError, match="elements to be read"):
        add(x[:, :3], 1.0, out=x[:, 1:])
    square = np.eye(3)
    with pytest.raises(AssertionError, match="elements to be read"):
        add(square, square.T, out=square)
    with pytest.raises(AssertionError, match="writes over its operand"):
        Watched("matmul", np.matmul)(square, square, out=square)
    with pytest.raises(AssertionError, match="writes over its operand"):
        add.reduce(x, axis=0, out=x[0])
    with pytest.raises(AssertionError, match="elements to be read"):
        Watched("copyto", np.copyto)(x[1:], x[:-1])
    assert np.isnan(empty((2, 3), "float32")).all()
