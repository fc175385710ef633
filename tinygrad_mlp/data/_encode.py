"""Frames of pandas and polars become arrays: what people call ``encode``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._arguments import check_flag
from tinygrad_mlp._text import visible
from tinygrad_mlp._words import our_words
from tinygrad_mlp.data._arrays import Floats, Integers, counted
from tinygrad_mlp.data._column_plan import Plan
from tinygrad_mlp.data._encoding import Encoding
from tinygrad_mlp.data._frame_columns import columns_of_frame
from tinygrad_mlp.data._grid import Grid
from tinygrad_mlp.data._judging import FeatureJudge, LeftOut
from tinygrad_mlp.data._problems import Problems
from tinygrad_mlp.data._table import TASKS
from tinygrad_mlp.data._target_judging import TargetJudge
from tinygrad_mlp.errors import DataError, InvalidArgumentError, UnknownNameError

__all__ = ["EncodedFrame", "encode", "encode_grid"]


@dataclass(frozen=True, eq=False)
class EncodedFrame:
    """A frame as arrays, and how new rows of it become arrays in the same way.

    Attributes:
        X: the features, float64, shape (n_samples, n_features).
        y: shape (n_samples,); labels 0 ... n_classes - 1 (int64) in a classification, numbers
            (float64) in a regression; None without a target.
        target_names: the name of each class, sorted (by value, if all are numbers); empty in a
            regression.
        task: "classification", "regression", or "" without a target.
        rows: the position in the frame of each sample: rows without a target are left out.
        notes: what was done to the columns, and which were left out, one text for each.
        encoding: what was learned of the columns; ``encoding.to_dict()`` goes into
            ``save_weights(extra=...)``.
        unfilled: X with nan where a number is missing, for ``encoding.with_medians_of`` the rows of
            a training part alone.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"wet": [True, False, True], "kind": ["a", "b", "a"]})
    >>> encoded = encode(frame, target="kind")
    >>> encoded
    EncodedFrame(3 samples, 1 feature of 1 column, classification of 2 classes of 'kind')
    >>> encoded.feature_names, encoded.n_features, encoded.target_names
    (('wet',), 1, ('a', 'b'))
    >>> encoded.transform(frame[2:]), encoded.transform_target(frame[:2])
    (array([[1.]]), array([0, 1]))
    """

    X: Floats
    y: NDArray[Any] | None
    target_names: tuple[str, ...]
    task: str
    rows: Integers
    notes: tuple[str, ...]
    encoding: Encoding
    unfilled: Floats = field(repr=False)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of each column of X, such as "age", "city=Rome" and "age missing"."""
        return self.encoding.feature_names

    @property
    def n_features(self) -> int:
        """The width of X: a model begins with ``MLP(encoded.n_features, ...)``."""
        return self.encoding.n_features

    def transform(self, frame: Any) -> Floats:
        """The features of new rows, as ``Encoding.transform``."""
        return self.encoding.transform(frame)

    def transform_target(self, frame: Any) -> NDArray[Any]:
        """The labels or numbers of new rows, as ``Encoding.transform_target``."""
        return self.encoding.transform_target(frame)

    def __repr__(self) -> str:
        samples, features = counted(len(self.X), "sample"), counted(self.n_features, "feature")
        columns = counted(len(self.encoding.plans), "column")
        learned = ""
        if self.encoding.target is not None:
            classes = f" of {len(self.target_names)} classes" if self.target_names else ""
            learned = f", {self.task}{classes} of {visible(repr(self.encoding.target.column))}"
        return f"EncodedFrame({samples}, {features} of {columns}{learned})"


