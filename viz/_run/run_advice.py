"""What to tell about a run so far, in one sentence; nothing where it goes well."""

from __future__ import annotations

import numpy as np

from tinygrad_mlp.training import History
from tinygrad_mlp.training._advice import advice_for
from viz._run.curve import Curve
from viz._run.page_words import advice_for_a_page
from viz._run.run_steps import Steps

__all__ = ["advice_of"]


def advice_of(steps: Steps, curve: Curve, since: int = 0) -> str:
    """The advice that ``fit`` would give if it ended here, by the points of the curve.

    Args:
        steps: the present weights, and what they are trained for.
        curve: how good the weights were until now.
        since: the step after which the data are the present ones; what was measured with others
            does not compare.

    >>> from viz._run.steered import first_steps
    >>> from viz._run.run_settings import RunSettings
    >>> advice_of(first_steps(RunSettings("moons")), Curve())
    ''
    """
    if steps.count == 0:
        return ""
    settings = steps.settings
    points = [(step, point) for step, point in curve.points if step <= steps.count]
    points = [(step, point) for step, point in points if step > since or since == 0] or points[-1:]
    measured = [point for _, point in points]
    history = History(
        loss=[point.loss for point in measured],
        penalty=[point.penalty for point in measured] if settings.l1 or settings.l2 else [],
        validation_loss=_known([point.held_out_loss for point in measured]),
        validation_accuracy=_known([point.held_out_accuracy for point in measured]),
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
            n_validation=steps.n_held_out,
            when=[f"at step {step:,}" for step, _ in points].__getitem__,
        )
    return advice_for_a_page(found[0].text) if found else ""


def _known(numbers: list[float | None]) -> list[float]:
    """The numbers; none where one is not known, as without held-out samples."""
    known = [number for number in numbers if number is not None]
    return known if len(known) == len(numbers) else []
