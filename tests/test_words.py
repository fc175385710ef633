"""What people who come from elsewhere type is an error that says our word, and the corrected call.

A type checker refuses the same words: each ``type: ignore`` here stands for an error that it finds,
and it reports those that it does not need.
"""

from __future__ import annotations

import inspect
import pydoc
from collections.abc import Callable
from typing import Any, Final

import pytest

import tinygrad_mlp
from tinygrad_mlp import MLP, Layer, Module, Neuron, Value, data, fit, optim
from tinygrad_mlp.data import load_iris, make_blobs
from tinygrad_mlp.derivatives import check_gradients
from tinygrad_mlp.errors import (
    InvalidArgumentError,
    NotTextError,
    RenamedError,
    TinygradMLPError,
    UnknownArgumentError,
    UnknownAttributeError,
)
from tinygrad_mlp.optim import SGD, Adam, AdamW, RMSprop
from tinygrad_mlp.training import Checkpoint, EarlyStopping, History
from tinygrad_mlp.vocabulary import TABLE
from tinygrad_mlp.words import our_words

X: Final = [[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5], [2.0, -1.0]]


def square(x: Value) -> Value:
    return x * x


def run(call: str) -> Any:
    """What the call gives, with the names that a person has in a notebook."""
    names: dict[str, Any] = {
        name: getattr(package, name)
        for package in (optim, data, tinygrad_mlp)
        for name in package.__all__
    }
    names |= {"EarlyStopping": EarlyStopping, "Checkpoint": Checkpoint, "square": square}
    names |= {"X": X, "y": [0.5, -1.0, 2.0, 0.0], "model": MLP(2, [1], rng=0)}
    names |= {"X_test": X, "y_test": [0.5, -1.0, 2.0, 0.0], "parameters": [Value(1.0)]}
    names |= {"n_samples": 20, "patience": 5, "factor": 0.1, "point": [1.0], "arrays": [X]}
    return eval(call, names)  # the calls are those of the table below


