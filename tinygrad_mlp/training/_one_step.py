"""Numbers of one step of a training, for whoever predicts while another thread trains the model.

Optimizers and programs set all parameters at once, and ``read_numbers`` reads them at once. A
forward pass reads them one after the other: here it is held to those of one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from typing import Any, TypeVar

from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp._recording import with_numbers
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.nn._module import Module, parts_of

__all__ = ["at_one_step"]

Result = TypeVar("Result")


def at_one_step(model: Module, compute: Callable[[], Result]) -> Result:
    """What is computed with a model whose parameters are those of one moment.

    It is computed once more, with the numbers held, if somebody sets them meanwhile; with those
    that the buffers had at that moment, too. Buffers that change alone are what they are: a model
    that counts its samples changes them itself.

    Args:
        model: the model.
        compute: computes with it, and returns numbers.

    Raises:
        GraphError: if a module is taken out of the model meanwhile.

    >>> model = Module()
    >>> model.w = Value(2.0)
    >>> at_one_step(model, lambda: (model.w * 3.0).data)
    6.0
    """
    parts = parts_of(model)
    parameters = [part for part in parts if isinstance(part, Value)]
    leaves = [*parameters, *model.buffers()]
    numbers = read_numbers(leaves)
    try:
        result = compute()
        if not _same(read_numbers(parameters), numbers):  # those of the buffers stand behind
            with with_numbers(dict(zip(leaves, numbers))):
                result = compute()
    except Exception as error:
        _check_modules(model, parts, error)
        raise
    _check_modules(model, parts)
    return result


def _check_modules(model: Module, parts: Sequence[object], error: Exception | None = None) -> None:
    there = set(map(id, parts_of(model)))
    gone = [part for part in parts if isinstance(part, Module) and id(part) not in there]
    if gone:
        raise GraphError(
            f"the model {described(model)} changed while it predicted: {described(gone[0])} is no "
            "part of it any more. Change the parts of a model when no other thread predicts with "
            "it, or give each thread a copy: copy.deepcopy(model)"
        ) from error


def _same(now: Sequence[Any], before: Sequence[Any]) -> bool:
    return all(map(is_, now, before))
