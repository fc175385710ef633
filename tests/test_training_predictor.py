"""The program that is kept for the predictions of a model: whether it is used, or is stale."""

from __future__ import annotations

import copy
import gc
import math
import os
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.memory import assert_takes_less
from tinygrad_mlp import MLP, Value, accuracy, fit, functional, predict
from tinygrad_mlp._recording import has_recorder
from tinygrad_mlp.debug import record_creation
from tinygrad_mlp.errors import DataError, NonFiniteError, NotANumberError
from tinygrad_mlp.nn import Layer, Module, Neuron
from tinygrad_mlp.training import _outputs as outputs
from tinygrad_mlp.training import _predictor as predictor
from tinygrad_mlp.training import predict_proba

X = np.random.default_rng(0).normal(size=(7, 3))
SOFTMAX = "categorical_cross_entropy"


def new_model(rng: int = 0) -> MLP:
    return MLP(3, [5, 4, 2], activation=["tanh", "relu"], rng=rng)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Module]:
    """The models of which a program was made."""
    models: list[Module] = []
    plain = outputs._compiled_outputs

    def compiled_outputs(model: Module, from_logits: bool) -> Any:
        models.append(model)
        return plain(model, from_logits)

    monkeypatch.setattr(outputs, "_compiled_outputs", compiled_outputs)
    return models


def by_hand(model: MLP, x: np.ndarray) -> np.ndarray:
    """The outputs by PyTorch."""
    state = {name: torch.tensor(array) for name, array in model.state_dict().items()}
    z = torch.tensor(x)
    for i, layer in enumerate(model.layers):
        z = z @ state[f"layers.{i}.weight"].T + state[f"layers.{i}.bias"]
        name = getattr(layer.neurons[0].activation, "__name__", "")
        z = {"tanh": torch.tanh, "relu": torch.relu}.get(name, torch.clone)(z)
    outputs: np.ndarray = z.numpy()
    return outputs


def test_it_is_recorded_once_and_gives_the_numbers_of_torch(recorded: list[Module]) -> None:
    model = new_model()
    for n_samples in (1, 7, 1, 3):
        found = predict(model, X[:n_samples])
        np.testing.assert_allclose(found, by_hand(model, X[:n_samples]), rtol=1e-12, atol=1e-14)
    assert recorded == [model]


@pytest.mark.parametrize("n_samples", [1, predictor.BLOCK, predictor.BLOCK + 1, 3000])
def test_kept_or_not_the_numbers_are_the_same_to_the_last_bit(n_samples: int) -> None:
    rows = np.random.default_rng(1).normal(size=(n_samples, 3))
    model = new_model()
    predict(model, X)
    for loss in (None, SOFTMAX):
        found = predict(model, rows, loss=loss)
        np.testing.assert_array_equal(found, predict(new_model(), rows, loss=loss))
    np.testing.assert_allclose(predict(model, rows), by_hand(model, rows), rtol=1e-11, atol=1e-13)
    probabilities = predict_proba(model, rows, loss=SOFTMAX)
    np.testing.assert_array_equal(probabilities, predict_proba(new_model(), rows, loss=SOFTMAX))
    expected = torch.softmax(torch.tensor(by_hand(model, rows)), 1).numpy()
    np.testing.assert_allclose(probabilities, expected, rtol=1e-11)


def test_the_result_is_an_array_of_its_own() -> None:
    model = new_model()
    first = predict(model, X)
    before = first.copy()
    predict(model, X + 1.0)
    np.testing.assert_array_equal(first, before)


# Numbers


@pytest.mark.parametrize("number", [0.25, 3, -0.0, math.inf, np.float64(2.5)])
def test_a_weight_changed_by_hand_is_seen(number: Any, recorded: list[Module]) -> None:
    model = new_model()
    model.layers[2].neurons[0].w[1].data = 0.0
    predict(model, X)
    for parameter in (model.layers[2].neurons[0].w[1], model.layers[0].neurons[4].b):
        parameter.data = number
        np.testing.assert_array_equal(predict(model, X), predict(copy.deepcopy(model), X))
    assert recorded.count(model) == 1


def test_the_sign_of_a_zero_is_seen() -> None:
    model = MLP(1, [1], init="zeros")
    for zero in (0.0, -0.0, 0.0):
        model.layers[0].neurons[0].w[0].data = zero
        predict(model, [[1.0]])
        (weight, _) = predictor._kept[id(model), False].program.parameters.tolist()
        assert math.copysign(1.0, weight) == math.copysign(1.0, zero)


