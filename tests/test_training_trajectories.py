"""Whole trainings, step by step the same as torch's: same first weights, same order of the samples.

Twelve epochs of a small network, for every loss, optimizer, penalty, schedule, batch size and limit
of the gradients, with each engine: the losses of every epoch and the weights at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.against_torch import assert_close
from tests.back_ends import as_compiled
from tests.naming import case_name
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.optim import (
    SGD,
    Adam,
    AdamW,
    CosineSchedule,
    ExponentialSchedule,
    PlateauSchedule,
    RMSprop,
    Schedule,
    StepSchedule,
    WarmupSchedule,
)
from tinygrad_mlp.training import History, fit

EPOCHS: Final = 12
SEED: Final = 5
TOLERANCE: Final = 1e-9
Floats = NDArray[np.float64]
TorchLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_rng = np.random.default_rng(0)
X: Final = _rng.normal(size=(23, 3))
X_HELD_OUT: Final = _rng.normal(size=(9, 3))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """For arrays this small torch's threads spend their time waiting for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def targets_for(kind: str, X: Floats) -> NDArray[Any]:
    score: Floats = X @ np.array([1.0, -2.0, 0.5])
    if kind == "counts":
        return np.floor(np.exp(0.4 * np.stack([score, X[:, 0]], axis=1)))
    if kind == "questions":
        return np.asarray(np.stack([score > 0.0, score > X[:, 1]], axis=1), dtype=np.int64)
    if kind == "numbers":
        return np.stack([np.sin(score), X[:, 0] * X[:, 1]], axis=1)
    if kind == "three":
        return np.asarray(np.digitize(score, [-1.0, 1.0]))
    return np.asarray(score > 0.0, dtype=np.int64)


