"""What does not belong into a node is refused, and the message names the node."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import viz
from tests.back_ends import BACK_ENDS, BackEnd, forced
from tests.replaying import recorded as content_of
from tinygrad_mlp import MLP, Value, compile, fit, functional, predict, save_weights
from tinygrad_mlp._many_numbers import numbers_of
from tinygrad_mlp.debug import (
    detect_anomaly,
    health,
    record_creation,
    trace_backward,
    trace_forward,
)
from tinygrad_mlp.derivatives import grad, hessian
from tinygrad_mlp.engine import apply
from tinygrad_mlp.errors import NotANumberError, NotTextError
from tinygrad_mlp.ops import Op

NO_LABELS: Final[list[Any]] = [(), (Value(1.0),), None, 3, b"x", ["x"]]


@pytest.mark.parametrize("label", NO_LABELS)
def test_a_label_is_text(label: Any) -> None:
    value = Value(1.0, label="x")
    with pytest.raises(NotTextError, match=r"label of a Value is text, got .*Value\(data, child"):
        Value(1.0, label)
    with pytest.raises(NotTextError, match="label of a Value is text"):
        value.label = label
    assert value.label == "x"


def test_text_of_any_kind_is_a_label() -> None:
    value = Value(1.0, np.str_("rate"))
    value.label = value.label + "!"
    assert (value.label, repr(value)) == ("rate!", "Value(data=1.0, grad=0.0, label='rate!')")


NO_NUMBERS: Final[list[Any]] = [
    *("2", None, 1 + 2j, [1.0], np.array([1.0, 2.0]), np.array([2.0]), np.array("2")),
    *(np.timedelta64(2, "s"), np.complex128(2.0)),
    Value(2.0),
    *(np.uint8(200), np.int64(2), np.float32(2.0), np.float16(2.0), np.longdouble(2.0), np.True_),
    *(np.array(2.0), np.array(2), 10**400, -(10**5000)),
]

OPERATIONS: Final[dict[str, Callable[[Value], object]]] = {
    "mul": lambda w: w * 3.0,
    "rsub": lambda w: 1.0 - w,
    "tanh": lambda w: w.tanh(),
    "relu": lambda w: w.relu(),
    "dot": lambda w: functional.dot([w, 1.0], [2.0, 3.0], w),
    "dot, in the weights": lambda w: functional.dot([w, 1.0], [2.0, 3.0]),
    "dot, in the inputs": lambda w: functional.dot([2.0, 3.0], [1.0, w], 4.0),
    "dot, in the bias": lambda w: functional.dot([1.0], [2.0], w),
    "pow": lambda w: w**2.0,
    "sum": lambda w: functional.sum([w, 1.0]),
    "where": lambda w: functional.where(w, 1.0, 2.0),
    "less": lambda w: w < 1.0,
    "item": lambda w: w.item(),
    "format": lambda w: f"{w:.2f}",
}

WALKS: Final[dict[str, Callable[[Value, Value, Path], object]]] = {
    "backward": lambda w, out, path: out.backward(),
    "grad": lambda w, out, path: grad(out, [w]),
    "hessian": lambda w, out, path: hessian(out, [w]),
    "trace_backward": lambda w, out, path: trace_backward(out),
    "trace_forward": lambda w, out, path: trace_forward(out),
    "draw": lambda w, out, path: viz.draw(out, path / "graph.dot"),
    "replay": lambda w, out, path: viz.replay(out, path / "replay.html"),
    "health": lambda w, out, path: health(MLP(1, [1]), out),
    "deepcopy": lambda w, out, path: copy.deepcopy(out),
    "pickle": lambda w, out, path: pickle.dumps(w),
    "compile": lambda w, out, path: compile(lambda x: w * x, [w]),
}


def compute_and_differentiate(operation: Callable[[Value], object], w: Value) -> None:
    result = operation(w)
    (result if isinstance(result, Value) else w).backward()


def of_no_number(data: Any) -> str:
    if isinstance(data, Value):
        return r"Value 'rate'.* is a Value; assign its number: value\.data = other\.data"
    if isinstance(data, np.ndarray) and data.ndim:
        return re.escape(f"an array of shape {data.shape}, and a Value holds one number")
    if isinstance(data, np.generic | np.ndarray) and data.dtype.kind in "biuf":
        return rf"Value 'rate'.* is the NumPy .* {data.dtype}; .*: value\.data = float\({data}\)"
    if isinstance(data, int):
        return rf"Value 'rate'.* number of {data.bit_length()} bits, .*too large for a float; assig"
    return f"Value 'rate'.* is no number but the {type(data).__name__} .*; assign a number"


def shown(data: Any) -> str:
    return f"int of {data.bit_length()} bits" if isinstance(data, int) else repr(data)


@pytest.mark.parametrize("data", NO_NUMBERS, ids=shown)
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_first_operation_that_fails_or_else_backward_names_the_leaf(
    name: str, data: Any
) -> None:
    w = Value(1.0, label="rate")
    w.data = data
    with pytest.raises(NotANumberError, match=of_no_number(data)) as caught:
        compute_and_differentiate(OPERATIONS[name], w)
    assert "'rate'" in str(caught.value)


@pytest.mark.parametrize("data", NO_NUMBERS, ids=shown)
@pytest.mark.parametrize("name", WALKS)
def test_whoever_walks_the_graph_names_the_leaf(name: str, data: Any, tmp_path: Path) -> None:
    w = Value(1.0, label="rate")
    out = functional.where(True, w * 3.0, w.exp())
    w.data = data
    with pytest.raises(NotANumberError, match=of_no_number(data)) as caught:
        WALKS[name](w, out, tmp_path)
    assert "'rate'" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("data", NO_NUMBERS, ids=shown)
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_model_names_the_parameter(engine: str, data: Any, tmp_path: Path) -> None:
    model = MLP(2, [3, 1], rng=0)
    model.parameters()[1].data = data
    X, y = [[1.0, 2.0]] * 4, [1.0] * 4
    path = tmp_path / "weights.npz"
    for use in (
        lambda: predict(model, X[:1]),
        lambda: predict(model, X * 100),
        lambda: fit(model, X, y, epochs=1, log_every=None, engine=engine),
        lambda: save_weights(model, path),
        lambda: viz.plots.weight_images(model, image_shape=(1, 2)),
    ):
        with pytest.raises(NotANumberError, match=r"'layers\.0\.neurons\.0\.w\.1'"):
            use()
    assert not path.exists()


@pytest.mark.parametrize("data", NO_NUMBERS, ids=shown)
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_a_program_names_a_leaf_that_it_reads_at_each_call(back_end: BackEnd, data: Any) -> None:
    rate = Value(2.0, label="rate")
    with forced(back_end):
        program = compile(lambda x: rate * x)
        assert program(3.0) == 6.0
    rate.data = data
    with pytest.raises(NotANumberError, match="'rate'"):
        program(3.0)


def test_a_leaf_without_a_label_is_named_by_its_way_to_the_output() -> None:
    w = Value(1.0)
    out = ((1.0 + w) * 2.0).tanh()
    w.data = "2"  # type: ignore[assignment]
    with pytest.raises(NotANumberError, match=r"\(input 2 of add, input 1 of mul, input 1 of tan"):
        out.backward()


def test_an_operation_that_fails_further_on_names_the_leaf() -> None:
    w = Value(1.0, label="w")
    w.data = np.array([1.0, 2.0])  # type: ignore[assignment]
    product = w * 3.0
    with pytest.raises(NotANumberError, match=r"tanh .* 'w', behind its input 1, is an array"):
        product.tanh()


def test_a_result_that_is_no_number_is_found_after_the_leaf_was_mended() -> None:
    w = Value(1.0)
    w.data = np.array([1.0, 2.0])  # type: ignore[assignment]
    product = w * 3.0
    w.data = 1.0
    with pytest.raises(NotANumberError, match="the result of mul is an array of shape"):
        product.backward()


def faulty_forward(xp: Any, x: Any) -> Any:
    raise ZeroDivisionError


FAULTY: Final = Op(
    name="faulty",
    forward=faulty_forward,
    partials=(0.0,),
    symbol="?",
    formula="?",
    partial_formulas=("0",),
)


def test_an_error_that_is_not_the_numbers_stays_what_it_is() -> None:
    w = Value(1.0)
    with pytest.raises(ZeroDivisionError):
        apply(FAULTY, w)


class Stubborn(float):
    """A number that cannot be computed with, for a reason of its own."""

    def refuse(self, *others: Any) -> Any:
        raise RuntimeError("stubborn")

    __neg__ = __add__ = __radd__ = __mul__ = __rmul__ = __lt__ = __float__ = refuse


@pytest.mark.parametrize(
    "compute",
    [
        lambda w: -w,
        lambda w: w + 1.0,
        lambda w: functional.sum([1.0, w]),
        lambda w: functional.dot([w], [1.0]),
        lambda w: functional.dot([w], [1.0], 2.0),
        lambda w: w < 1.0,
    ],
)
def test_an_error_of_another_kind_stays_what_it_is_in_every_operation(
    compute: Callable[[Value], object],
) -> None:
    w = Value(1.0)
    w.data = Stubborn(1.0)
    with pytest.raises(RuntimeError, match="stubborn"):
        compute(w)


def test_a_leaf_is_named_while_every_node_is_recorded_too() -> None:
    w = Value(1.0, label="rate")
    out = w * 3.0
    w.data = "2"  # type: ignore[assignment]
    with record_creation(), pytest.raises(NotANumberError, match="'rate'"):
        out.backward()
    with detect_anomaly(), pytest.raises(NotANumberError, match="'rate'"):
        out.backward()


WAYS: Final[list[tuple[int, str]]] = [
    (1, "input 1 of exp"),
    (2, "input 1 of exp, input 1 of tanh"),
    (4, "input 1 of exp, input 1 of tanh, input 1 of exp, input 1 of tanh"),
    (5, "input 1 of exp, input 1 of tanh, input 1 of exp, ..., input 1 of exp"),
    (8, "input 1 of exp, input 1 of tanh, input 1 of exp, ..., input 1 of tanh"),
]


@pytest.mark.parametrize(("length", "way"), WAYS)
def test_a_way_names_up_to_four_operations(length: int, way: str) -> None:
    leaf = out = Value(1.0)
    for number in range(length):
        out = out.tanh() if number % 2 else out.exp()
    leaf.data = "2"  # type: ignore[assignment]
    with pytest.raises(NotANumberError) as caught:
        out.backward()
    said = f"the data of a Value without a label ({way}) is no number but the str '2'; assign "
    assert str(caught.value) == f"{said}a number to it, for example value.data = 2.0"


def test_the_way_starts_at_the_leaf_and_follows_it_alone() -> None:
    a, b, leaf = Value(1.0), Value(2.0), Value(3.0)
    out = functional.sum([a * b, functional.where(True, a.exp(), leaf), b.tanh()]) - a
    leaf.data = "2"  # type: ignore[assignment]
    with pytest.raises(
        NotANumberError, match=r"\(input 3 of where, input 2 of sum, input 1 of sub\)"
    ):
        out.backward()


def test_a_leaf_alone_has_no_way() -> None:
    leaf = Value(1.0)
    leaf.data = None  # type: ignore[assignment]
    with pytest.raises(NotANumberError, match=r"^the data of a Value without a label is no number"):
        leaf.backward()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("2", "no number but the str '2'; assign a number to it, for example value.data = 2.0"),
        (
            "x" * 99,
            f"no number but the str '{'x' * 29}…{'x' * 28}'; assign a number to it, for example "
            "value.data = 2.0",
        ),
        (Value(2.0), "a Value; assign its number: value.data = other.data"),
        (
            np.ones((2, 3)),
            "an array of shape (2, 3), and a Value holds one number; work element "
            "by element, with a Value for each",
        ),
        (
            np.array("2"),
            "no number but the ndarray array('2', dtype='<U1'); assign a number to "
            "it, for example value.data = 2.0",
        ),
        (
            np.timedelta64(2, "s"),
            "no number but the timedelta64 np.timedelta64(2,'s'); assign a "
            "number to it, for example value.data = 2.0",
        ),
    ],
    ids=repr,
)
def test_what_stands_in_the_place_of_a_number_is_told(data: Any, message: str) -> None:
    w, stubborn = Value(1.0, label="w"), Value(1.0)
    w.data, stubborn.data = data, Stubborn(1.0)
    with pytest.raises(NotANumberError) as caught:
        w.backward()
    assert str(caught.value) == f"the data of the Value 'w' is {message}"
    with pytest.raises(NotANumberError) as caught:
        functional.dot([stubborn], [w])
    said = "dot cannot be computed: the data of the Value 'w', its input 2, is "
    assert str(caught.value) == said + message


def test_of_several_inputs_that_are_no_numbers_the_first_one_is_named() -> None:
    u, v, w = Value(1.0, "u"), Value(2.0, "v"), Value(3.0, "w")
    v.data = w.data = np.ones(2)  # type: ignore[assignment]
    behind = u * (v * w)
    with pytest.raises(NotANumberError, match=r"tanh .* 'v', behind its input 1, is an array"):
        behind.tanh()
    v.data = None  # type: ignore[assignment]
    with pytest.raises(NotANumberError, match=r"add .* 'v', its input 2, is no number"):
        u + v


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("data", [np.float64(2.0), 2], ids=repr)
def test_numbers_of_other_types_that_compute_in_float64_work(
    data: Any, recorded: bool, tmp_path: Path
) -> None:
    def use(w: Value) -> Value:
        return (w * 3.0).tanh() * w + functional.dot([w], [w]) + functional.where(w > 1, w, 0.0)

    w, plain = Value(1.0), Value(2.0)
    w.data = data
    if recorded:
        with record_creation():
            out = use(w)
    else:
        out = use(w)
    expected = use(plain)
    out.backward()
    expected.backward()
    assert out.item() == pytest.approx(expected.data, rel=1e-15)
    assert w.grad == pytest.approx(plain.grad, rel=1e-15)
    assert (w.item(), f"{w:.1f}", w < 3, numbers_of([w])) == (2.0, "2.0", True, [2.0])
    assert compile(lambda x: w * x, [w])(3.0) == 6.0
    viz.draw(out, tmp_path / "graph.dot")
    page = content_of(viz.replay(out, tmp_path / "replay.html").read_text())
    numbers = page["numbers"].split()
    assert "2" in [numbers[place] for place in page["data"]]
    assert pickle.loads(pickle.dumps(w)).data == 2.0


def test_true_is_one() -> None:
    w = Value(0.0)
    w.data = True
    (w * 3.0).backward()
    assert (w.item(), w.grad) == (1.0, 3.0)


def test_a_long_way_to_a_leaf_is_shortened_in_the_middle() -> None:
    leaf = Value(1.0)
    out = leaf * 2.0
    for _ in range(10):
        out = out.exp().tanh()
    leaf.data = "2"  # type: ignore[assignment]
    with pytest.raises(NotANumberError) as caught:
        out.backward()
    way = str(caught.value).partition("(")[2].partition(")")[0]
    assert way == "input 1 of mul, input 1 of exp, input 1 of tanh, ..., input 1 of tanh"
