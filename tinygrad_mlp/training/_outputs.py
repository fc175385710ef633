"""The outputs of a model for many samples, as it predicts: without graphs, without dropout."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import is_, setitem
from typing import Any, Final
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._at_once import call_at_once
from tinygrad_mlp._many_numbers import read_numbers, write_numbers
from tinygrad_mlp._node_checks import check_numbers
from tinygrad_mlp._one_or_many import in_list
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value, no_grad
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, TracingError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.nn._contents import HOLD_NOTHING
from tinygrad_mlp.nn._module import Module, evaluation_mode, leaves_of
from tinygrad_mlp.training._one_step import at_one_step
from tinygrad_mlp.training._predictor import Check, Read, in_blocks, kept_outputs, unchecked

__all__ = [
    "AsItWas",
    "Attributes",
    "check_outputs",
    "evaluation_mode",
    "model_outputs",
    "recording_of",
    "sample_outputs",
    "undisturbed",
]

SAMPLES_TO_TRY: Final = 16
PRODUCTS_TO_TRY: Final = 500_000
"""Of a large model fewer samples are tried, at least one."""


def model_outputs(
    model: Module,
    X: NDArray[np.float64],
    *,
    from_logits: bool = False,
    eager: bool = False,
    read: Read = np.asarray,
    check: Check = unchecked,
) -> NDArray[Any]:
    """The outputs of the model, one row per sample.

    Args:
        model: the model, switched to prediction meanwhile.
        X: the features, (n_samples, n_features).
        from_logits: whether to leave a softmax or sigmoid at the end away.
        eager: whether each sample goes through the model by itself, however many there are; the
            compiler otherwise takes over where that is faster, with the same numbers.
        read: what to make of the outputs of a block of samples, (n_samples, n_outputs), while they
            are at hand: an array with one row or number for each of them.
        check: what to ask of the features of a block before the model sees them.

    While another thread trains the model, they are those of some whole step.

    Returns:
        A float64 array, (n_samples, n_outputs); or what ``read`` gives, for all samples.

    Raises:
        GraphError: if another thread puts other modules or parameters into the model meanwhile.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [2], output_activation="softmax", init="zeros")
    >>> model_outputs(model, np.array([[1.0], [2.0]])).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    if not eager:
        outputs = kept_outputs(model, X, from_logits, _compiled_outputs, read, check)
        if outputs is not None:
            return outputs
    return at_one_step(model, partial(_outputs_now, model, X, from_logits, eager, read, check))


def _outputs_now(
    model: Module,
    X: NDArray[np.float64],
    from_logits: bool,
    eager: bool,
    read: Read,
    check: Check,
) -> NDArray[Any]:
    """What a model gives of which no program is kept, if nobody sets a parameter meanwhile."""
    with evaluation_mode(model):
        if not eager and _is_worth_compiling(model, len(X)):
            try:
                return in_blocks(_compiled_outputs(model, from_logits), X, read, check)
            except (GraphError, TracingError):
                pass  # it cannot be recorded, so each sample goes through it by itself
        check(X)
        with no_grad():
            rows = [read_numbers(sample_outputs(model, x, from_logits)) for x in X.tolist()]
    return read(np.array(rows))


def _is_worth_compiling(model: Module, n_samples: int) -> bool:
    """Whether it takes less time to record the model and replay it than to run it for each sample.

    In microseconds, as measured on small and large networks; only the ratio matters.
    """
    n_parameters = len(model.parameters())
    recording, one_sample = 1500.0 + 1.3 * n_parameters, 6.0 + n_parameters / 15.0
    return n_samples * one_sample > recording


def sample_outputs(model: Module, x: Sequence[Scalar], from_logits: bool) -> list[Value]:
    """The outputs for one sample, or its logits, in a list, also where there is one.

    Raises:
        InvalidArgumentError: if ``forward`` returns something else than Values.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], output_activation="sigmoid", init="zeros")
    >>> [sample_outputs(model, [7.0], from_logits)[0].data for from_logits in (False, True)]
    [0.5, 0.0]
    """
    return in_list(model.logits(x) if from_logits else model.forward(x), model)


