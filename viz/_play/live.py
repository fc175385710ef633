"""Opens the page of a training, and trains while it is open: ``play``.

Who draws a picture needs no server: what stands behind the page is imported when one is opened.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from tinygrad_mlp._arguments import check_flag
from tinygrad_mlp.losses import Loss
from tinygrad_mlp.nn import Module

if TYPE_CHECKING:
    from viz._play.player import Player
    from viz._play.server import PlayServer
    from viz._run.run import Run

__all__ = ["play", "play_run"]


def play(
    model: Module,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | Loss | None = None,
    names: Sequence[str] | None = None,
    held_out: float = 0.25,
    batch_size: int | None = 16,
    optimizer: str = "adam",
    learning_rate: float = 0.01,
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
    port: int = 0,
    open_browser: bool = True,
    notebook: bool | None = None,
) -> Any:
    """Train a model on a page in the browser: watch it, stop it, take it back, read its numbers.

    The page shows the units, the boundary or the curve through the samples, and the loss. There one
    plays, pauses, takes single steps forth and back, changes the learning rate, the penalties, the
    batch size and the optimizer; a click on a sample opens its forward and backward pass.

    The call prints the address of the page and returns when the page is closed (5 seconds later, in
    case it is only loaded anew), or at Ctrl-C. The model then has the weights of the step at which
    the training stands. Where the page is lost instead, as when its browser is killed, the training
    waits, and goes on when the page is opened again. The server answers this computer alone, and
    only to its own page: the address holds a word that nobody can guess. It writes no files.

    In a notebook (Jupyter, Colab, marimo) the page stands below the cell, without a server: it
    talks to the kernel through the notebook. The call returns at once; whenever the training pauses
    the model has the weights of that step. It pauses when the page is gone, and ends with the
    kernel.

    The training is that of plain steps: one permutation of the samples for each epoch, the mean
    loss of a batch, and l1 * sum |p| + l2 * sum p^2 over the parameters p.

    Args:
        model: an ``MLP``, or a ``Sequential`` of dense layers, activations, batch norm and dropout.
        X: the features, (n_samples, n_features). Of more than two, the page shows two that are
            chosen in it, with the others at their medians.
        y: the targets or labels, as for ``fit``.
        loss: as for ``fit``; unless given, what suits the targets and the outputs.
        names: what the columns of X are called; those of a data frame unless given.
        held_out: the share of the samples that is measured only, from 0 to 0.9.
        batch_size: samples per step; None for all at once.
        optimizer: its name, such as "sgd" or "adam".
        learning_rate: of the optimizer.
        l1: the strength of the L1 penalty.
        l2: the strength of the L2 penalty.
        seed: of the order of the samples, and of which are held out.
        port: of the server, from 1 to 65535; 0 for a free one.
        open_browser: whether to open the page; its address is printed anyway.
        notebook: whether to show the page in the notebook; unless given, where there is one.

    Returns:
        None; in a notebook, the widget, which has its training in ``run`` and a ``close()``.

    Raises:
        InvalidArgumentError: for a model that a page cannot draw, a setting out of its range, or a
            port that cannot be opened.
        UnknownNameError: for an unknown optimizer or loss.
        DataError, ShapeError: for data that do not fit, as ``fit`` says it.
        MissingDependencyError: in a notebook without the package anywidget.

    ``play(model, X, y)`` opens the page; this one cannot be opened:

    >>> from tinygrad_mlp.nn import MLP
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    >>> play(MLP(2, [4, 1], rng=0), X, y, held_out=0.0, port=80800)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: port is 80800, but ports go up to 65535: ...
    """
    from viz._play.record_scene import named_by_frame
    from viz._play.widget import in_notebook, play_widget
    from viz._run.run import Run

    settings: dict[str, Any] = {
        "held_out": held_out,
        "data_seed": seed,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "l1": l1,
        "l2": l2,
        "seed": seed,
    }
    names = named_by_frame(X) if names is None else names
    run = Run.of_model(model, X, y, loss=loss, names=names, **settings)
    if notebook is None:
        notebook = in_notebook()
    if check_flag(notebook, "notebook", "play(model, X, y, notebook=False)"):
        return play_widget(run)
    return play_run(run, port=port, open_browser=open_browser)


def play_run(run: Run, *, port: int = 0, open_browser: bool = True) -> None:
    """Serve the page of a run until all its pages have left, or Ctrl-C.

    Args:
        run: what is trained.
        port: of the server; 0 for a free one.
        open_browser: whether to open the page.

    Raises:
        InvalidArgumentError: for a port that cannot be opened.

    >>> from viz._run.run import Run
    >>> play_run(Run(), port=-1)
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.InvalidArgumentError: port is -1, but a whole number of at least 0 is ...
    """
    from viz._play.play_page import page_of_run
    from viz._play.player import Player
    from viz._play.server import PlayServer

    check_flag(open_browser, "open_browser", "play(model, X, y, open_browser=False)")
    player = Player(run)
    server = None
    try:
        try:
            server = PlayServer(player, page_of_run(run, "server"), port=port)
            player.start()
            address = server.served.address
            print(
                f"{address}\nThe training ends with Ctrl-C, or when its page is closed.", flush=True
            )
            if open_browser:
                _open(address)
            server.serve(_say)
        finally:
            _end(player, server)
    except KeyboardInterrupt:  # which is how people end it, also while it is ending
        _end(player, server)


def _end(player: Player, server: PlayServer | None) -> None:
    player.close()
    if server is not None:
        server.server_close()
    player.run.write_back()


def _say(text: str) -> None:
    """Print it, if the terminal is still there: the training does not end with it."""
    with suppress(OSError, ValueError):
        print(text, flush=True)


def _open(address: str) -> None:
    """Open the browser from another thread: one for the terminal runs until it is left."""
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), name="browser", daemon=True).start()
