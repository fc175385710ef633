"""A program from outside: its arguments and attributes, how many recordings it makes and keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pytest

from tests.back_ends import BACK_ENDS, BackEnd, forced
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.compiler._recorded_function import MOST_KEPT
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.errors import DataError, GraphError, InvalidArgumentError, ShapeError
from tinygrad_mlp.functional import uniform
from tinygrad_mlp.losses import hinge

Row = list[Value]


class Counting:
    """``w * sum(x) * scale``, which counts how often it runs."""

    def __init__(self) -> None:
        self.w = Value(2.0)
        self.scale = 1.0
        self.runs: list[int] = []

    def __call__(self, x: Row) -> Value:
        self.runs.append(len(x))
        return self.w * F.sum(x) * self.scale

    def program(self, **fields: Any) -> Program:
        program = compile(self, [self.w], **fields)
        program.most_repetitions = 0
        return program


# Recordings


def test_the_oldest_recording_goes_where_there_are_many() -> None:
    counting = Counting()
    program = counting.program()
    for n in range(1, MOST_KEPT + 1):
        program(np.ones(n))
    program(np.ones(1))
    assert counting.runs == list(range(1, MOST_KEPT + 1)), "all are kept"
    program(np.ones(MOST_KEPT + 1))
    program(np.ones(2))
    assert len(counting.runs) == MOST_KEPT + 1, "the second is kept"
    program(np.ones(1))
    assert counting.runs[-2:] == [MOST_KEPT + 1, 1], "the first was made anew"
    assert repr(program) == f"Program(1 parameters, float64, {MOST_KEPT} traces)"


def test_a_recording_serves_every_batch_size() -> None:
    counting = Counting()
    program = counting.program(per_sample=True, reduction="sum")
    for n_samples in range(1, MOST_KEPT + 3):
        assert program(np.ones((n_samples, 3))) == 6.0 * n_samples
    assert program(np.ones((1, 3))) == 6.0
    assert counting.runs == [3]


def test_refresh_forgets_all_recordings_if_one_would_be_another() -> None:
    counting = Counting()
    program = counting.program(per_sample=True)
    with_one, with_two = np.ones((2, 1)), np.ones((2, 2))
    assert (program(with_one), program(with_two), program(with_two[:1])) == (2.0, 4.0, 4.0)
    program.refresh()
    assert counting.runs == [1, 2, 1, 2], "one repetition for each recording"
    assert repr(program) == "Program(1 parameters, float64, 2 traces)"
    counting.scale = 10.0
    program.refresh()
    assert repr(program) == "Program(1 parameters, float64, 0 traces)"
    assert (program(with_one), program(with_two), program(with_two[:1])) == (20.0, 40.0, 40.0)


def test_refresh_looks_at_a_recording_of_which_only_the_memory_is_left() -> None:
    scale = [1.0]
    program = compile(lambda x: F.sum(x) * (scale[0] if len(x) == 1 else 1.0), per_sample=True)
    forget_recording(program)
    scale[0] = 10.0
    program.refresh()
    assert program(np.ones((2, 1))).tolist() == [10.0, 10.0]


def test_the_generators_of_such_a_recording() -> None:
    rngs = [np.random.default_rng(seed) for seed in range(2)]
    program = compile(lambda x: F.sum(x) * uniform(rngs[len(x) > 1]), per_sample=True)
    forget_recording(program)
    assert program.generators(np.ones((2, 1))) == [rngs[0]]
    assert program.generators(np.ones((2, 2))) == [rngs[1]]


def forget_recording(program: Program) -> None:
    """Fill up the memory until the recording of one feature is in use for two samples only."""
    program.most_repetitions = 0
    for n in range(1, MOST_KEPT + 1):
        program(np.ones((1, n)))
    program(np.ones((2, 1)))
    program(np.ones((1, MOST_KEPT + 1)))


def test_refresh_keeps_a_recording_with_outputs() -> None:
    program = compile(lambda x: (x[0], [x[1], x[0]]), [], has_auxiliary=True)
    program([1.0, 2.0])
    program.refresh()
    assert repr(program) == "Program(0 parameters, float64, 1 traces)"


@pytest.mark.parametrize("per_sample", [False, True])
def test_everything_is_recorded_within_the_context_of_the_program(per_sample: bool) -> None:
    entered: list[str] = []

    @contextmanager
    def context() -> Iterator[None]:
        entered.append("in")
        yield
        entered.append("out")

    def function(x: Any) -> Any:
        assert entered[-1] == "in"
        return x * 2.0

    program = compile(function, [], per_sample=per_sample)
    program.within = context
    program([1.0] if per_sample else 1.0)
    assert entered == ["in", "out"]
    program.refresh()
    assert entered == ["in", "out"] * 2
    program.prediction(function)([1.0] if per_sample else 1.0)
    assert entered == ["in", "out"] * 3


def test_a_prediction_is_made_as_its_program_is() -> None:
    w = Value(2.0)
    program = compile(lambda x: w * x, [w], per_sample=True, reduction="sum", dtype="float32")
    program.most_repetitions, program.checks_targets = 1, False
    other = program.prediction(lambda x: w * x)
    assert (other.most_repetitions, other.checks_targets, other.within) == (
        1,
        False,
        program.within,
    )
    assert other(np.ones(2)).dtype == np.float32
    assert other(np.ones(2)).tolist() == [2.0, 2.0]
    assert other.parameters is program.parameters
    assert other.gradients.size == 0
    assert other.auxiliary.dtype == np.float32


# What a program says of itself


@pytest.mark.parametrize(
    ("parameters", "per_sample", "reduction"),
    [([], True, "sum"), ([], False, None), (None, True, None), (None, False, None)],
)
def test_the_reduction_is_that_of_the_losses_of_samples(
    parameters: Any, per_sample: bool, reduction: str | None
) -> None:
    program = compile(lambda x: x, parameters, per_sample=per_sample, reduction="sum")
    assert program.reduction == reduction
    assert program.prediction(lambda x: x).reduction is None


def positional(a: Any, /, b: Any, *, c: Any = None) -> Any:
    return a


class WithoutSignature:
    __signature__ = 5

    def __call__(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda x, target: x, ("x", "target")),
        (lambda x, *others: x, ("x",)),
        (lambda **keywords: 0.0, ()),
        (positional, ("a", "b")),
        (max, ()),
        (WithoutSignature(), ()),
    ],
)
def test_names_of_arguments(function: Callable[..., Any], names: tuple[str, ...]) -> None:
    assert compile(function).argument_names == names


def test_source_summary_and_plan_are_those_of_the_last_recording() -> None:
    program = compile(lambda x: [a * 2.0 for a in x], per_sample=True)
    for look in (lambda: program.source, program.summary, lambda: program.plan):
        with pytest.raises(ShapeError, match=r"at its first call; call it once: program\(X, y\)"):
            look()
    program(np.ones((1, 3)))
    first = program.source
    program(np.ones((1, 5)))
    second = program.source
    assert first != second
    program(np.ones((2, 3)))
    assert program.source == first
    assert program.summary().splitlines()[0] == (
        "3 scalar operations of one sample -> 1 groups -> 1 NumPy calls, 0 matrix products:"
    )
    assert program.plan is not None
    with forced("arithmetic"):
        arithmetic = compile(lambda x: x * 2.0)
        arithmetic(1.0)
    assert arithmetic.plan is None
    assert arithmetic.summary() == (
        "1 scalar operations -> plain arithmetic, as nothing in them is regular"
    )


def test_generators_are_those_of_the_recording_for_these_arrays() -> None:
    rngs = [np.random.default_rng(seed) for seed in range(3)]

    def function(x: Row) -> Value:
        return F.sum([a * uniform(rngs[len(x)]) * uniform(rngs[0]) for a in x])

    for per_sample, shape in ((False, ()), (True, (4,))):
        program = compile(function, per_sample=per_sample)
        for n in (1, 2, 1):
            assert program.generators(np.ones((*shape, n)).tolist()) == [rngs[n], rngs[0]]
        assert repr(program) == "Program(0 parameters, float64, 2 traces)"


# Arrays


class Own(np.ndarray[Any, Any]):
    """Somebody's own kind of array."""


