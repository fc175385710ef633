# %% [markdown]
# # The exam question: one update of one weight
#
# A question that many courses set: a small network, a few samples, a learning rate; what is the new
# value of *one* weight of the first layer after *one* step of gradient descent? You learn to
# write the derivative down term by term, to check each term with the engine, and to recognize the
# common mistakes by the numbers that they give.
#
# ## The question
#
# A network has two inputs $x_1, x_2$, three hidden units with the sigmoid $\sigma$, and one output unit,
# also with the sigmoid. The weight $w^{(1)}_{ij}$ leads from input $i$ to hidden unit $j$, and
# $w^{(1)}_{0j}$ is the intercept (bias) of hidden unit $j$; $w^{(2)}_j$ leads from hidden unit $j$
# to the output. In formulas:
#
# $$h_j = \sigma(z_j), \quad z_j = w^{(1)}_{0j} + w^{(1)}_{1j} x_1 + w^{(1)}_{2j} x_2$$
#
# $$o = \sigma(w^{(2)}_0 + w^{(2)}_1 h_1 + w^{(2)}_2 h_2 + w^{(2)}_3 h_3)$$
#
# The loss is the average squared error over the $n$ samples:
#
# $$L = \frac{1}{n} \sum_{k=1}^{n} (o_k - y_k)^2$$
#
# **Do one step of gradient descent with learning rate $\alpha$ for the weight $w^{(1)}_{12}$.**

# %%
import viz
from tinygrad_mlp import MLP
from tinygrad_mlp.debug import chain, trace_backward
from tinygrad_mlp.losses import mean_squared_error

samples = [[0.5, -1.0], [1.5, 2.0], [-1.0, 0.8]]
targets = [1.0, 0.0, 1.0]
alpha = 0.5
n = len(samples)

model = MLP(2, [3, 1], activation="sigmoid", output_activation="sigmoid")
hidden, output = model.layers
(unit,) = output.neurons
w1 = [[0.1, 0.4, -0.7], [-0.2, -0.3, 0.9], [0.3, 0.8, 0.5]]  # a row for each hidden unit
w2 = [0.2, 0.6, -1.1, 0.7]  # of the output unit; the intercept stands first in each row
for neuron, row in zip([*hidden.neurons, unit], [*w1, w2]):
    for leaf, number in zip([neuron.b, *neuron.w], row):
        leaf.data = number

w12 = hidden.neurons[1].w[0]  # from input 1 to hidden unit 2
print("w[1]_12 =", w12.data)

# %% [markdown]
# The picture shows the network while it looks at the first sample. With `index="input,unit"` a
# weight has the name that the question gives it. (Many books write the indices the other way around.
# Read the question twice: this is the first place where points are lost.)

# %%
viz.draw(model(samples[0]), style="slide", index="input,unit", focus="w[1]_12")

# %% [markdown]
# ## Term by term, by hand
#
# Only one path leads from $w^{(1)}_{12}$ to the loss of a sample: through $z_2$, $h_2$, the sum of the
# output unit, and $o$. The chain rule multiplies the derivatives along it:
#
# $$\frac{\partial L}{\partial w^{(1)}_{12}} = \frac{1}{n} \sum_{k=1}^{n}
# \underset{\text{loss}}{2 (o - y)} \cdot
# \underset{\text{sigmoid of the output}}{o (1 - o)} \cdot
# \underset{\text{weight}}{w^{(2)}_2} \cdot
# \underset{\text{sigmoid of the hidden unit}}{h_2 (1 - h_2)} \cdot
# \underset{\text{input}}{x_1}$$
#
# Here $o$, $y$, $h_2$ and $x_1$ are those of sample $k$. The derivative of the sigmoid is
# $\sigma'(z) = \sigma(z) (1 - \sigma(z))$: it needs only the *output* of the unit, which the
# forward pass has computed already.
#
# The next cell is this formula in plain Python. It uses nothing of the engine.

# %%
from math import exp


def sigmoid(z):
    return 1 / (1 + exp(-z))


def forward(x):
    """The hidden units and the output, by the formulas of the question."""
    h = [sigmoid(w[0] + w[1] * x[0] + w[2] * x[1]) for w in w1]
    return h, sigmoid(w2[0] + w2[1] * h[0] + w2[2] * h[1] + w2[3] * h[2])


