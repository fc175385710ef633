"""A scalar autograd engine, and multi-layer perceptrons on it, to learn, teach and debug with.

>>> a, b = Value(2.0), Value(-3.0)
>>> loss = (a * b + 10.0).tanh()
>>> loss.backward()
>>> round(a.grad, 6)
-0.004023
"""

from __future__ import annotations

from tinygrad_mlp import data, functional, losses, nn, optim, training
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.derivatives import check_gradients, grad, hessian, jacobian
from tinygrad_mlp.engine import Value, no_grad, topological_order
from tinygrad_mlp.functional import dot
from tinygrad_mlp.nn import MLP, Layer, Module, Neuron
from tinygrad_mlp.training import (
    History,
    accuracy,
    fit,
    load_weights,
    predict,
    predict_proba,
    save_weights,
)

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "History",
    "Layer",
    "Module",
    "Neuron",
    "Program",
    "Value",
    "__version__",
    "accuracy",
    "check_gradients",
    "compile",
    "data",
    "dot",
    "fit",
    "functional",
    "grad",
    "hessian",
    "jacobian",
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
