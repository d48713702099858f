"""Trunk → browser: one stream's way from packets to frames of the batch.

No buffer: the browser has the best one there is. So what the browser gets keeps the shape of what
came: a packet lost by the trunk stays a gap in our sequence numbers, and a pause stays a pause in
our timestamps.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

from gateway.media.counters import rejected
from voice.codec import Codec
from voice.sequence import SequenceTracker

# More lost packets in a row than this are a new start, not a gap that the browser should conceal
WIDEST_GAP = 50  # packets

# Frames that are made up where packets were lost. They are not sent: the encoder hears them, so
# that the FEC of the packet after the gap repairs what was lost and not what was before it
MOST_MADE_UP = 2

FRAME = 0.02  # seconds

HISTORY = 3  # frames that concealment looks back on


class Frame(NamedTuple):
    """Twenty milliseconds for the browser: codes, and the RTP header's fields.

    `history` are the frames before a lost one, which `codes` is empty for.
    """

    codes: bytes
    sequence: int
    timestamp: int
    marker: bool
    history: tuple[bytes, ...] = ()


class DownPacket(NamedTuple):
    """What a trunk's packet holds: codes, and how many bytes of them a tick of its clock has."""

    codes: bytes
    timestamp: int
    marker: bool
    bytes_per_tick: int


class DownStream:
    """Cuts one trunk stream into frames and keeps its timing.

    Parameters
    ----------
    sequence, timestamp
        The first of ours.
    clock_rate
        Of our timestamps: the browser's codec's, in Hz.
    """

    def __init__(
        self, sequence: int, timestamp: int, counters: Counter[str], clock_rate: int = 48000
    ) -> None:
        self.clock_rate = clock_rate
        self._sequence = sequence
        self._timestamp = timestamp
        self._counters = counters
        self._ssrc: int | None = None
        self._track = SequenceTracker()
        self._restarts = 0
        self._last = 0  # unwrapped sequence number of the newest packet
        self._origin = 0  # trunk timestamp that stands for `_timestamp`
        # Hz of both clocks since `_origin`
        self._ours, self._theirs = clock_rate, clock_rate
        self._end = timestamp  # ours, just after the newest frame
        self._codec: Codec | None = None
        self._rest = b""
        self._history: deque[bytes] = deque(maxlen=HISTORY)
        self._arrived = 0.0
        self._unmarked = False  # the next frame begins a stretch of audio
        self._filled = False  # frames of ours have come after the newest packet

    def pass_over(self, ssrc: int, sequence: int) -> None:
        """A packet that is no audio (a telephone event) has a number in the stream, too."""
        if ssrc == self._ssrc:
            self._last = max(self._last, self._track(sequence) or 0)

    def begin(self, ssrc: int, sequence: int, timestamp: int, codec: Codec, now: float) -> int:
        """Place a packet in the stream: return how many are missing before it, -1 if it is late."""
        clock_rate = codec.clock_rate
        if ssrc != self._ssrc:
            self._start(ssrc, sequence, timestamp, clock_rate, now)
        number = self._track(sequence)
        if self._track.restarts != self._restarts:
            self._restarts = self._track.restarts
            self._move(timestamp, clock_rate, now)
            self._last = (number or 0) - 1
        if number is None or number <= self._last:
            self._counters[rejected("trunk", "late")] += 1
            return -1
        if clock_rate != self._theirs or self.clock_rate != self._ours:
            self._move(timestamp, clock_rate, now)
        if codec is not self._codec:  # codes of the one are noise to the other
            self._codec = codec
            self._rest = b""
            self._history.clear()
        gap = number - self._last - 1
        if gap:
            self._counters["trunk_packets_lost"] += gap
        self._last = number
        self._arrived = now
        return gap

    def cut(self, packet: DownPacket, size: int, gap: int) -> list[Frame]:
        """Return the frames of `size` bytes that a packet completes, after `gap` missing ones."""
        lost: list[Frame] = []
        if gap:
            lost = self._lost(min(gap, MOST_MADE_UP))
            self._sequence += gap if gap <= WIDEST_GAP else 0
            self._rest = b""
        codes, per_tick = packet.codes, packet.bytes_per_tick
        marker = packet.marker or self._unmarked
        self._unmarked = False
        if not self._rest and len(codes) == size:  # nearly always
            return [*lost, self._frame(codes, packet.timestamp, size // per_tick, marker)]
        # A sample that is cut off would put all that follow out of step
        data = self._rest + codes[: len(codes) - len(codes) % per_tick]
        start = packet.timestamp - len(self._rest) // per_tick
        whole = len(data) - len(data) % size
        frames = lost
        for offset in range(0, whole, size):
            ticks = start + offset // per_tick
            frames.append(
                self._frame(data[offset : offset + size], ticks, size // per_tick, marker)
            )
            marker = False
        self._rest = data[whole:]
        self._unmarked = marker and not whole
        return frames

    def whole(self, packet: DownPacket, ticks: int, gap: int) -> Frame:
        """Return a packet that lasts so many ticks as one frame, as it is."""
        self._sequence += gap if gap <= WIDEST_GAP else 0
        marker = packet.marker or self._unmarked
        self._unmarked = False
        return self._frame(packet.codes, packet.timestamp, ticks, marker)

    def extend(self) -> Frame:
        """Return a frame that follows the newest without a packet: for noise in a pause."""
        frame = Frame(b"", self._sequence & 0xFFFF, self._end, self._unmarked)
        self._unmarked = False
        self._sequence += 1
        self._end = (self._end + self.clock_rate // 50) & 0xFFFFFFFF
        self._filled = True
        return frame

    def _frame(self, codes: bytes, start: int, ticks: int, marker: bool) -> Frame:
        if self._filled:  # frames of ours have filled the pause: go on right after them
            self._filled = False
            self._timestamp, self._origin = self._end, start
        passed = ((start - self._origin) & 0xFFFFFFFF) * self._ours // self._theirs
        ours = (self._timestamp + passed) & 0xFFFFFFFF
        frame = Frame(codes, self._sequence & 0xFFFF, ours, marker)
        self._end = (ours + ticks * self._ours // self._theirs) & 0xFFFFFFFF
        self._sequence += 1
        self._history.append(codes)
        return frame

    def _lost(self, count: int) -> list[Frame]:
        history = tuple(self._history)
        return [Frame(b"", 0, 0, marker=False, history=history)] * count if history else []

    def _start(self, ssrc: int, sequence: int, timestamp: int, clock_rate: int, now: float) -> None:
        """Begin with a new source; for the browser the stream goes on, after what time passed."""
        first = self._ssrc is None
        self._ssrc = ssrc
        self._track = SequenceTracker()
        self._restarts = 0
        self._last = sequence - 1
        if first:
            self._arrived = now
        self._move(timestamp, clock_rate, now)

    def _move(self, timestamp: int, clock_rate: int, now: float) -> None:
        """Let the trunk's clock begin anew at this timestamp."""
        passed = max(0.0, now - self._arrived - FRAME)  # the newest frame has taken its time
        self._timestamp = (self._end + round(passed * self.clock_rate)) & 0xFFFFFFFF
        self._origin = timestamp
        self._ours, self._theirs = self.clock_rate, clock_rate
        self._unmarked = True
        self._rest = b""
        self._history.clear()
