"""Builds the C library, once for each instruction set of ``tinygrad_mlp/_native/_variants.py``.

Everything else stands in ``pyproject.toml``. The library is never needed: where it cannot be built
the package is installed without it, a note says why, and NumPy does all the work. Without a library
the wheel is pure (``py3-none-any``). With one it has the tag of the platform, but of no Python: the
library uses no part of Python. ``TINYGRAD_MLP_NATIVE=0`` builds none, and
``TINYGRAD_MLP_NATIVE=keep`` leaves those of an editable installation as they are.
"""

from __future__ import annotations

import copy
import importlib.util
import os
import shutil
from pathlib import Path
from types import ModuleType

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

SWITCH = "TINYGRAD_MLP_NATIVE"
PACKAGE = "tinygrad_mlp._native"
FOLDER = Path("tinygrad_mlp", "_native")


def load(file: Path) -> ModuleType:
    """The module in that file alone: importing the package would need NumPy."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


native = load(Path(__file__).resolve().parent / FOLDER / "_variants.py")


def extensions() -> list[Extension]:
    """One for each variant of this machine; the same source with other flags."""
    headers = sorted(path.as_posix() for path in (FOLDER / "c").glob("*.h"))
    return [
        Extension(
            f"{PACKAGE}.{variant.name}",
            sources=[(FOLDER / "c" / "library.c").as_posix()],
            depends=["setup.py", (FOLDER / "_variants.py").as_posix(), *headers],
            define_macros=[("SOURCES", f"{native.checksum(FOLDER)}")],
            extra_compile_args=[*native.FLAGS, *variant.flags],
            libraries=["m"],
            optional=True,
        )
        for variant in native.variants_of(native.machine())
    ]


class BuildLibraries(build_ext):
    """Builds what can be built; afterwards ``ext_modules`` names that, and nothing else."""

    def finalize_options(self) -> None:
        """All variants at once, unless a number of jobs is given."""
        super().finalize_options()
        self.parallel = self.parallel or True

    def get_ext_filename(self, fullname: str) -> str:
        """Without the tag of a Python in the name."""
        *folders, variant = fullname.split(".")
        return str(Path(*folders, native.library_file(variant)))

    def get_export_symbols(self, ext: Extension) -> list[str]:
        """None that a module of Python has: it is not one."""
        return []

    def run(self) -> None:
        """Build, and say what was not built."""
        if os.environ.get(SWITCH) == "keep":
            self.extensions = []
            return
        if os.environ.get(SWITCH) == "0":
            self.extensions = []
        self.failures: dict[str, str] = {}
        super().run()
        built = [ext for ext in self.extensions if ext.name not in self.failures]
        self.extensions = self.distribution.ext_modules = built
        for name, reason in self.failures.items():
            self.warn(f"{name} is not built, the package works without it: {reason}")
        reason = next(iter(self.failures.values()), f"{SWITCH} was 0")
        for folder in (Path(self.build_lib) / FOLDER, *([FOLDER] if self.inplace else [])):
            self.tidy(folder, "" if built else f"{reason} when the package was installed")

    def tidy(self, folder: Path, reason: str) -> None:
        """Leave nothing of an earlier build in the folder, and say why there are no libraries."""
        files = {Path(self.get_ext_filename(ext.name)).name for ext in self.extensions}
        for file in folder.glob(native.library_file("*")):
            if file.name not in files:
                file.unlink()
        (folder / native.NOT_BUILT).unlink(missing_ok=True)
        if reason:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / native.NOT_BUILT).write_text(f"{reason}\n", encoding="utf-8")

    def build_extension(self, ext: Extension) -> None:
        """Build one variant; a failure is noted and is no error."""
        alone = copy.copy(self)  # with a folder of its own for the object file
        alone.build_temp = str(Path(self.build_temp, ext.name))
        try:
            super(BuildLibraries, alone).build_extension(ext)
        except (BaseError, CCompilerError):
            command = getattr(self.compiler, "compiler_so", ["cc"])[0]
            what = "failed" if shutil.which(command) else "was not found"
            self.failures[ext.name] = f"the C compiler {command!r} {what}"


class Wheel(bdist_wheel):
    """A wheel whose tag says what is in it."""

    def run(self) -> None:
        """Build the wheel from nothing: what an earlier build left must not get into it."""
        if not self.skip_build:
            for folder in (self.get_finalized_command("build").build_lib, self.bdist_dir):
                shutil.rmtree(folder, ignore_errors=True)
            self.run_command("build")
            self.root_is_pure = not self.distribution.has_ext_modules()
        super().run()

    def get_tag(self) -> tuple[str, str, str]:
        """The platform's tag, where there is a library, but that of no Python."""
        python, abi, platform = super().get_tag()
        return (python, abi, platform) if self.root_is_pure else ("py3", "none", platform)


setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildLibraries, "bdist_wheel": Wheel},
)
