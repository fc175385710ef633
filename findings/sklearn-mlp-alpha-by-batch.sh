#!/usr/bin/env bash
# The weight of L2 in scikit-learn's MLP hangs on the batch size: alpha is divided by each batch's rows.
#
# Expected: alpha weighs the penalty beside the mean loss of the training set. The documentation says
#   that the term "is divided by the sample size"; a batch size is a matter of noise and speed, and
#   another one, or another solver, leaves the objective as it is.
# What happens: what divides alpha is the number of samples of the batch at hand. 200 rows in batches of
#   20 are penalized ten times as much as in one batch, and 1,000 times as much as 20,000 rows with
#   solver="lbfgs". loss_curve_ reports the penalty in the same way, so that losses at two batch sizes
#   cannot be compared. alpha=10 with batches of 20 ends where alpha=100 ends with one batch of 200.
# Who meets it: whoever chooses batch_size and alpha one after the other, or alone on a small sample.
#   Remedy: search over alpha / batch_size.
# Source: _backprop and _compute_loss_grad in sklearn/neural_network/_multilayer_perceptron.py.
# Seen on 2026-11-29 (scikit-learn 1.9.1, numpy 2.4.6, CPython 3.11.7):
#   alpha 10, batches of 200: penalty 0.1561 of |W|^2 6.24; |W| after training 1.38
#   alpha 10, batches of 20: penalty 1.5606 of |W|^2 6.24; |W| after training 0.96
#   alpha 100, batches of 200: penalty 1.5606 of |W|^2 6.24; |W| after training 0.97
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "scikit-learn==1.9.1" "numpy==2.4.6"

cat >"$folder/penalty.py" <<'PYTHON'
import warnings

import numpy as np
from sklearn.neural_network import MLPRegressor

warnings.simplefilter("ignore")  # one epoch does not converge
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
y = X[:, 0]


def trained(**options):
    model = MLPRegressor(
        hidden_layer_sizes=(6,), random_state=0, tol=0, n_iter_no_change=10_000, **options
    )
    return model.fit(X, y)


def squares(model):
    return sum((W**2).sum() for W in model.coefs_)


def still(alpha, batch_size):
    """The loss that is reported while the weights stand (nearly) still."""
    return trained(alpha=alpha, batch_size=batch_size, learning_rate_init=1e-12, max_iter=1)


def end(alpha, batch_size):
    epochs = 20 * batch_size  # 4,000 steps each
    return np.sqrt(squares(trained(alpha=alpha, batch_size=batch_size, max_iter=epochs)))


ends = {}
for alpha, batch_size in ((10, 200), (10, 20), (100, 200)):
    model = still(alpha, batch_size)
    penalty = model.loss_curve_[0] - still(0, batch_size).loss_curve_[0]
    ends[alpha, batch_size] = end(alpha, batch_size)
    print(
        f"alpha {alpha}, batches of {batch_size}: penalty {penalty:.4f} of |W|^2 "
        f"{squares(model):.2f}; |W| after training {ends[alpha, batch_size]:.2f}"
    )
    assert np.isclose(penalty, alpha / 2 * squares(model) / batch_size, rtol=1e-6)
assert ends[10, 20] < 0.8 * ends[10, 200]
assert np.isclose(ends[10, 20], ends[100, 200], rtol=0.1)
PYTHON
(cd "$folder" && "$python" penalty.py)
