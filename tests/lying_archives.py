"""Archives whose headers promise what is not there, and the parts that they are made of."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Final


def bomb(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(f"{name}.npy", member)
    return content.getvalue()


def npy(descr: str, shape: str, content: bytes = b"", order: str = "False") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


LYING: Final = {
    "inflates a thousand times": bomb(a=npy("<f8", "(5000000,)", bytes(40_000_000))),
    "inflates in many members": bomb(
        **{f"a{i}": npy("<f8", "(90000,)", bytes(720_000)) for i in range(40)}
    ),
    "a shape without content": bomb(a=npy("<f8", "(1000000000, 1000000000)")),
    "a shape without numbers": bomb(a=npy("<f8", "(1000000000, 0)")),
    "a shape that overflows": bomb(a=npy("<f8", "(4294967296, 4294967296, 1)", bytes(8))),
    "a shape below 0": bomb(a=npy("<f8", "(-1,)", bytes(8))),
    "too many dimensions": bomb(a=npy("<f8", f"({'1, ' * 90})", bytes(8))),
    "objects": bomb(a=npy("|O", "(1,)", bytes(8))),
    "complex numbers": bomb(a=npy("<c16", "(1,)", bytes(16))),
    "a type that is none": bomb(a=npy("<f3", "(1,)", bytes(3))),
    "long letters": bomb(a=npy("<U999999999", "()", bytes(8))),
    "an expression as a header": bomb(a=b"\x93NUMPY\x01\x00\x05\x00(((((" + bytes(8)),
    "no header": bomb(a=b"\x93NUMPY"),
    "no member": bomb(),
    "no array": bomb(a=b""),
    "texts as weights": bomb(a=npy("<U1", "()", b"a\0\0\0")),
    "numbers as text": bomb(__details__=npy("<f8", "()", bytes(8))),
    "letters that are none": bomb(__details__=npy("<U1", "()", b"\xff\xff\xff\x7f")),
    "a text without end": bomb(
        __details__=npy("<U100000", "()", ("[" * 100_000).encode("utf-32-le"))
    ),
    "a number without end": bomb(__details__=npy("<U5000", "()", ("1" * 5000).encode("utf-32-le"))),
}
