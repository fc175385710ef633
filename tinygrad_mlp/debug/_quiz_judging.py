"""What a typed answer is worth: right, a known mistake, or no number at all.

The rules are few and plain, because a web page judges by the same ones: it gets them as data
(``judging_rules``) and does the same arithmetic on the same 64-bit floats.

1. A text is read as a number, a fraction of two numbers, or neither (``read_answer``).
2. It is *d* away from the answer. With at least two significant digits it is right if
   d <= slack + u/2, where u is one in the last place that was typed: it is the answer, rounded.
   With fewer digits, and for a fraction, it is right if d <= slack.
   The slack is what the answer may change because the numbers in view are rounded themselves.
   A known mistake for which d <= slack, and which is nearer than the answer, needs more digits.
3. Otherwise the first known mistake counts for which d <= slack; if there is none, the first for
   which rule 2 holds.
4. Otherwise one digit that the answer rounds to asks for more digits, and d <= slack + u is a
   fault in rounding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tinygrad_mlp.debug._tokens import Tokens, Word, as_text

__all__ = ["KINDS", "Mistake", "Target", "Typed", "Verdict", "judging_rules", "read_answer"]

KINDS: Final = {
    "paths": "the sum over the paths",
    "factor": "a factor left out",
    "sign": "the sign",
    "derivative": "the derivative of the function",
    "index": "a wrong index",
    "constant": "a constant factor",
    "operation": "another operation",
    "rounding": "rounding",
}
"""The kinds of mistakes, and what a list of them calls each."""

MESSAGES: Final = {
    "empty": "type a number, such as 0.0822, or a fraction, such as 1/3",
    "text": "this is no number; type one, such as 0.0822, or a fraction, such as 1/3",
    "comma": "write a decimal point instead of the comma, such as 0.5",
    "zero": "a fraction cannot be over 0",
    "large": "this number is larger than a computer can write",
    "digits": "one digit is not enough to judge; give at least two that are not leading zeros",
    "close": "this could be the answer or a known mistake; give one more digit",
    "rounding": "nearly: the last digit is not rounded as it should be",
    "right": "right",
    "wrong": "this is not the answer",
}
"""What is said where nothing has to be put in."""

NUMBER: Final = r"([+-]?) *([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,4}))?"
"""Sign, whole part, decimals, exponent; one digit in the first two is needed besides."""

MINUS_SIGNS: Final = "\u2212\u2013\u2014\ufe63\uff0d\u2010\u2011"
SPACES: Final = " \t\u00a0\u2009\u202f"
POWER_OF_TEN: Final = r" *[*\u00b7\u00d7] *10 *\^ *"
COMMA: Final = r"[+-]? *[0-9]+,[0-9]+"
LEAST_DIGITS: Final = 2
ROUNDED: Final = 0.5
LITTLE: Final = 1e-9
"""So much more, as a share of one in the last place, for the binary fractions of the computer."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A number that was typed.

    Attributes:
        value: the number.
        unit: one in its last place; 0 for a fraction, which is exact.
        n_digits: how many digits it has without leading zeros.

    >>> read_answer("−0.0820")
    Typed(value=-0.082, unit=0.0001, n_digits=3)
    """

    value: float
    unit: float
    n_digits: int

    @property
    def half(self) -> float:
        """By how much rounding may have changed it; 0 where there are too few digits to say."""
        return ROUNDED * self.unit * (1.0 + LITTLE) if self.n_digits >= LEAST_DIGITS else 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """A number that can be meant.

    Attributes:
        value: the number.
        slack: by how much it changes because the numbers in view are rounded.

    >>> [Target(0.0821670, 0.0).met_by(read_answer(text)) for text in ("0.082", "0.0822", "0.081")]
    [True, True, False]
    """

    value: float
    slack: float

    def met_by(self, typed: Typed | str, *, rounded: bool = True) -> bool:
        """Whether the typed number is this one, rounded or as it is."""
        if isinstance(typed, str):
            return False
        apart = abs(typed.value - self.value)
        return apart <= self.slack + (typed.half if rounded else 0.0)

    def is_told_from(self, other: Target) -> bool:
        """Whether some typed number could be the one and not the other."""
        return abs(self.value - other.value) > self.slack + other.slack


@dataclass(frozen=True, slots=True)
class Mistake:
    """A number that comes out of a known mistake.

    Attributes:
        target: the number.
        kind: one of ``KINDS``.
        reason: what was done, and what is missing.

    >>> from tinygrad_mlp.debug._tokens import Word
    >>> Mistake(Target(2.0, 0.0), "sign", (Word("the sign is wrong"),)).kind
    'sign'
    """

    target: Target
    kind: str
    reason: Tokens


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a typed answer is worth.

    Attributes:
        right: whether it is the answer.
        kind: "right"; one of ``KINDS`` for a mistake that is known; "wrong" for any other; "empty",
            "text", "comma", "zero", "large", "digits" or "close" for what is no attempt.
        tokens: the reason, with the names and numbers in it.

    >>> Verdict(False, "digits", (Word("more digits"),)).is_attempt
    False
    """

    right: bool
    kind: str
    tokens: Tokens

    @property
    def reason(self) -> str:
        """The reason on a line."""
        return as_text(self.tokens)

    @property
    def is_attempt(self) -> bool:
        """Whether a number was typed that could be judged."""
        return self.right or self.kind == "wrong" or self.kind in KINDS


