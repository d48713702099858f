"""Which of the calls that run are shown, and that pages lead through all of them."""

from __future__ import annotations

from itertools import permutations

import pytest

from gateway.calls.record import CallRecord
from gateway.calls.request import CallRequest
from gateway.records.search import Search, read_cursor
from gateway.signaling.call_search import page_of

STARTED = 1_800_000_000.0


def call(
    name: str,
    to: str = "+15551234567",
    caller: str | None = None,
    identity: str | None = None,
    at: float = STARTED,
    trunk: str = "lab",
) -> CallRecord:
    request = CallRequest(to=to, offer="", caller=caller, identity=identity)
    return CallRecord(name, request, trunk, at)


CALLS = (
    call("c1"),
    call("c2", to="+442071234567", at=STARTED + 1),
    call("c3", caller="+15550001", identity="sales", at=STARTED + 2),
    call("c4", to="sales*", trunk="pstn", at=STARTED + 3),
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Search(), ["c1", "c2", "c3", "c4"]),
        (Search(to_number="+44*"), ["c2"]),
        (Search(to_number="*"), ["c1", "c2", "c3", "c4"]),
        (Search(to_number="+44"), []),
        (Search(to_number="sales*"), ["c4"]),
        (Search(from_number="+15550001"), ["c3"]),
        (Search(from_number="+1*"), ["c3"]),
        (Search(identity="sales"), ["c3"]),
        (Search(trunk="pstn"), ["c4"]),
        (Search(direction="incoming"), []),
        (Search(since=STARTED + 1, until=STARTED + 3), ["c2", "c3"]),
        (Search(trunk="lab", to_number="+1*"), ["c1", "c3"]),
    ],
)
def test_calls_are_found_as_their_records_will_be(wanted: Search, found: list[str]) -> None:
    shown, after = page_of(CALLS, wanted)
    assert ([each.id for each in shown], after) == (found, None)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("apart", [0.0, 0.0001, 1.0])
def test_pages_lead_through_all_calls(order: tuple[int, ...], apart: float) -> None:
    """Also where several have begun within the millisecond that a cursor tells."""
    calls = [call(f"c{number}", at=STARTED + number * apart) for number in order]
    seen: list[str] = []
    wanted = Search(limit=1)
    while True:
        shown, after = page_of(calls, wanted)
        seen += [each.id for each in shown]
        if after is None:
            break
        wanted = Search(limit=1, after=read_cursor(after))
    assert seen == ["c0", "c1", "c2"]


def test_a_page_goes_on_where_its_last_call_has_ended() -> None:
    shown, after = page_of(CALLS, Search(limit=2))
    assert [each.id for each in shown] == ["c1", "c2"]
    assert after is not None
    shown, after = page_of(CALLS[2:], Search(limit=2, after=read_cursor(after)))
    assert ([each.id for each in shown], after) == (["c3", "c4"], None)
