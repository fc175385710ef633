"""The bundled data sets, pinned to the bit: checksums, counts, known rows and published facts."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
import pytest
from numpy.typing import NDArray

from tinygrad_mlp.data import Dataset, load_dataset, load_digits, load_iris
from tinygrad_mlp.errors import UnknownNameError


def checksum(array: NDArray[np.float64] | NDArray[np.int64]) -> str:
    """SHA-256 of the numbers, little-endian, row by row."""
    little_endian = array.astype(array.dtype.newbyteorder("<"))
    return hashlib.sha256(little_endian.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def iris() -> Dataset:
    return load_iris()


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_digits()


def test_iris_is_150_flowers_by_4_lengths(iris: Dataset) -> None:
    assert iris.X.shape == (150, 4)
    assert iris.X.dtype == np.float64
    assert iris.y.dtype == np.int64
    assert iris.y.tolist() == [0] * 50 + [1] * 50 + [2] * 50
    assert iris.target_names == ("setosa", "versicolor", "virginica")
    assert iris.feature_names == (
        "sepal length (cm)",
        "sepal width (cm)",
        "petal length (cm)",
        "petal width (cm)",
    )


def test_iris_is_pinned_to_the_bit(iris: Dataset) -> None:
    assert checksum(iris.X) == "012f498fe9c8b3b34212c3c5d98e1f03f2f79931cd49349beb1bad64dcf164a7"
    assert checksum(iris.y) == "734737f11162991213afc3a96aa5e8823b2d9cdcfb8992df1e85a0bae44b2395"


@pytest.mark.parametrize(
    ("sample", "lengths", "species"),
    [
        (1, [5.1, 3.5, 1.4, 0.2], "setosa"),
        (35, [4.9, 3.1, 1.5, 0.2], "setosa"),  # Fisher's table; the UCI file has 0.1
        (38, [4.9, 3.6, 1.4, 0.1], "setosa"),  # Fisher's table; the UCI file has 3.1, 1.5
        (51, [7.0, 3.2, 4.7, 1.4], "versicolor"),
        (101, [6.3, 3.3, 6.0, 2.5], "virginica"),
        (150, [5.9, 3.0, 5.1, 1.8], "virginica"),
    ],
)
def test_iris_follows_the_table_of_fisher(
    iris: Dataset, sample: int, lengths: list[float], species: str
) -> None:
    assert iris.X[sample - 1].tolist() == lengths
    assert iris.target_names[iris.y[sample - 1]] == species


def test_iris_has_the_means_that_fisher_printed(iris: Dataset) -> None:
    means = [iris.X[iris.y == label].mean(axis=0) for label in range(3)]
    printed = [
        [5.006, 3.428, 1.462, 0.246],
        [5.936, 2.770, 4.260, 1.326],
        [6.588, 2.974, 5.552, 2.026],
    ]
    np.testing.assert_allclose(means, printed, atol=1e-12)


def test_digits_are_1797_pictures_of_64_pixels(digits: Dataset) -> None:
    assert digits.X.shape == (1797, 64)
    assert digits.X.dtype == np.float64
    assert digits.y.dtype == np.int64
    assert (digits.X.min(), digits.X.max()) == (0.0, 16.0)
    assert np.array_equal(digits.X, np.floor(digits.X))
    assert digits.X.flags["C_CONTIGUOUS"]
    assert digits.target_names == tuple("0123456789")
    assert digits.feature_names[0] == "pixel_0_0"
    assert digits.feature_names[8] == "pixel_1_0"
    assert digits.feature_names[-1] == "pixel_7_7"


def test_digits_are_pinned_to_the_bit(digits: Dataset) -> None:
    assert checksum(digits.X) == "20def7f70a702f0af9732fbba4375e147a7d54fe70d8c45569b8e7c1c7010c10"
    assert checksum(digits.y) == "a3c91c262eddcf7ba8f0e37507c30284493c9b20412ffe4af30d536401f7ba21"


def test_digits_have_the_class_counts_that_the_repository_lists(digits: Dataset) -> None:
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(digits.y).tolist() == counts


def test_the_first_digit_is_a_zero_one_can_see(digits: Dataset) -> None:
    picture = digits.X[0].reshape(8, 8).astype(int).tolist()
    assert digits.y[0] == 0
    assert picture == [
        [0, 0, 5, 13, 9, 1, 0, 0],
        [0, 0, 13, 15, 10, 15, 5, 0],
        [0, 3, 15, 2, 0, 11, 8, 0],
        [0, 4, 12, 0, 0, 8, 8, 0],
        [0, 5, 8, 0, 0, 9, 8, 0],
        [0, 4, 11, 0, 1, 12, 7, 0],
        [0, 2, 14, 5, 10, 12, 0, 0],
        [0, 0, 6, 13, 10, 0, 0, 0],
    ]


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_a_data_set_says_where_it_comes_from(name: str) -> None:
    dataset = load_dataset(name)
    assert dataset.name == name
    assert dataset.task == "classification"
    assert dataset.X.shape[1] == len(dataset.feature_names)
    assert set(np.unique(dataset.y)) == set(range(len(dataset.target_names)))
    assert "https://doi.org/" in dataset.source
    assert dataset.license.startswith("CC BY 4.0")
    notice = (files("tinygrad_mlp.data") / "README.md").read_text(encoding="utf-8")
    assert dataset.source.split("https://doi.org/")[1].split(";")[0] in notice


def test_every_call_loads_arrays_of_its_own(iris: Dataset) -> None:
    changed = load_iris()
    changed.X[:] = 0.0
    assert load_iris().X[0, 0] == 5.1
    assert iris.X[0, 0] == 5.1


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="unknown data set 'irsi'; known: digits, iris"):
        load_dataset("irsi")
