# %% [markdown]
# # Momentum, RMSprop, Adam and schedules on one surface
#
# All optimizers get the same gradient; they differ in the step that they make of it. You learn each rule in a line
# or two, you see the paths that they take through a long valley, and you can say *beforehand* how many steps
# some of them need. Expect a case in which Adam does not see how long the valley is, a turn of the paper that takes
# this away, and a measurement of what schedules do about noise at the end.
#
# ## The rules
#
# Let $\theta$ be the parameters, $g$ the gradient at $\theta$, $\alpha$ the learning rate, $t = 1, 2, \dots$ the number
# of the step. All averages begin at 0; squares, roots and quotients are taken for each parameter alone.
#
# | name | rule |
# |---|---|
# | gradient descent | $\theta \leftarrow \theta - \alpha g$ |
# | momentum | $v \leftarrow \mu v + g, \quad \theta \leftarrow \theta - \alpha v$ |
# | Nesterov | $v \leftarrow \mu v + g, \quad \theta \leftarrow \theta - \alpha (g + \mu v)$ |
# | RMSprop | $q \leftarrow \rho q + (1 - \rho) g^2, \quad \theta \leftarrow \theta - \alpha g / (\sqrt{q} + \epsilon)$ |
# | Adam | $m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad q \leftarrow \beta_2 q + (1 - \beta_2) g^2$ |
# | | $\theta \leftarrow \theta - \alpha \hat m / (\sqrt{\hat q} + \epsilon)$ with $\hat m = m / (1 - \beta_1^t)$, $\hat q = q / (1 - \beta_2^t)$ |
#
# Momentum is a ball that rolls: the velocity $v$ keeps what earlier gradients gave it. RMSprop divides by the size
# that the gradient has had lately. Adam does both. (AdamW treats the weight decay in another way; it belongs to the
# chapter on overfitting.) In Python:

# %%
from collections import defaultdict

import numpy as np

import viz
from tinygrad_mlp import Value, compile
from tinygrad_mlp.optim import SGD, Adam, RMSprop

SEED = 0

mu, rho, beta1, beta2, epsilon = 0.9, 0.9, 0.9, 0.999, 1e-8


def gradient_descent(theta, g, state, t, rate):
    return theta - rate * g


def momentum(theta, g, state, t, rate):
    state["v"] = mu * state["v"] + g
    return theta - rate * state["v"]


def nesterov(theta, g, state, t, rate):
    state["v"] = mu * state["v"] + g
    return theta - rate * (g + mu * state["v"])


def rmsprop(theta, g, state, t, rate):
    state["q"] = rho * state["q"] + (1 - rho) * g**2
    return theta - rate * g / (np.sqrt(state["q"]) + epsilon)


def adam(theta, g, state, t, rate):
    state["m"] = beta1 * state["m"] + (1 - beta1) * g
    state["q"] = beta2 * state["q"] + (1 - beta2) * g**2
    m_hat, q_hat = state["m"] / (1 - beta1**t), state["q"] / (1 - beta2**t)
    return theta - rate * m_hat / (np.sqrt(q_hat) + epsilon)


# %% [markdown]
# The surfaces are functions of two numbers. The engine gives the gradient, and the same function with arrays of NumPy
# gives the heights for a drawing. The first surface is a long valley, the second one is that of
# Rosenbrock, a curved valley that is a classic of optimization:
#
# $$f(x, y) = \tfrac12 \left( x^2 + \kappa y^2 \right), \qquad r(x, y) = (1 - x)^2 + 100 \, (y - x^2)^2$$


# %%
def valley(x, y, kappa=25.0):
    return 0.5 * (x**2 + kappa * y**2)


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def gradient_of(surface, **settings):
    x, y = Value(0.0, label="x"), Value(0.0, label="y")

    def height():
        return surface(x, y, **settings)

    program = compile(height, [x, y])

    def gradient(theta):
        program.parameters = theta
        program()
        return program.gradients.copy()

    return gradient


