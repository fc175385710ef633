"""Sums and means over the samples of a batch, in programs that map one sample over it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.against_torch import assert_close, tensor_of
from tests.test_compiler_backends import BACK_ENDS, name_of, run_by
from tinygrad_mlp import functional as F
from tinygrad_mlp import ops
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.compiler._backends.arithmetic import Arithmetic
from tinygrad_mlp.compiler._backends.protocol import Backend
from tinygrad_mlp.compiler._instructions import Buffer as Slots
from tinygrad_mlp.compiler._instructions import Instruction, Ref, contiguous
from tinygrad_mlp.compiler._lockstep import in_lockstep
from tinygrad_mlp.compiler._tidying import _with_inner_products
from tinygrad_mlp.compiler._tracing import trace
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value, assign, no_grad, topological_order
from tinygrad_mlp.errors import BatchStatisticsError, DataError, SampleOrderError, ShapeError
from tinygrad_mlp.losses import hinge
from tinygrad_mlp.nn import BatchNorm, Buffer, Layer

Row = list[Value]
Floats = NDArray[np.float64]

RNG: Final = np.random.default_rng(0)
X: Final = RNG.normal(size=(6, 3))
W: Final = RNG.normal(size=5)


def values() -> Row:
    return [Value(w) for w in W]


# One function for Values and one for tensors, in which a row is a column of the batch.


def centered(w: Row, x: Row) -> Value:
    z = [a * b for a, b in zip(w, x)]
    return F.sum([F.sin(a - F.batch_mean(a)) for a in z])


def centered_torch(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    z = w[:3] * x
    return torch.sin(z - z.mean(0)).sum(1)


def normalized(w: Row, x: Row) -> Value:
    z = [F.tanh(a * b) for a, b in zip(w, x)]
    distances = [a - F.batch_mean(a) for a in z]
    scales = [F.sqrt(F.batch_mean(d * d) + 0.1) for d in distances]
    return F.sum([F.sin(w[3] * d / s + w[4]) for d, s in zip(distances, scales)])


def normalized_torch(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    z = torch.tanh(w[:3] * x)
    distances = z - z.mean(0)
    return torch.sin(w[3] * distances / ((distances**2).mean(0) + 0.1).sqrt() + w[4]).sum(1)


def shares(w: Row, x: Row) -> Value:
    z = F.exp(w[0] * x[0])
    return (z / F.batch_sum(z)) * x[1] + w[1] * F.batch_sum(w[2])


def shares_torch(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    z = torch.exp(w[0] * x[:, 0])
    return z / z.sum() * x[:, 1] + w[1] * w[2] * len(x)


def the_mean_alone(w: Row, x: Row) -> Value:
    return F.batch_mean(F.sin(w[0] * x[0])) * F.batch_mean(w[1]) + F.batch_sum(1.0) * w[2]


def the_mean_alone_torch(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    mean = torch.sin(w[0] * x[:, 0]).mean() * w[1] + len(x) * w[2]
    return mean.expand(len(x))


def mean_of_a_mean(w: Row, x: Row) -> Value:
    mean = F.batch_mean(w[0] * x[0])
    return F.batch_mean(mean * mean) * x[1] * F.batch_sum(mean)


def mean_of_a_mean_torch(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    mean = (w[0] * x[:, 0]).mean()
    return mean**2 * x[:, 1] * mean * len(x)


def dots(w: Row, x: Row) -> Value:
    z = F.tanh(F.dot(w[:3], x, w[3]))
    return (z - F.batch_mean(z)) * F.dot(x[1:], w[3:]) + F.dot(w[:2], w[3:], w[2])


def dots_torch(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    z = torch.tanh(x @ w[:3] + w[3])
    return (z - z.mean()) * (x[:, 1:] @ w[3:]) + w[:2] @ w[3:] + w[2]


def of_numbers_beside_rows(w: Row, x: Row) -> Value:
    numbers = [w[0] * w[1], w[2] * x[0], w[1], w[3], x[1], w[3] * x[2]]
    means = [F.batch_mean(a) * (x[0] + i) for i, a in enumerate(numbers)]
    sums = [F.batch_sum(w[i]) * (x[1] + w[4]) for i in (0, 3, 3)]
    return F.sum([*means, *sums, *map(F.batch_mean, w)]) + F.batch_sum(3.0) * w[0] * x[0]


def of_numbers_beside_rows_torch(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    means = [w[0] * w[1], w[2] * x[:, 0].mean(), w[1], w[3], x[:, 1].mean(), w[3] * x[:, 2].mean()]
    products = torch.stack([a * (x[:, 0] + i) for i, a in enumerate(means)]).sum(0)
    sums = len(x) * (w[0] + 2.0 * w[3]) * (x[:, 1] + w[4])
    return products + sums + w.sum() + 3.0 * len(x) * w[0] * x[:, 0]


CASES: Final[dict[str, tuple[Callable[[Row, Row], Value], Callable[..., torch.Tensor]]]] = {
    "centered": (centered, centered_torch),
    "normalized": (normalized, normalized_torch),
    "shares": (shares, shares_torch),
    "the mean alone": (the_mean_alone, the_mean_alone_torch),
    "of numbers beside rows": (of_numbers_beside_rows, of_numbers_beside_rows_torch),
    "mean of a mean": (mean_of_a_mean, mean_of_a_mean_torch),
    "dots": (dots, dots_torch),
}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", CASES)
def test_a_mapped_program_agrees_with_torch_at_each_batch_size(name: str, reduction: str) -> None:
    ours, theirs = CASES[name]
    w = values()
    program = compile(lambda x: ours(w, x), w, per_sample=True, reduction=reduction)  # type: ignore[arg-type]
    for n_samples in (6, 2, 5):
        x = X[:n_samples]
        weights = tensor_of(W, requires_grad=True)
        losses = theirs(weights, tensor_of(x))
        expected = losses.mean() if reduction == "mean" else losses.sum()
        (gradients,) = torch.autograd.grad(expected, weights)
        assert_close(program(x), expected)
        assert_close(program.gradients, gradients)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", CASES)
def test_the_eager_graph_of_a_batch_has_the_same_numbers(name: str, reduction: str) -> None:
    ours, _ = CASES[name]
    w = values()
    program = compile(lambda x: ours(w, x), w, per_sample=True, reduction=reduction)  # type: ignore[arg-type]
    loss = program.eager(X)  # before its first call
    loss.backward()
    assert_close(loss.data, program(X))
    assert_close([value.grad for value in w], program.gradients)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", CASES)
def test_another_back_end_needs_nothing_but_the_instructions(name: str, reduction: str) -> None:
    ours, _ = CASES[name]
    w = values()
    found = []
    for backend in BACK_ENDS:
        program = compile(lambda x: ours(w, x), w, per_sample=True, reduction=reduction)  # type: ignore[arg-type]
        with run_by(backend):
            found.append([program(X), *program.gradients])
        assert program.backend.backend is backend
    for other in found[1:]:
        assert_close(found[0], other)


def test_what_is_the_same_for_all_samples_is_one_node() -> None:
    w = values()
    program = compile(lambda x: w[0].exp() * x + F.batch_mean(x), w[:1], per_sample=True)
    nodes = topological_order(program.eager(X[:, 0]))
    assert [node.op for node in nodes if node.op is not None].count(ops.EXP) == 1
    assert [node.op for node in nodes if node.op is not None].count(ops.MUL) == len(X)


def test_labels_stand_on_the_nodes_of_each_sample() -> None:
    def labelled(x: Value) -> Value:
        mean, distance = F.batch_mean(x), x - F.batch_mean(x)
        mean.label, distance.label = "mean", "distance"
        return distance * mean

    loss = compile(labelled, [], per_sample=True).eager(X[:, 0])
    labels = [node.label for node in topological_order(loss)]
    assert (labels.count("mean"), labels.count("distance")) == (1, len(X))


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_wrong_target_is_refused(eagerly: bool) -> None:
    w = Value(0.5)
    program = compile(lambda x, t: hinge(w * (x - F.batch_mean(x)), t), [w], per_sample=True)
    targets = np.array([1.0, -1.0, 1.0, 0.5, 1.0, 1.0])
    with pytest.raises(DataError, match=r"t\[3\]: the targets of the hinge loss are -1 and \+1"):
        (program.eager if eagerly else program)(X[:, 0], targets)
    program.checks_targets = False
    (program.eager if eagerly else program)(X[:, 0], targets)


class OfValues:
    """The functions of a random graph on Values, for one sample."""

    batch_mean, batch_sum = staticmethod(F.batch_mean), staticmethod(F.batch_sum)
    tanh, sin, square = staticmethod(F.tanh), staticmethod(F.sin), staticmethod(F.square)


class OfTensors:
    """The same on tensors with a row for each sample."""

    tanh, sin, square = torch.tanh, torch.sin, torch.square

    @staticmethod
    def batch_mean(x: torch.Tensor) -> torch.Tensor:
        return x.mean(0, keepdim=True).expand(len(X))

    @staticmethod
    def batch_sum(x: torch.Tensor) -> torch.Tensor:
        return x.sum(0, keepdim=True).expand(len(X))


def random_graph(xp: Any, seed: int, w: Sequence[Any], x: Sequence[Any]) -> Any:
    """A loss of one sample, made of random steps; half of them look at the batch."""
    rng = np.random.default_rng(seed)
    nodes = [*x, *w]
    for _ in range(12):
        a, b, c = [nodes[i] for i in rng.integers(0, len(nodes), size=3)]
        made = [
            lambda a, b, c: xp.batch_mean(a * b),
            lambda a, b, c: xp.tanh(a - xp.batch_mean(b)),
            lambda a, b, c: xp.tanh(0.1 * xp.batch_sum(xp.sin(a)) + b * c),
            lambda a, b, c: xp.sin(a * b + c),
            lambda a, b, c: a / (1.5 + xp.square(b)) - c,
            lambda a, b, c: a - b + 0.5 * xp.tanh(c),
        ][int(rng.integers(0, 6))](a, b, c)
        nodes.append(made)
    return sum(nodes[-6:], 0.25 * nodes[-1])


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_agree_with_torch(seed: int) -> None:
    w = values()
    weights = tensor_of(W, requires_grad=True)
    columns = [tensor_of(column) for column in X.T]
    rows = [weight.expand(len(X)) for weight in weights]
    expected = random_graph(OfTensors, seed, rows, columns).mean()
    gradients = torch.zeros(len(W), dtype=torch.float64)
    if expected.requires_grad:
        (gradients,) = torch.autograd.grad(expected, weights)
    scale = max(1.0, abs(expected.item()), float(gradients.abs().max()))
    program = compile(lambda x: random_graph(OfValues, seed, w, x), w, per_sample=True)
    loss = program.eager(X)
    loss.backward()
    for value, found in (
        (program(X), program.gradients),
        (loss.data, [parameter.grad for parameter in w]),
    ):
        np.testing.assert_allclose(value, expected.item(), rtol=0.0, atol=1e-12 * scale)
        np.testing.assert_allclose(found, gradients, rtol=0.0, atol=1e-12 * scale)


def test_a_prediction_subtracts_the_mean_of_its_batch() -> None:
    program = compile(lambda x: [a - F.batch_mean(a) for a in x], per_sample=True)
    assert_close(program(X), X - X.mean(axis=0))
    assert_close([[a.data for a in row] for row in program.eager(X)], X - X.mean(axis=0))


def test_second_derivatives_go_through_the_mean() -> None:
    w = values()
    program = compile(lambda x: normalized(w, x), w, per_sample=True)
    first = grad(program.eager(X), w, create_graph=True)
    second = grad(F.sum([g * g for g in first]), w)
    weights = tensor_of(W, requires_grad=True)
    loss = normalized_torch(weights, tensor_of(X)).mean()
    (theirs,) = torch.autograd.grad(loss, weights, create_graph=True)
    (expected,) = torch.autograd.grad((theirs**2).sum(), weights)
    assert_close(second, expected)


def test_a_derivative_within_a_recording_is_refused() -> None:
    """That of one sample by what it does to the mean is not that of the loss of the batch."""
    w = Value(2.0)

    def slope(x: Value) -> Any:
        return grad(F.batch_mean(w * x), [w], create_graph=True)[0]

    with pytest.raises(BatchStatisticsError, match="batch_mean has no derivative for one sample"):
        compile(slope, per_sample=True)(X[:, 0])


def test_no_gradient_flows_through_a_detached_mean() -> None:
    w = Value(2.0)

    def loss(x: Value) -> Value:
        with no_grad():
            mean = F.batch_mean(w * x)
        return (w * x - mean) ** 2

    x = X[:, 0]
    program = compile(loss, [w], per_sample=True)
    program(x)
    weight = tensor_of(2.0, requires_grad=True)
    ((weight * tensor_of(x) - (weight * tensor_of(x)).mean().detach()) ** 2).mean().backward()
    assert_close(program.gradients[0], weight.grad)
    eager = program.eager(x)
    eager.backward()
    assert_close(w.grad, weight.grad)


def test_random_leaves_are_the_same_eagerly() -> None:
    rng = np.random.default_rng(3)
    w = Value(0.5)

    def loss(x: Row) -> Value:
        kept = F.where(F.uniform(rng) < 0.5, w * x[0], 0.0) * F.uniform(rng)
        return (kept - F.batch_mean(kept)) ** 2

    program = compile(loss, [w], per_sample=True)
    compiled = program(X)
    rng.bit_generator.state = np.random.default_rng(3).bit_generator.state
    assert_close(program.eager(X).data, compiled)


def test_a_mean_over_what_is_given_or_drawn_needs_no_other_call() -> None:
    rng = np.random.default_rng(5)
    expected = np.random.default_rng(5).random(len(X))
    program = compile(lambda x: x[0] + F.batch_mean(F.uniform(rng)), per_sample=True)
    assert_close(program(X), X[:, 0] + expected.mean())
    total = compile(lambda x: x[0] + F.batch_sum(x[1]), per_sample=True)
    assert_close(total(X), X[:, 0] + X[:, 1].sum())


# What is assigned


def moving(kept: Buffer) -> Program:
    def loss(x: Value) -> Value:
        assign(kept, 0.75 * kept + 0.25 * F.batch_mean(x))
        return x * kept

    return compile(loss, per_sample=True)


def test_what_is_assigned_with_a_mean_is_assigned_once_for_a_batch() -> None:
    x = X[:, 0]
    compiled, eager = Buffer(2.0), Buffer(2.0)
    program, graphs = moving(compiled), moving(eager)
    expected = 2.0
    for _ in range(3):
        expected = 0.75 * expected + 0.25 * x.mean()
        results = program(x)
        assert_close(compiled.data, expected)
        assert_close(results, x * expected)
        assert_close([v.data for v in graphs.eager(x)], x * expected)
        assert_close(eager.data, expected)


@pytest.mark.parametrize("eagerly", [False, True])
def test_what_counts_samples_beside_a_mean_is_refused(eagerly: bool) -> None:
    """Once for the batch, or once for each sample: nobody can tell."""
    count = Buffer(0.0)

    def loss(x: Value) -> Value:
        assign(count, count + 1.0)
        return x - F.batch_mean(x)

    program = compile(loss, per_sample=True)
    with pytest.raises(SampleOrderError, match="depends on the sample or on the samples before"):
        (program.eager if eagerly else program)(X[:, 0])
    assert count.data == 0.0


@pytest.mark.parametrize("eagerly", [False, True])
def test_each_assignment_is_looked_at(eagerly: bool) -> None:
    first, second = Buffer(0.0), Buffer(1.0)

    def loss(x: Value) -> Value:
        assign(first, F.batch_mean(x))
        assign(second, x)
        return x - F.batch_mean(x)

    program = compile(loss, per_sample=True)
    with pytest.raises(SampleOrderError):
        (program.eager if eagerly else program)(X[:, 0])
    assert (first.data, second.data) == (0.0, 1.0)


def test_several_assignments_are_one_call() -> None:
    kept = [Buffer(float(i)) for i in range(4)]

    def loss(x: Row) -> Value:
        for buffer, a in zip(kept[:3], x):
            assign(buffer, F.batch_mean(a) + buffer)
        assign(kept[3], F.batch_sum(x[0]))
        return x[0]

    program = compile(loss, per_sample=True)
    program(X)
    expected = np.append(X.mean(axis=0) + np.arange(3.0), X[:, 0].sum())
    assert_close([buffer.data for buffer in kept], expected)
    assert program.source.count("write_numbers(assigned, [") == 1


# What a program keeps


@pytest.mark.parametrize("backend", BACK_ENDS, ids=name_of)
def test_a_program_keeps_what_it_assigns_until_it_writes_back(backend: Backend) -> None:
    w, kept, other = Value(0.5), Buffer(2.0), Buffer(1.0)

    def loss(x: Value) -> Value:
        before = w * kept
        assign(kept, 0.5 * kept + F.batch_mean(x))
        assign(other, F.batch_sum(x))
        return before * x * other

    x = X[:, 0]
    program = compile(loss, [w], per_sample=True)
    program.keep([kept])
    with run_by(backend):
        first = program(x)
    assert kept.data == 2.0
    assert_close(other.data, x.sum())
    assert_close(program.kept, [1.0 + x.mean()])
    assert_close(program(x), first * (1.0 + x.mean()) / 2.0)
    program.write_back()
    assert_close(kept.data, 0.5 * (1.0 + x.mean()) + x.mean())
    kept.data = 2.0
    program.read_parameters()
    assert_close(program(x), first)
    program.kept = [2.0]
    assert_close(program(x), first)


def counting(count: Buffer, w: Value) -> Callable[[Value], Value]:
    def loss(x: Value) -> Value:
        assign(count, count + 1.0)
        return w * x * count

    return loss


def test_what_is_kept_from_now_on_was_recorded_otherwise_before() -> None:
    w, count = Value(2.0), Buffer(0.0)
    program = compile(counting(count, w), [w], dtype="float32")
    assert (program(3.0), count.data) == (6.0, 1.0)
    program.keep(iter([count]))
    assert (program.kept.dtype.name, program.kept.tolist()) == ("float32", [1.0])
    assert (program(3.0), count.data, program.kept.tolist()) == (12.0, 1.0, [2.0])
    program.parameters[:] = 5.0
    program.write_back()
    assert (w.data, w.grad, count.data) == (5.0, 6.0, 2.0)
    w.data, count.data = 1.0, 9.0
    program.read_parameters()
    assert (program.parameters.tolist(), program.kept.tolist()) == ([1.0], [9.0])
    program.keep([])
    assert (program(3.0), count.data, program.kept.tolist()) == (30.0, 10.0, [])


def test_the_eager_graph_of_one_sample_keeps_numbers_too() -> None:
    w, count = Value(2.0), Buffer(0.0)
    program = compile(counting(count, w), [w])
    program.keep([count])
    program(3.0)
    assert (program.eager(3.0).data, program.kept.tolist()) == (12.0, [2.0])
    w.grad = 7.0
    program.eager(3.0)
    assert (w.has_grad, program.kept.tolist()) == (False, [3.0])
    with pytest.raises(ShapeError):
        compile(counting(count, w), [w], per_sample=True).eager(3.0)


def test_what_stands_beside_the_loss_is_no_part_of_the_eager_graph() -> None:
    w = Value(0.5)
    for loss in (lambda x: (w * x - F.batch_mean(x), [x, w]), lambda x: (w * x, [x, w])):
        program = compile(loss, [w], per_sample=True, has_auxiliary=True)
        eager = program.eager(X[:, 0])
        eager.backward()
        assert_close(eager.data, program(X[:, 0]))
        assert_close(w.grad, program.gradients[0])
        assert program.auxiliary.shape == (len(X), 2)


def test_a_prediction_program_reads_what_the_other_keeps() -> None:
    kept = Buffer(0.0)

    def loss(x: Value) -> Value:
        assign(kept, F.batch_mean(x))
        return x * x

    program = compile(loss, [], per_sample=True)
    program.keep([kept])
    predict = program.prediction(lambda x: x - kept)
    program(X[:, 0])
    assert_close(predict([1.0, 2.0]), np.array([1.0, 2.0]) - X[:, 0].mean())


def test_the_eager_graph_goes_on_from_what_is_kept_and_keeps_its_own() -> None:
    kept = Buffer(0.0)

    def loss(x: Value) -> Value:
        assign(kept, kept + F.batch_mean(x))
        return x * x

    program = compile(loss, [], per_sample=True)
    program.keep([kept])
    program(X[:, 0])
    program.eager(X[:, 0])
    assert_close(program.kept, [2.0 * X[:, 0].mean()])


def test_plain_arithmetic_keeps_numbers_too() -> None:
    kept, read, other = Buffer(3.0), Buffer(2.0), Buffer(1.0)

    def loss(x: Value) -> Value:
        result = other * x * kept * read
        assign(kept, kept + x)
        return result

    program = compile(loss)
    program.keep([read, kept])
    with run_by(Arithmetic()):
        assert (program(2.0), program(2.0)) == (12.0, 20.0)
    assert (kept.data, program.kept.tolist()) == (3.0, [2.0, 7.0])
    other.data = 0.5
    assert program(1.0) == 7.0
    assert "arithmetic" in repr(program.backend)


def test_a_batch_is_recorded_as_part_of_another_function() -> None:
    kept = Buffer(3.0)

    def of_sample(x: Value) -> Value:
        assign(kept, Value(0.5) * F.batch_mean(x))
        return x * kept

    def whole(row: Row) -> Value:
        recording = trace(of_sample, [()], [], of_one_sample=True)
        return F.sum(in_lockstep(recording, [[x] for x in row]))

    program = compile(whole)
    x = X[:, 0]
    assert_close(program(x), 0.5 * x.mean() * x.sum())
    assert_close(kept.data, 0.5 * x.mean())


# Where there is no batch


def test_one_sample_alone_has_no_mean() -> None:
    for function in (F.batch_mean, F.batch_sum):
        with pytest.raises(BatchStatisticsError, match="here is one sample alone") as raised:
            function(Value(2.0))
        name = function.__name__
        assert raised.value.reason == f"{name} is taken over the samples of a batch"
        with no_grad(), pytest.raises(BatchStatisticsError, match=r"call model\.eval\(\) first"):
            function(2.0)


def test_a_recording_of_the_whole_batch_is_refused() -> None:
    program = compile(lambda xs: F.sum([x - F.batch_mean(x) for x in xs]))
    for call in (program, program.eager):
        with pytest.raises(BatchStatisticsError, match="per_sample=True"):
            call(X[:, 0])


def test_a_batch_of_one_is_not_taken_for_the_batch() -> None:
    w = values()
    program = compile(lambda x: centered(w, x), w, per_sample=True)
    program(X)
    for call in (program, program.eager):
        with pytest.raises(BatchStatisticsError, match="give two samples or more"):
            call(X[:1])


def test_a_batch_of_one_is_fine_without_a_mean() -> None:
    assert compile(lambda x: x * 2.0, per_sample=True)([3.0]).tolist() == [6.0]


def test_samples_that_are_by_themselves_have_no_mean() -> None:
    program = compile(lambda x: x - F.batch_mean(x), per_sample=True)
    program.each_by_itself = True
    with pytest.raises(BatchStatisticsError):
        program(X[:, 0])


# The text


def test_the_text_of_a_layer_that_is_normalized() -> None:
    """A row of the batch is summed by one call; of the running statistics nothing is copied."""
    rng = np.random.default_rng(0)
    layer, norm = Layer(2, 3, None, rng=rng), BatchNorm(3)

    def loss(x: Row) -> Value:
        return F.sum([F.tanh(a) for a in norm.forward(layer.forward(x))])

    program = compile(loss, [*layer.parameters(), *norm.parameters()], per_sample=True)
    program.keep(norm.buffers())
    program(X[:, :2])
    text = program.source
    assert [line.strip() for line in text[text.index("def run") :].splitlines()] == TEXT.split("\n")


TEXT: Final = """\
def run(X0):
copyto(x0_1, X0.T)
take(kept, kept_read, 0, outer)
dot(parameters_2, x0, out=z0)
copyto(batch_sum1, c0)
matmul(z0, ones, out=t1)
multiply(t1, c1, out=t1)
add(batch_sum1, c2, out=sub3)
subtract(z0, t1_3, out=z0)
divide(batch_sum1, sub3, out=batch_sum1)
subtract(t1, outer_4, out=t1)
multiply(constants_5, t1_6, out=t2)
add(t2, outer_7, out=z8)
vecdot(z0, z0, out=t1)
multiply(t1, c1, out=t1)
multiply(t1, batch_sum1_8, out=mul10)
add(t1, c3, out=t1)
subtract(mul10, outer_9, out=mul10)
sqrt(t1, out=t1)
multiply(constants_10, mul10_11, out=t3)
add(t3, outer_12, out=z14)
divide(c4, t1, out=mul10)
multiply(parameters_13, mul10, out=mul16)
multiply(mul16_14, z0, out=t4)
add(t4, parameters_15, out=t4)
tanh(t4, out=t4)
ones_3.dot(t4, out=sum19_16)
loss = float(dot(sum19_16, ones)) / B
multiply(t4, t4, out=t4)
subtract(c4, t4, out=t4)
matmul(t4, ones, out=t5)
multiply(t5, c1, out=gradients_17)
vecdot(t4, z0, out=t5)
multiply(t5, c1, out=t5)
multiply(mul16_14, c1, out=mul16_14)
multiply(t4, mul16_14, out=t4)
multiply(t5, mul10, out=gradients_18)
multiply(t5, parameters_13, out=t5)
divide(mul10, t1, out=mul10)
multiply(t5, mul10, out=t5)
divide(c5, t1, out=t1)
multiply(t5, t1, out=t5)
multiply(t5_19, c6, out=t5_19)
multiply(t5_19, z0, out=z0)
add(t4, z0, out=t4)
matmul(t4, ones, out=t5)
multiply(t5_19, c7, out=t5_19)
add(t4, t5_19, out=t4)
dot(t4, x0_21, out=gradients_20)
kept[kept_assigned[0:3]] = z8_22
kept[kept_assigned[3:6]] = z14_23
return loss

