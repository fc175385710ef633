"""Which modules the two packages have, found in the folders, so that no list goes out of date."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("tinygrad_mlp", "viz")


def module_files() -> dict[str, Path]:
    """The file of every module of the two packages, by the module's dotted name."""
    files = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return {module_name(file.relative_to(ROOT)): file for file in files}


def module_name(path: Path) -> str:
    """The dotted name of the module at ``path``, relative to the root."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