@pytest.mark.parametrize("dtype", ["float64", "float32", np.float64, np.float32])
@pytest.mark.parametrize(
    "array",
    [
        [1.0, 2.0], (1, 2), np.array([1, 2]), np.array([1.0, 2.0], np.float32),
        np.array([1.0, 2.0]), np.array([1.0, 2.0]).view(Own), np.array([True, 2], object),
    ],
)  # fmt: skip
def test_numbers_in_any_form_are_those_of_the_program(array: Any, dtype: Any) -> None:
    w = Value(3.0)
    program = compile(lambda x: w * x[0] + x[1], [w], dtype=dtype)
    assert program(array) == 5.0
    name = np.dtype(dtype).name
    assert program.gradients.dtype == program.parameters.dtype == program.auxiliary.dtype == name
    found = compile(lambda x: [a * 2.0 for a in x], dtype=dtype)(array)
    assert (type(found), found.dtype) == (np.ndarray, name)


@pytest.mark.parametrize("shapes", [((),), ((0, 2),), ((2,), (3,)), ((2,), ()), ()])
def test_batches_that_do_not_fit_are_shown(shapes: tuple[tuple[int, ...], ...]) -> None:
    w = Value(1.0)
    program = compile(lambda *x: w * 1.0, [w], per_sample=True)
    with pytest.raises(ShapeError) as caught:
        program(*[np.ones(shape) for shape in shapes])
    assert str(caught.value).endswith(f"and at least one; got shapes {shapes}")
    with pytest.raises(ShapeError, match="the same number for all"):
        program.eager(*[np.ones(shape) for shape in shapes])


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("checks", [False, True])
def test_what_is_not_finite_raises_no_warning(back_end: BackEnd, checks: bool) -> None:
    before = np.geterr()
    w = Value(1000.0)

    def loss(x: Row) -> Value:
        made = F.exp(w * x[0]) * 0.0 + F.log(x[1]) / x[1]
        return made + hinge(x[0], x[0]) if checks else made

    with forced(back_end):
        program = compile(loss, [w])
        assert np.isnan(program([1.0, 0.0]))
    assert np.geterr() == before


