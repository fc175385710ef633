"""A file with a row for each epoch, written while the training goes on: CSV, or JSON lines.

The rows come from the history alone. So a log that a killed process has left can be compared with
the training that goes on, cut to its epochs, and completed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, Final

from tinygrad_mlp._files import check_writable, write_at, write_whole
from tinygrad_mlp._text import described, visible
from tinygrad_mlp._words import our_words
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError
from tinygrad_mlp.nn._module import Module
from tinygrad_mlp.training._history import History

__all__ = ["CSVLogger", "JSONLinesLogger"]

IF_EXISTS: Final = ("fail", "append", "replace")


class _EpochLog:
    """What both files have in common.

    ``_begin`` is the place in the file at which the rows of this training begin, None outside a
    training; ``_end`` the place of the next row; ``_n_rows`` how many there are, None for a
    training that goes on, until it is known.
    """

    only_looks = True
    example = "log.csv"
    setting_names = ("path",)  # what makes two trainings different ones is not how one logs them

    def __init__(self, path: str | os.PathLike[str], *, if_exists: str = "fail") -> None:
        given: object = path
        if not isinstance(given, str | os.PathLike) or not os.fspath(given):
            raise InvalidArgumentError(
                f"path is {described(given)}, but the path of a file is needed: {self._call()}"
            )
        if if_exists not in IF_EXISTS:
            raise UnknownNameError.of("if_exists", if_exists, IF_EXISTS)
        self.path = Path(path)
        self.if_exists = if_exists
        self._begin: int | None = None
        self._end = 0
        self._n_rows: int | None = 0
        self._went_on_at: int | None = None

    def on_training_start(self, loss_of_samples: Callable[[int], Value], model: Module) -> None:
        """Look at the file, before there is an epoch to be lost.

        Raises:
            InvalidArgumentError: if it is there already, and ``if_exists`` is "fail".
            DataError: if it is to be added to, but ends within a row.
            OSError: if it cannot be written.
        """
        self._start()

    def _start(self) -> None:
        check_writable(self.path)
        went_on_at, self._went_on_at = self._went_on_at, None
        content = self._content()
        if went_on_at is not None:
            self._begin, self._n_rows = min(went_on_at, len(content)), None
            return
        if content and self.if_exists == "fail":
            call = self._call(", if_exists='append'")
            raise InvalidArgumentError(
                f"{self.path} is there already, with {len(content)} bytes; remove it, take another "
                f"file, or say what to do with it: {call}, or "
                "if_exists='replace'. (A training that goes on by fit(resume=...) goes on in it.)"
            )
        if self.if_exists == "replace" and content:
            content = b""
            write_whole(self.path, content)
        if content and not content.endswith(b"\n"):
            end = described(content[-40:].decode(errors="replace"))
            raise DataError(
                f"{self.path} ends within a row, {end}; complete that row or remove it, so that "
                "rows can follow"
            )
        self._begin = self._end = len(content)
        self._n_rows = 0

    def on_epoch_end(self, epoch: int, history: History, model: Module) -> None:
        """Write the row of this epoch."""
        if self._begin is None:
            self._start()  # a loop other than ``fit``
        if self._n_rows is None:
            self._complete(history, epoch - 1)
        self._write(history, epoch)

    def on_training_end(self, history: History, model: Module) -> None:
        """Write the row of an epoch after which Ctrl-C, or another callback, came in between."""
        if self._begin is None:
            return
        n_epochs = len(history.seconds)
        if self._n_rows is None:
            self._complete(history, n_epochs)
        self._write(history, n_epochs)
        self._begin = None

    def state_dict(self) -> dict[str, int]:
        """Where in the file this training begins, for ``fit(resume=path)``."""
        return {"begin": self._begin or 0}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on in the file of the training that ``state`` is of."""
        self._went_on_at = int(state["begin"])

    def _write(self, history: History, n_epochs: int) -> None:
        """The rows up to this epoch that are not there yet."""
        assert self._n_rows is not None
        if n_epochs <= self._n_rows:
            return
        content = self._text(history, self._n_rows, n_epochs)
        # Interrupted before the next line, it writes the same again in the same place.
        end = write_at(self.path, self._end, content)
        self._end, self._n_rows = end, n_epochs

    def _complete(self, history: History, n_epochs: int) -> None:
        """Let the file have the rows of the epochs that the training went on with, and no others.

        A process that was killed may have logged epochs that are trained again now, or have written
        half a row.
        """
        content = self._content()
        begin = self._begin or 0
        rows, there = self._text(history, 0, n_epochs), content[begin:]
        later = there[len(rows) :].split(b"\n")[:-1]
        numbers = range(n_epochs + 1, n_epochs + 1 + len(later))
        is_ours = there.startswith(rows) or rows.startswith(there)
        if not is_ours or not all(map(self._is_of, later, numbers)):
            raise InvalidArgumentError(
                f"{self.path} has other rows from byte {begin} on than those of the training that "
                "goes on, and they would be lost; give the training another file: "
                f"{self._call(', if_exists=...')}"
            )
        if there != rows:
            write_whole(self.path, content[:begin] + rows)
        self._end, self._n_rows = begin + len(rows), n_epochs

    def _content(self) -> bytes:
        """What stands in the file; nothing where it is none, or no file on a disk."""
        return self.path.read_bytes() if self.path.is_file() else b""

    def _text(self, history: History, n_before: int, n_epochs: int) -> bytes:
        """The rows behind ``n_before`` ones, up to that epoch."""
        lists = [*history._columns(), ("seconds", history.seconds)]
        columns = {name: numbers for name, numbers in lists if numbers}
        rows = [
            self._row({"epoch": epoch, **{n: float(x[epoch - 1]) for n, x in columns.items()}})
            for epoch in range(n_before + 1, n_epochs + 1)
        ]
        heading = "" if n_before or not rows else self._heading(["epoch", *columns])
        return "".join([heading, *rows]).encode()

    def _call(self, more: str = "") -> str:
        return f"{type(self).__name__}({self.example!r}{more})"

    def _heading(self, names: list[str]) -> str:
        """What stands before the first row of this training."""
        raise NotImplementedError

    def _row(self, cells: Mapping[str, float]) -> str:
        """The row of an epoch."""
        raise NotImplementedError

    def _is_of(self, row: bytes, epoch: int) -> bool:
        """Whether a row is of that epoch."""
        raise NotImplementedError


