"""How a history reads: its table, its lines and its advice as a whole; and what it answers."""

from __future__ import annotations

from math import nan
from typing import Any, Final

import pytest

from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.training import Finding, History


def full(**others: Any) -> History:
    """Two epochs with every list filled."""
    return History(
        **{
            "loss": [0.75, 0.123456],
            "penalty": [0.5, 0.25],
            "validation_loss": [1.5, 12345.678],
            "accuracy": [0.5, 0.98765],
            "validation_accuracy": [0.25, 1.0],
            "epoch_end_loss": [nan, 0.0625],
            "epoch_end_penalty": [nan, 0.125],
            "epoch_end_accuracy": [nan, 0.75],
            "learning_rate": [0.1, 0.05],
            "seconds": [0.25, 0.5],
            "engine": "compiled",
            "loss_name": "hinge",
            "task": "classification",
            "reason": "completed",
            **others,
        }
    )


# As text

TABLE: Final = """\
classification, hinge, engine: compiled
2 epochs in 0.8 s: completed
epoch          loss       penalty  validation loss      accuracy  validation accuracy\
  epoch end loss  epoch end penalty  epoch end accuracy  learning rate
    1          0.75           0.5              1.5        50.0 %               25.0 %\
             nan                nan                 nan            0.1
    2        0.1235          0.25        1.235e+04        98.8 %              100.0 %\
          0.0625              0.125              75.0 %           0.05"""


def test_the_table_of_a_training() -> None:
    assert str(full()) == TABLE


def test_advice_follows_the_table() -> None:
    advice = (Finding("one", "print(1)"), Finding("two", ""))
    assert str(full(advice=advice)) == (
        f"{TABLE}\nadvice: one\n        in Python: print(1)\nadvice: two"
    )


@pytest.mark.parametrize(
    ("history", "text"),
    [
        (History(), "engine: eager\n0 epochs in 0.0 s: going on"),
        (
            History(loss=[3.0], seconds=[1.25], task="regression", reason="interrupted"),
            "regression, engine: eager\n1 epoch in 1.2 s: interrupted\nepoch          loss\n"
            "    1             3",
        ),
        (
            History(loss_name="hinge", engine="eager (not compiled: why)"),
            "hinge, engine: eager (not compiled: why)\n0 epochs in 0.0 s: going on",
        ),
    ],
)
def test_the_table_of_what_there_is(history: History, text: str) -> None:
    assert str(history) == text


@pytest.mark.parametrize(
    ("history", "text"),
    [
        (History(), "History(0 epochs, going on)"),
        (History(loss=[0.123456]), "History(1 epoch, loss 0.1235 -> 0.1235, going on)"),
        (full(), "History(2 epochs, loss 0.75 -> 0.1235, completed)"),
        (full(loss=[3.0, 2.0, 1.0]), "History(3 epochs, loss 3 -> 1, completed)"),
    ],
)
def test_a_history_in_short(history: History, text: str) -> None:
    assert repr(history) == text


ONE: Final = (
    "epoch    1  loss 0.75       + penalty 0.5        validation loss 1.5        "
    "accuracy 50.0 %     validation accuracy 25.0 %"
)
TWO: Final = (
    "epoch    2  loss 0.1235     + penalty 0.25       validation loss 1.235e+04  "
    "accuracy 98.8 %     validation accuracy 100.0 %"
)


@pytest.mark.parametrize(
    ("epochs", "line"), [((), TWO), ((-1,), TWO), ((2,), TWO), ((1,), ONE), ((-2,), ONE)]
)
def test_the_line_of_an_epoch(epochs: tuple[int, ...], line: str) -> None:
    assert full().line(*epochs) == line


def test_an_accuracy_that_is_no_number_is_no_share() -> None:
    assert History(loss=[nan], accuracy=[nan]).line() == "epoch    1  loss nan        accuracy nan"


