"""The C library of this machine: the best variant that it runs, loaded once, or why there is none.

It is loaded by ctypes and uses no part of Python: while it runs, other threads of Python run too.
"""

from __future__ import annotations

import ctypes
import importlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native import _blas
from tinygrad_mlp._native._structs import SIZES
from tinygrad_mlp._native._variants import (
    FOLDER,
    NOT_BUILT,
    checksum,
    library_file,
    machine,
    variants_of,
)

__all__ = [
    "Function",
    "Library",
    "address_of",
    "in_use",
    "load",
    "reason",
    "reported_features",
    "search",
]

Function: TypeAlias = Callable[..., Any]
"""A function of the library; an address is an int, as ``array.ctypes.data`` gives it."""

KINDS: Final[Mapping[np.dtype[Any], str]] = {
    np.dtype(np.float64): "f64",
    np.dtype(np.float32): "f32",
}

ADDRESS: Final = ctypes.c_void_p
COUNT: Final = ctypes.c_int64

RUN: Final = (ADDRESS, COUNT, ADDRESS)
RUN_STEPS: Final = (ADDRESS, COUNT, COUNT, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
FIND_LARGEST: Final = (ADDRESS, COUNT, COUNT, ADDRESS)
FIND_LEVELS: Final = (COUNT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
SHUFFLE: Final = (ADDRESS, COUNT, ADDRESS, ADDRESS)

REBUILD: Final = "python -m pip install -e ."


@dataclass(frozen=True)
class Library:
    """The loaded library.

    Attributes:
        variant: the instruction set that it was built for, such as ``"v3"``.
        compiler: what built it, such as ``"gcc 12.2.0"``.
        path: its file.
        operations: the number of each operation, by its name, in the order of the numbers.
        run: ``run(records, n, memory)`` for each type of numbers: the address of n records, and
            that of a table of addresses.
        run_tape: likewise ``run_tape(entries, n, numbers)``, with the address of the numbers.
        find_levels: which results of a graph can be computed together, as ``tape.h`` has it.
        run_steps: steps of training, as ``epochs.h`` has it; gives how many were taken.
        find_largest: where the largest number of each row stands, likewise.
        shuffle: puts integers into another order, likewise.
        blas: which BLAS of NumPy it calls for products of large matrices, and from which size on;
            empty where it calls none.
    """

    variant: str
    compiler: str
    path: Path
    operations: Mapping[str, int]
    run: Mapping[np.dtype[Any], Function]
    run_tape: Mapping[np.dtype[Any], Function]
    find_levels: Function
    run_steps: Mapping[np.dtype[Any], Function]
    find_largest: Mapping[np.dtype[Any], Function]
    shuffle: Function
    blas: str

    def describe(self) -> str:
        """What it is built for, what built it, and who multiplies matrices, for a summary.

        >>> library = load()
        >>> library is None or library.describe().startswith(f"{library.variant}, ")
        True
        """
        products = "its own products" + f", {self.blas}" * bool(self.blas)
        return f"{self.variant}, {self.compiler}; {products}"


def address_of(array: NDArray[Any]) -> int:
    """Where the numbers of an array begin; whoever keeps the address keeps the array too.

    >>> array = np.zeros(2)
    >>> address_of(array[1:]) - address_of(array)
    8
    """
    address: int = array.ctypes.data  # the array interface would describe each field, too
    return address


class _UnusableError(Exception):
    """Why there is no library here."""


_found: Final[dict[str, tuple[Library | None, str]]] = {}
"""Empty until the library is asked for. No lock guards it, which a fork could leave held: two
threads may both load the library, which is harmless, and both go on with what came first."""


def load() -> Library | None:
    """The library of this machine, or None; chosen at the first call.

    >>> load() is load()
    True
    """
    return _search_once()[0]


def in_use() -> Library | None:
    """The library if something has asked for it before; this alone does not load it.

    >>> load() is in_use()
    True
    """
    return _found.get("library", (None, ""))[0]


def reason() -> str:
    """Why there is no library; empty where there is one.

    >>> (load() is None) == bool(reason())
    True
    """
    return _search_once()[1]


def _search_once() -> tuple[Library | None, str]:
    known = _found.get("library")
    return known or _found.setdefault("library", search(FOLDER, reported_features()))


def search(folder: Path, features: Mapping[str, bool]) -> tuple[Library | None, str]:
    """The best library in a folder that a machine with these features runs, and why there is none.

    >>> search(FOLDER / "nowhere", {})
    (None, 'the native library is not built: python -m pip install -e .')
    """
    try:
        return _opened(*_chosen(folder, features)), ""
    except _UnusableError as error:
        return None, str(error)


def reported_features() -> Mapping[str, bool]:
    """What NumPy found out about this processor; a name that is missing is a feature that is.

    >>> all([value in (True, False) for value in reported_features().values()])
    True
    """
    core = importlib.import_module("numpy._core._multiarray_umath")
    features: Mapping[str, bool] = getattr(core, "__cpu_features__", {})
    return features


def _chosen(folder: Path, features: Mapping[str, bool]) -> tuple[str, Path]:
    """Name and file of the best variant that is installed and that runs here."""
    variants = variants_of(machine())
    if not variants:
        raise _UnusableError(f"there is no native library for a processor of kind {machine()}")
    installed = {v: file for v in variants if (file := folder / library_file(v.name)).is_file()}
    if not installed:
        raise _UnusableError(f"the native library is not built: {_why_not_built(folder)}")
    for variant, file in installed.items():
        if variant.runs_with(features):
            return variant.name, file
    names = " or ".join(variant.level for variant in installed)
    raise _UnusableError(f"the native library needs {names}, which NumPy does not report here")


def _why_not_built(folder: Path) -> str:
    try:
        return (folder / NOT_BUILT).read_text(encoding="utf-8").strip()
    except OSError:
        return REBUILD


def _opened(variant: str, file: Path) -> Library:
    try:
        if not _is_whole(file):
            raise _UnusableError(f"{file} is damaged; install the package again")
        library = ctypes.CDLL(str(file))
        _check(library, file)
        blas = _blas.find()
        if blas is not None:
            _blas.use(library, blas, blas.least(variant))
        return Library(
            variant=variant,
            compiler=_text(library.compiler),
            path=file,
            operations=_numbered(_text(library.operations).split()),
            run=_functions(library, "run", RUN),
            run_tape=_functions(library, "run_tape", RUN),
            find_levels=_declared(library.find_levels, FIND_LEVELS),
            run_steps=_functions(library, "run_steps", RUN_STEPS, COUNT),
            find_largest=_functions(library, "find_largest", FIND_LARGEST),
            shuffle=_declared(library.shuffle, SHUFFLE),
            blas=blas.describe(variant) if blas is not None else "",
        )
    except (OSError, AttributeError, ValueError) as error:  # it lacks a function, or a name
        raise _UnusableError(f"{file} cannot be loaded: {error}") from error


def _check(library: ctypes.CDLL, file: Path) -> None:
    """That both sides mean the same structs and the same operations."""
    sizes = (ctypes.c_int64 * len(SIZES)).in_dll(library, "sizes")
    for (name, ours), size in zip(SIZES.items(), sizes):
        if size != ours:
            raise _UnusableError(
                f"{file} has a struct {name} of {size} bytes, not of {ours}; build it again: "
                f"{REBUILD}"
            )
    if _number(library.sources) != checksum():
        raise _UnusableError(
            f"{file} is not made of the C files beside it; build it again: {REBUILD}"
        )


def _is_whole(file: Path) -> bool:
    """Whether an ELF file goes as far as it says: a shorter one would end the process.

    Its header says where the table of sections begins, which is the last part of the file.
    """
    with file.open("rb") as opened:
        header = opened.read(64)
        length = file.stat().st_size
    if not header.startswith(b"\x7fELF\x02"):
        return True  # no such file, and the loader says what it thinks of it
    if len(header) < 64:
        return False
    (begin,) = struct.unpack_from("<Q", header, 40)
    size, number = struct.unpack_from("<HH", header, 58)
    return bool(length >= begin + size * number)


def _functions(
    library: ctypes.CDLL, name: str, arguments: tuple[type, ...], result: type | None = None
) -> Mapping[np.dtype[Any], Function]:
    """A function of the library for each type of numbers, with its arguments declared."""
    functions: dict[np.dtype[Any], Function] = {}
    for dtype, kind in KINDS.items():
        functions[dtype] = _declared(getattr(library, f"{name}_{kind}"), arguments, result)
    return MappingProxyType(functions)


def _declared(function: Any, arguments: tuple[type, ...], result: type | None = None) -> Function:
    function.argtypes, function.restype = arguments, result
    declared: Function = function
    return declared


def _numbered(names: list[str]) -> Mapping[str, int]:
    return MappingProxyType({name: number for number, name in enumerate(names)})


def _text(function: Any) -> str:
    function.argtypes, function.restype = (), ctypes.c_char_p
    text: bytes = function()
    return text.decode("ascii")


def _number(function: Any) -> int:
    function.argtypes, function.restype = (), ctypes.c_int64
    number: int = function()
    return number
