"""``play``: a page in the browser on which a network trains, to be stopped and changed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from tinygrad_mlp._cli.parsing import reworded
from tinygrad_mlp.data._csv_file import csv_text
from tinygrad_mlp.errors import InvalidArgumentError, TinygradMLPError, UnknownNameError

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
    try:
        settings = RunSettings(
            data=arguments.data if table is None else "table",
            table=table,
            layers=tuple(
                [LayerSettings(units, arguments.activation) for units in arguments.hidden]
            ),
            seed=arguments.seed,
        )
        run = Run(settings)
    except TinygradMLPError as error:
        raise reworded(error, _in_options) from error
    play_run(run, port=arguments.port, open_browser=arguments.browser)


def _in_options(message: str) -> str:
    """What is wrong, in words without Python; the target is an option here."""
    from viz._run.page_words import error_for_a_page

    message = message.replace("choose another target", "name another target, --target COLUMN,")
    return error_for_a_page(message)
