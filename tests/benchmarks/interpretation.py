"""Exact Shapley values, beside shap's; gaps of integrated gradients, beside captum's.

shap and captum take part where they are installed.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, Final

import numpy as np

from tests.benchmarks.contest import Make, Results, Turn, contest, repeated
from tests.benchmarks.timing import comparison, markdown, number
from tests.benchmarks.works import Array
from tinygrad_mlp.data import load_digits
from tinygrad_mlp.interpret import Output, integrated_gradients, shapley_values
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training import fit

__all__ = ["N_ROWS", "OURS", "SHAP", "by_shap", "measure", "report", "work"]

OURS: Final = "tinygrad_mlp"
SHAP: Final = "shap"
N_ROWS: Final = 20
"""How many rows are explained in a call."""


def work() -> tuple[MLP, Array, Array]:
    """A 10-16-1 relu network, 20 rows to explain, 100 rows of background."""
    rng = np.random.default_rng(0)
    X, background = rng.normal(size=(N_ROWS, 10)), rng.normal(size=(100, 10))
    return MLP(10, [16, 1], activation="relu", rng=0), X, background


def our_turn() -> Turn:
    """Ours, recording included."""
    model, X, background = work()
    return repeated(partial(_times, partial(shapley_values, model, X, background)))


def shap_turn() -> Turn:
    """Theirs, of the same network in NumPy."""
    return repeated(partial(_times, by_shap()))


def by_shap() -> partial[Any]:
    """A call of shap's exact explainer."""
    explainers, maskers = import_module("shap.explainers"), import_module("shap.maskers")
    model, X, background = work()
    state = model.state_dict()
    W, b = (
        [state[f"layers.{k}.weight"].T for k in (0, 1)],
        [state[f"layers.{k}.bias"] for k in (0, 1)],
    )

    def outputs(rows: Array) -> Array:
        return np.asarray((np.maximum(rows @ W[0] + b[0], 0.0) @ W[1] + b[1])[:, 0])

    masker = maskers.Independent(background, max_samples=len(background))
    return partial(explainers.Exact(outputs, masker), X, silent=True)


def _times(explain: partial[Any], n: int) -> None:
    for _ in range(n):
        explain()


def measure(seconds: float, min_rounds: int = 3) -> Results:
    """Seconds for a call, of ``N_ROWS`` rows."""
    makers: dict[str, Make] = {OURS: our_turn, SHAP: shap_turn}
    return contest(makers, seconds, min_rounds)


def gaps() -> list[list[str]]:
    """How far attributions are from adding up, for the digits and a 64-32-10 relu network."""
    digits = load_digits()
    X = digits.X / 16.0
    model = MLP(64, [32, 10], rng=0)
    fit(model, X, digits.y, epochs=20, batch_size=32, optimizer="adam", rng=0, log_every=None)
    found = integrated_gradients(model, X[:50], Output(3))
    rows = [[OURS, number(float(found.n_nodes.mean())), f"{found.gaps.max():.1e}"]]
    try:
        torch, attr = import_module("torch"), import_module("captum.attr")
    except ImportError:
        return [*rows, ["captum", "", "not installed"]]
    linear = [torch.nn.Linear(64, 32), torch.nn.Linear(32, 10)]
    network = torch.nn.Sequential(linear[0], torch.nn.ReLU(), linear[1]).double()
    arrays = [torch.tensor(array) for array in model.state_dict().values()]
    for parameter, array in zip(network.parameters(), arrays):
        parameter.data.copy_(array)
    for n_steps in (50, 1600):
        _, gap = attr.IntegratedGradients(network).attribute(
            torch.tensor(X[:50]), target=3, n_steps=n_steps, return_convergence_delta=True
        )
        rows.append([f"captum, {n_steps} steps", number(n_steps), f"{gap.abs().max().item():.1e}"])
    return rows


def report(seconds: float) -> str:
    """Both tables."""
    results = measure(seconds)
    times = comparison(
        results.of(""), "ms", 1e3 / N_ROWS, relative_to=OURS, missing=results.missing
    )
    table = markdown(["", "gradients a sample", "largest gap"], gaps())
    return (
        "Exact Shapley values of one row: 10-16-1 relu, 10 features, 100 background rows; 20 rows "
        f"a call.\n\n{times}\n\nIntegrated gradients of a logit, 64-32-10 relu on 50 digits, from "
        f"a black picture.\n\n{table}"
    )
