"""Pass 2, fold: sums of products out of ``+`` and ``*``, and only what the outputs need.

A tree of additions over multiplications, each with a single consumer, becomes one node: a sum of
products ``l1 r1 + ... + lK rK`` and of plain terms. ``dot`` is one already. So the plain loop
``sum((w * x for w, x in zip(ws, xs)), b)`` and ``dot(ws, xs, b)`` are the same from here on.

Two bits are found for each node as well: whether it *varies* (depends on an input or a random leaf)
and whether it *needs a gradient* (depends on a parameter). In a product the factor that does not
vary goes to the left, so that weights stand on one side and data on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.compiler.tracing import Recording, Traced
from tinygrad_mlp.engine import Value
from tinygrad_mlp.ops import Op

__all__ = ["Folded", "Node", "fold"]

Ids = tuple[int, ...]
"""Numbers of nodes."""

_MOST_PLAIN_TERMS: Final = 3


@dataclass(slots=True)
class Node:
    """One node after folding.

    ``op`` is an elementwise or variadic op with ``args``; or it is ``ops.DOT`` for a sum of products
    ``left[k] * right[k]`` plus the plain terms ``args``.
    """

    op: Op
    args: Ids
    left: Ids = ()
    right: Ids = ()


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
        needs_grad: by id, whether it depends on a parameter.
        n_recorded: how many scalar operations were recorded and are needed.
    """

    nodes: dict[int, Node]
    n_ids: int
    parameters: list[int]
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
        self.leaves: dict[Value, int] = {}
        self.next_id = len(recording.nodes)
        self._tuples: dict[tuple[Value, ...], Ids] = {}
        for parameter in recording.parameters:
            self.of(parameter)

    def of(self, value: Value) -> int:
        if isinstance(value, Traced):
            return value.index
        known = self.leaves.get(value)
        if known is None:
            known = self.leaves[value] = self.next_id
            self.next_id += 1
        return known

    def of_tuple(self, values: tuple[Value, ...]) -> tuple[Ids, bool]:
        """The ids, and whether they were met for the first time."""
        ids = self._tuples.get(values)
        if ids is not None:
            return ids, False
        of = self.of
        ids = self._tuples[values] = tuple([of(value) for value in values])
        return ids, True


def fold(recording: Recording) -> Folded:
    """Fold a recording. Linear in the number of nodes."""
    numbering = _Numbering(recording)
    of = numbering.of
    tape = recording.nodes
    outputs = [of(value) for value in recording.outputs]
    auxiliary = [of(value) for value in recording.auxiliary]
    effects = [(leaf, of(value)) for leaf, value in recording.effects]
    # Who is needed, what it is made of, how often each node is used.
    uses: list[int] = [0] * len(tape)
    args_of: list[Ids] = [()] * len(tape)
    factors_of: dict[int, tuple[Ids, Ids]] = {}
    for id_ in [*outputs, *auxiliary, *[id_ for _, id_ in effects]]:
        if id_ < len(tape):
            uses[id_] += 2  # a result is never folded away
    n_recorded = 0
    n_tape = len(tape)
    for id_ in range(n_tape - 1, -1, -1):
        if not uses[id_] or tape[id_].op is None:
            continue
        n_recorded += 1
        parents = tape[id_].parents
        if tape[id_].op is ops.DOT:
            n = len(parents) // 2
            left, new_left = numbering.of_tuple(parents[:n])
            right, new_right = numbering.of_tuple(parents[n : 2 * n])
            factors_of[id_] = (left, right)
            for ids, is_new in ((left, new_left), (right, new_right)):
                if is_new:
                    for arg in ids:
                        if arg < n_tape:
                            uses[arg] += 2
            args = tuple([of(bias) for bias in parents[2 * n :]])
        else:
            args = tuple([p.index if isinstance(p, Traced) else of(p) for p in parents])
        args_of[id_] = args
        for arg in args:
            if arg < n_tape:
                uses[arg] += 1
    constants, outer = _leaf_kinds(recording, numbering)
    folded = Folded(
        nodes={},
        n_ids=numbering.next_id,
        parameters=[numbering.leaves[p] for p in recording.parameters],
        constants=constants,
        outer=outer,
        outputs=outputs,
        auxiliary=auxiliary,
        effects=effects,
        varies=np.zeros(numbering.next_id, dtype=bool),
        needs_grad=np.zeros(numbering.next_id, dtype=bool),
        n_recorded=n_recorded,
    )
    _fold_nodes(recording, folded, uses, args_of, factors_of)
    return folded


