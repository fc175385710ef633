#!/usr/bin/env bash
# scikit-learn's MLP: the smaller batch_size, the less sample_weight does; with 1 it does nothing.
#
# Expected: a sample of weight 16 counts as sixteen equal ones, one of weight 0 as if it were left out,
#   whatever the batch size: scikit-learn's glossary says of sample_weight that whole numbers are like so
#   many copies of a row (https://scikit-learn.org/stable/glossary.html#term-sample_weight).
# What happens: a batch's loss is divided by the sum of ITS weights, so that a weight counts beside the
#   others of its batch alone. In a batch of one it cancels: with all those weights the trained network is,
#   bit for bit, the one without them (weights that are powers of 2; else to rounding). In between they
#   fade. And a batch that happens to hold nothing but weights of 0 ends the fit with "ZeroDivisionError:
#   Weights sum to zero", for some seeds and not for others. In one batch of all rows they count in full.
# Who meets it: whoever weighs a rare class with small batches; whoever masks rows by weights of 0.
#   Remedy: repeat rows instead of weighing them; leave rows out instead of giving them 0.
# Source: _backprop in sklearn/neural_network/_multilayer_perceptron.py (sw_sum). The pull request that
#   brought the weights states an objective over all samples,
#   https://github.com/scikit-learn/scikit-learn/pull/30155; the objection was raised on an earlier one,
#   https://github.com/scikit-learn/scikit-learn/pull/11723.
# Seen on 2026-11-29 (scikit-learn 1.9.1, numpy 2.4.6, CPython 3.11.7), share of the rows that are predicted
# to be of the rare class (a tenth of them), without weights and with 16 for it:
#   batches of 400: 0.037, weighted 0.378
#   batches of 16: 0.037, weighted 0.330
#   batches of 4: 0.035, weighted 0.172
#   batches of 1: 0.035, weighted 0.035, equal weights of the network: True
#   a third of the rows with weight 1, the others 0, batches of 16: 4 of 10 seeds end in ZeroDivisionError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "scikit-learn==1.9.1" "numpy==2.4.6"

cat >"$folder/weights.py" <<'PYTHON'
import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier

warnings.simplefilter("ignore")  # so few epochs do not converge
rng = np.random.default_rng(0)
X = rng.normal(size=(400, 2))
y = (X[:, 0] + rng.normal(size=400) > 1.6).astype(int)
heavy = np.where(y == 1, 16.0, 1.0)


def fitted(batch_size, weights, seed=0, epochs=20):
    model = MLPClassifier(
        (8,), batch_size=batch_size, alpha=0, tol=0, n_iter_no_change=10_000, max_iter=epochs,
        learning_rate_init=0.01 if batch_size > 4 else 0.001, random_state=seed,
    )
    return model.fit(X, y, sample_weight=weights)


gains = {}
for batch_size, epochs in {400: 600, 16: 60, 4: 60, 1: 20}.items():
    plain, weighted = (fitted(batch_size, w, epochs=epochs) for w in (None, heavy))
    shares = [float(model.predict(X).mean()) for model in (plain, weighted)]
    gains[batch_size] = shares[1] - shares[0]
    equal = all(map(np.array_equal, plain.coefs_, weighted.coefs_))
    end = f", equal weights of the network: {equal}" if batch_size == 1 else ""
    print(f"batches of {batch_size}: {shares[0]:.3f}, weighted {shares[1]:.3f}{end}")
    assert equal == (batch_size == 1)
assert gains[400] > 0.25 and gains[4] < 0.6 * gains[400] and gains[1] == 0.0, gains

mask = (rng.random(400) < 1 / 3).astype(float)
failed = 0
for seed in range(10):
    try:
        fitted(16, mask, seed)
    except ZeroDivisionError:
        failed += 1
print(f"a third of the rows with weight 1, the others 0, batches of 16: "
      f"{failed} of 10 seeds end in ZeroDivisionError")
assert failed > 0
fitted(400, mask)
PYTHON
(cd "$folder" && "$python" weights.py)
