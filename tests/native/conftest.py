"""The fixture of all tests that need the C library."""

from __future__ import annotations

import pytest

from tinygrad_mlp._native import _library


@pytest.fixture(scope="session")
def library() -> _library.Library:
    """The library of this machine; where there is none, the test says why and is skipped."""
    found = _library.load()
    if found is None:
        pytest.skip(_library.reason())
    return found
