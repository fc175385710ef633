# %% [markdown]
# # Universal approximation: what one hidden layer can draw
#
# One hidden layer of sigmoids is enough for every continuous function on a closed interval. You learn why one hidden layer is enough,
# by a network whose weights are *set* and not trained, and how its error shrinks with the number of units.
# Expect a proof that fits into three lines, a function for which it needs a hopeless number of units, and a
# list of what the theorem does not say.
#
# ## The theorem
#
# **For every continuous function $f$ on $[a, b]$ and every $\varepsilon > 0$ there is a network with one hidden
# layer of sigmoids and a linear output, $N(x) = c + \sum_i v_i\, \sigma(w_i x + b_i)$, such that**
# $$|f(x) - N(x)| < \varepsilon \quad \text{for all } x \text{ in } [a, b]$$
#
# (Cybenko 1989; Hornik, Stinchcombe and White 1989.) It holds for inputs of any dimension. In one dimension we
# can simply write the weights down, here for $[0, 1]$; any other $[a, b]$ only needs another scale for $x$.
#
# ## One unit is a step
#
# $\sigma(w x + b)$ climbs from 0 to 1 around $x = -b/w$. The larger $w$, the steeper: a step. Cut $[0, 1]$ into $n$
# pieces of width $h = 1/n$, at the cuts $x_i = i h$. Let $m_i$ be the middle of a piece. Begin with the value in the
# middle of the first piece, and at each cut step to the value in the middle of the next one:
#
# $$N(x) = f(m_0) + \sum_{i=1}^{n-1} \big(f(m_i) - f(m_{i-1})\big)\; \sigma\!\Big(\frac{k}{h} (x - x_i)\Big)$$
#
# So a network with $n - 1$ hidden units has all its weights. $k$ says how steep the steps are, compared with
# their distance.

# %%
import numpy as np

import viz
from tinygrad_mlp import MLP, fit, predict

SEED = 0


def construction(f, n, k=40.0):
    """The network for n pieces of [0, 1]: no training, every weight is set."""
    h = 1 / n
    values = f((np.arange(n) + 0.5) * h)
    model = MLP(1, [n - 1, 1], activation="sigmoid", rng=SEED)
    hidden, output = model.layers
    for i, neuron in enumerate(hidden.neurons, start=1):
        neuron.w[0].data = k / h
        neuron.b.data = -k / h * (i * h)
    (unit,) = output.neurons
    for weight, jump in zip(unit.w, np.diff(values)):
        weight.data = float(jump)
    unit.b.data = float(values[0])
    return model


def wave(x):
    return np.sin(2 * np.pi * x)


small = construction(wave, 5)
viz.draw(small, style="slide", show="weights")

# %% [markdown]
# That is the network for five pieces. The weights from the input are all the same, $k/h$; the biases say *where* a step is, and
# the weights to the output say how *high*. The next picture takes eight pieces, and shows what each
# hidden unit brings to the sum, and the sum.

# %%
import matplotlib.pyplot as plt

x = np.linspace(0, 1, 1001)
model = construction(wave, 8)
hidden, output = model.layers
parts = [
    v.data / (1 + np.exp(-np.clip(unit.w[0].data * x + unit.b.data, -500, 500)))
    for unit, v in zip(hidden.neurons, output.neurons[0].w)
]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for part in parts:
    left.plot(x, part)
left.set(title="each of the seven units", xlabel="x")
right.plot(x, wave(x), color="gray", label="f")
right.plot(x, output.neurons[0].b.data + sum(parts), label="the sum and the bias")
right.set(title="what the network says", xlabel="x")
legend = right.legend(loc="lower left")

gap = max(abs(predict(model, x[:, None]) - output.neurons[0].b.data - sum(parts)))
assert gap < 1e-12, "the network is the sum of its steps"

