"""How the target column becomes labels or numbers; as JSON too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tinygrad_mlp._schema import ListOf, OrNone, Record, Text
from tinygrad_mlp.data._column_plan import check_numbers
from tinygrad_mlp.data._columns import MISSING_LABELS, class_of, is_missing
from tinygrad_mlp.data._csv_file import parse_number
from tinygrad_mlp.data._grid import Column, Grid
from tinygrad_mlp.data._written import UNITS, NumberStyle
from tinygrad_mlp.errors import DataError

__all__ = ["TARGET", "TargetPlan"]

TARGET: Final = Record(
    {
        "column": Text(),
        "classes": ListOf(Text()),
        "decimal": OrNone(Text(choices=[".", ","])),
        "unit": Text(choices=UNITS),
    }
)
"""What ``TargetPlan.to_dict`` makes."""


@dataclass(frozen=True)
class TargetPlan:
    """How the target column becomes labels or numbers.

    Attributes:
        column: its name.
        classes: the classes in order; empty for a number.
        number_style: how its numbers are written in a column of text.

    >>> TargetPlan("price", number_style=NumberStyle(".", "$")).answer_in("$1,200")
    1200.0
    >>> TargetPlan("kind", ("cat", "dog")).answer_in("cat")
    'cat'
    """

    column: str
    classes: tuple[str, ...] = ()
    number_style: NumberStyle | None = None

    def answers(self, column: Column, grid: Grid) -> list[str | float | None]:
        """The class or the number of each cell, as ``answer_in``; numbers stay what they are.

        Raises:
            DataError: if the column cannot be used.

        >>> column = Column("price", "number", np.array([1.234, np.nan]))
        >>> plan = TargetPlan("price", number_style=NumberStyle(","))
        >>> plan.answers(column, Grid("the frame", ("price",), {"price": column}, 2, str))
        [1.234, None]
        """
        if column.kind == "faulty":
            raise DataError(f"{grid.where}: column {column.name!r} {column.fault}")
        if column.kind == "number" and not self.classes:
            check_numbers(column, grid, self.number_style)
            numbers = np.asarray(column.cells, dtype=np.float64)
            return [None if number != number else number for number in numbers.tolist()]
        return [None if label is None else self.answer_in(label) for label in column.labels()]

    def answer_in(self, cell: str) -> str | float | None:
        """The class or the number of a cell of text; None where it is missing, or no number.

        A text that is none of the classes stays as it is.
        """
        if self.classes:
            if is_missing(cell, MISSING_LABELS) and cell not in self.classes:
                return None
            return class_of(cell, self.classes) or cell
        return (
            parse_number(cell) if self.number_style is None else self.number_style.number_in(cell)
        )

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON has it."""
        style = self.number_style
        return {
            "column": self.column,
            "classes": list(self.classes),
            "decimal": None if style is None else style.decimal,
            "unit": "" if style is None else style.unit,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> TargetPlan:
        """The plan that ``to_dict`` gave."""
        decimal = record["decimal"]
        style = None if decimal is None else NumberStyle(decimal, record["unit"])
        return cls(record["column"], tuple(record["classes"]), style)
