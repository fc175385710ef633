"""What is computed from what in a scalar graph, forward and backward, for a tape.

It is the way of ``scalar_walk``, taken by all nodes of an op at once: one loop sorts the nodes by
their op, and all else is done on arrays, the levels in C. Each result gets a number. Where the
numbers lie is found out at the end (``tape_assembly``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp._native._library import Function, address_of
from tinygrad_mlp.compiler._backends.arithmetic import TERMS_AT_ONCE
from tinygrad_mlp.compiler._backends.scalar_walk import share_of
from tinygrad_mlp.compiler._backends.tape_assembly import PARTIALS, Ints, Nodes, Parts, Sums
from tinygrad_mlp.compiler._backends.tape_rules import derive
from tinygrad_mlp.compiler._folding import Ids
from tinygrad_mlp.compiler._lowered import Lowered
from tinygrad_mlp.ops import Op

__all__ = ["parts_of"]


def parts_of(lowered: Lowered, find_levels: Function) -> Parts:
    """What a program consists of.

    Args:
        lowered: the program.
        find_levels: the function of the C library.

    >>> from tinygrad_mlp._native._library import load
    >>> from tinygrad_mlp.compiler._folding import fold
    >>> from tinygrad_mlp.compiler._tracing import trace
    >>> recording = trace(lambda x: x[0].tanh() * x[1], [(2,)], [])
    >>> lowered = Lowered(recording, fold(recording), per_sample=False, reduction=None)
    >>> library = load()
    >>> if library is not None:  # it was built
    ...     parts = parts_of(lowered, library.find_levels)
    ...     assert parts.leaves.tolist() == [2, 3]
    ...     assert [nodes.operands.tolist() for nodes in parts.nodes] == [[[2]], [[4, 3]]]
    ...     assert parts.results["results"].tolist() == [5]
    """
    return _Writer(lowered, find_levels).parts()


class _Writer:
    """Numbers are counted, in no order that matters.

    The id behind all others stands for 1.0, which is the factor of a plain term, the next for 0.0.
    """

    def __init__(self, lowered: Lowered, find_levels: Function) -> None:
        self.lowered, self.find_levels = lowered, find_levels
        self.folded = folded = lowered.folded
        self.count = 0
        self.constants: dict[int, float] = {}
        self.known_constants: dict[object, int] = {}
        self.one_id, self.zero_id = folded.n_ids, folded.n_ids + 1
        self.numbers = np.zeros(folded.n_ids + 2, np.int32)  # of the values, by id
        self.one, self.zero = self.constant(1.0), self.constant(0.0)
        self.numbers[[self.one_id, self.zero_id]] = self.one, self.zero
        self.shares: list[tuple[int, int, int]] = []
        self.nodes: dict[tuple[Op, int], Nodes] = {}
        self.operands: dict[tuple[Op, int], Ints] = {}  # ids, a row for each node
        self.sums: list[Sums] = []
        self.sort_nodes()

    def parts(self) -> Parts:
        """What was found."""
        folded = self.folded
        for id_, number in folded.constants.items():
            self.numbers[id_] = self.constant(number)
        leaves = self.read_leaves()
        self.number_nodes()
        self.add_values()
        results: dict[str, Ints] = {
            "effects": self.numbers[_ints([id_ for _, id_ in folded.effects])]
        }
        if self.lowered.reduction is None:
            results["results"] = self.numbers[folded.outputs]
        else:
            results["loss"] = self.numbers[folded.outputs]
            results["gradients"] = self.differentiate(folded.outputs[0])
            results["beside"] = self.numbers[_ints(folded.auxiliary)]
        nodes, sums = [*self.nodes.values()], self.sums
        return Parts(self.count, leaves, self.constants, nodes, Sums.joined(sums), results)

    def new(self, n: int) -> Ints:
        """The next numbers."""
        self.count += n
        return np.arange(self.count - n, self.count, dtype=np.int32)

    def constant(self, number: float) -> int:
        key: object = number or str(number)  # 0.0 is not -0.0
        found = self.known_constants.get(key)
        if found is None:
            found = self.known_constants[key] = int(self.new(1)[0])
            self.constants[found] = number
        return found

    def read_leaves(self) -> Ints:
        """Parameters, arguments, leaves that stood before, those that are kept, random ones."""
        recording, kept = self.lowered.recording, self.lowered.kept
        outer = self.folded.outer
        ids = [
            *self.folded.parameters,
            *[id_ for _, ids in recording.inputs for id_ in ids],
            *[id_ for id_, leaf in outer if leaf not in kept],
            *[id_ for id_, leaf in outer if leaf in kept],
            *[id_ for id_, _ in recording.random],
        ]
        self.numbers[_ints(ids)] = leaves = self.new(len(ids))
        return leaves

    # Values

    def sort_nodes(self) -> None:
        """Nodes by their op and how many operands they have; sums, of products or not, apart."""
        nodes, exp, add_up = self.folded.nodes, ops.EXP, ops.SUM
        sums: list[int] = []
        by_op: dict[tuple[Op, int], list[int]] = {}
        for id_, node in nodes.items():
            op = node.op
            if node.left or op is add_up:
                sums.append(id_)
            elif op is exp and (found := share_of(nodes, node)) is not None:
                self.shares.append((id_, *found))
            elif (key := (op, len(node.args))) in by_op:
                by_op[key].append(id_)
            else:
                by_op[key] = [id_]
        self.ids = {key: _ints(ids) for key, ids in by_op.items()}
        self.sum_ids = _ints(sums)
        for key, ids in self.ids.items():
            flat = _flat([nodes[id_].args for id_ in ids.tolist()])
            self.operands[key] = flat.reshape(len(ids), key[1])
        one, zero = (self.one_id,), (self.zero_id,)
        a: list[Ids] = []
        b: list[Ids] = []
        for node in [nodes[id_] for id_ in sums]:
            plain = node.args if node.left else zero + node.args  # a sum of -0.0 alone is 0.0
            a.append(plain + node.left)
            b.append(one * len(plain) + node.right)
        self.a, self.b, self.lengths = _flat(a), _flat(b), _ints([*map(len, a)])

    def number_nodes(self) -> None:
        """Numbers for all values, and for what is computed beside them."""
        numbers, nodes_of = self.numbers, self.folded.nodes
        passed_on: dict[int, int] = {}
        for (op, n_operands), ids in self.ids.items():
            nodes = self.nodes_of(op, n_operands)
            nodes.first = self.count + nodes.n_results * np.arange(len(ids), dtype=np.int32)
            self.count += nodes.n_results * len(ids)
            kind, which = nodes.derived.value
            if kind == "result":
                numbers[ids] = nodes.first + which
            elif kind == "constant":
                numbers[ids] = self.constant(which)
            else:
                operands = self.operands[op, n_operands][:, which]
                passed_on |= zip(ids.tolist(), operands.tolist())
        numbers[self.sum_ids] = self.new(len(self.sum_ids))
        for id_, logsumexp, position in self.shares:
            nodes = self.nodes[ops.LOGSUMEXP, len(nodes_of[logsumexp].args)]
            (_, value), (kind, which) = nodes.derived.value, nodes.partials[position]
            assert kind == "result"
            nodes.early.add(which)
            numbers[id_] = numbers[logsumexp] - value + which
        for id_ in nodes_of if passed_on else ():  # in an order in which operands come first
            if id_ in passed_on:
                numbers[id_] = numbers[passed_on[id_]]

    def nodes_of(self, op: Op, n_operands: int) -> Nodes:
        """The rules of an op with so many operands."""
        has_shares = op.joint_partials is not None  # which a value may be
        differentiate = self.lowered.reduction is not None or has_shares
        derived = derive(op, n_operands, differentiate=differentiate)
        for operation in derived.operations:
            for kind, which in operation.operands:
                if kind == "constant":
                    self.constant(which)
        nodes = self.nodes[op, n_operands] = Nodes(derived, n_operands)
        return nodes

    def add_values(self) -> None:
        """The levels of the values, and what sums are made of; long ones of partial sums."""
        numbers, lengths = self.numbers, self.lengths
        is_long = lengths > TERMS_AT_ONCE
        above = np.ones(self.folded.n_ids, np.int32)
        above[self.sum_ids[is_long]] = 2
        nodes = self.folded.nodes
        of = [node.args + node.left + node.right for node in nodes.values()]
        ids = _ints([*nodes])
        levels = self.levels(ids, _ints([*map(len, of)]), _flat(of), above[ids])
        for key, each in self.nodes.items():
            each.levels, each.operands = levels[self.ids[key]], numbers[self.operands[key]]

        results, levels = numbers[self.sum_ids], levels[self.sum_ids]
        a, b = numbers[self.a], numbers[self.b]
        for place in np.flatnonzero(is_long):
            n, end = lengths[place], lengths[: place + 1].sum()
            parts = np.full(-(-n // TERMS_AT_ONCE), TERMS_AT_ONCE, np.int32)
            parts[-1] -= parts.sum() - n
            firsts, own = self.new(len(parts)), slice(end - n, end)
            self.add_sums(firsts, levels[place] - 1, parts, a[own], b[own])
            self.add_sums(results[[place]], levels[place], _ints([len(parts)]), firsts, self.one)
        some, are_short = np.repeat(~is_long, lengths), ~is_long
        self.add_sums(
            *(results[are_short], levels[are_short], lengths[are_short]), a[some], b[some]
        )

    def levels(self, ids: Ints, lengths: Ints, operands: Ints, above: Ints) -> Ints:
        """By id, so far ``above`` the highest of its operands, of which each has ``lengths``."""
        levels = np.zeros(self.folded.n_ids, np.int32)
        arrays = (ids, lengths, operands, above, levels)
        self.find_levels(len(ids), *map(address_of, arrays))
        return levels

    def add_sums(self, results: Ints, levels: Ints, lengths: Ints, a: Ints, b: Ints | int) -> None:
        """Sums of products, of which ``a`` and ``b`` are the factors."""
        factors = np.empty((len(a), 2), np.int32)
        factors[:, 0], factors[:, 1] = a, b
        levels = np.broadcast_to(levels, results.shape)
        self.sums.append(Sums(results, levels, lengths, factors.ravel()))

    # Derivatives

    def differentiate(self, loss: int) -> Ints:
        """The numbers of the derivatives by the parameters.

        What flows to a number is added up node after node, from the last one on.
        """
        n_ids, parameters = self.folded.n_ids, self.folded.parameters
        numbers = np.full(n_ids, self.zero)  # of the derivatives, by id
        if self.folded.needs_grad[loss]:
            targets, sources, factors = self.flows(loss)
            begins = np.flatnonzero(np.diff(targets, prepend=-1))
            lengths = np.diff(begins, append=len(targets)).astype(np.int32)
            targets, only, by = targets[begins], sources[begins], factors[begins]
            # One flow times 1 is the derivative of that node, and the same holds for that one.
            same = np.arange(n_ids)
            alone = (lengths == 1) & (by == self.one)
            same[targets[alone]] = only[alone]
            while (same[same] != same).any():
                same = same[same]
            of_loss = (lengths == 1) & ~alone & (same[only] == loss)  # 1 times a factor
            are_sums = ~alone & ~of_loss
            numbers[loss] = self.one
            numbers[targets[of_loss]] = by[of_loss]
            numbers[targets[are_sums]] = results = self.new(int(np.count_nonzero(are_sums)))
            numbers = numbers[same]
            levels = self.levels(targets, lengths, sources, are_sums.astype(np.int32))
            some = np.repeat(are_sums, lengths)
            self.add_sums(
                *(results, PARTIALS + levels[targets[are_sums]], lengths[are_sums]),
                *(numbers[sources[some]], factors[some]),
            )
        return numbers[parameters.start : parameters.stop]

    def flows(self, loss: int) -> tuple[Ints, Ints, Ints]:
        """What flows back: the ids of where to and where from, the number of the factor.

        All that flows to a target stands together, in the order in which it is added up, and
        behind what flows to those that it comes from.
        """
        a, b, sums = self.a, self.b, np.repeat(self.sum_ids, self.lengths)
        plain = b == self.one_id
        pairs = ~plain
        found = [
            (
                np.stack((a[pairs], b[pairs]), 1).ravel(),
                sums[pairs].repeat(2),
                self.numbers[np.stack((b[pairs], a[pairs]), 1).ravel()],
            ),
            (a[plain], sums[plain], self.numbers[b[plain]]),
        ]
        stops = False
        for key, nodes in self.nodes.items():
            factors = np.empty(nodes.operands.shape, np.int32)
            for position, (kind, which) in enumerate(nodes.partials):
                if kind == "result":
                    factors[:, position] = nodes.first + which
                elif kind == "operand":
                    factors[:, position] = nodes.operands[:, which]
                else:
                    factors[:, position] = -1 if which == 0.0 else self.constant(which)
                    stops |= which == 0.0
            found.append(
                (self.operands[key].ravel(), self.ids[key].repeat(key[1]), factors.ravel())
            )
        shares = _ints([id_ for id_, _, _ in self.shares])
        differences = _flat([self.folded.nodes[id_].args for id_, _, _ in self.shares])
        found.append((differences, shares, self.numbers[shares]))  # e^x is its own derivative

        targets, sources, factors = (np.concatenate(each) for each in zip(*found))
        needs = np.append(self.folded.needs_grad, [False, False])
        flow: Ints = np.flatnonzero(needs[targets] & needs[sources] & (factors >= 0))
        n_nodes = len(self.folded.nodes)
        order = n_nodes + np.arange(self.folded.n_ids)  # of leaves, which come after all nodes
        order[[*self.folded.nodes]] = np.arange(n_nodes - 1, -1, -1)
        keys = order[targets[flow]] * (n_nodes + len(order)) + order[sources[flow]]
        flow = flow[np.argsort(keys, kind="stable")]
        if stops:  # then not all that needs a gradient may get one
            reached, kept = {loss}, []
            triples = zip(*[each.tolist() for each in (flow, targets[flow], sources[flow])])
            for place, target, source in triples:
                if source in reached:
                    reached.add(target)
                    kept.append(place)
            flow = _ints(kept)
        return targets[flow], sources[flow], factors[flow]


def _ints(numbers: Sequence[int]) -> Ints:
    return np.array(numbers, np.int32)


def _flat(tuples: Iterable[Ids]) -> Ints:
    return _ints([*chain.from_iterable(tuples)])
