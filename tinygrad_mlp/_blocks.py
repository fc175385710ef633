"""The blocks that are open here and now, and what they come to.

They are a chain in a context variable. So each thread and each task of asyncio has its own. Where
no block is open anywhere, ``open_blocks`` is empty, and the engine looks at nothing else. It only
saves time: whether a block holds is asked of the context variable alone.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from types import FrameType
from typing import Final

from tinygrad_mlp._recorders import Node, Observer, Recorder

__all__ = [
    "PLAIN",
    "Block",
    "Here",
    "blocks_in_doubt",
    "current",
    "open_blocks",
]

open_blocks: Final[set[int]] = set()
"""Not empty as long as any context of the process has an open block: the gate of the hot paths."""

blocks_in_doubt: Final[set[int]] = set()
"""Not empty as long as there are blocks of generators, or such as were closed in another context:
then ``here`` is not enough, and ``current`` says what holds."""


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

    def __init__(self, blocks: tuple[Block, ...]) -> None:
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

    def __del__(self, forget: Callable[[int], None] = open_blocks.discard) -> None:
        forget(id(self))  # no context has it any more; at exit the name of the set is gone

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

    >>> current() is PLAIN
    True
    """
    now = here()
    return _without_suspended(now) if blocks_in_doubt and now.blocks else now


# The blocks. One that is closed goes out of the chain of the context in which it is closed,
# wherever it stands there; copies of the context that were made meanwhile keep it.


class Block:
    """An open block; entered once.

    >>> class Detached(Block):
    ...     def enter_into(self, now):
    ...         now.recorded = False
    >>> with Detached():
    ...     current().recorded
    False
    """

    __slots__ = ("generator", "is_open")

    def __init__(self) -> None:
        self.generator: FrameType | None = None  # the one that it belongs to
        self.is_open = True

    def __del__(self, forget: Callable[[int], None] = blocks_in_doubt.discard) -> None:
        forget(id(self))

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
