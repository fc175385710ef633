"""Imports run one way. The layers stand in one table; a module may import from the layers below.

The imports are read from the source text, also those inside functions and under TYPE_CHECKING, so
that a module which has no place in the table, or reaches upwards, is named with its line.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

from tests.running import run_python
from tests.source_files import PACKAGES, module_files

LAYERS: Final[tuple[frozenset[str], ...]] = tuple(
    frozenset(layer.split())
    for layer in (
        "tinygrad_mlp._text tinygrad_mlp._interpreter tinygrad_mlp._reference "
        "tinygrad_mlp._garbage tinygrad_mlp._aligned",
        "tinygrad_mlp.op",
        "tinygrad_mlp.errors tinygrad_mlp.ops tinygrad_mlp._float_math tinygrad_mlp._array_math "
        "tinygrad_mlp._frames tinygrad_mlp._files tinygrad_mlp._forking tinygrad_mlp._at_once "
        "tinygrad_mlp._places tinygrad_mlp._vocabulary tinygrad_mlp._node tinygrad_mlp._recorders",
        "tinygrad_mlp._drop_in tinygrad_mlp._reach tinygrad_mlp._blocks tinygrad_mlp._freezing",
        "tinygrad_mlp._arguments tinygrad_mlp._node_checks tinygrad_mlp._recording "
        "tinygrad_mlp._registry tinygrad_mlp._schema tinygrad_mlp._words",
        "tinygrad_mlp.data tinygrad_mlp._native",
        "tinygrad_mlp._order tinygrad_mlp._effects",
        "tinygrad_mlp._methods tinygrad_mlp._copying",
        "tinygrad_mlp.engine",
        "tinygrad_mlp._many_numbers tinygrad_mlp._dot_node tinygrad_mlp._batch "
        "tinygrad_mlp._own_ops",
        "tinygrad_mlp.functional tinygrad_mlp._one_or_many",
        "tinygrad_mlp._value_math",
        "tinygrad_mlp.graph",
        "tinygrad_mlp.derivatives tinygrad_mlp.nn tinygrad_mlp.losses tinygrad_mlp.compiler",
        "tinygrad_mlp.debug",
        "tinygrad_mlp.optim",
        "tinygrad_mlp.training",
        "tinygrad_mlp.interchange tinygrad_mlp.interop tinygrad_mlp.interpret "
        "tinygrad_mlp._course tinygrad_mlp.search",
        "tinygrad_mlp.estimators",
        "tinygrad_mlp",  # the package itself, which gathers the public names
        "viz._style viz._run",
        "viz._scene",
        "viz._circles viz._boxes viz._plots",
        "viz._detailed_graph",
        "viz.plots viz._graph",
        "viz._pictures viz._film viz._replay",
        "viz._play viz._quiz",
        "viz._summaries",
        "viz._notebook",
        "viz",
        "tinygrad_mlp._cli",  # the commands; those that draw import viz inside a function
        "tinygrad_mlp.__main__",
    )
)
"""From the bottom to the top. A module, or a sub-package as a whole, imports only from lower ones;
the modules inside a sub-package import one another, but not in a circle."""

COMPILER: Final[tuple[frozenset[str], ...]] = tuple(
    frozenset(layer.split())
    for layer in (
        "_hiding _locks _refusals _traced _tracing _repetition _call_arguments _checks _lone_means",
        "_nodes _sums _folding _schedule _ragged _products _layout",  # plan
        "_softmax _instructions _symbols _workspace _adjoints _contractions _tidying",  # lower
        "_lowered _lowering",
        "_backends.protocol _backends.memory _backends.sample_products _backends.draws "
        "_backends.native_axes _backends.native_fusion _backends.scalar_walk _backends.tape_rules",
        "_backends.native_memory _backends.tape_assembly",
        "_backends.native_records",
        "_backends.numpy_text _backends.arithmetic",
        "_backends.native _backends.tape_writer",
        "_backends.native_tape",
        "_backends.choice",
        "_backends",
        "_translation",
        "_lockstep",
        "_recorded_function",
        "_program",
        "_compiling",
    )
)
"""The same for the modules of the compiler, without the names of their packages."""

RANK: Final = {unit: rank for rank, layer in enumerate(LAYERS) for unit in layer}

AT_IMPORT_TIME: Final = {"tinygrad_mlp": {"numpy"}, "viz": {"numpy", "graphviz"}}
"""The packages from elsewhere that importing ours may load, beside the standard library."""

WHERE_USED: Final = frozenset(
    {
        *("IPython", "PIL", "graphviz", "matplotlib", "pandas", "pygraphviz"),
        *("ipykernel", "jupytext", "latex2mathml", "nbclient", "nbconvert", "nbformat", "pygments"),
        *("anywidget", "onnx", "polars", "safetensors", "sklearn", "torch", "tqdm"),
    }
)
"""The packages that are imported inside the function that needs them."""


IMPORTED_WHERE_USED: Final = {"viz._plots.figure": "matplotlib"}
"""Modules of ours that stand on one of these, and are imported inside functions alone."""

STANDS_ON: Final = {
    "tinygrad_mlp.estimators": frozenset({"scipy", "sklearn"}),
    "tinygrad_mlp.search": frozenset({"optuna"}),
}
"""Packages of ours that are made of another one: people import them, ours do not."""


@dataclass(frozen=True)
class Import:
    """One import statement's target: one of our modules, or a package from elsewhere."""

    line: int
    target: str
    runs_at_import: bool

    @property
    def package(self) -> str:
        return self.target.partition(".")[0]


