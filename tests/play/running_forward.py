"""The forward pass of a page, run in a browser on a model of ours."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tests.replaying import Tab
from tinygrad_mlp.nn import Module
from viz._play.activation_scripts import activation_scripts
from viz._run.network_places import activations_of, flat_weights, network_of
from viz._style.web_page import lean_part

Floats = NDArray[np.float64]


def run_script(tab: Tab, script: str, given: object = None) -> Any:
    """What a script returns, of ``given``; beside it are the functions of numbers."""
    special = lean_part("viz._play", "special.js")
    return tab.page.evaluate(f"(given) => {{ 'use strict'; {special}\n{script} }}", given)


def base64_of(weights: Floats) -> str:
    return base64.b64encode(weights.astype("<f4").tobytes()).decode()


def scene_of(model: Module, head: str = "identity", **facts: Any) -> dict[str, Any]:
    """As much of a scene as the forward pass needs; each column is a feature."""
    network = network_of(model, head)
    features = [
        {"name": f"x{i + 1}", "on": True, "of": f"column {i}"} for i in range(network["n_inputs"])
    ]
    return {"features": features, "mean": None, "scale": None, "network": network, **facts}


def ran(
    tab: Tab, scene: Mapping[str, Any], weights: Floats, X: ArrayLike, scripts: str
) -> tuple[list[Floats], Floats]:
    """The outputs of all layers, each (n_samples, n_units), and those behind the head."""
    rows = np.asarray(X, dtype=np.float64).T.tolist()
    script = f"""{scripts}
    {lean_part("viz._play", "forward.js")}
    const forward = new Forward(JSON.parse(given.scene));
    const {{ layers, outputs }} = forward.run(
      forward.flat(given.weights), given.rows.map((row) => Float64Array.from(row)));
    return JSON.stringify([...layers, outputs].map((numbers) => Array.from(numbers, String)));"""
    given = {"scene": json.dumps(scene), "weights": base64_of(weights), "rows": rows}
    found: Sequence[Sequence[str]] = json.loads(run_script(tab, script, given))
    n = len(rows[0])
    arrays = [
        np.array([float(text.replace("Infinity", "inf")) for text in numbers]).reshape(-1, n).T
        for numbers in found
    ]
    return arrays[:-1], arrays[-1]


def ran_model(
    tab: Tab, model: Module, X: ArrayLike, head: str = "identity"
) -> tuple[list[Floats], Floats]:
    scripts = activation_scripts(activations_of(model))
    return ran(tab, scene_of(model, head), flat_weights(model), X, scripts)
