"""Derivatives as results: gradients (also as graphs), Jacobians, Hessians, a gradient checker."""

from __future__ import annotations

from tinygrad_mlp.derivatives._checking import GradientReport, check_gradients
from tinygrad_mlp.derivatives._gradients import evaluate, grad, hessian, jacobian

__all__ = ["GradientReport", "check_gradients", "evaluate", "grad", "hessian", "jacobian"]
