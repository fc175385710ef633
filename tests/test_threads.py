"""Many threads at once: each compiles, differentiates and predicts as if it were alone."""

from __future__ import annotations

import copy
import pickle
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final

import numpy as np
import pytest

from tinygrad_mlp import Value, compile, enable_grad, functional, no_grad
from tinygrad_mlp import _recording as recording
from tinygrad_mlp._many_numbers import read_numbers, write_numbers
from tinygrad_mlp._recording import has_recorder
from tinygrad_mlp.compiler import Program
from tinygrad_mlp.compiler import _hiding as hiding
from tinygrad_mlp.debug import detect_anomaly, location_of, record_creation, trace_backward
from tinygrad_mlp.derivatives import check_gradients, grad
from tinygrad_mlp.errors import GraphError, NonFiniteError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses import mean_squared_error
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.optim import SGD
from tinygrad_mlp.training import fit, predict
from tinygrad_mlp.training._outputs import model_outputs

SECONDS: Final = 1.0
"""How long each kind of work goes on."""

LATEST: Final = 120.0
"""How long something that must come is waited for: a machine may have much else to do."""


@pytest.fixture(autouse=True)
def frequent_switches() -> Iterator[None]:
    """Python goes from thread to thread a hundred times as often as it would."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(before)


def all_at_once(
    works: Sequence[Callable[[], object]], until: Callable[[], bool] | None = None
) -> list[int]:
    """Repeat each work in a thread of its own; how often each was done. The first error is raised.

    Args:
        works: the functions.
        until: whether to stop; after a while if not given.
    """
    end = time.monotonic() + SECONDS
    stopped = threading.Event()
    counts, failed = [0] * len(works), list[BaseException]()

    def repeat(number: int) -> None:
        try:
            while not stopped.is_set():
                works[number]()
                counts[number] += 1
                if until is None and time.monotonic() > end:
                    return
        except BaseException as error:
            failed.append(error)
            stopped.set()

    threads = [
        threading.Thread(target=repeat, args=(number,), daemon=True) for number in range(len(works))
    ]
    for thread in threads:
        thread.start()
    latest = end + LATEST
    while until is not None and not until() and not stopped.is_set() and time.monotonic() < latest:
        time.sleep(0.001)
    if until is not None:
        stopped.set()
    for thread in threads:
        thread.join(max(latest - time.monotonic(), 0.0))
    stuck = [works[number].__name__ for number, thread in enumerate(threads) if thread.is_alive()]
    for error in failed:
        raise error
    assert not stuck
    return counts


# Kinds of work, each with numbers that are known


def compiling() -> None:
    w = Value(0.5)
    program = compile(lambda x: functional.sum([w * a for a in x]) + w, [w])
    assert program(np.ones(40)) == 20.5
    assert program.gradients.tolist() == [41.0]


def compiling_a_network() -> None:
    model = MLP(2, [3, 1], rng=0)
    program = compile(lambda x: model(x) ** 2, model.parameters(), per_sample=True)
    value = program([[0.5, -1.0]])
    loss = model([0.5, -1.0]) ** 2
    loss.backward()
    assert value == pytest.approx(loss.data, rel=1e-12)
    assert program.gradients.tolist() == pytest.approx([p.grad for p in model.parameters()])


def differentiating() -> None:
    v, x = Value(2.0), Value(3.0)
    out = v * v * x
    out.backward()
    assert (out.data, v.grad, x.grad) == (12.0, 12.0, 4.0)
    (slope,) = grad(v**3, [v], create_graph=True)
    assert (slope.data, grad(slope, [v])) == (12.0, [12.0])
    check_gradients(lambda a: (a * a).tanh(), [0.3])
    assert [step.contribution for step in trace_backward(v * v)] == [2.0, 2.0]


def switching_off() -> None:
    a = Value(3.0)
    with no_grad():
        assert not (a * a).parents
        with enable_grad():
            assert (a * a).partials == (3.0, 3.0)
        assert not functional.dot([a], [a]).parents
    assert (a * a).parents


def checking() -> None:
    with detect_anomaly():
        with pytest.raises(NonFiniteError, match="log gives -inf"):
            Value(0.0).log()
        a = Value(0.0)
        with pytest.raises(NonFiniteError, match="sqrt at 0"):
            a.sqrt().backward()


def not_checking() -> None:
    out = Value(0.0).log()
    out.backward()
    assert location_of(out) is None


def noting_places() -> None:
    with record_creation():
        a = Value(1.0)
        b = a * 2.0
        for node in (a, b):
            place = location_of(node)
            assert place is not None
            assert place.function == "noting_places"
    assert type(Value(1.0) * 2.0) is Value


def training() -> None:
    model, again = MLP(1, [2, 1], rng=0), MLP(1, [2, 1], rng=0)
    X, y = [[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0]
    fit(model, X, y, epochs=2, optimizer="sgd", engine="compiled", rng=0, log_every=None)
    fit(again, X, y, epochs=2, optimizer="sgd", engine="eager", rng=0, log_every=None)
    np.testing.assert_allclose(predict(model, X), predict(again, X), rtol=1e-12)


def training_by_hand() -> None:
    w = Value(1.0)
    optimizer = SGD([w], learning_rate=0.25)
    for _ in range(3):
        optimizer.zero_grad()
        mean_squared_error([w * 2.0], [0.0]).backward()
        optimizer.step()
    assert w.data == -1.0


def copying() -> None:
    a = Value(2.0)
    twin = copy.deepcopy(a * a)
    assert pickle.loads(pickle.dumps(a)).data == 2.0
    twin.backward()
    assert (twin.parents[0].grad, a.has_grad) == (4.0, False)


WORKS: Final = [
    compiling,
    compiling,
    compiling_a_network,
    differentiating,
    switching_off,
    checking,
    not_checking,
    noting_places,
    training,
    training_by_hand,
    copying,
]


def test_all_kinds_of_work_go_on_at_once() -> None:
    assert min(all_at_once(WORKS)) > 0


@pytest.mark.parametrize("draw", [random.random, np.random.random])
def test_a_refused_function_leaves_the_shared_generators_as_they_are_beside_an_idle_thread(
    draw: Callable[[], float],
) -> None:
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    expected = draw()
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    over = threading.Event()
    idle = threading.Thread(target=over.wait)
    idle.start()
    try:
        with pytest.raises(GraphError, match="it drew from the module random"):
            compile(lambda x: x * draw())(1.0)
    finally:
        over.set()
        idle.join()
    assert draw() == expected


def test_what_other_threads_draw_from_the_module_random_is_theirs() -> None:
    random.seed(5)
    expected, drawn = random.Random(5), list[float]()

    def drawing() -> None:
        drawn.extend([random.random() for _ in range(10)])

    assert min(all_at_once([drawing, compiling, compiling_a_network])) > 0
    assert drawn == [expected.random() for _ in drawn]


@pytest.mark.parametrize("draw", [random.random, np.random.random])
def test_a_function_that_draws_is_refused_beside_other_threads_too(
    draw: Callable[[], float],
) -> None:
    def refused() -> None:
        with pytest.raises(GraphError, match="it drew from the module random"):
            compile(lambda x: x * (draw() >= 0.0))(1.0)

    assert min(all_at_once([refused, draw, differentiating])) > 0


# Whole steps


class Own(Module):
    """A sum of weights, by Python of one's own, which reads them one after the other."""

    def __init__(self, n_weights: int, branches: bool) -> None:
        self.weights = [Value(0.0) for _ in range(n_weights)]
        self.branches = branches

    def forward(self, x: Sequence[Scalar]) -> list[Value]:
        if self.branches and self.weights[0] < -1.0:  # so that it cannot be compiled
            return [Value(-1.0)]
        total = self.weights[0] * 1.0
        for weight in self.weights[1:]:
            total = total + weight
        return [total * x[0], self.weights[0] * 1.0, self.weights[-1]]


