"""What the declarations of ``schema`` accept, and what they say of everything else."""

from __future__ import annotations

from math import inf, nan
from typing import Any, Final

import pytest

from tinygrad_mlp._schema import (
    AnyObject,
    ListOf,
    Number,
    OrNone,
    Part,
    Record,
    Text,
    Whole,
    misfit,
)
from tinygrad_mlp.errors import DataError

POINT: Final = Record({"x": Number(), "y": Number(), "name": Text()}, optional=["name"])

ACCEPTED: Final[list[tuple[Part, list[Any]]]] = [
    (AnyObject(), [{}, {"a": {"b": [1, 2.5, None, True, "text", [[]]]}}, {"a": 10**400}]),
    (Text(), ["", "a", "a\0\ud7ff\ue000", "é 👩"]),
    (Text(least=1), ["a", "ab"]),
    (Text(least=2), ["ab", "abc"]),
    (Text(choices=["relu", ""]), ["relu", ""]),
    (Whole(1), [1, 2, 10**400]),
    (Whole(-3), [-3, 0]),
    (Number(), [0, 1, -1.5, 1e308, -(10**308)]),
    (Number(above=0.0), [5e-324, 1, 2.5]),
    (Number(above=-2.0), [-1.999, 0]),
    (OrNone(Whole(1)), [None, 1]),
    (ListOf(Whole(1)), [[], [1], [3, 2, 1]]),
    (ListOf(OrNone(Number()), least=2), [[None, 1.0], [1, 2, None]]),
    (POINT, [{"x": 1, "y": 2.0}, {"name": "P", "y": 0, "x": -1}]),
    (Record({}), [{}]),
]


@pytest.mark.parametrize(("part", "values"), ACCEPTED, ids=repr)
def test_what_fits_is_accepted(part: Part, values: list[Any]) -> None:
    for value in values:
        part.check(value, "place")


REFUSED: Final[list[tuple[Part, Any, str]]] = [
    (AnyObject(), [], "place is a list of 0, but an object is needed"),
    (AnyObject(), None, "place is null, but an object is needed"),
    (AnyObject(), {"a": nan}, "place.a is nan, but a finite number is needed"),
    (AnyObject(), {"a": {"b": -inf}}, "place.a.b is -inf, but a finite number is needed"),
    (AnyObject(), {"a": [1, [0.5, inf]]}, "place.a[1][1] is inf, but a finite number is needed"),
    (AnyObject(), {"a": [{"b": nan}, 1]}, "place.a[0].b is nan, but a finite number is needed"),
    (Text(), 3, "place is 3, but a text is needed"),
    (Text(), None, "place is null, but a text is needed"),
    (Text(), ["a", "b"], "place is a list of 2, but a text is needed"),
    (Text(least=1), "", "place is '', but a text of at least one letter is needed"),
    (Text(least=1), True, "place is true, but a text of at least one letter is needed"),
    (Text(choices=["a", "b"]), "c", "place is 'c', but one of a, b is needed"),
    (Text(choices=["a", "b"]), 1, "place is 1, but one of a, b is needed"),
    (Text(least=2, choices=["a"]), "a", "place is 'a', but one of a is needed"),
    (Text(choices=[]), "a", "place is 'a', but one of  is needed"),
    (Text(), "a\ud800", "place is 'a\\ud800', but a text that UTF-8 can write is needed"),
    (Text(), "\udfffa", "place is '\\udfffa', but a text that UTF-8 can write is needed"),
    (Whole(1), 0, "place is 0, but a whole number of at least 1 is needed"),
    (Whole(0), -1, "place is -1, but a whole number of at least 0 is needed"),
    (Whole(0), True, "place is true, but a whole number of at least 0 is needed"),
    (Whole(0), False, "place is false, but a whole number of at least 0 is needed"),
    (Whole(0), 1.0, "place is 1.0, but a whole number of at least 0 is needed"),
    (Whole(0), "1", "place is '1', but a whole number of at least 0 is needed"),
    (Number(), nan, "place is nan, but a number is needed"),
    (Number(), inf, "place is inf, but a number is needed"),
    (Number(), True, "place is true, but a number is needed"),
    (Number(), "1", "place is '1', but a number is needed"),
    (Number(), 10**400, "place is a number of more than 60 digits, but a number is needed"),
    (Number(), -(10**400), "place is a number of more than 60 digits, but a number is needed"),
    (Number(above=0.0), 0, "place is 0, but a number above 0 is needed"),
    (Number(above=0.0), -1.5, "place is -1.5, but a number above 0 is needed"),
    (Number(above=2.5), 2.5, "place is 2.5, but a number above 2.5 is needed"),
    (Number(above=0.0), nan, "place is nan, but a number above 0 is needed"),
    (Number(above=0.0), inf, "place is inf, but a number above 0 is needed"),
    (OrNone(Whole(1)), 0, "place is 0, but a whole number of at least 1 is needed"),
    (ListOf(Text()), {"a": 1}, "place is an object of 1, but a list is needed"),
    (ListOf(Text()), "ab", "place is 'ab', but a list is needed"),
    (ListOf(Text(), least=2), ["a"], "place is a list of 1, but a list of at least 2 is needed"),
    (ListOf(Text(), least=1), [], "place is a list of 0, but a list of at least 1 is needed"),
    (ListOf(Whole(1)), [1, 2, 0, -1], "place[2] is 0, but a whole number of at least 1 is needed"),
    (ListOf(ListOf(Text())), [["a"], ["b", 2]], "place[1][1] is 2, but a text is needed"),
    (POINT, [], "place is a list of 0, but an object with the keys x, y, name is needed"),
    (POINT, {"x": 1, "name": "P"}, "place has no 'y'; its keys are x, y, name"),
    (POINT, {"x": 1, "y": 2, "z": 3}, "place has the unknown key 'z'; its keys are x, y, name"),
    (POINT, {"x": 1, "y": "2"}, "place.y is '2', but a number is needed"),
    (POINT, {"x": 1, "y": 2, "name": 3}, "place.name is 3, but a text is needed"),
    (
        *(POINT, {"x": 1, "y": 2, "z" * 99: 3}),
        f"place has the unknown key '{'z' * 29}…{'z' * 28}'; its keys are x, y, name",
    ),
    (Record({"a": POINT}), {"a": {"x": 1}}, "place.a has no 'y'; its keys are x, y, name"),
]


