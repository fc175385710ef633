"""Files are written whole or not at all, whoever else writes, and keep what a person gave them."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import viz
from tests.source_files import ROOT
from tinygrad_mlp import Value
from tinygrad_mlp import _files as files
from tinygrad_mlp._cli import main
from tinygrad_mlp._files import check_writable, write_whole
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import Checkpoint, fit, save_weights

NOBODY = 2**22 + 1
"""No process has this number: it is greater than any that Linux gives."""


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write_weights(path: Path) -> None:
    save_weights(MLP(2, [1]), path)


def write_checkpoint(path: Path) -> None:
    X, y = np.eye(2), [0.0, 1.0]
    fit(MLP(2, [1]), X, y, epochs=1, callbacks=[Checkpoint(path)], log_every=None)


def write_drawing(path: Path) -> None:
    viz.draw(Value(1.0) * 2.0, path)


def write_plot(path: Path) -> None:
    viz.plots.confusion_table_plot([[1, 0], [0, 1]], path=path)


def write_page(path: Path) -> None:
    viz.replay(Value(1.0) * 2.0, path)


def write_answers(path: Path) -> None:
    folder = path.parent.parent / "data"
    folder.mkdir(exist_ok=True)
    table, weights = folder / "t.csv", folder / "w.npz"
    table.write_text("a,b\n" + "".join(f"{i},{i % 3}.5\n" for i in range(9)))
    words = ["train", str(table), "--target", "b", "--epochs", "1", "--save", str(weights)]
    if not weights.exists():
        assert main([*words, "--out", str(folder)]) == 0
    assert main(["predict", str(weights), str(table), "--out", str(path)]) == 0


Writer = Callable[[Path], None]
WRITERS = {
    "w.npz": write_weights,
    "checkpoint.npz": write_checkpoint,
    "graph.dot": write_drawing,
    "plot.svg": write_plot,
    "page.html": write_page,
    "answers.csv": write_answers,
}


@pytest.fixture(params=list(WRITERS))
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that is not there yet, alone in its folder; its name says who writes it."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / str(request.param)


def test_a_new_file_obeys_umask(target: Path) -> None:
    before = os.umask(0o027)
    try:
        WRITERS[target.name](target)
    finally:
        os.umask(before)
    assert mode_of(target) == 0o640
    assert names_in(target.parent) == [target.name]


def test_a_file_that_is_replaced_keeps_its_mode(target: Path) -> None:
    target.write_bytes(b"before")
    target.chmod(0o600)
    WRITERS[target.name](target)
    assert mode_of(target) == 0o600
    assert target.read_bytes() != b"before"


def test_a_symbolic_link_stays_and_what_it_names_is_written(target: Path) -> None:
    real = target.parent / "elsewhere" / target.name
    target.symlink_to(Path("elsewhere") / target.name)  # there is nothing yet
    for _ in range(2):
        WRITERS[target.name](target)
        assert target.is_symlink()
        assert real.is_file()
        assert not real.is_symlink()
        assert names_in(real.parent) == [target.name]
    assert names_in(target.parent) == sorted([target.name, "elsewhere"])


def test_what_a_crash_has_left_is_removed_and_nothing_else(target: Path) -> None:
    name = target.name
    left = [
        f".{name}.{NOBODY}.part",
        f".{name}.{NOBODY}.0123abcd.part",
        f".{name}.{os.getpid()}.part",
    ]
    others = [
        f"{name}.part",
        f".{name}.part",
        f".other-{name}.{NOBODY}.part",
        f".{name}.{NOBODY}.part.txt",
        f".{name}.notes.part",
        f".{name}.{NOBODY}.0123abcde.part",
        f".{name}.{NOBODY}.x0123abcd.part",
    ]
    for part in left + others:
        (target.parent / part).write_text("half")
    folder, link = (target.parent / f".{name}.{NOBODY}.{i:08}.part" for i in range(2))
    folder.mkdir()
    link.symlink_to(others[0])
    WRITERS[name](target)
    assert names_in(target.parent) == sorted([name, *others, folder.name, link.name])


def test_the_part_of_a_process_that_runs_stays_and_the_process_too(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        part = tmp_path / f".w.{other.pid}.part"
        part.write_text("half")
        write_whole(tmp_path / "w", b"content")
        other.communicate(b"go on\n")
    assert other.returncode == 0
    assert names_in(tmp_path) == [part.name, "w"]


def test_the_part_of_a_process_of_someone_else_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_permitted(number: int, sign: int) -> None:
        raise PermissionError

    part = tmp_path / f".w.{NOBODY}.part"
    part.write_text("half")
    monkeypatch.setattr(os, "kill", not_permitted)
    write_whole(tmp_path / "w", b"content")
    assert names_in(tmp_path) == [part.name, "w"]


def test_a_part_that_is_locked_stays_whatever_its_number(tmp_path: Path) -> None:
    """Another machine that shares the folder has numbers of its own."""
    fcntl = pytest.importorskip("fcntl")
    part = tmp_path / f".w.{NOBODY}.part"
    with part.open("xb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        write_whole(tmp_path / "w", b"content")
        assert names_in(tmp_path) == [part.name, "w"]
    write_whole(tmp_path / "w", b"content")
    assert names_in(tmp_path) == ["w"]


def open_files() -> list[str]:
    """What this process has open, by name."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("this system does not list the files that are open")
    return [str(entry.readlink()) for entry in folder.iterdir() if entry.exists()]


