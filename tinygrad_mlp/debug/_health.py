"""How a network is doing, layer by layer: gradients, weights, dead units, and a verdict.

``health`` looks at one loss. ``HealthMonitor`` is a callback for training that does it after every
epoch and draws the result. Both build an eager graph, whatever engine trains.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tinygrad_mlp import ops
from tinygrad_mlp._text import visible
from tinygrad_mlp.debug._equations import number
from tinygrad_mlp.debug._trace import require_value
from tinygrad_mlp.derivatives import grad
from tinygrad_mlp.engine import Value, topological_order
from tinygrad_mlp.graph import layers_of
from tinygrad_mlp.nn._module import Buffer, Module, make_known

__all__ = [
    "STATUSES",
    "HasParameters",
    "HealthReport",
    "LayerHealth",
    "health",
    "parameter_behind",
]

STATUSES: Final = ("non-finite", "dead", "no gradient", "exploding", "vanishing", "healthy")
"""What a report can come to; the first that holds is said."""

FAR_APART: Final = 1000.0
"""How many times the gradients of one end may be those of the other, or the parameters."""


class HasParameters(Protocol):
    """What ``health`` needs of a model."""

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """The parameters with their names, such as ``layers.0.neurons.3.w.1``."""


@dataclass(frozen=True, slots=True)
class LayerHealth:
    """One layer.

    Attributes:
        name: the name of the layer, such as "layers.0".
        n_parameters: the number of its weights and biases.
        n_nan, n_inf, n_zero: how many of their gradients are nan, inf, exactly 0.
        activation: the name of the activation that its units have, such as "tanh"; "" where none
            was found.
        n_units: the number of relu units that were found.
        n_dead: how many of those gave 0 for every sample in the loss.
        gradient_norm: the Euclidean norm of the gradients.
        weight_norm: the Euclidean norm of the parameters.
        update_ratio: the norm of the update over the norm of the parameters; about 0.001 is usual,
            and None where the update is not known.
        n_frozen: how many of the parameters are frozen, so that they have no gradient.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(2, [3, 1], rng=0)
    >>> report = health(model, model([1.0, 2.0]) ** 2)
    >>> report.layers[0].name, report.layers[0].n_parameters, report.layers[0].n_units
    ('layers.0', 9, 3)
    """

    name: str
    n_parameters: int
    n_nan: int
    n_inf: int
    n_zero: int
    activation: str
    n_units: int
    n_dead: int
    gradient_norm: float
    weight_norm: float
    update_ratio: float | None
    n_frozen: int = 0

    @property
    def is_frozen(self) -> bool:
        """Whether all of its parameters are frozen.

        >>> from tinygrad_mlp.nn import MLP
        >>> model = MLP(2, [3, 1], rng=0)
        >>> model.layers[0].freeze().requires_grad
        False
        >>> [layer.is_frozen for layer in health(model, model([1.0, 2.0]) ** 2).layers]
        [True, False]
        """
        return self.n_frozen == self.n_parameters

    @property
    def has_no_gradient(self) -> bool:
        """Whether the gradients of all parameters that are not frozen are 0."""
        return self.n_zero == self.n_parameters - self.n_frozen

    @property
    def dead_share(self) -> float | None:
        """The share of dead units, from 0 to 1; None where there is no relu."""
        return self.n_dead / self.n_units if self.n_units else None

    @property
    def gradient_size(self) -> float:
        """The root mean square of the gradients, which layers of any size can be compared by."""
        return self.gradient_norm / math.sqrt(max(self.n_parameters - self.n_frozen, 1))


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The layers from the input to the output, and what to make of them; printed, it is a table.

    Attributes:
        layers: one ``LayerHealth`` per layer.
        loss: the loss that was looked at.

    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(1, [1], init="zeros")
    >>> print(health(model, (model([1.0]) - 1.0) ** 2, learning_rate=0.1))
    layer      parameters  nan  inf  zero   dead  |gradient|  |weights|  update/weight
    layers.0            2    0    0     0      -      2.8284          0            inf
    loss 1: healthy: the gradients are finite and of similar size in all layers
    """

    layers: tuple[LayerHealth, ...]
    loss: float

    @property
    def status(self) -> str:
        """One of ``STATUSES``; "no gradient" also where one layer has none and the rest is fine."""
        if any(layer.n_nan or layer.n_inf for layer in self.layers):
            return "non-finite"
        if not self.layers:
            return "healthy"
        if self._dead() is not None:
            return "dead"
        trained = self._trained
        if all(layer.has_no_gradient for layer in trained):
            return "no gradient"
        first, last = trained[0].gradient_size, trained[-1].gradient_size
        if first > FAR_APART * last > 0.0 or self._overwhelmed() is not None:
            return "exploding"
        if first * FAR_APART < last:
            return "vanishing"
        if self._without_gradient() is not None:
            return "no gradient"
        return "healthy"

    @property
    def _trained(self) -> list[LayerHealth]:
        """The layers that are not frozen as a whole: only they are compared."""
        return [layer for layer in self.layers if not layer.is_frozen]

    @property
    def verdict(self) -> str:
        """The status with its reason, in a sentence."""
        return visible(self._verdict())

    def _verdict(self) -> str:
        status = self.status
        if status == "healthy":
            return "healthy: the gradients are finite and of similar size in all layers"
        if status == "non-finite":
            bad = next(layer for layer in self.layers if layer.n_nan or layer.n_inf)
            return (
                f"non-finite: {bad.name} has {bad.n_nan} nan and {bad.n_inf} inf among its "
                "gradients; detect_anomaly() says where the first one comes from"
            )
        if status == "no gradient" and not self._trained:
            return "no gradient: all parameters are frozen; model.unfreeze() lets them train"
        missed = self._without_gradient()
        if (
            status == "no gradient"
            and missed
            and not all(layer.has_no_gradient for layer in self._trained)
        ):
            return (
                f"no gradient reaches {missed.name}: all of its gradients are 0; the loss does not "
                "depend on its parameters, or is flat in them here"
            )
        if status == "no gradient":
            return (
                "no gradient reaches the model: all of them are 0; the loss does not depend on its "
                "parameters, or is flat here"
            )
        dead = self._dead()
        if dead is not None:
            return (
                f"dead: no relu of {dead.name} lets anything through; a smaller learning rate, "
                "leaky_relu, or other first weights help"
            )
        overwhelmed = self._overwhelmed()
        if overwhelmed is not None:
            return (
                f"exploding: the gradients of {overwhelmed.name} have the norm "
                f"{number(overwhelmed.gradient_norm)}, its parameters "
                f"{number(overwhelmed.weight_norm)}; smaller first weights, clip_norm or a smaller "
                "learning rate help"
            )
        first, last = self._trained[0], self._trained[-1]
        sizes = f"{number(first.gradient_size)} in {first.name}, {number(last.gradient_size)}"
        remedy = "smaller first weights, clip_norm or a smaller learning rate help"
        if status == "vanishing":
            remedy = self._against_vanishing()
        return f"{status}: a gradient is typically {sizes} in {last.name}; {remedy}"

    def _against_vanishing(self) -> str:
        used = dict.fromkeys(layer.activation for layer in self.layers if layer.activation)
        saturating = sorted([name for name in used if ops.op_named(name).saturating])
        if saturating:
            return f"relu instead of {' or '.join(saturating)}, or larger first weights, help"
        return "larger first weights or fewer layers help"

    def _dead(self) -> LayerHealth | None:
        """The first layer of which no relu lets anything through."""
        return next((x for x in self.layers if x.n_units and x.n_dead == x.n_units), None)

    def _without_gradient(self) -> LayerHealth | None:
        """The first layer of which all gradients are 0."""
        return next((layer for layer in self._trained if layer.has_no_gradient), None)

    def _overwhelmed(self) -> LayerHealth | None:
        """The first layer whose gradients are far larger than its parameters."""
        for layer in self.layers:
            if layer.gradient_norm > FAR_APART * max(1.0, layer.weight_norm):
                return layer
        return None

    def __str__(self) -> str:
        names = [visible(layer.name) for layer in self.layers]
        width = max([8, *map(len, names)])
        lines = [
            f"{'layer':<{width}}   parameters  nan  inf  zero   dead  |gradient|  |weights|  "
            "update/weight"
        ]
        for name, layer in zip(names, self.layers):
            dead = "-" if layer.dead_share is None else f"{100 * layer.dead_share:.0f} %"
            ratio = "-" if layer.update_ratio is None else number(layer.update_ratio)
            gradient = "frozen" if layer.is_frozen else number(layer.gradient_norm)
            lines.append(
                f"{name:<{width}}   {layer.n_parameters:10}  {layer.n_nan:3}  "
                f"{layer.n_inf:3}  {layer.n_zero:4}  {dead:>5}  {gradient:>10}"
                f"  {number(layer.weight_norm):>9}  {ratio:>13}"
            )
        return "\n".join([*lines, f"loss {number(self.loss)}: {self.verdict}"])


