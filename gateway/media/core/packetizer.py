"""Packets of another length than the clock's frames: 10 to 60 ms, sent at even distances. Pure.

The clock makes 20 ms at a time. A trunk that wants 30 ms gets them 30 ms apart, not in turns 20 and
40: its jitter buffer would take the difference for the network's.
"""

from __future__ import annotations

from collections import deque

TICKS_PER_MS = 5  # a tick of the media clock is 5 ms


class Packetizer:
    """Cuts one stream of codes.

    Parameters
    ----------
    ptime
        Milliseconds of a packet, a multiple of 5.
    size
        Bytes of a packet.
    """

    def __init__(self, ptime: int, size: int) -> None:
        self._step = ptime // TICKS_PER_MS
        self._size = size
        self._rest = b""
        self._due: deque[tuple[int, bytes]] = deque()
        self._last: int | None = None

    def put(self, codes: bytes, tick: int) -> None:
        """Take the codes of a frame at this tick of the clock."""
        self._rest += codes
        while len(self._rest) >= self._size:
            payload, self._rest = self._rest[: self._size], self._rest[self._size :]
            due = tick if self._last is None else max(tick, self._last + self._step)
            # A stream that the clock has moved earlier may catch up again
            self._last = min(due, tick + self._step)
            self._due.append((self._last, payload))

    def take(self, tick: int) -> bytes | None:
        """Return a payload that is due at this tick; call until there is none."""
        if self._due and self._due[0][0] <= tick:
            return self._due.popleft()[1]
        return None

    def clear(self) -> None:
        """Drop what waits, as when the stream pauses."""
        self._rest = b""
        self._due.clear()
        self._last = None
