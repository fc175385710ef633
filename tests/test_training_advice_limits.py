"""Where advice begins and ends, and its words: each limit on both sides, each finding as a whole.

The course of a training and what a look at the units shows are given here, not computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, log, nan
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import MLP, Value
from tinygrad_mlp.functional import mean
from tinygrad_mlp.losses import LOSSES
from tinygrad_mlp.nn import Module
from tinygrad_mlp.training import Finding, History
from tinygrad_mlp.training._advice import advice_for
from tinygrad_mlp.training._baselines import constant_loss
from tinygrad_mlp.training._task import Task
from tinygrad_mlp.training._units import LayerUnits, Look

X: Final = [[-1.0], [1.0]]
Y: Final = [-1.0, 1.0]
"""Always answering their median costs 1 by the mean absolute error."""

PRINT: Final = "print(history)"
PREDICT: Final = "from tinygrad_mlp import predict; print(predict(model, X)[:10], y[:10])"
STANDARDIZE: Final = (
    "from tinygrad_mlp.data import StandardScaler; "
    "x_scaler = StandardScaler().fit(X); X = x_scaler.transform(X)"
)
NOTHING: Final = ", so nothing was learned"
TRY: Final = "; try another learning_rate or activation, more epochs, or a larger network"
SLOWER: Final = "train a new model with a smaller learning_rate, such as 0.01"


class Course:
    """A training that has ended: what was seen of it, and what there is to say.

    Args:
        losses: the loss of each epoch.
        look: what a look at the units shows: the loss of the model, and its layers.
        settings: of ``History``, of ``advice_for``, and X, y, the loss, the model.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        losses: Sequence[float],
        look: float | Look | None = None,
        **settings: Any,
    ) -> None:
        features, y = np.array(settings.pop("X", X)), settings.pop("y", Y)
        n_outputs = np.array(y).shape[1] if np.ndim(y) == 2 else settings.pop("n_outputs", 1)
        self.model = settings.pop("model", None) or MLP(features.shape[1], [n_outputs], rng=0)
        loss = settings.pop("loss", "mean_absolute_error")
        task, samples = Task.for_data(self.model, features, y, loss)
        looks = look if look is None or isinstance(look, Look) else Look(look, len(y), ())
        self.n_looks = 0

        def look_at(*arguments: Any) -> Look | None:
            self.n_looks += 1
            assert arguments == (self.model, task, samples)
            return looks

        monkeypatch.setattr("tinygrad_mlp.training._advice.look_at", look_at)
        history = History(
            loss=list(losses),
            penalty=settings.pop("penalty", []),
            learning_rate=settings.pop("rates", [0.1] * len(losses)),
        )
        asked = {"n_steps": 100, "unasked": False, **settings}
        self.advice = advice_for(self.model, task, samples, history, **asked)
        self.texts = [finding.text for finding in self.advice]


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda losses, look=None, **settings: Course(monkeypatch, losses, look, **settings)


def beside(loss: str, so: str = "", constant: str = "1", answer: str = "the median of y") -> str:
    return f"at the end the loss is {loss}; always answering {answer} costs {constant}{so}"


# Whether there is anything to say


@pytest.mark.parametrize(
    ("losses", "look", "said"),
    [
        ([2.0, 0.49], 0.49, []),  # below a half of what the constant answer costs
        ([2.0, 0.5], 0.49, []),  # at a half there is a look, which shows the loss of the end
        ([2.0, 0.51], 0.5, []),  # poor, but nothing that holds it back
        ([2.0, 1.5], 0.98, []),
        ([2.0, 1.5], 0.985, []),
        ([1.5, 1.5], 0.99, [beside("0.99", NOTHING + TRY)]),
        ([1.5, 1.5], 0.995, [beside("0.995", NOTHING + TRY)]),
        ([1.5, 1.5], 20.0, [beside("20", NOTHING + TRY)]),
        ([1.5, 1.5], None, [beside("1.5", NOTHING + TRY)]),  # which could not be looked at
        ([0.6, 0.6], None, []),
        ([], 3.0, []),
    ],
)
def test_how_much_better_than_a_constant_answer_is_enough(
    losses: list[float], look: float, said: list[str], course: Any
) -> None:
    found = course(losses, look)
    assert found.texts == said
    assert [finding.command for finding in found.advice] == [PREDICT] * len(said)
    assert found.n_looks == (bool(losses) and losses[-1] >= 0.5)


