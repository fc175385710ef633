"""The command: draw edits, run the tests on each, say which were not found.

    python -m tests.mutation --package compiler --count 60 --seed 1
    python -m tests.mutation --package compiler --count 60 --seed 1 --list-survivors

A run that was cut goes on where it was: the same command reads the file of results first.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.mutation import packages, records, running
from tests.mutation.covering import Covering
from tests.mutation.edits import Edit, drawn, edits_of
from tests.mutation.records import Outcome, Records
from tests.source_files import ROOT

TIME_LIMIT: Final = 90.0
"""Seconds of a processor that the tests of one edit may take; more than twice what they need."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 if an edit without a reason survived."""
    options = _parser().parse_args(arguments)
    known = Records(options.results)
    argued = records.read_argued(options.argued)
    if not options.list_survivors:
        running.prepare(options.root)
    outcomes: list[Outcome] = []
    for package in options.package or list(packages.PACKAGES):
        if options.cover:
            _cover(options, package, known)
        edits = _drawn(options, package)
        if not options.list_survivors:
            _run(options, package, edits, known)
        outcomes += [found for edit in edits if (found := known.of(package, edit))]
    survivors = [o for o in outcomes if o.result == "survived" and o.edit.key not in argued]
    for outcome in survivors if options.list_survivors else []:
        print(f"\n{outcome.package}: {outcome.edit.where}, {outcome.edit.kind}")
        print(records.difference(outcome.edit, options.root))
    print(f"\nseed {options.seed}")
    print(records.table(outcomes, argued))
    return int(bool(survivors))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--package", action="append", choices=list(packages.PACKAGES), help="may be repeated")
    add("--count", type=int, default=25, help="edits for each package (default: 25)")
    add("--seed", type=int, default=0, help="which edits (default: 0)")
    add("--jobs", type=int, default=1, help="copies that are tested at once (default: 1)")
    add("--module", action="append", default=[], help="only files with this in their path")
    add(
        "--kind",
        action="append",
        default=[],
        help="only edits of these kinds: condition, comparison, ...",
    )
    add("--again", action="store_true", help="run those that survived before once more")
    add("--cover", action="store_true", help="first measure which tests run which lines")
    add("--quick", action="store_true", help="run no other tests on what survives these")
    add("--list-survivors", action="store_true", help="run nothing, show what survived")
    add("--results", type=Path, default=ROOT / ".mutation" / "results.jsonl", help="the file")
    add("--argued", type=Path, default=records.ARGUED, help="the edits that nobody can notice")
    add("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    return parser


def _cover(options: argparse.Namespace, package: str, known: Records) -> None:
    """Measure which test of a package runs which lines."""
    with running.Copy(options.root) as copy:
        known.path.parent.mkdir(parents=True, exist_ok=True)
        files = packages.test_files(copy.root, package)
        child = copy.start(files, 20 * TIME_LIMIT, known.covering(package).absolute())
        if child.wait():
            raise SystemExit(f"the tests of {package} fail without any edit:\n{copy.output()}")
    print(f"{child.seconds:6.1f} s  {package}, which tests run which lines", flush=True)


def _drawn(options: argparse.Namespace, package: str) -> list[Edit]:
    edits = []
    for module in packages.sources(options.root, package):
        if not options.module or any(part in module for part in options.module):
            edits += edits_of((options.root / module).read_text(encoding="utf-8"), module)
    edits = [edit for edit in edits if not options.kind or edit.kind in options.kind]
    return drawn(edits, options.count, f"{package} {options.seed}")


def _run(options: argparse.Namespace, package: str, edits: list[Edit], known: Records) -> None:
    """Run the tests on every edit about which nothing is known."""
    missing = []
    for edit in edits:
        before = known.of(package, edit)
        if before is None or (options.again and before.result == "survived"):
            missing.append(edit)
    if not missing:
        return
    copies = [running.Copy(options.root) for _ in range(min(options.jobs, len(missing)))]
    try:
        if options.quick:
            files, limit = packages.test_files(copies[0].root, package), TIME_LIMIT
        else:
            files, limit = _unedited(copies, package, known)
        covering = Covering.read(known.covering(package))
        _work(copies, files, limit, package, missing, known, covering, options.quick)
    finally:
        for copy in copies:
            copy.__exit__()


def _unedited(copies: list[running.Copy], package: str, known: Records) -> tuple[list[str], float]:
    """The files of tests, the quickest first, and how long they may take together."""
    seconds = known.unedited(copies[0].root, package)
    if not seconds:
        for file in packages.test_files(copies[0].root, package):
            child = copies[0].start([file], 10 * TIME_LIMIT)
            if child.wait():
                raise SystemExit(f"{file} fails without any edit:\n{copies[0].output()}")
            seconds[file] = round(child.seconds, 1)
        known.keep_unedited(copies[0].root, package, seconds)
    files = sorted(seconds, key=lambda file: seconds[file])
    for file in files:
        print(f"{seconds[file]:6.1f} s  {file}")
    total = sum(seconds.values())
    print(f"{total:6.1f} s  {package}, unedited", flush=True)
    return files, max(TIME_LIMIT, 2 * total)


def _work(
    copies: list[running.Copy],
    files: list[str],
    limit: float,
    package: str,
    edits: list[Edit],
    known: Records,
    covering: Covering,
    quick: bool,
) -> None:
    """Run the tests that touch each edit, and all tests on those that survive these."""
    waiting = [(edit, covering.tests_of(edit)) for edit in reversed(edits)]
    idle = list(copies)
    busy: list[tuple[running.Copy, running.Child, Edit, list[str]]] = []
    while waiting or busy:
        while idle and waiting:
            copy, (edit, tests) = idle.pop(), waiting.pop()
            copy.apply(edit)
            child = copy.start(tests or [edit.module, *files], limit)
            busy.append((copy, child, edit, tests))
        time.sleep(0.05)
        for entry in list(busy):
            copy, child, edit, tests = entry
            status = child.poll()
            if status is None:
                continue
            copy.restore()
            busy.remove(entry)
            idle.append(copy)
            if tests and (status == running.NOT_FOUND or (status == 0 and not quick)):
                waiting.append((edit, []))
                continue
            result = running.RESULTS.get(status, "killed")
            outcome = Outcome(package, edit, result, child.failed(), round(child.seconds, 1))
            known.add(outcome)
            print(f"{result:8} {child.seconds:5.1f} s  {edit.module}:{edit.line}  {edit.change}")
            sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
