"""The settings of every optimizer: defaults, limits, and what is said of one that is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError, UnknownNameError
from tinygrad_mlp.optim import SGD, Adam, Optimizer, RMSprop, make_optimizer, make_schedule

NOT_BELOW_0 = "a number >= 0 is needed"
ABOVE_0 = "a number > 0 is needed"
UP_TO_1 = "a number >= 0 and <= 1 is needed"
BELOW_1 = "a number >= 0 and < 1 is needed"

FROM_1 = "a whole number of at least 1 is needed"
FROM_0 = "a whole number of at least 0 is needed"

SETTINGS = [
    ("sgd", "learning_rate", NOT_BELOW_0, "SGD(parameters, learning_rate=0.001)"),
    ("sgd", "momentum", UP_TO_1, "SGD(parameters, momentum=0.9)"),
    ("sgd", "weight_decay", NOT_BELOW_0, "SGD(parameters, weight_decay=0.0001)"),
    ("rmsprop", "learning_rate", NOT_BELOW_0, "RMSprop(parameters, learning_rate=0.001)"),
    ("rmsprop", "alpha", BELOW_1, "RMSprop(parameters, alpha=0.99)"),
    ("rmsprop", "epsilon", ABOVE_0, "RMSprop(parameters, epsilon=1e-08)"),
    ("rmsprop", "momentum", UP_TO_1, "RMSprop(parameters, momentum=0.9)"),
    ("rmsprop", "weight_decay", NOT_BELOW_0, "RMSprop(parameters, weight_decay=0.0001)"),
    ("adam", "learning_rate", NOT_BELOW_0, "Adam(parameters, learning_rate=0.001)"),
    ("adam", "beta1", BELOW_1, "Adam(parameters, beta1=0.9)"),
    ("adam", "beta2", BELOW_1, "Adam(parameters, beta2=0.999)"),
    ("adam", "epsilon", ABOVE_0, "Adam(parameters, epsilon=1e-08)"),
    ("adam", "weight_decay", NOT_BELOW_0, "Adam(parameters, weight_decay=0.01)"),
    ("adamw", "learning_rate", NOT_BELOW_0, "AdamW(parameters, learning_rate=0.001)"),
    ("adamw", "beta1", BELOW_1, "AdamW(parameters, beta1=0.9)"),
    ("adamw", "weight_decay", NOT_BELOW_0, "AdamW(parameters, weight_decay=0.01)"),
]
SCHEDULES = {
    "step": "StepSchedule(step_size=30, gamma=0.1)",
    "exponential": "ExponentialSchedule(gamma=0.95)",
    "cosine": "CosineSchedule(n_epochs=100, final_factor=0.0)",
    "warmup": "WarmupSchedule(n_epochs=5, then=CosineSchedule(n_epochs=95), start_factor=0.1)",
    "plateau": "PlateauSchedule(factor=0.1, patience=10)",
}
LIMITS: dict[str, tuple[list[Any], list[Any]]] = {
    NOT_BELOW_0: ([0.0, 1e9], [-1e-9]),
    ABOVE_0: ([1e-300, 1e9], [0.0]),
    UP_TO_1: ([0.0, 1.0], [-1e-9, 1.0 + 1e-9]),
    BELOW_1: ([0.0, 1.0 - 1e-9], [-1e-9, 1.0]),
    FROM_1: ([1, 2], [0, 1.0]),
    FROM_0: ([0, 1], [-1, 0.0]),
}
OF_SCHEDULES: list[tuple[str, dict[str, Any], str, str]] = [
    ("step", {}, "step_size", FROM_1),
    ("step", {"step_size": 2}, "gamma", ABOVE_0),
    ("exponential", {}, "gamma", ABOVE_0),
    ("cosine", {}, "n_epochs", FROM_1),
    ("cosine", {"n_epochs": 2}, "final_factor", NOT_BELOW_0),
    ("warmup", {}, "n_epochs", FROM_1),
    ("warmup", {"n_epochs": 2}, "start_factor", UP_TO_1),
    ("plateau", {}, "factor", BELOW_1),
    ("plateau", {}, "patience", FROM_0),
    ("plateau", {}, "threshold", BELOW_1),
    ("plateau", {}, "cooldown", FROM_0),
    ("plateau", {}, "minimum_factor", UP_TO_1),
]


@pytest.mark.parametrize(("name", "setting", "needed", "call"), SETTINGS)
def test_a_setting_has_its_limits(name: str, setting: str, needed: str, call: str) -> None:
    inside, outside = LIMITS[needed]
    make: Any = make_optimizer
    for number in inside:
        assert getattr(make(name, **{setting: number}), setting) == number
    for wrong in (*outside, "x", None, float("nan"), True):
        with pytest.raises(InvalidArgumentError) as caught:
            make(name, **{setting: wrong})
        assert str(caught.value) == f"{setting} is {wrong!r}, but {needed}: {call}"


@pytest.mark.parametrize(("name", "others", "setting", "needed"), OF_SCHEDULES)
def test_a_setting_of_a_schedule_has_its_limits(
    name: str, others: dict[str, Any], setting: str, needed: str
) -> None:
    inside, outside = LIMITS[needed]
    for number in inside:
        assert getattr(make_schedule(name, **others, **{setting: number}), setting) == number
    for wrong in (*outside, "x", None, True):
        with pytest.raises(InvalidArgumentError) as caught:
            make_schedule(name, **others, **{setting: wrong})
        assert str(caught.value) == f"{setting} is {wrong!r}, but {needed}: {SCHEDULES[name]}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("sgd", "SGD(learning_rate=0.001, momentum=0.0, nesterov=False, weight_decay=0.0)"),
        (
            "rmsprop",
            "RMSprop(learning_rate=0.01, alpha=0.99, epsilon=1e-08, momentum=0.0, centered=False, "
            "weight_decay=0.0)",
        ),
        (
            "adam",
            "Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.0)",
        ),
        (
            "adamw",
            "AdamW(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.01)",
        ),
    ],
)
def test_the_defaults_are_those_of_torch(name: str, shown: str) -> None:
    optimizer = make_optimizer(name)
    assert repr(optimizer) == shown
    assert optimizer.parameters == []
    assert optimizer.initial_learning_rate == optimizer.learning_rate
    assert optimizer.step_count == 0


@pytest.mark.parametrize(
    ("name", "settings", "shown"),
    [
        ("constant", {}, "ConstantSchedule()"),
        ("step", {"step_size": 3}, "StepSchedule(step_size=3, gamma=0.1)"),
        ("exponential", {"gamma": 2}, "ExponentialSchedule(gamma=2.0)"),
        ("cosine", {"n_epochs": 3}, "CosineSchedule(n_epochs=3, final_factor=0.0)"),
        (
            "warmup",
            {"n_epochs": 3},
            f"WarmupSchedule(n_epochs=3, then=ConstantSchedule(), start_factor={1 / 3})",
        ),
        (
            "plateau",
            {},
            "PlateauSchedule(factor=0.1, patience=10, threshold=0.0001, threshold_mode='rel', "
            "cooldown=0, minimum_factor=0.0, mode='min')",
        ),
    ],
)
def test_the_defaults_of_a_schedule(name: str, settings: dict[str, Any], shown: str) -> None:
    schedule = make_schedule(name, **settings)
    assert repr(schedule) == shown
    assert schedule.epoch == 0


def test_other_arguments_of_schedules_that_are_none() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        make_schedule("plateau", mode="loss")
    assert str(caught.value) == (
        f"mode must be 'min' or 'max', got 'loss'; for example {SCHEDULES['plateau']}"
    )
    with pytest.raises(InvalidArgumentError) as caught:
        make_schedule("warmup", n_epochs=5, then=3)
    assert str(caught.value) == f"then must be a schedule, got 3; for example {SCHEDULES['warmup']}"


@pytest.mark.parametrize("make", [make_optimizer, make_schedule])
@pytest.mark.parametrize("name", [None, 3, "", SGD])
def test_what_is_no_name_is_unknown(make: Any, name: Any) -> None:
    with pytest.raises(UnknownNameError, match="; known: "):
        make(name)


def test_a_look_ahead_needs_a_momentum() -> None:
    for momentum in (0.0, -0.5):
        with pytest.raises(InvalidArgumentError) as caught:
            SGD(nesterov=True, momentum=momentum)
        assert str(caught.value) == (
            f"momentum is {momentum}, but a number > 0 and <= 1 is needed: "
            "SGD(parameters, momentum=0.9)"
        )
    assert SGD(nesterov=True, momentum=1.0).momentum == 1.0


SHOWN = "Adam(learning_rate=0.5, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.0)"
ALONG = "to take the state along: optimizer.load_state_dict(optimizer.state_dict())"
FLOATS = "must be a NumPy array of floats, got"
FLAT = "step_array takes two flat arrays of one length, got parameters of shape"
RESHAPED = "for example step_array(weights.reshape(-1), gradients.reshape(-1))"


@pytest.mark.parametrize(
    ("parameters", "gradients", "error", "message"),
    [
        ([1.0], np.ones(1), InvalidArgumentError, f"parameters {FLOATS} list; for example "
         "parameters = np.array([0.5, -0.5])"),
        (np.ones(1), 2.0, InvalidArgumentError, f"gradients {FLOATS} float; for example "
         "gradients = np.array([0.5, -0.5])"),
        (np.ones(1, np.int64), np.ones(1), InvalidArgumentError, f"parameters {FLOATS} int64; "
         "for example parameters = np.array([0.5, -0.5])"),
        (np.ones(1), np.ones(1, np.complex128), InvalidArgumentError, f"gradients {FLOATS} "
         "complex128; for example gradients = np.array([0.5, -0.5])"),
        (np.ones((1, 1)), np.ones((1, 1)), ShapeError,
         f"{FLAT} (1, 1) and gradients of shape (1, 1); {RESHAPED}"),
        (np.ones(1), np.ones(2), ShapeError,
         f"{FLAT} (1,) and gradients of shape (2,); {RESHAPED}"),
        (np.ones(()), np.ones(()), ShapeError,
         f"{FLAT} () and gradients of shape (); {RESHAPED}"),
        (np.ones(1), np.ones(1, np.float32), InvalidArgumentError, "parameters are float64, "
         "gradients float32; for example gradients.astype(np.float64)"),
        (np.broadcast_to(1.0, 1), np.ones(1), InvalidArgumentError, "parameters cannot be written "
         "to, so they cannot be stepped in place; for example parameters = parameters.copy()"),
        (np.ones(2), np.ones(2), ShapeError, f"{SHOWN} steps 1 parameters, got 2"),
    ],
)  # fmt: skip
def test_what_is_said_of_arrays_that_cannot_be_stepped(
    parameters: Any, gradients: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        Adam([Value(1.0)], learning_rate=0.5).step_array(parameters, gradients)
    assert str(caught.value) == message


class Number:
    """A parameter of one's own, which has no ``is_leaf``."""

    def __init__(self, data: float, grad: float) -> None:
        self.data, self.grad, self.has_grad = data, grad, True

    def __repr__(self) -> str:
        return "Number()"

    def zero_grad(self) -> None:
        self.grad = 0.0


