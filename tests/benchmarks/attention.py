"""A transformer block of scalars, each token after those before it: the loss and its gradients.

Ours is written in loops, as people write it who generate with it; the others have it in matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Final

import numpy as np

from tests.benchmarks.contest import Make, Results, Turn, contest, repeated
from tests.benchmarks.timing import markdown, number
from tests.benchmarks.works import Array
from tests.test_compiler_ragged import N_TOKENS, shapes_of, transformer, transformer_torch
from tinygrad_mlp import functional
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value

__all__ = ["CALLS", "JAX", "OURS", "SIZES", "TORCH", "measure", "report"]

OURS: Final = "tinygrad_mlp"
TORCH: Final = "torch"
JAX: Final = "jax.jit"
N_HEADS: Final = 2
SIZES: Final = ((8, 1), (16, 1), (16, 32))
"""The width, and how many sequences: one sequence, or a batch of them."""

Call = Callable[[], tuple[float, list[Array]]]
"""The loss, and the gradient of each matrix."""


def numbers_of(width: int, n_sequences: int) -> tuple[list[Array], Array, Array]:
    """The matrices, the tokens (n_sequences, n_tokens, width), and their classes one-hot."""
    rng = np.random.default_rng(0)
    matrices = [rng.normal(0.0, shape[1] ** -0.5, size=shape) for shape in shapes_of(width)]
    tokens = rng.normal(size=(n_sequences, N_TOKENS, width))
    return matrices, tokens, np.eye(5)[rng.integers(5, size=tokens.shape[:2])]


def our_call(width: int, n_sequences: int) -> Call:
    """A compiled program."""
    matrices, tokens, targets = numbers_of(width, n_sequences)
    weights = [[[Value(a) for a in row] for row in matrix.tolist()] for matrix in matrices]
    parameters = [value for matrix in weights for row in matrix for value in row]

    def loss(x: Any, t: Any) -> Value:
        return transformer(weights, x, t, N_HEADS, functional.softmax)

    is_batch = n_sequences > 1
    program = compile(loss, parameters, per_sample=is_batch)
    given = (tokens, targets) if is_batch else (tokens[0], targets[0])
    ends = np.cumsum([matrix.size for matrix in matrices])[:-1]

    def call() -> tuple[float, list[Array]]:
        value = program(*given)
        parts = np.split(program.gradients, ends)
        return value, [part.reshape(m.shape) for part, m in zip(parts, matrices)]

    return call


def torch_call(width: int, n_sequences: int) -> Call:
    """torch, eager."""
    import torch

    torch.set_num_threads(1)
    matrices, tokens, targets = map_arrays(torch.tensor, *numbers_of(width, n_sequences))
    for matrix in matrices:
        matrix.requires_grad_()

    def call() -> tuple[float, list[Array]]:
        for matrix in matrices:
            matrix.grad = None
        loss = transformer_torch(matrices, tokens, targets, N_HEADS)
        loss.backward()
        return loss.item(), [matrix.grad.numpy() for matrix in matrices]

    return call


def jax_call(width: int, n_sequences: int) -> Call:
    """jax: the loss and its gradients as one jitted function."""
    jax: Any = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    matrices, tokens, targets = map_arrays(jnp.asarray, *numbers_of(width, n_sequences))
    earlier = jnp.tril(jnp.ones((N_TOKENS, N_TOKENS), bool))

    def normalized(x: Any) -> Any:
        return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5)

    def of_heads(x: Any) -> Any:
        return x.reshape(*x.shape[:-1], N_HEADS, -1).swapaxes(-2, -3)

    def loss_of(weights: Any) -> Any:
        wq, wk, wv, wo, w1, w2, head = weights
        x = normalized(tokens)
        q, k, v = of_heads(x @ wq.T), of_heads(x @ wk.T), of_heads(x @ wv.T)
        scores = q @ k.swapaxes(-1, -2) / (width // N_HEADS) ** 0.5
        shares = jax.nn.softmax(jnp.where(earlier, scores, -jnp.inf), -1)
        y = tokens + (shares @ v).swapaxes(-2, -3).reshape(tokens.shape) @ wo.T
        y = y + jax.nn.relu(normalized(y) @ w1.T) @ w2.T
        return -(jax.nn.log_softmax(y @ head.T, -1) * targets).sum(-1).mean()

    function = jax.jit(jax.value_and_grad(loss_of))

    def call() -> tuple[float, list[Array]]:
        value, gradients = jax.block_until_ready(function(matrices))
        return value, gradients

    return call


def map_arrays(convert: Callable[[Array], Any], matrices: list[Array], *others: Array) -> Any:
    """The same numbers as another package has them."""
    return [convert(matrix) for matrix in matrices], *map(convert, others)


CALLS: Final[dict[str, Callable[[int, int], Call]]] = {
    OURS: our_call,
    TORCH: torch_call,
    JAX: jax_call,
}


def turn_of(make: Callable[[int, int], Call], width: int, n_sequences: int) -> Turn:
    """A contestant."""
    call = make(width, n_sequences)

    def run(n: int) -> None:
        for _ in range(n):
            call()

    return repeated(run)


def measure(width: int, n_sequences: int, seconds: float, min_rounds: int = 5) -> Results:
    """Seconds for a call."""
    makers: dict[str, Make] = {
        name: partial(turn_of, make, width, n_sequences) for name, make in CALLS.items()
    }
    return contest(makers, seconds, min_rounds)


def report(seconds: float) -> str:
    """The table."""
    rows = []
    for width, n_sequences in SIZES:
        results = measure(width, n_sequences, seconds / len(SIZES))
        timings = results.of("")
        row = [f"width {width}, {n_sequences} sequence{'s' * (n_sequences > 1)}"]
        row += [number(1e6 * timings[name].median) if name in timings else "" for name in CALLS]
        has_jax = JAX in timings
        rows.append([*row, number(results.ratio(OURS, JAX)) if has_jax else "not installed"])
    header = ["", *[f"{name} µs" for name in CALLS], f"ours × {JAX}"]
    return (
        f"A transformer block with causal attention, {N_TOKENS} tokens, {N_HEADS} heads, float64: "
        f"the loss and all gradients.\n\n{markdown(header, rows)}"
    )
