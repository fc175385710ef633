"""The engine: ``Value`` records the graph of a scalar computation, ``backward`` differentiates it.

A Value keeps the operation and the parents it came from and, from the moment it is made, the local
derivative by each parent. ``backward`` is one plain loop over the nodes in reverse topological
order, to be stepped through in a debugger. It stands on the table in ``ops`` and on ``float_math``.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from copy import deepcopy
from itertools import chain, starmap
from operator import attrgetter, call
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import ops
from tinygrad_mlp._at_once import run_at_once
from tinygrad_mlp._drop_in import (
    NotKept,
    ReadOnly,
    backward_of,
    parents_as_set,
    refuse_as_number,
    refuse_children,
    text_of_op,
)
from tinygrad_mlp._freezing import FROZEN, changes, note_change
from tinygrad_mlp._interpreter import Interpreter
from tinygrad_mlp._node_checks import check_numbers, checked_label, refuse_inputs
from tinygrad_mlp._places import Keys, Owner, Place
from tinygrad_mlp._recording import (
    PLAIN,
    ArrayCheck,
    blocks_in_doubt,
    class_changes,
    current,
    enable_grad,
    here,
    no_grad,
    note_leaf,
    observed_backward,
    open_blocks,
    recorder_of_thread,
)
from tinygrad_mlp._words import NotASetting
from tinygrad_mlp.errors import (
    BatchStatisticsError,
    GraphError,
    InvalidArgumentError,
    NotANumberError,
)
from tinygrad_mlp.ops import Op

__all__ = [
    "Number",
    "Value",
    "apply",
    "as_value",
    "assign",
    "clear_frozen",
    "compare",
    "enable_grad",
    "give_zero",
    "has_recorder",
    "local_partials",
    "no_grad",
    "number_of",
    "numbers_of",
    "orders_of",
    "over_batch",
    "places_of",
    "put_in_place",
    "put_row_in_place",
    "read_numbers",
    "read_unchecked",
    "set_requires_grad",
    "topological_order",
    "uniform",
    "write_numbers",
]

Number = float | int | np.floating[Any] | np.integer[Any]
"""What is accepted wherever a Value is: a plain number, a NumPy scalar, a 0-d array."""

_NOT_COMPUTED: Final = float("0.0")  # an object of its own: 0.0, but nobody has computed it
_comparisons: set[Op] = set()  # of which there are nodes: eagerly ``<`` gives a bool, ``apply`` one
_new_object = object.__new__


class Value:
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
        m, v, velocity, momentum = NotKept(), NotKept(), NotKept(), NotKept()

    # As the hundred-line engines have them; computed when they are read.
    _prev: ReadOnly[set[Value]] = ReadOnly(parents_as_set)
    _op: ReadOnly[str] = ReadOnly(text_of_op)
    _backward = ReadOnly(backward_of)

    def __init__(
        self, data: Number, label: str = "", _op: None = None, _children: None = None
    ) -> None:
        self.data = data if data.__class__ is float else _as_float(data)
        self.grad = _NOT_COMPUTED
        self.op = None
        self.parents = ()
        self.partials = ()
        self._label = label if label.__class__ is str else checked_label(label)
        if _op is not _children:
            refuse_children()
        if open_blocks and here().is_watched:
            note_leaf(self)

    @property
    def label(self) -> str:
        """A name for the debugger and for drawings, or "".

        Raises:
            NotTextError: if something else than text is assigned.

        >>> a = Value(1.0)
        >>> a.label = "rate"
        >>> a
        Value(data=1.0, grad=0.0, label='rate')
        """
        label = self._label
        return label if isinstance(label, str) else label.text

    @label.setter
    def label(self, label: str) -> None:
        place, checked = self.place, checked_label(label)
        self._label = checked if place is None else Place(place.owner, place.keys, checked)

    @property
    def place(self) -> Place | None:
        """Where it stands in the module that it is a parameter of; None for other Values.

        >>> from tinygrad_mlp.nn import Layer
        >>> weight = Layer(2, 1, rng=0).neurons[0].w[1]
        >>> weight.place.keys, weight.place.owner.path
        (('w', 1), 'neurons.0')
        """
        label = self._label
        return None if isinstance(label, str) else label

    @property
    def is_leaf(self) -> bool:
        """Whether the node has no parents: a parameter, an input, a constant.

        >>> a = Value(1.0)
        >>> a.is_leaf, (a + a).is_leaf
        (True, False)
        """
        return not self.parents

    @property
    def has_grad(self) -> bool:
        """Whether ``grad`` has been computed or assigned since the node was made or cleared.

        >>> a = Value(3.0)
        >>> before = a.has_grad
        >>> (0.0 * a).backward()
        >>> before, a.has_grad, a.grad
        (False, True, 0.0)
        """
        return self.grad is not _NOT_COMPUTED and self.grad is not None

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to it, as in torch; assign False to a leaf to freeze it.

        A frozen leaf has the gradient 0.0, of ``backward`` and of compiled programs, whatever flows
        around it, and optimizers leave it as it is: no weight decay, no momentum. Of what was
        computed: whether any leaf behind it is not frozen. Plain numbers in a formula never are
        asked for; any other leaf is open to gradients until it is frozen.

        Raises:
            GraphError: if it is set for a Value that was computed, or for a plain number.
            InvalidArgumentError: if something else than True or False is assigned.

        >>> w, b = Value(2.0), Value(1.0)
        >>> w.requires_grad = False
        >>> (w * 3.0 + b).backward()
        >>> w.grad, w.has_grad, b.grad
        (0.0, False, 1.0)
        """
        if self.parents:
            leaves = [node for node in topological_order(self) if not node.parents]
            return any([leaf.requires_grad for leaf in leaves])
        return self.op is not ops.CONSTANT and self.partials is not FROZEN

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        set_requires_grad([self], requires_grad)

    def zero_grad(self) -> None:
        """Set ``grad`` to 0.0 and mark it as not computed, as ``value.grad = None`` does too.

        >>> a = Value(3.0)
        >>> a.backward()
        >>> a.zero_grad()
        >>> a.grad, a.has_grad
        (0.0, False)
        """
        self.grad = _NOT_COMPUTED

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
        seed = _as_float(gradient)
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
            upstream = node.grad
            for parent, partial in zip(node.parents, node.partials):
                contribution = upstream * partial
                parent.grad += contribution
        if reached is not order:
            clear_frozen(order)

    def __repr__(self) -> str:
        name = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self.data}, grad={self.grad}{name})"

    def __format__(self, spec: str) -> str:
        return format(number_of(self), spec) if spec else str(self)

    def item(self) -> float:
        """The number, as in torch.

        Raises:
            NotANumberError: if something that is no number was assigned to ``data``.

        >>> (Value(2.0) * 3.0).item()
        6.0
        """
        number = _read(self)
        return number if number.__class__ is float else number_of(self)

    if not TYPE_CHECKING:  # so that a type checker refuses them, too
        __float__ = refuse_as_number("float()")
        __int__ = refuse_as_number("int()")
        __complex__ = refuse_as_number("complex()")
        __trunc__ = refuse_as_number("math.trunc()")
        __floor__ = refuse_as_number("math.floor()")
        __ceil__ = refuse_as_number("math.ceil()")

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        """A copy of the graph, however deep; what is shared with other copies stays shared.

        A parameter that is copied by itself stands in no model.
        """
        if not memo and not self.parents:
            alone = memo[id(self)] = _new_object(type(self))
            state = self.__getstate__()
            alone.__setstate__((*state[:-1], self.label))
            return alone
        for node in topological_order(self):
            if id(node) not in memo:
                copied = memo[id(node)] = _new_object(type(node))
                data, grad, op, parents, *rest = node.__getstate__()
                copies = tuple([memo[id(parent)] for parent in parents])
                partials, label = rest
                label = label if label.__class__ is str else deepcopy(label, memo)
                copied.__setstate__((data, grad, op, copies, partials, label))
        copy: Value = memo[id(self)]
        return copy

    def __getstate__(self) -> tuple[Any, ...]:
        check_numbers([self])
        grad = self.grad if self.has_grad else None
        return (self.data, grad, self.op, self.parents, self.partials, self._label)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.data, grad, self.op, self.parents, self.partials, self._label = state
        self.grad = _NOT_COMPUTED if grad is None else grad
        if self.partials is FROZEN:
            note_change()
        if self.op is not None and self.op.closed and self.op is not ops.WHERE:
            _comparisons.add(self.op)

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
        return _unary(ops.NEG, self)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return _unary(ops.ABS, self)

    def __round__(self, ndigits: int | None = None) -> Value:
        if not ndigits:
            return apply(ops.ROUND, self)
        scale = 10.0 ** abs(ndigits)
        return round(self * scale) / scale if ndigits > 0 else round(self / scale) * scale

    # Comparison by value; ``==`` and ``hash`` stay by identity.

    def __lt__(self, other: Value | Number) -> bool:
        return compare(ops.LESS, self, other)

    def __le__(self, other: Value | Number) -> bool:
        return compare(ops.LESS_EQUAL, self, other)

    def __gt__(self, other: Value | Number) -> bool:
        return compare(ops.GREATER, self, other)

    def __ge__(self, other: Value | Number) -> bool:
        return compare(ops.GREATER_EQUAL, self, other)

    # The functions that people call as methods; all of them are in ``functional``.

    def exp(self) -> Value:
        """e^x. Derivative: e^x."""
        return _unary(ops.EXP, self)

    def exp2(self) -> Value:
        """2^x. Derivative: 2^x log(2)."""
        return _unary(ops.EXP2, self)

    def log(self) -> Value:
        """The natural logarithm. Derivative: 1 / x."""
        return _unary(ops.LOG, self)

    def log2(self) -> Value:
        """The logarithm to the base 2. Derivative: 1 / (x log(2))."""
        return _unary(ops.LOG2, self)

    def log10(self) -> Value:
        """The logarithm to the base 10. Derivative: 1 / (x log(10))."""
        return _unary(ops.LOG10, self)

    def sqrt(self) -> Value:
        """The square root. Derivative: 1 / (2 sqrt(x))."""
        return _unary(ops.SQRT, self)

    def square(self) -> Value:
        """x^2. Derivative: 2 x."""
        return _unary(ops.SQUARE, self)

    def sin(self) -> Value:
        """The sine of x radians. Derivative: cos(x)."""
        return _unary(ops.SIN, self)

    def cos(self) -> Value:
        """The cosine of x radians. Derivative: -sin(x)."""
        return _unary(ops.COS, self)

    def tan(self) -> Value:
        """The tangent of x radians. Derivative: 1 + tan(x)^2."""
        return _unary(ops.TAN, self)

    def arcsin(self) -> Value:
        """The angle whose sine is x. Derivative: 1 / sqrt(1 - x^2)."""
        return _unary(ops.ARCSIN, self)

    def arccos(self) -> Value:
        """The angle whose cosine is x. Derivative: -1 / sqrt(1 - x^2)."""
        return _unary(ops.ARCCOS, self)

    def arctan(self) -> Value:
        """The angle whose tangent is x. Derivative: 1 / (1 + x^2)."""
        return _unary(ops.ARCTAN, self)

    def sinh(self) -> Value:
        """The hyperbolic sine. Derivative: cosh(x)."""
        return _unary(ops.SINH, self)

    def cosh(self) -> Value:
        """The hyperbolic cosine. Derivative: sinh(x)."""
        return _unary(ops.COSH, self)

    def tanh(self) -> Value:
        """The hyperbolic tangent. Derivative: 1 - tanh(x)^2."""
        return _unary(ops.TANH, self)

    def sigmoid(self) -> Value:
        """s = 1 / (1 + e^-x). Derivative: s (1 - s)."""
        return _unary(ops.SIGMOID, self)

    def relu(self) -> Value:
        """max(x, 0). Derivative: 1 where x > 0, else 0 (also at 0)."""
        return _unary(ops.RELU, self)


