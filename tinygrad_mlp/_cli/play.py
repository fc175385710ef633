"""``play``: a page in the browser on which a network trains, to be stopped and changed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from tinygrad_mlp.data._csv_file import csv_text
from tinygrad_mlp.errors import InvalidArgumentError, UnknownNameError

__all__ = ["PLAYED", "run_play"]

PLAYED: Final = ("moons", "circles", "spirals", "blobs", "xor", "iris", "digits")
"""The data that come along."""


def run_play(arguments: argparse.Namespace) -> None:
    """Open the page, and train until all pages are closed, or Ctrl-C."""
    from viz._play.live import play_run
    from viz._run.run import Run
    from viz._run.run_settings import LayerSettings, OwnTable, RunSettings

    table = None
    if arguments.data not in PLAYED:
        path = Path(arguments.data)
        if not path.suffix:
            raise UnknownNameError.of("data", arguments.data, [*PLAYED, "FILE.csv"])
        table = OwnTable(path.name, csv_text(path, path.read_bytes()), arguments.target)
    elif arguments.target is not None:
        raise InvalidArgumentError(
            f"--target {arguments.target}: {arguments.data} has its target; leave the option out, "
            "or name a table: --data FILE.csv"
        )
    settings = RunSettings(
        data=arguments.data if table is None else "table",
        table=table,
        layers=tuple([LayerSettings(units, arguments.activation) for units in arguments.hidden]),
        seed=arguments.seed,
    )
    play_run(Run(settings), port=arguments.port, open_browser=arguments.browser)
