# %% [markdown]
# # Interpretation: why does the network say that?
#
# A network gives an answer and no reason. You learn the common ways to ask for a reason, what question each of them answers, and how each
# of them misleads. Expect methods that contradict each other without any of them being wrong: they answer different questions. To be
# able to check them, we begin where the truth is known.
#
# All chance in this chapter comes from the next line.

# %%
SEED = 0

# %% [markdown]
# ## Four methods and a truth that is known
#
# A method gives every input $x_i$ a number: its *attribution*. Here $f$ is what we ask about, one number of the network.
#
# | method | its question to $x_i$ |
# |---|---|
# | saliency | what would a small change of it do? |
# | gradient times input | the same, times its size |
# | integrated gradients | what did it bring on the way from $b$ to $x$? |
# | Shapley value | what does it bring to know it, on average over all orders in which the inputs become known? |
#
# The first is $\partial f / \partial x_i$, the second $x_i \, \partial f / \partial x_i$, and the third
#
# $$(x_i - b_i) \int_0^1 \frac{\partial f}{\partial x_i}\big(b + t (x - b)\big) \, dt$$
#
# Integrated gradients need a *baseline* $b$, an input that says "nothing". Shapley values need a *background*: samples that stand in
# for what is not known. Let $v(S)$ be the mean of $f$ if the inputs of the set $S$ are those of $x$ and the others those of the background samples. The
# mean over all orders of the $d$ inputs is then
#
# $$\phi_i = \sum_{S \not\ni i} \frac{\vert S \vert!\,(d - \vert S \vert - 1)!}{d!} \big(v(S \cup \{i\}) - v(S)\big)$$
#
# We make data from a function that is a sum, $y = 3 x_1 + 2 x_2^2 - x_3$, with a fourth input that plays no part and some noise. Of a sum
# it is clear what each input brings: its own term, compared with the mean of that term.

# %%
import numpy as np

import viz
from tinygrad_mlp import MLP, fit, predict
from tinygrad_mlp.interpret import (
    gradient_times_input,
    integrated_gradients,
    saliency,
    shapley_values,
)

rng = np.random.default_rng(SEED)
X = rng.uniform(-1, 1, size=(500, 4))


def terms(X):
    """What each input adds to y."""
    return np.column_stack([3 * X[:, 0], 2 * X[:, 1] ** 2, -X[:, 2], np.zeros(len(X))])


def the_sum(x):
    """The function itself, for Values."""
    return 3 * x[0] + 2 * x[1] ** 2 - x[2]


y = terms(X).sum(axis=1) + rng.normal(0, 0.1, size=500)
samples, background = X[:20], X[100:200]
truth = terms(samples) - terms(background).mean(axis=0)

exact = shapley_values(the_sum, samples, background).values
print(f"of the function itself: largest error {np.abs(exact - truth).max():.0e}")
assert np.abs(exact - truth).max() < 1e-12, "the Shapley values of a sum are its terms"

# %% [markdown]
# Now a network that has learned the sum from the 500 samples. It does not know that it is a sum.

# %%
network = MLP(4, [16, 1], activation="tanh", rng=SEED)
quiet = {"optimizer": "adam", "rng": SEED, "log_every": None}
fit(network, X, y, epochs=150, batch_size=50, **quiet)

middle = background.mean(axis=0)
found = {
    "saliency": saliency(network, samples),
    "gradient times input": gradient_times_input(network, samples),
    "integrated gradients": integrated_gradients(network, samples, baseline=middle),
    "Shapley values": shapley_values(network, samples, background),
}
attributions = {
    "saliency": found["saliency"],
    "gradient times input": found["gradient times input"],
    "integrated gradients": found["integrated gradients"].attributions,
    "Shapley values": found["Shapley values"].values,
}
error = {name: np.abs(each - truth).mean() for name, each in attributions.items()}
for name, number in error.items():
    print(f"{number:.3f} from the true terms: {name}")

