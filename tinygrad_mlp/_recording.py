"""Who makes the nodes here and now, whether they keep a graph, and who looks on.

What is open is a chain of blocks in a context variable: ``no_grad`` and ``enable_grad``, the
compiler's ``recorded_by``, the debugger's ``observed_by``. So each thread and each task of asyncio
has its own. The engine stands above: a node is anything here.

Where no block is open anywhere, ``open_blocks`` is empty, and the engine looks at nothing else. It
only saves time: whether a block holds is asked of the context variable alone.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from types import FrameType
from typing import Any, Final, Protocol, TypeAlias

import numpy as np

from tinygrad_mlp.op import Op

__all__ = [
    "PLAIN",
    "ArrayCheck",
    "Here",
    "Node",
    "Observer",
    "Recorder",
    "blocks_in_doubt",
    "class_changes",
    "current",
    "enable_grad",
    "has_recorder",
    "no_grad",
    "note_leaf",
    "observed_backward",
    "observed_by",
    "open_blocks",
    "pass_observer",
    "recorded_by",
    "recorder_of_thread",
    "unobserved",
    "with_numbers",
    "within_same_numbers",
]

Node: TypeAlias = Any
"""A Value."""

open_blocks: Final[set[int]] = set()
"""Not empty as long as any context of the process has an open block: the gate of the hot paths."""

blocks_in_doubt: Final[set[int]] = set()
"""Not empty as long as there are blocks of generators, or such as were closed in another context:
then ``here`` is not enough, and ``current`` says what holds."""


class_changes: Final[list[int]] = [0]
"""How often the compiler was about to change the class of Values, to hide their numbers or to show
them again: who reads many of them at once sees by it that the class was another one meanwhile."""


class ArrayCheck(Protocol):
    """A check of many rows of numbers at once; hashable, equal checks are put together."""

    def check_array(self, rows: np.ndarray[Any, Any], name: str) -> None:
        """Raise an error that names the row, ``name[i]``, if one of the rows is not allowed."""


class Recorder(Protocol):
    """Makes the nodes, which have no numbers, while a function is compiled."""

    own_leaves: set[Node]
    """The leaves that were made, which are constants."""
    refused: Any
    """The first error, if something was refused."""

    def unary(self, op: Op, parent: Node) -> Node:
        """The node of an op with one input."""

    def binary(self, op: Op, left: Node, right: Node) -> Node:
        """The node of an op with two inputs."""

    def any_arity(self, op: Op, parents: tuple[Node, ...]) -> Node:
        """The node of any other op."""

    def compare(self, op: Op, left: Node, right: Any) -> Any:
        """A comparison."""

    def read(self, value: Node) -> float:
        """The number of a Value, if there is one."""

    def leaf(self, leaf: Node) -> None:
        """A leaf was made."""

    def uniform(self, rng: np.random.Generator) -> Node:
        """A random leaf."""

    def assign(self, leaf: Node, value: Any) -> None:
        """An assignment to a leaf."""

    def check_at_calls(self, check: ArrayCheck, values: Sequence[Node]) -> None:
        """A check that waits for the numbers."""

    def without_gradients(self) -> AbstractContextManager[None]:
        """The block of ``no_grad``."""

    def with_gradients(self) -> AbstractContextManager[None]:
        """The block of ``enable_grad``."""


class Observer:
    """Looks at the nodes that are made in a block; a subclass overrides what it looks at.

    Attributes:
        looks_at_passes: whether it also looks at backward passes and at calls of programs.

    >>> class Counter(Observer):
    ...     n_nodes = 0
    ...     def made(self, node, op, parents):
    ...         self.n_nodes += 1
    ...         return node
    >>> from tinygrad_mlp import Value
    >>> counter = Counter()
    >>> with observed_by(counter):
    ...     out = (Value(2.0) * 3.0).tanh()
    >>> counter.n_nodes
    2
    """

    looks_at_passes = False

    def leaf(self, leaf: Node) -> None:
        """A leaf was made."""

    def made(self, node: Node, op: Op, parents: tuple[Node, ...]) -> Node:
        """A node was made; the one that is returned takes its place.

        Args:
            node: the node; within ``no_grad`` it is a leaf.
            op: the operation.
            parents: its inputs.
        """
        return node

    def look_at_pass(self, output: Node) -> Callable[[Any], None]:
        """A backward pass begins; what is returned is called with each ``Flow`` of it."""
        raise NotImplementedError

    def backward(self, output: Node, seed: float) -> None:
        """Does what ``Value.backward`` does, and looks at each step.

        Args:
            output: the Value whose ``backward`` was called.
            seed: what its gradient is.
        """
        raise NotImplementedError

    def call(self, program: Any, arrays: Sequence[Any]) -> Any:
        """Calls a compiled program, and looks at what comes out."""
        raise NotImplementedError


class Here:
    """What the open blocks come to, from the outermost to the innermost.

    Attributes:
        blocks: the open blocks.
        recorder: what makes the nodes while a function is compiled, else None.
        recorded: whether nodes keep the graph; a recorder knows by itself.
        observers: who looks at the nodes.
        numbers: what leaves stand for, where that is not their ``data``.
        is_watched: whether somebody has to do with each node, other than by leaving out its graph.
        is_detached: whether nodes are plain leaves, and that is all.
    """

    __slots__ = (
        "blocks",
        "is_detached",
        "is_watched",
        "numbers",
        "observers",
        "recorded",
        "recorder",
    )

    def __init__(self, blocks: tuple[_Block, ...]) -> None:
        self.blocks = blocks
        self.recorder: Recorder | None = None
        self.recorded = True
        self.observers: tuple[Observer, ...] = ()
        self.numbers: Mapping[Node, float] | None = None
        if blocks:
            open_blocks.add(id(self))
        for block in blocks:
            block.enter_into(self)
        self.is_watched = any([self.recorder, self.observers, self.numbers])
        self.is_detached = not (self.is_watched or self.recorded)

    def __del__(self) -> None:
        open_blocks.discard(id(self))  # no context has it any more

    def read(self, values: Sequence[Node]) -> list[float]:
        """The numbers of Values, as this block has them.

        >>> from tinygrad_mlp import Value
        >>> current().read([Value(2.0)])
        [2.0]
        """
        numbers = self.numbers
        if numbers is None:
            return [value.data for value in values]
        # ``get`` would read the data of each, also where it must not be
        return [numbers[value] if value in numbers else value.data for value in values]  # noqa: SIM401

    def item(self, value: Node) -> float:
        """The number of one Value, which is asked for as a number.

        >>> from tinygrad_mlp import Value
        >>> current().item(Value(2.0))
        2.0
        """
        return self.read([value])[0] if self.recorder is None else self.recorder.read(value)


PLAIN: Final = Here(())
"""No block is open."""

_here: Final = ContextVar("recording", default=PLAIN)

here: Final = _here.get
"""What is set in this context; ``current`` says what of it holds."""


def current() -> Here:
    """What holds in this context at this moment.

    >>> with no_grad():
    ...     current().recorded
    False
    """
    now = here()
    return _without_suspended(now) if blocks_in_doubt and now.blocks else now


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


# The blocks. One that is closed goes out of the chain of the context in which it is closed,
# wherever it stands there; copies of the context that were made meanwhile keep it.


class _Block:
    """An open block; entered once."""

    __slots__ = ("generator", "is_open")

    def __init__(self) -> None:
        self.generator: FrameType | None = None  # the one that it belongs to
        self.is_open = True

    def __del__(self) -> None:
        blocks_in_doubt.discard(id(self))

    def enter_into(self, now: Here) -> None:
        """Change what holds."""
        raise NotImplementedError

    def holds(self) -> bool:
        """Whether it is open, and no generator that is suspended."""
        return self.is_open and (self.generator is None or self.generator.f_back is not None)

    def __enter__(self) -> None:
        self.generator = _generator_around(sys._getframe(1))
        if self.generator is not None:
            blocks_in_doubt.add(id(self))
        _here.set(Here((*here().blocks, self)))

    def __exit__(self, *_: object) -> None:
        blocks = here().blocks
        rest = tuple([block for block in blocks if block is not self and block.is_open])
        if len(rest) < len(blocks):
            _here.set(Here(rest) if rest else PLAIN)
        if self not in blocks or self.generator is not None:
            self.is_open, self.generator = False, None  # for all contexts that have it
            blocks_in_doubt.add(id(self))


class _RecordedBy(_Block):
    __slots__ = ("recorder",)

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def enter_into(self, now: Here) -> None:
        now.recorder, now.recorded, now.observers, now.numbers = self.recorder, True, (), None


class _Switch(_Block):
    __slots__ = ("recorded",)

    def __init__(self, recorded: bool) -> None:
        super().__init__()
        self.recorded = recorded

    def enter_into(self, now: Here) -> None:
        now.recorded = self.recorded


class _ObservedBy(_Block):
    __slots__ = ("observer",)

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self.observer = observer

    def enter_into(self, now: Here) -> None:
        now.observers = (*now.observers, self.observer)


class _Unobserved(_Block):
    __slots__ = ()

    def enter_into(self, now: Here) -> None:
        now.observers = ()


class _WithNumbers(_Block):
    __slots__ = ("numbers",)

    def __init__(self, numbers: Mapping[Node, float]) -> None:
        super().__init__()
        self.numbers = numbers

    def enter_into(self, now: Here) -> None:
        now.numbers = self.numbers


def _without_suspended(now: Here) -> Here:
    """What holds of it; a block that was closed elsewhere goes for good."""
    if not all([block.is_open for block in now.blocks]):
        still_open = tuple([block for block in now.blocks if block.is_open])
        now = Here(still_open) if still_open else PLAIN
        _here.set(now)
    holding = tuple([block for block in now.blocks if block.holds()])
    if len(holding) == len(now.blocks):
        return now
    return Here(holding) if holding else PLAIN


_GENERATOR: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def _generator_around(frame: FrameType | None) -> FrameType | None:
    """The generator whose ``with`` opens a block, if it is one that may be suspended in it.

    Of a generator that ``contextlib`` makes a block, the ``with`` around that counts.
    """
    while frame is not None:
        is_generator = frame.f_code.co_flags & _GENERATOR
        above = frame.f_back
        of_contextlib = above is not None and above.f_code.co_filename == contextlib.__file__
        if is_generator and not of_contextlib:
            return frame
        if not is_generator and frame.f_code.co_filename != contextlib.__file__:
            return None
        frame = above
    return None
