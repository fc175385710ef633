# %% [markdown]
# # Initialization: how the weights begin
#
# Before the first step somebody has to choose the weights. You learn why the first weights must not be equal, how large
# they must be, and where the formulas of LeCun, Glorot and He come from: each is one line about variances, and
# each is measured here. Expect two surprises: the usual formula for tanh does *not* keep the signal, and
# the biases, which everybody sets to zero, can decide how long a training takes.
#
# ## Equal weights stay equal
#
# The simplest choice would be the same number for all weights. We train three small networks on two crescents: all
# weights 0, all weights 0.5, and random ones.

# %%
import numpy as np

import viz
from tinygrad_mlp import MLP, accuracy, fit
from tinygrad_mlp.data import StandardScaler, make_moons

SEED = 0

X, y = make_moons(200, noise=0.15, rng=SEED)
X = StandardScaler().fit(X).transform(X)


def all_equal(n_inputs, n_outputs, rng):
    """An initializer of our own: it gives the weights, (n_outputs, n_inputs)."""
    return np.full((n_outputs, n_inputs), 0.5)


models = {
    "all zeros": MLP(2, [4, 1], activation="tanh", init="zeros"),
    "all equal": MLP(2, [4, 1], activation="tanh", init=all_equal),
    "random": MLP(2, [4, 1], activation="tanh", rng=SEED),
}
units = {}
for name, model in models.items():
    fit(model, X, y, epochs=300, optimizer="adam", learning_rate=0.05, log_every=None)
    neurons = model.layers[0].neurons
    units[name] = np.array([[*(w.data for w in unit.w), unit.b.data] for unit in neurons])
    print(f"{name}: accuracy {accuracy(model, X, y):.1%}; after the training")
    for j, (w1, w2, b) in enumerate(units[name], 1):
        print(f"    hidden unit {j}: weights {w1:8.4f} {w2:8.4f}, bias {b:8.4f}")

# %% [markdown]
# *All zeros*: every hidden unit gives $\tanh(0) = 0$. The gradient of an output weight is an error times the output of the
# hidden unit: 0. The gradient of a hidden weight is an error times the output weight: 0 as well. Only the bias of
# the output can learn. *All equal*: the weights move, but units with equal weights give equal
# outputs and get equal gradients. After every step they are equal again. Four units do the work of one.

# %%
weights = [
    w.data for layer in models["all zeros"].layers for n in layer.neurons for w in n.w
]
spread = np.abs(units["all equal"] - units["all equal"][0]).max()
print("largest weight of 'all zeros' after the training:", max(np.abs(weights)))
print(f"largest difference between two units of 'all equal': {spread:.1e}")

assert not np.any(weights), "weights that begin at zero stay at zero"
assert spread < 1e-9, "units that begin equal stay equal"
assert np.abs(units["all equal"] - 0.5).max() > 0.3, "although they do move"
assert accuracy(models["random"], X, y) > 0.03 + accuracy(models["all equal"], X, y), (
    "different units learn what equal ones cannot"
)

# %% [markdown]
# The picture shows it: the border that one hidden unit can draw is a straight line, and four units that are equal
# draw no other.

# %%
viz.plots.decision_boundary(models["all equal"], X, y, title="Four units that began equal")

# %%
viz.plots.decision_boundary(models["random"], X, y, title="Four units that began different")

