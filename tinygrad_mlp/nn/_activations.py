"""The activations of a neuron by name, each a function of one Value; softmax is for a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from tinygrad_mlp import functional
from tinygrad_mlp._own_ops import OpFunction
from tinygrad_mlp._registry import Registry
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError, NotANumberError, UnknownNameError
from tinygrad_mlp.ops import OPS, Op

__all__ = [
    "ACTIVATIONS",
    "SOFTMAX",
    "Activation",
    "activated",
    "activation_name",
    "activation_named",
]

Activation = Callable[[Value], Value]
"""What a neuron does with its weighted sum."""


def linear(x: Value) -> Value:
    """x itself: no activation, and no node. Derivative: 1.

    >>> linear(Value(-2.0)).data
    -2.0
    """
    return x


_OF_THE_PACKAGE: Final = {op.name: op for op in OPS.values() if op.activation}


def _function_of(op: Op) -> Activation:
    """The method of ``Value`` that applies an op, or else the function in ``functional``."""
    if _OF_THE_PACKAGE.get(op.name) is not op:
        return OpFunction(op)
    function: Activation = getattr(Value, op.name, None) or getattr(functional, op.name)
    return function


def _check_function(name: str, thing: object) -> None:
    if name.lower() == SOFTMAX:
        raise InvalidArgumentError(
            "softmax is the activation of a whole layer already; choose another name: "
            "ACTIVATIONS.add('my_softmax', function)"
        )
    if not callable(thing) or isinstance(thing, type):
        raise InvalidArgumentError(
            f"{described(thing)} is no function of one Value; "
            f"write one: ACTIVATIONS.add({name!r}, lambda x: x * x.sigmoid())"
        )


class Activations(Registry[Activation]):
    """The table of activations, which sees what stands in the table of operations by itself.

    >>> table = Activations("activation", ("linear", linear, "identity"))
    >>> table.add("bent", lambda x: x * x.sigmoid(), relu_like=True)
    >>> table.is_like_relu("bent"), table.is_like_relu("linear"), "tanh" in table
    (True, False, True)
    """

    _listed: dict[str, Activation]
    _like_relu: set[str]
    _seen: list[Op]
    _of_ops: list[str]

    def __init__(self, kind: str, *entries: Any, **settings: Any) -> None:
        self._like_relu, self._seen, self._of_ops = set(), [], []
        super().__init__(kind, *entries, **settings)

    def add(self, name: str, thing: Activation, *aliases: str, relu_like: bool = False) -> None:
        """Put a function of one Value under its name, to be found by its aliases too.

        Args:
            name: the name.
            thing: the function.
            aliases: other names of it.
            relu_like: whether it goes to x for large x and stays small for small x, as relu does:
                layers then begin with larger weights (He et al. 2015).

        Raises:
            InvalidArgumentError: if a name is no text or taken, or if it is no function.
        """
        listed = self.get(name)
        if isinstance(thing, OpFunction) and _op_of(listed) is thing.op:
            return  # declared with activation=True, which is enough
        super().add(name, thing, *aliases)
        (self._like_relu.add if relu_like else self._like_relu.discard)(name)

    def is_like_relu(self, name: str) -> bool:
        """Whether it was added as one that is like relu."""
        return name in self._like_relu and name in self

    @property
    def data(self) -> dict[str, Activation]:
        """The functions by name, with those of the ops that are declared by now."""
        if self._seen != [*OPS.values()]:
            self._seen = [*OPS.values()]
            for name in self._of_ops:
                self._listed.pop(name, None)
            of_ops = [op for op in self._seen if op.activation and op.name not in self._listed]
            self._of_ops = [op.name for op in of_ops]
            for op in of_ops:
                self._listed[op.name] = _function_of(op)
                self.aliases.update(dict.fromkeys(op.aliases, op.name))
        return self._listed

    @data.setter
    def data(self, listed: dict[str, Activation]) -> None:
        self._listed = listed


def _op_of(activation: object) -> Op | None:
    return activation.op if isinstance(activation, OpFunction) else None


SOFTMAX: Final = "softmax"
"""The one activation that works on all outputs of a layer together."""

ACTIVATIONS: Final = Activations(
    "activation", ("linear", linear, "identity"), check=_check_function
)
"""The activations of a single neuron by name: every op whose record says that it is one, those that
``functional.declare(name, ..., activation=True)`` made too. Another function of one Value:
``ACTIVATIONS.add("bent_line", bent_line, relu_like=True)``."""


def activation_named(activation: str | Activation | None) -> Activation:
    """The activation function of that name.

    Args:
        activation: one of ``ACTIVATIONS`` or an alias, in upper or lower case; a function of your
            own is returned as it is, None means linear.

    Raises:
        UnknownNameError: if there is none of that name; the message lists the known ones.
        InvalidArgumentError: for softmax and functions of NumPy, which are none of one Value.

    >>> activation_named("relu")(Value(-2.0)).data
    0.0
    >>> activation_named("rleu")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.UnknownNameError: unknown activation 'rleu'; known: elu, gelu, ...
    """
    if activation is None:
        return linear
    if isinstance(activation, np.ufunc):
        name = ACTIVATIONS.find(activation.__name__)
        known = name is not None or hasattr(functional, activation.__name__)
        ours = repr(name) if name else f"functional.{activation.__name__ if known else 'tanh'}"
        raise InvalidArgumentError(
            f"the activation np.{activation.__name__} computes with arrays, but a function of a "
            f"Value is needed: activation={ours}"
        )
    if callable(activation):
        return activation
    if str(activation).lower() == SOFTMAX:
        raise InvalidArgumentError(
            "softmax works on all outputs of a layer together, not on one neuron; give it to the "
            "layer: Layer(4, 3, activation='softmax'), or to the output of a network: "
            "MLP(4, [16, 3], output_activation='softmax')"
        )
    name = ACTIVATIONS.find(activation)
    if name is None:
        raise UnknownNameError.of(
            ACTIVATIONS.kind, activation, [*ACTIVATIONS, SOFTMAX], ACTIVATIONS.present_aliases()
        )
    return ACTIVATIONS[name]


def activated(outputs: list[Value], activation: object) -> list[Value]:
    """What an activation gave, if these are Values.

    Raises:
        NotANumberError: for plain numbers, through which no gradient would flow.

    >>> activated([1.0], lambda x: 1.0)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.NotANumberError: the activation <lambda> returned 1.0, but a Value is ...
    """
    for output in outputs:
        if not isinstance(output, Value):
            raise NotANumberError(
                f"the activation {activation_name(activation)} returned {described(output)}, but a "
                "Value is needed, since no gradient flows through a plain number; compute it from "
                "the argument: lambda x: x * x.sigmoid()"
            )
    return outputs


def activation_name(activation: object) -> str:
    """What to call an activation: its name in the table, or else the name of the function.

    >>> activation_name(functional.sin), activation_name(None), activation_name("Swish")
    ('sin', 'linear', 'silu')
    """
    if activation is None:
        return "linear"
    if isinstance(activation, str):
        return ACTIVATIONS.find(activation) or activation.lower()
    return ACTIVATIONS.name_of(activation) or str(
        getattr(activation, "__name__", type(activation).__name__)
    )


def listed_activation(activation: object) -> str | None:
    """The name in the table by which this very activation is found again; None for your own.

    >>> listed_activation(functional.tanh), listed_activation(Value.tanh), listed_activation("ReLU")
    ('tanh', 'tanh', 'relu')
    >>> listed_activation(lambda x: x) is None
    True
    """
    name = activation_name(activation)
    if activation is None or isinstance(activation, str):
        return name if name in ACTIVATIONS or name == SOFTMAX else None
    listed = ACTIVATIONS.get(name)
    same = (listed, getattr(functional, name, None), getattr(Value, name, None))
    if any(activation is known for known in same):
        return name if listed is not None else None
    op = _op_of(activation)  # one of many functions of the same op
    return name if op is not None and op is _op_of(listed) else None


def check_activations(
    activation: str | Activation | Sequence[str | Activation | None] | None,
    output_activation: str | Activation | None,
    n_layers: int,
) -> list[str | Activation | None]:
    """One activation for each layer of a network, the output layer last.

    Args:
        activation: one for all hidden layers, or a list: one for each hidden layer, or one for each
            layer with the output layer included.
        output_activation: the one of the output layer.
        n_layers: the number of layers.

    Raises:
        InvalidArgumentError: if a list has another length, or says the output's a second time.
        UnknownNameError: for an unknown name.

    >>> check_activations("relu", "softmax", 3)
    ['relu', 'relu', 'softmax']
    """
    given: Any = activation
    if isinstance(given, str) or callable(given) or not isinstance(given, Iterable):
        if activation_name(given) != SOFTMAX:
            activation_named(given)  # also where no hidden layer has it
        return [*[given] * (n_layers - 1), output_activation]
    listed: list[str | Activation | None] = list(given)
    if len(listed) == n_layers - 1:
        return [*listed, output_activation]
    if len(listed) != n_layers:
        raise InvalidArgumentError(
            f"activation lists {len(listed)} activations for {n_layers} layers; give one for each "
            f"layer, the output layer included ({n_layers}), or one for each hidden layer "
            f"({n_layers - 1})"
        )
    if output_activation is not None:
        raise InvalidArgumentError(
            f"the output layer has two activations: {listed[-1]!r}, the last of the list, and "
            f"output_activation={output_activation!r}; leave one of them out"
        )
    return listed
