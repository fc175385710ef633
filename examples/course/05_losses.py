# %% [markdown]
# # Losses, and why not the squared error for classes
#
# The loss says what "good" means; the network learns that and nothing else. You learn which question
# each common loss answers, why classes take the cross-entropy, and what the squared error does to a unit
# that is wrong and sure of it: nearly nothing, and that is the problem.
#
# ## Numbers: what the best constant tells
#
# Give a network no inputs. All it can do is answer one constant. Which constant is best depends on the loss,
# and this shows what the loss asks for. We let gradient descent find it, for data with one outlier.

# %%
from statistics import mean, median

from tinygrad_mlp import Value
from tinygrad_mlp.losses import huber, mean_absolute_error, mean_squared_error

data = [1.0, 1.5, 2.0, 3.0, 30.0]


def best_constant(loss):
    constant = Value(5.0)
    for step in range(4000):
        constant.grad = 0.0
        loss([constant] * len(data), data).backward()
        constant.data -= 10.0 / (step + 20) * constant.grad  # smaller and smaller steps
    return constant.data


found = {
    "squared error": best_constant(mean_squared_error),
    "absolute error": best_constant(mean_absolute_error),
    "Huber": best_constant(huber),
}
print("mean", mean(data), "median", median(data))
for name, constant in found.items():
    print(f"{name:14s} {constant:.3f}")

assert abs(found["squared error"] - mean(data)) < 1e-3, (
    "the squared error asks for the mean"
)
assert abs(found["absolute error"] - median(data)) < 0.01, (
    "the absolute error asks for the median"
)
assert median(data) + 0.1 < found["Huber"] < mean(data), "Huber lies between the two"

# %% [markdown]
# One outlier pulls the mean far away, and the median not at all. Take the squared error where large errors are
# much worse than small ones, the absolute error or Huber where the data have outliers.
#
# ## Classes: probabilities and the cross-entropy
#
# For two classes the output unit gives $z$, the *logit*, and $p = \sigma(z)$ is the probability of class 1. The
# cross-entropy is the negative logarithm of the probability that was given to the right answer $t$:
#
# $$L = -\big(t \log p + (1 - t) \log (1 - p)\big)$$
#
# If the right answer got the probability 1, the loss is 0; if it got nearly 0, the loss is large without
# limit. The squared error $(p - t)^2$ is never above 1, however wrong the answer is.
#
# Their derivatives by the logit differ in one factor:
#
# $$\frac{\partial L}{\partial z} = p - t \quad \text{(cross-entropy)}, \qquad
# \frac{\partial L}{\partial z} = 2 (p - t)\, p (1 - p) \quad \text{(squared error)}$$
#
# The factor $p (1 - p)$ is the slope of the sigmoid. It is nearly 0 where the unit is *sure*, also where it is
# sure and wrong. The engine measures it, for a sample whose right answer is 1:

# %%
from tinygrad_mlp.losses import binary_cross_entropy_with_logits


def slopes(z, t=1.0):
    """The derivative by the logit, of the cross-entropy and of the squared error."""
    logit = Value(z)
    binary_cross_entropy_with_logits(logit, t).backward()
    by_entropy, logit = logit.grad, Value(z)
    ((logit.sigmoid() - t) ** 2).backward()
    return by_entropy, logit.grad


print("logit   probability of the right answer   cross-entropy   squared error")
for z in (-10.0, -5.0, -2.0, 0.0, 2.0, 5.0):
    p = Value(z).sigmoid().data
    entropy, squared = slopes(z)
    print(f"{z:5.1f}   {p:31.6f}   {entropy:13.6f}   {squared:13.6f}")
    assert abs(entropy - (p - 1.0)) < 1e-12, "the slope of the cross-entropy is p - t"
    assert abs(squared - 2 * (p - 1.0) * p * (1 - p)) < 1e-12, (
        "that of the squared error has p (1 - p)"
    )

assert abs(slopes(-10.0)[0]) > 0.99, (
    "sure and wrong: the cross-entropy pulls with full force"
)
assert abs(slopes(-10.0)[1]) < 1e-4, (
    "sure and wrong: the squared error pulls with nearly none"
)

# %% [markdown]
# In the picture of the squared error for $z = -5$, follow the gradient from right to left. It is large until it
# meets the sigmoid:

# %%
import viz

logit = Value(-5.0, label="z")
p = logit.sigmoid()
p.label = "p"
squared = (p - 1.0) ** 2
squared.label = "L"
squared.backward()
viz.draw(squared, detail="ops", parameters=[logit])

# %% [markdown]
# ## What this does to learning
#
# One neuron, one sample with the right answer 1, and a bias that makes the neuron sure of the opposite at the
# beginning. How many steps until it gives the right answer?


# %%
def steps_until_right(loss_of, start, rate=1.0, most=20_000):
    b = Value(start)
    for step in range(most):
        if b.data > 0:
            return step
        b.grad = 0.0
        loss_of(b).backward()
        b.data -= rate * b.grad
    return most


def entropy_of(b):
    return binary_cross_entropy_with_logits(b, 1.0)


def squared_of(b):
    return (b.sigmoid() - 1.0) ** 2


table = {}
for start in (-1.0, -3.0, -5.0, -7.0):
    table[start] = (
        steps_until_right(entropy_of, start),
        steps_until_right(squared_of, start),
    )
    print(
        f"start {start:4.1f}: cross-entropy {table[start][0]:3d} steps, squared error {table[start][1]:5d}"
    )

