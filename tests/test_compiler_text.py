"""The whole text of small programs, which is what a person reads who asks for ``program.source``.

The texts are files in ``program_texts``. They say what the compiler makes now, not what is right: a
change that is meant to write better programs changes them too, and
``python -m tests.test_compiler_text`` writes them anew. What the programs compute is compared with
the eager engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.against_torch import assert_close
from tests.back_ends import forced
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._program import Program
from tinygrad_mlp.engine import Value, assign, no_grad
from tinygrad_mlp.nn import Buffer

Row = list[Value]
Shape = tuple[int, ...]

FOLDER: Final = Path(__file__).parent / "program_texts"
OUTER: Final = Value(2.0, label="outer")
SCALE: Final = Buffer(0.5)
RNG: Final = np.random.default_rng(0)
START: Final = RNG.bit_generator.state


@dataclass(frozen=True)
class Case:
    """A function of parameters and arguments, the shapes of which are those of one sample.

    Attributes:
        options: for ``compile``.
    """

    function: Callable[..., Any]
    shapes: tuple[Shape, ...]
    per_sample: bool = True
    reduction: str = "mean"
    has_auxiliary: bool = False


# Losses


def network(w: Row, x: Row, t: Value) -> Value:
    hidden = [F.relu(F.dot(w[2 * i : 2 * i + 2], x, w[6 + i])) for i in range(3)]
    return (F.sum(hidden) - t) ** 2


def network_of_the_batch(w: Row, xs: list[Row], ts: Row) -> Value:
    return F.mean([network(w, x, t) for x, t in zip(xs, ts)])


def layers(w: Row, x: Row) -> Value:
    hidden = [F.tanh(F.dot(w[3 * i : 3 * i + 2], x, w[3 * i + 2])) for i in range(2)]
    return F.dot(w[6:8], hidden, w[8]).sin()


def classifier(w: Row, x: Row, t: Row) -> tuple[Value, Row]:
    z = [F.dot(w[2 * i : 2 * i + 2], x, w[6 + i]) for i in range(3)]
    return F.logsumexp(z) - F.dot(z, t), z


def noise(w: Row, x: Row) -> Value:
    assign(SCALE, 0.5 * OUTER)
    return F.sum([F.gelu(a + OUTER) * b * SCALE for a, b in zip(x, w)])


def shuffled(w: Row, x: Row) -> Value:
    h = [F.tanh(a * b) for a, b in zip(w, x)]
    places = ((2, 3, 0), (0, 5, 1), (1, 3, 2), (2, 4, 1))
    return F.sum([h[i].sin() * w[j] * x[k] for i, j, k in places])


def mixed(w: Row, x: Row) -> Value:
    parts = [F.exp(w[0]), x[0], w[1], F.cos(x[1])]
    return F.sum([F.sin(parts[i] * w[j]) for i, j in ((3, 2), (0, 1), (1, 0), (2, 0))])


def attention(w: Row, x: Row) -> Value:
    q, k = [[[w[i] * a, w[i + 1] * a] for a in x] for i in (0, 2)]
    return F.sum([F.logsumexp([F.dot(a, b) for b in k]) for a in q])


def edges(w: Row, x: Value) -> Value:
    y = F.where(x > w[0], F.elu(x * w[1], 2.0), F.minimum(x, inf)) * F.where(x, 1.0, 0.5)
    return y + F.clamp(x * w[2], -1.0, 1.0) + F.where(x > 9.0, nan, -inf * F.where(x < 9.0, 0, 1))


def edges_of_the_batch(w: Row, xs: Row) -> Value:
    return F.mean([edges(w, x) for x in xs])


def number_of_no_sample(w: Row, x: Row) -> tuple[Value, list[Value]]:
    return F.sum([a * a for a in w[:3]]), [w[0] * 2.0, w[1] + 1.0]


def matrix(w: Row, x: list[Row]) -> Value:
    return F.sum([F.dot(w[:2], row).sin() for row in x])


def detached(w: Row, x: Row) -> Value:
    with no_grad():
        weights = [F.exp(a * b) for a, b in zip(w, x)]
    total = F.sum(weights)
    return F.sum([a / total * b for a, b in zip(weights, w[3:5])])


def tanh_of_a_product(w: Row, x: Row) -> Value:
    return F.tanh(w[0] * x[0] + w[1] * x[1])


def layers_on_a_part(w: Row, x: Row) -> Value:
    hidden = [F.tanh(F.dot(w[2 * i :][:2], x)) for i in range(3)]
    return F.dot(w[6:8], hidden[:2], w[8]).sin() + hidden[2]


def layers_of_the_batch(w: Row, xs: list[Row]) -> Value:
    return F.mean([layers(w, x) for x in xs])


def two_outputs_of_the_batch(w: Row, xs: list[Row]) -> Value:
    hidden = [[F.tanh(w[0] * x), F.tanh(w[1] * x)] for (x,) in xs]
    return F.sum([F.dot(w[i : i + 2], h, w[i + 2]).sin() for i in (2, 5) for h in hidden])


def one_neuron(w: Row, x: Row) -> Value:
    return F.tanh(F.dot(w[:4], x, w[4]))


def reversed_bits(w: Row, x: Row) -> Value:
    """Element 0b1101 meets element 0b1011: as many axes as there are bits."""
    n_bits = len(x).bit_length() - 1
    y = [F.exp(a) for a in x]
    order = [int(f"{i:0{n_bits}b}"[::-1], 2) for i in range(len(x))]
    return w[0] * F.sum([F.sin(a * y[i]) for a, i in zip(x, order)])


def outer_product(w: Row, x: Row) -> Value:
    by_rows = F.sum([F.sin(a * b) for a in w[:2] for b in x])
    return by_rows + F.sum([F.cos(a + b) for b in x for a in w[2:4]])


def half_of_gradients(w: Row, x: Row) -> Value:
    parts = [F.sin(w[0] * x[0]), F.exp(x[0]), F.cos(w[1] * x[1]), F.tanh(x[1])]
    return F.sum([F.log(parts[i] ** 2 + w[j]) for i, j in ((0, 3), (3, 2), (1, 5), (2, 4))])


def its_own_square(w: Row, x: Row) -> Value:
    h = [F.tanh(F.dot(w[3 * i :][:2], x)) for i in range(2)]
    return F.dot(h, h) + F.sum([F.square(a) * a for a in h])


def transposed(w: Row, x: Row) -> Value:
    h = [[F.tanh(w[2 * i + j] * x[i]) for j in range(2)] for i in range(2)]
    return F.sum([F.exp(h[i][j] + h[j][i]) * h[i][j] for i in range(2) for j in range(2)])


def in_other_axes(w: Row, x: Row) -> Value:
    z = [a + b for a, b in zip(w, x)]
    return F.sum([F.sin(z[2 * i + j] * x[i]) for i in range(2) for j in range(2)])


def chosen(w: Row, x: Row) -> Value:
    h = [F.exp(a * b) for a, b in zip(w, x)]
    return F.sum([F.where(a > 1.0, a + b, a * b) for a, b in zip(h, w[2:4])])


def twice_in_parts(w: Row, x: Row) -> Value:
    h = [F.tanh(a * b) for a, b in zip(w, x)]
    return F.sum(h[:2]) * h[2] + F.sin(h[0]) * w[3]


def dropped(w: Row, x: Row) -> Value:
    kept = [F.where(F.uniform(RNG) < 0.5, 2.0 * a, 0.0) for a in x]
    return F.dot(w[:2], kept, w[2]).tanh()


def not_used(w: Row, x: Row, t: Value) -> Value:
    _ = F.uniform(RNG) * OUTER + t
    return F.sin(w[0] * x[0])


LOSSES: Final[dict[str, Case]] = {
    "network": Case(network, ((2,), ())),
    "network of the batch": Case(network_of_the_batch, ((3, 2), (3,)), per_sample=False),
    "layers": Case(layers, ((2,),)),
    "layers, summed": Case(layers, ((2,),), reduction="sum"),
    "layers of one sample": Case(layers, ((2,),), per_sample=False),
    "classifier": Case(classifier, ((2,), (3,)), has_auxiliary=True),
    "classifier, summed": Case(classifier, ((2,), (3,)), reduction="sum", has_auxiliary=True),
    "noise": Case(noise, ((2,),)),
    "shuffled": Case(shuffled, ((3,),)),
    "shuffled, one sample": Case(shuffled, ((3,),), per_sample=False),
    "mixed": Case(mixed, ((2,),)),
    "mixed, one sample": Case(mixed, ((2,),), per_sample=False),
    "attention": Case(attention, ((3,),)),
    "edges": Case(edges, ((),)),
    "edges of the batch": Case(edges_of_the_batch, ((4,),), per_sample=False),
    "no sample": Case(number_of_no_sample, ((1,),), has_auxiliary=True),
    "no sample, summed": Case(number_of_no_sample, ((1,),), reduction="sum", has_auxiliary=True),
    "matrix": Case(matrix, ((2, 2),)),
    "detached": Case(detached, ((2,),)),
    "tanh of a product": Case(tanh_of_a_product, ((2,),)),
    "layers on a part": Case(layers_on_a_part, ((2,),)),
    "layers of the batch": Case(layers_of_the_batch, ((3, 2),), per_sample=False),
    "two outputs of the batch": Case(two_outputs_of_the_batch, ((3, 1),), per_sample=False),
    "one neuron": Case(one_neuron, ((4,),)),
    "four reversed bits": Case(reversed_bits, ((16,),)),
    "five reversed bits": Case(reversed_bits, ((32,),), per_sample=False),
    "outer product": Case(outer_product, ((3,),)),
    "outer product, one sample": Case(outer_product, ((3,),), per_sample=False),
    "half of the gradients": Case(half_of_gradients, ((2,),)),
    "its own square": Case(its_own_square, ((2,),)),
    "transposed": Case(transposed, ((2,),)),
    "in other axes": Case(in_other_axes, ((4,),)),
    "chosen": Case(chosen, ((2,),)),
    "twice in parts": Case(twice_in_parts, ((3,),)),
    "dropped": Case(dropped, ((2,),)),
    "not used": Case(not_used, ((2,), ())),
}


# Predictions


def as_they_are(w: Row, x: Row) -> Row:
    return [x[1], x[0].tanh(), x[0]]


def given_back(w: Row, x: Row) -> Row:
    return x


def weights_alone(w: Row, x: Row) -> Row:
    return [w[0] * 2.0, w[1] * 3.0]


def nested(w: Row, x: list[Row]) -> list[Row]:
    return [[a.exp() for a in row] for row in x]


def scaled(w: Row, x: Value) -> Value:
    return x * w[0] + 1.0


def with_terms(w: Row, x: Row) -> Row:
    return [F.dot(w[2 * i :][:2], x) + F.tanh(a) + F.cos(a) for i, a in enumerate(x)]


def divided(first: float, second: float) -> Case:
    return Case(lambda w, x: [F.sigmoid(F.sin(a) / b) for a, b in zip(x, (first, second))], ((2,),))


PREDICTIONS: Final[dict[str, Case]] = {
    "as they are": Case(as_they_are, ((2,),)),
    "given back": Case(given_back, ((2,),)),
    "given back, one sample": Case(given_back, ((2,),), per_sample=False),
    "weights alone": Case(weights_alone, ((2,),)),
    "weights alone, one sample": Case(weights_alone, ((2,),), per_sample=False),
    "nested": Case(nested, ((2, 3),)),
    "nested, one sample": Case(nested, ((2, 3),), per_sample=False),
    "scaled": Case(scaled, ((),)),
    "with terms": Case(with_terms, ((2,),)),
    "with terms, one sample": Case(with_terms, ((2,),), per_sample=False),
    "by one number": divided(4.0, 4.0),
    "by two numbers": divided(4.0, 8.0),
    "by zeros": divided(0.0, 0.0),
    "by zeros of two signs": divided(0.0, -0.0),
    "by nan": divided(nan, nan),
    "by nan and a number": divided(nan, 2.0),
}
CASES: Final = {**LOSSES, **PREDICTIONS}


def run(name: str, n_samples: int) -> tuple[Program, Row, list[NDArray[Any]], Any]:
    """The program after one call, its parameters, the arguments, and what it gave."""
    case = CASES[name]
    rng = np.random.default_rng(len(name))
    w = [Value(number) for number in rng.normal(size=9)]
    first = (n_samples,) if case.per_sample else ()
    arrays = [rng.normal(size=first + shape) for shape in case.shapes]
    options: dict[str, Any] = {"per_sample": case.per_sample}
    if name in LOSSES:
        options.update(reduction=case.reduction, has_auxiliary=case.has_auxiliary)
    RNG.bit_generator.state = START
    with forced("arrays"):
        program = compile(
            lambda *args: case.function(w, *args), w if name in LOSSES else None, **options
        )
        return program, w, arrays, program(*arrays)


def samples(case: Case, arrays: Sequence[NDArray[Any]]) -> list[list[Any]]:
    """The arguments of the function, as Values: once, or once for each sample."""

    def values(array: NDArray[Any]) -> Any:
        return Value(float(array)) if not array.ndim else [values(part) for part in array]

    if not case.per_sample:
        return [[values(array) for array in arrays]]
    return [[values(part) for part in parts] for parts in zip(*arrays)]


@pytest.mark.parametrize("name", CASES)
def test_the_text(name: str) -> None:
    program = run(name, n_samples=3)[0]
    assert program.source == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("n_samples", [3, 1])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradients(name: str, n_samples: int) -> None:
    case = LOSSES[name]
    program, w, arrays, found = run(name, n_samples)
    SCALE.data = OUTER.data * 0.5
    RNG.bit_generator.state = START
    results = [case.function(w, *args) for args in samples(case, arrays)]
    losses = [result[0] if case.has_auxiliary else result for result in results]
    total = F.sum(losses) if case.reduction == "sum" else F.mean(losses)
    total.backward()
    assert_close(found, total.data)
    assert_close(program.gradients, [value.grad for value in w])
    if case.has_auxiliary:
        assert_close(program.auxiliary, [[value.data for value in result[1]] for result in results])


@pytest.mark.parametrize("n_samples", [3, 1])
@pytest.mark.parametrize("name", PREDICTIONS)
def test_predictions(name: str, n_samples: int) -> None:
    case = PREDICTIONS[name]
    _, w, arrays, found = run(name, n_samples)
    results = [case.function(w, *args) for args in samples(case, arrays)]
    expected = np.vectorize(lambda value: value.data)(np.array(results, dtype=object))
    np.testing.assert_allclose(found, expected if case.per_sample else expected[0], rtol=1e-14)


if __name__ == "__main__":
    for each in CASES:
        text = run(each, n_samples=3)[0].source
        (FOLDER / f"{each}.txt").write_text(text, encoding="utf-8")
