"""What the estimators refuse and warn of: the kinds of scikit-learn, our words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import config_context, neural_network
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from tests.estimators.beside_scikit_learn import PROBLEMS, WEIGHTS, Problem, fitted_pair, quietly
from tests.source_files import ROOT
from tinygrad_mlp import estimators
from tinygrad_mlp.estimators import MLPClassifier, MLPRegressor
from tinygrad_mlp.estimators._update_rules import AdamRule
from tinygrad_mlp.training._steps_in_pieces import Pieces

X, y = PROBLEMS["two classes"].X, PROBLEMS["two classes"].y

WRONG: dict[str, list[Any]] = {
    "hidden_layer_sizes": [-1, 0, "8", (3, 0), (3, -2)],
    "activation": ["rleu", 3, "softmax"],
    "solver": ["newton", None],
    "alpha": [-0.1, "x"],
    "batch_size": [0, -3, "all", 1.5],
    "learning_rate": ["fast"],
    "learning_rate_init": [0.0, -1.0],
    "power_t": [-0.5],
    "max_iter": [0, 1.5],
    "shuffle": ["yes"],
    "random_state": [-1, "seed"],
    "tol": [-1e-3],
    "verbose": [-1],
    "warm_start": ["no"],
    "momentum": [-0.1, 1.1],
    "nesterovs_momentum": ["maybe"],
    "early_stopping": ["later"],
    "validation_fraction": [-0.1, 1.0],
    "beta_1": [-0.1, 1.0],
    "beta_2": [-0.1, 1.0],
    "epsilon": [0.0, -1e-3],
    "n_iter_no_change": [0, -1, 1.5],
    "max_fun": [0],
}
"""Parameters of scikit-learn that it refuses too."""

OURS_ALONE: dict[str, list[Any]] = {
    "dropout": [-0.1, 1.0],
    "batch_norm": ["yes"],
    "class_weight": ["equal", 1.0],
}

RIGHT: dict[str, list[Any]] = {
    "batch_size": [1, 500],
    "momentum": [0.0, 1.0],
    "validation_fraction": [0.0],
    "beta_1": [0.0],
    "beta_2": [0.0],
    "alpha": [0.0],
    "tol": [0.0],
    "power_t": [0.0],
    "n_iter_no_change": [np.inf, 1],
    "max_fun": [1],
    "hidden_layer_sizes": [1, [], np.array([2, 2])],
    "dropout": [0.0, 0.99],
    "activation": ["gelu", ("relu",), ["logistic"]],
    "class_weight": [None, "balanced", {False: 1.0, True: 2.0}],
}


def cases(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param({name: value}, id=f"{name}={value}")
        for name, values in table.items()
        for value in values
    ]


def error_of(call: Callable[..., Any], *args: Any) -> Exception | None:
    try:
        call(*args)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("wrong", cases(WRONG))
def test_what_scikit_learn_refuses_is_refused(wrong: dict[str, Any]) -> None:
    theirs = error_of(neural_network.MLPClassifier(**wrong).fit, X, y)
    ours = error_of(MLPClassifier(**wrong).fit, X, y)
    assert isinstance(ours, ValueError)
    assert type(ours) is type(theirs)
    assert next(iter(wrong)) in str(ours)


@pytest.mark.parametrize("wrong", cases(OURS_ALONE))
def test_of_ours_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"The {next(iter(wrong))!r} parameter of MLPClassifier"):
        MLPClassifier(**wrong).fit(X, y)


@pytest.mark.filterwarnings("ignore:batch_size=500")
@pytest.mark.parametrize("right", cases(RIGHT))
def test_the_limits_themselves_are_allowed(right: dict[str, Any]) -> None:
    settings = {"hidden_layer_sizes": (2,), "max_iter": 1, "random_state": 0, **right}
    model = quietly(MLPClassifier(**settings).fit, X[:40], y[:40])
    assert np.isfinite(model.loss_)


def test_the_loss_of_a_regressor() -> None:
    with pytest.raises(ValueError, match="The 'loss' parameter of MLPRegressor"):
        MLPRegressor("absolute_error").fit(X, y)
    with pytest.raises(ValueError, match=r"smallest target is -2\.0; take loss='squared_error'"):
        MLPRegressor("poisson").fit(X, np.full(len(X), -2.0))
    assert MLPRegressor("poisson").loss == "poisson"  # the first positional


def test_too_few_epochs_are_warned_of_where_fit_was_called() -> None:
    with pytest.warns(ConvergenceWarning, match="stopped at max_iter=3 epochs") as caught:
        MLPRegressor(max_iter=3).fit(X, y)
    assert caught[0].filename == __file__
    with pytest.warns(ConvergenceWarning, match="has not converged after 2 iterations") as caught:
        MLPRegressor(max_iter=2, solver="lbfgs").fit(X, y)
    assert caught[0].filename == __file__
    with pytest.warns(ConvergenceWarning, match=r"max_fun \(now 4\)"):
        MLPRegressor(max_fun=4, solver="lbfgs").fit(X, y)


def test_a_batch_that_is_too_large_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="batch_size=151 is more than the 150 samples") as caught:
        quietly(MLPRegressor(max_iter=1, batch_size=151).fit, X, y)
    assert len(caught) == 1


@pytest.mark.filterwarnings("error")
def test_training_that_has_converged_warns_of_nothing() -> None:
    assert MLPRegressor(tol=10.0, n_iter_no_change=2, max_iter=9).fit(X, y).n_iter_ == 4


def test_ctrl_c_leaves_the_weights_of_that_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    rate_of_step = AdamRule.rate_of_step

    def interrupted(self: AdamRule, step: int) -> float:
        if step == 8:
            raise KeyboardInterrupt
        return rate_of_step(self, step)

    monkeypatch.setattr(AdamRule, "rate_of_step", interrupted)
    monkeypatch.setattr(Pieces, "most_steps", lambda *_: 1)
    model = MLPClassifier([4], batch_size=50, random_state=0)
    with pytest.warns(UserWarning, match="interrupted in epoch 3") as caught:
        model.fit(X, y)
    assert caught[0].filename == __file__
    assert model.n_iter_ == len(model.loss_curve_) == 2
    assert np.isfinite(model.predict_proba(X)).all()
    assert vars(model)["_rule"].n_steps == 7


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_weights_that_became_infinite(solver: str) -> None:
    settings: dict[str, Any] = {"solver": solver, "learning_rate_init": 1e300, "max_iter": 20}
    for package in (neural_network, estimators):
        with pytest.raises(ValueError, match=r"non-finite|nan or infinite; scale the features"):
            quietly(package.MLPRegressor(**settings).fit, X * 1e10, y)


def test_early_stopping_needs_samples() -> None:
    for package in (neural_network, estimators):
        with pytest.raises(ValueError, match="The validation set is too small"):
            package.MLPRegressor(early_stopping=True).fit(X[:2], y[:2])
        with pytest.raises(ValueError, match="least populated class"):
            package.MLPClassifier(early_stopping=True).fit(X[:9], [1] + 8 * [0])
        with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
            package.MLPRegressor(early_stopping=True).partial_fit(X, y)


def test_two_samples_are_enough_to_hold_out() -> None:
    for package in (neural_network, estimators):
        model = package.MLPRegressor(early_stopping=True, validation_fraction=0.2, max_iter=2)
        assert len(quietly(model.fit, X[:10], y[:10]).validation_scores_) == 2


def test_a_batch_without_weight_has_no_mean() -> None:
    for package in (neural_network, estimators):
        model = package.MLPRegressor(shuffle=False, batch_size=50)
        with pytest.raises(ZeroDivisionError):
            model.fit(X, y, sample_weight=[0.0] * 50 + [1.0] * 100)


@pytest.mark.parametrize(
    "targets",
    [np.linspace(0.0, 1.0, 150), np.column_stack([y * 2, y, y * 3])],
    ids=["reals", "2-D"],
)
def test_targets_that_are_no_classes(targets: Any) -> None:
    for package in (neural_network, estimators):
        with pytest.raises(ValueError, match=r"Unknown label type|not supported"):
            package.MLPClassifier().fit(X, targets)


def test_before_fit_nothing_is_predicted() -> None:
    for call in ("predict", "predict_proba", "activations", "graph"):
        with pytest.raises(NotFittedError):
            getattr(MLPClassifier(), call)(X)
    with pytest.raises(NotFittedError):
        MLPClassifier().to_mlp()


@pytest.mark.parametrize(
    "wrong",
    [X[:, :5], X[0], X[:0], np.where(X > 2.0, np.nan, X), np.where(X > 2.0, np.inf, X)],
    ids=["narrow", "one row", "empty", "nan", "inf"],
)
def test_features_that_will_not_do(wrong: Any) -> None:
    theirs, ours = fitted_pair(PROBLEMS["two classes"], max_iter=1)
    expected, found = error_of(theirs.predict, wrong), error_of(ours.predict, wrong)
    assert isinstance(found, ValueError)
    assert str(found) == str(expected)


def test_numbers_whose_sum_is_too_large_are_predicted() -> None:
    large = np.full((200, 6), 1e306)
    theirs, ours = fitted_pair(Problem("MLPClassifier", y, {"activation": "tanh"}), max_iter=2)
    np.testing.assert_allclose(ours.predict_proba(large), theirs.predict_proba(large))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": ["relu"]}, "activation is a list of 1, but there are 2 hidden layers"),
        ({"solver": "lbfgs", "dropout": 0.5}, "take solver='adam'"),
        ({"solver": "lbfgs", "batch_norm": True}, "take solver='adam'"),
        ({"activation": ["relu", "rleu"]}, r"activation has 'rleu', .* take some of \['elu'"),
        ({"activation": ["softmax", "relu"]}, "activation has 'softmax'"),
        ({"activation": [None, "relu"]}, "activation has None"),
        ({"activation": [["relu"], "relu"]}, r"activation has \['relu'\]"),
        ({"batch_norm": True, "batch_size": 149}, "last batch has one, .* another batch_size"),
        ({"batch_norm": True, "batch_size": 1}, "batches of 1 the last batch has one"),
        ({"early_stopping": True, "validation_fraction": 0.0}, "hold out 0 of 150 samples"),
        ({"class_weight": {False: np.nan}}, "contains NaN"),
        ({"hidden_layer_sizes": [], "dropout": 0.5}, "without a hidden layer"),
        ({"hidden_layer_sizes": [], "batch_norm": True}, "without a hidden layer"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**{"hidden_layer_sizes": (3, 2), **settings}).fit(X, y)


def test_balanced_classes_are_not_known_in_parts() -> None:
    with pytest.raises(ValueError, match=r"give the weights: class_weight=\{label: weight"):
        MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=[False, True])


def test_class_weights_that_cancel_in_batches_of_one() -> None:
    X, y = [[0.0], [1.0], [2.0]], [0, 0, 1]
    settings: dict[str, Any] = {"max_iter": 1, "class_weight": "balanced"}
    with pytest.raises(ValueError, match=r"class_weight changes nothing: .*: batch_size=32$"):
        MLPClassifier(batch_size=1, **settings).fit(X, y)
    quietly(MLPClassifier(batch_size=2, **settings).fit, X, y)
    quietly(MLPClassifier(batch_size=1, solver="lbfgs", **settings).fit, X, y)
    quietly(MLPClassifier(batch_size=1, **settings).fit, X[1:], y[1:])  # one of each class


def test_parameters_are_not_checked_where_scikit_learn_is_told_so() -> None:
    with config_context(skip_parameter_validation=True):
        for package in (neural_network, estimators):
            quietly(package.MLPRegressor(alpha=-1e-9, max_iter=1).fit, X, y)


def test_graph_takes_one_row() -> None:
    model = fitted_pair(PROBLEMS["two classes"], max_iter=1)[1]
    for wrong, shape in ((X[:2], r"\(2, 6\)"), (X[0, :5], r"\(5,\)")):
        with pytest.raises(ValueError, match=rf"of 6 features, .* {shape}; .* graph\(X\[0\]\)"):
            model.graph(wrong)


def test_without_scikit_learn_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['sklearn'] = None\n"
        "try:\n    import tinygrad_mlp.estimators\n"
        "except ImportError as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.startswith("MissingDependencyError the estimators need the package 'scikit-")
    assert "python -m pip install -e '.[sklearn]'" in done.stdout


def test_without_scikit_learn_the_reference_leaves_them_out() -> None:
    program = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from tinygrad_mlp._course._public_names import public_modules\n"
        "print(*public_modules(['tinygrad_mlp']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "tinygrad_mlp.nn" in done.stdout.split()
    assert "tinygrad_mlp.estimators" not in done.stdout.split()


def test_verbose_prints_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    settings: dict[str, Any] = {"verbose": True, "early_stopping": True, "tol": 1.0}
    theirs, ours = [
        package.MLPClassifier([3], random_state=0, n_iter_no_change=2, max_iter=9, **settings)
        for package in (neural_network, estimators)
    ]
    theirs.fit(X, y, sample_weight=WEIGHTS)
    expected = capsys.readouterr().out.splitlines()
    ours.fit(X, y, sample_weight=WEIGHTS)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:-1] == expected[:-1]
    assert printed[-1] == (
        "The validation score has not improved by more than tol=1.000000 for 2 epochs in a row. "
        "Stopping."
    )
    shrinking: dict[str, Any] = {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.01,
    }
    quietly(
        MLPRegressor(
            hidden_layer_sizes=[2], tol=1e9, n_iter_no_change=1, max_iter=3, verbose=1, **shrinking
        ).fit,
        X,
        y,
    )
    assert "training loss" in (line := capsys.readouterr().out.splitlines()[-1])
    assert line.endswith("Setting learning rate to 0.002000")
    quietly(
        MLPRegressor(hidden_layer_sizes=[2], solver="lbfgs", max_iter=2, verbose=True).fit, X, y
    )
    assert capsys.readouterr().out.startswith("Iteration 1, loss = ")
