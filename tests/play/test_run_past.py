"""Going back: what was there is there again, to the last bit, in little memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from threading import Thread

import numpy as np
import pytest

from tinygrad_mlp.data import make_moons
from tinygrad_mlp.nn import MLP
from viz._run.past import EXACT, Past
from viz._run.run import Run
from viz._run.run_settings import LayerSettings, RunSettings
from viz._run.run_steps import Moment

SMALL = (LayerSettings(4), LayerSettings(3, "relu", dropout=0.3))


def plain() -> Run:
    return Run(RunSettings("moons", n_samples=60, layers=SMALL, batch_size=7))


def with_momentum() -> Run:
    return Run(RunSettings("moons", n_samples=60, layers=SMALL, optimizer="rmsprop", l1=0.001))


def with_batch_norm() -> Run:
    X, y = make_moons(50, noise=0.1, rng=0)
    model = MLP(2, [4, 3, 1], batch_norm=True, dropout=0.2, rng=0)
    return Run.of_model(model, X, y, optimizer="adam", batch_size=9)


@pytest.mark.parametrize("made", [plain, with_momentum, with_batch_norm])
def test_a_step_gone_back_to_has_the_numbers_of_a_fresh_run(made: Callable[[], Run]) -> None:
    run = made()
    run.take(1110)
    assert run.oldest_exact <= 110
    for step in (1109, 896, 777, 110):  # between kept moments, and at them
        fresh = made()
        fresh.take(step)
        assert run.go_to(step) == run.step == step
        assert run.numbers().tobytes() == fresh.numbers().tobytes()
        assert run.epochs == fresh.epochs
        assert run.measured() == fresh.measured()
    run.take(25)  # all that is not in the numbers goes on as well
    fresh.take(25)
    assert run.numbers().tobytes() == fresh.numbers().tobytes()


def test_going_forward_again_has_the_numbers_that_were_there() -> None:
    run = plain()
    run.take(90)
    before = run.numbers()
    run.back(60)
    assert (run.step, run.last) == (30, 90)
    assert run.go_to(90) == 90
    assert run.numbers().tobytes() == before.tobytes()
    assert run.go_to(91) == 90  # there is no such step yet


def test_going_back_before_a_change_undoes_it_and_going_forward_makes_it_again() -> None:
    run = plain()
    run.take(20)
    version = run.version
    run.set("optimizer", "sgd")
    run.set_layer(0, activation="relu")
    run.paint([[0.0, 0.0, 1]])
    assert run.version == version + 3
    run.take(20)
    after = run.numbers()
    run.go_to(19)
    assert run.settings == run.base
    assert len(run.samples.train) == 45
    assert run.version == version + 4
    run.go_to(20)
    assert run.settings.optimizer == "sgd"
    run.go_to(40)
    assert len(run.samples.train) == 46
    assert run.numbers().tobytes() == after.tobytes()


def test_going_on_from_the_past_drops_the_future() -> None:
    run = plain()
    run.take(20)
    run.set("learning_rate", 0.5)
    run.take(20)
    run.go_to(10)
    run.take(5)
    assert (run.step, run.last) == (15, 15)
    run.take(15)
    fresh = plain()
    fresh.take(30)
    assert run.numbers().tobytes() == fresh.numbers().tobytes()
    assert run.changes == []


def test_a_change_in_the_past_drops_the_future() -> None:
    run = plain()
    run.take(40)
    run.go_to(10)
    run.set("l2", 0.01)
    assert (run.step, run.last) == (10, 10)
    assert [step for step, _ in run.curve.points if step > 10] == []


def test_moments_of_a_future_that_was_dropped_are_forgotten() -> None:
    run = plain()
    run.take(200)
    run.go_to(50)
    run.set("learning_rate", 0.3)
    run.take(150)
    fresh = plain()
    fresh.take(50)
    fresh.set("learning_rate", 0.3)
    fresh.take(80)
    run.go_to(130)
    assert run.numbers().tobytes() == fresh.numbers().tobytes()


def test_advice_in_the_past_does_not_hold_up_what_follows() -> None:
    run, fresh = plain(), plain()
    run.take(100)
    run.back(90)
    run.advise()
    run.go_to(100)
    taken: list[int] = []
    thread = Thread(target=lambda: taken.append(run.take(3)), daemon=True)
    thread.start()
    thread.join(30.0)
    assert taken == [3]
    fresh.take(103)
    assert run.numbers().tolist() == fresh.numbers().tolist()


def test_what_was_measured_of_a_dropped_future_is_forgotten() -> None:
    run = plain()
    run.take(10)
    run.set_weight(0, 9.0)
    with_weight = run.measured()
    run.back(1)
    run.take(1)
    fresh = plain()
    fresh.take(10)
    assert run.measured() == fresh.measured() != with_weight


def test_back_beyond_the_beginning_is_the_beginning() -> None:
    run = plain()
    first = run.numbers()
    run.take(3)
    assert run.back(10) == 0
    assert run.numbers().tobytes() == first.tobytes()
    assert run.epochs == 0.0


def test_a_rewind_keeps_the_settings_and_has_the_first_weights() -> None:
    run = plain()
    first = run.numbers()
    run.take(30)
    run.set("learning_rate", 0.25)
    run.rewind()
    assert (run.step, run.last, run.settings.learning_rate) == (0, 0, 0.25)
    assert run.numbers().tobytes() == first.tobytes()


def test_a_rewind_of_a_persons_own_model_has_its_first_weights_and_statistics() -> None:
    run = with_batch_norm()
    first = run.numbers()
    run.take(30)
    after = run.numbers()
    run.rewind()
    assert run.numbers().tobytes() == first.tobytes()
    run.take(30)
    assert run.numbers().tobytes() == after.tobytes()


def moment(step: int, n_parameters: int) -> Moment:
    """With the state of Adam, which has two numbers for each parameter."""
    numbers = np.zeros(n_parameters)
    state = {"m": np.zeros(n_parameters), "v": np.zeros(n_parameters)}
    return Moment(step, 0, numbers, numbers[:0], state, (), None, 0, 0, 0)


def steps_of(past: Past) -> list[int]:
    steps: list[int] = []
    step = 10**9
    while not steps or steps[-1] > 0:
        steps.append(past.before(step).step)
        step = steps[-1] - 1
    return steps[::-1]


@pytest.mark.parametrize("n_parameters", [337, 784 * 128 + 128 + 1290])
def test_the_last_thousand_steps_fit_into_the_memory_and_older_ones_are_thinned(
    n_parameters: int,
) -> None:
    past = Past(moment(0, n_parameters))
    for step in range(past.distance, 20_000, past.distance):
        past.add(moment(step, n_parameters))
        assert past.n_bytes <= 64 * 2**20
    kept = steps_of(past)
    last = kept[-1]
    dense = [step for step in kept if step >= last - EXACT]
    assert {b - a for a, b in pairwise(dense)} == {past.distance}
    assert past.oldest_exact <= last - EXACT
    gaps = [b - a for a, b in pairwise(kept)]
    old = gaps[: len(gaps) - len(dense)]
    assert all(a >= b for a, b in pairwise(old[1:]))  # the older, the further apart
    assert old[1] > 4 * past.distance


def test_an_optimizer_that_remembers_more_gets_no_more_memory() -> None:
    n_parameters, step = 200_000, 0
    plain_state = {"step_count": np.array(0)}
    numbers = np.zeros(n_parameters)
    past = Past(Moment(0, 0, numbers, numbers[:0], plain_state, (), None, 0, 0, 0))
    before = past.distance
    while step < 1500:
        step += past.distance
        past.add(Moment(step, 0, numbers, numbers[:0], plain_state, (), None, 0, 0, 0))
    while step < 4000:
        step += past.distance
        past.add(moment(step, n_parameters))
        assert past.n_bytes <= 64 * 2**20
    assert past.distance > before
    assert past.oldest_exact <= step - EXACT


def test_moments_of_a_small_network_stay_few_however_long_it_trains() -> None:
    past = Past(moment(0, 10))
    for step in range(past.distance, 400_000, past.distance):
        past.add(moment(step, 10))
    assert len(past) < 700


def test_a_step_that_is_too_old_becomes_the_kept_one_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("past", "run_course"):
        monkeypatch.setattr(f"viz._run.{module}.EXACT", 50)
    run = plain()
    run.take(3000)
    assert 1000 < run.oldest_exact <= 2950
    wanted = 1005
    reached = run.go_to(wanted)
    assert reached == run.step < wanted - 50
    assert run.last == 3000
    fresh = Run(run.base)
    fresh.take(reached)
    assert run.numbers().tobytes() == fresh.numbers().tobytes()


def test_threads_take_turns() -> None:
    run, taken = plain(), []

    def go_on() -> None:
        for n_steps in range(1, 11):
            taken.append(run.take(n_steps))
            run.measured()

    threads = [Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == run.step == 165
    fresh = plain()
    fresh.take(165)
    assert run.numbers().tobytes() == fresh.numbers().tobytes()


def test_time_that_is_over_ends_a_burst_between_two_steps() -> None:
    run = plain()
    assert run.take_for(0.0) <= 1
    assert run.take_for(60.0, 12) == 12
    assert run.left_in_epoch == run.finish_epoch()
    assert run.epochs == int(run.epochs)
    assert run.take(0) == 0


def test_what_is_wrong_is_said() -> None:
    run = plain()
    with pytest.raises(ValueError, match="n_steps is -1"):
        run.back(-1)
    with pytest.raises(ValueError, match=r"step is 0\.5"):
        run.go_to(0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_steps is 'x'"):
        run.take("x")  # type: ignore[arg-type]
