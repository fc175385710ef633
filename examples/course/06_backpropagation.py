# %% [markdown]
# # Backpropagation, by hand and by engine
#
# Backpropagation computes how the loss changes with *every* weight in one walk through the
# network. You learn to do backpropagation on paper, first for one neuron, then for a network with two
# layers. The engine does the same work, and we compare every number. Expect no new mathematics: the chain
# rule is all there is.
#
# ## One neuron
#
# A neuron with the activation tanh, one input, and the squared error:
#
# $$z = w x + b, \quad a = \tanh(z), \quad L = (a - t)^2$$
#
# The forward pass computes from left to right. The backward pass starts at the end with
# $\partial L / \partial L = 1$ and multiplies by one local derivative at each step:
#
# $$\frac{\partial L}{\partial a} = 2 (a - t), \quad
# \frac{\partial L}{\partial z} = \frac{\partial L}{\partial a} (1 - a^2), \quad
# \frac{\partial L}{\partial w} = \frac{\partial L}{\partial z} \, x, \quad
# \frac{\partial L}{\partial b} = \frac{\partial L}{\partial z}$$

# %%
from math import tanh

x, t = 1.5, 1.0
w, b = 0.4, -0.2

# forward
z = w * x + b
a = tanh(z)
L = (a - t) ** 2
# backward
dL_da = 2 * (a - t)
dL_dz = dL_da * (1 - a**2)
dL_dw = dL_dz * x
dL_db = dL_dz * 1
print(f"forward:  z = {z:.4f}, a = {a:.4f}, L = {L:.4f}")
print(f"backward: dL/da = {dL_da:.4f}, dL/dz = {dL_dz:.4f}")
print(f"          dL/dw = {dL_dw:.4f}, dL/db = {dL_db:.4f}")

# %% [markdown]
# The engine builds the same computation as a graph. Each node keeps its number, where it came from, and
# its local derivatives. `backward()` walks the graph from the loss to the leaves.

# %%
import viz
from tinygrad_mlp import Value

weight, bias = Value(w, label="w"), Value(b, label="b")
inputs, target = Value(x, label="x"), Value(t, label="t")
output = (weight * inputs + bias).tanh()
output.label = "a"
loss = (output - target) ** 2
loss.label = "L"
loss.backward()

assert abs(weight.grad - dL_dw) < 1e-12, "one neuron: dL/dw by hand and by engine"
assert abs(bias.grad - dL_db) < 1e-12, "one neuron: dL/db by hand and by engine"
viz.draw(loss, parameters=[weight, bias], detail="ops")

# %% [markdown]
# Read the picture from right to left. In each box is the gradient of the loss by that node. In the box
# where an arrow ends is also the local derivative by what the arrow brings. Follow an arrow back:
# the gradient at its beginning is the gradient at its end, times this local derivative.
#
# ## Two paths: the contributions add up
#
# Where a number is used twice, it changes the loss along two paths. The chain rule adds them. Here
# $y = u^2 + 3u$ is written with two uses of $u$:

# %%
u = Value(2.0, label="u")
y = u * u + 3.0 * u
y.label = "y"
y.backward()
print("du of u*u + 3u at u = 2:", u.grad, " and by the rule 2u + 3:", 2 * 2.0 + 3)

assert u.grad == 7.0, "the contributions of all paths add up"

# %% [markdown]
# This is why the engine writes `parent.grad += ...` and not `parent.grad = ...`. It is the most common
# error in an engine of one's own (next chapter).
#
# ## A network: two layers
#
# This is the network of a well-known worked example (Matt Mazur, 2015): two inputs, two hidden
# units, two outputs, all with the sigmoid, and the error $L = \frac12 (t_1 - o_1)^2 + \frac12 (t_2 - o_2)^2$.

# %%
from tinygrad_mlp.debug import chain, finite_difference, trace_backward
from tinygrad_mlp.debug.worked_example import LEARNING_RATE, PUBLISHED, worked_example

loss = worked_example()
viz.draw(loss, detail="circles", style="slide")

