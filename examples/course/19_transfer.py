# %% [markdown]
# # Transfer: a network that has learned something else before
#
# A network trained on one task can be the beginning of another one. You learn to replace a head, to freeze a
# body and to give layers rates of their own, and you measure in three cases, over ten seeds, whether it
# helps. Expect one case in which the old network is good as it is, one in which everything depends on the
# head, and one in which a network with *random* weights is the better beginning.
#
# ## Body and head
#
# All layers but the last are the *body*: they turn the pixels into features. The last one, the *head*, turns features
# into classes. *Fine-tuning* trains on with the samples of the new task; a *frozen* body keeps its weights, and
# only the head learns. Here a network learns digits with a black background, then digits with a white one,
# of which there are five samples per class. Its head is new.

# %%
import copy

import numpy as np

import viz
from tinygrad_mlp import MLP, Layer, accuracy, compile, fit
from tinygrad_mlp.data import iterate_batches, load_digits
from tinygrad_mlp.losses import categorical_cross_entropy
from tinygrad_mlp.optim import Adam

digits = load_digits()
pictures, labels = digits.X / 16, digits.y


def split(seed):
    """The samples of the old task, and all others."""
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.split(order, [900])


def few(samples, n):
    """The first n of each class, and the rest, for the test."""
    y = labels[samples]
    chosen = np.concatenate([samples[y == digit][:n] for digit in np.unique(y)])
    return chosen, np.setdiff1d(samples, chosen)


source, others = split(0)
old = MLP(64, [128, 10], rng=0)
fit(
    old, pictures[source], labels[source], epochs=10, batch_size=32, optimizer="adam", rng=0
)

network = copy.deepcopy(old)
network.layers[0].freeze()
network.layers[-1] = Layer(128, 10, None, rng=1)
print(network.summary())

inverted = 1 - pictures
chosen, test = few(others, 5)
fit(network, inverted[chosen], labels[chosen], epochs=50, optimizer="adam", rng=0)
by_fit = accuracy(network, inverted[test], labels[test])
print(f"digits on white, frozen body and new head: {by_fit:.1%}")

# %% [markdown]
# The same in small: the lines between the inputs and the hidden units are the body, those to the outputs the head.

# %%
viz.draw(MLP(3, [4, 2], rng=0), style="slide")

# %% [markdown]
# ## Many trainings
#
# One run is no finding. What follows takes ten seeds, each with another split, other beginnings and other samples.
# These are hundreds of short trainings, so each kind of network is compiled once (chapter 17), and its program
# is used again and again. A network is handed on as one flat array, the parameters of its program: for each neuron
# its weights and its bias.

# %%
from functools import cache


def prepared(n_classes, frozen):
    model = MLP(64, [128, n_classes], rng=0)
    if frozen:
        model.layers[0].freeze()

    def loss(x, label):
        return categorical_cross_entropy(model.logits(x), label)

    return model, compile(loss, model.parameters(), per_sample=True)


kinds = {(n, frozen): prepared(n, frozen) for n in (5, 10) for frozen in (False, True)}
BODY = 128 * (64 + 1)  # so many parameters are those of the body, and come first


