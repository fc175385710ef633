"""Searches for hyperparameters with Optuna: what a training and a search need of each other.

A callback reports each epoch to the trial, and ends the training if Optuna prunes it; a journal on
disk loses nothing when a process is killed. The search itself is Optuna's, or scikit-learn's.

>>> import optuna
>>> from tinygrad_mlp import MLP, fit
>>> optuna.logging.set_verbosity(optuna.logging.ERROR)
>>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 2.0, 4.0, 6.0]
>>> def objective(trial):
...     rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
...     report = PruningCallback(trial)
...     return fit(
...         *(MLP(1, [1], rng=0), X, y), epochs=9, optimizer="sgd", learning_rate=rate,
...         validation_data=(X, y), callbacks=[report], log_every=None,
...     ).validation_loss[-1]
>>> study = optuna.create_study(
...     study_name="line", sampler=optuna.samplers.RandomSampler(seed=0),
...     pruner=optuna.pruners.MedianPruner(n_startup_trials=2),
... )
>>> study.optimize(objective, n_trials=8)
>>> {trial.state.name for trial in study.trials} == {"COMPLETE", "PRUNED"}
True
"""

from __future__ import annotations

from tinygrad_mlp.errors import MissingDependencyError

try:
    import optuna  # noqa: F401  (to name the extra where it is missing)
except ModuleNotFoundError as error:
    raise MissingDependencyError.of("optuna", "searches", extra="search") from error

from tinygrad_mlp.search._journal import open_journal
from tinygrad_mlp.search._lost_trials import rerun_lost_trials
from tinygrad_mlp.search._pruning import EstimatorPruningCallback, PruningCallback

__all__ = ["EstimatorPruningCallback", "PruningCallback", "open_journal", "rerun_lost_trials"]
