"""Pass 2, fold: sums of products out of ``+`` and ``*``, and only what the outputs need.

A tree of additions over multiplications, each with a single consumer, becomes one node: a sum of
products ``l1 r1 + ... + lK rK`` and of plain terms. ``dot`` is one already. So the plain loop
``sum((w * x for w, x in zip(ws, xs)), b)`` and ``dot(ws, xs, b)`` are the same from here on.

Two bits are found for each node as well: whether it *varies* (depends on an input or a random leaf)
and whether it *needs a gradient* (depends on a parameter). In a product the factor that does not
vary goes to the left, so that weights stand on one side and data on the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.compiler.tracing import Recording, Traced
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, TracingError
from tinygrad_mlp.ops import Op

__all__ = ["Folded", "Node", "fold"]

Ids = tuple[int, ...]
"""Numbers of nodes."""

_MOST_PLAIN_TERMS: Final = 3
_VARIES: Final = 1
_NEEDS_GRAD: Final = 2
_SIMPLIFIED: Final = frozenset([ops.SUM, ops.MUL, ops.DIV, ops.POW_NUMBER])


@dataclass(slots=True)
class Node:
    """One node after folding.

    ``op`` is an elementwise or variadic op with ``args``; or it is ``ops.DOT`` for a sum of
    products ``left[k] * right[k]`` plus the plain terms ``args``.
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
        self._tape = recording.nodes
        self._tuples: dict[tuple[Value, ...], Ids] = {}
        for parameter in recording.parameters:
            self.of(parameter)

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

    def of_tuple(self, values: tuple[Value, ...]) -> tuple[Ids, bool]:
        """The ids, and whether they were met for the first time."""
        ids = self._tuples.get(values)
        if ids is not None:
            return ids, False
        of = self.of
        ids = self._tuples[values] = tuple([of(value) for value in values])
        return ids, True


