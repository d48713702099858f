"""Packets of another length than the clock's frames: 10 to 60 ms, sent at even distances. Pure.

The clock makes 20 ms at a time. A trunk that wants 30 ms gets them 30 ms apart, not in turns 20 and
40: its jitter buffer would take the difference for the network's.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memmove

import numpy as np

from gateway.media.engine.clock import TICK

_TICK_MS = round(1000 * TICK)


cdef class Packetizer:
    """Cuts one stream of codes.

    Parameters
    ----------
    ptime
        Milliseconds of a packet, a multiple of 5.
    size
        Bytes of a packet.
    """

    def __init__(self, ptime: int, size: int) -> None:
        self._step = ptime // _TICK_MS
        self._size = size
        self._codes = np.zeros((MOST_DUE + 1) * size, np.uint8)

    def put(self, codes: bytes, tick: int) -> None:
        """Take the codes of a frame at this tick of the clock."""
        self.put_codes(codes, len(codes), tick)

    def take(self, tick: int) -> bytes | None:
        """Return a payload that is due at this tick; call until there is none."""
        out = np.zeros(self._size, np.uint8)
        return out.tobytes() if self.take_due(tick, out, 0) else None

    def clear(self) -> None:
        """Drop what waits, as when the stream pauses."""
        self.drop_all()

    cdef void put_codes(self, const uint8_t[::1] codes, int size, int64_t tick) noexcept nogil:
        cdef int64_t due
        if size <= 0 or size > codes.shape[0] or self._waiting + size > self._codes.shape[0]:
            return
        memcpy(&self._codes[self._waiting], &codes[0], size)
        self._waiting += size
        while (self._packets + 1) * self._size <= self._waiting and self._packets < MOST_DUE:
            due = tick
            if self._running:
                # A stream that the clock has moved earlier may catch up again
                due = min(max(tick, self._last + self._step), tick + self._step)
            self._last, self._running = due, True
            self._due[self._packets] = due
            self._packets += 1

    cdef int take_due(self, int64_t tick, uint8_t[::1] out, int at) noexcept nogil:
        cdef int place
        if not self._packets or self._due[0] > tick or at + self._size > out.shape[0]:
            return 0
        memcpy(&out[at], &self._codes[0], self._size)
        self._packets -= 1
        for place in range(self._packets):
            self._due[place] = self._due[place + 1]
        self._waiting -= self._size
        if self._waiting:
            memmove(&self._codes[0], &self._codes[self._size], self._waiting)
        return self._size

    cdef void drop_all(self) noexcept nogil:
        self._waiting = self._packets = 0
        self._running = False
