"""Who can make the nodes of a block, and who can look at them: what each must have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

import numpy as np

from tinygrad_mlp.op import Op

__all__ = ["ArrayCheck", "Node", "Observer", "Recorder"]

Node: TypeAlias = Any
"""A Value."""


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

    def node(self, op: Op, parents: tuple[Node, ...]) -> Node:
        """The node of an op."""

    def binary(self, op: Op, left: Node, right: Node) -> Node:
        """The same for an op with two inputs, since there are many."""

    def compare(self, op: Op, left: Node, right: Any) -> Any:
        """A comparison."""

    def read(self, value: Node) -> float:
        """The number of a Value, if there is one."""

    def leaf(self, leaf: Node) -> None:
        """A leaf was made."""

    def uniform(self, rng: np.random.Generator) -> Node:
        """A random leaf."""

    def over_batch(self, op: Op, value: Node) -> Node | None:
        """The sum or the mean over the samples of the batch; None where there is one alone."""

    def assign(self, leaf: Node, value: Any) -> None:
        """An assignment to a leaf."""

    def check_at_calls(self, check: ArrayCheck, values: Sequence[Node]) -> None:
        """A check that waits for the numbers."""

    def without_gradients(self) -> AbstractContextManager[None]:
        """The block of ``no_grad``."""

    def with_gradients(self) -> AbstractContextManager[None]:
        """The block of ``enable_grad``."""

    def is_detached(self, node: Node) -> bool:
        """Whether no gradient flows through the node, as it was made within ``no_grad``."""


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
    >>> from tinygrad_mlp._recording import observed_by
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
