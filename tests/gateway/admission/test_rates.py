from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.rates import UNITS, as_money, as_units, parse_rates, read_rates
from gateway.errors import ConfigError

TABLE = """\
prefix,price,name,increments
# what our carrier sent in March
+44,0.012,"United Kingdom, fixed",60/60

447, 0.031 ,United Kingdom mobile,1/1
4479,0.5,,30/6
1,0.01,60/60
local,0
"""


@pytest.mark.parametrize(
    ("to", "prefix"),
    [
        ("+442079460000", "44"),
        ("+447700900000", "447"),
        ("+447900000000", "4479"),
        ("+44", "44"),
        ("+15551234567", "1"),
        ("+33123456789", "4479"),  # without a row: as the dearest
        ("+4", "4479"),
        ("600", "local"),
        ("442079460000", "local"),
        ("alice", "local"),
    ],
)
def test_the_longest_prefix_wins(to: str, prefix: str) -> None:
    assert parse_rates(TABLE).of(to).prefix == prefix


def test_a_row_for_the_rest() -> None:
    rates = parse_rates("1,0.01\n*,0.2\n881,9")
    assert rates.of("+33123456789").prefix == "*"
    assert rates.of("600").prefix == "*"
    assert rates.of("+881612345678").prefix == "881"


@pytest.mark.parametrize(
    ("names", "dearest"),
    [
        (["+15551234567"], "+15551234567"),
        (["+442079460000", "+447700900000", "+15551234567"], "+447700900000"),
        (["+442079460000", "+442079460001"], "+442079460000"),
        (["+15551234567", "+33123456789"], "+33123456789"),  # without a row
        (["600", "+15551234567"], "+15551234567"),
    ],
)
def test_the_dearest_of_several_names(names: list[str], dearest: str) -> None:
    assert parse_rates(TABLE).dearest(names) == dearest


@pytest.mark.parametrize(
    ("to", "seconds", "cost"),
    [
        ("+442079460000", 0, "0.012"),
        ("+442079460000", 60, "0.012"),
        ("+442079460000", 60.1, "0.024"),
        ("+447700900000", 60, "0.031"),
        ("+447700900000", 30, "0.0155"),
        ("+447700900000", 29.2, "0.0155"),
        ("+447900000000", 5, "0.25"),
        ("+447900000000", 31, "0.3"),
        ("+447900000000", 36.001, "0.35"),
        ("+15551234567", 61, "0.02"),
        ("600", 3600, "0"),
    ],
)
def test_calls_are_billed_in_increments(to: str, seconds: float, cost: str) -> None:
    assert parse_rates(TABLE).of(to).cost(seconds) == Decimal(cost)


@given(st.integers(0, 10**6), st.integers(0, 100), st.integers(1, 100), st.integers(0, 10**6))
def test_cost_never_falls_and_stays_within_a_step(
    price: int, first: int, then: int, milliseconds: int
) -> None:
    rate = parse_rates(f"1,{price}e-6,,{first}/{then}").of("+1")
    cost = rate.units(milliseconds)
    assert cost <= rate.units(milliseconds + 1)
    assert rate.price * milliseconds <= cost * 1000
    assert cost * 1000 <= rate.price * (milliseconds + 1000 * max(first, then))


def test_sums_do_not_drift() -> None:
    rate = parse_rates("1,0.1,,1/1").of("+1")
    assert as_money(sum(rate.units(1000) for _ in range(60_000))) == 100
    assert as_units(Decimal("0.1")) * 10 == UNITS


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "there is no line"),
        ("prefix,price\n", "there is no line"),
        ("44,0.1\n44,0.2", "line 2: prefix 44 has a line already"),
        ("44,0.1\n+44,0.2", "line 2: prefix 44 has a line already"),
        ("44,0.1\n\n# x\n044,0.2", "line 4: prefix '044'"),
        ("44", "line 1: 1 columns"),
        ("44,1,a,1/1,x", "line 1: 5 columns"),
        ("44;0.1", "line 1: 1 columns"),
        ("4 4,0.1", "line 1: prefix '4 4'"),
        ("+,0.1", "line 1: prefix '+'"),
        ("1234567890123456,0.1", "line 1: prefix"),
        ("44,", "line 1: price ''"),
        ("44,free", "line 1: price 'free'"),
        ("44,-0.1", "line 1: price '-0.1'"),
        ("44,NaN", "line 1: price 'NaN'"),
        ("44,Infinity", "line 1: price 'Infinity'"),
        ("44,1e9", "line 1: price '1e9'"),
        ("44,0.0000000001", "at most 9 decimals"),
        ("44,0.1,UK,60", "line 1: increments '60'"),
        ("44,0.1,UK,60/0", "line 1: increments '60/0'"),
        ("44,0.1\nprefix,price", "line 2: prefix 'prefix'"),
        ('44,0.1\n"45,0.1', "line 2:"),
    ],
)
def test_errors_name_the_line(text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error.replace("+", r"\+")):
        parse_rates(text)


def test_a_file_with_a_mark_and_foreign_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_bytes(b"\xef\xbb\xbfprefix,price\r\n44,0.1\r\n")
    assert read_rates(path).of("+44").cost(60) == Decimal("0.1")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    with pytest.raises(ConfigError, match=r"rates\.csv.*No such file"):
        read_rates(path)
    path.write_bytes(b"44,0.1,Espa\xf1a")
    with pytest.raises(ConfigError, match=r"rates\.csv"):
        read_rates(path)
    path.write_text("44,0.1\nx,1")
    with pytest.raises(ConfigError, match=r"rates\.csv: line 2"):
        read_rates(path)


@given(st.text(alphabet='0123456789+*,./"\n#lox ', max_size=80))
def test_any_text_is_a_table_or_an_error(text: str) -> None:
    try:
        rates = parse_rates(text)
    except ConfigError:
        return
    assert rates.of("+15551234567").cost(10) >= 0
