"""Questions about the steps of a pass: what is asked, what is given, hints, and what is right.

The numbers are those of the step log. The console, the page of a replay and the worksheet ask the
same questions and judge by the same rules (``_quiz_judging``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tinygrad_mlp import ops
from tinygrad_mlp.debug._equations import (
    equated,
    formula_of,
    is_plain,
    local_rule,
    operand_of,
)
from tinygrad_mlp.debug._formulas import MOST_TERMS
from tinygrad_mlp.debug._forward import ForwardStep, ForwardTrace
from tinygrad_mlp.debug._quiz_asked import Asked
from tinygrad_mlp.debug._quiz_backward import backward_mistakes
from tinygrad_mlp.debug._quiz_forward import forward_answer, forward_mistakes
from tinygrad_mlp.debug._quiz_judging import Mistake, Target, Verdict, judge_number
from tinygrad_mlp.debug._quiz_setting import Setting
from tinygrad_mlp.debug._steps import BackwardStep, BackwardTrace
from tinygrad_mlp.debug._tokens import (
    Name,
    Number,
    Sign,
    Token,
    Tokens,
    Word,
    as_data,
    as_text,
    written_name,
)
from tinygrad_mlp.engine import Value

__all__ = ["Question", "judge", "question_of", "questions_of"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about one step.

    Attributes:
        step: the step.
        asks: the symbol whose number is asked for, and a question mark.
        given: equations with the numbers that are in view.
        target: the answer of the engine, and how much rounding it is granted.
        mistakes: the known wrong numbers that can be told from the answer, the likelier first.
        hints: the formula; which numbers go into it; all but the last multiplication, where that
            says more.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> from tinygrad_mlp.debug.worked_example import worked_example
    >>> (question,) = [
    ...     question
    ...     for question in questions_of(trace_backward(worked_example()))
    ...     if question.step.parent.label == "w5"
    ... ]
    >>> print(question, *question.lines_given(), *question.lines_of_hints(), sep=chr(10))
    dL/dw5 = ?
    dL/dnet_o1 = 0.1385
    net_o1 = w5 * out_h1 + w6 * out_h2 + b2 = 0.4 * 0.5933 + 0.45 * 0.5969 + 0.6 = 1.1059
    dL/dw5 = dL/dnet_o1 * dnet_o1/dw5
    dL/dnet_o1 = 0.1385 and dnet_o1/dw5 = out_h1 = 0.5933
    dL/dw5 = 0.1385 * 0.5933 = ?
    >>> for typed in ("0.0822", "0.1385", "-0.082", "0.05540"):
    ...     print(typed, "-", judge(question, typed).reason)
    0.0822 - right
    0.1385 - that is dL/dnet_o1 alone; the local derivative dnet_o1/dw5 = 0.5933 is missing
    -0.082 - the sign is wrong: dnet_o1/dw5 = 0.5933 and dL/dnet_o1 = 0.1385
    0.05540 - that is with w5 itself; the derivative by it is what stands beside it, out_h1
    """

    step: BackwardStep | ForwardStep
    asks: Tokens
    given: tuple[Tokens, ...]
    target: Target
    mistakes: tuple[Mistake, ...] = field(repr=False)
    hints: tuple[Tokens, ...] = field(repr=False)

    @property
    def answer(self) -> float:
        """The number of the engine."""
        return self.target.value

    @property
    def is_backward(self) -> bool:
        """Whether a gradient is asked for."""
        return isinstance(self.step, BackwardStep)

    def lines_given(self) -> list[str]:
        """What is given, a line for each."""
        return [as_text(line) for line in self.given]

    def lines_of_hints(self) -> list[str]:
        """The hints, a line for each."""
        return [as_text(line) for line in self.hints]

    def __str__(self) -> str:
        return as_text(self.asks)

    def data(self, named: Callable[[Name], Any] = written_name) -> dict[str, Any]:
        """For JSON: equations are lists of tokens as ``as_data`` writes them.

        ``index`` is the number of the step in its pass; ``answer`` and ``slack`` are floats;
        ``mistakes`` are ``[value, slack, kind, reason]``; ``asks`` is one equation, ``given`` and
        ``hints`` are lists of them. How a page judges is in ``judging_rules``.

        Args:
            named: what stands for a name, such as its place in a list of names.

        >>> from tinygrad_mlp.debug import trace_backward
        >>> from tinygrad_mlp.engine import Value
        >>> (question,) = questions_of(trace_backward(Value(3.0, label="a") * 2.0))
        >>> data = question.data()
        >>> data["answer"], data["asks"][0], data["mistakes"][0][2]
        (2.0, ['derivative', 'v2', 'a'], 'constant')
        """
        return {
            "index": self.step.index,
            "backward": self.is_backward,
            "asks": as_data(self.asks, named),
            "given": [as_data(line, named) for line in self.given],
            "answer": self.target.value,
            "slack": self.target.slack,
            "mistakes": [
                [x.target.value, x.target.slack, x.kind, as_data(x.reason, named)]
                for x in self.mistakes
            ],
            "hints": [as_data(line, named) for line in self.hints],
        }


