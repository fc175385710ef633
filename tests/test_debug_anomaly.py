"""What ``detect_anomaly`` says, word for word, and when it says nothing."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import numpy as np
import pytest

from tinygrad_mlp import Value, functional, no_grad, ops
from tinygrad_mlp._recording import pass_observer
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.debug import detect_anomaly, record_creation, trace_backward
from tinygrad_mlp.debug._anomaly import advice_for
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import apply
from tinygrad_mlp.errors import NonFiniteError

BRANCHES = "inside a where too, which computes both branches"
NAN_INPUT = "an input is nan already; look where that one comes from"
INF_INPUT = "an input is inf already; look where that one comes from"
OF_INF = "an input is inf already, and inf - inf or 0 * inf is nan"
TOO_LARGE = "the result is larger than 1.8e308; the numbers explode: scale them, or step less"
ON_THE_WAY = (
    "numbers on the way are larger than 1.8e308, and inf - inf is nan; the numbers explode: scale "
    "them, or step less"
)
LOG_0 = f"log(0) is -inf; keep its argument above 0 ({BRANCHES}), or take the loss from the logits"
EXP = "exp overflows above 709.78; subtract the largest first, as softmax and logsumexp do"
DIVISION = f"a division by 0; keep the divisor away from 0 ({BRANCHES})"
ROOT = f"sqrt of a negative number is nan; keep its argument at least 0 ({BRANCHES})"
FRACTIONAL = (
    f"a negative number to a fractional power is nan; keep the base at least 0 ({BRANCHES})"
)
NEGATIVE_POWER = f"0 to a negative power is inf; keep the base away from 0 ({BRANCHES})"


@pytest.mark.parametrize(
    ("op", "inputs", "advice"),
    [
        ("log", [0.0], LOG_0),
        ("log", [-0.0], LOG_0),
        ("log", [-1.0], f"log of a negative number is nan; keep its argument above 0 ({BRANCHES})"),
        (
            "log1p",
            [-1.0],
            f"log1p(-1) is log(0), which is -inf; keep its argument above -1 ({BRANCHES})",
        ),
        (
            "log1p",
            [-2.0],
            f"log1p of a number below -1 is nan; keep its argument above -1 ({BRANCHES})",
        ),
        ("sqrt", [-1.0], ROOT),
        ("exp", [710.0], EXP),
        ("expm1", [710.0], EXP),
        ("exp", [inf], INF_INPUT),
        ("exp", [nan], NAN_INPUT),
        ("sin", [-inf], "an input is -inf already; look where that one comes from"),
        ("div", [1.0, 0.0], DIVISION),
        ("div", [0.0, 0.0], f"0/0 is nan; keep the divisor away from 0 ({BRANCHES})"),
        ("div", [inf, 0.0], DIVISION),
        ("div", [1e300, 1e-300], TOO_LARGE),
        ("div", [inf, inf], OF_INF),
        ("reciprocal", [0.0], DIVISION),
        ("reciprocal", [1e-320], TOO_LARGE),
        ("pow", [-2.0, 0.5], FRACTIONAL),
        ("pow_number", [-2.0, 1.5], FRACTIONAL),
        ("pow", [-1e200, 2.0], TOO_LARGE),
        ("pow", [1e200, 2.5], TOO_LARGE),
        ("pow", [0.0, -1.0], NEGATIVE_POWER),
        ("pow_number", [0.0, -0.5], NEGATIVE_POWER),
        ("pow", [1e-200, -2.0], TOO_LARGE),
        ("pow", [1e-200, -2.5], TOO_LARGE),
        ("pow", [-2.0, inf], INF_INPUT),
        ("add", [nan, inf], NAN_INPUT),
        ("sub", [inf, nan], NAN_INPUT),
        ("sub", [inf, inf], OF_INF),
        ("mul", [0.0, -inf], "an input is -inf already, and inf - inf or 0 * inf is nan"),
        ("mul", [2.0, inf], INF_INPUT),
        ("mul", [1e200, 1e200], TOO_LARGE),
        ("sum", [1e308, 1e308, -1.0], TOO_LARGE),
        ("sum", [1.0, inf, 2.0], INF_INPUT),
        ("dot", [1e200, -1e200, 1e200, 1e200], ON_THE_WAY),
    ],
)
def test_the_advice_about_an_op_that_gives_nan_or_inf(
    op: str, inputs: list[float], advice: str
) -> None:
    output = apply(ops.OPS[op], *map(Value, inputs)).data
    assert advice_for(ops.OPS[op], inputs, output) == advice
    assert output - output != 0.0


def told(build: Callable[[], object]) -> list[str]:
    """The lines of the error, without the one that says where the node was made."""
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        build()
    lines = str(caught.value).splitlines()
    assert lines.pop(1).startswith(f"  made at: {__file__}:")
    return [line.removeprefix("  ") for line in lines]


def labeled(*numbers: float) -> list[Value]:
    return [Value(x, label=f"x{i}") for i, x in enumerate(numbers)]


@pytest.mark.parametrize(
    ("build", "inputs"),
    [
        (lambda: Value(0.0, label="p").log(), "p = 0.0"),
        (lambda: Value(1.0) / Value(0.0, label="p"), "1.0, p = 0.0"),
        (lambda: functional.sum(labeled(1, 2, 3, 4, 5, inf)), None),
        (
            lambda: functional.sum(labeled(1, 2, 3, 4, 5, 6, inf)),
            "x6 = inf, x0 = 1.0, x1 = 2.0, x2 = 3.0, x3 = 4.0, x4 = 5.0, and 1 more",
        ),
        (
            lambda: functional.sum(labeled(*[1.0] * 7, nan, 2.0, inf)),
            "x7 = nan, x9 = inf, x0 = 1.0, x1 = 1.0, x2 = 1.0, x3 = 1.0, and 4 more",
        ),
    ],
)
def test_up_to_6_inputs_are_shown_and_of_more_those_that_are_wrong(
    build: Callable[[], object], inputs: str | None
) -> None:
    expected = inputs or "x0 = 1.0, x1 = 2.0, x2 = 3.0, x3 = 4.0, x4 = 5.0, x5 = inf"
    assert told(build)[1] == f"inputs: {expected}"


def masked_root() -> None:
    x = Value(0.0, label="x")
    root = x.sqrt()
    root.label = "root"
    functional.where(x > 0.0, root, x).backward()


def masked_by_maximum() -> None:
    x = Value(0.0)
    out = functional.maximum(2.0 * x**0.5, 1.0)
    out.label = "out"
    out.backward()


def masked_division() -> None:
    x = Value(1e-200, label="x")
    functional.where(x > 0.0, x, 2.0 / x).backward()


def masked_reciprocal() -> None:
    x = Value(1e-200, label="x")
    functional.where(x > 0.0, x, functional.reciprocal(x)).backward()


def root_at_0() -> None:
    y = Value(0.0, label="x").sqrt()
    y.label = "y"
    y.backward()


def power_at_0() -> None:
    (Value(0.0, label="x") ** 0.5).backward()


def root_times_0() -> None:
    (0.0 * Value(0.0, label="x").sqrt()).backward()


def left_over() -> None:
    x = Value(1.0, label="x")
    x.grad = inf
    (x * 2.0).backward()


def explodes() -> None:
    y = Value(1e-300) * 1e300
    y.label = "y"
    (y * 1e200).backward()


def tiny_base() -> None:
    (Value(1e-300, label="x") ** -0.5).backward()


def root_below_a_mask_that_lets_through() -> None:
    (0.0 * Value(0.0, label="x").sqrt() + 1.0).relu().backward()


def tiny_divisor() -> None:
    (1.0 / Value(1e-200, label="x")).backward()


def sum_explodes() -> None:
    x = Value(1e-300, label="x")
    (x * 1.5e308 + x * 1.5e308).backward()


NOT_CHOSEN = (
    "0 * inf is nan: this branch was not chosen by {}, but its derivative is computed all the "
    "same; choose the argument first: {}"
)


@pytest.mark.parametrize(
    ("build", "what", "inputs", "advice"),
    [
        (
            masked_root,
            "the gradient of x becomes nan in the backward pass of sqrt (root): 0.0 * inf = nan",
            "x = 0.0",
            NOT_CHOSEN.format("where", "sqrt(where(x > 0, x, 1.0))"),
        ),
        (
            masked_by_maximum,
            "the gradient of operand 1 of pow_number becomes nan in the backward pass of "
            "pow_number: 0.0 * inf = nan",
            "0.0, 0.5",
            NOT_CHOSEN.format("maximum (out)", "where(x > 0, x, 1.0) ** 0.5"),
        ),
        (
            masked_division,
            "the gradient of x becomes nan in the backward pass of div: 0.0 * -inf = nan",
            "2.0, x = 1e-200",
            NOT_CHOSEN.format("where", "1.0 / where(x > 0, x, 1.0)"),
        ),
        (
            masked_reciprocal,
            "the gradient of x becomes nan in the backward pass of reciprocal: 0.0 * -inf = nan",
            "x = 1e-200",
            NOT_CHOSEN.format("where", "1.0 / where(x > 0, x, 1.0)"),
        ),
        (
            root_at_0,
            "the gradient of x becomes inf in the backward pass of sqrt (y): 1.0 * inf = inf",
            "x = 0.0",
            "the derivative of sqrt at 0 is inf; add a small number to its argument",
        ),
        (
            power_at_0,
            "the gradient of x becomes inf in the backward pass of pow_number: 1.0 * inf = inf",
            "x = 0.0, 0.5",
            "the derivative of x^0.5 at 0 is inf; add a small number to its argument",
        ),
        (
            root_times_0,
            "the gradient of x becomes nan in the backward pass of sqrt: 0.0 * inf = nan",
            "x = 0.0",
            "0 * inf is nan; keep away from the point where the local derivative is inf",
        ),
        (
            root_below_a_mask_that_lets_through,
            "the gradient of x becomes nan in the backward pass of sqrt: 0.0 * inf = nan",
            "x = 0.0",
            "0 * inf is nan; keep away from the point where the local derivative is inf",
        ),
        (
            tiny_base,
            "the gradient of x becomes -inf in the backward pass of pow_number: 1.0 * -inf = -inf",
            "x = 1e-300, -0.5",
            "the local derivative is not finite here; keep away from this point",
        ),
        (
            left_over,
            "the gradient of x becomes inf in the backward pass of mul: 1.0 * 2.0 = 2.0",
            "x = 1.0, 2.0",
            "the gradient of x was inf before this pass, and leaves add up; clear it first: "
            "leaf.zero_grad(), or optimizer.zero_grad()",
        ),
        (
            explodes,
            "the gradient of operand 1 of mul becomes inf in the backward pass of mul (y): "
            "1e+200 * 1e+300 = inf",
            "1e-300, 1e+300",
            "the gradient is larger than 1.8e308: it explodes; clip it, or step less",
        ),
        (
            tiny_divisor,
            "the gradient of x becomes -inf in the backward pass of div: 1.0 * -inf = -inf",
            "1.0, x = 1e-200",
            "the local derivative is not finite here; keep away from this point",
        ),
        (
            sum_explodes,
            "the gradient of x becomes inf in the backward pass of mul: 1.0 * 1.5e+308 = 1.5e+308",
            "x = 1e-300, 1.5e+308",
            "the gradient is larger than 1.8e308: it explodes; clip it, or step less",
        ),
    ],
)
def test_what_is_said_of_a_backward_pass(
    build: Callable[[], object], what: str, inputs: str, advice: str
) -> None:
    assert told(build) == [what, f"inputs: {inputs}", f"advice: {advice}"]


def test_a_node_that_was_made_before_the_block_has_no_place() -> None:
    loss = Value(0.0, label="x").sqrt()
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        loss.backward()
    place = str(caught.value).splitlines()[1]
    assert place == "  made at: unknown (make the graph within the block too)"


def test_a_number_of_a_node_that_was_changed_is_told() -> None:
    loss = Value(1.0, label="x") * 2.0
    loss.data, loss.label = nan, "y"
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        loss.backward()
    lines = str(caught.value).splitlines()
    assert lines[0] == "mul (y) gives nan in the forward pass"
    assert lines[2:] == ["  inputs: x = 1.0, 2.0", f"  advice: {ON_THE_WAY}"]


def test_leaves_may_be_what_they_are() -> None:
    x = Value(nan)
    with detect_anomaly():
        chosen = functional.where(Value(1.0), Value(2.0, label="y"), x)
        chosen.backward()
    assert (chosen.data, chosen.parents[1].grad) == (2.0, 1.0)


@pytest.mark.parametrize("with_bias", [False, True])
def test_within_the_block_gradients_add_up_as_without(with_bias: bool) -> None:
    def gradients(checked: bool) -> list[float]:
        x, y, unused = Value(3.0), Value(0.5), Value(7.0)
        y.grad = 2.0
        loss = functional.where(unused, x * y + y, x)
        if with_bias:
            loss = loss * x
        inner = loss.parents[0]
        for _ in range(2):
            if checked:
                with detect_anomaly():
                    loss.backward()
            else:
                loss.backward()
        return [x.grad, y.grad, unused.grad, loss.grad, inner.grad, float(unused.has_grad)]

    assert gradients(checked=True) == gradients(checked=False)


@pytest.mark.parametrize("gradient", [-2.5, Value(-2.5)])
def test_within_the_block_backward_takes_a_gradient_and_none_is_a_cleared_one(
    gradient: Value | float,
) -> None:
    """d (w * x) / dw is x = 3, times the gradient -2.5."""
    w, x, alone, unused = Value(2.0), Value(3.0), Value(1.0), Value(1.0)
    for leaf in (w, alone, unused):
        leaf.grad = None  # type: ignore[assignment]
    with detect_anomaly():
        out = functional.where(unused, w * x, x)
        out.backward(gradient)
        alone.backward(gradient)
    assert (out.grad, w.grad, x.grad) == (-2.5, -7.5, -5.0)
    assert (alone.grad, unused.grad) == (-2.5, 0.0)


def test_the_gradient_of_a_leaf_by_itself_adds_up_within_the_block() -> None:
    x = Value(3.0)
    with detect_anomaly():
        x.backward()
        x.backward()
    assert x.grad == 2.0


def test_grad_within_the_block_is_that_without() -> None:
    x, y, z = Value(3.0), Value(0.5), Value(2.0)
    loss = (x * y + x.exp()) * z
    with detect_anomaly():
        checked = grad(loss, [x, y, Value(1.0)])
    assert checked == grad(loss, [x, y, Value(1.0)])
    assert checked[2] == 0.0


def test_grad_of_what_is_not_asked_for_is_not_looked_at() -> None:
    x, y = Value(0.0), Value(2.0)
    loss = x.sqrt() * y
    with detect_anomaly():
        assert grad(loss, [y]) == [0.0]
        with pytest.raises(NonFiniteError, match=r"2\.0 \* inf = inf"):
            grad(loss, [x])


def test_only_within_the_block_is_a_trace_checked() -> None:
    loss = Value(0.0).sqrt()
    with record_creation():
        assert pass_observer() is None
        assert len(trace_backward(loss)) == 1
    with detect_anomaly():
        assert pass_observer() is not None
        with pytest.raises(NonFiniteError, match="sqrt at 0 is inf"):
            trace_backward(loss)
    assert len(trace_backward(loss)) == 1


@pytest.mark.parametrize("name", ["unary", "binary", "any_arity"])
def test_every_kind_of_node_is_checked_when_it_is_made(name: str) -> None:
    build: Callable[[], Value] = {
        "unary": lambda: Value(800.0).exp(),
        "binary": lambda: Value(1e300) * Value(1e300),
        "any_arity": lambda: functional.sum([Value(1e308)] * 3),
    }[name]
    with detect_anomaly():
        for _ in range(2):
            with pytest.raises(NonFiniteError, match="gives inf in the forward pass"):
                build()
        with no_grad(), pytest.raises(NonFiniteError, match=r"inputs: (800\.0|1e\+30)"):
            build()
    assert build().data == inf


def test_of_a_program_the_loss_the_gradients_and_the_predictions_are_looked_at() -> None:
    w = Value(1.0, label="w")
    loss = compile(lambda x: x.log() * w, [w], per_sample=True)
    slope = compile(lambda x: (x - w).sqrt(), [w], per_sample=True)
    outputs = compile(lambda x: [x.log(), x], per_sample=True)
    both = compile(lambda x: (w * x, x.log()), [w], has_auxiliary=True)
    for program, good, bad, op in (
        (loss, [1.0, 2.0], [1.0, 0.0], "log"),
        (slope, [2.0, 3.0], [1.0, 2.0], "sqrt"),
        (outputs, [1.0, 2.0], [1.0, 0.0], "log"),
        (both, 1.0, 0.0, "log"),
    ):
        with detect_anomaly():
            np.testing.assert_array_equal(program(good), program(good))
            with pytest.raises(NonFiniteError) as caught:
                program(bad)
        lines = str(caught.value).splitlines()
        note = "a compiled program came upon nan or inf, and its batch was computed again eagerly:"
        assert lines[0] == note
        assert op in lines[1]
        assert lines[-1].startswith("  advice: ")
        program(bad)


def test_a_program_that_only_predicts_has_no_backward_pass_to_look_at() -> None:
    outputs = compile(lambda x: [x.sqrt(), 1.0 / (x - 1.0)], per_sample=True)
    with detect_anomaly():
        assert outputs([0.0]).tolist() == [[0.0, -1.0]]
        with no_grad(), pytest.raises(NonFiniteError, match="div gives inf"):
            outputs([1.0])


@pytest.mark.parametrize("trained", [True, False])
def test_numbers_that_only_the_program_finds_too_large_are_told_with_its_precision(
    trained: bool,
) -> None:
    w = Value(1e30)
    trains = compile(lambda x: w * x * 1e-30, [w], dtype="float32")
    predicts = compile(lambda x: w * x * 1e-30, dtype="float32")
    with pytest.raises(NonFiniteError) as caught, detect_anomaly():
        (trains if trained else predicts)(1e30)
    assert str(caught.value) == (
        "a compiled program came upon nan or inf, and its batch was computed again eagerly:\n"
        "  there all numbers are finite; the program computes in float32, which ends at 3.4e+38, "
        "and in another order\n"
        "  advice: the numbers explode: scale them, or step less"
    )


def test_the_same_random_numbers_are_drawn_again() -> None:
    rng, w = np.random.default_rng(0), Value(1.0, label="w")
    program = compile(lambda x: w * functional.uniform(rng) * (x / x), [w])
    state = rng.bit_generator.state
    with pytest.raises(NonFiniteError, match="div gives nan"), detect_anomaly():
        program(0.0)
    other = np.random.default_rng()
    other.bit_generator.state = state
    other.random()
    assert rng.random() == other.random()
