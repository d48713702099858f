"""Whose RTP a trunk leg takes; latch.pyx says more."""

cimport cython
from libc.stdint cimport uint32_t

from gateway.media.engine.address cimport Address

cdef enum Verdict:
    TAKEN
    STRANGER
    OTHER_SSRC


@cython.final
cdef class SourceLatch:
    cdef Address _described, _source, _former
    cdef Address _peer  # the SIP peer's host; family 0: not believed
    cdef Address _told  # the host that `news_of_move` has told last
    cdef bint _any
    cdef uint32_t _ssrc, _former_ssrc
    cdef bint _has_ssrc
    cdef double _latched  # when the source was latched on to, in seconds
    cdef double _heard  # when anything came from the source, in seconds
    cdef double _spoke  # when its stream of audio was heard
    cdef int _returned  # packets of the former SSRC since it changed
    cdef double _contested_until  # until when no other SSRC is believed
    cdef double _changed  # when its SSRC changed
    cdef readonly bint moved  # the source is at a host that the description does not name

    cdef bint target(self, Address *address) noexcept nogil
    cpdef bint news_of_move(self) noexcept nogil
    cdef bint believes_host(self, const Address *source) noexcept nogil
    cdef bint may_be(self, const Address *source) noexcept nogil
    cdef Verdict judge(
        self, const Address *source, uint32_t ssrc, bint audio, double now
    ) noexcept nogil
    cdef bint _settled(self) noexcept nogil
    cdef bint _changes(self, uint32_t ssrc, double now) noexcept nogil
    cdef bint _stays(self, const Address *source, double now) noexcept nogil
    cdef bint _latches(self, const Address *source, double now) noexcept nogil
