"""The way of packets through one tick; packet_path.pyx says more."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from gateway.media.engine.address cimport Address
from gateway.media.engine.bank cimport Bank
from gateway.media.engine.browser_port cimport BrowserPort
from gateway.media.engine.leg cimport Leg
from gateway.media.engine.news cimport NewsQueue
from gateway.media.engine.receive cimport Inbox
from voice.counters cimport Counters

cdef enum:
    # What epoll tells of a socket: a trunk leg's address, which is even, and in the low bit whether
    # it is the one for RTCP; or this
    BROWSERS = 0
    RTCP_SOCKET = 1


cdef class PacketPath:
    cdef readonly BrowserPort browsers
    cdef readonly Counters trunk_counters
    cdef readonly Bank narrow, wide
    cdef readonly double now  # seconds: the time that the tick is for
    cdef public double unix_offset  # seconds from `now` to the time since 1970
    cdef readonly int64_t tick_number
    cdef int slot  # that is served in this tick
    cdef int64_t next_tick  # the tick whose frames are collected next
    cdef void **served  # borrowed legs, all of them
    cdef readonly int count  # of them
    cdef int room
    cdef NewsQueue queue
    cdef Inbox inbox
    cdef int epoll
    cdef int digits_due  # legs that send digits in this tick
    cdef int changed  # legs whose source has changed its codec
    cdef int given  # rows that Python fills

    cdef void drain(self, double now) noexcept nogil
    cdef int watch(self, int fd, uint64_t key) except -1
    cdef void collect(self) noexcept nogil
    cdef bint lacks(self, Bank bank) noexcept nogil
    cdef void send(self, Bank bank) noexcept nogil
    cdef void send_due(self) noexcept nogil
    cdef void skip_frames(self, int frames, double resumed) noexcept nogil
    cdef void _drain_browsers(self, double now, double unix_now) noexcept nogil
    cdef void take_held(self, void *owner, double now) noexcept nogil
    cdef bint _take_media(
        self, void *owner, int place, int size, double arrival, double now
    ) noexcept nogil
    cdef void _drain_trunk(self, uint64_t key, double now, double unix_now) noexcept nogil
    cdef int _take_batch(
        self, void *owner, bint rtcp, int count, double now, double unix_now
    ) noexcept nogil
    cdef bint _take_rtp(
        self, void *owner, int place, int size, double arrival, double now
    ) noexcept nogil
    cdef int _decrypt(
        self,
        void *owner,
        int place,
        int size,
        bint rtcp,
        const Address *source,
        double arrival,
    ) noexcept nogil
    cdef void _take_rtcp(self, void *owner, int place, int size, double arrival) noexcept nogil
    cdef void _pass_on(
        self, Leg leg, const uint8_t[::1] packet, int size, double arrival, double now
    ) noexcept nogil
    cdef void _serve(self, void *owner) noexcept nogil


cdef double clock_now(int which) noexcept nogil