# %% [markdown]
# So the weights are drawn at random, independent of one another, with mean 0. The question that is left is *how large*.
#
# ## How large: one line about variances
#
# A unit with $n$ inputs has the sum $z = w_1 x_1 + \dots + w_n x_n$. Its weights are independent and have mean 0. Then all
# mixed terms $w_i w_j x_i x_j$ have mean 0, and the squares are left:
#
# $$E[z^2] = n \, \mathrm{Var}(w) \, E[x^2]$$
#
# Each layer multiplies the mean square of the signal by $n \, \mathrm{Var}(w)$, and then the activation does something to
# it. Twenty layers multiply twenty times. So the signal only stays if the factor is near 1:
#
# | name | to be kept | condition | $\mathrm{Var}(w)$ |
# |---|---|---|---|
# | LeCun | the signal, where the activation is nearly $f(z) = z$ | $n \, \mathrm{Var}(w) = 1$ | $1 / n$ |
# | He | the signal behind relu | $\frac{1}{2} n \, \mathrm{Var}(w) = 1$ | $2 / n$ |
# | Glorot (Xavier) | signal and gradient | $n_\text{in} \mathrm{Var}(w) = 1$ and $n_\text{out} \mathrm{Var}(w) = 1$ | $2 / (n_\text{in} + n_\text{out})$ |
#
# The one half of He: $z$ is as often negative as positive, relu replaces the negative half by 0, so that
# $E[\mathrm{relu}(z)^2] = \frac{1}{2} E[z^2]$. Now we measure: 20 layers of 100 units, four sizes of
# weights, and the mean over 20 networks.

# %%
WIDTH, DEPTH, NETWORKS = 100, 20, 20

sizes = {
    "0.01": 0.01,
    "LeCun": np.sqrt(1 / WIDTH),
    "He": np.sqrt(2 / WIDTH),
    "1": 1.0,
}


def relu(z):
    return np.maximum(z, 0)


def mean_squares(f, std, rng):
    """The mean square of the inputs, and of the outputs of each layer."""
    h = rng.normal(size=(50, WIDTH))
    found = [np.mean(h**2)]
    for _ in range(DEPTH):
        W = rng.normal(0, std, size=(WIDTH, WIDTH))
        h = f(h @ W.T)
        found.append(np.mean(h**2))
    return found


signals = {}
for f in (np.tanh, relu):
    for name, std in sizes.items():
        rng = np.random.default_rng(SEED)
        runs = [mean_squares(f, std, rng) for _ in range(NETWORKS)]
        signals[f.__name__, name] = np.array(runs)

print("E[h^2]       after layer", *(f"{layer:8d}" for layer in (1, 2, 5, 10, 20)))
for (f_name, name), runs in signals.items():
    row = runs.mean(axis=0)[[1, 2, 5, 10, 20]]
    print(f"{f_name:5s} size {name:6s}      ", *(f"{number:8.1e}" for number in row))

# %%
import matplotlib.pyplot as plt

figure, both_axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
for axes, f_name in zip(both_axes, ("tanh", "relu")):
    for name, mark in zip(sizes, "vosp"):
        row = signals[f_name, name].mean(axis=0)
        axes.plot(row, marker=mark, markevery=4, label=f"size {name}")
    axes.set(yscale="log", title=f_name, xlabel="layer", xticks=range(0, DEPTH + 1, 5))
legend = both_axes[1].legend()
label = both_axes[0].set_ylabel("mean square of the outputs")

# %% [markdown]
# ### relu: the prediction holds
#
# The prediction for relu is the factor $\frac{1}{2} n \, \mathrm{Var}(w)$ for each layer. From the table we take the
# factor that the 20 layers have on average.

# %%
print("size     predicted factor    measured")
for name, std in sizes.items():
    predicted = WIDTH * std**2 / 2
    means = signals["relu", name].mean(axis=0)
    measured = (means[-1] / means[0]) ** (1 / DEPTH)
    print(f"{name:6s} {predicted:18.4f} {measured:11.4f}")
    assert abs(measured / predicted - 1) < 0.05, f"relu, size {name}: the factor per layer"

ends = signals["relu", "He"][:, -1]
print(f"He, {NETWORKS} networks one by one: from {ends.min():.2f} to {ends.max():.2f}")
assert ends.max() > 3 * ends.min(), "He keeps the mean; a single network is far from it"

# %% [markdown]
# The last line is worth a look. He keeps the mean *over networks*. One deep and narrow network may have several
# times more signal or less.
#
# ### tanh: the usual formula does not keep the signal
#
# For tanh books take LeCun's $1/n$, or Glorot's, which is the same where all layers are equally wide: near 0 it is
# $\tanh z \approx z$. But look at the table: the signal gets smaller from
# layer to layer. tanh is a bit *below* $z$: $\tanh z \approx z - z^3/3$, and for normal sums with $E[z^2] = q$ this gives
#
# $$E[\tanh(z)^2] \approx q - \tfrac{2}{3} E[z^4] = q - 2 q^2$$
#
# So $1/q$ grows by about 2 in each layer, and after $l$ layers $q \approx 1/(2l)$.

