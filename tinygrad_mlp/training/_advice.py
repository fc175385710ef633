"""What went wrong in a training that failed, in a few sentences, each with a line that shows it.

A training that went well is told nothing, and costs nothing but the loss of the best constant
answer and a look at the validation losses, see ``_overfitting``. Where the loss is not much better
than that answer, one pass over the training data looks at the units, see ``_units``; there is no
second look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isfinite
from typing import Final

import numpy as np

from tinygrad_mlp.data._labels import look_like_classes
from tinygrad_mlp.data._spread import is_constant, mean_and_spread
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._baselines import constant_loss
from tinygrad_mlp.training._engines import Floats
from tinygrad_mlp.training._history import Finding, History
from tinygrad_mlp.training._overfitting import NO_BETTER, When, in_epoch, overfitting
from tinygrad_mlp.training._task import Samples, Task
from tinygrad_mlp.training._units import LayerUnits, look_at

__all__ = ["advice_for"]

FEWEST_STEPS: Final = 50
"""After fewer steps a loss that has not fallen tells nothing: the training has just begun."""

POOR: Final = 0.5
"""A loss above this share is worth a look at what may hold the training back."""

RISEN: Final = 10.0
"""A loss that rose to so many times the first one was thrown off by too long steps."""

ASTRAY: Final = 1e6
"""So far above that of the best constant answer no loss is that has only just begun to fall."""

FAR_APART: Final = 100.0
"""How many times the spread of one feature may be that of another."""

LARGE: Final = 5.0
"""The typical size of features, or of the targets of a regression, above which steps get long."""

FEWEST_OF_TWO: Final = 10
"""Fewer zeros and ones than these are a truth table, which people learn as numbers, too."""

OVERFLOWING: Final = 1e9
"""A loss of one's own, for which no constant answer is known, has gone astray so far above 1."""


def advice_for(
    model: Module,
    task: Task,
    samples: Samples,
    history: History,
    *,
    n_steps: int,
    unasked: bool,
    pull: float = 0.0,
    kept_epoch: int = 0,
    when: When | None = None,
    n_validation: int | None = None,
) -> tuple[Finding, ...]:
    """What to tell about a training that has ended; nothing where it went well.

    The model, its generators and the history are as they were afterwards. A model of one's own that
    cannot be looked into gives no findings about its units.

    Args:
        model: the model as training has left it.
        task: what it was trained for.
        samples: the training data.
        history: the course of the training.
        n_steps: how many steps were taken.
        unasked: whether the loss was chosen for want of another.
        pull: how strongly the penalties pull at a parameter of 1: the larger one of l1 and 2 l2.
        kept_epoch: the epoch whose weights a callback has put back; 0 where the last ones stayed.
        when: ``when(i)`` says in words when the numbers at place i of the history were measured:
            "in epoch 1" for 0 unless given.
        n_validation: how many samples the validation losses are means of, if that is known.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], init="zeros")
    >>> task, samples = Task.for_data(model, [[1.0], [2.0], [3.0]], [1.0, 2.0, 9.0])
    >>> history = History(loss=[28.0] * 60, learning_rate=[0.0] * 60)
    >>> advice = advice_for(model, task, samples, history, n_steps=60, unasked=True)
    >>> print(advice[0].text)
    at the end the loss is 28.67; always answering the mean of y costs 12.67, so nothing was ...
    """
    findings = [*_on_whole_numbers(task, samples)] if unasked else []
    if history.loss:
        kept = _until(history, kept_epoch) if kept_epoch else history
        when = in_epoch if when is None else when
        with np.errstate(all="ignore"):
            constant = constant_loss(task, samples.targets, samples.weights)
            found = [
                *_on_the_course(model, task, samples, history, kept, constant, n_steps, pull, when)
            ]
            if not found and n_steps >= FEWEST_STEPS:
                answer = _constant_answer(task)
                past_its_best = overfitting(kept, constant, answer, when, n_validation)
                found = [] if past_its_best is None else [past_its_best]
        findings += found
    return tuple(findings)


