"""What the README promises, as ratios in one run; the numbers themselves depend on the machine.

A promise is kept with this much to spare, or missed by this much, on a machine that does other
things as well: the limits here are wider than the promises by ``SLACK``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import pytest

from tests.benchmarks import (
    batch_norm,
    compiler,
    difference,
    drop_in,
    engine,
    fit_loop,
    import_time,
    interpretation,
    irregular,
    predictions,
    recording,
    small_jobs,
)
from tests.benchmarks.compile_time import (
    Compiled,
    compile_batch,
    compile_large_batch,
    compile_sample,
    least,
    peak_bytes,
)
from tests.benchmarks.scalars import with_dot, with_loop
from tests.benchmarks.works import A, B, C, Work
from tinygrad_mlp._native import _library as native_library
from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value
from tinygrad_mlp.interpret import shapley_values

SLACK: Final = 1.4


@pytest.mark.parametrize(
    ("work", "of_numpy", "faster_than_torch"),
    [
        pytest.param(A, 1.3, 4.0, id="A"),
        pytest.param(B, 1.0, 3.0, id="B"),
        pytest.param(C, 1.15, 1.4, id="C"),
    ],
)
def test_compiled_programs(work: Work, of_numpy: float, faster_than_torch: float) -> None:
    results = compiler.measure(work, seconds=4.0)
    assert results.ratio(compiler.OURS, compiler.NUMPY) < of_numpy * SLACK
    assert results.ratio("torch", compiler.OURS) > faster_than_torch / SLACK


@pytest.mark.parametrize("work", [A, B])
def test_the_c_library_ends_where_numpy_does(work: Work) -> None:
    if native_library.load() is None:
        pytest.skip(native_library.reason())
    (of_weights, of_loss), *_ = difference.measure(work, n_epochs=500)
    assert of_weights < 1e-12
    assert of_loss < 1e-10


def test_an_eager_step_is_60_times_as_fast_as_micrograds() -> None:
    pytest.importorskip("micrograd")
    results = engine.measure_step(seconds=4.0, min_rounds=3)
    assert results.ratio(engine.MICROGRAD, engine.OURS) > 60.0 / SLACK


def test_a_node_of_the_eager_graph_is_small_and_fast() -> None:
    pytest.importorskip("micrograd")
    results = engine.measure_chain(seconds=4.0, min_rounds=3)
    bare = f"{engine.MICROGRAD}, collector off"  # 1,068 + 722 ns where the promise was made
    assert results.ratio(engine.OURS, bare, "forward") < 900.0 / 1068.0 * SLACK
    assert results.ratio(engine.OURS, bare, "backward") < 600.0 / 722.0 * SLACK
    assert results.of("bytes")[engine.OURS].median <= 230.0


@pytest.mark.parametrize(
    ("job", "most"),
    [
        ("fit, digits, 64-32-10, batches of 128", 1 / 1.7),
        ("fit, 10,000 x 20, 20-64-64-1", 1 / 1.7),
        ("partial_fit, 200 digits", 1.0),
        ("fit with warm_start, digits", 1.0),
        ("predict, one digit", 0.9),
        ("predict, 100,000 x 20", 0.6),
    ],
)
def test_the_classifier_beside_scikit_learn_s(job: str, most: float) -> None:
    results = drop_in.measure(drop_in.JOBS[job], seconds=2.0)
    assert results.ratio(drop_in.OURS, drop_in.SKLEARN) < most * SLACK


def test_exact_shapley_values_of_ten_features_take_25_ms_a_row() -> None:
    timing = interpretation.measure(seconds=2.0).of("")[interpretation.OURS]
    assert timing.median / interpretation.N_ROWS < 0.025 * SLACK


def test_they_are_those_of_shap() -> None:
    pytest.importorskip("shap")
    model, X, background = interpretation.work()
    found = shapley_values(model, X, background)
    np.testing.assert_allclose(found.values, interpretation.by_shap()().values, atol=1e-12)


def test_small_jobs_finish_first() -> None:
    results = small_jobs.measure(seconds=4.0)
    for name in results.timings:
        if not name.startswith("tinygrad_mlp"):
            assert results.ratio(name, small_jobs.OURS) > 1.0


@pytest.mark.parametrize(
    ("make", "seconds"),
    [
        pytest.param(partial(compile_sample, with_dot), 0.010, id="one sample of B, dot"),
        pytest.param(partial(compile_sample, with_loop), 0.060, id="one sample of B, loops"),
        pytest.param(partial(compile_batch, 100, with_loop), 64_000 * 6e-6, id="the batch of A"),
        pytest.param(partial(compile_large_batch, with_dot), 2.0, id="the batch of C, dot"),
    ],
)
def test_compiling_takes_at_most(make: Callable[[], Compiled], seconds: float) -> None:
    make()  # imports and the like
    assert least(0.2, make) < seconds * SLACK


def test_compiling_the_batch_of_C_fits_into_500_megabytes() -> None:
    assert peak_bytes(partial(compile_large_batch, with_dot)) < 500e6


def test_irregular_graphs_replay_faster_than_they_run_eagerly() -> None:
    _, replay, eager = irregular.measure(10_000, seconds=1.0)
    assert eager.over(replay) > 1.0


def test_compiling_irregular_graphs_is_linear() -> None:
    small, large = [irregular.measure(n, seconds=0.1)[0] for n in (3_000, 30_000)]
    assert large / small < 10.0 * SLACK


def compile_chain(depth: int) -> Compiled:
    """One node on the other, with nothing beside them."""
    weight, bias = Value(0.9), Value(0.1)

    def function(x: Value) -> Value:
        for _ in range(depth):
            x = (weight * x + bias).tanh()
        return x

    return compile(function, [weight, bias], per_sample=True), (np.array([0.5]),)


def test_compiling_deep_graphs_is_linear() -> None:
    shallow, deep = [least(0.0, partial(compile_chain, depth)) for depth in (2_000, 8_000)]
    assert deep / shallow < 4.0 * SLACK


@pytest.mark.parametrize("network", predictions.NETWORKS)
@pytest.mark.parametrize(
    ("task", "of_theirs"),
    [("predict, one row", 0.5), ("accuracy, 1,000,000 rows", 1.0)],
)
def test_predictions_are_faster_than_those_of_scikit_learn(
    network: str, task: str, of_theirs: float
) -> None:
    pytest.importorskip("sklearn")
    results = predictions.measure(network, task, seconds=2.0)
    assert results.ratio(predictions.OURS, predictions.SKLEARN) < of_theirs * SLACK


@pytest.mark.parametrize("work", [A, B], ids=["A", "B"])
def test_fit_adds_little_to_its_loop(work: Work) -> None:
    results = fit_loop.measure(work, seconds=2.0)
    has_library = fit_loop.EPOCHS in results.timings
    loop, most = (fit_loop.EPOCHS, 1.1) if has_library else (fit_loop.LOOP, 1.15)
    assert results.ratio(fit_loop.FIT, loop) < most * SLACK


def test_batch_norm_costs_at_most_three_fifths_more() -> None:
    results = batch_norm.measure(seconds=4.0)
    assert results.ratio(batch_norm.OURS, batch_norm.OURS + batch_norm.WITHOUT) < 1.6 * SLACK


def test_a_large_network_is_made_and_recorded_in_half_a_second() -> None:
    made = min(recording.seconds(lambda _: recording.make(), lambda: None, 1.0))
    recorded = min(recording.seconds(recording.record, recording.make, 1.0))
    assert made + recorded < 0.5 * SLACK


def test_importing_takes_15_ms_more_than_importing_numpy() -> None:
    measured = import_time.measure(seconds=4.0)
    extra = measured[import_time.OURS].median - measured[import_time.NUMPY].median
    assert extra < 0.015 * SLACK
