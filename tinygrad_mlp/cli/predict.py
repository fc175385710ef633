"""``predict``: what a network that ``train`` has saved says about the rows of a table."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.cli.saved import SavedNetwork, load_network
from tinygrad_mlp.data.arrays import counted
from tinygrad_mlp.data.csv_file import CsvFile, listing, parse_number, read_csv_file
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.files import write_whole
from tinygrad_mlp.training import predict, predict_proba, regression_scores

__all__ = ["run_predict"]


def run_predict(arguments: argparse.Namespace) -> None:
    """Read, ask, write."""
    network = load_network(arguments.weights)
    file = read_csv_file(arguments.file)
    X = network.inputs.transform(_features(file, network.feature_names))
    answers = predict(network.model, X)
    header = ["row", network.target]
    columns: list[Iterable[Any]] = [file.row_numbers]
    if network.outputs is None:
        certainty = predict_proba(network.model, X).max(axis=1)
        header.append("probability")
        columns += [answers.tolist(), [f"{p:.4f}" for p in certainty]]
    else:
        answers = network.outputs.inverse_transform(answers.reshape(-1, 1)).ravel()
        columns.append([f"{answer:.6g}" for answer in answers])
    if arguments.out is None:
        _write(sys.stdout, header, columns)
    else:
        table = io.StringIO()
        _write(table, header, columns)
        write_whole(arguments.out, table.getvalue().encode())
        print(f"{counted(len(X), 'answer')} in {arguments.out}")
    sys.stdout.flush()
    comparison = _comparison(file, network, answers)
    if comparison:
        print(comparison, file=sys.stderr)


def _features(file: CsvFile, names: Sequence[str]) -> NDArray[np.float64]:
    """The columns of these names as numbers, (n_rows, n_names)."""
    missing = [repr(name) for name in names if name not in file.header]
    if missing:
        raise DataError(
            f"{file.path} lacks {counted(len(missing), 'feature')} that the network was trained "
            f"with: {listing(missing)}; its columns: {listing(file.header)}"
        )
    columns = []
    bad = []
    for name in names:
        cells = file.column(name)
        numbers = [parse_number(cell) for cell in cells]
        bad += [
            f"row {row}, column {name!r}: {cell[:40]!r}"
            for row, cell, number in zip(file.row_numbers, cells, numbers)
            if number is None
        ]
        columns.append(numbers)
    if bad:
        raise DataError(
            f"{file.path}: {counted(len(bad), 'cell is', 'cells are')} missing or not a number: "
            f"{listing(bad)}; fill the cells in or remove their rows"
        )
    return np.array(columns, dtype=np.float64).T


def _write(stream: TextIO, header: Sequence[str], columns: Sequence[Iterable[Any]]) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*columns))


def _comparison(file: CsvFile, network: SavedNetwork, answers: NDArray[Any]) -> str:
    """How good the answers are, where the table has the target too."""
    if network.target not in file.header:
        return ""
    cells = file.column(network.target)
    truth: list[Any]
    if network.outputs is None:
        truth = [_as_class(cell, network.classes) or None for cell in cells]
    else:
        truth = [parse_number(cell) for cell in cells]
    pairs = [(answer, true) for answer, true in zip(answers.tolist(), truth) if true is not None]
    if not pairs:
        return ""
    shown = _accuracy(pairs, network) if network.outputs is None else _error(pairs)
    if len(pairs) < len(cells):
        shown += f", {counted(len(cells) - len(pairs), 'row')} without a {network.target} left out"
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
    holds = f"holds {found}, none of the classes of the network: {of_network}"
    if len(unknown) == len(pairs):
        return f"not compared: the column {network.target} {holds}"
    return f"{shown}; in {counted(len(unknown), 'row')} the column {network.target} {holds}"


def _error(pairs: Sequence[tuple[float, float]]) -> str:
    answers, numbers = zip(*pairs)
    return f"mean absolute error {regression_scores(numbers, answers).mean_absolute_error:.4g}"


def _as_class(cell: str, classes: Sequence[str]) -> str:
    """The class that a cell stands for: 1.0 is the class 1 as well."""
    number = parse_number(cell)
    if cell in classes or number is None or not number.is_integer():
        return cell
    return str(int(number))
