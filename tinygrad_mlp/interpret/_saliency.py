"""Saliency: the derivatives of what a model says by its inputs."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.data._validation import check_features
from tinygrad_mlp.interpret._asked_about import Model, Target, scores_for
from tinygrad_mlp.interpret._many_samples import Differentiable, at_one_moment
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._task import task_of

__all__ = ["checked_samples", "gradient_times_input", "saliency"]

Floats = NDArray[np.float64]


def saliency(model: Model, X: ArrayLike, target: Target = None) -> Floats:
    """d score / d x for each input of each sample: what a small change of it would change.

    The map of the source is its absolute value, ``np.abs(saliency(model, X))``.

    Args:
        model: a module, or a function of a list of Values.
        X: the samples, (n_samples, n_features).
        target: the score: see ``tinygrad_mlp.interpret``.

    Returns:
        The derivatives, (n_samples, n_features). The model, its gradients and its mode stay as
        they are; it predicts meanwhile, so there is no dropout.

    Raises:
        InvalidArgumentError: if the model has no such score.
        DataError, ShapeError: if ``X`` is no table of finite numbers, one column for each input.

    Source: Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2013.

    >>> saliency(lambda x: x[0] * x[1], [[2.0, 3.0], [5.0, 7.0]])
    array([[3., 2.],
           [7., 5.]])
    """
    samples = checked_samples(model, X)
    return at_one_moment(model, partial(_gradients, model, samples, target))


def _gradients(model: Model, samples: Floats, target: Target) -> Floats:
    gradients = np.empty_like(samples)
    for rows, score in scores_for(model, samples, target):
        gradients[rows] = Differentiable(model, score).gradients(samples[rows])
    return gradients


def gradient_times_input(model: Model, X: ArrayLike, target: Target = None) -> Floats:
    """x * d score / d x for each input of each sample.

    Of a linear score w x + b it is what each input adds to it, w_i x_i; of another one its first
    order alone: they do not add up to anything. ``integrated_gradients`` do.

    Args:
        model: a module, or a function of a list of Values.
        X: the samples, (n_samples, n_features).
        target: the score: see ``tinygrad_mlp.interpret``.

    Returns:
        The products, (n_samples, n_features).

    Raises:
        InvalidArgumentError, DataError, ShapeError: as ``saliency``.

    Source: Shrikumar et al., "Not just a black box", 2016.

    >>> gradient_times_input(lambda x: 2.0 * x[0] - x[1], [[1.0, 3.0]])
    array([[ 2., -3.]])
    """
    samples = checked_samples(model, X)
    return samples * saliency(model, samples, target)


def checked_samples(model: Model, X: ArrayLike, name: str = "X") -> Floats:
    """The samples as an array, with as many columns as the model has inputs, where that is known.

    >>> from tinygrad_mlp.nn import MLP
    >>> checked_samples(MLP(2, [1]), [[1, 2, 3]])
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.ShapeError: X has 3 columns, its shape is (1, 3), but 2 features per ...
    """
    return check_features(X, known_inputs(model), name=name)


def known_inputs(model: Model) -> int | None:
    """How many inputs the model has, if it or ``fit`` says so."""
    if not isinstance(model, Module):
        return None
    task = task_of(model)
    n_inputs = getattr(model, "n_inputs", None)
    if task is not None and task.n_inputs is not None:
        return task.n_inputs
    return n_inputs if isinstance(n_inputs, int) else None
