"""What a column is: numbers, truth values, dates or categories; what cannot be used, and why.

The same rules hold for a frame of pandas, one of polars and, cleaned, a CSV file: they see plain
Python objects.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data._arrays import Floats, counted
from tinygrad_mlp.data._column_plan import TRUTHS, Plan
from tinygrad_mlp.data._column_reader import Reader, how_spelled, how_written
from tinygrad_mlp.data._columns import (
    MISSING_LABELS,
    MISSING_MARKS,
    classes_in_order,
    in_quotes,
    is_missing,
)
from tinygrad_mlp.data._csv_file import listing
from tinygrad_mlp.data._grid import Column
from tinygrad_mlp.data._written import (
    DateStyle,
    date_style,
    days_since_1970,
    first_inexact,
    number_style,
)
from tinygrad_mlp.errors import DataError

__all__ = ["FeatureJudge", "LeftOut"]

MOST_CATEGORIES: Final = 20
"""A text of more different values than these is no list of categories."""

LEAST_RUNNING: Final = 20
"""So many rows at least make whole numbers that count on by one from row to row an identifier."""

IDENTIFIER: Final = re.compile(
    r"(?:.*[\W_])?(?:id|uuid|guid|key|idx|index|nr|no)|unnamed: 0(?:\.\d+)?", re.IGNORECASE
)
"""Names of columns that name their rows; so do those that end as customerId does.

