"""``explain``: exact Shapley values by the columns that people have, beside those by definition."""

from __future__ import annotations

from itertools import permutations
from typing import Any, Final

import numpy as np
import pandas
import polars
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from tinygrad_mlp.estimators import Explanation, MLPClassifier, MLPRegressor, explain
from tinygrad_mlp.interpret import shapley_values

_rng = np.random.default_rng(4)
X: Final = _rng.normal(size=(40, 3))
KINDS: Final = np.array(["low", "middle", "high"])[np.digitize(X[:, 0] * X[:, 1], [-0.4, 0.4])]
COLUMNS: Final = {
    "age": [20.0, 30.0, 40.0, 50.0, 60.0, 70.0] * 4,
    "city": ["Rome", "Oslo", "Bern", "Oslo"] * 6,
    "size": ["S", "M", "L"] * 8,
}
BOUGHT: Final = (np.arange(24) % 4 < 2) | (np.array(COLUMNS["age"]) > 50)


def classifier(**settings: Any) -> MLPClassifier:
    return MLPClassifier([6], solver="lbfgs", random_state=0, max_iter=2000, **settings)


def pipeline(frame: Any) -> Any:
    encoder = OneHotEncoder(sparse_output=False)
    columns = make_column_transformer(
        (StandardScaler(), ["age"]), (encoder, ["city", "size"]), verbose_feature_names_out=False
    )
    return make_pipeline(columns, classifier()).fit(frame, BOUGHT)


def pandas_frame() -> Any:
    frame = pandas.DataFrame(COLUMNS)
    frame["size"] = frame["size"].astype("category")
    return frame


def polars_frame() -> Any:
    return polars.DataFrame(COLUMNS)


def by_permutations(ask: Any, row: list[Any], background: list[list[Any]]) -> NDArray[Any]:
    """The mean of what each column adds, over all orders in which the columns become known."""
    n = len(row)

    def mean(known: frozenset[int]) -> float:
        mixed = [[row[j] if j in known else other[j] for j in range(n)] for other in background]
        return float(np.mean(ask(mixed)))

    values = np.zeros(n)
    orders = list(permutations(range(n)))
    for order in orders:
        for place, j in enumerate(order):
            known = frozenset(order[:place])
            values[j] += (mean(known | {j}) - mean(known)) / len(orders)
    return values


@pytest.mark.parametrize("make", [pandas_frame, polars_frame])
def test_a_pipeline_is_explained_by_its_columns_of_text_and_categories(make: Any) -> None:
    frame = make()
    model = pipeline(frame)
    found = explain(model, frame[:2], background=frame[5:15], target=True)
    assert found.columns == ["age", "city", "size"]
    assert found.data.tolist() == [[20.0, "Rome", "S"], [30.0, "Oslo", "M"]]
    rows = list(map(list, zip(*COLUMNS.values())))

    def ask(mixed: list[list[Any]]) -> Any:
        return model.predict_proba(type(frame)(dict(zip(COLUMNS, zip(*mixed)))))[:, 1]

    for k in range(2):
        assert found.values[k] == pytest.approx(
            by_permutations(ask, rows[k], rows[5:15]), abs=1e-12
        )
    assert found.scores == pytest.approx(ask(rows[:2]), abs=1e-12)
    assert found.base_values == pytest.approx([np.mean(ask(rows[5:15]))] * 2, abs=1e-12)
    assert found.base_values + found.values.sum(axis=1) == pytest.approx(found.scores, abs=1e-12)
    assert np.abs(found.values[:, 1]).min() > 0.01, "the city counts"


def test_it_is_what_interpret_finds_of_the_same_function() -> None:
    model = classifier().fit(X, KINDS)
    network = model.to_mlp()
    expected = shapley_values(network.forward, X[:2], X[10:20], 1)
    found = explain(model, X[:2], background=X[10:20], target=model.classes_[1])
    assert found.values == pytest.approx(expected.values, abs=1e-12)


def test_by_default_it_is_the_class_that_is_predicted_beside_all_rows() -> None:
    model = classifier().fit(X, KINDS)
    found = model.explain(X)
    assert found.asked == [f"the probability of {label!r}" for label in model.predict(X).tolist()]
    assert found.scores == pytest.approx(model.predict_proba(X).max(axis=1), abs=1e-12)
    whole = model.explain(X[:3], background=X)
    assert (found.values[:3] == whole.values).all()


