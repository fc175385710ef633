"""Plays a run: trains it in a thread of its own, in short bursts, and shows it to who looks on.

Between two bursts the training gives way to everybody who wants to read or change the run. A frame
is made by the training itself, and only the newest is kept: who looks on takes that one whenever it
has time, so that nobody who is slow can hold the training up.
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from tinygrad_mlp._text import visible
from viz._play.shown import Shown, show
from viz._run.run import Run

__all__ = ["BURST", "FRAME", "Pace", "Player"]

BURST: Final = 0.010
"""Seconds that the training takes at most before it looks up."""

FRAME: Final = 1.0 / 30.0
"""Seconds between two frames, at least."""

MOST_BEHIND: Final = 0.1
"""Seconds: a training that is further behind its speed does not catch up."""


class Pace:
    """Which steps are due at a speed. The first is due at once.

    Args:
        speed: steps per second.
        now: the time at which it begins, in seconds.

    >>> pace = Pace(10.0, now=5.0)
    >>> pace.due(5.0), pace.due(5.15)
    (1, 2)
    >>> pace.took(2)
    >>> pace.due(5.15), round(pace.wait(5.15), 3)
    (0, 0.05)

    What a slow machine could not do in time is left out, not done in one go later.

    >>> pace.due(60.0)
    1
    """

    def __init__(self, speed: float, now: float) -> None:
        self.speed = speed
        self._begin = now
        self._taken = 0

    def due(self, now: float) -> int:
        """How many steps to take now."""
        behind = now - self._time_of_next()
        if behind > MOST_BEHIND + 1.0 / self.speed:
            self._begin, self._taken = now, 0
            behind = 0.0
        n_due = behind * self.speed + 1e-9
        return math.floor(n_due) + 1 if n_due > -1.0 else 0

    def took(self, n_steps: int) -> None:
        """So many steps were taken."""
        self._taken += n_steps

    def wait(self, now: float) -> float:
        """The seconds until a step is due."""
        return max(0.0, self._time_of_next() - now)

    def _time_of_next(self) -> float:
        return self._begin + self._taken / self.speed


class Player:
    """The thread that trains a run while it plays.

    Whatever else reads or changes the run does it within ``turn``.

    Args:
        run: the run.
        clock: what tells the time in seconds.

    Attributes:
        run: the run.
        remark: why the training stopped by itself; "" if it did not.

    >>> from viz._run.run_settings import RunSettings
    >>> player = Player(Run(RunSettings("moons", n_samples=40)))
    >>> player.start()
    >>> player.play()
    >>> player.newer_than(1, timeout=0.0)  # frames are made where somebody looks on
    >>> with player.turn() as run:
    ...     player.pause()
    ...     n_steps = run.step
    >>> player.take(5)
    >>> player.run.step - n_steps
    5
    >>> player.close()
    """

    def __init__(self, run: Run, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.run = run
        self.remark = ""
        self._clock = clock
        self._changed = threading.Condition()  # of everything below
        self._pace: Pace | None = None
        self._is_playing = False
        self._is_closed = False
        self._n_stops = 0
        self._n_in_line = 0
        self._n_watching = 0
        self._shown = show(run, playing=False)
        self._shown_at = -math.inf
        self._thread = threading.Thread(target=self._train, name="training", daemon=True)

    def start(self) -> None:
        """Start the thread; it waits for ``play``."""
        self._thread.start()

    def close(self) -> None:
        """End the thread, after the burst at hand."""
        with self._changed:
            self._is_closed = True
            self._stop()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def is_playing(self) -> bool:
        """Whether it trains, or will as soon as it is its turn."""
        return self._is_playing

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""
        return self._is_closed

    def play(self, speed: float | None = None) -> None:
        """Train on, with so many steps per second; None for as many as there can be."""
        with self._changed:
            self.remark = ""
            self._is_playing = not self._is_closed
            self._pace = None if speed is None else Pace(speed, self._clock())
            self._changed.notify_all()

    def pause(self) -> None:
        """Train no further. Within a ``turn`` no step is taken after this."""
        with self._changed:
            self._stop()

    def take(self, n_steps: int) -> None:
        """Pause, and take steps here, in bursts; ``pause`` and ``play`` elsewhere end it."""
        is_undisturbed, left = self.undisturbed(), n_steps
        self.remark = ""
        while left:
            with self.turn():
                if not is_undisturbed():
                    return
                taken = self.run.take_for(BURST, left)
                left = left - taken if taken else 0
                self._show_in_time()

    def undisturbed(self) -> Callable[[], bool]:
        """Pause; returns what tells whether nobody has played, paused or closed it since."""
        with self._changed:
            self._stop()
            n_stops = self._n_stops
        return lambda: not (self._n_stops != n_stops or self._is_playing or self._is_closed)

    def rest(self) -> Callable[[], bool] | None:
        """Pause a training that plays, for a while; None where it does not play.

        Returns:
            What lets it go on at the same speed, and says whether it does: not where somebody has
            played, paused or closed it since.
        """
        with self._changed:
            if not self._is_playing:
                return None
            speed = None if self._pace is None else self._pace.speed
            is_undisturbed = self.undisturbed()

        def go_on() -> bool:
            with self._changed:
                if not is_undisturbed():
                    return False
                self.play(speed)
            with suppress(Exception):  # the page that is back sees that it plays
                self.show()
            return True

        return go_on

    @contextmanager
    def turn(self) -> Iterator[Run]:
        """Have the run to oneself: the training waits, after the burst at hand."""
        with self._changed:
            self._n_in_line += 1
        try:
            with self.run.lock:
                yield self.run
        finally:
            with self._changed:
                self._n_in_line -= 1
                self._changed.notify_all()

    def show(self) -> None:
        """Make a frame of how things are now."""
        with self.turn():
            self._show()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While somebody looks on, frames are made."""
        with self._changed:
            self._n_watching += 1
        try:
            self.show()
            yield
        finally:
            with self._changed:
                self._n_watching -= 1

    def newer_than(self, number: int, timeout: float) -> Shown | None:
        """The newest frame, once its number is higher; None after that time, or at a wake."""
        with self._changed:
            if self._shown.number <= number and not self._is_closed:
                self._changed.wait(timeout)
            return self._shown if self._shown.number > number else None

    def wake(self) -> None:
        """Let everybody who waits for a frame look up."""
        with self._changed:
            self._changed.notify_all()

    def _stop(self) -> None:
        self._is_playing = False
        self._n_stops += 1
        self._changed.notify_all()

    def _train(self) -> None:
        while self._comes_to_a_burst():
            try:
                with self.run.lock:
                    self._burst()
            except Exception as error:  # whatever a model of somebody raises, the pages live on
                traceback.print_exc()
                told = visible(f"{type(error).__name__}: {error}", lines=True)
                self._stop_because(f"the training stopped: {told}")

    def _comes_to_a_burst(self) -> bool:
        """Wait until there is something to do; False at the end."""
        with self._changed:
            while not self._is_closed:
                wait = None
                if self._is_playing and not self._n_in_line:
                    wait = self._pace.wait(self._clock()) if self._pace is not None else 0.0
                if wait == 0.0:
                    return True
                self._changed.wait(None if wait is None else min(wait, threading.TIMEOUT_MAX))
            return False

    def _burst(self) -> None:
        """Take the steps that are due, with the lock of the run."""
        with self._changed:  # somebody may have paused it while it waited for the lock
            pace = self._pace
            due = () if pace is None else (pace.due(self._clock()),)
            if not self._is_playing or 0 in due:
                return
        n_taken = self.run.take_for(BURST, *due)
        if pace is not None:
            pace.took(n_taken)
        if not n_taken:  # it cannot go on, such as where the loss is nan
            self.pause()
            self._show()
        self._show_in_time()

    def _show_in_time(self) -> None:
        """Make a frame if somebody looks on, and the last one is old enough."""
        if self._n_watching and self._clock() - self._shown_at >= FRAME:
            self._show()

    def _show(self) -> None:
        if not self._is_playing:
            self.run.advise()
        shown = show(self.run, playing=self._is_playing, remark=self.remark, before=self._shown)
        with self._changed:
            self._shown, self._shown_at = shown, self._clock()
            self._changed.notify_all()

    def _stop_because(self, remark: str) -> None:
        self.pause()
        self.remark = remark
        with suppress(Exception):  # where even the frame cannot be made, the error is told above
            self.show()