def torch_hinge(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return torch.clamp(1.0 - targets * scores, min=0.0).mean()


def torch_poisson(log_means: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    left_out = torch.xlogy(counts, counts) - counts
    return torch.nn.functional.poisson_nll_loss(log_means, counts) + left_out.mean()


LOSSES: Final[dict[str, tuple[str, int, str | None, TorchLoss]]] = {
    # the targets, the outputs, their activation, the loss of torch
    "mean_squared_error": ("numbers", 2, None, torch.nn.functional.mse_loss),
    "mean_absolute_error": ("numbers", 2, None, torch.nn.functional.l1_loss),
    "binary_cross_entropy": ("two", 1, "sigmoid", torch.nn.functional.binary_cross_entropy),
    "binary_cross_entropy_with_logits": (
        "two", 1, None, torch.nn.functional.binary_cross_entropy_with_logits,
    ),
    "categorical_cross_entropy": ("three", 3, None, torch.nn.functional.cross_entropy),
    "hinge": ("two", 1, None, torch_hinge),
    "huber": ("numbers", 2, None, torch.nn.functional.huber_loss),
    "poisson": ("counts", 2, None, torch_poisson),
}  # fmt: skip

CROSS_ENTROPY: Final = "categorical_cross_entropy"


class TorchTraining:
    """The same training in torch, written down from its formulas."""

    def __init__(self, model: MLP, loss: str) -> None:
        kind, _, activation, self.loss = LOSSES[loss]
        self.kind = kind
        self.named = loss
        layers: list[torch.nn.Module] = []
        for index, layer in enumerate(model.layers):
            linear = torch.nn.Linear(layer.n_inputs, layer.n_outputs, dtype=torch.float64)
            state = model.state_dict()
            for name in ("weight", "bias"):
                numbers = torch.tensor(state[f"layers.{index}.{name}"])
                getattr(linear, name).data.copy_(numbers)
            layers += [linear, torch.nn.Tanh()]
        layers.pop()
        if activation == "sigmoid":
            layers.append(torch.nn.Sigmoid())
        self.network = torch.nn.Sequential(*layers)
        self.losses: list[float] = []
        self.penalties: list[float] = []
        self.held_out: list[float] = []

    def loss_of(self, X: Floats, y: NDArray[Any]) -> torch.Tensor:
        outputs = self.network(torch.tensor(X))
        if self.kind == "three":
            return self.loss(outputs, torch.tensor(y))
        targets = torch.tensor(y, dtype=torch.float64).reshape(outputs.shape)
        if self.named == "hinge":
            targets = 2.0 * targets - 1.0
        return self.loss(outputs, targets)

    def run(
        self,
        make_optimizer: Callable[[Iterator[torch.nn.Parameter]], torch.optim.Optimizer],
        make_schedule: Callable[[torch.optim.Optimizer], Any] | None = None,
        batch_size: int | None = None,
        epochs: int = EPOCHS,
        l1: float = 0.0,
        l2: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        optimizer = make_optimizer(self.network.parameters())
        schedule = None if make_schedule is None else make_schedule(optimizer)
        y, y_held_out = targets_for(self.kind, X), targets_for(self.kind, X_HELD_OUT)
        rng = np.random.default_rng(SEED)
        for _ in range(epochs):
            total = total_penalty = 0.0
            order = np.arange(len(X)) if batch_size is None else rng.permutation(len(X))
            for start in range(0, len(X), batch_size or len(X)):
                batch = order[start : start + (batch_size or len(X))]
                optimizer.zero_grad()
                loss = self.loss_of(X[batch], y[batch])
                parameters = list(self.network.parameters())
                penalty = l1 * sum(p.abs().sum() for p in parameters)
                penalty = penalty + l2 * sum(p.square().sum() for p in parameters)
                (loss + penalty).backward()
                if clip_norm is not None:
                    torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
                if clip_value is not None:
                    torch.nn.utils.clip_grad_value_(parameters, clip_value)
                optimizer.step()
                total += len(batch) * loss.item()
                total_penalty += len(batch) * torch.as_tensor(penalty).item()
            self.losses.append(total / len(X))
            self.penalties.append(total_penalty / len(X))
            self.held_out.append(self.loss_of(X_HELD_OUT, y_held_out).item())
            if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
                schedule.step(self.held_out[-1])
            elif schedule is not None:
                schedule.step()


def check(
    engine: str,
    *,
    loss: str = CROSS_ENTROPY,
    ours: dict[str, Any],
    theirs: dict[str, Any],
    make_ours: Callable[[MLP], Any] | None = None,
    epochs: int = EPOCHS,
    tolerance: float = TOLERANCE,
) -> History:
    """Train in both and compare every epoch's losses and the final weights."""
    kind, n_outputs, activation, _ = LOSSES[loss]
    model = MLP(3, [5, 4, n_outputs], "tanh", activation, rng=1)
    reference = TorchTraining(model, loss)
    reference.run(**theirs, epochs=epochs)
    if make_ours is not None:
        ours = {**ours, "optimizer": make_ours(model)}
    history = fit(
        model,
        X,
        targets_for(kind, X),
        epochs=epochs,
        loss=loss,
        validation_data=(X_HELD_OUT, targets_for(kind, X_HELD_OUT)),
        rng=SEED,
        log_every=None,
        engine=engine,
        **ours,
    )
    assert as_compiled(history.engine) == engine
    assert_close(history.loss, reference.losses, tolerance)
    assert_close(history.penalty or [0.0] * epochs, reference.penalties, tolerance)
    assert_close(history.validation_loss, reference.held_out, tolerance)
    expected = torch.cat([p.flatten() for p in reference.network.parameters()])
    found = np.concatenate([a.ravel() for a in model.state_dict().values()])
    assert_close(found, expected, tolerance)
    assert history.loss[-1] < history.loss[0], "a training that learns something"
    return history


def torch_sgd(learning_rate: float = 0.1) -> dict[str, Any]:
    return {"make_optimizer": lambda p: torch.optim.SGD(p, lr=learning_rate)}


engines = pytest.mark.parametrize("engine", ["eager", "compiled"])


@engines
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(engine: str, loss: str) -> None:
    check(engine, loss=loss, ours={"batch_size": 6}, theirs={**torch_sgd(), "batch_size": 6})


@engines
@pytest.mark.parametrize("batch_size", [None, 1, 7, 23, 100])
def test_every_kind_of_batch(engine: str, batch_size: int | None) -> None:
    sizes = {"batch_size": batch_size}
    check(engine, ours=sizes, theirs={**torch_sgd(), **sizes})


@engines
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.1)),
        ("rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.01)),
        ("adam", lambda p: torch.optim.Adam(p, lr=0.01)),
        ("adamw", lambda p: torch.optim.AdamW(p, lr=0.01)),
    ],
)
def test_every_optimizer_by_name_with_its_default_rate(engine: str, name: str, make: Any) -> None:
    check(
        engine,
        ours={"optimizer": name, "batch_size": 8},
        theirs={"make_optimizer": make, "batch_size": 8},
    )


@engines
@pytest.mark.parametrize(
    ("make_ours", "make_theirs"),
    [
        (
            lambda m: SGD(m.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
            lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
        ),
        (
            lambda m: RMSprop(m.parameters(), 0.01, alpha=0.9, momentum=0.5, centered=True),
            lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, momentum=0.5, centered=True),
        ),
        (
            lambda m: Adam(m.parameters(), 0.02, beta1=0.8, beta2=0.9, weight_decay=0.01),
            lambda p: torch.optim.Adam(p, 0.02, betas=(0.8, 0.9), weight_decay=0.01),
        ),
        (
            lambda m: AdamW(m.parameters(), 0.02, weight_decay=0.1),
            lambda p: torch.optim.AdamW(p, 0.02, weight_decay=0.1),
        ),
        (  # without parameters of its own it gets those of the model
            lambda m: Adam(learning_rate=0.02),
            lambda p: torch.optim.Adam(p, 0.02),
        ),
    ],
    ids=["nesterov", "centered rmsprop", "adam", "adamw", "without parameters"],
)
def test_every_optimizer_with_its_settings(engine: str, make_ours: Any, make_theirs: Any) -> None:
    theirs = {"make_optimizer": make_theirs, "batch_size": 8}
    check(engine, ours={"batch_size": 8}, theirs=theirs, make_ours=make_ours)


