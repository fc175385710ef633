"""Which back end runs a program: who chooses it, who is told, and what is refused."""

from __future__ import annotations

import copy
import pickle
import re
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from tests.back_ends import as_compiled, forced, need_library
from tinygrad_mlp import compile
from tinygrad_mlp import functional as F
from tinygrad_mlp._native import _library as native_library
from tinygrad_mlp.compiler import _translation as translation
from tinygrad_mlp.compiler._backends.choice import VARIABLE, Choice, check_wanted, native
from tinygrad_mlp.compiler._backends.protocol import Memory
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import BackendError, InvalidArgumentError
from tinygrad_mlp.estimators import MLPClassifier
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.optim import Adam
from tinygrad_mlp.training import History, find_learning_rate, fit, predict

X = np.linspace(-1.0, 1.0, 12).reshape(6, 2)
Y = X.sum(axis=1)

NOTHING_BUILT = "the native library is not built: a test says so"


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_library, "_found", {"library": (None, NOTHING_BUILT)})


@pytest.fixture
def library_without_tanh(monkeypatch: pytest.MonkeyPatch) -> None:
    need_library()
    library = native_library.load()
    assert library is not None
    left = {name: number for name, number in library.operations.items() if name != "tanh"}
    poorer = replace(library, operations=MappingProxyType(left))
    monkeypatch.setattr(native_library, "_found", {"library": (poorer, "")})


def trained(**settings: Any) -> History:
    return fit(MLP(2, [3, 1], "tanh", rng=0), X, Y, epochs=3, log_every=None, rng=0, **settings)


def squared(**settings: Any) -> Any:
    program = compile(lambda x: F.tanh(x) * x, per_sample=True, **settings)
    program([1.0, 2.0])
    return program


# What is asked for


@pytest.mark.parametrize("wrong", ["c", "", None, "Native", 1, ["native"], np.array(["auto", "c"])])
def test_another_back_end_is_refused(wrong: Any) -> None:
    for call in (lambda: compile(lambda x: x, backend=wrong), lambda: trained(backend=wrong)):
        with pytest.raises(BackendError, match=r"^backend is 'auto', 'native' or 'numpy', got "):
            call()


@pytest.mark.parametrize("engine", ["auto", "compiled"])
def test_so_it_is_in_the_environment_whatever_the_engine(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "c")
    expected = f"the environment variable {VARIABLE} is 'auto', 'native' or 'numpy', got 'c'"
    with pytest.raises(BackendError, match=expected):
        trained(engine=engine)
    assert trained(engine=engine, backend="numpy").engine == "compiled"


def test_the_variable_says_what_auto_is_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for told, auto in (("numpy", "numpy"), ("native", "native"), ("auto", "auto"), ("", "auto")):
        monkeypatch.setenv(VARIABLE, told)
        assert [check_wanted(x) for x in ("auto", "native", "numpy")] == [auto, "native", "numpy"]


def test_fit_chooses_by_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    need_library()
    histories = [trained(backend=backend) for backend in ("auto", "native", "numpy")]
    assert [history.engine for history in histories] == ["native", "native", "compiled"]
    np.testing.assert_allclose(histories[2].loss, histories[1].loss, rtol=1e-12)
    monkeypatch.setenv(VARIABLE, "numpy")
    assert trained().engine == "compiled"
    assert trained(backend="native").engine == "native"


def test_the_eager_engine_has_no_use_for_the_library() -> None:
    with pytest.raises(InvalidArgumentError, match=r"engine='eager' records nothing that the C"):
        trained(engine="Eager", backend="native")
    assert trained(engine="eager", backend="numpy").engine == "eager"


def test_a_training_goes_on_with_the_back_end_that_it_had(tmp_path: Any) -> None:
    file = tmp_path / "training.npz"
    trained(resume=file, backend="numpy")
    with pytest.raises(InvalidArgumentError, match="backend is 'auto', there it is 'numpy'"):
        trained(resume=file)