print("sample   2(o-y)   o(1-o)   w[2]_2  h2(1-h2)      x1   product")
products = []
for k, (x, y) in enumerate(zip(samples, targets)):
    h, o = forward(x)
    terms = [2 * (o - y), o * (1 - o), w2[2], h[1] * (1 - h[1]), x[0]]
    product = terms[0] * terms[1] * terms[2] * terms[3] * terms[4]
    products.append(product)
    print(f"{k + 1:6d}", *(f"{term:8.4f}" for term in terms), f"{product:9.6f}")

by_hand = sum(products) / n
old = w1[1][1]
new_by_hand = old - alpha * by_hand
print(f"the average of the products: {by_hand:.6f}")
print(f"new w[1]_12 = {old} - {alpha} * ({by_hand:.6f}) = {new_by_hand:.6f}")

# %% [markdown]
# ## By the engine
#
# The engine builds the graph of the same loss and walks it backwards once. It gives the derivatives by
# *all* weights; we look at ours.

# %%
outputs = [model(x) for x in samples]
loss = mean_squared_error(outputs, targets)
loss.backward()
new_by_engine = w12.data - alpha * w12.grad
print(f"by hand:   {by_hand:.15f}")
print(f"by engine: {w12.grad:.15f}")

assert abs(w12.grad - by_hand) < 1e-12, "the engine gives the derivative of the formula"
assert abs(new_by_engine - new_by_hand) < 1e-12, "both give the same new weight"

# %% [markdown]
# A third witness knows no chain rule at all: make the weight a little larger, then a little smaller,
# and see how much the loss changes.


# %%
def loss_with(number):
    """The loss by the formulas, with another number for our weight."""
    w1[1][1] = number
    total = sum((forward(x)[1] - y) ** 2 for x, y in zip(samples, targets)) / n
    w1[1][1] = old
    return total


step = 1e-5
by_differences = (loss_with(old + step) - loss_with(old - step)) / (2 * step)
print(f"by differences: {by_differences:.10f}")
assert abs(by_differences - by_hand) < 1e-9, (
    "a small change of the weight changes the loss as the formula says"
)

# %% [markdown]
# ## In the step log
#
# The log shows each multiplication of the backward pass with the names of the question. For one sample
# the chain is short enough to read as a whole:

# %%
loss_of_one = (model(samples[0]) - targets[0]) ** 2
chain(loss_of_one, w12, names="math", index="input,unit").latex()

# %% [markdown]
# The product in the last line is that of sample 1 in the table above. For all samples together the log has
# one line for each sample that adds something to our weight. These lines are what the sum over $k$ in
# the formula is:

# %%
log = trace_backward(loss, names="math", index="input,unit")
lines = [step for step in log if step.receiver is w12]
for line in lines:
    print(line)

assert len(lines) == n, "each sample adds one term to the gradient"
contributions = sorted(line.contribution for line in lines)
for found, product in zip(contributions, sorted(products)):
    assert abs(found - product / n) < 1e-12, (
        "each line of the log is one product of the table, divided by n"
    )

# %% [markdown]
# Step through the backward pass of sample 1 yourself. The arrow keys go forth and back:

# %%
viz.replay(loss_of_one, index="input,unit")

# %% [markdown]
# ## The mistakes that cost points
#
# Each line of the table is the answer of somebody who made *one* mistake. None of them is the right number,
# so none of them can hide in a correct calculation. If your number is among them, you know what to look for.

# %%
slips = {
    "the factor o(1 - o) of the output is missing": 0.0,
    "the factor h2(1 - h2) of the hidden unit is missing": 0.0,
    "the factor 2 of the square is missing": 0.0,
    "the sum over the samples, not the average": 0.0,
    "only the first sample": 0.0,
    "input 2 in place of input 1 (that is w[1]_22)": 0.0,
    "unit 1 in place of unit 2 (that is w[1]_11)": 0.0,
    "sigmoid'(h2) in place of sigmoid'(z2)": 0.0,
}
for k, (x, y) in enumerate(zip(samples, targets)):
    h, o = forward(x)
    right = 2 * (o - y) * o * (1 - o) * w2[2] * h[1] * (1 - h[1]) * x[0] / n
    of_h2 = sigmoid(h[1]) * (1 - sigmoid(h[1]))
    wrong = [
        right / (o * (1 - o)),
        right / (h[1] * (1 - h[1])),
        right / 2,
        right * n,
        right * n if k == 0 else 0.0,
        right / x[0] * x[1],
        right / (w2[2] * h[1] * (1 - h[1])) * (w2[1] * h[0] * (1 - h[0])),
        right / (h[1] * (1 - h[1])) * of_h2,
    ]
    for slip, number in zip(slips, wrong):
        slips[slip] += number

