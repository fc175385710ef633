"""The equations of the debugger, as tokens: chain rules, products, operations with their operands.

The step log, the console, the web page and LaTeX write the same tokens; see ``_tokens``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.debug._applied import Applied, put_in
from tinygrad_mlp.debug._formulas import MOST_TERMS, filled
from tinygrad_mlp.debug._numbers import equality, factor, number
from tinygrad_mlp.debug._tokens import (
    Derivative,
    Name,
    Number,
    Sign,
    Token,
    Tokens,
    Word,
    as_text,
)
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import MathName, dot_operands, op_of

__all__ = [
    "chain_rule",
    "composed",
    "derivative",
    "equated",
    "factor",
    "formula_of",
    "is_plain",
    "local_rule",
    "number",
    "operand_of",
    "product",
    "product_name",
    "product_of",
    "together",
]

SUMS: Final = (ops.ADD, ops.SUM, ops.DOT)


def product(factors: Sequence[float], result: float) -> str:
    """A product with its result on a line; ``≈`` where the numbers as written do not give it.

    >>> print(product([0.138498562, 0.593269992], 0.082167041))
    0.1385 * 0.5933 = 0.0822
    >>> print(product([0.036350306, 0.241300709], 0.008771354))
    0.0364 * 0.2413 ≈ 0.008771
    """
    return as_text(product_of(factors, result))


def product_of(factors: Sequence[float], result: float, roles: Sequence[str] = ()) -> Tokens:
    """The same as tokens.

    Args:
        factors: the numbers.
        result: what they come to.
        roles: the roles of the factors, if they have any.

    >>> [token.text for token in product_of([2.0, -3.0], -6.0)]
    ['2', ' * ', '(-3)', ' = ', '-6']
    """
    tokens: list[Token] = []
    for place, x in enumerate(factors):
        role = roles[place] if roles else ""
        tokens += [*([Sign("*")] if place else []), Number(x, role, is_factor=True)]
    return (*tokens, Sign(equality(factors, result)), Number(result, "result"))


def derivative(output: str, by: str) -> str:
    """The symbol of a derivative; a name that is more than one word stands in brackets.

    >>> derivative("L", "w5"), derivative("loss", "layers.0.bias")
    ('dL/dw5', 'dloss/d(layers.0.bias)')
    """
    of_output, of_by = (Name(text, MathName.code(text)) for text in (output, by))
    return Derivative(of_output, of_by).text


def chain_rule(
    loss: Name, node: Name, parent: Name, upstream: float, partial: float, contribution: float
) -> Tokens:
    """One step backward: dL/dparent += dL/dnode * dnode/dparent, in symbols and numbers.

    Args:
        loss: what the derivatives are of.
        node: where the gradient comes from.
        parent: what receives.
        upstream: dL/dnode.
        partial: dnode/dparent.
        contribution: their product.

    >>> L, z, w = (Name(text, MathName(text)) for text in "Lzw")
    >>> print(as_text(chain_rule(L, z, w, 0.5, -2.0, -1.0)))
    dL/dw += dL/dz * dz/dw = 0.5 * (-2) = -1
    """
    return (
        Derivative(loss, parent),
        Sign("+="),
        Derivative(loss, node, "upstream"),
        Sign("*"),
        Derivative(node, parent, "partial"),
        Sign("="),
        *product_of((upstream, partial), contribution, ("upstream", "partial")),
    )


def product_name(place: int) -> Name:
    """What a product in a sum of products is called.

    >>> product_name(0).text
    'p1'
    """
    return Name(f"p{place + 1}", MathName("p", (place + 1,)))


def together(grad_after: float) -> Tokens:
    """What a gradient comes to with all that had arrived before.

    >>> as_text(together(6.0))
    ', together 6'
    """
    return Word(", together "), Number(grad_after, "result")


def equated(node: Name, symbols: Token, numbers: Token, result: float) -> Tokens:
    """One step forward: a name, its formula with names, the same with numbers, and the result.

    >>> y, a = Name("y", MathName("y")), Name("a", MathName("a"))
    >>> squared = [Applied(ops.op_named("square"), (x,)) for x in (a, Number(-3.0))]
    >>> print(as_text(equated(y, *squared, 9.0)))
    y = a^2 = (-3)^2 = 9
    """
    return node, Sign("="), symbols, Sign("="), numbers, Sign("="), Number(result, "result")


def is_plain(node: Value) -> bool:
    """Whether a node is a number of the formula, such as the 2 in ``2 * v``.

    >>> [is_plain(node) for node in (Value(2.0) * 3.0).parents]
    [False, True]
    """
    return node.op is ops.CONSTANT and not node.label


def operand_of(node: Value, name: Name) -> Token:
    """An operand in symbols: its name, or the number itself where it is plain.

    >>> node = Value(2.0) * 3.0
    >>> operand_of(node.parents[1], Name("v1", MathName.code("v1"))).text
    '3'
    """
    return Number(node.data) if is_plain(node) else name


def formula_of(
    node: Value, operands: Sequence[Token], most: int = MOST_TERMS, *, called: bool = False
) -> Applied:
    """How the node was computed, with ``operands`` (names or numbers) put in.

    >>> a, b = Value(2.0), Value(3.0)
    >>> formula_of(a * b, [Number(2.0), Number(-3.0)]).text
    '2 * (-3)'
    """
    return Applied(op_of(node), tuple(operands), most, called)


def composed(
    head: Value,
    members: Collection[Value],
    operand: Callable[[Value], Token],
    most: int = MOST_TERMS,
    depth: int = 12,
) -> Token:
    """How a node was computed from what stands outside of ``members``: a whole neuron at once.

    Args:
        head: the node.
        members: the nodes whose formulas are put in, leaves apart.
        operand: the name or number of any other.
        most: of how many terms all are written.
        depth: how many formulas stand in one another; what is deeper inside has its name.

    >>> w, x, b = Value(2.0, label="w"), Value(3.0, label="x"), Value(1.0, label="b")
    >>> y = (w * x + b).tanh()
    >>> inside = {y, y.parents[0], y.parents[0].parents[0]}
    >>> composed(y, inside, lambda node: Name(node.label, MathName(node.label))).text
    'tanh(w * x + b)'
    """
    if not depth or not head.parents or head not in members:
        return operand(head)
    if op_of(head) not in SUMS:
        tokens = [composed(x, members, operand, most, depth - 1) for x in head.parents]
        return formula_of(head, tokens, most, called=True)
    terms: list[Token] = []
    pending = [head]
    while pending:
        node = pending.pop()
        if node not in members or node.op not in SUMS:
            terms.append(composed(node, members, operand, most, depth - 1))
        elif node.op is ops.DOT:
            weights, inputs, biases = dot_operands(node)
            for pair in zip(weights, inputs, strict=True):
                factors = [composed(x, members, operand, most, depth - 1) for x in pair]
                terms.append(Applied(ops.MUL, tuple(factors), most, called=True))
            pending.extend(biases)
        else:
            pending.extend(reversed(node.parents))
    return Applied(ops.SUM, tuple(terms), most)


def local_rule(node: Value, position: int, node_name: Name, operands: Sequence[Token]) -> Tokens:
    """The local derivative of a node by one of its operands, as a formula in the operands' names.

    Args:
        node: the node.
        position: which operand.
        node_name: the name of the node.
        operands: the names of all its operands.

    >>> x = Value(2.0, label="x")
    >>> y, names = x.tanh(), [Name("x", MathName("x"))]
    >>> as_text(local_rule(y, 0, Name("y", MathName("y")), names))
    '1 - tanh(x)^2'
    """
    op = op_of(node)
    if op is ops.DOT:
        n = len(node.parents) // 2
        if position >= 2 * n:
            return (Number(1.0),)
        return (operands[position + n if position < n else position - n],)
    rules = op.partial_formulas
    if op.variadic:
        rule, operands = rules[0], [operands[position]]
        if op.name == "logsumexp":
            rule, operands = "exp(a - b)", [*operands, node_name]
    else:
        rule = rules[position].replace(" (a plain number)", "")
    return tuple(put_in(filled(rule, len(operands)), operands))
