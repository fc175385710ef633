"""What every loss refuses as a target: eagerly, in a compiled program, and in ``fit``."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, log, nan
from typing import Any, Final

import numpy as np
import pytest

from tests.against_torch import assert_close
from tests.back_ends import as_compiled
from tests.loss_references import ELEMENTWISE, check_that_all_are_here, function_of
from tinygrad_mlp import MLP, Value, compile, fit
from tinygrad_mlp.engine import as_value, assign
from tinygrad_mlp.errors import DataError, ShapeError
from tinygrad_mlp.losses import _targets as targets
from tinygrad_mlp.losses import (
    binary_cross_entropy_with_logits,
    categorical_cross_entropy,
    hinge,
    mean_squared_error,
)

ROWS: Final = [
    ([0.0, 0.0, 0.0], r" has the sum 0, .*divide the row by its sum"),
    ([0.0, 2.0, 0.0], r"\[1\] is 2, .* lies in 0 \.\.\. 1"),
    ([-1.0, 1.0, 1.0], r"\[0\] is -1,"),
    ([0.5, 0.5, 1e-5], r" has the sum 1\.00001,"),
    ([0.0, nan, 1.0], r"\[1\] is nan,"),
    ([0.0, inf, 0.0], r"\[1\] is inf,"),
    ([1.0, 1.0, 0.0], r" has the sum 2, .*binary_cross_entropy_with_logits"),
    ([0.0, inf, -inf], r"\[1\] is inf,"),
    ([3e38, 3e38, 0.0], r"\[0\] is 3e\+38,"),
]


def cases() -> Iterator[tuple[str, float, str]]:
    for name, loss in ELEMENTWISE.items():
        yield from [(name, wrong, loss.message.format(f"{wrong:g}")) for wrong in loss.refused]


def test_every_loss_is_here() -> None:
    check_that_all_are_here()


@pytest.mark.parametrize(("name", "target", "message"), list(cases()))
def test_a_wrong_target_of_one_output(name: str, target: float, message: str) -> None:
    loss = function_of(name)
    p = Value(0.5)
    for given in (target, Value(target)):
        with pytest.raises(DataError, match=message):
            loss(p, given)
        with pytest.raises(DataError, match=rf"targets\[1\]: .*{message}"):
            loss([p, p], [1.0, given])
        with pytest.raises(DataError, match=rf"targets\[1\]\[0\]: .*{message}"):
            loss([[p], [p]], [[1.0], [given]])


@pytest.mark.parametrize(("name", "target", "message"), list(cases()))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_wrong_target_of_a_program(name: str, target: float, message: str, dtype: str) -> None:
    loss = function_of(name)
    p = Value(0.5)
    one = compile(lambda x, t: loss(p * x, t), [p], per_sample=True, dtype=dtype)
    two = compile(lambda x, t: loss([p * x, p], t), [p], per_sample=True, dtype=dtype)
    whole = compile(lambda X, T: loss([p * x for x in X], T), [p], dtype=dtype)
    X, right, wrong = np.ones(3), np.array([1.0, 1.0, 1.0]), np.array([1.0, 1.0, target])
    for program, good, bad in (
        (one, right, wrong),
        (two, np.ones((3, 2)), np.array([[1.0, 1.0], [target, 1.0], [1.0, 1.0]])),
        (whole, right, wrong),
    ):
        before = program(X, good)
        with pytest.raises(DataError, match=rf"(?i)t\[2\]: .*{message}"):
            program(X, bad)
        assert program(X, good) == before


@pytest.mark.parametrize(("row", "message"), ROWS)
@pytest.mark.parametrize("kind", ["numbers", "Values", "float32"])
def test_a_row_that_is_no_distribution(row: list[float], message: str, kind: str) -> None:
    z = [Value(1.0), Value(2.0), Value(0.5)]
    given: Any = np.array(row, dtype=np.float32) if kind == "float32" else row
    if kind == "Values":
        given = [Value(t) for t in row]
    with pytest.raises(DataError, match=rf"labels\[0\]{message}"):
        categorical_cross_entropy(z, given)
    with pytest.raises(DataError, match=rf"labels\[1\]{message}"):
        categorical_cross_entropy([z, z], [[0.0, 1.0, 0.0], given])


@pytest.mark.parametrize(("row", "message"), ROWS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("per_sample", [False, True])
def test_a_row_of_a_program_that_is_no_distribution(
    row: list[float], message: str, dtype: str, per_sample: bool
) -> None:
    z = [Value(1.0), Value(2.0), Value(0.5)]

    def of_sample(t: list[Value]) -> Value:
        loss: Value = categorical_cross_entropy(z, t)
        return loss

    def of_batch(t: list[list[Value]]) -> Value:
        loss: Value = categorical_cross_entropy([z, z], t)
        return loss

    program = compile(of_sample if per_sample else of_batch, z, per_sample=per_sample, dtype=dtype)
    good = np.array([[0.25, 0.25, 0.5], [0.0, 1.0, 0.0]])
    before = program(good)
    with pytest.raises(DataError, match=rf"t\[1\]{message}"):
        program(np.array([[1.0, 0.0, 0.0], row]))
    assert program(good) == before


@pytest.mark.parametrize("label", [3.0, -1.0, 0.5, nan])
def test_labels_that_are_values_or_arguments(label: float) -> None:
    z = [Value(1.0), Value(2.0), Value(0.5)]
    message = rf"\[1\] is {label:g}"
    with pytest.raises(DataError, match=f"labels{message}"):
        categorical_cross_entropy([z, z], [Value(0.0), Value(label)])
    program = compile(lambda t: categorical_cross_entropy(z, t), z, per_sample=True)
    assert_close(program([0.0, 2.0]), categorical_cross_entropy([z, z], [0, 2]).data)
    with pytest.raises(DataError, match=f"t{message}"):
        program([0.0, label])


def test_rows_of_float32_are_accepted() -> None:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(100), size=50).astype(np.float32)
    assert (rows.sum(axis=1) != 1.0).any()
    z = [Value(x) for x in rng.normal(size=100)]
    eager = categorical_cross_entropy([z] * 50, rows)
    program = compile(
        lambda t: categorical_cross_entropy(z, t), z, per_sample=True, dtype="float32"
    )
    assert program(rows) == pytest.approx(eager.data, rel=1e-5)


@pytest.mark.parametrize("row", [[1e308, 1.7e308], [nan, inf], [inf, -inf]])
def test_rows_of_which_there_is_no_sum(row: list[float]) -> None:
    with pytest.raises(DataError, match=r"labels\[0\]\[0\] is .* lies in 0 \.\.\. 1"):
        categorical_cross_entropy([[Value(0.0), Value(1.0)]], [row])


def test_of_many_rows_of_float32_only_the_wrong_ones_are_looked_at_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(10), size=5000).astype(np.float32)
    looked_at: list[str] = []
    check_row = targets._check_row

    def note(row: Any, name: str) -> None:
        looked_at.append(name)
        check_row(row, name)

    monkeypatch.setattr(targets, "_check_row", note)
    targets.DISTRIBUTION.check_array(rows, "t")
    assert looked_at == []
    rows[4321, 0] += 0.5
    with pytest.raises(DataError, match=r"t\[4321\] has the sum 1\.49999"):
        targets.DISTRIBUTION.check_array(rows, "t")
    assert looked_at == ["t[4321]"]


DISTRIBUTIONS: Final = [
    *([1.0], [0.0, 1.0], [1.0, 0.0, 0.0], [0.5, 0.5], [0.25, 0.25, 0.5], [1.0 / 3.0] * 3),
    *([0.5, 0.5 + 9e-7], [0.5, 0.5 - 9e-7], [1.0, 9e-7, 0.0]),
]


@pytest.mark.parametrize("row", DISTRIBUTIONS, ids=str)
def test_a_right_target_is_looked_at_once(
    row: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What says what is wrong, and takes longer, is not asked."""
    monkeypatch.setattr(targets, "_check_row", pytest.fail)
    targets.DISTRIBUTION.check([Value(t) for t in row], "t")
    monkeypatch.setattr(targets, "_given_numbers", pytest.fail)
    targets.PROBABILITIES.check(as_value(row[-1]))
    monkeypatch.setattr(targets, "_is_probability", pytest.fail)
    targets.DISTRIBUTION.check_array(np.array([row] * 1), "t")
    if abs(sum(row) - 1.0) < 1e-15:
        targets.DISTRIBUTION.check_array(np.array([row] * 9, dtype=np.float32), "t")


