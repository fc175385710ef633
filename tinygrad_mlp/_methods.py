"""What can be asked of a Value, and functions and comparisons as its methods."""

from __future__ import annotations

from typing import Any, Self

from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import ops
from tinygrad_mlp._blocks import PLAIN, current, open_blocks
from tinygrad_mlp._freezing import is_frozen, set_requires_grad
from tinygrad_mlp._node import NOT_COMPUTED
from tinygrad_mlp._node_checks import as_float, checked_label, is_node, number_of, refuse_inputs
from tinygrad_mlp._order import topological_order
from tinygrad_mlp._places import Place
from tinygrad_mlp.op import Op

__all__ = ["Methods", "compare"]


class Methods:
    """What a Value has beside arithmetic and ``backward``; all functions are in ``functional``.

    >>> from tinygrad_mlp import Value
    >>> Value(0.0).exp().data, Value(1.0) < 2.0
    (1.0, True)
    """

    __slots__ = ()

    data: float
    grad: float
    op: Op | None
    parents: tuple[Any, ...]
    partials: tuple[float, ...]
    _label: str | Place

    def _unary(self, op: Op) -> Self:
        raise NotImplementedError

    # What can be asked of a node

    @property
    def label(self) -> str:
        """A name for the debugger and for drawings, or "".

        Raises:
            NotTextError: if something else than text is assigned.

        >>> from tinygrad_mlp import Value
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
        if place is not None:
            self._label = Place(place.owner, place.keys, checked, place.is_kept)  # type: ignore[misc]
        else:
            self._label = checked  # type: ignore[misc]

    @property
    def place(self) -> Place | None:
        """Where it stands in the module that it is a parameter or a buffer of; else None.

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

        >>> from tinygrad_mlp import Value
        >>> a = Value(1.0)
        >>> a.is_leaf, (a + a).is_leaf
        (True, False)
        """
        return not self.parents

    @property
    def has_grad(self) -> bool:
        """Whether ``grad`` has been computed or assigned since the node was made or cleared.

        >>> from tinygrad_mlp import Value
        >>> a = Value(3.0)
        >>> before = a.has_grad
        >>> (0.0 * a).backward()
        >>> before, a.has_grad, a.grad
        (False, True, 0.0)
        """
        return self.grad is not NOT_COMPUTED and self.grad is not None

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

        >>> from tinygrad_mlp import Value
        >>> w, b = Value(2.0), Value(1.0)
        >>> w.requires_grad = False
        >>> (w * 3.0 + b).backward()
        >>> w.grad, w.has_grad, b.grad
        (0.0, False, 1.0)
        """
        if self.parents:
            leaves = [node for node in topological_order(self) if not node.parents]
            return any([leaf.requires_grad for leaf in leaves])
        return self.op is not ops.CONSTANT and not is_frozen(self)

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        set_requires_grad([self], requires_grad)

    def __format__(self, spec: str) -> str:
        return format(number_of(self), spec) if spec else str(self)

    def item(self) -> float:
        """The number, as in torch.

        Raises:
            NotANumberError: if something that is no number was assigned to ``data``.

        >>> from tinygrad_mlp import Value
        >>> (Value(2.0) * 3.0).item()
        6.0
        """
        number = current().item(self) if open_blocks else self.data
        return number if number.__class__ is float else number_of(self)

    # Functions

    def exp(self) -> Self:
        """e^x. Derivative: e^x."""
        return self._unary(ops.EXP)

    def exp2(self) -> Self:
        """2^x. Derivative: 2^x log(2)."""
        return self._unary(ops.EXP2)

    def log(self) -> Self:
        """The natural logarithm. Derivative: 1 / x."""
        return self._unary(ops.LOG)

    def log2(self) -> Self:
        """The logarithm to the base 2. Derivative: 1 / (x log(2))."""
        return self._unary(ops.LOG2)

    def log10(self) -> Self:
        """The logarithm to the base 10. Derivative: 1 / (x log(10))."""
        return self._unary(ops.LOG10)

    def sqrt(self) -> Self:
        """The square root. Derivative: 1 / (2 sqrt(x))."""
        return self._unary(ops.SQRT)

    def square(self) -> Self:
        """x^2. Derivative: 2 x."""
        return self._unary(ops.SQUARE)

    def sin(self) -> Self:
        """The sine of x radians. Derivative: cos(x)."""
        return self._unary(ops.SIN)

    def cos(self) -> Self:
        """The cosine of x radians. Derivative: -sin(x)."""
        return self._unary(ops.COS)

    def tan(self) -> Self:
        """The tangent of x radians. Derivative: 1 + tan(x)^2."""
        return self._unary(ops.TAN)

    def arcsin(self) -> Self:
        """The angle whose sine is x. Derivative: 1 / sqrt(1 - x^2)."""
        return self._unary(ops.ARCSIN)

    def arccos(self) -> Self:
        """The angle whose cosine is x. Derivative: -1 / sqrt(1 - x^2)."""
        return self._unary(ops.ARCCOS)

    def arctan(self) -> Self:
        """The angle whose tangent is x. Derivative: 1 / (1 + x^2)."""
        return self._unary(ops.ARCTAN)

    def sinh(self) -> Self:
        """The hyperbolic sine. Derivative: cosh(x)."""
        return self._unary(ops.SINH)

    def cosh(self) -> Self:
        """The hyperbolic cosine. Derivative: sinh(x)."""
        return self._unary(ops.COSH)

    def tanh(self) -> Self:
        """The hyperbolic tangent. Derivative: 1 - tanh(x)^2."""
        return self._unary(ops.TANH)

    def sigmoid(self) -> Self:
        """s = 1 / (1 + e^-x). Derivative: s (1 - s)."""
        return self._unary(ops.SIGMOID)

    def relu(self) -> Self:
        """max(x, 0). Derivative: 1 where x > 0, else 0 (also at 0)."""
        return self._unary(ops.RELU)

    # Comparison by value; ``==`` and ``hash`` stay by identity.

    def __lt__(self, other: Any) -> bool:
        return compare(ops.LESS, self, other)

    def __le__(self, other: Any) -> bool:
        return compare(ops.LESS_EQUAL, self, other)

    def __gt__(self, other: Any) -> bool:
        return compare(ops.GREATER, self, other)

    def __ge__(self, other: Any) -> bool:
        return compare(ops.GREATER_EQUAL, self, other)


def compare(op: Op, left: Any, right: Any) -> bool:
    """A comparison by value, such as ``ops.LESS``; a node instead while a function is compiled.

    >>> from tinygrad_mlp import Value
    >>> compare(ops.LESS, Value(1.0), 2.0)
    True
    """
    now = current() if open_blocks else PLAIN
    if now.recorder is not None:
        return now.recorder.compare(op, left, right)  # type: ignore[no-any-return]
    number = now.read([right])[0] if is_node(right) else as_float(right)
    try:
        return bool(op.forward(float_math, now.read([left])[0], number))
    except Exception as error:
        refuse_inputs(op, (left,), error)
        raise
