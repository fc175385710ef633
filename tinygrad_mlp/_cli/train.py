"""``train``: a network on a person's own table, from the CSV file to weights that can be kept."""

from __future__ import annotations

import argparse
import ast
import re
import textwrap
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Final

import numpy as np

from tinygrad_mlp._cli.drawn import FILES
from tinygrad_mlp._cli.parsing import keep_apart, notes_to_stderr, reworded, say
from tinygrad_mlp._cli.problem import Recipe, split
from tinygrad_mlp._cli.saved import save_network
from tinygrad_mlp._cli.tables import EncodedTable, encoded_table, is_parquet, read_rows
from tinygrad_mlp._cli.training_run import prepare_folder, report, train
from tinygrad_mlp._text import shortest, visible
from tinygrad_mlp.data import Table, read_table
from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.data._csv_file import quoted_cell
from tinygrad_mlp.errors import (
    DataError,
    InvalidArgumentError,
    ProblemsError,
    TinygradMLPError,
    UnknownNameError,
)
from tinygrad_mlp.training import check_writable
from tinygrad_mlp.training._choosing import records

__all__ = ["in_options", "run_train"]

TEXT: Final = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
"""A text as Python writes it."""

MENDED: Final = ("fill the cells in or remove their rows", "columns of 0 and 1, one per value")
"""Remedies of the strict reader that --clean applies."""


def run_train(arguments: argparse.Namespace) -> None:
    """Read, train, save, measure, draw."""
    _keep_files_apart(arguments)
    recipe = Recipe(**{field.name: getattr(arguments, field.name) for field in fields(Recipe)})
    try:
        with notes_to_stderr(in_options):
            table = _read(arguments)
        problem = split(
            table, table.target, test_size=recipe.test_size, rng=arguments.seed, loss=recipe.loss
        )
        if recipe.class_weight and not problem.classes:
            raise InvalidArgumentError(
                f"--class-weight is for classes, but {table.target!r} is a number; leave it "
                "out, or give task='classification'"
            )
    except TinygradMLPError as error:
        hint = _quoting(arguments) if isinstance(error, UnknownNameError | ProblemsError) else ""
        raise reworded(error, lambda text: in_options(text) + hint) from error
    if recipe.class_weight and recipe.batch_size == 1:
        raise InvalidArgumentError(
            "with --batch-size 1 --class-weight changes nothing: a sample counts more or less only "
            "beside the others of its batch; give a larger --batch-size, or leave --class-weight "
            "out"
        )
    if recipe.backend == "native" and not records(recipe.engine):
        raise InvalidArgumentError(
            f"--engine {recipe.engine} records nothing that the C library could run; leave out "
            "--backend native, or the engine"
        )
    prepare_folder(arguments.out)
    if arguments.save is not None:
        _prepare_file(arguments.save)
    say(_description(table))
    if isinstance(table, EncodedTable):
        say(_encoding_of(table))
    model, history = train(problem, recipe, arguments.seed)
    if arguments.save is not None:  # before anything else can go wrong
        save_network(arguments.save, problem, recipe, model)
        saved = visible(str(arguments.save))
        say(
            f"\nThe network is in {saved}; to ask it:\n"
            f"  python -m tinygrad_mlp predict {saved} FILE.csv"
        )
    report(problem, model, history, arguments.out)


def _read(arguments: argparse.Namespace) -> Table:
    """The table, by the strict reader unless it is to be mended, or is no text."""
    if arguments.clean or is_parquet(arguments.file):
        return encoded_table(
            arguments.file,
            arguments.target,
            task=arguments.task,
            drop=arguments.drop,
            numbers=arguments.numbers,
            categories=arguments.categories,
            clean=arguments.clean,
        )
    for option in ("numbers", "categories"):
        if getattr(arguments, option):
            raise InvalidArgumentError(
                f"--{option} is for tables that are mended, and Parquet; give --clean too"
            )
    try:
        return read_table(
            arguments.file, arguments.target, task=arguments.task, drop=arguments.drop
        )
    except DataError as error:
        raise reworded(error, _with_clean) from error


