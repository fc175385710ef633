"""The compiler: a plain scalar graph becomes a NumPy program of matrix products."""

from __future__ import annotations

from tinygrad_mlp.compiler._compiling import compile
from tinygrad_mlp.compiler._program import Program

__all__ = ["Program", "compile"]