assert error["Shapley values"] < 0.1, "Shapley values find the terms of a learned sum"
for name in ("saliency", "gradient times input", "integrated gradients"):
    assert error[name] > 2 * error["Shapley values"], f"{name}: another question"
unused = np.abs(attributions["Shapley values"][:, 3]).mean()
assert unused < 0.1, "the input that plays no part gets nearly nothing"

# %%
names = ["x1", "x2", "x3", "x4"]
viz.plots.attribution_plot(
    np.array([truth[0], attributions["Shapley values"][0], attributions["saliency"][0]]),
    np.array([samples[0]] * 3),
    feature_names=names,
    sample_names=["the true terms", "Shapley values", "saliency"],
)

# %% [markdown]
# Saliency is not wrong: $\partial y / \partial x_1 = 3$ for every sample, large or small. It answers what a *change* would do. Integrated
# gradients begin at one point, the mean of the inputs, and Shapley values at the mean of the outputs; for $x_2^2$ these differ.
#
# Two of the methods *add up*. Integrated gradients add up to $f(x) - f(b)$ (the axiom of *completeness*), Shapley values to $f(x)$ minus
# the mean over the background (*efficiency*). So they share something out, down to the last penny:

# %%
path, game = found["integrated gradients"], found["Shapley values"]
missing_path = path.attributions.sum(axis=1) - (path.scores - path.baseline_scores)
missing_game = game.values.sum(axis=1) - (game.scores - game.base_values)
missing_slope = attributions["gradient times input"].sum(axis=1) - (
    path.scores - predict(network, [[0.0] * 4])
)
for name, missing in (
    ("integrated gradients", missing_path),
    ("Shapley values", missing_game),
    ("gradient times input", missing_slope),
):
    print(f"at most {np.abs(missing).max():.0e} is missing: {name}")
assert np.abs(missing_path).max() < 1e-8, "integrated gradients add up"
assert np.abs(missing_game).max() < 1e-12, "Shapley values add up"
assert np.abs(missing_slope).max() > 0.1, "gradient times input does not"

# %% [markdown]
# ## How exact is the integral?
#
# The integral is a mean of gradients along a straight line, and the usual way is to take 50 points on it. We try this on networks
# that read digits, one with relu, one with tanh. The question: why a 3? $f$ is the logit of the 3 (its output before
# softmax), and the baseline is the empty picture: all pixels are 0. (A pixel of 0 has no ink; the pictures of
# this chapter show it white, as paper is.)
#
# Two rules with 50 points: *midpoints*, evenly spaced, and *nodes of Gauss*, whose places and weights are chosen such that the integral of
# every polynomial up to degree 99 is exact.

# %%
from tinygrad_mlp import accuracy
from tinygrad_mlp.data import load_digits, split_indices

digits = load_digits()
pictures, labels = digits.X / 16.0, digits.y
train, test = split_indices(labels, 797, rng=SEED)


def reader(activation, seed):
    """A network that has learned to read the digits."""
    model = MLP(64, [32, 10], activation=activation, rng=seed)
    fit(model, pictures[train], labels[train], epochs=20, batch_size=32, **quiet)
    return model


readers = {activation: reader(activation, SEED) for activation in ("relu", "tanh")}
for activation, model in readers.items():
    print(f"{activation}: right {accuracy(model, pictures[test], labels[test]):.1%}")

relu = readers["relu"]
answers = predict(relu, pictures[test])
threes = pictures[test][(answers == 3) & (labels[test] == 3)][:40]


def by_rule(model, points, weights):
    """Integrated gradients of the logit of the 3, by points between 0 and 1."""
    on_the_way = points[:, np.newaxis, np.newaxis] * threes
    slopes = saliency(model, on_the_way.reshape(-1, 64), 3).reshape(on_the_way.shape)
    return threes * np.tensordot(weights, slopes, axes=1)


