# %% [markdown]
# # Searching for hyperparameters: five methods, one budget
#
# Chapter 18 varied hyperparameters by hand. Here a program does it. You learn five methods: grid, random search and
# successive halving of scikit-learn, TPE and Hyperband of Optuna, and you compare them fairly, on the same data with the same
# number of epochs. Expect methods that look at up to three times as many settings for the same price, and best scores so
# close to each other that one run cannot say which method is the best.
#
# It needs scikit-learn 1.9 and Optuna 5: `python -m pip install -e '.[all,course]'` brings them.
#
# ## The task, and what a search costs
#
# Digits again: 300 samples for training, 400 for validation, by which we choose, and the rest for the test at the end. A
# setting is a learning rate, a penalty `alpha` and the width of the hidden layer. Everything else is fixed, the first
# weights too.

# %%
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import PredefinedSplit

import viz
from tinygrad_mlp.data import load_digits
from tinygrad_mlp.estimators import MLPClassifier

SEED = 0
N, N_VALIDATION, FULL, BUDGET = 300, 400, 50, 800

digits = load_digits()
order = np.random.default_rng(SEED).permutation(len(digits.y))
pictures, labels = digits.X[order] / 16, digits.y[order]
X, y = pictures[:N], labels[:N]
X_validation, y_validation = pictures[N:][:N_VALIDATION], labels[N:][:N_VALIDATION]
X_test, y_test = pictures[N + N_VALIDATION :], labels[N + N_VALIDATION :]

X_both, y_both = pictures[: N + N_VALIDATION], labels[: N + N_VALIDATION]
split = PredefinedSplit([-1] * N + [0] * N_VALIDATION)  # -1: always for training
network = MLPClassifier(
    max_iter=FULL, n_iter_no_change=FULL, batch_size=20, random_state=SEED
)
warnings.simplefilter("ignore", ConvergenceWarning)  # we end trainings early on purpose

# %% [markdown]
# A full training has 50 epochs, and `n_iter_no_change` is so large that none ends by itself. We count *epochs*, not trainings: a
# training that is ended early costs less. Every method gets 800 epochs, which is 16 full trainings.
#
# ## Grid and random search
#
# A *grid* tries all combinations of some values: $4 \cdot 2 \cdot 2 = 16$ settings. A *random search* draws each setting anew,
# the rate and `alpha` log-uniformly (chapter 18).

# %%
from time import process_time

from scipy.stats import loguniform
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

grid = {
    "learning_rate_init": [1e-3, 1e-2, 1e-1, 1.0],
    "alpha": [1e-4, 1.0],
    "hidden_layer_sizes": [(8,), (32,)],
}
ranges = {
    "learning_rate_init": loguniform(1e-4, 1.0),
    "alpha": loguniform(1e-5, 10.0),
    "hidden_layer_sizes": [(8,), (16,), (32,)],
}
common = {"cv": split, "refit": False, "error_score": "raise"}
trials, seconds = {}, {}


def keep(name, search):
    """Run a search of scikit-learn; keep rate, alpha, width, epochs and score of each training."""
    start = process_time()
    search.fit(X_both, y_both)
    seconds[name] = process_time() - start
    found = search.cv_results_
    scores = found["mean_test_score"]
    trials[name] = [
        {
            "rate": setting["learning_rate_init"],
            "alpha": setting["alpha"],
            "width": setting["hidden_layer_sizes"][0],
            "epochs": setting.get("max_iter", FULL),
            "score": score,
        }
        for setting, score in zip(found["params"], scores)
    ]
    print(f"{name}: {len(scores)} trainings, best score {search.best_score_:.1%}")


keep("grid", GridSearchCV(network, grid, **common))
random = RandomizedSearchCV(network, ranges, n_iter=16, random_state=SEED, **common)
keep("random", random)


def rates(name):
    return len({trial["rate"] for trial in trials[name]})


print(f"different rates: grid {rates('grid')}, random {rates('random')}")
assert (rates("grid"), rates("random")) == (4, 16), "the random search tries more rates"

