# %% [markdown]
# # Newton's method and Hessians
#
# The gradient says which way is down. The second derivatives say how the slope itself changes, and so how
# far to go. You learn to take second derivatives with the engine, to read their eigenvalues, and to use them:
# Newton's method. Expect it to be perfect on a quadratic, splendid for logistic regression, and wrong
# for a network until it is damped.
#
# ## The derivative of a derivative
#
# `grad(..., create_graph=True)` returns Values that remember how they were computed. The derivative is a graph like any other, and
# can be differentiated again. Here is the graph of $\frac{d}{dx} x^3 = 3 x^2$ at $x = 2$, drawn by the engine itself:

# %%
import numpy as np

import viz
from tinygrad_mlp import MLP, Value, compile, functional, grad, hessian, topological_order
from tinygrad_mlp.data import load_iris
from tinygrad_mlp.losses import (
    binary_cross_entropy_with_logits,
    l2_penalty,
    mean_squared_error,
)

SEED = 0
x = Value(2.0, label="x")
(slope,) = grad(x**3, [x], create_graph=True)
(curvature,) = grad(slope, [x])
print("x^3 at 2: slope", slope.data, " second derivative", curvature)
assert slope.data == 12.0, "3 x^2 at 2"
assert curvature == 12.0, "6 x at 2"
viz.draw(slope)

# %% [markdown]
# For a function of $n$ numbers there are $n^2$ second derivatives. They stand in the *Hessian* matrix
# $H_{ij} = \frac{\partial^2 f}{\partial x_i \partial x_j}$. For $f(x, y) = e^x \sin y$ we know it by hand:
#
# $$H = e^x \begin{pmatrix} \sin y & \cos y \\ \cos y & -\sin y \end{pmatrix}$$


# %%
def f(x, y):
    return functional.exp(x) * functional.sin(y)


x, y = Value(0.5), Value(1.0)
H = hessian(f(x, y), [x, y])
sin, cos = np.sin(1.0), np.cos(1.0)
by_hand = np.exp(0.5) * np.array([[sin, cos], [cos, -sin]])
print(H)
assert np.allclose(H, by_hand, rtol=1e-14), "the engine gives the Hessian of the formula"

# %% [markdown]
# ### Why not by differences?
#
# One can also take the second derivative by $x$ as $\frac{f(x + h) - 2 f(x) + f(x - h)}{h^2}$, or as a difference of two
# gradients, $\frac{f'(x + h) - f'(x - h)}{2h}$. A large $h$ is wrong because the curve bends; a small $h$ because
# digits cancel, and with $h^2$ in the denominator they cancel fast. The picture shows the error of both.

# %%
import matplotlib.pyplot as plt


def value(at):
    return f(Value(at), Value(1.0)).data


def slope(at):
    x = Value(at)
    return grad(f(x, Value(1.0)), [x])[0]


steps = 10.0 ** np.arange(-11, 0.5, 0.5)
of_values = [
    abs((value(0.5 + h) - 2 * value(0.5) + value(0.5 - h)) / h**2 - by_hand[0, 0])
    for h in steps
]
of_slopes = [
    abs((slope(0.5 + h) - slope(0.5 - h)) / (2 * h) - by_hand[0, 0]) for h in steps
]
by_engine = abs(H[0, 0] - by_hand[0, 0])
print(f"smallest error of differences of values {min(of_values):.0e}", end=", ")
print(f"of slopes {min(of_slopes):.0e}; of the engine {by_engine:.0e}")
assert min(of_values) > 1e-10, "differences of values lose half of the digits at best"
assert min(of_slopes) < min(of_values) / 10, "differences of slopes are better"
assert by_engine < 1e-14, "the engine has no step to choose, and keeps all digits"

figure, axes = plt.subplots(figsize=(7, 3.6))
axes.loglog(steps, of_values, "o-", label="differences of values")
axes.loglog(steps, of_slopes, "s-", label="differences of slopes")
axes.axhline(2e-16, linestyle="--", color="gray", label="rounding of one number")
axes.set(xlabel="step h", ylabel="error of the second derivative", ylim=(1e-17, 1e8))
legend = axes.legend(loc="upper right")

