"""The instruction sets that the C library is built for: one table for the build and for the choice.

``setup.py`` reads this file where nothing is installed yet: it imports the standard library alone.
"""

from __future__ import annotations

import platform
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

__all__ = [
    "FLAGS",
    "NOT_BUILT",
    "VARIANTS",
    "Variant",
    "checksum",
    "library_file",
    "machine",
    "variants_of",
]

FOLDER: Final = Path(__file__).resolve().parent

NOT_BUILT: Final = "not_built.txt"
"""The file beside the libraries that says why there are none, where the build left a reason."""

FLAGS: Final = (
    *("-std=gnu11", "-O3", "-g0", "-fno-wrapv", "-fvisibility=hidden"),
    # Equal bits: no a b + c in one rounding unless the source says so. Of the rest of fast
    # mathematics only what changes no result: errno and the traps of the processor are never read.
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
    "-Wno-pass-failed",  # clang would list the loops that it cannot vectorize
)
"""What the compiler is told for every variant."""

V2: Final = ("-msse3", "-mssse3", "-msse4.1", "-msse4.2", "-mpopcnt", "-mcx16", "-msahf")
V3: Final = (*V2, "-mavx", "-mavx2", "-mfma", "-mf16c", "-mbmi", "-mbmi2", "-mlzcnt", "-mmovbe")
V4: Final = (*V3, *(f"-mavx512{part}" for part in ("f", "cd", "bw", "dq", "vl")))
"""The levels of x86-64, flag by flag: compilers from before the names of the levels know these."""

BASE: Final = ("-march=x86-64", "-mtune=generic")


class Variant(NamedTuple):
    """The library for one instruction set.

    Attributes:
        name: part of the file's name.
        machine: the processors that it is built on, as ``machine()`` calls them.
        level: what NumPy calls the whole instruction set.
        features: what NumPy calls its parts, for a NumPy that does not report the whole.
        flags: what the compiler is told.
    """

    name: str
    machine: str
    level: str
    features: tuple[str, ...]
    flags: tuple[str, ...]

    def runs_with(self, reported: Mapping[str, bool]) -> bool:
        """Whether a machine with these features runs it; what is not reported is not there.

        >>> v3 = variants_of("x86_64")[1]
        >>> v3.runs_with({"X86_V3": True}), v3.runs_with({"X86_V3": False, "AVX2": True})
        (True, False)
        >>> v3.runs_with({"AVX2": True, "FMA3": True, "F16C": True}), v3.runs_with({})
        (True, False)
        """
        parts = all(reported.get(feature, False) for feature in self.features)
        return bool(reported.get(self.level, parts))


VARIANTS: Final = (
    Variant(
        "v4",
        "x86_64",
        "X86_V4",
        ("AVX512_SKX", "AVX2", "FMA3", "F16C"),
        (*BASE, *V4, "-mprefer-vector-width=512"),
    ),
    Variant("v3", "x86_64", "X86_V3", ("AVX2", "FMA3", "F16C"), (*BASE, *V3)),
    Variant("v2", "x86_64", "X86_V2", ("SSSE3", "SSE41", "SSE42", "POPCNT"), (*BASE, *V2)),
    Variant("neon", "aarch64", "ASIMD", ("NEON",), ()),
)
"""The best of a machine first."""


def machine() -> str:
    """The kind of processor that this Python runs on, by the name that Linux has for it.

    >>> machine() in {"x86_64", "aarch64"} or machine() == platform.machine().lower()
    True
    """
    name = platform.machine().lower()
    name = {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)
    return name if sys.maxsize > 2**32 else f"{name} with 32 bits"


def variants_of(machine: str) -> list[Variant]:
    """The variants for a kind of processor, the best first.

    >>> [variant.name for variant in variants_of("x86_64")]
    ['v4', 'v3', 'v2']
    >>> variants_of("riscv64")
    []
    """
    return [variant for variant in VARIANTS if variant.machine == machine]


def library_file(name: str) -> str:
    """The name of a variant's file. With two dots: Python must not take it for a module.

    >>> library_file("v3")
    'library.v3.so'
    """
    return f"library.{name}.so"


def checksum(folder: Path = FOLDER) -> int:
    """A number made of all C files: a library holds that of the files that it was made of.

    >>> 0 < checksum() < 2**32
    True
    """
    number = 0
    for file in sorted((folder / "c").glob("*.[ch]")):
        number = zlib.crc32(file.read_bytes(), zlib.crc32(file.name.encode(), number))
    return number