def test_a_loss_that_is_half_that_of_the_constant_answer_is_poor(course: Any) -> None:
    features = [[-1.0, 1000.0], [1.0, -1000.0]]
    assert len(course([2.0, 0.6], 0.5, X=features).texts) == 2
    assert course([2.0, 0.6], 0.499, X=features).texts == []


def test_of_some_of_the_samples_the_loss_of_the_last_epoch_counts(course: Any) -> None:
    assert course([1.5, 1.5], Look(0.1, 1, ())).texts == [beside("1.5", NOTHING + TRY)]
    assert course([1.5, 1.5], Look(0.1, 2, ())).texts == []
    assert course([0.6, 0.6], Look(3.0, 1, ())).texts == []


@pytest.mark.parametrize(
    ("n_steps", "losses", "is_told"),
    [
        (49, [1.0, 1.0], False),
        (50, [1.0, 1.0], True),
        (49, [1.0, 10.0], False),  # not more than ten times
        (49, [1.0, 10.1], True),
        (49, [1.0, 99.0, 5.0], False),  # it came back
        (2, [0.9e6, 0.9e6], False),
        (2, [1.1e6, 1.1e6], True),  # astray
        (1, [1.1e6], False),  # what it costs before the first step
        (0, [1.1e6], False),
    ],
)
def test_a_training_that_has_just_begun(
    n_steps: int, losses: list[float], is_told: bool, course: Any
) -> None:
    found = course(losses, losses[-1], n_steps=n_steps)
    assert bool(found.texts) == is_told
    assert found.n_looks == is_told


@pytest.mark.parametrize(
    ("y", "limit"),
    [
        ([99.0, 101.0], 10_001.0e6),  # the square of their size, where that is larger
        ([-0.1, 0.1], 0.1e6),  # what the constant answer costs, where that is
        ([[-0.1, 99.0], [0.1, 101.0]], 10_001.0e6),  # of several outputs the largest size
    ],
)
def test_how_large_a_loss_has_gone_astray(y: Any, limit: float, course: Any) -> None:
    for share, is_told in ((0.9, False), (1.1, True)):
        found = course([share * limit] * 2, 1e300, y=y, n_steps=5)
        assert bool(found.texts) == is_told


def test_penalties_count_where_steps_went_astray_within_few_steps(course: Any) -> None:
    settings = {"n_steps": 10, "y": [-1.0, 1.0], "pull": 0.5}
    assert course([1.0, 1.0], 1.0, penalty=[1.0, 18.0], **settings).texts == []
    assert len(course([1.0, 1.0], 1.0, penalty=[1.0, 20.0], **settings).texts) > 1


# A loss that rose


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ([1.0, 20.0, 30.0, 15.0], "rose from 1 to 30 in epoch 3"),
        ([2.5, 26.0], "rose from 2.5 to 26 in epoch 2"),
        ([1.0, 12345.678, 1.5], "rose from 1 to 1.235e+04 in epoch 2"),
        ([2e6, 1.5e6, 1.2e6], "reached 2e+06 in epoch 1 already"),
    ],
)
def test_a_loss_that_rose_is_told_with_its_peak(
    losses: list[float], words: str, course: Any
) -> None:
    expected = Finding(f"the loss {words}, so the steps are too long: {SLOWER}", PRINT)
    found = course(losses, 1.5)
    assert found.advice == (Finding(beside("1.5", NOTHING), PREDICT), expected)
    learned = course(losses, 0.9)
    assert learned.advice == (Finding(beside("0.9"), PREDICT), expected)


def test_when_it_rose_is_told_in_the_words_of_who_asks(course: Any) -> None:
    def at_step(place: int) -> str:
        return f"at step {10 * place}"

    rose = course([1.0, 20.0, 30.0, 15.0], 1.5, when=at_step).texts[1]
    assert rose.startswith("the loss rose from 1 to 30 at step 20, so")
    first = course([2e6, 1.5e6], 1.5, when=at_step).texts[1]
    assert first.startswith("the loss reached 2e+06 at step 0 already, so")
    lost = course([1.0, 2.0, nan], when=at_step).texts[0]
    assert lost.startswith("the loss is nan at step 20, mostly")
    penalties = course([1.0, 20.0], 1.5, penalty=[0.5, 70.0], pull=100.0, when=at_step).texts[1]
    assert penalties.startswith("the penalties rose from 0.5 to 70 at step 10, so")


