"""Which whole numbers are labels of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_mlp.data._labels import look_like_classes


@pytest.mark.parametrize(
    ("y", "are_classes"),
    [
        ([0, 1, 2] * 2, True),
        ([0.0, -1.0, 2.0] * 2, True),
        (np.array([7, 8, 9] * 2, np.uint8), True),
        (list(range(20)) * 2, True),
        ([0] * 13 + [1, 2], True),  # one comes once, but each 5 times on average
        ([0] * 12 + [1, 2], False),
        ([0, 1] * 10, False),  # two are no more than that
        (list(range(21)) * 5, False),
        ([0, 1, 2], False),
        ([0.5, 1.5, 2.5] * 5, False),
        ([0.0, 1.0, 2.5] * 5, False),
        (["a", "b", "c"] * 5, False),
        ([True, False] * 5, False),
        ([[0], [1], [2]] * 5, False),
        ([[0, 1, 2]] * 5, False),
    ],
)
def test_targets_look_like_classes(y: Any, are_classes: bool) -> None:
    assert look_like_classes(np.asarray(y)) is are_classes
