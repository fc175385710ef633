# %% [markdown]
# # In scikit-learn's world: the same script, and a look inside
#
# Much work with networks is written for scikit-learn: its pipelines, its measures, its search. You learn to put the network
# of this package into such a script by changing one line, to judge a classifier by more than its accuracy, and to look into
# what it computes. Expect the same numbers as scikit-learn's, in less time, and an accuracy that says less than its digits.
#
# ## One script, twice
#
# This is a script as many courses have it: 1000 samples with 10 features are made, a fifth of them is held out, the features are
# scaled, and a network with ten hidden neurons learns. Only the line of the import differs:
#
# ```python
# from sklearn.neural_network import MLPClassifier   # before
# from tinygrad_mlp.estimators import MLPClassifier  # after
# ```
#
# To compare them, we import both.

# %%
import time

import numpy as np
from sklearn import neural_network
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import viz
from tinygrad_mlp.estimators import MLPClassifier

X, y = make_classification(n_samples=1000, n_features=10, random_state=42)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
scaler = StandardScaler().fit(X_train)
scaled_train, scaled_test = scaler.transform(X_train), scaler.transform(X_test)

settings = {
    "hidden_layer_sizes": (10,),
    "activation": "relu",
    "solver": "adam",
    "learning_rate_init": 0.01,
    "max_iter": 1000,
}


def timed(classifier):
    begin = time.perf_counter()
    classifier.fit(scaled_train, y_train)
    return classifier, time.perf_counter() - begin


theirs, their_seconds = timed(neural_network.MLPClassifier(**settings, random_state=42))
ours, our_seconds = timed(MLPClassifier(**settings, random_state=42))

print("               accuracy      loss  epochs")
for name, found in (("scikit-learn", theirs), ("this package", ours)):
    accuracy = found.score(scaled_test, y_test)
    print(f"{name:13s}{accuracy:10.3f}{found.loss_:10.5f}{found.n_iter_:8d}")

assert ours.n_iter_ == theirs.n_iter_, "both train for the same number of epochs"
assert (ours.predict(scaled_test) == theirs.predict(scaled_test)).all(), (
    "both give the same answer for every test sample"
)
curves = np.array(ours.loss_curve_), np.array(theirs.loss_curve_)
assert np.allclose(*curves, rtol=1e-8, atol=0), "the losses of all epochs agree"

# %%
histories = {"scikit-learn": theirs, "this package": ours}
histories = {name: {"loss": found.loss_curve_} for name, found in histories.items()}
viz.plots.loss_curve(histories, title="Two libraries, one curve", style="slide")

# %% [markdown]
# The two curves lie on one another. This is no chance: from the same `random_state` come the same first weights and the same
# order of the samples, and the steps follow the same formulas. What is left is rounding:

# %%
differences = np.abs(curves[0] / curves[1] - 1)
print(f"largest relative difference of a loss: {differences.max():.0e}")

# %% [markdown]
# The times of this run, on one core or more. The networks are small, so most of the time is not arithmetic but
# what lies between two operations; a compiled program (chapter 17) has less of it.

# %% tags=["measured"]
print(f"scikit-learn: {their_seconds:.2f} s, this package: {our_seconds:.2f} s")
print(f"this package is {their_seconds / our_seconds:.1f} times as fast")

# %% [markdown]
# Does this hold for one `random_state` only? Here are ten others, in short trainings: with a larger `tol`, the least improvement
# that counts as one, a training ends earlier.

# %%
states = range(10)
for state in states:
    short = {**settings, "tol": 1e-2, "random_state": state}
    one = neural_network.MLPClassifier(**short).fit(scaled_train, y_train)
    other = MLPClassifier(**short).fit(scaled_train, y_train)
    assert one.n_iter_ == other.n_iter_, "the same epochs for every random state"
    assert np.allclose(one.loss_curve_, other.loss_curve_, rtol=1e-8, atol=0), (
        "the same losses for every random state"
    )
    assert (one.predict(scaled_test) == other.predict(scaled_test)).all(), (
        "the same answers for every random state"
    )
