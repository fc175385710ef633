"""What was learned of the columns of a table: how new rows of it become numbers, too.

An encoding is data, a list of plans of which each makes features of one column. It goes through
JSON, so that it can be kept beside the weights of a network.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._schema import ListOf, OrNone, Record, Text, Truth
from tinygrad_mlp.data._arrays import Floats, counted
from tinygrad_mlp.data._column_plan import PLAN, Plan
from tinygrad_mlp.data._columns import in_quotes
from tinygrad_mlp.data._csv_file import listing
from tinygrad_mlp.data._frame_columns import columns_of_frame
from tinygrad_mlp.data._grid import Grid
from tinygrad_mlp.data._problems import Problems
from tinygrad_mlp.data._target_plan import TARGET, TargetPlan
from tinygrad_mlp.errors import DataError

__all__ = ["Encoding"]
ENCODING: Final = Record(
    {
        "kind": Text(choices=["tinygrad_mlp encoding, version 1"]),
        "clean": Truth(),
        "plans": ListOf(PLAN, least=1),
        "target": OrNone(TARGET),
        "left_out": ListOf(Record({"column": Text(), "reason": Text()})),
    }
)
"""What ``Encoding.to_dict`` makes."""


@dataclass(frozen=True)
class Encoding:
    """How the rows of a table become numbers: learned from some, applied to others.

    Attributes:
        plans: what is done with each column.
        target: what is done with the column to be predicted; None if there is none.
        left_out: the columns that were left out, each with the reason.
        clean: whether missing and unknown cells are mended; else they are errors.

    >>> encoding = Encoding((Plan("size", "number"), Plan("city", "category", ("Paris", "Rome"))))
    >>> encoding.feature_names, encoding.n_features
    (('size', 'city=Paris', 'city=Rome'), 3)
    >>> Encoding.from_dict(encoding.to_dict()) == encoding
    True
    """

    plans: tuple[Plan, ...]
    target: TargetPlan | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    clean: bool = False

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of each feature."""
        return tuple(name for plan in self.plans for name in plan.features)

    @property
    def n_features(self) -> int:
        """How many features there are: the width of the input of a model."""
        return len(self.feature_names)

    def transform(self, frame: Any) -> Floats:
        """The features of new rows, shape (n_rows, n_features).

        Other columns than those learned from are passed over. Numbers stay what they are, in
        whatever way those learned from were written. A missing cell, and a category that
        was not there, are errors; after ``clean=True`` the median is taken, or 0 for every
        category, with a warning where the rows learned from had no such cell.

        Args:
            frame: a frame of pandas or polars.

        Raises:
            DataError: if a column is missing, or a cell does not fit; for numbers in place of text
                in percent.

        >>> encoding = Encoding((Plan("size", "number"),))
        >>> encoding.transform({"size": [1.0]})
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.DataError: a frame of pandas or polars is needed, not ...
        """
        return self.filled(self.encoded(columns_of_frame(frame)))

    def transform_target(self, frame: Any) -> NDArray[Any]:
        """The labels (int64) or numbers (float64) of new rows, shape (n_rows,).

        Args:
            frame: a frame of pandas or polars that has the target column.

        Raises:
            DataError: if there was no target, or a cell holds no class or number that fits.

        >>> Encoding((Plan("size", "number"),)).transform_target(None)
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.DataError: no target was learned; name it: data.encode(frame, ...
        """
        if self.target is None:
            raise DataError(
                "no target was learned; name it: data.encode(frame, target='the column')"
            )
        grid = columns_of_frame(frame)
        column = grid.column(self.target.column, "target ")
        column = column.mended() if self.clean else column
        answers, labels = self.target.answers(column, grid), column.labels()
        place = {name: number for number, name in enumerate(self.target.classes)}
        bad = [i for i, a in enumerate(answers) if a is None or (place and a not in place)]
        if bad:
            cells = [f"{grid.row_name(i)}: {_shown(labels[i])}" for i in bad]
            needed = f"one of {listing(list(map(repr, place)))}" if place else "a number"
            raise DataError(
                f"{grid.where}: the target column {column.name!r} holds in {listing(cells)}, but "
                f"{needed} is needed"
            )
        if place:
            return np.array([place[str(answer)] for answer in answers], dtype=np.int64)
        return np.array(answers, dtype=np.float64)

    def encoded(self, grid: Grid) -> Floats:
        """The features of the rows of a grid, nan where a number is missing."""
        problems = Problems(grid.where)
        parts: list[Floats] = []
        missing = [repr(plan.column) for plan in self.plans if plan.column not in grid.columns]
        if missing:
            with problems.collected():
                raise DataError(
                    f"{grid.where}: {counted(len(missing), 'column')} that it was learned from "
                    f"{'is' if len(missing) == 1 else 'are'} missing: {listing(missing)}; its "
                    f"columns: {listing(list(map(repr, grid.names)))}"
                )
        for plan in self.plans:
            if plan.column not in grid.columns:
                continue
            with problems.collected():
                column = grid.columns[plan.column]
                column = column.mended() if self.clean else column
                if column.kind == "faulty":
                    raise DataError(f"{grid.where}: column {column.name!r} {column.fault}")
                parts.append(plan.encoded(column, grid, clean=self.clean))
        problems.raise_them()
        return np.column_stack(parts)

    def filled(self, X: Floats) -> Floats:
        """The features with the medians in place of nan."""
        medians: list[float] = []
        for plan in self.plans:
            middle = [] if plan.kind == "category" else [plan.median]
            rest = len(plan.features) - len(middle)
            medians += [0.0 if m is None else m for m in middle] + [0.0] * rest
        return np.where(np.isnan(X), np.array(medians), X)

    def with_medians_of(self, X: Floats) -> Encoding:
        """The encoding with the medians of these rows, such as those that are learned from.

        A column without a number in any of them keeps the median that it has.

        >>> encoding = Encoding((Plan("size", "number", median=9.0),), clean=True)
        >>> encoding.with_medians_of(np.array([[1.0], [np.nan], [3.0]])).plans[0].median
        2.0
        """
        plans, start = [], 0
        for plan in self.plans:
            numbers = X[:, start][~np.isnan(X[:, start])]
            median = plan.median
            if median is not None and numbers.size:
                median = float(np.median(numbers))
            plans.append(replace(plan, median=median))
            start += len(plan.features)
        return replace(self, plans=tuple(plans))

    def to_dict(self) -> dict[str, Any]:
        """The encoding as JSON has it, for ``save_weights(extra=...)``."""
        return {
            "kind": "tinygrad_mlp encoding, version 1",
            "clean": self.clean,
            "plans": [plan.to_dict() for plan in self.plans],
            "target": None if self.target is None else self.target.to_dict(),
            "left_out": [{"column": name, "reason": reason} for name, reason in self.left_out],
        }

    @classmethod
    def from_dict(cls, record: Any, where: str = "encoding") -> Encoding:
        """The encoding that ``to_dict`` gave.

        Args:
            record: what it gave, also after a way through JSON.
            where: what messages call it.

        Raises:
            DataError: if it is anything else.
        """
        ENCODING.check(record, where)
        plans = tuple(Plan.from_dict(plan) for plan in record["plans"])
        found = record["target"]
        target = None if found is None else TargetPlan.from_dict(found)
        left_out = tuple((each["column"], each["reason"]) for each in record["left_out"])
        encoding = cls(plans, target, left_out, record["clean"])
        encoding.check()
        return encoding

    def check(self) -> None:
        """Raise DataError if two features have one name, or a plan contradicts itself.

        >>> Encoding((Plan("x", "number"), Plan("x", "number"))).check()
        Traceback (most recent call last):
            ...
        tinygrad_mlp.errors.DataError: two features would be called 'x'; rename one of the columns
        """
        twice = sorted(name for name, times in Counter(self.feature_names).items() if times > 1)
        if twice:
            raise DataError(
                f"two features would be called {listing(list(map(repr, twice)))}; rename one of "
                "the columns"
            )
        for plan in self.plans:
            if bool(plan.categories) != (plan.kind == "category"):
                raise DataError(f"the plan of column {plan.column!r} has the wrong categories")
            if self.clean and plan.kind != "category" and plan.median is None:
                raise DataError(f"the plan of column {plan.column!r} has no median")


def _shown(label: str | None) -> str:
    return "nothing" if label is None else in_quotes(label)
