"""The journal of a search: what is left when its writer dies, and the trials that were lost."""

from __future__ import annotations

import logging
import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.search import open_journal, rerun_lost_trials


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "search.journal"


def study_in(journal: Path) -> optuna.Study:
    return optuna.create_study(
        study_name="lines",
        storage=open_journal(journal),
        sampler=optuna.samplers.RandomSampler(seed=0),
        load_if_exists=True,
    )


def objective(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", 0.0, 1.0) ** 2


def states(journal: Path) -> list[str]:
    """As another process reads them, which writes nothing."""
    study = optuna.load_study(study_name="lines", storage=open_journal(journal))
    return [trial.state.name for trial in study.trials]


def cut(journal: Path, n_bytes: int) -> bytes:
    """Takes bytes off the end; what is left of the last line."""
    text = journal.read_bytes()[:-n_bytes]
    journal.write_bytes(text)
    return text[text.rfind(b"\n") + 1 :]


@pytest.mark.parametrize("n_bytes", [2, 3, 20])
def test_a_cut_line_is_removed_before_the_next_write(
    n_bytes: int, journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study_in(journal).optimize(objective, n_trials=3)
    rest = cut(journal, n_bytes)
    assert len(rest) > 0
    with caplog.at_level(logging.WARNING):
        study_in(journal).optimize(objective, n_trials=1)
    (record,) = caplog.records
    message = f"{journal}: its last line was cut off; the {len(rest)} bytes are removed"
    assert record.getMessage() == message
    assert states(journal) == ["COMPLETE", "COMPLETE", "RUNNING", "COMPLETE"]
    assert rest not in journal.read_bytes().split(b"\n")


def test_wherever_the_last_line_is_cut_the_search_goes_on(journal: Path) -> None:
    """In each kind of record: nothing of it, some of it, all but the brace, all but the end."""

    def named(trial: optuna.Trial) -> float:
        trial.set_user_attr("Größe", "ﬁ\u2028\n")
        trial.report(1.0, 1)
        return objective(trial)

    study_in(journal).optimize(named, n_trials=1)
    lines = journal.read_bytes().split(b"\n")[:-1]
    kinds = [line[: line.index(b",")] for line in lines]
    assert len(set(kinds)) >= 6
    for number, line in enumerate(lines):
        before = b"".join(each + b"\n" for each in lines[:number])
        for n_bytes in (*range(0, len(line), 41), len(line) - 1, len(line)):
            journal.write_bytes(before + line[:n_bytes])
            study = study_in(journal)
            rerun_lost_trials(study)
            study.optimize(named, n_trials=1)
            kept = before + (line + b"\n" if n_bytes == len(line) else b"")
            assert journal.read_bytes().startswith(kept), (number, n_bytes)
            assert "RUNNING" not in states(journal)
            assert states(journal)[-1] == "COMPLETE"


def test_a_line_that_lacks_its_end_alone_gets_it(
    journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study_in(journal).optimize(objective, n_trials=2)
    whole = journal.read_bytes()
    cut(journal, 1)
    assert states(journal)[:2] == ["COMPLETE", "RUNNING"], "what Optuna makes of it"
    with caplog.at_level(logging.WARNING):
        study_in(journal).ask()
    (record,) = caplog.records
    assert record.getMessage() == f"{journal}: the end of its last line was missing; it has one now"
    assert journal.read_bytes().startswith(whole)
    assert states(journal) == ["COMPLETE", "COMPLETE", "RUNNING"]


def test_numbers_are_no_records(journal: Path) -> None:
    """A line of which the first bytes alone came to the disk may be a number, never a record."""
    study_in(journal).optimize(objective, n_trials=1)
    for rest in (b"1", b'"op"', b"\0\0\0", b"\xff\xfe", b"{"):
        whole = journal.read_bytes()
        journal.write_bytes(whole + rest)
        study_in(journal).ask()
        lines = journal.read_bytes()[len(whole) :].split(b"\n")
        assert lines[0].startswith(b'{"op_code":'), rest


def test_a_whole_journal_is_left_alone(journal: Path, caplog: pytest.LogCaptureFixture) -> None:
    storage = open_journal(journal)
    assert journal.read_bytes() == b""
    optuna.create_study(study_name="lines", storage=storage).optimize(objective, n_trials=2)
    assert states(journal) == ["COMPLETE", "COMPLETE"]
    assert caplog.records == []
    assert [file.name for file in journal.parent.iterdir()] == ["search.journal"], "no lock is left"


def test_a_journal_that_was_only_cut_off_begins_anew(journal: Path) -> None:
    journal.write_bytes(b'{"op_code":0,"worker')
    study_in(journal).optimize(objective, n_trials=1)
    assert states(journal) == ["COMPLETE"]


def test_a_live_writer_goes_on_after_another_one_was_cut_off(journal: Path) -> None:
    one, other = study_in(journal), study_in(journal)
    one.optimize(objective, n_trials=1)
    with journal.open("ab") as stream:
        stream.write(b'{"op_code":4,"worker_id":"')
    other.optimize(objective, n_trials=1)
    one.optimize(objective, n_trials=1)
    assert [trial.state.name for trial in one.trials] == ["COMPLETE"] * 3
    assert states(journal) == ["COMPLETE"] * 3


def test_a_journal_that_cannot_be_mended_leaves_no_lock(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_in(journal)

    def failing(file: Path) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("tinygrad_mlp.search._journal._mend", failing)
        with pytest.raises(OSError, match="the disk is gone"):
            study.ask()
    assert [file.name for file in journal.parent.iterdir()] == ["search.journal"]
    study.optimize(objective, n_trials=1)


def test_the_path_is_absolute_and_goes_to_other_processes(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(journal.parent)
    storage = open_journal(journal.name)
    monkeypatch.chdir("/")
    copy: Any = pickle.loads(pickle.dumps(storage))
    optuna.create_study(study_name="lines", storage=copy).optimize(objective, n_trials=1)
    assert states(journal) == ["COMPLETE"]


def test_the_lock_of_a_writer_that_died_is_waited_for(journal: Path) -> None:
    for storage, seconds in (
        (open_journal(journal), 10),
        (open_journal(journal, grace_period=3), 3),
    ):
        backend: Any = storage._backend
        assert backend._lock.grace_period == seconds


@pytest.mark.parametrize("seconds", [2, 0, -1, 3.5, "10", True])
def test_a_lock_is_not_taken_from_a_writer_that_is_slow(journal: Path, seconds: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"grace_period .*open_journal") as caught:
        open_journal(journal, grace_period=seconds)
    assert "3" in str(caught.value)
    assert not journal.exists()


def test_the_lock_says_that_it_is_there(journal: Path) -> None:
    backend: Any = open_journal(journal)._backend
    assert backend._lock.acquire() is True, "as Optuna's own"
    backend._lock.release()


def test_two_processes_write_beside_each_other(journal: Path) -> None:
    study_in(journal)
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            try:
                optuna.load_study(study_name="lines", storage=open_journal(journal)).optimize(
                    objective, n_trials=10
                )
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert states(journal) == ["COMPLETE"] * 20


def killed_with(work: Callable[[], object]) -> None:
    """Do the work in a fork that then kills itself, as ``kill -9`` does."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_a_killed_trial_is_named_and_run_again(journal: Path) -> None:
    study_in(journal).optimize(objective, n_trials=2)

    def half_a_trial() -> None:
        trial = study_in(journal).ask()
        trial.set_user_attr("process", 77)
        trial.suggest_float("x", 0.0, 1.0)

    killed_with(half_a_trial)
    study = study_in(journal)
    before = study.trials
    (lost,) = rerun_lost_trials(study)
    assert (lost.number, lost.state, lost.user_attrs) == (2, TrialState.RUNNING, {"process": 77})
    assert states(journal) == ["COMPLETE", "COMPLETE", "FAIL", "WAITING"]
    study.optimize(objective, n_trials=1)
    again = study.trials[3]
    assert again.params == lost.params == before[2].params
    assert again.value == lost.params["x"] ** 2
    assert again.user_attrs == {"process": 77, "rerun_of": 2}
    assert [trial.value for trial in study.trials[:2]] == [trial.value for trial in before[:2]]
    assert rerun_lost_trials(study) == []
    assert len(study.trials) == 4


def test_a_trial_that_is_lost_twice_keeps_its_numbers(journal: Path) -> None:
    study = study_in(journal)
    x = study.ask().suggest_float("x", 0.0, 1.0)
    rerun_lost_trials(study)
    study.ask()  # and its process dies before anything is suggested
    (lost,) = rerun_lost_trials(study)
    assert (lost.number, lost.params) == (1, {})
    study.optimize(objective, n_trials=1)
    assert study.trials[2].params == {"x": x}
    assert study.trials[2].user_attrs == {"rerun_of": 1}


def test_what_was_interrupted_queues_nothing_twice(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_in(journal)
    study.ask().suggest_float("x", 0.0, 1.0)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(study, "tell", killed)
        with pytest.raises(KeyboardInterrupt):
            rerun_lost_trials(study)
    assert states(journal) == ["RUNNING", "WAITING"]
    assert [trial.number for trial in rerun_lost_trials(study)] == [0]
    assert states(journal) == ["FAIL", "WAITING"]
