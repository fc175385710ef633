"""A web page that plays a forward and a backward pass step by step: ``replay``.

The page only shows what ``recorded`` says. It is one file without any reference to another: the
parts in the folder ``page`` are put into it, and a policy inside it forbids the browser to run or
fetch anything else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypedDict, Unpack, overload

from tinygrad_mlp._files import write_whole
from tinygrad_mlp._text import described
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import InvalidArgumentError
from viz._replay.framed import Page
from viz._replay.recorded import recorded
from viz._scene.render import format_of
from viz._style.web_page import (
    color_variables,
    digest,
    lean_part,
    lean_parts,
    packed,
    part,
    whole_page,
)

__all__ = ["replay", "replay_digests", "replay_page"]

ROOM: Final = "viz._replay"

SCRIPTS: Final = (
    "unpack.js",
    "text.js",
    "layout.js",
    "frames.js",
    "labels.js",
    "trace.js",
    "stops.js",
    "items.js",
    "scene.js",
    "equations.js",
    "details.js",
    "address.js",
    "print.js",
)
"""The parts of the program, in the order in which they stand in the page."""

EDITING: Final = ("edits.js",)
"""The part that only a page whose leaves can be edited has."""

ASKING: Final = ("judge.js", "quiz.js")
"""Those that only a page with a quiz has."""

START: Final = "player.js"
"""The last part, which begins."""


class _Options(TypedDict, total=False):
    """The options of ``replay``, for type checkers."""

    title: str | None
    parameters: Iterable[Value] | None
    collapse: bool | None
    max_nodes: int
    names: str
    index: str
    quiz: bool


@overload
def replay(loss: Value, path: None = None, **options: Unpack[_Options]) -> Page: ...


@overload
def replay(loss: Value, path: str | os.PathLike[str], **options: Unpack[_Options]) -> Path: ...


def replay(
    loss: Value,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str | None = None,
    parameters: Iterable[Value] | None = None,
    collapse: bool | None = None,
    max_nodes: int = 1000,
    names: str = "math",
    index: str = "unit,input",
    quiz: bool = False,
) -> Path | Page:
    """Write a web page that plays how ``loss`` and its gradients are computed, step by step.

    In a notebook ``replay(loss)`` shows the page in the output of the cell.

    The page works without a network, on a phone, and with the keyboard alone: left and right step,
    with shift to the next node, home and end, space plays, "?" opens the help; up and down go
    through the nodes, enter selects one, "e" expands or collapses its neuron. While a neuron is one
    box, the steps inside of it are passed over, and its arrows carry the derivative of the whole
    neuron. ``backprop.html#step=12`` opens at a step. Plain numbers receive no gradient.

    Args:
        loss: the output of the graph. Nothing in the graph changes: the page shows one ``backward``
            that starts without gradients, whatever the graph holds now.
        path: the file to write, .html or .htm; a missing folder is made. Without a path the page
            is returned, and a notebook shows it.
        title: the heading, "Backpropagation of loss" unless given.
        parameters: the leaves to color as parameters, for example ``model.parameters()``.
        collapse: whether each neuron starts as one box; unless given, for larger graphs, and where
            a window shows the whole graph only so.
        max_nodes: the number of nodes up to which a page is written.
        names: how things are called: "math" (as in books: w, b, z, h and y-hat with layer and
            indices; "auto" is the same here) or "code" (labels, and paths in the model). Tooltips
            and screen readers have the names of the program in any case.
        index: "unit,input" (w_21 leads from input 1 to unit 2) or "input,unit" (w_12 does, and the
            bias of unit j is w_0j).
        quiz: whether the page has a button "Quiz" (key "q") that hides the number of each step,
            asks for it, and judges with the reason; its questions make the file larger.

    Returns:
        The path of the file; or, without one, the page.

    Raises:
        NotANumberError: if ``loss`` is not a Value.
        UnknownNameError: for another ending, unknown names or order of indices.
        GraphError: if the graph has more than ``max_nodes`` nodes.
        InvalidArgumentError: if ``max_nodes`` is no whole number of at least 1, ``collapse`` is
            neither None, True nor False, ``quiz`` neither True nor False, or ``title`` is no text.

    >>> import tempfile
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replay((a * b).tanh(), f"{folder}/backprop.html").name
    'backprop.html'
    """
    if path is not None:
        format_of(path, ("html", "htm"))
    page = replay_page(
        loss,
        title=title,
        parameters=parameters,
        collapse=collapse,
        max_nodes=max_nodes,
        names=names,
        index=index,
        quiz=quiz,
    )
    return Page(page) if path is None else write_whole(path, page.encode())


def replay_page(
    loss: Value,
    *,
    title: str | None = None,
    parameters: Iterable[Value] | None = None,
    collapse: bool | None = None,
    max_nodes: int = 1000,
    names: str = "math",
    index: str = "unit,input",
    quiz: bool = False,
    editable: Mapping[Value, str] | None = None,
) -> str:
    """The page that ``replay`` writes, as text.

    A page whose leaves can be edited stands in a frame of a page that lets the engine compute. That
    is told ``{kind: "edit", leaf: key, value: number}`` or ``{kind: "reset"}``, and answers with
    ``{kind: "page", page: text}``, the page of the graph with the new numbers, or with ``{kind:
    "refused", error: text}``; the step that is shown stays. It is told ``{kind: "leave"}`` when the
    key Escape has nothing to close, and may say ``{kind: "theme", dark: true}``.

    Args:
        loss: the output of the graph; the other arguments that ``replay`` has are the same too.
        title: see there.
        parameters: see there.
        collapse: see there.
        max_nodes: see there.
        names: see there.
        index: see there.
        quiz: see there.
        editable: the leaves that can be edited, each with its key.

    Raises:
        InvalidArgumentError: if a node that can be edited is no leaf; and as for ``replay``.

    >>> page = replay_page(Value(2.0, label="</script>") * 3.0)
    >>> page.startswith("<!DOCTYPE html>"), page.count("</script>")  # the two of the page
    (True, 2)
    """
    given: object = title
    if not isinstance(given, str | None):
        raise InvalidArgumentError(
            f"title is {described(given)}, but a text is needed: title='Backpropagation of L'"
        )
    known = recorded(
        *(loss, parameters, collapse, max_nodes),
        names=names,
        index=index,
        editable=editable,
        quiz=quiz,
    )
    heading = title if title is not None else f"Backpropagation of {known['codes'][-1]}"
    style, script = _style(), _script(is_editable=editable is not None, has_quiz=quiz)
    return whole_page(
        part(ROOM, "page.html"),
        {"script": script, "recorded": packed(known)},
        title=heading,
        style=style,
        allowed=f"style-src {digest(style)}; script-src {digest(script)}",
        scheme="light dark",
    )


def replay_digests(*, quiz: bool = True) -> tuple[str, str]:
    """What a policy calls style and script of a page whose leaves can be edited.

    A page that shows it as the text of a frame needs them in its own policy: the frame has both.

    Args:
        quiz: whether it is a page with a quiz.

    >>> style, script = replay_digests()
    >>> style in (page := replay_page(Value(2.0), quiz=True, editable={})), script in page
    (True, True)
    """
    return digest(_style()), digest(_script(is_editable=True, has_quiz=quiz))


def _style() -> str:
    return color_variables() + lean_part(ROOM, "style.css")


def _script(*, is_editable: bool, has_quiz: bool) -> str:
    further = (EDITING if is_editable else ()) + (ASKING if has_quiz else ())
    return lean_parts(ROOM, (*SCRIPTS, *further, START))
