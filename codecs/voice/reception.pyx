"""Statistics of received packets as their receiver keeps them (RFC 3550 section 6.4.1). Pure.

`Reception.count` runs for every packet of every call, and needs no interpreter: it is a handful of
integer steps where a packet follows its predecessor; whatever else may happen has a way of its own.
What is asked for every few seconds (intervals, report blocks) `reception_report` computes from
snapshots.
"""

from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t
from libc.string cimport memset

from typing import NamedTuple

# Packets that come further apart, or closer, than their timestamps say by so much: the source has
# set its clock anew, or paused it. That says nothing of the network
cdef double CLOCK_JUMP = 3.0  # seconds


class SourceCounts(NamedTuple):
    """Packets of one source, or sums over several.

    `expected` is how many were sent, as far as the numbers tell; `received` counts duplicates too
    (RFC 3550 appendix A.3); `gaps` are the stretches of numbers that were passed over, be it that
    their packets came late.
    """

    expected: int = 0
    received: int = 0
    duplicates: int = 0
    gaps: int = 0

    @property
    def unique(self) -> int:
        """Packets that came, each counted once."""
        return self.received - self.duplicates


class ReceptionSnapshot(NamedTuple):
    """What a `Reception` has counted by now.

    Attributes
    ----------
    ssrc
        Of the present source; None before the first packet.
    sources
        How many there have been: it changes whenever the present one is another.
    clock_rate
        Hz of the timestamps; 0 before the first packet.
    present
        Counts of the present source.
    left
        Final counts of the source that the snapshot before this one had as its present one; of use
        only where `sources` has changed.
    passed
        Sums over all sources that came and went between two snapshots. Each of them adds to `gaps`
        no more than it has lost.
    jitter
        Interarrival jitter in units of the timestamp (RFC 3550 appendix A.8).
    highest
        The highest sequence number that came, extended; 0 before the first packet.
    arrival
        When the last packet was counted, in seconds of the caller's clock; -inf if none ever was.
    """

    ssrc: int | None = None
    sources: int = 0
    clock_rate: int = 0
    present: SourceCounts = SourceCounts()
    left: SourceCounts = SourceCounts()
    passed: SourceCounts = SourceCounts()
    jitter: float = 0.0
    highest: int = 0
    arrival: float = float("-inf")

    @property
    def jitter_seconds(self) -> float:
        """Interarrival jitter in seconds."""
        return self.jitter / self.clock_rate if self.clock_rate else 0.0


