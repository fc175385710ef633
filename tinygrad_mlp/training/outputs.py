"""The outputs of a model for many samples, as it predicts: without graphs, without dropout."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import is_
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, no_grad
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, TinygradMLPError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.nn.module import Module

__all__ = ["check_outputs", "evaluation_mode", "model_outputs", "recording_of", "sample_outputs"]

SAMPLES_TO_TRY: Final = 16
SAMPLES_WORTH_COMPILING: Final = 64
"""From how many samples on it takes less time to record the model and replay it for all of them."""


def model_outputs(
    model: Module, X: NDArray[np.float64], *, from_logits: bool = False, eager: bool = False
) -> NDArray[np.float64]:
    """The outputs of the model, one row per sample.

    Args:
        model: the model, switched to prediction meanwhile.
        X: the features, (n_samples, n_features).
        from_logits: whether to leave a softmax or sigmoid at the end away.
        eager: whether each sample goes through the model by itself, however many there are; the
            compiler otherwise takes over where that is faster, with the same numbers.

    Returns:
        A float64 array, (n_samples, n_outputs).

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [2], output_activation="softmax", init="zeros")
    >>> model_outputs(model, np.array([[1.0], [2.0]])).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    with evaluation_mode(model):
        if not eager and len(X) >= SAMPLES_WORTH_COMPILING:
            try:
                return _compiled_outputs(model, X, from_logits)
            except TinygradMLPError:
                pass  # it cannot be recorded, so each sample goes through it by itself
        with no_grad():
            rows = [sample_outputs(model, x, from_logits) for x in X.tolist()]
    return np.array([[output.data for output in row] for row in rows])


def sample_outputs(model: Module, x: Sequence[Scalar], from_logits: bool) -> list[Value]:
    """The outputs for one sample, or its logits.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], output_activation="sigmoid", init="zeros")
    >>> [sample_outputs(model, [7.0], from_logits)[0].data for from_logits in (False, True)]
    [0.5, 0.0]
    """
    return model.logits(x) if from_logits else model.forward(x)


def _compiled_outputs(
    model: Module, X: NDArray[np.float64], from_logits: bool
) -> NDArray[np.float64]:
    """The same by a program recorded for one sample and mapped over all of them."""
    program = compile(partial(sample_outputs, model, from_logits=from_logits), per_sample=True)
    program.within = partial(recording_of, model)
    outputs = program(X)
    return np.array(outputs).reshape(len(X), -1)


@contextmanager
def evaluation_mode(model: Module) -> Iterator[None]:
    """Within this block the model predicts; afterwards each module is in the mode it was in.

    >>> model = Module()
    >>> with evaluation_mode(model):
    ...     print(model.training)
    False
    >>> model.training
    True
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def undisturbed(model: Module) -> Iterator[None]:
    """What the model keeps in attributes is afterwards what it was, its generators included.

    >>> model = Module()
    >>> with undisturbed(model):
    ...     model.last_output = Value(1.0)
    >>> hasattr(model, "last_output")
    False
    """
    found = _Contents(model)
    kept_lists = [list(items) for items in found.lists]
    kept_dicts = [dict(items) for items in found.dicts]
    states = found.states()
    try:
        yield
    finally:
        for items, kept in zip(found.lists, kept_lists):
            if not _same(items, kept):
                items[:] = kept
        for attributes, before in zip(found.dicts, kept_dicts):
            if not (_same(attributes, before) and _same(attributes.values(), before.values())):
                attributes.clear()
                attributes.update(before)
        for generator, state in zip(found.generators, states):
            generator.bit_generator.state = state


@contextmanager
def recording_of(model: Module) -> Iterator[None]:
    """Within this block functions of the model are recorded; it is undisturbed afterwards.

    Raises:
        GraphError: if a generator of the model was drawn from for numbers that a program keeps.

    >>> model = Module()
    >>> model.rng = np.random.default_rng(0)
    >>> with recording_of(model):
    ...     kept = model.rng.random() < 0.5
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.GraphError: the model drew from its generator, which ...
    """
    found = _Contents(model)
    with undisturbed(model):
        before = pickle.dumps(found.states())
        yield
        if pickle.dumps(found.states()) != before:
            error = GraphError(
                "the model drew from its generator, which a program would not do again; draw with "
                "functional.uniform(rng), as in where(uniform(rng) < 0.8, x / 0.8, 0.0)"
            )
            error.reason = "it drew random numbers, and not by functional.uniform(rng)"
            raise error


class _Contents:
    """The lists and dicts in a model, the attributes of its modules among them; the generators."""

    def __init__(self, model: Module) -> None:
        self.lists: list[list[Any]] = []
        self.dicts: list[dict[Any, Any]] = []
        self.generators: list[np.random.Generator] = []
        seen: set[int] = set()
        stack: list[object] = [model]
        while stack:
            item = stack.pop()
            if isinstance(item, Value) or id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, Module):
                stack.append(vars(item))
            elif isinstance(item, tuple):
                stack += item
            elif isinstance(item, list):
                self.lists.append(item)
                stack += item
            elif isinstance(item, dict):
                self.dicts.append(item)
                stack += item.values()
            elif isinstance(item, np.random.Generator):
                self.generators.append(item)

    def states(self) -> list[Any]:
        """Where the generators stand."""
        return [generator.bit_generator.state for generator in self.generators]


def _same(now: Collection[Any], before: Collection[Any]) -> bool:
    return len(now) == len(before) and all(map(is_, now, before))


def check_outputs(model: Module, X: NDArray[np.float64], loss: Loss | None) -> int:
    """The number of outputs of the model, tried out on a few samples.

    Raises:
        InvalidArgumentError: if ``forward`` returns something else than a list of Values, or the
            loss takes probabilities and the outputs are none.

    >>> from tinygrad_mlp.nn import MLP
    >>> check_outputs(MLP(1, [2]), np.array([[1.0]]), None)
    2
    """
    with undisturbed(model), evaluation_mode(model), no_grad():
        rows: list[Any] = [
            sample_outputs(model, x, loss is not None and loss.from_logits)
            for x in X[:SAMPLES_TO_TRY].tolist()
        ]
    for row in rows:
        if not (isinstance(row, list | tuple) and row and isinstance(row[0], Value)):
            raise InvalidArgumentError(
                f"forward of {model!r} returned {row!r:.60}, but a list of Values is needed, also "
                "for a single output: return [output]"
            )
    numbers = [output.data for row in rows for output in row]
    if (
        loss is not None
        and loss.name == "binary_cross_entropy"
        and not _all_within_0_and_1(numbers)
    ):
        raise InvalidArgumentError(
            "the loss 'binary_cross_entropy' takes probabilities, but the model gives "
            f"{next(p for p in numbers if not 0.0 <= p <= 1.0):.4g}; make the model with "
            "output_activation='sigmoid', or use loss='binary_cross_entropy_with_logits'"
        )
    return len(rows[0])


def _all_within_0_and_1(numbers: list[float]) -> bool:
    return all(0.0 <= number <= 1.0 for number in numbers)
