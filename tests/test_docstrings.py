"""Every public name has a docstring, and every public function an example that runs."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

import pytest

from tests.source_files import module_files
from tinygrad_mlp.op import Op

COMMAND_LINE: Final = ("tinygrad_mlp.__main__", "tinygrad_mlp._cli", "tinygrad_mlp._course")
"""Commands, and what ``course`` runs, are shown at work in the README and by ``--help``, not by
doctests."""


@pytest.mark.parametrize("module", module_files())
def test_a_module_says_what_it_is_for_and_what_is_public(module: str) -> None:
    loaded = importlib.import_module(module)
    assert (loaded.__doc__ or "").strip(), f"{module} has no docstring"
    assert isinstance(getattr(loaded, "__all__", None), list), f"{module} has no __all__ list"
    missing = [name for name in loaded.__all__ if not hasattr(loaded, name)]
    assert not missing, f"listed in __all__, but not there: {', '.join(missing)}"


@pytest.mark.parametrize("module", module_files())
def test_public_names_have_docstrings(module: str) -> None:
    missing = list(undocumented(importlib.import_module(module)))
    assert not missing, f"without a docstring: {', '.join(missing)}"


@pytest.mark.parametrize(
    "module", [name for name in module_files() if not name.startswith(COMMAND_LINE)]
)
def test_public_functions_have_an_example(module: str) -> None:
    missing = list(without_example(importlib.import_module(module)))
    assert not missing, f"without an example (>>>): {', '.join(missing)}"


def public_names(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """What ``__all__`` lists and the module itself defines; re-exports are judged at home."""
    for name in getattr(module, "__all__", []):
        if name.startswith("__"):  # such as __version__
            continue
        member = getattr(module, name)
        home = getattr(member, "__module__", None) if _has_docstring_of_its_own(member) else None
        if home is None or home == module.__name__:
            yield name, member


def public_methods(cls: type) -> Iterator[tuple[str, Any]]:
    """The methods and properties that ``cls`` defines, by name."""
    for name, member in vars(cls).items():
        kinds = (property, classmethod, staticmethod)
        if name.startswith("_") or not hasattr(cls, name):  # the latter says where to look instead
            continue
        if inspect.isroutine(member) or isinstance(member, kinds):
            yield name, getattr(cls, name)


def undocumented(module: ModuleType) -> Iterator[str]:
    """The public names of ``module``, and public methods of its classes, without a docstring."""
    explained = explained_assignments(inspect.getsource(module))
    for name, member in public_names(module):
        if not _has_docstring_of_its_own(member):
            in_words = name in explained or isinstance(member, Op)  # whose record explains it
            if not in_words and not _is_reexport(module, name):
                yield name
            continue
        if not member.__doc__:
            yield name
        if inspect.isclass(member):
            for method_name, method in public_methods(member):
                if not inspect.getdoc(method):
                    yield f"{name}.{method_name}"


def without_example(module: ModuleType) -> Iterator[str]:
    """The public functions and methods that show no example, nor does the class around them."""
    for name, member in public_names(module):
        if inspect.isclass(member):
            nothing_to_run = issubclass(member, BaseException) or Protocol in member.__bases__
            if nothing_to_run or ">>>" in (member.__doc__ or ""):
                continue
            for method_name, method in public_methods(member):
                if ">>>" not in (inspect.getdoc(method) or ""):
                    yield f"{name}.{method_name}"
        elif _has_docstring_of_its_own(member) and ">>>" not in (member.__doc__ or ""):
            yield name


def explained_assignments(source: str) -> set[str]:
    """The names assigned in ``source`` with a comment before or beside, or a string after them."""
    lines = source.splitlines()
    body = ast.parse(source).body
    explained = set()
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        near = lines[max(node.lineno - 2, 0)], lines[(node.end_lineno or node.lineno) - 1]
        if (
            near[0].lstrip().startswith("#")
            or "  # " in near[1]
            or (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant))
        ):
            explained |= {target.id for target in targets if isinstance(target, ast.Name)}
    return explained


def _has_docstring_of_its_own(member: Any) -> bool:
    return inspect.isclass(member) or inspect.isroutine(member)


def _is_reexport(module: ModuleType, name: str) -> bool:
    """Whether the name comes into the module by an import (then it is explained at home)."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return name in imported


UNFINISHED: Final = '''
"""A module in which half of the names lack what they need."""
__all__ = ["Shape", "bare", "described", "shown", "LIMIT", "DEPTH", "WIDTH"]
LIMIT = 3
DEPTH = 4
"""How deep."""
# How wide.
WIDTH = 5
def bare(): pass
def described():
    """Has words, but no example."""
def shown():
    """Has both.

    >>> shown()
    """
class Shape:
    """Has words, but no example."""
    def area(self): pass
    def edges(self):
        """The edges.

        >>> Shape().edges()
        """
    @property
    def name(self): pass
    def _hidden(self): pass
'''


def test_missing_docstrings_and_examples_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unfinished_module.py").write_text(UNFINISHED, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("unfinished_module")
    assert list(undocumented(module)) == ["Shape.area", "Shape.name", "bare", "LIMIT"]
    assert list(without_example(module)) == ["Shape.area", "Shape.name", "bare", "described"]
