"""What is said where people's first try goes wrong: what it was, and the call that does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import MLP, Layer, Module, Neuron, Value, fit, functional, losses
from tinygrad_mlp._float_math import sigmoid
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.compiler._symbols import Emitter, Symbol
from tinygrad_mlp.data import GaussianNoise, MixUp, batch_indices
from tinygrad_mlp.data._arrays import as_floats
from tinygrad_mlp.errors import (
    DataError,
    InvalidArgumentError,
    NotANumberError,
    RenamedError,
    ShapeError,
    TracingError,
    UnknownArgumentError,
    UnknownAttributeError,
    UnknownNameError,
)
from tinygrad_mlp.losses import LOSSES, Loss, huber, loss_named
from tinygrad_mlp.nn import Activation, BatchNorm, Dropout, Sequential
from tinygrad_mlp.ops import OPS
from tinygrad_mlp.optim import (
    SGD,
    Adam,
    CosineSchedule,
    LambdaSchedule,
    OneCycleSchedule,
    RMSprop,
    WarmupSchedule,
)
from tinygrad_mlp.training import Checkpoint, EarlyStopping

RNG: Final = np.random.default_rng(0)
X: Final = RNG.normal(size=(12, 4))
CLASSES: Final = np.arange(12) % 3
NUMBERS: Final = X[:, 0]


def network(n_outputs: int = 3) -> MLP:
    return MLP(4, [8, n_outputs], rng=0)


def says(error: type[Exception], *texts: str) -> Any:
    """That it is raised with each of the texts in its message, in their order."""
    return pytest.raises(error, match=r"(?s)" + ".*".join(map(re.escape, texts)))


def train(model: Module | None = None, y: Any = CLASSES, **settings: Any) -> Any:
    return fit(network() if model is None else model, X, y, epochs=1, log_every=None, **settings)


# Sizes, and the names of parts


def test_a_name_that_is_cut_shows_it() -> None:
    with says(InvalidArgumentError, "MLP of [Layer of 8", "…", "(8) neurons] takes means over"):
        train(MLP(4, [8, 3], batch_norm=True), batch_size=1)


@pytest.mark.parametrize(
    ("parts", "texts"),
    [
        (
            [Layer(4, 16), Layer(8, 3)],
            [
                "part 1 of Sequential, Layer of 3 relu(8) neurons, takes 8 inputs, but part 0, "
                "Layer of 16 relu(4) neurons, gives 16",
                "let part 0 have 8 outputs, or part 1 take 16 inputs",
            ],
        ),
        (
            [Layer(4, 16), "relu", Dropout(0.2), BatchNorm(8)],
            ["part 3", "BatchNorm of 8 features, takes 8", "part 0", "gives 16"],
        ),
        ([BatchNorm(4), Neuron(1)], ["part 1", "takes 1 input, but part 0", "gives 4"]),
        ([Sequential(Layer(2, 3)), Sequential("tanh", Layer(2, 1))], ["part 1", "2 inputs", "3;"]),
    ],
)
def test_parts_that_do_not_fit_are_named_when_they_are_put_together(
    parts: list[Any], texts: list[str]
) -> None:
    with says(ShapeError, *texts):
        Sequential(*parts)
    model = Sequential(*parts[:-1])
    with says(ShapeError, *texts):
        model.append(parts[-1])
    assert len(model) == len(parts) - 1


def test_sizes_that_nobody_knows_are_not_compared() -> None:
    assert len(Sequential(Layer(2, 3), Module(), Layer(5, 1))) == 3
    assert len(Sequential("relu", Dropout(0.5), Layer(5, 1), "tanh")) == 4


class TwoLayers(Module):
    def __init__(self, n_outputs: int, n_inputs: int) -> None:
        self.first, self.second = Layer(4, n_outputs), Layer(n_inputs, 3)

    def forward(self, x: Any) -> Any:
        return self.second(self.first(x))


@pytest.mark.parametrize(("n_outputs", "given"), [(16, "16"), (1, "1 Value")])
def test_a_layer_inside_a_model_does_not_blame_the_sample(n_outputs: int, given: str) -> None:
    with says(
        ShapeError,
        f"Layer of 3 relu(8) neurons takes 8 inputs, got {given}; if they are the outputs of "
        f"another module, let that one have 8, as in Layer(2, 8), or this one take {n_outputs}; "
        "else give one number for each input",
    ):
        TwoLayers(n_outputs, 8)([1.0] * 4)


def test_numbers_alone_are_a_sample() -> None:
    with pytest.raises(ShapeError) as caught:
        Layer(1, 2)([1.0, 2.0])
    assert str(caught.value).endswith(
        "takes 1 input, got 2; give one number for each input of one sample, as in model([0.0])"
    )


# Losses

HUBER: Final = "loss_named('huber', delta=2.0)"


@pytest.mark.parametrize(
    ("call", "error", "texts"),
    [
        (lambda: huber(delta=2.0), UnknownArgumentError, ["huber(outputs, targets, delta=2.0)"]),  # type: ignore[call-arg]
        (lambda: train(loss="huber", delta=2.0), UnknownArgumentError, [f"loss={HUBER})"]),
        (lambda: train(loss="huber(2.0)"), UnknownNameError, ["'huber(2.0)'", f"loss={HUBER}"]),
        (lambda: loss_named("huber(delta=2.0)"), UnknownNameError, [f"loss={HUBER}"]),
        (lambda: train(loss=("huber", 2.0)), InvalidArgumentError, [f"loss={HUBER}"]),
        (lambda: loss_named("huber", 2.0), UnknownArgumentError, [f"by their names: {HUBER}"]),  # type: ignore[arg-type]
        (lambda: losses.HuberLoss, RenamedError, ["import huber", f"loss={HUBER}"]),  # type: ignore[attr-defined]
        (lambda: loss_named("huber(x)"), UnknownNameError, ["loss_named('huber', delta=1.0)"]),
        (
            lambda: train(loss="cross_entropy", label_smoothing=0.1),
            UnknownArgumentError,
            ["loss=loss_named('cross_entropy', label_smoothing=0.1))"],
        ),
        (
            lambda: train(loss=["bce", 0.1]),
            InvalidArgumentError,
            ["loss=loss_named('binary_cross_entropy', label_smoothing=0.1)"],
        ),
        (
            lambda: train(loss="mse", delta=2.0),
            UnknownArgumentError,
            ["here it is a setting of the loss, loss=loss_named('huber', delta=...) ("],
        ),
        (
            lambda: losses.CrossEntropyLoss,  # type: ignore[attr-defined]
            RenamedError,
            ["loss=loss_named('categorical_cross_entropy', label_smoothing=0.1)"],
        ),
    ],
)
def test_a_setting_of_a_loss_is_written_with_loss_named(
    call: Callable[[], Any], error: type[Exception], texts: list[str]
) -> None:
    with says(error, *texts):
        call()


def test_other_wrong_losses_keep_their_messages() -> None:
    with says(InvalidArgumentError, "loss is ('no', 2.0), but a name (mean"):
        train(loss=("no", 2.0))
    with says(InvalidArgumentError, "loss is (), but a name"):
        train(loss=())
    with says(InvalidArgumentError, "loss is ['huber'], but a loss is given its settings by"):
        train(loss=["huber"])
    with says(UnknownNameError, "unknown loss 'hubber(2.0)'; known: binary"):
        loss_named("hubber(2.0)")


@pytest.mark.parametrize("name", ["nll_loss", "NLLLoss", "nll"])
def test_nll_is_the_cross_entropy_that_takes_logits(name: str) -> None:
    with says(
        UnknownNameError, f"{name!r}; its name here is 'categorical_cross_entropy'", "logits"
    ):
        train(loss=name)


def test_the_divergence_is_the_cross_entropy_of_rows_of_probabilities() -> None:
    with says(UnknownNameError, "'categorical_cross_entropy'", "probabilities", "a constant"):
        train(loss="KLDivLoss")
    rows = np.full((12, 3), [0.2, 0.3, 0.5])
    logits = [Value(0.1), Value(-0.4), Value(0.8)]
    cost = LOSSES["categorical_cross_entropy"].sample_loss
    cost(logits, rows[0].tolist()).backward()
    others = [Value(logit.data) for logit in logits]
    logs = functional.log_softmax(others)
    divergence = sum((p * (np.log(p) - log) for p, log in zip(rows[0], logs)), Value(0.0))
    divergence.backward()
    np.testing.assert_allclose([v.grad for v in logits], [v.grad for v in others], rtol=1e-12)


def test_a_name_far_from_all_gets_no_guess() -> None:
    for name in ("l3_losses", "quantile_loss", "triplet_loss", "focal_loss"):
        with pytest.raises(UnknownNameError) as caught:
            train(loss=name)
        assert "Did you mean" not in str(caught.value)
    with says(UnknownNameError, "Did you mean 'mean_squared_error'?"):
        train(loss="mse_los")


def log_cosh(outputs: Any, targets: Any) -> Any:
    return functional.log(functional.cosh(outputs - targets))


def test_a_loss_of_one_number_is_one_of_a_sample() -> None:
    with says(InvalidArgumentError, "Loss.of_function(log_cosh, ..., per_sample=True)"):
        train(network(1), NUMBERS, loss=Loss.of_function(log_cosh, task="regression"))
    loss = Loss.of_function(log_cosh, task="regression", per_sample=True)
    assert train(network(1), NUMBERS, loss=loss).n_epochs == 1
    rows = np.stack([NUMBERS, NUMBERS], axis=1)
    with says(InvalidArgumentError, "an entry for each output", "write functional.mean([") as got:
        train(network(2), rows, loss=loss)
    assert "per_sample" not in str(got.value)
    assert isinstance(got.value.__cause__, TypeError)


class Distance:
    """A loss that is an object, and so has no name of its own."""

    def __call__(self, outputs: Any, targets: Any) -> Any:
        return (outputs - targets) ** 2


def test_a_loss_that_is_an_object_is_called_by_its_class() -> None:
    with says(
        InvalidArgumentError,
        "the loss Distance(outputs, targets) got lists with an entry for each sample and failed: ",
        "; as the loss of one sample it is Loss.of_function(Distance, ..., per_sample=True)",
    ):
        train(network(1), NUMBERS, loss=Distance())
    assert Loss.of_function(Distance()).name == "Distance"


def test_a_loss_without_a_name_is_called_a_function() -> None:
    with says(InvalidArgumentError, "the loss <lambda>(", "it is Loss.of_function(function, ..."):
        train(network(1), NUMBERS, loss=lambda outputs, targets: outputs - targets)


def test_what_else_a_loss_raises_stays() -> None:
    def wrong(outputs: Any, targets: Any) -> Any:
        return None + 1  # type: ignore[operator]

    for per_sample in (False, True):
        loss = Loss.of_function(wrong, task="regression", per_sample=per_sample)
        for n_outputs in (1, 2):
            with says(TypeError, "'NoneType' and 'int'"):
                loss.of_batch([[Value(1.0)] * n_outputs], [[1.0] * n_outputs])


def test_a_list_of_its_own_in_a_loss_of_one_number_is_not_blamed_on_ours() -> None:
    def wrong(output: Any, target: Any) -> Any:
        own: Any = [output, target]
        return own.mean()

    loss = Loss.of_function(wrong, task="regression", per_sample=True)
    for target in ([1.0], [1.0, 2.0]):
        with says(AttributeError, "'list' object has no attribute 'mean'"):
            loss.of_batch([[Value(1.0)]], [target])


# Weights, augmentations


def test_balanced_is_a_weight_of_classes() -> None:
    with says(DataError, "'balanced'", "sample_weight=[1.0, 0.5, ...]", "class_weight='balanced'"):
        train(sample_weight="balanced")
    with says(DataError, "y is 'a', which is no array", "one per sample: y = [1.0, 0.5]"):
        as_floats("a", "y")
    with says(DataError, "X is 'a'", "one row per sample: X = [[5.1, 3.5], [4.9, 3.0]]"):
        as_floats("a", "X")


def gives_nan(X: Any, y: Any, rng: Any) -> Any:
    return X * np.nan, y


def gives_text(X: Any, y: Any, rng: Any) -> Any:
    return np.full(X.shape, "a"), y


def adds_to_targets(X: Any, y: Any, rng: Any) -> Any:
    return X, y + 0.5


def as_list(X: Any, y: Any, rng: Any) -> Any:
    return [2.0 * X, y]


def as_tuple(X: Any, y: Any, rng: Any) -> Any:
    return 2.0 * X, y


@pytest.mark.parametrize(
    ("augment", "texts"),
    [
        (gives_nan, ["augmentation gives_nan gave, X[0, 0] is nan", "; let it return finite"]),
        (gives_text, ["augmentation gives_text gave, X[0, 0] is 'a'"]),
        (
            [GaussianNoise(0.1), adds_to_targets],
            ["'categorical_cross_entropy' cannot take", "augmentation adds_to_targets gave: the"],
        ),
    ],
)
def test_what_an_augmentation_did_is_said_of_it(augment: Any, texts: list[str]) -> None:
    with says(DataError, *texts) as caught:
        train(augment=augment)
    assert "keep =" not in str(caught.value)
    assert "GaussianNoise" not in str(caught.value)


def test_mixed_targets_are_none_of_the_hinge_loss() -> None:
    with says(DataError, "MixUp(alpha=0.2) does not go with the loss 'hinge'", "'categorical_"):
        train(network(1), CLASSES % 2, loss="hinge", augment=MixUp())


def test_an_error_of_the_loss_is_not_of_an_augmentation_that_keeps_targets() -> None:
    def refuses(outputs: Any, targets: Any) -> Any:
        raise DataError("no such targets")

    loss = Loss.of_function(refuses, task="regression")
    with pytest.raises(DataError, match=r"^no such targets$"):
        train(network(1), NUMBERS, loss=loss, augment=GaussianNoise(0.1))


def test_an_augmentation_has_three_arguments() -> None:
    with says(InvalidArgumentError, "<lambda> has the arguments (X, y)", "(X, y, rng), as in"):
        train(augment=lambda X, y: (X, y))
    assert train(augment=lambda X, *others: (X, others[0])).n_epochs == 1


def test_an_augmentation_may_return_a_list() -> None:
    listed, paired = (train(augment=augment, rng=0) for augment in (as_list, as_tuple))
    assert listed.loss == paired.loss


# Rules of operations


@pytest.fixture
def declared() -> Iterator[Callable[..., Any]]:
    before = {*OPS}
    yield functional.declare
    for name in {*OPS} - before:
        OPS.pop(name)


def test_a_function_of_numpy_in_a_rule_names_that_of_xp(declared: Callable[..., Any]) -> None:
    for_compiler = declared("by_numpy", lambda xp, x: np.tanh(x), lambda xp, out, x: 1.0 - out**2)
    program = compile(lambda x: for_compiler(x[0]), parameters=[])
    with says(TracingError, "called np.tanh (", "write xp.tanh"):
        program(np.array([0.5]))
    history = train(MLP(4, [3, 3], activation=for_compiler), engine="auto")
    assert "np.tanh instead of a function of xp" in str(history)


def test_operators_with_numbers_of_numpy_go_on() -> None:
    xp = Emitter()
    two = xp.symbol(2.0)
    results: Any = [
        np.float64(3.0) * two,
        np.float64(3.0) + two,
        np.float64(3.0) - two,
        np.float64(3.0) / two,
    ]
    assert [symbol.factor for symbol in results] == [6.0, 5.0, 1.0, 1.5]
    with says(TracingError, "called np.heaviside", "with the functions of xp"):
        np.heaviside(two, 0.0)  # type: ignore[call-overload]
    with says(TracingError, "called np.multiply"):
        _ = np.ones(2) * two
    assert isinstance(two, Symbol)


def test_a_function_that_xp_lacks_comes_with_those_it_has(declared: Callable[..., Any]) -> None:
    cube_root = declared("cube_root", lambda xp, x: xp.cbrt(x), 0.0)
    with says(AttributeError, "xp has no function 'cbrt'; it has absolute,", " tanh, where"):
        cube_root(Value(1.0))
    for name in ("_float_math", "_value_math", "_array_math"):
        module = __import__(f"tinygrad_mlp.{name}", fromlist=["cbrt"])
        with says(AttributeError, "xp has no function 'cbrt'"):
            module.cbrt  # noqa: B018
    with says(AttributeError, "xp has no function 'cbrt'"):
        _ = Emitter().cbrt
    assert sigmoid(0.0) == 0.5


# Optimizers, schedules


@pytest.mark.parametrize("group", [network().parameters(), (network().parameters(), 0.1)])
def test_groups_of_parameters_are_dicts(group: Any) -> None:
    with says(InvalidArgumentError, "number 0", f"is a {type(group).__name__};") as caught:
        Adam([group])
    message = str(caught.value)
    assert "Adam([{'parameters': body.parameters(), 'learning_rate': 0.001}" in message
    assert len(message) < 320


def test_the_repr_of_what_is_no_parameter_is_short() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        SGD(["x" * 999])  # type: ignore[list-item]
    assert "x…x" in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_function_of_the_epoch_is_wrapped() -> None:
    with says(InvalidArgumentError, "schedule is <function", "LambdaSchedule(function)"):
        train(schedule=lambda epoch: 0.5**epoch)
    with says(InvalidArgumentError, "then=LambdaSchedule(function))"):
        WarmupSchedule(5, then=lambda epoch: 0.5**epoch)  # type: ignore[arg-type]
    with says(InvalidArgumentError, "schedule is 0.5", "CosineSchedule(n_epochs=100)"):
        train(schedule=0.5)
    with says(InvalidArgumentError, "CosineSchedule(n_epochs=100)"):
        train(schedule=CosineSchedule)
    assert train(schedule=LambdaSchedule(lambda epoch: 0.5**epoch)).n_epochs == 1


# Calls


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (CosineSchedule, "CosineSchedule needs n_epochs: CosineSchedule(n_epochs)"),
        (lambda: Layer(2), "Layer needs n_outputs: Layer(2, n_outputs)"),  # type: ignore[call-arg]
        (Layer, "Layer needs n_inputs and n_outputs: Layer(n_inputs, n_outputs)"),
        (lambda: fit(network(), X), "fit needs y: fit(model, X, y)"),  # type: ignore[call-arg]
        (lambda: MLP(layer_sizes=[1]), "MLP needs n_inputs: MLP(n_inputs, layer_sizes=[1])"),  # type: ignore[call-arg]
        (lambda: Dropout(rate=0.5), "its name here is p: Dropout(p=0.5)"),  # type: ignore[call-arg]
        (lambda: Layer(4, 3, bias=False), "every neuron has a bias"),  # type: ignore[call-arg]
        (lambda: MLP(4, [3], use_bias=True), "neuron.b.requires_grad = False"),  # type: ignore[call-arg]
        (lambda: network()[:1], "for layer in model.layers[:1]: layer.freeze()"),  # type: ignore[index]
        (lambda: [*network()], "its layers are the list model.layers"),  # type: ignore[misc]
    ],
)
def test_a_refused_call_says_the_right_one(call: Callable[[], Any], message: str) -> None:
    with says(UnknownArgumentError, message):
        call()


def test_a_part_is_appended() -> None:
    with says(UnknownAttributeError, "Sequential has no attribute 'add'; write model.append(part)"):
        Sequential().add(Layer(4, 3))


@pytest.mark.parametrize(
    ("call", "texts"),
    [
        (lambda: MLP(4, [3, 1], batch_norm="yes"), ["batch_norm is 'yes'", "MLP(2, "]),  # type: ignore[arg-type]
        (lambda: Layer(4, 3, batch_norm=1), ["batch_norm is 1", "Layer(2, 16, batch_norm=True)"]),  # type: ignore[arg-type]
        (lambda: BatchNorm(2, affine="no"), ["affine is 'no'", "BatchNorm(16, affine=False)"]),  # type: ignore[arg-type]
        (lambda: SGD(momentum=0.9, nesterov="no"), ["nesterov is 'no', but True or False is"]),  # type: ignore[arg-type]
        (lambda: RMSprop(centered="no"), ["centered is 'no'"]),  # type: ignore[arg-type]
        (lambda: OneCycleSchedule(9, three_phase="no"), ["three_phase is 'no'"]),  # type: ignore[arg-type]
        (lambda: EarlyStopping(restore_best="no"), ["restore_best is 'no'"]),  # type: ignore[arg-type]
        (lambda: Checkpoint("w.npz", best_only="no"), ["best_only is 'no'"]),  # type: ignore[arg-type]
        (lambda: train(shuffle="no"), ["shuffle is 'no'", "fit(model, X, y, shuffle=False)"]),
        (lambda: [*batch_indices(5, 2, shuffle="no")], ["shuffle is 'no'"]),  # type: ignore[arg-type]
        (lambda: [*batch_indices(5, 2, drop_last="no")], ["drop_last is 'no'"]),  # type: ignore[arg-type]
        (lambda: MLP(4, [3], dropout=0.2), ["dropout=0.2 would", "MLP(4, [16, 3], dropout=0.2)"]),
        (lambda: MLP(4, [3], batch_norm=True), ["batch_norm=True would do nothing", "leave it"]),
        (
            lambda: MLP(4, [3], batch_norm=True, dropout=0.2),
            ["both stand", "leave them out", "MLP(4, [16, 3], batch_norm=True, dropout=0.2)"],
        ),
        (lambda: Layer(4, 3, np.tanh), ["np.tanh computes with arrays", "activation='tanh'"]),  # type: ignore[arg-type]
        (lambda: MLP(4, [3, 1], np.floor), ["np.floor", "activation=functional."]),  # type: ignore[arg-type]
        (lambda: Sequential(np.sqrt), ["np.sqrt", "activation=functional.sqrt"]),  # type: ignore[arg-type]
    ],
)
def test_a_setting_that_would_do_nothing_or_fail_later_is_refused(
    call: Callable[[], Any], texts: list[str]
) -> None:
    with says(InvalidArgumentError, *texts):
        call()


def test_what_does_nothing_by_default_is_no_error() -> None:
    assert len(MLP(4, [3], dropout=0.0, batch_norm=False).layers) == 1
    assert MLP(4, [3, 1], batch_norm=np.bool_(True)).layers[0].norm is not None  # type: ignore[arg-type]


def one(x: Value) -> Any:
    return 1.0


@pytest.mark.parametrize(
    "model",
    [
        MLP(4, [3, 1], one),
        MLP(4, [3, 1], one, batch_norm=True).eval(),
        Layer(4, 1, one),
        Neuron(4, one),
        Sequential(Layer(4, 2), one),
    ],
    ids=repr,
)
def test_an_activation_gives_a_value(model: Any) -> None:
    for call in (model, model.logits):
        with says(NotANumberError, "the activation one returned 1.0, but a Value is needed"):
            call([1.0] * 4)
    if isinstance(model, MLP | Layer):
        with says(NotANumberError, "the activation one returned 1.0"):
            train(model, NUMBERS)
    assert Activation(lambda x: x * 2.0)([1.0]).data == 2.0
