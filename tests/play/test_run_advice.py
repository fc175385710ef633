"""What a page is told of a run that goes wrong: what ``fit`` says, in words that fit a page."""

from __future__ import annotations

import re
from typing import Any

import pytest

from viz._run.curve import Curve
from viz._run.page_words import advice_for_a_page, advice_for_a_recording
from viz._run.run import Run
from viz._run.run_advice import advice_of
from viz._run.run_settings import LayerSettings, RunSettings
from viz._run.run_steps import Measured


def noisy(**settings: Any) -> Run:
    """Few points that mix, and a large network: it learns them by heart."""
    return Run(
        RunSettings(
            **{
                "data": "moons",
                "n_samples": 80,
                "noise": 0.5,
                "held_out": 0.5,
                "layers": (LayerSettings(24),) * 2,
                "learning_rate": 0.03,
                **settings,
            }
        )
    )


@pytest.fixture(scope="module")
def overfitted() -> Run:
    run = noisy()
    run.take(600)
    return run


def test_overfitting_is_told_with_its_steps(overfitted: Run) -> None:
    run = overfitted
    run.go_to(600)
    advice = run.advise()
    found = re.search(
        r"the held-out loss was lowest at step (\d+) and rose from (\S+) to (\S+) \(", advice
    )
    assert found, advice
    lowest = min(run.curve.points, key=lambda point: point[1].held_out_loss or 0.0)
    held_out = run.measured().held_out_loss
    assert held_out is not None
    assert int(found[1]) == lowest[0]
    assert [found[2], found[3]] == [f"{lowest[1].held_out_loss:.4g}", f"{held_out:.4g}"]
    assert held_out > 1.5 * (lowest[1].held_out_loss or 0.0)
    assert advice.endswith(
        "; go back to that step, or rewind and train with a larger L2 penalty, with dropout, or "
        "with more data"
    )
    assert "EarlyStopping" not in advice
    assert "chance" not in advice


def test_few_held_out_samples_are_told() -> None:
    run = noisy(n_samples=40, held_out=0.45)
    run.take(600)
    assert "; with 18 held-out samples this may be chance; " in run.advise()


def test_who_goes_back_is_told_nothing_of_what_came_after(overfitted: Run) -> None:
    run = overfitted
    lowest = min(run.curve.points, key=lambda point: point[1].held_out_loss or 0.0)[0]
    run.go_to(lowest)
    assert run.advise() == ""
    run.go_to(600)
    assert "overfitting" in run.advise()
    run.rewind()
    assert run.advise() == ""


def test_without_held_out_samples_it_cannot_be_known() -> None:
    run = noisy(held_out=0.0, n_samples=40)
    run.take(600)
    assert run.advise() == ""


@pytest.mark.parametrize("change", ["noise", "paint"])
def test_what_was_measured_with_other_data_does_not_compare(change: str) -> None:
    run = noisy()
    run.take(600)
    assert "overfitting" in run.advise()
    if change == "noise":
        run.set("noise", 0.6)
    else:
        run.paint([[0.0, 0.0, 1]])
    run.take(1)
    assert run.advise() == ""
    run.set("learning_rate", 0.02)  # the data stay
    run.take(30)
    assert run.advise() == ""
    run.go_to(600)  # before the change
    assert run.settings.noise == 0.5 or run.settings.painted == ()


def test_only_the_points_with_the_present_data_count() -> None:
    run = noisy()
    run.take(60)
    curve = Curve()
    for step in range(60):
        held_out = 0.5 + 0.01 * max(0, 5 - step) + 0.02 * max(0, step - 5)
        curve.add(step, Measured(0.6 * 0.9**step, held_out, 0.5, 0.5))
    assert "at step 5 " in advice_of(run._steps, curve)
    assert "at step 31 " in advice_of(run._steps, curve, since=30)  # those after it
    assert advice_of(run._steps, curve, since=50) == ""
    assert advice_of(run._steps, curve, since=1000) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "the loss rose from 1 to 30, so the steps are too long: train a new model with a "
            "smaller learning_rate, such as 0.01; or have debug.detect_anomaly() find the first "
            "nan",
            "the loss rose from 1 to 30, so the steps are too long: rewind and train with a "
            "smaller learning rate, such as 0.01",
        ),
        (
            "comes through; train a new model with a smaller learning_rate, or with "
            "activation='leaky_relu'",
            "comes through; rewind and train with a smaller learning rate, or with the activation "
            "leaky_relu",
        ),
        (
            "always answering the mean of y costs 1, so nothing was learned; try smaller l1 and "
            "l2, another learning_rate or activation, more epochs, or a larger network",
            "always answering the mean of the target costs 1, so nothing was learned; try smaller "
            "L1 and L2 penalties, another learning rate or activation, more epochs, or a larger "
            "network",
        ),
        (
            "on the training data), so look first whether the validation data are prepared as the "
            "training data are; train a new model with callbacks=[EarlyStopping()], which goes "
            "back to the best epoch, with a larger l2",
            "on the training data); go back to that step, or rewind and train with a larger L2 "
            "penalty",
        ),
    ],
)
def test_advice_is_in_the_words_of_the_page(text: str, expected: str) -> None:
    assert advice_for_a_page(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "the validation loss was lowest in epoch 8; even at its lowest it was no better than "
            "always answering the mean of y (1 on the training data), so look first whether the "
            "validation data are prepared as the training data are; train a new model with "
            "callbacks=[EarlyStopping()], which goes back to the best epoch, with a larger l2, "
            "with dropout, or with more data",
            "the held-out loss was lowest in epoch 8; even at its lowest it was no better than "
            "always answering the mean of the target (1 on the training data), so look first "
            "whether the held-out data are prepared as the training data are; train a new network "
            "with early stopping, which goes back to the best epoch, with a larger L2 penalty, "
            "with dropout, or with more data",
        ),
        (
            "too long steps: train a new model with a smaller learning_rate, such as 0.01; or have "
            "debug.detect_anomaly() find the first nan",
            "too long steps: train a new network with a smaller learning rate, such as 0.01",
        ),
        (
            "y holds the numbers 0, 1 alone, as floats, so this was a regression; if they are "
            "classes, pass them as whole numbers, and if not, name loss='mean_squared_error'",
            "the target holds the numbers 0, 1 alone, as floats, so this was a regression; if they "
            "are classes, they have to be whole numbers",
        ),
    ],
)
def test_advice_on_a_training_that_is_over(text: str, expected: str) -> None:
    assert advice_for_a_recording(text) == expected
