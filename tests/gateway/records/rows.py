"""Rows and records for the tests of this folder."""

from __future__ import annotations

from typing import Any

from gateway.admission.grant import Visitor
from gateway.calls.record import CallRecord
from gateway.calls.request import CallRequest
from gateway.records.row import Leg, Row

STARTED = 1_764_427_585.123


def row(number: int = 1, **changes: Any) -> Row:
    """Return the row of an answered call, the later the higher its number."""
    values: dict[str, Any] = {
        "id": f"{number:016x}",
        "node": "one",
        "direction": "outgoing",
        "state": "ended",
        "started": round(STARTED + number, 3),
        "answered": round(STARTED + number + 1, 3),
        "ended": round(STARTED + number + 3, 3),
        "duration_ms": 2000,
        "from_number": "+15550001",
        "to_number": "+15551234567",
        "identity": "sales",
        "trunk": "lab",
        "ended_by": "local",
        "cause": "hangup",
        "code": 200,
        "reason": "OK",
        "cost": 0.0125,
        "browser": Leg(mos=4.2, loss=0.01, packets_received=100, octets_received=16_000),
    }
    return Row(**{**values, **changes})


def record(number: int = 1, **changes: Any) -> CallRecord:
    """Return the record of a call that has just been placed."""
    request = CallRequest(
        to="+15551234567",
        offer="v=0",
        caller="+15550001",
        visitor=Visitor("192.0.2.1", "https://shop.example", "session-1"),
        identity="sales",
        page_call="page-1",
    )
    values = {"id": f"{number:016x}", "request": request, "trunk": "lab", "started": STARTED}
    return CallRecord(**{**values, **changes})
