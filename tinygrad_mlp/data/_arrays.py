"""Anything that ``np.asarray`` takes as an array of finite numbers, or the cell that is none.

Messages name a cell as NumPy does, counting from 0: ``X[3, 1]`` is row 3, column 1.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._frames import warn
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import DataError, ShapeError

__all__ = [
    "LARGEST_EXACT",
    "Floats",
    "Integers",
    "as_array",
    "as_floats",
    "check_finite",
    "check_plain",
    "counted",
]

Floats: TypeAlias = NDArray[np.float64]
"""An array of numbers."""
Integers: TypeAlias = NDArray[np.int64]
"""An array of labels or indices."""

LARGEST_EXACT: Final = 2**53
"""Up to here every whole number is a float64; beyond, some are not."""


def as_array(values: ArrayLike, name: str) -> NDArray[Any]:
    """``np.asarray``, with an error that names the row of another length than the first.

    >>> as_array([[1, 2], [3]], "X")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.ShapeError: the rows of X differ in length: row 0 has 2 cells, ...
    """
    check_plain(values, name)
    try:
        return np.asarray(values)
    except ValueError:
        raise ShapeError(_ragged_message(values, name)) from None


def check_plain(values: ArrayLike, name: str) -> None:
    """Refuse what ``np.asarray`` would read wrongly: masked cells, and sparse matrices.

    A masked array of which nothing is masked passes; so does anything that is no array.

    Raises:
        DataError: if a cell is masked, or the matrix is sparse.

    >>> check_plain(np.ma.masked_equal([1.0, -9.0], -9.0), "y")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: y is masked in 1 cell, and what is under a mask is no data; ...
    """
    parts = values if isinstance(values, list | tuple) else [values]
    masked = [part for part in parts if isinstance(part, np.ma.MaskedArray)]
    n_masked = sum([int(np.ma.getmaskarray(part).sum()) for part in masked])
    if n_masked:
        whole = name if masked[0] is values else f"np.ma.stack({name})"
        n_dimensions = masked[0].ndim + (masked[0] is not values)
        keep = f"~np.ma.getmaskarray({whole}){_by_sample('any', n_dimensions)}"
        raise DataError(
            f"{name} is masked in {counted(n_masked, 'cell')}, and what is under a mask is no "
            f"data; fill these cells in, {whole}.filled(0.0), or remove their samples from every "
            f"array: keep = {keep}; {whole}[keep]"
        )
    if hasattr(values, "toarray") and not hasattr(values, "__array__"):
        raise DataError(
            f"{name} is a sparse matrix, {type(values).__name__}; pass all its cells: "
            f"{name}.toarray()"
        )


def as_floats(values: ArrayLike, name: str) -> Floats:
    """The numbers as a float64 array of whatever shape; text is refused, nan and inf are not.

    Warns of whole numbers above 2^53 that are no floats, and so become others.

    >>> as_floats([1, True], "y")
    array([1., 1.])
    """
    array = as_array(values, name)
    if array.dtype.kind in "iu" and array.itemsize == 8:
        _warn_of_inexact(array, name)
    if array.dtype.kind in "biuf":
        return array.astype(np.float64, copy=False)
    if array.dtype.kind in "mMcV":
        raise DataError(
            f"{name} holds {array.dtype}; real numbers are needed: {_to_numbers(array, name)}"
        )
    cells = np.asarray(values, dtype=object)
    if cells.ndim == 0 and not hasattr(cells.item(), "__float__"):
        raise DataError(
            f"{name} is {described(cells.item())}, which is no array; pass a list or an array of "
            f"numbers, {_example_of(name)}"
        )
    for index, cell in np.ndenumerate(cells):
        if not _is_real_number(cell):
            raise DataError(
                f"{_cell(name, index)} is {described(cell)} ({_place(index)}), not a number; "
                + _remedy_for_cell(cell, name)
            )
    return cells.astype(np.float64)


def _example_of(name: str) -> str:
    """Features are a row for each sample, all else a number."""
    if name.lower().startswith("x"):
        return f"one row per sample: {name} = [[5.1, 3.5], [4.9, 3.0]]"
    return f"one per sample: {name} = [1.0, 0.5]"


def check_finite(array: NDArray[Any], *, name: str = "X", remedy: str = "") -> None:
    """Refuse nan and inf, naming the first cell that holds one and how many there are.

    Args:
        array: the numbers.
        name: what the message calls them.
        remedy: what the message says to do; unless given, to fill in such cells or to remove their
            samples.

    >>> check_finite(np.array([0.0, np.inf, np.nan]), name="y")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: y[1] is inf (row 1, counting from 0), the first of 2 ...
    """
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum()):  # mostly: nan and inf would be in the sum
            return
    bad = ~np.isfinite(array)
    n_bad = int(np.count_nonzero(bad))
    if not n_bad:
        return
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    if not index:
        raise DataError(f"{name} is {array[index]:g}, but a finite number is needed")
    more = f", the first of {n_bad} such cells" if n_bad > 1 else ""
    keep = f"np.isfinite({name}){_by_sample('all', array.ndim)}"
    remedy = remedy or (
        f"fill in such cells, or remove their samples from every array: keep = {keep}; {name}[keep]"
    )
    raise DataError(f"{_cell(name, index)} is {array[index]:g} ({_place(index)}){more}; {remedy}")


def counted(n: int, thing: str, things: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(2, "row"), counted(2, "class", "classes")
    ('1 row', '2 rows', '2 classes')
    """
    return f"{n} {thing if n == 1 else things or thing + 's'}"