assert table[-7.0][0] < 15, "the cross-entropy needs a few steps from anywhere"
assert table[-7.0][1] > 50 * table[-7.0][0], (
    "the squared error needs far more when it is very wrong"
)

# %% [markdown]
# There is a second reason. As a function of the weights of one neuron, the cross-entropy is *convex*: one valley,
# no plateau. The squared error behind a sigmoid is not. The second derivative tells; the engine computes
# it as a derivative of the derivative.

# %%
from tinygrad_mlp import grad


def second_derivative(loss_of, z):
    z = Value(z)
    (first,) = grad(loss_of(z), [z], create_graph=True)
    return grad(first, [z])[0]


curvature = {
    name: [float(second_derivative(loss_of, z / 4)) for z in range(-24, 25)]
    for name, loss_of in {"cross-entropy": entropy_of, "squared error": squared_of}.items()
}
for name, numbers in curvature.items():
    print(f"{name:14s} second derivative between {min(numbers):.4f} and {max(numbers):.4f}")
assert min(curvature["cross-entropy"]) > 0, "the cross-entropy is convex"
assert min(curvature["squared error"]) < -0.01, "the squared error of a sigmoid is not"

# %% [markdown]
# ## More than two classes
#
# The network gives one logit for each class, softmax makes probabilities of them, and the loss is again the negative
# logarithm of that of the right class $c$. The derivative is as simple as before:
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}, \quad L = -\log p_c, \quad
# \frac{\partial L}{\partial z_k} = p_k - [k = c]$$

# %%
import numpy as np

from tinygrad_mlp.losses import categorical_cross_entropy

logits = [Value(z) for z in (2.0, -1.0, 0.5)]
loss = categorical_cross_entropy(logits, 2)
loss.backward()
z = np.array([logit.data for logit in logits])
p = np.exp(z) / np.exp(z).sum()
print("p - [k = c]:", (p - [0, 0, 1]).round(6))
print("by engine:  ", np.round([logit.grad for logit in logits], 6))
assert np.allclose([logit.grad for logit in logits], p - [0, 0, 1], rtol=0, atol=1e-12), (
    "the gradient of the cross-entropy with softmax is p - [k = c]"
)
assert abs(loss.data + np.log(p[2])) < 1e-12, (
    "the loss is the negative logarithm of p of the right class"
)

# %% [markdown]
# Why do the losses here take *logits* and not probabilities? Because of the size of numbers. With a logit of 1000
# the formula above computes $e^{1000}$, which no float can hold. The loss takes the logarithm of the softmax in
# one piece, and never meets that number.

# %%
large = [Value(1000.0), Value(0.0)]
with np.errstate(over="ignore", invalid="ignore"):
    naive = np.exp(np.array([1000.0, 0.0])) / np.exp(np.array([1000.0, 0.0])).sum()
print("softmax by the formula:", naive)
print(
    "loss from logits, right class 0 and 1:",
    [categorical_cross_entropy(large, c).data for c in (0, 1)],
)
assert np.isnan(naive[0]), "the formula of softmax overflows"
assert categorical_cross_entropy(large, 1).data == 1000.0, "the loss from logits does not"

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# A network for ten classes knows nothing yet and gives each class the same probability. What is its
# cross-entropy? (A good number to remember: the first epoch should not be above it for long.)

# %% [markdown] tags=["answer"]
# The right class got 1/10, so the loss is $-\log \frac{1}{10} = \log 10$.

# %% tags=["answer"]
at_start = categorical_cross_entropy([Value(0.0) for _ in range(10)], 3).data
print(at_start, np.log(10))
assert abs(at_start - np.log(10)) < 1e-12, "exercise 1: log 10"

# %% [markdown]
# ### Exercise 2
#
# Derive $\partial L / \partial z = p - t$ for two classes from the cross-entropy and
# $\partial p / \partial z = p (1 - p)$.

# %% [markdown] tags=["answer"]
# The factor $p(1 - p)$ cancels:
#
# $$\frac{\partial L}{\partial p} = -\frac{t}{p} + \frac{1 - t}{1 - p} = \frac{p - t}{p (1 - p)}, \qquad
# \frac{\partial L}{\partial z} = \frac{p - t}{p (1 - p)} \cdot p (1 - p) = p - t$$

# %% tags=["answer"]
for z in (-3.0, 0.2, 4.0):
    for t in (0.0, 1.0):
        p = Value(z).sigmoid().data
        product = (-t / p + (1 - t) / (1 - p)) * p * (1 - p)
        assert abs(product - slopes(z, t)[0]) < 1e-12, "exercise 2: the factor cancels"
print("checked for six cases")

# %% [markdown]
# ### Exercise 3
#
# Of all samples 30 % are of class 1, and a network sees no inputs. Which constant probability has the smallest
# cross-entropy?

# %% [markdown] tags=["answer"]
# 0.3, the share of the class. The cross-entropy asks for the true probability; this is why its outputs can be
# read as probabilities at all.

# %% tags=["answer"]
logit = Value(0.0)
for _ in range(500):
    logit.grad = 0.0
    (
        0.3 * binary_cross_entropy_with_logits(logit, 1.0)
        + 0.7 * binary_cross_entropy_with_logits(logit, 0.0)
    ).backward()
    logit.data -= logit.grad
print("probability:", logit.sigmoid().data)
assert abs(logit.sigmoid().data - 0.3) < 1e-9, "exercise 3: the share of the class"
