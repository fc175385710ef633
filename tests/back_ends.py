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

BackEnd = Literal["arrays", "arithmetic", "native"]
BACK_ENDS: Final[tuple[BackEnd, ...]] = get_args(BackEnd)


@contextmanager
def forced(back_end: BackEnd) -> Iterator[None]:
    """Compile everything to NumPy calls, to plain arithmetic, or to records of arrays."""
    arithmetic = back_end == "arithmetic"
    wanted = "native" if back_end == "native" else "numpy"
    if back_end == "native":
        need_library()
    with (
        patch.object(choice, "is_scattered", lambda groups: arithmetic),
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
    """
    kind, _, notes = engine.partition(" (")
    if kind != "native":
        return engine
    kept = [note for note in notes[:-1].split("; ") if note and not note.startswith("a call per")]
    return "compiled" + f" ({'; '.join(kept)})" * bool(kept)