midpoints = (np.arange(50) + 0.5) / 50
nodes, weights = np.polynomial.legendre.leggauss(50)
gaps = {}
for activation, model in readers.items():
    path = integrated_gradients(model, threes, 3)
    whole = path.scores - path.baseline_scores
    by_midpoints = by_rule(model, midpoints, np.full(50, 1 / 50))
    by_gauss = by_rule(model, (nodes + 1) / 2, weights / 2)
    gaps[activation, "50 midpoints"] = np.abs(by_midpoints.sum(axis=1) - whole).max()
    gaps[activation, "50 nodes of Gauss"] = np.abs(by_gauss.sum(axis=1) - whole).max()
    gaps[activation, "integrated_gradients"] = path.gaps.max()
    print(
        f"{activation}: integrated_gradients takes at most {path.n_nodes.max()} gradients"
    )
    if activation == "relu":
        assert path.n_nodes.max() < 50, "for relu it takes fewer than 50"
for (activation, rule), gap in gaps.items():
    print(f"gap at most {gap:.0e}: {activation}, {rule}")

assert gaps["tanh", "50 nodes of Gauss"] < 1e-9, (
    "for a smooth network Gauss leaves nearly nothing"
)
assert gaps["tanh", "50 midpoints"] > 1e-5, "for it the midpoints leave a gap"
assert gaps["relu", "50 nodes of Gauss"] > 1e-3, "for relu the better rule is of no use"
assert gaps["relu", "50 midpoints"] > 1e-3, "and the midpoints leave a gap too"
assert gaps["relu", "integrated_gradients"] < 1e-10, "split at the corners it is exact"

# %% [markdown]
# A network of relu units has *corners*: where a unit switches on or off, the gradient jumps, and no rule with fixed points knows
# where. Between two corners the gradient is constant, and one point is enough. `integrated_gradients` finds the
# corners and takes one gradient for each piece: fewer gradients, and no gap. Always look at the gap: where it stays, what is
# shared out is not what there was.
#
# The result, for three pictures. Blue pixels speak for the 3, orange ones against it:

# %%
path = integrated_gradients(relu, threes[:3], 3)
viz.plots.attribution_plot(path, threes[:3], image_shape=(8, 8))

# %% [markdown]
# ## Which pixels matter?
#
# A test of an attribution is to *delete*: set the eight pixels with the largest attribution to empty, and see how far the logit falls. For
# comparison, eight inked pixels at random.

# %%
from tinygrad_mlp.interpret import activations as activations_of


def logit_of_3(model, rows):
    *_, outputs = activations_of(model, rows).values()
    return outputs[:, 3]


def without(rows, places):
    """The rows, with the pixels at these places made empty."""
    rows = rows.copy()
    np.put_along_axis(rows, places, 0.0, axis=1)
    return rows


maps = {
    "saliency": saliency(relu, threes, 3),
    "gradient times input": gradient_times_input(relu, threes, 3),
    "integrated gradients": integrated_gradients(relu, threes, 3).attributions,
}
rng = np.random.default_rng(SEED)
inked = [rng.choice(np.flatnonzero(row), size=8, replace=False) for row in threes]
before, falls = logit_of_3(relu, threes), {}
falls["random ink"] = (before - logit_of_3(relu, without(threes, np.array(inked)))).mean()
for name, each in maps.items():
    top = np.argsort(-each, axis=1)[:, :8]
    falls[name] = (before - logit_of_3(relu, without(threes, top))).mean()
for name, fall in falls.items():
    print(f"the logit falls by {fall:5.2f}: {name}")
for name in maps:
    assert falls[name] > falls["random ink"], (
        f"{name}: its pixels matter more than random ones"
    )
for name in ("gradient times input", "integrated gradients"):
    assert falls[name] > falls["saliency"], f"{name} finds pixels that matter more"

# %% [markdown]
# ## Where they mislead
#
# **Saturation.** The probability is flat where the network is sure. There a small change does nothing, so the saliency of the
# probability is nearly 0, and it is smallest where the network is surest. The logit has no such flat end. And
# an alarm that rings if at least one of two sensors does has the same fault as the probability:

# %%
from tinygrad_mlp import predict_proba
from tinygrad_mlp.interpret import Probability

sure = predict_proba(relu, threes)[:, 3]
order = np.argsort(sure)
sizes = {
    "probability": np.linalg.norm(saliency(relu, threes, Probability(3)), axis=1)[order],
    "logit": np.linalg.norm(maps["saliency"], axis=1)[order],
}
for name, size in sizes.items():
    print(f"size of the saliency of the {name:11s} ", end="")
    print(f"10 least sure {size[:10].mean():.1e}, 10 surest {size[-10:].mean():.1e}")
assert sizes["probability"][:10].mean() > 100 * sizes["probability"][-10:].mean(), (
    "where the network is sure the saliency of the probability vanishes"
)
assert sizes["logit"][-10:].mean() > 0.2 * sizes["logit"][:10].mean(), (
    "that of the logit stays"
)


def alarm(x):
    """Rings if at least one of two sensors does."""
    return 1.0 - (1.0 - x[0] - x[1]).relu()


both = [[1.0, 1.0]]
by_slope = saliency(alarm, both)[0]
by_path = integrated_gradients(alarm, both).attributions[0]
print("both sensors ring: saliency", by_slope, "integrated gradients", by_path)
assert (by_slope == 0.0).all(), "one sensor would be enough, so a small change does nothing"
assert np.abs(by_path - 0.5).max() < 1e-12, "integrated gradients share it out"

# %% [markdown]
# **The baseline.** What is equal to the baseline gets exactly 0, whatever it means. With the empty picture as the baseline, missing ink can never be
# a reason. With the mean picture it can:

# %%
mean_picture = pictures[train].mean(axis=0)
by_mean = integrated_gradients(relu, threes, 3, baseline=mean_picture).attributions
dark = threes == 0.0
for name, each in (("empty", maps["integrated gradients"]), ("mean", by_mean)):
    share = np.abs(each[dark]).sum() / np.abs(each).sum()
    print(f"empty pixels have {share:.1%} of the attribution, baseline: {name}")
    if name == "empty":
        assert share == 0.0, "with an empty baseline an empty pixel has no attribution"
    else:
        assert share > 0.1, "with the mean picture missing ink is a reason"

# %% [markdown]
# **What the network does not use.** $x_2$ is a copy of $x_1$ with a little noise; $y$ depends on $x_1$ and $x_3$. We freeze the weights
# from $x_2$ at 0. Saliency, integrated gradients and Shapley values give it 0 (the axiom of the *dummy*), although $x_2$ alone would predict $y$ nearly as well as $x_1$. An
# attribution tells about the *network*, not about the world.

# %%
rng = np.random.default_rng(SEED)
x1, x3 = rng.normal(size=300), rng.normal(size=300)
x2 = x1 + rng.normal(0, 0.05, size=300)
X, y = np.column_stack([x1, x2, x3]), 2 * x1 + x3

blind = MLP(3, [8, 1], activation="tanh", rng=SEED)
for neuron in blind.layers[0].neurons:
    neuron.w[1].data, neuron.w[1].requires_grad = 0.0, False
fit(blind, X, y, epochs=60, batch_size=30, **quiet)
asked, background = X[100:110], X[:60]
about_x2 = [
    saliency(blind, asked)[:, 1],
    integrated_gradients(blind, asked).attributions[:, 1],
    shapley_values(blind, asked, background).values[:, 1],
]
with_y = [np.corrcoef(column, y)[0, 1] for column in (x1, x2)]
print(f"correlation with y: x1 {with_y[0]:.3f}, x2 {with_y[1]:.3f}")
print(f"largest attribution of x2: {np.abs(about_x2).max()}")
assert abs(with_y[0] - with_y[1]) < 0.02, "x2 tells as much about y as x1"
assert np.abs(about_x2).max() < 1e-12, "a network that does not use it gives it 0"

# %% [markdown]
# **Correlated inputs.** Now ten networks that may use both, with the same data and different first weights. All ten are good.
# Who gets the credit, $x_1$ or its copy?

