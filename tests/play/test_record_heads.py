"""What stands behind the outputs of a person's own model, when it is steered by a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.play.running_forward import ran
from tests.replaying import Tab
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP, Layer, Sequential
from tinygrad_mlp.training import predict_proba
from viz._play.activation_scripts import activation_scripts
from viz._play.play_page import page_of_run
from viz._run.messages import scene
from viz._run.network_places import activations_of, flat_weights
from viz._run.run import Run

X = np.random.default_rng(0).normal(size=(24, 2))
y = (X[:, 0] > 0).astype(int)

MODELS: dict[str, tuple[Callable[[], Any], str | None, tuple[str, str]]] = {
    "logit": (lambda: MLP(2, [3, 1], rng=0), None, ("binary", "sigmoid")),
    "two logits": (lambda: MLP(2, [3, 2], rng=0), None, ("classification", "softmax")),
    "sigmoid at the end": (
        lambda: MLP(2, [3, 1], output_activation="sigmoid", rng=0),
        "binary_cross_entropy",
        ("binary", "identity"),
    ),
    "sigmoid that the loss leaves out": (
        lambda: MLP(2, [3, 1], output_activation="sigmoid", rng=0),
        "binary_cross_entropy_with_logits",
        ("binary", "sigmoid"),
    ),
    "own function, nested": (
        lambda: Sequential(
            Sequential(Layer(2, 3, lambda x: x * x.tanh(), rng=0)), Layer(3, 2, "softmax", rng=1)
        ),
        None,
        ("classification", "softmax"),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_page_shows_the_probabilities_that_predict_proba_gives(tab: Tab, name: str) -> None:
    make, loss, expected = MODELS[name]
    model = make()
    run = Run.of_model(model, X, y, loss=loss, held_out=0.0)
    told = scene(run)
    assert (told["task"], told["network"]["head"]) == expected
    scripts = activation_scripts(activations_of(model))
    _, outputs = ran(tab, told, flat_weights(model), X, scripts)
    probabilities = predict_proba(model, X, loss=loss)
    if expected[0] == "binary":
        probabilities = probabilities[:, 1:]
    np.testing.assert_allclose(outputs, probabilities, rtol=1e-6, atol=1e-6)


def test_a_loss_without_probabilities_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="'hinge' knows none of them; train with"):
        Run.of_model(MLP(2, [3, 1], rng=0), X, y, loss="hinge")


@pytest.mark.parametrize("channel", ["server", "widget"])
def test_the_page_of_a_running_training_has_the_functions_of_its_own_model(channel: Any) -> None:
    model = MLP(2, [3, 1], lambda x: x * x.tanh(), rng=0)
    page = page_of_run(Run.of_model(model, X, y), channel)
    assert '\n["\\u003clambda>", x =>' in page
    assert '\n["relu", x =>' in page_of_run(Run(), channel)
