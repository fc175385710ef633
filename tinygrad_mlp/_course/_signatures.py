"""How a function is called, as Python code: its signature as it is declared, the same each time."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

__all__ = ["returned", "signature_of"]

ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")
LONGEST: Final = 84
"""The characters up to which a signature stands on one line."""


def signature_of(name: str, thing: Any, *, returns: bool = True) -> str:
    """A call as it is declared, on several lines where it is long; without ``self``."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return name
    shown: list[str] = []
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    for place, parameter in enumerate(signature.parameters.values()):
        if parameter.name.startswith("_") or (place == 0 and parameter.name in ("self", "cls")):
            continue
        star_needed = parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown
        if star_needed and parameter.VAR_POSITIONAL not in kinds:
            shown.append("*")
        shown.append(_parameter(parameter))
        is_last = kinds[place + 1 : place + 2] != [parameter.POSITIONAL_ONLY]
        if parameter.kind is parameter.POSITIONAL_ONLY and is_last:
            shown.append("/")
    annotation = signature.return_annotation
    end = f" -> {_annotation(annotation)}" if returns and annotation is not signature.empty else ""
    line = f"{name}({', '.join(shown)}){end}"
    if len(line) <= LONGEST:
        return line
    rows = "".join(f"    {row},\n" for row in shown)
    return f"{name}(\n{rows}){end}"


def returned(function: Any) -> str:
    """The type of a property, behind a colon; nothing where none is declared."""
    annotation = getattr(function, "__annotations__", {}).get("return")
    return f": {_annotation(annotation)}" if annotation is not None else ""


def _parameter(parameter: inspect.Parameter) -> str:
    typed = parameter.annotation is not parameter.empty
    text = str(parameter.replace(annotation=parameter.empty, default=parameter.empty))
    if typed:
        text += f": {_annotation(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    return f"{text}{' = ' if typed else '='}{_default(parameter.default)}"


def _annotation(annotation: Any) -> str:
    """A type as the source has it; what stands in quotes there, without them."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return text.strip("'\"")


def _default(value: object) -> str:
    """A default as people write it, the same each time."""
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        return str(value.__name__).rpartition(".")[2]
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(repr, value))) + "}"
    return ADDRESS.sub("", repr(value))
