#!/usr/bin/env bash
# ReduceLROnPlateau of torch, reduce_on_plateau of optax: a negative loss never reaches a plateau, not even
# one that stands still, or grows.
#
# Expected: with mode "min" the rate falls once the loss has not gone down for `patience` epochs, by more
#   than the share `threshold` (1e-4) of the best one. Whether losses are counted from 0 or from -100
#   changes no shape of a curve; a loss that is the same each epoch has no improvement.
# What happens: an improvement is what is below best * (1 - threshold). For a best of -1 that is -0.9999,
#   ABOVE the best: standing still improves, and so does a loss that grows by less than a ten-thousandth of
#   its size, each of which becomes the new best. The rate stays what it was, without end. torch with mode
#   "max" and a negative score (a log-likelihood, a negative error of scikit-learn's scorers) does the same.
# Who meets it: likelihoods of densities, evidence bounds, negated scores and rewards, physics energies.
#   Remedy: threshold_mode="abs" in torch; rtol=0 in optax.
# Source: is_better in torch/optim/lr_scheduler.py, and https://github.com/pytorch/pytorch/issues/47513,
#   open since 2020; optax/contrib/_reduce_on_plateau.py and
#   https://github.com/google-deepmind/optax/pull/1767, not merged. What is expected is the first sentence
#   of either docstring: the rate is reduced when the metric has stopped improving.
# Seen on 2026-11-29 (torch 2.13.0, optax 0.2.8, jax 0.10.2, CPython 3.11.7), the rate after 12 epochs,
# patience 2, from 1:
#   always 1: torch 0.001, optax 1e-05
#   always -1: torch 1, optax 1
#   from -100 up by 0.009 an epoch: torch 1, optax 1
#   always -1, absolute threshold: torch 0.001, optax 1e-05
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "torch==2.13.0" "optax==0.2.8" "jax==0.10.2" "jaxlib==0.10.2" "numpy==2.4.6"

cat >"$folder/plateau.py" <<'PYTHON'
import jax.numpy as jnp
import torch
from optax.contrib import reduce_on_plateau
from torch.optim.lr_scheduler import ReduceLROnPlateau


def by_torch(losses, **settings):
    """The rate after these losses."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = ReduceLROnPlateau(optimizer, patience=2, **settings)
    for loss in losses:
        scheduler.step(loss)
    return optimizer.param_groups[0]["lr"]


def by_optax(losses, **settings):
    transform = reduce_on_plateau(patience=2, **settings)
    state = transform.init(jnp.zeros(1))
    for loss in losses:
        _, state = transform.update(jnp.zeros(1), state, value=loss)
    return float(state.scale)


ABSOLUTE = {"threshold_mode": "abs"}, {"rtol": 0.0, "atol": 1e-4}
CASES = {
    "always 1": ([1.0] * 12, {}, {}),
    "always -1": ([-1.0] * 12, {}, {}),
    "from -100 up by 0.009 an epoch": ([-100.0 + 0.009 * epoch for epoch in range(12)], {}, {}),
    "always -1, absolute threshold": ([-1.0] * 12, *ABSOLUTE),
}
for name, (losses, of_torch, of_optax) in CASES.items():
    rates = by_torch(losses, **of_torch), by_optax(losses, **of_optax)
    print(f"{name}: torch {rates[0]:.6g}, optax {rates[1]:.6g}")
    falls = name in ("always 1", "always -1, absolute threshold")
    assert all(rate < 0.01 if falls else rate == 1.0 for rate in rates), (name, rates)
assert by_torch([1.0] * 12, mode="max") < 0.01
assert by_torch([-1.0] * 12, mode="max") == 1.0
PYTHON
(cd "$folder" && "$python" plateau.py)
