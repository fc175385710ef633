"""Numbers and dates as people write them: $1,200.50, 12 %, 1.200,50 EUR, 31.12.2024.

How a column is written is found for the column as a whole, never cell by cell: 1,200 is 1200 beside
1,200.50, and 1.2 beside 0,125. What can be read in two ways with different results is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from tinygrad_mlp.data._arrays import LARGEST_EXACT
from tinygrad_mlp.data._csv_file import exact_number, parse_number
from tinygrad_mlp.errors import DataError

__all__ = [
    "DATE_ORDERS",
    "UNITS",
    "DateStyle",
    "NumberStyle",
    "date_style",
    "days_since_1970",
    "first_inexact",
    "number_style",
]

SYMBOLS: Final = "$€£¥₹₩₺₽"
CODES: Final = "AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|INR|JPY|KRW|NOK|PLN|SEK|USD|ZAR"
UNITS: Final = ("", "%", *SYMBOLS, *CODES.split("|"))
"""What may stand beside a number."""
_UNIT: Final = rf"[{SYMBOLS}]|(?:{CODES})"
_AMOUNT: Final = re.compile(
    rf"(?P<sign>[-+−]?)\s*+(?P<before>{_UNIT})?\s*+(?P<sign_behind>[-+−]?)"
    rf"(?P<body>[\d.,'\u2019\s]*+(?:[eE][-+]?\d{{1,9}})?)\s*(?P<after>%|{_UNIT})?"
)
"""A sign, a currency, digits and marks, a currency or a percent sign; linear in the length."""

_BODIES: Final = {
    decimal: re.compile(
        rf"(?:(?P<groups>[1-9]\d{{0,2}}(?:(?P<mark>[{thousands}'\u2019 \u00a0\u202f])\d{{3}})"
        rf"(?:(?P=mark)\d{{3}})*)|(?P<digits>\d*))(?:{re.escape(decimal)}(?P<fraction>\d*))?"
        r"(?P<exponent>[eE][-+]?\d{1,9})?"
    )
    for decimal, thousands in ((".", ","), (",", "."))
}
"""Digits with marks between the thousands, all of them the same, by the decimal sign."""


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of a column are written.

    Attributes:
        decimal: the decimal sign, "." or ",".
        unit: "%", a currency, or nothing.

    >>> style = NumberStyle(".", "$")
    >>> style.number_in("$1,200.50"), style.number_in("-7"), style.number_in("5 %")
    (1200.5, -7.0, None)
    """

    decimal: str = "."
    unit: str = ""

    def number_in(self, cell: str) -> float | None:
        """The number that a cell holds, a percentage as a share; None if it holds none."""
        body = self._body_of(cell)
        if body is None:
            return None
        whole, fraction, exponent = body
        shift = -2 if self.unit == "%" else 0  # in the text, so that 7 % is the float 0.07
        return parse_number(f"{whole}.{fraction}e{int(exponent or 0) + shift}")

    def inexact_in(self, cell: str) -> bool:
        """Whether a cell holds a whole number that is no float.

        >>> style = NumberStyle(".", "$")
        >>> style.inexact_in("$9,007,199,254,740,993"), style.inexact_in("$9,007,199,254,740,992")
        (True, False)
        """
        if len(cell) < len(str(LARGEST_EXACT)):
            return False
        body = self._body_of(cell)
        if body is None or body[1] or body[2] or self.unit == "%":
            return False
        number = exact_number(body[0])
        return isinstance(number, int) and int(float(number)) != number

    def _body_of(self, cell: str) -> tuple[str, str, str] | None:
        """Its digits before the decimal sign, with a minus, those behind it, and the exponent."""
        found = _AMOUNT.fullmatch(cell.strip())
        if found is None or (found["sign"] and found["sign_behind"]):
            return None
        units = {unit for unit in (found["before"], found["after"]) if unit}
        if len(units) > 1 or not units <= {self.unit} or (self.unit == "%" and not units):
            return None
        body = _BODIES[self.decimal].fullmatch(found["body"].strip())
        if body is None:
            return None
        whole = re.sub(r"\D", "", body["groups"] or body["digits"] or "")
        negative = "-" if {found["sign"], found["sign_behind"]} & {"-", "−"} else ""
        return f"{negative}{whole}", body["fraction"] or "", (body["exponent"] or "")[1:]

    @property
    def described(self) -> str:
        """In words what is unusual about it; nothing for plain numbers.

        >>> NumberStyle(",", "EUR").described
        'with a decimal comma, in EUR'
        """
        parts = ["with a decimal comma"] if self.decimal == "," else []
        if self.unit:
            parts.append(
                "in percent, taken as shares of 1" if self.unit == "%" else f"in {self.unit}"
            )
        return ", ".join(parts)


