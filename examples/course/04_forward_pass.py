# %% [markdown]
# # The forward pass, number by number
#
# A network is a formula. The forward pass puts numbers in and computes, unit after unit, until the output is known. You learn to do
# a forward pass by hand, with the names that textbooks use; to read it in the graph that the engine builds; to count the
# multiplications; and to recognize the usual slips by the numbers that they give. Expect arithmetic and nothing else: no
# matrices, no learning.
#
# All chance in this chapter comes from the next line; it is needed further down, for large networks.

# %%
SEED = 0

# %% [markdown]
# ## A network with names
#
# Two inputs, two hidden units with tanh, one output unit with the sigmoid. The weight $w^{(1)}_{21}$ belongs to layer 1 and leads *to*
# unit 2 *from* input 1: first where it goes, then where it comes from. In a computer it is written `w[1]_21`. Each unit
# does two things. It makes a *weighted sum* $z$, with its bias $b$, and applies its activation to it:
#
# $$z^{(1)}_j = b^{(1)}_j + w^{(1)}_{j1} x_1 + w^{(1)}_{j2} x_2$$
#
# $$h_j = \tanh(z^{(1)}_j)$$
#
# $$z^{(2)}_1 = b^{(2)}_1 + w^{(2)}_{11} h_1 + w^{(2)}_{12} h_2$$
#
# $$\hat{y} = \sigma(z^{(2)}_1) = \frac{1}{1 + e^{-z^{(2)}_1}}$$

# %%
import viz
from tinygrad_mlp import MLP

x = [0.5, -1.0]
w1 = [[0.8, 0.3], [-0.6, 0.9]]  # a row for each hidden unit, a column for each input
b1 = [0.1, 0.4]
w2, b2 = [1.5, -2.0], -0.3

model = MLP(2, [2, 1], activation="tanh", output_activation="sigmoid")
hidden, output = model.layers
rows = zip([*hidden.neurons, *output.neurons], [*w1, w2], [*b1, b2])
for neuron, weights, bias in rows:
    neuron.b.data = bias
    for leaf, number in zip(neuron.w, weights):
        leaf.data = number

viz.draw(model(x), style="slide")

# %% [markdown]
# Each line carries a weight. A unit adds up what arrives: the number where the line begins, times the weight on the
# line. The small circle with the 1 carries the bias, as if it were a weight from an input that is always 1.
#
# ## By hand
#
# Six lines, in this order. Take a pocket calculator and compute along.

# %%
from math import exp, tanh

x_1, x_2 = x

z1_1 = b1[0] + w1[0][0] * x_1 + w1[0][1] * x_2
h_1 = tanh(z1_1)
z1_2 = b1[1] + w1[1][0] * x_1 + w1[1][1] * x_2
h_2 = tanh(z1_2)
z2_1 = b2 + w2[0] * h_1 + w2[1] * h_2
y_hat = 1 / (1 + exp(-z2_1))

print(f"z[1]_1 = {b1[0]} + {w1[0][0]}*{x_1} + {w1[0][1]}*({x_2}) = {z1_1:.4f}")
print(f"h_1    = tanh({z1_1:.4f}) = {h_1:.4f}")
print(f"z[1]_2 = {b1[1]} + ({w1[1][0]})*{x_1} + {w1[1][1]}*({x_2}) = {z1_2:.4f}")
print(f"h_2    = tanh({z1_2:.4f}) = {h_2:.4f}")
print(f"z[2]_1 = {b2} + {w2[0]}*{h_1:.4f} + ({w2[1]})*({h_2:.4f}) = {z2_1:.4f}")
print(f"y      = sigmoid({z2_1:.4f}) = {y_hat:.4f}")

# %% [markdown]
# ## By the engine
#
# The engine computes the same while it writes down every step. The log shows these steps with the names of the book. It
# writes the layer everywhere, $h_1^{(1)}$ for our $h_1$, and numbers the outputs, $\hat y_1$ for $\hat y$:

# %%
from tinygrad_mlp.debug import trace_forward

y = model(x)
log = trace_forward(y, names="math")
by_engine = [step.node.data for step in log]
by_hand = [z1_1, h_1, z1_2, h_2, z2_1, y_hat]
for one, other in zip(by_engine, by_hand, strict=True):
    assert abs(one - other) < 1e-15, "every step of the engine is one of the six by hand"
log.latex()

# %% [markdown]
# What it has written down is a *graph*. Each box is a number; its arrows come from the numbers that it was computed from:

