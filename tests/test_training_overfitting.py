"""``history.advice`` on overfitting: told where it is plain, with its numbers, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import MLP, fit
from tinygrad_mlp._cli.training_run import for_a_command_line
from tinygrad_mlp.training import EarlyStopping, History
from tinygrad_mlp.training._advice import advice_for
from tinygrad_mlp.training._overfitting import overfitting, rise_of
from tinygrad_mlp.training._task import Task


def falling(n: int) -> list[float]:
    return [float(0.9**epoch) for epoch in range(n)]


def turning(n: int, best: int, slope: float) -> list[float]:
    """A loss that falls from 1 to 0.5 at the place of the best, and rises from there."""
    before = [1.0 - 0.5 * i / best for i in range(best)]
    return before + [0.5 + slope * i for i in range(n - best)]


# What is a rise


def test_a_long_rise_is_found_with_its_best_epoch_and_its_size() -> None:
    rise = rise_of(falling(40), turning(40, 9, 0.02))
    # 30 epochs follow the best; the last third of them begins 21 after it
    assert rise is not None
    assert rise.best == 9
    assert rise.size == pytest.approx(21 * 0.02)


@pytest.mark.parametrize(("n_after", "is_found"), [(9, False), (10, True), (11, True)])
def test_ten_epochs_after_the_best_are_long(n_after: int, is_found: bool) -> None:
    n = 6 + n_after
    assert (rise_of(falling(n), turning(n, 5, 0.05)) is not None) == is_found


@pytest.mark.parametrize(
    ("late", "is_found"), [(0.59, False), (0.5999, False), (0.6001, True), (0.7, True)]
)
def test_a_fifth_more_than_the_lowest_is_much(late: float, is_found: bool) -> None:
    held = [0.6, 0.5, *[0.5] * 10, *[late] * 20]
    assert (rise_of(falling(len(held)), held) is not None) == is_found


def test_one_late_epoch_that_is_good_again_takes_the_alarm_back() -> None:
    held = turning(40, 9, 0.02)
    assert rise_of(falling(40), held) is not None
    for place, is_found in ((29, True), (30, False), (35, False), (39, False)):
        again = [*held]
        again[place] = 0.52
        assert (rise_of(falling(40), again) is not None) == is_found


@pytest.mark.parametrize(("share", "is_found"), [(0.88, True), (0.89, True), (0.91, False)])
def test_the_training_loss_has_to_fall_by_a_tenth(share: float, is_found: bool) -> None:
    trained = [1.0] * 20 + [share] * 20
    assert (rise_of(trained, turning(40, 9, 0.02)) is not None) == is_found


def test_a_training_loss_that_is_higher_at_the_end_is_no_overfitting() -> None:
    trained = falling(40)
    trained[-1] = trained[9]
    assert rise_of(trained, turning(40, 9, 0.02)) is None
    trained[-1] = trained[9] - 1e-9
    assert rise_of(trained, turning(40, 9, 0.02)) is not None


def test_where_both_losses_rise_the_steps_are_too_long_and_that_is_no_overfitting() -> None:
    held = turning(40, 9, 0.02)
    assert rise_of(held, held) is None


def test_one_epoch_of_training_that_is_bad_by_chance_counts_little() -> None:
    trained = falling(40)
    trained[8] = 0.01  # beside the best
    assert rise_of(trained, turning(40, 9, 0.02)) is not None


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_loss_below_zero_can_rise_too(sign: float) -> None:
    held = [-1.0 - i / 10 for i in range(5)] + [-1.5 + sign * 0.05 * i for i in range(30)]
    trained = [-1.0 - 0.1 * i for i in range(35)]
    assert (rise_of(trained, held) is not None) == (sign > 0)


@pytest.mark.parametrize("number", [nan, inf, -inf])
@pytest.mark.parametrize("which", [0, 1])
def test_numbers_that_are_none_tell_nothing(number: float, which: int) -> None:
    lists = [falling(40), turning(40, 9, 0.02)]
    assert rise_of(*lists) is not None
    lists[which][20] = number
    assert rise_of(*lists) is None


@pytest.mark.parametrize("held", [[], [0.5] * 39, [0.5] * 41, [0.5]])
def test_without_a_number_for_each_epoch_there_is_nothing_to_tell(held: list[float]) -> None:
    assert rise_of(falling(40), held) is None
    assert rise_of([], held) is None


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("n", [12, 30, 100, 400])
def test_noise_is_no_rise(sigma: float, n: int) -> None:
    rng = np.random.default_rng(0)
    trained = np.exp(-3.0 * np.arange(n) / n).tolist()
    alarms = [
        rise_of(trained, (0.5 * np.exp(sigma * rng.normal(size=n))).tolist()) for _ in range(250)
    ]
    assert sum(alarm is not None for alarm in alarms) <= 2  # of 250


def test_a_rise_above_the_noise_is_found() -> None:
    rng = np.random.default_rng(0)
    held = np.array(turning(200, 40, 0.01)) + 0.05 * rng.normal(size=200)
    rise = rise_of(falling(200), held.tolist())
    assert rise is not None
    assert rise.best == np.argmin(held)


def test_a_rise_has_to_be_four_times_the_usual_change() -> None:
    for height, is_found in ((0.39, False), (0.41, True)):
        held = [1.0, *[0.1, 0.2] * 10, *[0.1 + height, 0.2 + height] * 5]
        assert (rise_of(falling(len(held)), held) is not None) == is_found


# What is told


def told(
    held: Sequence[float],
    constant: float | None = 1.0,
    accuracy: Sequence[float] = (),
    trained: Sequence[float] | None = None,
) -> str:
    history = History(
        loss=list(falling(len(held)) if trained is None else trained),
        validation_loss=list(held),
        validation_accuracy=list(accuracy),
    )
    found = overfitting(history, constant, "the mean of y", lambda place: f"in epoch {place + 1}")
    return "" if found is None else found.text


REMEDY: Final = (
    "train a new model with callbacks=[EarlyStopping()], which goes back to the best epoch, with "
    "a larger l2, with dropout, or with more data"
)


def test_it_is_told_with_the_best_epoch_and_how_much_worse_it_is_now() -> None:
    history = History(loss=falling(40), validation_loss=turning(40, 9, 0.02))
    found = overfitting(history, 1.0, "the mean of y", lambda place: f"at step {place}")
    assert found is not None
    assert found.text == (
        "this looks like overfitting: the validation loss was lowest at step 9 and rose from 0.5 "
        "to 1.1 (2.2 times as much), while the training loss fell from "
        f"{0.9**9:.4g} to {0.9**39:.4g}; {REMEDY}"
    )
    assert "validation_data=validation_data, callbacks=[EarlyStopping()]" in found.command


def test_where_the_lowest_is_zero_there_is_no_ratio() -> None:
    held = [max(0.0, number - 0.5) for number in turning(40, 9, 0.02)]
    assert "rose from 0 to 0.6, while" in told(held)


@pytest.mark.parametrize(
    ("lowest", "ratio"),
    [(0.0006, " (999.0 times as much)"), (0.00059, ""), (1e-9, ""), (5e-324, "")],
)
def test_where_the_lowest_is_nearly_zero_there_is_none_either(lowest: float, ratio: str) -> None:
    held = [1.0, *[lowest] * 11, *[0.5994] * 10]
    assert f"rose from {lowest:.4g} to 0.5994{ratio}, while" in told(held)


@pytest.mark.parametrize(
    ("constant", "is_told"),
    [(1.0, True), (4.1, True), (4.3, False), (None, True)],  # 21 * 0.02 is what it rose
)
def test_a_rise_that_is_small_beside_the_constant_answer_does_not_matter(
    constant: float | None, is_told: bool
) -> None:
    assert bool(told(turning(40, 9, 0.02), constant)) == is_told


def test_without_a_constant_answer_the_first_loss_stands_for_it() -> None:
    held = turning(40, 9, 0.02)
    for first, is_told in ((4.1, True), (4.3, False), (-4.3, False)):
        shifted = held if first > 0 else [number - 5.0 for number in held]
        shifted = [first, *shifted[1:]]
        assert bool(told(shifted, None, trained=[5.0, *falling(39)])) == (is_told)


def test_accuracy_that_did_not_fall_is_told() -> None:
    held = turning(40, 9, 0.02)
    words = "the accuracy did not fall, so wrong answers are given with too much confidence; train"
    assert words in told(held, accuracy=[0.9] * 40)
    assert words in told(held, accuracy=[*[0.9] * 39, 0.95])
    assert words not in told(held, accuracy=[*[0.9] * 39, 0.85])
    assert "accuracy" not in told(held)


@pytest.mark.parametrize(("constant", "is_doubted"), [(0.6, False), (0.51, False), (0.504, True)])
def test_validation_data_that_never_were_learned_are_doubted(
    constant: float, is_doubted: bool
) -> None:
    text = told(turning(40, 9, 0.02), constant, accuracy=[0.5] * 40)
    words = (
        f"even at its lowest it was no better than always answering the mean of y ({constant:g} on "
        "the training data), so look first whether the validation data are prepared as"
    )
    assert (words in text) == is_doubted
    assert ("accuracy" in text) != is_doubted
    assert text.endswith(REMEDY)


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (1, "; with 1 validation sample this may be chance; train a new"),
        (19, "; with 19 validation samples this may be chance; train a new"),
        (20, ""),
        (None, ""),
    ],
)
def test_few_validation_samples_are_told(n: int | None, words: str) -> None:
    history = History(loss=falling(40), validation_loss=turning(40, 9, 0.02))
    found = overfitting(history, 1.0, "the mean of y", str, n)
    assert found is not None
    assert words in found.text
    assert ("chance" in found.text) == bool(words)


@pytest.mark.parametrize("n", [19, 20])
def test_fit_knows_how_many_validate(n: int) -> None:
    X, y, (X_other, y_other) = few_points(3)
    model = MLP(1, [32, 32, 1], "tanh", rng=0)
    history = fit(model, X, y, validation_data=(X_other[:n], y_other[:n]), **SETTINGS)
    (finding,) = history.advice
    assert ("with 19 validation samples this may be chance" in finding.text) == (n == 19)


def test_on_a_command_line_its_options_are_named() -> None:
    text = for_a_command_line(told(turning(40, 9, 0.02)))
    assert "the validation loss was lowest" in text
    assert text.endswith("; train again with fewer --epochs, with a larger --l2, or with more data")
    text = for_a_command_line(told(turning(40, 9, 0.02), 0.504))
    assert "(0.504 on the training data); train again with" in text  # it holds samples out itself


# Trainings


def few_points(seed: int) -> tuple[Any, Any, Any]:
    """20 noisy points of a sine to learn from, and 200 to validate with."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, (220, 1))
    y = np.sin(3.0 * X[:, 0]) + 0.5 * rng.normal(size=220)
    return X[:20], y[:20], (X[20:], y[20:])


