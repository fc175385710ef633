"""The training thread: played, paused, at a speed; it gives way, and an error does not end it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.play.serving import SMALL, WAIT, wait_until
from viz._play.player import BURST, FRAME, Pace, Player
from viz._play.shown import Shown
from viz._run.run import Run


@pytest.fixture
def run() -> Run:
    return Run(SMALL)


@pytest.fixture
def player(run: Run) -> Iterator[Player]:
    player = Player(run)
    player.start()
    yield player
    player.close()


class Clock:
    """A time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def shown_when(player: Player, number: int = 0, **wanted: Any) -> Shown:
    """The first frame in which these numbers stand."""
    shown = None
    while shown is None or any(shown.frame[name] != value for name, value in wanted.items()):
        shown = player.newer_than(number, WAIT)
        assert shown is not None
        number = shown.number
    return shown


def wait_for_step(run: Run, step: int) -> None:
    wait_until(lambda: run.step >= step)


def test_it_trains_from_play_to_pause(player: Player, run: Run) -> None:
    assert not player.is_playing
    player.play()
    assert player.is_playing
    wait_for_step(run, 50)
    with player.turn():
        player.pause()
        step = run.step
    assert not player.is_playing
    player.close()
    assert run.step == step


def test_who_waits_for_the_lock_may_have_paused(player: Player, run: Run) -> None:
    for _ in range(20):
        with run.lock:
            player.play()
            time.sleep(0.001)  # the training waits for the lock by now
            player.pause()
    player.close()
    assert run.step == 0


def test_what_is_trained_is_what_the_run_does_by_itself(player: Player, run: Run) -> None:
    player.play()
    wait_for_step(run, 30)
    player.close()
    alone = Run(SMALL)
    alone.take(run.step)
    assert run.numbers().tobytes() == alone.numbers().tobytes()


