# %% [markdown]
# # What learning rate, batch size, width, depth and dropout rate do
#
# Nobody trains a hyperparameter: you choose it. You learn what each of five does when the others stay as they are, which
# of them belong together, how to search for them, and how to report the result honestly. Expect a learning rate
# that decides between everything and nothing, a width that hardly matters once there is enough, and a depth that brings nothing here.
#
# ## One training, many times
#
# The task is the digits again, with few samples, so that there is something to gain. A pool of 700 is for choosing: each run
# takes 192 of them for training and 300 others for *validation*, by which we choose. All digits outside of the pool are for the *test*,
# and nobody looks at them before the end. Here is one training with `fit`:

# %%
import numpy as np

import viz
from tinygrad_mlp import MLP, accuracy, compile, fit
from tinygrad_mlp.data import iterate_batches, load_digits
from tinygrad_mlp.losses import categorical_cross_entropy
from tinygrad_mlp.optim import SGD

SEED = 0

digits = load_digits()
pictures, labels = digits.X / 16, digits.y
N, N_VALIDATION = 192, 300
pool, test = np.split(np.random.default_rng(SEED).permutation(len(labels)), [700])


def split(run):
    """For each run another choice of training and validation samples, and its generator."""
    rng = np.random.default_rng([SEED, run])
    order = rng.permutation(pool)
    return order[:N], order[N : N + N_VALIDATION], rng


train_part, validation_part, rng = split(0)
model = MLP(64, [32, 10], rng=np.random.default_rng([SEED, 0]))
X, y = pictures[train_part], labels[train_part]
sgd = SGD(model.parameters(), 0.25)
fit(model, X, y, epochs=16, batch_size=12, optimizer=sgd, rng=rng, log_every=None)
by_fit = accuracy(model, pictures[validation_part], labels[validation_part])
print(model.summary())
print(f"accuracy on the validation samples: {by_fit:.1%}")

# %% [markdown]
# One run is no finding: another split and other first weights give another number. So each setting gets four runs. These are
# hundreds of trainings; each kind of network is compiled once (chapter 17), and its program used again and again.

# %%
from functools import cache

RUNS = range(4)
BASE = {"rate": 0.25, "batch": 12, "width": 32, "depth": 1, "dropout": 0.0, "passes": 16}


@cache
def prepared(width, depth, dropout):
    """The model, a program for loss and gradients, and one for its answers."""
    model = MLP(64, [width] * depth + [10], dropout=dropout, rng=SEED)

    def loss(x, label):
        return categorical_cross_entropy(model.logits(x), label)

    program = compile(loss, model.parameters(), per_sample=True)
    return model, program, program.prediction(model.logits)


@cache
def first_weights(width, depth, run):
    model = MLP(64, [width] * depth + [10], rng=np.random.default_rng([SEED, run]))
    return np.array([parameter.data for parameter in model.parameters()])


def measured_on(samples, model, answers):
    """The mean cross-entropy and the accuracy, without dropout."""
    model.eval()
    logits = answers(pictures[samples])
    logits -= logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    of_labels = log_p[np.arange(len(samples)), labels[samples]]
    return -of_labels.mean(), np.mean(log_p.argmax(axis=1) == labels[samples])


def train(run, rate, batch, width, depth, dropout, passes):
    """One training: loss of the training samples, loss and accuracy of the validation."""
    model, program, answers = prepared(width, depth, dropout)
    train_part, validation_part, rng = split(run)
    optimizer = SGD(learning_rate=rate)
    program.parameters = first_weights(width, depth, run)
    model.train()
    X, y = pictures[train_part], labels[train_part]
    for _ in range(passes):
        for X_batch, y_batch in iterate_batches(X, y, batch_size=batch, rng=rng):
            if not program(X_batch, y_batch) < 100:
                return np.inf, np.inf, 0.1  # it ran away: no better than guessing
            optimizer.step_array(program.parameters, program.gradients)
    train_loss, _ = measured_on(train_part, model, answers)
    return train_loss, *measured_on(validation_part, model, answers)


@cache
def runs_of(setting):
    return np.array([train(run, **dict(setting)) for run in RUNS])


def runs(**changes):
    """Four trainings with changes of the base, in rows: what ``train`` returns."""
    return runs_of(tuple((BASE | changes).items()))


assert runs()[0, 2] == by_fit, "the quick loop trains as fit does"
print("four runs of the base:", *(f"{share:.1%}" for share in runs()[:, 2]))

