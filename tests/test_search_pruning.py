"""The callbacks that report to a trial of Optuna: each epoch, the right number, the end."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.estimators.beside_scikit_learn import PROBLEMS, quietly
from tinygrad_mlp.errors import InvalidArgumentError, MissingDependencyError, UnknownNameError
from tinygrad_mlp.estimators import MLPClassifier
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.search import EstimatorPruningCallback, PruningCallback
from tinygrad_mlp.training import fit

X, y = PROBLEMS["four classes"].X, PROBLEMS["four classes"].y
TRAIN, HELD_OUT = (X[:100], y[:100]), (X[100:], y[100:])


class PruneAfter(optuna.pruners.BasePruner):
    """Prunes every trial after the same epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        return trial.last_step is not None and trial.last_step >= self.epoch


def study_of(direction: str, epoch: float = math.inf) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction=direction, pruner=PruneAfter(epoch))  # type: ignore[arg-type]


def train(callback: Any, epochs: int = 5, **settings: Any) -> Any:
    model = MLP(X.shape[1], [4, 4], rng=0)
    given = {"validation_data": HELD_OUT, "rng": 0, "log_every": None, **settings}
    return fit(model, *TRAIN, epochs=epochs, callbacks=[callback], **given)


@pytest.mark.parametrize(
    ("monitor", "direction"),
    [
        ("validation_loss", "minimize"),
        ("loss", "minimize"),
        ("validation_accuracy", "maximize"),
        ("accuracy", "maximize"),
    ],
)
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_fit_reports_the_number_of_every_epoch(monitor: str, direction: str, engine: str) -> None:
    study = study_of(direction)
    history = train(PruningCallback(study.ask(), monitor), engine=engine)
    expected = dict(enumerate(getattr(history, monitor), start=1))
    assert study.trials[0].intermediate_values == expected
    assert len(set(expected.values())) > 1
    assert history.completed


def test_the_validation_loss_is_reported_by_default() -> None:
    study = study_of("minimize")
    history = train(PruningCallback(study.ask()))
    assert list(study.trials[0].intermediate_values.values()) == history.validation_loss


def test_fit_ends_in_the_epoch_in_which_the_trial_is_pruned() -> None:
    study = study_of("minimize", epoch=3)
    returned = []

    def objective(trial: optuna.Trial) -> float:
        returned.append(train(PruningCallback(trial)))
        return 0.0

    study.optimize(objective, n_trials=2)
    assert returned == []
    for trial in study.trials:
        assert trial.state == optuna.trial.TrialState.PRUNED
        assert list(trial.intermediate_values) == [1, 2, 3]
    with pytest.raises(optuna.TrialPruned, match="pruned after epoch 3"):
        train(PruningCallback(study.ask()))


def test_the_weights_are_those_without_the_callback() -> None:
    study = study_of("minimize")
    reported = train(PruningCallback(study.ask()))
    alone = fit(
        MLP(X.shape[1], [4, 4], rng=0),
        *TRAIN,
        epochs=5,
        validation_data=HELD_OUT,
        rng=0,
        log_every=None,
    )
    assert reported.validation_loss == alone.validation_loss
    assert PruningCallback.only_looks, "else fit looks for changes after each epoch"


def test_a_training_goes_on_from_its_file_and_reports_on(tmp_path: Path) -> None:
    study, file = study_of("minimize"), tmp_path / "training.npz"
    trial = study.ask()
    train(PruningCallback(trial), epochs=3, resume=file)
    history = train(PruningCallback(trial), epochs=5, resume=file)
    assert history.n_epochs == 5
    assert study.trials[0].intermediate_values == dict(enumerate(history.validation_loss, start=1))


