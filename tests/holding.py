"""A module that holds what it is given, for graphs that are written by hand."""

from __future__ import annotations

from typing import Any, Final

from tinygrad_mlp._places import Owner, put_row_in_place
from tinygrad_mlp.engine import Value
from tinygrad_mlp.nn._module import Module, make_known

__all__ = ["Holder", "held", "placed"]


class Holder(Module):
    """Its attributes are its parameters, in lists or not, and further modules."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


def held(**attributes: Any) -> Holder:
    """A module whose parameters know where they stand, as after a call of it."""
    holder = Holder(**attributes)
    make_known(holder)
    return holder


_OWNERS: Final[dict[str, Owner]] = {"": Owner("Model")}


def placed(path: str, x: float = 1.0) -> Value:
    """A parameter at a path of one model that all of them share: ``placed("layers.0.w.1")``."""
    above = path.split(".")
    last: list[str] = []
    while not last or last[0].isdigit():
        last.insert(0, above.pop())
    parameter = Value(x)
    keys = tuple([int(key) if key.isdigit() else key for key in last])
    put_row_in_place([parameter], _owner(above), [keys])
    return parameter


def _owner(parts: list[str]) -> Owner:
    path = ".".join(parts)
    if path not in _OWNERS:
        _OWNERS[path] = Owner("Part", _owner(parts[:-1]), (parts[-1],), is_row=True)
    return _OWNERS[path]
