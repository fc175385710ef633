"""Limits at which checks of arguments turn, blocks within blocks, lists cut short, dtypes kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from math import copysign, isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.running import run_python
from tinygrad_mlp import _array_math as array_math
from tinygrad_mlp import _float_math as float_math
from tinygrad_mlp import functional
from tinygrad_mlp._arguments import check_integer, check_number
from tinygrad_mlp._at_once import call_at_once
from tinygrad_mlp._text import shortened
from tinygrad_mlp.engine import Value, enable_grad, no_grad
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError, UnknownNameError

INSIDE = 0.5


@pytest.mark.parametrize(
    ("limit", "fine", "wrong"),
    [
        ({"at_least": 1.0}, [1.0, 1.5, 1e300], [0.999, -1.0]),
        ({"at_most": 1.0}, [1.0, 0.5, -1e300], [1.001, 2.0]),
        ({"above": 1.0}, [1.001, 2.0], [1.0, 0.5]),
        ({"below": 1.0}, [0.999, -1.0], [1.0, 2.0]),
        ({"at_least": 0.0, "below": 1.0}, [0.0, 0.999], [-0.001, 1.0]),
        ({"above": 0.0, "at_most": 1.0}, [0.001, 1.0], [0.0, 1.001]),
        (
            *({}, [0.0, -1e308, 1e308, np.float64(2.0), 3, 2**1000, Fraction(1, 2)]),
            [np.inf, -np.inf, np.nan, True, "1", None, 10**400, -(10**400)],
        ),
        ({"at_least": 0.0}, [0, 2**1023], [10**400, -(10**400)]),
    ],
)
def test_a_number_is_taken_up_to_its_limits(
    limit: dict[str, float], fine: list[object], wrong: list[object]
) -> None:
    for number in fine:
        assert check_number(number, "rate", "f(rate=0.5)", **limit) == number
    for number in wrong:
        with pytest.raises(InvalidArgumentError, match=r"rate is .*: f\(rate=0.5\)"):
            check_number(number, "rate", "f(rate=0.5)", **limit)


def test_the_innermost_block_decides() -> None:
    a = Value(INSIDE)

    def recorded() -> bool:
        nodes = [a + a, a * 2.0, a.tanh()]
        assert len({bool(node.parents) for node in nodes}) == 1
        return bool(nodes[0].parents)

    assert recorded()
    with enable_grad():
        assert recorded()
        with no_grad():
            assert not recorded()
            with no_grad():
                assert not recorded()
            with enable_grad():
                assert recorded()
            assert not recorded()
        assert recorded()
    assert recorded()


def test_unknown_names_are_told_with_some_of_the_known_ones() -> None:
    few = [f"known{i:02}" for i in range(12)]
    many = [*few, "known12"]
    message = str(UnknownNameError.of("loss", "zzz", few))
    assert message == f"unknown loss 'zzz'; known: {', '.join(few)}"
    message = str(UnknownNameError.of("loss", "zzz", many))
    assert message == f"unknown loss 'zzz'; known: {', '.join(few)}, ... and 1 more"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["erfc", "exp", "log", "sigmoid", "sqrt", "tanh", "absolute"])
def test_functions_of_arrays_keep_the_dtype(name: str, dtype: str) -> None:
    x = np.array([0.25, 0.5, 2.0], dtype)
    result = getattr(array_math, name)(x)
    assert result.dtype == dtype
    wide = getattr(array_math, name)(x.astype("float64"))
    np.testing.assert_allclose(result, wide, rtol=1e-6 if dtype == "float32" else 0.0)


def test_whole_numbers_are_taken_up_to_their_limits() -> None:
    assert check_integer(3, "n", "f(n=3)", minimum=3) == 3
    with pytest.raises(InvalidArgumentError, match="n is 2"):
        check_integer(2, "n", "f(n=3)", minimum=3)
    for wrong in (True, False, 3.0, "3", None):
        with pytest.raises(InvalidArgumentError, match=r"n is .*: f\(n=3\)"):
            check_integer(wrong, "n", "f(n=3)", minimum=0)


@pytest.mark.parametrize("name", ["amax", "mean", "logsumexp", "softmax", "log_softmax"])
def test_functions_of_lists_refuse_anything_else(name: str) -> None:
    function = getattr(functional, name)
    said = "log_softmax" if name == "softmax" else name  # which it stands on
    with pytest.raises(ShapeError, match=rf"{said} takes a list of values: {said}\(\[a, b"):
        function(Value(1.0))
    with pytest.raises(ShapeError, match=f"^{said} of no values is undefined; give at least one"):
        function([])


@pytest.mark.parametrize(
    ("limit", "number", "wanted"),
    [
        ({"at_least": 0.0}, -1, "a number >= 0"),
        ({"above": 0.0, "at_most": 1.0}, 2.5, "a number > 0 and <= 1"),
        ({"at_least": 0.5, "below": 1e6}, "x", "a number >= 0.5 and < 1e+06"),
        ({"at_most": 1.0}, None, "a number <= 1"),
        ({}, True, "a number"),
    ],
)
def test_the_limits_of_a_number_are_told(
    limit: dict[str, float], number: object, wanted: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        check_number(number, "rate", "f(rate=0.5)", **limit)
    assert str(caught.value) == f"rate is {number!r}, but {wanted} is needed: f(rate=0.5)"


@pytest.mark.parametrize("wrong", [0, -1, 0.5, True, "x" * 99])
def test_the_least_whole_number_is_told(wrong: object) -> None:
    assert check_integer(1, "n") == check_integer(0, "n", minimum=0) + 1 == 1
    assert type(check_integer(np.int64(7), "n")) is int
    with pytest.raises(InvalidArgumentError) as caught:
        check_integer(wrong, "n")
    shown = shortened(repr(wrong), 60)
    assert str(caught.value) == (f"n is {shown}, but a whole number of at least 1 is needed: n=1")


LISTS = [
    *([0.25, 0.5, 3.0], [1.0, 1e-7, 0.0], [1.0, 1.0, 1e-7], [1.0, 1.0, 1.0], [2.0, -3.0, -1.0]),
    *([np.inf, 0.0, 1.0], [np.nan, 1.0, 2.0], [-np.inf, 0.5, 0.5], [0.0, 0.0, 0.0]),
]
OF_LISTS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda xp, x: xp.sum(x),
    "max": lambda xp, x: xp.max(x),
    "shares": lambda xp, x: xp.shares(x),
    "sum_less_one": lambda xp, x: xp.sum_less_one(x),
    "exp_shifted": lambda xp, x: xp.exp_shifted(x, x[1]),
    "equal_each": lambda xp, x: xp.equal_each(x, x[2]),
    "dot": lambda xp, x: xp.dot(x[:1], x[1:2], x[2]),
    "dot of all": lambda xp, x: xp.dot(x, x[::-1], x[0]),
    "where": lambda xp, x: xp.where(x[0] == x[1], x[1], x[2]),
}


@pytest.mark.parametrize("name", OF_LISTS)
def test_functions_of_lists_are_the_same_on_floats_and_on_arrays(name: str) -> None:
    """The lists are the columns of the array."""
    compute = OF_LISTS[name]
    expected = np.array([compute(float_math, numbers) for numbers in LISTS]).T
    with np.errstate(all="ignore"):
        wide = compute(array_math, np.array(LISTS).T)
        narrow = compute(array_math, np.array(LISTS, dtype=np.float32).T)
    np.testing.assert_allclose(wide, expected, rtol=1e-15)
    np.testing.assert_allclose(narrow, expected, rtol=1e-6, atol=1e-9)
    if name != "equal_each":  # whose ones and zeros are those of the rules
        assert narrow.dtype == np.float32


def test_a_sum_less_one_keeps_the_digits_of_small_terms() -> None:
    columns = np.array([[1.0, 1e-20], [1e-30, 1.0], [2.0, 1e-20]]).T
    assert array_math.sum_less_one(columns).tolist() == [1e-20, 1e-30, 1.0]
    assert [float_math.sum_less_one(c) for c in columns.T.tolist()] == [1e-20, 1e-30, 1.0]


def test_erfc_of_no_numbers_is_an_array_of_none() -> None:
    result = array_math.erfc(np.zeros((0, 3)))
    assert result.shape == (0, 3)
    assert result.dtype == np.float64


@pytest.mark.parametrize("exponent", [3.0, 5.0, 403.0, 4.0, 2.0, 3.5])
def test_a_power_that_overflows_has_the_sign_that_it_should(exponent: float) -> None:
    for base in (-1e308, 1e308, -0.0, 0.0, -1e-200, 1e-200):
        with np.errstate(all="ignore"):
            for signed in (exponent, -exponent):
                expected = np.power(base, signed)
                found = float_math.power(base, signed)
                np.testing.assert_array_equal(found, expected)
                assert isnan(found) or copysign(1.0, found) == copysign(1.0, expected)


def test_elu_has_the_alpha_1_and_a_leaky_relu_the_slope_one_hundredth() -> None:
    assert functional.elu(-1.0).data == torch.nn.functional.elu(torch.tensor(-1.0).double())
    slope = torch.nn.functional.leaky_relu(torch.tensor(-1.0).double())
    assert functional.leaky_relu(-1.0).data == slope


def test_what_runs_at_once_keeps_no_results() -> None:
    results: list[object] = [object()]
    before = sys.getrefcount(results[0])
    call_at_once([(results.__getitem__, 0)] * 5)
    after = sys.getrefcount(results[0])
    assert after == before


def test_every_public_name_is_there_once_it_is_asked_for(tmp_path: Path) -> None:
    code = """
import tinygrad_mlp
names = tinygrad_mlp.__all__
assert dir(tinygrad_mlp) == sorted(names)
for name in ["losses", "interop", *names]:
    found = getattr(tinygrad_mlp, name)
    assert getattr(tinygrad_mlp, name) is vars(tinygrad_mlp)[name] is found
try:
    tinygrad_mlp.loses
except AttributeError as error:
    print(error)
"""
    said = run_python("-c", code, folder=tmp_path)
    assert said == "module 'tinygrad_mlp' has no attribute 'loses'\n"