# %% [markdown]
# ## Successive halving
#
# Most settings are so bad that one sees it after a few epochs. *Successive halving* (Jamieson and Talwalkar 2016) trains many settings for
# a short time, keeps the best third, trains these for three times as long, and so on. In scikit-learn the epochs are a *resource*,
# `resource="max_iter"`; from step to step it trains from the beginning.

# %%
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  (it asks for this)
from sklearn.model_selection import HalvingRandomSearchCV

halving = HalvingRandomSearchCV(
    network,
    ranges,
    n_candidates=51,
    resource="max_iter",
    min_resources=5,
    max_resources=FULL,
    factor=3,
    random_state=SEED,
    **common,
)
keep("halving", halving)
for n, epochs in zip(halving.n_candidates_, halving.n_resources_):
    print(f"{n:2d} settings for {epochs:2d} epochs: {n * epochs} epochs")
assert halving.n_candidates_ == [51, 17, 6], "a third is kept each time"
assert halving.n_resources_ == [5, 15, 45], "and trained three times as long"

# %% [markdown]
# ## TPE: learn from the trials so far
#
# The three methods above do not look at what they have found. *Bayesian* methods do. The *tree-structured Parzen estimator*
# (TPE, Bergstra and others 2011) divides the trials so far into good and bad ones, estimates the density of both, $\ell(x)$ and
# $g(x)$, and tries next an $x$ with a large $\ell(x) / g(x)$. It needs some random trials first; we give it five.
#
# In Optuna a search is a *study*, and a training is a *trial*. A trial suggests its numbers itself. Our callback reports the score of each
# epoch to the trial.

# %%
warnings.filterwarnings("ignore", "IProgress")  # a progress bar that nobody asked for

import optuna

from tinygrad_mlp.search import EstimatorPruningCallback

optuna.logging.set_verbosity(optuna.logging.WARNING)


def score_of(setting, *callbacks):
    model = MLPClassifier(**(network.get_params() | setting)).set_callbacks(*callbacks)
    return model.fit(X, y).score(X_validation, y_validation)


def objective(trial):
    setting = {
        "learning_rate_init": trial.suggest_float("rate", 1e-4, 1.0, log=True),
        "alpha": trial.suggest_float("alpha", 1e-5, 10.0, log=True),
        "hidden_layer_sizes": (trial.suggest_categorical("width", [8, 16, 32]),),
    }
    report = EstimatorPruningCallback(trial, X_validation, y_validation)
    return score_of(setting, report)


def epochs_of(study):
    return sum(trial.last_step for trial in study.trials)


def stop_at_budget(study, _):
    if epochs_of(study) > BUDGET - FULL:
        study.stop()  # not enough is left for one more full training


def study_of(sampler, pruner, name="digits", n_trials=None):
    study = optuna.create_study(
        study_name=name, direction="maximize", sampler=sampler, pruner=pruner
    )
    study.optimize(objective, n_trials, callbacks=[stop_at_budget])
    return study


def keep_study(name, sampler, pruner):
    start = process_time()
    study = study_of(sampler, pruner)
    seconds[name] = process_time() - start
    trials[name] = [
        {**t.params, "epochs": t.last_step, "score": t.intermediate_values[t.last_step]}
        for t in study.trials
    ]
    print(f"{name}: {len(study.trials)} trainings, best score {study.best_value:.1%}")
    return study


tpe = keep_study(
    "TPE",
    optuna.samplers.TPESampler(seed=SEED, n_startup_trials=5),
    optuna.pruners.NopPruner(),
)
assert all(len(t.intermediate_values) == FULL for t in tpe.trials), "each epoch is reported"

# %% [markdown]
# ## Hyperband: halving, with several beginnings
#
# How long is "a few epochs"? With 5 a good but slow setting may be thrown out. *Hyperband* (Li and others 2018) does not decide: it has
# several *brackets*. In the first one settings are compared after 5, 15 and 45 epochs, in the second after 15 and 45, in the third after 45. There are
#
# $$\left\lfloor \log_3 \frac{50}{5} \right\rfloor + 1 = 3$$
#
# brackets. In Optuna this is a *pruner*: after each report it says whether the trial goes on. If not, our callback raises
# `optuna.TrialPruned`, and the trial is *pruned*. A trial that goes on does not begin anew.


