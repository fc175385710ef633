# %% [markdown]
# # A neuron: the perceptron, XOR, and logistic regression
#
# One neuron is a weighted sum and a decision. You learn the oldest learning rule of the field, the
# perceptron's, see what it can and what it can never learn, and find that logistic regression
# is one neuron with the sigmoid. Expect straight lines: a neuron can draw nothing else.
#
# ## The perceptron
#
# A neuron with two inputs computes $z = w_1 x_1 + w_2 x_2 + b$ and says 1 where $z > 0$, else 0. The points with
# $z = 0$ are a straight line. Rosenblatt's rule (1958) takes one sample after the other. Where the
# answer is right, nothing happens. Where it is wrong, the line moves towards the sample:
#
# $$w_i \leftarrow w_i + (t - y)\, x_i, \quad b \leftarrow b + (t - y)$$
#
# Here $t$ is the right answer and $y$ what the neuron said.

# %%
SEED = 0
corners = [(0, 0), (0, 1), (1, 0), (1, 1)]
gates = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "XOR": [0, 1, 1, 0]}


def answer(w, b, x):
    return int(w[0] * x[0] + w[1] * x[1] + b > 0)


def train_perceptron(targets, rounds):
    """The weights, and the number of mistakes in each round."""
    w, b, mistakes = [0, 0], 0, []
    for _ in range(rounds):
        wrong = 0
        for x, t in zip(corners, targets):
            error = t - answer(w, b, x)
            w = [w[0] + error * x[0], w[1] + error * x[1]]
            b += error
            wrong += abs(error)
        mistakes.append(wrong)
    return w, b, mistakes


for name, targets in gates.items():
    w, b, mistakes = train_perceptron(targets, 12)
    print(f"{name:4s} mistakes in each round: {mistakes}  w = {w}, b = {b}")

assert train_perceptron(gates["AND"], 12)[2][-1] == 0, "the perceptron learns AND"
assert train_perceptron(gates["OR"], 12)[2][-1] == 0, "the perceptron learns OR"

# %% [markdown]
# ## XOR
#
# AND and OR are learned after a few rounds. XOR is not, and more rounds do not help:

# %%
w, b, mistakes = train_perceptron(gates["XOR"], 1000)
print("mistakes in the last rounds of 1000:", mistakes[-5:])
assert min(mistakes) > 0, "no round of XOR is without a mistake"

# %% [markdown]
# The reason is not the rule. *No* line separates the two classes, and the proof is four lines long. For XOR a
# neuron would need
#
# $$b \le 0, \quad w_2 + b > 0, \quad w_1 + b > 0, \quad w_1 + w_2 + b \le 0$$
#
# Add the two in the middle: $w_1 + w_2 + 2b > 0$. Add the first and the last: $w_1 + w_2 + 2b \le 0$. Both cannot
# be true.
#
# Two lines are enough. A hidden unit that computes OR and one that computes AND make XOR: *OR and not AND*.
# Here are the weights set by hand:


# %%
def xor_by_hand(x):
    either = answer((1, 1), -0.5, x)
    both = answer((1, 1), -1.5, x)
    return answer((1, -1), -0.5, (either, both))


found = [xor_by_hand(x) for x in corners]
print("XOR of two layers:", found)
assert found == gates["XOR"], "a layer of two neurons and one more compute XOR"

# %% [markdown]
# A network with such a hidden layer *learns* it from the samples, with the sigmoid in place of the hard
# step: gradient descent needs a slope, and a step has none.

# %%
import numpy as np

import viz
from tinygrad_mlp import MLP, fit, predict

X, y = np.array(corners, dtype=float), np.array(gates["XOR"])
network = MLP(2, [4, 1], activation="tanh", rng=SEED)
settings = {"optimizer": "adam", "learning_rate": 0.05}
fit(network, X, y, epochs=300, **settings, rng=SEED, log_every=None)
print("the network says", predict(network, X))
assert list(predict(network, X)) == gates["XOR"], "a network with a hidden layer learns XOR"

# %%
viz.plots.decision_boundary(network, X, y)

# %% [markdown]
# ## Logistic regression is one neuron
#
# Put the sigmoid in place of the hard step, and the neuron gives a probability:
#
# $$p = \sigma(w_1 x_1 + w_2 x_2 + b), \quad \sigma(z) = \frac{1}{1 + e^{-z}}$$
#
# With the cross-entropy as loss this *is* logistic regression, a method of statistics that is older
# than neural networks. The line $z = 0$ is where the probability is one half.

