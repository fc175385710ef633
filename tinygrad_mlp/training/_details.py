"""The JSON text in a weights file: what may stand in it, and that it fits to the arrays."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._schema import (
    AnyObject,
    ListOf,
    Number,
    OrNone,
    Part,
    Record,
    Text,
    Truth,
    Whole,
    misfit,
)
from tinygrad_mlp._text import shortened
from tinygrad_mlp.errors import DataError, InvalidArgumentError
from tinygrad_mlp.losses import LOSSES
from tinygrad_mlp.nn._architecture import KINDS, check_arrays
from tinygrad_mlp.nn._specification import SPECIFIED, check_specification

__all__ = ["ARCHITECTURE_VERSION", "DETAILS", "parse_details"]

MOST_LETTERS: Final = 1 << 24
"""Of all classes together, each as long as the longest, as NumPy keeps them."""


class Classes:
    """Labels of one kind, each once, such as a model answers with.

    >>> Classes().check(["no", 1], "task.classes")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: task.classes is a list of 2, but a list of at least 2 different
    labels, all texts, all numbers or all booleans, is needed
    """

    expected = "a list of at least 2 different labels, all texts, all numbers or all booleans,"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        if not isinstance(value, list) or len(value) < 2:
            raise misfit(value, where, self.expected)
        kinds = {type(label) for label in value}
        if len(kinds) != 1 or not kinds <= {bool, int, float, str} or len(set(value)) < len(value):
            raise misfit(value, where, self.expected)
        if kinds == {str}:
            if len(value) * max(map(len, value)) > MOST_LETTERS:
                raise DataError(f"{where} has labels of more than {MOST_LETTERS:,} letters")
            ListOf(Text()).check(value, where)
        kept = np.array(value).tolist()
        if kept != value or {type(label) for label in kept} != kinds:
            raise DataError(f"{where} has a label that NumPy cannot keep as it is")


ARCHITECTURE_VERSION: Final = 2
"""The newest way of saying how a model is made. Version 1 is for plain layers: their activations
stand beside it. Version 2 has a specification of the model and all its parts."""

MOST_NESTED: Final = 50
"""How deep a part of a model can stand in others."""


class Specified:
    """A module as ``nn._specification`` says it.

    Attributes:
        kinds: those that will do.
        depth: how many others it stands in.

    >>> Specified(["Layer"]).check({"kind": "Layer"}, "model")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: model has no 'activation'; its keys are kind, activation, ...
    """

    def __init__(self, kinds: Collection[str] = tuple(SPECIFIED), depth: int = 0) -> None:
        self.kinds = kinds
        self.depth = depth

    @property
    def expected(self) -> str:
        """In words what may stand there."""
        return f"an object whose 'kind' is one of {', '.join(self.kinds)}"

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        if not isinstance(value, dict) or "kind" not in value:
            raise misfit(value, where, self.expected)
        if self.depth > MOST_NESTED:
            raise DataError(f"{where} stands in more than {MOST_NESTED} other modules")
        Text(choices=self.kinds).check(value["kind"], f"{where}.kind")
        settings = self._settings(value["kind"])
        Record({"kind": Text(), **settings}, optional=("norm", "dropout")).check(value, where)

    def _settings(self, kind: str) -> dict[str, Part]:
        name, deeper = Text(least=1), self.depth + 1
        known: dict[str, dict[str, Part]] = {
            "MLP": {"layers": ListOf(Specified(["Layer"], deeper), least=1)},
            "Sequential": {"parts": ListOf(Specified(depth=deeper))},
            "Layer": {
                "activation": name,
                "norm": Specified(["BatchNorm"], deeper),
                "dropout": Specified(["Dropout"], deeper),
            },
            "Neuron": {"activation": name},
            "Activation": {"activation": name},
            "BatchNorm": {"momentum": Number(), "epsilon": Number(), "affine": Truth()},
            "Dropout": {"p": Number()},
        }
        return known[kind]


class Architecture:
    """How a model is made, as this version of the package knows it.

    >>> Architecture().check({"version": 3, "kind": "Transformer"}, "architecture")
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: architecture.version is 3, and this version of tinygrad_mlp ...
    """

    parts = Record({"version": Whole(1), "kind": Text(choices=KINDS)})
    specified = Record({"version": Whole(1), "model": Specified()})
    expected = parts.expected

    def check(self, value: object, where: str) -> None:
        """Raise DataError if the value does not fit."""
        version = value.get("version") if isinstance(value, dict) else None
        if isinstance(version, int) and version > ARCHITECTURE_VERSION:
            raise DataError(
                f"{where}.version is {version}, and this version of tinygrad_mlp reads up to "
                f"{ARCHITECTURE_VERSION}; a later one wrote the file"
            )
        (self.specified if version == ARCHITECTURE_VERSION else self.parts).check(value, where)


TASK: Final = Record(
    {
        "loss": OrNone(Text(choices=LOSSES)),
        "classes": OrNone(Classes()),
        "n_inputs": OrNone(Whole(1)),
        "n_outputs": OrNone(Whole(1)),
        "loss_settings": AnyObject(),
    },
    optional=("loss_settings",),  # of a loss with other settings than its usual ones
)

DETAILS: Final = Record(
    {
        "model": Text(),
        "activations": OrNone(ListOf(Text(least=1), least=1)),
        "architecture": OrNone(Architecture()),
        "task": OrNone(TASK),
        "extra": AnyObject(),
    },
    optional=("model", "activations", "architecture"),  # the first versions did not write them
)
"""What stands beside the arrays of every weights file."""


def parse_details(text: str, state: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """The details of which a file holds the text, all keys there.

    Args:
        text: the text.
        state: the arrays beside it.

    Raises:
        DataError: if it is no JSON, or anything in it is not as it must be; the message names it.

    >>> parse_details('{"task": {"loss": "hinge"}, "extra": {}}', {})
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: task has no 'classes'; its keys are loss, classes, n_inputs, ...
    """
    try:
        details = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise DataError(f"its text is no JSON ({shortened(str(error), 100)})") from None
    DETAILS.check(details, "")
    if ("model" in details) != ("activations" in details):
        raise DataError("of 'model' and 'activations' one is missing; they come together")
    _check_activations(details.get("activations"), state)
    if details.get("architecture") is not None:
        _check_architecture(details["architecture"], details.get("activations"), state)
    if details["task"] is not None:
        _check_task(**details["task"])
    return {"model": None, "activations": None, **details}


def _check_activations(activations: list[str] | None, state: Collection[str]) -> None:
    if activations is None:
        return
    layers = {match[1] for name in state if (match := re.match(r"layers\.(\d+)\.", name))}
    if (len(layers) or 1) != len(activations):
        raise DataError(
            f"activations has an entry for each of {len(activations)} layers, but the arrays are "
            f"those of {len(layers) or 1}"
        )


def _check_architecture(
    architecture: Mapping[str, Any],
    activations: list[str] | None,
    state: dict[str, NDArray[np.float64]],
) -> None:
    if "model" in architecture:
        try:
            check_specification(architecture["model"], state)
        except DataError as error:
            raise DataError(f"architecture.model does not fit: {error}") from None
        return
    kind = architecture["kind"]
    if activations is None:
        raise DataError(f"activations is missing or null, but architecture.kind is {kind!r}")
    try:
        check_arrays(kind, state)
    except DataError as error:
        raise DataError(f"architecture.kind is {kind!r}, but {error}") from None


def _check_task(
    loss: str | None,
    classes: list[Any] | None,
    n_outputs: int | None,
    loss_settings: dict[str, Any] | None = None,
    **_: object,
) -> None:
    if loss_settings is not None:
        if loss is None:
            raise DataError("task.loss_settings is there, but task.loss is null")
        try:
            LOSSES[loss].with_settings(**loss_settings)
        except InvalidArgumentError as error:
            raise DataError(f"task.loss_settings: {error}") from None
    if classes is None:
        return
    if loss is not None and LOSSES[loss].task == "regression":
        raise DataError(f"task.classes is a list of {len(classes)}, but {loss} is for numbers")
    if n_outputs is not None and len(classes) != (2 if n_outputs == 1 else n_outputs):
        raise DataError(
            f"task.n_outputs is {n_outputs}, which does not fit to the {len(classes)} classes "
            "of task.classes"
        )