``Unnamed: 0`` is the index that pandas has written, ``Unnamed: 0.1`` one that it has written twice.
"""


@dataclass(frozen=True)
class LeftOut:
    """A column that is not used, and why."""

    reason: str


class FeatureJudge(Reader):
    """Decides what the columns are that are learned from."""

    def plan(self, name: str) -> tuple[Plan | LeftOut, list[str]]:
        """How a column becomes features, or why it is left out; and what is done to it, in words.

        Raises:
            DataError: if it can be neither.

        >>> from tinygrad_mlp.data._grid import Grid
        >>> column = Column("city", "text", ["Rome", "Paris", "Rome"])
        >>> grid = Grid("the frame", ("city",), {"city": column}, 3, str)
        >>> FeatureJudge(grid, clean=False).plan("city")[0].features
        ('city=Paris', 'city=Rome')
        """
        column = self.readable(self.grid.column(name))
        if column.kind == "empty":
            return self._left_out(column, "holds no value in any row")
        if column.kind == "number" and column.inexact:
            return self._left_out(
                column,
                f"holds whole numbers above 2^53, of which not all are floats ({column.inexact})",
                f"make it text and name it, categories={[name]}",
            )
        if name in self.categories or column.kind == "category":
            return self._category(column, chosen=True)
        if column.kind == "written":
            return self._written(column)
        if column.kind == "text":
            if name in self.numbers:
                return self._written(column)
            self.refuse_hidden(column)
            return self._category(column)
        return self._quantity(column, Plan(name, column.kind), [])

    def _left_out(
        self, column: Column, reason: str, otherwise: str = ""
    ) -> tuple[LeftOut, list[str]]:
        """Left out, where there is to be mended; else refused with the remedy."""
        if not self.clean:
            otherwise = f", or {otherwise}" if otherwise else ""
            self.refuse(column.name, f"{reason}; leave it out, drop={[column.name]}{otherwise}")
        return LeftOut(reason), []

    def _category(
        self, column: Column, *, chosen: bool = False
    ) -> tuple[Plan | LeftOut, list[str]]:
        """A feature of 0 and 1 for each value."""
        labels = self.labels(column, MISSING_LABELS)
        present = [label for label in labels if label is not None]
        categories = classes_in_order(present)
        if not present:
            return self._left_out(column, "holds no value in any row")
        if len(categories) == 1 and len(present) == len(labels):
            return self._left_out(column, f"holds {in_quotes(categories[0])} in every row")
        if not chosen:
            identifies = len(categories) == len(labels)
            if len(categories) > MOST_CATEGORIES or (self.clean and identifies):
                what = "another text in every row" if identifies else f"{len(categories)} texts"
                return self._left_out(
                    column,
                    f"holds {what}, "
                    + ("so it names the rows" if identifies else f"more than {MOST_CATEGORIES}"),
                    f"take all of them, categories={[column.name]}",
                )
        missing = np.array([label is None for label in labels])
        self._refuse_missing(column, missing)
        plan = Plan(
            column.name,
            "category",
            categories=tuple(categories),
            indicator=bool(missing.any()),
            date_style=_style_of_dates(column) if column.kind == "date" else None,
        )
        shown = counted(len(categories), "category", "categories")
        note = f"{shown}, a feature of 0 and 1 for each"
        notes = [note + self._about_missing(missing, "0 in each of them"), how_spelled(categories)]
        return plan, [note for note in notes if note]

    def _written(self, column: Column) -> tuple[Plan | LeftOut, list[str]]:
        """A column of text that may be numbers, dates, truth values or categories."""
        name, marks = column.name, MISSING_MARKS
        cells = [None if cell is None or is_missing(cell, marks) else cell for cell in column.cells]
        present = [cell for cell in cells if cell is not None]
        try:
            style, dates = number_style(present), None
            if style is None and name not in self.numbers:
                dates = date_style(present)
        except DataError as error:
            self.refuse(name, str(error))
        if style is not None:
            numbers = np.array([np.nan if c is None else style.number_in(c) for c in cells])
            note = how_written(present, style)
            inexact = first_inexact(present, style)
            if inexact is not None:
                reason = "holds whole numbers above 2^53, of which not all are floats"
                return self._left_out(column, f"{reason} ({in_quotes(inexact)})")
            column = Column(name, "number", numbers)
            return self._quantity(
                column, Plan(name, "number", number_style=style), [note] * bool(note)
            )
        if dates is not None:
            moments = [None if c is None else dates.moment_in(c) for c in cells]
            column = Column(name, "date", moments)
            return self._quantity(column, Plan(name, "date", date_style=dates), [])
        if present and {cell.strip().lower() for cell in present} <= {*TRUTHS}:
            truths = [None if c is None else TRUTHS[c.strip().lower()] for c in cells]
            return self._quantity(
                Column(name, "truth", truths), Plan(name, "truth"), ["true and false, as 1 and 0"]
            )
        self._refuse_some_numbers(name, cells)
        return self._category(column)

    def _refuse_some_numbers(self, name: str, cells: Sequence[str | None]) -> None:
        """Of numbers and a few other texts, the others are mistakes, unless all are categories."""
        present = [(i, cell) for i, cell in enumerate(cells) if cell is not None]
        odd = [(i, cell) for i, cell in present if number_style([cell]) is None]
        texts = Counter(cell for _, cell in present)
        few = len(texts) <= MOST_CATEGORIES and 2 * len(texts) <= len(present)
        if not odd:
            shown = listing([f"{self.row_name(i)}: {in_quotes(cell)}" for i, cell in present])
            self.refuse(name, f"holds numbers with a decimal point and with a comma: {shown}")
        if name in self.numbers or (len(odd) < len(present) and not few):
            places = listing([f"{self.row_name(i)}: {in_quotes(cell)}" for i, cell in odd])
            n_odd = len(odd)
            self.refuse(
                name,
                f"holds numbers, but {counted(n_odd, 'cell is', 'cells are')} none of their kind: "
                f"{places}; mend or empty these cells, or name it in categories={[name]}",
            )

    def _quantity(
        self, column: Column, plan: Plan, notes: list[str]
    ) -> tuple[Plan | LeftOut, list[str]]:
        """One feature: a number, 0 or 1, or a number of days."""
        numbers, plan = self._numbers_and_plan(column, plan)
        missing = np.isnan(numbers)
        present = numbers[~missing]
        if len(set(present.tolist())) == 1 and not missing.any():
            shown = column.cells[0] if column.kind != "number" else f"{present[0]:g}"
            return self._left_out(column, f"holds {shown} in every row")
        reason = self._identifier(column, numbers) if self.clean and column.kind == "number" else ""
        if reason and column.name not in self.numbers:
            return LeftOut(reason), []
        self._refuse_missing(column, missing)
        plan = replace(plan, indicator=bool(missing.any()))
        if self.clean:
            plan = replace(plan, median=float(np.median(present)))
        if plan.kind == "date":
            notes = [*notes, "dates, as days since 1970-01-01"]
        about = self._about_missing(missing, "the median").removeprefix("; ")
        return plan, [note for note in [*notes, about] if note]

    def _numbers_and_plan(self, column: Column, plan: Plan) -> tuple[Floats, Plan]:
        """The cells as numbers, and of dates whether they have a time zone."""
        if plan.kind != "date":
            cells = [np.nan if cell is None else float(cell) for cell in column.cells]
            return np.array(cells), plan
        if plan.date_style is None:
            plan = replace(plan, date_style=_style_of_dates(column))
        days = [np.nan if cell is None else days_since_1970(cell) for cell in column.cells]
        return np.array(days), plan

    def _identifier(self, column: Column, numbers: Floats) -> str:
        """Why numbers name their rows; nothing where they may mean something."""
        present = numbers[~np.isnan(numbers)]
        whole = bool((present == np.floor(present)).all())
        if not whole or len(set(present.tolist())) < len(present):
            return ""
        if IDENTIFIER.fullmatch(column.name) or re.search(r"[a-z]I[dD]$", column.name):
            rows = "every row" if len(present) == len(numbers) else "every row that has one"
            return f"holds another whole number in {rows} and is called so, so it names the rows"
        places = self.grid.positions
        if places is None:
            places = np.arange(len(numbers))
        ahead = (numbers - places)[~np.isnan(numbers)]
        if len(present) >= LEAST_RUNNING and bool((ahead == ahead[0]).all()):
            return "counts on by 1 from row to row, so it names the rows"
        return ""

    def _refuse_missing(self, column: Column, missing: NDArray[np.bool_]) -> None:
        if missing.any() and not self.clean:
            gaps = listing([self.row_name(int(i)) for i in np.flatnonzero(missing)])
            self.refuse(
                column.name,
                f"is missing in {gaps}; fill the cells in or remove their rows, or encode with "
                "clean=True, which takes the median and tells of it in a feature",
            )

    def _about_missing(self, missing: NDArray[np.bool_], instead: str) -> str:
        n_missing = int(missing.sum())
        if not n_missing:
            return ""
        cells = counted(n_missing, "missing cell")
        return f"; {cells}: {instead}, and a feature that is 1 there"


def _style_of_dates(column: Column) -> DateStyle:
    """How dates that are no text would be written."""
    first = next(cell for cell in column.cells if cell is not None)
    return DateStyle("year-month-day", zone=bool(getattr(first, "tzinfo", None)))
