"""The worked example of backpropagation that many courses use, with every number in view.

Two inputs, two hidden neurons, two outputs, sigmoid, squared error (Matt Mazur, 2015). Run it with
a folder for the picture: ``python examples/worked_example.py output``.
"""

# %% The forward pass: each line is one operation
from __future__ import annotations

import sys
from pathlib import Path

import viz
from tinygrad_mlp.debug import chain, finite_difference, trace_backward, trace_forward
from tinygrad_mlp.debug.worked_example import LEARNING_RATE, worked_example

output = Path(sys.argv[1] if len(sys.argv) > 1 else "output")
loss = worked_example()
for forward_step in trace_forward(loss):
    print(forward_step)

# %% The backward pass: each line is the chain rule at one arrow of the graph
trace = trace_backward(loss)
for step in trace:
    print(step)

# %% The whole way from a first-layer weight to the loss: two paths, and their sum
nodes = {name: node for node, name in trace.names.items()}
print(chain(loss, nodes["w1"]))
print("by finite differences:", finite_difference(loss, nodes["w1"]))

# %% Backwards in time: after 19 steps w5 has received nothing yet
trace.go_to(19)
print("has w5 a gradient after 19 steps?", nodes["w5"].has_grad)
trace.go_to(len(trace))
print("after all of them:", nodes["w5"].grad)

# %% The gradient step that ends the example
for i in range(1, 9):
    weight = nodes[f"w{i}"]
    print(f"w{i}: {weight.data:.2f} -> {weight.data - LEARNING_RATE * weight.grad:.9f}")

# %% The graph as a picture
print(viz.draw(loss, output / "worked_example.svg"))
