# %% [markdown]
# # Preparing data: splits, scaling, and leaks
#
# Before a network learns anything, somebody decides which rows it may see, and in which units. You learn to split a
# table, to scale it, and to turn words into numbers; and you measure what happens when the network sees
# something of the test rows too. Expect networks that seem to be good at guessing coins.
#
# All chance in this chapter comes from the next line. Change the number, and run the chapter again.

# %%
SEED = 0

# %% [markdown]
# ## Three parts
#
# A network can learn its samples by heart, so its answers to them say little. We keep rows back:
#
# | part | what it is for |
# |---|---|
# | training | the weights are fitted to it |
# | validation | settings are chosen with it: the size, the rate, the number of epochs |
# | test | looked at once, at the end: how good is the network on new rows? |
#
# How a network learns is the topic of the chapters that follow; here two calls are enough. `MLP(4, [8, 3])` is a network
# with 4 inputs, 8 hidden units and 3 outputs, one for each class. `fit` changes its weights, step by step, so that its
# answers to the training rows become right. A step looks at a few rows, a *mini-batch*; an *epoch* is one pass through
# all training rows.
#
# The table of this section is the classic one: 150 flowers of three species, four lengths each. The first try is to
# take the first 100 rows for training and the last 50 for the test.

# %%
import numpy as np

from tinygrad_mlp import MLP, accuracy, fit
from tinygrad_mlp.data import load_iris, train_test_split

iris = load_iris()
X, y = iris.X, iris.y
print("species in the first 100 rows:", np.bincount(y[:100], minlength=3))
print("species in the last 50 rows:  ", np.bincount(y[100:], minlength=3))

model = MLP(4, [8, 3], activation="tanh", rng=SEED)
quiet = {"optimizer": "adam", "rng": SEED, "log_every": None}
fit(model, X[:100], y[:100], epochs=100, batch_size=16, **quiet)
by_order = accuracy(model, X[100:], y[100:])
print(f"right in the last 50 rows: {by_order:.0%}")
assert by_order == 0.0, "rows that are sorted by class must be shuffled before the split"

# %% [markdown]
# The rows are sorted by species. The network has never seen the third one, so it is never right about it. Tables are often
# sorted: by class, by date, by place. `train_test_split` shuffles the rows. To get three parts, split twice:

# %%
X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=30, rng=SEED)
X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, test_size=30, rng=SEED)
for name, labels in (("training", y_train), ("validation", y_val), ("test", y_test)):
    print(f"{name:10s} {len(labels):3d} rows, of each species {np.bincount(labels)}")
parts = (y_train, y_val, y_test)
assert [len(labels) for labels in parts] == [90, 30, 30], "every row is in one part"
assert all(np.ptp(np.bincount(labels)) == 0 for labels in parts), (
    "a stratified split keeps the shares of the classes"
)

# %% [markdown]
# The shares of the classes are the same in each part: the split is *stratified*. It matters most where a class is rare.
# Here 10 of 200 rows have a rare disease. We split them 2000 times, 50 rows for the test, and count
# the rare ones in the test part. If chance alone decides, the probability of having *none* of them there is
#
# $$P(0) = \binom{190}{50} \Big/ \binom{200}{50}$$

# %%
from math import comb

from tinygrad_mlp.data import split_indices

rng = np.random.default_rng(SEED)
disease = np.zeros(200, dtype=int)
disease[:10] = 1


def rare_in_test(stratify):
    """How many of the rare rows are in the test part, in 2000 splits."""
    splits = [split_indices(disease, 50, stratify=stratify, rng=rng) for _ in range(2000)]
    return np.array([disease[test].sum() for _, test in splits])


by_chance, stratified = rare_in_test(False), rare_in_test(True)
none = comb(190, 50) / comb(200, 50)
print(f"by chance:  {by_chance.min()} to {by_chance.max()} rare rows in the test part")
print(f"            none in {np.mean(by_chance == 0):.1%} of the splits, P(0) = {none:.1%}")
print(f"stratified: {stratified.min()} to {stratified.max()} rare rows")
assert abs(np.mean(by_chance == 0) - none) < 0.025, "the splits follow the formula"
assert set(stratified) <= {2, 3}, "stratified, the test part has 2 or 3 of the 10 rare rows"

