"""Models to and from other programs: PyTorch, safetensors, ONNX."""

from __future__ import annotations

from tinygrad_mlp.interchange._onnx_model import to_onnx

__all__ = ["to_onnx"]
