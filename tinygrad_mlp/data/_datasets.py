"""Two real data sets, small enough to ship: iris flowers and handwritten digits.

The files stand beside this module; its README.md names their sources and licenses.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_mlp._words import AnotherWord, our_words
from tinygrad_mlp.data._arrays import Floats, Integers
from tinygrad_mlp.data._table import read_table
from tinygrad_mlp.errors import UnknownNameError

__all__ = ["DATASETS", "Dataset", "load_dataset", "load_digits", "load_iris"]

_PACKAGE = "tinygrad_mlp.data"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Features and labels with what they mean and where they come from.

    Attributes:
        name: the name that ``load_dataset`` knows.
        X: the features, float64, shape (n_samples, n_features).
        y: the labels, int64, shape (n_samples,).
        feature_names: the name of each column of X.
        target_names: the name of each class, so that target_names[y[i]] is the class of sample i.
        task: "classification".
        description: what was measured.
        source: who published it, and where.
        license: under which license.

    >>> load_iris()
    Dataset(iris: 150 samples, 4 features, 3 classes)
    """

    name: str
    X: Floats
    y: Integers
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    task: str
    description: str
    source: str
    license: str

    if not TYPE_CHECKING:
        licence = AnotherWord("dataset.license")
        data = AnotherWord("dataset.X")
        target = AnotherWord("dataset.y")
        DESCR = AnotherWord("dataset.description")

    def __repr__(self) -> str:
        n_samples, n_features = self.X.shape
        return (
            f"Dataset({self.name}: {n_samples} samples, {n_features} features, "
            f"{len(self.target_names)} classes)"
        )


@our_words
def load_iris() -> Dataset:
    """150 iris flowers of three species, 50 of each, by four lengths in centimeters.

    Setosa is linearly separable from the two others, which overlap.

    Source: R. A. Fisher, 1936; the UCI Machine Learning Repository, CC BY 4.0. Two rows in which
    the file of that repository departs from Fisher's table are as in the table.

    Returns:
        The Dataset, in the order of the table: setosa, versicolor, virginica.

    >>> iris = load_iris()
    >>> iris.X[0], iris.target_names[iris.y[0]]
    (array([5.1, 3.5, 1.4, 0.2]), 'setosa')
    """
    with as_file(files(_PACKAGE) / "iris.csv") as path:
        table = read_table(path, target="species", task="classification")
    return Dataset(
        name="iris",
        X=table.X,
        y=table.y.astype(np.int64),
        feature_names=table.feature_names,
        target_names=table.target_names,
        task="classification",
        description="150 iris flowers of three species by four lengths in centimeters",
        source=(
            'R. A. Fisher, "The use of multiple measurements in taxonomic problems", 1936; UCI '
            "Machine Learning Repository, https://doi.org/10.24432/C56C76; as distributed with "
            "scikit-learn (BSD 3-Clause)"
        ),
        license="CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    )


@our_words
def load_digits() -> Dataset:
    """1797 handwritten digits as pictures of 8 x 8 pixels, each pixel from 0 to 16.

    ``X / 16`` brings the pixels to 0 ... 1, ``X.reshape(-1, 8, 8)`` gives the pictures.

    Source: E. Alpaydin and C. Kaynak, 1998, the test part; the UCI Machine Learning Repository,
    CC BY 4.0.

    Returns:
        The Dataset, its columns the pixels row by row.

    >>> digits = load_digits()
    >>> digits.X.shape, digits.y[:10].tolist()
    ((1797, 64), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    with (files(_PACKAGE) / "digits.csv.gz").open("rb") as packed, gzip.open(packed, "rt") as text:
        header = text.readline().strip().split(",")
        numbers = np.loadtxt(text, delimiter=",")
    return Dataset(
        name="digits",
        X=np.ascontiguousarray(numbers[:, :-1]),
        y=numbers[:, -1].astype(np.int64),
        feature_names=tuple(header[:-1]),
        target_names=tuple(str(digit) for digit in range(10)),
        task="classification",
        description="1797 handwritten digits as pictures of 8 x 8 pixels, each from 0 to 16",
        source=(
            'E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", 1998, the '
            "test part; UCI Machine Learning Repository, https://doi.org/10.24432/C50P49; as "
            "distributed with scikit-learn (BSD 3-Clause)"
        ),
        license="CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    )


DATASETS: dict[str, Callable[[], Dataset]] = {"digits": load_digits, "iris": load_iris}
"""The function that loads each bundled data set, by its name."""


def load_dataset(name: str) -> Dataset:
    """The bundled data set of that name.

    Args:
        name: "iris" or "digits".

    Raises:
        UnknownNameError: if there is none of that name.

    >>> load_dataset("iris")
    Dataset(iris: 150 samples, 4 features, 3 classes)
    >>> load_dataset("mnist")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownNameError: unknown data set 'mnist'; known: digits, iris
    """
    if name not in DATASETS:
        raise UnknownNameError.of("data set", name, DATASETS)
    return DATASETS[name]()
