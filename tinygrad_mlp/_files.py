"""Files are written whole or not at all: a crash, a full disk or a second writer breaks none.

The content goes into a file of its own beside the target, ``.NAME.PROCESS.TOKEN.part``, which then
takes the target's place in one step. Whoever writes such a part holds a lock on it; a part that
nobody holds was left by a run that crashed, and the next writer of that target removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

__all__ = ["check_writable", "write_at", "write_whole"]

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows knows no such locks: there, left-over parts stay
    fcntl = None


def write_whole(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file such that it is there whole or, after an error, as it was before.

    Missing folders are made. A file that is replaced keeps its mode, a symbolic link stays and the
    file that it names is written, and what is no file on a disk, such as /dev/stdout, is written
    to as it is. When the function returns, the content is on the disk.

    Returns:
        The path.

    Raises:
        OSError: if it cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(f"{folder}/pictures/graph.dot", b"digraph {}").read_bytes()
    b'digraph {}'
    """
    with _named_in_errors(path):
        before = _status(path)
        if before is not None and not _takes_a_replacement(before):
            Path(path).write_bytes(content)
            return Path(path)
        target = Path(os.path.realpath(path))
        with _part_of(target) as (part, stream):
            if before is not None:
                part.chmod(0o600)  # until it has the mode of the file, which may be a secret one
            part.write_bytes(content)
            if before is not None:
                _keep_owner_and_mode(part, before)
            os.fsync(stream.fileno())
            if fcntl is None:  # Windows moves no open file
                stream.close()
            part.replace(target)
        _sync_folder(target.parent)
    return Path(path)


def write_at(path: str | os.PathLike[str], place: int, content: bytes) -> int:
    r"""Write to the end of a file, which is at that byte, in one piece.

    If all or a part of the content stands there already, since the same call was interrupted, it is
    not there twice. Where the file ends elsewhere, another has changed it: then the content comes
    at its end. If the disk is full, the file keeps no part of it.

    Returns:
        The place behind what was written.

    Raises:
        OSError: if it cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     end = write_at(f"{folder}/log.csv", 0, b"epoch\n")
    ...     again = [write_at(f"{folder}/log.csv", end, b"1\n") for _ in range(2)]
    ...     again, Path(f"{folder}/log.csv").read_text()
    ([8, 8], 'epoch\n1\n')
    """
    with _named_in_errors(path), Path(path).open("ab", buffering=0) as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            stream.write(content)
            return place + len(content)
        if not content.startswith(_from_byte(path, place)) or status.st_size < place:
            place = status.st_size
        stream.truncate(place)  # in this mode what is written comes at the end
        if stream.write(content) != len(content):
            stream.truncate(place)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return place + len(content)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out whether ``write_whole`` could write a file, before there is something to write.

    Missing folders are made; a file that is there stays as it is.

    Raises:
        OSError: if it could not.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     check_writable(f"{folder}/weights.npz")
    ...     os.listdir(folder)
    []
    """
    with _named_in_errors(path):
        before = _status(path)
        if before is None or _takes_a_replacement(before):
            with _part_of(Path(os.path.realpath(path))):
                pass
        elif stat.S_ISDIR(before.st_mode) or not os.access(path, os.W_OK):
            with Path(path).open("ab"):  # raises what writing would raise
                pass


def _from_byte(path: str | os.PathLike[str], place: int) -> bytes:
    with Path(path).open("rb") as stream:
        stream.seek(place)
        return stream.read()


@contextmanager
def _named_in_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """What goes wrong, goes wrong with the file that a person has named."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def _status(path: str | os.PathLike[str]) -> os.stat_result | None:
    """What stands there, behind all links; None for nothing."""
    try:
        return Path(path).stat()
    except FileNotFoundError:
        return None


def _takes_a_replacement(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode)


@contextmanager
def _part_of(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file beside the target, locked and open; it is gone afterwards, unless it was moved."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    part, stream = _locked_part(target)
    try:
        with stream:
            yield part, stream
    finally:
        part.unlink(missing_ok=True)


def _locked_part(target: Path) -> tuple[Path, BinaryIO]:
    while True:
        part = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
        stream = part.open("xb")  # as every new file it has the mode that umask leaves
        if fcntl is None:
            return part, stream
        with suppress(OSError):  # a file system without locks
            fcntl.flock(stream, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(stream.fileno()), part.stat()):
                return part, stream
        stream.close()  # before it was locked, another writer took it for a left-over


def _remove_leftovers(target: Path) -> None:
    """Remove the parts of this target that a crash has left; none that somebody still writes."""
    if fcntl is None:
        return
    of_target = re.compile(rf"\.{re.escape(target.name)}\.(\d+)(\.[0-9a-f]{{8}})?\.part")
    for name in os.listdir(target.parent):  # noqa: PTH208 - names are all that is needed
        match = of_target.fullmatch(name)
        if match is None or _is_another_process(int(match[1])):
            continue
        part = target.with_name(name)
        with suppress(OSError):  # held by another writer, not ours to remove, or gone already
            if stat.S_ISREG(part.lstat().st_mode):
                with part.open("rb") as stream:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    part.unlink()


def _is_another_process(number: int) -> bool:
    """Whether it is the number of a process that runs, and not of this one."""
    if number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _keep_owner_and_mode(part: Path, before: os.stat_result) -> None:
    with suppress(OSError):  # only root gives files away
        os.chown(part, before.st_uid, before.st_gid)
    part.chmod(stat.S_IMODE(before.st_mode))


def _sync_folder(folder: Path) -> None:
    """Let the new name reach the disk too, where folders can be opened."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
