"""The numbers of many Values at once, for arrays, files and programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, starmap
from operator import attrgetter, call
from typing import Any, Final

from tinygrad_mlp._at_once import run_at_once
from tinygrad_mlp._blocks import current, open_blocks
from tinygrad_mlp._node_checks import check_numbers
from tinygrad_mlp._recording import class_changes, recorder_of_thread
from tinygrad_mlp.engine import Value

__all__ = ["numbers_of", "read_numbers", "read_unchecked", "write_numbers"]

_DATA: Final = Value.__dict__["data"]  # the slots themselves, whatever the class has meanwhile
_GRAD: Final = Value.__dict__["grad"]
_data_of: Final = attrgetter("data")
_FLOATS: Final = frozenset([float])


def numbers_of(values: Sequence[Value]) -> list[float]:
    """The ``data`` of each Value; empty while a function is compiled, when there are no numbers.

    >>> numbers_of([Value(1.0), Value(2.0)])
    [1.0, 2.0]
    """
    if open_blocks:
        now = current()
        return [] if now.recorder is not None else now.read(values)
    return [value.data for value in values]


def read_numbers(values: Sequence[Value]) -> list[float]:
    """The ``data`` of each Value, for arrays and files: only if each of them is one number.

    They are read at once: another thread that assigns numbers at once does it before or after.

    Raises:
        NotANumberError: if something else was assigned to one of them.

    >>> read_numbers([Value(1.0), Value(2.0)])
    [1.0, 2.0]
    """
    numbers = read_unchecked(values)
    if recorder_of_thread() is None and not _FLOATS.issuperset(map(type, numbers)):
        check_numbers(values)
    return numbers


def read_unchecked(values: Sequence[Value]) -> list[float]:
    """``read_numbers`` for those who see by themselves whether they are numbers.

    >>> read_unchecked([Value(1.0), Value(2.0)])
    [1.0, 2.0]
    """
    if recorder_of_thread() is not None:  # which knows what may be read
        return [value.data for value in values]
    before = class_changes[0]
    if open_blocks and (now := current()).numbers is not None:
        return now.read(values)
    if Value.__dict__["data"] is _DATA:
        numbers: list[float] = list(map(_data_of, values))  # one call in C, if that stays so
        if Value.__dict__["data"] is _DATA and class_changes[0] == before:
            return numbers
    return list(map(_DATA.__get__, values))


def write_numbers(
    leaves: Iterable[Value],
    numbers: Sequence[float],
    *,
    grads: Sequence[float] = (),
    and_then: Sequence[tuple[Any, ...]] = (),
) -> None:
    """Set the ``data`` of leaves, all at once: neither Ctrl-C nor another thread comes between.

    Args:
        leaves: the leaves.
        numbers: one for each, in a list.
        grads: what the ``grad`` of as many is set to, in a list.
        and_then: calls of functions written in C, with their arguments, to go with it.

    >>> a, b = Value(1.0), Value(2.0)
    >>> write_numbers([a, b], [3.0, 4.0], grads=[0.5, 0.25])
    >>> a, b
    (Value(data=3.0, grad=0.5), Value(data=4.0, grad=0.25))
    """
    given = list(leaves)
    if recorder_of_thread() is not None:
        for leaf, number in zip(given, numbers):
            leaf.data = number  # it says what is wrong with that
    # By the slots: while another thread records, the class has something else in their place.
    data, grad = map(_DATA.__set__, given, numbers), map(_GRAD.__set__, given, grads)
    run_at_once(chain(data, grad, starmap(call, and_then)))