def _compiled_outputs(model: Module, from_logits: bool) -> Program:
    """The same as a program to be recorded for one sample, on the parameters of the model.

    It does not hold the model, which may be gone while the program is still kept.
    """
    function = partial(_outputs_of, ref(model), from_logits)
    leaves = [*model.parameters(), *model.buffers()]  # whose numbers belong together
    program = compile(function, leaves, per_sample=True).prediction(function)
    program.within = partial(_recording_as_it_predicts, ref(model))
    program.each_by_itself = True
    program.most_repetitions = 1  # what a model may do differently, ``recording_of`` sees
    return program


def _outputs_of(model: ref[Module], from_logits: bool, x: Sequence[Value]) -> list[Value]:
    return sample_outputs(_still_there(model), x, from_logits)


@contextmanager
def _recording_as_it_predicts(model: ref[Module]) -> Iterator[None]:
    with evaluation_mode(_still_there(model)), recording_of(_still_there(model)):
        yield


def _still_there(model: ref[Module]) -> Module:
    found = model()
    assert found is not None  # whoever calls the program has it
    return found


@contextmanager
def undisturbed(model: Module) -> Iterator[None]:
    """What the model keeps is afterwards what it was: attributes, generators, numbers of leaves.

    >>> model = Module()
    >>> with undisturbed(model):
    ...     model.last_output = Value(1.0)
    >>> hasattr(model, "last_output")
    False
    """
    before = AsItWas(model)
    try:
        yield
    finally:
        before.restore()


class AsItWas:
    """What a model keeps, to put it back: attributes, generators, numbers of leaves.

    >>> model = Module()
    >>> model.w = Value(1.0)
    >>> before = AsItWas(model)
    >>> model.w.data = 2.0
    >>> before.restore()
    >>> model.w.data
    1.0
    """

    def __init__(self, model: Module) -> None:
        self._attributes = Attributes(model)
        self._leaves = leaves_of(model)
        self._numbers = [leaf.data for leaf in self._leaves]

    def restore(self) -> None:
        """Put it back."""
        self._attributes.restore()
        pairs = zip(self._leaves, self._numbers)
        changed = [(leaf, number) for leaf, number in pairs if leaf.data is not number]
        if changed:
            write_numbers([leaf for leaf, _ in changed], [number for _, number in changed])


@contextmanager
def recording_of(model: Module) -> Iterator[None]:
    """Within this block functions of the model are recorded; it is undisturbed afterwards.

    Raises:
        GraphError: if a generator of the model was drawn from for numbers that a program keeps, or
            a plain number in an attribute was changed.

    >>> model = Module()
    >>> model.rng = np.random.default_rng(0)
    >>> with recording_of(model):
    ...     kept = model.rng.random() < 0.5
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.GraphError: the model drew from its generator, which ...
    """
    before = Attributes(model)
    try:
        yield
        drawn, changed = before.generators_were_used(), before.changed_number()
    finally:
        before.restore()
    if drawn:
        error = GraphError(
            "the model drew from its generator, which a program would not do again; draw with "
            "functional.uniform(rng), as in where(uniform(rng) < 0.8, x / 0.8, 0.0)"
        )
        error.reason = "it drew random numbers, and not by functional.uniform(rng)"
        raise error
    if changed:
        error = GraphError(
            f"the model changes its attribute {changed!r}, which a program would not do again; "
            "keep the number in a Buffer and set it with assign(self.count, self.count + 1.0)"
        )
        error.reason = f"it changes its attribute {changed!r}, and not by assign"
        raise error


