"""The questions of a quiz: answers, known mistakes, hints; by hand and by differences."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import cache

import pytest

from tests.debugging import label, network_loss, product_of_sums, random_graph
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import finite_difference, trace_backward, trace_forward, worked_example
from tinygrad_mlp.debug._quiz_judging import KINDS, Target
from tinygrad_mlp.debug._quiz_questions import Question, judge, questions_of
from tinygrad_mlp.debug._quiz_rounding import Rounded, rounded_partial, shown
from tinygrad_mlp.debug._steps import BackwardStep
from tinygrad_mlp.debug._tokens import Derivative, as_text
from tinygrad_mlp.debug.worked_example import PUBLISHED
from tinygrad_mlp.engine import apply
from tinygrad_mlp.graph import order_of
from tinygrad_mlp.op import op_named


def all_questions(loss: Value, names: str = "code") -> list[Question]:
    """Those of both passes."""
    forward, backward = trace_forward(loss, names=names), trace_backward(loss, names=names)
    return [*questions_of(forward), *questions_of(backward)]


def asked(loss: Value, text: str) -> Question:
    """The only question that reads so."""
    (found,) = [question for question in all_questions(loss) if str(question) == text]
    return found


@cache
def graphs() -> list[Value]:
    return [
        worked_example(),
        product_of_sums(),
        *[
            network_loss(seed, activation)[1]
            for seed, activation in enumerate(("tanh", "relu", "elu"))
        ],
        *[random_graph(seed, 12) for seed in range(12)],
    ]


@cache
def many_questions() -> list[Question]:
    return [question for loss in graphs() for question in all_questions(loss)]


def test_there_is_a_question_for_every_step() -> None:
    assert len(many_questions()) > 1000
    assert {question.is_backward for question in many_questions()} == {False, True}


@pytest.mark.parametrize("n_digits", [2, 3, 4, 5, 6])
def test_the_answer_of_the_engine_is_right_at_so_many_digits(n_digits: int) -> None:
    for question in many_questions():
        typed = f"{question.answer:.{n_digits - 1}e}" if question.answer else "0"
        kinds = {"right", "close"} if n_digits < 4 else {"right"}
        assert judge(question, typed).kind in kinds, (str(question), typed)


def test_every_known_mistake_gets_its_own_reason() -> None:
    kinds = set()
    for question in many_questions():
        for mistake in question.mistakes:
            verdict = judge(question, f"{mistake.target.value:.12e}")
            assert verdict.tokens == mistake.reason, (str(question), mistake)
            assert verdict.kind == mistake.kind
            assert not verdict.right
            kinds.add(mistake.kind)
    assert kinds == set(KINDS) - {"rounding"}


def test_a_mistake_with_few_digits_is_not_called_right() -> None:
    """i1 and i2 exchanged give 0.39, which 0.3925 rounds to."""
    question = asked(worked_example(), "net_h2 = ?")
    assert judge(question, "0.39").kind == "close"
    assert judge(question, "0.390").kind == "index"
    assert judge(question, "0.392").right


def test_no_mistake_is_the_answer() -> None:
    for question in many_questions():
        for mistake in question.mistakes:
            apart = abs(mistake.target.value - question.answer)
            assert apart > mistake.target.slack + question.target.slack
            assert math.isfinite(mistake.target.value)


def test_whoever_computes_with_the_numbers_in_view_is_right() -> None:
    for question in many_questions():
        step = question.step
        if not isinstance(step, BackwardStep):
            continue
        result = shown(step.upstream) * shown(step.partial)
        if str(question).endswith("= ?") and not step.is_first:
            result += shown(step.grad_before)
        assert judge(question, repr(result)).right, (str(question), result)


def test_whoever_computes_a_derivative_from_the_value_in_view_is_right() -> None:
    a = Value(0.123456, label="a")
    loss = a.tanh() * 3.0
    question = asked(loss, "dv3/da = ?")
    h = shown(math.tanh(0.123456))
    assert judge(question, repr(3.0 * (1.0 - h * h))).right
    assert judge(question, repr(3.0 * (1.0 - math.tanh(0.1235) ** 2))).right
    assert not judge(question, repr(3.0 * (1.0 - h * h) * 1.001)).right


def test_gradients_agree_with_differences() -> None:
    """All but the first questions of a gradient that comes along several paths."""
    n_compared = 0
    for loss in graphs()[:10]:
        if any(x.op is op_named("relu") and x.parents[0].data == 0.0 for x in order_of([loss])):
            continue  # differences across the kink are no derivative
        for question in questions_of(trace_backward(loss)):
            if not str(question).endswith("= ?"):
                continue
            step = question.step
            assert isinstance(step, BackwardStep)
            expected = finite_difference(loss, step.parent)
            assert question.answer == pytest.approx(expected, rel=1e-6, abs=1e-7), str(question)
            n_compared += 1
    assert n_compared > 200


def test_what_paths_add_comes_to_the_whole_gradient() -> None:
    trace = trace_backward(random_graph(3, 12))
    sums: dict[Value, float] = {}
    for question in questions_of(trace):
        step = question.step
        assert isinstance(step, BackwardStep)
        if " += ?" in str(question):
            sums[step.parent] = sums.get(step.parent, 0.0) + question.answer
        elif step.parent in sums:
            last = question.answer - sums[step.parent]
            assert last == pytest.approx(step.contribution, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_numbers_that_were_published_are_right(name: str) -> None:
    number, gradient = PUBLISHED[name]
    if not name.startswith("w"):
        assert judge(asked(worked_example(), f"{name} = ?"), repr(number)).right
    if gradient is not None and name != "L":
        assert judge(asked(worked_example(), f"dL/d{name} = ?"), repr(gradient)).right


# Known mistakes, calculated by hand


def cross_entropy(logit: Value, target: Value) -> Value:
    """The binary cross-entropy of a logit as one node."""
    return apply(op_named("binary_cross_entropy"), logit, target)


def neuron() -> Value:
    """L = (tanh(w x + b) - t)^2 at w = .5, x = 2, b = -.5, t = 1: z = .5, h = .46211716."""
    w, x, b, t = label(0.5, "w"), label(2.0, "x"), label(-0.5, "b"), label(1.0, "t")
    z = functional.dot([w], [x], b)
    z.label = "z"
    h = z.tanh()
    h.label = "h"
    e = h - t
    e.label = "e"
    loss = e.square()
    loss.label = "L"
    return loss


def test_the_answers_for_a_neuron_are_those_by_hand() -> None:
    h = math.tanh(0.5)
    by_hand = {
        "z = ?": 0.5,
        "h = ?": h,
        "e = ?": h - 1.0,
        "L = ?": (h - 1.0) ** 2,
        "dL/de = ?": 2.0 * (h - 1.0),
        "dL/dh = ?": 2.0 * (h - 1.0),
        "dL/dt = ?": -2.0 * (h - 1.0),
        "dL/dz = ?": 2.0 * (h - 1.0) * (1.0 - h * h),
        "dL/dw = ?": 2.0 * (h - 1.0) * (1.0 - h * h) * 2.0,
        "dL/dx = ?": 2.0 * (h - 1.0) * (1.0 - h * h) * 0.5,
        "dL/db = ?": 2.0 * (h - 1.0) * (1.0 - h * h),
    }
    found = {str(question): question.answer for question in all_questions(neuron())}
    assert found == pytest.approx(by_hand, rel=1e-14)


@pytest.mark.parametrize(
    ("loss", "question", "typed", "kind", "reason"),
    [
        # h = .46212, dL/dh = -1.07577, tanh'(z) = .78645, dL/dz = -.84604
        (neuron, "dL/dz = ?", "-0.497", "derivative", "that is with h = tanh(z) itself"),
        (neuron, "dL/dz = ?", "-0.8751", "derivative", "was taken at h; it belongs at z = 0.5"),
        (neuron, "dL/dz = ?", "-0.8068", "derivative", "z stands where h belongs"),
        (neuron, "dL/dz = ?", "-0.5786", "derivative", "the square is missing: 1 - tanh(z)^2"),
        (neuron, "dL/dz = ?", "-1.0758", "factor", "that is dL/dh alone"),
        (neuron, "dL/dz = ?", "0.7864", "factor", "that is the local derivative dh/dz alone"),
        (neuron, "dL/dz = ?", "0.846", "sign", "the sign is wrong: dh/dz = 0.7864"),
        (neuron, "dL/dz = ?", "-0.2893", "factor", "here they are added"),
        (neuron, "dL/dw = ?", "-0.423", "index", "that is with w itself"),
        (neuron, "dL/dx = ?", "-1.692", "index", "what stands beside it, w"),
        (neuron, "dL/dt = ?", "-1.0758", "sign", "de/dt = -1"),
        (neuron, "dL/de = ?", "-0.5379", "constant", "the factor 2 of the power is missing: 2 e"),
        (neuron, "dL/de = ?", "0.2893", "derivative", "with the power itself; its derivative is"),
        (neuron, "dL/de = ?", "0.5786", "derivative", "the exponent 2 goes down by 1"),
        (neuron, "dL/de = ?", "2", "derivative", "with the exponent alone"),
        (neuron, "z = ?", "1", "operation", "the bias b is missing"),
        (neuron, "z = ?", "0.4621", "operation", "that is h = tanh(z) already"),
        (neuron, "z = ?", "2.0", "operation", "weights and inputs are multiplied"),
        (neuron, "h = ?", "0.5", "operation", "that is z itself; tanh(z) is asked"),
        (neuron, "h = ?", "0.7864", "derivative", "the derivative of tanh, not its value"),
        (neuron, "h = ?", "-0.4621", "sign", "the sign of z is wrong"),
        (neuron, "e = ?", "0.5379", "sign", "the two numbers are exchanged"),
        (neuron, "e = ?", "1.4621", "operation", "that is added; asked is a - b"),
        (neuron, "L = ?", "-1.0758", "operation", "that is doubled, not squared"),
        # a = 2, b = 3, c = -1: s = a b + c = 5, L = s a
        (product_of_sums, "dL/da = ?", "6", "paths", "only the path through s; add"),
        (product_of_sums, "dL/da = ?", "5", "paths", "the earlier paths; add the path through s"),
        (product_of_sums, "dL/da = ?", "-11", "sign", "5 came before and this path adds 6"),
        (product_of_sums, "dL/da = ?", "-1", "sign", "the sign is wrong"),
        (product_of_sums, "s = ?", "6", "operation", "the bias c is missing"),
        (product_of_sums, "L = ?", "7", "operation", "that is added; asked is a * b"),
        (worked_example, "dL/dsq_o1 = ?", "1", "constant", "the factor 0.5 is missing"),
        (worked_example, "dL/dw5 = ?", "0.08267", "index", "dnet_o1/dw6 was taken for dnet_o1/dw5"),
        (worked_example, "dL/dw5 = ?", "-0.0226", "index", "dL/dnet_o2 was taken for dL/dnet_o1"),
        (worked_example, "dL/dnet_h2 = ?", "0.008746", "index", "dL/dout_h1 was taken for"),
        (worked_example, "net_h1 = ?", "0.375", "index", "exchanged: w1 belongs to i1"),
        (
            worked_example,
            "net_h1 = ?",
            "0.3575",
            "operation",
            "the product p2 = w2 * i2 is missing",
        ),
    ],
)
def test_a_mistake_is_told(
    loss: Callable[[], Value], question: str, typed: str, kind: str, reason: str
) -> None:
    verdict = judge(asked(loss(), question), typed)
    assert (verdict.kind, verdict.right) == (kind, False)
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("loss", "question", "typed", "kind", "reason"),
    [
        (label(-2.0, "a").relu() * 3.0, "/da = ?", "3", "derivative", "relu lets nothing"),
        (label(2.0, "a").relu() * 3.0, "/da = ?", "0", "derivative", "relu lets all through"),
        (label(0.5, "a").sigmoid() * 3.0, "/da = ?", "1.1326", "derivative", "one of the two"),
        (label(4.0, "a") / label(2.0, "b"), "/db = ?", "-2", "derivative", "the square is"),
        (label(3.0, "a") / label(2.0, "b"), "/db = ?", "-0.25", "factor", "the numerator"),
        (label(3.0, "a") / label(4.0, "b"), "/db = ?", "0.25", "derivative", "the derivative"),
        (label(3.0, "a") / label(4.0, "b"), "/da = ?", "4", "derivative", "multiplied, not"),
        (label(3.0, "a") / 4.0, "/da = ?", "1", "constant", "the factor 1/4 is missing"),
        (label(3.0, "a") ** 3, "/da = ?", "9", "constant", "the factor 3 of the power"),
        (label(3.0, "a") ** 3, "/da = ?", "81", "derivative", "the exponent 3 goes down by 1"),
        (
            functional.logsumexp([label(1.0, "a"), label(2.0, "b")]),
            *("/da = ?", "2.7183", "constant", "not divided by the sum"),
        ),
        (
            cross_entropy(label(0.5, "a"), label(1.0, "t")),
            *("/da = ?", "0.6225", "derivative", "the target is not subtracted"),
        ),
        (
            cross_entropy(label(0.5, "a"), label(1.0, "t")),
            *("/da = ?", "-0.50", "derivative", "with the logit, not its sigmoid"),
        ),
    ],
)
def test_operations_have_mistakes_of_their_own(
    loss: Value, question: str, typed: str, kind: str, reason: str
) -> None:
    (found,) = [
        q for q in all_questions(loss) if str(q).startswith("d") and question[-6:] in str(q)
    ]
    verdict = judge(found, typed)
    assert (verdict.kind, reason in verdict.reason) == (kind, True), verdict


def test_a_power_is_no_product() -> None:
    (question,) = questions_of(trace_forward(label(4.0, "a") ** 3))
    assert judge(question, "12").reason == "that is multiplied; asked is a ^ b"


def test_of_two_mistakes_with_one_number_the_likelier_is_told() -> None:
    """With upstream 1 and the local derivative 3, "3" is the answer; 1 is the factor left out."""
    a = label(1.0, "a")
    question = asked(a * 3.0, "dv2/da = ?")
    reasons = [as_text(mistake.reason) for mistake in question.mistakes]
    ones = [r for r, m in zip(reasons, question.mistakes) if m.target.value == 1.0]
    assert ones == ["the factor 3 is missing: dv2/da = 3"]  # a itself is 1, too


def test_before_the_last_path_only_what_it_adds_is_asked() -> None:
    a = label(3.0, "a")
    loss = functional.sum([a * 2.0, a * 5.0, a * 7.0])
    backward = list(questions_of(trace_backward(loss)))
    of_a = [question for question in backward if question.step.node.op is op_named("mul")]
    assert [str(question)[-33:] for question in of_a[:2]] == [
        "/da += ? (only what this path adds)"[-33:]
    ] * 2
    assert sum(question.answer for question in of_a[:2]) + 2.0 in (14.0, 9.0, 11.0, 16.0)
    second = of_a[1]
    so_far = of_a[0].answer + second.answer
    verdict = judge(second, repr(so_far))
    assert verdict.kind == "paths"
    assert "with the earlier paths; asked is only what the path through" in verdict.reason
    assert judge(second, repr(second.answer)).right
    assert of_a[2].answer == 14.0
    for question in of_a[:2]:
        verdict = judge(question, "14")
        assert verdict.kind == "paths"
        assert "along all paths; asked is only what the path through" in verdict.reason
    for place in (0, 1):
        verdict = judge(of_a[2], repr(14.0 - of_a[place].answer))
        name = as_text(of_a[place].given[1]).partition(" = ")[0]
        assert verdict.reason == f"the path through {name} is missing"


def test_of_many_paths_the_missing_one_is_not_looked_for() -> None:
    """Six paths: five earlier ones, each adding another number."""
    a = label(1.0, "a")
    loss = functional.sum([a * factor for factor in (2.0, 5.0, 11.0, 23.0, 47.0, 95.0)])
    *_, last = [q for q in questions_of(trace_backward(loss)) if str(q).endswith("/da = ?")]
    assert last.answer == 183.0
    assert judge(last, "160").kind == "wrong"


# What is given, hints


def test_what_is_given_and_the_hints_lead_to_the_answer() -> None:
    question = asked(product_of_sums(), "dL/da = ?")
    assert question.lines_given() == [
        "dL/ds = 2",
        "s = a * b + c = 2 * 3 + (-1) = 5",
        "so far, along the other paths: dL/da = 5",
    ]
    assert question.lines_of_hints() == [
        "dL/da = what came before + dL/ds * ds/da",
        "dL/ds = 2 and ds/da = b = 3",
        "dL/da = 5 + 2 * 3 = ?",
    ]


def test_the_hints_of_a_step_forward() -> None:
    question = asked(neuron(), "z = ?")
    assert question.lines_given() == ["w = 0.5, x = 2, b = -0.5"]
    assert question.lines_of_hints() == [
        "z = w * x + b",
        "z = 0.5 * 2 + (-0.5) = ?",
        "z = 1 + (-0.5) = ?",
    ]
    assert asked(neuron(), "h = ?").lines_of_hints() == ["h = tanh(z)", "h = tanh(0.5) = ?"]


def test_hints_lead_by_degrees() -> None:
    """Each says something new, and none the number that is asked for."""
    for question in many_questions():
        hints = question.lines_of_hints()
        assert len(set(hints)) == len(hints) >= 2
        assert hints[-1].endswith(" = ?")
        symbol = str(question).partition(" ")[0]
        for line in hints:
            given = re.findall(rf"(?:^| ){re.escape(symbol)} \+?= (-?[0-9.]+)(?= and|$)", line)
            assert given == [], line


def test_the_hints_of_the_loss_leave_its_derivative_to_the_last() -> None:
    assert asked(label(3.0, "a").square(), "dv1/da = ?").lines_of_hints() == [
        "dv1/da = dv1/dv1 * dv1/da",
        "dv1/dv1 = 1 and dv1/da = 2 a",
        "dv1/da = 1 * 6 = ?",
    ]
    assert asked(label(3.0, "a") * 0.5, "dv2/da = ?").lines_of_hints()[1:] == [
        "dv2/dv2 = 1",
        "dv2/da = 1 * 0.5 = ?",
    ]


def test_a_long_sum_gives_the_operands_that_are_asked_about() -> None:
    weights = [label(0.1 * i, f"w{i}") for i in range(12)]
    inputs = [label(1.0 + i, f"x{i}") for i in range(12)]
    loss = functional.dot(weights, inputs, label(0.5, "b"))
    backward = {str(q): q for q in questions_of(trace_backward(loss))}
    name = next(iter(backward)).partition("/")[0]
    assert backward[f"{name}/dw6 = ?"].lines_given()[2:] == ["w6 = 0.6", "x6 = 7"]
    assert backward[f"{name}/dx6 = ?"].lines_given()[2:] == ["w6 = 0.6", "x6 = 7"]
    assert backward[f"{name}/db = ?"].lines_given()[2:] == ["b = 0.5"]
    assert list(questions_of(trace_forward(loss))) == []  # not all of its numbers are in view


@pytest.mark.parametrize(("n", "is_asked"), [(8, True), (9, False)])
def test_a_sum_is_asked_for_where_equations_write_all_of_it(n: int, is_asked: bool) -> None:
    row = [label(1.0, f"w{i}") for i in range(n)]
    found = list(questions_of(trace_forward(functional.dot(row, [2.0] * n, label(1.0, "b")))))
    assert bool(found) == is_asked


def test_what_is_nan_or_infinite_is_not_asked() -> None:
    a = label(800.0, "a")
    loss = a.exp() * 2.0
    assert [str(question) for question in questions_of(trace_forward(loss))] == []
    backward = trace_backward(loss)
    assert [question.step.index for question in questions_of(backward)] == [0]


def test_a_trace_that_accumulates_asks_for_the_sum() -> None:
    a = label(3.0, "a")
    loss = a * 2.0
    trace_backward(loss)
    (question,) = questions_of(trace_backward(loss, accumulate=True))
    assert question.answer == 4.0
    assert judge(question, "2.0").kind == "paths"


def test_questions_do_not_depend_on_gradients_that_stand_in_the_graph() -> None:
    loss = product_of_sums()
    before = [question.data() for question in all_questions(loss)]
    loss.backward()
    assert [question.data() for question in all_questions(loss)] == before


# Data for a page


def test_the_data_are_json_with_every_number() -> None:
    for question in many_questions()[:200]:
        data = json.loads(json.dumps(question.data(), allow_nan=False))
        assert set(data) == {
            *("index", "backward", "asks", "given", "answer", "slack", "mistakes", "hints")
        }
        assert Target(data["answer"], data["slack"]) == question.target
        assert data["index"] == question.step.index
        assert data["backward"] == question.is_backward
        assert [m[:3] for m in data["mistakes"]] == [
            [m.target.value, m.target.slack, m.kind] for m in question.mistakes
        ]
        assert len(data["hints"]) == len(question.hints)


def test_names_can_be_numbers_on_a_page() -> None:
    question = asked(neuron(), "dL/dw = ?")
    data = question.data(lambda name: len(name.written))
    assert data["asks"] == [["derivative", 1, 1], ["sign", "="], ["word", "?"]]
    assert data["given"][0] == [["derivative", 1, 1], ["sign", "="], ["number", "−0.846"]]


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a\x1b[31m", "x\u202ey", "\n\n", "= ?"]
)
def test_hostile_labels_are_only_shown(text: str) -> None:
    a, b = label(2.0, text), label(3.0, "b")
    loss = (a * b).tanh()
    for question in all_questions(loss):
        reasons = [as_text(mistake.reason) for mistake in question.mistakes]
        for line in [str(question), *question.lines_given(), *question.lines_of_hints(), *reasons]:
            assert line.isprintable(), line
        assert judge(question, text).kind in ("text", "empty")


# Rounding in view


def test_a_number_with_all_its_digits_in_view_has_no_error() -> None:
    assert [Rounded.of(x).error for x in (0.5, 0.1 + 0.2, -3.0, 0.0, 0.00012)] == [0.0] * 5
    assert Rounded.of(0.12345).error == 0.00005
    assert Rounded.of(0.00123456).error == pytest.approx(0.0000005)


def test_errors_add_up_as_in_the_first_order() -> None:
    a, b = Rounded(2.0, 0.1), Rounded(-3.0, 0.01)
    assert (a * b).value == -6.0
    assert (a * b).error == pytest.approx(2.0 * 0.01 + 3.0 * 0.1 + 0.001, rel=1e-6)
    assert (a + b).value == -1.0
    assert (a + b).error == pytest.approx(0.11, rel=1e-6)
    assert -a == Rounded(-2.0, 0.1)
    assert a.target().slack == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize(("x", "share"), [(0.04321, 0.02), (1.2345678, 1e-4)])
def test_a_derivative_is_granted_little(x: float, share: float) -> None:
    op = op_named("reciprocal")
    found = rounded_partial(op, 0, 1.0 / x, [x], -1.0 / (x * x))
    assert 0.0 < found.error <= share * abs(found.value) + 0.0001


# What is mixed up with what


def reasons(question: Question) -> list[str]:
    return [as_text(mistake.reason) for mistake in question.mistakes]


def test_an_operand_is_mixed_up_with_the_nearest_on_its_side() -> None:
    weights = [label(0.5 + i, f"w{i}") for i in range(7)]
    inputs = [label(0.3 - i * i, f"x{i}") for i in range(7)]
    loss = functional.dot(weights, inputs) * 2.0
    loss.label = "L"
    for kind in "wx":
        taken = [x for x in reasons(asked(loss, f"dL/d{kind}3 = ?")) if "was taken for" in x]
        assert [text.partition(" was")[0][-2:] for text in taken] == [
            f"{kind}{place}" for place in (2, 4, 1, 5)
        ]
    ends = [x for x in reasons(asked(loss, "dL/dw0 = ?")) if "was taken for" in x]
    assert [text.partition(" was")[0][-2:] for text in ends] == ["w1", "w2", "w3", "w4"]


def test_a_bias_is_mixed_up_with_no_operand() -> None:
    texts = reasons(asked(neuron(), "dL/db = ?"))
    assert not any("taken for" in text or "itself" in text for text in texts)


def test_a_gradient_is_mixed_up_with_those_of_the_same_layer_that_are_known() -> None:
    x = [label(0.5, "x0"), label(-1.5, "x1")]
    sums = [functional.dot([label(0.1 * i, f"u{i}"), label(0.7, f"w{i}")], x) for i in range(1, 8)]
    for place, node in enumerate(sums):
        node.label = f"z{place}"
    factors = [0.3, 1.1, -0.8, 2.2, 0.6, -1.7, 0.9]
    loss = functional.sum([node.tanh() * factor for node, factor in zip(sums, factors)])
    loss.label = "L"
    found = {str(question): reasons(question) for question in all_questions(loss)}
    several = [
        [x for x in found[f"dL/du{i} = ?"] if x.startswith("dL/dz") and f"for dL/dz{i - 1}" in x]
        for i in range(1, 8)
    ]
    assert max(map(len, several)) == 4  # so many, and no more
    assert any(several)
    for i, texts in enumerate(several):
        assert not any(text.startswith(f"dL/dz{i} ") for text in texts)


def test_an_operation_is_mixed_up_with_its_kind_alone() -> None:
    for question in many_questions():
        step = question.step
        if not isinstance(step, BackwardStep):
            continue
        names = {text: node for node, text in step.trace.names.items()}
        for mistake in question.mistakes:
            first, second = mistake.reason[0], mistake.reason[-1]
            if isinstance(first, Derivative) and mistake.kind == "index":
                assert isinstance(second, Derivative)
                if first.of.written == step.trace.names[step.trace.loss] == second.of.written:
                    others = [names[x.by.written] for x in (first, second)]
                    if step.node is others[1]:
                        assert others[0].op is step.node.op
                        assert others[0] is not step.node


def test_only_activations_come_next() -> None:
    z = label(0.5, "z") * 3.0
    z.label = "s"
    assert not any("already" in text for text in reasons(asked((z - 1.0).square(), "s = ?")))
    slope = label(0.5, "a") * 0.3
    slope.label = "slope"
    leaky = functional.leaky_relu(label(-2.0, "x"), slope)
    assert not any("already" in text for text in reasons(asked(leaky * 2.0, "slope = ?")))
    assert any("already" in text for text in reasons(asked(z.tanh(), "s = ?")))


def test_what_is_0_by_its_factor_is_not_blocked() -> None:
    a, b = label(3.0, "a"), label(0.0, "b")
    loss = a * b
    loss.label = "L"
    assert not any("lets nothing through" in text for text in reasons(asked(loss * 4.0, "L = ?")))
    (question,) = [x for x in questions_of(trace_backward(loss * 4.0)) if "/da" in str(x)]
    assert judge(question, "4").kind == "factor"
    assert not any("lets nothing through" in text for text in reasons(question))


def test_a_sum_has_no_mistakes_of_a_function() -> None:
    a, b = label(3.0, "a"), label(0.5, "b")
    for question in questions_of(trace_backward((a + b) * 4.0)):
        assert not any("itself; its derivative" in text for text in reasons(question))
        assert not any("it belongs at" in text for text in reasons(question))


def test_hints_speak_of_what_came_before_only_where_something_did() -> None:
    for question in many_questions():
        step = question.step
        if isinstance(step, BackwardStep):
            is_sum = any("so far" in line for line in question.lines_given())
            assert ("what came before" in question.lines_of_hints()[0]) == is_sum
            assert (" + " in question.lines_of_hints()[2]) == is_sum


@pytest.mark.parametrize(("n", "n_lines"), [(8, 2), (9, 4)])
def test_operands_are_given_apart_where_the_equation_leaves_some_out(n: int, n_lines: int) -> None:
    row = [label(1.0 + i, f"w{i}") for i in range(n)]
    loss = functional.dot(row, [label(2.0, f"x{i}") for i in range(n)])
    (question,) = [x for x in questions_of(trace_backward(loss)) if str(x).endswith("/dw3 = ?")]
    assert len(question.lines_given()) == n_lines
