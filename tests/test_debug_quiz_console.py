"""The quiz in the terminal: word for word, its commands, and the counts that it keeps."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.debugging import label, product_of_sums
from tinygrad_mlp import Value
from tinygrad_mlp._cli import main
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.debug._quiz_judging import Verdict
from tinygrad_mlp.debug._quiz_progress import Progress
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.nn import MLP


def run(
    *commands: str, loss: Value | None = None, opening: tuple[str, ...] = ()
) -> tuple[str, Console]:
    """What a console prints, echoes of the commands with it."""
    out = io.StringIO()
    stdin = io.StringIO("\n".join(commands) + "\n")
    console = Console(Session(loss or product_of_sums()), stdin=stdin, stdout=out)
    console.run()
    return out.getvalue(), console


def printed(*commands: str, loss: Value | None = None) -> str:
    """The same where every command has to work."""
    text, console = run(*commands, loss=loss)
    assert console.failures == 0, text
    return text


FORWARD = """\
(step) quiz
type the number of each step; hint, answer, skip and score help, quiz off ends it
[1/7] forward   s = ?
                a = 2, b = 3, c = -1
(step) 6
no: the bias c is missing
(step) hint
s = a * b + c
(step) hint
s = 2 * 3 + (-1) = ?
(step) hint
s = 6 + (-1) = ?
(step) 5.0
right
[1/7] forward   s = a * b + c = 2 * 3 + (-1) = 5
[2/7] forward   L = ?
                s = 5, a = 2
(step) answer 10
right
[2/7] forward   L = s * a = 5 * 2 = 10
      the forward pass is over; the backward pass begins with dL/dL = 1
[3/7] backward  dL/ds = ?
                dL/dL = 1
                L = s * a = 5 * 2 = 10
(step) answer
[3/7] backward  dL/ds += dL/dL * dL/ds = 1 * 2 = 2
[4/7] backward  dL/da += ? (only what this path adds)
                dL/dL = 1
                L = s * a = 5 * 2 = 10
(step) skip
[5/7] backward  dL/da = ?
                dL/ds = 2
                s = a * b + c = 2 * 3 + (-1) = 5
                so far, along the other paths: dL/da = 5
(step) six
line 10: unknown command 'six'; 'help' lists the commands
(step) -6
no: this is not the answer
(step) 6
no: that is only the path through s; add what came along the others, 5
(step) 11
right
[5/7] backward  dL/da += dL/ds * ds/da = 2 * 3 = 6, together 11
[6/7] backward  dL/db = ?
                dL/ds = 2
                s = a * b + c = 2 * 3 + (-1) = 5
