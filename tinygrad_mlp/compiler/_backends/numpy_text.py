"""The back end of NumPy text: give every buffer memory, and write the program down.

The text has two parts. ``prepare`` allocates the arrays for one batch size and takes all views of
them, once; ``run`` inside it is the list of NumPy calls, each into memory that is there already. An
elementwise call writes over an operand that nobody reads afterwards.

This text is the program as a person reads it, and the program that runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, isfinite, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp._many_numbers import read_numbers, write_numbers
from tinygrad_mlp.compiler._backends.draws import Draw
from tinygrad_mlp.compiler._backends.memory import SharedMemory
from tinygrad_mlp.compiler._backends.protocol import Memory, Run
from tinygrad_mlp.compiler._backends.sample_products import (
    einsum_by_sample,
    is_worth_copying,
    weighted_sum,
)
from tinygrad_mlp.compiler._instructions import (
    LARGEST,
    Argument,
    Buffer,
    Instruction,
    Number,
    Ref,
)
from tinygrad_mlp.compiler._lowered import Arrays, Lowered

__all__ = ["NumpyText", "Text"]

Array = NDArray[Any]

_SMALL_ENOUGH_TO_COPY = 1000
_MOST_NAMES_IN_A_CLOSURE = 500
_FASTER_REPEATED = 1_000_000


class NumpyText:
    """Runs the instructions as a NumPy program whose text it writes.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> from tinygrad_mlp.compiler._translation import translate
    >>> made = translate(trace(lambda x: x.tanh(), [()], []), per_sample=True, reduction=None)
    >>> print(NumpyText().prepare(made.lowered).source)
    def prepare(B):
        tanh0 = np.empty((1, B), dtype)
    <BLANKLINE>
        def run(X0):
            x0 = X0.reshape(1, B)
            tanh(x0, out=tanh0)
            return tanh0.T.copy()
    <BLANKLINE>
        return run
    <BLANKLINE>
    """

    name = "NumPy text"

    def prepare(self, lowered: Lowered) -> Text:
        """The text: a function ``prepare`` that returns the function ``run``."""
        assert lowered.arrays is not None
        return Text(_Writer(lowered, lowered.arrays).text(), lowered)


@dataclass(frozen=True, slots=True)
class Text:
    """A program's text, and what it is about."""

    source: str
    lowered: Lowered

    def bind(self, memory: Memory) -> Run:
        """The function ``run`` with memory for one batch size.

        >>> from tinygrad_mlp.compiler._tracing import trace
        >>> from tinygrad_mlp.compiler._translation import translate
        >>> made = translate(trace(lambda x: x + 1.0, [()], []), per_sample=True, reduction=None)
        >>> text = NumpyText().prepare(made.lowered)
        >>> run = text.bind(Memory(2, np.dtype("float64"), np.empty(0), np.empty(0)))
        >>> run(np.array([1.0, 2.0])).tolist()
        [[2.0], [3.0]]
        """
        lowered, dtype = self.lowered, memory.dtype
        assert lowered.arrays is not None
        namespace: dict[str, Any] = {
            "np": np,
            "dtype": dtype,
            "parameters": memory.parameters,
            "gradients": memory.gradients,
            "kept": memory.kept,
            **_leaves_of(lowered),
            "read_numbers": read_numbers,
            "write_numbers": write_numbers,
            "view": view,
            "einsum_by_sample": einsum_by_sample,
            "weighted_sum": weighted_sum,
            "draw": Draw(lowered.generators),
            "constant_values": _constants_of(dtype, lowered.constants),
        }
        namespace.update({name: getattr(array_math, name) for name in array_math.__all__})
        namespace.update({name: getattr(np, name) for name in _NUMPY_FUNCTIONS})
        namespace.update({table.name: table.indices for table in lowered.arrays.tables})
        exec(self.source, namespace)
        run: Run = namespace["prepare"](memory.batch_size)
        return run


