"""Batches: every sample once in an epoch, in an order that the seed decides."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_mlp.data import batch_indices, iterate_batches, train_test_split
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError

X = np.arange(20, dtype=np.float64).reshape(10, 2)
Y = np.arange(10)


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "sizes"),
    [
        (None, False, [10]),
        (None, True, [10]),
        (1, False, [1] * 10),
        (3, False, [3, 3, 3, 1]),
        (3, True, [3, 3, 3]),
        (5, True, [5, 5]),
        (10, False, [10]),
        (64, False, [10]),
    ],
)
def test_the_batches_have_the_size_that_was_asked_for(
    batch_size: int | None, drop_last: bool, sizes: list[int]
) -> None:
    batches = list(batch_indices(10, batch_size, rng=0, drop_last=drop_last))
    assert [len(batch) for batch in batches] == sizes
    seen = np.concatenate(batches)
    assert len(set(seen.tolist())) == len(seen)


@pytest.mark.parametrize("batch_size", [None, 1, 3, 10])
def test_an_epoch_shows_every_sample_once_with_its_own_label(batch_size: int | None) -> None:
    batches = list(iterate_batches(X, Y, batch_size=batch_size, rng=1))
    features = np.concatenate([batch[0] for batch in batches])
    labels = np.concatenate([batch[1] for batch in batches])
    assert sorted(labels.tolist()) == list(range(10))
    np.testing.assert_array_equal(features, X[labels])


def test_without_shuffle_the_samples_keep_their_order() -> None:
    labels = [
        label for (batch,) in iterate_batches(Y, batch_size=3, shuffle=False) for label in batch
    ]
    assert labels == list(range(10))


def test_all_samples_at_once_keep_their_order_and_draw_nothing() -> None:
    rng = np.random.default_rng(5)
    ((features, labels),) = iterate_batches(X, Y, rng=rng)
    np.testing.assert_array_equal(features, X)
    np.testing.assert_array_equal(labels, Y)
    assert rng.random() == np.random.default_rng(5).random()


def epoch(rng: int | np.random.Generator | None) -> list[int]:
    return [int(i) for batch in batch_indices(100, 7, rng=rng) for i in batch]


def test_a_seed_gives_the_same_order_each_time() -> None:
    assert epoch(3) == epoch(3)
    assert epoch(3) != epoch(4)
    assert epoch(3) == epoch(np.random.default_rng(3))


def test_a_generator_that_is_passed_on_gives_another_order_in_each_epoch() -> None:
    rng = np.random.default_rng(3)
    epochs = [epoch(rng) for _ in range(3)]
    assert len({tuple(order) for order in epochs}) == 3
    again = np.random.default_rng(3)
    assert epochs == [epoch(again) for _ in range(3)]


def test_no_seed_gives_an_order_of_its_own_and_leaves_the_global_state_alone() -> None:
    before = np.random.get_state(legacy=True)  # noqa: NPY002
    assert epoch(None) != epoch(None)
    assert repr(np.random.get_state(legacy=True)) == repr(before)  # noqa: NPY002


def test_every_sample_comes_first_equally_often() -> None:
    rng = np.random.default_rng(0)
    firsts = [next(batch_indices(4, 1, rng=rng))[0] for _ in range(4000)]
    counts = np.bincount(firsts, minlength=4)
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(4000 * 0.25 * 0.75)


def test_any_number_of_arrays_and_lists_go_together() -> None:
    weights = [float(i) for i in range(10)]
    for features, labels, weight in iterate_batches(X.tolist(), Y, weights, batch_size=4, rng=0):
        np.testing.assert_array_equal(features, X[labels])
        np.testing.assert_array_equal(weight, labels)


@pytest.mark.parametrize("batch_size", [None, 4])
def test_batches_are_copies(batch_size: int | None) -> None:
    original = X.copy()
    for (features,) in iterate_batches(X, batch_size=batch_size, shuffle=False):
        features[:] = -1.0
    np.testing.assert_array_equal(X, original)


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, "8", True])
def test_a_batch_size_that_is_no_positive_whole_number_is_refused(batch_size: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"batch_size is .* at least 1"):
        iterate_batches(X, batch_size=batch_size)  # type: ignore[arg-type]


def test_arrays_of_different_lengths_are_refused_at_the_call() -> None:
    with pytest.raises(ShapeError, match="X has 10 samples but y has 9"):
        iterate_batches(X, Y[:9])


def test_a_batch_size_without_its_name_is_told() -> None:
    with pytest.raises(InvalidArgumentError, match=r"array 3 is 16, .*\(X, y, batch_size=16\)"):
        iterate_batches(np.eye(4), np.arange(4), 16)


def test_empty_arrays_and_no_arrays_are_refused() -> None:
    with pytest.raises(DataError, match="X is empty"):
        iterate_batches([])
    with pytest.raises(InvalidArgumentError, match="no array"):
        iterate_batches()


def test_dropping_the_only_batch_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="leaves no batch of 10 samples"):
        iterate_batches(X, batch_size=11, drop_last=True)


def test_unless_told_otherwise_an_epoch_is_shuffled_and_whole() -> None:
    order = np.random.default_rng(3).permutation(10)
    batches = [batch.tolist() for batch in batch_indices(10, 4, rng=3)]
    assert batches == [order[:4].tolist(), order[4:8].tolist(), order[8:].tolist()]
    labels = [batch.tolist() for (batch,) in iterate_batches(Y, batch_size=4, rng=3)]
    assert labels == batches
    assert [len(batch) for batch in batch_indices(10)] == [10]
    whole = [batch.tolist() for batch in batch_indices(10, 5, rng=3, drop_last=True)]
    assert whole == [order[:5].tolist(), order[5:].tolist()]
    assert [len(batch) for batch in batch_indices(10, 10, drop_last=True)] == [10]


def test_what_is_said_of_a_batch_that_is_not_there() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        batch_indices(10, 11, drop_last=True)
    assert str(caught.value) == (
        "batch_size=11 with drop_last=True leaves no batch of 10 samples; choose batch_size=10 or "
        "less, or drop_last=False"
    )
    with pytest.raises(InvalidArgumentError, match="n_samples is 0"):
        batch_indices(0)


class NeverWritten(list[float]):
    """Samples whose text nobody may ask for: it takes longer than a step of training."""

    def __repr__(self) -> str:
        raise AssertionError("the samples were written out as text")

    __str__ = __repr__


def test_samples_are_not_turned_into_text_for_a_message_that_nobody_gets() -> None:
    samples = NeverWritten([0.0, 1.0, 2.0, 3.0])
    (batch,) = iterate_batches(samples, batch_size=4, shuffle=False)
    assert batch[0].tolist() == [0.0, 1.0, 2.0, 3.0]
    train, test, _, _ = train_test_split(samples, samples, test_size=1, rng=0)
    assert sorted([*train, *test]) == [0.0, 1.0, 2.0, 3.0]
