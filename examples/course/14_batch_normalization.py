# %% [markdown]
# # Batch normalization
#
# Batch normalization gives every feature of a layer mean 0 and variance 1 over the batch. You learn to compute the norm of a batch by hand, what
# it keeps for predictions, and what it does to gradients. Then you measure which learning rates it allows. Expect that it makes
# the *range* of good rates wider, that the best accuracy hardly changes, and that a batch of two samples ruins it.
#
# ## One batch, by hand
#
# A feature has the numbers $z_1, \dots, z_B$ in a batch of $B$ samples. Batch normalization computes
#
# $$\mu = \frac{1}{B} \sum_k z_k, \quad \sigma^2 = \frac{1}{B} \sum_k (z_k - \mu)^2, \quad
# \hat z_k = \frac{z_k - \mu}{\sqrt{\sigma^2 + \epsilon}}, \quad y_k = \gamma \hat z_k + \beta$$
#
# $\gamma$ and $\beta$ are parameters that are trained, `weight` and `bias` in the program; they begin with 1 and 0. The small
# $\epsilon$ keeps a constant feature from a division by 0.

# %%
import numpy as np

import viz
from tinygrad_mlp import MLP, accuracy, compile, fit
from tinygrad_mlp.nn import BatchNorm

SEED = 0

z = np.array([1.0, 2.0, 4.0, 9.0])
gamma, beta, epsilon = 2.0, 0.5, 1e-5

mean = z.sum() / 4
variance = ((z - mean) ** 2).sum() / 4
z_hat = (z - mean) / np.sqrt(variance + epsilon)
y_by_hand = gamma * z_hat + beta
print(f"mean {mean}, variance {variance}")
print("z_hat", z_hat.round(4), " y", y_by_hand.round(4))

norm = BatchNorm(1)
norm.weight[0].data, norm.bias[0].data = gamma, beta
training = compile(norm.forward, per_sample=True)  # what it does in training, for a batch
y_by_package = training(z[:, np.newaxis])[:, 0]
print("y by the package", y_by_package.round(4))
assert np.allclose(y_by_package, y_by_hand, rtol=0, atol=1e-12), "by hand as by the package"
assert abs(z_hat.mean()) < 1e-12, "after the norm the mean is 0"
assert abs(z_hat.var() - 1) < 1e-5, "after the norm the variance is 1, but for epsilon"

# %% [markdown]
# In a network the norm stands between the sums of a layer and their activation. `MLP(..., batch_norm=True)` puts one into each hidden
# layer:

# %%
viz.draw(MLP(2, [3, 1], activation="tanh", batch_norm=True, rng=SEED).eval(), style="slide")

# %% [markdown]
# ## What is kept for predictions
#
# A prediction is made for one sample. It has no batch, and should not depend on which other samples are asked about. So each step of
# the training moves a *running* mean and variance a little, with the momentum $m = 0.1$:
#
# $$\mu_\text{run} \leftarrow (1 - m)\, \mu_\text{run} + m\, \mu, \qquad
# \sigma^2_\text{run} \leftarrow (1 - m)\, \sigma^2_\text{run} + m\, \frac{B}{B - 1}\, \sigma^2$$
#
# The factor $B/(B-1)$ makes the variance *unbiased*. They begin with 0 and 1. The call above was one step of training:

# %%
kept_mean, kept_variance = norm.running_mean[0].data, norm.running_var[0].data
print(f"running mean     {kept_mean:.6f} = 0.9 * 0 + 0.1 * {mean}")
print(f"running variance {kept_variance:.6f} = 0.9 * 1 + 0.1 * {variance} * 4/3")
assert abs(kept_mean - 0.1 * mean) < 1e-12, "the running mean moves by a tenth"
assert abs(kept_variance - (0.9 + 0.1 * variance * 4 / 3)) < 1e-12, (
    "with the unbiased variance"
)

norm.eval()  # from here on it predicts
y_alone = norm([4.0]).data
expected = gamma * (4.0 - kept_mean) / np.sqrt(kept_variance + epsilon) + beta
print(f"z = 4: in the batch y = {y_by_hand[2]:.4f}, in a prediction y = {y_alone:.4f}")
assert abs(y_alone - expected) < 1e-12, "a prediction takes the running statistics"
assert abs(y_alone - y_by_hand[2]) > 1, "which is another number than in training"