print("the same epochs, losses and answers for", len(states), "random states")

# %% [markdown]
# ## What is the accuracy worth?
#
# The script prints an accuracy with three digits. Change nothing but the `random_state` of the network; then change nothing but
# the `random_state` of the split, which says what is held out.

# %%
from sklearn.pipeline import make_pipeline


def share_of_right_answers(split_state, state):
    train, test, labels, test_labels = train_test_split(
        X, y, test_size=0.2, random_state=split_state
    )
    network = MLPClassifier(**settings, random_state=state)
    return (
        make_pipeline(StandardScaler(), network).fit(train, labels).score(test, test_labels)
    )


share = share_of_right_answers(42, 42)
by_network = [share_of_right_answers(42, state) for state in range(6)]
by_split = [share_of_right_answers(state, 42) for state in range(6)]
for name, shares in (("other networks", by_network), ("other splits", by_split)):
    print(f"{name:15s}", *(f"{each:.3f}" for each in shares), end="")
    print(f"   mean {np.mean(shares):.3f}, standard deviation {np.std(shares, ddof=1):.3f}")
error = np.sqrt(share * (1 - share) / len(y_test))
print(f"the script {share:.3f}, by the formula +- {error:.3f}")

assert share == ours.score(scaled_test, y_test), "the pipeline is the script in one line"
assert share >= max(by_network), "none of six other networks is better than the script's"
assert share > np.mean(by_split), "the script is better than the mean of six other splits"
assert np.std(by_split) > 2 * np.std(by_network), (
    "what is held out changes the accuracy more than the first weights do"
)

# %% [markdown]
# The script's numbers are lucky ones. The larger doubt comes from the test samples: with $n$ of them, an accuracy $a$ has about
# the standard error $\sqrt{a (1 - a) / n}$, since others could have been held out. So the third digit says nothing, and the second one
# little. Do not compare two networks by them.
#
# ## Precision, recall, F1
#
# An accuracy counts both kinds of errors as one. With TP, FP and FN for true positives, false positives and false negatives:
#
# $$\text{precision} = \frac{TP}{TP + FP} \qquad \text{recall} = \frac{TP}{TP + FN}
# \qquad F_1 = \frac{2 \cdot \text{precision} \cdot \text{recall}}{\text{precision} + \text{recall}}$$
#
# Precision asks: of the samples that the network calls 1, how many are? Recall asks: of those that are 1, how many
# does it find? The functions of scikit-learn take the predictions of any classifier.

