"""A look at the units of a trained model: which of them are dead or saturated on the samples.

A unit is a relu, tanh or sigmoid of a weighted sum. It is found in the graph, so in a model of
one's own as in an MLP, by a parameter behind it; units that share their weights count as one. What
has no such parameter is not known to be a unit, and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import nan
from typing import Any, Final

import numpy as np

from tinygrad_mlp.compiler import compile
from tinygrad_mlp.engine import Value, enable_grad
from tinygrad_mlp.errors import TinygradMLPError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.nn._module import Module, make_known
from tinygrad_mlp.ops import Op
from tinygrad_mlp.training._engines import Floats
from tinygrad_mlp.training._outputs import (
    evaluation_mode,
    recording_of,
    sample_outputs,
    undisturbed,
)
from tinygrad_mlp.training._task import Samples, Task

__all__ = ["LayerUnits", "Look", "look_at"]

SAMPLES_AT_ONCE: Final = 512

MOST_WORK: Final = 200_000
"""How many samples times parameters at most, about, go through a model that is not compiled."""

NEAR_AN_END: Final = 0.01
"""How near to an end, as a share of the whole range, a unit counts as saturated."""


@dataclass(frozen=True, slots=True)
class LayerUnits:
    """The units of one activation in one layer.

    Attributes:
        name: the name of the layer, such as "layers.0".
        activation: "relu", "tanh" or "sigmoid".
        n_units: how many there are.
        n_lost: how many are at an end, where hardly any gradient comes through, for every sample.
        n_samples: the number of samples.

    >>> units = LayerUnits("layers.0", "relu", n_units=8, n_lost=3, n_samples=20)
    >>> units.n_dead, units.n_saturated
    (3, 0)
    """

    name: str
    activation: str
    n_units: int
    n_lost: int
    n_samples: int

    @property
    def n_dead(self) -> int:
        """How many relu units give 0 for every sample."""
        return self.n_lost if self.activation == "relu" else 0

    @property
    def n_saturated(self) -> int:
        """How many tanh or sigmoid units are at an end for every sample."""
        return self.n_lost - self.n_dead


@dataclass(frozen=True, slots=True)
class Look:
    """What one pass over the samples has shown.

    Attributes:
        loss: the mean loss of the model as it predicts; nan where that is not known.
        n_samples: the number of samples.
        layers: the units, from the input to the output.
    """

    loss: float
    n_samples: int
    layers: tuple[LayerUnits, ...]


def look_at(model: Module, task: Task, samples: Samples) -> Look | None:
    """Send the samples through the model once, and see what it costs and what its units do.

    All the samples where the model can be compiled, else evenly spread ones, as many as take a
    fraction of a second. The model and its generators are as they were afterwards.

    Args:
        model: the model, switched to prediction meanwhile.
        task: with the loss; one over a batch is left out.
        samples: the data.

    Returns:
        What was seen; None for a model of one's own that raises, whatever it may be.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [3, 1], init="zeros")
    >>> task, samples = Task.for_data(model, [[1.0], [2.0]], [0.5, 1.5])
    >>> look_at(model, task, samples)
    Look(loss=1.25, n_samples=2, layers=(LayerUnits(name='layers.0', activation='relu', ...
    """
    try:
        with undisturbed(model), evaluation_mode(model), enable_grad(), np.errstate(all="ignore"):
            return _looked(_Probe(model, task), samples)
    except Exception:  # whatever a model of one's own raises, its training is over
        return None


def _looked(probe: _Probe, samples: Samples) -> Look:
    work = len(samples.X) * len(probe.layers)
    most = MOST_WORK // (100 + len(probe.layers)) + 16
    if work > MOST_WORK // 10:
        try:
            program = compile(probe, per_sample=True)
            program.within = partial(recording_of, probe.model)
            program.most_repetitions = 1  # what a model may do differently, ``recording_of`` sees
            return _summed_up(probe, samples, program)
        except TinygradMLPError:  # it cannot be recorded, so each sample goes through it by itself
            if len(samples.X) > most:
                chosen = np.linspace(0, len(samples.X) - 1, most).astype(np.intp)
                samples = samples.take(chosen)
    return _summed_up(probe, samples, probe.of_each)


def _summed_up(probe: _Probe, samples: Samples, compute: Callable[..., Floats]) -> Look:
    losses, lost = [], np.empty(0)
    for start in range(0, len(samples.X), SAMPLES_AT_ONCE):
        part = slice(start, start + SAMPLES_AT_ONCE)
        given = [samples.X[part], samples.targets[part]]
        rows = compute(*given[: 2 if probe.loss else 1])
        losses.append(rows[:, 0])
        at_an_end = probe.at_an_end(rows[:, 1:])
        lost = at_an_end if not start else lost & at_an_end
    units: dict[tuple[str, str], dict[Value, bool]] = {}
    for (layer, op, parameter), is_lost in zip(probe.units, lost.tolist()):
        of_layer = units.setdefault((layer, op.name), {})
        of_layer[parameter] = bool(of_layer.get(parameter, True) and is_lost)
    order = {layer: i for i, layer in enumerate(dict.fromkeys(probe.layers.values()))}
    layers = [
        LayerUnits(layer, op, len(lost), sum(lost.values()), len(samples.X))
        for (layer, op), lost in sorted(units.items(), key=lambda item: order[item[0][0]])
    ]
    loss = nan
    if probe.loss:
        loss = float(np.average(np.concatenate(losses), weights=samples.weights))
    return Look(loss, len(samples.X), tuple(layers))


@dataclass(slots=True)
class _Probe:
    """The function of one sample that gives its loss and what each unit gives."""

    model: Module
    task: Task
    layers: dict[Value, str] = field(init=False)
    units: list[tuple[str, Op, Value]] = field(init=False)

    def __post_init__(self) -> None:
        from tinygrad_mlp.debug._health import layers_by_parameter  # few trainings need it

        make_known(self.model)
        self.layers = layers_by_parameter([], dict(self.model.named_parameters()))

    @property
    def loss(self) -> Loss | None:
        """The loss, if it is one of single samples."""
        loss = self.task.loss
        return None if loss is None or loss.batch_loss is not None else loss

    def __call__(self, x: Sequence[Scalar], target: Sequence[Scalar] = ()) -> list[Value]:
        loss = self.loss
        outputs = sample_outputs(self.model, x, self.task.from_logits)
        first = loss.sample_loss(outputs, target) if loss else outputs[0]
        return [first, *self._units_behind(outputs)]

    def of_each(self, *arrays: Any) -> Floats:
        """The same for many samples, one after the other."""
        rows = [self(*sample) for sample in zip(*[array.tolist() for array in arrays])]
        return np.array([[value.data for value in row] for row in rows])

    def at_an_end(self, outputs: Floats) -> Any:
        """Which units are at an end for all these samples, (n_units,)."""
        lost = []
        for (_, op, _), column in zip(self.units, outputs.T):
            low, high = op.saturating or (0.0, 0.0)
            near = NEAR_AN_END * (high - low)
            distance = np.minimum(np.abs(column - low), np.abs(column - high))
            lost.append(bool((distance <= near).all()))
        return np.array(lost, dtype=bool)

    def _units_behind(self, outputs: Sequence[Value]) -> list[Value]:
        from tinygrad_mlp.debug._health import parameter_behind

        nodes: dict[Value, tuple[str, Op, Value]] = {}
        for node in _computed_nodes(outputs):
            if node.op is not None and _can_be_lost(node.op):
                parameter = parameter_behind(node.parents[0], self.layers)
                if parameter is not None:
                    nodes[node] = (self.layers[parameter], node.op, parameter)
        self.units = list(nodes.values())
        return list(nodes)


def _can_be_lost(op: Op) -> bool:
    """Whether a unit may give no gradient for any sample: as a dead relu, or as a tanh at an end.

    >>> from tinygrad_mlp.ops import op_named
    >>> [name for name in ("relu", "tanh", "gelu") if _can_be_lost(op_named(name))]
    ['relu', 'tanh']
    """
    return op.activation and (op.masking or op.saturating is not None)


def _computed_nodes(outputs: Sequence[Value]) -> Iterator[Value]:
    """Every node behind the outputs that has parents, once each, in one walk for them all."""
    seen: set[Value] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node.parents and node not in seen:
            seen.add(node)
            stack.extend(node.parents)
            yield node
