"""What a typed answer is worth: how it is read, and where right ends."""

from __future__ import annotations

import re
from math import inf

import pytest

from tinygrad_mlp.debug._quiz_judging import (
    KINDS,
    MESSAGES,
    Mistake,
    Target,
    Typed,
    Verdict,
    judge_number,
    judging_rules,
    read_answer,
)
from tinygrad_mlp.debug._tokens import Word


@pytest.mark.parametrize(
    ("text", "value", "unit", "n_digits"),
    [
        ("0.0822", 0.0822, 1e-4, 3),
        ("  0.0822\t", 0.0822, 1e-4, 3),
        ("\u00a00.5\u202f", 0.5, 0.1, 1),
        (".5", 0.5, 0.1, 1),
        ("5.", 5.0, 1.0, 1),
        ("-0.5", -0.5, 0.1, 1),
        ("+0.50", 0.5, 0.01, 2),
        ("- 0.50", -0.5, 0.01, 2),
        ("−0.50", -0.5, 0.01, 2),
        ("–0.50", -0.5, 0.01, 2),
        ("—0.50", -0.5, 0.01, 2),
        ("\uff0d0.50", -0.5, 0.01, 2),
        ("120", 120.0, 1.0, 3),
        ("0012", 12.0, 1.0, 2),
        ("0", 0.0, 1.0, 0),
        ("0.00", 0.0, 0.01, 0),
        ("1.2e-5", 1.2e-5, 1e-6, 2),
        ("1.2E3", 1200.0, 100.0, 2),
        ("1.2e+3", 1200.0, 100.0, 2),
        ("1.235e−5", 1.235e-5, 1e-8, 4),
        ("1.2*10^-5", 1.2e-5, 1e-6, 2),
        ("1.2 · 10 ^ 3", 1200.0, 100.0, 2),
        ("1.2×10^−5", 1.2e-5, 1e-6, 2),
        ("1/3", 1.0 / 3.0, 0.0, 0),
        ("-1/3", -1.0 / 3.0, 0.0, 0),
        ("1 / -4", -0.25, 0.0, 0),
        ("0.5/0.2", 2.5, 0.0, 0),
        ("0/3", 0.0, 0.0, 0),
    ],
)
def test_numbers_are_read(text: str, value: float, unit: float, n_digits: int) -> None:
    assert read_answer(text) == Typed(value, unit, n_digits)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" \t\u00a0", "empty"),
        ("0,5", "comma"),
        ("-0,5", "comma"),
        ("1,234", "comma"),
        ("1,234.5", "text"),
        ("w5", "text"),
        (".", "text"),
        ("-", "text"),
        ("e5", "text"),
        ("1e", "text"),
        ("1.2.3", "text"),
        ("1 2", "text"),
        ("0x10", "text"),
        ("1_000", "text"),
        ("nan", "text"),
        ("inf", "text"),
        ("٣", "text"),  # a digit, but none of ours
        ("1/2/3", "text"),
        ("1/", "text"),
        ("/2", "text"),
        ("1/x", "text"),
        ("1/0", "zero"),
        ("1/0.0", "zero"),
        ("0/0", "zero"),
        ("1e999", "large"),
        ("-1e999", "large"),
        ("1e999/1e999", "large"),
        ("1e12345", "text"),
        ("9" * 400, "large"),
        ("<script>alert(1)</script>", "text"),
        ("0.5\n", "text"),
        ("\x00", "text"),
    ],
)
def test_what_is_no_number_has_a_message_and_is_no_attempt(text: str, message: str) -> None:
    assert read_answer(text) == message
    verdict = judge_number(Target(0.5, 0.0), [], text)
    assert (verdict.right, verdict.kind, verdict.is_attempt) == (False, message, False)
    assert verdict.reason == MESSAGES[message]


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("0.08217", "right"),
        ("0.0822", "right"),
        ("0.082", "right"),
        ("8.2e-2", "right"),
        ("0.08", "digits"),
        ("0.1", "digits"),
        ("0.0821", "rounding"),
        ("0.0823", "wrong"),
        ("0.083", "rounding"),
        ("0.081", "wrong"),
        ("0.084", "wrong"),
        ("0.08216", "rounding"),
        ("0.0", "wrong"),
        ("0", "wrong"),
        ("0.05", "wrong"),
        ("1e999", "large"),
    ],
)
def test_right_is_the_answer_rounded_to_two_digits_or_more(typed: str, kind: str) -> None:
    verdict = judge_number(Target(0.0821670, 0.0), [], typed)
    assert (verdict.kind, verdict.right) == (kind, kind == "right")
    assert verdict.is_attempt == (kind in ("right", "rounding", "wrong"))


