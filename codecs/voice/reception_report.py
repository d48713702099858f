"""What a receiver says of its packets: intervals, and report blocks (RFC 3550 section 6.4.1). Pure.

Packets are counted elsewhere, without Python; here is what one computes every few seconds from the
snapshots that the counting hands over.
"""

from __future__ import annotations

from typing import NamedTuple

from voice.reception import ReceptionSnapshot, SourceCounts
from voice.rtcp import ReportBlock

_WORD = 0xFFFFFFFF
_HALF = 1 << 31
_LOST_MOST, _LOST_LEAST = 0x7FFFFF, -0x800000  # 24 bits with a sign

_NONE = SourceCounts()

# Two clocks that count 1/65536 s, each rounded: a round trip of nothing may look like less
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


class ReceptionReports:
    """Intervals and report blocks of one `Reception`, from all of its snapshots.

    Another source is another count: its report blocks know nothing of the one before. Intervals go
    over all sources.

    Attributes
    ----------
    snapshot
        The latest.
    """

    __slots__ = (
        "_block_counts",
        "_carried",
        "_interval_counts",
        "_pending",
        "_sender_report",
        "snapshot",
    )

    def __init__(self) -> None:
        self.snapshot = ReceptionSnapshot()
        self._block_counts = _NONE  # at the last block
        self._interval_counts = _NONE  # at the last interval's end
        self._carried = (0, 0, 0)  # of sources that went since
        # Middle of the NTP time of the source's last report, and when it came
        self._sender_report = (0, 0.0)
        self._pending: tuple[int, int, float] | None = None  # with its SSRC, of another source

    def update(self, snapshot: ReceptionSnapshot) -> None:
        """Take the next snapshot; none may be left out."""
        before, self.snapshot = self.snapshot, snapshot
        if snapshot.sources == before.sources:
            return
        if before.sources:
            self._carry(self._interval_counts, snapshot.left)
        self._carry(before.passed, snapshot.passed)
        self._block_counts = self._interval_counts = _NONE
        self._sender_report = (0, 0.0)
        if self._pending is not None and self._pending[0] == snapshot.ssrc:  # its report was first
            self._sender_report = self._pending[1:]

    def _carry(self, before: SourceCounts, after: SourceCounts) -> None:
        received, lost, gaps = self._carried
        more = _difference(before, after)
        self._carried = received + more[0], lost + more[1], gaps + more[2]

    def hear_report(self, ssrc: int, ntp_middle: int, arrival: float) -> None:
        """Remember a source's sender report, to say in ours when it came (LSR, DLSR)."""
        if ssrc == self.snapshot.ssrc:
            self._sender_report = (ntp_middle, arrival)
        else:
            self._pending = (ssrc, ntp_middle, arrival)

    def report_block(self, now: float) -> ReportBlock:
        """Return what to tell the source; its fraction is of the time since the last block."""
        snapshot, counts, before = self.snapshot, self.snapshot.present, self._block_counts
        due = counts.expected - before.expected
        lost = due - (counts.received - before.received)
        self._block_counts = counts
        middle, arrival = self._sender_report
        return ReportBlock(
            snapshot.ssrc or 0,
            # Never all of 256: no packet is due before one has come
            lost * 256 // due if due > 0 and lost > 0 else 0,
            min(max(counts.expected - counts.received, _LOST_LEAST), _LOST_MOST),
            snapshot.highest & _WORD,
            min(int(snapshot.jitter), _WORD),
            middle,
            min(max(0, int((now - arrival) * 65536)), _WORD) if middle else 0,
        )

    def interval(self) -> Interval:
        """Return what has come since this was called last, from whatever source.

        A packet that comes after the interval it was lost in does not make up for it: by then it is
        too late to be played.
        """
        self._carry(self._interval_counts, self.snapshot.present)
        heard = Interval(*self._carried, self.snapshot.jitter_seconds)
        self._interval_counts = self.snapshot.present
        self._carried = (0, 0, 0)
        return heard


def _difference(before: SourceCounts, after: SourceCounts) -> tuple[int, int, int]:
    """Return (received, lost, gaps) of the time between, each packet counted once."""
    received = after.unique - before.unique
    lost = max(0, after.expected - before.expected - received)
    return received, lost, min(after.gaps - before.gaps, lost)


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
    passed = (now_middle - block.last_report - block.delay + _HALF & _WORD) - _HALF
    seconds = passed / 65536
    return None if seconds < -_ROUNDING else max(0.0, seconds)
