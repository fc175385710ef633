"""Holding samples back: a train and a test part, and the folds of a cross-validation.

A stratified split keeps the proportions of the classes. The shares of the classes are whole
numbers found by the method of the largest remainder.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import Rng, as_generator, check_integer
from tinygrad_mlp._text import described
from tinygrad_mlp._words import our_words
from tinygrad_mlp.data._arrays import Floats, Integers
from tinygrad_mlp.data._labels import come_again
from tinygrad_mlp.data._preprocessing import encode_labels
from tinygrad_mlp.data._validation import check_lengths, check_not_a_number
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError

__all__ = ["k_fold", "split_indices", "train_test_split"]

Indices = NDArray[np.intp]


@our_words
def train_test_split(
    X: ArrayLike,
    y: ArrayLike,
    test_size: float = 0.25,
    *,
    stratify: bool | ArrayLike | None = None,
    rng: Rng = None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Split the samples at random into a train part and a test part.

    Stratified, class c with n_c of the n samples has the quota n_c n_test / n in the test part.
    It gets the whole number below or above its quota, and every class of two samples or more is in
    both parts (where classes are too rare for both rules, being in both parts comes first). A class
    of one sample goes to the train part.

    Args:
        X: anything with one row per sample.
        y: the labels or targets, one per sample.
        test_size: the share of the test part, between 0 and 1, or its number of samples.
        stratify: True keeps the proportions of the classes in y, an array those of the labels in
            it (``stratify=y`` is True); False does not look at y; None does it as far as it can
            where y holds labels: text, or whole numbers that all occur twice or more, or five
            times on average.
        rng: a seed or a Generator.

    Returns:
        X_train, X_test, y_train, y_test: copies, in random order.

    Raises:
        ShapeError: if X and y differ in length, or y cannot be stratified by having two dimensions.
        DataError: if they are empty.
        InvalidArgumentError: if a part would be empty, or has too few samples for the classes.

    >>> X, y = np.arange(8).reshape(8, 1), ["a", "a", "a", "a", "a", "a", "b", "b"]
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=4, rng=0)
    >>> sorted(y_train.tolist()), sorted(y_test.tolist())
    (['a', 'a', 'a', 'b'], ['a', 'a', 'a', 'b'])
    """
    check_not_a_number(y, "y", "train_test_split(X, y, test_size={})")
    check_lengths(X, y)
    train, test = split_indices(y, test_size, stratify=stratify, rng=rng)
    features, targets = np.asarray(X), np.asarray(y)
    return features[train], features[test], targets[train], targets[test]


@our_words
def split_indices(
    y: ArrayLike,
    test_size: float = 0.25,
    *,
    stratify: bool | ArrayLike | None = None,
    rng: Rng = None,
) -> tuple[Indices, Indices]:
    """The positions of the train part and of the test part, as ``train_test_split`` takes them.

    It has the same arguments, and suits data in more than two arrays.

    Returns:
        train, test: index arrays without a common entry, in random order.

    Raises:
        DataError, ShapeError, InvalidArgumentError: as ``train_test_split``.

    >>> train, test = split_indices([0, 0, 0, 0, 1, 1, 1, 1], test_size=0.25, rng=0)
    >>> len(train), sorted((test // 4).tolist())
    (6, [0, 1])
    """
    n_samples = check_lengths(y, names=("y",))
    y, demanded = _labels_to_keep(y, stratify, n_samples)
    n_test = _test_count(test_size, n_samples)
    generator = as_generator(rng)
    order = generator.permutation(n_samples)
    classes = _classes_to_keep(y, demanded)
    if classes is None:
        return order[n_test:], order[:n_test]
    sizes = np.bincount(classes)
    obstacle = _obstacle(sizes, n_test)
    if demanded and obstacle:
        raise InvalidArgumentError(obstacle)
    if not demanded and not _are_labels(y, sizes, n_samples - n_test):
        return order[n_test:], order[:n_test]

    by_class = order[np.argsort(classes[order], kind="stable")]
    rank_in_class = np.arange(n_samples) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    turns = generator.permutation(len(sizes))  # where classes miss as much, chance decides
    shares = np.empty_like(sizes)
    shares[turns] = _test_shares(sizes[turns], n_test)
    in_test = np.empty(n_samples, dtype=bool)
    in_test[by_class] = rank_in_class < np.repeat(shares, sizes)
    return order[~in_test[order]], order[in_test[order]]