# %% [markdown]
# ## Newton's step
#
# Near $\theta$ the function is nearly a quadratic (Taylor), with gradient $g$ and Hessian $H$:
#
# $$f(\theta + d) \approx f(\theta) + g^T d + \tfrac12 d^T H d$$
#
# Its derivative by $d$ is $g + H d$. *Newton's step* goes where that is 0:
#
# $$d = -H^{-1} g$$
#
# On a quadratic the approximation is exact, so *one* step must end at the lowest point. Here is a long valley,
# $f(\theta) = \frac12 \theta^T A \theta - b^T \theta$, whose lowest point solves $A \theta = b$. The eigenvalues of $A$ are the curvatures along
# its axes: here 1 and 25.

# %%
turn = np.array([[0.8, -0.6], [0.6, 0.8]])
A = turn @ np.diag([1.0, 25.0]) @ turn.T
b = np.array([1.0, 2.0])
lowest = np.linalg.solve(A, b)


def valley(theta):
    p, q = theta
    square = A[0, 0] * p * p + 2 * A[0, 1] * p * q + A[1, 1] * q * q
    return 0.5 * square - b[0] * p - b[1] * q


def newton_step(function, numbers):
    """Where Newton's step leads from these numbers."""
    theta = [Value(float(number)) for number in numbers]
    output = function(theta)
    return numbers - np.linalg.solve(hessian(output, theta), grad(output, theta))


for start in ([3.0, -2.0], [-100.0, 50.0], [1e6, 1e6]):
    end = newton_step(valley, np.array(start))
    print(start, "->", end, " distance to the lowest point", np.linalg.norm(end - lowest))
    assert np.linalg.norm(end - lowest) < 1e-9 * np.linalg.norm(start), (
        "on a quadratic one step of Newton is enough, from anywhere"
    )

# %% [markdown]
# ### The best that gradient descent can do
#
# A step of gradient descent with rate $\alpha$ multiplies the distance along each axis by $1 - \alpha \lambda$, with $\lambda$ the curvature
# of that axis. Let $\mu$ be the smallest curvature and $L$ the largest one. The slowest axis decides, so the best rate makes both ends equally
# bad:
#
# $$\alpha = \frac{2}{L + \mu}, \qquad \text{factor per step} = \frac{L - \mu}{L + \mu} = \frac{\kappa - 1}{\kappa + 1}, \qquad \kappa = \frac{L}{\mu}$$
#
# $\kappa$ is the *condition number*. Above $\alpha = 2 / L$ the steepest axis grows, and the descent diverges.


# %%
def path(rate, steps, start):
    points = [np.array(start)]
    for _ in range(steps):
        theta = [Value(float(number)) for number in points[-1]]
        points.append(points[-1] - rate * np.array(grad(valley(theta), theta)))
    return np.array(points)


mu, L = np.linalg.eigvalsh(A)
start = lowest + turn @ np.array([3.0, 3.0])  # as far along both axes
factors = {}
for name, rate in (
    ("half of the best", 1 / (L + mu)),
    ("a little less", 1.9 / (L + mu)),
    ("2 / (L + mu)", 2 / (L + mu)),
    ("a little more", 2.06 / (L + mu)),
    ("above 2 / L", 2.02 / L),
):
    distances = np.linalg.norm(path(rate, 200, start) - lowest, axis=1)
    factors[name] = (distances[-1] / distances[-51]) ** (1 / 50)
    print(f"{name:17s} rate {rate:.4f}  factor per step {factors[name]:.4f}")
best = factors["2 / (L + mu)"]
print(f"(kappa - 1) / (kappa + 1) = {(L - mu) / (L + mu):.4f}")
assert abs(best - (L - mu) / (L + mu)) < 1e-6, "the measured factor is that of the formula"
assert best == min(factors.values()), "none of these rates is better"
assert factors["above 2 / L"] > 1, "above 2 / L gradient descent diverges"

