"""Equations as data for a page: tables of numbers and of forms, and what stands in a form.

Many equations of a graph differ in their names and numbers alone. What they share is written once,
as a form with places; an equation is the form and what to put there. How a number is written is
decided in ``tinygrad_mlp.debug``: the page has texts and only shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tinygrad_mlp._text import shortest
from tinygrad_mlp.debug._numbers import shown_number
from tinygrad_mlp.debug._tokens import Derivative, Name, Number, Piece, Token, flat

__all__ = ["Encoded", "Lines"]

Form = tuple[tuple[str, ...], ...]
"""What equations have in common that differ in their names and numbers alone."""

Encoded = list[int]
"""A form, and what stands in its places: the places of nodes in the graph, and of numbers.

A number in brackets is -1 - its place, so that it is in the table once.
"""


class Lines:
    """The numbers and the forms of one page, in the order in which they come.

    Attributes:
        numbers: each as it is shown; those of which a person can see all digits have them behind a
            bar, where they are others.
        forms: each as a list of tokens: "n" a name, "d" a derivative, "g" one of the output, "#" a
            number, each with its role; "s" a sign, "p" a piece of a formula, "w" words.

    >>> lines = Lines({"w": 0}, "L")
    >>> lines.exact(0.138498562), lines.number(0.5), lines.number(0.138498562), lines.numbers
    (0, 1, 2, ['0.1385|0.138498562', '0.5', '0.1385'])
    """

    def __init__(self, places: Mapping[str, int], output: str) -> None:
        """Where each name of the program has its place in the graph; and the name of the output."""
        self.places = places
        self.output = output
        self.numbers: list[str] = []
        self.forms: list[Form] = []
        self._known: dict[str | Form, int] = {}
        self._literals: dict[Token, tuple[str, ...]] = {}

    def number(self, x: float) -> int:
        """The place in the table of a number as it is shown."""
        return self._text(shown_number(x))

    def exact(self, x: float) -> int:
        """The place of a number of which all digits can be seen."""
        shown, exact = shown_number(x), shortest(x)
        return self._text(shown if shown == exact else f"{shown}|{exact}")

    def _text(self, text: str) -> int:
        place = self._known.setdefault(text, len(self.numbers))
        if place == len(self.numbers):
            self.numbers.append(text)
        return place

    def encoded(self, tokens: Iterable[Token]) -> Encoded:
        """An equation, or a text with names and numbers in it.

        >>> from tinygrad_mlp.debug._tokens import Sign
        >>> from tinygrad_mlp.graph import MathName
        >>> lines = Lines({"w": 7}, "L")
        >>> lines.encoded([Name("w", MathName("w")), Sign("="), Number(-0.5, "result")])
        [0, 7, 0]
        >>> lines.forms
        [(('n',), ('s', '='), ('#', 'result'))]
        """
        form: list[tuple[str, ...]] = []
        filled: Encoded = []
        for token in _with_brackets(flat(tokens)):
            if type(token) is Name and token.written not in self.places:
                form.append(("w", token.text))  # of a product within a sum, which is no node
            elif type(token) is Name:
                form.append(_slot("n", token.role))
                filled.append(self.places[token.written])
            elif type(token) is Derivative:
                is_gradient = token.of.written == self.output
                form.append(_slot("g" if is_gradient else "d", token.role))
                filled += [] if is_gradient else [self.places[token.of.written]]
                filled.append(self.places[token.by.written])
            elif type(token) is Number:
                form.append(_slot("#", token.role))
                text = token.data()[1]
                is_bracketed = text.startswith("(")
                place = self._text(text[1:-1] if is_bracketed else text)
                filled.append(-1 - place if is_bracketed else place)
            else:
                form.append(self._literal(token))
        return [self._form(tuple(form)), *filled]

    def _literal(self, token: Token) -> tuple[str, ...]:
        """A sign, a piece or words; most come again and again."""
        known = self._literals.get(token)
        if known is None:
            kind, text = token.data()
            known = self._literals[token] = (kind[0], text)
        return known

    def _form(self, form: Form) -> int:
        place = self._known.setdefault(form, len(self.forms))
        if place == len(self.forms):
            self.forms.append(form)
        return place

    def tables(self) -> dict[str, Any]:
        """For JSON; no number has a space."""
        return {"numbers": " ".join(self.numbers), "forms": self.forms}


def _with_brackets(tokens: Sequence[Token]) -> list[Token]:
    """Brackets around one negative number belong to it, so that the form is that of any number."""
    found: list[Token] = []
    for token in tokens:
        if type(token) is Piece and token.written == ")" and len(found) > 1:
            before, last = found[-2:]
            opens = type(before) is Piece and before.written == "("
            if opens and type(last) is Number and last.text.startswith("-"):
                found[-2:] = [Number(last.value, last.role, is_factor=True)]
                continue
        found.append(token)
    return found


def _slot(kind: str, role: str) -> tuple[str, ...]:
    return (kind, role) if role else (kind,)
