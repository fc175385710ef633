"""The questions of a quiz for a page: one for each step, with hints and the known mistakes.

They come from the judge in ``tinygrad_mlp.debug``; the page judges by the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tinygrad_mlp.debug import BackwardStep, trace_forward
from tinygrad_mlp.debug._notation import Notation
from tinygrad_mlp.debug._quiz_judging import KINDS, judging_rules
from tinygrad_mlp.debug._quiz_questions import Question, question_of
from tinygrad_mlp.debug._quiz_setting import Setting
from viz._replay.replay_equations import ReplayEquations

__all__ = ["quiz_of"]

PLACES: Final = {kind: place for place, kind in enumerate(KINDS)}


def quiz_of(equations: ReplayEquations, steps: Sequence[BackwardStep]) -> dict[str, Any]:
    """What a page needs to ask and to judge.

    Args:
        equations: the equations of the page, into whose tables those of the questions go.
        steps: the steps of the backward pass.

    Returns:
        ``rules``, see ``judging_rules``; ``questions``, one for each forward step and then for
        each backward step: ``[answer, slack, asks, given, hints, mistakes]``, a mistake being
        ``[value, slack, place of its kind, reason]``; 0 for a step whose number is not finite.

    >>> from tinygrad_mlp.debug import trace_backward
    >>> from tinygrad_mlp.engine import Value
    >>> from tinygrad_mlp.graph import order_of, roles_of, units_of
    >>> from viz._replay.replay_names import ReplayNames
    >>> order = order_of([Value(2.0, label="a").square()])
    >>> roles = roles_of(order, order[-1:], None)
    >>> names = ReplayNames(order, roles, {}, by_math=True, index="unit,input")
    >>> steps = list(trace_backward(order[-1]))
    >>> quiz = quiz_of(ReplayEquations(order, names, steps), steps)
    >>> [answer for answer, *_ in quiz["questions"]]
    [4.0, 4.0]
    """
    order = equations.order
    forward = trace_forward(order[-1])
    settings = [Setting(forward), *([Setting(steps[0].trace)] if steps else [])]
    for setting in settings:
        setting.trace.notation = Notation(equations.names)
    by_node = {step.node: question_of(step, settings[0]) for step in forward}
    asked = [by_node[node] for node in order if node.parents]
    asked += [question_of(step, settings[-1]) for step in steps]
    return {"rules": judging_rules(), "questions": [_data(x, equations) for x in asked]}


def _data(question: Question | None, equations: ReplayEquations) -> list[Any] | int:
    if question is None:
        return 0
    encoded = equations.lines.encoded
    return [
        question.target.value,
        question.target.slack,
        encoded(question.asks),
        [encoded(line) for line in question.given],
        [encoded(line) for line in question.hints],
        [
            [x.target.value, x.target.slack, PLACES[x.kind], encoded(x.reason)]
            for x in question.mistakes
        ],
    ]
