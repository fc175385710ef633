"""From raw columns and labels to what a network learns well from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._text import described
from tinygrad_mlp._words import refuse_name
from tinygrad_mlp.data._arrays import Floats, Integers, as_array, as_floats, check_finite
from tinygrad_mlp.data._spread import is_rounding, mean_and_spread
from tinygrad_mlp.data._validation import check_features, check_labels
from tinygrad_mlp.errors import DataError, InvalidArgumentError, ShapeError

__all__ = ["StandardScaler", "encode_labels", "one_hot"]

if not TYPE_CHECKING:
    __getattr__ = partial(refuse_name, __name__)


class StandardScaler:
    """Brings every column to mean 0 and standard deviation 1.

    With the mean m and the standard deviation s of a column of the training data (s over all n
    samples, not n - 1)::

        z = (x - m) / s

    A column that never changes, but for rounding, has no spread to divide by: its s is taken as 1,
    so it becomes 0 (``data.spread.is_constant`` has the rule). Fit on the training part alone, then
    transform both parts with the same numbers.

    Attributes:
        mean_: m of each column, shape (n_features,); there after ``fit``.
        scale_: s of each column, shape (n_features,); there after ``fit``.

    >>> scaler = StandardScaler()
    >>> scaler.fit_transform([[1.0, 7.0], [3.0, 7.0]])
    array([[-1.,  0.],
           [ 1.,  0.]])
    >>> scaler.transform([[5.0, 8.0]])
    array([[3., 1.]])
    """

    mean_: Floats
    scale_: Floats

    def fit(self, X: ArrayLike) -> Self:
        """Learn the mean and the standard deviation of each column.

        Args:
            X: shape (n_samples, n_features).

        Returns:
            The scaler itself.

        Raises:
            DataError, ShapeError: as ``check_features``; DataError also where a difference
                in a column is too large for a float.

        >>> StandardScaler().fit([[1.0], [3.0]]).mean_
        array([2.])
        """
        array = check_features(X)
        with np.errstate(over="ignore"):
            too_large = np.flatnonzero(~np.isfinite(np.ptp(array, axis=0)))
        if too_large.size:
            raise DataError(
                f"column {too_large[0]} of X (counting from 0) holds numbers too large to "
                "standardize; change its unit, for example X / 1e300"
            )
        mean, spread = mean_and_spread(array)
        never_changes = is_rounding(mean, spread, len(array), np.asarray(X).dtype)
        self.mean_, self.scale_ = mean, np.where(never_changes, 1.0, spread)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """(X - mean) / scale, column by column.

        Args:
            X: shape (n_samples, n_features), with the columns of the data it was fitted on.

        Returns:
            A new array of the same shape.

        Raises:
            InvalidArgumentError: before ``fit``.
            DataError, ShapeError: as ``check_features``; DataError also for a number so far from
                the mean that the result is no float.

        >>> StandardScaler().fit([[1.0], [3.0]]).transform([[2.0]])
        array([[0.]])
        """
        array = check_features(X, self._n_features())
        with np.errstate(over="ignore"):
            Z: Floats = (array - self.mean_) / self.scale_
        if not np.isfinite(Z).all():
            row, column = (int(i) for i in np.argwhere(~np.isfinite(Z))[0])
            raise DataError(
                f"X[{row}, {column}] is {array[row, column]}, too far from the mean "
                f"{self.mean_[column]} for the standard deviation {self.scale_[column]} of its "
                "column; change its unit, or leave the column out"
            )
        return Z

    def fit_transform(self, X: ArrayLike) -> Floats:
        """``fit`` and ``transform`` on the same data.

        >>> StandardScaler().fit_transform([[1.0], [3.0]]).ravel()
        array([-1.,  1.])
        """
        return self.fit(X).transform(X)

    def inverse_transform(self, Z: ArrayLike) -> Floats:
        """Z * scale + mean: back to the units of the data.

        Args:
            Z: standardized numbers, shape (n_samples, n_features).

        Returns:
            A new array of the same shape.

        Raises:
            InvalidArgumentError: before ``fit``.
            DataError, ShapeError: as ``check_features``.

        >>> StandardScaler().fit([[1.0], [3.0]]).inverse_transform([[-1.0], [1.0]]).ravel()
        array([1., 3.])
        """
        array = check_features(Z, self._n_features(), name="Z")
        return array * self.scale_ + self.mean_

    def state_dict(self) -> dict[str, Floats]:
        """What was learned as arrays, to be saved beside the weights.

        Returns:
            Copies of ``mean_`` and ``scale_`` under the keys ``"mean"`` and ``"scale"``.

        Raises:
            InvalidArgumentError: before ``fit``.

        >>> StandardScaler().fit([[1.0], [3.0]]).state_dict()
        {'mean': array([2.]), 'scale': array([1.])}
        """
        self._n_features()
        return {"mean": self.mean_.copy(), "scale": self.scale_.copy()}

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike]) -> None:
        """Take over what ``state_dict`` gave.

        Args:
            state_dict: ``"mean"`` and ``"scale"``, each of shape (n_features,).

        Raises:
            InvalidArgumentError: if a key is missing or unknown, or a scale is not positive.
            ShapeError: if the two do not have one and the same length.
            DataError: if an entry is no number, nan or inf.

        >>> scaler = StandardScaler()
        >>> scaler.load_state_dict({"mean": [2.0], "scale": [1.0]})
        >>> scaler.transform([[5.0]])
        array([[3.]])
        """
        if set(state_dict) != {"mean", "scale"}:
            raise InvalidArgumentError(
                f"a StandardScaler needs the keys 'mean' and 'scale', got {sorted(state_dict)}; "
                "pass what state_dict() returned"
            )
        mean, scale = (as_floats(state_dict[name], name).copy() for name in ("mean", "scale"))
        if mean.ndim != 1 or mean.shape != scale.shape or mean.size == 0:
            raise ShapeError(
                f"mean has shape {mean.shape} and scale has shape {scale.shape}, but both need "
                "the shape (n_features,)"
            )
        check_finite(mean, name="mean")
        check_finite(scale, name="scale")
        if (scale <= 0.0).any():
            raise InvalidArgumentError(
                f"scale[{np.argmax(scale <= 0.0)}] is not positive; use 1 for a constant column"
            )
        self.mean_, self.scale_ = mean, scale

    def __repr__(self) -> str:
        if not hasattr(self, "mean_"):
            return "StandardScaler(not fitted)"
        return f"StandardScaler(n_features={len(self.mean_)})"

    def _n_features(self) -> int:
        if not hasattr(self, "mean_"):
            raise InvalidArgumentError(
                "this StandardScaler has not seen any data; call scaler.fit(X_train) first"
            )
        return len(self.mean_)


def one_hot(y: ArrayLike, n_classes: int | None = None) -> Floats:
    """A row per label with 1 in the column of its class and 0 elsewhere.

    Y[i, k] = 1 if y[i] = k else 0

    Args:
        y: labels 0 ... n_classes - 1, shape (n_samples,).
        n_classes: how many columns; None takes the greatest label + 1.

    Returns:
        The float64 array Y, shape (n_samples, n_classes).

    Raises:
        DataError, ShapeError: as ``check_labels``.
        InvalidArgumentError: if n_classes is no whole number of at least 1.

    >>> one_hot([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    labels = check_labels(y, None if n_classes is None else check_integer(n_classes, "n_classes"))
    width = int(labels.max()) + 1 if n_classes is None else n_classes
    rows = np.zeros((len(labels), width))
    rows[np.arange(len(labels)), labels] = 1.0
    return rows


def encode_labels(
    labels: ArrayLike, classes: ArrayLike | None = None
) -> tuple[Integers, NDArray[Any]]:
    """Number the classes that occur in ``labels``.

    The classes are sorted (text by its characters, numbers by value), so that the same labels give
    the same numbers each time; ``classes[y]`` leads back to the labels.

    Args:
        labels: text, whole or other numbers, or booleans, shape (n_samples,).
        classes: the classes in their order, where they are known already, as for a test part;
            None finds them in the labels.

    Returns:
        y: the number of each label, int64, shape (n_samples,).
        classes: the distinct labels, shape (n_classes,).

    Raises:
        DataError: if there are none, one is missing (None or nan), text, numbers and booleans are
            mixed, or one is not among the given classes.
        ShapeError: if they have not one dimension.

    >>> y, classes = encode_labels(["red", "blue", "red"])
    >>> y, classes
    (array([1, 0, 1]), array(['blue', 'red'], dtype='<U4'))
    >>> classes[y]
    array(['red', 'blue', 'red'], dtype='<U4')
    """
    array = _labels_array(labels, "labels")
    if classes is None:
        found, numbers = np.unique(array, return_inverse=True)
        return numbers.astype(np.int64), found
    known = classes_in_order(classes)
    number_of = {label: number for number, label in enumerate(known.tolist())}
    found_at_once = _numbers_among(known, array)
    if found_at_once is not None:
        return found_at_once, known
    for i, label in enumerate(array.tolist()):
        if label not in number_of:
            raise DataError(
                f"labels[{i}] is {label!r}, which is none of the classes {known.tolist()}"
            )
    numbers = np.array([number_of[label] for label in array.tolist()], dtype=np.int64)
    return numbers, known


def classes_in_order(classes: ArrayLike) -> NDArray[Any]:
    """Classes as an array, in the order in which they are given.

    Raises:
        DataError: if there are none, they are of several kinds, or one stands twice.
        ShapeError: if they have not one dimension.

    >>> classes_in_order(["yes", "no"])
    array(['yes', 'no'], dtype='<U3')
    """
    known = _labels_array(classes, "classes")
    if len(set(known.tolist())) != len(known):
        raise DataError(f"classes holds an entry twice: {known.tolist()}; each class stands once")
    return known


def _numbers_among(known: NDArray[Any], array: NDArray[Any]) -> Integers | None:
    """The numbers of the labels, if both are whole numbers and each label is known: it is fast."""
    if known.dtype.kind != "i" or array.dtype.kind != "i":
        return None
    order = known.argsort()
    in_order = known[order]
    places = in_order.searchsorted(array).clip(max=len(known) - 1)
    if not np.array_equal(in_order[places], array):
        return None
    numbers: Integers = order[places].astype(np.int64)
    return numbers


def _labels_array(labels: ArrayLike, name: str) -> NDArray[Any]:
    """The labels as a sortable array: text, numbers or booleans."""
    array = as_array(labels, name)
    if array.ndim != 1:
        raise ShapeError(
            f"{name} has shape {array.shape}, but (n_samples,) is needed: one label per sample"
        )
    if array.size == 0:
        raise DataError(f"{name} is empty; at least one label is needed")
    if array.dtype.kind == "f":
        check_finite(array, name=name)
    if array.dtype.kind in "biuf" and not isinstance(labels, list | tuple):
        return array
    cells = np.asarray(labels, dtype=object).tolist()
    kinds = [_kind(cell) for cell in cells]
    for i, kind in enumerate(kinds):
        if kind == "other" or kind != kinds[0]:
            raise DataError(
                f"{name}[{i}] is {described(cells[i])}, but all need to be text, or all numbers, "
                "or all "
                f"True and False; convert them, for example [str(label) for label in {name}]"
            )
    result = np.array(cells)
    if result.dtype.kind == "f":
        for i, cell in enumerate(cells):
            if isinstance(cell, Integral) and int(float(cell)) != cell:
                raise DataError(
                    f"{name}[{i}] is {cell}, which is no float as other labels are, and would "
                    f"become {int(float(cell))}; give text: [str(label) for label in {name}]"
                )
    return result


def _kind(cell: object) -> str:
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, bool | np.bool_):
        return "truth"
    if isinstance(cell, Integral):
        return "number"
    return "number" if isinstance(cell, Real) and isfinite(cell) else "other"
