#!/usr/bin/env bash
# MLPRegressor(solver="lbfgs") has partial_fit, and each call trains to the end on the rows at hand.
#
# Expected: partial_fit is "one iteration over the given data" for the stochastic solvers. With
#   solver="lbfgs" there is none: hasattr(model, "partial_fit") is False, as it is for MLPClassifier.
# What happens: MLPRegressor has it. A call runs L-BFGS until it converges on the rows of that call
#   alone, beginning from the last weights: a stream of small batches ends with what fits the last
#   batch by heart, and the error on all earlier rows grows.
# Who meets it: out-of-core loops that ask hasattr(model, "partial_fit"), as meta-estimators do.
# Source: MLPRegressor.partial_fit in sklearn/neural_network/_multilayer_perceptron.py: the condition of
#   available_if names the method that checks the solver without calling it.
# Seen on 2026-11-29 (scikit-learn 1.9.1, numpy 2.4.6, CPython 3.11.7):
#   MLPClassifier has partial_fit: False, MLPRegressor: True
#   last call: 216 iterations, error on its 20 rows 0.0000, on all rows 1.44; one fit of all rows 0.0715
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "scikit-learn==1.9.1" "numpy==2.4.6"

cat >"$folder/stream.py" <<'PYTHON'
import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

options = dict(hidden_layer_sizes=(20,), solver="lbfgs", alpha=0, random_state=0, max_iter=2000)
has = {
    kind.__name__: hasattr(kind(**options), "partial_fit") for kind in (MLPClassifier, MLPRegressor)
}
print(f"MLPClassifier has partial_fit: {has['MLPClassifier']}, MLPRegressor: {has['MLPRegressor']}")
assert not has["MLPClassifier"]
assert has["MLPRegressor"]

rng = np.random.default_rng(0)
X = rng.normal(size=(400, 3))
y = np.sin(X[:, 0]) + 0.3 * rng.normal(size=400)


def error(model, rows):
    return float(np.mean((model.predict(X[rows]) - y[rows]) ** 2))


model, every = MLPRegressor(**options), slice(None)
for first in range(0, 400, 20):
    rows = slice(first, first + 20)
    model.partial_fit(X[rows], y[rows])
    n_iterations = model.n_iter_
whole = MLPRegressor(**options).fit(X, y)
print(
    f"last call: {n_iterations} iterations, error on its 20 rows {error(model, rows):.4f}, "
    f"on all rows {error(model, every):.2f}; one fit of all rows {error(whole, every):.4f}"
)
assert n_iterations > 20
assert error(model, rows) < 0.02
assert error(model, every) > 5 * error(whole, every)
PYTHON
(cd "$folder" && "$python" stream.py)
