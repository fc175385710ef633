"""The recorded outputs of a model, kept for its next prediction while nothing but numbers changes.

What a program was recorded from is remembered, and held against the model before each call: which
objects its modules have in attributes, lists and dicts, and the methods of their classes. Where one
of them is another, the program is recorded anew. The numbers of the parameters are read at each
call, all at once, so that they are those of one step of a training in another thread. Only models
of which it is known that they read nothing else are kept: those whose modules and activations are
of this package.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import chain, repeat
from operator import is_
from threading import Lock
from typing import Any, Final, TypeAlias
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._many_numbers import read_unchecked
from tinygrad_mlp._node_checks import check_numbers
from tinygrad_mlp._recording import has_recorder
from tinygrad_mlp.compiler import Program
from tinygrad_mlp.compiler._hiding import recording_lock
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, TracingError
from tinygrad_mlp.nn._module import Module

__all__ = ["Check", "Read", "Structure", "in_blocks", "kept_outputs", "unchecked"]

Floats: TypeAlias = NDArray[np.float64]
Compile: TypeAlias = Callable[[Module, bool], Program]
"""Makes a program for the outputs of a model, or its logits, on the model's parameters."""

Read: TypeAlias = Callable[[Floats], NDArray[Any]]
"""What is made of the outputs of some samples, (n_samples, n_outputs)."""

Check: TypeAlias = Callable[[Floats], None]
"""Refuses features of some samples, (n_samples, n_features), or lets them pass."""

BLOCK: Final = 1024
"""How many samples a program takes at a time, so that its memory stays small, and in the cache."""

MOST_PARAMETERS: Final = 300_000
"""Of larger models no program is kept: it may take more memory than the model itself."""

WITHOUT_EFFECT: Final = ("training", "__slotnames__")
"""The mode, since predictions are made in that of prediction; what ``copy`` notes in a class."""

PACKAGE: Final = __name__.partition(".")[0]


def kept_outputs(
    model: Module, X: Floats, from_logits: bool, compile_outputs: Compile, read: Read, check: Check
) -> NDArray[Any] | None:
    """The outputs by the program that is kept of the model, which is recorded if there is none.

    Args:
        model: the model.
        X: the features, (n_samples, n_features).
        from_logits: whether to leave a softmax or sigmoid at the end away.
        compile_outputs: makes the program; it must not hold the model, which would live on.
        read: what to make of the outputs.
        check: what to ask of the features.

    Returns:
        A new array, as ``in_blocks`` gives it. None for models of which no program is kept, and
        while somebody looks at the nodes that are made.

    Raises:
        NotANumberError: if something else than a number was assigned to a parameter.

    >>> from tinygrad_mlp.compiler import compile
    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], init="zeros")
    >>> layers = model.layers  # the model itself would be held by its own program
    >>> def outputs(x):
    ...     return layers[0].forward(x)
    >>> def compiled(model, from_logits):
    ...     return compile(outputs, model.parameters(), per_sample=True).prediction(outputs)
    >>> model.layers[0].neurons[0].b.data = 2.0
    >>> X = np.array([[1.0], [3.0]])
    >>> kept_outputs(model, X, False, compiled, np.asarray, unchecked).tolist()
    [[2.0], [2.0]]
    """
    if has_recorder():
        return None
    predictor = _kept_of(model, from_logits)
    if predictor is None:
        with recording_lock:  # who waited for it may find that another thread has recorded it
            predictor = _kept_of(model, from_logits) or _recorded(
                model, X, from_logits, compile_outputs
            )
    if predictor is None:
        return None
    return predictor.outputs(X, read_unchecked(predictor.leaves), read, check)


def unchecked(X: Floats) -> None:
    """Nothing is asked of features that were looked at before.

    >>> unchecked(np.array([[np.nan]]))
    """


