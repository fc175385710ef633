# %% [markdown]
# # Vanishing and exploding gradients
#
# In a deep network the gradient of the first layer is a product with one factor for each layer. You learn to
# measure how a gradient grows or shrinks with depth, to predict the rate from the activation and the size of the weights, to
# recognize both faults in the reports of the debugger, and what each remedy does. Expect that one common
# sentence, "sigmoids make the gradient vanish", is only true for weights of the usual size, and that clipping saves
# some trainings, but does not make up for weights that are too large.
#
# ## A chain of units
#
# Let each layer have one unit: $h_l = f(z_l)$ with $z_l = w_l h_{l-1} + b_l$. The chain rule gives a product of weights and slopes:
#
# $$\frac{\partial h_L}{\partial h_0} = w_L f'(z_L) \cdot w_{L-1} f'(z_{L-1}) \cdots w_1 f'(z_1)$$
#
# The slope of the sigmoid is at most $\frac{1}{4}$ (chapter 3). With weights of size 1 each layer divides the gradient by four
# or more.

# %%
import numpy as np

import viz
from tinygrad_mlp import MLP, Value, fit

SEED = 0

chain = MLP(1, [1] * 4, activation="sigmoid", output_activation="sigmoid", init="zeros")
for layer in chain.layers:
    layer.neurons[0].w[0].data = 1.0

x = Value(0.5)
out = chain([x])
out.backward()

h, product = 0.5, 1.0
for _ in chain.layers:
    h = 1 / (1 + np.exp(-h))  # z = 1 * h + 0
    product *= 1.0 * h * (1 - h)
    print(f"slope {h * (1 - h):.4f}, product so far {product:.6f}")
print(f"by the engine {x.grad:.6f}")
assert abs(product - x.grad) < 1e-12, "the gradient is the product of weights and slopes"
assert x.grad < 0.25**4, "four sigmoids leave less than (1/4)^4"

# %%
viz.draw(out, style="slide")

# %% [markdown]
# ## Layers
#
# With many units the factor of a layer is a matrix: its weights, each row multiplied by the slope of its unit. Backwards ($\odot$
# multiplies component by component):
#
# $$\frac{\partial L}{\partial h_{l-1}} = W_l^T \Big( f'(z_l) \odot \frac{\partial L}{\partial h_l} \Big)$$
#
# We look at the size of $\partial L / \partial h_l$, the root of its mean square, layer by layer. After `backward` each node of
# the graph has its gradient, those in the middle too; so we keep the outputs of the layers.


# %%
def size(numbers):
    return np.sqrt(np.mean(np.square(numbers)))


def hidden_gradients(model, x):
    """The gradient by each output of each hidden layer, (n_layers, n_units), and the loss."""
    hidden = []
    for layer in model.layers:
        x = layer.forward(x)
        hidden.append(x)
    loss = (hidden.pop()[0] - 1.0) ** 2
    loss.backward()
    return np.array([[node.grad for node in h] for h in hidden]), loss


def standard(n_inputs, n_outputs, rng):
    """Weights from N(0, 1), which is much."""
    return rng.normal(size=(n_outputs, n_inputs))


kinds = {
    "sigmoid, Glorot": ("sigmoid", "xavier_normal"),
    "tanh, LeCun": ("tanh", "lecun_normal"),
    "relu, He": ("relu", "he_normal"),
    "relu, size 1": ("relu", standard),
}
sample = np.random.default_rng(SEED).normal(size=20).tolist()
gradients, losses, networks = {}, {}, {}
for name, (activation, init) in kinds.items():
    networks[name] = MLP(20, [20] * 12 + [1], activation=activation, init=init, rng=SEED)
    gradients[name], losses[name] = hidden_gradients(networks[name], sample)

