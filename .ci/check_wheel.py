"""Checks an installed wheel where numpy is the only other package; run from an empty folder.

The arguments are the folder of the source tree, whose files the wheel must hold, and what kind of
wheel it must be: "native", with the C library for each instruction set, or "pure", without.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Literal

before = set(sys.modules)

import tinygrad_mlp  # noqa: E402  (what it loads is counted)

loaded = {name.partition(".")[0] for name in set(sys.modules) - before}

source = Path(sys.argv[1]).resolve()
installed = Path(tinygrad_mlp.__file__).resolve().parent

# It is the wheel that was imported, and it brought numpy along and nothing else.
assert not installed.is_relative_to(source), installed
assert loaded - sys.stdlib_module_names == {"tinygrad_mlp", "numpy"}, loaded
assert importlib.metadata.version("tinygrad-mlp") == tinygrad_mlp.__version__
for absent in ("graphviz", "matplotlib", "pandas", "polars", "pygraphviz", "torch", "tqdm"):
    assert importlib.util.find_spec(absent) is None, absent
assert importlib.util.find_spec("viz") is not None

# What stands on a package that is missing says which extra brings it.
for module, extra in (("estimators", "sklearn"), ("search", "search")):
    message = ""
    try:
        importlib.import_module(f"tinygrad_mlp.{module}")
    except ImportError as error:
        message = str(error)
    assert f"'.[{extra}]'" in message, message

# Every file of the two packages is in it; what a build left in the tree is not from there.
built = {".so", ".pyc"}
for package in ("tinygrad_mlp", "viz"):
    for file in (source / package).rglob("*"):
        if file.is_file() and file.suffix not in built and file.name != "not_built.txt":
            copy = installed.parent / file.relative_to(source)
            assert copy.read_bytes() == file.read_bytes(), f"{copy} differs"

# It has the library for each instruction set of this machine and the platform's tag, or neither.
from tinygrad_mlp._native import _library, _variants  # noqa: E402

kind = sys.argv[2]
about = importlib.metadata.distribution("tinygrad-mlp").read_text("WHEEL") or ""
tags = [line.partition(": ")[2] for line in about.splitlines() if line.startswith("Tag: ")]
libraries = {file.name for file in installed.rglob("*.so")}
library, reason = _library.load(), _library.reason()
if kind == "native":
    variants = _variants.variants_of(_variants.machine())
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert tags == [f"py3-none-{platform}"], tags
    assert libraries == {_variants.library_file(variant.name) for variant in variants}, libraries
    assert library is not None and library.path.parent == installed / "_native", reason
    print(f"the library for {library.variant}, made by {library.compiler}, is loaded")
else:
    assert kind == "pure" and tags == ["py3-none-any"] and not libraries, (kind, tags, libraries)
    assert library is None and reason, library
    print(reason)

# A backward pass: d/da (a b + a^2) = b + 2 a, d/db = a.
a, b = tinygrad_mlp.Value(2.0), tinygrad_mlp.Value(-3.0)
(a * b + a**2).backward()
assert (a.grad, b.grad) == (1.0, 2.0), (a.grad, b.grad)

# A compiled program has the outputs of the model, on the library or without it.
model = tinygrad_mlp.MLP(2, [4, 1], rng=0)
rows = [[0.5, -1.0], [2.0, 0.25], [0.0, 3.0]]
backend: Literal["native", "auto"] = "native" if kind == "native" else "auto"
program = tinygrad_mlp.compile(model, per_sample=True, backend=backend)
for row, output in zip(rows, program(rows)):
    assert abs(float(output) - model(row).data) < 1e-12, (row, output)

# A training is recorded as a page, and one is ready to be served: their parts are in the wheel, and
# need neither graphviz nor a browser. (A worksheet has a drawing, which graphviz places; that its
# parts are in the wheel was seen above.)
import viz  # noqa: E402
from viz._play.play_page import page_of_run  # noqa: E402
from viz._run.run import Run  # noqa: E402

viz.record(model, rows, [0, 1, 1], "training.html", epochs=2)
for page in (Path("training.html").read_text(encoding="utf-8"), page_of_run(Run(), "server")):
    assert page.startswith("<!DOCTYPE html>") and "class Forward" in page, page[:200]
Path("training.html").unlink()

# The data sets load.
from tinygrad_mlp import data  # noqa: E402

for load, shape in ((data.load_iris, (150, 4)), (data.load_digits, (1797, 64))):
    assert load().X.shape == shape, load

# The command line answers.
for command in (
    [sys.executable, "-m", "tinygrad_mlp"],
    [Path(sys.executable).parent / "tinygrad-mlp"],
):
    subprocess.run([*command, "--help"], check=True, stdout=subprocess.DEVNULL)

# The chapters are in the source tree alone, and the command says so.
run = subprocess.run(
    [sys.executable, "-m", "tinygrad_mlp", "course"], capture_output=True, text=True, check=False
)
assert run.returncode == 2 and "in a checkout of the project" in run.stderr, run
assert not Path("course").exists()

print(f"tinygrad-mlp {tinygrad_mlp.__version__} works beside numpy alone")