# %%
zigzag = path(2 / (L + mu), 40, start)
p, q = np.meshgrid(np.linspace(-1, 6, 161), np.linspace(-0.5, 6, 161))
figure, axes = plt.subplots(figsize=(7, 5))
axes.contour(p, q, valley([p, q]), levels=12, colors="lightgray")
axes.plot(*zigzag.T, "o-", markersize=3, label="gradient descent, best rate, 40 steps")
axes.plot(*np.array([start, newton_step(valley, start)]).T, "s-", label="Newton, one step")
axes.set(xlabel="first number", ylabel="second number", aspect="equal")
legend = axes.legend(loc="lower right")

# %% [markdown]
# ## Logistic regression: the digits double
#
# The cross-entropy of *one* sigmoid neuron is convex: no eigenvalue of its Hessian is negative. If no input, the constant 1 of the bias
# included, is a sum of multiples of the others, all are positive, and there is one lowest point at most. It is no quadratic, so one step is not enough. The
# task: two kinds of iris, by the length and the width of the petals.

# %%
iris = load_iris()
chosen = iris.y > 0
X = iris.X[chosen][:, 2:]
X = (X - X.mean(axis=0)) / X.std(axis=0)
y = (iris.y[chosen] == 2).astype(float)


def logistic_loss(theta):
    w1, w2, bias = theta
    logits = [w1 * float(a) + w2 * float(b) + bias for a, b in X]
    return binary_cross_entropy_with_logits(logits, y.tolist())


newton = [np.zeros(3)]
for _ in range(12):
    newton.append(newton_step(logistic_loss, newton[-1]))
solution = newton[-1]
errors = np.linalg.norm(np.array(newton[:11]) - solution, axis=1)
for k, error in enumerate(errors):
    print(f"step {k:2d}: error {error:.1e}")

# %% [markdown]
# As soon as the error is small (here: below 1), the number of right digits about *doubles* with each step. This is *quadratic convergence*:
# $e_{k+1} \approx C e_k^2$ with the same $C$ in each step, until rounding ends it.

# %%
near = [k for k in range(10) if errors[k] < 1 and errors[k + 1] > 1e-12]
constants = [errors[k + 1] / errors[k] ** 2 for k in near]
print("e_(k+1) / e_k^2 =", *(f"{constant:.3f}" for constant in constants))
assert len(near) >= 3, "three steps or more are near the solution and above rounding"
assert max(constants) < 1.5 * min(constants), "the error is squared in each step"

# %% [markdown]
# ### The same under another name: IRLS
#
# In statistics this method is called *iteratively reweighted least squares*. With $p_i = \sigma(x_i^T \theta)$ and $s_i = p_i (1 - p_i)$, gradient
# and Hessian are $\frac1n X^T (p - y)$ and $\frac1n X^T S X$, and Newton's step becomes a *weighted* linear regression:
#
# $$\theta_{\text{new}} = (X^T S X)^{-1} X^T S z, \qquad z = X \theta + S^{-1} (y - p)$$

# %%
with_ones = np.column_stack([X, np.ones(len(X))])
theta, gaps = np.zeros(3), []
for after in newton[1:9]:
    p = 1 / (1 + np.exp(-with_ones @ theta))
    s = p * (1 - p)
    z = with_ones @ theta + (y - p) / s
    weighted = with_ones.T * s
    theta = np.linalg.solve(weighted @ with_ones, weighted @ z)
    gaps.append(max(abs(theta - after)))
print(f"largest difference of the weights in eight steps: {max(gaps):.1e}")
assert max(gaps) < 1e-9, "Newton's method is iteratively reweighted least squares"

# %% [markdown]
# ### Beside gradient descent
#
# We give gradient descent the best constant rate at the solution, $2 / (L + \mu)$ of the Hessian there. Nobody knows it
# beforehand: it is a gift.

# %%
theta = [Value(float(number)) for number in solution]
curvatures = np.linalg.eigvalsh(hessian(logistic_loss(theta), theta))
mu, L = curvatures[0], curvatures[-1]
leaves = [Value(0.0) for _ in range(3)]