@pytest.mark.parametrize(
    ("answer", "slack", "typed", "kind"),
    [
        (0.25, 0.0, "0.25", "right"),
        (0.25, 0.0, "1/4", "right"),
        (0.5, 0.0, "0.5", "right"),  # one digit, and all of it
        (3.0, 0.0, "3", "right"),
        (0.0, 0.0, "0", "right"),
        (0.0, 0.0, "-0.00", "right"),
        (0.0, 0.0, "0.1", "wrong"),
        (0.26, 0.0, "0.3", "digits"),
        (0.24, 0.0, "0.3", "wrong"),
        (1.0 / 3.0, 1e-12, "1/3", "right"),
        (1.0 / 3.0, 1e-12, "0.33", "right"),
        (1.0 / 3.0, 1e-12, "33/100", "wrong"),  # a fraction is not rounded
        (0.125, 0.0, "0.12", "right"),  # half of a unit may go either way
        (0.125, 0.0, "0.13", "right"),
        (0.125, 0.0, "0.11", "wrong"),
        (0.125, 0.0, "0.116", "wrong"),
        (0.5, 0.0100001, "0.51", "right"),
        (0.5, 0.0096, "0.510", "right"),  # the slack and half of a unit
        (0.5, 0.0094, "0.510", "rounding"),
        (0.5, 0.0089, "0.510", "wrong"),
        (0.5, 0.0096, "0.5101", "wrong"),
        (0.5, 0.1000001, "0.6", "right"),
        (1.0e-7, 0.0, "0", "wrong"),
        (1.0e-7, 0.0, "1e-7", "right"),
        (-0.5, 0.0, "0.5", "wrong"),
        (104.0, 0.0, "100", "wrong"),
        (104.0, 0.0, "1.0e2", "right"),
    ],
)
def test_where_right_ends(answer: float, slack: float, typed: str, kind: str) -> None:
    assert judge_number(Target(answer, slack), [], typed).kind == kind


def mistake(value: float, kind: str, slack: float = 0.0) -> Mistake:
    return Mistake(Target(value, slack), kind, (Word(f"{kind} at {value}"),))


def test_the_answer_comes_before_every_mistake() -> None:
    assert judge_number(Target(0.5, 0.0), [mistake(0.5, "sign")], "0.5").right
    assert judge_number(Target(0.501, 0.0), [mistake(0.507, "sign")], "0.50").right


def test_a_known_mistake_that_the_answer_rounds_to_needs_more_digits() -> None:
    """0.3925 is 0.39 to two digits, and 0.39 comes out of a mistake: it could be both."""
    answer, known = Target(0.3925, 0.0), [mistake(0.39, "index", slack=0.0005)]
    verdict = judge_number(answer, known, "0.39")
    assert (verdict.right, verdict.kind, verdict.is_attempt) == (False, "close", False)
    assert verdict.reason == MESSAGES["close"]
    assert judge_number(answer, known, "0.393").right
    assert judge_number(answer, known, "0.3925").right
    assert judge_number(answer, known, "0.390").kind == "index"
    assert judge_number(answer, [mistake(0.391, "index", slack=0.0005)], "0.39").right
    assert judge_number(answer, [mistake(0.3875, "index", slack=0.0025)], "0.39").right
    assert judge_number(answer, [mistake(0.388, "index", slack=0.0025)], "0.39").kind == "close"


def test_the_first_mistake_of_a_number_is_told() -> None:
    known = [mistake(0.25, "factor"), mistake(0.25, "sign")]
    assert judge_number(Target(1.0, 0.0), known, "0.25").reason == "factor at 0.25"


def test_a_number_as_it_is_comes_before_one_that_is_rounded() -> None:
    known = [mistake(0.375, "index"), mistake(0.37, "operation")]
    assert judge_number(Target(1.0, 0.0), known, "0.37").kind == "operation"
    assert judge_number(Target(1.0, 0.0), known, "0.38").kind == "index"
    assert judge_number(Target(1.0, 0.0), known, "0.375").kind == "index"


def test_a_mistake_has_slack_too() -> None:
    known = [mistake(0.3, "sign", slack=0.001)]
    assert judge_number(Target(1.0, 0.0), known, "0.3009").kind == "sign"
    assert judge_number(Target(1.0, 0.0), known, "0.3012").kind == "wrong"
    assert judge_number(Target(1.0, 0.0), known, "0.3").kind == "sign"


def test_mistakes_come_before_too_few_digits_and_rounding() -> None:
    assert judge_number(Target(0.14, 0.0), [mistake(0.1, "factor")], "0.1").kind == "factor"
    assert judge_number(Target(0.14, 0.0), [mistake(0.17, "factor")], "0.1").kind == "digits"
    assert judge_number(Target(0.146, 0.0), [mistake(0.14, "factor")], "0.14").kind == "factor"
    assert judge_number(Target(0.146, 0.0), [], "0.14").kind == "rounding"


def test_numbers_are_told_apart_where_their_slacks_do_not_meet() -> None:
    assert not Target(1.0, 0.25).is_told_from(Target(1.5, 0.25))
    assert Target(1.0, 0.25).is_told_from(Target(1.5, 0.125))
    assert Target(1.5, 0.125).is_told_from(Target(1.0, 0.25))


def test_only_numbers_are_attempts() -> None:
    found = {kind: Verdict(False, kind, ()).is_attempt for kind in (*KINDS, *MESSAGES)}
    assert {kind for kind, counts in found.items() if counts} == {*KINDS, "wrong"}
    assert Verdict(True, "right", ()).is_attempt


def test_a_text_meets_nothing() -> None:
    assert not Target(0.5, inf).met_by("comma")


def test_a_page_gets_the_same_rules() -> None:
    rules = judging_rules()
    assert (rules["least_digits"], rules["rounded"], rules["little"]) == (2, 0.5, 1e-9)
    assert set(rules["messages"]) == set(MESSAGES)
    assert set(rules["kinds"]) == set(KINDS)
    for name in ("number", "comma", "power_of_ten", "minus_signs", "spaces"):
        re.compile(rules[name])
        assert "(?P" not in rules[name]  # what JavaScript would not read
    found = re.match(rules["number"], "-1.25e3")
    assert found is not None
    assert found.groups() == ("-", "1", "25", "3")
    assert re.match(rules["number"], "1.25 ") is None
