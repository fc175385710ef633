"""Weights to and from other programs.

``save_weights`` writes an .npz file, which NumPy alone can open; ``load_weights`` reads it back,
``load_model`` also makes the model.
"""

from __future__ import annotations

from tinygrad_mlp.training._weights import load_model, load_weights, read_weights, save_weights

__all__ = ["load_model", "load_weights", "read_weights", "save_weights"]
