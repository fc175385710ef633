"""Batch normalization beside torch's: in training and prediction, by both engines, at all sizes."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.against_torch import assert_close, tensor_of
from tests.back_ends import as_compiled
from tinygrad_mlp import functional as F
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.debug import detect_anomaly, health, trace_backward
from tinygrad_mlp.derivatives import grad, jacobian
from tinygrad_mlp.engine import Value, assign, topological_order
from tinygrad_mlp.errors import (
    BatchStatisticsError,
    GraphError,
    InvalidArgumentError,
    NonFiniteError,
    SampleOrderError,
    ShapeError,
    TinygradMLPError,
)
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.nn import BatchNorm, Buffer, Layer, Module
from tinygrad_mlp.optim import SGD, Adam
from tinygrad_mlp.training import (
    EarlyStopping,
    History,
    fit,
    load_weights,
    predict,
    save_weights,
)
from tinygrad_mlp.training._over_batches import SampleRecording

Floats = NDArray[np.float64]
CALL: Final = "BatchNorm(16, momentum=0.1, epsilon=1e-5)"

ENGINES: Final = ("compiled", "eager")
_rng = np.random.default_rng(0)
X: Final = _rng.normal(2.0, 3.0, size=(23, 3))
Y: Final = _rng.normal(size=23)
LABELS: Final = _rng.integers(0, 3, size=23)


class Net(Module):
    """3 inputs, 4 hidden neurons with batch norm before their activation."""

    def __init__(self, n_outputs: int = 1, **options: Any) -> None:
        rng = np.random.default_rng(1)
        self.hidden = Layer(3, 4, None, rng=rng)
        self.norm = BatchNorm(4, **options)
        self.out = Layer(4, n_outputs, None, rng=rng)
        biases = [neuron.b for neuron in self.hidden.neurons]
        for parameter in [*biases, *self.norm.weight, *self.norm.bias]:
            parameter.data = rng.normal()

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return self.out.forward([h.tanh() for h in self.norm.forward(self.hidden.forward(x))])


def torch_twin(model: Net, momentum: float = 0.1, epsilon: float = 1e-5) -> torch.nn.Sequential:
    """The same network with the same numbers in torch."""
    state = model.state_dict()
    affine = "norm.weight" in state
    n_outputs = len(state["out.bias"])
    twin = torch.nn.Sequential(
        torch.nn.Linear(3, 4),
        torch.nn.BatchNorm1d(4, eps=epsilon, momentum=momentum, affine=affine),
        torch.nn.Tanh(),
        torch.nn.Linear(4, n_outputs),
    ).double()
    numbers = {"0.weight": "hidden.weight", "0.bias": "hidden.bias", "3.weight": "out.weight"}
    numbers |= {"3.bias": "out.bias", "1.running_mean": "norm.running_mean"}
    numbers |= {"1.running_var": "norm.running_var"}
    if affine:
        numbers |= {"1.weight": "norm.weight", "1.bias": "norm.bias"}
    twin.load_state_dict(
        {
            **{theirs: tensor_of(state[ours]) for theirs, ours in numbers.items()},
            "1.num_batches_tracked": torch.tensor(0),
        }
    )
    return twin


PARTS: Final = {"0": "hidden", "1": "norm", "3": "out"}


def gradients_of(model: Module) -> dict[str, Floats]:
    """The gradients as arrays, by the names of the parameters' arrays."""
    shown = copy.deepcopy(model)
    for parameter, one in zip(model.parameters(), shown.parameters()):
        one.data = parameter.grad
    return shown.state_dict()


def numbers_of(twin: torch.nn.Sequential) -> dict[str, Floats]:
    return {
        f"{PARTS[key[0]]}{key[1:]}": tensor.numpy()
        for key, tensor in twin.state_dict().items()
        if "num_batches" not in key
    }


def assert_same_state(
    model: Module, expected: Module | torch.nn.Sequential | dict[str, Floats]
) -> None:
    """To 1e-12 of the largest number, or of 1."""
    if isinstance(expected, torch.nn.Sequential):
        expected = numbers_of(expected)
    elif isinstance(expected, Module):
        expected = expected.state_dict()
    state = model.state_dict()
    assert expected.keys() == state.keys()
    for name, array in state.items():
        size = max(1.0, float(np.abs(expected[name]).max()))
        np.testing.assert_allclose(array, expected[name], rtol=0.0, atol=1e-12 * size, err_msg=name)


