"""The back end of plain arithmetic: the scalar graph as straight-line Python.

NumPy calls pay for groups of nodes. Where a graph falls apart into groups of one or two with
operands in no order, plain arithmetic on local variables is faster, forwards and backwards, than
both arrays and the eager engine: no nodes, no order to find, no partials to keep. The rules are the
same ones, run on pieces of program text.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import ops
from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp.compiler._backends.protocol import Memory, Run
from tinygrad_mlp.compiler._folding import Node
from tinygrad_mlp.compiler._lowered import Lowered
from tinygrad_mlp.compiler._refusals import refuses_to_be_a_number

__all__ = ["Arithmetic", "ScalarText"]

_TERMS_PER_LINE = 50


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
        return ScalarText(_ScalarWriter(lowered).text(), lowered)


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
    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered
        self.recording = lowered.recording
        self.folded = lowered.folded
        self.started: set[int] = set()
        self.lines: list[str] = []
        self.xp = _TextNamespace(self.lines)

    def text(self) -> str:
        folded, lines = self.folded, self.lines
        self.read_leaves()
        for id_, node in folded.nodes.items():
            self.forward(id_, node)
        for number, (leaf, id_) in enumerate(folded.effects):
            place = self.lowered.kept.get(leaf)
            target = f"assigned[{number}].data" if place is None else f"kept[{place}]"
            lines.append(f"{target} = {self.value(id_).code}")
        results = [self.value(id_).code for id_ in folded.outputs]
        if self.lowered.reduction is not None:
            lines.append(f"loss = {results[0]}")
            self.backward()
            extra = [self.value(id_).code for id_ in folded.auxiliary]
            lines.append(
                f"return loss, np.array([{', '.join(extra)}], dtype)" if extra else "return loss"
            )
        else:
            lines.append(f"return np.array([{', '.join(results)}], dtype)")
        arguments = ", ".join([f"X{number}" for number in range(len(self.recording.inputs))])
        body = "\n".join([f"        {line}" for line in lines])
        return f"def prepare(B):\n    def run({arguments}):\n{body}\n\n    return run\n"

    def value(self, id_: int) -> _Text:
        constant = self.folded.constants.get(id_)
        return _Text(f"v{id_}") if constant is None else _Text(_code(constant))

    def read_leaves(self) -> None:
        folded = self.folded
        self.unpack([f"v{id_}" for id_ in folded.parameters], "parameters.tolist()")
        for number, (_, ids) in enumerate(self.recording.inputs):
            self.unpack([f"v{id_}" for id_ in ids], f"X{number}.ravel().tolist()")
        kept = self.lowered.kept
        outer = [f"v{id_}" for id_, leaf in folded.outer if leaf not in kept]
        self.unpack(outer, "read_numbers(outer_leaves)")
        for id_, leaf in folded.outer:
            if leaf in kept:
                self.lines.append(f"v{id_} = float(kept[{kept[leaf]}])")
        for number, (id_, _) in enumerate(self.recording.random):
            self.lines.append(f"v{id_} = rngs[{number}].random()")

    def unpack(self, names: list[str], source: str) -> None:
        if names:
            self.lines.append(f"{', '.join(names)}, = {source}")

    def forward(self, id_: int, node: Node) -> None:
        args = [self.value(arg) for arg in node.args]
        if node.left:
            terms = [arg.code for arg in args]
            terms += [(self.value(a) * self.value(b)).code for a, b in zip(node.left, node.right)]
            first, *rest = [
                " + ".join(terms[i : i + _TERMS_PER_LINE])
                for i in range(0, len(terms), _TERMS_PER_LINE)
            ]
            self.lines.append(f"v{id_} = {first}")
            self.lines += [f"v{id_} += {part}" for part in rest]
            return
        share = self.share(node)
        result = node.op.compute(self.xp, args) if share is None else share
        self.lines.append(f"v{id_} = {_code(result)}")

    def share(self, node: Node) -> _Text | None:
        """``exp(x - logsumexp(x1, ..., xn))``, for an x among those: its share of the sum."""
        nodes = self.folded.nodes
        difference = nodes.get(node.args[0]) if node.op is ops.EXP else None
        if difference is None or difference.op is not ops.SUB:
            return None
        x, total = difference.args
        logsumexp = nodes.get(total)
        if logsumexp is None or logsumexp.op is not ops.LOGSUMEXP or x not in logsumexp.args:
            return None
        assert logsumexp.op.joint_partials is not None
        args = [self.value(arg) for arg in logsumexp.args]
        shares = logsumexp.op.joint_partials(self.xp, self.value(total), args)
        return _Text(f"{shares.code}[{logsumexp.args.index(x)}]")

    def backward(self) -> None:
        folded = self.folded
        needs = folded.needs_grad
        (output,) = folded.outputs
        if needs[output]:
            self.contribute(output, "1.0")
        for id_, node in reversed(folded.nodes.items()):
            if id_ in self.started:
                self.backward_node(id_, node)
        gradients = [f"g{id_}" if id_ in self.started else "0.0" for id_ in folded.parameters]
        if gradients:
            self.lines.append(f"gradients[:] = ({', '.join(gradients)},)")

    def backward_node(self, id_: int, node: Node) -> None:
        upstream = _Text(f"g{id_}")
        out = self.value(id_)
        if node.left:
            for a, b in zip(node.left, node.right):
                self.contribute(a, (upstream * self.value(b)).code)
                self.contribute(b, (upstream * self.value(a)).code)
            for arg in node.args:
                self.contribute(arg, upstream.code)
            return
        args = [self.value(arg) for arg in node.args]
        if node.op.joint_partials is not None:
            partials = node.op.joint_partials(self.xp, out, args)
            name = _code(partials)
            if not name.isidentifier():
                self.lines.append(f"p{id_} = {name}")
                name = f"p{id_}"
            for position, arg in enumerate(node.args):
                self.contribute(arg, f"g{id_} * {name}[{position}]")
            return
        for position, arg in enumerate(node.args):
            if not self.folded.needs_grad[arg]:
                continue
            rule = node.op.partials[0 if node.op.variadic else position]
            if isinstance(rule, float):
                partial: Any = rule
            else:
                partial = rule(self.xp, out, *([args[position]] if node.op.variadic else args))
            if partial == 1.0:
                self.contribute(arg, upstream.code)
            elif partial != 0.0:
                self.contribute(arg, (upstream * partial).code)

    def contribute(self, id_: int, code: str) -> None:
        if self.folded.needs_grad[id_]:
            sign = "+=" if id_ in self.started else "="
            self.started.add(id_)
            self.lines.append(f"g{id_} {sign} {code}")
