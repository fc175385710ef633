"""The worked example of backpropagation: two inputs, two hidden neurons, two outputs.

The network, its numbers and its intermediate results are those of Matt Mazur, "A Step by Step
Backpropagation Example" (2015), which many courses use.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_mlp.engine import Value
from tinygrad_mlp.functional import dot, sigmoid, square

__all__ = ["LEARNING_RATE", "PUBLISHED", "worked_example"]

LEARNING_RATE = 0.5
"""The one of the gradient step that ends the worked example."""

PUBLISHED: dict[str, tuple[float, float | None]] = {
    "net_h1": (0.3775, None),
    "out_h1": (0.593269992, 0.036350306),
    "out_h2": (0.596884378, None),
    "net_o1": (1.105905967, 0.138498562),
    "out_o1": (0.75136507, 0.74136507),
    "out_o2": (0.772928465, None),
    "E_o1": (0.274811083, 1.0),
    "E_o2": (0.023560026, 1.0),
    "L": (0.298371109, 1.0),
    "w1": (0.15, 0.000438568),
    "w5": (0.40, 0.082167041),
}
"""The intermediate values as printed: the number of each node, and where printed its gradient."""


def worked_example() -> Value:
    """The total error L of the 2-2-2 network with sigmoid neurons, inputs .05 and .10.

    net = w . x + b, out = sigmoid(net), E_o = (target - out)^2 / 2, L = E_o1 + E_o2. Every node but
    the halves has a label: i1, i2 (inputs), w1 ... w8, b1, b2, net_h1, out_h1, ..., out_o2, t1, t2
    (targets), E_o1, E_o2, L (which Mazur calls E_total). The bias of a layer is one leaf for both
    neurons, as there.

    Source: https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/

    >>> loss = worked_example()
    >>> round(loss.data, 9)
    0.298371109
    """
    inputs = [Value(0.05, label="i1"), Value(0.10, label="i2")]
    targets = [Value(0.01, label="t1"), Value(0.99, label="t2")]
    numbers = (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55)
    weights = [Value(w, label=f"w{i + 1}") for i, w in enumerate(numbers)]
    b1, b2 = Value(0.35, label="b1"), Value(0.60, label="b2")
    of_h1, of_h2, of_o1, of_o2 = zip(weights[::2], weights[1::2])
    hidden = [_neuron(of_h1, inputs, b1, "h1"), _neuron(of_h2, inputs, b1, "h2")]
    outputs = [_neuron(of_o1, hidden, b2, "o1"), _neuron(of_o2, hidden, b2, "o2")]
    errors = []
    for name, target, output in zip(("o1", "o2"), targets, outputs):
        difference = _named(f"diff_{name}", target - output)
        errors.append(_named(f"E_{name}", 0.5 * _named(f"sq_{name}", square(difference))))
    return _named("L", errors[0] + errors[1])


def _neuron(weights: Sequence[Value], inputs: Sequence[Value], bias: Value, name: str) -> Value:
    net = _named(f"net_{name}", dot(weights, inputs, bias))
    return _named(f"out_{name}", sigmoid(net))


def _named(label: str, node: Value) -> Value:
    node.label = label
    return node
