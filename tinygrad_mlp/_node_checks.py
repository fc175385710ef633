"""What does not belong into a node: data that is no number, a label that is no text.

``data`` is a plain slot, so that computing costs nothing more. Whatever is assigned to it is looked
at where an operation fails, and where a graph is walked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn, TypeGuard

import numpy as np

from tinygrad_mlp._drop_in import CHILDREN
from tinygrad_mlp._node import Node
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import NotANumberError, NotTextError
from tinygrad_mlp.op import Op

__all__ = [
    "as_float",
    "check_numbers",
    "checked_label",
    "is_node",
    "number_of",
    "refuse_inputs",
]

LONGEST_WAY: Final = 4
"""Up to so many operations between a node and the output are named."""


def check_numbers(nodes: Iterable[Node], order: Sequence[Node] = ()) -> None:
    """See that the ``data`` of each node is one number, with which Python computes in float64.

    Floats are (``numpy.float64`` is one), and whole numbers of Python's.

    Args:
        nodes: the Values to look at.
        order: the graph in topological order, to say where in it a Value without a label is.

    Raises:
        NotANumberError: at the first one that holds something else.

    >>> from tinygrad_mlp import Value
    >>> rate = Value(0.1, label="rate")
    >>> rate.data = "0.2"
    >>> check_numbers([rate])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.NotANumberError: the data of the Value 'rate' is no number but the str \
'0.2'; assign a number to it, for example value.data = 2.0
    """
    for node in nodes:
        data: object = node.data
        if data.__class__ is not float and not _is_number(data):
            raise NotANumberError(f"the data of {_described(node, order)} {_instead(data)}")


def refuse_inputs(op: Op, inputs: Sequence[Node], error: Exception) -> None:
    """Say which input of an op that could not be computed is no number, if one is none.

    Args:
        op: the operation.
        inputs: the Values that it was to be computed from.
        error: what was raised.

    Raises:
        NotANumberError: from ``error``, if the ``data`` of an input is no number.

    >>> from tinygrad_mlp import Value
    >>> x = Value(1.0, label="x")
    >>> x.data = None
    >>> x.tanh()
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.NotANumberError: tanh cannot be computed: the data of the Value 'x', its \
input 1, is no number but the NoneType None; assign a number to it, for example value.data = 2.0
    """
    for place, node in enumerate(inputs, start=1):
        if not _is_number(node.data):
            source = _source_of(node)
            behind = "" if source is node else "behind "
            raise NotANumberError(
                f"{op.name} cannot be computed: the data of {_described(source, ())}, {behind}its "
                f"input {place}, {_instead(source.data)}"
            ) from error


def checked_label(label: object) -> str:
    """The label, if it is text.

    Raises:
        NotTextError: for anything else.

    >>> checked_label("w")
    'w'
    """
    if isinstance(label, str):
        return label
    raise NotTextError(
        f"the label of a Value is text, got {described(label, with_type=True)}; write "
        f"Value(2.0, label='x'). {CHILDREN}"
    )


def is_node(thing: object) -> TypeGuard[Node]:
    """Whether it is a Value.

    >>> from tinygrad_mlp import Value
    >>> is_node(Value(1.0)), is_node(1.0)
    (True, False)
    """
    return hasattr(thing, "parents")


def as_float(number: object) -> float:
    """The number as a float; refuses what is not exactly one number.

    Raises:
        NotANumberError: for an array, a text or anything else.

    >>> as_float(2), as_float(np.float32(0.5))
    (2.0, 0.5)
    """
    if isinstance(number, float | int):
        pass
    elif is_node(number):
        return number.data
    elif isinstance(number, np.ndarray) and number.ndim > 0:
        _refuse_array(number)
    elif (
        not isinstance(number, np.number | np.bool_ | np.ndarray) or number.dtype.kind not in "biuf"
    ):
        raise NotANumberError(
            f"expected a number or a Value, got {type(number).__name__} {number!r}; "
            "a Value holds one real number, for example Value(2.0)"
        )
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def number_of(value: Node) -> float:
    """The ``data`` of a Value as a float.

    Raises:
        NotANumberError: if something that is no number was assigned to it.

    >>> from tinygrad_mlp import Value
    >>> count = Value(1.0)
    >>> count.data = 3
    >>> number_of(count)
    3.0
    """
    check_numbers([value])
    return as_float(value.data)


def _refuse_array(array: np.ndarray[Any, Any]) -> NoReturn:
    raise NotANumberError(
        f"a Value holds one number, got an array of shape {array.shape}; "
        "work element by element, for example [x * value for x in array]"
    )


def _is_number(data: object) -> bool:
    return isinstance(data, float) or (isinstance(data, int) and not _is_too_large(data))


def _is_too_large(number: int) -> bool:
    try:
        float(number)
    except OverflowError:
        return True
    return False


def _instead(data: object) -> str:
    """What it is instead of a number, and what to do."""
    if is_node(data):
        return "is a Value; assign its number: value.data = other.data"
    if isinstance(data, np.ndarray) and data.ndim > 0:
        return (
            f"is an array of shape {data.shape}, and a Value holds one number; work element by "
            "element, with a Value for each"
        )
    if isinstance(data, np.generic | np.ndarray) and data.dtype.kind in "biuf":
        kind = "array of no dimension" if isinstance(data, np.ndarray) else data.dtype.name
        return (
            f"is the NumPy {kind} {data}, and operations on it would be those of "
            f"{data.dtype.name}; assign a float: value.data = float({data})"
        )
    if isinstance(data, int):
        return (
            f"is a whole number of {data.bit_length()} bits, which is too large for a float; "
            "assign a float, for example value.data = 1e300"
        )
    return (
        f"is no number but the {described(data, with_type=True)}; assign a number to it, for "
        "example value.data = 2.0"
    )


def _source_of(node: Node) -> Node:
    """The leaf, or the innermost node, from which what is no number came to this one."""
    while True:
        wrong = [parent for parent in node.parents if not _is_number(parent.data)]
        if not wrong:
            return node
        node = wrong[0]


def _described(node: Node, order: Sequence[Node]) -> str:
    """The node by its label, or by the way from it to the output."""
    if node.label:
        return f"the Value {node.label!r}"
    way: list[str] = []
    here = node
    for child in order:
        if any(parent is here for parent in child.parents):
            place = [parent is here for parent in child.parents].index(True) + 1
            way.append(f"input {place} of {_name_of_op(child)}")
            here = child
    if len(way) > LONGEST_WAY:
        way = [*way[: LONGEST_WAY - 1], "...", way[-1]]
    kind = "a Value without a label" if not node.parents else f"the result of {_name_of_op(node)}"
    return f"{kind} ({', '.join(way)})" if way else kind


def _name_of_op(node: Node) -> str:
    return "an operation" if node.op is None else node.op.name
