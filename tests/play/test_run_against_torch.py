"""A run against PyTorch: the same weights at the beginning, and after each of twenty steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings

OPTIMIZERS: dict[str, Any] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
LOSSES: dict[str, Any] = {
    "moons": lambda z, y: torch.nn.functional.binary_cross_entropy_with_logits(
        z[:, 0], y.to(torch.float64)
    ),
    "iris": torch.nn.functional.cross_entropy,
}


def torch_network(run: Run) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The weights and biases of each layer, by the places that the scene says."""
    from viz._run.messages import scene

    numbers, n_inputs, layers = run.numbers(), run.samples.n_inputs, []
    for layer in scene(run)["network"]["layers"]:
        W, b = layer["W"], layer["b"]
        rows = [numbers[W["at"] + j * W["row"] :][:n_inputs] for j in range(layer["units"])]
        biases = [numbers[b["at"] + j * b["row"]] for j in range(layer["units"])]
        layers.append((torch.tensor(np.array(rows)), torch.tensor(np.array(biases))))
        n_inputs = layer["units"]
    for W, b in layers:
        W.requires_grad_()
        b.requires_grad_()
    return layers


@pytest.mark.parametrize("data", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_twenty_steps_are_those_of_torch(data: str, optimizer: str) -> None:
    run = Run(
        RunSettings(
            data,
            layers=(LayerSettings(5), LayerSettings(4, "sigmoid")),
            batch_size=16,
            optimizer=optimizer,
            learning_rate=0.05,
            l1=0.003,
            l2=0.002,
            seed=3,
        )
    )
    layers = torch_network(run)
    parameters = [p for layer in layers for p in layer]
    stepped = OPTIMIZERS[optimizer](parameters, lr=0.05)
    samples = run.samples
    learned = samples.X[samples.train]
    X = torch.tensor((learned - learned.mean(axis=0)) / learned.std(axis=0))
    y = torch.tensor(samples.y[samples.train])
    orders, order = np.random.default_rng([3, 2]), np.arange(0)
    for _ in range(20):
        if not len(order):
            order = orders.permutation(len(X))
        batch, order = order[:16], order[16:]
        (W1, b1), (W2, b2), (W3, b3) = layers
        h = torch.sigmoid(torch.tanh(X[batch] @ W1.T + b1) @ W2.T + b2)
        loss = LOSSES[data](h @ W3.T + b3, y[batch])
        loss = loss + 0.003 * sum(p.abs().sum() for p in parameters)
        loss = loss + 0.002 * sum((p**2).sum() for p in parameters)
        stepped.zero_grad()
        loss.backward()
        stepped.step()
        run.take(1)
        for (W, b), (V, c) in zip(torch_network(run), layers):
            torch.testing.assert_close(W, V, rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(b, c, rtol=1e-10, atol=1e-12)
    measured = run.measured()
    with torch.no_grad():
        for part, loss_of_run, accuracy in (
            (samples.train, measured.loss, measured.accuracy),
            (samples.held_out, measured.held_out_loss, measured.held_out_accuracy),
        ):
            seen = (samples.X[part] - learned.mean(axis=0)) / learned.std(axis=0)
            h = torch.sigmoid(torch.tanh(torch.tensor(seen) @ W1.T + b1) @ W2.T + b2)
            z, answers = h @ W3.T + b3, torch.tensor(samples.y[part])
            assert LOSSES[data](z, answers).item() == pytest.approx(loss_of_run, rel=1e-10)
            said = z.argmax(dim=1) if z.shape[1] > 1 else (z[:, 0] > 0.0).long()
            assert (said == answers).double().mean().item() == pytest.approx(accuracy)
    numbers = torch.cat([p.reshape(-1) for p in parameters])
    penalty = 0.003 * numbers.abs().sum() + 0.002 * (numbers**2).sum()
    assert measured.penalty == pytest.approx(penalty.item(), rel=1e-10)
