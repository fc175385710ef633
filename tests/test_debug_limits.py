"""The debugger on graphs that are too large to show whole, at terminals of every kind."""

from __future__ import annotations

import io

import pytest

from tests.test_debug_console import answer, typed
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.debug._equations import formula_of
from tinygrad_mlp.debug._recompute import finite_difference
from tinygrad_mlp.debug._tokens import Name
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.graph import MathName


def chain_of(n: int) -> Value:
    """A graph of n nodes and 2 leaves."""
    a, b = Value(0.5, label="a"), Value(1.5, label="b")
    node = a
    for _ in range(n):
        node = node * b
    return node


def sums_of_products(n: int) -> Value:
    """The sum of n of them."""
    w, x = [Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]
    return functional.sum([functional.dot(w, x) for _ in range(n)])


@pytest.mark.parametrize(("n", "left_out"), [(57, 0), (58, 0), (59, 1), (80, 22)])
def test_print_shows_60_nodes_and_counts_the_others(n: int, left_out: int) -> None:
    lines = answer("print", loss=chain_of(n)).splitlines()
    rows = [line for line in lines if "data = " in line or " = " in line]
    more = f"... and {left_out} more; print NODE shows one"
    assert len(rows) == min(n + 2, 60)
    assert (lines[-1] == more) == bool(left_out)
    assert len(lines) == len(rows) + bool(left_out)


@pytest.mark.parametrize(("n", "lines"), [(2, 2), (8, 8), (9, 1), (20, 1)])
def test_expand_names_up_to_8_sums_and_counts_more(n: int, lines: int) -> None:
    shown = answer("expand", loss=sums_of_products(n)).splitlines()
    assert len(shown) == lines
    assert (f"{n} sums of products" in shown) == (n > 8)
    assert sum(["2 products" in line for line in shown]) == (n if n <= 8 else 0)
    assert all(
        "one node" in line for line in answer("collapse", loss=sums_of_products(2)).splitlines()
    )


def test_list_shows_as_many_steps_on_either_side_as_there_are() -> None:
    def steps(*commands: str) -> list[str]:
        return [line[3:9] for line in answer(*commands).splitlines() if line[:3] in {"   ", "-> "}]

    assert steps("list 2") == ["[ 1/49", "[ 2/49"]
    assert steps("list") == [f"[{number:2}/49" for number in range(1, 6)]
    at_12 = answer("next 12", "list 2")
    assert [line[3:9] for line in at_12.splitlines() if line[:3] == "-> "] == ["[12/49"]
    shown = [line[3:9] for line in at_12.splitlines()[-4:]]
    assert shown == ["[11/49", "[12/49", "[13/49", "[14/49"]
    assert steps("end", "list 2")[-2:] == ["[48/49", "[49/49"]


def test_help_shows_one_command_or_all() -> None:
    everything = answer("help")
    for name in Console.commands():
        alone = answer(f"help {name}")
        assert name in alone
        assert 0 < len(alone) < len(everything) / 2
    text, console = typed("help dance")
    assert console.failures == 1
    assert "there is no command 'dance'" in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("width", [30, 80, 200])
def test_help_says_what_the_docstring_says_once(width: int) -> None:
    for name in Console.commands():
        out = io.StringIO()
        console = Console(Session(worked_example()), stdout=out, width=width)
        console.do_help(name)
        usage, _, meaning = (getattr(console, f"do_{name}").__doc__ or "").partition(": ")
        shorts = [short for short, full in Console.short_names.items() if full == name]
        expected = [*usage.split(), *meaning.split(), *f"[{', '.join(shorts)}]".split()]
        assert out.getvalue().split() == expected[: None if shorts else -1]


class Terminal(io.StringIO):
    """A stream that says that a person is there."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "colored"),
    [
        ({}, True),
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1", "TERM": "dumb"}, False),
        ({"NO_COLOR": ""}, True),
    ],
)
def test_colors_are_for_terminals_that_take_them(
    environment: dict[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    session = Session(worked_example())
    assert Console(session, stdin=Terminal(), stdout=Terminal()).colors == colored
    for stdin, stdout in [(io.StringIO(), Terminal()), (Terminal(), io.StringIO())]:
        assert not Console(session, stdin=stdin, stdout=stdout).colors


def test_a_script_is_not_greeted_and_ends_with_its_last_line() -> None:
    out = io.StringIO()
    console = Console(Session(worked_example()), stdin=io.StringIO("next\n"), stdout=out)
    console.run()
    assert console.greeting not in out.getvalue()
    assert out.getvalue().count("(step)") == 1


@pytest.mark.parametrize("number", [0.0, 1e-9, 0.5, -2.0, 1e3, -1e6, 1e9])
def test_finite_differences_have_steps_of_the_size_of_the_number(number: float) -> None:
    a = Value(number)
    expected = 3.0 * number * number + 2.0
    assert finite_difference(a * a * a + 2.0 * a, a) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize(("n", "lines"), [(1, 1), (59, 59), (60, 60), (61, 1), (500, 1)])
def test_up_to_60_steps_are_shown_one_by_one(n: int, lines: int) -> None:
    forward = answer(f"next {n}", loss=chain_of(300)).splitlines()
    assert len([line for line in forward if line.startswith("[")]) == lines
    back = answer("end", f"back {n}", loss=chain_of(300)).splitlines()
    assert len([line for line in back if line.startswith("[")]) == lines + 1


@pytest.mark.parametrize("command", ["next", "continue", "next 3"])
def test_at_the_end_nothing_is_shown_again(command: str) -> None:
    lines = answer("end", command, loss=chain_of(2)).splitlines()
    assert lines[-1] == "this is the end"
    assert len(lines) == len(answer("end", loss=chain_of(2)).splitlines()) + 1
    assert answer("back 70", loss=chain_of(2)).splitlines() == ["this is the start"]


def test_completion_looks_at_what_stands_before_the_cursor() -> None:
    console = Console(Session(worked_example()), stdin=io.StringIO(), stdout=io.StringIO())
    line = "print net_h1 and more"
    found = console.completedefault("net_h", line, 6, len("print net_h"))
    assert found == ["net_h1", "net_h2"]
    assert console.completedefault("", "print ", 6, 6) == list(console.session.names.values())
    assert console.completenames("coll") == ["collapse"]


@pytest.mark.parametrize("n", [8, 9, 30])
def test_long_sums_of_products_show_their_first_terms_and_the_last(n: int) -> None:
    w = [Value(float(i), label=f"w{i}") for i in range(n)]
    x = [Value(1.0, label=f"x{i}") for i in range(n)]
    names = [Name(value.label, MathName.of_label(value.label)) for value in (*w, *x)]
    text = formula_of(functional.dot(w, x), names).text
    terms = [f"w{i} * x{i}" for i in range(n)]
    shown = terms if n <= 8 else [*terms[:3], "...", terms[-1]]
    assert text == " + ".join(shown)
