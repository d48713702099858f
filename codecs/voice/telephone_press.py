"""Which packets of telephone events are one press of a key. Pure.

RFC 4733 tells a press by its RTP timestamp. Real senders let several presses share a timestamp, or
count it on during one press; their sequence numbers are right. So packets are ordered by these, and
what follows in that order goes on with the press unless something says that another has begun.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

LONGEST_SEGMENT = 0xFFFF  # what the duration field holds; longer events go in segments

_MASK = 0xFFFFFFFF

# An end says the exact duration; the packet before it may have said what it would be by its own end
_ROUNDED = 0.05  # seconds
_NEAR_THE_LONGEST = 0.2  # seconds: from packet to packet, with losses
_REPETITIONS = 8  # packets after the first end that may repeat it; RFC 4733 has 2
_REPEATED_FOR = 0.5  # seconds, with jitter
_PAUSED = 0.4  # seconds after which a marker says something even if all packets have one
_SILENT = 3.0  # seconds after which nothing belongs to a press any more
_STALE = 2.0  # seconds after which no packet comes for a second time

# A timestamp that counts on within a press: seconds per packet, and so for a repeated end if it has
# not been seen to count on. The next press of the same key begins 70 ms later at the earliest
_COUNTING = 0.06
_COUNTING_END = 0.03
_MISSED = 5  # packets
_EXACT = 0.01  # seconds


class PressPacket(NamedTuple):
    """A packet of a press: `number` in its source's order, `at` seconds of arrival."""

    digit: str
    number: int
    timestamp: int
    marker: bool
    end: bool
    duration: int
    at: float


@dataclass(slots=True)
class Press:
    """A press as far as its packets have come; times in timestamp units at `rate` Hz."""

    first: PressPacket
    rate: int
    last: PressPacket = field(init=False)
    heard: float = field(init=False)  # seconds: when the newest packet came
    units: int = field(init=False)  # of the newest segment
    before: int = 0  # units of earlier segments
    ended: PressPacket | None = None  # the first of its end packets
    reported: bool = False  # its end has been told
    marked: bool = field(init=False)  # all packets have the marker, so that it says nothing
    counting: bool | None = None  # the timestamp grows with every packet; None: not known yet

    def __post_init__(self) -> None:
        self.last = self.first
        self.heard, self.units = self.first.at, self.first.duration
        self.marked = self.first.marker
        self.ended = self.first if self.first.end else None

    @property
    def digit(self) -> str:
        return self.first.digit

    @property
    def duration_ms(self) -> int:
        return (self.before + self.units) * 1000 // self.rate

    def goes_on_with(self, packet: PressPacket) -> bool:
        """Whether a packet that is later than all others is of this press as well."""
        grown = packet.duration - self.last.duration
        if packet.digit != self.digit or self._is_over(packet, grown):
            return False
        # A sender that marks its ends, or a longer duration, marks too much
        resumed = packet.at - self.heard > _PAUSED
        if packet.marker and not packet.end and grown <= 0 and (resumed or not self.marked):
            return False
        if packet.timestamp == self.last.timestamp:
            return self._wraps(packet) or not self._starts_over(packet, grown)
        return self._is_next_segment(packet) or self._counts_on(packet, grown)

    def holds(self, packet: PressPacket) -> bool:
        """Whether a packet whose number lies within this press is of it, perhaps once more."""
        span = (self.last.timestamp - self.first.timestamp) & _MASK
        within = (packet.timestamp - self.first.timestamp) & _MASK <= span
        stale = self.ended is not None and packet.at - self.heard > _STALE
        return packet.digit == self.digit and within and not stale

    def began_with(self, packet: PressPacket) -> bool:
        """Whether a packet that is earlier than all others is of this press as well."""
        return Press(packet, self.rate).goes_on_with(self.first)

    def add(self, packet: PressPacket) -> None:
        """Take a packet of this press."""
        if packet.number > self.last.number:
            self._advance(packet)
        elif packet.number < self.first.number:
            self.first = packet
        if packet.timestamp == self.last.timestamp:
            self.units = max(self.units, packet.duration)
        self.marked = self.marked and packet.marker
        self.heard = max(self.heard, packet.at)
        if packet.end and (self.ended is None or packet.number < self.ended.number):
            self.ended = packet

    def _advance(self, packet: PressPacket) -> None:
        ahead = (packet.timestamp - self.last.timestamp) & _MASK
        if self._is_next_segment(packet):
            self.before += ahead
            self.units = 0
        elif ahead:
            self.counting = True
            if self.ended is None:  # whatever the duration field says
                self.units = max(self.units, (packet.timestamp - self.first.timestamp) & _MASK)
        elif self._wraps(packet):
            self.before += LONGEST_SEGMENT + 1
            self.units = 0
        if self.counting is None:
            self.counting = False
        self.last = packet

    def _is_over(self, packet: PressPacket, grown: int) -> bool:
        """Whether a packet comes too late, or after the end without repeating it."""
        if packet.at - self.heard > _SILENT + max(grown, 0) / self.rate:
            return True
        if self.ended is None:
            return False
        repeats = packet.number - self.ended.number <= _REPETITIONS
        return not packet.end or not repeats or packet.at - self.ended.at > _REPEATED_FOR

    def _starts_over(self, packet: PressPacket, grown: int) -> bool:
        """Whether the duration says that another press has begun."""
        if packet.end:
            return packet.duration > 0 and -grown > _ROUNDED * self.rate
        return grown < 0

    def _wraps(self, packet: PressPacket) -> bool:
        """Whether the duration begins anew because its field holds no more."""
        near = _NEAR_THE_LONGEST * self.rate
        longest = self.last.duration > LONGEST_SEGMENT - near and self.ended is None
        return longest and packet.duration < near and not packet.marker

    def _is_next_segment(self, packet: PressPacket) -> bool:
        """Whether a packet begins where the longest duration ends (RFC 4733 section 2.5.1.3)."""
        ahead = (packet.timestamp - self.last.timestamp) & _MASK
        longest = LONGEST_SEGMENT - _NEAR_THE_LONGEST * self.rate
        whole = ahead in (LONGEST_SEGMENT, LONGEST_SEGMENT + 1)
        follows = whole or ahead == self.last.duration > longest
        return follows and not packet.marker and self.ended is None

    def _counts_on(self, packet: PressPacket, grown: int) -> bool:
        """Whether another timestamp is that of the same press, whose sender counts it on."""
        ahead = (packet.timestamp - self.last.timestamp) & _MASK
        apart = packet.number - self.last.number
        begins = packet.marker and not self.marked and not (packet.end and self.counting)
        if begins or self._starts_over(packet, grown):
            return False
        told = ahead <= grown + _EXACT * self.rate  # the duration has grown as well
        if told and grown > 0 and self.ended is None and apart <= _MISSED:
            return True
        pace = _COUNTING
        if not self.counting:
            if packet.marker or self.counting is False or apart > _MISSED:
                return False
            pace = _COUNTING if self.ended is None else _COUNTING_END
        return ahead <= max(grown, 0) + pace * self.rate * apart