_DATA: Final = Value.__dict__["data"]  # the slots themselves, whatever the class has meanwhile
_GRAD: Final = Value.__dict__["grad"]
_data_of: Final = attrgetter("data")
_FLOATS: Final = frozenset([float])


def put_in_place(parameter: Value, place: Place) -> None:
    """Say where a parameter stands in its module; a label that a person gave it stays.

    >>> from tinygrad_mlp._places import Owner
    >>> w = Value(2.0, label="slope")
    >>> put_in_place(w, Place(Owner("Line"), ("w",)))
    >>> w.label, w.place.keys
    ('slope', ('w',))
    """
    before = parameter._label
    place.label = before if isinstance(before, str) else before.label
    parameter._label = place


def places_of(parameters: Iterable[Value]) -> list[Place | None]:
    """Where each of many parameters stands.

    >>> from tinygrad_mlp.nn import Neuron
    >>> [place is None for place in places_of([Neuron(1, rng=0).b, Value(2.0)])]
    [False, True]
    """
    labels = [parameter._label for parameter in parameters]
    return [None if label.__class__ is str else label for label in labels]  # type: ignore[misc]


def put_row_in_place(parameters: Sequence[Value], owner: Owner, keys: Sequence[Keys]) -> None:
    """The same for many parameters of one module, each with the keys to it.

    >>> from tinygrad_mlp._places import Owner
    >>> w = [Value(2.0), Value(3.0, label="slope")]
    >>> put_row_in_place(w, Owner("Line"), [("w", 0), ("w", 1)])
    >>> [parameter.label for parameter in w]
    ['w.0', 'slope']
    """
    for parameter, of_each in zip(parameters, keys):
        before = parameter._label
        label = before if before.__class__ is str else before.label  # type: ignore[union-attr]
        parameter._label = Place(owner, of_each, label)


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
    if arity is None:
        return _any_arity(op, inputs)
    if len(inputs) != arity:
        raise TypeError(f"{op.name} takes {arity} inputs, got {len(inputs)}")
    if arity == 1:
        if op.closed:
            _comparisons.add(op)
        return _unary(op, *inputs)
    if arity == 2:
        if op.closed:
            _comparisons.add(op)
        return _binary(op, *inputs)
    return _any_arity(op, inputs)


