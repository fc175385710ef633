"""What a page asks of a run that stands still: the formula of a unit, the graph of a sample."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

import numpy as np

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp.data._arrays import Floats
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.nn import Module
from viz._run.run_choices import GIVEN
from viz._run.run_network import plain_network
from viz._run.run_samples import RunSamples
from viz._run.run_steps import Steps
from viz._run.sample_graph import SampleGraph, sample_graph
from viz._run.unit_formula import UnitFormula, standardized_formulas

__all__ = ["formula_of", "model_of_its_own", "sample_of"]

Name = tuple[str, str]
"""What something is called in text and in LaTeX."""

IN_LATEX: Final = {
    "x1": "x_1",
    "x2": "x_2",
    "x1^2": "x_1^2",
    "x2^2": "x_2^2",
    "x1*x2": "x_1 x_2",
    "sin(x1)": r"\sin x_1",
    "sin(x2)": r"\sin x_2",
}


def model_of_its_own(steps: Steps) -> Module:
    """A copy of the network whose numbers may be changed; without dropout where that is easy.

    >>> from viz._run.run_settings import LayerSettings, RunSettings
    >>> from viz._run.steered import first_steps
    >>> model_of_its_own(first_steps(RunSettings("moons", layers=(LayerSettings(3),))))
    MLP of [Layer of 3 tanh(2) neurons, Layer of 1 sigmoid(3) neuron]
    """
    if steps.settings.data == GIVEN:
        return deepcopy(steps.model)
    return plain_network(steps.settings, steps.samples)


def sample_of(
    steps: Steps,
    numbers: Floats,
    index: int,
    inputs: Sequence[float | None] | None,
    weights: Mapping[Any, float] | None,
) -> SampleGraph:
    """The graph of the loss of one sample; samples count from 0.

    >>> from viz._run.run_settings import RunSettings
    >>> from viz._run.steered import first_steps
    >>> steps = first_steps(RunSettings("moons"))
    >>> sample_of(steps, steps.program.parameters, 3, None, None).title
    'sample 3: class 1, at step 0'
    """
    samples = steps.samples
    index = check_integer(index, "the number of the sample", "0 for the first", minimum=0)
    if index >= len(samples.X):
        raise InvalidArgumentError(
            f"there is no sample {index}; they count from 0 to {len(samples.X) - 1}"
        )
    only = slice(index, index + 1)
    sample = steps.as_trained(samples, samples.X[only], samples.y[only])
    answer = samples.y[index]
    shown = samples.classes[int(answer)] if samples.classes and np.ndim(answer) == 0 else answer
    part = " held out" * bool((samples.held_out == index).any())
    return sample_graph(
        model_of_its_own(steps),
        numbers,
        steps.task,
        sample,
        list(samples.features or samples.names),
        f"sample {index}{part}: {shown}, at step {steps.count}",
        inputs,
        weights,
    )


def formula_of(
    network: Mapping[str, Any], numbers: Floats, samples: RunSamples, layer: int, unit: int
) -> dict[str, str]:
    """The formula of a unit with its weights, and how its inputs come from the columns.

    Args:
        network: the network as the scene has it.
        numbers: the parameters and then the buffers.
        samples: the samples.
        layer: the layer, from 0, the output layer being the last one.
        unit: the unit of it, from 0.

    >>> from viz._run.run import Run
    >>> from viz._run.run_settings import RunSettings
    >>> run = Run(RunSettings("moons", layers=(), standardize=False))
    >>> run.set_weight(0, 0.5)
    >>> run.set_weight(1, -1.25)
    >>> network = {"layers": [{"units": 1, "activation": "linear", "norm": None,
    ...     "W": {"at": 0, "row": 3}, "b": {"at": 2, "row": 3}}]}
    >>> formula_of(network, run.numbers(), run.samples, 0, 0)["text"]
    'z = 0.5*x1 - 1.25*x2 + 0.0'
    """
    layers = network["layers"]
    layer = _place(layer, len(layers), "layer")
    told = layers[layer]
    unit = _place(unit, told["units"], "unit")
    inputs, where = _inputs(samples) if layer == 0 else (_units(layers, layer - 1), [])
    if told["W"] is None:
        inputs, weights = inputs[unit : unit + 1], [1.0]
    else:
        at = told["W"]["at"] + unit * told["W"]["row"]
        weights = numbers[at : at + len(inputs)].tolist()
    bias = told["b"]
    formula = UnitFormula(
        _units(layers, layer)[unit] if layer < len(layers) - 1 else _output(samples, unit),
        told["activation"],
        weights,
        0.0 if bias is None else float(numbers[bias["at"] + unit * bias["row"]]),
        inputs,
        _norm(told["norm"], numbers, unit),
    )
    latex = [formula.latex, *[line for _, line in where]]
    lines = r" \\ ".join([line.replace(" = ", " &= ", 1) for line in latex])
    return {
        "text": "\n".join([formula.text, *[line for line, _ in where]]),
        "latex": rf"\begin{{aligned}} {lines} \end{{aligned}}",
    }


def _place(given: object, n: int, what: str) -> int:
    place = check_integer(given, f"the {what}", "0 for the first", minimum=0)
    if place >= n:
        raise InvalidArgumentError(f"there is no {what} {place}; they count from 0 to {n - 1}")
    return place


def _units(layers: Sequence[Mapping[str, Any]], layer: int) -> list[Name]:
    """What the units of a layer are called, counted from 1."""
    numbers = range(1, layers[layer]["units"] + 1)
    return [(f"h{layer + 1}_{j}", f"h^{{({layer + 1})}}_{{{j}}}") for j in numbers]


def _output(samples: RunSamples, unit: int) -> Name:
    letter = "y" if samples.kind == "regression" else "z"
    return (
        (letter, letter)
        if samples.n_outputs == 1
        else (
            f"{letter}{unit + 1}",
            f"{letter}_{{{unit + 1}}}",
        )
    )


def _inputs(samples: RunSamples) -> tuple[list[Name], list[Name]]:
    """What the network sees, by name, and the lines that explain these names."""
    if samples.is_plane:
        features = samples.features or ("x1", "x2")
        raw = [(_in_python(name), IN_LATEX[name]) for name in features]
        explained: list[Name] = []
    else:
        raw = [(f"x{i}", f"x_{{{i}}}") for i in range(1, samples.n_inputs + 1)]
        explained = [
            (f"{name[0]} = column {told!r}", rf"{name[1]} = \text{{column {i}}}")
            for i, (name, told) in enumerate(zip(raw, samples.names), start=1)
        ]
    if samples.scaler is None:
        return raw, explained
    names = [(f"a{i}", f"a_{{{i}}}") for i in range(1, len(raw) + 1)]
    texts, latex = standardized_formulas(names, raw, samples.scaler)
    return names, [*zip(texts, latex), *explained]


def _in_python(name: str) -> str:
    """A feature as it is computed: x1**2 for x1^2.

    >>> [_in_python(name) for name in IN_LATEX]
    ['x1', 'x2', 'x1**2', 'x2**2', 'x1*x2', 'sin(x1)', 'sin(x2)']
    """
    return re.sub(r"\^", "**", name)


def _norm(
    told: Mapping[str, Any] | None, numbers: Floats, unit: int
) -> tuple[float, float, float, float] | None:
    """Scale, shift, mean and spread of a batch norm."""
    if told is None:
        return None

    def number(name: str, without: float) -> float:
        place = told[name]
        return without if place is None else float(numbers[place + unit])

    spread = float(np.sqrt(number("var", 1.0) + told["eps"]))
    return number("gamma", 1.0), number("beta", 0.0), number("mean", 0.0), spread