def test_a_parameter_may_be_of_any_kind_that_has_data_and_grad() -> None:
    number = Number(2.0, 3.0)
    optimizer = SGD([number], learning_rate=0.5)
    optimizer.step()
    assert number.data == 0.5
    optimizer.zero_grad()
    assert number.grad == 0.0
    value = Value(1.0)
    value.grad, number.grad = 4.0, -1.0
    SGD([value, number], learning_rate=0.5).step()
    assert (value.data, number.data) == (-1.0, 1.0)
    for missing in ("data", "grad"):
        other = Number(2.0, 3.0)
        delattr(other, missing)
        with pytest.raises(InvalidArgumentError) as caught:
            Adam([number, other])
        assert str(caught.value) == (
            "parameter number 1, Number(), is not a Value; for example Adam(model.parameters())"
        )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (3.0, "parameters must be a list of Values, got 3.0; for example SGD(model.parameters())"),
        (
            [Number(1.0, 1.0)] * 2,
            "parameter number 1, Number(), stands in the list a second time; for example "
            "SGD(model.parameters())",
        ),
    ],
)
def test_what_is_said_of_wrong_parameters(parameters: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        SGD(parameters)
    assert str(caught.value) == message


def test_what_is_said_of_a_step_that_cannot_be() -> None:
    optimizer = Adam(learning_rate=0.5)
    with pytest.raises(InvalidArgumentError) as caught:
        optimizer.step()
    assert str(caught.value) == (
        f"{SHOWN} has no parameters to step; for example Adam(model.parameters())"
    )
    optimizer = Adam([Number(1.0, 1.0)], learning_rate=0.5)
    optimizer.step_array(np.ones(1), np.ones(1))
    with pytest.raises(InvalidArgumentError) as caught:
        optimizer.step()
    assert str(caught.value) == (
        f"{SHOWN} was stepped with step_array(), so step() would begin without its state; {ALONG}"
    )
    optimizer = Adam([Number(1.0, 1.0)], learning_rate=0.5)
    optimizer.step()
    with pytest.raises(InvalidArgumentError) as caught:
        optimizer.step_array(np.ones(1), np.ones(1))
    assert str(caught.value) == (
        f"{SHOWN} was stepped with step(), so step_array() would begin without its state; {ALONG}"
    )


def state_of(optimizer: Optimizer, **changes: Any) -> dict[str, Any]:
    optimizer.step_array(np.ones(2), np.ones(2))
    return {**optimizer.state_dict(), **changes}


@pytest.mark.parametrize(
    ("make", "changes", "error", "message"),
    [
        (Adam, {"gradient_sum": np.ones(3)}, ShapeError,
         "'square_sum' in the state of {} has shape (2,), expected (3,), one number for each "
         "parameter"),
        (Adam, {"gradient_sum": np.ones((2, 1))}, ShapeError,
         "'gradient_sum' in the state of {} has shape (2, 1), expected (2,), one number for each "
         "parameter"),
        (Adam, {"beta1": np.ones(1)}, ShapeError,
         "'beta1' in the state of {} has shape (1,), expected (), one number"),
        (Adam, {"beta2": np.array(1.0)}, InvalidArgumentError,
         "'beta2' in the state of {} is 1.0, but a number >= 0 and < 1 is needed: "
         "Adam(parameters, beta2=0.999)"),
        (RMSprop, {"alpha": np.array(-0.5)}, InvalidArgumentError,
         "'alpha' in the state of {} is -0.5, but a number >= 0 and < 1 is needed: "
         "RMSprop(parameters, alpha=0.99)"),
        (RMSprop, {"centered": np.array(0.5)}, InvalidArgumentError,
         "'centered' in the state of {} is 0.5, but True or False is needed: np.array(True)"),
        (SGD, {"mean": np.ones(2)}, InvalidArgumentError,
         "the state of {} has the names ['step_count', 'velocity'], got ['mean', 'step_count', "
         "'velocity']; load what the state_dict() of another SGD gave"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_wrong_state(
    make: type[Optimizer], changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    optimizer = make()
    with pytest.raises(error) as caught:
        optimizer.load_state_dict(state_of(make(), **changes))
    assert str(caught.value) == message.format(optimizer)
    assert optimizer.step_count == 0


@pytest.mark.parametrize("centered", [True, np.True_, 1, 1.0, np.float32(1.0)])
def test_a_state_may_hold_a_truth_value_as_a_number(centered: Any) -> None:
    state = state_of(RMSprop(centered=True), centered=np.array(centered))
    optimizer = RMSprop(centered=True)
    optimizer.load_state_dict(state)
    assert optimizer.state_dict()["centered"].dtype == np.bool_
    assert optimizer.state_dict()["centered"].item() is True
    assert optimizer.step_count == 1
    assert type(optimizer.step_count) is int
