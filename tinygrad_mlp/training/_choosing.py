"""The engines by name, and whether one has a use for the back end that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tinygrad_mlp.compiler._backends.choice import Wanted, check_wanted
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.training._compiled import AutoEngine, CompiledEngine
from tinygrad_mlp.training._engines import EagerEngine, Engine

__all__ = ["ENGINES", "backend_for", "make_engine", "records"]

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


def records(engine: str) -> bool:
    """Whether the engine of that name records the step, which a back end then runs.

    >>> records("auto"), records("Eager")
    (True, False)
    """
    return str(engine).lower() != "eager"


def backend_for(engine: str, backend: Wanted, call: str) -> Wanted:
    """The back end that is asked for; "auto" is what the environment says, if it says anything.

    Args:
        engine: the name of the engine.
        backend: the argument.
        call: what comes before the arguments of a call, for the message.

    Raises:
        BackendError: for an unknown one.
        InvalidArgumentError: for "native" with an engine that records nothing.

    >>> backend_for("eager", "native", "fit(model, X, y, ")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: engine='eager' records nothing that the C library \
could run; leave out backend='native', or the engine: fit(model, X, y, backend='native')
    """
    wanted = check_wanted(backend)
    if backend == "native" and not records(engine):
        raise InvalidArgumentError(
            "engine='eager' records nothing that the C library could run; leave out "
            f"backend='native', or the engine: {call}backend='native')"
        )
    return wanted
