"""Trunk → browser: one stream's way from G.711 packets to frames of the batch.

No buffer: the browser has the best one there is. So what the browser gets keeps the shape of what
came: a packet lost by the trunk stays a gap in our sequence numbers, and a pause stays a pause in
our timestamps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.media.counters import rejected
from voice.sequence import SequenceTracker

RATE = 8000  # Hz
FRAME_SAMPLES = 160  # 20 ms; one G.711 code is one sample
OPUS_TICKS = 6  # Opus counts time at 48 kHz whatever it carries (RFC 7587 section 4.1)

# More lost packets in a row than this are a new start, not a gap that the browser should conceal
WIDEST_GAP = 50  # packets


@dataclass(frozen=True, slots=True)
class Frame:
    """Twenty milliseconds for the browser: codes, and the RTP header's fields."""

    codes: bytes
    sequence: int
    timestamp: int
    marker: bool


class DownStream:
    """Cuts one trunk stream into Opus-sized frames and keeps its timing."""

    def __init__(self, sequence: int, timestamp: int, counters: Counter[str]) -> None:
        self._sequence = sequence
        self._timestamp = timestamp
        self._counters = counters
        self._ssrc: int | None = None
        self._track = SequenceTracker()
        self._last = 0  # unwrapped sequence number of the newest packet
        self._origin = 0  # trunk timestamp that stands for `_timestamp`
        self._end = timestamp  # ours, just after the newest frame
        self._rest = b""
        self._arrived = 0.0

    def pass_over(self, ssrc: int, sequence: int) -> None:
        """A packet that is no audio (a telephone event) has a number in the stream, too."""
        if ssrc == self._ssrc:
            self._last = max(self._last, self._track(sequence) or 0)

    def cut(
        self, ssrc: int, sequence: int, timestamp: int, marker: bool, codes: bytes, now: float
    ) -> Iterator[Frame]:
        """Yield the frames that a packet completes; `codes` is one byte per sample."""
        number = self._track(sequence) if ssrc == self._ssrc else None
        if ssrc != self._ssrc or self._track.restarts:
            number = self._start(ssrc, sequence, timestamp, now)
            marker = True
        if number is None or number <= self._last:
            self._counters[rejected("trunk", "late")] += 1
            return
        gap = number - self._last - 1
        self._last = number
        self._arrived = now
        if gap:
            self._sequence += gap if gap <= WIDEST_GAP else 0
            self._rest = b""
        behind = len(self._rest)
        data = self._rest + codes if behind else codes
        start = timestamp - behind
        whole = len(data) - len(data) % FRAME_SAMPLES
        for offset in range(0, whole, FRAME_SAMPLES):
            elapsed = (start + offset - self._origin) & 0xFFFFFFFF
            ours = (self._timestamp + elapsed * OPUS_TICKS) & 0xFFFFFFFF
            yield Frame(
                data[offset : offset + FRAME_SAMPLES], self._sequence & 0xFFFF, ours, marker
            )
            self._end = ours + FRAME_SAMPLES * OPUS_TICKS
            self._sequence += 1
            marker = False
        self._rest = data[whole:]

    def _start(self, ssrc: int, sequence: int, timestamp: int, now: float) -> int | None:
        """Begin with a new source; for the browser the stream goes on, after what time passed."""
        if self._ssrc is not None:
            passed = max(0.0, now - self._arrived)
            self._timestamp = self._end + round(passed * RATE) * OPUS_TICKS
        self._ssrc = ssrc
        self._track = SequenceTracker()
        number = self._track(sequence)
        self._last = sequence - 1
        self._origin = timestamp
        self._rest = b""
        return number
