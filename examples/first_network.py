"""A first network, written by hand: three neurons learn "exclusive or", with nothing but Values.

Run it as ``python examples/first_network.py``. The reading path in CONTRIBUTING.md ends here.
"""

from __future__ import annotations

# %% Four samples: the answer is 1 where exactly one of the two inputs is 1
import random

from tinygrad_mlp import Value

samples = [((0.0, 0.0), 0.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0), ((1.0, 1.0), 0.0)]

# %% A neuron is its two weights and its bias. There are two hidden ones, and one for the output.
rng = random.Random(0)
neurons = [[Value(rng.uniform(-1.0, 1.0), label=f"{name}{i}") for name in "uvb"] for i in range(3)]
parameters = [parameter for neuron in neurons for parameter in neuron]


def answer(neuron: list[Value], left: Value | float, right: Value | float) -> Value:
    """tanh(u * left + v * right + b): every step of it is a node of the graph."""
    u, v, b = neuron
    return (u * left + v * right + b).tanh()


def network(left: float, right: float) -> Value:
    """What the output neuron makes of the answers of the two hidden ones."""
    first, second, output = neurons
    return answer(output, answer(first, left, right), answer(second, left, right))


# %% One pass: ``backward`` says how the loss changes with each of the nine parameters
loss = (network(0.0, 1.0) - 1.0) ** 2
loss.backward()
print(loss, parameters[-1], sep="\n")

# %% Training is a plain loop: compute, differentiate, take a small step down
for epoch in range(401):
    total = Value(0.0)
    for inputs, target in samples:
        total = total + (network(*inputs) - target) ** 2
    for parameter in parameters:
        parameter.grad = 0.0
    total.backward()
    for parameter in parameters:
        parameter.data -= 0.1 * parameter.grad
    if epoch % 100 == 0:
        print(f"epoch {epoch:3}: loss {total.data:.6f}")

# %% What it has learned
for inputs, target in samples:
    learned = network(*inputs)
    print(f"{inputs}: {learned.data:5.2f}, wanted {target}")
    assert abs(learned.data - target) < 0.1
