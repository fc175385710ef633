"""The engines by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tinygrad_mlp.errors import UnknownNameError
from tinygrad_mlp.training._compiled import AutoEngine, CompiledEngine
from tinygrad_mlp.training._engines import EagerEngine, Engine

__all__ = ["ENGINES", "make_engine"]

ENGINES: Final[dict[str, Callable[..., Engine]]] = {
    "auto": AutoEngine,
    "compiled": CompiledEngine,
    "eager": EagerEngine,
}
"""The engines by name."""


def make_engine(name: str, *arguments: Any) -> Engine:
    """The engine of that name, in upper or lower case; the arguments are those of ``StepSettings``.

    Raises:
        UnknownNameError: if there is none; the message lists the known ones.

    >>> make_engine("steam")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownNameError: unknown engine 'steam'; known: auto, compiled, eager
    """
    engine = ENGINES.get(str(name).lower())
    if engine is None:
        raise UnknownNameError.of("engine", name, ENGINES)
    return engine(*arguments)
