"""How digits go to a trunk, by what is set and what the trunk takes."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.trunk.dtmf import (
    INFO_TYPE,
    DigitRoute,
    Dtmf,
    allows_info,
    digit_route,
    info_body,
    offers_events,
)
from gateway.trunk.message import DIGITS, read

EVENTS, INFO, TONES = DigitRoute

# By events agreed and INFO allowed: neither, INFO only, events only, both
ROUTES = {
    Dtmf.AUTO: (TONES, INFO, EVENTS, EVENTS),
    Dtmf.RFC4733: (TONES, TONES, EVENTS, EVENTS),
    Dtmf.INFO: (INFO, INFO, INFO, INFO),
    Dtmf.INBAND: (TONES, TONES, TONES, TONES),
}


@pytest.mark.parametrize("dtmf", Dtmf)
def test_route(dtmf: Dtmf) -> None:
    routes = tuple(
        digit_route(dtmf, event_agreed=event, info_allowed=info)
        for event, info in product((False, True), repeat=2)
    )
    assert routes == ROUTES[dtmf]


@pytest.mark.parametrize("dtmf", Dtmf)
def test_events_are_offered_where_digits_may_go_by_them(dtmf: Dtmf) -> None:
    assert offers_events(dtmf) == (EVENTS in ROUTES[dtmf])


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ("Allow: INVITE, ACK, INFO", True),
        ("Allow: INVITE\r\nALLOW: info", True),
        ("Allow: INVITE,INFORM", False),
        ("Accept: INFO", False),
        ("Allow:", False),
        ("", False),
    ],
)
def test_what_a_trunk_allows(headers: str, allowed: bool) -> None:
    assert allows_info(read(f"SIP/2.0 200 OK\r\n{headers}\r\n\r\n")) is allowed


@pytest.mark.parametrize("digit", sorted(DIGITS))
def test_a_digit_reads_back(digit: str) -> None:
    body = info_body(digit, 250)
    assert body == f"Signal={digit}\r\nDuration=250\r\n"
    info = read(f"INFO sip:a SIP/2.0\r\nContent-Type: {INFO_TYPE}\r\n\r\n{body}")
    assert info.digit == (digit, 250)


@pytest.mark.parametrize(
    ("digit", "duration"), [("", 100), ("12", 100), ("a", 100), ("1\r\nX: y", 100), ("1", 0)]
)
def test_what_is_no_digit(digit: str, duration: int) -> None:
    with pytest.raises(ValueError, match=r"no digit|cannot last"):
        info_body(digit, duration)