def test_many_rows_of_float32_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.full((5000, 10), 0.1, dtype=np.float32)
    rows[:, 0] += np.float32(2e-7)  # together they are off by more than one row may be
    assert np.linalg.norm(rows.dot(np.ones(10, np.float32)) - 1.0) > targets.TOLERANCE
    monkeypatch.setattr(targets, "_is_probability", pytest.fail)
    targets.DISTRIBUTION.check_array(rows, "t")


@pytest.mark.parametrize("kind", ["numbers", "Values"])
@pytest.mark.parametrize("off", [1.5e-6, -1.5e-6])
def test_a_sum_that_is_off_by_more_than_rounding(off: float, kind: str) -> None:
    row: list[Any] = [0.5, 0.5 + off]
    with pytest.raises(DataError, match=r"^t\[1\] has the sum"):
        targets.DISTRIBUTION.check_array(np.array([[0.0, 1.0], row]), "t")
    if kind == "Values":
        row = [Value(t) for t in row]
    with pytest.raises(DataError, match=r"^labels\[0\] has the sum"):
        categorical_cross_entropy([[Value(0.0), Value(1.0)]], [row])


def test_sums_that_are_off_to_both_sides_are_found() -> None:
    for row in ([0.5, 0.75], [0.5, 0.25], [-0.5, 1.5], [1.5, -0.5], [-1e-9, 1.0]):
        with pytest.raises(DataError, match=r"^t\[1\]"):
            targets.DISTRIBUTION.check_array(np.array([[1.0, 0.0], row, [0.0, 1.0]]), "t")


