"""Looking into a computation: its steps one by one, breakpoints, faults, the health of a network.

Everything here works on the eager graph. A compiled program keeps no nodes; to look into one of its
steps, the same loss is built eagerly, and the numbers are the same up to rounding.
"""

from __future__ import annotations

from tinygrad_mlp.debug.forward import ForwardStep, ForwardTrace, trace_forward
from tinygrad_mlp.debug.names import layers_of, names_of
from tinygrad_mlp.debug.steps import BackwardStep, BackwardTrace, trace_backward
from tinygrad_mlp.debug.worked_example import worked_example

__all__ = [
    "BackwardStep",
    "BackwardTrace",
    "ForwardStep",
    "ForwardTrace",
    "layers_of",
    "names_of",
    "trace_backward",
    "trace_forward",
    "worked_example",
]
