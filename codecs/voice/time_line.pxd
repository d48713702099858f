"""Our own RTP time line to one receiver, for compiled callers; time_line.pyx says how."""

cimport cython
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from voice.sequence cimport SequenceTracker

cdef struct Stamp:
    uint16_t sequence
    uint32_t timestamp
    bint marker

cpdef enum:
    NOT_PLACED = -1  # late, a duplicate, or not believed: to be counted as late and dropped
    # More lost packets in a row than this are a new start, not a gap that the receiver should
    # conceal; a packet that is late by more has no place any more
    WIDEST_GAP = 50

cdef enum:
    GAPS_REMEMBERED = 16

# Packets of the source that were missing when the one after them was placed
cdef struct Gap:
    int64_t next_number  # of the source's packet after the gap, unwrapped
    int missing  # packets
    uint64_t filled  # bit n: the packet n + 1 before the next one has come
    int64_t next_sequence  # ours
    int64_t begin, end  # ours, in timestamp units
    uint32_t next_timestamp  # the source's


@cython.final
cdef class TimeLine:
    cdef public int clock_rate  # Hz of our timestamps
    # The packet placed last does not follow the one before it: what is left of that is dropped
    cdef readonly bint apart
    # Ours: the next number, the source's newest packet's begin, and where that and all stamped ends
    cdef int64_t _sequence, _start, _end, _stamped
    cdef int64_t _remainder  # of what was scaled, in units of ours times the source's rate
    cdef bint _marker  # the next frame gets one
    # The source
    cdef SequenceTracker _track
    cdef bint _known
    cdef uint32_t _ssrc
    cdef int _restarts
    cdef int64_t _last  # number of its newest packet, unwrapped
    cdef uint32_t _timestamp
    cdef int _units
    cdef int64_t _behind  # by how much its timestamps have stepped back a little; not positive
    cdef int _ours, _theirs  # Hz of both clocks
    cdef bint _filled  # frames of ours have come after the source's newest packet
    cdef Gap[GAPS_REMEMBERED] _gaps
    cdef int _next_gap
    # Arrival, in seconds
    cdef bint _running
    cdef double _now
    cdef double _due  # when a packet that ends where the line ends comes with the least transit
    cdef double _inserted  # time that was given to gaps, and so may have been too much
    cdef double _raised  # by how much `_due` has followed packets that came later
    cdef double _least, _window  # lateness of the most punctual packet since a while ago
    cdef int _judged  # packets in that while

    # Places a source's packet on our time line. Returns how many packets are missing before it, or
    # NOT_PLACED. `units` is how long its payload is, in the codec's own clock rate, whatever the
    # source's timestamps say; 0 if that is not known. Stamps of its frames are asked for after it.
    cpdef int place(
        self,
        uint32_t ssrc,
        uint16_t sequence,
        uint32_t timestamp,
        bint marker,
        int clock_rate,
        int units,
        double now,
    ) noexcept nogil
    # The stamp of a packet that was NOT_PLACED because others came before it, and that is sent
    # whole; False if it has no place any more, or never had one
    cdef bint place_late(
        self, uint32_t ssrc, uint16_t sequence, uint32_t timestamp, int clock_rate, Stamp *stamp
    ) noexcept nogil
    # The stamp of a frame `length` units of ours long that begins `offset` units of ours after the
    # beginning of the packet placed last (before it, if negative)
    cdef void stamp_frame(self, int offset, int length, Stamp *stamp) noexcept nogil
    # The stamp of a frame that follows the newest one without a source's packet
    cdef void extend(self, int length, double now, Stamp *stamp) noexcept nogil
    # Whether real time has come to the end of such a frame, so that it fills a pause and no more
    cpdef bint is_due(self, int length, double now) noexcept nogil
    # The same as `extend` for a stream that is all ours and steady: nothing but frames is its clock
    cdef void follow(self, int length, Stamp *stamp) noexcept nogil
    # Such a stream's time passes without a frame
    cpdef void pass_units(self, int units) noexcept nogil
    # A telephone event of ours: it has a number in the stream, and takes none of its time
    cdef void stamp_event(self, Stamp *stamp) noexcept nogil
    # A packet that is no audio (a telephone event) has a number in the stream, too
    cpdef void pass_over(self, uint32_t ssrc, uint16_t sequence) noexcept nogil
    # Another leg is the source from now on: the stream goes on after what time passed
    cpdef void change_source(self) noexcept nogil

    cdef bint _follow_source(
        self, uint32_t ssrc, uint16_t sequence, bint *fresh, int *missing
    ) noexcept nogil
    cdef double _lateness(self, double length, double now) noexcept nogil
    cdef void _keep_up(self, double now) noexcept nogil
    cdef bint _leave_gap(
        self, uint32_t timestamp, bint marker, int missing, double late, bint fresh
    ) noexcept nogil
    cdef int64_t _claimed_gap(
        self, uint32_t timestamp, bint marker, int missing, double late, bint *believed
    ) noexcept nogil
    cdef int64_t _real_time(self, double seconds) noexcept nogil
    cdef void _insert(self, int64_t units) noexcept nogil
    cdef void _pass(self, int units) noexcept nogil
    cdef int64_t _scale(self, int64_t units) noexcept nogil
    cdef void _judge_arrival(self, double late) noexcept nogil
    cdef void _remember_gap(self, int64_t begin, int missing, uint32_t timestamp) noexcept nogil
    cdef void _forget_gaps(self) noexcept nogil
    cdef void _write(self, int64_t timestamp, Stamp *stamp) noexcept nogil