# %%
means = signals["tanh", "LeCun"].mean(axis=0)
for layer in (5, 10, 20):
    print(
        f"layer {layer:2d}: measured {means[layer]:.4f}, 1/(2 layer) = {1 / (2 * layer):.4f}"
    )
assert abs(means[20] * 40 - 1) < 0.15, "tanh with LeCun: the signal falls like 1/(2 layer)"

kept = signals["tanh", "He"].mean(axis=0)
print(f"tanh with the size of He: layer 10 {kept[10]:.4f}, layer 20 {kept[20]:.4f}")
assert abs(kept[20] / kept[10] - 1) < 0.05, "tanh with the size of He keeps its signal"

# %% [markdown]
# That is slow, and nothing like the powers of ten of the other rows: $1/n$ is a good choice for tanh, but "it keeps the
# variance" is not what it does. The size of He *does* keep the signal of tanh, at a number where tanh is bent. For
# the gradient neither of them is perfect, and both are near (chapter 12 measures it).
#
# ### Too large: saturation
#
# With weights of size 1 tanh does not explode, it cannot. It saturates: most outputs are near -1 or 1,
# where the slope is nearly 0. The histograms show the outputs layer by layer, first with LeCun, then with size 1.

# %%
from tinygrad_mlp import interpret


def standard(n_inputs, n_outputs, rng):
    return rng.normal(size=(n_outputs, n_inputs))


X_noise = np.random.default_rng(SEED).normal(size=(50, 40))
wide = {
    "LeCun": MLP(40, [40] * 4, "tanh", "tanh", init="lecun_normal", rng=SEED),
    "size 1": MLP(40, [40] * 4, "tanh", "tanh", init=standard, rng=SEED),
}
viz.plots.activation_histograms(wide["LeCun"], X_noise, title="tanh, LeCun")

# %%
viz.plots.activation_histograms(wide["size 1"], X_noise, title="tanh, weights of size 1")

# %%
flat = {}
for name, model in wide.items():
    outputs = interpret.activations(model, X_noise)["layers.3"]
    flat[name] = np.mean(1 - outputs**2 < 0.05)
    print(f"{name:6s} {flat[name]:6.1%} of the slopes of the last layer are below 0.05")
assert flat["LeCun"] < 0.01, "with LeCun nearly no unit is saturated"
assert flat["size 1"] > 0.6, "with weights of size 1 most units are saturated"

# %% [markdown]
# ## Backwards, and why Glorot takes the mean
#
# The gradient goes through the same weights in the other direction. An input goes into $n_\text{out}$ units, so it gets
# a sum of $n_\text{out}$ terms, and the same line about variances gives
#
# $$E \left[ \left( \frac{\partial L}{\partial x} \right)^2 \right] =
# n_\text{out} \, \mathrm{Var}(w) \, E \left[ \left( \frac{\partial L}{\partial z} \right)^2 \right]$$
#
# To keep the signal we need $1/n_\text{in}$, to keep the gradient $1/n_\text{out}$. Glorot and Bengio take the mean
# of $n_\text{in}$ and $n_\text{out}$. What does it do? Two stacks of layers without an activation: a funnel, each half
# as wide as the one before, and one that goes up and down.

# %%
from itertools import pairwise

from tinygrad_mlp.nn import init

shapes = {"funnel": [256, 128, 64, 32, 16], "up and down": [64, 128] * 5 + [64]}


def through(initializer, pairs, rng):
    """How the mean square changes from the first to the last layer, and back."""
    matrices = [initializer(n_in, n_out, rng) for n_in, n_out in pairs]
    h = rng.normal(size=(20, pairs[0][0]))
    g = rng.normal(size=(20, pairs[-1][1]))
    first, last = np.mean(h**2), np.mean(g**2)
    for W in matrices:
        h = h @ W.T
    for W in reversed(matrices):
        g = g @ W
    return np.mean(h**2) / first, np.mean(g**2) / last


