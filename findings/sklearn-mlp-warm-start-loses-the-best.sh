#!/usr/bin/env bash
# scikit-learn's MLP with early_stopping and warm_start: a second fit trains the best weights away.
#
# Expected: with early_stopping=True the weights of the epoch with the best validation score are kept,
#   and best_validation_score_ is their score, also where warm_start=True goes on: a second fit that
#   finds nothing better leaves the estimator as good as it was.
# What happens: after the first fit the kept arrays ARE coefs_ and intercepts_, and the second fit trains
#   them in place. A bad second fit leaves its own weights; best_validation_score_ still says the old
#   score, and the model does not have it. Nothing warns. Without a second fit all is right.
# Who meets it: whoever goes on with another learning rate, or calls fit in a loop to look at the curve.
#   Remedy: copy.deepcopy of the estimator, or of coefs_ and intercepts_, before each further fit.
# Source: _fit_stochastic and _update_no_improvement_count in
#   sklearn/neural_network/_multilayer_perceptron.py.
# Seen on 2026-11-29 (scikit-learn 1.9.1, numpy 2.4.6, CPython 3.11.7):
#   after the first fit: best score 0.983, score on all rows 0.965
#   after a second fit with learning_rate_init=3: best score 0.983, its own scores at most 0.683,
#   score on all rows 0.732
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "scikit-learn==1.9.1" "numpy==2.4.6"

cat >"$folder/twice.py" <<'PYTHON'
import copy

import numpy as np
from sklearn.neural_network import MLPClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 6))
y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
model = MLPClassifier(
    hidden_layer_sizes=(16,), early_stopping=True, warm_start=True, learning_rate_init=0.02,
    n_iter_no_change=5, random_state=1,
)
model.fit(X, y)
first = copy.deepcopy(model)
before = first.score(X, y)
print(f"after the first fit: best score {model.best_validation_score_:.3f}, "
      f"score on all rows {before:.3f}")
model.set_params(learning_rate_init=3.0).fit(X, y)
own = max(model.validation_scores_[len(first.validation_scores_) :])
after = model.score(X, y)
print(f"after a second fit with learning_rate_init=3: best score "
      f"{model.best_validation_score_:.3f}, its own scores at most {own:.3f}, "
      f"score on all rows {after:.3f}")
assert model.best_validation_score_ == first.best_validation_score_ > own
assert after < before - 0.1
assert not np.array_equal(model.coefs_[0], first.coefs_[0])
PYTHON
(cd "$folder" && "$python" twice.py)
