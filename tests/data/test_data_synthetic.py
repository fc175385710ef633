"""The toy problems: the geometry that their docstrings promise, balance, seeds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from tinygrad_mlp.data import make_blobs, make_circles, make_moons, make_spirals
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError

Maker = Callable[..., tuple[Any, Any]]

MAKERS: list[tuple[Maker, int]] = [
    (make_moons, 2),
    (make_circles, 2),
    (make_spirals, 2),
    (partial(make_spirals, n_classes=5), 5),
    (make_blobs, 3),
    (partial(make_blobs, centers=4), 4),
]


@pytest.mark.parametrize(("make", "n_classes"), MAKERS)
@pytest.mark.parametrize("n_samples", [5, 100, 101, 103])
def test_shapes_dtypes_and_classes_balanced_to_within_one(
    make: Maker, n_classes: int, n_samples: int
) -> None:
    X, y = make(n_samples, rng=0)
    assert X.shape == (n_samples, 2)
    assert X.dtype == np.float64
    assert y.dtype == np.int64
    counts = np.bincount(y)
    assert len(counts) == n_classes
    assert counts.sum() == n_samples
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(("make", "n_classes"), MAKERS)
def test_a_seed_gives_the_same_points_and_another_seed_gives_others(
    make: Maker, n_classes: int
) -> None:
    X, y = make(60, 0.3, 7)
    again, labels = make(60, 0.3, np.random.default_rng(7))
    np.testing.assert_array_equal(X, again)
    np.testing.assert_array_equal(y, labels)
    assert not np.array_equal(X, make(60, 0.3, 8)[0])


@pytest.mark.parametrize(("make", "n_classes"), MAKERS)
def test_the_samples_are_shuffled(make: Maker, n_classes: int) -> None:
    _, y = make(60, rng=0)
    assert not np.array_equal(y, np.sort(y))


def test_moons_without_noise_lie_on_two_half_circles() -> None:
    X, y = make_moons(101, rng=0)
    outer, inner = X[y == 0], X[y == 1]
    np.testing.assert_allclose(np.hypot(outer[:, 0], outer[:, 1]), 1.0, rtol=1e-14)
    np.testing.assert_allclose(np.hypot(inner[:, 0] - 1.0, inner[:, 1] - 0.5), 1.0, rtol=1e-14)
    assert outer[:, 1].min() >= 0.0
    assert inner[:, 1].max() <= 0.5
    # Both ends and the middle of the arcs are there (51 points: t = 0, ..., pi / 2, ..., pi).
    for end in ([1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]):
        assert np.abs(outer - end).max(axis=1).min() < 1e-12
    for end in ([0.0, 0.5], [2.0, 0.5]):
        assert np.abs(inner - end).max(axis=1).min() < 1e-12


def test_moons_are_no_straight_line_apart() -> None:
    X, y = make_moons(200, rng=0)
    design = np.column_stack([X, np.ones(len(X))])
    weights, *_ = np.linalg.lstsq(design, 2.0 * y - 1.0, rcond=None)
    assert 0.8 < np.mean((design @ weights > 0) == y) < 0.95


@pytest.mark.parametrize("factor", [0.1, 0.5, 0.9])
def test_circles_without_noise_have_the_two_radii_and_even_angles(factor: float) -> None:
    X, y = make_circles(40, rng=0, factor=factor)
    radius = np.hypot(X[:, 0], X[:, 1])
    np.testing.assert_allclose(radius, np.where(y == 0, 1.0, factor), rtol=1e-14)
    for label in (0, 1):
        angles = np.sort(np.arctan2(X[y == label, 1], X[y == label, 0]))
        np.testing.assert_allclose(np.diff(angles), 2.0 * np.pi / 20, rtol=1e-12)


@pytest.mark.parametrize(("n_classes", "turns"), [(2, 1.0), (3, 1.5), (2, -0.75), (1, 2.0)])
def test_spirals_without_noise_follow_their_formula(n_classes: int, turns: float) -> None:
    X, y = make_spirals(30 * n_classes, rng=0, n_classes=n_classes, turns=turns)
    radius = np.hypot(X[:, 0], X[:, 1])
    for label in range(n_classes):
        np.testing.assert_allclose(np.sort(radius[y == label]), np.arange(1, 31) / 30, rtol=1e-12)
    angle = 2.0 * np.pi * (turns * radius + y / n_classes)
    np.testing.assert_allclose(X[:, 0], radius * np.cos(angle), atol=1e-12)
    np.testing.assert_allclose(X[:, 1], radius * np.sin(angle), atol=1e-12)


def test_the_arms_of_a_spiral_are_turned_copies_of_each_other() -> None:
    X, y = make_spirals(60, rng=3, n_classes=2)
    first = X[y == 0][np.argsort(np.hypot(*X[y == 0].T))]
    second = X[y == 1][np.argsort(np.hypot(*X[y == 1].T))]
    np.testing.assert_allclose(first, -second, atol=1e-12)


def test_noise_has_the_standard_deviation_that_was_asked_for() -> None:
    n_samples, noise = 20_000, 0.2
    clean, labels = make_moons(n_samples, 0.0, 0)
    noisy, noisy_labels = make_moons(n_samples, noise, 0)
    np.testing.assert_array_equal(labels, noisy_labels)  # one seed, one shuffle
    error = noisy - clean
    assert np.abs(error.mean(axis=0)).max() < 5 * noise / np.sqrt(n_samples)
    np.testing.assert_allclose(error.std(axis=0), noise, rtol=5 / np.sqrt(2 * n_samples))
    assert abs(np.mean(error[:, 0] * error[:, 1])) < 5 * noise**2 / np.sqrt(n_samples)


def test_blobs_stand_evenly_on_a_circle_of_radius_four() -> None:
    X, y = make_blobs(6, spread=0.0, rng=0, centers=3)
    half, root = 2.0, 2.0 * np.sqrt(3.0)
    centers = np.array([[4.0, 0.0], [-half, root], [-half, -root]])
    np.testing.assert_allclose(X, centers[y], atol=1e-12)


def test_blobs_have_the_centers_and_spreads_that_were_asked_for() -> None:
    centers = np.array([[0.0, 0.0, 1.0], [5.0, -5.0, 2.0]])
    spreads = [0.1, 2.0]
    X, y = make_blobs(20_000, spread=spreads, rng=1, centers=centers)
    for label, spread in enumerate(spreads):
        cloud = X[y == label]
        error = np.abs(cloud.mean(axis=0) - centers[label]).max()
        assert error < 5 * spread / np.sqrt(len(cloud))
        np.testing.assert_allclose(cloud.std(axis=0), spread, rtol=5 / np.sqrt(2 * len(cloud)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(make_moons, 1), "n_samples is 1, but a whole number of at least 2"),
        (partial(make_spirals, 10.5), "n_samples is 10.5"),  # type: ignore[arg-type]
        (partial(make_moons, 10, -0.1), "noise is -0.1"),
        (partial(make_moons, 10, float("nan")), "noise is nan"),
        (partial(make_circles, 10, factor=1.0), "factor is 1.0"),
        (partial(make_circles, 10, float("inf")), "noise is inf"),
        (partial(make_spirals, 10, n_classes=0), "n_classes is 0"),
        (partial(make_spirals, 2, n_classes=3), "n_samples is 2, .* at least 3"),
        (partial(make_blobs, 10, spread=-1.0), "spread is -1.0"),
        (partial(make_blobs, 10, centers=0), "centers is 0"),
        (partial(make_moons, noise="a"), "noise is 'a', but a number >= 0 is needed: noise=0.1"),  # type: ignore[arg-type]
        (partial(make_circles, factor=None), "factor is None"),  # type: ignore[arg-type]
        (partial(make_spirals, turns="a"), "turns is 'a'"),  # type: ignore[arg-type]
        (partial(make_blobs, spread=[1.0, "a", 1.0]), "spread is 'a'"),  # type: ignore[list-item]
    ],
)
def test_impossible_arguments_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        call()


def test_blobs_refuse_centers_and_spreads_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="spread has 3 entries but there are 2 centers"):
        make_blobs(10, spread=[1.0, 1.0, 1.0], centers=2)
    with pytest.raises(ShapeError, match="rows of centers differ in length"):
        make_blobs(10, centers=[[1.0, 2.0], [3.0]])
    with pytest.raises(ShapeError, match=r"centers.reshape\(-1, 1\)"):
        make_blobs(10, centers=[0.0, 1.0])


@pytest.mark.parametrize("make", [make_moons, make_circles, make_spirals, make_blobs])
def test_unless_told_otherwise_there_are_100_points_without_noise(make: Maker) -> None:
    X, y = make(rng=3)
    given = {make_circles: {"factor": 0.5}, make_spirals: {"n_classes": 2, "turns": 1.0}}
    spread = 1.0 if make is make_blobs else 0.0
    expected_X, expected_y = make(100, spread, 3, **given.get(make, {}))
    np.testing.assert_array_equal(X, expected_X)
    np.testing.assert_array_equal(y, expected_y)
    assert len(np.unique(y)) == (3 if make is make_blobs else 2)


def test_the_first_classes_are_the_larger_ones() -> None:
    for make, sizes in ((make_moons, [4, 3]), (partial(make_blobs, centers=4), [2, 2, 2, 1])):
        assert np.bincount(make(7, rng=0)[1]).tolist() == sizes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            partial(make_circles, factor=0.0),
            "factor is 0.0, but a number > 0 and < 1 is needed: factor=0.5",
        ),
        (
            partial(make_circles, factor=1.0),
            "factor is 1.0, but a number > 0 and < 1 is needed: factor=0.5",
        ),
        (
            partial(make_spirals, turns=np.inf),
            "turns is inf, but a finite number is needed: turns=1.0",
        ),
        (
            partial(make_blobs, spread=-1.0),
            "spread is -1.0, but a number >= 0 is needed: spread=0.1",
        ),
        (partial(make_moons, noise=-1.0), "noise is -1.0, but a number >= 0 is needed: noise=0.1"),
        (
            partial(make_blobs, 2, centers=3),
            "n_samples is 2, but a whole number of at least 3 is needed: n_samples=3",
        ),
        (
            partial(make_spirals, n_classes=0),
            "n_classes is 0, but a whole number of at least 1 is needed: n_classes=1",
        ),
    ],
)
def test_what_is_said_of_an_impossible_argument(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        call()
    assert str(caught.value) == message


def test_as_few_points_as_classes_will_do() -> None:
    for make, n_classes in MAKERS:
        assert sorted(make(n_classes, rng=0)[1].tolist()) == list(range(n_classes))


def test_one_generator_shuffles_after_it_has_drawn_the_noise() -> None:
    rng = np.random.default_rng(5)
    noise, order = rng.standard_normal((6, 1)), rng.permutation(6)
    X, y = make_blobs(6, [0.5, 2.0], 5, centers=[[10.0], [20.0]])
    clean = np.repeat([[10.0], [20.0]], 3, axis=0)
    np.testing.assert_allclose(X, (clean + np.repeat([[0.5], [2.0]], 3, axis=0) * noise)[order])
    assert y.tolist() == (order >= 3).tolist()


T = 2.0 * np.pi / 3.0


@pytest.mark.parametrize(
    ("make", "clean"),
    [
        (make_moons, [(1, 0), (0, 1), (-1, 0), (0, 0.5), (1, -0.5), (2, 0.5)]),
        (
            partial(make_circles, factor=0.25),
            [(r * np.cos(k * T), r * np.sin(k * T)) for r in (1.0, 0.25) for k in range(3)],
        ),
        (
            partial(make_spirals, turns=0.5),
            [
                (s * k / 3 * np.cos(np.pi * k / 3), s * k / 3 * np.sin(np.pi * k / 3))
                for s in (1.0, -1.0)
                for k in (1, 2, 3)
            ],
        ),
        (
            partial(make_blobs, centers=3),
            [(4.0 * np.cos(k * T), 4.0 * np.sin(k * T)) for k in (0, 0, 1, 1, 2, 2)],
        ),
    ],
)
def test_a_seed_means_the_same_points_for_ever(make: Maker, clean: list[Any]) -> None:
    rng = np.random.default_rng(5)
    noise, order = rng.standard_normal((6, 2)), rng.permutation(6)
    X, y = make(6, 0.5, 5)
    np.testing.assert_allclose(X, (np.array(clean) + 0.5 * noise)[order], atol=1e-14)
    labels = [0, 0, 1, 1, 2, 2] if y.max() == 2 else [0, 0, 0, 1, 1, 1]
    assert y.tolist() == [labels[i] for i in order]
