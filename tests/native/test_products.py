"""Products of matrices beside NumPy: every layout, every small size, nothing touched outside."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from tests.native.records import Array, prepared, prepared_product, strides
from tinygrad_mlp._native._library import Library

TYPES: Final = [np.float64, np.float32]
TOLERANCES: Final = {np.float64: 1e-13, np.float32: 3e-6}
"""Of the sum of |a| |b|."""
LAYOUTS: Final = ("rows", "columns", "steps", "padded")
SENTINEL: Final = -7777.0


def sizes_in_pairs(sizes: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """A third of all (m, n, k): each size of one kind meets each size of the others.

    >>> found = list(sizes_in_pairs(range(6)))
    >>> len(found), len({(m, n) for m, n, k in found}), len({(n, k) for m, n, k in found})
    (72, 36, 36)
    """
    for (i, m), (j, n), (p, k) in itertools.product(enumerate(sizes), repeat=3):
        if (i + j + p) % 3 == 0:
            yield m, n, k


def layouts_in_pairs(*kinds: Sequence[str]) -> list[tuple[str, str, str]]:
    """Layouts of (a, b, out): each of one matrix meets each of the others.

    >>> found = layouts_in_pairs(LAYOUTS, LAYOUTS, LAYOUTS[:3])
    >>> len(found), len({(of_a, of_out) for of_a, _, of_out in found})
    (16, 12)
    """
    of_a, of_b, of_out = kinds
    pairs = itertools.product(enumerate(of_a), enumerate(of_b))
    return [(a, b, of_out[(i + j) % len(of_out)]) for (i, a), (j, b) in pairs]


def laid_out(shape: tuple[int, int], layout: str, dtype: Any) -> tuple[Array, Array]:
    """A matrix full of the sentinel that lies so, and the memory around it."""
    n, m = shape
    if layout == "columns":
        memory = np.full((m, n + 3), SENTINEL, dtype)
        return memory[:, 1 : n + 1].T, memory
    if layout == "steps":
        memory = np.full((2 * n + 2, 3 * m + 3), SENTINEL, dtype)
        return memory[1 : 2 * n + 1 : 2, 2 : 3 * m + 2 : 3], memory
    memory = np.full((n + 2, m + (5 if layout == "padded" else 0)), SENTINEL, dtype)
    return memory[1 : n + 1, :m], memory


def drawn(shape: tuple[int, int], layout: str, dtype: Any, rng: np.random.Generator) -> Array:
    """Random numbers that lie so; "same" is one column again and again, with a stride of 0."""
    if layout == "same":
        return np.broadcast_to(rng.normal(size=(shape[0], 1)).astype(dtype), shape)
    matrix, _ = laid_out(shape, layout, dtype)
    matrix[...] = rng.normal(size=shape)
    return matrix


def check(each_library: Library, a: Array, b: Array, layout: str) -> None:
    """The product is right, and nothing around it has changed."""
    out, memory = laid_out((a.shape[0], b.shape[1]), layout, a.dtype)
    prepared_product(each_library, a, b, out)()
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    scale = np.abs(wide_a) @ np.abs(wide_b)
    error = np.abs(out - wide_a @ wide_b)
    limit = TOLERANCES[a.dtype.type]
    assert (error <= limit * scale).all(), (a.shape, b.shape, a.strides, b.strides, layout)
    out[...] = SENTINEL
    assert (memory == SENTINEL).all(), (a.shape, b.shape, a.strides, b.strides, layout)


@pytest.mark.parametrize("dtype", TYPES)
def test_every_small_size(each_library: Library, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    of_operand = (*LAYOUTS, "same")
    layouts = itertools.cycle(itertools.product(of_operand, of_operand, LAYOUTS))
    for m, n, k in sizes_in_pairs(range(21)):
        for of_a, of_b, of_out in itertools.islice(layouts, 1):
            a, b = drawn((m, k), of_a, dtype, rng), drawn((k, n), of_b, dtype, rng)
            check(each_library, a, b, of_out)


LARGE: Final = [
    *[(1, 1, 3000), (1, 700, 600), (700, 1, 600), (2, 333, 1300), (3, 5, 2500), (90, 1, 1)],
    *[(16, 17, 100), (9, 66, 70), (5, 20, 90)],  # a few columns behind the last whole vector
    *[(32, 128, 65), (10, 128, 33), (97, 131, 517), (300, 50, 401), (65, 33, 1030)],
    *[
        (33, 1700, 80),
        (230, 800, 40),
        (201, 33, 650),
    ],  # more than one block of rows, of columns, of depth
]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("m", "n", "k"), LARGE)
def test_large_sizes(each_library: Library, dtype: Any, m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(m + n + k)
    for of_a, of_b, of_out in layouts_in_pairs(LAYOUTS, LAYOUTS, LAYOUTS[:3]):
        a, b = drawn((m, k), of_a, dtype, rng), drawn((k, n), of_b, dtype, rng)
        check(each_library, a, b, of_out)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("m", "n", "k"), [(1, 19, 33), (19, 1, 33), (5, 11, 70), (21, 27, 9)])
def test_no_zero_is_skipped(each_library: Library, dtype: Any, m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(3)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    for of_a, of_b, of_out in layouts_in_pairs(LAYOUTS, LAYOUTS, LAYOUTS):
        a, b = drawn((m, k), of_a, dtype, rng), drawn((k, n), of_b, dtype, rng)
        for x in (a, b):
            places = rng.integers(0, x.shape[0], 3), rng.integers(0, x.shape[1], 3)
            x[places] = rng.choice(special, 3)
        out, _ = laid_out((m, n), of_out, dtype)
        prepared_product(each_library, a, b, out)()
        with np.errstate(all="ignore"):
            expected = (a[:, :, None] * b[None]).sum(axis=1)
        np.testing.assert_allclose(out, expected, rtol=0.0, atol=1000 * TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", TYPES)
def test_same_bits_wherever_operands_lie(each_library: Library, dtype: Any) -> None:
    rng = np.random.default_rng(4)
    for m, n, k in [(1, 20, 33), (33, 70, 65), (7, 9, 200)]:
        values_a, values_b = rng.normal(size=(m, k)), rng.normal(size=(k, n))
        found = []
        for offset in range(0, 17, 5):
            a = np.zeros(m * k + offset, dtype)[offset:].reshape(m, k)
            b = np.zeros(k * n + offset, dtype)[offset:].reshape(k, n)
            out = np.zeros(m * n + offset, dtype)[offset:].reshape(m, n)
            a[...], b[...] = values_a, values_b
            prepared_product(each_library, a, b, out)()
            found.append(out.tobytes())
        assert len(set(found)) == 1


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "shape", [(2, 3, 4, 5, 6), (1, 9, 2, 3, 40), (3, 1, 8, 7, 1), (2, 4, 4, 0, 3)]
)
def test_stacks_and_sums_over_two_axes(
    each_library: Library, dtype: Any, shape: tuple[int, int, int, int, int]
) -> None:
    rng = np.random.default_rng(5)
    s, m, n, k, l = shape  # noqa: E741 - as in the formula
    a = rng.normal(size=(l, s, m, k)).astype(dtype)
    b = rng.normal(size=(s, k, l, n)).astype(dtype)
    out = np.full((s, m, n), SENTINEL, dtype)
    al, as_, am, ak = strides(a)
    bs, bk, bl, bn = strides(b)
    cs, cm, cn = strides(out)
    steps = ((cs, cm, cn, 0, 0), (as_, am, 0, ak, al), (bs, 0, bn, bk, bl))
    prepared(each_library, "product", shape, (out, a, b), steps)()
    expected = np.einsum("lsmk,skln->smn", a.astype(np.float64), b.astype(np.float64))
    np.testing.assert_allclose(out, expected, atol=100 * TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("samples_last", [True, False])
def test_row_products(each_library: Library, dtype: Any, samples_last: bool) -> None:
    rng = np.random.default_rng(6)
    sizes = itertools.product((1, 2), (1, 2, 3, 5, 9), (1, 4, 7), (0, 1, 3, 8))
    for (s, p, q, k), n in itertools.product(sizes, (0, 1, 3, 8, 15, 16, 17, 33)):
        a, b = rng.normal(size=(s, p, k, n)), rng.normal(size=(s, q, k, n))
        memory = np.full(s * p * q * n + 32, SENTINEL, dtype)
        inside = memory[16 : 16 + s * p * q * n]
        if samples_last:
            a, b = a.astype(dtype), b.astype(dtype)
            out = inside.reshape(s, p, q, n)
        else:
            a = np.moveaxis(np.moveaxis(a, 3, 0).astype(dtype, order="C"), 0, 3)
            b = np.moveaxis(np.moveaxis(b, 3, 0).astype(dtype, order="C"), 0, 3)
            out = np.moveaxis(inside.reshape(n, s, p, q), 0, 3)
        (sa, pa, ka, na), (sb, qb, kb, nb) = strides(a), strides(b)
        so, po, qo, no = strides(out)
        steps = ((so, po, qo, 0, no), (sa, pa, 0, ka, na), (sb, 0, qb, kb, nb))
        prepared(each_library, "row_products", (s, p, q, k, n), (out, a, b), steps)()
        expected = np.einsum("spkn,sqkn->spqn", a.astype(np.float64), b.astype(np.float64))
        np.testing.assert_allclose(out, expected, atol=100 * TOLERANCES[dtype])
        out[...] = SENTINEL
        assert (memory == SENTINEL).all()


class Fenced:
    """Memory between two pages that nobody may touch."""

    def __init__(self, n_pages: int) -> None:
        self.size = n_pages * mmap.PAGESIZE
        self._pages = mmap.mmap(-1, self.size + 2 * mmap.PAGESIZE)
        self._begin = ctypes.addressof(ctypes.c_char.from_buffer(self._pages))
        self._protect(0)
        self.address = self._begin + mmap.PAGESIZE

    def _protect(self, protection: int) -> None:
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        for page in (self._begin, self._begin + mmap.PAGESIZE + self.size):
            if protect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), protection) != 0:
                raise OSError(ctypes.get_errno(), "mprotect")

    def array(self, shape: tuple[int, int], layout: str, dtype: Any, at_end: bool) -> Array:
        """A matrix that begins where the first fence ends, or ends where the second begins."""
        step = 2 if layout == "steps" else 1
        n_bytes = (step * (shape[0] * shape[1] - 1) + 1) * np.dtype(dtype).itemsize
        begin = self.address + (self.size - n_bytes if at_end else 0)
        memory = (ctypes.c_char * n_bytes).from_address(begin)
        flat = np.frombuffer(memory, dtype)[::step]
        if layout == "columns":
            return as_strided(flat, shape, (flat.strides[0], shape[0] * flat.strides[0]))
        return as_strided(flat, shape, (shape[1] * flat.strides[0], flat.strides[0]))


@pytest.fixture(scope="module")
def fenced() -> list[Fenced]:
    """For two operands and a result."""
    return [Fenced(12) for _ in range(3)]


@pytest.mark.skipif(sys.platform == "win32", reason="no mprotect")
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("at_end", [True, False])
def test_no_memory_outside_is_read(
    each_library: Library, fenced: list[Fenced], dtype: Any, at_end: bool
) -> None:
    sizes = [1, 2, 3, 5, 7, 8, 9, 12, 15, 16, 17, 20, 31, 49]
    layouts = list(itertools.product(("rows", "columns", "steps"), repeat=3))
    for i, (m, n, k) in enumerate(sizes_in_pairs(sizes)):
        for of_a, of_b, of_out in layouts[i % 7 :: 7]:
            a = fenced[0].array((m, k), of_a, dtype, at_end)
            b = fenced[1].array((k, n), of_b, dtype, at_end)
            out = fenced[2].array((m, n), of_out, dtype, at_end)
            a[...] = 1.0
            b[...] = 2.0
            prepared_product(each_library, a, b, out)()
            assert (out == 2.0 * k).all()
