"""The structs of the C library as NumPy has them: each is declared here and in ``c/``.

The sizes are compared when the library is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

__all__ = [
    "AXES",
    "ENTRY_FIELDS",
    "EPOCH",
    "INPUT",
    "OPERANDS",
    "PROGRAM",
    "RECORD",
    "RECORD_INTS",
    "SIZES",
    "UPDATE",
]

AXES: Final = 5
"""How many loops inside each other a record has, the innermost one last."""
OPERANDS: Final = 4
"""How many operands it has at most, beside the result."""

OPERAND: Final = np.dtype([("base", "i4"), ("offset", "i4"), ("stride", "i4", AXES)])
RECORD: Final = np.dtype(
    [("operation", "i4"), ("extent", "i4", AXES), ("out", OPERAND), ("in", OPERAND, OPERANDS)]
)
"""A record as ``records.h`` declares it: a list of them is an array of this type."""

RECORD_INTS: Final = RECORD.itemsize // 4
"""How many integers of 32 bits it is made of, in the order of its fields: a list of records may
also be an array with a row of so many for each."""

ENTRY_FIELDS: Final = 8
"""How many numbers of 32 bits an entry of a tape has, which ``tape.h`` declares."""


def _struct(addresses: str, counts: str, numbers: str = "") -> np.dtype[Any]:
    """A C struct of addresses, 64-bit integers and doubles."""
    kinds = ((addresses, "u8"), (counts, "i8"), (numbers, "f8"))
    return np.dtype([(name, kind) for names, kind in kinds for name in names.split()])


INPUT: Final = _struct("rows order", "n_order n_rows width base offset row_stride stride")
"""What is read anew in each step, as ``epochs.h`` declares it."""

PROGRAM: Final = _struct("records memory inputs loss auxiliary", "n_records n_inputs n_auxiliary")
"""A program and where its numbers lie, as ``epochs.h`` declares it."""

UPDATE: Final = _struct(
    "records rest memory penalty",
    "n_records n_moving n_parameters block n_coefficients",
    "max_norm",
)
"""What is done with the gradients of each step, as ``epochs.h`` declares it."""

EPOCH: Final = _struct("programs update", "n_whole n_steps")
"""The steps of one call, as ``epochs.h`` declares them."""

SIZES: Final[Mapping[str, int]] = {
    "record": RECORD.itemsize,
    "entry": 4 * ENTRY_FIELDS,
    "input": INPUT.itemsize,
    "program": PROGRAM.itemsize,
    "update": UPDATE.itemsize,
    "epoch": EPOCH.itemsize,
}
"""How many bytes each has, in the order in which the library says its own."""
