"""Statistics of one source's packets as its receiver keeps them (RFC 3550 section 6.4.1). Pure.

`Reception.update` runs for every packet of every call, so it is a handful of integer steps where a
packet follows its predecessor; whatever else may happen has a way of its own.
"""

from __future__ import annotations

from typing import NamedTuple

from voice.rtcp import ReportBlock
from voice.sequence import MAX_MISORDER, SequenceTracker

_WORD = 0xFFFFFFFF
_HALF = 1 << 31
_LOST_MOST, _LOST_LEAST = 0x7FFFFF, -0x800000  # 24 bits with a sign

# Packets that come further apart, or closer, than their timestamps say by so much: the source has
# set its clock anew, or paused it. That says nothing of the network
_CLOCK_JUMP = 3.0  # seconds

# Two clocks that tick 1/65536 s, each rounded: a round trip of nothing may look like less
_ROUNDING = 0.001  # seconds


class Interval(NamedTuple):
    """What came since the last look: packets, each counted once.

    `gaps` are the stretches of lost packets; `jitter` in seconds, smoothed as RFC 3550 has it.
    """

    received: int
    lost: int
    gaps: int
    jitter: float

    @property
    def loss(self) -> float:
        """Share of the packets that did not come, 0 to 1."""
        return self.lost / (self.received + self.lost) if self.lost else 0.0

    @property
    def burst_ratio(self) -> float:
        """Mean length of a gap over the one that random loss has, at least 1 (ITU-T G.107)."""
        if not self.gaps:
            return 1.0
        return max(1.0, self.lost / self.gaps * (1.0 - self.loss))


