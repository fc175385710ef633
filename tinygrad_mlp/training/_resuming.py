"""The file of ``fit(resume=path)``: all that a training needs to go on in another process.

It is a weights file with more arrays beside the weights, and a second JSON text with the rest. The
training that goes on gives the same numbers to the last bit as one that was never ended.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._files import check_writable, write_whole
from tinygrad_mlp._freezing import frozen_among, is_frozen
from tinygrad_mlp._schema import AnyObject, Record, Whole
from tinygrad_mlp._text import described, shortened
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.optim import Optimizer, Schedule
from tinygrad_mlp.training._agreement import check_agreement
from tinygrad_mlp.training._archive import pack
from tinygrad_mlp.training._callbacks import Callback, Checkpoint
from tinygrad_mlp.training._engines import Engine
from tinygrad_mlp.training._history import History
from tinygrad_mlp.training._object_state import put_state, state_of
from tinygrad_mlp.training._plain_data import GeneratorState, decoded, encoded
from tinygrad_mlp.training._remembering import Memory
from tinygrad_mlp.training._weights import (
    OF_TRAINING,
    packed_weights,
    put_weights,
    read_arrays,
    text_in,
    weights_in,
)

__all__ = ["TrainingFile", "TrainingParts"]

VERSION: Final = 1
"""Which way of writing a training is written and read."""

SHARE: Final = 0.05
"""So much of the time saving takes at most, unless somebody says how often."""

_TEXT: Final = Record(
    {"version": Whole(1), "epoch": Whole(1), "agreement": AnyObject(), "state": AnyObject()}
)


@dataclass
class TrainingParts:
    """What of a training has a state.

    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.optim import SGD
    >>> from tinygrad_mlp.losses import loss_named
    >>> from tinygrad_mlp.training._engines import EagerEngine, Objective
    >>> model, rng = MLP(1, [1]), np.random.default_rng(0)
    >>> optimizer = SGD(model.parameters(), learning_rate=0.5)
    >>> engine = EagerEngine(model, Objective(loss_named("hinge")), optimizer)
    >>> parts = TrainingParts(model, optimizer, None, rng, [], engine, History(loss=[0.25]))
    >>> state = parts.state()
    >>> optimizer.learning_rate, parts.history.loss[0] = 0.1, 9.0
    >>> parts.put(state, n_epochs=1)
    >>> optimizer.learning_rate, parts.history.loss
    (0.5, [0.25])
    """

    model: Module
    optimizer: Optimizer
    schedule: Schedule | None
    rng: np.random.Generator
    callbacks: Sequence[Callback]
    engine: Engine
    history: History

    def __post_init__(self) -> None:
        known = (self.model, self.optimizer, self.schedule, self.history)
        self._memories = [
            Memory(callback, f"callbacks[{i}]", known) for i, callback in enumerate(self.callbacks)
        ]

    def state(self) -> dict[str, Any]:
        """All of it but the weights, as plain data."""
        schedule = self.schedule
        return {
            "optimizer": {"state": self.optimizer.state_dict(), "settings": self._settings()},
            "schedule": None
            if schedule is None
            else {"state": schedule.state_dict(), "attributes": state_of(schedule, _is_schedule)},
            "rates": [group.factor for group in self.optimizer.groups],
            "frozen": frozen_among(self.model.parameters()),
            "shuffle": GeneratorState.of(self.rng),
            "model": state_of(self.model, _is_module),
            "callbacks": [memory.state() for memory in self._memories],
            "engine": dict(self.engine.choices),
            "history": {
                **{name: np.array(numbers, np.float64) for name, numbers in self._lists()},
                "reason": self.history.reason,
            },
        }

    def put(self, state: Mapping[str, Any], n_epochs: int) -> None:
        """Put back what ``state`` gave; the weights are there already."""
        for name, value in state["optimizer"]["settings"].items():
            if name not in self._settings():
                raise DataError(f"{self.optimizer} has no {name!r}")
            setattr(self.optimizer, name, value)
        self.optimizer.load_state_dict(state["optimizer"]["state"])
        if self.schedule is not None:
            attributes = state["schedule"]["attributes"]
            put_state(self.schedule, attributes, _is_schedule, "the schedule")
            self.schedule.load_state_dict(state["schedule"]["state"])
            self.schedule.begin(self.optimizer)
        for group, factor in zip(self.optimizer.groups, state["rates"], strict=True):
            group.factor = float(factor)
        frozen = set(state["frozen"])
        for place, parameter in enumerate(self.model.parameters()):
            if is_frozen(parameter) != (place in frozen):
                parameter.requires_grad = place not in frozen
        put_state(self.model, state["model"], _is_module, "the model")
        state["shuffle"].put_into(self.rng, "the order of the samples")
        for memory, of_callback in zip(self._memories, state["callbacks"], strict=True):
            memory.put(of_callback)
        self.engine.take_choices(state["engine"])
        columns = dict(self._lists())
        for name, numbers in state["history"].items():
            if name == "reason":
                self.history.reason = str(numbers)
            elif len(numbers) not in (0, n_epochs):
                raise DataError(f"history.{name} has {len(numbers)} numbers of {n_epochs} epochs")
            else:
                columns[name][:] = numbers.tolist()

    def _settings(self) -> dict[str, Any]:
        """The numbers that a person may change while it trains, and that schedules scale."""
        names = dict.fromkeys([*self.optimizer.setting_names, "initial_learning_rate"])
        settings = {name: getattr(self.optimizer, name) for name in names}
        return {name: x for name, x in settings.items() if isinstance(x, bool | int | float)}

    def _lists(self) -> Iterator[tuple[str, list[float]]]:
        for field in fields(self.history):
            numbers = getattr(self.history, field.name)
            if isinstance(numbers, list):
                yield field.name, numbers


class TrainingFile:
    """The file that a training goes on from, and is written to.

    Args:
        path: the file; it need not be there yet.
        every: write it after every so many epochs; None for as often as it takes a twentieth of the
            time at most.
        parts: what is written.
        agreement: in what the training in the file must agree with this one.

    Raises:
        InvalidArgumentError: if ``path`` is no path, or a ``Checkpoint`` writes the same file.
        OSError: if the file cannot be written.

    >>> import tempfile
    >>> from tinygrad_mlp.nn import MLP
    >>> from tinygrad_mlp.training import fit
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for epochs in (2, 4):  # as if the process had been killed after the second epoch
    ...         model, file = MLP(1, [1], rng=0), f"{folder}/training.npz"
    ...         history = fit(model, [[0.0], [1.0]], [1.0, 2.0], epochs=epochs, resume=file)
    regression, mean_squared_error, engine: ...
    epoch    2  loss ...
    going on after epoch 2
    regression, mean_squared_error, engine: ...
    epoch    4  loss ...
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int | None,
        parts: TrainingParts,
        agreement: Mapping[str, str],
    ) -> None:
        self.path = checked_path(path)
        self.every = None if every is None else check_integer(every, "save_every")
        self._parts = parts
        self._agreement = dict(agreement)
        self._next_time = 0.0
        for callback in parts.callbacks:
            if isinstance(callback, Checkpoint) and _is_same(callback.path, self.path):
                raise InvalidArgumentError(
                    f"Checkpoint and resume write the same file, {self.path}; the one of resume "
                    "has the weights in it, so leave the Checkpoint away and say how often: "
                    f"fit(..., resume={str(self.path)!r}, save_every={callback.every})"
                )
        check_writable(self.path)

    def put_back(self, epochs: int) -> bool:
        """Make the training the one in the file; False where there is no file.

        Args:
            epochs: how many epochs it is to have in the end.

        Raises:
            DataError: if the file is damaged, or holds no training.
            InvalidArgumentError: if it holds another one, or one of more epochs.
        """
        try:
            arrays = read_arrays(self.path)
        except FileNotFoundError:
            return False
        kept = self._read(arrays)
        check_agreement(self._agreement, kept["agreement"], str(self.path))
        if epochs < kept["epoch"]:
            raise InvalidArgumentError(
                f"epochs is {epochs}, but {self.path} holds {kept['epoch']} epochs of this "
                f"training: epochs={kept['epoch']}, or more to train longer"
            )
        put_weights(weights_in(arrays, self.path), self._parts.model, self.path)
        named = {name.removeprefix(f"{OF_TRAINING}."): array for name, array in arrays.items()}
        try:
            state = decoded(kept["state"], named, "the state of the training")
            self._parts.put(state, kept["epoch"])
        except (DataError, InvalidArgumentError, ShapeError) as error:
            raise self._damaged(error) from None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._damaged(f"{type(error).__name__}: {shortened(str(error), 100)}") from error
        return True

    def after_epoch(self, epoch: int, *, is_last: bool) -> None:
        """Write the file if it is time."""
        started = time.perf_counter()
        if self.every is None:
            is_due = started >= self._next_time
        else:
            is_due = epoch % self.every == 0
        if is_due or is_last:
            self._write(epoch)
            ended = time.perf_counter()
            self._next_time = ended + (ended - started) * (1.0 / SHARE - 1.0)

    def _write(self, epoch: int) -> None:
        parts = self._parts
        parts.engine.write_back()
        arrays: dict[str, NDArray[Any]] = {}
        content = {
            "version": VERSION,
            "epoch": epoch,
            "agreement": self._agreement,
            "state": encoded(parts.state(), arrays),
        }
        named = {f"{OF_TRAINING}.{name}": array for name, array in arrays.items()}
        text = np.array(json.dumps(content, allow_nan=False))
        weights = packed_weights(parts.model, {"epoch": epoch})
        write_whole(self.path, pack({**weights, OF_TRAINING: text, **named}))

    def _read(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        text = arrays.get(OF_TRAINING)
        if text is None:
            raise DataError(
                f"{self.path} holds weights, but no training that could go on; give resume a file "
                "of its own, which fit writes: resume='training.npz'. To train on from these "
                f"weights: load_weights(model, {str(self.path)!r}), then fit without resume"
            )
        try:
            kept = json.loads(text_in(text))
            if isinstance(kept, dict) and kept.get("version") != VERSION:
                raise DataError(
                    f"its version is {described(kept.get('version'))}, but {VERSION} is read here"
                )
            _TEXT.check(kept, "")
        except (DataError, RecursionError, ValueError) as error:
            raise self._damaged(error) from None
        return dict(kept)

    def _damaged(self, problem: object) -> DataError:
        return DataError(
            f"{self.path}: {problem}; the file is damaged, was changed, or is of another model or "
            "another version: go on from another copy of it, or remove it to start anew"
        )


def checked_path(path: object) -> Path:
    """A path as such.

    Raises:
        InvalidArgumentError: if it is none.

    >>> checked_path("training.npz").name
    'training.npz'
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise InvalidArgumentError(
            f"resume is {described(path)}, but the path of a file is needed, which is written "
            "while the training goes on: resume='training.npz'"
        )
    return Path(path)


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _is_module(item: object) -> bool:
    return isinstance(item, Module)


def _is_schedule(item: object) -> bool:
    return isinstance(item, Schedule)
