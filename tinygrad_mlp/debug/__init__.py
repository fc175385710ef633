"""Looking into a computation: its steps one by one, breakpoints, faults, the health of a network.

Everything here works on the eager graph. A compiled program keeps no nodes; to look into one of its
steps, build the same loss eagerly: ``loss = program.eager(X, y)``. The numbers are the same up to
rounding. ``detect_anomaly`` does that by itself where a program comes upon nan or inf.
"""

from __future__ import annotations

from tinygrad_mlp.debug._anomaly import detect_anomaly
from tinygrad_mlp.debug._breakpoints import Breakpoint, Hit, break_when, watch
from tinygrad_mlp.debug._chain import Chain, Path, chain
from tinygrad_mlp.debug._comparing import Difference, compare
from tinygrad_mlp.debug._creation import Location, location_of, record_creation
from tinygrad_mlp.debug._expression import latex
from tinygrad_mlp.debug._forward import ForwardStep, ForwardTrace, trace_forward
from tinygrad_mlp.debug._health import HealthReport, LayerHealth, health
from tinygrad_mlp.debug._monitor import HealthMonitor
from tinygrad_mlp.debug._recompute import finite_difference, recompute
from tinygrad_mlp.debug._steps import BackwardStep, BackwardTrace, trace_backward
from tinygrad_mlp.debug.worked_example import worked_example
from tinygrad_mlp.graph import layers_of, names_of

__all__ = [
    "BackwardStep",
    "BackwardTrace",
    "Breakpoint",
    "Chain",
    "Difference",
    "ForwardStep",
    "ForwardTrace",
    "HealthMonitor",
    "HealthReport",
    "Hit",
    "LayerHealth",
    "Location",
    "Path",
    "break_when",
    "chain",
    "compare",
    "detect_anomaly",
    "finite_difference",
    "health",
    "latex",
    "layers_of",
    "location_of",
    "names_of",
    "recompute",
    "record_creation",
    "trace_backward",
    "trace_forward",
    "watch",
    "worked_example",
]
