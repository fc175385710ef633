"""Which library is loaded on which machine, and what is said where none can be."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from sysconfig import get_config_var
from typing import Final

import numpy as np
import numpy.random._pcg64 as another_library
import pytest

from tests.running import run_python
from tinygrad_mlp._native import _library
from tinygrad_mlp._native._library import Library, search
from tinygrad_mlp._native._structs import RECORD, SIZES
from tinygrad_mlp._native._variants import (
    FLAGS,
    FOLDER,
    VARIANTS,
    checksum,
    library_file,
    machine,
    variants_of,
)

NEW_NAMES: Final = {
    "v4": {"X86_V2": True, "X86_V3": True, "X86_V4": True},
    "v3": {"X86_V2": True, "X86_V3": True, "X86_V4": False},
    "v2": {"X86_V2": True, "X86_V3": False, "X86_V4": False},
    "": {"X86_V2": False, "X86_V3": False, "X86_V4": False},
}
"""What NumPy 2.4 reports on four machines: the whole instruction sets."""

PARTS: Final = {
    "v2": ["SSSE3", "SSE41", "SSE42", "POPCNT"],
    "v3": ["AVX2", "FMA3", "F16C"],
    "v4": ["AVX512_SKX"],
}
"""What NumPy 2.2 reports: their parts alone."""


def old_names(variant: str) -> dict[str, bool]:
    levels = list(PARTS)
    has = levels[: levels.index(variant) + 1] if variant else []
    return {part: level in has for level, parts in PARTS.items() for part in parts}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file for each variant of x86-64, none of which is a library."""
    monkeypatch.setattr(_library, "machine", lambda: "x86_64")
    for variant in variants_of("x86_64"):
        (tmp_path / library_file(variant.name)).write_text("no library", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("variant", ["v4", "v3", "v2"])
@pytest.mark.parametrize("names", [NEW_NAMES.__getitem__, old_names], ids=["whole", "parts"])
def test_the_best_variant_of_the_machine_is_chosen(
    installed: Path, variant: str, names: Callable[[str], dict[str, bool]]
) -> None:
    found, reason = search(installed, names(variant))
    assert found is None
    assert reason.startswith(f"{installed / library_file(variant)} cannot be loaded: ")


def test_so_is_the_best_of_those_that_are_installed(installed: Path) -> None:
    (installed / library_file("v4")).unlink()
    assert library_file("v3") in search(installed, NEW_NAMES["v4"])[1]


@pytest.mark.parametrize("features", [{}, NEW_NAMES[""], old_names("")])
def test_a_machine_that_is_too_old_is_told(installed: Path, features: dict[str, bool]) -> None:
    assert search(installed, features) == (
        None,
        "the native library needs X86_V4 or X86_V3 or X86_V2, which NumPy does not report here",
    )


@pytest.mark.parametrize("part", [part for parts in PARTS.values() for part in parts])
def test_each_part_of_an_instruction_set_is_needed(part: str) -> None:
    v4 = VARIANTS[0]
    complete = old_names("v4")
    assert v4.runs_with(complete)
    needed = part not in PARTS["v2"]  # which the others imply
    assert v4.runs_with({**complete, part: False}) is not needed
    v2 = variants_of("x86_64")[-1]
    assert v2.runs_with({**complete, part: False}) is needed


def test_neon_is_for_arm_alone() -> None:
    (neon,) = variants_of("aarch64")
    assert neon.name == "neon"
    assert neon.runs_with({"ASIMD": True})
    assert neon.runs_with({"NEON": True})
    assert not neon.runs_with(NEW_NAMES["v4"])


def test_a_processor_without_a_variant_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_library, "machine", lambda: "riscv64")
    reason = "there is no native library for a processor of kind riscv64"
    assert search(tmp_path, {}) == (None, reason)


@pytest.mark.parametrize(
    ("name", "bits", "called"),
    [
        ("x86_64", 64, "x86_64"),
        ("AMD64", 64, "x86_64"),
        ("arm64", 64, "aarch64"),
        ("riscv64", 64, "riscv64"),
        ("x86_64", 32, "x86_64 with 32 bits"),
    ],
)
def test_processors_have_one_name(
    name: str, bits: int, called: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: name)
    monkeypatch.setattr("sys.maxsize", 2 ** (bits - 1) - 1)
    assert machine() == called