variances = {
    "lecun_normal": lambda n_in, n_out: 1 / n_in,
    "xavier_normal": lambda n_in, n_out: 2 / (n_in + n_out),
}
print(
    "                           signal: predicted, measured    gradient: predicted, measured"
)
for shape, widths in shapes.items():
    pairs = list(pairwise(widths))
    for name, variance in variances.items():
        rng = np.random.default_rng(SEED)
        draw = init.initializer_named(name)
        forward, backward = np.mean([through(draw, pairs, rng) for _ in range(100)], axis=0)
        f = np.prod([n_in * variance(n_in, n_out) for n_in, n_out in pairs])
        b = np.prod([n_out * variance(n_in, n_out) for n_in, n_out in pairs])
        print(f"{shape:11s} {name:13s} {f:16.4f} {forward:9.4f} {b:20.4f} {backward:9.4f}")
        assert abs(forward / f - 1) < 0.2, f"{shape}, {name}: the signal as predicted"
        assert abs(backward / b - 1) < 0.2, f"{shape}, {name}: the gradient as predicted"

# %% [markdown]
# In the funnel Glorot's weights change both, the signal and the gradient, and the gradient by less than LeCun's. But look at the other
# stack: there LeCun keeps both and Glorot neither. The factors $n_\text{out}/n_\text{in}$ of LeCun's gradient multiply to (last
# width) / (first width), whatever stands between, so nothing piles up. Glorot's do not: 64 to 128 and back is
# $\frac{2}{3} \cdot \frac{4}{3} = \frac{8}{9}$, each time. Where all layers are equally wide the two are the same.
#
# ## The biases
#
# Biases may begin at 0: the weights are different already, so the units are. For relu that is the custom. For tanh it
# can have a price in the first layer. A tanh unit goes from -1 to 1, and its middle is where its sum is 0: the line
# $w \cdot x + b = 0$. With $b = 0$ this line goes through the origin, *for every unit*. The package draws these biases from $N(0, 1)$. Here are the
# lines of 16 hidden units over two spirals:

# %%
from tinygrad_mlp.data import make_spirals

spirals, arms = make_spirals(300, turns=1.75, rng=SEED)
spirals *= 5


drawn = {"all": (0, 1), "first": (0,), "second": (1,), "none": ()}


def start(biases, seed):
    """Always the same weights; a hidden layer that is not in `drawn` has biases of 0."""
    model = MLP(2, [16, 16, 1], activation="tanh", rng=seed)
    for number, layer in enumerate(model.layers):
        for unit in layer.neurons:
            if number not in drawn[biases]:
                unit.b.data = 0.0
    return model


figure, both_axes = plt.subplots(1, 2, figsize=(9, 4.5), sharey=True)
for axes, biases in zip(both_axes, ("none", "first")):
    for label, color in ((0, "tab:blue"), (1, "tab:orange")):
        axes.scatter(*spirals[arms == label].T, s=6, color=color)
    for unit in start(biases, SEED).layers[0].neurons:
        (w1, w2), b = (w.data for w in unit.w), unit.b.data
        length = np.hypot(w1, w2)
        foot = -b * np.array([w1, w2]) / length**2  # next to the origin
        axes.axline(foot, foot + np.array([-w2, w1]) / length, color="gray", lw=0.8)
    axes.set(xlim=(-5.5, 5.5), ylim=(-5.5, 5.5), aspect="equal")
    axes.set_title("biases 0" if biases == "none" else "biases from N(0, 1)")

# %% [markdown]
# Does it matter, since training moves the biases anyway? We train from the *same weights* four times: with biases in both
# hidden layers, in the first alone, in the second alone, and in none. How many epochs until 98 % of the points are
# right? (80 epochs are the most.)