N_WEIGHTS: Final = 60


def steps_by_optimizer(model: Own) -> Callable[[], None]:
    optimizer = SGD(model.parameters(), learning_rate=1.0)
    for weight in model.parameters():
        weight.grad = -1.0
    return optimizer.step


def steps_by_program(model: Own) -> Callable[[], None]:
    program = compile(lambda x: functional.sum(model.parameters()) * x, model.parameters())

    def step() -> None:
        program(1.0)
        program.parameters += program.gradients
        program.write_back()

    return step


def steps_by_load(model: Own) -> Callable[[], None]:
    numbers = iter(range(1, 10**9))

    def step() -> None:
        model.load_state_dict({"weights": np.full(N_WEIGHTS, float(next(numbers)))})

    return step


STEPS: Final = [steps_by_optimizer, steps_by_program, steps_by_load]


@pytest.mark.parametrize("make_step", STEPS)
@pytest.mark.parametrize(
    ("branches", "n_samples"), [(False, 1), (False, 500), (True, 1), (True, 3)]
)
def test_a_prediction_beside_a_training_has_the_numbers_of_one_step(
    make_step: Callable[[Own], Callable[[], None]], branches: bool, n_samples: int
) -> None:
    """All weights are the number of the step."""
    model = Own(N_WEIGHTS, branches)
    X = np.ones((n_samples, 1))
    found: list[float] = []

    def predicting() -> None:
        outputs = model_outputs(model, X)
        step = outputs[0, 1]
        assert step == round(step)
        np.testing.assert_array_equal(outputs, np.tile([step * N_WEIGHTS, step, step], (len(X), 1)))
        found.append(step)

    def saving() -> None:
        (numbers,) = model.state_dict().values()
        assert len(set(numbers.tolist())) == 1

    step = make_step(model)

    def stepping() -> None:
        step()
        time.sleep(0.0)

    until = time.monotonic() + LATEST
    all_at_once(
        [stepping, predicting, predicting, saving],
        lambda: len(set(found)) > 20 or time.monotonic() > until,
    )
    assert len(set(found)) > 20