CALLS: Final = [
    # PyTorch
    ("Adam(lr=0.1)", "Adam(parameters, learning_rate=0.1)"),
    ("Adam(parameters, lr=0.1)", "Adam(parameters, learning_rate=0.1)"),
    ("Adam(parameters, betas=(0.8, 0.99))", "Adam(parameters, beta1=0.8, beta2=0.99)"),
    ("AdamW(parameters, 0.1, eps=1e-6)", "AdamW(parameters, 0.1, epsilon=1e-06)"),
    (
        "AdamW(parameters, lr=0.1, betas=[0.8, 0.9])",
        "AdamW(parameters, learning_rate=0.1, beta1=0.8, beta2=0.9)",
    ),
    ("SGD(params=parameters, lr=0.1)", "SGD(parameters=parameters, learning_rate=0.1)"),
    ("SGD(parameters, wd=0.1)", "SGD(parameters, weight_decay=0.1)"),
    ("RMSprop(parameters, eps=1e-6)", "RMSprop(parameters, epsilon=1e-06)"),
    ("Layer(in_features=2, out_features=3)", "Layer(n_inputs=2, n_outputs=3)"),
    ("CosineSchedule(T_max=10)", "CosineSchedule(n_epochs=10)"),
    ("CosineSchedule(10, eta_min=0.1)", "CosineSchedule(10, final_factor=0.1)"),
    ("PlateauSchedule(min_lr=0.1)", "PlateauSchedule(factor, minimum_factor=0.1)"),
    ("WarmupSchedule(total_iters=5)", "WarmupSchedule(n_epochs=5)"),
    ("fit(model, X, y, criterion='mae')", "fit(model, X, y, loss='mae')"),
    ("fit(model, X, y, weight_decay=0.02)", "fit(model, X, y, l2=0.01)"),
    ("fit(model, X, y, scheduler='cosine')", "fit(model, X, y, schedule='cosine')"),
    ("fit(model, X, y, max_grad_norm=1.0)", "fit(model, X, y, clip_norm=1.0)"),
    # Keras
    ("fit(model, X, y, verbose=0)", "fit(model, X, y, log_every=None)"),
    ("fit(model, X, y, verbose=1)", "fit(model, X, y, log_every=1)"),
    ("fit(model, x=X, y=y)", "fit(model, X=X, y=y)"),
    ("fit(model, X, y, clipnorm=1.0)", "fit(model, X, y, clip_norm=1.0)"),
    (
        "fit(model, X, y, validation_split=0.2)",
        "fit(model, X, y, validation_data=(X_test, y_test))",
    ),
    ("Adam(beta_1=0.8)", "Adam(parameters, beta1=0.8)"),
    ("RMSprop(rho=0.9)", "RMSprop(parameters, alpha=0.9)"),
    ("Layer(2, units=3)", "Layer(2, n_outputs=3)"),
    ("Layer(2, 3, kernel_initializer='zeros')", "Layer(2, 3, init='zeros')"),
    ("EarlyStopping(restore_best_weights=True)", "EarlyStopping(patience, restore_best=True)"),
    ("Checkpoint(filepath='w.npz')", "Checkpoint(path='w.npz')"),
    ("Checkpoint('w.npz', save_best_only=True)", "Checkpoint('w.npz', best_only=True)"),
    ("predict(model, x=X)", "predict(model, X=X)"),
    # scikit-learn
    ("MLP(2, hidden_layer_sizes=(8,))", "MLP(2, layer_sizes=(8,))"),
    ("MLP(2, [8, 1], random_state=0)", "MLP(2, [8, 1], rng=0)"),
    ("fit(model, X, y, max_iter=20)", "fit(model, X, y, epochs=20)"),
    ("fit(model, X, y, n_iter=20)", "fit(model, X, y, epochs=20)"),
    ("fit(model, X, y, solver='adam')", "fit(model, X, y, optimizer='adam')"),
    ("fit(model, X, y, learning_rate_init=0.1)", "fit(model, X, y, learning_rate=0.1)"),
    ("fit(model, X, y, early_stopping=True)", "fit(model, X, y, callbacks=[EarlyStopping()])"),
    (
        "fit(model, X, y, n_iter_no_change=5)",
        "fit(model, X, y, callbacks=[EarlyStopping(patience=5)])",
    ),
    (
        "fit(model, X, y, early_stopping=True, patience=5)",
        "fit(model, X, y, callbacks=[EarlyStopping(patience=5)])",
    ),
    ("fit(model, X, y, alpha=0.1)", "fit(model, X, y, l2=0.1)"),
    (
        "fit(model, X, y, momentum=0.5)",
        "fit(model, X, y, optimizer=SGD(model.parameters(), learning_rate=0.1, momentum=0.5))",
    ),
    ("train_test_split(X, y, random_state=0)", "train_test_split(X, y, rng=0)"),
    ("train_test_split(X, y, train_size=0.75)", "train_test_split(X, y, test_size=0.25)"),
    ("k_fold(X, n_splits=2)", "k_fold(X, n_folds=2)"),
    ("make_moons(50, random_state=0)", "make_moons(50, rng=0)"),
    ("make_blobs(cluster_std=2.0)", "make_blobs(n_samples, spread=2.0)"),
    ("iterate_batches(X, y, seed=0)", "iterate_batches(*arrays, rng=0)"),
    # micrograd, and loops written by hand
    ("Neuron(2, nonlin=False)", "Neuron(2, activation=None)"),
    ("Neuron(2, nonlin=True)", "Neuron(2, activation='relu')"),
    ("Neuron(nin=2)", "Neuron(n_inputs=2)"),
    ("MLP(nin=2, nouts=[8, 1])", "MLP(n_inputs=2, layer_sizes=[8, 1])"),
    ("MLP([2, 8, 1])", "MLP(2, [8, 1])"),
    ("MLP((2, 8, 1), rng=0)", "MLP(2, [8, 1], rng=0)"),
    ("MLP(2, [8, 1], seed=0)", "MLP(2, [8, 1], rng=0)"),
    ("MLP(2, [8, 1], activations=['tanh'])", "MLP(2, [8, 1], activation=['tanh'])"),
    ("fit(model, X, y, n_epochs=20)", "fit(model, X, y, epochs=20)"),
    ("fit(model, X, y, lr=0.1, bs=2)", "fit(model, X, y, learning_rate=0.1, batch_size=2)"),
    ("check_gradients(square, [1.0], eps=1e-4)", "check_gradients(square, point, step=0.0001)"),
    # earlier versions
    ("make_blobs(centres=3)", "make_blobs(n_samples, centers=3)"),
    # near to a word of ours, or to one of others
    ("fit(model, X, y, epcohs=3)", "fit(model, X, y, epochs=3)"),
    ("Adam(parameters, learningrate=0.1)", "Adam(parameters, learning_rate=0.1)"),
    ("MLP(2, [8, 1], randomstate=0)", "MLP(2, [8, 1], rng=0)"),
]


