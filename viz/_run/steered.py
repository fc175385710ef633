"""How a run is changed while it goes on, and what begins it anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from tinygrad_mlp._arguments import check_flag
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from viz._run.run_changes import Change, checked_weight
from viz._run.run_choices import DATA, FEATURES, HOW_TO_TRAIN, TABLE
from viz._run.run_course import Course
from viz._run.run_network import network_for, task_for
from viz._run.run_samples import samples_for
from viz._run.run_settings import OwnTable, RunSettings, only_training
from viz._run.run_steps import Steps
from viz._run.setting_checks import checked_points

__all__ = ["Steered"]

SETTABLE: Final = (
    *("data", "n_samples", "noise", "held_out", "data_seed", "columns", "features"),
    *("standardize", "batch_size", "optimizer", "learning_rate", "l1", "l2", "seed"),
)
"""What ``set`` takes; the others have a method of their own."""


class Steered(Course):
    """A course whose settings can be changed.

    Attributes:
        fixed: why the network and the data cannot be changed; None if they can.

    >>> steered = Steered(first_steps(RunSettings("moons")))
    >>> steered.take(9), steered.set("l2", 0.01), steered.step  # goes on
    (9, None, 9)
    >>> steered.set_layer(0, units=8)  # begins anew
    >>> steered.step, steered.settings.l2
    (0, 0.01)
    """

    fixed: str | None = None

    def set(self, name: str, value: Any) -> None:
        """Give one of the settings another value.

        Some are changed while the run goes on; others begin it anew with the weights of the seed.

        Raises:
            TinygradMLPError: for what cannot be; the run is as it was then.
        """
        if name not in SETTABLE:
            raise UnknownNameError.of("setting", name, SETTABLE)
        with self.lock:
            if name not in (*HOW_TO_TRAIN, "columns"):
                self._check_free()
            if name == "data":
                self.change(self._with_data(value))
            else:
                self.change(replace(self.settings, **{name: _tuples(value)}))

    def _with_data(self, name: object) -> RunSettings:
        """With another data set, and nothing of what belongs to the one before it."""
        if name not in [*DATA]:
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
            self._check_free()
            now = self.settings.features or ("x1", "x2")
            features = (*[known for known in now if known != name], *[name] * on)
            if not features:
                raise InvalidArgumentError("the network needs one feature at least; keep one on")
            if name not in [*FEATURES]:
                raise UnknownNameError.of("feature", name, FEATURES)
            self.change(replace(self.settings, features=features))

    def set_layer(self, place: int, **settings: Any) -> None:
        """Change the units, activation, initializer or dropout of a hidden layer, from 0."""
        with self.lock:
            self._check_free()
            self.change(self.settings.with_layer(place, **settings))

    def add_layer(self, place: int | None = None) -> None:
        """Put one more hidden layer before the one at that place, by default at the end."""
        with self.lock:
            self._check_free()
            self.change(self.settings.with_new_layer(place))

    def remove_layer(self, place: int) -> None:
        """Take a hidden layer out."""
        with self.lock:
            self._check_free()
            self.change(self.settings.without_layer(place))

    def paint(self, points: Iterable[Any]) -> None:
        """Add points to those that are learned from: x1, x2 and the class (or number) of each."""
        with self.lock:
            self._check_free()
            painted = checked_points([*map(_tuples, points)], self.settings.painted)
            self.change(replace(self.settings, painted=painted))

    def load_csv(self, name: str, text: str, target: str | None = None) -> None:
        """Learn a person's own table: CSV, its first row the names of the columns.

        Args:
            name: what the file is called.
            text: what stands in it.
            target: the column to be predicted; None for the last one.
        """
        with self.lock:
            self._check_free()
            self.change(
                replace(
                    self.settings,
                    data=TABLE,
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
            self._check_free()
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
            if self.fixed is not None and not only_training(settings, now):
                raise InvalidArgumentError(self.fixed)
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

    def _show(self, columns: tuple[int, int]) -> None:
        shown = replace(self.settings, columns=columns)
        samples_for(shown, self._steps.start_samples)  # which says if there are no such columns
        self.base = replace(self.base, columns=columns)
        self.changes = [
            replace(change, settings=replace(change.settings, columns=columns))
            for change in self.changes
        ]
        self._steps.settings = self._settings_after(self._n_changes)
        self.version += 1

    def rewind(self) -> None:
        """Begin anew with the same first weights, and with the settings as they are now."""
        with self.lock:
            self._restart(self.settings)

    def _restart(self, settings: RunSettings) -> None:
        if self.fixed is None:
            self._begin_with(first_steps(settings))
        else:
            first = self._past.before(0)
            self._steps.restore(first, self.base)
            self._steps.become(settings)
            self._begin_with(self._steps)
        self.version += 1

    def _check_free(self) -> None:
        if self.fixed is not None:
            raise InvalidArgumentError(self.fixed)


def first_steps(settings: RunSettings) -> Steps:
    """The beginning of a run of these settings."""
    samples = samples_for(settings)
    return Steps(network_for(settings, samples), task_for(samples), samples, settings)


def _tuples(value: Any) -> Any:
    """Lists, as JSON has them, as tuples."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
