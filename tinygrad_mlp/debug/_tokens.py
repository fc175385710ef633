"""An equation as tokens: names, derivatives, numbers and signs, each of them written in four ways.

The console joins their texts, a page gets them as data, a drawing as runs of letters, a paper as
LaTeX. How a number or a formula is written is decided here, in ``_numbers`` and in ``_formulas``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tinygrad_mlp.debug._numbers import MINUS, factor, latex_number, number, shown_number
from tinygrad_mlp.graph import MathName, Run
from tinygrad_mlp.graph._math_names import in_latex

__all__ = [
    "Derivative",
    "Name",
    "Number",
    "Piece",
    "Sign",
    "Token",
    "Tokens",
    "Word",
    "as_data",
    "as_latex",
    "as_runs",
    "as_text",
    "flat",
    "written_name",
]

LATEX_SIGNS: Final = {
    "*": r"\cdot",
    "+=": r"\mathrel{+}=",
    "≈": r"\approx",
}
ONE_NAME: Final = re.compile(r"\w+")
ONE_WORD: Final = re.compile(r"[\w.#…]+")


def written_name(name: Name) -> str:
    """A name as the console writes it.

    >>> written_name(Name("net.w.0", MathName("w", (1,))))
    'net.w.0'
    """
    return name.written


@dataclass(frozen=True, slots=True)
class Token(ABC):
    """A part of an equation, which can be written in four ways.

    >>> token = Number(-0.5, "result")
    >>> token.text, token.latex, token.data(), [run.text for run in token.runs]
    ('-0.5', '-0.5', ['number', '−0.5', 'result'], ['−0.5'])
    """

    @property
    @abstractmethod
    def text(self) -> str:
        """As the console writes it."""

    @property
    @abstractmethod
    def runs(self) -> list[Run]:
        """As a drawing writes it."""

    @property
    @abstractmethod
    def latex(self) -> str:
        """In LaTeX, for math mode."""

    def parts(self) -> list[Token]:
        """What it consists of: itself, unless it is a formula."""
        return [self]

    @abstractmethod
    def data(self, named: Callable[[Name], Any] = written_name) -> list[Any]:
        """For JSON: its kind, what it says, and its role where it has one.

        Args:
            named: what stands for a name, such as its place in a list of names.
        """


Tokens: TypeAlias = tuple[Token, ...]
"""An equation, or a part of one."""


@dataclass(frozen=True, slots=True)
class Name(Token):
    """What a node is called.

    Attributes:
        written: in the console.
        name: in books.
        role: "upstream", "partial", "result", or nothing.

    >>> token = Name("w₂₁⁽¹⁾", MathName("w", (2, 1), 1))
    >>> print(token.text, token.latex, token.data())
    w₂₁⁽¹⁾ w_{21}^{(1)} ['name', 'w₂₁⁽¹⁾']
    """

    written: str
    name: MathName
    role: str = ""

    @property
    def text(self) -> str:
        return self.written

    @property
    def runs(self) -> list[Run]:
        return self.name.runs

    @property
    def latex(self) -> str:
        return self.name.latex

    def data(self, named: Callable[[Name], Any] = written_name) -> list[Any]:
        return _with_role(self.role, "name", named(self))

    @property
    def is_one_word(self) -> bool:
        """Whether it needs no brackets beside a sign of arithmetic."""
        return not self.name.is_code or ONE_WORD.fullmatch(self.written) is not None

    @property
    def in_derivative(self) -> str:
        """Its text behind a d: what is neither one word nor a name of books has brackets."""
        if ONE_NAME.fullmatch(self.written):
            return self.written
        name = self.name
        is_plain = not (name.is_code or name.owner or name.copy > 1)
        return self.written if is_plain else f"({self.written})"


@dataclass(frozen=True, slots=True)
class Derivative(Token):
    r"""The derivative of one node by another.

    >>> L, w = Name("L", MathName("L")), Name("net.w.0", MathName.code("net.w.0"))
    >>> token = Derivative(L, w, "upstream")
    >>> print(token.text, token.latex)
    dL/d(net.w.0) \frac{\partial L}{\partial \texttt{net.w.0}}
    >>> token.data()
    ['derivative', 'L', 'net.w.0', 'upstream']
    """

    of: Name
    by: Name
    role: str = ""

    @property
    def text(self) -> str:
        return f"d{self.of.in_derivative}/d{self.by.in_derivative}"

    @property
    def runs(self) -> list[Run]:
        return [Run("∂", "upright"), *self.of.runs, Run("/∂", "upright"), *self.by.runs]

    @property
    def latex(self) -> str:
        return rf"\frac{{\partial {self.of.latex}}}{{\partial {self.by.latex}}}"

    def data(self, named: Callable[[Name], Any] = written_name) -> list[Any]:
        return _with_role(self.role, "derivative", named(self.of), named(self.by))


@dataclass(frozen=True, slots=True)
class Number(Token):
    r"""A number.

    Attributes:
        value: the number.
        role: "upstream", "partial", "result", or nothing.
        is_factor: whether it stands in a product, where a negative one has brackets.

    >>> token = Number(-2.5e-7, "partial", is_factor=True)
    >>> print(token.text, token.latex, token.data())
    (-2.5e-07) \left(-2.5 \cdot 10^{-7}\right) ['number', '(−2.5e−7)', 'partial']
    """

    value: float
    role: str = ""
    is_factor: bool = False

    @property
    def text(self) -> str:
        return factor(self.value) if self.is_factor else number(self.value)

    @property
    def runs(self) -> list[Run]:
        return [Run(self._shown, "upright")]

    @property
    def latex(self) -> str:
        written = latex_number(self.value)
        return rf"\left({written}\right)" if self._is_bracketed else written

    def data(self, named: Callable[[Name], Any] = written_name) -> list[Any]:
        return _with_role(self.role, "number", self._shown)

    @property
    def _is_bracketed(self) -> bool:
        return self.is_factor and number(self.value).startswith("-")

    @property
    def _shown(self) -> str:
        return f"({shown_number(self.value)})" if self._is_bracketed else shown_number(self.value)


@dataclass(frozen=True, slots=True)
class Sign(Token):
    r"""What stands between the parts of an equation: = ≈ += * , with a space on either side.

    >>> print(Sign("*").text, Sign("*").latex, Sign("*").data(), sep="|")
     * | \cdot |['sign', '·']
    """

    sign: str

    @property
    def text(self) -> str:
        return f" {self.sign} "

    @property
    def runs(self) -> list[Run]:
        return [Run(f" {_typeset(self.sign)} ", "upright")]

    @property
    def latex(self) -> str:
        return f" {LATEX_SIGNS.get(self.sign, self.sign)} "

    def data(self, named: Callable[[Name], Any] = written_name) -> list[Any]:
        return ["sign", _typeset(self.sign)]


@dataclass(frozen=True, slots=True)
class Piece(Token):
    """A part of a formula between its operands, with the spaces that it has: "max(", " + ".

    >>> print(Piece(" * ").data(), Piece("^2").data())
    ['piece', ' · '] ['piece', '²']
    """

    written: str

    @property
    def text(self) -> str:
        return self.written

    @property
    def runs(self) -> list[Run]:
        return [Run(_typeset(self.written), "upright")]

    @property
    def latex(self) -> str:
        return rf"\text{{{in_latex(self.written)}}}"

    def data(self, named: Callable[[Name], Any] = written_name) -> list[Any]:
        return ["piece", _typeset(self.written)]


@dataclass(frozen=True, slots=True)
class Word(Token):
    r"""Words beside an equation, with the spaces that they need.

    >>> print(Word(", together ").latex, Word(", together ").data())
    \text{, together } ['word', ', together ']
    """

    written: str

    @property
    def text(self) -> str:
        return self.written

    @property
    def runs(self) -> list[Run]:
        return [Run(self.written, "upright")]

    @property
    def latex(self) -> str:
        return rf"\text{{{in_latex(self.written)}}}"

    def data(self, named: Callable[[Name], Any] = written_name) -> list[Any]:
        return ["word", self.written]


def as_text(tokens: Iterable[Token]) -> str:
    """On a line.

    >>> as_text([Number(2.0), Sign("*"), Number(3.0), Sign("="), Number(6.0)])
    '2 * 3 = 6'
    """
    return "".join([token.text for token in tokens])


def as_latex(tokens: Iterable[Token]) -> str:
    r"""In LaTeX, for math mode.

    >>> print(as_latex([Number(2.0), Sign("*"), Number(3.0), Sign("≈"), Number(6.0)]))
    2 \cdot 3 \approx 6
    """
    return "".join([token.latex for token in tokens])


def as_runs(tokens: Iterable[Token]) -> list[Run]:
    """As runs of letters, for a drawing.

    >>> [run.text for run in as_runs([Number(-2.0), Sign("*"), Number(3.0)])]
    ['−2', ' · ', '3']
    """
    return [run for token in tokens for run in token.runs]


def as_data(
    tokens: Iterable[Token], named: Callable[[Name], Any] = written_name
) -> list[list[Any]]:
    """For JSON, a list for each token: kind, what it says, and its role where it has one.

    ``["name", n, role]``, ``["derivative", n, n, role]`` with n what ``named`` gives for a name;
    ``["number", text, role]``; ``["sign", text]``, a sign to have room on both sides;
    ``["piece", text]``, a part of a formula with its own spaces; ``["word", text]``.

    >>> as_data([Number(-2.0, "result"), Sign("*")])
    [['number', '−2', 'result'], ['sign', '·']]
    """
    return [token.data(named) for token in flat(tokens)]


def flat(tokens: Iterable[Token]) -> list[Token]:
    """The tokens with each formula as its parts.

    >>> flat([Number(2.0), Sign("=")])
    [Number(value=2.0, role='', is_factor=False), Sign(sign='=')]
    """
    return [part for token in tokens for part in token.parts()]


def _typeset(text: str) -> str:
    """A formula of the table of operations with the signs of a printed page."""
    return re.sub(r"\^2\b", "²", text.replace("*", "·").replace("-", MINUS))


def _with_role(role: str, *content: Any) -> list[Any]:
    return [*content, role] if role else [*content]
