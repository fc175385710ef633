"""What ``compile`` refuses, and what the messages say."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import functional as F
from tinygrad_mlp import ops
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    ShapeError,
    TinygradMLPError,
    TracingError,
)

Row = list[Value]


w = Value(2.0)
OUTSIDE: Final = Value(1.0)


def _if(x: Value) -> Value:
    return w if x > 0.0 else -w


def _while(x: Value) -> Value:
    while x < 3.0:
        x = x + 1.0
    return x


def _float(x: Value) -> Value:
    return w * float(x)  # type: ignore[arg-type,no-any-return]


def _item(x: Value) -> Value:
    return w * x.item()


def _data(x: Value) -> Value:
    return w * x.data


def _parameter_data(x: Value) -> Value:
    return w.data * x


def _format(x: Value) -> Value:
    return w * len(f"{x:.3f}")


def _builtin_max(x: Value) -> Value:
    return max(w * x, x)


def _index(x: Value) -> Value:
    return [w, w][x]  # type: ignore[call-overload,no-any-return]


def _int(x: Value) -> Value:
    return w * int(x)  # type: ignore[call-overload,no-any-return]


def _branch_on_parameter(x: Value) -> Value:
    return x if w > 0.0 else -x


@pytest.mark.parametrize(
    "function",
    [_if, _while, _float, _item, _data, _parameter_data, _format, _builtin_max, _index, _int,
     _branch_on_parameter],
)  # fmt: skip
def test_using_a_traced_value_as_a_number_names_the_line_and_the_remedy(
    function: Callable[..., Value],
) -> None:
    program = compile(function, [w])
    with pytest.raises(TracingError) as caught:
        program(1.0)
    first = function.__code__.co_firstlineno
    message = str(caught.value)
    line = int(message.split(", line ")[1].split(")", maxsplit=1)[0])
    assert __file__ in message
    assert first < line <= first + 3
    assert "where" in message
    assert w.data == 2.0  # nothing is left behind


@pytest.mark.parametrize(
    ("error", "message", "run"),
    [
        (ShapeError, "same number", lambda: compile(_two, [w], per_sample=True)([1.0], [1.0, 2.0])),
        (ShapeError, "at least one", lambda: compile(_one, [w], per_sample=True)(np.ones((0, 2)))),
        (ShapeError, "first axis", lambda: compile(_one, [w], per_sample=True)(1.0)),
        (ShapeError, "arrays of numbers", lambda: compile(_one, [w])([[1.0], [1.0, 2.0]])),
        (ShapeError, "arrays of numbers", lambda: compile(_one, [w])("text")),
        (ShapeError, "ragged", lambda: compile(lambda x: [[x], [x, x]])(1.0)),
        (ShapeError, "ragged", lambda: compile(lambda x: [x, [x]])(1.0)),
        (ShapeError, "returns a Value", lambda: compile(lambda x: None)(1.0)),
        (ShapeError, "one Value, the loss", lambda: compile(lambda x: [w * x], [w])(1.0)),
        (ShapeError, "first call", lambda: compile(_one, [w]).source),
        (ShapeError, "first call", lambda: compile(_one, [w]).summary()),
        (InvalidArgumentError, "float64", lambda: compile(_one, [w], dtype="int32")),
        (InvalidArgumentError, "reduction", lambda: compile(_one, [w], reduction="max")),  # type: ignore[arg-type]
        (InvalidArgumentError, "listed twice", lambda: compile(_one, [w, w])),
        (GraphError, "depends on the sample", lambda: compile(_keep, [w], per_sample=True)([1.0])),
        (GraphError, "parameter", lambda: compile(_train_by_hand, [w])(1.0)),
        (GraphError, "traced Value", lambda: compile(_assign_to_traced, [w])(1.0)),
        (GraphError, "pickle", lambda: pickle.dumps(compile(_one, [w]))),
    ],
)  # fmt: skip
def test_refusals_say_what_is_wrong(
    error: type[TinygradMLPError], message: str, run: Callable[[], object]
) -> None:
    with pytest.raises(error, match=message):
        run()
    assert w.data == 2.0


def _one(x: Any) -> Value:
    return w * 1.0


def _two(x: Value, y: Value) -> Value:
    return w * x * y


def _keep(x: Value) -> Value:
    assign(OUTSIDE, x)
    return w * x


def _train_by_hand(x: Value) -> Value:
    assign(w, w - x)
    return w * x


def _assign_to_traced(x: Value) -> Value:
    assign(x, 1.0)
    return w * x


# The whole message


def _set_data(x: Value) -> Value:
    w.data = 1.0
    return w * x


def _grad(x: Value) -> Value:
    return w * x * w.grad


def _backward(x: Value) -> Value:
    (loss := w * x).backward()
    return loss


def _dict(x: Value) -> Value:
    return {x: w}[x]


def _look_up(x: Value) -> Value:
    return _dict(x)


def _two_refusals(x: Value) -> Value:
    functions: list[Callable[[Any], object]] = [float, str]
    for function in functions:
        with contextlib.suppress(TracingError):
            function(x)
    return w * x


RECORDED: Final = (
    "; a program is recorded and replayed on other numbers, so it cannot depend on them otherwise: "
)
USE_WHERE: Final = (
    "use functional.where(v > 0, a, b) instead of if, and compute with the Value itself"
)
HIDDEN: Final[list[tuple[Callable[[Value], Value], Callable[..., Any], str, str]]] = [
    (
        _parameter_data,
        _parameter_data,
        "the .data of a Value was read",
        "compute with the Value itself, w * x instead of w.data * x, and choose with "
        "functional.where",
    ),
    (
        _set_data,
        _set_data,
        "the .data of a Value was assigned",
        "use assign(leaf, value), which the program carries out at each call",
    ),
    (
        _grad,
        _grad,
        "the .grad of a Value was read",
        "the program computes the gradients after the function",
    ),
    (
        _backward,
        _backward,
        "the .grad of a Value was read",
        "the program computes the gradients after the function",
    ),
    (
        _look_up,
        _dict,
        "it was looked up in a dict or set, or hashed",
        "use functional.equal(a, b), with functional.where(functional.equal(t, 1.0), a, b) in the "
        "place of a branch",
    ),
    (_int, _int, "int() was called on it", USE_WHERE),
]


@pytest.mark.parametrize(("function", "at", "reason", "remedy"), HIDDEN)
def test_the_message_is_what_was_done_where_why_not_and_what_instead(
    function: Callable[[Value], Value], at: Callable[..., Any], reason: str, remedy: str
) -> None:
    with pytest.raises(TracingError) as caught:
        compile(function, [w])(1.0)
    line = at.__code__.co_firstlineno + 1
    assert str(caught.value) == (
        f"a traced Value has no number yet, but {reason} ({__file__}, line {line})"
        f"{RECORDED}{remedy}"
    )
    assert caught.value.reason == reason


def _softmax_by_hand(logits: Row) -> Row:
    largest = max(logit.data for logit in logits)
    exps = [(logit - largest).exp() for logit in logits]
    return [e / sum(exps) for e in exps]


def _softmax_of_a_list(logits: Row) -> Row:
    largest = max([logit.data for logit in logits])
    return [(logit - largest).exp() for logit in logits]


def _softmax_by_numpy(logits: Row) -> Row:
    largest = np.max([logit.item() for logit in logits])
    return [(logit - largest).exp() for logit in logits]


def _softmax_of_parameters(logits: Row) -> Row:
    largest = max(v.data for v in (w, OUTSIDE))
    return [(logit - largest).exp() for logit in logits]


@pytest.mark.parametrize(
    "softmax",
    [_softmax_by_hand, _softmax_of_a_list, _softmax_by_numpy, _softmax_of_parameters],
)
def test_of_a_largest_number_the_remedy_is_softmax(softmax: Callable[[Row], Row]) -> None:
    def loss(x: Row) -> Value:
        return -softmax([w * xi for xi in x])[0].log()

    with pytest.raises(
        TracingError, match=r"functional\.softmax\(values\) does it itself"
    ) as caught:
        compile(loss, [w])([1.0, 2.0])
    line = softmax.__code__.co_firstlineno + 1
    assert f"{__file__}, line {line})" in str(caught.value)
    assert compile(lambda x: -F.softmax([w * xi for xi in x])[0].log(), [w])(
        [1.0, 2.0]
    ) == pytest.approx(np.log(1.0 + np.exp(2.0)))


def test_of_two_refusals_that_a_function_swallows_the_first_is_raised() -> None:
    with pytest.raises(TracingError) as caught:
        compile(_two_refusals, [w])(1.0)
    assert caught.value.reason == "float() was called on it"


def _raises_nothing_in_particular(x: Value) -> Value:
    raise ValueError


def _raises(x: Value) -> Value:
    raise ValueError("no: ")


def _raises_in_numpy(x: Value) -> Value:
    return w * np.linalg.inv(np.zeros((2, 2)))[0, 0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (_raises_nothing_in_particular, "ValueError"),
        (_raises, "ValueError: no"),
    ],
)
def test_what_a_function_raises_is_told_with_its_line(
    function: Callable[[Value], Value], what: str
) -> None:
    with pytest.raises(TracingError) as caught:
        compile(function, [w])(1.0)
    line = function.__code__.co_firstlineno + 1
    assert str(caught.value) == (
        f"the function raised {what} ({__file__}, line {line}) while it was recorded, when its "
        "arguments are Values without numbers; write it with + - * / ** and functional, such as "
        "functional.exp(v) for np.exp(v) and functional.where(v > 0, a, b) for a choice"
    )
    assert caught.value.reason == f"it raised {what}"


def test_the_line_of_an_error_is_the_innermost_one_that_is_not_ours() -> None:
    with pytest.raises(TracingError, match=r"LinAlgError.*linalg.*, line \d+\) while"):
        compile(_raises_in_numpy, [w])(1.0)


def test_a_function_that_does_something_else_is_told_with_its_line() -> None:
    calls: list[int] = []

    def counting(x: Value) -> Value:
        calls.append(1)
        return x * 2.0 if len(calls) == 1 else F.exp(x)

    with pytest.raises(GraphError) as caught:
        compile(counting)(1.0)
    line = counting.__code__.co_firstlineno + 2
    message = str(caught.value)
    start = "the function did something else when it ran again: "
    assert message.startswith(start)
    how, _, rest = message.removeprefix(start).partition(f" ({__file__}, line {line})")
    assert rest == (
        "; a program does the same at each call, so random numbers come from "
        "functional.uniform(rng), what is remembered between calls goes into a Buffer by "
        "assign(buffer, value), and a number that changes is a Value"
    )
    assert caught.value.reason == f"it does something else each time: {how}"


# What is allowed while a function is recorded


def test_gradients_may_be_zeroed_and_constants_read_and_hashed_by_the_package() -> None:
    leaf = Value(3.0)
    leaf.grad = 5.0

    def loss(x: Value) -> Value:
        leaf.grad = 0.0
        step = Value(2.0, label="step")
        assert repr(step) == "Value(data=2.0, label='step')"
        assert repr(leaf) == "Value(number hidden in a trace, label='')"
        return F.dot([w, step], [x, leaf])

    assert compile(loss, [w])(1.0) == 2.0 + 6.0
    assert leaf.grad == 0.0
    assert leaf.data == 3.0


def test_a_failed_trace_leaves_the_engine_as_it_was() -> None:
    with pytest.raises(TracingError):
        compile(_if, [w])(1.0)
    out = (w * 3.0).tanh()
    out.backward()
    assert out.op is ops.TANH
    assert (w > 1.0) is True
    w.zero_grad()
