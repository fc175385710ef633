"""Limits at which checks of arguments turn, blocks within blocks, lists cut short, dtypes kept."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_mlp import array_math, functional
from tinygrad_mlp.arguments import check_integer, check_number
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
            {},
            [0.0, -1e308, 1e308, np.float64(2.0), 3],
            [np.inf, -np.inf, np.nan, 10**400, True, "1", None],
        ),
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


@pytest.mark.parametrize("name", ["mean", "logsumexp", "softmax", "log_softmax"])
def test_functions_of_lists_refuse_anything_else(name: str) -> None:
    function = getattr(functional, name)
    said = "log_softmax" if name == "softmax" else name  # which it stands on
    with pytest.raises(ShapeError, match=rf"{said} takes a list of values: {said}\(\[a, b"):
        function(Value(1.0))
    with pytest.raises(ShapeError, match="of no values is undefined; give at least one"):
        function([])
