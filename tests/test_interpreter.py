"""What interprets a rule is written down, and all that do it have what is written there."""

from __future__ import annotations

import ast
import inspect
from typing import Final

import pytest

from tests.source_files import ROOT
from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import _value_math as value_math
from tinygrad_mlp._interpreter import ForwardInterpreter, Interpreter

# mypy compares each with its protocol.
FOR_VALUES: Final[dict[str, ForwardInterpreter]] = {
    "float_math": float_math,
    "array_math": array_math,
}
FOR_DERIVATIVES: Final[dict[str, Interpreter]] = {"value_math": value_math}


def written_in(protocol: type) -> set[str]:
    functions = {name for name, item in vars(protocol).items() if inspect.isfunction(item)}
    return functions - {"__init__", "__subclasshook__"}


WRITTEN: Final = written_in(Interpreter)
WRITTEN_FOR_VALUES: Final = WRITTEN | written_in(ForwardInterpreter)


@pytest.mark.parametrize("name", [*FOR_VALUES, *FOR_DERIVATIVES])
def test_a_namespace_offers_what_is_written_and_nothing_else(name: str) -> None:
    namespace = {**FOR_VALUES, **FOR_DERIVATIVES}[name]
    offered: list[str] = vars(namespace)["__all__"]
    functions = {name for name in offered if callable(getattr(namespace, name))}
    assert functions == (WRITTEN_FOR_VALUES if name in FOR_VALUES else WRITTEN)
    assert set(offered) - functions <= {"inf", "nan"}  # the numbers, for programs of arithmetic


FOR_OTHERS: Final = {"sign"}
"""What no rule of the package calls: optimizers that others write do, as in ``Optimizer``."""


def test_rules_call_what_is_written_and_all_of_it() -> None:
    called = set()
    for folder in ("tinygrad_mlp", "tinygrad_mlp/ops", "tinygrad_mlp/optim"):
        for file in (ROOT / folder).glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    called |= {node.attr} if node.value.id == "xp" else set()
    assert called | FOR_OTHERS == WRITTEN_FOR_VALUES
    assert not called & FOR_OTHERS
