"""Feature visualization: the input that excites a unit most."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._arguments import Rng, as_generator, check_integer, check_number
from tinygrad_mlp._text import described
from tinygrad_mlp.data._arrays import as_floats, check_finite
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from tinygrad_mlp.interpret._asked_about import Model, Target, score_for
from tinygrad_mlp.interpret._many_samples import Differentiable, at_one_moment
from tinygrad_mlp.interpret._saliency import known_inputs

__all__ = ["FeatureVisualization", "feature_visualization"]

Floats: TypeAlias = NDArray[np.float64]

START_SCALE: Final = 0.1
"""The standard deviation of the numbers that the ascent starts from."""
ENOUGH: Final = 0.25
"""Of what the slope promises a step has to bring so much (Armijo), else it is halved: of a parabola
the best step brings a half, and one of nearly twice that length hardly anything."""
MOST_HALVINGS: Final = 60


@dataclass(frozen=True, eq=False)
class FeatureVisualization:
    """An input that excites a unit.

    Attributes:
        input: the input, (n_features,).
        score: the score there.
        history: score - l2 |x|^2 at the start and after each step; it never falls.

    >>> feature_visualization(lambda x: 2.0 * x[0] - x[1], n_inputs=2, l2=0.5, rng=0).input.round(9)
    array([ 2., -1.])
    """

    input: Floats
    score: float
    history: list[float]

    def __repr__(self) -> str:
        return (
            f"FeatureVisualization({len(self.input)} features, score {self.score:.4g}, "
            f"{len(self.history) - 1} steps)"
        )


def feature_visualization(
    model: Model,
    target: Target = None,
    *,
    l2: float = 0.1,
    bounds: tuple[float, float] | None = None,
    steps: int = 200,
    start: ArrayLike | None = None,
    n_inputs: int | None = None,
    rng: Rng = None,
) -> FeatureVisualization:
    """argmax of score(x) - l2 |x|^2 by gradient ascent.

    Each step goes along the gradient, and is halved until it brings enough; it stops where none
    does, so it ends in a local maximum, which another start may miss. Within bounds each step is
    cut off at them.

    Args:
        model: a module, or a function of a list of Values.
        target: the score, mostly a ``Unit`` with ``before_activation=True`` or a label: see
            ``tinygrad_mlp.interpret``.
        l2: how much large inputs cost. At the maximum x = gradient / (2 l2).
        bounds: the least and the greatest number of each input, such as (0, 1) for pictures.
        steps: how many at most.
        start: where it starts, (n_features,); unless given, small random numbers.
        n_inputs: how many inputs there are, where the model does not say so.
        rng: a seed or a generator for the start.

    Raises:
        InvalidArgumentError: for settings out of range, without l2 and bounds, if the model has no
            such score, or if its gradient is 0 at the start.
        ShapeError: if the start has not one number for each input.

    Source: Erhan et al., "Visualizing higher-layer features of a deep network", 2009; with L2 in
    Simonyan, Vedaldi, Zisserman, 2013.

    >>> from tinygrad_mlp.nn import MLP
    >>> found = feature_visualization(MLP(2, [3, 1], rng=0), bounds=(0.0, 1.0), rng=0)
    >>> found.history == sorted(found.history), found.input.min() >= 0.0
    (True, np.True_)
    """
    call = "feature_visualization(model, target, l2=0.1)"
    l2 = check_number(l2, "l2", call, at_least=0.0)
    steps = check_integer(steps, "steps")
    low, high = _checked_bounds(bounds, l2)
    x = np.clip(_first_input(model, start, n_inputs, rng), low, high)
    climb = partial(_climbed, model, target, x, l2=l2, low=low, high=high, steps=steps)
    return at_one_moment(model, climb)


class _Gain:
    """The score, what is to become large, and its gradient."""

    def __init__(self, asked: Differentiable, l2: float, x: Floats) -> None:
        scores, gradients = asked.values_and_gradients(x[None, :])
        self.score = float(scores[0])
        self.is_flat = not gradients.any()
        self.gain = self.score - l2 * float(x @ x)
        self.slope = gradients[0] - 2.0 * l2 * x


def _climbed(
    model: Model, target: Target, x: Floats, *, l2: float, low: float, high: float, steps: int
) -> FeatureVisualization:
    asked = Differentiable(model, score_for(model, target))
    here = _Gain(asked, l2, x)
    if here.is_flat:
        raise InvalidArgumentError(
            "the gradient of the score is 0 at the start, so there is no way up: a relu unit that "
            "is 0 there, for instance; take what goes into it, target=Unit(0, 3, "
            "before_activation=True), or another start: rng=1"
        )
    history, step = [here.gain], 0.5 / l2 if l2 else 1.0
    for _ in range(steps):
        for _ in range(MOST_HALVINGS):
            place = np.clip(x + step * here.slope, low, high)
            there = _Gain(asked, l2, place)
            enough = here.gain + ENOUGH * float(here.slope @ (place - x))
            if there.gain > here.gain and there.gain >= enough:
                break
            step *= 0.5
        else:
            break  # no step brings anything
        x, here = place, there
        history.append(here.gain)
        step *= 2.0
    return FeatureVisualization(x, here.score, history)


def _checked_bounds(bounds: tuple[float, float] | None, l2: float) -> tuple[float, float]:
    if bounds is None:
        if l2 == 0.0:
            raise InvalidArgumentError(
                "without l2 and bounds the best input may be infinitely large; give l2=0.1, or "
                "bounds=(0.0, 1.0)"
            )
        return -np.inf, np.inf
    call = "bounds=(0.0, 1.0)"
    given: object = bounds
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InvalidArgumentError(
            f"bounds is {described(bounds)}, but a pair is needed, the least and the greatest "
            f"number of an input: {call}"
        )
    low = check_number(bounds[0], "bounds[0]", call)
    return low, check_number(bounds[1], "bounds[1]", call, above=low)


def _first_input(model: Model, start: ArrayLike | None, n_inputs: int | None, rng: Rng) -> Floats:
    known = known_inputs(model) if n_inputs is None else check_integer(n_inputs, "n_inputs")
    if start is not None:
        given = as_floats(start, "start")
        check_finite(given, name="start", remedy="give a number for each input")
        if given.ndim != 1 or known not in (None, len(given)):
            wanted = "n_features" if known is None else known
            raise ShapeError(
                f"the start has the shape {given.shape}, but one number for each input is needed: "
                f"({wanted},)"
            )
        return given.copy()
    if known is None:
        raise InvalidArgumentError(
            f"{described(model)} does not say how many inputs it has; give it: n_inputs=2"
        )
    return START_SCALE * as_generator(rng).normal(size=known)
