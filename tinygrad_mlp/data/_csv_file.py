"""A CSV file as a header and rows of text cells: its encoding, delimiter and shape.

It stands on the ``csv`` module of the standard library. What the cells mean is the business of
``_table.py``. Rows are numbered as a spreadsheet numbers them: the header is row 1.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tinygrad_mlp.data._arrays import LARGEST_EXACT, counted
from tinygrad_mlp.data._problems import Problems
from tinygrad_mlp.errors import DataError

__all__ = [
    "CsvFile",
    "cells_of",
    "csv_text",
    "exact_number",
    "listing",
    "parse_number",
    "quoted_cell",
    "read_csv_file",
    "read_what_fits",
]

DELIMITERS = (",", ";", "\t")
_ROWS_TO_SNIFF = 20
_MAX_LISTED = 5
_QUOTED = re.compile(r'(?<![^,;\s])"(?:[^"]|"")*+"(?=[,;\s]|\Z)')


@dataclass(frozen=True)
class CsvFile:
    """The text of a CSV file, cell by cell.

    Attributes:
        path: where it was read from.
        header: the name of each column.
        rows: the cells of each row that is not blank, without the white space around them; what
            stands in quotes keeps it.
        row_numbers: the number of each of these rows in the file, the header being row 1.
        is_complete: whether these are all rows; others were told as problems.

    >>> CsvFile(Path("t.csv"), ["a", "b"], [["1", "2"], ["3", "4"]], [2, 3]).column("b")
    ['2', '4']
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    row_numbers: list[int]
    is_complete: bool = True

    def column(self, name: str) -> list[str]:
        """The cells of one column from top to bottom."""
        position = self.header.index(name)
        return [row[position] for row in self.rows]


def read_csv_file(path: Path) -> CsvFile:
    r"""Read a CSV file in UTF-8 whose first row names the columns.

    The delimiter is the one of comma, semicolon and tab under which most of the first rows agree
    with the header. White space around a cell, quoted or not, does not belong to it. Blank rows are
    left out, and so is a last column without a name and content, as left behind by a delimiter at
    the end of each line.

    Args:
        path: the file.

    Returns:
        The CsvFile.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "t.csv"
    ...     _ = path.write_text("a;b\n1;2\n", encoding="utf-8")
    ...     read_csv_file(path).column("b")
    ['2']

    Raises:
        DataError: if it is not UTF-8, badly quoted or empty, has no header row, no or repeated
            column names, or rows of another length than the header.
        OSError: if it cannot be opened.
    """
    problems = Problems(str(path))
    file = read_what_fits(path, problems)
    problems.raise_them()
    return file


def read_what_fits(path: Path, problems: Problems, content: bytes | None = None) -> CsvFile:
    r"""As ``read_csv_file``, but faults of the header and of rows are collected.

    Rows of another length than the header are left out.

    Args:
        path: the file.
        problems: what takes the faults.
        content: what is in the file; None to read it.

    Raises:
        DataError: if nothing can be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "t.csv"
    ...     _ = path.write_text("a,a\n1,2\n1\n", encoding="utf-8")
    ...     problems = Problems(str(path))
    ...     read_what_fits(path, problems).rows, len(problems.found)
    ([['1', '2']], 2)
    """
    records = _records(path, path.read_bytes() if content is None else content)
    (header_number, header), body = records[0], records[1:]
    header, body = _without_empty_last_column(header, body)
    _check_header(path, header, header_number, problems)
    if not body:
        problems.add(
            DataError(f"{path} has a header but no rows; at least one row of data is needed")
        )
    ragged = [(number, row) for number, row in body if len(row) != len(header)]
    if ragged:
        listed = listing(
            [f"row {number} has {counted(len(row), 'cell')}" for number, row in ragged]
        )
        problems.add(
            DataError(
                f"{path}: the header has {counted(len(header), 'column')} but {listed}; give every "
                "row one cell per column, and put quotes around cells that hold the delimiter: "
                '"1,5"'
            )
        )
    fitting = [(number, row) for number, row in body if len(row) == len(header)]
    if not fitting:
        problems.raise_them()
    numbers, rows = [number for number, _ in fitting], [row for _, row in fitting]
    return CsvFile(path, header, rows, numbers, is_complete=not ragged)


def parse_number(cell: str) -> float | None:
    """The finite number that a cell holds, or None.

    >>> parse_number("2.50"), parse_number("1e3"), parse_number("n/a"), parse_number("nan")
    (2.5, 1000.0, None, None)
    """
    if "_" in cell:  # Python reads 1_000 as a number; in a table it is a code or a name
        return None
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def exact_number(cell: str) -> int | float | None:
    """As ``parse_number``, but a whole number above 2^53, of which not all are floats, as an int.

    A number with a point or an exponent is a float: floats are written that way.

    >>> exact_number("9007199254740993"), exact_number("9007199254740993.0")
    (9007199254740993, 9007199254740992.0)
    """
    number = parse_number(cell)
    if number is None or abs(number) < LARGEST_EXACT:
        return number
    digits = re.fullmatch(r"([-+]?)0*(\d+)", cell.strip())
    return int(digits[1] + digits[2]) if digits else number


def csv_text(path: Path, data: bytes) -> str:
    r"""What stands in a file of UTF-8, without the mark that some programs put in front.

    Raises:
        DataError: if the bytes are no such text.

    >>> csv_text(Path("t.csv"), b"\xef\xbb\xbfa,b")
    'a,b'
    """
    if b"\x00" in data:
        raise DataError(
            f"{path} is not a text file in UTF-8 (it holds zero bytes); from a spreadsheet "
            "save it as 'CSV UTF-8'"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} is not in UTF-8: line {line} holds the byte 0x{data[error.start]:02x}; from a "
            "spreadsheet save it as 'CSV UTF-8'"
        ) from None


