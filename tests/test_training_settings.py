"""What ``fit`` makes of what it is asked for: names, numbers, callbacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from tests.back_ends import as_compiled
from tinygrad_mlp.debug import HealthMonitor
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import (
    SGD,
    Adam,
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    PlateauSchedule,
    Schedule,
    StepSchedule,
    WarmupSchedule,
)
from tinygrad_mlp.training import (
    Checkpoint,
    EarlyStopping,
    History,
    find_learning_rate,
    fit,
    predict,
)
from tinygrad_mlp.training._progress import Progress

X: Final = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [2.0, -1.0], [0.5, 0.25]])
Y: Final = X[:, 0] - 0.5 * X[:, 1]
LABELS: Final = [0, 1, 0, 1, 1]


def trained(y: Any = Y, **settings: Any) -> History:
    settings = {"epochs": 3, "log_every": None, "rng": 0, **settings}
    return fit(MLP(2, [1], rng=0), X, y, **settings)


UNASKED: Final[dict[Callable[..., Any], dict[str, Any]]] = {
    fit: {
        "epochs": 100,
        "batch_size": None,
        "loss": None,
        "optimizer": "sgd",
        "learning_rate": None,
        "schedule": None,
        "l1": 0.0,
        "l2": 0.0,
        "clip_norm": None,
        "clip_value": None,
        "sample_weight": None,
        "class_weight": None,
        "augment": None,
        "validation_data": None,
        "shuffle": True,
        "rng": None,
        "log_every": 100,
        "progress": None,
        "callbacks": (),
        "engine": "auto",
        "backend": "auto",
        "resume": None,
        "save_every": None,
    },
    find_learning_rate: {
        "batch_size": None,
        "loss": None,
        "optimizer": "sgd",
        "l1": 0.0,
        "l2": 0.0,
        "clip_norm": None,
        "clip_value": None,
        "shuffle": True,
        "rng": None,
        "engine": "auto",
        "backend": "auto",
        "start": 1e-7,
        "end": 10.0,
        "n_steps": 100,
        "smoothing": 0.9,
    },
    HealthMonitor: {"loss_of": None, "n_samples": 32, "every": 1, "stop_when": ()},
    predict: {"loss": None},
    EarlyStopping: {"patience": 10, "min_delta": 0.0, "monitor": None, "restore_best": True},
    Checkpoint: {"every": 1, "best_only": False, "monitor": None},
    Progress: {"log_every": 100, "bar": None, "worded": None},
}


@pytest.mark.parametrize("function", UNASKED)
def test_what_is_done_unasked(function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters.values()
    found = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert found == UNASKED[function]


def test_samples_come_in_a_new_order_unasked() -> None:
    settings: Any = {"batch_size": 2, "epochs": 4}
    shuffled = trained(**settings)
    assert shuffled.loss == trained(shuffle=True, **settings).loss
    assert shuffled.loss != trained(shuffle=False, **settings).loss
    assert shuffled.loss != trained(**{**settings, "rng": 1}).loss


# Optimizers


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("sgd", 0.1),
        ("rmsprop", 0.01),
        ("adam", 0.01),
        ("adamw", 0.01),
        ("SGD", 0.1),
        ("Adam", 0.01),
    ],
)
def test_the_learning_rate_of_an_optimizer_by_name(name: str, rate: float) -> None:
    assert trained(optimizer=name).learning_rate == [rate] * 3
    assert trained(optimizer=name, learning_rate=0.25).learning_rate == [0.25] * 3


def test_an_optimizer_without_parameters_gets_those_of_the_model() -> None:
    optimizer = SGD(learning_rate=0.1)
    model = MLP(2, [1], rng=0)
    history = fit(model, X, Y, epochs=3, optimizer=optimizer, log_every=None)
    assert history.loss == trained().loss
    assert optimizer.parameters == model.parameters()


def test_an_optimizer_of_another_model_is_refused_in_words() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        trained(optimizer=SGD(MLP(2, [1]).parameters()))
    assert str(caught.value) == (
        "SGD(learning_rate=0.001, momentum=0.0, nesterov=False, weight_decay=0.0) holds none of "
        "the parameters of the model; make it for this model: SGD(model.parameters())"
    )


def test_one_learning_rate_is_enough() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        trained(optimizer=Adam(), learning_rate=0.5)
    assert "learning_rate=0.5 goes with an optimizer given by name; Adam(" in str(caught.value)
    assert str(caught.value).endswith("has its own: Adam(model.parameters(), learning_rate=0.5)")


# Schedules

SCHEDULES: Final[list[tuple[str, int, Schedule]]] = [
    ("constant", 4, ConstantSchedule()),
    ("step", 1, StepSchedule(1)),
    ("step", 2, StepSchedule(1)),
    ("step", 7, StepSchedule(2)),
    ("STEP", 9, StepSchedule(3)),
    ("exponential", 1, ExponentialSchedule(0.01)),
    ("exponential", 2, ExponentialSchedule(0.1)),
    ("Exponential", 4, ExponentialSchedule(0.01**0.25)),
    ("cosine", 1, CosineSchedule(1)),
    ("cosine", 6, CosineSchedule(6)),
    ("warmup", 6, WarmupSchedule(1)),
    ("warmup", 19, WarmupSchedule(1)),
    ("warmup", 20, WarmupSchedule(2)),
    ("warmup", 37, WarmupSchedule(3)),
    ("plateau", 4, PlateauSchedule()),
]


@pytest.mark.parametrize(("name", "epochs", "schedule"), SCHEDULES)
def test_a_schedule_by_name_spans_the_epochs(name: str, epochs: int, schedule: Schedule) -> None:
    found = trained(epochs=epochs, schedule=name)
    assert found.learning_rate == trained(epochs=epochs, schedule=schedule).learning_rate
    assert len(found.learning_rate) == epochs


def test_a_schedule_that_watches_an_accuracy_wants_a_loss_that_has_one() -> None:
    schedule = PlateauSchedule(mode="max")
    with pytest.raises(InvalidArgumentError) as caught:
        trained(schedule=schedule)
    assert str(caught.value) == (
        f"{schedule!r} watches an accuracy, but there is none to be counted with the loss "
        "'mean_squared_error'; for a loss take PlateauSchedule(mode='min')"
    )
    assert trained(LABELS, schedule=schedule).completed


# Numbers


def test_the_least_numbers_that_will_do() -> None:
    settings: Any = {"epochs": 1, "batch_size": 1, "log_every": 0, "l1": 0, "l2": 0.0}
    history = trained(**settings, clip_norm=1e-300, clip_value=1e-300, learning_rate=1.0)
    assert history.completed
    assert history.penalty == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs is 0, but a whole number of at least 1 is needed: epochs=1"),
        ({"batch_size": 0}, "batch_size is 0, but a whole number of at least 1 is needed: "),
        ({"batch_size": 2.0}, "batch_size is 2.0, but a whole number of at least 1 is needed: "),
        ({"log_every": -1}, "log_every is -1, but a whole number of at least 0 is needed: "),
        ({"log_every": 1.5}, "log_every is 1.5, but a whole number of at least 0 is needed: "),
        ({"l1": -1e-9}, "l1 is -1e-09, but a number >= 0 is needed: l1=0.001"),
        ({"l2": -1e-9}, "l2 is -1e-09, but a number >= 0 is needed: l2=0.001"),
        ({"clip_norm": 0}, "clip_norm is 0, but a number > 0 is needed: clip_norm=0.001"),
        ({"clip_value": 0.0}, "clip_value is 0.0, but a number > 0 is needed: clip_value=0.001"),
    ],
)
def test_numbers_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        trained(**settings)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_limits_of_gradients_are_those_that_were_asked_for(engine: str) -> None:
    """From weights of 0 the step is the limited gradient times the rate."""
    moved = []
    for limits in (
        {},
        {"clip_norm": 0.5},
        {"clip_value": 0.25},
        {"clip_norm": 0.5, "clip_value": 0.25},
    ):
        model = MLP(2, [1], init="zeros")
        settings: Any = {"epochs": 1, "learning_rate": 1.0, "log_every": None, **limits}
        fit(model, X, Y, engine=engine, **settings)
        moved.append(np.concatenate([array.ravel() for array in model.state_dict().values()]))
    full = moved[0]  # minus the gradient
    assert np.linalg.norm(full) > 0.5
    short = full * (0.5 / (np.linalg.norm(full) + 1e-6))  # as torch does
    np.testing.assert_allclose(moved[1], short, rtol=1e-12)
    np.testing.assert_allclose(moved[2], np.clip(full, -0.25, 0.25), rtol=1e-12)
    np.testing.assert_allclose(moved[3], np.clip(short, -0.25, 0.25), rtol=1e-12)


# Callbacks


class Keeping:
    """A callback that says of itself what ``fit`` asks."""

    def __init__(self, keeps_weights: Any = True, **attributes: Any) -> None:
        if keeps_weights is not None:
            self.keeps_weights = keeps_weights
        vars(self).update(attributes)

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        pass


@pytest.mark.parametrize(
    ("callback", "without", "beside"),
    [
        (EarlyStopping(), True, False),
        (EarlyStopping(monitor="loss"), True, True),
        (EarlyStopping(monitor="accuracy"), True, True),
        (EarlyStopping(monitor="validation_loss"), None, False),
        (EarlyStopping(monitor="validation_accuracy"), None, False),
        (Keeping(), True, False),
        (Keeping(None), False, False),
        (Keeping(False), False, False),
        (Keeping(None, monitor="loss"), False, False),
        (Keeping(monitor="else"), False, False),
        (Keeping(None, inner=EarlyStopping()), True, False),
        (Keeping(None, inner=[{"a": (EarlyStopping(monitor="loss"),)}]), True, True),
        (Keeping(None, inner=Keeping(None, inner=EarlyStopping(monitor="loss"))), True, True),
        (Keeping(None, inner=EarlyStopping), False, False),
    ],
)
def test_for_which_callbacks_the_training_data_are_measured(
    callback: Any, without: bool | None, beside: bool
) -> None:
    if without is not None:  # else it has nothing to watch
        history = trained(LABELS, callbacks=[callback, callback], epochs=2)
        assert len(history.epoch_end_loss) == len(history.epoch_end_accuracy) == 2 * without
        assert history.epoch_end_penalty == []
    history = trained(LABELS, callbacks=[callback], epochs=2, validation_data=(X, LABELS), l2=0.1)
    for numbers in (
        history.epoch_end_loss,
        history.epoch_end_penalty,
        history.epoch_end_accuracy,
    ):
        assert len(numbers) == 2 * beside


def test_callbacks_come_in_any_collection_or_alone() -> None:
    for callbacks in (
        EarlyStopping(1),
        (EarlyStopping(1),),
        iter([EarlyStopping(1)]),
        {1: 2, EarlyStopping(1): 3}.keys() - {1},
    ):
        history = trained(epochs=50, learning_rate=1.5, callbacks=callbacks)
        assert history.reason.startswith("stopped by EarlyStopping")


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (
            [EarlyStopping(), print],
            "callbacks[1] is <built-in function print>, but an object with ",
        ),
        (
            [EarlyStopping],
            "callbacks[0] is <class 'tinygrad_mlp.training._callbacks.EarlyStopping'",
        ),
        (
            3,
            "callbacks[0] is 3, but an object with the method on_epoch_end(epoch, history, model) ",
        ),
    ],
)
def test_what_is_no_callback(callbacks: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        trained(callbacks=callbacks)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("is needed: callbacks=[EarlyStopping()]")


# Engines


@pytest.mark.parametrize(
    ("name", "found"),
    [("eager", "eager"), ("compiled", "compiled"), ("auto", "compiled"), ("EAGER", "eager")],
)
def test_an_engine_by_name(name: str, found: str) -> None:
    assert as_compiled(trained(engine=name).engine) == found


def test_an_unknown_engine_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        trained(engine=None)
    assert str(caught.value) == "unknown engine None; known: auto, compiled, eager"


# Validation data


@pytest.mark.parametrize("pair", [(X, Y), [X, Y]])
def test_validation_data_are_a_pair(pair: Any) -> None:
    assert len(trained(validation_data=pair).validation_loss) == 3


@pytest.mark.parametrize("given", [(X, Y, Y, Y), (X,), X, {"X": X, "y": Y}, "ab"])
def test_what_is_no_pair(given: Any) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        trained(validation_data=given)
    assert str(caught.value) == (
        "validation_data must be a pair (X, y) of features and targets, or (X, y, sample_weight): "
        "fit(model, X_train, y_train, validation_data=(X_test, y_test))"
    )