def walk(optimizer, gradient, start, steps):
    """The path: a row for the start and one after each step. It ends where it runs away."""
    theta = np.array(start, float)
    path = [theta.copy()]
    for _ in range(steps):
        optimizer.step_array(theta, gradient(theta))
        path.append(theta.copy())
        if np.abs(theta).max() > 1e3:
            break
    return np.array(path)


def walk_by_hand(rule, rate, gradient, start, steps):
    theta, state, path = np.array(start, float), defaultdict(float), [start]
    for t in range(1, steps + 1):
        theta = rule(theta, gradient(theta), state, t, rate)
        path.append(theta)
    return np.array(path)


def make(name, rate):
    """An optimizer of the package by its name in the table."""
    if name == "RMSprop":
        return RMSprop(learning_rate=rate, alpha=rho)
    if name == "Adam":
        return Adam(learning_rate=rate, beta1=beta1, beta2=beta2)
    if name == "gradient descent":
        return SGD(learning_rate=rate)
    return SGD(learning_rate=rate, momentum=mu, nesterov=name == "Nesterov")


rules = {
    "gradient descent": gradient_descent,
    "momentum": momentum,
    "Nesterov": nesterov,
    "RMSprop": rmsprop,
    "Adam": adam,
}

# %% [markdown]
# What is differentiated, at the point where the walks on Rosenbrock's surface begin: in each box, grad is the
# derivative of the height by this number.

# %%
x, y = Value(-1.2, label="x"), Value(1.0, label="y")
height = rosenbrock(x, y)
height.backward()
viz.draw(height)

# %% [markdown]
# Two hundred steps on this surface, by our lines and by the package:

# %%
START = [-1.2, 1.0]
downhill = gradient_of(rosenbrock)
for name, rule in rules.items():
    ours = walk_by_hand(rule, 0.001, downhill, START, 200)
    theirs = walk(make(name, 0.001), downhill, START, 200)
    gap = np.abs(ours - theirs).max()
    print(f"{name:16s} ends at {theirs[-1]}, largest difference {gap:.0e}")
    assert gap < 1e-12, f"our rule is that of the package: {name}"

# %% [markdown]
# ## How fast? The valley says it beforehand
#
# In the valley the curvature along $y$ is $\kappa$ times that along $x$; $\kappa$ is the *condition number*. It limits
# the learning rate: along $y$ a step of gradient descent multiplies $y$ by $1 - \alpha \kappa$, and above
# $\alpha = 2 / \kappa$ this is below $-1$. Along $x$, where it multiplies by $1 - \alpha$, the same rate is small. For gradient
# descent and momentum the best settings in this valley are known (Polyak 1964). For Nesterov the table has the settings of the
# textbooks; they are safe on every surface whose curvatures lie between 1 and $\kappa$. The factor is that by which the
# distance shrinks in each step, in the long run:
#
# | | settings | factor per step |
# |---|---|---|
# | gradient descent | $\alpha = \frac{2}{\kappa + 1}$ | $\frac{\kappa - 1}{\kappa + 1}$ |
# | momentum | $\alpha = \left( \frac{2}{\sqrt\kappa + 1} \right)^2, \ \mu = \left( \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1} \right)^2$ | $\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}$ |
# | Nesterov | $\alpha = \frac{1}{\kappa}, \ \mu = \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}$ | $1 - \frac{1}{\sqrt\kappa}$ |
#
# With these settings the whole walk is known, not only its end. From $x = y = 1$, with $r$ the factor of the
# table, after $t$ steps:
#
# $$\text{gradient descent} \quad x_t = r^t, \quad y_t = (-r)^t$$
#
# $$\text{momentum} \quad x_t = (1 + (1 - r)\, t)\, r^t, \quad y_t = (1 + (1 + r)\, t)\, (-r)^t$$
#
# $$\text{Nesterov} \quad x_t = \left( 1 + \frac{t}{\sqrt\kappa + 1} \right) r^t, \quad y_1 = -\mu, \quad y_2 = y_3 = \dots = 0$$


# %%
def settings_for(kappa):
    root = np.sqrt(kappa)
    ratio = (root - 1) / (root + 1)
    return {
        "gradient descent": SGD(learning_rate=2 / (kappa + 1)),
        "momentum": SGD(learning_rate=(2 / (root + 1)) ** 2, momentum=ratio**2),
        "Nesterov": SGD(learning_rate=1 / kappa, momentum=ratio, nesterov=True),
    }


