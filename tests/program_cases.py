"""Small programs that ``test_compiler_programs`` compares: losses and predictions, by name.

``REGULAR`` are losses in whose graphs there is much to be found, of the whole batch, by sample and
in plain arithmetic; ``LOSSES`` are networks and what stands at their edges; ``PREDICTIONS`` have no
gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.back_ends import BackEnd
from tests.test_compiler_costs import SMALL
from tinygrad_mlp import functional as F
from tinygrad_mlp.engine import Value, assign, no_grad
from tinygrad_mlp.losses._categorical import cross_entropy_of_sample
from tinygrad_mlp.nn import Buffer

__all__ = ["CASES", "Case", "Row", "start_again"]

Row = list[Value]

BUFFER: Final = Value(0.5, label="buffer")
OUTER: Final = Value(2.0, label="outer")
SCALE: Final = Buffer(0.5)
RNG: Final = np.random.default_rng(0)
START: Final = RNG.bit_generator.state


def start_again() -> list[float]:
    """Give the buffers and the random numbers the state that they had; what the buffers held."""
    held = [BUFFER.data, SCALE.data]
    BUFFER.data, SCALE.data = 0.5, 1.0
    RNG.bit_generator.state = START
    return held


Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]


def positive(rng: np.random.Generator, size: tuple[int, ...]) -> NDArray[Any]:
    return rng.uniform(0.2, 1.5, size)


def normal(rng: np.random.Generator, size: tuple[int, ...]) -> NDArray[Any]:
    return rng.normal(size=size)


def shares(rng: np.random.Generator, size: tuple[int, ...]) -> NDArray[Any]:
    """Positive numbers, in the last axis of 3 those of a distribution."""
    numbers = positive(rng, size)
    return numbers / numbers.sum(axis=-1, keepdims=True) if size[-1] == 3 else numbers


@dataclass(frozen=True)
class Case:
    """A program of a loss of nine parameters, or of a prediction from them.

    Attributes:
        function: of the parameters and the arguments.
        sizes: the shapes of the arguments, without the samples.
        draw: what parameters and arguments are drawn by.
    """

    function: Callable[..., Any]
    sizes: tuple[tuple[int, ...], ...] = ((6,),)
    per_sample: bool = False
    reduction: Any = "mean"
    back_end: BackEnd = "arrays"
    differentiate: bool = True
    has_auxiliary: bool = False
    draw: Draw = positive


# Regular losses


def classifier(w: Row, x: Row, t: Row) -> Value:
    """Cross-entropy, whose sum over the samples is one inner product."""
    logits = [F.dot(w[3 * i :][:2], x, w[3 * i + 2]) for i in range(3)]
    return cross_entropy_of_sample(logits, t)


def attention(w: Row, x: list[Row]) -> Value:
    """Products of two computed matrices in each sample."""
    keys = [[F.tanh(w[0] * a) for a in row] for row in x]
    queries = [[F.sin(w[1] * a) for a in row] for row in x]
    scores = [[F.dot(q, k) for k in keys] for q in queries]
    rows = [F.softmax(row) for row in scores]
    mixed = [[F.dot(row, list(column)) for column in zip(*keys)] for row in rows]
    return F.sum([a.sin() for row in mixed for a in row])


def weights_of_weights(w: Row, x: Row) -> Value:
    """A matrix product of parameters, which every sample uses."""
    left, right = [w[2 * i :][:2] for i in range(2)], [w[4 + 2 * i :][:2] for i in range(2)]
    matrix = [[F.dot(row, column) for column in right] for row in left]
    return F.sum([F.dot(row, x[:2]).tanh() for row in matrix])


def two_layers(w: Row, x: Row) -> Value:
    hidden = [F.dot(w[3 * i :][:2], x[:2], w[3 * i + 2]).tanh() for i in range(2)]
    return (F.dot(w[6:8], hidden, w[8]) - x[2]) ** 2


def with_outputs(w: Row, x: Row) -> tuple[Value, list[Row]]:
    """A loss, and two outputs beside it."""
    outputs = [F.dot(w[2 * i :][:2], x[:2]).tanh() for i in range(2)]
    return F.square(outputs[0] - x[2]), [outputs]


def reads_and_assigns(w: Row, x: Row) -> Value:
    """A running number, read and set at each call, and set once more."""
    assign(BUFFER, 0.9 * BUFFER + 0.1 * w[0])
    scaled = w[0] * x[0] * BUFFER
    assign(BUFFER, BUFFER * 2.0)
    return scaled + w[1] * x[1] + BUFFER


def assigns(w: Row, x: Row) -> Value:
    """A buffer that is set at each call, and never read."""
    assign(BUFFER, 0.9 * w[1])
    return w[0] * x[0]


def variadic(w: Row, x: Row) -> Value:
    """Operations on lists of operands, of rows and of single numbers."""
    products = [a * b for a, b in zip(w, x)]
    largest = F.amax(products[:3]) + F.amax(w[:3]) + F.amax([1.0, w[3], x[0]])
    return largest * F.logsumexp(products[3:]) - F.logsumexp([w[6], w[7], w[6]])


def numbers_as_written(w: Row, x: Row) -> Value:
    """Factors of +-1, 0 and infinity; a sum of many terms; products in products."""
    many = F.sum([a * b for a in w for b in x])
    odd = F.maximum(w[0] * (w[1] * x[0]), float("-inf")) - 1.0 / (2.0 - w[2])
    return -many + odd * (x[0] / (3.0 - x[1])) ** 3 - w[3] ** w[4] + (x[2] >= 1.0) * w[5]


def of_several_levels(w: Row, x: Row) -> Value:
    """Factors that are ready at different times."""
    left = [w[0], F.tanh(w[1]), F.exp(F.sin(w[2]))]
    right = [F.exp(F.cos(F.sin(x[0]))), x[1], F.tanh(x[2])]
    return F.dot(left, right) + F.dot(right, left[::-1], F.cos(w[3]))


def one_input(w: Row, x: Row) -> Value:
    """Layers of one input, without biases and with."""
    plain = [F.sin(a * x[0]) for a in w[:3]]
    return F.sum(plain) * F.sum([F.tanh(w[2 * i] * x[1] + w[2 * i + 1]) for i in range(2)])


def a_part_first(w: Row, x: Row) -> Value:
    """A block that is read from its beginning, as a whole, and by index."""
    h = [F.tanh(a * b) for a, b in zip(w, x)]
    part = F.sum([F.sin(a * b) for a, b in zip(h[:3], x)])
    return part * F.dot(w[:6], h) + F.sum([F.cos(a) for a in h])


def gathered_factors(w: Row, x: Row) -> Value:
    """A block that is read as a whole, and as factors in no order."""
    h = [F.tanh(a * b) for a, b in zip(w, x)]
    sums = [F.dot([w[i], w[8 - i]], [h[(3 * i + 1) % 6], h[(5 * i) % 6]]) for i in range(4)]
    return F.sum([F.cos(a) for a in h]) + F.sum([F.sin(a) for a in sums])


def repeated_factor(w: Row, x: Row) -> Value:
    """A factor that is one element of a block as often as the block is long."""
    h = [F.tanh(a * b) for a, b in zip(w[:3], x)]
    return F.dot([h[0]] * 3, x[3:]) * F.dot(h, x[:3]) + F.sum([F.cos(a) for a in h])


def biased_by_rows(w: Row, x: Row) -> Value:
    """Products of weights to which data are added."""
    sums = [F.dot(w[:2], w[2 * i :][:2], x[i]) for i in range(3)]
    return F.sum([F.sin(a) for a in sums])


def biased_by_a_number(w: Row, x: Row) -> Value:
    sums = [F.dot(w[2 * i :][:2], x[:2], 0.5) for i in range(3)]
    return F.sum([F.sin(a) for a in sums]) * F.cos(x[2] * w[6] + 1.5)


def used_results(w: Row, x: Row) -> tuple[Value, Row]:
    """What is returned beside the loss, and used twice in it."""
    products = [w[0] * x[0], w[1] * x[1] + w[2]]
    sums = [F.sin(a) + F.cos(a) for a in products]
    return sums[0] - sums[1], [*products, F.dot(products, x[2:4])]


def with_numbers(w: Row, x: Row) -> Value:
    """Nodes of one op, with a number, a weight, an input or a node beside another node."""
    a = [F.sin(w[i] * x[i]) for i in range(6)]
    others: list[Any] = [0.5, w[6], x[0], a[4], 0.25, F.cos(w[7])]
    return F.sum([F.maximum(b, c) for b, c in zip(a, others)])


def stacked_products(w: Row, x: Row) -> Value:
    """Several products of one shape, of data by data and of weights by weights."""
    data = [F.dot(x[i : i + 2], x[i + 1 : i + 3]) for i in range(3)]
    weights = [F.dot(w[i : i + 2], w[i + 3 : i + 5]) for i in range(3)]
    return F.sum([F.sin(a) * F.cos(b) for a, b in zip(data, weights)])


def columns(w: Row, x: Row) -> Value:
    """A matrix and its transpose, each a factor."""
    rows = [[w[3 * i + j] * x[j] for j in range(3)] for i in range(3)]
    down = [F.dot(list(column), x[:3]) for column in zip(*rows)]
    across = [F.dot(row, x[3:]) for row in rows]
    return F.sum([F.sin(a) * F.exp(b) for a, b in zip(down, across)])


def copied_on(w: Row, x: Row) -> Value:
    """Results that are only passed on, some of them twice."""
    a = [F.sum([b]) for b in w[:3]]
    h = [F.where(b > 0.5, c, b) for b, c in zip(a, x)]
    return F.sum(h) - F.sum([F.maximum(b, c) for b, c in zip(h, a)]) * h[0]


def both(name: str, function: Callable[..., Any], **fields: Any) -> dict[str, Case]:
    """A case of the whole batch, and one of a sample that is mapped over it."""
    return {
        f"{name} of the batch": Case(function, **fields),
        f"{name} by sample": Case(function, per_sample=True, **fields),
    }


def small(*names: str) -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for name in names:
        cases |= both(name, SMALL[name])
    return cases


REGULAR: Final[dict[str, Case]] = {
    **small(
        "in other axes by weights", "windows", "shuffled", "from two places", "outer product",
        "comparisons", "rectified", "inner products", "its own square", "reduced", "constants",
        "used unequally", "mixed factors", "half detached",
    ),
    **both("two layers", two_layers, sizes=((3,),)),
    **both("of several levels", of_several_levels),
    **both("one input", one_input),
    **both("a part first", a_part_first),
    **both("gathered factors", gathered_factors),
    **both("repeated factor", repeated_factor),
    **both("biased by rows", biased_by_rows),
    **both("biased by a number", biased_by_a_number),
    **both("used results", used_results, has_auxiliary=True),
    **both("with numbers", with_numbers),
    **both("stacked products", stacked_products),
    **both("columns", columns),
    **both("copied on", copied_on),
    **both("weights of weights", weights_of_weights),
    **both("classifier", classifier, sizes=((2,), (3,)), draw=shares),
    **both("attention", attention, sizes=((3, 2),)),
    **both("variadic", variadic),
    **both("outputs", with_outputs, has_auxiliary=True),
    **both("assigns", assigns),
    "two layers summed": Case(two_layers, ((3,),), per_sample=True, reduction="sum"),
    "classifier summed": Case(
        classifier, ((2,), (3,)), per_sample=True, reduction="sum", draw=shares
    ),
    "no sample in it, summed": Case(
        lambda w, x: F.sin(w[0]) * w[1], per_sample=True, reduction="sum"
    ),
    "reads and assigns": Case(reads_and_assigns),
    "predicts one": Case(lambda w, x: F.tanh(w[0] * x[0]), per_sample=True, differentiate=False),
    "predicts a matrix": Case(
        lambda w, x: [[w[0] * a, w[0] + b] for a, b in zip(x[:3], x[3:])],
        per_sample=True, differentiate=False,
    ),
    **{
        f"{name} in arithmetic": Case(function, back_end="arithmetic", **fields)
        for name, function, fields in (
            ("comparisons", SMALL["comparisons"], {}),
            ("rectified", SMALL["rectified"], {}),
            ("variadic", variadic, {}),
            ("numbers as written", numbers_as_written, {}),
            ("reads and assigns", reads_and_assigns, {}),
            ("outputs", with_outputs, {"has_auxiliary": True}),
            ("classifier", classifier, {"sizes": ((2,), (3,)), "draw": shares}),
            ("predicts", lambda w, x: [w[0] * x[0], x[1], 2.0], {"differentiate": False}),
        )
    },
}  # fmt: skip


# Networks, and edges


def network(w: Row, x: Row, t: Value) -> Value:
    hidden = [F.relu(F.dot(w[2 * i : 2 * i + 2], x, w[6 + i])) for i in range(3)]
    return (F.sum(hidden) - t) ** 2


def network_of_the_batch(w: Row, xs: list[Row], ts: Row) -> Value:
    return F.mean([network(w, x, t) for x, t in zip(xs, ts)])


def layers(w: Row, x: Row) -> Value:
    hidden = [F.tanh(F.dot(w[3 * i : 3 * i + 2], x, w[3 * i + 2])) for i in range(2)]
    return F.dot(w[6:8], hidden, w[8]).sin()


def logits_beside(w: Row, x: Row, t: Row) -> tuple[Value, Row]:
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


def attention_scores(w: Row, x: Row) -> Value:
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
    "network": Case(network, ((2,), ()), per_sample=True, draw=normal),
    "network of the batch": Case(network_of_the_batch, ((3, 2), (3,)), draw=normal),
    "layers": Case(layers, ((2,),), per_sample=True, draw=normal),
    "layers, summed": Case(layers, ((2,),), reduction="sum", per_sample=True, draw=normal),
    "layers of one sample": Case(layers, ((2,),), draw=normal),
    "logits beside": Case(
        logits_beside, ((2,), (3,)), has_auxiliary=True, per_sample=True, draw=normal
    ),
    "logits beside, summed": Case(
        logits_beside,
        ((2,), (3,)),
        reduction="sum",
        has_auxiliary=True,
        per_sample=True,
        draw=normal,
    ),
    "noise": Case(noise, ((2,),), per_sample=True, draw=normal),
    "shuffled": Case(shuffled, ((3,),), per_sample=True, draw=normal),
    "shuffled, one sample": Case(shuffled, ((3,),), draw=normal),
    "mixed": Case(mixed, ((2,),), per_sample=True, draw=normal),
    "mixed, one sample": Case(mixed, ((2,),), draw=normal),
    "attention scores": Case(attention_scores, ((3,),), per_sample=True, draw=normal),
    "edges": Case(edges, ((),), per_sample=True, draw=normal),
    "edges of the batch": Case(edges_of_the_batch, ((4,),), draw=normal),
    "no sample": Case(
        number_of_no_sample, ((1,),), has_auxiliary=True, per_sample=True, draw=normal
    ),
    "no sample, summed": Case(
        number_of_no_sample,
        ((1,),),
        reduction="sum",
        has_auxiliary=True,
        per_sample=True,
        draw=normal,
    ),
    "matrix": Case(matrix, ((2, 2),), per_sample=True, draw=normal),
    "detached": Case(detached, ((2,),), per_sample=True, draw=normal),
    "tanh of a product": Case(tanh_of_a_product, ((2,),), per_sample=True, draw=normal),
    "layers on a part": Case(layers_on_a_part, ((2,),), per_sample=True, draw=normal),
    "layers of the batch": Case(layers_of_the_batch, ((3, 2),), draw=normal),
    "two outputs of the batch": Case(two_outputs_of_the_batch, ((3, 1),), draw=normal),
    "one neuron": Case(one_neuron, ((4,),), per_sample=True, draw=normal),
    "four reversed bits": Case(reversed_bits, ((16,),), per_sample=True, draw=normal),
    "five reversed bits": Case(reversed_bits, ((32,),), draw=normal),
    "outer product": Case(outer_product, ((3,),), per_sample=True, draw=normal),
    "outer product, one sample": Case(outer_product, ((3,),), draw=normal),
    "half of the gradients": Case(half_of_gradients, ((2,),), per_sample=True, draw=normal),
    "its own square": Case(its_own_square, ((2,),), per_sample=True, draw=normal),
    "transposed": Case(transposed, ((2,),), per_sample=True, draw=normal),
    "in other axes": Case(in_other_axes, ((4,),), per_sample=True, draw=normal),
    "chosen": Case(chosen, ((2,),), per_sample=True, draw=normal),
    "twice in parts": Case(twice_in_parts, ((3,),), per_sample=True, draw=normal),
    "dropped": Case(dropped, ((2,),), per_sample=True, draw=normal),
    "not used": Case(not_used, ((2,), ()), per_sample=True, draw=normal),
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
    return Case(
        lambda w, x: [F.sigmoid(F.sin(a) / b) for a, b in zip(x, (first, second))],
        ((2,),),
        per_sample=True,
        differentiate=False,
        draw=normal,
    )


PREDICTIONS: Final[dict[str, Case]] = {
    "as they are": Case(as_they_are, ((2,),), per_sample=True, differentiate=False, draw=normal),
    "given back": Case(given_back, ((2,),), per_sample=True, differentiate=False, draw=normal),
    "given back, one sample": Case(given_back, ((2,),), differentiate=False, draw=normal),
    "weights alone": Case(
        weights_alone, ((2,),), per_sample=True, differentiate=False, draw=normal
    ),
    "weights alone, one sample": Case(weights_alone, ((2,),), differentiate=False, draw=normal),
    "nested": Case(nested, ((2, 3),), per_sample=True, differentiate=False, draw=normal),
    "nested, one sample": Case(nested, ((2, 3),), differentiate=False, draw=normal),
    "scaled": Case(scaled, ((),), per_sample=True, differentiate=False, draw=normal),
    "with terms": Case(with_terms, ((2,),), per_sample=True, differentiate=False, draw=normal),
    "with terms, one sample": Case(with_terms, ((2,),), differentiate=False, draw=normal),
    "by one number": divided(4.0, 4.0),
    "by two numbers": divided(4.0, 8.0),
    "by zeros": divided(0.0, 0.0),
    "by zeros of two signs": divided(0.0, -0.0),
    "by nan": divided(nan, nan),
    "by nan and a number": divided(nan, 2.0),
}
CASES: Final = {**REGULAR, **LOSSES, **PREDICTIONS}