class _Writer:
    def __init__(self, lowered: Lowered, arrays: Arrays) -> None:
        self.lowered = lowered
        self.arrays = arrays
        self.per_sample = lowered.per_sample
        self.prepare: list[str] = []
        self.prepared_once: set[str] = set()
        self.views: dict[object, str] = {}
        self.direct: dict[Buffer, str] = {}
        self.memory: dict[Buffer, str] = {}
        self.n_views = 0
        self.n_temporaries = 0

    def text(self) -> str:
        lowered, arrays = self.lowered, self.arrays
        leaves = arrays.leaves
        used = {arg.buffer for instruction in arrays.instructions for arg in instruction.refs()}
        if lowered.reduction is None:
            used.add(arrays.outputs.buffer)
        used.update([ref.buffer for _, ref in arrays.effects])
        run: list[str] = []
        for number, shape in enumerate(lowered.argument_shapes):
            buffer = leaves.arguments[number]
            if buffer in used:
                run += self.input_lines(number, shape, buffer)
        if leaves.outer.size and leaves.outer in used:
            name = self.own_memory(leaves.outer)
            run += self.outer_lines(name)
        if leaves.random.size and leaves.random in used:
            name = self.own_memory(leaves.random)
            run.append(f"draw({name})")
        body: list[str] = []
        plan = SharedMemory(arrays.instructions)
        for index, instruction in enumerate(arrays.instructions):
            for buffer in plan.starting_at(index):
                if instruction.kind not in ("loss", "auxiliary"):
                    self.give_memory(buffer, plan)
            body += self.lines(instruction)
        run += body + self.effect_lines() + self.return_lines()
        arguments = ", ".join([f"X{number}" for number in range(len(lowered.argument_shapes))])
        numbers = [f"{n.name} = np.asarray({_number(n)}, dtype)" for n in arrays.numbers]
        if self.per_sample and any([line.startswith("dot(") for line in run]):
            self.prepare.append("dot = np.dot if B > 1 else matmul  # for 0 * inf is nan")
        lines = ["def prepare(B):"]
        lines += [f"    {line}" for line in _with_globals([*numbers, *self.prepare])]
        lines += ["", f"    def run({arguments}):"]
        lines += [f"        {line}" for line in run]
        lines += ["", "    return run", ""]
        return "\n".join(lines)

    # Memory

    def own_memory(self, buffer: Buffer) -> str:
        """Memory that the buffer keeps for the whole run."""
        name = self.memory.get(buffer)
        if name is None:
            name = buffer.name or self.temporary()
            self.memory[buffer] = name
            if not buffer.external:
                self.allocate(name, buffer)
        return name

    def allocate(self, name: str, buffer: Buffer) -> None:
        rows = buffer.size + buffer.ones
        shape = f"({rows}, B)" if buffer.mapped else f"{rows}"
        if buffer is self.arrays.leaves.constants:
            self.prepare.append(f"{name} = constant_values")
            return
        dtype = "bool" if buffer.boolean else "dtype"
        self.prepare.append(f"{name} = np.empty({shape}, {dtype})")
        if buffer.ones:
            self.prepare.append(f"{name}[{buffer.size}:] = 1.0  # for the biases")

    def temporary(self) -> str:
        self.n_temporaries += 1
        return f"t{self.n_temporaries}"

    def give_memory(self, buffer: Buffer, plan: SharedMemory) -> None:
        host, reused = plan.host_of(buffer), plan.reused_by(buffer)
        if host is not None:
            name = self.memory[buffer] = buffer.name or self.temporary()
            self.prepare.append(f"{name} = {self.own_memory(host)}[:{buffer.size}]")
        elif reused is not None:
            self.memory[buffer] = self.memory[reused]
        else:
            self.own_memory(buffer)

    # References

    def ref(self, ref: Ref) -> str:
        buffer = ref.buffer
        if buffer in self.direct:
            return self.direct[buffer] if ref.swap else self.memory[buffer]
        name = self.own_memory(buffer) if buffer not in self.memory else self.memory[buffer]
        rows = buffer.size + buffer.ones
        plain_shape = ref.shape == (rows,) and (ref.strides == (1,) or rows == 1)
        if ref.offset == 0 and plain_shape and not ref.pad and not ref.swap:
            return name
        key = (name, ref.offset, ref.shape, ref.strides, ref.pad, ref.swap)
        view = self.views.get(key)
        if view is None:
            self.n_views += 1
            view = self.views[key] = f"{name}_{self.n_views}"
            expression = f"view({name}, {ref.offset}, {ref.shape}, {ref.strides})"
            shape = [str(n) for n in ref.shape] + (["B"] if ref.mapped else [])
            if ref.pad:
                expression += "[..., None]"
                shape.append("1")
            if ref.swap:
                expression += ".swapaxes(-1, -2)"
                shape[-1], shape[-2] = shape[-2], shape[-1]
            self.prepare.append(f"{view} = {expression}  # ({', '.join(shape)})")
        return view

    def arg(self, arg: Argument) -> str:
        if isinstance(arg, Ref):
            return self.ref(arg)
        return "" if arg is None else arg.name

    def prepare_once(self, line: str) -> None:
        if line not in self.prepared_once:
            self.prepared_once.add(line)
            self.prepare.append(line)

    # Leaves that are read

    def outer_lines(self, name: str) -> list[str]:
        """Those that the program keeps, and those that it does not."""
        kept = self.lowered.kept
        n_kept = sum([leaf in kept for leaf in self.lowered.outer])
        if n_kept == 0:
            return [f"{name}[:] = read_numbers(outer_leaves)"]
        if n_kept == len(self.lowered.outer):
            return [f"take(kept, kept_read, 0, {name})"]
        return [
            f"{name}[kept_outer] = kept[kept_read]",
            f"{name}[~kept_outer] = read_numbers(outer_leaves)",
        ]

    # Inputs

    def input_lines(self, number: int, shape: tuple[int, ...], buffer: Buffer) -> list[str]:
        """Take an argument as it is, where every use of it is the whole; else copy it in."""
        given = f"X{number}"
        if not self.per_sample:
            name = self.own_memory(buffer)
            return [f"copyto({name}, {given}.reshape(-1))"]
        uses = [
            ref
            for instruction in self.arrays.instructions
            for ref in instruction.refs()
            if ref.buffer is buffer
        ]
        if self.arrays.outputs.buffer is buffer:
            uses.append(self.arrays.outputs)
        is_whole = all([_is_whole(ref, buffer.size) for ref in uses])
        rows = given if len(shape) == 1 else f"{given}.reshape(B, {buffer.size})"
        columns = f"{given}.reshape(1, B)" if buffer.size == 1 else f"{rows}.T"
        name = f"x{number}"
        # Elementwise calls on the transpose would jump through memory: one copy is cheaper.
        only_in_products = all(
            [
                instruction.kind == "matmul"
                for instruction in self.arrays.instructions
                if any([ref.buffer is buffer for ref in instruction.refs()])
            ]
        )
        as_it_is = buffer.size == 1 or only_in_products
        if buffer.ones or not as_it_is or not is_whole:
            name = self.own_memory(buffer)
            if buffer.ones:
                name = self.ref(Ref(buffer, 0, (buffer.size,), (1,)))
            return [f"copyto({name}, {columns})"]
        self.memory[buffer] = name
        self.direct[buffer] = rows
        lines = []
        if any([not ref.swap for ref in uses]):
            lines.append(f"{name} = {columns}")
        if any([ref.swap for ref in uses]) and rows != given:
            lines.append(f"{name}_rows = {rows}")
            self.direct[buffer] = f"{name}_rows"
        return lines

    # Instructions

    def lines(self, instruction: Instruction) -> list[str]:
        out = "" if instruction.kind in ("loss", "auxiliary") else self.ref(instruction.out)
        args = [self.arg(arg) for arg in instruction.args]
        function = instruction.function
        kind = instruction.kind
        if kind == "ufunc":
            return [self.elementwise(instruction, args)]
        if kind == "matmul":
            function = "dot" if _dot_applies(instruction) else "matmul"
            return [f"{function}({', '.join(args)}, out={out})"]
        if kind == "auxiliary":
            return [f"auxiliary = {self.result(instruction.args[0])}"]
        if kind == "loss":
            return [f"loss = {self.loss(instruction, args)}"]
        if kind == "reduce":
            return [self.reduction(instruction, args[0], out)]
        if kind == "contract":
            return [self.contraction(instruction, args, out)]
        if kind == "select":
            condition, a, b = args
            lines = [] if out == b else [f"copyto({out}, {b})"]
            return [*lines, f"copyto({out}, {a}, where={condition})"]
        if kind == "call":
            return [f"copyto({out}, {function}({', '.join(args)}))"]
        if kind in ("copy", "fill"):
            return [f"copyto({out}, {args[0]})"]
        if kind == "gather":
            return self.gather_lines(instruction, args)
        assert kind == "scatter"
        return self.scatter_lines(instruction, args)

    def elementwise(self, instruction: Instruction, args: list[str]) -> str:
        """One NumPy call."""
        function, operands, out = instruction.function, instruction.args, instruction.out
        if function in ("maximum", "minimum"):
            args = [self.repeated(arg, name, out) for arg, name in zip(operands, args)]
        return f"{function}({', '.join(args)}, out={self.ref(out)})"

    def repeated(self, arg: Argument, name: str, out: Ref) -> str:
        """A constant as an array like ``out``.

        NumPy has fast loops for the extrema of two arrays, and none for an array and a number.
        """
        if not isinstance(arg, Number) or not (out.mapped and out.in_order):
            return name
        shape = ", ".join([str(n) for n in out.shape])
        rows = f"{name}_{'x'.join([str(n) for n in out.shape])}"
        self.prepare_once(
            f"{rows} = np.full(({shape}{', ' * bool(shape)}B), {name}) "
            f"if {prod(out.shape)} * B <= {_FASTER_REPEATED} else {name}"
        )
        return rows

    def reduction(self, instruction: Instruction, name: str, out: str) -> str:
        """A sum or a maximum over some axes."""
        source = instruction.args[0]
        assert isinstance(source, Ref)
        axes = instruction.axes
        if (
            instruction.function == "add"
            and axes == (len(source.shape),)
            and len(source.shape) == 1
        ):
            self.prepare_once("ones = np.ones(B, dtype)")
            return f"matmul({name}, ones, out={out})"  # faster than add.reduce
        if instruction.function == "add" and axes == (0,) and _is_matrix_of_rows(source):
            n_rows = source.shape[0]
            self.prepare_once(f"ones_{n_rows} = np.ones({n_rows}, dtype)")
            return f"ones_{n_rows}.dot({name}, out={out})"  # likewise
        axis = str(axes[0]) if len(axes) == 1 else str(axes)
        return f"{instruction.function}.reduce({name}, axis={axis}, out={out})"

    def contraction(self, instruction: Instruction, args: list[str], out: str) -> str:
        """By ``einsum``; of two matrices of each sample, where it pays, by matrix products."""
        x, y = instruction.args
        assert isinstance(x, Ref)
        assert isinstance(y, Ref)
        first, second, result = instruction.labels
        if first == second == f"{result}b":
            return f"vecdot({', '.join(args)}, out={out})"
        lengths = {**dict(zip(first, x.shape)), **dict(zip(second, y.shape))}
        by_sample = (
            x.mapped and y.mapped and is_worth_copying(lengths["p"], lengths["q"], lengths["k"])
        )
        function = "einsum_by_sample" if by_sample else "einsum"
        return f"{function}('{first},{second}->{result}', {', '.join(args)}, out={out})"

    def loss(self, instruction: Instruction, args: list[str]) -> str:
        """The loss as a Python float."""
        over = " / B" * instruction.scale or " * B" * -instruction.scale
        function = instruction.function
        if function == "element":
            return f"float({args[0]}[0]){over}"
        if function == "inner":
            return f"float(dot({args[0]}, {args[1]})){over}"
        self.prepare_once("ones = np.ones(B, dtype)")
        total = f"float(dot({args[0]}, ones))"
        if function == "sum":
            return f"{total}{over}"
        inner = "float(vdot({}, {}))" if function == "sum_less_inner" else "weighted_sum({}, {})"
        total = f"{total} - {inner.format(*args[1:])}"
        return f"({total}){over}" if over else total

    def gather_lines(self, instruction: Instruction, args: list[str]) -> list[str]:
        source, table, where = args
        flat = self.ref(instruction.out.reshaped((instruction.out.buffer.size,)))
        first = instruction.args[0]
        assert isinstance(first, Ref)
        if not where and first.mapped == instruction.out.mapped:
            return [f"take({source}, {table}, 0, {flat})"]
        values = f"{source}[{table}]"
        if instruction.out.mapped and not first.mapped:
            values += "[:, None]"
        return [f"{flat}[{where or ':'}] = {values}"]

    def scatter_lines(self, instruction: Instruction, args: list[str]) -> list[str]:
        source, order, starts, places = args
        first, out = instruction.args[0], instruction.out
        assert isinstance(first, Ref)
        values = f"{source}[{order}]"
        if starts:
            values = f"add.reduceat({values}, {starts})"
        if first.mapped and not out.mapped:
            values += ".sum(axis=1)"
        sign = "=" if instruction.function == "assign" else "+="
        return [f"{self.ref(out)}[{places}] {sign} {values}"]

    # Results

    def effect_lines(self) -> list[str]:
        """The assignments; several happen at once, so that no thread sees some of them alone."""
        kept = self.lowered.kept
        refs = [ref for leaf, ref in self.arrays.effects if leaf in kept]
        lines, start = [], 0
        for row in _in_rows(refs):
            (length,) = row.shape
            lines.append(f"kept[kept_assigned[{start}:{start + length}]] = {self.ref(row)}")
            start += length
        refs = [ref for leaf, ref in self.arrays.effects if leaf not in kept]
        if len(refs) == 1:
            return [*lines, f"assigned[0].data = float({self.ref(refs[0])}[0])"]
        numbers = ", ".join([f"*{self.ref(row)}.tolist()" for row in _in_rows(refs)])
        return [*lines, f"write_numbers(assigned, [{numbers}])"] if refs else lines

    def return_lines(self) -> list[str]:
        if self.lowered.reduction is None:
            return [f"return {self.result(self.arrays.outputs)}"]
        return ["return loss, auxiliary" if self.arrays.auxiliary else "return loss"]

    def result(self, ref: Argument) -> str:
        """An array of results, the samples first."""
        assert isinstance(ref, Ref)
        name = self.ref(ref)
        if ref.mapped:
            return f"{name}.T.copy()"
        return f"np.repeat({name}[None], B, axis=0)" if self.per_sample else f"{name}.copy()"


