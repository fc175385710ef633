# %% [markdown]
# # Build your own engine
#
# An engine for automatic differentiation sounds like a large program. It is less than 80 lines. You learn
# what an engine does by writing it: a number that remembers where it came from, a walk backwards,
# a neuron, a network. At the end your engine and the one of this project get the same random
# formulas, and must give the same gradients.
#
# ## Step 1: a number that remembers
#
# Each operation makes a new node. It keeps its number, the nodes that it was computed from (its *parents*),
# and for each parent the *local derivative*: how fast the result changes with that parent alone.
#
# | operation | local derivatives |
# |---|---|
# | $a + b$ | $1, \; 1$ |
# | $a \cdot b$ | $b, \; a$ |
# | $a^n$ | $n a^{n-1}$ |
# | $\tanh a$ | $1 - \tanh^2 a$ |
# | $\max(a, 0)$ | $1$ if $a > 0$, else $0$ |
#
# ## Step 2: the walk backwards
#
# A node may pass its gradient on only when it is complete, that is when everything that uses the node
# has added its part. So we need an order in which parents come before children, and walk it
# from the end. Then for each node and each of its parents: *parent's gradient += node's
# gradient × local derivative*.

# %%
import math
import random

SEED = 0


class Node:
    """A number that remembers how it was computed."""

    def __init__(self, data, parents=(), partials=()):
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.partials = partials  # the derivative of this node by each parent

    def __add__(self, other):
        other = node_of(other)
        return Node(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = node_of(other)
        return Node(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n):
        return Node(self.data**n, (self,), (n * self.data ** (n - 1),))

    def tanh(self):
        t = math.tanh(self.data)
        return Node(t, (self,), (1.0 - t * t,))

    def relu(self):
        return Node(max(self.data, 0.0), (self,), (1.0 if self.data > 0 else 0.0,))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -node_of(other)

    def __truediv__(self, other):
        return self * node_of(other) ** -1

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self):
        self.grad = 1.0
        for node in reversed(in_order(self)):
            for parent, partial in zip(node.parents, node.partials):
                parent.grad += node.grad * partial


def node_of(number):
    return number if isinstance(number, Node) else Node(float(number))


def in_order(root):
    """All nodes below the root, parents before children."""
    order, seen, to_do = [], set(), [(root, False)]
    while to_do:
        node, parents_done = to_do.pop()
        if parents_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            to_do.append((node, True))
            to_do.extend((parent, False) for parent in node.parents)
    return order


# %% [markdown]
# Why not a function that calls itself? It would be shorter, but Python stops after about a thousand nested
# calls, and the graph of a training loss is deeper than that. The list `to_do` has no such limit:

# %%
chain_of_nodes = start = Node(1.0)
for _ in range(100_000):
    chain_of_nodes = chain_of_nodes + 1.0
chain_of_nodes.backward()
print("gradient at the start of a chain of 100,000 additions:", start.grad)
assert start.grad == 1.0, "a deep graph is no problem without recursion"

# %% [markdown]
# A first test by hand: $f = a b + a^2$, so $\partial f/\partial a = b + 2a$ and
# $\partial f/\partial b = a$.

# %%
a, b = Node(2.0), Node(-3.0)
f = a * b + a**2
f.backward()
print("f =", f.data, " df/da =", a.grad, " df/db =", b.grad)
assert (a.grad, b.grad) == (-3.0 + 2 * 2.0, 2.0), "a small formula by hand"

# %% [markdown]
# ## Step 3: a neuron, a layer, a network
#
# A neuron is a sum of products and an activation. A layer is a list of neurons. A network is a list of
# layers.


# %%
class Neuron:
    def __init__(self, n_inputs, activation, rng):
        self.w = [Node(rng.uniform(-1, 1)) for _ in range(n_inputs)]
        self.b = Node(0.0)
        self.activation = activation

    def __call__(self, x):
        z = sum((w * xi for w, xi in zip(self.w, x)), self.b)
        return z.tanh() if self.activation else z


class MLP:
    def __init__(self, n_inputs, sizes, rng):
        widths = [n_inputs, *sizes]
        self.layers = [
            [Neuron(n, i < len(sizes) - 1, rng) for _ in range(m)]
            for i, (n, m) in enumerate(zip(widths, sizes))
        ]

    def __call__(self, x):
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0]

    def parameters(self):
        return [p for layer in self.layers for n in layer for p in [*n.w, n.b]]


# %% [markdown]
# This is the whole engine. How many lines is it?

# %%
import inspect

parts = [
    node_of,
    in_order,
    *vars(Node).values(),
    *vars(Neuron).values(),
    *vars(MLP).values(),
]
functions = {part for part in parts if inspect.isfunction(part)}
lines = [line for part in functions for line in inspect.getsource(part).splitlines()]
n_lines = sum(1 for line in lines if line.strip())
print("lines of its functions, without empty ones:", n_lines)
assert n_lines <= 80, "the engine has at most 80 lines"

# %% [markdown]
# ## Step 4: does it learn?
#
# XOR is true where exactly one of the inputs is true. No straight line separates its classes, so a single
# neuron cannot learn it (chapter 2). A network with one hidden layer can.

# %%
corners = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
xor = [-1.0, 1.0, 1.0, -1.0]
model = MLP(2, [4, 1], random.Random(SEED))
losses = []
for _ in range(300):
    loss = sum(((model(x) - y) ** 2 for x, y in zip(corners, xor)), Node(0.0)) / 4
    for p in model.parameters():
        p.grad = 0.0
    loss.backward()
    for p in model.parameters():
        p.data -= 0.2 * p.grad
    losses.append(loss.data)