def one_sample(sample, label):
    w1, w2, bias = leaves
    logit = w1 * sample[0] + w2 * sample[1] + bias
    return binary_cross_entropy_with_logits(logit, label)


program = compile(one_sample, leaves, per_sample=True)
descent = [np.zeros(3)]
while np.linalg.norm(descent[-1] - solution) > 1e-10 and len(descent) < 2000:
    program(X, y)
    program.parameters -= 2 / (L + mu) * program.gradients
    descent.append(program.parameters.copy())
by_descent = np.linalg.norm(np.array(descent) - solution, axis=1)

print(f"curvatures from {mu:.4f} to {L:.4f}, condition number {L / mu:.1f}")
steps_newton = int(np.argmax(errors < 1e-10))
print(f"steps to an error of 1e-10: Newton {steps_newton}", end=", ")
print(f"gradient descent {len(descent) - 1}")
last = by_descent[-1] / by_descent[-2]
print(f"factor of the last step {last:.4f}, formula {(L - mu) / (L + mu):.4f}")
assert len(descent) - 1 > 10 * steps_newton, (
    "gradient descent takes over ten times the steps"
)
assert abs(last - (L - mu) / (L + mu)) < 1e-2, (
    "near the solution the formula's factor holds"
)

figure, axes = plt.subplots(figsize=(7, 3.8))
axes.semilogy(by_descent, label="gradient descent, best rate")
axes.semilogy(np.maximum(errors, 1e-16), "s-", label="Newton")
axes.set(xlabel="step", ylabel="distance to the solution")
legend = axes.legend()

# %% [markdown]
# A straight line in this picture, with its logarithmic axis, is *linear* convergence: the same factor in each step. Newton's curve bends down.
#
# ## Saddles
#
# Newton's step goes where the *gradient* is 0. That can be a minimum, a maximum or a *saddle*, where some eigenvalues of $H$ are
# positive and some negative. Along an axis with a negative curvature the step $-g / \lambda$ has the sign of the gradient: it goes *up*. The
# smallest example is $f(x, y) = \frac12 x^2 - \frac12 y^2 + \frac14 y^4$, with minima at $y = \pm 1$ and a saddle at 0.


# %%
def saddle(theta):
    x, y = theta
    return 0.5 * x**2 - 0.5 * y**2 + 0.25 * y**4


begin = np.array([1.2, 0.3])
by_newton, by_gradient = [begin], [begin]
for _ in range(8):
    by_newton.append(newton_step(saddle, by_newton[-1]))
for _ in range(40):
    theta = [Value(float(number)) for number in by_gradient[-1]]
    by_gradient.append(by_gradient[-1] - 0.3 * np.array(grad(saddle(theta), theta)))
print("Newton ends at          ", by_newton[-1].round(6))
print("gradient descent ends at", by_gradient[-1].round(6))
assert np.allclose(by_newton[-1], [0, 0], atol=1e-12), "Newton ends at the saddle"
assert np.allclose(by_gradient[-1], [0, 1], atol=1e-3), "gradient descent ends at a minimum"

p, q = np.meshgrid(np.linspace(-1.5, 1.5, 121), np.linspace(-1.4, 1.4, 121))
figure, axes = plt.subplots(figsize=(7, 4.6))
axes.contour(p, q, saddle([p, q]), levels=20, colors="lightgray")
axes.plot(*np.array(by_gradient).T, "o-", markersize=3, label="gradient descent")
axes.plot(*np.array(by_newton).T, "s-", markersize=5, label="Newton")
axes.set(xlabel="x", ylabel="y")
legend = axes.legend(loc="lower left")

# %% [markdown]
# ## The Hessian of a network
#
# A network with three hidden tanh units and 13 parameters, on the four points of XOR (with targets $\pm 1$ and a small L2 penalty, so that the
# minima lie at finite weights). We look at the Hessian where training begins, and at where plain Newton leads, from six beginnings.

