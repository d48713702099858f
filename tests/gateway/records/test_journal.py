"""The spool's text: what follows from it, however it was torn or damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.records.journal import (
    Alive,
    Done,
    Forgotten,
    Line,
    Running,
    closed,
    read,
    read_line,
    write_line,
)
from gateway.records.toll import Paid
from tests.gateway.records.rows import STARTED, row

if TYPE_CHECKING:
    from collections.abc import Callable


def price(number: str) -> Callable[[int], float] | None:
    """1 a second to +1, 2 to +2, and nobody knows for the rest."""
    rate = {"+1": 1, "+2": 2}.get(number)
    return None if rate is None else lambda milliseconds: rate * milliseconds / 1000


def text(*lines: Line) -> bytes:
    return b"".join(map(write_line, lines))


@pytest.mark.parametrize(
    "line",
    [
        Running(row()),
        Running(row(), Paid(0.5, 2000)),
        Done(row()),
        Forgotten("1"),
        Alive(STARTED),
    ],
)
def test_what_is_written_is_read_again(line: Line) -> None:
    assert read_line(write_line(line).strip()) == line


def test_who_is_not_done_was_running() -> None:
    first, second = row(1, answered=None, ended=None), row(2, answered=None, ended=None)
    later = row(2, state="answered", ended=None)
    journal = read(text(Running(first), Running(second), Done(row(1)), Running(later)))
    assert list(journal.open) == [Running(later)]
    assert journal.done == 1
    (kept,) = closed(journal, price)
    assert (kept.id, kept.cause) == (later.id, "interrupted")


def test_a_forgotten_call_does_not_run_and_is_no_row() -> None:
    journal = read(text(Running(row(1)), Running(row(2)), Forgotten(row(1).id), Forgotten("x")))
    assert list(journal.open) == [Running(row(2))]
    assert journal.done == 0


def test_a_call_ended_when_the_gateway_was_alive_last() -> None:
    open_row = row(1, state="answered", ended=None)
    lines = text(Running(open_row), Alive(STARTED + 60), Alive(STARTED + 70))
    (kept,) = closed(read(lines), price)
    assert kept.ended == STARTED + 70
    assert kept.duration_ms == 68_000


@pytest.mark.parametrize(
    ("changes", "paid", "cost"),
    [
        ({}, Paid(), 68.0),
        ({"direction": "incoming", "fallback": "+2"}, Paid(), 136.0),
        ({"redirected_to": "+2"}, Paid(8.0, 8000), 8.0 + 120.0),
        ({"to_number": "elsewhere"}, Paid(), None),
        ({"redirected_to": "elsewhere"}, Paid(8.0, 8000), 8.0),
        ({"direction": "incoming"}, None, None),  # whoever called pays for it
        ({"to_number": "+1555*****67"}, None, None),
        ({"answered": None, "cost": None}, None, None),
    ],
)
def test_what_a_call_has_cost_is_for_all_that_it_has_lasted(
    changes: dict[str, Any], paid: Paid | None, cost: float | None
) -> None:
    """Its line was written when it was answered, and has the cost of its first second."""
    open_row = row(1, **{"state": "answered", "ended": None, "to_number": "+1", **changes})
    (kept,) = closed(read(text(Running(open_row, paid), Alive(STARTED + 70))), price)
    assert kept.cost == cost


def test_a_line_of_an_older_gateway_does_not_say_what_is_paid() -> None:
    line = b'{"line":"running","row":{"id":"1","node":"a","direction":"outgoing",'
    line += b'"state":"answered","started":1.0,"answered":2.0,"to_number":"+1","cost":0.5}}\n'
    (kept,) = closed(read(line + text(Alive(9.0))), price)
    assert (kept.cause, kept.duration_ms, kept.cost) == ("interrupted", 7000, None)


def test_a_torn_line_is_left_out_and_costs_no_other() -> None:
    whole = text(Done(row(1)), Done(row(2)))
    for length in range(len(whole)):
        journal = read(whole[:length])
        assert journal.done == whole[:length].count(b"\n")
        assert journal.damaged == []
        assert journal.size == whole[:length].rfind(b"\n") + 1


@pytest.mark.parametrize(
    "damaged",
    [
        b"no JSON",
        b"[]",
        b'{"line":"done"}',
        b'{"line":"done","row":{"id":1}}',
        b'{"line":"elsewhere","at":1.0}',
        b'{"line":"alive","at":"noon"}',
        b"\xff\xfe",
        b"[" * 60_000,
        b" " * 100_000 + b"{}",
    ],
)
def test_a_damaged_line_is_told_and_costs_no_other(damaged: bytes) -> None:
    journal = read(text(Done(row(1))) + damaged + b"\n" + text(Done(row(2))))
    assert journal.done == 2
    assert list(journal.damaged) == [damaged]


def test_a_line_of_a_newer_gateway_may_have_more_fields() -> None:
    line = json.loads(write_line(Done(row())))
    line["row"]["color"] = "blue"
    assert read_line(json.dumps(line).encode()) == Done(row())


@given(st.binary(max_size=2000), st.binary(max_size=200))
def test_any_bytes_can_be_read(before: bytes, after: bytes) -> None:
    journal = read(before + b"\n" + text(Done(row(1))) + after)
    assert journal.done == 1
    assert 0 < journal.size <= len(before) + len(after) + 2000


@given(st.data())
def test_whichever_byte_changes_the_other_lines_stay(data: st.DataObject) -> None:
    lines = [write_line(Done(row(number))) for number in range(3)]
    place = data.draw(st.integers(0, len(lines[1]) - 1))
    changed = bytearray(lines[1])
    changed[place] = data.draw(st.integers(0, 255))
    journal = read(lines[0] + bytes(changed) + lines[2])
    assert journal.done >= (1 if changed[-1] != ord("\n") else 2)
