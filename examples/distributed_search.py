"""A search for hyperparameters on many machines: one task of Dask for each trial of Optuna.

The trials stand in a journal, a file that all machines write to. A machine may die: the journal
keeps every trial that was finished, and the one that it was at is run again. Run the same script
again after everything has died, and it goes on. It needs the extra ``search``.
"""

# %%
from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Final

import optuna
from distributed import Client, KilledWorker, LocalCluster, get_worker, wait

from tinygrad_mlp import MLP, fit
from tinygrad_mlp.data import load_digits, train_test_split
from tinygrad_mlp.search import PruningCallback, open_journal, rerun_lost_trials

STUDY: Final = "digits"  # Hyperband chooses brackets by this name: keep it
EPOCHS: Final = 15
MOST_ROUNDS: Final = 5

# %% [markdown]
# What one trial does: it suggests numbers, trains, and reports each epoch. The names of its process
# and of its machine stand in the journal from the beginning, so that a lost trial can be named.


# %%
def objective(trial: optuna.Trial) -> float:
    trial.set_user_attr("task", get_worker().get_current_task())
    trial.set_user_attr("process", os.getpid())
    trial.set_user_attr("machine", socket.gethostname())
    rate = trial.suggest_float("learning_rate", 1e-3, 1.0, log=True)
    width = trial.suggest_categorical("width", [8, 16, 32])
    digits = load_digits()
    X, X_held_out, y, y_held_out = train_test_split(
        digits.X[:600] / 16.0, digits.y[:600], test_size=0.5, rng=0
    )
    history = fit(
        MLP(64, [width, 10], rng=0),
        X,
        y,
        epochs=EPOCHS,
        batch_size=20,
        optimizer="sgd",
        learning_rate=rate,
        validation_data=(X_held_out, y_held_out),
        callbacks=[PruningCallback(trial, monitor="validation_accuracy")],
        rng=0,
        log_every=None,
    )
    return history.validation_accuracy[-1]


# %% [markdown]
# A task runs one trial. Dask starts the task of a process that died once more, elsewhere. By then
# the trial stands in the journal as running, and stays so: nothing may be done here, as `search`
# looks for such trials.


# %%
def load_study(journal: str, seed: int) -> optuna.Study:
    return optuna.create_study(
        study_name=STUDY,
        storage=open_journal(journal),
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=5),
        pruner=optuna.pruners.HyperbandPruner(min_resource=5, max_resource=EPOCHS),
        load_if_exists=True,
    )


def run_trial(journal: str, seed: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = load_study(journal, seed)
    task = get_worker().get_current_task()
    if all([trial.user_attrs.get("task") != task for trial in study.trials]):
        study.optimize(objective, n_trials=1)


# %% [markdown]
# The search hands out tasks until enough trials are finished. Between two rounds no task is at
# work, so that a trial that is still running is a lost one.


# %%
def search(client: Client, journal: str, n_trials: int) -> optuna.Study:
    study = load_study(journal, seed=0)
    for _ in range(MOST_ROUNDS):
        for trial in rerun_lost_trials(study):
            names = trial.user_attrs
            print(
                f"trial {trial.number} was lost with process {names.get('process')} on "
                f"{names.get('machine')}; it is run again: {trial.params}"
            )
        states = [trial.state.name for trial in study.trials]
        n_missing = n_trials - states.count("COMPLETE") - states.count("PRUNED")
        n_tasks = max(n_missing, states.count("WAITING"))
        if n_tasks <= 0:
            return study
        seeds = range(len(states), len(states) + n_tasks)  # equal tasks would be run once
        tasks = [client.submit(run_trial, journal, seed, pure=False) for seed in seeds]
        wait(tasks)
        for task in tasks:
            error = task.exception()
            if error is not None and not isinstance(error, KilledWorker):
                raise error
    raise RuntimeError(f"trials were lost in each of {MOST_ROUNDS} rounds: {journal}")


# %% [markdown]
# For a real cluster change two lines: give `Client` the address of its scheduler, in place of a
# `LocalCluster`, and let `journal` be a path on a disk that all machines share.


# %%
def main(folder: Path, n_trials: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    journal = str(folder.absolute() / "search.journal")  # on a disk of all machines
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    )
    with cluster, Client(cluster) as client:  # with Client("tcp://scheduler:8786") as client:
        study = search(client, journal, n_trials)
    print(f"{len(study.trials)} trials, of which the best is {study.best_trial.number}:")
    print(f"accuracy {study.best_value:.1%} with {study.best_params}")


# A process of Dask's imports this file too, and must not search itself.
if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("search")
    main(folder, n_trials=int(sys.argv[2]) if len(sys.argv) > 2 else 8)
