"""Module: what holds parameters. It finds them by walking its plain attributes, without any magic.

A parameter is a leaf ``Value`` in an attribute of the module, or in a list, tuple, dict or further
module that stands in one. Beside them the state holds ``Buffer`` leaves, which nobody trains.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Self, TypeAlias, TypeGuard
from weakref import ref

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._forking import waited_for_at_fork
from tinygrad_mlp._many_numbers import read_numbers, write_numbers
from tinygrad_mlp._one_or_many import Outputs, unwrapped
from tinygrad_mlp._places import Keys, Owner, keys_of_row, places_of, put_row_in_place
from tinygrad_mlp._text import described
from tinygrad_mlp._words import AnotherWord
from tinygrad_mlp.data._arrays import as_array
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, NotANumberError, ShapeError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.nn._summary import layer_table

__all__ = ["Buffer", "Module", "Sample", "evaluation_mode", "make_known", "parts_of"]

Sample: TypeAlias = Sequence[Scalar] | NDArray[Any] | Value
"""The inputs of one sample: Values or numbers, in a list or an array of one dimension; one Value
stands for a list of it."""


class _NotAnAttribute:
    """A name that says elsewhere whether something is trained; set here, it would do nothing."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: object, owner: type | None = None) -> NoReturn:
        raise AttributeError(f"{owner and owner.__name__!r} object has no attribute {self.name!r}")

    def __set__(self, module: object, value: object) -> NoReturn:
        raise InvalidArgumentError(
            f"{self.name} = {described(value)} would do nothing to this {type(module).__name__}: "
            "trained is what the optimizer holds. To leave the parameters of a layer as they are, "
            "leave them out: kept = set(layer.parameters()); "
            "optimizer = SGD([p for p in model.parameters() if p not in kept], learning_rate=0.1); "
            "fit(model, X, y, optimizer=optimizer)"
        )


