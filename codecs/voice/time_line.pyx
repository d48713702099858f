"""Our own RTP time line to one receiver: sequence numbers, timestamps, markers. Pure.

Nothing is copied from the source. Where its packets follow each other they follow each other on our
line, by the length of their payloads. Where its clock claims a gap, the gap is believed as far as
the packet's arrival and the missing sequence numbers support it. Where its clock says nothing that
can be true (it has started anew, jumped, or stood still) and the packet comes late, real time has
passed. So a source may count as it likes: the receiver hears it at once, and our timestamps neither
go back nor run ahead of real time by more than was missing.

What keeps them from running ahead in many small steps is the account of the time that was given to
gaps. A packet that comes early after a gap shows that the gap was a stall of the network; that a
packet may come early for another reason is believed only beyond this account.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t

# A packet may come so much later than the most punctual ones for no other reason than jitter.
# Beyond, time has passed if the source's clock says nothing; where that clock says that no time has
# passed it takes more to be sure that the network has not stalled
cdef double PAUSE = 0.1  # seconds
cdef double STALL = 0.2  # seconds

# A gap that the source's clock claims may be longer by so much than what arrival shows; missing
# packets are a better witness, but not for ever: a source may count its packets in twos
cdef double TOLERANCE = 0.01  # seconds
cdef double LOSS_TOLERANCE = 0.2  # seconds

# Timestamps that are read from a real clock waver by less than 1 / WAVER seconds around the payload
cdef enum:
    WAVER = 100

# What counts as punctual follows a source whose clock is slower than ours, or whose path has become
# longer, by so much per window: more than crystals differ by. Fewer packets may all have been late
cdef double WINDOW = 1.0  # seconds
cdef double RISE = 0.005  # seconds
cdef enum:
    WINDOW_PACKETS = 50


cdef class TimeLine:
    """Stamps the frames that go to one receiver, whoever their source is.

    Parameters
    ----------
    sequence, timestamp
        Of the first frame.
    clock_rate
        Of our timestamps, in Hz. May be changed at any time: what follows counts at the new rate.

    Attributes
    ----------
    apart
        Whether the packet placed last does not follow the one before it.
    """

    def __init__(self, uint16_t sequence, uint32_t timestamp, int clock_rate=48000) -> None:
        if clock_rate <= 0:
            raise ValueError(f"a clock of {clock_rate} Hz: more than 0 are needed")
        self.clock_rate = self._ours = clock_rate
        self._sequence = sequence
        self._start = self._end = self._stamped = timestamp
        self._marker = True
        self._track = SequenceTracker()
        self._now = -INFINITY
        self._least = INFINITY

    def stamp(self, int offset, int length) -> tuple[int, int, bool]:
        """Return sequence number, timestamp and marker of a frame of the packet placed last."""
        cdef Stamp stamp
        self.stamp_frame(offset, length, &stamp)
        return stamp.sequence, stamp.timestamp, stamp.marker

    def stamp_late(
        self, uint32_t ssrc, uint16_t sequence, uint32_t timestamp, int clock_rate
    ) -> tuple[int, int, bool] | None:
        """Return the stamp of a packet that others have overtaken, None if it has no place."""
        cdef Stamp stamp
        if not self.place_late(ssrc, sequence, timestamp, clock_rate, &stamp):
            return None
        return stamp.sequence, stamp.timestamp, stamp.marker

    def stamp_extension(self, int length, double now) -> tuple[int, int, bool]:
        """Return the stamp of a frame of ours, such as noise in a pause."""
        cdef Stamp stamp
        self.extend(length, now, &stamp)
        return stamp.sequence, stamp.timestamp, stamp.marker

    def stamp_following(self, int length) -> tuple[int, int, bool]:
        """Return the stamp of the next frame of a steady stream."""
        cdef Stamp stamp
        self.follow(length, &stamp)
        return stamp.sequence, stamp.timestamp, stamp.marker

    def stamp_telephone_event(self) -> tuple[int, int, bool]:
        """Return the stamp of a packet that takes none of the stream's time."""
        cdef Stamp stamp
        self.stamp_event(&stamp)
        return stamp.sequence, stamp.timestamp, stamp.marker

    cpdef int place(
        self,
        uint32_t ssrc,
        uint16_t sequence,
        uint32_t timestamp,
        bint marker,
        int clock_rate,
        int units,
        double now,
    ) noexcept nogil:
        """Place a source's packet; see time_line.pxd.

        Parameters
        ----------
        units
            Length of its payload in units of `clock_rate`, 0 if it is not known.
        now
            Seconds of a clock that never goes back.
        """
        cdef bint fresh = False
        cdef int missing = 0
        cdef int64_t begin = self._end
        cdef double late, length
        if clock_rate <= 0 or not self._follow_source(ssrc, sequence, &fresh, &missing):
            return NOT_PLACED
        self._keep_up(now)
        if clock_rate != self._theirs:
            self._theirs = clock_rate
            self._remainder = 0
            fresh = True
        units = max(units, 0)
        length = units / <double> clock_rate
        late = self._lateness(length, now)
        self._marker |= self._leave_gap(timestamp, marker, missing, late, fresh)
        self._marker |= marker or fresh
        late -= (self._end - begin) / <double> self._ours
        self.apart = fresh or self._filled
        if self.apart and late < 0:
            # Two sources overlap, or a frame of ours was more than the pause had room for
            self._inserted -= late
        self._judge_arrival(late)
        if 0 < missing <= WIDEST_GAP:
            self._sequence += missing
            self._remember_gap(begin, missing, timestamp)
        self.apart = self.apart or self._end > begin
        self._start = self._end
        self._end += self._scale(units)
        self._due += length
        self._timestamp, self._units, self._filled = timestamp, units, False
        return missing

    cdef bint place_late(
        self, uint32_t ssrc, uint16_t sequence, uint32_t timestamp, int clock_rate, Stamp *stamp
    ) noexcept nogil:
        cdef int back = <uint16_t> (<uint16_t> self._last - sequence)
        cdef int place
        cdef int64_t before, distance, span
        cdef Gap *gap
        if not self._known or ssrc != self._ssrc or clock_rate != self._theirs:
            return False
        if not 0 < back <= WIDEST_GAP or self.clock_rate != self._ours:
            return False
        for place in range(GAPS_REMEMBERED):
            gap = &self._gaps[place]
            before = gap.next_number - (self._last - back)
            if not 0 < before <= gap.missing or gap.filled >> (before - 1) & 1:
                continue
            distance = <int32_t> (gap.next_timestamp - timestamp)
            distance = distance * self._ours // self._theirs
            # Its own share of the gap, so that sequence numbers and timestamps agree
            span = gap.end - gap.begin
            if not (before - 1) * span < distance * gap.missing <= before * span:
                return False
            gap.filled |= <uint64_t> 1 << (before - 1)
            stamp.sequence = <uint16_t> (gap.next_sequence - before)
            stamp.timestamp = <uint32_t> (gap.end - distance)
            stamp.marker = False
            return True
        return False

    cdef void stamp_frame(self, int offset, int length, Stamp *stamp) noexcept nogil:
        cdef int64_t begin = max(self._start + offset, self._stamped)
        self._write(begin, stamp)
        self._stamped = begin + max(length, 0)
        if self._stamped > self._end:  # the payload is longer than was known
            self._due += (self._stamped - self._end) / <double> self._ours
            self._end = self._stamped
            self._filled = True

    cdef void extend(self, int length, double now, Stamp *stamp) noexcept nogil:
        cdef double late
        self._keep_up(now)
        late = self._lateness(max(length, 0) / <double> self._ours, now)
        if late > PAUSE:
            self._marker = True
            self._insert(self._real_time(late))
        self.follow(length, stamp)

    cpdef bint is_due(self, int length, double now) noexcept nogil:
        """Say whether real time has come to the end of a frame that follows, or nearly."""
        cdef double seconds = max(length, 0) / <double> self._ours
        if not self._running:
            return True
        return max(now, self._now) - self._due >= seconds / 2

    cdef void follow(self, int length, Stamp *stamp) noexcept nogil:
        self._keep_up(self._now)
        self._write(self._end, stamp)
        self._pass(length)

    cpdef void pass_units(self, int units) noexcept nogil:
        """Let so many units of ours pass without a frame; the next one begins a stretch."""
        self._keep_up(self._now)
        self._pass(units)
        self._marker = True

    cdef void stamp_event(self, Stamp *stamp) noexcept nogil:
        stamp.sequence = <uint16_t> self._sequence
        stamp.timestamp = <uint32_t> self._end
        stamp.marker = False
        self._sequence += 1

    cpdef void pass_over(self, uint32_t ssrc, uint16_t sequence) noexcept nogil:
        """Count a packet that is no audio as one that has come."""
        cdef int64_t number = 0
        if self._known and ssrc == self._ssrc and self._track.track(sequence, &number):
            self._last = max(self._last, number)

    cpdef void change_source(self) noexcept nogil:
        """Take the next packet as the first of another source."""
        self._known = False

    cdef bint _follow_source(
        self, uint32_t ssrc, uint16_t sequence, bint *fresh, int *missing
    ) noexcept nogil:
        """Say whether a packet goes on from the newest; `fresh` if it begins anew."""
        cdef int64_t number = 0
        if not self._known or ssrc != self._ssrc:
            fresh[0] = self._known = True
            self._ssrc = ssrc
            self._track.reset()
            self._restarts = self._track.restarts
        if not self._track.track(sequence, &number):
            return False
        if self._track.restarts != self._restarts:
            self._restarts = self._track.restarts
            fresh[0] = True
        if fresh[0]:
            self._last = number - 1
            self._forget_gaps()
        if number <= self._last:
            return False
        missing[0] = <int> (number - self._last - 1)
        self._last = number
        return True

    cdef void _keep_up(self, double now) noexcept nogil:
        """Take note of the time, and of the receiver's new codec."""
        self._now = max(self._now, now)
        if self.clock_rate != self._ours and self.clock_rate > 0:
            self._ours = self.clock_rate
            self._remainder = 0
            self._marker = True
            self._forget_gaps()

    cdef double _lateness(self, double length, double now) noexcept nogil:
        """Return by how many seconds what ends now is later than if nothing were missing."""
        if not self._running:
            self._running = True
            self._due = self._window = self._now
            self._due -= length
        return self._now - self._due - length

    cdef bint _leave_gap(
        self, uint32_t timestamp, bint marker, int missing, double late, bint fresh
    ) noexcept nogil:
        """Let the time before a packet pass, and say whether it is a pause and no loss alone."""
        cdef bint believed = False
        cdef int64_t gap = 0
        if not fresh and not self._filled:
            gap = self._claimed_gap(timestamp, marker, missing, late, &believed)
        if late - gap / <double> self._theirs > (STALL if believed else PAUSE):
            self._insert(self._real_time(late))
            return True
        self._insert(self._scale(gap))
        return gap > _lost_units(missing, self._units) + self._theirs // WAVER

    cdef int64_t _claimed_gap(
        self, uint32_t timestamp, bint marker, int missing, double late, bint *believed
    ) noexcept nogil:
        """Return the gap before a packet in the source's units, as far as it is supported.

        Not `believed`: the source's clock says nothing about the gap.
        """
        cdef int64_t step = <int32_t> (timestamp - self._timestamp)
        cdef int64_t claim = step - self._units + self._behind
        cdef int64_t lost = _lost_units(missing, self._units)
        cdef double rate = self._theirs, tolerance = LOSS_TOLERANCE
        believed[0] = True
        self._behind = 0
        if not marker and self._units and step == 2 * (self._units + lost):
            claim = lost  # counted at twice the rate, as G.722 by who reads RFC 3551 too quickly
        if claim > lost:
            tolerance = TOLERANCE
        if claim > 0 and claim <= (late + tolerance) * rate:
            return claim
        if claim <= 0 and claim * WAVER > -self._theirs:
            self._behind = claim
            return 0
        if claim > 0 and claim <= (late + PAUSE) * rate and late > 0:
            return <int64_t> (late * rate)
        believed[0] = False
        return lost if lost <= (late + LOSS_TOLERANCE) * rate else 0

    cdef int64_t _real_time(self, double seconds) noexcept nogil:
        return <int64_t> (seconds * self._ours + 0.5)

    cdef void _insert(self, int64_t units) noexcept nogil:
        """Leave a gap of so many units of ours."""
        cdef double seconds = units / <double> self._ours
        self._end += units
        self._due += seconds
        self._inserted += seconds

    cdef void _pass(self, int units) noexcept nogil:
        """Let the time of frames of ours pass."""
        units = max(units, 0)
        self._end += units
        self._stamped = self._end
        self._due += units / <double> self._ours
        self._filled = True

    cdef int64_t _scale(self, int64_t units) noexcept nogil:
        """Return what so many units of the source's are in ours; what is cut off comes later."""
        cdef int64_t total = units * self._ours + self._remainder
        self._remainder = total % self._theirs
        return total // self._theirs

    cdef void _judge_arrival(self, double late) noexcept nogil:
        """Learn from a packet's arrival what is punctual."""
        cdef double back, rise
        if late < 0:
            back = min(-late, self._raised)
            self._raised -= back
            self._due -= back + max(0.0, -late - back - self._inserted)
        self._least = min(self._least, late)
        self._judged += 1
        if self._judged >= WINDOW_PACKETS and self._now - self._window >= WINDOW:
            rise = min(max(self._least, 0.0), RISE)
            self._due += rise
            self._raised += rise
            self._window, self._judged = self._now, 0
            self._least = INFINITY

    cdef void _remember_gap(self, int64_t begin, int missing, uint32_t timestamp) noexcept nogil:
        cdef Gap *gap = &self._gaps[self._next_gap]
        self._next_gap = (self._next_gap + 1) % GAPS_REMEMBERED
        gap.next_number, gap.missing, gap.filled = self._last, missing, 0
        gap.begin, gap.end = begin, self._end
        gap.next_sequence = self._sequence
        gap.next_timestamp = timestamp

    cdef void _forget_gaps(self) noexcept nogil:
        cdef int place
        for place in range(GAPS_REMEMBERED):
            self._gaps[place].missing = 0

    cdef void _write(self, int64_t timestamp, Stamp *stamp) noexcept nogil:
        """Write the next frame's stamp."""
        stamp.sequence = <uint16_t> self._sequence
        stamp.timestamp = <uint32_t> timestamp
        stamp.marker = self._marker
        self._sequence += 1
        self._marker = False


cdef int64_t _lost_units(int missing, int units) noexcept nogil:
    """Return how long so many missing packets are if they were like their neighbor."""
    return <int64_t> missing * units if missing <= WIDEST_GAP else 0
