"""Numbers and dates as people write them; what a whole column says about how it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from tests.running import run_python
from tinygrad_mlp.data._written import (
    DateStyle,
    NumberStyle,
    date_style,
    days_since_1970,
    first_inexact,
    number_style,
)
from tinygrad_mlp.errors import DataError


@pytest.mark.parametrize(
    ("cells", "decimal", "unit", "numbers"),
    [
        (["1", "-2.5", "+3", ".5", "4."], ".", "", [1, -2.5, 3, 0.5, 4]),
        (["1e3", "2.5E-2"], ".", "", [1000, 0.025]),
        (["1,200", "3"], ".", "", [1200, 3]),
        (["1,234,567.89"], ".", "", [1234567.89]),
        (["1,200", "0,125"], ",", "", [1.2, 0.125]),
        (["5,1", "6"], ",", "", [5.1, 6]),
        (["1.200,50", "7"], ",", "", [1200.5, 7]),
        (["1 200", "1\u00a0234 567"], ".", "", None),
        (["1 200", "12 345 678"], ".", "", [1200, 12345678]),
        (["1\u00a0200,5", "1\u202f200"], ",", "", [1200.5, 1200]),
        (["1'200.5", "1\u2019200"], ".", "", [1200.5, 1200]),
        (["$1,200", "-$3", "$-4", "5"], ".", "$", [1200, -3, -4, 5]),
        (["\u22123", "4"], ".", "", [-3, 4]),
        (["1.200,50 €", "7€"], ",", "€", [1200.5, 7]),
        (["USD 12", "12 USD", "USD12"], ".", "USD", [12, 12, 12]),
        (["12 %", "7%", "100%", "-0.5%"], ".", "%", [0.12, 0.07, 1.0, -0.005]),
        (["2,5 %"], ",", "%", [0.025]),
        (["1,200 %", "3 %"], ".", "%", [12.0, 0.03]),
        (["1e2%"], ".", "%", [1.0]),
        (["  7  "], ".", "", [7]),
    ],
)
def test_a_column_of_numbers(
    cells: list[str], decimal: str, unit: str, numbers: list[float] | None
) -> None:
    style = number_style(cells)
    if numbers is None:
        assert style is None
        return
    assert style == NumberStyle(decimal, unit)
    assert [style.number_in(cell) for cell in cells] == numbers


@pytest.mark.parametrize(
    "cells",
    [
        *(["red"], ["1", "red"], ["1_000"], ["1.5", "2,5"], ["1,20,300"], ["1,200'300"], ["--1"]),
        *(["-$-1"], ["$"], ["%"], ["."], [","], ["-"], [""], ["1 2"], ["0x10"], ["nan"], ["inf"]),
        *(["12 kg"], ["1e999"], ["$5%"], ["5%%"], ["0,123,456"], ["(3)"], ["1,2345"], ["1e5,3"]),
        *(["1e" + "1" * 5000], ["1e1234567890"], [" "], ["1,200,"], ["1'"], ["$ €3"]),
    ],
)
def test_what_is_no_column_of_numbers(cells: list[str]) -> None:
    if cells == ["1,2345"]:
        assert number_style(cells) == NumberStyle(",")  # no thousands: a decimal comma
    else:
        assert number_style(cells) is None


@pytest.mark.parametrize("cells", [["$1", "€1"], ["5%", "7"], ["5%", "$7"], ["1 EUR", "€1"]])
def test_units_are_not_mixed(cells: list[str]) -> None:
    with pytest.raises(DataError, match="different units") as caught:
        number_style(cells)
    assert " and ".join(map(repr, cells)) in str(caught.value)


def test_a_style_reads_nothing_else() -> None:
    assert NumberStyle(".", "$").number_in("5 %") is None
    assert NumberStyle(".", "%").number_in("5") is None
    assert NumberStyle(".", "").number_in("$5") is None
    assert NumberStyle(".").number_in("5,1") is None
    assert NumberStyle(",").number_in("5.1") is None
    assert NumberStyle(",").number_in("5.100") == 5100
    assert NumberStyle(".").described == ""
    assert (
        NumberStyle(",", "%").described == "with a decimal comma, in percent, taken as shares of 1"
    )


@pytest.mark.parametrize(
    ("cells", "order", "zone", "moments"),
    [
        (["2024-02-29"], "year-month-day", False, [datetime(2024, 2, 29)]),
        (["2024-02-29 7:05"], "year-month-day", False, [datetime(2024, 2, 29, 7, 5)]),
        (
            ["2024-02-29 7:05:09", "2024-02-29 17:05:09.5"],
            "year-month-day",
            False,
            [datetime(2024, 2, 29, 7, 5, 9), datetime(2024, 2, 29, 17, 5, 9, 500000)],
        ),
        (
            ["2024-02-29T23:59:58.5"],
            "year-month-day",
            False,
            [datetime(2024, 2, 29, 23, 59, 58, 500000)],
        ),
        (["2024-02-29T12:00Z"], "year-month-day", True, [datetime(2024, 2, 29, 12, tzinfo=UTC)]),
        (
            ["2024-02-29 12:00+02:00"],
            "year-month-day",
            True,
            [datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=2)))],
        ),
        (["2024/2/9"], "year/month/day", False, [datetime(2024, 2, 9)]),
        (
            ["1.2.2024", "31.12.2023 06:00"],
            "day.month.year",
            False,
            [datetime(2024, 2, 1), datetime(2023, 12, 31, 6)],
        ),
        (
            ["1/2/2024", "31/1/2024"],
            "day/month/year",
            False,
            [datetime(2024, 2, 1), datetime(2024, 1, 31)],
        ),
        (
            ["1/2/2024", "1/31/2024"],
            "month/day/year",
            False,
            [datetime(2024, 1, 2), datetime(2024, 1, 31)],
        ),
        (["3/3/2024"], "day/month/year", False, [datetime(2024, 3, 3)]),
    ],
)
def test_a_column_of_dates(
    cells: list[str], order: str, zone: bool, moments: list[datetime]
) -> None:
    style = date_style(cells)
    assert style == DateStyle(order, zone)
    assert [style.moment_in(cell) for cell in cells] == moments


@pytest.mark.parametrize(
    "cells",
    [
        *(["2023-02-29"], ["2024-1-1"], ["24-01-01"], ["1.1.24"], ["2024-01-01", "1.1.2024"]),
        *(
            ["2024-01-01", "2024-01-01Z"],
            ["13/13/2024"],
            ["2024-01-01 25:00"],
            ["today"],
            ["20240101"],
        ),
        ["31/1/2024", "1/31/2024"],
    ],
)
def test_what_is_no_column_of_dates(cells: list[str]) -> None:
    assert date_style(cells) is None


def test_a_day_that_could_be_the_month_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"dates such as '1/2/2024', of which the day and the month"
    ):
        date_style(["1/2/2024", "3/4/2024"])


def test_days_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    for seconds in rng.integers(-60_000_000_000, 200_000_000_000, size=50).tolist():
        moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
        expected = np.datetime64(moment) - np.datetime64("1970-01-01")
        assert days_since_1970(moment) == expected / np.timedelta64(1, "D")
        there = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=9)))
        assert days_since_1970(there) == days_since_1970(moment)


@pytest.mark.parametrize(
    ("decimal", "unit", "cell", "inexact"),
    [
        (".", "", "9007199254740993", True),
        (".", "", "9007199254740992", False),
        (".", "", "-9007199254740993", True),
        (".", "", "9007199254740993.0", False),  # written as floats are
        (".", "", "9007199254740993e0", False),
        (".", "$", "$9,007,199,254,740,993", True),
        (".", "$", "$9,007,199,254,740,992", False),
        (",", "EUR", "9.007.199.254.740.993 EUR", True),
        (",", "", "0,9007199254740993", False),
        (".", "", "9 007 199 254 740 993", True),
        (".", "%", "9007199254740993 %", False),
        (".", "", "red", False),
    ],
)
def test_whole_numbers_that_are_no_floats(
    decimal: str, unit: str, cell: str, inexact: bool
) -> None:
    style = NumberStyle(decimal, unit)
    assert style.inexact_in(cell) is inexact
    assert first_inexact(["1", None, cell, cell], style) == (cell if inexact else None)
    if (decimal, unit) == (".", ""):
        assert first_inexact([cell], None) == (cell if inexact else None)


def test_a_cell_of_any_length_is_read_at_once(tmp_path: Path) -> None:
    """A pattern that looks for a digit from every place would take hours here."""
    for cell in ("1" * 100_000 + "x", "1," * 50_000 + "x", "$" + " " * 100_000 + "x"):
        file = tmp_path / "cell.txt"
        file.write_text(cell)
        asked = "import sys; from tinygrad_mlp.data._written import number_style; "
        asked += "print(number_style([open(sys.argv[1]).read()]))"
        assert run_python("-c", asked, str(file), folder=tmp_path).strip() == "None"
