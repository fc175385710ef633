"""How a formula is put together from its operands, on a line and in LaTeX.

On a line it is the formula of the table of operations with the operands in the place of its
letters. In LaTeX it is the form that the record gives, or the name of the operation as a function.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from tinygrad_mlp import ops
from tinygrad_mlp.graph._math_names import in_latex
from tinygrad_mlp.ops import Op

__all__ = ["MOST_TERMS", "Beside", "Layout", "Slot", "filled", "is_call", "latex_formula", "layout"]

MOST_TERMS: Final = 8
"""Of more terms than this only the first three and the last are written, with dots between."""

OPENS: Final = re.compile(r"(^|[(,|<>=]|\bif|\belse) ?$")
CLOSES: Final = re.compile(r" ?([),|<>=]|if\b|else\b|$)")


class Beside(IntEnum):
    """What stands beside an operand in a formula."""

    NOTHING = 0
    PLUS = 1
    SIGN = 2


class Slot(NamedTuple):
    """The place of an operand in a formula.

    Attributes:
        operand: which one.
        beside: what it stands beside: a negative number has brackets there, unless it is nothing.
    """

    operand: int
    beside: Beside


Layout: TypeAlias = Sequence[str | Slot]
"""A formula in pieces: texts, and the places of its operands."""


def layout(op: Op, n_operands: int, most: int = MOST_TERMS, *, called: bool = False) -> Layout:
    """The formula of an operation in pieces: texts, and the places of its operands.

    Args:
        op: the operation.
        n_operands: how many operands it has.
        most: the number of terms up to which all are written.
        called: whether activations and distinctions of cases are called by their names,
            ``sigmoid(x)``, rather than written out.

    >>> layout(ops.op_named("add"), 2)
    (Slot(operand=0, beside=<Beside.PLUS: 1>), ' + ', Slot(operand=1, beside=<Beside.PLUS: 1>))
    >>> layout(ops.op_named("sigmoid"), 1, called=True)
    ('sigmoid(', Slot(operand=0, beside=<Beside.NOTHING: 0>), ')')
    """
    if op is ops.DOT:
        n = n_operands // 2
        products: list[Layout] = [
            [Slot(i, Beside.SIGN), " * ", Slot(i + n, Beside.SIGN)] for i in range(n)
        ]
        biases: list[Layout] = [[Slot(i, Beside.PLUS)] for i in range(2 * n, n_operands)]
        return _joined(products + biases, " + ", most)
    if op is ops.SUM:
        return _joined([[Slot(i, Beside.PLUS)] for i in range(n_operands)], " + ", most)
    if op.variadic or (called and (op.activation or " if " in op.formula)):
        alone: list[Layout] = [[Slot(i, Beside.NOTHING)] for i in range(n_operands)]
        return (f"{op.name}(", *_joined(alone, ", ", most), ")")
    return filled(op.formula, n_operands)


@lru_cache(maxsize=256)
def filled(formula: str, n_operands: int) -> Layout:
    """The same for a text in which the operands are x, or a, b, c, ...

    >>> filled("1 / x", 1)
    ('1 / ', Slot(operand=0, beside=<Beside.SIGN: 2>))
    """
    letters = "x" if n_operands == 1 else ops.LETTERS[:n_operands]
    pieces: list[str | Slot] = []
    end = 0
    for match in re.finditer(rf"\b[{letters}]\b", formula):
        pieces += [formula[end : match.start()], Slot(letters.index(match[0]), _beside(match))]
        end = match.end()
    return tuple([piece for piece in (*pieces, formula[end:]) if piece != ""])


def is_call(pieces: Layout) -> bool:
    """Whether a formula is a function with its operands in brackets, ``max(a, b)``.

    >>> is_call(["max(", Slot(0, Beside.NOTHING), ")"]), is_call(["1 / ", Slot(0, Beside.SIGN)])
    (True, False)
    """
    first, last = pieces[0], pieces[-1]
    inner = "".join([piece for piece in pieces[1:-1] if isinstance(piece, str)])
    is_named = isinstance(first, str) and re.fullmatch(r"\w+\(", first) is not None
    return is_named and last == ")" and not {"(", ")"} & set(inner)


def _beside(match: re.Match[str]) -> Beside:
    before, after = match.string[: match.start()], match.string[match.end() :]
    if OPENS.search(before) and CLOSES.match(after):
        return Beside.NOTHING
    is_term = re.search(r"(^|\() ?$|\+ $", before) and re.match(r" \+|\)|$", after)
    return Beside.PLUS if is_term else Beside.SIGN


def _joined(terms: Sequence[Layout], between: str, most: int) -> Layout:
    """The terms with a text between them, and dots where there are many."""
    if len(terms) > most:
        terms = [*terms[:3], ["..."], terms[-1]]
    pieces: list[str | Slot] = []
    for place, term in enumerate(terms):
        pieces += [between, *term] if place else term
    return tuple(pieces)


# LaTeX


class Binding(IntEnum):
    """How strongly the parts of a formula hold together, the weakest first."""

    CASES = 0
    MINUS = 1
    SUM = 2
    PRODUCT = 3
    POWER = 4
    ONE = 5


ARITHMETIC: Final = re.compile(r"[abcpqrstx+*\- ]+")
RELATIONS: Final = ("<", ">", "=", r"\le", r"\ge", r"\neq")


def latex_formula(op: Op, operands: Sequence[str], most: int = MOST_TERMS) -> str:
    r"""The formula of an operation in LaTeX, with brackets where they are needed.

    >>> a = [r"a + b", r"c"]
    >>> print(latex_formula(ops.op_named("mul"), a), latex_formula(ops.op_named("div"), a))
    \left(a + b\right) \cdot c \frac{a + b}{c}
    """
    n = len(operands)
    if op.latex:
        template = op.latex
    elif op in (ops.DOT, ops.SUM) or ARITHMETIC.fullmatch(op.formula):
        template = _template(layout(op, n, most))
    else:
        template = rf"\operatorname{{{in_latex(op.name)}}}\left(#*\right)"
    if "#*" in template:
        listed = _joined([[Slot(i, Beside.NOTHING)] for i in range(n)], ", ", most)
        template = template.replace("#*", _template(listed))
    return re.sub(r"#(\d+)", _Placing(operands), template)


def _template(pieces: Layout) -> str:
    """Pieces with #1, #2, ... in the places of the operands."""
    texts = [f"#{x.operand + 1}" if isinstance(x, Slot) else x for x in pieces]
    return "".join(texts).replace(" * ", r" \cdot ").replace("...", r"\dots")