def _on_the_course(
    model: Module,
    task: Task,
    samples: Samples,
    history: History,
    kept: History,
    constant: float | None,
    n_steps: int,
    pull: float,
    when: When,
) -> Iterator[Finding]:
    last = kept.loss[-1]
    if not isfinite(last) or (constant is None and _is_astray(kept)):
        yield _diverged(history, last, pull, when)
        yield from _on_sizes(task, samples)
        return
    if constant is None:
        return
    if last < POOR * constant:
        if _penalty_rose(history, pull) and kept.penalty[-1] > RISEN * constant:
            yield _diverged(history, last, pull, when)
        return
    scale = max(constant, float(_sizes(samples.targets).max()) ** 2)
    astray = n_steps > 1 and last > ASTRAY * scale
    diverged = astray or history.objective[-1] > RISEN * history.objective[0]
    if n_steps < FEWEST_STEPS and not diverged:
        return
    look = look_at(model, task, samples)
    # Only part of the samples may have been looked at; the loss of the last epoch is of them all.
    loss = last if look is None or look.n_samples < len(samples.X) else look.loss
    if not loss >= POOR * constant and isfinite(loss):
        return
    causes = []
    if diverged or max(history.loss) > RISEN * history.loss[0] or not isfinite(loss):
        causes.append(_diverged(history, loss, pull, when))
    causes += _on_units(model, task, samples, () if look is None else look.layers)
    if loss < NO_BETTER * constant:
        causes = [*causes, *_on_spreads(samples)]
        if causes:
            yield _beside_constant(loss, constant, task)
    else:
        causes += _on_sizes(task, samples)
        so = ", so nothing was learned" + ("" if causes else _remedy(history))
        yield _beside_constant(loss, constant, task, so)
    yield from causes


# The findings


def _until(history: History, epoch: int) -> History:
    """The course up to an epoch, whose loss is that of the weights after it, if it was measured."""
    loss, after = history.loss[:epoch], history.epoch_end_loss[epoch - 1 : epoch]
    loss[-1:] = [number if isfinite(number) else loss[-1] for number in after] or loss[-1:]
    return replace(
        history,
        loss=loss,
        penalty=history.penalty[:epoch],
        validation_loss=history.validation_loss[:epoch],
        validation_accuracy=history.validation_accuracy[:epoch],
    )


def _is_astray(history: History) -> bool:
    """Whether a loss that cannot be compared with a constant answer has diverged."""
    first, last = history.objective[0], history.objective[-1]
    return last > OVERFLOWING or last > RISEN**3 * max(abs(first), 1.0)


def _penalty_rose(history: History, pull: float) -> bool:
    """Whether the penalties rose by themselves: their steps go beyond the 0 that they pull to."""
    goes_beyond = bool(history.penalty) and max(history.learning_rate) * pull > 1.0
    return goes_beyond and any([not p <= RISEN * history.penalty[0] for p in history.penalty])


def _peak(numbers: list[float], when: When) -> str:
    """How numbers rose: from the first to the largest that is finite, if that is another."""
    finite = [number if isfinite(number) else -np.inf for number in numbers]
    place = int(np.argmax(finite))
    if place == 0:
        return f"reached {numbers[0]:.4g} {when(0)} already"
    return f"rose from {numbers[0]:.4g} to {finite[place]:.4g} {when(place)}"


def _diverged(history: History, at_the_end: float, pull: float, when: When) -> Finding:
    rate = f", such as {max(history.learning_rate) / 10.0:.2g}" if history.learning_rate else ""
    remedy = f"train a new model with a smaller learning_rate{rate}"
    if _penalty_rose(history, pull):
        return Finding(
            f"the penalties {_peak(history.penalty, when)}, so the steps are too long for so "
            "strong penalties: train a new model with smaller l1 and l2, or with a smaller "
            "learning_rate",
            "print(history)",
        )
    lost = [i for i, loss in enumerate(history.loss) if not isfinite(loss)]
    if lost or not isfinite(at_the_end):
        moment = when(lost[0]) if lost else "after the last step"
        loss = history.loss[lost[0]] if lost else at_the_end
        text = (
            f"the loss is {loss:g} {moment}, mostly for too long steps: {remedy}; or have "
            "debug.detect_anomaly() find the first nan"
        )
    else:
        text = f"the loss {_peak(history.loss, when)}, so the steps are too long: {remedy}"
    return Finding(text, "print(history)")


def _beside_constant(loss: float, constant: float, task: Task, so: str = "") -> Finding:
    return Finding(
        f"at the end the loss is {loss:.4g}; always answering {_constant_answer(task)} costs "
        f"{constant:.4g}{so}",
        "from tinygrad_mlp import predict; print(predict(model, X)[:10], y[:10])",
    )


def _constant_answer(task: Task) -> str:
    """What is answered where the same is answered always, in words."""
    answer = task.loss.constant_answer if task.loss else None
    return "" if answer is None else answer.words


