"""The terminal debugger: each command, scripts and their exit codes, the three things to step."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.source_files import ROOT
from tinygrad_mlp import Value, functional, ops
from tinygrad_mlp._cli import main
from tinygrad_mlp._cli.sample_loss import loss_of_a_sample
from tinygrad_mlp.data import load_iris
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.debug._wrapping import wrapped
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.engine import topological_order
from tinygrad_mlp.errors import GraphError, InvalidArgumentError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit, save_weights

pytestmark = pytest.mark.usefixtures("no_pictures")


def typed(*commands: str, loss: Value | None = None) -> tuple[str, Console]:
    """What a console answers to commands, without its echo of them."""
    out = io.StringIO()
    stdin = io.StringIO("\n".join(commands) + "\n")
    console = Console(Session(loss or worked_example()), stdin=stdin, stdout=out)
    console.run()
    lines = [line for line in out.getvalue().splitlines() if not line.startswith("(step) ")]
    return "\n".join(lines), console


def answer(*commands: str, loss: Value | None = None) -> str:
    """The same, where every command has to work."""
    text, console = typed(*commands, loss=loss)
    assert console.failures == 0, text
    return text


def gradients(loss: Value) -> list[float]:
    """Of every node but the plain numbers, to which a session does not step."""
    order = topological_order(loss)
    return [node.grad for node in order if node.op is not ops.CONSTANT]


def at_a_terminal(*lines: str) -> list[str]:
    """The last line of each answer where a person types; "" is Enter alone."""
    out = io.StringIO()
    console = Console(Session(worked_example()), stdin=io.StringIO(), stdout=out)
    answers = []
    for line in lines:
        before = len(out.getvalue())
        console.onecmd(line)
        answers.append(out.getvalue()[before:].strip().rpartition("\n")[2])
    return answers


# Walking


def test_next_and_back_walk_step_by_step() -> None:
    lines = answer("next 2", "n", "back", "b 2").splitlines()
    assert [line[:7] for line in lines[:5]] == [
        "[ 1/49]",
        "[ 2/49]",
        "[ 3/49]",
        "[ 2/49]",
        "[ 1/49]",
    ]
    assert lines[5] == "at the start: only the leaves have numbers"


def test_the_passes_meet() -> None:
    text = answer("to L", "next")
    assert "[15/49] forward   L = E_o1 + E_o2 = 0.2748 + 0.0236 = 0.2984" in text
    assert "the backward pass begins with dL/dL = 1" in text
    assert "[16/49] backward  dL/dE_o1 += dL/dL * dL/dE_o1 = 1 * 1 = 1" in text


def test_to_stops_where_a_gradient_is_complete() -> None:
    text = answer("to L", "to out_h1", "print out_h1")
    assert "together 0.0364" in text
    assert re.search(r"dL/dout_h1 = 0\.036350306\d+", text)


def test_the_ends_are_told() -> None:
    text = answer("back", "end", "next", "continue", "start")
    assert "this is the start" in text
    assert text.count("this is the end") == 2
    assert "the backward pass is over" in text


def test_walking_there_and_back_restores_every_gradient() -> None:
    session = Session(worked_example())
    states = []
    for position in range(len(session) + 1):
        session.go_to(position)
        states.append([(node.grad, node.has_grad) for node in session.order])
    for position in (49, 3, 16, 15, 14, 48, 15, 0, 33):
        session.go_to(position)
        assert [(node.grad, node.has_grad) for node in session.order] == states[position]
    assert not any(has_grad for _, has_grad in states[0])


def test_a_session_ends_with_the_gradients_of_backward() -> None:
    session, plain = Session(worked_example()), worked_example()
    session.go_to(len(session))
    plain.backward()
    assert gradients(session.loss) == gradients(plain)


def test_a_leaf_is_nothing_to_step_through() -> None:
    with pytest.raises(GraphError, match="the Value is a leaf"):
        Session(Value(1.0))
    with pytest.raises(InvalidArgumentError, match="leads past the end"):
        Session(worked_example()).move(50)


# Breakpoints


@pytest.mark.parametrize(
    ("command", "stop"),
    [
        ("break net_o1", "[ 5/49] forward"),
        ("break grad > 0.99", "[16/49] backward"),
        ("break w5", "[33/49] backward"),
        ("break label w5", "[33/49] backward"),
        ("break op tanh", "[49/49] backward"),
        ("break op sigmoid", "[ 2/49] forward"),
        ("break grad 0.99", "[16/49] backward"),
        ("watch net_h2", "[ 3/49] forward"),
        ("break nonfinite", "[49/49] backward"),
    ],
)
def test_breakpoints_stop(command: str, stop: str) -> None:
    text = answer(command, "continue")
    assert stop in text
    assert ("stop: " in text) == ("49/49" not in stop)


def test_a_breakpoint_stops_in_each_pass_and_on_the_way_back() -> None:
    text = answer("break op sigmoid", "end", "rcontinue", "rc")
    stops = [line for line in text.splitlines() if line.startswith("[")]
    assert [stop[1:6] for stop in stops] == ["49/49", "44/49", "38/49"]


def test_dead_relus_and_layers_stop() -> None:
    model = MLP(1, [2, 1], rng=0)
    model.layers[0].neurons[0].b.data = -100.0
    text = answer("break dead", "continue", loss=model([1.0]) ** 2)
    assert "is off (its input is -" in text
    text = answer("break layer 1", "continue", loss=model([1.0]) ** 2)
    assert "stop: in layer 1" in text


def test_a_breakpoint_at_a_node_stops_once_in_each_pass() -> None:
    text = answer("break out_h1", "continue", "continue", "continue")
    stops = [line for line in text.splitlines() if line.startswith("[")]
    assert [stop[:7] for stop in stops] == ["[ 2/49]", "[35/49]", "[49/49]"]
    assert stops[1].endswith("together 0.0364")


def test_a_breakpoint_that_cannot_hold_is_refused_when_it_is_set() -> None:
    model = MLP(1, [2, 1], rng=0)
    for command, message in (
        (
            "break op tanhh",
            "'tanhh'; known: arctan, tan, tanh, ... and 51 more. Did you mean 'tanh'?",
        ),
        ("break layer 7", "unknown layer 7; known: layers.0, layers.1"),
        ("break layer hidden", "unknown layer 'hidden'; known: layers.0, layers.1"),
        ("break label nobody", "unknown node 'nobody'"),
    ):
        text, console = typed(command, "break", loss=model([1.0]) ** 2)
        assert console.failures == 1
        assert message in text
        assert "no breakpoints" in text
    assert "1: layer layers.1" in answer("break layer layers.1", loss=model([1.0]) ** 2)


def test_breakpoints_are_listed_and_cleared() -> None:
    text = answer("break", "break w5", "break op tanh", "clear 1", "clear")
    assert text.splitlines() == [
        "no breakpoints",
        "1: at w5",
        "1: at w5",
        "2: op tanh",
        "1: op tanh",
        "no breakpoints",
    ]


# Looking


def test_print_shows_the_moment() -> None:
    early = answer("next", "print out_h1", "print net_h1", "print w1")
    assert "out_h1 (sigmoid): data = not computed yet, dL/dout_h1 = -" in early
    assert "net_h1 (dot): data = 0.3775, dL/dnet_h1 = -" in early
    table = answer("end", "print").splitlines()[2:]
    assert len(table) == 31
    assert any(re.match(r"w5 +leaf +data = 0.4 +grad = 0.0822", line) for line in table)


def test_list_marks_where_one_stands() -> None:
    lines = answer("next 10", "list 2").splitlines()[-4:]
    assert [line[:2] for line in lines] == ["  ", "->", "  ", "  "]
    assert "[10/49]" in lines[1]


def test_chain_shows_the_whole_way() -> None:
    text = answer("chain w5")
    assert "= 1 * 0.5 * (-1.4827) * (-1) * 0.1868 * 0.5933 = 0.0822" in text
    assert "the sum of 2 paths" in answer("chain w1")
    assert answer("end", "chain").splitlines()[-1].startswith("dL/db1 = ")


def test_expand_and_collapse() -> None:
    text = answer("expand net_h1", "next", "collapse net_h1", "expand").splitlines()
    assert text[0] == "net_h1: 2 products"
    assert text[1].endswith("p1 = w1 * i1 = 0.15 * 0.05 = 0.0075")
    assert text[3].strip() == "net_h1 = p1 + p2 + b1 = 0.0075 + 0.02 + 0.35 = 0.3775"
    assert text[4] == "net_h1: one node"
    assert text[5].startswith("[ 1/49] forward   net_h1 = w1 * i1")
    assert text[6:10] == [f"net_{name}: 2 products" for name in ("h1", "h2", "o1", "o2")]
    assert text[10].endswith("p1 = w1 * i1 = 0.15 * 0.05 = 0.0075")
    elsewhere = answer("next", "expand net_o1").splitlines()
    assert elsewhere[1:] == ["net_o1: 2 products"]
    refused, console = typed("expand out_h1")
    assert "out_h1 is no sum of products; those are: net_h1, net_h2, net_o1, net_o2" in refused
    assert console.failures == 1


def test_an_output_without_the_character_has_another_sign() -> None:
    for encoding, sign in (("utf-8", "≈"), ("cp1252", "~")):
        raw = io.BytesIO()
        output = io.TextIOWrapper(raw, encoding=encoding)
        console = Console(
            Session(worked_example()), stdin=io.StringIO("to net_h1\n" * 2), stdout=output
        )
        console.run()
        assert f"0.0364 * 0.2413 {sign} 0.008771" in raw.getvalue().decode(encoding)


def test_the_columns_of_print_are_as_wide_as_the_names() -> None:
    for label in ("x", "layers.0.neurons.10.w.10"):
        loss = Value(2.0, label=label) * 3.0
        shown = io.StringIO()
        Console(Session(loss), stdin=io.StringIO("print\n"), stdout=shown).run()
        lines = shown.getvalue().splitlines()[1:]
        assert lines[0].startswith(f"{label:<2} leaf ")
        assert len({line.index("data =") for line in lines}) == 1


def test_the_sum_stays_in_view_where_a_node_is_expanded() -> None:
    lines = answer("expand", "to out_h1", "to out_h1").splitlines()
    assert lines[-1].strip() == (
        "dL/dout_h1 += dL/dp1 * dp1/dout_h1 = 0.1385 * 0.4 = 0.0554, together 0.0364"
    )


def test_a_gradient_is_a_dash_until_something_arrives() -> None:
    early = answer("to L", "print w1", "print out_h1", "print L")
    assert "dL/dw1 = -" in early
    assert "dL/dout_h1 = -" in early
    assert "dL/dL = 1.0" in early
    assert "dL/dE_o1 = -" in answer("to L", "next", "back", "print E_o1")


def test_where_needs_a_recording() -> None:
    assert answer("where L").startswith("L: not known")


# Changing and checking


def test_set_replays_to_the_same_step() -> None:
    text = answer("to L", "to w5", "set w5 0.5", "print out_o1")
    assert "L: 0.2984 -> 0.3065" in text
    last_step = [line for line in text.splitlines() if line.startswith("[")][-1]
    assert last_step.startswith("[33/49] backward  dL/dw5 += dL/dnet_o1 * dnet_o1/dw5")
    assert "0.1385 * 0.5933" not in last_step


def test_set_and_set_back_gives_the_same_gradients() -> None:
    session, plain = Session(worked_example()), worked_example()
    session.go_to(len(session))
    session.assign(session.node("w5"), 9.0)
    session.assign(session.node("w5"), 0.40)
    plain.backward()
    assert gradients(session.loss) == gradients(plain)


def test_check_agrees_at_leaves_and_between() -> None:
    text = answer("check", "check net_h1", "check L")
    assert text.count("agrees") == 16


def test_of_very_many_leaves_some_are_checked() -> None:
    model = MLP(10, [10, 1], activation="tanh", rng=0)
    lines = answer("check", loss=model([Value(1.0) for _ in range(10)])).splitlines()
    assert lines[0] == ("131 leaves; checking 44 of them, one in 3 (check NODE checks any other)")
    assert len(lines) == 45


def test_check_finds_a_wrong_gradient() -> None:
    loss = worked_example()
    node = next(n for n in topological_order(loss) if n.label == "out_o1")
    node.partials = (0.5 * node.partials[0],)
    text, console = typed("check w8", "check w5", loss=loss)
    assert console.failures == 1
    assert "line 2: the gradient does not agree with finite differences at: w5" in text


def test_draw_hands_over_the_moment(tmp_path: Path) -> None:
    drawn = []

    def draw(session: Session, path: Path) -> None:
        drawn.append((session.position, path))

    stdin = io.StringIO(f"next 4\ndraw {tmp_path / 'a b.svg'}\ndraw\n")
    console = Console(Session(worked_example()), draw, stdin, io.StringIO())
    console.run()
    assert drawn == [(4, tmp_path / "a b.svg"), (4, Path("step-4.svg"))]
    assert typed("draw")[1].failures == 1


# Reading


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("dance", "line 1: unknown command 'dance'; 'help' lists the commands"),
        ("nxt", "line 1: unknown command 'nxt'; did you mean 'next'? 'help' lists the commands"),
        ("b w5", "line 1: back takes a number of steps; to stop at w5: break w5"),
        ("print w55", "line 1: unknown node 'w55'; known: w5, ... and 30 more. Did you mean 'w5'?"),
        ("print foo", "net_o1, ... and 19 more"),
        ("next x", "line 1: 'x' is no whole number of at least 1"),
        ("set w5 x", "line 1: 'x' is no number"),
        ("set w5", "line 1: give a leaf and a number"),
        ("set L 3", "line 1: L was computed from others; change a leaf, such as t1"),
        ("to", "line 1: give the name of a node"),
        ("to i1\nto i1", "line 2: i1 is complete already"),
        ("clear 3", "line 1: there is no breakpoint 3"),
        ("help dance", "line 1: there is no command 'dance'"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(command: str, message: str) -> None:
    text, console = typed(command, "next")
    assert console.failures == 1
    assert text.count(message) == 1
    assert len([line for line in text.splitlines() if line.startswith("line ")]) == 1


@pytest.mark.parametrize("between", ["dance", "print w5", "help", "where", "next x", "set w5 0.5"])
def test_enter_alone_moves_again_whatever_came_between(between: str) -> None:
    answers = at_a_terminal("next 2", between, "", "back", between, "", "  ")
    positions = [re.match(r"\[ *(\d+)/49\]", answers[place]) for place in (0, 2, 3, 5, 6)]
    assert [match and int(match[1]) for match in positions] == [2, 4, 3, 2, 1]


def test_enter_alone_does_nothing_before_anything_has_moved() -> None:
    assert at_a_terminal("", "dance", "", "print w5", "")[::2] == ["", "", ""]


@pytest.mark.parametrize(
    ("command", "full"), [("s", "next"), ("step 3", "next 3"), ("cont", "continue")]
)
def test_commands_of_other_debuggers_work(command: str, full: str) -> None:
    assert answer(command) == answer(full)
    assert answer(f"help {command.split(maxsplit=1)[0]}") == answer(
        f"help {full.split(maxsplit=1)[0]}"
    )


def test_a_step_with_the_name_of_a_number_does_not_hide_the_number() -> None:
    loss = Value(2.0, label="1").exp() * 2.0
    assert answer("next 2", "back 1", loss=loss) == answer("next 2", "back", loss=loss)


def test_quit_ends_and_comments_are_left_out() -> None:
    text, console = typed("# a comment", "", "next", "quit", "dance")
    assert console.failures == 0
    assert len(text.splitlines()) == 1


def test_help_tells_every_command() -> None:
    text = answer("help")
    for name in Console.commands():
        assert re.search(rf"^{name}\b", text, flags=re.MULTILINE), name
        assert answer(f"help {name}").strip().startswith(name)
    assert " ".join(Console.commands()) == (
        "next back continue rcontinue to start end break watch clear quiz hint answer skip score "
        "print list where chain latex expand collapse draw set check help quit"
    )


def test_help_tells_the_keys_and_one_way_to_break_at_a_node() -> None:
    text = answer("help")
    for part in ("Enter alone", "Tab completes", "Ctrl-D leaves", "break NODE | op NAME"):
        assert part in text
    assert "label NAME" not in text
    assert answer("break label w5") == answer("break w5")
    assert "when its gradient is complete" in " ".join(answer("help break").split())


@pytest.mark.parametrize("width", [64, 80, 120])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    model = MLP(6, [3, 1], activation="tanh", rng=0)
    loss = model([0.5] * 6) ** 2
    out = io.StringIO()
    commands = "help\nhelp break\nnext\nexpand\nend\nlist 30\nchain layers.0.neurons.0.b\n"
    console = Console(Session(loss), stdin=io.StringIO(commands), stdout=out, width=width)
    console.run()
    assert console.failures == 0
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert any(len(line) > width - 15 for line in lines)


@pytest.mark.parametrize(
    ("line", "width", "lines"),
    [
        ("short", 10, ["short"]),
        ("anything is left as it is", None, ["anything is left as it is"]),
        (
            "[ 1/49] forward   net = w1 * x1 + w2 * x2 = 0.5 * 2 + 3 * 4 = 13",
            45,
            [
                "[ 1/49] forward   net = w1 * x1 + w2 * x2",
                "                    = 0.5 * 2 + 3 * 4 = 13",
            ],
        ),
        (
            "dL/d(out.net) += dL/dloss * dloss/d(out.net) = 0.5 * 2 = 1, together 3",
            40,
            [
                "dL/d(out.net) += dL/dloss",
                "  * dloss/d(out.net)",
                "  = 0.5 * 2 = 1, together 3",
            ],
        ),
        ("no equation, just words", 16, ["no equation,", "  just words"]),
        ("a_name_that_is_too_long_to_be_broken", 10, ["a_name_that_is_too_long_to_be_broken"]),
        ("\033[32mx\033[0m = \033[1m1\033[0m", 5, ["\033[32mx\033[0m = \033[1m1\033[0m"]),
    ],
)
def test_lines_are_broken_where_one_breaks_an_equation(
    line: str, width: int | None, lines: list[str]
) -> None:
    assert wrapped(line, width) == lines


def test_names_and_commands_are_completed() -> None:
    a = Value(1.0, label="hidden 0")
    console = typed("quit", loss=a * Value(2.0, label="hidden 1"))[1]
    assert console.completenames("ex") == ["expand"]
    assert console.completedefault("hid", "print hid", 6, 9) == ["hidden 0", "hidden 1"]
    assert console.completedefault("1", "print hidden 1", 13, 14) == ["1"]


def test_there_are_no_colors_outside_of_a_terminal() -> None:
    assert "\033" not in typed("next 20", "break w5", "continue", "dance")[0]


# The command line


def step(*words: str, commands: str, folder: Path) -> tuple[int, str]:
    """The command as a program of its own: its exit code, and what it wrote."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tinygrad_mlp", "step", *words],
        input=commands,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return run.returncode, run.stdout


