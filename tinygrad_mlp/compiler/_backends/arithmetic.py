"""The back end of plain arithmetic: the scalar graph as straight-line Python.

NumPy calls pay for groups of nodes. Where a graph falls apart into groups of one or two with
operands in no order, plain arithmetic on local variables is faster, forwards and backwards, than
both arrays and the eager engine: no nodes, no order to find, no partials to keep. The rules are the
same ones, run on pieces of program text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import numpy as np

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp.compiler._backends.protocol import Memory, Run
from tinygrad_mlp.compiler._backends.scalar_walk import walk
from tinygrad_mlp.compiler._folding import Node
from tinygrad_mlp.compiler._lowered import Lowered
from tinygrad_mlp.compiler._refusals import refuses_to_be_a_number

__all__ = ["TERMS_AT_ONCE", "Arithmetic", "ScalarText"]

TERMS_AT_ONCE: Final = 50
"""A longer sum is one of partial sums: a line of text each, and so is the rounding."""


class Arithmetic:
    """Runs the scalar graph as straight-line Python.

    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> recording = trace(lambda x: x[0].tanh() * x[1], [(2,)], [])
    >>> lowered = Lowered(recording, fold(recording), per_sample=False, reduction=None)
    >>> print(Arithmetic().prepare(lowered).source.strip())
    def prepare(B):
        def run(X0):
            v0, v1, = X0.ravel().tolist()
            v2 = tanh(v0)
            v3 = v2 * v1
            return np.array([v3], dtype)
    <BLANKLINE>
        return run
    """

    name = "plain arithmetic"

    def prepare(self, lowered: Lowered) -> ScalarText:
        """The text: a function ``prepare`` that returns the function ``run``."""
        writer = _ScalarWriter(lowered)
        walk(lowered, writer)
        return ScalarText(writer.text(), lowered)


@dataclass(frozen=True, slots=True)
class ScalarText:
    """A program's text, and what it is about."""

    source: str
    lowered: Lowered

    def bind(self, memory: Memory) -> Run:
        """The function ``run``; there is nothing to allocate for it.

        >>> from tinygrad_mlp.compiler._folding import fold
        >>> from tinygrad_mlp.compiler._tracing import trace
        >>> recording = trace(lambda x: x[0] * x[1], [(2,)], [])
        >>> lowered = Lowered(recording, fold(recording), per_sample=False, reduction=None)
        >>> text = Arithmetic().prepare(lowered)
        >>> run = text.bind(Memory(0, np.dtype("float64"), np.empty(0), np.empty(0)))
        >>> run(np.array([2.0, 3.0])).tolist()
        [6.0]
        """
        namespace: dict[str, Any] = {
            "np": np,
            "dtype": memory.dtype,
            "parameters": memory.parameters,
            "gradients": memory.gradients,
            "outer_leaves": [x for x in self.lowered.outer if x not in self.lowered.kept],
            "assigned": self.lowered.assigned,
            "kept": memory.kept,
            "rngs": self.lowered.generators,
            "read_numbers": read_numbers,
        }
        namespace.update({name: getattr(float_math, name) for name in float_math.__all__})
        exec(self.source, namespace)
        run: Run = namespace["prepare"](memory.batch_size)
        return run


@dataclass(frozen=True, slots=True)
class _Text:
    """A piece of an expression; operators make longer pieces."""

    code: str

    def __add__(self, other: Any) -> _Text:
        return _Text(f"({self.code} + {_code(other)})")

    def __radd__(self, other: Any) -> _Text:
        return _Text(f"({_code(other)} + {self.code})")

    def __sub__(self, other: Any) -> _Text:
        return _Text(f"({self.code} - {_code(other)})")

    def __rsub__(self, other: Any) -> _Text:
        return _Text(f"({_code(other)} - {self.code})")

    def __mul__(self, other: Any) -> _Text:
        return _Text(f"{self.code} * {_factor(other)}")

    def __rmul__(self, other: Any) -> _Text:
        return _Text(f"{_code(other)} * {_factor(self)}")

    def __truediv__(self, other: Any) -> _Text:
        return _Text(f"divide({self.code}, {_code(other)})")

    def __rtruediv__(self, other: Any) -> _Text:
        return _Text(f"divide({_code(other)}, {self.code})")

    def __pow__(self, other: Any) -> _Text:
        return _Text(f"power({self.code}, {_code(other)})")

    def __rpow__(self, other: Any) -> _Text:
        return _Text(f"power({_code(other)}, {self.code})")

    __bool__ = __float__ = refuses_to_be_a_number

    def __neg__(self) -> _Text:
        return _Text(f"(-{self.code})")

    def __lt__(self, other: Any) -> _Text:
        return _Text(f"({self.code} < {_code(other)})")

    def __le__(self, other: Any) -> _Text:
        return _Text(f"({self.code} <= {_code(other)})")

    def __gt__(self, other: Any) -> _Text:
        return _Text(f"({self.code} > {_code(other)})")

    def __ge__(self, other: Any) -> _Text:
        return _Text(f"({self.code} >= {_code(other)})")

    def __and__(self, other: Any) -> _Text:
        return _Text(f"({self.code} and {_code(other)})")