def predicted(kappa, steps):
    """The walks by the formulas."""
    t, root = np.arange(steps + 1), np.sqrt(kappa)
    slow, ratio, lookahead = (
        (kappa - 1) / (kappa + 1),
        (root - 1) / (root + 1),
        1 - 1 / root,
    )
    y = np.zeros(steps + 1)
    y[:2] = 1, -ratio
    walks = {
        "gradient descent": (slow**t, (-slow) ** t),
        "momentum": (
            (1 + (1 - ratio) * t) * ratio**t,
            (1 + (1 + ratio) * t) * (-ratio) ** t,
        ),
        "Nesterov": ((1 + t / (root + 1)) * lookahead**t, y),
    }
    return {name: np.column_stack(walk) for name, walk in walks.items()}


def steps_to(path, share=1e-6):
    """After how many steps the distance to the minimum is this share of the first one."""
    distances = np.hypot(*path.T)
    return int(np.flatnonzero(distances > share * distances[0])[-1]) + 1


kappas, needed = (4, 25, 100, 400), {}
for kappa in kappas:
    by_formula = predicted(kappa, 4000)
    for name, optimizer in settings_for(kappa).items():
        steps = steps_to(by_formula[name])
        path = walk(optimizer, gradient_of(valley, kappa=kappa), [1.0, 1.0], steps + 10)
        needed[name, kappa] = steps_to(path)
        assert needed[name, kappa] == steps, (
            f"the number of steps is known: {name}, {kappa}"
        )
        assert np.abs(path - by_formula[name][: len(path)]).max() < 1e-12, (
            f"the whole walk is known: {name}, condition number {kappa}"
        )

print("steps to a millionth of the distance")
print("condition number ", *(f"{kappa:6d}" for kappa in kappas))
for name in settings_for(4):
    print(f"{name:17s}", *(f"{needed[name, kappa]:6d}" for kappa in kappas))

growth = {name: needed[name, 400] / needed[name, 100] for name in settings_for(4)}
assert 3.8 < growth["gradient descent"] < 4.1, "gradient descent: steps grow with kappa"
for name in ("momentum", "Nesterov"):
    assert 1.8 < growth[name] < 2.2, f"{name}: steps grow with the root of kappa"

# %% [markdown]
# For Nesterov's rule better settings than those of the textbooks are known, if the surface is a valley as this one (Lessard,
# Recht and Packard 2016): $\alpha = \frac{4}{3 \kappa + 1}$ and
# $\mu = \frac{\sqrt{3 \kappa + 1} - 2}{\sqrt{3 \kappa + 1} + 2}$. Do they catch up with momentum?

# %%
for kappa in kappas:
    root = np.sqrt(3 * kappa + 1)
    tuned = SGD(
        learning_rate=(2 / root) ** 2, momentum=(root - 2) / (root + 2), nesterov=True
    )
    path = walk(tuned, gradient_of(valley, kappa=kappa), [1.0, 1.0], 400)
    steps = steps_to(path)
    print(f"condition number {kappa:3d}: {steps:3d} steps")
    assert needed["momentum", kappa] < steps < needed["Nesterov", kappa], (
        "tuned for the valley Nesterov needs fewer steps, and more than momentum"
    )

# %% [markdown]
# Every walk is as predicted, to the last digits. Four times the condition number costs gradient descent four times
# the steps, and a ball that rolls only twice as many. And beyond the limit of the rate there is no
# convergence at all:

# %%
kappa = 25
for rate in (1.98 / kappa, 2.02 / kappa):
    path = walk(SGD(learning_rate=rate), gradient_of(valley), [1.0, 1.0], 200)
    print(f"rate {rate:.4f}: y = {path[-1, 1]:.3g} after {len(path) - 1} steps")
    assert (abs(path[-1, 1]) < 1) == (rate < 2 / kappa), (
        "the limit of the rate is 2 / kappa"
    )

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, optimizer in settings_for(100).items():
    path = walk(optimizer, gradient_of(valley, kappa=100), [1.0, 1.0], 250)
    (line,) = axes.plot(np.hypot(*path.T), label=name)
    axes.plot(np.hypot(*predicted(100, 250)[name].T), ":", color="black", linewidth=1)