@our_words
def encode(
    frame: Any,
    *,
    target: str | None = None,
    task: str = "auto",
    drop: str | Sequence[str] = (),
    numbers: str | Sequence[str] = (),
    categories: str | Sequence[str] = (),
    clean: bool = False,
) -> EncodedFrame:
    """Turn a frame of pandas or polars into arrays; the same table gives the same from both.

    - Numbers, integers and durations (in days) are one feature.
    - Truth values are 0 and 1.
    - Dates are days since 1970-01-01, cut to microseconds; those with a time zone count in UTC, and
      new rows need one.
    - Text of up to 20 different values, and what has a categorical type, is a feature of 0 and 1
      for each value that occurs, sorted.
    - Missing is null, None, NA, NaT and nan alike.
    - Refused: missing cells, also "" and "?" in text; inf; text that holds numbers or dates alone
      (say which it is: ``numbers`` or ``categories``); whole numbers above 2^53 that are no floats;
      columns of one value or none; and everything else, such as lists. All of it is told at once.

    With clean=True the table is mended, and ``notes`` say how:

    - Text is read as people write it: $1,200, 12 % (0.12), 5,1 where a comma cannot stand between
      thousands, dates as 2024-12-31, 31.12.2024 or 12/31/2024, true and false. "", "?", "n/a", "na"
      and "nan" are missing cells; "-", "none" and "null" are missing numbers and dates.
    - A missing number is the median, a missing category 0 for each of them, and a feature tells
      that it was missing. Rows without a target are left out.
    - Left out are columns of one value or none, text of more than 20 values or with another in
      every row, whole numbers that are no floats, that are called id or the like and differ in
      every row, or that count on by 1 over 20 rows or more, gaps aside; ``numbers`` keeps a column,
      such as the year of a row.

    Args:
        frame: the table, at least one row.
        target: the column to be predicted; None if there is none.
        task: "auto", "classification" or "regression"; auto decides as ``read_table``.
        drop: columns to leave out.
        numbers: columns of text that are read as numbers, and numbers that are no identifiers.
        categories: columns whose cells, numbers too, name categories.
        clean: whether to mend the table.

    Returns:
        The EncodedFrame; its ``transform`` does the same to new rows.

    Raises:
        DataError: if the table cannot be used.
        UnknownNameError: if there is no such column or task.
        InvalidArgumentError: if the target is to be dropped.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"age": [41, 29, 35], "city": ["Rome", "Paris", "Rome"]})
    >>> encoded = encode(frame)
    >>> encoded, encoded.feature_names
    (EncodedFrame(3 samples, 3 features of 2 columns), ('age', 'city=Paris', 'city=Rome'))
    >>> encoded.transform(pl.DataFrame({"city": ["Paris"], "age": [50]}))
    array([[50.,  1.,  0.]])
    """
    grid = columns_of_frame(frame)
    return encode_grid(
        grid,
        target=target,
        task=task,
        drop=_names(drop),
        numbers=_names(numbers),
        categories=_names(categories),
        clean=check_flag(clean, "clean", "data.encode"),
    )


def encode_grid(
    grid: Grid,
    *,
    target: str | None = None,
    task: str = "auto",
    drop: Sequence[str] = (),
    numbers: Sequence[str] = (),
    categories: Sequence[str] = (),
    clean: bool = False,
    problems: Problems | None = None,
) -> EncodedFrame:
    """As ``encode``, of the columns of a frame or of a CSV file, whose problems so far are given.

    >>> import numpy as np
    >>> from tinygrad_mlp.data._grid import Column
    >>> size = Column("size", "number", np.array([1.0, 2.0, 4.0]))
    >>> encode_grid(Grid("the frame", ("size",), {"size": size}, 3, str)).X.ravel()
    array([1., 2., 4.])
    """
    if task not in TASKS:
        raise UnknownNameError.of("task", task, TASKS)
    problems = problems or Problems(grid.where)
    _check_names(grid, problems, target, drop, numbers, categories)
    y: NDArray[Any] | None = None
    plan_of_target, rows, notes = None, np.arange(grid.n_rows), list[str]()
    with problems.collected():
        if target is not None and target in grid.columns:
            of_target = TargetJudge(grid, clean, numbers, categories)
            plan_of_target, y, rows, notes = of_target.target(target, task)
    if len(rows) < grid.n_rows:
        grid = grid.only(rows)
    judge = FeatureJudge(grid, clean, numbers, categories)
    plans, left_out = list[Plan](), list[tuple[str, str]]()
    for name in grid.names:
        if name == target or name in drop:
            continue
        with problems.collected():
            plan, about = judge.plan(name)
            if isinstance(plan, LeftOut):
                left_out.append((name, plan.reason))
                notes.append(f"{name!r} {plan.reason}: left out")
            else:
                plans.append(plan)
                notes += [f"{name!r}: {text}" for text in about]
    problems.raise_them()
    if not plans:
        raise DataError(
            f"{grid.where} has no column besides {_listed(target, left_out)} to learn from"
        )
    encoding = Encoding(tuple(plans), plan_of_target, tuple(left_out), clean)
    encoding.check()
    X = encoding.encoded(grid)
    classes = () if plan_of_target is None else plan_of_target.classes
    learned = "classification" if classes else "regression"
    return EncodedFrame(
        X=encoding.filled(X),
        unfilled=X,
        y=y,
        target_names=classes,
        task="" if y is None else learned,
        rows=rows,
        notes=tuple(notes),
        encoding=encoding,
    )


def _listed(target: str | None, left_out: Sequence[tuple[str, str]]) -> str:
    names = [] if target is None else [f"the target {target!r}"]
    names += [f"{name!r}, which {reason}" for name, reason in left_out]
    return " and ".join(names) or "those dropped"


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _check_names(
    grid: Grid,
    problems: Problems,
    target: str | None,
    drop: Sequence[str],
    numbers: Sequence[str],
    categories: Sequence[str],
) -> None:
    """Collect what is wrong with the names of columns among the arguments."""
    roles = {"dropped": drop, "number": numbers, "category": categories}
    roles["target"] = () if target is None else (target,)
    for role, names in roles.items():
        for name in names:
            with problems.collected():
                grid.column(name, f"{role} ")
    if target in drop:
        raise InvalidArgumentError(
            f"{target!r} is the target, so it cannot be dropped; leave it out of drop={list(drop)}"
        )
    both = sorted({*numbers} & {*categories})
    if both:
        raise InvalidArgumentError(
            f"{both[0]!r} is named in numbers= and in categories=; it can be one of them"
        )
