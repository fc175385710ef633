"""The inputs of one sample as a layer takes them: Values, and their numbers."""

from __future__ import annotations

import numpy as np

from tinygrad_mlp._many_numbers import numbers_of
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value, as_value
from tinygrad_mlp.errors import NotANumberError, ShapeError
from tinygrad_mlp.nn._module import Module, Sample

__all__ = ["inputs_of", "read_inputs"]


def read_inputs(x: Sample, n_inputs: int, module: Module) -> tuple[list[Value], list[float]]:
    """The inputs as Values, and their numbers: read once, used by every neuron of a layer.

    Raises:
        ShapeError: if there are not n_inputs of them.

    >>> read_inputs([2.0, Value(3.0)], 2, Module())
    ([Value(data=2.0, grad=0.0), Value(data=3.0, grad=0.0)], [2.0, 3.0])
    """
    inputs = inputs_of(x, module)
    if len(inputs) != n_inputs:
        raise ShapeError(_other_number(x, len(inputs), n_inputs, module))
    return inputs, numbers_of(inputs)


def inputs_of(x: Sample, module: Module) -> list[Value]:
    """The inputs as Values, however many there are.

    Raises:
        ShapeError: if x is not one sample: several, or no list.

    >>> inputs_of([2.0, Value(3.0)], Module())
    [Value(data=2.0, grad=0.0), Value(data=3.0, grad=0.0)]
    """
    if isinstance(x, Value):
        return [x]  # what a module with one output gives
    if not hasattr(x, "__iter__") or getattr(x, "ndim", 1) != 1:
        raise ShapeError(_not_one_sample(x, module))
    try:
        return [xi if isinstance(xi, Value) else as_value(xi) for xi in x]
    except NotANumberError:
        if all(isinstance(xi, list | tuple | np.ndarray) for xi in x):
            raise ShapeError(_not_one_sample(x, module)) from None
        raise


def _other_number(x: Sample, n_given: int, n_inputs: int, module: Module) -> str:
    """Of Values nobody knows here whether they are a sample or what another module gave."""
    given = "1 Value" if isinstance(x, Value) else f"{n_given}"
    numbers = f"{', '.join(['0.0'] * min(n_inputs, 2))}{', ...' if n_inputs > 2 else ''}"
    what = f"{module!r} takes {n_inputs} input{'' if n_inputs == 1 else 's'}, got {given}"
    sample = f"give one number for each input of one sample, as in model([{numbers}])"
    if not isinstance(x, Value) and not any([isinstance(xi, Value) for xi in x]):
        return f"{what}; {sample}"
    return (
        f"{what}; if they are the outputs of another module, let that one have {n_inputs}, as in "
        f"Layer(2, {n_inputs}), or this one take {n_given}; else {sample}"
    )


def _not_one_sample(x: object, module: Module) -> str:
    if hasattr(x, "__iter__") and getattr(x, "ndim", 1) > 0:
        given, call = "several samples", "[model(x) for x in X]"
    else:
        given, call = f"{described(x)}", "model([2.0])"
    return f"{module!r} takes the inputs of one sample in a list, got {given}; call it as {call}"