def health(
    model: HasParameters,
    loss: Value,
    *,
    learning_rate: float | None = None,
    previous: Mapping[str, float] | None = None,
) -> HealthReport:
    """Look at the gradients of a loss, and at the units behind it, layer by layer.

    The gradients are those of this loss alone; no ``grad`` attribute is touched. A layer that is
    frozen says so in the place of its gradient, and is not compared with others. Layers are told by
    the places of the parameters in the model. A relu unit counts as dead if it gave 0 for every
    sample in the loss, so give the loss of many samples. The verdict compares the first layer with
    the last: gradients a thousand times larger there explode (as do gradients a thousand times
    larger than the parameters), a thousand times smaller vanish.

    A compiled program keeps no nodes: build the loss of the samples eagerly, as here, or with
    ``program.eager(X, y)``.

    Args:
        model: the model.
        loss: a loss of the model's outputs.
        learning_rate: of plain gradient descent, for ``update_ratio``.
        previous: the parameters as they were one update ago, by name, which gives the real
            ``update_ratio`` of any optimizer.

    Raises:
        NotANumberError: if ``loss`` is no Value.

    >>> from tinygrad_mlp.nn import MLP
    >>> deep = MLP(1, [4] * 12 + [1], activation="sigmoid", init="normal", rng=0)
    >>> health(deep, deep([1.0]) ** 2).status
    'vanishing'
    """
    order = topological_order(require_value(loss, "health(model, loss)"))
    parameters = dict(model.named_parameters())
    trained = {name: p for name, p in parameters.items() if p.requires_grad}
    gradients = dict(zip(trained, grad(loss, list(trained.values()))))
    if isinstance(model, Module):
        make_known(model)
    layer_names = layers_by_parameter(order, parameters)
    groups: dict[str, list[str]] = {}
    for name, parameter in parameters.items():
        groups.setdefault(layer_names[parameter], []).append(name)
    units, activations = _units(order, layer_names)
    layers = []
    for layer, names in groups.items():
        grads = [gradients[name] for name in names if name in gradients]
        numbers = [parameters[name].data for name in names]
        is_dead = units.get(layer, {})
        layers.append(
            LayerHealth(
                name=layer,
                n_parameters=len(names),
                n_nan=sum(map(math.isnan, grads)),
                n_inf=sum(map(math.isinf, grads)),
                n_zero=grads.count(0.0),
                activation=activations.get(layer, ""),
                n_units=len(is_dead),
                n_dead=sum(is_dead.values()),
                gradient_norm=math.hypot(*grads),
                weight_norm=math.hypot(*numbers),
                update_ratio=_update_ratio(names, parameters, grads, learning_rate, previous),
                n_frozen=len(names) - len(grads),
            )
        )
    return HealthReport(tuple(layers), loss.data)