def test_what_is_computed_may_be_anything() -> None:
    x = Value(2.0)
    assert mean_squared_error(x, x * inf).data == inf
    assert binary_cross_entropy_with_logits(x, x * 1.0).data < 0.0
    row = [x * 1.0, x * 0.0]
    assert categorical_cross_entropy([Value(0.0), Value(0.0)], row).data > 0.0
    for part in ([x * 1.0, 0.0], [7.0, x * 0.0], [Value(7.0), x * 1.0]):  # or partly
        assert categorical_cross_entropy([Value(0.0), Value(0.0)], part).data > 0.0
    assert categorical_cross_entropy([[Value(0.0)] * 2], [x * 0.5]).data == pytest.approx(log(2.0))


def test_an_array_that_has_passed_is_not_checked_again_and_fit_need_not() -> None:
    p = Value(0.5)
    program = compile(lambda x, t: hinge(p * x, t), [p], per_sample=True)
    x, t = np.ones(2), np.array([1.0, -1.0])
    program(x, t)
    t[0] = 0.0
    program(x, t)  # the same array
    with pytest.raises(DataError, match=r"t\[0\]"):
        program(x, t.copy())
    program.checks_targets = False
    program(x, t.copy())


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize(
    ("loss", "n_outputs", "wrong"),
    [
        ("mean_squared_error", 1, nan),
        ("mean_absolute_error", 1, inf),
        ("binary_cross_entropy_with_logits", 2, [0.0, 1.5]),
        ("binary_cross_entropy", 2, [0.0, nan]),
        ("categorical_cross_entropy", 3, [0.0, 0.0, 0.0]),
        ("categorical_cross_entropy", 3, [0.0, 2.0, 0.0]),
        ("categorical_cross_entropy", 3, [0.0, nan, 1.0]),
    ],
)
def test_fit_refuses_before_the_first_step(
    engine: str, loss: str, n_outputs: int, wrong: Any
) -> None:
    model = MLP(2, [n_outputs], output_activation="sigmoid" if loss.endswith("py") else None, rng=0)
    before = [p.data for p in model.parameters()]
    right: Any = np.eye(n_outputs)[0].tolist() if n_outputs > 1 else 1.0
    y = [right] * 9 + [wrong]
    with pytest.raises(DataError, match="9"):
        fit(model, np.ones((10, 2)), y, loss=loss, batch_size=1, engine=engine)
    assert [p.data for p in model.parameters()] == before


def of_rows(outputs: Any, rows: Any) -> Value:
    loss: Value = categorical_cross_entropy(outputs, rows)
    return loss