return run"""


def test_products_that_are_summed_over_the_samples_are_one_call() -> None:
    w = Value(0.5)
    program = compile(lambda x: F.batch_mean(F.sin(w * x) ** 2), [w], per_sample=True)
    program(X[:, 0])
    assert "vecdot(" in program.source
    assert "square" not in program.source


def test_a_product_of_what_is_changed_before_the_sum_stays_a_product() -> None:
    def row(mapped: bool = True) -> Ref:
        return Ref(Slots(3, mapped=mapped), 0, (3,), (1,))

    a, b, product, total = row(), row(), row(), row(mapped=False)
    multiply = Instruction("ufunc", "multiply", [a, b], product)
    change = Instruction("ufunc", "negative", [a], a)
    change_other = Instruction("ufunc", "negative", [b], b)
    reduce = Instruction("reduce", "add", [product], total, axes=(1,))
    elsewhere = Instruction("ufunc", "negative", [row()], row())
    for between in (change, change_other):
        calls = [multiply, between, reduce]
        assert _with_inner_products(calls) == calls
    afterwards = _with_inner_products([multiply, reduce, change, change_other])
    assert [call.kind for call in afterwards] == ["contract", "ufunc", "ufunc"]
    both = _with_inner_products([multiply, elsewhere, reduce])
    assert [call.kind for call in both] == ["ufunc", "contract"]
    numbers = Instruction("ufunc", "multiply", [a, row(mapped=False).padded()], product)
    assert _with_inner_products([numbers, reduce]) == [numbers, reduce]
    over_slots = Instruction("reduce", "add", [product], row(), axes=(0,))
    assert _with_inner_products([multiply, over_slots]) == [multiply, over_slots]
    largest = Instruction("reduce", "maximum", [product], total, axes=(1,))
    assert _with_inner_products([multiply, largest]) == [multiply, largest]


def rows(*shape: int, size: int = 0, mapped: bool = True, swap: bool = False, **what: Any) -> Ref:
    buffer = Slots(size or math.prod(shape), mapped=mapped, **what)
    return Ref(buffer, 0, shape, contiguous(shape), swap=swap)


def product_and_sum(product: Ref, a: Ref, b: Ref, total: Ref) -> list[Instruction]:
    axes = (len(product.shape),)
    return [
        Instruction("ufunc", "multiply", [a, b], product),
        Instruction("reduce", "add", [product], total, axes=axes),
    ]


@pytest.mark.parametrize(
    ("shape", "labels"),
    [((), ("b", "b", "")), ((3,), ("pb", "pb", "p")), ((2, 3), ("pqb", "pqb", "pq"))],
)
def test_the_axes_of_products_that_are_summed(
    shape: tuple[int, ...], labels: tuple[str, ...]
) -> None:
    a, b, total = rows(*shape), rows(*shape), rows(*shape, mapped=False)
    unlike = Instruction("fill", "fill", [], rows(2))
    (first, call) = _with_inner_products([unlike, *product_and_sum(rows(*shape), a, b, total)])
    assert first is unlike
    assert (call.kind, call.function, call.axes) == ("contract", "contract", ())
    assert (call.args, call.out, call.labels) == ([a, b], total, labels)


def products_that_stay() -> dict[str, list[Instruction]]:
    a, b, total = rows(3), rows(3), rows(3, mapped=False)

    def calls(product: Ref, a: Ref = a, b: Ref = b) -> list[Instruction]:
        return product_and_sum(product, a, b, total)

    product = rows(3)
    multiply, reduce = calls(product)
    other = Instruction("reduce", "add", [product], rows(3, mapped=False), axes=(1,))
    two = rows(2, 3)
    return {
        "pinned": calls(rows(3, pinned=True)),
        "given from outside": calls(rows(3, external=True)),
        "truth values": calls(rows(3, boolean=True)),
        "of truth values": calls(rows(3), rows(3, boolean=True)),
        "and of those on the right": calls(rows(3), a, rows(3, boolean=True)),
        "a part of the memory": calls(rows(3, size=4)),
        "of fewer": calls(rows(3), rows(1)),
        "with a number": calls(rows(3), a, rows(3, mapped=False)),
        "with axes the other way round": calls(rows(3), rows(3, swap=True)),
        "made twice": [multiply, multiply, reduce],
        "read twice": [multiply, reduce, other],
        "a quotient": [Instruction("ufunc", "divide", [a, b], product), reduce],
        "no ufunc": [Instruction("call", "multiply", [a, b], product), reduce],
        "in other axes": [
            Instruction("ufunc", "multiply", [rows(3, 2), rows(3, 2)], two.axes(1, 0)),
            Instruction("reduce", "add", [two], rows(2, 3, mapped=False), axes=(2,)),
        ],
        "no sum": [multiply, Instruction("call", "add", [product], total, axes=(1,))],
    }


@pytest.mark.parametrize("what", products_that_stay())
def test_a_product_stays_where_one_call_would_not_be_the_same(what: str) -> None:
    calls = products_that_stay()[what]
    assert _with_inner_products(calls) == calls


def test_a_product_that_is_read_elsewhere_is_not_only_summed() -> None:
    w = Value(0.5)

    def loss(x: Value) -> Value:
        product = F.sin(w * x) * x
        return product * F.batch_mean(product)

    x = X[:, 0]
    program = compile(loss, [w], per_sample=True)
    weight = tensor_of(0.5, requires_grad=True)
    product = torch.sin(weight * tensor_of(x)) * tensor_of(x)
    expected = (product * product.mean()).mean()
    expected.backward()
    assert_close(program(x), expected)
    assert_close(program.gradients[0], weight.grad)


# Normalization by hand


def by_hand_over(rows: list[Row]) -> list[Row]:
    """Each feature less its mean over the rows, by its standard deviation."""
    columns = []
    for column in zip(*rows):
        mean = sum(column) / len(column)
        variance = sum((x - mean) ** 2 for x in column) / len(column)
        columns.append([(x - mean) / (variance + 0.1) ** 0.5 for x in column])
    return [list(row) for row in zip(*columns)]


def assigned_to(buffer: Buffer, value: Value, result: Value) -> Value:
    assign(buffer, value)
    return result


ONE: Final = Value(1.0)
"""What may be another number tomorrow."""


def told(function: Callable[..., Any], x: Floats = X) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compile(function, per_sample=True)(x)
    assert all([warning.filename == __file__ for warning in caught])
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: by_hand_over([x])[0],
        lambda x: [a - F.mean([a]) for a in x],
        lambda x: [a - sum([a]) / 1 for a in x],
        lambda x: x[0].exp() * (x[1] * x[2] - F.mean([x[1]])) + (x[0] - F.mean(x[:1])) ** 2,
        lambda x: list(np.array(x) - np.array([x]).mean(axis=0)),
        lambda x: x[0] - x[0] / 1,
        lambda x: assigned_to(Buffer(0.0), F.batch_mean(x[0] - F.mean(x[:1])), x[0]),
    ],
)
def test_a_mean_over_one_number_is_told_of(function: Callable[..., Any]) -> None:
    (message,) = told(function)
    assert "x - mean([x]) is 0 for every x" in message
    assert "functional.batch_mean(x)" in message


@pytest.mark.parametrize(
    "function",
    [
        lambda x: [a - F.mean(x) for a in x],  # over the features
        lambda x: [a - b for a in x for b in x],  # with each one less itself
        lambda x: F.tanh(x[0]) - F.tanh(x[0]),
        lambda x: x[0] - x[1] / 1.0,
        lambda x: x[0] - x[0] / 2.0,
        lambda x: x[0] - (x[0] + 0.5) / 1.0,
        lambda x: (x[0] - F.mean([x[0]]), x[1])[1],  # nobody needs it
        lambda x: F.mean([x[0]]),
        lambda x: [a - F.batch_mean(a) for a in x],
        lambda x: x[0] - (1.0 + x[0]) / 1.0,
        lambda x: x[0] - (0.0 * x[0]) / 1.0,
        lambda x: x[0] - (0.0 + x[1]) / 1.0,
        lambda x: x[0] - F.sum([x[0], x[1]]) / 1.0,
        lambda x: x[0] - F.sum([x[1]]) / 1.0,
        lambda x: x[0] - F.sum([x[0]]) * 1.0,
        lambda x: x[0] + F.sum([x[0]]) / 1.0,
        lambda x: x[0] - F.sum([x[0]]) / Value(1.0).tanh(),
        lambda x: x[0] - F.sum([x[0]]) / ONE,
    ],
)
def test_other_differences_are_not(function: Callable[..., Any]) -> None:
    assert told(function) == []


def test_a_mean_over_one_number_that_stands_beside_the_loss_is_told_of() -> None:
    program = compile(
        lambda x: (x[0], x[1] - F.mean([x[1]])), [], per_sample=True, has_auxiliary=True
    )
    with pytest.warns(UserWarning, match="is 0 for every x"):
        program(X)


def test_a_batch_of_one_that_was_recorded_as_a_batch_is_what_it_is() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compile(by_hand_over)(X[:1])
    assert not found.any()