def numbers_of(values: Sequence[Value]) -> list[float]:
    """The ``data`` of each Value; empty while a function is compiled, when there are no numbers.

    >>> numbers_of([Value(1.0), Value(2.0)])
    [1.0, 2.0]
    """
    if open_blocks:
        now = current()
        return [] if now.recorder is not None else now.read(values)
    return [value.data for value in values]


def read_numbers(values: Sequence[Value]) -> list[float]:
    """The ``data`` of each Value, for arrays and files: only if each of them is one number.

    They are read at once: another thread that assigns numbers at once does it before or after.

    Raises:
        NotANumberError: if something else was assigned to one of them.

    >>> read_numbers([Value(1.0), Value(2.0)])
    [1.0, 2.0]
    """
    numbers = read_unchecked(values)
    if recorder_of_thread() is None and not _FLOATS.issuperset(map(type, numbers)):
        check_numbers(values)
    return numbers


def read_unchecked(values: Sequence[Value]) -> list[float]:
    """``read_numbers`` for those who see by themselves whether they are numbers.

    >>> read_unchecked([Value(1.0), Value(2.0)])
    [1.0, 2.0]
    """
    if recorder_of_thread() is not None:  # which knows what may be read
        return [value.data for value in values]
    before = class_changes[0]
    if open_blocks and (now := current()).numbers is not None:
        return now.read(values)
    if Value.__dict__["data"] is _DATA:
        numbers: list[float] = list(map(_data_of, values))  # one call in C, if that stays so
        if Value.__dict__["data"] is _DATA and class_changes[0] == before:
            return numbers
    return list(map(_DATA.__get__, values))


