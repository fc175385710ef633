"""What an object keeps in plain attributes, to be written into a file and put back later.

An object is a model, with the modules in it, or a callback. Numbers, texts, arrays, lists and dicts
of them are its state, and where its random generators stand; parameters are written apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, MutableSequence, MutableSet
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.training._plain_data import GeneratorState, is_plain, same_plain

__all__ = ["IsPart", "State", "put_state", "state_of", "unkept"]

State = dict[str, dict[str, Any]]
"""For each object, by where it stands, its attributes by name; the object itself is ""."""

IsPart = Callable[[object], bool]
"""Whether an object in an attribute is a part, whose attributes count too."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place that holds something: an attribute, or an item of a list, tuple or dict there."""

    part: str
    name: str
    holder: Any
    key: Any
    item: Any

    def put(self, value: Any) -> None:
        """Let it hold something else; lists, dicts and arrays stay the objects that they are."""
        item = self.item
        if isinstance(value, GeneratorState):
            value.put_into(item, f"{self.part}.{self.name}".lstrip("."))
        elif same_plain(item, value):
            pass
        elif type(item) is type(value) is list:
            item[:] = value
        elif type(item) is type(value) is np.ndarray and _fits(item, value):
            item[...] = value
        elif type(item) is type(value) is dict:
            item.clear()
            item.update(value)
        elif isinstance(self.holder, list | dict):
            self.holder[self.key] = value
        elif isinstance(self.holder, tuple):
            raise DataError(f"{self.part}.{self.name} is part of a tuple, which cannot change")
        else:
            object.__setattr__(self.holder, self.key, value)


def state_of(root: object, is_part: IsPart) -> State:
    """What an object and its parts keep, as it is now.

    >>> class Counter:
    ...     def __init__(self):
    ...         self.n, self.rng = 2, np.random.default_rng(0)
    >>> state_of(Counter(), callable)[""]
    {'n': 2, 'rng': <tinygrad_mlp.training._plain_data.GeneratorState object at ...>}
    """
    state: State = {}
    for slot in _slots(root, is_part):
        kept = state.setdefault(slot.part, {})
        if isinstance(slot.item, np.random.Generator):
            kept[slot.name] = GeneratorState.of(slot.item)
        elif is_plain(slot.item):
            kept[slot.name] = slot.item
    return state


def put_state(root: object, state: State, is_part: IsPart, title: str) -> None:
    """Put back what ``state_of`` gave of an object that was made in the same way.

    Args:
        root: the object.
        state: what its attributes are to be.
        is_part: as for ``state_of``.
        title: what an error calls the object.

    Raises:
        DataError: if a part or a generator is not there, or stands for something else.

    >>> class Counter:
    ...     n = 0
    >>> counter = Counter()
    >>> put_state(counter, {"": {"n": 3}}, callable, "counter")
    >>> counter.n
    3
    """
    slots = list(_slots(root, is_part))
    there = {(slot.part, slot.name): slot for slot in slots}
    parts = {slot.part: slot.holder for slot in slots if hasattr(slot.holder, "__dict__")}
    parts[""] = root
    for part, attributes in state.items():
        for name, value in attributes.items():
            slot = there.get((part, name))
            is_generator = slot is not None and isinstance(slot.item, np.random.Generator)
            if slot is not None and is_generator == isinstance(value, GeneratorState):
                slot.put(value)
            elif _may_come(slot, name, value) and part in parts:
                object.__setattr__(parts[part], name, value)  # it came into being in training
            else:
                raise DataError(f"{title}{part} has no {name!r}, or it is something else")


def unkept(root: object, is_part: IsPart) -> Iterator[tuple[str, object, bool]]:
    """What stands in the attributes of an object and is no plain data: name, object.

    The third says whether it holds things that may change while it is the same object.

    >>> class Watcher:
    ...     def __init__(self):
    ...         self.seen, self.best = set(), 0.5
    >>> list(unkept(Watcher(), callable))
    [('seen', set(), True)]
    """
    for slot in _slots(root, is_part):
        item = slot.item
        if not isinstance(item, np.random.Generator | Value) and not is_plain(item):
            holds = isinstance(item, MutableMapping | MutableSequence | MutableSet)
            yield f"{slot.part}.{slot.name}".lstrip("."), item, holds


def _slots(root: object, is_part: IsPart) -> Iterator[_Slot]:
    """Every place in an object and its parts; what is plain as a whole is one place."""
    waiting: list[tuple[object, str, str]] = [(root, "", "")]  # an object, its part and its name
    seen = {id(root)}
    for holder, part, above in waiting:  # it grows on the way
        for key, item in _items(holder):
            if isinstance(item, list) and item and set(map(type, item)) == {Value}:
                continue  # many, as the weights of a neuron
            name = f"{above}[{key!r}]" if above else str(key)
            if is_part(item):
                if id(item) not in seen:
                    seen.add(id(item))
                    waiting.append((item, f"{part}.{name}", ""))
            elif type(item) in (list, tuple, dict) and not is_plain(item):
                if id(item) not in seen:
                    seen.add(id(item))
                    waiting.append((item, part, name))
            elif not isinstance(item, np.random.Generator):
                yield _Slot(part, name, holder, key, item)
            elif id(item) not in seen:  # of one that stands in two places one is enough
                seen.add(id(item))
                yield _Slot(part, name, holder, key, item)


def _may_come(slot: _Slot | None, name: str, value: Any) -> bool:
    """Whether it can be an attribute that is not there yet."""
    is_generator = isinstance(value, GeneratorState)
    return slot is None and name.isidentifier() and is_plain(value) and not is_generator


def _fits(item: NDArray[Any], value: NDArray[Any]) -> bool:
    alike = item.shape == value.shape and item.dtype == value.dtype
    return alike and item.flags.writeable


def _items(holder: object) -> list[tuple[Any, Any]]:
    if isinstance(holder, dict):
        return list(holder.items())
    if isinstance(holder, list | tuple):
        return list(enumerate(holder))
    names = [name for kind in type(holder).__mro__ for name in _slot_names(kind)]
    own = [(name, getattr(holder, name)) for name in names if hasattr(holder, name)]
    return [*getattr(holder, "__dict__", {}).items(), *own]


def _slot_names(kind: type) -> list[str]:
    slots = vars(kind).get("__slots__", ())
    named = [slots] if isinstance(slots, str) else list(slots)
    return [name for name in named if not name.startswith("__")]
