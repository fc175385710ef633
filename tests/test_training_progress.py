"""What is printed while a training goes on: which lines, and what the progress bar is told."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tinygrad_mlp.errors import MissingDependencyError
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import Finding, History, fit
from tinygrad_mlp.training._progress import Progress


def shown(
    capsys: pytest.CaptureFixture[str],
    epochs: int,
    *,
    reason: str = "completed",
    advice: tuple[Finding, ...] = (),
    **settings: Any,
) -> list[str]:
    """The lines of a training of so many epochs, in which the loss is the number of the epoch."""
    history = History()
    with Progress(epochs, bar=False, **settings) as progress:
        for epoch in range(1, epochs + 1):
            history.loss.append(float(epoch))
            progress.show(history)
    history.reason, history.advice = reason, advice
    progress.finish(history)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("epochs", "log_every", "printed"),
    [
        (5, 2, [2, 4, 5]),
        (4, 2, [2, 4]),
        (3, 1, [1, 2, 3]),
        (3, 5, [3]),
        (1, 1, [1]),
        (1, 2, [1]),
        (3, 0, []),
        (3, None, []),
    ],
)
def test_which_epochs_are_printed(
    epochs: int, log_every: int | None, printed: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = shown(capsys, epochs, log_every=log_every)
    heading = ["engine: eager"] if printed else []
    assert lines == [*heading, *[f"epoch {epoch:4}  loss {epoch}" for epoch in printed]]


def test_unasked_every_hundredth_epoch_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, 230)
    assert [line.split()[1] for line in lines[1:]] == ["100", "200", "230"]


def test_no_epoch_was_completed(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, 0, reason="interrupted") == ["training ended after epoch 0: interrupted"]


def test_the_end_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    advice = (Finding("do this", "print(1)"), Finding("or that", ""))
    assert shown(capsys, 3, log_every=2, reason="stopped by me", advice=advice) == [
        "engine: eager",
        "epoch    2  loss 2",
        "epoch    3  loss 3",
        "training ended after epoch 3: stopped by me",
        "advice: do this",
        "        in Python: print(1)",
        "advice: or that",
    ]
    assert shown(capsys, 3, log_every=0, reason="stopped by me", advice=advice) == []
    assert shown(capsys, 2, log_every=2, worded=str.upper, reason="stopped", advice=advice) == [
        "engine: eager",
        "epoch    2  loss 2",
        "training ended after epoch 2: STOPPED",
        "advice: DO THIS",
        "advice: OR THAT",
    ]


class Bar:
    """Takes the place of tqdm, and writes down what it is told."""

    calls: list[Any]

    def __init__(self, **settings: Any) -> None:
        Bar.calls = [settings]

    def set_postfix_str(self, text: str, *, refresh: bool = True) -> None:
        Bar.calls.append((text, refresh))

    def update(self, number: int) -> None:
        Bar.calls.append(number)

    def write(self, text: str, *, file: Any = None) -> None:
        Bar.calls.append(text)
        assert file is sys.stdout

    def close(self) -> None:
        Bar.calls.append("closed")


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace(tqdm=Bar))
    Bar.calls = []


def test_what_the_bar_is_told(bars: None, capsys: pytest.CaptureFixture[str]) -> None:
    history = History()
    with Progress(9, log_every=2, bar=True) as progress:
        for loss in (0.123456, 12345.678, 0.5):
            history.loss.append(loss)
            progress.show(history)
    progress.finish(history)
    assert Bar.calls == [
        {"total": 9, "unit": "epoch", "leave": False, "dynamic_ncols": True},
        *[("loss 0.1235", False), 1],
        *[("loss 1.235e+04", False), 1, "engine: eager", "epoch    2  loss 1.235e+04"],
        *[("loss 0.5", False), 1, "closed"],
    ]
    assert capsys.readouterr().out.splitlines() == [
        "epoch    3  loss 0.5",
        "training ended after epoch 3: ",
    ]


def test_the_bar_is_closed_where_the_training_fails(bars: None) -> None:
    with pytest.raises(OSError, match="no"), Progress(3, bar=True):
        raise OSError("no")
    assert Bar.calls[1:] == ["closed"]


@pytest.mark.parametrize(
    ("bar", "is_terminal", "is_shown"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_whether_there_is_a_bar(
    bar: bool | None,
    is_terminal: bool,
    is_shown: bool,
    bars: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: is_terminal))
    with Progress(3, bar=bar):
        assert bool(Bar.calls) == is_shown
    Bar.calls = []
    fit(MLP(1, [1], rng=0), [[0.0], [1.0]], [0.5, 1.0], epochs=1, log_every=None, progress=bar)
    assert bool(Bar.calls) == is_shown


def test_without_standard_error_there_is_no_bar(
    bars: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    with Progress(3):
        assert Bar.calls == []


def test_without_tqdm_there_is_no_bar_unless_it_was_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: True))
    with Progress(3, log_every=1) as progress:
        progress.show(History(loss=[1.0]))
    assert capsys.readouterr().out == "engine: eager\nepoch    1  loss 1\n"
    with pytest.raises(
        MissingDependencyError, match=r"^progress bars need the package .tqdm.;.*'\.\[all\]'"
    ):
        Progress(3, bar=True)


def test_a_progress_of_ones_own_is_taken_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(4, log_every=2, bar=False, worded=str.upper)
    settings: Any = {"epochs": 4, "progress": progress, "log_every": 1}
    fit(MLP(1, [1], init="zeros"), [[0.0], [1.0]], [0.5, 1.0], **settings)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["2", "4"]
