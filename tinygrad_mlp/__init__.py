"""A scalar autograd engine, and multi-layer perceptrons on it, to learn, teach and debug with."""

from __future__ import annotations

from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value, no_grad, topological_order
from tinygrad_mlp.functional import dot

__version__ = "0.1.0"

__all__ = ["Value", "__version__", "dot", "functional", "no_grad", "topological_order"]
