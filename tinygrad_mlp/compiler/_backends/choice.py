"""The one place where the back end of a program is chosen, and the reason for it.

NumPy calls pay for groups of nodes. Where a graph of the whole batch falls apart into groups of one
or two with operands in no order, plain arithmetic is faster. A graph of one sample that is mapped
over a batch has rows of samples in any case.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from tinygrad_mlp._native import _library as native_library
from tinygrad_mlp.compiler._backends.arithmetic import Arithmetic
from tinygrad_mlp.compiler._backends.native import Native
from tinygrad_mlp.compiler._backends.native_records import unknown_function
from tinygrad_mlp.compiler._backends.native_tape import NativeTape
from tinygrad_mlp.compiler._backends.numpy_text import NumpyText
from tinygrad_mlp.compiler._backends.protocol import Backend
from tinygrad_mlp.compiler._layout import Gather, Plan
from tinygrad_mlp.compiler._lowered import Lowered
from tinygrad_mlp.compiler._schedule import Group
from tinygrad_mlp.errors import BackendError

__all__ = ["Choice", "Wanted", "check_wanted", "choose", "is_irregular", "is_scattered", "native"]

Wanted = Literal["auto", "native", "numpy"]
"""What a person asks for: "auto" is native where that is possible."""

VARIABLE: Final = "TINYGRAD_MLP_BACKEND"
"""The environment variable that says what "auto" is."""

_MICROSECONDS_PER_CALL_GROUP: Final = 10.0
_MICROSECONDS_PER_OPERAND: Final = 0.2
_MANY_GROUPS: Final = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """A back end and the reason for it.

    Attributes:
        backend: the back end.
        reason: why, in words that go on from "because".
        plan: the groups and their memory, for a back end that works on arrays.
        not_native: why it is not the native one; empty if it is, or if nobody asked.
        library: of a native one, which library runs it, and by whom matrices are multiplied.

    >>> Choice(Arithmetic(), "nothing in it is regular")
    plain arithmetic, because nothing in it is regular
    """

    backend: Backend
    reason: str
    plan: Plan | None = None
    not_native: str = ""
    library: str = ""

    def __repr__(self) -> str:
        but = f"; not native: {self.not_native}" if self.not_native else ""
        return f"{self.backend.name}, because {self.reason}{but}"


def check_wanted(backend: object) -> Wanted:
    """The back end that is asked for; "auto" is what the environment says, if it says anything.

    Raises:
        BackendError: for anything else, also in the environment.

    >>> check_wanted("numpy")
    'numpy'
    """
    is_auto = isinstance(backend, str) and backend == "auto"
    told = (os.environ.get(VARIABLE) or "auto") if is_auto else backend
    for wanted in get_args(Wanted):
        if isinstance(told, str) and told == wanted:
            return wanted  # type: ignore[no-any-return]
    named = f"the environment variable {VARIABLE}" if is_auto else "backend"
    raise BackendError(f"{named} is 'auto', 'native' or 'numpy', got {told!r}")


def native(choice: Choice, lowered: Lowered, wanted: Wanted) -> Choice:
    """The native back end in the place of the one that was chosen, where it can run the program.

    Args:
        choice: how NumPy and Python would run it.
        lowered: the program.
        wanted: what is asked for.

    Raises:
        BackendError: if "native" is asked for, and impossible.

    >>> from types import SimpleNamespace
    >>> native(Choice(Arithmetic(), "a person says so"), SimpleNamespace(arrays=None), "numpy")
    plain arithmetic, because a person says so
    """
    if wanted == "numpy":
        return choice
    library = native_library.load()
    reason = native_library.reason()
    if library is not None and lowered.arrays is not None:
        function = unknown_function(lowered.arrays, library.operations)
        reason = f"the library has no {function}" if function else ""
    if reason and wanted == "native":
        raise BackendError(
            f"the back end 'native', which is asked for, cannot run this program: {reason}; "
            f"backend='auto', or {VARIABLE}=auto, takes what can"
        )
    if library is None or reason:
        return Choice(choice.backend, choice.reason, choice.plan, reason)
    backend = NativeTape(library) if lowered.arrays is None else Native(library)
    reason = f"the C library for {library.variant} is here"
    return Choice(backend, reason, choice.plan, library=library.describe())


def choose(groups: list[Group], lay_out: Callable[[], Plan], per_sample: bool) -> Choice:
    """The back end for a graph.

    Args:
        groups: its nodes.
        lay_out: makes the plan of the groups, which costs time and is not needed everywhere.
        per_sample: whether it is mapped over the samples.

    >>> choose([], lambda: None, per_sample=True)
    NumPy text, because one sample is mapped over the batch, in rows
    """
    if per_sample:
        return Choice(NumpyText(), "one sample is mapped over the batch, in rows", lay_out())
    if is_scattered(groups):
        return Choice(Arithmetic(), f"the graph falls apart into {len(groups)} small groups")
    plan = lay_out()
    if is_irregular(plan, groups):
        return Choice(Arithmetic(), "most operands lie in no order")
    return Choice(NumpyText(), "groups of nodes are worth NumPy calls", plan)


def is_scattered(groups: list[Group]) -> bool:
    """Whether there are so many small groups that arrays cannot pay, whatever their layout.

    >>> is_scattered([])
    False
    """
    cost = _MICROSECONDS_PER_CALL_GROUP * len(groups)
    return len(groups) > _MANY_GROUPS and _scalar_cost(groups) < cost


def is_irregular(plan: Plan, groups: list[Group]) -> bool:
    """Whether many operands would have to be gathered, at a higher cost than plain arithmetic.

    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._layout import lay_out
    >>> from tinygrad_mlp.compiler._schedule import schedule
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> recording = trace(lambda x: x[0] * x[1], [(2,)], [])
    >>> folded = fold(recording)
    >>> groups = schedule(folded)
    >>> is_irregular(lay_out(groups, recording, folded, per_sample=False), groups)
    False
    """
    operands = [o for step in plan.steps for o in (*step.operands, step.left, step.right)]
    n_gathered = sum([isinstance(operand, Gather) for operand in operands])
    cost = _MICROSECONDS_PER_CALL_GROUP * (len(plan.steps) + n_gathered)
    return 4 * n_gathered > len(plan.steps) and _scalar_cost(groups) < cost


def _scalar_cost(groups: list[Group]) -> float:
    n_operands = sum(
        [len(g.ids) * (len(g.args[0]) + (2 * len(g.left[0]) if g.left else 0)) for g in groups]
    )
    return _MICROSECONDS_PER_OPERAND * n_operands