@pytest.fixture
def step_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """The same in this process, which costs no second start of Python."""

    def run(*words: str, commands: str = "") -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "stdin", io.StringIO(commands))
        capsys.readouterr()
        code = main(["step", *words])
        written = capsys.readouterr()
        return code, written.out + written.err

    return run


def test_a_script_that_works_exits_with_0_and_draws(tmp_path: Path) -> None:
    commands = "to L\nto w5\nwhere net_o1\ndraw now.svg\ncheck w5\n"
    code, text = step(commands=commands, folder=tmp_path)
    assert code == 0, text
    assert "worked_example.py:" in text
    assert "<svg" in (tmp_path / "now.svg").read_text(encoding="utf-8")


def test_a_script_with_a_fault_exits_with_1(tmp_path: Path) -> None:
    code, text = step(commands="next\nprint nobody\nnext\n", folder=tmp_path)
    assert code == 1
    assert "line 2: unknown node 'nobody'" in text
    assert "[ 2/49]" in text


SCRIPT = """\
from tinygrad_mlp import Value

a, b = Value(2.0, label="a"), Value(-3.0, label="b")
loss = (a * b + 10.0).tanh()
loss.label = "L"
number = 3


def twice():
    return a * 2.0


def fails():
    return Value("a word")


def of_model(model, scale=1.0):
    return model * scale
"""