class CSVLogger(_EpochLog):
    """Writes the numbers of each epoch as a row of a CSV file, when the epoch is over.

    The columns are ``epoch``, the lists of the history that have numbers, and ``seconds``. Numbers
    have all their digits; those that are not finite are ``nan``, ``inf`` and ``-inf``. Each row is
    written in one piece, so that a process that is killed loses none, and after Ctrl-C the file has
    every epoch that the history has. With ``fit(resume=path)`` the file goes on where the training
    does: rows of epochs that are trained again, or of which only a part was written, are replaced.

    Args:
        path: the file; missing folders are made.
        if_exists: what to do with a file that is there when a training begins: "fail" refuses it,
            "append" adds rows to it, "replace" starts it anew.

    Raises:
        InvalidArgumentError: if ``path`` is no path; when training begins if the file is there
            already, or has other columns than the rows to be added.
        UnknownNameError: for another ``if_exists``.
        DataError: when training begins, if the file ends within a row.
        OSError: if it cannot be written.

    >>> import tempfile
    >>> from tinygrad_mlp.training import fit
    >>> from tinygrad_mlp.nn import MLP
    >>> X, y = [[0.0], [1.0]], [1.0, 3.0]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = CSVLogger(f"{folder}/log.csv")
    ...     history = fit(MLP(1, [1], rng=0), X, y, epochs=2, callbacks=[log], log_every=None)
    ...     print(log.path.read_text())
    epoch,loss,learning_rate,seconds
    1,...,0.1,...
    2,...,0.1,...
    """

    @our_words
    def __init__(self, path: str | os.PathLike[str], *, if_exists: str = "fail") -> None:
        super().__init__(path, if_exists=if_exists)

    def _heading(self, names: list[str]) -> str:
        heading = ",".join(names)
        if not self._begin:
            return f"{heading}\n"
        first = self._content().partition(b"\n")[0].decode(errors="replace").rstrip("\r")
        if first != heading:
            call = self._call(", if_exists='replace'")
            raise InvalidArgumentError(
                f"{self.path} has the columns {visible(first)}, but the rows to be added have "
                f"{heading}; take another file, or {call}"
            )
        return ""

    def _row(self, cells: Mapping[str, float]) -> str:
        return ",".join(map(repr, cells.values())) + "\n"

    def _is_of(self, row: bytes, epoch: int) -> bool:
        return row.startswith(b"%d," % epoch)


class JSONLinesLogger(_EpochLog):
    """Writes the numbers of each epoch as a line of JSON, when the epoch is over.

    The keys are ``epoch``, the lists of the history that have numbers, and ``seconds``. JSON has no
    nan and no infinity, so these are the texts "nan", "inf" and "-inf", of which ``float`` makes
    the numbers again. All else is as in ``CSVLogger``.

    Args:
        path: the file; missing folders are made.
        if_exists: what to do with a file that is there when a training begins: "fail" refuses it,
            "append" adds lines to it, "replace" starts it anew.

    Raises:
        InvalidArgumentError: if ``path`` is no path; when training begins if the file is there
            already, or does not hold lines of JSON.
        UnknownNameError: for another ``if_exists``.
        DataError: when training begins, if the file ends within a line.
        OSError: if it cannot be written.

    >>> import tempfile
    >>> from tinygrad_mlp.training import fit
    >>> from tinygrad_mlp.nn import MLP
    >>> X, y = [[0.0], [1.0]], [1.0, 3.0]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = JSONLinesLogger(f"{folder}/log.jsonl")
    ...     history = fit(MLP(1, [1], rng=0), X, y, epochs=1, callbacks=[log], log_every=None)
    ...     print(log.path.read_text())
    {"epoch": 1, "loss": ..., "learning_rate": 0.1, "seconds": ...}
    """

    example = "log.jsonl"

    @our_words
    def __init__(self, path: str | os.PathLike[str], *, if_exists: str = "fail") -> None:
        super().__init__(path, if_exists=if_exists)

    def _heading(self, names: list[str]) -> str:
        if self._begin and not self._content().startswith(b"{"):
            first = self._content().partition(b"\n")[0].decode(errors="replace")
            call = self._call(", if_exists='replace'")
            raise InvalidArgumentError(
                f"{self.path} begins with {described(first)}, which is no line of JSON; take "
                f"another file, or {call}"
            )
        return ""

    def _row(self, cells: Mapping[str, float]) -> str:
        stated = {name: x if isfinite(x) else repr(x) for name, x in cells.items()}
        return json.dumps(stated) + "\n"

    def _is_of(self, row: bytes, epoch: int) -> bool:
        return row.startswith(b'{"epoch": %d,' % epoch)
