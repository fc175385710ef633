"""The table of ``Module.summary``: layers, what they give, how many parameters they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

__all__ = ["Part", "layer_table"]

TITLES: Final = ("layer", "kind", "output shape", "parameters")
ITSELF: Final = "(itself)"
UNKNOWN: Final = "?"


class Part(Protocol):
    """What is needed of a module here."""

    def summary_kind(self) -> str:
        """What it is, where it is one row with all that is in it; else ""."""


def layer_table(
    modules: Mapping[str, Part], parameters: Iterable[str], n_buffers: int, n_frozen: int = 0
) -> str:
    """A row for each layer, and the total.

    Args:
        modules: the model, under the name "", and every module in it, by name.
        parameters: the name of every parameter.
        n_buffers: how many buffers there are.
        n_frozen: how many of the parameters are frozen.

    >>> from tinygrad_mlp.nn import Layer
    >>> print(layer_table({"": Layer(2, 3, rng=0)}, ["neurons.0.w.0", "neurons.0.b"], 0))
    Layer, 2 inputs
    layer     kind         output shape  parameters
    (itself)  Layer, relu  (3,)                   2
    -----------------------------------------------
    total                                         2
    """
    whole = [name for name, part in modules.items() if part.summary_kind()]
    inside = [name for name in modules if any(_is_in(name, above) for above in whole)]
    listed = [name for name in modules if name not in inside]
    counts = dict.fromkeys(listed, 0)
    for parameter in parameters:
        counts[max((name for name in listed if _is_in(parameter, name)), key=len)] += 1
    rows = [
        (name or ITSELF, _kind(modules[name]), _shape(name, modules), f"{count:,}")
        for name, count in counts.items()
        if count or not any(_is_in(other, name) for other in listed)
    ]
    total = ("total", "", "", f"{sum(counts.values()):,}")
    widths = [max(map(len, column)) for column in zip(TITLES, *rows, total)]
    lines = [_line(row, widths) for row in (TITLES, *rows, total)]
    lines.insert(-1, "-" * len(lines[0]))
    if n_frozen:
        lines.append(f"{n_frozen:,} of them frozen")
    if n_buffers:
        lines.append(f"and {n_buffers:,} buffer{'' if n_buffers == 1 else 's'}, not trained")
    return "\n".join([_title(modules[""]), *lines])


def _title(model: Part) -> str:
    n_inputs = getattr(model, "n_inputs", None)
    if not isinstance(n_inputs, int):
        return type(model).__name__
    return f"{type(model).__name__}, {n_inputs:,} input{'' if n_inputs == 1 else 's'}"


def _kind(part: Part) -> str:
    return part.summary_kind() or type(part).__name__


def _is_in(name: str, module: str) -> bool:
    return name != module and (not module or name.startswith(f"{module}."))


def _shape(name: str, modules: Mapping[str, Part]) -> str:
    """That of the outputs for one sample, where the module, or what it is a part of, says it."""
    n_outputs = getattr(modules[name], "n_outputs", None)
    above, _, place = name.rpartition(".")
    if n_outputs is None and name and hasattr(modules.get(above), "output_size"):
        n_outputs = modules[above].output_size(place)  # type: ignore[attr-defined]
    return f"({n_outputs},)" if isinstance(n_outputs, int) else UNKNOWN


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    *texts, number = row
    return "  ".join(
        [*(f"{text:{width}}" for text, width in zip(texts, widths)), f"{number:>{widths[-1]}}"]
    )