def test_a_kept_prediction_beside_a_training_has_the_numbers_of_one_step() -> None:
    """All weights are the number of the step, so the output is 2000 times one of them."""
    model = MLP(2000, [1], init="zeros")
    leaves, numbers = model.parameters(), iter(range(10**9))
    X, found = np.ones((1, 2000)), set[float]()
    model_outputs(model, X)

    def stepping() -> None:
        write_numbers(leaves, [float(next(numbers))] * len(leaves))
        time.sleep(0.0)

    def predicting() -> None:
        step = model_outputs(model, X).item() / len(leaves)
        assert step == round(step)
        found.add(step)

    until = time.monotonic() + LATEST
    all_at_once(
        [stepping, predicting, predicting], lambda: len(found) > 200 or time.monotonic() > until
    )
    assert len(found) > 200


def in_another_thread(work: Callable[[], object]) -> bool:
    """Whether the work is done soon, while this thread waits."""
    other = threading.Thread(target=work, daemon=True)
    other.start()
    other.join(LATEST)
    return not other.is_alive()


def test_ctrl_c_while_another_thread_computes_leaves_no_lock_behind() -> None:
    """A first call waits for both locks; who gives up waiting for one has the other no more."""
    program = compile(lambda x: x * x)
    main, is_over, has_begun = threading.main_thread().ident, threading.Event(), threading.Event()
    assert main is not None

    def is_recording() -> bool:
        free = hiding.recording_lock.acquire(blocking=False)
        if free:
            hiding.recording_lock.release()
        return not free

    def computing() -> None:
        with program.alone:
            has_begun.set()
            while not is_recording():
                time.sleep(0.001)
            signal.pthread_kill(main, signal.SIGINT)
            is_over.wait(LATEST)

    thread = threading.Thread(target=computing)
    thread.start()
    has_begun.wait(LATEST)
    with pytest.raises(KeyboardInterrupt):
        program(3.0)
    left = list[bool]()
    assert in_another_thread(lambda: left.append(is_recording()))
    is_over.set()
    thread.join(LATEST)
    assert left == [False]
    assert program(3.0) == 9.0