def _with_globals(prepare: list[str]) -> list[str]:
    """Make the names global where there are thousands of them.

    Python takes quadratic time to compile a function whose inner function uses many of its names.
    """
    names = dict.fromkeys([line.split(" = ")[0].split("[")[0] for line in prepare])
    if len(names) < _MOST_NAMES_IN_A_CLOSURE:
        return prepare
    return [*[f"global {name}" for name in names], *prepare]


def _dot_applies(instruction: Instruction) -> bool:
    """Whether ``dot`` can take the place of ``matmul``: faster, but for matrices in order only."""
    for arg in (*instruction.args, instruction.out):
        assert isinstance(arg, Ref)
        if len(arg.shape) + arg.mapped != 2:
            return False
        if arg.is_single and not arg.mapped:
            return False  # ``dot`` with one number leaves 0 * inf away, which is nan
        small = arg.buffer.size <= _SMALL_ENOUGH_TO_COPY
        if not (arg.mapped or small or _in_order(arg)):
            return False
    out = instruction.out
    return out.in_order


def _in_order(ref: Ref) -> bool:
    """Whether it is a contiguous matrix, or the transpose of one; ``dot`` copies any other."""
    (rows, columns), (down, across) = ref.shape, ref.strides
    return (across in (0, 1) and down in (0, columns)) or (down in (0, 1) and across in (0, rows))


