"""A compiled program is NumPy calls or plain arithmetic; tests of one of them choose it here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal
from unittest.mock import patch

from tinygrad_mlp.compiler._backends import choice

BackEnd = Literal["arrays", "arithmetic"]
BACK_ENDS: Final[tuple[BackEnd, ...]] = ("arrays", "arithmetic")


@contextmanager
def forced(back_end: BackEnd) -> Iterator[None]:
    """Compile everything to NumPy calls, or everything to plain arithmetic."""
    arithmetic = back_end == "arithmetic"
    with (
        patch.object(choice, "is_scattered", lambda groups: arithmetic),
        patch.object(choice, "is_irregular", lambda plan, groups: False),
    ):
        yield