def test_ten_times_the_first_loss_is_a_rise(course: Any) -> None:
    assert course([1.0, 10.0, 1.5], 0.9).texts == []
    assert len(course([1.0, 10.1, 1.5], 0.9).texts) == 2


def test_without_a_learning_rate_there_is_none_to_be_named(course: Any) -> None:
    found = course([1.0, 20.0], 1.5, rates=[])
    assert found.texts[1].endswith("train a new model with a smaller learning_rate")
    found = course([1.0, 20.0], 1.5, rates=[0.025, 9.0])
    assert found.texts[1].endswith("a smaller learning_rate, such as 0.9")


ANOMALY: Final = f"mostly for too long steps: {SLOWER}; or have debug.detect_anomaly() find the"


@pytest.mark.parametrize(
    ("losses", "look", "words"),
    [
        ([1.0, inf, inf], None, "inf in epoch 2"),
        ([nan], None, "nan in epoch 1"),
        ([1.0, 2.0, 3.0, nan], None, "nan in epoch 4"),
    ],
)
def test_a_loss_that_is_no_number_any_more(
    losses: list[float], look: Any, words: str, course: Any
) -> None:
    found = course(losses, look)
    assert found.advice == (Finding(f"the loss is {words}, {ANOMALY} first nan", PRINT),)
    assert found.n_looks == 0
    large = course(losses, look, X=[[-6.0], [6.0]])
    assert large.advice[0] == found.advice[0]
    assert [finding.command for finding in large.advice[1:]] == [STANDARDIZE]


def test_a_loss_that_is_no_number_after_the_last_step(course: Any) -> None:
    for look, word in ((inf, "inf"), (nan, "nan")):
        found = course([1.5, 1.5], look)
        lost = f"the loss is {word} after the last step, {ANOMALY} first nan"
        assert found.advice == (
            Finding(beside(word, NOTHING), PREDICT),
            Finding(lost, PRINT),
        )
    found = course([1.0, inf, 1.5], 1.5)  # and back again
    assert found.texts[1] == f"the loss is inf in epoch 2, {ANOMALY} first nan"


# Penalties


PENALTIES: Final = (
    ", so the steps are too long for so strong penalties: train a new model with smaller l1 and "
    "l2, or with a smaller learning_rate"
)


@pytest.mark.parametrize(
    ("penalty", "pull", "is_told"),
    [
        ([1.0, 100.0], 10.0, False),  # a step of just the way to 0
        ([1.0, 100.0], 10.5, True),
        ([1.0, 100.0], -100.0, False),
        ([1.0, 10.0], 100.0, False),
        ([1.0, 10.5], 100.0, True),
        ([9.0, 80.0], 100.0, False),
        ([5.0, 51.0], 100.0, True),
        ([1.0, nan], 100.0, True),
        ([], 100.0, False),
    ],
)
def test_penalties_that_rose_by_themselves(
    penalty: list[float], pull: float, is_told: bool, course: Any
) -> None:
    found = course([1.0, inf], None, penalty=penalty, pull=pull)
    assert ("penalties" in found.texts[0]) == is_told


def test_penalties_after_the_epoch_that_was_kept_do_not_count(course: Any) -> None:
    settings: dict[str, Any] = {"penalty": [0.5, 70.0], "pull": 100.0}
    assert course([0.4, 0.4], 0.4, **settings, kept_epoch=1).texts == []
    assert "penalties rose" in course([0.4, 0.4], 0.4, **settings).texts[0]


def test_penalties_that_rose_are_told_with_their_peak(course: Any) -> None:
    found = course([1.0, 20.0], 1.5, penalty=[0.5, 70.0], pull=100.0)
    said = Finding(f"the penalties rose from 0.5 to 70 in epoch 2{PENALTIES}", PRINT)
    assert found.advice == (Finding(beside("1.5", NOTHING), PREDICT), said)
    found = course([1.0, inf], None, penalty=[0.5, 70.0, 30.0, inf, nan], pull=100.0)
    assert found.advice == (said,)  # the largest that is a number