class _TextNamespace:
    """The ``xp`` that writes calls of ``float_math`` down.

    Exponentials, and their shares of the sum, go into variables of their own: the value of a
    logsumexp, its derivatives and a softmax are made of the same ones.
    """

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._kept: dict[str, _Text] = {}

    def where(self, condition: Any, a: Any, b: Any) -> _Text:
        return _Text(f"({_code(a)} if {_code(condition)} else {_code(b)})")

    def equal(self, a: Any, b: Any) -> _Text:
        return _Text(f"({_code(a)} == {_code(b)})")

    def sum(self, inputs: Any) -> _Text:
        return _Text(f"sum({_list(inputs)})")

    def max(self, inputs: Any) -> _Text:
        return _Text(f"max({_list(inputs)})")

    def sum_less_one(self, terms: Any) -> _Text:
        return _Text(f"sum_less_one({_list(terms)})")

    def shares(self, terms: Any) -> _Text:
        return self._in_a_variable(f"shares({_list(terms)})")

    def equal_each(self, inputs: Any, x: Any) -> list[_Text]:
        return [self.where(self.equal(each, x), 1.0, 0.0) for each in inputs]

    def exp_shifted(self, inputs: Any, shift: Any) -> _Text:
        return self._in_a_variable(f"exp_shifted({_list(inputs)}, {_code(shift)})")

    def finite(self, x: Any) -> _Text:
        return self._in_a_variable(f"finite({_code(x)})")

    def _in_a_variable(self, code: str) -> _Text:
        """The variable that holds the result; no variable is ever assigned to again."""
        kept = self._kept.get(code)
        if kept is None:
            kept = self._kept[code] = _Text(f"e{len(self._kept)}")
            self._lines.append(f"{kept.code} = {code}")
        return kept

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> _Text:
            return _Text(f"{name}({', '.join([_code(arg) for arg in args])})")

        return call


def _list(texts: Any) -> str:
    if isinstance(texts, _Text):
        return texts.code
    return f"[{', '.join([_code(text) for text in texts])}]"


def _factor(x: Any) -> str:
    """The code of a right factor: a product in it is computed first, as it is eagerly."""
    code = _code(x)
    return f"({code})" if " * " in code else code


def _code(x: Any) -> str:
    if isinstance(x, _Text):
        return x.code
    return repr(x) if isfinite(x) else f"float('{x}')"


