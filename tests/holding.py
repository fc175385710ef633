"""A module that holds what it is given, for graphs that are written by hand."""

from __future__ import annotations

from typing import Any

from tinygrad_mlp.nn.module import Module, make_known

__all__ = ["Holder", "held"]


class Holder(Module):
    """Its attributes are its parameters, in lists or not, and further modules."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


def held(**attributes: Any) -> Holder:
    """A module whose parameters know where they stand, as after a call of it."""
    holder = Holder(**attributes)
    make_known(holder)
    return holder
