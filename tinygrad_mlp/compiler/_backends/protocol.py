"""What a back end is: ``backend.prepare(lowered)`` gives what runs, once it has memory.

prepared = backend.prepare(lowered)     # once for a recording
run = prepared.bind(memory)             # once for a batch size
loss = run(X, y)                        # at each call
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.compiler._lowered import Lowered

__all__ = ["Backend", "Memory", "Prepared", "Run"]

Run = Callable[..., Any]
"""Takes the arrays of a call, of the program's dtype, the samples first if it is mapped.

It gives the loss as a float, its gradients left in ``Memory.gradients``; or, where something is
returned beside it, a pair: the loss, and an array of that. Of a program that predicts, it gives an
array of the results. Such arrays are new ones, (B, number of results) if it is mapped, else flat.
It reads the leaves, draws the random ones, and carries the assignments out.
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a run works on.

    Attributes:
        batch_size: the number of samples, if it is mapped over them.
        dtype: of all the memory.
        parameters: the parameters are read from here.
        gradients: their derivatives are written here.
        kept: leaves of ``Recording.kept`` are read from here, and assigned to here.
    """

    batch_size: int
    dtype: np.dtype[Any]
    parameters: NDArray[Any]
    gradients: NDArray[Any]
    kept: NDArray[Any] = field(default_factory=partial(np.empty, 0))


class Prepared(Protocol):
    """A program that runs as soon as it has memory."""

    @property
    def source(self) -> str:
        """The program as a person reads it."""

    def bind(self, memory: Memory) -> Run:
        """The function that runs, for one batch size."""


class Backend(Protocol):
    """One way to run a lowered program."""

    @property
    def name(self) -> str:
        """What the way is called."""

    def prepare(self, lowered: Lowered) -> Prepared:
        """Everything that is done once, whatever the batch size."""