BARE = """\
import sys
from tinygrad_mlp import Value

a = Value(2.0)
b = Value(-3.0, label="own")
c = a * b
rows = [[Value(1.0)], "text", 2.0]
d = c + rows[0][0]
loss = d.tanh()
sys.exit(0)
late = a
"""


def test_a_value_of_a_persons_script(
    tmp_path: Path, step_here: Callable[..., tuple[int, str]]
) -> None:
    (tmp_path / "mine.py").write_text(SCRIPT)
    code, text = step_here("mine.py:loss", commands="next\nwhere\nwhere a\nend\n")
    assert code == 0, text
    assert "v3: " in text
    assert "mine.py:4 in <module>" in text
    assert "mine.py:3 in <module>" in text
    assert "dL/db += dL/dv3 * dv3/db = 0.001341 * 2 = 0.002682" in text
    code, text = step_here("mine.py:twice", commands="to twice\nend\n")
    assert code == 0, text
    assert "[2/2]" in text


def test_values_are_called_by_their_names_in_the_script(
    tmp_path: Path, step_here: Callable[..., tuple[int, str]]
) -> None:
    (tmp_path / "bare.py").write_text(BARE)
    code, text = step_here("bare.py:loss", commands="end\nlist 9\n")
    assert code == 0, text
    assert "dloss/down += dloss/dc * dc/down" in text
    assert "dloss/d(rows[0][0]) += dloss/dd * dd/d(rows[0][0])" in text
    code, text = step_here("bare.py:c", commands="next\nprint\n")
    assert "c = a * own = 2 * (-3) = -6" in text


