"""What a recording must not freeze: numbers that are read, choices by them, what changes."""

from __future__ import annotations

import builtins
import math
import operator
import random
import signal
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._recorded_function import MOST_KEPT
from tinygrad_mlp.compiler._tracing import trace
from tinygrad_mlp.engine import Value, as_value, assign, enable_grad, no_grad
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    SampleOrderError,
    ShapeError,
    TinygradMLPError,
    TracingError,
)
from tinygrad_mlp.nn import MLP, Buffer

Function = Callable[[Any], Any]
w: Final = Value(2.0, label="w")
other: Final = Value(3.0)
buffer: Final = Buffer(5.0)


class Special(Value):
    """A Value of somebody's own."""


special: Final = Special(7.0)


@cache
def remembered(x: Any) -> Any:
    return x * 2.0


def setting(x: Any) -> Any:
    buffer.data = 1.0
    return x


def counting(x: Any) -> Any:
    constant = Value(1.0)
    constant.data = 2.0
    return x * constant


def swallowing(x: Any) -> Any:
    try:
        return w * float(x)
    except TypeError:
        return w * 0.0


CHOICES: Final[dict[str, Function]] = {
    "==": lambda x: w if x == 1 else -w,
    "!=": lambda x: w if x != 1 else -w,
    "== from the left": lambda x: w if operator.eq(1.0, x) else -w,
    "== of a leaf": lambda x: w if w == x else -w,
    "in a list": lambda x: w if x in [0.0, 1.0] else -w,
    "in a set": lambda x: w if x in {0.0, 1.0} else -w,
    "key of a dict": lambda x: {0.0: w, 1.0: -w}[x],
    "get of a dict": lambda x: {1.0: -w}.get(x, w),
    "cache": lambda x: w * remembered(x),
    "match": lambda x: [w, -w][[0.0, 1.0].index(x)],
    "str": lambda x: w if str(x) == "1.0" else -w,
    "format": lambda x: w * len(f"{x}"),
    "divmod": lambda x: w * divmod(x, 2)[0],
    "floor": lambda x: w * math.floor(x),
    "^": lambda x: F.where((x > 0) ^ (w > 0), x, w),
    "~": lambda x: F.where(~(x > 0), x, w),
    "& of a number": lambda x: w * (x & 1),
    "& of a truth value and a number": lambda x: w * ((x > 0) & x),
    "caught": swallowing,
    "complex": lambda x: w * complex(x).real,
    "numbers of an array": lambda x: w * np.asarray([x], dtype=float)[0],
    "unique": lambda x: w * len(np.unique([x, x + 1.0])),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_by_the_number_is_refused_with_line_and_remedy(name: str) -> None:
    with pytest.raises(TracingError, match=r"\.py, line \d+\).*functional\.") as caught:
        compile(CHOICES[name], [w])(1.0)
    assert caught.value.reason


READING: Final[dict[str, Function]] = {
    "of a leaf": lambda x: x * other.data,
    "of a parameter": lambda x: x * w.data,
    "of a buffer": lambda x: x * buffer.data,
    "of a class of one's own": lambda x: x * special.data,
    "of a gradient": lambda x: x * w.grad,
    "by format": lambda x: x * len(f"{other:.3f}"),
    "by item": lambda x: x * buffer.item(),
    "by a new Value": lambda x: x * Value(other),  # type: ignore[arg-type]
    "and setting it": setting,
    "and setting a constant": counting,
}


@pytest.mark.parametrize("name", READING)
def test_numbers_of_leaves_do_not_become_constants(name: str) -> None:
    for parameters in ([w], None):
        with pytest.raises(TracingError, match="line"):
            compile(lambda x: F.sum([READING[name](x)]), parameters)(1.0)
    assert (w.data, other.data, buffer.data, special.data) == (2.0, 3.0, 5.0, 7.0)


def test_leaves_made_in_the_function_have_numbers() -> None:
    def loss(x: Value) -> Value:
        start, step = Value(2.0), as_value(3.0)
        assert repr(w) == "Value(number hidden in a trace, label='w')"
        return w * x * start.data * step.item() * start.item()

    assert compile(loss, [w])(1.0) == 2.0 * 2.0 * 3.0 * 2.0


def test_numbers_are_where_they_were_after_a_recording() -> None:
    before = dict(vars(Value)), repr(w)
    compile(lambda x: w * x, [w])(1.0)
    with pytest.raises(TracingError):
        compile(lambda x: x * w.data, [w])(1.0)
    assert (dict(vars(Value)), repr(w)) == before


class Counting:
    """A function that is never the same."""

    def __init__(self) -> None:
        self.calls = 0
        self.state: Any = 0.0
        self.rng = np.random.default_rng(0)

    def number(self, x: Value) -> Value:
        self.calls += 1
        return x * self.calls

    def operation(self, x: Value) -> Value:
        self.calls += 1
        return x.exp() if self.calls % 2 else x.tanh()

    def more(self, x: Value) -> Value:
        self.calls += 1
        return F.sum([x * 1.0 for _ in range(self.calls)])

    def less(self, x: Value) -> Value:
        self.calls += 1
        return x * 2.0 if self.calls > 1 else x * 2.0 + 1.0

    def lengths(self, x: Value) -> list[Value]:
        self.calls += 1
        return [x] * self.calls

    def remembering(self, x: Value) -> Value:
        self.state = 0.5 * self.state + x
        return self.state * 1.0  # type: ignore[no-any-return]

    def dropping(self, x: Value) -> Value:
        return x * float(self.rng.random() < 0.5)

    def result(self, x: Value) -> Value:
        self.calls += 1
        return as_value(self.calls)

    def detached(self, x: Value) -> Value:
        self.calls += 1
        if self.calls > 1:
            with no_grad():
                return x * 2.0
        return x * 2.0


NEVER_THE_SAME: Final = [name for name in vars(Counting) if not name.startswith("_")]


@pytest.mark.parametrize("name", NEVER_THE_SAME)
@pytest.mark.parametrize("per_sample", [False, True])
def test_a_function_that_does_something_else_each_time_is_refused(
    name: str, per_sample: bool
) -> None:
    program = compile(getattr(Counting(), name), per_sample=per_sample)
    with pytest.raises(GraphError, match=r"uniform\(rng\).*assign\(buffer, value\)"):
        program([1.0, 2.0] if per_sample else 1.0)


@pytest.mark.parametrize("draw", [random.random, np.random.random])
def test_drawing_from_the_generators_of_the_process_is_refused(draw: Callable[[], float]) -> None:
    state = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    with pytest.raises(GraphError, match=r"functional\.uniform\(rng\)"):
        compile(lambda x: x * (draw() >= 0.0), [w])(1.0)
    after = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    assert after == state


def test_refresh_reads_plain_numbers_again_and_keeps_what_is_still_right() -> None:
    numbers, calls = [2.0], []

    def loss(x: Value) -> Value:
        calls.append(1)
        return w * x * numbers[0]

    program = compile(loss, [w])
    assert program(1.0) == 4.0
    recorded = len(calls)
    program.refresh()
    assert program(1.0) == 4.0
    assert len(calls) == recorded + 1, "it ran once, to compare"
    numbers[0] = 5.0
    program.refresh()
    assert program(1.0) == 10.0


def test_a_result_from_before_the_trace_is_no_leaf() -> None:
    h = w * 2.0
    h.label = "h"
    for function in (lambda x: h * x, lambda x: h, lambda x: (h + 1.0).exp() * x):
        with pytest.raises(GraphError, match=r"before it was called \('h'\).*inside the function"):
            compile(function, [w])(1.0)
    twice = other * 2.0  # of no parameter: a number like that of any other leaf
    program = compile(lambda x: w * twice * x, [w])
    assert program(1.0) == 12.0
    assert program.gradients.tolist() == [6.0]


def test_a_node_of_an_earlier_trace_is_not_taken_for_another() -> None:
    left: list[Any] = []

    def leaving(x: Value) -> Value:
        left.append(x * 3.0)
        return x

    compile(leaving)(1.0)
    for function in (lambda x: left[0] * x, lambda x: left[0], lambda x: F.dot([w], [left[0]])):
        with pytest.raises(TracingError, match="recorded before"):
            compile(function)(1.0)
    with pytest.raises(TracingError):
        _ = left[0] + 1.0


@pytest.mark.parametrize("mapped", [False, True])
def test_what_fails_only_on_values_names_line_and_remedy(mapped: bool) -> None:
    def loss(x: Value) -> Value:
        return w * np.exp(x)  # type: ignore[call-overload,no-any-return]

    with pytest.raises(
        TracingError, match=r"raised TypeError.*line \d+.*functional\.exp"
    ) as caught:
        compile(loss, [w], per_sample=mapped)([1.0] if mapped else 1.0)
    assert isinstance(caught.value.__cause__, TypeError)
    assert caught.value.reason.startswith("it raised TypeError")


def test_the_line_is_that_of_a_person_whose_folder_is_called_almost_like_ours() -> None:
    file = trace.__code__.co_filename.replace("/tinygrad_mlp/compiler", "/tinygrad_mlp_course")
    assert "tinygrad_mlp_course" in file
    namespace: dict[str, Any] = {}
    text = "\n\ndef loss(x):\n    return x if x > 0 else -x\n"
    exec(builtins.compile(text, file, "exec"), namespace)
    with pytest.raises(TracingError, match=r"tinygrad_mlp_course.*, line 4\)"):
        compile(namespace["loss"])(1.0)


# Samples that depend on one another


def _count(x: Any) -> Any:
    assign(buffer, buffer + 1.0)
    return w * x


def _mean(x: Any) -> Any:
    assign(buffer, 0.9 * buffer + 0.1 * x)
    return w * x


def _read_and_set(x: Any) -> Any:
    out = w * x * buffer
    assign(buffer, 2.0 * w)
    return out


@pytest.mark.parametrize("function", [_count, _mean, _read_and_set])
def test_what_goes_from_sample_to_sample_is_not_mapped(function: Function) -> None:
    with pytest.raises(SampleOrderError, match="compile the whole batch"):
        compile(function, [w], per_sample=True)([1.0, 2.0])
    assert buffer.data == 5.0
    X = [1.0, 2.0, 3.0]
    expected = F.mean([function(x) for x in X]).data, buffer.data
    buffer.data = 5.0
    program = compile(lambda X: F.mean([function(x) for x in X]), [w])
    assert (program(X), buffer.data) == pytest.approx(expected, rel=1e-15)
    buffer.data = 5.0


def test_an_assignment_that_is_the_same_for_all_samples_is_mapped() -> None:
    def keeping(x: Value) -> Value:
        assign(buffer, other * 2.0)
        return w * x * buffer

    assert compile(keeping, [w], per_sample=True)([1.0, 2.0]) == 2.0 * 1.5 * 6.0
    assert buffer.data == 6.0
    buffer.data = 5.0


# Several programs, threads, shapes


def test_no_grad_that_is_left_by_an_exception_detaches_what_was_made() -> None:
    def loss(x: Value) -> Value:
        try:
            with no_grad():
                frozen = w * x
                raise KeyError
        except KeyError:
            return frozen * w

    program = compile(loss, [w])
    assert program(3.0) == 12.0
    assert program.gradients.tolist() == [6.0]


def in_threads(*calls: Callable[[], object]) -> list[BaseException]:
    """What went wrong when all of these ran at once."""
    failed: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_threads_may_call_one_program_that_looks_at_values_for_some_shapes() -> None:
    w, outer = Value(2.0), Value(3.0)
    program = compile(lambda x: w * F.sum(x) + (outer if len(x) == 2 else 0.0), [w])

    def call(n: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(300):
                assert program(np.ones(n)) == 2.0 * n + 3.0 * (n == 2)

        return run

    assert in_threads(call(2), call(3), call(2), call(3)) == []


def test_another_generator_of_numpy_is_left_alone_too() -> None:
    shared: Any = np.random
    generator = shared.get_bit_generator()
    try:
        shared.set_bit_generator(np.random.PCG64(0))
        assert compile(lambda x: 2.0 * x)(3.0) == 6.0
        with pytest.raises(GraphError, match="the module random or from"):
            compile(lambda x: shared.rand() * x)(3.0)
    finally:
        shared.set_bit_generator(generator)


@pytest.mark.parametrize("numbers", [[1.0, 2.0, 3.0], "a", [[1.0, 2.0, 3.0]]])
def test_what_is_assigned_to_the_parameters_fits(numbers: Any) -> None:
    program = compile(lambda x: F.dot(ws, x), ws := [Value(1.0), Value(2.0)])
    with pytest.raises(ShapeError, match=r"program.parameters holds 2 numbers"):
        program.parameters = numbers


def test_threads_may_call_one_program() -> None:
    program = compile(MLP(8, [16, 1], rng=0).forward, per_sample=True)
    X = np.random.default_rng(0).normal(size=(64, 8))
    expected = compile(MLP(8, [16, 1], rng=0).forward, per_sample=True)(X)

    def call() -> None:
        for _ in range(300):
            np.testing.assert_array_equal(program(X), expected)

    assert in_threads(call, call, call, call) == []


@pytest.mark.parametrize("use", ["call", "write back", "read", "compile"])
def test_programs_that_look_at_values_need_not_wait_for_a_recording(use: str) -> None:
    reading = compile(lambda x: w * x * other, [w])
    reading(2.0)
    uses: dict[str, Callable[[], object]] = {
        "call": lambda: reading(2.0),
        "write back": reading.write_back,
        "read": reading.read_parameters,
        "compile": lambda: compile(_count, [w]),
    }
    failed: list[BaseException] = []
    using = threading.Thread(target=lambda: failed.extend(in_threads(uses[use])))

    def slow(x: Value) -> Value:
        if using.ident is None:
            using.start()
            using.join(60.0)
            assert not using.is_alive()
        return x * other

    assert compile(slow)(2.0) == 6.0
    assert failed == []
    w.zero_grad()


def test_a_program_keeps_a_limited_number_of_recordings() -> None:
    program = compile(lambda xs: F.dot([w] * len(xs), xs), [w])
    for n in [*range(1, MOST_KEPT + 20), 1, 2]:
        assert program(np.ones(n)) == 2.0 * n
        assert program.gradients.tolist() == [n]
    assert repr(program) == f"Program(1 parameters, float64, {MOST_KEPT} traces)"


def test_a_prediction_writes_back_no_gradients() -> None:
    v = Value(3.0)
    program = compile(lambda x: v * x, [v])
    program(2.0)
    program.write_back()
    predict = program.prediction(lambda x: v * x)
    predict(2.0)
    predict.write_back()
    assert (v.data, v.grad) == (3.0, 2.0)
    assert predict.gradients.size == 0
    program.parameters = [4.0]
    predict.write_back()
    assert v.data == 4.0


# Arguments


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([1.0, None], "None"),
        (None, "None"),
        (["1.5", "2"], "turn texts into numbers"),
        (np.array(["2020-01-01"], "datetime64[D]"), "datetime64"),
        (np.array([1j]), "complex"),
        ([1j], "complex"),
        (np.ma.masked_array([1.0, 2.0], mask=[False, True]), "masked"),
        ([{}], "not a number"),
    ],
)
def test_arrays_that_hold_no_real_numbers(array: Any, message: str) -> None:
    program = compile(lambda xs: w * 1.0, [w])
    with pytest.raises(ShapeError, match=message):
        program(array)