def write_numbers(
    leaves: Iterable[Value],
    numbers: Sequence[float],
    *,
    grads: Sequence[float] = (),
    and_then: Sequence[tuple[Any, ...]] = (),
) -> None:
    """Set the ``data`` of leaves, all at once: neither Ctrl-C nor another thread comes between.

    Args:
        leaves: the leaves.
        numbers: one for each, in a list.
        grads: what the ``grad`` of as many is set to, in a list.
        and_then: calls of functions written in C, with their arguments, to go with it.

    >>> a, b = Value(1.0), Value(2.0)
    >>> write_numbers([a, b], [3.0, 4.0], grads=[0.5, 0.25])
    >>> a, b
    (Value(data=3.0, grad=0.5), Value(data=4.0, grad=0.25))
    """
    given = list(leaves)
    if recorder_of_thread() is not None:
        for leaf, number in zip(given, numbers):
            leaf.data = number  # it says what is wrong with that
    # By the slots: while another thread records, the class has something else in their place.
    data, grad = map(_DATA.__set__, given, numbers), map(_GRAD.__set__, given, grads)
    run_at_once(chain(data, grad, starmap(call, and_then)))


def dot_node(
    weights: Sequence[Value],
    inputs: Sequence[Value],
    input_numbers: Sequence[float],
    bias: Value | None = None,
) -> Value:
    """The node ``apply(ops.DOT, *weights, *inputs, bias)``, bit for bit, in half the time.

    The neurons of a layer share their inputs, so the layer reads the numbers once for all of them;
    and the local derivatives of a dot are numbers that stand there already, with no rule to call.

    Args:
        weights: w1 ... wn.
        inputs: x1 ... xn, as many; it is not checked here.
        input_numbers: ``numbers_of(inputs)``.
        bias: b, or None.

    >>> w, x, b = [Value(2.0), Value(3.0)], [Value(10.0), Value(100.0)], Value(1.0)
    >>> node = dot_node(w, x, [10.0, 100.0], b)
    >>> node.data, node.partials
    (321.0, (10.0, 100.0, 2.0, 3.0, 1.0))
    """
    now = current() if open_blocks else PLAIN
    if now.is_watched:
        return _any_arity(ops.DOT, (*weights, *inputs, *(() if bias is None else (bias,))))
    weight_numbers = [weight.data for weight in weights]
    start = 0.0 if bias is None else bias.data
    try:
        out = float_math.dot(weight_numbers, input_numbers, start)
    except Exception as error:
        refuse_inputs(ops.DOT, [*weights, *inputs, *(() if bias is None else (bias,))], error)
        raise
    if not now.recorded:
        return _leaf(out)
    node = _new_object(Value)
    node.data = out
    node.grad = _NOT_COMPUTED
    node.op = ops.DOT
    if bias is None:
        node.parents = (*weights, *inputs)
        node.partials = (*input_numbers, *weight_numbers)
    else:
        node.parents = (*weights, *inputs, bias)
        node.partials = (*input_numbers, *weight_numbers, 1.0)
    node._label = ""
    return node