ROWS: Final[dict[int, list[int]]] = {
    0: [],
    1: [1],
    11: list(range(1, 12)),
    12: list(range(1, 13)),
    13: [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13],
    100: [1, 10, 19, 28, 37, 46, 55, 64, 73, 82, 91, 100],
    1000: [1, 92, 183, 273, 364, 455, 546, 637, 728, 818, 909, 1000],
}


@pytest.mark.parametrize("n", ROWS)
def test_the_epochs_of_the_table_are_evenly_spread(n: int) -> None:
    rows = str(History(loss=[1.0] * n)).splitlines()[3:]
    assert [int(row.split()[0]) for row in rows] == ROWS[n]


WORDS: Final = " ".join(["finding"] * 11)  # 87 letters, and "advice: " before them


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["advice: short"]),
        (f"{WORDS} x", [f"advice: {WORDS}", "        x"]),
        (WORDS[:-1] + " x", [f"advice: {WORDS[:-1]} x"]),  # 96 letters in all
        (f"{WORDS} {WORDS} x", [f"advice: {WORDS}", f"        {WORDS}", "        x"]),
        ("x" * 120 + " y", ["advice: " + "x" * 120, "        y"]),
        (f"{WORDS[:-3]} a-hyphen", [f"advice: {WORDS[:-3]}", "        a-hyphen"]),
    ],
)
def test_a_finding_is_wrapped_between_words(text: str, lines: list[str]) -> None:
    assert str(Finding(text, "")).splitlines() == lines
    command = f"print({'1 + ' * 40})"
    assert str(Finding(text, command)).splitlines() == [*lines, f"        in Python: {command}"]


# What it answers


@pytest.mark.parametrize(
    ("reason", "states"),
    [
        ("", (False, False, False)),
        ("completed", (True, False, False)),
        ("interrupted", (False, True, False)),
        ("stopped by EarlyStopping", (False, False, True)),
    ],
)
def test_how_a_training_ended(reason: str, states: tuple[bool, ...]) -> None:
    history = History(reason=reason)
    assert (history.completed, history.interrupted, history.stopped_early) == states


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({"loss": [3.0, 2.0]}, [3.0, 2.0]),
        ({"loss": [3.0, 2.0], "penalty": [1.0, 4.0]}, [4.0, 6.0]),
        ({"loss": [3.0, 2.0], "validation_loss": [7.0, 8.0], "penalty": [1.0, 4.0]}, [7.0, 8.0]),
        ({"loss": [3.0, 2.0], "epoch_end_loss": [5.0, 6.0]}, [5.0, 6.0]),
        ({"loss": [3.0], "epoch_end_loss": [5.0], "epoch_end_penalty": [0.5]}, [5.5]),
        (
            {"loss": [3.0], "validation_loss": [7.0], "epoch_end_loss": [5.0]},
            [7.0],
        ),
        ({"loss": [3.0, 2.0], "epoch_end_loss": [nan, 6.0]}, [3.0, 2.0]),
        ({"loss": [3.0], "penalty": [1.0], "epoch_end_loss": [nan]}, [4.0]),
        ({}, []),
    ],
)
def test_what_is_watched_unasked(lists: dict[str, list[float]], expected: list[float]) -> None:
    assert History(**lists).metric() == expected  # type: ignore[arg-type]


LISTS: Final = (
    "loss", "penalty", "validation_loss", "accuracy", "validation_accuracy", "epoch_end_loss",
    "epoch_end_penalty", "epoch_end_accuracy", "learning_rate",
)  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_list_by_its_name_is_a_copy(name: str) -> None:
    history = full()
    found = history.metric(name)
    assert found == pytest.approx(getattr(history, name), nan_ok=True)
    found.clear()
    assert len(getattr(history, name)) == 2
    assert History().metric(name) == []