def test_a_function_that_fails_is_told_in_the_persons_lines(
    tmp_path: Path, step_here: Callable[..., tuple[int, str]]
) -> None:
    (tmp_path / "mine.py").write_text(SCRIPT)
    (tmp_path / "broken.py").write_text("def f():\n    return 1 / 0\n\n\nf()\n")
    for words, line in (("mine.py:fails", 14), ("broken.py:f", 5)):
        code, text = step_here(words)
        assert code == 2
        files = re.findall(r'File "(.*?)", line (\d+)', text)
        assert {Path(file).name for file, _ in files} == {words.partition(":")[0]}
        assert str(line) in {number for _, number in files}


def test_the_moment_is_drawn_as_far_as_it_is_computed(tmp_path: Path) -> None:
    code, text = step(
        commands="draw 0.svg\nnext 2\ndraw 2.svg\nto L\ndraw 15.svg\n", folder=tmp_path
    )
    assert code == 0, text
    drawn = [(tmp_path / f"{n}.svg").read_text(encoding="utf-8") for n in (0, 2, 15)]
    assert [("net_h1" in svg, "out_h1" in svg, "net_h2" in svg) for svg in drawn] == [
        (False, False, False),
        (True, True, False),
        (True, True, True),
    ]
    assert all("w8" in svg for svg in (drawn[0], drawn[2]))