axes.plot([], [], ":", color="black", label="formula")
axes.set(yscale="log", ylim=(1e-8, 1e1), xlabel="step", ylabel="distance to the minimum")
axes.set_title("Condition number 100")
legend = axes.legend()

# %% [markdown]
# Look at the beginning of the curve of momentum: the ball first runs past the minimum. The factor $1 + (1 + r) t$ is the
# price for what comes later.
#
# ## The paths
#
# All five in the valley with $\kappa = 25$, 60 steps from the same start. Each gets the best of many learning rates: a
# comparison at one rate for all would say nothing, since a rate means another thing in each rule. What counts is the highest
# point of the last 10 steps, so that nobody wins by one lucky step.

# %%
rates = 10.0 ** np.arange(-4, 0.1, 0.25)


def reached(surface, path):
    """The highest point of the last 10 steps; infinite where the path ran away."""
    return surface(*path[-10:].T).max() if np.abs(path[-1]).max() < 1e3 else np.inf


def heights_by_rate(surface, start, steps):
    """For each optimizer what it reaches with each rate, and the best rate."""
    gradient, heights, best = gradient_of(surface), {}, {}
    for name in rules:
        walks = [walk(make(name, rate), gradient, start, steps) for rate in rates]
        heights[name] = [reached(surface, path) for path in walks]
        at = np.argmin(heights[name])
        best[name] = rates[at]
        print(f"{name:16s} best rate {rates[at]:7.4f}, reached {heights[name][at]:.1e}")
    return heights, best


def draw_paths(surface, start, steps, best, xs, ys, levels):
    _, panels = plt.subplots(2, 3, figsize=(10, 5.6), layout="constrained")
    x, y = np.meshgrid(np.linspace(*xs, 120), np.linspace(*ys, 120))
    *panels, last = panels.ravel()
    for i, (axes, name) in enumerate(zip(panels, rules)):
        path = walk(make(name, best[name]), gradient_of(surface), start, steps)
        axes.contour(x, y, surface(x, y), levels=levels, colors="0.75", linewidths=0.8)
        axes.plot(*path.T, ".-", linewidth=0.9, markersize=3, color=f"C{i}")
        axes.set(title=f"{name}, rate {best[name]:.2g}", xlim=xs, ylim=ys)
        axes.set(xlabel="x", ylabel="y")
        last.plot(surface(*path.T), color=f"C{i}")
    last.set(title="height, in the same colors", yscale="log", xlabel="step")


far = [5.0, 1.5]
in_valley, best = heights_by_rate(valley, far, 60)
levels = np.geomspace(0.05, 60, 9)
draw_paths(valley, far, 60, best, (-2.5, 5.5), (-2.2, 2.2), levels)

# %% [markdown]
# Gradient descent goes to and fro across the valley, then creeps along its floor. RMSprop and Adam go diagonally at first,
# as if the valley were round. And momentum, which should be so much faster? It swings: with $\mu = 0.9$ the
# ball is too heavy for so short a valley. The best $\mu$ is in the table above.

# %%
best_mu = settings_for(25)["momentum"].momentum
print(f"best mu for kappa = 25: {best_mu:.2f}")
assert best_mu < 0.5, "for this valley the best mu is far below 0.9"
assert min(in_valley["momentum"]) > min(in_valley["gradient descent"]), (
    "with mu = 0.9 momentum loses to gradient descent in this valley"
)

# %% [markdown]
# ## What Adam does not see, and what it does
#
# RMSprop and Adam divide each component of the gradient by its own size. A factor that stands before a whole component
# cancels. Along the axes of the valley, $\kappa$ *is* such a factor. So their path should not depend on $\kappa$:

# %%
for name in ("RMSprop", "Adam"):
    round_path, long_path = (
        walk(make(name, 0.1), gradient_of(valley, kappa=kappa), far, 100)
        for kappa in (1, 400)
    )
    gap = np.abs(round_path - long_path).max()
    print(f"{name:8s} largest difference of the paths for kappa = 1 and 400: {gap:.1e}")
    assert gap < 1e-4, f"along the axes {name} does not see the condition number"

