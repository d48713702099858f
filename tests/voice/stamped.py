"""A trunk whose packets the time line stamps, and what a browser hears of them."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from voice.time_line import NOT_PLACED, TimeLine

SEQUENCE, TIMESTAMP = 65534, 2**32 - 500
UNITS = 160  # of G.711 in 20 ms
STEP = 960  # of Opus in 20 ms
RATIO = 6  # of the clocks
FRAME = 0.02  # seconds
SOURCE = 7
JITTER = 0.04  # seconds, where arrivals are not even


class Stamp(NamedTuple):
    sequence: int
    timestamp: int
    marker: bool


class Heard(NamedTuple):
    """What became of a packet, in frames of 20 ms since the first that is heard."""

    at: float  # when it came, seconds
    time: float  # where it begins on our line, seconds
    number: int  # of ours
    marker: bool


class Trunk:
    """Feeds a time line; every packet has 20 ms of G.711 unless it says otherwise."""

    def __init__(self, clock_rate: int = 48000) -> None:
        self.line = TimeLine(SEQUENCE, TIMESTAMP, clock_rate)
        self.missing: list[int] = []

    def send(
        self,
        sequence: int,
        timestamp: int,
        now: float | None = None,
        *,
        ssrc: int = SOURCE,
        marker: bool = False,
        clock_rate: int = 8000,
        units: int = UNITS,
    ) -> Stamp | None:
        """Return the stamp of a packet that comes when its timestamp says so, or `now`."""
        when = timestamp / clock_rate if now is None else now
        missing = self.line.place(
            ssrc, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, marker, clock_rate, units, when
        )
        if missing == NOT_PLACED:
            return None
        self.missing.append(missing)
        return Stamp(*self.line.stamp(0, self.line.clock_rate // 50))

    def heard(
        self,
        sequence: int,
        timestamp: int,
        now: float | None = None,
        *,
        ssrc: int = SOURCE,
        marker: bool = False,
        clock_rate: int = 8000,
        units: int = UNITS,
    ) -> Stamp:
        """Return the stamp of a packet that has one."""
        stamp = self.send(
            sequence, timestamp, now, ssrc=ssrc, marker=marker, clock_rate=clock_rate, units=units
        )
        assert stamp is not None
        return stamp

    def late(self, sequence: int, timestamp: int, ssrc: int = SOURCE) -> Stamp | None:
        """Return the place of a packet that others have overtaken."""
        assert self.send(sequence, timestamp, ssrc=ssrc) is None
        stamp = self.line.stamp_late(ssrc, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 8000)
        return None if stamp is None else Stamp(*stamp)


def numbers(stamps: list[Stamp]) -> list[int]:
    return [(stamp.sequence - SEQUENCE) & 0xFFFF for stamp in stamps]


def passed(before: Stamp, after: Stamp) -> int:
    return (after.timestamp - before.timestamp) % 2**32


def steps(stamps: list[Stamp]) -> set[int]:
    return {passed(before, after) for before, after in pairwise(stamps)}
