"""Which commands and options there are, with their defaults and their help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, get_args

from tinygrad_mlp import __version__
from tinygrad_mlp._cli import parsing as words
from tinygrad_mlp._cli.course import run_course
from tinygrad_mlp._cli.demo import DEMOS, run_demo
from tinygrad_mlp._cli.play import PLAYED, run_play
from tinygrad_mlp._cli.predict import run_predict
from tinygrad_mlp._cli.problem import Recipe
from tinygrad_mlp._cli.step import run_step
from tinygrad_mlp._cli.train import run_train
from tinygrad_mlp._registry import Registry
from tinygrad_mlp._text import visible
from tinygrad_mlp._vocabulary import nearest_word, our_word
from tinygrad_mlp.compiler._backends.choice import Wanted
from tinygrad_mlp.data._table import TASKS
from tinygrad_mlp.errors import InvalidArgumentError
from tinygrad_mlp.graph import INDEX_ORDERS
from tinygrad_mlp.losses import LOSSES
from tinygrad_mlp.nn import ACTIVATIONS
from tinygrad_mlp.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from tinygrad_mlp.training import ENGINES

__all__ = ["make_parser"]

PROGRAM = "python -m tinygrad_mlp"
DEFAULTS = Recipe()

DESCRIPTION = """\
Train a multi-layer perceptron and look inside: a scalar autograd engine for learning, teaching and
debugging."""

EXAMPLES = f"""\
examples:
  {PROGRAM} demo                                    train on a real data set, draw it
  {PROGRAM} demo --data moons --out pictures        two features: with the boundary
  {PROGRAM} train flowers.csv --target species      a table of your own
  {PROGRAM} train houses.csv --target price --drop address,agent --save weights.npz
  {PROGRAM} predict weights.npz new_houses.csv      what the trained network says
  {PROGRAM} step                                    backpropagation by hand, step by step
  {PROGRAM} play                                    watch a network train, and steer it"""

TRAIN_EXAMPLES = f"""\
The first row of the file names the columns. All columns but the target are features and have to be
numbers; all problems of a file are told at once. They are standardized. A target of text, or of a
few different whole numbers, is learned as classes, any other as a number (--task says otherwise). A
class is its text: 007 and 7 are different classes, and a note says so. Names of columns that hold a
comma stand in quotes: --drop '"weight, kg",address'

--clean reads $1,200, 12 % (0.12) and 5,1 as numbers, dates as days since 1970, and text of up to 20
values as a feature of 0 and 1 for each. A missing number is the median of the samples learned from,
a missing category 0 for each, and a feature tells of it. It leaves out rows without a target,
columns of one value, identifiers (called id or so, or counting the rows) and longer text. It prints
what it did; 'predict' does the same. A Parquet file (.parquet, extra "frames") has types: its
dates, text and categories are encoded so, and what is missing needs --clean.

examples:
  {PROGRAM} train flowers.csv --target species
  {PROGRAM} train flowers.csv --target species --hidden 32,16 --epochs 300 --out pictures
  {PROGRAM} train houses.csv --target price --drop address,agent --save weights.npz
  {PROGRAM} train orders.csv --target price --clean --categories zip --save weights.npz"""

PREDICT_EXAMPLES = f"""\
The file needs the feature columns of the training, by name; other columns are left alone. If it has
the target column too, the answers are compared with it: a class by its text, or else by its number
where one class alone has it. Rows count as in a spreadsheet: the header is row 1 (of a Parquet file
from 0). What --clean did in the training is done here; a note tells of values that were not there.

The answers are a CSV file, numbers with as many digits as lead back to the same float. On a
terminal, and only there, characters that cannot be seen are shown as escapes.

examples:
  {PROGRAM} predict weights.npz new_houses.csv
  {PROGRAM} predict weights.npz new_houses.csv --out answers.csv"""

STEP_EXAMPLES = f"""\
Without FILE.py:NAME and --model it is the worked example of many courses: two inputs, two hidden
neurons, two outputs. The numbers are those of the eager engine; a network that was trained with the
compiled engine gives the same up to rounding.

A Value of FILE.py without a label is called by its name there.

Commands can come from a file or a pipe; the exit code is then 1 if one of them failed.

examples:
  {PROGRAM} step
  {PROGRAM} step train.py:loss
  {PROGRAM} step --model weights.npz --data iris --row 3 --index input,unit
  {PROGRAM} step --quiz --score quiz.json
  {PROGRAM} step < commands.txt"""

PLAY_EXAMPLES = f"""\
The page shows a network while it trains: its units, the boundary, the curves. There it is played,
stopped, taken back and changed; a click on a sample shows its forward and backward pass in numbers.
The page comes from this program, which answers this computer alone; its address holds a word that
nobody can guess. Ctrl-C ends it, or closing the page.

A table is a CSV file as for 'train'; without --target its last column is predicted.

