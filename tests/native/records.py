"""Records written by hand, and the library that runs them, for tests of single kernels."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import tinygrad_mlp._native

__all__ = ["AXES", "VARIANTS", "Library", "Operand", "Record", "library"]

AXES: Final = 5
FLAGS: Final[dict[str, list[str]]] = {
    "x86-64-v2": ["-march=x86-64-v2"],
    "x86-64-v3": ["-march=x86-64-v3"],
    "x86-64-v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
FEATURES: Final = {"x86-64-v2": "SSE42", "x86-64-v3": "FMA3", "x86-64-v4": "AVX512_SKX"}


class Operand(ctypes.Structure):
    """Where an operand lies: a memory, an offset, a stride for each axis."""

    _fields_ = (
        ("base", ctypes.c_int32),
        ("offset", ctypes.c_int32),
        ("stride", ctypes.c_int32 * AXES),
    )


class Record(ctypes.Structure):
    """One step of a program."""

    _fields_ = (
        ("operation", ctypes.c_int32),
        ("extent", ctypes.c_int32 * AXES),
        ("out", Operand),
        ("in_", Operand * 3),
    )


class Library:
    """The library for one instruction set."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.operations.restype = ctypes.c_char_p
        names = self._library.operations().decode().split()
        self.numbers: dict[str, int] = {name: number for number, name in enumerate(names)}

    def record(
        self,
        operation: str,
        extents: Sequence[int],
        out: Sequence[int],
        *operands: Sequence[int],
    ) -> Record:
        """A record; ``out`` and the operands are (base, offset, strides of the five axes)."""
        record = Record(self.numbers[operation], (ctypes.c_int32 * AXES)(*extents))
        record.out = _operand(out)
        for place, operand in enumerate(operands):
            record.in_[place] = _operand(operand)
        return record

    def run(self, records: Sequence[Record], memory: Sequence[int], dtype: Any) -> None:
        """Run the records on these addresses."""
        suffix = {8: "f64", 4: "f32"}[np.dtype(dtype).itemsize]
        run = getattr(self._library, f"run_{suffix}")
        run(
            (Record * len(records))(*records),
            ctypes.c_int64(len(records)),
            (ctypes.c_void_p * len(memory))(*memory),
        )


def _operand(numbers: Sequence[int]) -> Operand:
    base, offset, *strides = numbers
    return Operand(base, offset, (ctypes.c_int32 * AXES)(*strides))


def _variants() -> list[str]:
    from numpy._core._multiarray_umath import __cpu_features__

    return [name for name, feature in FEATURES.items() if __cpu_features__.get(feature)]


VARIANTS: Final = _variants() if shutil.which("gcc") else []


@functools.cache
def library(variant: str) -> Library:
    """The library for an instruction set, compiled now."""
    source = Path(tinygrad_mlp._native.__file__).with_name("c") / "library.c"
    folder = Path(tempfile.mkdtemp())
    path = folder / f"{variant}.so"
    command = ["gcc", "-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno"]
    command += ["-fno-trapping-math", "-fvisibility=hidden", "-fPIC", "-shared"]
    command += [*FLAGS[variant], "-o", str(path), str(source), "-lm"]
    subprocess.run(command, check=True)
    found = Library(path)
    shutil.rmtree(folder)
    return found
