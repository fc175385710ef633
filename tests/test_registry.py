"""Aliases: what other libraries call a thing finds it; its own name is shown and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch

from tests.against_torch import assert_close
from tests.running import run_python
from tinygrad_mlp._cli.saved import load_network
from tinygrad_mlp._registry import Registry, _plain
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.losses import LOSSES, Loss, loss_named
from tinygrad_mlp.nn import ACTIVATIONS, INITIALIZERS, MLP, activation_named, initializer_named
from tinygrad_mlp.nn.init import initializer_for
from tinygrad_mlp.optim import (
    OPTIMIZERS,
    SCHEDULES,
    Adam,
    StepSchedule,
    make_optimizer,
    make_schedule,
)
from tinygrad_mlp.training import fit, load_weights, read_weights, save_weights
from tinygrad_mlp.training._archive import pack

X: Final = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [2.0, -1.0]])
Y: Final = np.array([0.5, -1.0, 2.0, 0.0])

TYPED: Final[list[tuple[Registry[Any], str, str]]] = [
    (ACTIVATIONS, "identity", "linear"),
    (ACTIVATIONS, "swish", "silu"),
    (ACTIVATIONS, "Swish", "silu"),
    (ACTIVATIONS, "SiLU", "silu"),
    (ACTIVATIONS, "logistic", "sigmoid"),
    (ACTIVATIONS, "LeakyReLU", "leaky_relu"),
    (ACTIVATIONS, "leaky-relu", "leaky_relu"),
    (INITIALIZERS, "kaiming_normal", "he_normal"),
    (INITIALIZERS, "kaiming_normal_", "he_normal"),
    (INITIALIZERS, "HeNormal", "he_normal"),
    (INITIALIZERS, "kaiming_uniform", "he_uniform"),
    (INITIALIZERS, "kaiming_uniform_", "he_uniform"),
    (INITIALIZERS, "HeUniform", "he_uniform"),
    (INITIALIZERS, "glorot_uniform", "xavier_uniform"),
    (INITIALIZERS, "GlorotUniform", "xavier_uniform"),
    (INITIALIZERS, "xavier_uniform_", "xavier_uniform"),
    (INITIALIZERS, "xavier_normal_", "xavier_normal"),
    (INITIALIZERS, "glorot_normal", "xavier_normal"),
    (INITIALIZERS, "GlorotNormal", "xavier_normal"),
    (INITIALIZERS, "XavierNormal", "xavier_normal"),
    (INITIALIZERS, "LecunNormal", "lecun_normal"),
    (INITIALIZERS, "zeros_", "zeros"),
    (LOSSES, "mse", "mean_squared_error"),
    (LOSSES, "MSELoss", "mean_squared_error"),
    (LOSSES, "mse_loss", "mean_squared_error"),
    (LOSSES, "squared_error", "mean_squared_error"),
    (LOSSES, "MeanSquaredError", "mean_squared_error"),
    (LOSSES, "mae", "mean_absolute_error"),
    (LOSSES, "L1Loss", "mean_absolute_error"),
    (LOSSES, "absolute_error", "mean_absolute_error"),
    (LOSSES, "bce", "binary_cross_entropy"),
    (LOSSES, "BCELoss", "binary_cross_entropy"),
    (LOSSES, "binary_crossentropy", "binary_cross_entropy"),
    (LOSSES, "bce_with_logits", "binary_cross_entropy_with_logits"),
    (LOSSES, "BCEWithLogitsLoss", "binary_cross_entropy_with_logits"),
    (LOSSES, "cross_entropy", "categorical_cross_entropy"),
    (LOSSES, "CrossEntropyLoss", "categorical_cross_entropy"),
    (LOSSES, "categorical_crossentropy", "categorical_cross_entropy"),
    (LOSSES, "sparse_categorical_crossentropy", "categorical_cross_entropy"),
    (LOSSES, "hinge_loss", "hinge"),
    (OPTIMIZERS, "gradient_descent", "sgd"),
    (OPTIMIZERS, "AdamW", "adamw"),
    (OPTIMIZERS, "adam_w", "adamw"),
    (OPTIMIZERS, "RMSprop", "rmsprop"),
    (OPTIMIZERS, "rms_prop", "rmsprop"),
    (SCHEDULES, "ConstantLR", "constant"),
    (SCHEDULES, "StepLR", "step"),
    (SCHEDULES, "ExponentialLR", "exponential"),
    (SCHEDULES, "CosineAnnealingLR", "cosine"),
    (SCHEDULES, "cosine_annealing", "cosine"),
    (SCHEDULES, "ReduceLROnPlateau", "plateau"),
    (SCHEDULES, "CosineAnnealingWarmRestarts", "cosine_restarts"),
    (SCHEDULES, "SGDR", "cosine_restarts"),
    (SCHEDULES, "MultiStepLR", "multi_step"),
    (SCHEDULES, "OneCycleLR", "one_cycle"),
    (SCHEDULES, "LambdaLR", "lambda"),
]


@pytest.mark.parametrize(("registry", "typed", "name"), TYPED)
def test_what_is_typed_finds_the_thing_of_that_name(
    registry: Registry[Any], typed: str, name: str
) -> None:
    assert registry.find(typed) == name
    assert registry.named(typed) is registry[name]
    assert typed not in registry or typed == name


@pytest.mark.parametrize(
    "registry", [ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES], ids=lambda r: r.kind
)
def test_every_alias_means_one_thing(registry: Registry[Any]) -> None:
    meanings: dict[str, str] = {}
    for word, name in [*zip(registry, registry), *registry.aliases.items()]:
        assert meanings.setdefault(_plain(word), name) == name
    for alias, name in registry.aliases.items():
        assert alias not in registry
        assert registry.find(alias) == registry.find(alias.upper()) == name
    with pytest.raises(UnknownNameError) as caught:
        registry.named("none of them")
    assert str(caught.value).partition("known: ")[2].split(", ") == sorted(registry)


def test_a_thing_that_a_person_adds_is_found_too() -> None:
    registry = Registry[int]("number", ("one", 1, "single"))
    registry["of_my_own"] = 7
    assert registry.named("OfMyOwn") == 7
    assert list(registry) == ["one", "of_my_own"]


@pytest.mark.parametrize(
    ("typed", "witness"),
    [
        ("swish", torch.nn.functional.silu),
        ("logistic", torch.sigmoid),
        ("identity", torch.nn.Identity()),
        ("LeakyReLU", torch.nn.functional.leaky_relu),
    ],
)
def test_an_activation_by_its_other_name_is_that_of_torch(typed: str, witness: Any) -> None:
    x, twin = Value(-1.25), torch.tensor(-1.25, dtype=torch.float64, requires_grad=True)
    out, expected = activation_named(typed)(x), witness(twin)
    out.backward()
    expected.backward()
    assert_close(out.data, expected)
    assert_close(x.grad, twin.grad)


@pytest.mark.parametrize(
    "typed",
    ["kaiming_normal_", "kaiming_uniform_", "xavier_normal_", "xavier_uniform_", "zeros_"],
)
def test_an_initializer_by_its_name_in_torch_has_torchs_variance(typed: str) -> None:
    torch.manual_seed(0)
    expected = getattr(torch.nn.init, typed)(torch.empty(300, 100, dtype=torch.float64))
    weights: Any = initializer_named(typed)
    drawn = weights(100, 300, np.random.default_rng(0))
    # Both are drawn: the relative standard error of a variance from 30,000 numbers is 0.8 %.
    assert drawn.var() == pytest.approx(float(expected.var()), rel=0.05)
    assert np.abs(drawn).max() == pytest.approx(float(expected.abs().max()), rel=0.2)


@pytest.mark.parametrize(
    ("typed", "witness"),
    [("mse", torch.nn.functional.mse_loss), ("mae", torch.nn.functional.l1_loss)],
)
def test_a_loss_by_its_short_name_is_that_of_torch(typed: str, witness: Any) -> None:
    outputs, targets = [Value(0.5), Value(-1.0)], [2.0, 0.25]
    loss = loss_named(typed).sample_loss(outputs, targets)
    assert_close(loss.data, witness(torch.tensor([0.5, -1.0]), torch.tensor(targets)))


def test_layers_histories_and_files_have_the_real_names(tmp_path: Path) -> None:
    model = MLP(2, [3, 1], "Swish", "identity", init="kaiming_normal_", rng=0)
    plain = MLP(2, [3, 1], "silu", "linear", init="he_normal", rng=0)
    assert repr(model) == repr(plain)
    assert [layer.activation for layer in model.layers] == ["silu", "linear"]
    settings: dict[str, Any] = {"epochs": 3, "log_every": None, "rng": 0, "engine": "eager"}
    history = fit(model, X, Y, loss="mse", optimizer="rms_prop", schedule="StepLR", **settings)
    twin = fit(
        plain, X, Y, loss="mean_squared_error", optimizer="rmsprop", schedule="step", **settings
    )
    assert history.loss_name == "mean_squared_error"
    assert (history.loss, history.learning_rate) == (twin.loss, twin.learning_rate)
    path = save_weights(model, tmp_path / "w.npz")
    assert path.read_bytes() == save_weights(plain, tmp_path / "p.npz").read_bytes()
    assert read_weights(path).activations == ["silu", "linear"]
    assert repr(make_optimizer("adam_w")).startswith("AdamW(")
    assert repr(make_schedule("StepLR", step_size=3)).startswith("StepSchedule(")


def test_the_default_beginning_follows_the_activation_that_is_meant() -> None:
    by_alias, by_name = MLP(2, [9], ["swish"], rng=0), MLP(2, [9], ["silu"], rng=0)
    assert (
        by_alias.state_dict()["layers.0.weight"] == by_name.state_dict()["layers.0.weight"]
    ).all()


def test_a_file_that_says_identity_is_read_as_linear(tmp_path: Path) -> None:
    model = MLP(2, [3, 1], "tanh", rng=0)
    text = '{"model": "MLP", "activations": ["tanh", "identity"], "task": null, "extra": {}}'
    path = tmp_path / "w.npz"
    path.write_bytes(pack({**model.state_dict(), "__details__": np.array(text)}))
    assert read_weights(path).activations == ["tanh", "identity"]
    other = MLP(2, [3, 1], "tanh", rng=1)
    load_weights(other, path)
    assert other([1.0, 2.0]).data == model([1.0, 2.0]).data


def test_a_network_that_train_saved_with_identity_is_asked_again(tmp_path: Path) -> None:
    model = MLP(2, [3, 1], "linear", rng=0)
    scale: dict[str, list[float]] = {"mean": [1.0, 2.0], "scale": [3.0, 4.0]}
    details = {
        "model": "MLP of [Layer of 3 linear(2) neurons, Layer of 1 linear(3) neuron]",
        "activations": ["identity", "linear"],
        "task": {"loss": "mean_squared_error", "classes": None, "n_inputs": 2, "n_outputs": 1},
        "extra": {
            "kind": "tinygrad_mlp train, version 1",
            "feature_names": ["a", "b"],
            "target": "y",
            "classes": [],
            "hidden": [3],
            "activation": "identity",
            "inputs": scale,
            "outputs": {"mean": [5.0], "scale": [6.0]},
        },
    }
    path = tmp_path / "w.npz"
    path.write_bytes(pack({**model.state_dict(), "__details__": np.array(json.dumps(details))}))
    saved = load_network(path)
    assert saved.model([1.0, 2.0]).data == model([1.0, 2.0]).data
    assert saved.inputs.transform([[4.0, 6.0]]).tolist() == [[1.0, 1.0]]


def test_the_command_line_knows_aliases(tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{i % 7},{2 * i - i % 7}.5" for i in range(40))
    (tmp_path / "t.csv").write_text(f"a,b,y\n{rows}\n", encoding="utf-8")
    words = "train t.csv --target y --activation swish --epochs 2 --save w.npz --optimizer adam_w"
    run_python("-m", "tinygrad_mlp", *words.split(), folder=tmp_path)
    assert read_weights(tmp_path / "w.npz").extra["activation"] == "silu"


def bent_line(x: Value) -> Value:
    return x * x.sigmoid()


OWN_LOSS: Final = Loss.of_function(
    lambda output, target: (output - target) ** 4, name="quartic", per_sample=True
)


@pytest.mark.parametrize(
    ("registry", "arguments", "message"),
    [
        (
            LOSSES,
            ("own", bent_line),
            r"add\('own', Loss\.of_function\(bent_line, name='own'",
        ),
        (LOSSES, ("other", OWN_LOSS), r"calls itself 'quartic'.*LOSSES\.add\('quartic', loss\)"),
        (LOSSES, ("mse", OWN_LOSS), r"'mse' is the loss 'mean_squared_error' already"),
        (LOSSES, ("quartic", OWN_LOSS, "MSE"), r"'MSE' is the loss 'mean_squared_error' already"),
        (LOSSES, (3, OWN_LOSS), r"the names in LOSSES are texts, got 3"),
        (LOSSES, ("quartic", OWN_LOSS, ""), r"the names in LOSSES are texts, got ''"),
        (
            OPTIMIZERS,
            ("own", bent_line),
            r"subclass of Optimizer.*OPTIMIZERS\.add\('own', MyOwn",
        ),
        (OPTIMIZERS, ("own", Adam()), r"the class is needed.*OPTIMIZERS\.add\('own', Adam\)"),
        (OPTIMIZERS, ("Adam", Adam), r"'Adam' is the optimizer 'adam' already.*'my_Adam'"),
        (SCHEDULES, ("own", bent_line), r"no subclass of Schedule.*SCHEDULES\.add\('own', MyOwn"),
        (ACTIVATIONS, ("softmax", bent_line), r"softmax is the activation of a whole layer"),
        (ACTIVATIONS, ("own", "relu"), r"'relu' is no function of one Value"),
        (ACTIVATIONS, ("own", Adam), r"is no function of one Value"),
        (ACTIVATIONS, ("swish", bent_line), r"'swish' is the activation 'silu' already"),
        (INITIALIZERS, ("own", 3), r"3 is no initializer.*INITIALIZERS\.add\('own', function\)"),
    ],
)
def test_what_cannot_be_added_is_refused_and_changes_nothing(
    registry: Registry[Any], arguments: tuple[Any, ...], message: str
) -> None:
    before = dict(registry), dict(registry.aliases)
    with pytest.raises(InvalidArgumentError, match=message):
        registry.add(*arguments)
    assert (dict(registry), dict(registry.aliases)) == before


@pytest.mark.parametrize(("registry", "base"), [(OPTIMIZERS, Adam), (SCHEDULES, StepSchedule)])
def test_a_class_of_your_own_is_made_by_its_name(registry: Registry[Any], base: type) -> None:
    own = type("MyOwn", (base,), {})
    registry.add("my_own", own)
    try:
        assert registry.named("MyOwn") is own
    finally:
        del registry["my_own"]


def test_what_was_taken_out_leaves_its_names_free() -> None:
    LOSSES.add("quartic", OWN_LOSS, "fourth_power")
    assert loss_named("FourthPower") is OWN_LOSS
    with pytest.raises(InvalidArgumentError, match=r"del LOSSES\['quartic'\]"):
        LOSSES.add("quartic", OWN_LOSS)
    del LOSSES["quartic"]
    with pytest.raises(UnknownNameError) as caught:
        loss_named("fourth_power")
    assert "quartic" not in str(caught.value)


def test_a_composite_activation_says_that_it_is_like_relu() -> None:
    for relu_like, expected in ((True, "he_normal"), (False, "lecun_normal")):
        ACTIVATIONS.add("bent_line", bent_line, relu_like=relu_like)
        drawn = [initializer_for(given) for given in ("bent_line", bent_line)]
        del ACTIVATIONS["bent_line"]
        assert drawn == [INITIALIZERS[expected]] * 2
    assert not ACTIVATIONS.is_like_relu("bent_line")