def test_a_training_goes_on_with_the_instruction_set_that_it_had(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_library()
    library = native_library.load()
    assert library is not None
    files = [tmp_path / f"{name}.npz" for name in ("native", "numpy", "eager")]
    settings: list[dict[str, Any]] = [{}, {"backend": "numpy"}, {"engine": "eager"}]
    for file, each in zip(files, settings):
        trained(resume=file, **each)
    other = replace(library, variant="v9")
    monkeypatch.setattr(native_library, "_found", {"library": (other, "")})
    message = f"the C library is v9, there it is {library.variant}.*other instruction sets"
    with pytest.raises(InvalidArgumentError, match=message):
        trained(resume=files[0])
    for file, each in zip(files[1:], settings[1:]):
        assert trained(resume=file, **each).n_epochs == 3
    monkeypatch.setattr(native_library, "_found", {"library": (None, NOTHING_BUILT)})
    with pytest.raises(InvalidArgumentError, match="the C library is not used, there it is v"):
        trained(resume=files[0])


def test_a_search_for_a_rate_chooses_by_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    need_library()
    chosen: list[str] = []

    def search(**settings: Any) -> Any:
        return find_learning_rate(MLP(2, [3, 1], rng=0), X, Y, n_steps=3, **settings)

    def noted(choice: Choice, *arguments: Any) -> Choice:
        chosen.append(native(choice, *arguments).backend.name)
        return native(choice, *arguments)

    monkeypatch.setattr(translation, "native", noted)
    for backend, name in (("auto", "native"), ("native", "native"), ("numpy", "NumPy text")):
        chosen.clear()
        search(backend=backend)
        assert set(chosen) == {name}
    with pytest.raises(BackendError, match=r"^backend is 'auto', 'native' or 'numpy', got 'c'"):
        search(backend="c")
    message = (
        r"engine='eager' records nothing .*: find_learning_rate\(model, X, y, backend='native'\)"
    )
    with pytest.raises(InvalidArgumentError, match=message):
        search(engine="eager", backend="native")


# What native cannot do


@pytest.mark.usefixtures("library_without_tanh")
def test_what_the_library_lacks_numpy_does_and_everybody_says_so() -> None:
    reason = "the library has no tanh"
    program = squared()
    assert repr(program.backend).endswith(f"; not native: {reason}")
    assert program.summary().splitlines()[-1] == f"not native: {reason}"
    history = trained()
    assert history.engine == f"compiled (not native: {reason})"
    assert as_compiled(history.engine) == "compiled"


@pytest.mark.usefixtures("no_library")
def test_without_the_library_the_reason_stands_in_summary_and_history() -> None:
    assert squared().summary().splitlines()[-1] == f"not native: {NOTHING_BUILT}"
    assert trained().engine == f"compiled (not native: {NOTHING_BUILT})"
    assert trained(backend="numpy").engine == "compiled"
    assert len(squared(backend="numpy").summary().splitlines()) == 1


REFUSED = re.escape("the back end 'native', which is asked for, cannot run this program: ")


@pytest.mark.parametrize("engine", ["auto", "compiled"])
@pytest.mark.usefixtures("no_library")
def test_asked_for_native_fit_does_not_go_on_with_something_else(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BackendError, match=REFUSED + NOTHING_BUILT):
        trained(engine=engine, backend="native")
    monkeypatch.setenv(VARIABLE, "native")
    with pytest.raises(BackendError, match=f"{REFUSED}.*or {VARIABLE}=auto, takes what can"):
        trained(engine=engine)
    with pytest.raises(BackendError, match=REFUSED):
        MLPClassifier(max_iter=2).fit(X, Y > 0)
    with pytest.raises(BackendError, match=REFUSED):
        predict(MLP(2, [1], rng=0), X)


@pytest.mark.usefixtures("library_without_tanh")
def test_asked_for_native_a_function_that_is_missing_is_named() -> None:
    with pytest.raises(BackendError, match=REFUSED + "the library has no tanh"):
        squared(backend="native")


def test_more_numbers_than_a_record_can_count_are_refused() -> None:
    need_library()
    program = squared(backend="native")
    bind = program._traced().prepared.bind
    memory = Memory(2**30, np.dtype("float64"), np.empty(0), np.empty(0))
    with pytest.raises(BackendError, match=r"1073741824 samples needs more than 2\^31 numbers"):
        bind(memory)


# What native says


def test_the_summary_says_which_library_runs_it_and_who_multiplies() -> None:
    need_library()
    library = native_library.load()
    assert library is not None
    *_, last = squared(backend="native").summary().splitlines()
    start = f"native: {library.variant}, {library.compiler}; its own products"
    assert last == start + (f", {library.blas}" if library.blas else "")
    alone = replace(library, blas="")
    assert alone.describe() == f"{library.variant}, {library.compiler}; its own products"


def test_a_program_that_no_steps_are_taken_with_says_why() -> None:
    need_library()
    assert squared(backend="native").native_bound((2,)) == "it has no loss"
    with forced("tape"):
        program = compile(F.tanh, [Value(1.0)])
        assert program.native_bound(()) == "the graph is irregular"
    assert squared(backend="numpy").native_bound((2,)) == ""


# Memory


@pytest.mark.parametrize("per_sample", [False, True])
def test_arrays_that_lie_between_the_numbers_are_read_all_the_same(per_sample: bool) -> None:
    need_library()
    w = Value(2.0)
    program = compile(
        lambda x: F.sum([w * a * (i + 1) for i, a in enumerate(x)]),
        [w],
        per_sample=per_sample,
        reduction="sum",
        backend="native",
    )
    numbers = np.arange(6.0)
    odd = np.frombuffer(b"x" + numbers.tobytes(), np.float64, offset=1)
    turned = np.asfortranarray(numbers.reshape(2, 3)) if per_sample else numbers[::-1]
    shaped = odd.reshape(2, 3) if per_sample else odd
    assert not shaped.flags.aligned
    for given in (shaped, turned):
        expected = float((given * np.arange(1.0, 1.0 + given.shape[-1])).sum())
        assert program(given) == 2.0 * expected
        assert program.gradients.tolist() == [expected]
        bound = program.native_bound(given.shape)
        assert not isinstance(bound, str)
        assert int(bound.addresses[-1]) % 8 == 0, "the library reads whole numbers"


# Copies


def test_a_model_and_its_optimizer_are_copied_with_nothing_of_the_library() -> None:
    need_library()
    model = MLP(2, [3, 1], rng=0)
    optimizer = Adam(model.parameters())
    assert fit(model, X, Y, epochs=3, log_every=None, optimizer=optimizer).engine == "native"
    first = predict(model, X)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(predict(other, X), first)
    both = copy.deepcopy((model, optimizer)), pickle.loads(pickle.dumps((model, optimizer)))
    fit(model, X, Y, epochs=3, log_every=None, optimizer=optimizer)
    after = predict(model, X)
    for again, stepped_by in both:
        np.testing.assert_array_equal(predict(again, X), first)
        fit(again, X, Y, epochs=3, log_every=None, optimizer=stepped_by)
        np.testing.assert_array_equal(predict(again, X), after)


def test_an_estimator_is_copied_in_the_middle_of_its_training() -> None:
    need_library()
    labels = (Y > 0).astype(int)
    estimator = MLPClassifier((3,), random_state=0, batch_size=2)
    estimator.partial_fit(X, labels, classes=[0, 1])
    copies = copy.deepcopy(estimator), pickle.loads(pickle.dumps(estimator))
    estimator.partial_fit(X, labels)
    expected = estimator.predict_proba(X)
    for other in copies:
        other.partial_fit(X, labels)
        np.testing.assert_array_equal(other.predict_proba(X), expected)


def test_a_program_itself_is_not_pickled() -> None:
    with pytest.raises(Exception, match="a Program does not pickle"):
        pickle.dumps(compile(lambda w: w * w, [Value(1.0)][:0]))
