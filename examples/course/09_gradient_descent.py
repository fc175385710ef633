# %% [markdown]
# # Gradient descent: all samples, one sample, or a few
#
# One formula, three ways to use it. You learn what batch, stochastic and mini-batch gradient descent share, and
# where they differ: in the number of steps, in the noise of the gradient, in time and in memory. Expect a law
# for the noise, a difference between drawing with and without replacement, and the reason to shuffle.
#
# ## One formula, three ways
#
# The loss is an average over $N$ samples, so its gradient is an average too. A step of gradient descent takes the
# average over a *batch* of $B$ samples, with the learning rate $\alpha$:
#
# $$\nabla L = \frac{1}{N} \sum_{k=1}^{N} \nabla L_k, \qquad
# \theta \leftarrow \theta - \alpha \, \frac{1}{B} \sum_{k \in \text{batch}} \nabla L_k$$
#
# $L_k$ is the loss of sample $k$. $\theta$ stands for all parameters, and the gradient $\nabla L$ for the derivatives of $L$ by each of them.
#
# - *Batch* gradient descent takes all samples for each step: $B = N$.
# - *Stochastic* gradient descent (SGD) takes one sample: $B = 1$.
# - *Mini-batch* gradient descent takes a few: $1 < B < N$. Many people call this SGD, too.
#
# A *pass* (or *epoch*) uses as many samples as there are: that is one step with $B = N$, and $N / B$ steps in general.
#
# The model of this chapter is so small that its loss can be drawn: a neuron with one weight $w$, a bias $b$
# and the squared error. The loss has one minimum, and least squares gives it exactly.
#
# To be fast, we `compile` the loss of one sample (chapter 17). A call of the program, `program(X, y)`, gives the mean loss of these samples at
# `program.parameters`, and leaves its gradient in `program.gradients`.

# %%
import numpy as np

import viz
from tinygrad_mlp import MLP, compile, fit
from tinygrad_mlp.data import batch_indices
from tinygrad_mlp.losses import mean_squared_error
from tinygrad_mlp.optim import SGD

SEED = 0

N = 200
rng = np.random.default_rng(SEED)
X = rng.uniform(-1, 1, size=(N, 1))
y = 1.5 * X[:, 0] - 0.5 + rng.normal(0, 0.4, size=N)

neuron = MLP(1, [1], rng=SEED)


def loss_of_one(x, target):
    return mean_squared_error(neuron(x), target)


program = compile(loss_of_one, neuron.parameters(), per_sample=True)

columns = np.column_stack([X[:, 0], np.ones(N)])
best = np.linalg.lstsq(columns, y)[0]
program.parameters = best
lowest = program(X, y)
print(f"least squares: w = {best[0]:.4f}, b = {best[1]:.4f}, loss {lowest:.4f}")
assert np.abs(program.gradients).max() < 1e-12, "at the minimum the gradient is 0"

# %% [markdown]
# First we check the formula: the gradient of all samples is the average of the gradients of the single ones. And
# the batches of one pass, if they all have the same size, have the same average.

# %%
START = np.array([-1.0, 1.5])


def gradient(batch, at=START):
    program.parameters = at
    program(X[batch], y[batch])
    return program.gradients.copy()


everything = np.arange(N)
whole = gradient(everything)
of_samples = np.array([gradient([k]) for k in range(N)])
of_batches = np.array([gradient(batch) for batch in batch_indices(N, 10, rng=SEED)])
print("all samples:           ", whole)
print("average of 200 samples:", of_samples.mean(axis=0))
print("average of 20 batches: ", of_batches.mean(axis=0))
assert np.abs(of_samples.mean(axis=0) - whole).max() < 1e-12, (
    "the gradient is the average of the gradients of the samples"
)
assert np.abs(of_batches.mean(axis=0) - whole).max() < 1e-12, (
    "the batches of a pass have the gradient of all samples as their average"
)

# %% [markdown]
# ## Twenty passes
#
# One loop serves all ways. Only the choice of the batches differs: *without replacement*, each pass goes through the
# samples in a new random order; *with replacement*, each sample is drawn from all of them, so that some come twice
# and others not at all.


# %%
def without_replacement(batch_size, rng):
    return batch_indices(N, batch_size, rng=rng)


