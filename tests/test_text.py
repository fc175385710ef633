"""How text from outside is shown, and whose line a warning names."""

from __future__ import annotations

import _thread
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Final

import pytest

from tinygrad_mlp import _frames as frames
from tinygrad_mlp import errors
from tinygrad_mlp._frames import is_ours, warn
from tinygrad_mlp._text import grouped, joins_an_emoji, shortest, visible
from tinygrad_mlp.errors import MissingDependencyError, TinygradMLPError, UnknownNameError

SHOWN: Final[list[tuple[str, str]]] = [
    *[("", ""), ("plain text", "plain text"), ("é ß 漢 👩", "é ß 漢 👩")],
    *[("\x00", r"\x00"), ("\x1b[31m", r"\x1b[31m"), ("\x7f", r"\x7f"), ("\x9b", r"\x9b")],
    *[("a\rb", r"a\rb"), ("\u202e", r"\u202e"), ("\u200b", r"\u200b"), ("\ufeff", r"\ufeff")],
    *[("\ud800", r"\ud800"), ("\U000e0001", r"\U000e0001"), ("\u2028", r"\u2028")],
    *[("a\u00a0b", "a b"), ("\u3000\u2009", "  ")],  # spaces of other widths
    *[("👩\u200d🔬", "👩\u200d🔬"), ("\u200d🔬", r"\u200d🔬"), ("👩\u200d", r"👩\u200d")],
    *[("a\u200db", r"a\u200db"), ("👩\u200d\u200d🔬", r"👩\u200d" + "\u200d🔬")],
]


@pytest.mark.parametrize(("text", "shown"), SHOWN, ids=ascii)
def test_what_cannot_be_seen_is_an_escape(text: str, shown: str) -> None:
    assert visible(text) == visible(text, lines=True) == shown


def test_line_ends_and_tabs_are_escapes_unless_there_are_several_lines() -> None:
    assert visible("a\n\tb\x0b") == r"a\n\tb\x0b"
    assert visible("a\n\tb\x0b", lines=True) == "a\n\tb" + r"\x0b"
    assert visible("a\nb", lines=False) == r"a\nb"


@pytest.mark.parametrize(
    ("text", "place", "joins"),
    [
        *[("👩\u200d🔬", 1, True), ("👩\u200d🔬", 0, False), ("👩\u200d🔬", 2, False)],
        *[("\u200d🔬", 0, False), ("👩\u200d", 1, False), ("👩\u200db🔬", 1, False)],
        *[("a🔬", 1, False), ("ab🔬", 1, False)],
    ],
)
def test_a_joiner_stands_before_a_symbol(text: str, place: int, joins: bool) -> None:
    assert joins_an_emoji(text, place) is joins


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        *[(0.0, "0"), (-0.0, "-0"), (19, "19"), (-2.0, "-2"), (0.1, "0.1"), (10.05, "10.05")],
        *[(1e22, "1e+22"), (1e-300, "1e-300"), (float("nan"), "nan"), (float("inf"), "inf")],
    ],
)
def test_a_number_has_no_digits_but_those_it_needs(number: float, digits: str) -> None:
    assert shortest(number) == digits


# Messages


def test_a_message_shows_what_cannot_be_seen_and_keeps_its_lines() -> None:
    assert str(TinygradMLPError("two\nlines of \x1b[31m")) == "two\nlines of " + r"\x1b[31m"
    assert str(errors.DataError("a\u00a0b")) == "a b"


KNOWN: Final = [f"name{i:02}" for i in range(13)]


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("ReLu", ["tanh", "relu"], "'ReLu'; known: relu, tanh. Did you mean 'relu'?"),
        ("q", ["tanh", "relu"], "'q'; known: relu, tanh"),
        (None, ["tanh"], "None; known: tanh"),
        # of two that are alike the more alike; of up to 12 all of them are listed
        ("gel", ["gelu", "elu"], "'gel'; known: elu, gelu. Did you mean 'gelu'?"),
        ("q", KNOWN[:12], f"'q'; known: {', '.join(KNOWN[:12])}"),
        (
            *("nam00", KNOWN[:12]),
            f"'nam00'; known: {', '.join(KNOWN[:12])}. Did you mean 'name00'?",
        ),
        ("q", KNOWN, f"'q'; known: {', '.join(KNOWN[:12])}, ... and 1 more"),
        # of more, those that are alike, 8 at most
        (
            *("bais", [*KNOWN, "bias", "basis"]),
            "'bais'; known: basis, bias, ... and 13 more. Did you mean 'basis'?",
        ),
        (
            *("name0", KNOWN),
            f"'name0'; known: {', '.join(KNOWN[3:11])}, ... and 5 more. Did you mean 'name10'?",
        ),
        # half of the letters are enough to be listed, but not to be meant
        ("wxab", [*KNOWN, "wxyz"], "'wxab'; known: wxyz, ... and 13 more"),
    ],
)
def test_an_unknown_name_is_told_with_those_that_are_like_it(
    name: object, known: list[str], message: str
) -> None:
    assert str(UnknownNameError.of("label", name, known)) == f"unknown label {message}"
    assert str(UnknownNameError.of("label", name, iter(known[::-1]))) == f"unknown label {message}"


def test_a_missing_package_is_named_with_what_brings_it() -> None:
    error = MissingDependencyError.of("rich", "tables", extra="pretty")
    assert str(error) == (
        "tables need the package 'rich'; install it, in the project's folder, with: "
        "python -m pip install -e '.[pretty]'"
    )
    assert isinstance(error, ImportError)


def test_reasons_are_empty_unless_given() -> None:
    assert errors.GraphError("x").reason == errors.TracingError("x").reason == ""


# Warnings


def test_our_files_are_those_of_the_package() -> None:
    folder = Path(frames.__file__).parent
    assert is_ours(str(folder / "nn" / "layers.py"))
    assert not is_ours(str(folder) + "_of_another/engine.py")
    assert not is_ours(__file__)
    assert not is_ours("<string>")


def test_a_warning_names_the_line_that_called_into_the_package(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    lines = ["import tinygrad_mlp._frames as frames", "def f():", "    frames.warn('a\\x1bb\\nc')"]
    script.write_text("\n".join([*lines, "f()", "frames.warn('d')"]))
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    expected = [f"{script}:3: UserWarning: a" + r"\x1bb", "c", "  frames.warn('a\\x1bb\\nc')"]
    expected += [f"{script}:5: UserWarning: d", "  frames.warn('d')"]
    assert run.stderr.splitlines() == expected


def test_a_warning_without_a_caller_of_ones_own_names_no_line_of_ours() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile("warn('m')", str(Path(frames.__file__)), "exec"), {"warn": warn})
    assert [w.filename for w in caught] == [__file__]


def test_a_warning_of_a_thread_that_runs_nothing_else() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _thread.start_new_thread(warn, ("m",))
        end = time.monotonic() + 20.0
        while not caught and time.monotonic() < end:
            time.sleep(0.005)
    assert [str(w.message) for w in caught] == ["m"]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (4096, "4,096"),
        (10**15, "1,000,000,000,000,000"),
        (10**30 - 1, ",".join(["999"] * 10)),
        (10**30, "more than 10^29"),
        (2**100, "more than 10^30"),
        (10**4000, "more than 10^3999"),
    ],
)
def test_a_count_of_any_size_can_be_written(count: int, shown: str) -> None:
    assert grouped(count) == shown


def test_a_count_may_have_more_digits_than_python_writes() -> None:
    assert grouped(2**20000) == "more than 10^6020"