# %% [markdown]
# By hand it is convenient to give a name to the gradient of the sum $z$ that enters a unit. It is called
# *delta*, $\delta = \partial L / \partial z$. For an output unit and for a hidden unit:
#
# $$\delta_{o} = (o - t) \, o (1 - o), \quad
# \delta_{h} = \Big(\sum_o \delta_o w_{oh}\Big) h (1 - h)$$
#
# The sum in the second formula is the rule of the two paths: the hidden unit acts on *both* outputs. Every
# weight then has the gradient *delta of its target times the output of its source*.

# %%
from math import exp


def sigmoid(z):
    return 1 / (1 + exp(-z))


i, t = [0.05, 0.10], [0.01, 0.99]
W1, b1 = [[0.15, 0.20], [0.25, 0.30]], 0.35  # a row for each hidden unit
W2, b2 = [[0.40, 0.45], [0.50, 0.55]], 0.60  # a row for each output

# forward
h = [sigmoid(row[0] * i[0] + row[1] * i[1] + b1) for row in W1]
o = [sigmoid(row[0] * h[0] + row[1] * h[1] + b2) for row in W2]
L = sum((tk - ok) ** 2 / 2 for tk, ok in zip(t, o))
# backward
delta_o = [(ok - tk) * ok * (1 - ok) for ok, tk in zip(o, t)]
delta_h = [
    (delta_o[0] * W2[0][j] + delta_o[1] * W2[1][j]) * h[j] * (1 - h[j]) for j in range(2)
]
dW2 = [[delta * hj for hj in h] for delta in delta_o]
dW1 = [[delta * ij for ij in i] for delta in delta_h]
print(f"o1 = {o[0]:.9f}, o2 = {o[1]:.9f}, L = {L:.9f}")
print(f"delta_o1 = {delta_o[0]:.9f}, delta_h1 = {delta_h[0]:.9f}")
print(f"dL/dw5 = {dW2[0][0]:.9f}, dL/dw1 = {dW1[0][0]:.9f}")

# %% [markdown]
# Three witnesses: the engine, the numbers that were printed in 2015, and differences of the loss, which
# know no chain rule at all.

# %%
trace = trace_backward(loss)
nodes = {name: node for node, name in trace.names.items()}
by_hand = [*dW1[0], *dW1[1], *dW2[0], *dW2[1]]
print("      by hand      by engine    by differences")
for k, gradient in enumerate(by_hand):
    leaf = nodes[f"w{k + 1}"]
    by_differences = finite_difference(loss, leaf)
    print(f"w{k + 1}  {gradient:12.9f} {leaf.grad:12.9f} {by_differences:12.9f}")
    assert abs(gradient - leaf.grad) < 1e-12, (
        f"the engine gives the gradient of w{k + 1} by hand"
    )
    assert abs(gradient - by_differences) < 1e-7, (
        f"differences give the gradient of w{k + 1}"
    )

assert abs(L - PUBLISHED["L"][0]) < 1e-9, "the loss is the one that was published"
for name, found in (("w1", dW1[0][0]), ("w5", dW2[0][0])):
    assert abs(found - PUBLISHED[name][1]) < 1e-9, f"the gradient of {name} is as published"

# %% [markdown]
# ## Why backwards
#
# Look at the way from the first weight to the loss: two paths, through each of the outputs.

# %%
chain(loss, nodes["w1"]).latex()

# %% [markdown]
# One could compute such a sum for every weight on its own. But all weights share the end of the path.
# Backpropagation computes each shared part *once*: the log below has one line for each arrow of the
# graph, and this is all the work, for all eight weights and the two biases.

# %%
print(len(trace), "steps; the first of them:")
for step in trace[:6]:
    print(step)

one_by_one = sum(
    len(path.partials) for k in range(8) for path in chain(loss, nodes[f"w{k + 1}"]).paths
)
print("factors, if each of the eight weights is computed on its own:", one_by_one)

