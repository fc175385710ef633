"""The command line: ``demo``, ``train`` and ``predict``, as ``python -m tinygrad_mlp`` runs them."""

from __future__ import annotations

from tinygrad_mlp.cli.main import main

__all__ = ["main"]
