"""The command line: ``demo``, ``train``, ``predict`` and ``step`` of ``python -m tinygrad_mlp``."""

from __future__ import annotations

from tinygrad_mlp._cli.main import main

__all__ = ["main"]
