"""Opens the page of a training: ``play``."""

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
    """Serve the page of a run until its pages have left, or Ctrl-C.

    Args:
        run: what is trained.
        port: of the server; 0 for a free one.
        open_browser: whether to open the page.

    Raises:
        InvalidArgumentError: for a port that cannot be opened.
    """
    check_flag(open_browser, "open_browser", "play(model, X, y, open_browser=False)")
    player = Player(run)
    server = PlayServer(player, play_page("server"), port=port)
    try:
        player.start()
        print(f"open {server.served.address}", flush=True)
        print("Ctrl-C ends it, or closing the page.", flush=True)
        if open_browser:
            _open(server.served.address)
        server.serve()
    except KeyboardInterrupt:
        pass  # as people end it
    finally:
        player.close()
        server.server_close()
        pass


def _open(address: str) -> None:
    """Open the browser, in a thread of its own: a browser for the terminal runs until it ends."""
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
