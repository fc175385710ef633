"""Losses and penalties: functions of Values, and a record for each loss that a training loop needs.

>>> from tinygrad_mlp.engine import Value
>>> prediction = Value(2.5)
>>> loss = mean_squared_error(prediction, 3.0)
>>> loss.backward()
>>> loss.data, prediction.grad
(0.25, -1.0)
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tinygrad_mlp._words import refuse_name
from tinygrad_mlp.losses._categorical import categorical_cross_entropy
from tinygrad_mlp.losses._elementwise import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    hinge,
    huber,
    mean_absolute_error,
    mean_squared_error,
    poisson,
)
from tinygrad_mlp.losses._known_losses import LOSSES
from tinygrad_mlp.losses._penalties import l1_penalty, l2_penalty
from tinygrad_mlp.losses._record import Loss, as_loss, loss_named, loss_of_function

__all__ = [
    "LOSSES",
    "Loss",
    "as_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "categorical_cross_entropy",
    "hinge",
    "huber",
    "l1_penalty",
    "l2_penalty",
    "loss_named",
    "loss_of_function",
    "mean_absolute_error",
    "mean_squared_error",
    "poisson",
]

if not TYPE_CHECKING:
    __getattr__ = partial(refuse_name, __name__)
