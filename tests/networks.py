"""Networks written twice: with plain scalars, as a person would, and with torch tensors.

Each takes its parameters as one flat list (or tensor) and the arrays of a batch, and returns the
loss. What is `per_sample` takes one sample and is averaged over the batch by whoever runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any, Final

import torch
from torch import Tensor

from tinygrad_mlp import functional as F
from tinygrad_mlp.engine import Value

Row = list[Value]
Matrix = list[Row]


@dataclass(frozen=True)
class Network:
    """A loss in scalars and in torch.

    ``shapes`` are those of the parameters, in order; ``inputs`` those of the arrays, where 0 stands
    for the number of samples.
    """

    name: str
    scalars: Callable[..., Value]
    tensors: Callable[..., Tensor]
    shapes: tuple[tuple[int, ...], ...]
    inputs: tuple[tuple[int, ...], ...]
    per_sample: bool = False

    @property
    def n_parameters(self) -> int:
        return sum([prod(shape) for shape in self.shapes])


class Parameters:
    """Hands out the next parameters, in the shapes in which the network declares them."""

    def __init__(self, flat: Any, shapes: Sequence[tuple[int, ...]]) -> None:
        self._flat = flat
        self._shapes = iter(shapes)
        self._start = 0

    def __iter__(self) -> Iterator[Any]:
        for shape in self._shapes:
            part = self._flat[self._start : self._start + prod(shape)]
            self._start += prod(shape)
            yield part.reshape(shape) if isinstance(part, Tensor) else _nested(part, shape)


def _nested(flat: list[Value], shape: tuple[int, ...]) -> Any:
    if len(shape) == 1:
        return list(flat)
    step = len(flat) // shape[0]
    return [_nested(flat[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


# In scalars, with plain loops


def weighted(weights: Row, x: Row, bias: Value | float = 0.0) -> Value:
    """A neuron as a beginner writes it."""
    return sum([w * a for w, a in zip(weights, x)], start=bias)  # type: ignore[return-value]


def linear(weights: Matrix, x: Row, biases: Row) -> Row:
    return [weighted(row, x, b) for row, b in zip(weights, biases)]


def squares(a: Row, b: Row) -> Value:
    return F.sum([(p - q) ** 2 for p, q in zip(a, b)])


def average(rows: Sequence[Value]) -> Value:
    return F.sum(rows) / len(rows)


def normalized(row: Row, scale: Row, shift: Row) -> Row:
    mean = average(row)
    variance = average([(a - mean) ** 2 for a in row])
    return [(a - mean) / (variance + 1e-5).sqrt() * s + b for a, s, b in zip(row, scale, shift)]


def _two_layers(p: Parameters, x: Row, t: Row) -> Value:
    w1, b1, w2, b2 = p
    hidden = [z.tanh() for z in linear(w1, x, b1)]
    return squares(linear(w2, hidden, b2), t) / len(t)


def _two_layers_torch(p: Parameters, x: Tensor, t: Tensor) -> Tensor:
    w1, b1, w2, b2 = p
    loss: Tensor = ((torch.tanh(x @ w1.T + b1) @ w2.T + b2 - t) ** 2).mean()
    return loss


def _siamese(p: Parameters, x: Row, y: Row, same: Row) -> Value:
    w, b = p
    first, second = ([z.tanh() for z in linear(w, side, b)] for side in (x, y))
    distance = squares(first, second)
    return same[0] * distance + (1.0 - same[0]) * F.relu(2.0 - distance)


def _siamese_torch(p: Parameters, x: Tensor, y: Tensor, same: Tensor) -> Tensor:
    w, b = p
    distance = ((torch.tanh(x @ w.T + b) - torch.tanh(y @ w.T + b)) ** 2).sum(1)
    margin = torch.relu(2.0 - distance)
    loss: Tensor = (same[:, 0] * distance + (1.0 - same[:, 0]) * margin).mean()
    return loss


def _recurrent(p: Parameters, steps: Matrix, t: Row) -> Value:
    w, u, b, v, c = p
    state: Row = [Value(0.0) for _ in b]
    for x in steps:
        state = [(weighted(row, x, a)).tanh() for row, a in zip(w, linear(u, state, b))]
    return squares(linear(v, state, c), t)


def _recurrent_torch(p: Parameters, steps: Tensor, t: Tensor) -> Tensor:
    w, u, b, v, c = p
    state = torch.zeros(len(steps), len(b), dtype=steps.dtype)
    for x in steps.unbind(1):
        state = torch.tanh(x @ w.T + state @ u.T + b)
    loss: Tensor = ((state @ v.T + c - t) ** 2).sum(1).mean()
    return loss


def _uneven(p: Parameters, x: Row, t: Row) -> Value:
    a, b, c, d = p
    terms = [weighted(a, x[:5]), weighted(b, x[:2]), F.dot(c, x[1:4]), weighted(d, x[2:5])]
    return (F.sum([F.sin(term) for term in terms]) - t[0]) ** 2


def _uneven_torch(p: Parameters, x: Tensor, t: Tensor) -> Tensor:
    a, b, c, d = p
    terms = [x[:, :5] @ a, x[:, :2] @ b, x[:, 1:4] @ c, x[:, 2:5] @ d]
    loss: Tensor = ((torch.stack([torch.sin(term) for term in terms]).sum(0) - t[:, 0]) ** 2).mean()
    return loss


def _softmax_classifier(p: Parameters, x: Row, one_hot: Row) -> Value:
    w1, b1, w2, b2 = p
    hidden = [z.relu() for z in linear(w1, x, b1)]
    log_probabilities = F.log_softmax(linear(w2, hidden, b2))
    return -F.dot(one_hot, log_probabilities)


def _softmax_classifier_torch(p: Parameters, x: Tensor, one_hot: Tensor) -> Tensor:
    w1, b1, w2, b2 = p
    logits = torch.relu(x @ w1.T + b1) @ w2.T + b2
    return torch.nn.functional.cross_entropy(logits, one_hot)


def _batch_normalized(p: Parameters, X: Matrix, T: Matrix) -> Value:
    w, b, scale, shift, v, c = p
    columns = zip(*[linear(w, x, b) for x in X])
    per_unit = [
        normalized(list(column), [s] * len(X), [a] * len(X))
        for column, s, a in zip(columns, scale, shift)
    ]
    rows = [[unit.relu() for unit in row] for row in zip(*per_unit)]
    return average([squares(linear(v, row, c), t) for row, t in zip(rows, T)])


def _batch_normalized_torch(p: Parameters, X: Tensor, T: Tensor) -> Tensor:
    w, b, scale, shift, v, c = p
    z = torch.nn.functional.batch_norm(X @ w.T + b, None, None, scale, shift, training=True)
    loss: Tensor = ((torch.relu(z) @ v.T + c - T) ** 2).sum(1).mean()
    return loss


def _layer_normalized(p: Parameters, x: Row, t: Row) -> Value:
    w, b, scale, shift = p
    row = normalized(linear(w, x, b), scale, shift)
    residual = [a + h.sigmoid() for a, h in zip(x, row)]
    return squares(residual, t)


def _layer_normalized_torch(p: Parameters, x: Tensor, t: Tensor) -> Tensor:
    w, b, scale, shift = p
    row = torch.nn.functional.layer_norm(x @ w.T + b, (len(b),), scale, shift)
    loss: Tensor = ((x + torch.sigmoid(row) - t) ** 2).sum(1).mean()
    return loss


def _attention(p: Parameters, tokens: Matrix, t: Row) -> Value:
    wq, wk, wv = p
    queries, keys, values = ([[F.dot(r, x) for r in w] for x in tokens] for w in (wq, wk, wv))
    mixed = []
    for query in queries:
        scores = [weighted(query, key) / sqrt(len(query)) for key in keys]
        weights = F.softmax(scores)
        mixed.append([weighted(weights, list(column)) for column in zip(*values)])
    return squares([average(list(column)) for column in zip(*mixed)], t)


def _attention_torch(p: Parameters, tokens: Tensor, t: Tensor) -> Tensor:
    wq, wk, wv = p
    attend = torch.nn.functional.scaled_dot_product_attention
    mixed = attend(tokens @ wq.T, tokens @ wk.T, tokens @ wv.T)
    loss: Tensor = ((mixed.mean(1) - t) ** 2).sum(1).mean()
    return loss


def _convolutional(p: Parameters, x: Row, t: Row) -> Value:
    first, second, w, b = p
    channels = [[weighted(k, x[i : i + 3]).relu() for i in range(len(x) - 2)] for k in first]
    n = len(channels[0]) - 2
    features = [
        F.sum([weighted(k, c[i : i + 3]) for k, c in zip(kernel, channels)]).tanh()
        for kernel in second
        for i in range(n)
    ]
    pooled = [F.maximum(features[i], features[i + 1]) for i in range(0, len(features) - 1, 2)]
    return squares(linear(w, pooled, b), t)


def _convolutional_torch(p: Parameters, x: Tensor, t: Tensor) -> Tensor:
    first, second, w, b = p
    channels = torch.relu(torch.nn.functional.conv1d(x[:, None], first[:, None]))
    features = torch.tanh(torch.nn.functional.conv1d(channels, second)).flatten(1)
    pooled = features.unflatten(1, (-1, 2)).amax(2)
    loss: Tensor = ((pooled @ w.T + b - t) ** 2).sum(1).mean()
    return loss


def _pictures(p: Parameters, picture: Matrix, t: Row) -> Value:
    w, b, v, c = p
    pixels = [pixel for row in picture for pixel in row]
    hidden = [z.relu() for z in linear(w, pixels, b)]
    return squares(linear(v, hidden, c), t)


def _pictures_torch(p: Parameters, picture: Tensor, t: Tensor) -> Tensor:
    w, b, v, c = p
    loss: Tensor = ((torch.relu(picture.flatten(1) @ w.T + b) @ v.T + c - t) ** 2).sum(1).mean()
    return loss


def _smoothed(p: Parameters, x: Row, t: Row) -> Value:
    kernel, w, scale = p
    hidden = [F.tanh(a * b) for a, b in zip(w, x)]
    windows = [weighted(kernel, hidden[i : i + 3]) for i in range(len(hidden) - 2)]
    gains = [F.tanh(window) * scale[i % 2] + t[0] for i, window in enumerate(windows)]
    return average([gain.square() for gain in gains]) + F.dot(scale, scale, t[0])


def _smoothed_torch(p: Parameters, x: Tensor, t: Tensor) -> Tensor:
    kernel, w, scale = p
    hidden = torch.tanh(x * w)
    windows = torch.nn.functional.conv1d(hidden[:, None], kernel[None, None])[:, 0]
    gains = torch.tanh(windows) * scale.repeat(3) + t
    loss: Tensor = (gains.square().mean(1) + (scale * scale).sum() + t[:, 0]).mean()
    return loss


def _contrastive(p: Parameters, X: Matrix, Y: Matrix) -> Value:
    w, v, temperature = p
    left, right = [[weighted(r, x) for r in w] for x in X], [[weighted(r, y) for r in v] for y in Y]
    logits = [[F.dot(a, b) * temperature[0].exp() for b in right] for a in left]
    return average([-F.log_softmax(row)[i] for i, row in enumerate(logits)])


def _contrastive_torch(p: Parameters, X: Tensor, Y: Tensor) -> Tensor:
    w, v, temperature = p
    logits = (X @ w.T) @ (Y @ v.T).T * temperature.exp()
    return torch.nn.functional.cross_entropy(logits, torch.arange(len(X)))


def _gated(p: Parameters, x: Row, t: Row) -> Value:
    w, b, slope = p
    z = linear(w, x, b)
    gates = [F.where((a > 0.0) & (a < 1.0), a, slope[0] * a) for a in z]
    clipped = [F.clamp(g, -0.8, 1.2) * a for g, a in zip(gates, x)]
    return average([abs(c - b) for c, b in zip(clipped, t)])


def _gated_torch(p: Parameters, x: Tensor, t: Tensor) -> Tensor:
    w, b, slope = p
    z = x @ w.T + b
    gates = torch.where((z > 0.0) & (z < 1.0), z, slope * z)
    loss: Tensor = (gates.clamp(-0.8, 1.2) * x - t).abs().mean()
    return loss


NETWORKS: Final = [
    Network("two layers", _two_layers, _two_layers_torch,
            ((7, 3), (7,), (2, 7), (2,)), ((0, 3), (0, 2)), per_sample=True),
    Network("siamese", _siamese, _siamese_torch,
            ((4, 3), (4,)), ((0, 3), (0, 3), (0, 1)), per_sample=True),
    Network("recurrent", _recurrent, _recurrent_torch,
            ((5, 2), (5, 5), (5,), (2, 5), (2,)), ((0, 4, 2), (0, 2)), per_sample=True),
    Network("sums of different lengths", _uneven, _uneven_torch,
            ((5,), (2,), (3,), (3,)), ((0, 5), (0, 1)), per_sample=True),
    Network("softmax classifier", _softmax_classifier, _softmax_classifier_torch,
            ((6, 4), (6,), (3, 6), (3,)), ((0, 4), (0, 3)), per_sample=True),
    Network("layer normalized, residual", _layer_normalized, _layer_normalized_torch,
            ((4, 4), (4,), (4,), (4,)), ((0, 4), (0, 4)), per_sample=True),
    Network("attention", _attention, _attention_torch,
            ((3, 4), (3, 4), (2, 4)), ((0, 5, 4), (0, 2)), per_sample=True),
    Network("convolutional", _convolutional, _convolutional_torch,
            ((3, 3), (2, 3, 3), (2, 6), (2,)), ((0, 10), (0, 2)), per_sample=True),
    Network("pictures", _pictures, _pictures_torch,
            ((30, 36), (30,), (5, 30), (5,)), ((0, 6, 6), (0, 5)), per_sample=True),
    Network("smoothed", _smoothed, _smoothed_torch,
            ((3,), (8,), (2,)), ((0, 8), (0, 1)), per_sample=True),
    Network("gated", _gated, _gated_torch,
            ((4, 4), (4,), (1,)), ((0, 4), (0, 4)), per_sample=True),
    Network("batch normalized", _batch_normalized, _batch_normalized_torch,
            ((5, 3), (5,), (5,), (5,), (2, 5), (2,)), ((0, 3), (0, 2))),
    Network("contrastive", _contrastive, _contrastive_torch,
            ((3, 4), (3, 2), (1,)), ((0, 4), (0, 2))),
]  # fmt: skip
