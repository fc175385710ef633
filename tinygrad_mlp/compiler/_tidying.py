"""After the lowering: drop what nobody reads, squeeze axes, write results where they go.

The lowering is simple-minded: it computes into temporaries and copies. Here a copy disappears by
letting the call that made the temporary write to the copy's target, which is what ``out=`` is for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tinygrad_mlp.compiler._instructions import Buffer, Instruction, Ref

__all__ = ["tidied"]

_WRITES_ANYWHERE = frozenset(["ufunc", "reduce", "matmul", "contract", "select", "call"])


def tidied(instructions: list[Instruction]) -> list[Instruction]:
    """The same program in fewer calls on views with fewer axes.

    >>> x = Ref(Buffer(3, mapped=False, name="x", pinned=True), 0, (1, 3), (0, 1))
    >>> t = Ref(Buffer(3, mapped=False), 0, (1, 3), (0, 1))
    >>> unused = Ref(Buffer(3, mapped=False), 0, (1, 3), (0, 1))
    >>> y = Ref(Buffer(3, mapped=False, name="y", pinned=True), 0, (3,), (1,))
    >>> program = [Instruction("ufunc", "exp", [x], t), Instruction("ufunc", "cos", [x], unused),
    ...     Instruction("copy", "copyto", [t], y)]
    >>> [(call.function, call.args[0].shape, call.out.buffer.name) for call in tidied(program)]
    [('exp', (3,), 'y')]
    """
    needed = [_squeezed(instruction) for instruction in _needed(instructions)]
    return _with_inner_products(_without_copies(needed))


def _needed(instructions: list[Instruction]) -> list[Instruction]:
    """Without the calls whose results nobody reads."""
    read: set[Buffer] = set()
    kept = []
    for instruction in reversed(instructions):
        out = instruction.out.buffer
        if out.pinned or out.external or out in read:
            kept.append(instruction)
            read.update([arg.buffer for arg in instruction.args if isinstance(arg, Ref)])
    return kept[::-1]


# Axes of length 1


def _squeezed(instruction: Instruction) -> Instruction:
    """The same call without the axes along which nothing extends."""
    if instruction.kind == "reduce":
        return _squeezed_reduction(instruction)
    if not instruction.is_elementwise:
        return instruction
    refs = instruction.refs()
    n_axes = max([len(ref.shape) for ref in refs])
    keep = [False] * n_axes
    for ref in refs:
        for axis, length in enumerate(ref.shape, start=n_axes - len(ref.shape)):
            keep[axis] = keep[axis] or length != 1
    if n_axes and not any(keep):
        keep[-1] = True  # one axis of slots stays, as in the buffers
    if all(keep):
        return instruction

    def without(ref: Ref) -> Ref:
        missing = n_axes - len(ref.shape)
        return ref.axes(*[axis for axis in range(len(ref.shape)) if keep[axis + missing]])

    args = [without(arg) if isinstance(arg, Ref) else arg for arg in instruction.args]
    return replace(instruction, args=args, out=without(instruction.out))


def _squeezed_reduction(instruction: Instruction) -> Instruction:
    (source,) = instruction.args
    out, over = instruction.out, instruction.axes
    assert isinstance(source, Ref)
    n_axes = len(source.shape)
    remaining = [axis for axis in range(n_axes) if axis not in over]
    kept = [axis for axis in range(n_axes) if axis in over or source.shape[axis] != 1]
    kept = kept or list(range(n_axes))[-1:]  # one axis of slots stays, as in the buffers
    axes = tuple([len(kept) if axis == n_axes else kept.index(axis) for axis in over])
    out = out.axes(*[i for i, axis in enumerate(remaining) if axis in kept])
    return replace(instruction, args=[source.axes(*kept)], out=out, axes=axes)


# Copies


def _without_copies(instructions: list[Instruction]) -> list[Instruction]:
    """Where a temporary is only made to be copied, let its maker write to the target."""
    reads: Counter[Buffer] = Counter()
    makers: dict[Buffer, list[int]] = {}
    for index, instruction in enumerate(instructions):
        reads.update([arg.buffer for arg in instruction.args if isinstance(arg, Ref)])
        makers.setdefault(instruction.out.buffer, []).append(index)
    result: list[Instruction | None] = list(instructions)
    for index, copy in enumerate(instructions):
        source = copy.args[0]
        if copy.kind != "copy" or not isinstance(source, Ref):
            continue
        buffer = source.buffer
        if reads[buffer] != 1 or len(makers.get(buffer, [])) != 1:
            continue
        (at,) = makers[buffer]
        maker = result[at]
        if maker is None or any(_touches(call, copy.out.buffer) for call in result[at + 1 : index]):
            continue
        redirected = _redirected(maker, source, copy.out)
        if redirected is not None:
            result[at] = redirected
            result[index] = None
            makers[copy.out.buffer] = [at if i == index else i for i in makers[copy.out.buffer]]
    return [instruction for instruction in result if instruction is not None]


def _touches(instruction: Instruction | None, buffer: Buffer) -> bool:
    return instruction is not None and any(ref.buffer is buffer for ref in instruction.refs())


def _redirected(maker: Instruction, source: Ref, target: Ref) -> Instruction | None:
    """The call with the copy's target as its result; None where it cannot write there."""
    buffer = source.buffer
    passing = not (buffer.pinned or buffer.external or buffer.boolean)
    out = _in_place_of(maker.out, source, target)
    if out is None or not passing or maker.kind not in _WRITES_ANYWHERE:
        return None
    same = [arg for arg in maker.args if isinstance(arg, Ref) and arg.buffer is out.buffer]
    reads_the_same_elements = maker.kind == "ufunc" and all(
        (arg.offset, arg.shape, arg.strides) == (out.offset, out.shape, out.strides) for arg in same
    )
    return replace(maker, out=out) if reads_the_same_elements or not same else None