def _leaf_kinds(
    recording: Recording, numbering: _Numbering
) -> tuple[dict[int, float], list[tuple[int, Value]]]:
    constants: dict[int, float] = {}
    outer: list[tuple[int, Value]] = []
    parameters = set(recording.parameters)
    assigned = {leaf for leaf, _ in recording.effects}
    for leaf, id_ in numbering.leaves.items():
        if leaf in parameters:
            continue
        if (leaf.op is ops.CONSTANT or leaf in recording.own_leaves) and leaf not in assigned:
            constants[id_] = leaf.data
        else:
            outer.append((id_, leaf))
    return constants, outer


def _fold_nodes(
    recording: Recording,
    folded: Folded,
    uses: list[int],
    args_of: list[Ids],
    factors_of: dict[int, tuple[Ids, Ids]],
) -> None:
    varies: list[bool] = [False] * folded.n_ids
    needs: list[bool] = [False] * folded.n_ids
    for _, ids in recording.inputs:
        for id_ in ids:
            varies[id_] = True
    for id_, _ in recording.random:
        varies[id_] = True
    for id_ in folded.parameters:
        needs[id_] = True
    nodes: dict[int, Node] = {}
    constants = folded.constants
    tape = recording.nodes
    n_tape = len(tape)
    alias: dict[int, int] = {}
    products: dict[int, Ids] = {}  # a product waiting for the one sum that uses it
    sums: dict[int, _Sum] = {}  # a sum waiting likewise
    bits = _TupleBits(varies, needs)

    def waiting(id_: int) -> bool:
        return uses[id_] == 1

    for id_ in range(n_tape):
        op = tape[id_].op
        if op is None or not uses[id_]:
            continue
        args = args_of[id_]
        if alias:
            args = tuple([alias.get(arg, arg) for arg in args])
        op, args = _simpler(op, args, constants)
        if op is None:
            alias[id_] = args[0]
            if args[0] < n_tape:
                uses[args[0]] += uses[id_] - 1
            continue
        if op is ops.MUL:
            a, b = args
            varies[id_] = varies[a] or varies[b]
            needs[id_] = needs[a] or needs[b]
            if waiting(id_):
                products[id_] = args
            else:
                nodes[id_] = Node(op, args)
        elif op is ops.ADD or op is ops.SUM or op is ops.DOT:
            total = _Sum()
            if op is ops.DOT:
                left, right = factors_of[id_]
                if alias:
                    left = tuple([alias.get(arg, arg) for arg in left])
                    right = tuple([alias.get(arg, arg) for arg in right])
                left, right = _oriented(left, right, varies, bits)
                total.left, total.right = left, right
                varies[id_] = bits.of(left)[0] or bits.of(right)[0]
                needs[id_] = bits.of(left)[2] or bits.of(right)[2]
            varies[id_] = varies[id_] or any([varies[arg] for arg in args])
            needs[id_] = needs[id_] or any([needs[arg] for arg in args])
            for arg in args:
                if varies[id_] and not varies[arg]:  # computed once for all samples, so kept apart
                    total.plain.append(arg)
                elif arg in products and waiting(arg):
                    a, b = products.pop(arg)
                    total.add_product(*((b, a) if varies[a] and not varies[b] else (a, b)))
                elif arg in sums and waiting(arg):
                    total.add_sum(sums.pop(arg))
                else:
                    total.plain.append(arg)
            sums[id_] = total
        else:
            varies[id_] = any([varies[arg] for arg in args])
            needs[id_] = any([needs[arg] for arg in args])
            nodes[id_] = Node(op, args)
        if id_ in sums and not waiting(id_):
            nodes[id_] = sums.pop(id_).node()
    # What waited for a sum and was used by something else.
    late = {id_: Node(ops.MUL, args) for id_, args in products.items()}
    late.update({id_: total.node() for id_, total in sums.items()})
    nodes.update(late)
    folded.nodes = _kept_apart(dict(sorted(nodes.items())), folded, varies, needs)
    folded.outputs = [alias.get(id_, id_) for id_ in folded.outputs]
    folded.auxiliary = [alias.get(id_, id_) for id_ in folded.auxiliary]
    folded.effects = [(leaf, alias.get(id_, id_)) for leaf, id_ in folded.effects]
    folded.varies = np.array(varies, dtype=bool)
    folded.needs_grad = np.array(needs, dtype=bool)