# %% [markdown]
# ## The learning rate
#
# The most important one, so it comes first. We try rates by *factors* of 2: the difference between 0.01 and 0.02 is as
# large for a training as that between 0.1 and 0.2. Everything else stays as it is.


# %%
def table(name, values, **changes):
    """What four runs of each value give; returns the mean accuracies."""
    print(f"{name:>8s}  loss: training  validation   accuracy: mean  lowest  highest")
    means = []
    for value in values:
        found = runs(**{name: value}, **changes)
        shares = found[:, 2]
        numbers = f"{found[:, 0].mean():14.3f} {found[:, 1].mean():11.3f}"
        ends = f"{shares.mean():16.1%} {shares.min():7.1%} {shares.max():8.1%}"
        print(f"{value:8.4g} {numbers} {ends}")
        means.append(shares.mean())
    return np.array(means)


rates = 2.0 ** np.arange(-8, 3)
by_rate = table("rate", rates)
best_rate = rates[by_rate.argmax()]
assert by_rate[0] < 0.5, "a rate that is too small learns little in 16 passes"
assert by_rate[-1] < 0.3, "a rate that is too large learns nothing at all"
assert by_rate.max() > 0.85, "between them is a rate that learns"
after_best = by_rate[by_rate.argmax() + 1 :]
assert after_best.min() < 0.3 and 0.1 < best_rate < 1, (
    "the best rate is not far below those that learn nothing"
)

# %%
import matplotlib.pyplot as plt


def curve(axes, name, values, label=None, **changes):
    """The mean accuracy, and from the lowest to the highest run as a band."""
    shares = np.array([runs(**{name: value}, **changes)[:, 2] for value in values])
    axes.plot(values, shares.mean(axis=1), "o-", markersize=4, label=label)
    axes.fill_between(values, shares.min(axis=1), shares.max(axis=1), alpha=0.2)
    axes.set(ylim=(0, 1))


figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
curve(axes, "rate", rates)
axes.set(xscale="log", xlabel="learning rate", ylabel="accuracy on the validation samples")
title = axes.set_title("The line is the mean of four runs, the band their range")

# %% [markdown]
# The left side is slow, the right side is a cliff, and the best rate stands near its edge. Do four times as many passes help?

# %%
for rate in (1 / 64, 2.0):
    share, longer = runs(rate=rate)[:, 2].mean(), runs(rate=rate, passes=64)[:, 2].mean()
    print(f"rate {rate:.3f}: 16 passes {share:.1%}, 64 passes {longer:.1%}")
    if rate < 1:
        assert longer > share + 0.1, "patience helps where the rate is too small"
    else:
        assert longer < 0.3, "no patience helps where the rate is too large"

# %% [markdown]
# So, when in doubt, take a smaller one.
#
# ### The learning-rate finder
#
# A grid of rates costs many trainings. The finder costs *one* short one: it makes the rate larger with every
# step, and looks where the loss is lowest. There the rate is nearly too high already. A tenth of it is the suggestion: careful, maybe slow, and a place to begin.

# %%
from tinygrad_mlp.training import find_learning_rate

train_part, _, _ = split(0)
model = MLP(64, [32, 10], rng=np.random.default_rng([SEED, 0]))
X, y = pictures[train_part], labels[train_part]
search = find_learning_rate(model, X, y, batch_size=12, start=1e-3, end=10, rng=SEED)
print(search)
of_suggestion = runs(rate=search.suggestion)[:, 2].mean()
print(
    f"accuracy with the suggestion {of_suggestion:.1%}, best of the grid {by_rate.max():.1%}"
)
assert search.suggestion < best_rate, "the finder suggests a careful rate"
assert of_suggestion > by_rate.max() - 0.15, "and not one that learns next to nothing"
viz.plots.learning_rate_curve(search)

# %% [markdown]
# ## The batch size, alone and with the learning rate
#
# With the rate fixed, and the same number of *passes*, a larger batch means fewer steps:

# %%
batches = (3, 12, 48, 192)
by_batch = table("batch", batches)
assert by_batch[1] > by_batch[2] > by_batch[3], (
    "at one rate and 16 passes, large batches learn less"
)
print("the same number of steps as batches of 12:")
for batch in (48, 192):
    share = runs(batch=batch, passes=16 * batch // 12)[:, 2].mean()
    print(f"batches of {batch:3d}, {16 * batch // 12:3d} passes: {share:.1%}")
    assert abs(share - by_batch[1]) < 0.05, (
        "with as many steps, large batches learn as much as small ones"
    )

# %% [markdown]
# It is the number of steps that is missing (chapter 9). But if the weights change little from step to step, then $k$ small
# steps go about as far as one step with $k$ times the rate. So we vary the batch size *together* with the rate. In the picture, go one field up and one to the right: four times the
# rate, four times the batch.

# %%
coarse = 4.0 ** np.arange(-4, 1)
losses, shares = np.zeros((2, len(coarse), len(batches)))
for i, rate in enumerate(coarse):
    for j, batch in enumerate(batches):
        losses[i, j], shares[i, j] = runs(rate=rate, batch=batch)[:, 1:].mean(axis=0)

viz.plots.heat_map(
    shares[::-1],
    [f"1/{1 / rate:.0f}" if rate < 1 else "1" for rate in coarse[::-1]],
    batches,
    row_label="learning rate",
    column_label="batch size",
    number_format=".0%",
    most=1.0,
    title="Accuracy on the validation samples",
)

# %% [markdown]
# The fields of a diagonal have the same $\alpha / B$, and nearly the same result. Here are their validation losses:

# %%
for start in (0, 1):
    line = [losses[start + j, j] for j in range(4 - start)]
    print(f"alpha / B = 1/{3 / coarse[start]:.0f}:", *(f"{loss:.3f}" for loss in line))
    assert max(line) < 1.08 * min(line), (
        "four times the batch, four times the rate: no change"
    )
print(
    f"rate 1, batch of 192: {losses[4, 3]:.3f}, rate 1/64, batch of 3: {losses[1, 0]:.3f}"
)
assert losses[4, 3] > 1.15 * losses[1, 0], "the rule ends where the rate itself is too high"
print(f"rate 1: batches of 3 {shares[4, 0]:.1%}, batches of 48 {shares[4, 2]:.1%}")
assert shares[4, 2] > shares[4, 0] + 0.2, (
    "a rate that is too large for small batches can be good for larger ones"
)

# %% [markdown]
# This is the *linear scaling rule*: with $k$ times the batch take $k$ times the rate. It holds while the rate is small;
# the comparison with rate 1 shows where it ends: a step cannot be as large as one likes.
#
# ## Width
#
# The number of hidden units, with everything else fixed:

# %%
widths = (2, 4, 8, 16, 32, 64)
by_width = table("width", widths)
print("parameters:", *(f"{width}: {len(first_weights(width, 1, 0))}" for width in widths))
assert by_width[1] < by_width[2] < by_width[3], (
    "too few units cannot hold ten classes apart"
)
assert abs(by_width[5] - by_width[4]) < 0.03, "beyond some width, more units change little"

# %% [markdown]
# The runs with 4 units differ by much. We give this a dozen runs of its own:

# %%
spread = {}
for width in (4, 32):
    shares = [train(run, **(BASE | {"width": width}))[2] for run in range(12)]
    spread[width] = np.std(shares, ddof=1)
    print(f"width {width:2d}: from {min(shares):.1%} to {max(shares):.1%}")
assert spread[4] > 2 * spread[32], (
    "a narrow network depends more on luck: other first weights and samples in each run"
)

# %% [markdown]
# Too narrow is bad, and a matter of luck. Too wide costs parameters, and here nothing else.
#
# ## Depth, and how it depends on the learning rate
#
# The number of hidden layers of 32 units. Depth 0 is a network without a hidden layer: each class is
# a weighted sum of the pixels.

# %%
depths = (0, 1, 2, 4)
by_depth = table("depth", depths)
assert abs(by_depth[0] - by_depth[1]) < 0.04, (
    "on this task no hidden layer does nearly as well"
)
assert by_depth[3] < by_depth[1] - 0.03, "four hidden layers are worse, at this rate"

# %% [markdown]
# A deep network that is bad, or a rate that does not suit it? One cannot know this as long as one turns only one knob. Both
# together:

# %%
deep = np.array([runs(rate=rate, depth=4)[:, 2].mean() for rate in coarse])
flat = np.array([runs(rate=rate)[:, 2].mean() for rate in coarse])
print("rate            ", *(f"{rate:7.4f}" for rate in coarse))
print("1 hidden layer  ", *(f"{share:7.1%}" for share in flat))
print("4 hidden layers ", *(f"{share:7.1%}" for share in deep))
assert coarse[deep.argmax()] < coarse[flat.argmax()], (
    "the deep network wants a smaller rate"
)
assert by_depth[3] < deep.max() < flat.max(), (
    "with it the deep network is better than it seemed, and not better than the flat one"
)

# %% [markdown]
# This is an *interaction*: what is the best value of one depends on the value of another. Depth *seemed* to
# cost more than it does.
#
# ## Dropout rate
#
# Each hidden unit is dropped with this probability in every step, and none in a prediction.

# %%
dropouts = (0.0, 0.2, 0.4, 0.6, 0.8)
by_dropout = table("dropout", dropouts)
training = [runs(dropout=p)[:, 0].mean() for p in dropouts]
assert training == sorted(training), "dropout makes the training samples harder to learn"
assert by_dropout.max() < by_dropout[0] + 0.02, "in these short trainings it does not help"
assert by_dropout[-1] < by_dropout[0] - 0.1, "much of it does harm"
cost = {
    width: by_width[widths.index(width)] - runs(width=width, dropout=0.4)[:, 2].mean()
    for width in (8, 64)
}
print(f"dropout of 0.4 costs {cost[8]:.1%} with 8 units, {cost[64]:.1%} with 64")
assert cost[8] > cost[64] + 0.02, "a narrow network pays more for dropout than a wide one"

# %%
figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
curve(panels[0], "width", widths)
panels[0].set(xscale="log", xlabel="width", ylabel="accuracy on the validation samples")
panels[0].set_xticks(widths, widths)
panels[0].minorticks_off()
curve(panels[1], "depth", depths, "rate 1/4")
curve(panels[1], "depth", (1, 4), "rate 1/16", rate=1 / 16)
panels[1].set(xlabel="hidden layers", xticks=depths)
panels[1].legend(loc="lower left")
curve(panels[2], "dropout", dropouts)
label = panels[2].set_xlabel("dropout rate")

# %% [markdown]
# Dropout is a remedy against overfitting. A network with too few units has another problem, and dropout makes it worse.
#
# ## A search
#
# Turning one knob after the other misses interactions, as we saw. There are two ways to vary all at once: a *grid*, all
# combinations of some values, and a *random search*, which draws each value anew for every trial. Rates are drawn
# *log-uniformly*: the logarithm is uniform. Why? Draw from 0.001 to 1 uniformly, and look where the numbers are:

# %%
rng = np.random.default_rng(SEED)
uniform = rng.uniform(0.001, 1, size=3000)
log_uniform = np.exp(rng.uniform(np.log(0.001), np.log(1), size=3000))
for name, drawn in (("uniform", uniform), ("log-uniform", log_uniform)):
    counts = np.histogram(drawn, [0.001, 0.01, 0.1, 1])[0] / len(drawn)
    print(f"{name:12s} to 0.01, to 0.1, to 1:", *(f"{share:.1%}" for share in counts))
    if name == "uniform":
        assert counts[2] > 0.85, "uniform: nearly all trials lie in the last factor of 10"
    else:
        assert np.allclose(counts, 1 / 3, atol=0.04), "log-uniform: each factor of 10 alike"

# %% [markdown]
# Twelve trials of each kind, one run each, for the rate, the batch size and the width. The grid is by factors, too.

# %%
from itertools import product

grid = [
    {"rate": rate, "batch": batch, "width": width}
    for rate, batch, width in product((0.01, 0.1, 1.0), (12, 48), (16, 64))
]
random = [
    {
        "rate": float(np.exp(rng.uniform(np.log(0.005), np.log(1)))),
        "batch": int(rng.choice([12, 48])),
        "width": int(rng.choice([16, 32, 64])),
    }
    for _ in range(12)
]


def validated(trial):
    return train(0, **(BASE | trial))[2]


results = {
    "grid": [validated(trial) for trial in grid],
    "random": [validated(trial) for trial in random],
}
figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
for name, trials, mark in (("grid", grid, "s"), ("random", random, "o")):
    tried = {trial["rate"] for trial in trials}
    print(f"{name:6s} {len(tried):2d} different rates, best {max(results[name]):.1%}")
    axes.plot([trial["rate"] for trial in trials], results[name], mark, label=name)
axes.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy", ylim=(0, 1))
legend = axes.legend()
gaps = {}
for name, trials in (("grid", grid), ("random", random)):
    in_order = np.unique([trial["rate"] for trial in trials])
    gaps[name] = max(in_order[1:] / in_order[:-1])
    print(f"{name:6s} largest factor between neighboring rates {gaps[name]:.1f}")
assert gaps["random"] < gaps["grid"], "the random search leaves smaller gaps in the rates"

# %% [markdown]
# With the same number of trials the grid tries three rates, each of them four times; the random search tries twelve. If a
# value turns out not to matter, a grid has tried everything else two or three times for nothing, and a random search has
# not. Which of the two found the better trial in this one run is chance.
#
# ## Chosen on the validation samples, judged once on the test samples
#
# We take the best trial of all. Its validation accuracy is no fair number: it is the *highest of 24*, and the highest of
# many is, on average, too high (exercise 3). Now, and only now, we look at the test samples, once.

# %%
trials, scores = grid + random, results["grid"] + results["random"]
chosen = trials[int(np.argmax(scores))]
train(0, **(BASE | chosen))
model, _, answers = prepared(chosen["width"], BASE["depth"], BASE["dropout"])
_, judged = measured_on(test, model, answers)
half = 1.96 * np.sqrt(judged * (1 - judged) / len(test))
print("chosen:", chosen)
print(
    f"validation {max(scores):.1%}, test {judged:.1%} +- {half:.1%} ({len(test)} samples)"
)
assert judged > 0.8, "the chosen setting does well on samples that nobody has looked at"
assert abs(judged - max(scores)) < 0.08, "and not far from what the validation promised"

# %% [markdown]
# | | too little | too much | goes together with |
# |---|---|---|---|
# | learning rate | slow | learns nothing | batch size, depth |
# | batch size | many steps in a pass, noise | few steps in a pass | learning rate |
# | width | cannot hold the classes apart, luck | parameters | dropout |
# | depth | a plain weighted sum | wants a smaller rate | learning rate |
# | dropout rate | | not enough units are left | width |
#
# Begin with the learning rate (the finder), then take a width that is surely enough, one hidden layer, no dropout. Change
# two at a time where they go together, and take several runs before you believe a difference.
#
# ## Exercises
#
# ### Exercise 1
#
# Batches of 12 do well with a rate of 1/4. You take batches of 24 on a larger machine. Which rate do you try first?

# %% [markdown] tags=["answer"]
# By the linear scaling rule 1/2: twice the batch, twice the rate.

# %% tags=["answer"]
old, new, same_rate = (
    runs()[:, 1].mean(),
    runs(batch=24, rate=0.5)[:, 1].mean(),
    runs(batch=24)[:, 1].mean(),
)
print(
    f"validation loss: {old:.3f}; batches of 24: rate 1/2 {new:.3f}, rate 1/4 {same_rate:.3f}"
)
assert abs(new - old) < abs(same_rate - old), (
    "exercise 1: with the rate doubled it is nearer"
)

# %% [markdown]
# ### Exercise 2
#
# A grid shall go from 0.001 to 1 in seven steps, by equal factors. Which factor, and which rates?

# %% [markdown] tags=["answer"]
# From first to last there are six factors, so each is $1000^{1/6} = \sqrt{10}$.

# %% tags=["answer"]
seven = np.geomspace(0.001, 1, 7)
print(*(f"{rate:.4f}" for rate in seven))
assert np.allclose(seven[1:] / seven[:-1], np.sqrt(10)), "exercise 2: the root of ten"

# %% [markdown]
# ### Exercise 3
#
# A hundred people guess the classes of the validation samples by rolling a die with ten sides. The best of them is chosen.
# About how many will this person have right on the validation samples, and how many on the test samples?

# %% [markdown] tags=["answer"]
# Each has 10 % on average, with a standard deviation of $\sqrt{0.1 \cdot 0.9 / 300}$. The best of a hundred lies about
# 2.5 standard deviations higher. On the test samples it is 10 % again: luck does not come along. That is why the
# number by which one chooses is not the number that one reports.

# %% tags=["answer"]
rng = np.random.default_rng(SEED)
_, validation_part, _ = split(0)
guesses = rng.integers(10, size=(100, len(labels)))
on_validation = np.mean(guesses[:, validation_part] == labels[validation_part], axis=1)
luckiest = on_validation.argmax()
on_test = np.mean(guesses[luckiest, test] == labels[test])
print(
    f"the best of a hundred: validation {on_validation[luckiest]:.1%}, test {on_test:.1%}"
)
assert on_validation[luckiest] > 0.125, "exercise 3: the best of many looks good"
assert abs(on_test - 0.1) < 0.03, "exercise 3: the luck stays behind"

# %% [markdown]
# ### Exercise 4
#
# How many parameters has the network of depth 2 and width 32, and how many has that of depth 1 and width 64?

# %% [markdown] tags=["answer"]
# $32 (64 + 1) + 32 (32 + 1) + 10 (32 + 1)$ and $64 (64 + 1) + 10 (64 + 1)$: the wide one has more.

# %% tags=["answer"]
counts = len(first_weights(32, 2, 0)), len(first_weights(64, 1, 0))
print(*counts)
assert counts == (32 * 65 + 32 * 33 + 10 * 33, 64 * 65 + 10 * 65), "exercise 4: both counts"