def topological_order(root: Value) -> list[Value]:
    """Every node that ``root`` was computed from, parents before children, root last.

    Depth first, parents from left to right, without recursion: the same graph always gives the same
    order, and a chain of a million nodes is no deeper than any other.

    Raises:
        NotANumberError: if something that is no number was assigned to the ``data`` of a leaf.

    >>> a = Value(1.0, label="a")
    >>> b = a + a; b.label = "b"
    >>> c = b * a; c.label = "c"
    >>> [node.label for node in topological_order(c)]
    ['a', 'b', 'c']
    """
    order, _ = orders_of(root)
    return order


def orders_of(root: Value) -> tuple[list[Value], list[Value]]:
    """The topological order, and of its nodes those that a gradient of ``root`` reaches.

    The second list is without what does nothing but decide a ``where``, or is compared, and without
    frozen leaves: nothing flows there, not even 0 times the infinite slope of a root at 0. It is
    mostly the first list itself.

    Raises:
        NotANumberError: if something that is no number was assigned to the ``data`` of a leaf.

    >>> x, y = Value(0.0, label="x"), Value(3.0, label="y")
    >>> out = apply(ops.WHERE, x.sqrt(), y, y)
    >>> order, reached = orders_of(out)
    >>> len(order), [node.label for node in reached]
    (4, ['y', ''])
    """
    order: list[Value] = []
    visited: set[Value] = set()
    stack: list[Value | None] = [root]
    conditions: list[Value] = []
    leaves: list[Value] = []
    while stack:
        node = stack.pop()
        if node is None:  # below the mark lies a node whose parents are all in the order now
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in visited:
            visited.add(node)
            parents = node.parents
            if len(parents) > 2:
                if node.op is ops.WHERE:
                    conditions.append(parents[0])
                if visited.issuperset(parents):
                    order.append(node)  # what the loop below comes to, faster for a long dot
                    continue
            stack.append(node)
            stack.append(None)
            first = len(stack)
            for parent in parents:
                if parent not in visited:
                    if parent.parents:
                        stack.append(parent)
                    else:
                        visited.add(parent)
                        order.append(parent)
                        leaves.append(parent)
            if len(stack) > first + 1:
                stack[first:] = stack[: first - 1 : -1]  # so that the left one comes first
    if not open_blocks or current().recorder is None:
        check_numbers([*leaves, root], order)
    reached = _reached(order) if _is_cut(order, conditions) else order
    return order, reached if changes[0] is None else _without_frozen(reached)


