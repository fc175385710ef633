#!/usr/bin/env bash
# optuna's HyperbandPruner prunes by the name of the study: a study without a name never repeats.
#
# Expected: the sampler's seed fixes a search. The same objective, the same seed and one worker give
#   the same trials, the same pruning and the same number of epochs, in each process.
# What happens: the bracket of a trial, and with it whether and when it is pruned, is taken from a
#   checksum of the study's name and the trial's number. The suggested numbers are the same, what is
#   spent on them is not: two names differ by a factor of two below. A study that is given no name
#   gets a random one, so that a search with fixed seeds is another one each time. (A note in the
#   documentation of the class asks for a name; nothing warns.)
# Who meets it: whoever compares searches at equal budget, or repeats one. Remedy: a fixed study_name,
#   and several names where the search itself is judged.
# Source: _get_bracket_id in optuna/pruners/_hyperband.py.
# Seen on 2026-11-29 (optuna 5.0.0, CPython 3.11.7), 27 trials of 1 to 27 epochs:
#   name mlp: 173 epochs, 5 complete, 22 pruned, twice; the same 27 suggestions
#   name a: 337 epochs, 8 complete, 19 pruned, twice; the same 27 suggestions
#   six studies without a name: 281 257 187 247 301 223 epochs
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python=$folder/env/bin/python
"$python" -m pip install -q "optuna==5.0.0"

cat >"$folder/brackets.py" <<'PYTHON'
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def search(name):
    """The number of epochs that 27 trials took, how they ended, and what was tried."""
    study = optuna.create_study(
        study_name=name,
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.HyperbandPruner(
            min_resource=1, max_resource=27, reduction_factor=3
        ),
    )
    n_epochs = 0

    def objective(trial):
        nonlocal n_epochs
        x = trial.suggest_float("x", -1, 1)
        for epoch in range(1, 28):
            n_epochs += 1
            trial.report(x * x + 1 / epoch, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x * x

    study.optimize(objective, n_trials=27)
    ends = [trial.state.name for trial in study.trials]
    return n_epochs, ends, [trial.params["x"] for trial in study.trials]


named = {name: search(name) for name in ("mlp", "a")}
for name, (n_epochs, ends, tried) in named.items():
    assert search(name) == (n_epochs, ends, tried), name
    assert tried == named["mlp"][2], name
    print(
        f"name {name}: {n_epochs} epochs, {ends.count('COMPLETE')} complete, "
        f"{ends.count('PRUNED')} pruned, twice; the same 27 suggestions"
    )
assert named["a"][0] > 1.5 * named["mlp"][0]
unnamed = [search(None)[0] for _ in range(6)]
assert len(set(unnamed)) > 1, unnamed
print("six studies without a name:", *unnamed, "epochs")
PYTHON
(cd "$folder" && "$python" brackets.py)