@pytest.mark.parametrize(("call", "corrected"), CALLS, ids=[call for call, _ in CALLS])
def test_a_word_from_elsewhere_is_answered_with_the_corrected_call_which_runs(
    call: str, corrected: str
) -> None:
    with pytest.raises(UnknownArgumentError) as caught:
        run(call)
    text = str(caught.value)
    assert text.startswith(f"{call.partition('(')[0]} ")
    assert text.endswith(f": {corrected}") or f": {corrected} (" in text
    assert isinstance(caught.value, TinygradMLPError)
    assert isinstance(caught.value, TypeError)
    assert caught.value.__context__ is None, "nobody wants to read two errors"
    run(corrected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            "Adam(lr=0.1)",
            "Adam has no argument 'lr'; its name here is learning_rate: "
            "Adam(parameters, learning_rate=0.1)",
        ),
        (
            "AdamW(parameters, betas=(0.8, 0.99), eps=1e-6)",
            "AdamW has no arguments 'betas' and 'eps'; here they are beta1 and beta2 and epsilon: "
            "AdamW(parameters, beta1=0.8, beta2=0.99, epsilon=1e-06)",
        ),
        (
            "MLP([2, 8, 1])",
            "MLP takes the number of inputs apart from the sizes of the layers: MLP(2, [8, 1])",
        ),
        (
            "MLP(2, hidden_layer_sizes=(8,))",
            "MLP has no argument 'hidden_layer_sizes'; its name here is layer_sizes: "
            "MLP(2, layer_sizes=(8,)) (the output layer is the last of layer_sizes)",
        ),
        (
            "fit(model, X, y, verbose=0)",
            "fit has no argument 'verbose'; here it is log_every: fit(model, X, y, log_every=None)",
        ),
        (
            "fit(model, X, y, epcohs=3)",
            "fit has no argument 'epcohs'; did you mean epochs: fit(model, X, y, epochs=3)",
        ),
        (
            "SGD(parameters, lr=0.1, dampening=0.5)",
            "SGD has no argument 'dampening'; its arguments are parameters, learning_rate, "
            "momentum, nesterov, weight_decay",
        ),
        (
            "fit(model, X, y, metrics=['accuracy'], lr=0.1)",
            "fit has no argument 'metrics'; a classification has history.accuracy without being "
            "asked",
        ),
        (
            "load_iris(return_X_y=True)",
            "load_iris has no argument 'return_X_y'; take X and y from it: iris = load_iris(); "
            "iris.X, iris.y",
        ),
        (
            "Adam(parameters, 0.1, (0.9, 0.99))",
            "Adam takes parameters, learning_rate without a name, got 3; give the others by their "
            "names: beta1, beta2, epsilon, weight_decay",
        ),
    ],
)
def test_the_whole_message(call: str, message: str) -> None:
    with pytest.raises(UnknownArgumentError) as caught:
        run(call)
    assert str(caught.value) == message