# %% [markdown]
# Why the factor? The variance of a batch is taken around the mean of *that batch*, to which the samples are nearer than to
# the true mean. On average it is too small by $(B-1)/B$. Batches of four from a normal distribution with variance 1:

# %%
rng = np.random.default_rng(SEED)
variances = rng.normal(size=(20_000, 4)).var(axis=1)
found = variances.mean()
print(f"mean of the variances {found:.4f}, times 4/3 {found * 4 / 3:.4f}")
assert abs(found - 0.75) < 0.02, "the variance of four samples is too small by 3/4"

# %% [markdown]
# The two modes are two different functions, and the running statistics come late: after $k$ steps there is still $0.9^k$ of
# the beginning in them, which is mean 0 and variance 1. Here networks are trained for some steps and then asked in both modes
# about the same samples: once with scaled features, and once with 5 added to each of them.

# %%
from tinygrad_mlp.data import StandardScaler, load_digits, train_test_split

digits = load_digits()
seeds = range(SEED, SEED + 3)
parts = {}
for seed in seeds:
    X_train, X_test, *labels = train_test_split(digits.X, digits.y, test_size=0.7, rng=seed)
    scaler = StandardScaler().fit(X_train)
    parts[seed] = scaler.transform(X_train), scaler.transform(X_test), *labels
X, X_test, y, y_test = parts[SEED]

both = {}
print("right answers      with the statistics of the batch    with the running ones")
for added in (0.0, 5.0):
    for steps in (1, 5, 20, 80):
        model = MLP(64, [16, 10], batch_norm=True, rng=SEED)
        fit(model, X + added, y, epochs=steps, learning_rate=0.5, log_every=None)
        alone = accuracy(model, X + added, y)  # as in predictions
        logits = compile(model.logits, per_sample=True)(X + added)  # as in training
        by_batch = np.mean(logits.argmax(axis=1) == y)
        both[added, steps] = by_batch, alone
        print(f"X + {added:.0f}, {steps:2d} steps {by_batch:29.1%} {alone:24.1%}")
for steps in (1, 5, 20, 80):
    in_batch, alone = both[0.0, steps]
    assert abs(in_batch - alone) < 0.05, (
        "scaled features: the running statistics do not lag"
    )
in_batch, alone = both[5.0, 5]
assert abs(in_batch - both[0.0, 5][0]) < 0.01, "in training the norm takes the 5 away"
assert in_batch - alone > 0.1, "in predictions it does not, after five steps"
in_batch, alone = both[5.0, 80]
assert in_batch - alone < 0.03, "after eighty steps it does"

# %% [markdown]
# With scaled features, where mean and variance are near 0 and 1 already, nothing is to be seen. With the others the network is good in
# training and bad in predictions until the running statistics have come. If you ever see that a network is far worse in
# predictions than in training, *on the same samples*, look there.

# %% [markdown]
# ## Backwards
#
# $\mu$ and $\sigma$ depend on all samples of the batch, so the gradient of one sample does too. The chain rule gives, with
# $g_k = \partial L / \partial y_k$ and bars for means over the batch:
#
# $$\frac{\partial L}{\partial z_k} = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}
# \Big( g_k - \overline{g} - \hat z_k \, \overline{g \hat z} \Big), \qquad
# \frac{\partial L}{\partial \gamma} = \sum_k g_k \hat z_k, \qquad
# \frac{\partial L}{\partial \beta} = \sum_k g_k$$
#
# The norm takes two things out of the gradient: its mean, and its part along $\hat z$. We check it on a layer of three inputs and
# two units with $L = \frac{1}{B} \sum_k \sum_j c_{kj} y_{kj}$, so that $g = c / B$.

# %%
from tinygrad_mlp import Layer

B = 6
rng = np.random.default_rng(SEED)
x, c = rng.normal(size=(B, 3)), rng.normal(size=(B, 2))
layer = Layer(3, 2, None, batch_norm=True, rng=SEED)
for unit, number in zip(layer.neurons, (0.7, -1.2)):
    unit.b.data = number
for scale, number in zip(layer.norm.weight, (1.5, -0.4)):
    scale.data = number


def loss(x, c):
    return sum(ci * yi for ci, yi in zip(c, layer.forward(x)))


