"""What the packet path hands over to Python: whatever is rare.

ICE, DTLS, RTCP and telephone events are a few packets a second and much logic. The packet path
copies them here without the interpreter; once per tick they go to their legs' owners.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

import numpy as np

from gateway.media.engine.receive cimport LONGEST_PACKET


cdef class NewsQueue:
    """A tick's worth; what does not fit is refused."""

    def __init__(self) -> None:
        self.octets = np.zeros((MOST_NEWS, LONGEST_PACKET), np.uint8)

    cdef bint put(
        self,
        void *leg,
        Subject subject,
        const uint8_t[::1] octets,
        int at,
        int size,
        const Address *source,
        const Address *destination,
        double arrival,
        const RtpHeader *header,
    ) noexcept nogil:
        """Take a copy; false if there is no room."""
        cdef Item *item
        if self.count == MOST_NEWS or size > self.octets.shape[1]:
            return False
        item = &self.items[self.count]
        memset(item, 0, sizeof(Item))
        item.leg, item.subject, item.size, item.arrival = leg, subject, size, arrival
        if source != NULL:
            item.source = source[0]
        if destination != NULL:
            item.destination = destination[0]
        if header != NULL:
            item.header = header[0]
        if size:
            memcpy(&self.octets[self.count, 0], &octets[at], size)
        self.count += 1
        return True

    cdef bytes octets_of(self, int place):
        cdef Item *item = &self.items[place]
        if not item.size:
            return b""
        return (<char *> &self.octets[place, 0])[:item.size]
