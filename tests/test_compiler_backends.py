"""The seam between the compiler and what runs its programs.

``Interpreter`` is a back end of its own: it carries the instructions out one by one, each by plain
NumPy, without a text and without memory that is shared. It knows what ``compiler.instructions`` and
``compiler.lowered`` say, nothing else; so whatever it needs, stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, get_args
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.back_ends import need_library
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
from tests.test_compiler_random import (
    REDUCTIONS,
    SEEDS,
    WHOLE_NUMBERS,
    Numbers,
    Reduction,
    close,
    eager,
    three_calls,
)
from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp import functional as F
from tinygrad_mlp._native import _library as native_library
from tinygrad_mlp.compiler import _translation as translation
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._backends import choice
from tinygrad_mlp.compiler._backends.arithmetic import Arithmetic
from tinygrad_mlp.compiler._backends.choice import Choice
from tinygrad_mlp.compiler._backends.native import Native
from tinygrad_mlp.compiler._backends.numpy_text import NumpyText
from tinygrad_mlp.compiler._backends.protocol import Backend, Memory, Run
from tinygrad_mlp.compiler._instructions import (
    LARGEST,
    Argument,
    Buffer,
    Instruction,
    Kind,
    Number,
    Ref,
    Table,
)
from tinygrad_mlp.compiler._layout import Plan
from tinygrad_mlp.compiler._lowered import Arrays, Lowered
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.functional import uniform

Array = NDArray[Any]
Row = list[Value]

LARGEST_COMPARED: Final = 1e8


class Interpreter:
    """Carries out instructions one by one."""

    name = "an interpreter"

    def prepare(self, lowered: Lowered) -> Interpreted:
        assert lowered.arrays is not None
        return Interpreted(lowered, lowered.arrays)


@dataclass(frozen=True)
class Interpreted:
    """A program that is ready to be interpreted."""

    lowered: Lowered
    arrays: Arrays

    @property
    def source(self) -> str:
        return "\n".join([repr(instruction) for instruction in self.arrays.instructions])

    def bind(self, memory: Memory) -> Run:
        return _Run(self.lowered, self.arrays, memory)


class _Run:
    """All the memory of a program, and what works on it."""

    def __init__(self, lowered: Lowered, arrays: Arrays, memory: Memory) -> None:
        self.lowered, self.arrays, self.memory = lowered, arrays, memory
        self.n_samples = memory.batch_size
        self.slots: dict[Buffer, Array] = {arrays.leaves.parameters: memory.parameters}
        if arrays.gradients is not None:
            self.slots[arrays.gradients] = memory.gradients
        self.write(arrays.leaves.constants, [self.in_range(x) for x in lowered.constants])

    def __call__(self, *given: Array) -> Any:
        lowered, arrays, leaves = self.lowered, self.arrays, self.arrays.leaves
        for buffer, array in zip(leaves.arguments, given):
            rows = array.reshape(self.n_samples, -1).T if buffer.mapped else array.reshape(-1)
            self.write(buffer, rows)
        kept, places = self.memory.kept, lowered.kept
        outer = [kept[places[x]] if x in places else x.data for x in lowered.outer]
        self.write(leaves.outer, outer)
        n_draws = self.n_samples if leaves.random.mapped else 1
        drawn = [[rng.random() for rng in lowered.generators] for _ in range(n_draws)]
        self.write(leaves.random, np.array(drawn).T if leaves.random.mapped else drawn[0])
        results: dict[str, Any] = {}
        for instruction in arrays.instructions:
            if instruction.kind == "loss":
                results["loss"] = self.loss(instruction)
            elif instruction.kind == "auxiliary":
                results["auxiliary"] = self.result(instruction.args[0])
            else:
                self.execute(instruction)
        for leaf, ref in arrays.effects:
            number = float(self.view(ref)[0])
            if leaf in places:
                kept[places[leaf]] = number
            else:
                leaf.data = number
        if lowered.reduction is None:
            return self.result(arrays.outputs)
        return tuple(results.values()) if arrays.auxiliary else results["loss"]

    # Memory

    def in_range(self, factor: float) -> float:
        largest = float(np.finfo(self.memory.dtype).max)
        return float(np.copysign(largest, factor)) if abs(factor) == LARGEST else factor

    def write(self, buffer: Buffer, numbers: Any) -> None:
        if buffer.size:
            self.of(buffer)[: buffer.size] = numbers

    def of(self, buffer: Buffer) -> Array:
        if buffer not in self.slots:
            shape = (buffer.size + buffer.ones, *[self.n_samples] * buffer.mapped)
            array = np.full(shape, np.nan, self.memory.dtype)
            array[buffer.size :] = 1.0
            self.slots[buffer] = array.astype(bool) if buffer.boolean else array
        return self.slots[buffer]

    def view(self, ref: Ref) -> Array:
        array = self.of(ref.buffer)[ref.offset :]
        item, *rest = array.strides
        found = np.lib.stride_tricks.as_strided(
            array,
            (*ref.shape, *array.shape[1:]),
            (*[stride * item for stride in ref.strides], *rest),
        )
        found = found[..., None] if ref.pad else found
        return found.swapaxes(-1, -2) if ref.swap else found

    def operand(self, operand: Argument) -> Any:
        if isinstance(operand, Ref):
            return self.view(operand)
        if isinstance(operand, Number):
            number = self.in_range(operand.factor) * float(self.n_samples or 1) ** -operand.scale
            return np.asarray(number, self.memory.dtype)
        return operand.indices if isinstance(operand, Table) else None

    def result(self, operand: Argument) -> Array:
        assert isinstance(operand, Ref)
        found = self.view(operand)
        if operand.mapped or not self.lowered.per_sample:
            return found.T.copy()
        return np.repeat(found[None], self.n_samples, axis=0)

    # Instructions

    def loss(self, instruction: Instruction) -> float:
        first, *others = [self.operand(arg) for arg in instruction.args]
        function = instruction.function
        if function == "element":
            total = first[0]
        elif function == "inner":
            total = np.sum(first * others[0])
        else:
            total = np.sum(first)
        if function == "sum_less_inner":
            total = total - np.sum(others[0] * others[1])
        elif function == "sum_less_weighted":
            total = total - np.sum(np.where(others[0] == 0.0, 0.0, others[0] * others[1]))
        return float(total) * float(self.n_samples or 1) ** -instruction.scale

    def execute(self, instruction: Instruction) -> None:
        out, args = self.view(instruction.out), [self.operand(arg) for arg in instruction.args]
        kind, function = instruction.kind, instruction.function
        if kind in ("ufunc", "call", "select"):
            known = array_math if function in array_math.__all__ else np
            out[...] = getattr(known, function)(*args)
        elif kind in ("copy", "fill"):
            out[...] = args[0]
        elif kind == "reduce":
            out[...] = getattr(np, function).reduce(args[0], axis=instruction.axes)
        elif kind == "matmul":
            out[...] = np.matmul(*args)
        elif kind == "contract":
            a, b, result = instruction.labels
            out[...] = np.einsum(f"{a},{b}->{result}", *args)
        elif kind == "gather":
            source, table, where = args
            buffer = instruction.out.buffer
            found = source[table]
            rows = found[:, None] if buffer.mapped and found.ndim == 1 else found
            self.of(buffer)[slice(None) if where is None else where] = rows
        else:
            self.scatter(instruction, args)

    def scatter(self, instruction: Instruction, args: list[Any]) -> None:
        source, order, starts, places = args
        found = source[order]
        if starts is not None:
            found = np.add.reduceat(found, starts)
        buffer = instruction.out.buffer
        if found.ndim == 2 and not buffer.mapped:
            found = found.sum(axis=1)
        if instruction.function == "add":
            found = found + self.of(buffer)[places]
        self.of(buffer)[places] = found


@contextmanager
def run_by(backend: Backend) -> Iterator[None]:
    """Everything that is compiled meanwhile runs on this back end."""

    def chosen(groups: Any, lay_out: Callable[[], Plan], per_sample: bool) -> Choice:
        return Choice(backend, "a test asks for it", lay_out())

    with (
        patch.object(translation, "choose", chosen),
        patch.object(translation, "native", lambda made, lowered, wanted: made),
    ):
        yield


LIBRARY: Final = native_library.load()
NATIVE: Final[tuple[Backend, ...]] = () if LIBRARY is None else (Native(LIBRARY),)
BACK_ENDS: Final[tuple[Backend, ...]] = (NumpyText(), Interpreter(), *NATIVE)


def name_of(backend: Backend) -> str:
    return backend.name


def test_the_native_back_end_is_among_those_compared() -> None:
    need_library()
    assert isinstance(BACK_ENDS[-1], Native)


def compare(recipe: Recipe, calls: list[Numbers], reduction: Reduction, dtype: str) -> None:
    """The same loss and gradients by both back ends, at each call."""
    parameters = [Value(0.0) for _ in calls[0].parameters]
    earlier = [Value(0.0) for _ in calls[0].earlier]
    programs = [
        compile(
            lambda x, t: recipe.loss(parameters, x, t, earlier),
            parameters, per_sample=calls[0].x.ndim == 2, reduction=reduction, dtype=dtype,
        )
        for _ in BACK_ENDS
    ]  # fmt: skip
    tolerance = 1e-11 if dtype == "float64" else 1e-4
    for numbers in calls:
        for leaf, number in zip(earlier, numbers.earlier.tolist()):
            leaf.data = number
        expected = eager(recipe, numbers, reduction)
        scale = max(expected.largest, float(np.max(expected.magnitudes, initial=1.0)), 1.0)
        if not scale < LARGEST_COMPARED:
            continue
        found = []
        for backend, program in zip(BACK_ENDS, programs):
            program.parameters = numbers.parameters
            with run_by(backend):
                found.append((program(numbers.x, numbers.t), program.gradients.copy()))
            assert program.backend.backend is backend
        (loss, gradients), *others = found
        of_gradients = scale * np.maximum(1.0, expected.magnitudes)
        for other_loss, other_gradients in others:
            close(other_loss, loss, tolerance, scale)
            close(other_gradients, gradients, tolerance, of_gradients)


@pytest.mark.parametrize("mapped", [False, True], ids=["whole batch", "per sample"])
@given(recipe=recipes(ALL_OPS), seed=SEEDS, reduction=REDUCTIONS)
@settings(max_examples=80)
def test_instructions_are_all_that_a_back_end_needs(
    mapped: bool, recipe: Recipe, seed: int, reduction: Reduction
) -> None:
    compare(recipe, three_calls(recipe, seed, mapped), reduction, "float64")


@given(recipe=recipes(EXACT_OPS), seed=SEEDS, reduction=REDUCTIONS, mapped=st.booleans())
@settings(max_examples=60)
def test_so_they_are_for_ties_and_kinks_in_float32(
    recipe: Recipe, seed: int, reduction: Reduction, mapped: bool
) -> None:
    compare(recipe, three_calls(recipe, seed, mapped, WHOLE_NUMBERS), reduction, "float32")


@pytest.mark.parametrize("network", NETWORKS, ids=names)
def test_networks_run_on_another_back_end(network: Network) -> None:
    parameters = parameters_of(network)
    losses = [(whole_batch(network, parameters), False)]
    losses += [(sample_loss(network, parameters), True)] * network.per_sample
    for loss, per_sample in losses:
        for backend in BACK_ENDS[1:]:
            program = compile(loss, parameters, per_sample=per_sample)
            with run_by(backend):
                assert_agrees(network, program, parameters, arrays_of(network))


@pytest.mark.parametrize("per_sample", [False, True], ids=["whole batch", "per sample"])
def test_effects_random_leaves_and_what_is_beside_the_loss(per_sample: bool) -> None:
    w = [Value(0.5), Value(-1.5), Value(2.0)]
    found: list[Any] = []
    for backend in BACK_ENDS:
        seen, offset = Value(3.0), Value(0.25)
        rng = np.random.default_rng(0)

        def loss(x: Row, seen: Value = seen, offset: Value = offset, rng: Any = rng) -> Any:
            kept = [F.where(uniform(rng) < 0.5, a, 0.0) for a in x]
            assign(seen, 2.0 * offset + 1.0)
            outputs = [F.tanh(a * b) + offset for a, b in zip(w, kept)]
            return F.dot(outputs, outputs), outputs

        program = compile(loss, w, per_sample=per_sample, has_auxiliary=True)
        x = np.random.default_rng(1).normal(size=(4, 3) if per_sample else 3)
        with run_by(backend):
            losses = [program(x), program(x)]
        found.append((losses, program.gradients.copy(), program.auxiliary.copy(), seen.data))
    assert found[0][0][0] != found[0][0][1]  # drawn anew
    assert found[0][3] == 1.5
    for others in found[1:]:
        for ours, theirs in zip(found[0], others):
            np.testing.assert_allclose(theirs, ours, rtol=1e-14)


@pytest.mark.parametrize("per_sample", [False, True], ids=["whole batch", "per sample"])
def test_predictions_come_in_their_shape(per_sample: bool) -> None:
    w = [Value(0.5), Value(-1.5), Value(2.0)]
    x = np.random.default_rng(1).normal(size=(4, 3) if per_sample else 3)
    for function in (
        lambda x: F.dot(w, x),
        lambda x: [[a * b, a + b] for a, b in zip(w, x)],
        lambda x: [a * 2.0 for a in w],
    ):
        found = []
        for backend in BACK_ENDS:
            with run_by(backend):
                found.append(np.asarray(compile(function, per_sample=per_sample)(x)))
        for other in found[1:]:
            assert found[0].shape == other.shape
            np.testing.assert_allclose(other, found[0], rtol=1e-14)


def test_an_epoch_runs_from_the_data_alone() -> None:
    """Batches by index and the optimizer's step are outside of the record; all else is inside."""
    network = next(network for network in NETWORKS if network.name == "softmax classifier")
    parameters = parameters_of(network)
    program = compile(sample_loss(network, parameters), parameters, per_sample=True)
    arrays = arrays_of(network, n_samples=12)
    batches = np.random.default_rng(0).permutation(12).reshape(3, 4)
    start = program.parameters.copy()
    losses = []
    for batch in batches:
        losses.append(program(*[array[batch] for array in arrays]))
        program.parameters -= 0.1 * program.gradients
    for backend in BACK_ENDS:
        memory = Memory(4, start.dtype, start.copy(), np.empty_like(start))
        run = backend.prepare(program._traced().lowered).bind(memory)
        for batch, loss in zip(batches, losses):
            np.testing.assert_allclose(run(*[array[batch] for array in arrays]), loss, rtol=1e-12)
            memory.parameters[:] -= 0.1 * memory.gradients
        np.testing.assert_allclose(memory.parameters, program.parameters, rtol=1e-12)


