"""The trials whose process died: Optuna leaves them running for ever."""

from __future__ import annotations

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

__all__ = ["rerun_lost_trials"]

RERUN_OF = "rerun_of"
"""The user attribute of a trial that is run again: the number of the one that was lost."""


def rerun_lost_trials(study: Study) -> list[FrozenTrial]:
    """End the trials that nobody runs any more, and queue their hyperparameters again.

    A lost trial gets the state FAIL. The next trials of the study take over what it had suggested;
    their user attribute "rerun_of" has its number. It may be called again after it was interrupted
    itself.

    Args:
        study: the study. None of its trials may be at work, here or elsewhere: each that has the
            state RUNNING counts as lost.

    Returns:
        The lost trials, as they were.

    >>> import optuna
    >>> study = optuna.create_study()
    >>> rate = study.ask().suggest_float("rate", 0, 1)  # and its process dies
    >>> [trial.number for trial in rerun_lost_trials(study)]
    [0]
    >>> study.ask().suggest_float("rate", 0, 1) == rate
    True
    """
    trials = study.get_trials()
    queued = {trial.user_attrs.get(RERUN_OF) for trial in trials}
    lost = [trial for trial in trials if trial.state == TrialState.RUNNING]
    for trial in lost:
        if trial.number not in queued:
            # A trial that was queued itself has not suggested all of its numbers yet, maybe.
            fixed = trial.system_attrs.get("fixed_params", {})
            attributes = {**trial.user_attrs, RERUN_OF: trial.number}
            study.enqueue_trial({**fixed, **trial.params}, user_attrs=attributes)
        study.tell(trial.number, state=TrialState.FAIL)
    return lost
