"""The C library as the tape needs it, and programs that run on the tape."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest

from tests.source_files import ROOT
from tinygrad_mlp.compiler import _translation as translation
from tinygrad_mlp.compiler._backends.choice import Choice
from tinygrad_mlp.compiler._backends.native_tape import NativeTape
from tinygrad_mlp.compiler._backends.protocol import Backend

__all__ = ["library", "on_tape", "run_by"]

SOURCE: Final = ROOT / "tinygrad_mlp" / "_native" / "c" / "library.c"
FLAGS: Final = (
    *("-std=gnu11", "-O2", "-march=native", "-ffp-contract=off", "-fno-math-errno"),
    *("-fno-trapping-math", "-fvisibility=hidden", "-fPIC", "-shared"),
)


@dataclass(frozen=True)
class Library:
    """A ``TapeLibrary``."""

    operations: dict[str, int]
    run_tape: dict[str, Callable[[Any, Any, Any], Any]]


@cache
def library() -> Library:
    """The library, built by the C compiler that there is."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.so"
        subprocess.run([compiler, *FLAGS, "-o", path, SOURCE, "-lm"], check=True)
        loaded = ctypes.CDLL(str(path))
    loaded.operations.restype = ctypes.c_char_p
    names = loaded.operations().decode().split()
    run_tape = {"float64": loaded.run_tape_f64, "float32": loaded.run_tape_f32}
    for function in run_tape.values():
        function.argtypes = ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p
        function.restype = None
    return Library({name: number for number, name in enumerate(names)}, run_tape)


@contextmanager
def run_by(backend: Backend) -> Iterator[None]:
    """Everything that is compiled meanwhile runs on this back end of scalar graphs."""
    chosen = Choice(backend, "a test asks for it")
    with patch.object(translation, "choose", lambda *_: chosen):
        yield


@contextmanager
def on_tape() -> Iterator[None]:
    """Everything that is compiled meanwhile runs on the tape."""
    with run_by(NativeTape(library())):
        yield