def test_no_instruction_holds_text_of_a_program() -> None:
    """Its operands are data, and what it does is one of few names."""
    functions, kinds = set(), set()
    for network in NETWORKS:
        parameters = parameters_of(network)
        program = compile(whole_batch(network, parameters), parameters)
        with run_by(NumpyText()):
            program(*arrays_of(network))
        arrays = program._traced().lowered.arrays
        assert arrays is not None
        for instruction in arrays.instructions:
            assert all(isinstance(a, Ref | Number | Table | None) for a in instruction.args)
            functions.add(instruction.function)
            kinds.add(instruction.kind)
    assert all(function == "" or function.isidentifier() for function in functions), functions
    assert kinds <= set(get_args(Kind))


# The choice


def test_the_reason_for_a_back_end_is_shown() -> None:
    w = [Value(number) for number in np.random.default_rng(0).normal(size=40)]

    def regular(x: Row) -> Value:
        return F.sum([F.tanh(a * b) for a, b in zip(w, x)])

    def irregular(x: Row) -> Value:
        rng, total = np.random.default_rng(0), x[0]
        for _ in range(300):
            total = total * F.sin(w[rng.integers(40)]) + x[rng.integers(40)]
        return total

    def backend_of(function: Any, per_sample: bool) -> Any:
        program = compile(function, w, per_sample=per_sample, backend="numpy")
        with pytest.raises(ShapeError, match="first call"):
            _ = program.backend
        program(np.ones((2, 40) if per_sample else 40))
        return program.backend

    mapped, whole = backend_of(irregular, True), backend_of(regular, False)
    assert isinstance(mapped.backend, NumpyText)
    assert repr(mapped) == "NumPy text, because one sample is mapped over the batch, in rows"
    assert repr(whole) == "NumPy text, because groups of nodes are worth NumPy calls"
    scattered = backend_of(irregular, False)
    assert isinstance(scattered.backend, Arithmetic)
    assert repr(scattered).startswith("plain arithmetic, because the graph falls apart into ")
    with patch.object(choice, "is_irregular", lambda plan, groups: True):
        unordered = backend_of(regular, False)
    assert repr(unordered) == "plain arithmetic, because most operands lie in no order"


def test_the_comparison_finds_a_wrong_instruction() -> None:
    class Wrong(Interpreter):
        def prepare(self, lowered: Lowered) -> Interpreted:
            made = super().prepare(lowered)
            for instruction in made.arrays.instructions:
                if instruction.function == "tanh":
                    instruction.function = "sin"
            return made

    network = next(network for network in NETWORKS if network.name == "two layers")
    parameters = parameters_of(network)
    program = compile(whole_batch(network, parameters), parameters)
    with run_by(Wrong()), pytest.raises(AssertionError):
        assert_agrees(network, program, parameters, arrays_of(network))
