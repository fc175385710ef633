"""Models in training and prediction: how often they run, what is put back, what units are seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Final

import numpy as np
import pytest
import torch

from tests.back_ends import as_compiled
from tinygrad_mlp import functional, losses
from tinygrad_mlp.debug import detect_anomaly
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.errors import (
    DataError,
    GraphError,
    InvalidArgumentError,
    NonFiniteError,
    NotANumberError,
    TinygradMLPError,
)
from tinygrad_mlp.losses import as_loss, loss_named
from tinygrad_mlp.nn import MLP, Buffer, Module
from tinygrad_mlp.optim import SGD, Adam
from tinygrad_mlp.training import ENGINES, History, Task, fit, predict
from tinygrad_mlp.training._engines import Objective, mean_of
from tinygrad_mlp.training._outputs import Attributes, check_outputs, recording_of, undisturbed
from tinygrad_mlp.training._units import LayerUnits, Look, look_at

QUIET: Final[dict[str, Any]] = {"log_every": None}
engines = pytest.mark.parametrize("engine", ["eager", "compiled", "auto"])

CALLS: Final[list[Any]] = []


class Counted(MLP):
    """Notes each sample that goes through it."""

    def forward(self, x: Any) -> list[Value]:
        CALLS.append(x)
        return super().forward(x)


# How often a model runs


@pytest.mark.parametrize(
    ("n_inputs", "sizes", "n_one_by_one"),
    [
        (1, [1], 244),  # of 2 parameters: (1500 + 1.3 * 2) / (6 + 2 / 15) is 244.96
        (2, [3, 1], 220),
        (30, [30, 1], 39),  # of 961 parameters
        (60, [60, 1], 24),  # of 3721
    ],
)
def test_from_how_many_samples_on_a_model_is_compiled(
    n_inputs: int, sizes: list[int], n_one_by_one: int
) -> None:
    model = Counted(n_inputs, sizes, rng=0)
    for n_samples in (n_one_by_one, n_one_by_one + 1):
        CALLS.clear()
        predict(model, np.ones((n_samples, n_inputs)))
        assert (len(CALLS) == n_samples) == (n_samples == n_one_by_one)


@pytest.mark.parametrize(("n_samples", "n_tried"), [(1, 1), (15, 15), (16, 16), (17, 16), (40, 16)])
def test_a_model_is_tried_out_on_few_samples(n_samples: int, n_tried: int) -> None:
    X = np.arange(float(n_samples)).reshape(-1, 1)
    for loss, n_needed in (
        (None, 1),  # for the number of outputs
        ("mean_squared_error", 1),
        ("binary_cross_entropy", n_tried),  # all outputs must be probabilities
    ):
        CALLS.clear()
        model = Counted(1, [1], output_activation="sigmoid", rng=0)
        assert check_outputs(model, X, None if loss is None else loss_named(loss)) == 1
        assert X[:n_needed].tolist() == CALLS


@pytest.mark.parametrize("last", ["softmax", "sigmoid", None])
def test_logits_of_many_samples_are_those_of_single_ones(last: str | None) -> None:
    loss = {"softmax": "categorical_cross_entropy", "sigmoid": "binary_cross_entropy_with_logits"}
    model = MLP(2, [3, 2], output_activation=last, rng=1)
    many = np.random.default_rng(0).normal(size=(400, 2))
    task = Task(loss_named(loss.get(last or "", "hinge")))
    task.attach_to(model)
    of_numbers = Task(loss_named("mean_squared_error"))
    plain = predict(model, many, loss=of_numbers.loss)
    expected = [[value.data for value in model.forward(x)] for x in many.tolist()]
    np.testing.assert_allclose(plain, expected, rtol=1e-12)
    logits = np.array([[value.data for value in model.logits(x)] for x in many.tolist()])
    found = task.predictions(logits)
    assert predict(model, many).tolist() == found.tolist()
    assert len({tuple(np.atleast_1d(answer).tolist()) for answer in found}) > 1


# What a model must give


class Giving(Module):
    def __init__(self, given: Callable[[Value], Any]) -> None:
        self.w, self.given = Value(2.5), given

    def forward(self, x: Sequence[Any]) -> list[Value]:
        found: list[Value] = self.given(self.w)
        return found

    def __repr__(self) -> str:
        return "Giving"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (lambda w: [], "[]"),
        (lambda w: (), "()"),
        (lambda w: None, "None"),
        (lambda w: [2.5], "[2.5]"),
        (lambda w: [w, 2.5], None),
        (lambda w: 2.5, "2.5"),
        (lambda w: ["x" * 99], f"['{'x' * 28}…{'x' * 27}']"),
        (lambda w: {w: 1}, None),
    ],
)
def test_a_model_gives_a_list_of_values(given: Any, shown: str | None) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        fit(Giving(given), [[0.0]], [1.0])
    before, _, after = str(caught.value).partition(", but ")
    assert before.startswith("forward of Giving returned ")
    assert shown is None or before.removeprefix("forward of Giving returned ") in (
        shown,
        shown.replace(", label='w'", ""),
    )
    assert after == "a Value or a list of Values is needed: return [self.w * xi for xi in x]"


@pytest.mark.parametrize(
    ("bias", "shown"), [(0.0, None), (1.0, None), (-0.001, "-0.001"), (1.00004, "1"), (2.5, "2.5")]
)
def test_probabilities_lie_between_0_and_1(bias: float, shown: str | None) -> None:
    model = MLP(1, [1], init="zeros")
    model.load_state_dict({"layers.0.weight": [[0.0]], "layers.0.bias": [bias]})
    settings: Any = {"epochs": 1, "learning_rate": 1e-9, "loss": "binary_cross_entropy", **QUIET}
    if shown is None:
        assert fit(model, [[0.0], [1.0]], [0, 1], **settings).n_epochs == 1
        return
    with pytest.raises(InvalidArgumentError) as caught:
        fit(model, [[0.0], [1.0]], [0, 1], **settings)
    assert str(caught.value) == (
        "the loss 'binary_cross_entropy' takes probabilities, but the model gives "
        f"{shown}; make the model with output_activation='sigmoid', or use "
        "loss='binary_cross_entropy_with_logits'"
    )


def test_the_first_output_that_is_no_probability_is_shown() -> None:
    model = MLP(1, [1], init="zeros")
    model.load_state_dict({"layers.0.weight": [[1.0]], "layers.0.bias": [0.0]})
    with pytest.raises(InvalidArgumentError, match=r"the model gives 3; make"):
        fit(model, [[0.5], [3.0], [-2.0]], [0, 1, 1], loss="binary_cross_entropy")


class Switching(Module):
    """A model in which a parameter has a say only while it trains."""

    def __init__(self) -> None:
        self.w, self.mode = Value(1.0), Value(1.0)

    def forward(self, x: Sequence[Any]) -> list[Value]:
        return [self.w * x[0] * self.mode if self.training else self.w * x[0]]


@pytest.mark.parametrize("name", ["w", "mode"])
def test_what_is_no_number_is_named_before_the_model_runs(name: str) -> None:
    model = Switching()
    value = getattr(model, name)
    value.label = name
    value.data = "abc"
    for ask in (
        lambda: fit(model, [[1.0]], [1.0]),
        lambda: Task.for_data(model, [[1.0]], [1.0]),
        lambda: predict(model, [[1.0]]),
    ):
        with pytest.raises(NotANumberError) as caught:
            ask()
        assert str(caught.value).startswith(
            f"the data of the Value {name!r} is no number but the str 'abc'; assign a number"
        )


# What is put back


class Holding(Module):
    """Whatever a model may keep, near and far."""

    def __init__(self) -> None:
        self.w = Value(1.0)
        self.rate, self.name, self.is_on, self.nothing = 0.5, "one", True, None
        self.numbers = [1.0, 2.0]
        self.table: dict[str, Any] = {"a": 1, "b": [3.0]}
        self.pair: Any = ([5.0], {"c": 6})
        self.inner = [MLP(1, [1], rng=0)]
        self.rngs: dict[str, Any] = {
            "one": np.random.default_rng(0),
            "all": (np.random.default_rng(1),),
        }
        self.itself = self


def setting(name: str, value: Any) -> Callable[[Holding], Any]:
    return lambda model: setattr(model, name, value)


CHANGES: Final[dict[str, tuple[Callable[[Holding], Any], str]]] = {
    # what changes, and the attribute of which a recording says that it may not
    "a number": (setting("rate", 0.25), "rate"),
    "a text": (setting("name", "two"), "name"),
    "a truth value": (setting("is_on", False), "is_on"),
    "a number that was none": (setting("nothing", 3), "nothing"),
    "a new number": (setting("new", 3), "new"),
    "nothing any more": (setting("rate", None), ""),
    "a new value": (setting("new", Value(1.0)), ""),
    "another value": (setting("w", Value(1.0)), ""),
    "an attribute less": (lambda m: delattr(m, "rate"), ""),
    "a list": (lambda m: m.numbers.append(3.0), ""),
    "an entry of a list": (lambda m: m.numbers.__setitem__(1, 9.0), ""),
    "a list that is shorter": (lambda m: m.numbers.pop(), ""),
    "another list": (setting("numbers", [1.0, 2.0]), ""),
    "a dict": (lambda m: m.table.update(a=2), "a"),
    "a key of a dict": (lambda m: m.table.update(z=[]), ""),
    "a list in a dict": (lambda m: m.table["b"].append(4.0), ""),
    "a list in a tuple": (lambda m: m.pair[0].clear(), ""),
    "a dict in a tuple": (lambda m: m.pair[1].update(c=7), "c"),
    "a module in a list": (lambda m: setattr(m.inner[0], "training", False), "training"),
    "the order of a dict": (lambda m: m.table.update(a=m.table.pop("a")), ""),
}


def contents(model: Holding) -> list[Any]:
    inner = [vars(module).copy() for module in model.modules()]
    states = [model.rngs["one"].bit_generator.state, model.rngs["all"][0].bit_generator.state]
    lists = [model.numbers[:], list(model.table.items()), model.pair[0][:], dict(model.pair[1])]
    return [inner, states, lists, list(model.table["b"])]


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_model_keeps_is_noticed_and_put_back(change: str) -> None:
    make, name = CHANGES[change]
    model = Holding()
    kept = contents(model)
    before = Attributes(model)
    assert (before.changed(), before.changed_number()) == (False, "")
    make(model)
    assert (before.changed(), before.changed_number()) == (True, name)
    assert not before.generators_were_used()
    before.restore()
    assert not before.changed()
    assert contents(model) == kept
    within: list[AbstractContextManager[None]] = [undisturbed(model)]
    if not name:
        within.append(recording_of(model))
    for block in within:
        with block:
            make(model)
        assert contents(model) == kept
    if name:
        with pytest.raises(GraphError) as caught, recording_of(model):
            make(model)
        assert str(caught.value) == (
            f"the model changes its attribute {name!r}, which a program would not do again; keep "
            "the number in a Buffer and set it with assign(self.count, self.count + 1.0)"
        )
        assert caught.value.reason == f"it changes its attribute {name!r}, and not by assign"
        assert contents(model) == kept


@pytest.mark.parametrize("which", [0, 1])
def test_generators_stand_where_they_stood(which: int) -> None:
    model = Holding()
    generators: Any = [model.rngs["one"], model.rngs["all"][0]]
    kept = contents(model)
    before = Attributes(model)
    generators[which].random()
    assert before.generators_were_used()
    assert not before.changed()
    before.restore()
    assert not before.generators_were_used()
    assert contents(model) == kept
    with pytest.raises(GraphError) as caught, recording_of(model):
        generators[which].random()
    assert str(caught.value) == (
        "the model drew from its generator, which a program would not do again; draw with "
        "functional.uniform(rng), as in where(uniform(rng) < 0.8, x / 0.8, 0.0)"
    )
    assert caught.value.reason == "it drew random numbers, and not by functional.uniform(rng)"
    assert contents(model) == kept


@pytest.mark.parametrize("block", [undisturbed, recording_of])
def test_a_model_is_put_back_where_something_fails(block: Any) -> None:
    model = Holding()
    kept = contents(model)
    with pytest.raises(OSError, match="no"), block(model):  # noqa: PT012
        model.rate = 9.0
        model.numbers.clear()
        raise OSError("no")
    assert contents(model) == kept


class Averaging(Module):
    """Keeps a mean of its outputs, in every mode."""

    def __init__(self, plainly: bool) -> None:
        self.w, self.plainly = Value(0.5), plainly
        self.mean = Buffer(1.0)

    def forward(self, x: Sequence[Any]) -> list[Value]:
        out = self.w * x[0]
        if self.plainly:
            self.mean.data = 0.5 * self.mean.data + 0.5 * out.data
        else:
            assign(self.mean, 0.5 * self.mean + 0.5 * out)
        return [out]


@engines
@pytest.mark.parametrize("plainly", [False, True])
def test_trying_a_model_out_leaves_its_buffers_alone(engine: str, plainly: bool) -> None:
    """The mean is that of the steps alone."""
    model, inputs = Averaging(plainly), [2.0, -1.0, 3.0]
    if plainly and engine == "compiled":
        return  # which says that the number of a Value was read
    optimizer = SGD(model.parameters(), 0.0)
    fit(
        model, [[x] for x in inputs], [1.0, 2.0, 3.0], epochs=2, optimizer=optimizer,
        engine=engine, **QUIET,
    )  # fmt: skip
    mean = 1.0
    for x in inputs * 2:
        mean = 0.5 * mean + 0.5 * 0.5 * x
    assert model.mean.data == pytest.approx(mean, rel=1e-15)


# What a step computes


@pytest.mark.parametrize(
    ("l1", "l2", "numbers", "is_penalized", "penalty"),
    [
        (0.0, 0.0, [3.0], False, 0.0),
        (0.5, 0.0, [3.0, -2.0], True, 2.5),
        (0.0, 0.5, [3.0, -2.0], True, 6.5),
        (2.0, 0.5, [3.0, -2.0], True, 16.5),
        (0.0, 1.0, [1e200], True, float("inf")),
        (0.5, 0.0, [1e200], True, 5e199),
    ],
)
def test_penalties_by_hand(
    l1: float, l2: float, numbers: list[float], is_penalized: bool, penalty: float
) -> None:
    objective = Objective(loss_named("hinge"), l1, l2)
    assert (objective.penalized, objective.penalty(numbers)) == (is_penalized, penalty)


@engines
def test_a_penalty_of_strength_0_is_none_however_large_the_weights(engine: str) -> None:
    model, X, y = MLP(1, [1], init="zeros"), np.array([[0.0]]), np.array([[1.0]])
    model.parameters()[0].data = 1e200
    objective = Objective(loss_named("mean_absolute_error"), l1=0.5)
    assert objective.value(model, X, y, model.parameters()).data == 5e199
    settings: Any = {"loss": "mean_absolute_error", "l1": 0.5, "engine": engine, "log_every": None}
    history = fit(model, X, y, epochs=1, optimizer=SGD(model.parameters(), 0.0), **settings)
    assert (history.loss, history.penalty) == ([1.0], [5e199])


@pytest.mark.parametrize(
    ("numbers", "mean"),
    [([1.0, 2.0], 1.5), ([1e308] * 3, float("inf")), ([-1e308] * 3, -float("inf"))],
)
def test_a_mean_without_a_warning(numbers: list[float], mean: float) -> None:
    assert mean_of(numbers) == mean
    assert np.isnan(mean_of([float("inf"), -float("inf")]))


@engines
@pytest.mark.parametrize("n_samples", [1, 31, 32, 33, 64, 70])
@pytest.mark.parametrize("kind", ["by name", "own"])
def test_the_gradient_of_any_number_of_samples_is_that_of_torch(
    engine: str, n_samples: int, kind: str
) -> None:
    rng = np.random.default_rng(n_samples)
    X, y = rng.normal(size=(n_samples, 2)), rng.normal(size=(n_samples, 2))

    def own(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        rows = zip(outputs, targets)
        squares = [(o - t) ** 2 for row, target in rows for o, t in zip(row, target)]
        return functional.mean(squares)

    model = MLP(2, [2], rng=0)
    start = {
        name: torch.tensor(array, requires_grad=True) for name, array in model.state_dict().items()
    }
    loss: Any = own if kind == "own" else "mean_squared_error"
    history = fit(
        model, X, y, loss=loss, epochs=1, learning_rate=0.5, l1=0.25, l2=0.125, engine=engine,
        **QUIET,
    )  # fmt: skip
    weight, bias = start["layers.0.weight"], start["layers.0.bias"]
    squares = torch.nn.functional.mse_loss(torch.tensor(X) @ weight.T + bias, torch.tensor(y))
    penalty = 0.25 * (weight.abs().sum() + bias.abs().sum())
    penalty = penalty + 0.125 * ((weight**2).sum() + (bias**2).sum())
    (squares + penalty).backward()
    assert history.loss == [pytest.approx(squares.item(), rel=1e-12)]
    assert history.penalty == [pytest.approx(float(penalty.detach()), rel=1e-12)]
    for name, parameter in start.items():
        assert parameter.grad is not None
        expected = (parameter - 0.5 * parameter.grad).detach().numpy()
        np.testing.assert_allclose(model.state_dict()[name], expected, rtol=1e-11, atol=1e-14)


class Nameless:
    def __call__(self, outputs: Sequence[Any], targets: Sequence[Any]) -> Any:
        return 3.0

    def __repr__(self) -> str:
        return "Nameless()"


def named(outputs: Sequence[Any], targets: Sequence[Any]) -> Any:
    return None


@pytest.mark.parametrize(
    ("loss", "name", "shown"),
    [
        (named, "named", "None"),
        (Nameless(), "Nameless()", "3.0"),
        (partial(named), None, ""),
    ],
)
def test_a_loss_of_ones_own_returns_one_value(loss: Any, name: str | None, shown: str) -> None:
    if name is None:
        with pytest.raises(InvalidArgumentError, match=r"^the loss functools\.partial\("):
            as_loss(loss).of_batch([[Value(1.0)]], [[1.0]])
        return
    for engine in ("eager", "auto"):
        with pytest.raises(InvalidArgumentError) as caught:
            fit(MLP(1, [1]), [[1.0], [2.0]], [1.0, 2.0], loss=loss, engine=engine)
        assert str(caught.value) == (
            f"the loss {name}(outputs, targets) returned {shown}, but it must return one Value, "
            "the loss of the batch; for example functional.mean([(o - t) ** 2 for o, t in "
            "zip(outputs, targets)])"
        )


@engines
def test_targets_of_a_loss_of_ones_own_are_checked_where_a_known_one_takes_them(
    engine: str,
) -> None:
    """In every batch, as they are not known to be checked before."""

    def own(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        value: Value = losses.binary_cross_entropy(outputs, targets)
        return value

    model = MLP(1, [1], output_activation="sigmoid", rng=0)
    settings: Any = {"loss": own, "batch_size": 2, "shuffle": False, "engine": engine, **QUIET}
    with pytest.raises(DataError, match=r"between, got 3;"):
        fit(model, [[0.0], [1.0], [2.0], [3.0]], [0.0, 0.5, 1.0, 3.0], epochs=1, **settings)
    assert fit(model, [[0.0], [1.0]], [0.0, 0.5], epochs=1, **settings).completed


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("l1", [0.0, 0.5])
def test_what_an_engine_keeps_of_a_step(name: str, l1: float) -> None:
    model = MLP(1, [2], init="zeros")
    model.load_state_dict({"layers.0.weight": [[1.0], [2.0]], "layers.0.bias": [0.0, -3.0]})
    objective = Objective(loss_named("mean_squared_error"), l1)
    engine = ENGINES[name](model, objective, SGD(model.parameters(), 0.1))
    X, targets = np.array([[1.0], [2.0], [3.0]]), np.zeros((3, 2))
    assert engine.step(X, targets) == pytest.approx((1 + 1 + 4 + 1 + 9 + 9) / 6, rel=1e-15)
    assert engine.batch_penalty == 6.0 * l1
    assert engine.batch_outputs.tolist() == [[1.0, -1.0], [2.0, 1.0], [3.0, 3.0]]
    loss, outputs = engine.evaluate(X, targets)
    assert loss == pytest.approx(25 / 6, rel=1e-15)
    assert outputs.tolist() == [[1.0, -1.0], [2.0, 1.0], [3.0, 3.0]]


@pytest.mark.parametrize("by_hand", ["step", "step_array"])
def test_an_optimizer_may_have_stepped_by_hand_before(by_hand: str) -> None:
    found = []
    for name in ENGINES:
        model = MLP(1, [1], init="zeros")
        optimizer = Adam(model.parameters(), learning_rate=0.1)
        if by_hand == "step":
            for parameter in model.parameters():
                parameter.grad = 1.0
            optimizer.step()
        else:
            optimizer.step_array(np.zeros(2), np.ones(2))
            for parameter in model.parameters():
                parameter.data = -0.1
        fit(model, [[1.0], [2.0]], [1.0, 2.0], epochs=2, optimizer=optimizer, engine=name, **QUIET)
        assert optimizer.step_count == 3
        found.append([parameter.data for parameter in model.parameters()])
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert found[1] == pytest.approx(found[2], rel=1e-12)


# Falling back


class Ended:
    """Keeps which engine it was at the end."""

    engine = ""

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        pass

    def on_training_end(self, history: History, model: Module) -> None:
        self.engine = history.engine


@pytest.mark.parametrize("validated", [False, True])
def test_an_error_that_comes_later_is_raised_at_once(validated: bool) -> None:
    n_eager: list[int] = []

    def loss(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        if isinstance(targets[0], float):
            n_eager.append(1)
            if len(n_eager) == 2:
                raise InvalidArgumentError("no such loss")
        return own_of_one(outputs) if outputs[0] > 0.0 else -1.0 * own_of_one(outputs)

    ended = Ended()
    batch_size = None if validated else 1  # in an evaluation, or in the second step
    held_out: Any = ([[1.0], [2.0]], [1.0, 2.0]) if validated else None
    with pytest.raises(InvalidArgumentError, match="no such loss"):
        fit(
            MLP(1, [1], rng=0), [[1.0], [2.0]], [1.0, 2.0], loss=loss, batch_size=batch_size,
            validation_data=held_out, callbacks=[ended], **QUIET,
        )  # fmt: skip
    assert len(n_eager) == 2
    assert ended.engine == (
        "eager (not compiled: it was used as a truth value (if, and, or, not, min, max))"
    )


def own_of_one(outputs: Sequence[Any]) -> Value:
    value: Value = outputs[0] * outputs[0]
    return value


def test_what_detect_anomaly_finds_is_no_reason_to_fall_back() -> None:
    ended, model = Ended(), MLP(1, [1], rng=0)
    model.load_state_dict({"layers.0.weight": [[1e300]], "layers.0.bias": [0.0]})
    with pytest.raises(NonFiniteError), detect_anomaly():
        fit(model, [[1.0], [2.0]], [1.0, 2.0], callbacks=[ended], **QUIET)
    assert as_compiled(ended.engine) == "compiled"


class After(Module):
    """A line, and something after it."""

    def __init__(self, after: Callable[[Value], Value]) -> None:
        self.w, self.b, self.after = Value(0.5), Value(0.25), after

    def forward(self, x: Sequence[Any]) -> list[Value]:
        return [self.after(self.w * x[0] + self.b)]


@pytest.mark.parametrize(
    ("after", "name"),
    [
        (lambda out: out, "compiled"),
        (
            lambda out: out if out > 0.0 else -out,
            "eager (not compiled: it was used as a truth value (if, and, or, not, min, max))",
        ),
    ],
)
def test_the_name_of_the_engine_says_why(after: Any, name: str) -> None:
    history = fit(After(after), [[1.0], [-2.0]], [1.0, 2.0], epochs=2, **QUIET)
    assert as_compiled(history.engine) == name
    with pytest.raises(TinygradMLPError) if name != "compiled" else nullcontext():
        fit(After(after), [[1.0], [-2.0]], [1.0, 2.0], epochs=2, engine="compiled", **QUIET)


class CountingPredictions(After):
    """A model whose samples are no longer independent once it predicts."""

    def __init__(self, after: Callable[[Value], Value]) -> None:
        super().__init__(after)
        self.count = Buffer(1.0)

    def forward(self, x: Sequence[Any]) -> list[Value]:
        if not self.training:
            assign(self.count, 0.5 * self.count)
            return [super().forward(x)[0] * self.count]
        return super().forward(x)


def test_what_was_learned_stays_where_whole_batches_are_recorded_at_last() -> None:
    runs = []
    for engine in ("eager", "auto"):
        model = CountingPredictions(lambda out: out)
        history = fit(
            model, [[1.0], [-2.0]], [1.0, 2.0], epochs=4, engine=engine, batch_size=1,
            shuffle=False, validation_data=([[1.0], [3.0]], [0.5, 1.0]), **QUIET,
        )  # fmt: skip
        numbers = [model.w.data, model.b.data, model.count.data]
        runs.append([*history.loss, *history.validation_loss, *numbers])
    assert (
        as_compiled(history.engine)
        == "compiled (for whole batches: it assigns from sample to sample)"
    )
    assert runs[0] == pytest.approx(runs[1], rel=1e-12)


# Units


def seen(model: Module, X: Any, y: Any, loss: Any = "mean_absolute_error") -> Look:
    task, samples = Task.for_data(model, np.array(X), np.array(y), loss)
    look = look_at(model, task, samples)
    assert look is not None
    return look


def units_at(activation: str, *outputs: float) -> MLP:
    """A model whose hidden units give these numbers for any sample."""
    inverse: dict[str, Any] = {
        "relu": lambda p: p if p > 0.0 else -1.0,
        "tanh": np.arctanh,
        "sigmoid": lambda p: -np.log(1.0 / p - 1.0),
    }
    model = MLP(1, [len(outputs), 1], activation, init="zeros")
    state: Any = model.state_dict()
    state["layers.0.bias"] = [inverse[activation](p) for p in outputs]
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize(
    ("activation", "outputs", "n_lost"),
    [
        ("relu", [0.0, 0.0, 1e-9, 5.0], 2),
        ("tanh", [0.981, -0.981, 0.979, -0.979, 0.0], 2),
        ("sigmoid", [0.991, 0.009, 0.989, 0.011, 0.5], 2),
    ],
)
def test_units_within_a_hundredth_of_an_end(
    activation: str, outputs: list[float], n_lost: int
) -> None:
    look = seen(units_at(activation, *outputs), [[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0])
    (layer,) = look.layers
    assert layer == LayerUnits("layers.0", activation, len(outputs), n_lost, 3)
    assert (layer.n_dead, layer.n_saturated) == (
        (n_lost, 0) if activation == "relu" else (0, n_lost)
    )
    assert (look.loss, look.n_samples) == (2.0, 3)


def test_layers_come_from_the_input_to_the_output() -> None:
    model = MLP(1, [3, 2, 4, 1], ["relu", "tanh", "sigmoid"], init="zeros")
    look = seen(model, [[1.0]], [1.0])
    assert look.layers == (
        LayerUnits("layers.0", "relu", 3, 3, 1),
        LayerUnits("layers.1", "tanh", 2, 0, 1),
        LayerUnits("layers.2", "sigmoid", 4, 0, 1),
    )


class Two(Module):
    """Units of two kinds, one of them used twice, and one that no parameter stands behind."""

    def __init__(self) -> None:
        self.z, self.a = Value(-1.0), Value(9.0)
        self.count = Buffer(0.0)

    def forward(self, x: Sequence[Any]) -> list[Value]:
        self.count.data += 1.0
        first = (self.z * x[0]).relu() + (self.z * (x[0] + 5.0)).relu()
        second = (self.a * (x[0] + first)).tanh()
        return [first + second + functional.tanh(x[0]), second]


def test_units_that_share_their_weights_count_as_one() -> None:
    model = Two()
    look = seen(model, [[1.0], [2.0]], [[1.0, 1.0], [2.0, 2.0]], "mean_squared_error")
    assert look.layers == (LayerUnits("z", "relu", 1, 1, 2), LayerUnits("a", "tanh", 1, 1, 2))
    assert model.count.data == 0.0
    alive = seen(model, [[1.0], [-2.0]], [[1.0, 1.0], [2.0, 2.0]], "mean_squared_error")
    assert [layer.n_lost for layer in alive.layers] == [0, 0]


def test_the_loss_of_ones_own_is_not_known_of_single_samples() -> None:
    def own(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
        return functional.mean(outputs)

    look = seen(units_at("relu", 0.0, 1.0), [[1.0], [2.0]], [1.0, 2.0], own)
    assert np.isnan(look.loss)
    assert look.layers == (LayerUnits("layers.0", "relu", 2, 1, 2),)


def test_a_mean_loss_that_is_too_large_is_no_warning() -> None:
    model = MLP(1, [1], init="zeros")
    model.load_state_dict({"layers.0.weight": [[1e308]], "layers.0.bias": [0.0]})
    assert seen(model, [[1.0], [1.5]], [0.0, 1.0]) == Look(float("inf"), 2, ())


class Choosing(Module):
    """What cannot be compiled, of five parameters."""

    def __init__(self) -> None:
        self.w, self.b = Value(1.0), Value(0.0)
        self.others = [Value(0.0) for _ in range(3)]

    def forward(self, x: Sequence[Any]) -> list[Value]:
        inner = self.w * x[0] + self.b
        CALLS.append(x[0])
        return [inner.relu() if inner.data > 3.0 else inner.relu() * 1.0]


@pytest.mark.parametrize(
    ("n_samples", "n_seen"), [(1920, 1920), (1921, 1921), (4000, 4000), (4001, 1920)]
)
def test_how_many_samples_of_a_model_that_is_not_compiled_are_looked_at(
    n_samples: int, n_seen: int
) -> None:
    """200000 // (100 + 5) + 16 of them where samples times parameters are more than 20000."""
    assert 200_000 // 105 + 16 == 1920
    X = np.arange(float(n_samples)).reshape(-1, 1)
    model = Choosing()
    task, samples = Task.for_data(model, X, X[:, 0], "mean_squared_error")
    CALLS.clear()
    look = look_at(model, task, samples)
    assert look is not None
    assert look.n_samples == n_seen
    plain = [number for number in CALLS if isinstance(number, float)]
    assert plain == [float(int(i)) for i in np.linspace(0, n_samples - 1, n_seen)]
    assert look.layers == (LayerUnits("w", "relu", 1, 0, n_seen),)
    assert look.loss == 0.0


@pytest.fixture(autouse=True)
def _no_calls() -> Iterator[None]:
    CALLS.clear()
    yield
    CALLS.clear()
