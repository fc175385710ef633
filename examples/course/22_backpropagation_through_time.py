# %% [markdown]
# # Backpropagation through time
#
# A recurrent network reads a sequence step by step, with the same weights in each step. You learn what shared weights
# mean for the gradient, on the smallest recurrent network: a single unit, all plain scalars. Expect no new rule: the chain rule is
# enough. But its products become very small or very large, and there will be a network that cannot *learn* what it can *do*.
#
# ## One unit, many steps
#
# $$h_t = \tanh(w h_{t-1} + u x_t + b), \qquad t = 1, \dots, T$$
#
# $h_t$ is the *hidden state*: all that the unit remembers. $w$, $u$ and $b$ are the same in each step. The loss looks at the last
# state only, here $L = (h_T - y)^2$. To the engine this is a graph like any other: a loop writes it down step after step,
# the network is *unrolled*.

# %%
import numpy as np

import viz
from tinygrad_mlp import Value, compile, grad
from tinygrad_mlp.debug import trace_backward
from tinygrad_mlp.losses import binary_cross_entropy_with_logits
from tinygrad_mlp.optim import SGD, Adam, clip_by_norm

SEED = 0
w, u, b = Value(0.8, label="w"), Value(1.2, label="u"), Value(-0.1, label="b")


def unrolled(inputs, start=0.5):
    """All states of the unit, from the start to the last one."""
    states = [Value(start, label="h0")]
    for t, x in enumerate(inputs, start=1):
        z = w * states[-1] + u * Value(x, label=f"x{t}") + b
        h = z.tanh()
        z.label, h.label = f"z{t}", f"h{t}"
        states.append(h)
    return states


def loss_of(inputs, target):
    loss = (unrolled(inputs)[-1] - target) ** 2
    loss.label = "L"
    return loss


loss = loss_of([1.0, -0.5, 0.3], 1.0)
viz.draw(loss, detail="ops", direction="TB", parameters=[w, u, b], show="data")

# %% [markdown]
# Look at $w$, $u$ and $b$: each of them stands *once* in the picture, and three arrows leave it, one for each time step. Backpropagation adds what
# comes back along them. That is all there is to *backpropagation through time*.
#
# ## The gradient is a sum over the time steps
#
# Give $w$ a copy for each step, $w_1, \dots, w_T$, all with the same number. The derivative by the shared $w$ is the sum of the derivatives
# by the copies:
#
# $$\frac{\partial L}{\partial w} = \sum_{t=1}^{T} \frac{\partial L}{\partial w_t} = \sum_{t=1}^{T}
# \underset{\text{loss}}{2 (h_T - y)} \cdot
# \underset{\text{from step } T \text{ back to step } t}{\prod_{k=t+1}^{T} w (1 - h_k^2)} \cdot
# \underset{\text{step } t}{(1 - h_t^2)\, h_{t-1}}$$
#
# For $u$ the last factor is $x_t$ in place of $h_{t-1}$, for $b$ it is 1. First by hand, in plain Python, for six steps:

# %%
inputs, target = [1.0, -0.5, 0.3, 0.8, -1.0, 0.4], 1.0
T = len(inputs)
W, U, B = w.data, u.data, b.data

h = [0.5]
for x in inputs:
    h.append(np.tanh(W * h[-1] + U * x + B))

terms = {"w": [], "u": [], "b": []}
for t in range(1, T + 1):
    back = 2 * (h[T] - target)
    for k in range(t + 1, T + 1):
        back *= W * (1 - h[k] ** 2)
    step = back * (1 - h[t] ** 2)
    terms["w"].append(step * h[t - 1])
    terms["u"].append(step * inputs[t - 1])
    terms["b"].append(step)

print("step t     term of w    term of u    term of b")
for t in range(T):
    print(f"{t + 1:6d}", *(f"{terms[name][t]:12.8f}" for name in terms))
print("   sum", *(f"{sum(terms[name]):12.8f}" for name in terms))