def number_style(cells: Sequence[str]) -> NumberStyle | None:
    """The style in which all of these cells are numbers; None if there is no such style.

    A comma that can stand between thousands in every cell does; else it is a decimal comma.

    Raises:
        DataError: if they are numbers, but in several units, or some of them in percent.

    >>> number_style(["1,200", "3"]), number_style(["1,200", "0,125"])
    (NumberStyle(decimal='.', unit=''), NumberStyle(decimal=',', unit=''))
    >>> number_style(["red"]) is None
    True
    """
    found = [_AMOUNT.fullmatch(cell.strip()) for cell in cells]
    units: dict[str, str] = {}
    for cell, match in zip(cells, found):
        if match is None:
            return None
        units.setdefault(match["before"] or match["after"] or "", cell)
    named = [unit for unit in units if unit]
    unit = named[0] if named else ""
    for decimal in _BODIES:
        own = {name: NumberStyle(decimal, name) for name in units}
        if all(
            own[match["before"] or match["after"] or ""].number_in(cell) is not None
            for cell, match in zip(cells, found)
            if match is not None
        ):
            if len(named) > 1 or (unit == "%" and len(units) > 1):
                shown = " and ".join(map(repr, units.values()))
                raise DataError(f"holds numbers in different units, {shown}; write all in one")
            return NumberStyle(decimal, unit)
    return None


_TIME: Final = r"(?:[T ]\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_ZONE: Final = r"\s*(?P<zone>Z|[-+]\d{2}:?\d{2})?"
_BEHIND: Final = rf"(?P<time>{_TIME}){_ZONE}"
DATE_ORDERS: Final = {
    "year-month-day": rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d){_BEHIND}",
    "year/month/day": rf"(?P<year>\d{{4}})/(?P<month>\d\d?)/(?P<day>\d\d?){_BEHIND}",
    "day.month.year": rf"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{{4}}){_BEHIND}",
    "day/month/year": rf"(?P<day>\d\d?)/(?P<month>\d\d?)/(?P<year>\d{{4}}){_BEHIND}",
    "month/day/year": rf"(?P<month>\d\d?)/(?P<day>\d\d?)/(?P<year>\d{{4}}){_BEHIND}",
}
"""The orders in which dates are read, as patterns."""


@dataclass(frozen=True)
class DateStyle:
    """How the dates of a column are written.

    Attributes:
        order: one of ``DATE_ORDERS``.
        zone: whether each has a time zone.

    >>> DateStyle("day.month.year").moment_in("2.1.1970 12:00")
    datetime.datetime(1970, 1, 2, 12, 0)
    """

    order: str
    zone: bool = False

    def moment_in(self, cell: str) -> datetime | None:
        """The moment that a cell holds; None if it holds none in this style."""
        found = re.fullmatch(DATE_ORDERS[self.order], cell.strip())
        if found is None or bool(found["zone"]) != self.zone:
            return None
        hour, _, rest = (found["time"].strip("T ") or "0:00").partition(":")
        day = f"{found['year']}-{found['month'].zfill(2)}-{found['day'].zfill(2)}"
        try:
            return datetime.fromisoformat(f"{day}T{hour.zfill(2)}:{rest}{found['zone'] or ''}")
        except ValueError:
            return None


def date_style(cells: Sequence[str]) -> DateStyle | None:
    """The style in which all of these cells are dates; None if there is no such style.

    Raises:
        DataError: if day and month could change places in all of them.

    >>> date_style(["2024-02-29"]), date_style(["13/1/2024", "2/1/2024"]).order
    (DateStyle(order='year-month-day', zone=False), 'day/month/year')
    >>> date_style(["2024-02-30"]) is None
    True
    """
    styles = [DateStyle(order, zone) for order in DATE_ORDERS for zone in (False, True)]
    for cell in cells:
        styles = [style for style in styles if style.moment_in(cell) is not None]
        if not styles:
            return None
    if len(styles) > 1:
        if all(len({style.moment_in(cell) for style in styles}) == 1 for cell in cells):
            return styles[0]  # such as 3/3/2024: it makes no difference
        raise DataError(
            f"holds dates such as {cells[0]!r}, of which the day and the month could change "
            "places; write them as year-month-day"
        )
    return styles[0]


def days_since_1970(moment: date) -> float:
    """A date, or a moment, as a number of days; one with a time zone as the time in UTC.

    >>> days_since_1970(date(1970, 1, 2)), days_since_1970(datetime(1969, 12, 31, 12))
    (1.0, -0.5)
    """
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - datetime(1970, 1, 1)) / timedelta(days=1)


def first_inexact(cells: Sequence[str | None], style: NumberStyle | None) -> str | None:
    """The first cell with a whole number that is no float; None if there is none.

    Args:
        cells: the cells of a column of numbers, None where one is missing.
        style: how they are written; None for as Python does.

    >>> first_inexact(["7", "9007199254740992", "9007199254740993"], None)
    '9007199254740993'
    """
    style = style or NumberStyle()
    return next((cell for cell in cells if cell is not None and style.inexact_in(cell)), None)
