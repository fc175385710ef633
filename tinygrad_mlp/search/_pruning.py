"""The callbacks that report each epoch to a trial of Optuna, and end a training that it prunes."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import BaseTrial

from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._callbacks import MONITORS
from tinygrad_mlp.training._history import History

__all__ = ["EstimatorPruningCallback", "PruningCallback"]


class PruningCallback:
    """Reports each epoch of ``fit`` to a trial; ends the training if the trial is pruned.

    Args:
        trial: the trial, as Optuna gives it to the objective. One training reports to it, not
            several: of the folds of a cross-validation give it the first.
        monitor: what is reported: "validation_loss", "validation_accuracy", "loss" or "accuracy".

    Raises:
        InvalidArgumentError: if the study looks for the largest loss, or the smallest accuracy, or
            has several objectives; in training for a monitor without numbers.
        UnknownNameError: for an unknown monitor.
        optuna.TrialPruned: in training, when the trial is pruned. Optuna catches it.

    >>> study = optuna.create_study(direction="minimize")
    >>> report = PruningCallback(study.ask())
    >>> report.on_epoch_end(1, History(loss=[0.7], validation_loss=[0.9]), Module())
    >>> study.trials[0].intermediate_values
    {1: 0.9}
    """

    only_looks = True

    def __init__(self, trial: BaseTrial, monitor: str = "validation_loss") -> None:
        if monitor not in MONITORS:
            raise UnknownNameError.of("monitor", monitor, MONITORS)
        _check_direction(trial, monitor, maximizes="accuracy" in monitor)
        self.trial = trial
        self.monitor = monitor

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        """Report the number of the epoch."""
        _report(self.trial, history.metric(self.monitor)[-1], epoch)


class EstimatorPruningCallback:
    """Reports the score after each epoch of an estimator to a trial; ends a fit that is pruned.

    It goes into ``set_callbacks``. A fit within a search of scikit-learn's needs
    ``error_score="raise"`` there, else a fit that is pruned counts as one that failed.

    Args:
        trial: the trial, as Optuna gives it to the objective. One fit reports to it, not several.
        X: the features of the samples that the score is measured on, as the estimator takes them:
            in a pipeline those that the steps before it have transformed.
        y: their targets.
        scoring: the name of a score, or a function of an estimator, X and y, where larger is
            better; None for the estimator's own ``score``.

    Raises:
        InvalidArgumentError: if the study looks for the smallest score, or has several objectives.
        optuna.TrialPruned: in the fit, when the trial is pruned. Optuna catches it.

    >>> study = optuna.create_study(direction="maximize")
    >>> report = EstimatorPruningCallback(study.ask(), [[0.0], [1.0]], [0, 1])
    >>> from tinygrad_mlp.estimators import MLPClassifier
    >>> network = MLPClassifier([2], max_iter=3, tol=1.0, n_iter_no_change=1, random_state=0)
    >>> network = network.set_callbacks(report).fit([[0.0], [1.0]], [0, 1])
    >>> list(study.trials[0].intermediate_values)
    [1, 2, 3]
    """

    def __init__(self, trial: BaseTrial, X: Any, y: Any, scoring: Any = None) -> None:
        _check_direction(trial, "score", maximizes=True)
        self.trial = trial
        self.X, self.y = X, y
        self.scoring = scoring

    def setup(self, estimator: Any, context: Any) -> None:
        """The fit begins: nothing to do."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """The fit is over: nothing to do."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """An epoch begins, or the fit: nothing to do."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        """Report the score if it was an epoch that ended; False, since pruning is an exception."""
        from sklearn.metrics import check_scoring

        if context.task_name == "epoch":
            scorer = check_scoring(fitted_estimator, self.scoring)
            _report(self.trial, scorer(fitted_estimator, self.X, self.y), context.task_id + 1)
        return False


def _report(trial: BaseTrial, number: float, epoch: int) -> None:
    trial.report(float(number), epoch)
    if trial.should_prune():
        raise optuna.TrialPruned(f"pruned after epoch {epoch}")


def _check_direction(trial: BaseTrial, what: str, *, maximizes: bool) -> None:
    """Whether the study looks for what is better; a fixed trial belongs to no study."""
    study = getattr(trial, "study", None)
    if study is not None and len(study.directions) > 1:
        raise InvalidArgumentError(
            f"the study has {len(study.directions)} objectives, and Optuna prunes by one alone; "
            "train without the callback, or make a study of one: "
            f"create_study(direction={'maximize' if maximizes else 'minimize'!r})"
        )
    wanted = StudyDirection.MAXIMIZE if maximizes else StudyDirection.MINIMIZE
    if study is not None and study.direction != wanted:
        raise InvalidArgumentError(
            f"of {what!r} the {'largest' if maximizes else 'smallest'} is the best, but the study "
            f"has direction={study.direction.name.lower()!r}, so that the best trials would be "
            f"pruned; make it with create_study(direction={wanted.name.lower()!r})"
        )
