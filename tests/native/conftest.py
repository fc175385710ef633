"""The fixtures of all tests that need the C library."""

from __future__ import annotations

import pytest

from tinygrad_mlp._native import _library
from tinygrad_mlp._native._variants import FOLDER, machine, variants_of


@pytest.fixture(scope="session")
def library() -> _library.Library:
    """The library of this machine; where there is none, the test says why and is skipped."""
    found = _library.load()
    if found is None:
        pytest.skip(_library.reason())
    return found


VARIANTS = [v for v in variants_of(machine()) if v.runs_with(_library.reported_features())]


@pytest.fixture(scope="session", params=[variant.name for variant in VARIANTS])
def each_library(request: pytest.FixtureRequest) -> _library.Library:
    """Every variant of the library that runs here, not the best one alone."""
    found, reason = _library.search(FOLDER, {v.level: v.name == request.param for v in VARIANTS})
    if found is None:
        pytest.skip(reason)
    return found
