"""Models to and from other programs: PyTorch, safetensors, ONNX.

>>> from tinygrad_mlp.nn import MLP
>>> network = to_torch(MLP(2, [8, 1], rng=0))
>>> from_torch(network)
Sequential of [Layer of 8 linear(2) neurons, relu, Layer of 1 linear(8) neuron]
"""

from __future__ import annotations

from tinygrad_mlp.interchange._from_torch import from_torch
from tinygrad_mlp.interchange._onnx_model import to_onnx
from tinygrad_mlp.interchange._safetensors_file import load_safetensors, save_safetensors
from tinygrad_mlp.interchange._to_torch import to_torch

__all__ = ["from_torch", "load_safetensors", "save_safetensors", "to_onnx", "to_torch"]