def _is_matrix_of_rows(source: Ref) -> bool:
    """Whether it is a matrix in order: a row of samples for each of its slots."""
    return source.mapped and len(source.shape) == 1 and source.in_order and not source.pad


def _leaves_of(lowered: Lowered) -> dict[str, Any]:
    """The leaves that the text reads and assigns to, and where those are that the program keeps."""
    kept = lowered.kept
    return {
        "outer_leaves": [leaf for leaf in lowered.outer if leaf not in kept],
        "assigned": [leaf for leaf in lowered.assigned if leaf not in kept],
        "kept_outer": np.array([leaf in kept for leaf in lowered.outer], dtype=bool),
        "kept_read": np.array([kept[x] for x in lowered.outer if x in kept]),
        "kept_assigned": np.array([kept[x] for x in lowered.assigned if x in kept]),
    }


def _in_rows(refs: list[Ref]) -> list[Ref]:
    """Single slots as views of as many as follow each other, forwards or backwards."""
    rows: list[Ref] = []
    for ref in refs:
        if rows and rows[-1].buffer is ref.buffer:
            last = rows[-1]
            (length,), (stride,) = last.shape, last.strides
            step = ref.offset - last.offset - (length - 1) * stride
            if step == stride or (length == 1 and abs(step) == 1):
                rows[-1] = Ref(ref.buffer, last.offset, (length + 1,), (step,))
                continue
        rows.append(Ref(ref.buffer, ref.offset, (1,), (1,)))
    return rows