program = compile(loss, layer.parameters(), per_sample=True)
program(x, c)
names = [name for name, _ in layer.named_parameters()]
by_engine = dict(zip(names, program.gradients))

W = np.array([[w.data for w in unit.w] for unit in layer.neurons])
b = np.array([unit.b.data for unit in layer.neurons])
weight = np.array([scale.data for scale in layer.norm.weight])
z = x @ W.T + b
deviation = np.sqrt(z.var(axis=0) + layer.norm.epsilon)
z_hat = (z - z.mean(axis=0)) / deviation
g = c / B
dz = weight / deviation * (g - g.mean(axis=0) - z_hat * (g * z_hat).mean(axis=0))
by_hand = {
    "W": (dz.T @ x).ravel(),
    "b": dz.sum(axis=0),
    "gamma": (g * z_hat).sum(axis=0),
    "beta": g.sum(axis=0),
}
from_engine = {
    "W": [by_engine[f"neurons.{j}.w.{i}"] for j in range(2) for i in range(3)],
    "b": [by_engine[f"neurons.{j}.b"] for j in range(2)],
    "gamma": [by_engine[f"norm.weight.{j}"] for j in range(2)],
    "beta": [by_engine[f"norm.bias.{j}"] for j in range(2)],
}
for name, numbers in by_hand.items():
    gap = np.abs(numbers - from_engine[name]).max()
    print(f"{name:5s} by hand {np.round(numbers, 3)}, largest difference {gap:.0e}")
    assert gap < 1e-12, f"the gradient of {name} by hand is that of the engine"

# %% [markdown]
# ## Two things that no longer matter
#
# **The bias before the norm.** It moves all $z_k$ alike, and the norm takes the mean away again. Its gradient is 0:
# see the row `b` above. $\beta$ does its work. (The package keeps the useless bias, as other libraries do in a linear layer.)
#
# **The size of the weights before the norm.** With $\epsilon = 0$, multiplying the weights of a unit by $a > 0$ multiplies the
# distances of its sums from their mean by $a$, their deviation too, and $\hat z$ stays. The loss does not change, and so the gradient becomes smaller by $a$:
#
# $$L(a W) = L(W) \quad \Rightarrow \quad \nabla L (a W) = \frac{1}{a} \nabla L(W)$$

# %%
layer.norm.epsilon = 0.0
exact = compile(loss, layer.parameters(), per_sample=True)
of_weights = [i for i, name in enumerate(names) if ".w." in name]
first_loss = exact(x, c)
first_gradient = exact.gradients[of_weights].copy()
print(f"bias before the norm: largest gradient {np.abs(from_engine['b']).max():.0e}")
print("weights times      loss     |gradient|     |gradient| times a")
for a in (0.1, 1.0, 10.0):
    exact.parameters[of_weights] = a * W.ravel()
    now, gradient = exact(x, c), exact.gradients[of_weights]
    length = np.linalg.norm(gradient)
    print(f"{a:13.1f} {now:9.6f} {length:14.6f} {a * length:22.6f}")
    assert abs(now - first_loss) < 1e-12, "larger weights before a norm change nothing"
    assert np.allclose(a * gradient, first_gradient, rtol=0, atol=1e-12), (
        "and the gradient becomes smaller by their factor"
    )
assert np.abs(from_engine["b"]).max() < 1e-12, "a bias before the norm has no gradient"

# %% [markdown]
# From this follows a brake. If the loss does not change along $W$, the gradient stands at right angles to $W$. A step of gradient
# descent at right angles can only make the weights *longer*: $|W - \alpha g|^2 = |W|^2 + \alpha^2 |g|^2$. And with longer
# weights the next gradient is shorter. Too long steps slow themselves down:

# %%
exact.parameters[of_weights] = W.ravel()
lengths, slopes = [], []
for _ in range(40):
    exact(x, c)
    w, gradient = exact.parameters[of_weights], exact.gradients[of_weights]
    for own_w, own_gradient in zip(w.reshape(2, 3), gradient.reshape(2, 3)):
        assert abs(own_w @ own_gradient) < 1e-12, (
            "the gradient is at right angles to the weights of its unit"
        )
    lengths.append(np.linalg.norm(w))
    slopes.append(np.linalg.norm(gradient))
    exact.parameters[of_weights] = w - 10.0 * gradient  # a rate that is far too large
