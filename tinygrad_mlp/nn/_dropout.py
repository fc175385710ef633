"""Dropout: in training, each number is left out with some probability."""

from __future__ import annotations

from tinygrad_mlp._arguments import Rng, as_generator, check_number
from tinygrad_mlp._words import our_words
from tinygrad_mlp.engine import Value
from tinygrad_mlp.functional import uniform
from tinygrad_mlp.nn._inputs import inputs_of
from tinygrad_mlp.nn._module import Module, Sample

__all__ = ["Dropout"]


class Dropout(Module):
    """Inverted dropout: each number is 0 with probability p, else divided by 1 - p.

    That is for a model that trains; for one that predicts, after ``model.eval()`` and in
    ``predict``, it hands on what it gets. For a number u that is uniform in [0, 1)::

        y = x / (1 - p) if u < 1 - p else 0

    Each sample has numbers of its own, drawn from ``rng`` in the order of the inputs; a compiled
    program draws the same ones, for a whole batch at once.

    Args:
        p: the probability to be left out, from 0 to 1. With 1 nothing is kept: all is 0.
        rng: a seed or a generator for what is left out.

    Attributes:
        p: the probability; assign to it between two trainings.
        rng: the generator.

    Raises:
        InvalidArgumentError: if p is no number from 0 to 1.

    Source: Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from
    overfitting; in the form of ``torch.nn.Dropout``.

    >>> dropout = Dropout(0.5, rng=0)
    >>> [y.data for y in dropout([1.0, 2.0, 3.0])]
    [0.0, 4.0, 6.0]
    >>> [y.data for y in dropout.eval()([1.0, 2.0, 3.0])]
    [1.0, 2.0, 3.0]
    """

    is_beside_neurons = True

    @our_words
    def __init__(self, p: float = 0.5, rng: Rng = None) -> None:
        self.p = check_number(p, "p", "Dropout(0.2)", at_least=0.0, at_most=1.0)
        self.rng = as_generator(rng)

    def forward(self, x: Sample) -> list[Value]:
        """What is left of the numbers of one sample.

        Raises:
            ShapeError: if x is no list of numbers, or several samples.
        """
        inputs = inputs_of(x, self)
        if not self.training or self.p == 0.0:
            return inputs
        kept = 1.0 - self.p
        scale = 1.0 / kept if kept else 0.0
        return [xi * ((uniform(self.rng) < kept) * scale) for xi in inputs]

    def summary_kind(self) -> str:
        """The kind and the probability."""
        return f"Dropout, {self.p:g}"

    def __repr__(self) -> str:
        return f"Dropout of {self.p:g}"
