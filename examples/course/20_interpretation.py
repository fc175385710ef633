# %% [markdown]
# # Interpretation: why does the network say that?
#
# A network gives an answer and no reason. You learn five ways to ask for one, what question each of them answers, and how each of them
# misleads. Expect methods that contradict each other without any of them being wrong: they answer different questions. To know who
# is right, we begin where the truth is known.
#
# All chance in this chapter comes from the next line.

# %%
SEED = 0

# %% [markdown]
# ## Four methods and a truth that is known
#
# A method gives every input $x_i$ a number: its *attribution*. Here $f$ is what we ask about, one number of the network.
#
# | method | the attribution of $x_i$ | its question |
# |---|---|---|
# | saliency | $\partial f / \partial x_i$ | what would a small change do? |
# | gradient times input | $x_i \, \partial f / \partial x_i$ | the same, times its size |
# | integrated gradients | $(x_i - b_i) \int_0^1 \frac{\partial f}{\partial x_i}(b + t (x - b)) \, dt$ | what did $x_i$ bring on the way from $b$ to $x$? |
# | Shapley value | its mean gain over all orders in which the inputs become known | what does knowing $x_i$ bring? |
#
# Integrated gradients need a *baseline* $b$, an input that says "nothing". Shapley values need a *background*: samples that stand in
# for what is not known.
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
    return np.column_stack([3 * X[:, 0], 2 * X[:, 1] ** 2, -X[:, 2], 0 * X[:, 3]])


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
    print(f"{name:21s} mean distance from the true terms {number:.3f}")

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
# Two of the methods *add up*. Integrated gradients add up to $f(x) - f(b)$, Shapley values to $f(x)$ minus the mean over
# the background. So they share something out, down to the last penny:

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
    print(f"{name:21s} largest amount missing {np.abs(missing).max():.1e}")
assert np.abs(missing_path).max() < 1e-8, "integrated gradients add up"
assert np.abs(missing_game).max() < 1e-12, "Shapley values add up"
assert np.abs(missing_slope).max() > 0.1, "gradient times input does not"

# %% [markdown]
# ## How exact is the integral?
#
# The integral is a mean of gradients along a straight line, and the usual way is to take 50 points on it. We try this on networks
# that read digits, one with relu, one with tanh. The question: why a 3? $f$ is the logit of the 3, and the
# baseline is the black picture.

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
    print(f"{activation} {rule:21s} largest gap {gap:.0e}")

assert gaps["tanh", "50 nodes of Gauss"] < 1e-9, "for a smooth network Gauss is exact"
assert gaps["tanh", "50 midpoints"] > 1e-5, "for it the midpoints leave a gap"
assert gaps["relu", "50 nodes of Gauss"] > 1e-3, "for relu the better rule is of no use"
assert gaps["relu", "50 midpoints"] > 1e-3, "and the midpoints leave a gap too"
assert gaps["relu", "integrated_gradients"] < 1e-10, "split at the corners it is exact"

# %% [markdown]
# A network of relu units has *corners*: where a unit switches on or off, the gradient jumps, and no rule with fixed points knows
# where. Between two corners the gradient is constant, and one point is enough. `integrated_gradients` finds the
# corners and takes one gradient for each piece: fewer gradients, and no gap. Always look at the gap: it is the only thing about an
# attribution that can be checked without knowing the truth.
#
# The result, for three pictures. Blue pixels speak for the 3, orange ones against it:

# %%
path = integrated_gradients(relu, threes[:3], 3)
viz.plots.attribution_plot(path, threes[:3], image_shape=(8, 8))

# %% [markdown]
# ## Which pixels matter?
#
# A test of an attribution is to *delete*: set the eight pixels with the largest attribution to black, and see how far the logit falls. For
# comparison, eight inked pixels at random.

# %%
from tinygrad_mlp.interpret import activations as activations_of


def logit_of_3(model, rows):
    *_, outputs = activations_of(model, rows).values()
    return outputs[:, 3]


def without(rows, places):
    """The rows, with the pixels at these places made black."""
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
    print(f"{name:21s} the logit falls by {fall:5.2f}")
for name in maps:
    assert falls[name] > falls["random ink"], (
        f"{name}: its pixels matter more than random ones"
    )
assert falls["integrated gradients"] > falls["saliency"], (
    "the path knows more than the slope"
)

# %% [markdown]
# ## Where they mislead
#
# **Saturation.** The probability is flat where the network is sure. There a small change does nothing, so the saliency of the
# probability is nearly 0, and it is smallest where the network is surest. The logit has no such end:

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
# **The baseline.** What is equal to the baseline gets exactly 0, whatever it means. With the black picture as the baseline, missing ink can never be
# a reason. With the mean picture it can:

# %%
mean_picture = pictures[train].mean(axis=0)
by_mean = integrated_gradients(relu, threes, 3, baseline=mean_picture).attributions
dark = threes == 0.0
for name, each in (("black", maps["integrated gradients"]), ("mean", by_mean)):
    share = np.abs(each[dark]).sum() / np.abs(each).sum()
    print(f"baseline {name:5s}: black pixels have {share:.1%} of the attribution")
    if name == "black":
        assert share == 0.0, "with a black baseline a black pixel has no attribution"
    else:
        assert share > 0.1, "with the mean picture missing ink is a reason"

# %% [markdown]
# **What the network does not use.** $x_2$ is a copy of $x_1$ with a little noise; $y$ depends on $x_1$ and $x_3$. We freeze the weights
# from $x_2$ at 0. All methods give it 0, although $x_2$ alone would predict $y$ nearly as well as $x_1$. An attribution tells
# about the *network*, not about the world.

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
correlation = np.corrcoef(x2, y)[0, 1]
print(
    f"correlation of x2 with y {correlation:.2f}, largest attribution {np.abs(about_x2).max():.0e}"
)
assert correlation > 0.8, "x2 tells much about y"
assert np.abs(about_x2).max() < 1e-12, "a network that does not use it gives it 0"

# %% [markdown]
# **Correlated inputs.** Now ten networks that may use both, with the same data and different first weights. They are equally good.
# Who gets the credit, $x_1$ or its copy?

# %%
shifted = X[200:240].copy()
shifted[:, 1] = rng.permutation(shifted[:, 1])  # x2 no longer goes with x1
credit, on_data, beside = [], [], []
for first_weights in range(10):
    model = MLP(3, [8, 1], activation="tanh", rng=10 * SEED + first_weights)
    fit(model, X, y, epochs=60, batch_size=30, **quiet)
    each = shapley_values(model, asked, background).values
    credit.append(np.abs(each).mean(axis=0))
    on_data.append(predict(model, X[200:240]))
    beside.append(predict(model, shifted))
credit = np.array(credit)
both = credit[:, 0] + credit[:, 1]
share = credit[:, 1] / both
print("share of x2:", share.round(2))
print(f"x1 and x2 together: {both.mean():.2f}, standard deviation {both.std():.2f}")
print(
    f"x3:                 {credit[:, 2].mean():.2f}, standard deviation {credit[:, 2].std():.2f}"
)
assert np.ptp(share) > 0.25, "which of two copies gets the credit is chance"
assert both.std() < 0.1 * both.mean(), "what they get together is not"

# %% [markdown]
# A second trouble of correlated inputs: Shapley values mix a sample with background samples, and ask the network about an $x_1$ with
# somebody else's $x_2$. Such samples do not occur. There the network was never taught anything, and the ten networks do not agree:

# %%
spread = [np.std(rows, axis=0).mean() for rows in (on_data, beside)]
print(
    f"the ten networks differ by {spread[0]:.3f} on data, by {spread[1]:.3f} on mixed samples"
)
assert spread[1] > 3 * spread[0], "on samples that do not occur the networks do not agree"

# %% [markdown]
# **Pretty maps of nothing.** The *sanity check* of Adebayo and others (2018): an attribution should change when the weights are replaced by random ones.
# We compare the maps (their sizes) of our network with those of a network that has learned nothing, and with those of another one
# that has learned the same.

# %%
untrained = MLP(64, [32, 10], rng=SEED + 1)
another = reader("relu", SEED + 2)
fit(
    untrained, pictures[train], labels[train], epochs=1, learning_rate=1e-12, log_every=None
)

methods = {
    "saliency": saliency,
    "gradient times input": gradient_times_input,
    "integrated gradients": lambda *asked: integrated_gradients(*asked).attributions,
}


def likeness(some, others):
    """The mean correlation of two lists of maps, by their sizes."""
    pairs = zip(np.abs(some), np.abs(others), strict=True)
    return np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs])


like = {}
print("correlation with the map of  no training  other training  picture")
for name, method in methods.items():
    of_untrained, of_another = method(untrained, threes, 3), method(another, threes, 3)
    like[name] = [likeness(maps[name], each) for each in (of_untrained, of_another, threes)]
    print(f"{name:27s}", "  ".join(f"{number:12.2f}" for number in like[name]))
assert like["saliency"][0] < 0.2, "saliency changes with the weights"
for name in ("gradient times input", "integrated gradients"):
    assert like[name][0] > 0.25, f"{name}: half of the map is there without any training"
    assert like[name][2] > 0.4, f"{name}: much of the map is the picture itself"

# %%
both_maps = np.array([maps["integrated gradients"][0], method(untrained, threes[:1], 3)[0]])
viz.plots.attribution_plot(
    both_maps / np.abs(both_maps).max(axis=1, keepdims=True),
    threes[[0, 0]],
    image_shape=(8, 8),
    sample_names=["trained", "not trained"],
    title="Integrated gradients, each by its largest",
)