print("size of dL/dh in layer", *(f"{layer:8d}" for layer in (1, 3, 6, 9, 12)))
for name, rows in gradients.items():
    print(f"{name:22s}", *(f"{size(rows[layer - 1]):8.1e}" for layer in (1, 3, 6, 9, 12)))

ratios = {name: size(rows[0]) / size(rows[-1]) for name, rows in gradients.items()}
assert ratios["sigmoid, Glorot"] < 1e-4, "sigmoids: the gradient vanishes"
assert ratios["relu, size 1"] > 1e3, "large weights: the gradient explodes"
assert 0.02 < ratios["tanh, LeCun"] < 50, "tanh with LeCun: it stays within a factor of 50"
assert 0.02 < ratios["relu, He"] < 50, "relu with He: it stays within a factor of 50"

# %% [markdown]
# Read the rows from right to left: backpropagation begins at the last layer. What does the debugger say about these four
# networks? `health` compares the gradients of the layers' weights:

# %%
from textwrap import fill

from tinygrad_mlp.debug import health

reports = {name: health(networks[name], losses[name]) for name in kinds}
for name, report in reports.items():
    print(fill(f"{name}: {report.verdict}", 90))
assert reports["sigmoid, Glorot"].status == "vanishing", "health calls it vanishing"
assert reports["relu, size 1"].status == "exploding", "health calls it exploding"
assert reports["tanh, LeCun"].status == "healthy", "health calls it healthy"

# %% [markdown]
# ## Every activation with every initializer
#
# One network is chance, and 12 layers are few. For more of them we write the formula above in NumPy, and check it
# against the engine first.


# %%
def sigmoid(z):
    return (1 + np.tanh(z / 2)) / 2  # the same function, and no number that overflows


functions = {  # the activation, and its slope
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (lambda z: np.maximum(z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
    "elu": (
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0))),
    ),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z)))),
}


def backwards(activation, matrices, h, g):
    """dL/dh of each layer, for the inputs h of the first, and g = dL/dh of the last."""
    f, slope = functions[activation]
    slopes = []
    for W in matrices:
        z = h @ W.T
        h = f(z)
        slopes.append(slope(z))
    found = [g]
    for W, s in zip(reversed(matrices), reversed(slopes)):
        found.append((found[-1] * s) @ W)
    return found[::-1]  # that by the inputs comes first


for name, (activation, _) in kinds.items():
    layers = networks[name].layers[:-1]
    matrices = [
        np.array([[w.data for w in n.w] for n in layer.neurons]) for layer in layers
    ]
    by_numpy = backwards(activation, matrices, np.array(sample), gradients[name][-1])[1:]
    gap = np.abs(by_numpy - gradients[name]).max() / np.abs(gradients[name]).max()
    print(f"{name}: largest difference between NumPy and the engine {gap:.0e}")
    assert gap < 1e-12, f"{name}: the formula in NumPy is what the engine computes"

# %% [markdown]
# Now 20 layers of 100 units, four networks for each pair. The number is the size of the gradient at the first layer divided by that at
# the last one (the geometric mean over the networks). The picture shows its powers of ten: orange where the gradient vanishes on the way
# back, blue where it explodes.

# %%
WIDTH, DEPTH, NETWORKS = 100, 20, 4

gains = {  # n Var(w)
    "N(0, 0.01^2)": WIDTH * 0.01**2,
    "LeCun 1/n": 1.0,
    "He 2/n": 2.0,
    "16/n": 16.0,
    "N(0, 1)": float(WIDTH),
}


def first_by_last(activation, gain, rng):
    """The size of dL/dh of the first layer, by that of the last."""
    std = np.sqrt(gain / WIDTH)
    matrices = [rng.normal(0, std, size=(WIDTH, WIDTH)) for _ in range(DEPTH)]
    h, g = rng.normal(size=(2, 20, WIDTH))
    found = backwards(activation, matrices, h, g)
    return size(found[1]) / size(found[-1])