def test_steps_and_loaded_weights_are_seen() -> None:
    model, other = new_model(), new_model(rng=5)
    predict(model, X)
    model.load_state_dict(other.state_dict())
    np.testing.assert_array_equal(predict(model, X), predict(other, X))
    fit(model, X, X[:, :2], epochs=3, log_every=None)
    np.testing.assert_allclose(predict(model, X), by_hand(model, X), rtol=1e-12)


@pytest.mark.parametrize("wrong", ["0.5", None, np.array([1.0, 2.0]), np.float32(0.5)])
def test_what_is_no_number_is_refused(wrong: Any) -> None:
    model = new_model()
    before = predict(model, X)
    parameter = model.layers[1].neurons[2].w[3]
    number, parameter.data = parameter.data, wrong
    for _ in range(2):
        with pytest.raises(NotANumberError, match=r"layers\.1\.neurons\.2\.w\.3"):
            predict(model, X)
    parameter.data = number
    np.testing.assert_array_equal(predict(model, X), before)


# Structure


def replace_layer(model: MLP) -> None:
    model.layers[1] = Layer(5, 4, "tanh", rng=9)


def replace_layers(model: MLP) -> None:
    model.layers = [*model.layers[:2], Layer(4, 2, "sigmoid", rng=9)]


def leave_a_layer_out(model: MLP) -> None:
    del model.layers[2]


def add_a_layer(model: MLP) -> None:
    model.layers.append(Layer(2, 1, rng=9))


def replace_neuron(model: MLP) -> None:
    model.layers[0].neurons[3] = Neuron(3, "relu", rng=9)


def swap_neurons(model: MLP) -> None:
    neurons = model.layers[0].neurons
    neurons[0], neurons[1] = neurons[1], neurons[0]


def replace_weight(model: MLP) -> None:
    model.layers[0].neurons[3].w[2] = Value(0.75)


def replace_bias(model: MLP) -> None:
    model.layers[0].neurons[3].b = Value(0.75)


def share_weights(model: MLP) -> None:
    model.layers[0].neurons[3].w = model.layers[0].neurons[2].w


def copied_list_then_changed(model: MLP) -> None:
    model.layers = list(model.layers)
    predict(model, X)
    model.layers[1] = Layer(5, 4, "tanh", rng=9)


def change_activation(model: MLP) -> None:
    model.layers[0].neurons[3].activation = functional.sigmoid


def change_activation_to_ones_own(model: MLP) -> None:
    model.layers[0].neurons[3].activation = doubled


def change_kind_of_layer(model: MLP) -> None:
    model.layers[2].activation = "softmax"


def method_of_the_model(model: MLP) -> None:
    model.forward = lambda x: [Value(2.0) * x[0], Value(3.0) * x[1]]  # type: ignore[index, method-assign]


def method_of_a_layer(model: MLP) -> None:
    model.layers[0].forward = lambda x: [Value(2.0) * x[0]] * 5  # type: ignore[index, method-assign]


def doubled(x: Value) -> Value:
    return 2.0 * x


@pytest.mark.parametrize(
    "change",
    [
        replace_layer,
        replace_layers,
        leave_a_layer_out,
        add_a_layer,
        replace_neuron,
        swap_neurons,
        replace_weight,
        replace_bias,
        share_weights,
        copied_list_then_changed,
        change_activation,
        change_activation_to_ones_own,
        change_kind_of_layer,
        method_of_the_model,
        method_of_a_layer,
    ],
)
def test_a_changed_structure_is_seen(change: Callable[[MLP], None]) -> None:
    model = new_model()
    predict(model, X)
    before = predict(model, X)
    change(model)
    after = predict(model, X)
    expected = [[output.data for output in model.forward(x)] for x in X.tolist()]
    np.testing.assert_allclose(after, np.squeeze(expected), rtol=1e-12)
    assert after.shape != before.shape or not np.allclose(after, before)


def test_a_method_of_the_class_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    model = new_model()
    before = predict(model, X)
    with monkeypatch.context() as patched:
        patched.setattr(Layer, "forward", lambda layer, x: [Value(2.0) * x[0]] * layer.n_outputs)
        assert not np.allclose(predict(model, X), before)
    np.testing.assert_array_equal(predict(model, X), before)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_neurons_that_go_from_one_list_to_the_next_are_seen(order: tuple[int, int]) -> None:
    model = MLP(2, [3, 3], rng=0)
    structure = predictor.Structure(model)
    first, second = (model.layers[i].neurons for i in order)
    second.insert(0, first.pop())
    assert not structure.still_holds()
    first.append(second.pop(0))
    assert structure.still_holds()


