"""Train and test parts, and folds: disjoint, complete, in proportion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinygrad_mlp.data import k_fold, load_iris, split_indices, train_test_split
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError

X8 = np.arange(8.0).reshape(8, 1)


def labels_of_sizes(*sizes: int) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(sizes)), sizes)


def test_the_parts_hold_every_sample_once_with_its_own_label() -> None:
    X, y = np.arange(20).reshape(10, 2), np.arange(10) % 2
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, rng=0)
    assert (len(X_train), len(X_test)) == (7, 3)
    joined = np.concatenate([X_train, X_test])
    np.testing.assert_array_equal(joined[np.argsort(joined[:, 0])], X)
    np.testing.assert_array_equal(y_train, X_train[:, 0] // 2 % 2)
    np.testing.assert_array_equal(y_test, X_test[:, 0] // 2 % 2)


@pytest.mark.parametrize(
    ("test_size", "n_samples", "n_test"),
    [(0.25, 150, 38), (0.2, 10, 2), (0.07, 100, 7), (0.001, 1000, 1), (0.5, 3, 2), (4, 10, 4)],
)
def test_a_share_is_rounded_to_the_nearest_count(
    test_size: float, n_samples: int, n_test: int
) -> None:
    train, test = split_indices(np.zeros(n_samples), test_size, stratify=False, rng=0)
    assert (len(train), len(test)) == (n_samples - n_test, n_test)


def test_iris_is_split_in_proportion() -> None:
    iris = load_iris()
    _, _, y_train, y_test = train_test_split(iris.X, iris.y, test_size=0.2, rng=0)
    assert np.bincount(y_train).tolist() == [40, 40, 40]
    assert np.bincount(y_test).tolist() == [10, 10, 10]


@pytest.mark.parametrize(
    ("sizes", "n_test", "shares"),
    [
        ((60, 30, 10), 10, [6, 3, 1]),
        ((7, 2, 1), 5, [4, 1, 0]),  # quotas 3.5, 1, 0.5; the single sample stays in the train part
        ((90, 5, 5), 10, [8, 1, 1]),  # quotas 9, 0.5, 0.5; each class is in both parts
        ((96, 2, 2), 50, [48, 1, 1]),
        ((80, 2, 2, 2), 4, [1, 1, 1, 1]),  # being in both parts comes first
        ((60, 40, 2, 2, 2), 6, [2, 1, 1, 1, 1]),  # and who is most above the quota gives way
        ((4, 4), 6, [3, 3]),
        ((60, 40, 2, 2, 2, 1), 6, [2, 1, 1, 1, 1, 0]),
        ((3, 1), 1, [1, 0]),
    ],
)
def test_the_shares_follow_the_largest_remainder(
    sizes: tuple[int, ...], n_test: int, shares: list[int]
) -> None:
    y = labels_of_sizes(*sizes)
    _, test = split_indices(y, n_test, stratify=True, rng=0)
    assert np.bincount(y[test], minlength=len(sizes)).tolist() == shares


def test_chance_decides_between_classes_that_miss_as_much() -> None:
    y = labels_of_sizes(50, 50, 50)  # quotas 12.67: two of the three get the rest
    shares = [np.bincount(y[split_indices(y, 38, rng=seed)[1]]).tolist() for seed in range(20)]
    assert {tuple(share) for share in shares} == {(13, 13, 12), (13, 12, 13), (12, 13, 13)}


def test_the_test_part_of_numbers_that_come_twice_is_no_end_of_their_range() -> None:
    y = np.repeat(np.arange(50), 2)
    means = [y[split_indices(y, 25, rng=seed)[1]].mean() for seed in range(20)]
    assert len(set(means)) > 10
    assert abs(np.mean(means) - y.mean()) < 3.0  # of 500 draws, whose mean scatters by 0.6


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 1000),
)
def test_a_stratified_split_keeps_its_promises(sizes: list[int], share: float, seed: int) -> None:
    y = labels_of_sizes(*sizes)
    n_shared = sum(size >= 2 for size in sizes)
    n_test = int(np.floor(share * len(y) + 0.5))
    assume(n_shared > 0 and n_shared <= n_test <= len(y) - len(sizes))
    train, test = split_indices(y, share, stratify=True, rng=seed)

    assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(y)))
    assert len(test) == n_test
    in_test = np.bincount(y[test], minlength=len(sizes))
    in_train = np.bincount(y[train], minlength=len(sizes))
    assert (in_train >= 1).all()
    assert all(count >= 1 for count, size in zip(in_test, sizes) if size >= 2)
    quotas = np.array(sizes) * n_test / len(y)
    if min(sizes) >= 2 and (quotas >= 1).all() and (np.array(sizes) - quotas >= 1).all():
        assert (np.abs(in_test - quotas) < 1).all()


# How many of each class scikit-learn 1.9 puts into the test part, with the same whole test_size.
# Where two classes miss the next sample by as much, it draws one of them, and so either will do.
@pytest.mark.parametrize(
    ("sizes", "n_test", "expected"),
    [
        ([50, 50, 50], 30, [[10, 10, 10]]),
        ([70, 20, 10], 25, [[18, 5, 2], [17, 5, 3]]),
        ([90, 10], 20, [[18, 2]]),
        ([33, 33, 34], 10, [[3, 3, 4]]),
        ([61, 29, 10], 40, [[24, 12, 4]]),
    ],
)
def test_labels_to_stratify_by_may_be_given_as_in_scikit_learn(
    sizes: list[int], n_test: int, expected: list[list[int]]
) -> None:
    labels = np.repeat(np.array(["c", "a", "b"])[: len(sizes)], sizes)
    numbers = np.arange(len(labels)) / 7
    X = numbers.reshape(-1, 1)
    for y in (labels, numbers):
        split = train_test_split(X, y, n_test, stratify=labels, rng=0)
        in_test = labels[np.searchsorted(numbers, split[1].ravel())]
        counts = [int((in_test == name).sum()) for name in ("c", "a", "b")[: len(sizes)]]
        assert counts in expected
    by_flag = train_test_split(X, labels, n_test, stratify=True, rng=0)
    by_labels = train_test_split(X, labels, n_test, stratify=labels.tolist(), rng=0)
    for one, other in zip(by_flag, by_labels):
        assert one.tolist() == other.tolist()


def test_folds_may_be_stratified_by_labels_of_their_own() -> None:
    y, labels = np.arange(12) / 7, np.repeat(["a", "b"], [8, 4])
    for arguments in ((y,), (y, y)):
        folds = list(k_fold(*arguments, n_folds=4, stratify=labels, rng=0))
        assert [(labels[test] == "b").sum() for _, test in folds] == [1, 1, 1, 1]


def test_labels_to_stratify_by_need_the_length_of_the_samples() -> None:
    with pytest.raises(ShapeError, match="y has 8 samples but stratify has 2"):
        train_test_split(X8, [0, 1] * 4, stratify=[0, 1])
    with pytest.raises(ShapeError, match="stratify"):
        k_fold(X8, stratify=[0, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train_test_split(X8, 0.2), "y is 0.2, .*: train_test_split.X, y, test_size=0.2"),
        (lambda: k_fold(len(X8), 5), r"X is 8, a number, .*: k_fold\(X, n_folds=5\)"),
        (lambda: k_fold(X8, 4), r"y is 4, a number, .*: k_fold\(X, n_folds=4\)"),
        (lambda: k_fold(8), r"X is 8, a number, .*: k_fold\(X, n_folds=5\)"),
    ],
)
def test_a_number_in_the_place_of_an_array_names_the_keyword(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        call()


def test_text_labels_are_stratified_too() -> None:
    y = ["no"] * 90 + ["yes"] * 10
    _, _, _, y_test = train_test_split(np.zeros((100, 1)), y, test_size=0.2, rng=0)
    assert y_test.tolist().count("yes") == 2


def test_unasked_a_split_is_stratified_where_y_holds_classes() -> None:
    y = labels_of_sizes(90, 10)
    for labels in (y, y.astype(float), y.astype(bool), y.reshape(-1, 1)):
        counts = [np.sum(labels[split_indices(labels, 0.2, rng=seed)[1]]) for seed in range(20)]
        assert set(counts) == {2}
    plain = [np.sum(y[split_indices(y, 0.2, stratify=False, rng=seed)[1]]) for seed in range(20)]
    assert len(set(plain)) > 1


@pytest.mark.parametrize(
    "y",
    [
        np.linspace(0.0, 1.0, 20),  # real numbers
        np.arange(20),  # every value once
        np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 10]),  # many single ones
        np.eye(2)[np.arange(20) % 2],  # two columns
    ],
)
def test_unasked_a_split_is_plain_where_it_cannot_be_stratified(y: NDArray[Any]) -> None:
    train, test = split_indices(y, 0.25, rng=0)
    plain_train, plain_test = split_indices(y, 0.25, stratify=False, rng=0)
    np.testing.assert_array_equal(train, plain_train)
    np.testing.assert_array_equal(test, plain_test)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("y", "test_size", "in_test"),
    [
        (["a"] * 12 + ["b"] * 8 + ["c"], 5, {"a": 3, "b": 2}),
        ([0] * 12 + [1] * 8 + [2], 5, {0: 3, 1: 2}),
        (["a"] * 3 + ["b"] + ["c"] + ["d"], 2, {"a": 2}),  # as many as there are without a gap
        (["a"] * 12 + ["b"] * 12 + ["c"] * 2, 2, {"a": 1, "b": 1}),  # too few for all three
    ],
)
def test_unasked_every_class_is_in_the_train_part(
    y: list[Any], test_size: int, in_test: dict[Any, int], seed: int
) -> None:
    train, test = split_indices(y, test_size, rng=seed)
    labels = np.array(y)
    assert set(labels[train].tolist()) == set(y)
    assert Counter(labels[test].tolist()) == in_test
    assert sorted([*train, *test]) == list(range(len(y)))


def test_a_seed_gives_the_same_split_each_time() -> None:
    y = labels_of_sizes(30, 20)
    first, same, other = (split_indices(y, rng=rng)[1].tolist() for rng in (1, 1, 2))
    assert first == same
    assert first != other


@pytest.mark.parametrize("stratify", [True, False])
def test_both_parts_come_in_random_order(stratify: bool) -> None:
    y = labels_of_sizes(50, 50)
    for part in split_indices(y, 0.5, stratify=stratify, rng=0):
        assert not np.array_equal(y[part], np.sort(y[part]))


def test_the_parts_are_copies() -> None:
    X, y = np.zeros((8, 2)), labels_of_sizes(4, 4)
    for part in train_test_split(X, y, rng=0):
        part[:] = 9
    assert X.max() == 0.0
    assert y.max() == 1


@pytest.mark.parametrize(
    ("test_size", "message"),
    [
        (0.0, "test_size is 0.0"),
        (1.0, "test_size is 1.0"),
        (-0.5, "test_size is -0.5"),
        (float("nan"), "test_size is nan"),
        ("0.2", "test_size is '0.2'"),
        (True, "test_size is True"),
        (0, "0 of 10 samples into the test part"),
        (10, "10 of 10 samples into the test part"),
        (0.01, "0 of 10 samples into the test part"),
    ],
)
def test_a_test_size_that_leaves_a_part_empty_is_refused(test_size: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        split_indices(np.zeros(10), test_size)


@pytest.mark.parametrize(
    ("sizes", "n_test", "message"),
    [
        ((5, 5, 5), 2, "test part of 2 samples is too small .* 3 classes; pass test_size=3"),
        ((5, 5, 5), 13, "train part of 2 samples is too small .* 3 classes; pass test_size=12"),
        ((5, 5, 1), 9, "train part of 2 samples is too small .* 3 classes; pass test_size=8"),
        ((1, 1, 1, 1), 2, "no class has two samples"),
    ],
)
def test_a_split_that_cannot_be_stratified_is_refused(
    sizes: tuple[int, ...], n_test: int, message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        split_indices(labels_of_sizes(*sizes), n_test, stratify=True)


def test_one_hot_labels_are_refused_for_a_stratified_split() -> None:
    with pytest.raises(ShapeError, match=r"y.argmax\(axis=1\)"):
        split_indices(np.eye(4), stratify=True)


def test_mismatched_and_empty_data_are_refused() -> None:
    with pytest.raises(ShapeError, match="X has 3 samples but y has 2"):
        train_test_split(np.zeros((3, 1)), [0, 1])
    with pytest.raises(DataError, match="X is empty"):
        train_test_split([], [])


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    n_folds=st.integers(2, 10),
    seed=st.integers(0, 1000),
)
def test_the_folds_are_even_in_size_and_in_classes(
    sizes: list[int], n_folds: int, seed: int
) -> None:
    y = labels_of_sizes(*sizes)
    assume(len(y) >= n_folds)
    folds = list(k_fold(y, y.astype(str), n_folds=n_folds, rng=seed))
    assert len(folds) == n_folds
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(len(y)))
    for train, test in folds:
        assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(y)))
    lengths = [len(test) for _, test in folds]
    assert max(lengths) - min(lengths) <= 1
    counts = np.array([np.bincount(y[test], minlength=len(sizes)) for _, test in folds])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()


def test_folds_without_labels_cover_every_sample() -> None:
    folds = list(k_fold(np.zeros((10, 3)), n_folds=3, rng=0))
    assert [len(test) for _, test in folds] == [4, 3, 3]
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(10))


def test_a_seed_gives_the_same_folds_each_time() -> None:
    y = labels_of_sizes(20, 20)
    first, same, other = ([test.tolist() for _, test in k_fold(y, y, rng=rng)] for rng in (1, 1, 2))
    assert first == same
    assert first != other


def test_the_folds_of_a_regression_on_whole_numbers_are_those_without_targets() -> None:
    for y in (np.arange(23), np.arange(23) * 2.0, np.array([1, 1, *range(2, 23)])):
        for seed in range(3):
            with_targets, without, unasked = (
                [test.tolist() for _, test in k_fold(np.zeros((23, 1)), targets, rng=seed, **how)]
                for targets, how in ((y, {}), (None, {}), (y, {"stratify": False}))
            )
            assert with_targets == without == unasked


@pytest.mark.parametrize(
    "y",
    [
        np.arange(20),
        np.repeat(np.arange(10), 2),
        np.array([f"name {i}" for i in range(20)]),
        labels_of_sizes(10, 7, 3),
    ],
)
@pytest.mark.parametrize("stratify", [None, False])
def test_every_sample_can_be_in_every_fold(y: NDArray[Any], stratify: bool | None) -> None:
    fold_of_first = set()
    for seed in range(60):
        folds = k_fold(y, y, n_folds=4, stratify=stratify, rng=seed)
        fold_of_first |= {fold for fold, (_, test) in enumerate(folds) if 0 in test}
    assert fold_of_first == {0, 1, 2, 3}


def test_the_folds_have_the_class_counts_of_scikit_learn() -> None:
    from sklearn.model_selection import StratifiedKFold

    y = labels_of_sizes(23, 11, 8, 5)
    ours = [np.bincount(y[test]) for _, test in k_fold(y, y, stratify=True, rng=0)]
    splitter = StratifiedKFold(5, shuffle=True, random_state=0)
    theirs = [np.bincount(y[test]) for _, test in splitter.split(y, y)]
    for label in range(4):
        assert sorted(count[label] for count in ours) == sorted(count[label] for count in theirs)


def test_impossible_folds_are_refused_at_the_call() -> None:
    X, y = np.zeros((6, 1)), labels_of_sizes(4, 2)
    with pytest.raises(InvalidArgumentError, match=r"n_folds is 1, .* at least 2"):
        k_fold(X, n_folds=1)
    with pytest.raises(InvalidArgumentError, match="n_folds=7 is more than the 6 samples"):
        k_fold(X, n_folds=7)
    with pytest.raises(InvalidArgumentError, match=r"rarest class has 2 samples, .* n_folds=3"):
        k_fold(X, y, n_folds=3, stratify=True)
    with pytest.raises(InvalidArgumentError, match="needs the labels"):
        k_fold(X, n_folds=3, stratify=True)
    with pytest.raises(ShapeError, match="X has 6 samples but y has 5"):
        k_fold(X, y[:5], n_folds=2)


def test_real_numbers_that_come_again_are_the_targets_of_a_regression() -> None:
    y = np.repeat([0.5, 1.5, 2.0], [20, 10, 10])
    for seed in range(3):
        parts = split_indices(y, 0.25, rng=seed)
        plain = split_indices(y, 0.25, stratify=False, rng=seed)
        assert [part.tolist() for part in parts] == [part.tolist() for part in plain]
    assert [np.sum(y[test] == 0.5) for _, test in k_fold(y, y, stratify=True, rng=0)] == [4] * 5


# Where the numbers of a class begin to come often enough: twice each, or 5 times on average; and
# every class must find room in the train part.
@pytest.mark.parametrize(
    ("sizes", "n_test", "is_stratified"),
    [
        ((2, 2, 2, 2), 4, True),
        ((6, 1, 1, 1), 2, False),
        ((17, 1, 1, 1), 4, True),
        ((16, 1, 1, 1), 4, False),
        ((5, 5), 8, True),
        ((3, 3, 2), 5, True),
        ((3, 3, 2), 6, False),
    ],
)
def test_unasked_a_split_is_stratified_from_here_on(
    sizes: tuple[int, ...], n_test: int, is_stratified: bool
) -> None:
    y = labels_of_sizes(*sizes)
    same = [
        [part.tolist() for part in split_indices(y, n_test, rng=seed)]
        == [part.tolist() for part in split_indices(y, n_test, stratify=False, rng=seed)]
        for seed in range(10)
    ]
    assert all(same) is not is_stratified


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: split_indices(X8, 1.5),
            "test_size is 1.5, but a share between 0 and 1 or a whole number of samples is needed, "
            "for example test_size=0.25",
        ),
        (
            lambda: split_indices(X8, 8),
            "test_size=8 puts 8 of 8 samples into the test part, which leaves one part empty; both "
            "parts need a sample",
        ),
        (
            lambda: split_indices(X8, 0),
            "test_size=0 puts 0 of 8 samples into the test part, which leaves one part empty; both "
            "parts need a sample",
        ),
        (
            lambda: split_indices(X8, 0.06),
            "test_size=0.06 puts 0 of 8 samples into the test part, which leaves one part empty; "
            "both parts need a sample",
        ),
        (
            lambda: split_indices([0, 0, 0, 1, 1, 1], 1, stratify=True),
            "a test part of 1 samples is too small to hold each of the 2 classes; pass test_size=2 "
            "or more, or stratify=False",
        ),
        (
            lambda: split_indices([0, 0, 0, 1, 1, 1, 2], 5, stratify=True),
            "a train part of 2 samples is too small to hold each of the 3 classes; pass "
            "test_size=4 or less, or stratify=False",
        ),
        (
            lambda: split_indices([0, 0, 1, 1], 1, stratify=True),
            "a test part of 1 samples is too small to hold each of the 2 classes; pass test_size=2 "
            "or more, or stratify=False",
        ),
        (
            lambda: split_indices([0, 1, 2], 1, stratify=True),
            "no class has two samples, so none can be in both parts; if y is the target of a "
            "regression, pass stratify=False",
        ),
        (
            lambda: k_fold(X8, [0, 0, 0, 0, 0, 0, 1, 1], n_folds=3, stratify=True),
            "the rarest class has 2 samples, too few for n_folds=3; choose fewer folds or "
            "stratify=None",
        ),
        (
            lambda: k_fold(X8, n_folds=9),
            "n_folds=9 is more than the 8 samples; choose n_folds=8 or less",
        ),
        (
            lambda: k_fold(X8, stratify=True),
            "stratify=True needs the labels: k_fold(X, y, stratify=True)",
        ),
        (
            lambda: k_fold(X8, np.int64(4)),
            "y is 4, a number, but an array with one row per sample is needed: "
            "k_fold(X, n_folds=4)",
        ),
        (
            lambda: k_fold(X8, 0.5),
            "y is 0.5, a number, but an array with one row per sample is needed: "
            "k_fold(X, n_folds=5)",
        ),
    ],
)
def test_what_is_said_of_a_split_that_cannot_be(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        call()
    assert str(caught.value) == message


def test_the_smallest_and_the_largest_parts() -> None:
    y = [0, 0, 0, 1, 1, 1]
    for n_test, stratify in ((1, False), (5, False), (2, True), (4, True)):
        train, test = split_indices(y, n_test, stratify=stratify, rng=0)
        assert (len(train), len(test)) == (6 - n_test, n_test)
    train, test = split_indices([0, 0, 0, 1, 1, 1, 2], 4, stratify=True, rng=0)
    assert 6 in train
    folds = list(k_fold(X8, [0] * 6 + [1] * 2, n_folds=2, stratify=True, rng=0))
    assert [len(test) for _, test in folds] == [4, 4]
    assert [len(test) for _, test in k_fold(X8, n_folds=8, rng=0)] == [1] * 8


@pytest.mark.parametrize("stratify", [True, np.bool_(True)])
def test_the_labels_of_a_column_can_be_stratified(stratify: Any) -> None:
    y = labels_of_sizes(6, 2).reshape(-1, 1)
    _, test = split_indices(y, 4, stratify=stratify, rng=0)
    assert sorted(y[test].ravel().tolist()) == [0, 0, 0, 1]
    _, test = split_indices(y[:, 0], 4, stratify=y.tolist(), rng=0)
    assert sorted(y[test].ravel().tolist()) == [0, 0, 0, 1]


def test_a_seed_means_the_same_split_for_ever() -> None:
    y = labels_of_sizes(4, 2, 2)
    rng = np.random.default_rng(3)
    order, turns = rng.permutation(8), rng.permutation(3)
    train, test = split_indices(y, 4, rng=3)
    first_of_class = {i for k, n in enumerate((2, 1, 1)) for i in order[y[order] == k][:n].tolist()}
    assert test.tolist() == [i for i in order.tolist() if i in first_of_class]
    assert train.tolist() == [i for i in order.tolist() if i not in first_of_class]
    assert sorted(turns.tolist()) == [0, 1, 2]
    plain_train, plain_test = split_indices(y, 3, stratify=False, rng=3)
    assert [*plain_test.tolist(), *plain_train.tolist()] == order.tolist()
    assert train_test_split(X8, y, 4, rng=3)[1].ravel().tolist() == test.tolist()
    dealt = [order[i::3].tolist() for i in range(3)]
    folds = list(k_fold(X8, n_folds=3, rng=3))
    assert [test.tolist() for _, test in folds] == dealt
    assert [train.tolist() for train, _ in folds] == [
        [i for i in order.tolist() if i not in fold] for fold in dealt
    ]
    assert len(list(k_fold(X8, rng=3))) == 5
    assert len(split_indices(np.zeros(100), rng=3)[1]) == 25
    assert len(train_test_split(np.zeros((100, 1)), np.zeros(100), rng=3)[1]) == 25


def test_labels_of_more_than_one_dimension_are_none() -> None:
    for y in (np.zeros((8, 2, 1)), np.zeros((8, 2))):
        with pytest.raises(ShapeError) as caught:
            split_indices(y, stratify=True)
        assert str(caught.value) == (
            f"y has shape {y.shape}, but stratify=True needs one label per sample; for one-hot "
            "rows pass y.argmax(axis=1), or stratify=False"
        )
        parts, plain = (split_indices(y, rng=0, stratify=stratify) for stratify in (None, False))
        assert [part.tolist() for part in parts] == [part.tolist() for part in plain]
    with pytest.raises(DataError, match="y is empty"):
        split_indices([])