def measured(activation, gain):
    rng = np.random.default_rng(SEED)
    runs = [first_by_last(activation, gain, rng) for _ in range(NETWORKS)]
    return np.exp(np.mean(np.log(runs)))


table = {(a, name): measured(a, gain) for a in functions for name, gain in gains.items()}
print("first by last", *(f"{name:>13s}" for name in gains))
for a in functions:
    print(f"{a:13s}", *(f"{table[a, name]:13.1e}" for name in gains))

# %%
powers = np.array([[np.log10(table[a, name]) for name in gains] for a in functions])
viz.plots.heat_map(
    powers,
    functions,
    gains,
    row_label="activation",
    column_label="initializer",
    number_format="+.1f",
    most=10.0,
    title="Powers of ten: first gradient by last one",
)

# %%
for a in functions:
    assert table[a, "N(0, 0.01^2)"] < 1e-12, (
        f"{a}: with small weights the gradient vanishes"
    )
for a in ("relu", "leaky_relu", "elu", "silu"):
    assert table[a, "16/n"] > 1e6, f"{a}: with large weights the gradient explodes"
for usual in ("LeCun 1/n", "He 2/n"):
    assert table["sigmoid", usual] < 1e-6, f"sigmoid: it vanishes with {usual}"
assert table["sigmoid", "N(0, 1)"] > 0.1, "sigmoid: with weights from N(0, 1) it stays"
for a in ("relu", "leaky_relu"):
    assert 0.1 < table[a, "He 2/n"] < 10, f"{a}: He keeps the gradient"
    assert table[a, "LeCun 1/n"] < 0.02, f"{a}: LeCun does not"
tanh_rates = {}
for name in ("LeCun 1/n", "He 2/n"):
    tanh_rates[name] = table["tanh", name] ** (1 / (DEPTH - 1))
    print(f"tanh, {name}: factor per layer {tanh_rates[name]:.3f}")
assert 0.9 < tanh_rates["LeCun 1/n"] < 1, (
    "tanh with LeCun: a few percent less in each layer"
)
assert 1 < tanh_rates["He 2/n"] < 1.1, "tanh with 2/n: a few percent more in each layer"

# %% [markdown]
# The initializer is chosen *for* the activation: one column is right for one row. And one field does not fit the
# common sentence: with weights from $N(0, 1)$ the gradient of the sigmoids does *not* vanish. We come back to it.
#
# ## The rate, predicted
#
# Each layer multiplies the mean square of the gradient by a factor $\chi$. The line about variances of chapter 11, with the
# slopes in it, gives
#
# $$\chi = n \, \mathrm{Var}(w) \; E[f'(z)^2], \qquad z \sim N(0, q), \qquad q = n \, \mathrm{Var}(w) \; E[h^2]$$
#
# where $h$ is what comes into the layer. For relu half of the slopes are 1, so $\chi = n \, \mathrm{Var}(w) / 2$, and He's $2/n$ makes it 1:
# the same condition as that for the signal. For the sigmoid $f' \le \frac{1}{4}$ and so $\chi \le n \, \mathrm{Var}(w) / 16$. The two
# means over the normal distribution are sums over a fine grid:

# %%
grid = np.linspace(-8, 8, 2000)
density = np.exp(-(grid**2) / 2)
density /= density.sum()


def predicted(activation, gain):
    """The factor for each layer by which the size of the gradient should change."""
    f, slope = functions[activation]
    mean_square, logs = 1.0, []
    for _ in range(DEPTH):
        z = np.sqrt(gain * mean_square) * grid
        logs.append(np.log(gain * (density @ slope(z) ** 2)) / 2)
        mean_square = density @ f(z) ** 2
    return np.exp(np.mean(logs[1:]))  # from the last layer to the first