print("length of the weights  ", *(f"{length:7.2f}" for length in lengths[::8]))
print("length of the gradient ", *(f"{slope:7.4f}" for slope in slopes[::8]))
assert (np.diff(lengths) >= 0).all(), "steps at right angles only make the weights longer"
assert slopes[-1] < 0.5 * slopes[0], "and the gradient shorter"

# %% [markdown]
# ## Which learning rates it allows
#
# Digits, three hidden layers of 16 relu units, plain SGD with batches of 32, 5 epochs, three seeds. The only difference is the norm.

# %%
rates = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]


def share(rate, *, batch_norm, batch_size, seed):
    """The share of right answers on the test samples, 0 if the loss is no number."""
    X_train, X_test, y_train, y_test = parts[seed]
    model = MLP(64, [16] * 3 + [10], batch_norm=batch_norm, rng=seed)
    history = fit(
        model,
        X_train[:512],
        y_train[:512],
        epochs=5,
        batch_size=batch_size,
        learning_rate=rate,
        rng=seed,
        log_every=None,
    )
    return accuracy(model, X_test, y_test) if np.isfinite(history.loss[-1]) else 0.0


found = {}
for batch_norm in (False, True):
    for rate in rates:
        found[batch_norm, rate] = np.array(
            [share(rate, batch_norm=batch_norm, batch_size=32, seed=seed) for seed in seeds]
        )

print("rate       without norm, by seed      with norm, by seed       means")
for rate in rates:
    without, with_norm = found[False, rate], found[True, rate]
    print(f"{rate:5.2f}  ", *(f"{number:6.1%}" for number in without), end="    ")
    print(*(f"{number:6.1%}" for number in with_norm), end="    ")
    print(f"{without.mean():6.1%} {with_norm.mean():6.1%}")

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(8, 4.5))
for batch_norm, color in ((False, "tab:gray"), (True, "tab:blue")):
    means = [found[batch_norm, rate].mean() for rate in rates]
    label = "with batch normalization" if batch_norm else "without"
    axes.plot(rates, means, "o-", color=color, label=label)
    for rate in rates:
        axes.plot([rate] * len(seeds), found[batch_norm, rate], "_", color=color)
axes.set(
    xscale="log", ylim=(0, 1), xlabel="learning rate", ylabel="right on the test samples"
)
axes.set_title("line: the mean of three seeds, short marks: each seed", fontsize="medium")
legend = axes.legend()

# %%
best = {kind: max(found[kind, rate].mean() for rate in rates) for kind in (False, True)}
good = {
    kind: [rate for rate in rates if found[kind, rate].mean() > 0.9 * max(best.values())]
    for kind in (False, True)
}
print("best mean without", f"{best[False]:.1%}, with {best[True]:.1%}")
print("rates with at least 90 % of the best: without", good[False], "with", good[True])
for rate in (0.03, 1.0, 3.0):
    differences = found[True, rate] - found[False, rate]
    print(f"rate {rate}: with - without", *(f"{number:+.1%}" for number in differences))
    assert differences.mean() > 0.1, (
        f"rate {rate}: the norm is ahead by 10 points on average"
    )
assert len(good[True]) > len(good[False]), "with the norm more rates are good"
assert abs(best[True] - best[False]) < 0.05, (
    "at its best rate the network without is as good"
)
assert found[True, 10.0].mean() < 0.4, "a rate of 10 is too large with the norm, too"

# %% [markdown]
# So the norm does not make this network better than a well-chosen rate does. It makes the choice *easier*: larger rates still
# work, and small ones come further in the same time. But it is no license for any rate, as the last row shows.
#
# Why does it help? The paper of Ioffe and Szegedy (2015) says: because the inputs of a layer do not shift while those before it
# learn. Later work (Santurkar and others, 2018) measured that shift and did not find it to be the reason. This chapter has measured no shift
# and claims nothing about it. What you have seen is the brake, and the widths of the ranges.
#
# ## Small batches
#
# The statistics of a small batch are noisy, and each sample's output depends on its companions. Take one number, $z = 1$, among companions
# from $N(0, 1)$. How much does $\hat z$ scatter?