# %% [markdown]
# Now by the engine, in three ways: the gradient of the shared weights; a copy of $w$ for each step; and the step log, which has one line for each
# time that something arrives at $w$.

# %%
loss = loss_of(inputs, target)
shared = grad(loss, [w, u, b])
for name, derivative in zip(terms, shared):
    print(f"dL/d{name}: engine {derivative:.12f}  sum by hand {sum(terms[name]):.12f}")
    assert abs(derivative - sum(terms[name])) < 1e-12, f"the gradient of {name} is the sum"

copies = [Value(W, label=f"w{t}") for t in range(1, T + 1)]
state = Value(0.5)
for copy, x in zip(copies, inputs):
    state = (copy * state + U * x + B).tanh()
of_copies = grad((state - target) ** 2, copies)
for t, (by_engine, by_hand) in enumerate(zip(of_copies, terms["w"]), start=1):
    assert abs(by_engine - by_hand) < 1e-12, f"step {t}: the copy's gradient is the term"

lines = [line for line in trace_backward(loss) if line.receiver is w]
for line in lines:
    print(line)
assert len(lines) == T, "each time step sends one contribution to w"
for line, by_hand in zip(lines, reversed(terms["w"])):
    assert abs(line.contribution - by_hand) < 1e-12, "the log's lines are the terms"

# %% [markdown]
# The log goes *backwards* in time: its first line is that of the last step. Step through three time steps yourself:

# %%
viz.replay(loss_of([1.0, -0.5, 0.3], 1.0))

# %% [markdown]
# ## The product of slopes
#
# The terms of early steps have a long product in them, $\frac{\partial h_T}{\partial h_t} = \prod_k w (1 - h_k^2)$. Without the tanh it is $w^{T-t}$: it *vanishes* for
# $\vert w \vert < 1$ and *explodes* for $\vert w \vert > 1$. Many books say so. With the tanh there is a second factor, which is at most 1. We measure the product from
# the first state to the last one, the median of 50 sequences, in three cases: no tanh; tanh with inputs that are nearly 0; tanh
# with inputs of size 1.

# %%
rng = np.random.default_rng(SEED)


def product(weight, length, size, tanh=True):
    """The median of |d h_T / d h_0| over 50 sequences."""
    h, slopes = np.full(50, 1e-3), np.ones(50)
    for _ in range(length):
        h = weight * h + size * rng.normal(size=50)
        if tanh:
            h = np.tanh(h)
        slopes *= weight * (1 - h**2) if tanh else weight
    return np.median(np.abs(slopes))


cases = {
    "no tanh": {"size": 1.0, "tanh": False},
    "tanh, tiny inputs": {"size": 1e-4},
    "tanh, inputs of size 1": {"size": 1.0},
}
weights = (0.5, 0.9, 1.0, 1.1, 1.5, 2.0)
measured = {}
for length in (10, 50):
    print(f"{length} steps,            w =", *(f"{weight:8.1f}" for weight in weights))
    for name, settings in cases.items():
        row = [product(weight, length, **settings) for weight in weights]
        measured[name, length] = dict(zip(weights, row))
        print(f"{name:26s}", *(f"{number:8.0e}" for number in row))

for length in (10, 50):
    for weight, found in measured["no tanh", length].items():
        assert abs(found / weight**length - 1) < 1e-9, "without a tanh the product is w^T"
    assert all(measured[name, length][0.5] < 0.01 for name in cases), (
        "with w = 0.5 the product vanishes in every case"
    )
assert measured["tanh, tiny inputs", 10][2.0] > 10, "w = 2: near 0 it explodes at first"
assert measured["tanh, tiny inputs", 50][2.0] < 1e-6, "w = 2: later the unit saturates"
assert max(measured["tanh, inputs of size 1", 50].values()) < 1e-6, (
    "with inputs of size 1 it vanishes for each of these weights"
)

# %%
import matplotlib.pyplot as plt

grid = np.linspace(0.3, 2.5, 45)
figure, axes = plt.subplots(figsize=(7, 4))
for name, settings in cases.items():
    axes.semilogy(grid, [product(weight, 20, **settings) for weight in grid], label=name)
