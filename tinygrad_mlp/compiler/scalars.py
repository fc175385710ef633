"""The other back end: a graph with nothing regular in it, as straight-line Python.

NumPy calls pay for groups of nodes. Where a graph falls apart into groups of one or two with
operands in no order, plain arithmetic on local variables is faster, forwards and backwards, than
both arrays and the eager engine: no nodes, no order to find, no partials to keep. The rules are the
same ones, run on pieces of program text.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from tinygrad_mlp.compiler.folding import Folded, Node
from tinygrad_mlp.compiler.layout import Gather, Plan
from tinygrad_mlp.compiler.refusals import refuses_to_be_a_number
from tinygrad_mlp.compiler.schedule import Group
from tinygrad_mlp.compiler.tracing import Recording

__all__ = ["emit_scalars", "is_irregular", "is_scattered"]

_MICROSECONDS_PER_CALL_GROUP = 10.0
_MICROSECONDS_PER_OPERAND = 0.2
_TERMS_PER_LINE = 50


def is_scattered(groups: list[Group]) -> bool:
    """Whether there are so many small groups that arrays cannot pay, whatever their layout.

    >>> is_scattered([])
    False
    """
    return len(groups) > 200 and _scalar_cost(groups) < _MICROSECONDS_PER_CALL_GROUP * len(groups)


def is_irregular(plan: Plan, groups: list[Group]) -> bool:
    """Whether many operands would have to be gathered, at a higher cost than plain arithmetic.

    >>> from tinygrad_mlp.compiler.folding import fold
    >>> from tinygrad_mlp.compiler.layout import lay_out
    >>> from tinygrad_mlp.compiler.schedule import schedule
    >>> from tinygrad_mlp.compiler.tracing import trace
    >>> recording = trace(lambda x: x[0] * x[1], [(2,)], [])
    >>> folded = fold(recording)
    >>> groups = schedule(folded)
    >>> is_irregular(lay_out(groups, recording, folded, per_sample=False), groups)
    False
    """
    operands = [o for step in plan.steps for o in (*step.operands, step.left, step.right)]
    n_gathered = sum([isinstance(operand, Gather) for operand in operands])
    cost = _MICROSECONDS_PER_CALL_GROUP * (len(plan.steps) + n_gathered)
    return 4 * n_gathered > len(plan.steps) and _scalar_cost(groups) < cost


def _scalar_cost(groups: list[Group]) -> float:
    n_operands = sum(
        [len(g.ids) * (len(g.args[0]) + (2 * len(g.left[0]) if g.left else 0)) for g in groups]
    )
    return _MICROSECONDS_PER_OPERAND * n_operands


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
    """The ``xp`` that writes calls of ``float_math`` down."""

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
        return _Text(f"shares({_list(terms)})")

    def equal_each(self, inputs: Any, x: Any) -> list[_Text]:
        return [self.where(self.equal(each, x), 1.0, 0.0) for each in inputs]

    def exp_shifted(self, inputs: Any, shift: Any) -> _Text:
        return _Text(f"exp_shifted({_list(inputs)}, {_code(shift)})")

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


def emit_scalars(recording: Recording, folded: Folded, differentiate: bool) -> str:
    """The program's text, with the same surroundings as that of ``emission``.

    >>> from tinygrad_mlp.compiler.folding import fold
    >>> from tinygrad_mlp.compiler.tracing import trace
    >>> recording = trace(lambda x: x[0].tanh() * x[1], [(2,)], [])
    >>> print(emit_scalars(recording, fold(recording), differentiate=False).strip())
    def prepare(B):
        def run(X0):
            v0, v1, = X0.ravel().tolist()
            v2 = tanh(v0)
            v3 = v2 * v1
            return np.array([v3], dtype)
    <BLANKLINE>
        return run
    """
    writer = _ScalarWriter(recording, folded)
    return writer.text(differentiate)


class _ScalarWriter:
    def __init__(self, recording: Recording, folded: Folded) -> None:
        self.recording = recording
        self.folded = folded
        self.xp = _TextNamespace()
        self.started: set[int] = set()
        self.lines: list[str] = []

    def text(self, differentiate: bool) -> str:
        folded, lines = self.folded, self.lines
        self.read_leaves()
        for id_, node in folded.nodes.items():
            self.forward(id_, node)
        for number, (_, id_) in enumerate(folded.effects):
            lines.append(f"assigned[{number}].data = {self.value(id_).code}")
        results = [self.value(id_).code for id_ in folded.outputs]
        if differentiate:
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
        self.unpack([f"v{id_}" for id_, _ in folded.outer], "read_numbers(outer_leaves)")
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
        self.lines.append(f"v{id_} = {_code(node.op.compute(self.xp, args))}")

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
            self.lines.append(f"p{id_} = {_code(partials)}")
            for position, arg in enumerate(node.args):
                self.contribute(arg, f"g{id_} * p{id_}[{position}]")
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
