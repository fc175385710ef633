"""Optimizers, learning-rate schedules and gradient clipping.

>>> from tinygrad_mlp.engine import Value
>>> w = Value(5.0)
>>> optimizer = SGD([w], learning_rate=0.1, momentum=0.5)
>>> schedule = CosineSchedule(n_epochs=100)
>>> for epoch in range(100):
...     schedule.step(optimizer, epoch)
...     optimizer.zero_grad()
...     loss = (w - 3.0) ** 2
...     loss.backward()
...     norm = clip_by_norm([w], max_norm=10.0)
...     optimizer.step()
>>> round(w.data, 2)
3.0
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tinygrad_mlp._words import refuse_name
from tinygrad_mlp.optim._base import Optimizer, Parameter
from tinygrad_mlp.optim._by_name import OPTIMIZERS, SCHEDULES, make_optimizer, make_schedule
from tinygrad_mlp.optim._clipping import clip_by_norm, clip_by_value
from tinygrad_mlp.optim._groups import ParameterGroup
from tinygrad_mlp.optim._optimizers import SGD, Adam, AdamW, RMSprop
from tinygrad_mlp.optim._phases import (
    CosineRestartsSchedule,
    LambdaSchedule,
    MultiStepSchedule,
    OneCycleSchedule,
)
from tinygrad_mlp.optim._plateau import PlateauSchedule
from tinygrad_mlp.optim._schedules import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    Schedule,
    StepSchedule,
    WarmupSchedule,
)

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adam",
    "AdamW",
    "ConstantSchedule",
    "CosineRestartsSchedule",
    "CosineSchedule",
    "ExponentialSchedule",
    "LambdaSchedule",
    "MultiStepSchedule",
    "OneCycleSchedule",
    "Optimizer",
    "Parameter",
    "ParameterGroup",
    "PlateauSchedule",
    "RMSprop",
    "Schedule",
    "StepSchedule",
    "WarmupSchedule",
    "clip_by_norm",
    "clip_by_value",
    "make_optimizer",
    "make_schedule",
]

if not TYPE_CHECKING:
    __getattr__ = partial(refuse_name, __name__)
