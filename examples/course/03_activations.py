# %% [markdown]
# # Activations, and when to use which
#
# Without an activation, a network of many layers is no more than one layer. You learn what the common
# activations do to a signal and to its gradient, how a unit saturates, how a unit dies, and how to
# measure both. Expect a table at the end that says which activation to take, with the numbers that
# it rests on.
#
# ## Why any at all
#
# Two layers without an activation are one layer with other weights:
#
# $$W_2 (W_1 x + b_1) + b_2 = (W_2 W_1) x + (W_2 b_1 + b_2)$$
#
# The next cell multiplies the matrices and compares.

# %%
import numpy as np

from tinygrad_mlp import MLP

SEED = 0

deep = MLP(2, [5, 5, 1], activation="linear", rng=SEED)
W, b = np.eye(2), np.zeros(2)
for layer in deep.layers:
    own_W = np.array([[w.data for w in neuron.w] for neuron in layer.neurons])
    own_b = np.array([neuron.b.data for neuron in layer.neurons])
    W, b = own_W @ W, own_W @ b + own_b
points = np.random.default_rng(SEED).normal(size=(20, 2))
differences = [abs(deep(x.tolist()).data - (W @ x + b)[0]) for x in points]
print("largest difference of three layers from one:", max(differences))
assert max(differences) < 1e-12, "layers without an activation are one layer"

# %% [markdown]
# ## The curves and their slopes
#
# For training it is the *slope* that counts: backpropagation multiplies by it at each unit. The engine gives the
# slope of any function; here is a table for five activations.

# %%
from tinygrad_mlp import Value, functional

activations = {
    "sigmoid": functional.sigmoid,
    "tanh": functional.tanh,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "gelu": functional.gelu,
}


def slope(function, z):
    z = Value(z)
    function(z).backward()
    return z.grad


places = [-6.0, -2.0, -0.5, 0.5, 2.0, 6.0]
print("slope at z =", *(f"{z:8.1f}" for z in places))
for name, function in activations.items():
    print(f"{name:12s}", *(f"{slope(function, z):8.4f}" for z in places))

grid = np.linspace(-8, 8, 321)
steepest = {name: max(slope(f, z) for z in grid) for name, f in activations.items()}
print("steepest    ", *(f"{name} {found:.4f}" for name, found in steepest.items()))
assert abs(steepest["sigmoid"] - 0.25) < 1e-12, "the slope of the sigmoid is at most 1/4"
assert abs(steepest["tanh"] - 1.0) < 1e-12, "the slope of tanh is at most 1"
assert abs(slope(functional.sigmoid, 6.0)) < 0.003, "far from 0 the sigmoid is nearly flat"

# %% [markdown]
# ## Saturation
#
# A unit is *saturated* where its slope is nearly 0: it passes no gradient on. The sigmoid and tanh saturate on both
# sides. How many units of a network are saturated depends on the size of its weights. We measure it: a
# layer of 200 tanh units, 50 inputs, and weights of several sizes.

# %%
rng = np.random.default_rng(SEED)
inputs = rng.normal(size=(100, 50))
shares = []
for size in (0.02, 0.1, 0.3, 1.0, 3.0):
    z = inputs @ (size * rng.normal(size=(50, 200)))
    shares.append(np.mean(1 - np.tanh(z) ** 2 < 0.05))
    print(f"weights of size {size:4.2f}: {shares[-1]:6.1%} of the slopes are below 0.05")
assert shares == sorted(shares), "larger weights saturate more units"
assert shares[0] < 0.01, "with small weights nearly no unit is saturated"
assert shares[-1] > 0.8, "with large weights most units are saturated"

# %% [markdown]
# The gradient becomes small from layer to layer. A network with eight hidden layers, the same initializer, and
# three activations: how large is the gradient of the first layer, compared to that of the last hidden one?


# %%
def first_to_last(activation, seed):
    """The mean size of the gradients of the first layer, by that of the last hidden one."""
    model = MLP(4, [12] * 8 + [1], activation=activation, init="glorot_uniform", rng=seed)
    samples = np.random.default_rng(seed).normal(size=(4, 4))
    total = sum((model(x.tolist()) - 1.0) ** 2 for x in samples)
    total.backward()
    sizes = [np.mean([abs(p.grad) for p in layer.parameters()]) for layer in model.layers]
    return sizes[0] / sizes[-2]


ratios = {
    name: np.array([first_to_last(name, SEED + i) for i in range(3)])
    for name in ("sigmoid", "tanh", "relu")
}
for name, found in ratios.items():
    print(f"{name:8s}", *(f"{ratio:.1e}" for ratio in found))
assert (ratios["sigmoid"] < 1e-3).all(), "eight layers of sigmoids leave nearly no gradient"
assert (ratios["tanh"] > 100 * ratios["sigmoid"]).all(), "tanh leaves far more"

# %% [markdown]
# The plots show the gradients of all layers of two of these networks. Read the spread in the corner of each
# histogram: from the last layer to the first that of the sigmoids loses several powers of ten.

