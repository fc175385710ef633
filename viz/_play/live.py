"""Opens the page of a training, and trains while it is open."""

from __future__ import annotations

import threading
import webbrowser

from tinygrad_mlp._arguments import check_flag
from viz._play.play_page import play_page
from viz._play.player import Player
from viz._play.server import PlayServer
from viz._run.run import Run

__all__ = ["play_run"]


def play_run(run: Run, *, port: int = 0, open_browser: bool = True) -> None:
    """Serve the page of a run until all its pages have left, or Ctrl-C.

    Args:
        run: what is trained.
        port: of the server; 0 for a free one.
        open_browser: whether to open the page.

    Raises:
        InvalidArgumentError: for a port that cannot be opened.
    """
    check_flag(open_browser, "open_browser", "play(model, X, y, open_browser=False)")
    player = Player(run)
    server = None
    try:
        try:
            server = PlayServer(player, play_page("server", title=run.title), port=port)
            player.start()
            address = server.served.address
            print(
                f"{address}\nThe training ends with Ctrl-C, or when its page is closed.", flush=True
            )
            if open_browser:
                _open(address)
            server.serve()
        finally:
            _end(player, server)
    except KeyboardInterrupt:  # which is how people end it, also while it is ending
        _end(player, server)


def _end(player: Player, server: PlayServer | None) -> None:
    player.close()
    if server is not None:
        server.server_close()


def _open(address: str) -> None:
    """Open the browser from another thread: one for the terminal runs until it is left."""
    threading.Thread(target=webbrowser.open, args=(address,), name="browser", daemon=True).start()
