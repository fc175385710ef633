"""The quiz in the console: the number of the next step is hidden, asked for, and judged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, Final

from tinygrad_mlp.debug._quiz_progress import Progress
from tinygrad_mlp.debug._quiz_questions import Question, judge
from tinygrad_mlp.debug._walking import Walking
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError

__all__ = ["Quizzing"]

LIKE_A_NUMBER: Final = re.compile(r"[+\-\u2010-\u2014\u2212\ufe63\uff0d]? *[0-9.,]")
"""How a line begins that is an answer, where a question is open, rather than a command."""


class Quizzing(Walking):
    r"""The commands of the quiz.

    Args:
        session: the walk.
        stdin: where commands come from; by default the terminal.
        stdout: where the answers go.
        width: the number of columns to which answers are broken, see ``CommandLoop``.

    Attributes:
        progress: the counts of this console's quiz.

    >>> import io
    >>> from tinygrad_mlp.engine import Value
    >>> loss = Value(3.0, label="a").square()
    >>> Quizzing(Session(loss), stdin=io.StringIO("end\nback\nquiz\n3\nhint\n6\n")).run()
    (step) end
    [2/2] backward  dv1/da += dv1/dv1 * dv1/da = 1 * 6 = 6
          the backward pass is over
    (step) back
    [1/2] forward   v1 = a^2 = 3^2 = 9
          the forward pass is over; the backward pass begins with dv1/dv1 = 1
    (step) quiz
    type the number of each step; hint, answer, skip and score help, quiz off ends it
    [2/2] backward  dv1/da = ?
                    dv1/dv1 = 1
                    v1 = a^2 = 3^2 = 9
    (step) 3
    no: the factor 2 of the power is missing: 2 a
    (step) hint
    dv1/da = dv1/dv1 * dv1/da
    (step) 6
    right
    [2/2] backward  dv1/da += dv1/dv1 * dv1/da = 1 * 6 = 6
          the backward pass is over
    1 of 1 right, 0 of them at once; hints 1
    mistakes: a constant factor 1
    """

    def __init__(
        self,
        session: Session,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
        width: int | None = None,
    ) -> None:
        super().__init__(session, stdin, stdout, width)
        self.progress = Progress()
        self._question: Question | None = None
        self._tries = 0
        self._hints = 0
        self._kept: tuple[Path, Progress] | None = None
        self._stands_at: object = None

    @property
    def quizzing(self) -> bool:
        """Whether the quiz is on."""
        return self.display.hides_ahead

    def onecmd(self, line: str) -> bool:
        """Do one command, then ask about the step that comes next."""
        stop = super().onecmd(line)
        if self.quizzing and not stop:
            self._ask_where_it_moved()
        return stop

    def emptyline(self) -> bool:
        """Enter alone asks again while a question is open."""
        if self._question is None:
            return super().emptyline()
        self._say_question(self._question)
        return False

    def default(self, line: str) -> None:
        """A number is an answer while a question is open."""
        if self._question is not None and LIKE_A_NUMBER.match(line):
            self._judge(self._question, line)
        else:
            super().default(line)

    # Commands

    def do_quiz(self, argument: str) -> None:
        """quiz [on | off]: hide the number of each step that comes, and ask for it.

        Type the number itself, such as 0.0822 or 1/3, with at least two digits; it is judged with
        the reason. A step that is done shows its numbers as ever.
        """
        if argument not in ("", "on", "off"):
            raise InvalidArgumentError(f"quiz takes on or off, not {argument!r}")
        if argument == "off":
            self._say_score()
            self.display.hides_ahead, self._question = False, None
            return
        self.display.hides_ahead, self._stands_at = True, None
        self.say(
            "type the number of each step; hint, answer, skip and score help, quiz off ends it"
        )

    def complete_quiz(self, text: str, line: str, begidx: int, endidx: int) -> list[str]:
        """Its two words."""
        return [word for word in ("on", "off") if word.startswith(text)]

    def do_hint(self, argument: str) -> None:
        """hint: say more about the open question: the formula, its numbers, all but the last step.

        Each time one more of them is shown.
        """
        question = self._open_question()
        lines = question.lines_of_hints()
        if self._hints == len(lines):
            raise InvalidArgumentError("there are no more hints; answer shows the number")
        self.say(lines[self._hints])
        self._hints += 1
        self.progress.hints += 1
        self._keep()

    def do_answer(self, argument: str) -> None:
        """answer [NUMBER]: show the answer and do the step; with a number, be judged.

        The number can be typed without the command, too.
        """
        question = self._open_question()
        if argument:
            self._judge(question, argument)
            return
        self.progress.shown += 1
        self._do_step()

    def do_skip(self, argument: str) -> None:
        """skip: leave the open question out, and go on to the next."""
        self._open_question()
        self.progress.skipped += 1
        self._keep()
        self.session.move(1)

    def do_score(self, argument: str) -> None:
        """score [FILE]: how the quiz goes; with FILE keep the counts there from now on.

        What stands in the file already is added, so that it holds the counts of all quizzes.
        """
        self._say_score()
        if argument:
            total = self.keep_score(Path(argument))
            self.say(f"kept in {argument}, all in all:", whole=True)
            for line in total.lines():
                self.say(line)

    def keep_score(self, path: Path) -> Progress:
        """Keep the counts in a file from now on, added to what stands there; all in all.

        Raises:
            DataError: if the file holds something else.
            OSError: if it cannot be read or written.
        """
        if self._kept is None or self._kept[0] != path:
            self._kept = path, Progress.read(path)
        self._keep()
        return self._kept[1] + self.progress

    # Helpers

    def _ask_where_it_moved(self) -> None:
        """The question of the next step, unless it is open already; an answerless step is done."""
        stands_at = self.session.backward, self.session.position
        if stands_at == self._stands_at:
            return
        while self.session.position < len(self.session):
            self._question = self.session.question()
            if self._question is not None:
                break
            self.session.move(1)
            self._show_step()
        else:
            self._question = None
        self._stands_at = self.session.backward, self.session.position
        self._tries = self._hints = 0
        if self._question is None:
            self._say_score()
        else:
            self._say_question(self._question)

    def _say_question(self, question: Question) -> None:
        head, blank = self.display.heads(self.session.position)
        self.say(f"{head}{self.display.paint('bold', str(question))}")
        for line in question.lines_given():
            self.say(f"{blank}{line}")

    def _require_answered(self, node: Value) -> None:
        """Refuse to show what the quiz asks for, or will."""
        if self.quizzing and not self.session.is_complete(node):
            raise InvalidArgumentError(
                f"the quiz has not come to the whole gradient of {self.session.names[node]} yet; "
                "quiz off, and it is shown"
            )

    def _open_question(self) -> Question:
        if self._question is None:
            raise InvalidArgumentError(
                "no question is open; "
                + ("this is the end" if self.quizzing else "quiz begins to ask")
            )
        return self._question

    def _judge(self, question: Question, typed: str) -> None:
        verdict = judge(question, typed)
        self.progress.note(verdict, self._tries)
        if verdict.right:
            self.say(self.display.paint("green", "right"))
            self._do_step()
            return
        if verdict.is_attempt:
            self._tries += 1
            self._keep()
        said = "no: " if verdict.is_attempt else ""
        self.say(self.display.paint("red", f"{said}{verdict.reason}"))

    def _do_step(self) -> None:
        self._keep()
        self.session.move(1)
        self._show_step()

    def _say_score(self) -> None:
        for line in self.progress.lines():
            self.say(line)

    def _keep(self) -> None:
        """Write the counts where they are to be kept."""
        if self._kept is not None:
            path, before = self._kept
            (before + self.progress).write(path)
