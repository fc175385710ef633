"""First steps: numbers that remember where they came from, and the chain rule through them.

Run it as ``python examples/first_steps.py OUT``; it writes its drawings into the folder OUT.
"""

from __future__ import annotations

# %% A Value is a number that remembers the operation and the Values it was computed from
import sys
from pathlib import Path

import viz
from tinygrad_mlp import Value, check_gradients, topological_order

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "first_steps_output")

a = Value(2.0, label="a")
b = Value(-3.0, label="b")
product = a * b
total = product + 10.0
loss = total.tanh()
loss.label = "loss"

print("loss:", loss)
print("it came from:", loss.op)

# %% Each node knows its local derivatives at once: how much it changes with each of its parents
for node in topological_order(loss):
    if node.op is not None and node.parents:
        print(f"{node.op.formula:10}  data {node.data:9.6f}  local derivatives {node.partials}")

# %% backward() multiplies them along every path from the loss to the leaves: the chain rule
loss.backward()

print(f"d loss / d a = {a.grad:.6f}")
print(f"d loss / d b = {b.grad:.6f}")
by_hand = (1.0 - loss.data**2) * 1.0 * b.data
print(f"by hand        {by_hand:.6f} = (1 - tanh^2) * 1 * b")

# %% The same graph as a picture: numbers in the boxes, local derivatives on the arrows
viz.draw(loss, folder / "expression.svg")

# %% A Value that is used twice gets a contribution along each path, and they add up
c = Value(3.0, label="c")
square_and_more = c * c + 2.0 * c
square_and_more.backward()
print(f"d (c^2 + 2 c) / d c = {c.grad} at c = {c.data}, and 2 c + 2 = {2.0 * c.data + 2.0}")
viz.draw(square_and_more, folder / "two_paths.svg")


# %% Are they right? Move each input a little and look at what happens to the output
def function(x: Value, y: Value) -> Value:
    """The expression from above."""
    return (x * y + 10.0).tanh()


check_gradients(function, [2.0, -3.0])
print("finite differences agree")

# %% A neuron is a sum of products and an activation; its weights learn by small steps downhill
w1, w2 = Value(0.5, label="w1"), Value(-0.5, label="w2")
bias = Value(0.0, label="b")
for step in range(21):
    output = (w1 * 1.0 + w2 * 2.0 + bias).tanh()
    error = (output - 0.8) ** 2
    if step % 5 == 0:
        print(f"step {step:2}  output {output.data:.4f}  error {error.data:.4f}")
    for parameter in (w1, w2, bias):
        parameter.zero_grad()
    error.backward()
    for parameter in (w1, w2, bias):
        parameter.data -= 0.2 * parameter.grad

# %% The weights have moved on since the last graph was made: draw a new one
error = ((w1 * 1.0 + w2 * 2.0 + bias).tanh() - 0.8) ** 2
error.label = "error"
for parameter in (w1, w2, bias):
    parameter.zero_grad()
error.backward()
viz.draw(error, folder / "neuron.svg", parameters=[w1, w2, bias])
print("drawings in", folder)
