"""Why a model says what it says: attributions, and what its neurons look for.

Every function asks about one number of a model, the score, which ``target`` names:

* a label: the logit of that class, for a model that ``fit`` has trained for classes;
* ``Probability(label)``: its probability;
* ``Output(2)``, or 2 where there are no classes: the output of that number, from 0;
* ``Unit(0, 3)``: the neuron number 3 of the layer number 0, or of ``Unit("layers.0", 3)``;
  ``before_activation=True`` for what goes into its activation;
* None: the only output; of several classes the one that is predicted for each sample; of two
  classes with one output the logit of the second one.

A logit is what ``model.logits`` gives: the output before a softmax or sigmoid at the end. The model
is a module, or a function of the Values of one sample. It predicts meanwhile and stays as it is.

>>> from tinygrad_mlp.nn import MLP
>>> from tinygrad_mlp.training import fit
>>> model = MLP(2, [3], rng=0)
>>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["red", "blue", "green"]
>>> history = fit(model, X, y, epochs=5, log_every=None)
>>> saliency(model, X, "red").shape
(3, 2)
>>> integrated_gradients(model, X, Probability("blue")).gaps.max() < 1e-9
np.True_
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tinygrad_mlp._words import refuse_name
from tinygrad_mlp.interpret._asked_about import Output, Probability, Unit
from tinygrad_mlp.interpret._feature_visualization import (
    FeatureVisualization,
    feature_visualization,
)
from tinygrad_mlp.interpret._integrated_gradients import IntegratedGradients, integrated_gradients
from tinygrad_mlp.interpret._neighbors import NearestSamples, activations, nearest_samples
from tinygrad_mlp.interpret._saliency import gradient_times_input, saliency
from tinygrad_mlp.interpret._shapley import ShapleyValues, shapley_values

__all__ = [
    "FeatureVisualization",
    "IntegratedGradients",
    "NearestSamples",
    "Output",
    "Probability",
    "ShapleyValues",
    "Unit",
    "activations",
    "feature_visualization",
    "gradient_times_input",
    "integrated_gradients",
    "nearest_samples",
    "saliency",
    "shapley_values",
]

if not TYPE_CHECKING:
    __getattr__ = partial(refuse_name, __name__)
