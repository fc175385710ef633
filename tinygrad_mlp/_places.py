"""Where a parameter stands in its model: what a graph knows of the modules that it was made by.

A module makes its parameters known when it is made or called. Each of them then carries a
``Place``, and an ``Owner`` in it stands for the module, told from others by identity. Both live as
long as the graph does, also without the model, and are copied and pickled with it. They say what is
so at the last call: where a part moves to another model, graphs of before know it by its new place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

__all__ = [
    "Key",
    "Keys",
    "Owner",
    "Place",
    "joined",
    "keys_of_row",
    "places_of",
    "put_row_in_place",
]

Key = str | int
"""An attribute, a key of a dict, or an index in a list."""
Keys = tuple[Key, ...]
"""The way to a parameter, or to a module."""


@dataclass(eq=False, slots=True)
class Owner:
    """A module, as the graphs that were made with it remember it.

    Attributes:
        kind: the name of its class.
        above: the module that holds it; None for a model.
        keys: where it stands there, such as ("layers", 0).
        is_row: whether it holds parameters alone, none of them in a matrix, as a neuron does.
        n_groups: how many modules, lists of neurons and matrices of parameters it holds.
        is_beside: whether it stands beside the neurons of a layer, as a normalization does, which
            is no layer for itself.
        holder: gives the module as long as it lives; copies have none.

    >>> model = Owner("MLP")
    >>> layer = Owner("Layer", above=model, keys=("layers", 0))
    >>> Owner("Neuron", above=layer, keys=("neurons", 3)).path, layer.model is model
    ('layers.0.neurons.3', True)
    """

    kind: str
    above: Owner | None = None
    keys: tuple[Key, ...] = ()
    is_row: bool = False
    n_groups: int = 0
    is_beside: bool = False
    holder: Callable[[], object] | None = field(default=None, repr=False)

    def __reduce__(self) -> tuple[type[Owner], tuple[object, ...]]:
        return Owner, (self.kind, self.above, self.keys, self.is_row, self.n_groups, self.is_beside)

    @property
    def model(self) -> Owner:
        """The outermost module that holds it; itself if none does."""
        owner = self
        while owner.above is not None:
            owner = owner.above
        return owner

    @property
    def path(self) -> str:
        """The way to it from the model, with dots; "" for the model itself."""
        keys: tuple[Key, ...] = ()
        owner = self
        while owner.above is not None:
            keys = owner.keys + keys
            owner = owner.above
        return joined(*keys)

    def is_within(self, other: Owner) -> bool:
        """Whether it is the other, or held by it at any depth.

        >>> model = Owner("MLP")
        >>> Owner("Layer", above=model).is_within(model), model.is_within(Owner("MLP"))
        (True, False)
        """
        owner: Owner | None = self
        while owner is not None and owner is not other:
            owner = owner.above
        return owner is other


@dataclass(eq=False, slots=True)
class Place:
    """Where a parameter or a buffer stands.

    Attributes:
        owner: the module that holds it.
        keys: where it stands there, such as ("w", 1).
        label: what a person calls it; "" for its path.
        is_kept: whether it is a number that the module keeps, a buffer, and no parameter.

    >>> Place(Owner("Layer", above=Owner("MLP"), keys=("out",)), ("w", 1)).text
    'out.w.1'
    """

    owner: Owner
    keys: tuple[Key, ...]
    label: str = ""
    is_kept: bool = False

    def __reduce__(self) -> tuple[type[Place], tuple[object, ...]]:
        return Place, (self.owner, self.keys, self.label, self.is_kept)

    @property
    def text(self) -> str:
        """The label, or else the path from the model."""
        return self.label or joined(self.owner.path, *self.keys)


def places_of(parameters: Iterable[Any]) -> list[Place | None]:
    """Where each of many parameters stands.

    >>> from tinygrad_mlp import Neuron, Value
    >>> [place is None for place in places_of([Neuron(1, rng=0).b, Value(2.0)])]
    [False, True]
    """
    labels = [parameter._label for parameter in parameters]
    return [None if label.__class__ is str else label for label in labels]


def put_row_in_place(
    parameters: Sequence[Any], owner: Owner, keys: Sequence[Keys], is_kept: bool = False
) -> None:
    """Say where the parameters of a module stand in it; a label that a person gave one stays.

    Args:
        parameters: parameters, or buffers.
        owner: the module, as graphs remember it.
        keys: where each of them stands in it.
        is_kept: whether they are buffers.

    >>> from tinygrad_mlp import Value
    >>> w = [Value(2.0), Value(3.0, label="slope")]
    >>> put_row_in_place(w, Owner("Line"), [("w", 0), ("w", 1)])
    >>> [parameter.label for parameter in w]
    ['w.0', 'slope']
    """
    for parameter, of_each in zip(parameters, keys):
        before = parameter._label
        label = before if before.__class__ is str else before.label
        parameter._label = Place(owner, of_each, label, is_kept)


@lru_cache(maxsize=256)
def keys_of_row(keys: Keys, length: int) -> tuple[Keys, ...]:
    """The keys to each item of a list that these lead to; rows of one length share theirs.

    >>> keys_of_row(("w",), 2)
    (('w', 0), ('w', 1))
    """
    return tuple([(*keys, index) for index in range(length)])


def joined(*keys: Key) -> str:
    """The keys with dots between them, empty ones left out.

    >>> joined("", "layers", 0)
    'layers.0'
    """
    return ".".join(filter(None, map(str, keys)))