def _is_cut(order: list[Value], conditions: list[Value]) -> bool:
    """Whether there is a node that nothing flows to: a computed condition, or what is compared."""
    if any([node.parents for node in conditions]):  # mostly they are plain truth values
        return True
    return bool(_comparisons) and not _comparisons.isdisjoint([node.op for node in order])


def _without_frozen(reached: list[Value]) -> list[Value]:
    """The nodes but for frozen leaves; the list itself where there are none."""
    open_to_gradients = [node for node in reached if node.partials is not FROZEN]
    return reached if len(open_to_gradients) == len(reached) else open_to_gradients


def give_zero(order: Sequence[Value], reached: Sequence[Value]) -> None:
    """Let the leaves that nothing flows to have the gradient 0 (or keep it), as a computed one.

    >>> x, y = Value(4.0), Value(3.0)
    >>> give_zero([x, y], [y])
    >>> x.grad, x.has_grad, y.has_grad
    (0.0, True, False)
    """
    for node in set(order).difference(reached):
        node.grad = 0.0 + node.grad  # which is computed now; of what is no leaf it is 0 by now


def clear_frozen(order: Iterable[Value]) -> None:
    """Take from the frozen leaves what has flowed to them: they have no gradient.

    >>> w = Value(2.0)
    >>> w.requires_grad = False
    >>> w.grad += 3.0
    >>> clear_frozen([w])
    >>> w.grad, w.has_grad
    (0.0, False)
    """
    for node in order:
        if node.partials is FROZEN:
            node.grad = _NOT_COMPUTED


def set_requires_grad(leaves: Iterable[Value], requires_grad: bool) -> None:
    """Freeze leaves, or let gradients flow to them again; their gradients are cleared.

    Raises:
        GraphError: if one of them was computed from others, or is a plain number of a formula.
        InvalidArgumentError: if that is neither True nor False.

    >>> w = [Value(2.0), Value(3.0)]
    >>> set_requires_grad(w, False)
    >>> [leaf.requires_grad for leaf in w]
    [False, False]
    """
    if not isinstance(requires_grad, bool | np.bool_):
        raise InvalidArgumentError(
            f"requires_grad is {requires_grad!r}, but True or False is needed: "
            "value.requires_grad = False"
        )
    given = list(leaves)
    for leaf in given:
        if leaf.parents or leaf.op is not None:
            what = "was computed from other Values" if leaf.parents else "is a plain number"
            raise GraphError(
                f"requires_grad is set for leaves, such as parameters, and {leaf!r} {what}; to "
                "compute without a graph: with no_grad(): ..."
            )
    partials = () if requires_grad else FROZEN
    changed = [leaf for leaf in given if leaf.partials is not partials]
    for leaf in changed:
        leaf.partials = partials
        leaf.grad = _NOT_COMPUTED
    if changed:
        note_change()


def _reached(order: list[Value]) -> list[Value]:
    reached = {order[-1]}
    for node in reversed(order):
        if node in reached:
            closed = () if node.op is None else node.op.closed
            reached.update([x for place, x in enumerate(node.parents) if place not in closed])
    return [node for node in order if node in reached]


def number_of(value: Value) -> float:
    """The ``data`` of a Value as a float.

    Raises:
        NotANumberError: if something that is no number was assigned to it.

    >>> count = Value(1.0)
    >>> count.data = 3
    >>> number_of(count)
    3.0
    """
    check_numbers([value])
    return _as_float(value.data)