print(f"loss at the start {losses[0]:.4f}, at the end {losses[-1]:.6f}")
for x, y in zip(corners, xor):
    print(x, "wanted", y, "found", round(model(x).data, 3))
assert all(model(x).data * y > 0 for x, y in zip(corners, xor)), "the network learns XOR"

# %% [markdown]
# ## Step 5: is it right? Random formulas
#
# A few formulas that happen to work prove little. So we let a program write hundreds of random formulas
# from the same operations, with inputs that are used many times, and compare *all* gradients with
# those of this project's engine. `Value` has the same operators as our `Node`, so one function builds both.

# %%
from tinygrad_mlp import Value


def random_formula(leaves, rng, n_operations):
    """Apply random operations to random earlier results; the last results are added up."""
    nodes = list(leaves)
    for _ in range(n_operations):
        p, q = rng.choice(nodes), rng.choice(nodes)
        kind = rng.randrange(7)
        if kind == 0:
            nodes.append(p + q)
        elif kind == 1:
            nodes.append(p - q)
        elif kind == 2:
            nodes.append(p.tanh() * q)
        elif kind == 3:
            nodes.append(p / (q**2 + 1.0))
        elif kind == 4:
            nodes.append(p.tanh())
        elif kind == 5:
            nodes.append((p + 0.5).relu())
        else:
            nodes.append(-p * 0.5)
    total = nodes[-1]
    for node in nodes[-4:-1]:
        total = total + node
    return total


def largest_difference(n_formulas):
    """The largest difference of a gradient, relative to the size of the gradient."""
    worst = 0.0
    for seed in range(SEED, SEED + n_formulas):
        numbers = [random.Random(seed).uniform(-2, 2) for _ in range(5)]
        ours, theirs = (
            [Node(number) for number in numbers],
            [Value(number) for number in numbers],
        )
        for leaves in (ours, theirs):
            random_formula(leaves, random.Random(seed), 40).backward()
        for mine, other in zip(ours, theirs):
            worst = max(worst, abs(mine.grad - other.grad) / max(1.0, abs(other.grad)))
    return worst


difference = largest_difference(300)
print("largest difference of a gradient in 300 random formulas:", difference)
assert difference < 1e-12, "your engine and ours give the same gradients"

# %% [markdown]
# Does this test notice mistakes at all? A test that cannot fail is worth nothing. So we build in the most
# common mistake, `=` in place of `+=`, and look whether the test finds it.


# %%
def backward_without_adding(self):
    self.grad = 1.0
    for node in reversed(in_order(self)):
        for parent, partial in zip(node.parents, node.partials):
            parent.grad = node.grad * partial  # the mistake


right = Node.backward
Node.backward = backward_without_adding
with_mistake = largest_difference(20)
Node.backward = right
print("with the mistake the difference is", round(with_mistake, 3))
assert with_mistake > 0.1, "the random formulas notice a missing sum"

# %% [markdown]
# ## What the engine of this project adds
#
# The idea is the same. What a longer program adds: many more operations, a graph that you can look at,
# derivatives of derivatives, error messages that say what to do, and a compiler that makes the same
# graph fast. Here is the picture of one of your formulas, drawn from a `Value`:

# %%
import viz

a, b = Value(2.0, label="a"), Value(-3.0, label="b")
f = a * b + a**2
f.label = "f"
f.backward()
viz.draw(f, detail="ops")

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Add the sigmoid $\sigma(z) = 1 / (1 + e^{-z})$ to `Node`. Its derivative is $\sigma(z) (1 - \sigma(z))$.

# %% [markdown] tags=["answer"]
# Like `tanh`, it needs only its own result. We check it against the engine.


# %% tags=["answer"]
def sigmoid(self):
    s = 1.0 / (1.0 + math.exp(-self.data))
    return Node(s, (self,), (s * (1.0 - s),))


Node.sigmoid = sigmoid
mine, other = Node(0.7), Value(0.7)
(mine.sigmoid() * mine).backward()
(other.sigmoid() * other).backward()
print(mine.grad, other.grad)
assert abs(mine.grad - other.grad) < 1e-12, "exercise 1: the sigmoid"

# %% [markdown]
# ### Exercise 2
#
# Call `backward` of one loss twice without setting the gradients to 0 in between. What do the leaves hold
# after the second call, and why is it not simply twice the gradient?

# %% [markdown] tags=["answer"]
# The nodes in between keep their gradients of the first call, and `+=` adds to them. So what flows to the
# leaves in the second call is too large. This project's engine clears the nodes in between first: there a
# second call doubles the gradients of the leaves, and nothing else.

# %% tags=["answer"]
x = Node(3.0)
y = (x * x) * 2.0
y.backward()
once = x.grad
y.backward()
v = Value(3.0)
square = (v * v) * 2.0
square.backward()
square.backward()
print("once:", once, " your engine twice:", x.grad, " ours twice:", v.grad)
assert once == 12.0, "exercise 2: the derivative of 2 x^2"
assert x.grad != 2 * once and v.grad == 2 * once, "exercise 2: a second call"

# %% [markdown]
# ### Exercise 3
#
# Make `2.0 - a` and `2.0 / a` work. Which two methods are missing?

# %% [markdown] tags=["answer"]
# `__rsub__` and `__rtruediv__`: Python calls them where the left operand is a plain number.

# %% tags=["answer"]
Node.__rsub__ = lambda self, other: node_of(other) - self
Node.__rtruediv__ = lambda self, other: node_of(other) / self
a = Node(4.0)
f = (2.0 - a) + (2.0 / a)
f.backward()
print(f.data, a.grad)
assert f.data == -1.5, "exercise 3: the value"
assert abs(a.grad - (-1.0 - 2.0 / 16.0)) < 1e-12, (
    "exercise 3: the derivative is -1 - 2 / a^2"
)
