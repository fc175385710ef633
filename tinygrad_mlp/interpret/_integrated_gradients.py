"""Integrated gradients: what each input contributes on the way from a baseline to the sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._frames import warn
from tinygrad_mlp.data._arrays import as_floats, check_finite
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.interpret._asked_about import Model, Target, scores_for
from tinygrad_mlp.interpret._many_samples import Differentiable, at_one_moment
from tinygrad_mlp.interpret._quadrature import gauss_legendre
from tinygrad_mlp.interpret._saliency import checked_samples
from tinygrad_mlp.interpret._switching import Pieces

__all__ = ["IntegratedGradients", "integrated_gradients"]

Floats: TypeAlias = NDArray[np.float64]

FIRST_NODES: Final = 50
MOST_NODES: Final = 1600
RELATIVE_GAP: Final = 1e-9
ABSOLUTE_GAP: Final = 1e-12
BLOCK: Final = 4096
"""How many points are looked at at a time, so that memory stays small."""


@dataclass(frozen=True, eq=False)
class IntegratedGradients:
    """What each input contributes to the difference between a sample and its baseline.

    Attributes:
        attributions: (n_samples, n_features).
        gaps: what is missing of f(x) - f(baseline) when they are added up, or too much,
            (n_samples,).
        n_nodes: how many gradients each path took, (n_samples,).
        scores: f(x), (n_samples,).
        baseline_scores: f(baseline), (n_samples,).

    >>> found = integrated_gradients(lambda x: x[0] * x[1], [[2.0, 3.0]])
    >>> found.scores - found.baseline_scores
    array([6.])
    """

    attributions: Floats
    gaps: Floats
    n_nodes: NDArray[np.int64]
    scores: Floats
    baseline_scores: Floats

    def __repr__(self) -> str:
        n_samples, n_features = self.attributions.shape
        return (
            f"IntegratedGradients({n_samples} samples, {n_features} features, largest gap "
            f"{self.gaps.max():.1e}, at most {self.n_nodes.max()} nodes)"
        )


def integrated_gradients(
    model: Model, X: ArrayLike, target: Target = None, *, baseline: ArrayLike = 0.0
) -> IntegratedGradients:
    """(x_i - b_i) times the integral of d score / d x_i along the straight path from b to x.

    The attributions of a sample add up to f(x) - f(b) (completeness). The integral is taken by
    Gauss-Legendre quadrature, with 50 nodes at first and then twice as many, up to 1,600, until the
    gap is at most 1e-9 of the difference, or 1e-12. The path is split where a relu or another
    corner switches, and the nodes are divided among the pieces; the logits of a relu network are
    linear on each, so that one node for each is exact.

    Args:
        model: a module, or a function of a list of Values.
        X: the samples, (n_samples, n_features).
        target: the score f: see ``tinygrad_mlp.interpret``.
        baseline: where the paths begin: a number for all features, one for each, (n_features,), or
            for each sample, (n_samples, n_features). Of standardized features 0 is their mean.

    Returns:
        The attributions, with the gap and the number of nodes of each sample.

    Raises:
        InvalidArgumentError, DataError: as ``saliency``.
        ShapeError: if the baseline does not fit the samples.

    Warns of samples whose gap stayed.

    Source: Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017.

    >>> found = integrated_gradients(lambda x: x[0] * x[1] ** 2, [[2.0, 3.0]])
    >>> found.attributions.round(12), bool(found.gaps[0] < 1e-12)
    (array([[ 6., 12.]]), True)
    >>> found = integrated_gradients(lambda x: (x[0] - x[1]).relu(), [[3.0, 1.0]], baseline=[0, 2])
    >>> found.attributions, found.n_nodes
    (array([[1.5, 0.5]]), array([2]))
    """
    samples = checked_samples(model, X)
    starts = _checked_baseline(baseline, samples)
    found, is_open = at_one_moment(model, partial(_integrated, model, starts, samples, target))
    _warn_of_gaps(found, is_open)
    return found


def _integrated(
    model: Model, starts: Floats, samples: Floats, target: Target
) -> tuple[IntegratedGradients, NDArray[np.bool_]]:
    """The attributions, and of which samples a gap stayed."""
    n_samples = len(samples)
    found = IntegratedGradients(
        np.zeros_like(samples),
        np.zeros(n_samples),
        np.zeros(n_samples, np.int64),
        np.zeros(n_samples),
        np.zeros(n_samples),
    )
    allowed = np.zeros(n_samples)
    for rows, score in scores_for(model, samples, target):
        asked = Differentiable(model, score)
        found.scores[rows] = asked.values(samples[rows])
        found.baseline_scores[rows] = asked.values(starts[rows])
        differences = found.scores[rows] - found.baseline_scores[rows]
        allowed[rows] = np.maximum(RELATIVE_GAP * np.abs(differences), ABSOLUTE_GAP)
        pieces = Pieces(model, score)
        cuts = pieces.cuts(starts[rows], samples[rows])
        n_nodes, still_open = FIRST_NODES, np.arange(len(rows))
        while still_open.size and n_nodes <= MOST_NODES:
            at = rows[still_open]
            paths = [_nodes_on(cuts[k], 0 if pieces.are_linear else n_nodes) for k in still_open]
            means = _means_of_gradients(asked, starts[at], samples[at], paths)
            found.attributions[at] = (samples - starts)[at] * means
            found.n_nodes[at] = [len(nodes) for nodes, _ in paths]
            found.gaps[at] = np.abs(found.attributions[at].sum(axis=1) - differences[still_open])
            still_open = still_open[~(found.gaps[at] <= allowed[at])]
            if pieces.are_linear:
                break  # it is exact up to rounding
            n_nodes *= 2
    return found, ~(found.gaps <= allowed)


def _checked_baseline(baseline: ArrayLike, samples: Floats) -> Floats:
    given = as_floats(baseline, "baseline")
    check_finite(given, name="baseline", remedy="give a number for each feature: baseline=0.0")
    if given.shape not in ((), samples.shape[1:], samples.shape):
        raise ShapeError(
            f"the baseline has the shape {given.shape}; for X of shape {samples.shape} it is one "
            f"number, {samples.shape[1]} of them, or an array of shape {samples.shape}: "
            "baseline=X.mean(axis=0)"
        )
    return np.broadcast_to(given, samples.shape).copy()


def _nodes_on(cut: Floats, n_nodes: int) -> tuple[Floats, Floats]:
    """The nodes and weights on the pieces of a path: about so many, at least one on each."""
    lengths = np.diff(cut)
    nodes, weights = gauss_legendre(max(n_nodes // len(lengths), 1))
    at = cut[:-1, None] + lengths[:, None] * nodes
    return at.ravel(), (lengths[:, None] * weights).ravel()


def _means_of_gradients(
    asked: Differentiable, starts: Floats, ends: Floats, paths: list[tuple[Floats, Floats]]
) -> Floats:
    """The gradients along each path, (n_samples, n_features), by the weights of its nodes."""
    means = np.zeros_like(starts)
    rows = np.repeat(np.arange(len(paths)), [len(nodes) for nodes, _ in paths])
    at = np.concatenate([nodes for nodes, _ in paths])[:, None]
    weights = np.concatenate([weights for _, weights in paths])[:, None]
    for begin in range(0, len(rows), BLOCK):
        block = slice(begin, begin + BLOCK)
        of = rows[block]
        gradients = asked.gradients(starts[of] + at[block] * (ends - starts)[of])
        firsts = np.flatnonzero(np.diff(of, prepend=-1))
        means[of[firsts]] += np.add.reduceat(weights[block] * gradients, firsts, axis=0)
    return means


def _warn_of_gaps(found: IntegratedGradients, is_open: NDArray[np.bool_]) -> None:
    if not is_open.any():
        return
    worst = int(np.argmax(np.where(is_open, np.nan_to_num(found.gaps, nan=np.inf), -1.0)))
    difference = found.scores[worst] - found.baseline_scores[worst]
    warn(
        f"of {int(is_open.sum())} of {len(is_open)} samples the attributions do not add up to "
        f"f(x) - f(baseline): of sample {worst} {found.gaps[worst]:.1e} is missing of "
        f"{difference:.3g}, with {found.n_nodes[worst]} nodes. The score jumps or bends on the "
        "path, or is too steep for so many nodes; take a logit, target=label, instead of a "
        "probability, or a baseline that is nearer"
    )