@pytest.mark.parametrize(("last", "is_told"), [(9.5, False), (10.0, False), (10.5, True)])
def test_beside_a_small_loss_penalties_matter_that_are_large(
    last: float, is_told: bool, course: Any
) -> None:
    found = course([1.0, 0.1], 0.1, penalty=[0.01, last], pull=100.0)
    assert [text.partition(",")[0] for text in found.texts] == [
        f"the penalties rose from 0.01 to {last:.4g} in epoch 2"
    ] * is_told
    assert course([1.0, 0.1], 0.1, penalty=[0.01, last], pull=1.0).texts == []
    assert found.n_looks == 0


# Losses that no constant answer can be compared with


def own(outputs: Sequence[Any], targets: Sequence[Any]) -> Value:
    return mean([(output - target) ** 2 for output, target in zip(outputs, targets)])


@pytest.mark.parametrize(
    ("losses", "is_told"),
    [
        ([0.5, 900.0], False),  # a thousand times the first, or 1
        ([0.5, 1100.0], True),
        ([-2.0, 1900.0], False),
        ([-2.0, 2100.0], True),
        ([1e8, 0.9e9], False),
        ([1e8, 1.1e9], True),
        ([1.0, 5000.0, 3.0], False),
        ([1.0, inf], True),
        ([nan], True),
        ([3.0], False),
    ],
)
@pytest.mark.parametrize("kind", ["own loss", "equal targets"])
def test_without_a_constant_answer_only_what_is_far_too_large_is_told(
    losses: list[float], is_told: bool, kind: str, course: Any
) -> None:
    settings: Any = {"loss": own} if kind == "own loss" else {"y": [1.0, 1.0]}
    found = course(losses, 1e300, **settings)
    assert [text.partition(" ")[2][:5] for text in found.texts] == ["loss "] * is_told
    assert found.n_looks == 0


def test_without_a_constant_answer_penalties_count(course: Any) -> None:
    assert course([1.0, 1.0], penalty=[1.0, 1900.0], loss=own).texts == []
    assert len(course([1.0, 1.0], penalty=[1.0, 2100.0], loss=own).texts) == 1


# What to try where no cause was found


@pytest.mark.parametrize(
    ("losses", "falls"),
    [
        ([9.0, 9.0, 9.0, 1.2, 1.0], True),  # the last quarter: one epoch
        ([9.0, 9.0, 9.0, 1.1, 1.0], False),
        ([9.0, 9.0, 9.0, 9.0, 1.1, 1.05, 1.02, 1.0], False),
        ([9.0, 9.0, 9.0, 1.2, 1.1, 1.05, 1.02, 1.0], False),
        ([9.0, 9.0, 9.0, 9.0, 9.0, 1.2, 1.1, 1.0], True),  # two epochs ago
        ([1.0], False),
        ([2.0, 1.0], False),
        ([10.0] * 4 + [9.0], False),  # just nine tenths
        ([10.0] * 4 + [8.99], True),
    ],
)
def test_a_loss_that_still_falls_wants_more_epochs(
    losses: list[float], falls: bool, course: Any
) -> None:
    so = "; it was still falling, so try more epochs" if falls else TRY
    assert course(losses, 1.5).texts == [beside("1.5", NOTHING + so)]


def test_where_there_are_penalties_smaller_ones_are_tried(course: Any) -> None:
    tried = TRY.replace("try ", "try smaller l1 and l2, ")
    found = course([1.5, 1.5], 1.5, penalty=[0.1, 0.1])
    assert found.texts == [beside("1.5", NOTHING + tried)]


@pytest.mark.parametrize(
    ("loss", "y", "answer", "constant"),
    [
        ("mean_squared_error", [0.0, 0.0, 3.0, 5.0], "the mean of y", 4.5),
        ("mean_absolute_error", [0.0, 0.0, 3.0, 5.0], "the median of y", 2.0),
        ("hinge", ["a", "b", "b", "b"], "the most frequent class", 0.5),
        *[
            (
                name,
                ["a", "b", "b", "b"],
                "the shares of the classes",
                0.75 * log(4 / 3) + log(4) / 4,
            )
            for name in (
                "binary_cross_entropy",
                "binary_cross_entropy_with_logits",
                "categorical_cross_entropy",
            )
        ],
    ],
)
def test_the_constant_answer_is_named_and_costs_what_it_costs(
    loss: str, y: list[Any], answer: str, constant: float, course: Any
) -> None:
    n_outputs = 2 if loss.startswith("categorical") else 1
    last = "sigmoid" if loss == "binary_cross_entropy" else None
    model = MLP(1, [n_outputs], output_activation=last, rng=0)
    found = course([9.0, 9.0], 9.0, X=[[0.0], [1.0], [2.0], [3.0]], y=y, loss=loss, model=model)
    assert found.texts == [beside("9", NOTHING + TRY, f"{constant:.4g}", answer)]


