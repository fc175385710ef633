"""Which buffers of a program can share memory: one scan over the instructions.

``numpy_text`` asks here when it comes to a buffer for the first time.
"""

from __future__ import annotations

from tinygrad_mlp.compiler._instructions import Buffer, Instruction, Ref

__all__ = ["SharedMemory"]


class SharedMemory:
    """Who begins to need memory at which instruction, and whose memory is free by then.

    An elementwise result takes the memory of an operand that is read there for the last time; any
    other temporary takes that of one of its kind that nobody reads any more.

    Args:
        instructions: the program, in order.

    >>> x, y, z = [Ref(Buffer(2, mapped=False), 0, (2,), (1,)) for _ in range(3)]
    >>> calls = [Instruction("ufunc", "exp", [x], y), Instruction("ufunc", "cos", [y], z)]
    >>> SharedMemory(calls).reused_by(z.buffer) is y.buffer
    True
    """

    def __init__(self, instructions: list[Instruction]) -> None:
        self.first: dict[Buffer, int] = {}
        self.last: dict[Buffer, int] = {}
        self._starting: dict[int, list[Buffer]] = {}
        self._reused: dict[Buffer, Buffer] = {}
        self._hosts: dict[Buffer, Buffer] = {}
        for index, instruction in enumerate(instructions):
            for ref in instruction.refs():
                if ref.buffer not in self.first:
                    self.first[ref.buffer] = index
                    self._starting.setdefault(index, []).append(ref.buffer)
                self.last[ref.buffer] = index
        self._host(instructions)
        self._scan(instructions)

    def starting_at(self, index: int) -> list[Buffer]:
        """The buffers that are needed from this instruction on."""
        return self._starting.get(index, [])

    def reused_by(self, buffer: Buffer) -> Buffer | None:
        """The buffer whose memory this one takes over, if any."""
        return self._reused.get(buffer)

    def host_of(self, buffer: Buffer) -> Buffer | None:
        """The pinned buffer whose first slots this one shares, if any."""
        return self._hosts.get(buffer)

    def _host(self, instructions: list[Instruction]) -> None:
        """Put an operand that dies in an elementwise call into the pinned result's memory."""
        for index in range(len(instructions) - 1, -1, -1):
            instruction = instructions[index]
            out = instruction.out.buffer
            host = self._hosts.get(out, out)
            if instruction.kind != "ufunc" or not host.pinned or host.external:
                continue
            if self.first[out] != index:  # so that the host, too, holds nothing before
                continue
            dying = self._dying(instruction, index)
            if dying is not None:
                self._hosts[dying] = host

    def _dying(self, instruction: Instruction, index: int) -> Buffer | None:
        """An operand that the result may overwrite: whole, read for the last time, same kind."""
        out = instruction.out
        if not out.covers_buffer() and not out.buffer.pinned:
            return None
        candidates = instruction.args if instruction.kind == "ufunc" else instruction.args[2:]
        for arg in candidates:
            if not isinstance(arg, Ref) or arg.buffer is out.buffer:
                continue
            buffer = arg.buffer
            fits = (
                self.last[buffer] == index
                and not buffer.pinned
                and not buffer.external
                and buffer not in self._hosts
                and (buffer.size, buffer.mapped, buffer.boolean)
                == (out.buffer.size, out.buffer.mapped, out.buffer.boolean)
            )
            uses = [a for a in instruction.args if isinstance(a, Ref) and a.buffer is buffer]
            if fits and all(a.covers_buffer() and a.shape == out.shape for a in uses):
                return buffer
        return None

    def _scan(self, instructions: list[Instruction]) -> None:
        free: dict[tuple[int, bool, bool], list[Buffer]] = {}
        for index, instruction in enumerate(instructions):
            out = instruction.out.buffer
            taken = None
            if self.first[out] == index and not out.pinned and out not in self._hosts:
                if instruction.kind in ("ufunc", "select"):
                    taken = self._dying(instruction, index)
                if taken is None:
                    pool = free.get((out.size, out.mapped, out.boolean))
                    taken_from_pool = pool.pop() if pool else None
                    if taken_from_pool is not None:
                        self._reused[out] = taken_from_pool
                else:
                    self._reused[out] = taken
            for ref in {id(r.buffer): r for r in instruction.refs()}.values():
                buffer = ref.buffer
                ends = self.last[buffer] == index
                lasting = buffer.pinned or buffer.external or buffer in self._hosts
                if ends and buffer is not taken and not lasting:
                    key = (buffer.size, buffer.mapped, buffer.boolean)
                    free.setdefault(key, []).append(buffer)