# %%
import viz


def with_gradients(activation):
    model = MLP(4, [12] * 8 + [1], activation=activation, init="glorot_uniform", rng=SEED)
    samples = np.random.default_rng(SEED).normal(size=(4, 4))
    sum((model(x.tolist()) - 1.0) ** 2 for x in samples).backward()
    return model


viz.plots.gradient_histograms(with_gradients("sigmoid"))

# %%
viz.plots.gradient_histograms(with_gradients("tanh"))

# %% [markdown]
# ## Dead units
#
# A relu unit whose sum is negative for *every* sample gives 0 for every sample, has slope 0, and gets
# no gradient: its weights stay as they are, and in the first layer nothing brings it back. It is *dead*. One step that is too large is enough.
# We count the hidden units that get a gradient of exactly 0 from every sample.

# %%
from tinygrad_mlp import fit
from tinygrad_mlp.data import make_moons
from tinygrad_mlp.losses import binary_cross_entropy_with_logits

X, y = make_moons(100, noise=0.15, rng=SEED)


def dead_after(activation, learning_rate):
    """How many of 16 hidden units give no gradient for any sample, after a training."""
    model = MLP(2, [16, 1], activation=activation, rng=SEED)
    fit(
        model,
        X,
        y,
        epochs=20,
        batch_size=20,
        optimizer="sgd",
        learning_rate=learning_rate,
        rng=SEED,
        log_every=None,
    )
    outputs = [model(x) for x in X.tolist()]
    binary_cross_entropy_with_logits(outputs, y.tolist()).backward()
    return sum(all(w.grad == 0.0 for w in [*n.w, n.b]) for n in model.layers[0].neurons)


dead = {
    (activation, rate): dead_after(activation, rate)
    for activation in ("relu", "leaky_relu")
    for rate in (0.1, 20.0)
}
for (activation, rate), count in dead.items():
    print(f"{activation:11s} learning rate {rate:4}: {count:2d} of 16 units are dead")
assert dead["relu", 20.0] > 5 + dead["relu", 0.1], (
    "steps that are too large kill relu units"
)
assert dead["leaky_relu", 20.0] == 0, (
    "a leaky relu has a slope everywhere, and no dead units"
)

# %% [markdown]
# ## When to use which
#
# | place | take | because |
# |---|---|---|
# | hidden layers, first try | relu | slope 1 where it is on: the gradient stays; cheap |
# | hidden layers, with dead units | leaky_relu, gelu | a slope (nearly) everywhere |
# | hidden layers of a small, smooth problem | tanh | smooth, centered at 0 |
# | output, one of two classes | sigmoid | a probability; the loss takes the logit and applies it |
# | output, one of many classes | softmax | likewise |
# | output, a number | none | a target may be any number |
#
# The sigmoid in *hidden* layers is seldom a good choice: the slope of at most one quarter, eight layers long, is
# what the measurement above shows. In the *output* it is right, with the loss that fits (chapter 5).
#
# ## Exercises
#
# ### Exercise 1
#
# How small can the product of the slopes of eight sigmoids be at best, and how small of eight tanh?

# %% [markdown] tags=["answer"]
# At best each sigmoid has the slope 1/4, so the product is at most $(1/4)^8$. That of tanh is at most 1.

# %% tags=["answer"]
print(0.25**8)
z = Value(0.0)
node = z
for _ in range(8):
    node = functional.sigmoid(node - node.data)  # each at its steepest place
node.backward()
assert abs(z.grad - 0.25**8) < 1e-15, "exercise 1: eight sigmoids at their steepest"

# %% [markdown]
# ### Exercise 2
#
# Show that $\tanh(z) = 2 \sigma(2z) - 1$: tanh is a sigmoid, stretched and moved.

# %% [markdown] tags=["answer"]
# $$2 \sigma(2z) - 1 = \frac{2}{1 + e^{-2z}} - 1 = \frac{1 - e^{-2z}}{1 + e^{-2z}} = \tanh(z)$$

# %% tags=["answer"]
gap = max(abs(np.tanh(z) - (2 / (1 + np.exp(-2 * z)) - 1)) for z in grid)
print("largest difference:", gap)
assert gap < 1e-14, "exercise 2: tanh from the sigmoid"

# %% [markdown]
# ### Exercise 3
#
# A relu unit has the weights $(1, 1)$. All inputs lie between 0 and 1. From which bias downwards is the unit dead?

# %% [markdown] tags=["answer"]
# The largest sum is $1 + 1 + b$. With $b \le -2$ it is never above 0.

# %% tags=["answer"]
square = np.random.default_rng(SEED).uniform(size=(1000, 2))
for b in (-1.5, -2.0):
    print(b, "is on for", int(np.sum(square.sum(axis=1) + b > 0)), "of 1000 samples")
assert not (square.sum(axis=1) - 2.0 > 0).any(), "exercise 3: dead from -2 downwards"
assert (square.sum(axis=1) - 1.5 > 0).any(), "exercise 3: alive above"