print(f"{'right':52s} {by_hand:9.6f}  new weight {new_by_hand:9.6f}")
for slip, gradient in slips.items():
    new = old - alpha * gradient
    print(f"{slip:52s} {gradient:9.6f}  new weight {new:9.6f}")
    assert abs(new - new_by_hand) > 1e-4, f"the slip is seen in four digits: {slip}"

wrong_sign = old + alpha * by_hand
print(
    f"{'plus in place of minus in the update':52s} {by_hand:9.6f}  new weight {wrong_sign:9.6f}"
)
assert loss_with(new_by_hand) < loss_with(old) < loss_with(wrong_sign), (
    "the step makes the loss smaller, and with the wrong sign it makes it larger"
)

# %% [markdown]
# Two of the wrong answers are right answers to other questions: with the wrong index you get the derivative
# by another weight.

# %%
w11, w22 = hidden.neurons[0].w[0], hidden.neurons[1].w[1]
assert abs(slips["input 2 in place of input 1 (that is w[1]_22)"] - w22.grad) < 1e-12, (
    "that is the gradient of w[1]_22"
)
assert abs(slips["unit 1 in place of unit 2 (that is w[1]_11)"] - w11.grad) < 1e-12, (
    "that is the gradient of w[1]_11"
)
print("gradient of w[1]_22:", round(w22.grad, 6), " of w[1]_11:", round(w11.grad, 6))

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Write the update of the intercept $w^{(1)}_{02}$ in the same way. Which factor changes?

# %% [markdown] tags=["answer"]
# The last one. The intercept is a weight from an input that is always 1, so $x_1$ becomes 1:
#
# $$\frac{\partial L}{\partial w^{(1)}_{02}} = \frac{1}{n} \sum_k 2 (o - y)\, o (1 - o)\, w^{(2)}_2\, h_2 (1 - h_2)$$

# %% tags=["answer"]
by_formula = sum(product / x[0] for product, x in zip(products, samples)) / n
print(by_formula, hidden.neurons[1].b.grad)
assert abs(by_formula - hidden.neurons[1].b.grad) < 1e-12, (
    "exercise 1: the last factor is 1"
)

# %% [markdown]
# ### Exercise 2
#
# Write the update of $w^{(2)}_2$, the weight from hidden unit 2 to the output. Why is this formula shorter?

# %% [markdown] tags=["answer"]
# The path is shorter: the weight acts on the sum of the output unit at once, with the factor $h_2$.
#
# $$\frac{\partial L}{\partial w^{(2)}_2} = \frac{1}{n} \sum_k 2 (o - y)\, o (1 - o)\, h_2$$

# %% tags=["answer"]
by_formula = 0.0
for x, y in zip(samples, targets):
    h, o = forward(x)
    by_formula += 2 * (o - y) * o * (1 - o) * h[1] / n
print(by_formula, unit.w[1].grad)
assert abs(by_formula - unit.w[1].grad) < 1e-12, (
    "exercise 2: the formula of the output weight"
)

# %% [markdown]
# ### Exercise 3
#
# A sample has $x_1 = 0$. How much does it add to the gradient of $w^{(1)}_{12}$, and why does this make sense?

# %% [markdown] tags=["answer"]
# Nothing: the last factor is 0. The weight is multiplied by $x_1 = 0$ in the forward pass, so changing it
# changes nothing about this sample.

# %% tags=["answer"]
w12.grad = 0.0
((model([0.0, 2.0]) - 1.0) ** 2).backward()
print(w12.grad)
assert w12.grad == 0.0, "exercise 3: no input, no gradient"

# %% [markdown]
# ### Exercise 4
#
# Another exam: a network of the same kind with relu and the squared error of one sample. Its numbers are
# round, so that no calculator is needed. Print the sheet and work it through.

# %%
other_exam = MLP(2, [2, 1], activation="relu", init="zeros")
viz.worksheet(other_exam, None, seed=8, answers=False, index="input,unit", title="Exam")

# %% [markdown] tags=["answer"]
# The key. The numbers are drawn by the seed, so it belongs to this sheet alone.

# %% tags=["answer"]
sheet = viz.worksheet(other_exam, None, seed=8, index="input,unit", title="Exam")
assert "none has to be rounded" in sheet, "exercise 4: all numbers are round"
sheet
