"""The table of numbers in colors: which color a number has, what its cells say, what is refused."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from tests.seen_colors import contrast
from tinygrad_mlp.errors import InvalidArgumentError, ShapeError
from viz._plots.plot_colors import PLOT_THEMES
from viz.plots import heat_map

NUMBERS: Final = [[0.5, 1.0, 0.0], [-2.0, 0.25, 4.0]]


def drawn(numbers: Any = NUMBERS, **settings: Any) -> Axes:
    n_rows, n_columns = np.shape(numbers)
    rows = [f"row {i}" for i in range(n_rows)]
    return heat_map(numbers, rows, range(n_columns), **settings).axes[0]


def colors_of(axes: Axes) -> list[list[str]]:
    image = axes.images[0]
    rgba = image.to_rgba(np.asarray(image.get_array()))
    return [[to_hex(cell) for cell in row] for row in rgba]


def shares_of(axes: Axes) -> Any:
    return np.asarray(axes.images[0].get_array()).tolist()


def texts_of(axes: Axes) -> dict[Any, str]:
    return {text.get_position(): text.get_text() for text in axes.texts}


def test_the_first_row_is_on_top_and_each_cell_has_its_number() -> None:
    axes = drawn(row_label="rate", column_label="batch", title="shares")
    assert texts_of(axes) == {
        (0, 0): "0.5",
        (1, 0): "1",
        (2, 0): "0",
        (0, 1): "-2",
        (1, 1): "0.25",
        (2, 1): "4",
    }
    assert axes.get_ylim() == (1.5, -0.5)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["row 0", "row 1"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("batch", "rate")
    assert "shares" in {text.get_text() for text in axes.figure.texts} | {axes.get_title()}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_above_0_is_blue_below_0_orange_and_0_is_the_ground(theme: str) -> None:
    look = PLOT_THEMES[theme]
    colors = colors_of(drawn([[4.0, 0.0, -4.0]], theme=theme))
    assert colors == [[look.color(0), look.background, look.color(1)]]
    assert colors_of(drawn([[4.0, 0.0]], theme=theme)) == [[look.color(0), look.background]]
    assert colors_of(drawn([[-4.0, 0.0]], theme=theme)) == [[look.color(1), look.background]]


def test_a_color_is_as_strong_as_its_number_is_large() -> None:
    look = PLOT_THEMES["light"]
    assert shares_of(drawn([[1.0, 2.0, -4.0]])) == [[0.25, 0.5, -1.0]]
    (row,) = colors_of(drawn([[0.0, 2.0, 4.0]]))
    assert row[1] != row[2] == look.color(0)


def test_from_most_on_the_color_is_the_strongest() -> None:
    axes = drawn([[0.5, 3.0, -np.inf]], most=1.0)
    assert shares_of(axes) == [[0.5, 1.0, -1.0]]
    assert list(texts_of(axes).values()) == ["0.5", "3", "-inf"]


def test_what_is_no_number_has_no_color_and_no_part_in_the_scale() -> None:
    axes = drawn([[np.nan, 2.0, np.inf]])
    assert colors_of(axes)[0] == [
        PLOT_THEMES["light"].background,
        *[PLOT_THEMES["light"].color(0)] * 2,
    ]
    assert list(texts_of(axes).values()) == ["nan", "2", "inf"]
    assert colors_of(drawn([[0.0, np.nan]]))[0] == [PLOT_THEMES["light"].background] * 2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_letters_are_seen_on_the_color_of_their_cell(theme: str) -> None:
    numbers = np.linspace(-1.0, 1.0, 21)[:, np.newaxis]
    axes = drawn(numbers, theme=theme)
    grounds = [color for (color,) in colors_of(axes)]
    seen = [contrast(to_hex(t.get_color()), g) for t, g in zip(axes.texts, grounds, strict=True)]
    assert min(seen) >= 4.5


def test_numbers_are_written_as_asked() -> None:
    axes = drawn([[0.254, 1.0]], number_format=".0%")
    assert list(texts_of(axes).values()) == ["25%", "100%"]


def test_a_large_table_on_a_slide_has_a_bar_in_place_of_its_numbers() -> None:
    for shape, n_texts in (((12, 12), 144), ((13, 1), 0), ((1, 13), 0)):
        axes = drawn(np.full(shape, 0.5), style="slide", number_format=".0%")
        assert len(axes.texts) == n_texts
        assert len(axes.figure.axes) == (1 if n_texts else 2)
    assert len(drawn(np.ones((13, 13))).texts) == 169
    bar = axes.figure.axes[1]
    bar.figure.draw_without_rendering()  # type: ignore[union-attr]
    labels = [label.get_text() for label in bar.get_yticklabels()]
    assert (labels[0], labels[-1]) == ("0%", "50%")


@pytest.mark.parametrize("numbers", [[1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]], [[1.0]], 1.0])
def test_numbers_that_do_not_fit_their_names_are_refused(numbers: Any) -> None:
    with pytest.raises(ShapeError, match=r"1 row names and 2 column names .* \(1, 2\)"):
        heat_map(numbers, ["a"], ["b", "c"])


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"at least \(1, 1\), got \(0, 0\)"):
        heat_map(np.ones((0, 0)), [], [])


@pytest.mark.parametrize("names", [("ab", ["c", "d"]), (["a", "b"], "cd.svg")])
def test_names_in_one_text_are_refused(names: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"a list with a name for each row or column"):
        heat_map([[1.0, 2.0], [3.0, 4.0]], *names)


@pytest.mark.parametrize("most", [0.0, -1.0, np.inf, np.nan, "1"])
def test_the_strongest_color_belongs_to_a_number_above_0(most: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"most is .*heat_map\(\.\.\., most=1\.0\)"):
        drawn(most=most)


@pytest.mark.parametrize("number_format", ["spam", 3])
def test_an_unknown_format_of_numbers_is_refused(number_format: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"number_format is .* such as '\.3g' or '\.0%'"):
        drawn(number_format=number_format)


@pytest.mark.parametrize("shape", [(1, 1), (12, 2), (2, 12)])
def test_every_cell_has_room_for_its_number(shape: tuple[int, int]) -> None:
    n_rows, n_columns = shape
    names = ["a name of four and twenty"] * n_rows
    axes = heat_map(np.full(shape, -1.234e-5), names, range(n_columns)).axes[0]
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    image = axes.images[0].get_window_extent()
    letters = axes.texts[0].get_window_extent()
    assert letters.width < image.width / n_columns
    assert 1.5 * letters.height < image.height / n_rows
