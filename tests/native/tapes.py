"""Programs of scalar graphs that run on a back end which a test chooses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from tinygrad_mlp._native import _library
from tinygrad_mlp.compiler import _translation as translation
from tinygrad_mlp.compiler._backends.choice import Choice
from tinygrad_mlp.compiler._backends.native_tape import NativeTape
from tinygrad_mlp.compiler._backends.protocol import Backend

__all__ = ["library", "on_tape", "run_by"]


def library() -> _library.Library:
    """The library of this machine; where there is none, the test is skipped."""
    found = _library.load()
    if found is None:
        pytest.skip(_library.reason())
    return found


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