# %% [markdown]
# (Only $\epsilon$ sees it.) That sounds like magic, and it is not: it depends on the *axes*. We turn the paper by 45
# degrees. The surface is the same, the start is the same point of it; only the names of the directions are others.


# %%
def turned(x, y, kappa=25.0):
    return valley((x + y) * 0.5**0.5, (y - x) * 0.5**0.5, kappa)


def turn(path):
    x, y = np.transpose(path)
    return np.transpose([(x - y) * 0.5**0.5, (x + y) * 0.5**0.5])


pairs = {}
for name in rules:
    straight = walk(make(name, best[name]), gradient_of(valley), far, 60)
    oblique = walk(make(name, best[name]), gradient_of(turned), turn(far), 60)
    pairs[name] = straight, oblique
    same = np.abs(turn(straight) - oblique).max()
    print(f"{name:16s} largest difference from the turned path: {same:.1e}")
    if name in ("RMSprop", "Adam"):
        assert same > 0.1, f"the path of {name} depends on the axes"
    else:
        assert same < 1e-9, f"the path of {name} turns with the paper"

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
x, y = np.meshgrid(np.linspace(-3, 6, 120), np.linspace(-2.5, 5.5, 120))
for axes, surface, which in zip(panels, (valley, turned), (0, 1)):
    axes.contour(x, y, surface(x, y), levels=levels, colors="0.75", linewidths=0.8)
    for name in ("gradient descent", "Adam"):
        axes.plot(*pairs[name][which].T, ".-", linewidth=0.9, markersize=4, label=name)
    axes.set(aspect="equal", title=("along the axes", "turned by 45 degrees")[which])
    axes.set(xlabel="x", ylabel="y")
legend = panels[0].legend()

# %% [markdown]
# In the turned valley both components of the gradient contain both directions, and dividing them does not
# separate what is steep from what is flat. How many steps does Adam need until the height is below 0.1?

# %%
kappas = (25, 100, 400)
until = {}
for name, surface, start in (
    ("along the axes", valley, far),
    ("turned", turned, turn([far])[0]),
):
    for kappa in kappas:
        path = walk(make("Adam", 0.1), gradient_of(surface, kappa=kappa), start, 1000)
        until[name, kappa] = int(np.argmax(surface(*path.T, kappa=kappa) < 0.1))
print("condition number", *(f"{kappa:5d}" for kappa in kappas))
for name in ("along the axes", "turned"):
    print(f"{name:16s}", *(f"{until[name, kappa]:5d}" for kappa in kappas))
assert until["along the axes", 400] <= until["along the axes", 25] + 5, (
    "along the axes the condition number costs Adam next to nothing"
)
for low, high in ((25, 100), (100, 400)):
    assert until["turned", high] > 2 * until["turned", low], (
        "turned, it costs Adam steps as it costs the others"
    )

# %% [markdown]
# In a network the axes are the single weights. Adam makes up for gradients whose *size* differs from weight to weight.
# What it cannot do is look into directions between the axes.
#
# ## The first step of Adam
#
# The averages of Adam begin at 0, so at first they are too small: after one step $m = (1 - \beta_1) g$ and
# $q = (1 - \beta_2) g^2$. The divisions by $1 - \beta_1^t$ and $1 - \beta_2^t$ correct this *bias*. Then
# $\hat m = g$ and $\sqrt{\hat q} = |g|$: the first step has the size of the learning rate, however large or
# small the gradient is (if it is not as small as $\epsilon$). And without the correction? Both averages are too small; many would guess that the step is too
# small as well.