# %% [markdown]
# ## Why the error is small
#
# How much can $f$ change over a distance $\delta$? The answer has a name, the *modulus of continuity*:
#
# $$\omega(\delta) = \max_{|x - y| \le \delta} |f(x) - f(y)|$$
#
# For a continuous function on a closed interval $\omega(\delta) \to 0$ as $\delta \to 0$. That is all we need:
#
# 1. At each $x$, $N(x)$ is an average of the values $f(m_j)$. (Write $s_i$ for the sigmoids, with $s_0 = 1$ and $s_n = 0$. Then
#    $N = \sum_j (s_j - s_{j+1})\, f(m_j)$. The weights are not negative, since $s_i$ falls with $i$, and their sum is 1.)
# 2. Only the two middles beside $x$ count. They are at most $h$ away from $x$, so their values are at most $\omega(h)$ away
#    from $f(x)$. The cuts further off are at least $h/2$ away, so all other middles together have at most the weight $2 \sigma(-k/2)$.
# 3. So the error is at most $\omega(h) + 2 \sigma(-k/2)\, (\max f - \min f)$.
#
# With $k = 40$ the second part is nearly nothing; the cell prints its factor. We measure the largest error for four functions whose modulus is known as
# a formula. The last one is continuous, but rises at 0 more steeply than every root.


# %%
def corner(x):
    return np.abs(x - 1 / 3)


def slow(x):
    """1 / (2 - log x), and 0 at 0."""
    x = np.asarray(x, float)
    return np.where(x > 0, 1 / (2 - np.log(np.where(x > 0, x, 1.0))), 0.0)


functions = {  # the function, and its modulus of continuity
    "sin(2 pi x)": (wave, lambda d: 2 * np.sin(np.pi * min(d, 0.5))),
    "|x - 1/3|": (corner, lambda d: d),
    "sqrt(x)": (np.sqrt, np.sqrt),
    "1/(2 - log x)": (slow, slow),
}


def largest_error(model, f, n):
    """The largest of |f - N| on a fine grid, with points close to each step."""
    beside = np.array([-0.2, -0.1, -0.03, -0.01, -0.001, 0, 0.001, 0.01, 0.03, 0.1, 0.2])
    cuts = (np.arange(n)[:, None] + beside) / n
    grid = np.unique(np.clip(np.append(np.linspace(0, 1, 10001), cuts), 0, 1))
    return max(abs(predict(model, grid[:, None]) - f(grid)))


def known_modulus_holds(f, modulus):
    """Whether no two points of a grid differ by more than the formula says."""
    values = f(np.linspace(0, 1, 1001))
    changes = [max(abs(values[step:] - values[:-step])) for step in range(1, 1001)]
    return all(change <= modulus(s / 1000) + 1e-12 for s, change in enumerate(changes, 1))


widths = [4, 8, 16, 32, 64, 128, 256]
errors = {}
others = 2 / (1 + np.exp(40 / 2))
print(f"the weight of all other middles is at most {others:.1e}")
print("pieces        ", *(f"{n:7d}" for n in widths), "  slope")
for name, (f, modulus) in functions.items():
    assert known_modulus_holds(f, modulus), f"{name}: the formula of the modulus holds"
    errors[name] = [largest_error(construction(f, n), f, n) for n in widths]
    slope = np.log(errors[name][-1] / errors[name][-3]) / np.log(widths[-1] / widths[-3])
    print(f"{name:14s}", *(f"{error:7.4f}" for error in errors[name]), f"{slope:7.2f}")

    values = f(np.linspace(0, 1, 1001))
    rest = others * (values.max() - values.min())
    for n, error in zip(widths, errors[name]):
        assert error <= modulus(1 / n) + rest, f"{name}: the bound of the proof holds"
        assert error <= modulus(0.5 / n) + rest, f"{name}: half a piece is enough"
        assert error >= 0.9 * modulus(0.5 / n), f"{name}: the bound cannot be much better"
    if name in ("sin(2 pi x)", "|x - 1/3|"):
        assert abs(slope + 1) < 0.01, f"{name}: twice the units, half the error"
assert abs(np.log2(errors["sqrt(x)"][-2] / errors["sqrt(x)"][-1]) - 0.5) < 0.01, (
    "sqrt: half the error takes four times the units"
)
assert errors["1/(2 - log x)"][-1] > 0.4 * errors["1/(2 - log x)"][0], (
    "the slow function: with 64 times the pieces more than 40 % of the error is left"
)

