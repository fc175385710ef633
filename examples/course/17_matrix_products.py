# %% [markdown]
# # From scalars to matrix products
#
# Every network of this course is a graph of single numbers, and every library that trains large networks
# multiplies matrices. You learn that a graph of scalars and a product of matrices are the same
# computation: where the matrices hide in the graph, how forward and backward pass look in them, and what is
# gained. Expect the same numbers
# to the last digits, in far less time.
#
# ## One layer, three ways
#
# A layer with 3 inputs and 4 units. First in single numbers, as in the chapters before:

# %%
import numpy as np

from tinygrad_mlp import Value

SEED = 0
rng = np.random.default_rng(SEED)
n_samples, n_inputs, n_units = 5, 3, 4
X, W, b = (
    rng.normal(size=(n_samples, n_inputs)),
    rng.normal(size=(n_units, n_inputs)),
    rng.normal(size=n_units),
)

weights = [[Value(w) for w in row] for row in W.tolist()]
biases = [Value(number) for number in b.tolist()]


def layer(x):
    """The sums of all units for one sample, number by number."""
    return [
        sum((w * xi for w, xi in zip(row, x)), bias) for row, bias in zip(weights, biases)
    ]


sums = [layer(x) for x in X.tolist()]
by_scalars = np.array([[z.data for z in row] for row in sums])

# %% [markdown]
# The sums of *one* sample are one product of a matrix and a vector, $z = W x + b$. The sums of *all* samples
# are one product of two matrices. With a row for each sample it is
#
# $$Z = X W^T + b$$

# %%
by_vectors = np.array([W @ x + b for x in X])
by_matrices = X @ W.T + b
print("shapes:", X.shape, "times", W.T.shape, "gives", by_matrices.shape)
assert np.abs(by_scalars - by_vectors).max() < 1e-12, "a layer is a matrix times a vector"
assert np.abs(by_scalars - by_matrices).max() < 1e-12, (
    "a layer of a batch is a product of matrices"
)

# %% [markdown]
# ## The backward pass is matrix products too
#
# Let $G$ hold the gradients that arrive at the sums, $G_{kj} = \partial L / \partial z_{kj}$ for sample $k$ and
# unit $j$. The rule of the single numbers is: a weight $w_{ji}$ is used once in every sample, with the local
# derivative $x_{ki}$, and the contributions add up:
#
# $$\frac{\partial L}{\partial w_{ji}} = \sum_k G_{kj} \, x_{ki}$$
#
# This sum over $k$ is an entry of a matrix product. In the same way one finds the others:
#
# $$\frac{\partial L}{\partial W} = G^T X, \quad
# \frac{\partial L}{\partial b_j} = \sum_k G_{kj}, \quad
# \frac{\partial L}{\partial X} = G \, W$$
#
# We check with a loss whose $G$ is easy, $L = \sum_{kj} c_{kj} \tanh(z_{kj})$, so that
# $G_{kj} = c_{kj} (1 - \tanh^2 z_{kj})$.

# %%
c = rng.normal(size=(n_samples, n_units))
inputs = [[Value(number) for number in row] for row in X.tolist()]
loss = sum(
    [
        z.tanh() * number
        for x, numbers in zip(inputs, c.tolist())
        for z, number in zip(layer(x), numbers)
    ],
    Value(0.0),
)
loss.backward()

G = c * (1 - np.tanh(by_matrices) ** 2)
pairs = {
    "W": (G.T @ X, np.array([[w.grad for w in row] for row in weights])),
    "b": (G.sum(axis=0), np.array([bias.grad for bias in biases])),
    "X": (G @ W, np.array([[x.grad for x in row] for row in inputs])),
}
for name, (by_product, by_engine) in pairs.items():
    difference = np.abs(by_product - by_engine).max()
    print(f"{name}: shape {by_product.shape}, largest difference {difference:.1e}")
    assert difference < 1e-12, f"the gradient by {name} is the matrix product"

# %% [markdown]
# A way to remember which matrix is transposed: the gradient has the shape of what it belongs to, and only one
# product of the two matrices has this shape.
#
# ## The compiler finds the matrices
#
# `compile` takes a function on single numbers, records its graph, and looks for sums of products that share
# their factors: these are the matrices. What comes out is a program for NumPy. The network below is written in
# single numbers alone.

# %%
import viz
from tinygrad_mlp import compile

hidden = [[Value(w) for w in row] for row in rng.normal(size=(16, 4)).tolist()]
output = [Value(w) for w in rng.normal(size=17).tolist()]  # the last one is the bias


