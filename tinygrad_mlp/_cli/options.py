"""Which commands and options there are, with their defaults and their help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from tinygrad_mlp import __version__
from tinygrad_mlp._cli import parsing as words
from tinygrad_mlp._cli.course import run_course
from tinygrad_mlp._cli.demo import DEMOS, run_demo
from tinygrad_mlp._cli.help_texts import (
    COURSE_EXAMPLES,
    DESCRIPTION,
    EXAMPLES,
    PLAY_EXAMPLES,
    PREDICT_EXAMPLES,
    PROGRAM,
    STEP_EXAMPLES,
    TRAIN_EXAMPLES,
)
from tinygrad_mlp._cli.option_groups import (
    add_choice,
    add_common,
    add_network,
    add_seed,
    add_training,
)
from tinygrad_mlp._cli.play import PLAYED, run_play
from tinygrad_mlp._cli.predict import run_predict
from tinygrad_mlp._cli.step import run_step
from tinygrad_mlp._cli.train import run_train
from tinygrad_mlp._text import visible
from tinygrad_mlp._vocabulary import nearest_word, our_word
from tinygrad_mlp.data._table import TASKS
from tinygrad_mlp.graph import INDEX_ORDERS
from tinygrad_mlp.nn import ACTIVATIONS

__all__ = ["make_parser"]


def _meant(unknown: str, parser: argparse.ArgumentParser) -> str:
    """The option that was meant, as the end of a message; nothing where none is alike."""
    if not unknown.startswith("--"):
        return ""
    options = [name for action in vars(parser)["_actions"] for name in action.option_strings]
    known = {name.strip("-").replace("-", "_"): name for name in options if name.startswith("--")}
    word = unknown.strip("-").partition("=")[0].replace("-", "_")
    row = our_word(word, known)
    meant = row.ours if row and not row.written else nearest_word(word, known)
    return f"; did you mean {known[meant]}?" if meant in known else ""


class _Parser(argparse.ArgumentParser):
    """A parser that refuses words in one line, which names the help of the command at hand."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        arguments, unknown = self.parse_known_args(args, namespace)
        if unknown:
            hint = _meant(unknown[0], arguments.parser)
            arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return arguments

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {visible(message)} (see: {self.prog} --help)\n")


def make_parser() -> argparse.ArgumentParser:
    """The parser; what it parses has the function to call in ``run``."""
    parser = _Parser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tinygrad_mlp {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_train(commands)
    _add_predict(commands)
    _add_step(commands)
    _add_play(commands)
    _add_course(commands)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"


def _add_demo(commands: Commands) -> None:
    parser = _command(commands, "demo", "train on a data set that comes along, and draw", run_demo)
    parser.add_argument(
        "--data",
        choices=sorted(DEMOS),
        default="digits",
        help="; ".join(f"{name}: {demo.description}" for name, demo in sorted(DEMOS.items()))
        + " (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs", type=words.count, metavar="N", help="how often to go through the data"
    )
    add_common(parser, out="demo_output")


def _add_train(commands: Commands) -> None:
    parser = _command(
        commands,
        "train",
        "train on a table of your own, a CSV or Parquet file",
        run_train,
        TRAIN_EXAMPLES,
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="the table")
    parser.add_argument(
        "--target", required=True, metavar="COLUMN", help="the column to be predicted"
    )
    parser.add_argument(
        "--drop",
        type=words.column_names,
        action="extend",
        default=[],
        metavar="COLUMN,...",
        help="columns to leave out, with commas between them; may be given several times",
    )
    parser.add_argument(
        "--clean",
        action="store_true",
        help="mend the table: text, dates, missing cells and the like, see below",
    )
    for kind in ("numbers", "categories"):
        parser.add_argument(
            f"--{kind}",
            type=words.column_names,
            action="extend",
            default=[],
            metavar="COLUMN,...",
            help=f"with --clean or Parquet: columns that are {kind}, whatever they look like",
        )
    parser.add_argument(
        "--task", choices=TASKS, default="auto", help="what the target is (default: %(default)s)"
    )
    add_network(parser.add_argument_group("the network"))
    add_training(parser.add_argument_group("its training"))
    parser.add_argument(
        "--save", type=Path, metavar="WEIGHTS.npz", help="keep the trained network, for 'predict'"
    )
    add_common(parser, out="train_output")


def _add_predict(commands: Commands) -> None:
    parser = _command(
        commands, "predict", "ask a network that 'train' has saved", run_predict, PREDICT_EXAMPLES
    )
    parser.add_argument("weights", type=Path, metavar="WEIGHTS.npz", help="what 'train' has saved")
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="the table")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.csv",
        help="write the answers there instead of printing them",
    )


