"""What a module holds: found without names as with them, and looked at again when it changes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import MLP, Value
from tinygrad_mlp._places import keys_of_row
from tinygrad_mlp.engine import as_value
from tinygrad_mlp.nn import BatchNorm, Buffer, Layer, Module, Neuron, Sequential, _known_parts
from tinygrad_mlp.nn import _module as module
from tinygrad_mlp.nn._contents import contents_of, is_row
from tinygrad_mlp.nn._known_parts import OWNER, make_known


class Odd(Module):
    """Parameters everywhere, some of them twice."""

    def __init__(self) -> None:
        shared = Value(1.0)
        self.row = [Value(2.0), shared, Value(3.0)]
        self.twice = [shared, Value(4.0), shared]
        self.alone = shared
        self.mixed = [Value(5.0), Buffer(6.0), Value(1.0) * 2.0, 7.0, Layer(1, 1, rng=0)]
        self.matrix = ([Value(8.0), Value(9.0)], (Value(10.0),))
        self.parts = {"a": Layer(2, 2, rng=0), "b": [self.mixed[4]]}
        self.itself = self
        self.empty: list[Value] = []

    def forward(self, x: Any) -> list[Value]:
        return [self.row[0] * x[0]]


@pytest.mark.parametrize("make", [Odd, lambda: MLP(3, [4, 2], rng=0), Module])
def test_without_names_the_same_is_found_as_with_names(make: Callable[[], Module]) -> None:
    model = make()
    contents = [item for _, item in contents_of(model)]
    assert model.parameters() == [parameter for _, parameter in model.named_parameters()]
    assert list(model.modules()) == [item for item in contents if isinstance(item, Module)]
    assert model.buffers() == [item for item in contents if isinstance(item, Buffer)]


def test_parts_are_modules_and_parameters_without_buffers_and_results() -> None:
    model = Odd()
    parts = module.parts_of(model)
    assert parts[0] is model
    assert [part for part in parts if isinstance(part, Module)] == list(model.modules())
    assert [part for part in parts if isinstance(part, Value)] == model.parameters()


def test_every_parameter_is_called_by_where_it_stands_first() -> None:
    model = Odd()
    model([1.0])
    assert [parameter.label for parameter in model.row] == ["row.0", "row.1", "row.2"]
    assert [parameter.label for parameter in model.twice] == ["row.1", "twice.1", "row.1"]
    assert model.matrix[0][1].label == "matrix.0.1"


def test_a_part_in_two_places_stands_in_the_first() -> None:
    model: Any = Module()
    layer = Layer(2, 1)
    for name in ("first", "second"):
        holder: Any = Module()
        holder.part = layer
        setattr(model, name, holder)
    for _ in range(2):
        make_known(model)
        assert vars(layer)[OWNER].above is vars(model.first)[OWNER]


def test_what_stands_behind_a_part_in_two_places_is_looked_at_too() -> None:
    model: Any = Module()
    new = Layer(2, 1)
    model.first = model.second = Layer(2, 1)
    model.rows = [Layer(2, 1)]
    make_known(model)
    model.rows[0] = new
    make_known(model)
    assert vars(new)[OWNER].above is vars(model)[OWNER]


def test_a_value_twice_in_a_row_is_called_by_its_first_place() -> None:
    model = Module()
    value = Value(1.0)
    vars(model)["w"] = [value, Value(2.0), value]
    model.label_parameters()
    assert value.label == "w.0"


def test_a_row_of_a_persons_labels_keeps_them() -> None:
    model = Module()
    vars(model)["w"] = [Value(1.0, label="slope"), Value(2.0)]
    model.label_parameters()
    assert [parameter.label for parameter in model.parameters()] == ["slope", "w.1"]


def test_rows_of_one_length_share_their_keys() -> None:
    first, second = MLP(3, [2], rng=0).layers[0].neurons
    places = [neuron.w[1].place for neuron in (first, second)]
    assert places[0] is not None
    assert places[1] is not None
    assert places[0].keys is places[1].keys is keys_of_row(("w",), 3)[1]
    assert places[0].owner is not places[1].owner


def test_a_row_is_a_list_of_different_leaves() -> None:
    a, b = Value(1.0), Value(2.0)
    kept = [Buffer(1.0), Buffer(2.0)]
    assert is_row([a])
    assert is_row([a, b])
    assert is_row(kept, Buffer)
    others = [[], (a, b), [a, a], [a, a * b], [a * b, a], [as_value(3.0), a], [a, 3.0], [a, *kept]]
    assert [item for item in [*others, kept] if is_row(item)] == []
    assert [item for item in [*others, [a, b]] if is_row(item, Buffer)] == []


# Calls


@pytest.fixture
def made_known(monkeypatch: pytest.MonkeyPatch) -> list[Module]:
    """The modules that were looked at."""
    found: list[Module] = []
    plain = module.make_known

    def make_known(item: Module) -> None:
        found.append(item)
        plain(item)

    monkeypatch.setattr(module, "make_known", make_known)
    return found


def replace_layer(model: MLP, spare: Layer) -> None:
    model.layers[1] = spare


def replace_the_list(model: MLP, spare: Layer) -> None:
    model.layers = [model.layers[0], spare]


def replace_an_equal_list_and_then_a_layer(model: MLP, spare: Layer) -> None:
    model.layers = list(model.layers)
    model([0.0, 0.0, 0.0])
    model.layers[1] = spare


def take_a_layer_into_another_model(model: MLP, spare: Layer) -> None:
    other = MLP(3, [4, 2], rng=1)
    other.layers[0] = model.layers[0]
    other([0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    "change",
    [
        replace_layer,
        replace_the_list,
        replace_an_equal_list_and_then_a_layer,
        take_a_layer_into_another_model,
    ],
)
def test_a_call_looks_at_a_model_where_something_changed(
    change: Callable[[MLP, Layer], None], made_known: list[Module]
) -> None:
    spare = Layer(4, 2, rng=1)
    model = MLP(3, [4, 2], rng=0)
    when_made = made_known.count(model)
    for _ in range(3):
        model([0.0, 0.0, 0.0])
    before = made_known.count(model)
    change(model, spare)
    model([0.0, 0.0, 0.0])
    after = made_known.count(model)
    model([0.0, 0.0, 0.0])
    assert (when_made, before) == (1, 1)
    assert after > before
    assert made_known.count(model) == after
    first = model.layers[0].neurons[0].w[0]
    assert first.place is not None
    assert first.place.owner.model is vars(model)[OWNER]
    assert model.layers[1].neurons[1].b.label == "layers.1.neurons.1.b"


class Remembers(Module):
    """Keeps an array of its last input."""

    def __init__(self) -> None:
        self.heads = {"a": [Layer(2, 1, rng=0)]}
        self.last = np.zeros(2)

    def forward(self, x: Any) -> list[Value]:
        self.last = np.array(x)
        return self.heads["a"][0].forward(x)


def test_an_array_in_an_attribute_does_no_harm() -> None:
    spare = Layer(2, 1, rng=1)
    model = Remembers()
    for _ in range(3):
        model([1.0, 2.0])
    model.heads["a"][0] = spare
    model([1.0, 2.0])
    assert spare.neurons[0].b.label == "heads.a.0.neurons.0.b"


class Heads(Module):
    """Layers in a dict."""

    def __init__(self) -> None:
        self.heads = {"a": Layer(2, 1, rng=0)}

    def forward(self, x: Any) -> list[Value]:
        return self.heads["a"].forward(x)


def test_what_is_put_into_a_dict_is_seen() -> None:
    spare = Layer(2, 1, rng=1)
    model = Heads()
    model([1.0, 2.0])
    model.heads["a"] = spare
    model([1.0, 2.0])
    assert spare.neurons[0].b.label == "heads.a.neurons.0.b"


def test_a_list_that_holds_itself_does_no_harm() -> None:
    model = MLP(3, [2], rng=0)
    ring: list[Any] = [1.0]
    vars(model)["ring"] = (ring, 2.0)
    ring.insert(0, [ring])
    assert model([0.0, 0.0, 0.0]) is not None
    assert model.layers[0].neurons[0].b.label == "layers.0.neurons.0.b"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_are_looked_at_by_themselves(copied: Callable[[MLP], MLP]) -> None:
    model = MLP(3, [4, 2], rng=0)
    model([0.0, 0.0, 0.0])
    other = copied(model)
    assert not hasattr(other, "_known")
    assert set(vars(other)) == set(vars(model))
    assert [output.data for output in other([1.0, 2.0, 3.0])] == [
        output.data for output in model([1.0, 2.0, 3.0])
    ]


class Slotted(Module):
    """A module with a slot of its own."""

    __slots__ = ("rate",)

    def __init__(self) -> None:
        self.rate = 0.5


def test_slots_of_ones_own_are_copied() -> None:
    model = Slotted()
    model.label_parameters()
    assert copy.copy(model).rate == pickle.loads(pickle.dumps(model)).rate == 0.5
    assert isinstance(copy.copy(Module()), Module)


def test_a_private_attribute_of_a_class_called_module_is_its_own() -> None:
    class Module(MLP):
        def __init__(self) -> None:
            super().__init__(2, [1], rng=0)
            self.__owner = "bob"

        def owner(self) -> str:
            return self.__owner

    model = Module()
    assert model([1.0, 2.0]) is not None
    assert model.owner() == "bob"
    assert model.layers[0].neurons[0].b.label == "layers.0.neurons.0.b"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Module]:
    """The modules whose own parameters were told where they stand."""
    found: list[Module] = []
    plain = _known_parts._told

    def noted(item: Module, *rest: Any) -> Any:
        found.append(item)
        return plain(item, *rest)

    monkeypatch.setattr(_known_parts, "_told", noted)
    return found


def test_what_holds_the_same_as_before_is_not_told_anew(told: list[Module]) -> None:
    model = MLP(3, [4, 2], rng=0)
    model([0.0, 0.0, 0.0])
    MLP(1, [1], rng=0)  # after which every model is looked at again
    told.clear()
    model([0.0, 0.0, 0.0])
    assert told == []
    layer, spare = model.layers[0], Value(1.0)
    layer.neurons[0].b = spare
    model.label_parameters()
    assert told == [layer.neurons[0]]
    assert spare.label == "layers.0.neurons.0.b"


class Holding(Module):
    """It holds what it is given."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    def forward(self, x: Any) -> Value:
        return Value(0.0)


