"""LaTeX as the tests read it: refused where a special character is not escaped, else computed.

Nothing here knows how the package writes it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

__all__ = ["check_latex", "number_of"]

WORDS: Final = """
    frac cdot left right sigma tanh sin cos tan arcsin arccos arctan sinh cosh log max min sqrt
    partial mathrel approx infty mathrm texttt text operatorname hat delta quad dots begin end
    textbackslash textasciitilde textasciicircum lfloor rfloor neq le ge Phi"""
COMMANDS: Final = frozenset(WORDS.split())
OF_TEXT: Final = frozenset(["\\texttt", "\\text", "\\mathrm", "\\operatorname"])
ESCAPED: Final = frozenset("{}$&#_%,\\")


def check_latex(text: str) -> None:
    """Refuse a text that LaTeX would not read as it is meant, in math mode or as ``align*``.

    Raises:
        ValueError: for a special character, an unknown command, or brackets that do not match.
    """
    tokens = re.findall(r"\\[A-Za-z]+|\\.|\s|.", text, re.DOTALL)
    groups: list[bool] = []  # for each open brace whether it is text
    is_table = 0
    before = ""
    for token in tokens:
        in_text = any(groups)
        if token.startswith("\\"):
            if token[1:].isalpha():
                if token[1:] not in COMMANDS:
                    raise ValueError(f"unknown command {token} in {text!r}")
                is_table += {r"\begin": 1, r"\end": -1}.get(token, 0)
            elif token[1:] not in ESCAPED:
                raise ValueError(f"unknown sign {token} in {text!r}")
        elif token == "{":
            groups.append(in_text or before in OF_TEXT)
        elif token == "}":
            if not groups:
                raise ValueError(f"a brace too many in {text!r}")
            groups.pop()
        elif token in "$#%~" or (token in "_^" and in_text) or (token == "&" and not is_table):
            raise ValueError(f"a bare {token} in {text!r}")
        elif not token.isprintable() and token != "\n":
            raise ValueError(f"{token!r} in {text!r}")
        before = token if token.strip() else before
    if groups or is_table:
        raise ValueError(f"something stays open in {text!r}")


def number_of(text: str, names: Mapping[str, float]) -> float:
    """What a formula comes to; each sign binds as in a book.

    Args:
        text: in LaTeX.
        names: the numbers of its letters.
    """
    check_latex(text)
    assert not re.search(r"(\\cdot|[-+]) *[-+]", text), f"two signs beside each other: {text}"
    python = re.sub(r"\\frac\{", r"divided({", text)
    while r"divided({" in python:
        start = python.index("divided({")
        first = _end(python, start + 8)
        second = _end(python, first + 1)
        inside, below = python[start + 9 : first], python[first + 2 : second]
        python = f"{python[:start]}(({inside})/({below})){python[second + 1 :]}"
    python = python.replace(r"\left|", "abs(").replace(r"\right|", ")")
    python = python.replace(r"\left\lfloor", "floor(").replace(r"\right\rfloor", ")")
    python = re.sub(r"\\log_\{(\d+)\}\\left\(", r"log\1(", python)
    python = re.sub(r"\\left|\\right", "", python).replace(r"\cdot", "*").replace("^", "**")
    python = re.sub(r"\\operatorname\{(\w+)\}", r"\1", python)
    python = python.replace("{", "(").replace("}", ")").replace("\\", "")
    known = {name: getattr(math, name) for name in ("tanh", "sqrt", "log", "log2", "log10", "e")}
    known |= {name: getattr(math, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "erfc")}
    known |= {"arcsin": math.asin, "arccos": math.acos, "arctan": math.atan, "floor": math.floor}
    known |= {"sigma": _sigma, "max": max, "min": min, "Phi": _normal}
    number: float = eval(python, {"__builtins__": {"abs": abs}}, {**known, **names})
    return number


def _end(text: str, start: int) -> int:
    """Where the group that opens at ``start`` closes."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if not depth:
            return at
    raise ValueError(f"no end of the group in {text!r}")


def _sigma(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))
