"""Train a network to tell two crescents apart, and look at what it has learned.

Run it as ``python examples/train_moons.py OUT``; it writes its pictures into the folder OUT.
"""

from __future__ import annotations

# %% Points in two crescents: some to learn from, some to watch meanwhile, some for the test
import sys
from pathlib import Path

from tinygrad_mlp import (
    MLP,
    Value,
    accuracy,
    fit,
    load_weights,
    predict,
    predict_proba,
    save_weights,
)
from tinygrad_mlp.data import make_moons, train_test_split
from tinygrad_mlp.losses import binary_cross_entropy_with_logits
from tinygrad_mlp.optim import Adam
from tinygrad_mlp.training import EarlyStopping, confusion_table
from viz import draw
from viz.plots import decision_boundary, loss_curve

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "train_moons_output")

X, y = make_moons(300, noise=0.2, rng=0)
X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=100, rng=0)
X_train, X_watch, y_train, y_watch = train_test_split(X_rest, y_rest, test_size=50, rng=0)

# %% A network: two inputs, two hidden layers, one output
model = MLP(2, [16, 16, 1], activation="tanh", rng=0)
print(model)
print(len(model.parameters()), "parameters")

# %% The loop that fit goes through, for three steps by hand, on all samples at once
optimizer = Adam(model.parameters(), learning_rate=0.02)
for step in range(3):
    logits = [model(x) for x in X_train]
    loss = binary_cross_entropy_with_logits(logits, y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step}: loss {loss.data:.4f}")

# %% fit does the same in mini-batches, until the samples that it watches get no better
history = fit(
    model,
    X_train,
    y_train,
    epochs=200,
    batch_size=16,
    optimizer=optimizer,
    schedule="cosine",
    validation_data=(X_watch, y_watch),
    callbacks=[EarlyStopping(patience=50)],
    rng=0,
    log_every=20,
)
print(history)
loss_curve(history, folder / "loss.svg")

# %% How good is it?
print(f"accuracy on samples that it has never seen: {accuracy(model, X_test, y_test):.3f}")
print(confusion_table(y_test, predict(model, X_test)))
print("probabilities of the first three:", predict_proba(model, X_test[:3]).round(3).tolist())
decision_boundary(model, X_test, y_test, folder / "decision_boundary.svg")

# %% The graph of one prediction of a small network, after backward, as a picture
small = MLP(2, [3, 1], activation="tanh", rng=0)
x = [Value(number, label=f"x{i}") for i, number in enumerate(X_test[0])]
loss = binary_cross_entropy_with_logits(small(x), Value(float(y_test[0]), label="target"))
loss.label = "loss"
loss.backward()
draw(loss, folder / "computation_graph.svg", parameters=small.parameters())

# %% Weights go to a file and come back; what the labels were goes with them
path = save_weights(model, folder / "weights.npz", extra={"data": "moons"})
other = MLP(2, [16, 16, 1], activation="tanh")
print("loaded:", load_weights(other, path))
print("the same answers:", bool((predict(other, X_test) == predict(model, X_test)).all()))