@pytest.mark.parametrize(
    ("name", "targets", "constant"),
    [
        ("mean_squared_error", [[0.0, 1.0], [2.0, 1.0]], 0.5),  # one column changes
        ("mean_squared_error", [[0.0, 0.0], [2.0, 4.0]], 2.5),
        ("mean_absolute_error", [[0.0, 0.0], [2.0, 4.0], [2.0, 8.0]], (2 / 3 + 8 / 3) / 2),
        ("hinge", [[-1.0], [1.0], [1.0], [1.0]], 0.5),
        ("hinge", [[-1.0, 1.0], [1.0, 1.0]], 0.5),
        ("binary_cross_entropy", [[0.0, 1.0], [1.0, 1.0]], log(2) / 2),
        ("categorical_cross_entropy", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], log(2)),
        ("mean_squared_error", [[3.0, 1.0], [3.0, 1.0]], None),
        ("mean_squared_error", [[1e200], [-1e200]], None),  # its square is too large
        ("mean_squared_error", [[1e-200], [0.0]], None),  # its square is 0
    ],
)
def test_what_the_best_constant_answer_costs(
    name: str, targets: list[list[float]], constant: float | None
) -> None:
    with np.errstate(over="ignore"):
        found = constant_loss(Task(LOSSES[name]), np.array(targets))
    assert found == (None if constant is None else pytest.approx(constant, rel=1e-14))


def test_the_record_and_not_the_name_says_what_a_constant_answer_costs() -> None:
    targets = np.array([[0.0], [2.0]])
    known = LOSSES["mean_squared_error"]
    assert constant_loss(Task(known), targets) == 1.0
    assert constant_loss(Task(replace(known, name="mine")), targets) == 1.0
    assert constant_loss(Task(replace(known, constant_answer=None)), targets) is None


# Units


def units(n_lost: int, n_units: int, activation: str, n_samples: int = 2) -> Look:
    layers = (LayerUnits("layers.0", activation, n_units, n_lost, n_samples),)
    return Look(1.5, 2, layers)


HEALTH: Final = (
    "from tinygrad_mlp import debug, functional; "
    "print(debug.health(model, functional.mean([model(x) for x in X[:100]])))"
)
HISTOGRAMS: Final = (
    "from viz.plots import activation_histograms; "
    "activation_histograms(model, X, 'activations.svg')"
)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize(
    ("n_lost", "n_units", "is_told"),
    [(0, 4, False), (1, 4, False), (2, 4, True), (3, 4, True), (2, 5, False), (3, 5, True)],
)
def test_half_of_the_units_of_a_layer_are_many(
    n_lost: int, n_units: int, is_told: bool, activation: str, course: Any
) -> None:
    found = course([1.5, 1.5], units(n_lost, n_units, activation))
    if not is_told:
        assert found.texts == [beside("1.5", NOTHING + TRY)]
        return
    dead = Finding(
        f"dead relu units in layers.0: {n_lost} of {n_units} give 0 for each of the 2 samples, and "
        "no gradient comes through; train a new model with a smaller learning_rate, or with "
        "activation='leaky_relu'",
        HEALTH,
    )
    saturated = Finding(
        f"saturated {activation} units in layers.0: {n_lost} of {n_units} are at an end for each "
        "of the 2 samples, and hardly any gradient comes through; train a new model with smaller "
        "features, smaller first weights or a smaller learning_rate",
        HISTOGRAMS,
    )
    expected = dead if activation == "relu" else saturated
    assert found.advice == (Finding(beside("1.5", NOTHING), PREDICT), expected)


def test_units_are_told_of_in_a_training_that_learned_a_little(course: Any) -> None:
    found = course([1.5, 1.5], Look(0.9, 2, (LayerUnits("layers.0", "relu", 4, 4, 2),)))
    assert [text.partition(":")[0] for text in found.texts] == [
        beside("0.9"),
        "dead relu units in layers.0",
    ]