@pytest.mark.parametrize(
    ("monitor", "direction", "message"),
    [
        (
            "validation_loss",
            "maximize",
            "of 'validation_loss' the smallest is the best, but the study has "
            "direction='maximize', so that the best trials would be pruned; make it with "
            "create_study(direction='minimize')",
        ),
        (
            "accuracy",
            "minimize",
            "of 'accuracy' the largest is the best, but the study has direction='minimize', so "
            "that the best trials would be pruned; make it with "
            "create_study(direction='maximize')",
        ),
    ],
)
def test_a_study_that_looks_for_the_worst_is_refused(
    monitor: str, direction: str, message: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        PruningCallback(study_of(direction).ask(), monitor)
    assert str(caught.value) == message
    if monitor == "accuracy":
        with pytest.raises(InvalidArgumentError, match="'score' the largest"):
            EstimatorPruningCallback(study_of(direction).ask(), *HELD_OUT)


def test_a_study_of_several_objectives_cannot_prune() -> None:
    trial = optuna.create_study(directions=["minimize", "maximize"]).ask()
    for made, direction in (
        (lambda: PruningCallback(trial), "minimize"),
        (lambda: PruningCallback(trial, "accuracy"), "maximize"),
        (lambda: EstimatorPruningCallback(trial, *HELD_OUT), "maximize"),
    ):
        with pytest.raises(InvalidArgumentError) as caught:
            made()
        assert str(caught.value) == (
            "the study has 2 objectives, and Optuna prunes by one alone; train without the "
            f"callback, or make a study of one: create_study(direction={direction!r})"
        )


@pytest.mark.parametrize("sampler", [optuna.samplers.RandomSampler, optuna.samplers.TPESampler])
def test_the_same_seeds_and_name_make_the_same_search(sampler: Any) -> None:
    """What is suggested, what is pruned and when, and every number that was reported."""

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
        report = PruningCallback(trial)
        history = train(report, epochs=9, optimizer="sgd", learning_rate=rate)
        return float(history.validation_loss[-1])

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    searches = []
    for _ in range(2):
        study = optuna.create_study(
            study_name="the same",
            sampler=sampler(seed=0),
            pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9),
        )
        study.optimize(objective, n_trials=12)
        searches.append([(t.state, t.params, t.intermediate_values) for t in study.trials])
    assert searches[0] == searches[1]
    lengths = {len(values) for _, _, values in searches[0]}
    assert len(lengths) > 1
    assert max(lengths) == 9


def test_a_fixed_trial_belongs_to_no_study() -> None:
    trial = optuna.trial.FixedTrial({"rate": 0.1})
    assert train(PruningCallback(trial)).completed
    assert train(PruningCallback(trial, "validation_accuracy")).completed


def test_a_monitor_that_nobody_measures_is_named() -> None:
    with pytest.raises(UnknownNameError, match="validation_accuracy"):
        PruningCallback(study_of("minimize").ask(), "validation_acuracy")
    with pytest.raises(InvalidArgumentError, match=r"no 'validation_loss'.*pass validation_data"):
        train(PruningCallback(study_of("minimize").ask()), validation_data=None)


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    for name in [name for name in sys.modules if name.startswith("tinygrad_mlp.search")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingDependencyError, match=r"^searches need .*'optuna'.*\[search\]"):
        importlib.import_module("tinygrad_mlp.search")


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_an_estimator_reports_the_score_of_every_epoch(solver: str) -> None:
    study = study_of("maximize")
    settings: dict[str, Any] = {"solver": solver, "learning_rate_init": 0.5, "random_state": 0}
    report = EstimatorPruningCallback(study.ask(), *HELD_OUT)
    network = MLPClassifier([5], max_iter=4, **settings).set_callbacks(report)
    quietly(network.fit, *TRAIN)
    scores = [
        quietly(MLPClassifier([5], max_iter=epochs, **settings).fit, *TRAIN).score(*HELD_OUT)
        for epochs in (1, 2, 3, 4)
    ]
    assert study.trials[0].intermediate_values == dict(enumerate(scores, start=1))
    assert len(set(scores)) > 1


def test_an_estimator_reports_the_scoring_that_is_named() -> None:
    study = study_of("maximize")
    report = EstimatorPruningCallback(study.ask(), *HELD_OUT, scoring="neg_log_loss")
    network = MLPClassifier([5], max_iter=3, random_state=0).set_callbacks(report)
    quietly(network.fit, *TRAIN)
    expected = -log_loss(HELD_OUT[1], network.predict_proba(HELD_OUT[0]))
    assert study.trials[0].intermediate_values[3] == pytest.approx(expected, rel=1e-12)


def test_a_fit_ends_in_the_epoch_in_which_the_trial_is_pruned() -> None:
    study = study_of("maximize", epoch=2)

    def objective(trial: optuna.Trial) -> float:
        scaler = StandardScaler().fit(TRAIN[0])
        held_out = scaler.transform(HELD_OUT[0])
        report = EstimatorPruningCallback(trial, held_out, HELD_OUT[1])
        network = MLPClassifier([5], max_iter=50, random_state=0).set_callbacks(report)
        make_pipeline(scaler, network).fit(*TRAIN)
        raise AssertionError("it was not pruned")

    study.optimize(objective, n_trials=2)
    for trial in study.trials:
        assert trial.state == optuna.trial.TrialState.PRUNED
        assert list(trial.intermediate_values) == [1, 2]


def test_a_pruned_estimator_fits_again() -> None:
    study = study_of("maximize", epoch=1)
    report = EstimatorPruningCallback(study.ask(), *HELD_OUT)
    network = MLPClassifier([5], max_iter=3, random_state=0).set_callbacks(report)
    with pytest.raises(optuna.TrialPruned, match="pruned after epoch 1"):
        network.fit(*TRAIN)
    quietly(network.set_callbacks().fit, *TRAIN)
    alone = quietly(MLPClassifier([5], max_iter=3, random_state=0).fit, *TRAIN)
    assert np.array_equal(network.coefs_[0], alone.coefs_[0])