class Buffer(Value):
    """A leaf that belongs to a module's state but is not trained, such as a running mean.

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


class Module:
    """The base of everything with parameters. Write ``__init__`` and ``forward``; call the module.

    Attributes:
        training: whether it trains at present; ``train()`` and ``eval()`` set it, also in every
            module inside. Dropout and the like look at it. A prediction switches it off for its own
            thread alone.

    Which parameters are trained is the optimizer's affair: those that it holds. ``requires_grad``
    and ``trainable``, as other libraries have them, cannot be set.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = Value(2.0)
    ...         self.offset = Value(1.0)
    ...     def forward(self, x):
    ...         return [self.slope * xi + self.offset for xi in x]
    >>> line = Line()
    >>> line([10.0]).data
    21.0
    >>> [name for name, parameter in line.named_parameters()]
    ['slope', 'offset']
    """

    __slots__ = ("__dict__", "__weakref__", "_known")

    _known: _Contents

    if not TYPE_CHECKING:  # to a type checker they are not there, so a class may have its own
        requires_grad = _NotAnAttribute()
        trainable = _NotAnAttribute()
        compile = AnotherWord("fit(model, X, y, optimizer='adam', loss='mean_squared_error')")
        fit = AnotherWord("fit(model, X, y)")
        predict = AnotherWord("predict(model, X)")
        predict_proba = AnotherWord("predict_proba(model, X)")
        score = AnotherWord("accuracy(model, X, y)")

    @property
    def training(self) -> bool:
        """Whether it trains at present."""
        mode = _modes_here.get().get(id(self))
        own: bool = vars(self).get("training", True)
        return own if mode is None else mode

    @training.setter
    def training(self, mode: bool) -> None:
        modes = _modes_here.get()
        if id(self) in modes:
            modes[id(self)] = mode
        else:
            vars(self)["training"] = mode

    def forward(self, x: Sequence[Scalar]) -> Outputs:
        """The outputs for one sample: a Value, or a list or tuple of Values.

        Args:
            x: the inputs of one sample, Values or numbers.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no forward; write def forward(self, x): ... in the class, "
            "which takes one sample and returns a Value or a list of Values"
        )

    def logits(self, x: Sequence[Scalar]) -> Outputs:
        """What a loss from logits takes: the outputs before a softmax or sigmoid at the end.

        The outputs themselves unless a module says otherwise.
        """
        return self.forward(x)

    def __call__(self, x: Sample) -> Any:
        """The outputs for one sample as ``forward`` returns them; of a list of one the only one."""
        try:
            is_known = self._known.still_hold(self.__dict__)
        except Exception:  # there are none yet; or an array was compared, which has no truth value
            is_known = False
        if not is_known:
            make_known(self)
        inputs: Any = x
        return unwrapped(self.forward(inputs))

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter with its name, once each, in the order in which they were defined.

        >>> from tinygrad_mlp.nn import MLP
        >>> [name for name, parameter in MLP(2, [1]).named_parameters()]
        ['layers.0.neurons.0.w.0', 'layers.0.neurons.0.w.1', 'layers.0.neurons.0.b']
        """
        for name, item in _contents(self):
            if isinstance(item, Value) and _is_parameter(item):
                yield name, item

    def parameters(self) -> list[Value]:
        """Every parameter, once each, in the order in which they were defined."""
        return [value for value in _items(self)[1] if _is_parameter(value)]

    def buffers(self) -> list[Buffer]:
        """Every buffer, once each, in the order in which they were defined."""
        return [value for value in _items(self)[1] if isinstance(value, Buffer)]

    def modules(self) -> Iterator[Module]:
        """This module and every module inside it, once each."""
        yield from _items(self)[0]

    def label_parameters(self) -> None:
        """Tell every parameter where it stands; its path is its label unless it has one.

        Calling a module does it too, so nobody needs to.

        >>> from tinygrad_mlp.nn import Layer
        >>> Layer(2, 1, rng=0).neurons[0].w[1].label
        'neurons.0.w.1'
        """
        make_known(self)

    def zero_grad(self) -> None:
        """Clear the gradient of every parameter."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self, mode: bool = True) -> Self:
        """Switch this module and every module inside it to training; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch this module and every module inside it to prediction; returns the module."""
        return self.train(False)

    def state(self) -> dict[str, Any]:
        """What ``state_dict`` shows, by name: the attributes, unless a module says otherwise.

        Layers and neurons show their weights as one matrix here.
        """
        return vars(self)

    def state_dict(self) -> dict[str, NDArray[np.float64]]:
        """All parameters and buffers as arrays that are copies; lists of numbers become one array.

        The weights of a layer have PyTorch's layout, (n_outputs, n_inputs).

        >>> from tinygrad_mlp.nn import MLP
        >>> {name: array.shape for name, array in MLP(2, [3]).state_dict().items()}
        {'layers.0.weight': (3, 2), 'layers.0.bias': (3,)}
        """
        entries = _named_entries(self)
        numbers = iter(read_numbers([value for _, _, values in entries for value in values]))
        return {
            name: np.fromiter(islice(numbers, len(values)), np.float64, len(values)).reshape(shape)
            for name, shape, values in entries
        }

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike]) -> None:
        """Take over the numbers of a ``state_dict``. After an error the module is as it was.

        Args:
            state_dict: an array for each name in this module's ``state_dict()``, in its shape.

        Raises:
            InvalidArgumentError: if a name is missing or unknown.
            ShapeError: if an array has another shape.
            NotANumberError: if an array holds anything but real numbers.

        >>> from tinygrad_mlp.nn import MLP
        >>> model, copy = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=1)
        >>> copy.load_state_dict(model.state_dict())
        >>> copy([1.0, 2.0]).data == model([1.0, 2.0]).data
        True
        """
        entries = _named_entries(self)
        _check_names(self, [name for name, _, _ in entries], state_dict)
        arrays = [_checked_array(self, name, state_dict[name], shape) for name, shape, _ in entries]
        leaves = [value for _, _, values in entries for value in values]
        numbers = [number for array in arrays for number in array.ravel().tolist()]
        write_numbers(leaves, numbers)

    def summary(self) -> str:
        """A table of the layers: output shapes for one sample, numbers of parameters, the total.

        The numbers are those of values that are trained, each counted once, also where layers
        share it. A module of your own that has an attribute ``n_outputs`` shows its output shape.

        >>> from tinygrad_mlp.nn import MLP
        >>> print(MLP(2, [16, 16, 1], rng=0).summary())
        MLP, 2 inputs
        layer     kind           output shape  parameters
        layers.0  Layer, relu    (16,)                 48
        layers.1  Layer, relu    (16,)                272
        layers.2  Layer, linear  (1,)                  17
        -------------------------------------------------
        total                                         337
        """
        modules = {name: item for name, item in _contents(self) if isinstance(item, Module)}
        names = [name for name, _ in self.named_parameters()]
        return layer_table(modules, names, len(self.buffers()))

    def summary_kind(self) -> str:
        """What ``summary`` calls the module where it is one row; empty where it lists the parts."""
        return ""

    def __getstate__(self) -> Any:
        state: Any = super().__getstate__()
        if isinstance(state, tuple):  # attributes, and slots: a copy is made known by itself
            attributes, slots = state
            slots.pop("_known", None)
            return (attributes, slots) if slots else attributes
        return state

    def __repr__(self) -> str:
        return f"{type(self).__name__} with {len(self.parameters())} parameters"