def test_of_many_rows_the_background_is_a_hundred_evenly_spread() -> None:
    many = np.repeat(np.linspace(0.0, 1.0, 201) ** 2, 2).reshape(201, 2)
    model = MLPRegressor(hidden_layer_sizes=[], solver="lbfgs", random_state=0)
    model.fit(many, many[:, 0])
    places = np.linspace(0, 200, 100).round().astype(int)
    assert len(set(places)) == 100
    found = model.explain(many)
    assert found.base_values[0] == pytest.approx(model.predict(many[places]).mean(), rel=1e-12)
    assert found.asked == ["the prediction"] * 201


def test_of_several_outputs_or_labels_one_is_named() -> None:
    model = MLPRegressor(hidden_layer_sizes=[4], solver="lbfgs", random_state=0, max_iter=2000)
    model.fit(X, X[:, :2])
    found = model.explain(X[:2], background=X, target=1)
    assert found.scores == pytest.approx(model.predict(X[:2])[:, 1], abs=1e-12)
    assert found.asked == ["output 1"] * 2
    labels = classifier().fit(X, X > 0)
    assert labels.explain(X[:1], background=X, target=2).scores == pytest.approx(
        labels.predict_proba(X[:1])[:, 2]
    )
    for wrong in (None, 2, -1, 0.5, True):
        with pytest.raises(
            InvalidArgumentError, match=r"has 2 outputs; give the number .* target=0"
        ):
            model.explain(X[:2], target=wrong)


def test_of_the_labels_of_scikit_learn_it_is_the_probability_of_1() -> None:
    """Their classifiers give a list, a table for each label, where there are several."""
    labels = (X[:, :2] > 0).astype(int)
    model = RandomForestClassifier(5, random_state=0).fit(X, labels)
    for number in (0, 1):
        found = explain(model, X[:3], background=X[10:20], target=number)
        theirs = model.predict_proba(X)[number][:, 1]
        assert found.scores == pytest.approx(theirs[:3], abs=1e-12)
        assert found.base_values == pytest.approx([theirs[10:20].mean()] * 3, abs=1e-12)
        row = X[1].tolist()

        def ask(mixed: list[list[Any]], number: int = number) -> Any:
            return model.predict_proba(np.array(mixed))[number][:, 1]

        values = by_permutations(ask, row, X[10:20].tolist())
        assert found.values[1] == pytest.approx(values, abs=1e-12)
    of_three = RandomForestClassifier(2, random_state=0).fit(X, np.c_[labels, np.arange(40) % 3])
    with pytest.raises(InvalidArgumentError, match="not all of them have two classes; explain a"):
        explain(of_three, X[:3], target=0)


def test_numbers_of_other_types_are_mixed_and_nothing_else() -> None:
    ages = np.array(COLUMNS["age"])
    for kind in (pandas, polars):
        whole = {"age": ages.astype(int).tolist(), "more": [1, 2] * 12}
        half = {"age": ages.tolist(), "more": [1.0, 2.0] * 12}
        X_whole, X_half = kind.DataFrame(whole), kind.DataFrame(half)
        model = classifier().fit(X_half, BOUGHT)
        found = explain(model, X_half[:2], background=X_whole[4:9])
        assert (found.values == explain(model, X_half[:2], background=X_half[4:9]).values).all()
        text = kind.DataFrame({"age": [str(age) for age in ages], "more": half["more"]})
        call = {pandas: r"background.astype\(X.dtypes\)", polars: r"background.cast\(X.schema\)"}
        with pytest.raises(ShapeError, match=rf"^the column 'age' is of .*the same: {call[kind]}$"):
            explain(model, X_half[:2], background=text)
        truth = kind.DataFrame({"age": half["age"], "more": [True, False] * 12})
        with pytest.raises(ShapeError, match=r"^the column 'more' is of the type"):
            explain(model, X_half[:2], background=truth)
    frame = pandas_frame()
    others = frame.assign(size=frame["size"].astype(str).astype("category"))  # the same
    other = frame[:1].assign(size=pandas.Categorical(["M"]))
    model = pipeline(frame)
    explain(model, frame[:2], background=others, target=True)
    with pytest.raises(ShapeError, match=r"'size' is of .*\['L', 'M', 'S'\].*\['M'\]"):
        explain(model, frame[:2], background=other)
    encoder = make_pipeline(OneHotEncoder(handle_unknown="ignore"), classifier())
    words = np.array([["a", "long word"], ["b", "x"], ["a", "y"]])
    encoder.fit(words, [0, 1, 1])
    short = words[1:]
    found = explain(encoder, short.astype("<U1"), background=words)
    assert (found.values == explain(encoder, short, background=words).values).all()
    with pytest.raises(ShapeError, match=r"'x0' is of .*astype\(X.dtype\)"):
        explain(encoder, words, background=np.ones((2, 2)))