# %% [markdown]
# The *slope* is that of a line in the next picture, where both axes are logarithmic: the error goes like $n^{\text{slope}}$. For a
# function whose steepness is bounded (a *Lipschitz* function, $\omega(\delta) \le L \delta$) the bound goes like $n^{-1}$, and so do the first two
# errors. For the last function no slope is right for long: its line becomes flatter and flatter. The measured error is even
# $\omega(h/2)$, half a piece, for all four: the sum takes the nearer of the two middles, except close to the cut, where both are as far.
# The dashed lines are the formulas $\omega(h/2)$.

# %%
figure, axes = plt.subplots(figsize=(7, 4.4))
for (name, (_, modulus)), mark in zip(functions.items(), "osv^"):
    (line,) = axes.plot(widths, errors[name], mark, label=name)
    bound = [modulus(0.5 / n) for n in widths]
    axes.plot(widths, bound, "--", color=line.get_color(), linewidth=1)
axes.set(xscale="log", yscale="log", xlabel="pieces n", ylabel="largest error")
axes.set_xticks(widths, [str(n) for n in widths])
axes.minorticks_off()
legend = axes.legend()

# %% [markdown]
# The theorem is right for the last function too: its error goes to 0. But how many pieces would an error of 0.01 take?
# $\omega(h/2) = 0.01$ gives $\log(2n) = 1/0.01 - 2$.

# %%
pieces = np.exp(1 / 0.01 - 2) / 2
print(f"pieces for an error of 0.01: {pieces:.1e}")
assert abs(slow(0.5 / pieces) - 0.01) < 1e-12, (
    "the formula gives the error that was asked for"
)

# %% [markdown]
# ## How steep must the steps be?
#
# Not very steep. From about $k = 10$ on the steps are as good as perfect. If they are too flat, each of them reaches over
# several pieces, and the sum is a blurred copy of $f$.

# %%
for k in (0.5, 1, 2, 4, 10, 40):
    found = [largest_error(construction(f, 32, k), f, 32) for f, _ in functions.values()]
    print(f"k = {k:4}", *(f"{error:8.4f}" for error in found))
    if k <= 1:
        flat = found
    if k == 10:
        assert np.allclose(found, [errors[name][3] for name in functions], rtol=0.01), (
            "k = 10 is as good as perfect steps, to one percent"
        )
assert all(error > errors[name][3] for name, error in zip(functions, flat)), (
    "flat steps are worse"
)

# %% [markdown]
# ## What training reaches
#
# Nobody sets weights by hand in practice. What does training find with the same number of units? Three beginnings for each width,
# Adam, 200 samples, 1,500 epochs. The table shows the largest errors; these are a few runs and no law, and nothing here is asserted.

# %%
samples = np.linspace(0, 1, 200)


def trained(f, n, seed):
    model = MLP(1, [n - 1, 1], activation="sigmoid", rng=seed)
    fit(
        model,
        2 * samples[:, None] - 1,  # from -1 to 1: an input that is centered
        f(samples),
        epochs=1500,
        optimizer="adam",
        learning_rate=0.03,
        schedule="cosine",
        rng=seed,
        log_every=None,
    )
    return model


print("pieces                  ", *(f"{n:7d}" for n in widths[:4]))
for name in ("sin(2 pi x)", "sqrt(x)"):
    f, _ = functions[name]
    runs = []
    for seed in range(SEED, SEED + 3):
        models = [trained(f, n, seed) for n in widths[:4]]
        runs.append([max(abs(predict(m, 2 * x[:, None] - 1) - f(x))) for m in models])
    print(f"{name:11s} construction ", *(f"{error:7.4f}" for error in errors[name][:4]))
    print(f"{'':11s} trained, best", *(f"{error:7.4f}" for error in np.min(runs, axis=0)))
    print(f"{'':11s}         worst", *(f"{error:7.4f}" for error in np.max(runs, axis=0)))

# %% [markdown]
# Look at the wave with few units: training places soft steps cleverly, where the construction wastes hard ones. Then look at
# the columns with more units: do the trained errors go on falling, as those of the construction do? The theorem promises that good weights *exist*. It does
# not promise that gradient descent *finds* them, and training makes another thing small: the mean squared error, not the largest one.

# %%
viz.plots.fit_curve(
    models[-1],
    2 * samples[:, None] - 1,
    np.sqrt(samples),
    feature_name="input 2x - 1",
    target_name="square root of x",
)

