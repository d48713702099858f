from __future__ import annotations

import logging
import sys

from hypothesis import given
from hypothesis import strategies as st

from gateway.log import LineFormatter


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("gateway.x", logging.INFO, "x.py", 1, message, (), None)
    made.created = 0.0
    made.__dict__.update(extra)
    return made


def test_a_line_has_time_level_place_and_fields() -> None:
    line = LineFormatter().format(record("session opened", call="c1", session="s1"))
    assert line == "1970-01-01T00:00:00.000Z INFO gateway.x session opened session=s1 call=c1"


def test_a_traceback_stays_on_the_line() -> None:
    made = record("it failed")
    try:
        raise ZeroDivisionError("by hand")
    except ZeroDivisionError:
        made.exc_info = sys.exc_info()
    line = LineFormatter().format(made)
    assert "\n" not in line
    assert r"\nZeroDivisionError: by hand" in line


@given(st.text())
def test_nothing_writes_a_line_of_its_own(text: str) -> None:
    line = LineFormatter().format(record("%s", args=(text,)))
    assert line.isprintable()