axes.axhline(1, color="gray", linewidth=0.8)
axes.axvline(1, color="gray", linewidth=0.8)
axes.set(xlabel="w", ylabel="product of 20 slopes", ylim=(1e-18, 1e9))
legend = axes.legend(loc="upper left")

# %% [markdown]
# So for *one* tanh unit the sentence of the books is half true. Below 1 the product vanishes. Above 1 it grows only as long as the state is near
# enough to 0, so that $w (1 - h_k^2) > 1$; then the unit saturates (chapter 3), and the product vanishes again. Large weights do not keep the gradient alive.
#
# ## Where it does explode: a cliff
#
# With $w = 1.5$, no inputs and a small bias the unit has two states in which it can rest, one positive and one negative. Between them lies a third one, which
# is *unstable*: the slope there is above 1, and a state next to it goes away from it, slowly at first, to one side or the other. We start at
# $h_0 = 0.5$. The bias decides to which side. For one bias 0.5 is itself the unstable state: next to this bias the
# state stays near 0.5 for long, the product grows, and the loss as a function of $b$ is a *cliff*.

# %%
biases = np.linspace(-0.35, 0.0, 701)


def after_30(weight, bias):
    h, by_bias = 0.5, 0.0
    for _ in range(30):
        h = np.tanh(weight * h + bias)
        by_bias = (1 - h**2) * (weight * by_bias + 1)
    return (h - 0.8) ** 2, 2 * (h - 0.8) * by_bias


losses, slopes = after_30(1.5, biases)
median, largest = np.median(abs(slopes)), max(abs(slopes))
print(f"size of the slope: median {median:.3f}, largest {largest:.0f}")
assert largest > 1000 * median, "the slope at the cliff explodes"

h = [0.5]
for _ in range(30):
    h.append(np.tanh(1.5 * h[-1] + biases[abs(slopes).argmax()]))
print("every fifth state at the steepest place:", *(f"{state:.3f}" for state in h[::5]))
assert max(abs(state - 0.5) for state in h[:16]) < 0.05, "it stays near 0.5 for 15 steps"
assert min(1.5 * (1 - state**2) for state in h[1:]) > 1, "each factor is above 1 there"

figure, axes = plt.subplots(2, 1, figsize=(7, 4.6), sharex=True)
axes[0].plot(biases, losses)
axes[0].set_ylabel("loss")
axes[1].semilogy(biases, np.abs(slopes))
axes[1].set(xlabel="bias b", ylabel="size of the slope")
figure.align_ylabels()

# %% [markdown]
# ### Clipping
#
# A step of gradient descent from the edge of the cliff is far too long. *Gradient clipping* makes a gradient
# that is longer than a bound as long as the bound, and keeps its direction. We train $w$ and $b$ from close to the edge, without and with.


# %%
def train(bound=None):
    w.data, b.data = 1.5, -0.22
    optimizer, longest = SGD([w, b], 0.05), 0.0
    for _ in range(300):
        h = Value(0.5)
        for _ in range(30):
            h = (w * h + b).tanh()
        loss = (h - 0.8) ** 2
        optimizer.zero_grad()
        loss.backward()
        longest = max(longest, np.hypot(w.grad, b.grad))
        if bound:
            clip_by_norm([w, b], bound)
        optimizer.step()
    print(f"w = {w.data:8.3f}, b = {b.data:8.3f}, loss {loss.data:.1e}", end=", ")
    print(f"longest gradient {longest:.0f}, last one {np.hypot(w.grad, b.grad):.0e}")
    return loss.data, abs(b.data)


print("without:", end=" ")
without, thrown = train()
print("clipped:", end=" ")
clipped, kept = train(bound=1.0)
assert thrown > 100, "one step from the cliff throws the parameters far away"
assert without > 0.01, "there the unit is saturated, and training is over"
assert kept < 1 and clipped < 1e-12, "with clipping training finds the target"

