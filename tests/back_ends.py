"""Tests of one way to run a program choose it here: NumPy calls, arithmetic, or records in C."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal, get_args
from unittest.mock import patch

import pytest

from tinygrad_mlp._native import _library as native_library
from tinygrad_mlp.compiler._backends import choice

BackEnd = Literal["arrays", "arithmetic", "native", "tape"]
BACK_ENDS: Final[tuple[BackEnd, ...]] = get_args(BackEnd)


@contextmanager
def forced(back_end: BackEnd) -> Iterator[None]:
    """Compile all to NumPy calls or plain arithmetic; to records of arrays, or a tape, in C."""
    is_scalar = back_end in ("arithmetic", "tape")
    is_native = back_end in ("native", "tape")
    wanted = "native" if is_native else "numpy"
    if is_native:
        need_library()
    with (
        patch.object(choice, "is_scattered", lambda groups: is_scalar),
        patch.object(choice, "is_irregular", lambda plan, groups: False),
        patch.dict(os.environ, {choice.VARIABLE: wanted}),
    ):
        yield


def need_library() -> None:
    """Skip the test where the C library is not there."""
    if native_library.load() is None:
        pytest.skip(native_library.reason())


def as_compiled(engine: str) -> str:
    """What ``history.engine`` would be without the C library, which has its own name for it.

    >>> as_compiled("native (for whole batches: why; a call per step: why not)")
    'compiled (for whole batches: why)'
    >>> as_compiled("compiled (not native: the native library is not built: turned off)")
    'compiled'
    """
    kind, _, notes = engine.partition(" (")
    if kind not in ("native", "compiled"):
        return engine
    about_c = ("a call per", "not native")
    kept = [note for note in notes[:-1].split("; ") if note and not note.startswith(about_c)]
    return "compiled" + f" ({'; '.join(kept)})" * bool(kept)
