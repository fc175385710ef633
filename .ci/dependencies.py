"""Prints what an extra of pyproject.toml installs, without the project itself, a line for each.

In use: ``python .ci/dependencies.py test >test.txt && python -m pip install -r test.txt``
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]


def dependencies(extra: str) -> list[str]:
    """The requirements of the extra, and of the extras that it takes in."""
    found: list[str] = []
    for requirement in PROJECT["optional-dependencies"][extra]:
        taken_in = re.fullmatch(rf"{PROJECT['name']}\[([\w,-]+)\]", requirement)
        if taken_in is None:
            found.append(requirement)
            continue
        for name in taken_in[1].split(","):
            found += dependencies(name)
    return found


print(*PROJECT["dependencies"], *dependencies(sys.argv[1]), sep="\n")