def with_replacement(batch_size, rng):
    return rng.integers(N, size=(N // batch_size, batch_size))


def descend(draw, batch_size, rate, passes, start=START):
    """The path: a row (w, b) for the start, and one after each step."""
    rng, optimizer = np.random.default_rng(SEED + 1), SGD(learning_rate=rate)
    program.parameters = start
    path = [start]
    for _ in range(passes):
        for batch in draw(batch_size, rng):
            program(X[batch], y[batch])
            optimizer.step_array(program.parameters, program.gradients)
            path.append(program.parameters.copy())
    return np.array(path)


def above_minimum(path):
    """The loss of all samples at each point, minus the lowest loss there is."""
    differences = path @ columns.T - y
    return np.mean(differences**2, axis=1) - lowest


rate, passes = 0.05, 20
ways = {
    "batch": (without_replacement, N),
    "mini-batch": (without_replacement, 10),
    "SGD": (without_replacement, 1),
    "SGD with replacement": (with_replacement, 1),
}
paths = {name: descend(*way, rate, passes) for name, way in ways.items()}
after = {name: above_minimum(path)[:: N // ways[name][1]] for name, path in paths.items()}

# Where a noisy path is after one certain pass is chance: so the mean of passes 10 to 20.
late = {name: losses[10:].mean() for name, losses in after.items()}
print("loss above the minimum  steps  after 1 pass   5 passes  20 passes  mean of 10-20")
for name, losses in after.items():
    numbers = [losses[1], losses[5], losses[20], late[name]]
    print(f"{name:22s} {len(paths[name]) - 1:6d}", *(f"{x:12.5f}" for x in numbers))

assert after["SGD"][1] < after["mini-batch"][1] < after["batch"][1], (
    "after one pass: the smaller the batch, the lower the loss"
)
assert after["mini-batch"][20] < 0.1 * after["batch"][20], (
    "after 20 passes the mini-batches are far ahead of all samples at once"
)
for name in ("SGD", "SGD with replacement"):
    assert late["mini-batch"] < 0.5 * late[name], (
        f"late in the training the mini-batches are nearer to the minimum than {name}"
    )

# %% [markdown]
# A pass costs the same number of multiplications in each row. With all samples it is *one* good step; with
# single samples it is 200 steps that are good only on average. SGD comes down first, and then stays above the
# minimum. The mini-batch is between: late in these 20 passes it is the best of them.
#
# What counts far from the minimum is the number of *steps*. After as many steps as the batch method has taken,
# 20, the mini-batch method has used one pass, and it has come nearly as far:

# %%
few, all_samples = above_minimum(paths["mini-batch"])[20], above_minimum(paths["batch"])[20]
print(f"after 20 steps: batches of 10 {few:.4f}, all samples {all_samples:.4f}")
assert abs(few / all_samples - 1) < 0.2, (
    "far from the minimum a step with 10 samples is worth one with all"
)

# %%
runs = {name: {"loss": after[name][1:]} for name in ("batch", "mini-batch", "SGD")}
viz.plots.loss_curve(runs, title="Loss above the minimum, after each pass")

# %% [markdown]
# The paths on the surface of the loss. The lines join points of equal loss, the cross is the minimum:

# %%
import matplotlib.pyplot as plt

w, b = np.meshgrid(np.linspace(-1.4, 2.6, 80), np.linspace(-1.4, 1.9, 80))
surface = above_minimum(np.column_stack([w.ravel(), b.ravel()])).reshape(w.shape)
figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
for axes, name in zip(panels, ("batch", "mini-batch", "SGD")):
    axes.contour(
        w, b, surface, levels=np.geomspace(0.01, 6, 9), colors="0.75", linewidths=0.8
    )
    axes.plot(*paths[name].T, ".-", linewidth=0.8, markersize=3)
    axes.plot(*best, "k+", markersize=12)
    axes.set(title=f"{name}: {len(paths[name]) - 1} steps", xlabel="w")
label = panels[0].set_ylabel("b")

# %% [markdown]
# `fit` is this loop, with the batches as an argument: `batch_size=None` for all samples, 1 for one, $m$ for
# mini-batches.

# %%
for name in ("batch", "mini-batch", "SGD"):
    for parameter, number in zip(neuron.parameters(), START):
        parameter.data = number
    B = None if name == "batch" else ways[name][1]
    sgd = SGD(neuron.parameters(), rate)
    fit(neuron, X, y, epochs=20, batch_size=B, optimizer=sgd, rng=SEED + 1, log_every=None)
    by_fit = np.array([parameter.data for parameter in neuron.parameters()])
    print(f"{name:10s} by fit {by_fit}, by the loop {paths[name][-1]}")
    assert np.abs(by_fit - paths[name][-1]).max() < 1e-12, f"fit is our loop: {name}"

# %% [markdown]
# ## The noise of the gradient
#
# The gradient of a batch is the true gradient plus noise. How large is it? Let $\sigma^2$ be the variance of the
# gradients of the single samples, all components added up. Statistics has the law for an average of $B$:
#
# $$\text{with replacement} \quad \frac{\sigma^2}{B}, \qquad
# \text{without} \quad \frac{\sigma^2}{B} \cdot \frac{N - B}{N - 1}$$
#
# The second factor is the *finite population correction*. It is 1 for $B = 1$, and 0 for $B = N$: who draws all
# samples without replacement has no noise at all. We draw 4000 batches of each size and measure.

# %%
draws = 4000
rng = np.random.default_rng(SEED + 2)
orders = rng.random((draws, N)).argsort(axis=1)  # so many random orders of the samples
repeats = rng.integers(N, size=(draws, N))

variance = np.mean(np.sum((of_samples - whole) ** 2, axis=1))
sizes = [1, 2, 5, 10, 20, 50, 100, 150, 200]
laws = {
    "with": [variance / B for B in sizes],
    "without": [variance / B * (N - B) / (N - 1) for B in sizes],
}
measured = {"with": [], "without": []}
for B in sizes:
    for name, drawn in (("with", repeats), ("without", orders)):
        noise = of_samples[drawn[:, :B]].mean(axis=1) - whole
        measured[name].append(np.mean(np.sum(noise**2, axis=1)))

print("  B    with: measured      law   without: measured      law")
for row in zip(sizes, measured["with"], laws["with"], measured["without"], laws["without"]):
    print("{:3d} {:17.5f} {:8.5f} {:19.5f} {:8.5f}".format(*row))
for name, law in laws.items():
    assert np.allclose(measured[name], law, rtol=0.15, atol=1e-12), (
        f"the noise follows its law: {name} replacement"
    )

# %%
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
B = np.arange(1, N + 1)
curves = {"with": variance / B, "without": variance / B * (N - B) / (N - 1)}
for name, mark in (("with", "o"), ("without", "s")):
    (line,) = axes.plot(B, curves[name], label=f"law, {name} replacement")
    axes.plot(sizes, measured[name], mark, color=line.get_color(), label="measured")
axes.set(xscale="log", yscale="log", ylim=(variance / 2000, 2 * variance))
axes.set(xlabel="batch size B", ylabel="variance of the gradient")
axes.set_xticks(sizes, [str(B) for B in sizes])
axes.minorticks_off()
legend = axes.legend()

# %% [markdown]
# The *standard deviation* of the noise is the root of the variance: to halve it you need four times as many samples.
# That is why small batches are a good bargain far from the minimum: most of the work of a large batch goes into
# digits of the gradient that the step does not need. The last point of the lower curve, $B = N$, is 0 and has no place on a
# logarithmic axis.
#
# ## The noise at the end
#
# Near the minimum the gradient is small and the noise is not, so the path wanders about the minimum. How far above
# it? With replacement, for a small learning rate, theory says
#
# $$\text{average loss above the minimum} \approx \frac{\alpha \, \sigma_*^2}{4 B}$$
#
# with $\sigma_*^2$ the variance of the gradients of single samples *at* the minimum. (The 4 belongs to a loss that is
# quadratic near its minimum, as ours is everywhere.) We begin at the minimum, let the path wander for many passes,
# and average.

# %%
at_best = np.array([gradient([k], best) for k in range(N)])
variance_at_best = np.mean(np.sum(at_best**2, axis=1))
print("rate    B   measured    theory")
wandering = {}
for rate, B, passes in ((0.05, 10, 600), (0.1, 10, 300), (0.05, 20, 600)):
    path = descend(with_replacement, B, rate, passes, best)
    wandering[rate, B] = above_minimum(path)[len(path) // 10 :].mean()
    theory = rate * variance_at_best / (4 * B)
    print(f"{rate:4} {B:4d} {wandering[rate, B]:10.6f} {theory:9.6f}")
    assert 0.75 < wandering[rate, B] / theory < 1.35, (
        f"the path wanders as far as theory says, rate {rate}, batches of {B}"
    )
assert wandering[0.1, 10] > 1.5 * wandering[0.05, 10], "a larger rate leaves more noise"
assert wandering[0.05, 20] < wandering[0.05, 10] / 1.5, "a larger batch leaves less noise"

# %% [markdown]
# Two ways lead down from there: larger batches, or a learning rate that becomes smaller (chapter 10).
#
# There is a third one, for nothing: *without* replacement, what one batch of a pass had too much, the others have
# too little, and at the end of the pass most of the noise has cancelled. We look at the ends of the passes:

# %%
ends = {}
for name, draw in (("with", with_replacement), ("without", without_replacement)):
    path = descend(draw, 10, 0.05, 600, best)
    ends[name] = above_minimum(path)[:: N // 10][20:].mean()
    print(f"{name:7s} replacement: {ends[name]:.6f} above the minimum at the end of a pass")
assert ends["with"] > 3 * ends["without"], (
    "without replacement the noise cancels within a pass"
)

# %% [markdown]
# `fit` does this: it shuffles, and deals out each sample once in every pass.
#
# ## Why shuffle
#
# A file is often sorted: by the price, by the class, by the day. Here are our samples sorted by their target. SGD
# goes through them in this order, pass after pass, or in a new random order in each pass.


# %%
file = np.argsort(y)  # the samples as they stand in the sorted file


def from_top_to_bottom(batch_size, rng):
    return [file[batch] for batch in batch_indices(N, batch_size, shuffle=False)]


def shuffled_first(batch_size, rng):
    return [file[batch] for batch in batch_indices(N, batch_size, rng=rng)]


ordered = above_minimum(descend(from_top_to_bottom, 1, 0.05, 20))
shuffled = above_minimum(descend(shuffled_first, 1, 0.05, 20))
end_ordered, end_shuffled = ordered[5 * N :: N].mean(), shuffled[5 * N :: N].mean()
print(f"at the end of a pass: sorted {end_ordered:.4f}, shuffled {end_shuffled:.4f}")
assert end_ordered > 10 * end_shuffled, "sorted samples lead SGD astray"

figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, losses in (("sorted by target", ordered), ("shuffled", shuffled)):
    axes.plot(np.arange(3 * N + 1) / N + 17, losses[17 * N :], label=name)
axes.set(xlabel="pass", ylabel="loss above the minimum")
axes.set_xticks([17, 18, 19, 20])
legend = axes.legend()

# %% [markdown]
# In each pass the neuron first learns that all targets are small, then that all are large, and the last samples have
# the last word. With all samples at once the order does not matter:

# %%
backwards = gradient(everything[::-1])
assert np.abs(backwards - whole).max() < 1e-12, "a batch of all samples knows no order"
print("in order:", whole, " backwards:", backwards)

# %% [markdown]
# ## Memory
#
# The backward pass needs the numbers of the forward pass, for every sample of the batch. The graph holds a
# node for each of them. We count, for a network with one hidden layer of 16 units:

# %%
from tinygrad_mlp import topological_order

network = MLP(1, [16, 1], activation="tanh", rng=SEED)


def stored(B):
    outputs = [network(x) for x in X[:B].tolist()]
    return len(topological_order(mean_squared_error(outputs, y[:B].tolist())))


counts = {B: stored(B) for B in (10, 20, 100, 200)}
each = (counts[20] - counts[10]) // 10
shared = counts[10] - 10 * each
print(f"{each} numbers for each sample, {shared} shared by all")
for B, count in counts.items():
    print(f"batch of {B:3d}: {count:5d} stored numbers")
    assert count == shared + each * B, "what is stored grows as the batch does"
print("and one gradient for each parameter, however large B is:", len(network.parameters()))
units = 2 * 16 + 1  # a sum and a tanh for each hidden unit, a sum for the output
assert each == units + 4, (
    "a sample: its input, its target, its units, its error and the square"
)

# %% [markdown]
# ## Time
#
# Times of the machine that made this page: one pass through the samples with this network, compiled (chapter 17).

# %% tags=["measured"]
from functools import partial
from timeit import repeat


def of_network(x, target):
    return mean_squared_error(network(x), target)


network_program = compile(of_network, network.parameters(), per_sample=True)


def one_pass(B):
    for batch in batch_indices(N, B, rng=SEED):
        network_program(X[batch], y[batch])


for B in (1, 10, 50, 200):
    one_pass(B)
    seconds = min(repeat(partial(one_pass, B), number=1, repeat=5))
    print(
        f"B = {B:3d}: {1e3 * seconds:7.3f} ms per pass, {1e6 * seconds * B / N:5.1f} us per step"
    )

# %% [markdown]
# A step with 200 samples does not take 200 times as long as a step with one: the machine multiplies whole matrices.
# So a *pass* with single samples takes many times as long, although it multiplies no more numbers.
#
# | | batch | mini-batch | SGD |
# |---|---|---|---|
# | steps in one pass | 1 | $N/B$ | $N$ |
# | variance of the gradient | 0 | $\frac{\sigma^2}{B} \cdot \frac{N-B}{N-1}$ | $\sigma^2$ |
# | late in training | goes to the minimum, slowly | stays near it | stays farther from it |
# | memory | grows with $N$ | grows with $B$ | one sample |
# | time of a pass | short | short | long |
#
# One thing is *not* in this table. You may read that the noise of SGD helps a network to escape from bad minima.
# The surface of this chapter has one minimum only, so nothing here speaks for that or against it.
#
# ## Exercises
#
# ### Exercise 1
#
# How many steps are 10 passes through 200 samples with batches of 32? The last batch may be smaller.

# %% [markdown] tags=["answer"]
# Six batches of 32 and one of 8 make a pass: $\lceil 200 / 32 \rceil = 7$ steps, so 70 in all.

# %% tags=["answer"]
steps = sum(len(list(batch_indices(N, 32, rng=SEED))) for _ in range(10))
print(steps)
assert steps == 10 * 7, "exercise 1: 70 steps"

# %% [markdown]
# ### Exercise 2
#
# Is the average of these seven gradients the gradient of all samples?

# %% [markdown] tags=["answer"]
# No: the samples of the small batch count four times as much as the others. Weighted by the sizes of the batches
# the average is right. (In a training nobody minds: in the next pass other samples are in the small batch.)

# %% tags=["answer"]
batches = list(batch_indices(N, 32, rng=SEED))
gradients = np.array([gradient(batch) for batch in batches])
plain = gradients.mean(axis=0)
weighted = np.average(gradients, axis=0, weights=[len(batch) for batch in batches])
print("plain:", plain, " weighted:", weighted, " all samples:", whole)
assert np.abs(weighted - whole).max() < 1e-12, "exercise 2: weighted it is the gradient"
assert np.abs(plain - whole).max() > 1e-6, "exercise 2: the plain average is not"

# %% [markdown]
# ### Exercise 3
#
# With replacement, how many of 200 samples does a pass of 200 draws not see?

# %% [markdown] tags=["answer"]
# One draw misses a given sample with probability $1 - 1/N$, and $N$ draws miss it with $(1 - 1/N)^N$,
# which is near $1/e$: more than a third of the samples.

# %% tags=["answer"]
unseen = np.mean([1 - len(np.unique(row)) / N for row in repeats])
print(f"measured {unseen:.4f}, formula {(1 - 1 / N) ** N:.4f}, 1/e {np.exp(-1):.4f}")
assert abs(unseen - (1 - 1 / N) ** N) < 0.005, "exercise 3: the share of unseen samples"

# %% [markdown]
# ### Exercise 4
#
# You double the batch size. What may you do with the learning rate, if the noise at the end shall stay as it is?

# %% [markdown] tags=["answer"]
# $\alpha \sigma_*^2 / (4 B)$ stays the same if $\alpha$ is doubled as well. The measured numbers of above:

# %% tags=["answer"]
path = descend(with_replacement, 20, 0.1, 600, best)
both = above_minimum(path)[len(path) // 10 :].mean()
print(f"rate 0.05, B = 10: {wandering[0.05, 10]:.6f}   rate 0.1, B = 20: {both:.6f}")
assert 0.65 < both / wandering[0.05, 10] < 1.55, "exercise 4: rate and batch size together"
