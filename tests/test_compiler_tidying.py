"""What becomes of single calls in the tidying: which are dropped, squeezed, redirected."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp.compiler._instructions import (
    Buffer,
    Instruction,
    Kind,
    Number,
    Ref,
    Table,
    contiguous,
)
from tinygrad_mlp.compiler._tidying import tidied

Program = list[Instruction]
Axes = tuple[int, ...]

C0: Final = Number("c0", 2.0)
C1: Final = Number("c1", 3.0)


class Memory:
    """Hands out buffers by their name: ``x``, ``y``, ``z`` stay, ``t``, ``u``, ``v`` are passing.

    Each has six slots, a row of B numbers each if its name is in capitals.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, Buffer] = {}

    def buffer(self, name: str, **fields: Any) -> Buffer:
        if name not in self._buffers:
            made = Buffer(6, name.isupper(), name, pinned=name.lower() in "xyz")
            self._buffers[name] = made
        for field, value in fields.items():
            setattr(self._buffers[name], field, value)
        return self._buffers[name]

    def __call__(
        self, name: str, *shape: int, at: int = 0, by: tuple[int, ...] | None = None, **fields: Any
    ) -> Ref:
        shape = shape or (6,)
        strides = contiguous(shape) if by is None else by
        return Ref(self.buffer(name), at, shape, strides, **fields)


def exp(source: Ref, out: Ref) -> Instruction:
    return Instruction("ufunc", "exp", [source], out)


def add(a: Ref | Number, b: Ref | Number, out: Ref) -> Instruction:
    return Instruction("ufunc", "add", [a, b], out)


def copy(source: Ref | Number, out: Ref) -> Instruction:
    return Instruction("copy", "copyto", [source], out)


def shown(program: Program) -> list[str]:
    """Each call with the places that its result takes."""
    texts = []
    for call in program:
        place = "" if call.out.covers_buffer() else f" at {call.out.offset} by {call.out.strides}"
        texts.append(f"{call}{place}")
    return texts