def test_a_kept_prediction_does_not_wait_for_a_recording_nor_is_it_looked_at() -> None:
    model, X, outputs = MLP(2, [3, 1], rng=0), np.ones((1, 2)), list[Any]()
    expected = model_outputs(model, X)
    observed, done = list[bool](), list[bool]()

    def predicting() -> None:
        observed.append(has_recorder())
        outputs.append(model_outputs(model, X))

    def recorded(x: Any) -> Any:
        assert has_recorder()
        done.append(in_another_thread(predicting))
        return x * 2.0

    program = compile(recorded)
    assert program(3.0) == 6.0
    with record_creation():
        assert has_recorder()
        done.append(in_another_thread(predicting))
    assert len(done) > 1
    assert all(done)
    assert not any(observed)
    for output in outputs:
        np.testing.assert_array_equal(output, expected)


def test_what_another_thread_changes_while_a_model_is_recorded_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, X = MLP(2, [3, 1], rng=0), np.ones((1, 2))
    after = MLP(2, [3, 1], activation="tanh", rng=0)
    plain = Program.generators

    def replace() -> None:
        model.layers[0], model.layers[1] = after.layers

    def generators(program: Any, *arrays: Any) -> Any:
        found = plain(program, *arrays)
        assert in_another_thread(replace)
        return found

    monkeypatch.setattr(Program, "generators", generators)
    model_outputs(model, X)
    monkeypatch.undo()
    np.testing.assert_allclose(model_outputs(model, X), model_outputs(after, X), rtol=1e-12)


def test_the_mode_of_a_model_that_predicts_is_that_of_another_thread_too() -> None:
    class Modal(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def forward(self, x: Sequence[Scalar]) -> list[Value]:
            return [self.w * (2.0 if self.training else 1.0)]

    model = Modal()

    def training() -> None:
        assert model([0.0]).data == 2.0
        assert model.training

    def predicting() -> None:
        assert model_outputs(model, np.zeros((1, 1))).tolist() == [[1.0]]

    counts = all_at_once([training, predicting, predicting])
    assert min(counts) > 0


def test_a_model_whose_parts_change_meanwhile_is_refused() -> None:
    class Changing(MLP):
        def forward(self, x: Any) -> list[Value]:
            outputs = super().forward(x)
            if replaces:
                other = threading.Thread(target=replace)
                other.start()
                other.join(LATEST)
            return outputs

    def replace() -> None:
        model.layers[0] = MLP(2, [3, 1], rng=0).layers[0]

    model, replaces = Changing(2, [3, 1], rng=1), True
    with pytest.raises(
        GraphError, match=r"relu\(2\).* is no part of it any more.*deepcopy\(model\)"
    ):
        model_outputs(model, np.zeros((1, 2)))
    replaces = False
    assert model_outputs(model, np.zeros((1, 2))).shape == (1, 1)


def test_numbers_that_are_shown_again_while_they_are_read_are_those_of_one_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leaves, hidden, n_reads = [Value(0.0), Value(0.0)], ExitStack(), 0

    def recorder_of_thread() -> Any:
        """Each look at a hidden number asks for it: other threads may have their turn there."""
        nonlocal n_reads
        n_reads += 1
        if n_reads == 2:
            write_numbers(leaves, [1.0, 1.0])
            hidden.close()
        return recording.recorder_of_thread()

    with hidden:
        hidden.enter_context(hiding.numbers_hidden())
        monkeypatch.setattr(hiding, "recorder_of_thread", recorder_of_thread)
        numbers = read_numbers(leaves)
    assert len(set(numbers)) == 1


def test_numbers_are_set_and_read_at_once_also_while_a_function_is_recorded() -> None:
    leaves = [Value(0.0) for _ in range(200)]
    numbers = iter(range(10**9))

    def setting() -> None:
        number = float(next(numbers))
        write_numbers(leaves, [number] * 200, grads=[number] * 200)

    program = compile(lambda: list(leaves))

    def reading() -> None:
        assert len(set(program().tolist())) == 1

    assert min(all_at_once([setting, reading, reading, compiling])) > 0