@our_words
def k_fold(
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    n_folds: int = 5,
    stratify: bool | ArrayLike | None = None,
    rng: Rng = None,
) -> Iterator[tuple[Indices, Indices]]:
    """The folds of a cross-validation: every sample is in the test part of one fold.

    The sizes of the folds differ by one at most; stratified, so do the samples of a class.

    Args:
        X: anything with one row per sample.
        y: the labels, needed for a stratified split only.
        n_folds: how many folds.
        stratify: True spreads the classes in y evenly, an array those of the labels in it; False
            does not look at y; None does it where y holds labels, as for ``train_test_split``; not
            for the targets of a regression.
        rng: a seed or a Generator.

    Returns:
        An iterator over n_folds pairs (train, test) of index arrays, in random order.

    Raises:
        ShapeError: if X and y differ in length, or y cannot be stratified by having two dimensions.
        DataError: if they are empty.
        InvalidArgumentError: if there are fewer than two folds, fewer samples than folds, or, with
            stratify=True, a class with fewer samples than folds.

    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> [np.bincount(y[test]).tolist() for train, test in k_fold(y, y, n_folds=2, rng=0)]
    [[2, 1], [2, 1]]
    """
    call = f"k_fold(X, n_folds={y if isinstance(y, int | np.integer) else n_folds})"
    check_not_a_number(X, "X", call)
    check_not_a_number(y, "y", call)
    n_samples = check_lengths(X) if y is None else check_lengths(X, y)
    y, demanded = _labels_to_keep(y, stratify, n_samples)
    n_folds = check_integer(n_folds, "n_folds", minimum=2)
    if n_folds > n_samples:
        raise InvalidArgumentError(
            f"n_folds={n_folds} is more than the {n_samples} samples; choose "
            f"n_folds={n_samples} or less"
        )
    if demanded and y is None:
        raise InvalidArgumentError("stratify=True needs the labels: k_fold(X, y, stratify=True)")
    generator = as_generator(rng)
    dealt = order = generator.permutation(n_samples)
    classes = None if y is None else _classes_to_keep(y, demanded)
    if classes is not None:
        sizes = np.bincount(classes)
        if demanded and sizes.min() < n_folds:
            raise InvalidArgumentError(
                f"the rarest class has {sizes.min()} samples, too few for "
                f"n_folds={n_folds}; choose fewer folds or stratify=None"
            )
        if demanded or _are_labels(y, sizes, n_samples):
            # Class after class, these in random order: chance decides on rare ones, too.
            turn = generator.permutation(len(sizes))[classes[order]]
            dealt = order[np.argsort(turn, kind="stable")]
    fold_of = np.empty(n_samples, dtype=np.intp)
    fold_of[dealt] = np.arange(n_samples) % n_folds  # as cards are dealt
    return _folds(order, fold_of, n_folds)


def _labels_to_keep(y: Any, stratify: Any, n_samples: int) -> tuple[Any, bool | None]:
    """The labels to be split in proportion, and whether that is demanded."""
    if stratify is None or isinstance(stratify, bool | np.bool_):
        return y, None if stratify is None else bool(stratify)
    check_lengths(range(n_samples), stratify, names=("y", "stratify"))
    return stratify, True


def _folds(order: Indices, fold_of: Indices, n_folds: int) -> Iterator[tuple[Indices, Indices]]:
    for fold in range(n_folds):
        in_test = fold_of[order] == fold
        yield order[~in_test], order[in_test]


def _test_count(test_size: float, n_samples: int) -> int:
    """The number of test samples, a share rounded to the nearest whole number."""
    if isinstance(test_size, Integral) and not isinstance(test_size, bool):
        n_test = int(test_size)
    elif isinstance(test_size, Real) and 0.0 < test_size < 1.0:
        n_test = floor(test_size * n_samples + 0.5)
    else:
        raise InvalidArgumentError(
            f"test_size is {described(test_size)}, but a share between 0 and 1 or a whole number "
            "of samples "
            "is needed, for example test_size=0.25"
        )
    if not 0 < n_test < n_samples:
        raise InvalidArgumentError(
            f"test_size={test_size} puts {n_test} of {n_samples} samples into the test part, which "
            "leaves one part empty; both parts need a sample"
        )
    return n_test


def _classes_to_keep(y: ArrayLike, stratify: bool | None) -> Integers | None:
    """The class of each sample, numbered from 0; None where y is not looked at."""
    if stratify is False:
        return None
    targets = np.asarray(y)
    if targets.shape[1:] == (1,):
        targets = targets.ravel()
    if targets.ndim != 1:
        if stratify is None:
            return None
        raise ShapeError(
            f"y has shape {targets.shape}, but stratify=True needs one label per sample; for "
            "one-hot rows pass y.argmax(axis=1), or stratify=False"
        )
    if stratify is None and targets.dtype.kind == "f" and (targets != np.floor(targets)).any():
        return None
    return encode_labels(targets)[0]


def _are_labels(y: ArrayLike | None, sizes: Integers, n_train: int) -> bool:
    """Whether y names classes of these sizes, rather than being the target of a regression."""
    if n_train < len(sizes):
        return False
    is_text = np.asarray(y).dtype.kind not in "iuf"
    return is_text or come_again(sizes)


def _obstacle(sizes: Integers, n_test: int) -> str:
    """Why classes of these sizes cannot be split; empty if they can."""
    n_shared = int(np.count_nonzero(sizes >= 2))
    n_train = int(sizes.sum()) - n_test
    n_single = len(sizes) - n_shared
    if n_shared == 0:
        return (
            "no class has two samples, so none can be in both parts; if y is the target of a "
            "regression, pass stratify=False"
        )
    if n_test < n_shared:
        return (
            f"a test part of {n_test} samples is too small to hold each of the {n_shared} classes; "
            f"pass test_size={n_shared} or more, or stratify=False"
        )
    if n_train < n_shared + n_single:
        return (
            f"a train part of {n_train} samples is too small to hold each of the {len(sizes)} "
            f"classes; pass test_size={int(sizes.sum()) - len(sizes)} or less, or stratify=False"
        )
    return ""


def _test_shares(sizes: Integers, n_test: int) -> Integers:
    """How many samples of each class go into the test part.

    Largest remainder: everyone gets the whole part of the quota, and what is left goes to those
    who miss most. Every class keeps a sample in the train part, and a class of two or more keeps
    one in the test part, if that is large enough for all of these.
    """
    quotas: Floats = sizes * n_test / sizes.sum()
    n_shared = np.count_nonzero(sizes >= 2)
    least = np.where((sizes >= 2) & (n_shared <= n_test), 1, 0)
    most = sizes - 1
    shares = np.clip(np.floor(quotas).astype(np.int64), least, most)
    while shares.sum() > n_test:
        shares[np.argmax(np.where(shares > least, shares - quotas, -np.inf))] -= 1
    while shares.sum() < n_test:
        shares[np.argmax(np.where(shares < most, quotas - shares, -np.inf))] += 1
    return shares