def in_blocks(program: Program, X: Floats, read: Read, check: Check = unchecked) -> NDArray[Any]:
    """What a program of single samples gives for each of them, a block of samples at a time.

    Args:
        program: a program of one sample that predicts.
        X: the features, (n_samples, n_features).
        read: what to make of the outputs of a block, (n_samples, n_outputs): an array with one row
            or number for each of its samples.
        check: what to ask of the features of a block first, while they are at hand.

    >>> from tinygrad_mlp.compiler import compile
    >>> double = compile(lambda x: 2.0 * x[0], per_sample=True)
    >>> in_blocks(double, np.array([[1.0], [3.0]]), np.negative)
    array([[-2.],
           [-6.]])
    """
    n_samples = len(X)
    check(X[:BLOCK])
    first = read(program(X[:BLOCK]).reshape(min(n_samples, BLOCK), -1))
    if n_samples <= BLOCK:
        return np.ascontiguousarray(first)  # a program gives a new array each time
    results = np.empty((n_samples, *first.shape[1:]), first.dtype)
    results[:BLOCK] = first
    for start in range(BLOCK, n_samples, BLOCK):
        block = X[start : start + BLOCK]
        check(block)
        results[start : start + BLOCK] = read(program(block).reshape(len(block), -1))
    return results


class Structure:
    """Which objects a model consists of, to see later whether it still does.

    Attributes:
        is_known: whether its outputs depend on these objects and the numbers of its parameters
            alone: all its classes and functions are of this package.

    >>> from tinygrad_mlp.nn import MLP, Layer
    >>> model = MLP(2, [3, 1])
    >>> structure = Structure(model)
    >>> model.layers[0].neurons[1].b.data = 7.0
    >>> before = structure.still_holds()
    >>> model.layers[1] = Layer(3, 1)
    >>> structure.is_known, before, structure.still_holds()
    (True, True, False)
    """

    def __init__(self, model: Module) -> None:
        self.is_known = True
        self._dicts: list[dict[Any, Any]] = []
        self._rows: list[list[Value]] = []  # they compare by identity, and there are many of them
        self._lists: list[list[Any]] = []
        self._classes: dict[type, None] = {}
        seen: set[int] = set()
        stack: list[object] = [model]
        while stack:
            item = stack.pop()
            if id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, Module):
                self._look_at(type(item))
                self._classes.update(dict.fromkeys(type(item).__mro__))
                stack.append(vars(item))
            elif isinstance(item, dict):
                self._dicts.append(item)
                stack += item.values()
            elif isinstance(item, list):
                if item and all([part.__class__ is Value for part in item]):
                    self._rows.append(item)
                else:
                    self._lists.append(item)
                    stack += item
            elif isinstance(item, tuple):
                stack += item
            elif callable(item):
                self._look_at(item)
        self._classes.pop(object, None)
        self._row_parts = [list(row) for row in self._rows]
        named = [*self._dicts, *map(vars, self._classes)]
        # Views of dicts show what stands there at present, whenever they are looked at.
        self._views = [*[attributes.values() for attributes in named], *self._lists]
        self._named = [attributes.keys() for attributes in named]
        self._objects, self._names = self._present_objects(), self._present_names()
        self._lengths = list(map(len, self._views))

    def still_holds(self) -> bool:
        """Whether everything is what it was; the numbers of Values may differ."""
        return (
            self._rows == self._row_parts
            and _same(self._present_objects(), self._objects)
            and self._present_names() == self._names
            and list(map(len, self._views)) == self._lengths
        )

    def is_same(self, other: Structure) -> bool:
        """Whether the other has the same objects, apart from the modes of the modules.

        >>> model = Module()
        >>> structure = Structure(model)
        >>> model.eval().training, structure.still_holds(), structure.is_same(Structure(model))
        (False, False, True)
        """
        return (
            _same(self._dicts, other._dicts)
            and _same([*self._rows, *self._lists], [*other._rows, *other._lists])
            and self._row_parts == other._row_parts
            and self._lengths[len(self._named) :] == other._lengths[len(other._named) :]
            and _same(self._without_modes(), other._without_modes())
        )

    def _look_at(self, item: Any) -> None:
        origin = str(getattr(item, "__module__", ""))
        self.is_known = self.is_known and origin.partition(".")[0] == PACKAGE

    def _present_names(self) -> list[object]:
        """The keys of all dicts, and the names in all classes."""
        return list(chain.from_iterable(self._named))

    def _present_objects(self) -> list[object]:
        """What stands in all dicts, then in all classes, then in all lists."""
        return list(chain.from_iterable(self._views))

    def _without_modes(self) -> list[object]:
        """The names, each with its object, and what stands in all lists; what has an effect."""
        pairs = zip(chain(self._names, repeat(None)), self._objects)
        return list(chain(*[pair for pair in pairs if pair[0] not in WITHOUT_EFFECT]))