def test_nothing_installed_says_how_to_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_library, "machine", lambda: "x86_64")
    reason = "the native library is not built: python -m pip install -e ."
    assert search(tmp_path, NEW_NAMES["v4"]) == (None, reason)
    (tmp_path / "not_built.txt").write_text("it rained\n", encoding="utf-8")
    reason = "the native library is not built: it rained"
    assert search(tmp_path, NEW_NAMES["v4"]) == (None, reason)


@pytest.fixture
def copied(library: Library, tmp_path: Path) -> Path:
    """The library of this machine, alone in another folder."""
    return Path(shutil.copy(library.path, tmp_path))


def found_in(folder: Path) -> tuple[Library | None, str]:
    return search(folder, _library.reported_features())


def test_a_library_that_moved_is_loaded(copied: Path, library: Library) -> None:
    found, reason = found_in(copied.parent)
    assert found is not None and reason == ""
    assert (found.path, found.variant) == (copied, library.variant)


@pytest.mark.parametrize("kept", [0, 10, 63, 64, 100, 5000, 0.5, 0.9, -1])
def test_a_library_that_is_cut_off_is_refused(copied: Path, kept: float) -> None:
    content = copied.read_bytes()
    copied.write_bytes(content[: int(kept * len(content)) if 0 < kept < 1 else int(kept)])
    found, reason = found_in(copied.parent)
    assert found is None
    assert str(copied) in reason
    if copied.stat().st_size > 10:
        assert reason == f"{copied} is damaged; install the package again"


def test_another_library_under_its_name_is_refused(copied: Path) -> None:
    copied.write_bytes(Path(another_library.__file__).read_bytes())
    found, reason = found_in(copied.parent)
    assert found is None
    assert reason.startswith(f"{copied} cannot be loaded: ")


def test_a_folder_under_its_name_is_no_library(copied: Path) -> None:
    copied.unlink()
    copied.mkdir()
    reason = "the native library is not built: python -m pip install -e ."
    assert found_in(copied.parent) == (None, reason)


@pytest.mark.parametrize("name", SIZES)
def test_structs_of_another_size_are_refused(
    copied: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(_library, "SIZES", {**SIZES, name: 1000})
    found, reason = found_in(copied.parent)
    assert found is None
    assert reason == (
        f"{copied} has a struct {name} of {SIZES[name]} bytes, not of 1000; "
        "build it again: python -m pip install -e ."
    )


def test_a_library_of_other_sources_is_refused(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_library, "checksum", lambda: 1)
    found, reason = found_in(copied.parent)
    assert found is None
    assert reason == (
        f"{copied} is not made of the C files beside it; build it again: python -m pip install -e ."
    )


@pytest.mark.parametrize("change", ["edit", "rename", "add"])
def test_any_change_of_the_c_files_is_seen(tmp_path: Path, change: str) -> None:
    shutil.copytree(FOLDER / "c", tmp_path / "c")
    file = tmp_path / "c" / "records.h"
    before = checksum(tmp_path)
    assert before == checksum()
    if change == "edit":
        file.write_text(file.read_text(encoding="utf-8").replace("int32_t", "int64_t", 1))
    elif change == "rename":
        file.rename(file.with_name("s.h"))
    else:
        file.with_name("t.h").touch()
    assert checksum(tmp_path) != before


def test_operations_are_numbered_as_in_the_source(library: Library) -> None:
    source = (FOLDER / "c" / "operations.h").read_text(encoding="utf-8")
    names = re.findall(r"^(?:UNARY|BINARY|TERNARY|KERNEL)\((\w+)", source, flags=re.MULTILINE)
    assert len(names) > 40
    assert list(library.operations.items()) == [(name, k) for k, name in enumerate(names)]


def test_the_compiler_is_named(library: Library) -> None:
    assert re.match(r"(gcc|.*[Cc]lang) \d+\.", library.compiler)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_records_are_run(library: Library, dtype: type[np.floating]) -> None:
    x, out = np.arange(6, dtype=dtype).reshape(2, 3), np.zeros((3, 2), dtype)
    record = np.zeros(1, RECORD)
    record["operation"] = library.operations["negative"]
    record["extent"] = [1, 1, 1, 2, 3]
    record["out"]["stride"] = [0, 0, 0, 1, 2]  # what is transposed
    record["in"][:, 0]["base"] = 1
    record["in"][:, 0]["stride"] = [0, 0, 0, 3, 1]
    memory = np.array([out.ctypes.data, x.ctypes.data], np.uintp)
    run: Callable[..., object] = library.run[np.dtype(dtype)]
    returned = run(record.ctypes.data, 1, memory.ctypes.data)
    assert returned is None
    np.testing.assert_array_equal(out, -x.T)


def test_threads_get_the_same_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_library, "_found", {})
    together = threading.Barrier(8)
    found: list[Library | None] = []

    def ask() -> None:
        together.wait()
        found.append(_library.load())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(library is found[0] for library in found)


