r"""Equations as LaTeX, one below the other.

The text is for a document with ``\usepackage{amsmath}``. Labels that people wrote stay text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from tinygrad_mlp.debug._tokens import Sign, Token, as_latex, as_text

__all__ = ["Latex", "aligned"]

LONGEST_LINE: Final = 70
"""The letters of an equation in the terminal up to which it is one line in LaTeX."""

EQUAL: Final = ("=", "+=", "≈")


class Latex(str):
    r"""The text of a formula; a notebook shows the formula.

    >>> Latex("w^{2}")
    'w^{2}'
    >>> Latex("w^{2}")._repr_latex_()
    '$\\displaystyle w^{2}$'
    """

    __slots__ = ()

    def _repr_latex_(self) -> str:
        """For IPython and marimo: an environment is in math mode by itself."""
        return str(self) if self.startswith("\\begin{align*}") else f"$\\displaystyle {self}$"


def aligned(equations: Iterable[Sequence[Token]]) -> Latex:
    r"""Equations one below the other, with their signs of equality in one column.

    >>> from tinygrad_mlp.debug._equations import product_of
    >>> print(aligned([product_of([2.0, 3.0], 6.0), product_of([-2.0, 3.0], -6.0)]))
    \begin{align*}
    2 \cdot 3 &= 6 \\
    \left(-2\right) \cdot 3 &= -6
    \end{align*}
    """
    lines = [line for equation in equations for line in _lines(equation)]
    return Latex("\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}")


def _lines(equation: Sequence[Token]) -> list[str]:
    """An equation in one line, or its numbers in a second one where it is long."""
    signs = [at for at, token in enumerate(equation) if _is_equal(token)]
    starts = signs[:1]
    if len(signs) > 1 and len(as_text(equation)) > LONGEST_LINE:
        starts.append(signs[1])
    cuts = [0, *starts, len(equation)]
    parts = [as_latex(equation[start:end]).strip() for start, end in pairwise(cuts)]
    if not signs:  # a sum that goes on
        return [f"&\\quad {parts[0]}"]
    return [f"{parts[0]} &{parts[1]}".lstrip(), *[f"&{part}" for part in parts[2:]]]


def _is_equal(token: Token) -> bool:
    return isinstance(token, Sign) and token.sign in EQUAL