class _Placing:
    """Puts operands in the places of a form in LaTeX, in brackets where they need them."""

    def __init__(self, operands: Sequence[str]) -> None:
        self.operands = operands

    def __call__(self, match: re.Match[str]) -> str:
        operand = self.operands[int(match[1]) - 1]
        before = match.string[: match.start()].rstrip()
        after = match.string[match.end() :].lstrip()
        needed = max(_needed_behind(before), _needed_before(after))
        return operand if binding(operand) >= needed else rf"\left({operand}\right)"


def _needed_behind(before: str) -> Binding:
    """How strongly an operand must hold together behind what stands there."""
    if before.endswith(("-", r"\cdot")):
        return Binding.PRODUCT
    if before.endswith("+"):
        return Binding.SUM
    return Binding.MINUS if before.endswith(RELATIONS) else Binding.CASES


def _needed_before(after: str) -> Binding:
    """The same before what follows."""
    if after.startswith("^"):
        return Binding.ONE
    if after.startswith(r"\cdot"):
        return Binding.PRODUCT
    return Binding.MINUS if after.startswith(("+", "-", *RELATIONS)) else Binding.CASES


def binding(latex: str) -> Binding:
    r"""How strongly a text in LaTeX holds together.

    >>> [binding(text).name for text in ("-2", "a + b", r"a \cdot b", "w^{2}", r"\sqrt{a + b}")]
    ['MINUS', 'SUM', 'PRODUCT', 'POWER', 'ONE']
    """
    if latex.startswith(r"\begin{cases}"):
        return Binding.CASES
    found = Binding.ONE
    depth = 0
    for token in re.findall(r"\\[A-Za-z]+|\\.|.", latex, re.DOTALL):
        if token in OPENING:
            depth += 1
        elif token in CLOSING:
            depth -= 1
        elif depth == 0:
            found = min(found, BINDINGS.get(token, Binding.ONE))
    return Binding.MINUS if latex.startswith("-") else found


OPENING: Final = frozenset({"{", "(", "[", r"\left"})
CLOSING: Final = frozenset({"}", ")", "]", r"\right"})
BINDINGS: Final = {
    "<": Binding.CASES,
    ">": Binding.CASES,
    "=": Binding.CASES,
    "+": Binding.SUM,
    "-": Binding.SUM,
    r"\cdot": Binding.PRODUCT,
    "^": Binding.POWER,
}