def cases() -> dict[str, tuple[Program, list[str]]]:
    made: dict[str, tuple[Program, list[str]]] = {}
    m = Memory()
    made["nobody reads it"] = (
        [exp(m("x"), m("t")), exp(m("t"), m("u")), exp(m("x"), m("y"))],
        ["exp(x[6], out=y[6])"],
    )
    m = Memory()
    m.buffer("u", external=True)
    made["from outside"] = (
        [exp(m("x"), m("t")), exp(m("t"), m("u"))],
        [
            "exp(x[6], out=t[6])",
            "exp(t[6], out=u[6])",
        ],
    )
    m = Memory()
    made["read later"] = (
        [
            exp(m("x"), m("t")),
            Instruction("reduce", "add", [m("t")], Ref(m.buffer("y"), 0, (), ()), (0,)),
        ],
        [
            "exp(x[6], out=t[6])",
            "add.reduce(t[6], axis=(0,), out=y) at 0 by ()",
        ],
    )
    m = Memory()
    made["copied"] = [exp(m("x"), m("t")), copy(m("t"), m("y"))], ["exp(x[6], out=y[6])"]
    m = Memory()
    made["copied on"] = (
        [exp(m("x"), m("t")), copy(m("t"), m("u")), copy(m("u"), m("y"))],
        ["exp(x[6], out=y[6])"],
    )
    m = Memory()
    made["copied and used"] = (
        [exp(m("x"), m("t")), copy(m("t"), m("y")), exp(m("y"), m("z"))],
        [
            "exp(x[6], out=y[6])",
            "exp(y[6], out=z[6])",
        ],
    )
    m = Memory()
    made["copied twice"] = (
        [exp(m("x"), m("t")), copy(m("t"), m("y")), copy(m("t"), m("z"))],
        [
            "exp(x[6], out=t[6])",
            "copyto(y[6], t[6])",
            "copyto(z[6], t[6])",
        ],
    )
    m = Memory()
    made["made in two parts"] = (
        [
            exp(m("x", 3), m("t", 3)),
            exp(m("x", 3, at=3), m("t", 3, at=3)),
            copy(m("t"), m("y")),
        ],
        [
            "exp(x[3], out=t[3]) at 0 by (1,)",
            "exp(x[3], out=t[3]) at 3 by (1,)",
            "copyto(y[6], t[6])",
        ],
    )
    m = Memory()
    made["nobody makes it"] = (
        [copy(m("x"), m("y")), copy(C0, m("z"))],
        [
            "copyto(y[6], x[6])",
            "copyto(z[6], c0)",
        ],
    )
    m = Memory()
    made["the target is read meanwhile"] = (
        [
            exp(m("x"), m("t")),
            exp(m("y"), m("z")),
            copy(m("t"), m("y")),
            exp(m("x"), m("u")),
            copy(m("u"), m("w")),
            exp(m("w"), m("y")),
        ],
        [
            "exp(x[6], out=t[6])",
            "exp(y[6], out=z[6])",
            "copyto(y[6], t[6])",
            "exp(x[6], out=w[6])",
            "exp(w[6], out=y[6])",
        ],
    )
    m = Memory()
    made["the target is written meanwhile"] = (
        [
            exp(m("x"), m("t")),
            exp(m("x", 3), m("y", 3)),
            copy(m("t"), m("y")),
        ],
        ["exp(x[6], out=t[6])", "exp(x[3], out=y[3]) at 0 by (1,)", "copyto(y[6], t[6])"],
    )
    m = Memory()
    made["the target is used before and after"] = (
        [
            exp(m("y"), m("z")),
            exp(m("x"), m("t")),
            copy(m("t"), m("y")),
            exp(m("y"), m("x")),
        ],
        ["exp(y[6], out=z[6])", "exp(x[6], out=y[6])", "exp(y[6], out=x[6])"],
    )
    m = Memory()
    made["after a copy that went"] = (
        [
            exp(m("x"), m("t")),
            copy(m("t"), m("y")),
            exp(m("x"), m("u")),
            copy(m("u"), m("z")),
        ],
        ["exp(x[6], out=y[6])", "exp(x[6], out=z[6])"],
    )
    for field in ("pinned", "external", "boolean"):
        m = Memory()
        m.buffer("t", **{field: True})
        made[f"the source is {field}"] = (
            [exp(m("x"), m("t")), copy(m("t"), m("y"))],
            [
                "exp(x[6], out=t[6])",
                "copyto(y[6], t[6])",
            ],
        )
    at0, at1 = [Table(name, np.arange(2)) for name in ("at0", "at1")]
    stays: list[Kind] = ["gather", "scatter", "loss"]
    for kind in stays:
        m = Memory()
        maker = Instruction(kind, "add", [m("x"), at0, None, at1], m("t"))
        made[f"by {kind}"] = [maker, copy(m("t"), m("y"))], [repr(maker), "copyto(y[6], t[6])"]
    writes_anywhere: list[tuple[Kind, Axes]] = [
        ("reduce", (0,)),
        ("matmul", ()),
        ("contract", ()),
        ("select", ()),
        ("call", ()),
    ]
    for kind, axes in writes_anywhere:
        m = Memory()
        source = m("x", 2, 6) if kind == "reduce" else m("x")
        maker = Instruction(kind, "add", [source], m("t"), axes)
        moved = Instruction(kind, "add", [source], m("y"), axes)
        made[f"by {kind}"] = [maker, copy(m("t"), m("y"))], [repr(moved)]
    m = Memory()
    made["numbers to rows"] = (
        [exp(m("x"), m("t")), copy(m("t"), m("Y"))],
        [
            "exp(x[6], out=t[6])",
            "copyto(Y[6, B], t[6])",
        ],
    )
    m = Memory()
    made["with samples in front"] = (
        [exp(m("X"), m("T")), copy(m("T"), m("Y", swap=True))],
        [
            "exp(X[6, B], out=T[6, B])",
            "copyto(Y[B, 6], T[6, B]) at 0 by (1,)",
        ],
    )
    m = Memory()
    made["a part is made"] = (
        [exp(m("x", 3), m("t", 3)), copy(m("t"), m("y"))],
        [
            "exp(x[3], out=t[3]) at 0 by (1,)",
            "copyto(y[6], t[6])",
        ],
    )
    m = Memory()
    made["a part is copied"] = (
        [exp(m("x"), m("t")), copy(m("t", 3), m("y", 3))],
        [
            "exp(x[6], out=t[6])",
            "copyto(y[3], t[3]) at 0 by (1,)",
        ],
    )
    m = Memory()
    made["copied along an axis"] = (
        [exp(m("x"), m("t")), copy(m("t"), m("y", 2, 6, by=(0, 1)))],
        [
            "exp(x[6], out=t[6])",
            "copyto(y[2, 6], t[6]) at 0 by (0, 1)",
        ],
    )
    m = Memory()
    made["to every second place"] = (
        [exp(m("x"), m("t")), copy(m("t"), m("y", 6, at=3, by=(2,)))],
        ["exp(x[6], out=y[6]) at 3 by (2,)"],
    )
    m = Memory()
    made["in other axes, in order"] = (
        [
            Instruction("matmul", "matmul", [m("x")], m("t", 2, 3)),
            copy(m("t"), m("y")),
        ],
        ["matmul(x[6], out=y[2, 3])"],
    )
    m = Memory()
    made["in other axes, in order, from a place on"] = (
        [
            Instruction("matmul", "matmul", [m("x")], m("t", 2, 3)),
            copy(m("t"), m("y", at=2)),
        ],
        ["matmul(x[6], out=y[2, 3]) at 2 by (3, 1)"],
    )
    m = Memory()
    made["in other axes, not in order"] = (
        [
            Instruction("matmul", "matmul", [m("x")], m("t", 2, 3)),
            copy(m("t"), m("y", by=(2,))),
        ],
        ["matmul(x[6], out=t[2, 3])", "copyto(y[6], t[6]) at 0 by (2,)"],
    )
    m = Memory()
    made["transposed"] = (
        [
            Instruction("matmul", "matmul", [m("x")], m("t", 2, 1, 3)),
            copy(m("t", 2, 3), m("y", 2, 3, at=1, by=(1, 2))),
        ],
        ["matmul(x[6], out=y[2, 1, 3]) at 1 by (1, 0, 2)"],
    )
    m = Memory()
    made["over its own operand"] = (
        [exp(m("y"), m("t")), copy(m("t"), m("y"))],
        ["exp(y[6], out=y[6])"],
    )
    for name, operand in (
        ("another place", m("y", 6, at=1)),
        ("another order", m("y", 6, by=(2,))),
        ("other axes", m("y", 1, by=(1,))),
    ):
        maker = add(m("y"), operand, m("t"))
        made[f"over {name} of its operand"] = (
            [maker, copy(m("t"), m("y"))],
            [
                repr(maker),
                "copyto(y[6], t[6])",
            ],
        )
    not_over_operands: list[Kind] = ["matmul", "select"]
    for kind in not_over_operands:
        maker = Instruction(kind, "f", [m("x"), m("y")], m("t"))
        made[f"over the operand of a {kind}"] = (
            [maker, copy(m("t"), m("y"))],
            [
                repr(maker),
                "copyto(y[6], t[6])",
            ],
        )
    m = Memory()
    made["axes of length 1"] = (
        [add(m("x", 2, 1, 3), m("x", 1, 3), m("y", 2, 1, 3))],
        ["add(x[2, 3], x[3], out=y[2, 3])"],
    )
    m = Memory()
    made["an axis that one operand has"] = (
        [add(m("x", 1), m("x", 2, 1), m("y", 2, 3))],
        ["add(x[1], x[2, 1], out=y[2, 3])"],
    )
    m = Memory()
    made["axes of length 1 alone"] = (
        [add(m("x", 1, 1, at=1), C0, m("y", 1, 1, 1, at=4))],
        ["add(x[1], c0, out=y[1]) at 4 by (0,)"],
    )
    m = Memory()
    made["no axes"] = (
        [add(C0, C1, Ref(m.buffer("y"), 0, (), ()))],
        ["add(c0, c1, out=y) at 0 by ()"],
    )
    m = Memory()
    made["of a product"] = (
        [Instruction("matmul", "matmul", [m("x", 1, 2, 3)], m("y", 1, 2))],
        ["matmul(x[1, 2, 3], out=y[1, 2]) at 0 by (0, 1)"],
    )
    sums: list[tuple[Axes, Axes, Axes, str]] = [
        ((2, 1, 3), (0,), (1, 3), "add.reduce(X[2, 3, B], axis=(0,), out=Y[3, B]) at 0 by (1,)"),
        ((2, 1, 3), (2,), (2, 1), "add.reduce(X[2, 3, B], axis=(1,), out=Y[2, B]) at 0 by (1,)"),
        ((1, 2, 3), (1, 2), (1,), "add.reduce(X[2, 3, B], axis=(0, 1), out=Y[B]) at 0 by ()"),
        (
            (2, 1, 3),
            (0, 3),
            (1, 3),
            "add.reduce(X[2, 3, B], axis=(0, 2), out=Y[3, B]) at 0 by (1,)",
        ),
        ((1, 1, 1), (3,), (1, 1, 1), "add.reduce(X[1, B], axis=(1,), out=Y[1, B]) at 0 by (0,)"),
        ((2, 1, 3), (1,), (2, 3), "add.reduce(X[2, 1, 3, B], axis=(1,), out=Y[2, 3, B])"),
    ]
    for shape, along, out, expected in sums:
        m = Memory()
        reduction = Instruction("reduce", "add", [m("X", *shape)], m("Y", *out), along)
        made[f"a sum of {shape} over {along}"] = [reduction], [expected]
    m = Memory()
    rows, product = m("X"), m("T")
    factors: dict[str, tuple[Ref | Number, str]] = {
        "rows": (m("Y"), ""),
        "a number": (C0, "c0"),
        "numbers": (m("x"), "x[6]"),
        "rows with samples in front": (m("Y", swap=True), "Y[B, 6]"),
        "truth values": (Ref(Buffer(6, True, "W", boolean=True), 0, (6,), (1,)), "W[6, B]"),
        "one row": (m("Y", 1), "Y[1, B]"),
    }
    for name, (factor, shown_as) in factors.items():
        multiplied = Instruction("ufunc", "multiply", [rows, factor], product)
        total = Instruction("reduce", "add", [product], m("z"), (1,))
        expected_calls = [
            f"multiply(X[6, B], {shown_as}, out=T[6, B])",
            "add.reduce(T[6, B], axis=(1,), out=z[6])",
        ]
        if not shown_as:
            expected_calls = ["contract(pb,pb->p, X[6, B], Y[6, B], out=z[6])"]
        made[f"products with {name} that are summed"] = [multiplied, total], expected_calls
    for function, made_in in (("add", m("T")), ("multiply", m("T", 6, at=5, by=(-1,)))):
        call = Instruction("ufunc", function, [rows, m("Y")], made_in)
        made[f"{function} by {made_in.strides}, then summed"] = (
            [call, Instruction("reduce", "add", [product], m("z"), (1,))],
            [shown([call])[0], "add.reduce(T[6, B], axis=(1,), out=z[6])"],
        )
    return made


CASES: Final = cases()


@pytest.mark.parametrize("name", CASES)
def test_a_program_is_tidied(name: str) -> None:
    program, expected = CASES[name]
    assert shown(tidied(program)) == expected
