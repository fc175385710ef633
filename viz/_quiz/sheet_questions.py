"""What a sheet asks: numbers of the forward pass, gradients of the backward pass, and the key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tinygrad_mlp.debug import (
    BackwardStep,
    BackwardTrace,
    ForwardStep,
    ForwardTrace,
    trace_backward,
    trace_forward,
)
from tinygrad_mlp.debug._equations import equated, formula_of, operand_of, together
from tinygrad_mlp.debug._quiz_questions import Question, questions_of
from tinygrad_mlp.debug._quiz_rounding import partial_at
from tinygrad_mlp.debug._tokens import Number, Sign, Tokens
from tinygrad_mlp.engine import Value
from tinygrad_mlp.graph import roles_of
from viz._quiz.round_numbers import can_be_done_by_hand, is_arithmetic, is_round

__all__ = ["Asked", "FunctionRow", "Sheet", "sheet_of"]

MOST_QUESTIONS: Final = 40
"""So many are asked unless a person says how many: they fit on three pages."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question on paper.

    Attributes:
        asks: what stands before the blank.
        answer: the number of the engine.
        key: equations that lead to it.
    """

    asks: Tokens
    answer: float
    key: tuple[Tokens, ...]


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """A row of the table of functions.

    Attributes:
        called: the function and its numbers.
        value: what it gives.
        slopes: its derivatives by those numbers, if they cannot be computed from the value.
    """

    called: Tokens
    value: float
    slopes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that stands on a sheet.

    Attributes:
        given: names with their numbers.
        functions: the values of functions that nobody computes by hand.
        forward: questions about numbers.
        backward: questions about gradients.
        is_exact: whether no answer has to be rounded.
    """

    given: tuple[Tokens, ...]
    functions: tuple[FunctionRow, ...]
    forward: tuple[Asked, ...]
    backward: tuple[Asked, ...]

    @property
    def is_exact(self) -> bool:
        """Whether no answer has to be rounded.

        >>> Sheet((), (), (), (Asked((), 1.0 / 3.0, ()),)).is_exact
        False
        """
        return all(is_round(asked.answer) for asked in (*self.forward, *self.backward))


def sheet_of(
    loss: Value,
    n_questions: int | None,
    parameters: Sequence[Value] | None = None,
    *,
    names: str = "math",
    index: str = "unit,input",
) -> Sheet:
    """The questions about a graph with the numbers that it has.

    Args:
        loss: the output.
        n_questions: how many; by default all, but no more than 40.
        parameters: the leaves that are parameters, if they are known.
        names: "math" or "code".
        index: the order of the indices of a weight.

    >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
    >>> loss = (w * x).square()
    >>> sheet = sheet_of(loss, None)
    >>> [asked.answer for asked in sheet.forward], [asked.answer for asked in sheet.backward]
    ([6.0, 36.0], [12.0, 36.0, 24.0])
    """
    forward = trace_forward(loss, names=names, index=index)
    backward = trace_backward(loss, names=names, index=index)
    roles = roles_of(backward.order, [loss], parameters)
    of_values = [_of_value(question, roles) for question in questions_of(forward)]
    left_out = {"input"} if "parameter" in roles.values() else set[str]()
    of_gradients = [
        _of_gradient(question, backward)
        for question in questions_of(backward)
        if isinstance(question.step, BackwardStep)
        and question.step.is_last
        and roles[question.step.parent] not in left_out
    ]
    wanted = MOST_QUESTIONS if n_questions is None else n_questions
    n_backward = min(len(of_gradients), max(wanted - len(of_values), wanted - wanted // 2))
    n_forward = min(len(of_values), wanted - n_backward)
    return Sheet(
        _given(forward, roles),
        _functions(forward),
        tuple(_spread(of_values, n_forward)),
        tuple(_spread(of_gradients, n_backward)),
    )


def _spread(asked: Sequence[Asked], n: int) -> list[Asked]:
    """So many of them, from the whole length, the last among them."""
    total = len(asked)
    return [asked[total - 1 - (place * total) // n] for place in reversed(range(n))]


def _given(trace: ForwardTrace, roles: Mapping[Value, str]) -> tuple[Tokens, ...]:
    """The leaves with their numbers, in the order in which they are used.

    A plain number stands in its formula.
    """
    operands = [parent for step in trace for parent in step.node.parents]
    leaves = [x for x in dict.fromkeys(operands) if not x.parents and roles[x] != "constant"]
    leaves.sort(key=lambda leaf: roles[leaf] != "input")
    return tuple([(trace.notation.name(x), Sign("="), Number(x.data)) for x in leaves])


def _of_value(question: Question, roles: Mapping[Value, str]) -> Asked:
    """A step forward; activations are called by their names, as in the table of functions.

    An input that has no label of its own has the name under which it is given.
    """
    step = question.step
    assert isinstance(step, ForwardStep)
    notation, node = step.trace.notation, step.node
    symbols = [
        notation.name(x) if roles[x] == "input" else operand_of(x, notation.name(x))
        for x in node.parents
    ]
    numbers = [Number(x) for x in step.inputs]
    key = equated(
        notation.name(node),
        formula_of(node, symbols, called=True),
        formula_of(node, numbers, called=True),
        step.output,
    )
    return Asked(key[:4], question.answer, (key,))


def _of_gradient(question: Question, trace: BackwardTrace) -> Asked:
    step = question.step
    assert isinstance(step, BackwardStep)
    steps = [each for each in trace if each.parent is step.parent]
    if len(steps) == 1:
        (gradient, _, *rule) = step.tokens()
        key: list[Tokens] = [(gradient, Sign("="), *rule)]
    else:
        key = [each.tokens() for each in steps]
        key[-1] = (*key[-1], *together(step.grad_after))
    asks = (trace.notation.derivative(trace.loss, step.parent), Sign("="))
    return Asked(asks, question.answer, tuple(key))


def _functions(trace: ForwardTrace) -> tuple[FunctionRow, ...]:
    """One row for each place at which a function is needed, in the order of the places."""
    rows: dict[tuple[str, tuple[float, ...]], FunctionRow] = {}
    for step in trace:
        if is_arithmetic(step.op):
            continue
        numbers = [Number(x) for x in step.inputs]
        called = (formula_of(step.node, numbers, called=True),)
        slopes = () if _follow_from_value(step) else _slopes_of(step)
        rows.setdefault((step.op.name, step.inputs), FunctionRow(called, step.output, slopes))
    return tuple([row for _, row in sorted(rows.items(), key=_place_of)])


def _follow_from_value(step: ForwardStep) -> bool:
    """Whether a person computes the derivatives of a function with its value, as for tanh."""
    op = step.op
    if op.variadic:
        return False
    rules = [re.sub(rf"{op.name}\([a-z]\)", "", rule) for rule in op.partial_formulas]
    return all(map(can_be_done_by_hand, rules))


def _slopes_of(step: ForwardStep) -> tuple[float, ...]:
    n = len(step.inputs)
    return tuple([partial_at(step.op, place, step.output, step.inputs) for place in range(n)])


def _place_of(row: tuple[tuple[str, tuple[float, ...]], FunctionRow]) -> tuple[str, list[float]]:
    return row[0][0], list(row[0][1])
