"""What to tell about a run so far, in one sentence; nothing where it goes well."""

from __future__ import annotations

import numpy as np

from tinygrad_mlp.training import History
from tinygrad_mlp.training._advice import advice_for
from viz._run.curve import Curve
from viz._run.run_steps import Steps

__all__ = ["advice_of"]


def advice_of(steps: Steps, curve: Curve) -> str:
    """The advice that ``fit`` would give if it ended here, by the points of the curve.

    >>> from viz._run.steered import first_steps
    >>> from viz._run.run_settings import RunSettings
    >>> advice_of(first_steps(RunSettings("moons")), Curve())
    ''
    """
    if steps.count == 0:
        return ""
    settings = steps.settings
    measured = [point for _, point in curve.points]
    history = History(
        loss=[point.loss for point in measured],
        penalty=[point.penalty for point in measured] if settings.l1 or settings.l2 else [],
        learning_rate=[settings.learning_rate] * len(measured),
    )
    steps.write_back()  # what is looked at are the Values
    with np.errstate(all="ignore"):
        found = advice_for(
            steps.model,
            steps.task,
            steps.to_learn,
            history,
            n_steps=steps.count,
            unasked=False,
            pull=max(settings.l1, 2.0 * settings.l2),
        )
    return found[0].text if found else ""
