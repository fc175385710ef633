"""What ``compile`` refuses, and what the messages say."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

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
    return w * float(x)


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


def _backward(x: Value) -> Value:
    loss = w * x
    loss.backward()
    return loss


@pytest.mark.parametrize(
    "function",
    [_if, _while, _float, _data, _parameter_data, _format, _builtin_max, _index, _int,
     _branch_on_parameter, _backward],
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


def test_a_failed_trace_leaves_the_engine_as_it_was() -> None:
    with pytest.raises(TracingError):
        compile(_if, [w])(1.0)
    out = (w * 3.0).tanh()
    out.backward()
    assert out.op is ops.TANH
    assert (w > 1.0) is True
    w.zero_grad()