# %%
def hyperband():
    return optuna.pruners.HyperbandPruner(
        min_resource=5, max_resource=FULL, reduction_factor=3
    )


band = keep_study("Hyperband", optuna.samplers.RandomSampler(seed=SEED), hyperband())
lengths = [trial.last_step for trial in band.trials]
for epochs in sorted(set(lengths)):
    print(f"{lengths.count(epochs):2d} trials of {epochs} epochs")
assert set(lengths) == {5, 15, 45, 50}, "trials end where brackets compare, or at the end"
assert lengths.count(FULL) < 2 / 3 * len(lengths), "at least a third of them is pruned"

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(7.5, 4), layout="constrained")
for trial in band.trials:
    line = trial.intermediate_values
    pruned = trial.state == optuna.trial.TrialState.PRUNED
    style = {"color": "tab:red", "alpha": 0.6} if pruned else {"color": "tab:blue"}
    axes.plot(list(line), list(line.values()), linewidth=1, **style)
    axes.plot(trial.last_step, line[trial.last_step], "x" if pruned else "o", **style)
axes.set(xlabel="epoch", ylabel="accuracy on the validation samples", ylim=(0, 1))
title = axes.set_title("Hyperband: a red cross is a trial that was pruned")

# %% [markdown]
# ## All five
#
# The best score of each, how many settings it looked at, and what it spent. In successive halving a setting may be trained up to three times.

# %%
print(f"{'':10s} settings  trainings  epochs  best score  of: rate    alpha width")
best = {}
for name, tried in trials.items():
    n_settings = len({(t["rate"], t["alpha"], t["width"]) for t in tried})
    epochs = sum(t["epochs"] for t in tried)
    whole = [t for t in tried if t["epochs"] >= 45]
    best[name] = max(whole, key=lambda t: t["score"])
    score = best[name]["score"]
    numbers = f"{n_settings:8d} {len(tried):10d} {epochs:7d} {score:11.1%}"
    of_best = (
        f"{best[name]['rate']:10.4f} {best[name]['alpha']:8.5f} {best[name]['width']:5d}"
    )
    print(f"{name:10s} {numbers} {of_best}")
    assert BUDGET - 1.2 * FULL < epochs <= BUDGET, "each method keeps to the budget"
    assert score > 0.88, "each method finds a good setting"
    if name in ("halving", "Hyperband"):
        assert n_settings > 16, "ending trainings early, it looks at more settings"
    else:
        assert n_settings == 16, "with full trainings there are 16 settings"
scores = [found["score"] for found in best.values()]
assert max(scores) - min(scores) < 0.04, "the best scores are close to each other"

# %% tags=["measured"]
for name, took in seconds.items():
    print(f"{name:10s} {took:5.2f} seconds of computing")

# %% [markdown]
# With Optuna our callback measures the score after each epoch, and not at the end only: that takes time too.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for name, tried in trials.items():
    spent = np.cumsum([t["epochs"] for t in tried])
    so_far = np.maximum.accumulate([t["score"] for t in tried])
    left.step(spent, so_far, where="post", label=name)
left.set(xlabel="epochs spent", ylabel="best score so far", ylim=(0.6, 1))
left.legend(loc="lower right")
for (name, tried), mark in zip(trials.items(), "sov^d"):
    points = [(t["rate"], t["score"]) for t in tried if t["epochs"] >= 45]
    right.plot(*np.transpose(points), mark, markersize=5, alpha=0.7, label=name)
right.set(xscale="log", xlabel="learning rate", ylabel="score after 45 or 50 epochs")
right.set_ylim(0, 1)
grid_lines = right.grid(alpha=0.3)

# %% [markdown]
# Which method is the best in this one run is chance, and no law: the scores differ by little, and 400 samples cannot tell such
# scores apart. The standard error of a score is

# %%
p = max(scores)
error = np.sqrt(p * (1 - p) / N_VALIDATION)
print(f"standard error {error:.1%}, best minus worst score {p - min(scores):.1%}")
assert p - min(scores) < 4 * error, "one run does not tell the methods apart"

# %% [markdown]
# Why are they so close? The right picture says it: a wide range of rates is good. Look at all full trainings with a rate from 0.003 to
# 0.05, a small `alpha` and 16 units or more:

# %%
good = [
    t["score"]
    for tried in trials.values()
    for t in tried
    if t["epochs"] >= 45 and 0.003 < t["rate"] < 0.05 and t["alpha"] < 1 and t["width"] > 8
]
print(f"{len(good)} trainings, median score {np.median(good):.1%}, best {p:.1%}")
assert np.median(good) > p - 0.05, "a wide range of rates is good"

# %% [markdown]
# Where good settings are frequent, every method finds one, and there is little to gain from a clever one. Where they are rare, it
# counts how many settings one looks at.
#
# ## What ending early assumes
#
# Halving and Hyperband trust the score after few epochs. May they? TPE has trained all its settings to the end and reported each epoch,
# so we can look.

# %%
from scipy.stats import spearmanr

early = np.array([trial.intermediate_values[5] for trial in tpe.trials])
final = np.array([trial.intermediate_values[FULL] for trial in tpe.trials])
correlation = spearmanr(early, final).statistic
print(f"rank correlation of the scores after 5 and after {FULL} epochs: {correlation:.2f}")
assert correlation > 0.3, "settings that are good early tend to be good in the end"


# %% [markdown]
# Mostly one may. But here is a pair with which one would be wrong, a small rate and a large one:

# %%
slow_and_fast = []
for rate in (1e-3, 1e-1):
    setting = {"learning_rate_init": rate, "hidden_layer_sizes": (32,), "max_iter": 5}
    short = score_of(setting)
    long = score_of(setting | {"max_iter": FULL})
    slow_and_fast.append((short, long))
    print(f"rate {rate:5.3f}: after 5 epochs {short:.1%}, after {FULL} epochs {long:.1%}")
(slow_short, slow_long), (fast_short, fast_long) = slow_and_fast
assert slow_short < fast_short - 0.2, "after 5 epochs the small rate is far behind"
assert slow_long > fast_long - 0.02, "after 50 it has caught up, or is ahead"

# %% [markdown]
# After 5 epochs the slow setting would be thrown out. That is what Hyperband has the later brackets for.
#
# ## A search that can be repeated
#
# The seed of the sampler fixes what is *suggested*. With Hyperband it does not fix what is *pruned*: Optuna chooses the bracket of a trial
# by the name of the study, and a study without a name gets a random one. We run its first trials again, with the same name and with another one.

# %%
again, renamed = (
    study_of(optuna.samplers.RandomSampler(seed=SEED), hyperband(), name, n_trials=14)
    for name in ("digits", "numbers")
)
for name, study in (("digits", band), ("digits", again), ("numbers", renamed)):
    print(f"{name:8s} epochs of each:", *(f"{t.last_step:2d}" for t in study.trials[:14]))
both = list(zip(band.trials, renamed.trials))
ends = [trial.last_step for trial in again.trials]
assert ends == lengths[:14], "the same name, the same search"
assert all(a.values == b.values for a, b in zip(again.trials, band.trials)), (
    "and the same scores"
)
assert all(a.params == b.params for a, b in both), "another name, the same suggestions"
assert any(a.last_step != b.last_step for a, b in both), "but other trials are pruned"

# %% [markdown]
# So give the study a name, `study_name="digits"`, and keep it.
#
# ## Chosen on the validation samples, judged once on the test samples
#
# We take the best setting of all five searches. Its validation score is the highest of many, so it is too high on
# average (chapter 18); in a single run chance may hide that. The test samples have been used for nothing so far.

# %%
from tinygrad_mlp.training import confusion_table

winner = max(best, key=lambda name: best[name]["score"])
chosen = best[winner]
model = MLPClassifier(
    **(
        network.get_params()
        | {
            "learning_rate_init": chosen["rate"],
            "alpha": chosen["alpha"],
            "hidden_layer_sizes": (chosen["width"],),
            "max_iter": chosen["epochs"],
        }
    )
).fit(X, y)
judged = model.score(X_test, y_test)
print(f"rate {chosen['rate']:.4f}, alpha {chosen['alpha']:.2g}, width {chosen['width']}")
print(f"validation {chosen['score']:.1%}, test {judged:.1%} ({len(y_test)} samples)")
assert model.score(X_validation, y_validation) == chosen["score"], "it is trained as before"
assert judged > 0.88, "the chosen setting does well on samples that nobody has looked at"
assert abs(judged - chosen["score"]) < 0.06, "and not far from what validation promised"
viz.plots.confusion_table_plot(confusion_table(y_test, model.predict(X_test)))

