"""A run: a training that is played, stopped, changed, and taken back.

The same settings and the same changes at the same steps give the same weights to the last bit,
however the run was played, stopped and taken back in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import inf
from threading import RLock
from time import perf_counter
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import check_flag, check_integer
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.nn import Module
from viz._run.curve import Curve
from viz._run.past import EXACT, Past
from viz._run.run_changes import Change, checked_weight, read_run, written_run
from viz._run.run_network import loss_for, network_for
from viz._run.run_samples import RunSamples, samples_for
from viz._run.run_script import script_of
from viz._run.run_settings import DATA, FEATURES, OwnTable, RunSettings, checked_points
from viz._run.run_steps import Measured, Steps

__all__ = ["Run"]

NO_END: Final = 2**62

SETTABLE: Final = (
    *("data", "n_samples", "noise", "held_out", "data_seed", "columns", "features"),
    *("standardize", "batch_size", "optimizer", "learning_rate", "l1", "l2", "seed"),
)
"""What ``set`` takes; the others have a method of their own."""


class Run:
    """A training that a page steers.

    Every method may be called from any thread; ``with run.lock:`` holds off the others.

    Args:
        settings: how it begins.

    Attributes:
        lock: a lock that one thread may take several times.
        version: grows by 1 whenever anything but the weights changes.
        remark: why the run stands still, if it cannot go on; else "".
        curve: how good it was at some of its steps.

    >>> run = Run(RunSettings("moons", n_samples=100))
    >>> run.take(30), run.set("learning_rate", 0.02), run.take(30)
    (30, None, 30)
    >>> run.back(40), run.step, run.settings.learning_rate
    (20, 20, 0.01)
    """

    def __init__(self, settings: RunSettings | None = None) -> None:
        self.lock = RLock()
        self.version = 1
        self.fixed: str | None = None
        self.advice = ""
        self._begin(RunSettings() if settings is None else settings)

    def _begin(self, settings: RunSettings) -> None:
        """Start at step 0; where the settings cannot be had, everything stays as it is."""
        samples = samples_for(settings)
        steps = Steps(network_for(settings, samples), loss_for(samples), samples, settings)
        self._begin_with(steps)

    def _begin_with(self, steps: Steps) -> None:
        self._steps = steps
        self.base = steps.settings
        self.changes: list[Change] = []
        self._n_changes = 0
        self._last = 0
        self._past = Past(steps.moment(0))
        self.curve = Curve()
        self.remark = ""
        self._measured: tuple[int, int, Measured] | None = None
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
    def model(self) -> Module:
        """The model; its Values have the numbers of the last ``write_back``."""
        return self._steps.model

    @property
    def title(self) -> str:
        """What the run is about, in a word."""
        return self.settings.data if self.settings.table is None else self.settings.table.name

    @property
    def task_name(self) -> str:
        """What is learned: "binary", "classification" or "regression"."""
        n_classes = len(self.samples.classes)
        return "regression" if not n_classes else "binary" if n_classes == 2 else "classification"

    @property
    def target_names(self) -> tuple[str, ...]:
        """What the numbers are called that a regression predicts."""
        return (self.samples.target,)

    @property
    def head(self) -> str:
        """What makes probabilities of the outputs."""
        heads = {"regression": "identity", "binary": "sigmoid", "classification": "softmax"}
        return heads[self.task_name]

    @property
    def abilities(self) -> list[str]:
        """What a page can ask for, as far as that depends on the run."""
        return []

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

    # Going on

    def take(self, n_steps: int = 1) -> int:
        """Take steps; what was after the present one is forgotten.

        Returns:
            How many were taken: fewer where the loss became nan.
        """
        n_steps = check_integer(n_steps, "n_steps", "run.take(1)", minimum=0)
        with self.lock:
            self._forget_future()
            return self._take(n_steps, inf)

    def take_for(self, seconds: float, n_steps: int = NO_END) -> int:
        """Take steps for at most that long, and at most so many."""
        with self.lock:
            until = perf_counter() + seconds
            self._forget_future()
            return self._take(n_steps, until)

    def finish_epoch(self) -> int:
        """Take the steps up to the end of an epoch."""
        with self.lock:
            return self.take(self._steps.left_in_epoch)

    def _take(self, n_steps: int, until: float) -> int:
        steps, before = self._steps, self._steps.count
        if self.remark:
            return 0
        end = before + n_steps
        with np.errstate(all="ignore"):
            while steps.count < end:
                mark = min(end, self._next_kept, self._next_measured)
                while steps.count < mark:
                    if not steps.step():
                        self._stop_at_nan()
                        return steps.count - before
                    if perf_counter() >= until:
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
        self._next_measured = self.curve.next_after(step, self._steps.steps_per_epoch)

    def _stop_at_nan(self) -> None:
        """Stand before the step whose loss is nan, as if it had never been tried."""
        step = self._steps.count
        self._last = max(self._last, step)
        self._go_to(step)
        self.remark = (
            f"the loss of step {step + 1} is nan, mostly for too long steps; go back, and take a "
            "smaller learning rate"
        )

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

    def rewind(self) -> None:
        """Begin anew with the same first weights, and with the settings as they are now."""
        with self.lock:
            self._restart(self.settings)

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

    # As a file

    def json(self) -> dict[str, Any]:
        """All that is needed to train it again up to here, in numbers, texts, lists and dicts."""
        with self.lock:
            return written_run(self.base, self.changes[: self._n_changes], self.step)

    @classmethod
    def restored(cls, given: object) -> Self:
        """The run of which ``json`` told, trained again to the last bit.

        Raises:
            TinygradMLPError: if it is none.
        """
        base, changes, step = read_run(given)
        run = cls(base)
        for change in changes:
            run.take(change.step - run.step)
            if change.weight is None:
                run.change(change.settings)
            else:
                run.set_weight(*change.weight)
        run.take(step - run.step)
        return run

    def script(self) -> str:
        """A Python program that gives the same weights to the last bit."""
        with self.lock:
            changes = self.changes[: self._n_changes]
            return script_of(self.base, changes, self.step, self.samples, self._steps.loss.name)

    # Changing

    def set(self, name: str, value: Any) -> None:
        """Give one of the settings another value.

        Some are changed while the run goes on; others begin it anew with the weights of the seed.

        Raises:
            TinygradMLPError: for what cannot be; the run is as it was then.
        """
        if name not in SETTABLE:
            raise UnknownNameError.of("setting", name, SETTABLE)
        with self.lock:
            if name == "data":
                self.change(self._with_data(value))
            else:
                self.change(replace(self.settings, **{name: _tuples(value)}))

    def _with_data(self, name: object) -> RunSettings:
        """With another data set, and nothing of what belongs to the one before it."""
        if name not in DATA:
            raise UnknownNameError.of("data set", name, DATA)
        assert isinstance(name, str)
        return replace(
            self.settings,
            data=name,
            table=None,
            noise=None,
            painted=(),
            columns=(0, 1),
            features=self.settings.features if DATA[name] is not None else (),
        )

    def set_feature(self, name: str, on: bool) -> None:
        """Let the network see a feature, or not any more."""
        check_flag(on, "on", "run.set_feature('x1*x2', True)")
        with self.lock:
            now = self.settings.features or ("x1", "x2")
            features = (*[known for known in now if known != name], *[name] * on)
            if not features:
                raise InvalidArgumentError("the network needs one feature at least; keep one on")
            if name not in FEATURES:
                raise UnknownNameError.of("feature", name, FEATURES)
            self.change(replace(self.settings, features=features))

    def set_layer(self, place: int, **settings: Any) -> None:
        """Change the units, activation, initializer or dropout of a hidden layer, from 0."""
        with self.lock:
            self.change(self.settings.with_layer(place, **settings))

    def add_layer(self, place: int | None = None) -> None:
        """Put one more hidden layer before the one at that place, by default at the end."""
        with self.lock:
            self.change(self.settings.with_new_layer(place))

    def remove_layer(self, place: int) -> None:
        """Take a hidden layer out."""
        with self.lock:
            self.change(self.settings.without_layer(place))

    def paint(self, points: Iterable[Any]) -> None:
        """Add points to those that are learned from: x1, x2 and the class (or number) of each."""
        with self.lock:
            painted = checked_points([*self.settings.painted, *map(_tuples, points)])
            self.change(replace(self.settings, painted=painted))

    def load_csv(self, name: str, text: str, target: str | None = None) -> None:
        """Learn a person's own table: CSV, its first row the names of the columns.

        Args:
            name: what the file is called.
            text: what stands in it.
            target: the column to be predicted; None for the last one.
        """
        with self.lock:
            self.change(
                replace(
                    self.settings,
                    data="table",
                    table=OwnTable(name, text, target),
                    noise=None,
                    painted=(),
                    columns=(0, 1),
                    features=(),
                )
            )

    def new_seed(self, seed: int | None = None) -> int:
        """Begin anew with other first weights; returns the seed."""
        with self.lock:
            chosen = self.settings.seed + 1 if seed is None else seed
            self.change(replace(self.settings, seed=chosen))
            return chosen

    def change(self, settings: RunSettings) -> None:
        """Go on with other settings, or begin anew where that is needed.

        Raises:
            TinygradMLPError: for what cannot be; the run is as it was then.
        """
        with self.lock:
            now = self.settings
            if settings == now:
                return
            if not now.starts_as(settings):
                self._restart(settings)
                return
            if replace(settings, columns=now.columns) == now:  # which changes no training
                self._show(settings.columns)
                return
            self._steps.become(settings)
            self._note(Change(self.step, settings))

    def set_weight(self, place: int, number: float) -> None:
        """Put another number in the place of a weight, as they stand in the flat vector."""
        with self.lock:
            place, number = checked_weight(place, number)
            n_parameters = len(self._steps.parameters)
            if place >= n_parameters:
                raise InvalidArgumentError(
                    f"there is no weight {place}; they count from 0 to {n_parameters - 1}"
                )
            self._steps.program.parameters[place] = number
            self._note(Change(self.step, self.settings, (place, number)))

    def _note(self, change: Change) -> None:
        """Remember a change that was made at the present step."""
        self._forget_future()
        self.changes.append(change)
        self._n_changes = len(self.changes)
        self._measured, self.remark = None, ""
        self.version += 1

    def _show(self, columns: tuple[int, int]) -> None:
        samples_for(replace(self.settings, columns=columns))  # which says if there are none
        self.base = replace(self.base, columns=columns)
        self.changes = [
            replace(change, settings=replace(change.settings, columns=columns))
            for change in self.changes
        ]
        self._steps.settings = self._settings_after(self._n_changes)
        self.version += 1

    def _restart(self, settings: RunSettings) -> None:
        self._begin(settings)
        self.version += 1


def _tuples(value: Any) -> Any:
    """Lists, as JSON has them, as tuples."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
