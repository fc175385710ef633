"""A compiled program is NumPy calls, plain arithmetic, or records of the C library; tests of one of
them choose it here."""

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