examples:
  {PROGRAM} play
  {PROGRAM} play --data digits --hidden 32 --activation relu
  {PROGRAM} play --data flowers.csv --target species"""

COURSE_EXAMPLES = f"""\
The chapters are in the source tree, so this works in a checkout of the project. DIR/index.html is
the table of contents; each chapter is one page with all that it shows, and a notebook. DIR/pictures
has the drawings, for slides, and DIR/api a page for each module, with all that it exports. The
pages need no network. The time that each chapter takes of one core is printed, with a warning above
20 s, or 150 s in all. A chapter with a claim that does not hold has no page, and the exit code is
then 1.

It needs the packages of the extra "course": python -m pip install -e '.[all,course]'

examples:
  {PROGRAM} course --out book
  {PROGRAM} course 8 --out book"""


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
Group: TypeAlias = "argparse._ArgumentGroup"


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
    _add_common(parser, out="demo_output")


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
    _add_network(parser.add_argument_group("the network"))
    _add_training(parser.add_argument_group("its training"))
    parser.add_argument(
        "--save", type=Path, metavar="WEIGHTS.npz", help="keep the trained network, for 'predict'"
    )
    _add_common(parser, out="train_output")


def _add_network(group: Group | argparse.ArgumentParser) -> None:
    group.add_argument(
        "--hidden",
        type=words.layer_sizes,
        default=DEFAULTS.hidden,
        metavar="N,N,...",
        help="the sizes of the hidden layers; 0 for none (default: 16,16)",
    )
    _add_choice(
        group,
        "--activation",
        ACTIVATIONS,
        metavar="NAME",
        help="of the hidden layers: %(choices)s (default: %(default)s)",
    )


def _add_training(group: Group) -> None:
    _add_number(group, "--epochs", words.count, "N", "how often to go through the data")
    _add_number(group, "--batch-size", words.count, "N", "samples per step")
    _add_choice(group, "--optimizer", OPTIMIZERS, help="(default: %(default)s)")
    group.add_argument(
        "--learning-rate", type=words.rate, metavar="RATE", help=f"(default: {_usual_rates()})"
    )
    _add_choice(
        group,
        "--schedule",
        SCHEDULES,
        choices=[name for name in sorted(SCHEDULES) if _has_one(SCHEDULES[name])],
        help="how the learning rate changes over the epochs (default: %(default)s)",
    )
    _add_choice(
        group,
        "--loss",
        LOSSES,
        choices=_losses_of_numbers(),
        help="of a target that is a number (default: mean_squared_error)",
    )
    group.add_argument(
        "--class-weight",
        choices=["balanced"],
        help="let rare classes count as much as frequent ones (default: every sample alike)",
    )
    _add_number(group, "--l2", words.strength, "STRENGTH", "of the L2 penalty")
    _add_number(
        group,
        "--test-size",
        words.share,
        "SHARE",
        "of the samples held out for the validation and the result",
    )
    group.add_argument(
        "--engine", choices=sorted(ENGINES), default=DEFAULTS.engine, help="(default: %(default)s)"
    )
    group.add_argument(
        "--backend",
        choices=sorted(get_args(Wanted)),
        default=DEFAULTS.backend,
        help="what runs the steps: the C library, or NumPy (default: the library if it is there)",
    )


def _losses_of_numbers() -> list[str]:
    """The losses of a regression for targets that are standardized, as those of ``train`` are."""
    return sorted(
        [n for n, loss in LOSSES.items() if loss.task == "regression" and loss.standardizable]
    )


def _default(option: str) -> Any:
    return getattr(DEFAULTS, option.strip("-").replace("-", "_"))


def _add_number(
    group: Group, option: str, kind: Callable[[str], float], metavar: str, summary: str
) -> None:
    """An option of ``Recipe`` that is a number."""
    group.add_argument(
        option,
        type=kind,
        default=_default(option),
        metavar=metavar,
        help=f"{summary} (default: %(default)s)",
    )


def _add_choice(group: Any, option: str, registry: Registry[Any], **settings: Any) -> None:
    """An option of ``Recipe`` that is a name from a table."""
    group.add_argument(
        option,
        type=partial(words.name_in, registry),
        **{"choices": sorted(registry), "default": _default(option), **settings},
    )


def _has_one(kind: type[Schedule]) -> bool:
    """Whether there is a schedule of the kind for a number of epochs and nothing else."""
    try:
        kind.spanning(DEFAULTS.epochs)
    except InvalidArgumentError:
        return False
    return True


def _usual_rates() -> str:
    """The learning rates of the optimizers, most of which have the same."""
    usual = Optimizer.rate_by_name
    rates = {name: kind.rate_by_name for name, kind in OPTIMIZERS.items()}
    others = [f"{rate:g} for {name}" for name, rate in rates.items() if rate != usual]
    return ", ".join([*others, f"else {usual:g}"])


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
    _add_choice(
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
    _add_network(parser)
    _add_seed(parser)
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


def _add_common(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(out),
        metavar="DIR",
        help="the folder for the pictures (default: %(default)s)",
    )
    _add_seed(parser)


def _add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seed",
        type=words.seed,
        default=0,
        metavar="N",
        help="of everything random (default: %(default)s)",
    )
