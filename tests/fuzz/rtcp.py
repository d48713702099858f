"""RTCP: what was read can be written and read again, and a leg's reports bear any of it."""

from __future__ import annotations

from collections import Counter

from gateway.media.reports import LegIdentity, LegReports
from voice.reception import Reception
from voice.rtcp import RtcpError, pack, parse


def one_input(data: bytes) -> None:
    identity = LegIdentity("trunk", 1, "cname", 1.7e9)
    leg = LegReports(
        identity, Counter(), started=0.0, uniform=lambda: 0.5, codec="PCMU", clock_rate=8000
    )
    reception = Reception()
    reception.update(int.from_bytes(data[8:12], "big"), 1, 0, 0.0, 8000)
    leg.update(reception.snapshot())
    leg.sent(1, 160, 0, 0.0)
    leg.take(data, 1.0)
    leg.due(20.0)
    leg.quality(21.0, None, buffer_ms=20.0)
    try:
        packets = parse(data)
    except RtcpError:
        return
    assert parse(pack(*packets)) == packets