cdef class Reception:
    """Counts what a leg's packets tell: loss, reordering, jitter.

    A packet is believed as `SequenceTracker` believes it, and a source that starts anew goes on
    counting. Another SSRC is another source: it is counted from nothing. Another clock rate is the
    same source (RFC 7160): its jitter keeps its seconds.
    """

    def __cinit__(self) -> None:
        self._track = SequenceTracker()
        self._last_arrival = -INFINITY

    def update(
        self, ssrc: int, sequence: int, timestamp: int, arrival: float, clock_rate: int
    ) -> None:
        """Count a packet: what its header says, and when it came in seconds.

        Raises
        ------
        ValueError
            A clock rate that is not above 0.
        OverflowError
            A field of the header that has more bits than RTP's.
        """
        if clock_rate <= 0:
            raise ValueError(f"clock rate {clock_rate}: it is in Hz, and above 0")
        self.count(ssrc, sequence, timestamp, arrival, clock_rate)

    def snapshot(self) -> ReceptionSnapshot:
        """Return what has been counted by now.

        Snapshots are to be compared one after the other: `left` and `passed` say what happened
        since the last call of this method.
        """
        self._seen = self._sources > 0
        return ReceptionSnapshot(
            self._ssrc if self._sources else None,
            self._sources,
            self._clock_rate,
            _counts(self._present),
            _counts(self._left),
            _counts(self._passed),
            self._jitter,
            self._highest,
            self._last_arrival,
        )

    cdef void count(
        self,
        uint32_t ssrc,
        uint16_t sequence,
        uint32_t timestamp,
        double arrival,
        int clock_rate,
    ) noexcept nogil:
        cdef int64_t number
        if clock_rate <= 0:
            return
        if ssrc != self._ssrc or not self._sources:
            self._begin(ssrc, clock_rate)
        elif clock_rate != self._clock_rate:
            self._jitter *= <double>clock_rate / self._clock_rate
            self._clock_rate = clock_rate
            # The timestamps of two clocks have no distance: the next packet begins a new row
            self._jump = 0.0
        self._last_arrival = arrival
        if not self._track.track(sequence, &number):
            return
        self._present.received += 1
        if self._present.expected and number == self._highest + 1:
            self._highest = number
            self._present.expected += 1
            self._missing[_slot(number)] = False
        else:
            self._leave_order(number, timestamp, arrival)
        # Packets of one time, such as those of a telephone event, are not sent at that time
        if timestamp != self._timestamp:
            self._time(timestamp, arrival)

    cdef void _begin(self, uint32_t ssrc, int clock_rate) noexcept nogil:
        """Begins to count a source, with no history."""
        if self._sources:
            self._close()
        self._sources += 1
        self._ssrc = ssrc
        self._seen = False
        self._track.reset()
        self._restarts = 0
        self._present = Counted(0, 0, 0, 0)
        self._clock_rate = clock_rate
        self._jitter = 0.0

    cdef void _close(self) noexcept nogil:
        """Keeps what the present source has counted, now that it is another's turn."""
        cdef int64_t lost
        if self._seen:
            self._left = self._present
            return
        lost = self._present.expected - self._present.received + self._present.duplicates
        self._passed.expected += self._present.expected
        self._passed.received += self._present.received
        self._passed.duplicates += self._present.duplicates
        self._passed.gaps += min(self._present.gaps, lost)

    cdef void _leave_order(self, int64_t number, uint32_t timestamp, double arrival) noexcept nogil:
        """Takes the first packet, or one that starts anew, follows a gap, is late, or a second."""
        if not self._present.expected or self._track.restarts != self._restarts:
            self._start(number, timestamp, arrival)
        elif number > self._highest:
            self._skip_to(number)
        elif self._missing[_slot(number)]:
            self._missing[_slot(number)] = False
        else:
            self._present.duplicates += 1

    cdef void _start(self, int64_t number, uint32_t timestamp, double arrival) noexcept nogil:
        """Begins a row of numbers and times. What a restart passes over was never sent."""
        self._restarts = self._track.restarts
        self._highest = number
        self._present.expected += 1
        memset(self._missing, 0, sizeof(self._missing))
        self._timestamp = timestamp
        self._arrival = arrival
        self._jump = CLOCK_JUMP * self._clock_rate

    cdef void _skip_to(self, int64_t number) noexcept nogil:
        """Takes the first packet after a gap. Later than MAX_MISORDER nothing is believed."""
        cdef int64_t lost
        self._present.gaps += 1
        self._present.expected += number - self._highest
        for lost in range(max(self._highest, number - MAX_MISORDER) + 1, number):
            self._missing[_slot(lost)] = True
        self._missing[_slot(number)] = False
        self._highest = number

    cdef void _time(self, uint32_t timestamp, double arrival) noexcept nogil:
        """Smooths the jitter (RFC 3550 appendix A.8)."""
        cdef int32_t step = <int32_t>(timestamp - self._timestamp)
        cdef double late = fabs((arrival - self._arrival) * self._clock_rate - step)
        self._timestamp = timestamp
        self._arrival = arrival
        if late < self._jump:
            self._jitter += (late - self._jitter) / 16
        else:
            self._jump = CLOCK_JUMP * self._clock_rate


cdef inline int _slot(int64_t number) noexcept nogil:
    cdef int place = <int>(number % MAX_MISORDER)
    return place if place >= 0 else place + MAX_MISORDER  # a late one may be from before number 0


cdef object _counts(Counted counted):
    return SourceCounts(counted.expected, counted.received, counted.duplicates, counted.gaps)