def train(start, X, y, rate=0.01, epochs=50, *, batch=None, frozen=False, body_rate=None):
    """Train on from these parameters; returns the new ones, and the loss of each step."""
    model, program = kinds[(len(start) - BODY) // 129, frozen]
    body, head = model.layers
    groups = [
        {"parameters": body.parameters(), "learning_rate": body_rate},
        {"parameters": head.parameters()},
    ]
    optimizer = Adam(groups if body_rate else model.parameters(), rate)
    program.parameters = start
    rng, losses = np.random.default_rng(0), []
    for _ in range(epochs):
        for X_batch, y_batch in iterate_batches(X, y, batch_size=batch, rng=rng):
            losses.append(program(X_batch, y_batch))
            optimizer.step_array(program.parameters, program.gradients)
    return program.parameters.copy(), losses


def numbers(model):
    return np.array([parameter.data for parameter in model.parameters()])


@cache
def fresh(n_classes, seed):
    return numbers(MLP(64, [128, n_classes], rng=seed))


def with_head(network, other):
    """The body of one network with the head of another one."""
    return np.concatenate([network[:BODY], other[BODY:]])


def hidden(network, X):
    layer = network[:BODY].reshape(128, 65)
    return np.maximum(0, X @ layer[:, :64].T + layer[:, 64])


def probabilities(network, X):
    layer = network[BODY:].reshape(-1, 129)
    z = hidden(network, X) @ layer[:, :128].T + layer[:, 128]
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def right(network, X, y):
    """The share of right answers."""
    return np.mean(probabilities(network, X).argmax(axis=1) == y)


assert right(numbers(network), inverted[test], labels[test]) == by_fit, (
    "the lines of NumPy say what the package says"
)
before, after = numbers(old), numbers(network)
assert (before[:BODY] == after[:BODY]).all(), "a frozen body keeps its weights"

# %% [markdown]
# Seeds differ for reasons that two ways of training share: an easy split is easy for both. So we compare *in pairs*: the
# difference in each seed, its mean, and the 95 % interval of the mean, $\pm\, t\, s / \sqrt{10}$ with $t = 2.262$ for
# ten seeds and $s$ the standard deviation of the differences. What is printed are percentage points: the mean with
# its interval, and in brackets the smallest and the largest difference.


# %%
seeds = range(10)
found = {}


def keep(name, share):
    found.setdefault(name, []).append(share)


def gain(one, other):
    """The differences, the lower end and the upper end of the interval of their mean."""
    differences = np.array(found[one]) - np.array(found[other])
    half = 2.262 * differences.std(ddof=1) / np.sqrt(len(differences))
    mean = differences.mean()
    low, high = 100 * differences.min(), 100 * differences.max()
    print(
        f"{one} - {other}: {100 * mean:+.1f} +- {100 * half:.1f} [{low:+.1f} {high:+.1f}]"
    )
    return differences, mean - half, mean + half


def show(*names):
    for name in names:
        print(f"{name:32s} {np.mean(found[name]):6.1%}")


old_networks = {}
for seed in seeds:
    source, _ = split(seed)
    X, y = pictures[source], labels[source]
    old_networks[seed], _ = train(fresh(10, seed), X, y, epochs=10, batch=32)

# %% [markdown]
# ## Case 1: from clean to noisy pictures
#
# Normal noise with $\sigma = 0.35$ on every pixel; five samples per class. From scratch we try four settings, and take
# the one that is best *on the test samples*, which is more than fair to it.

# %%
settings = [(rate, epochs) for rate in (0.01, 0.003) for epochs in (50, 200)]
for seed in seeds:
    _, others = split(seed)
    chosen, test = few(others, 5)
    noisy = pictures + np.random.default_rng(seed).normal(0, 0.35, pictures.shape)
    X, y, X_test, y_test = noisy[chosen], labels[chosen], noisy[test], labels[test]
    scratch = [train(fresh(10, 100 + seed), X, y, *each)[0] for each in settings]
    keep(
        "noisy: best of four from scratch",
        max(right(each, X_test, y_test) for each in scratch),
    )
    tuned, _ = train(old_networks[seed], X, y, rate=0.001)
    keep("noisy: fine-tuned", right(tuned, X_test, y_test))
    keep("noisy: nothing changed", right(old_networks[seed], X_test, y_test))

show(*found)
differences, low, _ = gain("noisy: fine-tuned", "noisy: best of four from scratch")
assert (differences > 0).all(), "fine-tuning beats the best from scratch in every seed"
assert low > 0.1, "on average it is ahead by more than 10 points"
_, low, high = gain("noisy: fine-tuned", "noisy: nothing changed")
assert low < 0 < high, "between fine-tuning and changing nothing no difference is seen"

# %% [markdown]
# Ten points and more: a triumph of fine-tuning? Look at the last line. The old network, with *nothing* changed,
# is as good. What helps is the old training. Always put the network that you begin with beside
# the one that you end with.
#
# ## Case 2: from black to white background
#
# The digits are inverted, $1 - x$. The shapes are the same; every pixel is another number.

# %%
histories = {}
for seed in seeds:
    _, others = split(seed)
    chosen, test = few(others, 5)
    X, y, X_test, y_test = inverted[chosen], labels[chosen], inverted[test], labels[test]
    state, new = old_networks[seed], fresh(10, 200 + seed)
    softer = with_head(state, state / 10)
    ways = {
        "white: scratch": train(fresh(10, 100 + seed), X, y),
        "white: new head, frozen body": train(with_head(state, new), X, y, frozen=True),
        "white: new head, all": train(with_head(state, new), X, y),
        "white: old head, all": train(state, X, y),
        "white: old head / 10, all": train(softer, X, y),
    }
    for name, (end, losses) in ways.items():
        keep(name, right(end, X_test, y_test))
        keep(f"dead, {name}", np.mean((hidden(end, X_test) == 0).all(axis=0)))
        keep(f"first loss, {name}", losses[0])
        if seed == 0:
            histories[name.removeprefix("white: ")] = {"loss": losses}
    keep("white: nothing changed", right(state, X_test, y_test))
    keep("sure", probabilities(state, X_test).max(axis=1).mean())

show("white: nothing changed", *ways)
for name in ("white: new head, frozen body", "white: new head, all"):
    assert (gain(name, "white: scratch")[0] > 0).all(), f"{name}: ahead in every seed"
differences, _, _ = gain("white: old head, all", "white: scratch")
assert (differences < 0).all(), "with the old head it is behind scratch in every seed"

# %% [markdown]
# The same body, the same training, the same samples, and the *head* decides whether the old training is worth something or does
# harm. Why? Here is the old network before it learns anything new, and each network after its training:

# %%
print(f"nothing changed: right {np.mean(found['white: nothing changed']):.1%},", end=" ")
print(f"mean probability of its answers {np.mean(found['sure']):.1%}")
for name in ways:
    first, dead = np.mean(found[f"first loss, {name}"]), np.mean(found[f"dead, {name}"])
    print(f"{name:30s} loss of the first step {first:5.1f}, dead hidden units {dead:4.0%}")

assert max(found["white: nothing changed"]) < 0.1, "the old network is worse than guessing"
assert min(found["sure"]) > 0.8, "and it is sure of its answers"
dead_old, dead_new = (
    found["dead, white: old head, all"],
    found["dead, white: new head, all"],
)
assert (np.array(dead_old) > 0.2 + np.array(dead_new)).all(), (
    "the old head kills hidden units"
)
differences, _, _ = gain("white: old head / 10, all", "white: old head, all")
assert (differences > 0).all(), "the old head, made less sure, learns in every seed"
_, low, _ = gain("white: old head / 10, all", "white: scratch")
assert low > 0, "it is ahead of scratch on average"

# %%
viz.plots.loss_curve(histories, title="Digits on white, five samples per class")

# %% [markdown]
# The old head is *sure and wrong*. Its loss is many times that of guessing, which is $\log 10$, and so are its gradients; the
# first steps throw the hidden units to where they give 0 for every picture, and a dead unit stays dead (chapter
# 3). The proof is the last row: divide the weights and biases of the same wrong head by 10. It then says the same
# wrong answers, but is not sure of them, and the old training helps again.
#
# ## Case 3: from the digits 0 to 4 to the digits 5 to 9
#
# Now the pictures are the same, and the *classes* are new. The old network has never seen a 5.


# %%
def between(features, y):
    """How much of the variance of the features lies between the means of the classes."""
    center = features.mean(axis=0)
    spread = 0.0
    for digit in np.unique(y):
        mean = features[y == digit].mean(axis=0)
        spread += np.mean(y == digit) * ((mean - center) ** 2).sum()
    return spread / features.var(axis=0).sum()


for seed in seeds:
    source, others = split(seed)
    small, others = source[labels[source] < 5], others[labels[others] >= 5]
    chosen, test = few(others, 5)
    half, _ = train(fresh(5, seed), pictures[small], labels[small], epochs=10, batch=32)
    X, y, X_test, y_test = (
        pictures[chosen],
        labels[chosen] - 5,
        pictures[test],
        labels[test] - 5,
    )
    random, begin = fresh(5, 100 + seed), with_head(half, fresh(5, 200 + seed))
    ways = {
        "5 to 9: scratch": train(random, X, y),
        "5 to 9: frozen": train(begin, X, y, frozen=True),
        "5 to 9: body 10 times slower": train(begin, X, y, body_rate=0.001),
        "5 to 9: all": train(begin, X, y),
        "5 to 9: frozen random body": train(random, X, y, frozen=True),
    }
    for name, (end, _) in ways.items():
        keep(name, right(end, X_test, y_test))

    keep("between, its own classes", between(hidden(half, pictures[small]), labels[small]))
    keep("between, pixels", between(pictures[test], y_test))
    keep("between, body of 0 to 4", between(hidden(half, pictures[test]), y_test))

show(*ways)
differences, _, _ = gain("5 to 9: frozen", "5 to 9: scratch")
assert (differences < 0).all(), "the frozen body loses in every seed"
differences, _, high = gain("5 to 9: all", "5 to 9: scratch")
assert high < 0 < max(differences), (
    "full fine-tuning is behind on average, not in each seed"
)
differences, _, _ = gain("5 to 9: frozen", "5 to 9: frozen random body")
assert (differences < 0).all(), "a frozen random body is better than that of 0 to 4"

# %% [markdown]
# The frozen body of the old network is worse than a frozen body of *random* weights. So the old training has not just
# brought nothing: it has thrown away what tells a 5 from a 9, since nothing in its task asked for it. Features show
# it: how much of their variance lies between the classes?

# %%
show("between, its own classes", "between, pixels", "between, body of 0 to 4")
_, _, high = gain("between, body of 0 to 4", "between, pixels")
assert high < 0, "the body of 0 to 4 separates the classes 5 to 9 less than the pixels do"
assert min(found["between, its own classes"]) > 0.6, "those it was trained for it separates"
differences, _, _ = gain("5 to 9: body 10 times slower", "5 to 9: frozen")
assert (differences > 0).all(), "a slow body is better than a frozen one in every seed"
differences, _, _ = gain("5 to 9: all", "5 to 9: body 10 times slower")
assert (differences > 0).all(), "and one that is as fast as the head better still"

# %% [markdown]
# Full fine-tuning is behind scratch by little, and on average only: there are seeds in which it is not behind.
#
# The more the body may move away from its old task, the better: frozen, slow, as fast as the head. *Rates by
# layer* are the handle between the two ends, and the right place depends on how near the tasks are.
#
# ## How many samples until scratch is as good?
#
# Case 2 again, with 1, 5, 20 and 40 samples per class.

# %%
sizes = (1, 5, 20, 40)
for seed in seeds:
    _, others = split(seed)
    _, test = few(others, max(sizes))
    X_test, y_test = inverted[test], labels[test]
    begin = with_head(old_networks[seed], fresh(10, 200 + seed))
    for n in sizes:
        chosen, _ = few(others, n)
        X, y = inverted[chosen], labels[chosen]
        scratch, _ = train(fresh(10, 100 + seed), X, y)
        frozen, _ = train(begin, X, y, frozen=True)
        tuned, _ = train(begin, X, y)
        keep(f"{n} per class: scratch", right(scratch, X_test, y_test))
        keep(f"{n} per class: frozen body", right(frozen, X_test, y_test))
        keep(f"{n} per class: all", right(tuned, X_test, y_test))

print("samples per class", *(f"{n:6d}" for n in sizes))
for way in ("scratch", "frozen body", "all"):
    print(f"{way:17s}", *(f"{np.mean(found[f'{n} per class: {way}']):6.1%}" for n in sizes))
for way in ("frozen body", "all"):
    gains = {n: gain(f"{n} per class: {way}", f"{n} per class: scratch") for n in sizes}
    assert (gains[1][0] > 0).all(), f"{way}: with one sample, ahead in every seed"
    assert (gains[5][0] > 0).all(), f"{way}: with five samples, ahead in every seed"
    assert gains[20][1] > 0, f"{way}: with 20 samples, ahead on average"
    means = [differences.mean() for differences, _, _ in gains.values()]
    assert means == sorted(means, reverse=True), f"{way}: the gain shrinks with the samples"
    if way == "frozen body":
        _, low, high = gains[40]
        assert low < 0 < high, "with 40 samples, scratch is as good as a frozen body"

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(7, 4))
for way, mark in (("scratch", "o"), ("frozen body", "s"), ("all", "^")):
    shares = [np.mean(found[f"{n} per class: {way}"]) for n in sizes]
    axes.plot(sizes, shares, marker=mark, label=way)