def squared_error(x, target):
    h = [sum((w * xi for w, xi in zip(row, x)), row[-1]).tanh() for row in hidden]
    return (sum((w * hj for w, hj in zip(output, h)), output[-1]) - target) ** 2


parameters = [*[w for row in hidden for w in row], *output]
program = compile(squared_error, parameters, per_sample=True)
samples, targets = rng.normal(size=(200, 3)), rng.normal(size=200)
compiled_loss = program(samples, targets)
print(program.source[program.source.index("    def run") :])

# %% [markdown]
# Read the program from top to bottom. `dot` is the product of matrices: one for each layer forward, and one
# for each gradient backward. `tanh` is applied to all units of all samples at once. The program as a
# picture, with the shapes of what is computed:

# %%
viz.draw(program)

# %% [markdown]
# Does the program compute the same? We let the graph of all 200 samples compute the loss and all gradients too.


# %%
def eager_loss():
    total = sum([squared_error(x, t) for x, t in zip(samples.tolist(), targets.tolist())])
    return total * (1 / len(targets))


eager = eager_loss()
for parameter in parameters:
    parameter.grad = 0.0
eager.backward()
eager_gradients = np.array([parameter.grad for parameter in parameters])
print(f"loss of the graph {eager.data:.15f}, of the program {compiled_loss:.15f}")
print(
    "largest difference of a gradient:", np.abs(eager_gradients - program.gradients).max()
)
assert abs(eager.data - compiled_loss) < 1e-12 * eager.data, (
    "the program has the loss of the graph"
)
assert np.allclose(eager_gradients, program.gradients, rtol=1e-11, atol=1e-12), (
    "the program has the gradients of the graph"
)

# %% [markdown]
# ## What is gained
#
# Times of the machine that made this page: forward and backward for 200 samples.

# %% tags=["measured"]
from timeit import repeat


def eager_step():
    eager_loss().backward()


def compiled_step():
    program(samples, targets)


of_graph = min(repeat(eager_step, number=1, repeat=3))
of_program = min(repeat(compiled_step, number=100, repeat=3)) / 100
print(f"graph of single numbers: {1000 * of_graph:8.3f} ms")
print(
    f"compiled program:        {1000 * of_program:8.3f} ms, {of_graph / of_program:.0f} times as fast"
)

# %% [markdown]
# The arithmetic is the same. What is saved is everything around it: the graph makes a Python object for each number,
# the program one call for each layer.
#
# ## Exercises
#
# ### Exercise 1
#
# How many multiplications does one layer need, forward, for a batch of $B$ samples, $n$ inputs and $m$ units? And
# how many for the gradient of $W$?

# %% [markdown] tags=["answer"]
# Forward $B \cdot n \cdot m$: each of the $B \cdot m$ sums has $n$ products. For $G^T X$ the same
# number: each of the $m \cdot n$ entries is a sum over $B$ samples. A backward pass costs about
# twice the forward pass, since there is $G W$ as well.

# %% tags=["answer"]
from tinygrad_mlp import topological_order

nodes = topological_order(sum([z for row in sums for z in row], Value(0.0)))
products = sum(1 for node in nodes if node.op is not None and node.op.name == "mul")
print("products in the graph:", products, " B n m =", n_samples * n_inputs * n_units)
assert products == n_samples * n_inputs * n_units, "exercise 1: B n m products"

# %% [markdown]
# ### Exercise 2
#
# In many courses the *columns* of $X$ are the samples, so $Z = W X + b$. What is $\partial L / \partial W$ then?

# %% [markdown] tags=["answer"]
# With $G$ of the shape (units, samples) it is $G X^T$, which has the shape of $W$.

# %% tags=["answer"]
columns = X.T
G_columns = c.T * (1 - np.tanh(W @ columns + b[:, np.newaxis]) ** 2)
product = G_columns @ columns.T
print(G_columns.shape, "times", columns.T.shape, "gives", product.shape)
assert np.allclose(product, pairs["W"][1], rtol=0, atol=1e-12), "exercise 2: G X^T"

# %% [markdown]
# ### Exercise 3
#
# Somebody computes the gradient of the bias as `G.mean(axis=0)`. When is this right?

# %% [markdown] tags=["answer"]
# Never for this $G$: the contributions of the samples *add up*. It would be right if the loss were an average
# over the samples and $G$ held the gradients of the loss of each sample, without the factor $1 / B$.

# %% tags=["answer"]
ratio = pairs["b"][1] / G.mean(axis=0)
print("the engine's gradient by the mean:", ratio)
assert np.allclose(ratio, n_samples), (
    "exercise 3: the mean is too small by the number of samples"
)
