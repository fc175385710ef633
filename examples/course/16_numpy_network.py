# %% [markdown]
# # A network in NumPy, written by hand
#
# Many courses let you write one network without any library for networks: one hidden layer, the
# sigmoid everywhere, and a loop that prints the loss. You learn to write the forward and the backward
# pass of a network with matrices, and to check them against an engine, number by number. Then you see what the engine
# adds, and what it does not.
#
# ## The network
#
# The *columns* of $X$ are the samples: with $n$ features and $m$ samples $X$ has the shape $(n, m)$, and the
# labels $Y$ have the shape $(1, m)$. The hidden layer has $h$ units:
#
# $$Z_1 = W_1 X + b_1, \quad A_1 = \sigma(Z_1), \quad Z_2 = W_2 A_1 + b_2, \quad A_2 = \sigma(Z_2)$$
#
# | array | shape |
# |---|---|
# | $W_1$, $b_1$ | $(h, n)$, $(h, 1)$ |
# | $W_2$, $b_2$ | $(1, h)$, $(1, 1)$ |
# | $Z_1$, $A_1$ | $(h, m)$ |
# | $Z_2$, $A_2$ | $(1, m)$ |
#
# The loss is the cross-entropy, the average over the samples:
#
# $$L = -\frac{1}{m} \sum_{k=1}^{m} \big( y_k \log a_k + (1 - y_k) \log (1 - a_k) \big)$$
#
# Backwards, with $\odot$ for the product element by element. The first line is short, because the derivative
# of the cross-entropy and that of the sigmoid cancel each other (chapter 5 shows why this matters):
#
# $$dZ_2 = \frac{1}{m} (A_2 - Y), \quad dW_2 = dZ_2 A_1^T, \quad db_2 = \text{row sums of } dZ_2$$
#
# $$dZ_1 = W_2^T dZ_2 \odot A_1 \odot (1 - A_1), \quad dW_1 = dZ_1 X^T, \quad db_1 = \text{row sums of } dZ_1$$
#
# The weights begin small and random, $0.01 \cdot N(0, 1)$. They must not begin equal: equal hidden units
# get equal gradients and stay equal for ever (exercise 1).

# %%
import numpy as np

SEED = 0


class Network:
    """One hidden layer, sigmoid; the columns of X are samples."""

    def __init__(self, n_features, n_hidden, rng):
        self.W1 = 0.01 * rng.normal(size=(n_hidden, n_features))
        self.b1 = np.zeros((n_hidden, 1))
        self.W2 = 0.01 * rng.normal(size=(1, n_hidden))
        self.b2 = np.zeros((1, 1))

    def forward(self, X):
        self.A1 = sigmoid(self.W1 @ X + self.b1)
        self.A2 = sigmoid(self.W2 @ self.A1 + self.b2)
        return self.A2

    def loss(self, X, Y):
        A2 = self.forward(X)
        return -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))

    def backward(self, X, Y):
        m = X.shape[1]
        dZ2 = (self.A2 - Y) / m
        dZ1 = self.W2.T @ dZ2 * self.A1 * (1 - self.A1)
        return {
            "W1": dZ1 @ X.T,
            "b1": dZ1.sum(axis=1, keepdims=True),
            "W2": dZ2 @ self.A1.T,
            "b2": dZ2.sum(axis=1, keepdims=True),
        }

    def train(self, X, Y, epochs, learning_rate):
        losses = []
        for epoch in range(epochs + 1):
            losses.append(self.loss(X, Y))
            if epoch % 100 == 0:
                print(f"epoch {epoch:4d}  loss {losses[-1]:.4f}")
            for name, gradient in self.backward(X, Y).items():
                setattr(self, name, getattr(self, name) - learning_rate * gradient)
        return losses

    def predict(self, X):
        return (self.forward(X) > 0.5).astype(int)


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


# %% [markdown]
# ## Are the gradients right?
#
# Before any training: the same numbers go into a network of this project, and both give their gradients.
# There the loss gets the *logits*, $Z_2$, and takes the sigmoid itself; and samples are rows. The result must
# be the same to the last digits.

# %%
from tinygrad_mlp import MLP
from tinygrad_mlp.losses import binary_cross_entropy_with_logits