# %%
shifted = X[200:240].copy()
shifted[:, 1] = rng.permutation(shifted[:, 1])  # x2 no longer goes with x1
credit, on_data, beside, losses = [], [], [], []
for first_weights in range(10):
    model = MLP(3, [8, 1], activation="tanh", rng=10 * SEED + first_weights)
    history = fit(model, X, y, epochs=60, batch_size=30, **quiet)
    losses.append(history.loss[-1])
    each = shapley_values(model, asked, background).values
    credit.append(np.abs(each).mean(axis=0))
    on_data.append(predict(model, X[200:240]))
    beside.append(predict(model, shifted))
credit = np.array(credit)
both = credit[:, 0] + credit[:, 1]
share = credit[:, 1] / both
print("share of x2:", share.round(2))
print(f"mean squared error at most {max(losses):.3f}, of a constant {np.var(y):.1f}")
assert max(losses) < 0.02 * np.var(y), "all ten networks are good"
for name, each in (("x1 and x2 together", both), ("x3", credit[:, 2])):
    print(f"{name}: {each.mean():.2f}, standard deviation {each.std():.2f}")
assert np.ptp(share) > 0.25, "which of two copies gets the credit is chance"
assert both.std() < 0.1 * both.mean(), "what they get together is not"

# %% [markdown]
# A second trouble of correlated inputs: Shapley values mix a sample with background samples, and ask the network about an $x_1$ with
# somebody else's $x_2$. Such samples do not occur. There the network was never taught anything, and the ten networks do not agree:

# %%
spread = [np.std(rows, axis=0).mean() for rows in (on_data, beside)]
for name, each in zip(("on data", "on mixed samples"), spread, strict=True):
    print(f"{name} the ten networks differ by {each:.3f}")
assert spread[1] > 3 * spread[0], "on samples that do not occur the networks do not agree"

# %% [markdown]
# **Pretty maps of nothing.** The *sanity check* of Adebayo and others (2018): an attribution should change when the weights are replaced by random ones.
# We compare the maps (their sizes) of our network with those of a network that has learned nothing, and with those of another one
# that has learned the same. (`Output(3)` is the output number 3: a network without training knows no labels.)

# %%
from tinygrad_mlp.interpret import Output

untrained = MLP(64, [32, 10], rng=SEED + 1)
another = reader("relu", SEED + 2)


def along_the_path(model, rows, target):
    return integrated_gradients(model, rows, target).attributions


methods = {
    "saliency": saliency,
    "gradient times input": gradient_times_input,
    "integrated gradients": along_the_path,
}


def likeness(some, others):
    """The mean correlation of two lists of maps, by their sizes."""
    pairs = zip(np.abs(some), np.abs(others), strict=True)
    return np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs])


like = {}
print("correlation with the map of  no training  other training  picture")
for name, method in methods.items():
    of_untrained, of_another = (
        method(net, threes, Output(3)) for net in (untrained, another)
    )
    like[name] = [likeness(maps[name], each) for each in (of_untrained, of_another, threes)]
    print(f"{name:27s}", "  ".join(f"{number:12.2f}" for number in like[name]))
assert like["saliency"][0] < 0.2, "saliency changes with the weights"
for name in ("gradient times input", "integrated gradients"):
    assert like[name][0] > 0.25, (
        f"{name}: a good part of the map is there without any training"
    )
    assert like[name][2] > 0.4, f"{name}: much of the map is the picture itself"

# %%
of_untrained = along_the_path(untrained, threes[:1], Output(3))
both_maps = np.array([maps["integrated gradients"][0], of_untrained[0]])
viz.plots.attribution_plot(
    both_maps / np.abs(both_maps).max(axis=1, keepdims=True),
    threes[[0, 0]],
    image_shape=(8, 8),
    sample_names=["trained", "not trained"],
    title="Integrated gradients",
)

