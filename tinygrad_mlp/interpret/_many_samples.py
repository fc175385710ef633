"""A function of the Values of one sample, for many samples: eagerly for few, compiled for more.

Derivatives by the inputs are recorded together with the function. The graph of one sample has them
as nodes, so the compiler finds their matrix products as it finds those of the function, and a
program gives the derivatives of each sample by its own inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp._recording import recorder_of_thread
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value, as_value, enable_grad
from tinygrad_mlp.errors import GraphError, TracingError
from tinygrad_mlp.interpret._asked_about import Model, Score
from tinygrad_mlp.nn._module import Module, evaluation_mode
from tinygrad_mlp.training._one_step import at_one_step
from tinygrad_mlp.training._outputs import recording_of
from tinygrad_mlp.training._predictor import in_blocks

__all__ = ["Differentiable", "ForSamples", "SampleFunction", "at_one_moment", "program_for"]

Floats: TypeAlias = NDArray[np.float64]

Result = TypeVar("Result")

SampleFunction: TypeAlias = Callable[[Sequence[Value]], Sequence[Value]]
"""Some numbers of the inputs of one sample."""

FEW: Final = 32
"""Up to so many samples cost less one by one than the recording of a program."""


class ForSamples:
    """Some numbers of one sample, for many of them, with a model that predicts meanwhile.

    Args:
        model: the model that the function asks.
        function: the numbers, of the inputs of one sample.

    >>> double = ForSamples(max, lambda x: [2.0 * xi for xi in x])
    >>> double(np.array([[1.0, 3.0]]))
    array([[2., 6.]])
    """

    def __init__(self, model: Model, function: SampleFunction) -> None:
        self._model, self._function = model, function
        self._n_asked = 0
        self._program: Program | None = None
        self._is_eager = False

    def __call__(self, X: Floats) -> Floats:
        """The numbers, (n_samples, n_numbers).

        Raises:
            GraphError, TracingError: if there is no graph of the model for one sample.
        """
        self._n_asked += len(X)
        if self._n_asked > FEW and not self._is_eager:
            try:
                if self._program is None:
                    self._program = program_for(self._model, self._function)
                return in_blocks(self._program, X, np.asarray)
            except (GraphError, TracingError):
                self._is_eager = True  # it cannot be recorded, so each sample goes by itself
        return at_one_moment(self._model, partial(self._eagerly, X))

    def _eagerly(self, X: Floats) -> Floats:
        with _as_it_predicts(self._model), enable_grad():
            rows = [read_numbers(self._function(list(map(Value, x)))) for x in X.tolist()]
        return np.array(rows)


def at_one_moment(model: Model, compute: Callable[[], Result]) -> Result:
    """What is computed with the parameters of one moment, whoever trains the model meanwhile.

    >>> at_one_moment(max, lambda: 2.0)
    2.0
    """
    return at_one_step(model, compute) if isinstance(model, Module) else compute()


def program_for(model: Model, function: SampleFunction) -> Program:
    """A program of one sample, which has the numbers of the model as they are now.

    >>> program_for(max, lambda x: [x[0] * x[1]])([[2.0, 3.0]])
    array([[6.]])
    """
    leaves = [*model.parameters(), *model.buffers()] if isinstance(model, Module) else []
    program = compile(function, leaves, per_sample=True).prediction(function)
    program.within = partial(_recorded_as_it_predicts, model)
    program.each_by_itself = True
    return program


def _as_it_predicts(model: Model) -> AbstractContextManager[None]:
    return evaluation_mode(model) if isinstance(model, Module) else nullcontext()


@contextmanager
def _recorded_as_it_predicts(model: Model) -> Iterator[None]:
    with (
        _as_it_predicts(model),
        recording_of(model) if isinstance(model, Module) else nullcontext(),
    ):
        yield


class Differentiable:
    """A score of many samples, and its derivatives by their inputs.

    Args:
        model: the model that the score asks.
        score: one number of the inputs of one sample.

    >>> product = Differentiable(max, lambda x: x[0] * x[1])
    >>> X = np.array([[2.0, 3.0]])
    >>> product.values(X), product.gradients(X)
    (array([6.]), array([[3., 2.]]))
    """

    def __init__(self, model: Model, score: Score) -> None:
        self._score = score
        self._values = ForSamples(model, self._value)
        self._both = ForSamples(model, self._value_and_slopes)

    def values(self, X: Floats) -> Floats:
        """The scores, (n_samples,)."""
        return self._values(X)[:, 0]

    def gradients(self, X: Floats) -> Floats:
        """d score / d x of each sample, (n_samples, n_features)."""
        return self._both(X)[:, 1:]

    def values_and_gradients(self, X: Floats) -> tuple[Floats, Floats]:
        """Both of them."""
        both = self._both(X)
        return both[:, 0], both[:, 1:]

    def _value(self, x: Sequence[Value]) -> list[Value]:
        return [self._score(x)]

    def _value_and_slopes(self, x: Sequence[Value]) -> list[Value]:
        value = self._score(x)
        is_recorded = recorder_of_thread() is not None
        slopes = grad(value, x, create_graph=True) if is_recorded else grad(value, x)
        return [value, *map(as_value, slopes)]
