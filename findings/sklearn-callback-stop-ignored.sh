#!/usr/bin/env bash
# A callback of scikit-learn 1.9 that asks to stop is heard, and nothing stops.
#
# Expected: FitCallback.on_fit_task_end returns "stop: whether or not to stop the current level of
#   iterations at this task". A callback that returns True after the first iteration leaves
#   LogisticRegression after one iteration, and a grid search after one fit.
# What happens: the bool comes back from call_on_fit_task_end, and no class of scikit-learn looks at
#   it: LogisticRegression goes on to its own end, StandardScaler, Pipeline and GridSearchCV finish
#   all their tasks. There is no warning. An early-stopping callback in the style of Keras does nothing.
# Who meets it: whoever writes a callback that stops. An estimator of one's own has to act on the bool
#   of call_on_fit_task_end itself; then it stops.
# Source: calls of call_on_fit_task_end in sklearn/linear_model/_logistic.py (a note there plans it for
#   1.10), pipeline.py, model_selection/_search.py, preprocessing/_data.py.
# Seen on 2026-11-29 (scikit-learn 1.9.1, numpy 2.4.6, CPython 3.11.7):
#   LogisticRegression: 17 iterations, with a callback that always asks to stop: 17
#   GridSearchCV: 4 candidates fitted, with a callback that always asks to stop: 4
#   asked to stop 34 times
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "scikit-learn==1.9.1" "numpy==2.4.6"

cat >"$folder/stop.py" <<'PYTHON'
from sklearn.callback import FitCallback
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV


class Stop:
    """Asks to stop after each task."""

    asked = 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None,
                          fitted_estimator=None):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None,
                        fitted_estimator=None):
        Stop.asked += 1
        return True


assert isinstance(Stop(), FitCallback)
X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)


def n_iterations(model):
    return int(model.fit(X, y).n_iter_.max())


plain = n_iterations(LogisticRegression())
asked = n_iterations(LogisticRegression().set_callbacks(Stop()))
print(f"LogisticRegression: {plain} iterations, with a callback that always asks to stop: {asked}")
assert plain == asked > 1
in_one_fit = Stop.asked
assert in_one_fit > plain  # each iteration, and the whole fit


def n_candidates(*callbacks):
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 0.1, 1, 10]}, cv=3)
    if callbacks:
        search.set_callbacks(*callbacks)
    search.fit(X, y)
    return sum(score > 0 for score in search.cv_results_["mean_test_score"])


plain, asked = n_candidates(), n_candidates(Stop())
print(f"GridSearchCV: {plain} candidates fitted, with a callback that always asks to stop: {asked}")
assert plain == asked == 4
assert Stop.asked > in_one_fit
print(f"asked to stop {Stop.asked} times")
PYTHON
(cd "$folder" && "$python" stop.py)