# %%
rate = 0.01
print("gradient    first step of Adam   without correction   RMSprop")
for g in (0.001, 1.0, -1000.0):
    steps = []
    for name in ("Adam", "RMSprop"):
        theta = np.zeros(1)
        make(name, rate).step_array(theta, np.array([g]))
        steps.append(-theta[0])
    bare = rate * (1 - beta1) * g / (np.sqrt((1 - beta2) * g**2) + epsilon)
    print(f"{g:8} {steps[0]:21.8f} {bare:20.8f} {steps[1]:9.6f}")
    assert abs(abs(steps[0]) / rate - 1) < 2e-5, (
        "the first step of Adam is the learning rate"
    )
    assert abs(abs(bare) / rate - (1 - beta1) / (1 - beta2) ** 0.5) < 2e-3, (
        "without the correction the first step is too large, by (1 - beta1) / sqrt(1 - beta2)"
    )
    assert abs(abs(steps[1]) / rate - (1 - rho) ** -0.5) < 2e-3, (
        "RMSprop has no correction: its first step is too large by 1 / sqrt(1 - rho)"
    )

# %% [markdown]
# The guess is wrong: $q$ stands under a root and has the longer memory, so it is the *denominator* that is too
# small, and the step too large. How it goes on, for a gradient that stays the same:

# %%
t = np.arange(1, 201)
sizes = {
    "Adam": np.ones(len(t)),
    "Adam without correction": (1 - beta1**t) / np.sqrt(1 - beta2**t),
    "RMSprop": 1 / np.sqrt(1 - rho**t),
}
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, size in sizes.items():
    axes.plot(t, size, label=name)
axes.set(xlabel="step", ylabel="size of the step / learning rate", ylim=(0, None))
legend = axes.legend()
largest = sizes["Adam without correction"].max()
print(f"without the correction the steps grow to {largest:.1f} times the rate")
for name in ("Adam", "RMSprop"):
    theta, optimizer, moved = np.zeros(1), make(name, 1.0), []
    for _ in t:
        before = theta.copy()
        optimizer.step_array(theta, np.array([-1.0]))
        moved.append((theta - before)[0])
    assert np.allclose(moved, sizes[name], rtol=1e-6), f"the curve is that of {name}"
assert largest > 6, "without the correction the steps grow to more than six times the rate"

# %% [markdown]
# ## Rosenbrock's valley
#
# A curved valley with a flat floor; the minimum is at $(1, 1)$. Each optimizer tries all rates, and has 300 steps.

# %%
heights, best = heights_by_rate(rosenbrock, START, 300)
curved = np.geomspace(0.3, 600, 9)
draw_paths(rosenbrock, START, 300, best, (-1.8, 1.8), (-0.8, 2.0), curved)

# %%
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, mark in zip(rules, "osv^D"):
    axes.plot(rates, heights[name], marker=mark, markersize=4, label=name)
axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="height reached")
legend = axes.legend()

works = {name: rates[np.array(heights[name]) < 1] for name in rules}
for name, good in works.items():
    print(f"{name:16s} below 1 for rates from {good[0]:.4f} to {good[-1]:.4f}")
assert min(heights["momentum"]) < 0.01 * min(heights["gradient descent"]), (
    "with the best rates momentum is far ahead of gradient descent"
)
assert min(heights["momentum"]) < min(heights["Adam"]) < min(heights["RMSprop"]), (
    "with the best rates: momentum, then Adam, then RMSprop"
)
assert works["momentum"].max() < works["Adam"].min(), (
    "no rate is good for momentum and for Adam"
)
assert np.isinf(heights["momentum"][-1]) and np.isfinite(heights["Adam"]).all(), (
    "momentum runs away at high rates, Adam at none of these"
)

# %% [markdown]
# Read the last plot twice. Of these rates none is good for momentum and for Adam, so a comparison of the two at one rate
# says nothing about them. And the order is that of *this* surface. Here RMSprop is the last; in the straight valley, along the
# axes, it was the first:

# %%
for name in ("momentum", "RMSprop"):
    print(
        f"{name:9s} valley {min(in_valley[name]):.1e}  Rosenbrock {min(heights[name]):.1e}"
    )
lowest = {name: min(found) for name, found in in_valley.items()}
assert min(lowest, key=lowest.get) == "RMSprop", "in the straight valley RMSprop is first"
lowest = {name: min(found) for name, found in heights.items()}
assert max(lowest, key=lowest.get) == "RMSprop", "in Rosenbrock's valley RMSprop is last"