rng = np.random.default_rng(SEED)
network = Network(2, 3, rng)
network.b1 += rng.normal(size=network.b1.shape)  # larger numbers find more mistakes
network.W1 += rng.normal(size=network.W1.shape)
network.W2 += rng.normal(size=network.W2.shape)
X_small, Y_small = rng.normal(size=(2, 5)), np.array([[0, 1, 1, 0, 1]])

model = MLP(2, [3, 1], activation="sigmoid")
for j, neuron in enumerate(model.layers[0].neurons):
    neuron.b.data = float(network.b1[j, 0])
    for weight, number in zip(neuron.w, network.W1[j]):
        weight.data = float(number)
(unit,) = model.layers[1].neurons
unit.b.data = float(network.b2[0, 0])
for weight, number in zip(unit.w, network.W2[0]):
    weight.data = float(number)

logits = [model(column) for column in X_small.T.tolist()]
loss = binary_cross_entropy_with_logits(logits, Y_small[0].tolist())
loss.backward()

by_hand = network.loss(X_small, Y_small)
gradients = network.backward(X_small, Y_small)
by_engine = {
    "W1": np.array([[w.grad for w in neuron.w] for neuron in model.layers[0].neurons]),
    "b1": np.array([[neuron.b.grad] for neuron in model.layers[0].neurons]),
    "W2": np.array([[w.grad for w in unit.w]]),
    "b2": np.array([[unit.b.grad]]),
}
print(f"loss by hand {by_hand:.15f}, by engine {loss.data:.15f}")
assert abs(by_hand - loss.data) < 1e-12, "both networks have the same loss"
for name, gradient in gradients.items():
    difference = np.abs(gradient - by_engine[name]).max()
    print(f"{name}: shape {gradient.shape}, largest difference {difference:.1e}")
    assert gradient.shape == by_engine[name].shape, f"the gradient of {name} has its shape"
    assert difference < 1e-12, f"the gradient of {name} by hand is that of the engine"

# %% [markdown]
# The network, with the weights of the first layer and the first sample:

# %%
import viz

viz.draw(model(X_small.T[0].tolist()), style="slide")

# %% [markdown]
# ## Training
#
# Two crescents that lie in one another. Half of the samples are for training, half for the test.

# %%
from tinygrad_mlp.data import StandardScaler, make_moons, train_test_split

X, y = make_moons(400, noise=0.15, rng=SEED)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, rng=SEED)
scaler = StandardScaler().fit(X_train)
columns, test_columns = scaler.transform(X_train).T, scaler.transform(X_test).T
labels, test_labels = y_train[np.newaxis], y_test[np.newaxis]

network = Network(2, 8, np.random.default_rng(SEED))
losses = network.train(columns, labels, epochs=2000, learning_rate=2.0)
accuracy = np.mean(network.predict(test_columns) == test_labels)
print(f"accuracy on the test samples: {accuracy:.1%}")

assert losses[-1] < 0.5 * losses[0], "the loss falls to less than half"
assert accuracy > 0.75, "more than three of four test samples are right"

# %% [markdown]
# The numbers tell a story. The loss begins at $\log 2$, that of a network which always answers one half, and
# for some epochs nothing seems to happen. Then it falls, and stays near one number for hundreds of
# epochs. What is this number? It is what a *straight line* reaches, a single neuron (chapter 2): the
# weights began so small that all hidden units still do nearly the same.

# %%
both = np.vstack(
    [columns, np.ones(columns.shape[1])]
)  # a single neuron, by gradient descent
theta = np.zeros((1, 3))
for _ in range(5000):
    p = sigmoid(theta @ both)
    theta -= (p - labels) @ both.T / labels.size
line = -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))
print(f"log 2 = {np.log(2):.4f}; loss of the network after 0 epochs {losses[0]:.4f},")
print(f"after 10 epochs {losses[10]:.4f}, after 500 epochs {losses[500]:.4f}")
print(f"loss of the best straight line {line:.4f}")

assert abs(losses[0] - np.log(2)) < 1e-3, "small weights begin with the loss log 2"
assert losses[10] > 0.98 * np.log(2), "in the first 10 epochs nearly nothing is learned"
assert abs(losses[500] - line) < 0.01, "after 500 epochs the network is as good as a line"

