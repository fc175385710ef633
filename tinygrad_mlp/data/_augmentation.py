"""Augmentation: batches of training samples that are changed at random, anew in every epoch.

An augmentation is a function ``(X, y, rng) -> (X, y)`` of a batch. It draws from ``rng`` alone, so
that the state of that one generator is all the state there is. The ones here are objects with a
``repr``; a function of your own does as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import check_integer, check_number
from tinygrad_mlp._text import described
from tinygrad_mlp._words import our_words
from tinygrad_mlp.data._arrays import Floats, as_array, as_floats, check_finite
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError

__all__ = [
    "Augmentation",
    "GaussianNoise",
    "MixUp",
    "RandomRotation",
    "RandomTranslation",
    "after_augmentation",
    "as_augmentations",
    "augmented",
]

Augmentation: TypeAlias = Callable[[Floats, NDArray[Any], np.random.Generator], tuple[Any, Any]]
"""``augmentation(X, y, rng) -> (X, y)``: a batch (n_samples, n_features) and its targets as the
loss takes them, in the same shapes. It draws from the generator that it gets, and from no other. It
may say of itself in attributes that it ``keeps_targets``, or that it ``mixes_samples``."""

DIGITS: Final = (8, 8)
"""The shape of the bundled digits."""


class GaussianNoise:
    """Adds noise to every feature: x + sigma e with e from the standard normal distribution.

    Args:
        sigma: the standard deviation, in the units of the features; for features that differ in
            size standardize them first.

    Raises:
        InvalidArgumentError: if sigma is no number of at least 0.

    >>> X, y = GaussianNoise(0.1)(np.zeros((1, 2)), np.ones(1), np.random.default_rng(0))
    >>> X.round(3), y
    (array([[ 0.013, -0.013]]), array([1.]))
    """

    keeps_targets = True

    @our_words
    def __init__(self, sigma: float = 0.1) -> None:
        self.sigma = check_number(sigma, "sigma", "GaussianNoise(sigma=0.1)", at_least=0.0)

    def __call__(
        self, X: Floats, y: NDArray[Any], rng: np.random.Generator
    ) -> tuple[Floats, NDArray[Any]]:
        """The batch with noise, and its targets as they are."""
        noise = rng.standard_normal(X.shape)
        noise *= self.sigma
        noise += X
        return noise, y

    def __repr__(self) -> str:
        return f"GaussianNoise(sigma={self.sigma:g})"


class MixUp:
    """Mixes each sample, and its target, with another one of the batch.

    x = l x_i + (1 - l) x_j and t = l t_i + (1 - l) t_j, with one l for the batch, from the Beta
    distribution of alpha and alpha, and j a random order of the batch. The larger of l and 1 - l
    is taken, which changes none of the batches that there can be (the order the other way round
    gives them with 1 - l): so each sample stays mostly what it was, and accuracies count its own
    label. The targets of a classification are mixed as rows of probabilities. [Zhang et al.,
    mixup: Beyond empirical risk minimization, 2018]

    Args:
        alpha: above 0. Small: mostly l near 1, so little is mixed. 1: every l alike.

    Raises:
        InvalidArgumentError: if alpha is no number above 0.

    >>> X, y = np.array([[0.0], [1.0]]), np.eye(2)
    >>> X, y = MixUp(1.0)(X, y, np.random.default_rng(3))
    >>> X.round(3).tolist(), y.round(3).tolist()
    ([[0.266], [0.734]], [[0.734, 0.266], [0.266, 0.734]])
    """

    mixes_samples = True

    @our_words
    def __init__(self, alpha: float = 0.2) -> None:
        self.alpha = check_number(alpha, "alpha", "MixUp(alpha=0.2)", above=0.0)

    def __call__(
        self, X: Floats, y: NDArray[Any], rng: np.random.Generator
    ) -> tuple[Floats, NDArray[Any]]:
        """The mixed batch, and its mixed targets.

        Raises:
            DataError: if the targets are numbers of classes, which cannot be mixed.
        """
        if y.dtype.kind != "f":
            raise DataError(
                f"{self!r} mixes targets, but those of this loss are {y.dtype} numbers, such as "
                "labels; use a loss that takes one-hot rows, loss='categorical_cross_entropy', or "
                "give numbers as floats"
            )
        share = rng.beta(self.alpha, self.alpha)
        share = max(share, 1.0 - share)
        other = rng.permutation(len(X))
        return share * X + (1.0 - share) * X[other], share * y + (1.0 - share) * y[other]

    def __repr__(self) -> str:
        return f"MixUp(alpha={self.alpha:g})"


class _OfPictures:
    """What the augmentations of pictures have in common: features that are pixels, row by row."""

    keeps_targets = True
    shape: tuple[int, int]

    def _pictures(self, X: Floats) -> Floats:
        """The pictures, (n_samples, height, width).

        Raises:
            ShapeError: if there are not as many features as pixels.
        """
        height, width = self.shape
        if X.shape[1:] != (height * width,):
            raise ShapeError(
                f"{self!r} needs {height * width} features for pictures of {height} x {width} "
                f"pixels, but X has shape {X.shape}; say which shape they have: "
                f"{type(self).__name__}(shape=(28, 28))"
            )
        return X.reshape(len(X), height, width)


class RandomTranslation(_OfPictures):
    """Moves each picture by a random whole number of pixels, along rows and columns.

    Each of -pixels ... pixels is as likely. What comes in from outside is 0: the background, if
    that is 0 in the data, as in pictures divided by one number (``X / 16``). After a
    StandardScaler 0 is the mean of each pixel, so undo it for the pictures and do it again: of the
    list of augmentations let the first be ``lambda X, y, rng: (scaler.inverse_transform(X), y)``,
    and one after them ``lambda X, y, rng: (scaler.transform(X), y)``.

    Args:
        pixels: how far at most, less than the picture.
        shape: (height, width); the features are its pixels, row by row.

    Raises:
        InvalidArgumentError: if one is no whole number, or too small or large.

    >>> X = np.arange(1.0, 5.0).reshape(1, 4)
    >>> RandomTranslation(1, shape=(2, 2))(X, np.ones(1), np.random.default_rng(0))[0].tolist()
    [[0.0, 0.0, 1.0, 2.0]]
    """

    @our_words
    def __init__(self, pixels: int = 1, shape: tuple[int, int] = DIGITS) -> None:
        self.shape = _checked_shape(shape, "RandomTranslation(pixels=1, shape=(8, 8))")
        self.pixels = check_integer(pixels, "pixels", "RandomTranslation(pixels=1)", minimum=0)
        if self.pixels >= min(self.shape):
            raise InvalidArgumentError(
                f"pixels is {pixels}, which moves pictures of the shape {self.shape} out of sight; "
                "give less: RandomTranslation(pixels=1)"
            )

    def __call__(
        self, X: Floats, y: NDArray[Any], rng: np.random.Generator
    ) -> tuple[Floats, NDArray[Any]]:
        """The moved pictures, and the targets as they are."""
        down, right = rng.integers(-self.pixels, self.pixels, size=(2, len(X)), endpoint=True)
        return moved(self._pictures(X), down, right).reshape(X.shape), y

    def __repr__(self) -> str:
        return f"RandomTranslation(pixels={self.pixels}, shape={self.shape})"


class RandomRotation(_OfPictures):
    """Turns each picture around its center, by a random angle.

    Between the pixels it is bilinear. What comes in from outside is 0, as for
    ``RandomTranslation``.

    Args:
        degrees: how far at most: an angle of -degrees ... degrees, each as likely.
        shape: (height, width); the features are its pixels, row by row.

    Raises:
        InvalidArgumentError: if degrees is not from 0 to 180, or the shape no pair of sizes.

    >>> X = np.array([[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
    >>> rotate = RandomRotation(45, shape=(3, 3))
    >>> rotate(X, np.ones(1), np.random.default_rng(2))[0].reshape(3, 3).round(2)
    array([[0.  , 0.04, 0.  ],
           [0.04, 1.  , 0.63],
           [0.  , 0.07, 0.31]])
    """

    @our_words
    def __init__(self, degrees: float = 10.0, shape: tuple[int, int] = DIGITS) -> None:
        call = "RandomRotation(degrees=10, shape=(8, 8))"
        self.shape = _checked_shape(shape, call)
        self.degrees = check_number(degrees, "degrees", call, at_least=0.0, at_most=180.0)

    def __call__(
        self, X: Floats, y: NDArray[Any], rng: np.random.Generator
    ) -> tuple[Floats, NDArray[Any]]:
        """The turned pictures, and the targets as they are."""
        degrees = rng.uniform(-self.degrees, self.degrees, size=len(X))
        return turned(self._pictures(X), degrees).reshape(X.shape), y

    def __repr__(self) -> str:
        return f"RandomRotation(degrees={self.degrees:g}, shape={self.shape})"


def moved(pictures: Floats, down: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
    """Pictures moved by whole pixels, with zeros from outside.

    Args:
        pictures: (n_samples, height, width).
        down: by how many rows each, (n_samples,).
        right: by how many columns.

    >>> moved(np.array([[[1.0, 2.0]]]), np.array([0]), np.array([1])).tolist()
    [[[0.0, 1.0]]]
    """
    n_samples, height, width = pictures.shape
    rows = np.arange(height) - down[:, None]
    columns = np.arange(width) - right[:, None]
    rows_inside, columns_inside = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    line = np.arange(n_samples)[:, None] * height + rows % height
    taken = pictures.ravel().take(line[:, :, None] * width + (columns % width)[:, None, :])
    return np.where(rows_inside[:, :, None] & columns_inside[:, None, :], taken, 0.0)


def turned(pictures: Floats, degrees: Floats) -> Floats:
    """Pictures turned counter-clockwise around their centers, bilinear, with zeros outside.

    Args:
        pictures: (n_samples, height, width).
        degrees: by how much each, (n_samples,).

    >>> turned(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([90.0])).round(6).tolist()
    [[[2.0, 4.0], [1.0, 3.0]]]
    """
    n_samples, height, width = pictures.shape
    angle = np.deg2rad(degrees)[:, None, None]
    sine, cosine = np.sin(angle), np.cos(angle)
    below = (np.arange(height) - (height - 1) / 2)[:, None]  # of the center
    beside = np.arange(width) - (width - 1) / 2
    rows = cosine * below + sine * beside + (height - 1) / 2  # where each pixel comes from
    columns = cosine * beside - sine * below + (width - 1) / 2
    # A border of zeros stands for all that is outside; the places count with it.
    framed = np.zeros((n_samples, height + 2, width + 2))
    framed[:, 1:-1, 1:-1] = pictures
    rows, columns = np.clip(rows, -1.0, height) + 1.0, np.clip(columns, -1.0, width) + 1.0
    row = np.minimum(rows.astype(np.intp), height)
    column = np.minimum(columns.astype(np.intp), width)
    down, right = rows - row, columns - column
    line = width + 2
    place = np.arange(n_samples)[:, None, None] * ((height + 2) * line) + row * line + column
    pixels = framed.ravel()
    above = _between(pixels.take(place), pixels.take(place + 1), right)
    place += line
    under = _between(pixels.take(place), pixels.take(place + 1), right)
    return _between(above, under, down)


def _between(first: Floats, second: Floats, share: Floats) -> Floats:
    """first + share (second - first), in the memory of the two."""
    second -= first
    second *= share
    first += second
    return first


def as_augmentations(augment: object) -> tuple[Augmentation, ...]:
    """One augmentation or several of them, to be applied in their order, as a tuple.

    Raises:
        InvalidArgumentError: if one of them is no function or object that can be called.

    >>> as_augmentations([GaussianNoise(0.1), MixUp()])
    (GaussianNoise(sigma=0.1), MixUp(alpha=0.2))
    >>> as_augmentations(None)
    ()
    """
    given: Any = [] if augment is None else augment
    several: tuple[Any, ...] = tuple(given) if isinstance(given, list | tuple) else (given,)
    for each in several:
        if isinstance(each, type) or not callable(each):
            kind = each.__name__ if isinstance(each, type) else "GaussianNoise"
            raise InvalidArgumentError(
                f"augment holds {described(each)}, but an augmentation is an object or a function "
                f"(X, y, rng) -> (X, y); make one: augment={kind}(), or a list of them"
            )
        _check_signature(each)
    return several


def _check_signature(augmentation: Augmentation) -> None:
    """Refuse a function that cannot be called with a batch and a generator."""
    try:
        signature = inspect.signature(augmentation)
    except (TypeError, ValueError):  # of a built-in, which says none
        return
    try:
        signature.bind("X", "y", "rng")
    except TypeError:
        raise InvalidArgumentError(
            f"the augmentation {_name(augmentation)} has the arguments {signature}, but it is "
            "called with the features, the targets and a generator: (X, y, rng), as in "
            "lambda X, y, rng: (X + rng.normal(0.0, 0.1, X.shape), y)"
        ) from None


def augmented(
    augmentations: Sequence[Augmentation],
    X: Floats,
    y: NDArray[Any],
    rng: np.random.Generator,
) -> tuple[Floats, NDArray[Any]]:
    """A batch after all the augmentations, which may change the arrays that they are given.

    Args:
        augmentations: what ``as_augmentations`` gave.
        X: the features, (n_samples, n_features).
        y: the targets as the loss takes them.
        rng: what they draw from.

    Raises:
        InvalidArgumentError: if one of them does not return two arrays.
        ShapeError: if it changes a shape.
        DataError: if it gives nan, inf or what is no number.

    >>> rng = np.random.default_rng(0)
    >>> augmented([lambda X, y, rng: (2.0 * X, y)], np.ones((1, 2)), np.zeros((1, 1)), rng)[0]
    array([[2., 2.]])
    """
    for augmentation in augmentations:
        result: Any = augmentation(X, y, rng)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise InvalidArgumentError(
                f"the augmentation {_name(augmentation)} returned {described(result)}, but it must "
                "return features and targets: return X, y"
            )
        X, y = _checked(augmentation, "X", result[0], X), _checked(augmentation, "y", result[1], y)
    return X, y


def _checked(augmentation: object, name: str, given: Any, before: NDArray[Any]) -> NDArray[Any]:
    """What came back for X or y, in the shape and of the kind of what went in."""
    try:
        array = as_floats(given, name) if before.dtype.kind == "f" else as_array(given, name)
        check_finite(array, name=name, remedy="let it return finite numbers alone")
    except (DataError, ShapeError) as error:
        raise type(error)(f"of what the augmentation {_name(augmentation)} gave, {error}") from None
    name = f"{name} of the augmentation {_name(augmentation)}"
    if array.shape != before.shape:
        raise ShapeError(
            f"{name} has shape {array.shape}, but it went in with shape {before.shape}; give the "
            "same samples in the same shape"
        )
    if array.dtype.kind != before.dtype.kind:
        raise DataError(f"{name} is {array.dtype}, but it went in as {before.dtype}; keep the type")
    return array


def after_augmentation(
    augmentations: Sequence[Augmentation], error: Exception, loss_name: str
) -> Exception | None:
    """An error of the loss, with the augmentations of which it got its targets; None without any.

    >>> after_augmentation([MixUp()], DataError("targets[0]: 0.3 is no class"), "hinge")
    DataError("MixUp(alpha=0.2) does not go with the loss 'hinge', whose targets cannot be mixed ...
    """
    changing = [each for each in augmentations if not getattr(each, "keeps_targets", False)]
    if not changing:
        return None
    names = " and ".join(map(_name, changing))
    mixing = [each for each in changing if getattr(each, "mixes_samples", False)]
    if mixing:
        return type(error)(
            f"{_name(mixing[0])} does not go with the loss {loss_name!r}, whose targets cannot be "
            f"mixed ({error}); take another loss, such as 'binary_cross_entropy_with_logits' or "
            "'categorical_cross_entropy', or leave it out"
        )
    return type(error)(
        f"the loss {loss_name!r} cannot take the targets that the augmentation {names} gave: "
        f"{error}"
    )


def _name(augmentation: object) -> str:
    return str(getattr(augmentation, "__name__", repr(augmentation)))


def _checked_shape(shape: object, call: str) -> tuple[int, int]:
    if not isinstance(shape, list | tuple) or len(shape) != 2:
        raise InvalidArgumentError(
            f"shape is {described(shape)}, but a pair (height, width) is needed: {call}"
        )
    height, width = (check_integer(size, "a size in shape", call) for size in shape)
    return height, width
