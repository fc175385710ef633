"""What a run can be asked for by name: data sets, features; and what changes while it goes on."""

from __future__ import annotations

from typing import Final

__all__ = [
    "DATA",
    "DEFAULT",
    "FEATURES",
    "GIVEN",
    "HOW_TO_TRAIN",
    "IN_FLIGHT",
    "TABLE",
]

DATA: Final = {
    "moons": 0.1,
    "circles": 0.05,
    "spirals": 0.01,
    "blobs": 0.7,
    "xor": 0.25,
    "iris": None,
    "digits": None,
}
"""The data sets that come along, each with its first noise; None for measured ones."""

TABLE: Final = "table"
"""What data are called that are a person's own table."""

GIVEN: Final = "given"
"""What data are called that came with a person's own model."""

FEATURES: Final = {
    "x1": "X[:, 0]",
    "x2": "X[:, 1]",
    "x1^2": "X[:, 0] ** 2",
    "x2^2": "X[:, 1] ** 2",
    "x1*x2": "X[:, 0] * X[:, 1]",
    "sin(x1)": "np.sin(X[:, 0])",
    "sin(x2)": "np.sin(X[:, 1])",
}
"""The features of data of two columns, each as the Python code that computes it."""

DEFAULT: Final = "default"
"""The initializer that suits the activation."""

IN_FLIGHT: Final = frozenset(
    {"noise", "painted", "batch_size", "optimizer", "learning_rate", "l1", "l2"}
)
"""What changes without a new start; of a layer, its activation and its dropout do, too."""

HOW_TO_TRAIN: Final = ("batch_size", "optimizer", "learning_rate", "l1", "l2")
"""What a person's own model leaves to the page."""
