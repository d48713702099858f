"""Statistics of received packets, for compiled callers; reception.pyx says what they are."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from voice.sequence cimport MAX_MISORDER, SequenceTracker

# Packets of one source, or of several
cdef struct Counted:
    int64_t expected
    int64_t received  # duplicates too (RFC 3550 appendix A.3)
    int64_t duplicates
    int64_t gaps


cdef class Reception:
    cdef SequenceTracker _track
    cdef uint32_t _ssrc
    cdef int64_t _sources  # how many there have been
    cdef bint _seen  # the present source was there at the last snapshot
    cdef Counted _present
    cdef Counted _left  # of the source that was there at the last snapshot, if it no longer is
    cdef Counted _passed  # of all sources that came and went between two snapshots
    cdef int _restarts
    cdef int64_t _highest
    # Numbers right below the highest that may still come late: slot `number` modulo MAX_MISORDER
    cdef uint8_t[MAX_MISORDER] _missing
    cdef int _clock_rate
    cdef uint32_t _timestamp
    cdef double _arrival
    cdef double _jitter  # in units of the timestamp
    cdef double _jump  # in units of the timestamp
    cdef double _last_arrival

    # Counts a packet of RTP that has been believed; another SSRC is another source. A clock rate
    # that is not above 0 counts nothing
    cdef void count(
        self,
        uint32_t ssrc,
        uint16_t sequence,
        uint32_t timestamp,
        double arrival,
        int clock_rate,
    ) noexcept nogil
    cdef void _begin(self, uint32_t ssrc, int clock_rate) noexcept nogil
    cdef void _close(self) noexcept nogil
    cdef void _leave_order(self, int64_t number, uint32_t timestamp, double arrival) noexcept nogil
    cdef void _start(self, int64_t number, uint32_t timestamp, double arrival) noexcept nogil
    cdef void _skip_to(self, int64_t number) noexcept nogil
    cdef void _time(self, uint32_t timestamp, double arrival) noexcept nogil
