"""Data for training: data sets, a person's own tables, batches, splits, scaling, augmentation.

It stands on NumPy alone and knows nothing of the engine.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

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
from tinygrad_mlp.data._encode import EncodedFrame, encode
from tinygrad_mlp.data._encoding import Encoding
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

if not TYPE_CHECKING:
    __getattr__ = partial(refuse_name, __name__)
