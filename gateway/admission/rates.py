"""What a call costs: the operator's rate table, as carriers publish theirs.

    prefix,price,name,increments
    +44,0.012,United Kingdom,60/60
    +447,0.031,United Kingdom mobile,1/1
    local,0
    *,0.5

The price is for a minute, in whatever currency the operator counts. `increments` are the seconds
billed at least, and the steps after them (1/1 without the column). The longest prefix wins, with or
without its "+". `local` is what can be no number of a country: extensions and SIP users. `*` is all
the rest.

A number without a row costs as much as the dearest row. A gap in the table must not be a hole in
the spend cap.

Money is an integer here, so sums are exact. A price has at most nine decimals, and a call is billed
in whole seconds: one unit is a sixtieth of a billionth.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from gateway.errors import ConfigError

DECIMALS = 9
UNITS = 60 * 10**DECIMALS
"""One of the operator's currency in units."""

LOCAL = "local"
REST = "*"

_PREFIX = re.compile(r"\+?([1-9][0-9]{0,14})", re.ASCII)
_INCREMENTS = re.compile(r"([0-9]{1,4})/([1-9][0-9]{0,3})", re.ASCII)
_MAX_PRICE = 10_000  # a minute; more is a typing error


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of calls to one prefix.

    Parameters
    ----------
    prefix
        Digits of E.164, `local` or `*`.
    price
        Of one minute in billionths, which is that of one second in units.
    first, then
        Seconds that are billed at least, and the steps of what comes after.
    """

    prefix: str
    price: int
    name: str = ""
    first: int = 1
    then: int = 1

    def units(self, milliseconds: int) -> int:
        """Return the cost of an answered call so far, in units.

        The first step is due as soon as it is answered.
        """
        beyond = max(milliseconds - self.first * 1000, 0)
        steps = -(-beyond // (self.then * 1000))
        return self.price * (self.first + steps * self.then)

    def cost(self, seconds: float) -> Decimal:
        """Return what an answered call of this length costs."""
        return as_money(self.units(round(seconds * 1000)))


def as_money(units: int) -> Decimal:
    """Return units as the operator's currency."""
    return Decimal(units) / Decimal(UNITS)


def as_units(money: Decimal) -> int:
    """Return money as units; what is less than one is dropped."""
    return int(money * UNITS)


class Rates:
    """The rows of a table by their prefixes."""

    def __init__(self, rows: Iterable[Rate]) -> None:
        self._rows = {row.prefix: row for row in rows}
        self._longest = max((len(prefix) for prefix in self._rows), default=0)
        dearest = max(self._rows.values(), key=_dearness)
        self._rest = self._rows.get(REST, dearest)

    def dearest(self, numbers: Iterable[str]) -> str:
        """Return the one of these names that costs most, of equal ones the first.

        Which of its readings a trunk takes is not known before the bill comes.
        """
        return max(numbers, key=lambda number: _dearness(self.of(number)))

    def of(self, to: str) -> Rate:
        """Return the rate of a number or SIP user, the longest prefix first."""
        if not to.startswith("+"):
            return self._rows.get(LOCAL, self._rest)
        digits = to[1 : 1 + self._longest]
        for length in range(len(digits), 0, -1):
            if (row := self._rows.get(digits[:length])) is not None:
                return row
        return self._rest


def _dearness(rate: Rate) -> tuple[int, int, int]:
    return rate.price, rate.then, rate.first


def read_rates(path: Path) -> Rates:
    """Read the table in a file.

    Raises
    ------
    ConfigError
        The file cannot be read, or a line in it is wrong; the message says which.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets write a mark at the start
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"rates_file {path}: {error}") from None
    try:
        return parse_rates(text)
    except ConfigError as error:
        raise ConfigError(f"rates_file {path}: {error}") from None


def parse_rates(text: str) -> Rates:
    """Return the table in a text of comma-separated values.

    Empty lines, lines that start with "#" and a first line of column names are left out.

    Raises
    ------
    ConfigError
        A line is wrong, or there is none.
    """
    rows: dict[str, Rate] = {}
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        for cells in reader:
            row = _parse_row([cell.strip() for cell in cells], first=not rows)
            if row is None:
                continue
            if row.prefix in rows:
                raise ConfigError(f"prefix {row.prefix} has a line already")
            rows[row.prefix] = row
    except (ConfigError, csv.Error) as error:
        raise ConfigError(f"line {reader.line_num}: {error}") from None
    if not rows:
        raise ConfigError("there is no line with a prefix and a price")
    return Rates(rows.values())


def _parse_row(cells: list[str], *, first: bool) -> Rate | None:
    if not any(cells) or cells[0].startswith("#"):
        return None
    if first and cells[0].lower() == "prefix":
        return None
    if not 2 <= len(cells) <= 4:
        raise ConfigError(f"{len(cells)} columns: prefix, price, name and increments are known")
    prefix, price, name, increments = [*cells, "", ""][:4]
    if not increments and _INCREMENTS.fullmatch(name):
        name, increments = "", name
    return Rate(_parse_prefix(prefix), _parse_price(price), name, *_parse_increments(increments))


def _parse_prefix(text: str) -> str:
    if text in (LOCAL, REST):
        return text
    found = _PREFIX.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"prefix {text!r}: 1 to 15 digits of E.164 are needed, the first not 0, "
            f"or {LOCAL!r} or {REST!r}"
        )
    return found[1]


def _parse_price(text: str) -> int:
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise ConfigError(f"price {text!r}: a number such as 0.012 is needed") from None
    if not price.is_finite() or not 0 <= price <= _MAX_PRICE:
        raise ConfigError(f"price {text!r}: 0 to {_MAX_PRICE} a minute is needed")
    billionths = price.scaleb(DECIMALS)
    if billionths != int(billionths):
        raise ConfigError(f"price {text!r}: at most {DECIMALS} decimals are allowed")
    return int(billionths)


def _parse_increments(text: str) -> tuple[int, int]:
    if not text:
        return 1, 1
    found = _INCREMENTS.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"increments {text!r}: seconds billed at least and steps after them are needed, "
            "such as 60/60 or 1/1"
        )
    return int(found[1]), int(found[2])
