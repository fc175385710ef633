"""The update rules by hand: numbers of a pocket calculator, from the formulas of the papers."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_mlp.estimators._flat_weights import Weights
from tinygrad_mlp.estimators._update_rules import AdamRule, SGDRule


def steps(rule: SGDRule | AdamRule, gradients: list[float]) -> list[float]:
    parameters, found = np.array([1.0]), []
    for gradient in gradients:
        rule.step(parameters, np.array([gradient]))
        found.append(parameters.item())
    return found


def test_sgd_with_momentum() -> None:
    rule = SGDRule(1, 0.1, momentum=0.5, nesterov=False)
    # v = -0.2, then -0.1 - 0.4, then -0.25 + 0.1
    assert steps(rule, [2.0, 4.0, -1.0]) == pytest.approx([0.8, 0.3, 0.15], rel=1e-14)


def test_sgd_that_looks_ahead() -> None:
    rule = SGDRule(1, 0.1, momentum=0.5, nesterov=True)
    # the same v; the steps are 0.5 v - 0.1 g: -0.3, -0.65, 0.025
    assert steps(rule, [2.0, 4.0, -1.0]) == pytest.approx([0.7, 0.05, 0.075], rel=1e-12)


def test_the_rate_stands_inside_the_velocity() -> None:
    rule = SGDRule(1, 0.1, "adaptive", momentum=0.5, nesterov=False)
    parameters = np.array([1.0])
    rule.step(parameters, np.array([2.0]))
    assert rule.goes_on_slower()
    rule.step(parameters, np.array([0.0]))  # half of the old step, at the old rate
    assert parameters.item() == pytest.approx(0.7, rel=1e-14)


def test_adam_adds_epsilon_before_the_bias_is_corrected() -> None:
    rule = AdamRule(1, 0.1, beta_1=0.9, beta_2=0.99, epsilon=0.5)
    # m = 0.2, v = 0.04, rate 0.1 * 0.1 / 0.1; then m = 0.08, v = 0.0496
    first = 1.0 - 0.1 * 0.2 / (0.2 + 0.5)
    second = first - 0.1 * (1 - 0.99**2) ** 0.5 / (1 - 0.9**2) * 0.08 / (0.0496**0.5 + 0.5)
    assert steps(rule, [2.0, -1.0]) == pytest.approx([first, second], rel=1e-13)
    assert rule.learning_rate == pytest.approx(0.1 * (1 - 0.99**2) ** 0.5 / (1 - 0.9**2))


def test_the_defaults_are_those_of_the_estimators() -> None:
    for kind in ("sgd", "adam"):
        rule = SGDRule(1, 0.001) if kind == "sgd" else AdamRule(1, 0.001)
        named = (
            SGDRule(1, 0.001, "constant", 0.9, True, 0.5)
            if kind == "sgd"
            else AdamRule(1, 0.001, 0.9, 0.999, 1e-8)
        )
        assert steps(rule, [1.0, 2.0]) == steps(named, [1.0, 2.0])


def test_rates_after_an_epoch() -> None:
    constant, inverse = SGDRule(1, 0.5), SGDRule(1, 0.5, "invscaling", power_t=2.0)
    for rule in (constant, inverse):
        rule.end_epoch(9)
    assert (constant.learning_rate, inverse.learning_rate) == (0.5, 0.005)
    adam = AdamRule(1, 0.5)
    adam.end_epoch(9)
    assert adam.learning_rate == 0.5


def test_only_an_adaptive_rate_goes_on_slower() -> None:
    for rule in (SGDRule(1, 0.5), SGDRule(1, 0.5, "invscaling"), AdamRule(1, 0.5)):
        assert not rule.goes_on_slower()
        assert rule.learning_rate == 0.5
    adaptive = SGDRule(1, 1.1e-6, "adaptive")
    assert adaptive.goes_on_slower()
    assert adaptive.learning_rate == pytest.approx(2.2e-7)
    assert not adaptive.goes_on_slower()
    assert not SGDRule(1, 1e-6, "adaptive").goes_on_slower()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("place", ["coefs", "intercepts"])
def test_one_number_that_is_not_finite_is_found(place: str, wrong: float) -> None:
    weights = Weights([np.ones((2, 3)), np.ones((3, 1))], [np.ones(3), np.ones(1)], [])
    assert weights.are_finite()
    getattr(weights, place)[1][0] = wrong
    assert not weights.are_finite()


def test_float32_is_kept() -> None:
    for rule in (SGDRule(2, 0.1, dtype=np.float32), AdamRule(2, 0.1, dtype=np.float32)):
        parameters = np.ones(2, np.float32)
        rule.step(parameters, np.ones(2, np.float32))
        assert parameters.dtype == np.float32
        arrays = [*rule.arrays, *rule.work]
        assert {array.dtype for array in arrays} == {np.dtype("f4")}