# %% [markdown]
# ## Schedules, and the noise at the end
#
# With mini-batches the gradient is noisy (chapter 9). A constant rate then never arrives. We add normal
# noise to the gradient of the valley, $g + \sigma \xi$, and let 500 walks run beside each other; the
# schedule sets the rate before each step.

# %%
from tinygrad_mlp.optim import (
    ConstantSchedule,
    CosineSchedule,
    StepSchedule,
    WarmupSchedule,
)

n, walks, noise, kappa = 600, 500, 1.0, 25.0
schedules = {
    "constant": (0.03, ConstantSchedule()),
    "constant, small": (0.001, ConstantSchedule()),
    "step": (0.03, StepSchedule(200, gamma=0.1)),
    "step, too early": (0.03, StepSchedule(40, gamma=0.1)),
    "cosine": (0.03, CosineSchedule(n)),
    "warm-up, cosine": (
        0.03,
        WarmupSchedule(60, then=CosineSchedule(n - 60), start_factor=0.1),
    ),
}


def noisy_walks(rate, schedule):
    """The mean height of all walks before each step and at the end, and the rates."""
    rng, optimizer = np.random.default_rng(SEED), SGD(learning_rate=rate)
    theta = np.tile(far, walks)  # x, y of the first walk, x, y of the second, ...
    curvature = np.tile([1.0, kappa], walks)
    means, rates = [np.mean(valley(theta[::2], theta[1::2], kappa))], []
    for step in range(n):
        schedule.step(optimizer, step)
        rates.append(optimizer.learning_rate)
        g = curvature * theta + noise * rng.normal(size=theta.shape)
        optimizer.step_array(theta, g)
        means.append(np.mean(valley(theta[::2], theta[1::2], kappa)))
    return np.array(means), rates


def expected(rates):
    """Of the height at the end: what is left of the start, and what is noise."""
    curvature, mean, variance = np.array([1.0, kappa]), np.array(far), np.zeros(2)
    for rate in rates:
        mean = (1 - rate * curvature) * mean
        variance = (1 - rate * curvature) ** 2 * variance + (rate * noise) ** 2
    return 0.5 * np.sum(curvature * mean**2), 0.5 * np.sum(curvature * variance)


print("height at the end  measured  expected =   start +   noise")
ends, curves = {}, {}
for name, (rate, schedule) in schedules.items():
    curves[name] = noisy_walks(rate, schedule)
    ends[name] = curves[name][0][-1]
    start, rest = expected(curves[name][1])
    print(f"{name:16s} {ends[name]:10.5f} {start + rest:9.5f} = {start:7.5f} + {rest:7.5f}")
    assert 0.75 < ends[name] / (start + rest) < 1.3, f"measured as expected: {name}"
for name in ("cosine", "step"):
    assert ends[name] < 0.2 * ends["constant"], f"{name}: most of the noise is gone"
assert ends["constant, small"] > ends["constant"], "a small rate alone does not arrive"
assert ends["step, too early"] > ends["constant"], (
    "a rate that falls too early does not arrive"
)
assert 0.7 < ends["warm-up, cosine"] / ends["cosine"] < 1.4, (
    "a warm-up changes nothing about the end"
)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for name, (means, rates_of_steps) in curves.items():
    left.plot(rates_of_steps, label=name)
    right.plot(means)
left.set(xlabel="step", ylabel="learning rate")
right.set(xlabel="step", ylabel="mean height", yscale="log")
legend = left.legend(fontsize="small")

# %% [markdown]
# A small rate leaves little noise, and does not arrive; a large rate arrives, and leaves much noise. So begin with a
# large one and end with a small one; a rate that falls too early is a small rate. For these walks the expected height is known exactly: in each step, and
# in a direction with curvature $\lambda$, the mean is multiplied by $1 - \alpha \lambda$, the variance by the
# square of that, and then $\alpha^2 \sigma^2$ is added to the variance.
#
# The warm-up has done nothing here. It is a remedy for *first* steps that are too large. We have met one: RMSprop
# begins with a step that is larger than the rate. A warm-up takes this away:

# %%
theta, optimizer, moved = np.zeros(1), make("RMSprop", 1.0), []
schedule = WarmupSchedule(20, start_factor=0.1)
for step in range(40):
    schedule.step(optimizer, step)
    before = theta.copy()
    optimizer.step_array(theta, np.array([-1.0]))
    moved.append((theta - before)[0])
print(
    f"largest step by the rate: {sizes['RMSprop'].max():.2f}, with a warm-up {max(moved):.2f}"
)
assert max(moved) < 1.1 < 3 < sizes["RMSprop"].max(), (
    "a warm-up takes the large first steps of RMSprop away"
)

# %% [markdown]
# | you want | take |
# |---|---|
# | to arrive fast in a long valley | momentum, or Nesterov's form of it |
# | one rate for weights with gradients of very different sizes | Adam, RMSprop |
# | to come to rest at the end | a schedule that ends small: cosine or steps |
# | no large first steps | Adam's correction, or a warm-up |
#
# ## Exercises
#
# ### Exercise 1
#
# Nesterov's rule is often written with a look ahead: take the gradient at the point where the velocity would lead,
# $v \leftarrow \mu v - \alpha \nabla f(\theta + \mu v)$, $\theta \leftarrow \theta + v$. Is this another rule than the one in
# the table?

# %% [markdown] tags=["answer"]
# It is the same one. The $\theta$ of the table is the point $\theta + \mu v$ of the look ahead.

# %% tags=["answer"]
theta, v, ahead = np.array(START), np.zeros(2), [START]
for _ in range(100):
    v = mu * v - 0.001 * downhill(theta + mu * v)
    theta = theta + v
    ahead.append(theta + mu * v)
ours = walk_by_hand(nesterov, 0.001, downhill, START, 100)
print("largest difference:", f"{np.abs(ours - ahead).max():.0e}")
assert np.abs(ours - ahead).max() < 1e-10, "exercise 1: both forms are one rule"

# %% [markdown]
# ### Exercise 2
#
# A valley has the condition number 10000. About how many steps do gradient descent and momentum need to a
# millionth of the distance, with their best settings?

# %% [markdown] tags=["answer"]
# Gradient descent: $r^t = 10^{-6}$, so $t = \ln 10^{-6} / \ln r$. Momentum needs some more than the same formula
# with *its* $r$ says, because of the factor in front.

# %% tags=["answer"]
for name, r in (("gradient descent", 9999 / 10001), ("momentum", 99 / 101)):
    by_rule, by_formula = np.log(1e-6) / np.log(r), steps_to(predicted(10000, 80000)[name])
    print(f"{name:16s} rule {by_rule:8.0f}, exactly {by_formula}")
    assert 1 <= by_formula / by_rule < 1.6, f"exercise 2: the rule for {name}"

# %% [markdown]
# ### Exercise 3
#
# You multiply the loss by 1000. Which of the five must get another learning rate?

# %% [markdown] tags=["answer"]
# Gradient descent, momentum and Nesterov: their steps become 1000 times as large, so the rate must be a thousandth. RMSprop
# and Adam divide by the size of the gradient, and walk the same path.


# %% tags=["answer"]
def steep(x, y):
    return 1000 * valley(x, y)


for name in rules:
    before = walk(make(name, 0.05), gradient_of(valley), far, 60)
    after = walk(make(name, 0.05), gradient_of(steep), far, 60)
    same = len(before) == len(after) and np.abs(before - after).max() < 1e-4
    print(f"{name:16s} {'the same path' if same else 'another path'}")
    assert same == (name in ("RMSprop", "Adam")), f"exercise 3: {name}"

# %% [markdown]
# ### Exercise 4
#
# What is the mean of the factors of a cosine schedule that ends at 0? What does this cost?

# %% [markdown] tags=["answer"]
# One half. The rates of all steps together are half of those of a constant rate: the walk has half the way to come
# down in. That is the price for the rest at the end.

# %% tags=["answer"]
mean_factor = np.mean([CosineSchedule(n)(step) for step in range(n)])
print(f"mean factor {mean_factor:.4f}")
assert abs(mean_factor - 0.5) < 0.01, "exercise 4: one half"