def test_an_attribute_under_another_name_is_seen() -> None:
    model = Module()
    vars(model)["last"] = Layer(1, 1)
    structure = predictor.Structure(model)
    vars(model)["other"] = vars(model).pop("last")
    assert not structure.still_holds()
    assert not structure.is_same(predictor.Structure(model))


class Scaled(Module):
    """A module of one's own, with all that its forward may read."""

    offset = 0.0

    def __init__(self) -> None:
        self.body = MLP(3, [4, 1], rng=0)
        self.scale = 2.0
        self.table = np.ones(1)
        self.settings = {"shift": 0.0}

    def forward(self, x: Any) -> list[Value]:
        (output,) = self.body.forward(x)
        return [output * self.scale * float(self.table[0]) + self.settings["shift"] + self.offset]


@pytest.mark.parametrize("n_samples", [1, 500])
def test_what_a_module_of_ones_own_reads_is_seen(n_samples: int) -> None:
    rows = np.random.default_rng(2).normal(size=(n_samples, 3))
    model = Scaled()
    plain = predict(model, rows)
    model.scale = 4.0
    np.testing.assert_allclose(predict(model, rows), 2.0 * plain, rtol=1e-12)
    model.table[0] = 2.0
    np.testing.assert_allclose(predict(model, rows), 4.0 * plain, rtol=1e-12)
    model.settings["shift"] = 1.0
    np.testing.assert_allclose(predict(model, rows), 4.0 * plain + 1.0, rtol=1e-12)
    model.offset = 1.0
    np.testing.assert_allclose(predict(model, rows), 4.0 * plain + 2.0, rtol=1e-12)


def test_the_mode_of_a_model_costs_no_recording(recorded: list[Module]) -> None:
    model = new_model()
    predict(model, X)
    for mode in (True, False, True):
        model.train(mode)
        predict(model, X)
        assert {module.training for module in model.modules()} == {mode}
    assert recorded == [model]


def test_logits_and_outputs_are_kept_apart(recorded: list[Module]) -> None:
    model = MLP(3, [2], output_activation="softmax", rng=0)
    for _ in range(2):
        logits = outputs.model_outputs(model, X, from_logits=True)
        shares = outputs.model_outputs(model, X)
        np.testing.assert_allclose(shares, torch.softmax(torch.tensor(logits), 1), rtol=1e-12)
    assert recorded == [model, model]


# Where it is not used


def test_of_a_very_large_model_none_is_kept(
    monkeypatch: pytest.MonkeyPatch, recorded: list[Module]
) -> None:
    model = new_model()
    expected = predict(model, X)
    monkeypatch.setattr(predictor, "MOST_PARAMETERS", 10)
    other = new_model()
    np.testing.assert_allclose(predict(other, X), expected, rtol=1e-12)
    assert recorded == [model]


def test_who_looks_at_the_nodes_sees_those_of_a_prediction() -> None:
    model = new_model()
    predict(model, X)
    with record_creation():
        predict(model, X[:1])
        assert has_recorder()
    assert not has_recorder()


def test_an_output_that_is_no_class_is_named_by_its_sample() -> None:
    model = MLP(1, [2], activation=None, init="zeros")
    for neuron, weight in zip(model.layers[0].neurons, (1e200, -1e200)):
        neuron.w[0].data = weight
        neuron.b.data = math.inf
    rows = np.zeros((2000, 1))
    rows[1500] = -1e200
    with pytest.raises(NonFiniteError, match="sample 1500 is nan"):
        predict(model, rows, loss=SOFTMAX)


class Doubled(Module):
    """One of whose class no program is kept."""

    def forward(self, x: Any) -> list[Value]:
        return [2.0 * number for number in x]


class AsFloat(Module):
    """One that cannot be recorded."""

    def forward(self, x: Any) -> list[Value]:
        return [Value(float(str(number))) for number in x]