_modes_here: Final[ContextVar[dict[int, bool]]] = ContextVar("modes", default={})  # noqa: B039
"""Whether modules train, by their ids, where that is another thing in this thread or task."""


@contextmanager
def evaluation_mode(model: Module) -> Iterator[None]:
    """Within this block the model predicts; for other threads it is in the mode that it was in.

    >>> model = Module()
    >>> with evaluation_mode(model):
    ...     print(model.training)
    False
    >>> model.training
    True
    """
    modules = list(model.modules())  # held, so that no other one gets an id of them
    before = _modes_here.get()
    _modes_here.set({**before, **{id(module): False for module in modules}})
    try:
        yield
    finally:
        _modes_here.set(before)


def parts_of(module: Module) -> list[Module | Value]:
    """Every module and parameter in a module, itself first, once each.

    >>> model = Module()
    >>> model.scale = Value(2.0)
    >>> parts_of(model)[1:]
    [Value(data=2.0, grad=0.0)]
    """
    return [
        item for _, item in _contents(module) if not isinstance(item, Value) or _is_parameter(item)
    ]


def make_known(module: Module) -> None:
    """Tell the parameters of a module where they stand.

    The graphs that are made with them know by that which of their nodes are neurons and layers of
    which model. A part that was called by itself stands in this module from now on; a part that
    another model holds, as long as that one lives, stays a part of it.

    >>> from tinygrad_mlp.nn import MLP
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
            if part not in placed and part.above is not None and part.is_within(owner):
                part.above, part.keys = None, ()  # it is no longer there
                _Contents.n_moves += 1
        module._known.owners = list(placed)
        module._known.moves_before = _Contents.n_moves


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
        *("moves_before", "owners", "parts", "rows"),
    )

    n_moves: ClassVar[int] = 0
    """How often something was told where it stands."""

    def __init__(
        self,
        attributes: dict[str, Any],
        parts: list[tuple[Keys, Module]],
        rows: dict[Keys, bool],
        idle: set[int],
    ) -> None:
        self.moves_before = -1
        self.rows = rows
        self.parts = parts
        self.owners: list[Owner] = []
        self._attributes = list(attributes.values())
        self._walked = [x for x in self._attributes if isinstance(x, _WALKED)]
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
                if set(map(type, item)) != _VALUES_ALONE:
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
            self.moves_before == _Contents.n_moves
            and self._attributes == [*attributes.values()]
            and self._lists == self._parts
            and self._dicts == self._items
        )

    def are_in(self, attributes: dict[str, Any]) -> bool:
        """Whether it holds the same modules and Values, whatever else there is."""
        walked = [x for x in list(attributes.values()) if isinstance(x, _WALKED)]
        return self._walked == walked and self._lists == self._parts and self._dicts == self._items


_OWNER: Final = "the owner of places"  # no attribute that anybody writes is called so


def _owner_of(module: Module) -> Owner:
    attributes = vars(module)
    owner = attributes.get(_OWNER)
    if not isinstance(owner, Owner):
        owner = attributes[_OWNER] = Owner(type(module).__name__)
    if owner.holder is None or owner.holder() is not module:
        owner.holder = ref(module)
    return owner


def _place(module: Module, owner: Owner, seen: set[int], placed: dict[Owner, None]) -> None:
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
                    _Contents.n_moves += 1
                _place(part, below, seen, placed)
        is_row = below.is_row and isinstance(keys[-1], int)
        groups[keys[:-1] if is_row else keys] = is_row
    owner.is_row = not groups
    owner.n_groups = len(groups)


def _is_ours(part: Owner, owner: Owner) -> bool:
    """Whether a part is to stand in this module: not if another model that lives holds it."""
    if part.above is None or part.above.model is owner.model:
        return True
    return part.above.holder is None or part.above.holder() is None


def _told(
    module: Module, owner: Owner, placed: Container[Owner]
) -> tuple[list[tuple[Keys, Module]], dict[Keys, bool], set[int]]:
    """Tell the parameters that a module itself holds where they stand.

    Args:
        module: the module.
        owner: what stands for it.
        placed: the owners whose parameters were told before.

    Returns:
        The modules in it with their keys, its matrices, and the ids of what holds nothing of ours.
    """
    parts: list[tuple[Keys, Module]] = []
    matrices: dict[Keys, bool] = {}
    idle: set[int] = set()
    seen = {id(module)}
    for name, attribute in _children(module):
        if not isinstance(attribute, _WALKED) or id(attribute) in seen:
            continue
        seen.add(id(attribute))
        found = list(_found_in(attribute, (str(name),), seen))
        if not found:
            idle.add(id(attribute))
        for keys, item in found:
            if isinstance(item, Module):
                parts.append((keys, item))
                continue
            row = isinstance(item, list)
            values = item if isinstance(item, list) else [item]
            _tell(values, owner, keys_of_row(keys, len(values)) if row else (keys,), placed)
            if len(keys) > 2 - row:
                matrices[keys[: -1 if row else -2]] = False
    return parts, matrices, idle


def _found_in(
    attribute: object, keys: Keys, seen: set[int]
) -> Iterator[tuple[Keys, Module | Value | list[Value]]]:
    """The modules and parameters in an attribute with their keys, a row of parameters as a list."""
    waiting: list[tuple[object, Keys]] = [(attribute, keys)]
    for item, above in waiting:  # it grows on the way
        if isinstance(item, Module) or (isinstance(item, Value) and _is_parameter(item)):
            yield above, item
        elif _is_row(item) and not (ids := set(map(id, item))) & seen:
            seen |= ids
            yield above, item
        else:
            for key, child in _children(item):
                if isinstance(child, _WALKED) and id(child) not in seen:
                    seen.add(id(child))
                    waiting.append((child, (*above, key if isinstance(key, int) else str(key))))


def _tell(
    parameters: Sequence[Value], owner: Owner, keys: Sequence[Keys], placed: Container[Owner]
) -> None:
    """Put parameters in their places, unless they stand there, or in a part told before."""
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
        put_row_in_place(parameters, owner, keys)
        _Contents.n_moves += 1


_WALKED = (Value, Module, list, tuple, dict)
"""What an attribute is searched for; a tuple, since a union takes ten times as long to ask."""


def _is_parameter(value: Value) -> bool:
    return value.op is None and not value.parents and not isinstance(value, Buffer)


def _is_row(item: object) -> TypeGuard[list[Value]]:
    """Whether it is a list of different parameters and nothing else, as the weights of a neuron.

    There are many of them, and they are many, so they are asked all at once.
    """
    return (
        isinstance(item, list)
        and set(map(type, item)) == _VALUES_ALONE
        and not any([value.op or value.parents for value in item])
        and len(set(item)) == len(item)
    )


_VALUES_ALONE: Final = {Value}


def _is_state(item: object) -> bool:
    return isinstance(item, Buffer) or (isinstance(item, Value) and _is_parameter(item))


def _children(item: object) -> Iterable[tuple[object, object]]:
    """What a container holds, by name or position, also if another thread changes it meanwhile."""
    if isinstance(item, Module):
        return list(vars(item).items())
    if isinstance(item, dict):
        return list(item.items())
    if isinstance(item, list | tuple):
        return enumerate(item)
    return ()


def _contents(root: Module) -> list[tuple[str, Module | Value]]:
    """Every module and Value in ``root``, with its name, itself first, once each."""
    found: list[tuple[str, Module | Value]] = [("", root)]
    _collect(root, "", {id(root)}, found)
    return found


def _collect(
    container: object, prefix: str, seen: set[int], found: list[tuple[str, Module | Value]]
) -> None:
    for key, child in _children(container):
        if not isinstance(child, _WALKED) or id(child) in seen:
            continue
        seen.add(id(child))
        name = f"{prefix}{key}"
        if isinstance(child, Value):
            found.append((name, child))
            continue
        if isinstance(child, Module):
            found.append((name, child))
        _collect(child, f"{name}.", seen, found)


def _items(root: Module) -> tuple[list[Module], dict[Value, None]]:
    """Modules and Values in the order of ``_contents``, faster, as nobody asks for names."""
    modules, values = [root], dict[Value, None]()
    _collect_items(root, {id(root)}, modules, values)
    return modules, values


def _collect_items(
    container: object, seen: set[int], modules: list[Module], values: dict[Value, None]
) -> None:
    for _, child in _children(container):
        if isinstance(child, Value):
            values[child] = None
        elif isinstance(child, list) and set(map(type, child)) == _VALUES_ALONE:
            values.update(dict.fromkeys(child))
        elif isinstance(child, _WALKED) and id(child) not in seen:
            seen.add(id(child))
            if isinstance(child, Module):
                modules.append(child)
            _collect_items(child, seen, modules, values)


StateEntry = tuple[str, tuple[int, ...], list[Value]]
"""A name, the shape of the array and the Values in it, row by row."""


def _named_entries(module: Module) -> list[StateEntry]:
    entries = list(_state_entries(module))
    seen: set[str] = set()
    for name, _, _ in entries:
        if name in seen:
            raise InvalidArgumentError(
                f"{module!r} has two parameters of the name {name!r}; give attributes and keys of "
                "dicts names without dots"
            )
        seen.add(name)
    return entries


def _state_entries(module: Module) -> Iterator[StateEntry]:
    yield from _entries_of(module, "", set())


def _entries_of(item: object, name: str, above: set[int]) -> Iterator[StateEntry]:
    """The entries of one item; what stands in several places has one in each, as in PyTorch."""
    shape = _regular_shape(item)
    if shape is not None:
        yield name, shape, list(_flattened(item))
    elif id(item) not in above:
        above = above | {id(item)}
        prefix = f"{name}." if name else ""
        children = item.state().items() if isinstance(item, Module) else _children(item)
        for key, child in children:
            yield from _entries_of(child, f"{prefix}{key}", above)


def _regular_shape(item: object) -> tuple[int, ...] | None:
    """The shape of the array that a nest of Values makes; None if it makes none."""
    if isinstance(item, list | tuple):
        shapes = {_regular_shape(row) for row in item}
        if len(shapes) == 1:
            (shape,) = shapes
            return None if shape is None else (len(item), *shape)
        return None
    return () if _is_state(item) else None


def _flattened(nest: Any) -> Iterator[Value]:
    if isinstance(nest, Value):
        yield nest
    else:
        for row in nest:
            yield from _flattened(row)


def _check_names(module: Module, names: Sequence[str], state_dict: Mapping[str, ArrayLike]) -> None:
    if not isinstance(state_dict, Mapping):
        raise InvalidArgumentError(
            f"load_state_dict takes a dict of arrays by name, got {type(state_dict).__name__}; "
            "for example model.load_state_dict(other_model.state_dict())"
        )
    missing = [name for name in names if name not in state_dict]
    unknown = [name for name in state_dict if name not in names]
    problems = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
    problems += [f"has the unknown {', '.join(map(repr, unknown))}"] if unknown else []
    if problems:
        raise InvalidArgumentError(
            f"the state dict for {module!r} {' and '.join(problems)}; the names are: "
            f"{', '.join(names) or 'none'}. Load it into a model that was made with the same call"
        )


def _checked_array(
    module: Module, name: str, array: ArrayLike, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    numbers = as_array(array, repr(name))
    if numbers.dtype.kind not in "biuf":
        raise NotANumberError(
            f"{name!r} of the state dict for {module!r} holds {numbers.dtype}; "
            "real numbers are needed"
        )
    if numbers.shape != shape:
        raise ShapeError(
            f"{name!r} of the state dict has shape {numbers.shape}, but {module!r} needs {shape}; "
            "load it into a model with the same sizes"
        )
    return numbers.astype(np.float64)
