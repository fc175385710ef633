"""Data for training: data sets, a person's own tables, batches, splits, scaling, augmentation.

It stands on NumPy alone and knows nothing of the engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tinygrad_mlp._words import refuse_name
from tinygrad_mlp.data._augmentation import (
    Augmentation,
    GaussianNoise,
    MixUp,
    RandomRotation,
    RandomTranslation,
)
from tinygrad_mlp.data._batching import batch_indices, iterate_batches
from tinygrad_mlp.data._datasets import Dataset, load_dataset, load_digits, load_iris
from tinygrad_mlp.data._preprocessing import StandardScaler, encode_labels, one_hot
from tinygrad_mlp.data._splitting import k_fold, split_indices, train_test_split
from tinygrad_mlp.data._synthetic import make_blobs, make_circles, make_moons, make_spirals
from tinygrad_mlp.data._table import Table, read_table
from tinygrad_mlp.data._validation import (
    check_features,
    check_finite,
    check_labels,
    check_lengths,
    check_targets,
)

__all__ = [
    "Augmentation",
    "Dataset",
    "EncodedFrame",
    "Encoding",
    "GaussianNoise",
    "MixUp",
    "RandomRotation",
    "RandomTranslation",
    "StandardScaler",
    "Table",
    "batch_indices",
    "check_features",
    "check_finite",
    "check_labels",
    "check_lengths",
    "check_targets",
    "encode",
    "encode_labels",
    "iterate_batches",
    "k_fold",
    "load_dataset",
    "load_digits",
    "load_iris",
    "make_blobs",
    "make_circles",
    "make_moons",
    "make_spirals",
    "one_hot",
    "read_table",
    "split_indices",
    "train_test_split",
]

_MODULE_OF: Final = {"EncodedFrame": "_encode", "Encoding": "_encoding", "encode": "_encode"}
"""What is imported when it is asked for: most programs have no frames."""

if TYPE_CHECKING:
    from tinygrad_mlp.data._encode import EncodedFrame, encode
    from tinygrad_mlp.data._encoding import Encoding


def _imported(name: str) -> Any:
    if name not in _MODULE_OF:
        return refuse_name(__name__, name)
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


if not TYPE_CHECKING:  # a type checker would take any name
    __getattr__ = _imported


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
