"""How much the compiled networks do: NumPy calls, memory, views, index tables, lines.

A number here is what the optimisations of the compiler come to, not what is right: a change that
saves something may lower it, and then it is lowered here as well. None may rise unnoticed.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.back_ends import forced
from tests.networks import NETWORKS, Network
from tests.test_compiler_networks import arrays_of, names, parameters_of, sample_loss, whole_batch
from tinygrad_mlp.compiler import compile

Cost = tuple[int, int, int, int, int]


def cost(source: str) -> Cost:
    """Of a program's text: calls; slots of B numbers, single numbers; views; index tables."""
    prepare, run = source.split("    def run(")
    return (
        len(run_lines(run)),
        sum([int(rows) for rows in re.findall(r"np\.empty\(\((\d+), B\)", prepare)]),
        sum([int(rows) for rows in re.findall(r"np\.empty\((\d+),", prepare)]),
        prepare.count("= view("),
        len(set(re.findall(r"\bat\d+\b", run))),
    )


def run_lines(run: str) -> list[str]:
    """The statements of ``run``, its last line not among them."""
    return [line for line in run.splitlines()[1:] if line.startswith("        ")][:-1]


BY_SAMPLE: Final[dict[str, Cost]] = {
    "two layers": (25, 21, 2, 13, 0),
    "siamese": (37, 44, 24, 17, 16),
    "recurrent": (74, 61, 182, 40, 27),
    "sums of different lengths": (28, 17, 0, 19, 16),
    "softmax classifier": (49, 34, 0, 15, 0),
    "layer normalised, residual": (51, 30, 4, 12, 0),
    "attention": (61, 277, 161, 36, 4),
    "convolutional": (50, 191, 182, 38, 7),
    "pictures": (21, 106, 5, 11, 0),
    "smoothed": (51, 77, 30, 27, 23),
    "gated": (44, 37, 5, 9, 0),
}
OF_THE_BATCH: Final[dict[str, Cost]] = {
    "two layers": (27, 0, 147, 20, 0),
    "siamese": (38, 0, 271, 22, 16),
    "recurrent": (77, 0, 555, 52, 30),
    "sums of different lengths": (32, 0, 109, 26, 16),
    "softmax classifier": (51, 0, 247, 25, 0),
    "layer normalised, residual": (53, 0, 181, 20, 0),
    "attention": (58, 0, 1657, 39, 4),
    "convolutional": (55, 0, 1299, 35, 15),
    "pictures": (25, 0, 882, 19, 3),
    "smoothed": (56, 0, 448, 37, 31),
    "gated": (46, 0, 227, 14, 0),
    "batch normalised": (58, 0, 229, 30, 3),
    "contrastive": (56, 0, 296, 37, 0),
}
LINES_OF_ARITHMETIC: Final[dict[str, int]] = {
    "two layers": 199,
    "siamese": 186,
    "recurrent": 687,
    "sums of different lengths": 79,
    "softmax classifier": 255,
    "layer normalised, residual": 261,
    "attention": 1612,
    "convolutional": 913,
    "pictures": 3079,
    "smoothed": 273,
    "gated": 209,
    "batch normalised": 337,
    "contrastive": 135,
}


@pytest.mark.parametrize("network", [n for n in NETWORKS if n.per_sample], ids=names)
def test_one_sample_mapped_over_the_batch(network: Network) -> None:
    parameters = parameters_of(network)
    with forced("arrays"):
        program = compile(sample_loss(network, parameters), parameters, per_sample=True)
        program(*arrays_of(network))
    assert cost(program.source) == BY_SAMPLE[network.name]


@pytest.mark.parametrize("network", NETWORKS, ids=names)
def test_the_whole_batch(network: Network) -> None:
    parameters = parameters_of(network)
    with forced("arrays"):
        program = compile(whole_batch(network, parameters), parameters)
        program(*arrays_of(network))
    assert cost(program.source) == OF_THE_BATCH[network.name]


@pytest.mark.parametrize("network", NETWORKS, ids=names)
def test_plain_arithmetic(network: Network) -> None:
    parameters = parameters_of(network)
    with forced("arithmetic"):
        program = compile(whole_batch(network, parameters), parameters)
        program(*arrays_of(network, n_samples=2))
    run = program.source.split("    def run(")[1]
    assert len(run_lines(run)) == LINES_OF_ARITHMETIC[network.name]
