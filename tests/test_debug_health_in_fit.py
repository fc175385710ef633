"""Without a function of its own ``HealthMonitor`` looks at what ``fit`` minimizes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tinygrad_mlp import functional
from tinygrad_mlp.debug import HealthMonitor, HealthReport
from tinygrad_mlp.engine import Value, assign, no_grad
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.nn._module import Buffer
from tinygrad_mlp.optim import SGD
from tinygrad_mlp.training import History, TrainingStartCallback, fit

_rng = np.random.default_rng(2)
X: Final = _rng.normal(size=(30, 3))
LABELS: Final = np.digitize(X[:, 0], [-0.5, 0.5])
Y: Final = np.sin(X[:, 0]) - X[:, 1]
QUIET: Final[dict[str, Any]] = {"log_every": None, "rng": 0, "batch_size": 8}
engines = pytest.mark.parametrize("engine", ["eager", "compiled"])


def by_torch(
    model: Module, X: NDArray[Any], y: NDArray[Any], l1: float, l2: float, n_trained: int
) -> tuple[float, list[float]]:
    """The objective of a tanh network, and the norm of its gradients layer by layer."""
    tensors = [torch.tensor(array, requires_grad=True) for array in model.state_dict().values()]
    out = torch.tensor(X)
    for i in range(0, len(tensors), 2):
        out = out @ tensors[i].T + tensors[i + 1]
        out = torch.tanh(out) if i + 2 < len(tensors) else out
    if y.dtype.kind == "i":
        loss = torch.nn.functional.cross_entropy(out, torch.tensor(y))
    else:
        loss = torch.nn.functional.mse_loss(out[:, 0], torch.tensor(y))
    for tensor in tensors[:n_trained]:
        loss = loss + l1 * tensor.abs().sum() + l2 * (tensor**2).sum()
    loss.backward()
    squares = [float((tensor.grad**2).sum()) for tensor in tensors if tensor.grad is not None]
    return loss.item(), [float(np.sqrt(a + b)) for a, b in zip(squares[::2], squares[1::2])]


class Comparing:
    """Compares each report with torch."""

    only_looks = True

    def __init__(self, monitor: HealthMonitor, *given: Any) -> None:
        self.monitor, self.given = monitor, given
        self.n = 0

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        report = self.monitor.reports[-1]
        loss, norms = by_torch(model, *self.given)
        assert report.loss == pytest.approx(loss, rel=1e-12)
        assert [x.gradient_norm for x in report.layers] == pytest.approx(norms, rel=1e-12)
        self.n += 1


@engines
@pytest.mark.parametrize("y", [Y, LABELS], ids=["regression", "labels"])
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.01, 0.0), (0.0, 0.02), (0.01, 0.02)])
def test_the_gradients_are_those_of_loss_and_penalties(
    engine: str, y: NDArray[Any], l1: float, l2: float
) -> None:
    model, monitor = MLP(3, [4, 3 if y is LABELS else 1], "tanh", rng=0), HealthMonitor()
    comparing = Comparing(monitor, X, y, l1, l2, 4)
    settings: dict[str, Any] = {"l1": l1, "l2": l2, "engine": engine, **QUIET}
    fit(model, X, y, epochs=3, callbacks=[monitor, comparing], **settings)
    assert comparing.n == 3
    assert monitor.epochs == [1, 2, 3]


def test_only_what_is_trained_is_penalized() -> None:
    model, monitor = MLP(3, [4, 1], "tanh", rng=0), HealthMonitor()
    optimizer = SGD(model.layers[0].parameters(), learning_rate=0.1)
    comparing = Comparing(monitor, X, Y, 0.0, 0.5, 2)
    settings: dict[str, Any] = {"optimizer": optimizer, "l2": 0.5, **QUIET}
    fit(model, X, Y, epochs=2, callbacks=[monitor, comparing], **settings)
    assert comparing.n == 2


@pytest.mark.parametrize(
    ("n_samples", "expected"), [(1, [0]), (2, [0, 29]), (4, [0, 10, 19, 29]), (31, range(30))]
)
def test_the_samples_are_spread_evenly(n_samples: int, expected: Any) -> None:
    model, monitor = MLP(3, [4, 1], "tanh", rng=0), HealthMonitor(n_samples=n_samples)
    some = list(expected)
    comparing = Comparing(monitor, X[some], Y[some], 0.0, 0.0, 4)
    fit(model, X, Y, epochs=1, callbacks=[monitor, comparing], **QUIET)
    assert comparing.n == 1
    assert HealthMonitor().n_samples == 32


@engines
def test_so_are_those_of_a_loss_of_your_own(engine: str) -> None:
    def own(outputs: list[Value], targets: list[float]) -> Value:
        return functional.mean([(o - t) ** 2 for o, t in zip(outputs, targets)])

    model, monitor = MLP(3, [4, 1], "tanh", rng=0), HealthMonitor()
    comparing = Comparing(monitor, X, Y, 0.0, 0.0, 4)
    settings: dict[str, Any] = {"loss": own, "engine": engine, **QUIET}
    fit(model, X, Y, epochs=2, callbacks=[monitor, comparing], **settings)
    assert comparing.n == 2


class Dropping(Module):
    """Draws, counts and keeps what it gave."""

    def __init__(self) -> None:
        self.inner = MLP(3, [4, 1], "relu", rng=0)
        self.rng = np.random.default_rng(1)
        self.n = Buffer(0.0)

    def forward(self, x: Any) -> Any:
        if self.training:
            x = [functional.where(functional.uniform(self.rng) < 0.5, xi, 0.0) for xi in x]
            assign(self.n, self.n + 1.0)
        return self.inner.forward(x)


@engines
def test_the_training_is_the_same_as_if_nobody_had_looked(engine: str) -> None:
    models = Dropping(), Dropping()
    monitor = HealthMonitor(every=2)
    for model, callbacks in zip(models, ([], [monitor])):
        fit(model, X, Y, epochs=5, callbacks=callbacks, engine=engine, **QUIET)
    first, second = [
        {name: array.tolist() for name, array in model.state_dict().items()} for model in models
    ]
    assert first == second
    assert models[0].rng.random() == models[1].rng.random()
    assert len({report.loss for report in monitor.reports}) == 2
    assert monitor.epochs == [2, 4]
    assert monitor.reports[0].layers[0].n_units == 4


def test_it_looks_at_the_model_as_it_trains() -> None:
    """With dropout, which a prediction would not have; also within no_grad."""

    class Doubling(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def forward(self, x: Any) -> Any:
            return self.w * x[0] * (2.0 if self.training else 1.0)

    monitor = HealthMonitor()
    optimizer = SGD(learning_rate=0.0)
    with no_grad():
        fit(
            *(Doubling(), [[1.0]], [0.0]), epochs=1, optimizer=optimizer, engine="eager",
            callbacks=[monitor], log_every=None,
        )  # fmt: skip
    assert monitor.reports[0].loss == 4.0
    assert monitor.reports[0].layers[0].gradient_norm == 8.0


@engines
def test_the_weights_of_the_samples_count(engine: str) -> None:
    model, monitor = MLP(3, [4, 1], "tanh", rng=0), HealthMonitor()
    settings: dict[str, Any] = {"optimizer": SGD(learning_rate=0.0), "log_every": None}
    counts = np.arange(30.0)
    history = fit(
        *(model, X, Y), epochs=1, sample_weight=counts, engine=engine, callbacks=[monitor],
        **settings,
    )  # fmt: skip
    errors = [(model(x).data - y) ** 2 for x, y in zip(X.tolist(), Y.tolist())]
    expected = float(np.average(errors, weights=counts))
    assert monitor.reports[0].loss == pytest.approx(expected, rel=1e-12)
    assert history.loss == pytest.approx([expected], rel=1e-12)


@engines
def test_batch_norm_is_looked_at_with_its_batch(engine: str) -> None:
    model, monitor = MLP(3, [4, 1], "tanh", batch_norm=True, rng=0), HealthMonitor()
    optimizer = SGD(learning_rate=0.0)
    history = fit(
        *(model, X, Y), epochs=2, optimizer=optimizer, engine=engine, callbacks=[monitor],
        log_every=None,
    )  # fmt: skip
    assert [report.loss for report in monitor.reports] == pytest.approx(history.loss, rel=1e-12)


def test_it_forgets_the_data_and_needs_to_be_told_in_another_loop() -> None:
    model, monitor = MLP(3, [1], rng=0), HealthMonitor()
    fit(model, X, Y, epochs=1, callbacks=[monitor], **QUIET)
    with pytest.raises(InvalidArgumentError, match=r"another loop; .*HealthMonitor\(lambda model"):
        monitor.on_epoch_end(2, History(), model)


def test_a_function_of_your_own_has_its_way() -> None:
    model = MLP(3, [1], rng=0)
    monitor = HealthMonitor(lambda model: model([0.0, 0.0, 0.0]) * 0.0 + 7.0)
    fit(model, X, Y, epochs=1, callbacks=[monitor], **QUIET)
    assert monitor.reports[0].loss == 7.0


def test_what_it_has_seen_goes_into_plain_data_and_back() -> None:
    model, monitor = MLP(3, [2, 1], rng=0), HealthMonitor()
    fit(model, X, Y, epochs=2, callbacks=[monitor], **QUIET)
    other = HealthMonitor()
    reports = other.reports
    other.load_state_dict(monitor.state_dict())
    assert other.reports is reports
    assert (other.epochs, other.reports) == (monitor.epochs, monitor.reports)
    assert all(isinstance(report, HealthReport) for report in other.reports)
    numbers = {name: parameter.data for name, parameter in model.named_parameters()}
    assert other.state_dict()["previous"] == numbers


@pytest.mark.parametrize("n_samples", [0, -1, 1.5, "a"])
def test_the_number_of_samples_is_one(n_samples: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"n_samples is .*, but a whole number of"):
        HealthMonitor(n_samples=n_samples)


class Starting:
    """Is told what is minimized."""

    def on_training_start(self, loss_of_samples: Any, model: Module) -> None:
        self.told = model, loss_of_samples(2).data, loss_of_samples(100).data

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        self.epoch = epoch


@engines
def test_any_callback_may_be_told_at_the_start(engine: str) -> None:
    model, starting = MLP(3, [4, 1], "tanh", rng=0), Starting()
    assert isinstance(starting, TrainingStartCallback)
    expected = [by_torch(model, X[some], Y[some], 0.0, 0.0, 4)[0] for some in ([0, 29], range(30))]
    fit(model, X, Y, epochs=1, callbacks=[starting], engine=engine, **QUIET)
    assert starting.told[0] is model
    assert starting.told[1:] == pytest.approx(expected, rel=1e-12)