def test_fit_says_how_to_train_on_probabilities() -> None:
    rows = np.array([[0.25, 0.75], [1.0, 0.0]])
    X = np.ones((2, 2))
    with pytest.raises(ShapeError, match=r"loss=lambda outputs, rows: categorical_cross_entropy"):
        fit(MLP(2, [2], rng=0), X, rows, loss="categorical_cross_entropy")
    history = fit(MLP(2, [2], rng=0), X, rows, loss=of_rows)
    assert as_compiled(history.engine) == "compiled"


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_loss_of_ones_own_is_refused_at_the_batch(engine: str) -> None:
    rows = np.array([[1.0, 0.0], [0.0, 0.5]])
    with pytest.raises(DataError, match=r"\[1\] has the sum 0\.5"):
        fit(MLP(2, [2], rng=0), np.ones((2, 2)), rows, loss=of_rows, engine=engine)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: hinge(x, 0.5),
        lambda x: binary_cross_entropy_with_logits(x, -1.0),
        lambda x: categorical_cross_entropy([x, x], [0.5, 0.25]),
        lambda x: categorical_cross_entropy([x, x], 2),
    ],
)
def test_a_number_that_is_written_in_the_function_is_checked_while_it_is_recorded(
    wrong: Any,
) -> None:
    with pytest.raises(DataError, match=r"0\.5|-1|0\.75|2"):
        compile(wrong)(1.0)


@pytest.mark.parametrize("per_sample", [False, True])
def test_a_target_of_a_program_that_is_a_leaf_is_checked_at_each_call(per_sample: bool) -> None:
    p, target = Value(0.5), Value(2.0)

    def of_sample(x: Value) -> Value:
        loss: Value = binary_cross_entropy_with_logits([p * x], [target])
        return loss

    def of_batch(xs: list[Value]) -> Value:
        return of_sample(xs[0])

    program = compile(of_sample if per_sample else of_batch, [p], per_sample=per_sample)
    x = np.ones(1)
    for wrong in (2.0, nan):
        target.data = wrong
        with pytest.raises(DataError, match=rf"targets\[0\]: .*, got {wrong:g};"):
            program(x)
        target.data = 1.0
        assert_close(program(x), binary_cross_entropy_with_logits([p], [target]).data)
    target.data = -1.0
    program.checks_targets = False
    program(x)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_row_of_arguments_numbers_and_leaves_is_checked(dtype: str) -> None:
    p, rest = Value(0.5), Value(0.5)

    def of_sample(x: Value, y: Value) -> Value:
        loss: Value = categorical_cross_entropy([[p * x, 0.0, 1.0]], [[y, rest, 0.25]])
        return loss

    program = compile(of_sample, [p], per_sample=True, dtype=dtype)
    x, y = np.ones(2), np.array([0.25, 0.25])
    before = program(x, y)
    with pytest.raises(DataError, match=r"targets\[1\]\[0\] is 7,"):
        program(x, np.array([0.25, 7.0]))
    with pytest.raises(DataError, match=r"targets\[0\] has the sum 1\.25,"):
        program(x, np.array([0.5, 0.25]))
    rest.data = 0.0
    with pytest.raises(DataError, match=r"targets\[0\] has the sum 0\.5,"):
        program(x, y)
    rest.data = 0.5
    assert program(x, y) == before


def test_a_row_of_two_arguments_is_checked() -> None:
    p = Value(0.5)
    program = compile(lambda x, y: categorical_cross_entropy([[p, 0.0]], [[x, y]]), [p])
    program(0.25, 0.75)
    with pytest.raises(DataError, match=r"targets\[0\] has the sum 0\.5,"):
        program(0.25, 0.25)


@pytest.mark.parametrize("label", [2.0, 0.5])
def test_a_label_of_a_program_that_is_a_leaf(label: float) -> None:
    p, own = Value(0.5), Value(1.0)
    program = compile(
        lambda x, t: categorical_cross_entropy([[p * x, 0.0]] * 2, [t, own]), [p], per_sample=True
    )
    program([1.0], [0.0])
    own.data = label
    with pytest.raises(DataError, match=rf"is {label:g}, but|is {label:g}"):
        program([1.0], [0.0])


def test_a_target_that_is_trained_computed_or_assigned_is_not_checked() -> None:
    p, buffer = Value(2.0), Value(2.0)
    compile(lambda x: binary_cross_entropy_with_logits(x, p), [p])(1.0)

    def assigned(x: Value) -> Value:
        assign(buffer, x * 3.0)
        loss: Value = binary_cross_entropy_with_logits(x, buffer)
        return loss

    compile(assigned, [])(1.0)


def test_a_label_is_a_class_of_every_sample() -> None:
    two, three = [Value(0.0)] * 2, [Value(0.0)] * 3
    for labels in ([2, 2], [Value(2.0), Value(2.0)]):
        with pytest.raises(DataError, match="the labels of 2 classes are 0 to 1"):
            categorical_cross_entropy([two, three], labels)
