"""What holds while a function is recorded: numbers are hidden, and nothing is left half changed."""

from __future__ import annotations

import pickle
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp._forking import waited_for_at_fork
from tinygrad_mlp._frames import is_ours
from tinygrad_mlp._recording import class_changes, recorder_of_thread
from tinygrad_mlp.compiler._refusals import data_was_read, does_not_repeat, used_as_number
from tinygrad_mlp.compiler._traced import BY_VALUE, Traced
from tinygrad_mlp.engine import Value

__all__ = [
    "DATA_SLOT",
    "interrupts_wait",
    "is_constant",
    "no_shared_randomness",
    "numbers_hidden",
    "recording_lock",
]

recording_lock = threading.RLock()
"""Held while a function is recorded: one at a time. Nobody else waits for it."""
waited_for_at_fork(recording_lock)


@contextmanager
def no_shared_randomness(again: Callable[[], object]) -> Iterator[None]:
    """Nothing is drawn from the generators that the whole process shares: it would be frozen.

    What other threads draw meanwhile is theirs.

    Args:
        again: does what the block does once more.

    >>> with no_shared_randomness(random.random):
    ...     number = random.random()
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.GraphError: the function did something else ...
    """
    before = _shared_states()
    try:
        yield
    finally:
        alone, drawn = threading.active_count() == 1, _shared_states() != before
        if alone and drawn:
            _set_shared_states(before)
    if drawn and (alone or not _draws_nothing(again)):
        _set_shared_states(before)  # the function drew, if others did so too
        raise does_not_repeat("it drew from the module random or from np.random", place="")


def _draws_nothing(function: Callable[[], object]) -> bool:
    """Whether a function leaves the shared generators as they are, when other threads pause."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(10.0)
    try:
        for _ in range(3):  # a switch to another thread may be due already
            before = _shared_states()
            function()
            if _shared_states() == before:
                return True
        return False
    finally:
        sys.setswitchinterval(interval)
        time.sleep(0.0)  # their turn now: they wait for the long interval else


def _set_shared_states(states: tuple[Any, bytes]) -> None:
    random.setstate(states[0])
    np.random.set_state(pickle.loads(states[1]))  # noqa: NPY002


def _shared_states() -> tuple[Any, bytes]:
    """That of NumPy as bytes, which compare at once, whatever generator it is."""
    return random.getstate(), pickle.dumps(np.random.get_state(legacy=False))  # noqa: NPY002


# While a function is recorded, the number of a leaf that stood before must not become a constant
# of the program: ``.data`` raises. It is the class that changes meanwhile, as no one knows which
# leaves a function will look at. Other threads get what stands in the slots, only more slowly;
# outside a trace the slots are what they were.

DATA_SLOT: Final = Value.__dict__["data"]
"""The number of a leaf all the same: ``DATA_SLOT.__get__(leaf)``."""
_GRAD: Final = Value.__dict__["grad"]
_REPR: Final = Value.__repr__
_INSTEAD: Final = (
    "compute with the Value itself, w * x instead of w.data * x, and choose with functional.where"
)


@contextmanager
def numbers_hidden() -> Iterator[None]:
    """Guard the numbers of all leaves but those made in this trace, and hashes of nodes.

    Only in the thread in which a recorder is at work. Inside such a block another one does nothing:
    a class that changes makes Python forget what it has learned about its attributes.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> w = Value(2.0)
    >>> trace(lambda x: w.data * x, [()], [w])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.TracingError: a traced Value has no number yet, but the .data of ...
    """
    if Value.__dict__["data"] is not DATA_SLOT:  # whoever hid them holds ``recording_lock``, as we
        yield
        return
    replaced = [
        (Value, "data", property(_data_of_leaf, _set_data_of_leaf)),
        (Value, "grad", property(_grad_of_leaf, _GRAD.__set__)),
        (Value, "__repr__", _repr_of_leaf),
        (Traced, "__hash__", _hash_of_node),
    ]
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in replaced]
    try:
        class_changes[0] += 1
        for owner, name, item in replaced:
            setattr(owner, name, item)
        yield
    finally:
        class_changes[0] += 1  # who began to read in between sees one of the two
        for owner, name, item in before:
            setattr(owner, name, item)


def is_constant(leaf: Value) -> bool:
    """Whether a leaf is a plain number of the program: one in an expression, or made in it.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> trace(lambda x: x if is_constant(Value(1.0)) else x + 1.0, [()], []).nodes
    [Traced(placeholder, index=0)]
    """
    recorder = recorder_of_thread()
    return leaf.op is ops.CONSTANT or (recorder is not None and leaf in recorder.own_leaves)


def _data_of_leaf(leaf: Value) -> float:
    if recorder_of_thread() is None or is_constant(leaf):
        number: float = DATA_SLOT.__get__(leaf)
        return number
    raise data_was_read("the .data of a Value was read", _INSTEAD)


def _set_data_of_leaf(leaf: Value, number: float) -> None:
    if recorder_of_thread() is None:
        DATA_SLOT.__set__(leaf, number)
        return
    try:
        DATA_SLOT.__get__(leaf)
    except AttributeError:  # it is being made
        DATA_SLOT.__set__(leaf, number)
    else:
        raise used_as_number(
            "the .data of a Value was assigned",
            "use assign(leaf, value), which the program carries out at each call",
        )


def _grad_of_leaf(leaf: Value) -> float:
    if recorder_of_thread() is None:
        grad: float = _GRAD.__get__(leaf)
        return grad
    raise used_as_number(
        "the .grad of a Value was read", "the program computes the gradients after the function"
    )


def _repr_of_leaf(leaf: Value) -> str:
    if recorder_of_thread() is None:
        return _REPR(leaf)
    number = f"data={DATA_SLOT.__get__(leaf)}" if is_constant(leaf) else "number hidden in a trace"
    return f"Value({number}, label={leaf.label!r})"


def _hash_of_node(node: Traced) -> int:
    """By identity for the package; for a dict or set of a person it would hash a number."""
    if recorder_of_thread() and not is_ours(sys._getframe(1).f_code.co_filename):
        raise used_as_number("it was looked up in a dict or set, or hashed", BY_VALUE)
    return object.__hash__(node)


# Ctrl-C


_waits: Final[list[object]] = []
"""Not empty within such a block, which those inside it leave to itself."""


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """A Ctrl-C within this block takes effect at its end, a second one at once.

    In the midst of it, it could leave the classes as they are while a function is recorded.

    >>> try:
    ...     with interrupts_wait():
    ...         signal.raise_signal(signal.SIGINT)
    ...         print("done")
    ... except KeyboardInterrupt:
    ...     print("interrupted")
    done
    interrupted
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or _waits or not callable(before := signal.getsignal(signal.SIGINT)):
        yield
        return
    waiting: list[FrameType | None] = []

    def note(number: int, frame: FrameType | None) -> None:
        if waiting:
            before(number, frame)
        waiting.append(frame)

    signal.signal(signal.SIGINT, note)
    _waits.append(note)
    try:
        yield
    finally:
        _waits.clear()
        signal.signal(signal.SIGINT, before)
        if waiting:
            before(signal.SIGINT, waiting[0])