def squared_error(model: Module) -> Callable[..., Value]:
    def loss(x: Sequence[Value], y: Value) -> Value:
        output: Value = model(x)
        return (output - y) ** 2

    return loss


def squared_error_program(model: Module, **options: Any) -> Program:
    return compile(squared_error(model), model.parameters(), per_sample=True, **options)


OPTIONS: Final[list[dict[str, Any]]] = [
    {},
    {"momentum": 0.25, "epsilon": 0.125},
    {"affine": False},
    {"momentum": 0.0},
    {"momentum": 1.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_steps_agree_with_torch_at_each_batch_size(options: dict[str, Any]) -> None:
    """Loss, gradients and running statistics, the unbiased variance among them."""
    model = Net(**options)
    twin = torch_twin(model, options.get("momentum", 0.1), options.get("epsilon", 1e-5))
    program = squared_error_program(model)
    for n_samples in (23, 2, 5, 23):
        loss = ((twin(tensor_of(X[:n_samples]))[:, 0] - tensor_of(Y[:n_samples])) ** 2).mean()
        twin.zero_grad()
        loss.backward()
        assert_close(program(X[:n_samples], Y[:n_samples]), loss)
        program.write_back()
        gradients = gradients_of(model)
        scale = max([float(np.abs(array).max()) for array in gradients.values()])
        for name, parameter in twin.named_parameters():
            assert parameter.grad is not None
            found = gradients[f"{PARTS[name[0]]}{name[1:]}"]
            np.testing.assert_allclose(found, parameter.grad, rtol=0.0, atol=1e-12 * scale)
        assert_same_state(model, twin)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_predictions_take_the_running_statistics_as_torch_does(options: dict[str, Any]) -> None:
    model = Net(**options)
    for kept in (*model.norm.running_mean, *model.norm.running_var):
        kept.data = float(_rng.uniform(0.5, 2.0))
    twin = torch_twin(model, epsilon=options.get("epsilon", 1e-5)).eval()
    before = model.state_dict()
    expected = twin(tensor_of(X))[:, 0]
    assert_close(predict(model, X), expected)
    assert_close([model.eval()(x).data for x in X], expected)
    assert_close([model.eval()(X[0]).data], expected[:1])  # one sample has no batch to need
    for name, array in model.state_dict().items():
        assert (array == before[name]).all()


def test_the_eager_graph_of_a_batch_agrees_and_moves_the_statistics_once() -> None:
    model, other = Net(), Net()
    program, eager = squared_error_program(model), squared_error_program(other)
    loss = eager.eager(X, Y)
    loss.backward()
    assert_close(loss.data, program(X, Y))
    assert_close([p.grad for p in other.parameters()], program.gradients)
    assert_same_state(other, model)


def test_third_derivatives_through_a_batch() -> None:
    """Beside the formula in torch: those of its own batch_norm are wrong (2.13.0)."""
    model, x, y = Net(), X[:5], Y[:5]
    weights = model.hidden.neurons[0].w[:2]
    start = tensor_of([weight.data for weight in weights])
    W, b, scale, shift, W_out, b_out = map(
        tensor_of,
        (model.state_dict()[name] for name in (
            "hidden.weight", "hidden.bias", "norm.weight", "norm.bias", "out.weight", "out.bias",
        )),
    )  # fmt: skip

    def reference(w: torch.Tensor) -> torch.Tensor:
        first = torch.cat([w, W[0, 2:]])
        h = tensor_of(x) @ torch.stack([first, *W[1:]]).T + b
        variance = ((h - h.mean(0)) ** 2).mean(0)
        h = (h - h.mean(0)) / torch.sqrt(variance + 1e-5) * scale + shift
        return ((torch.tanh(h) @ W_out.T + b_out)[:, 0] - tensor_of(y)).square().mean()

    loss = squared_error_program(model).eager(x, y)
    first = grad(loss, weights, create_graph=True)
    second = [grad(g, weights, create_graph=True) for g in first]
    third = [jacobian(row, weights) for row in second]
    derivative: Callable[[torch.Tensor], torch.Tensor] = reference
    for found in ([g.data for g in first], [[g.data for g in row] for row in second], third):
        derivative = torch.func.jacrev(derivative)
        assert_close(found, derivative(start))


# Training


def own_loss(outputs: Sequence[Value], targets: Sequence[Value]) -> Value:
    return F.mean([(output - target) ** 2 for output, target in zip(outputs, targets)])


def trained(engine: str, model: Module | None = None, **options: Any) -> tuple[Any, History]:
    model = Net() if model is None else model
    settings: dict[str, Any] = {
        "loss": "mean_squared_error",
        "optimizer": SGD(model.parameters(), learning_rate=0.05),
        "epochs": 3,
        "batch_size": 7,  # 7, 7, 7, 2
        "shuffle": False,
        "log_every": None,
    }
    return model, fit(model, X, Y, engine=engine, **{**settings, **options})


@pytest.mark.parametrize("loss", ["mean_squared_error", own_loss])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_training_agrees_with_torch(engine: str, loss: Any) -> None:
    """Batches of 7, 7, 7 and 2; with a penalty, and a loss over the batch."""
    start = Net()
    twin = torch_twin(start)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.05)
    inputs, targets = tensor_of(X), tensor_of(Y)
    for _ in range(3):
        twin.train()
        for i in range(0, 23, 7):
            optimizer.zero_grad()
            error = ((twin(inputs[i : i + 7])[:, 0] - targets[i : i + 7]) ** 2).mean()
            (error + 0.01 * sum((p**2).sum() for p in twin.parameters())).backward()
            optimizer.step()
    twin.eval()
    expected = ((twin(inputs)[:, 0] - targets) ** 2).mean()
    model, history = trained(engine, start, loss=loss, l2=0.01, validation_data=(X, Y))
    assert as_compiled(history.engine) == engine
    assert_same_state(model, twin)
    assert_close(history.validation_loss[-1], expected)
    assert_close(predict(model, X), twin(inputs)[:, 0])


@pytest.mark.parametrize("engine", ENGINES)
def test_classes_are_trained_as_in_torch(engine: str) -> None:
    start = Net(n_outputs=3)
    twin = torch_twin(start)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    for _ in range(4):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(twin(tensor_of(X)), torch.tensor(LABELS)).backward()
        optimizer.step()
    fit(
        start,
        X,
        LABELS,
        epochs=4,
        optimizer=Adam(start.parameters(), learning_rate=0.01),
        engine=engine,
        log_every=None,
    )
    state, expected = start.state_dict(), numbers_of(twin)
    for name in state:
        if name != "hidden.bias":  # Adam divides its gradient, which is rounding alone, by its size
            if name.startswith("norm.running_mean"):
                continue
            assert_close(state[name], expected[name], 1e-9)


class Dropping(Net):
    """Dropout before and after the norm."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(5)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        h = [self.dropped(a) for a in self.hidden.forward(x)]
        return self.out.forward([self.dropped(a) for a in self.norm.forward(h)])

    def dropped(self, x: Value) -> Value:
        return F.where(F.uniform(self.rng) < 0.75, x / 0.75, 0.0) if self.training else x


class Centered(Module):
    """A layer of one's own that takes the mean of the batch away."""

    def __init__(self) -> None:
        self.layer = Layer(3, 2, "tanh", rng=0)
        self.out = Layer(2, 1, None, rng=1)
        self.kept = [Buffer(0.0), Buffer(0.0)]

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        h = self.layer.forward(x)
        means: Sequence[Value] = self.kept
        if self.training:
            means = [F.batch_mean(a) for a in h]
            for kept, mean in zip(self.kept, means):
                assign(kept, 0.5 * kept + 0.5 * mean)
        return self.out.forward([a - mean for a, mean in zip(h, means)])


class Switched(BatchNorm):
    """One that takes its running statistics in training as well, where it is told so."""

    by_batch = True

    @property
    def uses_batch_statistics(self) -> bool:
        return self.by_batch and super().uses_batch_statistics


class Changing(Net):
    norm: Switched

    def __init__(self) -> None:
        super().__init__()
        self.norm = Switched(4)


class ChangesAfter:
    def __init__(self, epoch: int, starts_by_batch: bool) -> None:
        self.epoch, self.starts_by_batch = epoch, starts_by_batch

    def on_epoch_end(self, epoch: int, history: History, model: Any) -> bool:
        model.norm.by_batch = (epoch < self.epoch) == self.starts_by_batch
        return False


@pytest.mark.parametrize("loss", ["mean_squared_error", own_loss])
@pytest.mark.parametrize("make", [Net, Dropping, Centered])
def test_both_engines_compute_the_same(make: type[Module], loss: Any) -> None:
    options = {"l2": 0.01, "l1": 0.001, "clip_norm": 0.5, "schedule": "cosine"}
    found = [
        trained(engine, make(), loss=loss, validation_data=(X, Y), **options) for engine in ENGINES
    ]
    (compiled, of_compiled), (eager, of_eager) = found
    assert [as_compiled(of_compiled.engine), of_eager.engine] == ["compiled", "eager"]
    assert_close(of_eager.objective, of_compiled.objective)
    assert_close(of_eager.validation_loss, of_compiled.validation_loss)
    assert_same_state(eager, compiled)


@pytest.mark.parametrize("starts_by_batch", [True, False])
def test_a_layer_that_changes_between_epochs_is_recorded_anew(starts_by_batch: bool) -> None:
    models = []
    for engine in ENGINES:
        model = Changing()
        model.norm.by_batch = starts_by_batch
        trained(engine, model, callbacks=[ChangesAfter(2, starts_by_batch)], epochs=4)
        models.append(model)
        assert model.norm.running_mean[0].data != 0.0
    assert_same_state(*models)


N_SAMPLES: Final = 70
"""More than samples whose graph the eager engine holds at once."""


def losses_of_one_step(model: Module, monkeypatch: pytest.MonkeyPatch) -> list[Value]:
    """What the eager engine calls backward of in one step."""
    losses = []
    backward = Value.backward

    def noted(self: Value) -> None:
        losses.append(self)
        backward(self)

    monkeypatch.setattr(Value, "backward", noted)
    rows = np.random.default_rng(3).normal(size=(N_SAMPLES, 3))
    fit(model, rows, rows[:, 0], epochs=1, engine="eager", log_every=None)
    return losses


def test_the_graph_of_the_eager_engine_is_that_of_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many samples there are: a mean has an operand for each of them."""
    (loss,) = losses_of_one_step(Net(), monkeypatch)
    nodes = topological_order(loss)
    sums = [node for node in nodes if node.op is not None and len(node.parents) == N_SAMPLES]
    assert len(sums) == 4 + 4 + 1  # means, variances, and the loss


def test_the_graph_of_the_eager_engine_is_that_of_a_few_samples_where_it_can_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Layer(3, 1, None, rng=0)
    sums = [loss.parents[0] for loss in losses_of_one_step(model, monkeypatch)]
    assert [len(each.parents) for each in sums] == [32, 32, 6]


def test_the_eager_engine_asks_a_model_once_that_needs_the_whole_batch() -> None:
    asked: list[int] = []

    class Watched(Net):
        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            if self.training:
                asked.append(1)
            return super().forward(x)

    trained("eager", Watched(), epochs=1)
    once = len(asked)
    trained("eager", Watched(), epochs=3)
    assert len(asked) == 2 * once
    assert once <= 2 + 1 + 2  # whether it needs it, the first step, and a recording


@pytest.mark.parametrize("engine", [*ENGINES, "auto"])
def test_a_batch_of_one_is_refused_before_the_first_step(engine: str) -> None:
    cases = [
        (23, 1, "batch_size=1 makes batches of one sample, .*give batch_size=3 or more"),
        (23, 11, "23 samples in batches of 11 leave one for the last batch, .*batch_size=12, or"),
        (23, 22, r"leave one .*give batch_size=23, or leave one sample out: X\[:-1\], y\[:-1\]"),
        (1, None, "there is one sample, .*train with two samples or more"),
        (1, 8, "there is one sample"),
    ]
    for n_samples, batch_size, message in cases:
        model = Net()
        before = model.state_dict()
        with pytest.raises(InvalidArgumentError, match=message):
            fit(
                model,
                X[:n_samples],
                Y[:n_samples],
                batch_size=batch_size,
                epochs=1,
                engine=engine,
                loss="mean_squared_error",
                log_every=None,
            )
        for name, array in model.state_dict().items():
            assert (array == before[name]).all()
        assert model.training


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_of_one_is_fine_for_a_layer_that_is_not_trained(engine: str) -> None:
    """And where the model is changed by nothing but the training."""
    model = Changing()
    model.norm.by_batch = False
    rng = np.random.default_rng(0)
    fit(model, X, Y, batch_size=1, epochs=1, engine=engine, log_every=None, rng=rng)
    assert all([kept.data == 0.0 for kept in model.norm.running_mean])


class Counting(Net):
    def __init__(self) -> None:
        super().__init__()
        self.count = Buffer(0.0)

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        assign(self.count, self.count + 1.0)
        return super().forward(x)


class Branching(Net):
    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        (out,) = super().forward(x)
        return [out if out > 0.0 else 0.1 * out]


@pytest.mark.parametrize("engine", [*ENGINES, "auto"])
@pytest.mark.parametrize("make", [Counting, Branching])
def test_what_cannot_run_for_a_batch_is_refused_by_every_engine(
    make: type[Net], engine: str
) -> None:
    """It never runs for one sample at a time instead."""
    model = make()
    before = model.state_dict()
    with pytest.raises(TinygradMLPError) as raised:
        trained(engine, model)
    expected = SampleOrderError if make is Counting else TypeError
    assert isinstance(raised.value, expected)
    for name, array in model.state_dict().items():
        assert (array == before[name]).all()


def test_a_model_that_does_something_else_each_time_is_not_recorded() -> None:
    calls: list[int] = []

    class Fickle(Module):
        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            calls.append(1)
            return [x[0] - F.batch_mean(x[0]) * float(len(calls))]

    with pytest.raises(GraphError, match="did something else when it ran again"):
        SampleRecording(Fickle(), 1, from_logits=False)


class ByBatchFromTheThirdStepOn(Net):
    def __init__(self) -> None:
        super().__init__()
        self.norm.freeze()
        self.calls = 0

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        self.calls += 1
        out = super().forward(x)
        return [a - F.batch_mean(a) for a in out] if self.training and self.calls > 2 * 7 else out


def test_the_first_step_says_whether_the_samples_need_each_other() -> None:
    """Until a callback may have changed it: to try it out costs a copy of the model's state."""
    with pytest.raises(BatchStatisticsError, match="here is one sample alone"):
        trained("eager", ByBatchFromTheThirdStepOn())


class ByHand(Net):
    """It takes what it is handed for a batch, and that is one sample."""

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        rows = [self.hidden.forward(x)]
        means = [F.mean(column) for column in zip(*rows)]
        return self.out.forward([h - mean for h, mean in zip(rows[0], means)])


@pytest.mark.parametrize("loss", ["mean_squared_error", own_loss])
def test_normalization_by_hand_over_one_sample_is_told_of(loss: Any) -> None:
    with pytest.warns(UserWarning, match="it is handed one sample at a time"):
        trained("auto", ByHand(), loss=loss, epochs=1)


class AlwaysByBatch(Net):
    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        return [out - F.batch_mean(out) for out in self.out.forward(self.hidden.forward(x))]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_prediction_that_needs_a_batch_is_refused(engine: str) -> None:
    with pytest.raises(BatchStatisticsError, match=r"if self\.training else"):
        trained(engine, AlwaysByBatch())
    with pytest.raises(BatchStatisticsError, match=r"if self\.training else"):
        predict(AlwaysByBatch(), np.tile(X, (90, 1)))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupted_step_leaves_the_statistics_of_the_last_one(engine: str) -> None:
    class Stops(SGD):
        def step(self) -> None:
            self.stop()
            super().step()

        def step_array(self, parameters: Floats, gradients: Floats) -> None:
            self.stop()
            super().step_array(parameters, gradients)

        def stop(self) -> None:
            if self.step_count == 2:
                raise KeyboardInterrupt

    model, expected = Net(), Net()
    _, history = trained(engine, model, optimizer=Stops(model.parameters(), learning_rate=0.05))
    assert history.interrupted
    fit(
        expected,
        X[:14],
        Y[:14],
        epochs=1,
        batch_size=7,
        shuffle=False,
        optimizer=SGD(expected.parameters(), learning_rate=0.05),
        log_every=None,
        loss="mean_squared_error",
    )
    assert_same_state(model, expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_best_weights_come_with_their_statistics(engine: str) -> None:
    model = Net()
    stopping = EarlyStopping(patience=2)
    _, history = trained(
        engine, model, epochs=12, validation_data=(X[:9], Y[:9][::-1]), callbacks=[stopping]
    )
    error = np.mean((predict(model, X[:9]) - Y[:9][::-1]) ** 2)
    assert_close(error, min(history.validation_loss))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_anomaly_is_found_in_the_batch(engine: str) -> None:
    model = Net(epsilon=0.0)
    for neuron in model.hidden.neurons:
        for w in neuron.w:
            w.data = 0.0
    with detect_anomaly(), pytest.raises(NonFiniteError, match=r"div|reciprocal|sqrt"):
        trained(engine, model)


def test_a_thread_that_predicts_has_the_numbers_of_one_moment() -> None:
    """Weights and statistics are written together, epoch by epoch."""
    model, reference = Net(), Net()
    seen: list[Floats] = []
    expected: list[Floats] = [predict(model, X)]

    class Notes:
        only_looks = True

        def on_epoch_end(self, epoch: int, history: History, model: Any) -> bool:
            expected.append(predict(model, X))
            return False

    trained("compiled", reference, epochs=30, callbacks=[Notes()])
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(predict(model, X))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        trained("compiled", model, epochs=30, callbacks=[Notes()])
    finally:
        done.set()
        watching.join()
    allowed = {row.tobytes() for row in expected}
    assert seen
    assert all([row.tobytes() in allowed for row in seen])


# The layer by itself


def test_a_layer_that_trains_says_why_it_cannot_be_called() -> None:
    with pytest.raises(BatchStatisticsError, match=r"one sample alone.*model\.eval\(\)"):
        BatchNorm(2)([1.0, 2.0])


@pytest.mark.parametrize("affine", [True, False])
def test_a_frozen_layer_takes_its_running_statistics_and_leaves_them(affine: bool) -> None:
    norm = BatchNorm(1, affine=affine)
    assert norm.uses_batch_statistics
    assert not BatchNorm(1).eval().uses_batch_statistics
    assert not norm.freeze().uses_batch_statistics
    program = compile(lambda x: norm([x]), per_sample=True)
    assert_close(program(X[:, 0]), X[:, 0] / np.sqrt(1.00001))
    assert_close([norm([x]).data for x in X[:, 0]], X[:, 0] / np.sqrt(1.00001))
    assert (norm.running_mean[0].data, norm.running_var[0].data) == (0.0, 1.0)
    assert norm.unfreeze().uses_batch_statistics


@pytest.mark.parametrize("engine", ENGINES)
def test_a_training_with_a_frozen_layer_agrees_with_torch(engine: str) -> None:
    """There it is in evaluation mode too. The last batch has one sample, which is fine."""
    model = Net()
    for kept in (*model.norm.running_mean, *model.norm.running_var):
        kept.data = float(_rng.uniform(0.5, 2.0))
    twin = torch_twin(model)
    twin[1].eval().requires_grad_(False)
    optimizer = torch.optim.SGD([p for p in twin.parameters() if p.requires_grad], lr=0.05)
    for _ in range(2):
        for i in range(0, 23, 11):
            optimizer.zero_grad()
            outputs = twin(tensor_of(X[i : i + 11]))[:, 0]
            ((outputs - tensor_of(Y[i : i + 11])) ** 2).mean().backward()
            optimizer.step()
    model.norm.freeze()
    trained(engine, model, epochs=2, batch_size=11)
    assert_same_state(model, twin)


class Unfreezes:
    def on_epoch_end(self, epoch: int, history: History, model: Any) -> bool:
        (model.norm.unfreeze if epoch == 2 else model.norm.freeze)()
        return False


def test_a_layer_that_is_unfrozen_between_epochs_is_trained_by_both_engines() -> None:
    models = [trained(e, epochs=4, callbacks=[Unfreezes()])[0] for e in ENGINES]
    assert models[0].norm.running_mean[0].data != 0.0
    assert_same_state(*models)


def test_the_defaults_are_those_of_torch() -> None:
    ours, theirs = BatchNorm(3), torch.nn.BatchNorm1d(3)
    assert (ours.momentum, ours.epsilon, ours.affine) == (
        theirs.momentum,
        theirs.eps,
        theirs.affine,
    )
    assert list(ours.state_dict()) == list(theirs.state_dict())[:-1]
    for name, array in ours.state_dict().items():
        assert_close(array, theirs.state_dict()[name].double())
    assert [name for name, _ in ours.named_parameters()] == [
        f"{name}.{i}" for name in ("weight", "bias") for i in range(3)
    ]
    assert (ours.n_inputs, ours.n_outputs, len(ours.buffers())) == (3, 3, 6)


def test_without_scales_there_are_buffers_alone() -> None:
    norm = BatchNorm(2, affine=False)
    assert (norm.parameters(), norm.affine) == ([], False)
    assert list(norm.state_dict()) == ["running_mean", "running_var"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"n_features": 0},
            "n_features is 0, but a whole number of at least 1 is needed: n_features=1",
        ),
        ({"momentum": -0.1}, f"momentum is -0.1, but a number >= 0 and <= 1 is needed: {CALL}"),
        ({"momentum": 1.1}, f"momentum is 1.1, but a number >= 0 and <= 1 is needed: {CALL}"),
        ({"momentum": None}, f"momentum is None, but a number >= 0 and <= 1 is needed: {CALL}"),
        ({"epsilon": -1e-9}, f"epsilon is -1e-09, but a number >= 0 is needed: {CALL}"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        BatchNorm(**{"n_features": 2, **arguments})
    assert str(caught.value) == message


@pytest.mark.parametrize(("momentum", "epsilon"), [(0, 1), (1, 0), (0.0, 0.0), (1.0, 7.5)])
def test_the_limits_themselves_will_do(momentum: float, epsilon: float) -> None:
    """Momentum 0 keeps the running statistics, 1 takes those of the batch."""
    norm = BatchNorm(1, momentum=momentum, epsilon=epsilon)
    assert (norm.momentum, norm.epsilon) == (momentum, epsilon)
    theirs = torch.nn.BatchNorm1d(1, momentum=momentum, eps=epsilon or 1e-300).double()
    found = compile(lambda x: norm([x]), per_sample=True)([1.0, 2.0, 6.0])
    assert_close(np.ravel(found), theirs(tensor_of([[1.0], [2.0], [6.0]])).ravel())
    for name, array in norm.state_dict().items():
        assert_close(array, theirs.state_dict()[name])


def test_its_parameters_and_buffers_have_names_of_their_own() -> None:
    norm = BatchNorm(2)
    labels = [[value.label for value in row] for row in (norm.weight, norm.bias)]
    assert labels == [["weight.0", "weight.1"], ["bias.0", "bias.1"]]


def test_the_words_of_torch_are_understood() -> None:
    with pytest.raises(TypeError, match="epsilon"):
        BatchNorm(2, eps=1e-3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="n_features"):
        BatchNorm(num_features=2)  # type: ignore[call-arg]


def test_other_than_n_features_are_refused() -> None:
    with pytest.raises(ShapeError, match="takes 2 inputs, got 3"):
        BatchNorm(2).eval()([1.0, 2.0, 3.0])


def test_the_statistics_are_saved_with_the_weights(tmp_path: Path) -> None:
    model, _ = trained("compiled")
    save_weights(model, tmp_path / "weights.npz")
    other = Net()
    load_weights(other, tmp_path / "weights.npz")
    assert (predict(other, X) == predict(model, X)).all()


def test_a_copy_goes_on_by_itself() -> None:
    model, _ = trained("compiled")
    twin = copy.deepcopy(model)
    trained("compiled", twin)
    assert (predict(twin, X) != predict(model, X)).any()
    trained("compiled", model)
    assert (predict(twin, X) == predict(model, X)).all()


def test_the_summary_has_a_row_for_it() -> None:
    rows = Net().summary().splitlines()
    assert "norm    BatchNorm      (4,)                   8" in rows
    assert rows[-1] == "and 8 buffers, not trained"
    assert repr(BatchNorm(1)) == "BatchNorm of 1 feature"


def test_the_health_of_a_batch_has_a_row_for_it() -> None:
    model = Net()
    loss = squared_error_program(model).eager(X, Y)
    loss.backward()
    assert "norm                8" in str(health(model, loss))


def test_the_step_log_names_its_parameters() -> None:
    model = Net()
    loss = squared_error_program(model).eager(X[:3], Y[:3])
    names = {step.parent.label for step in trace_backward(loss)}
    assert {"norm.weight.0", "norm.bias.3", "hidden.neurons.0.b"} <= names
