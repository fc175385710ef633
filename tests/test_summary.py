"""``model.summary()``: every parameter in one row, whatever the model is made of."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from tinygrad_mlp import functional
from tinygrad_mlp.engine import Value
from tinygrad_mlp.nn import MLP, Buffer, Layer, Module, Neuron


class Residual(Module):
    """A scale of its own, a network, a layer that stands in two places, and running means."""

    def __init__(self) -> None:
        self.scale = Value(1.0)
        self.body = MLP(3, [5, 3], ["tanh"], "softmax", rng=0)
        tied = Layer(3, 3, functional.sin, rng=0)
        self.more = [tied, tied]
        self.heads = {"left": Neuron(3, None, rng=0)}
        self.means = [Buffer(0.0), Buffer(0.0)]
        self.nothing = Shift()

    def forward(self, x: Any) -> list[Value]:
        return self.body.forward(x)


class Shift(Module):
    """A module without parameters."""

    n_outputs = 1200

    def forward(self, x: Any) -> list[Value]:
        return [xi + 1.0 for xi in x]


def test_a_network() -> None:
    assert MLP(1, [200, 10], "swish", "softmax", rng=0).summary() == (
        "MLP, 1 input\n"
        "layer     kind            output shape  parameters\n"
        "layers.0  Layer, silu     (200,)               400\n"
        "layers.1  Layer, softmax  (10,)              2,010\n"
        "--------------------------------------------------\n"
        "total                                        2,410"
    )


def test_a_neuron() -> None:
    assert Neuron(3, "tanh", rng=0).summary() == (
        "Neuron, 3 inputs\n"
        "layer     kind          output shape  parameters\n"
        "(itself)  Neuron, tanh  (1,)                   4\n"
        "------------------------------------------------\n"
        "total                                          4"
    )


def test_a_module_of_one_s_own() -> None:
    assert Residual().summary() == (
        "Residual\n"
        "layer          kind            output shape  parameters\n"
        "(itself)       Residual        ?                      1\n"
        "body.layers.0  Layer, tanh     (5,)                  20\n"
        "body.layers.1  Layer, softmax  (3,)                  18\n"
        "more.0         Layer, sin      (3,)                  12\n"
        "heads.left     Neuron, linear  (1,)                   4\n"
        "nothing        Shift           (1200,)                0\n"
        "-------------------------------------------------------\n"
        "total                                                55\n"
        "and 2 buffers, not trained"
    )


@pytest.mark.parametrize("model", [Residual(), MLP(4, [3, 2, 1]), Layer(2, 3), Neuron(1), Shift()])
def test_the_total_is_the_number_of_parameters(model: Module) -> None:
    text = model.summary()
    (total,) = re.findall(r"^total +(\d+)$", text, re.MULTILINE)
    rows = [
        line.split()[-1] for line in text.splitlines()[2 : text[: text.index("---")].count("\n")]
    ]
    assert int(total) == len(model.parameters()) == sum(map(int, rows))


def test_the_rows_have_the_counts_of_torch() -> None:
    twin = torch.nn.Sequential(torch.nn.Linear(7, 11), torch.nn.ReLU(), torch.nn.Linear(11, 2))
    counts = [
        sum(parameter.numel() for parameter in layer.parameters())
        for layer in (twin[0], twin[2], twin)
    ]
    shown = [
        line.split()[-1] for line in MLP(7, [11, 2]).summary().splitlines()[2:] if line[0] != "-"
    ]
    assert list(map(int, shown)) == counts


def test_a_layer_without_neurons_of_ours_is_known_by_its_size() -> None:
    class Scale(Module):
        def __init__(self, n: int) -> None:
            self.n_inputs = self.n_outputs = n
            self.factors = [Value(1.0) for _ in range(n)]

    assert Scale(2).summary().splitlines()[0] == "Scale, 2 inputs"
    assert "(itself)  Scale  (2,)                   2" in Scale(2).summary()
