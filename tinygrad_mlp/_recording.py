"""Who makes the nodes here and now, whether they keep a graph, and who looks on.

Each is a block: ``no_grad`` and ``enable_grad``, the compiler's ``recorded_by``, the debugger's
``observed_by``. The engine stands above: a node is anything here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from tinygrad_mlp._blocks import PLAIN, Block, Here, current, here, open_blocks
from tinygrad_mlp._recorders import Node, Observer, Recorder

__all__ = [
    "class_changes",
    "enable_grad",
    "has_recorder",
    "no_grad",
    "note_leaf",
    "observed_backward",
    "observed_by",
    "pass_observer",
    "recorded_by",
    "recorder_of_thread",
    "unobserved",
    "with_numbers",
    "within_same_numbers",
]

class_changes: Final[list[int]] = [0]
"""How often the compiler was about to change the class of Values, to hide their numbers or to show
them again: who reads many of them at once sees by it that the class was another one meanwhile."""


def note_leaf(leaf: Node) -> None:
    """Tell whom it concerns that a leaf was made.

    >>> from tinygrad_mlp import Value
    >>> note_leaf(Value(1.0))
    """
    now = current()
    if now.recorder is not None:
        now.recorder.leaf(leaf)
    for observer in now.observers:
        observer.leaf(leaf)


def pass_observer() -> Observer | None:
    """The innermost observer that looks at backward passes and at calls of programs.

    >>> pass_observer() is None
    True
    """
    if open_blocks:
        for observer in reversed(current().observers):
            if observer.looks_at_passes:
                return observer
    return None


def observed_backward(output: Node, seed: float) -> bool:
    """Whether an observer has done what ``Value.backward`` does, looking at each step.

    >>> from tinygrad_mlp import Value
    >>> observed_backward(Value(2.0), 1.0)
    False
    """
    observer = pass_observer()
    if observer is None:
        return False
    observer.backward(output, seed)
    return True


class _OfThread(threading.local):
    """The recorders whose functions run in this thread, the innermost one last."""

    recorders: tuple[Recorder, ...] = ()


_of_thread: Final = _OfThread()


def recorder_of_thread() -> Recorder | None:
    """What records the function that runs in this thread, in whatever context.

    >>> recorder_of_thread() is None
    True
    """
    recorders = _of_thread.recorders
    return recorders[-1] if recorders else None


def has_recorder() -> bool:
    """Whether somebody records the nodes that are made in this context, or looks at them.

    >>> has_recorder()
    False
    """
    now = current() if open_blocks else PLAIN
    return bool(now.recorder or now.observers or recorder_of_thread())


@contextmanager
def recorded_by(recorder: Recorder) -> Iterator[None]:
    """Within this block ``recorder`` makes every node of this thread, and answers comparisons.

    The compiler is its user:

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> trace(lambda x: x * x, [()], []).nodes[-1]
    Traced(a * b, index=1)
    """
    before = _of_thread.recorders
    _of_thread.recorders = (*before, recorder)
    try:
        with _RecordedBy(recorder):
            yield
    finally:
        _of_thread.recorders = before


def observed_by(observer: Observer) -> AbstractContextManager[object]:
    """Within this block the observer looks at every node that has a number.

    >>> with observed_by(Observer()):
    ...     len(current().observers)
    1
    """
    return _ObservedBy(observer)


def unobserved() -> AbstractContextManager[object]:
    """Within this block no observer looks.

    >>> with observed_by(Observer()), unobserved():
    ...     current().observers
    ()
    """
    return _Unobserved()


def with_numbers(numbers: Mapping[Node, float]) -> AbstractContextManager[object]:
    """Within this block these leaves stand for these numbers, whatever their ``data`` becomes.

    For operations; who reads the ``data`` of a leaf sees what stands there.

    >>> from tinygrad_mlp import Value
    >>> w = Value(2.0)
    >>> with with_numbers({w: 5.0}):
    ...     (w * 3.0).data, w.data
    (15.0, 2.0)
    """
    return _WithNumbers(numbers)


def within_same_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function for another context, in which leaves stand for the same numbers as here.

    >>> within_same_numbers(print) is print
    True
    """
    numbers = current().numbers
    if numbers is None:
        return function

    def run(*arguments: Any) -> Any:
        with with_numbers(numbers):
            return function(*arguments)

    return run


@contextmanager
def no_grad() -> Iterator[None]:
    """Within this block results are plain leaves: numbers without a graph.

    It saves time and memory where no gradient is wanted, for example in prediction. It holds for
    the thread or asyncio task that opens it, and for tasks that are started within it. A generator
    that is suspended within the block keeps it for itself; one that is made a block by
    ``contextlib.contextmanager`` gives it to its ``with``.

    >>> from tinygrad_mlp import Value
    >>> a = Value(3.0)
    >>> with no_grad():
    ...     b = a * a
    >>> b.data, b.parents
    (9.0, ())
    """
    recorder = current().recorder
    detached = nullcontext() if recorder is None else recorder.without_gradients()
    with _Switch(False), detached:
        yield


@contextmanager
def enable_grad() -> Iterator[None]:
    """Within this block results remember how they were computed, also inside ``no_grad``.

    >>> from tinygrad_mlp import Value
    >>> a = Value(3.0)
    >>> with no_grad(), enable_grad():
    ...     b = a * a
    >>> b.partials
    (3.0, 3.0)
    """
    if here() is PLAIN:  # it holds already, and every block to come is inside
        yield
        return
    recorder = current().recorder
    attached = nullcontext() if recorder is None else recorder.with_gradients()
    with _Switch(True), attached:
        yield


class _RecordedBy(Block):
    __slots__ = ("recorder",)

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def enter_into(self, now: Here) -> None:
        now.recorder, now.recorded, now.observers, now.numbers = self.recorder, True, (), None


class _Switch(Block):
    __slots__ = ("recorded",)

    def __init__(self, recorded: bool) -> None:
        super().__init__()
        self.recorded = recorded

    def enter_into(self, now: Here) -> None:
        now.recorded = self.recorded


class _ObservedBy(Block):
    __slots__ = ("observer",)

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self.observer = observer

    def enter_into(self, now: Here) -> None:
        now.observers = (*now.observers, self.observer)


class _Unobserved(Block):
    __slots__ = ()

    def enter_into(self, now: Here) -> None:
        now.observers = ()


class _WithNumbers(Block):
    __slots__ = ("numbers",)

    def __init__(self, numbers: Mapping[Node, float]) -> None:
        super().__init__()
        self.numbers = numbers

    def enter_into(self, now: Here) -> None:
        now.numbers = self.numbers
