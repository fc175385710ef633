"""What a replay says at each step: the equations of the step log, and those of whole neurons.

While a neuron is one box, its steps are one: forward its whole formula, backward the derivative of
its output by what comes in, and what it leaves at its own parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tinygrad_mlp.debug import BackwardStep
from tinygrad_mlp.debug._equations import (
    chain_rule,
    composed,
    equated,
    formula_of,
    local_rule,
    operand_of,
    product_of,
)
from tinygrad_mlp.debug._tokens import (
    Derivative,
    Name,
    Number,
    Sign,
    Token,
    Word,
    flat,
)
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import op_of
from viz._replay.replay_lines import Encoded, Lines
from viz._replay.replay_names import ReplayNames

__all__ = ["Neuron", "ReplayEquations"]

MOST_TERMS: Final = 6
"""Of how many terms a sum or a list writes all."""

LONGEST: Final = 240
"""The number of letters up to which a formula stands there with its names; else the numbers do."""

LONGEST_NAME: Final = 22
"""The page shortens longer ones."""

MOST_GRADIENTS: Final = 4
"""How many gradients of the parameters of a neuron are told at once."""

MOST_PATHS: Final = 4
"""How many paths from a node to the output are told."""


@dataclass(frozen=True, slots=True)
class Neuron:
    """A neuron that can be one box.

    Attributes:
        head: its output.
        members: its nodes, the head last.
        formula: how it computes, in words.
    """

    head: Value
    members: Sequence[Value]
    formula: str


class ReplayEquations:
    """The equations of one pass, put into the tables of a page.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> from tinygrad_mlp.graph import order_of, roles_of, units_of
    >>> order = order_of([Value(2.0, label="a") * 3.0])
    >>> roles = roles_of(order, order[-1:], None)
    >>> names = ReplayNames(order, roles, units_of(order, roles), by_math=True, index="unit,input")
    >>> equations = ReplayEquations(order, names, list(trace_backward(order[-1])))
    >>> equations.forward(order[-1])  # L = a * 3 = 2 * 3 = 6
    [0, 2, 0, 0, 1, 0, 2]
    """

    def __init__(
        self, order: Sequence[Value], names: ReplayNames, steps: Sequence[BackwardStep]
    ) -> None:
        self.order = order
        self.places = {node: place for place, node in enumerate(order)}
        code = {names.code[node]: place for node, place in self.places.items()}
        self.lines = Lines(code, names.code[order[-1]])
        self.names = {node: Name(names.code[node], names.shown[node]) for node in order}
        self.loss = self.names[order[-1]]
        self._operands: tuple[Value | None, list[Token]] = (None, [])
        self.upstream: dict[Value, float] = {}
        for step in steps:
            self.upstream.setdefault(step.node, step.upstream)
        self.step_of = {(step.node, step.position): step for step in steps}
        self.users: dict[Value, list[tuple[Value, int]]] = {node: [] for node in order}
        for node in order:
            for position, parent in enumerate(node.parents):
                self.users[parent].append((node, position))

    # Forward

    def forward(self, node: Value, neuron: Neuron | None = None) -> Encoded:
        """How a node was computed; with a neuron, down to what comes into it and its leaves."""
        if neuron is None:
            symbols: Token = formula_of(node, self.operands(node), MOST_TERMS, called=True)
            numbers: Token = formula_of(
                node, [Number(x.data) for x in node.parents], MOST_TERMS, called=True
            )
        else:
            members = frozenset(neuron.members)
            symbols = composed(node, members, self.operand, MOST_TERMS)
            numbers = composed(node, members, _number_of, MOST_TERMS)
        tokens = equated(self.names[node], symbols, numbers, node.data)
        if self.length(tokens) > LONGEST:
            tokens = (self.names[node], Sign("="), numbers, *tokens[-2:])
        return self.lines.encoded(tokens)

    def operand(self, node: Value) -> Token:
        """An operand in symbols: its name, or the number itself where it is plain."""
        return operand_of(node, self.names[node])

    def operands(self, node: Value) -> list[Token]:
        """The operands in symbols; kept, as one step of a node follows another."""
        if self._operands[0] is not node:
            self._operands = node, [self.operand(parent) for parent in node.parents]
        return self._operands[1]

    @staticmethod
    def length(tokens: Collection[Token]) -> int:
        """How many letters these have on the page."""
        return sum(
            [
                min(length, LONGEST_NAME) if type(part) is Name else length
                for part in flat(tokens)
                for length in [sum([len(run.text) for run in part.runs])]
            ]
        )

    # Backward

    def backward(self, step: BackwardStep) -> tuple[Encoded, Encoded]:
        """The chain rule of a step, and a remark about it."""
        node, parent = step.node, step.parent
        rule = local_rule(node, step.position, self.names[node], self.operands(node))
        is_number = len(rule) == 1 and isinstance(rule[0], Number)
        local = () if is_number else (*rule, Sign("="))
        remark = (
            Word(f"Local derivative of {op_of(node).name}: "),
            *local,
            Number(step.partial),
            *self.sum_of(step.grad_before, step.contribution, step.grad_after),
            Word("; this gradient is complete." if step.is_last else "."),
        )
        rule_of_step = chain_rule(
            self.loss,
            self.names[node],
            self.names[parent],
            step.upstream,
            step.partial,
            step.contribution,
        )
        return self.lines.encoded(rule_of_step), self.lines.encoded(remark)

    @staticmethod
    def sum_of(before: float, contribution: float, after: float) -> tuple[Token, ...]:
        """What a gradient comes to together with what had arrived before, if anything had."""
        if before == 0.0:
            return ()
        return (
            Word("; together "),
            Number(before),
            Sign("+"),
            Number(contribution, is_factor=True),
            Sign("="),
            Number(after),
        )

    # Neurons that are one box

    def through(self, neuron: Neuron) -> list[list[Any]]:
        """For each node that comes into a neuron: the derivative of its output, and equations.

        These are a chain rule and a remark, or nothing where no gradient flows.
        """
        within = self.derivatives_within(neuron)
        members = frozenset(neuron.members)
        uses: dict[Value, list[tuple[Value, int]]] = {}
        for member in neuron.members:
            for position, parent in enumerate(member.parents):
                if parent not in members:
                    uses.setdefault(parent, []).append((member, position))
        found: list[list[Any]] = []
        for parent, of_parent in uses.items():
            by = sum([child.partials[i] * within[child] for child, i in of_parent])
            steps = [self.step_of[use] for use in of_parent if use in self.step_of]
            steps.sort(key=lambda step: step.index)
            entry: list[Any] = [self.places[parent], self.lines.number(by)]
            if steps:
                entry += self.chain_through(neuron, parent, by, steps, members)
            found.append(entry)
        return found

    def chain_through(
        self,
        neuron: Neuron,
        parent: Value,
        by: float,
        steps: Sequence[BackwardStep],
        members: Collection[Value],
    ) -> tuple[Encoded, Encoded]:
        """The chain rule of a gradient on its way through a neuron, and a remark about it.

        Args:
            neuron: the neuron.
            parent: what comes into it and receives.
            by: the derivative of its output by that.
            steps: those that bring the parent its gradient.
            members: the nodes of the neuron.
        """
        upstream = self.upstream[neuron.head]
        contribution = sum([step.contribution for step in steps])
        before, after = steps[0].grad_before, steps[-1].grad_after
        factors = self.way(neuron.head, steps[0], members) if len(steps) == 1 else []
        way = product_of(factors, by) if len(factors) > 1 else (Number(by),)
        is_all = before + contribution == after or len(steps) == 1
        remark = (
            Word("Derivative of "),
            self.names[neuron.head],
            Word(f", {neuron.formula}: "),
            *way,
            *(self.sum_of(before, contribution, after) if is_all else ()),
            Word("; this gradient is complete." if steps[-1].is_last else "."),
        )
        rule = chain_rule(
            self.loss, self.names[neuron.head], self.names[parent], upstream, by, contribution
        )
        return self.lines.encoded(rule), self.lines.encoded(remark)

    def derivatives_within(self, neuron: Neuron) -> dict[Value, float]:
        """The derivative of the output by each of the nodes of a neuron."""
        members = frozenset(neuron.members)
        by = dict.fromkeys(neuron.members, 0.0) | {neuron.head: 1.0}
        for member in reversed(neuron.members):
            for parent, partial in zip(member.parents, member.partials, strict=True):
                if parent in members:
                    by[parent] += by[member] * partial
        return by

    def way(self, head: Value, step: BackwardStep, members: Collection[Value]) -> list[float]:
        """The local derivatives from the output of a neuron down to a step, if there is one way."""
        factors = [step.partial]
        node = step.node
        while node is not head:
            uses = [use for use in self.users[node] if use[0] in members]
            if len(uses) != 1:
                return []
            ((node, position),) = uses
            factors.insert(0, node.partials[position])
        return factors

    def inside(self, neuron: Neuron) -> tuple[list[Encoded], int]:
        """The gradients that a neuron leaves at its own parameters, and how many are not told."""
        gradients: dict[Value, float] = {}
        members = frozenset(neuron.members)
        for member in neuron.members:
            for position, parent in enumerate(member.parents):
                step = self.step_of.get((member, position))
                if step is not None and parent in members and not parent.parents:
                    gradients[parent] = step.grad_after
        told = list(gradients.items())[:MOST_GRADIENTS]
        lines = [
            self.lines.encoded(
                (Derivative(self.loss, self.names[x]), Sign("="), Number(grad, "result"))
            )
            for x, grad in told
        ]
        return lines, len(gradients) - len(told)

    # Beside the steps

    def several_uses(self, neuron: Neuron) -> list[list[int]]:
        """Where a node outside uses the output of a neuron more than once: the whole derivative."""
        found: dict[Value, list[float]] = {}
        members = frozenset(neuron.members)
        for user, position in self.users[neuron.head]:
            if user not in members:
                found.setdefault(user, []).append(user.partials[position])
        return [
            [self.places[user], self.lines.number(sum(partials))]
            for user, partials in found.items()
            if len(partials) > 1
        ]

    def path_products(self) -> list[list[int]]:
        """For each node the product along each of its first paths to the output."""
        products: dict[Value, list[float]] = {self.order[-1]: [1.0]}
        for node in reversed(self.order[:-1]):
            along = [
                product * user.partials[position]
                for user, position in self.users[node]
                for product in products[user]
            ]
            products[node] = along[:MOST_PATHS]
        return [[self.lines.number(x) for x in products[node]] for node in self.order]


def _number_of(node: Value) -> Token:
    return Number(node.data)
