"""``python -m tinygrad_mlp``: the command line."""

from __future__ import annotations

import sys

from tinygrad_mlp._cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