# %% [markdown]
# ## Scaling
#
# The same four lengths, but one of them is written in micrometers instead of centimeters: the numbers are
# 10,000 times as large. For a botanist nothing has changed. For gradient descent much has: the gradient of a weight is
# multiplied by its input. Standardizing takes the unit away. For each column, with its mean $m$ and its standard deviation $s$,
#
# $$z = \frac{x - m}{s}$$

# %%
import viz
from tinygrad_mlp.data import StandardScaler

to_micrometers = np.array([1.0, 1.0, 1.0, 10_000.0])
scaler = StandardScaler().fit(X_train * to_micrometers)
for name, m, s in zip(iris.feature_names, scaler.mean_, scaler.scale_):
    print(f"m = {m:8.2f}, s = {s:7.2f}  {name}")


def train_with(prepare, rate):
    """The history of a network that gets the rows from ``prepare``."""
    return fit(
        MLP(4, [8, 3], activation="tanh", rng=SEED),
        prepare(X_train * to_micrometers),
        y_train,
        epochs=60,
        batch_size=15,
        learning_rate=rate,
        validation_data=(prepare(X_val * to_micrometers), y_val),
        rng=SEED,
        log_every=None,
    )


def as_they_are(rows):
    return rows


runs = {f"raw, rate {rate}": train_with(as_they_are, rate) for rate in (0.1, 0.001)}
runs["standardized, rate 0.1"] = train_with(scaler.transform, 0.1)
for name, history in runs.items():
    print(f"right in the validation part {history.validation_accuracy[-1]:5.0%}  {name}")
*raw, scaled = [history.validation_accuracy[-1] for history in runs.values()]
assert scaled >= 0.8, "with standardized columns the network learns"
assert max(raw) < scaled, "with one column in micrometers it is behind, at both rates"

# %%
losses = {name: {"loss": history.loss} for name, history in runs.items()}
viz.plots.loss_curve(losses, title="One column in micrometers")

# %% [markdown]
# A scaler is *fitted* too: it has learned $m$ and $s$ from rows. Fit it on the training part alone and use the same numbers for the
# other parts. So the mean of a standardized test column is not 0, and should not be:

# %%
means = scaler.transform(X_test * to_micrometers).mean(axis=0)
print("means of the test part: ", means.round(3))
by_hand = (X_test * to_micrometers - scaler.mean_) / scaler.scale_
assert np.abs(means - by_hand.mean(axis=0)).max() < 1e-12, (
    "the formula, with the training m and s"
)
assert np.abs(means).max() > 0.01, "the test part has another mean than the training part"

# %% [markdown]
# What does it cost to fit the scaler on *all* rows? The textbook forbids it. We measure it, in 10 splits of the flowers. Then we
# write *one* row of the test part in micrometers, as happens in real tables, and measure again. Accuracy
# is that of the other test rows.


# %%
def accuracies(split, with_error):
    """Of one split: with a scaler of the training part, and with one of all rows."""
    a, b, y_a, y_b = train_test_split(X, y, rng=1000 * SEED + split)
    clean, y_clean = b[1:].copy(), y_b[1:]
    if with_error:
        b[0] *= 10_000
    found = []
    for rows in (a, np.concatenate([a, b])):
        own = StandardScaler().fit(rows)
        network = MLP(4, [8, 3], activation="tanh", rng=SEED)
        fit(network, own.transform(a), y_a, epochs=20, batch_size=16, **quiet)
        found.append(accuracy(network, own.transform(clean), y_clean))
    return found


for with_error in (False, True):
    found = np.array([accuracies(split, with_error) for split in range(10)])
    name = "one wrong row" if with_error else "as they are"
    of_training, of_all = found.mean(axis=0)
    print(f"{name}: scaler of training {of_training:.1%}, of all {of_all:.1%}")
    if with_error:
        assert of_training > of_all + 0.2, (
            "one wrong test row can spoil the scaler of all rows"
        )
    else:
        assert of_training > 0.9, "with its own scaler the network learns"
        assert abs(of_training - of_all) < 0.01, "here a scaler of all rows changes nothing"

# %% [markdown]
# The first line is the truth about this leak: with many rows that are alike, the two scalers have nearly the same numbers, and it
# does not show. The second line is the reason for the rule. A row that should play no part has changed the training. And you
# cannot know beforehand which case is yours, while obeying the rule costs nothing.
#
# ## Leaks that do show
#
# For a leak we need data on which nobody can be good. So the labels of this section are thrown with a coin: whatever a network
# does, *on average it is right in half of the new rows*. What is above one half, averaged over many tables, is a leak.
#
# **Leak 1: choose the features with all rows.** 80 rows with 1000 columns of noise. We keep the 10 columns whose correlation
# with the label is largest, and train one neuron on them. The only difference is the rows that choose.