def _add_step(commands: Commands) -> None:
    parser = _command(
        commands,
        "step",
        "walk through a forward and a backward pass, step by step and back again",
        run_step,
        STEP_EXAMPLES,
    )
    parser.add_argument(
        "value",
        nargs="?",
        metavar="FILE.py:NAME",
        help="a script, and the name of a Value in it, or of a function that returns one",
    )
    parser.add_argument(
        "--model", type=Path, metavar="WEIGHTS.npz", help="a network that was saved"
    )
    parser.add_argument(
        "--data", metavar="NAME", help="with --model: iris, digits, or a table FILE.csv"
    )
    parser.add_argument(
        "--row",
        type=int,
        metavar="N",
        help="with --data: of a table the row, as a spreadsheet counts (the header is row 1), of "
        "a data set the number of the sample, from 1 (default: the first)",
    )
    add_choice(
        parser,
        "--activation",
        ACTIVATIONS,
        default=None,
        metavar="NAME",
        help="of the hidden layers, for weights that do not say it themselves (default: relu)",
    )
    parser.add_argument(
        "--names",
        choices=("math", "code"),
        default="math",
        help="how nodes are called: as in books, w[1]_21, or as in the program "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--index",
        choices=INDEX_ORDERS,
        default=INDEX_ORDERS[0],
        metavar="ORDER",
        help="of the weight from input 1 to unit 2: w_21, or with input,unit w_12, "
        "and w_02 for its bias (default: %(default)s)",
    )
    parser.add_argument(
        "--quiz",
        action="store_true",
        help="hide the number of each step and ask for it; a wrong one is told why",
    )
    parser.add_argument(
        "--score", type=Path, metavar="FILE", help="with --quiz: add its counts to this file"
    )


def _add_play(commands: Commands) -> None:
    parser = _command(
        commands,
        "play",
        "watch a network train in the browser, and steer it",
        run_play,
        PLAY_EXAMPLES,
    )
    parser.add_argument(
        "--data",
        default="spirals",
        metavar="NAME",
        help=f"{', '.join(PLAYED)}, or a table FILE.csv (default: %(default)s)",
    )
    parser.add_argument("--target", metavar="COLUMN", help="of a table, the column to be predicted")
    add_network(parser)
    add_seed(parser)
    parser.add_argument(
        "--port",
        type=words.port,
        default=0,
        metavar="N",
        help="of the server (default: a free one)",
    )
    parser.add_argument(
        "--no-browser",
        dest="browser",
        action="store_false",
        help="print the address of the page only",
    )


def _add_course(commands: Commands) -> None:
    parser = _command(
        commands,
        "course",
        "run the chapters of the course, and write them as a book",
        run_course,
        COURSE_EXAMPLES,
    )
    parser.add_argument(
        "chapter", nargs="*", metavar="CHAPTER", help="a name or a number (default: all of them)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("course"),
        metavar="DIR",
        help="the folder for the pages (default: %(default)s)",
    )


def _command(
    commands: Commands,
    name: str,
    summary: str,
    run: Callable[[argparse.Namespace], None],
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser
