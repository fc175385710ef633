"""What became of each edit, one line of JSON for each, so that a run goes on where it was cut."""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.mutation.edits import Edit

__all__ = ["ARGUED", "Outcome", "Records", "difference", "read_argued", "table"]

ARGUED: Final = Path(__file__).parent / "argued.toml"
"""Edits that no test can find, each with the reason."""


@dataclass(frozen=True)
class Outcome:
    """What the tests said to one edit.

    Attributes:
        package: whose edit it is.
        edit: the edit.
        result: "killed", "survived" or "timeout".
        by: the test that failed first.
        seconds: how long it took.
    """

    package: str
    edit: Edit
    result: str
    by: str
    seconds: float


class Records:
    """The outcomes in a file; the last one of an edit counts.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[tuple[str, Edit], Outcome] = {}
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # the run was cut while it wrote
            path.write_text(whole, encoding="utf-8")
        for line in whole.splitlines():
            fields = json.loads(line)
            edit = Edit(**fields.pop("edit"))
            self._known[fields["package"], edit] = Outcome(edit=edit, **fields)

    def covering(self, package: str) -> Path:
        """The file beside it that says which tests run which lines."""
        return self.path.with_name(f"{package}.covering.json")

    def of(self, package: str, edit: Edit) -> Outcome | None:
        """What is known about an edit."""
        return self._known.get((package, edit))

    def add(self, outcome: Outcome) -> None:
        """Write one down."""
        self._known[outcome.package, outcome.edit] = outcome
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")

    # What the tests need without any edit, which is measured once for each state of the tree

    def unedited(self, root: Path, package: str) -> dict[str, float]:
        """The seconds by file of tests, if they passed in this state of the tree."""
        measured: dict[str, float] = self._measured().get(f"{package} {_digest(root)}", {})
        return measured

    def keep_unedited(self, root: Path, package: str, seconds: dict[str, float]) -> None:
        """Write them down."""
        measured = {**self._measured(), f"{package} {_digest(root)}": seconds}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._times.write_text(json.dumps(measured, indent=1), encoding="utf-8")

    @property
    def _times(self) -> Path:
        return self.path.with_suffix(".unedited.json")

    def _measured(self) -> dict[str, dict[str, float]]:
        exists = self._times.exists()
        return json.loads(self._times.read_text(encoding="utf-8")) if exists else {}

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._known.values())


def _digest(root: Path) -> str:
    """Of every Python file in the tree."""
    found = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        found.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return found.hexdigest()[:16]


def read_argued(path: Path = ARGUED) -> dict[tuple[str, str, str, str], str]:
    """The reasons by the key of the edit."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("edit", [])
    return {(e["module"], e["where"], e["line"], e["change"]): e["reason"] for e in entries}


def table(outcomes: Iterable[Outcome], argued: Iterable[tuple[str, str, str, str]]) -> str:
    """How many edits of each package were made, killed, survived and argued."""
    known = set(argued)
    rows: dict[str, list[int]] = {}
    for outcome in outcomes:
        row = rows.setdefault(outcome.package, [0, 0, 0, 0])
        row[0] += 1
        if outcome.result != "survived":
            row[1] += 1
        else:
            row[3 if outcome.edit.key in known else 2] += 1
    lines = [
        f"{'package':12} {'made':>5} {'killed':>7} {'survived':>9} {'argued':>7} {'percent':>8}"
    ]
    for package, (made, killed, survived, reasons) in rows.items():
        percent = 100.0 * killed / max(made - reasons, 1)
        lines.append(f"{package:12} {made:5} {killed:7} {survived:9} {reasons:7} {percent:8.1f}")
    return "\n".join(lines)


def difference(edit: Edit, root: Path) -> str:
    """The edit as a diff of the file as it is in the work tree."""
    source = (root / edit.module).read_text(encoding="utf-8")
    before, after = source.splitlines(), edit.applied_to(source).splitlines()
    lines = difflib.unified_diff(before, after, edit.module, edit.module, n=2, lineterm="")
    return "\n".join(lines)
