"""Contestants in processes of their own, which take turns.

A process imports what its contestant needs and nothing else, has the garbage collector as that
package leaves it, and keeps its own garbage. One turn of each follows the other, so that all of
them have the same weather; a turn is long enough for the caches to be warm. What is measured is the
processor's time, all threads together: it does not count how long other programs had the processor.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from tests.benchmarks import PYTHONS_THRESHOLDS
from tests.benchmarks.timing import Timing

__all__ = [
    "Make",
    "Results",
    "Turn",
    "as_it_ships",
    "clock",
    "collector_off",
    "contest",
    "repeated",
]

Turn = Callable[[], dict[str, float]]
"""What a contestant does when its turn comes; it gives what it measured, by name."""

Make = Callable[[], Turn]
"""Sets a contestant up, in its process: a function of a module, or a ``partial`` of one."""

SECONDS_PER_TURN: Final = 0.1

clock = time.process_time


@dataclass(frozen=True)
class Results:
    """What came out of a contest.

    Attributes:
        timings: by contestant, then by the name of what was measured.
        missing: the contestants whose package is not installed.
    """

    timings: dict[str, dict[str, Timing]]
    missing: list[str]

    def of(self, measured: str) -> dict[str, Timing]:
        """The timings of one thing that was measured, by contestant."""
        return {name: timings[measured] for name, timings in self.timings.items()}

    def ratio(self, slower: str, faster: str, measured: str = "") -> float:
        """How many times as long one contestant takes as another."""
        timings = self.of(measured)
        return timings[slower].over(timings[faster])


def repeated(run: Callable[[int], Any]) -> Turn:
    """A turn that calls ``run(n)``, with n for a turn that is long enough; measures seconds / n.

    >>> turn = repeated(lambda n: sum(range(1000 * n)))
    >>> 1e-6 < turn()[""] < 1e-3
    True
    """
    n, seconds = 1, 0.0
    while True:
        run(n)  # once more than is timed, as the first call may have to compile
        start = clock()
        run(n)
        seconds = clock() - start
        if seconds >= SECONDS_PER_TURN / 2:
            break
        n *= 2

    def turn() -> dict[str, float]:
        start = clock()
        run(n)
        return {"": (clock() - start) / n}

    return turn


def as_it_ships(make: Callable[..., Turn], *arguments: Any) -> Turn:
    """A contestant with Python's collector thresholds, which ``import tinygrad_mlp`` changes."""
    gc.set_threshold(*PYTHONS_THRESHOLDS)
    return make(*arguments)


def collector_off(make: Make) -> Turn:
    """A contestant without the garbage collector; garbage is collected between its turns."""
    turn = make()

    def turn_without_collector() -> dict[str, float]:
        gc.collect()
        gc.disable()
        try:
            return turn()
        finally:
            gc.enable()

    return turn_without_collector


def contest(makers: Mapping[str, Make], seconds: float, min_rounds: int = 5) -> Results:
    """Let the contestants take turns until ``seconds`` have passed, in ``min_rounds`` at least.

    Raises:
        RuntimeError: if a contestant fails.
    """
    spawn = multiprocessing.get_context("spawn")
    processes, lines = [], {}
    missing: list[str] = []
    measured: dict[str, dict[str, list[float]]] = {}
    try:
        for name, make in makers.items():
            line, other_end = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(make, other_end), daemon=True)
            process.start()
            other_end.close()
            processes.append(process)
            if _answer(name, line) is None:  # is ready
                missing.append(name)
            else:
                lines[name] = line
                measured[name] = {}
        end = time.perf_counter() + seconds
        n_rounds = 0
        while n_rounds < min_rounds or time.perf_counter() < end:
            n_rounds += 1
            for name, line in lines.items():
                line.send("your turn")
                for key, value in (_answer(name, line) or {}).items():
                    measured[name].setdefault(key, []).append(value)
    finally:
        for process in processes:
            process.terminate()
            process.join()
    timings = {
        name: {key: Timing(values) for key, values in of_contestant.items()}
        for name, of_contestant in measured.items()
    }
    return Results(timings, missing)


def _serve(make: Make, line: Connection) -> None:
    """What a contestant's process does: set up, then turn after turn."""
    try:
        turn = make()
        line.send({})
        while True:
            line.recv()
            line.send(turn())
    except ModuleNotFoundError:
        line.send(None)
    except EOFError:
        return
    except Exception as error:  # for the other process to report
        line.send(repr(error))


def _answer(name: str, line: Connection) -> dict[str, float] | None:
    """What a contestant sends: its measurements, or None if its package is missing."""
    try:
        answer: dict[str, float] | str | None = line.recv()
    except EOFError:
        answer = "its process ended"
    if isinstance(answer, str):
        raise RuntimeError(f"the contestant {name!r} failed: {answer}")
    return answer