def test_the_layers_of_one_activation_are_told_of_once(course: Any) -> None:
    layers = (
        LayerUnits("layers.0", "relu", 4, 3, 2),
        LayerUnits("layers.1", "tanh", 6, 6, 2),
        LayerUnits("layers.2", "relu", 4, 1, 2),  # too few to be told of
        LayerUnits("a", "relu", 2, 2, 2),
        LayerUnits("b", "sigmoid", 3, 2, 2),
        LayerUnits("c", "tanh", 5, 4, 2),
    )
    found = course([1.5, 1.5], Look(0.9, 2, layers))
    assert [text.partition(" for each")[0] for text in found.texts[1:]] == [
        "dead relu units in layers.0: 3 of 4, a: 2 of 2 give 0",
        "saturated tanh units in layers.1: 6 of 6, c: 4 of 5 are at an end",
        "saturated sigmoid units in b: 2 of 3 are at an end",
    ]


def test_units_that_some_samples_have_shown(course: Any) -> None:
    assert (
        "3 of 4 give 0 for each of 1 of the 2 samples, and"
        in (course([1.5, 1.5], units(3, 4, "relu", n_samples=1)).texts[1])
    )


class Line(Module):
    """A model of one's own, for which there are no histograms."""

    def __init__(self, n_outputs: int) -> None:
        self.weights = [Value(0.0) for _ in range(n_outputs)]

    def forward(self, x: Sequence[Any]) -> list[Value]:
        return [weight * x[0] for weight in self.weights]


def test_the_command_that_shows_units_fits_to_the_model(course: Any) -> None:
    several = HEALTH.replace(
        "model(x) for x in X[:100]", "output for x in X[:100] for output in model(x)"
    )
    two = [[-1.0, -1.0], [1.0, 1.0]]
    for model, y, activation, command in (
        (None, Y, "relu", HEALTH),
        (None, two, "relu", several),
        (None, two, "tanh", HISTOGRAMS),
        (Line(1), Y, "tanh", HEALTH),
        (Line(2), two, "tanh", several),
    ):
        found = course([1.5, 1.5], units(4, 4, activation), model=model, y=y)
        assert found.advice[1].command == command


# Features and targets


def size(column: int, number: str) -> str:
    return (
        f"column {column} of X has numbers of the size {number}, which makes the steps long; bring "
        "the features to mean 0 and standard deviation 1"
    )


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ([[-4.9], [4.9]], []),
        ([[-5.0], [5.0]], []),
        ([[-5.1], [5.1]], [size(0, "5.1")]),
        ([[0.0], [8.0]], [size(0, f"{np.sqrt(32.0):.4g}")]),  # the root mean square
        ([[0.0, -6.0, 5.5], [1.0, 6.0, -5.5]], [size(1, "6")]),  # the largest alone
    ],
)
def test_features_that_are_large(features: Any, said: list[str], course: Any) -> None:
    found = course([1.5, 1.5], 1.5, X=features)
    assert found.texts[1:] == said
    assert [finding.command for finding in found.advice[1:]] == [STANDARDIZE] * len(said)
    assert found.texts[0] == beside("1.5", NOTHING + ("" if said else TRY))


def apart(widest: tuple[int, str], narrowest: tuple[int, str]) -> str:
    return (
        f"the features differ much in size: column {widest[0]} of X has the standard deviation "
        f"{widest[1]}, column {narrowest[0]} {narrowest[1]}; bring them all to 1"
    )


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ([[1.0, 100.0], [-1.0, -100.0]], size(1, "100")),  # just a hundred times
        ([[1.0, 110.0], [-1.0, -110.0]], apart((1, "110"), (0, "1"))),
        ([[110.0, 1.0], [-110.0, -1.0]], apart((0, "110"), (1, "1"))),
        ([[3.0, 1.0, 0.01], [-3.0, -1.0, -0.01]], apart((0, "3"), (2, "0.01"))),
        ([[3.0, 0.01, 1.0], [-3.0, -0.01, -1.0]], apart((0, "3"), (1, "0.01"))),
        ([[7.0, 3.0, 0.02], [7.0, -3.0, -0.02]], apart((1, "3"), (2, "0.02"))),  # one is constant
        ([[1.0, 1.0 + 1e-7], [-1.0, 1.0 - 1e-7]], apart((0, "1"), (1, "1e-07"))),
        ([[1.0, 1.0 + 2e-9], [-1.0, 1.0 - 2e-9]], apart((0, "1"), (1, "2e-09"))),
        ([[1.0, 1.0 + 4e-16], [-1.0, 1.0]], None),  # constant but for rounding
        ([[1.0, -100.0 - 5e-8], [-1.0, -100.0 + 5e-8]], apart((0, "1"), (1, "5e-08"))),
        ([[1.0, 4.0], [-1.0, 4.0]], None),
        ([[5.5, 4.0], [-5.5, 4.0]], size(0, "5.5")),
    ],
)
def test_features_that_differ_much(features: Any, said: str | None, course: Any) -> None:
    found = course([1.5, 1.5], 1.5, X=features)
    assert found.texts == [
        beside("1.5", NOTHING + ("" if said else TRY)),
        *([said] if said else []),
    ]
    if said:
        assert found.advice[1].command == STANDARDIZE
    learned = course([1.5, 1.5], 0.9, X=features)
    assert learned.texts == ([beside("0.9"), said] if said and "differ" in said else [])


