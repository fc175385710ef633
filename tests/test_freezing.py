"""Frozen parameters: no gradient, no step, no cost; beside torch's ``requires_grad``."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pytest
import torch

from tests.against_torch import assert_close, tensor_of
from tests.back_ends import forced
from tinygrad_mlp import MLP, Value, _freezing, compile, fit, grad, no_grad
from tinygrad_mlp.compiler._layout import Block
from tinygrad_mlp.debug import detect_anomaly, trace_backward
from tinygrad_mlp.derivatives import hessian, jacobian
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, UnknownAttributeError
from tinygrad_mlp.nn import Buffer, Layer, Module, Neuron
from tinygrad_mlp.optim import SGD, Adam, AdamW, Optimizer, RMSprop, clip_by_norm, clip_by_value
from tinygrad_mlp.training import Callback, History

rng: Final = np.random.default_rng(0)
X: Final = rng.normal(size=(9, 3))
Y: Final = np.sin(X.sum(axis=1))
QUIET: Final[dict[str, Any]] = {"log_every": None, "progress": False}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def deep() -> MLP:
    return MLP(3, [4, 3, 1], activation="tanh", rng=0)


# A Value


def test_a_frozen_leaf_gets_no_gradient() -> None:
    w, x, b = Value(2.0), Value(3.0), Value(1.0)
    w.requires_grad = False
    out = w * x + b + w
    for _ in range(2):
        out.backward()
    assert (w.grad, w.has_grad) == (0.0, False)
    assert (x.grad, b.grad) == (4.0, 2.0)
    w.requires_grad = True
    out.backward()
    assert (w.grad, x.grad) == (4.0, 6.0)


def test_freezing_clears_the_gradient() -> None:
    w = Value(2.0)
    (w * 3.0).backward()
    w.requires_grad = True  # as it is
    assert w.grad == 3.0
    w.requires_grad = False
    assert (w.grad, w.has_grad) == (0.0, False)


def test_backward_of_a_frozen_leaf_leaves_it_alone() -> None:
    w = Value(2.0)
    w.requires_grad = False
    w.backward()
    assert (w.grad, w.has_grad) == (0.0, False)


def test_nobody_looks_for_frozen_leaves_before_there_was_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[Any] = []
    is_frozen = _freezing.is_frozen

    def noted(leaf: Any) -> bool:
        looked_at.append(leaf)
        return is_frozen(leaf)

    monkeypatch.setattr(_freezing, "is_frozen", noted)
    monkeypatch.setattr(_freezing, "changes", [None])
    leaves = [Value(2.0), Value(3.0)]
    assert _freezing.frozen_among(leaves) == []
    assert _freezing.without_frozen(leaves) is leaves
    assert looked_at == []
    leaves[0].requires_grad = False
    assert _freezing.frozen_among(leaves) == [0]
    assert _freezing.without_frozen(leaves) == leaves[1:]
    assert looked_at == leaves * 2


def test_what_is_computed_requires_a_gradient_if_a_leaf_does() -> None:
    w, x = Value(2.0), Value(3.0)
    w.requires_grad = False
    assert not (w * 3.0 + 1.0).tanh().requires_grad
    assert (w * x).requires_grad
    assert w.requires_grad is False
    assert x.requires_grad is True
    assert not (w * 3.0).parents[1].requires_grad  # a plain number
    theirs = tensor_of(2.0)
    assert not (theirs * 3.0 + 1.0).tanh().requires_grad
    assert (theirs * tensor_of(3.0, requires_grad=True)).requires_grad


def test_only_leaves_are_frozen() -> None:
    w = Value(2.0)
    out = w * 3.0
    with pytest.raises(GraphError, match=r"set for leaves, .* was computed from .* no_grad\(\)"):
        out.requires_grad = False
    with pytest.raises(GraphError, match="is a plain number"):
        out.parents[1].requires_grad = False
    with pytest.raises(InvalidArgumentError, match=r"requires_grad is 'no', but True or False"):
        w.requires_grad = "no"  # type: ignore[assignment]
    w.requires_grad = np.bool_(False)  # type: ignore[assignment]
    assert w.requires_grad is False
    with no_grad():
        inside = Value(1.0) * 2.0
    inside.requires_grad = False  # a leaf, as made without a graph
    assert not inside.requires_grad


def test_a_buffer_is_frozen_as_any_leaf() -> None:
    mean = Buffer(2.0)
    mean.requires_grad = False
    (mean * 3.0).backward()
    assert mean.grad == 0.0


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda leaf: pickle.loads(pickle.dumps(leaf))]
)
def test_copies_are_frozen_too(again: Callable[[Any], Any]) -> None:
    w = Value(2.0, label="w")
    w.requires_grad = False
    other = again(w)
    assert other is not w
    assert not other.requires_grad
    (other * 3.0).backward()
    assert other.grad == 0.0
    other.requires_grad = True
    assert not w.requires_grad
    assert not copy.deepcopy(w * 3.0).parents[0].requires_grad


def test_a_frozen_model_is_frozen_in_another_process() -> None:
    text = repr(pickle.dumps(Neuron(1, weights=[2.0]).freeze()))
    code = (
        f"import pickle; neuron = pickle.loads({text}); x = neuron.w[0]; neuron([1.0]).backward(); "
        "print(x.requires_grad, x.grad, neuron.requires_grad)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False 0.0 False\n"


def test_a_node_has_room_for_nothing_more() -> None:
    w = Value(2.0)
    w.requires_grad = False
    assert w.partials == ()
    assert set(Value.__slots__) == {"_label", "data", "grad", "op", "parents", "partials"}


# A module


def test_freezing_a_part_of_a_model() -> None:
    model = deep()
    assert model.requires_grad
    assert model.layers[0].freeze() is model.layers[0]
    assert not model.layers[0].requires_grad
    assert not model.layers[0].neurons[0].requires_grad
    assert model.requires_grad
    model(X[0]).backward()
    assert [any(p.has_grad for p in layer.parameters()) for layer in model.layers] == [
        False,
        True,
        True,
    ]
    assert len(model.parameters()) == 35  # as in torch, they are still there
    assert model.unfreeze() is model
    assert all(p.requires_grad for p in model.parameters())
    model.requires_grad = False
    assert not model.requires_grad
    model.layers[1].neurons[2].b.requires_grad = True
    assert model.requires_grad
    assert not Module().requires_grad


def test_what_two_modules_share_is_frozen_in_both() -> None:
    first, second = Layer(2, 2, rng=0), Layer(2, 2, rng=1)
    second.neurons[0].w = first.neurons[0].w
    first.freeze()
    assert [n.requires_grad for n in second.neurons] == [True, True]
    assert not any(w.requires_grad for w in second.neurons[0].w)


def test_the_words_of_torch_and_keras() -> None:
    model: Any = deep()
    with pytest.raises(UnknownAttributeError, match=r"'requires_grad_'; write module\.freeze\(\)"):
        model.requires_grad_(False)
    with pytest.raises(InvalidArgumentError, match=r"model\.layers\[0\]\.freeze\(\)"):
        model.trainable = False


def test_loaded_weights_leave_frozen_what_is() -> None:
    model = deep()
    model.layers[0].freeze()
    model.load_state_dict(MLP(3, [4, 3, 1], rng=5).state_dict())
    assert not model.layers[0].requires_grad
    assert model.layers[1].requires_grad


# Derivatives


def test_the_derivative_by_a_frozen_leaf_is_refused() -> None:
    w, x = Value(2.0), Value(3.0)
    out = w * w * x
    w.requires_grad = False
    assert grad(out, [x]) == [4.0]
    assert grad(grad(out * x, [x], create_graph=True)[0], [x]) == [8.0]
    message = r"input number 1, Value\(data=2.0.*\), is frozen, .* model\.unfreeze\(\)"
    for derivative in (grad, hessian, lambda out, by: jacobian([out], by)):
        with pytest.raises(GraphError, match=message):
            derivative(out, [x, w])
    with pytest.raises(GraphError, match=message):
        grad(out, [x, w], create_graph=True)


def test_derivatives_within_a_recorded_function_know_frozen_leaves() -> None:
    w, b = Value(2.0), Value(3.0)
    b.requires_grad = False

    def loss(x: Value) -> Value:
        (slope,) = grad(w * x * x + b * x, [x], create_graph=True)
        return slope * slope

    program = compile(loss, [w, b])
    assert program(1.5) == (2.0 * 2.0 * 1.5 + 3.0) ** 2
    assert program.gradients.tolist() == [2.0 * 9.0 * 3.0, 0.0]
    with pytest.raises(GraphError, match="is frozen"):
        compile(lambda x: grad(b * x, [b], create_graph=True)[0], [w])(1.0)


# The step log


def test_the_step_log_has_no_step_to_a_frozen_leaf() -> None:
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    loss = (w * x).tanh()
    w.requires_grad = False
    trace = trace_backward(loss)
    assert [step.parent for step in trace] == [loss.parents[0], x]
    for position in (0, 1, 2):
        trace.go_to(position)
        assert (w.grad, w.has_grad) == (0.0, False)
    assert trace[-1].grad_after == x.grad


def test_anomaly_detection_leaves_frozen_leaves_alone() -> None:
    w, x = Value(2.0), Value(3.0)
    w.requires_grad = False
    with detect_anomaly():
        (w * x).backward()
    assert (w.grad, w.has_grad, x.grad) == (0.0, False, 2.0)


def test_an_infinite_slope_by_a_frozen_leaf_is_no_anomaly() -> None:
    w, x = Value(0.0), Value(3.0)
    w.requires_grad = False
    with detect_anomaly():
        (w.sqrt() * 0.0 + x).backward()
    assert x.grad == 1.0


# Clipping and optimizers


def test_clipping_ignores_frozen_values() -> None:
    w, x = Value(2.0), Value(3.0)
    w.requires_grad = False
    w.grad, x.grad = 100.0, 3.0  # by hand
    assert clip_by_norm([w, x], 1.0) == 3.0
    assert w.grad == 100.0
    clip_by_value([w, x], 0.5)
    assert (w.grad, x.grad) == (100.0, 0.5)


RULES: Final[dict[str, tuple[type[Optimizer], type[torch.optim.Optimizer], dict[str, Any]]]] = {
    "momentum": (SGD, torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "rmsprop": (RMSprop, torch.optim.RMSprop, {"momentum": 0.5, "weight_decay": 0.1}),
    "adam": (Adam, torch.optim.Adam, {"weight_decay": 0.1}),
    "adamw": (AdamW, torch.optim.AdamW, {"weight_decay": 0.1}),
}
FROZEN: Final = {"the first": [0, 1], "scattered": [0, 2], "one": [3], "all": [0, 1, 2, 3]}


@pytest.mark.parametrize("on_arrays", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("which", FROZEN)
@pytest.mark.parametrize("rule", RULES)
def test_an_optimizer_leaves_frozen_parameters_alone(
    rule: str, which: str, grouped: bool, on_arrays: bool
) -> None:
    """Ten steps with all, ten with some frozen: neither decay nor momentum moves those."""
    kind, torch_kind, settings = RULES[rule]
    start = np.random.default_rng(3).normal(size=4)
    values = [Value(number) for number in start.tolist()]
    tensors = [tensor_of(number, requires_grad=True) for number in start]
    groups: list[dict[str, Any]] = [
        {"parameters": values[:2]},
        {"parameters": values[2:], "learning_rate": 0.05},
    ]
    ours: Any = kind(groups if grouped else values, 0.1, **settings)
    torch_groups: list[dict[str, Any]] = [
        {"params": tensors[:2]},
        {"params": tensors[2:], "lr": 0.05},
    ]
    theirs: Any = torch_kind(torch_groups if grouped else tensors, lr=0.1, **settings)  # type: ignore[call-arg]
    numbers, gradients = start.copy(), np.zeros(4)
    frozen: list[int] = []
    for step in range(20):
        if step == 10:
            frozen = FROZEN[which]
            for place in frozen:
                values[place].requires_grad = False
            before, state = numbers.copy(), ours.state_dict()
        gradients[:] = np.random.default_rng(step).normal(size=4)
        for place, (value, tensor) in enumerate(zip(values, tensors)):
            value.grad = gradients[place] = 0.0 if place in frozen else gradients[place]
            tensor.grad = None if place in frozen else tensor_of(gradients[place])
        theirs.step()
        if on_arrays:
            ours.step_array(numbers, gradients)
        else:
            ours.step()
            numbers = np.array([value.data for value in values])
        assert_close(numbers, [tensor.item() for tensor in tensors])
    assert numbers[frozen].tolist() == before[frozen].tolist()
    for name, array in ours.state_dict().items():
        if array.shape == (4,):
            assert array[frozen].tolist() == state[name][frozen].tolist()


def test_thawed_parameters_go_on_with_their_state() -> None:
    values, numbers = [Value(1.0), Value(2.0)], np.array([1.0, 2.0])
    one, other = (SGD(values, 0.1, momentum=0.5) for _ in range(2))
    values[0].requires_grad = False
    one.step_array(numbers, np.array([1.0, 1.0]))
    assert numbers.tolist() == [1.0, 1.9]
    values[0].requires_grad = True
    one.step_array(numbers, np.array([1.0, 1.0]))
    assert numbers == pytest.approx([0.9, 1.75], rel=1e-15)
    other.load_state_dict(one.state_dict())
    other.step_array(numbers, np.array([0.0, 0.0]))
    assert numbers == pytest.approx([0.85, 1.675], rel=1e-15)


# Compiled programs


def squared_error(model: MLP) -> Callable[..., Value]:
    def loss(x: Any, y: Any) -> Value:
        return (model(x) - y) ** 2  # type: ignore[no-any-return]

    return loss


FREEZE: Final[dict[str, Callable[[MLP], object]]] = {
    "nothing": lambda model: model,
    "the first layer": lambda model: model.layers[0].freeze(),
    "the second": lambda model: model.layers[1].freeze(),
    "the last": lambda model: model.layers[2].freeze(),
    "all but the first": lambda model: [layer.freeze() for layer in model.layers[1:]],
    "a neuron of the first": lambda model: model.layers[0].neurons[1].freeze(),
    "a neuron of the second": lambda model: model.layers[1].neurons[1].freeze(),
    "one weight": lambda model: set_false([model.layers[1].neurons[1].w[2]]),
    "a column": lambda model: set_false([n.w[1] for n in model.layers[1].neurons]),
    "biases": lambda model: set_false([n.b for layer in model.layers for n in layer.neurons]),
    "weights": lambda model: set_false(weights_of(model)),
    "everything": lambda model: model.freeze(),
}


def weights_of(model: MLP) -> list[Value]:
    return [w for layer in model.layers for neuron in layer.neurons for w in neuron.w]


def set_false(values: list[Value]) -> None:
    for value in values:
        value.requires_grad = False


def torch_gradients(model: MLP) -> list[float]:
    """Of all parameters in our order, 0 for those that are frozen; of their own leaves in torch."""
    flat = [tensor_of(p.data, requires_grad=p.requires_grad) for p in model.parameters()]
    left = iter(flat)
    h = tensor_of(X)
    for layer in model.layers:
        rows = [[next(left) for _ in range(layer.n_inputs + 1)] for _ in range(layer.n_outputs)]
        weight = torch.stack([torch.stack(row[:-1]) for row in rows])
        h = h @ weight.T + torch.stack([row[-1] for row in rows])
        h = torch.tanh(h) if layer is not model.layers[-1] else h
    if h.requires_grad:
        ((h[:, 0] - tensor_of(Y)) ** 2).mean().backward()
    return [0.0 if leaf.grad is None else leaf.grad.item() for leaf in flat]


@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize("which", FREEZE)
def test_compiled_gradients_are_those_of_torch(which: str, per_sample: bool) -> None:
    model = deep()
    one = squared_error(model)

    def of_batch(rows: Any, targets: Any) -> Value:
        return sum([one(x, y) for x, y in zip(rows, targets)]) / len(rows)  # type: ignore[return-value]

    program = compile(one if per_sample else of_batch, model.parameters(), per_sample=per_sample)
    program(X, Y)
    program.gradients += 1.0  # stale numbers do not stay
    FREEZE[which](model)
    value = program(X, Y)
    assert_close(program.gradients, torch_gradients(model))
    eager = program.eager(X, Y)
    eager.backward()
    assert eager.data == pytest.approx(value, rel=1e-14)
    assert_close([p.grad for p in model.parameters()], torch_gradients(model))
    program.write_back()
    for parameter in model.parameters():
        assert parameter.has_grad == parameter.requires_grad
    model.unfreeze()
    program(X, Y)
    assert_close(program.gradients, torch_gradients(model))


def test_plain_arithmetic_gives_frozen_leaves_0() -> None:
    w, b = Value(2.0), Value(3.0)
    program = compile(lambda x: (w * x + b.exp()).tanh(), [w, b])
    w.requires_grad = False
    with forced("arithmetic"):
        program(0.5)
    assert "arithmetic" in repr(program.backend)
    theirs = tensor_of(3.0, requires_grad=True)
    torch.tanh(1.0 + torch.exp(theirs)).backward()
    assert theirs.grad is not None
    assert_close(program.gradients, [0.0, theirs.grad.item()])


def run_of(model: MLP) -> str:
    program = compile(squared_error(model), model.parameters(), per_sample=True)
    program(X, Y)
    return program.source[program.source.index("    def run(") :]


def test_no_product_is_emitted_for_what_is_frozen() -> None:
    model = deep()
    assert run_of(model).count("dot(") == 3 + 1 + 3 + 2  # forward, loss, weights, back
    model.layers[0].freeze()
    first = run_of(model)
    assert first.count("dot(") == 3 + 1 + 2 + 1
    model.layers[1].freeze()
    assert run_of(model).count("dot(") == 3 + 1 + 1
    assert run_of(model).count("tanh(") == 2
    model.freeze()
    assert run_of(model).count("dot(") == 3 + 1
    model.unfreeze().layers[2].freeze()
    assert run_of(model).count("dot(") == 3 + 1 + 2 + 2
    set_false(weights_of(model))
    assert run_of(model).count("gradients_") == 2  # the biases of two layers alone


@pytest.mark.parametrize("frozen", ["weights", "biases"])
def test_what_is_frozen_beside_what_is_not_is_written_by_no_call(frozen: str) -> None:
    model = deep()
    weights = weights_of(model)
    biases = [p for p in model.parameters() if not any([p is w for w in weights])]
    set_false(weights if frozen == "weights" else biases)
    assert run_of(model).count("gradients_") == 3


def test_a_gradient_flows_to_those_slots_of_a_block_that_are_not_frozen() -> None:
    block = Block("parameters", "parameters", base=4, size=3, mapped=False, needs_grad=True)
    slots = {"frozen": [4, 6], "another": [3, 4, 6, 7], "open": [5], "one of them": [3, 6, 5, 7]}
    assert all([block.needs_grad_at(np.array(some)) for some in slots.values()])
    block.frozen = np.array([True, False, True])
    found = [name for name, some in slots.items() if block.needs_grad_at(np.array(some))]
    assert found == ["open", "one of them"]


def test_a_program_follows_what_its_function_asks_for() -> None:
    w, other = Value(2.0), Value(1.0)
    program = compile(lambda x: w * x * (3.0 if other.requires_grad else 5.0), [w])
    assert (program(1.0), program.gradients.tolist()) == (6.0, [3.0])
    first = program._traced()
    Value(1.0).requires_grad = False
    program(1.0)
    assert program._traced() is first
    other.requires_grad = False
    assert (program(1.0), program.gradients.tolist()) == (10.0, [5.0])
    w.requires_grad = False
    assert (program(1.0), program.gradients.tolist()) == (10.0, [0.0])


def test_a_function_is_looked_at_once_after_each_change_of_what_is_frozen() -> None:
    w, other, looked_at = Value(2.0), Value(1.0), []

    def loss(x: Value) -> Value:
        looked_at.append(x)
        return w * x

    program = compile(loss, [w])
    program(1.0)
    for leaf in (other, w, w):
        leaf.requires_grad = not leaf.requires_grad
        program(1.0)
        before = len(looked_at)
        for x in (2.0, 3.0):
            assert (program(x), program.gradients.tolist()) == (2.0 * x, [x * w.requires_grad])
        assert len(looked_at) == before


def test_a_prediction_is_not_recorded_anew() -> None:
    w = Value(2.0)
    predict = compile(lambda x: w * x, [w]).prediction(lambda x: w * x)
    predict(1.0)
    first = predict._traced()
    w.requires_grad = False
    assert predict(1.0) == 2.0
    assert predict._traced() is first


# Training


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("rule", RULES)
def test_training_is_that_of_torch(engine: str, rule: str) -> None:
    kind, torch_kind, settings = RULES[rule]
    model = MLP(3, [4, 1], activation="tanh", rng=0)
    model.layers[0].freeze()
    w1, b1, w2, b2 = [tensor_of(a, requires_grad=True) for a in model.state_dict().values()]
    for frozen in (w1, b1):
        frozen.requires_grad_(False)
    optimizer: Any = kind(model.parameters(), 0.05, **settings)
    history = fit(
        *(model, X, Y),
        optimizer=optimizer,
        l1=0.01,
        l2=0.02,
        clip_norm=0.5,
        epochs=10,
        engine=engine,
        **QUIET,
    )
    make: Any = torch_kind
    theirs = make([w1, b1, w2, b2], lr=0.05, **settings)
    for epoch in range(10):
        theirs.zero_grad()
        out = torch.tanh(tensor_of(X) @ w1.T + b1) @ w2.T + b2
        penalty = sum(0.01 * p.abs().sum() + 0.02 * (p * p).sum() for p in (w2, b2))
        loss = torch.nn.functional.mse_loss(out[:, 0], tensor_of(Y))
        assert history.loss[epoch] == pytest.approx(loss.item(), rel=1e-11)
        assert history.penalty[epoch] == pytest.approx(penalty.item(), rel=1e-11)  # type: ignore[union-attr]
        (loss + penalty).backward()
        torch.nn.utils.clip_grad_norm_([w1, b1, w2, b2], 0.5)
        theirs.step()
    for array, tensor in zip(model.state_dict().values(), (w1, b1, w2, b2)):
        assert_close(array, tensor, 1e-11)
    assert not any(p.has_grad for p in model.layers[0].parameters())


class Thaw(Callback):
    """Lets the whole model train after some epochs."""

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> bool:
        if epoch == 3:
            model.unfreeze()
        return False


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_callback_unfreezes_in_the_middle(engine: str) -> None:
    stopped, thawed = deep(), deep()
    for model, epochs in ((stopped, 3), (thawed, 6)):
        model.layers[0].freeze()
        fit(
            *(model, X, Y),
            optimizer=SGD(model.parameters(), 0.05),
            l2=0.01,
            epochs=epochs,
            engine=engine,
            callbacks=[Thaw()],
            **QUIET,
        )
    before = deep().state_dict()["layers.0.weight"]
    assert (stopped.state_dict()["layers.0.weight"] == before).all()
    by_hand = stopped.unfreeze()
    fit(by_hand, X, Y, optimizer=SGD(by_hand.parameters(), 0.05), l2=0.01, epochs=3, **QUIET)
    for name, array in thawed.state_dict().items():
        assert_close(array, by_hand.state_dict()[name])


@pytest.mark.parametrize("give", ["name", "optimizer"])
def test_nothing_to_train_is_refused(give: str) -> None:
    model = deep().freeze()
    optimizer: Any = "adam" if give == "name" else SGD(model.parameters())
    with pytest.raises(InvalidArgumentError, match=r"are frozen, .* model\.unfreeze\(\)"):
        fit(model, X, Y, optimizer=optimizer, **QUIET)


def test_an_optimizer_of_frozen_parameters_alone_is_refused() -> None:
    model = deep()
    optimizer = SGD(model.layers[0].freeze().parameters())
    with pytest.raises(InvalidArgumentError, match="are frozen, so there is nothing to train"):
        fit(model, X, Y, optimizer=optimizer, **QUIET)
