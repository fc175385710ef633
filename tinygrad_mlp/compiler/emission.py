"""Pass 7, emit: give every buffer memory, and write the program down as NumPy text.

The text has two parts. ``prepare`` allocates the arrays for one batch size and takes all views of
them, once; ``run`` inside it is the list of NumPy calls, each into memory that is there already. An
elementwise call writes over an operand that nobody reads afterwards.
"""

from __future__ import annotations

from math import isfinite, prod

from tinygrad_mlp.compiler.instructions import LARGEST, Buffer, Instruction, Ref
from tinygrad_mlp.compiler.lowering import Lowered
from tinygrad_mlp.compiler.memory import SharedMemory

__all__ = ["emit"]

_SMALL_ENOUGH_TO_COPY = 1000
_MOST_NAMES_IN_A_CLOSURE = 500
_FASTER_REPEATED = 1_000_000


def emit(
    lowered: Lowered,
    input_shapes: list[tuple[int, ...]],
    n_outer: int,
    n_random: int,
    per_sample: bool,
    reduction: str | None,
) -> str:
    """The program's text: a function ``prepare`` that returns the function ``run``.

    >>> from tinygrad_mlp.compiler.folding import fold
    >>> from tinygrad_mlp.compiler.layout import lay_out
    >>> from tinygrad_mlp.compiler.lowering import lower
    >>> from tinygrad_mlp.compiler.schedule import schedule
    >>> from tinygrad_mlp.compiler.tracing import trace
    >>> recording = trace(lambda x: x.tanh(), [()], [])
    >>> folded = fold(recording)
    >>> plan = lay_out(schedule(folded), recording, folded, per_sample=True)
    >>> print(emit(lower(plan, None), [()], 0, 0, True, None))
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
    writer = _Writer(lowered, input_shapes, per_sample)
    return writer.text(n_outer, n_random, reduction)


class _Writer:
    def __init__(
        self, lowered: Lowered, input_shapes: list[tuple[int, ...]], per_sample: bool
    ) -> None:
        self.lowered = lowered
        self.shapes = input_shapes
        self.per_sample = per_sample
        self.prepare: list[str] = []
        self.prepared_once: set[str] = set()
        self.views: dict[object, str] = {}
        self.direct: dict[Buffer, str] = {}
        self.memory: dict[Buffer, str] = {}
        self.n_views = 0
        self.n_temporaries = 0

    def text(self, n_outer: int, n_random: int, reduction: str | None) -> str:
        lowered = self.lowered
        used = {arg.buffer for instruction in lowered.instructions for arg in instruction.refs()}
        if reduction is None:
            used.add(lowered.outputs.buffer)
        used.update([ref.buffer for _, ref in lowered.effects])
        run: list[str] = []
        for number, shape in enumerate(self.shapes):
            buffer = lowered.buffers[f"x{number}"]
            if buffer in used:
                run += self.input_lines(number, shape, buffer)
        if n_outer and lowered.buffers["outer"] in used:
            name = self.own_memory(lowered.buffers["outer"])
            run.append(f"{name}[:] = read_numbers(outer_leaves)")
        if n_random and lowered.buffers["random"] in used:
            name = self.own_memory(lowered.buffers["random"])
            run.append(f"draw({name})")
        body: list[str] = []
        plan = SharedMemory(lowered.instructions)
        for index, instruction in enumerate(lowered.instructions):
            for buffer in plan.starting_at(index):
                if instruction.kind not in ("loss", "auxiliary"):
                    self.give_memory(buffer, plan)
            body += self.lines(instruction)
        returned = self.return_lines(reduction)
        run += body + self.effect_lines() + returned
        arguments = ", ".join([f"X{number}" for number in range(len(self.shapes))])
        numbers = [
            f"{name} = np.asarray({_number(factor, scale)}, dtype)"
            for name, (factor, scale) in lowered.numbers.items()
        ]
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
        if buffer.name == "constants":
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
        host, reused = buffer.inside, plan.reused_by(buffer)
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

    def arg(self, arg: Ref | str) -> str:
        return arg if isinstance(arg, str) else self.ref(arg)

    def prepare_once(self, line: str) -> None:
        if line not in self.prepared_once:
            self.prepared_once.add(line)
            self.prepare.append(line)

    # Inputs

    def input_lines(self, number: int, shape: tuple[int, ...], buffer: Buffer) -> list[str]:
        """Take an argument as it is, where every use of it is the whole; else copy it in."""
        given = f"X{number}"
        if not self.per_sample:
            name = self.own_memory(buffer)
            return [f"copyto({name}, {given}.reshape(-1))"]
        uses = [
            ref
            for instruction in self.lowered.instructions
            for ref in instruction.refs()
            if ref.buffer is buffer
        ]
        if self.lowered.outputs.buffer is buffer:
            uses.append(self.lowered.outputs)
        is_whole = all([_is_whole(ref, buffer.size) for ref in uses])
        rows = given if len(shape) == 1 else f"{given}.reshape(B, {buffer.size})"
        columns = f"{given}.reshape(1, B)" if buffer.size == 1 else f"{rows}.T"
        name = f"x{number}"
        # Elementwise calls on the transpose would jump through memory: one copy is cheaper.
        only_in_products = all(
            [
                instruction.kind == "matmul"
                for instruction in self.lowered.instructions
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
            return [self.elementwise(function, args, instruction.out)]
        if kind == "matmul":
            function = "dot" if _dot_applies(instruction) else "matmul"
            return [f"{function}({', '.join(args)}, out={out})"]
        if kind == "auxiliary":
            return [f"auxiliary = {self.result(instruction.args[0])}"]
        if kind == "loss":
            if "ones" in function:
                self.prepare_once("ones = np.ones(B, dtype)")
            return [f"loss = {function.format(*args)}"]
        if kind == "reduce":
            return [self.reduction(instruction, args[0], out)]
        if kind in ("einsum", "einsum_by_sample"):
            return [f"{kind}({function!r}, {', '.join(args)}, out={out})"]
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

    def elementwise(self, function: str, args: list[str], out: Ref) -> str:
        """One NumPy call."""
        if function in ("maximum", "minimum"):
            args = [self.repeated(arg, out) for arg in args]
        return f"{function}({', '.join(args)}, out={self.ref(out)})"

    def repeated(self, arg: str, out: Ref) -> str:
        """A constant as an array like ``out``.

        NumPy has fast loops for the extrema of two arrays, and none for an array and a number.
        """
        if arg not in self.lowered.numbers or not (out.mapped and out.in_order):
            return arg
        shape = ", ".join([str(n) for n in out.shape])
        rows = f"{arg}_{'x'.join([str(n) for n in out.shape])}"
        self.prepare_once(
            f"{rows} = np.full(({shape}{', ' * bool(shape)}B), {arg}) "
            f"if {prod(out.shape)} * B <= {_FASTER_REPEATED} else {arg}"
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
        return [f"{self.ref(out)}[{places}] {instruction.function} {values}"]

    # Results

    def effect_lines(self) -> list[str]:
        lines = []
        for number, (_, ref) in enumerate(self.lowered.effects):
            lines.append(f"assigned[{number}].data = float({self.ref(ref)}[0])")
        return lines

    def return_lines(self, reduction: str | None) -> list[str]:
        if reduction is None:
            return [f"return {self.result(self.lowered.outputs)}"]
        kinds = [instruction.kind for instruction in self.lowered.instructions]
        return ["return loss, auxiliary" if "auxiliary" in kinds else "return loss"]

    def result(self, ref: Ref | str) -> str:
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


def _is_whole(ref: Ref, size: int) -> bool:
    """Whether it is all rows of an input in order."""
    in_order = size == 1 or ref.strides == (1,)
    return ref.offset == 0 and ref.shape == (size,) and in_order and not ref.pad


def _number(factor: float, scale: int) -> str:
    text = repr(factor) if isfinite(factor) else f"float('{factor}')"
    if abs(factor) == LARGEST:
        text = "-np.finfo(dtype).max" if factor < 0.0 else "np.finfo(dtype).max"
    return text + (" / B" * scale if scale >= 0 else " * B" * -scale)
