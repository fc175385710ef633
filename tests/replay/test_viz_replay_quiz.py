"""The quiz in the page of a replay: it hides a number, asks for it, and judges as Python does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.replaying import PHONE, STEP_W5, Opener, chain_network, recorded
from tinygrad_mlp.debug import trace_backward, trace_forward, worked_example
from tinygrad_mlp.debug._quiz_questions import Question, judge, questions_of
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from viz._replay.stepper import replay_page

ANSWER_W5 = "0.0822"


def questions(loss: Value) -> list[Question]:
    """In the order of the page's steps, by the names of the program."""
    return [*questions_of(trace_forward(loss)), *questions_of(trace_backward(loss))]


def typed_at(question: Question) -> Iterator[str]:
    """Right, wrong, nearly right, and no numbers at all."""
    yield from ("", " ", "w5", "0,5", "1/0", "1/3", "1e999", "1/2/3", "+-1", ".", "0", "−0", "7")
    yield from (" -1.5*10^-3 ", "2·10^−2", "5.", ".5", "–.5e+1", "1e-400", "00.0", "0.\u202f5")
    for target in (question.target, *[mistake.target for mistake in question.mistakes]):
        for number in (target.value, target.value + target.slack, -target.value):
            for digits in (1, 2, 3, 5, 17):
                yield f"{number:.{digits}g}"
        yield f"{target.value * 1.0004:.4g}"
        yield f"{target.value:.3g}1"
        unit = 10.0 ** -(len(f"{target.value:.4f}".partition(".")[2]))
        yield f"{target.value + 0.5 * unit:.6g}"
        yield f"{target.value + unit:.4f}"


@pytest.mark.parametrize("loss", [worked_example, lambda: chain_network([1, 1])])
def test_the_page_judges_as_python_does(viewer: Opener, loss: Any) -> None:
    graph = loss()
    page = viewer(graph, quiz=True)
    codes = page.page.evaluate("trace.nodes.map(({ code }) => code)")
    assert codes
    asked = questions(graph)
    cases = [list(dict.fromkeys(typed_at(question))) for question in asked]
    expected = []
    for question, texts in zip(asked, cases, strict=True):
        verdicts = [judge(question, text) for text in texts]
        expected.append([[verdict.kind, verdict.is_attempt] for verdict in verdicts])
    found = page.page.evaluate(
        "cases => JSON.stringify(JSON.parse(cases).map((texts, i) => texts.map(text => "
        "quiz.judge.verdict(recorded.quiz.questions.filter(Boolean)[i], text))"
        ".map(x => [x.kind, x.isAttempt])))",
        json.dumps(cases),
    )
    assert json.loads(found) == expected
    kinds = {kind for verdicts in expected for kind, _ in verdicts}
    assert {"right", "wrong", "digits", "rounding", "factor", "sign", "derivative"} < kinds
    assert {"empty", "text", "comma", "zero", "large"} < kinds
    assert "close" in kinds or loss is not worked_example


def test_the_reasons_are_those_of_python(viewer: Opener) -> None:
    loss = worked_example()
    page = viewer(loss, quiz=True)
    place = questions(loss).index(next(x for x in questions(loss) if str(x) == "dL/dw5 = ?"))
    question = questions(loss)[place]
    told = page.page.evaluate(
        "place => recorded.quiz.questions[place][5].map(([, , , line]) => spoken(line))", place
    )
    assert len(told) > 4
    assert [x.replace("−", "-") for x in told] == [
        "".join(token.text for token in mistake.reason) for mistake in question.mistakes
    ]


LEAKS: Final = """(at) => {
  goTo(at);
  if (!scene.stops.includes(position) || !quiz.isOpen(position)) return null;
  const { node, isGradient } = trace.asked;
  const box = scene.itemOf[node].element.ariaLabel;
  const equation = byId("equation").textContent;
  select(node);
  byId("graph").dispatchEvent(new Event("focusin"));
  const copy = document.body.cloneNode(true);
  for (const unseen of copy.querySelectorAll("script, .waiting")) unseen.remove();
  const inputs = [...document.querySelectorAll("input")].map(({ value }) => value);
  const around = [document.title, location.href, JSON.stringify(history.state)];
  const seen = [copy.innerHTML, ...inputs, ...around].join(" ");
  const asked = trace.asked;
  trace.asked = null;
  const at_once = (x, when) => [trace.dataAt(x, when), trace.gradAt(x, when)].filter(Boolean);
  const before = trace.nodes.flatMap((x) => at_once(x, position - 1)).map(({ exact }) => exact);
  const of = trace.nodes[node];
  const { exact, shown } = isGradient ? trace.gradAt(of, position) : of.data;
  trace.asked = asked;
  const words = new Set(seen.match(/[−0-9.e+-]+/g));
  const found = before.includes(exact) ? [] : [exact, shown].filter((text) => words.has(text));
  return [position, found, box, equation];
}"""
"""What is asked for at a position and can be read, though it was not to be seen before."""