# Making nodes. These are the hot path of the eager engine: one frame per arity, the record of the
# op read once, no keyword arguments (``python -m tests.benchmarks engine`` prints the nanoseconds
# per node). Where a block of ``recording`` is open in this context, they leave it to ``_any_arity``
# and to the recorder.


def _unary(op: Op, parent: Value) -> Value:
    if open_blocks:
        now = here()
        if (recorder := now.recorder) is not None:
            return recorder.unary(op, parent)  # type: ignore[no-any-return]
        if now is not PLAIN:
            if now.is_detached and not blocks_in_doubt:
                return _detached(op, (parent,), parent.data)
            return _within_blocks(op, (parent,))
    x = parent.data
    try:
        out = op.forward(float_math, x)
    except Exception as error:
        refuse_inputs(op, (parent,), error)
        raise
    (rule,) = op.partials
    node = _new_object(Value)
    node.data = out
    node.grad = _NOT_COMPUTED
    node.op = op
    node.parents = (parent,)
    node.partials = op.fixed_partials or (rule(float_math, out, x),)  # type: ignore[operator]
    node._label = ""
    return node


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
    node.grad = _NOT_COMPUTED
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
    node = _new_object(Value)
    node.data = out
    node.grad = _NOT_COMPUTED
    node.op = op
    node.parents = parents
    node.partials = local_partials(op, float_math, out, numbers)
    node._label = ""
    return node


def _detached(op: Op, parents: tuple[Value, ...], *numbers: Any) -> Value:
    """The result as a plain leaf."""
    try:
        return _leaf(op.forward(float_math, *numbers))
    except Exception as error:
        refuse_inputs(op, parents, error)
        raise


def _within_blocks(op: Op, parents: tuple[Value, ...]) -> Value:
    """A node as the blocks that are open here want it."""
    now = current()
    if now.recorder is not None:
        return now.recorder.any_arity(op, parents)  # type: ignore[no-any-return]
    numbers = [parent.data for parent in parents] if now.numbers is None else now.read(parents)
    if now.recorded:
        node = _computed(op, parents, numbers)
    else:
        node = _detached(op, parents, *([numbers] if op.variadic else numbers))
    for observer in now.observers:
        node = observer.made(node, op, parents)
    return node


def compare(op: Op, left: Value, right: Value | Number) -> bool:
    """A comparison by value, such as ``ops.LESS``; a node instead while a function is compiled.

    >>> compare(ops.LESS, Value(1.0), 2.0)
    True
    """
    now = current() if open_blocks else PLAIN
    if now.recorder is not None:
        return now.recorder.compare(op, left, right)  # type: ignore[no-any-return]
    number = now.read([right])[0] if isinstance(right, Value) else _as_float(right)
    try:
        return bool(op.forward(float_math, now.read([left])[0], number))
    except Exception as error:
        refuse_inputs(op, (left,), error)
        raise


def uniform(rng: np.random.Generator) -> Value:
    """A random leaf, uniform in [0, 1); a compiled program draws it anew at each call.

    ``where(uniform(rng) < 0.8, x / 0.8, 0.0)`` is dropout. Eager and compiled draw the same numbers
    from the same generator: sample by sample, in the order of the calls.

    >>> rng = np.random.default_rng(0)
    >>> uniform(rng).data == np.random.default_rng(0).random()
    True
    """
    recorder = current().recorder
    if recorder is not None:
        return recorder.uniform(rng)  # type: ignore[no-any-return]
    leaf = Value(rng.random())
    leaf.op = ops.CONSTANT
    return leaf


