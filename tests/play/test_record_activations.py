"""Activations as JavaScript: the numbers of the engine, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.play.running_forward import run_script
from tests.replaying import Tab
from tinygrad_mlp import functional, ops
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.functional import declare
from tinygrad_mlp.nn import ACTIVATIONS, Buffer
from viz._play.activation_scripts import activation_function, activation_scripts

POINTS = [
    *np.linspace(-6.0, 6.0, 49).tolist(),
    *(-800.0, -30.0, -1e-9, -0.0, 0.0, 1e-300, 1e-9, 2.5, 30.0, 800.0),
    *(math.inf, -math.inf, math.nan),
]


def computed(tab: Tab, functions: dict[str, Callable[[Value], Value]]) -> dict[str, list[float]]:
    """What the functions give in a browser, for each of the points."""
    script = f"""{activation_scripts(functions)}
    const numbers = given.map((text) => Number(text));
    const rows = [...ACTIVATION_FUNCTIONS].map(([name, f]) => [name, numbers.map((x) => f(x))]);
    return JSON.stringify(rows.map(([name, numbers]) => [name, numbers.map(String)]));"""
    texts = [str(x).replace("inf", "Infinity") for x in POINTS]
    found = json.loads(run_script(tab, script, texts))
    return {
        name: [float(text.replace("Infinity", "inf")) for text in numbers]
        for name, numbers in found
    }


def assert_equal_to_engine(tab: Tab, functions: dict[str, Callable[[Value], Value]]) -> None:
    found = computed(tab, functions)
    assert list(found) == list(functions)
    for name, function in functions.items():
        expected = [function(Value(x)).data for x in POINTS]
        np.testing.assert_allclose(found[name], expected, rtol=1e-13, atol=1e-300, err_msg=name)


def test_every_activation_of_the_table_gives_the_numbers_of_the_engine(tab: Tab) -> None:
    assert_equal_to_engine(tab, dict(ACTIVATIONS))


ONE_OPERATION: dict[str, Callable[[Value], Value]] = {
    **{
        name: getattr(functional, name)
        for name in (
            *("absolute", "arccos", "arcsin", "arctan", "cos", "cosh", "erfc", "exp", "exp2"),
            *("expm1", "log", "log10", "log1p", "log2", "reciprocal", "sign", "sin", "sinh"),
            *("sqrt", "square", "tan"),
        )
    },
    "round": round,
    "mod": lambda x: functional.mod(x, 0.75),
    "mod of a negative number": lambda x: functional.mod(x, -0.75),
    "mod 0": lambda x: functional.mod(x, 0.0),
    "floor": lambda x: x // 0.75,
    "floor by 0": lambda x: x // 0.0,
    "to a power": lambda x: x**1.5,
    "to a whole power": lambda x: x**3,
    "of a number": lambda x: 2.0**x,
    "1 to a power": lambda x: 1.0**x,
    "clamp": lambda x: functional.clamp(x, -1.0, 1.0),
    "without bounds": functional.clamp,
    "maximum": lambda x: functional.maximum(x, 0.5),
    "minimum": lambda x: functional.minimum(x, 0.5),
    "weighted": lambda x: functional.weighted(0.0, x),
    "where a number": lambda x: functional.where(x, 1.0, -1.0),
    "comparisons": lambda x: x * (x > 0.5) + (x < 0.5) * x * (x >= -1.0) + (x <= -2.0) * (2.0 * x),
}


def test_every_operation_of_one_number_can_be_in_an_activation(tab: Tab) -> None:
    assert_equal_to_engine(tab, ONE_OPERATION)


def mish(x: Value) -> Value:
    return x * functional.softplus(x).tanh()


SLOPE = Value(0.125)
COMPOSED: dict[str, Callable[[Value], Value]] = {
    "mish": mish,
    "nothing": lambda x: x,
    "constant": lambda x: Value(0.5),
    "sum": lambda x: functional.sum([x, x * x, 1.0]),
    "dot": lambda x: functional.dot([x, 2.0], [x, x], bias=0.25),
    "largest": lambda x: functional.amax([x, -x, 0.5]),
    "logsumexp": lambda x: functional.logsumexp([x, 0.0, 0.5 * x]),
    "softmax": lambda x: functional.softmax([x, 1.0])[0],
    "reads a value": lambda x: x * SLOPE,
}


def test_a_function_that_is_composed_of_operations_is_written_too(tab: Tab) -> None:
    assert_equal_to_engine(tab, COMPOSED)


def bump_forward(xp: Any, x: Any) -> Any:
    near = xp.where(xp.absolute(x) < 1.0, xp.exp(-(x * x)), np.float64(0.25) * xp.sigmoid(x))
    return xp.where(xp.equal(x, 2.5), 7.0, near / 2.0 + xp.divide(1.0, 3.0)) - 2.0**-3


def bump_partial(xp: Any, out: Any, x: Any) -> Any:
    return 0.0 * x


@pytest.fixture
def bump() -> Iterator[Callable[[Value], Value]]:
    yield declare("bump", bump_forward, bump_partial, activation=True)
    ops.OPS.pop("bump")


def test_a_declared_activation_is_in_the_table_of_the_page(
    tab: Tab, bump: Callable[[Value], Value]
) -> None:
    assert '\n["bump", x =>' in activation_scripts()
    found = computed(tab, {"bump": bump})["bump"]
    expected = [bump(Value(x)).data for x in POINTS]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_erfc_has_its_digits_in_the_tail_too(tab: Tab) -> None:
    mpmath = pytest.importorskip("mpmath")
    points = [*np.linspace(-6.0, 26.0, 129).tolist(), 0.0]
    found = run_script(tab, "return given.map(Special.erfc)", points)
    expected = [float(mpmath.erfc(x)) for x in points]
    np.testing.assert_allclose(found, expected, rtol=2e-13)  # of x^2 in the exponent, 676 eps


def branches(x: Value) -> Value:
    return x if x.data > 0.0 else 0.1 * x


def draws(x: Value) -> Value:
    return x * functional.uniform(np.random.default_rng(0))


KEPT = Buffer(0.0)


def assigns(x: Value) -> Value:
    assign(KEPT, x)
    return x * 1.0


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (branches, r"\.data was read"),
        (draws, "it draws random numbers"),
        (assigns, "it assigns to a leaf"),
        (lambda x: [x, x], "2 numbers"),
        (math.tanh, "float"),
    ],
    ids=["branches", "draws", "assigns", "two", "math"],
)
def test_what_cannot_be_written_is_refused_with_the_remedy(
    function: Callable[[Value], Any], reason: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=f"(?s)own thing cannot run.*{reason}") as caught:
        activation_function(function, "own thing")
    assert str(caught.value).count("functional.where(") == 1


@pytest.mark.parametrize("rule", [lambda xp, x: np.tanh(x), lambda xp, x: xp.bessel(x)])
def test_a_rule_that_leaves_xp_is_refused(rule: Callable[..., Any]) -> None:
    odd = declare("odd", rule, 1.0)
    try:
        with pytest.raises(
            InvalidArgumentError, match=r"the activation odd cannot run in a page: "
        ):
            activation_function(odd, "odd")
    finally:
        ops.OPS.pop("odd")


def test_in_the_whole_table_the_reason_stands_in_the_place_of_the_function(tab: Tab) -> None:
    hostile = "</script><script>"
    ACTIVATIONS.add(hostile, branches)
    try:
        script = activation_scripts()
        assert "</script" not in script
        found = run_script(
            tab,
            f"{script} return [...ACTIVATION_FUNCTIONS].filter(([, f]) => typeof f === 'string');",
        )
        ((name, reason),) = found
        assert name == hostile
        assert reason.startswith(f"the activation {hostile} cannot run in a page: ")
        with pytest.raises(InvalidArgumentError, match="cannot run in a page"):
            activation_scripts({hostile: branches})
    finally:
        del ACTIVATIONS[hostile]