def row(n: int, kind: type[Value] = Value) -> list[Value]:
    return [kind(0.0) for _ in range(n)]


SHAPES: Final[dict[str, tuple[Callable[[], Module], bool, int]]] = {
    "a neuron": (lambda: Neuron(2, rng=0), True, 0),
    "a list of neurons": (lambda: Layer(2, 3, rng=0), False, 1),
    "a list of layers": (lambda: MLP(2, [3, 1], rng=0), False, 2),
    "a layer and a norm": (lambda: Sequential(Layer(2, 3, rng=0), BatchNorm(3)), False, 1),
    "a norm": (lambda: BatchNorm(3), False, 0),
    "numbers and a row": (lambda: Holding(w=row(2), b=Value(0.0)), True, 0),
    "a matrix and a row": (lambda: Holding(w=[row(2), row(2)], b=row(2)), False, 1),
    "two matrices": (lambda: Holding(w=[row(2), row(2)], u=[row(1), row(1)]), False, 2),
    "numbers one below the other": (lambda: Holding(w={"a": Value(0.0)}), True, 0),
    "numbers two deep": (lambda: Holding(w={"a": {"x": Value(0.0)}}), False, 1),
    "twice numbers two deep": (
        lambda: Holding(w={"a": {"x": Value(0.0)}}, u={"a": {"x": Value(0.0), "y": Value(0.0)}}),
        False,
        2,
    ),
    "a matrix of buffers": (lambda: Holding(w=[row(2, Buffer), row(2, Buffer)]), True, 0),
}


@pytest.mark.parametrize("what", SHAPES)
def test_how_many_groups_of_neurons_a_module_holds(what: str) -> None:
    make, is_row, n_groups = SHAPES[what]
    model = make()
    make_known(model)
    owner = vars(model)[OWNER]
    assert (owner.is_row, owner.n_groups) == (is_row, n_groups)


def test_a_part_that_one_model_gives_up_is_one_of_the_other_at_its_next_call() -> None:
    part = Layer(1, 1, rng=0)
    models = first, _ = [Holding(part=part), Holding(other=part)]
    for model in models:
        model([0.0])
    assert part.neurons[0].b.label == "part.neurons.0.b"
    vars(first)["part"] = None
    for model in models:
        model([0.0])
    assert part.neurons[0].b.label == "other.neurons.0.b"


def test_what_a_part_holds_stays_its_own_in_a_row_of_another() -> None:
    first: Any = Holding(w=row(2))
    second: Any = Holding(w=[first.w[1], *row(1)])
    model = Holding(first=first, second=second)
    make_known(model)
    labels = [value.label for value in second.w]
    assert labels == ["first.w.1", "second.w.1"]
