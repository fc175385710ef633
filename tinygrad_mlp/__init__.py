"""A scalar autograd engine, and multi-layer perceptrons on it, to learn, teach and debug with.

The engine is here at once; everything else is imported when it is first used, so that a script that
only wants a ``Value`` starts as fast as NumPy does.

>>> a, b = Value(2.0), Value(-3.0)
>>> loss = (a * b + 10.0).tanh()
>>> loss.backward()
>>> round(a.grad, 6)
-0.004023
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tinygrad_mlp import errors, functional
from tinygrad_mlp._words import refuse_name
from tinygrad_mlp.engine import Value, enable_grad, no_grad, topological_order
from tinygrad_mlp.functional import dot

if TYPE_CHECKING:
    from tinygrad_mlp import (
        compiler,
        data,
        debug,
        derivatives,
        interchange,
        interop,
        interpret,
        losses,
        nn,
        optim,
        training,
    )
    from tinygrad_mlp.compiler import Program, compile
    from tinygrad_mlp.derivatives import check_gradients, grad, hessian, jacobian
    from tinygrad_mlp.nn import MLP, BatchNorm, Dropout, Layer, Module, Neuron, Sequential
    from tinygrad_mlp.training import (
        History,
        accuracy,
        fit,
        load_model,
        load_weights,
        predict,
        predict_proba,
        save_weights,
    )

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "BatchNorm",
    "Dropout",
    "History",
    "Layer",
    "Module",
    "Neuron",
    "Program",
    "Sequential",
    "Value",
    "__version__",
    "accuracy",
    "check_gradients",
    "compile",
    "compiler",
    "data",
    "debug",
    "derivatives",
    "dot",
    "enable_grad",
    "errors",
    "fit",
    "functional",
    "grad",
    "hessian",
    "interchange",
    "interop",
    "interpret",
    "jacobian",
    "load_model",
    "load_weights",
    "losses",
    "nn",
    "no_grad",
    "optim",
    "predict",
    "predict_proba",
    "save_weights",
    "topological_order",
    "training",
]

_PACKAGE_OF: Final[dict[str, str]] = {
    name: package
    for package, names in {
        "compiler": ["Program", "compile"],
        "derivatives": ["check_gradients", "grad", "hessian", "jacobian"],
        "nn": ["MLP", "BatchNorm", "Dropout", "Layer", "Module", "Neuron", "Sequential"],
        "training": [
            *["History", "accuracy", "fit", "load_model", "load_weights", "predict"],
            *["predict_proba", "save_weights"],
        ],
    }.items()
    for name in names
}
_PACKAGES: Final = [
    *["compiler", "data", "debug", "derivatives", "interchange", "interop", "interpret"],
    *["losses", "nn", "optim", "training"],
]


def _imported(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    if name in _PACKAGE_OF:
        value = getattr(import_module(f"{__name__}.{_PACKAGE_OF[name]}"), name)
        globals()[name] = value
        return value
    return refuse_name(__name__, name)


if not TYPE_CHECKING:  # a type checker would take any name
    __getattr__ = _imported


def __dir__() -> list[str]:
    return sorted(__all__)
