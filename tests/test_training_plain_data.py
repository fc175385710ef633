"""What stands in the attributes of callbacks and models, as plain data in a file and back."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.naming import case_name
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, InvalidArgumentError
from tinygrad_mlp.nn import MLP, Layer
from tinygrad_mlp.optim import CosineSchedule, WarmupSchedule
from tinygrad_mlp.training._agreement import (
    check_agreement,
    described_model,
    described_object,
    described_samples,
)
from tinygrad_mlp.training._object_state import put_state, state_of, unkept
from tinygrad_mlp.training._plain_data import decoded, encoded, is_plain, same_plain
from tinygrad_mlp.training._task import Samples

PLAIN: Final[list[Any]] = [
    *(None, True, False, 0, -3, 2**200, 0.1, -0.0, 5e-324, math.inf, -math.inf, math.nan),
    *("", "text", "\ud800", "é\0"),
    *([], [1, [2.5, None]], (), (1, (2, "a")), {}, {"a": 1, 2: [3], (1, 2): {None: ()}}),
    *(
        np.eye(2),
        np.array(3),
        np.array(["a", "bc"]),
        np.array([True]),
        np.empty((0, 3)),
        np.zeros(0),
    ),
    *(np.array([1, 2], np.uint8), np.float32(0.1), np.int64(7), np.bool_(True), np.array([""])),
    np.zeros(0),
    {"float": "nan", "array": [np.arange(6).reshape(2, 3).T]},
]
itself: Final[list[Any]] = [1]
itself.append(itself)
NOT_PLAIN: Final[list[Any]] = [
    *(object(), len, {1}, [{1}], {"a": object()}, {object: 1}, b"bytes", 1j, np.array([1j])),
    *(np.array([None]), np.random.default_rng(0), Value(1.0), OrderedDict(), itself, Path()),
]


@pytest.mark.parametrize("item", PLAIN, ids=case_name)
def test_plain_data_come_back_the_same(item: Any) -> None:
    assert is_plain(item)
    arrays: dict[str, Any] = {}
    text = json.dumps(encoded([item], arrays), allow_nan=False)
    (back,) = decoded(json.loads(text), arrays, "item")
    assert type(back) is type(item)
    assert same_plain(back, item)
    if not isinstance(item, dict | np.ndarray | np.generic):
        assert repr(back) == repr(item)


@pytest.mark.parametrize("item", NOT_PLAIN, ids=case_name)
def test_what_is_not_plain_is_refused(item: Any) -> None:
    assert is_plain(item) is False
    if item is not itself:
        with pytest.raises(InvalidArgumentError, match="is no plain data"):
            encoded(item, {})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        *((1, 1.0), (True, 1), (0.0, -0.0), ([1], (1,)), ({"a": 1}, {"a": 2}), ("1", 1)),
        *((np.eye(2), np.eye(3)), (np.zeros(2), np.zeros(2, np.float32)), (np.zeros(1), [0.0])),
        *((np.zeros((2, 1)), np.zeros((1, 2))), (np.float64(1.0), 1.0), (np.zeros(2), np.ones(2))),
    ],
)
def test_what_differs_is_not_the_same(a: Any, b: Any) -> None:
    assert same_plain(a, b) is False


@pytest.mark.parametrize(
    "item",
    [
        *({"array": "7"}, {"scalar": "7"}, {"array": []}, {"float": "1.0"}, {"float": []}),
        *({"tuple": 3}, {"dict": [[1]]}, {"dict": [[[], 1]]}, {"dict": 3}, {"pickle": "x"}, {}),
        *({"empty": ["<f8", [2]]}, {"empty": ["|O", [0]]}, {"empty": 3}, {"empty": ["<f8", [-1]]}),
        *({"generator": 3}, {"generator": {"dict": 3}}, {"array": "0", "scalar": "0"}),
    ],
)
def test_what_is_marked_as_nothing_we_know_is_refused(item: Any) -> None:
    with pytest.raises(DataError, match=r"inside is an object of ., but plain data is needed"):
        decoded([item], {"0": np.eye(2)}, "inside")


class Part:
    def __init__(self) -> None:
        self.n = 1


class Slotted:
    __slots__ = ("__weakref__", "m")

    def __init__(self) -> None:
        self.m = 2


class Holder:
    def __init__(self) -> None:
        self.number, self.array, self.list, self.dict = 1, np.zeros(3), [1, 2], {"a": 1}
        self.rng = np.random.default_rng(1)
        self.mixed: Any = [object(), 0.5, {"deep": np.ones(1)}, (self.rng, 7)]
        self.parts: dict[str, Any] = {"first": Part(), "second": Slotted()}
        self.again = self.parts["first"]
        self.weights = [Value(1.0), Value(2.0)]
        self.read_only = np.zeros(2)
        self.read_only.flags.writeable = False


def is_part(item: object) -> bool:
    return isinstance(item, Part | Slotted)


def test_every_place_has_a_name() -> None:
    state = state_of(Holder(), is_part)
    assert list(state[""]) == [
        *("number", "array", "list", "dict", "rng", "read_only"),
        *("mixed[1]", "mixed[2]", "mixed[3][1]"),
    ]
    del state[""]
    assert state == {".again": {"n": 1}, ".parts['second']": {"m": 2}}


def test_what_is_put_back_goes_into_the_objects_that_are_there() -> None:
    first, second = Holder(), Holder()
    first.number, first.list, first.dict, first.array = 5, [7], {"b": 2}, np.arange(3.0)
    first.mixed[1], first.mixed[2]["deep"], first.read_only = 2.5, np.zeros(4), np.ones(2)
    first.again.n, first.parts["second"].m = 8, 9
    first.rng.random(5)
    first.new = "came later"  # type: ignore[attr-defined]
    kept = second.array, second.list, second.dict, second.mixed, second.rng
    put_state(second, state_of(first, is_part), is_part, "holder")
    assert all(a is b for a, b in zip(kept, (second.array, second.list, second.dict, second.mixed,
                                             second.rng)))  # fmt: skip
    assert (second.number, second.list, second.dict) == (5, [7], {"b": 2})
    assert second.array.tolist() == [0.0, 1.0, 2.0]
    assert second.read_only.tolist() == [1.0, 1.0]
    assert second.mixed[1] == 2.5
    assert second.mixed[2]["deep"].tolist() == [0.0] * 4
    assert (second.again.n, second.parts["second"].m) == (8, 9)
    assert second.rng.random() == first.rng.random()
    assert second.new == "came later"  # type: ignore[attr-defined]


def test_what_is_the_same_is_left_alone() -> None:
    holder = Holder()
    before = dict(vars(holder))
    put_state(holder, state_of(Holder(), is_part), is_part, "holder")
    assert all(vars(holder)[name] is item for name, item in before.items())


@pytest.mark.parametrize(
    "state",
    [
        {"": {"mixed[9]": 1}},
        {"": {"mixed[3][1]": 8}},  # in a tuple
        {".parts['third']": {"n": 1}},
        {"": {"rng": 3}},
        {"": {"fresh": {1, 2}}},
        {"": {"no name": 1}},
        {"": {"number": state_of(Holder(), is_part)[""]["rng"]}},
        {"": {"fresh": state_of(Holder(), is_part)[""]["rng"]}},
    ],
)
def test_what_has_no_place_is_refused(state: Any) -> None:
    with pytest.raises(DataError, match=r"has no|part of a tuple"):
        put_state(Holder(), state, is_part, "the holder")


def test_what_is_not_kept_is_named() -> None:
    holder = Holder()
    holder.seen = {1}  # type: ignore[attr-defined]
    holder.mixed[2]["deep"] = OrderedDict()
    found = [(name, may_change) for name, _, may_change in unkept(holder, is_part)]
    assert found == [("seen", True), ("mixed[0]", False), ("mixed[2]['deep']", True)]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (3, "3"),
        ("a", "'a'"),
        (None, "None"),
        (np.float64(0.5), "np.float64(0.5)"),
        ([1, (2, "b")], "[1, [2, 'b']]"),
        ({"a": len}, "{'a': len}"),
        (Path("/anywhere"), "a path"),
        (np.random.default_rng(0), "Generator"),
        (MLP(2, [1]), "MLP"),
        (is_part, "is_part"),
        (Part(), "Part()"),
        (itself, "[1, ...]"),
        (
            WarmupSchedule(2, then=CosineSchedule(3)),
            "WarmupSchedule(n_epochs=2, then=CosineSchedule(n_epochs=3, final_factor=0.0), "
            f"start_factor={1 / 3})",
        ),
    ],
    ids=case_name,
)
def test_settings_are_told_without_addresses(item: Any, said: str) -> None:
    assert described_object(item) == said


def test_arrays_are_told_by_shape_and_content() -> None:
    one, other = described_object(np.zeros(3)), described_object(np.ones(3))
    assert one.startswith("array of (3,), digest ")
    assert one != other
    assert one == described_object(np.zeros(3))
    assert described_object(np.zeros(3, np.float32)) != one


def test_data_are_told_by_all_that_they_are() -> None:
    samples = Samples(np.eye(2), np.zeros((2, 1)), np.array([0, 1]))
    told = described_samples(samples, ("X", "y"))
    assert described_samples(None, ("X", "y")) == {"X": "None", "y": "None"}
    for changed, name in [
        (Samples(np.zeros((2, 2)), np.zeros((2, 1)), np.array([0, 1])), "X"),
        (Samples(np.eye(2), np.ones((2, 1)), np.array([0, 1])), "y"),
        (Samples(np.eye(2), np.zeros((2, 1)), np.array([1, 0])), "y"),
        (Samples(np.eye(2), np.zeros((2, 1)), None), "y"),
    ]:
        now = described_samples(changed, ("X", "y"))
        assert [key for key in told if now[key] != told[key]] == [name]


def test_a_model_is_told_by_its_text_and_sizes_and_not_by_its_address() -> None:
    class Plain(Layer):
        __repr__ = object.__repr__

    told = described_model(Plain(2, 3))
    assert told.startswith("Plain, digest ")
    assert told == described_model(Plain(2, 3)) != described_model(Plain(3, 2))
    assert described_model(MLP(2, [3])).startswith("MLP of [Layer of 3 ")


def test_what_one_side_lacks_differs_too() -> None:
    check_agreement({"a": "1"}, {"a": "1"}, "t.npz")
    with pytest.raises(InvalidArgumentError, match="a is 1, there it is missing; b is missing, th"):
        check_agreement({"a": "1"}, {"b": "2"}, "t.npz")
