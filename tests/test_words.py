"""What people who come from elsewhere type is an error that says our word, and the corrected call.

A type checker refuses the same words: each ``type: ignore`` here stands for an error that it finds,
and it reports those that it does not need.
"""

from __future__ import annotations

import inspect
import pydoc
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import tinygrad_mlp
import viz
from tinygrad_mlp import MLP, Layer, Module, Neuron, Value, data, fit, optim
from tinygrad_mlp._cli.options import make_parser
from tinygrad_mlp._vocabulary import TABLE, our_word
from tinygrad_mlp._words import our_words
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.data import load_iris, make_blobs
from tinygrad_mlp.debug import break_when, trace_backward
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
    names |= {"compile": compile, "break_when": break_when, "trace_backward": trace_backward}
    names |= {
        "viz": viz,
        "activation": Value.tanh,
        "np": np,
        "validation_data": (X, [0.5, -1.0, 2.0, 0.0]),
        "sample_weight": [1.0, 2.0, 1.0, 1.0],
    }
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
    ("CosineSchedule(10, alpha=0.1)", "CosineSchedule(10, final_factor=0.1)"),
    ("PlateauSchedule(min_factor=0.1)", "PlateauSchedule(factor, minimum_factor=0.1)"),
    ("WarmupSchedule(total_iters=5)", "WarmupSchedule(n_epochs=5)"),
    ("fit(model, X, y, criterion='mae')", "fit(model, X, y, loss='mae')"),
    ("fit(model, X, y, weight_decay=0.02)", "fit(model, X, y, l2=0.01)"),
    (
        "fit(model, X, y, optimizer='adamw', weight_decay=0.1)",
        "fit(model, X, y, optimizer=AdamW(model.parameters(), learning_rate=0.01, "
        "weight_decay=0.1))",
    ),
    (
        "fit(model, X, y, optim='AdamW', lr=0.3, wd=0.1)",
        "fit(model, X, y, optimizer=AdamW(model.parameters(), learning_rate=0.3, "
        "weight_decay=0.1))",
    ),
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
    ("MLP(2, hidden_layer_sizes=(3,), n_outputs=1)", "MLP(2, [3, 1])"),
    ("MLP(2, hidden_layer_sizes=(3,), n_out=1, seed=0)", "MLP(2, [3, 1], rng=0)"),
    ("MLP(input_dim=2, hidden_dim=16, output_dim=1)", "MLP(2, [16, 1])"),
    ("MLP(in_features=2, out_features=1)", "MLP(2, [1])"),
    ("MLP(n_in=2, n_out=1)", "MLP(2, [1])"),
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
    (
        "fit(model, X, y, momentum=0.5)",
        "fit(model, X, y, optimizer=SGD(model.parameters(), learning_rate=0.1, momentum=0.5))",
    ),
    (
        "fit(model, X, y, momentum=np.float64(0.5))",
        "fit(model, X, y, optimizer=SGD(model.parameters(), learning_rate=0.1, momentum=0.5))",
    ),
    (
        "fit(model, X, y, momentum=0)",
        "fit(model, X, y, optimizer=SGD(model.parameters(), learning_rate=0.1, momentum=0))",
    ),
    (
        "fit(model, X, y, momentum=0.9, lr=0.3)",
        "fit(model, X, y, optimizer=SGD(model.parameters(), learning_rate=0.3, momentum=0.9))",
    ),
    (
        "fit(model, X, y, momentum=0.9, nesterovs_momentum=True, epochs=3)",
        "fit(model, X, y, optimizer=SGD(model.parameters(), learning_rate=0.1, momentum=0.9, "
        "nesterov=True), epochs=3)",
    ),
    (
        "fit(model, X, y, momentum=0.9, optimizer='rmsprop')",
        "fit(model, X, y, optimizer=RMSprop(model.parameters(), learning_rate=0.01, momentum=0.9))",
    ),
    ("train_test_split(X, y, train_size=3)", "train_test_split(X, y, test_size=1)"),
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
    ("MLP(2, [1], act=lambda v: v.tanh())", "MLP(2, [1], activation=activation)"),
    ("MLP(2, [1], act=Value.tanh)", "MLP(2, [1], activation=activation)"),
    ("SGD(parameters, lr=np.float32(0.5))", "SGD(parameters, learning_rate=0.5)"),
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
            "MLP has no argument 'hidden_layer_sizes'; here it is layer_sizes "
            "(the output layer is the last of layer_sizes)",
        ),
        (
            "fit(model, X, y, nesterov=True, lr=0.3)",
            "fit has no arguments 'nesterov' and 'lr'; here they are optimizer and learning_rate "
            "(momentum and nesterov are settings of SGD)",
        ),
        (
            "fit(model, X, y, n_epochs=3, max_iter=4)",
            "fit has no arguments 'n_epochs' and 'max_iter'; here they are epochs",
        ),
        (
            "fit(model, X, y, alpha=0.1)",
            "fit has no argument 'alpha'; here it is l2 (scikit-learn divides its alpha by twice "
            "the number of samples)",
        ),
        (
            "CosineSchedule(10, eta_min=0.1)",
            "CosineSchedule has no argument 'eta_min'; here it is final_factor (a part of the "
            "learning rate, from 0 to 1)",
        ),
        (
            "train_test_split(X, y, train_size=9)",
            "train_test_split has no argument 'train_size'; here it is test_size",
        ),
        (
            "AdamW(parameters, l2=0.1)",
            "AdamW has no argument 'l2'; here it is weight_decay",
        ),
        (
            "MLP(2, [3, 1], n_out=1)",
            "MLP has no argument 'n_out'; here it is layer_sizes",
        ),
        (
            "MLP(2, [3, 1], weights=3)",
            "MLP has no argument 'weights'; its arguments are n_inputs, layer_sizes, activation, "
            "output_activation, init, rng, batch_norm, dropout",
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


VALUES: Final = {
    "epochs": "2", "batch_size": "2", "loss": "'mse'", "optimizer": "'adam'", "l1": "0.1",
    "l2": "0.1", "schedule": "'cosine'", "clip_norm": "1.0", "clip_value": "1.0",
    "validation_data": "(X, y)", "callbacks": "[]", "log_every": "1", "progress": "False",
    "model": "model", "X": "X", "y": "y", "learning_rate": "0.1", "parameters": "parameters",
    "beta1": "0.5", "beta2": "0.5", "epsilon": "1e-6", "alpha": "0.5", "weight_decay": "0.1",
    "n_epochs": "3", "gamma": "0.5", "final_factor": "0.1", "minimum_factor": "0.1",
    "n_inputs": "2", "n_outputs": "1", "dropout": "0.2", "batch_norm": "True",
    "layer_sizes": "[3, 1]", "activation": "'tanh'",
    "output_activation": "'sigmoid'", "init": "'zeros'", "rng": "0", "test_size": "0.25",
    "stratify": "False", "n_folds": "2", "n_samples": "8", "centers": "2", "spread": "1.0",
    "noise": "0.1", "drop_last": "True", "patience": "3", "min_delta": "0.1",
    "restore_best": "True", "best_only": "True", "path": "'w.npz'", "every": "2", "step": "1e-4",
    "relative": "1e-3", "absolute": "1e-3", "start_factor": "0.1", "multiplier": "2",
    "threshold_mode": "'abs'", "function": "square", "sample_weight": "[1.0, 2.0, 1.0, 1.0]",
    "class_weight": "None", "augment": "None", "sigma": "0.2", "pixels": "1", "degrees": "10",
}  # fmt: skip
"""For each of our words a value that people give under another."""

OF_OTHERS: Final = {
    "momentum": "0.5", "nesterov": "False", "nesterovs_momentum": "False",
    "validation_split": "0.2", "early_stopping": "True", "patience": "5",
    "n_iter_no_change": "5", "verbose": "True", "betas": "(0.5, 0.9)", "nonlin": "True",
    "train_size": "0.75", "div_factor": "25.0", "final_div_factor": "1e4",
}  # fmt: skip

FORMS: Final = {
    "fit": "model=model X=X y=y epochs=2", "predict": "model=model X=X", "Adam": "", "AdamW": "",
    "SGD": "", "RMSprop": "", "Layer": "n_inputs=2 n_outputs=3", "Neuron": "n_inputs=2",
    "MLP": "n_inputs=2 layer_sizes=[3,1]", "CosineSchedule": "n_epochs=10",
    "ExponentialSchedule": "gamma=0.5", "WarmupSchedule": "n_epochs=5", "PlateauSchedule": "",
    "StepSchedule": "step_size=3", "EarlyStopping": "", "Checkpoint": "path='w.npz'",
    "train_test_split": "X=X y=y", "make_blobs": "", "make_moons": "", "k_fold": "X=X n_folds=2",
    "check_gradients": "function=square point=[1.0]",
}  # fmt: skip
"""What the calls need beside a word."""


def calls_of_the_table() -> list[str]:
    """Each word of the table, given to each function that knows ours."""
    calls = []
    names = {"EarlyStopping": EarlyStopping, "Checkpoint": Checkpoint}
    names |= {name: getattr(data, name) for name in data.__all__}
    names |= {name: getattr(optim, name) for name in optim.__all__}
    names |= {name: getattr(tinygrad_mlp, name) for name in tinygrad_mlp.__all__}
    for form, needed in FORMS.items():
        known = inspect.signature(names[form]).parameters
        for row in TABLE:
            for word in row.theirs.split():
                ours = our_word(word, known)
                if row.ours not in known or word in known or ours is None or ours != row:
                    continue
                value = OF_OTHERS.get(word, VALUES.get(row.ours, "")) if row.written else ""
                others = [x for x in needed.split() if not x.startswith(f"{row.ours}=")]
                value = value or VALUES[row.ours]
                calls.append(f"{form}({', '.join([*others, f'{word}={value}'])})")
    return calls


def test_each_corrected_call_that_the_table_makes_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    corrected = 0
    for call in calls_of_the_table():
        with pytest.raises(UnknownArgumentError) as caught:
            run(call)
        name = call.partition("(")[0]
        found = re.search(rf": ({name}\(.*?\))( \([^()=]|$)", str(caught.value))
        if found:
            corrected += 1
            assert run(found[1]) is not None, call
        else:
            assert ": " not in str(caught.value)
    assert corrected > 150


@pytest.mark.parametrize("call", ["Neuron(2, 3)", "Layer(2, 3, n_inputs=2)"])
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
        ("nn", "INITIALISERS", "INITIALIZERS"),
        ("nn", "initialiser_named", "initializer_named"),
        ("nn.init", "Initialiser", "Initializer"),
        ("nn.init", "initialiser_for", "initializer_for"),
        ("nn.init", "glorot_normal", "xavier_normal"),
        ("nn", "Linear", "Layer"),
        ("nn", "ReLU", "Activation"),
        ("losses", "MSELoss", "mean_squared_error"),
        ("losses", "CrossEntropyLoss", "categorical_cross_entropy"),
        ("optim", "ReduceLROnPlateau", "PlateauSchedule"),
        ("training", "ModelCheckpoint", "Checkpoint"),
    ],
)
def test_an_import_of_another_name_says_ours(module: str, old: str, new: str) -> None:
    with pytest.raises(ImportError, match=rf"its name here is {new}: .* import {new}( \(.*\))?$"):
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
    assert not hasattr(type(thing), name)


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