# %%
from tinygrad_mlp import predict

rng = np.random.default_rng(SEED)
found = {}


def keep(name, share):
    found.setdefault(name, []).append(share)


def show(*names):
    for name in names:
        print(f"{np.mean(found[name]):6.1%}  {name}")


def best_ten(rows, labels):
    """The ten columns with the largest correlation with the label."""
    centered = rows - rows.mean(axis=0)
    correlation = (labels - labels.mean()) @ centered / np.sqrt((centered**2).sum(axis=0))
    return np.argsort(-np.abs(correlation))[:10]


for _ in range(30):
    noise, coin = rng.normal(size=(80, 1000)), rng.integers(0, 2, size=80)
    train, test = split_indices(coin, 30, rng=rng)
    for name, rows in (("all rows", np.arange(80)), ("training rows", train)):
        columns = best_ten(noise[rows], coin[rows])
        neuron = MLP(10, [1], rng=SEED)
        fit(neuron, noise[train][:, columns], coin[train], epochs=50, **quiet)
        share = accuracy(neuron, noise[test][:, columns], coin[test])
        keep(f"features chosen with {name}", share)

show(*found)
assert np.mean(found["features chosen with all rows"]) > 0.7, (
    "features that are chosen with the test rows make a coin look predictable"
)
assert abs(np.mean(found["features chosen with training rows"]) - 0.5) < 0.08, (
    "chosen with the training rows they do not"
)

# %% [markdown]
# The weights of the neuron have never seen a test row. The *choice* has: among 1000 columns of noise some go along with the
# coin in all 80 rows by accident, and those were taken.
#
# **Leak 2: the same row in both parts.** Each of 60 rows stands in the table twice, as it happens when tables are joined. Once we split
# the rows of the table, and once the 60 originals, so that both copies are in one part.

# %%
for _ in range(30):
    originals, coin = rng.normal(size=(60, 5)), rng.integers(0, 2, size=60)
    table, labels = np.repeat(originals, 2, axis=0), np.repeat(coin, 2)
    by_row = split_indices(labels, 30, rng=rng)
    by_original = [np.append(2 * k, 2 * k + 1) for k in split_indices(coin, 15, rng=rng)]
    for name, (train, test) in (("rows", by_row), ("originals", by_original)):
        network = MLP(5, [32, 1], activation="tanh", rng=SEED)
        settings = {**quiet, "epochs": 100, "learning_rate": 0.05}
        fit(network, table[train], labels[train], **settings)
        keep(f"{name} split, training part", accuracy(network, table[train], labels[train]))
        keep(f"{name} split, test part", accuracy(network, table[test], labels[test]))

names = [name for name in found if "split" in name]
show(*names)
assert np.mean(found["originals split, training part"]) > 0.95, (
    "a network of 32 hidden units learns the coins of the training part by heart"
)
assert np.mean(found["rows split, test part"]) > 0.75, (
    "copies of training rows look like skill"
)
assert abs(np.mean(found["originals split, test part"]) - 0.5) < 0.1, (
    "with both copies in one part the network knows nothing"
)

# %% [markdown]
# The rows of the training part are no measure at all: the network is right about nearly all of them, and knows nothing.
#
# **Leak 3: choose the epoch with the test part.** A network trains for 100 epochs, and its accuracy on the test part is written down after
# each. Somebody reports the best. Beside it stands the honest way: the *validation* part chooses the epoch, and the test part is looked
# at in this epoch only.

# %%
for _ in range(30):
    noise, coin = rng.normal(size=(110, 5)), rng.integers(0, 2, size=110)
    rest, test = split_indices(coin, 30, rng=rng)
    train, val = (rest[part] for part in split_indices(coin[rest], 30, rng=rng))
    on = {}
    for name, part in (("validation", val), ("test", test)):
        network = MLP(5, [8, 1], activation="tanh", rng=SEED)  # the same both times
        settings = {**quiet, "epochs": 100, "learning_rate": 0.03}
        settings["validation_data"] = (noise[part], coin[part])
        history = fit(network, noise[train], coin[train], **settings)
        on[name] = history.validation_accuracy
    keep("epoch chosen by the test part", max(on["test"]))
    keep("epoch chosen by the validation part", on["test"][np.argmax(on["validation"])])

