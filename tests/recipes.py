"""Random functions of vectors of Values, written down so that any engine can run them.

A recipe is a list of steps on vectors of scalars: elementwise operations on operands that are read
straight, with a stride, repeated, tiled, reversed or shuffled; sums of products over windows of two
vectors, for all pairs of windows or for some of them only, written in the ways in which people
write them; sums and logsumexps over windows. That is what a compiler finds regularities in, or
should not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st

from tinygrad_mlp import functional, ops
from tinygrad_mlp.engine import Value, apply, as_value
from tinygrad_mlp.ops import OPS, Op

Vectors = list[list[Value]]

EXACT_OPS: Final = tuple(
    OPS[name]
    for name in (
        "add", "sub", "mul", "neg", "square", "relu", "leaky_relu", "abs", "maximum", "minimum",
        "where", "clamp", "less", "less_equal", "greater", "greater_equal", "equal",
    )
)  # fmt: skip
"""On small whole numbers these are exact in any order, so that ties and kinks can be compared."""

ALL_OPS: Final = tuple(op for op in OPS.values() if not op.variadic)


@dataclass(frozen=True)
class Read:
    """The elements ``vectors[vector][i] for i in indices``."""

    vector: int
    indices: tuple[int, ...]

    def __repr__(self) -> str:
        return f"v{self.vector}[{','.join(map(str, self.indices))}]"

    def of(self, vectors: Vectors) -> list[Value]:
        return [vectors[self.vector][index] for index in self.indices]


@dataclass(frozen=True)
class Elementwise:
    """One operation on each tuple of elements; a number stands for itself everywhere."""

    op: Op
    operands: tuple[Read | float, ...]
    length: int

    def __repr__(self) -> str:
        return f"{self.op.name}({', '.join(map(repr, self.operands))}) x {self.length}"

    def run(self, vectors: Vectors) -> list[Value]:
        columns: list[Sequence[Value | float]] = [
            operand.of(vectors) if isinstance(operand, Read) else [operand] * self.length
            for operand in self.operands
        ]
        return [_applied(self.op, row) for row in zip(*columns)]


def _applied(op: Op, row: Sequence[Value | float]) -> Value:
    if op is ops.POW_NUMBER:  # the exponent is a plain number by definition
        return as_value(row[0]) ** row[1]
    return apply(op, *[as_value(element) for element in row])


@dataclass(frozen=True)
class Products:
    """A sum of products for each pair (p, q): left window p times right window q, plus a bias."""

    left: tuple[Read, ...]
    right: tuple[Read, ...]
    pairs: tuple[tuple[int, int], ...]
    bias: Read | None
    form: str

    def run(self, vectors: Vectors) -> list[Value]:
        biases: Sequence[Value | None] = (
            [None] * len(self.pairs) if self.bias is None else self.bias.of(vectors)
        )
        lefts = [window.of(vectors) for window in self.left]
        rights = [window.of(vectors) for window in self.right]
        write = FORMS[self.form]
        return [write(lefts[p], rights[q], b) for (p, q), b in zip(self.pairs, biases)]


@dataclass(frozen=True)
class Reduce:
    """``sum``, ``mean`` or ``logsumexp`` of each window."""

    name: str
    windows: tuple[Read, ...]

    def run(self, vectors: Vectors) -> list[Value]:
        function: Callable[[list[Value]], Value] = getattr(functional, self.name)
        return [function(window.of(vectors)) for window in self.windows]


@dataclass(frozen=True)
class Join:
    """Elements of two vectors in one."""

    parts: tuple[Read, ...]

    def run(self, vectors: Vectors) -> list[Value]:
        return [value for part in self.parts for value in part.of(vectors)]


Step = Elementwise | Products | Reduce | Join


def _dot(left: list[Value], right: list[Value], bias: Value | None) -> Value:
    return functional.dot(left, right, bias)


def _loop_from_the_bias(left: list[Value], right: list[Value], bias: Value | None) -> Value:
    total: Any = 0.0 if bias is None else bias
    for a, b in zip(left, right):
        total = total + a * b
    result: Value = total
    return result


def _bias_last(left: list[Value], right: list[Value], bias: Value | None) -> Value:
    total = functional.sum([b * a for a, b in zip(left, right)])
    return total if bias is None else total + bias


def _differences(left: list[Value], right: list[Value], bias: Value | None) -> Value:
    total = left[0] * right[0]
    for a, b in zip(left[1:], right[1:]):
        total = total - a * b
    return total if bias is None else bias - total


def _pairwise(left: list[Value], right: list[Value], bias: Value | None) -> Value:
    terms = [a * b for a, b in zip(left, right)] + ([] if bias is None else [bias])
    while len(terms) > 1:
        terms = [functional.sum(terms[i : i + 2]) for i in range(0, len(terms), 2)]
    return terms[0]


def _scaled(left: list[Value], right: list[Value], bias: Value | None) -> Value:
    total = -(left[0] * right[0]) / 4.0
    for number, (a, b) in enumerate(zip(left[1:], right[1:])):
        total = total + 0.5 * (a * b) if number % 2 else total - (a * b * 2.0) / -4.0
    return total if bias is None else total - bias


FORMS: Final[dict[str, Callable[[list[Value], list[Value], Value | None], Value]]] = {
    "dot": _dot,
    "loop": _loop_from_the_bias,
    "bias last": _bias_last,
    "differences": _differences,
    "scaled": _scaled,
    "pairwise": _pairwise,
}


@dataclass
class Recipe:
    """``loss = sum over k of scale * vectors[v][i]`` after all steps, or one element alone.

    ``sizes`` are the lengths of the first vectors: parameters, two inputs, earlier leaves.
    """

    sizes: tuple[int, int, int, int]
    steps: list[Step] = field(default_factory=list)
    output: Read = Read(0, (0,))

    def __repr__(self) -> str:
        lines = [f"sizes (parameters, x, t, earlier leaves) = {self.sizes}"]
        lines += [f"v{number} = {step}" for number, step in enumerate(self.steps, start=4)]
        return "\n".join(["", *lines, f"output = {self.output}"])

    def vectors(
        self,
        parameters: list[Value],
        x: list[Value],
        t: list[Value],
        earlier: list[Value],
    ) -> Vectors:
        """Every vector, computed."""
        vectors: Vectors = [parameters, x, t, earlier]
        for step in self.steps:
            vectors.append(step.run(vectors))
        return vectors

    def loss(
        self,
        parameters: list[Value],
        x: list[Value],
        t: list[Value],
        earlier: list[Value],
    ) -> Value:
        """The one Value at the end."""
        values = self.output.of(self.vectors(parameters, x, t, earlier))
        return values[0] if len(values) == 1 else functional.sum(values)


# How Hypothesis draws them


@st.composite
def recipes(draw: st.DrawFn, elementwise: Sequence[Op] = ALL_OPS, max_steps: int = 6) -> Recipe:
    """A recipe with up to ``max_steps`` steps."""
    sizes = (
        draw(st.integers(1, 12)),
        draw(st.integers(1, 6)),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
    )
    lengths = list(sizes)
    recipe = Recipe(sizes)
    exact = elementwise is EXACT_OPS
    for _ in range(draw(st.integers(0, max_steps))):
        kind = draw(st.sampled_from(["elementwise", "products", "elementwise", "reduce", "join"]))
        step: Step
        if kind == "elementwise":
            step = draw(_elementwise(lengths, elementwise))
            lengths.append(step.length)
        elif kind == "products":
            step = draw(_products(lengths))
            lengths.append(len(step.pairs))
        elif kind == "reduce":
            names = ["sum"] if exact else ["sum", "mean", "logsumexp"]
            windows = draw(_windows(lengths, draw(st.integers(1, 4)), draw(st.integers(1, 4))))
            step = Reduce(draw(st.sampled_from(names)), windows)
            lengths.append(len(windows))
        else:
            parts = (draw(_read(lengths)), draw(_read(lengths)))
            step = Join(parts)
            lengths.append(sum(len(part.indices) for part in parts))
        recipe.steps.append(step)
    last = len(lengths) - 1
    whole = Read(last, tuple(range(lengths[last])))
    recipe.output = whole if draw(st.integers(0, 3)) else draw(_read(lengths))
    return recipe


@st.composite
def _elementwise(draw: st.DrawFn, lengths: list[int], choices: Sequence[Op]) -> Elementwise:
    op = draw(st.sampled_from(choices))
    length = draw(st.integers(1, 8))
    assert op.arity is not None
    operands: list[Read | float] = []
    for position in range(op.arity):
        number = op is ops.POW_NUMBER and position == 1
        if number or draw(st.integers(0, 5)) == 0:
            operands.append(draw(st.sampled_from([2.0, 1.0, -1.0, 0.0, 0.5, 3.0])))
        else:
            operands.append(draw(_read(lengths, length)))
    return Elementwise(op, tuple(operands), length)


@st.composite
def _products(draw: st.DrawFn, lengths: list[int]) -> Products:
    n_left, n_right = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    k = draw(st.integers(1, 4))
    left = draw(_windows(lengths, n_left, k))
    right = draw(_windows(lengths, n_right, k))
    pairs = [(p, q) for p in range(n_left) for q in range(n_right)]
    which = draw(st.sampled_from(["all", "all", "some", "diagonal", "shuffled", "repeated"]))
    if which == "some":
        pairs = [pair for pair in pairs if draw(st.booleans())] or pairs[:1]
    elif which == "diagonal":
        pairs = [(i % n_left, i % n_right) for i in range(max(n_left, n_right))]
    elif which == "shuffled":
        pairs = list(draw(st.permutations(pairs)))
    elif which == "repeated":
        pairs = pairs + pairs[:2]
    bias = None
    if draw(st.booleans()):
        of = draw(st.sampled_from(["each left window", "behind each left window", "each pair"]))
        if of == "each left window":  # as a layer has them
            read = draw(_read(lengths, n_left))
            bias = Read(read.vector, tuple(read.indices[p] for p, _ in pairs))
        elif of == "behind each left window":
            vector = left[0].vector
            places = [(window.indices[-1] + 1) % lengths[vector] for window in left]
            bias = Read(vector, tuple(places[p] for p, _ in pairs))
        else:
            bias = draw(_read(lengths, len(pairs)))
    return Products(left, right, tuple(pairs), bias, draw(st.sampled_from(list(FORMS))))


@st.composite
def _windows(draw: st.DrawFn, lengths: list[int], n: int, k: int) -> tuple[Read, ...]:
    """``n`` windows of ``k`` elements: rows of a matrix, columns, overlapping, or anything."""
    vector = draw(_vector(lengths))
    length = lengths[vector]
    start = draw(st.integers(0, length - 1))
    kind = draw(st.sampled_from(["rows", "bias", "columns", "overlapping", "anything", "bias"]))
    if kind == "anything":
        return tuple(draw(_read(lengths, k)) for _ in range(n))
    step, stride = {
        "rows": (k, 1),
        "columns": (1, n),
        "overlapping": (1, 1),
        "bias": (k + 1, 1),  # the rows of a layer's weights, each followed by its bias
    }[kind]
    return tuple(
        Read(vector, tuple((start + step * i + stride * j) % length for j in range(k)))
        for i in range(n)
    )


@st.composite
def _read(draw: st.DrawFn, lengths: list[int], n: int | None = None) -> Read:
    vector = draw(_vector(lengths))
    length = lengths[vector]
    count = draw(st.integers(1, 6)) if n is None else n
    kind = draw(st.sampled_from(["straight", "straight", "stride", "repeat", "tile", "any", "one"]))
    start = draw(st.integers(0, length - 1))
    if kind == "any":
        element = st.integers(0, length - 1)
        return Read(vector, tuple(draw(st.lists(element, min_size=count, max_size=count))))
    by = draw(st.integers(2, 3))
    index: Callable[[int], int] = {
        "straight": lambda i: i,
        "stride": lambda i: by * i,
        "repeat": lambda i: i // by,
        "tile": lambda i: i % by,
        "one": lambda i: 0,
    }[kind]
    return Read(vector, tuple((start + index(i)) % length for i in range(count)))


def _vector(lengths: list[int]) -> st.SearchStrategy[int]:
    """Mostly one of the last vectors, so that graphs grow deep."""
    n = len(lengths)
    return st.one_of(st.integers(0, n - 1), st.integers(max(0, n - 2), n - 1))
