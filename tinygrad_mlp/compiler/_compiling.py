"""``compile``: what it takes is checked here, and a ``Program`` made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from tinygrad_mlp._text import described
from tinygrad_mlp._words import our_words
from tinygrad_mlp.compiler._backends.choice import Wanted, check_wanted
from tinygrad_mlp.compiler._program import Program
from tinygrad_mlp.compiler._tracing import Nested, Traced
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["compile"]


@our_words
def compile(
    function: Callable[..., Nested],
    parameters: Iterable[Value] | None = None,
    *,
    per_sample: bool = False,
    reduction: Literal["mean", "sum"] = "mean",
    dtype: str = "float64",
    has_auxiliary: bool = False,
    backend: Wanted = "auto",
) -> Program:
    """Turn a function on scalar Values into a program of whole arrays, in C or in NumPy.

    The function must do the same at each call: plain numbers, strings and modes that it reads are
    constants of the program, up to ``refresh``; numbers of Values are read at each call. So a loss
    that was recorded in training mode goes on to draw dropout after ``model.eval()``. The function
    runs a few times for a recording, so that one that does not do the same is refused.

    Args:
        function: it is called with nested lists of placeholder Values, one argument for each
            array that the program will be called with, and returns a Value (the loss). A prediction
            function may return nested lists of Values.
        parameters: the leaves to differentiate; None for a program that only predicts. Frozen ones
            cost no gradient; a call after something was frozen, or is not any more, records anew.
        per_sample: record one sample and map it over the first axis of every array. The cost of
            compiling does not depend on the batch size then.
        reduction: for ``per_sample`` losses, their "mean" or their "sum" over the batch.
        dtype: "float64" or "float32".
        has_auxiliary: whether a function with parameters returns a pair: the loss, and nested lists
            of Values that the program leaves in ``program.auxiliary``, for example its predictions.
        backend: "native" for the C library, "numpy" for NumPy calls or plain arithmetic, "auto" for
            the library where it is there. The environment variable TINYGRAD_MLP_BACKEND says what
            "auto" is.

    Returns:
        A Program. It records at its first call, when the shapes are known.

    Raises:
        InvalidArgumentError: for an unknown dtype or reduction, for parameters that are not leaves
            or come twice, for ``has_auxiliary`` without parameters. At the first call also
            TracingError, GraphError and ShapeError for what cannot be recorded.
        BackendError: for an unknown back end; at the first call, for "native" where there is no C
            library, or where it lacks a function that the program calls.

    >>> w = Value(3.0)
    >>> def loss(xs, ys):
    ...     return sum((w * x - y) ** 2 for x, y in zip(xs, ys))
    >>> program = compile(loss, [w])
    >>> program([1.0, 2.0], [2.0, 2.0])
    17.0
    >>> program.gradients
    array([18.])
    """
    if not callable(function):
        raise InvalidArgumentError(
            f"compile takes a function of Values, got {described(function)}; for example "
            "compile(lambda x, y: (w * x - y) ** 2, [w])"
        )
    if dtype not in ("float64", "float32", np.float64, np.float32):
        raise InvalidArgumentError(f"dtype is 'float64' or 'float32', got {dtype!r}")
    if reduction not in ("mean", "sum"):
        raise InvalidArgumentError(f"reduction is 'mean' or 'sum', got {reduction!r}")
    values = None if parameters is None else _checked_parameters(parameters)
    if has_auxiliary and values is None:
        raise InvalidArgumentError(
            "has_auxiliary=True goes with parameters, for what is returned beside the loss; "
            "without them a function returns whatever it likes in nested lists"
        )
    check_wanted(backend)
    settings = (per_sample, reduction, np.dtype(dtype), has_auxiliary)
    return Program(function, values, *settings, backend=backend)


def _checked_parameters(parameters: Iterable[Value]) -> list[Value]:
    call = "compile(loss, model.parameters())"
    if not isinstance(parameters, Iterable):
        raise InvalidArgumentError(
            f"parameters is {described(parameters)}, but a list of Values is needed: {call}"
        )
    listed = list(parameters)
    are_different_values = set(map(type, listed)) == {Value} and len(set(listed)) == len(listed)
    if are_different_values and not any([value.parents for value in listed]):
        return listed  # which is found in no time, as it mostly is
    values: dict[int, Value] = {}
    for i, value in enumerate(listed):
        fault = ""
        if not isinstance(value, Value):
            fault = "is not a Value"
        elif isinstance(value, Traced) or not value.is_leaf:
            fault = "was computed from other Values; only leaves are trained"
        elif id(value) in values:
            fault = "is listed twice; list each one once"
        if fault:
            raise InvalidArgumentError(
                f"parameter number {i}, {described(value)}, {fault}; for example {call}"
            )
        values[id(value)] = value
    return list(values.values())
