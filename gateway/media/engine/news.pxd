"""What the packet path hands over to Python; news.pyx says more."""

from libc.stdint cimport uint8_t

from gateway.media.engine.address cimport Address
from voice.rtp cimport RtpHeader

cdef enum Subject:
    DATAGRAM  # STUN or DTLS
    RTCP
    TELEPHONE_EVENT
    COMFORT_NOISE
    MOVED  # `source` is a host that the far end's description does not name

cdef enum:
    MOST_NEWS = 256

cdef struct Item:
    void *leg  # borrowed: the queue is emptied before any leg goes
    Subject subject
    int size
    Address source
    Address destination  # ours that it has come to, where the port is bound to any
    double arrival
    RtpHeader header


cdef class NewsQueue:
    cdef Item items[MOST_NEWS]
    cdef uint8_t[:, ::1] octets
    cdef int count

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
    ) noexcept nogil
    cdef bytes octets_of(self, int place)