print("factor per layer, predicted and measured")
print(" " * 10, *(f"{name:>13s}" for name in gains))
for a in functions:
    print(f"{a:10s}", end="")
    for name, gain in gains.items():
        expected, found = predicted(a, gain), table[a, name] ** (1 / (DEPTH - 1))
        print(f"{expected:8.3f}{found:6.3f}", end="")
        assert abs(found / expected - 1) < 0.12, f"{a}, {name}: the rate as predicted"
    print()

# %% [markdown]
# The prediction is for very wide layers; a hundred units follow it within some percent, over many powers of ten.
#
# ## "Sigmoids make the gradient vanish"
#
# Here is the rate against the size of the weights, from small to very large. The lines are predictions, the marks
# measured.

# %%
import matplotlib.pyplot as plt

scales = np.geomspace(0.5, 32, 10)  # the square root of n Var(w)
rates = {}
figure, axes = plt.subplots(figsize=(8, 4.5))
for a, mark in (("sigmoid", "o"), ("tanh", "s"), ("relu", "^")):
    rates[a] = np.array([measured(a, s**2) for s in scales]) ** (1 / (DEPTH - 1))
    line = axes.plot(scales, [predicted(a, s**2) for s in scales], label=a)
    axes.plot(scales, rates[a], mark, color=line[0].get_color())
axes.axhline(1, color="gray", lw=0.8)
axes.set(
    xscale="log", yscale="log", xlabel="standard deviation of the weights, times root of n"
)
axes.set_ylabel("factor for each layer")
legend = axes.legend()

# %%
crossed = {a: scales[np.argmax(rates[a] > 1)] for a in rates}
for a, scale in crossed.items():
    print(f"{a:8s} grows from {scale:5.2f} / root of n on (of the sizes that were tried)")
bound = rates["sigmoid"] / (scales / 4)
print(f"sigmoid: the factor is at most {bound.max():.3f} of its bound, scale / 4")
assert bound.max() <= 1.0, "sigmoid: the factor is at most a quarter of the scale"
assert (rates["sigmoid"][scales < 7] < 1).all(), "sigmoid: it vanishes with weights below 7"
assert (rates["sigmoid"][scales > 12] > 1).all(), "sigmoid: it explodes with large weights"
assert 1 < crossed["tanh"] < 2.5, "tanh: the border lies between 1 and 2.5"
assert 1.2 < crossed["relu"] < 2.5, "relu: and so does that of relu"

# %% [markdown]
# So a sigmoid can do both. Its gradient vanishes for weights of the usual size, and explodes for very large ones. In
# between, near $10/\sqrt{n}$, the gradient keeps its size over all layers. Is this the remedy? Look
# at what the units do there:

# %%
rng = np.random.default_rng(SEED)
h = rng.normal(size=(20, WIDTH))
for _ in range(DEPTH):
    h = sigmoid(h @ rng.normal(0, 10 / np.sqrt(WIDTH), size=(WIDTH, WIDTH)).T)
slopes = h * (1 - h)
flat = slopes < 0.05
carried = np.sum(slopes[~flat] ** 2) / np.sum(slopes**2)
print(
    f"weights of 10 / root of n: {flat.mean():.0%} of the sigmoids have a slope below 0.05"
)
print(f"the others carry {carried:.0%} of the sum of the squared slopes")
assert flat.mean() > 0.5, "sigmoid: the gradient stays where most units are saturated"
assert carried > 0.9, "a minority of the units carries it"

# %% [markdown]
# Most units are switches that are nearly fully on or off. The others, a minority, carry the gradient. Below we train such a network.
#
# ## Exploding: what one sees
#
# Digits, ten hidden layers of 16 units, and weights with $n \, \mathrm{Var}(w) = 16$. With leaky relu the signal, and the
# gradient too, grow in each layer by a factor near $\sqrt{8}$. `health` sees it before the first step:

# %%
from tinygrad_mlp import accuracy
from tinygrad_mlp.data import StandardScaler, load_digits, train_test_split
from tinygrad_mlp.debug import HealthMonitor, detect_anomaly
from tinygrad_mlp.errors import NonFiniteError
from tinygrad_mlp.losses import categorical_cross_entropy

