"""What is done with the gradients of each step, as the C library can do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._native._library import Library
from tinygrad_mlp._native._passes import Passes
from tinygrad_mlp._native._stand_ins import UntraceableError
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.optim._rule_passes import (
    coefficient_rows,
    is_of_package,
    refusal,
    settings_of,
    traced_rule,
)

__all__ = ["OptimizerRule", "Rule"]

Array = NDArray[Any]


class Rule(Protocol):
    """What is done with the gradients of each step."""

    @property
    def counter(self) -> tuple[object, str]:
        """What counts the steps: an object, and the name of its attribute."""

    def passes(self, parameters: Array, library: Library) -> Passes:
        """The rule as the library runs it.

        Raises:
            UntraceableError: if it cannot; the message goes on from "because".
        """

    def arrays(self, parameters: Array, gradients: Array) -> Sequence[Array]:
        """What the passes go over behind these two: the state, stepped in place."""

    def coefficients(self, n_steps: int, dtype: np.dtype[Any]) -> Array:
        """The coefficients of the next steps, a row for each, or one for all."""


class OptimizerRule:
    """The rule of an optimizer.

    Args:
        optimizer: the optimizer.
        clip_value: the largest size of each gradient; None for no limit.

    >>> from tinygrad_mlp.optim import SGD
    >>> optimizer = SGD(learning_rate=0.5)
    >>> rule, parameters = OptimizerRule(optimizer), np.zeros(3)
    >>> rule.coefficients(2, parameters.dtype).tolist()
    [[0.5, 0.0, 0.0]]
    >>> [array.tolist() for array in rule.arrays(parameters, np.ones(3))], rule.counter[1]
    ([[0.0, 0.0, 0.0]], 'step_count')
    """

    def __init__(self, optimizer: Optimizer, clip_value: float | None = None) -> None:
        self._optimizer = optimizer
        self._clip_value = clip_value
        self._known: Passes | None = None
        self._traced: tuple[list[Any], bool, int, Passes] | None = None

    @property
    def counter(self) -> tuple[object, str]:
        """What counts the steps."""
        return self._optimizer, "step_count"

    def passes(self, parameters: Array, library: Library) -> Passes:
        """The rule, traced again where a setting is another one than before.

        A rule of one's own may read anything, so it is traced each time.

        Raises:
            UntraceableError: for groups, frozen parameters, and a rule that is no list of calls.
        """
        reason = refusal(self._optimizer)
        if reason:
            raise UntraceableError(reason)
        optimizer = self._optimizer
        if self._traced is not None and is_of_package(optimizer):
            known, reads_rate, size, passes = self._traced
            settings = settings_of(optimizer, reads_rate)
            same = len(known) == len(settings) and size == parameters.size
            if same and all([x is y for x, y in zip(known, settings)]):
                return passes
        passes, reads_rate = traced_rule(
            optimizer, parameters, self._clip_value, library.operations
        )
        if self._known is not None and passes.same_as(self._known):
            passes = self._known
        self._known = passes
        self._traced = settings_of(optimizer, reads_rate), reads_rate, parameters.size, passes
        return passes

    def arrays(self, parameters: Array, gradients: Array) -> Sequence[Array]:
        """The state."""
        return self._optimizer.state_to_step(parameters, gradients)

    def coefficients(self, n_steps: int, dtype: np.dtype[Any]) -> Array:
        """The coefficients of the next steps."""
        return coefficient_rows(self._optimizer, n_steps, dtype)
