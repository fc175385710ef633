"""Pass 2, fold: sums of products out of ``+``, ``-`` and ``*``, and only what the outputs need.

A tree of additions over multiplications, each with a single consumer, becomes one node: a sum of
products ``l1 r1 + ... + lK rK`` and of plain terms. ``dot`` is one already. So the plain loop
``sum((w * x for w, x in zip(ws, xs)), b)`` and ``dot(ws, xs, b)`` are the same from here on. How,
is up to ``sums``.

Two bits are found for each node as well: whether it *varies* (depends on an input or a random leaf)
and whether it *needs a gradient* (depends on a parameter that is
not frozen, and the loss on it). In a product the
factor that does not vary goes to the left, so that weights stand on one side and data on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.compiler._nodes import NEEDS_GRAD, VARIES, Ids, Node
from tinygrad_mlp.compiler._sums import SumsOfProducts
from tinygrad_mlp.compiler._tracing import Recording, Traced
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, TracingError

__all__ = ["Folded", "Ids", "Node", "fold"]


@dataclass(slots=True)
class Folded:
    """The graph as numbers: ``nodes[id]`` for what is computed, the rest are leaves.

    Attributes:
        nodes: by id, in an order in which operands come first.
        n_ids: how many ids there are, leaves included.
        parameters: the ids of the parameters, in their order.
        constants: id -> number, leaves made in the trace.
        outer: (id, leaf) for leaves that stood before and are read at each call.
        outputs: the ids of the results.
        auxiliary: the ids of what is returned beside the loss.
        effects: (leaf, id) for assignments.
        varies: by id, whether it depends on an input or a random leaf.
        needs_grad: by id, whether it depends on a parameter, and an output on it.
        n_recorded: how many scalar operations were recorded and are needed.
    """

    nodes: dict[int, Node]
    n_ids: int
    parameters: range
    constants: dict[int, float]
    outer: list[tuple[int, Value]]
    outputs: list[int]
    auxiliary: list[int]
    effects: list[tuple[Value, int]]
    varies: np.ndarray
    needs_grad: np.ndarray
    n_recorded: int

    def __repr__(self) -> str:
        return f"Folded({self.n_recorded} scalar nodes -> {len(self.nodes)})"


class _Numbering:
    """Gives every Value of the recording its id; equal tuples of Values share one tuple of ids."""

    def __init__(self, recording: Recording) -> None:
        self._tape = recording.nodes
        self._tuples: dict[tuple[Value, ...], Ids] = {}
        n_nodes = len(recording.nodes)
        self.parameters = range(n_nodes, n_nodes + len(recording.parameters))
        self.leaves = dict(zip(recording.parameters, self.parameters))
        self.next_id = self.parameters.stop

    def of(self, value: Value) -> int:
        if isinstance(value, Traced):
            index = value.index
            if index < len(self._tape) and self._tape[index] is value:
                return index
            raise _left_over(value)
        known = self.leaves.get(value)
        if known is None:
            known = self.leaves[value] = self.next_id
            self.next_id += 1
        return known

    def of_tuple(self, values: tuple[Value, ...]) -> tuple[Ids, Ids]:
        """The ids; and those that may be of nodes, if they were met for the first time."""
        ids = self._tuples.get(values)
        if ids is not None:
            return ids, ()
        try:
            ids = self._tuples[values] = tuple(map(self.leaves.__getitem__, values))
        except KeyError:  # most factors are leaves that are known
            ids = self._tuples[values] = tuple(map(self.of, values))
            return ids, ids
        return ids, ()

    def forget(self) -> None:
        """Free what is large, now that all have their ids."""
        self.leaves.clear()
        self._tuples.clear()


def fold(recording: Recording) -> Folded:
    """Fold a recording. Linear in the number of nodes.

    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> w = [Value(1.0), Value(2.0)]
    >>> recording = trace(lambda x: w[0] * x[0] + w[1] * x[1] + 0.5, [(2,)], w)
    >>> fold(recording)
    Folded(4 scalar nodes -> 1)
    """
    numbering = _Numbering(recording)
    of = numbering.of
    tape = recording.nodes
    outputs = [of(value) for value in recording.outputs]
    auxiliary = [of(value) for value in recording.auxiliary]
    effects = [(leaf, of(value)) for leaf, value in recording.effects]
    results = [*outputs, *auxiliary, *[id_ for _, id_ in effects]]
    uses, args_of, factors_of = _uses(tape, numbering, results)
    _keep_detached(recording.detached, uses, args_of)
    constants, outer = _leaf_kinds(recording, numbering)
    numbering.forget()
    flags = _flags_of_leaves(recording, numbering)
    work = SumsOfProducts(uses, flags, constants, recording.detached)
    for id_, node in enumerate(tape):
        if node.op is not None and uses[id_]:
            work.add(id_, node.op, args_of[id_], factors_of.get(id_))
    work.finish()
    final = work.final
    outputs = [final(id_) for id_ in outputs]
    _stop_where_nothing_flows(work.nodes, outputs, flags)
    all_flags = np.array(flags, dtype=np.int8)
    return Folded(
        nodes=work.nodes,
        n_ids=len(flags),
        parameters=numbering.parameters,
        constants=constants,
        outer=outer,
        outputs=outputs,
        auxiliary=[final(id_) for id_ in auxiliary],
        effects=[(leaf, final(id_)) for leaf, id_ in effects],
        varies=(all_flags & VARIES) != 0,
        needs_grad=(all_flags & NEEDS_GRAD) != 0,
        n_recorded=sum([node.op is not None and n > 0 for node, n in zip(tape, uses)]),
    )


def _uses(
    tape: list[Value], numbering: _Numbering, results: list[int]
) -> tuple[list[int], list[Ids], dict[int, tuple[Ids, Ids]]]:
    """Who is needed (how often each node is used), and what it is made of.

    What must not be folded away counts as used twice: results, and the factors of a ``dot``.
    """
    of = numbering.of
    n_tape = len(tape)
    uses: list[int] = [0] * n_tape
    args_of: list[Ids] = [()] * n_tape
    factors_of: dict[int, tuple[Ids, Ids]] = {}
    for id_ in results:
        if id_ < n_tape:
            uses[id_] += 2
    for id_ in range(n_tape - 1, -1, -1):
        node = tape[id_]
        op, parents = node.op, node.parents
        if not uses[id_]:
            continue
        if op is ops.DOT:
            n = len(parents) // 2
            sides = [numbering.of_tuple(parents[:n]), numbering.of_tuple(parents[n : 2 * n])]
            factors_of[id_] = (sides[0][0], sides[1][0])
            for arg in [arg for _, new in sides for arg in new]:
                if arg < n_tape:
                    uses[arg] += 2
            parents = parents[2 * n :]
        args = []
        for parent in parents:
            if parent.__class__ is Traced and parent.index < id_ and tape[parent.index] is parent:
                arg = parent.index  # what ``of`` would answer; most parents are of this kind
            else:
                arg = of(parent)
            args.append(arg)
            if arg < n_tape:
                uses[arg] += 1
        args_of[id_] = tuple(args)
    return uses, args_of, factors_of


def _keep_detached(detached: set[int], uses: list[int], args_of: list[Ids]) -> None:
    """A node through which no gradient flows is not folded into one that has a gradient."""
    for id_, args in enumerate(args_of if detached else []):
        if id_ not in detached:
            for arg in args:
                if arg in detached:
                    uses[arg] += 2


def _leaf_kinds(
    recording: Recording, numbering: _Numbering
) -> tuple[dict[int, float], list[tuple[int, Value]]]:
    constants: dict[int, float] = {}
    outer: list[tuple[int, Value]] = []
    assigned = {leaf for leaf, _ in recording.effects}
    others = list(islice(numbering.leaves.items(), len(recording.parameters), None))
    _check_earlier_results([leaf for leaf, _ in others], recording.parameters)
    for leaf, id_ in others:
        is_constant = leaf.op is ops.CONSTANT and leaf not in assigned
        if is_constant or leaf in recording.own_leaves:
            constants[id_] = leaf.data
        else:
            outer.append((id_, leaf))
    return constants, outer


def _check_earlier_results(values: list[Value], listed: Sequence[Value]) -> None:
    """What was computed from a parameter before the trace would be a number without gradient."""
    computed = [value for value in values if value.parents]
    parameters = set(listed if computed else [])
    seen: set[Value] = set()
    for value in computed:
        stack = [value]
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in parameters:
                raise GraphError(
                    f"the function uses a Value that was computed from a parameter before it was "
                    f"called ({_described(value)}), so a program can neither compute it anew nor "
                    "find its gradient; compute it inside the function: def loss(x): h = w * 2; ..."
                )
            stack += node.parents


def _left_over(value: Traced) -> TracingError:
    error = TracingError(
        f"the function uses {value!r}, which was made while a function was recorded before; keep "
        "no traced Values between calls: compute them in the function, or keep a number in a "
        "Buffer by assign(buffer, value)"
    )
    error.reason = "it uses a Value of an earlier recording"
    return error


def _described(value: Value) -> str:
    return repr(value.label) if value.label else f"{value.op.formula if value.op else value!r}"


def _flags_of_leaves(recording: Recording, numbering: _Numbering) -> list[int]:
    flags = [0] * numbering.next_id
    for id_ in [id_ for _, ids in recording.inputs for id_ in ids]:
        flags[id_] = VARIES
    for id_, _ in recording.random:
        flags[id_] = VARIES
    parameters = numbering.parameters
    flags[parameters.start : parameters.stop] = [NEEDS_GRAD] * len(parameters)
    for place in recording.frozen:
        flags[parameters[place]] = 0
    return flags


def _stop_where_nothing_flows(nodes: dict[int, Node], outputs: list[int], flags: list[int]) -> None:
    """Only what the loss depends on needs a gradient, by other local derivatives than a fixed 0."""
    reached = set(outputs)  # nodes alone, as most of the leaves may be parameters
    seen: set[int] = set()  # tuples of factors, by identity
    for id_, node in reversed(nodes.items()):
        if not flags[id_] & NEEDS_GRAD:
            continue
        if id_ not in reached:
            flags[id_] &= ~NEEDS_GRAD
            continue
        for factors in (node.left, node.right):
            if id(factors) not in seen:
                seen.add(id(factors))
                reached.update(nodes.keys() & factors)
        partials = node.op.partials
        if 0.0 not in partials:
            reached.update(node.args)
        else:
            reached.update([arg for arg, rule in zip(node.args, partials) if rule != 0.0])