digits = load_digits()
seeds = range(SEED, SEED + 3)
parts = {}
for seed in seeds:
    X_train, X_test, *labels = train_test_split(digits.X, digits.y, test_size=0.7, rng=seed)
    scaler = StandardScaler().fit(X_train)
    parts[seed] = scaler.transform(X_train), scaler.transform(X_test), *labels
X, _, y, _ = parts[SEED]


def scaled(gain):
    """An initializer: normal weights with n Var(w) = gain."""

    def initializer(n_inputs, n_outputs, rng):
        return rng.normal(0, np.sqrt(gain / n_inputs), size=(n_outputs, n_inputs))

    return initializer


def exploding(activation):
    return MLP(64, [16] * 10 + [10], activation=activation, init=scaled(16), rng=SEED)


model = exploding("leaky_relu")
loss = categorical_cross_entropy([model(x) for x in X[:20].tolist()], y[:20].tolist())
report = health(model, loss)
print(fill(report.verdict, 90))
assert report.status == "exploding", "health calls it exploding before the first step"

# %% [markdown]
# Who does not look trains, and `fit` ends with a loss that is no number:

# %%
settings = {"batch_size": 32, "learning_rate": 0.2, "rng": SEED, "log_every": None}
history = fit(model, X, y, epochs=10, **settings)
assert np.isnan(history.loss[-1]), "large weights: the loss is no number after a few steps"

# %% [markdown]
# Where does the first such number come from? Within `detect_anomaly()` a training raises an error at the operation that
# made it. The error also tells the line of the program and the inputs; here are its first and its last lines:

# %%
try:
    with detect_anomaly():
        fit(exploding("leaky_relu"), X, y, epochs=10, **settings)
    raised = []
except NonFiniteError as error:
    raised = str(error).splitlines()
    print(*raised[:2], fill(raised[-1].strip(), 90), sep="\n")
assert raised, "detect_anomaly raises at the first number that is none"

# %% [markdown]
# With relu the same disease mostly looks different. One enormous step throws the units to where they are 0 for every sample:
# they are dead (chapter 3), and after that the loss looks harmless. `HealthMonitor` is a callback that
# looks after each epoch. (What happens depends on the seed; some of these trainings end as the one above.)

# %%
monitor = HealthMonitor(n_samples=50)
history = fit(exploding("relu"), X, y, epochs=3, callbacks=[monitor], **settings)
print("status after each epoch:", [report.status for report in monitor.reports])
print("loss of each epoch:", *(f"{loss:.3g}" for loss in history.loss))
lost = not history.loss[-1] < np.log(10) - 0.05
assert lost, "large weights with relu: in the end nothing is learned"
assert not history.loss[0] < 100, "and the first epoch has an enormous loss, or none"

# %% [markdown]
# If a training stays at the loss of guessing, $\log(10)$ for ten classes, look at the loss of the *first* epoch. It shows
# an explosion, even where all later ones look harmless.
#
# ## The remedies, measured
#
# The same ten hidden layers, SGD with rate 0.2, 8 epochs, three seeds. A skip connection adds the input of a layer to its output,
# $h_l = h_{l-1} + f(z_l)$; its derivative is 1 plus the usual one, so the product over the layers has a path of ones. It is
# a model of our own. (Batch normalization is the topic of chapter 14.)

# %%
from tinygrad_mlp import Layer, Module
from tinygrad_mlp.nn import Sequential


class Skip(Module):
    """A layer with a connection that goes around it."""

    def __init__(self, n, rng):
        self.layer = Layer(n, n, "sigmoid", init="xavier_normal", rng=rng)

    def forward(self, x):
        return [a + b for a, b in zip(x, self.layer.forward(x))]


