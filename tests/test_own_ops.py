"""An operation that a person declares, outside the package: it is known everywhere."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch

from tests.replaying import recorded
from tests.running import run_python
from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import _own_ops as own_ops
from tinygrad_mlp import compile, functional, ops
from tinygrad_mlp._own_ops import OpFunction
from tinygrad_mlp.debug import detect_anomaly, trace_forward
from tinygrad_mlp.derivatives import check_gradients, grad
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GradientCheckError, InvalidArgumentError, TracingError
from tinygrad_mlp.functional import declare
from tinygrad_mlp.nn import ACTIVATIONS, MLP
from tinygrad_mlp.nn._activations import listed_activation
from tinygrad_mlp.nn.init import initializer_for
from tinygrad_mlp.training import load_model, save_weights

PROGRAM: Final = """
import copy
import pickle

import numpy as np
import viz
from tinygrad_mlp import MLP, Value, compile, debug, functional
from tinygrad_mlp.derivatives import check_gradients, grad


def my_softsign_forward(xp, x):
    return xp.divide(x, 1.0 + xp.absolute(x))


def my_softsign_partial(xp, out, x):
    size = 1.0 + xp.absolute(x)
    return xp.divide(1.0, size * size)


my_softsign = functional.declare("my_softsign", my_softsign_forward, my_softsign_partial)

x = Value(0.5, label="x")
y = my_softsign(x)
y.backward()
print("value", y.data, x.grad)
(slope,) = grad(my_softsign(x), [x], create_graph=True)
print("second", *grad(slope, [x]))
check_gradients(my_softsign, [0.5])

w = Value(0.75, label="w")
X = np.array([0.5, -1.0, 2.0])
for per_sample in (True, False):
    for dtype in ("float64", "float32"):
        if per_sample:
            program = compile(lambda x: my_softsign(w * x), [w], per_sample=True, dtype=dtype)
        else:
            program = compile(
                lambda xs: functional.mean([my_softsign(w * x) for x in xs]), [w], dtype=dtype
            )
        print("compiled", program(X), program.gradients[0])

model = MLP(1, [2, 1], activation=my_softsign, rng=0)
print("model", model)
copied = copy.deepcopy(model)
read = pickle.loads(pickle.dumps(model))
print("same", model([0.3]).data == copied([0.3]).data == read([0.3]).data)
graph = pickle.loads(pickle.dumps(y))
print("pickled", graph.op is y.op, copy.deepcopy(y).op is y.op)

