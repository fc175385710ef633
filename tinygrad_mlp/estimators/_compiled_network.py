"""The network of an estimator: an ``MLP``, and the programs that the compiler makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import log
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import functional
from tinygrad_mlp._many_numbers import write_numbers
from tinygrad_mlp._native._stand_ins import UntraceableError
from tinygrad_mlp.compiler import Program, compile
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import TinygradMLPError
from tinygrad_mlp.estimators._batches import Samples
from tinygrad_mlp.estimators._flat_weights import Layout, Weights
from tinygrad_mlp.estimators._penalized_rule import PenalizedRule
from tinygrad_mlp.estimators._update_rules import UpdateRule
from tinygrad_mlp.losses import binary_cross_entropy_with_logits, poisson
from tinygrad_mlp.losses._categorical import cross_entropy_of_sample
from tinygrad_mlp.nn import MLP
from tinygrad_mlp.nn._activations import Activation
from tinygrad_mlp.nn._inputs import read_inputs
from tinygrad_mlp.nn._module import evaluation_mode
from tinygrad_mlp.training._epoch_memory import Batches, readable_batches
from tinygrad_mlp.training._steps_in_pieces import Pieces

__all__ = ["Architecture", "Network", "model_of"]

Array = NDArray[Any]

OUTPUTS: Final = {
    "identity": None,
    "logistic": "sigmoid",
    "softmax": "softmax",
    "exp": functional.exp,
}
"""Our activation for each ``out_activation_`` of scikit-learn."""

BLOCK: Final = 256
"""How many samples are predicted at a time, so that the memory stays small, and in the cache."""


class Architecture(NamedTuple):
    """All that the programs of a network depend on.

    Attributes:
        sizes: the number of features, and of the neurons of each layer.
        activations: the functions of the hidden layers, or names. A name of your own may come to
            mean another function, so an estimator gives functions.
        output: "identity", "logistic", "softmax" or "exp".
        dtype: "float64" or "float32".
        dropout: the probability of the dropout behind each hidden layer.
        batch_norm: whether each hidden layer has a batch norm.

    >>> Architecture((4, 16, 3), ("relu",), "softmax").dtype
    'float64'
    """

    sizes: tuple[int, ...]
    activations: tuple[str | Activation, ...]
    output: str
    dtype: str = "float64"
    dropout: float = 0.0
    batch_norm: bool = False

    def model(self) -> MLP:
        """An MLP of this architecture whose weights are 0.

        >>> Architecture((2, 3, 1), ("relu",), "logistic").model()
        MLP of [Layer of 3 relu(2) neurons, Layer of 1 sigmoid(3) neuron]
        """
        n_inputs, *layer_sizes = self.sizes
        return MLP(
            n_inputs,
            layer_sizes,
            activation=list(self.activations),
            output_activation=OUTPUTS[self.output],
            init="zeros",
            rng=0,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
        )


def model_of(architecture: Architecture, weights: Weights) -> MLP:
    """An MLP with these weights, to predict with.

    >>> weights = Weights([np.array([[2.0]])], [np.array([1.0])], [])
    >>> model_of(Architecture((1, 1), (), "identity"), weights)([3.0]).data
    7.0
    """
    model = architecture.model()
    parameters, buffers = model.parameters(), model.buffers()
    flat, kept = np.empty(len(parameters)), np.empty(len(buffers))
    Layout(model).views(flat, kept).put(weights)
    write_numbers(parameters, flat.tolist())
    write_numbers(buffers, kept.tolist())
    return model.eval()


class Network:
    """An MLP as compiled programs, with the loss and the gradients that scikit-learn has.

    The gradients are those of the sum over the outputs, whose mean a squared error reports.

    Attributes:
        architecture: what it was made of.
        parameters: the numbers of all parameters, in one flat array.
        gradients: the derivatives of the last loss by them, in the same order.
        most_numbers: how many inputs and outputs of layers it has computed with at once, at most.
        is_whole: False after Ctrl-C, which may have come amid what a next call would rely on.

    >>> network = Network(Architecture((1, 1), (), "identity"))
    >>> network.weights = Weights([np.array([[2.0]])], [np.array([1.0])], [])
    >>> network.outputs(np.array([[3.0]]))
    array([[7.]])
    >>> network.loss(np.array([[3.0]]), np.array([[5.0]]))  # half of the squared error
    2.0
    >>> network.gradients
    array([6., 2.])
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self._model = architecture.model()
        self._dtype = np.dtype(architecture.dtype)
        self._is_mean = architecture.output == "identity"
        self._has_limit = architecture.output in ("logistic", "softmax")
        self._largest_cost = -log(np.finfo(self._dtype).eps)
        objective = self._costs_and_sum if self._has_limit else self._sum_of_costs
        self._program = compile(
            objective,
            self._model.parameters(),
            per_sample=True,
            dtype=architecture.dtype,
            has_auxiliary=self._has_limit,
        )
        self._program.most_repetitions = 1  # what is of this package does the same each time
        self._program.checks_targets = False  # they were checked, all at once
        self._program.keep(self._model.buffers())
        self._outputs = self._predicting(self._model.forward)
        self._costs_with_outputs = self._predicting(self._costs_and_outputs)
        self._by_layer = self._predicting(self._outputs_by_layer)
        layout = Layout(self._model)
        self.parameters: Array = self._program.parameters
        self.gradients: Array = self._program.gradients
        self._views = layout.views(self.parameters, self._program.kept)
        self._is_weight = np.zeros_like(self.parameters)
        for coef in layout.views(self._is_weight, self._program.kept).coefs:
            coef[:] = 1.0
        self._decay, self._decayed = np.zeros_like(self.parameters), np.empty_like(self.parameters)
        self._strength = 0.0
        self._pieces: tuple[Samples, UpdateRule, Batches, Pieces] | None = None
        self.most_numbers = 0
        self.is_whole = True

    @property
    def weights(self) -> Weights:
        """Copies of the numbers that it has now."""
        return self._views.copy()

    @weights.setter
    def weights(self, weights: Weights) -> None:
        self._views.put(weights)

    def seed(self, seed: Sequence[int]) -> None:
        """Let dropout draw from here on what it draws from this seed."""
        state = np.random.default_rng(seed).bit_generator.state
        for layer in self._model.layers:
            if layer.dropout is not None:
                layer.dropout.rng.bit_generator.state = state

    # To train

    def loss(self, X: Any, targets: Array, sample_weight: Array | None = None) -> float:
        """The loss of a batch as scikit-learn reports it; the gradients are left in ``gradients``.

        Args:
            X: the features, (n_samples, n_features), of the dtype of the network; an array, or a
                sparse matrix that gives rows.
            targets: (n_samples, n_outputs): numbers, or 0 and 1.
            sample_weight: how much each sample counts, (n_samples,); None for all alike.

        Raises:
            ZeroDivisionError: if the weights are 0 together.
        """
        if not isinstance(X, np.ndarray):
            return self._loss_in_blocks(X, targets, sample_weight)
        self._note_rows(len(X))
        counts = None if sample_weight is None else self._relative(sample_weight)
        batch = (X, targets) if counts is None else (X, targets, counts)
        value: float = self._program(*batch)
        return self._reported(value, self._program.auxiliary, counts)

    def _loss_in_blocks(self, X: Any, targets: Array, sample_weight: Array | None) -> float:
        """The same for the rows of a sparse matrix, of which some are made dense at a time."""
        n_samples = X.shape[0]
        counts = np.ones(n_samples) if sample_weight is None else sample_weight
        total, loss, gradients = counts.sum(), 0.0, np.zeros_like(self.gradients)
        for start in range(0, n_samples, BLOCK):
            rows = slice(start, start + BLOCK)
            share = counts[rows].sum() / total
            if share:
                loss += share * self.loss(X[rows].toarray(), targets[rows], counts[rows])
                gradients += share * self.gradients
        self.gradients[:] = gradients
        return float(loss)

    def pieces(self, samples: Samples, batch_size: int, rule: UpdateRule) -> Pieces | None:
        """What takes many steps of an epoch in one call; None where each takes a call.

        Args:
            samples: those of all batches, with features in an array.
            batch_size: how many samples a batch has.
            rule: the rule of the solver.
        """
        known = self._pieces
        if known is None or known[0] is not samples or known[1] is not rule:
            arrays, weighted = (samples.X, samples.targets), samples.weights is not None
            batches = readable_batches(arrays, self._program.dtype, batch_size, weighted)
            pieces = Pieces(self._program, PenalizedRule(rule, self._is_weight))
            self._pieces = known = (samples, rule, batches, pieces)
        *_, batches, pieces = known
        try:
            pieces.make_ready(batches)
        except (UntraceableError, TinygradMLPError):
            return None  # each step says what is wrong, if anything is
        self._note_rows(batch_size)
        return pieces

    def forget_samples(self) -> None:
        """Let go of what ``pieces`` made of the samples of a fit that is over."""
        self._pieces = None

    def take_piece(
        self,
        pieces: Pieces,
        order: Array,
        step: int,
        counts: Array | None,
        strengths: Array,
    ) -> tuple[Array, Array]:
        """The next steps of an epoch: what ``objective`` gives for each batch, and their sizes.

        Args:
            pieces: what takes them.
            order: the samples that are still to come in this epoch, in their order.
            step: how many steps it has had.
            counts: the weights of these samples in their batches, whose mean is 1; None for none.
            strengths: the penalty's factor in each step to come.
        """
        assert isinstance(pieces.rule, PenalizedRule)
        pieces.rule.strengths = strengths
        n_steps = min(pieces.n_steps - step, pieces.most_steps(self._has_limit))
        piece = pieces.run(order, step, n_steps, counts, self._has_limit)
        losses = piece.losses / (self.architecture.sizes[-1] if self._is_mean else 1)
        if piece.auxiliary is not None:
            costs = piece.auxiliary.reshape(int(piece.sizes.sum()), -1)
            if not costs.max() <= self._largest_cost:
                ends = np.cumsum(piece.sizes)
                for i, (end, size) in enumerate(zip(ends.tolist(), piece.sizes.tolist())):
                    some = slice(end - size, end)
                    of_batch = None if counts is None else counts[some]
                    losses[i] = self._reported(float(losses[i]), costs[some], of_batch)
        return losses + piece.penalties, piece.sizes

    def objective(self, X: Any, targets: Array, sample_weight: Array | None, alpha: float) -> float:
        """The loss with the penalty alpha / 2 |W|^2 / n, and the gradients of both.

        n is the number of samples, or the sum of their weights; biases are not penalized.

        >>> network = Network(Architecture((1, 1), (), "identity"))
        >>> network.weights = Weights([np.array([[2.0]])], [np.array([1.0])], [])
        >>> network.objective(np.array([[3.0]]), np.array([[7.0]]), None, 0.5)
        1.0
        >>> network.gradients
        array([1., 0.])
        """
        value = self.loss(X, targets, sample_weight)
        if not alpha:
            return value
        n = len(targets) if sample_weight is None else float(sample_weight.sum())
        strength = float(alpha) / n
        if strength != self._strength:
            np.multiply(self._is_weight, strength, out=self._decay)
            self._strength = strength
        np.multiply(self._decay, self.parameters, out=self._decayed)
        np.add(self.gradients, self._decayed, out=self.gradients)
        return value + 0.5 * float(np.dot(self._decayed, self.parameters))

    # To predict

    def outputs(self, X: Any) -> Array:
        """The outputs, (n_samples, n_outputs); X may be a sparse matrix with rows."""
        return self._in_blocks(self._outputs, X)

    def outputs_by_layer(self, X: Any) -> list[Array]:
        """The outputs of each layer, (n_samples, n_neurons) each, those of the network last.

        >>> network = Network(Architecture((1, 1, 1), ("tanh",), "identity"))
        >>> [array.shape for array in network.outputs_by_layer(np.ones((2, 1)))]
        [(2, 1), (2, 1)]
        """
        ends = np.cumsum(self.architecture.sizes[1:-1])
        return np.split(self._in_blocks(self._by_layer, X), ends, axis=1)

    def evaluate(
        self, X: Any, targets: Array, sample_weight: Array | None = None
    ) -> tuple[float, Array]:
        """The loss as it is reported, and the outputs; arguments as for ``loss``."""
        results = self._in_blocks(self._costs_with_outputs, X, targets)
        n_outputs = self.architecture.sizes[-1]
        costs, outputs = results[:, :-n_outputs], results[:, -n_outputs:]
        counts = None if sample_weight is None else self._relative(sample_weight)
        totals = costs.sum(axis=1) if counts is None else counts * costs.sum(axis=1)
        return self._reported(float(totals.mean()), costs, counts), outputs

    def _in_blocks(self, program: Program, X: Any, *others: Array) -> Array:
        parts = []
        for start in range(0, X.shape[0], BLOCK):
            rows = slice(start, start + BLOCK)
            part = X[rows]
            part = part if isinstance(part, np.ndarray) else part.toarray()
            parts.append(program(part, *[array[rows] for array in others]))
        self._note_rows(min(X.shape[0], BLOCK))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _note_rows(self, n_samples: int) -> None:
        self.most_numbers = max(self.most_numbers, n_samples * sum(self.architecture.sizes))

    def _reported(self, value: float, costs: Array, counts: Array | None) -> float:
        """What scikit-learn reports where the sum of the costs has the mean ``value``.

        It cuts probabilities off at the epsilon of the dtype, so no answer costs more than 36.
        """
        if self._is_mean:
            return value / self.architecture.sizes[-1]
        if not self._has_limit or costs.max() <= self._largest_cost:
            return value
        sums = np.minimum(costs, self._largest_cost).sum(axis=1)
        return float((sums if counts is None else counts * sums).mean())

    def counts_of_batches(self, weights: Array, batch_size: int) -> tuple[Array, Array]:
        """The weights with the mean 1 in each batch, and the sum of each batch's weights.

        >>> network = Network(Architecture((1, 1), (), "identity"))
        >>> network.counts_of_batches(np.array([1.0, 3.0, 2.0]), 2)
        (array([0.5, 1.5, 1. ]), array([4., 2.]))
        """
        starts = np.arange(0, len(weights), batch_size)
        parts = [weights[start : start + batch_size] for start in starts.tolist()]
        counts = [self._relative(part) for part in parts]
        return np.concatenate(counts), np.array([part.sum() for part in parts])

    def _relative(self, sample_weight: Array) -> Array:
        """The weights with the mean 1; only then of the dtype, in which small ones would be 0."""
        total = sample_weight.sum()
        if total == 0.0:
            raise ZeroDivisionError(
                f"the {len(sample_weight)} samples of a batch have the weight 0 together, so they "
                "have no mean loss; leave out samples of weight 0, or choose a larger batch_size"
            )
        counts: Array = sample_weight * (len(sample_weight) / total)
        return counts.astype(self._dtype, copy=False)

    # What is recorded

    def _predicting(self, function: Any) -> Program:
        program = self._program.prediction(function)
        program.within = partial(evaluation_mode, self._model)
        program.each_by_itself = True
        return program

    def _costs_and_sum(
        self, x: Sequence[Value], target: Sequence[Value], *count: Value
    ) -> tuple[Value, list[Value]]:
        costs = self._costs(self._weighted_sums(x), target)
        return _times(functional.sum(costs), count), costs

    def _sum_of_costs(self, x: Sequence[Value], target: Sequence[Value], *count: Value) -> Value:
        return _times(functional.sum(self._costs(self._weighted_sums(x), target)), count)

    def _costs_and_outputs(self, x: Sequence[Value], target: Sequence[Value]) -> list[Value]:
        return [*self._costs(self._weighted_sums(x), target), *self._model.forward(x)]

    def _costs(self, sums: list[Value], target: Sequence[Value]) -> list[Value]:
        """What each output costs, or all of them together, before the output's activation."""
        output = self.architecture.output
        if output == "softmax":
            return [cross_entropy_of_sample(sums, target)]
        if output == "logistic":
            return [binary_cross_entropy_with_logits(z, t) for z, t in zip(sums, target)]
        if output == "exp":
            return [poisson(z, t) for z, t in zip(sums, target)]
        return [0.5 * (z - t).square() for z, t in zip(sums, target)]

    def _weighted_sums(self, x: Sequence[Value]) -> list[Value]:
        """What goes into the activation of the output."""
        *hidden, last = self._model.layers
        for layer in hidden:
            x = layer.forward(x)
        inputs, numbers = read_inputs(x, last.n_inputs, last)
        return [neuron.weighted_sum(inputs, numbers) for neuron in last.neurons]

    def _outputs_by_layer(self, x: Sequence[Value]) -> list[Value]:
        outputs: list[Value] = []
        for layer in self._model.layers:
            x = layer.forward(x)
            outputs += x
        return outputs


def _times(value: Value, count: Sequence[Value]) -> Value:
    return count[0] * value if count else value
