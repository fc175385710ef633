"""``predict``: what a network that ``train`` has saved says about the rows of a table."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from numpy.typing import NDArray

from tinygrad_mlp._cli.parsing import keep_apart, notes_to_stderr, reworded, say
from tinygrad_mlp._cli.saved import SavedNetwork, load_network
from tinygrad_mlp._cli.tables import RowsOfFile, read_rows
from tinygrad_mlp._files import write_whole
from tinygrad_mlp._text import shortest, visible
from tinygrad_mlp.data._arrays import counted
from tinygrad_mlp.data._csv_file import listing
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.training import predict, predict_proba, regression_scores

__all__ = ["run_predict"]


def run_predict(arguments: argparse.Namespace) -> None:
    """Read, ask, write."""
    if arguments.out is not None:
        inputs = [arguments.weights, arguments.file]
        keep_apart("--out", arguments.out, inputs, instead="--out answers.csv")
    network = load_network(arguments.weights)
    rows = read_rows(arguments.file)
    try:
        with notes_to_stderr():
            X = network.inputs.transform(network.features_of(rows))
    except DataError as error:
        raise reworded(error, _trained_clean) from error
    answers = predict(network.model, X)
    header = ["row", network.target]
    columns: list[Iterable[Any]] = [rows.numbers]
    if network.outputs is None:
        certainty = predict_proba(network.model, X).max(axis=1)
        header.append("probability")
        columns += [answers.tolist(), [f"{p:.4f}" for p in certainty]]
    else:
        answers = network.decoded(answers)
        columns.append([shortest(answer) for answer in answers])
    if arguments.out is None:
        _write(sys.stdout, header, columns)
    else:
        table = io.StringIO()
        _write(table, header, columns)
        write_whole(arguments.out, table.getvalue().encode())
        say(f"{counted(len(X), 'answer')} in {visible(str(arguments.out))}")
    sys.stdout.flush()
    comparison = _comparison(rows, network, answers)
    if comparison:
        say(comparison, to_stderr=True)


def _trained_clean(message: str) -> str:
    """The message, with the remedy that is left once a network is trained."""
    return message.replace("encode with clean=True", "train with --clean")


def _write(stream: TextIO, header: Sequence[str], columns: Sequence[Iterable[Any]]) -> None:
    """Write the answers as they are into files and pipes, and harmless on a terminal."""
    rows = [header, *(list(map(str, row)) for row in zip(*columns))]
    if stream.isatty():
        rows = [list(map(visible, row)) for row in rows]
    # Quotes alone keep white space at an end, and a return, which the csv module leaves without.
    needs_quotes = any(cell != cell.strip() or "\r" in cell for row in rows for cell in row)
    csv.writer(
        stream,
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if needs_quotes else csv.QUOTE_MINIMAL,
    ).writerows(rows)


def _comparison(rows: RowsOfFile, network: SavedNetwork, answers: NDArray[Any]) -> str:
    """How good the answers are, where the table has the target too."""
    if network.target not in rows.grid.columns:
        return ""
    try:
        truth = network.answers_of(rows)
    except DataError as error:
        return f"not compared: {error}"
    pairs: list[tuple[Any, Any]] = [
        (answer, true) for answer, true in zip(answers.tolist(), truth) if true is not None
    ]
    if not pairs:
        return ""
    shown = _accuracy(pairs, network) if network.outputs is None else _error(pairs)
    if len(pairs) < len(truth):
        left_out = counted(len(truth) - len(pairs), "row")
        shown += f", {left_out} without a {visible(network.target)} left out"
    return shown


def _accuracy(pairs: Sequence[tuple[str, str]], network: SavedNetwork) -> str:
    """How many answers are right; a label that is no class of the network cannot be met."""
    n_right = sum(answer == true for answer, true in pairs)
    shown = f"accuracy {100 * n_right / len(pairs):.1f} % ({n_right} of {len(pairs)} right)"
    unknown = [true for _, true in pairs if true not in network.classes]
    if not unknown:
        return shown
    found = listing([repr(label) for label in dict.fromkeys(unknown)])
    of_network = listing([repr(label) for label in network.classes])
    target = visible(network.target)
    holds = f"holds {found}, none of the classes of the network: {of_network}"
    if len(unknown) == len(pairs):
        return f"not compared: the column {target} {holds}"
    return f"{shown}; in {counted(len(unknown), 'row')} the column {target} {holds}"


def _error(pairs: Sequence[tuple[float, float]]) -> str:
    answers, numbers = zip(*pairs)
    return f"mean absolute error {regression_scores(numbers, answers).mean_absolute_error:.4g}"