def test_targets_are_checked_if_the_program_is_to() -> None:
    w = Value(1.0)
    program = compile(lambda x, t: hinge(w * x, t), [w], per_sample=True)
    assert program([0.5], [1.0]) == 0.5
    with pytest.raises(DataError, match=r"^t\[0\]: the targets of the hinge loss are -1 and \+1"):
        program([0.5], [0.5])
    program.checks_targets = False
    assert program([0.5], [0.5]) == 0.75
    predict = program.prediction(lambda x, t: hinge(w * x, t))
    assert predict([0.5], [0.5]).tolist() == [0.75]


@pytest.mark.parametrize("which", ["read", "assigned", "checked"])
def test_a_program_that_looks_at_a_leaf_need_not_wait_for_a_recording(which: str) -> None:
    """The leaf is read, or set, or only looked at by one of two checks."""
    leaf = Value(1.0)

    def loss(x: Value, t: Value) -> Any:
        if which == "read":
            return hinge(x, t) + leaf
        if which == "assigned":
            assign(leaf, x)
        else:
            hinge(x, leaf)
        return hinge(x, t)

    program = compile(loss, [])
    expected = program(0.5, 1.0)
    found: list[float] = []
    calling = threading.Thread(target=lambda: found.append(program(0.5, 1.0)))

    def slow(x: Value) -> Value:
        if calling.ident is None:
            calling.start()
            calling.join(60.0)
            assert found == [expected]
        return x * 2.0

    assert compile(slow)(2.0) == 4.0


def test_a_program_that_looks_at_no_leaf_need_not_wait() -> None:
    w = Value(2.0)
    program = compile(lambda x: w * x, [w])
    program(3.0)
    found: list[float] = []
    calling = threading.Thread(target=lambda: found.append(program(4.0)))

    def slow(x: Value) -> Value:
        if calling.ident is None:
            calling.start()
            calling.join(60.0)
            assert found == [8.0]
        return x * 2.0

    assert compile(slow)(2.0) == 4.0


# Values


def test_parameters_are_numbers_of_leaves_each_listed_once() -> None:
    left: Row = []

    def leaving(x: Value) -> Value:
        left.append(x)
        return x * 2.0

    compile(leaving)(1.0)
    w = Value(1.0)
    faults: list[tuple[Any, str]] = [
        ([left[0]], r"number 0, .*, was computed from other Values; only leaves are trained"),
        ([w, w * 2.0], r"number 1, .*, was computed from other Values; only leaves are trained"),
        ([w, Value(1.0), w], r"number 2, .*, is listed twice; list each one once"),
        ([w, None], "number 1, None, is not a Value"),
        (
            3,
            r"parameters is 3, but a list of Values is needed: compile\(loss, model.parameters\(\)",
        ),
    ]
    for parameters, message in faults:
        with pytest.raises(InvalidArgumentError, match=message):
            compile(leaving, parameters)
    program = compile(lambda x: x, iter([w, Value(1.0)]))
    assert program.parameters.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_gradients_may_be_what_a_program_is_called_with(
    back_end: BackEnd, per_sample: bool
) -> None:
    w = [Value(number) for number in (0.3, -0.7, 1.1, 0.2, -1.3)]

    def loss(x: Row) -> Value:
        hidden = [F.dot(w[0:2], x[0:2]).tanh(), F.dot(w[0:2], x[2:4]).tanh()]
        return F.dot(w[2:4], hidden) * x[0] + w[4] * x[3]

    with forced(back_end):
        program = compile(loss, w, per_sample=per_sample)
        numbers = np.array([0.5, 2.0, -1.5, 0.8, 0.1])
        as_given = numbers[np.newaxis] if per_sample else numbers
        expected = program(as_given), program.gradients.tolist()
        program.gradients = numbers
        mine = program.gradients[np.newaxis] if per_sample else program.gradients
        assert (program(mine), program.gradients.tolist()) == expected


