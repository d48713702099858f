"""A browser's getStats, as far as it says how the call is heard. Pure.

The names are those of W3C's "Identifiers for WebRTC's Statistics API". A report is whatever a page
makes of it: what is missing, or is no number, is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from gateway.calls.opinion import PageSample

# Beyond it clocks and counters are broken, or somebody plays with us
LONGEST_MS = 60_000.0

Entry = Mapping[str, Any]


def read_stats(entries: Iterable[Entry]) -> PageSample:
    """Return what the entries of a report say."""
    heard: Entry = {}
    sent: Entry = {}
    pair: Entry = {}
    for entry in entries:
        is_audio = entry.get("kind", "audio") == "audio"
        match entry.get("type"):
            case "inbound-rtp" if is_audio:
                heard = entry
            case "remote-inbound-rtp" if is_audio:
                sent = entry
            case "candidate-pair" if entry.get("nominated") is True:
                pair = entry
    lost, received = _number(heard, "packetsLost"), _number(heard, "packetsReceived")
    return PageSample(
        # More packets than were expected have come where some came twice: the loss is below zero
        loss=_share(lost, None if lost is None or received is None else max(lost, 0.0) + received),
        concealed=_share(
            _number(heard, "concealedSamples"), _number(heard, "totalSamplesReceived")
        ),
        jitter_ms=_milliseconds(_number(heard, "jitter")),
        rtt_ms=_milliseconds(_number(sent, "roundTripTime"), _number(pair, "currentRoundTripTime")),
    )


def _number(entry: Entry, name: str) -> float | None:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _share(part: float | None, whole: float | None) -> float | None:
    if part is None or whole is None or whole <= 0:
        return None
    return min(max(part / whole, 0.0), 1.0)


def _milliseconds(*seconds: float | None) -> float | None:
    """Return the first that is known."""
    found = next((each for each in seconds if each is not None), None)
    return None if found is None else min(max(found * 1000, 0.0), LONGEST_MS)
