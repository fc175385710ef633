"""DOT text to a picture or to places: what is asked of Graphviz.

Its ``dot`` program does it where there is one, else the libraries that come inside pygraphviz's
wheels.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from tinygrad_mlp._forking import waited_for_at_fork
from tinygrad_mlp._text import described
from tinygrad_mlp.errors import (
    GraphError,
    InvalidArgumentError,
    MissingDependencyError,
    UnknownNameError,
)

__all__ = ["FORMATS", "format_of", "placed", "render"]

FORMATS: Final = ("dot", "pdf", "png", "svg")
"""The kinds of file, named by their endings."""

PIXELS_PER_INCH: Final = 192
"""Of a PNG: twice a screen's, so that it stays sharp on a slide."""

_library_lock = threading.Lock()  # Graphviz's libraries serve one thread at a time
waited_for_at_fork(_library_lock)


def format_of(path: str | os.PathLike[str], known: Sequence[str] = FORMATS) -> str:
    """The format that the ending of a file's name asks for.

    Raises:
        UnknownNameError: for an ending that is not ``known``.
        InvalidArgumentError: if it is no name of a file.

    >>> format_of("graph.SVG")
    'svg'
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidArgumentError(
            f"the file is {described(path)}, but its name is needed, after what is to be shown: "
            f"(value, 'graph.{known[0]}')"
        )
    ending = Path(path).suffix.lower()
    if ending[1:] not in known:
        endings = [f".{name}" for name in known]
        raise UnknownNameError.of(f"file ending in {os.fspath(path)!r}:", ending, endings)
    return ending[1:]


def render(dot_text: str, file_format: str) -> bytes:
    """The picture that ``dot_text`` describes.

    Args:
        dot_text: a graph in the DOT language.
        file_format: "svg", "png", "pdf" or "dot" (the text).

    Returns:
        The content of the file.

    Raises:
        UnknownNameError: for any other format.
        MissingDependencyError: where there is neither the ``dot`` program nor pygraphviz.
        GraphError: if Graphviz cannot draw the text; the message has Graphviz's own.

    >>> render("digraph { a -> b }", "dot")
    b'digraph { a -> b }'
    """
    if file_format not in FORMATS:
        raise UnknownNameError.of("picture format", file_format, FORMATS)
    if file_format == "dot":
        return dot_text.encode()
    if file_format == "png":
        dot_text = dot_text.replace("{", f"{{\n  graph [dpi={PIXELS_PER_INCH}];", 1)
    return _drawn(dot_text, file_format)


def placed(dot_text: str) -> bytes:
    """Where Graphviz puts the nodes, the lines and the clusters of a graph, as JSON.

    Raises:
        MissingDependencyError, GraphError: as for ``render``.

    >>> import json
    >>> json.loads(placed("digraph { a -> b }"))["objects"][0]["pos"]
    '27,90'
    """
    return _drawn(dot_text, "json0")


def _drawn(dot_text: str, file_format: str) -> bytes:
    draw = _drawn_by_program if shutil.which("dot") else _drawn_by_library
    return draw(dot_text, file_format)


def _drawn_by_program(dot_text: str, file_format: str) -> bytes:
    import graphviz

    try:
        picture: bytes = graphviz.Source(dot_text).pipe(format=file_format, quiet=True)
    except graphviz.CalledProcessError as error:
        raise _refusal(dot_text, (error.stderr or b"").decode(errors="replace")) from error
    return picture


def _drawn_by_library(dot_text: str, file_format: str) -> bytes:
    try:
        import pygraphviz
    except ImportError as error:
        raise MissingDependencyError(
            "drawings need Graphviz, and there is neither its program 'dot' nor the package "
            "'pygraphviz'; either install Graphviz (https://graphviz.org/download, or your "
            "system's package 'graphviz') so that 'dot' is on the PATH, or, without it, in the "
            "project's folder: python -m pip install -e '.[all]'"
        ) from error
    with _library_lock, _standard_error_in_a_file() as complaints:
        try:
            with pygraphviz.AGraph(string=dot_text) as graph:
                picture: bytes = graph.draw(format=file_format, prog="dot")
        except (ValueError, OSError, pygraphviz.DotError) as error:
            complaints.seek(0)
            message = complaints.read().decode(errors="replace")
            raise _refusal(dot_text, message or str(error)) from error
    return picture


def _refusal(dot_text: str, message: str) -> GraphError:
    reason = message.strip() or "no reason given"
    return GraphError(f"Graphviz cannot draw the text {dot_text[:40]!r}...: {reason}")


@contextmanager
def _standard_error_in_a_file() -> Iterator[IO[bytes]]:
    """Within this block, what C code writes to standard error goes to a temporary file.

    The libraries tell people about the fonts of their system, in the middle of a program's output.
    """
    with tempfile.TemporaryFile() as complaints:
        try:
            standard_error = os.dup(2)
        except OSError:  # a program without a standard error, such as a window on Windows
            yield complaints
            return
        os.dup2(complaints.fileno(), 2)
        try:
            yield complaints
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
