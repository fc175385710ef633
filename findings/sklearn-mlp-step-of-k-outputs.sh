#!/usr/bin/env bash
# MLPRegressor with k outputs does not descend the loss that it reports, but k times that loss.
#
# Expected: with solver="sgd", momentum=0, alpha=0 and one batch, a step is learning_rate_init times
#   the gradient of the number in loss_curve_. Adding outputs changes the loss, not its relation to
#   the step.
# What happens: loss_curve_ holds half the mean of the squares over samples AND outputs, the gradient
#   is that of the sum over outputs. With five outputs the same learning_rate_init is five times as
#   large; with one output all is as expected. A rate that was tuned on one target, or on a copy of
#   the model in another library, is another rate here; so is the weight of alpha beside the loss.
#   The documentation says nothing of it.
# Source: squared_loss in sklearn/neural_network/_base.py takes a mean over both axes; _backprop in
#   _multilayer_perceptron.py divides by the number of samples alone.
# Seen on 2026-11-29 (scikit-learn 1.9.1, numpy 2.4.6, CPython 3.11.7):
#   outputs 1: step / (rate * gradient of loss_curve_) is 1.000000 for each of 12 weights
#   outputs 2: 2.000000
#   outputs 5: 5.000000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "scikit-learn==1.9.1" "numpy==2.4.6"

cat >"$folder/outputs.py" <<'PYTHON'
import warnings

import numpy as np
from sklearn.neural_network import MLPRegressor

warnings.simplefilter("ignore")  # two steps do not converge
rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3))
RATE = 1e-3


def after(n_steps, Y):
    model = MLPRegressor(
        hidden_layer_sizes=(4,), activation="tanh", solver="sgd", alpha=0, momentum=0, tol=0,
        learning_rate_init=RATE, batch_size=20, shuffle=False, max_iter=n_steps, random_state=0,
    )
    return model.fit(X, Y)


for n_outputs in (1, 2, 5):
    Y = rng.normal(size=(20, n_outputs))
    targets = Y[:, 0] if n_outputs == 1 else Y
    model, later = after(1, targets), after(2, targets)
    W = model.coefs_[0]

    def loss():
        return ((model.predict(X).reshape(20, -1) - Y) ** 2).mean() / 2

    # The second number of the curve is the loss before the second step: it is this one.
    assert abs(loss() - later.loss_curve_[1]) < 1e-12
    step = W - later.coefs_[0]
    gradient = np.empty_like(W)
    for place in np.ndindex(W.shape):
        weight, h = W[place], 1e-5
        W[place] = weight + h
        above = loss()
        W[place] = weight - h
        gradient[place] = (above - loss()) / (2 * h)
        W[place] = weight
    ratio = step / (RATE * gradient)
    print(f"outputs {n_outputs}: step / (rate * gradient of loss_curve_) is {ratio.mean():.6f}")
    assert np.allclose(ratio, n_outputs, rtol=1e-5), ratio
PYTHON
(cd "$folder" && "$python" outputs.py)