def test_the_part_is_locked_until_it_takes_its_place_and_nothing_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    replace, parts = Path.replace, []

    def watched(part: Path, target: Path) -> Path:
        parts.append(part.name)
        assert str(part) in open_files()
        with part.open("rb") as stream, pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", watched)
    n_open = len(open_files())
    write_whole(tmp_path / "w", b"content")
    check_writable(tmp_path / "w")
    assert len(parts) == 1
    assert len(open_files()) == n_open


def test_where_there_are_no_locks_files_are_whole_and_parts_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, which moves no file that is open."""
    replace, parts = Path.replace, []

    def watched(part: Path, target: Path) -> Path:
        parts.append(part.name)
        assert str(part) not in open_files()
        return replace(part, target)

    left = tmp_path / f".w.{NOBODY}.part"
    left.write_text("half")
    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(Path, "replace", watched)
    write_whole(tmp_path / "w", b"content")
    assert len(parts) == 1
    assert (tmp_path / "w").read_bytes() == b"content"
    assert names_in(tmp_path) == [left.name, "w"]


def test_a_file_keeps_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    (tmp_path / "w").touch()
    before = (tmp_path / "w").stat()

    def watched(path: Path, user: int, group: int) -> None:
        assert path.name.endswith(".part")
        given.append((user, group))
        raise PermissionError  # only root gives files away, which is no reason to write none

    monkeypatch.setattr(os, "chown", watched)
    write_whole(tmp_path / "w", b"content")
    assert given == [(before.st_uid, before.st_gid)]
    assert (tmp_path / "w").read_bytes() == b"content"
    write_whole(tmp_path / "new", b"content")
    assert len(given) == 1


def test_missing_folders_are_made(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b" / "w")
    assert names_in(tmp_path / "a" / "b") == []
    write_whole(tmp_path / "c" / "d" / "w", b"content")
    assert names_in(tmp_path / "c" / "d") == ["w"]


def test_after_an_error_nothing_is_left(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    WRITERS[target.name](target)
    target.write_bytes(b"before")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    capsys.readouterr()
    with pytest.raises((OSError, AssertionError)) as caught:
        WRITERS[target.name](target)
    said = str(caught.value) + capsys.readouterr().err  # a command says it, and ends with 2
    assert f"{target}: No space left on device" in said or f"device: '{target}'" in said
    assert target.read_bytes() == b"before"
    assert names_in(target.parent) == [target.name]


def test_a_secret_file_is_a_secret_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes, modes = Path.write_bytes, []

    def watched(path: Path, content: bytes) -> int:
        modes.append(mode_of(path))
        return write_bytes(path, content)

    (tmp_path / "w").touch()
    for mode in (0o600, 0o640, 0o400):
        (tmp_path / "w").chmod(mode)
        monkeypatch.setattr(Path, "write_bytes", watched)
        write_whole(tmp_path / "w", b"content")
        assert mode_of(tmp_path / "w") == mode
    assert modes == [0o600] * 3


def test_the_content_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the file, then its name, then the folder that holds the name."""
    events = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        events.append((kind, os.fstat(descriptor).st_size if kind == "file" else None))
        fsync(descriptor)

    def watched_replace(part: Path, target: Path) -> Path:
        events.append(("replace", None))
        return replace(part, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    write_whole(tmp_path / "a", b"content")
    assert events == [("file", 7), ("replace", None), ("folder", None)]


SLOW_WRITER = """
import os, sys, time
from pathlib import Path
from tinygrad_mlp._files import write_whole
write_bytes = Path.write_bytes
def slowly(path, content):
    write_bytes(path, content[:2])
    print("half", flush=True)
    sys.stdin.readline()
    return write_bytes(path, content)
Path.write_bytes = slowly
write_whole(sys.argv[1], b"from the other")
"""


def start_slow_writer(path: Path) -> subprocess.Popen[str]:
    """Another process that has written half of its part, and waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_WRITER, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    return process


def test_two_processes_that_save_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "w"
    with start_slow_writer(path) as other:
        assert len(names_in(tmp_path)) == 1
        write_whole(path, b"from this one")
        assert path.read_bytes() == b"from this one"
        assert len(names_in(tmp_path)) == 2  # the part of the other is not taken for a left-over
        other.communicate("go on\n")
    assert other.returncode == 0
    assert path.read_bytes() == b"from the other"
    assert names_in(tmp_path) == ["w"]


def test_what_a_killed_process_leaves_goes_with_the_next_save(tmp_path: Path) -> None:
    path = tmp_path / "w"
    write_whole(path, b"before")
    with start_slow_writer(path) as other:
        other.send_signal(signal.SIGKILL)
    assert path.read_bytes() == b"before"
    assert len(names_in(tmp_path)) == 2
    check_writable(path)
    assert names_in(tmp_path) == ["w"]


def test_a_part_that_was_taken_for_a_left_over_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the moments in which it is made and locked, another writer can remove it."""
    fcntl = pytest.importorskip("fcntl")
    flock = fcntl.flock
    removed: list[Path] = []

    def removed_once(stream: object, how: int) -> None:
        if not removed:
            removed.extend(tmp_path.iterdir())
            removed[0].unlink()
        flock(stream, how)

    monkeypatch.setattr(fcntl, "flock", removed_once)
    write_whole(tmp_path / "w", b"content")
    assert len(removed) == 1
    assert (tmp_path / "w").read_bytes() == b"content"
    assert names_in(tmp_path) == ["w"]


def test_what_is_no_file_on_a_disk_is_written_to(tmp_path: Path) -> None:
    check_writable("/dev/null")
    write_whole("/dev/null", b"content")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    reader, writer = os.pipe()
    try:
        write_whole(f"/dev/fd/{writer}", b"content")
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
        os.close(writer)


def test_a_device_is_opened_only_where_it_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Opening some, such as a pipe with a name, waits for somebody."""

    def refused(path: Path, mode: str) -> None:
        raise PermissionError(13, f"no {mode}")

    monkeypatch.setattr(Path, "open", refused)
    check_writable("/dev/null")
    monkeypatch.setattr(os, "access", lambda path, how: how != os.W_OK)
    with pytest.raises(OSError, match="no ab: '/dev/null'"):
        check_writable("/dev/null")


@pytest.mark.parametrize("write", [check_writable, lambda path: write_whole(path, b"")])
def test_what_cannot_be_written_is_named(write: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in (".", "file/w", "loop"):
        with pytest.raises(OSError, match=str(tmp_path / name)):
            write(tmp_path / name)
    assert names_in(tmp_path) == ["file", "loop"]
