"""A model as a page reads it: dense layers, and where their numbers stand in one flat vector.

The vector has all parameters of the model, then its buffers. Places are found by identity, so that
weights which layers share are there once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp import functional
from tinygrad_mlp._many_numbers import read_numbers
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import ACTIVATIONS, MLP, BatchNorm, Dropout, Layer, Sequential
from tinygrad_mlp.nn._activations import SOFTMAX, activation_name, listed_activation
from tinygrad_mlp.nn._layers import Neuron
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.nn._sequential import Activation

__all__ = ["activations_of", "flat_weights", "network_of"]

MODELS: Final = (
    "a page runs MLP, and Sequential of Layer, Dropout, BatchNorm and activations: "
    "Sequential(Layer(2, 8, None), BatchNorm(8), 'relu', Layer(8, 1, None)); other models are "
    "watched by fit(model, X, y, progress=True), and one pass by viz.replay(loss)"
)
SQUASHING: Final = (Value.sigmoid, functional.sigmoid, SOFTMAX)
"""What ``model.logits`` leaves out at the end."""


def flat_weights(model: Module) -> NDArray[np.float64]:
    """The numbers of all parameters, then of the buffers.

    >>> from tinygrad_mlp.nn import MLP
    >>> flat_weights(MLP(2, [3, 1], batch_norm=True, rng=0)).shape  # 9 + 6 + 4 and 6 buffers
    (25,)
    """
    return np.array(read_numbers([*model.parameters(), *model.buffers()]))


def network_of(
    model: Module, head: str = "identity", image: tuple[int, int] | None = None
) -> dict[str, Any]:
    """The "network" of a scene: what forward.js computes with.

    Args:
        model: an ``MLP``, or a ``Sequential`` of dense layers and what stands beside them.
        head: what comes behind the outputs for people: "identity", "sigmoid" or "softmax". Behind
            another head than "identity" the outputs are those of ``model.logits``.
        image: the rows and columns of the picture that the inputs are, or None.

    Returns:
        Plain data. Of a layer, ``W`` says where the weights are: that of unit j by input i is at
        ``at + j * row + i``, its bias at ``at + j * row`` of ``b``. Without ``W`` the units of the
        layer before go straight through.

    Raises:
        InvalidArgumentError: for a model that is none of these, or has parameters elsewhere.

    >>> from tinygrad_mlp.nn import MLP
    >>> first, last = network_of(MLP(2, [3, 1], rng=0))["layers"]
    >>> first["units"], first["activation"], first["W"], first["b"], last["W"]["at"]
    (3, 'relu', {'at': 0, 'row': 3}, {'at': 2, 'row': 3}, 9)
    """
    steps = _steps_of(model)
    if head != "identity":
        steps = _as_logits(steps)
    layers = _Layers(model)
    for kind, thing in steps:
        layers.take(kind, thing)
    layers.check_nothing_is_left(model)
    return {
        "n_inputs": layers.n_inputs,
        "image": None if image is None else list(image),
        "layers": layers.found,
        "head": head,
    }


def activations_of(model: Module) -> dict[str, Callable[[Value], Value]]:
    """The functions of a model by the names that ``network_of`` calls them.

    >>> from tinygrad_mlp.nn import MLP
    >>> list(activations_of(MLP(2, [3, 3, 1], ["tanh", lambda x: x * x], rng=0)))
    ['linear', 'tanh', '<lambda>']
    """
    names = _Names()
    for kind, thing in _steps_of(model):
        if kind == "activation":
            names.of(thing)
    return names.functions


_Step = tuple[str, Any]
"""One of "dense" (neurons), "norm", "activation" (a function or "softmax"), "dropout" (p)."""


def _steps_of(module: Module) -> list[_Step]:
    """What happens to a sample, in this order."""
    kind = type(module)
    if isinstance(module, MLP) and kind is MLP:
        return [step for layer in module.layers for step in _steps_of(layer)]
    if isinstance(module, Sequential) and kind is Sequential:
        return [step for part in module for step in _steps_of(part)]
    if isinstance(module, Layer) and kind is Layer:
        return _steps_of_layer(module)
    if isinstance(module, BatchNorm) and kind is BatchNorm:
        return [("norm", module)]
    if isinstance(module, Dropout) and kind is Dropout:
        return [("dropout", module.p)]
    if isinstance(module, Activation) and kind is Activation:
        return [("activation", module.function)]
    raise InvalidArgumentError(
        f"a page cannot run the forward of {kind.__name__}, {described(module)}; {MODELS}"
    )


def _steps_of_layer(layer: Layer) -> list[_Step]:
    functions = [neuron.activation for neuron in layer.neurons]
    if any(type(neuron) is not Neuron for neuron in layer.neurons):
        raise InvalidArgumentError(f"a page cannot run the neurons of {layer!r}; {MODELS}")
    if any(function != functions[0] for function in functions):
        raise InvalidArgumentError(
            f"the neurons of {layer!r} have different activations, but in a page all neurons of a "
            "layer have the same one; give each activation a layer of its own"
        )
    beside = [] if layer.norm is None else _steps_of(layer.norm)
    behind = [] if layer.dropout is None else _steps_of(layer.dropout)
    activation = SOFTMAX if layer.activation == SOFTMAX else functions[0]
    return [("dense", layer.neurons), *beside, ("activation", activation), *behind]


def _as_logits(steps: list[_Step]) -> list[_Step]:
    """Without the sigmoid or softmax at the end."""
    if steps and steps[-1][0] == "activation" and steps[-1][1] in SQUASHING:
        return steps[:-1]
    return steps


class _Names:
    """A name for each activation; two functions of the same name have one each."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[Value], Value]] = {"linear": ACTIVATIONS["linear"]}

    def of(self, activation: Any) -> str:
        """The name; "softmax" for that of a layer."""
        if activation == SOFTMAX:
            return SOFTMAX
        listed = listed_activation(activation)
        if listed is not None:
            activation = ACTIVATIONS[listed]
        plain = name = listed or activation_name(activation)
        count = 1
        while self.functions.setdefault(name, activation) != activation:
            count += 1
            name = f"{plain} {count}"
        return name