def questions_of(trace: BackwardTrace | ForwardTrace) -> Iterator[Question]:
    """A question for each step of a trace that has an answer in reach, in their order.

    A gradient that comes along several paths is asked for where the last of them brings it; before
    that, only what each path adds is.

    >>> from tinygrad_mlp.debug import trace_backward, trace_forward
    >>> from tinygrad_mlp.engine import Value
    >>> a = Value(3.0, label="a")
    >>> b = (a * a).tanh()
    >>> print(*questions_of(trace_forward(b)), *questions_of(trace_backward(b)), sep=" | ")
    v1 = ? | v2 = ? | dv2/dv1 = ? | dv2/da += ? (only what this path adds) | dv2/da = ?
    """
    setting = Setting(trace)
    for step in trace:
        question = question_of(step, setting)
        if question is not None:
            yield question


def question_of(step: BackwardStep | ForwardStep, setting: Setting) -> Question | None:
    """The question of one step; None where the answer is nan, infinite, or too long a sum.

    Too long is a step forward with so many operands that equations do not write all of them.

    Args:
        step: the step.
        setting: that of its trace.

    >>> from tinygrad_mlp.debug import trace_forward
    >>> trace = trace_forward(Value(3.0, label="a").square())
    >>> print(question_of(trace[0], Setting(trace)))
    v1 = ?
    """
    if isinstance(step, ForwardStep):
        if len(step.inputs) > MOST_OPERANDS:
            return None
        answer, mistakes = forward_answer(step).target(), forward_mistakes(step, setting)
        asks: Tokens = (setting.name(step.node), Sign("="), ASKED)
        given, hints = _forward_given(step, setting), _forward_hints(step, setting)
    else:
        asked = Asked(step, setting)
        answer, mistakes = asked.answer.target(), backward_mistakes(asked, setting)
        sign = Sign("+=") if asked.is_part else Sign("=")
        only = (Word(" (only what this path adds)"),) if asked.is_part else ()
        asks = (setting.of_loss(step.parent), sign, ASKED, *only)
        given, hints = _backward_given(asked, setting), _backward_hints(asked, setting)
    if not (math.isfinite(answer.value) and math.isfinite(answer.slack)):
        return None
    return Question(step, asks, given, answer, _told_apart(answer, mistakes), hints)


def judge(question: Question, typed: str) -> Verdict:
    """What a typed answer is worth, and why.

    Args:
        question: the question.
        typed: what was typed, any text.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> from tinygrad_mlp.engine import Value
    >>> (question,) = questions_of(trace_backward(Value(3.0, label="a").square()))
    >>> for typed in ("6", "9.0", "3", "six", "6,0"):
    ...     print(judge(question, typed).reason)
    right
    that is with the power itself; its derivative is 2 a
    the factor 2 of the power is missing: 2 a
    this is no number; type one, such as 0.0822, or a fraction, such as 1/3
    write a decimal point instead of the comma, such as 0.5
    """
    return judge_number(question.target, question.mistakes, typed)


ASKED: Final = Word("?")
MOST_OPERANDS: Final = 2 * MOST_TERMS + 1
"""A sum of so many products and a bias is written out."""


def _told_apart(answer: Target, mistakes: Iterator[Mistake]) -> tuple[Mistake, ...]:
    """Those whose numbers differ from the answer and from that of a likelier mistake."""
    kept: list[Mistake] = []
    for mistake in mistakes:
        target = mistake.target
        if not (math.isfinite(target.value) and math.isfinite(target.slack)):
            continue
        if target.is_told_from(answer) and all(target.is_told_from(x.target) for x in kept):
            kept.append(mistake)
    return tuple(kept)


