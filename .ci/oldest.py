"""Prints the oldest version that pyproject.toml admits of each package, as constraints for pip.

In use: ``python .ci/oldest.py >oldest.txt && python -m pip install -c oldest.txt -e '.[test]'``
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
REQUIREMENT = re.compile(r"(?P<name>[\w-]+)(\[[\w,-]+\])?(?P<bound>>=|==)(?P<version>[\d.]+)")

extras = PROJECT["optional-dependencies"].values()
for requirement in [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]:
    if requirement.startswith(PROJECT["name"]):
        continue  # an extra that takes in another one
    found = REQUIREMENT.fullmatch(requirement)
    if found is None:
        raise SystemExit(f"pyproject.toml: {requirement!r} states no oldest version (name>=1.2)")
    print(f"{found['name']}=={found['version']}")