# %%
class StopWhenLearned:
    """A callback: the training ends as soon as 98 % are right."""

    only_looks = True

    def on_epoch_end(self, epoch, history, model):
        return history.accuracy[-1] >= 0.98


def epochs_to_learn(biases, seed):
    X, y = make_spirals(300, turns=1.75, rng=seed)
    history = fit(
        start(biases, seed),
        5 * X,
        y,
        epochs=80,
        batch_size=10,
        optimizer="adam",
        learning_rate=0.01,
        rng=seed,
        log_every=None,
        callbacks=[StopWhenLearned()],
    )
    return history.n_epochs


seeds = range(SEED, SEED + 4)
epochs = {}
for biases in drawn:
    found = epochs[biases] = np.array([epochs_to_learn(biases, seed) for seed in seeds])
    print(f"biases drawn: {biases:7s} epochs {found}, mean {found.mean():.0f}")
assert (epochs["none"] > epochs["all"]).all(), "biases of zero are slower, with every seed"
assert epochs["none"].mean() > 1.4 * epochs["all"].mean(), "on average by far"
assert epochs["first"].mean() < 1.25 * epochs["all"].mean(), "the first layer is enough"
assert epochs["second"].mean() > 1.3 * epochs["first"].mean(), "the second is not"

# %% [markdown]
# It is the first layer alone: its lines are those in the plane of the data. This is a measurement on one kind of data, and no law for
# all of them. (A relu unit has its bend on the same line. Does it pay the same price? The activation is one word in `start`.) (`python -m tests.benchmarks initializers` compares more ways to begin.)
#
# ## What the package does by default
#
# `MLP(...)` without `init` draws by the activation of each layer; `help(nn.init)` has the table. Here it is measured: the
# standard deviation of the weights times $\sqrt{n}$, and that of the biases.

# %%
print("            layer    std of weights * sqrt(n)    std of biases")
expected = {
    "relu": [(1 / np.sqrt(3), 0), (np.sqrt(2), 0), (1, 0)],
    "tanh": [(1, 1), (1, 1 / np.sqrt(WIDTH)), (1, 0)],
}
for activation, rows in expected.items():
    model = MLP(WIDTH, [WIDTH] * 3, activation=activation, rng=SEED)
    for number, (layer, (of_weights, of_biases)) in enumerate(zip(model.layers, rows)):
        w = np.std([w.data for unit in layer.neurons for w in unit.w]) * np.sqrt(WIDTH)
        b = np.std([unit.b.data for unit in layer.neurons])
        kind = "output" if number == 2 else activation
        print(f"{activation}, {kind:7s} {number} {w:22.3f} {b:20.3f}")
        assert abs(w / of_weights - 1) < 0.05, f"{activation}, layer {number}: weights"
        assert abs(b - of_biases) <= 0.35 * of_biases, (
            f"{activation}, layer {number}: biases"
        )

# %% [markdown]
# Two rows differ from the formulas above. You know the reason for the biases of the first tanh layer. The
# first *relu* layer has the variance $1/(3n)$, a sixth of He's. A relu network hands on the scale of its
# features, and outputs that begin too large make the first steps too long. Here is a training that is common in lectures:
# four samples, 3-4-4-1, the sum of the squared errors, plain gradient descent with rate 0.1. We do it 100 times from
# each beginning: He in all layers, the same with a first layer as small as that of the default, and the default, whose last layer
# is smaller too. We count how often the loss rises to more than ten times the first one (or is no number at all):

# %%
from tinygrad_mlp import compile
from tinygrad_mlp.losses import mean_squared_error

X_4 = np.array([[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]])
y_4 = np.array([1.0, -1.0, -1.0, 1.0])
small = MLP(3, [4, 4, 1])


def sum_of_squares(X, y):
    return 4 * mean_squared_error([small(x) for x in X], y)


program = compile(sum_of_squares, small.parameters())


def begin(name, seed):
    model = MLP(3, [4, 4, 1], init=None if name == "default" else "he_normal", rng=seed)
    if name == "He, smaller first layer":
        for unit in model.layers[0].neurons:
            for w in unit.w:
                w.data /= np.sqrt(6)  # the variance becomes a sixth
    return model