def test_values_follow_when_they_are_told_to() -> None:
    w = [Value(1.0), Value(2.0), Value(3.0)]
    program = compile(lambda x: F.dot(w, x), w)
    program([4.0, 5.0, 6.0])
    program.parameters = [7.0, 8.0, 9.0]
    assert [(v.data, v.grad) for v in w] == [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0)]
    program.write_back()
    assert [(v.data, v.grad) for v in w] == [(7.0, 4.0), (8.0, 5.0), (9.0, 6.0)]
    assert {type(v.data) for v in w} == {type(v.grad) for v in w} == {float}
    for value in w:
        value.data *= 10.0
    kept = program.parameters
    program.read_parameters()
    assert kept.tolist() == [70.0, 80.0, 90.0]
    program.gradients = 1.0
    assert program.gradients.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ShapeError, match=r"program.gradients holds 3 numbers, got .*np.zeros\(3\)"):
        program.gradients = [1.0, 2.0]


LOSSES: Final[list[tuple[bool, str, float]]] = [
    (False, "mean", 3.0), (True, "mean", 3.0), (True, "sum", 6.0),
]  # fmt: skip


@pytest.mark.parametrize(("per_sample", "reduction", "gradient"), LOSSES)
@pytest.mark.parametrize("has_auxiliary", [False, True])
def test_the_eager_loss_is_that_of_the_program(
    per_sample: bool, reduction: Any, gradient: float, has_auxiliary: bool
) -> None:
    w, buffer = Value(2.0), Value(0.0)

    def loss(x: Any) -> Any:
        found = w * x if per_sample else F.mean([w * a for a in x])
        assign(buffer, 5.0)
        return (found, [x]) if has_auxiliary else found

    program = compile(
        loss, [w], per_sample=per_sample, reduction=reduction, has_auxiliary=has_auxiliary
    )
    x = np.array([2.0, 4.0])
    assert program(x) == 2.0 * gradient
    program.parameters, w.data, w.grad = 10.0, 1.0, 7.0
    buffer.data = 0.0
    made = program.eager(x)
    assert (w.data, w.grad, buffer.data) == (10.0, 0.0, 5.0)
    made.backward()
    assert (made.data, w.grad) == (10.0 * gradient, gradient)


def test_eager_predictions_are_lists_of_values() -> None:
    w = Value(2.0)
    rows = compile(lambda x, y: [w * x[0], y], [w], per_sample=True).prediction(
        lambda x, y: [w * x[0], y]
    )
    found = rows.eager([[1.0], [2.0]], [3.0, 4.0])
    assert [[value.data for value in row] for row in found] == [[2.0, 3.0], [4.0, 4.0]]
    whole = compile(lambda x: [[w * a for a in row] for row in x]).eager([[1.0], [2.0]])
    assert [[value.data for value in row] for row in whole] == [[2.0], [4.0]]


def test_what_is_assigned_from_sample_to_sample_names_leaf_and_remedy() -> None:
    buffers = [Value(1.0, label="first"), Value(2.0, label="second")]

    def assigning(which: int, reads: bool) -> Callable[[Value], Value]:
        def function(x: Value) -> Value:
            before = buffers[which] * x if reads else x
            assign(buffers[which], 3.0 if reads else x)
            return before

        return function

    for which, label in enumerate(("first", "second")):
        for reads in (False, True):
            with pytest.raises(GraphError, match=f"assigns to .*{label}") as caught:
                compile(assigning(which, reads), per_sample=True)([1.0, 2.0])
            assert caught.value.reason == "it assigns from sample to sample"
