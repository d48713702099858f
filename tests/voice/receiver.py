"""One source's packets, counted and reported on: a snapshot is taken at every look."""

from __future__ import annotations

from voice.reception import Reception, ReceptionSnapshot
from voice.reception_report import Interval, ReceptionReports
from voice.rtcp import ReportBlock

FRAME = 0.02  # seconds


class Receiver:
    """What a leg has of its reception: the counting, and the reports made of snapshots."""

    def __init__(self, clock_rate: int = 8000, ssrc: int = 7) -> None:
        self.clock_rate = clock_rate
        self.ssrc = ssrc
        self.reception = Reception()
        self.reports = ReceptionReports()

    def update(self, sequence: int, timestamp: int, arrival: float) -> None:
        self.reception.update(self.ssrc, sequence, timestamp, arrival, self.clock_rate)

    def play(self, numbers: list[int] | range, *, start: float = 0.0, timestamp: int = 0) -> None:
        """Take packets by endless number, each at its own time but in the order given."""
        for number in numbers:
            passed = number - numbers[0]
            stamp = timestamp + passed * self.clock_rate // 50
            self.update(number & 0xFFFF, stamp & 0xFFFFFFFF, start + FRAME * passed)

    def snapshot(self) -> ReceptionSnapshot:
        snapshot = self.reception.snapshot()
        self.reports.update(snapshot)
        return snapshot

    def interval(self) -> Interval:
        self.snapshot()
        return self.reports.interval()

    def report_block(self, now: float) -> ReportBlock:
        self.snapshot()
        return self.reports.report_block(now)