(step) 4/1
right
[6/7] backward  dL/db += dL/ds * ds/db = 2 * 2 = 4
[7/7] backward  dL/dc = ?
"""


def test_a_quiz_word_for_word() -> None:
    commands = [line[7:] for line in FORWARD.splitlines() if line.startswith("(step) ")]
    text, console = run(*commands)
    assert text.startswith(FORWARD)
    assert console.failures == 1  # "six"
    progress = console.progress
    assert (progress.at_once, progress.later, progress.shown) == (2, 2, 1)
    assert (progress.skipped, progress.hints) == (1, 3)
    assert progress.mistakes == {"operation": 1, "paths": 1}


def test_the_end_tells_the_score() -> None:
    text = printed("quiz", "5", "10", "2", "5", "11", "4", "2")
    assert text.endswith("the backward pass is over\n7 of 7 right, 7 of them at once\n")


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        (["hint"], "no question is open; quiz begins to ask"),
        (["answer"], "no question is open; quiz begins to ask"),
        (["answer 5"], "no question is open; quiz begins to ask"),
        (["skip"], "no question is open; quiz begins to ask"),
        (["quiz", "end", "hint"], "no question is open; this is the end"),
        (["quiz", "quiz off", "skip"], "no question is open; quiz begins to ask"),
        (["quiz maybe"], "quiz takes on or off, not 'maybe'"),
        (["quiz", *["hint"] * 4], "there are no more hints; answer shows the number"),
        (["5"], "unknown command '5'; 'help' lists the commands"),
        (["quiz", "quiz off", "5"], "unknown command '5'; 'help' lists the commands"),
        (["quiz", "end", "5"], "unknown command '5'; 'help' lists the commands"),
    ],
)
def test_commands_without_a_question_say_so(commands: list[str], message: str) -> None:
    text, console = run(*commands)
    assert text.splitlines()[-1] == f"line {len(commands)}: {message}"
    assert console.failures == 1


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("5", "right"),
        ("+5", "right"),
        ("10/2", "right"),
        ("5,0", "write a decimal point instead of the comma, such as 0.5"),
        ("-5", "no: the sign is wrong"),
        ("− 5", "no: the sign is wrong"),
        ("–5", "no: the sign is wrong"),
        (".5", "no: this is not the answer"),
        ("5x", "this is no number; type one, such as 0.0822, or a fraction, such as 1/3"),
        ("5/0", "a fraction cannot be over 0"),
    ],
)
def test_a_number_is_judged(typed: str, answer: str) -> None:
    lines = printed("quiz", typed).splitlines()
    assert lines[lines.index(f"(step) {typed}") + 1] == answer


def test_what_is_no_number_is_no_attempt() -> None:
    _, console = run("quiz", "5,0", "5/0", "5x", "5")
    assert console.progress == Progress(at_once=1)


def test_numbers_ahead_are_hidden_while_the_quiz_is_on() -> None:
    shown = printed("quiz", "list 3").splitlines()[-3:]
    assert [line.split("  ")[-1].strip() for line in shown] == ["s = ?", "L = ?", "dL/ds = ?"]
    text = printed("quiz", "5", "list 1").splitlines()
    assert text[-2:] == [
        "-> [1/7] forward   s = a * b + c = 2 * 3 + (-1) = 5",
        "   [2/7] forward   L = ?",
    ]
    after = printed("quiz", "quiz off", "list 1")
    assert after.endswith("   [1/7] forward   s = a * b + c = 2 * 3 + (-1) = 5\n")


@pytest.mark.parametrize("command", ["chain a", "latex a", "check a", "check", "check s"])
def test_what_is_asked_for_is_not_told_by_other_commands(command: str) -> None:
    """Neither in the forward pass, nor before the last path to a; after it, it is told."""
    refusal = f"the quiz has not come to the whole gradient of {command[-1].replace('k', 'a')} yet"
    for place in (0, 2) if command == "check s" else (0, 2, 4):
        text, console = run(*(["next"] * place), "quiz", command)
        assert refusal in text.splitlines()[-1], place
        assert console.failures == 1
    assert "the quiz has not" not in printed("end", "quiz", command)
    assert "the quiz has not" not in printed(command)


def test_a_gradient_that_is_answered_is_shown() -> None:
    assert "dL/ds = dL/ds = 2" in printed("next 3", "quiz", "chain s")
    assert "agrees" in printed("next 3", "quiz", "check s")


def test_a_change_does_not_tell_the_loss_before_it_is_asked_for() -> None:
    assert "L: 10 -> " not in printed("quiz", "set a 4")
    assert "L: 10 -> 44" in printed("next 2", "quiz", "set a 4")
    assert "L: 10 -> 44" in printed("set a 4")


def test_moving_asks_about_the_step_that_comes_next() -> None:
    lines = printed("quiz", "to L", "back", "start", "next 2").splitlines()
    questions = [line[:24] for line in lines if line.endswith("= ?")]
    assert questions == [
        "[1/7] forward   s = ?",
        "[3/7] backward  dL/ds = ",
        "[2/7] forward   L = ?",
        "[1/7] forward   s = ?",
        "[3/7] backward  dL/ds = ",
    ]


def test_looking_around_does_not_ask_again() -> None:
    text = printed("quiz", "print a", "where a", "list 1", "help quiz")
    assert text.count("[1/7] forward   s = ?\n                a") == 1


def test_other_numbers_are_another_question() -> None:
    text = printed("quiz", "set a 4", "11")
    assert "[1/7] forward   s = ?\n                a = 4, b = 3, c = -1\n(step) 11\nright" in text


def test_hints_and_tries_begin_anew_with_each_question() -> None:
    text, console = run("quiz", "hint", "hint", "9.9", "5", "hint", "10")
    assert "(step) hint\nL = s * a\n" in text
    assert (console.progress.later, console.progress.at_once) == (1, 1)


def test_enter_alone_asks_again_rather_than_walks() -> None:
    out = io.StringIO()
    console = Console(Session(product_of_sums()), stdin=io.StringIO(), stdout=out)
    for line in ("next", "back", "quiz", ""):
        console.onecmd(line)
    assert out.getvalue().count("[1/7] forward   s = ?") == 2
    console.onecmd("quiz off")
    console.onecmd("")  # the last command that moved
    assert console.session.position == 0


def test_a_step_without_an_answer_is_done_and_shown() -> None:
    loss = label(800.0, "a").exp() * 2.0
    text = printed("quiz", "2", loss=loss)
    lines = text.splitlines()
    assert any("exp(800) = inf" in line for line in lines)
    assert any(line.endswith("/dv2 = ?") for line in lines), text


def test_tab_completes_the_words_of_the_quiz() -> None:
    console = Console(Session(product_of_sums()), stdin=io.StringIO(), stdout=io.StringIO())
    assert console.complete_quiz("", "quiz ", 5, 5) == ["on", "off"]
    assert console.complete_quiz("of", "quiz of", 5, 7) == ["off"]
    assert console.completenames("hin") == ["hint"]
    assert console.completenames("sc") == ["score"]


def test_wrong_answers_are_no_failures_of_a_script() -> None:
    _, console = run("quiz", "9.9", "5,0")
    assert console.failures == 0


# The score


def test_nothing_is_answered_yet() -> None:
    assert printed("score").endswith("no question is answered yet\n")


def test_mistakes_are_listed_the_commonest_first() -> None:
    progress = Progress(at_once=1, later=2, shown=3, skipped=4, hints=5)
    for kind, n in (("sign", 1), ("paths", 3), ("derivative", 2)):
        for _ in range(n):
            progress.note(Verdict(False, kind, ()), tries=0)
    assert progress.lines() == [
        "3 of 10 right, 1 of them at once; shown 3; skipped 4; hints 5",
        "mistakes: the sum over the paths 3, the derivative of the function 2, the sign 1",
    ]


@pytest.mark.parametrize("kind", ["wrong", "digits", "text"])
def test_other_wrong_numbers_are_no_known_mistakes(kind: str) -> None:
    progress = Progress()
    progress.note(Verdict(False, kind, ()), tries=3)
    assert progress == Progress()


def test_scores_are_kept_only_where_the_person_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed("quiz", "5", "6", "score")
    assert list(tmp_path.iterdir()) == []
    text = printed("quiz", "5", "7.3", "score kept.json", "10", "hint", "skip", "answer")
    assert "kept in kept.json, all in all:\n1 of 1 right, 1 of them at once\n" in text
    counts = json.loads((tmp_path / "kept.json").read_text())
    assert counts == {
        "format": "tinygrad_mlp quiz",
        "counts": {"at_once": 1, "later": 1, "shown": 1, "skipped": 1, "hints": 1},
        "mistakes": {},
    }


def test_the_counts_of_several_quizzes_add_up_once(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    printed("quiz", "5", f"score {file}", f"score {file}", "-10", "10")
    text = printed("quiz", "-5", "5", f"score {file}")
    assert text.endswith("all in all:\n3 of 3 right, 1 of them at once\nmistakes: the sign 2\n")
    assert Progress.read(file) == Progress(at_once=1, later=2, mistakes={"sign": 2})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": "other", "counts": {}, "mistakes": {}}',
        '{"format": "tinygrad_mlp quiz", "counts": {}, "mistakes": {}}',
        "[" * 100_000,
        "\udcff",
    ],
)
def test_a_file_that_holds_something_else_is_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "notes.json"
    file.write_text(content, encoding="utf-8", errors="surrogateescape")
    before = file.read_bytes()
    text, console = run("quiz", f"score {file}", "5")
    assert "does not hold the score of a quiz" in text
    assert console.failures == 1
    assert file.read_bytes() == before


def test_a_file_of_another_format_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    Progress(shown=1).write(file)
    file.write_text(file.read_text().replace("tinygrad_mlp quiz", "other quiz"))
    with pytest.raises(DataError, match="format is 'other quiz'"):
        Progress.read(file)


def test_counts_add_up_kind_by_kind() -> None:
    total = Progress(hints=1, mistakes={"sign": 1, "paths": 2}) + Progress(
        hints=2, mistakes={"paths": 3, "factor": 4}
    )
    assert total == Progress(hints=3, mistakes={"paths": 5, "factor": 4, "sign": 1})


@pytest.mark.parametrize(
    "change", [{"at_once": -1}, {"at_once": 1.5}, {"other": 1}, {"at_once": True}]
)
def test_counts_are_whole_numbers(tmp_path: Path, change: dict[str, object]) -> None:
    file = tmp_path / "kept.json"
    Progress(shown=1).write(file)
    content = json.loads(file.read_text())
    content["counts"] |= change
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match="score of a quiz"):
        Progress.read(file)


# The command line


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def typed(*lines: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))

    return typed


def test_the_command_line_begins_with_a_quiz(
    typing: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    typing("0.3775", "0.60", "quit")
    main(["step", "--quiz", "--score", str(tmp_path / "kept.json")])
    out = capsys.readouterr().out
    assert out.startswith("(step) quiz\ntype the number of each step")
    assert "(step) 0.3775\nright\n" in out
    assert Progress.read(tmp_path / "kept.json").mistakes == {"rounding": 1}


def test_without_it_nothing_is_hidden(
    typing: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    typing("next")
    main(["step"])
    assert "?" not in capsys.readouterr().out


def test_a_score_without_a_quiz_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["step", "--score", "quiz.json"]) == 2
    assert "step --quiz --score quiz.json" in capsys.readouterr().err


def test_the_score_does_not_replace_the_script(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "graph.py"
    script.write_text("from tinygrad_mlp import Value\nloss = Value(3.0).square()\n")
    assert main(["step", f"{script}:loss", "--quiz", "--score", str(script)]) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert script.read_text().startswith("from tinygrad_mlp")


def test_a_session_asks_about_any_of_its_steps() -> None:
    session = Session(worked_example())
    assert str(session.question()) == "net_h1 = ?"
    assert str(session.question(32)) == "dL/dw5 = ?"
    assert session.question(len(session)) is None
    assert session.question(-1) is None
    session.go_to(len(session))
    assert session.question() is None


def test_a_quiz_in_a_terminal_without_small_digits() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stdin = io.StringIO("quiz\n9.9\nhint\n")
    console = Console(
        Session(MLP(1, [1], activation="tanh", rng=0)([0.5]).square()), None, stdin, out
    )
    console.run()
    out.seek(0)
    assert "z[1]_1 = ?" in out.read()