# %%
from sklearn.metrics import (
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

predicted = ours.predict(scaled_test)
counts = confusion_matrix(y_test, predicted)
(TN, FP), (FN, TP) = counts
precision, recall = TP / (TP + FP), TP / (TP + FN)
f1 = 2 * precision * recall / (precision + recall)
print(f"precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}")

assert precision == precision_score(y_test, predicted), "the formula of the precision"
assert recall == recall_score(y_test, predicted), "the formula of the recall"
assert abs(f1 - f1_score(y_test, predicted)) < 1e-12, "the formula of F1"
assert FN > FP, "in this run it misses more than it reports falsely"

# %%
viz.plots.confusion_table_plot(counts, ["0", "1"], title="The test samples")

# %% [markdown]
# ## The ROC curve
#
# `predict` says 1 where the probability is above 0.5. With a lower *threshold* it finds more of the ones, and calls more zeros
# a one. The ROC curve shows what all thresholds give: the share of the ones that are found (the recall) over the share of the
# zeros that are called 1. The area under it, AUC, is the probability that a random one gets a higher probability than
# a random zero.

# %%
import matplotlib.pyplot as plt

probabilities = ours.predict_proba(scaled_test)[:, 1]
false_alarms, found_ones, thresholds = roc_curve(y_test, probabilities)
auc = roc_auc_score(y_test, probabilities)

figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
axes.plot(false_alarms, found_ones, label=f"the network, AUC {auc:.3f}")
axes.plot([0, 1], [0, 1], "--", color="gray", label="guessing, AUC 0.5")
axes.plot(FP / (FP + TN), recall, "o", color="black", label="threshold 0.5")
axes.set(xlabel="zeros that are called 1", ylabel="ones that are found")
axes.legend(loc="lower right")
plt.show()

ones, zeros = probabilities[y_test == 1], probabilities[y_test == 0]
higher = np.mean(ones[:, None] > zeros) + 0.5 * np.mean(ones[:, None] == zeros)
print(f"a one has a higher probability than a zero in {higher:.1%} of all pairs")
assert abs(higher - auc) < 1e-12, "the area is the share of the pairs in the right order"

# %% [markdown]
# ## Pipeline and grid search
#
# Above, the scaler saw all training samples. In a cross-validation that would be a leak (chapter 1): the part on which a fold
# is measured must not have a say in the scaling. In a `Pipeline` scaler and network are one estimator: each fold scales anew.
# `GridSearchCV` tries every combination of settings, each on three folds. A setting is named by the step it belongs to, two
# underscores, and its name.

# %%
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline

grid = {"net__hidden_layer_sizes": [(4,), (10,)], "net__alpha": [1e-4, 1.0]}


def steps(kind):
    network = kind(**{**settings, "tol": 1e-3}, random_state=42)
    return Pipeline([("scale", StandardScaler()), ("net", network)])


search = GridSearchCV(steps(MLPClassifier), grid, cv=3).fit(X_train, y_train)
results = search.cv_results_
by_fold = np.array([results[f"split{fold}_test_score"] for fold in range(3)]).T
for setting, shares in zip(results["params"], by_fold):
    print(f"{shares.mean():.3f} |", *(f"{each:.3f}" for each in shares), "|", setting)
print("chosen:", search.best_params_)
print(f"on the test samples: {search.score(X_test, y_test):.3f}")

best = steps(neural_network.MLPClassifier).set_params(**search.best_params_)
assert (
    cross_val_score(best, X_train, y_train, cv=3) == by_fold[search.best_index_]
).all(), "scikit-learn's network gets the same score in each fold"
narrow, wide = by_fold[0::2], by_fold[1::2]
assert (narrow > wide).all(), "in every fold four neurons are ahead of ten"
assert np.ptp(by_fold.mean(axis=1)) < error, (
    "all settings lie within one standard error of a test"
)
assert search.score(X_test, y_test) < share, (
    "what was chosen is behind the script on the test samples"
)

# %% [markdown]
# In every fold, four neurons are a little ahead of ten: since the folds are the same for all settings, compare *in pairs*. But all
# settings together differ by less than the standard error above, and on the test samples the chosen one is *behind* the
# script. That is no fault of the search: it says what is best on average over three folds, in trainings that a larger `tol`
# makes short, and the script was lucky with its test samples. Chapter 18 shows how to report a search.
#
# ## Beyond: see a prediction
#
# Up to here both libraries do the same. From here on, one line more shows what happens inside. `graph(row)` gives the
# prediction for one sample as a graph of Values, to draw and to step through:

# %%
row = scaled_test[0]
(probability,) = ours.graph(row)
by_predict = ours.predict_proba([row])[0, 1]
print(f"by the graph {probability.data:.12f}, by predict_proba {by_predict:.12f}")
assert abs(probability.data - by_predict) < 1e-12, "the graph computes the prediction"

viz.draw(probability, style="slide")

# %% [markdown]
# Step through it: each step shows the formula and the numbers. Here are the first two steps and the last two.

# %%
from tinygrad_mlp.debug import trace_forward

steps = trace_forward(probability, names="math")
print(len(steps), "steps")
for step in (*steps[:2], *steps[-2:]):
    print(step)

assert steps[-1].node is probability, "the last step gives the probability"

# %% [markdown]
# The way back gives, by the chain rule, how the probability of this sample would change with each feature:

# %%
from tinygrad_mlp import Value, grad

features = [Value(x, label=f"x_{i}") for i, x in enumerate(row, start=1)]
(probability,) = ours.to_mlp().forward(features)
slopes = np.array(grad(probability, features))
for feature, slope in zip(features, slopes):
    print(f"{feature.label:5s} {slope:+.3f}")

h = 1e-5
moved = ours.predict_proba(np.vstack([row + h * np.eye(10), row - h * np.eye(10)]))[:, 1]
assert np.allclose(slopes, (moved[:10] - moved[10:]) / (2 * h), rtol=0, atol=1e-8), (
    "a small change of each feature gives the same slopes"
)

# %% [markdown]
# ## Beyond: why this answer
#
# A slope says what a *small* change would do. Shapley values (chapter 20) say what each feature brings, compared with a *background*:
# here a hundred training samples. `explain` asks the whole pipeline, so the numbers are those before the scaling.

# %%
from tinygrad_mlp.estimators import explain

whole = make_pipeline(StandardScaler(), MLPClassifier(**settings, random_state=42))
whole.fit(X_train, y_train)
found = explain(whole, X_test[:1], background=X_train[:100], target=1)
print(found)

total = found.base_values[0] + found.values[0].sum()
assert abs(total - whole.predict_proba(X_test[:1])[0, 1]) < 1e-12, (
    "the mean and the parts of all features add up to the probability"
)
sizes = np.abs(found.values[0])
steepest = np.abs(slopes).argmax()
assert sizes.argmax() == np.abs(slopes).argmin(), (
    "in this run the feature that brings most has the smallest slope"
)
assert sizes[steepest] < sizes.max() / 5, "and the one with the largest slope brings little"

# %% [markdown]
# scikit-learn counts features from 0: its x0 is $x_1$ of the drawing. Look at it in both lists: it brings more than
# any other feature, and its slope is the smallest of all. The two questions differ: near this sample it hardly matters what
# the feature is, but it matters that it is not as in the background.
#
# ## Beyond: the loss on what is held out
#
# With `early_stopping=True` both libraries hold a part of the training samples out, and stop when its accuracy gets no better. This
# package keeps its *loss* too, as `validation_loss_curve_`. A wide network shows why one wants to see it:

# %%
wide_settings = {
    **settings,
    "hidden_layer_sizes": (64,),
    "early_stopping": True,
    "n_iter_no_change": 60,
}
networks = [
    MLPClassifier(**wide_settings, random_state=state).fit(scaled_train, y_train)
    for state in range(10)
]
rises = []
for network in networks:
    losses = np.array(network.validation_loss_curve_)
    rises.append(losses[-1] / losses.min() - 1)
    assert network.loss_curve_[-1] < network.loss_curve_[losses.argmin()], (
        "the training loss still falls"
    )
    assert max(network.validation_scores_) == network.best_validation_score_, (
        "the weights of the best validation accuracy are kept"
    )
print("the validation loss at the end, above its lowest:", *(f"{x:+.0%}" for x in rises))
assert np.mean(rises) > 0.1, (
    "on average over ten networks the validation loss has risen again"
)

shown = networks[int(np.argmax(rises))]
history = {
    "loss": shown.loss_curve_,
    "validation_loss": shown.validation_loss_curve_,
    "validation_accuracy": shown.validation_scores_,
}
viz.plots.loss_curve(history, title="Held out: the loss rises", style="slide")

# %% [markdown]
# The picture is the one of ten with the largest rise. The training loss falls on; the loss on what is held out has turned long
# ago: the network becomes too sure of its wrong answers. The accuracy does not show it, since it asks only on which
# side of 0.5 a probability lies.
#
# ## Beyond: what the hidden neurons do
#
# `activations(X)` gives the outputs of every layer. A relu neuron that is 0 for all samples is dead (chapter 3):

# %%
hidden, outputs = ours.activations(scaled_test)
active = np.mean(hidden > 0, axis=0)
print("active for a share of the samples:", *(f"{each:.0%}" for each in active))
assert hidden.shape == (200, 10) and (outputs == probabilities[:, None]).all(), (
    "the last layer is the probability"
)
assert active.min() > 0, "in this run no hidden neuron is dead"

z = hidden @ ours.coefs_[1] + ours.intercepts_[1]
assert np.allclose(1 / (1 + np.exp(-z)), outputs, rtol=0, atol=1e-12), (
    "the output layer is a logistic regression on the hidden neurons"
)

# %%
order = np.argsort(probabilities)[np.linspace(0, 199, 12).astype(int)]
viz.plots.activation_map(
    {"hidden": hidden[order], "output": outputs[order]},
    sample_names=[f"{each:.2f}" for each in probabilities[order]],
    title="Twelve test samples, by their probability",
)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# A test for an illness should miss at most 5 % of the ill (the ones). Which threshold gives a recall of at least 0.95 with the
# best precision? What does it cost?

# %% [markdown] tags=["answer"]
# Go through all thresholds of the ROC curve; keep those whose recall is high enough. It costs precision.

# %% tags=["answer"]
best_threshold, best_precision = None, 0.0
for threshold in thresholds[1:]:
    chosen = probabilities >= threshold
    if (
        recall_score(y_test, chosen) >= 0.95
        and precision_score(y_test, chosen) > best_precision
    ):
        best_threshold, best_precision = threshold, precision_score(y_test, chosen)
print(
    f"threshold {best_threshold:.3f}: precision {best_precision:.3f} (before {precision:.3f})"
)
assert best_threshold < 0.5, "exercise 1: the threshold is lower than 0.5"
assert best_precision < precision, "exercise 1: it costs precision"

# %% [markdown]
# ### Exercise 2
#
# What are precision, recall and F1 of a classifier that always says 1? What is its AUC?

# %% [markdown] tags=["answer"]
# It finds all ones: recall 1. Its precision is the share $p$ of the ones, so $F_1 = 2 p / (p + 1)$, which looks not bad at
# all. It gives all samples the same probability, so each pair is a draw: AUC 0.5.

# %% tags=["answer"]
always = np.ones_like(y_test)
p = y_test.mean()
print(f"precision {p:.3f}, recall 1, F1 {2 * p / (p + 1):.3f}")
assert recall_score(y_test, always) == 1, "exercise 2: recall 1"
assert abs(precision_score(y_test, always) - p) < 1e-12, "exercise 2: the share of the ones"
assert abs(f1_score(y_test, always) - 2 * p / (p + 1)) < 1e-12, "exercise 2: F1"
assert roc_auc_score(y_test, always) == 0.5, "exercise 2: AUC 0.5"

# %% [markdown]
# ### Exercise 3
#
# How many parameters has the network of the script? Count them by hand, then in `coefs_` and `intercepts_`.

# %% [markdown] tags=["answer"]
# The hidden layer has $10 \cdot 10$ weights and 10 biases, the output 10 weights and one bias: two classes need one output.

# %% tags=["answer"]
n_parameters = sum(array.size for array in (*ours.coefs_, *ours.intercepts_))
print(n_parameters)
assert n_parameters == 10 * 10 + 10 + 10 * 1 + 1, "exercise 3: both counts"
assert n_parameters == len(ours.to_mlp().parameters()), "exercise 3: the MLP has as many"

# %% [markdown]
# ### Exercise 4
#
# Give the network two hidden layers of ten, the first with tanh, the second with relu, and dropout of 0.1. Which of these does
# scikit-learn's classifier take?

# %% [markdown] tags=["answer"]
# The sizes alone. It has one activation for all layers, and no dropout.

# %% tags=["answer"]
deep = MLPClassifier(
    [10, 10],
    ["tanh", "relu"],
    dropout=0.1,
    learning_rate_init=0.01,
    tol=1e-3,
    random_state=42,
)
deep.fit(scaled_train, y_train)
print(f"{deep.score(scaled_test, y_test):.3f} after {deep.n_iter_} epochs")
assert deep.score(scaled_test, y_test) > 0.75, "exercise 4: it learns"

refused = 0
for extra in ({"activation": ["tanh", "relu"]}, {"dropout": 0.1}):
    try:
        neural_network.MLPClassifier([10, 10], **extra).fit(scaled_train, y_train)
    except (TypeError, ValueError):
        refused += 1
assert refused == 2, "exercise 4: scikit-learn refuses both"
