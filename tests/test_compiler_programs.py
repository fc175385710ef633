"""The text of small compiled programs, compared whole with files that a person can read.

Every optimization shows in this text: which calls there are, in which order, on which views, in
whose memory. That the numbers are right as well is checked against the eager engine. After a change
that is meant, ``python -m tests.test_compiler_programs`` writes the files in ``tests/programs``
anew, and the difference says what the change does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.against_torch import assert_close
from tests.back_ends import BackEnd, forced
from tests.test_compiler_costs import SMALL
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.losses._categorical import cross_entropy_of_sample

Row = list[Value]
FOLDER: Final = Path(__file__).parent / "programs"
BUFFER: Final = Value(0.5, label="buffer")


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


@dataclass(frozen=True)
class Case:
    """A program of a loss of nine parameters, or of a prediction from them.

    ``sizes`` are the shapes of its arguments, without the samples.
    """

    function: Callable[..., Any]
    sizes: tuple[tuple[int, ...], ...] = ((6,),)
    per_sample: bool = False
    reduction: Any = "mean"
    back_end: BackEnd = "arrays"
    differentiate: bool = True
    has_auxiliary: bool = False


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


CASES: Final[dict[str, Case]] = {
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
    **both("classifier", classifier, sizes=((2,), (3,))),
    **both("attention", attention, sizes=((3, 2),)),
    **both("variadic", variadic),
    **both("outputs", with_outputs, has_auxiliary=True),
    **both("assigns", assigns),
    "two layers summed": Case(two_layers, ((3,),), per_sample=True, reduction="sum"),
    "classifier summed": Case(classifier, ((2,), (3,)), per_sample=True, reduction="sum"),
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
            ("classifier", classifier, {"sizes": ((2,), (3,))}),
            ("predicts", lambda w, x: [w[0] * x[0], x[1], 2.0], {"differentiate": False}),
        )
    },
}  # fmt: skip


def made_of(case: Case) -> tuple[Program, Row, list[Any]]:
    """The program, its parameters, and the arrays that it is called with."""
    rng = np.random.default_rng(0)
    w = [Value(number) for number in rng.uniform(0.2, 1.5, size=9)]
    samples = (2,) if case.per_sample else ()
    arrays = [rng.uniform(0.2, 1.5, size=(*samples, *size)) for size in case.sizes]
    if case.function is classifier:
        arrays[1] /= arrays[1].sum(axis=-1, keepdims=True)
    program = compile(
        lambda *x: case.function(w, *x),
        w if case.differentiate else None,
        per_sample=case.per_sample,
        reduction=case.reduction,
        has_auxiliary=case.has_auxiliary,
    )
    return program, w, arrays


def text_of(program: Program) -> str:
    return f"{program.summary()}\n\n{program.source.strip()}\n"


def file_of(name: str) -> Path:
    return FOLDER / f"{re.sub('[^a-z]+', '_', name)}.txt"


@pytest.mark.parametrize("name", CASES)
def test_a_small_program_is_this_text(name: str) -> None:
    case = CASES[name]
    program, w, arrays = made_of(case)
    BUFFER.data = 0.5
    with forced(case.back_end):
        found = program(*arrays)
    assert text_of(program) == file_of(name).read_text(encoding="utf-8")
    assigned, BUFFER.data = BUFFER.data, 0.5
    expected = program.eager(*arrays)
    if case.differentiate:
        expected.backward()
        assert_close(program.gradients, [value.grad for value in w])
        assert_close(found, expected.data)
    else:
        assert_close(found, numbers_of(expected))
    assert_close(assigned, BUFFER.data)


def numbers_of(results: Any) -> Any:
    if isinstance(results, list | tuple):
        return [numbers_of(part) for part in results]
    return results.data if isinstance(results, Value) else results


def test_every_file_belongs_to_a_program() -> None:
    assert {file.name for file in FOLDER.iterdir()} == {file_of(name).name for name in CASES}


def write_files() -> None:
    """Write every file anew; what is no longer a case goes."""
    for file in FOLDER.iterdir():
        file.unlink()
    for name, case in CASES.items():
        program, _, arrays = made_of(case)
        with forced(case.back_end):
            program(*arrays)
        file_of(name).write_text(text_of(program), encoding="utf-8")


if __name__ == "__main__":
    write_files()
