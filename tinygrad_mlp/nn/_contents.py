"""What stands in a module: its modules and Values, found by walking plain attributes.

What is walked is a ``Holder``, of which ``Module`` is the only kind: here nothing else of it is
needed. How it is known that nothing was replaced since the last look is in ``_known_parts``.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import FunctionType
from typing import Any, ClassVar, Final, TypeGuard

from tinygrad_mlp._places import Owner
from tinygrad_mlp.engine import Value

__all__ = [
    "HOLD_NOTHING",
    "VALUES_ALONE",
    "WALKED",
    "Buffer",
    "Holder",
    "children_of",
    "contents_of",
    "is_parameter",
    "is_row",
    "items_of",
]


class Buffer(Value):
    """A leaf that belongs to a module's state but is not trained, such as a running mean.

    >>> from tinygrad_mlp.nn import Module
    >>> class Center(Module):
    ...     def __init__(self):
    ...         self.mean = Buffer(0.5)
    ...         self.scale = Value(2.0)
    ...     def forward(self, x):
    ...         return [self.scale * (xi - self.mean) for xi in x]
    >>> center = Center()
    >>> [name for name, parameter in center.named_parameters()], list(center.state_dict())
    (['scale'], ['mean', 'scale'])
    """

    __slots__ = ()


class Holder:
    """The base of ``Module``: plain attributes, and what was found in them."""

    __slots__ = ("__dict__", "__weakref__", "_known")

    is_beside_neurons: ClassVar[bool] = False
    """Whether it belongs to the neurons of the module that holds it, as dropout does."""

    _known: Any

    def state(self) -> dict[str, Any]:
        """What ``state_dict`` shows, by name: the attributes, unless a module says otherwise.

        Layers and neurons show their weights as one matrix here.

        >>> from tinygrad_mlp.nn import Neuron
        >>> len(Neuron(2, rng=0).state()["weight"])
        2
        """
        return vars(self)


WALKED = (Value, Holder, list, tuple, dict)
"""What an attribute is searched for; a tuple, since a union takes ten times as long to ask."""


def is_parameter(value: Value) -> bool:
    """Whether it is a leaf, and no buffer.

    >>> is_parameter(Value(2.0)), is_parameter(Buffer(2.0)), is_parameter(Value(2.0) * 3.0)
    (True, False, False)
    """
    return value.op is None and not value.parents and not isinstance(value, Buffer)


def is_row(item: object, kind: type[Value] = Value) -> TypeGuard[list[Value]]:
    """Whether it is a list of different parameters and nothing else, as the weights of a neuron.

    There are many of them, and they are many, so they are asked all at once. With the kind
    ``Buffer`` it is said of buffers.

    >>> is_row([Value(2.0), Value(3.0)]), is_row([Value(2.0), 3.0]), is_row([Buffer(2.0)], Buffer)
    (True, False, True)
    """
    return (
        isinstance(item, list)
        and set(map(type, item)) == {kind}
        and not any([value.op or value.parents for value in item])
        and len(set(item)) == len(item)
    )


VALUES_ALONE: Final = {Value}
"""The types in a list of nothing but plain Values."""


def children_of(item: object) -> Iterable[tuple[object, object]]:
    """What a container holds, by name or position, also if another thread changes it meanwhile.

    >>> list(children_of({"a": 1.0})), list(children_of([2.0])), list(children_of(3.0))
    ([('a', 1.0)], [(0, 2.0)], [])
    """
    if isinstance(item, Holder):
        return list(vars(item).items())
    if isinstance(item, dict):
        return list(item.items())
    if isinstance(item, list | tuple):
        return enumerate(item)
    return ()


def contents_of(root: Holder) -> list[tuple[str, Any]]:
    """Every module and Value in ``root``, with its name, itself first, once each.

    >>> from tinygrad_mlp.nn import Neuron
    >>> [name for name, _ in contents_of(Neuron(2, rng=0))]
    ['', 'w.0', 'w.1', 'b']
    """
    found: list[tuple[str, Any]] = [("", root)]
    _collect(root, "", {id(root)}, found)
    return found


def _collect(
    container: object, prefix: str, seen: set[int], found: list[tuple[str, Holder | Value]]
) -> None:
    for key, child in children_of(container):
        if not isinstance(child, WALKED) or id(child) in seen:
            continue
        seen.add(id(child))
        name = f"{prefix}{key}"
        if isinstance(child, Value):
            found.append((name, child))
            continue
        if isinstance(child, Holder):
            found.append((name, child))
        _collect(child, f"{name}.", seen, found)


HOLD_NOTHING: Final = frozenset([str, int, float, bool, type(None), FunctionType, Owner])
"""The types of what stands in most attributes and is not searched, told apart in no time."""


def items_of(root: Holder) -> tuple[list[Any], dict[Value, None]]:
    """Modules and Values in the order of ``contents_of``, faster, as nobody asks for names.

    >>> from tinygrad_mlp.nn import Layer
    >>> modules, values = items_of(Layer(2, 1, rng=0))
    >>> len(modules), len(values)
    (2, 3)
    """
    modules, values = [root], dict[Value, None]()
    _collect_items(root, {id(root)}, modules, values)
    return modules, values


def _collect_items(
    container: Any, seen: set[int], modules: list[Holder], values: dict[Value, None]
) -> None:
    if isinstance(container, Holder):
        container = vars(container)
    # A copy, as another thread may change it meanwhile.
    children = list(container.values()) if isinstance(container, dict) else container
    for child in children:
        kind = type(child)  # asked first, since most are of a few kinds
        if kind is Value:
            values[child] = None
        elif kind is list and set(map(type, child)) == VALUES_ALONE:
            values.update(dict.fromkeys(child))
        elif kind in HOLD_NOTHING or not isinstance(child, WALKED):
            continue
        elif isinstance(child, Value):
            values[child] = None
        elif id(child) not in seen:
            seen.add(id(child))
            if isinstance(child, Holder):
                modules.append(child)
            _collect_items(child, seen, modules, values)
