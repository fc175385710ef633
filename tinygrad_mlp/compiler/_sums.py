"""How pass 2 folds: it goes through the recorded nodes once, operands first, and keeps fewer.

A product waits for the one sum that uses it, a sum for the one sum that it is a term of. On the way
a product may have been negated, or multiplied or divided by a number; such products are summed up
apart, and their sum is negated or multiplied once: ``t - a b - c d`` is ``t - (a b + c d)``, and
``w1 x1 / 8 + w2 x2 / 8`` is ``(w1 x1 + w2 x2) * 0.125``.

In the end equal nodes, the same op on the same operands, become one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tinygrad_mlp import ops
from tinygrad_mlp.compiler._nodes import NEEDS_GRAD, VARIES, EqualNodes, Ids, Node, TupleFlags
from tinygrad_mlp.ops import Op

__all__ = ["SumsOfProducts"]

_MOST_PLAIN_TERMS: Final = 3
_SIMPLIFIED: Final = frozenset([ops.SUM, ops.MUL, ops.DIV, ops.POW_NUMBER])
_SCALE_OR_MULTIPLY: Final = frozenset([ops.MUL, ops.DIV, ops.NEG])
_LARGEST_FACTOR: Final = 1e50
"""Between its inverse and this, a number before a sum overflows only where its terms nearly do."""


class SumsOfProducts:
    """Takes the recorded nodes one by one; ``nodes`` is what became of them after ``finish``.

    Args:
        uses: by id, how often each recorded node is used; what is used once may be folded.
        flags: by id, VARIES and NEEDS_GRAD of the leaves; those of the nodes are found here.
        constants: id -> number; some are added.
        detached: the nodes through which no gradient flows.

    >>> sums = SumsOfProducts([2], [0, 0, 0, 0, 0, 0], {}, set())
    >>> sums.add(0, ops.DOT, (5,), ((1, 2), (3, 4)))
    >>> sums.finish()
    >>> sums.nodes
    {0: Node(dot: 2 products + (5,))}
    """

    def __init__(
        self, uses: list[int], flags: list[int], constants: dict[int, float], detached: set[int]
    ) -> None:
        self.nodes: dict[int, Node] = {}
        self.flags = flags
        self._uses = uses
        self._constants = constants
        self._detached = detached
        self._others: dict[int, Node] = {}
        self._products: dict[int, Ids] = {}  # a product waiting for the one sum that uses it
        self._scaled: dict[int, _Scaled] = {}  # such a product times a number
        self._sums: dict[int, _Sum] = {}
        self._alias: dict[int, int] = {}  # a node that turned out to be its operand
        self._tuples = TupleFlags(flags)
        self._shared = EqualNodes(constants)
        self._number_ids: dict[float, int] = {}

    def final(self, id_: int) -> int:
        """The id of the node that stands for a recorded one."""
        return self._shared.id_of(self._alias.get(id_, id_))

    def add(self, id_: int, op: Op, args: Ids, factors: tuple[Ids, Ids] | None = None) -> None:
        """Take one recorded node; for ``dot`` its factors and, as ``args``, the bias."""
        if self._alias:
            args = self._real(args)
        flags, uses = self.flags, self._uses
        if op in _SIMPLIFIED and (op is ops.SUM or args[1] in self._constants):
            simpler, args_left = _simpler(op, args, self._constants)
            if simpler is not None:
                op, args = simpler, args_left
            elif id_ not in self._detached or not flags[args[0]] & NEEDS_GRAD:
                self._alias[id_] = args[0]
                if args[0] < len(uses):
                    uses[args[0]] += uses[id_] - 1
                return
        either = 0
        for arg in args:
            either |= flags[arg]
        flags[id_] = either
        if op is ops.ADD or op is ops.SUM or op is ops.DOT:
            self._add_sum(id_, args, factors)
        elif op is ops.SUB and self._is_waiting_product(args[1], either):
            self._add_sum(id_, args[:1], None, subtracted=args[1])
        elif uses[id_] == 1 and op in _SCALE_OR_MULTIPLY:
            self._add_product(id_, op, args)
        else:
            self._others[id_] = Node(op, args)
            if op in ops.OVER_BATCH:
                flags[id_] &= ~VARIES
        if id_ in self._detached:
            flags[id_] &= ~NEEDS_GRAD

    def _real(self, ids: Ids) -> Ids:
        """The ids with every alias replaced."""
        return tuple([self._alias.get(id_, id_) for id_ in ids])

    # Products

    def _add_product(self, id_: int, op: Op, args: Ids) -> None:
        constants = self._constants
        if op is ops.MUL and args[0] not in constants and args[1] not in constants:
            self._products[id_] = args
            return
        scaled = self._as_scaled(id_, op, args)
        if scaled is not None:
            self._scaled[id_] = scaled
        elif op is ops.MUL:
            self._products[id_] = args
        else:
            self._others[id_] = Node(op, args)

    def _as_scaled(self, id_: int, op: Op, args: Ids) -> _Scaled | None:
        """A waiting product times a number of a common size, which waits likewise."""
        constants = self._constants
        of, by = args[0], args[-1]
        if op is ops.NEG:
            number = -1.0
        elif op is ops.DIV and by in constants:
            divisor = constants[by]
            number = 1.0 / divisor if divisor else 0.0
        elif op is ops.MUL and by in constants:
            number = constants[by]
        elif op is ops.MUL and of in constants:
            of, number = by, constants[of]
        else:
            return None
        if not self._is_waiting_product(of, self.flags[id_]):
            return None
        before = self._scaled.get(of)
        factor = number if before is None else number * before.factor
        if not 1.0 / _LARGEST_FACTOR < abs(factor) < _LARGEST_FACTOR:
            return None
        return _Scaled(of, factor, Node(op, args))

    def _is_waiting_product(self, id_: int, flags: int) -> bool:
        waits = id_ in self._products or id_ in self._scaled
        return waits and not self._is_better_apart(id_, flags)

    def _is_better_apart(self, id_: int, flags: int) -> bool:
        """Whether a term of a sum is used elsewhere, or can be computed once for all samples."""
        uses = self._uses
        if id_ >= len(uses) or uses[id_] != 1:
            return True
        return bool(flags & VARIES and not self.flags[id_] & VARIES)

    def _take_product(self, id_: int, total: _Sum, sign: float) -> None:
        """Move a waiting product into a sum."""
        factor = sign
        if id_ in self._scaled:
            factor *= self._scaled[id_].factor
            while id_ in self._scaled:
                id_ = self._scaled.pop(id_).of
        a, b = self._products.pop(id_)
        if self.flags[a] & VARIES and not self.flags[b] & VARIES:
            a, b = b, a
        if factor == 1.0:
            total.add_product(a, b)
        else:
            left, right = total.scaled.setdefault(factor, ([], []))
            left.append(a)
            right.append(b)

    # Sums

    def _add_sum(
        self, id_: int, args: Ids, factors: tuple[Ids, Ids] | None, subtracted: int | None = None
    ) -> None:
        """A sum takes in the products and sums that wait for it."""
        flags, uses = self.flags, self._uses
        products, sums, scaled = self._products, self._sums, self._scaled
        total: _Sum | None = None
        if factors is not None:
            left, right = map(self._real, factors) if self._alias else factors
            left, right = _oriented(left, right, flags, self._tuples)
            total = _Sum(left, right)
            flags[id_] |= self._tuples.any_of(left) | self._tuples.any_of(right)
        varies = flags[id_] & VARIES
        plain = []
        waiting = []
        for arg in args:
            if arg >= len(uses) or uses[arg] != 1 or (varies and not flags[arg] & VARIES):
                plain.append(arg)  # as in _is_better_apart
            elif arg in products or arg in scaled:
                waiting.append(arg)
            elif arg in sums:
                other = sums.pop(arg)
                total = other if total is None else total.joined(other)
            else:
                plain.append(arg)
        if total is None:
            total = _Sum((), ())
        for arg in waiting:
            self._take_product(arg, total, 1.0)
        if subtracted is not None:
            self._take_product(subtracted, total, -1.0)
        total.plain += plain
        if not total.plain and not total.left and not total.scaled:
            self._constants[id_] = 0.0  # the sum of nothing
        else:
            sums[id_] = total

    # What remains

    def finish(self) -> None:
        """Settle what waited for a sum and was used by something else, and unite equal nodes."""
        found: dict[int, Node | _Sum] = {**self._others, **self._sums}
        found.update({id_: Node(ops.MUL, args) for id_, args in self._products.items()})
        found.update({id_: scaled.node for id_, scaled in self._scaled.items()})
        for id_, made in sorted(found.items(), key=_first):
            node = self._node_of(id_, made) if isinstance(made, _Sum) else made
            known = self._shared.unite(id_, node, self.flags[id_])
            if known == id_:
                self.nodes[id_] = node
            else:
                self._shared.replace(id_, known)

    def _node_of(self, id_: int, total: _Sum) -> Node:
        """A sum as one node, what is better a node of its own split off.

        That is the sums of scaled products; of a sum of products, many plain terms; and products
        that are the same for all samples where plain terms are not.
        """
        plain = total.plain
        minus = total.scaled.pop(-1.0, None)
        scaled = [
            Node(ops.MUL, (self._apart(*factors), self._number(factor)))
            for factor, factors in total.scaled.items()
        ]
        if len(scaled) == 1 and minus is None and not plain and not total.left:
            return scaled[0]
        plain += [self._split_off(node) for node in scaled]
        if minus is None:
            return self._with_plain_terms(id_, total)
        subtracted = self._apart(*minus)
        if not plain and not total.left:
            return Node(ops.NEG, (subtracted,))
        is_one_term = len(plain) == 1 and not total.left
        start = plain[0] if is_one_term else self._split_off(self._with_plain_terms(id_, total))
        return Node(ops.SUB, (start, subtracted))

    def _apart(self, left: list[int], right: list[int]) -> int:
        """Products without plain terms as a node of their own."""
        if len(left) == 1:
            return self._split_off(Node(ops.MUL, (left[0], right[0])))
        factors = self._shared.factors(left), self._shared.factors(right)
        return self._split_off(Node(ops.DOT, (), *factors))

    def _with_plain_terms(self, id_: int, total: _Sum) -> Node:
        plain = tuple(total.plain)
        if not total.left:
            return Node(ops.ADD if len(plain) == 2 else ops.SUM, plain)
        left, right = self._shared.factors(total.left), self._shared.factors(total.right)
        if len(plain) > _MOST_PLAIN_TERMS:
            plain = (self._split_off(Node(ops.SUM, plain)),)
        of_factors = self._tuples.any_of(left) | self._tuples.any_of(right)
        if plain and self.flags[id_] & VARIES and not of_factors & VARIES:
            return Node(ops.SUM, (self._split_off(Node(ops.DOT, (), left, right)), *plain))
        return Node(ops.DOT, plain, left, right)

    def _split_off(self, node: Node) -> int:
        """Give a node of our own making an id, or find the one that it has."""
        id_ = len(self.flags)
        either = 0
        for ids in (node.args, node.left, node.right):
            either |= self._tuples.any_of(ids)
        known = self._shared.unite(id_, node, either)
        if known == id_:
            self.flags.append(either)
            self.nodes[id_] = node
        return known

    def _number(self, number: float) -> int:
        """A constant of our own making."""
        id_ = self._number_ids.get(number)
        if id_ is None:
            id_ = self._number_ids[number] = len(self.flags)
            self.flags.append(0)
            self._constants[id_] = number
        return id_


def _first(item: tuple[int, Node | _Sum]) -> int:
    return item[0]


@dataclass(slots=True)
class _Scaled:
    """``factor`` times the product that ``of`` is, perhaps over further such nodes."""

    of: int
    factor: float
    node: Node  # if no sum takes it


class _Sum:
    """A sum under construction. The factor lists stay shared tuples until something is appended."""

    __slots__ = ("left", "plain", "right", "scaled")

    def __init__(self, left: Ids, right: Ids) -> None:
        self.left: Ids | list[int] = left
        self.right: Ids | list[int] = right
        self.plain: list[int] = []
        self.scaled: dict[float, tuple[list[int], list[int]]] = {}  # by the number before them

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
        if len(longer.scaled) < len(shorter.scaled):
            longer.scaled, shorter.scaled = shorter.scaled, longer.scaled
        for factor, (left, right) in shorter.scaled.items():
            to_left, to_right = longer.scaled.setdefault(factor, ([], []))
            to_left += left
            to_right += right
        return longer


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


def _oriented(left: Ids, right: Ids, flags: list[int], tuples: TupleFlags) -> tuple[Ids, Ids]:
    """The factors with what does not vary on the left."""
    if not tuples.any_of(left) & VARIES:
        return left, right
    if not tuples.any_of(right) & VARIES:
        return right, left
    if tuples.all_of(left) & VARIES:
        return left, right
    swapped = [
        (b, a) if flags[a] & VARIES and not flags[b] & VARIES else (a, b)
        for a, b in zip(left, right)
    ]
    return tuple([a for a, _ in swapped]), tuple([b for _, b in swapped])
