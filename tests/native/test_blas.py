"""The BLAS of NumPy, called by the C library for large products."""

from __future__ import annotations

import ctypes
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.native.records import Array, prepared_product
from tinygrad_mlp._native import _blas
from tinygrad_mlp._native._blas import Blas
from tinygrad_mlp._native._library import Library

BLAS = Blas("libopenblas.so", "SkylakeX", 1, 0, 0)


@pytest.fixture
def blas() -> Blas:
    """The BLAS that NumPy carries here."""
    found = _blas.find()
    if found is None:
        pytest.skip("NumPy carries no BLAS whose names are known")
    return found


MATRIX = (ctypes.c_void_p, ctypes.c_int64)
Gemm = ctypes.CFUNCTYPE(
    None, *[ctypes.c_int64] * 6, ctypes.c_double, *MATRIX, *MATRIX, ctypes.c_double, *MATRIX
)


def a_copy(library: Library, folder: Path) -> tuple[ctypes.CDLL, Library]:
    """The same library once more: what it is told stays in the copy."""
    path = Path(shutil.copy(library.path, folder / library.path.name))
    copied = ctypes.CDLL(str(path))
    run = {}
    for dtype, function in library.run.items():
        twin = getattr(copied, f"run_{'f64' if dtype.itemsize == 8 else 'f32'}")
        twin.argtypes, twin.restype = function.argtypes, None  # type: ignore[attr-defined]
        run[dtype] = twin
    return copied, replace(library, run=run)


def by_rows(x: Array) -> Array:
    """In C's order, with a gap after each row."""
    wide = np.zeros((x.shape[0], x.shape[1] + 3), x.dtype)
    wide[:, : x.shape[1]] = x
    return wide[:, : x.shape[1]]


def by_columns(x: Array) -> Array:
    """In Fortran's order, with a gap after each column."""
    return by_rows(np.ascontiguousarray(x.T)).T


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_its_products_are_ours(
    each_library: Library, blas: Blas, tmp_path: Path, dtype: Any
) -> None:
    copied, library = a_copy(each_library, tmp_path)
    _blas.use(copied, blas, 8)
    rng = np.random.default_rng(0)
    orders = (by_rows, by_columns)
    for m, n, k in [(8, 8, 8), (40, 17, 33), (5, 200, 60), (70, 3, 9)]:
        for of_a in orders:
            for of_b in orders:
                for of_out in orders:
                    a = of_a(rng.normal(size=(m, k)).astype(dtype))
                    b = of_b(rng.normal(size=(k, n)).astype(dtype))
                    out = of_out(np.full((m, n), np.nan, dtype))
                    prepared_product(library, a, b, out)()
                    expected = a.astype(np.float64) @ b.astype(np.float64)
                    np.testing.assert_allclose(
                        out, expected, atol=1e-12 if dtype == np.float64 else 2e-4
                    )


def test_it_is_called_from_a_size_on_and_where_it_knows_the_layout(
    library: Library, tmp_path: Path
) -> None:
    copied, twin = a_copy(library, tmp_path)
    calls: list[tuple[Any, ...]] = []
    note_call = Gemm(lambda *arguments: calls.append(arguments))  # and computes nothing
    address = ctypes.cast(note_call, ctypes.c_void_p).value or 0
    _blas.use(copied, replace(BLAS, float64=address, float32=address), 20)

    def called(a: Array, b: Array, out: Array) -> bool:
        calls.clear()
        prepared_product(twin, a, b, out)()
        return len(calls) == 1

    square = np.ones((20, 20))
    assert called(square, square, np.ones((20, 20)))
    ((order, turns_a, turns_b, m, n, k, alpha, *_, beta, _, _),) = calls
    assert (order, turns_a, turns_b, m, n, k, alpha, beta) == (101, 111, 111, 20, 20, 20, 1.0, 0.0)
    assert called(square.T, square, np.ones((20, 20))) and calls[0][1:3] == (112, 111)
    assert called(square, square.T, np.ones((20, 20))) and calls[0][1:3] == (111, 112)
    out = np.zeros((20, 20))
    assert not called(square[:19], square, out[:19])
    assert (out[:19] == 20.0).all()
    apart = np.ones((40, 40))[::2, ::2]
    same = np.broadcast_to(np.ones((20, 1)), (20, 20))
    same_row = np.broadcast_to(np.ones(20), (20, 20))
    for a, b in [(apart, square), (square, apart), (same, square), (square, same)]:
        assert not called(a, b, out)
        assert (out == 20.0).all()
    for a, b in [(same_row, square), (square, same_row)]:
        assert not called(a, b, out)
    assert not called(square, square, np.zeros((20, 40))[:, ::2])


def test_least_size_hangs_on_kernels_variant_and_threads() -> None:
    assert BLAS.least("v4") == 1024
    assert replace(BLAS, kernels="Haswell").least("v4") == 2048
    assert replace(BLAS, kernels="Haswell").least("v3") == 384
    assert replace(BLAS, kernels="Zen").least("v3") == 768
    assert replace(BLAS, n_threads=2).least("v4") == 192
    assert "2 threads) from 192 x 192 x 192 on" in replace(BLAS, n_threads=2).describe("v4")


def test_what_it_says_of_itself_is_what_numpy_loaded(blas: Blas, library: Library) -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    loaded = {each["filepath"]: each for each in threadpoolctl.threadpool_info()}
    assert loaded[blas.path]["architecture"] == blas.kernels
    assert library.blas == blas.describe(library.variant)


def test_none_is_found_where_numpy_carries_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(np, "__file__", str(tmp_path / "numpy" / "__init__.py"))
    assert _blas.find() is None
    (tmp_path / "numpy.libs").mkdir()
    (tmp_path / "numpy.libs" / "libopenblas.so").write_bytes(b"no library")
    assert _blas.find() is None


def test_what_is_no_library_and_what_is_another_are_passed_over(
    blas: Blas, library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "libopenblas.so"
    broken.write_bytes(b"no library")
    files = [broken, Path(library.path), Path(blas.path)]
    monkeypatch.setattr(_blas, "_files", lambda: iter(files))
    assert _blas.find() == blas


class Nameless:
    """A BLAS that does not say which kernels it has."""

    def __getattr__(self, name: str) -> Any:
        def answer() -> int | None:
            return 3 if "threads" in name else None

        return answer


def test_kernels_without_a_name_are_unknown() -> None:
    assert _blas._about(Nameless()) == ("unknown", 3)  # type: ignore[arg-type]