def test_a_dataclass_has_these_names_without_a_default() -> None:
    @dataclass
    class Own(Module):
        w: Value
        score: float

    make: Any = Own
    with pytest.raises(TypeError, match="score"):
        make(Value(1.0))
    assert make(Value(1.0), 2.0).score == 2.0
    assert not any(hasattr(MLP, name) for name in ("compile", "fit", "predict", "score"))


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("fit(model, X, y, loss='msee')", "Did you mean 'mean_squared_error'?"),
        ("MLP(2, [1], init='he')", "Did you mean 'he_normal'?"),
        ("Neuron(2, init='he_nromal', weights=[1.0, 2.0])", "Did you mean 'he_normal'?"),
        ("MLP(2, [1], activation='rleu')", "Did you mean 'relu'?"),
        ("break_when(lable='a')", "did you mean label: break_when(label='a')"),
        ("compile(square, persample=True)", "per_sample: compile(square, per_sample=True)"),
        ("check_gradients(Value(2.0), [2.0])", "check_gradients(lambda x: x**2, [2.0])"),
        ("MLP(2, [4, 1], output_activation='softmax')", "Layer(4, 1, 'sigmoid')"),
        ("Layer(2, 1, 'softmax')", "the softmax of one output is always 1"),
        ("fit(np.zeros((150, 4)), y, model)", "the model is ndarray of shape (150, 4), but"),
        ("predict(X, model)", "X is MLP of [Layer of 1 linear(2) neuron], which"),
        ("trace_backward(MLP(4, [16, 16, 3]))", "but got MLP of [Layer of 16 relu(4) ne…"),
        ("viz.replay(model, 'a.html')", "build a loss or an output first: viz.replay(model(x), "),
        ("viz.replay([Value(1.0)], 'a.html')", "take one output: viz.replay(outputs[0], path)"),
    ],
)
def test_what_was_meant_or_given_is_told(call: str, message: str) -> None:
    with pytest.raises(TinygradMLPError) as caught:
        run(call)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ("--lr 0.1", "--lr 0.1; did you mean --learning-rate?"),
        ("--batchsize=8", "--batchsize=8; did you mean --batch-size?"),
        ("--momentum 0.9", "--momentum 0.9 (see"),
        ("--colour", "--colour (see"),
    ],
)
def test_an_option_from_elsewhere_is_answered_with_ours(
    options: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["train", "a.csv", "--target", "y", *options.split()])
    assert f"unrecognized arguments: {hint}" in capsys.readouterr().err


@pytest.mark.parametrize("batch_size", ["auto", 0, -1])
def test_all_samples_at_once_are_none(batch_size: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="or batch_size=None for all samples at once"):
        fit(MLP(2, [1]), X, [1.0, 2.0, 3.0, 4.0], batch_size=batch_size)
