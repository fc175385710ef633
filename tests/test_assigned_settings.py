"""Settings that people assign to later are checked then as they are when something is made."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import Value
from tinygrad_mlp.errors import DataError, InvalidArgumentError
from tinygrad_mlp.losses import loss_named
from tinygrad_mlp.nn import MLP, BatchNorm, Dropout, Layer, Sequential
from tinygrad_mlp.optim import SGD, Adam, ParameterGroup, RMSprop
from tinygrad_mlp.training import fit
from tinygrad_mlp.training._weighting import relative

OUT_OF_RANGE: Final[list[tuple[Callable[[], Any], str, object, str]]] = [
    (Dropout, "p", 1.5, r"p is 1\.5, but a number >= 0 and <= 1 is needed: Dropout\(0\.2\)"),
    (Dropout, "p", -1.0, "p is -1.0, but a number >= 0"),
    (Dropout, "p", "half", "p is 'half'"),
    (lambda: BatchNorm(2), "momentum", 1.5, r"and <= 1 is needed: BatchNorm\(16, momentum=0\.1"),
    (lambda: BatchNorm(2), "momentum", -0.5, "momentum is -0.5"),
    (lambda: BatchNorm(2), "epsilon", -1e-9, "epsilon is -1e-09, but a number >= 0 is needed"),
    (lambda: ParameterGroup([]), "factor", -5.0, r"needed: optimizer\.groups\[0\]\.factor = 0\.1"),
    (lambda: ParameterGroup([]), "factor", np.nan, "factor is nan, but a number >= 0"),
    (lambda: SGD([Value(1.0)]), "learning_rate", -1.0, r"optimizer\.learning_rate = 0\.001"),
    (lambda: Adam([Value(1.0)]), "learning_rate", "fast", "learning_rate is 'fast'"),
]


@pytest.mark.parametrize(("make", "name", "wrong", "message"), OUT_OF_RANGE)
def test_what_is_out_of_range(
    make: Callable[[], Any], name: str, wrong: object, message: str
) -> None:
    made = make()
    before = getattr(made, name)
    with pytest.raises(InvalidArgumentError, match=message):
        setattr(made, name, wrong)
    assert getattr(made, name) == before


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_what_is_in_range(again: Callable[[Any], Any]) -> None:
    norm, dropout, group = BatchNorm(2), Dropout(0.5), ParameterGroup([])
    for limit in (0.0, 1.0):
        norm.momentum = dropout.p = limit
        assert (norm.momentum, dropout.p) == (limit, limit)
    norm.epsilon = group.factor = 0.0
    optimizer = SGD([Value(1.0)], 0.5)
    optimizer.learning_rate = np.float64(0.25)
    assert type(optimizer.learning_rate) is float
    assert [again(x) is not x for x in (norm, dropout, optimizer)] == [True] * 3
    assert (again(norm).epsilon, again(norm).momentum, again(dropout).p) == (0.0, 1.0, 1.0)
    assert (again(group).factor, again(optimizer).learning_rate) == (0.0, 0.25)


FLAGS: Final[list[tuple[Callable[[Any], Any], str]]] = [
    (lambda flag: BatchNorm(2, affine=flag), r"BatchNorm\(16, affine=False\)"),
    (lambda flag: Layer(2, 3, batch_norm=flag), r"Layer\(2, 16, batch_norm=True\)"),
    (lambda flag: MLP(2, [3, 1], batch_norm=flag), r"MLP\(2, \[16, 1\], batch_norm=True\)"),
    (lambda flag: SGD(momentum=0.9, nesterov=flag), r"SGD\(momentum=0\.9, nesterov=T"),
    (lambda flag: RMSprop(centered=flag), r"RMSprop\(parameters, centered=True\)"),
]


@pytest.mark.parametrize(("make", "call"), FLAGS)
def test_flags_are_true_or_false(make: Callable[[Any], Any], call: str) -> None:
    for wrong in ("no", 0.1, 2, None):
        with pytest.raises(InvalidArgumentError, match=f"but True or False is needed: {call}"):
            make(wrong)
    for right in (True, False, np.True_, np.False_):
        make(right)


def test_infinite_settings_are_said_to_be_infinite() -> None:
    with pytest.raises(InvalidArgumentError, match="delta is inf, but a finite number > 0 is"):
        loss_named("huber", delta=float("inf"))
    with pytest.raises(InvalidArgumentError, match=r"delta is -1\.0, but a number > 0 is"):
        loss_named("huber", delta=-1.0)


def test_weights_that_are_as_small_as_numbers_can_be() -> None:
    assert relative(np.array([5e-324, 5e-324])).tolist() == [1.0, 1.0]
    assert relative(np.array([1e-318, 3e-318])).round(3).tolist() == [0.5, 1.5]
    weights = np.array([1e308, 1e308, 1e-10, 1e-10])
    for engine in ("eager", "compiled"):
        model = MLP(1, [1], init="zeros")
        history = fit(
            *(model, [[1.0]] * 4, [1.0, 1.0, 3.0, 3.0]),
            epochs=1,
            batch_size=2,
            shuffle=False,
            sample_weight=weights,
            optimizer=SGD(model.parameters(), 0.0),
            engine=engine,
            log_every=None,
        )
        assert history.loss == [1.0]


def test_an_augmentation_that_gives_nan() -> None:
    def root(X: Any, y: Any, rng: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return np.sqrt(X), y

    model = MLP(1, [1], rng=0)
    before = model.state_dict()
    message = r"the augmentation root gave, X\[1, 0\] is nan .*; let it return finite numbers alone"
    with pytest.raises(DataError, match=message):
        fit(model, [[1.0], [-1.0]], [0.0, 1.0], augment=root, log_every=None)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())


def test_parts_are_assigned_one_by_one() -> None:
    model: Any = Sequential("relu", "tanh")
    with pytest.raises(InvalidArgumentError, match=r"one by one: model\[1\] = 'relu'"):
        model[1:] = ["relu"]
    assert repr(model) == "Sequential of [relu, tanh]"
    model[-1] = "sigmoid"
    assert repr(model) == "Sequential of [relu, sigmoid]"


def test_a_long_model_is_cut_where_one_sees_it() -> None:
    model = MLP(2, [16, 16, 16, 1], batch_norm=True, rng=0)
    with pytest.raises(InvalidArgumentError, match=r"\N{HORIZONTAL ELLIPSIS}.* takes means over"):
        fit(model, [[0.0, 1.0]] * 3, [0.0, 1.0, 2.0], batch_size=2)