def _kept_apart(
    nodes: dict[int, Node], folded: Folded, varies: list[bool], needs: list[bool]
) -> dict[int, Node]:
    """Split off what is better a node of its own: many plain terms, and products that do not vary."""
    result: dict[int, Node] = {}

    def apart(node: Node, operands: Ids) -> int:
        id_ = folded.n_ids
        folded.n_ids += 1
        varies.append(any([varies[i] for i in operands]))
        needs.append(any([needs[i] for i in operands]))
        result[id_] = node
        return id_

    for id_, node in nodes.items():
        if node.left and len(node.args) > _MOST_PLAIN_TERMS:
            tail = apart(Node(ops.SUM, node.args), node.args)
            node = Node(node.op, (tail,), node.left, node.right)
        if node.left and varies[id_]:
            factors = (*node.left, *node.right)
            if not any([varies[i] for i in factors]):
                products = apart(Node(node.op, (), node.left, node.right), factors)
                node = Node(ops.SUM, (products, *node.args))
        result[id_] = node
    return result


class _Sum:
    """A sum under construction. The factor lists stay shared tuples until something is appended."""

    __slots__ = ("left", "plain", "right")

    def __init__(self) -> None:
        self.left: Ids | list[int] = ()
        self.right: Ids | list[int] = ()
        self.plain: list[int] = []

    def add_product(self, left: int, right: int) -> None:
        if isinstance(self.left, tuple) or isinstance(self.right, tuple):
            self.left, self.right = list(self.left), list(self.right)
        self.left.append(left)
        self.right.append(right)

    def add_sum(self, other: _Sum) -> None:
        if len(other.plain) > len(self.plain):  # append the shorter list to the longer one
            self.plain, other.plain = other.plain, self.plain
        self.plain += other.plain
        if len(other.left) > len(self.left):
            self.left, other.left = other.left, self.left
            self.right, other.right = other.right, self.right
        if other.left:
            if isinstance(self.left, tuple) or isinstance(self.right, tuple):
                self.left, self.right = list(self.left), list(self.right)
            self.left += other.left
            self.right += other.right

    def node(self) -> Node:
        if not self.left and len(self.plain) == 2:
            return Node(ops.ADD, (self.plain[0], self.plain[1]))
        if not self.left:
            return Node(ops.SUM, tuple(self.plain))
        return Node(ops.DOT, tuple(self.plain), tuple(self.left), tuple(self.right))


def _simpler(op: Op, args: Ids, constants: dict[int, float]) -> tuple[Op | None, Ids]:
    """An equal, cheaper op; None for one that is its first argument."""
    if op is ops.SUM and len(args) == 1:
        return None, args
    if (op is ops.DIV or op is ops.MUL) and constants.get(args[1]) == 1.0:
        return None, args
    if op is ops.POW_NUMBER:
        exponent = constants.get(args[1])
        if exponent == 2.0:
            return ops.SQUARE, args[:1]
        if exponent == 1.0:
            return None, args
        if exponent == -1.0:
            return ops.RECIPROCAL, args[:1]
    return op, args


class _TupleBits:
    """For a tuple of ids: does any vary, do all vary, does any need a gradient. Cached by identity."""

    def __init__(self, varies: list[bool], needs: list[bool]) -> None:
        self._varies = varies
        self._needs = needs
        self._known: dict[int, tuple[Ids, tuple[bool, bool, bool]]] = {}  # keeps the tuples alive

    def of(self, ids: Ids) -> tuple[bool, bool, bool]:
        found = self._known.get(id(ids))
        if found is None:
            flags = [self._varies[i] for i in ids]
            bits = (any(flags), all(flags), any([self._needs[i] for i in ids]))
            found = self._known[id(ids)] = (ids, bits)
        return found[1]


def _oriented(left: Ids, right: Ids, varies: list[bool], bits: _TupleBits) -> tuple[Ids, Ids]:
    """The factors with what does not vary on the left."""
    if not bits.of(left)[0]:
        return left, right
    if not bits.of(right)[0]:
        return right, left
    if bits.of(left)[1]:
        return left, right
    swapped = [(b, a) if varies[a] and not varies[b] else (a, b) for a, b in zip(left, right)]
    return tuple([a for a, _ in swapped]), tuple([b for _, b in swapped])
