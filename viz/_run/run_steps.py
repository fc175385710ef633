"""The steps of a run: a compiled loss, an optimizer, batches; what they are at a moment, kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value
from tinygrad_mlp.losses import l1_penalty, l2_penalty
from tinygrad_mlp.nn import Module, Sequential
from tinygrad_mlp.nn._module import evaluation_mode
from tinygrad_mlp.optim import Optimizer, make_optimizer
from tinygrad_mlp.training._outputs import recording_of, sample_outputs
from tinygrad_mlp.training._task import Samples, Task
from viz._run.run_network import change_layers
from viz._run.run_samples import RunSamples, samples_for
from viz._run.run_settings import RunSettings

__all__ = ["Measured", "Moment", "Steps"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """All that decides how a run goes on, at one step.

    Attributes:
        step: how many steps were taken.
        n_changes: how many changes were made.
        parameters, buffers: the numbers of the model.
        optimizer: the state of the optimizer.
        generators: the states of the generators that dropout draws from.
        shuffling: the state of the generator of the order, before it drew that of the epoch.
        epoch: how many epochs have begun.
        order_length: the number of samples in the order of the epoch; 0 before the first.
        place: how many samples of the epoch are done.

    >>> from viz._run.steered import first_steps
    >>> moment = first_steps(RunSettings("moons")).moment(0)
    >>> moment.step, moment.n_bytes < 20_000
    (0, True)
    """

    step: int
    n_changes: int
    parameters: Floats
    buffers: Floats
    optimizer: dict[str, NDArray[Any]]
    generators: tuple[Any, ...]
    shuffling: Any
    epoch: int
    order_length: int
    place: int

    @property
    def n_bytes(self) -> int:
        """How much memory it takes."""
        arrays = [self.parameters, self.buffers, *self.optimizer.values()]
        return sum([array.nbytes for array in arrays]) + 4096  # generators and the objects


@dataclass(frozen=True, slots=True)
class Measured:
    """How good the weights of a moment are; None where there is no such number."""

    loss: float
    held_out_loss: float | None
    accuracy: float | None
    held_out_accuracy: float | None
    penalty: float = 0.0


class Steps:
    """A model that is trained step by step.

    Args:
        model: the model; its parameters are trained in the program's array, until ``write_back``.
        task: what it is trained for.
        samples: what it is trained on.
        settings: how.

    >>> from viz._run.steered import first_steps
    >>> steps = first_steps(RunSettings("moons"))
    >>> before = steps.moment(0)
    >>> steps.step(), steps.count, steps.left_in_epoch, steps.steps_per_epoch
    (True, 1, 23, 24)
    >>> steps.restore(before, steps.settings)
    >>> steps.count
    0
    """

    def __init__(
        self, model: Module, task: Task, samples: RunSamples, settings: RunSettings
    ) -> None:
        assert task.loss is not None
        self.model, self.task, self.loss, self.settings = model, task, task.loss, settings
        self.start_samples = samples
        self.parameters = model.parameters()
        self.program = compile(self._objective, self.parameters, per_sample=True)
        self.program.checks_targets = False  # they were checked when they were encoded
        self.program.within = partial(recording_of, model)
        self.program.keep(model.buffers())
        self._evaluation = self.program.prediction(self._evaluated)
        self._evaluation.each_by_itself = True
        self._evaluation.within = partial(evaluation_mode, model)
        self._needs_batch = any(
            [getattr(part, "uses_batch_statistics", False) for part in model.modules()]
        )
        self.optimizer = self._new_optimizer()
        self._generators = [
            rng
            for part in model.modules()
            if isinstance(rng := vars(part).get("rng"), np.random.Generator)
        ]
        self._generators = list({id(rng): rng for rng in self._generators}.values())
        self._shuffler = np.random.default_rng([settings.seed, 2])
        self._shuffling: Any = self._shuffler.bit_generator.state
        self.count = self.epoch = self._place = 0
        self._order = np.arange(0)
        self._take_samples(samples)

    # Steps

    def step(self) -> bool:
        """Take one step; False if the loss is nan, and the step was not taken."""
        if self._place >= len(self._order):
            self._shuffling = self._shuffler.bit_generator.state
            self._order = self._shuffler.permutation(len(self.to_learn.X))
            self._put_in_order()
            self.epoch, self._place = self.epoch + 1, 0
        start, end = self._place, self._place + self._batch_size
        if self._needs_batch and len(self._order) - end == 1:
            end += 1  # one sample alone has no statistics
        program, samples = self.program, self._in_order
        loss = program(samples.X[start:end], samples.targets[start:end])
        if loss != loss:
            return False
        self.optimizer.step_array(program.parameters, program.gradients)
        self._place = end
        self.count += 1
        return True

    @property
    def epochs(self) -> float:
        """How many epochs were gone through, with the part of the last one."""
        if not len(self._order):
            return 0.0
        return self.epoch - 1 + min(self._place / len(self._order), 1.0)

    @property
    def steps_per_epoch(self) -> int:
        """How many steps an epoch has."""
        return -(-len(self.to_learn.X) // self._batch_size)

    @property
    def n_held_out(self) -> int:
        """How many samples are held out."""
        return len(self._measurable.X) - len(self.to_learn.X)

    @property
    def left_in_epoch(self) -> int:
        """How many steps are left until the end of an epoch."""
        n_left = len(self._order) - self._place
        if n_left <= 0:
            n_left = len(self.to_learn.X)
        return -(-n_left // self._batch_size)

    def write_back(self) -> None:
        """Give the Values of the model the numbers."""
        self.program.write_back()

    # Changes

    def become(self, settings: RunSettings) -> None:
        """Go on with other settings, of which ``starts_as`` holds.

        Raises:
            TinygradMLPError: if the samples cannot be had; nothing is changed then.
        """
        before = self.settings
        if (settings.noise, settings.painted) != (before.noise, before.painted):
            self._take_samples(samples_for(settings, self.start_samples))
        self.settings = settings
        if settings.optimizer != before.optimizer:
            self.optimizer = self._new_optimizer()
        self.optimizer.learning_rate = settings.learning_rate
        self._take_batch_size()
        if settings.layers != before.layers:
            assert isinstance(self.model, Sequential)
            change_layers(self.model, settings.layers)
            self._evaluation.refresh()
        recorded = (settings.layers, settings.l1, settings.l2)
        if recorded != (before.layers, before.l1, before.l2):
            self.program.refresh()

    def _new_optimizer(self) -> Optimizer:
        return make_optimizer(
            self.settings.optimizer, self.parameters, learning_rate=self.settings.learning_rate
        )

    def _take_samples(self, samples: RunSamples) -> None:
        known = self.as_trained(samples, samples.X, samples.y)
        self.samples = samples
        self.to_learn = known.take(samples.train)
        self._measurable = known.take(np.concatenate([samples.train, samples.held_out]))
        self._put_in_order()
        self._take_batch_size()

    def as_trained(self, samples: RunSamples, X: Floats, y: NDArray[Any]) -> Samples:
        """Columns and class numbers (or numbers) as the network and the loss take them."""
        classes = self.task.classes
        answers = samples.targets(y) if classes is None else classes[y]
        return self.task.samples(samples.inputs(X), answers)

    def _put_in_order(self) -> None:
        self._in_order = self.to_learn.take(self._order)

    def _take_batch_size(self) -> None:
        n_samples = len(self.to_learn.X)
        self._batch_size = min(self.settings.batch_size or n_samples, n_samples)

    # Moments

    def moment(self, n_changes: int) -> Moment:
        """All that decides how the run goes on."""
        return Moment(
            step=self.count,
            n_changes=n_changes,
            parameters=self.program.parameters.copy(),
            buffers=self.program.kept.copy(),
            optimizer=self.optimizer.state_dict(),
            generators=tuple([rng.bit_generator.state for rng in self._generators]),
            shuffling=self._shuffling,
            epoch=self.epoch,
            order_length=len(self._order),
            place=self._place,
        )

    def restore(self, moment: Moment, settings: RunSettings) -> None:
        """Go back to a moment, with the settings of that moment."""
        self._order = np.arange(0)  # that of the epoch comes last, as it goes with the samples
        self.become(settings)
        self.program.parameters = moment.parameters
        self.program.kept = moment.buffers
        self.optimizer = self._new_optimizer()
        self.optimizer.load_state_dict(moment.optimizer)
        for rng, state in zip(self._generators, moment.generators):
            rng.bit_generator.state = state
        self._shuffling = self._shuffler.bit_generator.state = moment.shuffling
        if moment.order_length:
            self._order = self._shuffler.permutation(moment.order_length)
        self._put_in_order()
        self.count, self.epoch, self._place = moment.step, moment.epoch, moment.place

    # Measuring

    def measured(self) -> Measured:
        """How good the present weights are on the training samples, and on those held out."""
        samples, n_learned = self._measurable, len(self.to_learn.X)
        results = self._evaluation(samples.X, samples.targets)
        losses = results[:, 0]
        right = None
        if samples.answers is not None:
            right = self.task.right(results[:, 1:], samples.answers)
        settings, penalty = self.settings, 0.0
        if settings.l1 or settings.l2:
            numbers = self.program.parameters
            penalty = float(
                settings.l1 * np.abs(numbers).sum() + settings.l2 * np.square(numbers).sum()
            )
        return Measured(
            loss=_mean(losses[:n_learned]) or 0.0,
            held_out_loss=_mean(losses[n_learned:]),
            accuracy=None if right is None else _mean(right[:n_learned]),
            held_out_accuracy=None if right is None else _mean(right[n_learned:]),
            penalty=penalty,
        )

    # What is recorded

    def _evaluated(self, x: Sequence[Value], target: Sequence[Value]) -> list[Value]:
        outputs = sample_outputs(self.model, x, self.loss.from_logits)
        return [self.loss.sample_loss(outputs, target), *outputs]

    def _objective(self, x: Sequence[Value], target: Sequence[Value]) -> Value:
        outputs = sample_outputs(self.model, x, self.loss.from_logits)
        value = self.loss.sample_loss(outputs, target)
        if self.settings.l1:
            value = value + l1_penalty(self.parameters, self.settings.l1)
        if self.settings.l2:
            value = value + l2_penalty(self.parameters, self.settings.l2)
        return value


def _mean(numbers: NDArray[Any]) -> float | None:
    """The mean; None of none."""
    return float(numbers.sum()) / numbers.size if numbers.size else None
