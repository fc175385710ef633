"""The lowered program: all that a back end needs to run it, as data.

A program is what goes in (arguments, parameters, leaves that are read, random leaves), what is done
and what comes out (the loss, its gradients, results, assignments). What is done stands here in two
ways: as instructions on arrays, or, where nothing is regular, as the scalar graph alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinygrad_mlp._recorders import ArrayCheck
from tinygrad_mlp.compiler._folding import Folded
from tinygrad_mlp.compiler._instructions import Buffer, Instruction, Number, Ref, Table
from tinygrad_mlp.compiler._layout import Plan
from tinygrad_mlp.compiler._tracing import Recording
from tinygrad_mlp.engine import Value

__all__ = ["Arrays", "Leaves", "Lowered"]


@dataclass(slots=True)
class Leaves:
    """Where the leaves of a program are.

    Attributes:
        parameters: the numbers that are trained.
        constants: numbers of the program, those of ``Lowered.constants``.
        outer: the numbers of ``Lowered.outer``, read at each call.
        arguments: one for each array that the program is called with, in C order.
        random: numbers between 0 and 1, drawn at each call from ``Lowered.generators``; of many
            samples, sample by sample.
    """

    parameters: Buffer
    constants: Buffer
    outer: Buffer
    arguments: list[Buffer]
    random: Buffer


@dataclass(slots=True)
class Arrays:
    """A program as instructions on arrays.

    Whatever is mapped has a row of B numbers for each slot, B the number of samples of a call.

    Attributes:
        instructions: in the order in which they run.
        numbers: the constants that stand in instructions.
        tables: the index arrays that stand in instructions.
        leaves: what is there before the first instruction.
        outputs: the loss, one slot; or, of a program that predicts, the results in C order.
        auxiliary: what is returned beside the loss, if anything.
        effects: (leaf, number that it is set to) after the last instruction.
        gradients: the parameters' derivatives; None if they are not wanted.
    """

    instructions: list[Instruction]
    numbers: list[Number]
    tables: list[Table]
    leaves: Leaves
    outputs: Ref
    auxiliary: Ref | None
    effects: list[tuple[Value, Ref]]
    gradients: Buffer | None = None

    def __repr__(self) -> str:
        n_gradients = self.gradients.size if self.gradients is not None else 0
        return f"Arrays({len(self.instructions)} instructions, {n_gradients} gradients)"


@dataclass(slots=True)
class Lowered:
    """One recording with what the passes made of it.

    Attributes:
        recording: what was recorded.
        folded: the scalar graph, after folding; without its nodes once the arrays are prepared.
        per_sample: whether it is the graph of one sample, to be mapped over B of them.
        reduction: "mean" or "sum" of the samples' losses, with gradients; None for a program that
            predicts.
        plan: the groups and their memory; None where nothing is regular.
        arrays: the instructions, likewise.

    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> recording = trace(lambda x: 3.0 * x[0], [(2,)], [])
    >>> lowered = Lowered(recording, fold(recording), per_sample=True, reduction=None)
    >>> lowered
    Lowered(1 scalar nodes, no arrays)
    >>> lowered.argument_shapes, lowered.output_shape, lowered.constants
    ([(2,)], (), [3.0])
    """

    recording: Recording
    folded: Folded
    per_sample: bool
    reduction: str | None
    plan: Plan | None = None
    arrays: Arrays | None = None

    def __repr__(self) -> str:
        arrays = "no arrays" if self.arrays is None else repr(self.arrays)
        return f"Lowered({self.folded.n_recorded} scalar nodes, {arrays})"

    @property
    def argument_shapes(self) -> list[tuple[int, ...]]:
        """The shape of each argument, of one sample if it is mapped."""
        return [shape for shape, _ in self.recording.inputs]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the results, of one sample if it is mapped; () for one number."""
        return self.recording.output_shape

    @property
    def auxiliary_shape(self) -> tuple[int, ...]:
        """Likewise, of what is returned beside the loss."""
        return self.recording.auxiliary_shape

    @property
    def constants(self) -> list[float]:
        """The numbers of the constant leaves."""
        return list(self.folded.constants.values())

    @property
    def outer(self) -> list[Value]:
        """The leaves that are read at each call."""
        return [leaf for _, leaf in self.folded.outer]

    @property
    def assigned(self) -> list[Value]:
        """The leaves that each call assigns to."""
        return [leaf for leaf, _ in self.folded.effects]

    @property
    def kept(self) -> dict[Value, int]:
        """Those of both kinds whose numbers are kept in the memory, and where."""
        return self.recording.kept

    @property
    def generators(self) -> list[np.random.Generator]:
        """What each random leaf is drawn from, in the order of the drawing."""
        return [rng for _, rng in self.recording.random]

    @property
    def checks(self) -> dict[ArrayCheck, list[list[int | Value]]]:
        """What is checked before each call: rows of placeholders' numbers, and of leaves."""
        return self.recording.checks
