"""Ctrl-C at any moment of a step: parameters, state and step count change together or not at all.

A real SIGINT is raised at every single instruction of the step in turn, see ``interrupting``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from tests.interrupting import interrupted_everywhere
from tinygrad_mlp.engine import Value, assign
from tinygrad_mlp.nn import MLP, Buffer, Module
from tinygrad_mlp.optim import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, PlateauSchedule, RMSprop
from tinygrad_mlp.training import EarlyStopping, History, fit

MAKERS: Final[dict[str, Callable[[list[Value]], Optimizer]]] = {
    "sgd": lambda ps: SGD(ps, 0.1),
    "momentum": lambda ps: SGD(ps, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "rmsprop": lambda ps: RMSprop(ps, 0.1, momentum=0.9, centered=True, weight_decay=0.1),
    "adam": lambda ps: Adam(ps, 0.1, weight_decay=0.1),
    "adamw": lambda ps: AdamW(ps, 0.1, weight_decay=0.1),
}
every_optimizer = pytest.mark.parametrize("name", MAKERS)
SLOPES: Final = (0.5, -2.0, 1.0)


class Steps:
    """Two steps are taken; calling it takes a third, after a change of the settings if wanted."""

    def __init__(self, name: str, flat: bool, change: bool) -> None:
        self.values = [Value(number) for number in (1.0, -2.0, 3.0)]
        self.optimizer = MAKERS[name](self.values)
        self.flat = flat
        self.parameters = np.array([value.data for value in self.values])
        self.gradients = np.array(SLOPES)
        for value, slope in zip(self.values, SLOPES):
            value.grad = slope
        self()
        self()
        self.optimizer.learning_rate = 0.2
        if change:
            for setting in ("beta1", "beta2", "alpha"):
                if hasattr(self.optimizer, setting):
                    setattr(self.optimizer, setting, 0.5)

    def __call__(self) -> None:
        if self.flat:
            self.optimizer.step_array(self.parameters, self.gradients)
        else:
            self.optimizer.step()

    def seen(self) -> list[Any]:
        numbers = self.parameters.tolist() if self.flat else [v.data for v in self.values]
        state = self.optimizer.state_dict()
        return [numbers, {name: array.tolist() for name, array in state.items()}]


@every_optimizer
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("change", [False, True])
def test_a_step_is_taken_as_a_whole_or_not_at_all(name: str, flat: bool, change: bool) -> None:
    before = Steps(name, flat, change).seen()
    whole = Steps(name, flat, change)
    whole()
    found = [steps.seen() for steps in interrupted_everywhere(lambda: Steps(name, flat, change))]
    assert all(seen in (before, whole.seen()) for seen in found)
    assert found[0] == before
    assert before[0] != whole.seen()[0]


@every_optimizer
@pytest.mark.parametrize("flat", [False, True])
def test_after_an_interrupted_step_training_goes_on_as_if_nothing_had_been(
    name: str, flat: bool
) -> None:
    """Also where the rate is then what it was before the interrupted step."""
    reference = Steps(name, flat, change=False)
    before = reference.optimizer.step_count
    reference.optimizer.learning_rate = 0.1
    reference()
    n_not_taken = 0
    for steps in interrupted_everywhere(lambda: Steps(name, flat, change=False)):
        if steps.optimizer.step_count == before:
            n_not_taken += 1
            steps.optimizer.learning_rate = 0.1
            steps()
            assert steps.seen() == reference.seen()
    assert n_not_taken > 20


class InPlace(SGD):
    """What a rule must not do; shows that these tests find it."""

    def update(self, xp: Any, parameter: Any, gradient: Any, state: Any, coefficients: Any) -> Any:
        change, (velocity,) = super().update(xp, parameter, gradient, state, coefficients)
        parameter -= change
        return 0.0, (velocity,)


def test_a_rule_that_changes_what_it_is_given_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAKERS, "in place", lambda ps: InPlace(ps, 0.1))
    monkeypatch.setattr(InPlace, "_check_rule", lambda *arguments: None)
    test = test_a_step_is_taken_as_a_whole_or_not_at_all
    with pytest.raises(AssertionError):
        test("in place", True, False)


class Failing(Adam):
    n_calls = 0

    def update(self, *arguments: Any) -> Any:
        self.n_calls += 1
        if self.n_calls == 8:  # of the second parameter in the third step
            raise OSError("no")
        return super().update(*arguments)


def test_a_rule_that_raises_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAKERS, "failing", Failing)
    steps = Steps("failing", False, False)
    before = steps.seen()
    with pytest.raises(OSError, match="no"):
        steps()
    assert steps.seen() == before


# Whole trainings

X: Final = np.array([[0.5, -1.0], [1.5, 0.25]])
Y: Final = np.array([1.0, -0.5])


class Counting(Module):
    """A network that keeps a running mean of its outputs, as batch normalization does."""

    def __init__(self) -> None:
        self.line = MLP(2, [1], rng=0)
        self.mean = Buffer(0.0)

    def forward(self, x: Any) -> list[Value]:
        (out,) = self.line.forward(x)
        if self.training:
            assign(self.mean, 0.5 * self.mean + 0.5 * out)
        return [out + 0.1 * self.mean]


class Training:
    """A small training, which can be interrupted."""

    def __init__(self, engine: str, kind: Callable[[], Module], name: str, epochs: int = 2) -> None:
        self.model = kind()
        self.optimizer = MAKERS[name](self.model.parameters())
        self.engine, self.epochs = engine, epochs
        self.history: History | None = None

    def __call__(self) -> None:
        self.history = fit(
            self.model, X, Y, epochs=self.epochs, optimizer=self.optimizer, engine=self.engine,
            clip_norm=1.0, log_every=None,
        )  # fmt: skip

    def seen(self) -> list[Any]:
        state = {**self.model.state_dict(), **self.optimizer.state_dict()}
        return [self.model.training, {name: array.tolist() for name, array in state.items()}]


def line() -> Module:
    return MLP(2, [1], rng=0)


@pytest.mark.parametrize(
    ("engine", "kind", "name"),
    [
        ("eager", line, "sgd"),  # the step of each optimizer is interrupted above
        ("eager", line, "adam"),
        ("compiled", line, "adam"),  # which has a state beside the parameters; sgd has none
        ("eager", Counting, "adam"),
        ("compiled", Counting, "adam"),  # as one graph of the whole batch
    ],
)
def test_a_training_ends_between_two_steps(engine: str, kind: Any, name: str) -> None:
    whole = []
    for epochs in range(3):
        training = Training(engine, kind, name, epochs)
        if epochs:
            training()
        whole.append(training.seen())
    counts = set()
    stride = 3 if kind is Counting else 1  # it is about the buffers, and takes long
    for training in interrupted_everywhere(
        lambda: Training(engine, kind, name), "line", "training", stride, rounds=1
    ):
        seen = training.seen()
        step_count = seen[1]["step_count"]
        assert seen == whole[step_count]
        if training.history is not None:
            assert training.history.interrupted or step_count == 2
            assert step_count - 1 <= training.history.n_epochs <= step_count
        counts.add(step_count)
    assert counts == {0, 1, 2}


def test_every_optimizer_is_interrupted() -> None:
    assert {type(make([])) for make in MAKERS.values()} == set(OPTIMIZERS.values())


def test_the_memory_of_a_plateau_changes_at_once() -> None:
    class Observing:
        def __init__(self) -> None:
            self.schedule = PlateauSchedule(patience=0, cooldown=2)
            self.schedule.observe(0, 1.0)

        def __call__(self) -> None:
            self.schedule.observe(1, 2.0)

    before, after = Observing(), Observing()
    after()
    allowed = [before.schedule.state_dict(), after.schedule.state_dict()]
    assert allowed[0] != allowed[1]
    for observing in interrupted_everywhere(Observing):
        assert observing.schedule.state_dict() in allowed


def test_early_stopping_never_holds_the_weights_of_another_epoch() -> None:
    class Watching:
        def __init__(self) -> None:
            self.model, self.stopping = MLP(1, [1], init="zeros"), EarlyStopping()
            self.history = History()
            self.epoch(1)

        def epoch(self, number: int) -> None:
            for parameter in self.model.parameters():
                parameter.data = float(number)
            self.history.loss.append(1.0 / number)
            self.stopping.on_epoch_end(number, self.history, self.model)

        def __call__(self) -> None:
            self.epoch(2)

    for watching in interrupted_everywhere(Watching):
        watching.stopping.on_training_end(watching.history, watching.model)
        best = watching.stopping.best_epoch
        assert {parameter.data for parameter in watching.model.parameters()} == {float(best)}
        assert watching.stopping.best_number == 1.0 / best


def test_weights_are_loaded_as_a_whole_or_not_at_all() -> None:
    class Loading:
        def __init__(self) -> None:
            self.model = MLP(1, [1], init="zeros")
            self.ones = {name: array + 1.0 for name, array in self.model.state_dict().items()}

        def __call__(self) -> None:
            self.model.load_state_dict(self.ones)

    found = {
        tuple(parameter.data for parameter in loading.model.parameters())
        for loading in interrupted_everywhere(Loading, within="nn")
    }
    assert found == {(0.0, 0.0), (1.0, 1.0)}