def test_one_row_is_compared_with_others() -> None:
    model = classifier().fit(X, KINDS)
    with pytest.raises(
        InvalidArgumentError, match=r"X has one row, .* adds 0; .*background=X_train\[:100\]\)"
    ):
        model.explain(X[:1])
    assert np.abs(model.explain(X[:1], background=X[5:6]).values).max() > 0.0
    assert np.abs(model.explain(X[:2]).values).max() > 0.0


def test_so_many_rows_are_asked_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier().fit(X, KINDS)
    whole = model.explain(X[:1], background=X[:4])
    asked: list[int] = []
    original = MLPClassifier.predict_proba

    def counted(self: Any, table: Any) -> Any:
        asked.append(len(table))
        return original(self, table)

    monkeypatch.setattr(MLPClassifier, "predict_proba", counted)
    for at_once, wanted in [(12, [12, 12, 8]), (3, [4] * 8), (1000, [32])]:
        monkeypatch.setattr("tinygrad_mlp.estimators._explaining.ROWS_AT_ONCE", at_once)
        asked.clear()
        found = model.explain(X[:1], background=X[:4])
        assert asked[1:] == wanted  # the first one is the row itself
        assert found.values == pytest.approx(whole.values, abs=1e-12)


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (RidgeClassifier().fit(X, KINDS), r"^RidgeClassifier\(\) has no predict_proba, .*MLPClass"),
        (len, r"^the model is <built-in function len>, but .*explain\(classifier, X\)"),
    ],
)
def test_a_model_that_cannot_be_asked_is_refused(model: Any, match: str) -> None:
    with pytest.raises(InvalidArgumentError, match=match):
        explain(model, X)


def test_what_it_refuses() -> None:
    model = classifier().fit(X, KINDS)
    with pytest.raises(InvalidArgumentError, match=r"X is sparse, but .*: X.toarray\(\)"):
        model.explain(csr_matrix(X))
    with pytest.raises(InvalidArgumentError, match=r"background is a lazy .*background.collect"):
        model.explain(X, background=polars.LazyFrame({"x": [1.0]}))
    with pytest.raises(InvalidArgumentError, match=r"target is array\(\['high', 'low'\]"):
        model.explain(X, target=np.array(["high", "low"]))
    with pytest.raises(InvalidArgumentError, match=r"'hgh', but the classes are .* target='high'"):
        model.explain(X, target="hgh")
    with pytest.raises(ShapeError, match=r"X has the shape \(3,\), but rows are needed: X\[:5\]"):
        model.explain(X[0])
    with pytest.raises(InvalidArgumentError, match=r"X has the shape \(0, 3\): there is no row"):
        model.explain(X[:0])
    with pytest.raises(ShapeError, match=r"needs the columns of X, .* ndarray with x0, x1, x2"):
        model.explain(X, background=X[:, :2])
    with pytest.raises(ShapeError, match="in a table of the same kind"):
        model.explain(X, background=pandas.DataFrame(X))
    with pytest.raises(
        InvalidArgumentError, match=r"X has two columns of one name: a, b, a; rename"
    ):
        model.explain(pandas.DataFrame(X, columns=["a", "b", "a"]))
    wide = np.zeros((3, 13))
    with pytest.raises(InvalidArgumentError, match=r"X has 13 columns, .* at most 12 columns"):
        classifier().fit(wide, [0, 1, 1]).explain(wide)
    exactly = _rng.normal(size=(6, 12))
    found = (
        classifier().fit(exactly, [0, 1, 1, 0, 1, 0]).explain(exactly[:1], background=exactly[:2])
    )
    assert found.values.sum() == pytest.approx(found.scores[0] - found.base_values[0], abs=1e-12)


def test_it_prints_and_shows_itself_the_largest_first() -> None:
    found = Explanation(
        np.array([[0.1, -0.25]] * 7),
        np.full(7, 0.5),
        np.full(7, 0.35),
        ["age", "<city>"],
        np.array([[20.123456, "a&b"]] * 7, dtype=object),
        ["the probability of 'x'"] * 7,
    )
    text = str(found).splitlines()
    assert text[:3] == [
        "row 0: the probability of 'x' is 0.35, the mean 0.5",
        "     -0.25  <city> = a&b",
        "      +0.1  age = 20.12",
    ]
    assert text[12:] == [
        "row 4: the probability of 'x' is 0.35, the mean 0.5",
        *text[1:3],
        "... and 2 more rows",
    ]
    assert repr(found) == "Explanation(7 rows, 2 columns)"
    page = found._repr_html_()
    assert "<td>&lt;city&gt;</td><td>a&amp;b</td><td>-0.25</td>" in page
    assert page.count("<table>") == 5
    assert page.endswith("<p>... and 2 more rows</p>")