# %% [markdown]
# This is the last trained network for $\sqrt{x}$, drawn over the input that it was given, $2x - 1$. Look at the steep end, at the left.
#
# ## What the theorem does not say
#
# **It says nothing outside the interval.** There the construction is flat, whatever the function does.

# %%
outside = np.array([[-1.0], [1.25], [2.0], [30.0]])
says = predict(construction(wave, 256), outside)
for place, answer in zip(outside[:, 0], says):
    print(f"x = {place:5.2f}: f = {wave(place):7.4f}, network {answer:7.4f}")
assert abs(says[0] - wave(0.5 / 256)) < 1e-12, "left of it: the value of the first piece"
assert np.ptp(says[1:]) < 1e-12, "right of the interval the network is constant"
assert abs(says[1] - wave(1.25)) > 0.9, "and wrong"

# %% [markdown]
# **It needs the interval closed and the function continuous.** $1/x$ on $0 < x \le 1$ grows beyond every network,
# since a network with sigmoids is bounded: by $|c| + \sum_i |v_i|$. A function with a jump keeps an error of half the jump at
# least, however many units there are (exercise 3).
#
# **It does not say how many units.** The number depends on the function, as the table shows. And it grows with the number of
# inputs: if each of $d$ inputs is cut into $n$ pieces, there are $n^d$ boxes.

# %%
for d in (1, 2, 10, 64):
    print(f"{d:2d} inputs, 5 pieces for each: {5.0**d:.3g} boxes")

# %% [markdown]
# **It does not say that one layer is the best way.** It is *enough*. Depth can save units. The *tent* goes up and down once,
# $T(x) = 2\,\mathrm{relu}(x) - 4\,\mathrm{relu}(x - \tfrac12)$. Two relu units make a tent, and a tent of a tent has twice as many
# slopes. One hidden layer of $n$ relu units has at most $n + 1$ slopes, since it can bend only where one of its units does.


# %%
def tents(depth):
    """T(T(...T(x))): two relu units in each layer."""
    model = MLP(1, [2] * depth + [1], activation="relu", rng=SEED)
    for number, layer in enumerate(model.layers):
        for unit, bias in zip(layer.neurons, (0.0, -0.5)):
            weights = [1.0] if number == 0 else [2.0, -4.0]
            for leaf, weight in zip(unit.w, weights):
                leaf.data = weight
            unit.b.data = bias if number < depth else 0.0
    return model


fine = np.linspace(0, 1, 2**10 + 1)
for depth in range(1, 7):
    height = predict(tents(depth), fine[:, None])
    slopes = 1 + np.count_nonzero(np.diff(np.sign(np.diff(height))))
    print(f"depth {depth}, {2 * depth:2d} units: {slopes:2d} slopes;", end=" ")
    print(f"one layer needs at least {slopes - 1} units")
    assert slopes == 2**depth, "each layer doubles the number of slopes"

figure, axes = plt.subplots(figsize=(7, 3))
for depth in (1, 2, 4):
    name = f"{depth} hidden layer{'s' if depth > 1 else ''}"
    axes.plot(fine, predict(tents(depth), fine[:, None]), label=name)
axes.set(xlabel="x", ylabel="height", ylim=(-0.05, 1.45))
legend = axes.legend(loc="upper right", ncols=3)

# %% [markdown]
# **It says nothing about noise.** A network that can draw everything can draw the errors of your samples as well. That is
# chapter 13.
#
# ## Exercises
#
# ### Exercise 1
#
# How many pieces are enough for an error of 0.02 with $|x - 1/3|$, and with $\sqrt{x}$? Use $\omega(h/2)$, then measure.

# %% [markdown] tags=["answer"]
# $\omega(h/2) = 1/(2n) \le 0.02$ gives $n = 25$. For the root, $\sqrt{1/(2n)} \le 0.02$ gives $n = 1250$.

# %% tags=["answer"]
for f, n in ((corner, 25), (np.sqrt, 1250)):
    found = largest_error(construction(f, n), f, n)
    print(n, "pieces: error", round(found, 6))
    assert found < 0.02 + 1e-6, "exercise 1: that many are enough"