def _is_whole(ref: Ref, size: int) -> bool:
    """Whether it is all rows of an input in order."""
    in_order = size == 1 or ref.strides == (1,)
    return ref.offset == 0 and ref.shape == (size,) and in_order and not ref.pad


def _number(number: Number) -> str:
    factor, scale = number.factor, number.scale
    text = repr(factor) if isfinite(factor) else f"float('{factor}')"
    if abs(factor) == LARGEST:
        text = "-np.finfo(dtype).max" if factor < 0.0 else "np.finfo(dtype).max"
    return text + (" / B" * scale if scale >= 0 else " * B" * -scale)


# What the text calls

_NUMPY_FUNCTIONS: Final = [
    *["add", "copyto", "dot", "einsum", "floor", "greater", "greater_equal", "less", "less_equal"],
    *[
        "fmax",
        "logical_and",
        "logical_not",
        "matmul",
        "maximum",
        "multiply",
        "negative",
        "not_equal",
    ],
    *["subtract", "take", "vdot", "vecdot"],
]


def _constants_of(dtype: np.dtype[Any], numbers: list[float]) -> Array:
    largest = np.finfo(dtype).max
    return np.array([copysign(largest, x) if abs(x) == LARGEST else x for x in numbers], dtype)


def view(array: Array, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """A strided view: shape and strides count rows of ``array``, further axes stay as they are."""
    item = array.strides[0]
    return np.lib.stride_tricks.as_strided(
        array[offset:],
        (*shape, *array.shape[1:]),
        (*[s * item for s in strides], *array.strides[1:]),
    )
