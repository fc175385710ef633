"""The build: what is in a wheel and what its tag says, with compilers that do nothing or fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from sysconfig import get_platform
from typing import Final

import pytest

from tests.source_files import ROOT
from tinygrad_mlp._native._variants import FLAGS, checksum, library_file, machine, variants_of

VARIANTS: Final = variants_of(machine())
LIBRARIES: Final = {library_file(variant.name) for variant in VARIANTS}
C_FILES: Final = {file.name for file in (ROOT / "tinygrad_mlp/_native/c").iterdir()}

COMPILER: Final = """#!/bin/sh
# Writes down what it is asked for, and writes something into the file that it should make.
echo "$@" >> "{log}"
case "$*" in *{refused}*) echo "unknown: {refused}" >&2; exit 1;; esac
while [ $# -gt 0 ]; do [ "$1" = -o ] && echo made > "$2"; shift; done
exit 0
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What a build needs of the source tree, without a library and without an earlier build."""
    tree = tmp_path / "tree"
    package = tree / "tinygrad_mlp"
    skipped = shutil.ignore_patterns("__pycache__", "*.so", "not_built.txt")
    shutil.copytree(ROOT / "tinygrad_mlp/_native", package / "_native", ignore=skipped)
    shutil.copy(ROOT / "tinygrad_mlp/__init__.py", package)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    return tree


@pytest.fixture
def compiler(tmp_path: Path) -> Path:
    """A C compiler that does nothing; the lines beside it in ``cc.log`` are its calls."""
    return a_compiler(tmp_path)


def a_compiler(folder: Path, refused: str = "nothing") -> Path:
    file = folder / "cc"
    file.write_text(COMPILER.format(log=folder / "cc.log", refused=refused), encoding="utf-8")
    file.chmod(0o755)
    return file


BUILD_EXT: Final = ("setup.py", "-q", "build_ext")
IN_PLACE: Final = (*BUILD_EXT, "--inplace")
WHEEL: Final = ("-c", "from setuptools import build_meta; build_meta.build_wheel('dist')")
EDITABLE: Final = ("-c", "from setuptools import build_meta; build_meta.build_editable('dist')")
SDIST: Final = ("-c", "from setuptools import build_meta; build_meta.build_sdist('dist')")


def run_build(tree: Path, command: Sequence[str], compiler: Path | str, **variables: str) -> str:
    """What a build prints; it must succeed, whatever becomes of the library."""
    environment = {"CC": str(compiler), "LDSHARED": f"{compiler} -shared", **variables}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TINYGRAD_MLP_")}
    run = subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


class Wheel:
    """A wheel that was built just now, and what the build said."""

    def __init__(self, tree: Path, compiler: Path | str, **variables: str) -> None:
        shutil.rmtree(tree / "dist", ignore_errors=True)
        self.said = run_build(tree, WHEEL, compiler, **variables)
        (file,) = (tree / "dist").iterdir()
        self.tag = "-".join(file.stem.split("-")[2:])
        with zipfile.ZipFile(file) as wheel:
            names = wheel.namelist()
            self.files = {name.rpartition("/")[2] for name in names if "/_native/" in name}
            (about,) = (name for name in names if name.endswith("/WHEEL"))
            self.about = wheel.read(about).decode().splitlines()
            told = [name for name in names if name.endswith("not_built.txt")]
            self.reason = wheel.read(told[0]).decode() if told else ""

    def check_is_pure(self) -> None:
        assert self.tag == "py3-none-any"
        assert {"Root-Is-Purelib: true", "Tag: py3-none-any"} <= set(self.about)
        assert not [name for name in self.files if name.endswith(".so")]
        assert self.files >= C_FILES


def test_a_wheel_has_every_variant_and_the_tag_of_the_platform(tree: Path, compiler: Path) -> None:
    wheel = Wheel(tree, compiler)
    assert {name for name in wheel.files if name.endswith(".so")} == LIBRARIES
    python, abi, platform = wheel.tag.split("-")
    assert (python, abi) == ("py3", "none")
    assert platform.endswith(machine()) or platform.startswith("macosx")
    assert {"Root-Is-Purelib: false", f"Tag: {wheel.tag}"} <= set(wheel.about)
    assert wheel.files >= C_FILES
    assert wheel.reason == ""


def test_without_a_library_it_is_pure_even_after_another_build(tree: Path, compiler: Path) -> None:
    Wheel(tree, compiler)
    run_build(tree, IN_PLACE, compiler)
    assert {file.name for file in (tree / "tinygrad_mlp/_native").glob("*.so")} == LIBRARIES
    interrupted = tree / "build" / f"bdist.{get_platform()}" / "wheel" / "tinygrad_mlp" / "_native"
    for folder in (interrupted, *tree.glob("build/lib*/tinygrad_mlp/_native")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / library_file("old")).touch()

    failed = Wheel(tree, "false")
    failed.check_is_pure()
    assert failed.reason == "the C compiler 'false' failed when the package was installed\n"
    for variant in VARIANTS:
        note = f"tinygrad_mlp._native.{variant.name} is not built, the package works without it"
        assert f"{note}: the C compiler 'false' failed" in failed.said

    absent = Wheel(tree, "no-such-compiler")
    absent.check_is_pure()
    assert absent.reason.startswith("the C compiler 'no-such-compiler' was not found when")

    switched_off = Wheel(tree, compiler, TINYGRAD_MLP_NATIVE="0")
    switched_off.check_is_pure()
    assert switched_off.reason == "TINYGRAD_MLP_NATIVE was 0 when the package was installed\n"

    assert {name for name in Wheel(tree, compiler).files if name.endswith(".so")} == LIBRARIES


@pytest.mark.skipif(machine() != "x86_64", reason="other processors have one variant")
def test_a_variant_that_the_compiler_does_not_know_is_left_out(tree: Path, tmp_path: Path) -> None:
    wheel = Wheel(tree, a_compiler(tmp_path, refused="-mavx512f"))
    libraries = {name for name in wheel.files if name.endswith(".so")}
    assert libraries == LIBRARIES - {library_file("v4")}
    assert "tinygrad_mlp._native.v4 is not built, the package works without it" in wheel.said
    assert "tinygrad_mlp._native.v3 is not built" not in wheel.said
    assert wheel.tag.startswith("py3-none-linux")


@pytest.mark.skipif(machine() != "x86_64", reason="other processors have one variant")
def test_nor_is_an_older_one_kept_in_place(tree: Path, tmp_path: Path) -> None:
    folder = tree / "tinygrad_mlp/_native"
    run_build(tree, IN_PLACE, "false")
    assert not list(folder.glob("*.so"))
    run_build(tree, IN_PLACE, a_compiler(tmp_path))
    assert {file.name for file in folder.glob("*.so")} == LIBRARIES
    make_newer(tree, tree / "setup.py")
    run_build(tree, IN_PLACE, a_compiler(tmp_path, refused="-mavx512f"))
    assert {file.name for file in folder.glob("*.so")} == LIBRARIES - {library_file("v4")}


def test_a_processor_without_a_variant_gets_a_pure_wheel(tree: Path, compiler: Path) -> None:
    with (tree / "tinygrad_mlp/_native/_variants.py").open("a", encoding="utf-8") as file:
        file.write("\nVARIANTS = ()\n")
    wheel = Wheel(tree, compiler)
    wheel.check_is_pure()
    assert not (compiler.parent / "cc.log").exists()


def make_newer(tree: Path, file: Path) -> float:
    """Let a file be two seconds younger than anything else in the tree."""
    later = max(path.stat().st_mtime for path in tree.rglob("*")) + 2
    os.utime(file, (later, later))
    return later


def compilations(compiler: Path) -> list[list[str]]:
    lines = (compiler.parent / "cc.log").read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if " -c " in line]


def test_our_flags_come_last_and_the_sources_are_told(tree: Path, compiler: Path) -> None:
    run_build(
        tree,
        BUILD_EXT,
        compiler,
        CFLAGS="-ffp-contract=fast -march=native",
    )
    calls = compilations(compiler)
    assert len(calls) == len(VARIANTS)
    ours = [[*FLAGS, *variant.flags] for variant in VARIANTS]
    for call in calls:
        assert f"-DSOURCES={checksum()}" in call
        assert [flags for flags in ours if call[-len(flags) :] == flags]
        assert call.index("-ffp-contract=fast") < call.index("-ffp-contract=off")
    log = (compiler.parent / "cc.log").read_text(encoding="utf-8").splitlines()
    assert len([line for line in log if "-shared" in line and "-lm" in line]) == len(VARIANTS)
    objects = {call[call.index("-o") + 1] for call in calls}
    assert len(objects) == len(VARIANTS)  # they are made at the same time


def test_in_place_what_is_up_to_date_is_kept(tree: Path, compiler: Path) -> None:
    folder = tree / "tinygrad_mlp/_native"
    run_build(tree, IN_PLACE, compiler)
    run_build(tree, IN_PLACE, compiler)
    assert len(compilations(compiler)) == len(VARIANTS)
    for number, changed in enumerate(["records.h", "library.c", "_variants.py"], start=2):
        file = next(folder.rglob(changed))
        with file.open("a", encoding="utf-8") as opened:
            opened.write("\n")
        later = make_newer(tree, file)
        run_build(tree, IN_PLACE, compiler)
        assert len(compilations(compiler)) == number * len(VARIANTS), changed
        for path in [*tree.glob("build/lib*/**/*.so"), file]:
            os.utime(path, (later, later))
    run_build(tree, IN_PLACE, compiler, TINYGRAD_MLP_NATIVE="0")
    assert not list(folder.glob("*.so"))
    assert (folder / "not_built.txt").exists()
    run_build(tree, IN_PLACE, compiler)
    assert {file.name for file in folder.glob("*.so")} == LIBRARIES
    assert not (folder / "not_built.txt").exists()


def test_an_editable_installation_can_keep_what_it_has(tree: Path, compiler: Path) -> None:
    folder = tree / "tinygrad_mlp/_native"
    run_build(tree, IN_PLACE, compiler)
    run_build(tree, EDITABLE, "false", TINYGRAD_MLP_NATIVE="keep")
    assert {file.name for file in folder.glob("*.so")} == LIBRARIES
    assert not (folder / "not_built.txt").exists()


def test_the_sources_are_in_the_source_distribution(tree: Path) -> None:
    run_build(tree, SDIST, "false")
    (file,) = (tree / "dist").iterdir()
    shutil.unpack_archive(file, tree / "unpacked", filter="data")
    (unpacked,) = (tree / "unpacked").iterdir()
    assert {path.name for path in (unpacked / "tinygrad_mlp/_native/c").iterdir()} == C_FILES
    assert (unpacked / "setup.py").exists()


def test_what_is_built_in_place_is_not_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/tinygrad_mlp/_native/*.so", "/tinygrad_mlp/_native/not_built.txt"} <= set(ignored)
