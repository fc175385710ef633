"""``explain``: what each column adds to a prediction, by the names that people gave the columns.

The model is asked for mixtures of a row and of background rows, made in the columns that it is
given. So a pipeline is explained by its columns of text and categories, and not by what an encoder
makes of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp._text import described, shortened, visible
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from tinygrad_mlp.estimators._mixed_tables import (
    as_table,
    check_types,
    mixed_rows,
    object_cells,
    spread,
    stacked,
    taken,
)
from tinygrad_mlp.interpret._shapley import MOST_FEATURES, coalitions, values_of_means

__all__ = ["Explanation", "explain"]

Floats: TypeAlias = NDArray[np.float64]

ROWS_AT_ONCE: Final = 65536
MOST_SHOWN: Final = 5
LONGEST: Final = 24


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each column adds to the mean prediction of the background, for each row.

    Attributes:
        values: the Shapley values, (n_rows, n_columns).
        base_values: the mean prediction of the background, (n_rows,).
        scores: the prediction of each row, (n_rows,); base value plus values.
        columns: the names of the columns.
        data: the cells, (n_rows, n_columns).
        asked: what the prediction is, a text for each row.

    >>> from tinygrad_mlp.estimators import MLPRegressor
    >>> model = MLPRegressor(hidden_layer_sizes=[], solver="lbfgs", alpha=0.0, tol=1e-12)
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> print(explain(model.fit(X, [0.0, 2.0, 3.0, 5.0]), X[3:], background=X))
    row 0: the prediction is 5, the mean 2.5
    ...+1.5  x1 = 1
    ...+1  x0 = 1
    """

    values: Floats
    base_values: Floats
    scores: Floats
    columns: list[str]
    data: NDArray[Any]
    asked: list[str]

    def __repr__(self) -> str:
        n_rows, n_columns = self.values.shape
        return f"Explanation({n_rows} rows, {n_columns} columns)"

    def __str__(self) -> str:
        lines = []
        for row in range(min(len(self.values), MOST_SHOWN)):
            lines.append(f"row {row}: {self._sentence(row)}")
            lines += [f"{value:>10}  {name} = {cell}" for name, cell, value in self._cells(row)]
        more = len(self.values) - MOST_SHOWN
        return "\n".join([*lines, *([f"... and {more} more rows"] if more > 0 else [])])

    def _repr_html_(self) -> str:
        parts = []
        for row in range(min(len(self.values), MOST_SHOWN)):
            cells = "".join(
                f"<tr><td>{escape(name)}</td><td>{escape(cell)}</td><td>{value}</td></tr>"
                for name, cell, value in self._cells(row)
            )
            parts.append(
                f"<table><caption>row {row}: {escape(self._sentence(row))}</caption>"
                f"<tr><th>column</th><th>value</th><th>adds</th></tr>{cells}</table>"
            )
        more = len(self.values) - MOST_SHOWN
        return "".join([*parts, *([f"<p>... and {more} more rows</p>"] if more > 0 else [])])

    def _sentence(self, row: int) -> str:
        return (
            f"{visible(self.asked[row])} is {self.scores[row]:.4g}, "
            f"the mean {self.base_values[row]:.4g}"
        )

    def _cells(self, row: int) -> list[tuple[str, str, str]]:
        """Name, cell and value of each column, the largest value first."""
        order = np.argsort(-np.abs(self.values[row]), kind="stable").tolist()
        return [
            (
                visible(shortened(self.columns[j], LONGEST)),
                visible(shortened(_cell(self.data[row, j]), LONGEST)),
                f"{self.values[row, j]:+.4g}",
            )
            for j in order
        ]


def explain(model: Any, X: Any, *, background: Any = None, target: Any = None) -> Explanation:
    """Exact Shapley values of a prediction, by the columns of X.

    phi_i = sum over S without i of |S|! (d - |S| - 1)! / d! (v(S with i) - v(S)): v(S) is the mean
    prediction for the rows of the background in which the columns of S are those of the row. The
    values of a row add up to its prediction minus the mean prediction of the background.

    Args:
        model: a fitted classifier or regressor of scikit-learn or of this package, or a pipeline
            that ends in one; a classifier with ``predict_proba``.
        X: the rows, an array or a pandas or polars frame, (n_rows, n_columns); 12 columns at most.
        background: rows that stand for "not known", of the same kind, such as 100 rows of the
            training data; None takes those of X, of more than 100 as many, evenly spread.
        target: the class whose probability is meant, None for the one that is predicted for each
            row; of several outputs or labels the number of one.

    Raises:
        InvalidArgumentError: for more than 12 columns, no row, or one row without a background,
            whose values would all be 0; for a target that is not there; for a model that has no
            probabilities, or predicts nothing.
        ShapeError: if X is no table, or the background has other columns, or other types in them.

    Source: Lundberg and Lee, "A unified approach to interpreting model predictions", 2017.

    >>> from tinygrad_mlp.estimators import MLPClassifier
    >>> X = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> model = MLPClassifier([4], solver="lbfgs", random_state=0).fit(X, ["a", "a", "b", "b"])
    >>> found = explain(model, X, target="b")
    >>> found.asked[0], (found.values[:, 1] == 0).all()  # the second column is always 5
    ("the probability of 'b'", np.True_)
    """
    _check_model(model)
    rows = as_table(X, "X")
    columns = _names(model, rows)
    if len(columns) > MOST_FEATURES:
        raise InvalidArgumentError(
            f"X has {len(columns)} columns, and exact Shapley values need all 2^{len(columns)} "
            f"sets of them; they are for at most {MOST_FEATURES} columns. Train with fewer columns"
        )
    if len(set(columns)) < len(columns):
        raise InvalidArgumentError(
            f"X has two columns of one name: {shortened(', '.join(columns), 200)}; "
            "rename one of them"
        )
    if background is None and len(rows) == 1:
        raise InvalidArgumentError(
            "X has one row, and beside itself each column of it adds 0; give rows to compare it "
            "with: explain(X, background=X_train[:100])"
        )
    others = spread(rows) if background is None else as_table(background, "background")
    if type(others) is not type(rows) or _names(model, others) != columns:
        raise ShapeError(
            f"the background is {described(background)}, but it needs the columns of X, in a table "
            f"of the same kind: {type(rows).__name__} with {', '.join(columns)}"
        )
    check_types(rows, others, columns)
    numbers, asked = _asked(model, rows, target)
    is_known = coalitions(len(columns))
    data = object_cells(rows)
    base_values, scores = np.empty((2, len(data)))
    found = Explanation(np.empty(data.shape), base_values, scores, columns, data, asked)
    for row, number in enumerate(numbers):
        both = stacked(others, taken(rows, np.array([row])))
        means = _means(model, both, is_known, number)
        found.values[row] = values_of_means(means, len(columns))
        found.base_values[row], found.scores[row] = means[0], means[-1]
    return found


