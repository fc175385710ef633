"""The checks of arguments that many functions share, wherever the functions are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.naming import case_name
from tinygrad_mlp import data
from tinygrad_mlp._arguments import as_generator
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import INITIALIZERS, MLP, Layer, Neuron
from tinygrad_mlp.training import fit

X = [[0.0], [1.0], [2.0], [3.0]]
Y = [0, 0, 1, 1]

WITH_RNG: dict[str, Callable[[Any], object]] = {
    "Neuron": lambda rng: Neuron(2, rng=rng),
    "Layer": lambda rng: Layer(2, 3, rng=rng),
    "MLP": lambda rng: MLP(2, [3], rng=rng),
    "fit": lambda rng: fit(MLP(1, [1], rng=0), X, Y, batch_size=2, epochs=1, rng=rng),
    "train_test_split": lambda rng: data.train_test_split(X, Y, rng=rng),
    "split_indices": lambda rng: data.split_indices(Y, rng=rng),
    "k_fold": lambda rng: data.k_fold(X, n_folds=2, rng=rng),
    "iterate_batches": lambda rng: data.iterate_batches(X, batch_size=2, rng=rng),
    "batch_indices": lambda rng: data.batch_indices(4, 2, rng=rng),
    "make_moons": lambda rng: data.make_moons(rng=rng),
    "make_circles": lambda rng: data.make_circles(rng=rng),
    "make_spirals": lambda rng: data.make_spirals(rng=rng),
    "make_blobs": lambda rng: data.make_blobs(rng=rng),
    **{
        name: partial(initializer, 2, 3)
        for name, initializer in INITIALIZERS.items()
        if name != "zeros"
    },
}


@pytest.mark.parametrize("rng", [-1, 0.5, "seed", object()], ids=case_name)
@pytest.mark.parametrize("name", WITH_RNG)
def test_what_is_no_seed_is_named_with_a_seed_that_would_do(name: str, rng: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^rng is .*a seed.*: rng=0$"):
        WITH_RNG[name](rng)


def test_a_generator_goes_on_where_it_stands() -> None:
    generator = np.random.default_rng(0)
    assert as_generator(generator) is generator
