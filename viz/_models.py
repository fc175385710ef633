"""What a model computes, so that it can be drawn without data: its outputs for one sample."""

from __future__ import annotations

from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError
from tinygrad_mlp.nn._module import Module, make_known
from tinygrad_mlp.training._outputs import evaluation_mode, sample_outputs

__all__ = ["outputs_of"]


def outputs_of(model: Module) -> list[Value]:
    """The outputs of a model for a sample x1, x2, ... of zeros; the model stays as it is.

    Raises:
        GraphError: if the model does not say how many inputs it has.
        InvalidArgumentError: if it gives something else than Values.

    >>> from tinygrad_mlp.nn import MLP
    >>> len(outputs_of(MLP(2, [4, 3])))
    3
    """
    n_inputs = getattr(model, "n_inputs", None)
    weights = getattr(model, "w", None)  # those of a neuron
    if n_inputs is None and isinstance(weights, list):
        n_inputs = len(weights)
    if not isinstance(n_inputs, int):
        raise GraphError(
            f"{described(model)} cannot be drawn, as it has no attribute n_inputs that says how "
            "many "
            "numbers a sample has; set it, or draw an output: viz.draw(model([1.0, 2.0]), path)"
        )
    make_known(model)
    with evaluation_mode(model):
        inputs = [Value(0.0, label=f"x{i + 1}") for i in range(n_inputs)]
        return sample_outputs(model, inputs, from_logits=False)