def _to_numbers(array: NDArray[Any], name: str) -> str:
    """The call that makes numbers of another kind of array."""
    if array.dtype.kind == "c":
        return f"{name}.real, or np.abs({name})"
    if array.dtype.names:
        return (
            "from numpy.lib.recfunctions import structured_to_unstructured; "
            f"{name} = structured_to_unstructured({name})"
        )
    return f"{name}.astype(float)"


def _warn_of_inexact(array: NDArray[Any], name: str) -> None:
    """Tell of whole numbers that are no float64: more than 53 bits from the first 1 to the last."""
    is_large = (array > LARGEST_EXACT) | (array < -LARGEST_EXACT)
    numbers = array[is_large]
    magnitudes = np.abs(numbers).astype(np.uint64)
    lowest_bits = magnitudes & (~magnitudes + np.uint64(1))
    inexact = np.flatnonzero(magnitudes // lowest_bits > LARGEST_EXACT)
    if inexact.size:
        index = tuple(np.argwhere(is_large)[inexact[0]].tolist())
        number = int(numbers[inexact[0]])
        warn(
            f"{_cell(name, index)} is {number}, which as a float64 becomes {int(float(number))}: "
            f"above 2^53 not every whole number is a float; leave such a column out if it names "
            f"things, or subtract an offset first: {name} - {name}.min(axis=0)",
        )


def _is_real_number(cell: Any) -> bool:
    is_complex = isinstance(cell, (complex, np.complexfloating))
    return hasattr(cell, "__float__") and not hasattr(cell, "parents") and not is_complex


def _remedy_for_cell(cell: object, name: str) -> str:
    if cell is None:
        return "fill the cell in or remove its row"
    if hasattr(cell, "parents"):
        return "give the number of a Value, value.data; no gradient flows to what is read here"
    try:
        float(str(cell))
    except ValueError:
        return "leave the column out, or replace it by columns of 0 and 1, one per value"
    return f"turn texts into numbers first: np.asarray({name}, dtype=float)"


def _ragged_message(values: Any, name: str) -> str:
    sizes = [counted(len(row), "cell") if hasattr(row, "__len__") else "" for row in values]
    for i, size in enumerate(sizes):
        if size != sizes[0]:
            first, other = (
                f"has {text}" if text else "is a single cell" for text in (sizes[0], size)
            )
            return (
                f"the rows of {name} differ in length: row 0 {first}, row {i} {other}; "
                "every row needs the same number of cells"
            )
    return f"the rows of {name} differ in shape; every row needs the same number of cells"


def _by_sample(method: str, n_dimensions: int) -> str:
    """The call that makes one truth value per sample of an array with one per cell."""
    axes = range(1, n_dimensions)
    return f".{method}(axis={axes[0] if len(axes) == 1 else tuple(axes)})" if axes else ""


def _cell(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(str(i) for i in index)}]" if index else name


def _place(index: tuple[int, ...]) -> str:
    if len(index) == 2:
        return f"row {index[0]}, column {index[1]}, counting from 0"
    return f"row {index[0]}, counting from 0" if len(index) == 1 else "counting from 0"