# %%
corners, signs = [[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1]


def network_loss(model):
    outputs = [model(corner) for corner in corners]
    return mean_squared_error(outputs, signs) + l2_penalty(model.parameters(), 0.001)


def derivatives(model):
    """Loss, gradient, Hessian, and the eigenvalues of the Hessian."""
    loss, parameters = network_loss(model), model.parameters()
    H = hessian(loss, parameters)
    return loss.data, np.array(grad(loss, parameters)), H, np.linalg.eigvalsh(H)


def move(model, numbers):
    for parameter, number in zip(model.parameters(), numbers):
        parameter.data = float(number)


def plain(loss, g, H, eigenvalues):
    return np.linalg.solve(H, g)


def train(seed, direction, halve, steps=100):
    """Newton steps until the gradient is 0, from the beginning of this seed."""
    model = MLP(2, [3, 1], activation="tanh", rng=seed)
    for _ in range(steps):
        loss, g, H, eigenvalues = derivatives(model)
        if np.linalg.norm(g) < 1e-10:
            break
        d = direction(loss, g, H, eigenvalues)
        here, part = np.array([p.data for p in model.parameters()]), 1.0
        move(model, here - d)
        while (
            halve
            and network_loss(model).data > loss - 1e-4 * part * (g @ d)
            and part > 1e-9
        ):
            part /= 2
            move(model, here - part * d)
    return model


viz.draw(MLP(2, [3, 1], activation="tanh", rng=SEED), style="slide")

# %%
beginnings = range(6 * SEED, 6 * SEED + 6)
at_saddle = 0
for seed in beginnings:
    first, _, _, before = derivatives(MLP(2, [3, 1], activation="tanh", rng=seed))
    last, g, _, after = derivatives(train(seed, plain, halve=False))
    at_saddle += np.linalg.norm(g) < 1e-8 and after[0] < -1e-6
    print(f"loss {first:6.3f}, {sum(before < 0)} negative of 13 eigenvalues", end="  ->  ")
    print(
        f"loss {last:.4f}, gradient {np.linalg.norm(g):.0e}, {sum(after < -1e-6)} negative"
    )
    assert sum(before < 0) > 0, "where training begins, some curvatures are negative"
    assert last > 0.5, "plain Newton does not solve the task"
print(f"plain Newton ended at a saddle from {at_saddle} of {len(beginnings)} beginnings")
assert at_saddle >= 2, "plain Newton is caught by saddles"

# %% [markdown]
# A loss of 1 is that of a network which always says 0. Plain Newton finds points where the gradient is 0, to many digits. They are
# worth nothing.
#
# ### Damping
#
# Two repairs make it a method for descending:
#
# 1. Add $\lambda I$ to the Hessian, with $\lambda$ large enough that all eigenvalues become positive (*Levenberg and Marquardt*). With a
#    very large $\lambda$ this is gradient descent with the rate $1 / \lambda$; with $\lambda = 0$ it is Newton.
# 2. If the full step does not make the loss smaller, and by a little of what the slope promises, halve it, until it does (*Armijo's rule*).


# %%
def damped(loss, g, H, eigenvalues):
    shift = max(0.0, 0.01 - eigenvalues[0]) if eigenvalues[0] < 1e-4 else 0.0
    return np.linalg.solve(H + shift * np.eye(len(g)), g)


for seed in beginnings:
    last, g, _, after = derivatives(train(seed, damped, halve=True, steps=200))
    print(f"loss {last:.4f}, gradient {np.linalg.norm(g):.0e}", end=", ")
    print(f"smallest eigenvalue {after[0]:.5f}", end=", ")
    print(f"condition number {after[-1] / after[0]:.0f}")
    assert np.linalg.norm(g) < 1e-8, "damped Newton ends where the gradient is 0"
    assert after[0] > 0, "and where all curvatures are positive: a minimum"
    assert after[-1] / after[0] > 1000, "the valley is long: gradient descent is slow there"

# %% [markdown]
# The eigenvalues of the first of these runs, at the beginning and at the two ends. Where one is below 0, the loss bends down along its axis.

# %%
first = beginnings[0]
spectra = {
    "beginning": MLP(2, [3, 1], activation="tanh", rng=first),
    "end of plain Newton": train(first, plain, halve=False),
    "end of damped Newton": train(first, damped, halve=True, steps=200),
}
figure, axes = plt.subplots(figsize=(7, 3.8))
for (name, model), mark in zip(spectra.items(), "o^s"):
    axes.plot(range(1, 14), derivatives(model)[3], mark, label=name)
axes.axhline(0, color="gray", linewidth=0.8)
axes.set_yscale("symlog", linthresh=1e-3)
axes.set(xlabel="number of the eigenvalue", ylabel="eigenvalue of the Hessian")
legend = axes.legend()

# %% [markdown]
# It is always a minimum now, though it need not be the lowest one: Newton is as local as gradient descent. Look at the condition numbers: thousands.
# By the formula above, gradient descent needs about $\kappa / 2$ steps near the minimum to make the distance smaller by a factor of $e$.
#
# ## What it costs
#
# Why does nobody train large networks like this? We count, for the four samples of XOR. The gradient's graph is a small multiple of the loss's graph,
# and grows in proportion with the number $n$ of parameters. But the Hessian takes one more backward pass for *each* parameter, it has $n^2$ numbers, and solving takes about $n^3 / 3$ multiplications.

# %%
print("hidden  parameters n  nodes of the loss", end="  ")
print("with gradient  for each parameter  numbers in H")
for_each = []
for hidden in (2, 4, 8, 16):
    model = MLP(2, [hidden, 1], activation="tanh", rng=SEED)
    loss, parameters = network_loss(model), model.parameters()
    n, nodes = len(parameters), len(topological_order(loss))
    slopes = grad(loss, parameters, create_graph=True)
    with_slopes = len(topological_order(functional.sum(slopes)))
    for_each.append(with_slopes / n)
    print(f"{hidden:6d} {n:13d} {nodes:18d} {with_slopes:14d}", end=" ")
    print(f"{for_each[-1]:19.1f} {n * n:13d}")
    rows = [grad(slope, parameters) for slope in slopes]
    assert np.allclose(rows, hessian(loss, parameters), rtol=0, atol=1e-12), (
        "n rows, each from one backward pass"
    )
    assert with_slopes < 8 * nodes, "a gradient costs a small multiple of the loss"
assert max(for_each) < 1.25 * min(for_each), (
    "the gradient's graph grows in proportion with the number of parameters"
)

digits = MLP(64, [32, 10], rng=SEED)
n = len(digits.parameters())
print(f"a network for the digits: n = {n}, numbers in H {n * n:.1e}", end=", ")
print(f"solving {n**3 / 3:.1e}")

# %% [markdown]
# So large networks take what is between the two: momentum, and Adam, which scales the step of each parameter by a number of its own, as
# a diagonal matrix would. Newton is for models with few parameters, and there it is hard to beat.
#
# ## Exercises
#
# ### Exercise 1
#
# Write the Hessian of $f(x, y) = x^2 y + y^3$ by hand. How does $f$ bend at the point $(1, -1)$: up in all directions, down in all
# directions, or up in some and down in others? Check both answers.

# %% [markdown] tags=["answer"]
# $$H = \begin{pmatrix} 2y & 2x \\ 2x & 6y \end{pmatrix} = \begin{pmatrix} -2 & 2 \\ 2 & -6 \end{pmatrix}$$
#
# The determinant is 8 and the trace is $-8$: both eigenvalues are negative, the curve bends down in every direction, as a hill does.

# %% tags=["answer"]
x, y_ = Value(1.0), Value(-1.0)
H = hessian(x**2 * y_ + y_**3, [x, y_])
print(H, np.linalg.eigvalsh(H))
assert (H == [[-2, 2], [2, -6]]).all(), "exercise 1: the Hessian by hand"
assert (np.linalg.eigvalsh(H) < 0).all(), "exercise 1: it bends down in every direction"

# %% [markdown]
# ### Exercise 2
#
# The product $H v$ of the Hessian and a vector can be had *without* the Hessian: it is the gradient of $g^T v$, where $v$ is constant. Why? Check
# it for the network. How many backward passes does it take?

# %% [markdown] tags=["answer"]
# $\frac{\partial}{\partial \theta_i} \sum_j g_j v_j = \sum_j H_{ij} v_j$. It takes one backward pass over the gradient's graph, where $H$ takes $n$. Methods for
# large models (conjugate gradients) need only such products.

# %% tags=["answer"]
model = MLP(2, [3, 1], activation="tanh", rng=SEED)
loss, parameters = network_loss(model), model.parameters()
v = np.random.default_rng(SEED).normal(size=len(parameters))
slopes = grad(loss, parameters, create_graph=True)
product = grad(functional.dot(slopes, v.tolist()), parameters)
gap = max(abs(product - hessian(loss, parameters) @ v))
print("largest difference:", gap)
assert gap < 1e-12, "exercise 2: H v from one backward pass"

# %% [markdown]
# ### Exercise 3
#
# Do logistic regression with the petals *as they are*, in centimeters and not standardized. Compare the condition number at the
# solution. Does Newton take more steps? Does gradient descent?

# %% [markdown] tags=["answer"]
# The condition number is much larger, and with it the number of steps of gradient descent. Newton does not notice: it takes the same steps,
# in other coordinates (it is *invariant* under linear maps).

# %% tags=["answer"]
raw = np.column_stack([iris.X[chosen][:, 2:], np.ones(len(X))])
center, scale = iris.X[chosen][:, 2:].mean(axis=0), iris.X[chosen][:, 2:].std(axis=0)


def raw_loss(theta):
    logits = [functional.dot(theta, row) for row in raw.tolist()]
    return binary_cross_entropy_with_logits(logits, y.tolist())


numbers, same = np.zeros(3), []
for standardized in newton[1:9]:
    numbers = newton_step(raw_loss, numbers)
    w = standardized[:2] / scale
    same.append(max(abs(numbers[:2] - w)))
theta = [Value(float(number)) for number in numbers]
curvatures_raw = np.linalg.eigvalsh(hessian(raw_loss(theta), theta))
kappa = curvatures_raw[-1] / curvatures_raw[0]
print(f"condition number {kappa:.0f} in place of {L / mu:.1f}")
print(f"largest difference of the weights from those of the other scale: {max(same):.1e}")
assert kappa > 50 * L / mu, "exercise 3: the condition number is much larger"
assert max(same) < 1e-6, "exercise 3: Newton takes the same steps"

# %% [markdown]
# ### Exercise 4
#
# Now the first and the second kind of iris, which a line separates without an error. What does Newton do? What does a small L2 penalty change?

# %% [markdown] tags=["answer"]
# There is no lowest point: larger weights are always better. Each step makes the weights larger, and the Hessian comes nearer to 0.
# A penalty makes a lowest point, and Newton finds it.

# %% tags=["answer"]
apart = iris.y < 2
points, kinds = iris.X[apart][:, 2:], (iris.y[apart] == 1).astype(float).tolist()
points = (points - points.mean(axis=0)) / points.std(axis=0)


def separable(theta, strength=0.0):
    w1, w2, bias = theta
    logits = [w1 * float(a) + w2 * float(b) + bias for a, b in points]
    return binary_cross_entropy_with_logits(logits, kinds) + l2_penalty([w1, w2], strength)


sizes, numbers, punished = [], np.zeros(3), np.zeros(3)
for _ in range(8):
    numbers = newton_step(separable, numbers)
    sizes.append(np.linalg.norm(numbers))
for _ in range(12):
    last, punished = punished, newton_step(lambda t: separable(t, 0.001), punished)
print("size of the weights, step by step:", *(f"{size:.2f}" for size in sizes))
print("with a penalty:", punished.round(4))
assert (np.diff(sizes) > 0.5).all(), "exercise 4: the weights grow with each step"
assert max(abs(punished - last)) < 1e-9, "exercise 4: with a penalty Newton converges"