def _remedy(history: History) -> str:
    """What to try where no cause was found."""
    if history.loss[-1] < 0.9 * history.loss[-1 - len(history.loss) // 4]:
        return "; it was still falling, so try more epochs"
    without = "smaller l1 and l2, " if history.penalty else ""
    return f"; try {without}another learning_rate or activation, more epochs, or a larger network"


def _on_units(
    model: Module, task: Task, samples: Samples, layers: Sequence[LayerUnits]
) -> Iterator[Finding]:
    """One finding for each activation; it lists the layers that have lost half of their units."""
    outputs = "[model(x) for x in X[:100]]"
    if task.n_outputs != 1:
        outputs = "[output for x in X[:100] for output in model(x)]"
    health = (
        "from tinygrad_mlp import debug, functional; "
        f"print(debug.health(model, functional.mean({outputs})))"
    )
    lost: dict[str, list[LayerUnits]] = {}
    for layer in layers:
        if 2 * layer.n_lost >= layer.n_units:
            lost.setdefault(layer.activation, []).append(layer)
    for activation, found in lost.items():
        where = ", ".join([f"{layer.name}: {layer.n_lost} of {layer.n_units}" for layer in found])
        n_samples = f"each of the {len(samples.X)} samples"
        if found[0].n_samples < len(samples.X):
            n_samples = f"each of {found[0].n_samples} of the {len(samples.X)} samples"
        if activation == "relu":
            yield Finding(
                f"dead relu units in {where} give 0 for {n_samples}, and no gradient comes "
                "through; train a new model with a smaller learning_rate, or with "
                "activation='leaky_relu'",
                health,
            )
            continue
        histograms = (
            "from viz.plots import activation_histograms; "
            "activation_histograms(model, X, 'activations.svg')"
        )
        yield Finding(
            f"saturated {activation} units in {where} are at an end for {n_samples}, and hardly "
            "any gradient comes through; train a new model with smaller features, smaller first "
            "weights or a smaller learning_rate",
            histograms if isinstance(model, MLP) else health,
        )


STANDARDIZE: Final = (
    "from tinygrad_mlp.data import StandardScaler; "
    "x_scaler = StandardScaler().fit(X); X = x_scaler.transform(X)"
)


def _on_sizes(task: Task, samples: Samples) -> Iterator[Finding]:
    """Features and targets that are large, or of very different size."""
    apart = list(_on_spreads(samples))
    yield from apart
    sizes = _sizes(samples.X)
    widest = int(np.argmax(sizes))
    if sizes[widest] > LARGE and not apart:
        yield Finding(
            f"column {widest} of X has numbers of the size {sizes[widest]:.4g}, which makes the "
            "steps long; bring the features to mean 0 and standard deviation 1",
            STANDARDIZE,
        )
    scalable = task.kind == "regression" and task.loss is not None and task.loss.standardizable
    if scalable and float(_sizes(samples.targets).max()) > LARGE:
        rows = ".reshape(-1, 1)" if samples.targets.shape[1] == 1 else ""
        back = f"y_scaler.inverse_transform(predict(model, X){rows})"
        yield Finding(
            f"y has numbers of the size {_sizes(samples.targets).max():.4g}, which makes the steps "
            "long; bring the targets to mean 0 and standard deviation 1, and the answers of the "
            f"new model back: {back}",
            "import numpy as np; from tinygrad_mlp.data import StandardScaler; "
            "y = np.reshape(y, (len(y), -1)); y_scaler = StandardScaler().fit(y); "
            "y = y_scaler.transform(y)",
        )


def _on_spreads(samples: Samples) -> Iterator[Finding]:
    """Features of which one varies far more than another."""
    _, spreads = mean_and_spread(samples.X)
    varying = np.flatnonzero(~is_constant(samples.X))
    if len(varying) < 2:
        return
    widest, narrowest = (
        int(varying[i]) for i in (spreads[varying].argmax(), spreads[varying].argmin())
    )
    if spreads[widest] > FAR_APART * spreads[narrowest]:
        yield Finding(
            f"the features differ much in size: column {widest} of X has the standard deviation "
            f"{spreads[widest]:.4g}, column {narrowest} {spreads[narrowest]:.4g}; bring them all "
            "to 1",
            STANDARDIZE,
        )


def _sizes(array: Floats) -> Floats:
    """The root mean square of each column."""
    with np.errstate(over="ignore"):
        sizes: Floats = np.sqrt(np.mean(np.square(array, dtype=np.float64), axis=0))
    return sizes


def _on_whole_numbers(task: Task, samples: Samples) -> Iterator[Finding]:
    """Whole numbers as floats, which may be classes, learned as a regression that nobody named."""
    targets = samples.targets
    if task.kind != "regression" or targets.shape[1] != 1 or (targets != np.floor(targets)).any():
        return
    numbers = np.unique(targets)
    two = len(numbers) == 2 and len(targets) >= FEWEST_OF_TWO
    if two or look_like_classes(targets[:, 0]):
        shown = ", ".join([f"{number:g}" for number in numbers])
        yield Finding(
            f"y holds the numbers {shown} alone, as floats, so this was a regression; if they are "
            "classes, pass them as whole numbers, and if not, name loss='mean_squared_error'",
            "import numpy as np; y = np.asarray(y, dtype=int)",
        )
