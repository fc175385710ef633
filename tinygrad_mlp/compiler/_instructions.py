"""What a lowered program consists of: buffers, strided views of them, and instructions.

All of it is data, and none of it is text of a program: the lowering makes the instructions, the
tidying rearranges them, a back end runs them in its own way.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LARGEST",
    "Argument",
    "Buffer",
    "Instruction",
    "Kind",
    "Number",
    "Ref",
    "Table",
    "contiguous",
]

LARGEST: Final = sys.float_info.max
"""As a constant of a program it means the largest number of the program's dtype."""


@dataclass(slots=True, eq=False)
class Buffer:
    """Memory of the program: ``size`` slots, each a number or, if mapped, a row of B numbers.

    Attributes:
        size: how many slots.
        mapped: whether a slot is a row.
        name: its name in the program's text; "" for a temporary, named when memory is assigned.
        ones: how many slots that hold 1.0 follow.
        pinned: whether it has memory of its own for the whole run.
        external: whether the memory is given from outside (parameters, gradients, direct inputs).
        boolean: whether it holds truth values.
    """

    size: int
    mapped: bool
    name: str = ""
    ones: int = 0
    pinned: bool = False
    external: bool = False
    boolean: bool = False

    def __repr__(self) -> str:
        return f"Buffer({self.name or 'temporary'}: {self.size}{' x B' if self.mapped else ''})"