# %% [markdown]
# The unclipped run is stuck for ever: the state is 1 to all digits, and its slope is 0. Clipping does not always decide: from
# another beginning no step may happen to land on the cliff. It is an insurance.
#
# ## Truncation
#
# A sequence of a million steps makes a graph of millions of nodes. *Truncated* backpropagation cuts it: the state goes on as a number, its history
# is dropped. For a loss at the end and a cut $k$ steps before it, the gradient is exactly the last $k$ terms of the sum.


# %%
def truncated(inputs, target, k):
    """The gradient by w and u if only the last k steps have a history."""
    state = unrolled(inputs[: len(inputs) - k])[-1]
    state = Value(state.data)  # the number goes on, the graph ends
    for x in inputs[len(inputs) - k :]:
        state = (w * state + u * x + b).tanh()
    return grad((state - target) ** 2, [w, u])


w.data, b.data = W, B
for k in range(1, T + 1):
    by_w, by_u = truncated(inputs, target, k)
    print(
        f"last {k} steps: dL/dw = {by_w:11.8f}, the last {k} terms {sum(terms['w'][-k:]):11.8f}"
    )
    assert abs(by_w - sum(terms["w"][-k:])) < 1e-12, (
        "a cut drops the early terms, no others"
    )
    assert abs(by_u - sum(terms["u"][-k:])) < 1e-12, "also those of u"

# %% [markdown]
# How much is missing depends on how fast the terms shrink. Here is the share of the gradient by $u$ that is missing, for 30 equal small inputs:

# %%
small = [0.001] * 30
print("last steps kept:", *(f"{k:7d}" for k in (1, 2, 5, 10, 20)))
missing = {}
for weight in (0.5, 0.9, 0.97):
    w.data, b.data = weight, 0.0
    _, whole = truncated(small, 1.0, 30)
    shares = [1 - truncated(small, 1.0, k)[1] / whole for k in (1, 2, 5, 10, 20)]
    missing[weight] = shares
    print(f"w = {weight:4.2f}        ", *(f"{share:7.1%}" for share in shares))
    assert shares == sorted(shares, reverse=True), (
        "the longer the window, the less is missing"
    )
assert missing[0.5][2] < 0.05, "w = 0.5: five steps are nearly all"
assert missing[0.97][2] > 0.2, "w = 0.97: five steps are not"

# %% [markdown]
# What it misses is always the same thing: the *early* inputs. If the answer lies in them, the gradient that says so is cut off.
#
# ## What can be learned?
#
# A task of memory. The first input is $+1$ or $-1$, all later ones are noise with $\sigma = 0.3$. At the end the unit must say what the first one was. The
# number of steps in between is the *lag*. The output is a logit $v h_T + c$ with the cross-entropy. Ten beginnings for each lag, 300 steps of Adam on 100
# sequences, and 500 new sequences to test. A run has *learned* if more than 95 % of its answers are right.

# %%
lags = (1, 3, 5, 11, 21)


def prepared(lag):
    """A compiled program for sequences of this lag, and its five parameters."""
    leaves = [Value(0.0) for _ in range(5)]

    def loss(x, label):
        w, u, b, v, c = leaves
        h = Value(0.0)
        for t in range(lag + 1):
            h = (w * h + u * x[t] + b).tanh()
        return binary_cross_entropy_with_logits(v * h + c, label)

    return compile(loss, leaves, per_sample=True)


def sequences(n, lag, rng):
    X = 0.3 * rng.normal(size=(n, lag + 1))
    X[:, 0] = rng.choice([-1.0, 1.0], size=n)
    return X, (X[:, 0] > 0).astype(float)


def last_state(numbers, X):
    """The last state, and its derivative by the first one."""
    w, u, b = numbers[:3]
    h, slopes = np.tanh(u * X[:, 0] + b), np.ones(len(X))
    for x in X.T[1:]:
        h = np.tanh(w * h + u * x + b)
        slopes *= w * (1 - h**2)
    return h, slopes


def right(numbers, X, y):
    h, _ = last_state(numbers, X)
    return np.mean((numbers[3] * h + numbers[4] > 0) == (y > 0))


