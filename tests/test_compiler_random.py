"""Random functions: the compiled program against the eager engine, loss and every gradient.

The recipes of ``recipes`` have what the compiler looks for (matrix products, complete and not, in
any notation; strides, repetitions, overlapping windows) and what may confuse it (shared
subexpressions, repeated parents, constants, unused inputs, a leaf as the output). Each program is
called several times, with other batch sizes, inputs, parameters and earlier leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan
from typing import Final, Literal

import numpy as np
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.back_ends import BACK_ENDS, BackEnd, forced
from tests.recipes import ALL_OPS, EXACT_OPS, Recipe, recipes
from tests.test_random_graphs import DISTANCE_TO_KINK, GraphAndTorch, graphs
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, apply, as_value, topological_order
from tinygrad_mlp.ops import CONSTANT, DOT, MUL, POW, POW_NUMBER, SQUARE

Floats = NDArray[np.float64]
Reduction = Literal["mean", "sum"]

TOLERANCE: Final = 1e-11
SEEDS: Final = st.integers(0, 99)
REDUCTIONS: Final[st.SearchStrategy[Reduction]] = st.sampled_from(["mean", "sum"])


@dataclass
class Numbers:
    """The leaves of one call."""

    parameters: Floats
    earlier: Floats
    x: Floats
    t: Floats

    @classmethod
    def drawn(
        cls,
        recipe: Recipe,
        rng: np.random.Generator,
        batch_size: int | None,
        choices: Sequence[float] | None = None,
    ) -> Numbers:
        """Normal numbers, or some of the ``choices``; with a batch axis unless that is None."""
        n_parameters, n_x, n_t, n_earlier = recipe.sizes
        batch = () if batch_size is None else (batch_size,)

        def draw(*shape: int) -> Floats:
            if choices is None:
                return rng.normal(size=shape)
            return rng.choice(np.array(choices), shape)

        return cls(draw(n_parameters), draw(n_earlier), draw(*batch, n_x), draw(*batch, n_t))


@dataclass
class Eager:
    """What the eager engine computes, with a scale for the rounding of it."""

    loss: float
    gradients: Floats
    largest: float
    magnitudes: Floats  # the gradients, had nothing canceled
    nodes: list[Value]
    overflows: bool  # whether finite factors gave an infinite contribution to a gradient


def eager(recipe: Recipe, numbers: Numbers, reduction: Reduction) -> Eager:
    parameters = [Value(number) for number in numbers.parameters]
    earlier = [Value(number) for number in numbers.earlier]
    mapped = numbers.x.ndim == 2
    samples = zip(numbers.x, numbers.t) if mapped else [(numbers.x, numbers.t)]
    losses = [
        recipe.loss(parameters, [Value(a) for a in x], [Value(b) for b in t], earlier)
        for x, t in samples
    ]
    loss = losses[0]
    for other in losses[1:]:
        loss = loss + other
    if reduction == "mean" and len(losses) > 1:
        loss = loss / len(losses)
    nodes = topological_order(loss)
    gradients, magnitudes = {loss: 1.0}, {loss: 1.0}
    overflows = False
    for node in reversed(nodes):
        if node not in gradients:
            continue
        for parent, partial in zip(node.parents, flowing(node)):
            if partial is not None:
                overflows = overflows or product_overflows(gradients[node], partial)
                before = gradients.get(parent, 0.0), magnitudes.get(parent, 0.0)
                gradients[parent] = before[0] + gradients[node] * partial
                magnitudes[parent] = before[1] + magnitudes[node] * abs(partial)
    return Eager(
        loss.data,
        np.array([gradients.get(p, 0.0) for p in parameters]),
        max([abs(node.data) for node in nodes]),
        np.array([magnitudes.get(p, 0.0) for p in parameters]),
        nodes,
        overflows,
    )


def product_overflows(a: float, b: float) -> bool:
    return isfinite(a) and isfinite(b) and not isfinite(a * b)


def flowing(node: Value) -> list[float | None]:
    """The local derivatives; None where nothing flows, not even 0 * inf = nan, as in torch."""
    if node.op is None or node.op.variadic:
        return list(node.partials)
    return [None if rule == 0.0 else p for rule, p in zip(node.op.partials, node.partials)]


def near_a_kink(nodes: list[Value]) -> bool:
    """Whether rounding may decide between two pieces of a function."""
    for node in nodes:
        distance = DISTANCE_TO_KINK.get(node.op.name) if node.op is not None else None
        numbers = [parent.data for parent in node.parents]
        exact = all(parent.is_leaf for parent in node.parents)
        if distance is None or exact or not all(map(isfinite, numbers)):
            continue
        if distance(*numbers) < 1e-7 * max(1.0, *map(abs, numbers)):
            return True
    return False


def has_equal_nodes(nodes: list[Value]) -> bool:
    """Whether two of them are the same operation on the same (or equal) operands."""
    seen: dict[object, int] = {}
    number_of: dict[Value, int] = {}
    for node in nodes:
        operands = tuple([number_of[parent] for parent in node.parents])
        key: object = node if node.is_leaf else (node.op, operands)
        if node.op is CONSTANT:
            key = repr(node.data)
        elif key in seen:
            return True
        number_of[node] = seen.setdefault(key, len(seen))
    return False


def check(
    recipe: Recipe,
    calls: Sequence[Numbers],
    reduction: Reduction = "mean",
    tolerance: float = 0.0,
    dtype: str = "float64",
    largest: float = inf,
) -> None:
    """Compile once, call often, compare each time; numbers above ``largest`` are not compared."""
    parameters = [Value(0.0) for _ in calls[0].parameters]
    earlier = [Value(0.0) for _ in calls[0].earlier]
    compiled = compile(
        lambda x, t: recipe.loss(parameters, x, t, earlier),
        parameters,
        per_sample=calls[0].x.ndim == 2,
        reduction=reduction,
        dtype=dtype,
    )
    for numbers in calls:
        expected = eager(recipe, numbers, reduction)
        if isfinite(largest):
            scale = max(expected.largest, float(np.max(expected.magnitudes, initial=0.0)))
            if not scale < largest or (tolerance and near_a_kink(expected.nodes)):
                continue
        compiled.parameters[:] = numbers.parameters
        for leaf, number in zip(earlier, numbers.earlier.tolist()):
            leaf.data = number
        loss = compiled(numbers.x, numbers.t)
        scale = float(np.fmax(1.0, expected.largest))
        with np.errstate(invalid="ignore", over="ignore"):
            scales = np.maximum(1.0, expected.magnitudes) * scale
        close(loss, expected.loss, tolerance, scale)
        if np.isfinite(expected.gradients).all() or not has_equal_nodes(expected.nodes):
            close(compiled.gradients, expected.gradients, tolerance, scales)


def close(
    ours: float | Floats, theirs: float | Floats, tolerance: float, scale: float | Floats = 1.0
) -> None:
    """Equal up to the tolerance times the scale; inf and nan in the same places."""
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(np.subtract(ours, theirs))
        near = error <= tolerance * np.nan_to_num(scale, nan=inf)
    same = near | np.equal(ours, theirs) | (np.isnan(ours) & np.isnan(theirs))
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    assert np.all(same), f"{ours}\n{theirs}"


def three_calls(
    recipe: Recipe, seed: int, mapped: bool, choices: Sequence[float] | None = None
) -> list[Numbers]:
    rng = np.random.default_rng(seed)
    return [
        Numbers.drawn(recipe, rng, batch_size if mapped else None, choices)
        for batch_size in (2, 1, 4)
    ]


# On whole numbers everything is exact, ties and kinks included, and the results must be equal.

WHOLE_NUMBERS: Final = (-2.0, -1.0, 0.0, 1.0, 2.0)


@pytest.mark.parametrize("mapped", [False, True], ids=["whole batch", "per sample"])
@given(recipe=recipes(EXACT_OPS), seed=SEEDS, reduction=REDUCTIONS)
@settings(max_examples=100)
def test_whole_numbers_give_equal_results(
    mapped: bool, recipe: Recipe, seed: int, reduction: Reduction
) -> None:
    with forced("arrays"):
        check(recipe, three_calls(recipe, seed, mapped, WHOLE_NUMBERS), reduction, largest=2**50)


@given(recipe=recipes(EXACT_OPS), seed=SEEDS)
@settings(max_examples=60)
def test_whole_numbers_give_equal_results_in_plain_arithmetic(recipe: Recipe, seed: int) -> None:
    with forced("arithmetic"):
        check(recipe, three_calls(recipe, seed, False, WHOLE_NUMBERS), largest=2**50)


@given(recipe=recipes(EXACT_OPS), seed=SEEDS, mapped=st.booleans())
@settings(max_examples=40)
def test_small_whole_numbers_are_exact_in_float32_too(
    recipe: Recipe, seed: int, mapped: bool
) -> None:
    calls = three_calls(recipe, seed, mapped, WHOLE_NUMBERS)
    with forced("arrays"):
        check(recipe, calls, dtype="float32", largest=2**21)


# The whole table, on any numbers. The tolerance is relative to the terms that were added up.


@pytest.mark.parametrize("mapped", [False, True], ids=["whole batch", "per sample"])
@given(recipe=recipes(ALL_OPS), seed=SEEDS, reduction=REDUCTIONS)
@settings(max_examples=80)
def test_every_operation_agrees(
    mapped: bool, recipe: Recipe, seed: int, reduction: Reduction
) -> None:
    with forced("arrays"):
        check(recipe, three_calls(recipe, seed, mapped), reduction, TOLERANCE, largest=1e8)


@given(recipe=recipes(ALL_OPS), seed=SEEDS)
@settings(max_examples=60)
def test_every_operation_agrees_in_plain_arithmetic(recipe: Recipe, seed: int) -> None:
    with forced("arithmetic"):
        check(recipe, three_calls(recipe, seed, mapped=False), "mean", TOLERANCE, largest=1e8)


# inf and nan. Left out: negative zeros, which sums of products may lose; batches, where the
# gradients of the samples are added before they flow on through what does not depend on the sample;
# the gradients where nodes are equal, which become one, for the same reason;
# sums with a product of finite numbers that overflows, which is finite still where a matrix product
# of NumPy multiplies and adds in one rounding (-inf + 1e400 is -inf then, and nan in two steps);
# and the square root of -inf, which NumPy's power answers one way or another by its version and by
# the strides of the exponent.

EDGES: Final = (
    (0.0, 1.0, 2.0, 0.5, inf, nan),
    (1.0, -1.0, 2.0, 0.5, -3.0, inf, nan, 1e200, 1e-200),
)


@pytest.mark.parametrize("back_end", BACK_ENDS)
@given(recipe=recipes(ALL_OPS), seed=SEEDS, choices=st.sampled_from(EDGES), mapped=st.booleans())
@settings(max_examples=80)
def test_inf_and_nan_travel_as_they_do_eagerly(
    back_end: BackEnd, recipe: Recipe, seed: int, choices: Sequence[float], mapped: bool
) -> None:
    rng = np.random.default_rng(seed)
    batch_size = 1 if mapped and back_end == "arrays" else None
    calls = [Numbers.drawn(recipe, rng, batch_size, choices) for _ in range(3)]
    for numbers in calls:
        expected = eager(recipe, numbers, "mean")
        assume(not has_root_of_minus_inf(expected.nodes))
        assume(not expected.overflows and not has_product_that_overflows(expected.nodes))
    with forced(back_end):
        check(recipe, calls, tolerance=TOLERANCE)


def has_root_of_minus_inf(nodes: list[Value]) -> bool:
    """Whether a power, or the derivative of one, takes (-inf) ** 0.5."""
    return any(
        node.parents[0].data == -inf and node.parents[1].data in {0.5, 1.5}
        for node in nodes
        if node.op in {POW, POW_NUMBER}
    )


def has_product_that_overflows(nodes: list[Value]) -> bool:
    """Whether finite factors have an infinite product, which a matrix product may add up."""
    for node in nodes:
        numbers = [parent.data for parent in node.parents]
        if node.op is MUL and product_overflows(*numbers):
            return True
        if node.op is SQUARE and product_overflows(numbers[0], numbers[0]):
            return True
        if node.op is DOT and any(
            product_overflows(parent.data, partial)
            for parent, partial in zip(node.parents, node.partials)
        ):
            return True
    return False


# Programs that predict


@given(recipe=recipes(EXACT_OPS), seed=SEEDS, mapped=st.booleans(), data=st.data())
@settings(max_examples=80)
def test_predictions_have_the_shape_of_the_lists(
    recipe: Recipe, seed: int, mapped: bool, data: st.DataObject
) -> None:
    n_vectors = 4 + len(recipe.steps)
    shape = data.draw(st.sampled_from([(1,), (4,), (2, 3), (3, 1, 2)]))
    picks = [data.draw(st.integers(0, n_vectors - 1)) for _ in range(int(np.prod(shape)))]
    numbers = three_calls(recipe, seed, mapped, WHOLE_NUMBERS)
    parameters = [Value(number) for number in numbers[0].parameters]
    earlier = [Value(number) for number in numbers[0].earlier]

    def predict(x: list[Value], t: list[Value]) -> object:
        vectors = recipe.vectors(parameters, x, t, earlier)
        picked: object = np.array([vectors[v][-1] for v in picks], object).reshape(shape).tolist()
        return picked

    with forced("arrays"):
        compiled = compile(predict, per_sample=mapped)
        for call in numbers:
            samples = list(zip(call.x, call.t)) if mapped else [(call.x, call.t)]
            rows = [
                recipe.vectors(parameters, list(map(as_value, x)), list(map(as_value, t)), earlier)
                for x, t in samples
            ]
            expected = np.array([[row[v][-1].data for v in picks] for row in rows])
            assume(np.abs(expected).max() < 2**50)
            found = compiled(call.x, call.t)
            assert found.shape == ((len(rows), *shape) if mapped else shape)
            np.testing.assert_array_equal(found.ravel(), expected.ravel())


# Graphs without any structure


# Drawing a graph takes longer than compiling it, so one serves two back ends.
LANGUAGES: Final[dict[str, tuple[BackEnd, ...]]] = {
    "Python": ("arrays", "arithmetic"),
    "C": ("native", "tape"),
}


def test_every_back_end_gets_graphs_without_structure() -> None:
    assert sum(LANGUAGES.values(), ()) == BACK_ENDS


@pytest.mark.parametrize("back_ends", LANGUAGES.values(), ids=LANGUAGES)
@given(graph=graphs(max_steps=14))
@settings(max_examples=80)
def test_graphs_without_structure_agree_with_torch(
    back_ends: tuple[BackEnd, ...], graph: GraphAndTorch
) -> None:
    output = graph.values[-1]
    leaves = [value for value in topological_order(output) if value.is_leaf and value.op is None]
    output.backward()

    def again() -> Value:
        copies = {value: value for value in topological_order(output) if value.is_leaf}
        for node in topological_order(output):
            if not node.is_leaf and node.op is not None:
                copies[node] = apply(node.op, *[copies[parent] for parent in node.parents])
        return copies[output]

    largest = max(1.0, *[abs(value.grad) for value in graph.values])
    gradients = np.array([leaf.grad for leaf in leaves])
    places = [graph.values.index(leaf) for leaf in leaves]
    by_torch = np.array(graph.torch_gradients(graph.tensors[-1]))[places]
    for back_end in back_ends:
        note(f"the back end is {back_end}")
        with forced(back_end):
            compiled = compile(again, leaves)
            loss = compiled()
        close(loss, output.data, 1e-11, max(1.0, abs(output.data)))
        close(compiled.gradients, gradients, 1e-11, largest)
        close(compiled.gradients, by_torch, 1e-10, largest)


def test_the_comparison_finds_a_wrong_result() -> None:
    close(np.array([1.0, inf, nan]), np.array([1.0, inf, nan]), 0.0)
    for ours, theirs in [(1.0, 1.0 + 1e-9), (inf, 1.0), (inf, -inf), (nan, 1.0), (1.0, nan)]:
        with pytest.raises(AssertionError):
            close(np.array([ours]), np.array([theirs]), 1e-10)