@pytest.mark.parametrize(
    ("error", "message", "run"),
    [
        (InvalidArgumentError, r"number 1, 1.0, is not a Value", lambda: compile(_count, [w, 1.0])),  # type: ignore[list-item]
        (InvalidArgumentError, "only leaves", lambda: compile(_count, [w * 1.0])),
        (InvalidArgumentError, r"model.parameters\(\)", lambda: compile(_count, MLP(1, [1]))),  # type: ignore[arg-type]
        (InvalidArgumentError, "takes a function", lambda: compile([w], [w])),  # type: ignore[arg-type]
        (InvalidArgumentError, "float64", lambda: compile(_count, [w], dtype="flot64")),
        (InvalidArgumentError, "float64", lambda: compile(_count, [w], dtype=None)),  # type: ignore[arg-type]
        (InvalidArgumentError, "goes with parameters", lambda: compile(_count, has_auxiliary=True)),
        (ShapeError, "a pair", lambda: compile(lambda x: w * x, [w], has_auxiliary=True)(1.0)),
        (ShapeError, "a pair", lambda: compile(lambda x: [x] * 3, [w], has_auxiliary=True)(1.0)),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_meant(
    error: type[TinygradMLPError], message: str, run: Callable[[], object]
) -> None:
    with pytest.raises(error, match=message):
        run()


def test_an_interrupt_waits_until_the_recording_is_over() -> None:
    w, reached = Value(2.0), []

    def loss(x: Value) -> Value:
        signal.raise_signal(signal.SIGINT)
        reached.append(x)
        return w * x

    with pytest.raises(KeyboardInterrupt):
        compile(loss, [w])(1.0)
    assert len(reached) == 1
    assert (w * 3.0).data == 6.0  # the numbers are there again
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_ends_a_function_that_does_not() -> None:
    def endless(x: Value) -> Value:
        while True:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        compile(endless)(1.0)
    assert (Value(2.0) * 3.0).data == 6.0


def test_where_interrupts_are_ignored_they_are_ignored_while_recording() -> None:
    def loss(x: Value) -> Value:
        signal.raise_signal(signal.SIGINT)
        return w * x

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert compile(loss, [w])(1.0) == 2.0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_gradients_may_flow_again_inside_a_block_without() -> None:
    w = Value(2.0)

    def loss(x: Value) -> Value:
        with no_grad():
            a = w * x
            with enable_grad():
                b = w * x
        return a * b + b

    assert compile(loss, [w])(3.0) == 42.0
    program = compile(loss, [w])
    program(3.0)
    eager = loss(Value(3.0))
    eager.backward()
    assert program.gradients.tolist() == [w.grad] == [21.0]


def test_of_shared_randomness_no_line_is_named_since_it_is_found_afterwards() -> None:
    with pytest.raises(GraphError, match=r"from np\.random; a program does the same at each call"):
        compile(lambda x: x * random.random())(1.0)