def fold(recording: Recording) -> Folded:
    """Fold a recording. Linear in the number of nodes.

    >>> from tinygrad_mlp.compiler.tracing import trace
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
        n_recorded=sum([node.op is not None and n > 0 for node, n in zip(tape, uses)]),
    )
    work = _Fold(recording, folded, uses)
    for id_, node in enumerate(tape):
        if node.op is not None and uses[id_]:
            work.add(id_, node.op, args_of[id_], factors_of.get(id_))
    work.finish()
    return folded


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
        op, parents = tape[id_].op, tape[id_].parents
        if op is None or not uses[id_]:
            continue
        if op is ops.DOT:
            n = len(parents) // 2
            sides = [numbering.of_tuple(parents[:n]), numbering.of_tuple(parents[n : 2 * n])]
            factors_of[id_] = (sides[0][0], sides[1][0])
            for arg in [arg for ids, is_new in sides if is_new for arg in ids]:
                if arg < n_tape:
                    uses[arg] += 2
            parents = parents[2 * n :]
        args = tuple([of(p) for p in parents])
        args_of[id_] = args
        for arg in args:
            if arg < n_tape:
                uses[arg] += 1
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
    parameters = set(recording.parameters)
    _check_earlier_results(numbering.leaves, parameters)
    assigned = {leaf for leaf, _ in recording.effects}
    for leaf, id_ in numbering.leaves.items():
        if leaf in parameters:
            continue
        is_constant = leaf.op is ops.CONSTANT and leaf not in assigned
        if is_constant or leaf in recording.own_leaves:
            constants[id_] = leaf.data
        else:
            outer.append((id_, leaf))
    return constants, outer


def _check_earlier_results(values: Iterable[Value], parameters: set[Value]) -> None:
    """What was computed from a parameter before the trace would be a number without gradient."""
    seen: set[Value] = set()
    for value in values:
        stack = [value] if value.parents else []
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


class _Fold:
    """Goes through the recorded nodes once, operands first, and builds ``folded.nodes``."""

    def __init__(self, recording: Recording, folded: Folded, uses: list[int]) -> None:
        self.folded = folded
        self.uses = uses
        self.detached = recording.detached
        self.flags: list[int] = [0] * folded.n_ids
        for id_ in [id_ for _, ids in recording.inputs for id_ in ids]:
            self.flags[id_] = _VARIES
        for id_, _ in recording.random:
            self.flags[id_] = _VARIES
        for id_ in folded.parameters:
            self.flags[id_] = _NEEDS_GRAD
        self.nodes: dict[int, Node] = {}
        self.alias: dict[int, int] = {}  # a node that turned out to be its operand
        self.products: dict[int, Ids] = {}  # a product waiting for the one sum that uses it
        self.sums: dict[int, _Sum] = {}  # a sum waiting likewise
        self.tuples = _TupleFlags(self.flags)

    def add(self, id_: int, op: Op, args: Ids, factors: tuple[Ids, Ids] | None) -> None:
        """Take one recorded node."""
        if self.alias:
            args = self.real(args)
        flags = self.flags
        if op in _SIMPLIFIED:
            simpler, args_left = _simpler(op, args, self.folded.constants)
            if simpler is not None:
                op, args = simpler, args_left
            elif id_ not in self.detached or not flags[args[0]] & _NEEDS_GRAD:
                self.alias[id_] = args[0]
                if args[0] < len(self.uses):
                    self.uses[args[0]] += self.uses[id_] - 1
                return
        either = 0
        for arg in args:
            either |= flags[arg]
        flags[id_] = either
        if op is ops.MUL and self.uses[id_] == 1:
            self.products[id_] = args
        elif op is ops.ADD or op is ops.SUM or op is ops.DOT:
            self.add_sum(id_, args, factors)
        else:
            self.nodes[id_] = Node(op, args)
        if id_ in self.detached:
            flags[id_] &= ~_NEEDS_GRAD

    def add_sum(self, id_: int, args: Ids, factors: tuple[Ids, Ids] | None) -> None:
        """A sum takes in the products and sums that wait for it."""
        flags, uses, products, sums = self.flags, self.uses, self.products, self.sums
        total: _Sum | None = None
        if factors is not None:
            left, right = map(self.real, factors) if self.alias else factors
            left, right = _oriented(left, right, flags, self.tuples)
            total = _Sum(left, right)
            flags[id_] |= self.tuples.any_of(left) | self.tuples.any_of(right)
        varies = flags[id_] & _VARIES
        plain = []
        waiting_products = []
        for arg in args:
            if arg >= len(uses) or uses[arg] != 1 or (varies and not flags[arg] & _VARIES):
                plain.append(arg)  # what does not vary is computed once for all samples
            elif arg in products:
                waiting_products.append(products.pop(arg))
            elif arg in sums:
                other = sums.pop(arg)
                total = other if total is None else total.joined(other)
            else:
                plain.append(arg)
        if total is None:
            total = _Sum((), ())
        for a, b in waiting_products:
            if flags[a] & _VARIES and not flags[b] & _VARIES:
                total.add_product(b, a)
            else:
                total.add_product(a, b)
        total.plain += plain
        if not total.plain and not total.left:
            self.folded.constants[id_] = 0.0  # the sum of nothing
        elif uses[id_] == 1:
            sums[id_] = total
        else:
            self.nodes[id_] = total.node()

    def real(self, ids: Ids) -> Ids:
        """The ids with every alias replaced."""
        return tuple([self.alias.get(id_, id_) for id_ in ids])

    def finish(self) -> None:
        """Settle what waited for a sum and was used by something else, and leave the results."""
        folded, nodes = self.folded, self.nodes
        nodes.update({id_: Node(ops.MUL, args) for id_, args in self.products.items()})
        nodes.update({id_: total.node() for id_, total in self.sums.items()})
        for id_, node in sorted(nodes.items()):
            folded.nodes[id_] = self.kept_apart(id_, node)
        folded.outputs = list(self.real(tuple(folded.outputs)))
        folded.auxiliary = list(self.real(tuple(folded.auxiliary)))
        folded.effects = [(leaf, self.alias.get(id_, id_)) for leaf, id_ in folded.effects]
        flags = np.array(self.flags, dtype=np.int64)
        folded.varies = (flags & _VARIES) != 0
        folded.needs_grad = (flags & _NEEDS_GRAD) != 0

    def kept_apart(self, id_: int, node: Node) -> Node:
        """Split off what is better a node of its own.

        That is, of a sum of products, many plain terms; and products that are the same for all
        samples where plain terms are not.
        """
        if not node.left:
            return node
        if len(node.args) > _MOST_PLAIN_TERMS:
            tail = self.split_off(Node(ops.SUM, node.args), node.args)
            node = Node(node.op, (tail,), node.left, node.right)
        of_factors = self.tuples.any_of(node.left) | self.tuples.any_of(node.right)
        if self.flags[id_] & _VARIES and not of_factors & _VARIES:
            factors = (*node.left, *node.right)
            products = self.split_off(Node(node.op, (), node.left, node.right), factors)
            node = Node(ops.SUM, (products, *node.args))
        return node

    def split_off(self, node: Node, operands: Ids) -> int:
        """Give a node of our own making an id."""
        id_ = self.folded.n_ids
        self.folded.n_ids += 1
        self.flags.append(self.tuples.any_of(operands))
        self.folded.nodes[id_] = node
        return id_


class _Sum:
    """A sum under construction. The factor lists stay shared tuples until something is appended."""

    __slots__ = ("left", "plain", "right")

    def __init__(self, left: Ids, right: Ids) -> None:
        self.left: Ids | list[int] = left
        self.right: Ids | list[int] = right
        self.plain: list[int] = []

    def add_product(self, left: int, right: int) -> None:
        if isinstance(self.left, tuple) or isinstance(self.right, tuple):
            self.left, self.right = list(self.left), list(self.right)
        self.left.append(left)
        self.right.append(right)

    def joined(self, other: _Sum) -> _Sum:
        """Both together; the shorter list is appended to the longer one."""
        longer, shorter = (self, other) if len(self.left) >= len(other.left) else (other, self)
        if shorter.left:
            if isinstance(longer.left, tuple) or isinstance(longer.right, tuple):
                longer.left, longer.right = list(longer.left), list(longer.right)
            longer.left += shorter.left
            longer.right += shorter.right
        if len(longer.plain) < len(shorter.plain):
            longer.plain, shorter.plain = shorter.plain, longer.plain
        longer.plain += shorter.plain
        return longer

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


class _TupleFlags:
    """The flags of a tuple of ids: those that any of them has, and those that all have.

    The answers are kept by the identity of the tuple.
    """

    def __init__(self, flags: list[int]) -> None:
        self._flags = flags
        self._known: dict[int, tuple[Ids, int, int]] = {}  # keeps the tuples alive

    def any_of(self, ids: Ids) -> int:
        return self._both(ids)[1]

    def all_of(self, ids: Ids) -> int:
        return self._both(ids)[2]

    def _both(self, ids: Ids) -> tuple[Ids, int, int]:
        found = self._known.get(id(ids))
        if found is None:
            either, every = 0, _VARIES | _NEEDS_GRAD
            for flag in [self._flags[i] for i in ids]:
                either |= flag
                every &= flag
            found = self._known[id(ids)] = (ids, either, every)
        return found


def _oriented(left: Ids, right: Ids, flags: list[int], tuples: _TupleFlags) -> tuple[Ids, Ids]:
    """The factors with what does not vary on the left."""
    if not tuples.any_of(left) & _VARIES:
        return left, right
    if not tuples.any_of(right) & _VARIES:
        return right, left
    if tuples.all_of(left) & _VARIES:
        return left, right
    swapped = [
        (b, a) if flags[a] & _VARIES and not flags[b] & _VARIES else (a, b)
        for a, b in zip(left, right)
    ]
    return tuple([a for a, _ in swapped]), tuple([b for _, b in swapped])
