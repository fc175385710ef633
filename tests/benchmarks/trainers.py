"""The other contestants at works A, B and C: ours, torch, scikit-learn, jax and CasADi.

Each is written as its own documentation has it: the idioms of the package, its own optimizer.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import chdir
from importlib import import_module
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.benchmarks.works import Array, Work
from tinygrad_mlp import optim
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._backends.choice import Wanted
from tinygrad_mlp.engine import Value
from tinygrad_mlp.losses import categorical_cross_entropy
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.training._epoch_memory import Batches
from tinygrad_mlp.training._rule_of_steps import OptimizerRule
from tinygrad_mlp.training._steps_in_pieces import Pieces

__all__ = [
    "CasadiTrainer",
    "JaxScanTrainer",
    "JaxTrainer",
    "OurEpochTrainer",
    "OurTrainer",
    "SklearnTrainer",
    "TorchCompileTrainer",
    "TorchTrainer",
]


class OurTrainer:
    """Scalars, compiled.

    Args:
        work: the work.
        backend: what runs the program; "auto" for the best one there is.
    """

    def __init__(self, work: Work, backend: Wanted = "auto") -> None:
        self.work = work
        self.rng = np.random.default_rng(0)
        self.model = MLP(work.layer_sizes[0], work.layer_sizes[1:], rng=0)
        state = {}
        for i, (W, b) in enumerate(work.weights):
            state[f"layers.{i}.weight"], state[f"layers.{i}.bias"] = W, b
        self.model.load_state_dict(state)
        loss = self.squared_error if work.loss == "mean squared error" else self.cross_entropy
        parameters = self.model.parameters()
        self.program = compile(
            loss, parameters, per_sample=True, dtype=work.dtype.name, backend=backend
        )
        self.program.checks_targets = False  # as in ``fit``, which checks them once
        kind = optim.SGD if work.optimizer == "SGD" else optim.Adam
        self.optimizer = kind(parameters, work.learning_rate)

    def squared_error(self, x: Sequence[Value], target: Sequence[Value]) -> Value:
        (output,) = self.model.forward(x)
        return (output - target[0]) ** 2

    def cross_entropy(self, x: Sequence[Value], one_hot: Sequence[Value]) -> Value:
        loss: Value = categorical_cross_entropy(self.model.logits(x), one_hot)
        return loss

    def run(self, n_epochs: int) -> float:
        program, optimizer = self.program, self.optimizer
        X, targets = self.work.X, self.work.targets
        for batch in self.work.batches(self.rng, n_epochs):
            if batch is None:
                loss: float = program(X, targets)
            else:
                loss = program(X.take(batch, 0), targets.take(batch, 0))
            optimizer.step_array(program.parameters, program.gradients)
        return loss

    def weights(self) -> list[tuple[Array, Array]]:
        self.program.write_back()
        state = self.model.state_dict()
        n_layers = len(self.work.weights)
        return [(state[f"layers.{i}.weight"], state[f"layers.{i}.bias"]) for i in range(n_layers)]


class OurEpochTrainer(OurTrainer):
    """The same as ``fit`` runs it: many steps, whole epochs too, in one call of the C library."""

    def __init__(self, work: Work, backend: Wanted = "auto") -> None:
        super().__init__(work, backend)
        self.pieces = Pieces(self.program, OptimizerRule(self.optimizer))
        self.batches = Batches((work.X, work.targets), work.batch_size)

    def run(self, n_epochs: int) -> float:
        pieces, n_samples = self.pieces, len(self.work.X)
        pieces.make_ready(self.batches)
        in_order = self.work.batch_size is None
        orders = [self.rng.permutation(n_samples) for _ in range(0 if in_order else n_epochs)]
        order = None if in_order else np.concatenate(orders)
        step = done = 0
        while step < n_epochs * pieces.n_steps:
            n_steps = min(n_epochs * pieces.n_steps - step, pieces.most_steps(False))
            rest = None if order is None else order[done:]
            piece = pieces.run(rest, step % pieces.n_steps, n_steps)
            step, done = step + n_steps, done + int(piece.sizes.sum())
        return float(piece.losses[-1])


class TorchTrainer:
    """torch, eager: ``zero_grad``, ``backward``, ``step``."""

    def __init__(self, work: Work, fused: bool = False) -> None:
        import torch

        torch.set_num_threads(1)
        self.work = work
        self.rng = np.random.default_rng(0)
        self.X = torch.from_numpy(work.X)
        layers: list[torch.nn.Module] = []
        for W, b in work.weights:
            layer = torch.nn.Linear(W.shape[1], W.shape[0])
            layer.weight = torch.nn.Parameter(torch.tensor(W))
            layer.bias = torch.nn.Parameter(torch.tensor(b))
            layers += [layer, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1])
        self.loss: Any
        if work.loss == "mean squared error":
            self.loss, self.targets = torch.nn.functional.mse_loss, torch.from_numpy(work.targets)
        else:
            self.loss, self.targets = (
                torch.nn.functional.cross_entropy,
                torch.from_numpy(work.labels),
            )
        kind: Any = torch.optim.SGD if work.optimizer == "SGD" else torch.optim.Adam
        options = {"fused": True} if fused else {}
        self.optimizer = kind(self.model.parameters(), lr=work.learning_rate, **options)
        self.from_numpy = torch.from_numpy

    def loss_of(self, x: Any, t: Any) -> Any:
        """The loss of a batch."""
        return self.loss(self.model(x), t)

    def run(self, n_epochs: int) -> float:
        optimizer = self.optimizer
        X, targets = self.X, self.targets
        for batch in self.work.batches(self.rng, n_epochs):
            if batch is None:
                x, t = X, targets
            else:
                indices = self.from_numpy(batch)
                x, t = X[indices], targets[indices]
            optimizer.zero_grad()
            loss = self.loss_of(x, t)
            loss.backward()
            optimizer.step()
        return float(loss.item())

    def weights(self) -> list[tuple[Array, Array]]:
        arrays = [p.detach().numpy().copy() for p in self.model.parameters()]
        return list(zip(arrays[::2], arrays[1::2]))


class TorchCompileTrainer(TorchTrainer):
    """torch, the loss and its gradients through ``torch.compile``, which needs a C++ compiler."""

    def __init__(self, work: Work, fused: bool = False) -> None:
        import torch

        if which("g++") is None:
            raise ModuleNotFoundError("torch.compile needs g++")
        super().__init__(work, fused)
        self.compiled: Any = torch.compile(super().loss_of)

    def loss_of(self, x: Any, t: Any) -> Any:
        """The loss of a batch."""
        return self.compiled(x, t)


class SklearnTrainer:
    """scikit-learn's own loop, ``fit``; many epochs at once make its set-up small.

    It draws its own first weights, and orders the batches by itself.
    """

    def __init__(self, work: Work) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        self.warning = ConvergenceWarning
        self.work = work
        classifies = work.loss == "cross-entropy"
        self.targets = work.labels if classifies else work.targets[:, 0]
        kind = MLPClassifier if classifies else MLPRegressor
        self.model = kind(
            hidden_layer_sizes=work.layer_sizes[1:-1],
            solver=work.optimizer.lower(),
            batch_size=work.batch_size or len(work.X),
            learning_rate_init=work.learning_rate,
            momentum=0.0,
            alpha=0.0,
            n_iter_no_change=10**9,
            warm_start=True,
            random_state=0,
        )

    def run(self, n_epochs: int) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self.warning)
            self.model.set_params(max_iter=n_epochs)
            self.model.fit(self.work.X, self.targets)
        return float(self.model.loss_)

    def weights(self) -> list[tuple[Array, Array]]:
        return [(W.T.copy(), b.copy()) for W, b in zip(self.model.coefs_, self.model.intercepts_)]


class JaxTrainer:
    """jax: the whole step, with its batch taken out of the data, as one jitted function."""

    def __init__(self, work: Work) -> None:
        jax: Any = import_module("jax")
        jax.config.update("jax_enable_x64", True)
        jnp = jax.numpy
        self.work = work
        self.rng = np.random.default_rng(0)
        self.block = jax.block_until_ready
        self.parameters = [(jnp.asarray(W), jnp.asarray(b)) for W, b in work.weights]
        zeros = [(jnp.zeros_like(W), jnp.zeros_like(b)) for W, b in self.parameters]
        self.state = (jnp.zeros(()), zeros, zeros) if work.optimizer == "Adam" else ()
        data = jnp.asarray(work.X), jnp.asarray(work.targets)

        def loss_of(parameters: Any, x: Any, t: Any) -> Any:
            *hidden, (W_out, b_out) = parameters
            for W, b in hidden:
                x = jnp.maximum(x @ W.T + b, 0.0)
            z = x @ W_out.T + b_out
            if work.loss == "mean squared error":
                return ((z - t) ** 2).mean()
            return (jax.nn.logsumexp(z, axis=1) - (t * z).sum(axis=1)).mean()

        def sgd(p: Any, g: Any, state: Any) -> Any:
            return jax.tree.map(lambda p, g: p - work.learning_rate * g, p, g), state

        def adam(p: Any, g: Any, state: Any) -> Any:
            t, m, v = state
            t = t + 1
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
            c1, c2 = 1.0 - 0.9**t, 1.0 - 0.999**t

            def change(p: Any, m: Any, v: Any) -> Any:
                return p - work.learning_rate * (m / c1) / (jnp.sqrt(v / c2) + 1e-8)

            return jax.tree.map(change, p, m, v), (t, m, v)

        update = adam if work.optimizer == "Adam" else sgd

        def step(parameters: Any, state: Any, batch: Any) -> Any:
            x, t = data if batch is None else (data[0][batch], data[1][batch])
            loss, gradients = jax.value_and_grad(loss_of)(parameters, x, t)
            return loss, *update(parameters, gradients, state)

        self.jit, self.scan = jax.jit, jax.lax.scan
        self.raw_step: Any = step
        self.step = jax.jit(step)

    def run(self, n_epochs: int) -> float:
        for batch in self.work.batches(self.rng, n_epochs):
            loss, self.parameters, self.state = self.step(self.parameters, self.state, batch)
        self.block(self.parameters)
        return float(loss)

    def weights(self) -> list[tuple[Array, Array]]:
        return [(np.asarray(W), np.asarray(b)) for W, b in self.parameters]


class JaxScanTrainer(JaxTrainer):
    """jax in its fastest form: all steps of an epoch as one jitted function (``jax.lax.scan``)."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)

        def many(parameters: Any, state: Any, batches: Any, length: Any) -> Any:
            def one(carried: Any, batch: Any) -> Any:
                loss, parameters, state = self.raw_step(*carried, batch)
                return (parameters, state), loss

            carried = (parameters, state)
            (parameters, state), losses = self.scan(one, carried, batches, length)
            return losses[-1], parameters, state

        self.many = self.jit(many, static_argnums=3)

    def run(self, n_epochs: int) -> float:
        size = self.work.batch_size
        if size is None:
            loss, self.parameters, self.state = self.many(
                self.parameters, self.state, None, n_epochs
            )
        else:
            n_whole = len(self.work.X) // size
            for _ in range(n_epochs):
                order = self.rng.permutation(len(self.work.X))
                whole = order[: n_whole * size].reshape(n_whole, size)
                loss, self.parameters, self.state = self.many(
                    self.parameters, self.state, whole, None
                )
                if len(rest := order[n_whole * size :]):
                    loss, self.parameters, self.state = self.step(self.parameters, self.state, rest)
        self.block(self.parameters)
        return float(loss)