def cells_of(line: str) -> list[str]:
    """The cells of one row with commas, read as those of a file.

    Raises:
        DataError: if it is badly quoted.

    >>> cells_of('a, "b, in cm",c')
    ['a', 'b, in cm', 'c']
    """
    try:
        return next(csv.reader([_without_space_around_cells(line, ",")], strict=True))
    except csv.Error as error:
        raise DataError(
            f"{line!r} is no list with commas ({error}); a name that holds a comma or a quote "
            'stands in quotes, with its own quotes doubled: "a, in cm",b'
        ) from None


def quoted_cell(text: str) -> str:
    """A cell as it stands in a row with commas: in quotes where it needs them.

    >>> print(quoted_cell("a"), quoted_cell("b, in cm"), quoted_cell('5" pipe'))
    a "b, in cm" "5"" pipe"
    """
    plain = text == text.strip() and text and not any(c in text for c in ',"\r\n')
    return text if plain else '"' + text.replace('"', '""') + '"'


def listing(items: list[str]) -> str:
    """The first few items in one line, with the total where there are more.

    >>> listing(["a", "b"]), listing(["a", "b", "c", "d", "e", "f"])
    ('a, b', 'a, b, c, d, e, ... (6 in all)')
    """
    if len(items) <= _MAX_LISTED:
        return ", ".join(items)
    return ", ".join(items[:_MAX_LISTED]) + f", ... ({len(items)} in all)"


Record = tuple[int, list[str]]
"""The number of a row in the file and its cells."""


def _records(path: Path, content: bytes) -> list[Record]:
    """The rows that are not blank, at least one."""
    text = csv_text(path, content)
    records = _parse(path, text, _sniff_delimiter(text))
    if not records:
        raise DataError(f"{path} is empty; a header row with the names of the columns is needed")
    return records


def _parse(path: Path, text: str, delimiter: str) -> list[Record]:
    has_quotes = '"' in text
    if has_quotes:
        text = _without_space_around_cells(text, delimiter)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records = []
    first_line = 1  # of the row that is read next
    try:
        for number, row in enumerate(reader, start=1):
            cells = row if has_quotes else [cell.strip() for cell in row]
            if any(map(str.strip, cells)):
                records.append((number, cells))
            first_line = reader.line_num + 1
    except csv.Error as error:
        open_quote = reader.line_num > first_line
        reason = "a quote that begins there is never closed" if open_quote else error
        raise DataError(
            f"{path}: line {first_line} cannot be read ({reason}); check its quotes: a "
            'quote within a quoted cell is written twice, "5"" pipe"'
        ) from None
    return records


def _without_space_around_cells(text: str, delimiter: str) -> str:
    """The text with no white space between a cell, or its quotes, and the delimiters.

    The csv module drops spaces before a cell, no tabs and none behind it, where it refuses a
    quoted cell. A quoted cell is passed over as a whole, with whatever stands in it.
    """
    ends = rf"\r\n{delimiter}"
    space, at_the_end = rf"[^\S{ends}]", rf"(?=[{ends}]|\Z)"
    quoted = rf'{space}*+("(?:[^"]|"")*+"){space}*+{at_the_end}'
    before, behind = rf"{space}++", rf"(?<!{space}){space}++{at_the_end}"
    return re.sub(rf"(?<![^{ends}])(?:{quoted}|{before})|{behind}", r"\1", text)


def _sniff_delimiter(text: str) -> str:
    text = _QUOTED.sub("quoted", text)  # a delimiter within quotes divides nothing
    return max(DELIMITERS, key=lambda delimiter: _agreement(text, delimiter))


def _agreement(text: str, delimiter: str) -> tuple[int, int]:
    """How many of the first rows have the cells of the header, and how many cells these are."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    lengths: list[int] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                lengths.append(len(row))
            if len(lengths) > _ROWS_TO_SNIFF:
                break
    except csv.Error:  # reported when the file is parsed
        pass
    if not lengths or lengths[0] == 1:
        return 0, 0
    return lengths.count(lengths[0]), lengths[0]


def _without_empty_last_column(
    header: list[str], body: list[Record]
) -> tuple[list[str], list[Record]]:
    if header[-1].strip() or any(len(row) == len(header) and row[-1].strip() for _, row in body):
        return header, body
    shorter = [(number, row[:-1] if len(row) == len(header) else row) for number, row in body]
    return header[:-1], shorter


def _check_header(path: Path, header: list[str], number: int, problems: Problems) -> None:
    if all(parse_number(name) is not None for name in header):
        raise DataError(
            f"{path}: row {number} holds numbers ({listing(header)}), but the first row must "
            "name the columns; add a header row such as: height,weight,species"
        )
    unnamed = [str(i + 1) for i, name in enumerate(header) if not name.strip()]
    if unnamed:
        problems.add(
            DataError(
                f"{path}: the header names no column at position {listing(unnamed)} (from 1); name "
                "it or remove the column (pandas writes none with to_csv(path, index=False))"
            )
        )
    times = Counter(header)
    repeated = sorted(name for name in times if name.strip() and times[name] > 1)
    if repeated:
        problems.add(
            DataError(
                f"{path}: the header names {listing([repr(name) for name in repeated])} more than "
                "once; give every column a name of its own"
            )
        )