show("epoch chosen by the test part", "epoch chosen by the validation part")
assert np.mean(found["epoch chosen by the test part"]) > 0.57, (
    "the best of many epochs on the test part is better than the truth"
)
assert abs(np.mean(found["epoch chosen by the validation part"]) - 0.5) < 0.08, (
    "an epoch that the validation part chooses is as good as the truth"
)

# %% [markdown]
# The three leaks in one picture. A dot is one table, darker where several agree; orange is with the leak, blue without it.

# %%
import matplotlib.pyplot as plt

labels = {
    "features chosen with all rows": "features: all rows",
    "features chosen with training rows": "features: training rows",
    "rows split, test part": "copies: in both parts",
    "originals split, test part": "copies: in one part",
    "epoch chosen by the test part": "epoch: by the test part",
    "epoch chosen by the validation part": "epoch: by the validation part",
}
figure, axes = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for place, name in enumerate(labels):
    color = ("C1", "C0")[place % 2]
    axes.plot(found[name], [place] * 30, "o", color=color, alpha=0.25)
    axes.plot(np.mean(found[name]), place, "|", color=color, ms=24, mew=3)
axes.axvline(0.5, color="gray", lw=1)
axes.set_yticks(range(len(labels)), labels.values())
axes.invert_yaxis()
_ = axes.set(xlabel="accuracy on a coin; the bar is the mean of 30 tables", xlim=(0, 1.03))

# %% [markdown]
# The kind of leak is always the same: *something that was chosen has seen the test rows*: weights, features, an epoch, a scaler. So split first,
# and do everything else on the training part.
#
# ## What a test part is worth
#
# An honest accuracy is still a measurement, with chance in it. If the network is right about a new row with probability $p$, the number of
# right answers among $n$ rows is binomial. With the measured share $q$ the simple interval of 95 % is
#
# $$q \pm 1.96 \sqrt{\frac{q (1 - q)}{n}}$$
#
# Wilson's interval (1927) is a little longer to write and holds for shares near 1 too:
#
# $$\frac{1}{1 + c^2 / n} \left( q + \frac{c^2}{2n} \pm c \sqrt{\frac{q (1 - q)}{n} + \frac{c^2}{4 n^2}} \right), \quad c = 1.96$$
#
# We train a network on 500 digits, and take the other 1297 as "the world", where we know $p$. Then we draw 4000 test parts
# of $n$ rows from it and count how many of the intervals hold $p$.

# %%
from tinygrad_mlp.data import load_digits


def simple(q, n):
    half = 1.96 * np.sqrt(q * (1 - q) / n)
    return q - half, q + half


def wilson(q, n):
    c = 1.96
    center = (q + c**2 / (2 * n)) / (1 + c**2 / n)
    half = c * np.sqrt(q * (1 - q) / n + c**2 / (4 * n**2)) / (1 + c**2 / n)
    return center - half, center + half


digits = load_digits()
pictures = digits.X / 16.0  # one number for all pixels, known before any row is seen
train, world = split_indices(digits.y, 1297, rng=SEED)
reader = MLP(64, [16, 10], rng=SEED)
fit(reader, pictures[train], digits.y[train], epochs=20, batch_size=32, **quiet)
is_right = predict(reader, pictures[world]) == digits.y[world]
p = is_right.mean()
print(f"p = {p:.1%}")

rng = np.random.default_rng(SEED)
covers = {}
for n in (50, 200, 1000):
    q = rng.choice(is_right, size=(4000, n)).mean(axis=1)
    for name, ends in (("simple", simple(q, n)), ("Wilson", wilson(q, n))):
        covers[name, n] = np.mean((ends[0] <= p) & (p <= ends[1]))
        half = np.mean(ends[1] - ends[0]) / 2
        points, held = 100 * half, covers[name, n]
        print(f"n = {n:4d} {name}: +- {points:4.1f} points, holds p in {held:.1%}")
    assert 0.92 < covers["Wilson", n] < 0.99, (
        "Wilson's interval holds p about as often as it says"
    )
assert covers["simple", 50] < covers["Wilson", 50], "the simple one holds it less often"