class _Layers:
    """The layers of the scene, as the steps come."""

    def __init__(self, model: Module) -> None:
        self.found: list[dict[str, Any]] = []
        self.n_inputs = 0
        leaves = [*model.parameters(), *model.buffers()]
        self._place_of = {id(leaf): at for at, leaf in enumerate(leaves)}
        self._used: set[int] = set()
        self._names = _Names()
        self._has_activation = True

    def take(self, kind: str, thing: Any) -> None:
        """One more step."""
        if kind == "dense":
            self._begin(len(thing), len(thing[0].w))
            rows = [[*neuron.w, neuron.b] for neuron in thing]
            places = self._places([leaf for row in rows for leaf in row], len(rows[0]))
            at, row = int(places[0, 0]), int(places[-1, 0] - places[0, 0])
            row //= max(len(rows) - 1, 1)
            row = row or len(rows[0])
            self._check_regular(places, at + row * np.arange(len(rows)), thing)
            here = {"W": {"at": at, "row": row}, "b": {"at": at + len(rows[0]) - 1, "row": row}}
            self.found[-1].update(here)
        elif kind == "norm":
            if self._has_activation or self.found[-1]["norm"] is not None:
                self._begin(thing.n_inputs, thing.n_inputs)
            self.found[-1]["norm"] = {
                "gamma": self._first_place(thing.weight),
                "beta": self._first_place(thing.bias),
                "mean": self._first_place(thing.running_mean),
                "var": self._first_place(thing.running_var),
                "eps": thing.epsilon,
            }
        elif kind == "activation":
            name = self._names.of(thing)
            if name == "linear":  # which changes nothing: a norm or an activation may still come
                return
            if self._has_activation:
                self._begin(self._width(), self._width())
            self.found[-1]["activation"] = name
            self._has_activation = True
        elif self.found:  # dropout, which a page that predicts only shows
            before = self.found[-1]["dropout"]
            self.found[-1]["dropout"] = before + thing * (
                1.0 - before
            )  # of one alone exactly its p

    def check_nothing_is_left(self, model: Module) -> None:
        """Refuse parameters that stand elsewhere, in an activation of one's own for instance."""
        if not self.found:
            raise InvalidArgumentError(f"{model!r} has no layer with weights; {MODELS}")
        left = [
            name
            for name, parameter in model.named_parameters()
            if self._place_of[id(parameter)] not in self._used
        ]
        if left:
            raise InvalidArgumentError(
                f"the parameter {left[0]} of {model!r} stands in no layer, and a page would leave "
                f"it as it is; {MODELS}"
            )

    def _begin(self, units: int, n_inputs: int) -> None:
        self.n_inputs = self.n_inputs or n_inputs
        self._has_activation = False
        self.found.append(
            {
                "units": units,
                "activation": "linear",
                "dropout": 0.0,
                "W": None,
                "b": None,
                "norm": None,
                "initializer": None,
            }
        )

    def _width(self) -> int:
        if not self.found:
            raise InvalidArgumentError(
                "the model begins with an activation, before any layer says how many inputs there "
                "are; begin with a Layer: Sequential(Layer(2, 8, None), 'relu', Layer(8, 1, None))"
            )
        units: int = self.found[-1]["units"]
        return units

    def _places(self, leaves: Sequence[Value], n_columns: int) -> NDArray[np.intp]:
        places = [self._place_of[id(leaf)] for leaf in leaves]
        self._used.update(places)
        return np.array(places, dtype=np.intp).reshape(-1, n_columns)

    def _first_place(self, leaves: Sequence[Value]) -> int | None:
        if not leaves:
            return None
        places = self._places(leaves, len(leaves))
        self._check_regular(places, places[:, 0], leaves)
        return int(places[0, 0])

    def _check_regular(self, places: NDArray[np.intp], starts: NDArray[Any], what: object) -> None:
        """Refuse weights that are shared within a layer: they follow no rule."""
        if not np.array_equal(places, starts[:, None] + np.arange(places.shape[1])):
            raise InvalidArgumentError(
                f"some numbers of {described(what)} are shared with another place of the model, "
                "which a page cannot run; give each neuron weights of its own"
            )