# %% [markdown]
# Two of the three maps look like a 3 even if the network knows nothing, because they contain the picture as a factor. A beautiful map is no evidence. But
# see the whole table: the deletion test liked the same two better than saliency. No single test decides; ask what you want
# to know, and take the method whose question it is.
#
# ## What do hidden units look for?
#
# The other direction: not why one answer, but what a unit does. First, what each hidden unit gives, on average, to the pictures of each digit:

# %%
given = activations_of(relu, pictures[train])["layers.0"]
of_digit = np.array([given[labels[train] == digit].mean(axis=0) for digit in range(10)])
print("hidden units that never switch on:", int((given == 0.0).all(axis=0).sum()), "of 32")
favorite = of_digit.max(axis=0)
n_liked = (of_digit > 0.5 * favorite).sum(axis=0)[favorite > 0.0]
print("digits for which a unit is at least half as active as for its favorite:")
print(f"{np.median(n_liked):.0f} for the unit in the middle", end=", ")
print(f"from {n_liked.min()} to {n_liked.max()}")
assert np.median(n_liked) >= 2, "most units are not detectors of a single digit"
viz.plots.activation_map({"hidden units": of_digit}, sample_names=range(10))

# %% [markdown]
# Hardly a unit belongs to one digit. The meaning is in the *pattern* of many units. Samples whose patterns are alike are alike to
# the network, and this explains mistakes: for each test picture that is read wrongly we look for the five nearest training pictures, once by the
# hidden units and once by the pixels. (In the picture, the number under each neighbor is its distance by the hidden units.)

# %%
from tinygrad_mlp.interpret import nearest_samples

wrong = np.flatnonzero(answers != labels[test])
asked, said = pictures[test][wrong], answers[wrong]
by_units = nearest_samples(relu, asked, pictures[train], n_neighbors=5)
apart = ((asked[:, np.newaxis] - pictures[train]) ** 2).sum(axis=2)
by_pixels = np.argsort(apart, axis=1)[:, :5]
shares = {}
for name, rows in (("hidden units", by_units.indices), ("pixels", by_pixels)):
    digit = labels[train][rows]
    shares[name] = np.mean(digit == said[:, np.newaxis])
    true = np.mean(digit == labels[test][wrong][:, np.newaxis])
    print(f"neighbors by {name}:")
    print(f"  {shares[name]:.0%} are what the network said, {true:.0%} what it is")
assert shares["hidden units"] > shares["pixels"] + 0.1, (
    "by the hidden units a misread picture is nearer to the wrong class than by its pixels"
)

# %%
viz.plots.nearest_samples_plot(
    nearest_samples(relu, asked[:3], pictures[train], n_neighbors=5),
    asked[:3],
    pictures[train],
    image_shape=(8, 8),
    sample_names=[f"{t}, read {s}" for t, s in zip(labels[test][wrong[:3]], said)],
    names_among=labels[train],
)

# %% [markdown]
# Last, let the network draw. `feature_visualization` climbs up the logit of a digit, with pixels between 0 and 1, to a picture that the
# network finds more like a 3 than any real one. (It is the top of one hill. Another beginning may find a higher one.)

# %%
from tinygrad_mlp.interpret import feature_visualization

drawn = {
    str(digit): feature_visualization(relu, digit, bounds=(0.0, 1.0), steps=60, rng=SEED)
    for digit in (0, 1, 3, 7)
}
viz.plots.feature_visualization_plot(drawn, image_shape=(8, 8))


# %%
def distance_to_training(rows):
    return np.sqrt([((pictures[train] - row) ** 2).sum(axis=1).min() for row in rows])


drawings = np.array([each.input for each in drawn.values()])
probability = predict_proba(relu, drawings)[range(len(drawn)), [int(d) for d in drawn]]
far, usual = distance_to_training(drawings), distance_to_training(pictures[test])
print("probability of the digit:", probability.round(4))
print("distance from the nearest training picture:", far.round(2))
print(f"of real test pictures: mean {usual.mean():.2f}, largest {usual.max():.2f}")
best = activations_of(relu, pictures[train])["layers.1"].max(axis=0)
for digit, each in drawn.items():
    assert each.history == sorted(each.history), "the ascent never goes down"
    assert each.score > best[int(digit)], (
        "its logit is higher than that of every real picture"
    )