# %% [markdown]
# Fifty test rows leave an uncertainty of several points. Such a part can hardly tell two networks apart that
# differ by two points. And the uncertainty shrinks with $\sqrt{n}$ only: for half of it you need four times as many rows.
#
# In the picture, 100 test parts of 200 rows, each with Wilson's interval. An interval of 95 % may miss the truth,
# the gray line, in about 5 of 100 cases. These are drawn in orange:

# %%
q = rng.choice(is_right, size=(100, 200)).mean(axis=1)
low, high = wilson(q, 200)
figure, axes = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
for place in range(100):
    missed = not low[place] <= p <= high[place]
    axes.plot([place, place], [low[place], high[place]], color="C1" if missed else "C0")
axes.plot(q, "k.", ms=3)
axes.axhline(p, color="gray", lw=1)
_ = axes.set(xlabel="test part", ylabel="accuracy", ylim=(None, 1.02))

# %% [markdown]
# A table of 150 flowers has no 1000 rows to spare. *Cross-validation* makes every row a test row once: split the rows into five folds, train
# five networks, each without one fold, and test each on the fold that it has not seen. Each network has its own scaler. The price is five
# trainings; what one gets is an accuracy that depends less on the luck of a split:

# %%
from tinygrad_mlp.data import k_fold


def accuracy_on(train, test):
    own = StandardScaler().fit(X[train])
    network = MLP(4, [8, 3], activation="tanh", rng=SEED)
    fit(network, own.transform(X[train]), y[train], epochs=20, batch_size=16, **quiet)
    return accuracy(network, own.transform(X[test]), y[test])


single, crossed = [], []
for repeat in range(10):
    folds = list(k_fold(X, y, n_folds=5, rng=1000 * SEED + repeat))
    shares = [accuracy_on(train, test) for train, test in folds]
    single.append(shares[0])
    crossed.append(np.mean(shares))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(150)), (
        "every row is a test row once"
    )
for name, shares in (("one split  ", single), ("five folds ", crossed)):
    print(f"{name} {min(shares):.1%} to {max(shares):.1%} in ten repeats")
assert np.std(crossed) < np.std(single), "five folds depend less on luck than one split"

# %% [markdown]
# ## Words and classes
#
# A network takes numbers. For the *labels*, `fit` does the work: give it the words, and `predict` returns words.

# %%
species = np.array(iris.target_names)[y_train]
by_name = MLP(4, [8, 3], activation="tanh", rng=SEED)
own = StandardScaler().fit(X_train)
fit(by_name, own.transform(X_train), species, epochs=50, batch_size=15, **quiet)
answers = predict(by_name, own.transform(X_test[:4]))
print(answers)
assert set(answers) <= set(species), "a network that has learned words answers in words"

# %% [markdown]
# A *feature* that is a word is another matter. Numbering the words says that the second lies between the first and the third. One
# column for each word, 1 where it is this word and 0 elsewhere, says only that they differ: *one-hot*. Here are rents in three towns.
# The town in the middle of the alphabet is the dearest. One neuron without an activation learns the rent from the town:

# %%
from tinygrad_mlp.data import encode_labels, one_hot

rng = np.random.default_rng(SEED)
true_rent = {"Aby": 6.0, "Bergen": 15.0, "Celle": 8.0}
town = np.repeat(list(true_rent), 40)
rent = np.array([true_rent[name] for name in town]) + rng.normal(size=120)
code, towns = encode_labels(town)
print(dict(zip(towns.tolist(), range(3))), one_hot([0, 1, 2]).tolist())

errors = {}
for name, features in (("a number", code[:, np.newaxis] - 1.0), ("one-hot", one_hot(code))):
    linear = MLP(features.shape[1], [1], rng=SEED)
    fit(linear, features, rent, epochs=500, loss="mse", rng=SEED, log_every=None)
    errors[name] = np.mean((predict(linear, features) - rent) ** 2)
    print(f"{name:9s} mean squared error {errors[name]:6.2f}, answers", end=" ")
    print(predict(linear, features)[::40].round(1))
within = np.mean([rent[code == k].var() for k in range(3)])
assert abs(errors["one-hot"] - within) < 0.01, "one-hot reaches the mean of every town"
assert errors["a number"] > 5 * errors["one-hot"], "a number forces the towns onto a line"

# %%
viz.draw(linear(one_hot([1], n_classes=3)[0].tolist()), style="slide")

