"""Whether the target column is classes or a number, and what it is in either case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data._arrays import Floats, Integers, counted
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
from tinygrad_mlp.data._labels import MOST_CLASSES, are_classes
from tinygrad_mlp.data._spread import is_constant
from tinygrad_mlp.data._target_plan import TargetPlan
from tinygrad_mlp.data._written import NumberStyle, first_inexact, number_style
from tinygrad_mlp.errors import DataError

__all__ = ["TargetJudge"]


class TargetJudge(Reader):
    """Decides what there is to learn.

    >>> from tinygrad_mlp.data._grid import Grid
    >>> column = Column("kind", "text", ["cat", "dog", "cat"])
    >>> grid = Grid("the frame", ("kind",), {"kind": column}, 3, str)
    >>> TargetJudge(grid, clean=False).target("kind", "auto")[1]
    array([0, 1, 0])
    """

    def target(self, name: str, task: str) -> tuple[TargetPlan, NDArray[Any], Integers, list[str]]:
        """The plan of the target, its labels or numbers, the rows that have one, notes.

        Raises:
            DataError: if it cannot be learned.
        """
        column = self.readable(self.grid.column(name, "target "))
        self._check_kind_of_target(column)
        style = self._style_of_target(column)
        labels = self.labels(column, MISSING_MARKS if style is not None else MISSING_LABELS)
        present, notes = self._rows_with_a_target(name, labels)
        texts = [str(labels[i]) for i in present]
        if len(set(texts)) == 1:
            self.refuse(
                name, f"holds {in_quotes(texts[0])} in every row, so there is nothing to learn"
            )
        numbers = self._numbers_of_target(column, texts, style)
        if numbers is not None and _is_quantity(numbers, task):
            inexact = None if style is None else first_inexact(texts, style)
            if inexact is not None:
                found = f"whole numbers that are no floats ({in_quotes(inexact)})"
                self.refuse(name, f"holds {found}; subtract an offset")
            note = "" if style is None else how_written(texts, style)
            notes += [f"{name!r}: {note}"] * bool(note)
            if is_constant(numbers.reshape(-1, 1)).item():
                self.refuse(name, "is one number but for rounding: there is nothing to learn")
            return TargetPlan(name, number_style=style), numbers, present, notes
        if numbers is None and task == "regression":
            self.refuse(name, "holds no numbers, which a regression needs")
        distinct = len(set(texts))
        may_be_many = task == "classification" or column.kind == "category"
        if not may_be_many and distinct > MOST_CLASSES and 2 * distinct > len(texts):
            self.refuse(
                name,
                f"holds {distinct} different texts in {len(texts)} rows, too many to be "
                "classes; choose another target, or pass task='classification' if they are",
            )
        classes = tuple(classes_in_order(texts))
        note = how_spelled(classes)
        notes += [f"{name!r}: {note}"] * bool(note)
        place = {label: number for number, label in enumerate(classes)}
        y = np.array([place[text] for text in texts], dtype=np.int64)
        return TargetPlan(name, classes), y, present, notes

    def _check_kind_of_target(self, column: Column) -> None:
        if column.kind == "empty" or (column.kind == "date" and column.name not in self.categories):
            found = "no value in any row" if column.kind == "empty" else "dates"
            self.refuse(column.name, f"holds {found}, so it is no target; choose another target")
        if column.kind == "number" and column.inexact:
            found = f"whole numbers that are no floats ({column.inexact})"
            self.refuse(column.name, f"holds {found}; subtract an offset")
        if column.kind == "text" and column.name not in (*self.categories, *self.numbers):
            self.refuse_hidden(column)

    def _rows_with_a_target(
        self, name: str, labels: Sequence[str | None]
    ) -> tuple[Integers, list[str]]:
        """The positions of the rows that have a target, and a note of the others."""
        present = np.array([i for i, label in enumerate(labels) if label is not None], dtype=int)
        if len(present) == len(labels):
            return present, []
        gaps = listing([self.row_name(i) for i, label in enumerate(labels) if label is None])
        if not self.clean:
            self.refuse(
                name,
                f"is the target and is missing in {gaps}; remove these rows, or encode with "
                "clean=True, which leaves them out",
            )
        n_gaps = counted(len(labels) - len(present), "row")
        return present, [f"{n_gaps} without a {name!r} left out: {gaps}"]

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
            self.refuse(column.name, str(error))

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


def _is_quantity(numbers: Floats, task: str) -> bool:
    """Whether numbers of a target are a quantity, not labels."""
    if task != "auto":
        return task == "regression"
    sizes = np.array(list(Counter(numbers.tolist()).values()))
    return not (bool((numbers == np.floor(numbers)).all()) and are_classes(sizes))
