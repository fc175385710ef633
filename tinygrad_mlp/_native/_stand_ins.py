"""Elementwise NumPy code as a list of operations: it runs once on stand-ins of its arrays.

NumPy hands every operation on a stand-in back to it, which notes what would be computed; nothing
is. So the rule of an optimizer, once traced, can be run by something else than NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

__all__ = ["Node", "StandIn", "Trace", "UntraceableError"]


class UntraceableError(Exception):
    """What cannot be noted; the message says what it is, and goes on from "because"."""


@dataclass(eq=False, slots=True)
class Node:
    """A given array or number, a constant, or what an operation gives.

    Attributes:
        operation: its name in NumPy; "" for what is given.
        operands: what it reads.
        single: whether it is one number.
        boolean: whether it is true or false.
        constant: the number, of a constant.
    """

    operation: str = ""
    operands: tuple[Node, ...] = ()
    single: bool = False
    boolean: bool = False
    constant: float | None = None


@dataclass(eq=False)
class Trace:
    """What is noted, in order.

    Args:
        dtype: of all arrays.

    >>> trace = Trace(np.dtype("float64"))
    >>> x = trace.array()
    >>> y = np.sqrt(2.0 * x)
    >>> [node.operation for node in trace.nodes]
    ['multiply', 'sqrt']
    """

    dtype: np.dtype[Any]
    nodes: list[Node] = field(default_factory=list)

    def array(self) -> StandIn:
        """A stand-in for a flat array."""
        return StandIn(self, Node(), given=True)

    def number(self) -> StandIn:
        """A stand-in for one number, as of an array without axes."""
        return StandIn(self, Node(single=True), given=True)

    def node(self, operand: object) -> Node:
        """What stands for an operand.

        Raises:
            UntraceableError: if it is neither a stand-in nor a number that all elements share.
        """
        if isinstance(operand, StandIn):
            return operand.node
        if isinstance(operand, np.generic | np.ndarray) and operand.shape == ():
            if operand.dtype == self.dtype:
                return Node(single=True, constant=float(operand))
        elif isinstance(operand, int | float):
            return Node(single=True, constant=float(operand), boolean=isinstance(operand, bool))
        raise UntraceableError(f"it computes with {_described(operand)}")

    def copied(self, node: Node) -> Node:
        """The same numbers in another array."""
        copy = Node("copy", (node,))
        self.nodes.append(copy)
        return copy

    def note(self, operation: str, *operands: object) -> Node:
        """One more operation.

        Raises:
            UntraceableError: if truth values are anything but factors and conditions.
        """
        nodes = tuple([self.node(operand) for operand in operands])
        logical = operation.startswith("logical")
        truths = [node.boolean for node in nodes]
        if operation == "where":
            truths = truths[1:]
        fits = all(truths) if logical else not all(truths) and operation == "multiply"
        if any(truths) and not fits:
            raise UntraceableError(f"it computes {operation!r} of truth values")
        numbers = [node for node, truth in zip(nodes[-len(truths) :], truths) if not truth]
        makes_numbers = operation == "where" or any(truths)
        if makes_numbers and self.dtype != np.float64 and not _any_of_arrays(numbers):
            raise UntraceableError("it makes numbers of float64 from truth values")
        boolean = logical or operation in _COMPARISONS
        single = all([node.single for node in nodes])
        node = Node(operation, nodes, single, boolean)
        self.nodes.append(node)
        return node


def _any_of_arrays(nodes: Sequence[Node]) -> bool:
    """Whether one of them has the type of the arrays; a constant takes any."""
    return not nodes or any([node.constant is None for node in nodes])


_COMPARISONS: Final = frozenset(
    {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}
)

_OF_TRUTHS: Final = {"bitwise_and": "logical_and", "invert": "logical_not"}

_FAST_POWERS: Final = {2.0: "square", 0.5: "sqrt", 1.0: "copy", -1.0: "reciprocal"}
"""The powers for which the operator of NumPy's arrays has a faster way."""


class StandIn(NDArrayOperatorsMixin):
    """Stands for an array of floats, or for one of them, whose number nobody knows yet.

    >>> x = Trace(np.dtype("float64")).array()
    >>> bool(x > 0.0)
    Traceback (most recent call last):
        ...
    tinygrad_mlp._native._stand_ins.UntraceableError: it asks for the numbers of an array
    """

    def __init__(self, trace: Trace, node: Node, given: bool = False) -> None:
        self._trace = trace
        self.node = node
        self._given = given

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None) -> Any:
        if method != "__call__" or ufunc.nout != 1:
            raise UntraceableError(f"it calls np.{ufunc.__name__}.{method}")
        node = self._node(ufunc.__name__, inputs)
        if out is None:
            return StandIn(self._trace, node)
        (target,) = out
        if not isinstance(target, StandIn) or target._given:
            raise UntraceableError("it changes what it is given")
        if target.node.single:  # NumPy's numbers stay as they are: x += y makes another one
            return StandIn(self._trace, node)
        if node.single or target.node.boolean != node.boolean:
            raise UntraceableError("it changes what an array is of in place")
        target.node = node
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.where and len(args) == 3 and not kwargs:
            return StandIn(self._trace, self._trace.note("where", *args))
        raise UntraceableError(f"it calls np.{function.__name__}")

    def _node(self, name: str, inputs: tuple[Any, ...]) -> Node:
        note = self._trace.note
        if name == "power" and isinstance(inputs[1], int | float):
            name = _FAST_POWERS.get(float(inputs[1]), name)
            inputs = inputs if name == "power" else inputs[:1]
        if name == "square":
            return note("multiply", *inputs, *inputs)
        if name == "reciprocal":
            return note("divide", 1.0, *inputs)
        if name in _OF_TRUTHS:
            if not all([self._trace.node(each).boolean for each in inputs]):
                raise UntraceableError(f"it computes {name!r} of numbers")
            name = _OF_TRUTHS[name]
        return note("copy" if name == "positive" else name, *inputs)

    def _refuse(self, *_: object) -> NoReturn:
        raise UntraceableError("it asks for the numbers of an array")

    __bool__ = __float__ = __int__ = __index__ = __len__ = __iter__ = __array__ = _refuse
    __getitem__ = __setitem__ = __contains__ = _refuse


def _described(operand: object) -> str:
    if isinstance(operand, np.ndarray | np.generic):
        return f"an array of its own, {operand.dtype} of shape {operand.shape}"
    return f"a {type(operand).__name__}"
