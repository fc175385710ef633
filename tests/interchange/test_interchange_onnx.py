"""ONNX files compute what the engine computes, in onnx's own evaluator and in onnxruntime."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests.interchange.onnx_running import NEWEST, nodes_of, outputs_of
from tinygrad_mlp import MLP, Layer, Module, Neuron, Value, fit, functional, predict, predict_proba
from tinygrad_mlp._interpreter import ForwardInterpreter, Interpreter
from tinygrad_mlp.engine import assign, no_grad
from tinygrad_mlp.errors import (
    DataError,
    GraphError,
    InvalidArgumentError,
    MissingDependencyError,
    ShapeError,
    TracingError,
)
from tinygrad_mlp.estimators import MLPClassifier
from tinygrad_mlp.interchange import to_onnx
from tinygrad_mlp.interchange._onnx_math import OnnxMath
from tinygrad_mlp.nn import ACTIVATIONS, BatchNorm, Buffer, Dropout, Sequential
from tinygrad_mlp.ops import OPS

Floats = NDArray[np.float64]

OPSETS = (18, 20, NEWEST)
WITHIN = {"float64": 1e-12, "float32": 1e-6}
SMALLEST = {"float64": 0.0, "float32": float(np.finfo(np.float32).tiny)}


def grid() -> Floats:
    """-100 to -1e-12, 0, and their mirror, (n, 1)."""
    negative = -np.logspace(2.0, -12.0, 71)
    return np.concatenate([negative, [0.0], -negative[::-1]])[:, None]


class EachOf(Module):
    """Every one of some functions of the one input, side by side."""

    n_inputs = 1

    def __init__(self, functions: Sequence[Callable[[Value], Value]]) -> None:
        self.functions = functions

    def forward(self, x: Sequence[Any]) -> list[Value]:
        return [function(0.0 + Value(1.0) * x[0]) for function in self.functions]


def eager(model: Module, X: NDArray[Any]) -> Floats:
    """The outputs of the engine, sample by sample, in prediction mode."""
    was_training = model.training
    model.eval()
    with no_grad():
        results: list[Any] = [model.forward(row) for row in X.astype(np.float64).tolist()]
    model.train(was_training)
    return np.array([[value.data for value in np.atleast_1d(row)] for row in results])


def bent(x: Value) -> Value:
    """An activation of several nodes."""
    return x * (1.0 + functional.exp(-x)) / (2.0 + x**2)


def log_sigmoid(x: Value) -> Value:
    return -functional.softplus(-x)


EXACT: dict[str, Callable[[Value], Value]] = {
    **{name: ACTIVATIONS[name] for name in ACTIVATIONS if name in OPS or name == "linear"},
    "log_sigmoid": log_sigmoid,
    "steep": partial(functional.leaky_relu, slope=0.3),
    "high": partial(functional.elu, alpha=1.7),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("opset", OPSETS)
def test_every_activation_keeps_its_digits(opset: int, dtype: str, tmp_path: Path) -> None:
    """Relative to the result, however small it is; gelu, which ends in an erf, relative to x."""
    functions = {name: f for name, f in EXACT.items() if name != "gelu" or dtype == "float32"}
    model = EachOf(list(functions.values()))
    path = to_onnx(model, tmp_path / "each.onnx", dtype=dtype, opset=opset)
    X = grid().astype(dtype)
    wanted = eager(model, X)
    for engine, outputs in outputs_of(path, X):
        got = outputs["output"]
        assert got.dtype == dtype
        for column, name in enumerate(functions):
            want = wanted[:, column]
            scale = np.abs(X[:, 0]) if name == "gelu" else np.abs(want)
            error = np.abs(got[:, column] - want) - WITHIN[dtype] * scale - SMALLEST[dtype]
            assert error.max() <= 0.0, (engine, name, X[error.argmax(), 0], error.max())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("opset", OPSETS)
def test_activations_of_special_numbers_are_those_of_the_engine(
    opset: int, dtype: str, tmp_path: Path
) -> None:
    """Infinities, nan, the largest and the smallest numbers, both zeros."""
    functions = {name: f for name, f in EXACT.items() if name != "gelu" or dtype == "float32"}
    model = EachOf(list(functions.values()))
    path = to_onnx(model, tmp_path / "each.onnx", dtype=dtype, opset=opset)
    largest, smallest = (float(getattr(np.finfo(dtype), name)) for name in ("max", "tiny"))
    positive = [0.0, smallest, 0.5, 88.7, 709.7, 745.1, largest, np.inf]
    X = np.array([*positive, *[-x for x in positive], np.nan], dtype)[:, None]
    with np.errstate(over="ignore"):
        wanted = eager(model, X).astype(dtype)
    for engine, outputs in outputs_of(path, X):
        for column, name in enumerate(functions):
            got, want = outputs["output"][:, column], wanted[:, column]
            np.testing.assert_allclose(
                got, want, WITHIN[dtype], SMALLEST[dtype], err_msg=f"{engine}, {name}"
            )


def domain_of(name: str, n: int) -> Floats:
    """Points in the domain of an operation, (n, n_operands)."""
    rng = np.random.default_rng(0)
    return np.stack([rng.uniform(low, high, n) for low, high in OPS[name].reference.domain], axis=1)


class OfOp(Module):
    """One operation of the table on as many inputs."""

    def __init__(self, name: str, n_inputs: int) -> None:
        self.name = name
        self.n_inputs = n_inputs

    def forward(self, x: Sequence[Any]) -> Value:
        from tinygrad_mlp.engine import apply, as_value

        op = OPS[self.name]
        inputs = [0.0 + Value(1.0) * each for each in x]
        if self.name == "pow_number":
            inputs[1] = as_value(1.5)
        if op.arity is None:
            inputs = [*inputs, *inputs[:-1]]
        return apply(op, *inputs)


OF_THE_PACKAGE = sorted(OPS)
REFUSED_IN_FLOAT64 = {"arccos", "arcsin", "arctan", "erfc", "gelu"}


@pytest.mark.parametrize("name", OF_THE_PACKAGE)
def test_every_operation_is_written_by_its_rule(name: str, tmp_path: Path) -> None:
    n_inputs = OPS[name].arity or 3
    model = OfOp(name, n_inputs)
    X = domain_of(name, 40) if OPS[name].arity else np.random.default_rng(0).normal(size=(40, 3))
    dtypes = ["float32"] if name in REFUSED_IN_FLOAT64 else ["float64", "float32"]
    for dtype in dtypes:
        inputs = X.astype(dtype)
        wanted = eager(model, inputs)
        path = to_onnx(model, tmp_path / "op.onnx", dtype=dtype)
        for engine, outputs in outputs_of(path, inputs):
            error = np.abs(outputs["output"] - wanted)
            within = 1e-12 if dtype == "float64" else 1e-5
            assert (error <= within * np.maximum(1.0, np.abs(wanted))).all(), (engine, dtype)


@pytest.mark.parametrize("name", sorted(REFUSED_IN_FLOAT64))
def test_what_has_no_float64_kernel_is_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"^{name} cannot be .*no float64 kernel.*32"):
        to_onnx(OfOp(name, 1), tmp_path / "op.onnx", dtype="float64")
    assert not list(tmp_path.iterdir())


# Whole models


def moved_norm(model: Any) -> Any:
    """The model, with statistics of its batch norms as after a training."""
    rng = np.random.default_rng(7)
    for module in model.modules():
        if isinstance(module, BatchNorm):
            for mean, variance in zip(module.running_mean, module.running_var):
                mean.data, variance.data = rng.normal(), rng.uniform(0.5, 2.0)
            for leaf in [*module.weight, *module.bias]:
                leaf.data = rng.normal()
    return model


class Skip(Module):
    n_inputs = 4

    def __init__(self) -> None:
        self.hidden = Layer(4, 4, "tanh", rng=0)
        self.norm = BatchNorm(4)
        self.scale = Value(1.5)
        self.out = Layer(4, 3, "softmax", rng=1)

    def forward(self, x: Sequence[Any]) -> list[Value]:
        h = self.norm.forward(self.hidden.forward(x))
        return self.out.forward([self.scale * a + b for a, b in zip(h, x)])


class Attention(Module):
    """Products of what depends on the sample, several softmaxes, constants, single columns."""

    n_inputs = 4

    def __init__(self) -> None:
        self.queries, self.keys = Layer(2, 2, None, rng=1), Layer(2, 2, None, rng=2)

    def forward(self, x: Sequence[Any]) -> list[Value]:
        tokens = [x[:2], x[2:]]
        queries = [self.queries.forward(token) for token in tokens]
        keys = [self.keys.forward(token) for token in tokens]
        out: list[Value] = []
        for query in queries:
            weights = functional.softmax([functional.dot(query, key) for key in keys])
            out += [functional.dot(weights, [key[j] for key in keys]) for j in range(2)]
            out += weights[::-1]
        largest = functional.amax(x)
        return [*out, Value(3.0), largest, *(largest - each for each in x), Value(0.0) + x[1]]


class Numbers(Module):
    """What does not depend on the sample: products, a softmax, one number for all."""

    n_inputs = 4

    def __init__(self) -> None:
        self.rows = [[Value(0.3), Value(-0.7), Value(1.1)], [Value(0.2), Value(0.9), Value(-0.4)]]

    def forward(self, x: Sequence[Any]) -> list[Value]:
        a, b = self.rows
        pairs = [(a, a), (a, b), (b, a), (b, b)]
        products = [functional.dot(p, [q.tanh() for q in r], p[0]) for p, r in pairs]
        shares = functional.softmax(a)
        return [
            *[(p - each).tanh() for p, each in zip(products, x)],
            *[share * functional.tanh(each) for share, each in zip(shares, x)],
            functional.logsumexp(a),
        ]


class One(Module):
    """One parameter beside all inputs, one input beside the others, and a constant in a product."""

    n_inputs = 4

    def __init__(self) -> None:
        self.only = Value(0.25)

    def forward(self, x: Sequence[Any]) -> list[Value]:
        first = [functional.maximum(self.only, each) for each in x]
        second = [functional.minimum(x[0], each) for each in x[1:]]
        third = functional.dot([x[0], Value(2.0)], [x[1], x[2]])
        largest = functional.amax(x)
        ends = [largest, functional.tanh(x[0]), largest, largest]  # of one level
        fourth = [functional.maximum(end, each) for end, each in zip(ends, x)]
        return [*first, *second, third, *fourth]


class Constants(Module):
    """Numbers that are the same for every sample, between those that are not."""

    n_inputs = 4

    def __init__(self) -> None:
        self.a, self.b = Value(0.25), Value(-2.0)

    def forward(self, x: Sequence[Any]) -> list[Value]:
        last, first = Value(0.0) + x[3], Value(0.0) + x[0]
        return [self.b, last, Value(3.0), self.a, first, self.b]


class PlainSums(Module):
    """A layer as a beginner writes it, with a loop of + and *."""

    n_inputs = 4

    def __init__(self) -> None:
        self.w = [[Value(0.1 * i - 0.2 * j) for i in range(4)] for j in range(3)]
        self.input = [Value(0.5), Value(-1.0), Value(2.0)]  # a name that the file has already

    def forward(self, x: Sequence[Any]) -> list[Value]:
        sums = [sum((w * xi for w, xi in zip(row, x)), Value(0.0)) for row in self.w]
        return [a.tanh() + b for a, b in zip(sums, self.input)]


MODELS: dict[str, Callable[[], Module]] = {
    "mlp": lambda: MLP(4, [6, 5, 2], rng=0),
    "one output": lambda: MLP(4, [6, 1], "tanh", "sigmoid", rng=0),
    "softmax": lambda: MLP(4, [5, 3], "elu", "softmax", rng=0),
    "norm and dropout": lambda: moved_norm(
        MLP(4, [6, 3], "silu", batch_norm=True, dropout=0.5, rng=0)
    ),
    "sequential": lambda: moved_norm(
        Sequential(
            BatchNorm(4, affine=False),
            Sequential(Layer(4, 5, "softplus", rng=0), Dropout(0.5, rng=0)),
            bent,
            Layer(5, 3, None, rng=1),
            "softmax",
        )
    ),
    "layer": lambda: Layer(4, 3, bent, rng=0),
    "neuron": lambda: Neuron(4, "leaky_relu", rng=0),
    "norm": lambda: moved_norm(BatchNorm(4)),
    "skip": lambda: moved_norm(Skip()),
    "attention": Attention,
    "plain sums": PlainSums,
    "constants": Constants,
    "numbers": Numbers,
    "one": One,
    "frozen": lambda: MLP(4, [3, 2], rng=0).freeze(),
    "no layer": lambda: Sequential(Dropout(0.1), "tanh"),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", MODELS)
def test_models_compute_what_the_engine_computes(name: str, dtype: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    n_inputs = 4 if name == "no layer" else None
    path = to_onnx(model, tmp_path / "model.onnx", dtype=dtype, n_inputs=n_inputs)
    for n_samples in (0, 1, 7):
        X = np.random.default_rng(3).normal(size=(n_samples, 4)).astype(dtype)
        wanted = eager(model, np.ones((1, 4)))[:0] if n_samples == 0 else eager(model, X)
        for engine, outputs in outputs_of(path, X):
            assert list(outputs) == ["output"]
            got = outputs["output"]
            assert got.shape == wanted.shape, engine
            assert got.dtype == dtype
            scale = np.maximum(1.0, np.abs(wanted))
            assert (np.abs(got - wanted) <= WITHIN[dtype] * scale).all(), engine


def test_rules_of_values_find_all_that_they_may_call() -> None:
    """But for what local derivatives alone call, and dot, which is a product of matrices."""
    written = {*vars(Interpreter), *vars(ForwardInterpreter)}
    functions = {name for name in written if not name.startswith("_")}
    offered = {name for name in vars(OnnxMath) if not name.startswith("_")}
    assert offered == functions - {"dot", "equal_each", "shares"}


def test_an_operation_declared_outside_is_exported(tmp_path: Path) -> None:
    def forward(xp: Any, x: Any, a: Any) -> Any:
        near = xp.equal(xp.rint(x), 0.0) * (x > -0.25)
        wave = xp.sinh(x) + xp.cosh(x) - xp.tan(x) + xp.log10(xp.exp2(x)) + xp.sign(x)
        wave = wave * xp.sigmoid(x) + 2.0 * (x > 0.5) - (x <= a)
        return xp.where(near, a, wave) + xp.mod(x, 0.7) + xp.floor_divide(1.0, a) + xp.sign(x)

    own = functional.declare("wavy", forward, 1.0, 1.0)
    try:
        model = EachOf([lambda x: own(x, 0.1), lambda x: own(x, x * x + 1.0)])
        X = np.append(np.linspace(-1.4, 1.4, 30), 0.0)[:, None]
        path = to_onnx(model, tmp_path / "own.onnx", dtype="float64")
        for engine, outputs in outputs_of(path, X):
            assert np.abs(outputs["output"] - eager(model, X)).max() < 1e-13, engine
    finally:
        OPS.pop("wavy")


# What stands in the file


def test_a_network_is_matrix_products_under_the_names_of_its_arrays(tmp_path: Path) -> None:
    model = MLP(4, [6, 3], output_activation="softmax", dropout=0.5, rng=0)
    path = to_onnx(model, tmp_path / "folder" / "model.onnx")
    kinds = ["Gemm", "Relu", "Gemm", "ReduceMax", "Sub", "Softmax", "Identity"]
    assert nodes_of(path) == kinds
    graph = onnx.load(path).graph
    arrays = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    for name, array in model.state_dict().items():
        assert np.array_equal(arrays[name], array.astype(np.float32)), name
    assert len(arrays) == 5  # and the axis of the largest


class Scaled(Module):
    n_inputs = 3

    def __init__(self) -> None:
        self.scales = [Value(0.5), Value(-2.0), Value(3.0)]

    def forward(self, x: Sequence[Any]) -> list[Value]:
        return [scale * each for scale, each in zip(self.scales, x)]


def test_single_products_are_one_multiplication(tmp_path: Path) -> None:
    assert nodes_of(to_onnx(Scaled(), tmp_path / "model.onnx")) == ["Mul", "Identity"]


def test_shapes_are_declared_and_names_are_unique(tmp_path: Path) -> None:
    path = to_onnx(MLP(4, [6, 3], rng=0), tmp_path / "model.onnx", classes=["a", "b", "c"])
    model = onnx.load(path)
    shapes = {
        each.name: [d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim]
        for each in [*model.graph.input, *model.graph.output]
    }
    assert shapes == {
        "input": ["n_samples", 4],
        "output": ["n_samples", 3],
        "label": ["n_samples"],
        "probabilities": ["n_samples", 3],
    }
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 20)]


def test_float64_has_no_32_bit_attributes(tmp_path: Path) -> None:
    model = EachOf([f for name, f in EXACT.items() if name != "gelu"])
    path = to_onnx(model, tmp_path / "each.onnx", dtype="float64")
    kinds = {a.type for node in onnx.load(path).graph.node for a in node.attribute}
    assert onnx.AttributeProto.FLOAT not in kinds


def test_some_activations_are_one_node_in_float32(tmp_path: Path) -> None:
    for name, kind in [("leaky_relu", "LeakyRelu"), ("gelu", "Gelu")]:
        path = to_onnx(Layer(2, 3, name, rng=0), tmp_path / "layer.onnx")
        assert nodes_of(path) == ["Gemm", kind, "Identity"]
    path = to_onnx(Layer(2, 3, "gelu", rng=0), tmp_path / "layer.onnx", opset=19)
    assert "Erf" in nodes_of(path)


def test_conditions_are_used_as_they_are(tmp_path: Path) -> None:
    path = to_onnx(Layer(2, 3, "elu", rng=0), tmp_path / "layer.onnx", dtype="float64")
    assert nodes_of(path).count("Where") == 2
    assert "Equal" not in nodes_of(path)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = MODELS["norm and dropout"]()
    first = to_onnx(model, tmp_path / "a.onnx", classes=[0, 1, 2]).read_bytes()
    assert to_onnx(model, tmp_path / "b.onnx", classes=[0, 1, 2]).read_bytes() == first


def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    model = MLP(4, [6, 3], batch_norm=True, dropout=0.5, rng=0)
    before = model.state_dict()
    drawn = [m.rng.bit_generator.state for m in model.modules() if isinstance(m, Dropout)]
    to_onnx(model, tmp_path / "model.onnx")
    assert model.training
    after = [m.rng.bit_generator.state for m in model.modules() if isinstance(m, Dropout)]
    assert drawn == after
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name])


# Classes


def blobs(n_classes: int) -> tuple[Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_classes, 60)
    return rng.normal(size=(60, 2)) + 2.0 * np.stack([y, y % 2], 1), y


LABELS: dict[str, tuple[Any, Any]] = {
    "text": (np.array(["no", "yes", "perhaps"]), np.str_),
    "numbers": (np.array([7, -2, 2**40]), np.int64),
    "floats": (np.array([0.5, 1.5, -0.1]), np.float64),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("ends_in", [None, "softmax"])
def test_labels_and_probabilities_are_those_of_predict(
    kind: str, ends_in: str | None, tmp_path: Path
) -> None:
    labels, _ = LABELS[kind]
    X, y = blobs(3)
    model = MLP(2, [5, 3], "tanh", ends_in, rng=0)
    fit(model, X, labels[y], epochs=5, loss="categorical_cross_entropy", rng=0, log_every=None)
    classes: Any = model.fitted_task.classes  # type: ignore[attr-defined]
    path = to_onnx(model, tmp_path / "model.onnx", dtype="float64", classes=classes)
    for engine, outputs in outputs_of(path, X):
        assert list(outputs) == ["output", "label", "probabilities"]
        label = np.asarray(outputs["label"], dtype=classes.dtype)
        assert np.array_equal(label, predict(model, X)), engine
        assert np.abs(outputs["probabilities"] - predict_proba(model, X)).max() < 1e-12
        assert np.abs(outputs["output"] - eager(model, X)).max() < 1e-12
        assert len(set(label.tolist())) > 1


@pytest.mark.parametrize("ends_in", [None, "sigmoid"])
def test_one_output_stands_for_two_classes(ends_in: str | None, tmp_path: Path) -> None:
    X, y = blobs(2)
    model = MLP(2, [5, 1], "tanh", ends_in, rng=0)
    fit(model, X, y == 1, epochs=5, rng=0, log_every=None)
    path = to_onnx(model, tmp_path / "model.onnx", dtype="float64", classes=[False, True])
    for engine, outputs in outputs_of(path, X):
        assert outputs["label"].dtype == np.bool_
        assert np.array_equal(outputs["label"], predict(model, X)), engine
        assert np.abs(outputs["probabilities"] - predict_proba(model, X)).max() < 1e-12
        assert 0 < outputs["label"].sum() < len(X)


def test_small_probabilities_keep_their_digits(tmp_path: Path) -> None:
    X = np.array([[1.0], [-1.0]])
    for n_outputs in (1, 2):
        model = Layer(1, n_outputs, None, init="zeros")
        model.neurons[0].w[0].data = 600.0
        path = to_onnx(model, tmp_path / "model.onnx", dtype="float64", classes=["a", "b"])
        for _, outputs in outputs_of(path, X):
            least = outputs["probabilities"].min(axis=1)
            assert least == pytest.approx([np.exp(-600.0)] * 2, rel=1e-12)


def test_classes_in_another_order_than_in_the_training_are_refused(tmp_path: Path) -> None:
    X, y = blobs(3)
    for kind in LABELS:
        model = MLP(2, [3], rng=0)
        fit(
            model, X, LABELS[kind][0][y], epochs=1, loss="categorical_cross_entropy", log_every=None
        )
        classes = model.fitted_task.classes.tolist()  # type: ignore[attr-defined]
        with pytest.raises(InvalidArgumentError, match=r"^classes lists .* was trained .*classes="):
            to_onnx(model, tmp_path / "model.onnx", classes=classes[::-1])
        to_onnx(model, tmp_path / "model.onnx", classes=classes)
        to_onnx(model, tmp_path / "model.onnx", classes=["x", "z", "y"])  # other names for them


@pytest.mark.parametrize(
    ("classes", "match"),
    [
        (np.array([0, 2**63], np.uint64), "holds 9223372036854775808, for which ONNX has no type"),
        ([1, 2**70], r"holds 1180591620717411303424, .*below 2\^63.*: classes=\[0, 1\]"),
        (["a", "\udc80"], r"holds '\\udc80', for which"),
        ([b"a", b"b"], r"classes\[0\] is b'a', but all need to be text"),
    ],
)
def test_labels_that_the_file_cannot_hold_are_refused(
    classes: Any, match: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=match):
        to_onnx(MLP(2, [1], rng=0), tmp_path / "model.onnx", classes=classes)


def test_the_largest_whole_numbers_are_labels(tmp_path: Path) -> None:
    classes = [-(2**63), 2**63 - 1]
    path = to_onnx(moved_to(Layer(2, 1, None, rng=0), 1.0), tmp_path / "m.onnx", classes=classes)
    for _, outputs in outputs_of(path, np.array([[-5.0, 0.0], [5.0, 0.0]], np.float32)):
        assert outputs["label"].tolist() == classes


@pytest.mark.parametrize(
    ("kind", "wanted"), [("uint8", np.int64), ("int16", np.int64), ("float32", np.float64)]
)
def test_labels_are_of_the_widest_type(kind: str, wanted: type, tmp_path: Path) -> None:
    classes: NDArray[Any] = np.array([200, 3] if kind != "float32" else [0.1, -2.5], kind)
    path = to_onnx(MLP(2, [1], rng=0), tmp_path / "model.onnx", classes=classes)
    for _, outputs in outputs_of(path, np.eye(2, dtype=np.float32)):
        assert outputs["label"].dtype == wanted
        assert set(outputs["label"].tolist()) <= set(classes.tolist())


def test_of_equal_logits_the_first_class_is_named(tmp_path: Path) -> None:
    for n_outputs, classes in [(1, ["no", "yes"]), (2, ["a", "b"])]:
        model = MLP(2, [n_outputs], init="zeros")
        path = to_onnx(model, tmp_path / "model.onnx", classes=classes)
        for _, outputs in outputs_of(path, np.ones((2, 2), np.float32)):
            assert list(outputs["label"]) == [classes[0]] * 2
            assert outputs["probabilities"].tolist() == [[0.5, 0.5]] * 2


def test_the_label_is_that_of_the_largest_logit_even_where_probabilities_round(
    tmp_path: Path,
) -> None:
    model = Layer(1, 2, None, init="zeros")
    model.neurons[1].b.data = 1e-300
    path = to_onnx(model, tmp_path / "model.onnx", dtype="float64", classes=["a", "b"])
    for _, outputs in outputs_of(path, np.ones((1, 1))):
        assert list(outputs["label"]) == ["b"]


@pytest.mark.parametrize(
    ("loss", "targets", "match"),
    [
        ("hinge", lambda y: y, "loss 'hinge', which gives no probabilities"),
        ("binary_cross_entropy", lambda y: np.eye(2)[y], "answers yes or no for each output"),
    ],
)
def test_classes_of_another_task_are_refused(
    loss: str, targets: Callable[..., Any], match: str, tmp_path: Path
) -> None:
    X, y = blobs(2)
    model = MLP(2, [2], output_activation="sigmoid", rng=0)
    fit(model, X, targets(y), epochs=1, loss=loss, log_every=None)
    with pytest.raises(InvalidArgumentError, match=match):
        to_onnx(model, tmp_path / "model.onnx", classes=[0, 1])
    to_onnx(model, tmp_path / "model.onnx")


def stopped_at_once() -> MLPClassifier:
    return MLPClassifier([4], tol=1e9, n_iter_no_change=1, random_state=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MLP(2, [3], output_activation="sigmoid", rng=0),
        lambda: Sequential(Layer(2, 3, None, rng=0), "sigmoid"),
        lambda: stopped_at_once().fit(*labels_of_blobs()).to_mlp(),
    ],
)
def test_classes_of_several_sigmoids_are_refused(make: Callable[[], Any], tmp_path: Path) -> None:
    """Each says yes or no, so that their softmax would be no probability of anything."""
    with pytest.raises(InvalidArgumentError, match=r"^each of the 3 outputs of .* ends in a sig"):
        to_onnx(make(), tmp_path / "model.onnx", classes=[0, 1, 2])
    to_onnx(make(), tmp_path / "model.onnx")


class Mixed(Module):
    """Two outputs, and a sigmoid for one of them."""

    n_inputs = 2

    def forward(self, x: Sequence[Any]) -> list[Value]:
        return [functional.sigmoid(Value(1.0) * x[0]), Value(2.0) * x[1]]


def test_one_sigmoid_is_a_class_and_its_opposite(tmp_path: Path) -> None:
    X = np.array([[0.3, -2.0], [-1.0, 0.5], [2.0, 0.1]])
    z = X[:, 0]
    one = Sequential(moved_to(Layer(2, 1, None, init="zeros"), 1.0), "sigmoid")
    wanted = 1.0 / (1.0 + np.exp(np.stack([z, -z], axis=1)))
    path = to_onnx(one, tmp_path / "model.onnx", dtype="float64", classes=["no", "yes"])
    for _, outputs in outputs_of(path, X):
        assert outputs["probabilities"] == pytest.approx(wanted, rel=1e-12)
        assert list(outputs["label"]) == ["yes", "no", "yes"]
    to_onnx(Mixed(), tmp_path / "model.onnx", classes=["a", "b"])


def labels_of_blobs() -> tuple[Floats, NDArray[np.int64]]:
    X, y = blobs(3)
    return X, np.eye(3, dtype=np.int64)[y]


def test_a_loss_may_say_that_the_classes_of_several_sigmoids_exclude_one_another(
    tmp_path: Path,
) -> None:
    X, y = blobs(3)
    model = MLP(2, [3], output_activation="sigmoid", rng=0)
    fit(model, X, y, epochs=2, loss="categorical_cross_entropy", rng=0, log_every=None)
    path = to_onnx(model, tmp_path / "model.onnx", dtype="float64", classes=[0, 1, 2])
    for _, outputs in outputs_of(path, X):
        assert np.abs(outputs["probabilities"] - predict_proba(model, X)).max() < 1e-12
        assert np.array_equal(outputs["label"], predict(model, X))


# What is refused


class Noisy(Module):
    n_inputs = 1

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def forward(self, x: Sequence[Any]) -> Any:
        return functional.uniform(self.rng) + x[0]


class Counting(Module):
    n_inputs = 1

    def __init__(self) -> None:
        self.count = Buffer(0.0)

    def forward(self, x: Sequence[Any]) -> Any:
        assign(self.count, self.count + 1.0)
        return self.count + x[0]


class Remembering(Module):
    n_inputs = 1

    def __init__(self) -> None:
        self.last = Buffer(0.0)

    def forward(self, x: Sequence[Any]) -> Any:
        assign(self.last, 1.0)
        return Value(1.0) * x[0]


class Branching(Module):
    n_inputs = 1

    def forward(self, x: Sequence[Any]) -> Any:
        return x[0] if x[0] > 0.0 else -x[0]


def moved_to(layer: Layer, number: float) -> Layer:
    layer.neurons[0].w[0].data = number
    return layer


REFUSED: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    ([1.0], {}, InvalidArgumentError, r"^to_onnx takes a model, got \[1.0\]; .*to_onnx\(model"),
    (MLP(2, [1]), {"dtype": "float16"}, InvalidArgumentError, "^dtype is .*, got 'float16'"),
    (MLP(2, [1]), {"opset": 17}, InvalidArgumentError, "^opset is a version from 18 to .*got 17"),
    (MLP(2, [1]), {"opset": NEWEST + 1}, InvalidArgumentError, f"to {NEWEST} with this onnx"),
    (MLP(2, [1]), {"opset": 20.5}, InvalidArgumentError, "opset is 20.5, but a whole number"),
    (MLP(2, [1]), {"n_inputs": 3}, ShapeError, "^n_inputs is 3, but MLP .* takes 2"),
    (MLP(2, [1]), {"n_inputs": 0}, InvalidArgumentError, "n_inputs is 0"),
    (Sequential("tanh"), {}, InvalidArgumentError, r"how many inputs.*n_inputs=4\)"),
    (
        moved_to(Layer(1, 1, None, rng=0), -1e39),
        {},
        InvalidArgumentError,
        r"^weight holds -1e\+39, which is too large for float32; .*dtype='float64'\)",
    ),
    (MLP(2, [1]), {"classes": ["a"]}, ShapeError, "lists 1 label, but 1 output stands for 2"),
    (MLP(2, [3]), {"classes": ["a", "b"]}, ShapeError, "2 labels, but 3 outputs stand for 3"),
    (MLP(2, [2]), {"classes": ["a", "a"]}, DataError, "twice"),
    (Noisy(), {}, GraphError, "draws random numbers as it predicts"),
    (Counting(), {}, GraphError, "assigns to its leaves as it predicts, .*self.training"),
    (Remembering(), {}, GraphError, "assigns to its leaves as it predicts"),
    (Branching(), {}, TracingError, "functional.where"),
    (
        MLP(2, [2, 1], "gelu"),
        {"dtype": "float64"},
        InvalidArgumentError,
        "^gelu cannot be exported in float64: it needs erfc, the ONNX node Erf, and onnxruntime",
    ),
]


@pytest.mark.parametrize(("model", "settings", "error", "match"), REFUSED)
def test_what_cannot_be_is_refused(
    model: Any, settings: dict[str, Any], error: type[Exception], match: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=match):
        to_onnx(model, tmp_path / "model.onnx", **settings)
    assert not list(tmp_path.iterdir())


def test_numbers_that_are_not_finite_are_written_as_they_are(tmp_path: Path) -> None:
    for number in (np.inf, np.nan, float(np.finfo(np.float32).max), 1e-300):
        path = to_onnx(moved_to(Layer(2, 1, None, rng=0), number), tmp_path / "model.onnx")
        (weight,) = [each for each in onnx.load(path).graph.initializer if each.name == "weight"]
        (got, _), wanted = onnx.numpy_helper.to_array(weight)[0].tolist(), np.float32(number)
        assert got == wanted or (np.isnan(got) and np.isnan(wanted))


class OfNumPy(Module):
    """A model whose number of inputs is one of NumPy's."""

    n_inputs = np.int64(2)

    def forward(self, x: Sequence[Any]) -> Any:
        return x[0] + x[1]


def test_the_number_of_inputs_may_be_one_of_numpy(tmp_path: Path) -> None:
    to_onnx(OfNumPy(), tmp_path / "model.onnx")
    path = to_onnx(Sequential("tanh"), tmp_path / "model.onnx", n_inputs=np.int64(3))  # type: ignore[arg-type]
    assert onnx.load(path).graph.input[0].type.tensor_type.shape.dim[1].dim_value == 3


def test_without_onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"'onnx'; .*\[export\]"):
        to_onnx(MLP(2, [1]), tmp_path / "model.onnx")