@engines
@pytest.mark.parametrize(
    "limits",
    [
        {"l1": 0.01},
        {"l2": 0.01},
        {"l1": 0.002, "l2": 0.003},
        {"clip_norm": 0.3},
        {"clip_value": 0.02},
        {"clip_norm": 0.3, "clip_value": 0.05, "l2": 0.01},
    ],
    ids=str,
)
def test_penalties_and_limits_of_the_gradients(engine: str, limits: dict[str, float]) -> None:
    settings = {**limits, "batch_size": 6}
    check(engine, ours=settings, theirs={**torch_sgd(), **settings})


@engines
@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (StepSchedule(4, 0.5), lambda o: torch.optim.lr_scheduler.StepLR(o, 4, 0.5)),
        ("step", lambda o: torch.optim.lr_scheduler.StepLR(o, EPOCHS // 3, 0.1)),
        (ExponentialSchedule(0.9), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9)),
        (
            "exponential",
            lambda o: torch.optim.lr_scheduler.ExponentialLR(o, math.pow(0.01, 1 / EPOCHS)),
        ),
        (CosineSchedule(20), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20)),
        ("cosine", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, EPOCHS)),
        (
            WarmupSchedule(4, start_factor=0.1),
            lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, total_iters=4),
        ),
        (
            PlateauSchedule(0.5, 1, threshold=0.2),
            lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(
                o, factor=0.5, patience=1, threshold=0.2
            ),
        ),
        ("constant", None),
    ],
    ids=case_name,
)
def test_every_schedule(engine: str, schedule: Any, make: Any) -> None:
    if isinstance(schedule, PlateauSchedule):  # it has a memory: a fresh one for every training
        schedule = PlateauSchedule(0.5, 1, threshold=0.2)
    history = check(
        engine, ours={"schedule": schedule}, theirs={**torch_sgd(), "make_schedule": make}
    )
    changes = len(set(history.learning_rate))
    assert changes == 1 if schedule == "constant" else changes > 1


LONG: Final = 200

OPTIMIZERS: Final[dict[str, tuple[Callable[[MLP], Any], Callable[[Any], Any]]]] = {
    "sgd": (
        lambda m: SGD(m.parameters(), 0.1, momentum=0.8, nesterov=True),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.8, nesterov=True),
    ),
    "rmsprop": (
        lambda m: RMSprop(m.parameters(), 0.005, momentum=0.5),
        lambda p: torch.optim.RMSprop(p, 0.005, momentum=0.5),
    ),
    "adam": (
        lambda m: Adam(m.parameters(), 0.01, weight_decay=0.01),
        lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.01),
    ),
    "adamw": (
        lambda m: AdamW(m.parameters(), 0.01, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
    ),
}

LONG_SCHEDULES: Final[dict[str, tuple[Callable[[], Schedule], Callable[[Any], Any]]]] = {
    "step": (
        lambda: StepSchedule(60, 0.4),
        lambda o: torch.optim.lr_scheduler.StepLR(o, 60, 0.4),
    ),
    "exponential": (
        lambda: ExponentialSchedule(0.99),
        lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.99),
    ),
    "cosine": (
        lambda: CosineSchedule(LONG, final_factor=0.0),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, LONG),
    ),
    "warmup": (
        lambda: WarmupSchedule(30, start_factor=0.1),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, total_iters=30),
    ),
    "plateau": (
        lambda: PlateauSchedule(0.5, 10, threshold=0.2),
        lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(
            o, factor=0.5, patience=10, threshold=0.2
        ),
    ),
}


@pytest.mark.parametrize("schedule", LONG_SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_under_every_schedule_over_200_steps(optimizer: str, schedule: str) -> None:
    (make_ours, make_theirs), (ours, theirs) = OPTIMIZERS[optimizer], LONG_SCHEDULES[schedule]
    history = check(
        "compiled",
        ours={"schedule": ours()},
        theirs={"make_optimizer": make_theirs, "make_schedule": theirs},
        make_ours=make_ours,
        epochs=LONG,
        tolerance=1e-10,
    )
    assert len(set(history.learning_rate)) > 1