def test_targets_that_are_large(course: Any) -> None:
    command = (
        "import numpy as np; from tinygrad_mlp.data import StandardScaler; "
        "y = np.reshape(y, (len(y), -1)); y_scaler = StandardScaler().fit(y); "
        "y = y_scaler.transform(y)"
    )

    def said(number: str, rows: str) -> str:
        return (
            f"y has numbers of the size {number}, which makes the steps long; bring the targets to "
            "mean 0 and standard deviation 1, and the answers of the new model back: "
            f"y_scaler.inverse_transform(predict(model, X){rows})"
        )

    def found(y: Any, **settings: Any) -> Any:
        return course([1e4, 1e4], 1e4, y=y, **settings).advice[1:]

    assert found([-4.9, 4.9]) == found([-5.0, 5.0]) == ()
    assert found([-5.1, 5.1]) == (Finding(said("5.1", ".reshape(-1, 1)"), command),)
    assert found([[-5.1, 0.0], [5.1, 1.0]]) == (Finding(said("5.1", ""), command),)
    assert found([[0.0, 6.0], [1.0, -6.0]]) == (Finding(said("6", ""), command),)
    assert found(["a", "b"], loss="hinge") == ()
    both = found([-6.0, 6.0], X=[[-6.0], [6.0]])
    assert [finding.command for finding in both] == [STANDARDIZE, command]


def test_numbers_whose_squares_are_too_large_are_no_warning(course: Any) -> None:
    found = course([inf], None, X=[[1e200], [-1e200]])
    assert found.texts[1:] == [size(0, "inf")]


# Whole numbers that are learned as numbers


@pytest.mark.parametrize(
    ("y", "shown"),
    [
        ([0.0, 1.0] * 5, "0, 1"),
        ([0.0, 1.0] * 4 + [0.0], None),  # nine are a truth table
        ([-1.0, 7.0] * 5, "-1, 7"),
        ([0.0, 1.0, 2.0] * 3, "0, 1, 2"),
        ([0.0, 1.0] * 5 + [0.5], None),
        ([[0.0], [1.0]] * 5, "0, 1"),
        ([[0.0, 1.0], [1.0, 0.0]] * 5, None),
        ([3.0] * 10, None),
        (list(range(12)), None),
        ([float(number) for number in range(12)], None),
    ],
)
def test_whole_numbers_as_floats_may_be_classes(y: Any, shown: str | None, course: Any) -> None:
    features = np.linspace(-1.0, 1.0, len(y)).reshape(-1, 1)
    settings: Any = {"X": features, "y": y, "loss": "mean_squared_error"}
    expected = (
        ()
        if shown is None
        else (
            Finding(
                f"y holds the numbers {shown} alone, as floats, so this was a regression; if "
                "they are classes, pass them as whole numbers, and if not, name "
                "loss='mean_squared_error'",
                "import numpy as np; y = np.asarray(y, dtype=int)",
            ),
        )
    )
    assert course([1.0, 1e-9], unasked=True, **settings).advice == expected
    assert course([1.0, 1e-9], unasked=False, **settings).advice == ()
    assert course([], unasked=True, **settings).advice == expected


def test_labels_are_no_whole_numbers_as_floats(course: Any) -> None:
    y, features = ["a", "b"] * 5, np.linspace(-1.0, 1.0, 10).reshape(-1, 1)
    assert course([1.0, 1e-9], X=features, y=y, loss="hinge", unasked=True).advice == ()
