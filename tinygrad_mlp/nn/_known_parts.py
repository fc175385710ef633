"""Where the parameters and buffers of a module stand, told to them; and whether that still holds.

A graph knows by it which of its nodes are neurons and layers of which model. ``make_known`` is
called whenever a module is: it must see in no time that nothing was replaced since.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from threading import RLock
from typing import Any, ClassVar, Final
from weakref import ref

from tinygrad_mlp._forking import waited_for_at_fork
from tinygrad_mlp._places import Keys, Owner, keys_of_row, places_of, put_row_in_place
from tinygrad_mlp.engine import Value
from tinygrad_mlp.nn._contents import (
    HOLD_NOTHING,
    VALUES_ALONE,
    WALKED,
    Buffer,
    Holder,
    children_of,
    is_parameter,
    is_row,
)

__all__ = ["OWNER", "make_known"]


def make_known(module: Holder) -> None:
    """Tell the parameters of a module where they stand.

    The graphs that are made with them know by that which of their nodes are neurons and layers of
    which model. A part that was called by itself stands in this module from now on; a part that
    another model holds, as long as that one lives, stays a part of it.

    >>> from tinygrad_mlp.nn import MLP, Module
    >>> class Net(Module):
    ...     def __init__(self):
    ...         self.body = MLP(2, [1], rng=0)
    >>> net = Net()
    >>> make_known(net)
    >>> net.body.layers[0].neurons[0].b.label
    'body.layers.0.neurons.0.b'
    """
    with _placing:
        owner = _owner_of(module)
        before: _Contents | None = getattr(module, "_known", None)
        placed: dict[Owner, None] = {}
        _place(module, owner, {id(module)}, placed)
        for part in before.owners if before else ():
            if part not in placed and part.is_within(owner):
                part.above, part.keys = None, ()  # it is no longer there
                _Contents.last_move = object()
        module._known.owners = list(placed)
        module._known.last_move_before = _Contents.last_move


_placing: Final = RLock()
"""Two threads that call a model at first tell its parameters one after the other."""
waited_for_at_fork(_placing)


class _Contents:
    """What a module holds, to see in no time that nothing was replaced since it was made known.

    Args:
        attributes: of the module.
        parts: the modules in it, each with its keys.
        rows: where its matrices of parameters stand.
        idle: the ids of lists and dicts with nothing of ours in them, which may change.
    """

    __slots__ = (
        *("_attributes", "_dicts", "_items", "_lists", "_parts", "_walked"),
        *("last_move_before", "owners", "parts", "rows"),
    )

    last_move: ClassVar[object] = object()
    """Another object each time that something is told where it stands."""

    def __init__(
        self,
        attributes: dict[str, Any],
        parts: list[tuple[Keys, Holder]],
        rows: dict[Keys, bool],
        idle: set[int],
    ) -> None:
        self.last_move_before: object = None
        self.rows = rows
        self.parts = parts
        self.owners: list[Owner] = []
        self._attributes = list(attributes.values())
        self._walked = _walked_among(self._attributes)
        self._lists: list[list[Any]] = []
        self._dicts: list[dict[Any, Any]] = []
        seen = set(idle)
        found = list(self._walked)
        for item in found:  # it grows on the way
            if id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, list):
                self._lists.append(item)
                if set(map(type, item)) != VALUES_ALONE:
                    found += item
            elif isinstance(item, dict):
                self._dicts.append(item)
                found += item.values()
            elif isinstance(item, tuple):
                found += item
        self._parts = [list(item) for item in self._lists]
        self._items = [dict(item) for item in self._dicts]

    def still_hold(self, attributes: dict[str, Any]) -> bool:
        """Whether it holds the same, and nothing has been put anywhere since."""
        return (
            self.last_move_before is _Contents.last_move
            and self._attributes == [*attributes.values()]
            and self._lists == self._parts
            and self._dicts == self._items
        )

    def are_in(self, attributes: dict[str, Any]) -> bool:
        """Whether it holds the same modules and Values, whatever else there is."""
        walked = _walked_among([*attributes.values()])
        return self._walked == walked and self._lists == self._parts and self._dicts == self._items


def _walked_among(items: list[Any]) -> list[Any]:
    return [x for x in items if type(x) not in HOLD_NOTHING and isinstance(x, WALKED)]


OWNER: Final = "the owner of places"  # no attribute that anybody writes is called so


def _owner_of(module: Holder) -> Owner:
    attributes = vars(module)
    owner = attributes.get(OWNER)
    if not isinstance(owner, Owner):
        owner = attributes[OWNER] = Owner(type(module).__name__)
        owner.is_beside = module.is_beside_neurons
    if owner.holder is None or owner.holder() is not module:
        owner.holder = ref(module)
    return owner


def _place(module: Holder, owner: Owner, seen: set[int], placed: dict[Owner, None]) -> None:
    """Tell what stands in a module where it stands, and so on in the modules that stand in it."""
    placed[owner] = None
    known: _Contents | None = getattr(module, "_known", None)
    try:
        is_known = known is not None and known.are_in(vars(module))
    except Exception:  # an array in a list has no truth value
        is_known = False
    if known is None or not is_known:
        known = module._known = _Contents(vars(module), *_told(module, owner, placed))
    groups: dict[Keys, bool] = dict(known.rows)
    for keys, part in known.parts:
        below = _owner_of(part)
        if id(part) not in seen and not owner.is_within(below):
            seen.add(id(part))
            if _is_ours(below, owner):
                if below.above is not owner or below.keys != keys:
                    below.above, below.keys = owner, keys
                    _Contents.last_move = object()
                _place(part, below, seen, placed)
        is_row = below.is_row and isinstance(keys[-1], int)
        if not below.is_beside:
            groups[keys[:-1] if is_row else keys] = is_row
    owner.is_row = not groups and not owner.is_beside
    owner.n_groups = len(groups)


def _is_ours(part: Owner, owner: Owner) -> bool:
    """Whether a part is to stand in this module: not if another model that lives holds it."""
    if part.above is None or part.above.model is owner.model:
        return True
    return part.above.holder is None or part.above.holder() is None


def _told(
    module: Holder, owner: Owner, placed: Container[Owner]
) -> tuple[list[tuple[Keys, Holder]], dict[Keys, bool], set[int]]:
    """Tell the parameters that a module itself holds where they stand.

    Args:
        module: the module.
        owner: what stands for it.
        placed: the owners whose parameters were told before.

    Returns:
        The modules in it with their keys, its matrices, and the ids of what holds nothing of ours.
    """
    parts: list[tuple[Keys, Holder]] = []
    matrices: dict[Keys, bool] = {}
    idle: set[int] = set()
    seen = {id(module)}
    for name, attribute in children_of(module):
        if type(attribute) in HOLD_NOTHING or not isinstance(attribute, WALKED):
            continue
        if id(attribute) in seen:
            continue
        seen.add(id(attribute))
        found = list(_found_in(attribute, (str(name),), seen))
        if not found:
            idle.add(id(attribute))
        for keys, item in found:
            if isinstance(item, Holder):
                parts.append((keys, item))
                continue
            row = isinstance(item, list)
            values = item if isinstance(item, list) else [item]
            _tell(values, owner, keys_of_row(keys, len(values)) if row else (keys,), placed)
            if len(keys) > 2 - row and not isinstance(values[0], Buffer):
                matrices[keys[: -1 if row else -2]] = False
    return parts, matrices, idle


def _found_in(
    attribute: object, keys: Keys, seen: set[int]
) -> Iterator[tuple[Keys, Holder | Value | list[Value]]]:
    """Modules, parameters and buffers in an attribute, by their keys; rows of weights as lists."""
    waiting: list[tuple[object, Keys]] = [(attribute, keys)]
    for item, above in waiting:  # it grows on the way
        if isinstance(item, Holder | Buffer) or (isinstance(item, Value) and is_parameter(item)):
            yield above, item
        elif (is_row(item) or is_row(item, Buffer)) and not (ids := set(map(id, item))) & seen:
            seen |= ids
            yield above, item
        else:
            for key, child in children_of(item):
                if isinstance(child, WALKED) and id(child) not in seen:
                    seen.add(id(child))
                    waiting.append((child, (*above, key if isinstance(key, int) else str(key))))


def _tell(
    parameters: Sequence[Value], owner: Owner, keys: Sequence[Keys], placed: Container[Owner]
) -> None:
    """Put parameters or buffers in their places, unless they are there, or in a part of before."""
    places = places_of(parameters)
    if any(places):
        new = [
            number
            for number, (place, own) in enumerate(zip(places, keys))
            if place is None
            or (place.keys != own if place.owner is owner else place.owner not in placed)
        ]
        parameters, keys = [parameters[i] for i in new], [keys[i] for i in new]
    if parameters:
        put_row_in_place(parameters, owner, keys, isinstance(parameters[0], Buffer))
        _Contents.last_move = object()