class ImportReader(ast.NodeVisitor):
    """Collects the imports of one module; those in functions do not run when it is imported."""

    def __init__(self, module: str, is_package: bool, modules: Mapping[str, object]) -> None:
        self.found: list[Import] = []
        self._package = module.split(".") if is_package else module.split(".")[:-1]
        self._modules = modules
        self._deferred = 0

    def _add(self, node: ast.AST, target: str) -> None:
        line = getattr(node, "lineno", 0)
        self.found.append(Import(line, target, runs_at_import=not self._deferred))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self._package[: len(self._package) - node.level + 1] if node.level else []
        source = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            submodule = f"{source}.{alias.name}"
            self._add(node, submodule if submodule in self._modules else source)

    def visit_Call(self, node: ast.Call) -> None:
        """``import_module("name")`` is an import too."""
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called in {"import_module", "__import__"} and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                self._add(node, name.value)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_later(node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_later(node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_later([node.body])

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) not in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            self.generic_visit(node)
            return
        self._visit_later(node.body)
        for statement in node.orelse:
            self.visit(statement)

    def _visit_later(self, nodes: Sequence[ast.AST]) -> None:
        self._deferred += 1
        for node in nodes:
            self.visit(node)
        self._deferred -= 1


def read_imports(module: str, files: Mapping[str, Path]) -> list[Import]:
    reader = ImportReader(module, files[module].name == "__init__.py", files)
    reader.visit(ast.parse(files[module].read_text(encoding="utf-8")))
    return reader.found


def unit_of(module: str) -> str:
    """The module's line in the table: ``tinygrad_mlp.nn`` for ``tinygrad_mlp.nn._layers``."""
    return ".".join(module.split(".")[:2])


def violations(module: str, files: Mapping[str, Path]) -> Iterator[str]:
    """What is wrong with the imports of ``module``, one sentence for each."""
    unit = unit_of(module)
    if unit not in RANK:
        yield f"{unit} has no place in LAYERS; put it above everything that it imports"
        return
    for found in read_imports(module, files):
        here = f"{module}, line {found.line}: "
        if found.package in PACKAGES:
            yield from (here + problem for problem in _wrong_way(unit, found))
            stands_on_another = unit_of(found.target) in STANDS_ON and unit_of(found.target) != unit
            if (found.target in IMPORTED_WHERE_USED or stands_on_another) and found.runs_at_import:
                yield f"{here}{found.target} must be imported inside the function that needs it"
        elif found.package not in {
            *sys.stdlib_module_names,
            *STANDS_ON.get(unit, ()),
            IMPORTED_WHERE_USED.get(module),
        }:
            yield from (here + problem for problem in _from_elsewhere(unit, found))


def _wrong_way(unit: str, found: Import) -> Iterator[str]:
    other = unit_of(found.target)
    if other not in RANK:
        yield f"{other} has no place in LAYERS"
    elif other != unit and RANK[other] >= RANK[unit]:
        yield f"{unit} must not import {other}, which does not stand below it"
    elif found.package != unit.partition(".")[0] == "tinygrad_mlp" and found.runs_at_import:
        yield f"{found.target} must be imported inside the command that draws"


def _from_elsewhere(unit: str, found: Import) -> Iterator[str]:
    at_import_time = AT_IMPORT_TIME[unit.partition(".")[0]]
    if found.package in at_import_time:
        return
    if found.package not in WHERE_USED:
        yield f"{found.package} is a package that the project does not use"
    elif found.runs_at_import:
        yield f"{found.package} must be imported inside the function that needs it"


@pytest.mark.parametrize("module", module_files())
def test_imports_run_one_way(module: str) -> None:
    problems = list(violations(module, module_files()))
    assert not problems, "\n".join(problems)


def all_imports(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """What each module imports of ours: in functions and for type checkers too."""
    found = {module: {x.target for x in read_imports(module, files)} for module in files}
    return {module: targets & set(files) - {module} for module, targets in found.items()}


def test_modules_do_not_import_in_a_circle() -> None:
    files = module_files()
    order = list(TopologicalSorter(all_imports(files)).static_order())  # or CycleError names it
    assert set(order) == set(files)


@pytest.mark.parametrize(
    "source",
    [
        "from tinygrad_mlp.nn import one",
        "if TYPE_CHECKING:\n    from tinygrad_mlp.nn.one import name",
        "def f():\n    from .one import name",
    ],
)
def test_a_circle_is_found(source: str, tmp_path: Path) -> None:
    files = {}
    for name, text in (("one", "from tinygrad_mlp.nn.two import name"), ("two", source)):
        files[f"tinygrad_mlp.nn.{name}"] = tmp_path / name
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(CycleError, match="in a cycle"):
        TopologicalSorter(all_imports(files)).prepare()


def test_no_two_modules_share_a_name() -> None:
    files = [file for file in module_files().values() if file.name != "__init__.py"]
    names = Counter(file.stem.strip("_") for file in files)
    assert [name for name, count in names.items() if count > 1] == []


def test_so_do_those_of_the_compiler() -> None:
    files, start = module_files(), "tinygrad_mlp.compiler."
    rank = {start + name: rank for rank, layer in enumerate(COMPILER) for name in layer}
    modules = [module for module in files if module.startswith(start)]
    assert set(rank) == set(modules)
    for module in modules:
        for found in read_imports(module, files):
            assert rank.get(found.target, 0) <= rank[module], (module, found)


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_loads_only_the_packages_it_needs(package: str, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        f"import {package}\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})\n"
    )
    loaded = set(run_python("-c", program, folder=tmp_path).split()) - sys.stdlib_module_names
    loaded = {name for name in loaded if "cython" not in name}  # part of numpy.random
    allowed = AT_IMPORT_TIME[package] | {package, "tinygrad_mlp"}
    assert package in loaded
    assert loaded - allowed == set()


def test_who_plays_a_training_does_not_wait_for_the_drawings(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "import viz._play.live, viz._play.server, viz._run.run\n"
        "print(*[name for name in sys.modules if name.startswith('viz.')])\n"
        "from viz import draw, plots\n"
        "print(*[name for name in sys.modules if name.startswith('viz.')])\n"
    )
    at_first, then = run_python("-c", program, folder=tmp_path).splitlines()
    drawings = {"viz.plots", "viz._graph", "viz._pictures"}
    assert drawings.isdisjoint(at_first.split())
    assert "viz._run.run" in at_first.split()
    assert drawings <= set(then.split())


@pytest.mark.parametrize(
    ("module", "source", "problem"),
    [
        ("tinygrad_mlp.newcomer", "", "tinygrad_mlp.newcomer has no place"),
        ("tinygrad_mlp.engine", "import tinygrad_mlp.newcomer", "newcomer has no place"),
        ("tinygrad_mlp.ops", "from tinygrad_mlp.errors import ShapeError", "must not import"),
        ("tinygrad_mlp.engine", "from tinygrad_mlp import functional", "must not import"),
        ("tinygrad_mlp.engine", "from . import functional", "must not import"),
        ("tinygrad_mlp.engine", "from .functional import exp", "must not import"),
        ("tinygrad_mlp.engine", "from tinygrad_mlp import Value", "must not import tinygrad_mlp,"),
        ("tinygrad_mlp.engine", "def f():\n    import tinygrad_mlp.functional", "line 2"),
        ("tinygrad_mlp.nn._layers", "from .. import losses", "must not import tinygrad_mlp.losses"),
        ("tinygrad_mlp.nn._layers", "def f():\n    import viz", "must not import viz"),
        ("tinygrad_mlp.nn._layers", "import_module('viz._graph')", "must not import viz._graph"),
        ("tinygrad_mlp._cli.demo", "import viz", "inside the command that draws"),
        ("tinygrad_mlp._cli.demo", "from tinygrad_mlp import __main__", "must not import"),
        ("viz._graph", "import viz._replay.stepper", "must not import viz._replay,"),
        ("viz._graph", "import pygraphviz", "inside the function"),
        ("tinygrad_mlp.losses", "import graphviz", "inside the function"),
        ("tinygrad_mlp.losses", "try:\n    import torch\nexcept ImportError:\n    pass", "inside"),
        ("tinygrad_mlp.losses", "class A:\n    import matplotlib.pyplot", "inside the function"),
        ("tinygrad_mlp.losses", "def f():\n    import seaborn", "does not use"),
        ("tinygrad_mlp.estimators._lbfgs", "import torch", "inside the function"),
        ("tinygrad_mlp.interop", "import sklearn", "inside the function"),
        ("tinygrad_mlp", "from tinygrad_mlp.estimators import MLPClassifier", "inside the func"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str, problem: str, tmp_path: Path) -> None:
    found = list(violations(module, _with_source(module, source, tmp_path)))
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("tinygrad_mlp.losses", "import math\nimport numpy.typing\nfrom numpy import exp"),
        ("tinygrad_mlp.losses", "from tinygrad_mlp import functional\nfrom . import errors"),
        ("tinygrad_mlp.losses", "def f():\n    import torch.nn"),
        ("tinygrad_mlp.losses", "if TYPE_CHECKING:\n    import torch"),
        ("tinygrad_mlp.nn._layers", "from tinygrad_mlp.nn._module import Module"),
        ("tinygrad_mlp._cli.demo", "import tinygrad_mlp\n\ndef f():\n    import viz._graph"),
        ("tinygrad_mlp.__main__", "from tinygrad_mlp._cli import demo"),
        ("tinygrad_mlp.estimators._lbfgs", "import scipy.optimize\nfrom sklearn import utils"),
        ("viz._graph", "import graphviz\nfrom tinygrad_mlp import Value"),
    ],
)
def test_a_right_import_is_accepted(module: str, source: str, tmp_path: Path) -> None:
    assert list(violations(module, _with_source(module, source, tmp_path))) == []


def _with_source(module: str, source: str, folder: Path) -> dict[str, Path]:
    """The modules of the table, of which ``module`` has the text ``source``."""
    file = folder / "module.py"
    file.write_text(source, encoding="utf-8")
    return {**dict.fromkeys(RANK, file), module: file}