def test_other_threads_run_meanwhile(library: Library) -> None:
    """The library copies a number again and again; while it does, this thread changes it."""
    n = 200
    number, copies, work = np.zeros(1), np.zeros(n), np.zeros(10_000)
    memory = np.array([x.ctypes.data for x in (number, copies, work)], np.uintp)
    records = np.zeros((n, 2), RECORD)
    records["extent"] = 1
    copy, slow = records[:, 0], records[:, 1]
    copy["operation"], slow["operation"] = library.operations["copy"], library.operations["exp"]
    copy["out"]["base"], copy["out"]["offset"] = 1, np.arange(n)
    slow["out"]["base"] = slow["in"][:, 0]["base"] = 2
    slow["extent"][:, 4] = len(work)
    slow["out"]["stride"][:, 4] = slow["in"][:, 0]["stride"][:, 4] = 1
    run, arguments = library.run[copies.dtype], (records.ctypes.data, 2 * n, memory.ctypes.data)
    for _ in range(100):
        thread = threading.Thread(target=run, args=arguments)
        thread.start()
        while thread.is_alive():
            number += 1
        if copies[0] != copies[-1]:
            return
    pytest.fail("no other thread ran while the library did")


def test_a_forked_process_goes_on_with_it(tmp_path: Path) -> None:
    program = """
import os
from tinygrad_mlp._native import _library
before = _library.load()
child = os.fork()
if child == 0:
    os._exit(0 if _library.load() is before else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_python("-c", program, folder=tmp_path) == "0\n"


def test_importing_does_not_look_for_it(tmp_path: Path) -> None:
    program = (
        "import tinygrad_mlp\n"
        "from tinygrad_mlp._native import _library\n"
        "print(_library._found)\n"
        "_library.load()\n"
        "print(len(_library._found))\n"
    )
    assert run_python("-c", program, folder=tmp_path) == "{}\n1\n"


def test_the_features_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numpy._core._multiarray_umath.__cpu_features__", {"X86_V2": True})
    assert _library.reported_features() == {"X86_V2": True}
    monkeypatch.delattr("numpy._core._multiarray_umath.__cpu_features__")
    assert _library.reported_features() == {}


def test_no_flag_changes_what_is_computed() -> None:
    assert {"-ffp-contract=off", "-fvisibility=hidden", "-O3", "-std=gnu11"} <= set(FLAGS)
    flags = {flag for variant in VARIANTS for flag in (*FLAGS, *variant.flags)}
    forbidden = {"-Ofast", "-ffast-math", "-funsafe-math-optimizations", "-ffinite-math-only"}
    assert flags & forbidden == set()


def test_each_instruction_set_holds_the_one_below() -> None:
    v4, v3, v2 = (set(variant.flags) for variant in variants_of("x86_64"))
    assert v2 < v3 < v4
    assert {"-mavx512vl", "-mprefer-vector-width=512"} <= v4 - v3
    assert {"-mfma", "-mavx2"} <= v3 - v2


@pytest.mark.skipif(machine() != "x86_64", reason="another processor has no such levels")
@pytest.mark.parametrize("name", ["v2", "v3", "v4"])
def test_an_instruction_set_is_what_the_compiler_calls_so(library: Library, name: str) -> None:
    """Beside the short name of the level, which older compilers do not know."""
    compiler = shlex.split(os.environ.get("CC") or get_config_var("CC") or "cc")

    def macros(*flags: str) -> set[str]:
        command = [*compiler, *flags, "-dM", "-E", "-x", "c", os.devnull]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        return set(run.stdout.splitlines())

    (variant,) = (variant for variant in variants_of("x86_64") if variant.name == name)
    assert macros(*variant.flags) == macros(f"-march=x86-64-{name}")