@pytest.mark.parametrize("collapse", [False, True])
def test_a_number_that_is_asked_for_stands_nowhere(viewer: Opener, collapse: bool) -> None:
    page = viewer(chain_network([2, 2, 1]), quiz=True, collapse=collapse)
    page.press("q")
    askable = page.page.evaluate("scene.stops.filter((at) => quiz.isOpen(at))")
    found = page.page.evaluate(
        f"askable => askable.map((at) => ({LEAKS})(at)).filter(Boolean)", askable
    )
    for at, texts, box, equation in found:
        assert texts == [], at
        assert "asked for" in box or collapse
        assert "?" in equation
    n_asked = len(found)
    at = found[-1][0]
    assert n_asked >= (6 if collapse else 20)
    page.page.evaluate("at => { byId('answer').value = String(quiz.questionAt(at)[0]) }", at)
    page.page.click("text=Check")
    assert "asked for" not in (page.page.inner_html("#graph"))
    assert "?" not in page.equation()


def test_a_quiz_is_played(viewer: Opener) -> None:
    page = viewer(worked_example(), quiz=True)
    page.page.fill("#slider", str(STEP_W5))
    page.press("q")
    assert page.position() == STEP_W5
    assert page.equation() == "dL/dw5 = ?"
    assert page.page.get_attribute("#quiz-switch", "aria-pressed") == "true"
    here = "document.activeElement.id || document.activeElement.textContent"
    assert page.page.evaluate(here) == "answer"
    page.page.keyboard.type("0.1385")
    page.press("ArrowLeft", "Home", "End")
    assert page.position() == STEP_W5, "they are keys of the field"
    page.press("Enter")
    reason = "that is dL/dnet_o1 alone; the local derivative dnet_o1/dw5 = 0.5933 is missing"
    assert page.page.inner_text("#live") == f"No: {reason}."
    verdict = page.page.inner_text("#verdict")
    assert verdict.startswith("No: that is ")
    assert verdict.endswith("= 0.5933 is missing.")
    assert page.page.get_attribute("#answer", "aria-invalid") is not None
    page.press("Enter")
    assert page.page.inner_text("#live").startswith("Again: No: that is")
    for number in (1, 2, 3):
        page.page.get_by_role("button", name=f"Hint {number} of 3").click()
        assert page.page.locator("#hints p").count() == number
    assert page.page.get_by_role("button", name="Hint 3 of 3").get_attribute("aria-disabled")
    assert page.page.inner_text("#hints p >> nth=2").endswith("0.1385 · 0.5933 = ?")
    page.page.fill("#answer", "0.0822")
    page.page.focus("#answer")
    page.press("Enter")
    assert page.equation() == "dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822"
    assert page.page.inner_text("#verdict") == "Right."
    score = "1 of 1 right, 0 of them at once; hints 3; mistakes: a factor left out 2"
    assert page.page.inner_text("#score") == score
    assert page.page.inner_text("#live") == (
        "Right: dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822. "
        "1 of 1 right, 0 of them at once; hints 3."
    )
    assert page.page.evaluate(here) == "Next question"
    page.press("Enter")
    assert page.equation() == "dL/dw6 = ?"
    assert page.page.evaluate(here) == "answer"
    assert page.page.input_value("#answer") == ""
    page.page.fill("#answer", "7.5")
    page.press("Enter")
    assert page.page.inner_text("#verdict") == "This is not the answer."
    page.page.click("text=Show the answer")
    assert "= 0.0827" in page.equation()
    assert page.page.inner_text("#verdict") == "", "the number that is shown is the answer"
    page.page.click("text=Next question")
    page.page.click("text=Skip")
    assert page.page.inner_text("#score").startswith("1 of 3 right, 0 of them at once; shown 1; sk")
    page.press("Escape")
    assert page.page.evaluate(here) == "quiz-switch"
    page.press("q")
    assert not page.page.locator("#quiz").is_visible()
    assert "?" not in page.equation()


