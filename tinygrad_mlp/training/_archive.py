"""Arrays in an .npz archive, and back without trust.

An archive is read in bounds that its headers set before anything is unpacked: what they promise
must fit to the size of the file, to each other, and to what is there. Nothing is ever unpickled.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._text import described, shortened
from tinygrad_mlp.errors import DataError

__all__ = ["pack", "unpack"]

MOST_MEMBERS: Final = 1_000_000
"""An array for each parameter, or for all of a layer: more has nobody."""
MOST_INFLATED: Final = 100
"""How many times its size an archive may hold, beyond ``ALWAYS_ALLOWED``: weights are random
numbers, which hardly shrink."""
ALWAYS_ALLOWED: Final = 1 << 20

_DAMAGED: Final = (
    *(EOFError, KeyError, MemoryError, NotImplementedError, OSError, OverflowError, RuntimeError),
    *(TypeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error),
)
"""What ``zipfile`` raises where an archive is damaged."""

_HEADER: Final = re.compile(
    r"\{'descr': '([<>|][biufU]\d{1,10})', 'fortran_order': (False|True), "
    r"'shape': \(((?:\d{1,20}, ?)*(?:\d{1,20})?)\), \}\s*"
)
"""The header of an array as NumPy writes it, here of booleans, numbers and texts."""


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """``numpy.savez``, for any names and without the time of day in the file.

    >>> unpack(io.BytesIO(pack({"weight": np.eye(1)})))
    {'weight': array([[1.]])}
    """
    if len(arrays) > MOST_MEMBERS:
        raise DataError(f"{len(arrays):,} arrays are more than a file can hold: {MOST_MEMBERS:,}")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
    return content.getvalue()


def unpack(stream: BinaryIO) -> dict[str, NDArray[Any]]:
    """The arrays of an archive by name, of booleans, real numbers or text.

    Raises:
        DataError: if it is no such archive, or its headers promise what cannot be.

    >>> unpack(io.BytesIO(b"hello"))
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: it is no .npz archive
    """
    size = stream.seek(0, os.SEEK_END)
    try:
        if not zipfile.is_zipfile(stream):
            raise DataError("it is no .npz archive")
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _check_members(members, size)
            return {_name_of(member): _array(archive, member) for member in members}
    except DataError:
        raise
    except _DAMAGED as error:
        raise DataError(f"the archive is damaged: {str(error) or type(error).__name__}") from None


def _name_of(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """What the headers promise: names, ways of packing and sizes, before anything is unpacked."""
    if not 0 < len(members) <= MOST_MEMBERS:
        raise DataError(f"it has {len(members):,} members, but 1 to {MOST_MEMBERS:,} are read")
    names: set[str] = set()
    for member in members:
        name = member.filename
        if not name.endswith(".npy") or name in names:
            problem = "twice" if name in names else "which is no array"
            raise DataError(f"it holds {described(name)}, {problem}")
        names.add(name)
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{described(name)} is compressed in a way that NumPy never uses")
    packed = sum(member.compress_size for member in members)
    inflated = sum(member.file_size for member in members)
    if packed > size or inflated > MOST_INFLATED * packed + ALWAYS_ALLOWED:
        raise DataError(f"{size:,} bytes claim to hold {inflated:,}, far more than weights do")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as stream:
        content = stream.read(member.file_size + 1)  # one more: only at the end is it verified
    if len(content) != member.file_size:
        raise DataError(f"{described(member.filename)} is not as long as its header says")
    start = 10 + int.from_bytes(content[8:10], "little")
    match = _HEADER.fullmatch(content[10:start].decode("latin-1"))
    if content[:8] != b"\x93NUMPY\x01\x00" or match is None:
        raise DataError(f"{described(member.filename)} is no array of numbers as NumPy writes it")
    shape = tuple(int(length) for length in match[3].split(",") if length.strip())
    dtype, n_bytes = np.dtype(match[1]), len(content) - start
    if math.prod(shape) * dtype.itemsize != n_bytes or n_bytes == 0:
        raise DataError(
            f"{described(member.filename)} says that it has the shape {shortened(str(shape), 60)} "
            f"of {match[1]}, "
            f"but holds {n_bytes:,} bytes"
        )
    if match[2] == "True":
        flat = np.frombuffer(content, dtype, offset=start)
        return _native(flat.reshape(shape[::-1]).T)
    return _native(np.frombuffer(content, dtype, offset=start).reshape(shape))


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """A copy of one's own, in the byte order of this machine."""
    return array.astype(array.dtype.newbyteorder("="), order="C")
