"""The namespace that interprets a rule as nodes of an ONNX graph.

The rule of an operation says how its value is computed; here each function that it calls becomes a
node, so that an operation that is declared outside the package is written as those of the package
are. ONNX has no expm1, log1p or erfc, and onnxruntime lacks some functions in float64: what is
missing is written with what is there, such that small results keep all their digits.

In float32 what ONNX has an exact node for is that node (``IN_FLOAT32``). In float64 it is the rule:
attributes are 32-bit numbers also there, and onnxruntime has a kernel for LeakyRelu up to opset 18
alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.ops import Op

__all__ = ["IN_FLOAT32", "OnnxGraph", "OnnxMath", "Tensor", "computed"]

NOT_IN_FLOAT64: Final = {"Acos": "arccos", "Asin": "arcsin", "Atan": "arctan", "Erf": "erfc"}
"""The nodes for which onnxruntime has no float64 kernel, with what calls them here."""


class OnnxGraph:
    """Nodes and initializers, as they are made; ``onnx`` gets them at the end.

    Args:
        dtype: of all numbers.
        opset: the version of the operator set.

    Attributes:
        nodes: of each node the type, the names of its inputs, that of its output, attributes.
        initializers: arrays by name.
        what: the operation that is being written, for messages.

    >>> graph = OnnxGraph(np.dtype("float32"), 20)
    >>> x = Tensor(graph, "x")
    >>> y = 2.0 * x + 1.0
    >>> [node[:3] for node in graph.nodes]
    [('Mul', ['/c0', 'x'], '/Mul_0'), ('Add', ['/Mul_0', '/c1'], '/Add_1')]
    """

    def __init__(self, dtype: np.dtype[Any], opset: int) -> None:
        self.dtype = dtype
        self.opset = opset
        self.nodes: list[tuple[str, list[str], str, dict[str, Any]]] = []
        self.initializers: dict[str, NDArray[Any]] = {}
        self.what = ""
        self._constants: dict[tuple[Any, ...], str] = {}

    def add(self, kind: str, *inputs: Any, is_bool: bool = False, **attributes: Any) -> Tensor:
        """One more node; its output. Numbers become initializers.

        Raises:
            InvalidArgumentError: for one that onnxruntime cannot compute in float64.
        """
        if kind in NOT_IN_FLOAT64 and self.dtype == np.float64:
            raise InvalidArgumentError(
                f"{self.what or NOT_IN_FLOAT64[kind]} cannot be exported in float64: it needs "
                f"{NOT_IN_FLOAT64[kind]}, the ONNX node {kind}, and onnxruntime has no float64 "
                "kernel for that; write to_onnx(model, path, dtype='float32')"
            )
        names = [self.tensor(each).name for each in inputs]
        name = f"/{kind}_{len(self.nodes)}"
        self.nodes.append((kind, names, name, attributes))
        return Tensor(self, name, is_bool)

    def keep_only(self, outputs: Sequence[str]) -> None:
        """Leave out the nodes and initializers that these outputs do not need."""
        needed = set(outputs)
        kept = []
        for node in reversed(self.nodes):
            _, inputs, output, _ = node
            if output in needed:
                needed.update(inputs)
                kept.append(node)
        self.nodes = kept[::-1]
        self.initializers = {
            name: array for name, array in self.initializers.items() if name in needed
        }

    def tensor(self, thing: Any) -> Tensor:
        """A tensor as it is; a number or an array as an initializer."""
        return thing if isinstance(thing, Tensor) else self.constant(thing)

    def number(self, thing: Any) -> Tensor:
        """The same, where 1 and 0 stand for true and false."""
        tensor = self.tensor(thing)
        if not tensor.is_bool:
            return tensor
        return self.add("Where", tensor, 1.0, 0.0)

    def constant(self, numbers: ArrayLike, name: str = "") -> Tensor:
        """Numbers as an initializer. Floats have the dtype of the graph; equal ones are one.

        Raises:
            InvalidArgumentError: for a number that is too large for it.
        """
        array = np.asarray(numbers)
        if array.dtype.kind == "f":
            array = self._in_its_dtype(array, name)
        key = (name, array.dtype.str, array.shape, array.tobytes())
        known = self._constants.get(key)
        if known is None:
            known = self._constants[key] = name or f"/c{len(self.initializers)}"
            self.initializers[known] = array
        return Tensor(self, known, array.dtype.kind == "b")

    def _in_its_dtype(self, array: NDArray[Any], name: str) -> NDArray[Any]:
        with np.errstate(over="ignore"):
            rounded: NDArray[Any] = array.astype(self.dtype)
        too_large = np.isinf(rounded) & np.isfinite(array)
        if too_large.any():
            raise InvalidArgumentError(
                f"{name or 'a constant'} holds {array[too_large][0]:g}, which is too large for "
                f"{self.dtype}; write to_onnx(model, path, dtype='float64')"
            )
        return rounded


class Tensor:
    """The output of a node, on which a rule computes with ``+ - *`` and comparisons.

    Attributes:
        name: its name in the graph.
        is_bool: whether it holds true and false.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, graph: OnnxGraph, name: str, is_bool: bool = False) -> None:
        self.graph = graph
        self.name = name
        self.is_bool = is_bool

    def _with(self, kind: str, left: Any, right: Any, is_bool: bool = False) -> Tensor:
        number = self.graph.number
        return self.graph.add(kind, number(left), number(right), is_bool=is_bool)

    def __add__(self, other: Any) -> Tensor:
        return self._with("Add", self, other)

    def __radd__(self, other: Any) -> Tensor:
        return self._with("Add", other, self)

    def __sub__(self, other: Any) -> Tensor:
        return self._with("Sub", self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return self._with("Sub", other, self)

    def __mul__(self, other: Any) -> Tensor:
        return self._with("Mul", self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return self._with("Mul", other, self)

    def __neg__(self) -> Tensor:
        return self.graph.add("Neg", self.graph.number(self))

    def __lt__(self, other: Any) -> Tensor:
        return self._with("Less", self, other, is_bool=True)

    def __le__(self, other: Any) -> Tensor:
        return self._with("LessOrEqual", self, other, is_bool=True)

    def __gt__(self, other: Any) -> Tensor:
        return self._with("Greater", self, other, is_bool=True)

    def __ge__(self, other: Any) -> Tensor:
        return self._with("GreaterOrEqual", self, other, is_bool=True)


def _node(kind: str) -> Callable[[OnnxMath, Any], Tensor]:
    def function(xp: OnnxMath, x: Any, /) -> Tensor:
        return xp.graph.add(kind, xp.graph.number(x))

    function.__doc__ = f"The node {kind}."
    return function


def _node_of_two(kind: str) -> Callable[[OnnxMath, Any, Any], Tensor]:
    def function(xp: OnnxMath, a: Any, b: Any, /) -> Tensor:
        return xp.graph.add(kind, xp.graph.number(a), xp.graph.number(b))

    function.__doc__ = f"The node {kind}."
    return function


class OnnxMath:
    """What a rule calls, as nodes of one graph.

    Variadic rules get a tensor whose last axis has the operands.

    >>> graph = OnnxGraph(np.dtype("float64"), 20)
    >>> OnnxMath(graph).exp(Tensor(graph, "x")).name
    '/Exp_0'
    """

    def __init__(self, graph: OnnxGraph) -> None:
        self.graph = graph

    absolute = _node("Abs")
    arccos = _node("Acos")
    arcsin = _node("Asin")
    arctan = _node("Atan")
    cos = _node("Cos")
    exp = _node("Exp")
    log = _node("Log")
    rint = _node("Round")
    sin = _node("Sin")
    sqrt = _node("Sqrt")
    tanh = _node("Tanh")
    divide = _node_of_two("Div")
    maximum = _node_of_two("Max")
    minimum = _node_of_two("Min")
    power = _node_of_two("Pow")

    def equal(self, a: Any, b: Any, /) -> Tensor:
        """Whether they are equal."""
        number = self.graph.number
        return self.graph.add("Equal", number(a), number(b), is_bool=True)

    def where(self, condition: Any, a: Any, b: Any, /) -> Tensor:
        """a where the condition holds, else b; of numbers all but 0 hold."""
        holds = self.graph.tensor(condition)
        number = self.graph.number
        if not holds.is_bool:
            return self.graph.add("Where", self.equal(holds, 0.0), number(b), number(a))
        return self.graph.add("Where", holds, number(a), number(b))

    def exp2(self, x: Any, /) -> Tensor:
        """2^x."""
        return self.power(2.0, x)

    def expm1(self, x: Any, /) -> Tensor:
        """e^x - 1: up to 1/2 by t = tanh(x / 2), with which it is 2 t / (1 - t)."""
        t = self.tanh(0.5 * self.graph.number(x))
        return self.where(x > 0.5, self.exp(x) - 1.0, self.divide(2.0 * t, 1.0 - t))

    def log1p(self, x: Any, /) -> Tensor:
        """log(1 + x): with w = 1 + x as it is rounded, x log(w) / (w - 1).

        Source: Kahan, as in Higham, Accuracy and Stability of Numerical Algorithms, 1.14.1. Where
        nothing is rounded it is log(w), also at -1 and inf; where w is 1, it is x.
        """
        w = 1.0 + self.graph.number(x)
        less_one = w - 1.0
        log_w = self.log(w)
        corrected = self.divide(x * log_w, less_one)
        either = self.where(self.equal(less_one, x), log_w, corrected)
        return self.where(self.equal(less_one, 0.0), x, either)

    def log2(self, x: Any, /) -> Tensor:
        """The logarithm to the base 2."""
        return self.log(x) * (1.0 / math.log(2.0))

    def log10(self, x: Any, /) -> Tensor:
        """The logarithm to the base 10."""
        return self.log(x) * (1.0 / math.log(10.0))

    def erfc(self, x: Any, /) -> Tensor:
        """1 - erf(x)."""
        return 1.0 - self.graph.add("Erf", self.graph.number(x))

    def sigmoid(self, x: Any, /) -> Tensor:
        """1 / (1 + e^-x), which keeps the digits of small results."""
        return self.divide(1.0, 1.0 + self.exp(-self.graph.number(x)))

    def softplus(self, x: Any, /) -> Tensor:
        """log(1 + e^x) without overflow."""
        return self.maximum(x, 0.0) + self.log1p(self.exp(-self.absolute(x)))

    def sign(self, x: Any, /) -> Tensor:
        """1 above 0, -1 below, else x: 0 or nan."""
        return self.where(x > 0.0, 1.0, self.where(x < 0.0, -1.0, x))

    def tan(self, x: Any, /) -> Tensor:
        """The tangent."""
        return self.divide(self.sin(x), self.cos(x))

    def cosh(self, x: Any, /) -> Tensor:
        """(e^x + e^-x) / 2."""
        return 0.5 * self.exp(x) + 0.5 * self.exp(-self.graph.number(x))

    def sinh(self, x: Any, /) -> Tensor:
        """(e^x - e^-x) / 2; near 0 with u = e^x - 1, of which it is (u + u / (1 + u)) / 2."""
        far = 0.5 * self.exp(x) - 0.5 * self.exp(-self.graph.number(x))
        u = self.expm1(x)
        near = 0.5 * (u + self.divide(u, 1.0 + u))
        return self.where(self.absolute(x) < 1.0, near, far)

    def mod(self, a: Any, b: Any, /) -> Tensor:
        """What is left of a after whole multiples of b, with the sign of b."""
        left = self.graph.add("Mod", self.graph.number(a), self.graph.number(b), fmod=1)
        has_other_sign = left * b < 0.0
        return self.where(has_other_sign, left + b, left)

    def floor_divide(self, a: Any, b: Any, /) -> Tensor:
        """The greatest whole number that is not above a / b; a / b itself where b is zero."""
        whole = self.rint(self.divide(a - self.mod(a, b), b))
        return self.where(self.equal(b, 0.0), self.divide(a, b), whole)

    def finite(self, x: Any, /) -> Tensor:
        """x limited to the finite numbers."""
        largest = float(np.finfo(self.graph.dtype).max)
        return self.minimum(self.maximum(x, -largest), largest)

    # Of the operands in the last axis

    def max(self, inputs: Tensor, /) -> Tensor:
        """The largest one."""
        return self.graph.add("ReduceMax", inputs, np.array([-1]), keepdims=1)

    def sum(self, inputs: Tensor, /) -> Tensor:
        """Their sum."""
        return self.graph.add("ReduceSum", inputs, np.array([-1]), keepdims=1)

    def exp_shifted(self, inputs: Tensor, shift: Tensor, /) -> Tensor:
        """e^(x - shift) for each x."""
        return self.exp(inputs - shift)

    def sum_less_one(self, terms: Tensor, /) -> Tensor:
        """Their sum without one of those that are 1."""
        ones = self.equal(terms, 1.0)
        n_others = self.sum(self.where(ones, 1.0, 0.0)) - 1.0
        return n_others + self.sum(self.where(ones, 0.0, terms))


def _leaky_relu(graph: OnnxGraph, x: Tensor, slope: Any) -> Tensor | None:
    return graph.add("LeakyRelu", x, alpha=slope) if isinstance(slope, float) else None


def _gelu(graph: OnnxGraph, x: Tensor) -> Tensor | None:
    return graph.add("Gelu", x) if graph.opset >= 20 else None


IN_FLOAT32: Final[dict[str, Callable[..., Tensor | None]]] = {
    "leaky_relu": _leaky_relu,
    "gelu": _gelu,
}
"""Operations that are one node in float32; None where the rule is needed all the same. Elu,
Sigmoid and Softplus are none of them: the first two lose all digits of small results in
onnxruntime, the third one overflows in evaluators of onnx before 1.23."""


def computed(graph: OnnxGraph, op: Op, operands: Sequence[Any]) -> Tensor:
    """The value of an operation as nodes.

    Args:
        graph: where they go.
        op: the operation.
        operands: tensors, and numbers where an operand is one number; of a variadic op the one
            tensor with all of them in its last axis.

    Raises:
        InvalidArgumentError: if a rule cannot be written as nodes.

    >>> from tinygrad_mlp import ops
    >>> graph = OnnxGraph(np.dtype("float32"), 20)
    >>> computed(graph, ops.RELU, [Tensor(graph, "x")]).name
    '/Relu_0'
    """
    graph.what = op.name
    if op.name == "relu":
        return graph.add("Relu", *operands)
    written = IN_FLOAT32.get(op.name) if graph.dtype == np.float32 else None
    found = None if written is None else written(graph, *operands)
    if found is None:
        rule: Any = op.forward
        found = graph.number(rule(OnnxMath(graph), *operands))
    graph.what = ""
    return found