class CasadiTrainer:
    """CasADi: one sample in its scalars, differentiated, mapped over the batch, compiled as C.

    For work A; larger graphs of scalars take its C compiler minutes.
    """

    def __init__(self, work: Work) -> None:
        ca: Any = import_module("casadi")
        n_samples, sizes = len(work.X), [n for W, b in work.weights for n in (W.size, b.size)]
        p, x, t = ca.SX.sym("p", sum(sizes)), ca.SX.sym("x", work.X.shape[1]), ca.SX.sym("t")
        pieces = ca.vertsplit(p, np.cumsum([0, *sizes]).tolist())
        h = x
        for i, (W, _) in enumerate(work.weights):
            h = ca.reshape(pieces[2 * i], *W.shape) @ h + pieces[2 * i + 1]
            h = ca.fmax(h, 0) if i < len(work.weights) - 1 else h
        loss = (h - t) ** 2
        of_sample = ca.Function("of_sample", [p, x, t], [loss, ca.gradient(loss, p)])
        flat = ca.MX.sym("p", sum(sizes))
        losses, gradients = of_sample.map(n_samples)(
            ca.repmat(flat, 1, n_samples), ca.DM(work.X.T), ca.DM(work.targets.T)
        )
        updated = flat - work.learning_rate * ca.sum2(gradients) / n_samples
        options = {
            "jit": True,
            "compiler": "shell",
            "jit_options": {"flags": ["-O3", "-march=native", "-ffast-math"], "cleanup": False},
            "jit_cleanup": False,  # the folder goes as a whole
        }
        with TemporaryDirectory() as folder, chdir(folder):
            step = ca.Function("step", [flat], [updated, ca.sum2(losses) / n_samples], options)
        self.work = work
        self.numbers = np.concatenate([n for W, b in work.weights for n in (W.ravel("F"), b)])
        self.updated, self.loss = np.empty_like(self.numbers), np.empty(1)
        self.buffer, self.call = step.buffer()
        self.buffer.set_arg(0, self.numbers.data)
        self.buffer.set_res(0, self.updated.data)
        self.buffer.set_res(1, self.loss.data)

    def run(self, n_epochs: int) -> float:
        for _ in range(n_epochs):
            self.call()
            self.numbers[:] = self.updated
        return float(self.loss[0])

    def weights(self) -> list[tuple[Array, Array]]:
        arrays, start = [], 0
        for W, b in self.work.weights:
            matrix = self.numbers[start : start + W.size].reshape(W.shape, order="F").copy()
            start += W.size
            arrays.append((matrix, self.numbers[start : start + b.size].copy()))
            start += b.size
        return arrays