@pytest.mark.parametrize("call", ["fit(model)", "Layer()", "train_test_split(X)", "Neuron(2, 3)"])
def test_what_python_says_well_it_says(call: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        run(call)
    assert not isinstance(caught.value, UnknownArgumentError)


def test_an_error_within_the_function_stays_what_it_is() -> None:
    @our_words
    def train(learning_rate: float = 0.1, **settings: float) -> None:
        raise TypeError(f"of its own: {learning_rate} {settings}")

    with pytest.raises(TypeError, match=r"of its own: 0.1 {'lr': 0.5}") as caught:
        train(lr=0.5)
    assert not isinstance(caught.value, UnknownArgumentError)


class Slow(Adam):
    """A subclass, which inherits the way it is made."""


class Slower(Adam):
    def __init__(self, parameters: Any) -> None:
        settings: Any = {"lr": 1e-6}
        super().__init__(parameters, **settings)


def test_the_class_that_was_called_is_named() -> None:
    make: Any = Slow
    with pytest.raises(UnknownArgumentError, match=r"^Slow has no argument 'lr'.*: Slow\(param"):
        make(lr=0.1)
    with pytest.raises(UnknownArgumentError, match=r"^Adam has no argument 'lr'"):
        Slower([Value(1.0)])


def test_a_type_checker_refuses_the_same_words() -> None:
    makers: list[Callable[[], object]] = [
        lambda: Adam(lr=0.1),  # type: ignore[call-arg]
        lambda: AdamW([], lr=0.1),  # type: ignore[call-arg]
        lambda: SGD([], lr=0.1),  # type: ignore[call-arg]
        lambda: RMSprop(rho=0.1),  # type: ignore[call-arg]
        lambda: MLP(2, [1], seed=0),  # type: ignore[call-arg]
        lambda: Layer(2, 1, seed=0),  # type: ignore[call-arg]
        lambda: Neuron(2, nonlin=False),  # type: ignore[call-arg]
        lambda: fit(MLP(2, [1]), X, [1.0], n_iter=3),  # type: ignore[call-arg]
        lambda: make_blobs(centres=3),  # type: ignore[call-arg]
        lambda: EarlyStopping(tol=0.1),  # type: ignore[call-arg]
        lambda: Checkpoint(filepath="w.npz"),  # type: ignore[call-arg]
        lambda: check_gradients(square, [1.0], eps=1.0),  # type: ignore[call-arg]
    ]
    for make in makers:
        with pytest.raises(UnknownArgumentError):
            make()
    with pytest.raises(UnknownAttributeError):
        print(History().history)  # type: ignore[attr-defined]
    with pytest.raises(RenamedError):
        print(data.Standardiser)  # type: ignore[attr-defined]


@pytest.mark.parametrize("function", [fit, make_blobs, MLP, Adam, AdamW, Neuron, EarlyStopping])
def test_signature_and_help_are_those_of_the_function(function: Callable[..., Any]) -> None:
    names = list(inspect.signature(function).parameters)
    init = inspect.unwrap(function.__init__ if inspect.isclass(function) else function)
    code = init.__code__
    assert names == [
        name
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if name != "self"
    ]
    shown = pydoc.plain(pydoc.render_doc(function))
    assert all(f"{name}:" in shown for name in names)
    assert "kwargs" not in shown


def test_the_table_has_each_word_once_for_one_of_ours() -> None:
    pairs = [(row.ours, theirs) for row in TABLE for theirs in row.theirs.split()]
    assert len(set(pairs)) == len(pairs)
    assert not [(ours, theirs) for ours, theirs in pairs if ours == theirs]


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("data", "Standardiser", "StandardScaler"),
        ("data.preprocessing", "Standardiser", "StandardScaler"),
        ("nn", "INITIALISERS", "INITIALIZERS"),
        ("nn", "initialiser_named", "initializer_named"),
        ("nn.init", "Initialiser", "Initializer"),
        ("nn.init", "initialiser_for", "initializer_for"),
        ("nn", "Linear", "Layer"),
        ("nn", "Sequential", "MLP"),
        ("losses", "MSELoss", "mean_squared_error"),
        ("losses", "CrossEntropyLoss", "categorical_cross_entropy"),
        ("optim", "ReduceLROnPlateau", "PlateauSchedule"),
        ("training", "ModelCheckpoint", "Checkpoint"),
    ],
)
def test_an_import_of_another_name_says_ours(module: str, old: str, new: str) -> None:
    with pytest.raises(ImportError, match=rf"its name here is {new}: from .* import {new}$"):
        exec(f"from tinygrad_mlp.{module} import {old}")
    exec(f"from tinygrad_mlp.{module} import {new}")


