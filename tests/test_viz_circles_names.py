"""Long names in circles: cut, but never so that two of them are alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.circle_pictures import Picture, tooltip
from tinygrad_mlp import Value
from tinygrad_mlp.nn import MLP
from viz._circles.short_names import short_names

CUT: dict[str, tuple[list[str], list[str]]] = {
    "in the middle": (["abcdefghijk", "ab"], ["abcde…hijk", "ab"]),
    "none that is short enough": (["abcdefghij", "k"], ["abcdefghij", "k"]),
    "at the end": (
        ["sepal length scaled", "sepal width scaled", "petal length scaled", "petal width scaled"],
        ["sepal len…", "sepal wid…", "petal len…", "petal wid…"],
    ),
    "all of them in one way": (
        ["sepal length scaled", "sepal width scaled", "something else"],
        ["sepal len…", "sepal wid…", "something…"],
    ),
    "a short name that is what a long one would become": (
        ["abcde…hijk", "abcdefghijk"],
        ["abcde…hijk", "abcdefghi…"],
    ),
    "nowhere": (
        ["a" * 30 + "x" + "a" * 30, "a" * 30 + "y" + "a" * 30, "b"],
        ["aaaaa…aaaa", "aaaaa…aaaa#2", "b"],
    ),
}


@pytest.mark.parametrize("case", CUT)
def test_names_are_cut_where_they_stay_apart(case: str) -> None:
    names, expected = CUT[case]
    assert list(short_names(names, 10).items()) == list(zip(names, expected))


def test_names_that_differ_near_their_end_only_are_cut_before_it() -> None:
    names = ["the same thing 1 of ten", "the same thing 2 of ten"]
    assert list(short_names(names, 10).values()) == ["t…1 of ten", "t…2 of ten"]


@given(st.lists(st.text("ab", min_size=1, max_size=16), unique=True, max_size=12))
def test_no_two_names_become_alike(names: list[str]) -> None:
    short = short_names([*names, *names], 6)
    assert list(short) == names
    assert len(set(short.values())) == len(names)
    assert all(len(text) <= 6 or "#" in text for text in short.values())
    assert all(short[name] == name for name in names if len(name) <= 6)


def test_inputs_with_long_names_can_be_told_apart() -> None:
    labels = [f"{part} {side} standardized" for part in ("sepal", "petal") for side in ("l", "w")]
    model = MLP(4, [2, 1], rng=0)
    picture = Picture(model([Value(1.0, label=label) for label in labels]))
    shown = [words[0] for words in picture.words("input")]
    assert shown == ["sepal l s…", "sepal w s…", "petal l s…", "petal w s…"]
    for group, label in zip(picture.groups("input"), labels, strict=True):
        assert any(line.startswith(label) for line in tooltip(group))