def test_the_training_gives_way(player: Player, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    bursts = []
    take = run.take_for

    def counted(seconds: float, *n_steps: int) -> int:
        bursts.append(seconds)
        return 1 if bursts[1:] else take(seconds, *n_steps)  # the shorter, the harder to get in

    monkeypatch.setattr(run, "take_for", counted)
    player.play()
    wait_for_step(run, 1)
    for _ in range(50):
        before = len(bursts)
        with player.turn():
            assert len(bursts) <= before + 2  # the one at hand, and one that was about to begin
    with player._changed:
        player._n_in_line += 1  # somebody who waits, and has not got the lock yet
    with run.lock:
        before = len(bursts)
    time.sleep(0.02)
    assert len(bursts) <= before + 1
    with player._changed:
        player._n_in_line -= 1
    assert set(bursts) == {BURST}
    assert BURST <= 0.010


def test_advice_is_looked_for_where_it_stands_still(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(run, "advise", lambda: asked.append(run.step))
    player = Player(run)
    player.show()
    assert asked == [0]
    player.play()
    player.show()
    assert asked == [0]


def test_who_asks_after_the_end_does_not_wait(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    player.close()
    monkeypatch.setattr(player._changed, "wait", None)
    assert player.newer_than(99, WAIT) is None


def test_steps_are_taken_at_once(player: Player, run: Run) -> None:
    player.play()
    player.take(7)
    assert not player.is_playing
    step = run.step
    player.take(1)
    player.take(40)
    assert run.step == step + 41


def test_a_pause_ends_the_taking_of_many_steps(player: Player, run: Run) -> None:
    thread = threading.Thread(target=player.take, args=(10**9,))
    thread.start()
    wait_for_step(run, 10)
    player.pause()
    thread.join(WAIT)
    assert not thread.is_alive()
    thread = threading.Thread(target=player.take, args=(10**9,))
    thread.start()
    wait_for_step(run, run.step + 10)
    player.play()
    thread.join(WAIT)
    assert not thread.is_alive()
    assert player.is_playing


def test_an_error_pauses_and_is_told(
    player: Player,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail(*arguments: Any) -> int:
        raise ValueError("this model is \x1b[1m\nbroken")

    with monkeypatch.context() as patch:
        patch.setattr(run, "take_for", fail)
        player.play()
        remark = "the training stopped: ValueError: this model is \\x1b[1m\nbroken"
        shown = shown_when(player, playing=False, remark=remark)
        assert not player.is_playing
        assert "in fail" in capfd.readouterr().err
    player.play()
    assert player.remark == ""
    wait_for_step(run, 1)
    with player.turn():
        player.pause()
        player.show()
    assert shown_when(player, shown.number).frame["remark"] == ""


def test_an_error_of_the_frame_does_not_end_the_thread(
    player: Player, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise ValueError("no frame")

    monkeypatch.setattr("traceback.print_exc", list)
    with player.watched():
        with monkeypatch.context() as patch:
            patch.setattr("viz._play.player.show", fail)
            player.play()
            wait_until(lambda: not player.is_playing)
        before = run.step
        player.play()
        wait_for_step(run, before + 1)


def test_a_loss_of_nan_pauses_and_is_told(player: Player, run: Run) -> None:
    run.set("optimizer", "sgd")
    run.set("learning_rate", 1e6)
    run.set("l2", 1e6)
    player.play()
    wait_until(lambda: not player.is_playing)
    shown = shown_when(player, playing=False, step=run.step)
    assert "nan" in shown.frame["remark"]
    player.play()  # which cannot go on
    wait_until(lambda: not player.is_playing)
    assert run.step == shown.frame["step"]


def test_frames_are_made_while_somebody_looks_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "take_for", lambda seconds, *n_steps: run.take(1))
    clock = Clock()
    player = Player(run, clock=clock)
    player.play()
    before = player.newer_than(0, 0.0)
    assert before is not None
    for _ in range(50):
        clock.now += 0.010
        player._burst()
    assert player.newer_than(before.number, 0.0) is None
    numbers = set()
    with player.watched():
        for _ in range(100):
            clock.now += 0.010
            player._burst()
            newest = player.newer_than(0, 0.0)
            assert newest is not None
            numbers.add(newest.number)
    assert 20 <= len(numbers) <= 1.0 / FRAME + 1
    assert FRAME == 1.0 / 30.0


def test_who_begins_to_look_on_sees_how_it_is(run: Run) -> None:
    player = Player(run)
    run.take(5)
    with player.watched():
        shown = player.newer_than(0, 0.0)
    assert shown is not None
    assert shown.frame["step"] == 5


@pytest.mark.parametrize("speed", [0.5, 4.0, 250.0])
def test_a_speed_is_kept(run: Run, speed: float) -> None:
    clock = Clock()
    player = Player(run, clock=clock)
    player.play(speed)
    for _ in range(1000):
        player._burst()
        clock.now += 0.010
    assert run.step == pytest.approx(10.0 * speed, abs=speed * 0.010 + 1.0)


@pytest.mark.parametrize("speed", [1e-3, 1e-12, 1e-320])  # for the last ones no clock can wait
def test_a_slow_speed_waits_for_its_step(player: Player, run: Run, speed: float) -> None:
    player.play(speed)
    wait_for_step(run, 1)
    player.play(speed)
    wait_for_step(run, 2)
    with player.turn():
        assert run.step == 2


def test_what_was_not_done_in_time_is_left_out() -> None:
    pace = Pace(100.0, now=0.0)
    assert pace.due(0.05) == 6
    pace.took(2)  # the machine is slow
    assert pace.due(0.10) == 9
    assert pace.due(5.0) == 1
    pace.took(1)
    assert pace.wait(5.0) == pytest.approx(0.01)
    assert pace.wait(6.0) == 0.0
    never = Pace(1e-320, now=0.0)
    never.took(1)
    assert never.due(1e9) == 0


def test_the_end_is_the_end(run: Run) -> None:
    before = threading.enumerate()
    player = Player(run)
    player.close()  # before it began
    player = Player(run)
    player.start()
    player.play()
    player.close()
    player.close()
    assert player.is_closed
    player.play()
    assert not player.is_playing
    step = run.step
    player.take(5)
    assert run.step == step
    started = [thread for thread in threading.enumerate() if thread not in before]
    assert "training" not in [thread.name for thread in started]


def test_who_waits_for_a_frame_is_woken_by_the_end(player: Player) -> None:
    found: list[Shown | None] = []
    first = player.newer_than(0, 0.0)
    assert first is not None
    thread = threading.Thread(target=lambda: found.append(player.newer_than(first.number, WAIT)))
    thread.start()
    player.close()
    thread.join(WAIT)
    assert found == [None]
