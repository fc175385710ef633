"""Checks an installed wheel where numpy is the only other package; run from an empty folder.

The argument is the folder of the source tree, whose data files the wheel must hold.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

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

# Every file of the two packages is in it.
for package in ("tinygrad_mlp", "viz"):
    for file in (source / package).rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            copy = installed.parent / file.relative_to(source)
            assert copy.read_bytes() == file.read_bytes(), f"{copy} differs"

# A backward pass: d/da (a b + a^2) = b + 2 a, d/db = a.
a, b = tinygrad_mlp.Value(2.0), tinygrad_mlp.Value(-3.0)
(a * b + a**2).backward()
assert (a.grad, b.grad) == (1.0, 2.0), (a.grad, b.grad)

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