def diverges(begun):
    program.parameters[:] = [p.data for p in begun.parameters()]
    losses = []
    with np.errstate(all="ignore"):  # what diverges may overflow
        for _ in range(20):
            losses.append(program(X_4, y_4))
            program.parameters -= 0.1 * program.gradients
    return not all(loss <= 10 * losses[0] for loss in losses)


loops = range(100 * SEED, 100 * SEED + 100)
diverged = {}
for name in ("He", "He, smaller first layer", "default"):
    diverged[name] = sum(diverges(begin(name, seed)) for seed in loops)
    print(f"{name}: {diverged[name]} of 100 trainings diverge")
assert diverged["He, smaller first layer"] < 0.8 * diverged["He"], (
    "with a smaller first layer fewer trainings diverge"
)
assert diverged["default"] < 0.5 * diverged["He"], "with the default less than half as many"

# %% [markdown]
# ## Does it matter for training?
#
# Ten hidden layers of 20 relu units on small pictures of digits. The same training, 10 epochs, from five
# beginnings with four seeds each. A training whose loss is no number any more counts as 0.

# %%
from tinygrad_mlp.data import load_digits, train_test_split

digits = load_digits()
beginnings = {
    "normal 0.01": "normal",
    "normal 1": standard,
    "LeCun": "lecun_normal",
    "He": "he_normal",
    "default": None,
}
prepared = {}
for seed in seeds:
    parts = train_test_split(digits.X, digits.y, test_size=0.7, rng=seed)
    scaler = StandardScaler().fit(parts[0])
    prepared[seed] = scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]
histories = {}


def train(name, optimizer, rate, seed):
    X_train, X_test, y_train, y_test = prepared[seed]
    model = MLP(64, [20] * 10 + [10], init=beginnings[name], rng=seed)
    history = fit(
        model,
        X_train,
        y_train,
        epochs=10,
        batch_size=32,
        optimizer=optimizer,
        learning_rate=rate,
        rng=seed,
        log_every=None,
    )
    if seed == SEED and optimizer == "sgd":
        histories[name] = history
    finite = np.isfinite(history.loss[-1])
    return accuracy(model, X_test, y_test) if finite else 0.0


def gain(one, other):
    """The mean of the differences in pairs, and half of its 95 % interval (t = 3.182)."""
    differences = found[one] - found[other]
    half = 3.182 * differences.std(ddof=1) / np.sqrt(len(differences))
    print(f"{one} - {other}: {differences.mean():+.1%} +- {half:.1%}")
    return differences.mean(), half


found = {}
for name in beginnings:
    found[name] = np.array([train(name, "sgd", 0.05, seed) for seed in seeds])
    print(f"SGD   {name:12s}", *(f"{share:6.1%}" for share in found[name]))

# %%
assert found["normal 0.01"].max() < 0.2, "from too small weights nothing is learned"
assert found["normal 1"].max() < 0.2, "from too large weights nothing either"
mean, half = gain("He", "LeCun")
assert mean - half > 0, "relu: He is ahead of LeCun on average"
mean, half = gain("default", "LeCun")
assert mean - half > 0, "relu: and so is the default"

# %%
viz.plots.loss_curve(
    {name: histories[name] for name in ("normal 0.01", "LeCun", "He", "default")},
    title="Ten hidden layers, SGD, one seed",
)

# %% [markdown]
# The good guess "He is for relu, so take He" holds here, for plain gradient descent. An optimizer that scales each step by itself
# forgives more; exercise 4 shows how much.
#
# | question | answer |
# |---|---|
# | may weights be equal? | no: equal units stay equal |
# | may biases be zero? | for relu it is the custom; in the first layer of tanh it made training slow |
# | how large for relu? | He, $2/n$; in the first layer less |
# | how large for tanh? | LeCun, $1/n$, or Glorot |
# | what if I say nothing? | the package takes these |
#
# ## Exercises
#
# ### Exercise 1
#
# He's weights can also be drawn from a uniform distribution between $-a$ and $a$. Which $a$ gives the variance $2/n$?