assert far.min() > usual.mean() + 3 * usual.std(), "no real picture looks like them"

# %% [markdown]
# The logit of these pictures, the number above each, is higher than that of any real one. Would you have read them? What excites a unit most is not
# what it usually sees: it learned to tell digits apart, not what a digit is. (The probability need not be near 1: climbing up one logit
# does not push the others down. Try other seeds.)
#
# | method | adds up | pays for it with |
# |---|---|---|
# | saliency | no | 0 where the answer is sure |
# | gradient times input | no | the picture itself is in every map |
# | integrated gradients | yes | a baseline that must be chosen; the picture is in the map |
# | Shapley values | yes | $2^d$ questions for $d$ inputs, about samples that do not occur |
# | feature visualization | | pictures that are none |
# | nearest samples | | no reason, only relatives |
#
# ## Exercises
#
# ### Exercise 1
#
# Compute the Shapley values of $f(x_1, x_2) = x_1 x_2$ at $(2, 3)$ by hand, with the background $(0, 0)$.

# %% [markdown] tags=["answer"]
# Known first, $x_1$ brings 0, since $x_2$ is still 0; known second, it brings 6. There are two orders, so the mean is 3. The same holds
# for $x_2$: the two share the 6, since neither brings more than the other (the axiom of *symmetry*).

# %% tags=["answer"]
by_hand = [(0 + 6) / 2, (0 + 6) / 2]
values = shapley_values(lambda x: x[0] * x[1], [[2.0, 3.0]], [[0.0, 0.0]]).values[0]
print(by_hand, values)
assert np.abs(values - by_hand).max() < 1e-12, "exercise 1: they share the product"

# %% [markdown]
# ### Exercise 2
#
# For a linear neuron $f(x) = w_1 x_1 + w_2 x_2 + b$, show that integrated gradients and Shapley values are the same if the baseline is the mean of
# the background.

# %% [markdown] tags=["answer"]
# The gradient is $w_i$ everywhere, so the path gives $w_i (x_i - b_i)$. For Shapley values the function is a sum, so each input gets
# its term minus the mean of the term, $w_i x_i - w_i \bar{x}_i$. With $b_i = \bar{x}_i$ this is the same.

# %% tags=["answer"]
line = MLP(3, [1], rng=SEED)
rows = X[100:110]
one = integrated_gradients(line, rows, baseline=X[:60].mean(axis=0)).attributions
other = shapley_values(line, rows, X[:60]).values
print("largest difference:", np.abs(one - other).max())
assert np.abs(one - other).max() < 1e-12, "exercise 2: the same for a line"

# %% [markdown]
# ### Exercise 3
#
# Is saliency of the logit enough to say which pixels a network does *not* use? Think of the alarm with two sensors.

# %% [markdown] tags=["answer"]
# No. At $(1, 1)$ both have saliency 0, and the alarm uses both. A saliency of 0 at *one* sample says only that a small change there
# does nothing. At $(0.2, 0.3)$ it is not 0:

# %% tags=["answer"]
print(saliency(alarm, [[1.0, 1.0], [0.2, 0.3]]))
assert (saliency(alarm, [[0.2, 0.3]]) == 1.0).all(), "exercise 3: it depends on the sample"

# %% [markdown]
# ### Exercise 4
#
# How many gradients does the relu network need for the integral if the path stays in one piece? Take a baseline that is very near to the
# picture.

# %% [markdown] tags=["answer"]
# One: between two corners the gradient is constant.

# %% tags=["answer"]
near = integrated_gradients(relu, threes[:1], 3, baseline=(1 - 1e-6) * threes[:1])
print(near.n_nodes, near.gaps)
assert near.n_nodes[0] == 1, "exercise 4: one piece, one gradient"