fewer = largest_error(construction(np.sqrt, 1200), np.sqrt, 1200)
assert fewer > 0.02, "exercise 1: with 50 fewer it is not enough"

# %% [markdown]
# ### Exercise 2
#
# Build the same with relu units: $N(x) = f(0) + \sum_i v_i\, \mathrm{relu}(x - x_i)$, $i = 0, \dots, n - 1$, a line from each
# $f(x_i)$ to $f(x_{i+1})$. Which $v_i$? What is the slope of its error for the wave?

# %% [markdown] tags=["answer"]
# $v_i$ is the *change* of slope at $x_i$ (at $x_0$ the first slope). For a smooth function the error of a chord is at most
# $\frac{h^2}{8} \max |f''|$: the slope is $-2$. Lines follow a smooth curve better than steps do.


# %% tags=["answer"]
def hinges(f, n):
    cuts = np.arange(n + 1) / n
    slopes = np.diff(f(cuts)) * n
    model = MLP(1, [n, 1], activation="relu", rng=SEED)
    hidden, output = model.layers
    (unit,) = output.neurons
    for neuron, cut, weight, bend in zip(
        hidden.neurons, cuts, unit.w, np.diff(slopes, prepend=0.0)
    ):
        neuron.w[0].data, neuron.b.data = 1.0, -float(cut)
        weight.data = float(bend)
    unit.b.data = float(f(cuts[0]))
    return model


by_lines = [largest_error(hinges(wave, n), wave, n) for n in widths]
print("steps:", *(f"{error:9.6f}" for error in errors["sin(2 pi x)"]))
print("lines:", *(f"{error:9.6f}" for error in by_lines))
slope = np.log2(by_lines[-1] / by_lines[-2])
print("slope", round(slope, 3))
assert abs(slope + 2) < 0.02, "exercise 2: twice the units, a quarter of the error"
assert all(
    error <= (2 * np.pi) ** 2 / (8 * n**2) + 1e-12 for n, error in zip(widths, by_lines)
), "exercise 2: the bound of the chord holds"

# %% [markdown]
# ### Exercise 3
#
# Let $f$ be 0 left of $1/2$ and 1 from there on. Why can no network with sigmoids have an error below $1/2$? How small is its error
# away from the jump?

# %% [markdown] tags=["answer"]
# The network is continuous. Just left of the jump it would have to be below $1/2$, and at the jump above $1/2$: it cannot be
# both. A distance away from the jump it is as good as exact: one steep step.


# %% tags=["answer"]
def jump(x):
    return np.where(x >= 0.5, 1.0, 0.0)


at_jump = [largest_error(construction(jump, n), jump, n) for n in widths]
away = np.concatenate([np.linspace(0, 0.45, 100), np.linspace(0.55, 1, 100)])
far = max(abs(predict(construction(jump, 256), away[:, None]) - jump(away)))
print("largest error:", *(f"{error:.4f}" for error in at_jump), " away from the jump:", far)
assert min(at_jump) > 0.5 - 1e-6, "exercise 3: half of the jump stays"
assert far < 1e-9, "exercise 3: elsewhere it is exact"

# %% [markdown]
# ### Exercise 4
#
# Take $z^2$ as the activation. Show that no number of units helps against the wave.

# %% [markdown] tags=["answer"]
# $\sum_i v_i (w_i x + b_i)^2$ is a polynomial of degree 2, however long the sum is: three numbers decide everything. The theorem
# holds for exactly those continuous activations that are no polynomials (Leshno and others 1993).

# %% tags=["answer"]
rng = np.random.default_rng(SEED)
best = {}
for units in (3, 10, 100):
    features = (np.outer(x, rng.normal(size=units)) + rng.normal(size=units)) ** 2
    assert np.linalg.matrix_rank(features) == 3, "exercise 4: three numbers decide"
    v, *_ = np.linalg.lstsq(features, wave(x), rcond=1e-10)
    best[units] = np.sqrt(np.mean((features @ v - wave(x)) ** 2))
    print(f"{units:3d} units: best possible root mean squared error {best[units]:.6f}")
assert np.ptp(list(best.values())) < 1e-6, "exercise 4: more units do not help"
assert min(best.values()) > 0.2, "exercise 4: and the error is large"