LARGE = """
from tinygrad_mlp.nn import MLP

small = MLP(2, [2, 1], rng=0)([0.5, -1.0]) ** 2
loss = MLP(4, [12, 8, 1], rng=0)([0.5, -1.0, 2.0, 0.25]) ** 2
"""


def test_a_large_network_is_drawn_in_circles_a_small_graph_in_boxes(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text(LARGE)
    for name, kind in (("small", "node"), ("loss", "unit")):
        code, text = step(f"large.py:{name}", commands=f"to {name}\ndraw a.svg\n", folder=tmp_path)
        assert code == 0, text
        assert f'class="{kind}"' in (tmp_path / "a.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mine.py:of_model"], "of_model in mine.py needs arguments (model); give a function"),
        (["bare.py:late"], "bare.py has no name 'late' (it ended with sys.exit(0)); its Values"),
        (["--row", "3"], "--row says which sample of --data"),
        (["mine.py:nobody"], "mine.py has no name 'nobody'; its Values are: a, b, loss"),
        (["mine.py:number"], "number in mine.py is 3, but a Value is needed"),
        (["mine.py:a"], "there is nothing to step through: the Value is a leaf"),
        (["mine.py"], "'mine.py' does not say which Value"),
        (["other.py:loss"], "there is no file other.py"),
        (["broken.py:loss"], "ZeroDivisionError"),
        (["--data", "iris"], "--model and --data belong together"),
    ],
)
def test_what_cannot_be_stepped_exits_with_2(
    words: list[str], message: str, tmp_path: Path, step_here: Callable[..., tuple[int, str]]
) -> None:
    (tmp_path / "mine.py").write_text(SCRIPT)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "bare.py").write_text(BARE)
    code, text = step_here(*words)
    assert code == 2
    assert message in text


