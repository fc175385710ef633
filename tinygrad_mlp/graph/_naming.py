"""What the nodes of a graph are called: a label is a name already, a parameter has its path.

A node without one is called v and its place in the topological order, so the same graph always
gives the same names: to the step log, the terminal and the web page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import chain

from tinygrad_mlp._places import Key, Owner, joined
from tinygrad_mlp._text import visible
from tinygrad_mlp.engine import Value

__all__ = ["Group", "PlaceNames", "free_name", "names_of"]

Group = tuple[Owner, tuple[Key, ...]]
"""Where a layer stands: a module, and what in it."""


def names_of(order: Sequence[Value], places: PlaceNames | None = None) -> dict[Value, str]:
    """A name for each node: its label, or v and its index; no two nodes share one.

    A node that was made within ``record_creation`` is called by the variable that held it.
    A label that is taken already gets ``#2``, ``#3``, ..., in the order in which the nodes come
    into the computation; characters that cannot be seen are written as escapes, so that a name
    always stands on one line. Where a graph has parameters of several models, the model comes first
    in their names.

    Args:
        order: the nodes in topological order.
        places: what their parameters are called, where it is known already.

    >>> from tinygrad_mlp.engine import topological_order
    >>> a = Value(2.0, label="a")
    >>> list(names_of(topological_order((a * Value(3.0)).exp() + Value(1.0, label="a"))).values())
    ['a#2', 'a', 'v2', 'v3', 'v4', 'v5']
    """
    names: dict[Value, str] = {}
    taken: set[str] = set()
    used = dict.fromkeys(x for node in order if node.parents for x in (*node.parents, node))
    places = places or PlaceNames(order)
    for node in used or order:
        name = places.of(node)
        if name:
            names[node] = free_name(visible(name), taken)
            taken.add(names[node])
    for index, node in enumerate(order):
        if node not in names:
            variable = getattr(node, "variable", "")  # known while ``record_creation`` is on
            names[node] = free_name(variable or f"v{index}", taken)
            if variable:
                taken.add(names[node])
    return {node: names[node] for node in order}


class PlaceNames:
    """What parameters and layers are called; after their model where a graph has several.

    >>> from tinygrad_mlp._places import put_row_in_place
    >>> first, second = Owner("MLP"), Owner("MLP")
    >>> w, v = Value(1.0), Value(2.0)
    >>> for parameter, model in ((w, first), (v, second)):
    ...     put_row_in_place([parameter], model, [("w",)])
    >>> PlaceNames([w]).within(first, "w"), PlaceNames([w, v]).within(second, "w")
    ('w', 'MLP#2.w')
    """

    def __init__(self, nodes: Iterable[Value]) -> None:
        listed = list(nodes)
        used = chain.from_iterable([node.parents for node in listed])
        seen = dict.fromkeys(chain(used, listed))  # first the model that computes first
        places = [leaf.place for leaf in seen if not leaf.parents]
        owners = dict.fromkeys([place.owner for place in places if place is not None])
        models = dict.fromkeys([owner.model for owner in owners])
        kinds = [model.kind for model in models]
        self._of_model: dict[Owner, str] = {}
        for model in models:
            number = len([m for m in self._of_model if m.kind == model.kind]) + 1
            several = f"#{number}" if kinds.count(model.kind) > 1 else ""
            self._of_model[model] = f"{model.kind}{several}" if len(models) > 1 else ""
        self._paths: dict[Owner, str] = {}

    def within(self, owner: Owner, *keys: Key) -> str:
        """The path of something in a module."""
        path = self._paths.get(owner)
        if path is None:
            path = self._paths[owner] = joined(self._of_model[owner.model], owner.path)
        return joined(path, *keys)

    def of(self, node: Value) -> str:
        """The label of a node; of a parameter without one the path."""
        place = node.place
        if place is None or place.label:
            return node.label
        return self.within(place.owner, *place.keys)

    def of_group(self, group: Group | None) -> str:
        """The name of a layer; a module in a model that is nothing else gives it its own."""
        if group is None:
            return ""
        owner, keys = group
        alone = owner.above is not None and owner.n_groups < 2
        return self.within(owner) if alone else self.within(owner, *keys)


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with ``#2``, ``#3``, ... where it is taken.

    >>> free_name("a", {"a", "a#2"})
    'a#3'
    """
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}#{count}"
    return candidate