# %%
viz.draw(y, detail="ops", show=["data"], parameters=model.parameters())

# %% [markdown]
# ## In which order?
#
# A number can be computed when its parents are known. `topological_order` puts the nodes of a graph into such an
# order. We give each node a *level*: 0 for what is known from the beginning, else one more than the highest level of its parents.

# %%
from tinygrad_mlp import topological_order

order = topological_order(y)
place = {node: k for k, node in enumerate(order)}
level = {}
for node in order:
    assert all(place[parent] < place[node] for parent in node.parents), (
        "in a topological order the parents of a node come before it"
    )
    level[node] = 1 + max([level[parent] for parent in node.parents], default=-1)

for number in range(max(level.values()) + 1):
    names = [node.op.name for node in order if level[node] == number and node.parents]
    known = sum(level[node] == number and not node.parents for node in order)
    print(f"level {number}:", ", ".join(names) or f"{known} weights, biases and inputs")
assert max(level.values()) == 2 * len(model.layers), "each layer has two levels: z and h"

# %% [markdown]
# (A `dot` is a weighted sum.) Nodes of one level do not need each other: $h_2$ may be computed before $h_1$, or both at the
# same time. The levels have to wait for each other. So a *wide* layer can be computed at once on a machine with many
# processors, and a *deep* network cannot.
#
# ## How much work is it?
#
# A layer with $n$ inputs and $m$ units makes $n m$ multiplications. To each product it adds what was there before, and the first
# one finds the bias there: $n m$ additions too. To check this, we compute with numbers that count.

# %%
from collections import Counter
from itertools import pairwise

done = Counter()


class Counted(float):
    """A number that counts its multiplications and additions."""

    def __mul__(self, other):
        done["*"] += 1
        return Counted(float(self) * float(other))

    def __add__(self, other):
        done["+"] += 1
        return Counted(float(self) + float(other))


def weighted_sum(weights, bias, inputs):
    z = bias
    for w, number in zip(weights, inputs):
        z = z + w * number
    return z


def forward(layers, inputs):
    """The outputs of a network. A layer is its weights, its biases and its activation."""
    for weights, biases, activation in layers:
        sums = [weighted_sum(row, b, inputs) for row, b in zip(weights, biases)]
        inputs = [activation(z) for z in sums]
    return inputs


def sigmoid(z):
    return 1 / (1 + exp(-z))


def as_it_is(z):
    return z


def numbers_of(model, activations, kind=float):
    """The weights and biases of a model in plain lists."""
    return [
        (
            [[kind(w.data) for w in neuron.w] for neuron in layer.neurons],
            [kind(neuron.b.data) for neuron in layer.neurons],
            activation,
        )
        for layer, activation in zip(model.layers, activations)
    ]


(found,) = forward(numbers_of(model, [tanh, sigmoid]), x)
assert abs(found - y_hat) < 1e-15, "the loops compute what the six lines computed"

for sizes in ([2, 2, 1], [64, 32, 10], [30, 20, 20, 20, 3]):
    large = MLP(sizes[0], sizes[1:], activation="tanh", rng=SEED)
    done.clear()
    activations = [tanh] * (len(sizes) - 2) + [as_it_is]
    forward(numbers_of(large, activations, Counted), [0.5] * sizes[0])
    products = sum(n * m for n, m in pairwise(sizes))
    n_parameters = len(large.parameters())
    print("-".join(map(str, sizes)), dict(done), "parameters:", n_parameters)
    assert done == {"*": products, "+": products}, "n m of both for each layer"
    assert n_parameters == products + sum(sizes[1:]), (
        "a weight for each multiplication, a bias for each unit"
    )

# %% [markdown]
# Each weight is used in exactly one multiplication. So the number of parameters tells the work for one sample: as many multiplications,
# and as many additions, as there are weights.
#
# ## Many samples, and the same numbers three times
#
# For 200 samples the forward pass is done 200 times. `predict` records the network once, finds the matrix
# products in the recording, and then takes all samples together. Are they still the same numbers? We compare the plain
# loops, the engine, and `predict`, for a network with random weights.

# %%
import numpy as np

from tinygrad_mlp import predict

