"""Module: what holds parameters. It finds them by walking its plain attributes, without any magic.

A parameter is a leaf ``Value`` in an attribute of the module, or in a list, tuple, dict or further
module that stands in one. Beside them the state holds ``Buffer`` leaves, which nobody trains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp._freezing import set_requires_grad
from tinygrad_mlp._many_numbers import read_numbers, write_numbers
from tinygrad_mlp._one_or_many import Outputs, unwrapped
from tinygrad_mlp._text import described
from tinygrad_mlp._words import AnotherWord
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.functional import Scalar
from tinygrad_mlp.nn._contents import Buffer, Holder, contents_of, is_parameter, items_of
from tinygrad_mlp.nn._known_parts import make_known
from tinygrad_mlp.nn._state import check_names, check_shared, checked_array, named_entries
from tinygrad_mlp.nn._summary import layer_table

__all__ = ["Buffer", "Module", "Sample", "evaluation_mode", "leaves_of", "make_known", "parts_of"]

Sample: TypeAlias = Sequence[Scalar] | NDArray[Any] | Value
"""The inputs of one sample: Values or numbers, in a list or an array of one dimension; one Value
stands for a list of it."""


class _NotAnAttribute:
    """A name that says elsewhere whether a module is trained; set here, it would do nothing."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: object, owner: type | None = None) -> NoReturn:
        raise AttributeError(f"{owner and owner.__name__!r} object has no attribute {self.name!r}")

    def __set__(self, module: object, value: object) -> NoReturn:
        raise InvalidArgumentError(
            f"{self.name} = {described(value)} would do nothing to this {type(module).__name__}: "
            "write module.freeze() or module.unfreeze(), as in model.layers[0].freeze()"
        )


