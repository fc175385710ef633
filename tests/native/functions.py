"""Functions of numbers: where to try them, and how far a result is from the true one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import mpmath
import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native._library import Library
from tinygrad_mlp._native._structs import RECORD

__all__ = [
    "EXACT",
    "TYPES",
    "Prepared",
    "errors",
    "exact",
    "operands",
    "points",
    "run",
    "special_points",
]

Array: TypeAlias = NDArray[Any]

TYPES: Final = (np.float64, np.float32)

EXACT: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "exp": mpmath.exp,
        "exp2": lambda x: mpmath.power(2, x),
        "expm1": mpmath.expm1,
        "log": mpmath.log,
        "log2": lambda x: mpmath.log(x, 2),
        "log10": lambda x: mpmath.log(x, 10),
        "log1p": mpmath.log1p,
        "sinh": mpmath.sinh,
        "cosh": mpmath.cosh,
        "tanh": mpmath.tanh,
        "sin": mpmath.sin,
        "cos": mpmath.cos,
        "tan": mpmath.tan,
        "arcsin": mpmath.asin,
        "arccos": mpmath.acos,
        "arctan": mpmath.atan,
        "power": mpmath.power,
        "erfc": lambda x: mpmath.erfc(max(min(x, 99), -99)),  # it refuses 1e300
    }
)
"""The functions in mpmath, by their names in NumPy; all but power are of one number."""


class Prepared:
    """A call that applies an operation to rows of numbers, which may lie apart, as in ``x[::2]``.

    An operand of one number serves the whole row.
    """

    def __init__(self, library: Library, name: str, out: Array, *operands: Array) -> None:
        record = np.zeros(1, RECORD)
        record["operation"] = library.operations[name]
        record["extent"] = [1, 1, 1, 1, out.size]
        record["out"]["stride"][:, 4] = out.strides[0] // out.itemsize
        for place, x in enumerate(operands):
            record["in"]["base"][:, place] = place + 1
            if x.size > 1:
                record["in"]["stride"][:, place, 4] = x.strides[0] // x.itemsize
        self._arrays = (out, *operands)
        self._record = record
        self._memory = np.array([x.ctypes.data for x in self._arrays], np.uintp)
        self._addresses = record.ctypes.data, self._memory.ctypes.data
        self._run = library.run[out.dtype]

    def __call__(self) -> None:
        """Fill ``out``."""
        self._run(self._addresses[0], 1, self._addresses[1])


def run(library: Library, name: str, *operands: Array) -> Array:
    """The results of an operation, one for each number of the first operand."""
    out = np.full(operands[0].shape, -7.0, operands[0].dtype)
    Prepared(library, name, out, *operands)()
    return out


def special_points(dtype: Any) -> Array:
    """Limits of the type, of the domains, and of what has a result in it; both signs of each."""
    info = np.finfo(dtype)
    ends = [0.0, np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal, info.eps, 1.0]
    # Where exp, exp2, expm1, sinh and cosh go over, and where they go under.
    ends += [1000.0, 1024.0, 1025.0, 1074.0, 1075.0, 1076.0, 709.79, 710.48, 745.2, 1e5, 1e300]
    ends += [709.78, 710.47, 745.1, 88.72, 89.41, 103.97, 1023.5, 1073.5, 127.5, 148.5]  # not yet
    ends += [128.0, 129.0, 149.0, 150.0, 151.0, 88.73, 89.42, 103.98]
    with np.errstate(over="ignore"):
        x = np.array(ends, dtype)
    return np.concatenate([x, -x])


def points(dtype: Any, n: int, rng: np.random.Generator) -> Array:
    """About n finite numbers, of all kinds.

    They have any bits, stand on a logarithmic grid, where results are ordinary, near 1, are
    subnormal, and lie on both sides of the places where the functions change their formula.
    """
    info, part = np.finfo(dtype), n // 8
    word = np.uint64 if info.bits == 64 else np.uint32
    largest = 750.0 if info.bits == 64 else 110.0
    halves = np.arange(-300, 300) * (np.log(2.0) / 2)
    edges = np.concatenate([halves, np.arange(-40, 41) / 4, np.sqrt(2.0) ** np.arange(-99, 99)])
    edges = np.concatenate([edges, np.sqrt(2.0) ** np.arange(-9, 9) - 1]).astype(dtype)
    sign = np.where(rng.random(part) < 0.5, -1.0, 1.0)
    x = [
        rng.integers(0, np.iinfo(word).max, part, word, endpoint=True).view(dtype),
        sign
        * np.ldexp(
            rng.random(part) + 0.5, np.linspace(info.minexp, info.maxexp - 1, part, dtype=int)
        ),
        sign * np.geomspace(1e-9, largest, part),
        rng.uniform(-largest, largest, part),
        rng.uniform(-2.5, 2.5, part),
        rng.uniform(-30.0, 30.0, part),
        1.0 + sign * np.geomspace(float(info.eps), 0.5, part),
        sign * np.ldexp(rng.random(part), info.minexp + 1),
        *(edges, np.nextafter(edges, dtype(99)), np.nextafter(edges, dtype(-99))),
    ]
    found: Array = np.concatenate([some.astype(dtype) for some in x])
    return found[np.isfinite(found)]


def operands(name: str, dtype: Any, n: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """About n numbers to try a function on; those of a power have results of all sizes."""
    x = points(dtype, n, rng)
    if name != "power":
        return (x,)
    x = np.concatenate([np.abs(x), rng.uniform(0.0, 3.0, n).astype(dtype)])
    largest = 740.0 if dtype == np.float64 else 103.0
    with np.errstate(all="ignore"):
        y = rng.uniform(-largest, largest, x.size) / np.abs(np.log(x.astype(np.float64)))
    y = np.where(rng.random(x.size) < 0.3, rng.integers(-9, 10, x.size), y).astype(dtype)
    usual = np.isfinite(y)
    return x[usual], y[usual]


def exact(name: str, *operands: Array) -> tuple[Array, Array, Array]:
    """The true results, where they are finite numbers; nan elsewhere.

    Of each: the nearest double, the unit of the last digit that the type of x has there (of a
    subnormal number that is the last digit of all subnormal ones), and what the double lacks, in
    such units.
    """
    info = np.finfo(operands[0].dtype)
    size = operands[0].size
    high, unit, lacking = np.full(size, np.nan), np.ones(size), np.zeros(size)
    function = EXACT[name]
    with mpmath.workdps(40), np.errstate(all="ignore"):
        about = getattr(np, name, np.positive)(*operands)
        for place in np.flatnonzero(np.isfinite(about)):
            y = function(*[mpmath.mpf(float(x[place])) for x in operands])
            high[place] = float(y)
            exponent = max(math.frexp(high[place])[1] - 1, int(info.minexp)) - info.nmant
            unit[place] = math.ldexp(1.0, exponent)
            lacking[place] = float(mpmath.ldexp(y - mpmath.mpf(high[place]), -exponent))
    return high, unit, lacking


def errors(results: Array, true: tuple[Array, Array, Array]) -> Array:
    """How far results are from the true ones, in units of the last digit; 0 where that is nan."""
    high, unit, lacking = true
    with np.errstate(invalid="ignore"):
        found: Array = np.abs((results.astype(np.float64) - high) / unit - lacking)
    found[np.isnan(high)] = 0.0
    return np.where(np.isnan(found), np.inf, found)
