"""What programs of the hundred-line engines look for in a node: ``_prev``, ``_op``, ``_backward``.

All three are computed when they are read and take no memory in a node. Here stands also what such
programs do with a Value that it cannot do, with the words for what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Self, TypeVar, overload

from tinygrad_mlp import ops
from tinygrad_mlp._node import Node
from tinygrad_mlp._text import shortest
from tinygrad_mlp.errors import NotANumberError, UnknownArgumentError, UnknownAttributeError

__all__ = [
    "CHILDREN",
    "DropIn",
    "NotKept",
    "ReadOnly",
    "backward_of",
    "parents_as_set",
    "refuse_as_number",
    "refuse_children",
    "text_of_op",
]

T = TypeVar("T")

OWN_OP: Final = (
    "declare an operation of your own, with its derivative: "
    "def cube_forward(xp, x): return x * x * x; "
    "def cube_partial(xp, out, x): return 3.0 * x * x; "
    "cube = functional.declare('cube', cube_forward, cube_partial); then cube(v) is a Value"
)
CHILDREN: Final = (
    "The form Value(data, children) of the hundred-line engines has no place here: an operation "
    f"gives a Value its parents. To add one, {OWN_OP}"
)
"""What is said to somebody who gives a Value its parents."""

_PYTHON_SIGNS: Final = {"−": "-", "×": "*", "÷": "/", "^": "**", "≤": "<=", "≥": ">=", "=": "=="}


class ReadOnly(Generic[T]):
    """An attribute that is computed when it is read, and cannot be assigned.

    >>> class Line:
    ...     double = ReadOnly(lambda line: 2.0)
    >>> Line().double
    2.0
    >>> Line().double = 3.0
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownAttributeError: double of a Line is read only: declare an ...
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, node: None, owner: type) -> Self: ...
    @overload
    def __get__(self, node: object, owner: type | None = None) -> T: ...
    def __get__(self, node: object, owner: type | None = None) -> Self | T:
        return self if node is None else self.compute(node)

    def __set__(self, node: object, value: object) -> NoReturn:
        raise UnknownAttributeError(
            f"{self.name} of a {type(node).__name__} is read only: {OWN_OP}"
        )


class NotKept:
    """A name under which programs keep something of their own in a parameter; no node has room.

    >>> from tinygrad_mlp import Value
    >>> Value(1.0).velocity = 0.0
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownAttributeError: Value has no attribute 'velocity', and none of ...
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, node: object, owner: type | None = None) -> NotKept:
        if node is None:
            return self
        raise self.refusal(node)

    def __set__(self, node: object, value: object) -> NoReturn:
        raise self.refusal(node)

    def refusal(self, node: object) -> UnknownAttributeError:
        """The error, which shows a dict."""
        kind, name = type(node).__name__, self.name
        return UnknownAttributeError(
            f"{kind} has no attribute {name!r}, and none of your own can be added: they would cost "
            f"32 bytes in every node of a graph. Keep a dict, whose keys are the Values: "
            f"{name} = {{p: 0.0 for p in model.parameters()}}; then {name}[p]"
        )


def parents_as_set(node: Node) -> set[Any]:
    """The parents, as the hundred-line engines keep them: a set, without a plain exponent.

    >>> from tinygrad_mlp import Value
    >>> x = Value(3.0)
    >>> (x**2)._prev == {x}, len((x * 2)._prev), len((x + x)._prev)
    (True, 2, 1)
    """
    return set(node.parents[:1] if node.op is ops.POW_NUMBER else node.parents)


def text_of_op(node: Node) -> str:
    """The operation as they write it; "" for a leaf.

    >>> from tinygrad_mlp import Value
    >>> x = Value(3.0)
    >>> [v._op for v in (x, x + x, x * 2, x**2, x**-0.5, x.relu(), x.tanh())]
    ['', '+', '*', '**2', '**-0.5', 'ReLU', 'tanh']
    """
    op = node.op
    if op is None or not node.parents:
        return ""
    if op is ops.POW_NUMBER:
        return f"**{shortest(node.parents[1].data)}"
    if op is ops.RELU:
        return "ReLU"
    return _PYTHON_SIGNS.get(op.symbol, op.symbol) if op.infix else op.name


def backward_of(node: Node) -> Callable[[], None]:
    """What adds the contributions of this node to the gradients of its parents.

    For a loop of one's own over the nodes in reverse topological order.

    >>> from tinygrad_mlp import Value
    >>> x = Value(3.0)
    >>> y = x * x
    >>> y.grad = 1.0
    >>> y._backward()
    >>> x.grad
    6.0
    """
    return partial(_add_contributions, node)


def _add_contributions(node: Node) -> None:
    upstream = _number(node.grad)
    for parent, local in zip(node.parents, node.partials):
        parent.grad = _number(parent.grad) + upstream * local


def _number(grad: float | None) -> float:
    return 0.0 if grad is None else grad


def refuse_children() -> NoReturn:
    """For ``Value(data, _children=(a, b), _op="*")``: a graph is made by operations alone.

    >>> from tinygrad_mlp import Value
    >>> Value(6.0, _children=(Value(2.0), Value(3.0)), _op="*")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownArgumentError: a Value takes its number and a label, as in ...
    """
    raise UnknownArgumentError(
        f"a Value takes its number and a label, as in Value(2.0, label='x'). {CHILDREN}"
    )


def refuse_as_number(how: str) -> Callable[..., NoReturn]:
    """A method that refuses to give the number of a Value in silence.

    Args:
        how: what was called.

    >>> import math
    >>> from tinygrad_mlp import Value
    >>> math.exp(Value(1.0))
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.NotANumberError: float() of a Value would cut the graph, so that no ...
    """

    def refused(value: object, *arguments: object) -> NoReturn:
        raise NotANumberError(
            f"{how} of a Value would cut the graph, so that no gradient flows through it; compute "
            "with the Value itself: functional.exp(v) for math.exp(v) or numpy.exp(v), and "
            "likewise for other functions. Where the number alone is meant, write v.data or "
            "v.item()"
        )

    return refused


class DropIn:
    """What those programs read of a Value, or do with one.

    >>> from tinygrad_mlp import Value
    >>> issubclass(Value, DropIn)
    True
    """

    __slots__ = ()

    _prev: ReadOnly[set[Any]] = ReadOnly(parents_as_set)
    _op: ReadOnly[str] = ReadOnly(text_of_op)
    _backward = ReadOnly(backward_of)

    if not TYPE_CHECKING:  # so that a type checker refuses them, too
        m, v, velocity, momentum = NotKept(), NotKept(), NotKept(), NotKept()
        __float__ = refuse_as_number("float()")
        __int__ = refuse_as_number("int()")
        __complex__ = refuse_as_number("complex()")
        __trunc__ = refuse_as_number("math.trunc()")
        __floor__ = refuse_as_number("math.floor()")
        __ceil__ = refuse_as_number("math.ceil()")