def layers_by_parameter(
    order: Sequence[Value], parameters: Mapping[str, Value]
) -> dict[Value, str]:
    """The layer of each parameter of a model; what belongs to none is one by itself.

    Args:
        order: the nodes of a graph of the model, in topological order.
        parameters: the parameters by name.

    >>> w = Value(2.0)
    >>> layers_by_parameter([w], {"slope": w})[w]
    'slope'
    """
    layers = layers_of(order, parameters.values())
    return {x: layers.get(x, "") or _holder(name) for name, x in parameters.items()}


def _holder(name: str) -> str:
    """What holds a parameter that stands in no module: its name without its place in a list."""
    *above, last = name.split(".")
    while above and last.isdigit():
        *above, last = above
    return ".".join(above) or last


def _units(
    order: Sequence[Value], layer_of_parameter: Mapping[Value, str]
) -> tuple[dict[str, dict[Value, bool]], dict[str, str]]:
    """For each layer its relu units, told by a parameter of theirs, and whether they are dead.

    Then for each layer its activation.
    """
    units: dict[str, dict[Value, bool]] = {}
    activations: dict[str, str] = {}
    for node in order:
        if node.op is not None and node.op.activation:
            parameter = parameter_behind(node.parents[0], layer_of_parameter)
            if parameter is not None:
                layer = layer_of_parameter[parameter]
                activations.setdefault(layer, node.op.name)
                if node.op.masking:
                    is_dead = units.setdefault(layer, {})
                    is_dead[parameter] = is_dead.get(parameter, True) and node.data == 0.0
    return units, activations


def parameter_behind(node: Value, layer_of: Mapping[Value, str]) -> Value | None:
    """The first parameter that a sum of products, written in any way, is made of.

    One of a normalization that the sum has gone through is only named where there is no other.

    >>> w = Value(2.0)
    >>> parameter_behind(Value(1.0) + w * Value(3.0), {w: "layer"}) is w
    True
    """
    stack = [node]
    beside = None
    while stack:
        node = stack.pop()
        if node in layer_of:
            if node.place is None or not node.place.owner.is_beside:
                return node
            beside = beside or node
        elif node.op in (ops.DOT, ops.ADD, ops.MUL, ops.SUM):
            stack.extend(reversed(node.parents))
        elif node.op is ops.SUB and (beside or isinstance(node.parents[1], Buffer)):
            stack.append(node.parents[0])  # the distance from a mean
    return beside


def _update_ratio(
    names: Sequence[str],
    parameters: Mapping[str, Value],
    gradients: Sequence[float],
    learning_rate: float | None,
    previous: Mapping[str, float] | None,
) -> float | None:
    if previous is not None:
        updates = [parameters[name].data - previous[name] for name in names]
    elif learning_rate is not None:
        updates = [learning_rate * grad for grad in gradients]
    else:
        return None
    weights = math.hypot(*[parameters[name].data for name in names])
    update = math.hypot(*updates)
    if weights == 0.0:
        return 0.0 if update == 0.0 else math.inf
    return update / weights