large = MLP(64, [32, 10], activation="tanh", rng=SEED)
samples = np.random.default_rng(SEED).uniform(size=(200, 64))
layers = numbers_of(large, [tanh, as_it_is])
by_loops = np.array([forward(layers, sample) for sample in samples.tolist()])
by_graph = np.array([[out.data for out in large(row)] for row in samples.tolist()])
at_once = predict(large, samples)
print("engine - loops:  largest difference", f"{np.abs(by_graph - by_loops).max():.1e}")
print("predict - loops: largest difference", f"{np.abs(at_once - by_loops).max():.1e}")
assert np.abs(by_graph - by_loops).max() < 1e-12, (
    "the engine computes what the loops compute"
)
assert np.abs(at_once - by_loops).max() < 1e-12, "and so does the compiled network"

# %% [markdown]
# They may differ in the last digit, since a computer rounds after each addition, and matrix products add in another order.
#
# Here is what all units of this network say to 12 of the samples. A row is a sample; blue is above 0, orange below.

# %%
from tinygrad_mlp.interpret import activations

viz.plots.activation_map(activations(large, samples[:12]))

# %% [markdown]
# ## Without writing down
#
# The graph is there for the backward pass. If you only want the output, you can do without it: in a block `with no_grad():` the engine computes
# and forgets.

# %%
from tinygrad_mlp import Value, no_grad

with no_grad():
    alone = model(x)
print("with a graph: ", len(topological_order(y)), "nodes;", y.data)
print("without:      ", len(topological_order(alone)), "node;  ", alone.data)
assert alone.data == y.data, "without the graph it is the same number, to the last bit"
assert alone.parents == (), "it does not know where it comes from"

# %% [markdown]
# What does this save? Time and memory of one forward pass, for our small network, for the one with 64 inputs, and for a chain of 200
# single operations. In the last column, the memory that stays in use until the output is dropped.

# %% tags=["measured"]
import tracemalloc
from time import process_time


def chain_of_200(number):
    for _ in range(100):
        number = number * 1.01 + 0.1
    return number


def seconds_of(network, inputs, repeats=20):
    begin = process_time()
    for _ in range(repeats):
        network(inputs)
    return (process_time() - begin) / repeats


def bytes_of(network, inputs):
    tracemalloc.start()
    kept = network(inputs)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size if kept else 0


kept = {}
cases = {
    "2-2-1": (model, x),
    "64-32-10": (large, [0.5] * 64),
    "chain": (chain_of_200, Value(0.3)),
}
for name, (network, inputs) in cases.items():
    times = {"with a graph": [], "no_grad": []}
    for _ in range(30):  # in turns, so that what else the computer does meets both
        times["with a graph"].append(seconds_of(network, inputs))
        with no_grad():
            times["no_grad"].append(seconds_of(network, inputs))
    kept[name, "with a graph"] = bytes_of(network, inputs)
    with no_grad():
        kept[name, "no_grad"] = bytes_of(network, inputs)
    for way, found in times.items():
        microseconds, size = 1e6 * min(found), kept[name, way] / 1000
        print(f"{name:8s} {way:12s} {microseconds:6.1f} microseconds {size:6.1f} kB")

begin = process_time()
for _ in range(20):
    predict(large, samples)
each = 1e6 * (process_time() - begin) / 20 / len(samples)
print(f"64-32-10 predict      {each:6.1f} microseconds for each of 200 samples")
saved = {name: kept[name, "with a graph"] / kept[name, "no_grad"] for name in cases}
assert min(saved["64-32-10"], saved["chain"]) > 20, (
    "the memory of a graph is what no_grad saves"
)
assert saved["64-32-10"] > saved["2-2-1"] > 1, "it saves more of it in the wider network"

# %% [markdown]
# Did you expect half of the time? Compare the two times of each case. Where this chapter was written, the wide network was a little
# faster in the block, the small one was not, and the chain was even slower: looking whether a block is open takes time too. On another
# computer it may be otherwise. What `no_grad` saves for certain is *memory*. To save time, do not compute sample by sample: that is what the
# last line is about.
#
# ## The common slips
#
# Each row of the table is the result of *one* mistake in the small network. If your number is there, you know what to look for.


# %%
def two_layers(w1=w1, b1=b1, w2=w2, b2=b2, act=tanh, end=sigmoid):
    """The output for x, with everything open to be done wrong."""
    h = [act(weighted_sum(row, b, x)) for row, b in zip(w1, b1)]
    return end(weighted_sum(w2, b2, h))


def overwritten():
    """x is changed while it is still needed."""
    place = list(x)
    for j in range(2):
        place[j] = tanh(weighted_sum(w1[j], b1[j], place))
    return sigmoid(weighted_sum(w2, b2, place))