def with_skips(seed):
    rng = np.random.default_rng(seed)
    first, last = Layer(64, 16, "sigmoid", rng=rng), Layer(16, 10, None, rng=rng)
    return Sequential(first, *(Skip(16, rng) for _ in range(9)), last)


def plain(activation, init, **more):
    def make(seed):
        return MLP(64, [16] * 10 + [10], activation=activation, init=init, rng=seed, **more)

    return make


ways = {  # how to make the network, and the norm to which gradients are clipped
    "sigmoid": (plain("sigmoid", "xavier_normal"), None),
    "sigmoid, size 10 / root of n": (plain("sigmoid", scaled(100)), None),
    "sigmoid, batch norm": (plain("sigmoid", "xavier_normal", batch_norm=True), None),
    "sigmoid, skip connections": (with_skips, None),
    "tanh, LeCun": (plain("tanh", "lecun_normal"), None),
    "relu, He": (plain("relu", "he_normal"), None),
    "relu, 4/n": (plain("relu", scaled(4)), None),
    "relu, 4/n, clipped": (plain("relu", scaled(4)), 1.0),
    "relu, 16/n, clipped": (plain("relu", scaled(16)), 1.0),
}


def share(make, clip_norm, seed):
    """The share of right answers on the test samples; that of guessing if the loss is no number."""
    X_train, X_test, y_train, y_test = parts[seed]
    model = make(seed)
    history = fit(
        model,
        X_train,
        y_train,
        epochs=8,
        batch_size=32,
        learning_rate=0.2,
        clip_norm=clip_norm,
        rng=seed,
        log_every=None,
    )
    return accuracy(model, X_test, y_test) if np.isfinite(history.loss[-1]) else 0.1


found = {}
for name, way in ways.items():
    found[name] = np.array([share(*way, seed) for seed in seeds])
    print(f"{name:29s}", *(f"{number:6.1%}" for number in found[name]))

# %%
figure, axes = plt.subplots(figsize=(8, 4.5))
axes.barh(list(found), [shares.mean() for shares in found.values()], color="lightsteelblue")
for name, shares in found.items():
    axes.plot(shares, [name] * len(shares), "k|", markersize=10)
axes.axvline(0.1, color="gray", lw=0.8)
axes.set(
    xlim=(0, 1), xlabel="right on the test samples: mean, and each seed; gray: guessing"
)
axes.invert_yaxis()

# %%
assert found["sigmoid"].max() < 0.2, "ten layers of sigmoids do not learn"
for remedy in ("sigmoid, batch norm", "sigmoid, skip connections", "tanh, LeCun"):
    assert found[remedy].min() > 0.6, f"{remedy}: learns with every seed"
assert found["relu, He"].min() > 0.2, "relu, He: learns with every seed"
saturated = "sigmoid, size 10 / root of n"
assert found[saturated].max() < 0.4, "a gradient that keeps its size is not enough"
assert found["relu, 4/n"].mean() < 0.2, "weights that are too large do not learn"
gained = found["relu, 4/n, clipped"] - found["relu, 4/n"]
shown = " ".join(f"{gain:+.1%}" for gain in gained)
print(f"what clipping gains: {shown}, mean {gained.mean():+.1%}")
assert gained.mean() > 0.1, "clipping gains more than 10 points on average"
assert gained.min() > -0.03, "and costs nothing in any seed"
assert found["relu, 4/n, clipped"].mean() < found["relu, He"].mean(), (
    "clipped, weights that are too large stay behind those of He on average"
)
assert found["relu, 16/n, clipped"].max() < 0.2, (
    "clipping does not mend much too large weights"
)

