"""What a person sees while training goes on: a line every so many epochs, and a progress bar.

The bar needs tqdm, which is optional; without it, or where the output is no terminal, the lines
stand alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

from tinygrad_mlp._text import visible
from tinygrad_mlp.errors import MissingDependencyError
from tinygrad_mlp.training._history import History

__all__ = ["Progress"]


class Progress:
    """Shows the course of a training; used as ``with progress: ...``.

    Args:
        epochs: the number of epochs to come.
        log_every: print a line after every so many epochs, and after the last; None or 0 for never.
        bar: whether to show a progress bar; None where tqdm is installed and standard error is a
            terminal.
        worded: puts the reason and the advice into the words of a program whose users write no
            Python; the lines of Python are left out then.

    Raises:
        MissingDependencyError: for ``bar=True`` without tqdm.

    >>> history = History()
    >>> with Progress(3, log_every=2, bar=False) as progress:
    ...     for loss in (0.7, 0.5, 0.4):
    ...         history.loss.append(loss)
    ...         progress.show(history)
    engine: eager
    epoch    2  loss 0.5
    >>> history.reason = "completed"
    >>> progress.finish(history)
    epoch    3  loss 0.4
    """

    def __init__(
        self,
        epochs: int,
        log_every: int | None = 100,
        bar: bool | None = None,
        *,
        worded: Callable[[str], str] | None = None,
    ) -> None:
        self.epochs = epochs
        self.log_every = log_every or 0
        self._worded = worded
        self._make_bar = _bar_maker(bar)
        self._bar: Any = None
        self._last_printed = 0

    def __enter__(self) -> Self:
        if self._make_bar is not None:
            self._bar = self._make_bar(
                total=self.epochs, unit="epoch", leave=False, dynamic_ncols=True
            )
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def begin(self, history: History) -> None:
        """Say from where a training goes on that was ended before; nothing of a new one."""
        if not history.n_epochs:
            return
        if self._bar is not None:
            self._bar.update(history.n_epochs)
        if self.log_every:
            self._print(f"going on after epoch {history.n_epochs}")

    def show(self, history: History) -> None:
        """Take note of one more epoch."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {history.loss[-1]:.4g}", refresh=False)
            self._bar.update(1)
        if self.log_every and history.n_epochs % self.log_every == 0:
            self._print_last(history)

    def n_unseen(self, history: History) -> int:
        """How many epochs may pass until ``show`` has something to say of the last of them."""
        if self._bar is not None or type(self) is not Progress:
            return 1
        return self.log_every - history.n_epochs % self.log_every if self.log_every else sys.maxsize

    def finish(self, history: History) -> None:
        """Print the last epoch, why training ended before the last of them, and what went wrong."""
        if not self.log_every:
            return
        if history.n_epochs > self._last_printed:
            self._print_last(history)
        if not history.completed:
            reason = history.reason if self._worded is None else self._worded(history.reason)
            self._print(f"training ended after epoch {history.n_epochs}: {reason}")
        for finding in history.advice:
            said = finding
            if self._worded is not None:
                said = replace(finding, text=self._worded(finding.text), command="")
            self._print(str(said))

    def _print_last(self, history: History) -> None:
        if not self._last_printed:
            self._print(history.heading())
        self._last_printed = history.n_epochs
        self._print(history.line())

    def _print(self, text: str) -> None:
        text = visible(text, lines=True)
        if self._bar is not None:
            self._bar.write(text, file=sys.stdout)
        else:
            print(text, flush=True)


def _bar_maker(wanted: bool | None) -> Any:
    """``tqdm``, or None for no bar."""
    if wanted is False or (wanted is None and not _is_terminal()):
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        if wanted:
            raise MissingDependencyError.of("tqdm", "progress bars", extra="all") from None
        return None
    return tqdm


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