# %%
rng = np.random.default_rng(SEED)
scatter = {}
for B in (4, 16, 64, 256):
    batches = rng.normal(size=(4000, B))
    batches[:, 0] = 1.0
    z_hat = (1.0 - batches.mean(axis=1)) / batches.std(axis=1)
    scatter[B] = z_hat.std()
    print(f"batch of {B:3d}: standard deviation of z_hat {scatter[B]:.4f}", end="")
    print(f", times the root of B {scatter[B] * np.sqrt(B):.2f}")
for B in (16, 64):
    ratio = scatter[B] / scatter[4 * B]
    assert 1.7 < ratio < 2.3, f"from {B} to {4 * B} samples the scatter halves"

# %% [markdown]
# With two samples nothing is left of the numbers: but for $\epsilon$, $\hat z$ is $-1$ for the smaller one and $+1$ for the larger one, whatever
# they are (exercise 1). What does this do to training? The same network as above, rate 0.03.

# %%
by_batch = {}
for batch_size in (2, 8, 32):
    for kind in (False, True):
        settings = {"batch_norm": kind, "batch_size": batch_size}
        by_batch[batch_size, kind] = np.array(
            [share(0.03, **settings, seed=seed) for seed in seeds]
        )
    without, with_norm = by_batch[batch_size, False], by_batch[batch_size, True]
    print(f"batches of {batch_size:2d}: without {without.mean():.1%},", end=" ")
    print(f"with the norm {with_norm.mean():.1%}")
assert (by_batch[2, False] > 0.3 + by_batch[2, True]).all(), (
    "with batches of two the norm does harm, with every seed"
)
assert by_batch[32, True].mean() > 0.1 + by_batch[32, False].mean(), (
    "with batches of 32 it helps at this rate"
)

# %% [markdown]
# A batch of *one* sample has no variance at all, and every $\hat z$ would be 0. The package refuses it, and also a last batch
# of one that is left over:

# %%
from tinygrad_mlp.errors import InvalidArgumentError

model = MLP(64, [16, 10], batch_norm=True, rng=SEED)
refused = []
for n_samples, batch_size in ((64, 1), (33, 32)):
    try:
        fit(model, X[:n_samples], y[:n_samples], epochs=1, batch_size=batch_size)
    except InvalidArgumentError as error:
        refused.append(str(error))
        remedy = refused[-1].split("; ")[-1]
        print(f"{n_samples} samples, batches of {batch_size}: {remedy}")
assert len(refused) == 2, "a batch of one sample is refused"

# %% [markdown]
# The end of the message is the remedy: another batch size, or one sample less. A *prediction* for one sample is no problem, since
# it takes what was kept.
#
# ## Folding it away
#
# In a prediction the norm is a fixed line, $y = \gamma (z - \mu_\text{run}) / \sqrt{\sigma^2_\text{run} + \epsilon} + \beta$, behind another
# one, $z = w \cdot x + b$. The two together are one line:
#
# $$w' = \frac{\gamma}{\sqrt{\sigma^2_\text{run} + \epsilon}} \, w, \qquad
# b' = \frac{\gamma}{\sqrt{\sigma^2_\text{run} + \epsilon}} \, (b - \mu_\text{run}) + \beta$$

# %%
trained = MLP(64, [16, 16, 10], batch_norm=True, rng=SEED)
fit(trained, X, y, epochs=5, batch_size=32, learning_rate=0.1, rng=SEED, log_every=None)
folded = MLP(64, [16, 16, 10], rng=SEED)

for layer, plain in zip(trained.layers, folded.layers):
    for j, (unit, own) in enumerate(zip(layer.neurons, plain.neurons)):
        factor, center, shift = 1.0, 0.0, 0.0
        if (norm := layer.norm) is not None:
            factor = norm.weight[j].data / np.sqrt(norm.running_var[j].data + norm.epsilon)
            center, shift = norm.running_mean[j].data, norm.bias[j].data
        for w, own_w in zip(unit.w, own.w):
            own_w.data = float(factor * w.data)
        own.b.data = float(factor * (unit.b.data - center) + shift)

trained.eval()
with_norm = compile(trained.logits, per_sample=True)(X_test)
without = compile(folded.logits, per_sample=True)(X_test)
gap = np.abs(with_norm - without).max() / np.abs(with_norm).max()
print(f"with the norm {len(trained.parameters())} parameters", end=", ")
print(f"without {len(folded.parameters())}")
print(f"largest difference between their logits, relative: {gap:.0e}")
assert gap < 1e-12, "the folded network without a norm gives the same numbers"