def _with_clean(message: str) -> str:
    """The message, with the option that mends what the strict reader refuses."""
    for remedy in MENDED:
        message = message.replace(remedy, f"{remedy}, or give --clean")
    return message


def _encoding_of(table: EncodedTable) -> str:
    """What was done to the columns, a line for each, and the width that comes of it."""
    lines = [f"  {note}" for note in table.notes]
    width = counted(len(table.feature_names), "feature")
    n_columns = len(table.encoding.plans)
    become = f"{counted(n_columns, 'column')} {'becomes' if n_columns == 1 else 'become'} {width}"
    return "\n".join(["how the columns are used:", *lines, f"  {become}"])


def in_options(message: str) -> str:
    """The message, with the remedy as options of the command line instead of Python's arguments."""
    message = message.replace("encode with clean=True", "give --clean")
    message = re.sub(
        rf"\b(drop|numbers|categories)=(\[{TEXT}(?:, {TEXT})*\])", _columns_option, message
    )
    return re.sub(r"\b(task|test_size)='?([\w.]+)'?", _option, message)


def _columns_option(match: re.Match[str]) -> str:
    return _option_with(match[1], ast.literal_eval(match[2]))


def _option_with(option: str, names: Iterable[str]) -> str:
    in_shell = ",".join(map(quoted_cell, names)).replace("'", "'\"'\"'")
    return f"--{option} '{in_shell}'"


def _quoting(arguments: argparse.Namespace) -> str:
    """A hint where what was to be dropped is one column with commas in its name."""
    dropped = [name.strip() for name in arguments.drop]
    columns: tuple[str, ...] = ()
    with suppress(DataError):  # then the file has problems of its own, which are told
        columns = read_rows(arguments.file).grid.names
    for column in columns:
        parts = [part.strip() for part in column.split(",")]
        starts = range(len(dropped) - len(parts) + 1) if len(parts) > 1 else ()
        if any(dropped[start : start + len(parts)] == parts for start in starts):
            return f"; a name that holds a comma stands in quotes: {_option_with('drop', [column])}"
    return ""


def _option(match: re.Match[str]) -> str:
    return f"--{match[1].replace('_', '-')} {match[2]}"


def _description(table: Table) -> str:
    """What was found in the file, in one or two lines."""
    samples = counted(len(table.X), "sample")
    features = counted(len(table.feature_names), "feature")
    names = textwrap.shorten(visible(", ".join(table.feature_names)), 60, placeholder=" ...")
    first = f"{visible(table.path.name)}: {samples}, {features} ({names})"
    target = visible(table.target)
    if not table.target_names:
        low, high = shortest(np.min(table.y)), shortest(np.max(table.y))
        return f"{first}\nto learn: {target}, a number from {low} to {high}"
    classes = counted(len(table.target_names), "class", "classes")
    return f"{first}\nto learn: {target}, {classes}: {visible(', '.join(table.target_names))}"


def _keep_files_apart(arguments: argparse.Namespace) -> None:
    """The table stays, and the weights are not overwritten by a picture."""
    kept = [arguments.file]
    if arguments.save is not None:
        keep_apart("--save", arguments.save, kept, instead="--save weights.npz")
        kept.append(arguments.save)
    for name in FILES:
        instead = "--out pictures" if arguments.out != Path("pictures") else "--out drawings"
        keep_apart(
            f"--out {arguments.out}: its picture", arguments.out / name, kept, instead=instead
        )


def _prepare_file(path: Path) -> None:
    """Find out before the training whether the weights can be written."""
    if path.is_dir():
        raise InvalidArgumentError(f"--save {path} is a folder; name a file: {path}/weights.npz")
    check_writable(path)
