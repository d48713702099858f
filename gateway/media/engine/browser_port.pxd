"""The UDP port of all browsers, for the packet path; browser_port.pyx says more."""

from libc.stdint cimport uint8_t, uint32_t

from gateway.media.engine.address cimport Address, Key, KeyTable
from gateway.media.engine.kernel cimport iovec, mmsghdr, sockaddr_storage
from gateway.media.engine.pktinfo cimport Control
from gateway.media.engine.srtp cimport SrtpSession
from gateway.media.engine.transport cimport Transport
from voice.counters cimport Counters
from voice.token_bucket cimport TokenBucket

cdef enum:
    # Packets to browsers that go with one call of the kernel. More would save a hundredth, and the
    # first would wait for the encoding of the last
    SENT_AT_ONCE = 8
    # Streams of one browser: a call has one. libsrtp keeps state for each, also of RTCP
    MOST_SOURCES = 8
    # Packets that are kept until the keys are there: the browser may speak as soon as it has them
    MOST_HELD = 8

cdef enum Kind:
    DROPPED
    HANDSHAKE  # STUN or DTLS, for Python
    MEDIA  # SRTP or SRTCP of a leg's browser
    EARLY  # the same, before the leg has its keys


# Whose stream a packet is of, by the place of the SSRC in its header
cdef uint32_t ssrc_at(const uint8_t[::1] packet, int at) noexcept nogil


cdef class Binding(Transport)


cdef class BrowserPort:
    cdef readonly object socket
    cdef readonly Counters counters
    cdef int fd
    cdef readonly bint anywhere  # bound to any address: each datagram tells which one it came to
    cdef KeyTable _fragments, _sources
    # What is to be sent: SENT_AT_ONCE packets, and where each goes
    cdef uint8_t[:, ::1] _packets
    cdef sockaddr_storage _names[SENT_AT_ONCE]
    cdef iovec _vectors[SENT_AT_ONCE]
    cdef mmsghdr _messages[SENT_AT_ONCE]
    cdef Control _controls[SENT_AT_ONCE]
    cdef int _queued
    cdef Binding _departed  # owns the addresses of legs that are gone
    cdef dict _ended  # when, by (host, port) of them
    cdef dict _legs  # of the bindings whose keys are in the tables, which hold nothing themselves

    # Whose datagram it is (a borrowed Binding), and what kind; counts what it drops
    cdef void *sort(
        self, const uint8_t[::1] packet, int size, const Address *source, double now, Kind *kind
    ) noexcept nogil
    cdef void *_owner_of_check(self, const uint8_t[::1] packet, int size) noexcept nogil
    cdef void *_owner_of_source(self, const Address *source) noexcept nogil
    cdef uint8_t[::1] next_row(self) noexcept nogil
    cdef bint queue(
        self, int size, const Address *destination, const Address *source
    ) noexcept nogil
    cdef void flush(self) noexcept nogil
    cdef void *_drop(self, int reason) noexcept nogil
    cdef void *_drop_of(self, const Address *source, int reason) noexcept nogil


cdef class Binding(Transport):
    cdef BrowserPort port
    cdef void *leg  # borrowed; the leg owns its binding
    cdef Address remote
    cdef Address own  # ours that the browser sends to, and that packets to it leave from
    cdef bint heard  # anything has come from the browser since it was last asked
    cdef SrtpSession inbound, outbound
    cdef bint _closed
    cdef set _addresses
    cdef str _fragment
    cdef TokenBucket _handshakes, _strange  # of the leg's addresses, and of all others
    cdef uint32_t _known[MOST_SOURCES]  # SSRCs that have been authenticated
    cdef int _known_count
    cdef uint8_t *_held  # [MOST_HELD, LONGEST_PACKET]; NULL: nothing is held
    cdef int _held_sizes[MOST_HELD]
    cdef double _held_arrivals[MOST_HELD]
    cdef readonly int held

    cdef bint may_shake_hands(self, bint known, double now) noexcept nogil
    cdef bint _stay(self) except? True
    cdef int _forget_fragment(self) except -1
    cdef bint knows_source(self, uint32_t ssrc) noexcept nogil
    cdef void remember_source(self, uint32_t ssrc) noexcept nogil
    cdef bint hold(self, const uint8_t[::1] packet, int size, double arrival) noexcept nogil
    # Bytes copied to the beginning of `packet`; 0: there is no such packet
    cdef int take_held(self, int place, uint8_t[::1] packet, double *arrival) noexcept nogil
    cdef void drop_held(self) noexcept nogil