slips = {
    "the biases are forgotten": two_layers(b1=[0.0, 0.0], b2=0.0),
    "w[1]_12 and w[1]_21 are exchanged": two_layers(w1=[list(c) for c in zip(*w1)]),
    "no activation in the hidden units": two_layers(act=as_it_is),
    "no activation at the output": two_layers(end=as_it_is),
    "the sigmoid in the hidden units": two_layers(act=sigmoid),
    "tanh at the output": two_layers(end=tanh),
    "the bias is added after the activation": sigmoid(
        b2 + sum(w * (tanh(weighted_sum(row, 0.0, x)) + b) for w, row, b in zip(w2, w1, b1))
    ),
    "the output unit gets x in place of h": sigmoid(weighted_sum(w2, b2, x)),
    "h_1 is written over x_1 before h_2 is computed": overwritten(),
    "e^z in place of e^-z": 1 / (1 + exp(z2_1)),
    "h_1 and h_2 rounded to one digit": sigmoid(
        weighted_sum(w2, b2, [round(h_1, 1), round(h_2, 1)])
    ),
}
print(f"{two_layers():8.4f}  right")
for slip, number in slips.items():
    print(f"{number:8.4f}  {slip}")
    assert abs(number - y_hat) > 1e-3, f"the slip is seen in three digits: {slip}"
assert two_layers() == y_hat, "the right order of the right steps gives the right number"
assert len({round(number, 3) for number in slips.values()}) == len(slips), (
    "each slip has its own number"
)

# %% [markdown]
# No error message appears for any of them. The exchanged indices are the most treacherous: with as many units as inputs
# the shapes fit, and nothing looks wrong.
#
# Which part of the picture does one weight touch? With `focus` the paths through it stand out:

# %%
viz.draw(model(x), style="slide", focus="w[1]_21")

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# What does the network say to $x_1 = x_2 = 0$? Which numbers of the first layer still play a part?

# %% [markdown] tags=["answer"]
# Only the biases: every product with an input is 0.
#
# $$\hat{y} = \sigma(b^{(2)}_1 + w^{(2)}_{11} \tanh b^{(1)}_1 + w^{(2)}_{12} \tanh b^{(1)}_2)$$

# %% tags=["answer"]
by_formula = sigmoid(b2 + w2[0] * tanh(b1[0]) + w2[1] * tanh(b1[1]))
print(by_formula, model([0.0, 0.0]).data)
assert abs(by_formula - model([0.0, 0.0]).data) < 1e-15, "exercise 1: only the biases"

# %% [markdown]
# ### Exercise 2
#
# A network for pictures of 28 x 28 pixels has 128 hidden units and 10 outputs. How many multiplications does one picture take, and how
# many parameters are there?

# %% [markdown] tags=["answer"]
# $784 \cdot 128 + 128 \cdot 10$ multiplications; as many weights, and a bias for each of the $128 + 10$ units.

# %% tags=["answer"]
products = 784 * 128 + 128 * 10
print(products, "multiplications,", products + 138, "parameters")
parameters = len(MLP(784, [128, 10], rng=SEED).parameters())
assert parameters == products + 138, "exercise 2: weights and biases"

# %% [markdown]
# ### Exercise 3
#
# Exchange the two hidden units: the rows of `w1`, the entries of `b1`, and those of `w2`. What does the network say now?

# %% [markdown] tags=["answer"]
# The same. Hidden units have no order: the sum $w^{(2)}_{11} h_1 + w^{(2)}_{12} h_2$ has the same two terms. So one can
# arrange $m$ hidden units in $m!$ ways, all with the same outputs, and no training can tell which of them is "the" solution.

# %% tags=["answer"]
twin = two_layers(w1=w1[::-1], b1=b1[::-1], w2=w2[::-1])
print(twin, y_hat)
assert abs(twin - y_hat) < 1e-15, "exercise 3: the same output"

# %% [markdown]
# ### Exercise 4
#
# Somebody changes $w^{(1)}_{21}$. Which of the six numbers of the forward pass have to be computed again?

# %% [markdown] tags=["answer"]
# $z^{(1)}_2$, $h_2$, $z^{(2)}_1$ and $\hat{y}$: those that can be reached from the weight. $z^{(1)}_1$ and $h_1$ stay.

# %% tags=["answer"]
hidden.neurons[1].w[0].data += 0.5
after = [step.node.data for step in trace_forward(model(x))]
changed = [before != now for before, now in zip(by_engine, after, strict=True)]
print(changed)
assert changed == [False, False, True, True, True, True], "exercise 4: four of six"
