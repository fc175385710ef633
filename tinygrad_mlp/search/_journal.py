"""A journal of Optuna on disk that several processes write to, and that outlives any of them.

Each record is a line. When a process dies while it writes, its line has no end; the next record
would be written behind it into the same line, and nobody could read the journal any more. So the
end is looked at before each write, by the one who holds the lock.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Final

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from tinygrad_mlp._arguments import check_integer

__all__ = ["open_journal"]

LOGGER: Final = logging.getLogger(__name__)

LEAST_GRACE: Final = 3
"""Seconds; after fewer the lock of a writer that is only slow would be taken away."""


def open_journal(path: str | os.PathLike[str], *, grace_period: int = 10) -> JournalStorage:
    """The storage of a study in a file, for several processes, on several machines.

    Before each write the last line of the file is looked at. One that was cut off, since its writer
    died, is removed, or gets its end if nothing else is missing; the logger says which.

    Args:
        path: the file, on a disk that all machines see; made if missing.
        grace_period: the seconds after which the lock of another writer counts as left behind by a
            process that died. At least 3; no write may take longer.

    Raises:
        InvalidArgumentError: if the grace period is no whole number of at least 3.
        OSError: if the file cannot be opened.

    Source: Optuna's ``JournalStorage``, https://optuna.readthedocs.io.

    >>> import optuna, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> storage = open_journal(f"{folder.name}/search.journal")
    >>> study = optuna.create_study(study_name="digits", storage=storage)
    >>> with open(f"{folder.name}/search.journal", "a") as journal:
    ...     _ = journal.write('{"op_code":4,"study')
    >>> study.ask().number
    0
    >>> folder.cleanup()
    """
    check_integer(
        grace_period, "grace_period", "open_journal(path, grace_period=10)", minimum=LEAST_GRACE
    )
    file = Path(path).absolute()
    lock = _MendingLock(file, grace_period)
    return JournalStorage(JournalFileBackend(str(file), lock_obj=lock))


class _MendingLock(JournalFileOpenLock):
    """The lock of a journal; who gets it finds a journal that ends with a whole line."""

    def __init__(self, file: Path, grace_period: int) -> None:
        super().__init__(str(file), grace_period)
        self._file = file

    def acquire(self) -> bool:
        acquired = super().acquire()
        try:
            _mend(self._file)
        except BaseException:
            self.release()
            raise
        return acquired


def _mend(file: Path) -> None:
    """Make the last line a whole one."""
    with file.open("rb+") as journal:
        size = journal.seek(0, os.SEEK_END)
        if size == 0:
            return
        journal.seek(size - 1)
        if journal.read() == b"\n":
            return
        journal.seek(0)
        text = journal.read()
        start = text.rfind(b"\n") + 1
        if _is_record(text[start:]):
            LOGGER.warning("%s: the end of its last line was missing; it has one now", file)
            journal.write(b"\n")
        else:
            LOGGER.warning(
                "%s: its last line was cut off; the %d bytes are removed", file, size - start
            )
            journal.truncate(start)
        journal.flush()
        os.fsync(journal.fileno())


def _is_record(line: bytes) -> bool:
    """Whether a line without its end has all the rest."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
