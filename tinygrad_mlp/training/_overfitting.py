"""Whether a training went on past its best: the validation loss rose, and that of training fell.

Such a rise has to be long, large, and larger than the noise of the validation loss; else nothing is
said. It stands on the numbers of the history alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Final, NamedTuple

import numpy as np

from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.training._history import Finding, History

__all__ = ["NO_BETTER", "Rise", "When", "in_epoch", "overfitting", "rise_of"]

FEWEST_AFTER: Final = 10
"""So many epochs after the best one show that the loss does not come back."""

AROUND: Final = 2
"""The epochs on each side of the best one that smooth its training loss."""

RISEN: Final = 1.2
"""So many times the lowest validation loss is every late one."""

FALLEN: Final = 0.9
"""At most this share of the training loss at the best epoch is the late one."""

ABOVE_NOISE: Final = 4.0
"""So many times the usual change from epoch to epoch is the rise."""

WORTH_IT: Final = 0.1
"""A rise below this share of what the best constant answer costs does not matter."""

NO_BETTER: Final = 0.99
"""A loss above this share of that of the best constant answer is no better than it."""

MOST_TIMES: Final = 1000.0
"""A larger ratio says no more than that the lowest loss was nearly 0."""

FEW: Final = 20
"""Of fewer validation samples each counts so much that a rise may be chance."""

COMMAND: Final = (
    "from tinygrad_mlp import fit; from tinygrad_mlp.training import EarlyStopping; "
    "history = fit(new_model, X, y, validation_data=validation_data, callbacks=[EarlyStopping()])"
)


When = Callable[[int], str]
"""When the numbers at a place of the history were measured, in words."""


def in_epoch(place: int) -> str:
    """In which epoch: they count from 1.

    >>> in_epoch(0)
    'in epoch 1'
    """
    return f"in epoch {place + 1}"


class Rise(NamedTuple):
    """A validation loss that rose for long.

    Attributes:
        best: the place of the lowest validation loss in its list, from 0.
        size: by how much every late one is higher, at least.

    >>> Rise(best=7, size=0.24).best
    7
    """

    best: int
    size: float


def rise_of(loss: Sequence[float], validation_loss: Sequence[float]) -> Rise | None:
    """The rise of the validation loss while the loss fell; None where there is none to speak of.

    Late epochs are the last third of those after the best one. A list with a number that is not
    finite tells nothing.

    Args:
        loss: that on the training data, one number for each epoch.
        validation_loss: that on the validation data.

    >>> falls = [1.0 / epoch for epoch in range(1, 31)]
    >>> rises = [0.5 + 0.02 * abs(epoch - 8) for epoch in range(1, 31)]
    >>> rise = rise_of(falls, rises)
    >>> rise.best, round(rise.size, 2), rise_of(falls, falls)
    (7, 0.32, None)
    """
    n = len(validation_loss)
    if n != len(loss) or n <= FEWEST_AFTER:
        return None
    trained, held = np.asarray(loss, dtype=float), np.asarray(validation_loss, dtype=float)
    if not (np.isfinite(trained).all() and np.isfinite(held).all()):
        return None
    best = int(np.argmin(held))
    if n - 1 - best < FEWEST_AFTER:
        return None
    first_late = n - (n - 1 - best) // 3
    lowest = float(held[best])
    size = float(held[first_late:].min()) - lowest
    noise = float(np.median(np.abs(np.diff(held))))
    if not (size > (RISEN - 1.0) * abs(lowest) and size > ABOVE_NOISE * noise):
        return None
    at_best = float(np.median(trained[max(best - AROUND, 0) : best + AROUND + 1]))
    fall = at_best - float(np.median(trained[first_late:]))
    if fall < (1.0 - FALLEN) * abs(at_best) or not trained[-1] < trained[best]:
        return None
    return Rise(best, size)


def overfitting(
    history: History,
    constant: float | None,
    answer: str,
    when: When,
    n_validation: int | None = None,
) -> Finding | None:
    """What to tell of a training that went on past its best; None where there is nothing to tell.

    Args:
        history: the course of the training.
        constant: what the best constant answer costs; None where that is not known, which the
            first validation loss then stands for.
        answer: what that answer is, in words.
        when: says in words when the numbers at a place of the history were measured.
        n_validation: how many samples the validation losses are means of, if that is known.

    >>> history = History(loss=[1.0 / epoch for epoch in range(1, 31)])
    >>> history.validation_loss = [0.5 + 0.02 * abs(epoch - 8) for epoch in range(1, 31)]
    >>> print(overfitting(history, 1.0, "the mean of y", in_epoch).text)
    this looks like overfitting: the validation loss was lowest in epoch 8 and rose from 0.5 ...
    """
    held = history.validation_loss
    rise = rise_of(history.loss, held)
    if rise is None or not rise.size > WORTH_IT * (abs(held[0]) if constant is None else constant):
        return None
    best = rise.best
    times = held[-1] / held[best] if held[best] > 0.0 else inf
    more = f" ({times:.1f} times as much)" if times < MOST_TIMES else ""
    text = (
        f"this looks like overfitting: the validation loss was lowest {when(best)} and rose from "
        f"{held[best]:.4g} to {held[-1]:.4g}{more}, while the training loss fell from "
        f"{history.loss[best]:.4g} to {history.loss[-1]:.4g}; "
    )
    if n_validation is not None and n_validation < FEW:
        text += f"with {counted(n_validation, 'validation sample')} this may be chance; "
    right = history.validation_accuracy
    if constant is not None and held[best] > NO_BETTER * constant:
        text += (
            f"even at its lowest it was no better than always answering {answer} "
            f"({constant:.4g} on the training data), so look first whether the validation data are "
            "prepared as the training data are; "
        )
    elif len(right) == len(held) and right[-1] >= right[best]:
        text += "the accuracy did not fall, so wrong answers are given with too much confidence; "
    text += (
        "train a new model with callbacks=[EarlyStopping()], which goes back to the best epoch, "
        "with a larger l2, with dropout, or with more data"
    )
    return Finding(text, COMMAND)
