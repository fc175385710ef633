"""Write scalars, run matrix products: one network, eager and compiled.

Run it as ``python examples/compile.py OUT``; it writes the NumPy program to ``OUT/program.py.txt``.
"""

from __future__ import annotations

# %% A network in plain scalars: no layers, no arrays, just + and *
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tinygrad_mlp import Value, compile, functional

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "compile_output")
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(0)


def make_layer(n_inputs: int, n_outputs: int) -> list[tuple[list[Value], Value]]:
    """Weights and a bias for each neuron."""
    scale = np.sqrt(2.0 / n_inputs)
    return [
        ([Value(w) for w in rng.normal(0.0, scale, n_inputs)], Value(0.0)) for _ in range(n_outputs)
    ]


layers = [make_layer(2, 16), make_layer(16, 16), make_layer(16, 1)]
parameters = [p for layer in layers for weights, bias in layer for p in (*weights, bias)]


def network(x: Sequence[Value]) -> Value:
    """The output for one sample."""
    for layer in layers:
        sums = [sum((w * xi for w, xi in zip(weights, x)), bias) for weights, bias in layer]
        x = [z.relu() for z in sums]
    return sums[0]


def sample_loss(x: Sequence[Value], target: Value) -> Value:
    """The squared error of one sample."""
    return (network(x) - target) ** 2


# %% Eager: the scalar graph of 100 samples, and backward
X = rng.normal(size=(100, 2))
y = np.sin(X[:, 0]) * X[:, 1]


def eager_step() -> float:
    """The loss over all samples; the gradients are left in the parameters."""
    for parameter in parameters:
        parameter.zero_grad()
    samples = [[Value(number) for number in row] for row in X.tolist()]
    loss = functional.mean(
        [sample_loss(x, Value(target)) for x, target in zip(samples, y.tolist())]
    )
    loss.backward()
    return loss.data


eager_loss = eager_step()
eager_gradients = np.array([parameter.grad for parameter in parameters])

# %% Compiled: the same function, recorded for one sample and mapped over the batch
program = compile(sample_loss, parameters, per_sample=True)
compiled_loss = program(X, y)

print(program.summary())
print()
print(program.source)
(folder / "program.py.txt").write_text(program.source, encoding="utf-8")

difference = np.abs(program.gradients - eager_gradients).max()
print(f"loss: eager {eager_loss:.15g}, compiled {compiled_loss:.15g}")
print(f"largest difference of a gradient: {difference:.1e}")


# %% The ratio
def milliseconds(step: Callable[[], object], times: int) -> float:
    """The median time of a step."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        step()
        taken.append(time.perf_counter() - started)
    return 1e3 * float(np.median(taken))


def compiled_step() -> float:
    """The same step, replayed."""
    loss: float = program(X, y)
    return loss


eager, compiled = milliseconds(eager_step, 5), milliseconds(compiled_step, 500)
print(f"eager {eager:.1f} ms, compiled {compiled:.3f} ms: {eager / compiled:.0f} times faster")
