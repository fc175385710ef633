"""The contestants compute the same, and the measuring measures."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.benchmarks import accuracy, attention, batch_norm, drop_in
from tests.benchmarks.compile_time import compile_batch
from tests.benchmarks.compiler import trainers
from tests.benchmarks.contest import Turn, clock, contest, repeated
from tests.benchmarks.engine import MicrogradSteps, OurSteps, micrograd_chain, our_chain
from tests.benchmarks.freezing import freeze_body, freeze_torch_body
from tests.benchmarks.irregular import eagerly
from tests.benchmarks.line_times import line_times
from tests.benchmarks.numpy_by_hand import numpy_trainer
from tests.benchmarks.scalars import Network, RandomGraph, with_dot, with_loop
from tests.benchmarks.trainers import OurTrainer, TorchTrainer
from tests.benchmarks.works import WORKS, A, B, C, Work
from tinygrad_mlp.compiler import compile

PAIRS = [
    pytest.param(work, name, id=f"{work.name}, {name}")
    for work in WORKS
    for name in trainers(work)
    if name != "scikit-learn"  # which draws its own first weights
]


@pytest.mark.parametrize(("work", "name"), PAIRS)
def test_contestants_reach_the_same_weights(work: Work, name: str) -> None:
    package = {"jax.jit": "jax", "CasADi and a C compiler": "casadi"}.get(name)
    if package:
        pytest.importorskip(package)
    expected, trainer = numpy_trainer(work), trainers(work)[name](work)
    tolerance = 1e-10 if work.dtype == np.float64 else 1e-4
    assert trainer.run(3) == pytest.approx(expected.run(3), rel=tolerance)
    for (W, b), (expected_W, expected_b) in zip(trainer.weights(), expected.weights()):
        np.testing.assert_allclose(W, expected_W, rtol=tolerance, atol=1e-12)
        np.testing.assert_allclose(b, expected_b, rtol=tolerance, atol=1e-6)


@pytest.mark.parametrize("name", [attention.TORCH, attention.JAX])
@pytest.mark.parametrize("n_sequences", [1, 3])
def test_attention_has_the_same_gradients(name: str, n_sequences: int) -> None:
    pytest.importorskip(name.partition(".")[0])
    expected, gradients = attention.CALLS[name](8, n_sequences)()
    found, ours = attention.CALLS[attention.OURS](8, n_sequences)()
    assert found == pytest.approx(float(expected), rel=1e-12)
    for matrix, expected_matrix in zip(ours, gradients, strict=True):
        np.testing.assert_allclose(matrix, expected_matrix, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("normed", [False, True])
def test_batch_norm_learns_the_same_as_in_torch(normed: bool) -> None:
    ours = batch_norm.OurEpochs(batch_norm.WORK, normed)
    theirs = batch_norm.TorchEpochs(batch_norm.WORK, normed)
    for n_epochs in (1, 2):
        assert ours.run(n_epochs) == pytest.approx(theirs.run(n_epochs), rel=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", drop_in.JOBS)
def test_our_classifier_has_the_losses_of_scikit_learn_s(name: str) -> None:
    job = drop_in.JOBS[name]
    X, y = drop_in.samples(job[1])
    curves = []
    for package in (drop_in.OURS, drop_in.SKLEARN):
        model = drop_in.new_model(package, job, max_iter=5)
        curves.append(model.fit(X[:10_000], y[:10_000]).loss_curve_)
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-10)


@pytest.mark.parametrize("name", ["iris", "wine"])
def test_our_classifier_has_the_scores_of_scikit_learn_s(name: str) -> None:
    ours, theirs = [accuracy.scores(p, name, (0,)) for p in (accuracy.OURS, accuracy.SKLEARN)]
    assert (ours.held_out == theirs.held_out).all()
    assert (ours.epochs == theirs.epochs).all()
    assert len(ours.held_out) == 5
    assert ours.held_out.mean() > 0.9


@pytest.mark.parametrize("work", [B, C], ids=lambda work: work.name)
def test_with_a_frozen_body_both_train_the_last_layer_alone(work: Work) -> None:
    ours, theirs = OurTrainer(work), TorchTrainer(work)
    freeze_body(ours)
    freeze_torch_body(theirs)
    tolerance = 1e-10 if work.dtype == np.float64 else 1e-4
    assert ours.run(3) == pytest.approx(theirs.run(3), rel=tolerance)
    for layer, (found, expected) in enumerate(zip(ours.weights(), theirs.weights())):
        for mine, other, start in zip(found, expected, work.weights[layer]):
            np.testing.assert_allclose(mine, other, rtol=tolerance, atol=1e-6)
            assert (layer == 0) == np.array_equal(mine, start)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_scikit_learn_learns(work: Work) -> None:
    model = trainers(work)["scikit-learn"](work)
    first = model.run(1)
    assert model.run(30) < first


def test_eager_steps_agree_with_micrograd() -> None:
    pytest.importorskip("micrograd")
    assert OurSteps().run(3) == pytest.approx(MicrogradSteps().run(3), rel=1e-12)


def test_chains_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("micrograd")
    monkeypatch.setattr("tests.benchmarks.engine.N_LINKS", 100)
    ours, theirs = our_chain(), micrograd_chain()
    assert ours.data == theirs.data


def test_plain_loops_and_dot_are_one_function() -> None:
    losses, gradients = [], []
    for weighted in (with_loop, with_dot):
        program, arrays = compile_batch(5, weighted)
        losses.append(program(*arrays))
        gradients.append(program.gradients)
    assert losses[0] == pytest.approx(losses[1], rel=1e-13)
    first, second = gradients
    np.testing.assert_allclose(first, second, rtol=1e-11)


def test_the_number_of_operations_is_what_the_compiler_counts() -> None:
    program, arrays = compile_batch(4, with_loop)
    program(*arrays)
    counted = int(program.summary().split()[0])
    expected = Network(A.layer_sizes, with_loop).n_operations(4)
    assert abs(counted - expected) <= 2  # the mean's own


def test_random_graphs_replay_as_they_run_eagerly() -> None:
    graph = RandomGraph(300, rng=1)
    inputs = np.random.default_rng(0).normal(size=graph.n_inputs)
    program = compile(graph, graph.weights)
    program(inputs)
    np.testing.assert_allclose(program.gradients, eagerly(graph, inputs.tolist()), rtol=1e-10)


def test_line_times_cover_the_program_and_leave_it_as_it_was() -> None:
    trainer = OurTrainer(A)
    before = trainer.program(A.X, A.targets)
    times = line_times(trainer.program, A.X, A.targets, n_calls=5)
    assert all(len(timing.values) == 5 for timing in times.values())
    assert any("maximum" in text for text in times)
    assert trainer.program(A.X, A.targets) == before


def spin(seconds: float) -> float:
    end = clock() + seconds
    while clock() < end:
        pass
    return end


def spin_times(seconds: float, n: int) -> None:
    spin(n * seconds)


def spinner(seconds: float) -> Turn:
    return repeated(partial(spin_times, seconds))


def absent() -> Turn:
    import no_such_package  # type: ignore[import-not-found]  # noqa: F401

    raise AssertionError


def broken() -> Turn:
    raise ValueError("out of order")


def test_a_contest_measures_processor_time_and_says_who_is_missing() -> None:
    makers: Any = {
        "slow": partial(spinner, 0.003),
        "fast": partial(spinner, 0.001),
        "absent": absent,
    }
    results = contest(makers, seconds=0.0, min_rounds=3)
    assert results.missing == ["absent"]
    assert 0.001 <= results.of("")["fast"].minimum < 0.002
    assert 2.5 < results.ratio("slow", "fast") < 3.5


def spin_and_sleep(n: int) -> None:
    spin(0.06 * n)
    time.sleep(0.2)


def test_waiting_is_not_counted() -> None:
    assert 0.06 <= repeated(spin_and_sleep)()[""] < 0.1


def test_a_contestant_that_fails_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"'broken' failed: ValueError\('out of order'\)"):
        contest({"broken": broken}, seconds=0.0)
