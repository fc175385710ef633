"""The engine: ``Value`` records the graph of a scalar computation, ``backward`` differentiates it.

A Value keeps the operation and the parents it came from and, from the moment it is made, the local
derivative by each parent. ``backward`` is one plain loop over the nodes in reverse topological
order, to be stepped through in a debugger. It stands on the table in ``ops`` and on ``float_math``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import ops
from tinygrad_mlp._blocks import PLAIN, blocks_in_doubt, current, here, open_blocks
from tinygrad_mlp._copying import copied, set_state, state_of  # for copy and pickle
from tinygrad_mlp._drop_in import DropIn, refuse_children  # _prev, _op of other engines
from tinygrad_mlp._effects import assign
from tinygrad_mlp._freezing import clear_frozen  # of leaves that get no gradient
from tinygrad_mlp._garbage import relax_garbage_collector  # graphs have no cycles
from tinygrad_mlp._methods import Methods, compare  # tanh, relu, < and so on
from tinygrad_mlp._node import NOT_COMPUTED, Number  # a 0.0 that marks a clear grad
from tinygrad_mlp._node_checks import (
    as_float,
    checked_label,
    refuse_inputs,
)
from tinygrad_mlp._order import orders_of, topological_order
from tinygrad_mlp._places import Place  # names a parameter by its layer
from tinygrad_mlp._reach import give_zero, note_cut  # nodes that no gradient reaches
from tinygrad_mlp._recording import enable_grad, no_grad, note_leaf, observed_backward
from tinygrad_mlp._words import NotASetting
from tinygrad_mlp.op import Op

__all__ = [
    "Number",
    "Value",
    "apply",
    "as_value",
    "assign",
    "compare",
    "enable_grad",
    "new_node",
    "no_grad",
    "topological_order",
]

_new_object = object.__new__


class Value(Methods, DropIn):
    """One scalar in a computation graph.

    Args:
        data: the number.
        label: a name for the debugger and for drawings.

    Attributes:
        data: the number; assign to it to change a leaf.
        grad: the derivative of the last ``backward``'s output by this node, d out / d self.
        op: the operation it came from; None for a leaf, ``ops.CONSTANT`` for a number in an
            expression such as the 2 in ``2 * v``.
        parents: its inputs in order, repeats kept; empty for a leaf.
        partials: d self / d parent for each parent, computed when the node is made.
        label: its name, or "".

    Raises:
        NotANumberError: if ``data`` is not one number. Whatever is assigned to ``data`` later is
            looked at by the first operation that cannot compute with it, or where the graph is
            walked: by ``backward``, a drawing, ``compile``.
        NotTextError: if ``label`` is no text.

    Equality and hash are by identity; ``<``, ``<=``, ``>``, ``>=`` compare the numbers.
    NumPy's functions refuse a Value ("does not support ufuncs"): write ``functional.exp(x)``.

    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> loss = (a * b + 10.0).tanh()
    >>> loss.backward()
    >>> loss
    Value(data=0.999329299739067, grad=1.0)
    >>> round(a.grad, 6), round(b.grad, 6)
    (-0.004023, 0.002682)
    """

    __slots__ = ("_label", "data", "grad", "op", "parents", "partials")

    # So that ``np.float64(2) * value`` and ``array * value`` come to us at once. A method could
    # name the remedy for ``np.exp(value)``, but would make ``np.float64(2) * value`` twice as slow.
    __array_ufunc__ = None

    data: float
    grad: float
    op: Op | None
    parents: tuple[Value, ...]
    partials: tuple[float, ...]
    _label: str | Place

    if not TYPE_CHECKING:
        name = NotASetting("value.label = 'x'")

    def __init__(
        self, data: Number, label: str = "", _op: None = None, _children: None = None
    ) -> None:
        self.data = data if data.__class__ is float else as_float(data)
        self.grad = NOT_COMPUTED
        self.op = None
        self.parents = ()
        self.partials = ()
        self._label = label if label.__class__ is str else checked_label(label)
        if _op is not _children:
            refuse_children()
        if open_blocks and here().is_watched:
            note_leaf(self)

    def zero_grad(self) -> None:
        """Set ``grad`` to 0.0 and mark it as not computed, as ``value.grad = None`` does too.

        >>> a = Value(3.0)
        >>> a.backward()
        >>> a.zero_grad()
        >>> a.grad, a.has_grad
        (0.0, False)
        """
        self.grad = NOT_COMPUTED

    def backward(self, gradient: Value | Number = 1.0) -> None:
        """Compute d self / d node for every node that self was computed from.

        The chain rule, from the output to the leaves, summed over every path:
        ``parent.grad += node.grad * (d node / d parent)``. The nodes between are reset first; the
        leaves add up, so that a second call doubles their gradients, as in torch.

        Args:
            gradient: what the gradient of self is; with another number than 1.0 all others are
                multiplied by it.

        Raises:
            NotANumberError: if something that is no number was assigned to the ``data`` of a leaf.

        >>> a = Value(3.0)
        >>> b = a * a
        >>> b.backward(); b.backward()
        >>> b.grad, a.grad
        (1.0, 12.0)
        """
        seed = as_float(gradient)
        if open_blocks and observed_backward(self, seed):
            return
        order, reached = orders_of(self)
        for node in order:
            if node.parents or node.grad is None:
                node.grad = 0.0
        if reached is not order:
            give_zero(order, reached)
        self.grad = seed if self.parents else self.grad + seed
        for node in reversed(reached):
            if node.parents:
                upstream = node.grad
                for parent, partial in zip(node.parents, node.partials):
                    contribution = upstream * partial
                    parent.grad += contribution
        if reached is not order:
            clear_frozen(order)

    def __repr__(self) -> str:
        name = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self.data}, grad={self.grad}{name})"

    __deepcopy__, __getstate__, __setstate__ = copied, state_of, set_state

    # Arithmetic. Each operator accepts a plain number on either side.

    def __add__(self, other: Value | Number) -> Value:
        return _binary(ops.ADD, self, other if isinstance(other, Value) else as_value(other))

    def __radd__(self, other: Number) -> Value:
        return _binary(ops.ADD, as_value(other), self)

    def __sub__(self, other: Value | Number) -> Value:
        return _binary(ops.SUB, self, other if isinstance(other, Value) else as_value(other))

    def __rsub__(self, other: Number) -> Value:
        return _binary(ops.SUB, as_value(other), self)

    def __mul__(self, other: Value | Number) -> Value:
        return _binary(ops.MUL, self, other if isinstance(other, Value) else as_value(other))

    def __rmul__(self, other: Number) -> Value:
        return _binary(ops.MUL, as_value(other), self)

    def __truediv__(self, other: Value | Number) -> Value:
        return _binary(ops.DIV, self, other if isinstance(other, Value) else as_value(other))

    def __rtruediv__(self, other: Number) -> Value:
        return _binary(ops.DIV, as_value(other), self)

    def __pow__(self, other: Value | Number) -> Value:
        if isinstance(other, Value):
            return _binary(ops.POW, self, other)
        return _binary(ops.POW_NUMBER, self, as_value(other))

    def __rpow__(self, other: Number) -> Value:
        return _binary(ops.POW, as_value(other), self)

    def __mod__(self, other: Value | Number) -> Value:
        return _binary(ops.MOD, self, other if isinstance(other, Value) else as_value(other))

    def __rmod__(self, other: Number) -> Value:
        return _binary(ops.MOD, as_value(other), self)

    def __floordiv__(self, other: Value | Number) -> Value:
        return apply(ops.FLOOR_DIVIDE, self, as_value(other))

    def __rfloordiv__(self, other: Number) -> Value:
        return apply(ops.FLOOR_DIVIDE, as_value(other), self)

    def __neg__(self) -> Value:
        return self._unary(ops.NEG)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return self._unary(ops.ABS)

    def __round__(self, ndigits: int | None = None) -> Value:
        if not ndigits:
            return apply(ops.ROUND, self)
        scale = 10.0 ** abs(ndigits)
        return round(self * scale) / scale if ndigits > 0 else round(self / scale) * scale

    def _unary(self, op: Op) -> Self:
        if open_blocks:
            now = here()
            if (recorder := now.recorder) is not None:
                return recorder.node(op, (self,))  # type: ignore[no-any-return]
            if now is not PLAIN:
                if now.is_detached and not blocks_in_doubt:
                    return _detached(op, (self,), self.data)  # type: ignore[return-value]
                return _within_blocks(op, (self,))  # type: ignore[return-value]
        x = self.data
        try:
            out = op.forward(float_math, x)
        except Exception as error:
            refuse_inputs(op, (self,), error)
            raise
        (rule,) = op.partials
        node = _new_object(Value)
        node.data = out
        node.grad = NOT_COMPUTED
        node.op = op
        node.parents = (self,)
        node.partials = op.fixed_partials or (rule(float_math, out, x),)  # type: ignore[operator]
        node._label = ""
        return node  # type: ignore[return-value]


def as_value(number: Value | Number) -> Value:
    """The Value itself, or a constant leaf for a plain number.

    Raises:
        NotANumberError: for an array, a string or anything else that is not one number.

    >>> as_value(2)
    Value(data=2.0, grad=0.0)
    """
    if isinstance(number, Value):
        return number
    constant = Value(number)
    constant.op = ops.CONSTANT
    return constant


def apply(op: Op, *inputs: Value) -> Value:
    """The node ``op(*inputs)``, with its local derivatives.

    Raises:
        TypeError: if the number of inputs is not the op's.

    >>> apply(ops.MAXIMUM, Value(1.0), Value(2.0)).partials
    (0.0, 1.0)
    """
    arity = op.arity
    if arity is not None and len(inputs) != arity:
        raise TypeError(f"{op.name} takes {arity} inputs, got {len(inputs)}")
    if op.closed:
        note_cut(op, inputs)
    if arity == 1:
        return inputs[0]._unary(op)
    if arity == 2:
        return _binary(op, *inputs)
    return _any_arity(op, inputs)


# Making nodes. These are the hot path of the eager engine: one frame per arity, the record of the
# op read once, no keyword arguments (``python -m tests.benchmarks engine`` prints the nanoseconds
# per node). Where a block such as ``no_grad`` is open in this context, they leave it to
# ``_within_blocks`` and to the recorder.


def _binary(op: Op, left: Value, right: Value) -> Value:
    if open_blocks:
        now = here()
        if (recorder := now.recorder) is not None:
            return recorder.binary(op, left, right)  # type: ignore[no-any-return]
        if now is not PLAIN:
            if now.is_detached and not blocks_in_doubt:
                return _detached(op, (left, right), left.data, right.data)
            return _within_blocks(op, (left, right))
    a = left.data
    b = right.data
    try:
        out = op.forward(float_math, a, b)
    except Exception as error:
        refuse_inputs(op, (left, right), error)
        raise
    partials = op.fixed_partials
    if partials is None:
        rule_a, rule_b = op.partials
        partials = (
            rule_a if rule_a.__class__ is float else rule_a(float_math, out, a, b),  # type: ignore[operator]
            rule_b if rule_b.__class__ is float else rule_b(float_math, out, a, b),  # type: ignore[operator]
        )
    node = _new_object(Value)
    node.data = out
    node.grad = NOT_COMPUTED
    node.op = op
    node.parents = (left, right)
    node.partials = partials
    node._label = ""
    return node


def _any_arity(op: Op, parents: tuple[Value, ...]) -> Value:
    if open_blocks and here() is not PLAIN:
        return _within_blocks(op, parents)
    return _computed(op, parents, [parent.data for parent in parents])


def _computed(op: Op, parents: tuple[Value, ...], numbers: Sequence[float]) -> Value:
    try:
        out = op.compute(float_math, numbers)
    except Exception as error:
        refuse_inputs(op, parents, error)
        raise
    return new_node(out, op, parents, op.local_partials(float_math, out, numbers))


def _detached(op: Op, parents: tuple[Value, ...], *numbers: Any) -> Value:
    """The result as a plain leaf."""
    try:
        return new_node(op.forward(float_math, *numbers))
    except Exception as error:
        refuse_inputs(op, parents, error)
        raise


def _within_blocks(op: Op, parents: tuple[Value, ...]) -> Value:
    """A node as the blocks that are open here want it."""
    now = current()
    if now.recorder is not None:
        return now.recorder.node(op, parents)  # type: ignore[no-any-return]
    numbers = [parent.data for parent in parents] if now.numbers is None else now.read(parents)
    if now.recorded:
        node = _computed(op, parents, numbers)
    else:
        node = _detached(op, parents, *([numbers] if op.variadic else numbers))
    for observer in now.observers:
        node = observer.made(node, op, parents)
    return node


def new_node(
    data: float,
    op: Op | None = None,
    parents: tuple[Value, ...] = (),
    partials: tuple[float, ...] = (),
) -> Value:
    """A node, or a leaf, of what is right already: nothing is checked, and nobody is told.

    >>> new_node(2.0)
    Value(data=2.0, grad=0.0)
    """
    node = _new_object(Value)
    node.data = data
    node.grad = NOT_COMPUTED
    node.op = op
    node.parents = parents
    node.partials = partials
    node._label = ""
    return node


relax_garbage_collector()