SETTINGS: Final[dict[str, Any]] = {
    "epochs": 300,
    "optimizer": "adam",
    "learning_rate": 0.02,
    "log_every": None,
    "rng": 0,
}


def test_a_network_too_large_for_its_data_is_told_and_the_remedy_helps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    X, y, validation_data = few_points(0)

    def new_model() -> MLP:
        return MLP(1, [32, 32, 1], "tanh", rng=0)

    history = fit(
        new_model(), X, y, validation_data=validation_data, **(SETTINGS | {"log_every": 300})
    )
    (finding,) = history.advice
    best = int(np.argmin(history.validation_loss))
    first, last = history.validation_loss[best], history.validation_loss[-1]
    assert f"was lowest in epoch {best + 1} and rose from {first:.4g} to {last:.4g} (" in (
        finding.text
    )
    assert last > 1.5 * first
    assert capsys.readouterr().out.endswith(f"{finding}\n")
    assert str(history).endswith(str(finding))
    names = {"X": X, "y": y, "validation_data": validation_data, "new_model": new_model()}
    call = finding.command.replace("callbacks", f"**{SETTINGS!r}, callbacks")
    exec(call, names)
    again: Any = names["history"]
    assert again.advice == ()
    assert np.mean(again.validation_loss[again.best_epoch() - 1]) == min(again.validation_loss)
    exec(
        finding.command, names | {"new_model": new_model()}
    )  # as it stands there, with its defaults