assert len(trace) < one_by_one, (
    "one walk backwards is less work than one chain for each weight"
)

# %% [markdown]
# Step through it yourself. Each step shows the rule in symbols and in numbers:

# %%
viz.replay(loss)

# %% [markdown]
# ## The step of gradient descent
#
# The gradient says in which direction the loss grows. A small step the other way makes it smaller:

# %%
eta = LEARNING_RATE
for k in range(8):
    nodes[f"w{k + 1}"].data -= eta * nodes[f"w{k + 1}"].grad


def loss_with(W1, W2):
    h = [sigmoid(row[0] * i[0] + row[1] * i[1] + b1) for row in W1]
    o = [sigmoid(row[0] * h[0] + row[1] * h[1] + b2) for row in W2]
    return sum((tk - ok) ** 2 / 2 for tk, ok in zip(t, o))


new = [nodes[f"w{k + 1}"].data for k in range(8)]
after = loss_with([new[0:2], new[2:4]], [new[4:6], new[6:8]])
print(f"loss before: {L:.9f}, after one step: {after:.9f}")

assert after < L, "a step against the gradient makes the loss smaller"
published = 0.291027924
print(
    f"the article prints {published}: it rounds on the way, and differs by {published - after:.1e}"
)
assert abs(after - published) < 1e-6, (
    "the loss after the step is as published, to six digits"
)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# For the neuron at the top, compute $\partial L / \partial x$ by hand. Which box of the picture shows it?

# %% [markdown] tags=["answer"]
# The sum is $z = w x + b$, so the local derivative by $x$ is $w$:
# $\partial L / \partial x = \partial L / \partial z \cdot w$. It is the gradient in the box "x".

# %% tags=["answer"]
print(dL_dz * w)
assert abs(inputs.grad - dL_dz * w) < 1e-12, (
    "exercise 1: the gradient by the input is delta times w"
)

# %% [markdown]
# ### Exercise 2
#
# In the worked example one leaf `b1` is the bias of *both* hidden units. What is its gradient?

# %% [markdown] tags=["answer"]
# It is used twice, so two contributions add up; each is the delta of a hidden unit:
# $\partial L / \partial b_1 = \delta_{h_1} + \delta_{h_2}$.

# %% tags=["answer"]
print(delta_h[0] + delta_h[1])
assert abs(nodes["b1"].grad - sum(delta_h)) < 1e-12, (
    "exercise 2: a shared bias adds the deltas"
)

# %% [markdown]
# ### Exercise 3
#
# The output units had the *identity* in place of the sigmoid. Which factor of the formulas disappears?

# %% [markdown] tags=["answer"]
# The factor $o (1 - o)$, the derivative of the sigmoid. The delta of an output is then the error alone,
# $\delta_o = o - t$.

# %% tags=["answer"]
linear = [row[0] * h[0] + row[1] * h[1] + b2 for row in W2]
weights = [[Value(number) for number in row] for row in W2]
outputs = [row[0] * h[0] + row[1] * h[1] + b2 for row in weights]
sum([(ok - tk) ** 2 * 0.5 for ok, tk in zip(outputs, t)]).backward()
print(weights[0][0].grad, (linear[0] - t[0]) * h[0])
assert abs(weights[0][0].grad - (linear[0] - t[0]) * h[0]) < 1e-12, (
    "exercise 3: delta is the error"
)

# %% [markdown]
# ### Exercise 4
#
# On paper: the sheet asks for every number of the worked example, but with other weights and inputs. Print
# it. With `seed=2`, `seed=3`, ... each of your friends has a sheet with other numbers.

# %%
viz.worksheet(loss, None, seed=1, answers=False)

# %% [markdown] tags=["answer"]
# The same sheet with its key. In the terminal, `python -m tinygrad_mlp step --quiz` asks for the steps one
# by one, and says of a wrong number what was forgotten.

# %% tags=["answer"]
sheet = viz.worksheet(loss, None, seed=1)
assert "Key to sheet 1" in sheet, "exercise 4: the key stands behind the sheet"
sheet