# %% [markdown]
# The norm costs nothing in use: it is a help for training, and can be gone afterwards.
#
# | what it does | where you saw it |
# |---|---|
# | mean 0 and variance 1 for each feature, over the batch | by hand |
# | predictions use running statistics, which come late | five steps, features far from 0 |
# | bias and size of the weights before it do not matter | the gradients |
# | a wide range of rates works | the sweep |
# | small batches: noise, two samples: ruin, one: an error | the batches |
#
# ## Exercises
#
# ### Exercise 1
#
# A batch has two samples, $z_1 < z_2$. Compute $\hat z_1$ and $\hat z_2$ for $\epsilon = 0$.

# %% [markdown] tags=["answer"]
# The mean lies in the middle, and both are $d = (z_2 - z_1)/2$ away from it. So $\sigma^2 = d^2$, $\hat z_1 = -d/d = -1$ and
# $\hat z_2 = +1$, whatever the two numbers are.

# %% tags=["answer"]
norm = BatchNorm(1, epsilon=0.0)
two = compile(norm.forward, per_sample=True)
for pair in ([1.0, 2.0], [-300.0, 5000.0], [0.001, 0.002]):
    z_hat = two(np.array(pair)[:, np.newaxis])[:, 0]
    print(pair, "becomes", z_hat.round(9))
    assert np.allclose(z_hat, [-1, 1], rtol=0, atol=1e-9), (
        "exercise 1: two samples are -1 and 1"
    )

# %% [markdown]
# ### Exercise 2
#
# Which $\gamma$ and $\beta$ make the norm do nothing to the batch of the first section? What does it mean for what a network with norms
# can express?

# %% [markdown] tags=["answer"]
# $\gamma = \sqrt{\sigma^2 + \epsilon}$ and $\beta = \mu$. So the network can learn to undo a norm where that is better: it can
# express what the network without a norm can.

# %% tags=["answer"]
z = np.array([1.0, 2.0, 4.0, 9.0])
norm = BatchNorm(1)
norm.weight[0].data = float(np.sqrt(z.var() + norm.epsilon))
norm.bias[0].data = float(z.mean())
undone = compile(norm.forward, per_sample=True)(z[:, np.newaxis])[:, 0]
print(undone)
assert np.allclose(undone, z, rtol=0, atol=1e-12), "exercise 2: the norm is undone"

# %% [markdown]
# ### Exercise 3
#
# How many parameters does `MLP(64, [16, 10], batch_norm=True)` have? How many of them never get a gradient?

# %% [markdown] tags=["answer"]
# $16 \cdot 65 + 10 \cdot 17$ without the norm, and 16 for $\gamma$ and 16 for $\beta$. The 16 biases before the norm get no gradient.

# %% tags=["answer"]
from tinygrad_mlp.losses import categorical_cross_entropy

model = MLP(64, [16, 10], batch_norm=True, rng=SEED)
by_sample = compile(
    lambda x, label: categorical_cross_entropy(model.logits(x), label),
    model.parameters(),
    per_sample=True,
)
by_sample(X[:50], y[:50])
gradients = dict(zip([name for name, _ in model.named_parameters()], by_sample.gradients))
zero = [n for n, g in gradients.items() if n.endswith(".b") and abs(g) < 1e-12]
print(len(model.parameters()), "parameters,", len(zero), "biases without a gradient")
assert len(model.parameters()) == 16 * 65 + 10 * 17 + 32, "exercise 3: the number"
assert len(zero) == 16, "exercise 3: the biases of the hidden layer"

# %% [markdown]
# ### Exercise 4
#
# A running mean begins with 0, and every batch has the mean 5. After how many steps with `momentum=0.1` is the running mean
# above 4.9?

# %% [markdown] tags=["answer"]
# After $k$ steps it is $5 (1 - 0.9^k)$, above 4.9 if $0.9^k < 0.02$: after 38 steps.

# %% tags=["answer"]
norm = BatchNorm(1)
program = compile(norm.forward, per_sample=True)
steps = 0
while norm.running_mean[0].data <= 4.9:
    program(np.array([[4.0], [6.0]]))
    steps += 1
print(steps, "steps; by the formula", int(np.ceil(np.log(0.02) / np.log(0.9))))
assert steps == 38, "exercise 4: 38 steps"
