"""The steps of the solvers as passes of the C library: the penalty, then the rule of the solver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native._library import Library
from tinygrad_mlp._native._passes import Passes, passes_of
from tinygrad_mlp._native._stand_ins import StandIn, Trace
from tinygrad_mlp.estimators._update_rules import UpdateRule

__all__ = ["PenalizedRule"]

Array = NDArray[Any]


class PenalizedRule:
    """The gradients of the penalty ``strength / 2 * |W|^2`` are added, then the rule takes a step.

    Args:
        rule: the rule of the solver.
        is_weight: 1 for each parameter that is penalized, else 0.

    Attributes:
        strengths: those of the steps to come; all 0 for no penalty.

    >>> from tinygrad_mlp.estimators._update_rules import SGDRule
    >>> rule = PenalizedRule(SGDRule(2, 0.1), np.array([1.0, 0.0]))
    >>> rule.strengths = np.array([0.5, 0.25])
    >>> rule.coefficients(2, np.dtype("float64")).tolist()
    [[0.1, 0.5], [0.1, 0.25]]
    """

    def __init__(self, rule: UpdateRule, is_weight: Array) -> None:
        self.rule = rule
        self.strengths: Array = np.zeros(1)
        self._is_weight = is_weight
        self._arrays = (*rule.arrays, is_weight)
        self._traced: Passes | None = None

    @property
    def counter(self) -> tuple[object, str]:
        """What counts the steps."""
        return self.rule, "n_steps"

    def passes(self, parameters: Array, library: Library) -> Passes:
        """Both as the library runs them, and half the penalty as what is summed up."""
        if self._traced is None:
            self._traced = self._trace(parameters, library)
        return self._traced

    def _trace(self, parameters: Array, library: Library) -> Passes:
        trace = Trace(parameters.dtype)
        given = [trace.array() for _ in (0, 1, *self._arrays)]
        rate, strength = trace.number(), trace.number()
        numbers, gradients, *arrays, is_weight = [StandIn(trace, each.node) for each in given]
        decayed = (is_weight * strength) * numbers
        trace.note("loss", 0.5, decayed, numbers)
        gradients += decayed
        work = [StandIn(trace, numbers.node) for _ in self.rule.work]
        self.rule.change(numbers, gradients, arrays, work, rate)
        return passes_of(
            trace,
            [each.node for each in given],
            [rate.node, strength.node],
            {place: each.node for place, each in enumerate((numbers, gradients, *arrays))},
            parameters.size,
            library.operations,
        )

    def arrays(self, parameters: Array, gradients: Array) -> Sequence[Array]:
        """What the rule remembers, and what is penalized."""
        return self._arrays

    def coefficients(self, n_steps: int, dtype: np.dtype[Any]) -> Array:
        """The rate and the strength of each step."""
        first = self.rule.n_steps + 1
        rates = [self.rule.rate_of_step(step) for step in range(first, first + n_steps)]
        return np.stack([np.array(rates), self.strengths[:n_steps]], axis=1).astype(dtype)