def _check_model(model: Any) -> None:
    if hasattr(model, "classes_") and not hasattr(model, "predict_proba"):
        raise InvalidArgumentError(
            f"{described(model)} has no predict_proba, and of a classifier the probabilities are "
            "explained; take one that gives them, such as MLPClassifier"
        )
    if not hasattr(model, "predict"):
        raise InvalidArgumentError(
            f"the model is {described(model)}, but a fitted classifier, regressor or pipeline is "
            "needed: explain(classifier, X)"
        )


def _cell(content: Any) -> str:
    return f"{content:.4g}" if isinstance(content, float | np.floating) else str(content)


def _means(model: Any, both: Any, is_known: NDArray[np.bool_], number: int) -> Floats:
    """v(S) for each set of columns; the row that is explained is the last one of ``both``."""
    n_others = len(both) - 1
    step = max(ROWS_AT_ONCE // n_others, 1)
    means = []
    for begin in range(0, len(is_known), step):
        some = is_known[begin : begin + step]
        places = np.where(some[:, None, :], n_others, np.arange(n_others)[:, None])
        mixed = mixed_rows(both, places.reshape(-1, is_known.shape[1]))
        means.append(_outputs(model, mixed)[:, number].reshape(-1, n_others).mean(axis=1))
    return np.concatenate(means)


def _outputs(model: Any, table: Any) -> Floats:
    """Probabilities of a classifier, (n_rows, n_classes), or what a regressor predicts.

    Where a classifier of scikit-learn gives a list, those of 0 and 1 for each label, that of 1.
    """
    ask = model.predict_proba if hasattr(model, "classes_") else model.predict
    outputs = ask(table)
    if isinstance(outputs, list):
        if {np.shape(of_label)[1] for of_label in outputs} != {2}:
            raise InvalidArgumentError(
                f"{described(model)} gives probabilities for several outputs, and not all of them "
                "have two classes; explain a model of one output"
            )
        outputs = np.stack([of_label[:, 1] for of_label in outputs], axis=1)
    numbers = np.asarray(outputs, np.float64)
    return numbers.reshape(len(numbers), -1)


def _asked(model: Any, rows: Any, target: Any) -> tuple[list[int], list[str]]:
    """For each row the number of the output that is meant, and what it is called."""
    outputs = _outputs(model, rows)
    n_rows, n_outputs = outputs.shape
    has_one_class = hasattr(model, "classes_") and np.ndim(model.predict(rows)) == 1
    if has_one_class:
        classes = list(model.classes_.tolist())
        if target is None:
            numbers = outputs.argmax(axis=1).tolist()
        elif np.ndim(target) == 0 and target in classes:
            numbers = [classes.index(target)] * n_rows
        else:
            raise InvalidArgumentError(
                f"the target is {described(target)}, but the classes are "
                f"{shortened(str(classes), 200)}; give one of them: target={classes[0]!r}"
            )
        return numbers, [f"the probability of {classes[number]!r}" for number in numbers]
    if target is None and n_outputs == 1:
        return [0] * n_rows, ["the prediction"] * n_rows
    is_number = isinstance(target, int | np.integer) and not isinstance(target, bool)
    if not is_number or not 0 <= target < n_outputs:
        raise InvalidArgumentError(
            f"the target is {described(target)}, but the model has {n_outputs} outputs; give the "
            "number of one, from 0: target=0"
        )
    return [int(target)] * n_rows, [f"output {target}"] * n_rows


def _names(model: Any, table: Any) -> list[str]:
    if isinstance(table, np.ndarray):
        known = getattr(model, "feature_names_in_", None)
        return [f"x{j}" for j in range(table.shape[1])] if known is None else list(map(str, known))
    return list(map(str, table.columns))
