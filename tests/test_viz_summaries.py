"""What a notebook shows of models, programs, trainings and data holds their numbers."""

from __future__ import annotations

import html
import inspect
import re
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import viz
from tinygrad_mlp import compile
from tinygrad_mlp.data import load_digits, load_iris, read_table
from tinygrad_mlp.engine import Value
from tinygrad_mlp.errors import UnknownNameError
from tinygrad_mlp.nn import MLP, Module
from tinygrad_mlp.training import Finding, History
from viz._replay import stepper
from viz._style.drawing_options import Options
from viz._style.themes import DARK
from viz._summaries import html_of

HOSTILE: Final = "<img src=x onerror=alert(1)>\x07&amp;"


def texts(page: str) -> list[str]:
    """The contents of all ``pre``, as one reads them."""
    return [html.unescape(text) for text in re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)]


def cells(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    return [
        [html.unescape(x) for x in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows
    ]


def test_a_model_is_its_circles_and_its_summary() -> None:
    model = MLP(2, [3, 1], rng=0)
    page = html_of(model)
    assert texts(page) == [model.summary()]
    picture = str(viz.to_svg(model))
    fitting = picture.replace("<svg", '<svg style="max-width: 100%; height: auto"', 1)
    assert fitting[fitting.index("<svg") :] in page
    assert DARK.background in html_of(model, theme="dark")
    assert "<details><summary>layers</summary>" in page


def test_a_model_that_cannot_be_drawn_is_its_summary() -> None:
    page = html_of(Module())
    assert "<svg" not in page
    assert texts(page) == [Module().summary()]
    assert "<details open>" in page


def test_a_program_is_its_picture_and_its_lines() -> None:
    w = Value(0.5)
    program = compile(lambda x, t: (w * x - t) ** 2, [w], per_sample=True)
    assert texts(html_of(program)) == [f"{program!r}: call it once to see what it does"]
    program(np.ones((5, 1))[:, 0], np.ones(5))
    page = html_of(program)
    assert texts(page) == [program.summary(), program.source]
    assert "<svg" in page
    assert "<details open><summary>its lines</summary>" in page


def test_a_history_is_its_curve_its_epochs_and_its_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    advice = Finding("the loss rose: take a smaller step", "print(history)")
    history = History(
        loss=[0.7, 0.4],
        learning_rate=[0.1, 0.1],
        seconds=[0.5, 0.5],
        reason="completed",
        advice=(advice,),
    )
    page = html_of(history)
    assert page.count("<svg") == 1
    table, said = texts(page)
    assert f"{table}\n{said}" == str(history)
    assert said == str(advice)
    assert "<details><summary>epochs</summary>" in page
    assert DARK.background in html_of(history, theme="dark")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = html_of(history)
    assert "<svg" not in page
    assert "<details open><summary>epochs</summary>" in page
    assert texts(page) == [table, said]


def test_a_history_without_epochs_is_its_text() -> None:
    assert texts(html_of(History())) == [str(History())]


def test_a_data_set_is_a_table_of_its_features_and_classes() -> None:
    iris = load_iris()
    head, *rows = cells(html_of(iris))
    assert head == ["feature", "least", "mean", "greatest", "spread"]
    for row, name, column in zip(rows[:4], iris.feature_names, iris.X.T):
        numbers = [column.min(), column.mean(), column.max(), column.std()]
        assert row == [name, *[f"{number:.4g}" for number in numbers]]
    assert rows[4:] == [["class", "samples"], *[[name, "50"] for name in iris.target_names]]
    assert "Dataset(iris: 150 samples" in html_of(iris)
    assert "more features" not in html_of(iris)


def test_many_features_are_not_all_listed() -> None:
    page = html_of(load_digits())
    assert len(cells(page)) == 1 + 12 + 1 + 10
    assert "and 52 more features" in page


def test_a_table_of_ones_own_is_shown_likewise(tmp_path: Path) -> None:
    path = tmp_path / "houses.csv"
    path.write_text(f'size,"{HOSTILE[:28]}",price\n1,2,10\n3,2,30\n2.5,4,25.5\n', encoding="utf-8")
    page = html_of(read_table(path, "price"))
    rows = cells(page)
    assert rows[1] == ["size", "1", "2.167", "3", "0.8498"]
    assert rows[3:] == [
        ["target", "least", "mean", "greatest", "spread"],
        ["price", "10", "21.83", "30", "8.567"],
    ]
    assert rows[2][0] == HOSTILE[:28]
    assert "<img" not in page


def test_hostile_words_stay_words() -> None:
    page = html_of(History(loss=[0.5], reason=HOSTILE))
    assert "<img" not in page
    assert "\x07" not in page
    assert r"<img src=x onerror=alert(1)>\x07&amp;" in texts(page)[0]


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(TypeError, match="nothing is known of int"):
        html_of(3)


# Without a path


def test_a_drawing_without_a_path_is_the_svg() -> None:
    a = Value(2.0, label="a")
    assert viz.draw(a * a) == viz.to_svg(a * a)
    assert viz.draw(a * a, None, theme="dark") == viz.to_svg(a * a, theme="dark")
    assert isinstance(viz.draw(a * a), viz.Svg)
    with pytest.raises(UnknownNameError, match="ending"):
        viz.draw(a * a, "")


@pytest.mark.parametrize(
    ("function", "options"), [(viz.draw, Options), (viz.replay, stepper._Options)]
)
def test_type_checkers_know_all_options(function: Any, options: Any) -> None:
    parameters = list(inspect.signature(function).parameters)
    assert parameters[1] == "path"
    assert list(options.__annotations__) == parameters[2:]


def test_a_replay_without_a_path_is_a_framed_page(tmp_path: Path) -> None:
    a = Value(2.0, label='"<b>a')
    loss = a * a
    page = viz.replay(loss, title="steps")
    assert isinstance(page, viz.Page)
    written = viz.replay(loss, tmp_path / "page.html", title="steps").read_text(encoding="utf-8")
    assert page == written
    frame = page._repr_html_()
    found: Any = re.fullmatch(r'<iframe srcdoc="([^"<>]*)" ([^<>]*)></iframe>', frame)
    assert html.unescape(found[1]) == written
    assert 'sandbox="allow-scripts"' in found[2]
    assert repr(page) == f"Page({len(written):,} characters)"