@pytest.mark.parametrize(("part", "value", "message"), REFUSED, ids=repr)
def test_what_does_not_fit_is_named_with_its_place(part: Part, value: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        part.check(value, "place")
    assert str(caught.value) == str(DataError(message))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "the text has no 'x'; its keys are x, y, name"),
        ({"x": 1, "y": 2, "z": 3}, "the text has the unknown key 'z'; its keys are x, y, name"),
        ({"x": None, "y": 2}, "x is null, but a number is needed"),
    ],
)
def test_the_outermost_record_has_no_name(value: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^{message}$"):
        POINT.check(value, "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *[(10**60 - 1, "9" * 60), (10**60, "a number of more than 60 digits")],
        *[
            (-(10**60) + 1, f"-{'9' * 29}…{'9' * 29}"),
            (-(10**60), "a number of more than 60 digits"),
        ],
        *[("a" * 58, f"'{'a' * 58}'"), ("a" * 70, f"'{'a' * 29}…{'a' * 28}'")],
        *[(True, "true"), (False, "false"), (None, "null"), (1.5, "1.5"), ({1: 2, 3: 4}, None)],
    ],
)
def test_a_value_is_shown_as_json_has_it_or_cut_short(value: object, shown: str | None) -> None:
    shown = shown or "an object of 2"
    assert str(misfit(value, "x", "y")) == f"x is {shown}, but y is needed"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (OrNone(Whole(2)), "a whole number of at least 2, or null,"),
        (OrNone(ListOf(Text(), least=3)), "a list of at least 3, or null,"),
        (OrNone(Number(above=0.5)), "a number above 0.5, or null,"),
        (OrNone(POINT), "an object with the keys x, y, name, or null,"),
        (OrNone(Text(choices=["a"])), "one of a, or null,"),
    ],
)
def test_null_is_named_beside_what_else_may_stand_there(part: Part, expected: str) -> None:
    assert part.expected == expected


def test_an_object_may_be_as_deep_as_it_likes() -> None:
    item: Any = [nan]
    for _ in range(5000):
        item = [item]
    with pytest.raises(DataError, match=r"^place\.a\[0\]\[0\]\[0\]"):
        AnyObject().check({"a": item}, "place")