def test_what_is_watched_unasked_is_a_copy_too() -> None:
    for history in (
        History(loss=[1.0]),
        History(validation_loss=[1.0]),
        History(epoch_end_loss=[1.0]),
    ):
        history.metric().clear()
        assert history.metric() == [1.0]
    history.objective.clear()
    assert history.epoch_end_loss == [1.0]


@pytest.mark.parametrize(
    ("history", "name", "message"),
    [
        (History(), "lose", "the history has no 'lose'; it has no epochs yet"),
        (History(loss=[1.0]), "accuracy", "the history has no 'accuracy'; it has loss"),
        (
            History(loss=[1.0], accuracy=[1.0], learning_rate=[0.1]),
            "validation_accuracy",
            "the history has no 'validation_accuracy'; it has loss, accuracy, learning_rate; pass "
            "validation_data=(X, y) to fit",
        ),
        (
            History(loss=[1.0], seconds=[0.1]),
            "seconds",
            "the history has no 'seconds'; it has loss",
        ),
    ],
)
def test_a_list_that_is_not_there(history: History, name: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        history.metric(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("lists", "monitor", "epoch"),
    [
        ({"loss": [2.0, 1.0, 1.0, 3.0]}, None, 2),  # the first of equals
        ({"loss": [1.0, 2.0]}, None, 1),
        ({"loss": [nan, 2.0]}, None, 2),
        ({"loss": [nan]}, None, 0),
        ({"loss": [0.0, -1.0]}, "loss", 2),
        ({"loss": [2.0, 1.0], "accuracy": [0.75, 0.5]}, "accuracy", 1),
        ({"loss": [2.0, 1.0, 0.5], "accuracy": [0.0, 0.5, 0.5]}, "accuracy", 2),
        ({"loss": [2.0, 1.0], "validation_accuracy": [0.5, 0.25]}, "validation_accuracy", 1),
        ({"loss": [2.0, 1.0], "validation_loss": [0.5, 0.75]}, None, 1),
        ({"loss": [2.0, 1.0], "validation_loss": [0.5, 0.75]}, "loss", 2),
        ({}, None, 0),
        ({}, "accuracy", 0),
    ],
)
def test_the_best_epoch(lists: dict[str, list[float]], monitor: str | None, epoch: int) -> None:
    assert History(**lists).best_epoch(monitor) == epoch  # type: ignore[arg-type]


def test_an_unfinished_epoch_is_dropped_from_every_list() -> None:
    history = full(seconds=[0.25])
    history.drop_unfinished_epoch()
    assert {name: len(getattr(history, name)) for name in LISTS} == dict.fromkeys(LISTS, 1)
    assert history.loss == [0.75]


def test_a_history_as_a_dict_is_a_copy() -> None:
    finding = Finding("one", "print(1)")
    history = full(advice=(finding,))
    kept = history.to_dict()
    assert kept.pop("advice") == [{"text": "one", "command": "print(1)"}]
    assert list(kept) == [
        "loss", "validation_loss", "accuracy", "validation_accuracy", "epoch_end_loss",
        "epoch_end_penalty", "epoch_end_accuracy", "learning_rate", "seconds", "engine",
        "loss_name", "task", "reason", "penalty",
    ]  # fmt: skip
    for name, entry in kept.items():
        assert entry == pytest.approx(getattr(history, name), nan_ok=True) or isinstance(entry, str)
        if isinstance(entry, list):
            entry.clear()
            assert len(getattr(history, name)) == 2
    assert History(advice=[finding, {"text": "two", "command": ""}]).advice == (  # type: ignore[arg-type]
        finding,
        Finding("two", ""),
    )


@pytest.mark.parametrize(
    ("history", "heading"),
    [
        (full(), "classification, hinge, engine: compiled"),
        (History(loss_name="own"), "own, engine: eager"),
        (History(), "engine: eager"),
    ],
)
def test_what_was_trained_in_one_line(history: History, heading: str) -> None:
    assert history.heading() == heading