@pytest.mark.parametrize("with_names", [False, True])
def test_the_loss_of_a_sample_through_saved_weights(
    with_names: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = load_iris()
    labels = np.array(data.target_names)[data.y] if with_names else data.y
    model = MLP(4, [3, 3], activation="tanh", rng=0)
    fit(model, data.X, labels, epochs=2, log_every=None)
    weights = save_weights(model, tmp_path / "weights.npz")
    expected = functional.logsumexp(model(data.X[3].tolist())) - model(data.X[3].tolist())[0]
    monkeypatch.setattr(sys, "stdin", io.StringIO("end\nprint L\ncheck\n"))
    arguments = ["step", "--model", str(weights), "--data", "iris", "--row", "4"]  # from 1
    code = main(arguments)
    text = capsys.readouterr().out
    assert code == 0, text
    shown = re.search(r"L \(\w+\): data = ([\d.e+-]+)", text)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(expected.data, rel=1e-12)
    assert "dL/d(petal width (cm)) = " in text


@pytest.fixture
def saved_by_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Trains on a table and leaves the network in net.npz."""

    def train(text: str, target: str) -> None:
        monkeypatch.chdir(tmp_path)
        Path("train.csv").write_text(text)
        options = "--task classification --epochs 2 --hidden 3 --save net.npz --out pictures"
        assert main(["train", "train.csv", "--target", target, *options.split()]) == 0

    return train


def test_weights_that_know_their_activations_are_not_contradicted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = save_weights(MLP(4, [3, 3], activation="tanh"), tmp_path / "weights.npz")
    arguments = ["step", "--model", str(weights), "--data", "iris", "--activation", "relu"]
    assert main(arguments) == 2
    assert "3 tanh(4) neurons" in capsys.readouterr().err


def test_the_loss_of_a_row_through_a_network_that_train_saved(
    tmp_path: Path, step_here: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load_iris()
    lines = [",".join([*data.feature_names, "species"])]
    lines += [
        ",".join([*map(str, x), data.target_names[label]])
        for x, label in zip(data.X.tolist(), data.y.tolist())
    ]
    (tmp_path / "iris.csv").write_text("\n".join(lines) + "\n")
    words = "train iris.csv --target species --epochs 2 --hidden 3 --save net.npz --out pictures"
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 0
    losses = []
    for source, row in (("iris", "99"), ("iris.csv", "100")):  # the header is row 1 of the file
        code, text = step_here(
            "--model", "net.npz", "--data", source, "--row", row,
            commands="where L\nprint layers.0.neurons.2.out\nprint\nend\nprint L\n",
        )  # fmt: skip
        assert code == 0, text
        assert "petal length, standardized" in text
        assert "(cm)" not in text
        assert f"L: built from net.npz and {source}" in text
        assert "h₃⁽¹⁾ (tanh): data = not computed yet" in text
        losses.append(text.splitlines()[-1])
    assert losses[0] == losses[1]
    sample = loss_of_a_sample(tmp_path / "net.npz", "iris", 99, None)
    assert sample.description.startswith("sample 99 of iris, features standardized, through MLP")
    sample = loss_of_a_sample(tmp_path / "net.npz", str(tmp_path / "iris.csv"), 100, None)
    assert sample.description.startswith(f"row 100 of {tmp_path / 'iris.csv'}, features")


@pytest.mark.parametrize(
    ("data", "row", "message"),
    [
        ("iris", "0", "--row 0, but iris has the samples 1 to 150"),
        ("iris", "151", "--row 151, but iris has the samples 1 to 150"),
        ("t.csv", "1", "--row 1, but t.csv has the rows 2 to 6; rows count as in a spreadsheet"),
        ("t.csv", "7", "--row 7, but t.csv has the rows 2 to 6"),
        ("t.csv", "4", "--row 4, but row 4 is blank"),
        ("t.csv", "5", "t.csv: row 5, column 'y' is 'blue', not one of the classes of the network"),
        ("t.csv", "6", "row 6, column 'x': empty"),
        ("u.csv", "2", "u.csv has no column 'y', which holds the right answers"),
    ],
)
def test_rows_that_cannot_be_stepped_through(
    data: str,
    row: str,
    message: str,
    tmp_path: Path,
    saved_by_train: Callable[[str, str], None],
    step_here: Callable[..., tuple[int, str]],
) -> None:
    saved_by_train("x,y\n" + "1,red\n2,green\n" * 8, "y")
    (tmp_path / "t.csv").write_text("y,x\nred,1\ngreen,2\n\nblue,3\nred,\n")
    (tmp_path / "u.csv").write_text("x\n1\n")
    code, text = step_here("--model", "net.npz", "--data", data, "--row", row)
    assert code == 2
    assert message in text


def test_a_class_of_a_row_goes_by_its_text_and_else_by_its_number(
    tmp_path: Path, saved_by_train: Callable[[str, str], None]
) -> None:
    saved_by_train("x,y\n" + "1,2.10\n2,2.20\n3,007\n4,2.30\n" * 8, "y")
    (tmp_path / "t.csv").write_text("x,y\n1,2.10\n1,2.1\n1,210e-2\n3,7\n3,2.20\n")
    losses = [
        loss_of_a_sample(tmp_path / "net.npz", str(tmp_path / "t.csv"), row, None).loss.data
        for row in range(2, 7)
    ]
    assert losses[0] == losses[1] == losses[2]
    assert losses[3] != losses[4]
    first = loss_of_a_sample(tmp_path / "net.npz", str(tmp_path / "t.csv"), None, None)
    assert first.description.startswith("row 2 of ")
    assert first.loss.data == losses[0]


def test_the_opening_line_says_what_is_walked_through() -> None:
    console = Console(Session(worked_example()), title="the worked example", stdout=io.StringIO())
    assert console.greeting.startswith("the worked example: 31 nodes, 15 steps forward and 34")