def test_progress_is_kept_for_the_same_numbers(viewer: Opener) -> None:
    page = viewer(worked_example(), quiz=True)
    page.press("q")
    assert page.position() == 1, "the first question"
    answer = page.page.evaluate("recorded.quiz.questions[0][0]")
    page.page.fill("#answer", repr(answer))
    page.page.focus("#answer")
    page.press("Enter")
    page.page.reload()
    page.requests.pop()
    page.press("q")
    assert page.position() == 2
    assert page.page.inner_text("#score") == "1 of 1 right, 1 of them at once"
    page.page.fill("#slider", "1")
    assert "?" not in page.equation()
    begin = "() => { quiz.renew(); kept.begin(quiz); return quiz.scoreLines()[0] }"
    assert page.page.evaluate(begin) == "1 of 1 right, 1 of them at once"
    page.page.evaluate("byId('recorded').textContent += '0'")  # other numbers
    assert page.page.evaluate(begin) == "no question is answered yet"
    page.page.evaluate("localStorage.setItem(kept.key, '{')")
    assert page.page.evaluate(begin) == "no question is answered yet"


def test_all_questions_come_to_an_end(viewer: Opener) -> None:
    page = viewer(Value(0.5, label="z").tanh() * 3.0, quiz=True)
    page.press("q")
    for _ in range(4):
        assert page.page.locator("#answer").is_visible()
        page.page.evaluate("quiz.field.value = String(quiz.questionAt(position)[0])")
        page.page.click("text=Check")
        page.press("Enter")  # the next question
    assert page.page.inner_text("#score") == "4 of 4 right, 4 of them at once"
    assert page.page.locator("#quiz button:visible, #answer:visible").count() == 0
    assert page.page.inner_text("#verdict") == "Right. All questions are done."
    assert page.page.evaluate("document.activeElement.id") == "slider"
    page.press("ArrowLeft", "ArrowRight")
    assert page.page.inner_text("#verdict") == "All questions are done."


def test_a_number_that_is_not_finite_is_not_asked(viewer: Opener) -> None:
    zero = Value(0.0, label="zero")
    page = viewer(zero.log() * Value(2.0, label="two"), quiz=True)
    page.press("q")
    asked = page.page.evaluate("recorded.quiz.questions.map(Boolean)")
    assert asked == [False, False, True, False, False]
    assert page.equation() == "dL/dv2 = ?"
    assert page.page.get_by_role("button", name="Skip").is_visible()
    page.page.click("text=Show the answer")
    assert page.page.inner_text("#verdict") == "All questions are done."
    page.press("ArrowRight")
    assert "-inf" in page.equation()


def test_on_a_phone_the_quiz_fits(viewer: Opener) -> None:
    page = viewer(worked_example(), PHONE, quiz=True)
    page.press("q")
    assert page.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    names = page.page.eval_on_selector_all(
        ".tools button:not([hidden]), #quiz button, #quiz input",
        "all => all.map(x => { const b = x.getBoundingClientRect();"
        " return [x.scrollWidth <= x.clientWidth, b.left >= 0, b.right <= innerWidth,"
        " Boolean(x.ariaLabel || x.textContent)] })",
    )
    assert len(names) > 10
    assert all(map(all, names))


def test_a_page_has_a_quiz_only_where_it_is_wanted() -> None:
    loss = worked_example()
    plain, quiz = replay_page(loss), replay_page(loss, quiz=True)
    assert "quiz" not in recorded(plain)
    assert len(recorded(quiz)["quiz"]["questions"]) == 15 + 34
    assert "class Judge" in quiz
    assert "class Judge" not in plain
    with pytest.raises(InvalidArgumentError, match=r"quiz is 'yes', .*quiz=True"):
        replay_page(loss, quiz="yes")  # type: ignore[arg-type]


def test_what_is_asked_is_not_printed(viewer: Opener) -> None:
    page = viewer(worked_example(), quiz=True)
    page.page.fill("#slider", str(STEP_W5))
    page.press("q")
    page.page.evaluate("() => { dispatchEvent(new Event('beforeprint')) }")
    rows = page.page.locator("#all-steps tbody tr td:first-child").all_text_contents()
    assert rows == [str(step) for step in range(STEP_W5)]
    page.press("Escape", "q")
    page.page.evaluate("() => { dispatchEvent(new Event('beforeprint')) }")
    assert page.page.locator("#all-steps tbody tr").count() == page.last() + 1
