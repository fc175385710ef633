"""What a NumPy program consists of: buffers, strided views of them, and calls.

The lowering makes these, the tidying rearranges them, the emission writes them down as text.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import prod
from typing import Final

__all__ = ["LARGEST", "Buffer", "Instruction", "Ref", "contiguous"]

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
        inside: the buffer whose first slots it shares, if any.
    """

    size: int
    mapped: bool
    name: str = ""
    ones: int = 0
    pinned: bool = False
    external: bool = False
    boolean: bool = False
    inside: Buffer | None = None

    def __repr__(self) -> str:
        return f"Buffer({self.name or 'temporary'}: {self.size}{' x B' if self.mapped else ''})"


@dataclass(frozen=True, slots=True)
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


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a C-ordered array; 0 for axes of length 1.

    >>> contiguous((2, 1, 3, 4))
    (12, 0, 4, 1)
    """
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    return tuple([0 if n == 1 else s for n, s in zip(shape, strides)])


@dataclass(slots=True, eq=False)
class Instruction:
    """``out = function(*args)``: one NumPy call of the program.

    ``kind`` is "ufunc" (elementwise, may write over an operand that nobody reads afterwards),
    "reduce", "matmul", "einsum", "einsum_by_sample", "select" (where), "call" (no ``out``), "copy",
    "fill", "gather", "scatter", "loss" or "auxiliary" (a result is read).

    >>> t = Ref(Buffer(1, mapped=False, name="t"), 0, (1,), (0,))
    >>> call = Instruction("ufunc", "add", [t, "c0"], t)
    >>> call
    add(t[1], c0, out=t[1])
    >>> call.is_elementwise, call.refs()
    (True, [t[1], t[1]])
    """

    kind: str
    function: str
    args: list[Ref | str]
    out: Ref
    axes: tuple[int, ...] = ()

    def __repr__(self) -> str:
        function, args, out = self.function, [str(arg) for arg in self.args], self.out
        if self.kind == "loss":
            return f"loss = {function.format(*args)}"
        if self.kind == "auxiliary":
            return f"auxiliary = {args[0]}"
        if self.kind == "scatter":
            source, order, _, places = args
            return f"{out}[{places}] {function} {source}[{order}]"
        if self.kind in ("copy", "fill"):
            return f"copyto({out}, {args[0]})"
        if self.kind == "reduce":
            function, args = f"{function}.reduce", [*args, f"axis={self.axes}"]
        elif self.kind in ("einsum", "einsum_by_sample"):
            function, args = self.kind, [repr(function), *args]
        return f"{function}({', '.join([arg for arg in args if arg])}, out={out})"

    @property
    def is_elementwise(self) -> bool:
        """Whether it works element by element, so that axes of length 1 do not matter."""
        return self.kind in ("ufunc", "select", "copy", "fill", "call")

    def refs(self) -> list[Ref]:
        """Every view that it reads or writes, the written one last."""
        return [*[arg for arg in self.args if isinstance(arg, Ref)], self.out]