# %% [markdown]
# The picture shows it for Bergen: one input is 1, and *its* weight and the bias are the rent.
#
# ## Shuffle in every epoch too
#
# After the split the training rows may still be sorted, for instance if they were read class by class. Most mini-batches then hold a single
# class, and the last steps of an epoch teach one class alone. `fit` shuffles before every epoch; here we switch it off. 500
# digits, sorted from 0 to 9, batches of 10, and three splits:

# %%
last_answers = []
for split in range(3):
    train, test = split_indices(digits.y, 1297, rng=1000 * SEED + split)
    train = train[np.argsort(digits.y[train], kind="stable")]
    for shuffle in (False, True):
        network = MLP(64, [16, 10], rng=SEED)
        settings = {
            "epochs": 10,
            "batch_size": 10,
            "learning_rate": 0.1,
            "shuffle": shuffle,
        }
        fit(network, pictures[train], digits.y[train], rng=SEED, log_every=None, **settings)
        keep(f"shuffle={shuffle}", accuracy(network, pictures[test], digits.y[test]))
        if not shuffle:
            last_answers.append(np.mean(predict(network, pictures[test]) >= 8))

show("shuffle=False", "shuffle=True")
print(f"{np.mean(last_answers):6.1%}  answers 8 or 9 after shuffle=False")
assert min(found["shuffle=True"]) > max(found["shuffle=False"]) + 0.2, (
    "sorted mini-batches spoil the training"
)
assert min(last_answers) > 0.4, "it gives the classes that it saw last too often"

# %% [markdown]
# | step | with which rows |
# |---|---|
# | shuffle and split, stratified; copies and relatives stay together | all |
# | means and deviations, chosen features, words and their numbers | training |
# | weights | training, shuffled in every epoch |
# | settings, number of epochs | validation |
# | one accuracy, with its interval | test, once |
#
# ## Exercises
#
# ### Exercise 1
#
# A network is right in 95 % of the cases. How many test rows do you need to know this to one point up
# or down, by the simple interval of 95 %?

# %% [markdown] tags=["answer"]
# Solve $1.96 \sqrt{q (1 - q) / n} = 0.01$ for $n$:
#
# $$n = \frac{1.96^2 \, q (1 - q)}{0.01^2}$$

# %% tags=["answer"]
n = int(np.ceil(1.96**2 * 0.95 * 0.05 / 0.01**2))
low, high = simple(0.95, n)
print(n, "rows:", round(low, 4), "to", round(high, 4))
assert 0.0099 < (high - low) / 2 <= 0.01, "exercise 1: one point up or down"

# %% [markdown]
# ### Exercise 2
#
# Of each of 40 patients there are 5 rows. Split them so that no patient is in both parts.

# %% [markdown] tags=["answer"]
# Split the *patients*, then take their rows. Rows of one person are alike, so they are relatives of copies (leak 2).

# %% tags=["answer"]
patient = np.repeat(np.arange(40), 5)
train_patients, test_patients = split_indices(np.arange(40), 10, stratify=False, rng=SEED)
train, test = np.isin(patient, train_patients), np.isin(patient, test_patients)
print(train.sum(), "training rows and", test.sum(), "test rows")
assert train.sum() == 150 and test.sum() == 50, "exercise 2: every row is in one part"
assert not set(patient[train]) & set(patient[test]), "exercise 2: no patient is in both"

# %% [markdown]
# ### Exercise 3
#
# A standardized length is $z = 0$. What was it in centimeters? And $z = 1$?

# %% [markdown] tags=["answer"]
# $x = m + s z$: the mean of the training part, and one standard deviation more.

# %% tags=["answer"]
back = own.inverse_transform([[0.0] * 4, [1.0] * 4])
print(back.round(2))
assert np.abs(back[0] - X_train.mean(axis=0)).max() < 1e-12, "exercise 3: the mean"
assert np.abs(back[1] - back[0] - X_train.std(axis=0)).max() < 1e-12, "exercise 3: s more"

# %% [markdown]
# ### Exercise 4
#
# 5 % of the rows have the disease. Somebody's network is right in 95 % of the test rows. Is it good?

# %% [markdown] tags=["answer"]
# Not better than a stone: always answering "healthy" is right as often, and finds nobody.

# %% tags=["answer"]
stone = np.zeros(200, dtype=int)
print(f"right {np.mean(stone == disease):.0%}, found {stone[disease == 1].sum()} of 10")
assert np.mean(stone == disease) == 0.95, "exercise 4: the most frequent answer"