class Reception:
    """Counts what one source's packets tell: loss, reordering, jitter.

    A packet is believed as `SequenceTracker` believes it, and a source that starts anew goes on
    counting. Times are seconds of the caller's clock.

    Parameters
    ----------
    clock_rate
        Hz of the timestamps.
    ssrc
        Whose packets these are, for the report.

    Attributes
    ----------
    duplicates
        Packets that had come already.
    """

    __slots__ = (
        "_arrival",
        "_block_expected",
        "_block_received",
        "_clock_rate",
        "_first",
        "_gaps",
        "_highest",
        "_interval_expected",
        "_interval_unique",
        "_jitter",
        "_jump",
        "_missing",
        "_received",
        "_report_arrival",
        "_report_middle",
        "_restarts",
        "_timestamp",
        "_track",
        "duplicates",
        "ssrc",
    )

    def __init__(self, clock_rate: int, ssrc: int = 0) -> None:
        _check_clock_rate(clock_rate)
        self.ssrc = ssrc
        self.duplicates = 0
        self._track = SequenceTracker()
        self._restarts = 0
        self._received = 0  # duplicates too (RFC 3550 appendix A.3)
        self._first: int | None = None  # moved up by what a restart passes over
        self._highest = -(1 << 32)  # below whatever is first, and not right below
        self._missing: set[int] = set()  # may still come late
        self._gaps = 0
        self._timestamp = 0
        self._arrival = 0.0
        self._jitter = 0.0  # in units of the timestamp
        self._block_expected = self._block_received = 0
        self._interval_expected = self._interval_unique = 0
        self._report_middle = 0
        self._report_arrival = 0.0
        self._clock_rate = clock_rate
        self._jump = 0.0  # in units of the timestamp

    def retime(self, clock_rate: int) -> None:
        """Go on with timestamps of another clock rate (RFC 7160); the jitter keeps its seconds."""
        _check_clock_rate(clock_rate)
        self._jitter *= clock_rate / self._clock_rate
        self._clock_rate = clock_rate
        # The timestamps of two clocks have no distance: the next packet begins a new row
        self._jump = 0.0

    @property
    def expected(self) -> int:
        """Packets that the source has sent, as far as the numbers tell."""
        return 0 if self._first is None else self._highest - self._first + 1

    @property
    def received(self) -> int:
        """Packets that came, duplicates too."""
        return self._received

    @property
    def jitter(self) -> float:
        """Interarrival jitter in seconds (RFC 3550 appendix A.8)."""
        return self._jitter / self._clock_rate

    def update(self, sequence: int, timestamp: int, arrival: float) -> None:
        """Count a packet: what its header says, and when it came in seconds."""
        number = self._track(sequence)
        if number is None:
            return
        self._received += 1
        if number == self._highest + 1:
            self._highest = number
        else:
            self._leave_order(number, timestamp, arrival)
        # Packets of one time, such as those of a telephone event, are not sent at that time
        if timestamp != self._timestamp:
            step = (timestamp - self._timestamp + _HALF & _WORD) - _HALF
            late = abs((arrival - self._arrival) * self._clock_rate - step)
            self._timestamp = timestamp
            self._arrival = arrival
            if late < self._jump:
                self._jitter += (late - self._jitter) / 16
            else:
                self._jump = _CLOCK_JUMP * self._clock_rate

    def _leave_order(self, number: int, timestamp: int, arrival: float) -> None:
        """Take the first packet, one that starts anew, one after a gap, a late one, or a second."""
        highest = self._highest
        if self._first is None or self._track.restarts != self._restarts:
            passed = 0 if self._first is None else number - highest - 1
            self._first = number if self._first is None else self._first + passed
            self._restarts = self._track.restarts
            self._timestamp = timestamp
            self._arrival = arrival
            self._jump = _CLOCK_JUMP * self._clock_rate
            self._highest = number
        elif number > highest:
            self._gaps += 1
            # Later than MAX_MISORDER is not believed, so that no gap fills the memory
            oldest = number - MAX_MISORDER
            self._missing = {lost for lost in self._missing if lost > oldest}
            self._missing.update(range(max(highest, oldest) + 1, number))
            self._highest = number
        elif number in self._missing:
            self._missing.discard(number)
        else:
            self.duplicates += 1

    def hear_report(self, ntp_middle: int, arrival: float) -> None:
        """Remember the source's sender report, to say in ours when it came (LSR, DLSR)."""
        self._report_middle = ntp_middle
        self._report_arrival = arrival

    def report_block(self, now: float) -> ReportBlock:
        """Return what to tell the source; its fraction is of the time since the last block."""
        expected, received = self.expected, self._received
        due = expected - self._block_expected
        lost = due - (received - self._block_received)
        self._block_expected, self._block_received = expected, received
        delay = 0
        if self._report_middle:
            delay = min(max(0, int((now - self._report_arrival) * 65536)), _WORD)
        return ReportBlock(
            self.ssrc,
            # Never all of 256: no packet is due before one has come
            lost * 256 // due if due > 0 and lost > 0 else 0,
            min(max(expected - received, _LOST_LEAST), _LOST_MOST),
            self._highest & _WORD if expected else 0,
            min(int(self._jitter), _WORD),
            self._report_middle,
            delay,
        )

    def interval(self) -> Interval:
        """Return what has come since this was called last.

        A packet that comes after the interval it was lost in does not make up for it: by then it is
        too late to be played.
        """
        unique = self._received - self.duplicates
        expected = self.expected
        received = unique - self._interval_unique
        lost = max(0, expected - self._interval_expected - received)
        gaps = self._gaps
        self._interval_unique, self._interval_expected, self._gaps = unique, expected, 0
        return Interval(received, lost, min(gaps, lost), self.jitter)


def _check_clock_rate(clock_rate: int) -> None:
    if clock_rate <= 0:
        raise ValueError(f"clock rate {clock_rate}: it is in Hz, and above 0")


def round_trip(block: ReportBlock, now_middle: int) -> float | None:
    """Return the round-trip time in seconds that a report block of ours tells (section 6.4.1).

    Parameters
    ----------
    block
        What the far end says of our stream.
    now_middle
        When it came: the middle 32 bits of the NTP time of the clock that our reports are sent by.

    Returns
    -------
    float or None
        None if the far end has seen no report of ours, or claims to have held it for longer than it
        can have had it.
    """
    if not block.last_report:
        return None
    ticks = (now_middle - block.last_report - block.delay + _HALF & _WORD) - _HALF
    seconds = ticks / 65536
    return None if seconds < -_ROUNDING else max(0.0, seconds)
