"""What a column is: numbers, truth values, dates or categories; what cannot be used, and why.

The same rules hold for a frame of pandas, one of polars and, cleaned, a CSV file: they see plain
Python objects.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data._arrays import Floats, Integers, counted
from tinygrad_mlp.data._columns import (
    MISSING_LABELS,
    MISSING_MARKS,
    classes_in_order,
    in_quotes,
    is_missing,
)
from tinygrad_mlp.data._csv_file import listing
from tinygrad_mlp.data._encoding import Plan, TargetPlan
from tinygrad_mlp.data._frame_columns import Column, Grid
from tinygrad_mlp.data._labels import MOST_CLASSES, are_classes
from tinygrad_mlp.data._spread import is_constant
from tinygrad_mlp.data._written import (
    DateStyle,
    NumberStyle,
    date_style,
    days_since_1970,
    number_style,
)
from tinygrad_mlp.errors import DataError

__all__ = ["MOST_CATEGORIES", "Judge", "LeftOut"]

MOST_CATEGORIES: Final = 20
"""A text of more different values than these is no list of categories."""

LEAST_RUNNING: Final = 20
"""So many rows at least make whole numbers that count on by one from row to row an identifier."""

IDENTIFIER: Final = re.compile(
    r"(?:.*[\W_])?(?:id|uuid|guid|key|idx|index|nr|no)|unnamed: 0", re.IGNORECASE
)
"""Names of columns that name their rows; so do those that end as customerId does."""


@dataclass(frozen=True)
class LeftOut:
    """A column that is not used, and why."""

    reason: str


@dataclass(frozen=True)
class Judge:
    """Decides what the columns of a table are.

    Attributes:
        grid: the table.
        clean: whether to mend what can be mended; else it is refused.
        numbers: columns whose text is read as numbers.
        categories: columns whose cells, numbers too, are names of categories.
    """

    grid: Grid
    clean: bool
    numbers: Sequence[str] = ()
    categories: Sequence[str] = ()

    def plan(self, name: str) -> tuple[Plan | LeftOut, list[str]]:
        """How a column becomes features, or why it is left out; and what is done to it, in words.

        Raises:
            DataError: if it can be neither.

        >>> column = Column("city", "text", ["Rome", "Paris", "Rome"])
        >>> grid = Grid("the frame", ("city",), {"city": column}, 3, str)
        >>> Judge(grid, clean=False).plan("city")[0].features
        ('city=Paris', 'city=Rome')
        """
        column = self._readable(self.grid.column(name))
        if column.kind == "empty":
            return self._left_out(column, "holds no value in any row")
        if name in self.categories or column.kind == "category":
            return self._category(column, chosen=True)
        if column.kind == "number" and column.inexact:
            return self._left_out(
                column,
                f"holds whole numbers above 2^53, of which not all are floats ({column.inexact})",
                "name it in categories=, or subtract an offset",
            )
        if column.kind == "written":
            return self._written(column)
        if column.kind == "text":
            if name in self.numbers:
                return self._written(column)
            self._refuse_hidden(column)
            return self._category(column)
        return self._quantity(column, Plan(name, column.kind), [])

    def target(self, name: str, task: str) -> tuple[TargetPlan, NDArray[Any], Integers, list[str]]:
        """The plan of the target, its labels or numbers, the rows that have one, notes.

        Raises:
            DataError: if it cannot be learned.
        """
        column = self._readable(self.grid.column(name, "target "))
        self._check_kind_of_target(column)
        style = self._style_of_target(column)
        labels = self._labels(column, MISSING_MARKS if style is not None else MISSING_LABELS)
        present, notes = self._rows_with_a_target(name, labels)
        texts = [str(labels[i]) for i in present]
        if len(set(texts)) == 1:
            self._refuse(
                name, f"holds {in_quotes(texts[0])} in every row, so there is nothing to learn"
            )
        numbers = self._numbers_of_target(column, texts, style)
        if numbers is not None and _is_quantity(numbers, task):
            if style is not None and style.described:
                notes.append(f"{name!r}: numbers {style.described}")
            if is_constant(numbers.reshape(-1, 1)).item():
                self._refuse(name, "is one number but for rounding: there is nothing to learn")
            return TargetPlan(name, number_style=style), numbers, present, notes
        if numbers is None and task == "regression":
            self._refuse(name, "holds no numbers, which a regression needs")
        distinct = len(set(texts))
        may_be_many = task == "classification" or column.kind == "category"
        if not may_be_many and distinct > MOST_CLASSES and 2 * distinct > len(texts):
            self._refuse(
                name,
                f"holds {distinct} different texts in {len(texts)} rows, too many to be "
                "classes; choose another target, or pass task='classification' if they are",
            )
        classes = tuple(classes_in_order(texts))
        place = {label: number for number, label in enumerate(classes)}
        y = np.array([place[text] for text in texts], dtype=np.int64)
        return TargetPlan(name, classes), y, present, notes

    def _check_kind_of_target(self, column: Column) -> None:
        if column.kind in ("empty", "date"):
            found = "no value in any row" if column.kind == "empty" else "dates"
            self._refuse(column.name, f"holds {found}, so it is no target; choose another target")
        if column.kind == "number" and column.inexact:
            found = f"whole numbers that are no floats ({column.inexact})"
            self._refuse(column.name, f"holds {found}; subtract an offset")
        if column.kind == "text" and column.name not in (*self.categories, *self.numbers):
            self._refuse_hidden(column)

    def _rows_with_a_target(
        self, name: str, labels: Sequence[str | None]
    ) -> tuple[Integers, list[str]]:
        """The positions of the rows that have a target, and a note of the others."""
        present = np.array([i for i, label in enumerate(labels) if label is not None], dtype=int)
        if len(present) == len(labels):
            return present, []
        gaps = listing([self._row(i) for i, label in enumerate(labels) if label is None])
        if not self.clean:
            self._refuse(
                name,
                f"is the target and is missing in {gaps}; remove these rows, or encode with "
                "clean=True, which leaves them out",
            )
        n_gaps = counted(len(labels) - len(present), "row")
        return present, [f"{n_gaps} without a {name!r} left out: {gaps}"]

    def _readable(self, column: Column) -> Column:
        """The column; a faulty one is refused.

        Numbers among texts are texts, where there is to be mended.
        """
        column = column.mended() if self.clean else column
        if column.kind == "faulty":
            self._refuse(column.name, column.fault)
        if column.kind == "text" and self.clean:
            column = replace(column, kind="written")
        if _is_empty(column):
            column = replace(column, kind="empty")
        return column

    def _refuse(self, name: str, reason: str) -> None:
        raise DataError(f"{self.grid.where}: column {name!r} {reason}")

    def _row(self, i: int) -> str:
        return self.grid.row_name(i)

    def _left_out(
        self, column: Column, reason: str, otherwise: str = ""
    ) -> tuple[LeftOut, list[str]]:
        """Left out, where there is to be mended; else refused with the remedy."""
        if self.clean:
            return LeftOut(reason), []
        otherwise = f", or {otherwise}" if otherwise else ""
        self._refuse(column.name, f"{reason}; leave it out, drop={[column.name]}{otherwise}")
        raise AssertionError  # not reached

    def _refuse_hidden(self, column: Column) -> None:
        """Text that holds numbers, dates or marks of missing cells: whoever has it knows which."""
        name = column.name
        cells = [(i, cell) for i, cell in enumerate(column.cells) if cell is not None]
        present = [(i, cell) for i, cell in cells if not is_missing(cell, MISSING_MARKS)]
        hidden = _hidden_in([cell for _, cell in present])
        if hidden:
            i, cell = present[0]
            are = f"numbers={[name]}" if hidden == "numbers" else f"frame[{name!r}] made dates"
            self._refuse(
                name,
                f"holds {hidden} as text ({self._row(i)}: {in_quotes(cell)}); say what they are: "
                f"{are}, or categories={[name]}",
            )
        marks = [
            f"{self._row(i)}: {in_quotes(c)}" for i, c in cells if is_missing(c, MISSING_LABELS)
        ]
        if marks:
            self._refuse(
                name,
                f"holds text that marks a missing cell ({listing(marks)}); make it null, or encode "
                "with clean=True",
            )

    def _labels(self, column: Column, marks: frozenset[str]) -> list[str | None]:
        labels = column.labels()
        if column.kind != "written":
            return labels
        return [None if label is None or is_missing(label, marks) else label for label in labels]

    def _category(
        self, column: Column, *, chosen: bool = False
    ) -> tuple[Plan | LeftOut, list[str]]:
        """A feature of 0 and 1 for each value."""
        labels = self._labels(column, MISSING_LABELS)
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
            column.name, "category", categories=tuple(categories), indicator=bool(missing.any())
        )
        shown = counted(len(categories), "category", "categories")
        note = f"{shown}, a feature of 0 and 1 for each"
        return plan, [note + self._about_missing(missing, "0 in each of them")]

    def _written(self, column: Column) -> tuple[Plan | LeftOut, list[str]]:
        """A column of text that may be numbers, dates or categories."""
        name, marks = column.name, MISSING_MARKS
        cells = [None if cell is None or is_missing(cell, marks) else cell for cell in column.cells]
        present = [cell for cell in cells if cell is not None]
        try:
            style, dates = number_style(present), None
            if style is None and name not in self.numbers:
                dates = date_style(present)
        except DataError as error:
            self._refuse(name, str(error))
            raise
        if style is not None:
            numbers = np.array([np.nan if c is None else style.number_in(c) for c in cells])
            marked = any("," in c for c in present) and style.decimal == "."
            note = "numbers with commas between thousands" if marked else ""
            note = ", ".join(part for part in (note, style.described) if part)
            whole = np.abs(numbers[~np.isnan(numbers)])
            if (whole > 2.0**53).any() and style == NumberStyle() and all(map(_is_whole, present)):
                return self._left_out(column, "holds whole numbers above 2^53, as identifiers are")
            column = Column(name, "number", numbers)
            return self._quantity(
                column, Plan(name, "number", number_style=style), [note] * bool(note)
            )
        if dates is not None:
            moments = [None if c is None else dates.moment_in(c) for c in cells]
            column = Column(name, "date", moments)
            return self._quantity(column, Plan(name, "date", date_style=dates), [])
        self._refuse_some_numbers(name, cells)
        return self._category(column)

    def _refuse_some_numbers(self, name: str, cells: Sequence[str | None]) -> None:
        """Of numbers and a few other texts, the others are mistakes, unless all are categories."""
        present = [(i, cell) for i, cell in enumerate(cells) if cell is not None]
        odd = [(i, cell) for i, cell in present if number_style([cell]) is None]
        texts = Counter(cell for _, cell in present)
        few = len(texts) <= MOST_CATEGORIES and 2 * len(texts) <= len(present)
        if name in self.numbers or (len(odd) < len(present) and not few):
            places = listing([f"{self._row(i)}: {in_quotes(cell)}" for i, cell in odd or present])
            n_odd = len(odd or present)
            self._refuse(
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
            zone = bool(getattr(next(c for c in column.cells if c is not None), "tzinfo", None))
            plan = replace(plan, date_style=DateStyle("year-month-day", zone))
        days = [np.nan if cell is None else days_since_1970(cell) for cell in column.cells]
        return np.array(days), plan

    def _identifier(self, column: Column, numbers: Floats) -> str:
        """Why numbers name their rows; nothing where they may mean something."""
        whole = not np.isnan(numbers).any() and bool((numbers == np.floor(numbers)).all())
        if not whole or len(set(numbers.tolist())) < len(numbers):
            return ""
        if IDENTIFIER.fullmatch(column.name) or re.search(r"[a-z]I[dD]$", column.name):
            return "holds another whole number in every row and is called so, so it names the rows"
        if len(numbers) >= LEAST_RUNNING and bool((np.diff(numbers) == 1.0).all()):
            return "counts on by 1 from row to row, so it names the rows"
        return ""

    def _refuse_missing(self, column: Column, missing: NDArray[np.bool_]) -> None:
        if missing.any() and not self.clean:
            gaps = listing([self._row(int(i)) for i in np.flatnonzero(missing)])
            self._refuse(
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

    def _style_of_target(self, column: Column) -> NumberStyle | None:
        if column.kind not in ("written", "text") or column.name in self.categories:
            return None
        present = [
            cell
            for cell in column.cells
            if cell is not None and not is_missing(cell, MISSING_MARKS)
        ]
        try:
            return number_style(present)
        except DataError as error:
            self._refuse(column.name, str(error))
            raise

    def _numbers_of_target(
        self, column: Column, texts: Sequence[str], style: NumberStyle | None
    ) -> Floats | None:
        """The numbers of the target, where it has numbers and they are not named categories."""
        if column.name in self.categories:
            return None
        if column.kind == "number":
            numbers = np.asarray(column.cells, dtype=np.float64)
            return numbers[~np.isnan(numbers)]
        if style is None or column.kind == "category":
            return None
        return np.array([style.number_in(text) for text in texts], dtype=np.float64)


def _is_empty(column: Column) -> bool:
    """Whether all cells are missing, also by a mark."""
    if column.kind == "number":
        return bool(np.isnan(np.asarray(column.cells, dtype=np.float64)).all())
    marks = MISSING_MARKS if column.kind == "written" else frozenset[str]()
    return all(cell is None or (marks and is_missing(cell, marks)) for cell in column.cells)


def _hidden_in(cells: Sequence[str]) -> str:
    """Whether all of these texts are "numbers" or "dates", in whatever style; else nothing."""
    for kind, style in (("numbers", number_style), ("dates", date_style)):
        try:
            if cells and style(cells) is not None:
                return kind
        except DataError:  # in several styles
            return kind
    return ""


def _is_quantity(numbers: Floats, task: str) -> bool:
    """Whether numbers of a target are a quantity, not labels."""
    if task != "auto":
        return task == "regression"
    sizes = np.array(list(Counter(numbers.tolist()).values()))
    return not (bool((numbers == np.floor(numbers)).all()) and are_classes(sizes))


def _is_whole(cell: str) -> bool:
    return re.fullmatch(r"[-+]?\d+", cell.strip()) is not None