# %%
from tinygrad_mlp.data import StandardScaler, load_iris

iris = load_iris()
two = iris.y != iris.y[0]  # leave out the class that is easy to separate
X = StandardScaler().fit_transform(iris.X[two][:, 2:])  # length and width of the petal
y = (iris.y[two] == iris.y[two][-1]).astype(int)
neuron = MLP(2, [1], rng=SEED)
all_at_once = {"batch_size": None, "optimizer": "sgd", "learning_rate": 4.0}
fit(neuron, X, y, epochs=2000, **all_at_once, rng=SEED, log_every=None)
unit = neuron.layers[0].neurons[0]
weights, bias = np.array([w.data for w in unit.w]), unit.b.data
share = np.mean(predict(neuron, X) == y)
print(f"w = {weights.round(3)}, b = {bias:.3f}, right: {share:.1%}")
assert share > 0.9, "one neuron separates two kinds of iris well"

# %%
viz.draw(neuron([float(number) for number in X[0]]), style="slide")

# %%
viz.plots.decision_boundary(neuron, X, y)

# %% [markdown]
# Is it really logistic regression? Statistics solves it with Newton's method, which needs no learning rate.
# A few lines of NumPy do this for the same data. At the solution the gradient of the loss is zero,
# so both must arrive at the same weights.

# %%
columns = np.column_stack([X, np.ones(len(X))])
theta = np.zeros(3)
for _ in range(15):
    p = 1 / (1 + np.exp(-columns @ theta))
    gradient = columns.T @ (p - y)
    hessian = columns.T @ (columns * (p * (1 - p))[:, np.newaxis])
    theta -= np.linalg.solve(hessian, gradient)
print("Newton's method: ", theta.round(4))
print("the neuron:      ", np.append(weights, bias).round(4))
difference = np.abs(np.append(weights, bias) - theta).max()
assert np.abs(gradient).max() < 1e-9, "Newton's method has arrived"
assert difference < 0.01, "the neuron has the weights of logistic regression"

# %% [markdown]
# Why does gradient descent find the one solution here, from any beginning? With the cross-entropy the loss of *one* neuron
# has a single valley (chapter 5). With hidden layers this is no longer so.
#
# ## Exercises
#
# ### Exercise 1
#
# Find weights of a single neuron for NAND (0 only where both inputs are 1), by hand.

# %% [markdown] tags=["answer"]
# Turn the signs of AND around: $w_1 = w_2 = -1$, $b = 1.5$.

# %% tags=["answer"]
nand = [answer((-1, -1), 1.5, x) for x in corners]
print(nand)
assert nand == [1, 1, 1, 0], "exercise 1: NAND"

# %% [markdown]
# ### Exercise 2
#
# Give the neuron a third input, the product $x_1 x_2$. Can a single neuron now compute XOR?

# %% [markdown] tags=["answer"]
# Yes: $x_1 + x_2 - 2 x_1 x_2$ is XOR itself. A good feature can replace a hidden layer; a hidden
# layer finds such features by itself.

# %% tags=["answer"]
with_product = [int(x1 + x2 - 2 * x1 * x2 - 0.5 > 0) for x1, x2 in corners]
print(with_product)
assert with_product == gates["XOR"], "exercise 2: XOR with the product as an input"

# %% [markdown]
# ### Exercise 3
#
# Multiply all weights and the bias of the trained neuron by 10. What changes: the line, or the
# probabilities?

# %% [markdown] tags=["answer"]
# The line stays where it is, since $10 z = 0$ where $z = 0$. The probabilities come closer to 0 and 1: the
# neuron is surer of the same answers.

# %% tags=["answer"]
z = X @ weights + bias
p, p10 = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-10 * z))
print(
    "mean distance from one half:",
    np.abs(p - 0.5).mean().round(3),
    np.abs(p10 - 0.5).mean().round(3),
)
assert ((p > 0.5) == (p10 > 0.5)).all(), "exercise 3: the same answers"
assert (np.abs(p10 - 0.5) >= np.abs(p - 0.5)).all(), "exercise 3: surer ones"
