"""Advice and errors of the library in the words of a page: people have buttons there, no Python."""

from __future__ import annotations

from typing import Final

from tinygrad_mlp._text import reworded

__all__ = ["for_a_page"]

WORDS: Final = {
    # advice on a training
    r"train a new model with callbacks=\[EarlyStopping\(\)\], which goes back to the best epoch,": (
        "go back to that step, or rewind and train"
    ),
    ", so look first whether the validation data are prepared as the training data are": "",
    "train a new model": "rewind and train",
    r"; or have debug\.detect_anomaly\(\) find the first nan": "",
    "on the validation data": "on the held-out samples",
    "activation='leaky_relu'": "the activation leaky_relu",
    "smaller l1 and l2": "smaller L1 and L2 penalties",
    "a larger l2": "a larger L2 penalty",
    "learning_rate": "learning rate",
    r"\bof y\b": "of the target",
}
"""Words for people who write Python, as patterns, and those for a page."""


def for_a_page(text: str) -> str:
    """A sentence of the library as it stands on a page.

    >>> for_a_page("the steps are too long: train a new model with a smaller learning_rate")
    'the steps are too long: rewind and train with a smaller learning rate'
    """
    return reworded(text, WORDS)