def _in_place_of(made: Ref, source: Ref, target: Ref) -> Ref | None:
    """The copy's target in the axes in which the maker writes, if it can be had so."""
    lengths, strides = _long_axes(target)
    whole = made.covers_buffer() and source.covers_buffer() and _long_axes(source)[0] == lengths
    if not whole or target.swap or made.mapped != target.mapped:
        return None
    if _long_axes(made)[0] == lengths:
        remaining = iter(strides)
        fitted = tuple([0 if n == 1 else next(remaining) for n in made.shape])
        return replace(made, buffer=target.buffer, offset=target.offset, strides=fitted)
    if target.in_order:
        return replace(made, buffer=target.buffer, offset=target.offset)
    return None


def _long_axes(ref: Ref) -> tuple[list[int], list[int]]:
    """Lengths and strides of the axes that extend."""
    axes = [(n, stride) for n, stride in zip(ref.shape, ref.strides) if n != 1]
    return [n for n, _ in axes], [stride for _, stride in axes]


# Products that are summed over the samples


def _with_inner_products(instructions: list[Instruction]) -> list[Instruction]:
    """Where products are only made to be summed over the samples, one call does both.

    >>> a, b, t = [Ref(Buffer(3, mapped=True), 0, (3,), (1,)) for _ in range(3)]
    >>> out = Ref(Buffer(3, mapped=False, pinned=True), 0, (3,), (1,))
    >>> product = Instruction("ufunc", "multiply", [a, b], t)
    >>> _with_inner_products([product, Instruction("reduce", "add", [t], out, axes=(1,))])
    [contract(pb,pb->p, t[3, B], t[3, B], out=t[3])]
    """
    reads: Counter[Buffer] = Counter()
    makers: dict[Buffer, list[int]] = {}
    for index, instruction in enumerate(instructions):
        reads.update([arg.buffer for arg in instruction.args if isinstance(arg, Ref)])
        makers.setdefault(instruction.out.buffer, []).append(index)
    result: list[Instruction | None] = list(instructions)
    for index, total in enumerate(instructions):
        source = total.args[0] if total.args else None
        if not (isinstance(source, Ref) and _is_sum_over_samples(total, source)):
            continue
        if reads[source.buffer] != 1 or len(makers[source.buffer]) != 1:
            continue
        (at,) = makers[source.buffer]
        product = instructions[at]
        written = {call.out.buffer for call in instructions[at + 1 : index]}
        if _is_of_rows(product, source) and written.isdisjoint([a.buffer for a in product.refs()]):
            axes = "pqks"[: len(source.shape)]
            labels = (f"{axes}b", f"{axes}b", axes)
            result[at] = None
            result[index] = replace(
                total,
                kind="contract",
                function="contract",
                args=product.args,
                axes=(),
                labels=labels,
            )
    return [instruction for instruction in result if instruction is not None]


def _is_sum_over_samples(total: Instruction, source: Ref) -> bool:
    """Whether it adds up the samples of a temporary, and nothing else."""
    buffer = source.buffer
    return (
        (total.kind, total.function) == ("reduce", "add")
        and total.axes == (len(source.shape),)
        and source.covers_buffer()
        and not (buffer.pinned or buffer.external or buffer.boolean)
    )


def _is_of_rows(product: Instruction, source: Ref) -> bool:
    """Whether it multiplies rows of samples with as many others, all of which are summed."""
    return (
        (product.kind, product.function) == ("ufunc", "multiply")
        and product.out == source
        and all(
            [
                isinstance(arg, Ref)
                and arg.mapped
                and not (arg.swap or arg.buffer.boolean)
                and arg.shape == source.shape
                for arg in product.args
            ]
        )
    )