drawing = viz.draw(y, "graph.svg").read_text()
print("drawn", "my_softsign" in viz.to_svg(y), "my_softsign" in drawing)
viz.replay(y, "page.html")
print("step", *debug.trace_backward(y))
print("step", *debug.trace_forward(y))
"""


def torch_softsign(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.softsign(x)


def test_an_operation_in_a_program_of_one_s_own(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    lines = run_python(program, folder=tmp_path).splitlines()
    printed: dict[str, list[str]] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        printed.setdefault(word, []).append(rest)

    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = torch_softsign(x)
    (slope,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(slope, x)
    numbers = [float(number) for number in printed["value"][0].split()]
    assert numbers == pytest.approx([y.item(), slope.item()], rel=1e-15)
    assert float(printed["second"][0]) == pytest.approx(second.item(), rel=1e-12)

    w = torch.tensor(0.75, dtype=torch.float64, requires_grad=True)
    mean = torch_softsign(w * torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)).mean()
    mean.backward()
    for row, tolerance in zip(printed["compiled"], (1e-14, 1e-6, 1e-14, 1e-6), strict=True):
        numbers = [float(number) for number in row.split()]
        assert numbers == pytest.approx([mean.item(), w.grad.item()], rel=tolerance)  # type: ignore[union-attr]

    assert "2 my_softsign(1) neurons" in printed["model"][0]
    assert printed["same"] == ["True"]
    assert printed["pickled"] == ["True True"]
    assert printed["drawn"] == ["True True"]
    assert "my_softsign" in str(recorded((tmp_path / "page.html").read_text(encoding="utf-8")))
    backward, forward = printed["step"]
    assert backward == "dv1/dx += dv1/dv1 * dv1/dx = 1 * 0.4444 = 0.4444"
    assert forward.endswith("v1 = my_softsign(x) = my_softsign(0.5) = 0.3333")


# In this process


@pytest.fixture(autouse=True)
def table_as_before() -> Iterator[None]:
    before = dict(ops.OPS)
    yield
    ops.OPS.clear()
    ops.OPS.update(before)


def cube_forward(xp: Any, x: Any) -> Any:
    return x * x * x


def cube_partial(xp: Any, out: Any, x: Any) -> Any:
    return 3.0 * x * x


def norm_forward(xp: Any, a: Any, b: Any) -> Any:
    return xp.sqrt(a * a + b * b)


def norm_partial_a(xp: Any, out: Any, a: Any, b: Any) -> Any:
    return xp.divide(a, out)


def norm_partial_b(xp: Any, out: Any, a: Any, b: Any) -> Any:
    return xp.divide(b, out)


def test_of_two_inputs_each_has_its_derivative() -> None:
    norm = declare("norm", norm_forward, norm_partial_a, norm_partial_b, symbol="‖·‖")
    a = Value(3.0)
    out = norm(a, 4)
    assert (out.data, out.partials, out.parents[0]) == (5.0, (0.6, 0.8), a)
    assert out.op is not None
    assert (out.op.formula, out.op.symbol) == ("norm(a, b)", "‖·‖")
    expected = torch.autograd.functional.hessian(
        lambda a, b: torch.sqrt(a * a + b * b),
        (torch.tensor(3.0, dtype=torch.float64), torch.tensor(4.0, dtype=torch.float64)),
    )
    x, y = Value(3.0), Value(4.0)
    rows = [grad(row, [x, y]) for row in grad(norm(x, y), [x, y], create_graph=True)]
    np.testing.assert_allclose(rows, [[z.item() for z in row] for row in expected], rtol=1e-12)


def test_of_four_inputs_the_formula_and_the_steps_name_all() -> None:
    def forward(xp: Any, a: Any, b: Any, c: Any, p: Any) -> Any:
        return a - b + c - p

    def last_partial(xp: Any, out: Any, a: Any, b: Any, c: Any, p: Any) -> Any:
        return -1.0

    blend = declare("blend", forward, 1, -1, 1, last_partial)
    leaves = [Value(float(i), label=f"v{i}") for i in range(4)]
    out = blend(*leaves)
    assert out.partials == (1.0, -1.0, 1.0, -1.0)
    assert out.op is not None
    assert out.op.partial_formulas == ("1", "-1", "1", "d blend / dp")
    assert "blend(v0, v1, v2, v3)" in " ".join(map(str, trace_forward(out)))


def test_a_derivative_of_0_is_one_to_which_nothing_flows() -> None:
    def forward(xp: Any, x: Any) -> Any:
        return xp.where(x > 0.0, 1.0, 0.0)

    step = declare("step", forward, 0)
    x, infinite = Value(0.0), Value(float("inf"))
    out = step(x.sqrt()) * infinite
    out.backward()
    assert (x.grad, x.has_grad) == (0.0, True)  # not inf * 0 * inf, which is nan


def sum_of_three(xp: Any, a: Any, b: Any, c: Any) -> Any:
    return a + b + c


def sum_of_all(xp: Any, inputs: Any) -> Any:
    return xp.sum(inputs)


@pytest.mark.parametrize(
    ("forward", "partials", "variadic", "by_y"),
    [(sum_of_three, (0, 1, 1), False, 2.0), (sum_of_all, (0,), True, 0.0)],
)
def test_it_ends_the_flow_however_many_inputs_there_are(
    forward: Any, partials: tuple[float, ...], variadic: bool, by_y: float
) -> None:
    held = declare("held", forward, *partials, variadic=variadic)
    x, y = Value(0.0), Value(2.0)
    held(x.sqrt(), y.square() / 4.0, y).backward()
    assert (x.grad, x.has_grad) == (0.0, True)  # not 0 times the slope of the root, which is nan
    assert (y.grad, y.has_grad) == (by_y, True)


def test_a_wrong_derivative_is_found() -> None:
    wrong = declare("wrong_cube", cube_forward, norm_partial_of_one)
    with pytest.raises(GradientCheckError):
        check_gradients(wrong, [0.7])
    check_gradients(declare("cube", cube_forward, cube_partial), [0.7])


def norm_partial_of_one(xp: Any, out: Any, x: Any) -> Any:
    return 2.0 * x


def test_declared_once_more_the_new_one_counts() -> None:
    def wrong(xp: Any, out: Any, x: Any) -> Any:
        return x

    first = declare("cube", cube_forward, wrong)
    old = first(Value(2.0))
    second = declare("cube", cube_forward, cube_partial)
    x = Value(2.0)
    second(x).backward()
    assert x.grad == 12.0
    assert old.op is first.op is not second.op
    assert copy.deepcopy(old).op is first.op
    assert pickle.loads(pickle.dumps(second)).op is second.op


@pytest.mark.parametrize("name", ["B", "t", "z", "x", "g_tanh", "log1", "np_"])
@pytest.mark.parametrize("per_sample", [True, False])
def test_no_name_is_in_the_way_of_another_in_a_program(name: str, per_sample: bool) -> None:
    own = declare(name, cube_forward, cube_partial)
    w, v = Value(0.7), Value(0.3)

    def loss(x: Value) -> Value:
        h = [(w * x).tanh(), (v * x).exp()]
        for _ in range(3):
            h = [own(h[0] * w) + functional.log10(h[1] + 2.0), own(h[1] * v).tanh() * h[0]]
        return functional.log2(functional.sum(h) + 3.0)

    program = compile(loss, [w, v], per_sample=per_sample)
    value = program([0.5, -0.25] if per_sample else 0.5)
    gradients = program.gradients.copy()
    outs = [loss(Value(x)) for x in ([0.5, -0.25] if per_sample else [0.5])]
    mean = functional.mean(outs)
    mean.backward()
    assert value == pytest.approx(mean.data, rel=1e-13)
    assert gradients == pytest.approx([w.grad, v.grad], rel=1e-12)


def branching(xp: Any, x: Any) -> Any:
    return x if x > 0.0 else -x


def by_math(xp: Any, x: Any) -> Any:
    import math

    return math.exp(x)


@pytest.mark.parametrize("rule", [branching, by_math])
def test_a_rule_that_asks_for_a_number_is_not_compiled(rule: Any) -> None:
    own = declare("own", rule, 1.0)
    w = Value(2.0)
    assert own(w).data == rule(None, 2.0)
    with pytest.raises(TracingError, match=r"test_own_ops\.py, line \d+.*xp\.where.*xp\.exp"):
        compile(lambda x: own(w * x), [w], per_sample=True)([1.0])


def test_a_rule_may_have_quotients_and_powers() -> None:
    def forward(xp: Any, x: Any) -> Any:
        return (1.0 / (1.0 + x * x)) ** 2 / x

    def partial(xp: Any, out: Any, x: Any) -> Any:
        return -4.0 * x / (1.0 + x * x) ** 3 / x - out / x

    bell = declare("bell", forward, partial)
    w = Value(0.5)
    check_gradients(bell, [0.5])
    for irregular in (False, True):

        def loss(x: Value, irregular: bool = irregular) -> Value:
            return bell(w * x) + (bell(bell(x + 1.0)) if irregular else 0.0)

        program = compile(loss, [w])
        expected = loss(Value(2.0))
        assert program(2.0) == pytest.approx(expected.data, rel=1e-14)


def test_an_activation_of_one_s_own_is_found_by_name(tmp_path: Path) -> None:
    assert "cube" not in ACTIVATIONS
    cube = declare("cube", cube_forward, cube_partial, activation=True, relu_like=True)
    by_name, by_function = (MLP(2, [3, 1], activation=f, rng=0) for f in ("Cube", cube))
    assert by_name([1.0, 2.0]).data == by_function([1.0, 2.0]).data
    assert repr(by_name) == repr(by_function)
    assert initializer_for("cube") is initializer_for(cube) is initializer_for("relu")
    for number, model in enumerate((by_name, by_function)):
        path = save_weights(model, tmp_path / f"{number}.npz")
        assert load_model(path)([1.0, 2.0]).data == model([1.0, 2.0]).data
    assert listed_activation(pickle.loads(pickle.dumps(cube))) == "cube"
    ACTIVATIONS.add("cube", cube)  # is there already
    anew = declare("cube", cube_forward, cube_partial, activation=True)
    assert ACTIVATIONS["cube"] is not by_name.layers[0].neurons[0].activation
    with pytest.raises(InvalidArgumentError, match="'cube' is the activation 'cube' already"):
        ACTIVATIONS.add("cube", lambda x: x)
    declare("cube", cube_forward, cube_partial)
    assert "cube" not in ACTIVATIONS
    assert anew(2.0).data == 8.0


def smooth(xp: Any, x: Any) -> Any:
    return xp.softplus(x)


def bent_slope(xp: Any, out: Any, x: Any) -> Any:
    small = xp.exp(-xp.absolute(x))
    return xp.where(x > 0.0, xp.divide(1.0, 1.0 + small), xp.divide(small, 1.0 + small))


def smooth_slope(xp: Any, out: Any, x: Any) -> Any:
    return xp.sigmoid(x)


def test_a_second_derivative_of_a_rule_with_a_kink_is_found_by_the_check() -> None:
    for x in (-1.0, 0.0, 2.0):
        check_gradients(declare("smooth", smooth, smooth_slope), [x], order=2)
    bent = declare("bent", smooth, bent_slope)
    check_gradients(bent, [0.0])
    with pytest.raises(GradientCheckError, match=r"(?s)second derivatives: of .*kink"):
        check_gradients(bent, [0.0], order=2)
    with pytest.raises(InvalidArgumentError, match=r"the order is 3, .*order=2"):
        check_gradients(bent, [0.0], order=3)


def product(xp: Any, a: Any, b: Any) -> Any:
    return a * b


def product_by_a(xp: Any, out: Any, a: Any, b: Any) -> Any:
    return b


def product_by_b(xp: Any, out: Any, a: Any, b: Any) -> Any:
    return a


def bent_product_by_b(xp: Any, out: Any, a: Any, b: Any) -> Any:
    return 2.0 + xp.absolute(a - 2.0) * xp.sign(a - 2.0)


def test_second_derivatives_by_several_arguments_are_checked() -> None:
    check_gradients(declare("product", product, product_by_a, product_by_b), [2.0, 3.0], order=2)
    wrong = declare("product", product, product_by_a, bent_product_by_b)
    check_gradients(wrong, [2.0, 3.0])
    with pytest.raises(GradientCheckError, match=r"derivative by argument 1, argument 0 at"):
        check_gradients(wrong, [2.0, 3.0], order=2)


def test_nan_in_it_is_named() -> None:
    cube = declare("cube", cube_forward, cube_partial)
    with pytest.raises(ArithmeticError, match="cube"), detect_anomaly():
        cube(Value(1e200))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tanh", cube_forward, cube_partial), r"tanh is an operation of .*declare\('my_tanh', "),
        (("constant", cube_forward, cube_partial), "constant is an operation of the package"),
        (("my op", cube_forward, cube_partial), "a word of letters.*'my op'"),
        (("lambda", cube_forward, cube_partial), "a word of letters"),
        ((3, cube_forward, cube_partial), "a word of letters.* got 3"),
        (("cube", cube_forward), "cube needs a local derivative for each of its inputs"),
        (("cube", cube_forward, "3 x^2"), r"'3 x\^2' is no rule of cube"),
        (("cube", 1.0, cube_partial), "1.0 is no rule of cube"),
    ],
)
def test_what_is_no_operation_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        declare(*arguments)
    assert "cube" not in ops.OPS


def test_a_wrong_number_of_inputs_is_refused() -> None:
    cube = declare("cube", cube_forward, cube_partial)
    with pytest.raises(TypeError, match="cube takes 1 inputs, got 2"):
        cube(1.0, 2.0)
    assert repr(cube) == "<operation cube: cube(x)>"
    assert OpFunction(ops.ADD)(1.0, 2.0).data == 3.0


def test_a_graph_of_an_operation_that_is_not_declared_is_not_loaded() -> None:
    cube = declare("cube", cube_forward, cube_partial)
    data = pickle.dumps(cube(2.0))
    del ops.OPS["cube"]
    with pytest.raises(KeyError, match="no operation 'cube'; one of your own is declared before"):
        pickle.loads(data)


ELEMENTWISE: Final = {
    name: 2 if name in {"divide", "floor_divide", "maximum", "minimum", "mod", "power"} else 1
    for name in float_math.__all__
    if name not in {"dot", "equal", "equal_each", "exp_shifted", "finite", "inf", "max", "nan"}
    and name not in {"shares", "sum", "sum_less_one", "where"}
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_rule_may_call_whatever_xp_has_whoever_interprets_it(name: str) -> None:
    n_inputs = ELEMENTWISE[name]

    def forward(xp: Any, *inputs: Any) -> Any:
        return getattr(xp, name)(*inputs) * 1.0

    def partial(xp: Any, out: Any, *inputs: Any) -> Any:
        return getattr(xp, name)(*inputs) + out  # no derivative, but a rule

    own = declare("own", forward, *[partial] * n_inputs)
    w = Value(0.75)
    numbers = [0.5, 0.3]

    def loss(x: Value) -> Value:
        return own(*[w * x, x * 2.0][:n_inputs])

    eager = functional.mean([loss(Value(x)) for x in numbers])
    eager.backward()
    program = compile(loss, [w], per_sample=True)
    assert program(numbers) == pytest.approx(eager.data, rel=1e-14)
    assert program.gradients == pytest.approx([w.grad], rel=1e-14)
    single = compile(lambda x: loss(x[0]) * 0.5 + loss(x[1]) * 0.5, [w])
    assert single(numbers) == pytest.approx(eager.data, rel=1e-14)
    slope = grad(loss(Value(0.5)), [w], create_graph=True)[0]
    assert slope.data == pytest.approx(grad(loss(Value(0.5)), [w])[0], rel=1e-14)
    assert name in own_ops.declare.__doc__.split()  # type: ignore[union-attr]