axes.set(xscale="log", xlabel="samples per class", ylabel="accuracy on the test samples")
axes.set_xticks(sizes, [str(n) for n in sizes])
axes.minorticks_off()
legend = axes.legend()
# %% [markdown]
# What transfer brings is the samples that you do not have. With 40 samples of each class the frozen body has nothing
# to offer any more.
#
# | case | what happened | so |
# |---|---|---|
# | clean to noisy | all of the gain is the old network's | measure it unchanged |
# | black to white | a new head helps, the old head harms | replace a head that is sure and wrong |
# | 0 to 4, to 5 to 9 | the frozen body is worse than a random one | freeze only if the task is near |
#
# ## Exercises
#
# ### Exercise 1
#
# How many numbers does the network with the frozen body still train, and how many does it have?

# %% [markdown] tags=["answer"]
# The head: 128 weights and a bias for each of the ten classes.

# %% tags=["answer"]
trained = [p for p in network.parameters() if p.requires_grad]
print(len(trained), "of", len(network.parameters()))
assert len(trained) == 10 * (128 + 1), "exercise 1: the head"
assert len(network.parameters()) == 10 * 129 + 128 * 65, "exercise 1: all"

# %% [markdown]
# ### Exercise 2
#
# In case 2, keep the *old* head and freeze the body. No hidden unit can die now. Is it a remedy?

# %% [markdown] tags=["answer"]
# No: in 50 epochs the head, which is wrong by much, does not come far enough. It is behind scratch in every seed.

# %% tags=["answer"]
for seed in seeds:
    chosen, test = few(split(seed)[1], 5)
    end, _ = train(old_networks[seed], inverted[chosen], labels[chosen], frozen=True)
    keep("white: old head, frozen body", right(end, inverted[test], labels[test]))
differences, _, _ = gain("white: old head, frozen body", "white: scratch")
assert (differences < 0).all(), "exercise 2: a frozen body does not rescue the old head"

# %% [markdown]
# ### Exercise 3
#
# What is the loss of a network of ten classes that gives each the same probability? Compare the loss of the first step with
# the old head.

# %% [markdown] tags=["answer"]
# $-\log(1/10) = \log 10$. Being sure and wrong costs many times as much as knowing nothing.

# %% tags=["answer"]
first = min(found["first loss, white: old head, all"])
print(f"log 10 = {np.log(10):.3f}, smallest first loss of the old head {first:.1f}")
assert first > 5 * np.log(10), "exercise 3: sure and wrong costs more"