def learned(program, start, X, y):
    program.parameters = start
    optimizer = Adam((), 0.05)
    for _ in range(300):
        program(X, y)
        optimizer.step_array(program.parameters, program.gradients)
    return program.parameters.copy()


programs = {lag: prepared(lag) for lag in lags}
accuracies = {lag: [] for lag in lags}
begin_slopes = {lag: [] for lag in lags}
short_memories = []
for seed in range(10 * SEED, 10 * SEED + 10):
    rng = np.random.default_rng(seed)
    start = np.array([0.5, 0.5, 0.0, 1.0, 0.0]) * rng.normal(size=5)
    for lag in lags:
        X, y = sequences(100, lag, rng)
        begin_slopes[lag].append(np.mean(np.abs(last_state(start, X)[1])))
        end = learned(programs[lag], start, X, y)
        accuracies[lag].append(right(end, *sequences(500, lag, rng)))
        if lag == 1:
            short_memories.append(end)

print("lag   learned   mean slope d h_T / d h_1 at the beginning (median of the runs)")
count = {}
for lag in lags:
    count[lag] = sum(share > 0.95 for share in accuracies[lag])
    print(f"{lag:3d} {count[lag]:6d} of 10   {np.median(begin_slopes[lag]):.0e}")
assert count[1] == 10, "a lag of 1 is learned from every beginning"
assert count[21] <= 5, "a lag of 21 is learned from half of the beginnings at most"
medians = [np.median(begin_slopes[lag]) for lag in lags]
assert medians == sorted(medians, reverse=True), "the longer the lag, the smaller the slope"
assert medians[-1] < 1e-3 * medians[0], (
    "over 21 steps less than a thousandth of what a lag of 1 has"
)

# %% [markdown]
# The longer the lag, the less of the gradient reaches the first input where training begins, and the fewer runs find it. Is the unit too small
# for a long memory? Take the ten networks that have learned lag *1*, and give them the sequences of lag *21*, without any further training:

# %%
rng = np.random.default_rng(SEED)
moved = [right(end, *sequences(500, 21, rng)) for end in short_memories]
print("weights w learned with lag 1:", *(f"{end[0]:.1f}" for end in short_memories))
print("right answers with lag 21:   ", *(f"{share:.0%}" for share in moved))
assert min(moved) > 0.95, "each network that learned lag 1 can do lag 21"
assert all(abs(end[0]) > 1 for end in short_memories), "it has become a switch: |w| > 1"

figure, axes = plt.subplots(figsize=(7, 3.6))
axes.plot(lags, [count[lag] for lag in lags], "o-", label="trained with this lag")
by_lag = [
    sum(right(end, *sequences(500, lag, rng)) > 0.95 for end in short_memories)
    for lag in lags
]
axes.plot(lags, by_lag, "s--", label="trained with lag 1, tested with this lag")
axes.set(xlabel="lag", ylabel="runs of ten that are right", ylim=(-0.5, 10.7))
legend = axes.legend(loc="lower left")

# %% [markdown]
# They can, all of them. With $\vert w \vert > 1$ the unit is a switch: it goes to one of its two resting states and stays there, although noise
# comes. The memory is possible. It is *learning* it over a long lag that fails, where the gradient has vanished on the way. Two
# remedies follow from this: short lags first (a *curriculum*, as here), and units whose product of slopes stays near 1 (exercise 4), which is the
# idea of LSTM and GRU.
#
# ## Exercises
#
# ### Exercise 1
#
# For $T = 2$ and $h_0 = 0$, write $\frac{\partial L}{\partial u}$ as two terms, with the numbers $w = 0.5$, $u = 1$, $b = 0$, $x = (1, 2)$, $y = 0$.

# %% [markdown] tags=["answer"]
# $$\frac{\partial L}{\partial u} = 2 h_2 (1 - h_2^2)\, x_2 + 2 h_2 (1 - h_2^2)\, w (1 - h_1^2)\, x_1$$

