"""What the help of each command says below its options, with examples."""

from __future__ import annotations

from typing import Final

__all__ = [
    "COURSE_EXAMPLES",
    "DESCRIPTION",
    "EXAMPLES",
    "PLAY_EXAMPLES",
    "PREDICT_EXAMPLES",
    "PROGRAM",
    "STEP_EXAMPLES",
    "TRAIN_EXAMPLES",
]

PROGRAM: Final = "python -m tinygrad_mlp"
"""What is typed before the name of a command."""

DESCRIPTION: Final = """\
Train a multi-layer perceptron and look inside: a scalar autograd engine for learning, teaching and
debugging."""
"""What the program is for."""

EXAMPLES: Final = f"""\
examples:
  {PROGRAM} demo                                    train on a real data set, draw it
  {PROGRAM} demo --data moons --out pictures        two features: with the boundary
  {PROGRAM} train flowers.csv --target species      a table of your own
  {PROGRAM} train houses.csv --target price --drop address,agent --save weights.npz
  {PROGRAM} predict weights.npz new_houses.csv      what the trained network says
  {PROGRAM} step                                    backpropagation by hand, step by step
  {PROGRAM} play                                    watch a network train, and steer it"""
"""Of all commands."""

TRAIN_EXAMPLES: Final = f"""\
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
"""Of ``train``."""

PREDICT_EXAMPLES: Final = f"""\
The file needs the feature columns of the training, by name; other columns are left alone. If it has
the target column too, the answers are compared with it: a class by its text, or else by its number
where one class alone has it. Rows count as in a spreadsheet: the header is row 1 (of a Parquet file
from 0). What --clean did in the training is done here; a note tells of values that were not there.

The answers are a CSV file, numbers with as many digits as lead back to the same float. On a
terminal, and only there, characters that cannot be seen are shown as escapes.

examples:
  {PROGRAM} predict weights.npz new_houses.csv
  {PROGRAM} predict weights.npz new_houses.csv --out answers.csv"""
"""Of ``predict``."""

STEP_EXAMPLES: Final = f"""\
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
"""Of ``step``."""

PLAY_EXAMPLES: Final = f"""\
The page shows a network while it trains: its units, the boundary, the curves. There it is played,
stopped, taken back and changed; a click on a sample shows its forward and backward pass in numbers.
The page comes from this program, which answers this computer alone; its address holds a word that
nobody can guess. Ctrl-C ends it, or closing the page.

A table is a CSV file as for 'train'; without --target its last column is predicted.

examples:
  {PROGRAM} play
  {PROGRAM} play --data digits --hidden 32 --activation relu
  {PROGRAM} play --data flowers.csv --target species"""
"""Of ``play``."""

COURSE_EXAMPLES: Final = f"""\
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
"""Of ``course``."""