@dataclass(slots=True, unsafe_hash=True)  # not frozen, which takes longer to make
class Ref:
    """A strided view of a buffer; shape and strides count slots, a mapped one has an axis B more.

    ``pad`` adds a last axis of length 1, so that numbers broadcast against rows; ``swap`` exchanges
    the last two axes.

    >>> ref = Ref(Buffer(12, mapped=False), 0, (1, 3, 4), (0, 4, 1))
    >>> ref
    t[1, 3, 4]
    >>> ref.covers_buffer(), ref.axes(0, 2, 1).strides, ref.unstacked().shape
    (True, (0, 1, 4), (3, 4))
    """

    buffer: Buffer
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    pad: bool = False
    swap: bool = False

    def __repr__(self) -> str:
        axes = [str(n) for n in self.shape] + ["B"] * self.mapped + ["1"] * self.pad
        if self.swap:
            axes[-1], axes[-2] = axes[-2], axes[-1]
        shape = f"[{', '.join(axes)}]" if axes else ""
        return (self.buffer.name or "t") + shape

    @property
    def mapped(self) -> bool:
        """Whether it has an axis B."""
        return self.buffer.mapped

    @property
    def is_single(self) -> bool:
        """Whether it is one number, or one row."""
        return prod(self.shape) == 1

    @property
    def in_order(self) -> bool:
        """Whether its slots follow each other."""
        return self.strides == contiguous(self.shape) and not self.swap

    def covers_buffer(self) -> bool:
        """Whether it is the whole buffer in order."""
        return self.offset == 0 and self.in_order and prod(self.shape) == self.buffer.size

    def reshaped(self, shape: tuple[int, ...]) -> Ref:
        """The same slots in other axes; for a view that is in order."""
        return self.with_axes(shape, contiguous(shape))

    def axes(self, *order: int) -> Ref:
        """These slot axes in this order; what is left away has length 1."""
        shape = tuple([self.shape[axis] for axis in order])
        return self.with_axes(shape, tuple([self.strides[axis] for axis in order]))

    def unstacked(self) -> Ref:
        """Without the first axis if that has length 1."""
        if self.shape[0] != 1:
            return self
        return self.with_axes(self.shape[1:], self.strides[1:])

    def with_axes(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> Ref:
        """From the same offset on, other axes."""
        return Ref(self.buffer, self.offset, shape, strides, self.pad, self.swap)

    def padded(self, wanted: bool = True) -> Ref:
        """With a last axis that broadcasts over the samples, where it has none; or without."""
        pad = wanted and not self.mapped
        if self.pad == pad:
            return self
        return Ref(self.buffer, self.offset, self.shape, self.strides, pad, self.swap)


@lru_cache(maxsize=256)
def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a C-ordered array; 0 for axes of length 1.

    >>> contiguous((2, 1, 3, 4))
    (12, 0, 4, 1)
    """
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    return tuple([0 if n == 1 else s for n, s in zip(shape, strides)])


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A constant of the program: ``factor / B^scale``, B the batch size of the call.

    A factor of ``LARGEST`` is the largest number of the program's dtype.

    >>> Number("c0", 2.0, 1), Number("c0", 2.0, 1).value(4)
    (c0, 0.5)
    """

    name: str
    factor: float
    scale: int = 0

    def __repr__(self) -> str:
        return self.name

    def value(self, batch_size: int) -> float:
        """The number, for one batch size."""
        return self.factor * float(batch_size) ** -self.scale


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """An array of indices, for a gather or a scatter.

    >>> Table("at0", np.array([2, 0, 1]))
    at0
    """

    name: str
    indices: NDArray[np.intp]

    def __repr__(self) -> str:
        return self.name


Argument = Ref | Number | Table | None
"""What an instruction reads; None for a table that is not needed."""

Kind = Literal[
    "ufunc",
    "call",
    "select",
    "copy",
    "fill",
    "reduce",
    "matmul",
    "contract",
    "gather",
    "scatter",
    "loss",
    "auxiliary",
]
"""What an instruction does (see ``Instruction``)."""


@dataclass(slots=True, eq=False)
class Instruction:
    """One step of a program: what it does, with which operands, and where its result goes.

    In the order of their ``args``, by ``kind``:

    * "ufunc": ``function`` of the operands, element by element; it may write over an operand that
      nobody reads afterwards. Its name is that of NumPy's function.
    * "call": likewise, a function that NumPy lacks (``array_math`` has it).
    * "select": ``a`` where the condition holds, else ``b``.
    * "copy", "fill": an array, or a number, to another place.
    * "reduce": ``function`` ("add" or "maximum") over ``axes``; the number of slot axes stands for
      the samples.
    * "matmul": the product of two matrices, or of two stacks of them.
    * "contract": the sum of products over the axes that ``labels`` has for the two operands and not
      for the result: one letter for each axis.
    * "gather": the slots ``table`` of a buffer, to the places ``where`` (all in order if None).
    * "scatter": the slots ``order`` of an array, those from each of ``starts`` to the next one
      added up (unless None), and over the samples where the result is not mapped; "assign" or "add"
      them to the slots ``places``.
    * "loss": the number that is differentiated, over ``B^scale``. ``function`` says how it is
      reduced: "element" (it is there), "sum" over the samples, "inner" (product of two rows),
      "sum_less_inner" (the sum of the first, less the inner product of the others),
      "sum_less_weighted" (likewise, where the weight 0 counts nothing, even of inf).
    * "auxiliary": what is returned beside the loss is read, before its memory is used again.

    >>> t = Ref(Buffer(1, mapped=False, name="t"), 0, (1,), (0,))
    >>> call = Instruction("ufunc", "add", [t, Number("c0", 2.0)], t)
    >>> call
    add(t[1], c0, out=t[1])
    >>> call.is_elementwise, call.refs()
    (True, [t[1], t[1]])
    """

    kind: Kind
    function: str
    args: Sequence[Argument]
    out: Ref
    axes: tuple[int, ...] = ()
    labels: tuple[str, str, str] = ("", "", "")
    scale: int = 0

    def __repr__(self) -> str:
        function, args, out = self.function, [str(arg) for arg in self.args], self.out
        if self.kind == "loss":
            over = " / B" * self.scale or " * B" * -self.scale
            return f"loss = {function}({', '.join(args)}){over}"
        if self.kind == "auxiliary":
            return f"auxiliary = {args[0]}"
        if self.kind == "scatter":
            source, order, _, places = args
            sign = "=" if function == "assign" else "+="
            return f"{out}[{places}] {sign} {source}[{order}]"
        if self.kind in ("copy", "fill"):
            return f"copyto({out}, {args[0]})"
        if self.kind == "reduce":
            function, args = f"{function}.reduce", [*args, f"axis={self.axes}"]
        elif self.kind == "contract":
            a, b, result = self.labels
            function, args = "contract", [f"{a},{b}->{result}", *args]
        return f"{function}({', '.join([arg for arg in args if arg != 'None'])}, out={out})"

    @property
    def is_elementwise(self) -> bool:
        """Whether it works element by element, so that axes of length 1 do not matter."""
        return self.kind in ("ufunc", "select", "copy", "fill", "call")

    def refs(self) -> list[Ref]:
        """Every view that it reads or writes, the written one last."""
        return [*[arg for arg in self.args if isinstance(arg, Ref)], self.out]
