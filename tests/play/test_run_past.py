"""Going back: what was there is there again, to the last bit."""

from __future__ import annotations

from viz._run.run import Run
from viz._run.run_settings import RunSettings


def test_going_back_over_a_thousand_steps_gives_the_numbers_that_were_there() -> None:
    run = Run(RunSettings("moons", n_samples=100))
    run.take(517)
    before = run.numbers()
    run.take(1000)
    assert run.back(1000) == 517
    assert run.numbers().tobytes() == before.tobytes()