class _Predictor:
    """A program that is kept, and what it was recorded from."""

    def __init__(self, model: ref[Module], program: Program) -> None:
        self.model = model
        self.program = program
        self._lock = Lock()  # the memory of one call is that of the next one
        self._numbers: list[float] = []
        self._zeros: list[int] = []

    def remember(self, model: Module) -> None:
        """What the program was recorded from, now that it was."""
        self.structure = Structure(model)
        self.leaves = [*model.parameters(), *model.buffers()]

    def fits(self, model: Module) -> bool:
        """Whether the model is the one that it was recorded from, as it was then."""
        if self.model() is not model:
            return False
        if self.structure.still_holds():
            return True
        present = Structure(model)
        if not present.is_same(self.structure):
            return False
        self.structure = present
        return True

    def outputs(self, X: Floats, numbers: list[float], read: Read, check: Check) -> NDArray[Any]:
        """The outputs of the model with these numbers as its parameters."""
        with self._lock:
            if not self._has(numbers):
                check_numbers(self.leaves)
                self._numbers = []  # in case this is interrupted
                self.program.parameters[:] = numbers
                self._zeros = [place for place, number in enumerate(numbers) if number == 0.0]
                self._numbers = numbers
            return in_blocks(self.program, X, read, check)

    def _has(self, numbers: list[float]) -> bool:
        """Whether these are the numbers of the last call.

        They mostly are the same objects, which lists see in no time. Equal numbers are the same
        number, apart from 0.0 and -0.0.
        """
        known = self._numbers
        try:
            return numbers == known and all([numbers[i] is known[i] for i in self._zeros])
        except Exception:  # of whatever else was assigned: an array compares to an array
            return False


_kept: Final[dict[tuple[int, bool], _Predictor]] = {}


def _kept_of(model: Module, from_logits: bool) -> _Predictor | None:
    predictor = _kept.get((id(model), from_logits))
    return predictor if predictor is not None and predictor.fits(model) else None


def _recorded(
    model: Module, X: Floats, from_logits: bool, compile_outputs: Compile
) -> _Predictor | None:
    key = (id(model), from_logits)
    _kept.pop(key, None)
    before = Structure(model)
    if not before.is_known or len(model.parameters()) > MOST_PARAMETERS:
        return None
    check_numbers(model.parameters())
    predictor = _Predictor(ref(model, partial(_forget, key)), compile_outputs(model, from_logits))
    try:
        if predictor.program.generators(X[:BLOCK]):  # it records
            return None
    except (GraphError, TracingError):
        return None
    predictor.remember(model)
    if not predictor.structure.is_same(before):  # another thread changed the model meanwhile
        return None
    _kept[key] = predictor
    return predictor


def _forget(key: tuple[int, bool], model: ref[Module]) -> None:
    """The model is gone, and another one may get its number."""
    predictor = _kept.get(key)
    if predictor is not None and predictor.model is model:
        del _kept[key]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept.clear)  # their locks may be held in the other process


def _same(these: list[Any], others: list[Any]) -> bool:
    return len(these) == len(others) and all(map(is_, these, others))