# %% tags=["answer"]
h1 = np.tanh(1.0)
h2 = np.tanh(0.5 * h1 + 2.0)
two_terms = 2 * h2 * (1 - h2**2) * 2.0, 2 * h2 * (1 - h2**2) * 0.5 * (1 - h1**2) * 1.0
w.data, u.data, b.data = 0.5, 1.0, 0.0
(by_engine,) = grad(unrolled([1.0, 2.0], start=0.0)[-1] ** 2, [u])
print(two_terms, sum(two_terms), by_engine)
assert abs(sum(two_terms) - by_engine) < 1e-12, "exercise 1: the two terms"

# %% [markdown]
# ### Exercise 2
#
# Some networks above have learned a *negative* $w$. How can they remember? What do they say if the lag is 20, in place of 21?

# %% [markdown] tags=["answer"]
# Their state changes its sign in each step, and the sign after an odd number of steps is what they have learned to read. After an even number it is the other one:
# nearly every answer is wrong.

# %% tags=["answer"]
for weight in (3.0, -3.0):
    numbers = np.array([weight, 3.0, 0.0, 1.0, 0.0])
    numbers[3] = np.sign(weight)  # read the sign that lag 1 needs
    shares = {lag: right(numbers, *sequences(500, lag, rng)) for lag in (1, 20, 21)}
    print(
        f"w = {weight:4.1f}:", *(f"lag {lag}: {share:.0%}" for lag, share in shares.items())
    )
    assert shares[1] > 0.95 and shares[21] > 0.95, "exercise 2: odd lags are remembered"
    assert shares[20] > 0.95 if weight > 0 else shares[20] < 0.05, (
        "exercise 2: with a negative w an even lag turns every answer around"
    )

# %% [markdown]
# ### Exercise 3
#
# Near $h = 0$ the terms of the sum for $u$ (equal inputs) shrink by the factor $w$ from step to step. How large is the share that a window of $k$ steps misses, for a
# very long sequence? Compare with the table for $w = 0.5$.

# %% [markdown] tags=["answer"]
# A geometric series: $1 + w + w^2 + \dots = \frac{1}{1 - w}$, and what is missing begins with $w^k$. The share is $w^k$. The table has a little less,
# since the slopes of tanh are a little below 1.

# %% tags=["answer"]
for k, share in zip((1, 2, 5, 10), missing[0.5]):
    print(f"k = {k:2d}: w^k = {0.5**k:.2%}, measured {share:.2%}")
    assert 0.8 * 0.5**k < share <= 0.5**k, "exercise 3: the missing share is nearly w^k"

# %% [markdown]
# ### Exercise 4
#
# A *leaky* unit keeps most of its state: $h_t = (1 - a) h_{t-1} + a \tanh(w h_{t-1} + u x_t + b)$, with $a = 0.02$. For $w \ge 0$, what is the smallest that the product of
# its slopes over 50 steps can be? Measure it with inputs of size 1.

# %% [markdown] tags=["answer"]
# Each slope is $(1 - a) + a w (1 - \tanh^2) \ge 1 - a$, so the product is at least $(1 - a)^{50}$, about a third. The plain unit had nearly nothing left. Gates (LSTM, GRU) are leaky
# units that decide themselves when to keep.

# %% tags=["answer"]
a, leaky_state, leaky, plain_state, plain = 0.02, 0.0, 1.0, 0.0, 1.0
for x in rng.normal(size=50):
    inner = np.tanh(1.0 * leaky_state + x)
    leaky *= (1 - a) + a * 1.0 * (1 - inner**2)
    leaky_state = (1 - a) * leaky_state + a * inner
    plain_state = np.tanh(1.0 * plain_state + x)
    plain *= 1.0 * (1 - plain_state**2)
print(f"leaky {leaky:.3f}, bound {(1 - a) ** 50:.3f}, plain {plain:.0e}")
assert leaky >= (1 - a) ** 50, "exercise 4: the bound holds"
assert plain < 1e-6, "exercise 4: the plain unit has forgotten"
