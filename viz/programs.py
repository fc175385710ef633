"""A compiled program."""
from __future__ import annotations
from tinygrad_mlp.compiler import Program
from viz.look import Look
__all__ = ["program_dot"]
def program_dot(program: Program, look: Look, max_nodes: int) -> str:
    raise NotImplementedError