class Module(Holder):
    """The base of everything with parameters. Write ``__init__`` and ``forward``; call the module.

    Attributes:
        training: whether it trains at present; ``train()`` and ``eval()`` set it, also in every
            module inside. Dropout and the like look at it. A prediction switches it off for its own
            thread alone.

    Trained are the parameters that the optimizer holds, but for those that are frozen (``freeze``).

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = Value(2.0)
    ...         self.offset = Value(1.0)
    ...     def forward(self, x):
    ...         return [self.slope * xi + self.offset for xi in x]
    >>> line = Line()
    >>> line([10.0]).data
    21.0
    >>> [name for name, parameter in line.named_parameters()]
    ['slope', 'offset']
    """

    __slots__ = ()

    if not TYPE_CHECKING:  # to a type checker they are not there, so a class may have its own
        trainable = _NotAnAttribute()
        requires_grad_ = AnotherWord("module.freeze()")
        compile = AnotherWord("fit(model, X, y, optimizer='adam', loss='mean_squared_error')")
        fit = AnotherWord("fit(model, X, y)")
        predict = AnotherWord("predict(model, X)")
        predict_proba = AnotherWord("predict_proba(model, X)")
        score = AnotherWord("accuracy(model, X, y)")

    @property
    def training(self) -> bool:
        """Whether it trains at present."""
        mode = _modes_here.get().get(id(self))
        own: bool = vars(self).get("training", True)
        return own if mode is None else mode

    @training.setter
    def training(self, mode: bool) -> None:
        modes = _modes_here.get()
        if id(self) in modes:
            modes[id(self)] = mode
        else:
            vars(self)["training"] = mode

    def forward(self, x: Sequence[Scalar]) -> Outputs:
        """The outputs for one sample: a Value, or a list or tuple of Values.

        Args:
            x: the inputs of one sample, Values or numbers.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no forward; write def forward(self, x): ... in the class, "
            "which takes one sample and returns a Value or a list of Values"
        )

    def logits(self, x: Sequence[Scalar]) -> Outputs:
        """What a loss from logits takes: the outputs before a softmax or sigmoid at the end.

        The outputs themselves unless a module says otherwise.
        """
        return self.forward(x)

    def __call__(self, x: Sample) -> Any:
        """The outputs for one sample as ``forward`` returns them; of a list of one the only one."""
        try:
            is_known = self._known.still_hold(self.__dict__)
        except Exception:  # there are none yet; or an array was compared, which has no truth value
            is_known = False
        if not is_known:
            make_known(self)
        inputs: Any = x
        return unwrapped(self.forward(inputs))

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter with its name, once each, in the order in which they were defined.

        >>> from tinygrad_mlp.nn import MLP
        >>> [name for name, parameter in MLP(2, [1]).named_parameters()]
        ['layers.0.neurons.0.w.0', 'layers.0.neurons.0.w.1', 'layers.0.neurons.0.b']
        """
        for name, item in contents_of(self):
            if isinstance(item, Value) and is_parameter(item):
                yield name, item

    def parameters(self) -> list[Value]:
        """Every parameter, once each, in the order in which they were defined."""
        _, values = items_of(self)
        return [value for value in values if is_parameter(value)]

    def buffers(self) -> list[Buffer]:
        """Every buffer, once each, in the order in which they were defined."""
        _, values = items_of(self)
        return [value for value in values if isinstance(value, Buffer)]

    def modules(self) -> Iterator[Module]:
        """This module and every module inside it, once each."""
        yield from items_of(self)[0]

    def label_parameters(self) -> None:
        """Tell every parameter where it stands; its path is its label unless it has one.

        Calling a module does it too, so nobody needs to.

        >>> from tinygrad_mlp.nn import Layer
        >>> Layer(2, 1, rng=0).neurons[0].w[1].label
        'neurons.0.w.1'
        """
        make_known(self)

    def zero_grad(self) -> None:
        """Clear the gradient of every parameter."""
        for parameter in self.parameters():
            parameter.zero_grad()

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to any of its parameters; assign False to freeze them all.

        One parameter that is not frozen is enough; torch has the method ``requires_grad_`` instead.
        A module without parameters, of a normalization for instance, answers for its buffers.

        >>> from tinygrad_mlp.nn import MLP
        >>> model = MLP(2, [3, 1], rng=0)
        >>> model.layers[0].requires_grad = False
        >>> model.layers[0].requires_grad, model.requires_grad
        (False, True)
        """
        return any([leaf.requires_grad for leaf in self.parameters() or self.buffers()])

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        set_requires_grad([*self.parameters(), *self.buffers()], requires_grad)

    def freeze(self) -> Self:
        """Leave all parameters as they are in training, and give them no gradient; returns it.

        It costs no gradient in a compiled program either. The parameters stay in ``parameters()``,
        and an optimizer may hold them: it leaves them alone until ``unfreeze``. Penalties of
        ``fit`` do not count them, and their gradients are cleared.

        >>> from tinygrad_mlp.nn import MLP
        >>> model = MLP(2, [3, 1], rng=0)
        >>> body = model.layers[0].freeze()
        >>> model([1.0, 2.0]).backward()
        >>> [any(p.has_grad for p in layer.parameters()) for layer in model.layers]
        [False, True]
        """
        self.requires_grad = False
        return self

    def unfreeze(self) -> Self:
        """Let gradients flow to all parameters again; returns the module.

        >>> from tinygrad_mlp.nn import Neuron
        >>> Neuron(2, rng=0).freeze().unfreeze().requires_grad
        True
        """
        self.requires_grad = True
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch this module and every module inside it to training; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch this module and every module inside it to prediction; returns the module."""
        return self.train(False)

    def state_dict(self) -> dict[str, NDArray[np.float64]]:
        """All parameters and buffers as arrays that are copies; lists of numbers become one array.

        The weights of a layer have PyTorch's layout, (n_outputs, n_inputs).

        >>> from tinygrad_mlp.nn import MLP
        >>> {name: array.shape for name, array in MLP(2, [3]).state_dict().items()}
        {'layers.0.weight': (3, 2), 'layers.0.bias': (3,)}
        """
        entries = named_entries(self)
        numbers = iter(read_numbers([value for _, _, values in entries for value in values]))
        return {
            name: np.fromiter(islice(numbers, len(values)), np.float64, len(values)).reshape(shape)
            for name, shape, values in entries
        }

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike]) -> None:
        """Take over the numbers of a ``state_dict``. After an error the module is as it was.

        Args:
            state_dict: an array for each name in this module's ``state_dict()``, in its shape.

        Raises:
            InvalidArgumentError: if a name is missing or unknown, or if two arrays for parameters
                that are shared differ.
            ShapeError: if an array has another shape.
            NotANumberError: if an array holds anything but real numbers.

        >>> from tinygrad_mlp.nn import MLP
        >>> model, copy = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=1)
        >>> copy.load_state_dict(model.state_dict())
        >>> copy([1.0, 2.0]).data == model([1.0, 2.0]).data
        True
        """
        entries = named_entries(self)
        check_names(self, [name for name, _, _ in entries], state_dict)
        arrays = [checked_array(self, name, state_dict[name], shape) for name, shape, _ in entries]
        leaves = [value for _, _, values in entries for value in values]
        of_each = [array.ravel().tolist() for array in arrays]
        if len(set(leaves)) < len(leaves):
            names_and_leaves = [(name, values) for name, _, values in entries]
            shared = [(*pair, numbers) for pair, numbers in zip(names_and_leaves, of_each)]
            check_shared(f"the state dict for {self!r}", shared)
        write_numbers(leaves, [number for numbers in of_each for number in numbers])

    def summary(self) -> str:
        """A table of the layers: output shapes for one sample, numbers of parameters, the total.

        The numbers are those of parameters, each counted once, also where layers share it; how many
        of them are frozen is said below. A module of your own that has an attribute ``n_outputs``
        shows its output shape.

        >>> from tinygrad_mlp.nn import MLP
        >>> print(MLP(2, [16, 16, 1], rng=0).summary())
        MLP, 2 inputs
        layer     kind           output shape  parameters
        layers.0  Layer, relu    (16,)                 48
        layers.1  Layer, relu    (16,)                272
        layers.2  Layer, linear  (1,)                  17
        -------------------------------------------------
        total                                         337
        """
        modules = {name: item for name, item in contents_of(self) if isinstance(item, Module)}
        parameters = dict(self.named_parameters())
        n_frozen = len([p for p in parameters.values() if not p.requires_grad])
        return layer_table(modules, parameters, len(self.buffers()), n_frozen)

    def summary_kind(self) -> str:
        """What ``summary`` calls the module where it is one row; empty where it lists the parts."""
        return ""

    def __getstate__(self) -> Any:
        state: Any = super().__getstate__()
        if isinstance(state, tuple):  # attributes, and slots: a copy is made known by itself
            attributes, slots = state
            slots.pop("_known", None)
            return (attributes, slots) if slots else attributes
        return state

    def __repr__(self) -> str:
        return f"{type(self).__name__} with {len(self.parameters())} parameters"