def test_without_validation_data_it_cannot_be_known() -> None:
    X, y, _ = few_points(0)
    assert fit(MLP(1, [32, 32, 1], "tanh", rng=0), X, y, **SETTINGS).advice == ()


@pytest.mark.parametrize("restore_best", [True, False])
def test_who_goes_back_to_the_best_weights_is_told_nothing(restore_best: bool) -> None:
    X, y, validation_data = few_points(0)
    stopping = EarlyStopping(patience=1000, restore_best=restore_best)
    history = fit(
        MLP(1, [32, 32, 1], "tanh", rng=0),
        *(X, y),
        validation_data=validation_data,
        callbacks=[stopping],
        **SETTINGS,
    )
    assert bool(history.advice) != restore_best


def test_the_course_up_to_the_epoch_that_was_kept_counts() -> None:
    """A callback that watches the training loss keeps weights that overfit."""
    X, y = np.array([[-1.0], [1.0]]), [-1.0, 1.0]
    model = MLP(1, [1], rng=0)
    task, samples = Task.for_data(model, X, y, "mean_absolute_error")
    history = History(
        loss=[0.4 * number for number in falling(60)],
        validation_loss=turning(60, 9, 0.02),
        validation_accuracy=[0.5] * 59 + [0.1],
        learning_rate=[0.1] * 60,
    )

    def advised(**settings: Any) -> str:
        found = advice_for(
            model, task, samples, history, **{"n_steps": 60, "unasked": False, **settings}
        )
        return "".join([finding.text for finding in found])

    assert "rose from 0.5 to 1.5 " in advised()
    assert "confidence" not in advised()
    assert "rose from 0.5 to 1.1 " in advised(kept_epoch=40)
    assert "confidence" in advised(kept_epoch=40)
    assert advised(kept_epoch=10) == ""
    assert advised(n_steps=49) == ""
    assert "lowest in epoch 10" in advised(n_steps=50)
    assert "lowest at 9" in advised(when=lambda place: f"at {place}")


def test_a_training_that_failed_is_told_that_alone() -> None:
    X, y = np.array([[-1.0], [1.0]]), [-1.0, 1.0]
    model = MLP(1, [1], init="zeros")
    task, samples = Task.for_data(model, X, y, "mean_absolute_error")
    history = History(
        loss=[30.0 * number for number in falling(20)],
        validation_loss=turning(20, 5, 0.1),
        learning_rate=[0.1] * 20,
    )
    found = advice_for(model, task, samples, history, n_steps=60, unasked=False)
    (finding,) = found
    assert "nothing was learned" in finding.text


@pytest.mark.parametrize("seed", range(3))
def test_enough_data_give_no_alarm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, (500, 1))
    y = np.sin(3.0 * X[:, 0]) + 0.5 * rng.normal(size=500)
    settings = SETTINGS | {"epochs": 150, "batch_size": 10, "rng": seed}
    history = fit(
        MLP(1, [8, 1], "tanh", rng=seed),
        *(X[:400], y[:400]),
        validation_data=(X[400:], y[400:]),
        **settings,
    )
    assert history.advice == ()
