"""Constants: where a name is assigned that modules hand on, and what stands beside it there."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Final

__all__ = ["assignment_of"]

LONGEST: Final = 120
"""The characters up to which an assignment is shown."""


def assignment_of(module: ModuleType, name: str) -> tuple[str, str, str]:
    """Of a constant: the module that assigns it, its docstring there, and the assignment.

    The docstring is the string after the assignment, or the comment before or beside it.
    """
    found = _assignments(module.__name__).get(name)
    if found is not None:
        return module.__name__, *found
    source = _imports(module.__name__).get(name)
    if source is None:
        return module.__name__, "", name
    return assignment_of(import_module(source[0]), source[1])


@cache
def _assignments(module: str) -> Mapping[str, tuple[str, str]]:
    """Each name that the module assigns at its top: its docstring, and the assignment as code."""
    source = inspect.getsource(import_module(module))
    lines, body = source.splitlines(), ast.parse(source).body
    found: dict[str, tuple[str, str]] = {}
    for node, after in zip(body, [*body[1:], None]):
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if isinstance(target, ast.Name):
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = inspect.cleandoc(str(after.value.value))
            elif lines[node.lineno - 2].startswith("# "):
                text = lines[node.lineno - 2][2:]
            elif "  # " in lines[(node.end_lineno or node.lineno) - 1]:
                text = lines[(node.end_lineno or node.lineno) - 1].partition("  # ")[2]
            shown = ast.unparse(node)
            found[target.id] = text, shown if len(shown) <= LONGEST else target.id
    return found


@cache
def _imports(module: str) -> Mapping[str, tuple[str, str]]:
    """Each name that the module imports from another: that module, and its name there."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(ast.parse(inspect.getsource(import_module(module)))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found[alias.asname or alias.name] = node.module, alias.name
    return found