def over_batch(op: Op, value: Value) -> Value:
    """The sum or the mean of a Value over the samples of a batch, where one sample is recorded.

    Args:
        op: ``ops.BATCH_SUM`` or ``ops.BATCH_MEAN``.
        value: of one sample.

    Raises:
        BatchStatisticsError: where there is no batch.

    >>> over_batch(ops.BATCH_MEAN, Value(2.0))
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.BatchStatisticsError: batch_mean is taken over the samples of a batch, ...
    """
    recorder = current().recorder
    node: Value | None = None if recorder is None else recorder.over_batch(op, value)
    if node is None:
        error = BatchStatisticsError(
            f"{op.name} is taken over the samples of a batch, and here is one sample alone. The "
            "steps of fit have the batch, and so has compile(loss, parameters, per_sample=True). "
            "To use a model as it predicts, call model.eval() first: BatchNorm then takes its "
            "running statistics. A module of your own keeps such numbers in a Buffer while "
            "self.training holds, and takes them where it does not: "
            f"{op.name}(x) if self.training else self.kept"
        )
        error.reason = f"{op.name} is taken over the samples of a batch"
        raise error
    return node


def check_at_calls(check: ArrayCheck, values: Sequence[Value]) -> None:
    """Have a compiled program check these arguments of it at each call.

    For what can only be checked when the numbers are there. Where no function is being compiled, it
    does nothing.

    Args:
        check: its ``check_array`` gets these numbers as a row, together with all rows of the call.
        values: Values that the function was called with.
    """
    recorder = current().recorder
    if recorder is not None:
        recorder.check_at_calls(check, values)


def _read(value: Value) -> float:
    if open_blocks:
        now = current()
        if now.recorder is not None:
            return now.recorder.read(value)
        return now.read([value])[0]
    return value.data


def has_recorder() -> bool:
    """Whether somebody records the nodes that are made in this context, or looks at them.

    >>> has_recorder()
    False
    """
    now = current() if open_blocks else PLAIN
    return bool(now.recorder or now.observers or recorder_of_thread())


def assign(leaf: Value, value: Value | Number) -> None:
    """Set a leaf's number to that of ``value``, outside the graph; a compiled program does it too.

    For running statistics and the like: no gradient flows through an assignment.

    Raises:
        GraphError: if the target is not a leaf.

    >>> running_mean = Value(0.0)
    >>> assign(running_mean, 0.9 * running_mean + 0.1 * 5.0)
    >>> running_mean.data
    0.5
    """
    if leaf.parents:
        raise GraphError("assign changes a leaf, and this Value was computed from others")
    recorder = current().recorder
    if recorder is not None:
        recorder.assign(leaf, as_value(value))
    else:
        leaf.data = as_value(value).data


def _leaf(data: float) -> Value:
    node = _new_object(Value)
    node.data = data
    node.grad = _NOT_COMPUTED
    node.op = None
    node.parents = node.partials = ()
    node._label = ""
    return node


def local_partials(op: Op, xp: Interpreter, out: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """d out / d input for each input, as ``xp`` interprets the op's rules.

    >>> local_partials(ops.MUL, float_math, 6.0, [2.0, 3.0])
    (3.0, 2.0)
    """
    if op.joint_partials is not None:
        return tuple(op.joint_partials(xp, out, inputs))
    if op.variadic:
        (rule,) = op.partials
        if isinstance(rule, float):
            return (rule,) * len(inputs)
        return tuple([rule(xp, out, x) for x in inputs])
    return tuple(
        [rule if isinstance(rule, float) else rule(xp, out, *inputs) for rule in op.partials]
    )


def _as_float(number: object) -> float:
    """The number as a float; refuses what is not exactly one number."""
    if isinstance(number, float | int):
        pass
    elif isinstance(number, Value):
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
        return float_math.inf if number > 0 else -float_math.inf


def _refuse_array(array: np.ndarray[Any, Any]) -> NoReturn:
    raise NotANumberError(
        f"a Value holds one number, got an array of shape {array.shape}; "
        "work element by element, for example [x * value for x in array]"
    )


def _relax_garbage_collector() -> None:
    """Let Python look for cyclic garbage less often than after every 700 new objects.

    A graph has no cycles (a node knows its parents, never its children) and is freed the moment its
    output is dropped. Python cannot know that and walks the growing graph again and again, which
    more than doubles the time of the forward pass. A threshold that somebody has raised further, or
    switched off, stays as it is.
    """
    first, second, third = gc.get_threshold()
    if 0 < first < 10_000:
        gc.set_threshold(10_000, max(second, 100), third)


_relax_garbage_collector()