# %% [markdown]
# | | what it does | it is good for |
# |---|---|---|
# | grid | all combinations | two or three values of two or three hyperparameters |
# | random | draws each anew | a first look, on as many machines as there are |
# | successive halving | many for a short time, the best for longer | many settings, where early scores tell something |
# | TPE | draws near what was good | full trainings that are expensive, dozens of trials |
# | Hyperband | halving with several beginnings | as halving, if slow settings may be good |
#
# When one machine is not enough: `examples/distributed_search.py` runs the trials of one study on many, and goes on when one of
# them dies.
#
# ## Exercises
#
# ### Exercise 1
#
# A sampler suggests, a pruner ends. So TPE and Hyperband can work together. Do it, with the same budget. How many settings does the
# search look at? Is it better than the others in this run?

# %% [markdown] tags=["answer"]
# About as many as Hyperband, and more than TPE alone. Its best score is close to the others again.

# %% tags=["answer"]
sampler = optuna.samplers.TPESampler(seed=SEED, n_startup_trials=5)
together = study_of(sampler, hyperband())
print(f"{len(together.trials)} settings, best score {together.best_value:.1%}")
assert len(together.trials) > 16, "exercise 1: more settings than TPE alone"
assert abs(together.best_value - max(scores)) < 0.04, "exercise 1: close to the others"

# %% [markdown]
# ### Exercise 2
#
# A network of this package with `fit` reports by `PruningCallback`. Search for the rate of an `MLP(64, [16, 10])` with the validation *loss* and
# a `MedianPruner`, which prunes what is worse than the median of the trials so far in the same epoch. Which direction does the study need?

# %% [markdown] tags=["answer"]
# A loss is better when it is smaller, so `direction="minimize"`. With "maximize" the callback refuses.

# %% tags=["answer"]
from tinygrad_mlp import MLP, fit
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.search import PruningCallback


def loss_of(trial):
    history = fit(
        MLP(64, [16, 10], rng=SEED),
        X,
        y,
        epochs=10,
        batch_size=20,
        optimizer="adam",
        learning_rate=trial.suggest_float("rate", 1e-4, 1.0, log=True),
        validation_data=(X_validation, y_validation),
        callbacks=[PruningCallback(trial)],
        rng=SEED,
        log_every=None,
    )
    return history.validation_loss[-1]


median = optuna.create_study(
    study_name="loss",
    direction="minimize",
    sampler=optuna.samplers.RandomSampler(seed=SEED),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2),
)
median.optimize(loss_of, n_trials=20)
ends = [trial.state.name for trial in median.trials]
print(f"{ends.count('PRUNED')} of 20 pruned, best loss {median.best_value:.3f}")
assert ends.count("PRUNED") >= 1, "exercise 2: the median prunes some"
refused = False
try:
    PruningCallback(optuna.create_study(direction="maximize").ask())
except InvalidArgumentError as error:
    refused = True
    print(error)
assert refused, "exercise 2: a loss is not to be maximized"

# %% [markdown]
# ### Exercise 3
#
# How many brackets has Hyperband from 1 to 243 epochs by factors of 3? Compute it with the formula by hand, and then as a program does, with
# `math.log`.

# %% [markdown] tags=["answer"]
# $243 = 3^5$, so there should be $5 + 1 = 6$. But `math.log(243, 3)` is a little less than 5, and rounding down makes 4 of it: the program has 5
# brackets. Take 244 epochs as the largest number, and there are 6.

# %% tags=["answer"]
from math import floor, log

print(log(243, 3), log(244, 3))
assert 3**5 == 243, "exercise 3: by hand there are 6"
assert floor(log(243, 3)) + 1 == 5, "exercise 3: the program has 5"
assert floor(log(244, 3)) + 1 == 6, "exercise 3: with one epoch more it has 6"