# %% [markdown]
# The same training from larger weights, $N(0, 1)$, leaves the line behind:

# %%
larger = Network(2, 8, np.random.default_rng(SEED))
larger.W1 *= 100
larger.W2 *= 100
larger_losses = larger.train(columns, labels, epochs=2000, learning_rate=2.0)
larger_accuracy = np.mean(larger.predict(test_columns) == test_labels)
print(
    f"accuracy on the test samples: {larger_accuracy:.1%}, from small weights {accuracy:.1%}"
)

assert larger_losses[10] < losses[10], "larger weights learn from the first epochs on"
assert larger_losses[-1] < losses[-1], "and end with a smaller loss"

# %% [markdown]
# Do not take one run for a law: other seeds end elsewhere, and some stay at the line for longer. But remember
# that the beginning decides how long nothing happens.

# %% [markdown]
# ## What the engine adds
#
# By hand you write two programs: forward, and then backward, which must fit the first line by line. Change the
# activation of the hidden layer, and the backward pass is wrong, without any message. With an engine you write
# the forward pass alone. The next cell changes the activation to tanh, forward only:


# %%
class Forgetful(Network):
    def forward(self, X):
        self.A1 = np.tanh(self.W1 @ X + self.b1)
        self.A2 = sigmoid(self.W2 @ self.A1 + self.b2)
        return self.A2


forgetful = Forgetful(2, 3, np.random.default_rng(SEED + 1))
forgetful.W2 += 1.0
step = 1e-6
forgetful.W1[0, 0] += step
above = forgetful.loss(X_small, Y_small)
forgetful.W1[0, 0] -= 2 * step
below = forgetful.loss(X_small, Y_small)
forgetful.W1[0, 0] += step
forgetful.forward(X_small)
claimed = forgetful.backward(X_small, Y_small)["W1"][0, 0]
true = (above - below) / (2 * step)
print(f"the backward pass says {claimed:.6f}, the loss itself says {true:.6f}")
assert abs(claimed - true) > 0.01, "a backward pass that was not changed along is wrong"

# %% [markdown]
# What the engine does *not* add is speed on its own: a graph of single numbers is slow. That is why this
# project compiles the graph into a NumPy program, which is much like the one that you have written:

# %%
from tinygrad_mlp import compile

program = compile(
    lambda x, t: binary_cross_entropy_with_logits([model(x)], [t]),
    model.parameters(),
    per_sample=True,
)
program(X_small.T, Y_small[0])
print(program.source[program.source.index("    def run") :])
assert abs(program(X_small.T, Y_small[0]) - by_hand) < 1e-12, (
    "the compiled program has the same loss"
)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Let all weights of the first layer begin with the same number, and all of the second layer too. Train for 500
# steps. How many different hidden units are there at the end?

# %% [markdown] tags=["answer"]
# One. Equal units get equal gradients, and stay equal. The network is no better than one with a single
# hidden unit.

# %% tags=["answer"]
equal = Network(2, 8, np.random.default_rng(SEED))
equal.W1[:], equal.W2[:] = 0.3, 0.3
for _ in range(500):
    equal.forward(columns)
    for name, gradient in equal.backward(columns, labels).items():
        setattr(equal, name, getattr(equal, name) - 2.0 * gradient)
spread = np.abs(equal.W1 - equal.W1[0]).max()
print("largest difference between two hidden units:", spread)
assert spread < 1e-9, "exercise 1: units that begin equal stay equal"

# %% [markdown]
# ### Exercise 2
#
# In `backward` somebody writes `dZ2 = self.A2 - Y`, without the division by $m$. What does training with
# learning rate $\alpha$ then do?

# %% [markdown] tags=["answer"]
# All gradients are $m$ times as large: they are those of the *sum* of the losses. It is the same as
# training with the learning rate $m \alpha$.

# %% tags=["answer"]
m = columns.shape[1]
network.forward(columns)
gradients = network.backward(columns, labels)
dZ2 = network.A2 - labels
dZ1 = network.W2.T @ dZ2 * network.A1 * (1 - network.A1)
print("ratio of the gradients:", (dZ1 @ columns.T / gradients["W1"]).round(6)[0])
assert np.allclose(dZ1 @ columns.T, m * gradients["W1"], rtol=1e-9), (
    "exercise 2: m times as large"
)
