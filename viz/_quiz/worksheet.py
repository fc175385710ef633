"""``worksheet``: an exercise sheet on backpropagation, with the key that the engine gives."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Final, overload

from tinygrad_mlp._arguments import check_integer
from tinygrad_mlp._files import write_whole
from tinygrad_mlp._text import described
from tinygrad_mlp.debug._notation import NAMES
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import GraphError, InvalidArgumentError, NotANumberError
from tinygrad_mlp.graph import INDEX_ORDERS, order_of
from tinygrad_mlp.nn._module import Module
from viz._graph import outputs_of
from viz._pictures import to_svg
from viz._quiz.round_numbers import draw_numbers
from viz._quiz.sheet_page import key_page, sheet_page
from viz._quiz.sheet_questions import sheet_of
from viz._replay.framed import Page
from viz._scene.render import format_of
from viz._style.themes import known_name

__all__ = ["worksheet"]

MOST_NODES: Final = 150
"""Of a graph that a person works through on paper."""

UNLIKE_A_BIT: Final = 0.5
"""What inputs and targets are before numbers are drawn: those that are 0 or 1 stay of that kind."""

TITLE: Final = "Backpropagation by hand"
CALL: Final = "viz.worksheet(loss, 'sheet.html', seed=1)"


@overload
def worksheet(
    loss_or_model: Value | Module,
    path: str | os.PathLike[str] = "sheet.html",
    *,
    seed: int = 0,
    answers: bool | str | os.PathLike[str] = True,
    n_questions: int | None = None,
    title: str = TITLE,
    names: str = "math",
    index: str = "unit,input",
) -> Path: ...


@overload
def worksheet(
    loss_or_model: Value | Module,
    path: None,
    *,
    seed: int = 0,
    answers: bool | str | os.PathLike[str] = True,
    n_questions: int | None = None,
    title: str = TITLE,
    names: str = "math",
    index: str = "unit,input",
) -> Page: ...


def worksheet(
    loss_or_model: Value | Module,
    path: str | os.PathLike[str] | None = "sheet.html",
    *,
    seed: int = 0,
    answers: bool | str | os.PathLike[str] = True,
    n_questions: int | None = None,
    title: str = TITLE,
    names: str = "math",
    index: str = "unit,input",
) -> Path | Page:
    """Write an exercise sheet: a graph, other numbers for it, and blanks for its results.

    The page is for paper, A4 or letter: the print of any browser makes a PDF of it. It asks for
    numbers of the forward pass and for gradients; the key comes from the engine. Inputs and
    parameters are drawn anew by ``seed``: small numbers, such that all that is asked has at most
    four decimals wherever the graph allows it. The values of functions such as tanh stand in a
    table on the sheet; what depends on them is rounded to four decimals.

    Args:
        loss_or_model: the output of a small graph, or a model, for which one sample is drawn, with
            the loss 1/2 (y - t)^2, summed over the outputs. It stays as it is. The plain numbers of
            a formula stay too.
        path: the file to write, .html or .htm; a missing folder is made. With None the page is
            returned, and a notebook shows it.
        seed: which numbers; a class can have a sheet for each student. A graph of two or three
            leaves has few sheets that differ.
        answers: whether the key follows on a page of its own; or the file to write it to instead.
        n_questions: how many questions; by default all, but no more than 40. Of more, those that
            are asked come from all over the graph.
        title: the heading.
        names: how things are called: "math" (as in books; "auto" is the same here) or "code".
        index: "unit,input" (w_21 leads from input 1 to unit 2) or "input,unit".

    Returns:
        The path of the sheet; or, with ``path=None``, the page.

    Raises:
        NotANumberError: for anything but a Value or a model.
        GraphError: for a leaf, for more than 150 nodes, for a model that does not say how many
            inputs it has, and where no round numbers give finite results.
        UnknownNameError: for another ending, unknown names or order of indices.
        InvalidArgumentError: for another kind of argument than said here.

    >>> import tempfile
    >>> from tinygrad_mlp.nn import MLP
    >>> model = MLP(2, [2, 1], activation="relu", rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sheet = worksheet(model, f"{folder}/sheet.html", seed=3, answers=f"{folder}/key.html")
    ...     print(sheet.name, "Sheet 3" in sheet.read_text(), "Key to" in sheet.read_text())
    sheet.html True False
    """
    if path is not None:
        format_of(path, ("html", "htm"))
    if not isinstance(answers, bool):
        format_of(answers, ("html", "htm"))
    seed = check_integer(seed, "seed", CALL, minimum=0)
    if n_questions is not None:
        n_questions = check_integer(n_questions, "n_questions", "n_questions=12")
    given: object = title
    if not isinstance(given, str):
        raise InvalidArgumentError(f"title is {described(given)}, but a text is needed: {TITLE!r}")
    names = "code" if known_name("kind of names", names, NAMES) == "code" else "math"
    index = known_name("order of the indices", index, INDEX_ORDERS)
    loss, parameters = _copied(loss_or_model)
    draw_numbers(loss, seed, parameters)
    picture = to_svg(loss, show=(), parameters=parameters, names=names, index=index)
    sheet = sheet_of(loss, n_questions, parameters, names=names, index=index)
    page = sheet_page(sheet, picture, title, seed, with_key=answers is True)
    if not isinstance(answers, bool):
        if path is not None and os.path.realpath(answers) == os.path.realpath(path):
            raise InvalidArgumentError(
                f"the sheet and its key cannot both be {os.fspath(answers)!r}; give the key "
                "another name: answers='key.html'"
            )
        write_whole(answers, key_page(sheet, title, seed).encode())
    return Page(page) if path is None else write_whole(path, page.encode())


def _copied(given: Value | Module) -> tuple[Value, list[Value] | None]:
    """A loss of one's own, whose numbers may change, and its parameters where they are known."""
    if isinstance(given, Module):
        model = copy.deepcopy(given)
        outputs, parameters = outputs_of(model), list(model.parameters())
        for leaf in set(order_of(outputs)).difference(parameters):
            if leaf.op is None:
                leaf.data = UNLIKE_A_BIT
        return _checked(_squared_error(outputs)), parameters
    if not isinstance(given, Value):
        raise NotANumberError(
            f"a sheet is made of a loss or a model, but got {described(given, with_type=True)}; "
            f"write {CALL}"
        )
    loss = copy.deepcopy(_checked(given))
    if not loss.label:
        loss.label = "L"
    return loss, None


def _checked(loss: Value) -> Value:
    if not loss.parents:
        raise GraphError(
            f"there is nothing to compute: the Value is a leaf; give the result of a computation: "
            f"{CALL}"
        )
    n_nodes = len(order_of([loss]))
    if n_nodes > MOST_NODES:
        raise GraphError(
            f"this graph has {n_nodes:,} nodes, more than the {MOST_NODES} that a person computes "
            "on paper; take a smaller network, such as MLP(2, [2, 1]), or the loss of one sample"
        )
    return loss


def _squared_error(outputs: list[Value]) -> Value:
    """1/2 (y - t)^2, summed over the outputs, with a name for each part."""
    parts = []
    for place, output in enumerate(outputs, start=1):
        which = str(place) if len(outputs) > 1 else ""
        error = output - Value(UNLIKE_A_BIT, label=f"t{which}")
        error.label = f"e{which}"
        squared = error.square()
        squared.label = f"s{which}"
        parts.append(squared * 0.5)
        parts[-1].label = f"E{which}" if which else "L"
    if len(parts) == 1:
        return parts[0]
    loss = parts[0]
    for part in parts[1:]:
        loss = loss + part
    loss.label = "L"
    return loss
