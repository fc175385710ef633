"""Label smoothing: a part of the certainty of a label is spread over all the classes."""

from __future__ import annotations

from tinygrad_mlp._arguments import check_number
from tinygrad_mlp.engine import Value

__all__ = ["check_smoothing", "smoothed"]


def check_smoothing(label_smoothing: object) -> float:
    """The strength of the smoothing as a float.

    Raises:
        InvalidArgumentError: if it is no number from 0 to 1.

    >>> check_smoothing(1)
    1.0
    """
    return check_number(
        label_smoothing, "label_smoothing", "label_smoothing=0.1", at_least=0.0, at_most=1.0
    )


def smoothed(target: Value, n_classes: int, label_smoothing: float) -> Value:
    """(1 - s) t + s / k, the probability of a class with smoothed labels.

    [Szegedy et al., Rethinking the Inception architecture for computer vision, 2016]

    Args:
        target: t, the probability of one of the classes.
        n_classes: k.
        label_smoothing: s, from 0 to 1.

    >>> round(smoothed(Value(1.0), 4, 0.1).data, 6)
    0.925
    """
    return (1.0 - label_smoothing) * target + label_smoothing / n_classes