def read_answer(text: str) -> Typed | str:
    """The number that was typed, or the name of the message that says why it is none.

    A sign may be a hyphen, a dash or a minus; 1.2e-5, 1.2*10^-5 and fractions such as -1/3 are
    numbers too.

    >>> read_answer("1/3"), read_answer(" 1.5·10^−3 ")
    (Typed(value=0.3333333333333333, unit=0.0, n_digits=0), Typed(value=0.0015, unit=0.0001, \
n_digits=2))
    >>> read_answer("0,5"), read_answer("w5"), read_answer(""), read_answer("1/0")
    ('comma', 'text', 'empty', 'zero')
    """
    text = re.sub(f"[{MINUS_SIGNS}]", "-", text)
    text = re.sub(POWER_OF_TEN, "e", re.sub(f"[{SPACES}]", " ", text).strip(" "))
    if not text:
        return "empty"
    if re.fullmatch(COMMA, text):
        return "comma"
    parts = [_read_number(part.strip(" ")) for part in text.split("/")]
    if len(parts) > 2 or None in parts:
        return "text"
    numbers = [part for part in parts if part is not None]
    if len(numbers) == 2:
        if numbers[1].value == 0.0:
            return "zero"
        numbers = [Typed(numbers[0].value / numbers[1].value, 0.0, 0)]
    return numbers[0] if math.isfinite(numbers[0].value) else "large"


def _read_number(text: str) -> Typed | None:
    found = re.fullmatch(NUMBER, text)
    if found is None:
        return None
    sign, whole, decimals, exponent = [part or "" for part in found.groups()]
    if not whole + decimals:
        return None
    value = float(f"{sign}{whole}.{decimals}e{exponent or 0}")
    unit = float(f"1e{int(exponent or 0) - len(decimals)}")
    return Typed(value, unit, len((whole + decimals).lstrip("0")))


def judge_number(answer: Target, mistakes: Sequence[Mistake], text: str) -> Verdict:
    """The verdict on what was typed, by the rules at the top of this file.

    >>> [judge_number(Target(0.25, 0.0), [], text).kind for text in ("1/4", "0.3", "0.24", "9.9")]
    ['right', 'digits', 'rounding', 'wrong']
    """
    typed = read_answer(text)
    if isinstance(typed, str):
        return _message(typed)
    apart = abs(typed.value - answer.value)
    if answer.met_by(typed):
        exact = [x.target for x in mistakes if x.target.met_by(typed, rounded=False)]
        is_nearer = any(abs(typed.value - target.value) < apart for target in exact)
        return _message("close" if is_nearer else "right")
    for rounded in (False, True):
        for mistake in mistakes:
            if mistake.target.met_by(typed, rounded=rounded):
                return Verdict(False, mistake.kind, mistake.reason)
    if typed.n_digits == 1 and apart <= answer.slack + ROUNDED * typed.unit * (1.0 + LITTLE):
        return _message("digits")
    if typed.n_digits >= LEAST_DIGITS and apart <= answer.slack + typed.unit * (1.0 + LITTLE):
        return _message("rounding")
    return _message("wrong")


def _message(name: str) -> Verdict:
    return Verdict(name == "right", name, (Word(MESSAGES[name]),))


def judging_rules() -> dict[str, Any]:
    """What a page needs to judge as it is done here; the expressions are those of JavaScript too.

    >>> sorted(judging_rules())
    ['comma', 'kinds', 'least_digits', 'little', 'messages', 'minus_signs', 'number', \
'power_of_ten', 'rounded', 'spaces']
    """
    return {
        "number": f"^{NUMBER}$",
        "comma": f"^{COMMA}$",
        "power_of_ten": POWER_OF_TEN,
        "minus_signs": f"[{MINUS_SIGNS}]",
        "spaces": f"[{SPACES}]",
        "least_digits": LEAST_DIGITS,
        "rounded": ROUNDED,
        "little": LITTLE,
        "messages": MESSAGES,
        "kinds": KINDS,
    }
