"""A run: a training that is played, stopped, changed, and taken back.

The same settings and the same changes at the same steps give the same weights to the last bit,
however the run was played, stopped and taken back in between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final, Self

from numpy.typing import ArrayLike

from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.losses._record import BatchLoss
from tinygrad_mlp.nn import Module
from viz._run.described_network import described_network, described_network_of
from viz._run.own_model import FIXED, own_task
from viz._run.run_changes import read_run, written_run
from viz._run.run_choices import GIVEN
from viz._run.run_files import file_name, has_onnx, onnx_file, weights_file
from viz._run.run_questions import formula_of, sample_of
from viz._run.run_script import script_of
from viz._run.run_settings import RunSettings
from viz._run.run_steps import Steps
from viz._run.sample_graph import SampleGraph
from viz._run.steered import Steered, first_steps

__all__ = ["EXPORTS", "Run"]

BURST: Final = 0.05
"""Seconds of training after which a run that is restored asks whether it is still wanted."""

EXPORTS: Final = {"python": "py", "npz": "npz", "onnx": "onnx", "json": "json"}
"""The kinds of files, each with its ending."""

OF_OWN_MODEL: Final = (
    *("held_out", "data_seed", "batch_size", "optimizer", "learning_rate", "l1", "l2", "seed"),
    "columns",
)
"""The settings of a run of a person's own model."""


class Run(Steered):
    """A training that a page steers.

    Every method may be called from any thread; ``with run.lock:`` holds off the others.

    Args:
        settings: how it begins.

    >>> run = Run(RunSettings("moons", n_samples=100))
    >>> run.take(30), run.set("learning_rate", 0.01), run.take(30)
    (30, None, 30)
    >>> run.back(40), run.step, run.settings.learning_rate
    (20, 20, 0.02)
    """

    def __init__(self, settings: RunSettings | None = None) -> None:
        super().__init__(first_steps(RunSettings() if settings is None else settings))

    @property
    def title(self) -> str:
        """What the run is about, in a word."""
        if self.fixed is not None:
            return "training"
        return self.settings.data if self.settings.table is None else self.settings.table.name

    @property
    def abilities(self) -> list[str]:
        """What a page can ask for, as far as that depends on the run."""
        kinds = ["npz", *["onnx"] * has_onnx(), *["python", "json"] * (self.fixed is None)]
        return [f"export_{kind}" for kind in kinds]

    # Questions

    def formula(self, layer: int, unit: int) -> dict[str, str]:
        """The formula of a unit with its weights: "text" and "latex"; both count from 0."""
        with self.lock:
            network = described_network(self, self.samples)
            return formula_of(network, self.numbers(), self.samples, layer, unit)

    def sample_loss(
        self,
        index: int,
        inputs: Sequence[float | None] | None = None,
        weights: Mapping[Any, float] | None = None,
    ) -> SampleGraph:
        """The loss of one sample as a graph of Values, through the network as it is.

        Args:
            index: the number of the sample, from 0.
            inputs: other inputs of the network, None in a place for the sample's own.
            weights: other weights, by their place in the flat vector.
        """
        with self.lock:
            return sample_of(self._steps, self.numbers(), index, inputs, weights)

    # As a file

    def exported(self, kind: str) -> tuple[str, bytes]:
        """The name and the content of a file.

        Args:
            kind: "python", a program that gives the same weights to the last bit; "npz", the model
                for ``load_model``; "onnx"; or "json", the run itself, for ``restore``.

        Raises:
            UnknownNameError: for another kind.
            InvalidArgumentError: for what a person's own model does not have.
            MissingDependencyError: for "onnx" without that package.
        """
        if kind not in [*EXPORTS]:
            raise UnknownNameError.of("kind of file", kind, EXPORTS)
        with self.lock:
            if self.fixed is not None and kind in ("python", "json"):
                raise InvalidArgumentError(
                    f"{self.fixed}; your program is what gives this training again"
                )
            if kind == "npz":
                content = weights_file(self._steps, self.numbers())
            elif kind == "onnx":
                content = onnx_file(self._steps, self.numbers())
            elif kind == "python":
                content = self.script().encode()
            else:
                content = json.dumps(self.json(), allow_nan=False).encode()
            return file_name(self.title, EXPORTS[kind]), content

    def script(self) -> str:
        """A Python program that gives the same weights to the last bit."""
        with self.lock:
            changes = self.changes[: self._n_changes]
            return script_of(self.base, changes, self.step, self.samples, self._steps.loss.name)

    def json(self) -> dict[str, Any]:
        """All that is needed to train it again up to here, in numbers, texts, lists and dicts."""
        with self.lock:
            return written_run(self.base, self.changes[: self._n_changes], self.step)

    @classmethod
    def restored(cls, given: object, is_wanted: Callable[[], bool] = lambda: True) -> Self:
        """The run of which ``json`` told, as a dict or as text, trained again to the last bit.

        Args:
            given: what ``json`` told.
            is_wanted: asked now and then, as it may take long; where it says no, that is an error.

        Raises:
            TinygradMLPError: if it is none, or cannot be trained so far, or is not wanted.
        """
        base, changes, step = read_run(given)
        run = cls(base)
        for change in changes:
            run._train_up_to(change.step, is_wanted)
            if change.weight is None:
                run.change(change.settings)
            else:
                run.set_weight(*change.weight)
        run._train_up_to(step, is_wanted)
        return run

    def _train_up_to(self, step: int, is_wanted: Callable[[], bool]) -> None:
        while self.step < step:
            if not is_wanted():
                raise InvalidArgumentError(
                    f"the run is not restored: it was trained again up to step {self.step:,} when "
                    "something else was asked for; ask for it again, and wait"
                )
            if not self._take(step - self.step, perf_counter() + BURST):
                raise DataError(
                    f"the run cannot be trained again up to step {step:,}: {self.remark}"
                )

    def restore(self, given: object, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Become the run of which ``json`` told; after an error it is as it was.

        Args:
            given: what ``json`` told.
            is_wanted: as for ``restored``.

        Raises:
            TinygradMLPError: if it is none, or cannot be trained so far, or is not wanted.
        """
        self._check_free()
        other = type(self).restored(given, is_wanted)
        with self.lock:
            other.version, other.lock = self.version + 1, self.lock
            other.curve.follow(self.curve)
            vars(self).update(vars(other))

    # A person's own model

    @classmethod
    def of_model(
        cls,
        model: Module,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: str | Loss | BatchLoss | None = None,
        names: Sequence[str] | None = None,
        **settings: Any,
    ) -> Self:
        """A run that trains a person's own model on their data.

        The model has the numbers after ``write_back``, and knows what it was trained for.

        Args:
            model: an MLP or a Sequential.
            X: the features, (n_samples, n_features), as the model takes them.
            y: the targets or labels, as for ``fit``.
            loss: as for ``fit``.
            names: what the columns of X are called.
            settings: those of ``RunSettings`` that say how it is trained.

        Raises:
            TinygradMLPError: for a model, data or settings that cannot be.
        """
        for name in settings:
            if name not in OF_OWN_MODEL:
                raise UnknownNameError.of("setting", name, OF_OWN_MODEL)
        chosen = RunSettings(GIVEN, layers=(), standardize=False, **settings)
        task, samples = own_task(model, X, y, loss, chosen, names)
        described_network_of(model, samples)  # which refuses what a page cannot draw
        run = cls.__new__(cls)
        Steered.__init__(run, Steps(model, task, samples, chosen))
        run.fixed = FIXED
        task.attach_to(model)
        return run
