"""Points in the plane with a class each: the toy problems that networks are taught on.

Every function places the points of a class on a curve, adds normal noise to both coordinates,
and shuffles. The sizes of the classes differ by one at most, the first ones being the larger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import pi
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp._arguments import Rng, as_generator, check_integer, check_number
from tinygrad_mlp._words import our_words
from tinygrad_mlp.data._arrays import Floats, Integers
from tinygrad_mlp.data._validation import check_features
from tinygrad_mlp.errors import ShapeError

__all__ = ["make_blobs", "make_circles", "make_moons", "make_spirals"]

BLOB_CIRCLE_RADIUS = 4.0


@our_words
def make_moons(
    n_samples: int = 100, noise: float = 0.0, rng: Rng = None
) -> tuple[Floats, Integers]:
    """Two interleaving half circles.

    For m points of a class at t = 0, ..., pi in equal steps::

        class 0:  (cos t, sin t)
        class 1:  (1 - cos t, 1/2 - sin t)

    Args:
        n_samples: how many points in all.
        noise: the standard deviation of the normal noise on both coordinates.
        rng: a seed or a Generator.

    Returns:
        X of shape (n_samples, 2) and the labels y, 0 or 1, of shape (n_samples,).

    Raises:
        InvalidArgumentError: if there are fewer samples than classes, or noise is negative.

    >>> X, y = make_moons(100, noise=0.1, rng=0)
    >>> X.shape, np.bincount(y).tolist()
    ((100, 2), [50, 50])
    """
    sizes = _class_sizes(n_samples, 2)
    t, s = (np.linspace(0.0, pi, size) for size in sizes)
    outer = np.column_stack([np.cos(t), np.sin(t)])
    inner = np.column_stack([1.0 - np.cos(s), 0.5 - np.sin(s)])
    return _finish([outer, inner], [_spread(noise, "noise")] * 2, rng)


@our_words
def make_circles(
    n_samples: int = 100,
    noise: float = 0.0,
    rng: Rng = None,
    *,
    factor: float = 0.5,
) -> tuple[Floats, Integers]:
    """A circle around a smaller circle.

    For m points of a class at t = 0, 2 pi / m, 4 pi / m, ...::

        class 0:  (cos t, sin t)
        class 1:  factor (cos t, sin t)

    Args:
        n_samples: how many points in all.
        noise: the standard deviation of the normal noise on both coordinates.
        rng: a seed or a Generator.
        factor: the radius of the inner circle, between 0 and 1.

    Returns:
        X of shape (n_samples, 2) and the labels y, 0 or 1, of shape (n_samples,).

    Raises:
        InvalidArgumentError: if there are fewer samples than classes, noise is negative, or factor
            is not between 0 and 1.

    >>> X, y = make_circles(100, rng=0)
    >>> radius = np.hypot(X[:, 0], X[:, 1])
    >>> np.allclose(radius[y == 0], 1.0), np.allclose(radius[y == 1], 0.5)
    (True, True)
    """
    factor = check_number(factor, "factor", "factor=0.5", above=0.0, below=1.0)
    sizes = _class_sizes(n_samples, 2)
    angles = [np.linspace(0.0, 2.0 * pi, size, endpoint=False) for size in sizes]
    outer, inner = (np.column_stack([np.cos(t), np.sin(t)]) for t in angles)
    return _finish([outer, factor * inner], [_spread(noise, "noise")] * 2, rng)


@our_words
def make_spirals(
    n_samples: int = 100,
    noise: float = 0.0,
    rng: Rng = None,
    *,
    n_classes: int = 2,
    turns: float = 1.0,
) -> tuple[Floats, Integers]:
    """Spirals that wind around each other, one arm per class.

    For m points of class k at t = 1/m, 2/m, ..., 1::

        t (cos a, sin a)  with the angle  a = 2 pi (turns t + k / n_classes)

    Args:
        n_samples: how many points in all.
        noise: the standard deviation of the normal noise on both coordinates.
        rng: a seed or a Generator.
        n_classes: how many arms.
        turns: how often an arm goes round; the more, the harder. Negative winds clockwise.

    Returns:
        X of shape (n_samples, 2) and the labels y, 0 to n_classes - 1, of shape (n_samples,).

    Raises:
        InvalidArgumentError: if there are fewer samples than classes, or noise is negative.

    >>> X, y = make_spirals(90, rng=0, n_classes=3)
    >>> X.shape, np.bincount(y).tolist()
    ((90, 2), [30, 30, 30])
    """
    sizes = _class_sizes(n_samples, check_integer(n_classes, "n_classes"))
    turns = check_number(turns, "turns", "turns=1.0")
    arms = []
    for k, size in enumerate(sizes):
        t = np.arange(1, size + 1) / size
        angle = 2.0 * pi * (turns * t + k / n_classes)
        arms.append(t[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)]))
    return _finish(arms, [_spread(noise, "noise")] * n_classes, rng)


@our_words
def make_blobs(
    n_samples: int = 100,
    spread: float | Sequence[float] = 1.0,
    rng: Rng = None,
    *,
    centers: int | ArrayLike = 3,
) -> tuple[Floats, Integers]:
    """Clouds of points, normally distributed around one center per class.

    A point of class k is center_k + spread_k z, z from N(0, 1) in each coordinate. K centers given
    as a number stand evenly on a circle of radius 4: center_k = 4 (cos 2 pi k / K, sin 2 pi k / K).

    Args:
        n_samples: how many points in all.
        spread: the standard deviation of a cloud, one for all or one per class.
        rng: a seed or a Generator.
        centers: how many, or where they are, shape (n_classes, n_features).

    Returns:
        X of shape (n_samples, n_features) and the labels y, 0 to n_classes - 1, of shape
        (n_samples,).

    Raises:
        InvalidArgumentError: if there are fewer samples than classes, or a spread is negative.
        ShapeError: if spread is a sequence of another length than centers.

    >>> X, y = make_blobs(6, spread=0.0, rng=0, centers=[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    >>> X[y == 1]
    array([[1., 2., 3.],
           [1., 2., 3.],
           [1., 2., 3.]])
    """
    places = _blob_centers(centers)
    given: list[Any] = list(spread) if isinstance(spread, Iterable) else [spread] * len(places)
    spreads = [_spread(each, "spread") for each in given]
    if len(spreads) != len(places):
        raise ShapeError(
            f"spread has {len(spreads)} entries but there are {len(places)} centers; give one "
            "number, or one per center"
        )
    sizes = _class_sizes(n_samples, len(places))
    clouds = [np.tile(place, (size, 1)) for place, size in zip(places, sizes)]
    return _finish(clouds, spreads, rng)


def _blob_centers(centers: int | ArrayLike) -> Floats:
    if isinstance(centers, Iterable):
        return check_features(centers, name="centers")
    n_classes = check_integer(centers, "centers")
    angle = 2.0 * pi * np.arange(n_classes) / n_classes
    return BLOB_CIRCLE_RADIUS * np.column_stack([np.cos(angle), np.sin(angle)])


def _class_sizes(n_samples: int, n_classes: int) -> list[int]:
    n_samples = check_integer(n_samples, "n_samples", minimum=n_classes)
    return [n_samples // n_classes + (k < n_samples % n_classes) for k in range(n_classes)]


def _spread(value: object, name: str) -> float:
    return check_number(value, name, f"{name}=0.1", at_least=0.0)


def _finish(classes: list[Floats], spreads: list[float], rng: Rng) -> tuple[Floats, Integers]:
    """Join the classes, add the noise, shuffle."""
    generator = as_generator(rng)
    sizes = [len(points) for points in classes]
    X = np.concatenate(classes)
    X = X + np.repeat(spreads, sizes)[:, np.newaxis] * generator.standard_normal(X.shape)
    y = np.repeat(np.arange(len(classes), dtype=np.int64), sizes)
    order = generator.permutation(len(y))
    return X[order], y[order]