class Attributes:
    """What the modules of a model keep in attributes, lists and dicts, and where generators stand.

    >>> model = Module()
    >>> model.rate = 0.5
    >>> before = Attributes(model)
    >>> model.rate = 0.25
    >>> before.changed(), before.changed_number()
    (True, 'rate')
    >>> before.restore()
    >>> model.rate
    0.5
    """

    def __init__(self, model: Module) -> None:
        self._lists: list[tuple[list[Any], list[Any]]] = []
        self._dicts: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self._generators: list[np.random.Generator] = []
        seen: set[int] = set()
        stack: list[object] = [model]
        while stack:
            item = stack.pop()
            if type(item) in HOLD_NOTHING or isinstance(item, Value) or id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, Module):
                stack.append(vars(item))
            elif isinstance(item, tuple):
                stack += item
            elif isinstance(item, list):
                self._lists.append((item, list(item)))
                stack += [part for part in item if not isinstance(part, Value)]
            elif isinstance(item, dict):
                self._dicts.append((item, dict(item)))
                stack += item.values()
            elif isinstance(item, np.random.Generator):
                self._generators.append(item)
        self._states = pickle.dumps(self._generator_states())

    def changed(self) -> bool:
        """Whether anything is not what it was; the numbers of Values may differ."""
        return not (
            all([_same(now, before) for now, before in self._lists])
            and all([_same_items(now, before) for now, before in self._dicts])
        )

    def changed_number(self) -> str:
        """The name of an attribute that holds another number, text or truth value; or ""."""
        for now, before in self._dicts:
            for name, value in now.items():
                if isinstance(value, _PLAIN) and value is not before.get(name):
                    return str(name)
        return ""

    def generators_were_used(self) -> bool:
        """Whether anything was drawn."""
        return pickle.dumps(self._generator_states()) != self._states

    def restore(self) -> None:
        """Make everything what it was, at once: Ctrl-C must not leave a model without parts."""
        calls: list[tuple[Any, ...]] = []
        for items, kept in self._lists:
            if not _same(items, kept):
                calls.append((setitem, items, slice(None), kept))
        for attributes, kept_attributes in self._dicts:
            if not _same_items(attributes, kept_attributes):
                calls += [(attributes.clear,), (attributes.update, kept_attributes)]
        for generator, state in zip(self._generators, pickle.loads(self._states)):
            calls.append((setattr, generator.bit_generator, "state", state))
        call_at_once(calls)

    def _generator_states(self) -> list[Any]:
        return [generator.bit_generator.state for generator in self._generators]


_PLAIN: Final = (bool, int, float, str)


def _same(now: Collection[Any], before: Collection[Any]) -> bool:
    return len(now) == len(before) and all(map(is_, now, before))


def _same_items(now: dict[Any, Any], before: dict[Any, Any]) -> bool:
    return _same(now, before) and _same(now.values(), before.values())


def check_outputs(model: Module, X: NDArray[np.float64], loss: Loss | None) -> int:
    """The number of outputs of the model, tried out on a few samples.

    Raises:
        InvalidArgumentError: if ``forward`` returns something else than Values, or the loss takes
            probabilities and the outputs are none.

    >>> from tinygrad_mlp.nn import MLP
    >>> check_outputs(MLP(1, [2]), np.array([[1.0]]), None)
    2
    """
    parameters = model.parameters()
    check_numbers(parameters)
    n_samples = 1  # which says how many outputs there are
    if loss is not None and loss.from_probabilities:
        n_samples = min(max(PRODUCTS_TO_TRY // (len(parameters) + 1), 1), SAMPLES_TO_TRY)
    with undisturbed(model), evaluation_mode(model), no_grad():
        rows = [
            sample_outputs(model, x, loss is not None and loss.from_logits)
            for x in X[:n_samples].tolist()
        ]
    n_outputs = len(rows[0])
    if loss is not None and loss.from_probabilities:
        outside = [p for row in rows for p in read_numbers(row) if not 0.0 <= p <= 1.0]
        is_choice = loss.targets == "labels" and n_outputs > 1
        activation = "softmax" if is_choice else "sigmoid"
        other = "categorical_cross_entropy" if is_choice else "binary_cross_entropy_with_logits"
        if outside:
            raise InvalidArgumentError(
                f"the loss {loss.name!r} takes probabilities, but the model gives "
                f"{outside[0]:.4g}; make the model with output_activation={activation!r}, or use "
                f"loss={other!r}"
            )
    return n_outputs