# %% [markdown]
# | remedy | what it does to the product | what it did here |
# |---|---|---|
# | initializer for the activation | each factor near 1 | tanh and relu learn |
# | another activation | slopes up to 1 in place of up to 1/4 | the same |
# | batch normalization | scales every layer's sums again | the sigmoids learn |
# | skip connection | adds a path of ones | the sigmoids learn |
# | clipping | shortens a step, and keeps its direction | saves some of the trainings from large weights, and none from very large ones |
# | very large weights for sigmoids | factors near 1, by a few units | next to nothing |
#
# The row of the large sigmoids is a warning: the size of the gradient is *one* condition. Whether its direction
# is worth something, the size does not tell. (Ticks in the picture are single seeds.)
#
# ## Exercises
#
# ### Exercise 1
#
# The weights of a chain of sigmoids are at most 1 in size. How many layers are enough to bring the gradient below one millionth,
# whatever the inputs are?

# %% [markdown] tags=["answer"]
# Each layer multiplies by at most $\frac{1}{4}$, and $(1/4)^L < 10^{-6}$ if $L > 6 \log(10) / \log(4)$: ten layers.

# %% tags=["answer"]
layers = int(np.ceil(6 * np.log(10) / np.log(4)))
print(layers, 0.25**layers, 0.25 ** (layers - 1))
assert layers == 10, "exercise 1: ten layers"
assert 0.25**10 < 1e-6 < 0.25**9, "exercise 1: and nine are not enough"

# %% [markdown]
# ### Exercise 2
#
# Layers without an activation have the slope 1. Which $\mathrm{Var}(w)$ keeps the size of the gradient, and by what is it multiplied
# over 20 layers if the standard deviation of the weights is 10 % larger?

# %% [markdown] tags=["answer"]
# $\chi = n \, \mathrm{Var}(w)$, so $1/n$ keeps it. The factor of each layer is the standard deviation times $\sqrt{n}$: with 10 % more
# it is 1.1, and over 20 layers $1.1^{20}$. Small mistakes grow, too.

# %% tags=["answer"]
functions["none"] = (lambda z: z, np.ones_like)
found_rate = measured("none", 1.1**2) ** (1 / (DEPTH - 1))
print(f"1.1^20 = {1.1**20:.2f}; factor for each layer, measured {found_rate:.3f}")
assert abs(found_rate - 1.1) < 0.05, (
    "exercise 2: the factor is that of the standard deviation"
)

# %% [markdown]
# ### Exercise 3
#
# What does clipping to the norm 1 do to the direction of the gradient, and what to a gradient whose norm is 0.5? Try
# `optim.clip_by_norm`.

# %% [markdown] tags=["answer"]
# It divides all gradients by one and the same number, so the direction stays. A gradient that is short enough stays as it is.

# %% tags=["answer"]
from tinygrad_mlp.optim import clip_by_norm

direction = np.array([0.6, -0.8])
for length in (50.0, 0.5):
    gradient = length * direction
    clip_by_norm(gradient, max_norm=1.0)
    norm = np.hypot(*gradient)
    print(f"norm {length}: becomes {norm:.3f}, direction", (gradient / norm).round(6))
    assert np.allclose(gradient, min(length, 1.0) * direction), (
        "exercise 3: the direction stays"
    )

# %% [markdown]
# ### Exercise 4
#
# Measure the gradient of the first hidden layer by that of the last one in the network with skip connections, before any training. What
# has become of $(1/4)^9$?

# %% [markdown] tags=["answer"]
# The derivative of a block is the identity plus something small. The gradients of the two layers are of similar size.

# %% tags=["answer"]
from tinygrad_mlp import functional

for seed in seeds:
    h, hidden = parts[seed][0][0].tolist(), []
    for block in with_skips(seed):
        h = block.forward(h)
        hidden.append(h)
    functional.sum([z**2 for z in h]).backward()
    sizes = [size([node.grad for node in outputs]) for outputs in hidden[:-1]]
    print(f"seed {seed}: first layer {sizes[0]:.3f}, last hidden layer {sizes[-1]:.3f}")
    assert 0.3 < sizes[0] / sizes[-1] < 3, "exercise 4: skip connections keep the gradient"
