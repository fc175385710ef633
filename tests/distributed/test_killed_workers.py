"""A search on several processes of which one is killed; a journal that was cut off.

The search is ``examples/distributed_search.py`` itself, as a person runs it, on this machine. It
takes a while, so it runs when it is named: python -m pytest tests/distributed
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import optuna
import psutil
from optuna.trial import FrozenTrial, TrialState

from tests.source_files import ROOT
from tinygrad_mlp.search import open_journal
from tinygrad_mlp.search._journal import _MendingLock

SCRIPT = ROOT / "examples" / "distributed_search.py"
LONGEST = 300.0
"""Seconds after which something hangs."""


@contextmanager
def running_search(folder: Path, n_trials: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, SCRIPT, folder, str(n_trials)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,  # with its workers, so that none of them is left behind
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def what_it_prints(process: subprocess.Popen[str]) -> str:
    printed, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, printed
    return printed


def trials_in(journal: Path) -> list[FrozenTrial]:
    """Those that stand there now; none if there is no study yet."""
    if not journal.exists():
        return []
    with suppress(KeyError):
        return optuna.load_study(study_name="digits", storage=open_journal(journal)).trials
    return []


def kill_in_the_middle(journal: Path, process: subprocess.Popen[str]) -> list[FrozenTrial]:
    """Kill a worker that is at a trial when two are finished; the trials of that moment.

    The worker is stopped before the journal is looked at again: it cannot finish meanwhile.
    """
    give_up = time.monotonic() + LONGEST
    while time.monotonic() < give_up and process.poll() is None:
        trials = trials_in(journal)
        if len(finished(trials)) >= 2:
            for trial in trials:
                if trial.state == TrialState.RUNNING and trial.params:
                    worker = int(trial.user_attrs["process"])
                    stop(worker)
                    now = trials_in(journal)
                    if now[trial.number].state == TrialState.RUNNING:
                        os.kill(worker, signal.SIGKILL)
                        return now
                    os.kill(worker, signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError(f"no trial was seen at work: {what_it_prints(process)}")


def stop(worker: int) -> None:
    """Let it do nothing more; the signal alone comes a little later."""
    os.kill(worker, signal.SIGSTOP)
    while psutil.Process(worker).status() != psutil.STATUS_STOPPED:
        time.sleep(0.001)


def finished(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    return [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]


def expect_kept(before: list[FrozenTrial], after: list[FrozenTrial]) -> None:
    """Every trial that was finished is what it was."""
    for trial in finished(before):
        assert after[trial.number] == trial


def expect_rerun(lost: FrozenTrial, after: list[FrozenTrial], printed: str) -> None:
    """It is named, it has failed, and one with its numbers is finished."""
    process, machine = lost.user_attrs["process"], lost.user_attrs["machine"]
    named = f"trial {lost.number} was lost with process {process} on {machine}; it is run again: "
    assert f"{named}{lost.params}" in printed
    assert after[lost.number].state == TrialState.FAIL
    (again,) = [t for t in finished(after) if t.user_attrs.get("rerun_of") == lost.number]
    assert again.params == {**lost.params, **again.params}


def test_a_killed_worker_loses_no_finished_trial(tmp_path: Path) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = tmp_path / "search.journal"
    with running_search(tmp_path, n_trials=10) as process:
        before = kill_in_the_middle(journal, process)
        printed = what_it_prints(process)
    after = trials_in(journal)
    assert len(finished(before)) >= 2
    expect_kept(before, after)
    n_lost = printed.count("was lost with process")
    assert n_lost >= 1
    (killed,) = [t for t in before if f"trial {t.number} was lost" in printed]
    expect_rerun(killed, after, printed)
    assert len(finished(after)) == 10
    assert len(after) == 10 + n_lost, "a killed task is no trial more"

    # The file loses the end of its last line: a trial whose last record that was is running again.
    text = journal.read_bytes()
    journal.write_bytes(text[:-7])
    cut = trials_in(journal)
    (lost,) = [t for t in cut if t.state == TrialState.RUNNING]
    with running_search(tmp_path, n_trials=11) as process:
        printed = what_it_prints(process)
    assert "search.journal: its last line was cut off; the " in printed
    last = trials_in(journal)
    expect_kept(cut, last)
    expect_rerun(lost, last, printed)
    assert len(finished(last)) == 11


def test_the_lock_of_a_killed_writer_is_taken_away(tmp_path: Path) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal = tmp_path / "search.journal"
    study = optuna.create_study(study_name="digits", storage=open_journal(journal, grace_period=3))
    child = os.fork()
    if child == 0:
        try:
            _MendingLock(journal, 3).acquire()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert Path(f"{journal}.lock").exists()
    study.ask()
    assert [trial.state for trial in trials_in(journal)] == [TrialState.RUNNING]
    assert not Path(f"{journal}.lock").exists()