@pytest.mark.parametrize("model", [MLP(2, [2], rng=0), Doubled(), AsFloat()])
@pytest.mark.parametrize(("wrong", "row"), [(math.nan, 2999), (math.inf, 1500), (-math.inf, 0)])
def test_a_feature_that_is_no_finite_number_is_named_by_its_row(
    model: Module, wrong: float, row: int
) -> None:
    rows = np.zeros((3000, 2))
    rows[row, 1] = rows[-1, 1] = wrong
    message = rf"^X\[{row}, 1\] is {wrong} \(row {row}, column 1, counting from 0\)"
    with pytest.raises(DataError, match=message):
        predict(model, rows, loss=SOFTMAX)
    with pytest.raises(DataError, match=message):
        predict_proba(model, rows, loss=SOFTMAX)
    with pytest.raises(DataError, match=message):
        accuracy(model, rows, np.zeros(3000, dtype=int), loss=SOFTMAX)


# Life and copies


def test_it_is_no_part_of_the_model() -> None:
    model = new_model()
    before = {name: set(vars(module)) - {"training"} for name, module in enumerate(model.modules())}
    keys = list(model.state_dict())
    predict(model, X)
    after = {name: set(vars(module)) - {"training"} for name, module in enumerate(model.modules())}
    assert (after, list(model.state_dict())) == (before, keys)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_has_a_program_of_its_own(
    copied: Callable[[MLP], MLP], recorded: list[Module]
) -> None:
    model = new_model()
    before = predict(model, X)
    other = copied(model)
    other.layers[0].neurons[0].b.data += 1.0
    assert not np.allclose(predict(other, X), before)
    np.testing.assert_array_equal(predict(model, X), before)
    assert recorded == [model, other]


def test_a_shallow_copy_shares_the_layers_but_not_the_list_that_replaces_them() -> None:
    model = new_model()
    before = predict(model, X)
    other = copy.copy(model)
    other.layers = [*model.layers[:2], Layer(4, 2, "tanh", rng=9)]
    assert not np.allclose(predict(other, X), before)
    np.testing.assert_array_equal(predict(model, X), before)


def test_a_model_is_gone_when_nobody_has_it() -> None:
    model = new_model()
    predict(model, X)
    model([0.0, 0.0, 0.0])
    predict_proba(model, X, loss=SOFTMAX)
    place = id(model)
    gone: list[weakref.ref[Any]] = [weakref.ref(model), weakref.ref(model.layers[0])]
    gc.disable()
    try:
        del model
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()
    assert place not in {number for number, _ in predictor._kept}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_process_predicts_whoever_held_the_lock() -> None:
    model = new_model()
    expected = predict(model, X)
    (kept,) = [item for (place, _), item in predictor._kept.items() if place == id(model)]
    with kept._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(predict(model, X), expected) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_threads_take_turns_at_one_model() -> None:
    model = new_model()
    expected = predict(model, X)
    (kept,) = [item for (place, _), item in predictor._kept.items() if place == id(model)]
    found: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: found.append(predict(model, X)))
    with kept._lock:
        thread.start()
        thread.join(0.3)
        waited = thread.is_alive()
    thread.join()
    assert waited
    np.testing.assert_array_equal(found[0], expected)


def test_threads_that_predict_at_once_get_their_own_numbers() -> None:
    model = new_model()
    parts = [np.random.default_rng(i).normal(size=(40 * i + 1, 3)) for i in range(8)]
    expected = [predict(new_model(), part) for part in parts]
    equal: dict[int, bool] = {}
    together = threading.Barrier(len(parts))

    def ask(i: int) -> None:
        together.wait()
        found = [predict(model, parts[i]) for _ in range(50)]
        equal[i] = all([np.array_equal(each, expected[i]) for each in found])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert equal == dict.fromkeys(range(len(parts)), True)


def test_many_samples_take_the_memory_of_a_block() -> None:
    model = MLP(2, [64, 64, 1], rng=0)
    rows = np.random.default_rng(0).normal(size=(100_000, 2))
    predict(model, rows[: 2 * predictor.BLOCK])
    # The result, and what one block needs; in one piece the hidden layers alone take 100 MB.
    most = 8 * len(rows) + 4 * 8 * 64 * predictor.BLOCK
    assert_takes_less(lambda: predict(model, rows), most=most)


def test_the_accuracy_of_many_samples() -> None:
    model = MLP(1, [1], activation=None, init="zeros")
    model.layers[0].neurons[0].w[0].data = 1.0
    fit(model, [[-1.0], [1.0]], ["no", "yes"], epochs=1, log_every=None)
    rows = np.linspace(-1.0, 1.0, 3001)[:, None]
    labels = np.where(rows[:, 0] > 0.5, "yes", "no")
    right = predict(model, rows) == labels
    assert accuracy(model, rows, labels) == right.mean()