_modes_here: Final[ContextVar[dict[int, bool]]] = ContextVar("modes", default={})  # noqa: B039
"""Whether modules train, by their ids, where that is another thing in this thread or task."""


@contextmanager
def evaluation_mode(model: Module) -> Iterator[None]:
    """Within this block the model predicts; for other threads it is in the mode that it was in.

    >>> model = Module()
    >>> with evaluation_mode(model):
    ...     print(model.training)
    False
    >>> model.training
    True
    """
    modules = list(model.modules())  # held, so that no other one gets an id of them
    before = _modes_here.get()
    _modes_here.set({**before, **{id(module): False for module in modules}})
    try:
        yield
    finally:
        _modes_here.set(before)


def leaves_of(module: Module) -> list[Value]:
    """Every parameter and buffer in a module, once each.

    >>> module = Module()
    >>> module.scale, module.mean = Value(2.0), Buffer(1.0)
    >>> [leaf.data for leaf in leaves_of(module)]
    [2.0, 1.0]
    """
    _, values = items_of(module)
    return [value for value in values if is_parameter(value) or isinstance(value, Buffer)]


def parts_of(module: Module) -> list[Module | Value]:
    """Every module and parameter in a module, itself first, once each.

    >>> model = Module()
    >>> model.scale = Value(2.0)
    >>> parts_of(model)[1:]
    [Value(data=2.0, grad=0.0)]
    """
    return [
        item for _, item in contents_of(module) if not isinstance(item, Value) or is_parameter(item)
    ]
