"""What each loss is compared with and what it refuses, written by hand, in one place.

``ELEMENTWISE`` has a line for every loss that compares one output with one target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tinygrad_mlp import losses
from tinygrad_mlp.losses import LOSSES

__all__ = ["ELEMENTWISE", "LossReference", "check_that_all_are_here"]

Floats = NDArray[np.float64]

NOT_FINITE: Final = "a target is a finite number, got {}; fill it"
NO_PROBABILITY: Final = "binary cross-entropy are 0 and 1, or between, got {};"
NO_SIGN: Final = r"hinge loss are -1 and \+1, got {}; .*2 \* y - 1"
NO_COUNT: Final = "Poisson loss are counts, numbers of at least 0, got {}; .*mean_squared_error"


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.normal(size=shape)


def wide(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.normal(scale=2.0, size=shape)


def probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.uniform(0.01, 0.99, size=shape)


def zeros_and_ones(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.integers(0, 2, size=shape).astype(float)


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.choice([-1.0, 1.0], size=shape)


def counts(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.poisson(1.5, size=shape).astype(float)


@dataclass(frozen=True, kw_only=True)
class LossReference:
    """A loss of one output and one target, and what is known of it without asking its record.

    Args:
        torch: the same in torch, ``torch(outputs, targets, reduction=...)``.
        outputs: draws outputs, ``outputs(rng, shape)``.
        targets: draws targets that it takes, likewise.
        message: what it says of a wrong target, the number as {}.
        refused: wrong targets.
        task: what its record says.
        from_logits: likewise.
        standardizable: likewise.
    """

    torch: Callable[..., Tensor]
    outputs: Callable[..., Any] = wide
    targets: Callable[..., Any] = normal
    message: str = NOT_FINITE
    refused: tuple[float, ...] = (nan, inf, -inf)
    task: str = "regression"
    from_logits: bool = False
    standardizable: bool = True


def torch_hinge(scores: Tensor, targets: Tensor, reduction: str) -> Tensor:
    """torch has none for targets of -1 and +1; this is the formula in torch."""
    each = torch.relu(1.0 - targets * scores)
    return {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction]


def torch_poisson(log_means: Tensor, targets: Tensor, reduction: str) -> Tensor:
    """torch leaves out what depends on the counts alone."""
    each = F.poisson_nll_loss(log_means, targets, reduction="none")
    each = each + torch.xlogy(targets, targets) - targets
    return {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction]


_YES_OR_NO: Final[dict[str, Any]] = {
    "targets": zeros_and_ones,
    "message": NO_PROBABILITY,
    "refused": (nan, inf, -0.5, 1.5),
    "task": "classification",
}

ELEMENTWISE: Final[dict[str, LossReference]] = {
    "mean_squared_error": LossReference(torch=F.mse_loss),
    "mean_absolute_error": LossReference(torch=F.l1_loss),
    "binary_cross_entropy": LossReference(
        torch=F.binary_cross_entropy, outputs=probabilities, **_YES_OR_NO
    ),
    "binary_cross_entropy_with_logits": LossReference(
        torch=F.binary_cross_entropy_with_logits, from_logits=True, **_YES_OR_NO
    ),
    "hinge": LossReference(
        torch=torch_hinge,
        targets=signs,
        message=NO_SIGN,
        refused=(nan, inf, 0.0, 2.0),
        task="classification",
    ),
    "huber": LossReference(torch=F.huber_loss),
    "poisson": LossReference(
        torch=torch_poisson,
        targets=counts,
        message=NO_COUNT,
        refused=(nan, inf, -1.0, -0.5),
        standardizable=False,
    ),
}
"""A line for each loss; of several outputs at once there is only categorical_cross_entropy."""


def function_of(name: str) -> Callable[..., Any]:
    """Our function of that name."""
    function: Callable[..., Any] = getattr(losses, name)
    return function


def check_that_all_are_here() -> None:
    """Every loss of the table has its line."""
    missing = set(LOSSES) - {*ELEMENTWISE, "categorical_cross_entropy"}
    assert not missing, f"{missing}: write a line into ELEMENTWISE of tests/loss_references.py"
    assert {*ELEMENTWISE, "categorical_cross_entropy"} == set(LOSSES)
