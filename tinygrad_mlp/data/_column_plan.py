"""How one column becomes features; as JSON too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._frames import warn
from tinygrad_mlp._schema import ListOf, Number, OrNone, Record, Text, Truth
from tinygrad_mlp.data._arrays import Floats, counted
from tinygrad_mlp.data._columns import (
    MISSING_LABELS,
    MISSING_MARKS,
    in_quotes,
    is_missing,
)
from tinygrad_mlp.data._csv_file import listing, parse_number
from tinygrad_mlp.data._grid import Column, Grid
from tinygrad_mlp.data._written import (
    DATE_ORDERS,
    UNITS,
    DateStyle,
    NumberStyle,
    days_since_1970,
    first_inexact,
)
from tinygrad_mlp.errors import DataError

__all__ = ["PLAN", "TRUTHS", "Plan", "check_numbers", "present_labels"]

TRUTHS: Final = {"true": True, "false": False}
"""Truth values in text, in upper or lower case: pandas writes True, polars true."""

PLAN: Final = Record(
    {
        "column": Text(),
        "kind": Text(choices=["number", "truth", "date", "category"]),
        "categories": ListOf(Text()),
        "median": OrNone(Number()),
        "indicator": Truth(),
        "decimal": OrNone(Text(choices=[".", ","])),
        "unit": Text(choices=UNITS),
        "date_order": OrNone(Text(choices=list(DATE_ORDERS))),
        "zone": Truth(),
    }
)
"""What ``Plan.to_dict`` makes."""


@dataclass(frozen=True)
class Plan:
    """How one column becomes features.

    Attributes:
        column: its name.
        kind: "number", "truth" (0 and 1), "date" (days since 1970) or "category" (a feature of 0
            and 1 for each).
        categories: those that were seen, sorted.
        median: what stands for a missing number; None where there was nothing to learn it from.
        indicator: whether a feature of 0 and 1 tells that the cell is missing.
        number_style: how numbers are written in a column of text; None for as Python does.
        date_style: how dates are written in a column of text, and whether they have a time zone;
            of categories that are dates too.

    >>> Plan("city", "category", categories=("Rome", "Paris"), indicator=True).features
    ('city=Rome', 'city=Paris', 'city missing')
    """

    column: str
    kind: str
    categories: tuple[str, ...] = ()
    median: float | None = None
    indicator: bool = False
    number_style: NumberStyle | None = None
    date_style: DateStyle | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features."""
        names = [self.column]
        if self.kind == "category":
            names = [f"{self.column}={category}" for category in self.categories]
        return (*names, f"{self.column} missing") if self.indicator else tuple(names)

    def encoded(self, column: Column, grid: Grid, *, clean: bool) -> Floats:
        """The features of a column, (n_rows, n_features), nan for a number that is missing.

        Raises:
            DataError: if a cell does not fit; if one is missing, unless ``clean``.
        """
        check_numbers(column, grid, self.number_style)
        if self.kind == "category":
            values, missing = self._categories_of(column, grid, clean)
        else:
            numbers = self._numbers_of(column, grid, clean)
            values, missing = numbers.reshape(-1, 1), np.isnan(numbers)
        if missing.any() and not clean:
            raise DataError(
                f"{self._of(grid)} is missing in {_rows(grid, np.flatnonzero(missing))}; fill the "
                "cells in or remove their rows, or encode with clean=True, which takes the median"
            )
        if missing.any() and not self.indicator:
            instead = "the median is" if self.kind != "category" else "0 for every category is"
            warn(
                f"{self._of(grid)} is missing in {_rows(grid, np.flatnonzero(missing))}, as it "
                f"never was in the rows learned from; {instead} taken"
            )
        if self.indicator:
            values = np.column_stack([values, missing.astype(np.float64)])
        return values

    def _of(self, grid: Grid) -> str:
        return f"{grid.where}: column {self.column!r}"

    def _numbers_of(self, column: Column, grid: Grid, clean: bool) -> Floats:
        """The numbers, nan where one is missing."""
        if column.kind == "empty":
            return np.full(grid.n_rows, np.nan)
        as_text = clean or self.number_style is not None  # so were those learned from
        if column.kind == "written" or (column.kind == "text" and as_text):
            return self._numbers_in_text(column, grid)
        if column.kind != self.kind:
            raise DataError(
                f"{self._of(grid)} holds {WORDS[column.kind]} now, but {WORDS[self.kind]} were "
                "learned from; give it the same type"
            )
        if self.kind == "number":
            return np.asarray(column.cells, dtype=np.float64)
        if self.kind == "date":
            return self._days_of(column, grid)
        return np.array([np.nan if cell is None else float(cell) for cell in column.cells])

    def _days_of(self, column: Column, grid: Grid) -> Floats:
        zoned = self.date_style is not None and self.date_style.zone
        for i, moment in enumerate(column.cells):
            if moment is not None and bool(getattr(moment, "tzinfo", None)) != zoned:
                now, before = ("no", "one") if zoned else ("a", "none")
                raise DataError(
                    f"{self._of(grid)} has {now} time zone in {grid.row_name(i)}, but {before} in "
                    "the rows learned from"
                )
        return np.array([np.nan if m is None else days_since_1970(m) for m in column.cells])

    def _numbers_in_text(self, column: Column, grid: Grid) -> Floats:
        is_number = self.kind == "number"
        inexact = first_inexact(list(column.cells), self.number_style) if is_number else None
        if inexact is not None:
            raise DataError(
                f"{self._of(grid)} holds whole numbers that are no floats ({in_quotes(inexact)})"
            )
        numbers: list[float] = []
        bad: list[int] = []
        for i, cell in enumerate(column.cells):
            number: float | None = np.nan
            if cell is not None and not is_missing(cell, MISSING_MARKS):
                number = self._number_in(cell)
            if number is None:
                bad.append(i)
            numbers.append(np.nan if number is None else number)
        if bad:
            cells = [f"{grid.row_name(i)}: {in_quotes(column.cells[i])}" for i in bad]
            raise DataError(
                f"{self._of(grid)} holds {counted(len(bad), 'cell')} that cannot be read as "
                f"{WORDS[self.kind]} as those learned from: {listing(cells)}"
            )
        return np.array(numbers)

    def _number_in(self, cell: str) -> float | None:
        if self.kind == "truth":
            truth = TRUTHS.get(cell.strip().lower())
            return None if truth is None else float(truth)
        if self.kind == "date":
            dates = self.date_style if self.date_style is not None else DateStyle("year-month-day")
            moment = dates.moment_in(cell)
            return None if moment is None else days_since_1970(moment)
        return (
            parse_number(cell) if self.number_style is None else self.number_style.number_in(cell)
        )

    def _categories_of(
        self, column: Column, grid: Grid, clean: bool
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """A row of 0 and 1 for each cell, and which cells are missing."""
        if column.kind == "date" and self.date_style is None:
            raise DataError(f"{self._of(grid)} holds dates now, but text was learned from")
        labels = present_labels(column, clean)
        place = {category: i for i, category in enumerate(self.categories)}
        values = np.zeros((len(labels), len(place)))
        unknown: list[int] = []
        for i, label in enumerate(labels):
            if label in place:
                values[i, place[label]] = 1.0
            elif label is not None:
                unknown.append(i)
        if unknown:
            cells = [f"{grid.row_name(i)}: {in_quotes(str(labels[i]))}" for i in unknown]
            known = listing(list(map(repr, self.categories)))
            message = (
                f"{self._of(grid)} holds {counted(len(unknown), 'cell')} of no category that was "
                f"learned from: {listing(cells)}; known: {known}"
            )
            if not clean:
                raise DataError(f"{message}; encode with clean=True to take 0 for every category")
            warn(f"{message}; 0 for every category is taken")
        return values, np.array([label is None for label in labels])

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON has it."""
        style, dates = self.number_style, self.date_style
        return {
            "column": self.column,
            "kind": self.kind,
            "categories": list(self.categories),
            "median": self.median,
            "indicator": self.indicator,
            "decimal": None if style is None else style.decimal,
            "unit": "" if style is None else style.unit,
            "date_order": None if dates is None else dates.order,
            "zone": dates is not None and dates.zone,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Plan:
        """The plan that ``to_dict`` gave."""
        decimal, order = record["decimal"], record["date_order"]
        return cls(
            column=record["column"],
            kind=record["kind"],
            categories=tuple(record["categories"]),
            median=None if record["median"] is None else float(record["median"]),
            indicator=record["indicator"],
            number_style=None if decimal is None else NumberStyle(decimal, record["unit"]),
            date_style=None if order is None else DateStyle(order, record["zone"]),
        )


WORDS: Final = {
    "number": "numbers",
    "truth": "truth values",
    "date": "dates",
    "text": "text",
    "category": "categories",
}


def present_labels(column: Column, clean: bool) -> list[str | None]:
    """The cells as names of categories, None where one is missing.

    >>> present_labels(Column("city", "text", ["Rome", "?", None]), clean=True)
    ['Rome', None, None]
    """
    labels = column.labels()
    if column.kind == "written" or (clean and column.kind == "text"):
        return [
            None if label is None or is_missing(label, MISSING_LABELS) else label
            for label in labels
        ]
    return labels


def check_numbers(column: Column, grid: Grid, style: NumberStyle | None) -> None:
    """Refuse numbers that a float cannot hold, and those of which nobody knows the unit.

    Raises:
        DataError: for such numbers.

    >>> column = Column("tax", "number", np.array([5.0]))
    >>> grid = Grid("the frame", ("tax",), {"tax": column}, 1, str)
    >>> check_numbers(column, grid, NumberStyle(".", "%"))
    Traceback (most recent call last):
        ...
    tinygrad_mlp.errors.DataError: the frame: column 'tax' holds numbers now, but text ...
    """
    if column.inexact:
        raise DataError(
            f"{grid.where}: column {column.name!r} holds whole numbers that are no floats "
            f"({column.inexact})"
        )
    if column.kind == "number" and style is not None and style.unit == "%":
        raise DataError(
            f"{grid.where}: column {column.name!r} holds numbers now, but text in percent was "
            "learned from: 5 may be 5 % or 500 %; write it as text, '5 %'"
        )


def _rows(grid: Grid, places: NDArray[Any]) -> str:
    return listing([grid.row_name(int(i)) for i in places])