# %% [markdown] tags=["answer"]
# The variance of the uniform distribution is $a^2/3$. So $a^2 = 6/n$, and $a = \sqrt{6/n}$.

# %% tags=["answer"]
drawn = init.he_uniform(WIDTH, 2000, rng=SEED)
a = np.sqrt(6 / WIDTH)
print(f"a = {a:.4f}, largest weight {np.abs(drawn).max():.4f}")
print(f"variance {drawn.var():.5f}, 2/n = {2 / WIDTH:.5f}")
assert 0.999 * a < np.abs(drawn).max() <= a, "exercise 1: the weights end at a"
assert abs(drawn.var() * WIDTH / 2 - 1) < 0.02, "exercise 1: the variance is 2/n"

# %% [markdown]
# ### Exercise 2
#
# A leaky relu has the slope 1 for $z > 0$ and $s$ for $z < 0$. Which variance keeps the signal? Check your formula for
# $s = 0.5$.

# %% [markdown] tags=["answer"]
# Half of the mean square comes from each side, and the negative side is multiplied by $s^2$:
#
# $$E[f(z)^2] = \frac{1 + s^2}{2} E[z^2], \quad \text{so} \quad \mathrm{Var}(w) = \frac{2}{(1 + s^2) \, n}$$


# %% tags=["answer"]
def leaky(z):
    return np.where(z > 0, z, 0.5 * z)


rng = np.random.default_rng(SEED)
std = np.sqrt(2 / (1.25 * WIDTH))
means = np.mean([mean_squares(leaky, std, rng) for _ in range(NETWORKS)], axis=0)
factor = (means[-1] / means[0]) ** (1 / DEPTH)
print(f"factor for each layer: {factor:.4f}")
assert abs(factor - 1) < 0.05, "exercise 2: this variance keeps the signal of a leaky relu"

# %% [markdown]
# ### Exercise 3
#
# Let only the weights of the *last* layer begin at zero, and draw those of the hidden layer. Does the network learn? Are its
# hidden units still equal to one another?

# %% [markdown] tags=["answer"]
# It learns. In the first step only the output weights get a gradient, since the hidden units get theirs through the output weights,
# which are 0. After this step these are no longer 0, and they differ, because the hidden units differ.

# %% tags=["answer"]
model = MLP(2, [4, 1], activation="tanh", rng=SEED)
before = [w.data for unit in model.layers[0].neurons for w in unit.w]
for w in model.layers[1].neurons[0].w:
    w.data = 0.0
steps = 0
for more in (1, 300):
    fit(model, X, y, epochs=more, optimizer="sgd", learning_rate=0.5, log_every=None)
    steps += more  # an epoch is one step here
    after = [w.data for unit in model.layers[0].neurons for w in unit.w]
    moved = np.abs(np.subtract(after, before)).max()
    print(f"after {steps:3d} steps: a hidden weight moved by {moved:.4f} at most", end=", ")
    print(f"accuracy {accuracy(model, X, y):.1%}")
    assert (moved == 0) == (steps == 1), "exercise 3: they move from the second step on"
assert accuracy(model, X, y) > 0.8, "exercise 3: the network learns"

# %% [markdown]
# ### Exercise 4
#
# Train the ten layers with Adam (rate 0.005) in place of SGD, from LeCun's and from He's weights. Is He still far ahead?

# %% [markdown] tags=["answer"]
# No. Adam divides each step by the typical size of the gradient. A gradient that is small because the signal has become small
# gives a step of the usual size all the same.

# %% tags=["answer"]
for name in ("LeCun", "He"):
    shares = np.array([train(name, "adam", 0.005, seed) for seed in seeds])
    found[f"{name}, Adam"] = shares
    print(f"Adam  {name:12s}", *(f"{share:6.1%}" for share in shares))
gap, half = gain("He, Adam", "LeCun, Adam")
gap_sgd, _ = gain("He", "LeCun")
assert abs(gap) < gap_sgd / 3, (
    "exercise 4: with Adam the two are much nearer to one another"
)
