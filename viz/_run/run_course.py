"""The course of a run: its steps one after the other, what is kept of them, and the way back."""

from __future__ import annotations

from threading import RLock
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp.nn import Module
from viz._run.curve import Curve
from viz._run.past import EXACT, Past
from viz._run.run_advice import advice_of
from viz._run.run_changes import Change, data_since
from viz._run.run_samples import RunSamples
from viz._run.run_settings import RunSettings
from viz._run.run_steps import Measured, Steps

__all__ = ["Course"]

NO_END: Final = 2**62

LOOKING: Final = 30.0
"""Where a training is watched, so many times as long as a measurement passes until the next."""


class Course:
    """Steps, each of which can be gone back to.

    Args:
        steps: at their beginning.

    Attributes:
        lock: a lock that one thread may take several times; every method takes it.
        version: grows by 1 whenever anything but the weights changes.
        base: the settings that the course began with.
        changes: what was changed since then.
        curve: how good it was at some of its steps.
        remark: why it stands still, if it cannot go on; else "".
        advice: what ``advise`` found last.

    >>> from viz._run.steered import first_steps
    >>> course = Course(first_steps(RunSettings("moons", n_samples=100)))
    >>> course.take(30), course.back(20), course.last, course.epochs  # 5 steps are an epoch
    (30, 10, 30, 2.0)
    """

    def __init__(self, steps: Steps) -> None:
        self.lock = RLock()
        self.version = 1
        self.curve = Curve()
        self._begin_with(steps)

    def _begin_with(self, steps: Steps) -> None:
        self._steps = steps
        self.base = steps.settings
        self.changes: list[Change] = []
        self._n_changes = 0
        self._last = 0
        self._past = Past(steps.moment(0))
        self.curve = Curve(self.curve)
        self.remark = self.advice = ""
        self._next_advice = perf_counter() + 1.0
        self._measured: tuple[int, int, Measured] | None = None
        self._next_look = 0.0
        self._next_kept = self._past.distance
        self._measure()

    # Where it is

    @property
    def settings(self) -> RunSettings:
        """The settings of the present step."""
        return self._steps.settings

    @property
    def step(self) -> int:
        """How many steps were taken."""
        return self._steps.count

    @property
    def last(self) -> int:
        """The last step that there is, where the run was taken back; else the present one."""
        return max(self._last, self._steps.count)

    @property
    def epochs(self) -> float:
        """How many epochs were gone through."""
        return self._steps.epochs

    @property
    def oldest_exact(self) -> int:
        """The earliest step from which on each can be gone back to."""
        return self._past.oldest_exact

    @property
    def samples(self) -> RunSamples:
        """The samples of the present step."""
        return self._steps.samples

    @property
    def n_leaves(self) -> int:
        """How many inputs and parameters the network has: a graph of a sample has more nodes."""
        return self.samples.n_inputs + len(self._steps.parameters)

    @property
    def model(self) -> Module:
        """The model; its Values have the numbers of the last ``write_back``."""
        return self._steps.model

    @property
    def left_in_epoch(self) -> int:
        """How many steps are left until the end of an epoch."""
        return self._steps.left_in_epoch

    def write_back(self) -> None:
        """Give the Values of the model the numbers of the present step."""
        with self.lock:
            self._steps.write_back()

    def numbers(self) -> NDArray[np.float64]:
        """The parameters and then the buffers, as they are now."""
        with self.lock:
            program = self._steps.program
            return np.concatenate([program.parameters, program.kept])

    @property
    def n_bytes(self) -> int:
        """How much memory the past takes."""
        return self._past.n_bytes

    def measured(self) -> Measured:
        """How good the present weights are."""
        with self.lock:
            place = (self.version, self.step)
            if self._measured is None or self._measured[:2] != place:
                with np.errstate(all="ignore"):
                    self._measured = (*place, self._steps.measured())
            return self._measured[2]

    def lately(self) -> Measured:
        """How good it was when that was measured last: measuring takes a small part of the time."""
        with self.lock:
            began = perf_counter()
            last = self._measured
            if last is not None and last[0] == self.version and began < self._next_look:
                return last[2]
            measured = self.measured()
            now = perf_counter()
            self._next_look = now + LOOKING * (now - began)
            return measured

    # Going on

    def take(self, n_steps: int = 1) -> int:
        """Take steps; what was after the present one is forgotten.

        Returns:
            How many were taken: fewer where the loss became nan.
        """
        n_steps = check_integer(n_steps, "n_steps", "run.take(1)", minimum=0)
        with self.lock:
            self._forget_future()
            return self._take(n_steps)

    def take_for(self, seconds: float, n_steps: int = NO_END) -> int:
        """Take steps for at most that long, and at most so many."""
        with self.lock:
            until = perf_counter() + seconds
            self._forget_future()
            n_taken = self._take(n_steps, until)
            if perf_counter() >= self._next_advice:
                self.advise()
            return n_taken

    def finish_epoch(self) -> int:
        """Take the steps up to the end of an epoch."""
        with self.lock:
            return self.take(self._steps.left_in_epoch)

    def _take(self, n_steps: int, until: float | None = None) -> int:
        steps, before = self._steps, self._steps.count
        if self.remark:
            return 0
        end, step = before + n_steps, steps.step
        with np.errstate(all="ignore"):
            while steps.count < end:
                mark = min(end, self._next_kept, self._next_measured)
                for _ in range(mark - steps.count):
                    if not step():
                        self._stop_at_nan()
                        return steps.count - before
                    if until is not None and perf_counter() >= until:
                        end = steps.count
                        break
                if steps.count == self._next_kept:
                    self._past.add(steps.moment(self._n_changes))
                    self._next_kept += self._past.distance
                if steps.count == self._next_measured:
                    self._measure()
        self._last = max(self._last, steps.count)
        return steps.count - before

    def _measure(self) -> None:
        step = self._steps.count
        self.curve.add(step, self.measured())
        last = self.curve.points[-1][0]  # later than the step where it was gone back
        self._next_measured = self.curve.next_after(last, self._steps.steps_per_epoch)

    def _stop_at_nan(self) -> None:
        """Stand before the step whose loss is nan, as if it had never been tried."""
        step = self._steps.count
        self._last = max(self._last, step)
        self._go_to(step)
        self.remark = (
            f"the loss of step {step + 1} is nan, mostly for too long steps; go back, and take a "
            "smaller learning rate"
        )

    def advise(self) -> str:
        """Look anew whether something goes wrong, and say it in one sentence; "" if not."""
        with self.lock:
            began = perf_counter()
            self._measure()
            self.advice = advice_of(
                self._steps, self.curve, data_since(self.base, self.changes[: self._n_changes])
            )
            now = perf_counter()
            self._next_advice = now + max(1.0, 30.0 * (now - began))
            return self.advice

    # Going back

    def back(self, n_steps: int = 1) -> int:
        """Go back; returns the step where it is then."""
        n_steps = check_integer(n_steps, "n_steps", "run.back(1)", minimum=0)
        with self.lock:
            return self.go_to(max(self.step - n_steps, 0))

    def go_to(self, step: int) -> int:
        """Go to a step that there was, as it was then; returns the step where it is then.

        That is an earlier one where the step is older than ``oldest_exact`` and was not kept.
        """
        step = check_integer(step, "step", "run.go_to(0)", minimum=0)
        with self.lock:
            return self._go_to(min(step, self.last))

    def _go_to(self, step: int) -> int:
        self._last = self.last
        moment = self._past.before(step)
        if step - moment.step > EXACT:
            step = moment.step
        settings = self._steps.settings
        self._n_changes = moment.n_changes
        self._steps.restore(moment, self._settings_after(moment.n_changes))
        with np.errstate(all="ignore"):
            self._change_again()
            while self._steps.count < step:
                self._steps.step()
                self._change_again()
        self.remark = ""
        self._measured = None
        if self._steps.settings != settings:
            self.version += 1
        return step

    def _settings_after(self, n_changes: int) -> RunSettings:
        return self.changes[n_changes - 1].settings if n_changes else self.base

    def _change_again(self) -> None:
        """Make the changes that were made at the present step."""
        while (
            self._n_changes < len(self.changes)
            and self.changes[self._n_changes].step <= self._steps.count
        ):
            change = self.changes[self._n_changes]
            self._steps.become(change.settings)
            if change.weight is not None:
                place, number = change.weight
                self._steps.program.parameters[place] = number
            self._n_changes += 1

    def _forget_future(self) -> None:
        step = self._steps.count
        if self._last > step:
            self._last = step
            del self.changes[self._n_changes :]
            self._past.drop_after(step)
            self.curve.drop_after(step)
            self._next_kept = step - step % self._past.distance + self._past.distance
            self._next_measured = step + 1

    def _note(self, change: Change) -> None:
        """Remember a change that was made at the present step."""
        self._forget_future()
        self.changes.append(change)
        self._n_changes = len(self.changes)
        self._measured, self.remark = None, ""
        self.version += 1
