"""Files to be read as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a text into a CSV file."""

    def write_file(text: str) -> Path:
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode("utf-8"))
        return path

    return write_file


@pytest.fixture
def write_target(write: Callable[[str], Path]) -> Callable[[Iterable[object]], Path]:
    """Writes a file with one feature and the given values in the column ``y``."""

    def write_column(values: Iterable[object]) -> Path:
        return write("x,y\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))

    return write_column