def test_the_package_itself_names_value_and_leaves_other_names_to_python() -> None:
    with pytest.raises(RenamedError, match="its name here is Value"):
        exec("from tinygrad_mlp import Tensor")
    for module in ("tinygrad_mlp", "tinygrad_mlp.nn", "tinygrad_mlp.data"):
        with pytest.raises(ImportError, match="cannot import name 'NoSuchThing'"):
            exec(f"from {module} import NoSuchThing")
    assert not hasattr(data, "NoSuchThing")
    assert not hasattr(data, "metrics"), "a word without a counterpart"


@pytest.mark.parametrize(
    ("thing", "name", "ours"),
    [
        (load_iris(), "licence", "dataset.license"),
        (load_iris(), "target", "dataset.y"),
        (load_iris(), "data", "dataset.X"),
        (History(loss=[1.0]), "history", "history.loss"),
        (History(loss=[1.0]), "val_loss", "history.validation_loss"),
        (Value(1.0), "name", "value.label"),
        (Adam(), "lr", "optimizer.learning_rate"),
        (MLP(2, [1]), "fit", r"fit\(model, X, y\)"),
        (MLP(2, [1]), "predict", r"predict\(model, X\)"),
    ],
)
def test_an_attribute_of_another_name_says_ours(thing: Any, name: str, ours: str) -> None:
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}'; write {ours}"):
        getattr(thing, name)
    assert not hasattr(thing, name)


def test_what_would_change_nothing_is_not_assigned() -> None:
    optimizer: Any = Adam()
    with pytest.raises(UnknownAttributeError, match=r"write optimizer.learning_rate"):
        optimizer.lr = 0.5
    value: Any = Value(1.0)
    with pytest.raises(UnknownAttributeError, match=r"write value.label = 'x'"):
        value.name = "rate"


def test_a_model_of_one_s_own_may_have_these_names() -> None:
    class Own(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)
            self.score = 3.0

        def fit(self) -> str:
            return "fitted"

    own: Any = Own()
    assert (own.fit(), own.score) == ("fitted", 3.0)


def test_children_of_a_value_are_no_label() -> None:
    make: Any = Value
    declare = r"Value\(data, children\) .*functional\.declare\('cube', cube_forward, cube_partial\)"
    with pytest.raises(NotTextError, match=declare):
        make(2.0, (Value(1.0),))
    with pytest.raises(NotTextError, match=declare):
        make(2.0, (Value(1.0),), "tanh")
    for others in ({"_children": ()}, {"_op": "+"}, {"_children": (Value(1.0),), "_op": "+"}):
        with pytest.raises(UnknownArgumentError, match=declare):
            make(2.0, **others)


@pytest.mark.parametrize("batch_size", ["auto", 0, -1])
def test_all_samples_at_once_are_none(batch_size: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="or batch_size=None for all samples at once"):
        fit(MLP(2, [1]), X, [1.0, 2.0, 3.0, 4.0], batch_size=batch_size)