class _ScalarWriter:
    """Notes the walk down as lines of Python."""

    def __init__(self, lowered: Lowered) -> None:
        self.constants = lowered.folded.constants
        self.nodes = lowered.folded.nodes
        self.n_arguments = len(lowered.recording.inputs)
        self.started: set[int] = set()
        self.lines: list[str] = []
        self.xp = _TextNamespace(self.lines)

    def text(self) -> str:
        arguments = ", ".join([f"X{number}" for number in range(self.n_arguments)])
        body = "\n".join([f"        {line}" for line in self.lines])
        return f"def prepare(B):\n    def run({arguments}):\n{body}\n\n    return run\n"

    def parameters(self, ids: Sequence[int]) -> None:
        self.unpack(ids, "parameters.tolist()")

    def argument(self, number: int, ids: Sequence[int]) -> None:
        self.unpack(ids, f"X{number}.ravel().tolist()")

    def outer(self, ids: Sequence[int]) -> None:
        self.unpack(ids, "read_numbers(outer_leaves)")

    def unpack(self, ids: Sequence[int], source: str) -> None:
        if ids:
            self.lines.append(f"{', '.join([f'v{id_}' for id_ in ids])}, = {source}")

    def kept(self, id_: int, place: int) -> None:
        self.lines.append(f"v{id_} = float(kept[{place}])")

    def random(self, id_: int, number: int) -> None:
        self.lines.append(f"v{id_} = rngs[{number}].random()")

    def value(self, id_: int) -> _Text:
        constant = self.constants.get(id_)
        return _Text(f"v{id_}") if constant is None else _Text(_code(constant))

    def sum_of_products(self, id_: int, node: Node) -> None:
        terms = [self.value(arg).code for arg in node.args]
        terms += [(self.value(a) * self.value(b)).code for a, b in zip(node.left, node.right)]
        first, *rest = [
            " + ".join(terms[i : i + TERMS_AT_ONCE]) for i in range(0, len(terms), TERMS_AT_ONCE)
        ]
        self.lines.append(f"v{id_} = {first}")
        self.lines += [f"v{id_} += {part}" for part in rest]

    def share(self, id_: int, logsumexp: int, position: int) -> None:
        shares = self.joint_partials(logsumexp, self.nodes[logsumexp])
        self.lines.append(f"v{id_} = {shares.code}[{position}]")

    def compute(self, id_: int, node: Node) -> None:
        result = node.op.compute(self.xp, [self.value(arg) for arg in node.args])
        self.lines.append(f"v{id_} = {_code(result)}")

    def assign(self, number: int, place: int | None, id_: int) -> None:
        target = f"assigned[{number}].data" if place is None else f"kept[{place}]"
        self.lines.append(f"{target} = {self.value(id_).code}")

    def loss(self, id_: int, *, has_gradient: bool) -> None:
        self.lines.append(f"loss = {self.value(id_).code}")
        if has_gradient:
            self.contribute(id_, _Text("1.0"))

    def adjoint(self, id_: int) -> _Text | None:
        return _Text(f"g{id_}") if id_ in self.started else None

    def factors(
        self, id_: int, node: Node, positions: Sequence[int]
    ) -> Iterator[_Text | float | None]:
        op, out = node.op, self.value(id_)
        if op.joint_partials is not None:
            name = self.joint_partials(id_, node).code
            if not name.isidentifier():
                self.lines.append(f"p{id_} = {name}")
                name = f"p{id_}"
            yield from [_Text(f"{name}[{position}]") for position in positions]
            return
        args = [self.value(arg) for arg in node.args]
        for position in positions:
            rule = op.partials[0 if op.variadic else position]
            if isinstance(rule, float):
                partial: Any = rule
            else:
                partial = rule(self.xp, out, *([args[position]] if op.variadic else args))
            yield None if partial == 0.0 else partial

    def joint_partials(self, id_: int, node: Node) -> _Text:
        assert node.op.joint_partials is not None
        args = [self.value(arg) for arg in node.args]
        partials: _Text = node.op.joint_partials(self.xp, self.value(id_), args)
        return partials

    def flow(
        self, upstream: _Text, targets: Sequence[int], factors: Iterable[_Text | float | None]
    ) -> None:
        for target, factor in zip(targets, factors):
            if factor is not None:
                self.contribute(target, upstream if factor == 1.0 else upstream * factor)

    def contribute(self, id_: int, product: _Text) -> None:
        sign = "+=" if id_ in self.started else "="
        self.started.add(id_)
        self.lines.append(f"g{id_} {sign} {product.code}")

    def gradients(self, ids: Sequence[int]) -> None:
        gradients = [f"g{id_}" if id_ in self.started else "0.0" for id_ in ids]
        if gradients:
            self.lines.append(f"gradients[:] = ({', '.join(gradients)},)")

    def results(self, ids: Sequence[int]) -> None:
        self.lines.append(f"return {self.array(ids)}")

    def beside(self, ids: Sequence[int]) -> None:
        self.lines.append(f"return loss, {self.array(ids)}" if ids else "return loss")

    def array(self, ids: Sequence[int]) -> str:
        return f"np.array([{', '.join([self.value(id_).code for id_ in ids])}], dtype)"