# Backward


def _backward_given(asked: Asked, setting: Setting) -> tuple[Tokens, ...]:
    """What comes in, how the node was computed, and what arrived before."""
    step = asked.step
    node = step.node
    lines: list[Tokens] = [
        (setting.of_loss(node), Sign("="), Number(step.upstream)),
        _equation(node, setting),
    ]
    if asked.op is ops.DOT and len(node.parents) > 2 * MOST_TERMS:  # it may stand in the dots
        n = len(node.parents) // 2
        places = {step.position % n, step.position % n + n}
        pair = sorted(places) if step.position < 2 * n else [step.position]
        lines += [_number_of(node.parents[place], setting) for place in pair]
    if asked.is_sum:
        lines.append(
            (
                *(Word("so far, along the other paths: "), setting.of_loss(step.parent)),
                *(Sign("="), Number(step.grad_before)),
            )
        )
    return tuple(lines)


def _equation(node: Value, setting: Setting) -> Tokens:
    """How the node was computed, with names and with numbers."""
    symbols = [setting.operand(parent) for parent in node.parents]
    numbers = [Number(parent.data) for parent in node.parents]
    return equated(
        setting.name(node), formula_of(node, symbols), formula_of(node, numbers), node.data
    )


def _number_of(node: Value, setting: Setting) -> Tokens:
    return (setting.operand(node), *(() if is_plain(node) else (Sign("="), Number(node.data))))


def _backward_hints(asked: Asked, setting: Setting) -> tuple[Tokens, ...]:
    step = asked.step
    node, parent = step.node, step.parent
    gradient, sign = setting.of_loss(parent), Sign("+=") if asked.is_part else Sign("=")
    incoming, local = setting.of_loss(node), setting.local(node, parent)
    operands = [setting.operand(x) for x in node.parents]
    rule = local_rule(node, step.position, setting.name(node), operands)
    is_number = as_text(rule) == Number(step.partial).text
    earlier: Tokens = (Word("what came before"), Sign("+")) if asked.is_sum else ()
    before: Tokens = (Number(step.grad_before), Sign("+")) if asked.is_sum else ()
    in_symbols: Tokens = () if is_number else (Sign("="), *rule)
    in_numbers: Tokens = () if node is setting.loss else (Sign("="), Number(step.partial))
    known: Tokens = (*in_symbols, *in_numbers)  # of the loss it is what is asked for
    return (
        (gradient, sign, *earlier, incoming, Sign("*"), local),
        (
            *(incoming, Sign("="), Number(step.upstream)),
            *((Word(" and "), local, *known) if known else ()),
        ),
        (
            *(gradient, sign, *before, Number(step.upstream, is_factor=True), Sign("*")),
            *(Number(step.partial, is_factor=True), Sign("="), ASKED),
        ),
    )


# Forward


def _forward_given(step: ForwardStep, setting: Setting) -> tuple[Tokens, ...]:
    """The numbers that go in, on one line."""
    line: list[Token] = []
    for node in dict.fromkeys(step.node.parents):
        if not is_plain(node):
            line += [*([Word(", ")] if line else []), *_number_of(node, setting)]
    return (tuple(line),) if line else ()


def _forward_hints(step: ForwardStep, setting: Setting) -> tuple[Tokens, ...]:
    node, name = step.node, setting.name(step.node)
    symbols = [operand_of(parent, setting.name(parent)) for parent in node.parents]
    numbers: list[Token] = [Number(x) for x in step.inputs]
    with_numbers = formula_of(node, numbers)
    last: Tokens = (with_numbers,)
    if step.op is ops.DOT:
        n = len(step.inputs) // 2
        pairs = zip(step.inputs[:n], step.inputs[n : 2 * n], strict=True)
        terms = [w * x for w, x in pairs] + list(step.inputs[2 * n :])
        shown = [Number(term, is_factor=place > 0) for place, term in enumerate(terms)]
        last = tuple([x for term in shown for x in (Sign("+"), term)][1:])
    hints: list[Tokens] = [
        (name, Sign("="), formula_of(node, symbols, called=True)),
        (name, Sign("="), formula_of(node, numbers, called=True), Sign("="), ASKED),
        (name, Sign("="), *last, Sign("="), ASKED),
    ]
    if as_text(hints[2]) == as_text(hints[1]):
        hints.pop()
    return tuple(hints)
